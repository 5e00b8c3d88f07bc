/* Added tokens. */
#include "lm/tokenizer/added.h"
#include "base/alloc.h"
#include "lm/tokenizer/normalizer.h"
#include "lm/tokenizer/unicode.h"
#include "lm/tokenizer/utf8.h"

#include <stdlib.h>
#include <string.h>

int tok_added_read(const tok_place *at, const json_t *object, tok_added_token *token) {
  const char *content = NULL;
  *token = (tok_added_token){0};
  if (!json_is_object(object)) return tok_fail(at, "an added token should be an object");
  if (tok_get_text(at, object, "content", TOK_REQUIRED, &content, &token->size) ||
      tok_get_bool(at, object, "single_word", &token->single_word) ||
      tok_get_bool(at, object, "lstrip", &token->lstrip) ||
      tok_get_bool(at, object, "rstrip", &token->rstrip) ||
      tok_get_bool(at, object, "special", &token->special))
    return -1;
  token->normalized = !token->special;
  if (tok_get_bool(at, object, "normalized", &token->normalized)) return -1;
  token->content = mx_xstrndup(content, token->size);
  return 0;
}

static const tok_added_entry *entry_of(const tok_added *a, int32_t id) {
  return (size_t)id < a->by_id.size && a->by_id.data[id] ? &a->tokens.data[a->by_id.data[id] - 1]
                                                         : NULL;
}

static bool same(const tok_added_token *x, const tok_added_token *y) {
  return x->size == y->size && !memcmp(x->content, y->content, x->size) &&
         x->single_word == y->single_word && x->lstrip == y->lstrip && x->rstrip == y->rstrip &&
         x->normalized == y->normalized && x->special == y->special;
}

static void remember(tok_added *a, tok_added_token token, int32_t id) {
  mx_vec_push(&a->tokens, (tok_added_entry){token, id});
  size_t size = a->by_id.size;
  if ((size_t)id >= size) {
    mx_vec_reserve(&a->by_id, (size_t)id + 1);
    memset(a->by_id.data + size, 0, ((size_t)id + 1 - size) * sizeof *a->by_id.data);
    a->by_id.size = (size_t)id + 1;
  }
  a->by_id.data[id] = (uint32_t)a->tokens.size;
}

void tok_added_add(tok_added *a, const tok_vocab *model, tok_added_token *tokens, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (tokens[i].special && tokens[i].size)
      tok_vocab_add(&a->special, tokens[i].content, tokens[i].size, 0);
  size_t next = model->count > a->by_id.size || !a->by_id.size ? model->count : a->by_id.size;
  for (size_t i = 0; i < count; i++) {
    tok_added_token *t = &tokens[i];
    int32_t id = tok_vocab_find(&a->names, t->content, t->size);
    const tok_added_entry *known = id >= 0 ? entry_of(a, id) : NULL;
    if (!t->size || (known && same(&known->token, t))) {
      free(t->content);
      continue;
    }
    if (id < 0) id = tok_vocab_find(model, t->content, t->size);
    if (id < 0) id = (int32_t)next++;
    tok_vocab_add(&a->names, t->content, t->size, id);
    remember(a, *t, id);
  }
}

int tok_added_finish(tok_added *a, const tok_normalizer *normalizer) {
  tok_trie_free(&a->raw);
  tok_trie_free(&a->normalized);
  memset(a->raw_starts, 0, sizeof a->raw_starts);
  memset(a->normalized_starts, 0, sizeof a->normalized_starts);
  mx_str text = {0};
  tok_vocab_finish(&a->names);
  int rc = 0;
  /* Of two that read the same the special one wins, then the earlier. */
  for (int classic = 0; classic < 2 && !rc; classic++)
    for (size_t i = 0; i < a->tokens.size && !rc; i++) {
      const tok_added_token *t = &a->tokens.data[i].token;
      int32_t id = tok_vocab_find(&a->names, t->content, t->size);
      bool special = tok_vocab_find(&a->special, t->content, t->size) >= 0;
      if (special == classic) continue;
      mx_str_clear(&text);
      mx_str_append(&text, t->content, t->size);
      size_t origin = 0;
      if (t->normalized) rc = tok_normalize(normalizer, &text, &origin);
      if (rc || !text.size) continue;
      tok_trie_add(t->normalized ? &a->normalized : &a->raw, text.data, text.size, id, false);
      (t->normalized ? a->normalized_starts : a->raw_starts)[(unsigned char)text.data[0]] = true;
    }
  mx_str_free(&text);
  return rc;
}

void tok_added_free(tok_added *a) {
  for (size_t i = 0; i < a->tokens.size; i++) free(a->tokens.data[i].token.content);
  mx_vec_free(&a->tokens);
  mx_vec_free(&a->by_id);
  tok_vocab_free(&a->names);
  tok_vocab_free(&a->special);
  tok_trie_free(&a->raw);
  tok_trie_free(&a->normalized);
}

static uint32_t char_before(const char *text, size_t at) {
  size_t size;
  do at--;
  while (at && (text[at] & 0xc0) == 0x80);
  return tok_utf8_at(text + at, &size);
}

static bool stands_alone(const char *text, size_t size, size_t start, size_t end) {
  size_t step;
  return (!start || !tok_is_word(char_before(text, start))) &&
         (end == size || !tok_is_word(tok_utf8_at(text + end, &step)));
}

static size_t strip_left(const char *text, size_t start, size_t limit) {
  size_t at = start;
  while (at && tok_is_space(char_before(text, at))) do
      at--;
    while (at && (text[at] & 0xc0) == 0x80);
  return at > limit ? at : limit;
}

static size_t strip_right(const char *text, size_t size, size_t end) {
  size_t step;
  while (end < size && tok_is_space(tok_utf8_at(text + end, &step))) end += step;
  return end;
}

/* Length of the longest token at a place, 0 where none begins; its id goes to *id. */
static size_t longest_at(const tok_trie *t, const char *text, size_t left, int32_t *id) {
  size_t longest = 0;
  uint32_t node = 0;
  for (size_t i = 0; i < left; i++) {
    node = tok_trie_step(t, node, (unsigned char)text[i]);
    if (!node) break;
    if (t->values[node] >= 0) longest = i + 1, *id = t->values[node];
  }
  return longest;
}

void tok_added_split(const tok_added *a, bool normalized, const char *text, size_t size,
                     tok_stretches *out) {
  const tok_trie *trie = normalized ? &a->normalized : &a->raw;
  const bool *starts = normalized ? a->normalized_starts : a->raw_starts;
  size_t done = 0;
  for (size_t at = 0; trie->count && at < size;) {
    int32_t id = -1;
    size_t length =
        starts[(unsigned char)text[at]] ? longest_at(trie, text + at, size - at, &id) : 0;
    if (!length) {
      at++;
      continue;
    }
    size_t start = at, end = at + length;
    at = end;
    const tok_added_token *t = &entry_of(a, id)->token;
    if (t->single_word && !stands_alone(text, size, start, end)) continue;
    /* What an earlier token stripped on its right is not stripped again on this one's left. */
    if (t->lstrip) start = strip_left(text, start, done);
    if (t->rstrip) end = strip_right(text, size, end);
    if (done < start) mx_vec_push(out, (tok_stretch){done, start, -1});
    mx_vec_push(out, (tok_stretch){start, end, id});
    done = end;
  }
  if (done != size) mx_vec_push(out, (tok_stretch){done, size, -1});
}
