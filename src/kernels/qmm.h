/* Kernels: products with matrices quantised in groups along their rows (MLX's affine layout, read
 * in place), and the quantiser itself.
 *
 * Weight k of row n is scale * q + bias, with q of `bits` bits and one scale and bias for each
 * group of `group` consecutive weights. For a product with a row x the activations are held, group
 * by group, as 16-bit integers xi with x ~ step * xi, so that
 *
 *   y[n] = sum over groups g of  scale[n,g] step[g] (sum of q xi)  +  bias[n,g] step[g] (sum of xi)
 *
 * where the sums are exact integers (of q less its middle value, in fact, with the bias to match:
 * it keeps the two terms from cancelling). float32 activations take two such rows, the second one
 * holding what the first rounds off. */
#ifndef KERNELS_QMM_H
#define KERNELS_QMM_H

#include "kernels/isa.h"
#include "mlx/mx/dtype.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mx_qmm_weights {
  const uint8_t *packed;       /* [rows][row_bytes] */
  const void *scales, *biases; /* [rows][groups], of `dtype`: float32, float16 or bfloat16 */
  int64_t row_bytes, groups;
  int bits, group;
  mx_dtype dtype;
} mx_qmm_weights;

/* A row of activations ready for one width and group size; their order in memory is the kernel's
 * own. It takes `parts` stored rows. */
typedef struct mx_qmm_x {
  int16_t *integers;  /* [parts][integers_stride] */
  float *steps;       /* [parts][steps_stride]: a unit's steps, spread over the lanes */
  int32_t *starts;    /* the same shape: -middle * (sum of a lane's xi) */
  float *group_steps; /* [parts][sums_stride]: each group's step once */
  float *sums;        /* [parts][sums_stride]: step * (sum of xi) for each group */
  int64_t k, integers_stride, steps_stride, sums_stride;
  int parts, bits, group;
} mx_qmm_x;

/* 2 to 16 stored rows of activations (`parts` for each row), whose integers stand side by side, in
 * pairs as the kernel opens the weights. They go by tiles. */
typedef struct mx_qmm_some {
  int32_t *pairs;      /* [tiles][k / 2][tile]: two 16-bit integers each */
  int32_t *starts;     /* [tiles][groups][tile]: -middle * (sum of xi) */
  float *steps, *sums; /* [tiles][groups][tile]: each group's step, and step * (sum of xi) */
  int64_t k, groups;
  int rows, parts, tile, tiles, bits, group;
} mx_qmm_some;

#define MX_KERNELS_QMM(K)                                                                          \
  /* Lays out x (k, bits, group and parts are set) and returns the bytes it takes; with            \
   * memory of that size, 64-byte aligned, sets the pointers too. */                               \
  K(size_t, qmm_layout, (mx_qmm_x * x, void *memory))                                              \
  /* Fills the stored rows from k elements. False if one of them is not finite. */                 \
  K(bool, qmm_load_row, (const mx_qmm_x *x, const void *row, mx_dtype dtype))                      \
  /* out[n] = x . w[n] for rows n in [begin, end) of w. */                                         \
  K(void, qmm_row,                                                                                 \
    (const mx_qmm_weights *w, const mx_qmm_x *x, int64_t begin, int64_t end, void *out,            \
     mx_dtype dtype))                                                                              \
  /* The same for an x of one stored row. */                                                       \
  K(void, qmm_vector,                                                                              \
    (const mx_qmm_weights *w, const mx_qmm_x *x, int64_t begin, int64_t end, void *out,            \
     mx_dtype dtype))                                                                              \
  /* The most rows of x of a dtype for which qmm_some takes less time than a matrix product. */    \
  K(int, qmm_some_most, (mx_dtype dtype))                                                          \
  /* The same three for a mx_qmm_some: with its rows, k, bits, group and parts set; groups         \
   * [begin, end) of all its rows, which are ld elements apart (false if an element is not         \
   * finite); and out[m * ldo + n] = x[m] . w[n] for rows n in [begin, end) of w. */               \
  K(size_t, qmm_some_layout, (mx_qmm_some * x, void *memory))                                      \
  K(bool, qmm_some_load,                                                                           \
    (const mx_qmm_some *x, const void *rows, int64_t ld, mx_dtype dtype, int64_t begin,            \
     int64_t end))                                                                                 \
  K(void, qmm_some,                                                                                \
    (const mx_qmm_weights *w, const mx_qmm_some *x, int64_t begin, int64_t end, void *out,         \
     int64_t ldo, mx_dtype dtype))                                                                 \
  /* out = scale * q + bias in float32, for groups [begin, begin + count) of row n. */             \
  K(void, qmm_open,                                                                                \
    (const mx_qmm_weights *w, int64_t n, int64_t begin, int64_t count, float *out))                \
  /* The same for k in [begin, begin + k), whole groups, of rows [first, first + columns), as a    \
   * panel out[k][width] whose further columns are zero. False, and nothing done, where the        \
   * instruction set has no better way than qmm_open. */                                           \
  K(bool, qmm_pack,                                                                                \
    (const mx_qmm_weights *w, int64_t first, int64_t columns, int64_t begin, int64_t k, int width, \
     float *out))                                                                                  \
  /* MLX's dequantize: the product and the sum each rounded to w->dtype. `count` groups from the   \
   * first; packed, scales and biases are contiguous. */                                           \
  K(void, qmm_dequantize, (const mx_qmm_weights *w, int64_t begin, int64_t count, void *out))      \
  /* MLX's quantize, over `count` groups of w of `dtype`. */                                       \
  K(void, qmm_quantize,                                                                            \
    (const void *w, int64_t count, int bits, int group, mx_dtype dtype, uint8_t *packed,           \
     void *scales, void *biases))                                                                  \
  /* y[m * ldy + i] += x[m * ldx] * w[i] for rows m, over n floats. */                             \
  K(void, qmm_axpy,                                                                                \
    (const float *w, int64_t n, int64_t rows, const float *x, int64_t ldx, float *y, int64_t ldy))

#ifdef MX_ISA
MX_KERNELS_QMM(MX_DECLARE_KERNEL)
#endif

#endif
