/* Compiled closures, by themselves and under ids, and the modes. */
#include "face.h"

static int calls;

static int twice_and_one(mlx_vector_array *res, const mlx_vector_array in) {
  mlx_stream s = {NULL};
  mlx_array a = mlx_array_new(), one = mlx_array_new_float(1);
  calls++;
  int failed = mlx_vector_array_get(&a, in, 0);
  if (!failed) failed = mlx_add(&a, a, a, s) || mlx_add(&a, a, one, s);
  if (!failed) failed = mlx_vector_array_set_value(res, a);
  mlx_array_free(a);
  mlx_array_free(one);
  return failed;
}

/* Calls the closure with {1, 2}, and expects {3, 5}. */
static void assert_works(mlx_closure f) {
  mlx_array x = FLOATS(1, 2), y = mlx_array_new();
  mlx_vector_array in = mlx_vector_array_new_value(x), out = mlx_vector_array_new();
  assert_int_equal(mlx_closure_apply(&out, f, in), 0);
  assert_int_equal(mlx_vector_array_get(&y, out, 0), 0);
  assert_values(y, 3, 5);
  mlx_vector_array_free(in);
  mlx_vector_array_free(out);
  mlx_array_free(x);
  mlx_array_free(y);
}

static void compiled_closures(void **state) {
  (void)state;
  mlx_closure f = mlx_closure_new_func(twice_and_one), fast = mlx_closure_new();
  assert_int_equal(mlx_compile(&fast, f, false), 0);
  calls = 0;
  assert_works(fast);
  assert_works(fast);
  assert_int_equal(calls, 1);
  assert_int_equal(mlx_compile(&fast, f, true), 0);
  mlx_closure_free(f); /* the compiled one keeps it */
  assert_works(fast);
  assert_works(fast);
  assert_int_equal(calls, 2);
  mlx_disable_compile();
  assert_works(fast);
  assert_int_equal(calls, 3);
  mlx_enable_compile();
  assert_int_equal(mlx_set_compile_mode(MLX_COMPILE_MODE_NO_FUSE), 0);
  assert_works(fast);
  assert_int_equal(calls, 4);
  mlx_set_compile_mode(MLX_COMPILE_MODE_ENABLED);
  mlx_closure none = mlx_closure_new();
  assert_fails(mlx_compile(&fast, none, false), "expected a non-empty mlx_closure");
  mlx_closure_free(fast);
}

static void recordings_under_ids(void **state) {
  (void)state;
  mlx_closure f = mlx_closure_new_func(twice_and_one);
  mlx_closure a = mlx_closure_new(), b = mlx_closure_new(), c = mlx_closure_new();
  assert_int_equal(mlx_detail_compile(&a, f, 5, false, NULL, 0), 0);
  assert_int_equal(mlx_detail_compile(&b, f, 5, false, NULL, 0), 0);
  assert_int_equal(mlx_detail_compile(&c, f, 5, false, (uint64_t[]){1}, 1), 0);
  calls = 0;
  assert_works(a);
  assert_works(b);
  assert_int_equal(calls, 1);
  assert_works(c);
  assert_int_equal(calls, 2);
  assert_int_equal(mlx_detail_compile_erase(5), 0);
  assert_works(a);
  assert_works(c);
  assert_int_equal(calls, 4);
  assert_int_equal(mlx_detail_compile_clear_cache(), 0);
  assert_works(b);
  assert_int_equal(calls, 5);
  mlx_closure_free(f);
  mlx_closure_free(a);
  mlx_closure_free(b);
  mlx_closure_free(c);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(compiled_closures),
                                     cmocka_unit_test(recordings_under_ids)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
