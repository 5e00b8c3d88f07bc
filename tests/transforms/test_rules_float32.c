/* vmap of what has no float64 form, against loops: quantisation, random numbers, rope with
 * frequencies of its own. */
#include "derivatives.h"

static mx f32(mx a) { return mx_astype(a, MX_FLOAT32); }
static mx_quantized packed(mx w) { return mx_quantize(f32(w), .group_size = 32); }

DERIVATIVE_FN(codes, packed(in[0]).weight)
DERIVATIVE_FN(scales, packed(in[0]).scales)
DERIVATIVE_FN(opened, mx_dequantize(packed(in[0]).weight, f32(in[1]), packed(in[0]).biases,
                                    .group_size = 32))

static mx times_packed(mx x, mx w, bool transpose) {
  mx_quantized q = packed(w);
  return mx_quantized_matmul(f32(x), q.weight, q.scales, q.biases, .group_size = 32,
                             .transpose = transpose);
}
DERIVATIVE_FN(rows, times_packed(in[0], in[1], true))
DERIVATIVE_FN(columns, times_packed(in[0], in[1], false))

static mx times_chosen(mx x, mx w, mx left, mx right) {
  mx_quantized q = packed(w);
  return mx_gather_qmm(f32(x), q.weight, q.scales, q.biases, .lhs_indices = left,
                       .rhs_indices = right, .group_size = 32);
}
DERIVATIVE_FN(chosen, times_chosen(in[0], in[1], in[2], in[3]))

/* The gradients map, too. */
static bool loss(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  return mx_arrays_push(out, mx_sum(mx_square(times_packed(in[0], in[1], true))));
}
static mx gradient(mx_fn_call call, const mx *in, int count) {
  mx_fn f = mx_fn_new(call, NULL, NULL), df = mx_grad(f, MX_INTS(0));
  mx slope = mx_fn_first(df, in, count);
  mx_fn_release(f);
  mx_fn_release(df);
  return slope;
}
DERIVATIVE_FN(gradients, gradient(loss, in, 2))

static const derivative_case quantised[] = {
    {"quantize's codes", codes, {"2x32"}},
    {"quantize's scales", scales, {"2x2x64"}},
    {"dequantize", opened, {"2x64", "2x2"}},
    {"quantized_matmul", rows, {"2x32", "3x32"}},
    {"quantized_matmul of batches", rows, {"2x1x32", "3x32"}},
    {"quantized_matmul by batches", rows, {"2x1x32", "2x3x32"}},
    {"quantized_matmul of a vector", rows, {"32", "3x32"}},
    {"quantized_matmul, not transposed", columns, {"2x3", "3x32"}},
    {"gather_qmm", chosen, {"2x1x32", "3x2x32", "i2:0:2", "i2x1:0:3"}},
    {"gradients of quantized_matmul", gradients, {"2x32", "3x32"}},
};

static mx key(mx a) { return mx_astype(a, MX_UINT32); }
#define THREE MX_INTS(3)
DERIVATIVE_FN(split, mx_random_split(key(in[0]), 2))
DERIVATIVE_FN(bits, mx_random_bits(MX_INTS(2, 3), 2, key(in[0])))
DERIVATIVE_FN(uniform, mx_random_uniform(f32(in[1]), mx_float(3), THREE, MX_FLOAT32, key(in[0])))
DERIVATIVE_FN(normal, mx_random_normal(THREE, MX_FLOAT32, NULL, NULL, key(in[0])))
DERIVATIVE_FN(normal_scaled, mx_random_normal(THREE, MX_FLOAT32, f32(in[1]), NULL, key(in[0])))
DERIVATIVE_FN(gumbel, mx_random_gumbel(MX_INTS(2, 2), MX_FLOAT32, key(in[0])))
DERIVATIVE_FN(randint, mx_random_randint(mx_int(0), mx_int(9), THREE, MX_INT32, key(in[0])))
DERIVATIVE_FN(bernoulli, mx_random_bernoulli(mx_float(0.5f), THREE, key(in[0])))
DERIVATIVE_FN(categorical, mx_random_categorical(f32(in[1]), .key = key(in[0])))
DERIVATIVE_FN(laplace, mx_random_laplace(THREE, MX_FLOAT32, 1, 2, key(in[0])))
DERIVATIVE_FN(permutation, mx_random_permutation_arange(5, key(in[0])))
DERIVATIVE_FN(split_and_drawn,
              mx_random_normal(MX_INTS(2), MX_FLOAT32, NULL, NULL,
                               mx_squeeze(mx_slice_axis(mx_random_split(key(in[0]), 3), 0, 1, 2),
                                          MX_INTS(0))))

