/* Tracing, ordering and replaying the graph of a function. */
#include "transforms/graph.h"

#include <assert.h>
#include <stdlib.h>

/* ---- Tracing ---- */

/* A tracer, so that compiled functions inside are traced themselves. */
static mx placeholder_like(mx a) {
  mx p = mx_array_alloc(a->dtype, mx_shape_of(a), a->ndim);
  if (p) p->tracer = true;
  return p;
}

bool tr_graph_trace(tr_graph *g, mx_fn f, const mx *inputs, int count) {
  mx_scope scope = mx_scope_begin();
  mx_arrays results = {0};
  bool good = true;
  for (int i = 0; i < count && good; i++) {
    mx p = inputs[i] ? placeholder_like(inputs[i]) : NULL;
    good = p != NULL;
    if (good) mx_vec_push(&g->inputs, p);
  }
  mx_tracing++;
  good = good && mx_fn_apply(f, g->inputs.data, count, &results);
  mx_tracing--;
  for (int i = 0; i < results.size && good; i++)
    mx_vec_push(&g->outputs, mx_retain(results.data[i]));
  mx_arrays_free(&results);
  mx_scope_end(scope, NULL);
  if (good)
    tr_graph_order(g);
  else
    tr_graph_free(g);
  return good;
}

/* ---- Order ---- */

typedef struct {
  mx array;
  int next; /* the input to look at next */
} frame;

/* What decides whether two arrays are the same step: the node, where there is one. */
static const void *step_of(mx a) { return a->node ? (const void *)a->node : a; }

void tr_graph_order(tr_graph *g) {
  MX_VEC(frame) path = {0};
  mx_ptr_map seen = {0};
  MX_VEC(mx) before = {g->tape.data, g->tape.size, g->tape.capacity};
  g->tape.data = NULL;
  g->tape.size = g->tape.capacity = 0;
  for (size_t i = 0; i < g->outputs.size; i++) {
    mx root = g->outputs.data[i];
    if (mx_ptr_find(&seen, step_of(root))) continue;
    mx_ptr_put(&seen, step_of(root));
    mx_vec_push(&path, (frame){root, 0});
    while (path.size) {
      frame *top = &mx_vec_last(&path);
      mx a = top->array;
      if (a->node && top->next < a->node->input_count) {
        mx in = a->node->inputs[top->next++];
        if (mx_ptr_find(&seen, step_of(in))) continue;
        mx_ptr_put(&seen, step_of(in));
        mx_vec_push(&path, (frame){in, 0});
      } else {
        mx_vec_push(&g->tape, mx_retain(a));
        path.size--;
      }
    }
  }
  for (size_t i = 0; i < before.size; i++) mx_release(before.data[i]);
  mx_vec_free(&before);
  mx_vec_free(&path);
  mx_ptr_free(&seen);
}

void tr_graph_free(tr_graph *g) {
  for (size_t i = 0; i < g->inputs.size; i++) mx_release(g->inputs.data[i]);
  for (size_t i = 0; i < g->outputs.size; i++) mx_release(g->outputs.data[i]);
  for (size_t i = 0; i < g->tape.size; i++) mx_release(g->tape.data[i]);
  mx_vec_free(&g->inputs);
  mx_vec_free(&g->outputs);
  mx_vec_free(&g->tape);
}

/* ---- Replay ---- */

typedef struct {
  bool shapeless;
  tr_make make;
  mx_ptr_map places; /* step -> its place in values */
  MX_VEC(mx) values; /* what the steps' outputs have become, one after another */
} replay;

static mx value_of(replay *r, mx a) {
  uint32_t *at = mx_ptr_find(&r->places, step_of(a));
  if (!at) return a;
  size_t place = *at + (size_t)(a->node ? a->output : 0);
  assert(place < r->values.size);
  return r->values.data[place];
}

static void set_value(replay *r, mx a, const mx *values, int count) {
  *mx_ptr_put(&r->places, step_of(a)) = (uint32_t)r->values.size;
  for (int i = 0; i < count; i++) mx_vec_push(&r->values, values[i]);
}

/* The shape of an output for other inputs. */
static bool infer(const mx_node *node, const mx *inputs, int output, mx_spec *spec, int *shape) {
  if (!node->primitive->output_shape) {
    mx_fail("[Primitive::output_shapes] %s cannot infer output shapes.", node->primitive->name);
    return false;
  }
  spec->ndim = node->primitive->output_shape(node, inputs, output, shape);
  spec->shape = shape;
  return spec->ndim >= 0;
}

static bool step(replay *r, mx a) {
  const mx_node *node = a->node;
  size_t ins = (size_t)node->input_count, outs = (size_t)node->output_count;
  mx *in = mx_xmalloc((ins + outs) * sizeof *in), *out = in + ins;
  mx_spec *specs = mx_xmalloc(outs * sizeof *specs);
  int(*shapes)[MX_MAX_NDIM] = r->shapeless ? mx_xmalloc(outs * sizeof *shapes) : NULL;
  for (size_t i = 0; i < ins; i++) in[i] = value_of(r, node->inputs[i]);
  bool good = true;
  for (size_t o = 0; o < outs && good; o++) {
    specs[o] = outs == 1 ? mx_spec_like(a, a->dtype) : node->specs[o];
    if (r->shapeless) good = infer(node, in, (int)o, &specs[o], shapes[o]);
  }
  good = good && r->make(node, in, specs, out);
  if (good) set_value(r, a, out, (int)outs);
  free(in);
  free(specs);
  free(shapes);
  return good;
}

bool tr_graph_replay(const tr_graph *g, const mx *inputs, bool shapeless, mx_arrays *outputs) {
  return tr_graph_replay_by(g, inputs, shapeless, mx_node_again, outputs);
}

bool tr_graph_replay_by(const tr_graph *g, const mx *inputs, bool shapeless, tr_make make,
                        mx_arrays *outputs) {
  replay r = {.shapeless = shapeless, .make = make};
  bool good = true;
  for (size_t i = 0; i < g->inputs.size; i++) set_value(&r, g->inputs.data[i], &inputs[i], 1);
  for (size_t i = 0; i < g->tape.size && good; i++)
    if (g->tape.data[i]->node) good = step(&r, g->tape.data[i]);
  for (size_t i = 0; i < g->outputs.size && good; i++)
    good = mx_arrays_push(outputs, value_of(&r, g->outputs.data[i]));
  mx_ptr_free(&r.places);
  mx_vec_free(&r.values);
  return good;
}
