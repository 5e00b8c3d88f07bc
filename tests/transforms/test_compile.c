/* Compiled functions give what their functions give; when they are traced again, what may be
 * compiled, state, modes, nesting in other transforms, several threads. */
#include "array/primitive.h"
#include "check.h"

#include <math.h>
#include <pthread.h>

#define FN(name) static bool name(void *payload, const mx *in, int count, mx_arrays *out)
#define UNUSED (void)payload, (void)count, (void)in

static mx_fn made(mx_fn_call call, void *payload) { return mx_fn_new(call, payload, NULL); }
static mx_fn compile_once(mx_fn_call call) {
  mx_fn f = made(call, NULL), fast = mx_compile(f);
  mx_fn_release(f);
  return fast;
}

static const char *primitive_of(mx a) { return a && a->node ? a->node->primitive->name : "none"; }
static void assert_made_by(mx a, const char *name) { assert_string_equal(primitive_of(a), name); }

static mx floats(int n, const float *values) {
  return mx_array_new(values, MX_INTS(n), MX_FLOAT32);
}
#define FLOATS(...) \
  floats(sizeof((float[]){__VA_ARGS__}) / sizeof(float), (const float[]){__VA_ARGS__})

/* Calls f twice: traced, and from the recording. */
static mx called(mx_fn f, mx a, mx b) {
  mx in[2] = {a, b}, first = mx_fn_first(f, in, b ? 2 : 1), again = mx_fn_first(f, in, b ? 2 : 1);
  if (!first || !again) fail_msg("%s", mx_error() ? mx_error() : "no message");
  if (!mx_item_bool(mx_array_equal(first, again))) fail_msg("two calls differ");
  return mx_fn_first(f, in, b ? 2 : 1);
}

/* ---- Signatures ---- */

static int traces;

FN(sum_of_two) {
  UNUSED;
  traces++;
  return mx_arrays_push(out, mx_add(in[0], in[1]));
}

static void retraced_by_signature(void **state) {
  (void)state;
  mx_fn f = compile_once(sum_of_two);
  traces = 0;
  assert_array(mx_call(f, mx_float(1), mx_float(2)), ((mx_ints){NULL, 0}), 3);
  assert_array(mx_call(f, mx_float(5), mx_float(2)), ((mx_ints){NULL, 0}), 7);
  assert_int_equal(traces, 1);
  assert_array(mx_call(f, FLOATS(1, 2), mx_float(2)), MX_INTS(2), 3, 4);
  assert_array(mx_call(f, mx_float(2), FLOATS(1, 2)), MX_INTS(2), 3, 4);
  assert_array(mx_call(f, mx_int(2), FLOATS(1, 2)), MX_INTS(2), 3, 4);
  assert_int_equal(traces, 4);
  assert_array(mx_call(f, mx_int(3), FLOATS(1, 4)), MX_INTS(2), 4, 7);
  assert_array(mx_call(f, FLOATS(3, 4), mx_float(1)), MX_INTS(2), 4, 5);
  assert_int_equal(traces, 4);
  mx_fn_release(f);
}

/* ---- What is made of the graph ---- */

FN(exp_twice) {
  UNUSED;
  return mx_arrays_push(out, mx_add(mx_exp(in[0]), mx_exp(in[0])));
}
FN(cos_and_sin) {
  UNUSED;
  return mx_arrays_push(out, mx_add(mx_cos(in[0]), mx_sin(in[0])));
}
FN(handed_on) {
  UNUSED;
  mx x = mx_exp(mx_stop_gradient(in[0]));
  return mx_arrays_push(out, mx_copy(mx_stop_gradient(x)));
}
FN(two_scalars) {
  UNUSED;
  return mx_arrays_push(out, mx_add(mx_add(in[0], mx_float(1)), mx_add(in[0], mx_float(2)))) &&
         mx_arrays_push(out, mx_abs(mx_float(-1))) && mx_arrays_push(out, mx_exp(mx_float(-1)));
}
FN(divided_twice) {
  UNUSED;
  mx c[2], d[2], e[4];
  if (!mx_divmod(in[0], in[1], c) || !mx_divmod(in[0], in[1], d)) return false;
  e[0] = c[0], e[1] = c[1], e[2] = d[0], e[3] = d[1];
  return mx_arrays_push(out, mx_stack(e, 4, 0));
}

