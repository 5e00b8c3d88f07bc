/* Reductions over random views equal plain loops; sums of floats are accurate; NaN wins. */
#include "drivers/reduce.h"
#include "base/alloc.h"
#include "view.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

typedef struct {
  double re, im;
} number;

static number step(mx_reduce_kind kind, number a, number x) {
  bool above = x.re > a.re || (x.re == a.re && x.im > a.im);
  bool below = x.re < a.re || (x.re == a.re && x.im < a.im);
  switch (kind) {
  case MX_REDUCE_AND: return (number){a.re && (x.re || x.im), 0};
  case MX_REDUCE_OR: return (number){a.re || (x.re || x.im), 0};
  case MX_REDUCE_SUM: return (number){a.re + x.re, a.im + x.im};
  case MX_REDUCE_PROD: return (number){a.re * x.re - a.im * x.im, a.re * x.im + a.im * x.re};
  case MX_REDUCE_MIN: return below ? x : a;
  default: return above ? x : a;
  }
}

static number wrap(mx_dtype dtype, number x) {
  char one[16];
  if (dtype == MX_UINT32 || dtype == MX_UINT64 || dtype == MX_INT32 || dtype == MX_INT64) {
    view_store(dtype == MX_INT32 ? MX_INT32 : dtype, one, 0, x.re, 0);
    return (number){view_real(dtype, one, 0), 0};
  }
  return x;
}

static void check(mx_reduce_kind kind, const view *v, const bool *reduced) {
  int64_t outputs = 1, size = view_size(v);
  for (int i = 0; i < v->ndim; i++) outputs *= reduced[i] ? 1 : v->shape[i];
  number *want = mx_xcalloc((size_t)outputs + 1, sizeof *want);
  for (int64_t i = 0; i < outputs; i++) {
    static const number identity[] = {{1, 0}, {0, 0},        {0, 0},
                                      {1, 0}, {INFINITY, 0}, {-INFINITY, 0}};
    want[i] = identity[kind];
  }
  for (int64_t i = 0; i < size; i++) {
    int64_t at = view_offset(v, i), output = view_output(v, reduced, i);
    number x = {view_real(v->dtype, v->data, at), view_imaginary(v->dtype, v->data, at)};
    want[output] = step(kind, want[output], x);
  }
  mx_dtype type = mx_reduce_dtype(kind, v->dtype);
  char *got = mx_xmalloc((size_t)outputs * 8 + 1);
  assert_int_equal(
      mx_drive_reduce(kind, v->dtype, v->data, v->ndim, v->shape, v->strides, reduced, got), 0);
  for (int64_t i = 0; i < outputs; i++) {
    number w = wrap(type, want[i]);
    if (kind == MX_REDUCE_PROD && fabs(w.re) + fabs(w.im) > 100)
      continue; /* not exact everywhere */
    if (view_real(type, got, i) != w.re || view_imaginary(type, got, i) != w.im)
      fail_msg("kind %d of %s, output %lld: got %g%+gi, want %g%+gi", kind, mx_dtype_name(v->dtype),
               (long long)i, view_real(type, got, i), view_imaginary(type, got, i), w.re, w.im);
  }
  free(got);
  free(want);
}

/* Products stay exact: a few 2s and -1s among ones. */
static view random_view(mx_reduce_kind kind, mx_dtype dtype, bool plain) {
  int32_t shape[VIEW_DIMS];
  int ndim = (int)view_random(5);
  static const uint64_t bound[] = {0, 3000, 90, 20, 9};
  for (int i = 0; i < ndim; i++)
    shape[i] = view_random(8) ? 1 + (int32_t)view_random(bound[ndim]) : 1 + (int32_t)view_random(3);
  int low = kind == MX_REDUCE_PROD ? 1 : -3, high = kind == MX_REDUCE_PROD ? 1 : 3;
  if (kind == MX_REDUCE_AND) low = 1;
  view v = view_new(dtype, ndim, shape, low, high, plain);
  int64_t size = view_size(&v);
  if (kind == MX_REDUCE_PROD || kind == MX_REDUCE_AND)
    for (int i = 0; i < 3; i++) {
      int64_t at = view_offset(&v, (int64_t)view_random((uint64_t)size));
      view_store(dtype, v.data, at,
                 kind == MX_REDUCE_AND ? 0
                 : i                   ? 2
                                       : 3,
                 kind == MX_REDUCE_AND ? 0 : 1);
    }
  if (kind == MX_REDUCE_PROD && dtype == MX_COMPLEX64) /* powers of 1 + i grow: clear most */
    for (int64_t i = 0; i < size; i++)
      if (view_random(size > 8 ? (uint64_t)size / 8 : 1))
        view_store(dtype, v.data, view_offset(&v, i), 1, 0);
  return v;
}

