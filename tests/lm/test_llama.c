/* Every Llama variant gives mlx_lm's logits, through the cache and without, and its greedy tokens
 * (tests/golden/make_llama.py). */
#include "check.h"
#include "reference.h"

#include "mlx_lm/generate.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define FOLDER SOURCE_DIR "/tests/golden/llama/"

typedef struct {
  const char *name;
  bool float32;
  double gap;
  mlx_lm_model *model;
  mx_array_map *expected;
} variant;

static mx expected(const variant *v, const char *name) {
  return mx_array_map_get(v->expected, name);
}

static mx tokens_of(const variant *v, int start, int stop) {
  return mx_expand_dims(mx_slice_axis(expected(v, "prompt"), 0, start, stop), MX_INTS(0));
}

static int check_logits(const variant *v, const char *what, mx ours, mx theirs, mx exact) {
  double off, limit;
  if (!too_far(ours, theirs, exact, &off, &limit)) return 0;
  print_error("%s: %s are %.3g away, at most %.3g is allowed%s%s\n", v->name, what, off, limit,
              mx_error() ? ": " : "", mx_error() ? mx_error() : "");
  return 1;
}

static int check_forward(const variant *v) {
  mx logits = mlx_lm_model_forward(v->model, tokens_of(v, 0, 20), NULL);
  return check_logits(v, "logits", logits, expected(v, "logits"), expected(v, "exact"));
}

/* 12 tokens, then 4 together, then 4 one by one. */
static int check_cached(const variant *v) {
  mlx_lm_prompt_cache *cache = mlx_lm_make_prompt_cache(v->model, 0);
  mx parts[5];
  mlx_lm_model_forward(v->model, tokens_of(v, 0, 12), cache);
  parts[0] = mlx_lm_model_forward(v->model, tokens_of(v, 12, 16), cache);
  for (int i = 0; i < 4; i++)
    parts[1 + i] = mlx_lm_model_forward(v->model, tokens_of(v, 16 + i, 17 + i), cache);
  mx exact = expected(v, "exact") ? mx_slice_axis(expected(v, "exact"), 1, 12, 20) : NULL;
  int failed = check_logits(v, "logits through the cache", mx_concatenate(parts, 5, 1),
                            expected(v, "decode"), exact);
  mlx_lm_prompt_cache_free(cache);
  return failed;
}

/* Only where the best two logits are never nearly equal. */
static int check_greedy(const variant *v) {
  if (v->gap < (v->float32 ? 1e-3 : 0.2)) return 0;
  const int32_t *prompt = mx_data(expected(v, "prompt")), *want = mx_data(expected(v, "greedy"));
  mlx_lm_generate_args args = MLX_LM_GENERATE_DEFAULTS;
  args.max_tokens = 24;
  mlx_lm_generation *g = mlx_lm_stream_generate(v->model, NULL, prompt, 20, &args);
  mlx_lm_response r = {0};
  int failed = g == NULL, n = 0;
  while (!failed && n < 24 && mlx_lm_generation_next(g, &r)) failed = r.token != want[n++];
  failed |= n != 24;
  if (failed)
    print_error("%s: greedy token %d is another than mlx_lm's%s%s\n", v->name, n - 1,
                mx_error() ? ": " : "", mx_error() ? mx_error() : "");
  mlx_lm_generation_free(g);
  return failed;
}

static int check_variant(variant *v) {
  char path[512];
  snprintf(path, sizeof path, FOLDER "%s", v->name);
  v->model = mlx_lm_load_model(path);
  snprintf(path, sizeof path, FOLDER "%s/expected.safetensors", v->name);
  v->expected = mx_array_map_new();
  int failed = 1;
  if (v->model && !mx_load_safetensors(path, v->expected, NULL))
    failed = check_forward(v) + check_cached(v) + check_greedy(v);
  else
    print_error("%s: %s\n", v->name, mx_error());
  mlx_lm_model_free(v->model);
  mx_array_map_free(v->expected);
  mx_error_clear();
  return failed;
}

static void every_variant_gives_the_references_logits(void **state) {
  (void)state;
  json_error_t error;
  json_t *list = json_load_file(FOLDER "variants.json", 0, &error), *entry;
  size_t i;
  int failed = 0;
  assert_true(json_array_size(list) > 50);
  json_array_foreach(list, i, entry) {
    mx_scope scope = mx_scope_begin();
    variant v = {.name = json_string_value(json_object_get(entry, "name")),
                 .float32 = json_is_true(json_object_get(entry, "float32")),
                 .gap = json_number_value(json_object_get(entry, "gap"))};
    failed += check_variant(&v);
    mx_scope_end(scope, NULL);
  }
  json_decref(list);
  assert_int_equal(failed, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {scoped_test(every_variant_gives_the_references_logits)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
