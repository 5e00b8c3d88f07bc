/* WordPiece: the longest token first, then the longest that continues it. WordLevel: a word is a
 * token or unknown. */
#include "base/alloc.h"
#include "lm/tokenizer/model.h"
#include "lm/tokenizer/utf8.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  int32_t unk_id; /* -1 where the vocabulary lacks it */
  char *prefix;
  size_t prefix_size, max_chars;
} wordpiece;

static int load_common(tok_model *m, const tok_place *at, const json_t *config,
                       tok_json_parts *parts, const char *unk) {
  wordpiece *w = m->state = mx_xcalloc(1, sizeof *w);
  size_t unk_size = strlen(unk);
  if (tok_get_text(at, config, "unk_token", TOK_OPTIONAL, &unk, &unk_size) ||
      tok_read_vocab(&m->vocab, at, &parts->vocab))
    return -1;
  w->unk_id = tok_vocab_find(&m->vocab, unk, unk_size);
  return 0;
}

static int load_wordlevel(tok_model *m, const tok_place *at, const json_t *config,
                          tok_json_parts *parts) {
  return load_common(m, at, config, parts, "<unk>");
}

static int load_wordpiece(tok_model *m, const tok_place *at, const json_t *config,
                          tok_json_parts *parts) {
  if (load_common(m, at, config, parts, "[UNK]")) return -1;
  wordpiece *w = m->state;
  const char *prefix = "##";
  w->prefix_size = 2;
  w->max_chars = 100;
  if (tok_get_text(at, config, "continuing_subword_prefix", TOK_OPTIONAL, &prefix,
                   &w->prefix_size) ||
      tok_get_size(at, config, "max_input_chars_per_word", &w->max_chars))
    return -1;
  w->prefix = mx_xstrndup(prefix, w->prefix_size);
  return 0;
}

static void free_wordpiece(tok_model *m) {
  wordpiece *w = m->state;
  if (!w) return;
  free(w->prefix);
  free(w);
}

static int add_unknown(const wordpiece *w, tok_ids *ids) {
  if (w->unk_id < 0) {
    mx_fail(
        "[tokenizer] model.unk_token is not in the vocabulary, and the text has an unknown word");
    return -1;
  }
  mx_vec_push(ids, w->unk_id);
  return 0;
}

/* The word in the form that the vocabulary has. */
static void map_bytes(tok_scratch *s, const char **word, size_t *size) {
  mx_str *mapped = tok_scratch_text(s);
  tok_put_byte_chars(mapped, *word, *size);
  *word = mapped->data, *size = mapped->size;
}

static int encode_wordlevel(const tok_model *m, tok_scratch *s, const char *word, size_t size,
                            bool bytes, tok_ids *ids) {
  if (bytes) map_bytes(s, &word, &size);
  int32_t id = tok_vocab_find(&m->vocab, word, size);
  if (id < 0) return add_unknown(m->state, ids);
  mx_vec_push(ids, id);
  return 0;
}

static int encode_wordpiece(const tok_model *m, tok_scratch *s, const char *word, size_t size,
                            bool bytes, tok_ids *ids) {
  const wordpiece *w = m->state;
  if (bytes) map_bytes(s, &word, &size);
  if (tok_utf8_count(word, size) > w->max_chars) return add_unknown(w, ids);
  size_t before = ids->size;
  char *buffer = tok_scratch_block(s, w->prefix_size + size + 1);
  for (size_t start = 0; start < size;) {
    size_t lead = start ? w->prefix_size : 0, end = size;
    memcpy(buffer, w->prefix, lead);
    memcpy(buffer + lead, word + start, size - start);
    int32_t id = -1;
    while (end > start) {
      id = tok_vocab_find(&m->vocab, buffer, lead + end - start);
      if (id >= 0) break;
      do end--;
      while (end > start && (word[end] & 0xc0) == 0x80);
    }
    if (id < 0) {
      ids->size = before;
      return add_unknown(w, ids);
    }
    mx_vec_push(ids, id);
    start = end;
  }
  return 0;
}

const tok_model_kind tok_wordpiece_kind = {"WordPiece", load_wordpiece, encode_wordpiece,
                                           free_wordpiece};
const tok_model_kind tok_wordlevel_kind = {"WordLevel", load_wordlevel, encode_wordlevel,
                                           free_wordpiece};
