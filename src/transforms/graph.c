/* Recording a function's graph, and repeating it. */
#include "transforms/graph.h"
#include "base/ptr_map.h"

#include <stdlib.h>
#include <string.h>

/* ---- Recording: depth first and without recursion ---- */

typedef struct {
  mx array;
  mx_node *node;
  int next; /* the input to look at next */
} frame;

typedef struct {
  tr_graph *g;
  mx_ptr_map originals, leaves, nodes; /* leaf -> value + 1, node -> step + 1 */
  MX_VEC(frame) path;
  bool uncaptured;
} recorder;

tr_step tr_step_new(mx_node *node) {
  size_t count = (size_t)node->input_count + (size_t)node->output_count;
  int *block = mx_xcalloc(count + 1, sizeof *block);
  atomic_fetch_add_explicit(&node->refs, 1, memory_order_relaxed);
  return (tr_step){node, block, block + node->input_count};
}

void tr_step_free(tr_step *s) {
  mx_node_release(s->node);
  free(s->in);
}

static int add_value(tr_graph *g, mx a, int step) {
  mx_vec_push(&g->values, (tr_graph_value){mx_retain(a), step});
  return (int)g->values.size - 1;
}

static int value_of(recorder *r, mx a) {
  uint32_t *leaf = mx_ptr_find(&r->leaves, a);
  if (leaf) return (int)*leaf - 1;
  return r->g->steps.data[*mx_ptr_find(&r->nodes, a->node) - 1].out[a->output];
}

/* Computed or being computed, an array is a constant; so is another trace's placeholder. */
static bool is_leaf(mx a) {
  return atomic_load_explicit(&a->status, memory_order_acquire) != MX_LAZY || !a->node;
}

static void visit(recorder *r, mx a) {
  if (mx_ptr_find(&r->leaves, a)) return;
  r->uncaptured |= mx_ptr_find(&r->originals, a) != NULL;
  if (is_leaf(a)) {
    int value = add_value(r->g, a, -1);
    *mx_ptr_put(&r->leaves, a) = (uint32_t)value + 1;
  } else if (!mx_ptr_find(&r->nodes, a->node)) {
    mx_ptr_put(&r->nodes, a->node);
    mx_vec_push(&r->path, (frame){a, a->node, 0});
  }
}

static void leave(recorder *r, mx a, mx_node *node) {
  int step = (int)r->g->steps.size;
  tr_step s = tr_step_new(node);
  for (int i = 0; i < node->input_count; i++) s.in[i] = value_of(r, node->inputs[i]);
  if (node->output_count == 1) {
    s.out[0] = add_value(r->g, a, step);
  } else {
    mx *outputs = mx_xmalloc((size_t)node->output_count * sizeof *outputs);
    mx_node_outputs(node, outputs);
    for (int i = 0; i < node->output_count; i++) {
      s.out[i] = add_value(r->g, outputs[i], step);
      mx_release(outputs[i]);
    }
    free(outputs);
  }
  mx_vec_push(&r->g->steps, s);
  *mx_ptr_put(&r->nodes, node) = (uint32_t)step + 1;
}

static void walk(recorder *r, mx root) {
  visit(r, root);
  while (r->path.size && !r->uncaptured) {
    frame *top = &mx_vec_last(&r->path);
    if (top->next < top->node->input_count) {
      visit(r, top->node->inputs[top->next++]);
    } else {
      frame done = mx_vec_pop(&r->path);
      leave(r, done.array, done.node);
    }
  }
}

bool tr_graph_record(tr_graph *g, const mx *inputs, const mx *originals, int input_count,
                     const mx *outputs, int output_count) {
  recorder r = {.g = g};
  g->input_count = input_count;
  g->output_count = output_count;
  g->outputs = mx_xcalloc((size_t)output_count + 1, sizeof *g->outputs);
  for (int i = 0; i < input_count; i++) {
    if (originals) mx_ptr_put(&r.originals, originals[i]);
    *mx_ptr_put(&r.leaves, inputs[i]) = (uint32_t)add_value(g, inputs[i], -1) + 1;
  }
  for (int i = 0; i < output_count && !r.uncaptured; i++) {
    walk(&r, outputs[i]);
    if (!r.uncaptured) g->outputs[i] = value_of(&r, outputs[i]);
  }
  mx_ptr_free(&r.originals);
  mx_ptr_free(&r.leaves);
  mx_ptr_free(&r.nodes);
  mx_vec_free(&r.path);
  return !r.uncaptured;
}

