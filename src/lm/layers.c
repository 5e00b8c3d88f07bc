/* Linear and embedding layers over matrices that may be quantised. */
#include "lm/layers.h"
#include "lm/adapter.h"

mx lm_matrix_times(const lm_matrix *m, mx x) {
  if (m->bits)
    return mx_quantized_matmul(x, m->weight, m->scales, m->biases, .transpose = true,
                               .group_size = m->group_size, .bits = m->bits, .mode = m->mode);
  return mx_matmul(x, mx_transpose(m->weight));
}

mx lm_matrix_rows(const lm_matrix *m, mx tokens) {
  mx rows = mx_take(m->weight, tokens, .axis = 0);
  if (!m->bits) return rows;
  mx biases = m->biases ? mx_take(m->biases, tokens, .axis = 0) : NULL;
  return mx_dequantize(rows, mx_take(m->scales, tokens, .axis = 0), biases,
                       .group_size = m->group_size, .bits = m->bits, .mode = m->mode);
}

mx lm_matrix_open(const lm_matrix *m) {
  if (!m->bits) return m->weight;
  return mx_dequantize(m->weight, m->scales, m->biases, .group_size = m->group_size,
                       .bits = m->bits, .mode = m->mode);
}

mx lm_linear_forward(const lm_linear *l, mx x) {
  if (l->matrix.adapter) return lm_adapter_times(&l->matrix, l->bias, x);
  if (!l->bias) return lm_matrix_times(&l->matrix, x);
  if (l->matrix.bits) return mx_add(lm_matrix_times(&l->matrix, x), l->bias);
  return mx_addmm(l->bias, x, mx_transpose(l->matrix.weight));
}

mx lm_embedding_forward(const lm_embedding *e, mx tokens) {
  if (e->matrix.adapter) return lm_adapter_rows(&e->matrix, tokens);
  return lm_matrix_rows(&e->matrix, tokens);
}

mx lm_embedding_as_linear(const lm_embedding *e, mx x) {
  if (e->matrix.adapter) return lm_adapter_as_linear(&e->matrix, x);
  return lm_matrix_times(&e->matrix, x);
}

mx lm_swiglu(mx gate, mx x) { return mx_multiply(mx_multiply(gate, mx_sigmoid(gate)), x); }

void lm_matrix_release(lm_matrix *m) {
  mx_release(m->weight);
  mx_release(m->scales);
  mx_release(m->biases);
  lm_adapter_free(m->adapter);
  *m = (lm_matrix){0};
}
