/* Gathers and scatters over random views equal plain loops; wild indices stay inside the array. */
#include "drivers/index.h"
#include "base/alloc.h"
#include "mlx/mx/error.h"
#include "view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const mx_dtype index_dtypes[] = {MX_UINT8, MX_UINT16, MX_UINT32, MX_UINT64,
                                        MX_INT8,  MX_INT16,  MX_INT32,  MX_INT64};

static mx_dtype random_index_dtype(void) { return index_dtypes[view_random(8)]; }
static bool is_signed(mx_dtype dtype) { return mx_is_subdtype(dtype, MX_KIND_SIGNEDINTEGER); }

/* Indices that are good for an axis of `size` and slices of `slice`: negative ones too. */
static view random_indices(mx_dtype dtype, int ndim, const int32_t *shape, int size, int slice) {
  int low = is_signed(dtype) && slice == 1 ? -size : 0;
  return view_new(dtype, ndim, shape, low, size - slice, false);
}

static int64_t index_at(const view *indices, int64_t place, int64_t size) {
  double x = view_real(indices->dtype, indices->data, view_offset(indices, place));
  return x < 0 ? (int64_t)x + size : (int64_t)x;
}

static void contiguous_strides(int ndim, const int32_t *shape, int64_t *strides) {
  int64_t n = 1;
  for (int i = ndim - 1; i >= 0; i--) strides[i] = n, n *= shape[i];
}

static void assert_same(mx_dtype dtype, const void *a, int64_t i, const void *b, int64_t j) {
  size_t size = mx_dtype_size(dtype);
  assert_memory_equal((const char *)a + (size_t)i * size, (const char *)b + (size_t)j * size, size);
}

typedef struct {
  int ndim, count, index_ndim;
  int32_t shape[3], slice[3], index_shape[2];
  view indices[3];
  mx_index arrays[3];
  mx_indices all;
} setting;

/* An array's shape, slices of it, and index arrays for some of its axes. */
static void random_setting(setting *s, int longest) {
  memset(s, 0, sizeof *s);
  s->ndim = 1 + (int)view_random(3);
  s->index_ndim = (int)view_random(3);
  for (int i = 0; i < s->ndim; i++) s->shape[i] = 1 + (int)view_random((uint64_t)longest);
  for (int i = 0; i < s->index_ndim; i++) s->index_shape[i] = 1 + (int)view_random(25);
  mx_dtype dtype = random_index_dtype();
  for (int axis = 0; axis < s->ndim; axis++) {
    int size = s->shape[axis];
    bool indexed = view_random(2), whole = view_random(3);
    if (dtype == MX_INT8 && size > 100) indexed = false;
    s->slice[axis] = indexed && view_random(3) ? 1
                     : whole                   ? size
                                               : 1 + (int)view_random((uint64_t)size);
    if (!indexed) continue;
    view v = random_indices(dtype, s->index_ndim, s->index_shape, size, s->slice[axis]);
    s->indices[s->count++] = v;
    s->arrays[s->count - 1] = (mx_index){.axis = axis};
  }
  for (int i = 0; i < s->count; i++) {
    s->arrays[i].data = s->indices[i].data;
    s->arrays[i].strides = s->indices[i].strides;
  }
  s->all = (mx_indices){dtype, s->count, s->index_ndim, s->arrays, s->index_shape};
}

static int64_t places_of(const setting *s) {
  int64_t n = 1;
  for (int i = 0; i < s->index_ndim; i++) n *= s->index_shape[i];
  return n;
}

static int64_t slice_count(const setting *s) {
  int64_t n = 1;
  for (int i = 0; i < s->ndim; i++) n *= s->slice[i];
  return n;
}

/* Offset with `strides` of element k of the slice at `place`. */
static int64_t place_offset(const setting *s, const int64_t *strides, int64_t place, int64_t k) {
  int64_t offset = 0;
  for (int i = s->ndim - 1; i >= 0; i--) {
    offset += k % s->slice[i] * strides[i];
    k /= s->slice[i];
  }
  for (int i = 0; i < s->count; i++) {
    int axis = s->arrays[i].axis;
    offset += index_at(s->indices + i, place, s->shape[axis]) * strides[axis];
  }
  return offset;
}

static void setting_free(setting *s) {
  for (int i = 0; i < s->count; i++) view_free(s->indices + i);
}

static void gather_matches_plain_loops(void **unused) {
  (void)unused;
  for (int round = 0; round < 300; round++) {
    setting s;
    random_setting(&s, round % 10 ? 12 : 100);
    mx_dtype dtype = (mx_dtype)view_random(MX_DTYPE_COUNT);
    view src = view_new(dtype, s.ndim, s.shape, -100, 100, round % 2);
    int64_t places = places_of(&s), each = slice_count(&s);
    char *out = mx_xcalloc((size_t)(places * each), mx_dtype_size(dtype));
    mx_drive_gather(dtype, src.data, s.ndim, s.shape, src.strides, &s.all, s.slice, out);
    for (int64_t p = 0; p < places; p++)
      for (int64_t k = 0; k < each; k++)
        assert_same(dtype, out, p * each + k, src.data, place_offset(&s, src.strides, p, k));
    free(out);
    view_free(&src);
    setting_free(&s);
  }
}