static void simplified(void **state) {
  (void)state;
  mx_set_compile_mode(MX_COMPILE_NO_FUSE);
  mx x = FLOATS(1, 2);
  mx_fn f = compile_once(exp_twice);
  mx y = mx_call(f, x);
  assert_made_by(y, "Add");
  assert_ptr_equal(y->node->inputs[0], y->node->inputs[1]);
  assert_array(y, MX_INTS(2), 2 * expf(1), 2 * expf(2));
  mx_fn_release(f);

  f = compile_once(cos_and_sin);
  y = mx_call(f, x);
  assert_ptr_not_equal(y->node->inputs[0], y->node->inputs[1]);
  mx_fn_release(f);

  f = compile_once(handed_on);
  y = mx_call(f, x);
  assert_made_by(y, "Exp");
  assert_ptr_equal(y->node->inputs[0], x);
  mx_fn_release(f);

  f = compile_once(two_scalars);
  mx_arrays out = {0};
  assert_true(mx_fn_apply(f, &x, 1, &out));
  assert_ptr_equal(out.data[1]->node->inputs[0], out.data[2]->node->inputs[0]);
  mx_arrays_free(&out);
  mx_fn_release(f);

  f = compile_once(divided_twice);
  y = mx_call(f, mx_float(7), mx_float(2));
  assert_int_equal(y->node->input_count, 4);
  assert_ptr_equal(y->node->inputs[0]->node->inputs[0]->node,
                   y->node->inputs[2]->node->inputs[0]->node);
  assert_array(y, MX_INTS(4), 3, 1, 3, 1);
  mx_fn_release(f);

  mx_set_compile_mode(MX_COMPILE_NO_SIMPLIFY);
  f = compile_once(handed_on);
  y = mx_call(f, x);
  assert_made_by(y, "Copy");
  mx_fn_release(f);
  mx_set_compile_mode(MX_COMPILE_ENABLED);
}

FN(just_exp) {
  UNUSED;
  return mx_arrays_push(out, mx_exp(in[0]));
}
FN(three) {
  UNUSED;
  return mx_arrays_push(out, mx_abs(mx_negative(mx_exp(in[0]))));
}
FN(three_again) {
  UNUSED;
  return mx_arrays_push(out, mx_abs(mx_negative(mx_exp(in[0]))));
}
FN(three_others) {
  UNUSED;
  return mx_arrays_push(out, mx_abs(mx_exp(mx_negative(in[0]))));
}
FN(before_sum) {
  UNUSED;
  return mx_arrays_push(out, mx_sum(mx_abs(mx_exp(in[0])), .keepdims = true));
}
FN(after_sum) {
  UNUSED;
  return mx_arrays_push(out, mx_exp(mx_abs(mx_sum(in[0], .keepdims = true))));
}
FN(both_outputs) {
  UNUSED;
  mx x = mx_add(in[0], in[1]);
  return mx_arrays_push(out, x) && mx_arrays_push(out, mx_multiply(x, in[1]));
}
FN(shared_with_sum) {
  UNUSED;
  mx x = mx_exp(in[0]);
  return mx_arrays_push(out, mx_exp(x)) && mx_arrays_push(out, mx_sum(x, .keepdims = true));
}
FN(around_a_sum) {
  UNUSED;
  mx x = mx_abs(mx_exp(in[0]));
  return mx_arrays_push(out, mx_add(x, mx_abs(mx_exp(mx_sum(x, .keepdims = true)))));
}

