/* Derivatives and vectorisation of operations element by element, against mathematics. */
#include "derivatives.h"

DERIVATIVE_FN(sum_of_sines, mx_add(mx_sin(in[0]), mx_multiply(in[0], in[1])))
DERIVATIVE_FN(choice, mx_where(mx_greater(in[0], in[1]), in[0], mx_square(in[1])))
DERIVATIVE_FN(choice_of_three, mx_where(in[0], in[1], in[2]))
DERIVATIVE_FN(cast, mx_astype(mx_square(in[0]), MX_FLOAT64))
DERIVATIVE_FN(clip, mx_clip(in[0], in[1], in[2]))

#define UNARY(op) DERIVATIVE_FN(un_##op, mx_##op(in[0]))
#define BINARY(op) DERIVATIVE_FN(bin_##op, mx_##op(in[0], in[1]))
/* clang-format off */
UNARY(abs) UNARY(arccos) UNARY(arccosh) UNARY(arcsin) UNARY(arcsinh) UNARY(arctan) UNARY(arctanh)
UNARY(ceil) UNARY(conjugate) UNARY(cos) UNARY(cosh) UNARY(degrees) UNARY(erf) UNARY(erfinv)
UNARY(exp) UNARY(expm1) UNARY(floor) UNARY(isfinite) UNARY(isinf) UNARY(isnan) UNARY(isneginf)
UNARY(isposinf) UNARY(log) UNARY(log10) UNARY(log1p) UNARY(log2) UNARY(logical_not)
UNARY(nan_to_num) UNARY(negative) UNARY(radians) UNARY(real) UNARY(imag) UNARY(reciprocal)
UNARY(round) UNARY(rsqrt) UNARY(sigmoid) UNARY(sign) UNARY(sin) UNARY(sinh) UNARY(sqrt)
UNARY(square) UNARY(tan) UNARY(tanh)
BINARY(add) BINARY(arctan2) BINARY(divide) BINARY(equal) BINARY(floor_divide) BINARY(greater)
BINARY(greater_equal) BINARY(less) BINARY(less_equal) BINARY(logaddexp) BINARY(logical_and)
BINARY(logical_or) BINARY(maximum) BINARY(minimum) BINARY(multiply) BINARY(not_equal) BINARY(power)
BINARY(remainder) BINARY(subtract) BINARY(bitwise_and) BINARY(bitwise_or) BINARY(bitwise_xor)
BINARY(left_shift) BINARY(right_shift)
    /* clang-format on */
    DERIVATIVE_FN(un_bitwise_invert, mx_bitwise_invert(in[0]))
        DERIVATIVE_FN(close, mx_isclose(in[0], in[1]))

            static bool both(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  mx parts[2];
  return mx_divmod(in[0], in[1], parts) && mx_arrays_push(out, parts[0]) &&
         mx_arrays_push(out, parts[1]);
}

static const derivative_case smooth[] = {
    {"sum of sines", sum_of_sines, {"2x3", "3"}},
    {"sum of sines, views", sum_of_sines, {"2x3T", "2x3S"}},
    {"arccos", un_arccos, {"2x3:-0.8:0.8"}},
    {"arccosh", un_arccosh, {"2x3:1.3:3"}},
    {"arcsin", un_arcsin, {"2x3:-0.8:0.8T"}},
    {"arcsinh", un_arcsinh, {"2x3"}},
    {"arctan", un_arctan, {"2x3S"}},
    {"arctanh", un_arctanh, {"2x3:-0.8:0.8"}},
    {"cos", un_cos, {"()"}},
    {"cosh", un_cosh, {"2x3B"}},
    {"degrees", un_degrees, {"3"}},
    {"erf", un_erf, {"2x3"}},
    {"erfinv", un_erfinv, {"2x3:-0.8:0.8"}},
    {"exp", un_exp, {"2x3T"}},
    {"expm1", un_expm1, {"2x3"}},
    {"log", un_log, {"2x3:0.5:2"}},
    {"log10", un_log10, {"2x3:0.5:2S"}},
    {"log1p", un_log1p, {"2x3:-0.5:2"}},
    {"log2", un_log2, {"2x3:0.5:2"}},
    {"negative", un_negative, {"2x3"}},
    {"radians", un_radians, {"2x3"}},
    {"reciprocal", un_reciprocal, {"2x3:0.5:2"}},
    {"rsqrt", un_rsqrt, {"2x3:0.5:2"}},
    {"sigmoid", un_sigmoid, {"2x3"}},
    {"sin", un_sin, {"2x0x3"}},
    {"sinh", un_sinh, {"2x3"}},
    {"sqrt", un_sqrt, {"2x3:0.5:2"}},
    {"square", un_square, {"2x3"}},
    {"tan", un_tan, {"2x3"}},
    {"tanh", un_tanh, {"2x3"}},
    {"add", bin_add, {"2x3", "3"}},
    {"arctan2", bin_arctan2, {"2x3:0.5:2", "3x1x1:0.5:2"}},
    {"divide", bin_divide, {"2x3", "():0.5:2"}},
    {"logaddexp", bin_logaddexp, {"2x3T", "3"}},
    {"multiply", bin_multiply, {"2x3S", "1x3"}},
    {"power", bin_power, {"2x3:0.5:2", "()"}},
    {"power, views", bin_power, {"2x3:0.5:2T", "2x3S"}},
    {"subtract", bin_subtract, {"2x3B", "2x3"}},
    {"cast", cast, {"2x3"}},
    {"where", choice, {"2x3", "3"}},
};

