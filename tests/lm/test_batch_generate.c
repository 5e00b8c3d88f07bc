/* Sequences decoded together say what each says alone, whatever their lengths, whenever they join
 * and leave. */
#include "check.h"
#include "reference.h"

#include "mlx_lm/batch_generate.h"

#include <stdio.h>
#include <stdlib.h>

#define TINY SOURCE_DIR "/models/tiny"

enum { SEQUENCES = 7, LONGEST = 45, MOST = 40, BATCH = 32 };

static const int lengths[SEQUENCES] = {5, 1, 20, 13, 2, LONGEST, 20};
static const int limits[SEQUENCES] = {MOST, 3, 17, 30, MOST, 9, 1};

typedef struct {
  int tokens[MOST], count;
  const char *reason;
  mlx_lm_prompt_cache *cache;
} answer;

static void make_prompts(int prompts[SEQUENCES][LONGEST]) {
  unsigned seed = 12345;
  for (int i = 0; i < SEQUENCES; i++)
    for (int k = 0; k < LONGEST; k++) {
      seed = seed * 1103515245 + 12345;
      prompts[i][k] = (int)(seed >> 16) % 96;
    }
}

/* What one sequence says alone. */
static int alone(mlx_lm_model *model, const int *prompt, int count, int limit,
                 const mlx_lm_logits_processors *processors, mlx_lm_prompt_cache *cache,
                 int *tokens) {
  mlx_lm_generate_args args = MLX_LM_GENERATE_DEFAULTS;
  args.max_tokens = limit;
  args.prompt_cache = cache;
  if (processors) args.processors = *processors;
  mlx_lm_generation *g = mlx_lm_stream_generate(model, NULL, prompt, count, &args);
  mlx_lm_response r;
  int n = 0;
  while (g && mlx_lm_generation_next(g, &r)) tokens[n++] = r.token;
  assert_no_error();
  mlx_lm_generation_free(g);
  return n;
}

/* One step of the generator, into the answers by uid; false at the end. */
static bool advance(mlx_lm_batch_generator *g, answer *answers) {
  mlx_lm_batch_response r[BATCH];
  int n = mlx_lm_batch_next(g, r);
  if (n < 0) fail_msg("%s", mx_error());
  for (int i = 0; i < n; i++) {
    answer *a = &answers[r[i].uid];
    assert_null(a->reason);
    a->tokens[a->count++] = r[i].token;
    a->reason = r[i].finish_reason;
    a->cache = r[i].prompt_cache;
  }
  return n > 0;
}

static void assert_same(const char *what, int i, const answer *a, const int *tokens, int count) {
  if (a->count != count)
    fail_msg("%s: sequence %d has %d tokens, not %d", what, i, a->count, count);
  for (int k = 0; k < count; k++)
    if (a->tokens[k] != tokens[k])
      fail_msg("%s: token %d of sequence %d is %d, and alone %d", what, k, i, a->tokens[k],
               tokens[k]);
}

static void check_together(const char *name, int batch, int prefill, int step) {
  int prompts[SEQUENCES][LONGEST], tokens[MOST];
  answer answers[SEQUENCES] = {0};
  mlx_lm_model *model = load_llama(name);
  mlx_lm_batch_args args = MLX_LM_BATCH_DEFAULTS;
  args.completion_batch_size = batch;
  args.prefill_batch_size = prefill;
  args.prefill_step_size = step;
  make_prompts(prompts);
  mlx_lm_batch_generator *g = mlx_lm_batch_generator_new(model, &args);
  for (int i = 0; i < SEQUENCES; i++)
    assert_int_equal(mlx_lm_batch_insert(g, prompts[i], lengths[i],
                                         &(mlx_lm_batch_options){.max_tokens = limits[i]}),
                     i);
  while (advance(g, answers)) {}
  int prompt_tokens = 0, generated = 0;
  for (int i = 0; i < SEQUENCES; i++) {
    int n = alone(model, prompts[i], lengths[i], limits[i], NULL, NULL, tokens);
    assert_same(name, i, &answers[i], tokens, n);
    assert_string_equal(answers[i].reason, "length");
    prompt_tokens += lengths[i];
    generated += n;
  }
  mlx_lm_batch_stats stats = mlx_lm_batch_get_stats(g);
  assert_int_equal(stats.prompt_tokens, prompt_tokens);
  assert_int_equal(stats.generation_tokens, generated);
  assert_true(stats.prompt_tps > 0 && stats.generation_tps > 0 && stats.peak_memory > 0);
  mlx_lm_batch_generator_free(g);
  mlx_lm_model_free(model);
}

static void each_says_what_it_says_alone(void **state) {
  (void)state;
  static const char *const names[] = {"gqa",         "q4_g64",    "attn_bias", "sliding",
                                      "rope_llama3", "rope_yarn", "trad"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    check_together(names[i], 32, 8, 2048);
    check_together(names[i], 4, 2, 6);
    check_together(names[i], 1, 1, 2048);
  }
}

