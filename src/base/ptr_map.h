/* A hash map from pointers to 32-bit integers. A zeroed map is empty; entries cannot be removed. */
#ifndef BASE_PTR_MAP_H
#define BASE_PTR_MAP_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
  const void *key; /* NULL: free */
  uint32_t value;
} mx_ptr_entry;

typedef struct {
  mx_ptr_entry *slots; /* a power of two of them */
  size_t slot_count, size;
} mx_ptr_map;

/* The value's place, or NULL where the key is absent. Stands until the next insertion. */
uint32_t *mx_ptr_find(const mx_ptr_map *map, const void *key);
/* The value's place; a new entry with value 0 where the key was absent. key is not NULL. */
uint32_t *mx_ptr_put(mx_ptr_map *map, const void *key);
void mx_ptr_free(mx_ptr_map *map);

#endif
