/* The fast operations, softmax and log-sum-exp agree with MLX, are no further from the float64
 * result than MLX is, and refuse what MLX refuses. */
#include "cases.h"
#include "floats.h"

static const struct {
  mx_dtype dtype;
  const char *name;
} kinds[] = {{MX_FLOAT32, "f32"}, {MX_FLOAT16, "f16"}, {MX_BFLOAT16, "bf16"}};

static const char *called(const char *name, size_t kind) {
  static char full[128];
  snprintf(full, sizeof full, "%s.%s", name, kinds[kind].name);
  return full;
}

/* Squared distances from the float64 results of one operation's cases in one dtype, ours and MLX's:
 * single cases are too small to compare. */
static struct { double ours, theirs, count; } errors[3];

static double distance(const char *name, mx a) {
  const double *x = case_values(name, a), *want = case_values(name, case_get(name, ".true"));
  mx rest = case_get(name, ".rest");
  const double *more = rest ? case_values(name, rest) : NULL;
  double sum = 0;
  for (size_t i = 0; i < mx_size(a); i++) sum += pow(x[i] - want[i] - (more ? more[i] : 0), 2);
  return sum;
}

/* Close to MLX's result: `slack` is for what the formula itself loses in float32 (rope's angles).
 */
static void check(const char *name, size_t kind, mx got, double slack) {
  mx mlx = case_get(name, ".mlx");
  case_same_form(name, got, mlx);
  errors[kind].ours += distance(name, got);
  errors[kind].theirs += distance(name, mlx);
  errors[kind].count += (double)mx_size(got);
  const double *x = case_values(name, got), *y = case_values(name, mlx);
  double unit = kinds[kind].dtype == MX_FLOAT32 ? 2e-6 : 6 * rounding(kinds[kind].dtype);
  for (size_t i = 0; i < mx_size(got); i++)
    if (!(fabs(x[i] - y[i]) <= unit * fmax(1, fabs(y[i])) + slack))
      fail_msg("%s: element %zu is %.9g, MLX's %.9g", name, i, x[i], y[i]);
}

/* After an operation's cases: our error is no larger than MLX's (but for chance). */
static void compare_errors(const char *operation) {
  for (size_t k = 0; k < 3; k++) {
    double ours = sqrt(errors[k].ours / errors[k].count),
           theirs = sqrt(errors[k].theirs / errors[k].count);
    print_message("%s %s: RMS error %.3g, MLX's %.3g\n", operation, kinds[k].name, ours, theirs);
    if (!(ours <= 1.02 * theirs))
      fail_msg("%s %s: RMS error %.3g, MLX's is %.3g", operation, kinds[k].name, ours, theirs);
  }
  memset(errors, 0, sizeof errors);
}

static void softmaxes(void **state) {
  (void)state;
  static const struct {
    const char *name;
    int axes[2], count;
  } table[] = {{"last", {2}, 1},
               {"first", {0}, 1},
               {"middle", {1}, 1},
               {"several", {0, 2}, 2},
               {"all", {0, 1}, 2}};
  for (int sum = 0; sum < 2; sum++) {
    for (size_t k = 0; k < 3; k++)
      for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char name[64];
        mx_ints axes = {table[i].axes, table[i].count};
        snprintf(name, sizeof name, "%s.%s.%s", sum ? "logsumexp" : "softmax", table[i].name,
                 kinds[k].name);
        mx x = case_get(name, ".x");
        check(name, k,
              sum ? mx_logsumexp(x, .axes = axes) : mx_softmax(x, .axes = axes, .precise = true),
              0);
      }
    compare_errors(sum ? "logsumexp" : "softmax");
  }
}

static void softmax_edges(void **state) {
  (void)state;
  const mx_ints scalar = {NULL, 0};
  assert_array(mx_softmax(mx_float(3)), scalar, 1);
  assert_array(mx_logsumexp(mx_float(3)), scalar, 3);
  mx ints = mx_array_new((int[]){1, 1}, MX_INTS(1, 2), MX_INT32);
  assert_array(mx_softmax(ints, .axis = -1), MX_INTS(1, 2), .5, .5);
  assert_int_equal(mx_dtype_of(mx_softmax(ints, .axis = 1)), MX_FLOAT32);
  assert_array(mx_logsumexp(ints, .axis = 0), MX_INTS(2), 1, 1);
  assert_array(mx_logsumexp(ints, .axis = 0, .keepdims = true), MX_INTS(1, 2), 1, 1);
  assert_array(mx_softmax(mx_zeros(MX_INTS(0, 3), MX_FLOAT32), .axis = 1), MX_INTS(0, 3), 0);
  mx strided = mx_slice(mx_zeros(MX_INTS(4, 8), MX_FLOAT16), MX_INTS(3, 7), MX_INTS(-5, -9),
                        MX_INTS(-2, -2));
  assert_array(mx_softmax(strided, .axis = 1), MX_INTS(2, 4), .25, .25, .25, .25, .25, .25, .25,
               .25);
  assert_error(mx_softmax(mx_float(1), .axis = 0), "Received non-empty axes for array with 0");
  assert_error(mx_logsumexp(mx_float(1), .axis = 0), "Received non-empty axes for array with 0");
  assert_error(mx_softmax(ints, .axis = 2), "Axis 2 is out of bounds for array with 2 dimensions.");
  assert_error(mx_logsumexp(mx_zeros(MX_INTS(0, 3), MX_FLOAT32)),
               "[logsumexp] Received empty array.");
}

