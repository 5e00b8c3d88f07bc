# Toolchain for `make aarch64`: Debian's cross compiler, the libraries that aarch64-sysroot.sh has
# unpacked, and qemu to run the tests.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)

get_filename_component(SYSROOT ${CMAKE_CURRENT_LIST_DIR}/../build-aarch64/sysroot ABSOLUTE)
set(SYSROOT_LIBRARIES ${SYSROOT}/usr/lib/aarch64-linux-gnu)
# Some packages keep theirs in /lib.
set(SYSROOT_LIBRARIES_TOO ${SYSROOT}/lib/aarch64-linux-gnu)
set(ENV{PKG_CONFIG_LIBDIR} ${SYSROOT_LIBRARIES}/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${SYSROOT})
set(ENV{PKG_CONFIG_ALLOW_SYSTEM_CFLAGS} 1)
foreach(kind EXE SHARED)
  set(CMAKE_${kind}_LINKER_FLAGS_INIT
      "-L${SYSROOT_LIBRARIES} -Wl,-rpath-link,${SYSROOT_LIBRARIES}:${SYSROOT_LIBRARIES_TOO} -Wl,--as-needed")
endforeach()
set(CMAKE_CROSSCOMPILING_EMULATOR
    qemu-aarch64 -L /usr/aarch64-linux-gnu
    -E LD_LIBRARY_PATH=${SYSROOT_LIBRARIES}:${SYSROOT_LIBRARIES_TOO})
