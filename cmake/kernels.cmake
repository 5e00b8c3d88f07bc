# Every kernel source is compiled once per instruction set, its symbols suffixed with the set's name
# (see src/kernels/isa.h); src/kernels/dispatch/ is compiled once and chooses a table at start.
# -DMX_ISAS="baseline;avx2" builds fewer sets, for a quicker turn while developing.
file(GLOB DISPATCH_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/kernels/dispatch/*.c)

set(ISA_FLAGS_baseline "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(ALL_ISAS baseline avx2 avx512 avx512vnni avx512bf16)
  set(ISA_FLAGS_avx2 -mavx2 -mfma -mf16c -mbmi2)
  set(ISA_FLAGS_avx512 ${ISA_FLAGS_avx2} -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512cd
      -mprefer-vector-width=512)
  # VNNI serves the quantised products alone: what else that set has is AVX-512's.
  set(ISA_FLAGS_avx512vnni ${ISA_FLAGS_avx512} -mavx512vnni)
  set(ISA_FAMILY_avx512vnni qmm)
  set(ISA_LENDER_avx512vnni avx512)
  set(ISA_FLAGS_avx512bf16 ${ISA_FLAGS_avx512vnni} -mavx512bf16)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set(ALL_ISAS baseline neon)
  set(ISA_FLAGS_neon -march=armv8.2-a+dotprod+fp16)
else()
  set(ALL_ISAS baseline)
endif()
set(MX_ISAS "${ALL_ISAS}" CACHE STRING "Instruction sets to build kernels for; baseline is required")

foreach(isa ${MX_ISAS})
  set(lender ${ISA_LENDER_${isa}})
  if(NOT isa IN_LIST ALL_ISAS)
    message(FATAL_ERROR "MX_ISAS: ${isa} is none of ${ALL_ISAS}")
  elseif(lender AND NOT lender IN_LIST MX_ISAS)
    message(FATAL_ERROR "MX_ISAS: ${isa} takes most kernels from ${lender}, which must be named too")
  endif()
endforeach()

# The kernels of a set as the objects `target`; further arguments are options. A set with a lender
# compiles one family of sources alone; its table names the lender's kernels for the rest.
function(kernel_set target isa)
  set(room ${CMAKE_SOURCE_DIR}/src/kernels)
  set(family ${ISA_FAMILY_${isa}})
  file(GLOB sources CONFIGURE_DEPENDS ${room}/${family}*.c)
  set(definitions MX_ISA=${isa} MX_ISA_${isa}=1)
  if(family)
    string(TOUPPER MX_KERNELS_${family} list)
    list(APPEND sources ${room}/table.c)
    list(APPEND definitions MX_LENDER=${ISA_LENDER_${isa}} MX_OWN_KERNELS=${list})
  endif()
  add_library(${target} OBJECT ${sources})
  target_compile_definitions(${target} PRIVATE ${definitions})
  # Integer arithmetic wraps, as the operations promise.
  target_compile_options(${target} PRIVATE ${ARGN} -fwrapv $<$<CONFIG:Release>:-O3>)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/include)
endfunction()

set(KERNEL_OBJECTS)
set(KERNEL_SETS_BUILT)
foreach(isa ${MX_ISAS})
  kernel_set(kernels_${isa} ${isa} ${ISA_FLAGS_${isa}})
  list(APPEND KERNEL_OBJECTS $<TARGET_OBJECTS:kernels_${isa}>)
  list(APPEND KERNEL_SETS_BUILT MX_HAS_${isa}=1)
endforeach()
add_library(dispatch OBJECT ${DISPATCH_SOURCES})
target_compile_definitions(dispatch PRIVATE ${KERNEL_SETS_BUILT})
target_include_directories(dispatch PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/include)
list(APPEND KERNEL_OBJECTS $<TARGET_OBJECTS:dispatch>)
