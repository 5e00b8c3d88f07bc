/* Derivatives of functions in general: which inputs and outputs count, what stops them, what is
 * kept while a function is traced, what is refused. */
#include "array/array.h"
#include "array/primitive.h"
#include "functions.h"

/* ---- stop_gradient ---- */

FN(stopped_sum, mx_stop_gradient(mx_add(in[0], in[0])))
FN(partly_stopped, mx_add(in[0], mx_stop_gradient(in[0])))
FN(stopped_plus_ones, mx_stop_gradient(mx_add(in[0], ones(MX_INTS(2)))))
FN(ones_plus_stopped, mx_add(mx_stop_gradient(in[0]), ones(MX_INTS(2))))
FN(one_of_two_stopped, mx_stop_gradient(in[0]), mx_multiply(in[0], mx_float(3)))

static bool long_and_stopped(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  mx x = in[0];
  for (int i = 0; i < 10; i++) x = mx_add(x, x);
  return mx_arrays_push(out, mx_stop_gradient(x));
}

static int nodes_behind(mx a) {
  int nodes = 0;
  if (!a->node) return 0;
  for (int i = 0; i < a->node->input_count; i++) nodes += nodes_behind(a->node->inputs[i]);
  return nodes + 1;
}

static void stopped_gradients_are_zero(void **state) {
  (void)state;
  assert_array(mx_stop_gradient(mx_zeros(MX_INTS(2, 1), MX_FLOAT32)), MX_INTS(2, 1), 0, 0);
  assert_int_equal(mx_dtype_of(mx_stop_gradient(mx_int(3))), MX_INT32);
  mx one = mx_float(1);
  is(pull(stopped_sum, one, one).slopes[0], 0);
  is(push(stopped_sum, one, one).slopes[0], 0);
  is(pull(partly_stopped, one, one).slopes[0], 1);
  is(push(partly_stopped, one, one).slopes[0], 1);
  /* stopped outputs take no cotangent */
  is(pull(one_of_two_stopped, one, one).slopes[0], 3);
  /* nothing is walked, or kept, that only leads to zeros */
  assert_true(nodes_behind(pull(long_and_stopped, one, one).slopes[0]) < 5);
  assert_true(nodes_behind(push(long_and_stopped, one, one).slopes[0]) < 5);
}

static void stopped_gradients_map(void **state) {
  (void)state;
  mx_fn_call calls[] = {stopped_plus_ones, ones_plus_stopped};
  for (int i = 0; i < 2; i++) {
    mx_fn f = named(calls[i]), each = mx_vmap(f, (mx_ints){0}, (mx_ints){0});
    assert_array(mx_call(each, ones(MX_INTS(3, 2))), MX_INTS(3, 2), 2, 2, 2, 2, 2, 2);
    mx_fn_release(f);
    mx_fn_release(each);
  }
}

/* ---- What counts as an input or an output ---- */

FN(add_two, mx_add(in[0], in[1]))
FN(twice, mx_add(in[0], in[0]))
FN(thrice, mx_add(mx_add(in[0], in[0]), in[0]))
FN(constant_pair, ones(MX_INTS(2)))
FN(constant, mx_float(1))
FN(products, mx_multiply(in[0], in[1]), mx_multiply(in[1], in[2]))
FN(same_twice, in[0], in[0])
FN(both_inputs, in[1], in[0])
FN(product, mx_multiply(in[0], in[1]))
FN(sum_of_squares, mx_sum(mx_square(in[0])))
FN(to_int, mx_astype(in[0], MX_INT32))

static bool plus_payload(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)count;
  return mx_arrays_push(out, mx_add(in[0], payload));
}