static void fused(void **state) {
  (void)state;
  mx x = FLOATS(1, -2), y;
  mx_fn f = compile_once(just_exp);
  y = mx_call(f, x);
  assert_made_by(y, "Exp");
  assert_ptr_equal(y->node->inputs[0], x);
  mx_fn_release(f);

  f = compile_once(three);
  mx_fn g = compile_once(three_again), h = compile_once(three_others);
  y = mx_call(f, x);
  mx again = mx_call(g, x), other = mx_call(h, x);
  assert_made_by(y, "Compiled");
  assert_ptr_equal(y->node->inputs[0], x);
  assert_true(y->node->primitive->equal(y->node, again->node));
  assert_false(y->node->primitive->equal(y->node, other->node));
  mx_str text = {0};
  y->node->primitive->print(y->node, &text);
  assert_string_equal(mx_str_c(&text), "Exp Negative Abs");
  mx_str_free(&text);
  assert_array(y, MX_INTS(2), expf(1), expf(-2));
  mx_fn_release(f);
  mx_fn_release(g);
  mx_fn_release(h);

  f = compile_once(before_sum);
  y = mx_call(f, x);
  assert_made_by(y, "Sum");
  assert_made_by(y->node->inputs[0], "Compiled");
  assert_array(y, MX_INTS(1), expf(1) + expf(-2));
  mx_fn_release(f);

  f = compile_once(after_sum);
  y = mx_call(f, x);
  assert_made_by(y, "Compiled");
  assert_made_by(y->node->inputs[0], "Sum");
  mx_fn_release(f);

  f = compile_once(shared_with_sum);
  mx_arrays out = {0};
  assert_true(mx_fn_apply(f, &x, 1, &out));
  assert_made_by(out.data[0], "Compiled"); /* exp(x) is one of its outputs */
  assert_ptr_equal(out.data[1]->node->inputs[0]->node, out.data[0]->node);
  assert_array(out.data[1], MX_INTS(1), expf(1) + expf(-2));
  mx_arrays_free(&out);
  mx_fn_release(f);

  f = compile_once(around_a_sum);
  called(f, x, NULL);
  mx_fn_release(f);
}

static void several_outputs_of_one_node(void **state) {
  (void)state;
  mx_fn f = compile_once(both_outputs);
  mx in[2] = {FLOATS(3, -2), FLOATS(1, -1)};
  mx_arrays out = {0};
  assert_true(mx_fn_apply(f, in, 2, &out));
  assert_made_by(out.data[0], "Compiled");
  assert_ptr_equal(out.data[0]->node, out.data[1]->node);
  assert_array(out.data[0], MX_INTS(2), 4, -3);
  assert_array(out.data[1], MX_INTS(2), 4, 3);
  mx_arrays_free(&out);
  mx_fn_release(f);
}

static mx_stream other_stream;
FN(two_streams) {
  UNUSED;
  mx x = mx_exp(mx_abs(in[0]));
  mx_stream before = mx_use_stream(other_stream);
  mx y = mx_exp(mx_abs(x));
  mx_use_stream(before);
  return mx_arrays_push(out, y);
}

static void streams_stay(void **state) {
  (void)state;
  other_stream = mx_new_stream(mx_default_device());
  mx_fn f = compile_once(two_streams);
  mx y = mx_call(f, FLOATS(0.5f));
  assert_made_by(y, "Compiled");
  assert_made_by(y->node->inputs[0], "Compiled");
  assert_int_equal(y->node->stream.index, other_stream.index);
  assert_array(y, MX_INTS(1), expf(expf(0.5f)));
  mx_fn_release(f);

  f = compile_once(sum_of_two);
  y = mx_call(f, mx_float(1), mx_float(2));
  assert_int_equal(y->node->stream.index, mx_current_stream().index);
  mx_stream before = mx_use_stream(other_stream);
  y = mx_call(f, mx_float(1), mx_float(2));
  mx_use_stream(before);
  assert_int_equal(y->node->stream.index, other_stream.index);
  mx_fn_release(f);
}

/* ---- Every operation, dtype and layout gives the same bits ---- */

typedef mx unary_fn(mx);
typedef mx binary_fn(mx, mx);
static unary_fn *const unaries[] = {
    mx_abs,       mx_arccos, mx_arccosh, mx_arcsin,        mx_arcsinh,  mx_arctan,   mx_arctanh,
    mx_ceil,      mx_cos,    mx_cosh,    mx_erf,           mx_erfinv,   mx_exp,      mx_expm1,
    mx_floor,     mx_isnan,  mx_isinf,   mx_isposinf,      mx_isneginf, mx_isfinite, mx_log,
    mx_log10,     mx_log1p,  mx_log2,    mx_negative,      mx_rsqrt,    mx_sigmoid,  mx_sign,
    mx_sin,       mx_sinh,   mx_sqrt,    mx_square,        mx_tan,      mx_tanh,     mx_logical_not,
    mx_conjugate, mx_real,   mx_imag,    mx_bitwise_invert};