void tr_graph_free(tr_graph *g) {
  for (size_t i = 0; i < g->steps.size; i++) tr_step_free(&g->steps.data[i]);
  for (size_t i = 0; i < g->values.size; i++) mx_release(g->values.data[i].array);
  mx_vec_free(&g->steps);
  mx_vec_free(&g->values);
  free(g->outputs);
  *g = (tr_graph){0};
}

/* ---- Tracing ---- */

mx tr_placeholder(mx a) {
  mx p = mx_array_alloc((mx_dtype)a->dtype, mx_shape_of(a), a->ndim);
  if (p) p->tracer = true;
  return mx_scope_own(p);
}

bool tr_graph_trace(tr_graph *g, mx_fn f, const mx *inputs, int count) {
  mx_scope scope = mx_scope_begin();
  mx_arrays results = {0};
  mx *traced = mx_xmalloc(((size_t)count + 1) * sizeof *traced);
  bool good = true;
  for (int i = 0; i < count && good; i++)
    good = inputs[i] && (traced[i] = tr_placeholder(inputs[i])) != NULL;
  mx_tracing++;
  good = good && mx_fn_apply(f, traced, count, &results);
  mx_tracing--;
  if (good) tr_graph_record(g, traced, NULL, count, results.data, results.size);
  mx_arrays_free(&results);
  free(traced);
  mx_scope_end(scope, NULL);
  return good;
}

/* ---- Repeating ---- */

static bool infer(const mx_node *node, const mx *in, mx traced, int output, mx_spec *spec,
                  int *shape) {
  const mx_primitive *p = node->primitive;
  *spec = mx_spec_like(traced, traced->dtype);
  if (p->output_shape) {
    spec->shape = shape;
    return (spec->ndim = p->output_shape(node, in, output, shape)) >= 0;
  }
  if (!node->input_count) return true;
  mx_fail("[Primitive::output_shapes] %s cannot infer output shapes.", p->name);
  return false;
}

/* Most nodes have few inputs and one output. */
#define FEW 8

static bool repeat(const tr_graph *g, const tr_step *s, mx *values, bool shapeless, tr_make make) {
  int inputs = s->node->input_count, outputs = s->node->output_count;
  bool many = inputs > FEW || outputs > FEW;
  size_t most = (size_t)(inputs > outputs ? inputs : outputs);
  mx few_in[FEW], few_out[FEW], *in = few_in, *out = few_out;
  mx_spec few_specs[FEW], *specs = few_specs;
  int shape[MX_MAX_NDIM], *shapes = shape;
  if (many) {
    in = mx_xmalloc(most * sizeof *in);
    out = mx_xmalloc(most * sizeof *out);
    specs = mx_xmalloc(most * sizeof *specs);
  }
  if (shapeless && outputs > 1) shapes = mx_xmalloc((size_t)outputs * MX_MAX_NDIM * sizeof *shapes);
  bool good = true;
  for (int i = 0; i < inputs; i++) in[i] = values[s->in[i]];
  for (int i = 0; i < outputs && good; i++) {
    mx traced = g->values.data[s->out[i]].array;
    if (shapeless)
      good = infer(s->node, in, traced, i, &specs[i], shapes + i * MX_MAX_NDIM);
    else
      specs[i] = mx_spec_like(traced, traced->dtype);
  }
  good = good && make(s->node, in, specs, out);
  for (int i = 0; i < outputs && good; i++) values[s->out[i]] = out[i];
  if (shapes != shape) free(shapes);
  if (many) {
    free(in);
    free(out);
    free(specs);
  }
  return good;
}

bool tr_graph_replay(const tr_graph *g, const mx *inputs, bool shapeless, tr_make make,
                     mx_arrays *outputs) {
  mx *values = mx_xcalloc(g->values.size + 1, sizeof *values);
  bool good = true;
  for (size_t i = 0; i < g->values.size; i++)
    values[i] = (int)i < g->input_count ? inputs[i] : g->values.data[i].array;
  for (size_t i = 0; i < g->steps.size && good; i++)
    good = repeat(g, &g->steps.data[i], values, shapeless, make);
  for (int i = 0; i < g->output_count && good; i++) {
    mx out = values[g->outputs[i]];
    good = mx_arrays_push(outputs, out);
  }
  free(values);
  return good;
}
