/* Byte-pair encoding (Sennrich et al., https://www.aclweb.org/anthology/P16-1162/): a word begins
 * as its characters, and the pair that was merged first in training is merged first here, the
 * leftmost of equals before the others, until no pair is known. */
#include "base/alloc.h"
#include "lm/tokenizer/model.h"
#include "lm/tokenizer/utf8.h"

#include <stdlib.h>
#include <string.h>

#define NONE (-1)
#define SHORT_WORD 24             /* symbols up to which searching all pairs beats a heap */
#define CACHED_WORD 128           /* bytes */
#define SPACE_MARK "\xe2\x96\x81" /* U+2581, SentencePiece's space */

typedef struct {
  uint64_t pair; /* left id << 32 | right id; UINT64_MAX where free */
  uint32_t rank;
  int32_t merged;
} merge;

typedef struct {
  merge *merges;
  size_t merge_mask;
  int32_t byte_ids[256];     /* of the byte-level alphabet */
  int32_t ascii_ids[128];    /* of one-character tokens */
  int32_t fallback_ids[256]; /* <0x00> to <0xFF> */
  int32_t unk_id;
  bool has_unk, fuse_unk, byte_fallback, ignore_merges;
  bool affixes;   /* there is a prefix or a suffix: characters are not their own text */
  bool chunkable; /* no merge reaches over the start of a space mark that follows something else */
  char *prefix, *suffix; /* continuing_subword_prefix, end_of_word_suffix; NULL where none */
  size_t prefix_size, suffix_size;
} bpe;

static size_t merge_hash(uint64_t pair) {
  return (size_t)tok_mix(pair ^ 0xa0761d6478bd642fu, 0xe7037ed1a0b428dbu);
}

