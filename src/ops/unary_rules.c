/* Derivatives of operations of one operand. */
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "mlx/mx/elementwise.h"
#include "ops/unary_rules.h"

#include <math.h>

static mx number(double value, mx like) { return mx_scalar(value, like->dtype); }
static mx one_plus_square(mx x) { return mx_add(number(1, x), mx_square(x)); }
static mx one_minus_square(mx x) { return mx_subtract(number(1, x), mx_square(x)); }

/* t times the derivative at x, where y is the operation's result. */
#define PUSH(op, formula)                 \
  static mx push_##op(mx x, mx y, mx t) { \
    (void)x, (void)y;                     \
    return formula;                       \
  }

/* clang-format off */
PUSH(abs,      mx_multiply(t, mx_sign(x)))
PUSH(arccos,   mx_multiply(t, mx_negative(mx_rsqrt(one_minus_square(x)))))
PUSH(arccosh,  mx_multiply(t, mx_rsqrt(mx_subtract(mx_square(x), number(1, x)))))
PUSH(arcsin,   mx_multiply(t, mx_rsqrt(one_minus_square(x))))
PUSH(arcsinh,  mx_multiply(t, mx_rsqrt(one_plus_square(x))))
PUSH(arctan,   mx_divide(t, one_plus_square(x)))
PUSH(arctanh,  mx_divide(t, one_minus_square(x)))
PUSH(conjugate, mx_conjugate(t))
PUSH(cos,      mx_multiply(t, mx_negative(mx_sin(x))))
PUSH(cosh,     mx_multiply(t, mx_sinh(x)))
PUSH(erf,      mx_multiply(mx_multiply(number(M_2_SQRTPI, x), t), mx_exp(mx_negative(mx_square(x)))))
PUSH(erfinv,   mx_multiply(mx_multiply(number(1 / M_2_SQRTPI, x), t), mx_exp(mx_square(y))))
PUSH(exp,      mx_multiply(t, y))
PUSH(expm1,    mx_multiply(t, mx_add(y, number(1, y))))
PUSH(log,      mx_divide(t, x))
PUSH(log10,    mx_multiply(number(1 / M_LN10, x), mx_divide(t, x)))
PUSH(log1p,    mx_divide(t, mx_add(number(1, x), x)))
PUSH(log2,     mx_multiply(number(1 / M_LN2, x), mx_divide(t, x)))
PUSH(negative, mx_negative(t))
PUSH(rsqrt,    mx_multiply(mx_multiply(number(-0.5, x), t), mx_divide(y, x)))
PUSH(sigmoid,  mx_multiply(t, mx_multiply(y, mx_subtract(number(1, y), y))))
PUSH(sin,      mx_multiply(t, mx_cos(x)))
PUSH(sinh,     mx_multiply(t, mx_cosh(x)))
PUSH(sqrt,     mx_divide(mx_multiply(number(0.5, x), t), y))
PUSH(square,   mx_multiply(x, mx_multiply(number(2, x), t)))
PUSH(tan,      mx_divide(t, mx_square(mx_cos(x))))
PUSH(tanh,     mx_multiply(t, one_minus_square(y)))
/* clang-format on */

/* The real part's tangent is the tangent's real part; its cotangent is a complex number. */
PUSH(real, mx_real(t))
PUSH(imag, mx_imag(t))

/* Those without a line here are flat. */
static mx (*const pushes[MX_UNARY_COUNT])(mx x, mx y, mx t) = {
#define LINE(op) [MX_UNARY_##op] = push_##op
    LINE(abs),     LINE(arccos),    LINE(arccosh), LINE(arcsin), LINE(arcsinh), LINE(arctan),
    LINE(arctanh), LINE(conjugate), LINE(cos),     LINE(cosh),   LINE(erf),     LINE(erfinv),
    LINE(exp),     LINE(expm1),     LINE(imag),    LINE(log),    LINE(log10),   LINE(log1p),
    LINE(log2),    LINE(negative),  LINE(real),    LINE(rsqrt),  LINE(sigmoid), LINE(sin),
    LINE(sinh),    LINE(sqrt),      LINE(square),  LINE(tan),    LINE(tanh),
};

mx mx_unary_push(mx_unary_op op, mx x, mx y, mx t) {
  return pushes[op] ? pushes[op](x, y, t) : mx_zeros_like(y);
}

mx mx_unary_pull(mx_unary_op op, mx x, mx y, mx t) {
  if (op == MX_UNARY_real) return mx_astype(t, x->dtype);
  if (op == MX_UNARY_imag) return mx_multiply(mx_complex(0, 1), t);
  return pushes[op] ? pushes[op](x, y, t) : mx_zeros_like(x);
}
