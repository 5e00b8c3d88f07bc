# libmlxc: the framework.  libmlx_lm: language models over its public headers.  mlx_lm: the program.
function(room out)
  set(sources)
  foreach(dir ${ARGN})
    file(GLOB_RECURSE found CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${dir}/*.c)
    list(APPEND sources ${found})
  endforeach()
  set(${out} ${sources} PARENT_SCOPE)
endfunction()

room(CORE_SOURCES src/base src/memory src/drivers src/array src/eval src/ops src/transforms src/io src/capi)
add_library(core_objects OBJECT ${CORE_SOURCES})
target_include_directories(core_objects PRIVATE src include)
target_compile_definitions(core_objects PRIVATE MX_VERSION="${PROJECT_VERSION}")
target_link_libraries(core_objects PRIVATE PkgConfig::JANSSON)

# The mlx-c face exports what it defines: its headers carry no attributes, as mlx-c's do not.
file(GLOB CAPI_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/capi/*.c)
set_source_files_properties(${CAPI_SOURCES} PROPERTIES COMPILE_OPTIONS -fvisibility=default)

foreach(kind SHARED STATIC)
  string(TOLOWER mlxc_${kind} target)
  add_library(${target} ${kind} $<TARGET_OBJECTS:core_objects> ${KERNEL_OBJECTS})
  set_target_properties(${target} PROPERTIES OUTPUT_NAME mlxc VERSION ${PROJECT_VERSION} SOVERSION 0)
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include>
                             $<INSTALL_INTERFACE:include>)
  target_link_libraries(${target} PUBLIC Threads::Threads m dl PRIVATE PkgConfig::JANSSON)
endforeach()

# Its threads sleep until the process ends, so a library that a program loaded and closed must stay.
target_link_options(mlxc_shared PRIVATE -Wl,-z,nodelete)

# The language-model library sees the core through its public headers; of src/ it uses base alone
# (strings, vectors, maps), of which its shared build holds a copy of its own.
room(LM_SOURCES src/lm src/train)
if(LM_SOURCES)
  add_library(lm_objects OBJECT ${LM_SOURCES})
  target_include_directories(lm_objects PRIVATE src include)
  target_link_libraries(lm_objects PRIVATE PkgConfig::JANSSON PkgConfig::PCRE2 PkgConfig::UTF8PROC
                        PkgConfig::CURL)
  set(LM_BASE src/base/str.c src/base/map.c src/base/alloc.c src/base/file.c)
  add_library(mlx_lm_shared SHARED $<TARGET_OBJECTS:lm_objects> ${LM_BASE})
  target_include_directories(mlx_lm_shared PRIVATE src)
  target_link_libraries(mlx_lm_shared PUBLIC mlxc_shared)
  add_library(mlx_lm_static STATIC $<TARGET_OBJECTS:lm_objects>)
  target_link_libraries(mlx_lm_static PUBLIC mlxc_static)
  foreach(target mlx_lm_shared mlx_lm_static)
    set_target_properties(${target} PROPERTIES OUTPUT_NAME mlx_lm VERSION ${PROJECT_VERSION} SOVERSION 0)
    target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include>)
    target_link_libraries(${target} PRIVATE PkgConfig::JANSSON PkgConfig::PCRE2 PkgConfig::UTF8PROC
                          PkgConfig::CURL)
  endforeach()
endif()

room(CLI_SOURCES cli)
if(CLI_SOURCES)
  add_executable(mlx_lm ${CLI_SOURCES})
  target_include_directories(mlx_lm PRIVATE cli src)
  target_compile_definitions(mlx_lm PRIVATE MX_VERSION="${PROJECT_VERSION}")
  if(TARGET mlx_lm_static)
    target_link_libraries(mlx_lm PRIVATE mlx_lm_static)
  endif()
  target_link_libraries(mlx_lm PRIVATE mlxc_static PkgConfig::JANSSON PkgConfig::EDIT)
endif()

# Trains the bundled model; models/tiny/make.py prepares its input and calls it.
add_executable(train_tiny models/tiny/train.c)
target_link_libraries(train_tiny PRIVATE mlx_lm_static mlxc_static PkgConfig::JANSSON)
