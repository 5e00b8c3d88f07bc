/* Named arrays and named texts. */
#include "base/alloc.h"
#include "base/map.h"
#include "mlx/mx/io.h"

#include <stdlib.h>
#include <string.h>

struct mx_array_map {
  mx_map map;
};
struct mx_string_map {
  mx_map map;
};

#define AS(type, value) ((type)(uintptr_t)(value))
#define BITS(pointer) ((uint64_t)(uintptr_t)(pointer))

mx_array_map *mx_array_map_new(void) { return mx_xcalloc(1, sizeof(mx_array_map)); }

void mx_array_map_free(mx_array_map *m) {
  if (!m) return;
  for (size_t i = 0; i < m->map.size; i++) mx_release(AS(mx, m->map.entries[i].value));
  mx_map_free(&m->map);
  free(m);
}

size_t mx_array_map_size(const mx_array_map *m) { return m->map.size; }

const char *mx_array_map_name(const mx_array_map *m, size_t i) {
  return i < m->map.size ? m->map.entries[i].key : NULL;
}

size_t mx_array_map_index(const mx_array_map *m, const char *name) {
  return mx_map_index(&m->map, name, strlen(name));
}

mx mx_array_map_at(const mx_array_map *m, size_t i) {
  return i < m->map.size ? AS(mx, m->map.entries[i].value) : NULL;
}

mx mx_array_map_get(const mx_array_map *m, const char *name) {
  const uint64_t *found = mx_map_find(&m->map, name, strlen(name));
  return found ? AS(mx, *found) : NULL;
}

int mx_array_map_put(mx_array_map *m, const char *name, mx a) {
  if (!a) {
    if (!mx_error()) mx_fail("[map] Cannot put the null array under the name \"%s\".", name);
    return -1;
  }
  uint64_t *slot = mx_map_find(&m->map, name, strlen(name));
  mx before = slot ? AS(mx, *slot) : NULL;
  mx_map_put(&m->map, name, strlen(name), BITS(mx_retain(a)));
  mx_release(before);
  return 0;
}

mx_string_map *mx_string_map_new(void) { return mx_xcalloc(1, sizeof(mx_string_map)); }

void mx_string_map_free(mx_string_map *m) {
  if (!m) return;
  for (size_t i = 0; i < m->map.size; i++) free(AS(char *, m->map.entries[i].value));
  mx_map_free(&m->map);
  free(m);
}

size_t mx_string_map_size(const mx_string_map *m) { return m->map.size; }

const char *mx_string_map_name(const mx_string_map *m, size_t i) {
  return i < m->map.size ? m->map.entries[i].key : NULL;
}

const char *mx_string_map_at(const mx_string_map *m, size_t i) {
  return i < m->map.size ? AS(const char *, m->map.entries[i].value) : NULL;
}

const char *mx_string_map_get(const mx_string_map *m, const char *name) {
  const uint64_t *found = mx_map_find(&m->map, name, strlen(name));
  return found ? AS(const char *, *found) : NULL;
}

void mx_string_map_put(mx_string_map *m, const char *name, const char *text) {
  char *copy = mx_xstrdup(text);
  uint64_t *slot = mx_map_find(&m->map, name, strlen(name));
  if (slot) free(AS(char *, *slot));
  mx_map_put(&m->map, name, strlen(name), BITS(copy));
}