static void norms(void **state) {
  (void)state;
  mx none = NULL;
  for (size_t k = 0; k < 3; k++)
    for (int n = 7; n <= 80; n += 73) {
      char name[64];
#define NORM(...) (snprintf(name, sizeof name, __VA_ARGS__), case_get(name, ".x"))
      mx x = NORM("rms.%d.%s", n, kinds[k].name);
      check(name, k, mx_fast_rms_norm(x, case_get(name, ".w"), 1e-5f), 0);
      x = NORM("rms.%d.bare.%s", n, kinds[k].name);
      check(name, k, mx_fast_rms_norm(x, none, 1e-5f), 0);
      x = NORM("layer.%d.%s", n, kinds[k].name);
      check(name, k, mx_fast_layer_norm(x, case_get(name, ".w"), case_get(name, ".b"), 1e-5f), 0);
      x = NORM("layer.%d.bare.%s", n, kinds[k].name);
      check(name, k, mx_fast_layer_norm(x, none, none, 1e-5f), 0);
#undef NORM
    }
  compare_errors("norms");
}

/* A transposed and sliced input gives what its copy gives; weights decide the dtype. */
static void norms_of_views(void **state) {
  (void)state;
  mx none = NULL, x = case_get("rms.80.f32", ".x"), w = case_get("rms.80.f16", ".w");
  mx t = mx_slice(mx_transpose(x), MX_INTS(79, 0, 0), MX_INTS(-81, 2, 2), MX_INTS(-3, 1, 1));
  const float *a = mx_data(mx_contiguous(mx_fast_rms_norm(t, none, 1e-5f)));
  const float *b = mx_data(mx_fast_rms_norm(mx_contiguous(t), none, 1e-5f));
  assert_memory_equal(a, b, mx_nbytes(t));
  assert_int_equal(mx_dtype_of(mx_fast_rms_norm(x, w, 1e-5f)), MX_FLOAT32);
  mx bias = mx_astype(w, MX_FLOAT32), half = mx_astype(x, MX_FLOAT16);
  assert_int_equal(mx_dtype_of(mx_fast_layer_norm(half, none, bias, 1e-5f)), MX_FLOAT16);
  assert_int_equal(mx_dtype_of(mx_fast_layer_norm(half, w, bias, 1e-5f)), MX_FLOAT32);
  assert_array(mx_fast_rms_norm(mx_zeros(MX_INTS(0, 4), MX_FLOAT32), none, 1), MX_INTS(0, 4), 0);
}

static void ropes(void **state) {
  (void)state;
  mx offsets = mx_array_new((int[]){3, 700}, MX_INTS(2), MX_INT32);
  for (size_t k = 0; k < 3; k++) {
    const char *name;
#define ROPE(case_name, slack, dims, ...) \
  name = called("rope." case_name, k);    \
  check(name, k, mx_fast_rope(case_get(name, ".x"), dims, __VA_ARGS__), slack)
    ROPE("plain", 1e-5, 64, .offset = 0);
    ROPE("traditional", 1e-5, 64, .traditional = true, .offset = 5);
    ROPE("partial", 1e-5, 24, .base = 500000, .scale = .25f, .offset = 9);
    ROPE("partial_traditional", 1e-5, 24, .traditional = true, .base = 500000, .scale = .25f,
         .offset = 9);
    ROPE("freqs", 1e-5, 32, .offset = 11, .freqs = case_get(name, ".freqs"));
    ROPE("offsets", 5e-4, 32, .offsets = offsets);
    ROPE("three", 1e-5, 32, .offset = 2);
    ROPE("five", 1e-5, 16, .offset = 2);
    ROPE("far", 5e-3, 64, .base = 500000, .offset = 8000);
#undef ROPE
  }
  compare_errors("rope");
}