/* Smooth but for jumps and bends that the inputs avoid. */
static const derivative_case bent[] = {
    {"abs", un_abs, {"2x3"}},
    {"ceil", un_ceil, {"2x3"}},
    {"floor", un_floor, {"2x3"}},
    {"round", un_round, {"2x3"}},
    {"sign", un_sign, {"2x3"}},
    {"conjugate", un_conjugate, {"2x3"}},
    {"real", un_real, {"2x3"}},
    {"imag", un_imag, {"2x3"}},
    {"nan_to_num", un_nan_to_num, {"2x3"}},
    {"floor_divide", bin_floor_divide, {"2x3:2.2:2.9", "3:1.01:1.09"}},
    {"maximum", bin_maximum, {"2x3", "3"}},
    {"minimum", bin_minimum, {"2x3T", "()"}},
    {"remainder", bin_remainder, {"2x3:2.2:2.9", "3:1.01:1.09"}},
    {"clip", clip, {"2x3", "3:-0.5:-0.3", "():0.3:0.5"}},
    {"where of three", choice_of_three, {"i2x3:0:2", "3", "2x1"}},
    {"where of scalars", choice_of_three, {"i():0:2", "()", "()"}},
    {"where of nothing", choice_of_three, {"i0x3:0:2", "3", "0x3"}},
};

static const derivative_case flat[] = {
    {"isfinite", un_isfinite, {"2x3"}},
    {"isinf", un_isinf, {"2x3"}},
    {"isnan", un_isnan, {"2x3"}},
    {"isneginf", un_isneginf, {"2x3"}},
    {"isposinf", un_isposinf, {"2x3"}},
    {"logical_not", un_logical_not, {"2x3"}},
    {"bitwise_invert", un_bitwise_invert, {"i2x3"}},
    {"equal", bin_equal, {"i2x3", "i3"}},
    {"not_equal", bin_not_equal, {"i2x3T", "i3"}},
    {"greater", bin_greater, {"2x3", "3"}},
    {"greater_equal", bin_greater_equal, {"2x3S", "()"}},
    {"less", bin_less, {"2x3", "2x1"}},
    {"less_equal", bin_less_equal, {"2x3", "3"}},
    {"logical_and", bin_logical_and, {"i2x3:0:2", "i3:0:2"}},
    {"logical_or", bin_logical_or, {"i2x3:0:2", "i3:0:2"}},
    {"bitwise_and", bin_bitwise_and, {"i2x3:0:16", "i3:0:16"}},
    {"bitwise_or", bin_bitwise_or, {"i2x3:0:16", "i3:0:16"}},
    {"bitwise_xor", bin_bitwise_xor, {"i2x3:0:16", "i3:0:16"}},
    {"left_shift", bin_left_shift, {"i2x3:0:16", "i3:0:4"}},
    {"right_shift", bin_right_shift, {"i2x3:0:16", "i3:0:4"}},
    {"floor_divide of integers", bin_floor_divide, {"i2x3:1:16", "i3:1:4"}},
    {"isclose", close, {"2x3", "3"}},
    {"divmod", both, {"i2x3:1:16", "i2x1:1:4"}},
};

static void smooth_functions(void **state) {
  (void)state;
  check_derivative_cases(smooth, DERIVATIVE_TWICE);
}

static void functions_with_bends(void **state) {
  (void)state;
  check_derivative_cases(bent, 0);
}

static void functions_without_derivatives(void **state) {
  (void)state;
  check_derivative_cases(flat, DERIVATIVE_VMAP_ONLY);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(smooth_functions),
      scoped_test(functions_with_bends),
      scoped_test(functions_without_derivatives),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
