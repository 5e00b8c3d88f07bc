/* String handles: ctx is a NUL-terminated copy. */
#include "base/alloc.h"
#include "capi/capi.h"
#include "mlx/c/version.h"

#include <stdlib.h>

void capi_set_string(mlx_string *str, const char *text) {
  char *before = str->ctx;
  str->ctx = mx_xstrdup(text);
  free(before);
}

mlx_string mlx_string_new(void) { return (mlx_string){NULL}; }
mlx_string mlx_string_new_data(const char *str) { return (mlx_string){mx_xstrdup(str)}; }

int mlx_string_set(mlx_string *str, const mlx_string src) {
  if (!src.ctx) return capi_fail("mlx_string");
  capi_set_string(str, src.ctx);
  return 0;
}

const char *mlx_string_data(mlx_string str) {
  if (!str.ctx) capi_fail("mlx_string");
  return str.ctx;
}

int mlx_string_free(mlx_string str) {
  free(str.ctx);
  return 0;
}

int mlx_version(mlx_string *str_) {
  capi_set_string(str_, "0.30.4");
  return 0;
}
