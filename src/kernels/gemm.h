/* Kernels: matrix products over packed panels, and products with a few rows that read a matrix
 * once.
 *
 * A is packed in panels of mr rows and B in panels of nr columns, each panel k by k; the
 * micro-kernel multiplies one panel of each into an mr x nr tile that stays in registers:
 *
 *          nr                 B panel: [k][nr]
 *        +----+
 *     mr |tile|  +=  sum over k of  A panel[k][mr]  x  B panel[k][nr]
 *        +----+
 *
 * Packing converts: 16-bit floats are multiplied as float32, float64 as such. Where the CPU has dot
 * products of bfloat16, matrices of it are packed as pairs, k and k + 1 in one number of 32 bits,
 * and multiplied two by two into float32 sums (which take subnormal numbers for zero). A complex
 * matrix of A becomes two real rows a row, and each k two, so that a real product yields real and
 * imaginary rows:
 *
 *     [ re  -im ] [ re ]     (row 2i)
 *     [ im   re ] [ im ]     (row 2i + 1)                                                      */
#ifndef KERNELS_GEMM_H
#define KERNELS_GEMM_H

#include "kernels/isa.h"
#include "mlx/mx/dtype.h"

#include <stdbool.h>
#include <stdint.h>

/* The micro-kernel's tile and the depth of a panel, all in numbers of the computed type; `low` is
 * the height of its lowest tile. */
typedef struct mx_gemm_sizes {
  int mr, nr, depth, low;
  bool pairs; /* the computed numbers are pairs of bfloat16 */
} mx_gemm_sizes;

/* A matrix [count][k] to be packed: strides in elements. For B, `count` runs over columns. */
typedef struct mx_gemm_source {
  const void *data;
  mx_dtype dtype;
  int64_t count, k, stride, k_stride;
  bool pairs; /* bfloat16 to pairs: (k + 1) / 2 numbers, the last filled with 0 */
} mx_gemm_source;

/* A block of the product: m x n over packed panels, k deep. Partial sums stand in `sums` (float32,
 * or float64 where that is computed) between blocks of k. With `finish`, the last block of k writes
 *     out = alpha * sum + beta * c
 * to `out` in its dtype instead; c may be NULL and has strides of its own. */
typedef struct mx_gemm_block {
  const void *a, *b;
  int64_t m, n, k; /* of the computed numbers: twice as large in m and k for complex64 */
  bool pairs;
  void *sums;
  int64_t sums_ld;
  bool first, finish;
  void *out;
  int64_t out_ld;
  mx_dtype dtype;
  const void *c;
  int64_t c_row, c_column;
  double alpha, beta;
} mx_gemm_block;

#define MX_GEMM_IN_PLACE_DEPTH 320

/* out = a b, float32 or float64, where b is not packed: a of any strides, b and out with adjacent
 * columns. At least nr columns and `low` rows, k at most MX_GEMM_IN_PLACE_DEPTH. */
typedef struct mx_gemm_plain {
  mx_dtype dtype;
  int64_t m, n, k;
  const void *a, *b;
  void *out;
  int64_t a_row, a_step, b_step, out_row;
  const void *next_a, *next_b; /* matrices as large to be fetched meanwhile; NULL for none */
} mx_gemm_plain;

/* A few vectors x against a matrix of rows: w [n][k] with unit k stride. */
typedef struct mx_gemv {
  const void *w;
  mx_dtype dtype;
  int64_t w_stride; /* between rows: of n for the dot, of k for the axpy */
  int64_t k, m;
  const void *x; /* [m][k], float32, or float64 for a float64 w */
  int64_t x_stride;
} mx_gemv;

#define MX_KERNELS_GEMM(K)                                                                        \
  /* By the type that a product of this dtype is computed in. */                                  \
  K(mx_gemm_sizes, gemm_sizes, (mx_dtype dtype))                                                  \
  /* Packs panels [begin, end) of `width` each from the source's first k elements; what is beyond \
   * the count is zero. `left` tells A from B where they differ: complex64. */                    \
  K(void, gemm_pack,                                                                              \
    (const mx_gemm_source *s, int width, int64_t begin, int64_t end, bool left, void *packed))    \
  K(void, gemm_block, (const mx_gemm_block *block))                                               \
  /* Rows [begin, end) in units of mr rows, or of `low` where m is below mr; the last of the m /  \
   * mr units holds what is left. */                                                              \
  K(void, gemm_in_place, (const mx_gemm_plain *p, int64_t begin, int64_t end))                    \
  /* How many rows to pack together where there are m, too few for blocks. */                     \
  K(int, gemm_strip_rows, (int64_t m))                                                            \
  /* sums[rows][nr] = or += a panel of that many rows, of float32 or pairs, times one of b. */    \
  K(void, gemm_strip,                                                                             \
    (bool pairs, int64_t k, int rows, const void *a, const void *b, float *sums, bool add))       \
  /* sums[i * m + j] = w[begin + i] . x[j] for rows below end of w, in the type of x. */          \
  K(void, gemv_dot, (const mx_gemv *v, int64_t begin, int64_t end, void *sums))                   \
  /* sums[j * n + i] = sum over k of x[j][k] w[k][begin + i] for n = end - begin columns. */      \
  K(void, gemv_axpy, (const mx_gemv *v, int64_t begin, int64_t end, void *sums))                  \
  /* out[i * stride] = alpha * sums[i * sums_stride] + beta * c[i * c_stride], in dtype. */       \
  K(void, gemm_finish,                                                                            \
    (const void *sums, int64_t sums_stride, int64_t count, const mx_gemm_block *to, void *out,    \
     int64_t stride, const void *c, int64_t c_stride))

#ifdef MX_ISA
MX_KERNELS_GEMM(MX_DECLARE_KERNEL)
#endif

#endif
