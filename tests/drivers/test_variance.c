/* Variances over random views equal two passes in long double; they stay exact where the mean is
 * far from 0, where elements are equal, and at the ends of float32. */
#include "base/alloc.h"
#include "drivers/reduce.h"
#include "view.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

typedef struct {
  long double sum, squares;
} moments;

/* Half a unit in the last place, and what float32 distances leave. */
static double allowed(mx_dtype dtype) {
  return dtype == MX_FLOAT32 ? 0x1.1p-24 + 2e-7 : dtype == MX_FLOAT16 ? 0x1.01p-11 : 0x1.01p-8;
}

static void check(const view *v, const bool *reduced, int ddof) {
  int64_t outputs = 1, size = view_size(v);
  for (int i = 0; i < v->ndim; i++) outputs *= reduced[i] ? 1 : v->shape[i];
  int64_t n = size / outputs;
  moments *want = mx_xcalloc((size_t)outputs, sizeof *want);
  for (int pass = 0; pass < 2; pass++)
    for (int64_t i = 0; i < size; i++) {
      moments *m = &want[view_output(v, reduced, i)];
      long double x = view_real(v->dtype, v->data, view_offset(v, i));
      if (pass)
        m->squares += (x - m->sum / n) * (x - m->sum / n);
      else
        m->sum += x;
    }
  double by = n > ddof ? (double)(n - ddof) : 0;
  char *got = mx_xmalloc((size_t)outputs * 8);
  assert_int_equal(
      mx_drive_variance(v->dtype, v->data, v->ndim, v->shape, v->strides, reduced, by, got), 0);
  for (int64_t i = 0; i < outputs; i++) {
    double w = (double)want[i].squares / by, g = view_real(v->dtype, got, i);
    if (isnan(w) ? !isnan(g) : !(g == w || fabs(g - w) <= allowed(v->dtype) * w))
      fail_msg("%s, %lld elements, output %lld: got %.9g, want %.9g", mx_dtype_name(v->dtype),
               (long long)n, (long long)i, g, w);
  }
  free(got);
  free(want);
}

static const mx_dtype dtypes[] = {MX_FLOAT32, MX_FLOAT16, MX_BFLOAT16};

static void any_axes_match_two_passes(void **unused) {
  (void)unused;
  static const uint64_t bound[] = {0, 3000, 90, 20, 9};
  for (int round = 0; round < 150; round++) {
    int32_t shape[VIEW_DIMS];
    bool reduced[VIEW_DIMS];
    int ndim = (int)view_random(5);
    for (int i = 0; i < ndim; i++) {
      shape[i] = 1 + (int32_t)view_random(bound[ndim]);
      reduced[i] = view_random(2);
    }
    view v = view_new(dtypes[round % 3], ndim, shape, -100, 100, round % 5 == 0);
    check(&v, reduced, (int)view_random(3));
    view_free(&v);
  }
}

/* Shapes that take the split and folded paths. */
static void large_arrays_match_two_passes(void **unused) {
  (void)unused;
  static const struct {
    int32_t shape[2];
    bool reduced[2];
  } cases[] = {{{1, 300001}, {0, 1}}, {{3, 90003}, {0, 1}},  {{90003, 3}, {1, 0}},
               {{30001, 7}, {0, 1}},  {{16000, 33}, {1, 0}}, {{300, 3000}, {1, 0}},
               {{7, 100000}, {1, 0}}, {{200000, 2}, {1, 1}}, {{200, 77}, {0, 1}}};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
    for (int d = 0; d < 3; d++) {
      view v = view_new(dtypes[d], 2, cases[c].shape, -100, 200, c % 2 == 0);
      check(&v, cases[c].reduced, 0);
      view_free(&v);
    }
}

static float variance_of(const float *x, int n) {
  float out = -1;
  assert_int_equal(
      mx_drive_variance(MX_FLOAT32, x, 1, (int32_t[]){n}, (int64_t[]){1}, (bool[]){true}, n, &out),
      0);
  return out;
}

enum { MOST = 70001 };

/* Half the elements lie one unit above the others, whatever that unit is. */
static void a_far_mean_costs_nothing(void **unused) {
  (void)unused;
  float *x = mx_xmalloc(MOST * sizeof *x);
  for (int n = 2; n < MOST; n += 2 + n / 5 * 2) {
    for (int i = 0; i < n; i++) x[i] = i % 2 ? 1e6f : 1e6f + 0.0625f;
    assert_true(fabsf(variance_of(x, n) - 0x1p-10f) <= 0x1p-32f);
    /* Sorted, so that the first elements are all on one side. */
    for (int i = 0; i < n; i++) x[i] = i < n / 2 ? -3000 : 3000;
    assert_true(fabsf(variance_of(x, n) - 9e6f) <= 3);
  }
  free(x);
}

static void equal_elements_do_not_vary(void **unused) {
  (void)unused;
  float *x = mx_xmalloc(MOST * sizeof *x);
  for (int n = 1; n < MOST; n += 1 + n / 5)
    for (float value = 0.1f; value < 1e38f; value *= 1e9f) {
      for (int i = 0; i < n; i++) x[i] = value;
      assert_true(variance_of(x, n) == 0);
    }
  free(x);
}

static void extremes_overflow_as_the_formula_does(void **unused) {
  (void)unused;
  float *x = mx_xmalloc(MOST * sizeof *x);
  for (int n = 2; n < MOST; n += 2 + n / 5 * 2) {
    for (int i = 0; i < n; i++) x[i] = i % 2 ? 3e38f : -3e38f;
    assert_true(variance_of(x, n) == INFINITY);
    for (int i = 0; i < n; i++) x[i] = i % 2 ? 1e19f : -8e18f; /* sums of squares overflow */
    assert_true(fabsf(variance_of(x, n) / 8.1e37f - 1) < 1e-6f);
    x[n / 3] = INFINITY;
    assert_true(isnan(variance_of(x, n)));
    x[n / 3] = NAN;
    assert_true(isnan(variance_of(x, n)));
  }
  free(x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(any_axes_match_two_passes),
      cmocka_unit_test(large_arrays_match_two_passes),
      cmocka_unit_test(a_far_mean_costs_nothing),
      cmocka_unit_test(equal_elements_do_not_vary),
      cmocka_unit_test(extremes_overflow_as_the_formula_does),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
