/* Reading a tokenizer.json. */
#include "lm/tokenizer/tokenizer.h"
#include "base/alloc.h"
#include "lm/tokenizer/utf8.h"

#include <stdlib.h>
#include <string.h>

static int read_added(mlx_lm_tokenizer *t, const tok_place *at, const json_t *list) {
  if (!list || json_is_null(list)) return 0;
  if (!json_is_array(list)) return tok_fail(at, "should be an array");
  size_t count = json_array_size(list), read = 0;
  tok_added_token *tokens = mx_xcalloc(count + 1, sizeof *tokens);
  while (read < count && !tok_added_read(at, json_array_get(list, read), &tokens[read])) read++;
  bool good = read == count;
  if (good)
    tok_added_add(&t->added, &t->model->vocab, tokens, count);
  else
    while (read) free(tokens[--read].content);
  free(tokens);
  return good ? 0 : -1;
}

/* mlx_lm compares the decoder with those whose tokens can be decoded one by one. */
static tok_stream_kind stream_kind(const json_t *decoder) {
  static const char *const spm[] = {
      "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":{\"String\":"
      "\"\xe2\x96"
      "\x81\"},\"content\":\" \"},{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"},{\"type\":"
      "\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}]}",
      "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":{\"String\":"
      "\"\xe2\x96"
      "\x81\"},\"content\":\" \"},{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}]}"};
  const char *type = json_string_value(json_object_get(decoder, "type"));
  if (type && !strcmp(type, "ByteLevel")) return TOK_BPE;
  for (int i = 0; i < 2; i++) {
    json_t *known = json_loads(spm[i], 0, NULL);
    bool same = json_equal(known, decoder);
    json_decref(known);
    if (same) return i ? TOK_SPM_KEEPS_SPACE : TOK_SPM;
  }
  return TOK_NAIVE;
}

static int read_parts(mlx_lm_tokenizer *t, const char *file, const json_t *root,
                      tok_json_parts *parts) {
  tok_place model = {file, "model"}, normalizer = {file, "normalizer"},
            pretokenizer = {file, "pre_tokenizer"}, postprocessor = {file, "post_processor"},
            decoder = {file, "decoder"}, added = {file, "added_tokens"};
  t->model = tok_model_new(&model, json_object_get(root, "model"), parts);
  if (!t->model ||
      tok_normalizer_new(&normalizer, json_object_get(root, "normalizer"), &t->normalizer) ||
      tok_pretokenizer_new(&pretokenizer, json_object_get(root, "pre_tokenizer"),
                           &t->pretokenizer) ||
      tok_postprocessor_new(&postprocessor, json_object_get(root, "post_processor"),
                            &t->postprocessor) ||
      tok_decoder_new(&decoder, json_object_get(root, "decoder"), &t->decoder) ||
      read_added(t, &added, json_object_get(root, "added_tokens")))
    return -1;
  t->leaves_bytes = tok_pretokenizer_leaves_bytes(t->pretokenizer);
  t->stream_kind = stream_kind(json_object_get(root, "decoder"));
  return tok_added_finish(&t->added, t->normalizer);
}

mlx_lm_tokenizer *tok_read(const char *file, const char *text, size_t size) {
  size_t valid = tok_utf8_valid_prefix(text, size);
  if (valid != size) return mx_fail("[tokenizer] %s: byte %zu is not UTF-8", file, valid);
  if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) text += 3, size -= 3;
  tok_json_parts parts;
  json_error_t error;
  tok_json_cut(text, size, &parts);
  json_t *root = json_loadb(mx_str_c(&parts.rest), parts.rest.size, JSON_ALLOW_NUL, &error);
  mlx_lm_tokenizer *t = NULL;
  if (!root) { /* the whole file once more, for the line */
    json_decref(json_loadb(text, size, JSON_ALLOW_NUL, &error));
    mx_fail("[tokenizer] %s: bad JSON at line %d: %s", file, error.line, error.text);
  } else if (!json_is_object(root)) {
    mx_fail("[tokenizer] %s: should be an object", file);
  } else {
    t = mx_xcalloc(1, sizeof *t);
    pthread_mutex_init(&t->lock, NULL);
    if (read_parts(t, file, root, &parts)) {
      mlx_lm_tokenizer_free(t);
      t = NULL;
    }
  }
  json_decref(root);
  mx_str_free(&parts.rest);
  return t;
}

mlx_lm_tokenizer *mlx_lm_tokenizer_from_json(const char *tokenizer_json, size_t length) {
  return tok_read("tokenizer.json", tokenizer_json, length);
}
