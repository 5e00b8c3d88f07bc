/* Products of matrices, plain and quantised. */
#ifndef MLX_MX_LINEAR_H
#define MLX_MX_LINEAR_H

#include "mlx/mx/array.h"

#ifdef __cplusplus
extern "C" {
#endif

/* [..., m, k] times [..., k, n] -> [..., m, n]; leading axes broadcast, vectors gain an axis for
 * the product and lose it again. Float and complex dtypes, promoted; accumulated in float32 at
 * least. */
MX_API mx mx_matmul(mx a, mx b);
/* beta c + alpha (a b); c broadcasts to the product. */
typedef struct {
  float alpha, beta;
} mx_addmm_args;
MX_API mx mx_addmm_with(mx c, mx a, mx b, mx_addmm_args args);
#define mx_addmm(c, a, b, ...) \
  mx_addmm_with(c, a, b, (mx_addmm_args){.alpha = 1, .beta = 1, __VA_ARGS__})

/* Products of chosen matrices: of a [..., m, k] that numbered lhs_indices[i] and of b [..., k, n]
 * that numbered rhs_indices[i], numbers counting matrices in row-major order of the leading axes.
 * The indices (integers) broadcast; the result is [...indices, m, n]. NULL: each matrix once, in
 * order. sorted_indices promises that those given are sorted. Without indices: matmul. */
typedef struct {
  mx lhs_indices, rhs_indices;
  bool sorted_indices;
} mx_gather_mm_args;
MX_API mx mx_gather_mm_with(mx a, mx b, mx_gather_mm_args args);
#define mx_gather_mm(a, b, ...) mx_gather_mm_with(a, b, (mx_gather_mm_args){__VA_ARGS__})

/* Sums of products over the last `axes` axes of a and the first of b, or over the named pairs. */
MX_API mx mx_tensordot(mx a, mx b, int axes);
MX_API mx mx_tensordot_axes(mx a, mx b, mx_ints axes_a, mx_ints axes_b);
/* All products of an element of a and one of b: [size of a, size of b]. */
MX_API mx mx_outer(mx a, mx b);
/* Sums of products over the last axes of both. */
MX_API mx mx_inner(mx a, mx b);
/* Each element of a times the whole of b, block by block: along every axis the length is the
 * product of both. The one with fewer axes gets more in front. An error where either is empty. */
MX_API mx mx_kron(mx a, mx b);

/* a[..., i, ..., i + offset, ...] over axis1 and axis2, as the last axis of the result; both axes
 * go. The diagonal of a is 0, above it offset is positive. At least two axes. */
MX_API mx mx_diagonal(mx a, int offset, int axis1, int axis2);
/* A matrix's diagonal k; or, of a vector [n], the matrix [n + |k|, n + |k|] with it on diagonal k.
 */
MX_API mx mx_diag(mx a, int k);
/* The sum of that diagonal, summed as dtype. */
MX_API mx mx_trace(mx a, int offset, int axis1, int axis2, mx_dtype dtype);

/* Affine quantisation: weight = scale * q + bias, q of `bits` bits (2, 3, 4, 5, 6, 8), one scale
 * and one bias for each group of `group_size` (32, 64, 128) along the last axis. Packed into uint32
 * words, the first weight in the lowest bits: [..., k] becomes weight [..., k * bits / 32], scales
 * and biases [..., k / group_size] of w's dtype. All NULL after mx_fail. */
typedef struct {
  int group_size, bits;
  const char *mode; /* "affine" */
} mx_quantize_args;
typedef struct {
  mx weight, scales, biases;
} mx_quantized;
MX_API mx_quantized mx_quantize_with(mx w, mx_quantize_args args);
#define MX_QUANTIZE_ARGS_(...) \
  ((mx_quantize_args){.group_size = 64, .bits = 4, .mode = "affine", __VA_ARGS__})
#define mx_quantize(w, ...) mx_quantize_with(w, MX_QUANTIZE_ARGS_(__VA_ARGS__))
/* The weights back, in the scales' dtype. */
MX_API mx mx_dequantize_with(mx w, mx scales, mx biases, mx_quantize_args args);
#define mx_dequantize(w, scales, biases, ...) \
  mx_dequantize_with(w, scales, biases, MX_QUANTIZE_ARGS_(__VA_ARGS__))

/* x [..., m, k] times the quantised matrix: w packed from [n, k] where `transpose`, else from [k,
 * n]. w may have leading axes, which broadcast against x's. */
typedef struct {
  bool transpose;
  int group_size, bits;
  const char *mode;
} mx_quantized_matmul_args;
MX_API mx mx_quantized_matmul_with(mx x, mx w, mx scales, mx biases, mx_quantized_matmul_args args);
#define mx_quantized_matmul(x, w, scales, biases, ...) \
  mx_quantized_matmul_with(                            \
      x, w, scales, biases,                            \
      (mx_quantized_matmul_args){                      \
          .transpose = true, .group_size = 64, .bits = 4, .mode = "affine", __VA_ARGS__})

/* quantized_matmul of chosen matrices, as mx_gather_mm chooses them. */
typedef struct {
  mx lhs_indices, rhs_indices;
  bool transpose;
  int group_size, bits;
  const char *mode;
  bool sorted_indices;
} mx_gather_qmm_args;
MX_API mx mx_gather_qmm_with(mx x, mx w, mx scales, mx biases, mx_gather_qmm_args args);
#define mx_gather_qmm(x, w, scales, biases, ...) \
  mx_gather_qmm_with(                            \
      x, w, scales, biases,                      \
      (mx_gather_qmm_args){                      \
          .transpose = true, .group_size = 64, .bits = 4, .mode = "affine", __VA_ARGS__})

#ifdef __cplusplus
}
#endif
#endif
