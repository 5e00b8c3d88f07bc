/* Kernels: softmax and log-sum-exp, along contiguous rows (`_rows`) or along an axis with a stride,
 * for adjacent columns at once (`_columns`). Computed in float32 (float64 for f64) whatever the
 * storage. Steps are in elements. */
#ifndef KERNELS_SOFTMAX_H
#define KERNELS_SOFTMAX_H

#include "kernels/isa.h"

#include <stdint.h>

/* Row r of n elements starts at x + r * x_row; the results at out + r * out_row. A log-sum-exp is
 * one element. */
#define MX_SOFTMAX_ROWS_PARAMETERS \
  (const void *x, int64_t x_row, void *out, int64_t out_row, int64_t rows, int64_t n)

/* Column c is x[c + k * x_step] for k in [0, n), its softmax out[c + k * out_step]; its log-sum-exp
 * out[c]. */
#define MX_SOFTMAX_COLUMNS_PARAMETERS \
  (const void *x, int64_t x_step, void *out, int64_t out_step, int64_t columns, int64_t n)

#define MX_KERNELS_SOFTMAX_KIND(K, T)                         \
  K(void, softmax_rows_##T, MX_SOFTMAX_ROWS_PARAMETERS)       \
  K(void, softmax_columns_##T, MX_SOFTMAX_COLUMNS_PARAMETERS) \
  K(void, logsumexp_rows_##T, MX_SOFTMAX_ROWS_PARAMETERS)     \
  K(void, logsumexp_columns_##T, MX_SOFTMAX_COLUMNS_PARAMETERS)

#define MX_KERNELS_SOFTMAX(K)      \
  MX_KERNELS_SOFTMAX_KIND(K, f32)  \
  MX_KERNELS_SOFTMAX_KIND(K, f16)  \
  MX_KERNELS_SOFTMAX_KIND(K, bf16) \
  MX_KERNELS_SOFTMAX_KIND(K, f64)

#ifdef MX_ISA
MX_KERNELS_SOFTMAX(MX_DECLARE_KERNEL)
#endif

#endif
