/* Arithmetic, comparison, logic and mathematical functions, element by element.
 *
 * Operands are broadcast against each other and promoted to a common dtype (mx_promote_types);
 * where a result must be a float, integers and bool become float32. float16 and bfloat16 are
 * computed in float32. Functions of float32 are within 2 units in the last place of the true value
 * (mx_sigmoid: 2.5), special values as in C's libm. NaN and infinity behave as IEEE 754 says. */
#ifndef MLX_MX_ELEMENTWISE_H
#define MLX_MX_ELEMENTWISE_H

#include "mlx/mx/array.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- One operand, the same dtype ---- */

/* |a|; the magnitude of complex64, as float32. */
MX_API mx mx_abs(mx a);
/* -a; not for bool. */
MX_API mx mx_negative(mx a);
/* -1, 0 or 1 (0 for NaN); a / |a| for complex64. */
MX_API mx mx_sign(mx a);
MX_API mx mx_square(mx a);
/* Not for complex64; integers stay as they are. */
MX_API mx mx_floor(mx a);
MX_API mx mx_ceil(mx a);
/* To the nearest, ties to even; to that many decimals (which may be negative). */
typedef struct {
  int decimals;
} mx_round_args;
MX_API mx mx_round_with(mx a, mx_round_args args);
#define mx_round(a, ...) mx_round_with(a, (mx_round_args){__VA_ARGS__})
/* ~a; of bool, mx_logical_not. Not for floats. */
MX_API mx mx_bitwise_invert(mx a);

/* ---- One operand, a float result ---- */

MX_API mx mx_exp(mx a);
MX_API mx mx_expm1(mx a); /* e^a - 1, exact near 0 */
MX_API mx mx_log(mx a);
MX_API mx mx_log2(mx a);
MX_API mx mx_log10(mx a);
MX_API mx mx_log1p(mx a); /* log(1 + a), exact near 0 */
MX_API mx mx_sqrt(mx a);
MX_API mx mx_rsqrt(mx a);      /* 1 / sqrt(a) */
MX_API mx mx_reciprocal(mx a); /* 1 / a */
MX_API mx mx_sigmoid(mx a);    /* 1 / (1 + e^-a) */
MX_API mx mx_erf(mx a);        /* not for complex64 */
MX_API mx mx_erfinv(mx a);     /* not for complex64 */
MX_API mx mx_sin(mx a);
MX_API mx mx_cos(mx a);
MX_API mx mx_tan(mx a);
MX_API mx mx_arcsin(mx a);
MX_API mx mx_arccos(mx a);
MX_API mx mx_arctan(mx a);
MX_API mx mx_sinh(mx a);
MX_API mx mx_cosh(mx a);
MX_API mx mx_tanh(mx a);
MX_API mx mx_arcsinh(mx a);
MX_API mx mx_arccosh(mx a);
MX_API mx mx_arctanh(mx a);
MX_API mx mx_degrees(mx a); /* radians to degrees */
MX_API mx mx_radians(mx a); /* degrees to radians */

/* ---- Complex numbers ---- */

MX_API mx mx_conjugate(mx a); /* a itself where it is real */
MX_API mx mx_real(mx a);      /* float32; a itself where it is real */
MX_API mx mx_imag(mx a);      /* float32; zeros like a where it is real */

/* ---- Tests, to bool ---- */

MX_API mx mx_isnan(mx a);
MX_API mx mx_isinf(mx a);
MX_API mx mx_isposinf(mx a);
MX_API mx mx_isneginf(mx a);
MX_API mx mx_isfinite(mx a);
MX_API mx mx_logical_not(mx a);

/* NaN, infinity and -infinity replaced; left out, the infinities become the largest finite numbers
 * of the dtype. Integers and bool stay as they are. */