static const derivative_case random_numbers[] = {
    {"split", split, {"i2:0:999"}},
    {"bits", bits, {"i2:0:999"}},
    {"uniform", uniform, {"i2:0:999", "3"}},
    {"normal", normal, {"i2:0:999"}},
    {"normal with means", normal_scaled, {"i2:0:999", "3"}},
    {"gumbel", gumbel, {"i2:0:999"}},
    {"randint", randint, {"i2:0:999"}},
    {"bernoulli", bernoulli, {"i2:0:999"}},
    {"categorical", categorical, {"i2:0:999", "2x3"}},
    {"laplace", laplace, {"i2:0:999"}},
    {"permutation", permutation, {"i2:0:999"}},
    {"keys of a key", split_and_drawn, {"i2:0:999"}},
};

DERIVATIVE_FN(rope, mx_fast_rope(f32(in[0]), 4, .offset = 2, .freqs = f32(in[1])))
static const derivative_case ropes[] = {{"rope with frequencies", rope, {"1x2x2x4", "2:1:3"}}};

#define MAP_ALL(test, cases, tolerance)                       \
  static void test(void **state) {                            \
    (void)state;                                              \
    vmap_tolerance = tolerance;                               \
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) \
      check_derivative_case(&cases[i], DERIVATIVE_VMAP_ONLY); \
  }
MAP_ALL(quantised_products_map, quantised, 2e-5)
MAP_ALL(random_numbers_map, random_numbers, 0)
MAP_ALL(rope_maps_with_frequencies, ropes, 2e-6)

/* What quantize makes of a matrix changes with the extremes of its groups alone. */
static bool scales_and_biases(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  mx_quantized q = packed(in[0]);
  return mx_arrays_push(out, q.scales) && mx_arrays_push(out, q.biases);
}

static void quantisation_follows_the_extremes(void **state) {
  (void)state;
  float x[32], slopes[32] = {0};
  for (int i = 0; i < 32; i++) x[i] = (float)((i * 7) % 32) / 16 - 0.5f; /* -0.5 to 1.4375 */
  mx w = mx_array_new(x, MX_INTS(1, 32), MX_FLOAT32), one = mx_ones(MX_INTS(1, 1), MX_FLOAT32);
  mx_fn f = mx_fn_new(scales_and_biases, NULL, NULL);
  mx_arrays values = {0}, got = {0};
  assert_true(mx_vjp(f, &w, 1, (mx[]){one, one}, 2, &values, &got));
  /* The scale is edge / q0 with q0 = round(edge / (range / -15)), constant; the bias is the edge.
   */
  double edge = 1.4375, step = (1.4375 + 0.5) / -15, q0 = nearbyint(edge / step);
  for (int i = 0; i < 32; i++) slopes[i] = x[i] == 1.4375f ? (float)(1 / q0 + 1) : 0;
  const float *data = mx_data(got.data[0]);
  assert_non_null(data);
  for (int i = 0; i < 32; i++) assert_true(fabsf(data[i] - slopes[i]) < 1e-6f);
  mx_arrays_free(&values);
  mx_arrays_free(&got);
  mx_fn_release(f);
}

static bool wrt_codes(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  return mx_arrays_push(out, mx_quantized_matmul(in[0], in[1], in[2], in[3], .group_size = 32));
}

static void codes_have_no_gradient(void **state) {
  (void)state;
  mx_quantized q = packed(mx_ones(MX_INTS(3, 32), MX_FLOAT32));
  mx in[4] = {mx_ones(MX_INTS(2, 32), MX_FLOAT32), q.weight, q.scales, q.biases};
  mx one = mx_ones(MX_INTS(2, 3), MX_FLOAT32);
  mx_fn f = mx_fn_new(wrt_codes, NULL, NULL);
  mx_arrays values = {0}, got = {0};
  assert_false(mx_vjp(f, in, 4, &one, 1, &values, &got));
  assert_string_equal(mx_error(), "[QuantizedMatmul::vjp] no gradient wrt the quantized weights.");
  mx_error_clear();
  assert_false(mx_jvp(f, in, in, 4, &values, &got));
  assert_string_equal(mx_error(), "[QuantizedMatmul::jvp] No JVP wrt the quantized matrix yet.");
  mx_arrays_free(&values);
  mx_arrays_free(&got);
  mx_fn_release(f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(quantised_products_map),     scoped_test(random_numbers_map),
      scoped_test(rope_maps_with_frequencies), scoped_test(quantisation_follows_the_extremes),
      scoped_test(codes_have_no_gradient),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
