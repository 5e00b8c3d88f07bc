/* Compiled functions keep state, serve all shapes where asked to, nest with other transforms, and
 * may be called from several threads. */
#include "array/primitive.h"
#include "check.h"

#include <math.h>
#include <pthread.h>

#define FN(name) static bool name(void *payload, const mx *in, int count, mx_arrays *out)
#define UNUSED (void)payload, (void)count, (void)in

static mx_fn compile_once(mx_fn_call call) {
  mx_fn f = mx_fn_new(call, NULL, NULL), fast = mx_compile(f);
  mx_fn_release(f);
  return fast;
}
static mx_fn compile_for_all_shapes(mx_fn_call call) {
  mx_fn f = mx_fn_new(call, NULL, NULL), fast = mx_compile(f, .shapeless = true);
  mx_fn_release(f);
  return fast;
}

static const char *primitive_of(mx a) { return a && a->node ? a->node->primitive->name : "none"; }

static mx floats(int n, const float *values) {
  return mx_array_new(values, MX_INTS(n), MX_FLOAT32);
}
#define FLOATS(...) \
  floats(sizeof((float[]){__VA_ARGS__}) / sizeof(float), (const float[]){__VA_ARGS__})
#define SCALAR ((mx_ints){NULL, 0})

/* ---- State ---- */

static int traces;
static mx_arrays state_list;

/* Counts calls in entry 0, sums inputs in entry 1. */
FN(counting) {
  UNUSED;
  traces++;
  return mx_assign(&state_list.data[0], mx_add(state_list.data[0], mx_int(1))) &&
         mx_assign(&state_list.data[1], mx_add(state_list.data[1], in[0])) &&
         mx_arrays_push(out, mx_multiply(state_list.data[1], mx_float(2)));
}

static void empty_state(void) {
  while (state_list.size) mx_release(state_list.data[--state_list.size]);
  mx_arrays_free(&state_list);
}
static void new_state(mx a) { mx_arrays_push(&state_list, mx_retain(a)); }

static void state_is_read_and_replaced(void **state) {
  (void)state;
  for (int mode = 0; mode < 2; mode++) {
    mx_scope scope = mx_scope_begin();
    new_state(mx_int(0));
    new_state(mx_float(0));
    mx_fn f = mx_fn_new(counting, NULL, NULL);
    mx_fn fast = mx_compile(f, .inputs = &state_list, .outputs = &state_list);
    traces = 0;
    if (mode) mx_disable_compile();
    for (int i = 1; i <= 4; i++) {
      mx_scope inner = mx_scope_begin();
      assert_array(mx_call(fast, mx_float((float)i)), SCALAR, i * (i + 1));
      mx_scope_end(inner, NULL);
    }
    assert_int_equal(traces, mode ? 4 : 1);
    assert_array(state_list.data[0], SCALAR, 4);
    assert_array(state_list.data[1], SCALAR, 10);
    mx_assign(&state_list.data[1], mx_float(100)); /* from outside */
    assert_array(mx_call(fast, mx_float(1)), SCALAR, 202);
    mx_assign(&state_list.data[1], FLOATS(1, 2)); /* another signature */
    assert_array(mx_call(fast, mx_float(1)), MX_INTS(2), 4, 6);
    assert_int_equal(traces, mode ? 6 : 2);
    mx_enable_compile();
    mx_fn_release(f);
    mx_fn_release(fast);
    empty_state();
    mx_scope_end(scope, NULL);
  }
}

static mx_arrays made_list;
FN(leaves_more) {
  UNUSED;
  mx_arrays_push(&made_list, mx_retain(mx_exp(in[0])));
  return mx_arrays_push(out, mx_add(in[0], mx_float(1)));
}

static void outputs_may_grow(void **state) {
  (void)state;
  mx_fn f = mx_fn_new(leaves_more, NULL, NULL), fast = mx_compile(f, .outputs = &made_list);
  assert_array(mx_call(fast, mx_float(1)), SCALAR, 2);
  assert_int_equal(made_list.size, 1);
  assert_array(made_list.data[0], SCALAR, expf(1));
  assert_array(mx_call(fast, mx_float(2)), SCALAR, 3);
  assert_int_equal(made_list.size, 1); /* as the recording left it */
  assert_array(made_list.data[0], SCALAR, expf(2));
  mx_release(made_list.data[0]);
  mx_arrays_free(&made_list);
  mx_fn_release(f);
  mx_fn_release(fast);
}

