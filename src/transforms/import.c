/* Functions out of MLX's .mlxfn files. Every step is made by the public constructors and must come
 * out as the file says, so that a malformed file is an error and nothing worse. */
#include "base/ptr_map.h"
#include "io/files.h"
#include "transforms/mlxfn.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  tr_signature signature;
  tr_graph graph;
} function;

struct mx_imported {
  bool shapeless;
  MX_VEC(function) functions;
};

/* ---- Reading ---- */

/* What ids stand for. */
typedef struct {
  mx_ptr_map places; /* id + 1, as a pointer -> place in arrays */
  MX_VEC(mx) arrays; /* owned */
} names;

typedef struct {
  const char *path;
  mx_buffer *file;
  mx_state state;
  names constants; /* of the file so far */
  names arrays;    /* of the function so far */
} reader;

static bool malformed(reader *r, const char *what) {
  if (!mx_error()) mx_fail("%s: %s at byte %zu", r->path, what, r->state.at);
  return false;
}

static bool read_all(reader *r) { return !r->state.failed || malformed(r, "malformed function"); }

static const void *key_of(uint64_t id) { return (const void *)(uintptr_t)(id + 1); }

static mx find(const names *list, uint64_t id) {
  uint32_t *at = key_of(id) ? mx_ptr_find(&list->places, key_of(id)) : NULL;
  return at ? list->arrays.data[*at] : NULL;
}

/* Remembers the array, and holds it. */
static void name(names *list, uint64_t id, mx a) {
  if (!key_of(id)) return;
  *mx_ptr_put(&list->places, key_of(id)) = (uint32_t)list->arrays.size;
  mx_vec_push(&list->arrays, mx_retain(a));
}

static void forget(names *list) {
  for (size_t i = 0; i < list->arrays.size; i++) mx_release(list->arrays.data[i]);
  mx_vec_free(&list->arrays);
  mx_ptr_free(&list->places);
}

/* A length, of things that take at least `bytes` each; 0 where that many cannot follow. */
static size_t read_length(reader *r, size_t bytes) {
  uint64_t n = 0;
  mx_state_uint64(&r->state, &n);
  if (n > INT_MAX || n > (r->state.size - r->state.at) / bytes) r->state.failed = true;
  return r->state.failed ? 0 : (size_t)n;
}

static mx read_reference(reader *r) {
  uint64_t id = 0;
  mx_state_uint64(&r->state, &id);
  mx a = r->state.failed ? NULL : find(&r->arrays, id);
  if (!a && read_all(r)) malformed(r, "an array that no step has made");
  return a;
}

static bool read_inputs(reader *r, function *f) {
  size_t count = read_length(r, 8);
  uint64_t *ids = mx_xcalloc(count + 1, sizeof *ids);
  for (size_t i = 0; i < count; i++) mx_state_uint64(&r->state, &ids[i]);
  if (read_length(r, 9) != count) r->state.failed = true;
  for (size_t i = 0; i < count && !r->state.failed; i++) {
    mx_spec spec = {0};
    int shape[MX_MAX_NDIM];
    tr_state_spec(&r->state, &spec, shape);
    mx a = r->state.failed ? NULL : mx_scope_own(mx_array_alloc(spec.dtype, shape, spec.ndim));
    if (!a) break;
    mx_vec_push(&f->signature.inputs, a);
    name(&r->arrays, ids[i], a);
  }
  free(ids);
  return read_all(r) && (f->signature.inputs.size == count || malformed(r, "an impossible input"));
}

static mx read_constant(reader *r, uint64_t id) {
  mx known = find(&r->constants, id);
  if (known) return known;
  mx_spec spec = {0};
  int shape[MX_MAX_NDIM];
  tr_state_spec(&r->state, &spec, shape);
  if (!read_all(r)) return NULL;
  mx sized = mx_array_alloc(spec.dtype, shape, spec.ndim);
  if (!sized) return NULL;
  size_t bytes = mx_nbytes(sized);
  mx_release(sized);
  if (bytes > r->state.size - r->state.at) {
    malformed(r, "a constant that is longer than the file");
    return NULL;
  }
  mx a = mx_scope_own(mx_io_array(r->file, r->state.at, spec.dtype, shape, spec.ndim));
  r->state.at += bytes;
  if (a) name(&r->constants, id, a);
  return a;
}

