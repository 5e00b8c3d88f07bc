# Every kernel source is compiled once per instruction set, its symbols suffixed with the set's name
# (see src/kernels/isa.h); src/kernels/dispatch/ is compiled once and chooses a table at start.
# -DMX_ISAS="baseline;avx2" builds fewer sets, for a quicker turn while developing.
file(GLOB KERNEL_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/kernels/*.c)
file(GLOB DISPATCH_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/kernels/dispatch/*.c)

set(ISA_FLAGS_baseline "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(ALL_ISAS baseline avx2 avx512 avx512vnni)
  set(ISA_FLAGS_avx2 -mavx2 -mfma -mf16c -mbmi2)
  set(ISA_FLAGS_avx512 ${ISA_FLAGS_avx2} -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512cd
      -mprefer-vector-width=512)
  set(ISA_FLAGS_avx512vnni ${ISA_FLAGS_avx512} -mavx512vnni -mavx512bf16)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set(ALL_ISAS baseline neon)
  set(ISA_FLAGS_neon -march=armv8.2-a+dotprod+fp16)
else()
  set(ALL_ISAS baseline)
endif()
set(MX_ISAS "${ALL_ISAS}" CACHE STRING "Instruction sets to build kernels for; baseline is required")

# The kernels of a set as the objects `target`; further arguments are options.
function(kernel_set target isa)
  add_library(${target} OBJECT ${KERNEL_SOURCES})
  target_compile_definitions(${target} PRIVATE MX_ISA=${isa} MX_ISA_${isa}=1)
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
