/* Derivatives at chosen points: ties, zeros, infinities' neighbours, integers, complex numbers and
 * mixed dtypes; rules of one's own; and that transforms hold on to nothing. */
#include "functions.h"

static mx_ints scalar = {NULL, 0};

static mx floats(mx_ints shape, const float *values) {
  return mx_array_new(values, shape, MX_FLOAT32);
}
#define VECTOR(...) \
  floats(MX_INTS(sizeof((float[]){__VA_ARGS__}) / sizeof(float)), (const float[]){__VA_ARGS__})

/* ---- Where rules must choose ---- */

FN(least_of_all, mx_min(in[0]))
FN(greatest_of_all, mx_max(in[0]))
FN(least_of_rows, mx_min(in[0], .axes = MX_INTS(0, 2)))
FN(greatest_of_rows, mx_max(in[0], .axes = MX_INTS(0, 2)))

static void tied_extremes_share(void **state) {
  (void)state;
  const float values[] = {1, 0, 0, 1, -1, -1, 1, 0};
  mx x = floats(MX_INTS(2, 2, 2), values), c = VECTOR(3, 7);
  assert_array(pull(least_of_rows, x, c).slopes[0], MX_INTS(2, 2, 2), 0, 0, 3.5, 0, 1.5, 1.5, 0,
               3.5);
  assert_array(pull(greatest_of_rows, x, c).slopes[0], MX_INTS(2, 2, 2), 3, 0, 0, 3.5, 0, 0, 3.5,
               0);
  is(pull(least_of_all, mx_float(2), mx_float(3)).slopes[0], 3);
  is(pull(greatest_of_all, mx_float(2), mx_float(3)).slopes[0], 3);
}

static mx at_one(void) { return mx_array_new((const int[]){1}, MX_INTS(1), MX_INT32); }
FN(raised, mx_scatter_max(in[0], (const mx[]){at_one()}, 1, in[1], MX_INTS(0)))
FN(lowered, mx_scatter_min(in[0], (const mx[]){at_one()}, 1, in[1], MX_INTS(0)))
FN(stored, mx_sum(mx_scatter(in[0], (const mx[]){at_one()}, 1, in[1], MX_INTS(0))))

static derived scattered(mx_fn_call call, float update) {
  mx in[2] = {VECTOR(1, 2, 3), floats(MX_INTS(1, 1), &update)}, c = VECTOR(4, 5, 6);
  return pull_many(call, in, 2, &c, 1);
}

/* Where value and update are equal, each has it all. */
static void scattered_extremes(void **state) {
  (void)state;
  derived d = scattered(raised, 3);
  assert_array(d.slopes[0], MX_INTS(3), 4, 0, 6);
  assert_array(d.slopes[1], MX_INTS(1, 1), 5);
  d = scattered(raised, 2);
  assert_array(d.slopes[0], MX_INTS(3), 4, 5, 6);
  assert_array(d.slopes[1], MX_INTS(1, 1), 5);
  d = scattered(lowered, 3);
  assert_array(d.slopes[0], MX_INTS(3), 4, 5, 6);
  assert_array(d.slopes[1], MX_INTS(1, 1), 0);
  d = scattered(lowered, 2);
  assert_array(d.slopes[0], MX_INTS(3), 4, 5, 6);
  assert_array(d.slopes[1], MX_INTS(1, 1), 5);
  mx in[2] = {VECTOR(1, 2, 3), floats(MX_INTS(1, 1), (float[]){2})}, one = mx_float(1);
  assert_array(pull_many(stored, in, 2, &one, 1).slopes[0], MX_INTS(3), 1, 0, 1);
  assert_array(pull_many(stored, in, 2, &one, 1).slopes[1], MX_INTS(1, 1), 1);
}

FN(squared, mx_power(in[0], mx_float(2)))
FN(power_of_three_halves, mx_power(in[0], mx_float(1.5f)))
FN(power_of_difference, mx_power(mx_subtract(in[0], in[1]), in[0]))
FN(power, mx_power(in[0], in[1]))

