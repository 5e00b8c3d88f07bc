/* A hash map from byte strings to 64-bit values (integers, or pointers cast to uintptr_t). Keys are
 * copied. Iteration follows insertion order. A zeroed map is empty. Entries cannot be removed one
 * by one. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
  char *key; /* NUL-terminated copy; may hold NULs of its own */
  size_t length;
  uint64_t hash, value;
} mx_map_entry;

typedef struct {
  mx_map_entry *entries; /* in insertion order */
  size_t size, capacity;
  uint32_t *slots; /* entry index + 1, 0 where free; a power of two of them */
  size_t slot_count;
} mx_map;

/* The value's place, or NULL where the key is absent. Stands until the next insertion. */
uint64_t *mx_map_find(const mx_map *map, const char *key, size_t length);
/* The entry's place in insertion order; SIZE_MAX where the key is absent. */
size_t mx_map_index(const mx_map *map, const char *key, size_t length);
/* Inserts or replaces; returns the value's place. */
uint64_t *mx_map_put(mx_map *map, const char *key, size_t length, uint64_t value);
void mx_map_free(mx_map *map);

#endif
