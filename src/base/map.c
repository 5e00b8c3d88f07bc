/* String-keyed hash map: open addressing over an index, entries kept in insertion order. */
#include "base/map.h"
#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a (Fowler, Noll, Vo), 64 bits, with a final mix for the low bits. */
static uint64_t hash_bytes(const char *key, size_t length) {
  uint64_t h = 0xcbf29ce484222325u;
  for (size_t i = 0; i < length; i++) h = (h ^ (unsigned char)key[i]) * 0x100000001b3u;
  return h ^ (h >> 29);
}

static uint32_t *slot_of(const mx_map *map, const char *key, size_t length, uint64_t hash) {
  size_t mask = map->slot_count - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    uint32_t *slot = &map->slots[i];
    if (!*slot) return slot;
    const mx_map_entry *e = &map->entries[*slot - 1];
    if (e->hash == hash && e->length == length && !memcmp(e->key, key, length)) return slot;
  }
}

static void grow(mx_map *map) {
  map->slot_count = map->slot_count ? map->slot_count * 2 : 16;
  free(map->slots);
  map->slots = mx_xcalloc(map->slot_count, sizeof *map->slots);
  size_t mask = map->slot_count - 1;
  for (size_t n = 0; n < map->size; n++) {
    size_t i = map->entries[n].hash & mask;
    while (map->slots[i]) i = (i + 1) & mask;
    map->slots[i] = (uint32_t)n + 1;
  }
}

size_t mx_map_index(const mx_map *map, const char *key, size_t length) {
  if (!map->size) return SIZE_MAX;
  uint32_t slot = *slot_of(map, key, length, hash_bytes(key, length));
  return slot ? slot - 1 : SIZE_MAX;
}

uint64_t *mx_map_find(const mx_map *map, const char *key, size_t length) {
  size_t i = mx_map_index(map, key, length);
  return i == SIZE_MAX ? NULL : &map->entries[i].value;
}

uint64_t *mx_map_put(mx_map *map, const char *key, size_t length, uint64_t value) {
  if ((map->size + 1) * 2 > map->slot_count) grow(map);
  uint64_t hash = hash_bytes(key, length);
  uint32_t *slot = slot_of(map, key, length, hash);
  if (!*slot) {
    if (map->size == map->capacity) {
      map->capacity = map->capacity ? map->capacity * 2 : 8;
      map->entries = mx_xrealloc(map->entries, map->capacity * sizeof *map->entries);
    }
    map->entries[map->size] = (mx_map_entry){mx_xstrndup(key, length), length, hash, value};
    *slot = (uint32_t)++map->size;
    return &map->entries[map->size - 1].value;
  }
  map->entries[*slot - 1].value = value;
  return &map->entries[*slot - 1].value;
}

void mx_map_free(mx_map *map) {
  for (size_t i = 0; i < map->size; i++) free(map->entries[i].key);
  free(map->entries);
  free(map->slots);
  *map = (mx_map){0};
}
