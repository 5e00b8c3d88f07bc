/* Checkpoints that are broken in every file: one line that names the file, exit 1, nothing written.
 */
#include "check.h"

#include "program.h"

#include <jansson.h>
#include <unistd.h>

#define TINY SOURCE_DIR "/models/tiny"

static const char *const files[] = {"config.json",           "generation_config.json",
                                    "model.safetensors",     "tokenizer.json",
                                    "tokenizer_config.json", "chat_template.jinja"};
enum { FILES = sizeof files / sizeof *files };

static char folder[] = "/tmp/cli-bad.XXXXXX";

static const char *path_of(const char *name) {
  static char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

/* Every file is the bundled model's again. */
static void restore(void) {
  for (int i = 0; i < FILES; i++) {
    char from[512];
    snprintf(from, sizeof from, TINY "/%s", files[i]);
    unlink(path_of(files[i]));
    assert_int_equal(symlink(from, path_of(files[i])), 0);
  }
}

static void put(const char *name, const void *bytes, size_t count) {
  unlink(path_of(name));
  FILE *f = fopen(path_of(name), "w");
  assert_int_equal(fwrite(bytes, 1, count, f), count);
  fclose(f);
}

static void put_text(const char *name, const char *text) { put(name, text, strlen(text)); }

static int make_folder(void **state) {
  (void)state;
  if (!mkdtemp(folder)) return 1;
  restore();
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  char line[64];
  snprintf(line, sizeof line, "rm -r %s", folder);
  return system(line);
}

/* generate, and convert if it reads that file too, refuse the folder; convert leaves nothing. */
static void check_bad(bool convert, const char *about) {
  char words[256];
  snprintf(words, sizeof words, "generate --model %s -m 4", folder);
  check_refused(words, 1, about);
  if (out[0] && strcmp(out, "==========\n\n")) fail_msg("%s: it still prints \"%s\"", about, out);
  if (!convert) return;
  snprintf(words, sizeof words, "convert --hf-path %s --mlx-path %s/new -d", folder, folder);
  check_refused(words, 1, about);
  snprintf(words, sizeof words, "test -z \"$(find %s -name 'new*')\"", folder);
  assert_int_equal(system(words), 0);
}

static void a_whole_folder_is_fine(void **state) {
  (void)state;
  restore();
  char words[256];
  snprintf(words, sizeof words, "generate --model %s -m 4", folder);
  assert_int_equal(run(words), 0);
}

static void a_file_is_missing_empty_or_cut(void **state) {
  (void)state;
  restore();
  static const bool needed[FILES] = {true, false, true, true, false, false};
  for (int i = 0; i < FILES; i++) {
    bool convert = i == 0 || i == 2;
    if (!needed[i]) continue;
    unlink(path_of(files[i]));
    check_bad(convert, i == 2 ? "safetensors" : files[i]);
    put_text(files[i], "");
    check_bad(convert, files[i]);
    static char text[1 << 21];
    char whole[512];
    snprintf(whole, sizeof whole, TINY "/%s", files[i]);
    FILE *f = fopen(whole, "r");
    size_t size = fread(text, 1, sizeof text, f);
    fclose(f);
    for (size_t cut = 1; cut < size; cut = cut * 5 + 3) {
      put(files[i], text, cut);
      check_bad(convert, files[i]);
    }
    restore();
  }
}

/* What a JSON file says, and a word of the complaint beside the file's name. */
static const struct {
  const char *file, *text, *about;
} broken[] = {
    {"config.json", "[]", "config.json"},
    {"config.json", "{\"model_type\": \"llama\",}", "config.json"},
    {"config.json", "{\"model_type\": \"llama\"}", "\"hidden_size\""},
    {"config.json", "\xff\xfe", "config.json"},
    {"tokenizer.json", "{}", "tokenizer.json"},
    {"tokenizer.json", "{\"model\": {\"type\": \"Nosuch\"}}", "tokenizer.json"},
    {"tokenizer.json", "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": -1}, \"merges\": []}}",
     "tokenizer.json"},
    {"tokenizer_config.json", "{", "tokenizer_config.json"},
    {"tokenizer_config.json", "[1]", "tokenizer_config.json"},
    {"special_tokens_map.json", "{", "special_tokens_map.json"},
    {"generation_config.json", "{\"eos_token_id\": [1, \"x\"]}", "\"eos_token_id\""},
    {"chat_template.jinja", "{% for m in messages %}", "[chat_template]"},
    {"chat_template.jinja", "{{ messages[0].content.nosuch() }}", "[chat_template]"},
    {"chat_template.jinja", "{{ raise_exception('not\\nlike this') }}", "not"},
    {"chat_template.jinja", "{{ 1 / 0 }}", "zero"},
    {"chat_template.jinja", "{% include 'x' %}", "loader"},
    {"chat_template.jinja", "{{ 'a' * 99999999999 }}", "[chat_template]"},
};

