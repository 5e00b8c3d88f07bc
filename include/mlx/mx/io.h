/* Arrays in files. Malformed files are errors that name the file and the field; what is written
 * appears whole or not at all (a temporary file, then a rename). */
#ifndef MLX_MX_IO_H
#define MLX_MX_IO_H

#include "mlx/mx/array.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Named arrays, and named texts, in insertion order. Each holds a reference to its arrays. */
typedef struct mx_array_map mx_array_map;
typedef struct mx_string_map mx_string_map;

MX_API mx_array_map *mx_array_map_new(void);
MX_API void mx_array_map_free(mx_array_map *map); /* NULL is fine */
MX_API size_t mx_array_map_size(const mx_array_map *map);
MX_API const char *mx_array_map_name(const mx_array_map *map, size_t i);
/* The name's place; SIZE_MAX where it is absent. */
MX_API size_t mx_array_map_index(const mx_array_map *map, const char *name);
/* The array, which stays the map's; NULL (no error recorded) where the name is absent. */
MX_API mx mx_array_map_at(const mx_array_map *map, size_t i);
MX_API mx mx_array_map_get(const mx_array_map *map, const char *name);
/* Inserts or replaces. -1 after mx_fail where the array is NULL. */
MX_API int mx_array_map_put(mx_array_map *map, const char *name, mx a);

MX_API mx_string_map *mx_string_map_new(void);
MX_API void mx_string_map_free(mx_string_map *map);
MX_API size_t mx_string_map_size(const mx_string_map *map);
MX_API const char *mx_string_map_name(const mx_string_map *map, size_t i);
MX_API const char *mx_string_map_at(const mx_string_map *map, size_t i);
MX_API const char *mx_string_map_get(const mx_string_map *map, const char *name);
MX_API void mx_string_map_put(mx_string_map *map, const char *name, const char *text);

/* Where bytes come from: read fills `to` with bytes [offset, offset + bytes); false on failure. */
typedef struct mx_source {
  void *context;
  bool (*read)(void *context, void *to, size_t bytes, size_t offset);
  const char *label; /* names it in messages */
} mx_source;

/* Where bytes go, in order; false on failure. */
typedef struct mx_sink {
  void *context;
  bool (*write)(void *context, const void *from, size_t bytes);
  const char *label;
} mx_sink;

/* .npy (numpy.lib.format, versions 1 to 3): one array. By path, the file is mapped as below; from a
 * source it is read at once. Either byte order and either order of the axes; bfloat16 is "V2", as
 * MLX writes it. NULL after mx_fail. */
MX_API mx mx_load(const char *path);
MX_API mx mx_load_source(mx_source source);
/* Evaluates and writes; ".npy" is appended to a path that lacks it. An array without elements is an
 * error. 0, or -1 after mx_fail (or where `a` is NULL). */
MX_API int mx_save(const char *path, mx a);
MX_API int mx_save_sink(mx_sink sink, mx a);

/* safetensors (huggingface.co/docs/safetensors): an 8-byte little-endian header length, a JSON
 * header {name: {dtype, shape, data_offsets}}, then the data. Loading by path maps the file: an
 * array's bytes are read when something computes with them, and used where they lie; the file must
 * not be overwritten in place while arrays from it live. Loading from a source reads at once.
 * Adds to `arrays`, and to `metadata` (may be NULL). 0, or -1 after mx_fail. */
MX_API int mx_load_safetensors(const char *path, mx_array_map *arrays, mx_string_map *metadata);
MX_API int mx_load_safetensors_source(mx_source source, mx_array_map *arrays,
                                      mx_string_map *metadata);
/* Evaluates and writes; ".safetensors" is appended to a path that lacks it. metadata may be NULL.
 */
MX_API int mx_save_safetensors(const char *path, const mx_array_map *arrays,
                               const mx_string_map *metadata);
MX_API int mx_save_safetensors_sink(mx_sink sink, const mx_array_map *arrays,
                                    const mx_string_map *metadata);

#ifdef __cplusplus
}
#endif
#endif
