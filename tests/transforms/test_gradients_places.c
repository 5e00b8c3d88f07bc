/* Where cotangents go and what slices of a mapping see: counted by hand, for views, windows and
 * index arrays; and what has no derivative says so. */
#include "derivatives.h"

static mx vjp_of(mx_fn_call call, mx x, mx cotangent) {
  mx_fn f = mx_fn_new(call, NULL, NULL);
  mx_arrays values = {0}, vjps = {0};
  bool good = mx_vjp(f, &x, 1, &cotangent, 1, &values, &vjps);
  mx out = good ? vjps.data[0] : NULL;
  mx_arrays_free(&values);
  mx_arrays_free(&vjps);
  mx_fn_release(f);
  return out;
}

static mx map(mx_fn_call call, const mx *in, mx_ints in_axes, int out_axis) {
  mx_fn f = mx_fn_new(call, NULL, NULL), each = mx_vmap(f, in_axes, MX_INTS(out_axis));
  mx out = mx_fn_first(each, in, in_axes.size);
  mx_fn_release(f);
  mx_fn_release(each);
  return out;
}

static mx floats(mx_ints shape, const float *values) {
  return mx_array_new(values, shape, MX_FLOAT32);
}
static mx count_up(mx_ints shape) {
  int n = 1;
  for (int i = 0; i < shape.size; i++) n *= shape.data[i];
  return mx_reshape(mx_arange(0, n, 1, MX_FLOAT32), shape);
}

/* ---- Cotangents ---- */

DERIVATIVE_FN(windows, mx_as_strided(in[0], MX_INTS(5, 5), ((const int64_t[]){1, 1}), 1))
DERIVATIVE_FN(repeats, mx_as_strided(in[0], MX_INTS(3, 3), ((const int64_t[]){0, 1}), 3))

static void places_shown_often_collect_as_often(void **state) {
  (void)state;
  mx x = mx_ones(MX_INTS(11), MX_FLOAT32);
  assert_array(vjp_of(windows, x, mx_ones(MX_INTS(5, 5), MX_FLOAT32)), MX_INTS(11), 0, 1, 2, 3, 4,
               5, 4, 3, 2, 1, 0);
  assert_array(vjp_of(repeats, x, count_up(MX_INTS(3, 3))), MX_INTS(11), 0, 0, 0, 9, 12, 15, 0, 0,
               0, 0, 0);
}

DERIVATIVE_FN(fourths, mx_slice(in[0], MX_INTS(0, 0), MX_INTS(4, 4), MX_INTS(2, 2)))
DERIVATIVE_FN(nothing, mx_slice(in[0], MX_INTS(0, 0), MX_INTS(0, 4), MX_INTS(2, 2)))
DERIVATIVE_FN(wide_steps, mx_slice(in[0], MX_INTS(0, 1), MX_INTS(4, 4), MX_INTS(9, 9)))