static void powers_at_zero(void **state) {
  (void)state;
  mx one = mx_float(1), zero = mx_float(0);
  is(pull(squared, zero, one).slopes[0], 0);
  is(pull(power_of_three_halves, zero, one).slopes[0], 0);
  is(pull(squared, mx_float(2), one).slopes[0], 4);
  is(pull_many(power_of_difference, (mx[]){one, one}, 2, &one, 1).slopes[0], 1);
  derived d = pull_many(power, (mx[]){mx_float(4), mx_float(3)}, 2, &one, 1);
  is(d.slopes[0], 48), is(d.slopes[1], log(4) * 64);
}

FN(sum, mx_sum(in[0]))
FN(prod, mx_prod(in[0]))

/* Integers have tangents of integers; a product with a zero in it has one slope. */
static void reductions_of_integers(void **state) {
  (void)state;
  mx x = mx_arange(0, 4, 1, MX_INT32), t = mx_arange(3, -1, -1, MX_INT32);
  assert_array(push(sum, x, t).slopes[0], scalar, 6);
  assert_array(push(prod, x, t).slopes[0], scalar, 18);
  assert_array(push(least_of_all, x, t).slopes[0], scalar, 3);
  assert_array(push(greatest_of_all, x, t).slopes[0], scalar, 0);
}

FN(filled, mx_full(MX_INTS(5, 5, 2), in[0], MX_FLOAT32))
static void filling_sums_back(void **state) {
  (void)state;
  mx x = ones(MX_INTS(2)), c = mx_full(MX_INTS(5, 5, 2), mx_float(2), MX_FLOAT32);
  assert_array(pull(filled, x, c).slopes[0], MX_INTS(2), 50, 50);
  mx t = push(filled, x, VECTOR(3, 3)).slopes[0];
  assert_int_equal(mx_size(t), 50);
  is(mx_min(t), 3), is(mx_max(t), 3);
}

/* ---- Dtypes ---- */

FN(joined, mx_concatenate(in, 2, 0))
FN(sum_of_both, mx_sum(mx_add(in[0], in[1])))

static void each_input_keeps_its_dtype(void **state) {
  (void)state;
  mx c = ones(MX_INTS(6)), in[2] = {ones(MX_INTS(3)), mx_ones(MX_INTS(3), MX_FLOAT16)};
  derived d = pull_many(joined, in, 2, &c, 1);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(mx_dtype_of(d.slopes[i]), mx_dtype_of(in[i]));
    assert_array(d.slopes[i], MX_INTS(3), 1, 1, 1);
  }
  mx_dtype dtypes[] = {MX_FLOAT16, MX_BFLOAT16, MX_FLOAT32};
  for (int i = 0; i < 3; i++) {
    mx both[2] = {mx_scalar(1, dtypes[i]), mx_scalar(1, dtypes[i])}, t = mx_scalar(1, dtypes[i]);
    d = pull_many(sum_of_both, both, 2, &t, 1);
    assert_int_equal(mx_dtype_of(d.slopes[0]), dtypes[i]);
    assert_int_equal(mx_dtype_of(d.slopes[1]), dtypes[i]);
  }
}

FN(real_parts, mx_sum(mx_multiply(mx_float(2), mx_real(in[0]))))
FN(imaginary_parts, mx_sum(mx_multiply(mx_float(2), mx_imag(in[0]))))
FN(complex_sum, mx_add(in[0], in[1]))

static void is_complex(mx a, double re, double im) {
  mx_complex64 z = mx_item_complex(a);
  if (fabs(z.re - re) > 1e-5 || fabs(z.im - im) > 1e-5)
    fail_msg("%g%+gi, not %g%+gi", z.re, z.im, re, im);
}

static void parts_of_complex_numbers(void **state) {
  (void)state;
  mx one = mx_float(1), z = mx_complex(0.5f, 0.5f);
  is_complex(pull(real_parts, z, one).slopes[0], 2, 0);
  is_complex(pull(imaginary_parts, z, one).slopes[0], 0, 2);
  mx in[2] = {mx_complex(1, 1), mx_complex(1, 1)}, t[2] = {mx_complex(1, 2), mx_complex(2, 1)};
  is_complex(push_many(complex_sum, in, t, 2).slopes[0], 3, 3);
  mx c = mx_complex(3, 3);
  is_complex(pull_many(complex_sum, in, 2, &c, 1).slopes[0], 3, 3);
  is_complex(pull_many(complex_sum, in, 2, &c, 1).slopes[1], 3, 3);
}

FN(less, mx_less(in[0], in[1]))
FN(less_equal, mx_less_equal(in[0], in[1]))
FN(greater_equal, mx_greater_equal(in[0], in[1]))
FN(not_equal, mx_not_equal(in[0], in[1]))

