/* Kernels: running sums, products, extremes and log-sum-exps. */
#ifndef KERNELS_SCAN_H
#define KERNELS_SCAN_H

#include "kernels/isa.h"

#include "mlx/mx/dtype.h"

#include <stdint.h>

/* MLX's order. */
typedef enum mx_scan_kind {
  MX_SCAN_MAX,
  MX_SCAN_MIN,
  MX_SCAN_SUM,
  MX_SCAN_PROD,
  MX_SCAN_LOGADDEXP,
  MX_SCAN_KINDS
} mx_scan_kind;

/* scan_run: out[i] = in[0] op .. op in[i], or where not `inclusive` the identity op in[0] op ..
 * in[i - 1], for n elements; steps count elements and may be negative (a reverse scan). The output
 * has the input's dtype, but for sums of bool, which are int32. Sums, products and log-sum-exps of
 * floats run in float64. MAX keeps what was there only while the new element is below it, MIN takes
 * the new element only if it is below: NaN behaves accordingly, as in MLX.
 *
 * scan_columns: the same down each of `width` columns of `rows` rows.
 *
 * scan_sum_piece: the running sums of n contiguous floats of a longer run, of which `base` is the
 * sum of those before; returns the sum of these, and only that where out is NULL. */
#define MX_KERNELS_SCAN(K)                                                            \
  K(void, scan_run,                                                                   \
    (mx_scan_kind kind, mx_dtype dtype, const void *in, int64_t in_step, void *out,   \
     int64_t out_step, int64_t n, bool inclusive))                                    \
  K(void, scan_columns,                                                               \
    (mx_scan_kind kind, mx_dtype dtype, const void *in, int64_t in_stride, void *out, \
     int64_t out_stride, int64_t rows, int64_t width, bool inclusive))                \
  K(double, scan_sum_piece,                                                           \
    (mx_dtype dtype, const void *in, void *out, int64_t n, bool inclusive, double base))

#ifdef MX_ISA
MX_KERNELS_SCAN(MX_DECLARE_KERNEL)
#endif

#endif
