/* Graph nodes: one primitive applied to inputs, in one block of memory. */
#include "array/primitive.h"
#include "array/scope.h"
#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

static size_t aligned(size_t bytes) { return (bytes + 15) & ~(size_t)15; }

/* | struct mx_node | params | inputs | outputs | specs | their shapes |  (the last three for nodes
 * of several outputs only) */
static mx_node *new_node(const mx_primitive *primitive, mx_stream stream, const void *params,
                         const mx *inputs, int input_count, const mx_spec *specs,
                         int output_count) {
  bool several = output_count > 1;
  size_t at_params = aligned(sizeof(mx_node));
  size_t at_inputs = at_params + aligned(primitive->params_size);
  size_t at_outputs = at_inputs + (size_t)input_count * sizeof(mx);
  size_t at_specs = at_outputs + (several ? (size_t)output_count * sizeof(mx) : 0);
  size_t at_shapes = at_specs + (several ? (size_t)output_count * sizeof(mx_spec) : 0);
  size_t bytes = at_shapes;
  for (int i = 0; several && i < output_count; i++) bytes += (size_t)specs[i].ndim * sizeof(int);
  char *block = mx_xmalloc(bytes);
  mx_node *node = (mx_node *)block;
  *node = (mx_node){.refs = 1, /* the caller's, until all outputs stand */
                    .primitive = primitive,
                    .stream = stream,
                    .input_count = input_count,
                    .output_count = output_count,
                    .inputs = (mx *)(block + at_inputs),
                    .params = block + at_params,
                    .lock = ATOMIC_FLAG_INIT};
  if (primitive->params_size) memcpy(node->params, params, primitive->params_size);
  for (int i = 0; i < input_count; i++) node->inputs[i] = mx_retain(inputs[i]);
  if (!several) return node;
  node->outputs = (mx *)(block + at_outputs);
  node->specs = (mx_spec *)(block + at_specs);
  int *shape = (int *)(block + at_shapes);
  for (int i = 0; i < output_count; i++) {
    node->outputs[i] = NULL;
    node->specs[i] = (mx_spec){specs[i].dtype, specs[i].ndim, shape};
    if (specs[i].ndim) memcpy(shape, specs[i].shape, (size_t)specs[i].ndim * sizeof(int));
    shape += specs[i].ndim;
  }
  return node;
}

static mx new_output(mx_node *node, int index, mx_spec spec) {
  mx a = mx_array_alloc(spec.dtype, spec.shape, spec.ndim);
  if (!a) return NULL;
  a->node = node;
  a->output = index;
  atomic_fetch_add_explicit(&node->refs, 1, memory_order_relaxed);
  for (int i = 0; i < node->input_count; i++) {
    if (!atomic_load_explicit(&node->inputs[i]->tracer, memory_order_relaxed)) continue;
    atomic_store_explicit(&a->tracer, true, memory_order_relaxed);
    break;
  }
  return a;
}

static void discard(const mx_primitive *primitive, const void *params) {
  if (primitive->params_free) primitive->params_free((void *)params);
}

/* Gives the node, whose one reference is ours, its outputs. */
static bool add_outputs(mx_node *node, const mx_spec *specs, mx *out) {
  int output_count = node->output_count;
  bool made = true;
  for (int i = 0; i < output_count && made; i++) {
    out[i] = new_output(node, i, specs[i]);
    made = out[i] != NULL;
    if (made && node->outputs) node->outputs[i] = out[i];
  }
  for (int i = 0; i < output_count; i++) {
    if (made)
      mx_scope_own(out[i]);
    else {
      mx_release(out[i]);
      out[i] = NULL;
    }
  }
  mx_node_release(node);
  return made;
}

/* Whether all inputs are there; else the outputs are NULL. */
static bool all_there(const mx_primitive *primitive, const mx *inputs, int input_count, mx *out,
                      int output_count) {
  for (int i = 0; i < output_count; i++) out[i] = NULL;
  for (int i = 0; i < input_count; i++) {
    if (inputs[i]) continue;
    if (!mx_error()) mx_fail("[%s] an input is the null array", primitive->name);
    return false;
  }
  return true;
}

bool mx_make_nodes(const mx_primitive *primitive, const void *params, const mx_spec *specs,
                   int output_count, const mx *inputs, int input_count, mx *out) {
  if (!all_there(primitive, inputs, input_count, out, output_count)) {
    discard(primitive, params);
    return false;
  }
  return add_outputs(
      new_node(primitive, mx_current_stream(), params, inputs, input_count, specs, output_count),
      specs, out);
}

bool mx_node_again(const mx_node *node, const mx *inputs, const mx_spec *specs, mx *out) {
  const mx_primitive *primitive = node->primitive;
  if (!all_there(primitive, inputs, node->input_count, out, node->output_count)) return false;
  mx_node *again = new_node(primitive, node->stream, node->params, inputs, node->input_count, specs,
                            node->output_count);
  if (primitive->params_copy) primitive->params_copy(again->params);
  return add_outputs(again, specs, out);
}

mx mx_make_node(const mx_primitive *primitive, const void *params, mx_spec out, const mx *inputs,
                int input_count) {
  mx a;
  mx_make_nodes(primitive, params, &out, 1, inputs, input_count, &a);
  return a;
}

/* A reference to an array that may be dying: none where its count has already fallen to zero. */
static mx retain_living(mx a) {
  int refs = a ? atomic_load(&a->refs) : 0;
  while (refs > 0)
    if (atomic_compare_exchange_weak(&a->refs, &refs, refs + 1)) return a;
  return NULL;
}

void mx_node_outputs(mx_node *node, mx *outputs) {
  while (atomic_flag_test_and_set_explicit(&node->lock, memory_order_acquire)) {}
  for (int i = 0; i < node->output_count; i++) {
    outputs[i] = retain_living(node->outputs[i]);
    if (!outputs[i]) node->outputs[i] = outputs[i] = new_output(node, i, node->specs[i]);
  }
  atomic_flag_clear_explicit(&node->lock, memory_order_release);
}