static void comparisons_are_flat(void **state) {
  (void)state;
  mx in[2] = {ones(MX_INTS(3, 1)), mx_zeros(MX_INTS(1, 2), MX_FLOAT32)}, c = ones(MX_INTS(3, 2));
  mx_fn_call calls[] = {less, less_equal, greater_equal, not_equal};
  for (int i = 0; i < 4; i++) {
    derived d = pull_many(calls[i], in, 2, &c, 1);
    assert_array(d.slopes[0], MX_INTS(3, 1), 0, 0, 0);
    assert_array(d.slopes[1], MX_INTS(1, 2), 0, 0);
    assert_array(push_many(calls[i], in, in, 2).slopes[0], MX_INTS(3, 2), 0, 0, 0, 0, 0, 0);
  }
}

/* ---- What counts ---- */

static bool held_and_input(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)count;
  return mx_arrays_push(out, mx_add(in[0], payload));
}
static bool held_alone(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)in, (void)count;
  return mx_arrays_push(out, mx_add(payload, payload));
}
static bool input_alone(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  return mx_arrays_push(out, mx_add(in[0], in[0]));
}

/* An array that is both an input and held by the function, differentiated twice. */
static void held_arrays_are_constants_at_any_order(void **state) {
  (void)state;
  mx a = mx_float(5);
  mx_fn_call calls[] = {held_and_input, held_alone, input_alone};
  const double first[] = {1, 0, 2};
  for (int i = 0; i < 3; i++) {
    mx_fn df = grad_of(mx_fn_new(calls[i], a, NULL), MX_INTS(0)), ddf = mx_grad(df, MX_INTS(0));
    is(mx_call(df, a), first[i]);
    is(mx_call(ddf, a), 0);
    mx_fn_release(df);
    mx_fn_release(ddf);
  }
}

FN(pair_of_products, mx_multiply(in[0], in[1]), mx_multiply(in[1], in[2]))
static bool stopped_inside(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  mx y = mx_stop_gradient(mx_multiply(mx_float(2), in[1]));
  return mx_arrays_push(out, mx_matmul(in[0], mx_multiply(mx_float(3), y)));
}

static void paths_through_several_outputs(void **state) {
  (void)state;
  mx x[3] = {mx_float(2), mx_float(4), mx_float(6)}, t[3] = {mx_float(1), mx_float(3), mx_float(1)};
  derived d = push_many(pair_of_products, x, t, 3);
  is(d.slopes[0], 10), is(d.slopes[1], 22);
  mx w[2] = {ones(MX_INTS(4, 4)), ones(MX_INTS(4, 4))}, c = ones(MX_INTS(4, 4));
  d = pull_many(stopped_inside, w, 2, &c, 1);
  is(mx_min(d.slopes[0]), 24), is(mx_max(d.slopes[0]), 24), is(mx_max(mx_abs(d.slopes[1])), 0);
}

FN(no_results_at_all, NULL)
static bool nothing(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)in, (void)count, (void)out;
  return true;
}
FN(kept_axes, mx_sum(in[0], .keepdims = true))
FN(one_of_one, mx_multiply(in[0], mx_float(2)))

static void gradients_need_a_scalar(void **state) {
  (void)state;
  mx x = ones(MX_INTS(2, 2));
  fails(apply_once(grad_of(named(kept_axes), MX_INTS(0)), &x, 1), "[vjp]");
  fails(apply_once(grad_of(named(nothing), MX_INTS(0)), &x, 1), "gradients for (0) does not");
  fails(apply_once(grad_of(named(no_results_at_all), MX_INTS(0)), &x, 1), "[function]");
  /* a cotangent too many, too few, of another shape; inputs that are no arrays */
  mx cs[2] = {x, x};
  fails(pull_many(one_of_one, &x, 1, cs, 2).good, "[vjp] Number of outputs");
  fails(pull_many(one_of_one, &x, 1, cs, 0).good, "[vjp] Number of outputs");
  fails(pull(one_of_one, x, ones(MX_INTS(4))).good, "[vjp] Output shape (2,2) does not");
  fails(pull(one_of_one, NULL, x).good, "[vjp] Primal 0 is the null array.");
  fails(pull(one_of_one, x, NULL).good, "[vjp] Cotangent 0 is the null array.");
  fails(push(one_of_one, x, NULL).good, "[jvp] Tangent 0 is the null array.");
  fails(mapped(one_of_one, MX_INTS(0), MX_INTS(0), (mx[]){NULL}, 1), "Input 0 is the null");
}

