/* Scans over random views equal plain loops, in both directions; float sums run in float64; NaN
 * goes through extremes as MLX's comparisons let it. */
#include "drivers/scan.h"
#include "base/alloc.h"
#include "view.h"

#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

typedef double _Complex number;

static bool less(number a, number b) {
  return creal(a) < creal(b) || (creal(a) == creal(b) && cimag(a) < cimag(b));
}

static number step(mx_scan_kind kind, number a, number x) {
  switch (kind) {
  case MX_SCAN_MAX: return less(x, a) ? a : x;
  case MX_SCAN_MIN: return less(x, a) ? x : a;
  case MX_SCAN_SUM: return a + x;
  case MX_SCAN_PROD: return a * x;
  default: return clog(cexp(a) + cexp(x));
  }
}

/* Rounded to the dtype, as storing does; extremes are of the dtype already. */
static number stored(mx_scan_kind kind, mx_dtype dtype, number x) {
  if (kind == MX_SCAN_MAX || kind == MX_SCAN_MIN) return x;
  char one[16];
  view_store(dtype, one, 0, creal(x), cimag(x));
  return CMPLX(view_real(dtype, one, 0), view_imaginary(dtype, one, 0));
}

static number identity(mx_scan_kind kind, mx_dtype dtype) {
  bool floats = mx_is_subdtype(dtype, MX_KIND_FLOATING);
  int bits = (int)mx_dtype_size(dtype) * 8;
  bool is_signed = mx_is_subdtype(dtype, MX_KIND_SIGNEDINTEGER);
  double highest = dtype == MX_BOOL ? 1 : is_signed ? ldexp(1, bits - 1) - 1 : ldexp(1, bits) - 1;
  if (kind == MX_SCAN_SUM) return 0;
  if (kind == MX_SCAN_PROD) return 1;
  if (dtype == MX_COMPLEX64) return 0;
  if (kind == MX_SCAN_MIN) return floats ? INFINITY : highest;
  return floats ? -INFINITY : is_signed ? -ldexp(1, bits - 1) : 0;
}

static bool close_to(mx_scan_kind kind, mx_dtype dtype, number got, number want) {
  if (got == want || kind != MX_SCAN_LOGADDEXP) return got == want;
  double unit = dtype == MX_BFLOAT16 ? 0x1p-8 : dtype == MX_FLOAT16 ? 0x1p-11 : 1e-6;
  return cabs(got - want) <= unit * (1 + cabs(want));
}

static void check(mx_scan_kind kind, const view *v, int axis, bool reverse, bool inclusive) {
  int64_t size = view_size(v), inner = 1, n = v->shape[axis];
  for (int i = axis + 1; i < v->ndim; i++) inner *= v->shape[i];
  mx_dtype type = kind == MX_SCAN_SUM && v->dtype == MX_BOOL ? MX_INT32 : v->dtype;
  bool real = mx_is_subdtype(v->dtype, MX_KIND_INEXACT);
  char *out = mx_xmalloc((size_t)size * 8);
  mx_drive_scan(kind, v->dtype, v->data, v->ndim, v->shape, v->strides, axis, reverse, inclusive,
                out);
  for (int64_t start = 0; start < size; start++) {
    if (start / inner % n) continue;
    number acc = identity(kind, v->dtype);
    for (int64_t j = 0; j < n; j++) {
      int64_t index = start + (reverse ? n - 1 - j : j) * inner, at = view_offset(v, index);
      number x = CMPLX(view_real(v->dtype, v->data, at), view_imaginary(v->dtype, v->data, at));
      mx_scan_kind does = kind == MX_SCAN_LOGADDEXP && !real ? MX_SCAN_MAX : kind;
      number after = j || !inclusive ? step(does, acc, x) : x;
      if (!real) after = stored(does, type, after); /* wraps */
      number want = stored(does, type, inclusive ? after : acc);
      number got = CMPLX(view_real(type, out, index), view_imaginary(type, out, index));
      if (!close_to(kind, type, got, want))
        fail_msg("kind %d of %s at %lld: got %g, want %g", kind, mx_dtype_name(v->dtype),
                 (long long)index, creal(got), creal(want));
      acc = after;
    }
  }
  free(out);
}

static void every_dtype_matches_plain_loops(void **unused) {
  (void)unused;
  for (int round = 0; round < 16; round++)
    for (int kind = 0; kind < MX_SCAN_KINDS; kind++)
      for (int dtype = 0; dtype < MX_DTYPE_COUNT; dtype++) {
        bool product = kind == MX_SCAN_PROD;
        if (kind == MX_SCAN_LOGADDEXP && dtype == MX_COMPLEX64)
          continue; /* branches differ by 2 pi */
        int32_t shape[3] = {1 + (int)view_random(9), 1 + (int)view_random(9),
                            1 + (int)view_random(9)};
        shape[view_random(3)] = 1 + (int)view_random(product ? 6 : 700);
        view v = view_new((mx_dtype)dtype, 3, shape, product ? 1 : -3, product ? 2 : 3, round % 2);
        check((mx_scan_kind)kind, &v, (int)view_random(3), view_random(2), view_random(2));
        view_free(&v);
      }
}

