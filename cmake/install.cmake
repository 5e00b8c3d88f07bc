# `make install`: headers, both libraries (shared and static), the program under all its names, a
# pkg-config file and a CMake package.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(DIRECTORY include/mlx include/mlx_lm DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS mlxc_shared mlxc_static mlx_lm_shared mlx_lm_static mlx_lm)

# mlx_lm.generate and its siblings are the same program.
foreach(command benchmark chat check_memory convert generate)
  install(CODE "
    set(bin \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
    file(CREATE_LINK mlx_lm \"\${bin}/mlx_lm.${command}\" SYMBOLIC)")
endforeach()

foreach(library mlxc mlx_lm)
  configure_file(cmake/${library}.pc.in ${library}.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/${library}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

configure_package_config_file(cmake/mlxc-config.cmake.in mlxc-config.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/mlxc)
write_basic_package_version_file(mlxc-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/mlxc-config.cmake ${CMAKE_BINARY_DIR}/mlxc-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/mlxc)
