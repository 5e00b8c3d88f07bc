/* Sorts, argsorts and partitions of every dtype order as a plain insertion sort does. */
#include "drivers/sort.h"
#include "base/alloc.h"
#include "base/half.h"
#include "view.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

typedef struct {
  double re, im;
  int64_t at;
} element;

static int compare(const void *x, const void *y) {
  const element *a = x, *b = y;
  if (isnan(a->re) || isnan(b->re)) return isnan(a->re) - isnan(b->re);
  return a->re != b->re ? (a->re < b->re ? -1 : 1) : a->im != b->im ? (a->im < b->im ? -1 : 1) : 0;
}

static int compare_stably(const void *x, const void *y) {
  int order = compare(x, y);
  const element *a = x, *b = y;
  return order ? order : a->at < b->at ? -1 : 1;
}

/* Random bits, so that floats have every exponent, infinities and NaNs too; or few distinct values,
 * with zeros of both signs. */
static void scramble(view *v, int64_t size, bool wild) {
  size_t bytes = mx_dtype_size(v->dtype);
  bool floats = mx_is_subdtype(v->dtype, MX_KIND_INEXACT);
  for (int64_t i = 0; i < size; i++) {
    char *p = v->data + (size_t)view_offset(v, i) * bytes;
    if (wild && v->dtype != MX_BOOL)
      for (size_t k = 0; k < bytes; k++) p[k] = (char)view_random(256);
    else if (floats && !view_random(5))
      view_store(v->dtype, p, 0, view_random(2) ? -0.0 : NAN, 1);
  }
  if (v->dtype != MX_COMPLEX64) return;
  for (int64_t i = 0; i < size; i++) { /* an imaginary NaN has no place in MLX's order */
    mx_complex64 *z = (mx_complex64 *)v->data + view_offset(v, i);
    if (isnan(z->im)) z->im = 0;
  }
}

static element *row_of(const view *v, int64_t start, int64_t n, int64_t step) {
  element *row = mx_xmalloc((size_t)n * sizeof *row);
  for (int64_t i = 0; i < n; i++) {
    int64_t at = start + i * step;
    row[i] = (element){view_real(v->dtype, v->data, at), view_imaginary(v->dtype, v->data, at), i};
  }
  return row;
}

static void check_sorted(const view *v, int64_t start, int axis, const char *out,
                         const uint32_t *indices, int64_t step) {
  int64_t n = v->shape[axis];
  size_t bytes = mx_dtype_size(v->dtype);
  element *row = row_of(v, start, n, v->strides[axis]);
  qsort(row, (size_t)n, sizeof *row, compare_stably);
  for (int64_t i = 0; i < n; i++) {
    const char *want = v->data + (start + row[i].at * v->strides[axis]) * (int64_t)bytes;
    if (memcmp(out + (size_t)(i * step) * bytes, want, bytes) || indices[i * step] != row[i].at)
      fail_msg("%s: place %lld of %lld is wrong", mx_dtype_name(v->dtype), (long long)i,
               (long long)n);
  }
  free(row);
}

static void check_partitioned(const view *v, int64_t start, int axis, int64_t kth, const char *out,
                              const uint32_t *indices, int64_t step) {
  int64_t n = v->shape[axis];
  element *row = row_of(v, start, n, v->strides[axis]);
  view result = {.dtype = v->dtype, .data = (char *)(uintptr_t)out};
  element *got = row_of(&result, 0, n, step);
  bool *seen = mx_xcalloc((size_t)n, 1);
  for (int64_t i = 0; i < n; i++) {
    int64_t at = indices[i * step];
    assert_true(at < n && !seen[at]);
    seen[at] = true;
    element x = row[at], k = row[indices[kth * step]];
    assert_true(i == kth || (i < kth ? compare_stably(&x, &k) < 0 : compare_stably(&k, &x) < 0));
    assert_true(i < kth ? compare(got + i, got + kth) <= 0 : compare(got + kth, got + i) <= 0);
  }
  qsort(row, (size_t)n, sizeof *row, compare);
  assert_int_equal(compare(got + kth, row + kth), 0);
  qsort(got, (size_t)n, sizeof *got, compare);
  for (int64_t i = 0; i < n; i++) assert_int_equal(compare(got + i, row + i), 0);
  free(seen);
  free(got);
  free(row);
}

