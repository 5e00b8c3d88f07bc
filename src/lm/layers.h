/* The layers that models are made of: linear and embedding, quantised or not, norms. */
#ifndef LM_LAYERS_H
#define LM_LAYERS_H

#include "mlx/mx.h"

/* A matrix [out, in] as the checkpoint holds it: floats, or (bits not 0) packed integers with a
 * scale and a bias for every group of `group_size` inputs. */
typedef struct lm_matrix {
  mx weight, scales, biases;
  int group_size, bits;
  const char *mode; /* "affine" or another of mx_quantize's */
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

void lm_matrix_release(lm_matrix *m);

#endif