static binary_fn *const binaries[] = {
    mx_add,           mx_subtract,    mx_multiply,    mx_divide,      mx_maximum,
    mx_minimum,       mx_power,       mx_remainder,   mx_arctan2,     mx_logaddexp,
    mx_equal,         mx_not_equal,   mx_less,        mx_less_equal,  mx_greater,
    mx_greater_equal, mx_logical_and, mx_logical_or,  mx_bitwise_and, mx_bitwise_or,
    mx_bitwise_xor,   mx_left_shift,  mx_right_shift, mx_floor_divide};
#define COUNT(list) (int)(sizeof(list) / sizeof *(list))

typedef struct {
  int op;
} which;

/* Between two copies, so that it fuses even alone. */
FN(one_unary) {
  (void)count;
  mx x = mx_where(mx_full(MX_INTS(), mx_bool(true), MX_BOOL), in[0], in[0]);
  return mx_arrays_push(out, unaries[((which *)payload)->op](x));
}
FN(one_binary) {
  (void)count;
  mx y = binaries[((which *)payload)->op](in[0], in[1]);
  return mx_arrays_push(out, y) && mx_arrays_push(out, mx_where(in[2], y, mx_zeros_like(y)));
}

static void same_bits(mx got, mx want, const char *what, int op) {
  const void *x = mx_data(mx_contiguous(got)), *y = mx_data(mx_contiguous(want));
  if (!x || !y) fail_msg("%s %d: %s", what, op, mx_error());
  if (mx_dtype_of(got) != mx_dtype_of(want) || mx_ndim(got) != mx_ndim(want) ||
      mx_nbytes(got) != mx_nbytes(want) || memcmp(x, y, mx_nbytes(got)))
    fail_msg("%s %d of %s differs", what, op, mx_dtype_name(mx_dtype_of(got)));
}

static void compare(mx_fn f, const mx *in, int count, const char *what, int op) {
  mx_arrays want = {0}, got = {0};
  if (!mx_fn_apply(f, in, count, &want)) { /* not for this dtype */
    mx_error_clear();
    return;
  }
  mx_fn fast = mx_compile(f);
  if (!mx_fn_apply(fast, in, count, &got)) fail_msg("%s %d: %s", what, op, mx_error());
  assert_int_equal(got.size, want.size);
  for (int i = 0; i < got.size; i++) same_bits(got.data[i], want.data[i], what, op);
  mx_arrays_free(&want);
  mx_arrays_free(&got);
  mx_fn_release(fast);
}

static mx sample(mx_dtype dtype, mx_ints shape, uint64_t seed) {
  mx a = mx_random_normal(shape, MX_FLOAT32, NULL, NULL, mx_random_key(seed));
  bool whole = dtype != MX_BOOL && !mx_is_subdtype(dtype, MX_KIND_INEXACT);
  a = mx_astype(whole ? mx_abs(mx_multiply(a, mx_float(10))) : a, dtype);
  if (dtype == MX_COMPLEX64) a = mx_add(a, mx_multiply(mx_complex(0, 1), mx_sin(a)));
  mx_eval(a);
  return a;
}

static void every_operation(void **state) {
  (void)state;
  for (int dtype = 0; dtype < MX_DTYPE_COUNT; dtype++) {
    mx_scope scope = mx_scope_begin();
    mx in[3] = {sample((mx_dtype)dtype, MX_INTS(5, 307), 1),
                sample((mx_dtype)dtype, MX_INTS(307), 2), sample(MX_BOOL, MX_INTS(5, 1), 3)};
    /* The last bit of a complex product depends on its place in a run. */
    if (dtype == MX_COMPLEX64) in[1] = sample(MX_COMPLEX64, MX_INTS(5, 307), 2);
    for (int op = 0; op < COUNT(unaries); op++) {
      mx_fn f = made(one_unary, &(which){op});
      compare(f, in, 1, "unary", op);
      mx_fn_release(f);
    }
    for (int op = 0; op < COUNT(binaries); op++) {
      mx_fn f = made(one_binary, &(which){op});
      compare(f, in, 3, "binary", op);
      mx_fn_release(f);
    }
    mx_scope_end(scope, NULL);
  }
}