typedef struct {
  float nan;
  float posinf, neginf; /* NaN: not given */
} mx_nan_to_num_args;
MX_API mx mx_nan_to_num_with(mx a, mx_nan_to_num_args args);
#define mx_nan_to_num(a, ...)                                              \
  mx_nan_to_num_with(a, (mx_nan_to_num_args){.posinf = __builtin_nanf(""), \
                                             .neginf = __builtin_nanf(""), \
                                             __VA_ARGS__})

/* ---- Two operands ---- Integer arithmetic wraps; what is divided by an integer 0 is 0. */

MX_API mx mx_add(mx a, mx b);
MX_API mx mx_subtract(mx a, mx b);
MX_API mx mx_multiply(mx a, mx b);
MX_API mx mx_divide(mx a, mx b); /* a float result */
/* floor(a / b); of integers, the quotient rounded towards zero. */
MX_API mx mx_floor_divide(mx a, mx b);
/* What is left of a when the largest whole multiple of b is taken away: b's sign. */
MX_API mx mx_remainder(mx a, mx b);
/* The quotient rounded towards zero and what it leaves, into out[2]; not for complex64. False after
 * mx_fail. */
MX_API bool mx_divmod(mx a, mx b, mx out[2]);
/* a^b; of integers by repeated multiplication (negative powers are 0 but for those of 1 and -1). */
MX_API mx mx_power(mx a, mx b);
/* NaN where either is NaN. complex64 is ordered by real part, then by imaginary part. */
MX_API mx mx_maximum(mx a, mx b);
MX_API mx mx_minimum(mx a, mx b);
/* log(e^a + e^b); a float result. */
MX_API mx mx_logaddexp(mx a, mx b);
/* The angle of (b, a), in (-pi, pi]; a float result. */
MX_API mx mx_arctan2(mx a, mx b);

/* Integers and bool. Shifts by the width or more leave 0, or the sign. */
MX_API mx mx_bitwise_and(mx a, mx b);
MX_API mx mx_bitwise_or(mx a, mx b);
MX_API mx mx_bitwise_xor(mx a, mx b);
MX_API mx mx_left_shift(mx a, mx b);
MX_API mx mx_right_shift(mx a, mx b);

/* ---- Two operands, to bool ---- */

MX_API mx mx_equal(mx a, mx b);
MX_API mx mx_not_equal(mx a, mx b);
MX_API mx mx_less(mx a, mx b);
MX_API mx mx_less_equal(mx a, mx b);
MX_API mx mx_greater(mx a, mx b);
MX_API mx mx_greater_equal(mx a, mx b);
/* Operands are cast to bool first. */
MX_API mx mx_logical_and(mx a, mx b);
MX_API mx mx_logical_or(mx a, mx b);

/* |a - b| <= atol + rtol |b|, element by element; equal infinities are close. */
typedef struct {
  double rtol, atol;
  bool equal_nan;
} mx_close_args;
MX_API mx mx_isclose_with(mx a, mx b, mx_close_args args);
#define mx_isclose(a, b, ...) \
  mx_isclose_with(a, b, (mx_close_args){.rtol = 1e-5, .atol = 1e-8, __VA_ARGS__})

/* Whether all are close (a scalar). */
MX_API mx mx_allclose_with(mx a, mx b, mx_close_args args);
#define mx_allclose(a, b, ...) \
  mx_allclose_with(a, b, (mx_close_args){.rtol = 1e-5, .atol = 1e-8, __VA_ARGS__})
/* Whether shapes and all elements are equal (a scalar). */
typedef struct {
  bool equal_nan;
} mx_array_equal_args;
MX_API mx mx_array_equal_with(mx a, mx b, mx_array_equal_args args);
#define mx_array_equal(a, b, ...) mx_array_equal_with(a, b, (mx_array_equal_args){__VA_ARGS__})

/* ---- Choosing ---- */

/* condition ? a : b; the condition is cast to bool. */
MX_API mx mx_where(mx condition, mx a, mx b);
/* a brought into [low, high]; either bound may be NULL, not both. */
MX_API mx mx_clip(mx a, mx low, mx high);

#ifdef __cplusplus
}
#endif
#endif
