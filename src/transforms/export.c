/* Functions into MLX's .mlxfn files: traced once a signature, written step by step. */
#include "base/file.h"
#include "base/ptr_map.h"
#include "mlx/mx/cast.h"
#include "transforms/mlxfn.h"

#include <stdlib.h>
#include <string.h>

struct mx_exporter {
  char *path;
  mx_fn f;
  bool shapeless;
  int count;
  mx_str body; /* the functions; the header stands before them */
  MX_VEC(tr_signature) signatures;
  MX_VEC(tr_graph) graphs; /* kept, so that an address is never two constants' */
  mx_ptr_map constants;    /* that are written already */
};

mx_exporter *mx_exporter_new(const char *path, mx_fn f, bool shapeless) {
  if (!f) return NULL;
  mx_exporter *e = mx_xcalloc(1, sizeof *e);
  e->path = mx_xstrdup(path);
  e->f = mx_fn_retain(f);
  e->shapeless = shapeless;
  return e;
}

/* ---- Writing ---- */

/* What writing one function needs at hand. */
typedef struct {
  mx_exporter *exporter;
  const tr_graph *graph;
  MX_VEC(mx) constants; /* that this function is the first to write */
  mx_state state;       /* appends to the function's bytes */
  mx_str bytes;
} writer;

static void write_count(writer *w, size_t count) {
  uint64_t n = count;
  mx_state_uint64(&w->state, &n);
}

/* An array's address, or for one output of several its node's, which holds none of them. */
static uint64_t id_of(mx a) {
  return a->node ? (uint64_t)(uintptr_t)a->node + (uint64_t)a->output : (uint64_t)(uintptr_t)a;
}

static mx array_of(const writer *w, int value) { return w->graph->values.data[value].array; }

/* Of values, or (NULL) of the first ones. */
static void write_ids(writer *w, const int *values, int count) {
  write_count(w, (size_t)count);
  for (int i = 0; i < count; i++) {
    uint64_t id = id_of(array_of(w, values ? values[i] : i));
    mx_state_uint64(&w->state, &id);
  }
}

static void write_text(writer *w, const char *text) {
  char *t = (char *)text;
  mx_state_text(&w->state, &t);
}

static void write_spec(writer *w, mx_spec spec) {
  int shape[MX_MAX_NDIM];
  tr_state_spec(&w->state, &spec, shape);
}

/* The default stream is MLX's first; others keep their number. */
static void write_stream(writer *w, mx_stream stream) {
  bool standard = stream.index == mx_default_stream(mx_default_device()).index;
  int index = standard ? 0 : stream.index, type = stream.device.type, device = stream.device.index;
  mx_state_int(&w->state, &index);
  mx_state_int(&w->state, &type);
  mx_state_int(&w->state, &device);
}

static void write_outputs(writer *w, const tr_step *s) {
  int count = s->node->output_count;
  write_count(w, (size_t)count - 1);
  mx first = array_of(w, s->out[0]);
  if (count == 1) {
    write_spec(w, mx_spec_like(first, first->dtype));
    return;
  }
  write_ids(w, s->out, count);
  write_count(w, (size_t)count);
  for (int i = 0; i < count; i++) {
    mx a = array_of(w, s->out[i]);
    int shape[MX_MAX_NDIM], ndim = a->ndim;
    if (ndim) memcpy(shape, mx_shape_of(a), (size_t)ndim * sizeof *shape);
    mx_state_ints(&w->state, shape, &ndim, MX_MAX_NDIM);
  }
  write_count(w, (size_t)count);
  for (int i = 0; i < count; i++) {
    mx_dtype dtype = (mx_dtype)array_of(w, s->out[i])->dtype;
    mx_state_dtype(&w->state, &dtype);
  }
}

