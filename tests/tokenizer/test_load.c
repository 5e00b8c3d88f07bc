/* Loading a checkpoint's directory: which file says what, and what is said of broken ones. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/str.h"
#include "mlx_lm/tokenizer_utils.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A tokenizer of five letters; <s> is an added token already, </s> is only in the vocabulary. */
static const char small[] =
    "{\"added_tokens\":[{\"id\":0,\"content\":\"<s>\",\"special\":true}],\"normalizer\":null,"
    "\"pre_tokenizer\":null,\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":["
    "{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}]"
    ","
    "\"pair\":[],\"special_tokens\":{\"<s>\":{\"id\":\"<s>\",\"ids\":[0],\"tokens\":[\"<s>\"]}}},"
    "\"decoder\":{\"type\":\"Fuse\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"<s>\":0,\"</s>\":1,"
    "\"<\":2,\"/\":3,\"s\":4,\">\":5,\"a\":6,\"b\":7,\"ab\":8,\"\\u0000\":9},\"merges\":[\"a "
    "b\"]}}";

static char directory[64];

static void remove_files(void) {
  mx_str command = {0};
  mx_str_printf(&command, "rm -rf %s", directory);
  if (system(command.data)) print_error("could not remove %s\n", directory);
  mx_str_free(&command);
}

static int begin(void **state) {
  (void)state;
  strcpy(directory, "/tmp/tokenizer-test-XXXXXX");
  mx_error_clear();
  return mkdtemp(directory) ? 0 : -1;
}

static int end(void **state) {
  (void)state;
  remove_files();
  return 0;
}

static void put(const char *name, const char *text) {
  mx_str path = {0};
  mx_str_printf(&path, "%s/%s", directory, name);
  FILE *file = fopen(path.data, "wb");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
  mx_str_free(&path);
}

static mlx_lm_tokenizer *load(void) {
  mlx_lm_tokenizer *t = mlx_lm_tokenizer_load(directory);
  if (!t) fail_msg("%s", mx_error());
  return t;
}

/* Loading fails, and the message has these parts. */
static void refused(const char *one, const char *two) {
  assert_null(mlx_lm_tokenizer_load(directory));
  assert_non_null(mx_error());
  if (!strstr(mx_error(), one) || !strstr(mx_error(), two) || strchr(mx_error(), '\n'))
    fail_msg("\"%s\" should name %s and %s", mx_error(), one, two);
  mx_error_clear();
}

static void expect_ids(const mlx_lm_tokenizer *t, const char *text, bool special,
                       const char *expected) {
  size_t count;
  int32_t *ids = mlx_lm_tokenizer_encode(t, text, strlen(text), special, &count);
  assert_non_null(ids);
  mx_str got = {0};
  for (size_t i = 0; i < count; i++) mx_str_printf(&got, "%d ", ids[i]);
  assert_string_equal(mx_str_c(&got), expected);
  mx_str_free(&got);
  free(ids);
}

static void special_tokens_come_from_the_config(void **state) {
  (void)state;
  put("tokenizer.json", small);
  put("tokenizer_config.json",
      "{\"bos_token\":\"<s>\",\"eos_token\":{\"content\":\"</s>\",\"special\":true},\"pad_token\":"
      "null,\"image_token\":\"<i>\",\"add_bos_token\":false,\"additional_special_tokens\":[\"<x>\"]"
      ","
      "\"added_tokens_decoder\":{\"1\":{\"content\":\"</s>\",\"special\":true}}}");
  mlx_lm_tokenizer *t = load();
  assert_string_equal(mlx_lm_tokenizer_special_token(t, "bos_token"), "<s>");
  assert_string_equal(mlx_lm_tokenizer_special_token(t, "eos_token"), "</s>");
  assert_string_equal(mlx_lm_tokenizer_special_token(t, "image_token"), "<i>");
  assert_null(mlx_lm_tokenizer_special_token(t, "pad_token"));
  assert_string_equal(mlx_lm_tokenizer_additional_special_token(t, 0), "<x>");
  assert_null(mlx_lm_tokenizer_additional_special_token(t, 1));
  const char *name, *text;
  assert_true(mlx_lm_tokenizer_special_token_at(t, 2, &name, &text));
  assert_string_equal(name, "image_token");
  assert_false(mlx_lm_tokenizer_special_token_at(t, 3, &name, &text));
  assert_int_equal(mlx_lm_tokenizer_bos_id(t), 0);
  size_t count;
  const int32_t *eos = mlx_lm_tokenizer_eos_ids(t, &count);
  assert_int_equal(count, 1);
  assert_int_equal(eos[0], 1);
  /* The post-processor decides about bos; what the config adds is found in text. */
  expect_ids(t, "ab</s><x>", true, "0 8 1 10 ");
  assert_int_equal(mlx_lm_tokenizer_vocab_size(t), 11);
  assert_true(mlx_lm_tokenizer_is_special(t, 1));
  assert_false(mlx_lm_tokenizer_is_special(t, 8));
  mlx_lm_tokenizer_free(t);
}

static void an_old_special_tokens_map_counts(void **state) {
  (void)state;
  put("tokenizer.json", small);
  put("special_tokens_map.json", "{\"eos_token\":{\"content\":\"</s>\"}}");
  mlx_lm_tokenizer *t = load();
  assert_string_equal(mlx_lm_tokenizer_special_token(t, "eos_token"), "</s>");
  assert_true(mlx_lm_tokenizer_is_eos(t, 1));
  expect_ids(t, "</s>", false, "1 ");
  mlx_lm_tokenizer_free(t);
}

static void expect_eos(const char *config, const char *generation, size_t count, int32_t first) {
  put("config.json", config);
  put("generation_config.json", generation);
  mlx_lm_tokenizer *t = load();
  size_t got;
  const int32_t *ids = mlx_lm_tokenizer_eos_ids(t, &got);
  assert_int_equal(got, count);
  if (count) assert_int_equal(ids[0], first);
  mlx_lm_tokenizer_free(t);
}

static void end_ids_come_as_mlx_lm_takes_them(void **state) {
  (void)state;
  put("tokenizer.json", small);
  put("tokenizer_config.json", "{\"eos_token\":\"</s>\"}");
  expect_eos("{}", "{}", 1, 1);
  expect_eos("{\"eos_token_id\":5}", "{}", 1, 5);
  expect_eos("{\"eos_token_id\":5}", "{\"eos_token_id\":[6,7,6]}", 2, 6);
  expect_eos("{\"eos_token_id\":[5,4]}", "{\"eos_token_id\":0}", 2, 5);
  expect_eos("{\"eos_token_id\":5}", "no JSON", 1, 5);
  assert_null(mx_error());
  put("config.json", "{\"eos_token_id\":\"x\"}");
  refused("config.json", "eos_token_id");
}

static void end_ids_can_be_added(void **state) {
  (void)state;
  put("tokenizer.json", small);
  mlx_lm_tokenizer *t = load();
  size_t count;
  mlx_lm_tokenizer_eos_ids(t, &count);
  assert_int_equal(count, 0);
  assert_int_equal(mlx_lm_tokenizer_add_eos_token(t, "ab"), 0);
  assert_int_equal(mlx_lm_tokenizer_add_eos_token(t, "3"), 0);
  assert_int_equal(mlx_lm_tokenizer_add_eos_token(t, "none"), -1);
  assert_non_null(strstr(mx_error(), "\"none\""));
  mx_error_clear();
  assert_true(mlx_lm_tokenizer_is_eos(t, 8) && mlx_lm_tokenizer_is_eos(t, 3));
  mlx_lm_tokenizer_free(t);
}

static void templates_are_found_by_name(void **state) {
  (void)state;
  put("tokenizer.json", small);
  put("chat_template.json", "{\"chat_template\":\"from json\"}");
  mlx_lm_tokenizer *t = load();
  assert_string_equal(mlx_lm_tokenizer_chat_template(t, NULL), "from json");
  mlx_lm_tokenizer_free(t);

  put("tokenizer_config.json", "{\"chat_template\":\"from config\"}");
  t = load();
  assert_string_equal(mlx_lm_tokenizer_chat_template(t, NULL), "from config");
  assert_null(mlx_lm_tokenizer_chat_template(t, "tool_use"));
  mlx_lm_tokenizer_free(t);

  put("tokenizer_config.json",
      "{\"chat_template\":[{\"name\":\"default\",\"template\":\"one\"},{\"name\":\"tool_use\","
      "\"template\":\"two\"}]}");
  t = load();
  assert_string_equal(mlx_lm_tokenizer_chat_template(t, NULL), "one");
  assert_string_equal(mlx_lm_tokenizer_chat_template(t, "tool_use"), "two");
  assert_string_equal(mlx_lm_tokenizer_chat_template_name(t, 1), "tool_use");
  assert_null(mlx_lm_tokenizer_chat_template_name(t, 2));
  mlx_lm_tokenizer_free(t);

  put("chat_template.jinja", "from file\n");
  t = load();
  assert_string_equal(mlx_lm_tokenizer_chat_template(t, NULL), "from file\n");
  assert_null(mlx_lm_tokenizer_chat_template(t, "tool_use"));
  mlx_lm_tokenizer_free(t);

  mx_str path = {0};
  mx_str_printf(&path, "%s/additional_chat_templates", directory);
  assert_int_equal(mkdir(path.data, 0700), 0);
  mx_str_free(&path);
  put("additional_chat_templates/rag.jinja", "retrieve");
  t = load();
  assert_string_equal(mlx_lm_tokenizer_chat_template(t, "rag"), "retrieve");
  assert_string_equal(mlx_lm_tokenizer_chat_template(t, NULL), "from file\n");
  mlx_lm_tokenizer_free(t);
}

static void broken_files_are_named(void **state) {
  (void)state;
  refused(directory, "tokenizer.json");
  put("tokenizer.json", "{\"model\":");
  refused("tokenizer.json", "line 1");
  put("tokenizer.json", "[]");
  refused("tokenizer.json", "object");
  put("tokenizer.json", "{\"model\":{\"type\":\"Nothing\"}}");
  refused("tokenizer.json", "\"Nothing\"");
  put("tokenizer.json", "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":-1},\"merges\":[]}}");
  refused("model", "\"a\"");
  put("tokenizer.json",
      "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":2000000000},\"merges\":[]}}");
  refused("tokenizer.json", "2000000000");
  put("tokenizer.json", "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1},\"merges\":[\"a b\"]}}");
  refused("merges", "\"b\"");
  put("tokenizer.json", "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"\\ud800\":1},\"merges\":[]}}");
  refused("tokenizer.json", "vocab");
  put("tokenizer.json", "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"\xff\":1},\"merges\":[]}}");
  refused("tokenizer.json", "UTF-8");
  put("tokenizer.json",
      "{\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]},\"pre_tokenizer\":"
      "{\"type\":\"Split\",\"behavior\":\"Isolated\",\"pattern\":{\"Regex\":\"(\"}}}");
  refused("pre_tokenizer Split", "\"(\"");
  put("tokenizer.json", "{\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]},\"normalizer\":"
                        "{\"type\":\"Fancy\"}}");
  refused("normalizer", "\"Fancy\"");
  put("tokenizer.json", small);
  put("tokenizer_config.json", "{\"chat_template\":5}");
  refused("tokenizer_config.json", "chat_template");
  put("tokenizer_config.json", "{\n\n,}");
  refused("tokenizer_config.json", "line 3");
}