FN(casts) {
  UNUSED;
  bool good = true;
  for (int dtype = 0; dtype < MX_DTYPE_COUNT && good; dtype++)
    for (int to = 0; to < MX_DTYPE_COUNT && good; to++)
      good =
          mx_arrays_push(out, mx_astype(mx_abs(mx_astype(in[0], (mx_dtype)dtype)), (mx_dtype)to));
  return good;
}

FN(layouts) {
  UNUSED;
  mx y = mx_multiply(mx_add(in[0], in[1]), mx_subtract(in[0], mx_float(0.5f)));
  return mx_arrays_push(out, mx_tanh(y)) && mx_arrays_push(out, mx_abs(mx_add(in[1], in[2]))) &&
         mx_arrays_push(out, mx_maximum(mx_multiply(mx_add(in[2], in[0]), in[1]), in[2]));
}

/* Views of the same shape that lie in every way. */
static mx view(int kind, int n, int m) {
  mx a = sample(MX_FLOAT32, MX_INTS(2 * n + 1, 3 * m), (uint64_t)kind + 10);
  switch (kind) {
  case 0: return mx_contiguous(mx_slice(a, MX_INTS(0, 0), MX_INTS(n, m), MX_NO_INTS));
  case 1: return mx_slice(a, MX_INTS(1, 2), MX_INTS(n + 1, m + 2), MX_NO_INTS);
  case 2: return mx_slice(a, MX_INTS(0, 0), MX_INTS(2 * n, 3 * m), MX_INTS(2, 3));
  case 3: return mx_transpose(sample(MX_FLOAT32, MX_INTS(m, n), 99));
  case 4: return sample(MX_FLOAT32, MX_INTS(m), 98);
  case 5: return sample(MX_FLOAT32, MX_INTS(n, 1), 97);
  case 6: return mx_float(0.25f);
  case 7:
    return mx_slice(a, MX_INTS(n - 1, m - 1), MX_INTS(-2 * n - 2, -3 * m - 1), MX_INTS(-1, -1));
  default: return mx_broadcast_to(sample(MX_FLOAT32, MX_INTS(1, m), 96), MX_INTS(n, m));
  }
}
#define VIEWS 9

static void every_layout(void **state) {
  (void)state;
  static const int sizes[][2] = {{1, 1}, {3, 5}, {33, 70}, {7, 1500}, {700, 7}, {0, 4}, {70, 1100}};
  mx_fn f = made(layouts, NULL);
  for (int s = 0; s < COUNT(sizes); s++)
    for (int k = 0; k < VIEWS * VIEWS; k++) {
      mx_scope scope = mx_scope_begin();
      int n = sizes[s][0], m = sizes[s][1];
      mx in[3] = {view(k % VIEWS, n, m), view(k / VIEWS, n, m),
                  view((k + k / VIEWS) % VIEWS, n, m)};
      compare(f, in, 3, "layout", k + 100 * s);
      mx_scope_end(scope, NULL);
    }
  mx_fn_release(f);
}

static void every_cast(void **state) {
  (void)state;
  mx_fn f = made(casts, NULL);
  mx x = mx_add(sample(MX_FLOAT32, MX_INTS(777), 5), mx_float(2));
  compare(f, &x, 1, "cast", 0);
  x = mx_int(3);
  compare(f, &x, 1, "cast", 1);
  mx_fn_release(f);
}

/* More operations, inputs and outputs than one node takes. */
FN(wide) {
  UNUSED;
  mx x = in[0];
  for (int i = 0; i < 200; i++) {
    x = mx_add(mx_multiply(x, mx_float(0.99f + (float)i * 1e-5f)), in[i % count]);
    if (i % 3 == 0 && !mx_arrays_push(out, x)) return false;
  }
  return mx_arrays_push(out, x);
}

static void any_size(void **state) {
  (void)state;
  mx in[60];
  for (int i = 0; i < 60; i++) in[i] = sample(MX_FLOAT32, MX_INTS(50, 40), (uint64_t)i);
  mx_fn f = made(wide, NULL);
  compare(f, in, 60, "wide", 0);
  mx_fn_release(f);
}

