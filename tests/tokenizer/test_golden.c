/* Tokenizers of every style and component against Hugging Face's `tokenizers` and mlx_lm's
 * detokenizers, whose results tests/golden/make_tokenizer.py wrote down. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/str.h"
#include "lm/tokenizer/utf8.h"
#include "mlx_lm/tokenizer_utils.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN SOURCE_DIR "/tests/golden/tokenizer/"

static mx_str *blobs; /* the texts, as bytes */
static size_t blob_count;

static json_t *read_json(const char *name) {
  mx_str path = {0};
  json_error_t error;
  mx_str_printf(&path, GOLDEN "%s.json", name);
  json_t *value = json_load_file(path.data, JSON_ALLOW_NUL, &error);
  if (!value) fail_msg("%s: %s", path.data, error.text);
  mx_str_free(&path);
  return value;
}

static int read_texts(void **state) {
  (void)state;
  json_t *texts = read_json("texts");
  blob_count = json_array_size(texts);
  blobs = calloc(blob_count, sizeof *blobs);
  for (size_t i = 0; i < blob_count; i++) {
    const char *hex = json_string_value(json_array_get(texts, i));
    for (; *hex; hex += 2) {
      char digits[3] = {hex[0], hex[1], 0};
      mx_str_putc(&blobs[i], (char)strtol(digits, NULL, 16));
    }
  }
  json_decref(texts);
  return 0;
}

static int free_texts(void **state) {
  (void)state;
  for (size_t i = 0; i < blob_count; i++) mx_str_free(&blobs[i]);
  free(blobs);
  return 0;
}

static void expect_text(const char *name, const char *what, size_t number, const char *got,
                        size_t size, const char *expected, size_t expected_size) {
  if (size == expected_size && !memcmp(got, expected, size)) return;
  fail_msg("%s: %s of text %zu: \"%.*s\" instead of \"%.*s\"", name, what, number, (int)size, got,
           (int)expected_size, expected);
}

/* Encodes and compares; returns the ids. */
static int32_t *check_ids(const char *name, const mlx_lm_tokenizer *t, size_t number,
                          bool add_special_tokens, const json_t *expected, size_t *count) {
  const mx_str *text = &blobs[number];
  int32_t *ids = mlx_lm_tokenizer_encode(t, mx_str_c(text), text->size, add_special_tokens, count);
  if (!ids) fail_msg("%s: text %zu: %s", name, number, mx_error());
  size_t same = 0;
  while (same < *count && ids[same] == json_integer_value(json_array_get(expected, same))) same++;
  if (same != *count || *count != json_array_size(expected))
    fail_msg("%s: text %zu \"%.60s\": %zu ids instead of %zu, the first %zu of them right", name,
             number, mx_str_c(text), *count, json_array_size(expected), same);
  return ids;
}

static void check_decode(const char *name, const mlx_lm_tokenizer *t, size_t number,
                         const int32_t *ids, size_t count, const json_t *decoded,
                         const json_t *skipped) {
  mx_str repaired = {0};
  tok_utf8_repair(&repaired, mx_str_c(&blobs[number]), blobs[number].size);
  const char *whole = mx_str_c(&repaired);
  size_t whole_size = repaired.size, size;
  if (json_is_string(decoded))
    whole = json_string_value(decoded), whole_size = json_string_length(decoded);
  char *text = mlx_lm_tokenizer_decode(t, ids, count, false, &size);
  assert_non_null(text);
  expect_text(name, "decoding", number, text, size, whole, whole_size);
  free(text);
  if (json_is_string(skipped))
    whole = json_string_value(skipped), whole_size = json_string_length(skipped);
  text = mlx_lm_tokenizer_decode(t, ids, count, true, &size);
  assert_non_null(text);
  expect_text(name, "decoding without special tokens", number, text, size, whole, whole_size);
  free(text);
  mx_str_free(&repaired);
}

/* mlx_lm's decoder of whole lines may print halves of characters; ours waits for them. */
static bool has_halves(const json_t *segments) {
  bool found = false;
  for (size_t i = 0; i + 1 < json_array_size(segments); i++)
    found |= strstr(json_string_value(json_array_get(segments, i)), "\xef\xbf\xbd") != NULL;
  return found;
}

static void check_stream(const char *name, mlx_lm_detokenizer *d, size_t number, const int32_t *ids,
                         size_t count, const json_t *segments, bool naive) {
  if (!json_is_array(segments) || (naive && has_halves(segments))) return;
  mlx_lm_detokenizer_reset(d);
  for (size_t i = 0; i <= count; i++) {
    size_t size;
    if (i < count)
      assert_int_equal(mlx_lm_detokenizer_add_token(d, ids[i]), 0);
    else
      mlx_lm_detokenizer_finalize(d);
    const char *segment = mlx_lm_detokenizer_last_segment(d, &size);
    const json_t *expected = json_array_get(segments, i);
    expect_text(name, "a segment", number, segment, size, json_string_value(expected),
                json_string_length(expected));
  }
  size_t taken;
  assert_memory_equal(mlx_lm_detokenizer_tokens(d, &taken), ids, count * sizeof *ids);
  assert_int_equal(taken, count);
}

