/* LoRA and DoRA adapters, and fully fine-tuned weights, give mlx_lm's logits and greedy tokens
 * (tests/golden/make_adapters.py). */
#include "check.h"
#include "reference.h"

#include "mlx_lm/generate.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define GOLDEN SOURCE_DIR "/tests/golden/"

static int check_greedy(mlx_lm_model *model, mx prompt, mx want, const char *name) {
  mlx_lm_generate_args args = MLX_LM_GENERATE_DEFAULTS;
  args.max_tokens = (int)mx_size(want);
  const int32_t *expected = mx_data(want);
  mlx_lm_generation *g =
      mlx_lm_stream_generate(model, NULL, mx_data(prompt), (int)mx_size(prompt), &args);
  mlx_lm_response r = {0};
  int failed = 0;
  for (int n = 0; g && !failed && mlx_lm_generation_next(g, &r); n++)
    failed = r.token != expected[n];
  mlx_lm_generation_free(g);
  if (failed) print_error("%s: a greedy token is another than mlx_lm's\n", name);
  return failed;
}

static int check_case(const json_t *row) {
  const char *name = json_string_value(json_object_get(row, "name"));
  bool float32 = json_is_true(json_object_get(row, "float32"));
  char base[512], folder[512], file[600];
  snprintf(base, sizeof base, GOLDEN "llama/%s", json_string_value(json_object_get(row, "base")));
  snprintf(folder, sizeof folder, GOLDEN "adapters/%s", name);
  snprintf(file, sizeof file, "%s/expected.safetensors", folder);
  mx_array_map *expected = mx_array_map_new();
  mlx_lm_model *model = mlx_lm_load_model(base);
  assert_non_null(model);
  assert_int_equal(mx_load_safetensors(file, expected, NULL), 0);
  mx prompt = mx_array_map_get(expected, "prompt"), want = mx_array_map_get(expected, "logits");
  mx tokens = mx_expand_dims(prompt, MX_INTS(0));
  double before = distance(mlx_lm_model_forward(model, tokens, NULL), want);
  if (mlx_lm_load_adapters(model, folder)) fail_msg("%s: %s", name, mx_error());
  double off, limit;
  mx ours = mlx_lm_model_forward(model, tokens, NULL);
  int failed = too_far(ours, want, mx_array_map_get(expected, "exact"), &off, &limit);
  assert_no_error();
  failed |= !(before > 0.05);
  if (failed)
    print_error("%s: logits are %.3g away, at most %.3g is allowed (%.3g without the adapter)\n",
                name, off, limit, before);
  if (float32) failed += check_greedy(model, prompt, mx_array_map_get(expected, "greedy"), name);
  mlx_lm_model_free(model);
  mx_array_map_free(expected);
  return failed;
}

static void adapters_give_the_references_logits(void **state) {
  (void)state;
  json_error_t error;
  json_t *rows = json_load_file(GOLDEN "adapters/cases.json", 0, &error), *row;
  size_t i;
  int failed = 0;
  assert_true(json_array_size(rows) >= 10);
  json_array_foreach(rows, i, row) failed += check_case(row);
  json_decref(rows);
  assert_int_equal(failed, 0);
}

/* What is wrong with adapter_config.json, and a word of what is said. */
static const struct {
  const char *config, *about;
} wrong[] = {
    {"{", "adapter_config.json: not valid JSON"},
    {"{\"fine_tune_type\": \"qlora\"}", "\"fine_tune_type\" is \"qlora\""},
    {"{\"lora_parameters\": {\"rank\": 4, \"scale\": 1}}", "\"num_layers\" is missing"},
    {"{\"num_layers\": 2}", "\"lora_parameters\" is missing"},
    {"{\"num_layers\": 2, \"lora_parameters\": {\"rank\": 4}}", "\"lora_parameters.scale\""},
    {"{\"num_layers\": 2, \"lora_parameters\": {\"rank\": 4, \"scale\": 1, \"keys\": 3}}",
     "\"lora_parameters.keys\" is not a list"},
    {"{\"num_layers\": \"x\", \"lora_parameters\": {\"rank\": 4, \"scale\": 1}}",
     "\"num_layers\" is not an integer"},
    {"{\"num_layers\": 2, \"lora_parameters\": {\"rank\": 4, \"scale\": 1, \"keys\": []}}",
     "none of its arrays"},
    /* those of `lora` are for other widths */
    {"{\"num_layers\": 2, \"lora_parameters\": {\"rank\": 4, \"scale\": 1}}", "shape"},
};

static void wrong_adapters_are_refused_in_one_line(void **state) {
  (void)state;
  char folder[] = "/tmp/adapters.XXXXXX", config[64], arrays[64];
  assert_non_null(mkdtemp(folder));
  snprintf(config, sizeof config, "%s/adapter_config.json", folder);
  snprintf(arrays, sizeof arrays, "%s/adapters.safetensors", folder);
  assert_int_equal(symlink(GOLDEN "adapters/lora/adapters.safetensors", arrays), 0);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    FILE *f = fopen(config, "w");
    fputs(wrong[i].config, f);
    fclose(f);
    mlx_lm_model *model = mlx_lm_load_model(GOLDEN "llama/plain");
    assert_int_equal(mlx_lm_load_adapters(model, folder), -1);
    if (!mx_error() || !strstr(mx_error(), wrong[i].about) || strchr(mx_error(), '\n'))
      fail_msg("%s: \"%s\"", wrong[i].about, mx_error() ? mx_error() : "no error");
    mx_error_clear();
    mlx_lm_model_free(model);
  }
  unlink(arrays);
  mlx_lm_model *model = mlx_lm_load_model(GOLDEN "llama/plain");
  assert_int_equal(mlx_lm_load_adapters(model, folder), -1);
  assert_non_null(strstr(mx_error(), "adapters.safetensors"));
  mx_error_clear();
  assert_int_equal(mlx_lm_load_adapters(model, "/nonexistent"), -1);
  mx_error_clear();
  mlx_lm_model_free(model);
  unlink(config);
  rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {scoped_test(adapters_give_the_references_logits),
                                     scoped_test(wrong_adapters_are_refused_in_one_line)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
