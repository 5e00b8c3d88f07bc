/* Arrays print as MLX prints them (expected texts: str() of the same arrays in MLX 0.30.4). */
#include "check.h"

#include <math.h>
#include <stdlib.h>

#define assert_prints(a, text)           \
  do {                                   \
    char *printed_ = mx_to_string(a);    \
    assert_non_null(printed_);           \
    assert_string_equal(printed_, text); \
    free(printed_);                      \
  } while (0)

static void arrays_print_as_mlx_does(void **state) {
  (void)state;
  assert_prints(mx_float(1.5f), "array(1.5, dtype=float32)");
  float f[] = {1, 2.5f, 1e-7f, 1e20f};
  assert_prints(mx_array_new(f, MX_INTS(2, 2), MX_FLOAT32),
                "array([[1, 2.5],\n       [1e-07, 1e+20]], dtype=float32)");
  float odd[] = {NAN, INFINITY, -INFINITY};
  assert_prints(mx_array_new(odd, MX_INTS(3), MX_FLOAT32),
                "array([nan, inf, -inf], dtype=float32)");
  assert_prints(mx_zeros(MX_INTS(0, 3), MX_FLOAT32), "array([], dtype=float32)");
  assert_prints(mx_zeros(MX_INTS(3, 0), MX_FLOAT32),
                "array([[],\n       [],\n       []], dtype=float32)");
  assert_prints(mx_arange(0, 10, 1, MX_INT32), "array([0, 1, 2, ..., 7, 8, 9], dtype=int32)");
  assert_prints(mx_transpose(mx_reshape(mx_arange(0, 6, 1, MX_UINT8), MX_INTS(1, 2, 3))),
                "array([[[0],\n        [3]],\n       [[1],\n        [4]],\n       [[2],\n"
                "        [5]]], dtype=uint8)");
  assert_prints(mx_complex(3, -4), "array(3-4j, dtype=complex64)");
  assert_prints(mx_scalar(1.1, MX_BFLOAT16), "array(1.10156, dtype=bfloat16)");
  assert_prints(mx_scalar(1.1, MX_FLOAT16), "array(1.09961, dtype=float16)");
}

int main(void) {
  const struct CMUnitTest tests[] = {scoped_test(arrays_print_as_mlx_does)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