FN(spread) {
  UNUSED;
  mx x = mx_exp(in[0]), y = mx_abs(x);
  mx z = mx_add(mx_multiply(x, y), mx_sum(y, .axes = MX_INTS(0)));
  mx w = mx_matmul(mx_tanh(z), mx_transpose(mx_multiply(mx_float(2), y)));
  mx v = mx_add(mx_sum(w), mx_multiply(mx_cos(in[0]), mx_max(z)));
  return mx_arrays_push(out, v) && mx_arrays_push(out, y) && mx_arrays_push(out, mx_sum(v)) &&
         mx_arrays_push(out, mx_add(v, mx_subtract(mx_sin(y), z)));
}

static void mixed_with_other_operations(void **state) {
  (void)state;
  mx_fn f = made(spread, NULL);
  mx x = sample(MX_FLOAT32, MX_INTS(20, 30), 4);
  compare(f, &x, 1, "spread", 0);
  mx_fn_release(f);
}

/* ---- Constants, and what cannot be compiled ---- */

static float addend;
FN(adds_a_constant) {
  UNUSED;
  return mx_arrays_push(out, mx_add(in[0], mx_float(addend)));
}
FN(adds_lazy_constants) {
  UNUSED;
  mx ones = mx_ones(MX_INTS(3), MX_FLOAT32), row = mx_arange(0, 3, 1, MX_FLOAT32);
  return mx_arrays_push(out, mx_add(mx_add(in[0], ones), mx_exp(row)));
}

static mx outside;
FN(uses_its_input_uncaptured) {
  UNUSED;
  return mx_arrays_push(out, mx_add(in[0], outside));
}
FN(evaluates) {
  UNUSED;
  mx y = mx_exp(in[0]);
  return mx_eval(y) == 0 && mx_arrays_push(out, y);
}
FN(fails) {
  UNUSED, (void)out;
  mx_fail("no luck");
  return false;
}

static void constants_are_kept(void **state) {
  (void)state;
  mx_fn f = compile_once(adds_a_constant);
  addend = 2;
  assert_array(mx_call(f, FLOATS(1)), MX_INTS(1), 3);
  addend = 3;
  assert_array(mx_call(f, FLOATS(1)), MX_INTS(1), 3);
  mx_fn again = compile_once(adds_a_constant);
  assert_array(mx_call(again, FLOATS(1)), MX_INTS(1), 4);
  mx_fn_release(f);
  mx_fn_release(again);
  f = compile_once(adds_lazy_constants);
  for (int i = 0; i < 2; i++)
    assert_array(mx_call(f, FLOATS(1, 2, 3)), MX_INTS(3), 3, (double)(3 + expf(1)), 4 + expf(2));
  mx_fn_release(f);
}

static void refused(void **state) {
  (void)state;
  outside = FLOATS(1, 2);
  mx_fn f = compile_once(uses_its_input_uncaptured);
  assert_error(mx_call(f, outside), "[compile] Attempting to compile a function with uncaptured");
  assert_array(mx_call(f, FLOATS(3, 4)), MX_INTS(2), 4, 6);
  mx_fn_release(f);
  f = compile_once(evaluates);
  assert_error(mx_call(f, outside), "[eval] Cannot evaluate an array that stands for an input");
  mx_fn_release(f);
  f = compile_once(fails);
  assert_error(mx_call(f, outside), "no luck");
  mx_fn_release(f);
  assert_error(mx_compile(NULL), "[compile] Cannot compile a function without a target.");
}

static void disabled(void **state) {
  (void)state;
  mx_fn f = compile_once(exp_twice);
  mx_disable_compile();
  mx y = mx_call(f, FLOATS(1));
  assert_made_by(y, "Add");
  assert_null(mx_compile(NULL));
  assert_no_error();
  mx_enable_compile();
  y = mx_call(f, FLOATS(1));
  assert_made_by(y, "Compiled");
  mx_fn_release(f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(retraced_by_signature),
      scoped_test(simplified),
      scoped_test(fused),
      scoped_test(several_outputs_of_one_node),
      scoped_test(streams_stay),
      scoped_test(every_operation),
      scoped_test(every_layout),
      scoped_test(every_cast),
      scoped_test(any_size),
      scoped_test(mixed_with_other_operations),
      scoped_test(constants_are_kept),
      scoped_test(refused),
      scoped_test(disabled),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
