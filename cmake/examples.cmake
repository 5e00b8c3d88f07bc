# Each examples/*.c is a program over the shared libraries.
file(GLOB EXAMPLE_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/examples/*.c)
foreach(source ${EXAMPLE_SOURCES})
  get_filename_component(name ${source} NAME_WE)
  add_executable(example_${name} ${source})
  target_link_libraries(example_${name} PRIVATE mlx_lm_shared mlxc_shared)
endforeach()

# A benchmark program is bench/bench_NAME.c with what they all share. `cmake --build . --target bench`
# builds them; bench/run.py runs them.
add_custom_target(bench)
file(GLOB BENCH_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/bench_*.c)
add_library(bench_shared OBJECT EXCLUDE_FROM_ALL bench/bench.c bench/limits.c)
target_include_directories(bench_shared PRIVATE src include bench)
foreach(source ${BENCH_SOURCES})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} EXCLUDE_FROM_ALL ${source} $<TARGET_OBJECTS:bench_shared>)
  target_include_directories(${name} PRIVATE src include bench)
  target_link_libraries(${name} PRIVATE mlx_lm_static mlxc_static)
  add_dependencies(bench ${name})
endforeach()

# A peer for bench/run.py where Debian's libdnnl-dev is installed; nothing else needs it.
find_library(DNNL_LIBRARY dnnl)
find_path(DNNL_INCLUDE oneapi/dnnl/dnnl.h)
if(DNNL_LIBRARY AND DNNL_INCLUDE)
  add_executable(dnnl_peer EXCLUDE_FROM_ALL bench/dnnl_peer.c $<TARGET_OBJECTS:bench_shared>)
  target_include_directories(dnnl_peer PRIVATE src include bench ${DNNL_INCLUDE})
  target_link_libraries(dnnl_peer PRIVATE mlx_lm_static mlxc_static ${DNNL_LIBRARY})
  add_dependencies(bench dnnl_peer)
endif()
