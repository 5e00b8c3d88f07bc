# `make install`: headers, both libraries (shared and static), the program under all its names, a
# pkg-config file and a CMake package.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(DIRECTORY include/mlx include/mlx_lm DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS mlxc_shared mlxc_static mlx_lm_shared mlx_lm_static mlx_lm)

# mlx_lm.generate and its siblings, as main.c lists them, are the same program.
file(STRINGS cli/main.c COMMANDS REGEX "mlx_lm_cmd_")
string(REGEX MATCHALL "mlx_lm_cmd_[a-z_]+" COMMANDS "${COMMANDS}")
foreach(command ${COMMANDS})
  string(REPLACE mlx_lm_cmd_ "" command ${command})
  install(CODE "
    set(bin \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
    file(CREATE_LINK mlx_lm \"\${bin}/mlx_lm.${command}\" SYMBOLIC)")
endforeach()

# Relative, so that `cmake --install --prefix` and a moved tree hold.
file(RELATIVE_PATH PC_TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" PC_TO_PREFIX "${PC_TO_PREFIX}")
foreach(library mlxc mlx_lm)
  configure_file(cmake/${library}.pc.in ${library}.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/${library}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

configure_package_config_file(cmake/mlxc-config.cmake.in mlxc-config.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/mlxc)
write_basic_package_version_file(mlxc-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/mlxc-config.cmake ${CMAKE_BINARY_DIR}/mlxc-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/mlxc)
