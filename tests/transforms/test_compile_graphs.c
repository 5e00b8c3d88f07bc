/* What compiled functions become: which nodes they leave, in what order these read their inputs,
 * and which graphs outside they do not swallow; results as those of the functions themselves. */
#include "array/primitive.h"
#include "functions.h"

#include <stdlib.h>

static mx_ints scalar = {NULL, 0};

static mx floats(int n, const float *values) {
  return mx_array_new(values, MX_INTS(n), MX_FLOAT32);
}
#define VECTOR(...) \
  floats(sizeof((float[]){__VA_ARGS__}) / sizeof(float), (const float[]){__VA_ARGS__})

static mx_fn compiled(mx_fn_call call) {
  mx_fn f = named(call), fast = mx_compile(f);
  mx_fn_release(f);
  return fast;
}

/* The results of a compiled function's first or second call; they belong to the scope. */
typedef struct {
  mx of[8];
  int size;
} results;

static results call(mx_fn f, const mx *in, int count) {
  mx_arrays out = {0};
  results r = {.size = 0};
  if (!mx_fn_apply(f, in, count, &out)) fail_msg("%s", mx_error());
  for (int i = 0; i < out.size && i < 8; i++) r.of[r.size++] = out.data[i];
  mx_arrays_free(&out);
  return r;
}

static results compiled_call(mx_fn_call f, const mx *in, int count) {
  mx_fn fast = compiled(f);
  results r = call(fast, in, count);
  mx_fn_release(fast);
  return r;
}

static const char *maker(mx a) { return a->node ? a->node->primitive->name : "none"; }

/* Made by `name` of these inputs, in this order. */
static void made_of(mx a, const char *name, const mx *inputs, int count) {
  assert_string_equal(maker(a), name);
  assert_int_equal(a->node->input_count, count);
  for (int i = 0; i < count; i++) assert_ptr_equal(a->node->inputs[i], inputs[i]);
}

static void same_as_uncompiled(mx_fn_call f, const mx *in, int count) {
  mx_fn plain = named(f);
  results got = compiled_call(f, in, count), want = call(plain, in, count);
  mx_fn_release(plain);
  assert_int_equal(got.size, want.size);
  for (int i = 0; i < got.size; i++) {
    assert_int_equal(mx_dtype_of(got.of[i]), mx_dtype_of(want.of[i]));
    assert_true(mx_item_bool(mx_array_equal(got.of[i], want.of[i])));
  }
}

/* ---- Fusion ---- */

FN(sum, mx_add(in[0], in[1]))
FN(size_of_sum, mx_abs(mx_add(in[0], in[1])))
FN(sum_and_again, mx_add(mx_add(in[0], in[1]), in[0]))
FN(total_of_sizes, mx_sum(mx_abs(mx_add(in[0], in[1])), .keepdims = true))
FN(times_size, mx_multiply(in[0], mx_abs(mx_exp(in[1]))), mx_sum(in[0], .keepdims = true))
FN(over_size, mx_divide(in[0], mx_abs(mx_exp(in[1]))), mx_sum(in[0], .keepdims = true))

static void inputs_keep_their_order(void **state) {
  (void)state;
  mx in[2] = {VECTOR(2, -2), VECTOR(1.5f, 0.5f)};
  made_of(compiled_call(sum, in, 2).of[0], "Add", in, 2);
  made_of(compiled_call(size_of_sum, in, 2).of[0], "Compiled", in, 2);
  made_of(compiled_call(sum_and_again, in, 2).of[0], "Compiled", in, 2);
  mx total = compiled_call(total_of_sizes, in, 2).of[0];
  assert_string_equal(maker(total), "Sum");
  made_of(total->node->inputs[0], "Compiled", in, 2);
  mx_fn_call beside[] = {times_size, over_size};
  for (int i = 0; i < 2; i++) {
    results r = compiled_call(beside[i], in, 2);
    assert_string_equal(maker(r.of[0]), "Compiled");
    assert_int_equal(r.of[0]->node->input_count, 2);
    made_of(r.of[1], "Sum", in, 1);
    same_as_uncompiled(beside[i], in, 2);
  }
}

FN(gelu, mx_divide(mx_multiply(in[0], mx_add(mx_float(1),
                                             mx_erf(mx_divide(in[0], mx_float(1.41421356f))))),
                   mx_float(2)))