static void inputs_and_outputs_of_every_kind(void **state) {
  (void)state;
  mx one = mx_float(1), two = mx_float(2), three = mx_float(3);
  derived d = push_many(add_two, (mx[]){one, one}, (mx[]){one, three}, 2);
  is(d.values[0], 2), is(d.slopes[0], 4);
  is(pull(thrice, one, one).slopes[0], 3), is(pull(thrice, one, two).slopes[0], 6);
  /* no dependence */
  assert_array(push(constant_pair, one, one).slopes[0], MX_INTS(2), 0, 0);
  assert_array(pull(constant, ones(MX_INTS(2)), one).slopes[0], MX_INTS(2), 0, 0);
  /* several outputs; one input in several */
  d = pull_many(products, (mx[]){one, two, three}, 3, (mx[]){two, three}, 2);
  assert_int_equal(d.size, 3);
  is(d.slopes[0], 4), is(d.slopes[1], 11), is(d.slopes[2], 6);
  /* outputs that are inputs, once or twice; one array as two inputs */
  is(pull_many(same_twice, &one, 1, (mx[]){two, three}, 2).slopes[0], 5);
  d = pull_many(both_inputs, (mx[]){one, two}, 2, (mx[]){two, three}, 2);
  is(d.slopes[0], 3), is(d.slopes[1], 2);
  d = pull_many(product, (mx[]){three, three}, 2, &one, 1);
  is(d.slopes[0], 3), is(d.slopes[1], 3);
  d = push_many(product, (mx[]){three, three}, (mx[]){one, two}, 2);
  is(d.slopes[0], 9);
}

/* An array that the function also holds is a constant there. */
static void captured_inputs_are_constants(void **state) {
  (void)state;
  mx x = mx_float(1);
  mx_fn f = mx_fn_new(plus_payload, x, NULL);
  mx_arrays values = {0}, slopes = {0};
  assert_true(mx_vjp(f, &x, 1, &x, 1, &values, &slopes));
  assert_true(mx_jvp(f, &x, &x, 1, &values, &slopes));
  is(slopes.data[0], 1), is(slopes.data[1], 1);
  mx_arrays_free(&values);
  mx_arrays_free(&slopes);
  mx_fn_release(f);
}

static void shapes_must_fit(void **state) {
  (void)state;
  mx one = mx_float(1);
  fails(push(twice, one, ones(MX_INTS(2))).good, "[jvp] Input shape () does not match");
  fails(pull(twice, ones(MX_INTS(1)), ones(MX_INTS(2))).good, "[vjp] Output shape (1) does not");
  fails(pull_many(same_twice, &one, 1, &one, 1).good,
        "[vjp] Number of outputs to compute gradients for (2)");
}

static void dtypes_are_the_inputs(void **state) {
  (void)state;
  mx_dtype dtypes[] = {MX_FLOAT16, MX_BFLOAT16, MX_FLOAT32, MX_FLOAT64, MX_COMPLEX64};
  for (int i = 0; i < 4; i++) {
    mx slope = apply_once(grad_of(named(sum_of_squares), MX_INTS(0)),
                          (mx[]){mx_scalar(1.5, dtypes[i])}, 1);
    assert_int_equal(mx_dtype_of(slope), dtypes[i]);
    is(slope, 3);
  }
  /* a cotangent takes the output's dtype, and what comes back the input's */
  mx x = ones(MX_INTS(2));
  mx slope = pull(to_int, x, mx_full(MX_INTS(2), mx_int(2), MX_INT32)).slopes[0];
  assert_int_equal(mx_dtype_of(slope), MX_FLOAT32);
  assert_array(slope, MX_INTS(2), 2, 2);
  slope = push(to_int, x, mx_full(MX_INTS(2), mx_float(2), MX_FLOAT32)).slopes[0];
  assert_int_equal(mx_dtype_of(slope), MX_INT32);
  assert_array(slope, MX_INTS(2), 2, 2);
  /* integers have gradients, too, as in MLX */
  slope = pull(twice, mx_int(4), mx_int(3)).slopes[0];
  assert_int_equal(mx_dtype_of(slope), MX_INT32);
  is(slope, 6);
}

/* ---- grad ---- */

FN(plus_one, mx_add(in[0], mx_float(1)))
FN(exponential, mx_exp(in[0]))
FN(vector_and_loss, mx_sum(mx_multiply(in[0], in[1])), mx_multiply(in[0], mx_float(2)))