typedef struct {
  double re, im;
} number;

static number meet(mx_scatter_kind kind, number y, number x) {
  bool above = y.re > x.re || (y.re == x.re && y.im > x.im);
  bool below = y.re < x.re || (y.re == x.re && y.im < x.im);
  switch (kind) {
  case MX_SCATTER_SET: return x;
  case MX_SCATTER_ADD: return (number){y.re + x.re, y.im + x.im};
  case MX_SCATTER_PROD: return (number){y.re * x.re - y.im * x.im, y.re * x.im + y.im * x.re};
  case MX_SCATTER_MAX: return above ? y : x;
  default: return below ? y : x;
  }
}

static void meet_in(mx_scatter_kind kind, mx_dtype dtype, void *out, int64_t at,
                    const view *updates, int64_t from) {
  number y = {view_real(dtype, out, at), view_imaginary(dtype, out, at)};
  number x = {view_real(dtype, updates->data, from), view_imaginary(dtype, updates->data, from)};
  number z = meet(kind, y, x);
  view_store(dtype, out, at, z.re, z.im);
}

static void scatter_matches_plain_loops(void **unused) {
  (void)unused;
  for (int round = 0; round < 600; round++) {
    setting s;
    random_setting(&s, round % 30 ? 12 : 60);
    mx_dtype dtype = (mx_dtype)view_random(MX_DTYPE_COUNT);
    mx_scatter_kind kind = (mx_scatter_kind)(round % MX_SCATTER_KINDS);
    int low = kind == MX_SCATTER_PROD ? 1 : -9, high = kind == MX_SCATTER_PROD ? 1 : 9;
    view target = view_new(dtype, s.ndim, s.shape, low, high, true);
    int32_t shape[5];
    memcpy(shape, s.index_shape, sizeof s.index_shape);
    memcpy(shape + s.index_ndim, s.slice, sizeof s.slice);
    view updates = view_new(dtype, s.index_ndim + s.ndim, shape, kind == MX_SCATTER_PROD ? 0 : low,
                            high, round % 2);
    int64_t size = view_size(&target), bytes = (int64_t)mx_dtype_size(dtype), strides[3];
    char *want = mx_xmalloc((size_t)(size * bytes));
    memcpy(want, target.data, (size_t)(size * bytes));
    contiguous_strides(s.ndim, s.shape, strides);
    int64_t places = places_of(&s), each = slice_count(&s);
    for (int64_t p = 0; p < places; p++)
      for (int64_t k = 0; k < each; k++)
        meet_in(kind, dtype, want, place_offset(&s, strides, p, k), &updates,
                view_offset(&updates, p * each + k));
    mx_drive_scatter(kind, dtype, target.data, s.ndim, s.shape, &s.all, updates.data,
                     updates.strides, s.slice);
    for (int64_t i = 0; i < size; i++)
      if (kind != MX_SCATTER_PROD || view_real(dtype, want, i) < 100)
        assert_same(dtype, target.data, i, want, i);
    free(want);
    view_free(&target);
    view_free(&updates);
    setting_free(&s);
  }
}

/* Offset in a row-contiguous array of `shape` but for `axis` of the element at `index` of the view.
 */
static int64_t along(const view *index, const int64_t *strides, int axis, int64_t axis_size,
                     int64_t i) {
  int64_t offset = index_at(index, i, axis_size) * strides[axis];
  for (int d = index->ndim - 1; d >= 0; d--) {
    if (d != axis) offset += i % index->shape[d] * strides[d];
    i /= index->shape[d];
  }
  return offset;
}