static void check(const char *name, const json_t *golden) {
  char *json = json_dumps(json_object_get(golden, "tokenizer"), 0);
  mlx_lm_tokenizer *t = mlx_lm_tokenizer_from_json(json, strlen(json));
  free(json);
  if (!t) fail_msg("%s: %s", name, mx_error());
  mlx_lm_detokenizer *d = mlx_lm_detokenizer_new(t);
  const json_t *texts = json_object_get(golden, "texts"),
               *special = json_object_get(golden, "special");
  bool naive = !strcmp(json_string_value(json_object_get(golden, "stream_kind")), "naive");
  for (size_t i = 0; i < json_array_size(texts); i++) {
    size_t number = (size_t)json_integer_value(json_array_get(texts, i)), count;
    int32_t *ids = check_ids(name, t, number, false,
                             json_array_get(json_object_get(golden, "ids"), i), &count);
    check_decode(name, t, number, ids, count, json_array_get(json_object_get(golden, "decoded"), i),
                 json_array_get(json_object_get(golden, "skipped"), i));
    check_stream(name, d, number, ids, count, json_array_get(json_object_get(golden, "stream"), i),
                 naive);
    free(ids);
    if (i < json_array_size(special))
      free(check_ids(name, t, number, true, json_array_get(special, i), &count));
  }
  mlx_lm_detokenizer_free(d);
  mlx_lm_tokenizer_free(t);
}

static void check_named(const char *const *names, size_t count) {
  for (size_t i = 0; i < count; i++) {
    json_t *golden = read_json(names[i]);
    check(names[i], golden);
    json_decref(golden);
  }
}

#define CHECK_ALL(...)                            \
  check_named((const char *const[]){__VA_ARGS__}, \
              sizeof(const char *const[]){__VA_ARGS__} / sizeof(char *))

static void byte_level_models_agree(void **state) {
  (void)state;
  CHECK_ALL("llama3", "qwen2", "gpt2", "roberta", "tekken", "gpt4", "gpt4o", "deepseek", "bloom",
            "falcon", "starcoder", "clip");
}

static void sentencepiece_models_agree(void **state) {
  (void)state;
  CHECK_ALL("llama2", "llama2_metaspace", "gemma", "spm_partial_bytes", "spm_ignore_merges", "t5",
            "unigram_bytes", "precompiled");
}

static void word_models_agree(void **state) {
  (void)state;
  CHECK_ALL("bert", "bert_cased", "wordlevel", "bpe_affixes", "ctc", "plain");
}

static void each_rare_component_agrees(void **state) {
  (void)state;
  json_t *rare = read_json("rare"), *golden;
  const char *name;
  json_object_foreach(json_object_get(rare, "cases"), name, golden) {
    json_object_set(json_object_get(golden, "tokenizer"), "model", json_object_get(rare, "model"));
    check(name, golden);
  }
  json_decref(rare);
}

typedef struct {
  const mlx_lm_tokenizer *tokenizer;
  const json_t *golden;
} shared;

static void *encode_all(void *argument) {
  const shared *s = argument;
  const json_t *texts = json_object_get(s->golden, "texts"),
               *ids = json_object_get(s->golden, "ids");
  for (size_t i = 0; i < json_array_size(texts); i++) {
    size_t count, number = (size_t)json_integer_value(json_array_get(texts, i));
    int32_t *got = mlx_lm_tokenizer_encode(s->tokenizer, mx_str_c(&blobs[number]),
                                           blobs[number].size, false, &count);
    size_t same = 0;
    while (got && same < count &&
           got[same] == json_integer_value(json_array_get(json_array_get(ids, i), same)))
      same++;
    free(got);
    if (same != count || count != json_array_size(json_array_get(ids, i))) return (void *)s;
  }
  return NULL;
}

static void threads_may_share_a_tokenizer(void **state) {
  (void)state;
  json_t *golden = read_json("qwen2");
  char *json = json_dumps(json_object_get(golden, "tokenizer"), 0);
  shared s = {mlx_lm_tokenizer_from_json(json, strlen(json)), golden};
  assert_non_null(s.tokenizer);
  pthread_t threads[4];
  for (int i = 0; i < 4; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, encode_all, &s), 0);
  for (int i = 0; i < 4; i++) {
    void *failed = NULL;
    pthread_join(threads[i], &failed);
    assert_null(failed);
  }
  mlx_lm_tokenizer_free((mlx_lm_tokenizer *)s.tokenizer);
  free(json);
  json_decref(golden);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(byte_level_models_agree),
      cmocka_unit_test(sentencepiece_models_agree),
      cmocka_unit_test(word_models_agree),
      cmocka_unit_test(each_rare_component_agrees),
      cmocka_unit_test(threads_may_share_a_tokenizer),
  };
  return cmocka_run_group_tests(tests, read_texts, free_texts);
}