static void slices_give_back_to_their_places(void **state) {
  (void)state;
  mx x = mx_ones(MX_INTS(4, 4), MX_FLOAT32), c = floats(MX_INTS(2, 2), (float[]){1, 2, 3, 4});
  assert_array(vjp_of(fourths, x, c), MX_INTS(4, 4), 1, 0, 2, 0, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0,
               0);
  assert_array(vjp_of(nothing, x, mx_zeros(MX_INTS(0, 2), MX_FLOAT32)), MX_INTS(4, 4), 0, 0, 0, 0,
               0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  assert_array(vjp_of(wide_steps, x, floats(MX_INTS(1, 1), (float[]){5})), MX_INTS(4, 4), 0, 5, 0,
               0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}

static mx numbers(mx_ints values) {
  return mx_array_new(values.data, MX_INTS(values.size), MX_INT32);
}

DERIVATIVE_FN(first_four, mx_take(in[0], numbers(MX_INTS(0, 0, 0, 0))))
DERIVATIVE_FN(taken, mx_take(in[0], in[1]))
DERIVATIVE_FN(placed, mx_put_along_axis(in[0], in[1], in[0], .axis = 0))
DERIVATIVE_FN(window, mx_slice_dynamic(in[0], in[1], MX_INTS(0), MX_INTS(2)))
DERIVATIVE_FN(bits, mx_view(in[0], MX_INT32))

static void refused(mx_fn_call call, bool forward, const char *message) {
  mx in[2] = {count_up(MX_INTS(4)), numbers(MX_INTS(1))}, out = NULL;
  mx_fn f = mx_fn_new(call, NULL, NULL);
  mx_arrays values = {0}, results = {0};
  bool good = mx_fn_apply(f, in, 2, &values);
  assert_true(good);
  mx cotangent = mx_zeros_like(values.data[0]);
  good = forward ? mx_jvp(f, in, in, 2, &values, &results)
                 : mx_vjp(f, in, 2, &cotangent, 1, &values, &results);
  if (good) out = results.data[0];
  mx_arrays_free(&values);
  mx_arrays_free(&results);
  mx_fn_release(f);
  assert_null(out);
  if (!strstr(mx_error(), message)) fail_msg("%s, not %s", mx_error(), message);
  mx_error_clear();
}

static void indices_have_no_derivatives(void **state) {
  (void)state;
  assert_array(vjp_of(first_four, mx_ones(MX_INTS(4), MX_FLOAT32), mx_ones(MX_INTS(4), MX_FLOAT32)),
               MX_INTS(4), 4, 0, 0, 0);
  refused(taken, true, "[gather] Cannot calculate JVP with respect to indices.");
  refused(placed, true, "[scatter_axis] Cannot calculate JVP with respect to indices.");
  refused(placed, false, "[scatter_axis] Cannot calculate VJP with respect to indices.");
  refused(window, false, "[DynamicSlice::vjp] Not supported for start indices.");
  refused(bits, false, "[Primitive::vjp] Not implemented for View.");
  refused(bits, true, "[Primitive::jvp] Not implemented for View.");
}

DERIVATIVE_FN(doubled, mx_full(MX_INTS(2, 3), in[0], MX_FLOAT32))
DERIVATIVE_FN(products, mx_scatter_prod(mx_full(MX_INTS(2), mx_float(3), MX_FLOAT32),
                                        (const mx[]){numbers(MX_INTS(0, 0, 1))}, 1,
                                        mx_reshape(in[0], MX_INTS(3, 1)), MX_INTS(0)))

/* Where MLX multiplies by the value, or has no rule. */
static void full_and_products(void **state) {
  (void)state;
  assert_array(vjp_of(doubled, mx_float(5), mx_ones(MX_INTS(2, 3), MX_FLOAT32)),
               ((mx_ints){NULL, 0}), 6);
  mx x = floats(MX_INTS(3), (float[]){0, 2, 7});
  assert_array(vjp_of(products, x, mx_ones(MX_INTS(2), MX_FLOAT32)), MX_INTS(3), 6, 0, 3);
}

DERIVATIVE_FN(masked, mx_masked_scatter(in[0],
                                        mx_array_new((const bool[]){true, false, false, true},
                                                     MX_INTS(4), MX_BOOL),
                                        in[1]))

static void masked_values_take_turns(void **state) {
  (void)state;
  mx in[2] = {floats(MX_INTS(4), (float[]){10, 20, 30, 40}), floats(MX_INTS(2), (float[]){7, 8})};
  mx tangents[2] = {floats(MX_INTS(4), (float[]){1, 2, 3, 4}),
                    floats(MX_INTS(2), (float[]){9, 11})};
  mx_fn f = mx_fn_new(masked, NULL, NULL);
  mx_arrays values = {0}, results = {0};
  assert_true(mx_jvp(f, in, tangents, 2, &values, &results));
  assert_true(mx_vjp(f, in, 2, &tangents[0], 1, &values, &results));
  assert_array(values.data[0], MX_INTS(4), 7, 20, 30, 8);
  assert_array(results.data[0], MX_INTS(4), 9, 2, 3, 11);
  assert_array(results.data[1], MX_INTS(4), 0, 2, 3, 0);
  assert_array(results.data[2], MX_INTS(2), 1, 4);
  mx_arrays_free(&values);
  mx_arrays_free(&results);
  mx_fn_release(f);
}

/* ---- Mappings ---- */

DERIVATIVE_FN(square, mx_reshape(in[0], MX_INTS(4)))
DERIVATIVE_FN(wider, mx_broadcast_to(in[0], MX_INTS(4, 2)))
DERIVATIVE_FN(pair, mx_full(MX_INTS(2), in[0], MX_FLOAT32))

static void views_of_each_slice(void **state) {
  (void)state;
  mx x = count_up(MX_INTS(2, 2, 2));
  assert_array(map(square, &x, MX_INTS(1), 0), MX_INTS(2, 4), 0, 1, 4, 5, 2, 3, 6, 7);
  assert_array(map(square, &x, MX_INTS(1), 1), MX_INTS(4, 2), 0, 2, 1, 3, 4, 6, 5, 7);
  x = count_up(MX_INTS(3, 2));
  assert_array(map(wider, &x, MX_INTS(0), 2), MX_INTS(4, 2, 3), 0, 2, 4, 1, 3, 5, 0, 2, 4, 1, 3, 5,
               0, 2, 4, 1, 3, 5, 0, 2, 4, 1, 3, 5);
  assert_error(map(wider, (mx[]){count_up(MX_INTS(2, 3))}, MX_INTS(0), 2), "Cannot broadcast");
  x = floats(MX_INTS(3), (float[]){1, 2, 3});
  assert_array(map(pair, &x, MX_INTS(0), 0), MX_INTS(3, 2), 1, 1, 2, 2, 3, 3);
  x = mx_reshape(x, MX_INTS(1, 3));
  assert_error(map(pair, &x, MX_INTS(0), 0), "broadcast");
  assert_array(map(pair, &x, MX_INTS(1), 1), MX_INTS(2, 3), 1, 2, 3, 1, 2, 3);
}

DERIVATIVE_FN(store, mx_scatter(in[0], (const mx[]){numbers(MX_INTS(1))}, 1,
                                mx_reshape(floats(MX_INTS(2), (float[]){1, 2}), MX_INTS(1, 1, 2)),
                                MX_INTS(0)))
DERIVATIVE_FN(inner, mx_slice_dynamic(in[0], numbers(MX_INTS(1)), MX_INTS(0), MX_INTS(2)))
DERIVATIVE_FN(replace, mx_slice_update_dynamic(in[0], in[1], numbers(MX_INTS(1)), MX_INTS(0)))
DERIVATIVE_FN(own_start, mx_slice_dynamic(in[0], in[1], MX_INTS(0), MX_INTS(2)))
DERIVATIVE_FN(joined, mx_concatenate(in, 2, 0))

static void windows_of_each_slice(void **state) {
  (void)state;
  mx x = mx_zeros(MX_INTS(3, 2, 4), MX_FLOAT32);
  assert_array(map(store, &x, MX_INTS(1), 1), MX_INTS(3, 2, 4), 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0,
               1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  x = count_up(MX_INTS(3, 4));
  assert_array(map(inner, &x, MX_INTS(0), 0), MX_INTS(3, 2), 1, 2, 5, 6, 9, 10);
  assert_array(map(inner, &x, MX_INTS(1), 1), MX_INTS(2, 4), 4, 5, 6, 7, 8, 9, 10, 11);
  mx starts = mx_reshape(numbers(MX_INTS(2, 0, 1)), MX_INTS(3, 1));
  assert_array(map(own_start, (mx[]){x, starts}, MX_INTS(0, 0), 0), MX_INTS(3, 2), 2, 3, 4, 5, 9,
               10);
  mx zeros = mx_zeros(MX_INTS(2, 2), MX_FLOAT32), ones = mx_ones(MX_INTS(2, 1), MX_FLOAT32);
  assert_array(map(replace, (mx[]){zeros, ones}, MX_INTS(1, 0), 1), MX_INTS(2, 2), 0, 0, 1, 1);
  mx one = mx_ones(MX_INTS(1), MX_FLOAT32);
  assert_array(map(replace, (mx[]){zeros, one}, MX_INTS(0, -1), 0), MX_INTS(2, 2), 0, 1, 0, 1);
  mx grid = count_up(MX_INTS(2, 2));
  assert_array(map(joined, (mx[]){grid, grid}, MX_INTS(0, 1), 0), MX_INTS(2, 4), 0, 1, 0, 2, 2, 3,
               1, 3);
}

/* Expanded axes before a batch axis that is not the first. */
DERIVATIVE_FN(expanded, mx_expand_dims(in[0], MX_INTS(0, 1)))

static void expanded_axes_stay_in_front(void **state) {
  (void)state;
  mx x = count_up(MX_INTS(2, 3));
  assert_array(map(expanded, &x, MX_INTS(1), 0), MX_INTS(3, 1, 1, 2), 0, 3, 1, 4, 2, 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(places_shown_often_collect_as_often),
      scoped_test(slices_give_back_to_their_places),
      scoped_test(indices_have_no_derivatives),
      scoped_test(full_and_products),
      scoped_test(masked_values_take_turns),
      scoped_test(views_of_each_slice),
      scoped_test(windows_of_each_slice),
      scoped_test(expanded_axes_stay_in_front),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
