/* Shape operations move elements where NumPy's rules put them, as views or copies. */
#include "check.h"

static mx grid(void) { return mx_reshape(mx_arange(0, 12, 1, MX_INT32), MX_INTS(3, 4)); }

static void reshape_copies_only_where_strides_force_it(void **state) {
  (void)state;
  mx t = mx_transpose(grid());
  assert_array(t, MX_INTS(4, 3), 0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11);
  assert_array(mx_reshape(t, MX_INTS(2, -1)), MX_INTS(2, 6), 0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11);
  mx split = mx_reshape(t, MX_INTS(2, 2, 1, 3));
  assert_array(split, MX_INTS(2, 2, 1, 3), 0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11);
  assert_ptr_equal(mx_data(split), mx_data(t));
  mx half = mx_slice(grid(), MX_INTS(0, 1), MX_INTS(3, 3), MX_NO_INTS);
  assert_array(mx_flatten(half, 0, -1), MX_INTS(6), 1, 2, 5, 6, 9, 10);
  mx b = mx_broadcast_to(mx_arange(0, 2, 1, MX_INT32), MX_INTS(3, 2));
  assert_array(mx_reshape(b, MX_INTS(6)), MX_INTS(6), 0, 1, 0, 1, 0, 1);
  assert_array(mx_reshape(mx_zeros(MX_INTS(0, 3), MX_INT8), MX_INTS(3, 0, 7)), MX_INTS(3, 0, 7), 0);
  assert_array(mx_unflatten(mx_arange(0, 6, 1, MX_INT32), -1, MX_INTS(2, -1)), MX_INTS(2, 3), 0, 1,
               2, 3, 4, 5);
  assert_array(mx_squeeze(mx_expand_dims(mx_int(5), MX_INTS(0, -1)), MX_NO_INTS),
               ((mx_ints){NULL, 0}), 5);
  assert_error(mx_reshape(grid(), MX_INTS(-1, -1)), "can only infer one dimension");
  assert_error(mx_reshape(mx_zeros(MX_INTS(0), MX_INT8), MX_INTS(-1, 0)), "Cannot infer the shape");
}

static void slices_follow_python(void **state) {
  (void)state;
  mx a = grid();
  assert_array(mx_slice(a, MX_INTS(2, -1), MX_INTS(-4, -6), MX_INTS(-1, -2)), MX_INTS(3, 2), 11, 9,
               7, 5, 3, 1);
  assert_array(mx_slice(a, MX_INTS(1, 0), MX_INTS(100, 4), MX_INTS(1, 3)), MX_INTS(2, 2), 4, 7, 8,
               11);
  assert_array(mx_slice(a, MX_INTS(2, 0), MX_INTS(1, 4), MX_INTS(1, 1)), MX_INTS(0, 4), 0);
  mx u = mx_slice_update(a, mx_int(-1), MX_INTS(0, 3), MX_INTS(3, -5), MX_INTS(2, -2));
  assert_array(u, MX_INTS(3, 4), 0, -1, 2, -1, 4, 5, 6, 7, 8, -1, 10, -1);
  mx start = mx_array_new((int[]){1, 2}, MX_INTS(2), MX_INT32);
  assert_array(mx_slice_dynamic(a, start, MX_INTS(0, 1), MX_INTS(2, 2)), MX_INTS(2, 2), 6, 7, 10,
               11);
  assert_array(mx_slice_update_dynamic(a, mx_zeros(MX_INTS(1, 2), MX_INT32), start, MX_INTS(0, 1)),
               MX_INTS(3, 4), 0, 1, 2, 3, 4, 5, 0, 0, 8, 9, 10, 11);
  mx parts[3];
  assert_true(mx_split_at(a, MX_INTS(1, 3), 1, parts));
  assert_array(parts[1], MX_INTS(3, 2), 1, 2, 5, 6, 9, 10);
  assert_error(mx_slice(a, MX_INTS(0), MX_INTS(1), MX_NO_INTS), "Invalid number of indices");
}

static void joins_promote_and_keep_order(void **state) {
  (void)state;
  mx a = mx_reshape(mx_arange(0, 4, 1, MX_INT32), MX_INTS(2, 2)),
     b = mx_full(MX_INTS(2, 1), mx_float(0.5f), MX_FLOAT32);
  mx c = mx_concatenate(MX_LIST(a, b), -1);
  assert_int_equal(mx_dtype_of(c), MX_FLOAT32);
  assert_array(c, MX_INTS(2, 3), 0, 1, .5, 2, 3, .5);
  assert_array(mx_stack(MX_LIST(a, a), 2), MX_INTS(2, 2, 2), 0, 0, 1, 1, 2, 2, 3, 3);
  assert_array(mx_repeat(a, 2, 0), MX_INTS(4, 2), 0, 1, 0, 1, 2, 3, 2, 3);
  assert_array(mx_tile(mx_arange(0, 2, 1, MX_INT32), MX_INTS(2, 2)), MX_INTS(2, 4), 0, 1, 0, 1, 0,
               1, 0, 1);
  assert_array(mx_pad(mx_arange(1, 3, 1, MX_INT32), MX_INTS(0), MX_INTS(1), MX_INTS(2), mx_int(9),
                      "constant"),
               MX_INTS(5), 9, 1, 2, 9, 9);
  assert_array(mx_pad(a, MX_INTS(0, 1), MX_INTS(1, 1), MX_INTS(0, 1), mx_int(0), "edge"),
               MX_INTS(3, 4), 0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3);
  assert_array(mx_roll(mx_arange(0, 5, 1, MX_INT32), MX_INTS(-7), MX_NO_INTS), MX_INTS(5), 2, 3, 4,
               0, 1);
  assert_error(mx_concatenate(MX_LIST(a, grid()), 0), "must match exactly");
}

static void views_reinterpret_bytes(void **state) {
  (void)state;
  mx f = mx_full(MX_INTS(2, 2), mx_float(1), MX_FLOAT32);
  assert_array(mx_view(f, MX_INT32), MX_INTS(2, 2), 0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000);
  assert_array(mx_view(mx_view(f, MX_UINT16), MX_FLOAT32), MX_INTS(2, 2), 1, 1, 1, 1);
}

static void as_strided_stays_inside(void **state) {
  (void)state;
  assert_array(mx_as_strided(grid(), MX_INTS(2, 3), (int64_t[]){1, 4}, 1), MX_INTS(2, 3), 1, 5, 9,
               2, 6, 10);
  assert_error(mx_as_strided(grid(), MX_INTS(2, 4), (int64_t[]){1, 4}, 0), "reaches outside");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(reshape_copies_only_where_strides_force_it),
      scoped_test(slices_follow_python),
      scoped_test(joins_promote_and_keep_order),
      scoped_test(views_reinterpret_bytes),
      scoped_test(as_strided_stays_inside),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
