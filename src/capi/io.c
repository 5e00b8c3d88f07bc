/* Readers and writers over the program's function tables, and files. */
#include "mlx/c/io.h"
#include "base/alloc.h"
#include "capi/capi.h"

#include <stdlib.h>

/* What both kinds of handle point to. */
typedef struct {
  void *descriptor;
  mlx_io_vtable table;
} io;

static void *make(void *descriptor, mlx_io_vtable table) {
  io *made = mx_xmalloc(sizeof *made);
  *made = (io){descriptor, table};
  return made;
}

static const char *label(const io *i) {
  return i->table.label ? i->table.label(i->descriptor) : "stream";
}

static bool is_good(const io *i) { return !i->table.good || i->table.good(i->descriptor); }

static bool is_usable(const io *i) {
  return is_good(i) && (!i->table.is_open || i->table.is_open(i->descriptor));
}

#define HANDLE(kind)                                                     \
  mlx_io_##kind mlx_io_##kind##_new(void *desc, mlx_io_vtable vtable) {  \
    return (mlx_io_##kind){make(desc, vtable)};                          \
  }                                                                      \
  int mlx_io_##kind##_descriptor(void **desc_, mlx_io_##kind handle) {   \
    if (!handle.ctx) return capi_fail("mlx_io_" #kind);                  \
    *desc_ = ((const io *)handle.ctx)->descriptor;                       \
    return 0;                                                            \
  }                                                                      \
  int mlx_io_##kind##_tostring(mlx_string *str_, mlx_io_##kind handle) { \
    if (!handle.ctx) return capi_fail("mlx_io_" #kind);                  \
    capi_set_string(str_, label(handle.ctx));                            \
    return 0;                                                            \
  }                                                                      \
  int mlx_io_##kind##_free(mlx_io_##kind handle) {                       \
    io *i = handle.ctx;                                                  \
    if (i && i->table.free) i->table.free(i->descriptor);                \
    free(i);                                                             \
    return 0;                                                            \
  }
HANDLE(reader)
HANDLE(writer)

static bool read_at(void *context, void *to, size_t bytes, size_t offset) {
  const io *i = context;
  i->table.read_at_offset(i->descriptor, to, bytes, offset);
  return is_good(i);
}

static bool write_on(void *context, const void *from, size_t bytes) {
  const io *i = context;
  i->table.write(i->descriptor, from, bytes);
  return is_good(i);
}

/* Whether the stream can be used; the error is recorded otherwise (none for an empty handle). */
static bool is_open(const io *i, const char *op) {
  if (!i || is_usable(i)) return i;
  mx_fail("[%s] Failed to open %s", op, label(i));
  return false;
}

#define SOURCE(handle) ((mx_source){(handle).ctx, read_at, label((handle).ctx)})
#define SINK(handle) ((mx_sink){(handle).ctx, write_on, label((handle).ctx)})

/* ---- .npy ---- */

int mlx_load(mlx_array *res, const char *file, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_load(file));
}

int mlx_load_reader(mlx_array *res, mlx_io_reader in_stream, const mlx_stream s) {
  if (!is_open(in_stream.ctx, "load")) return capi_fail("mlx_io_reader");
  CAPI_RETURN(res, s, mx_load_source(SOURCE(in_stream)));
}

int mlx_save(const char *file, const mlx_array a) {
  return !A(a) || mx_save(file, A(a)) ? capi_fail("mlx_array") : 0;
}

int mlx_save_writer(mlx_io_writer out_stream, const mlx_array a) {
  if (!is_open(out_stream.ctx, "save")) return capi_fail("mlx_io_writer");
  return !A(a) || mx_save_sink(SINK(out_stream), A(a)) ? capi_fail("mlx_array") : 0;
}

/* ---- safetensors ---- */

/* Loads into fresh maps, which become the caller's where that succeeds. */
typedef struct {
  mx_array_map *arrays;
  mx_string_map *metadata;
} contents;

static contents begin(void) { return (contents){mx_array_map_new(), mx_string_map_new()}; }

static int finish(contents loaded, bool failed, mlx_map_string_to_array *arrays,
                  mlx_map_string_to_string *metadata) {
  mx_array_map_free(failed ? loaded.arrays : arrays->ctx);
  mx_string_map_free(failed ? loaded.metadata : metadata->ctx);
  if (failed) return capi_fail("safetensors");
  arrays->ctx = loaded.arrays;
  metadata->ctx = loaded.metadata;
  return 0;
}

int mlx_load_safetensors(mlx_map_string_to_array *res_0, mlx_map_string_to_string *res_1,
                         const char *file, const mlx_stream s) {
  (void)s; /* nothing is computed */
  contents loaded = begin();
  bool failed = mx_load_safetensors(file, loaded.arrays, loaded.metadata);
  return finish(loaded, failed, res_0, res_1);
}

int mlx_load_safetensors_reader(mlx_map_string_to_array *res_0, mlx_map_string_to_string *res_1,
                                mlx_io_reader in_stream, const mlx_stream s) {
  (void)s;
  if (!is_open(in_stream.ctx, "load_safetensors")) return capi_fail("mlx_io_reader");
  contents loaded = begin();
  bool failed = mx_load_safetensors_source(SOURCE(in_stream), loaded.arrays, loaded.metadata);
  return finish(loaded, failed, res_0, res_1);
}

int mlx_save_safetensors(const char *file, const mlx_map_string_to_array param,
                         const mlx_map_string_to_string metadata) {
  if (!param.ctx) return capi_fail("mlx_map_string_to_array");
  return mx_save_safetensors(file, param.ctx, metadata.ctx) ? capi_fail("safetensors") : 0;
}

int mlx_save_safetensors_writer(mlx_io_writer in_stream, const mlx_map_string_to_array param,
                                const mlx_map_string_to_string metadata) {
  if (!is_open(in_stream.ctx, "save_safetensors")) return capi_fail("mlx_io_writer");
  if (!param.ctx) return capi_fail("mlx_map_string_to_array");
  return mx_save_safetensors_sink(SINK(in_stream), param.ctx, metadata.ctx)
             ? capi_fail("safetensors")
             : 0;
}
