/* Pointer maps: open addressing, at most half full. */
#include "base/ptr_map.h"
#include "base/alloc.h"

#include <stdlib.h>

static mx_ptr_entry *slot_of(const mx_ptr_map *map, const void *key) {
  uint64_t hash = (uint64_t)(uintptr_t)key * 0x9E3779B97F4A7C15u;
  size_t mask = map->slot_count - 1, i = (size_t)(hash >> 32) & mask;
  while (map->slots[i].key && map->slots[i].key != key) i = (i + 1) & mask;
  return &map->slots[i];
}

uint32_t *mx_ptr_find(const mx_ptr_map *map, const void *key) {
  if (!map->size) return NULL;
  mx_ptr_entry *slot = slot_of(map, key);
  return slot->key ? &slot->value : NULL;
}

static void grow(mx_ptr_map *map) {
  mx_ptr_map larger = {.slot_count = map->slot_count ? 2 * map->slot_count : 64, .size = map->size};
  larger.slots = mx_xcalloc(larger.slot_count, sizeof *larger.slots);
  for (size_t i = 0; i < map->slot_count; i++)
    if (map->slots[i].key) *slot_of(&larger, map->slots[i].key) = map->slots[i];
  free(map->slots);
  *map = larger;
}

uint32_t *mx_ptr_put(mx_ptr_map *map, const void *key) {
  if (2 * (map->size + 1) > map->slot_count) grow(map);
  mx_ptr_entry *slot = slot_of(map, key);
  if (!slot->key) {
    slot->key = key;
    map->size++;
  }
  return &slot->value;
}

void mx_ptr_free(mx_ptr_map *map) {
  free(map->slots);
  *map = (mx_ptr_map){0};
}