/* ---- A step that has a primitive ---- */

typedef struct {
  mx *inputs;
  int input_count;
  const mx_codec *codec;
  union {
    max_align_t aligned;
    char bytes[MX_CODEC_PARAMS];
  } params;
  mx *outputs;
  int output_count;
} made;

/* The first two streams of a process are its defaults, of the GPU (where there is one) and the CPU:
 * such steps go to the caller's, as do those of a GPU that is not here. Others must exist. */
static bool read_stream(reader *r, mx_stream *stream) {
  int index = 0, type = 0, device = 0;
  mx_state_int(&r->state, &index);
  mx_state_int(&r->state, &type);
  mx_state_int(&r->state, &device);
  if (!read_all(r)) return false;
  *stream = (mx_stream){index, {type ? MX_GPU : MX_CPU, device}};
  if (index == 0 || index == 1 || !mx_is_device_available((mx_device){stream->device.type, 0}))
    *stream = mx_current_stream();
  if (mx_is_stream(*stream)) return true;
  mx_fail("%s: [import_function] Invalid stream encountered Stream(Device(%s, %d), %d).", r->path,
          type ? "gpu" : "cpu", device, index);
  return false;
}

static bool read_class(reader *r, made *m) {
  char *text = NULL;
  mx_state_text(&r->state, &text);
  bool good = read_all(r);
  m->codec = good ? mx_codec_named(text) : NULL;
  if (good && (!m->codec || !*text))
    good =
        (mx_fail("%s: [import_function] Unable to deserialize primitive %s", r->path, text), false);
  free(text);
  if (!good || !m->codec->visit) return good;
  r->state.inputs = m->inputs;
  r->state.input_count = m->input_count;
  const mx_codec *entry = m->codec->visit(&r->state, m->codec, m->params.bytes);
  if (!read_all(r)) return false;
  if (!entry) return malformed(r, "impossible parameters of a primitive");
  m->codec = entry;
  return true;
}

static bool build(reader *r, made *m, mx_dtype dtype) {
  const mx_codec *c = m->codec;
  bool good;
  if (c->unary)
    good = m->input_count == 1 && m->output_count == 1 &&
           (m->outputs[0] = c->unary(m->inputs[0])) != NULL;
  else if (c->binary)
    good = m->input_count == 2 && m->output_count == 1 &&
           (m->outputs[0] = c->binary(m->inputs[0], m->inputs[1])) != NULL;
  else
    good = c->build && c->build(&(mx_build){m->params.bytes, m->inputs, m->outputs, m->input_count,
                                            m->output_count, dtype});
  if (good) return true;
  if (mx_error()) {
    char *message = mx_xstrdup(mx_error());
    mx_error_clear();
    mx_fail("%s: %s", r->path, message);
    free(message);
  }
  return malformed(r, "a primitive with the wrong number of inputs or outputs");
}

static bool check_output(reader *r, const made *m, int i, mx_dtype dtype, const int *shape,
                         int ndim) {
  mx a = m->outputs[i];
  if (!a) return malformed(r, "a primitive without a result");
  if (a->dtype == dtype && a->ndim == ndim && mx_same_shape(mx_shape_of(a), shape, ndim))
    return true;
  mx_fail("%s: %s gives %s %s, not %s %s as the file says", r->path, m->codec->name,
          mx_shape_text_of(a), mx_dtype_name(a->dtype), mx_shape_text(shape, ndim),
          mx_dtype_name(dtype));
  return false;
}

