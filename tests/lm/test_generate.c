/* Generation on the bundled model: what stops it, what it keeps in memory, caches in files, and
 * checkpoints that are wrong. */
#include "check.h"

#include "mlx_lm/chat.h"
#include "mlx_lm/convert.h"
#include "mlx_lm/generate.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TINY SOURCE_DIR "/models/tiny"
#define LLAMA SOURCE_DIR "/tests/golden/llama/"

static mlx_lm_model *model;
static mlx_lm_tokenizer *tokenizer;

static int load_tiny(void **state) {
  (void)state;
  model = mlx_lm_load_model(TINY);
  tokenizer = mlx_lm_tokenizer_load(TINY);
  return !model || !tokenizer;
}

static int free_tiny(void **state) {
  (void)state;
  mlx_lm_model_free(model);
  mlx_lm_tokenizer_free(tokenizer);
  return 0;
}

static const int story[] = {1, 5, 9, 300, 400, 17, 23};
enum { STORY = sizeof story / sizeof *story };

/* Generates with these arguments into tokens[max]; their count. */
static int run(const mlx_lm_generate_args *args, mlx_lm_tokenizer *t, int *tokens,
               mlx_lm_response *r) {
  mlx_lm_generation *g = mlx_lm_stream_generate(model, t, story, STORY, args);
  int n = 0;
  *r = (mlx_lm_response){0};
  assert_non_null(g);
  while (!r->finish_reason && mlx_lm_generation_next(g, r)) tokens[n++] = r->token;
  assert_false(mlx_lm_generation_next(g, r));
  assert_no_error();
  const char *reason = r->finish_reason;
  mlx_lm_generation_free(g);
  r->finish_reason = reason;
  return n;
}

static void it_ends_at_the_limit_or_at_a_stop_token(void **state) {
  (void)state;
  int tokens[64], again[64];
  mlx_lm_response r;
  mlx_lm_generate_args args = MLX_LM_GENERATE_DEFAULTS;
  args.max_tokens = 20;
  assert_int_equal(run(&args, NULL, tokens, &r), 20);
  assert_string_equal(r.finish_reason, "length");
  assert_int_equal(r.prompt_tokens, STORY);
  assert_int_equal(r.generation_tokens, 20);
  args.extra_eos_tokens = &tokens[7];
  args.extra_eos_count = 1;
  int n = run(&args, NULL, again, &r);
  assert_true(n <= 8);
  assert_int_equal(again[n - 1], tokens[7]);
  assert_string_equal(r.finish_reason, "stop");
}

static void a_seed_repeats_a_sample(void **state) {
  (void)state;
  int one[40], two[40];
  mlx_lm_response r;
  mlx_lm_generate_args args = MLX_LM_GENERATE_DEFAULTS;
  args.max_tokens = 40;
  args.sampler = (mlx_lm_sampler){.temp = 1,
                                  .top_p = 0.95,
                                  .min_p = 0.02,
                                  .top_k = 50,
                                  .min_tokens_to_keep = 1,
                                  .xtc_probability = 0.5,
                                  .xtc_threshold = 0.1};
  mx_random_seed(7);
  run(&args, NULL, one, &r);
  mx_random_seed(7);
  run(&args, NULL, two, &r);
  assert_memory_equal(one, two, sizeof one);
}

static void processors_change_the_choice(void **state) {
  (void)state;
  int tokens[10];
  mlx_lm_response r;
  mlx_lm_generate_args args = MLX_LM_GENERATE_DEFAULTS;
  args.max_tokens = 10;
  args.processors = (mlx_lm_logits_processors){
      .bias_tokens = (int[]){42}, .bias_values = (float[]){1000}, .bias_count = 1};
  run(&args, NULL, tokens, &r);
  for (int i = 0; i < 10; i++) assert_int_equal(tokens[i], 42);
  args.processors = (mlx_lm_logits_processors){.repetition_penalty = 1e6};
  run(&args, NULL, tokens, &r);
  for (int i = 1; i < 10; i++) assert_int_not_equal(tokens[i], tokens[i - 1]);
}

static void memory_stays_flat_apart_from_the_cache(void **state) {
  (void)state;
  mlx_lm_prompt_cache *cache = mlx_lm_make_prompt_cache(model, 0);
  mlx_lm_generate_args args = MLX_LM_GENERATE_DEFAULTS;
  args.max_tokens = 500;
  args.prompt_cache = cache;
  mlx_lm_generation *g = mlx_lm_stream_generate(model, NULL, story, STORY, &args);
  mlx_lm_response r = {0};
  ptrdiff_t before = 0; /* below zero where the cache has grown and is not computed yet */
  for (int n = 0; !r.finish_reason && mlx_lm_generation_next(g, &r); n++) {
    ptrdiff_t now = (ptrdiff_t)mx_get_active_memory();
    now -= (ptrdiff_t)mlx_lm_prompt_cache_nbytes(cache);
    if (n == 20) before = now;
    if (n > 20) assert_true(now < before + (1 << 20));
  }
  mlx_lm_generation_free(g);
  assert_int_equal(mlx_lm_prompt_cache_offset(cache), STORY + 499);
  mlx_lm_prompt_cache_free(cache);
}