static void json_and_templates_are_broken(void **state) {
  (void)state;
  restore();
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
    put_text(broken[i].file, broken[i].text);
    check_bad(!strcmp(broken[i].file, "config.json"), broken[i].about);
    unlink(path_of(broken[i].file));
    restore();
  }
}

/* Changes to config.json, as JSON, and the field that is named. */
static const struct {
  const char *change, *about;
} configs[] = {
    {"{\"model_type\": \"nosuch\"}", "nosuch"},
    {"{\"model_type\": null}", "\"model_type\""},
    {"{\"model_type\": 5}", "\"model_type\""},
    {"{\"hidden_size\": \"x\"}", "\"hidden_size\""},
    {"{\"hidden_size\": 0}", "\"hidden_size\""},
    {"{\"hidden_size\": -192}", "\"hidden_size\""},
    {"{\"hidden_size\": 2147483648}", "\"hidden_size\""},
    {"{\"hidden_size\": 384}", "shape"},
    {"{\"num_hidden_layers\": 4}", "weights that the model does not have"},
    {"{\"num_hidden_layers\": 6}", "is missing"},
    {"{\"num_hidden_layers\": 2000000000}", "num_hidden_layers"},
    {"{\"num_attention_heads\": 0}", "\"num_attention_heads\""},
    {"{\"num_key_value_heads\": 2}", "key-value heads"},
    {"{\"num_key_value_heads\": 0}", "key-value heads"},
    {"{\"num_attention_heads\": 2147483647}", "config.json"},
    {"{\"head_dim\": -64}", "config.json"},
    {"{\"head_dim\": 2147483647}", "config.json"},
    {"{\"intermediate_size\": 511}", "weight"},
    {"{\"vocab_size\": 100}", "shape"},
    {"{\"rms_norm_eps\": \"x\"}", "\"rms_norm_eps\""},
    {"{\"rope_theta\": []}", "\"rope_theta\""},
    {"{\"rope_scaling\": 3}", "\"rope_scaling\""},
    {"{\"rope_scaling\": {\"type\": \"nosuch\"}}", "nosuch"},
    {"{\"rope_scaling\": {\"type\": \"linear\"}}", "\"rope_scaling.factor\""},
    {"{\"rope_scaling\": {\"type\": \"longrope\", \"original_max_position_embeddings\": 9}}",
     "short_factor"},
    {"{\"tie_word_embeddings\": 1}", "\"tie_word_embeddings\""},
    {"{\"tie_word_embeddings\": false}", "lm_head"},
    {"{\"attention_bias\": true}", "bias"},
    {"{\"layer_types\": [\"full_attention\"]}", "\"layer_types\""},
    {"{\"layer_types\": 7}", "\"layer_types\""},
    {"{\"quantization\": {\"group_size\": 0, \"bits\": 4}}", "\"quantization.group_size\""},
    {"{\"quantization\": {\"group_size\": 64, \"bits\": \"4\"}}", "\"quantization.bits\""},
    {"{\"quantization\": {\"group_size\": 64, \"bits\": 99}}", "bits"},
    {"{\"quantization\": {\"group_size\": 48, \"bits\": 4}}", "group"},
    {"{\"quantization\": {\"group_size\": 64, \"bits\": 4, \"mode\": \"nosuch\"}}", "nosuch"},
    {"{\"quantization\": {\"group_size\": 32, \"bits\": 4, \"mode\": \"mxfp4\"}}", "mxfp4"},
    {"{\"quantization\": null, \"quantization_config\": {\"quant_method\": \"awq\", \"bits\": 4}}",
     "awq"},
    {"{\"quantization\": null, \"quantization_config\": {\"quant_method\": \"gptq\", \"bits\": 4}}",
     "gptq"},
    {"{\"quantization\": null, \"quantization_config\": null}", "shape"},
};

