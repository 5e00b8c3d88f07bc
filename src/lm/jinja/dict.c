/* Dicts: hash tables in insertion order, whose keys are any hashable values. */
#include "lm/jinja/context.h"
#include "lm/jinja/ops.h"
#include "lm/jinja/value.h"

#include <stdlib.h>
#include <string.h>

enum { SMALL = 8 }; /* entries that are searched one by one */

jj_dict *jj_dict_new(jj_ctx *ctx) { return jj_alloc(ctx, JJ_DICT, sizeof(jj_dict)); }

static bool same_key(jj_ctx *ctx, const jj_entry *entry, jj_value key, uint64_t hash) {
  if (entry->hash != hash) return false;
  if (entry->key.type >= JJ_UNDEFINED && entry->key.type == key.type && entry->key.o == key.o)
    return true;
  return jj_equal(ctx, entry->key, key) > 0;
}

static jj_entry *find_entry(jj_ctx *ctx, const jj_dict *dict, jj_value key, uint64_t hash) {
  if (!dict->slots) {
    for (size_t i = 0; i < dict->size; i++)
      if (same_key(ctx, &dict->entries[i], key, hash)) return &dict->entries[i];
    return NULL;
  }
  for (size_t at = hash & (dict->slot_count - 1);; at = (at + 1) & (dict->slot_count - 1)) {
    if (!dict->slots[at]) return NULL;
    jj_entry *entry = &dict->entries[dict->slots[at] - 1];
    if (same_key(ctx, entry, key, hash)) return entry;
  }
}

jj_value *jj_dict_find(jj_ctx *ctx, const jj_dict *dict, jj_value key, uint64_t hash) {
  jj_entry *entry = find_entry(ctx, dict, key, hash);
  return entry ? &entry->value : NULL;
}

static bool same_text(const jj_entry *entry, const char *key, size_t size, uint64_t hash) {
  return entry->hash == hash && entry->key.type == JJ_STRING && entry->key.s->size == size &&
         memcmp(entry->key.s->data, key, size) == 0;
}

jj_value *jj_dict_find_str(const jj_dict *dict, const char *key, size_t size) {
  uint64_t hash = jj_hash_bytes(key, size);
  if (!dict->slots) {
    for (size_t i = 0; i < dict->size; i++)
      if (same_text(&dict->entries[i], key, size, hash)) return &dict->entries[i].value;
    return NULL;
  }
  for (size_t at = hash & (dict->slot_count - 1);; at = (at + 1) & (dict->slot_count - 1)) {
    if (!dict->slots[at]) return NULL;
    jj_entry *entry = &dict->entries[dict->slots[at] - 1];
    if (same_text(entry, key, size, hash)) return &entry->value;
  }
}

static void put_slot(jj_dict *dict, uint64_t hash, uint32_t index) {
  size_t at = hash & (dict->slot_count - 1);
  while (dict->slots[at]) at = (at + 1) & (dict->slot_count - 1);
  dict->slots[at] = index;
}

/* Makes room for one more entry, and rebuilds the slots where they would get more than half full.
 */
static void grow(jj_ctx *ctx, jj_dict *dict) {
  size_t before = dict->capacity * sizeof *dict->entries + dict->slot_count * 4;
  if (dict->size == dict->capacity) {
    dict->capacity = dict->capacity ? dict->capacity * 2 : 4;
    dict->entries = mx_xrealloc(dict->entries, dict->capacity * sizeof *dict->entries);
  }
  if (dict->size >= SMALL && (dict->size + 1) * 2 > dict->slot_count) {
    free(dict->slots);
    dict->slot_count = dict->slot_count ? dict->slot_count * 2 : 4 * SMALL;
    dict->slots = mx_xcalloc(dict->slot_count, sizeof *dict->slots);
    for (size_t i = 0; i < dict->size; i++) put_slot(dict, dict->entries[i].hash, (uint32_t)i + 1);
  }
  jj_account(ctx, before, dict->capacity * sizeof *dict->entries + dict->slot_count * 4);
}

int jj_dict_set(jj_ctx *ctx, jj_dict *dict, jj_value key, jj_value value) {
  uint64_t hash;
  if (jj_hash(ctx, key, &hash) < 0) return -1;
  jj_entry *entry = find_entry(ctx, dict, key, hash);
  if (entry) return jj_assign(ctx, &entry->value, value), 0;
  grow(ctx, dict);
  jj_retain(key);
  jj_retain(value);
  dict->entries[dict->size++] = (jj_entry){hash, key, value};
  if (dict->slots) put_slot(dict, hash, (uint32_t)dict->size);
  return 0;
}

jj_dict *jj_dict_without(jj_ctx *ctx, const jj_dict *dict, const char *key, size_t size) {
  jj_dict *copy = jj_dict_new(ctx);
  uint64_t hash = jj_hash_bytes(key, size);
  for (size_t i = 0; i < dict->size; i++)
    if (!same_text(&dict->entries[i], key, size, hash))
      jj_dict_set(ctx, copy, dict->entries[i].key, dict->entries[i].value);
  return copy;
}