static void ids_and_tokens_are_looked_up(void **state) {
  (void)state;
  mlx_lm_tokenizer *t = mlx_lm_tokenizer_from_json(small, sizeof small - 1);
  assert_non_null(t);
  assert_int_equal(mlx_lm_tokenizer_token_to_id(t, "ab", 2), 8);
  assert_int_equal(mlx_lm_tokenizer_token_to_id(t, "\0", 1), 9);
  assert_int_equal(mlx_lm_tokenizer_token_to_id(t, "abc", 3), -1);
  size_t size;
  assert_string_equal(mlx_lm_tokenizer_id_to_token(t, 8, &size), "ab");
  assert_int_equal(size, 2);
  assert_null(mlx_lm_tokenizer_id_to_token(t, 99, NULL));
  assert_null(mlx_lm_tokenizer_id_to_token(t, -1, NULL));
  char *text = mlx_lm_tokenizer_decode(t, (const int32_t[]){8, 99, 9, 6}, 4, false, &size);
  assert_int_equal(size, 4);
  assert_memory_equal(text, "ab\0a", 5);
  free(text);
  assert_null(mlx_lm_tokenizer_decode(t, (const int32_t[]){-5}, 1, false, NULL));
  assert_non_null(strstr(mx_error(), "-5"));
  mx_error_clear();
  mlx_lm_tokenizer_free(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(special_tokens_come_from_the_config, begin, end),
      cmocka_unit_test_setup_teardown(an_old_special_tokens_map_counts, begin, end),
      cmocka_unit_test_setup_teardown(end_ids_come_as_mlx_lm_takes_them, begin, end),
      cmocka_unit_test_setup_teardown(end_ids_can_be_added, begin, end),
      cmocka_unit_test_setup_teardown(templates_are_found_by_name, begin, end),
      cmocka_unit_test_setup_teardown(broken_files_are_named, begin, end),
      cmocka_unit_test_setup_teardown(ids_and_tokens_are_looked_up, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
