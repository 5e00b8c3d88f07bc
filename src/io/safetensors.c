/* Loading and saving safetensors: mapped by path, read at once from a source. */
#include "io/safetensors.h"
#include "base/alloc.h"
#include "io/files.h"
#include "mlx/mx/cast.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static bool header_length(const unsigned char *bytes, const char *label, uint64_t *length) {
  *length = 0;
  for (int i = 7; i >= 0; i--) *length = *length << 8 | bytes[i];
  if (*length > 0 && *length < MX_ST_MAX_HEADER) return true;
  mx_fail("%s: invalid header length %llu", label, (unsigned long long)*length);
  return false;
}

static int add_tensors(const mx_st_header *h, mx_buffer *buffer, size_t data,
                       mx_array_map *arrays) {
  for (size_t i = 0; i < h->count; i++) {
    const mx_st_tensor *t = &h->tensors[i];
    mx a = mx_io_array(buffer, data + t->begin, t->dtype, t->shape, t->ndim);
    if (!a) return -1;
    mx_array_map_put(arrays, t->name, a);
    mx_release(a);
  }
  return 0;
}

/* ---- By path: the file is mapped ---- */

int mx_load_safetensors(const char *path, mx_array_map *arrays, mx_string_map *metadata) {
  mx_buffer *file = mx_io_map("load_safetensors", path, 8);
  if (!file) return -1;
  mx_st_header header = {0};
  uint64_t length;
  int result = -1;
  if (header_length(file->data, path, &length)) {
    if (length > file->size - 8)
      mx_fail("%s: the header of %llu bytes is longer than the file (%zu bytes)", path,
              (unsigned long long)length, file->size);
    else if (mx_st_parse((const char *)file->data + 8, length, file->size - 8 - length, path,
                         &header, metadata))
      result = add_tensors(&header, file, 8 + length, arrays);
  }
  mx_st_free(&header);
  mx_buffer_release(file);
  return result;
}

/* ---- From a source: everything is read at once ---- */

int mx_load_safetensors_source(mx_source source, mx_array_map *arrays, mx_string_map *metadata) {
  unsigned char first[8];
  uint64_t length;
  if (!source.read(source.context, first, 8, 0)) {
    mx_fail("[load_safetensors] Failed to read %s", source.label);
    return -1;
  }
  if (!header_length(first, source.label, &length)) return -1;
  char *json = mx_xmalloc(length);
  mx_st_header header = {0};
  int result = -1;
  if (!source.read(source.context, json, length, 8))
    mx_fail("%s: ends inside the header of %llu bytes", source.label, (unsigned long long)length);
  else if (mx_st_parse(json, length, SIZE_MAX, source.label, &header, metadata))
    result = 0;
  free(json);
  for (size_t i = 0; i < header.count && !result; i++) {
    mx_st_tensor *t = &header.tensors[i];
    mx_buffer *data = mx_buffer_new(t->bytes);
    if (!data)
      result = -1;
    else if (t->bytes &&
             !source.read(source.context, data->data, t->bytes, 8 + length + t->begin)) {
      mx_fail("%s: ends inside tensor \"%s\"", source.label, t->name);
      result = -1;
    }
    mx a = result ? NULL : mx_io_array(data, 0, t->dtype, t->shape, t->ndim);
    if (!a || mx_array_map_put(arrays, t->name, a)) result = -1;
    mx_release(a);
    mx_buffer_release(data);
  }
  mx_st_free(&header);
  return result;
}

/* ---- Saving ---- */

/* The header's JSON, padded with spaces so that the data begins at a multiple of 8. */
static char *header_json(const mx_array_map *arrays, const mx_string_map *metadata) {
  json_t *root = json_object(), *texts = json_object();
  for (size_t i = 0; metadata && i < mx_string_map_size(metadata); i++)
    json_object_set_new(texts, mx_string_map_name(metadata, i),
                        json_string_nocheck(mx_string_map_at(metadata, i)));
  json_object_set_new(root, "__metadata__", texts);
  size_t offset = 0;
  for (size_t i = 0; i < mx_array_map_size(arrays); i++) {
    mx a = mx_array_map_at(arrays, i);
    json_t *shape = json_array();
    for (int d = 0; d < a->ndim; d++) json_array_append_new(shape, json_integer(mx_shape_of(a)[d]));
    json_object_set_new_nocheck(root, mx_array_map_name(arrays, i),
                                json_pack("{s:s, s:o, s:[I,I]}", "dtype",
                                          mx_st_dtype_name(a->dtype), "shape", shape,
                                          "data_offsets", (json_int_t)offset,
                                          (json_int_t)offset + (json_int_t)mx_nbytes(a)));
    offset += mx_nbytes(a);
  }
  char *compact = json_dumps(root, JSON_COMPACT);
  json_decref(root);
  if (!compact) return mx_fail("[save_safetensors] A name or metadata text is not valid UTF-8.");
  size_t length = strlen(compact), padded = (length + 7) & ~(size_t)7;
  char *text = mx_xmalloc(padded + 1);
  memcpy(text, compact, length);
  memset(text + length, ' ', padded - length);
  text[padded] = 0;
  free(compact);
  return text;
}

static bool check_saveable(const mx_array_map *arrays) {
  for (size_t i = 0; i < mx_array_map_size(arrays); i++) {
    mx a = mx_array_map_at(arrays, i);
    if (!mx_nbytes(a))
      mx_fail("[save_safetensors] cannot serialize an empty array key: %s",
              mx_array_map_name(arrays, i));
    else if (!mx_st_dtype_name(a->dtype))
      mx_fail("[save_safetensors] received invalid dtype %s under key %s", mx_dtype_name(a->dtype),
              mx_array_map_name(arrays, i));
    else if (!strcmp(mx_array_map_name(arrays, i), "__metadata__"))
      mx_fail("[save_safetensors] __metadata__ cannot name an array");
    else
      continue;
    return false;
  }
  return true;
}

static bool write_array(mx_sink sink, mx a) {
  mx_scope scope = mx_scope_begin();
  mx dense = mx_contiguous(a);
  const void *data = mx_data(dense);
  bool written = data && sink.write(sink.context, data, mx_nbytes(a));
  if (data && !written) mx_fail("[save_safetensors] Failed to write %s", sink.label);
  mx_scope_end(scope, NULL);
  return written;
}

int mx_save_safetensors_sink(mx_sink sink, const mx_array_map *arrays,
                             const mx_string_map *metadata) {
  char *json = check_saveable(arrays) ? header_json(arrays, metadata) : NULL;
  if (!json) return -1;
  uint64_t length = strlen(json);
  unsigned char first[8];
  for (int i = 0; i < 8; i++) first[i] = (unsigned char)(length >> (8 * i));
  bool written = sink.write(sink.context, first, 8) && sink.write(sink.context, json, length);
  if (!written) mx_fail("[save_safetensors] Failed to write %s", sink.label);
  for (size_t i = 0; written && i < mx_array_map_size(arrays); i++)
    written = write_array(sink, mx_array_map_at(arrays, i));
  free(json);
  return written ? 0 : -1;
}

typedef struct {
  const mx_array_map *arrays;
  const mx_string_map *metadata;
} contents;

static int write_contents(mx_sink sink, const void *given) {
  const contents *c = given;
  return mx_save_safetensors_sink(sink, c->arrays, c->metadata);
}

int mx_save_safetensors(const char *path, const mx_array_map *arrays,
                        const mx_string_map *metadata) {
  return mx_io_save(path, ".safetensors", write_contents, &(contents){arrays, metadata});
}
