/* Arrays as text, the way MLX prints them: `array([1, 2, 3], dtype=int32)`, long axes shortened to
 * three elements at either end. */
#include "array/array.h"
#include "base/half.h"
#include "base/str.h"

#define SHOWN 3 /* elements at either end of a long axis */

static void put_complex(mx_str *s, mx_complex64 c) {
  bool minus = c.im < 0;
  mx_str_printf(s, "%g%c%gj", (double)c.re, minus ? '-' : '+', (double)(minus ? -c.im : c.im));
}

static void put_element(mx_str *s, mx_dtype dtype, const void *p) {
  switch (dtype) {
  case MX_BOOL: mx_str_puts(s, *(const bool *)p ? "true" : "false"); break;
  case MX_UINT8: mx_str_printf(s, "%u", *(const uint8_t *)p); break;
  case MX_UINT16: mx_str_printf(s, "%u", *(const uint16_t *)p); break;
  case MX_UINT32: mx_str_printf(s, "%u", *(const uint32_t *)p); break;
  case MX_UINT64: mx_str_printf(s, "%llu", (unsigned long long)*(const uint64_t *)p); break;
  case MX_INT8: mx_str_printf(s, "%d", *(const int8_t *)p); break;
  case MX_INT16: mx_str_printf(s, "%d", *(const int16_t *)p); break;
  case MX_INT32: mx_str_printf(s, "%d", *(const int32_t *)p); break;
  case MX_INT64: mx_str_printf(s, "%lld", (long long)*(const int64_t *)p); break;
  case MX_FLOAT16: mx_str_printf(s, "%g", (double)mx_f16_to_f32(*(const mx_f16 *)p)); break;
  case MX_BFLOAT16: mx_str_printf(s, "%g", (double)mx_bf16_to_f32(*(const mx_bf16 *)p)); break;
  case MX_FLOAT32: mx_str_printf(s, "%g", (double)*(const float *)p); break;
  case MX_FLOAT64: mx_str_printf(s, "%g", *(const double *)p); break;
  case MX_COMPLEX64: put_complex(s, *(const mx_complex64 *)p); break;
  case MX_DTYPE_COUNT: break;
  }
}

static void put_axis(mx_str *s, mx a, const char *p, int axis) {
  int n = mx_shape_of(a)[axis];
  int64_t step = mx_strides_of(a)[axis] * (int64_t)mx_dtype_size(a->dtype);
  bool last = axis == a->ndim - 1;
  mx_str_putc(s, '[');
  for (int i = 0; i < n; i++) {
    if (i && !last) mx_str_printf(s, "%*s", 7 + axis, "");
    if (i == SHOWN && n > 2 * SHOWN) {
      mx_str_puts(s, "...");
      i = n - SHOWN - 1;
    } else if (last) {
      put_element(s, a->dtype, p + i * step);
    } else {
      put_axis(s, a, p + i * step, axis + 1);
    }
    if (i < n - 1) mx_str_puts(s, last ? ", " : ",\n");
  }
  mx_str_putc(s, ']');
}

char *mx_to_string(mx a) {
  if (!mx_ensure(a)) return NULL;
  mx_str s = {0};
  mx_str_puts(&s, "array(");
  if (a->ndim)
    put_axis(&s, a, a->data, 0);
  else
    put_element(&s, a->dtype, a->data);
  mx_str_printf(&s, ", dtype=%s)", mx_dtype_name(a->dtype));
  return mx_str_take(&s);
}