/* ---- vmap ---- */

FN(exponential, mx_exp(in[0]))
FN(two, mx_int(2))

static void axes_that_do_not_exist(void **state) {
  (void)state;
  mx x = VECTOR(0, 1), s = mx_float(1);
  fails(mapped(exponential, MX_INTS(0), MX_INTS(0), &s, 1),
        "[vmap] Cannot vmap an input with zero dimensions.");
  fails(mapped(exponential, MX_INTS(2), MX_INTS(0), &x, 1), "[vmap] Axis 2 invalid");
  fails(mapped(exponential, MX_INTS(0), MX_INTS(2), &x, 1), "[vmap]");
  fails(mapped(exponential, MX_INTS(-2), MX_INTS(0), &x, 1), "[vmap]");
  fails(mapped(exponential, MX_INTS(0), MX_INTS(-2), &x, 1), "[vmap]");
}

static void constants_are_repeated_along_the_mapped_axis(void **state) {
  (void)state;
  mx in[2] = {ones(MX_INTS(2, 3, 4)), ones(MX_INTS(4, 3))};
  assert_array(mapped(two, MX_INTS(0, -1), MX_INTS(0), in, 2), MX_INTS(2), 2, 2);
  assert_array(mapped(two, MX_INTS(-1, 0), MX_INTS(0), in, 2), MX_INTS(4), 2, 2, 2, 2);
  assert_array(mapped(two, MX_INTS(1, 1), MX_INTS(0), in, 2), MX_INTS(3), 2, 2, 2);
  fails(mapped(two, MX_INTS(-1, -1), MX_INTS(0), in, 2), "[vmap] At least one of in_axes");
  fails(mapped(two, MX_INTS(0, 0), MX_INTS(0), in, 2), "[vmap] Inconsistent axis sizes");
}

/* Lazy arrays that the function holds. */
static void held_graphs_are_shared(void **state) {
  (void)state;
  mx x = ones(MX_INTS(2)), lazy = mx_add(x, x), y = ones(MX_INTS(3, 2));
  mx_fn f = mx_fn_new(held_and_input, lazy, NULL), each = mx_vmap(f, MX_INTS(0), MX_INTS(0));
  assert_array(mx_call(each, y), MX_INTS(3, 2), 3, 3, 3, 3, 3, 3);
  mx_fn_release(f);
  mx_fn_release(each);
}

/* ---- Rules of one's own ---- */

static bool own_vjp(void *payload, const mx *primals, int count, const mx *cotangents,
                    const mx *outputs, int output_count, mx_arrays *vjps) {
  (void)payload, (void)count, (void)cotangents, (void)outputs, (void)output_count;
  return mx_arrays_push(vjps, mx_full_like(primals[0], mx_float(42), MX_FLOAT32));
}
static bool own_jvp(void *payload, const mx *primals, int count, const mx *tangents,
                    const int *argnums, int tangent_count, mx_arrays *jvps) {
  (void)payload, (void)primals, (void)count, (void)argnums;
  return tangent_count == 1 && mx_arrays_push(jvps, mx_multiply(mx_float(7), tangents[0]));
}
static bool own_vmap(void *payload, const mx *inputs, const int *axes, int count,
                     mx_arrays *outputs, int output_count, int *out_axes) {
  (void)payload, (void)count, (void)output_count;
  out_axes[0] = axes[0];
  return mx_arrays_push(outputs, mx_full_like(inputs[0], mx_float(3), MX_FLOAT32));
}
static bool too_many(void *payload, const mx *primals, int count, const mx *cotangents,
                     const mx *outputs, int output_count, mx_arrays *vjps) {
  return own_vjp(payload, primals, count, cotangents, outputs, output_count, vjps) &&
         own_vjp(payload, primals, count, cotangents, outputs, output_count, vjps);
}