static void every_dtype_matches_plain_loops(void **unused) {
  (void)unused;
  for (int round = 0; round < 4; round++)
    for (int kind = 0; kind < MX_REDUCE_KINDS; kind++)
      for (int dtype = 0; dtype < MX_DTYPE_COUNT; dtype++) {
        view v = random_view((mx_reduce_kind)kind, (mx_dtype)dtype, round % 3 == 0);
        bool reduced[VIEW_DIMS];
        for (int i = 0; i < v.ndim; i++) reduced[i] = view_random(2);
        check((mx_reduce_kind)kind, &v, reduced);
        view_free(&v);
      }
}

/* Shapes that take the split and folded paths. */
static void large_reductions_match_plain_loops(void **unused) {
  (void)unused;
  static const struct {
    int32_t shape[2];
    bool reduced[2];
  } cases[] = {{{1, 300001}, {0, 1}}, {{3, 90003}, {0, 1}},  {{90003, 3}, {1, 0}},
               {{30001, 7}, {0, 1}},  {{16000, 33}, {1, 0}}, {{300, 3000}, {1, 0}},
               {{7, 100000}, {1, 0}}, {{200000, 2}, {1, 1}}};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
    for (int kind = 0; kind < MX_REDUCE_KINDS; kind++) {
      static const mx_dtype dtypes[] = {MX_INT8,     MX_FLOAT32, MX_FLOAT16,
                                        MX_BFLOAT16, MX_FLOAT64, MX_COMPLEX64};
      for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++) {
        if (kind == MX_REDUCE_SUM && dtypes[d] == MX_BFLOAT16) continue; /* sums are not exact */
        bool product = kind == MX_REDUCE_PROD;
        int high = product || dtypes[d] == MX_FLOAT16 ? 1 : 3; /* sums below 2048 are exact */
        view v = view_new(dtypes[d], 2, cases[c].shape, product ? 1 : -high, high, c % 2 == 0);
        if (product && dtypes[d] == MX_COMPLEX64)
          for (int64_t i = 0; i < view_size(&v); i++)
            view_store(v.dtype, v.data, view_offset(&v, i), 1, 0);
        check((mx_reduce_kind)kind, &v, cases[c].reduced);
        view_free(&v);
      }
    }
}

static double sum_all(mx_dtype dtype, const void *data, int64_t n) {
  char out[16];
  assert_int_equal(mx_drive_reduce(MX_REDUCE_SUM, dtype, data, 1, (int32_t[]){(int32_t)n},
                                   (int64_t[]){1}, (bool[]){true}, out),
                   0);
  return view_real(dtype, out, 0);
}

static void long_sums_are_accurate(void **unused) {
  (void)unused;
  int64_t n = 40000000;
  float *x = mx_xmalloc((size_t)n * 4);
  for (int64_t i = 0; i < n; i++) x[i] = 1.5f;
  assert_true(sum_all(MX_FLOAT32, x, n) == 6e7);
  /* The same down a column, and with a step. */
  float out[2];
  assert_int_equal(mx_drive_reduce(MX_REDUCE_SUM, MX_FLOAT32, x, 2, (int32_t[]){(int32_t)n / 2, 2},
                                   (int64_t[]){2, 1}, (bool[]){true, false}, out),
                   0);
  assert_true(out[0] == 3e7f && out[1] == 3e7f);
  long double exact = 0;
  n = 1000003;
  for (int64_t i = 0; i < n; i++) exact += x[i] = (float)view_random(1000000) * 1e-6f;
  assert_true(fabs(sum_all(MX_FLOAT32, x, n) - (double)exact) <= 6e-8 * (double)exact);
  double *d = mx_xmalloc((size_t)n * 8);
  for (int64_t i = 0; i < n; i++) d[i] = x[i];
  assert_true(fabs(sum_all(MX_FLOAT64, d, n) - (double)exact) <= 2.3e-16 * (double)exact);
  free(d);
  free(x);
  uint16_t *h = mx_xmalloc(60000 * 2);
  for (int i = 0; i < 60000; i++) h[i] = 0x3c00; /* float16 one */
  assert_true(sum_all(MX_FLOAT16, h, 60000) == 60000);
  free(h);
}

static void nan_wins_in_max_and_min(void **unused) {
  (void)unused;
  for (int64_t n = 1; n < 2000; n += 1 + n / 3)
    for (int t = 0; t < 20; t++) {
      float *x = mx_xmalloc((size_t)n * 4), out = 0;
      for (int64_t i = 0; i < n; i++) x[i] = (float)i;
      x[view_random((uint64_t)n)] = NAN;
      for (int kind = MX_REDUCE_MIN; kind <= MX_REDUCE_MAX; kind++) {
        mx_drive_reduce((mx_reduce_kind)kind, MX_FLOAT32, x, 1, (int32_t[]){(int32_t)n},
                        (int64_t[]){1}, (bool[]){true}, &out);
        assert_true(isnan(out));
      }
      free(x);
    }
}

