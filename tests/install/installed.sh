#!/usr/bin/env bash
# What `make install` leaves works: a consumer builds and runs through pkg-config (shared and
# static) and through the CMake package, and the program answers to each of its names.
# Usage: installed.sh BUILD_DIR SOURCE_DIR C_COMPILER C_FLAGS
set -euo pipefail
build=$1 source=$2 cc=$3 flags=${4:-}
to=$(mktemp -d)
trap 'rm -rf "$to"' EXIT
step() { echo "installed.sh: $*" >&2; }

step "install, by prefix and with DESTDIR"
cmake --install "$build" --prefix "$to/usr" > "$to/log"
DESTDIR="$to/dest" cmake --install "$build" --prefix /usr > "$to/log"
diff <(cd "$to/usr" && find . | sort) <(cd "$to/dest/usr" && find . | sort)

cat > "$to/consumer.c" <<'END'
#include <mlx/c/mlx.h>
#include <mlx_lm/tokenizer_utils.h>
#include <stdio.h>
int main(int argc, char **argv) {
  mlx_array a = mlx_array_new_float(20), b = mlx_array_new();
  float sum = 0;
  mlx_stream s = mlx_default_cpu_stream_new();
  if (mlx_add(&b, a, a, s) || mlx_array_item_float32(&sum, b)) return 1;
  mlx_lm_tokenizer *t = argc > 1 ? mlx_lm_tokenizer_load(argv[1]) : NULL;
  printf("%g %d\n", (double)sum, t != NULL);
  mlx_lm_tokenizer_free(t);
  return mlx_array_free(a) || mlx_array_free(b) || mlx_stream_free(s);
}
END
libdir=$(dirname "$(find "$to/usr" -name libmlxc.so)")
export PKG_CONFIG_PATH=$libdir/pkgconfig
runs() { [ "$("$@" "$source/models/tiny")" = "40 1" ] || { echo "$1: wrong output"; exit 1; }; }

step "pkg-config, shared"
"$cc" $flags "$to/consumer.c" -o "$to/shared" $(pkg-config --cflags --libs mlx_lm mlxc) \
  -Wl,-rpath,"$libdir"
runs "$to/shared"

step "the CMake package"
cat > "$to/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.13)
project(consumer C)
find_package(mlxc REQUIRED)
add_executable(consumer consumer.c)
target_link_libraries(consumer mlxc::mlx_lm)
END
cmake -S "$to" -B "$to/build" -DCMAKE_PREFIX_PATH="$to/usr" -DCMAKE_C_COMPILER="$cc" \
  -DCMAKE_C_FLAGS="$flags" > "$to/log"
cmake --build "$to/build" >> "$to/log" || { cat "$to/log"; exit 1; }
runs "$to/build/consumer"

step "pkg-config, static"
rm "$libdir"/*.so*
"$cc" $flags "$to/consumer.c" -o "$to/static" $(pkg-config --cflags --static --libs mlx_lm)
runs "$to/static"

step "the program's names"
for command in $("$to/usr/bin/mlx_lm" --help | sed -n 's/^  \([a-z_]\+\) .*/\1/p'); do
  "$to/usr/bin/mlx_lm.$command" --help > "$to/help"
  grep -q "$command" "$to/help" || { echo "mlx_lm.$command --help does not name it"; exit 1; }
done