static void constants_are_inputs_without_nodes(void **state) {
  (void)state;
  mx in[2] = {mx_float(1), VECTOR(1, 0.5f)};
  for (int i = 0; i < 2; i++) {
    mx y = compiled_call(gelu, &in[i], 1).of[0];
    assert_string_equal(maker(y), "Compiled");
    assert_int_equal(y->node->input_count, 4);
    for (int k = 0; k < 4; k++) assert_null(y->node->inputs[k]->node);
    same_as_uncompiled(gelu, &in[i], 1);
  }
}

FN(stopped_between, mx_abs(mx_stop_gradient(mx_abs(in[0]))))
FN(spread_alone, mx_add(mx_broadcast_to(in[0], MX_INTS(1)), mx_broadcast_to(in[0], MX_INTS(1))))
FN(spread_and_summed, mx_add(in[0], mx_multiply(mx_broadcast_to(in[1], MX_INTS(2, 2)), in[2])),
   mx_sum(mx_broadcast_to(in[1], MX_INTS(2, 2))))
FN(long_sum, mx_add(mx_ones(MX_INTS(8, 8), MX_FLOAT32), in[0]))

static void nothing_stands_between(void **state) {
  (void)state;
  mx x = mx_float(2);
  made_of(compiled_call(stopped_between, &x, 1).of[0], "Compiled", &x, 1);
  assert_array(compiled_call(spread_alone, &x, 1).of[0], MX_INTS(1), 4);
  mx grid = mx_reshape(mx_arange(0, 4, 1, MX_FLOAT32), MX_INTS(2, 2));
  mx in[3] = {grid, mx_float(0.5f), grid};
  results r = compiled_call(spread_and_summed, in, 3);
  assert_string_equal(maker(r.of[0]), "Compiled"); /* reads in[1] itself */
  bool reads = false;
  for (int i = 0; i < r.of[0]->node->input_count; i++) reads |= r.of[0]->node->inputs[i] == in[1];
  assert_true(reads);
  assert_array(r.of[0], MX_INTS(2, 2), 0, 1.5, 3, 4.5);
  assert_array(r.of[1], scalar, 2);
  mx zeros = mx_zeros(MX_INTS(1, 8, 8), MX_FLOAT32), out = compiled_call(long_sum, &zeros, 1).of[0];
  assert_int_equal(mx_ndim(out), 3);
  is(mx_sum(out), 64);
}

/* ---- Simplification ---- */

static bool divided_ones(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)in, (void)count;
  mx parts[2];
  return mx_divmod(mx_float(1), mx_float(1), parts) && mx_arrays_push(out, parts[0]) &&
         mx_arrays_push(out, parts[1]);
}
FN(clamped, mx_maximum(in[0], mx_float(0)), mx_maximum(mx_negative(in[0]), mx_float(0)))
FN(same_products, mx_add(mx_matmul(in[0], mx_add(in[0], in[0])),
                         mx_matmul(mx_add(in[0], in[0]), mx_add(in[0], in[0]))))

static bool one_of_two(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  mx parts[2];
  return mx_divmod(mx_abs(in[0]), mx_abs(in[1]), parts) && mx_arrays_push(out, parts[0]);
}

static void equal_scalars_are_one(void **state) {
  (void)state;
  mx_set_compile_mode(MX_COMPILE_NO_FUSE);
  results r = compiled_call(divided_ones, NULL, 0);
  mx one = r.of[0]->node->input_count ? r.of[0]->node->inputs[0] : NULL;
  while (one && one->node) one = one->node->inputs[0];
  mx other = r.of[1]->node->inputs[r.of[1]->node->input_count - 1];
  while (other->node) other = other->node->inputs[other->node->input_count - 1];
  assert_ptr_equal(one, other);
  mx x = VECTOR(-1, 2);
  r = compiled_call(clamped, &x, 1);
  mx zeros[2];
  for (int i = 0; i < 2; i++)
    for (zeros[i] = r.of[i]->node->inputs[1]; zeros[i]->node;) zeros[i] = zeros[i]->node->inputs[0];
  assert_ptr_equal(zeros[0], zeros[1]);
  mx_set_compile_mode(MX_COMPILE_ENABLED);
  assert_array(r.of[0], MX_INTS(2), 0, 2);
  assert_array(r.of[1], MX_INTS(2), 1, 0);
  assert_array(compiled_call(one_of_two, (mx[]){mx_float(-7), mx_float(2)}, 2).of[0], scalar, 3);
  mx square = mx_reshape(VECTOR(1, 2, 3, 4), MX_INTS(2, 2));
  same_as_uncompiled(same_products, &square, 1);
}

