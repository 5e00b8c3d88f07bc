/* Layers with a low-rank adapter. The order of the casts is the reference's. */
#include "lm/adapter.h"

#include <stdlib.h>

void lm_adapter_free(lm_adapter *a) {
  if (!a) return;
  mx_release(a->a);
  mx_release(a->b);
  mx_release(a->magnitude);
  mx_release(a->gain);
  free(a);
}

mx lm_row_norms(mx w) { return mx_sqrt(mx_sum(mx_square(w), .axis = -1)); }

static mx scaled(const lm_adapter *a, mx z) { return mx_multiply(z, mx_scalar_like(a->scale, z)); }

/* y + scale z, in y's company of dtype. */
static mx plus_change(const lm_adapter *a, mx y, mx z, mx_dtype dtype) {
  return mx_add(y, mx_astype(scaled(a, z), dtype));
}

mx lm_adapter_times(const lm_matrix *m, mx bias, mx x) {
  const lm_adapter *a = m->adapter;
  mx y = lm_matrix_times(m, x), z = mx_matmul(mx_matmul(x, a->a), a->b);
  if (!a->gain) return plus_change(a, bias ? mx_add(y, bias) : y, z, mx_dtype_of(x));
  mx out = plus_change(a, y, z, mx_dtype_of(x));
  out = mx_multiply(mx_astype(a->gain, mx_dtype_of(x)), out);
  return bias ? mx_add(out, bias) : out;
}

mx lm_adapter_rows(const lm_matrix *m, mx tokens) {
  const lm_adapter *a = m->adapter;
  mx y = lm_matrix_rows(m, tokens);
  mx z = mx_matmul(mx_take(a->a, tokens, .axis = 0), a->b);
  mx out = plus_change(a, y, z, mx_dtype_of(y));
  if (!a->gain) return out;
  mx norms = lm_row_norms(mx_add(y, scaled(a, z)));
  mx gain = mx_divide(mx_take(a->magnitude, tokens, .axis = 0), norms);
  return mx_multiply(mx_expand_dims(gain, MX_INTS(-1)), out);
}

mx lm_adapter_as_linear(const lm_matrix *m, mx x) {
  const lm_adapter *a = m->adapter;
  mx z = mx_matmul(mx_matmul(x, mx_transpose(a->b)), mx_transpose(a->a));
  mx out = plus_change(a, lm_matrix_times(m, x), z, mx_dtype_of(x));
  return a->gain ? mx_multiply(a->gain, out) : out;
}
