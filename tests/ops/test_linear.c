/* Products as operations: shapes, broadcasting, added axes, scaling, chosen matrices, and errors.
 * The values are small integers, so that every dtype computes them exactly. */
#include "check.h"

static mx counted(mx_ints shape, int modulus, mx_dtype dtype) {
  int size = 1;
  for (int i = 0; i < shape.size; i++) size *= shape.data[i];
  mx a = mx_arange(0, size, 1, MX_INT32);
  a = mx_subtract(mx_remainder(mx_multiply(a, mx_int(7)), mx_int(modulus)), mx_int(modulus / 2));
  return mx_reshape(mx_astype(a, dtype), shape);
}

static void assert_same(mx a, mx b) {
  assert_no_error();
  assert_true(mx_dtype_of(a) == mx_dtype_of(b));
  assert_true(mx_ndim(a) == mx_ndim(b));
  assert_true(mx_item_bool(mx_all(mx_equal(a, b))));
}

static void vectors_and_batches_have_the_shapes_of_mlx(void **state) {
  (void)state;
  mx a = counted(MX_INTS(2, 3), 5, MX_FLOAT32), b = counted(MX_INTS(3, 2), 7, MX_FLOAT32);
  /* a = [[-2, 0, 2], [-1, 1, -2]], b = [[-3, -3], [-3, -3], [-3, -3]] */
  assert_array(mx_matmul(a, b), MX_INTS(2, 2), 0, 0, 6, 6);
  mx v = mx_array_new((float[]){1, 2, 3}, MX_INTS(3), MX_FLOAT32);
  assert_array(mx_matmul(a, v), MX_INTS(2), 4, -5);
  assert_array(mx_matmul(v, b), MX_INTS(2), -18, -18);
  assert_array(mx_matmul(v, v), ((mx_ints){NULL, 0}), 14);
  assert_array(mx_inner(v, v), ((mx_ints){NULL, 0}), 14);
  assert_array(mx_outer(v, v), MX_INTS(3, 3), 1, 2, 3, 2, 4, 6, 3, 6, 9);
  assert_array(mx_tensordot(a, v, 1), MX_INTS(2), 4, -5);
  assert_array(mx_addmm(mx_float(1), a, v, .alpha = 2, .beta = 3), MX_INTS(2), 11, -7);
  mx left = counted(MX_INTS(5, 1, 4, 6), 5, MX_BFLOAT16),
     right = counted(MX_INTS(3, 6, 2), 7, MX_BFLOAT16);
  mx product = mx_matmul(left, right);
  assert_int_equal(mx_ndim(product), 4);
  mx one = mx_matmul(mx_reshape(mx_slice_axis(left, 0, 2, 3), MX_INTS(4, 6)),
                     mx_reshape(mx_slice_axis(right, 0, 1, 2), MX_INTS(6, 2)));
  mx same = mx_reshape(mx_slice_axis(mx_slice_axis(product, 0, 2, 3), 1, 1, 2), MX_INTS(4, 2));
  assert_same(same, one);
}

static void errors_name_the_shapes(void **state) {
  (void)state;
  mx a = mx_zeros(MX_INTS(3, 4), MX_FLOAT32), b = mx_zeros(MX_INTS(5, 6), MX_FLOAT32);
  assert_error(mx_matmul(a, b),
               "[matmul] Last dimension of first input with shape (3,4) must match");
  assert_error(mx_matmul(a, mx_float(1)), "[matmul] Got 0 dimension input");
  mx i = mx_zeros(MX_INTS(4, 4), MX_INT32);
  assert_error(mx_matmul(i, i), "[matmul] Only inexact types are supported but int32 and int32");
  assert_error(mx_addmm(b, a, mx_transpose(a)), "[addmm] input c must broadcast");
  assert_error(mx_gather_mm(i, i, .lhs_indices = mx_int(0)), "[gather_mm] Only real floating");
}

static void gathered_products_are_those_of_their_matrices(void **state) {
  (void)state;
  mx a = counted(MX_INTS(6, 1, 8), 5, MX_FLOAT32), b = counted(MX_INTS(3, 8, 4), 7, MX_FLOAT32);
  static const uint32_t left[] = {0, 1, 2, 5, 0, 3}, right[] = {1, 1, 1, 2, 2, 0};
  mx l = mx_array_new(left, MX_INTS(6), MX_UINT32), r = mx_array_new(right, MX_INTS(6), MX_UINT32);
  assert_same(mx_gather_mm(a, b, .lhs_indices = l, .rhs_indices = r),
              mx_matmul(mx_take(a, l, .axis = 0), mx_take(b, r, .axis = 0)));
  assert_same(mx_gather_mm(a, b, .rhs_indices = r), mx_matmul(a, mx_take(b, r, .axis = 0)));
  mx wrong = mx_gather_mm(a, b, .rhs_indices = mx_add(r, r));
  assert_error(mx_data(wrong), "out of range");
}

static void gathered_quantised_products_are_those_of_their_matrices(void **state) {
  (void)state;
  mx x = counted(MX_INTS(6, 1, 64), 11, MX_FLOAT32), w = counted(MX_INTS(3, 5, 64), 13, MX_FLOAT32);
  mx_quantized q = mx_quantize(w, .bits = 8);
  static const uint32_t left[] = {0, 1, 2, 5, 0, 3}, right[] = {1, 1, 1, 2, 2, 0};
  mx l = mx_array_new(left, MX_INTS(6), MX_UINT32), r = mx_array_new(right, MX_INTS(6), MX_UINT32);
  mx got =
      mx_gather_qmm(x, q.weight, q.scales, q.biases, .lhs_indices = l, .rhs_indices = r, .bits = 8);
  mx want = mx_quantized_matmul(mx_take(x, l, .axis = 0), mx_take(q.weight, r, .axis = 0),
                                mx_take(q.scales, r, .axis = 0), mx_take(q.biases, r, .axis = 0),
                                .bits = 8);
  mx worst = mx_max(mx_abs(mx_subtract(got, want)));
  assert_true(mx_item_double(worst) < 1e-3);
  assert_no_error();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(vectors_and_batches_have_the_shapes_of_mlx),
      scoped_test(errors_name_the_shapes),
      scoped_test(gathered_products_are_those_of_their_matrices),
      scoped_test(gathered_quantised_products_are_those_of_their_matrices),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