/* ---- Inputs ---- */

/* What computes the inputs stays outside, and is not repeated. */
static void lazy_inputs_stay_outside(void **state) {
  (void)state;
  mx_fn f = compiled(sum_and_again);
  for (uint64_t seed = 0; seed < 3; seed++) {
    mx in[2] = {
        mx_exp(mx_random_normal(MX_INTS(5, 5), MX_FLOAT32, NULL, NULL, mx_random_key(seed))),
        mx_random_uniform(mx_float(0), mx_float(1), MX_INTS(5, 5), MX_FLOAT32,
                          mx_random_key(seed + 9))};
    mx y = mx_fn_first(f, in, 2);
    made_of(y, "Compiled", in, 2);
    assert_true(mx_item_bool(mx_array_equal(y, mx_add(mx_add(in[0], in[1]), in[0]))));
  }
  mx_fn_release(f);
}

static mx held;
static mx other_held;
FN(by_held, mx_matmul(in[0], held))
FN(by_other, mx_matmul(in[0], mx_transpose(other_held)))
FN(nothing_given, mx_equal(held, mx_max(held, .axes = MX_INTS(0, 1), .keepdims = true)))

/* Two functions that hold parts of one graph which nobody has evaluated. */
static void held_graphs_are_constants(void **state) {
  (void)state;
  for (int way = 0; way < 2; way++) {
    mx t = ones(MX_INTS(10)), u = mx_add(mx_multiply(mx_subtract(mx_float(1), t), mx_float(0)),
                                         mx_multiply(t, mx_float(3)));
    held = mx_multiply(mx_expand_dims(ones(MX_INTS(6)), MX_INTS(1)), u);
    other_held = mx_multiply(held, mx_ones_like(u));
    mx_fn f = way ? compiled(by_held) : named(by_held);
    mx_fn g = way ? compiled(by_other) : named(by_other);
    assert_array(mx_call(g, mx_call(f, ones(MX_INTS(6)))), MX_INTS(6), 540, 540, 540, 540, 540,
                 540);
    mx_fn_release(f);
    mx_fn_release(g);
  }
  held = mx_reshape(VECTOR(1, 7, 3, 7), MX_INTS(2, 2));
  assert_array(compiled_call(nothing_given, NULL, 0).of[0], MX_INTS(2, 2), 0, 1, 0, 1);
}

/* As many axes as there can be, and none of them alike in both inputs. */
static void inputs_of_many_axes(void **state) {
  (void)state;
  int shape[MX_MAX_NDIM];
  for (int i = 0; i < MX_MAX_NDIM; i++) shape[i] = i < 10 ? 2 : 1;
  mx_ints as = {shape, 10};
  mx in[2] = {mx_transpose(mx_reshape(mx_arange(0, 1024, 1, MX_FLOAT32), as)),
              mx_reshape(mx_arange(0, -1024, -1, MX_FLOAT32), as)};
  same_as_uncompiled(size_of_sum, in, 2);
}

/* ---- Numbers at the edges of their dtypes ---- */

FN(is_finite, mx_where(mx_isinf(in[0]), mx_int(0), mx_int(1)))
FN(moved_finite, mx_isinf(mx_add(in[0], mx_float(2))))
FN(turned, mx_multiply(mx_add(in[0], mx_scalar(3.14159265358979323846, MX_FLOAT64)),
                       mx_scalar(2, MX_FLOAT64)))

static void constants_keep_all_their_bits(void **state) {
  (void)state;
  mx x = mx_astype(VECTOR(0, INFINITY, 1), MX_BFLOAT16), zero = VECTOR(0);
  assert_array(compiled_call(is_finite, &x, 1).of[0], MX_INTS(3), 1, 0, 1);
  assert_array(compiled_call(moved_finite, &zero, 1).of[0], MX_INTS(1), 0);
  mx one = mx_scalar(1, MX_FLOAT64);
  double got = mx_item_double(compiled_call(turned, &one, 1).of[0]);
  assert_true(got == (1 + 3.14159265358979323846) * 2);
}

/* ---- What functions return ---- */

