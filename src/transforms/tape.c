/* Recording a tape: depth first and without recursion, through tracers only. */
#include "transforms/tape.h"

#include <stdlib.h>

typedef struct {
  mx array;
  mx_node *node;
  int next; /* the input to look at next */
} frame;

typedef struct {
  tr_tape *tape;
  bool through_stops;
  MX_VEC(frame) path;
} walk;

tr_value *tr_value_of(tr_tape *tape, mx a) {
  uint32_t *at = mx_ptr_find(&tape->inputs, a);
  if (at) return *at ? &tape->input_values[*at - 1] : NULL;
  if (!a->node || !(at = mx_ptr_find(&tape->nodes, a->node)) || !*at) return NULL;
  return &tape->entries.data[*at - 1].values[a->output];
}

static void visit(walk *w, mx a) {
  if (!a->tracer || !a->node || mx_ptr_find(&w->tape->inputs, a) ||
      mx_ptr_find(&w->tape->nodes, a->node))
    return;
  mx_ptr_put(&w->tape->nodes, a->node);
  mx_vec_push(&w->path, (frame){a, a->node, 0});
}

static void record(tr_tape *tape, mx a, mx_node *node) {
  size_t count = (size_t)node->output_count;
  tr_entry e = {.node = node,
                .outputs = mx_xmalloc(count * sizeof(mx)),
                .values = mx_xcalloc(count, sizeof(tr_value))};
  atomic_fetch_add_explicit(&node->refs, 1, memory_order_relaxed);
  if (count == 1)
    e.outputs[0] = mx_scope_own(mx_retain(a));
  else {
    mx_node_outputs(node, e.outputs);
    for (size_t i = 0; i < count; i++) mx_scope_own(e.outputs[i]);
  }
  mx_vec_push(&tape->entries, e);
  *mx_ptr_put(&tape->nodes, node) = (uint32_t)tape->entries.size;
}

/* All inputs of the node have been seen. */
static void leave(walk *w, mx a, mx_node *node) {
  bool tracer = false, carried = false;
  for (int i = 0; i < node->input_count; i++) {
    tracer |= node->inputs[i]->tracer;
    carried |= tr_value_of(w->tape, node->inputs[i]) != NULL;
  }
  if (node->primitive->stops_gradient && !w->through_stops) carried = false;
  if (carried) {
    record(w->tape, a, node);
    tr_entry *e = &mx_vec_last(&w->tape->entries);
    for (int i = 0; i < node->output_count; i++) e->outputs[i]->tracer = tracer;
  }
  a->tracer = tracer;
}

void tr_tape_record(tr_tape *tape, const mx *tracers, const mx *before, const bool *carried,
                    int input_count, const mx *outputs, int output_count, bool through_stops) {
  walk w = {.tape = tape, .through_stops = through_stops};
  tape->input_values = mx_xcalloc((size_t)input_count + 1, sizeof *tape->input_values);
  for (int i = 0; i < input_count; i++) {
    tracers[i]->tracer = before && before[i]->tracer;
    *mx_ptr_put(&tape->inputs, tracers[i]) = !carried || carried[i] ? (uint32_t)i + 1 : 0;
  }
  for (int i = 0; i < output_count; i++) {
    visit(&w, outputs[i]);
    while (w.path.size) {
      frame *top = &mx_vec_last(&w.path);
      if (top->next < top->node->input_count) {
        visit(&w, top->node->inputs[top->next++]);
      } else {
        frame done = mx_vec_pop(&w.path);
        leave(&w, done.array, done.node);
      }
    }
  }
  mx_vec_free(&w.path);
}

void tr_tape_free(tr_tape *tape) {
  for (size_t i = 0; i < tape->entries.size; i++) {
    mx_node_release(tape->entries.data[i].node);
    free(tape->entries.data[i].outputs);
    free(tape->entries.data[i].values);
  }
  mx_vec_free(&tape->entries);
  mx_ptr_free(&tape->nodes);
  mx_ptr_free(&tape->inputs);
  free(tape->input_values);
}
