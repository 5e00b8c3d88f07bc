/* Closures: plain, with payload, unary, of every kind; what a failing function leaves behind. */
#include "face.h"

static int increment(mlx_array *res, const mlx_array a) {
  mlx_array one = mlx_array_new_float(1);
  int failed = mlx_add(res, a, one, (mlx_stream){NULL});
  mlx_array_free(one);
  return failed;
}

static int add_payload(mlx_vector_array *res, const mlx_vector_array in, void *payload) {
  if (!payload) return 1;
  mlx_array a = mlx_array_new();
  mlx_vector_array_get(&a, in, 0);
  mlx_add(&a, a, *(mlx_array *)payload, (mlx_stream){NULL});
  mlx_vector_array_set_value(res, a);
  mlx_array_free(a);
  return 0;
}

static int dropped;
static void drop(void *payload) {
  dropped++;
  mlx_array_free(*(mlx_array *)payload);
}

static void functions_apply(void **state) {
  (void)state;
  mlx_array x = FLOATS(1), y = mlx_array_new(), two = FLOATS(2);
  mlx_vector_array in = mlx_vector_array_new_value(x), out = mlx_vector_array_new();
  mlx_closure f = mlx_closure_new_unary(increment), g = mlx_closure_new();
  assert_int_equal(mlx_closure_apply(&out, f, in), 0);
  assert_int_equal(mlx_vector_array_get(&y, out, 0), 0);
  assert_values(y, 2);
  assert_fails(mlx_closure_apply(&out, g, in), "expected a non-empty mlx_closure");

  dropped = 0;
  mlx_closure h = mlx_closure_new_func_payload(add_payload, &two, drop);
  assert_int_equal(mlx_closure_set(&g, h), 0);
  mlx_closure_free(h);
  assert_int_equal(dropped, 0);
  assert_int_equal(mlx_closure_apply(&out, g, in), 0);
  assert_int_equal(mlx_vector_array_get(&y, out, 0), 0);
  assert_values(y, 3);
  mlx_closure_free(g);
  assert_int_equal(dropped, 1);

  mlx_closure failing = mlx_closure_new_func_payload(add_payload, NULL, NULL);
  assert_fails(mlx_closure_apply(&out, failing, in), "mlx_closure returned a non-zero value");
  assert_int_equal(mlx_vector_array_size(out), 1); /* as it was */
  mlx_closure_free(failing);
  mlx_closure_free(f);
  mlx_array_free(x);
  mlx_array_free(y);
  mlx_vector_array_free(in);
  mlx_vector_array_free(out);
}

static int scaled(mlx_vector_array *res, const mlx_vector_array in,
                  const mlx_map_string_to_array named) {
  mlx_array a = mlx_array_new(), k = mlx_array_new();
  mlx_vector_array_get(&a, in, 0);
  int failed = mlx_map_string_to_array_get(&k, named, "k");
  if (!failed) failed = mlx_multiply(&a, a, k, (mlx_stream){NULL});
  mlx_vector_array_set_value(res, a);
  mlx_array_free(a);
  mlx_array_free(k);
  return failed;
}

static int batched(mlx_vector_array *res, mlx_vector_int *axes, const mlx_vector_array in,
                   const int *in_axes, size_t count) {
  mlx_vector_array_set(res, in);
  return mlx_vector_int_set_data(axes, (int *)in_axes, count);
}

static void kinds_with_more_arguments_apply(void **state) {
  (void)state;
  mlx_array x = FLOATS(3), y = mlx_array_new();
  mlx_vector_array in = mlx_vector_array_new_value(x), out = mlx_vector_array_new();
  mlx_map_string_to_array named = mlx_map_string_to_array_new();
  mlx_map_string_to_array_insert(named, "k", x);
  mlx_closure_kwargs f = mlx_closure_kwargs_new_func(scaled);
  assert_int_equal(mlx_closure_kwargs_apply(&out, f, in, named), 0);
  assert_int_equal(mlx_vector_array_get(&y, out, 0), 0);
  assert_values(y, 9);

  mlx_closure_custom_vmap v = mlx_closure_custom_vmap_new_func(batched);
  mlx_vector_int axes = mlx_vector_int_new();
  int axis;
  assert_int_equal(mlx_closure_custom_vmap_apply(&out, &axes, v, in, (const int[]){7}, 1), 0);
  assert_int_equal(mlx_vector_int_get(&axis, axes, 0), 0);
  assert_int_equal(axis, 7);
  mlx_vector_int_free(axes);
  mlx_closure_custom_vmap_free(v);
  mlx_closure_kwargs_free(f);
  mlx_map_string_to_array_free(named);
  mlx_vector_array_free(in);
  mlx_vector_array_free(out);
  mlx_array_free(x);
  mlx_array_free(y);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(functions_apply),
      cmocka_unit_test(kinds_with_more_arguments_apply),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
