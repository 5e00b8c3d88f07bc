/* No elementwise operation, alone or compiled in a chain, is further from the truth than MLX's own:
 * the largest error and the RMS error over the same numbers, for every float dtype. */
#include "accuracy.h"

/* What chance does to the RMS error of thousands of results that are both all but rightly rounded;
 * and to the largest error of a chain, whose steps' errors may or may not meet. */
#define RMS_SLACK 1.005
#define CHAIN_SLACK 1.05

/* ---- Truths: in double and, for float64, in long double ---- */

static double sigmoid(double x) {
  double e = exp(-fabs(x));
  return (x < 0 ? e : 1) / (1 + e);
}
static long double sigmoidl(long double x) {
  long double e = expl(-fabsl(x));
  return (x < 0 ? e : 1) / (1 + e);
}
static double complex csigmoid(double complex z) {
  double complex e = cexp(creal(z) < 0 ? z : -z);
  return (creal(z) < 0 ? e : 1) / (1 + e);
}
static double rsqrt(double x) { return 1 / sqrt(x); }
static long double rsqrtl(long double x) { return 1 / sqrtl(x); }
static double complex crsqrt(double complex z) { return 1 / csqrt(z); }
static double square(double x) { return x * x; }
static long double squarel(long double x) { return x * x; }
static double complex csquare(double complex z) { return z * z; }
static double reciprocal(double x) { return 1 / x; }
static long double reciprocall(long double x) { return 1 / x; }
static double complex creciprocal(double complex z) { return 1 / z; }

/* By series near 0, where the leading 1 would swallow the rest. */
static double complex cexpm1(double complex z) {
  double half = sin(0.5 * cimag(z));
  return CMPLX(expm1(creal(z)) - 2 * exp(creal(z)) * half * half, exp(creal(z)) * sin(cimag(z)));
}
static double complex clog1p(double complex z) {
  double x = creal(z), y = cimag(z);
  return CMPLX(0.5 * log1p(x * (2 + x) + y * y), atan2(y, 1 + x));
}
static double complex clog2(double complex z) { return clog(z) / M_LN2; }
static double complex clog10_(double complex z) { return clog(z) / M_LN10; }

/* Newton's steps on erf, or on erfc where erf is flat. */
static double erfinv(double x) {
  double a = fabs(x), w = -log((1 - a) * (1 + a));
  if (!(a < 1)) return INFINITY;
  double y = w < 5 ? a * (0.886227 + w * (0.232 + w * (0.0105 - w * 0.0021))) : sqrt(w) - 0.3;
  for (int i = 0; i < 20; i++) {
    double error = a < 0.5 ? erf(y) - a : (1 - a) - erfc(y);
    double step = error * sqrt(M_PI) / 2 * exp(y * y);
    y -= step /= 1 + y * step;
    if (fabs(step) <= 1e-15 * y) break;
  }
  return copysign(y, x);
}

