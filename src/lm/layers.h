/* The layers that models are made of: linear and embedding, quantised or not, norms. */
#ifndef LM_LAYERS_H
#define LM_LAYERS_H

#include "mlx/mx.h"

/* A low-rank change of a matrix (adapter.h). */
typedef struct lm_adapter lm_adapter;

/* A matrix [out, in] as the checkpoint holds it: floats, or (bits not 0) packed integers with a
 * scale and a bias for every group of `group_size` inputs. */
typedef struct lm_matrix {
  mx weight, scales, biases;
  int group_size, bits;
  const char *mode;    /* "affine" or another of mx_quantize's */
  lm_adapter *adapter; /* owned; NULL: none */
} lm_matrix;

typedef struct lm_linear {
  lm_matrix matrix;
  mx bias; /* [out], or NULL */
} lm_linear;

typedef struct lm_embedding {
  lm_matrix matrix; /* [vocabulary, width] */
} lm_embedding;

/* x [..., in] -> [..., out] */
mx lm_linear_forward(const lm_linear *l, mx x);
/* tokens [...] -> [..., width] */
mx lm_embedding_forward(const lm_embedding *e, mx tokens);
/* The embedding as the output layer: x [..., width] -> [..., vocabulary] */
mx lm_embedding_as_linear(const lm_embedding *e, mx x);
/* SiLU(gate) * x (Shazeer, arXiv:2002.05202). */
mx lm_swiglu(mx gate, mx x);

/* x [..., in] times the matrix transposed -> [..., out], and the rows of tokens [...] -> [..., in],
 * both without the adapter. */
mx lm_matrix_times(const lm_matrix *m, mx x);
mx lm_matrix_rows(const lm_matrix *m, mx tokens);
/* All of it in floats, [out, in]. */
mx lm_matrix_open(const lm_matrix *m);

void lm_matrix_release(lm_matrix *m);

#endif