static void gradients_of_gradients(void **state) {
  (void)state;
  mx one = mx_float(1);
  mx_fn f = named(plus_one), both = mx_value_and_grad(f, MX_INTS(0));
  mx_fn df = mx_grad(f, MX_INTS(0)), second = mx_value_and_grad(df, MX_INTS(0));
  mx_arrays out = {0};
  assert_true(mx_fn_apply(both, &one, 1, &out) && mx_fn_apply(second, &one, 1, &out));
  is(out.data[0], 2), is(out.data[1], 1), is(out.data[2], 1), is(out.data[3], 0);
  mx_arrays_free(&out);
  mx_fn all[] = {f, both, df, second};
  for (int i = 0; i < 4; i++) mx_fn_release(all[i]);
  mx_fn g = named(exponential);
  for (int order = 1; order <= 3; order++) {
    g = grad_of(g, MX_INTS(0));
    is(mx_call(g, one), exp(1));
  }
  mx_fn_release(g);
}

static void argument_numbers(void **state) {
  (void)state;
  mx in[2] = {mx_float(2), mx_float(3)};
  mx_fn f = named(product);
  struct {
    mx_ints argnums;
    double want[2];
  } cases[] = {{MX_INTS(0), {3}},
               {MX_INTS(1), {2}},
               {MX_INTS(-1), {2}},
               {MX_INTS(0, 1), {3, 2}},
               {MX_INTS(1, 0), {3, 2}}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    mx_fn df = mx_value_and_grad(f, cases[i].argnums);
    mx_arrays out = {0};
    assert_true(mx_fn_apply(df, in, 2, &out));
    assert_int_equal(out.size, 1 + cases[i].argnums.size);
    is(out.data[0], 6);
    for (int k = 1; k < out.size; k++) is(out.data[k], cases[i].want[k - 1]);
    mx_arrays_free(&out);
    mx_fn_release(df);
  }
  assert_null(mx_grad(f, (mx_ints){0}));
  fails(false, "[grad] Must specify at least one argument.");
  assert_null(apply_once(mx_grad(f, MX_INTS(0, 1, 2)), in, 2));
  fails(false, "[grad] Invalid argument number");
  assert_null(apply_once(mx_grad(f, MX_INTS(0, 0)), in, 2));
  fails(false, "[grad] Repeat argument number");
  assert_null(apply_once(mx_grad(f, MX_INTS(-3)), in, 2));
  fails(false, "[grad] Invalid argument number");
  mx_fn_release(f);
}

/* Further results come along, and have no part in the gradient. */
static void values_beside_the_loss(void **state) {
  (void)state;
  mx_fn f = named(vector_and_loss), df = mx_value_and_grad(f, MX_INTS(0));
  mx in[2] = {ones(MX_INTS(2)), mx_full(MX_INTS(2), mx_float(5), MX_FLOAT32)};
  mx_arrays out = {0};
  assert_true(mx_fn_apply(df, in, 2, &out));
  assert_int_equal(out.size, 3);
  is(out.data[0], 10);
  assert_array(out.data[1], MX_INTS(2), 2, 2);
  assert_array(out.data[2], MX_INTS(2), 5, 5);
  mx_arrays_free(&out);
  mx_fn_release(f);
  mx_fn_release(df);
}

/* ---- Evaluation on the way ---- */

static bool keeps_tracers(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)count;
  mx x = mx_add(in[0], mx_float(2)), other = payload;
  if (mx_eval(x) || mx_eval(other)) return false;
  if (!mx_is_available(x) || !x->node || !x->tracer) return false;
  if (!mx_is_available(other) || other->node || other->tracer) return false;
  return mx_arrays_push(out, mx_square(x));
}

static bool branches(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  mx x = mx_add(in[0], mx_float(2));
  return mx_arrays_push(out, mx_item_double(x) > 3 ? mx_square(x) : mx_multiply(mx_float(4), x));
}

