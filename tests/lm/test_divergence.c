/* Over whole 16-bit models, packed and not, our distributions are as near to the float32
 * evaluation's as MLX's own are (tests/golden/make_divergence.py): mean KL divergence, whichever
 * kernels the number of rows and the instruction set choose. */
#include "check.h"
#include "reference.h"

#include "mlx_lm/cache.h"

static mx_array_map *golden;

static mx golden_of(const char *name, const char *what) {
  char key[64];
  snprintf(key, sizeof key, "%s.%s", name, what);
  return mx_array_map_get(golden, key);
}

/* The mean of KL(exact || ours) over positions, in nats. */
static double mean_kl(mx exact, mx ours) {
  mx p = mx_astype(exact, MX_FLOAT64), q = mx_astype(ours, MX_FLOAT64);
  p = mx_subtract(p, mx_logsumexp(p, .axis = -1, .keepdims = true));
  q = mx_subtract(q, mx_logsumexp(q, .axis = -1, .keepdims = true));
  mx kl = mx_sum(mx_multiply(mx_exp(p), mx_subtract(p, q)), .axes = MX_INTS(-1));
  const double *at = mx_data(mx_mean(kl));
  return at ? *at : INFINITY;
}

static mx one_pass(mlx_lm_model *model, mx tokens) {
  return mlx_lm_model_forward(model, tokens, NULL);
}

static mx token_by_token(mlx_lm_model *model, mx tokens) {
  mx parts[64];
  int length = mx_dim(tokens, 1);
  mlx_lm_prompt_cache *cache = mlx_lm_make_prompt_cache(model, 0);
  for (int i = 0; i < length; i++)
    parts[i] = mlx_lm_model_forward(model, mx_slice_axis(tokens, 1, i, i + 1), cache);
  mlx_lm_prompt_cache_free(cache);
  return mx_concatenate(parts, length, 1);
}

static mx alone(mlx_lm_model *model, mx tokens) {
  mx parts[8];
  int count = mx_dim(tokens, 0);
  for (int i = 0; i < count; i++)
    parts[i] = token_by_token(model, mx_slice_axis(tokens, 0, i, i + 1));
  return mx_concatenate(parts, count, 0);
}

static const struct {
  const char *what;
  mx (*logits)(mlx_lm_model *model, mx tokens);
} ways[] = {
    {"in one pass", one_pass},
    {"token by token", token_by_token},
    {"token by token, one sequence", alone},
};

static int check_model(const char *name) {
  mlx_lm_model *model = load_llama(name);
  mx tokens = golden_of(name, "tokens"), exact = golden_of(name, "exact");
  double limit = mx_item_double(golden_of(name, "kl"));
  int failed = 0;
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    double kl = mean_kl(exact, ways[i].logits(model, tokens));
    print_message("%-8s %-28s %.3g, at most %.3g\n", name, ways[i].what, kl, limit);
    failed += !(kl <= limit);
  }
  assert_no_error();
  mlx_lm_model_free(model);
  return failed;
}

static void models_diverge_no_more_than_mlx_does(void **state) {
  (void)state;
  static const char *const names[] = {"bf16",   "f16",    "q3_bf16", "q4_bf16",
                                      "q4_f16", "q6_f16", "q8_bf16"};
  int failed = 0;
  golden = mx_array_map_new();
  assert_int_equal(
      mx_load_safetensors(SOURCE_DIR "/tests/golden/divergence.safetensors", golden, NULL), 0);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) failed += check_model(names[i]);
  mx_array_map_free(golden);
  assert_int_equal(failed, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {scoped_test(models_diverge_no_more_than_mlx_does)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