/* What the outputs will be called, and whether they are what they should be. */
static bool read_outputs(reader *r, made *m, uint64_t id) {
  int shape[MX_MAX_NDIM];
  mx_spec spec = {0};
  uint64_t siblings = 0;
  mx_state_uint64(&r->state, &siblings);
  /* Each has an id to come. */
  if (siblings > INT_MAX - 1 || siblings > (r->state.size - r->state.at) / 8)
    r->state.failed = true;
  if (!read_all(r)) return false;
  m->output_count = (int)siblings + 1;
  m->outputs = mx_xcalloc((size_t)m->output_count, sizeof *m->outputs);
  if (!siblings) {
    tr_state_spec(&r->state, &spec, shape);
    if (!read_all(r) || !build(r, m, spec.dtype) ||
        !check_output(r, m, 0, spec.dtype, spec.shape, spec.ndim))
      return false;
    name(&r->arrays, id, m->outputs[0]);
    return true;
  }
  size_t count = read_length(r, 8);
  if (count != siblings + 1) return malformed(r, "a number of outputs that is not the primitive's");
  size_t ids_at = r->state.at;
  r->state.at += count * 8;
  if (!build(r, m, MX_BOOL) || read_length(r, 8) != count) return malformed(r, "malformed outputs");
  size_t shapes_at = r->state.at;
  for (size_t i = 0; i < count; i++) mx_state_ints(&r->state, shape, &spec.ndim, MX_MAX_NDIM);
  if (read_length(r, 5) != count) return malformed(r, "malformed outputs");
  mx_state shapes = r->state, ids = r->state;
  shapes.at = shapes_at;
  ids.at = ids_at;
  for (size_t i = 0; i < count; i++) {
    uint64_t own = 0;
    mx_state_uint64(&ids, &own);
    mx_state_ints(&shapes, shape, &spec.ndim, MX_MAX_NDIM);
    mx_state_dtype(&r->state, &spec.dtype);
    if (!read_all(r) || !check_output(r, m, (int)i, spec.dtype, shape, spec.ndim)) return false;
    name(&r->arrays, own, m->outputs[i]);
  }
  return true;
}

static bool read_node(reader *r, uint64_t id) {
  made *m = mx_xcalloc(1, sizeof *m);
  size_t count = read_length(r, 8);
  m->inputs = mx_xcalloc(count + 1, sizeof *m->inputs);
  m->input_count = (int)count;
  bool good = read_all(r);
  for (size_t i = 0; i < count && good; i++) good = (m->inputs[i] = read_reference(r)) != NULL;
  mx_stream stream;
  good = good && read_stream(r, &stream);
  if (good) {
    mx_stream before = mx_use_stream(stream);
    good = read_class(r, m) && read_outputs(r, m, id);
    mx_use_stream(before);
  }
  free(m->inputs);
  free(m->outputs);
  free(m);
  return good;
}

static bool read_step(reader *r) {
  uint64_t id = 0;
  bool node = false, constant = false;
  mx_state_uint64(&r->state, &id);
  mx_state_bool(&r->state, &node);
  if (!read_all(r)) return false;
  if (node) return read_node(r, id);
  mx_state_bool(&r->state, &constant);
  if (!read_all(r)) return false;
  if (!constant)
    return find(&r->arrays, id) || malformed(r, "an input that the function does not have");
  mx a = read_constant(r, id);
  if (a) name(&r->arrays, id, a);
  return a != NULL;
}

static bool read_function(reader *r, function *f) {
  size_t keywords = read_length(r, 8);
  for (size_t i = 0; i < keywords && !r->state.failed; i++) {
    char *text = NULL;
    mx_state_text(&r->state, &text);
    mx_vec_push(&f->signature.keywords, text);
  }
  if (!read_all(r) || !read_inputs(r, f)) return false;
  if (keywords > f->signature.inputs.size) return malformed(r, "more keywords than inputs");
  size_t outputs = read_length(r, 8), at = r->state.at;
  r->state.at += outputs * 8;
  size_t steps = read_length(r, 10);
  bool good = read_all(r);
  for (size_t i = 0; i < steps && good; i++) good = read_step(r);
  mx_state after = r->state;
  r->state.at = at;
  MX_VEC(mx) results = {0};
  for (size_t i = 0; i < outputs && good; i++) {
    mx a = read_reference(r);
    good = a != NULL;
    if (good) mx_vec_push(&results, a);
  }
  r->state.at = after.at;
  if (good)
    tr_graph_record(&f->graph, f->signature.inputs.data, NULL, (int)f->signature.inputs.size,
                    results.data, (int)results.size);
  mx_vec_free(&results);
  return good;
}