static void what_is_traced_stays_when_evaluated(void **state) {
  (void)state;
  mx one = mx_float(1), other = mx_add(one, one);
  mx_fn f = mx_fn_new(keeps_tracers, other, NULL), df = mx_grad(f, MX_INTS(0));
  is(mx_call(df, one), 6);
  mx_arrays values = {0}, slopes = {0};
  other = mx_add(one, one);
  mx_fn g = mx_fn_new(keeps_tracers, other, NULL);
  assert_true(mx_jvp(g, &one, &one, 1, &values, &slopes));
  is(slopes.data[0], 6);
  mx_arrays_free(&values);
  mx_arrays_free(&slopes);
  mx_fn_release(f);
  mx_fn_release(g);
  mx_fn_release(df);
  df = grad_of(named(branches), MX_INTS(0));
  is(mx_call(df, mx_float(0.5f)), 4);
  is(mx_call(df, mx_float(1.5f)), 7);
  mx_fn_release(df);
}

/* What a function keeps for later is an ordinary array once the gradient is there. */
static bool with_state(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)count;
  mx *kept = payload, x = mx_multiply(in[0], ones(MX_INTS(2)));
  mx next = mx_retain(mx_add(*kept, x));
  mx_release(*kept);
  *kept = next;
  return mx_arrays_push(out, mx_sum(x));
}

static void state_can_be_evaluated_afterwards(void **state) {
  (void)state;
  mx kept = mx_retain(mx_zeros(MX_INTS(2), MX_FLOAT32));
  mx_fn f = mx_fn_new(with_state, &kept, NULL), df = mx_grad(f, MX_INTS(0));
  assert_non_null(mx_call(df, ones(MX_INTS(1))));
  assert_int_equal(mx_eval(kept), 0);
  assert_true(mx_is_available(kept));
  assert_null(kept->node);
  assert_array(kept, MX_INTS(2), 1, 1);
  mx_release(kept);
  mx_fn_release(f);
  mx_fn_release(df);
}

/* ---- Custom rules, checkpoints ---- */

FN(product_and_sum, mx_multiply(in[0], in[1]), mx_add(in[0], in[1]))

static bool ones_vjp(void *payload, const mx *primals, int count, const mx *cotangents,
                     const mx *outputs, int output_count, mx_arrays *vjps) {
  (void)payload, (void)primals, (void)cotangents, (void)outputs;
  return count == 2 && output_count == 2 && mx_arrays_push(vjps, mx_float(1)) &&
         mx_arrays_push(vjps, mx_float(1));
}

static bool counted(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)count;
  ++*(int *)payload;
  return mx_arrays_push(out, mx_square(mx_add(mx_multiply(in[0], in[1]), mx_add(in[0], in[1]))));
}

static void custom_rules_replace_derived_ones(void **state) {
  (void)state;
  mx in[2] = {mx_float(2), mx_float(3)}, ones_of[2] = {mx_float(1), mx_float(1)};
  mx_fn f = named(product_and_sum);
  mx_fn g = mx_custom_function(f, (mx_custom_rules){.vjp = ones_vjp});
  for (int own = 0; own < 2; own++) {
    mx_arrays values = {0}, slopes = {0};
    assert_true(mx_vjp(own ? g : f, in, 2, ones_of, 2, &values, &slopes));
    derived d = collect(true, &values, &slopes);
    is(d.values[0], 6), is(d.values[1], 5);
    is(d.slopes[0], own ? 1 : 4), is(d.slopes[1], own ? 1 : 3);
  }
  mx_fn_release(f);
  mx_fn_release(g);
}

static void checkpoints_compute_again(void **state) {
  (void)state;
  int calls = 0;
  mx in[2] = {mx_float(2), mx_float(3)}, one = mx_float(1);
  mx_fn f = mx_fn_new(counted, &calls, NULL), g = mx_checkpoint(f);
  mx_arrays values = {0}, slopes = {0};
  assert_true(mx_vjp(g, in, 2, &one, 1, &values, &slopes));
  derived d = collect(true, &values, &slopes);
  is(d.values[0], 121), is(d.slopes[0], 88), is(d.slopes[1], 66);
  assert_int_equal(calls, 2);
  mx_fn_release(f);
  mx_fn_release(g);
}

