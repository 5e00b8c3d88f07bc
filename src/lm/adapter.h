/* Low-rank changes of a layer's matrix: LoRA (Hu et al., arXiv:2106.09685) and DoRA (Liu et al.,
 * arXiv:2402.09353), as mlx_lm's tuner defines them. */
#ifndef LM_ADAPTER_H
#define LM_ADAPTER_H

#include "lm/layers.h"

/* A linear layer has a [in, rank] and b [rank, out], an embedding a [vocabulary, rank] and
 * b [rank, width]; the change is scale * a b. */
struct lm_adapter {
  mx a, b;
  double scale;
  mx magnitude; /* DoRA: [rows], what a changed row's norm becomes; NULL: LoRA */
  mx gain;      /* DoRA: [rows], magnitude over the changed row's norm */
};

void lm_adapter_free(lm_adapter *a);

/* lm_matrix_times, lm_matrix_rows and their likes with the matrix's adapter. bias may be NULL. */
mx lm_adapter_times(const lm_matrix *m, mx bias, mx x);
mx lm_adapter_rows(const lm_matrix *m, mx tokens);
mx lm_adapter_as_linear(const lm_matrix *m, mx x);

/* Norms of a matrix's rows: w [rows, n] -> [rows]. */
mx lm_row_norms(mx w);

#endif