static void infinite_sums_stay_infinite(void **unused) {
  (void)unused;
  double d[3] = {1, INFINITY, 2};
  float f[3] = {1, INFINITY, 2};
  assert_true(isinf(sum_all(MX_FLOAT64, d, 3)) && isinf(sum_all(MX_FLOAT32, f, 3)));
}

static void empty_reductions_give_identities(void **unused) {
  (void)unused;
  float out[3] = {7, 7, 7};
  mx_drive_reduce(MX_REDUCE_PROD, MX_FLOAT32, out, 2, (int32_t[]){3, 0}, (int64_t[]){1, 1},
                  (bool[]){false, true}, out);
  for (int i = 0; i < 3; i++) assert_true(out[i] == 1);
}

static int64_t plain_arg(mx_reduce_kind kind, const view *v, int axis, int64_t offset) {
  int64_t best = 0;
  number top = {view_real(v->dtype, v->data, offset), view_imaginary(v->dtype, v->data, offset)};
  for (int64_t i = 1; i < v->shape[axis]; i++) {
    int64_t at = offset + i * v->strides[axis];
    number x = {view_real(v->dtype, v->data, at), view_imaginary(v->dtype, v->data, at)};
    number now = step(kind, top, x);
    if (now.re != top.re || now.im != top.im) best = i;
    top = now;
  }
  return best;
}

static void arg_reductions_find_the_first(void **unused) {
  (void)unused;
  for (int round = 0; round < 40; round++)
    for (int dtype = 0; dtype < MX_DTYPE_COUNT; dtype++) {
      int32_t shape[3] = {1 + (int32_t)view_random(30), 1 + (int32_t)view_random(30),
                          1 + (int32_t)view_random(30)};
      if (round < 6) shape[0] = 1, shape[1] = 2, shape[2] = 200000;
      bool tall = round >= 36; /* beyond what a byte counts, across columns */
      if (tall) shape[0] = 2, shape[1] = 700, shape[2] = 7 + 40 * (round & 1);
      view v = view_new((mx_dtype)dtype, 3, shape, round % 2 ? -3 : -100, round % 2 ? 3 : 100,
                        round % 3 == 0);
      int axis = round < 6 ? 2 : tall ? 1 : (int)view_random(3);
      bool reduced[3] = {axis == 0, axis == 1, axis == 2};
      mx_reduce_kind kind = round & 4 ? MX_REDUCE_MAX : MX_REDUCE_MIN;
      uint32_t *out = mx_xmalloc((size_t)view_size(&v) * 4);
      mx_drive_arg_reduce(kind, v.dtype, v.data, 3, v.shape, v.strides, axis, out);
      for (int64_t i = 0; i < view_size(&v); i += 1 + (round < 6) * 99999) {
        int64_t inner = 1;
        for (int k = axis + 1; k < 3; k++) inner *= v.shape[k];
        if (i / inner % v.shape[axis]) continue;
        assert_int_equal(out[view_output(&v, reduced, i)],
                         plain_arg(kind, &v, axis, view_offset(&v, i)));
      }
      free(out);
      view_free(&v);
    }
}

static void arg_reductions_skip_nan_but_in_front(void **unused) {
  (void)unused;
  int64_t n = 5;
  uint32_t out;
  float behind[5] = {1, NAN, 3, NAN, 2}, front[5] = {NAN, 1, 3, 2, 0};
  mx_drive_arg_reduce(MX_REDUCE_MAX, MX_FLOAT32, behind, 1, (int32_t[]){(int32_t)n}, (int64_t[]){1},
                      0, &out);
  assert_int_equal(out, 2);
  mx_drive_arg_reduce(MX_REDUCE_MAX, MX_FLOAT32, front, 1, (int32_t[]){(int32_t)n}, (int64_t[]){1},
                      0, &out);
  assert_int_equal(out, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_dtype_matches_plain_loops),
      cmocka_unit_test(large_reductions_match_plain_loops),
      cmocka_unit_test(long_sums_are_accurate),
      cmocka_unit_test(nan_wins_in_max_and_min),
      cmocka_unit_test(infinite_sums_stay_infinite),
      cmocka_unit_test(empty_reductions_give_identities),
      cmocka_unit_test(arg_reductions_find_the_first),
      cmocka_unit_test(arg_reductions_skip_nan_but_in_front),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
