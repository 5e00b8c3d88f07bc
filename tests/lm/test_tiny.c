/* The bundled model says here what it says in mlx_lm (tests/golden/make_tiny.py): prompts through
 * the chat template, logits in bfloat16, and with all floats widened to float32 the same text. */
#include "check.h"
#include "reference.h"

#include "mlx_lm/chat.h"
#include "mlx_lm/convert.h"
#include "mlx_lm/generate.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define TINY SOURCE_DIR "/models/tiny"
#define GOLDEN SOURCE_DIR "/tests/golden/tiny/"

static char folder[] = "/tmp/tiny.XXXXXX", wide_path[64];
static mlx_lm_model *model, *wide;
static mlx_lm_tokenizer *tokenizer;

static int load_both(void **state) {
  (void)state;
  mlx_lm_convert_args args = {.dtype = "float32"};
  if (!mkdtemp(folder)) return 1;
  snprintf(wide_path, sizeof wide_path, "%s/wide", folder);
  if (mlx_lm_convert(TINY, wide_path, &args)) return 1;
  model = mlx_lm_load_model(TINY);
  wide = mlx_lm_load_model(wide_path);
  tokenizer = mlx_lm_tokenizer_load(TINY);
  return !model || !wide || !tokenizer;
}

static int free_both(void **state) {
  (void)state;
  char command[128];
  mlx_lm_model_free(model);
  mlx_lm_model_free(wide);
  mlx_lm_tokenizer_free(tokenizer);
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command);
}

static void logits_are_the_references(void **state) {
  (void)state;
  mx_array_map *expected = mx_array_map_new();
  assert_int_equal(mx_load_safetensors(GOLDEN "logits.safetensors", expected, NULL), 0);
  mx ids = mx_expand_dims(mx_array_map_get(expected, "ids"), MX_INTS(0));
  mx theirs = mx_array_map_get(expected, "logits"), exact = mx_array_map_get(expected, "exact");
  int n = mx_dim(ids, 1);
  mx ours = mx_slice_axis(mlx_lm_model_forward(model, ids, NULL), 1, n - 1, n);
  mx widened = mx_slice_axis(mlx_lm_model_forward(wide, ids, NULL), 1, n - 4, n);
  double off, limit;
  assert_false(too_far(widened, exact, NULL, &off, &limit));
  assert_false(too_far(ours, theirs, mx_slice_axis(exact, 1, 3, 4), &off, &limit));
  assert_no_error();
  mx_array_map_free(expected);
}

/* The template's text, and the ids of it or of the bare prompt. */
static int32_t *encode(const json_t *row, size_t *count) {
  json_t *messages = json_object_get(row, "messages");
  if (!messages) {
    const char *prompt = json_string_value(json_object_get(row, "prompt"));
    return mlx_lm_tokenizer_encode(tokenizer, prompt, strlen(prompt), true, count);
  }
  json_t *all = json_pack("{s:O, s:b}", "messages", messages, "add_generation_prompt", 1);
  char *variables = json_dumps(all, JSON_COMPACT);
  char *text = mlx_lm_apply_chat_template(tokenizer, variables, strlen(variables));
  assert_string_equal(text, json_string_value(json_object_get(row, "rendered")));
  int32_t *ids = mlx_lm_tokenizer_encode(tokenizer, text, strlen(text), false, count);
  json_decref(all);
  free(variables);
  free(text);
  return ids;
}

static bool same_ids(const int32_t *ids, size_t count, const json_t *list) {
  bool same = count == json_array_size(list);
  for (size_t i = 0; same && i < count; i++)
    same = ids[i] == json_integer_value(json_array_get(list, i));
  return same;
}

static void check_row(const json_t *row) {
  size_t count, made = 0, length = 0;
  int32_t *prompt = encode(row, &count), ids[256];
  char text[8192] = "";
  assert_true(same_ids(prompt, count, json_object_get(row, "prompt_ids")));
  mlx_lm_generate_args args = MLX_LM_GENERATE_DEFAULTS;
  args.max_tokens = 120;
  mlx_lm_generation *g = mlx_lm_stream_generate(wide, tokenizer, prompt, (int)count, &args);
  mlx_lm_response r = {0};
  while (mlx_lm_generation_next(g, &r)) {
    ids[made++] = r.token;
    length += (size_t)snprintf(text + length, sizeof text - length, "%s", r.text);
  }
  assert_no_error();
  assert_string_equal(text, json_string_value(json_object_get(row, "text")));
  assert_true(same_ids(ids, made, json_object_get(row, "ids")));
  assert_string_equal(r.finish_reason, json_string_value(json_object_get(row, "finish_reason")));
  mlx_lm_generation_free(g);
  free(prompt);
}

static void it_says_what_it_says_in_the_reference(void **state) {
  (void)state;
  json_error_t error;
  json_t *rows = json_load_file(GOLDEN "texts.json", 0, &error), *row;
  size_t i;
  assert_true(json_array_size(rows) >= 10);
  json_array_foreach(rows, i, row) {
    /* Nearly equal logits may fall either way. */
    if (json_number_value(json_object_get(row, "gap")) > 1e-3) check_row(row);
  }
  json_decref(rows);
}

int main(void) {
  const struct CMUnitTest tests[] = {scoped_test(logits_are_the_references),
                                     scoped_test(it_says_what_it_says_in_the_reference)};
  return cmocka_run_group_tests(tests, load_both, free_both);
}