static void nan_passes_as_comparisons_let_it(void **unused) {
  (void)unused;
  float x[5] = {3, NAN, 1, 2, NAN}, y[5];
  mx_drive_scan(MX_SCAN_MAX, MX_FLOAT32, x, 1, (int32_t[]){5}, (int64_t[]){1}, 0, false, true, y);
  assert_true(y[0] == 3 && isnan(y[1]) && y[2] == 1 && y[3] == 2 && isnan(y[4]));
  mx_drive_scan(MX_SCAN_MIN, MX_FLOAT32, x, 1, (int32_t[]){5}, (int64_t[]){1}, 0, false, true, y);
  assert_true(y[0] == 3 && y[1] == 3 && y[2] == 1 && y[3] == 1 && y[4] == 1);
}

/* NaN and both zeros anywhere in longer runs. */
static void extremes_compare_in_order(void **unused) {
  (void)unused;
  enum { MOST = 200 };
  float x[MOST], y[MOST];
  for (int round = 0; round < 400; round++) {
    int32_t n = 1 + (int32_t)view_random(MOST);
    bool max = view_random(2), inclusive = view_random(2);
    for (int i = 0; i < n; i++) {
      x[i] = (float)view_random(9) - 4;
      if (view_random(60) == 0) x[i] = NAN;
      if (view_random(30) == 0) x[i] = -0.0f;
    }
    if (round % 8 == 0) x[0] = NAN;
    mx_drive_scan(max ? MX_SCAN_MAX : MX_SCAN_MIN, MX_FLOAT32, x, 1, &n, (int64_t[]){1}, 0, false,
                  inclusive, y);
    float now = inclusive ? x[0] : max ? -INFINITY : INFINITY;
    for (int i = 0; i < n; i++) {
      float before = now;
      if (i || !inclusive) now = max ? x[i] < now ? now : x[i] : x[i] < now ? x[i] : now;
      float want = inclusive ? now : before;
      assert_true(isnan(want) ? isnan(y[i]) : y[i] == want && signbit(y[i]) == signbit(want));
    }
  }
}

/* Runs that threads share, where sums are exact. */
static void long_sums_match_plain_loops(void **unused) {
  (void)unused;
  static const mx_dtype dtypes[] = {MX_FLOAT32, MX_FLOAT64, MX_FLOAT16, MX_BFLOAT16};
  for (int d = 0; d < 4; d++)
    for (int inclusive = 0; inclusive < 2; inclusive++) {
      view v = view_new(dtypes[d], 2, (int32_t[]){2, 600007}, -3, 3, true);
      check(MX_SCAN_SUM, &v, 1, false, inclusive);
      view_free(&v);
    }
}

/* Two large numbers of one sign, that follow one of the other sign, never add up by themselves. */
static void sums_overflow_only_in_order(void **unused) {
  (void)unused;
  enum { N = 64 };
  uint16_t x[N] = {0}, y[N];
  int32_t n = N;
  for (int i = 0; i < N; i += 4) /* bfloat16: -2^127, 2^127, 2^127, -2^127 */
    x[i] = x[i + 3] = 0xff00, x[i + 1] = x[i + 2] = 0x7f00;
  mx_drive_scan(MX_SCAN_SUM, MX_BFLOAT16, x, 1, &n, (int64_t[]){1}, 0, false, true, y);
  for (int i = 0; i < N; i++) assert_int_equal(y[i], i % 4 == 0 ? 0xff00 : i % 4 == 2 ? 0x7f00 : 0);
}

static void long_float_sums_do_not_drift(void **unused) {
  (void)unused;
  int32_t n = 3000001;
  float *x = mx_xmalloc((size_t)n * 4);
  for (int32_t i = 0; i < n; i++) x[i] = 0.1f;
  mx_drive_scan(MX_SCAN_SUM, MX_FLOAT32, x, 1, &n, (int64_t[]){1}, 0, false, true, x);
  for (int32_t i = 0; i < n; i += 1000) {
    double want = (double)0.1f * (i + 1);
    assert_true(fabs(x[i] - want) <= 6.1e-8 * want);
  }
  free(x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_dtype_matches_plain_loops),
      cmocka_unit_test(nan_passes_as_comparisons_let_it),
      cmocka_unit_test(extremes_compare_in_order),
      cmocka_unit_test(long_sums_match_plain_loops),
      cmocka_unit_test(sums_overflow_only_in_order),
      cmocka_unit_test(long_float_sums_do_not_drift),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
