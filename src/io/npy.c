/* NumPy's .npy (numpy.org/doc/stable/reference/generated/numpy.lib.format.html): one array a file.
 *
 *     | \x93NUMPY | major, minor | header length, u16 (v1) or u32 (v2, v3) | header | elements |
 *
 * The header is a Python dict of descr (dtype and byte order), fortran_order and shape. bfloat16,
 * which NumPy lacks, is MLX's V2. */
#include "base/alloc.h"
#include "base/str.h"
#include "io/files.h"
#include "mlx/mx/cast.h"
#include "mlx/mx/shape.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char magic[6] = "\x93NUMPY";
enum { PREFIX = 10, LONG_PREFIX = 12, MAX_HEADER = 1 << 20 };

static const struct {
  mx_dtype dtype;
  const char *name; /* without the byte order */
} dtypes[] = {
    {MX_BOOL, "b1"},     {MX_UINT8, "u1"},     {MX_UINT16, "u2"},  {MX_UINT32, "u4"},
    {MX_UINT64, "u8"},   {MX_INT8, "i1"},      {MX_INT16, "i2"},   {MX_INT32, "i4"},
    {MX_INT64, "i8"},    {MX_FLOAT16, "f2"},   {MX_FLOAT32, "f4"}, {MX_FLOAT64, "f8"},
    {MX_BFLOAT16, "V2"}, {MX_COMPLEX64, "c8"},
};

typedef struct {
  mx_dtype dtype;
  bool big_endian, fortran;
  int ndim, shape[MX_MAX_NDIM];
  size_t bytes; /* of the elements */
} header;

/* ---- The header's dict ---- */

static const char *skip(const char *p) {
  while (isspace((unsigned char)*p)) p++;
  return p;
}

/* The text after `'key':`, or NULL. Keys stand in single or double quotes. */
static const char *value_of(const char *dict, const char *key) {
  size_t length = strlen(key);
  for (const char *p = dict; (p = strstr(p, key)); p += length) {
    if (p == dict || (p[-1] != '\'' && p[-1] != '"') || p[length] != p[-1]) continue;
    const char *colon = skip(p + length + 1);
    if (*colon == ':') return skip(colon + 1);
  }
  return NULL;
}

static bool parse_descr(const char *p, header *h) {
  if (!p || (*p != '\'' && *p != '"')) return false;
  char quote = *p++;
  h->big_endian = *p == '>';
  if (*p && strchr("<>|=", *p)) p++;
  for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
    if (!strncmp(p, dtypes[i].name, 2) && p[2] == quote) {
      h->dtype = dtypes[i].dtype;
      return true;
    }
  return false;
}

static bool parse_order(const char *p, header *h) {
  h->fortran = p && !strncmp(p, "True", 4);
  return h->fortran || (p && !strncmp(p, "False", 5));
}

static bool parse_shape(const char *p, header *h) {
  if (!p || *p != '(') return false;
  for (p = skip(p + 1); *p != ')'; p = skip(p)) {
    char *end;
    if (!isdigit((unsigned char)*p) || h->ndim == MX_MAX_NDIM) return false;
    unsigned long length = strtoul(p, &end, 10);
    if (length > INT_MAX) return false;
    h->shape[h->ndim++] = (int)length;
    p = skip(*end == 'L' ? end + 1 : end); /* Python 2 wrote 3L */
    if (*p == ',')
      p++;
    else if (*p != ')')
      return false;
  }
  return true;
}

static bool count_bytes(header *h) {
  h->bytes = mx_dtype_size(h->dtype);
  for (int i = 0; i < h->ndim; i++)
    if (__builtin_mul_overflow(h->bytes, (size_t)h->shape[i], &h->bytes)) return false;
  return h->bytes <= PTRDIFF_MAX;
}

static bool parse_header(const char *dict, const char *label, header *h) {
  *h = (header){0};
  const char *wrong = !parse_descr(value_of(dict, "descr"), h)           ? "descr"
                      : !parse_order(value_of(dict, "fortran_order"), h) ? "fortran_order"
                      : !parse_shape(value_of(dict, "shape"), h)         ? "shape"
                      : !count_bytes(h)                                  ? "shape"
                                                                         : NULL;
  if (!wrong) return true;
  const char *value = value_of(dict, wrong);
  int shown = value ? (int)strcspn(value, "\r\n") : 0;
  mx_fail("%s: unsupported or malformed %s in the npy header: %.*s", label, wrong,
          shown < 40 ? shown : 40, value ? value : "");
  return false;
}

/* Where the header begins and how long it is, from the file's first LONG_PREFIX bytes. */
static bool parse_prefix(const unsigned char *p, const char *label, size_t *start, size_t *length) {
  if (memcmp(p, magic, sizeof magic)) {
    mx_fail("[load] Invalid header in %s: it does not begin with \\x93NUMPY", label);
    return false;
  }
  int version = p[6];
  if (version < 1 || version > 3) {
    mx_fail("[load] Unsupported npy format version %d in %s (1, 2 and 3 are read)", version, label);
    return false;
  }
  *start = version == 1 ? PREFIX : LONG_PREFIX;
  *length = p[8] | (size_t)p[9] << 8;
  if (version > 1) *length |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
  if (*length > 0 && *length <= MAX_HEADER) return true;
  mx_fail("%s: npy header of %zu bytes; between 1 and %d can be right", label, *length, MAX_HEADER);
  return false;
}

/* ---- Loading ---- */