static void bounded_and_quantised_caches_serve(void **state) {
  (void)state;
  int tokens[400];
  mlx_lm_response r;
  mlx_lm_generate_args args = MLX_LM_GENERATE_DEFAULTS;
  args.max_tokens = 400;
  args.max_kv_size = 64;
  assert_int_equal(run(&args, NULL, tokens, &r), 400);
  args.max_kv_size = 0;
  args.kv_bits = 8;
  args.kv_group_size = 32;
  assert_int_equal(run(&args, NULL, tokens, &r), 400);
}

/* Saves the cache of a story, and goes on with it and with what was loaded. */
static void check_saved(const char *path, int max_kv_size) {
  mlx_lm_prompt_cache *cache = mlx_lm_make_prompt_cache(model, max_kv_size);
  mx tokens = mx_array_new(story, MX_INTS(1, STORY), MX_INT32);
  assert_int_equal(mx_eval(mlx_lm_model_forward(model, tokens, cache)), 0);
  mx_string_map *notes = mx_string_map_new(), *read = mx_string_map_new();
  mx_string_map_put(notes, "model", "tiny");
  assert_int_equal(mlx_lm_save_prompt_cache(path, cache, notes), 0);
  mlx_lm_prompt_cache *loaded = mlx_lm_load_prompt_cache(path, read);
  assert_non_null(loaded);
  assert_string_equal(mx_string_map_get(read, "model"), "tiny");
  for (int i = 0; i < STORY; i++) {
    mx next = mx_array_new(&story[i], MX_INTS(1, 1), MX_INT32);
    mx a = mx_argmax(mlx_lm_model_forward(model, next, cache), .axis = -1);
    mx b = mx_argmax(mlx_lm_model_forward(model, next, loaded), .axis = -1);
    assert_int_equal(mx_item_int64(a), mx_item_int64(b));
  }
  assert_int_equal(mlx_lm_prompt_cache_offset(loaded), 2 * STORY);
  assert_int_equal(mlx_lm_trim_prompt_cache(loaded, 3), max_kv_size && max_kv_size < 14 ? 0 : 3);
  mlx_lm_prompt_cache_free(cache);
  mlx_lm_prompt_cache_free(loaded);
  mx_string_map_free(notes);
  mx_string_map_free(read);
}

/* The cache in the file, with one number of layer 0's state changed. */
static void check_wrong_state(const char *path, const char *name, const char *number) {
  mx_array_map *arrays = mx_array_map_new();
  mx_string_map *texts = mx_string_map_new();
  assert_int_equal(mx_load_safetensors(path, arrays, texts), 0);
  mx_string_map_put(texts, name, number);
  char other[] = "/tmp/mlx-cache-XXXXXX.safetensors";
  close(mkstemps(other, 12));
  assert_int_equal(mx_save_safetensors(other, arrays, texts), 0);
  assert_error(mlx_lm_load_prompt_cache(other, NULL), "layer 0");
  mx_array_map_free(arrays);
  mx_string_map_free(texts);
  unlink(other);
}

static void saved_caches_go_on_where_they_were(void **state) {
  (void)state;
  char path[] = "/tmp/mlx-cache-XXXXXX.safetensors";
  close(mkstemps(path, 12));
  check_saved(path, 0);
  check_wrong_state(path, "2.0", "NoSuchCache");
  check_saved(path, 64);
  check_saved(path, 6);
  check_wrong_state(path, "0.0.0", "6"); /* keeps as many tokens as it has room for */
  check_wrong_state(path, "0.0.2", "-1");
  check_wrong_state(path, "0.0.2", "3"); /* has seen fewer tokens than it holds */
  check_wrong_state(path, "0.0.3", "1000");
  assert_error(mlx_lm_load_prompt_cache(TINY "/model.safetensors", NULL),
               "not a saved prompt cache");
  unlink(path);
}

static void impossible_requests_are_errors(void **state) {
  (void)state;
  mlx_lm_generate_args args = MLX_LM_GENERATE_DEFAULTS;
  assert_error(mlx_lm_stream_generate(model, NULL, story, 0, &args), "prompt is empty");
  assert_error(mlx_lm_stream_generate(model, NULL, (int[]){1 << 20}, 1, &args),
               "Token 0 of the prompt is 1048576");
  args.sampler.min_p = 2;
  assert_error(mlx_lm_stream_generate(model, NULL, story, 1, &args), "`min_p`");
  args.sampler.min_p = 0;
  args.sampler.top_k = 1 << 20;
  assert_error(mlx_lm_stream_generate(model, NULL, story, 1, &args), "`top_k`");
}

