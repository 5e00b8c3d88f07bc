/* The float32 functions against float64 libm over the whole range of float32, at every instruction
 * set; special values against libm. */
#include "kernels/kernels.h"
#include "base/half.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double rsqrt(double x) { return 1 / sqrt(x); }

/* The worst error allowed, in units in the last place of the float32 nearest to the true value. */
static const struct {
  const char *name;
  mx_unary_op op;
  double (*truth)(double);
  double most;
} functions[] = {
    {"exp", MX_UNARY_exp, exp, 1},
    {"sigmoid", MX_UNARY_sigmoid, sigmoid, 2},
    {"tanh", MX_UNARY_tanh, tanh, 1.3},
    {"log", MX_UNARY_log, log, 0.8},
    {"sin", MX_UNARY_sin, sin, 0.9},
    {"cos", MX_UNARY_cos, cos, 0.9},
    {"erf", MX_UNARY_erf, erf, 1.1},
    {"rsqrt", MX_UNARY_rsqrt, rsqrt, 1.5},
    {"sqrt", MX_UNARY_sqrt, sqrt, 0.501},
    {"expm1", MX_UNARY_expm1, expm1, 0.51},
    {"log2", MX_UNARY_log2, log2, 1},
    {"log10", MX_UNARY_log10, log10, 1},
    {"log1p", MX_UNARY_log1p, log1p, 1},
    {"tan", MX_UNARY_tan, tan, 1},
    {"sinh", MX_UNARY_sinh, sinh, 1},
    {"cosh", MX_UNARY_cosh, cosh, 1},
    {"arcsin", MX_UNARY_arcsin, asin, 0.51},
    {"arccos", MX_UNARY_arccos, acos, 0.51},
    {"arctan", MX_UNARY_arctan, atan, 1},
    {"arcsinh", MX_UNARY_arcsinh, asinh, 1},
    {"arccosh", MX_UNARY_arccosh, acosh, 0.51},
    {"arctanh", MX_UNARY_arctanh, atanh, 1},
    {"floor", MX_UNARY_floor, floor, 0},
    {"ceil", MX_UNARY_ceil, ceil, 0},
    {"round", MX_UNARY_round, rint, 0},
};

static double ulps(float got, double want) {
  if (isnan(want)) return isnan(got) ? 0 : INFINITY;
  float nearest = (float)want;
  if (isinf(nearest) || isinf(got) || isnan(got)) return got == nearest ? 0 : INFINITY;
  int exponent;
  frexp(fabsf(nearest) < FLT_MIN ? FLT_MIN : nearest, &exponent);
  return fabs(got - want) / ldexp(1, exponent - 24);
}

static void functions_are_within_their_error(void **state) {
  (void)state;
  enum { N = 4096 };
  static float x[N], y[N];
  for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
    double worst = 0;
    float at = 0;
    uint32_t bits = 0;
    for (int block = 0; block < 128; block++) {
      for (int i = 0; i < N; i++, bits += 8171) x[i] = mx_float_of_bits(bits);
      mx_k->unary(functions[f].op, MX_FLOAT32, y, x, N);
      for (int i = 0; i < N; i++) {
        double e = ulps(y[i], functions[f].truth(x[i]));
        if (e > worst) worst = e, at = x[i];
      }
    }
    printf("  %-8s %.3f ulp at %.9g\n", functions[f].name, worst, (double)at);
    assert_true(worst <= functions[f].most);
  }
}

static void special_values_are_those_of_libm(void **state) {
  (void)state;
  const float x[] = {0.f,  -0.f,   INFINITY, -INFINITY, NAN,      1,
                     -1,   1e-40f, -1e-40f,  FLT_MAX,   -FLT_MAX, 88.7f,
                     89.f, -87.5f, -104.f,   -103.f,    2,        -2};
  enum { N = sizeof x / sizeof *x };
  float y[N];
  for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
    mx_k->unary(functions[f].op, MX_FLOAT32, y, x, N);
    for (int i = 0; i < N; i++) {
      double want = functions[f].truth(x[i]);
      if (ulps(y[i], want) > functions[f].most || (want == 0 && !signbit(want) != !signbit(y[i]))) {
        printf("%s(%g) = %g, want %g\n", functions[f].name, (double)x[i], (double)y[i], want);
        fail();
      }
    }
  }
}