/* A window of eight positions, and more tokens than a layer keeps before it drops old ones. */
static void windows_slide(void **state) {
  (void)state;
  enum { LONG = 700 };
  mlx_lm_model *model = load_llama("sliding");
  static int tokens[2][LONG], want[LONG];
  int prompts[SEQUENCES][LONGEST], count[2] = {0};
  make_prompts(prompts);
  mlx_lm_batch_args args = MLX_LM_BATCH_DEFAULTS;
  args.max_tokens = LONG;
  mlx_lm_batch_generator *g = mlx_lm_batch_generator_new(model, &args);
  for (int i = 0; i < 2; i++) mlx_lm_batch_insert(g, prompts[i], lengths[i], NULL);
  mlx_lm_batch_response r[BATCH];
  for (int n; (n = mlx_lm_batch_next(g, r)) > 0;)
    for (int i = 0; i < n; i++) tokens[r[i].uid][count[r[i].uid]++] = r[i].token;
  assert_no_error();
  for (int i = 0; i < 2; i++) {
    alone(model, prompts[i], lengths[i], LONG, NULL, NULL, want);
    assert_int_equal(count[i], LONG);
    assert_memory_equal(tokens[i], want, sizeof want);
  }
  mlx_lm_batch_generator_free(g);
  mlx_lm_model_free(model);
}

static void sequences_have_processors_and_stop_tokens_of_their_own(void **state) {
  (void)state;
  int prompts[SEQUENCES][LONGEST], tokens[MOST];
  mlx_lm_model *model = load_llama("gqa");
  make_prompts(prompts);
  mlx_lm_logits_processors bias = {
      .bias_tokens = (int[]){42}, .bias_values = (float[]){1000}, .bias_count = 1};
  mlx_lm_logits_processors penalty = {.repetition_penalty = 1.7};
  int n = alone(model, prompts[0], 5, MOST, NULL, NULL, tokens), stop = tokens[n / 2];
  mlx_lm_batch_args args = MLX_LM_BATCH_DEFAULTS;
  args.max_tokens = MOST;
  args.stop_tokens = &stop;
  args.stop_count = 1;
  mlx_lm_batch_generator *g = mlx_lm_batch_generator_new(model, &args);
  answer answers[SEQUENCES] = {0};
  mlx_lm_batch_insert(g, prompts[0], 5, NULL);
  mlx_lm_batch_insert(g, prompts[1], 7, &(mlx_lm_batch_options){.processors = &bias});
  mlx_lm_batch_insert(g, prompts[2], 1, &(mlx_lm_batch_options){.processors = &penalty});
  while (advance(g, answers)) {}
  for (n = 0; tokens[n] != stop; n++) {}
  assert_same("stop", 0, &answers[0], tokens, n + 1);
  assert_string_equal(answers[0].reason, "stop");
  for (int i = 0; i < MOST; i++) assert_int_equal(answers[1].tokens[i], 42);
  n = alone(model, prompts[2], 1, MOST, &penalty, NULL, tokens);
  for (int i = 0; i < n; i++)
    if (tokens[i] == stop) n = i + 1;
  assert_same("penalty", 2, &answers[2], tokens, n);
  mlx_lm_batch_generator_free(g);
  mlx_lm_model_free(model);
}

/* Caches that come back can be gone on with, alone and in a batch with others. */
static void caches_come_back_and_go_on(void **state) {
  (void)state;
  static const char *const names[] = {"gqa", "sliding"};
  for (size_t m = 0; m < 2; m++) {
    int prompts[SEQUENCES][LONGEST], tokens[MOST];
    mlx_lm_model *model = load_llama(names[m]);
    answer first[SEQUENCES] = {0}, second[2 * SEQUENCES] = {0};
    make_prompts(prompts);
    mlx_lm_batch_args args = MLX_LM_BATCH_DEFAULTS;
    args.max_tokens = 11;
    args.return_prompt_caches = true;
    args.completion_batch_size = 4;
    args.prefill_batch_size = 3;
    mlx_lm_batch_generator *g = mlx_lm_batch_generator_new(model, &args);
    for (int i = 0; i < SEQUENCES; i++) mlx_lm_batch_insert(g, prompts[i], lengths[i], NULL);
    while (advance(g, first)) {}
    for (int i = 0; i < SEQUENCES; i++)
      mlx_lm_batch_insert(g, prompts[i] + 7, 1 + i,
                          &(mlx_lm_batch_options){.prompt_cache = i == 3 ? NULL : first[i].cache});
    answer *both = second;
    while (advance(g, both)) {}
    for (int i = 0; i < SEQUENCES; i++) {
      assert_int_equal(mlx_lm_prompt_cache_offset(first[i].cache), lengths[i] + 11);
      mlx_lm_prompt_cache *cache = i == 3 ? NULL : first[i].cache;
      int n = alone(model, prompts[i] + 7, 1 + i, 11, NULL, cache, tokens);
      assert_same(names[m], i, &second[SEQUENCES + i], tokens, n);
      mlx_lm_prompt_cache_free(first[i].cache);
      mlx_lm_prompt_cache_free(second[SEQUENCES + i].cache);
    }
    mlx_lm_batch_generator_free(g);
    mlx_lm_model_free(model);
  }
}