/* ---- Shapeless ---- */

FN(adds_two) {
  UNUSED;
  traces++;
  const float two = 2;
  return mx_arrays_push(out, mx_add(in[0], mx_array_new(&two, MX_INTS(1), MX_FLOAT32)));
}
FN(reshapes) {
  UNUSED;
  return mx_arrays_push(out, mx_reshape(in[0], MX_INTS(2, 2)));
}
FN(normalises) {
  UNUSED;
  traces++;
  mx centred = mx_subtract(in[0], mx_max(in[0], .axes = MX_INTS(-1), .keepdims = true));
  mx var = mx_sum(mx_square(centred), .axes = MX_INTS(-1), .keepdims = true);
  return mx_arrays_push(out, mx_multiply(centred, mx_rsqrt(mx_add(var, mx_float(1e-5f)))));
}
FN(widens) {
  UNUSED;
  return mx_arrays_push(out, mx_exp(mx_sum(mx_broadcast_to(in[0], MX_INTS(4, 3)))));
}

static void one_recording_for_all_shapes(void **state) {
  (void)state;
  traces = 0;
  mx_fn f = compile_for_all_shapes(adds_two);
  mx first = mx_call(f, FLOATS(1, 2)), second = mx_call(f, FLOATS(1, 2, 3, 4));
  assert_ptr_equal(first->node->inputs[1], second->node->inputs[1]);
  assert_array(second, MX_INTS(4), 3, 4, 5, 6);
  assert_int_equal(traces, 1);
  mx_call(f, mx_array_new((int[]){1, 2}, MX_INTS(2), MX_INT32)); /* another dtype */
  mx_call(f, mx_reshape(FLOATS(1, 2), MX_INTS(1, 2)));           /* another number of axes */
  assert_int_equal(traces, 3);
  assert_array(mx_call(f, FLOATS(5)), MX_INTS(1), 7);
  assert_int_equal(traces, 3);
  mx_fn_release(f);

  f = compile_for_all_shapes(reshapes);
  assert_array(mx_call(f, FLOATS(1, 2, 3, 4)), MX_INTS(2, 2), 1, 2, 3, 4);
  assert_error(mx_call(f, FLOATS(1, 2, 3, 4, 5)), "[reshape] Cannot reshape array of size 5");
  mx_fn_release(f);

  f = compile_for_all_shapes(widens);
  assert_non_null(mx_call(f, FLOATS(1, 2, 3)));
  assert_error(mx_call(f, FLOATS(1, 2)), "Shapes (2) and (4,3) cannot be broadcast");
  mx_fn_release(f);
}

static void formulas_serve_all_shapes(void **state) {
  (void)state;
  mx_fn f = mx_fn_new(normalises, NULL, NULL), fast = mx_compile(f, .shapeless = true);
  for (int n = 4; n > 0; n--)
    for (int m = 40; m > 0; m -= 13) {
      mx_scope scope = mx_scope_begin();
      mx x = mx_random_normal(MX_INTS(n, m), MX_FLOAT32, NULL, NULL, mx_random_key(3));
      mx got = mx_call(fast, x), want = mx_call(f, x);
      if (!got) fail_msg("%s", mx_error());
      assert_true(mx_item_bool(mx_array_equal(got, want)));
      mx_scope_end(scope, NULL);
    }
  mx_fn_release(f);
  mx_fn_release(fast);
}

/* ---- With other transforms ---- */

FN(exp_of_sum) {
  UNUSED;
  return mx_arrays_push(out, mx_exp(mx_add(in[0], in[1])));
}
FN(its_gradients) {
  UNUSED;
  mx_fn f = mx_fn_new(exp_of_sum, NULL, NULL), df = mx_grad(f, MX_INTS(0, 1));
  bool good = mx_fn_apply(df, in, count, out);
  mx_fn_release(f);
  mx_fn_release(df);
  return good;
}

