/* Array handles: values go in and come out, handles own their reference, strides and layout. */
#include "face.h"

static void scalars_and_data_come_back(void **state) {
  (void)state;
  mlx_array a = mlx_array_new_int(-7);
  int32_t i32;
  float f32;
  uint8_t u8;
  assert_int_equal(mlx_array_item_int32(&i32, a), 0);
  assert_int_equal(i32, -7);
  assert_int_equal(mlx_array_item_float32(&f32, a), 0);
  assert_true(f32 == -7);
  assert_int_equal(mlx_array_ndim(a), 0);
  assert_int_equal(mlx_array_set_bool(&a, true), 0);
  assert_int_equal(mlx_array_item_uint8(&u8, a), 0);
  assert_int_equal(u8, 1);
  assert_int_equal(mlx_array_set_complex(&a, 1, -2), 0);
  mlx_complex64_t c;
  assert_int_equal(mlx_array_item_complex64(&c, a), 0);
  assert_true(crealf(c) == 1 && cimagf(c) == -2);
  uint64_t big[1] = {UINT64_MAX}, u64;
  assert_int_equal(mlx_array_set_data(&a, big, (const int[]){1}, 1, MLX_UINT64), 0);
  assert_int_equal(mlx_array_item_uint64(&u64, a), 0);
  assert_true(u64 == UINT64_MAX);
  mlx_array_free(a);

  const int shape[] = {2, 3};
  const double data[] = {1, 2, 3, 4, 5, 6};
  a = mlx_array_new_data(data, shape, 2, MLX_FLOAT64);
  assert_int_equal(mlx_array_size(a), 6);
  assert_int_equal(mlx_array_nbytes(a), 48);
  assert_int_equal(mlx_array_itemsize(a), 8);
  assert_int_equal(mlx_array_dim(a, -1), 3);
  assert_int_equal(mlx_array_dtype(a), MLX_FLOAT64);
  assert_memory_equal(mlx_array_shape(a), shape, sizeof shape);
  assert_memory_equal(mlx_array_data_float64(a), data, sizeof data);
  assert_int_equal(mlx_array_strides(a)[0], 3);
  mlx_array_free(a);
  assert_int_equal(mlx_array_free(mlx_array_empty), 0);
}

static void arrays_print_as_mlx_prints_them(void **state) {
  (void)state;
  const float data[] = {1, 2.5f, -3, 4};
  mlx_array a = mlx_array_new_data(data, (const int[]){2, 2}, 2, MLX_FLOAT32);
  mlx_string text = mlx_string_new();
  assert_int_equal(mlx_array_tostring(&text, a), 0);
  assert_string_equal(mlx_string_data(text), "array([[1, 2.5],\n       [-3, 4]], dtype=float32)");
  mlx_string_free(text);
  mlx_array_free(a);
}

static int released;
static void count_release(void *payload) { released += *(int *)payload; }

static void managed_memory_is_released_once(void **state) {
  (void)state;
  static float data[4] = {1, 2, 3, 4};
  int one = 1;
  released = 0;
  mlx_array a = mlx_array_new_data_managed_payload(data, (const int[]){4}, 1, MLX_FLOAT32, &one,
                                                   count_release);
  assert_ptr_equal(mlx_array_data_float32(a), data);
  mlx_array b = mlx_array_new();
  assert_int_equal(mlx_array_set(&b, a), 0);
  mlx_array_free(a);
  assert_int_equal(released, 0);
  mlx_array_free(b);
  assert_int_equal(released, 1);
}

static void unevaluated_arrays_have_no_data(void **state) {
  (void)state;
  mlx_stream s = mlx_default_cpu_stream_new();
  mlx_array a = mlx_array_new_float(2), b = mlx_array_new();
  assert_int_equal(mlx_add(&b, a, a, s), 0);
  bool there;
  assert_int_equal(_mlx_array_is_available(&there, b), 0);
  assert_false(there);
  assert_null(mlx_array_data_float32(b));
  assert_int_equal(mlx_array_eval(b), 0);
  assert_true(mlx_array_data_float32(b)[0] == 4);
  assert_int_equal(_mlx_array_is_available(&there, b), 0);
  assert_true(there);
  mlx_array_free(a);
  mlx_array_free(b);
  mlx_stream_free(s);
}

static void layout_is_told(void **state) {
  (void)state;
  mlx_stream s = mlx_default_cpu_stream_new();
  const float data[6] = {0};
  mlx_array a = mlx_array_new_data(data, (const int[]){2, 3}, 2, MLX_FLOAT32);
  bool dense, row, column;
#define LAYOUT()                                                               \
  (_mlx_array_is_contiguous(&dense, a), _mlx_array_is_row_contiguous(&row, a), \
   _mlx_array_is_col_contiguous(&column, a))
  LAYOUT();
  assert_true(dense && row && !column);
  assert_int_equal(mlx_transpose(&a, a, s), 0);
  LAYOUT();
  assert_true(dense && !row && column);
  assert_int_equal(mlx_array_strides(a)[1], 3);
  mlx_array_free(a);
  mlx_stream_free(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(scalars_and_data_come_back),
      cmocka_unit_test(arrays_print_as_mlx_prints_them),
      cmocka_unit_test(managed_memory_is_released_once),
      cmocka_unit_test(unevaluated_arrays_have_no_data),
      cmocka_unit_test(layout_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
