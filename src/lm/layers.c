/* Linear and embedding layers over matrices that may be quantised. */
#include "lm/layers.h"

static mx matrix_times(const lm_matrix *m, mx x) {
  if (m->bits)
    return mx_quantized_matmul(x, m->weight, m->scales, m->biases, .transpose = true,
                               .group_size = m->group_size, .bits = m->bits, .mode = m->mode);
  return mx_matmul(x, mx_transpose(m->weight));
}

mx lm_linear_forward(const lm_linear *l, mx x) {
  if (!l->bias) return matrix_times(&l->matrix, x);
  if (l->matrix.bits) return mx_add(matrix_times(&l->matrix, x), l->bias);
  return mx_addmm(l->bias, x, mx_transpose(l->matrix.weight));
}

mx lm_embedding_forward(const lm_embedding *e, mx tokens) {
  const lm_matrix *m = &e->matrix;
  mx rows = mx_take(m->weight, tokens, .axis = 0);
  if (!m->bits) return rows;
  mx biases = m->biases ? mx_take(m->biases, tokens, .axis = 0) : NULL;
  return mx_dequantize(rows, mx_take(m->scales, tokens, .axis = 0), biases,
                       .group_size = m->group_size, .bits = m->bits, .mode = m->mode);
}

mx lm_embedding_as_linear(const lm_embedding *e, mx x) { return matrix_times(&e->matrix, x); }

mx lm_swiglu(mx gate, mx x) { return mx_multiply(mx_multiply(gate, mx_sigmoid(gate)), x); }

void lm_matrix_release(lm_matrix *m) {
  mx_release(m->weight);
  mx_release(m->scales);
  mx_release(m->biases);
  *m = (lm_matrix){0};
}
