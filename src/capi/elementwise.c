/* Element-by-element operations. */
#include "capi/capi.h"
#include "mlx/c/ops.h"

#include <math.h>

#define UNARY(name)                                                       \
  int mlx_##name(mlx_array *res, const mlx_array a, const mlx_stream s) { \
    CAPI_RETURN(res, s, mx_##name(A(a)));                                 \
  }
UNARY(abs)
UNARY(negative)
UNARY(sign)
UNARY(square)
UNARY(sqrt)
UNARY(rsqrt)
UNARY(reciprocal)
UNARY(exp)
UNARY(expm1)
UNARY(log)
UNARY(log2)
UNARY(log10)
UNARY(log1p)
UNARY(sigmoid)
UNARY(erf)
UNARY(erfinv)
UNARY(sin)
UNARY(cos)
UNARY(tan)
UNARY(arcsin)
UNARY(arccos)
UNARY(arctan)
UNARY(sinh)
UNARY(cosh)
UNARY(tanh)
UNARY(arcsinh)
UNARY(arccosh)
UNARY(arctanh)
UNARY(degrees)
UNARY(radians)
UNARY(floor)
UNARY(ceil)
UNARY(conjugate)
UNARY(real)
UNARY(imag)
UNARY(bitwise_invert)
UNARY(logical_not)
UNARY(isnan)
UNARY(isinf)
UNARY(isposinf)
UNARY(isneginf)
UNARY(isfinite)

#define BINARY(name)                                                                         \
  int mlx_##name(mlx_array *res, const mlx_array a, const mlx_array b, const mlx_stream s) { \
    CAPI_RETURN(res, s, mx_##name(A(a), A(b)));                                              \
  }
BINARY(add)
BINARY(subtract)
BINARY(multiply)
BINARY(divide)
BINARY(floor_divide)
BINARY(remainder)
BINARY(power)
BINARY(maximum)
BINARY(minimum)
BINARY(logaddexp)
BINARY(arctan2)
BINARY(bitwise_and)
BINARY(bitwise_or)
BINARY(bitwise_xor)
BINARY(left_shift)
BINARY(right_shift)
BINARY(equal)
BINARY(not_equal)
BINARY(less)
BINARY(less_equal)
BINARY(greater)
BINARY(greater_equal)
BINARY(logical_and)
BINARY(logical_or)

int mlx_divmod(mlx_vector_array *res, const mlx_array a, const mlx_array b, const mlx_stream s) {
  capi_call call = capi_begin(s);
  mx out[2];
  return capi_end_vector(call, res, mx_divmod(A(a), A(b), out), out, 2);
}

int mlx_round(mlx_array *res, const mlx_array a, int decimals, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_round(A(a), .decimals = decimals));
}

int mlx_nan_to_num(mlx_array *res, const mlx_array a, float nan, mlx_optional_float posinf,
                   mlx_optional_float neginf, const mlx_stream s) {
  CAPI_RETURN(res, s,
              mx_nan_to_num(A(a), .nan = nan, .posinf = posinf.has_value ? posinf.value : NAN,
                            .neginf = neginf.has_value ? neginf.value : NAN));
}

int mlx_clip(mlx_array *res, const mlx_array a, const mlx_array a_min, const mlx_array a_max,
             const mlx_stream s) {
  CAPI_RETURN(res, s, mx_clip(A(a), A(a_min), A(a_max)));
}

int mlx_where(mlx_array *res, const mlx_array condition, const mlx_array x, const mlx_array y,
              const mlx_stream s) {
  CAPI_RETURN(res, s, mx_where(A(condition), A(x), A(y)));
}

int mlx_isclose(mlx_array *res, const mlx_array a, const mlx_array b, double rtol, double atol,
                bool equal_nan, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_isclose(A(a), A(b), .rtol = rtol, .atol = atol, .equal_nan = equal_nan));
}

int mlx_allclose(mlx_array *res, const mlx_array a, const mlx_array b, double rtol, double atol,
                 bool equal_nan, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_allclose(A(a), A(b), .rtol = rtol, .atol = atol, .equal_nan = equal_nan));
}

int mlx_array_equal(mlx_array *res, const mlx_array a, const mlx_array b, bool equal_nan,
                    const mlx_stream s) {
  CAPI_RETURN(res, s, mx_array_equal(A(a), A(b), .equal_nan = equal_nan));
}