/* A copy of the "gqa" checkpoint whose config has these changes; loading it must fail. */
static void assert_refused(json_t *config, const char *about) {
  char folder[] = "/tmp/mlx-model-XXXXXX", path[256];
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/config.json", folder);
  assert_int_equal(json_dump_file(config, path, 0), 0);
  snprintf(path, sizeof path, "%s/model.safetensors", folder);
  assert_int_equal(symlink(LLAMA "gqa/model.safetensors", path), 0);
  mx_error_clear();
  mlx_lm_model *loaded = mlx_lm_load_model(folder);
  if (loaded || !mx_error()) fail_msg("accepted: %s", about);
  if (strchr(mx_error(), '\n')) fail_msg("more than a line: %s", mx_error());
  mlx_lm_model_free(loaded);
  mx_error_clear();
  unlink(path);
  snprintf(path, sizeof path, "%s/config.json", folder);
  unlink(path);
  rmdir(folder);
}

static void wrong_configs_are_refused_in_one_line(void **state) {
  (void)state;
  json_error_t error;
  json_t *base = json_load_file(LLAMA "gqa/config.json", 0, &error), *entry;
  json_t *list = json_load_file(LLAMA "errors.json", 0, &error);
  size_t i;
  assert_non_null(base);
  json_array_foreach(list, i, entry) {
    json_t *config = json_deep_copy(base), *changes = json_object_get(entry, "changes");
    json_object_update(config, changes);
    if (json_object_get(changes, "layer_types")) { /* layers that all slide are fine here */
      json_decref(config);
      continue;
    }
    char *about = json_dumps(changes, JSON_COMPACT);
    assert_refused(config, about);
    free(about);
    json_decref(config);
  }
  static const char *const broken[] = {
      "{\"model_type\":\"nonesuch\"}",  "{\"hidden_size\":\"wide\"}",
      "{\"num_hidden_layers\":3}",      "{\"num_hidden_layers\":1}",
      "{\"intermediate_size\":41}",     "{\"vocab_size\":0}",
      "{\"num_key_value_heads\":3}",    "{\"rope_scaling\":7}",
      "{\"quantization\":{\"bits\":0}}"};
  for (i = 0; i < sizeof broken / sizeof *broken - 1; i++) {
    json_t *config = json_deep_copy(base), *changes = json_loads(broken[i], 0, &error);
    json_object_update(config, changes);
    assert_refused(config, broken[i]);
    json_decref(config);
    json_decref(changes);
  }
  json_decref(list);
  json_decref(base);
  assert_error(mlx_lm_load_model("/nonexistent"), "/nonexistent/config.json");
}

static void conversion_there_and_back_keeps_the_weights(void **state) {
  (void)state;
  char folder[] = "/tmp/mlx-convert-XXXXXX", open[64], packed[64], command[256];
  assert_non_null(mkdtemp(folder));
  snprintf(open, sizeof open, "%s/open", folder);
  snprintf(packed, sizeof packed, "%s/packed", folder);
  mlx_lm_convert_args args = {.dequantize = true};
  assert_int_equal(mlx_lm_convert(TINY, open, &args), 0);
  args = (mlx_lm_convert_args){.quantize = true, .bits = 8};
  assert_int_equal(mlx_lm_convert(open, packed, &args), 0);
  assert_int_equal(mlx_lm_convert(open, packed, &args), -1);
  assert_non_null(strstr(mx_error(), "already exists"));
  mx_error_clear();
  mlx_lm_model *other = mlx_lm_load_model(packed);
  assert_non_null(other);
  mx tokens = mx_array_new(story, MX_INTS(1, STORY), MX_INT32);
  mx a = mx_argmax(mlx_lm_model_forward(model, tokens, NULL), .axis = -1);
  mx b = mx_argmax(mlx_lm_model_forward(other, tokens, NULL), .axis = -1);
  assert_true(mx_item_double(mx_sum(mx_astype(mx_equal(a, b), MX_INT32))) >= STORY - 1);
  mlx_lm_model_free(other);
  snprintf(command, sizeof command, "rm -r %s", folder);
  assert_int_equal(system(command), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(it_ends_at_the_limit_or_at_a_stop_token),
      scoped_test(a_seed_repeats_a_sample),
      scoped_test(processors_change_the_choice),
      scoped_test(memory_stays_flat_apart_from_the_cache),
      scoped_test(bounded_and_quantised_caches_serve),
      scoped_test(saved_caches_go_on_where_they_were),
      scoped_test(impossible_requests_are_errors),
      scoped_test(wrong_configs_are_refused_in_one_line),
      scoped_test(conversion_there_and_back_keeps_the_weights),
  };
  return cmocka_run_group_tests(tests, load_tiny, free_tiny);
}