static inline uint64_t pair_of(int32_t left, int32_t right) {
  return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

static inline const merge *find_merge(const bpe *b, int32_t left, int32_t right) {
  uint64_t pair = pair_of(left, right);
  for (size_t i = merge_hash(pair) & b->merge_mask;; i = (i + 1) & b->merge_mask) {
    const merge *m = &b->merges[i];
    if (m->pair == pair) return m;
    if (m->pair == UINT64_MAX) return NULL;
  }
}

static void add_merge(bpe *b, int32_t left, int32_t right, uint32_t rank, int32_t merged) {
  uint64_t pair = pair_of(left, right);
  size_t i = merge_hash(pair) & b->merge_mask;
  while (b->merges[i].pair != UINT64_MAX && b->merges[i].pair != pair) i = (i + 1) & b->merge_mask;
  b->merges[i] = (merge){pair, rank, merged};
}

static bool ends_in_space_mark(const char *s, size_t size) {
  return size >= 3 && !memcmp(s + size - 3, SPACE_MARK, 3);
}

static bool starts_with_space_mark(const char *s, size_t size) {
  return size >= 3 && !memcmp(s, SPACE_MARK, 3);
}

/* Merges as they are read: a batch at a time, so that the look-ups of one do not wait for those of
 * another. */
#define BATCH 32
typedef struct {
  mx_str text; /* of all of them, each pair's two in a row */
  struct {
    size_t start, left, right;
    uint64_t hashes[3]; /* of the left, the right, and both joined */
    int32_t ids[3];
  } pairs[BATCH];
  size_t count;
  uint32_t rank; /* of the first */
} batch;

/* Takes one merge: "a b", or ["a", "b"]. 1 taken, 0 a comment, -1 bad. */
static int take_merge(tok_json *j, batch *m) {
  size_t start = m->text.size, left;
  if (tok_json_take(j, '[')) {
    if (!tok_json_string(j, &m->text)) return -1;
    left = m->text.size - start;
    if (!tok_json_take(j, ',') || !tok_json_string(j, &m->text) || !tok_json_take(j, ']'))
      return -1;
  } else {
    if (!tok_json_string(j, &m->text)) return -1;
    char *text = m->text.data + start;
    size_t size = m->text.size - start;
    if (size >= 8 && !memcmp(text, "#version", 8)) return 0;
    char *space = memchr(text, ' ', size);
    if (!space || memchr(space + 1, ' ', size - (size_t)(space + 1 - text))) return -1;
    left = (size_t)(space - text);
    memmove(space, space + 1, size - left - 1);
    m->text.size--;
  }
  m->pairs[m->count].start = start;
  m->pairs[m->count].left = left;
  m->pairs[m->count++].right = m->text.size - start - left;
  return 1;
}

/* The joined text of a pair: what the prefix adds to its right half is gone there. The prefix's
 * models are small: they may take the slow way. */
static int32_t find_joined(const tok_model *m, const char *text, size_t left, size_t right,
                           uint64_t hash) {
  const bpe *b = m->state;
  if (!b->prefix_size) return tok_vocab_find_hashed(&m->vocab, text, left + right, hash);
  if (right < b->prefix_size) return NONE;
  mx_str joined = {0};
  mx_str_append(&joined, text, left);
  mx_str_append(&joined, text + left + b->prefix_size, right - b->prefix_size);
  int32_t id = tok_vocab_find(&m->vocab, joined.data, joined.size);
  mx_str_free(&joined);
  return id;
}

/* Enters a batch into the table and empties it. */
static int add_batch(tok_model *m, const tok_place *at, batch *batch) {
  bpe *b = m->state;
  for (size_t i = 0; i < batch->count; i++) {
    const char *text = batch->text.data + batch->pairs[i].start;
    size_t left = batch->pairs[i].left, right = batch->pairs[i].right;
    uint64_t *hashes = batch->pairs[i].hashes;
    hashes[0] = tok_hash(text, left);
    hashes[1] = tok_hash(text + left, right);
    hashes[2] = tok_hash(text, left + right);
    for (int k = 0; k < 3; k++) tok_vocab_prefetch(&m->vocab, hashes[k]);
  }
  for (size_t i = 0; i < batch->count; i++)
    for (int k = 0; k < 3; k++) tok_vocab_prefetch_text(&m->vocab, batch->pairs[i].hashes[k]);
  for (size_t i = 0; i < batch->count; i++) {
    const char *text = batch->text.data + batch->pairs[i].start;
    size_t left = batch->pairs[i].left, right = batch->pairs[i].right;
    const uint64_t *hashes = batch->pairs[i].hashes;
    int32_t *ids = batch->pairs[i].ids;
    ids[0] = tok_vocab_find_hashed(&m->vocab, text, left, hashes[0]);
    ids[1] = tok_vocab_find_hashed(&m->vocab, text + left, right, hashes[1]);
    ids[2] = find_joined(m, text, left, right, hashes[2]);
    if (ids[0] == NONE || ids[1] == NONE || ids[2] == NONE)
      return tok_fail(at,
                      "\"merges\": \"%.*s\" and \"%.*s\", merge %zu, make no token of the "
                      "vocabulary",
                      (int)(left < 60 ? left : 60), text, (int)(right < 60 ? right : 60),
                      text + left, batch->rank + i);
    if (!ends_in_space_mark(text, left) && starts_with_space_mark(text + left, right))
      b->chunkable = false;
    __builtin_prefetch(&b->merges[merge_hash(pair_of(ids[0], ids[1])) & b->merge_mask], 1);
  }
  for (size_t i = 0; i < batch->count; i++) {
    const int32_t *ids = batch->pairs[i].ids;
    add_merge(b, ids[0], ids[1], batch->rank++, ids[2]);
  }
  batch->count = 0;
  mx_str_clear(&batch->text);
  return 0;
}

static int load_merges(tok_model *m, const tok_place *at, tok_json *j) {
  bpe *b = m->state;
  if (!j->p || !tok_json_take(j, '[')) return tok_fail(at, "\"merges\" should be an array");
  size_t guess = 16, slots = 64; /* no fewer than there are: commas may stand inside tokens too */
  for (const char *p = j->p; p < j->end; p++) guess += *p == ',';
  if (tok_json_peek(j) == '[') guess /= 2;
  while (slots * 2 < guess * 3) slots *= 2;
  b->merges = mx_xmalloc(slots * sizeof *b->merges);
  memset(b->merges, 0xff, slots * sizeof *b->merges);
  b->merge_mask = slots - 1;
  batch batch = {0};
  int rc = 0;
  for (bool first = true; !rc && !tok_json_take(j, ']'); first = false) {
    int taken = first || tok_json_take(j, ',') ? take_merge(j, &batch) : -1;
    if (taken < 0)
      rc = tok_fail(at, "\"merges\": merge %zu should be two tokens", batch.rank + batch.count);
    else if (batch.count == BATCH)
      rc = add_batch(m, at, &batch);
  }
  if (!rc) rc = add_batch(m, at, &batch);
  mx_str_free(&batch.text);
  return rc;
}

/* The ids of all characters that are looked up often. */
static void load_alphabets(tok_model *m) {
  bpe *b = m->state;
  char text[4];
  for (int i = 0; i < 256; i++) {
    size_t size = tok_utf8_put(tok_byte_char((unsigned char)i), text);
    b->byte_ids[i] = tok_vocab_find(&m->vocab, text, size);
    b->fallback_ids[i] = tok_byte_token(&m->vocab, (unsigned char)i);
    if (i < 128) text[0] = (char)i, b->ascii_ids[i] = tok_vocab_find(&m->vocab, text, 1);
  }
}

static int load(tok_model *m, const tok_place *at, const json_t *config, tok_json_parts *parts) {
  bpe *b = m->state = mx_xcalloc(1, sizeof *b);
  const char *unk = NULL, *prefix = NULL, *suffix = NULL;
  size_t unk_size = 0;
  if (tok_get_text(at, config, "unk_token", TOK_OPTIONAL, &unk, &unk_size) ||
      tok_get_text(at, config, "continuing_subword_prefix", TOK_OPTIONAL, &prefix,
                   &b->prefix_size) ||
      tok_get_text(at, config, "end_of_word_suffix", TOK_OPTIONAL, &suffix, &b->suffix_size) ||
      tok_get_bool(at, config, "fuse_unk", &b->fuse_unk) ||
      tok_get_bool(at, config, "byte_fallback", &b->byte_fallback) ||
      tok_get_bool(at, config, "ignore_merges", &b->ignore_merges))
    return -1;
  if (prefix) b->prefix = mx_xstrndup(prefix, b->prefix_size);
  if (suffix) b->suffix = mx_xstrndup(suffix, b->suffix_size);
  b->affixes = b->prefix_size || b->suffix_size;
  b->chunkable = !b->affixes && !b->ignore_merges;
  if (tok_read_vocab(&m->vocab, at, &parts->vocab)) return -1;
  b->has_unk = unk != NULL;
  b->unk_id = unk ? tok_vocab_find(&m->vocab, unk, unk_size) : NONE;
  b->chunkable &= tok_vocab_find(&m->vocab, SPACE_MARK, 3) != NONE;
  load_alphabets(m);
  return load_merges(m, at, &parts->merges);
}

static void free_bpe(tok_model *m) {
  bpe *b = m->state;
  if (!b) return;
  free(b->merges);
  free(b->prefix);
  free(b->suffix);
  free(b);
}

/* A word while it is merged: symbols in a doubly linked list laid out as an array. */
typedef struct {
  int32_t id, prev, next; /* NONE at the ends; id NONE once merged into the left */
} symbol;

typedef struct {
  symbol *symbols;
  size_t count;
  bool unk_pending; /* an unknown stretch not added yet */
} word;

static void add_symbol(word *w, int32_t id) {
  int32_t n = (int32_t)w->count++;
  w->symbols[n] = (symbol){id, n - 1, n + 1};
}

static void flush_unk(const bpe *b, word *w) {
  if (w->unk_pending) add_symbol(w, b->unk_id);
  w->unk_pending = false;
}

/* A character that is no token: its bytes, or the unknown token, or nothing. The unknown token
 * waits for a known character, and byte tokens overtake it, as they do in tokenizers. */
static int add_unknown(const tok_model *m, word *w, const char *text, size_t size) {
  const bpe *b = m->state;
  bool bytes = b->byte_fallback;
  for (size_t i = 0; bytes && i < size; i++)
    bytes = b->fallback_ids[(unsigned char)text[i]] != NONE;
  if (bytes) {
    for (size_t i = 0; i < size; i++) add_symbol(w, b->fallback_ids[(unsigned char)text[i]]);
    return 0;
  }
  if (!b->has_unk) return 0;
  if (b->unk_id == NONE) {
    mx_fail("[tokenizer] model.unk_token is not in the vocabulary, and the text has an unknown "
            "character");
    return -1;
  }
  if (w->unk_pending && !b->fuse_unk) add_symbol(w, b->unk_id);
  w->unk_pending = true;
  return 0;
}

/* One character, with the affixes that its place asks for. */
static int add_affixed(const tok_model *m, word *w, const char *text, size_t size, bool first,
                       bool last) {
  const bpe *b = m->state;
  mx_str whole = {0};
  if (!first) mx_str_append(&whole, b->prefix, b->prefix_size);
  mx_str_append(&whole, text, size);
  if (last) mx_str_append(&whole, b->suffix, b->suffix_size);
  int32_t id = tok_vocab_find(&m->vocab, whole.data, whole.size);
  int rc = 0;
  if (id != NONE)
    flush_unk(b, w), add_symbol(w, id);
  else
    rc = add_unknown(m, w, whole.data, whole.size);
  mx_str_free(&whole);
  return rc;
}

/* Splits a text into its characters' symbols. */
static int add_characters(const tok_model *m, word *w, const char *text, size_t size) {
  const bpe *b = m->state;
  for (size_t i = 0, n; i < size; i += n) {
    unsigned char lead = (unsigned char)text[i];
    n = tok_utf8_size(lead);
    if (b->affixes) {
      if (add_affixed(m, w, text + i, n, i == 0, i + n == size)) return -1;
      continue;
    }
    int32_t id = lead < 128 ? b->ascii_ids[lead] : tok_vocab_find(&m->vocab, text + i, n);
    if (id != NONE)
      flush_unk(b, w), add_symbol(w, id);
    else if (add_unknown(m, w, text + i, n))
      return -1;
  }
  flush_unk(b, w);
  return 0;
}

/* A short word: look at all pairs each time. */
static void merge_short(const bpe *b, word *w) {
  const merge *pairs[SHORT_WORD];
  symbol *s = w->symbols;
  size_t n = w->count;
  for (size_t i = 0; i + 1 < n; i++) pairs[i] = find_merge(b, s[i].id, s[i + 1].id);
  for (;;) {
    size_t best = 0;
    uint32_t rank = UINT32_MAX;
    for (size_t i = 0; i + 1 < n; i++)
      if (pairs[i] && pairs[i]->rank < rank) rank = pairs[i]->rank, best = i;
    if (rank == UINT32_MAX) break;
    s[best].id = pairs[best]->merged;
    n--;
    for (size_t i = best + 1; i < n; i++) s[i].id = s[i + 1].id;
    for (size_t i = best + 1; i + 1 < n; i++) pairs[i] = pairs[i + 1];
    if (best + 1 < n) pairs[best] = find_merge(b, s[best].id, s[best + 1].id);
    if (best) pairs[best - 1] = find_merge(b, s[best - 1].id, s[best].id);
  }
  w->count = n;
}

/* A heap of rank << 32 | place, the least on top; four children a node. */
typedef MX_VEC(uint64_t) heap;

static void heap_sink(heap *h, size_t i) {
  uint64_t value = h->data[i];
  for (;;) {
    size_t child = i * 4 + 1, end = child + 4 < h->size ? child + 4 : h->size, least = child;
    if (child >= h->size) break;
    for (size_t c = child + 1; c < end; c++)
      if (h->data[c] < h->data[least]) least = c;
    if (h->data[least] >= value) break;
    h->data[i] = h->data[least];
    i = least;
  }
  h->data[i] = value;
}

static void heap_push(heap *h, uint64_t value) {
  mx_vec_push(h, value);
  size_t i = h->size - 1;
  for (; i && h->data[(i - 1) / 4] > value; i = (i - 1) / 4) h->data[i] = h->data[(i - 1) / 4];
  h->data[i] = value;
}

static uint64_t heap_pop(heap *h) {
  uint64_t top = h->data[0];
  h->data[0] = h->data[--h->size];
  if (h->size) heap_sink(h, 0);
  return top;
}

static void push_pair(const bpe *b, heap *h, const symbol *s, int32_t left) {
  const merge *m = find_merge(b, s[left].id, s[s[left].next].id);
  if (m) heap_push(h, (uint64_t)m->rank << 32 | (uint32_t)left);
}

/* A long word: a heap of the pairs that could merge, some of them out of date. */
static void merge_long(const bpe *b, word *w) {
  symbol *s = w->symbols;
  int32_t count = (int32_t)w->count;
  heap h = {0};
  for (int32_t i = 0; i + 1 < count; i++) {
    const merge *m = find_merge(b, s[i].id, s[i + 1].id);
    if (m) mx_vec_push(&h, (uint64_t)m->rank << 32 | (uint32_t)i);
  }
  for (size_t i = h.size / 4 + 1; i-- > 0;)
    if (i < h.size) heap_sink(&h, i);
  while (h.size) {
    uint64_t top = heap_pop(&h);
    int32_t left = (int32_t)(uint32_t)top, right = s[left].next;
    if (s[left].id == NONE || right >= count) continue;
    const merge *m = find_merge(b, s[left].id, s[right].id);
    if (!m || m->rank != (uint32_t)(top >> 32)) continue;
    s[left].id = m->merged;
    s[left].next = s[right].next;
    s[right].id = NONE;
    if (s[right].next < count) s[s[right].next].prev = left;
    if (s[left].prev >= 0) push_pair(b, &h, s, s[left].prev);
    if (s[left].next < count) push_pair(b, &h, s, left);
  }
  mx_vec_free(&h);
  size_t kept = 0;
  for (int32_t i = 0; i < count; i++)
    if (s[i].id != NONE) s[kept++].id = s[i].id;
  w->count = kept;
}

static int encode_anew(const tok_model *m, tok_scratch *scratch, const char *text, size_t size,
                       bool bytes, tok_ids *ids) {
  const bpe *b = m->state;
  size_t most = (size + b->prefix_size * size + b->suffix_size + 1) * (bytes ? 2 : 1);
  word w = {tok_scratch_block(scratch, most * sizeof(symbol)), 0, false};
  bool plain = bytes && !b->affixes;
  for (size_t i = 0; plain && i < size; i++) {
    int32_t id = b->byte_ids[(unsigned char)text[i]];
    plain = id != NONE;
    add_symbol(&w, id);
  }
  if (!plain || b->ignore_merges) {
    if (bytes) {
      mx_str *mapped = tok_scratch_text(scratch);
      tok_put_byte_chars(mapped, text, size);
      text = mapped->data, size = mapped->size;
    }
    int32_t whole = b->ignore_merges ? tok_vocab_find(&m->vocab, text, size) : NONE;
    if (whole != NONE) {
      mx_vec_push(ids, whole);
      return 0;
    }
    if (!plain) {
      w.count = 0;
      if (add_characters(m, &w, text, size)) return -1;
    }
  }
  if (w.count <= SHORT_WORD)
    merge_short(b, &w);
  else
    merge_long(b, &w);
  mx_vec_reserve(ids, ids->size + w.count);
  for (size_t i = 0; i < w.count; i++) ids->data[ids->size++] = w.symbols[i].id;
  return 0;
}

static int encode_word(const tok_model *m, tok_scratch *s, const char *text, size_t size,
                       bool bytes, tok_ids *ids) {
  if (size > CACHED_WORD) return encode_anew(m, s, text, size, bytes, ids);
  size_t count, before = ids->size;
  const int32_t *known = tok_cache_find(s, text, size, &count);
  if (known) {
    mx_vec_reserve(ids, before + count + 1);
    memcpy(ids->data + before, known, count * sizeof *known);
    ids->size += count;
    return 0;
  }
  if (encode_anew(m, s, text, size, bytes, ids)) return -1;
  tok_cache_put(s, text, size, ids->data + before, ids->size - before);
  return 0;
}

/* SentencePiece's models see a whole text as one word. Where no merge can reach over the start of a
 * space mark, the stretches between are words of their own, short and often met. */
static int encode(const tok_model *m, tok_scratch *s, const char *text, size_t size, bool bytes,
                  tok_ids *ids) {
  const bpe *b = m->state;
  if (!b->chunkable || bytes) return encode_word(m, s, text, size, bytes, ids);
  size_t from = 0;
  for (size_t at = 1; at + 3 <= size; at++) {
    const char *mark = memchr(text + at, SPACE_MARK[0], size - at);
    if (!mark) break;
    at = (size_t)(mark - text);
    if (size - at < 3 || memcmp(mark, SPACE_MARK, 3) || ends_in_space_mark(text, at)) continue;
    if (encode_word(m, s, text + from, at - from, false, ids)) return -1;
    from = at;
  }
  return encode_word(m, s, text + from, size - from, false, ids);
}

const tok_model_kind tok_bpe_kind = {"BPE", load, encode, free_bpe};