static void axis_gathers_and_scatters_match_plain_loops(void **unused) {
  (void)unused;
  for (int round = 0; round < 400; round++) {
    int ndim = 1 + (int)view_random(3), axis = (int)view_random((uint64_t)ndim);
    int32_t shape[3], index_shape[3];
    for (int i = 0; i < ndim; i++)
      shape[i] = index_shape[i] = 1 + (int)view_random(round % 20 ? 14 : 90);
    index_shape[axis] = 1 + (int)view_random(40);
    mx_dtype dtype = (mx_dtype)view_random(MX_DTYPE_COUNT);
    view index = random_indices(random_index_dtype(), ndim, index_shape, shape[axis], 1);
    int64_t count = view_size(&index), strides[3], bytes = (int64_t)mx_dtype_size(dtype);

    view src = view_new(dtype, ndim, shape, -100, 100, round % 2);
    char *out = mx_xmalloc((size_t)(count * bytes));
    mx_drive_gather_axis(dtype, src.data, src.strides, shape[axis], index.dtype, index.data,
                         index.strides, ndim, index_shape, axis, out);
    for (int64_t i = 0; i < count; i++)
      assert_same(dtype, out, i, src.data, along(&index, src.strides, axis, shape[axis], i));

    mx_scatter_kind kind = round % 2 ? MX_SCATTER_SET : MX_SCATTER_ADD;
    view target = view_new(dtype, ndim, shape, -9, 9, true);
    view updates = view_new(dtype, ndim, index_shape, -9, 9, round % 3 == 0);
    int64_t size = view_size(&target);
    char *want = mx_xmalloc((size_t)(size * bytes));
    memcpy(want, target.data, (size_t)(size * bytes));
    contiguous_strides(ndim, shape, strides);
    for (int64_t i = 0; i < count; i++)
      meet_in(kind, dtype, want, along(&index, strides, axis, shape[axis], i), &updates,
              view_offset(&updates, i));
    mx_drive_scatter_axis(kind, dtype, target.data, strides, shape[axis], index.dtype, index.data,
                          index.strides, updates.data, updates.strides, ndim, index_shape, axis);
    assert_memory_equal(target.data, want, (size_t)(size * bytes));
    free(out);
    free(want);
    view_free(&src);
    view_free(&index);
    view_free(&target);
    view_free(&updates);
  }
}

static void masks_take_values_in_order(void **unused) {
  (void)unused;
  for (int round = 0; round < 60; round++) {
    int32_t shape[3] = {1 + (int)view_random(3), 1 + (int)view_random(round % 10 ? 40 : 300),
                        1 + (int)view_random(round % 10 ? 40 : 300)};
    mx_dtype dtype = (mx_dtype)view_random(MX_DTYPE_COUNT);
    view mask = view_new(MX_BOOL, 3, shape, 0, 1, round % 2);
    view target = view_new(dtype, 3, shape, -9, 9, true),
         src = view_new(dtype, 3, shape, -9, 9, true);
    int64_t batch = shape[1] * shape[2], size = view_size(&target);
    char *want = mx_xmalloc((size_t)size * mx_dtype_size(dtype));
    memcpy(want, target.data, (size_t)size * mx_dtype_size(dtype));
    for (int64_t b = 0, used; b < shape[0]; b++) {
      used = 0;
      for (int64_t i = b * batch; i < (b + 1) * batch; i++)
        if (view_real(MX_BOOL, mask.data, view_offset(&mask, i)))
          view_store(dtype, want, i, view_real(dtype, src.data, b * batch + used),
                     view_imaginary(dtype, src.data, b * batch + used)),
              used++;
    }
    assert_int_equal(mx_drive_masked_scatter(dtype, target.data, 3, shape, mask.data, mask.strides,
                                             src.data, batch),
                     0);
    assert_memory_equal(target.data, want, (size_t)size * mx_dtype_size(dtype));
    free(want);
    view_free(&mask);
    view_free(&target);
    view_free(&src);
  }
}

static void too_few_values_for_a_mask_are_an_error(void **unused) {
  (void)unused;
  uint8_t mask[4] = {1, 1, 1, 0};
  float out[4] = {0}, src[2] = {1, 2};
  assert_int_equal(mx_drive_masked_scatter(MX_FLOAT32, out, 2, (int32_t[]){1, 4}, mask,
                                           (int64_t[]){4, 1}, src, 2),
                   -1);
  assert_non_null(mx_error());
  mx_error_clear();
  assert_true(out[0] == 0);
}

static void wild_indices_are_held_inside(void **unused) {
  (void)unused;
  int64_t wild[4] = {INT64_MIN, -7, 5, INT64_MAX};
  uint64_t huge[1] = {UINT64_MAX};
  float src[6] = {0, 1, 2, 3, 4, 5}, out[8];
  mx_index array = {wild, (int64_t[]){1}, 0};
  mx_indices indices = {MX_INT64, 1, 1, &array, (int32_t[]){4}};
  mx_drive_gather(MX_FLOAT32, src, 2, (int32_t[]){3, 2}, (int64_t[]){2, 1}, &indices,
                  (int32_t[]){1, 2}, out);
  float want[8] = {0, 1, 0, 1, 4, 5, 4, 5};
  assert_memory_equal(out, want, sizeof want);
  array.data = huge;
  indices = (mx_indices){MX_UINT64, 1, 0, &array, NULL};
  mx_drive_gather(MX_FLOAT32, src, 2, (int32_t[]){3, 2}, (int64_t[]){2, 1}, &indices,
                  (int32_t[]){2, 2}, out);
  assert_true(out[0] == 2 && out[3] == 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gather_matches_plain_loops),
      cmocka_unit_test(scatter_matches_plain_loops),
      cmocka_unit_test(axis_gathers_and_scatters_match_plain_loops),
      cmocka_unit_test(masks_take_values_in_order),
      cmocka_unit_test(too_few_values_for_a_mask_are_an_error),
      cmocka_unit_test(wild_indices_are_held_inside),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