/* Layouts: as a projection leaves it, and one that no four strides describe. */
static void ropes_of_views(void **state) {
  (void)state;
  mx x = case_get("rope.five.f32", ".x");
  mx t = mx_transpose(x, .axes = MX_INTS(3, 2, 1, 0, 4));
  const float *a = mx_data(mx_fast_rope(t, 16, .offset = 3));
  const float *b = mx_data(mx_fast_rope(mx_contiguous(t), 16, .offset = 3));
  assert_memory_equal(a, b, mx_nbytes(t));
  mx wide = mx_array_new((int64_t[]){3}, (mx_ints){NULL, 0}, MX_INT64);
  const float *c = mx_data(mx_fast_rope(t, 16, .offsets = wide));
  assert_memory_equal(a, c, mx_nbytes(t));
}

static void attentions(void **state) {
  (void)state;
  static const struct {
    const char *name;
    bool causal;
  } table[] = {{"one", false},    {"grouped", false}, {"many", true},      {"longer", true},
               {"shorter", true}, {"bool", false},    {"row", false},      {"add", false},
               {"heads", false},  {"sinks", true},    {"sinks_one", false}};
  for (size_t k = 0; k < 3; k++)
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
      char name[64];
      snprintf(name, sizeof name, "attention.%s.%s", table[i].name, kinds[k].name);
      mx q = case_get(name, ".q"), k_ = case_get(name, ".k"), v = case_get(name, ".v");
      float scale = (float)pow(mx_dim(q, 3), -.5);
      check(name, k,
            mx_fast_scaled_dot_product_attention(
                q, k_, v, .scale = scale, .causal = table[i].causal,
                .mask = case_get(name, ".mask"), .sinks = case_get(name, ".sinks")),
            0);
    }
  compare_errors("attention");
}

/* The first keys of a larger buffer, and heads that come from a projection: as their copies. */
static void attention_of_views(void **state) {
  (void)state;
  mx k = case_get("attention.longer.f32", ".k"), v = case_get("attention.longer.f32", ".v");
  mx q = case_get("attention.many.f32", ".q");
  mx first = mx_slice_axis(k, 2, 0, 18), values = mx_slice_axis(v, 2, 0, 18);
  mx heads = mx_swapaxes(mx_contiguous(mx_swapaxes(q, 1, 2)), 1, 2);
  mx a = mx_fast_scaled_dot_product_attention(heads, first, values, .causal = true);
  mx b = mx_fast_scaled_dot_product_attention(q, mx_contiguous(first), mx_contiguous(values),
                                              .causal = true);
  assert_memory_equal(mx_data(mx_contiguous(a)), mx_data(mx_contiguous(b)), mx_nbytes(a));
  mx flipped = mx_swapaxes(mx_contiguous(mx_swapaxes(first, 2, 3)), 2, 3);
  mx c = mx_fast_scaled_dot_product_attention(q, flipped, values, .causal = true);
  assert_memory_equal(mx_data(mx_contiguous(c)), mx_data(mx_contiguous(b)), mx_nbytes(a));
  mx nothing = mx_zeros(MX_INTS(1, 1, 0, 4), MX_FLOAT32);
  assert_array(mx_fast_scaled_dot_product_attention(mx_ones(MX_INTS(1, 1, 2, 4), MX_FLOAT32),
                                                    nothing, nothing),
               MX_INTS(1, 1, 2, 4), 0, 0, 0, 0, 0, 0, 0, 0);
}

static mx z(mx_ints shape, mx_dtype dtype) { return mx_zeros(shape, dtype); }