static void swap_bytes(char *data, size_t bytes, mx_dtype dtype) {
  size_t item = dtype == MX_COMPLEX64 ? 4 : mx_dtype_size(dtype);
  for (size_t at = 0; at + item <= bytes; at += item)
    for (size_t i = 0; i < item / 2; i++) {
      char byte = data[at + i];
      data[at + i] = data[at + item - 1 - i];
      data[at + item - 1 - i] = byte;
    }
}

/* The array of the elements at `offset`. Column-major ones are row-major with the axes reversed. */
static mx finish(const header *h, mx_buffer *buffer, size_t offset) {
  int shape[MX_MAX_NDIM];
  for (int i = 0; i < h->ndim; i++) shape[i] = h->shape[h->fortran ? h->ndim - 1 - i : i];
  mx a = mx_scope_own(mx_io_array(buffer, offset, h->dtype, shape, h->ndim));
  if (!a || !h->fortran || h->ndim < 2) return a;
  mx_scope scope = mx_scope_begin();
  return mx_scope_end(scope, mx_transpose(a));
}

/* The elements read into a buffer of their own. */
static mx_buffer *read_elements(mx_source source, const header *h, size_t offset) {
  mx_buffer *buffer = mx_buffer_new(h->bytes);
  if (!buffer || !h->bytes) return buffer;
  if (source.read(source.context, buffer->data, h->bytes, offset)) {
    if (h->big_endian) swap_bytes(buffer->data, h->bytes, h->dtype);
    return buffer;
  }
  mx_buffer_release(buffer);
  return mx_fail("%s: ends inside the %zu bytes of elements", source.label, h->bytes);
}

static bool read_header(mx_source source, header *h, size_t *elements) {
  unsigned char prefix[LONG_PREFIX] = {0};
  size_t start, length;
  if (!source.read(source.context, prefix, LONG_PREFIX, 0)) {
    mx_fail("[load] Failed to read %s", source.label);
    return false;
  }
  if (!parse_prefix(prefix, source.label, &start, &length)) return false;
  char *dict = mx_xcalloc(1, length + 1);
  bool good = source.read(source.context, dict, length, start);
  if (!good) mx_fail("%s: ends inside the npy header of %zu bytes", source.label, length);
  good = good && parse_header(dict, source.label, h);
  free(dict);
  *elements = start + length;
  return good;
}

mx mx_load_source(mx_source source) {
  header h;
  size_t elements;
  if (!read_header(source, &h, &elements)) return NULL;
  mx_buffer *buffer = read_elements(source, &h, elements);
  mx a = buffer ? finish(&h, buffer, 0) : NULL;
  mx_buffer_release(buffer);
  return a;
}

static bool read_mapped(void *context, void *to, size_t bytes, size_t offset) {
  const mx_buffer *file = context;
  if (offset > file->size || bytes > file->size - offset) return false;
  memcpy(to, (const char *)file->data + offset, bytes);
  return true;
}

mx mx_load(const char *path) {
  mx_buffer *file = mx_io_map("load", path, LONG_PREFIX);
  if (!file) return NULL;
  mx_source source = {file, read_mapped, path};
  header h;
  size_t elements;
  mx a = NULL;
  if (read_header(source, &h, &elements)) {
    if (h.bytes > file->size - elements)
      mx_fail("%s: ends inside the %zu bytes of elements", path, h.bytes);
    else if (h.big_endian)
      a = mx_load_source(source);
    else
      a = finish(&h, file, elements);
  }
  mx_buffer_release(file);
  return a;
}

/* ---- Saving ---- */

/* Prefix and header, padded so that the elements begin at a multiple of 64. */
static mx_str header_text(mx a, bool fortran) {
  const char *name = NULL;
  for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
    if (dtypes[i].dtype == a->dtype) name = dtypes[i].name;
  mx_str dict = {0}, all = {0};
  mx_str_printf(&dict, "{'descr': '%s%s', 'fortran_order': %s, 'shape': (",
                mx_dtype_size(a->dtype) > 1 ? "<" : "|", name, fortran ? "True" : "False");
  for (int i = 0; i < a->ndim; i++)
    mx_str_printf(&dict, i + 1 < a->ndim ? "%d, " : a->ndim == 1 ? "%d," : "%d", mx_shape_of(a)[i]);
  mx_str_puts(&dict, "), }");
  while ((PREFIX + dict.size + 1) % 64) mx_str_putc(&dict, ' ');
  mx_str_putc(&dict, '\n');
  mx_str_append(&all, magic, sizeof magic);
  mx_str_append(&all, (const char[]){1, 0, (char)(dict.size & 255), (char)(dict.size >> 8)}, 4);
  mx_str_append(&all, dict.data, dict.size);
  mx_str_free(&dict);
  return all;
}

int mx_save_sink(mx_sink sink, mx a) {
  mx_scope scope = mx_scope_begin();
  mx dense = mx_contiguous(a, .allow_col_major = true);
  const void *data = dense ? mx_data(dense) : NULL;
  bool written = false;
  if (data && !mx_nbytes(dense)) {
    mx_fail("[save] cannot serialize an empty array");
  } else if (data) {
    bool fortran = !dense->row_contiguous && mx_is_column_major(dense);
    mx_str head = header_text(dense, fortran);
    written = sink.write(sink.context, head.data, head.size) &&
              sink.write(sink.context, data, mx_nbytes(dense));
    mx_str_free(&head);
    if (!written) mx_fail("[save] Failed to write %s", sink.label);
  }
  mx_scope_end(scope, NULL);
  return written ? 0 : -1;
}

static int write_array(mx_sink sink, const void *a) { return mx_save_sink(sink, (mx)a); }

int mx_save(const char *path, mx a) { return a ? mx_io_save(path, ".npy", write_array, a) : -1; }