static void function_free(function *f) {
  tr_signature_free(&f->signature);
  tr_graph_free(&f->graph);
}

static bool read_file(reader *r, mx_imported *imported) {
  char *version = NULL;
  int count = 0;
  mx_state_text(&r->state, &version);
  free(version);
  mx_state_int(&r->state, &count);
  mx_state_bool(&r->state, &imported->shapeless);
  bool good = read_all(r) && (count >= 0 || malformed(r, "a negative number of functions"));
  for (int i = 0; i < count && good; i++) {
    function f = {0};
    good = read_function(r, &f);
    forget(&r->arrays);
    if (good)
      mx_vec_push(&imported->functions, f);
    else
      function_free(&f);
  }
  return good;
}

mx_imported *mx_import_function(const char *path) {
  mx_buffer *file = mx_io_map("import_function", path, 1);
  if (!file) return NULL;
  reader r = {.path = path, .file = file};
  r.state = (mx_state){.mode = MX_STATE_READ, .in = file->data, .size = file->size};
  mx_imported *imported = mx_xcalloc(1, sizeof *imported);
  mx_scope scope = mx_scope_begin();
  bool good = read_file(&r, imported);
  mx_scope_end(scope, NULL);
  forget(&r.constants);
  mx_buffer_release(file);
  if (good) return imported;
  mx_imported_free(imported);
  return NULL;
}

void mx_imported_free(mx_imported *f) {
  if (!f) return;
  for (size_t i = 0; i < f->functions.size; i++) function_free(&f->functions.data[i]);
  mx_vec_free(&f->functions);
  free(f);
}

/* ---- Calling ---- */

static void no_match(const mx_imported *f, const tr_arguments *a) {
  mx_str text = {0};
  for (size_t i = 0; i < f->functions.size; i++) {
    const tr_signature *s = &f->functions.data[i].signature;
    mx_str_printf(&text, "%s%zu. ", i ? "; " : "", i + 1);
    tr_arguments_print(&text, s->inputs.data, (int)s->inputs.size,
                       (const char *const *)s->keywords.data, (int)s->keywords.size);
  }
  mx_str_puts(&text, ". Called with ");
  tr_arguments_print(&text, a->inputs, a->count, a->keywords, a->keyword_count);
  mx_fail("[import_function::call] No imported function found which matches the given positional "
          "and keyword arguments. Possible functions include: %s.",
          mx_str_c(&text));
  mx_str_free(&text);
}

static bool call(const mx_imported *f, const tr_arguments *a, mx_arrays *outputs) {
  for (size_t i = 0; i < f->functions.size; i++) {
    const function *one = &f->functions.data[i];
    if (tr_signature_fits(&one->signature, a->inputs, a->count, a->keywords, a->keyword_count,
                          f->shapeless))
      return tr_graph_replay(&one->graph, a->inputs, f->shapeless, mx_node_again, outputs);
  }
  no_match(f, a);
  return false;
}

bool mx_imported_apply(const mx_imported *f, const mx *args, int count,
                       const mx_array_map *keywords, mx_arrays *outputs) {
  tr_arguments a;
  if (!f || !tr_arguments_make(&a, args, count, keywords)) return false;
  mx_arrays results = {0};
  mx_scope scope = mx_scope_begin();
  bool good = call(f, &a, &results);
  mx_scope_end_many(scope, results.data, good ? results.size : 0);
  if (good) tr_append(outputs, results.data, results.size);
  mx_arrays_free(&results);
  tr_arguments_free(&a);
  return good;
}
