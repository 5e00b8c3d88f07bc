/* Map handles: ctx is the native map; an iterator's ctx is the index of the next entry. */
#include "mlx/c/map.h"
#include "base/alloc.h"
#include "capi/capi.h"

#include <stdlib.h>

/* What an absent key, and the end of an iteration, return: no error. */
enum { ABSENT = 2 };

static int put_array(mx_array_map *map, const char *key, mx a) {
  return mx_array_map_put(map, key, a);
}
static int put_string(mx_string_map *map, const char *key, const char *text) {
  mx_string_map_put(map, key, text);
  return 0;
}
static void give_array(mlx_array *to, mx a) { capi_set(to, a); }
static void give_string(const char **to, const char *text) { *to = text; }

/* `kind` is the native map's name, `stored` its values' type; FROM turns the value of a call into
 * one, and a pointer of type `got` receives it. */
#define MAP(kind, stored, given, got, FROM)                                               \
  mlx_map_string_to_##kind mlx_map_string_to_##kind##_new(void) {                         \
    return (mlx_map_string_to_##kind){mx_##kind##_map_new()};                             \
  }                                                                                       \
                                                                                          \
  int mlx_map_string_to_##kind##_free(mlx_map_string_to_##kind map) {                     \
    mx_##kind##_map_free(map.ctx);                                                        \
    return 0;                                                                             \
  }                                                                                       \
                                                                                          \
  int mlx_map_string_to_##kind##_set(mlx_map_string_to_##kind *map,                       \
                                     const mlx_map_string_to_##kind src) {                \
    if (!src.ctx) return capi_fail("mlx_map_string_to_" #kind);                           \
    mx_##kind##_map *copy = mx_##kind##_map_new();                                        \
    for (size_t i = 0; i < mx_##kind##_map_size(src.ctx); i++)                            \
      put_##kind(copy, mx_##kind##_map_name(src.ctx, i), mx_##kind##_map_at(src.ctx, i)); \
    mx_##kind##_map_free(map->ctx);                                                       \
    map->ctx = copy;                                                                      \
    return 0;                                                                             \
  }                                                                                       \
                                                                                          \
  int mlx_map_string_to_##kind##_insert(mlx_map_string_to_##kind map, const char *key,    \
                                        given value) {                                    \
    if (!map.ctx) return capi_fail("mlx_map_string_to_" #kind);                           \
    if (!FROM(value)) return capi_fail("mlx_" #kind);                                     \
    return put_##kind(map.ctx, key, FROM(value)) ? capi_fail("mlx_" #kind) : 0;           \
  }                                                                                       \
                                                                                          \
  int mlx_map_string_to_##kind##_get(got value, const mlx_map_string_to_##kind map,       \
                                     const char *key) {                                   \
    if (!map.ctx) return capi_fail("mlx_map_string_to_" #kind);                           \
    stored found = mx_##kind##_map_get(map.ctx, key);                                     \
    if (!found) return ABSENT;                                                            \
    give_##kind(value, found);                                                            \
    return 0;                                                                             \
  }                                                                                       \
                                                                                          \
  mlx_map_string_to_##kind##_iterator mlx_map_string_to_##kind##_iterator_new(            \
      mlx_map_string_to_##kind map) {                                                     \
    if (!map.ctx) capi_fail("mlx_map_string_to_" #kind);                                  \
    void *place = map.ctx ? mx_xcalloc(1, sizeof(size_t)) : NULL;                         \
    return (mlx_map_string_to_##kind##_iterator){place, map.ctx};                         \
  }                                                                                       \
                                                                                          \
  int mlx_map_string_to_##kind##_iterator_free(mlx_map_string_to_##kind##_iterator it) {  \
    free(it.ctx);                                                                         \
    return 0;                                                                             \
  }                                                                                       \
                                                                                          \
  int mlx_map_string_to_##kind##_iterator_next(const char **key, got value,               \
                                               mlx_map_string_to_##kind##_iterator it) {  \
    size_t *place = it.ctx;                                                               \
    if (!place) return capi_fail("mlx_map_string_to_" #kind "_iterator");                 \
    stored found = mx_##kind##_map_at(it.map_ctx, *place);                                \
    if (!found) return ABSENT;                                                            \
    *key = mx_##kind##_map_name(it.map_ctx, (*place)++);                                  \
    give_##kind(value, found);                                                            \
    return 0;                                                                             \
  }

MAP(array, mx, const mlx_array, mlx_array *, A)
MAP(string, const char *, const char *, const char **, )
