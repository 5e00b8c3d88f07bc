/* .npy files: any bytes load or are refused, without a stray read or a leak. */
#include "mlx/mx.h"

#include <string.h>

typedef struct {
  const uint8_t *data;
  size_t size;
} bytes;

static bool read_at(void *context, void *to, size_t count, size_t offset) {
  const bytes *b = context;
  if (offset > b->size || count > b->size - offset) return false;
  memcpy(to, b->data + offset, count);
  return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  mx_scope scope = mx_scope_begin();
  bytes all = {data, size};
  mx a = mx_load_source((mx_source){&all, read_at, "fuzz"});
  if (a) mx_eval(mx_contiguous(a));
  mx_scope_end(scope, NULL);
  mx_error_clear();
  return 0;
}