static void norms_and_ropes_refuse(void **state) {
  (void)state;
  const mx_dtype f = MX_FLOAT32;
  mx none = NULL, x = z(MX_INTS(2, 3), f), y = z(MX_INTS(2, 3, 4), f);
  assert_error(mx_fast_rms_norm(mx_float(1), none, 1),
               "[rms_norm] Input must have at least 1 dimension but got input with 0 dimensions.");
  assert_error(mx_fast_rms_norm(x, x, 1),
               "[rms_norm] (*weight) must have 1 dimension but has 2 dimensions.");
  assert_error(mx_fast_rms_norm(x, z(MX_INTS(4), f), 1),
               "[rms_norm] (*weight) must have the same size as the last dimension of x but has 4 "
               "elements.");
  assert_error(mx_fast_rms_norm(z(MX_INTS(2), MX_INT32), none, 1),
               "[rms_norm] Received unsupported type int32.");
  assert_error(mx_fast_layer_norm(x, x, none, 1),
               "[layer_norm] weight must have 1 dimension but has 2 dimensions.");
  assert_error(mx_fast_layer_norm(x, none, z(MX_INTS(4), f), 1),
               "[layer_norm] bias must have the same size as the last dimension of x but has 4 "
               "elements.");
  assert_error(mx_fast_layer_norm(z(MX_INTS(2), MX_BOOL), none, none, 1),
               "[layer_norm] Received unsupported type bool.");
  assert_error(mx_fast_rope(x, 2),
               "[rope] Input must have at least 3 dimensions but got input with 2 dimensions.");
  assert_error(mx_fast_rope(z(MX_INTS(2, 3, 4), MX_INT32), 2),
               "[rope] Input must be a floating type but got int32.");
  assert_error(mx_fast_rope(y, 2, .offsets = z(MX_INTS(2, 1), MX_INT32)),
               "[rope] offset must have at most one dimension but has shape (2,1).");
  assert_error(mx_fast_rope(y, 2, .offsets = z(MX_INTS(3), MX_INT32)),
               "[rope] offset must be a scalar or vector with 2 elements but has shape (3).");
  assert_error(mx_fast_rope(y, 2, .offsets = z(MX_INTS(2), f)),
               "[rope] offset must be an integer but got type float32.");
  assert_error(mx_fast_rope(y, 4, .freqs = z(MX_INTS(3), f)),
               "[rope] freqs must be one dimensional with size 2 but got shape (3).");
  assert_error(mx_fast_rope(y, 6), "[rope]");
}

static void attention_refuses(void **state) {
  (void)state;
  const mx_dtype f = MX_FLOAT32, h = MX_FLOAT16;
  mx x = z(MX_INTS(1, 2, 3, 4), f), y = z(MX_INTS(1, 2, 3, 4), h),
     i = z(MX_INTS(1, 2, 3, 4), MX_INT32);
#define REFUSE(q, k, v, text, ...)                                                       \
  assert_error(mx_fast_scaled_dot_product_attention(q, k, v, .scale = 1, ##__VA_ARGS__), \
               "[scaled_dot_product_attention] " text)
  REFUSE(z(MX_INTS(2, 3, 4), f), x, x, "input with shape (2,3,4) expected to be rank 4");
  REFUSE(x, z(MX_INTS(2, 2, 3, 4), f), x,
         "mismatching batch dimension for input with shape (2,2,3,4).");
  REFUSE(x, z(MX_INTS(1, 2, 3, 5), f), x,
         "query, keys expected to have matching last dimension; found query shape (1,2,3,4) for "
         "keys shape (1,2,3,5).");
  REFUSE(x, x, z(MX_INTS(1, 1, 3, 4), f),
         "keys, values expected to have matching n_kv_heads; found keys with n_heads 2 for values "
         "with n_heads 1.");
  REFUSE(z(MX_INTS(1, 3, 3, 4), f), x, x,
         "n_heads must be a multiple of n_kv_heads, found n_heads 3 for n_kv_heads 2.");
  REFUSE(i, i, i, "Received unsupported type int32.");
  REFUSE(x, x, x, "the mask with shape (1,1,1,3,3) expected to have at most rank 4.",
         .mask = z(MX_INTS(1, 1, 1, 3, 3), f));
  REFUSE(y, y, y, "Mask type must promote to output type float16.", .mask = z(MX_INTS(3, 3), f));
  REFUSE(y, y, y, "Type of sinks must promote to output type float16.", .sinks = z(MX_INTS(2), f));
  REFUSE(x, x, x, "Received invalid shape for sinks (3).", .sinks = z(MX_INTS(3), f));
  REFUSE(x, x, x, "Invalid mask_arr", .causal = true, .mask = z(MX_INTS(3, 3), f));
  REFUSE(x, x, z(MX_INTS(1, 2, 5, 4), f), "keys and values have different lengths, 3 and 5.");
  assert_error(mx_fast_scaled_dot_product_attention(x, x, x, .mask = z(MX_INTS(2, 3, 4), f)),
               "annot");
}

int main(void) {
  cases_load(SOURCE_DIR "/tests/golden/fast/cases.safetensors");
  const struct CMUnitTest tests[] = {scoped_test(softmaxes),
                                     scoped_test(softmax_edges),
                                     scoped_test(norms),
                                     scoped_test(norms_of_views),
                                     scoped_test(ropes),
                                     scoped_test(ropes_of_views),
                                     scoped_test(attentions),
                                     scoped_test(attention_of_views),
                                     scoped_test(norms_and_ropes_refuse),
                                     scoped_test(attention_refuses)};
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  mx_array_map_free(cases);
  return failed;
}