static void compile_of_grad(void **state) {
  (void)state;
  mx_fn f = compile_once(its_gradients);
  for (int i = 0; i < 2; i++) {
    mx_arrays out = {0};
    mx in[2] = {mx_float(1), mx_float(0.5f)};
    assert_true(mx_fn_apply(f, in, 2, &out));
    assert_int_equal(out.size, 2);
    assert_true(fabs(mx_item_double(out.data[0]) - exp(1.5)) < 1e-5);
    assert_true(fabs(mx_item_double(out.data[1]) - exp(1.5)) < 1e-5);
    mx_arrays_free(&out);
  }
  mx_fn_release(f);
}

FN(wave) {
  UNUSED;
  return mx_arrays_push(out, mx_exp(mx_multiply(mx_sin(in[0]), mx_float(2))));
}
static double d1(double x) { return exp(2 * sin(x)) * 2 * cos(x); }
static double d2(double x) { return exp(2 * sin(x)) * (4 * cos(x) * cos(x) - 2 * sin(x)); }

/* Compiled between any two transforms. */
static void transforms_of_compiled(void **state) {
  (void)state;
  mx_fn f = mx_fn_new(wave, NULL, NULL), fast = mx_compile(f);
  mx_fn df = mx_grad(fast, MX_INTS(0)), fast_df = mx_compile(df);
  mx_fn ddf = mx_grad(fast_df, MX_INTS(0)), fast_ddf = mx_compile(ddf);
  mx_fn each = mx_vmap(fast_df, (mx_ints){0}, (mx_ints){0}), fast_each = mx_compile(each);
  for (int i = 0; i < 4; i++) {
    double x = 0.3 * i - 0.5;
    assert_true(fabs(mx_item_double(mx_call(df, mx_float((float)x))) - d1(x)) < 1e-4);
    assert_true(fabs(mx_item_double(mx_call(fast_df, mx_float((float)x))) - d1(x)) < 1e-4);
    assert_true(fabs(mx_item_double(mx_call(fast_ddf, mx_float((float)x))) - d2(x)) < 1e-4);
  }
  const float *slopes = mx_data(mx_call(fast_each, FLOATS(-1, 0, 1)));
  assert_non_null(slopes);
  for (int i = 0; i < 3; i++) assert_true(fabs(slopes[i] - d1(i - 1)) < 1e-4);
  mx x = mx_float(0.7f), one = mx_float(1);
  mx_arrays values = {0}, tangents = {0};
  assert_true(mx_jvp(fast, &x, &one, 1, &values, &tangents));
  assert_true(fabs(mx_item_double(tangents.data[0]) - d1(0.7)) < 1e-4);
  mx_arrays_free(&values);
  mx_arrays_free(&tangents);
  mx_fn all[] = {f, fast, df, fast_df, ddf, fast_ddf, each, fast_each};
  for (int i = 0; i < 8; i++) mx_fn_release(all[i]);
}

static mx_fn inner;
FN(calls_twice) {
  UNUSED;
  return mx_arrays_push(out, mx_call(inner, mx_call(inner, in[0])));
}

static void compile_of_compiled(void **state) {
  (void)state;
  inner = compile_once(wave);
  mx_fn f = compile_once(calls_twice);
  mx x = mx_float(0.1f), y = mx_call(f, x);
  assert_string_equal(primitive_of(y), "Compiled");
  assert_int_equal(y->node->input_count, 2); /* x and one constant: one node for everything */
  assert_ptr_equal(y->node->inputs[0], x);
  assert_true(fabs(mx_item_double(y) - exp(2 * sin(exp(2 * sin(0.1))))) < 1e-4);
  mx_fn_release(f);
  mx_fn_release(inner);
}

FN(random_bits) {
  UNUSED;
  mx a = mx_random_bits(MX_INTS(32, 32), 4, in[0]), b = mx_random_bits(MX_INTS(32, 32), 2, in[0]);
  return mx_arrays_push(out, mx_add(a, b));
}

static void keys_are_inputs(void **state) {
  (void)state;
  mx_fn f = mx_fn_new(random_bits, NULL, NULL), fast = mx_compile(f);
  for (uint64_t seed = 0; seed < 3; seed++) {
    mx key = mx_random_key(seed);
    assert_true(mx_item_bool(mx_array_equal(mx_call(f, key), mx_call(fast, key))));
  }
  mx_fn_release(f);
  mx_fn_release(fast);
}

/* ---- Ids ---- */

FN(adds_payload) {
  (void)count;
  traces++;
  return mx_arrays_push(out, mx_add(in[0], mx_float(*(const float *)payload)));
}

