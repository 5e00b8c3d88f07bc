/* A test that was asked for at an instruction set which this machine lacks is skipped. */
#include "kernels/kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SKIPPED 77 /* ctest's SKIP_RETURN_CODE in cmake/tests.cmake */

__attribute__((constructor)) static void skip_where_lacking(void) {
  const char *asked = getenv("MLX_CPU_ISA");
  if (!asked || !strcmp(asked, mx_k->isa)) return;
  printf("this machine has no %s: %s instead\n", asked, mx_k->isa);
  exit(SKIPPED);
}
