/* Products of matrices, plain and quantised. */
#include "capi/capi.h"
#include "mlx/c/ops.h"

int mlx_matmul(mlx_array *res, const mlx_array a, const mlx_array b, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_matmul(A(a), A(b)));
}

int mlx_addmm(mlx_array *res, const mlx_array c, const mlx_array a, const mlx_array b, float alpha,
              float beta, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_addmm(A(c), A(a), A(b), .alpha = alpha, .beta = beta));
}

int mlx_gather_mm(mlx_array *res, const mlx_array a, const mlx_array b, const mlx_array lhs_indices,
                  const mlx_array rhs_indices, bool sorted_indices, const mlx_stream s) {
  CAPI_RETURN(res, s,
              mx_gather_mm(A(a), A(b), .lhs_indices = A(lhs_indices), .rhs_indices = A(rhs_indices),
                           .sorted_indices = sorted_indices));
}

int mlx_tensordot(mlx_array *res, const mlx_array a, const mlx_array b, const int *axes_a,
                  size_t axes_a_num, const int *axes_b, size_t axes_b_num, const mlx_stream s) {
  CAPI_RETURN(
      res, s,
      mx_tensordot_axes(A(a), A(b), capi_ints(axes_a, axes_a_num), capi_ints(axes_b, axes_b_num)));
}

/* "axis" is how many: the last of a with the first of b. */
int mlx_tensordot_axis(mlx_array *res, const mlx_array a, const mlx_array b, int axis,
                       const mlx_stream s) {
  CAPI_RETURN(res, s, mx_tensordot(A(a), A(b), axis));
}

int mlx_outer(mlx_array *res, const mlx_array a, const mlx_array b, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_outer(A(a), A(b)));
}

int mlx_inner(mlx_array *res, const mlx_array a, const mlx_array b, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_inner(A(a), A(b)));
}

int mlx_kron(mlx_array *res, const mlx_array a, const mlx_array b, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_kron(A(a), A(b)));
}

int mlx_diagonal(mlx_array *res, const mlx_array a, int offset, int axis1, int axis2,
                 const mlx_stream s) {
  CAPI_RETURN(res, s, mx_diagonal(A(a), offset, axis1, axis2));
}

int mlx_diag(mlx_array *res, const mlx_array a, int k, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_diag(A(a), k));
}

int mlx_trace(mlx_array *res, const mlx_array a, int offset, int axis1, int axis2, mlx_dtype dtype,
              const mlx_stream s) {
  CAPI_RETURN(res, s, mx_trace(A(a), offset, axis1, axis2, (mx_dtype)dtype));
}

/* The parameters of a quantisation, MLX's where they are not given. */
#define QUANTIZED                                             \
  .group_size = group_size.has_value ? group_size.value : 64, \
  .bits = bits.has_value ? bits.value : 4, .mode = mode

int mlx_quantize(mlx_vector_array *res, const mlx_array w, mlx_optional_int group_size,
                 mlx_optional_int bits, const char *mode, const mlx_stream s) {
  capi_call call = capi_begin(s);
  mx_quantized q = mx_quantize(A(w), QUANTIZED);
  mx parts[] = {q.weight, q.scales, q.biases};
  return capi_end_vector(call, res, q.weight != NULL, parts, 3);
}

int mlx_dequantize(mlx_array *res, const mlx_array w, const mlx_array scales,
                   const mlx_array biases, mlx_optional_int group_size, mlx_optional_int bits,
                   const char *mode, mlx_optional_dtype dtype, const mlx_stream s) {
  mx_dtype type = dtype.has_value ? (mx_dtype)dtype.value : mx_dtype_of(A(scales));
  CAPI_RETURN(res, s, mx_astype(mx_dequantize(A(w), A(scales), A(biases), QUANTIZED), type));
}

int mlx_quantized_matmul(mlx_array *res, const mlx_array x, const mlx_array w,
                         const mlx_array scales, const mlx_array biases, bool transpose,
                         mlx_optional_int group_size, mlx_optional_int bits, const char *mode,
                         const mlx_stream s) {
  CAPI_RETURN(
      res, s,
      mx_quantized_matmul(A(x), A(w), A(scales), A(biases), .transpose = transpose, QUANTIZED));
}

int mlx_gather_qmm(mlx_array *res, const mlx_array x, const mlx_array w, const mlx_array scales,
                   const mlx_array biases, const mlx_array lhs_indices, const mlx_array rhs_indices,
                   bool transpose, mlx_optional_int group_size, mlx_optional_int bits,
                   const char *mode, bool sorted_indices, const mlx_stream s) {
  CAPI_RETURN(res, s,
              mx_gather_qmm(A(x), A(w), A(scales), A(biases), .lhs_indices = A(lhs_indices),
                            .rhs_indices = A(rhs_indices), .transpose = transpose,
                            .sorted_indices = sorted_indices, QUANTIZED));
}
