/* Fuzz target: the input is a template, a NUL byte, and the JSON of its variables (none: an empty
 * object). Whatever it is, it must parse and render, or fail with one line. */
#include "mlx_lm/chat_template.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const uint8_t *end = size ? memchr(data, 0, size) : NULL;
  size_t length = end ? (size_t)(end - data) : size;
  const char *variables = end ? (const char *)end + 1 : "{}";
  mlx_lm_template *t = mlx_lm_template_parse((const char *)data, length);
  if (t) free(mlx_lm_template_render(t, variables, end ? size - length - 1 : 2));
  if (mx_error() && strchr(mx_error(), '\n')) abort();
  mx_error_clear();
  mlx_lm_template_free(t);
  return 0;
}