/* ---- Values at the edges of elementwise rules, and complex numbers ---- */

FN(error_function, mx_erf(in[0]))
FN(error_inverse, mx_erfinv(in[0]))
FN(logaddexp, mx_logaddexp(in[0], in[1]))
FN(maximum, mx_maximum(in[0], in[1]))
FN(minimum, mx_minimum(in[0], in[1]))
FN(subtract, mx_subtract(in[0], in[1]))
FN(quotient, mx_divide(in[0], in[1]))
FN(is_greater, mx_greater(in[0], in[1]))
FN(is_equal, mx_equal(in[0], in[1]))

static void slopes(mx_fn_call call, double a, double b, double by_a, double by_b) {
  mx one = mx_float(1), in[2] = {mx_float((float)a), mx_float((float)b)};
  derived d = pull_many(call, in, 2, &one, 1);
  is(d.slopes[0], by_a), is(d.slopes[1], by_b);
}

static void slopes_at_the_edges(void **state) {
  (void)state;
  mx one = mx_float(1), two = mx_float(2);
  is(pull(error_function, mx_float(INFINITY), one).slopes[0], 0);
  is(pull(error_function, mx_float(-INFINITY), two).slopes[0], 0);
  is(pull(error_function, mx_float(0), one).slopes[0], M_2_SQRTPI);
  is(pull(error_inverse, mx_float(1), one).slopes[0], INFINITY);
  is(pull(error_inverse, mx_float(-1), two).slopes[0], INFINITY);
  is(pull(error_inverse, mx_float(0), one).slopes[0], 1 / M_2_SQRTPI);
  slopes(logaddexp, 2, 2, 0.5, 0.5);
  slopes(logaddexp, INFINITY, 2, 1, 0);
  slopes(logaddexp, -INFINITY, 2, 0, 1);
  slopes(logaddexp, -10, -INFINITY, 1, 0);
  mx low[2] = {mx_float(-INFINITY), mx_float(-INFINITY)};
  derived d = pull_many(logaddexp, low, 2, &one, 1);
  assert_true(isnan(mx_item_double(d.slopes[0])) && isnan(mx_item_double(d.slopes[1])));
  slopes(maximum, 5, 2, 1, 0);
  slopes(maximum, 2, 2, 0, 1); /* one of them has it all */
  slopes(minimum, 4, 2, 0, 1);
  slopes(minimum, 2, 2, 0, 1);
}

static void broadcast_operands_gather_their_slopes(void **state) {
  (void)state;
  mx in[2] = {ones(MX_INTS(3, 1)), ones(MX_INTS(1, 2))}, t = ones(MX_INTS(3, 2));
  derived d = pull_many(subtract, in, 2, &t, 1);
  assert_array(d.slopes[0], MX_INTS(3, 1), 2, 2, 2);
  assert_array(d.slopes[1], MX_INTS(1, 2), -3, -3);
  mx_fn_call flat[] = {is_greater, is_equal};
  for (int i = 0; i < 2; i++) {
    d = pull_many(flat[i], in, 2, &t, 1);
    assert_array(d.slopes[0], MX_INTS(3, 1), 0, 0, 0);
    assert_array(d.slopes[1], MX_INTS(1, 2), 0, 0);
    assert_array(push_many(flat[i], in, in, 2).slopes[0], MX_INTS(3, 2), 0, 0, 0, 0, 0, 0);
  }
}

static void is_complex(mx a, double re, double im) {
  mx_complex64 z = mx_item_complex(a);
  if (fabs(z.re - re) > 1e-5 || fabs(z.im - im) > 1e-5)
    fail_msg("%g%+gi, not %g%+gi", z.re, z.im, re, im);
}

