/* The vocabulary's hash table. */
#include "lm/tokenizer/vocab.h"
#include "base/alloc.h"

#include <stdlib.h>

/* Ids may leave gaps, but the table by id must stay in proportion to the tokens there are. */
#define FREE_ID_LIMIT (1u << 24)
#define GAP_FACTOR 64

static tok_slot *slot_of(const tok_vocab *v, const char *text, size_t size, uint64_t hash) {
  size_t mask = v->slot_count - 1;
  uint32_t tag = (uint32_t)(hash >> 32);
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    tok_slot *slot = &v->slots[i];
    if (slot->id < 0) return slot;
    if (slot->tag == tag && slot->size == size && !memcmp(v->arena.data + slot->offset, text, size))
      return slot;
  }
}

static void grow_slots(tok_vocab *v, size_t count) {
  tok_slot *old = v->slots;
  size_t old_count = v->slot_count;
  while (v->slot_count < count * 2) v->slot_count = v->slot_count ? v->slot_count * 2 : 64;
  v->slots = mx_xmalloc(v->slot_count * sizeof *v->slots);
  memset(v->slots, 0xff, v->slot_count * sizeof *v->slots);
  size_t mask = v->slot_count - 1;
  for (size_t n = 0; n < old_count; n++) {
    if (old[n].id < 0) continue;
    size_t i = tok_hash(v->arena.data + old[n].offset, old[n].size) & mask;
    while (v->slots[i].id >= 0) i = (i + 1) & mask;
    v->slots[i] = old[n];
  }
  free(old);
}

void tok_vocab_reserve(tok_vocab *v, size_t count) {
  if (v->slot_count < count * 2) grow_slots(v, count);
  if (v->capacity >= count) return;
  v->capacity = count;
  v->entries = mx_xrealloc(v->entries, count * sizeof *v->entries);
}

/* A text that comes again: its entry takes the new id. */
static void renumber(tok_vocab *v, tok_slot *slot, int32_t id) {
  for (size_t n = 0; n < v->count; n++)
    if (v->entries[n].offset == slot->offset) v->entries[n].id = id;
  slot->id = id;
}

void tok_vocab_add_last(tok_vocab *v, size_t offset, int32_t id) {
  if ((v->count + 1) * 2 > v->slot_count || v->count == v->capacity)
    tok_vocab_reserve(v, v->count ? v->count * 2 : 64);
  size_t size = v->arena.size - offset;
  uint64_t hash = tok_hash(v->arena.data + offset, size);
  tok_slot *slot = slot_of(v, v->arena.data + offset, size, hash);
  if (slot->id >= 0) {
    if (slot->id != id) renumber(v, slot, id);
    v->arena.size = offset;
    return;
  }
  v->entries[v->count++] = (tok_entry){(uint32_t)offset, (uint32_t)size, id};
  *slot = (tok_slot){(uint32_t)(hash >> 32), (uint32_t)offset, (uint32_t)size, id};
}

void tok_vocab_add(tok_vocab *v, const char *text, size_t size, int32_t id) {
  size_t offset = v->arena.size;
  mx_str_append(&v->arena, text, size);
  if (!v->arena.data) mx_str_putc(&v->arena, 0), offset = v->arena.size;
  tok_vocab_add_last(v, offset, id);
}

size_t tok_vocab_finish(tok_vocab *v) {
  size_t limit = 0;
  for (size_t n = 0; n < v->count; n++)
    if ((size_t)v->entries[n].id >= limit) limit = (size_t)v->entries[n].id + 1;
  free(v->by_id);
  v->by_id = NULL;
  v->id_limit = 0;
  if (limit > FREE_ID_LIMIT && limit / GAP_FACTOR > v->count) return limit - 1;
  v->by_id = mx_xcalloc(limit ? limit : 1, sizeof *v->by_id);
  v->id_limit = limit;
  for (size_t n = 0; n < v->count; n++) v->by_id[v->entries[n].id] = (uint32_t)n + 1;
  return 0;
}

void tok_vocab_free(tok_vocab *v) {
  mx_str_free(&v->arena);
  free(v->entries);
  free(v->slots);
  free(v->by_id);
  *v = (tok_vocab){0};
}

int32_t tok_vocab_find_hashed(const tok_vocab *v, const char *text, size_t size, uint64_t hash) {
  return v->count ? slot_of(v, text, size, hash)->id : -1;
}

int32_t tok_vocab_find(const tok_vocab *v, const char *text, size_t size) {
  return tok_vocab_find_hashed(v, text, size, tok_hash(text, size));
}