static void config_fields_are_wrong(void **state) {
  (void)state;
  restore();
  for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
    json_error_t error;
    json_t *root = json_load_file(TINY "/config.json", 0, &error);
    json_t *change = json_loads(configs[i].change, 0, &error);
    if (!change) fail_msg("%s: %s", configs[i].change, error.text);
    json_object_update(root, change);
    char *text = json_dumps(root, 0);
    put_text("config.json", text);
    check_bad(true, configs[i].about);
    free(text);
    json_decref(change);
    json_decref(root);
  }
  restore();
}

/* ---- The weights' file ---- */

static char *bytes; /* the bundled model's */
static size_t byte_count, header_size;

static json_t *read_header(void) {
  static char whole[1 << 21];
  FILE *f = fopen(TINY "/model.safetensors", "r");
  byte_count = fread(whole, 1, sizeof whole, f);
  fclose(f);
  bytes = whole;
  uint64_t n;
  memcpy(&n, bytes, 8);
  header_size = n;
  json_error_t error;
  return json_loadb(bytes + 8, header_size, 0, &error);
}

/* The file with another header; `length` is what it says its length is, if not 0. */
static void put_weights(const char *header, uint64_t length) {
  size_t size = strlen(header), data = byte_count - 8 - header_size;
  char *file = malloc(8 + size + data);
  uint64_t n = length ? length : size;
  memcpy(file, &n, 8);
  memcpy(file + 8, header, size);
  memcpy(file + 8 + size, bytes + 8 + header_size, data);
  put("model.safetensors", file, 8 + size + data);
  free(file);
}

#define NORM "model.norm.weight"

/* What becomes of one tensor's entry. */
static const struct {
  const char *entry, *about;
} entries[] = {
    {"{\"dtype\": \"BF16\", \"shape\": [192], \"data_offsets\": [0, 9999999]}", NORM},
    {"{\"dtype\": \"BF16\", \"shape\": [192], \"data_offsets\": [9999616, 10000000]}", NORM},
    {"{\"dtype\": \"BF16\", \"shape\": [192], \"data_offsets\": [384, 0]}", NORM},
    {"{\"dtype\": \"BF16\", \"shape\": [192], \"data_offsets\": [-384, 0]}", NORM},
    {"{\"dtype\": \"BF16\", \"shape\": [192], \"data_offsets\": [0, 384.5]}", NORM},
    {"{\"dtype\": \"BF16\", \"shape\": [192], \"data_offsets\": [0]}", NORM},
    {"{\"dtype\": \"BF16\", \"shape\": [192], \"data_offsets\": [0, 18446744073709551615]}", ""},
    {"{\"dtype\": \"BF16\", \"shape\": [192], \"data_offsets\": \"x\"}", NORM},
    {"{\"dtype\": \"BF16\", \"shape\": [192]}", NORM},
    {"{\"dtype\": \"BF16\", \"shape\": [193], \"data_offsets\": [0, 384]}", NORM},
    {"{\"dtype\": \"BF16\", \"shape\": [-192], \"data_offsets\": [0, 384]}", NORM},
    {"{\"dtype\": \"BF16\", \"shape\": [4294967296, 4294967296], \"data_offsets\": [0, 384]}",
     NORM},
    {"{\"dtype\": \"BF16\", \"shape\": [9223372036854775807, 3], \"data_offsets\": [0, 384]}",
     NORM},
    {"{\"dtype\": \"BF16\", \"shape\": 192, \"data_offsets\": [0, 384]}", NORM},
    {"{\"dtype\": \"NOSUCH\", \"shape\": [192], \"data_offsets\": [0, 384]}", NORM},
    {"{\"dtype\": 5, \"shape\": [192], \"data_offsets\": [0, 384]}", NORM},
    {"{\"shape\": [192], \"data_offsets\": [0, 384]}", NORM},
    {"7", NORM},
    /* these overlap another tensor */
    {"{\"dtype\": \"BF16\", \"shape\": [192], \"data_offsets\": [2, 386]}", "overlap"},
    /* right in themselves, but not what the model needs */
    {"{\"dtype\": \"BF16\", \"shape\": [2, 96], \"data_offsets\": HERE}", NORM},
    {"{\"dtype\": \"I16\", \"shape\": [192], \"data_offsets\": HERE}", NORM},
    {"null", NORM},
};

