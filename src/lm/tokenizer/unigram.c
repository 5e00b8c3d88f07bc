/* Unigram (Kudo, https://arxiv.org/abs/1804.10959): the segmentation of a word whose tokens' scores
 * sum highest, found by Viterbi over its bytes. */
#include "base/alloc.h"
#include "lm/tokenizer/model.h"
#include "lm/tokenizer/trie.h"
#include "lm/tokenizer/utf8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define UNKNOWN_PENALTY 10.0
#define CACHED_WORD 128

typedef struct {
  double *scores; /* by id */
  tok_trie trie;  /* of all tokens */
  double unknown_score;
  int32_t unk_id; /* -1 where none */
  bool byte_fallback;
} unigram;

/* Reads [["text", score], ...]; a token's id is its place. */
static int load_pieces(tok_model *m, const tok_place *at, tok_json *j, size_t *count) {
  unigram *u = m->state;
  if (!j->p || !tok_json_take(j, '[')) return tok_fail(at, "\"vocab\" should be an array");
  size_t capacity = 0;
  double least = INFINITY;
  for (*count = 0; !tok_json_take(j, ']'); ++*count) {
    size_t offset = m->vocab.arena.size;
    double score;
    if ((*count && !tok_json_take(j, ',')) || !tok_json_take(j, '[') ||
        !tok_json_string(j, &m->vocab.arena) || !tok_json_take(j, ',') ||
        !tok_json_number(j, &score) || !tok_json_take(j, ']') || *count >= INT32_MAX ||
        m->vocab.arena.size > UINT32_MAX / 2)
      return tok_fail(at, "\"vocab\": token %zu should be a [text, score] pair", *count);
    if (*count == capacity) {
      capacity = capacity ? capacity * 2 : 256;
      u->scores = mx_xrealloc(u->scores, capacity * sizeof *u->scores);
    }
    u->scores[*count] = score;
    if (score < least) least = score;
    tok_vocab_add_last(&m->vocab, offset, (int32_t)*count);
  }
  u->unknown_score = least - UNKNOWN_PENALTY;
  return 0;
}

static int load(tok_model *m, const tok_place *at, const json_t *config, tok_json_parts *parts) {
  unigram *u = m->state = mx_xcalloc(1, sizeof *u);
  const json_t *unk = json_object_get(config, "unk_id");
  size_t count = 0;
  u->unk_id = -1;
  if (unk && !json_is_null(unk) && tok_get_id(at, unk, "unk_id", &u->unk_id)) return -1;
  if (tok_get_bool(at, config, "byte_fallback", &u->byte_fallback) ||
      load_pieces(m, at, &parts->vocab, &count))
    return -1;
  if (u->unk_id >= 0 && (size_t)u->unk_id >= count)
    return tok_fail(at, "\"unk_id\" is %d, but there are %zu tokens", u->unk_id, count);
  tok_vocab_finish(&m->vocab);
  for (size_t n = 0; n < m->vocab.count; n++) {
    const tok_entry *e = &m->vocab.entries[n];
    tok_trie_add(&u->trie, m->vocab.arena.data + e->offset, e->size, e->id, true);
  }
  return 0;
}

static void free_unigram(tok_model *m) {
  unigram *u = m->state;
  if (!u) return;
  free(u->scores);
  tok_trie_free(&u->trie);
  free(u);
}

/* The best way to reach a place in the word. */
typedef struct {
  double score;
  int32_t id;     /* of the token that ends here */
  uint32_t start; /* where that begins; UINT32_MAX while the place was not reached */
} step;

static void relax(step *to, double score, int32_t id, size_t start) {
  if (to->start == UINT32_MAX || score > to->score) *to = (step){score, id, (uint32_t)start};
}

/* All tokens that begin at a place of the word, and the unknown one where no token is exactly its
 * character. */
static int extend(const unigram *u, step *best, const char *word, size_t size, size_t at) {
  double score = best[at].score;
  size_t single = tok_utf8_size((unsigned char)word[at]);
  bool has_single = false;
  uint32_t node = 0;
  for (size_t i = at; i < size; i++) {
    node = tok_trie_step(&u->trie, node, (unsigned char)word[i]);
    if (!node) break;
    int32_t id = u->trie.values[node];
    if (id < 0) continue;
    relax(&best[i + 1], u->scores[id] + score, id, at);
    has_single |= i + 1 - at == single;
  }
  if (has_single) return 0;
  step *to = &best[at + single];
  if (u->unk_id < 0 && (to->start == UINT32_MAX || u->unknown_score + score > to->score)) {
    mx_fail("[tokenizer] model.unk_id is missing, and the text has an unknown character");
    return -1;
  }
  relax(to, u->unknown_score + score, u->unk_id, at);
  return 0;
}

/* A stretch of the result: neighbouring unknown characters count as one, which may be a token after
 * all, or become its bytes. */
static void add_unknown(const tok_model *m, const char *text, size_t size, tok_ids *ids) {
  const unigram *u = m->state;
  int32_t id = tok_vocab_find(&m->vocab, text, size);
  bool bytes = u->byte_fallback && id < 0;
  for (size_t i = 0; bytes && i < size; i++)
    bytes = tok_byte_token(&m->vocab, (unsigned char)text[i]) >= 0;
  if (!bytes) {
    mx_vec_push(ids, id < 0 ? u->unk_id : id);
    return;
  }
  for (size_t i = 0; i < size; i++)
    mx_vec_push(ids, tok_byte_token(&m->vocab, (unsigned char)text[i]));
}

static int encode_anew(const tok_model *m, tok_scratch *s, const char *word, size_t size,
                       tok_ids *ids) {
  const unigram *u = m->state;
  step *best = tok_scratch_block(s, (size + 1) * sizeof *best);
  for (size_t i = 0; i <= size; i++) best[i] = (step){0, 0, UINT32_MAX};
  for (size_t at = 0; at < size; at += tok_utf8_size((unsigned char)word[at]))
    if (extend(u, best, word, size, at)) return -1;
  uint32_t end = (uint32_t)size;
  MX_VEC(uint32_t) ends = {0};
  while (end) {
    mx_vec_push(&ends, end);
    end = best[end].start;
  }
  uint32_t from = 0;
  for (size_t i = ends.size; i-- > 0;) {
    uint32_t to = ends.data[i];
    bool unknown = best[to].id == u->unk_id;
    if (unknown && i && best[ends.data[i - 1]].id == u->unk_id) continue;
    if (unknown)
      add_unknown(m, word + from, to - from, ids);
    else
      mx_vec_push(ids, best[to].id);
    from = to;
  }
  mx_vec_free(&ends);
  return 0;
}

static int encode(const tok_model *m, tok_scratch *s, const char *word, size_t size, bool bytes,
                  tok_ids *ids) {
  if (bytes) {
    mx_str *mapped = tok_scratch_text(s);
    tok_put_byte_chars(mapped, word, size);
    word = mapped->data, size = mapped->size;
  }
  if (size > CACHED_WORD) return encode_anew(m, s, word, size, ids);
  size_t count, before = ids->size;
  const int32_t *known = tok_cache_find(s, word, size, &count);
  if (known) {
    mx_vec_reserve(ids, before + count + 1);
    memcpy(ids->data + before, known, count * sizeof *known);
    ids->size += count;
    return 0;
  }
  if (encode_anew(m, s, word, size, ids)) return -1;
  tok_cache_put(s, word, size, ids->data + before, ids->size - before);
  return 0;
}

const tok_model_kind tok_unigram_kind = {"Unigram", load, encode, free_unigram};
