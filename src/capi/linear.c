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
