/* Whole matrix products over the thread pool. Nothing is checked here. */
#ifndef DRIVERS_GEMM_H
#define DRIVERS_GEMM_H

#include "kernels/gemm.h"

/* out[i][j] = alpha * (sum over k of a[i][k] b[k][j]) + beta * c[i][j], all of one dtype: float32,
 * float64, float16, bfloat16 or complex64 (where alpha is 1 and c NULL). a, b and c have any
 * strides, in elements, 0 among them; out's columns are adjacent. Sums are kept in float32, or in
 * float64 for that. c may be NULL; it must not overlap out unless it is out, stride for stride. */
typedef struct mx_gemm_product {
  mx_dtype dtype;
  int64_t m, n, k;
  const void *a, *b, *c;
  void *out;
  int64_t a_row, a_column, b_row, b_column, c_row, c_column, out_row;
  double alpha, beta;
} mx_gemm_product;

/* -1 after mx_fail where there is no memory for the work space. */
int mx_gemm(const mx_gemm_product *p);

/* `count` products that differ in where their matrices begin: product i takes a + a_at(i), and so
 * on, in elements. Small ones run side by side. */
typedef struct mx_gemm_batch {
  int64_t count;
  const int64_t *a, *b, *c; /* [count] offsets; NULL: all 0 */
  int64_t out;              /* elements between one out and the next */
} mx_gemm_batch;

int mx_gemm_batched(const mx_gemm_product *p, const mx_gemm_batch *batch);

/* A product whose b is opened from some other form: `open` writes columns [first, first + count) of
 * b for k in [begin, begin + k), as floats, to out[column][ld]; it runs on the pool's threads. */
typedef struct mx_gemm_opened {
  void (*open)(const void *context, int64_t first, int64_t count, int64_t begin, int64_t k,
               float *out, int64_t ld);
  /* The same as a panel out[k][width], further columns zero, if the kernels have a way to;
   * true for k = 0 says so. */
  bool (*open_panel)(const void *context, int64_t first, int64_t count, int64_t begin, int64_t k,
                     int width, float *out);
  const void *context;
  int64_t granule; /* k comes in multiples of this, which divides 128 */
} mx_gemm_opened;

int mx_gemm_with_opened(const mx_gemm_product *p, const mx_gemm_opened *b);

#endif
