/* Rules of the fast operations: derivatives against central differences, vmap against loops. */
#include "derivatives.h"

DERIVATIVE_FN(rms, mx_fast_rms_norm(in[0], in[1], 1e-5f))
DERIVATIVE_FN(rms_plain, mx_fast_rms_norm(in[0], NULL, 1e-2f))
DERIVATIVE_FN(layer, mx_fast_layer_norm(in[0], in[1], in[2], 1e-5f))
DERIVATIVE_FN(layer_weight, mx_fast_layer_norm(in[0], in[1], NULL, 1e-5f))
DERIVATIVE_FN(layer_bias, mx_fast_layer_norm(in[0], NULL, in[1], 1e-5f))
DERIVATIVE_FN(layer_plain, mx_fast_layer_norm(in[0], NULL, NULL, 1e-2f))

static const derivative_case norms[] = {
    {"rms_norm", rms, {"2x4", "4"}},
    {"rms_norm of a vector", rms, {"4", "4"}},
    {"rms_norm of a transpose", rms, {"2x2x4T", "4S"}},
    {"rms_norm without a weight", rms_plain, {"3x4S"}},
    {"rms_norm of no rows", rms, {"0x4", "4"}},
    {"layer_norm", layer, {"2x4", "4", "4"}},
    {"layer_norm of a vector", layer, {"4", "4", "4"}},
    {"layer_norm with a weight", layer_weight, {"2x2x4T", "4"}},
    {"layer_norm with a bias", layer_bias, {"2x4", "4"}},
    {"layer_norm alone", layer_plain, {"2x4B"}},
};

DERIVATIVE_FN(rope_halves, mx_fast_rope(in[0], 4, .offset = 3))
DERIVATIVE_FN(rope_pairs, mx_fast_rope(in[0], 4, .traditional = true, .scale = 0.5f))
DERIVATIVE_FN(rope_offsets, mx_fast_rope(in[0], 4, .offsets = in[1]))
DERIVATIVE_FN(rope_freqs,
              mx_fast_rope(in[0], 4,
                           .freqs = mx_array_new((float[]){1, 7}, MX_INTS(2), MX_FLOAT32)))
static const derivative_case ropes[] = {
    {"rope", rope_halves, {"2x3x4"}},
    {"rope of some features", rope_halves, {"1x2x2x6"}},
    {"rope of pairs", rope_pairs, {"1x2x3x4T"}},
    {"rope of some pairs", rope_pairs, {"2x2x6S"}},
    {"rope with an offset", rope_offsets, {"2x2x4", "i():0:9"}},
    {"rope with offsets", rope_offsets, {"2x2x4", "i2:0:9"}},
    {"rope with offsets and heads", rope_offsets, {"2x2x2x5", "i2:0:9"}},
    {"rope with frequencies", rope_freqs, {"1x2x2x4"}},
};

#define ATTENTION(...) \
  mx_fast_scaled_dot_product_attention(in[0], in[1], in[2], .scale = 0.7f, __VA_ARGS__)
DERIVATIVE_FN(attention, ATTENTION(.causal = false))
DERIVATIVE_FN(attention_causal, ATTENTION(.causal = true))
DERIVATIVE_FN(attention_mask, ATTENTION(.mask = in[3]))
DERIVATIVE_FN(attention_sinks, ATTENTION(.sinks = in[3]))
DERIVATIVE_FN(attention_choice, ATTENTION(.mask = mx_greater(in[3], mx_float(0))))

static const derivative_case attentions[] = {
    {"attention", attention, {"1x2x2x3", "1x2x3x3", "1x2x3x2"}},
    {"attention with shared keys", attention, {"1x4x2x2", "1x2x2x2", "1x2x2x2"}},
    {"attention with shared keys and a mask",
     attention_mask,
     {"1x4x2x2", "1x2x2x2", "1x2x2x2", "4x2x2"}},
    {"attention with shared keys and sinks",
     attention_sinks,
     {"1x4x2x2", "1x2x2x2", "1x2x2x2", "4"}},
    {"causal attention with shared keys", attention_causal, {"1x4x2x2", "1x2x2x2", "1x2x2x2"}},
    {"causal attention", attention_causal, {"1x2x2x2", "1x1x3x2", "1x1x3x2"}},
    {"attention with an added mask", attention_mask, {"1x2x2x2", "1x1x2x2", "1x1x2x2", "2x1x2"}},
    {"attention with sinks", attention_sinks, {"1x2x2x2", "1x1x2x2", "1x1x2x2", "2"}},
    {"attention with a choice of keys",
     attention_choice,
     {"1x2x2x2", "1x1x2x2", "1x1x2x2", "i1x2:1:3"}},
    {"attention with a choice of keys for each query",
     attention_choice,
     {"1x2x3x2", "1x1x3x2", "1x1x3x2", "i3x3:0:2"}},
};

#define CHECK_ALL(test, cases, flags)                         \
  static void test(void **state) {                            \
    (void)state;                                              \
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) \
      check_derivative_case(&cases[i], flags);                \
  }
CHECK_ALL(norms_differentiate_and_map, norms, DERIVATIVE_TWICE)
CHECK_ALL(rope_differentiates_and_maps, ropes, 0)
CHECK_ALL(attention_differentiates_and_maps, attentions, DERIVATIVE_TWICE)

/* Causal gradients of many queries are taken block by block, those under a mask of the same meaning
 * all at once. */
static mx numbers(mx_ints shape, int from) {
  int n = 1;
  for (int i = 0; i < shape.size; i++) n *= shape.data[i];
  return mx_sin(mx_reshape(mx_arange(from, from + n, 1, MX_FLOAT64), shape));
}

static void blocks_of_queries_add_up(void **state) {
  (void)state;
  static const int sizes[][2] = {{256, 256}, {300, 401}, {1100, 1100}};
  mx_fn f[2] = {mx_fn_new(attention_causal, NULL, NULL), mx_fn_new(attention_mask, NULL, NULL)};
  for (int i = 0; i < 3; i++) {
    mx_scope scope = mx_scope_begin();
    int queries = sizes[i][0], keys = sizes[i][1];
    mx rows = mx_arange(keys - queries, keys, 1, MX_INT32), seen = mx_arange(0, keys, 1, MX_INT32);
    mx in[4] = {numbers(MX_INTS(1, 2, queries, 3), 0), numbers(MX_INTS(1, 1, keys, 3), 5),
                numbers(MX_INTS(1, 1, keys, 2), 9),
                mx_greater_equal(mx_expand_dims(rows, MX_INTS(1)), seen)};
    mx t = numbers(MX_INTS(1, 2, queries, 2), 3);
    mx_arrays values = {0}, got = {0}, want = {0};
    assert_true(mx_vjp(f[0], in, 3, &t, 1, &values, &got));
    assert_true(mx_vjp(f[1], in, 4, &t, 1, &values, &want));
    for (int k = 0; k < 3; k++)
      assert_true(mx_item_double(mx_max(mx_abs(mx_subtract(got.data[k], want.data[k])))) < 1e-12);
    mx_arrays_free(&values);
    mx_arrays_free(&got);
    mx_arrays_free(&want);
    mx_scope_end(scope, NULL);
  }
  mx_fn_release(f[0]);
  mx_fn_release(f[1]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(norms_differentiate_and_map),
      scoped_test(rope_differentiates_and_maps),
      scoped_test(attention_differentiates_and_maps),
      scoped_test(blocks_of_queries_add_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