static void tensors_are_wrong(void **state) {
  (void)state;
  restore();
  for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
    json_t *header = read_header();
    char *here = json_dumps(json_object_get(json_object_get(header, NORM), "data_offsets"), 0);
    char entry[256];
    const char *mark = strstr(entries[i].entry, "HERE");
    if (mark)
      snprintf(entry, sizeof entry, "%.*s%s%s", (int)(mark - entries[i].entry), entries[i].entry,
               here, mark + 4);
    else
      snprintf(entry, sizeof entry, "%s", entries[i].entry);
    json_object_set_new(header, NORM, json_string("@"));
    char *text = json_dumps(header, JSON_COMPACT), *at = strstr(text, "\"@\"");
    char *whole = malloc(strlen(text) + sizeof entry);
    sprintf(whole, "%.*s%s%s", (int)(at - text), text, entry, at + 3);
    put_weights(whole, 0);
    check_bad(true, entries[i].about);
    if (!strstr(err, "model.safetensors") && !strstr(err, folder))
      fail_msg("\"%s\" does not name the file", err);
    free(whole);
    free(text);
    free(here);
    json_decref(header);
  }
  restore();
}

static void headers_are_wrong(void **state) {
  (void)state;
  restore();
  json_t *header = read_header();
  char *text = json_dumps(header, JSON_COMPACT);
  static const uint64_t lengths[] = {1, 2000000, UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 40};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    put_weights(text, lengths[i]);
    check_bad(true, "model.safetensors");
  }
  static const char *const headers[] = {"{",      "[]",        "5",
                                        "\xff{}", "{\"a\": }", "{\"__metadata__\": 5}"};
  for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
    put_weights(headers[i], 0);
    check_bad(true, "");
  }
  json_t *copy = json_deep_copy(header);
  json_object_del(copy, NORM);
  char *less = json_dumps(copy, 0);
  put_weights(less, 0);
  check_bad(true, "\"" NORM "\" is missing");
  json_object_set(copy, NORM, json_object_get(header, NORM));
  json_object_set_new(
      copy, "extra.weight",
      json_pack("{s:s, s:[i], s:[i,i]}", "dtype", "F32", "shape", 0, "data_offsets", 0, 0));
  char *more = json_dumps(copy, 0);
  put_weights(more, 0);
  check_bad(true, "extra.weight");
  free(less);
  free(more);
  free(text);
  json_decref(copy);
  json_decref(header);
  restore();
}

static void indexes_are_wrong(void **state) {
  (void)state;
  restore();
  static const char *const indexes[] = {"{",
                                        "[]",
                                        "{\"weight_map\": 5}",
                                        "{\"weight_map\": {\"a\": 5}}",
                                        "{\"weight_map\": {\"a\": \"../model.safetensors\"}}",
                                        "{\"weight_map\": {\"a\": \"nosuch.safetensors\"}}",
                                        "{\"weight_map\": {}}"};
  for (size_t i = 0; i < sizeof indexes / sizeof *indexes; i++) {
    put_text("model.safetensors.index.json", indexes[i]);
    check_bad(true, "");
    if (!strstr(err, folder)) fail_msg("\"%s\" does not name the file", err);
  }
  unlink(path_of("model.safetensors.index.json"));
}

/* A vocabulary that the tokenizer exceeds: the prompt's ids are out of the model's range. */
static void the_tokenizer_is_anothers(void **state) {
  (void)state;
  restore();
  char line[512];
  snprintf(line, sizeof line,
           "for f in config.json model.safetensors; do ln -sf " SOURCE_DIR
           "/tests/golden/llama/gqa/$f %s; done",
           folder);
  assert_int_equal(system(line), 0);
  check_bad(false, "the model knows 0 to 95");
  restore();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(a_whole_folder_is_fine),
      scoped_test(a_file_is_missing_empty_or_cut),
      scoped_test(json_and_templates_are_broken),
      scoped_test(config_fields_are_wrong),
      scoped_test(tensors_are_wrong),
      scoped_test(headers_are_wrong),
      scoped_test(indexes_are_wrong),
      scoped_test(the_tokenizer_is_anothers),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