static void check(view *v, int axis, int64_t kth) {
  int64_t size = view_size(v), strides[VIEW_DIMS], n = 1;
  for (int i = v->ndim - 1; i >= 0; i--) strides[i] = n, n *= v->shape[i];
  char *out = mx_xmalloc((size_t)size * mx_dtype_size(v->dtype));
  uint32_t *indices = mx_xmalloc((size_t)size * 4);
  mx_sort_rows rows = {v->dtype, v->ndim, axis, v->shape, v->data, v->strides, out, strides};
  assert_int_equal(mx_drive_sort(&rows, kth), 0);
  rows.out = indices;
  assert_int_equal(mx_drive_argsort(&rows, kth), 0);
  for (int64_t i = 0; i < size; i++) {
    if (i / strides[axis] % v->shape[axis]) continue;
    const char *row = out + (size_t)i * mx_dtype_size(v->dtype);
    if (kth < 0)
      check_sorted(v, view_offset(v, i), axis, row, indices + i, strides[axis]);
    else
      check_partitioned(v, view_offset(v, i), axis, kth, row, indices + i, strides[axis]);
  }
  free(out);
  free(indices);
}

static void random_rows(int rounds, bool partition) {
  for (int round = 0; round < rounds; round++)
    for (int dtype = 0; dtype < MX_DTYPE_COUNT; dtype++) {
      static const uint64_t longest[] = {6, 40, 300, 2500};
      int axis = (int)view_random(3);
      int32_t shape[3] = {1 + (int)view_random(4), 1 + (int)view_random(4),
                          1 + (int)view_random(4)};
      shape[axis] = 1 + (int)view_random(longest[round % 4]);
      view v = view_new((mx_dtype)dtype, 3, shape, -3, 3, round % 3 == 0);
      scramble(&v, view_size(&v), round & 4);
      check(&v, axis, partition ? (int64_t)view_random((uint64_t)shape[axis]) : -1);
      view_free(&v);
    }
}

static void sorting_is_stable_with_nan_last(void **unused) {
  (void)unused;
  random_rows(48, false);
}

static void partitions_put_the_kth_in_its_place(void **unused) {
  (void)unused;
  random_rows(48, true);
}

/* Long rows split over threads, and patterns that are hard on pivots. */
static void long_rows_and_patterns(void **unused) {
  (void)unused;
  static const mx_dtype dtypes[] = {MX_UINT16, MX_INT32, MX_FLOAT32, MX_FLOAT64, MX_BFLOAT16};
  for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++)
    for (int pattern = 0; pattern < 6; pattern++) {
      int32_t n = 150000;
      view v = view_new(dtypes[d], 1, &n, -3, 3, pattern % 2);
      for (int64_t i = 0; i < n; i++) {
        int64_t x = pattern == 0   ? (int64_t)view_random(1u << 30)
                    : pattern == 1 ? i
                    : pattern == 2 ? n - i
                    : pattern == 3 ? 7
                    : pattern == 4 ? i & 1
                                   : (i < n / 2 ? i : n - i);
        view_store(v.dtype, v.data, view_offset(&v, i),
                   (double)(v.dtype == MX_UINT16 ? x & 65535 : x), 0);
      }
      check(&v, 0, -1);
      check(&v, 0, 1000);
      view_free(&v);
    }
}

static void empty_rows_are_fine(void **unused) {
  (void)unused;
  int64_t strides[2] = {0, 1};
  mx_sort_rows rows = {MX_FLOAT32, 2, 1, (int32_t[]){3, 0}, NULL, strides, NULL, strides};
  assert_int_equal(mx_drive_sort(&rows, -1), 0);
  rows.shape = (int32_t[]){0, 3};
  assert_int_equal(mx_drive_argsort(&rows, -1), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sorting_is_stable_with_nan_last),
      cmocka_unit_test(partitions_put_the_kth_in_its_place),
      cmocka_unit_test(long_rows_and_patterns),
      cmocka_unit_test(empty_rows_are_fine),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
