/* Kernels: reductions over runs of memory. A reduction keeps one accumulator an output: wider than
 * the element where that buys accuracy (float64 for sums and products of float32 and below). */
#ifndef KERNELS_REDUCE_H
#define KERNELS_REDUCE_H

#include "kernels/isa.h"

#include "mlx/mx/dtype.h"

/* MLX's order. */
typedef enum mx_reduce_kind {
  MX_REDUCE_AND,
  MX_REDUCE_OR,
  MX_REDUCE_SUM,
  MX_REDUCE_PROD,
  MX_REDUCE_MIN,
  MX_REDUCE_MAX,
  MX_REDUCE_KINDS
} mx_reduce_kind;

#define MX_REDUCE_ACC_BYTES 24 /* the largest accumulator */

/* The functions of one reduction over one dtype. Strides count elements. */
typedef struct mx_reduce_set {
  int64_t acc_bytes; /* of one accumulator */
  /* Sets n accumulators to the identity. */
  void (*fill)(void *acc, int64_t n);
  /* Run r, n elements `step` apart from in + r * run_stride, goes into acc[r * acc_step]. */
  void (*runs)(const void *in, int64_t runs, int64_t run_stride, int64_t n, int64_t step, void *acc,
               int64_t acc_step);
  /* Adds in[i * row_stride + j] into acc[j], for every i < rows and j < width. */
  void (*columns)(const void *in, int64_t rows, int64_t row_stride, int64_t width, void *acc);
  /* Accumulators into accumulators. */
  void (*combine)(void *acc, const void *other, int64_t n);
  /* Accumulators to the output's dtype; variances divide `by` this number. */
  void (*finish)(const void *acc, void *out, int64_t n, double by);
} mx_reduce_set;

/* reduce_set: the functions for `kind` over elements of `dtype`. NaN wins in min and max. AND and
 * OR look at the bits, as MLX does: -0.0 counts as true.
 *
 * arg_run: the first element, of n that are `step` apart, that beats (MAX: exceeds; MIN: is below)
 * both *start and all others; -1 where none beats *start. NaN beats nothing and is beaten by
 * nothing.
 *
 * arg_columns: for each j < width the row whose in[i * row_stride + j] is best, where row 0 is what
 * there is to beat. */
#define MX_KERNELS_REDUCE(K)                                                                \
  K(const mx_reduce_set *, reduce_set, (mx_reduce_kind kind, mx_dtype dtype))               \
  K(int64_t, arg_run,                                                                       \
    (mx_reduce_kind kind, mx_dtype dtype, const void *in, int64_t n, int64_t step,          \
     const void *start))                                                                    \
  K(void, arg_columns,                                                                      \
    (mx_reduce_kind kind, mx_dtype dtype, const void *in, int64_t rows, int64_t row_stride, \
     int64_t width, uint32_t *out))

#ifdef MX_ISA
MX_KERNELS_REDUCE(MX_DECLARE_KERNEL)
#endif

#endif
