/* What the models share: choosing one, vocabularies, the byte-level alphabet, the word cache. */
#include "lm/tokenizer/model.h"
#include "base/alloc.h"
#include "lm/tokenizer/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const tok_model_kind *const kinds[] = {&tok_bpe_kind, &tok_unigram_kind, &tok_wordpiece_kind,
                                              &tok_wordlevel_kind};

tok_model *tok_model_new(const tok_place *at, const json_t *config, tok_json_parts *parts) {
  if (!json_is_object(config)) return tok_fail(at, "should be an object"), NULL;
  const char *type = json_string_value(json_object_get(config, "type"));
  const tok_model_kind *kind = NULL;
  /* Files from before the type was written hold BPE, told by its merges. */
  if (!type) type = parts->merges.p ? "BPE" : "none";
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (!strcmp(kinds[i]->type, type)) kind = kinds[i];
  if (!kind)
    return tok_fail(at, "unknown type \"%s\"; known: BPE, Unigram, WordPiece, WordLevel", type),
           NULL;
  tok_model *m = mx_xcalloc(1, sizeof *m);
  m->kind = kind;
  if (!kind->load(m, at, config, parts)) return m;
  tok_model_free(m);
  return NULL;
}

void tok_model_free(tok_model *m) {
  if (!m) return;
  if (m->kind->free) m->kind->free(m);
  tok_vocab_free(&m->vocab);
  free(m);
}

int tok_read_vocab(tok_vocab *v, const tok_place *at, tok_json *j) {
  if (!j->p || !tok_json_take(j, '{')) return tok_fail(at, "\"vocab\" should be an object");
  tok_vocab_reserve(v, (size_t)(j->end - j->p) / 20 + 64);
  bool first = true;
  while (!tok_json_take(j, '}')) {
    size_t offset = v->arena.size;
    int32_t id;
    if ((!first && !tok_json_take(j, ',')) || !tok_json_string(j, &v->arena) ||
        !tok_json_take(j, ':'))
      return tok_fail(at, "\"vocab\": bad JSON after %zu tokens", v->count);
    if (!tok_json_id(j, &id))
      return tok_fail(at,
                      "\"vocab\": the id of \"%.60s\" should be an integer from 0 to 2147483647",
                      v->arena.data + offset);
    tok_vocab_add_last(v, offset, id);
    first = false;
    if (v->arena.size > UINT32_MAX / 2) return tok_fail(at, "\"vocab\" is too large");
  }
  size_t odd = tok_vocab_finish(v);
  if (odd) return tok_fail(at, "\"vocab\": id %zu is too high for %zu tokens", odd, v->count);
  return 0;
}

uint32_t tok_byte_char(unsigned char byte) {
  /* What prints stays; the 68 other bytes follow U+0100 in order. */
  if ((byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte != 0xad)) return byte;
  return byte <= ' ' ? 0x100u + byte : byte <= 0xa0 ? 0x121u + (byte - 0x7fu) : 0x143u;
}

int tok_char_byte(uint32_t c) {
  if (c < 0x100) return tok_byte_char((unsigned char)c) == c ? (int)c : -1;
  if (c <= 0x120) return (int)(c - 0x100);
  if (c <= 0x142) return (int)(c - 0x121 + 0x7f);
  return c == 0x143 ? 0xad : -1;
}

void tok_put_byte_chars(mx_str *out, const char *bytes, size_t size) {
  char buffer[512];
  for (size_t i = 0; i < size;) {
    size_t n = 0;
    for (; i < size && n < sizeof buffer - 4; i++)
      n += tok_utf8_put(tok_byte_char((unsigned char)bytes[i]), buffer + n);
    mx_str_append(out, buffer, n);
  }
}

int32_t tok_byte_token(const tok_vocab *v, unsigned char byte) {
  char text[8];
  snprintf(text, sizeof text, "<0x%02X>", byte);
  return tok_vocab_find(v, text, 6);
}

#define CACHE_SLOTS (1u << 16)
#define CACHE_WORDS (CACHE_SLOTS / 2)
#define CACHE_TEXT (8u << 20)

typedef struct {
  uint64_t hash; /* 0 where free */
  uint32_t text, size, ids, count;
} cache_slot;

struct tok_scratch {
  cache_slot *slots; /* made when the first word comes */
  size_t words;
  mx_str text;
  tok_ids ids;
  mx_str buffer;
  void *block;
  size_t block_size;
};

tok_scratch *tok_scratch_new(void) { return mx_xcalloc(1, sizeof(tok_scratch)); }

void tok_scratch_free(tok_scratch *s) {
  if (!s) return;
  free(s->slots);
  mx_str_free(&s->text);
  mx_vec_free(&s->ids);
  mx_str_free(&s->buffer);
  free(s->block);
  free(s);
}

mx_str *tok_scratch_text(tok_scratch *s) { return mx_str_clear(&s->buffer), &s->buffer; }

void *tok_scratch_block(tok_scratch *s, size_t bytes) {
  if (bytes > s->block_size) {
    free(s->block);
    s->block_size = bytes + bytes / 2;
    s->block = mx_xmalloc(s->block_size);
  }
  return s->block;
}

static cache_slot *cache_slot_of(const tok_scratch *s, const char *word, size_t size,
                                 uint64_t hash) {
  for (size_t i = hash & (CACHE_SLOTS - 1);; i = (i + 1) & (CACHE_SLOTS - 1)) {
    cache_slot *slot = &s->slots[i];
    if (!slot->hash || (slot->hash == hash && slot->size == size &&
                        !memcmp(s->text.data + slot->text, word, size)))
      return slot;
  }
}

const int32_t *tok_cache_find(tok_scratch *s, const char *word, size_t size, size_t *count) {
  if (!s->slots) return NULL;
  const cache_slot *slot = cache_slot_of(s, word, size, tok_hash(word, size) | 1);
  if (!slot->hash) return NULL;
  *count = slot->count;
  return s->ids.data + slot->ids;
}

void tok_cache_put(tok_scratch *s, const char *word, size_t size, const int32_t *ids,
                   size_t count) {
  if (!s->slots) s->slots = mx_xcalloc(CACHE_SLOTS, sizeof *s->slots);
  if (s->words == CACHE_WORDS || s->text.size > CACHE_TEXT) { /* full: begin anew */
    memset(s->slots, 0, CACHE_SLOTS * sizeof *s->slots);
    s->words = s->text.size = s->ids.size = 0;
  }
  uint64_t hash = tok_hash(word, size) | 1;
  cache_slot *slot = cache_slot_of(s, word, size, hash);
  if (slot->hash) return;
  *slot = (cache_slot){hash, (uint32_t)s->text.size, (uint32_t)size, (uint32_t)s->ids.size,
                       (uint32_t)count};
  mx_str_append(&s->text, word, size);
  mx_vec_reserve(&s->ids, s->ids.size + count + 1);
  if (count) memcpy(s->ids.data + s->ids.size, ids, count * sizeof *ids);
  s->ids.size += count;
  s->words++;
}