static bool write_node(writer *w, const tr_step *s) {
  mx_node *node = s->node;
  const mx_codec *codec = mx_codec_of(node->primitive);
  if (!codec || !*codec->name) {
    mx_fail("[export_function] Unable to serialize primitive %s", node->primitive->name);
    return false;
  }
  write_ids(w, s->in, node->input_count);
  write_stream(w, node->stream);
  write_text(w, codec->name);
  w->state.inputs = node->inputs;
  w->state.input_count = node->input_count;
  w->state.output = array_of(w, s->out[0]);
  if (codec->visit) codec->visit(&w->state, codec, node->params);
  write_outputs(w, s);
  return true;
}

static bool write_constant(writer *w, mx a) {
  if (mx_ptr_find(&w->exporter->constants, a)) return true;
  mx_vec_push(&w->constants, a);
  write_spec(w, mx_spec_like(a, a->dtype));
  mx_scope scope = mx_scope_begin();
  mx rows = mx_contiguous(a);
  const void *data = mx_data(rows);
  if (data && mx_nbytes(a)) mx_str_append(&w->bytes, data, mx_nbytes(a));
  bool good = data || (rows && !mx_nbytes(a));
  mx_scope_end(scope, NULL);
  return good;
}

/* A constant, an input, or a step by its first output. */
static bool write_value(writer *w, int value) {
  int step = w->graph->values.data[value].step;
  uint64_t id = id_of(array_of(w, value));
  bool node = step >= 0, constant = value >= w->graph->input_count;
  mx_state_uint64(&w->state, &id);
  mx_state_bool(&w->state, &node);
  if (node) return write_node(w, &w->graph->steps.data[step]);
  mx_state_bool(&w->state, &constant);
  return !constant || write_constant(w, array_of(w, value));
}

static bool write_function(writer *w, const tr_signature *s) {
  const tr_graph *g = w->graph;
  write_count(w, s->keywords.size);
  for (size_t i = 0; i < s->keywords.size; i++) write_text(w, s->keywords.data[i]);
  write_ids(w, NULL, g->input_count);
  write_count(w, (size_t)g->input_count);
  for (int i = 0; i < g->input_count; i++)
    write_spec(w, mx_spec_like(array_of(w, i), array_of(w, i)->dtype));
  write_ids(w, g->outputs, g->output_count);
  size_t count = 0;
  for (int v = 0; v < (int)g->values.size; v++) count += tr_graph_is_first(g, v);
  write_count(w, count);
  bool good = true;
  for (int v = 0; v < (int)g->values.size && good; v++)
    if (tr_graph_is_first(g, v)) good = write_value(w, v);
  return good;
}

/* ---- Adding ---- */

/* A step in terms of MLX's primitives. */
static bool in_mlx_terms(const mx_node *node, const mx *inputs, const mx_spec *specs, mx *out) {
  const mx_codec *codec = mx_codec_of(node->primitive);
  bool cpu = node->stream.device.type == MX_CPU;
  if (!codec && node->primitive->role == MX_ROLE_IDENTITY) {
    const mx *handed_on = inputs + node->input_count - node->output_count;
    memcpy(out, handed_on, (size_t)node->output_count * sizeof *out);
    return true;
  }
  if (codec && codec->expand && (cpu || !*codec->name)) return codec->expand(node, inputs, out);
  return mx_node_again(node, inputs, specs, out);
}

/* Records the graph anew on the same placeholders, with every step in those terms. */
static bool translate(const tr_graph *g, tr_graph *to) {
  mx_arrays outputs = {0};
  mx_scope scope = mx_scope_begin();
  mx *inputs = mx_xmalloc(((size_t)g->input_count + 1) * sizeof *inputs);
  for (int i = 0; i < g->input_count; i++) inputs[i] = g->values.data[i].array;
  bool good = tr_graph_replay(g, inputs, false, in_mlx_terms, &outputs);
  if (good) tr_graph_record(to, inputs, NULL, g->input_count, outputs.data, outputs.size);
  mx_arrays_free(&outputs);
  free(inputs);
  mx_scope_end(scope, NULL);
  return good;
}

