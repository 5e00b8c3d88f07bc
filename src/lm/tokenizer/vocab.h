/* A vocabulary: token texts and their ids, both ways. */
#ifndef LM_TOKENIZER_VOCAB_H
#define LM_TOKENIZER_VOCAB_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
  uint32_t offset, size; /* of the text, in the arena */
  int32_t id;
} tok_entry;

/* All that a look-up needs, so that it touches the slot and the text alone. */
typedef struct {
  uint32_t tag; /* upper half of the hash */
  uint32_t offset, size;
  int32_t id; /* -1 where free */
} tok_slot;

typedef struct {
  mx_str arena;
  tok_entry *entries; /* as they were added */
  size_t count, capacity;
  tok_slot *slots;
  size_t slot_count; /* a power of two */
  uint32_t *by_id;   /* entry number + 1, 0 where there is none */
  size_t id_limit;   /* the highest id + 1 */
} tok_vocab;

/* Fast hash of a byte string; the multiply-and-fold step is that of wyhash. */
static inline uint64_t tok_mix(uint64_t a, uint64_t b) {
  unsigned __int128 product = (unsigned __int128)a * b;
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t tok_hash(const char *s, size_t size) {
  uint64_t h = size * 0xa0761d6478bd642fu, word;
  for (; size > 8; s += 8, size -= 8) {
    memcpy(&word, s, 8);
    h = tok_mix(h ^ word, 0xe7037ed1a0b428dbu);
  }
  word = 0;
  if (size >= 4) {
    uint32_t low, high;
    memcpy(&low, s, 4), memcpy(&high, s + size - 4, 4);
    word = (uint64_t)low << 32 | high;
  } else if (size) {
    word =
        (uint64_t)(uint8_t)s[0] << 16 | (uint64_t)(uint8_t)s[size / 2] << 8 | (uint8_t)s[size - 1];
  }
  return tok_mix(h ^ word ^ 0x8ebc6af09c88c6e3u, 0x589965cc75374cc3u);
}

/* Makes room for this many entries. */
void tok_vocab_reserve(tok_vocab *v, size_t count);
/* Adds a text that stands at the end of the arena, from `offset` on; a text that is there already
 * keeps its place and takes the new id. */
void tok_vocab_add_last(tok_vocab *v, size_t offset, int32_t id);
void tok_vocab_add(tok_vocab *v, const char *text, size_t size, int32_t id);
/* Builds the way back, once all are added. 0, or the highest id, where that is out of all
 * proportion to the tokens there are and no way back was built. */
size_t tok_vocab_finish(tok_vocab *v);
void tok_vocab_free(tok_vocab *v);

/* The id of a text, or -1; the second with its tok_hash at hand, after tok_vocab_prefetch. */
int32_t tok_vocab_find(const tok_vocab *v, const char *text, size_t size);
int32_t tok_vocab_find_hashed(const tok_vocab *v, const char *text, size_t size, uint64_t hash);

static inline void tok_vocab_prefetch(const tok_vocab *v, uint64_t hash) {
  if (v->slot_count) __builtin_prefetch(&v->slots[hash & (v->slot_count - 1)]);
}

/* The next step: the text of the slot. */
static inline void tok_vocab_prefetch_text(const tok_vocab *v, uint64_t hash) {
  const tok_slot *slot = v->slot_count ? &v->slots[hash & (v->slot_count - 1)] : NULL;
  if (slot && slot->tag == (uint32_t)(hash >> 32)) __builtin_prefetch(v->arena.data + slot->offset);
}

/* The text of an id, or NULL. */
static inline const char *tok_vocab_text(const tok_vocab *v, int64_t id, size_t *size) {
  if (id < 0 || (uint64_t)id >= v->id_limit || !v->by_id[id]) return NULL;
  const tok_entry *e = &v->entries[v->by_id[id] - 1];
  *size = e->size;
  return v->arena.data + e->offset;
}

#endif