static void complex_numbers(void **state) {
  (void)state;
  mx x = mx_complex(2, 4), y = mx_float(3), t = mx_complex(2, 3);
  is_complex(push_many(product, (mx[]){x, y}, (mx[]){mx_complex(1, 2), mx_float(2)}, 2).slopes[0],
             7, 14);
  derived d = pull_many(product, (mx[]){x, y}, 2, &t, 1);
  is_complex(d.slopes[0], 6, 9);
  assert_int_equal(mx_dtype_of(d.slopes[1]), MX_FLOAT32);
  is(d.slopes[1], 16);
  mx a = mx_complex(2, 3), b = mx_complex(1, 2), c = mx_complex(2, -4);
  is_complex(
      push_many(quotient, (mx[]){a, b}, (mx[]){mx_complex(3, 4), mx_complex(4, -2)}, 2).slopes[0],
      2.6, 2.8);
  d = pull_many(quotient, (mx[]){a, b}, 2, &c, 1);
  is_complex(d.slopes[0], 2, 0), is_complex(d.slopes[1], -3.2, -0.4);
}

/* ---- vmap in general ---- */

FN(plus_row, mx_add(in[0], in[1]))
FN(constant_row, ones(MX_INTS(2)))

static bool evaluates_first(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  mx x = mx_add(in[0], mx_float(1)), y = mx_add(in[1], mx_float(2));
  return mx_eval(x) == 0 && mx_arrays_push(out, mx_add(x, y));
}

static void mapped_axes(void **state) {
  (void)state;
  mx x = ones(MX_INTS(3, 2)), row = ones(MX_INTS(2)), in[2] = {x, row}, swapped[2] = {row, x};
  assert_array(mapped(plus_row, MX_INTS(0, -1), MX_INTS(0), in, 2), MX_INTS(3, 2), 2, 2, 2, 2, 2,
               2);
  assert_array(mapped(plus_row, MX_INTS(-1, 0), MX_INTS(1), swapped, 2), MX_INTS(2, 3), 2, 2, 2, 2,
               2, 2);
  /* what does not depend on a mapped input is repeated */
  assert_array(mapped(constant_row, MX_INTS(0), MX_INTS(1), &x, 1), MX_INTS(2, 3), 1, 1, 1, 1, 1,
               1);
  fails(mapped(plus_row, MX_INTS(-1, -1), MX_INTS(0), in, 2), "[vmap] At least one of in_axes");
  fails(mapped(plus_row, MX_INTS(0, -1), MX_INTS(-1), in, 2), "[vmap]");
  fails(mapped(plus_row, MX_INTS(0, 5), MX_INTS(0), in, 2), "[vmap] Axis 5 invalid");
  fails(mapped(plus_row, MX_INTS(0, 0), MX_INTS(0), in, 2), "[vmap] Inconsistent axis sizes");
  fails(mapped(plus_row, MX_INTS(0), MX_INTS(0), in, 2), "[vmap]");
}

static void only_unmapped_values_can_be_evaluated(void **state) {
  (void)state;
  mx y = mx_array_new((const float[]){2, 3}, MX_INTS(2, 1), MX_FLOAT32);
  mx in[2] = {mx_float(1), y}, both[2] = {y, y};
  assert_array(mapped(evaluates_first, MX_INTS(-1, 0), MX_INTS(0), in, 2), MX_INTS(2, 1), 6, 7);
  fails(mapped(evaluates_first, MX_INTS(0, 0), MX_INTS(0), both, 2), "[eval]");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(stopped_gradients_are_zero),
      scoped_test(stopped_gradients_map),
      scoped_test(inputs_and_outputs_of_every_kind),
      scoped_test(captured_inputs_are_constants),
      scoped_test(shapes_must_fit),
      scoped_test(dtypes_are_the_inputs),
      scoped_test(gradients_of_gradients),
      scoped_test(argument_numbers),
      scoped_test(values_beside_the_loss),
      scoped_test(what_is_traced_stays_when_evaluated),
      scoped_test(state_can_be_evaluated_afterwards),
      scoped_test(custom_rules_replace_derived_ones),
      scoped_test(checkpoints_compute_again),
      scoped_test(slopes_at_the_edges),
      scoped_test(broadcast_operands_gather_their_slopes),
      scoped_test(complex_numbers),
      scoped_test(mapped_axes),
      scoped_test(only_unmapped_values_can_be_evaluated),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