static bool nothing(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)in, (void)count, (void)out;
  return true;
}
FN(zeros, mx_multiply(mx_float(0.5f), mx_zeros(MX_INTS(2), MX_FLOAT32)),
   mx_multiply(mx_float(0.5f), mx_zeros(MX_INTS(2), MX_FLOAT32)))
FN(handed_back, in[0], in[0], mx_float(3))

static void any_number_of_results(void **state) {
  (void)state;
  mx x = mx_float(1);
  assert_int_equal(compiled_call(nothing, &x, 1).size, 0);
  assert_int_equal(compiled_call(nothing, NULL, 0).size, 0);
  results r = compiled_call(zeros, NULL, 0);
  for (int i = 0; i < 2; i++) assert_array(r.of[i], MX_INTS(2), 0, 0);
  r = compiled_call(handed_back, &x, 1);
  assert_ptr_equal(r.of[0], x);
  assert_ptr_equal(r.of[1], x);
  is(r.of[2], 3);
}

static bool by_dtype(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  if (mx_dtype_of(in[0]) == MX_INT32) return mx_arrays_push(out, mx_multiply(in[0], mx_int(2)));
  return mx_arrays_push(out, mx_exp(in[0])) && mx_arrays_push(out, mx_exp(mx_exp(in[0])));
}

static void results_may_differ_by_signature(void **state) {
  (void)state;
  mx_fn f = compiled(by_dtype);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(call(f, (mx[]){mx_float(0)}, 1).size, 2);
    results r = call(f, (mx[]){mx_int(4)}, 1);
    assert_int_equal(r.size, 1);
    is(r.of[0], 8);
  }
  mx_fn_release(f);
}

/* ---- Functions that call compiled ones ---- */

FN(doubled, mx_multiply(mx_float(2), in[0]))
static int traces;
static bool makes_a_compiled_one(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  traces++;
  mx x = mx_add(in[0], in[1]);
  mx_fn f = compiled(doubled);
  bool good = mx_arrays_push(out, mx_add(x, mx_call(f, x)));
  mx_fn_release(f);
  return good;
}

static mx_fn halving;
/* The sum of 2^n elements, as that of both halves. */
static bool halves(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  int n = mx_dim(in[0], 0);
  if (n == 1) return mx_arrays_push(out, in[0]);
  mx parts[2];
  return mx_split(in[0], 2, 0, parts) &&
         mx_arrays_push(out, mx_add(mx_call(halving, parts[0]), mx_call(halving, parts[1])));
}

static void compiled_inside_compiled(void **state) {
  (void)state;
  mx_fn f = compiled(makes_a_compiled_one);
  traces = 0;
  for (int i = 0; i < 2; i++) is(mx_call(f, mx_float(1), mx_float(2)), 9);
  assert_int_equal(traces, 1);
  mx_fn_release(f);
  halving = compiled(halves);
  for (int i = 0; i < 2; i++) is(mx_call(halving, mx_arange(0, 16, 1, MX_FLOAT32)), 120);
  mx_fn_release(halving);
}

FN(exp_of_exp, mx_exp(mx_exp(in[0])))
static bool value_and_gradient(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload;
  mx_fn f = compiled(exp_of_exp), df = mx_value_and_grad(f, MX_INTS(0));
  bool good = mx_fn_apply(df, in, count, out);
  mx_fn_release(f);
  mx_fn_release(df);
  return good;
}

static void a_value_and_its_gradient_are_one_node(void **state) {
  (void)state;
  mx x = mx_float(0.5f);
  results r = compiled_call(value_and_gradient, &x, 1);
  assert_string_equal(maker(r.of[0]), "Compiled");
  assert_ptr_equal(r.of[0]->node, r.of[1]->node);
  for (int i = 0; i < r.of[0]->node->input_count; i++) assert_null(r.of[0]->node->inputs[i]->node);
  double e = exp(0.5);
  is(r.of[0], exp(e)), is(r.of[1], exp(e) * e);
}

/* One step of training: rows of a table, a norm, their gradients. */
static bool norm_of_rows(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)count;
  mx rows = mx_take(in[0], payload, .axis = 0);
  return mx_arrays_push(out, mx_sum(mx_exp(mx_fast_layer_norm(rows, in[1], NULL, 1e-4f))));
}
static bool step(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  mx_fn f = mx_fn_new(norm_of_rows, in[2], NULL), df = mx_value_and_grad(f, MX_INTS(0, 1));
  bool good = mx_fn_apply(df, in, 2, out);
  mx_fn_release(f);
  mx_fn_release(df);
  return good;
}

