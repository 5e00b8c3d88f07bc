/* Walking the rows of strided operands: what the drivers of row-wise kernels share. */
#ifndef DRIVERS_ROWS_H
#define DRIVERS_ROWS_H

#include "drivers/collapse.h"
#include "kernels/kernels.h"
#include "mlx/mx/dtype.h"

/* The kernel of a family for a float dtype. */
#define MX_FLOAT_KERNEL(name, dtype)          \
  ((dtype) == MX_FLOAT32   ? mx_k->name##_f32 \
   : (dtype) == MX_FLOAT16 ? mx_k->name##_f16 \
   : (dtype) == MX_FLOAT64 ? mx_k->name##_f64 \
                           : mx_k->name##_bf16)

/* Rows per piece of work, when a row has n elements. */
static inline int64_t mx_row_grain(int64_t n) { return n >= 8192 ? 1 : 8192 / (n > 0 ? n : 1); }

/* Where row `row` of a collapsed space starts in each operand; returns how many rows from it on,
 * at most `limit`, follow with the innermost strides. */
static inline int64_t mx_rows_at(const mx_nd *nd, int64_t row, int64_t limit, int64_t *offset) {
  int inner = nd->ndim - 1;
  int64_t at = row % nd->shape[inner], rest = row / nd->shape[inner];
  int64_t run = nd->shape[inner] - at;
  for (int k = 0; k < nd->operands; k++) offset[k] = at * nd->strides[k][inner];
  for (int d = inner - 1; d >= 0; d--) {
    for (int k = 0; k < nd->operands; k++) offset[k] += rest % nd->shape[d] * nd->strides[k][d];
    rest /= nd->shape[d];
  }
  return run < limit ? run : limit;
}

#endif
