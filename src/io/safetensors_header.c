/* The safetensors header: JSON in, checked tensor entries out. */
#include "base/alloc.h"
#include "io/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  const char *name;
  mx_dtype dtype;
} dtypes[] = {
    {"F32", MX_FLOAT32}, {"F16", MX_FLOAT16},   {"BF16", MX_BFLOAT16}, {"F64", MX_FLOAT64},
    {"I8", MX_INT8},     {"I16", MX_INT16},     {"I32", MX_INT32},     {"I64", MX_INT64},
    {"U8", MX_UINT8},    {"U16", MX_UINT16},    {"U32", MX_UINT32},    {"U64", MX_UINT64},
    {"BOOL", MX_BOOL},   {"C64", MX_COMPLEX64}, {"F8_E4M3", MX_UINT8},
};

const char *mx_st_dtype_name(mx_dtype dtype) {
  for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
    if (dtypes[i].dtype == dtype) return dtypes[i].name;
  return NULL;
}

static bool parse_dtype(const json_t *value, mx_dtype *dtype) {
  const char *name = json_string_value(value);
  for (size_t i = 0; name && i < sizeof dtypes / sizeof *dtypes; i++)
    if (!strcmp(dtypes[i].name, name)) {
      *dtype = dtypes[i].dtype;
      return true;
    }
  return false;
}

/* Shape and element count; false where a length is no whole number in [0, 2^31), or where the
 * product overflows. */
static bool parse_shape(const json_t *value, mx_st_tensor *t, size_t *elements) {
  size_t count = json_array_size(value);
  if (!json_is_array(value) || count > MX_MAX_NDIM) return false;
  *elements = 1;
  t->ndim = (int)count;
  for (size_t i = 0; i < count; i++) {
    const json_t *length = json_array_get(value, i);
    json_int_t n = json_integer_value(length);
    if (!json_is_integer(length) || n < 0 || n > INT32_MAX) return false;
    t->shape[i] = (int)n;
    if (__builtin_mul_overflow(*elements, (size_t)n, elements)) return false;
  }
  return true;
}

static bool parse_tensor(const char *label, const json_t *entry, mx_st_tensor *t,
                         size_t data_bytes) {
  size_t elements, need;
  const json_t *offsets = json_object_get(entry, "data_offsets");
  const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
  if (!json_is_object(entry))
    mx_fail("%s: tensor \"%s\" is not an object", label, t->name);
  else if (!parse_dtype(json_object_get(entry, "dtype"), &t->dtype))
    mx_fail("%s: tensor \"%s\" has an unsupported dtype %s", label, t->name,
            json_is_string(json_object_get(entry, "dtype"))
                ? json_string_value(json_object_get(entry, "dtype"))
                : "(none)");
  else if (!parse_shape(json_object_get(entry, "shape"), t, &elements))
    mx_fail("%s: tensor \"%s\" has no valid shape", label, t->name);
  else if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end) ||
           json_integer_value(begin) < 0 || json_integer_value(end) < json_integer_value(begin))
    mx_fail("%s: tensor \"%s\" has no valid data_offsets", label, t->name);
  else if (__builtin_mul_overflow(elements, mx_dtype_size(t->dtype), &need) ||
           need != (size_t)(json_integer_value(end) - json_integer_value(begin)))
    mx_fail("%s: tensor \"%s\" has %lld bytes of data where its shape %s needs another number",
            label, t->name, (long long)(json_integer_value(end) - json_integer_value(begin)),
            mx_shape_text(t->shape, t->ndim));
  else if ((size_t)json_integer_value(end) > data_bytes)
    mx_fail("%s: tensor \"%s\" ends at byte %lld of the data, but there are only %zu", label,
            t->name, (long long)json_integer_value(end), data_bytes);
  else {
    t->begin = (size_t)json_integer_value(begin);
    t->bytes = need;
    return true;
  }
  return false;
}

static int by_begin(const void *a, const void *b) {
  const mx_st_tensor *x = a, *y = b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static bool check_overlap(const char *label, const mx_st_header *h) {
  for (size_t i = 1; i < h->count; i++) {
    const mx_st_tensor *a = &h->tensors[i - 1], *b = &h->tensors[i];
    if (b->begin >= a->begin + a->bytes) continue;
    mx_fail("%s: tensors \"%s\" and \"%s\" overlap", label, a->name, b->name);
    return false;
  }
  return true;
}

static bool parse_metadata(const char *label, json_t *entry, mx_string_map *metadata) {
  const char *key;
  json_t *value;
  if (!json_is_object(entry) && !json_is_null(entry)) {
    mx_fail("%s: __metadata__ is not an object", label);
    return false;
  }
  json_object_foreach(entry, key, value) {
    if (!json_is_string(value)) {
      mx_fail("%s: __metadata__ \"%s\" is not a string", label, key);
      return false;
    }
    if (metadata) mx_string_map_put(metadata, key, json_string_value(value));
  }
  return true;
}

bool mx_st_parse(const char *text, size_t length, size_t data_bytes, const char *label,
                 mx_st_header *header, mx_string_map *metadata) {
  json_error_t error;
  json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error), *entry;
  *header = (mx_st_header){0};
  if (!json_is_object(root)) {
    mx_fail("%s: the header is not a JSON object (%s)", label, root ? "another type" : error.text);
    json_decref(root);
    return false;
  }
  header->tensors = mx_xcalloc(json_object_size(root) + 1, sizeof *header->tensors);
  bool good = true;
  const char *key;
  json_object_foreach(root, key, entry) {
    if (!strcmp(key, "__metadata__")) {
      good = parse_metadata(label, entry, metadata);
    } else {
      mx_st_tensor *t = &header->tensors[header->count++];
      t->name = mx_xstrdup(key);
      good = parse_tensor(label, entry, t, data_bytes);
    }
    if (!good) break;
  }
  json_decref(root);
  if (good) qsort(header->tensors, header->count, sizeof *header->tensors, by_begin);
  good = good && check_overlap(label, header);
  if (!good) mx_st_free(header);
  return good;
}

void mx_st_free(mx_st_header *header) {
  for (size_t i = 0; i < header->count; i++) free(header->tensors[i].name);
  free(header->tensors);
  *header = (mx_st_header){0};
}
