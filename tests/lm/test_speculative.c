/* Speculative decoding gives mlx_lm's tokens, from the model or the draft model as there, and those
 * that the model gives alone (tests/golden/make_speculative.py). */
#include "check.h"
#include "reference.h"

#include "mlx_lm/generate.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define GOLDEN SOURCE_DIR "/tests/golden/"

static mx prompt_of(const char *name) {
  char path[512];
  snprintf(path, sizeof path, LLAMA "%s/expected.safetensors", name);
  mx_array_map *expected = mx_array_map_new();
  assert_int_equal(mx_load_safetensors(path, expected, NULL), 0);
  mx prompt = mx_contiguous(mx_array_map_get(expected, "prompt"));
  mx_array_map_free(expected);
  return prompt;
}

/* The tokens of a generation, and whether the draft model had guessed them; their count. */
static int run(mlx_lm_model *model, mx prompt, const mlx_lm_generate_args *args, int *tokens,
               int *drafted) {
  mlx_lm_generation *g =
      mlx_lm_stream_generate(model, NULL, mx_data(prompt), (int)mx_size(prompt), args);
  mlx_lm_response r = {0};
  int n = 0;
  while (g && mlx_lm_generation_next(g, &r)) {
    drafted[n] = r.from_draft;
    tokens[n++] = r.token;
  }
  assert_no_error();
  mlx_lm_generation_free(g);
  return n;
}

static const char *text(const json_t *row, const char *key) {
  return json_string_value(json_object_get(row, key));
}

static int number(const json_t *list, size_t i) {
  return (int)json_integer_value(json_array_get(list, i));
}

static void check_case(const json_t *row) {
  const json_t *tokens = json_object_get(row, "tokens"), *from = json_object_get(row, "from_draft");
  mlx_lm_model *model = load_llama(text(row, "model")), *draft = load_llama(text(row, "draft"));
  mlx_lm_generate_args args = MLX_LM_GENERATE_DEFAULTS;
  args.max_tokens = (int)json_array_size(tokens);
  args.draft_model = draft;
  args.num_draft_tokens = (int)json_integer_value(json_object_get(row, "guesses"));
  args.prefill_step_size = (int)json_integer_value(json_object_get(row, "part"));
  args.processors.repetition_penalty = json_number_value(json_object_get(row, "penalty"));
  int got[64], drafted[64];
  assert_int_equal(run(model, prompt_of(text(row, "model")), &args, got, drafted), args.max_tokens);
  for (int i = 0; i < args.max_tokens; i++)
    if (got[i] != number(tokens, (size_t)i) || drafted[i] != number(from, (size_t)i))
      fail_msg("%s with %s: token %d is %d (%d), expected %d (%d)", text(row, "model"),
               text(row, "draft"), i, got[i], drafted[i], number(tokens, (size_t)i),
               number(from, (size_t)i));
  mlx_lm_model_free(model);
  mlx_lm_model_free(draft);
}

static void it_gives_the_references_tokens(void **state) {
  (void)state;
  json_error_t error;
  json_t *rows = json_load_file(GOLDEN "speculative.json", 0, &error), *row;
  size_t i;
  assert_true(json_array_size(rows) >= 9);
  json_array_foreach(rows, i, row) check_case(row);
  json_decref(rows);
}

static void it_gives_what_the_model_gives_alone(void **state) {
  (void)state;
  static const char *const pairs[][2] = {{"gqa", "theta"}, {"q8_g64", "q4_g64"}, {"gqa", "gqa"}};
  for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++) {
    mlx_lm_model *model = load_llama(pairs[p][0]), *draft = load_llama(pairs[p][1]);
    mx prompt = prompt_of(pairs[p][0]);
    mlx_lm_generate_args args = MLX_LM_GENERATE_DEFAULTS;
    int alone[64], with[64], drafted[64];
    args.max_tokens = 50;
    assert_int_equal(run(model, prompt, &args, alone, drafted), 50);
    args.draft_model = draft;
    for (int k = 0; k <= 8; k += k ? 3 : 1) {
      args.num_draft_tokens = k;
      assert_int_equal(run(model, prompt, &args, with, drafted), 50);
      assert_memory_equal(alone, with, sizeof(int[50]));
    }
    mlx_lm_model_free(model);
    mlx_lm_model_free(draft);
  }
}

/* What was generated stands in both caches, and what was only guessed does not. */
static void caches_hold_what_was_accepted(void **state) {
  (void)state;
  mlx_lm_model *model = load_llama("gqa"), *draft = load_llama("theta");
  mx prompt = prompt_of("gqa");
  int whole[40], parts[40], drafted[40];
  mlx_lm_generate_args args = MLX_LM_GENERATE_DEFAULTS;
  args.max_tokens = 40;
  assert_int_equal(run(model, prompt, &args, whole, drafted), 40);
  args.draft_model = draft;
  args.num_draft_tokens = 4;
  args.prompt_cache = mlx_lm_make_prompt_cache(model, 0);
  args.draft_prompt_cache = mlx_lm_make_prompt_cache(draft, 0);
  for (int n = 0; n < 40; n += 10) {
    args.max_tokens = 10;
    assert_int_equal(run(model, prompt, &args, parts + n, drafted), 10);
    int seen = mlx_lm_prompt_cache_offset(args.prompt_cache);
    assert_in_range(seen, 20 + n + 9, 20 + n + 10);
    mlx_lm_trim_prompt_cache(args.prompt_cache, seen - (20 + n + 9));
    seen = mlx_lm_prompt_cache_offset(args.draft_prompt_cache);
    assert_in_range(seen, 20 + n + 8, 20 + n + 9);
    mlx_lm_trim_prompt_cache(args.draft_prompt_cache, seen - (20 + n + 8));
    prompt = mx_array_new(&parts[n + 9], MX_INTS(1), MX_INT32);
  }
  assert_memory_equal(whole, parts, sizeof whole);
  mlx_lm_prompt_cache_free(args.prompt_cache);
  mlx_lm_prompt_cache_free(args.draft_prompt_cache);
  mlx_lm_model_free(model);
  mlx_lm_model_free(draft);
}

static void impossible_drafts_are_errors(void **state) {
  (void)state;
  mlx_lm_model *model = load_llama("gqa"), *sliding = load_llama("sliding");
  mlx_lm_generate_args args = MLX_LM_GENERATE_DEFAULTS;
  args.draft_model = model;
  args.num_draft_tokens = -1;
  assert_error(mlx_lm_stream_generate(model, NULL, (int[]){1}, 1, &args), "`num_draft_tokens`");
  args.num_draft_tokens = 2;
  args.prompt_cache = mlx_lm_make_prompt_cache(model, 0);
  assert_error(mlx_lm_stream_generate(model, NULL, (int[]){1}, 1, &args), "prompt cache");
  mlx_lm_prompt_cache_free(args.prompt_cache);
  args.prompt_cache = NULL;
  mlx_lm_generation *g = mlx_lm_stream_generate(sliding, NULL, (int[]){1, 2, 3}, 3, &args);
  mlx_lm_response r;
  for (int n = 0; n < 200 && mlx_lm_generation_next(g, &r); n++) {}
  assert_non_null(mx_error());
  assert_non_null(strstr(mx_error(), "sliding window"));
  mx_error_clear();
  mlx_lm_generation_free(g);
  mlx_lm_model_free(model);
  mlx_lm_model_free(sliding);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(it_gives_the_references_tokens),
      scoped_test(it_gives_what_the_model_gives_alone),
      scoped_test(caches_hold_what_was_accepted),
      scoped_test(impossible_drafts_are_errors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