typedef struct {
  const char *name;
  mx (*op)(mx);
  double (*truth)(double);
  long double (*truth_long)(long double);
  double complex (*truth_complex)(double complex);
} unary_op;
#define UNARY(name, f) \
  { #name, mx_##name, f, f##l, c##f }
static const unary_op unary_ops[] = {
    UNARY(exp, exp),
    UNARY(expm1, expm1),
    UNARY(log, log),
    UNARY(log2, log2),
    {"log10", mx_log10, log10, log10l, clog10_},
    UNARY(log1p, log1p),
    UNARY(sin, sin),
    UNARY(cos, cos),
    UNARY(tan, tan),
    UNARY(arcsin, asin),
    UNARY(arccos, acos),
    UNARY(arctan, atan),
    UNARY(sinh, sinh),
    UNARY(cosh, cosh),
    UNARY(tanh, tanh),
    UNARY(arcsinh, asinh),
    UNARY(arccosh, acosh),
    UNARY(arctanh, atanh),
    {"erf", mx_erf, erf, erfl, NULL},
    {"erfinv", mx_erfinv, erfinv, NULL, NULL},
    UNARY(sigmoid, sigmoid),
    UNARY(sqrt, sqrt),
    UNARY(rsqrt, rsqrt),
    UNARY(square, square),
    UNARY(reciprocal, reciprocal),
};

static double floored(double x, double y) {
  double r = fmod(x, y);
  return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}
static long double flooredl(long double x, long double y) {
  long double r = fmodl(x, y);
  return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}
static double logaddexp(double x, double y) { return fmax(x, y) + log1p(exp(-fabs(x - y))); }
static long double logaddexpl(long double x, long double y) {
  return fmaxl(x, y) + log1pl(expl(-fabsl(x - y)));
}
#define ARITHMETIC(name, op)                                                  \
  static double name(double x, double y) { return x op y; }                   \
  static long double name##l(long double x, long double y) { return x op y; } \
  static double complex c##name(double complex x, double complex y) { return x op y; }
ARITHMETIC(add, +)
ARITHMETIC(multiply, *)
ARITHMETIC(divide, /)

typedef struct {
  const char *name;
  mx (*op)(mx, mx);
  double (*truth)(double, double);
  long double (*truth_long)(long double, long double);
  double complex (*truth_complex)(double complex, double complex);
} binary_op;
static const binary_op binary_ops[] = {
    {"power", mx_power, pow, powl, cpow},
    {"arctan2", mx_arctan2, atan2, atan2l, NULL},
    {"logaddexp", mx_logaddexp, logaddexp, logaddexpl, NULL},
    {"remainder", mx_remainder, floored, flooredl, NULL},
    {"add", mx_add, add, addl, cadd},
    {"multiply", mx_multiply, multiply, multiplyl, cmultiply},
    {"divide", mx_divide, divide, dividel, cdivide},
};

/* In 2^-24 of the true modulus, unless that is near the ends of the range. */
static void add_complex(accuracy_errors *e, const long double *got, double complex want) {
  double size = cabs(want);
  if (!isfinite(creal(want)) || !isfinite(cimag(want)) || !(size > 0x1p-100 && size < 0x1p126))
    return;
  accuracy_add(e, hypotl(got[0] - creal(want), got[1] - cimag(want)) / (long double)size * 0x1p24L);
}

/* ---- Operations alone ---- */

static mx_ints whole(const accuracy_case *c, int *shape) {
  *shape = (int)accuracy_number(c, "n");
  return (mx_ints){shape, 1};
}

static void run_unary(const accuracy_case *c, const unary_op *op) {
  int n;
  mx_ints shape = whole(c, &n);
  accuracy_input a = accuracy_in(json_object_get(c->json, "range"), c->dtype,
                                 (uint64_t)accuracy_number(c, "seed"), shape);
  long double *got = accuracy_values(c, op->op(a.array), a.n);
  const json_t *within = json_object_get(c->json, "within");
  double most = within ? json_number_value(within) : DBL_MAX;
  accuracy_errors e = {0};
  for (size_t i = 0; i < a.n; i++) {
    if (c->dtype == MX_COMPLEX64) {
      double complex z = CMPLX((double)a.x[i], (double)a.x[i + 1]);
      if (cabs(z) <= most) add_complex(&e, got + i, op->truth_complex(z));
      i++;
    } else if (fabsl(a.x[i]) <= most) {
      accuracy_add_ulps(&e, c->dtype, got[i],
                        c->dtype == MX_FLOAT64 ? op->truth_long(a.x[i])
                                               : (long double)op->truth((double)a.x[i]));
    }
  }
  free(got);
  free(a.x);
  accuracy_judge(c, e, 1, RMS_SLACK);
}

static void run_binary(const accuracy_case *c, const binary_op *op) {
  int n;
  mx_ints shape = whole(c, &n);
  accuracy_input a = accuracy_in(json_object_get(c->json, "range"), c->dtype, 31, shape);
  accuracy_input b = accuracy_in(json_object_get(c->json, "range2"), c->dtype, 32, shape);
  long double *got = accuracy_values(c, op->op(a.array, b.array), a.n);
  accuracy_errors e = {0};
  for (size_t i = 0; i < a.n; i++) {
    if (c->dtype == MX_COMPLEX64) {
      add_complex(&e, got + i,
                  op->truth_complex(CMPLX((double)a.x[i], (double)a.x[i + 1]),
                                    CMPLX((double)b.x[i], (double)b.x[i + 1])));
      i++;
    } else {
      accuracy_add_ulps(&e, c->dtype, got[i],
                        c->dtype == MX_FLOAT64
                            ? op->truth_long(a.x[i], b.x[i])
                            : (long double)op->truth((double)a.x[i], (double)b.x[i]));
    }
  }
  free(got);
  free(a.x);
  free(b.x);
  accuracy_judge(c, e, 1, RMS_SLACK);
}

static bool run_elementwise(const accuracy_case *c) {
  for (size_t i = 0; i < sizeof unary_ops / sizeof *unary_ops; i++)
    if (!strcmp(unary_ops[i].name, c->op)) return run_unary(c, &unary_ops[i]), true;
  for (size_t i = 0; i < sizeof binary_ops / sizeof *binary_ops; i++)
    if (!strcmp(binary_ops[i].name, c->op)) return run_binary(c, &binary_ops[i]), true;
  return false;
}

static void operations_are_no_worse_than_MLX(void **state) {
  (void)state;
  accuracy_group("elementwise", run_elementwise);
}

/* ---- Compiled chains ---- */

static mx number(mx like, double value) { return mx_scalar(value, mx_dtype_of(like)); }

static mx gelu(mx x) {
  mx one = mx_add(number(x, 1), mx_erf(mx_divide(x, number(x, M_SQRT2))));
  return mx_divide(mx_multiply(x, one), number(x, 2));
}
static double gelu_truth(double x) { return x * (1 + erf(x / M_SQRT2)) / 2; }
static mx gelu_tanh(mx x) {
  mx cube = mx_multiply(mx_multiply(mx_multiply(number(x, 0.044715), x), x), x);
  mx inner = mx_multiply(number(x, sqrt(2 / M_PI)), mx_add(x, cube));
  return mx_multiply(mx_multiply(number(x, 0.5), x), mx_add(number(x, 1), mx_tanh(inner)));
}
static double gelu_tanh_truth(double x) {
  return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}
static mx silu(mx x) { return mx_multiply(x, mx_sigmoid(x)); }
static double silu_truth(double x) { return x * sigmoid(x); }
static mx erf_twice(mx x) { return mx_erf(mx_erf(x)); }
static double erf_twice_truth(double x) { return erf(erf(x)); }
static mx tanh_exp(mx x) { return mx_tanh(mx_exp(x)); }
static double tanh_exp_truth(double x) { return tanh(exp(x)); }
static mx sin_cos(mx x) { return mx_multiply(mx_sin(x), mx_cos(x)); }
static double sin_cos_truth(double x) { return sin(x) * cos(x); }

typedef struct {
  const char *name;
  mx (*chain)(mx);
  double (*truth)(double);
} chain_op;
#define CHAIN(name) \
  { #name, name, name##_truth }
static const chain_op chain_ops[] = {CHAIN(gelu),      CHAIN(gelu_tanh), CHAIN(silu),
                                     CHAIN(erf_twice), CHAIN(tanh_exp),  CHAIN(sin_cos)};

static bool call_chain(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)count;
  return mx_arrays_push(out, ((const chain_op *)payload)->chain(in[0]));
}

static bool run_chain(const accuracy_case *c) {
  const chain_op *op = chain_ops;
  while (op < chain_ops + sizeof chain_ops / sizeof *chain_ops && strcmp(op->name, c->op)) op++;
  if (op == chain_ops + sizeof chain_ops / sizeof *chain_ops) return false;
  int n;
  mx_ints shape = whole(c, &n);
  accuracy_input a = accuracy_in(json_object_get(c->json, "range"), c->dtype, 41, shape);
  mx_fn plain = mx_fn_new(call_chain, (void *)op, NULL), compiled = mx_compile(plain);
  mx_arrays out = {0};
  if (!mx_fn_apply(compiled, &a.array, 1, &out)) fail_msg("%s: %s", c->op, mx_error());
  for (size_t i = 0; i < a.n; i++) a.x[i] = op->truth((double)a.x[i]);
  accuracy_judge(c, accuracy_relative(c, out.data[0], a.x, a.n), CHAIN_SLACK, RMS_SLACK);
  mx_arrays_free(&out);
  mx_fn_release(compiled);
  mx_fn_release(plain);
  free(a.x);
  return true;
}

static void compiled_chains_are_no_worse_than_MLX(void **state) {
  (void)state;
  accuracy_group("chains", run_chain);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(operations_are_no_worse_than_MLX),
      cmocka_unit_test(compiled_chains_are_no_worse_than_MLX),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