/* Derivative by vjp and by jvp, and an element of the mapping, of a function of one number. */
static void assert_rules(mx_fn f, double vjp, double jvp, double mapped_to) {
  mx one = mx_float(1);
  mx_fn df = mx_grad(f, MX_INTS(0)), each = mx_vmap(f, MX_INTS(0), MX_INTS(0));
  is(mx_call(f, one), exp(1));
  is(mx_call(df, one), vjp);
  mx_arrays values = {0}, slopes = {0};
  assert_true(mx_jvp(f, &one, &one, 1, &values, &slopes));
  is(values.data[0], exp(1)), is(slopes.data[0], jvp);
  is(mx_max(mx_call(each, ones(MX_INTS(10)))), mapped_to);
  mx_arrays_free(&values);
  mx_arrays_free(&slopes);
  mx_fn_release(df);
  mx_fn_release(each);
}

static void each_rule_is_replaced_alone(void **state) {
  (void)state;
  mx_fn f = named(exponential);
  mx_custom_rules rules[] = {{.vjp = NULL},
                             {.vjp = own_vjp},
                             {.jvp = own_jvp},
                             {.vmap = own_vmap},
                             {.vjp = own_vjp, .jvp = own_jvp, .vmap = own_vmap}};
  for (int i = 0; i < 5; i++) {
    mx_fn g = mx_custom_function(f, rules[i]), fast = mx_compile(g);
    for (int compiled = 0; compiled < 2; compiled++)
      assert_rules(compiled ? fast : g, rules[i].vjp ? 42 : exp(1), rules[i].jvp ? 7 : exp(1),
                   rules[i].vmap ? 3 : exp(1));
    mx_fn_release(g);
    mx_fn_release(fast);
  }
  mx_fn bad = mx_custom_function(f, (mx_custom_rules){.vjp = too_many});
  fails(apply_once(grad_of(bad, MX_INTS(0)), (mx[]){mx_float(1)}, 1),
        "[custom_function] The vjp rule gave 2 arrays; there must be 1.");
  mx_fn_release(f);
}

/* ---- What transforms hold on to ---- */

static bool hands_out(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)in, (void)count;
  return mx_arrays_push(out, mx_sum(*(mx *)payload));
}
static void drop_array(void *payload) { mx_release(*(mx *)payload); }

typedef mx_fn transform(mx_fn f);
static mx_fn grad_of_first(mx_fn f) { return mx_grad(f, MX_INTS(0)); }
static mx_fn with_value(mx_fn f) { return mx_value_and_grad(f, MX_INTS(0)); }
static mx_fn mapped_first(mx_fn f) { return mx_vmap(f, MX_INTS(0), MX_INTS(0)); }
static mx_fn customised(mx_fn f) {
  return mx_custom_function(f, (mx_custom_rules){.vjp = own_vjp});
}
static mx_fn compiled(mx_fn f) { return mx_compile(f); }

static void functions_let_go_of_what_they_held(void **state) {
  (void)state;
  transform *all[] = {grad_of_first, with_value, mapped_first, customised, mx_checkpoint, compiled};
  size_t before = mx_get_active_memory();
  for (int i = 0; i < 6 * 5; i++) {
    mx_scope scope = mx_scope_begin();
    static mx held;
    held = mx_retain(mx_zeros(MX_INTS(1000), MX_FLOAT32));
    mx_eval(held);
    mx_fn f = mx_fn_new(hands_out, &held, drop_array), g = all[i / 5](f);
    mx_fn_release(f);
    assert_non_null(mx_fn_first(g, (mx[]){i / 5 == 2 ? ones(MX_INTS(2)) : mx_float(1)}, 1));
    mx_fn_release(g);
    mx_scope_end(scope, NULL);
    assert_int_equal(mx_get_active_memory(), before);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(tied_extremes_share),
      scoped_test(scattered_extremes),
      scoped_test(powers_at_zero),
      scoped_test(reductions_of_integers),
      scoped_test(filling_sums_back),
      scoped_test(each_input_keeps_its_dtype),
      scoped_test(parts_of_complex_numbers),
      scoped_test(comparisons_are_flat),
      scoped_test(held_arrays_are_constants_at_any_order),
      scoped_test(paths_through_several_outputs),
      scoped_test(gradients_need_a_scalar),
      scoped_test(axes_that_do_not_exist),
      scoped_test(constants_are_repeated_along_the_mapped_axis),
      scoped_test(held_graphs_are_shared),
      scoped_test(each_rule_is_replaced_alone),
      scoped_test(functions_let_go_of_what_they_held),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