static void recordings_by_id(void **state) {
  (void)state;
  float k = 1;
  uint64_t one = 1, two = 2;
  mx_fn f = mx_fn_new(adds_payload, &k, NULL);
  mx_fn a = mx_compile_id(f, 77, false, &one, 1), b = mx_compile_id(f, 77, false, &one, 1);
  mx_fn c = mx_compile_id(f, 77, false, &two, 1), d = mx_compile_id(f, 78, false, &one, 1);
  traces = 0;
  assert_array(mx_call(a, FLOATS(1)), MX_INTS(1), 2);
  k = 2;
  assert_array(mx_call(b, FLOATS(1)), MX_INTS(1), 2); /* the same recording */
  assert_int_equal(traces, 1);
  assert_array(mx_call(c, FLOATS(1)), MX_INTS(1), 3); /* another constant */
  assert_array(mx_call(d, FLOATS(1)), MX_INTS(1), 3); /* another id */
  assert_int_equal(traces, 3);
  mx_compile_erase(77);
  mx_compile_erase(1234);
  assert_array(mx_call(a, FLOATS(1)), MX_INTS(1), 3);
  assert_array(mx_call(d, FLOATS(1)), MX_INTS(1), 3);
  assert_int_equal(traces, 4);
  mx_compile_clear_cache();
  assert_array(mx_call(d, FLOATS(1)), MX_INTS(1), 3);
  assert_int_equal(traces, 5);
  mx_fn all[] = {f, a, b, c, d};
  for (int i = 0; i < 5; i++) mx_fn_release(all[i]);
}

/* ---- Threads ---- */

static void *call_many(void *argument) {
  mx_fn f = argument;
  for (int i = 0; i < 200; i++) {
    mx_scope scope = mx_scope_begin();
    int n = 1 + i % 5;
    mx x = mx_full(MX_INTS(n, 100), mx_float((float)i), MX_FLOAT32);
    mx y = mx_call(f, x, mx_float(1));
    bool right = y && mx_item_double(mx_max(y)) == mx_item_double(mx_exp(mx_float((float)i + 1)));
    mx_scope_end(scope, NULL);
    if (!right) return "wrong";
  }
  return NULL;
}

static void several_threads(void **state) {
  (void)state;
  mx_fn f = compile_once(exp_of_sum);
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, call_many, f);
  for (int i = 0; i < 4; i++) {
    void *failed;
    pthread_join(threads[i], &failed);
    assert_null(failed);
  }
  mx_fn_release(f);
}

/* ---- Long graphs, and memory ---- */

FN(chain) {
  UNUSED;
  mx x = in[0];
  for (int i = 0; i < 20000; i++) x = i % 3 ? mx_multiply(x, mx_float(1)) : mx_negative(x);
  return mx_arrays_push(out, x);
}

static void chains_of_any_length(void **state) {
  (void)state;
  mx_fn f = compile_once(chain);
  for (int i = 0; i < 2; i++) assert_array(mx_call(f, FLOATS(1, 2)), MX_INTS(2), -1, -2);
  mx_fn_release(f);
}

FN(scales) {
  UNUSED;
  return mx_arrays_push(out, mx_add(mx_multiply(in[0], mx_float(2)), mx_float(1)));
}

static void dying_inputs_are_reused(void **state) {
  (void)state;
  mx_fn f = compile_once(scales);
  mx_scope scope = mx_scope_begin();
  mx x = mx_ones(MX_INTS(1000, 1000), MX_FLOAT32);
  mx y = mx_scope_end(scope, mx_call(f, mx_call(f, mx_exp(x))));
  mx_reset_peak_memory();
  size_t before = mx_get_active_memory();
  mx_eval(y);
  assert_true(mx_get_peak_memory() - before < 2 * 4000000);
  mx_fn_release(f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(state_is_read_and_replaced),
      scoped_test(outputs_may_grow),
      scoped_test(one_recording_for_all_shapes),
      scoped_test(formulas_serve_all_shapes),
      scoped_test(compile_of_grad),
      scoped_test(transforms_of_compiled),
      scoped_test(compile_of_compiled),
      scoped_test(keys_are_inputs),
      scoped_test(recordings_by_id),
      scoped_test(several_threads),
      scoped_test(chains_of_any_length),
      scoped_test(dying_inputs_are_reused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
