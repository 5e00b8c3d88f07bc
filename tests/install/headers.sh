#!/usr/bin/env bash
# Every public header compiles alone, without warnings, as C11 and as C++17.
# Usage: headers.sh INCLUDE_DIR C_COMPILER C++_COMPILER
set -uo pipefail
failed=0
cd "$1"
for header in $(find . -name '*.h' | sort); do
  for language in "$2 -std=c11 -x c" "$3 -std=c++17 -x c++"; do
    echo "#include \"${header#./}\"" |
      $language -Wall -Wextra -Werror -fsyntax-only -I. - || { echo "$header: $language"; failed=1; }
  done
done
exit $failed