/* erf(erfinv(x)) = x, by the conditioning of erf. */
static void erfinv_inverts_erf(void **state) {
  (void)state;
  double worst = 0, worst64 = 0;
  for (uint32_t bits = 0; bits < 0x3f800000u; bits += 20011) {
    float x = mx_float_of_bits(bits), y;
    mx_k->unary(MX_UNARY_erfinv, MX_FLOAT32, &y, &x, 1);
    double exact = x, z;
    mx_k->unary(MX_UNARY_erfinv, MX_FLOAT64, &z, &exact, 1);
    double e = ulps(y, z);
    if (e > worst) worst = e;
    double residual = x < 0.5 ? erf(z) - exact : (1 - exact) - erfc(z);
    double e64 = fabs(residual) * 0.886 * exp(z * z) / (z * DBL_EPSILON + 1e-300);
    if (x > 1e-30f && e64 > worst64) worst64 = e64;
  }
  printf("  erfinv   %.3f ulp; float64 %.3f\n", worst, worst64);
  assert_true(worst <= 0.6);
  assert_true(worst64 <= 4);
  float edge[4] = {1, -1, 1.5f, NAN};
  mx_k->unary(MX_UNARY_erfinv, MX_FLOAT32, edge, edge, 4);
  assert_true(edge[0] == INFINITY && edge[1] == -INFINITY && isnan(edge[2]) && isnan(edge[3]));
}

static uint32_t seed = 99;
static uint32_t rnd(void) { return (seed = seed * 1664525u + 1013904223u); }

static double logaddexp(double x, double y) {
  double high = fmax(x, y), low = fmin(x, y);
  if (isnan(x) || isnan(y)) return NAN;
  if (isinf(high) || isinf(low)) return high;
  return high + log1p(exp(low - high));
}
static double floored(double x, double y) {
  double r = fmod(x, y);
  return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

static const struct {
  const char *name;
  mx_binary_op op;
  double (*truth)(double, double);
  double most;
} functions2[] = {
    {"power", MX_BINARY_power, pow, 0.56},
    {"arctan2", MX_BINARY_arctan2, atan2, 0.51},
    {"logaddexp", MX_BINARY_logaddexp, logaddexp, 0.51},
    {"remainder", MX_BINARY_remainder, floored, 0.5001},
    {"fmod", MX_BINARY_fmod, fmod, 0.5001},
};

static float any_float(int kind) {
  const float special[] = {0.f, -0.f, INFINITY, -INFINITY, NAN, 1, -1, 2, -3, 0.5f, 1e30f, 1e-40f};
  if (kind == 0) return special[(rnd() >> 8) % 12];
  if (kind == 1) return mx_float_of_bits(rnd() ^ rnd() >> 16);
  if (kind == 2) return (float)((int)(rnd() >> 8) % 41 - 20);
  if (kind == 3) return (float)((int)(rnd() >> 8) - (1 << 23)) * 0x1p-20f;
  if (kind == 4) return (float)ldexp(1 + (rnd() >> 8) * 0x1p-24, (int)(rnd() >> 8) % 8 - 4);
  return 1 + (float)((int)(rnd() >> 8) - (1 << 23)) * 0x1p-26f;
}

static void binary_functions_are_within_their_error(void **state) {
  (void)state;
  enum { N = 4096 };
  static float x[N], y[N], z[N];
  for (size_t f = 0; f < sizeof functions2 / sizeof *functions2; f++) {
    double worst = 0;
    for (int block = 0; block < 256; block++) {
      for (int i = 0; i < N; i++) x[i] = any_float(block % 6), y[i] = any_float(block / 6 % 6);
      mx_k->binary(functions2[f].op, MX_FLOAT32, z, x, y, N, 1, 1);
      for (int i = 0; i < N; i++) {
        double want = functions2[f].truth(x[i], y[i]), e = ulps(z[i], want);
        if (e > functions2[f].most || (want == 0 && !signbit(want) != !signbit(z[i]))) {
          printf("%s(%.9g, %.9g) = %.9g, want %.9g\n", functions2[f].name, (double)x[i],
                 (double)y[i], (double)z[i], want);
          fail();
        }
        if (e > worst) worst = e;
      }
    }
    printf("  %-9s %.3f ulp\n", functions2[f].name, worst);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(functions_are_within_their_error),
      cmocka_unit_test(special_values_are_those_of_libm),
      cmocka_unit_test(erfinv_inverts_erf),
      cmocka_unit_test(binary_functions_are_within_their_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