static void steps_of_training(void **state) {
  (void)state;
  mx table = mx_sin(mx_reshape(mx_arange(0, 80, 1, MX_FLOAT32), MX_INTS(10, 8)));
  mx rows = mx_array_new((const int[]){3, 3, 0, 9}, MX_INTS(4), MX_INT32);
  mx in[3] = {table, ones(MX_INTS(8)), rows};
  mx_fn plain = named(step);
  results got = compiled_call(step, in, 3), want = call(plain, in, 3);
  mx_fn_release(plain);
  for (int i = 0; i < 3; i++) {
    mx far = mx_max(mx_abs(mx_subtract(got.of[i], want.of[i])));
    assert_true(mx_item_double(far) < 1e-5);
  }
}

/* Custom rules and checkpoints leave nothing behind in what they are compiled into. */
static void checkpoints_dissolve(void **state) {
  (void)state;
  mx x = VECTOR(1, 2);
  mx_fn f = named(exp_of_exp), kept = mx_checkpoint(f), fast = mx_compile(kept);
  mx_fn any = mx_compile(kept, .shapeless = true);
  made_of(mx_call(fast, x), "Compiled", &x, 1);
  assert_true(mx_item_bool(mx_array_equal(mx_call(any, x), mx_call(f, x))));
  x = VECTOR(1, 2, 0.5f);
  assert_true(mx_item_bool(mx_array_equal(mx_call(any, x), mx_call(f, x))));
  mx_fn all[] = {f, kept, fast, any};
  for (int i = 0; i < 4; i++) mx_fn_release(all[i]);
}

/* ---- State that is a key ---- */

static mx_arrays keys;
static bool draws(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)in, (void)count;
  mx both = mx_random_split(keys.data[0], 2);
  return mx_assign(&keys.data[0], mx_take_one(both, 0, .axis = 0)) &&
         mx_arrays_push(out, mx_random_uniform(mx_float(0), mx_float(1), MX_INTS(10, 10),
                                               MX_FLOAT32, mx_take_one(both, 1, .axis = 0)));
}

static void keys_in_the_state_move_on(void **state) {
  (void)state;
  mx want[3];
  for (int way = 0; way < 2; way++) {
    mx_arrays_push(&keys, mx_retain(mx_random_key(7)));
    mx_fn f = named(draws), fast = mx_compile(f, .inputs = &keys, .outputs = &keys);
    for (int i = 0; i < 3; i++) {
      mx drawn = mx_fn_first(way ? fast : f, NULL, 0);
      if (way) assert_true(mx_item_bool(mx_array_equal(drawn, want[i])));
      want[i] = drawn;
    }
    assert_false(mx_item_bool(mx_array_equal(want[0], want[1])));
    mx_fn_release(f);
    mx_fn_release(fast);
    mx_release(keys.data[--keys.size]);
  }
  mx_arrays_free(&keys);
}

/* ---- Drawings ---- */

static void drawings_name_what_was_fused(void **state) {
  (void)state;
  mx in[3] = {VECTOR(1, 2), mx_float(0.1f), VECTOR(3, 4)};
  results r = compiled_call(spread_and_summed,
                            (mx[]){mx_reshape(VECTOR(1, 2, 3, 4), MX_INTS(2, 2)), in[1], in[0]}, 3);
  char *text = mx_graph_to_dot(r.of, NULL, 2);
  assert_non_null(strstr(text, "label =\"Compiled Multiply Add\""));
  assert_non_null(strstr(text, "label =\"Sum 0 1\""));
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(inputs_keep_their_order),   scoped_test(constants_are_inputs_without_nodes),
      scoped_test(nothing_stands_between),    scoped_test(equal_scalars_are_one),
      scoped_test(lazy_inputs_stay_outside),  scoped_test(held_graphs_are_constants),
      scoped_test(inputs_of_many_axes),       scoped_test(constants_keep_all_their_bits),
      scoped_test(any_number_of_results),     scoped_test(results_may_differ_by_signature),
      scoped_test(compiled_inside_compiled),  scoped_test(a_value_and_its_gradient_are_one_node),
      scoped_test(steps_of_training),         scoped_test(checkpoints_dissolve),
      scoped_test(keys_in_the_state_move_on), scoped_test(drawings_name_what_was_fused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