/* Constants must lie in memory before their addresses are taken. */
static bool settle(const tr_graph *g) {
  for (int v = g->input_count; v < (int)g->values.size; v++)
    if (g->values.data[v].step < 0 && !mx_ensure(g->values.data[v].array)) return false;
  return true;
}

static bool add(mx_exporter *e, const tr_arguments *a) {
  for (size_t i = 0; i < e->signatures.size; i++)
    if (tr_signature_fits(&e->signatures.data[i], a->inputs, a->count, a->keywords,
                          a->keyword_count, e->shapeless)) {
      mx_fail("[export_function] Attempting to export a function twice with the same signature is "
              "not allowed.");
      return false;
    }
  tr_graph traced = {0}, graph = {0};
  mx_tracing_any_shape += e->shapeless;
  bool good = tr_graph_trace(&traced, e->f, a->inputs, a->count) && translate(&traced, &graph);
  mx_tracing_any_shape -= e->shapeless;
  tr_graph_free(&traced);
  if (!good) return false;
  tr_signature signature = {0};
  for (int i = 0; i < a->keyword_count; i++)
    mx_vec_push(&signature.keywords, mx_xstrdup(a->keywords[i]));
  for (int i = 0; i < graph.input_count; i++)
    mx_vec_push(&signature.inputs, graph.values.data[i].array);
  writer w = {.exporter = e, .graph = &graph};
  w.state = (mx_state){.mode = MX_STATE_WRITE, .out = &w.bytes};
  good = settle(&graph) && write_function(&w, &signature);
  if (good) {
    for (size_t i = 0; i < w.constants.size; i++) mx_ptr_put(&e->constants, w.constants.data[i]);
    mx_str_append(&e->body, mx_str_c(&w.bytes), w.bytes.size);
    mx_vec_push(&e->signatures, signature);
    mx_vec_push(&e->graphs, graph);
    e->count++;
  } else {
    tr_signature_free(&signature);
    tr_graph_free(&graph);
  }
  mx_vec_free(&w.constants);
  mx_str_free(&w.bytes);
  return good;
}

int mx_exporter_add(mx_exporter *e, const mx *args, int count, const mx_array_map *keywords) {
  tr_arguments a;
  if (!e || !tr_arguments_make(&a, args, count, keywords)) return -1;
  bool good = add(e, &a);
  tr_arguments_free(&a);
  return good ? 0 : -1;
}

void mx_exporter_abandon(mx_exporter *e) {
  if (!e) return;
  for (size_t i = 0; i < e->signatures.size; i++) tr_signature_free(&e->signatures.data[i]);
  for (size_t i = 0; i < e->graphs.size; i++) tr_graph_free(&e->graphs.data[i]);
  mx_vec_free(&e->signatures);
  mx_vec_free(&e->graphs);
  mx_ptr_free(&e->constants);
  mx_str_free(&e->body);
  mx_fn_release(e->f);
  free(e->path);
  free(e);
}

int mx_exporter_close(mx_exporter *e) {
  if (!e) return -1;
  mx_str header = {0};
  mx_state s = {.mode = MX_STATE_WRITE, .out = &header};
  char *version = TR_MLXFN_VERSION;
  mx_state_text(&s, &version);
  mx_state_int(&s, &e->count);
  mx_state_bool(&s, &e->shapeless);
  mx_file_writer file;
  bool good = mx_file_begin(&file, e->path);
  if (good) {
    mx_file_write(&file, header.data, header.size);
    if (e->body.size) mx_file_write(&file, e->body.data, e->body.size);
    good = mx_file_commit(&file);
  }
  mx_str_free(&header);
  mx_exporter_abandon(e);
  return good ? 0 : -1;
}

int mx_export_function(const char *path, mx_fn f, const mx *args, int count, bool shapeless) {
  mx_exporter *e = mx_exporter_new(path, f, shapeless);
  if (!e) return -1;
  if (!mx_exporter_add(e, args, count, NULL)) return mx_exporter_close(e);
  mx_exporter_abandon(e);
  return -1;
}