static void sequences_join_and_are_removed_under_way(void **state) {
  (void)state;
  int prompts[SEQUENCES][LONGEST], tokens[MOST];
  mlx_lm_model *model = load_llama("gqa");
  answer answers[SEQUENCES] = {0};
  make_prompts(prompts);
  mlx_lm_batch_args args = MLX_LM_BATCH_DEFAULTS;
  args.max_tokens = 20;
  args.prefill_batch_size = 1;
  mlx_lm_batch_generator *g = mlx_lm_batch_generator_new(model, &args);
  for (int i = 0; i < 3; i++) mlx_lm_batch_insert(g, prompts[i], lengths[i], NULL);
  for (int i = 0; i < 4; i++) advance(g, answers);
  assert_int_equal(mlx_lm_batch_remove(g, 2), 0);
  for (int i = 3; i < 6; i++) mlx_lm_batch_insert(g, prompts[i], lengths[i], NULL);
  assert_int_equal(mlx_lm_batch_remove(g, 5), 0);
  assert_int_equal(mlx_lm_batch_remove(g, 5), -1);
  mx_error_clear();
  while (advance(g, answers)) {}
  for (int i = 0; i < 6; i++) {
    int n = alone(model, prompts[i], lengths[i], 20, NULL, NULL, tokens);
    if (i != 2 && i != 5) assert_same("joined", i, &answers[i], tokens, n);
  }
  assert_int_equal(answers[2].count, 4);
  assert_int_equal(answers[5].count, 0);
  mlx_lm_batch_generator_free(g);
  mlx_lm_model_free(model);
}

static void texts_come_in_the_order_of_their_prompts(void **state) {
  (void)state;
  mlx_lm_model *model = mlx_lm_load_model(TINY);
  mlx_lm_tokenizer *t = mlx_lm_tokenizer_load(TINY);
  static const char *const starts[] = {"Once upon a time, there was a", "One day", "The"};
  const int *prompts[3];
  int counts[3];
  char *texts[3];
  for (int i = 0; i < 3; i++) {
    size_t n;
    prompts[i] = mlx_lm_tokenizer_encode(t, starts[i], strlen(starts[i]), true, &n);
    counts[i] = (int)n;
  }
  mlx_lm_batch_args args = MLX_LM_BATCH_DEFAULTS;
  args.max_tokens = 12;
  mlx_lm_batch_stats stats;
  assert_int_equal(mlx_lm_batch_generate(model, t, prompts, counts, 3, &args, texts, &stats), 0);
  for (int i = 0; i < 3; i++) {
    assert_true(strlen(texts[i]) > 10);
    free(texts[i]);
    free((void *)prompts[i]);
  }
  assert_true(stats.generation_tokens > 0);
  mlx_lm_tokenizer_free(t);
  mlx_lm_model_free(model);
}

static void impossible_requests_are_errors(void **state) {
  (void)state;
  mlx_lm_model *model = load_llama("gqa");
  mlx_lm_batch_args args = MLX_LM_BATCH_DEFAULTS;
  args.prefill_batch_size = 0;
  assert_error(mlx_lm_batch_generator_new(model, &args), "at least 1");
  args.prefill_batch_size = 8;
  mlx_lm_batch_generator *g = mlx_lm_batch_generator_new(model, &args);
  assert_int_equal(mlx_lm_batch_insert(g, NULL, 0, NULL), -1);
  mx_error_clear();
  assert_int_equal(mlx_lm_batch_insert(g, (int[]){1000}, 1, NULL), -1);
  assert_non_null(strstr(mx_error(), "Token 0 of the prompt is 1000"));
  mx_error_clear();
  mlx_lm_batch_response r[BATCH];
  assert_int_equal(mlx_lm_batch_next(g, r), 0);
  mlx_lm_batch_generator_free(g);
  mlx_lm_model_free(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(each_says_what_it_says_alone),
      scoped_test(windows_slide),
      scoped_test(sequences_have_processors_and_stop_tokens_of_their_own),
      scoped_test(caches_come_back_and_go_on),
      scoped_test(sequences_join_and_are_removed_under_way),
      scoped_test(texts_come_in_the_order_of_their_prompts),
      scoped_test(impossible_requests_are_errors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
