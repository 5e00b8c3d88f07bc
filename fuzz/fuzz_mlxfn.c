/* .mlxfn files: any bytes become a function or are refused, without a stray read or a leak. */
#include "mlx/mx.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* A file in memory, emptied for each input. */
static int file(void) {
  static int descriptor = -1;
  if (descriptor < 0) descriptor = memfd_create("mlxfn", 0);
  if (descriptor < 0 || ftruncate(descriptor, 0)) abort();
  return descriptor;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char path[32];
  int descriptor = file();
  snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
  if (size && pwrite(descriptor, data, size, 0) != (ssize_t)size) return 0;
  mx_scope scope = mx_scope_begin();
  mx_imported_free(mx_import_function(path));
  mx_scope_end(scope, NULL);
  mx_error_clear();
  return 0;
}
