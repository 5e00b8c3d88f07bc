/* The wrappers of transforms: results, gradients, rules of the program's own, vmap in two steps. */
#include "face.h"

static const mlx_stream none = {NULL};

static mlx_vector_array vector_of(mlx_array a) {
  mlx_vector_array v = mlx_vector_array_new_value(a);
  mlx_array_free(a);
  return v;
}

static mlx_array first_of(mlx_vector_array v) {
  mlx_array a = mlx_array_new();
  assert_int_equal(mlx_vector_array_get(&a, v, 0), 0);
  return a;
}

static void assert_first(mlx_vector_array v, float want) {
  mlx_array a = first_of(v);
  assert_values(a, want);
  mlx_array_free(a);
}

static int cube(mlx_array *res, const mlx_array a) {
  mlx_array square = mlx_array_new();
  int failed = mlx_multiply(&square, a, a, none) || mlx_multiply(res, square, a, none);
  mlx_array_free(square);
  return failed;
}

static void vjp_and_jvp(void **state) {
  (void)state;
  mlx_closure f = mlx_closure_new_unary(cube);
  mlx_vector_array x = vector_of(FLOATS(2)), t = vector_of(FLOATS(10));
  mlx_vector_array out = mlx_vector_array_new(), d = mlx_vector_array_new();
  assert_int_equal(mlx_vjp(&out, &d, f, x, t), 0);
  assert_first(out, 8);
  assert_first(d, 120);
  assert_int_equal(mlx_jvp(&out, &d, f, x, t), 0);
  assert_first(out, 8);
  assert_first(d, 120);
  mlx_vector_array two = mlx_vector_array_new();
  assert_fails(mlx_jvp(&out, &d, f, two, t), "[jvp] Number of inputs");
  mlx_vector_array vectors[] = {x, t, out, d, two};
  for (int i = 0; i < 5; i++) mlx_vector_array_free(vectors[i]);
  mlx_closure_free(f);
}

static void gradients(void **state) {
  (void)state;
  mlx_closure f = mlx_closure_new_unary(cube), kept = mlx_closure_new();
  assert_int_equal(mlx_checkpoint(&kept, f), 0);
  mlx_vector_array x = mlx_vector_array_new();
  mlx_array two = mlx_array_new_float(2);
  mlx_vector_array_append_value(x, two);
  mlx_vector_array values = mlx_vector_array_new(), slopes = mlx_vector_array_new();
  int argnum = -1;
  mlx_closure functions[] = {f, kept};
  for (int i = 0; i < 2; i++) {
    mlx_closure_value_and_grad g = mlx_closure_value_and_grad_new();
    assert_int_equal(mlx_value_and_grad(&g, functions[i], &argnum, 1), 0);
    assert_int_equal(mlx_closure_value_and_grad_apply(&values, &slopes, g, x), 0);
    assert_first(values, 8);
    assert_first(slopes, 12);
    mlx_closure_value_and_grad_free(g);
  }
  mlx_closure_value_and_grad g = mlx_closure_value_and_grad_new();
  assert_fails(mlx_value_and_grad(&g, f, NULL, 0), "[grad] Must specify at least one argument");
  assert_fails(mlx_value_and_grad(&g, (mlx_closure){NULL}, &argnum, 1), "non-empty mlx_closure");
  mlx_array_free(two);
  mlx_vector_array_free(x);
  mlx_vector_array_free(values);
  mlx_vector_array_free(slopes);
  mlx_closure_free(f);
  mlx_closure_free(kept);
}

static int seven(mlx_vector_array *res, const mlx_vector_array primals,
                 const mlx_vector_array cotangents, const mlx_vector_array outputs) {
  (void)primals, (void)outputs;
  mlx_array t = first_of(cotangents), factor = mlx_array_new_float(7), y = mlx_array_new();
  int failed = mlx_multiply(&y, t, factor, none) || mlx_vector_array_set_value(res, y);
  mlx_array_free(t);
  mlx_array_free(factor);
  mlx_array_free(y);
  return failed;
}

static void own_rules(void **state) {
  (void)state;
  mlx_closure f = mlx_closure_new_unary(cube), g = mlx_closure_new();
  mlx_closure_custom rule = mlx_closure_custom_new_func(seven);
  assert_int_equal(mlx_custom_vjp(&g, f, rule), 0);
  mlx_closure_custom_free(rule);
  mlx_vector_array x = vector_of(FLOATS(2)), t = vector_of(FLOATS(10));
  mlx_vector_array out = mlx_vector_array_new(), d = mlx_vector_array_new();
  assert_int_equal(mlx_vjp(&out, &d, g, x, t), 0);
  assert_first(out, 8);
  assert_first(d, 70);
  assert_int_equal(mlx_jvp(&out, &d, g, x, t), 0);
  assert_first(d, 120);
  mlx_vector_array vectors[] = {x, t, out, d};
  for (int i = 0; i < 4; i++) mlx_vector_array_free(vectors[i]);
  mlx_closure_free(f);
  mlx_closure_free(g);
}

static void vmap_in_two_steps(void **state) {
  (void)state;
  mlx_closure f = mlx_closure_new_unary(cube);
  mlx_vector_array x = vector_of(FLOATS(1, 2, 3));
  mlx_vector_array slices = mlx_vector_array_new(), traced = mlx_vector_array_new();
  mlx_vector_array out = mlx_vector_array_new();
  int axis = 0;
  assert_int_equal(mlx_detail_vmap_trace(&slices, &traced, f, x, &axis, 1), 0);
  mlx_array slice = first_of(slices);
  assert_int_equal(mlx_array_ndim(slice), 0);
  assert_int_equal(mlx_detail_vmap_replace(&out, x, slices, traced, &axis, 1, &axis, 1), 0);
  mlx_array y = first_of(out);
  assert_values(y, 1, 8, 27);
  axis = 1;
  assert_fails(mlx_detail_vmap_trace(&slices, &traced, f, x, &axis, 1), "[vmap] Axis 1 invalid");
  mlx_array_free(slice);
  mlx_array_free(y);
  mlx_vector_array vectors[] = {x, slices, traced, out};
  for (int i = 0; i < 4; i++) mlx_vector_array_free(vectors[i]);
  mlx_closure_free(f);
}

static int broken(mlx_vector_array *res, const mlx_vector_array in) {
  (void)res, (void)in;
  return 1;
}

static void failures_are_reported_once(void **state) {
  (void)state;
  mlx_closure f = mlx_closure_new_func(broken);
  mlx_vector_array x = vector_of(FLOATS(2)), out = mlx_vector_array_new(),
                   d = mlx_vector_array_new();
  assert_fails(mlx_vjp(&out, &d, f, x, x), "mlx_closure returned a non-zero value");
  mlx_vector_array_free(x);
  mlx_vector_array_free(out);
  mlx_vector_array_free(d);
  mlx_closure_free(f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(vjp_and_jvp),
      cmocka_unit_test(gradients),
      cmocka_unit_test(own_rules),
      cmocka_unit_test(vmap_in_two_steps),
      cmocka_unit_test(failures_are_reported_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
