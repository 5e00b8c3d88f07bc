/* The float64 functions against long double libm, and moduli and quotients of complex64 against
 * float64, at every instruction set; special values against libm. */
#include "kernels/kernels.h"

#include <complex.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define N 4096

static long double sigmoidl(long double x) { return 1 / (1 + expl(-x)); }

/* The worst error allowed, in units in the last place. */
static const struct {
  const char *name;
  mx_unary_op op;
  long double (*truth)(long double);
  double most;
} functions[] = {
    {"exp", MX_UNARY_exp, expl, 0.56},        {"expm1", MX_UNARY_expm1, expm1l, 1},
    {"log", MX_UNARY_log, logl, 0.56},        {"log2", MX_UNARY_log2, log2l, 0.56},
    {"log10", MX_UNARY_log10, log10l, 1.6},   {"log1p", MX_UNARY_log1p, log1pl, 1},
    {"sinh", MX_UNARY_sinh, sinhl, 2},        {"cosh", MX_UNARY_cosh, coshl, 1.6},
    {"tanh", MX_UNARY_tanh, tanhl, 2.2},      {"sigmoid", MX_UNARY_sigmoid, sigmoidl, 2},
    {"arcsinh", MX_UNARY_arcsinh, asinhl, 2}, {"arccosh", MX_UNARY_arccosh, acoshl, 2},
    {"arctanh", MX_UNARY_arctanh, atanhl, 2}, {"sqrt", MX_UNARY_sqrt, sqrtl, 0.501},
};

static uint64_t state = 88172645463325252u;
static uint64_t rnd(void) {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

/* Of any exponent, near 0, near 1, in the range of exponentials, special. */
static double any_double(int kind) {
  static const double special[] = {0.,
                                   -0.,
                                   INFINITY,
                                   -INFINITY,
                                   NAN,
                                   1,
                                   -1,
                                   2,
                                   -2,
                                   3,
                                   0.5,
                                   5e-324,
                                   1e-310,
                                   -1e-310,
                                   1e-20,
                                   -1e-20,
                                   DBL_MAX,
                                   -DBL_MAX,
                                   709.782712893384,
                                   709.79,
                                   -745.2,
                                   -708.5,
                                   0.6,
                                   1e10};
  double unit = (double)(int64_t)rnd() * 0x1p-63, x;
  uint64_t bits = rnd();
  switch (kind) {
  case 0: return special[bits % (sizeof special / sizeof *special)];
  case 1: memcpy(&x, &bits, sizeof x); return x;
  case 2: return 1 + unit * 0.1;
  case 3: return unit * 750;
  case 4: return unit;
  default: return ldexp(unit, -(int)(bits % 60));
  }
}

static double ulps(double got, long double want) {
  if (isnan(want)) return isnan(got) ? 0 : INFINITY;
  double nearest = (double)want;
  if (isinf(nearest) || isinf(got) || isnan(got)) return got == nearest ? 0 : INFINITY;
  int exponent;
  frexp(fabs(nearest) < DBL_MIN ? DBL_MIN : nearest, &exponent);
  return (double)(fabsl(got - want) / ldexpl(1, exponent - 53));
}

static bool sign_is_lost(double got, long double want) {
  return want == 0 && !signbit(want) != !signbit(got);
}

static void functions_are_within_their_error(void **unused) {
  (void)unused;
  static double x[N], y[N];
  for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
    double worst = 0;
    for (int block = 0; block < 36; block++) {
      int n = N - block; /* the last vector is not full */
      for (int i = 0; i < n; i++) x[i] = any_double(block % 6);
      mx_k->unary(functions[f].op, MX_FLOAT64, y, x, n);
      for (int i = 0; i < n; i++) {
        long double want = functions[f].truth(x[i]);
        double e = ulps(y[i], want), most = functions[f].most;
        if (fabsl(want) < DBL_MIN) most += 0.5; /* rounded once more on the way there */
        if (e > most || sign_is_lost(y[i], want)) {
          printf("%s(%.17g) = %.17g, want %.17Lg: %.3f ulp\n", functions[f].name, x[i], y[i], want,
                 e);
          fail();
        }
        if (e > worst) worst = e;
      }
    }
    printf("  %-8s %.3f ulp\n", functions[f].name, worst);
  }
}

static void powers_are_within_an_ulp(void **unused) {
  (void)unused;
  static double x[N], y[N], z[N];
  double worst = 0;
  for (int block = 0; block < 108; block++) {
    for (int i = 0; i < N; i++) {
      x[i] = any_double(block % 6);
      y[i] = any_double(block / 6 % 6);
      /* Where the result is in range, however near the base is to 1. */
      if (block >= 72) y[i] = any_double(3) / log(x[i] = fabs(x[i]));
    }
    mx_k->binary(MX_BINARY_power, MX_FLOAT64, z, x, y, N, 1, 1);
    for (int i = 0; i < N; i++) {
      long double want = powl(x[i], y[i]);
      double e = ulps(z[i], want);
      if (e > (fabsl(want) < DBL_MIN ? 1.5 : 1) || sign_is_lost(z[i], (double)want)) {
        printf("%.17g ^ %.17g = %.17g, want %.17Lg: %.3f ulp\n", x[i], y[i], z[i], want, e);
        fail();
      }
      if (e > worst) worst = e;
    }
  }
  printf("  power    %.3f ulp\n", worst);
}

static double ulps32(float got, double want) {
  if (isnan(want)) return isnan(got) ? 0 : INFINITY;
  float nearest = (float)want;
  if (isinf(nearest) || isinf(got) || isnan(got)) return got == nearest ? 0 : INFINITY;
  int exponent;
  frexp(fabs(want) < FLT_MIN ? FLT_MIN : want, &exponent);
  return fabs(got - want) / ldexp(1, exponent - 24);
}

static void complex_moduli_and_quotients(void **unused) {
  (void)unused;
  static mx_complex64 x[N], y[N], z[N];
  static float size[N];
  for (int block = 0; block < 64; block++) {
    int n = N - block;
    for (int i = 0; i < n; i++) {
      int kind = block % 4 ? 5 : block / 4 % 2; /* special and wild ones too */
      x[i] = (mx_complex64){(float)any_double(kind), (float)any_double(kind)};
      y[i] = (mx_complex64){(float)any_double(kind), (float)any_double(kind)};
    }
    mx_k->unary(MX_UNARY_abs, MX_COMPLEX64, size, x, n);
    mx_k->binary(MX_BINARY_divide, MX_COMPLEX64, z, x, y, n, 1, 1);
    for (int i = 0; i < n; i++) {
      assert_true(ulps32(size[i], hypot((double)x[i].re, (double)x[i].im)) <= 0.51);
      double complex want = CMPLX(x[i].re, x[i].im) / CMPLX(y[i].re, y[i].im);
      if (block % 4 == 0) { /* infinities and NaN as C's rules have them */
        assert_int_equal(isnan(z[i].re) && isnan(z[i].im),
                         isnan(creal(want)) && isnan(cimag(want)));
        continue;
      }
      double whole = cabs(want);
      assert_true(fabs(z[i].re - creal(want)) <= 1.2e-7 * whole + 1e-45);
      assert_true(fabs(z[i].im - cimag(want)) <= 1.2e-7 * whole + 1e-45);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(functions_are_within_their_error),
      cmocka_unit_test(powers_are_within_an_ulp),
      cmocka_unit_test(complex_moduli_and_quotients),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
