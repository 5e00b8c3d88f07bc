/* Vectorisation: the function is traced on placeholders of one slice, and the tape replayed with
 * the whole arrays by each primitive's vmap rule. */
#include "mlx/mx/create.h"
#include "mlx/mx/shape.h"
#include "transforms/formula.h"
#include "transforms/tape.h"

#include <stdlib.h>
#include <string.h>

/* The length of the mapped axis; -1 after mx_fail. */
static int mapped_length(const mx *inputs, int count, mx_ints axes) {
  if (axes.size != count) {
    mx_fail("[vmap] The number of in axes (%d) must match the number of inputs (%d).", axes.size,
            count);
    return -1;
  }
  if (!tr_all_given("vmap", "Input", inputs, count)) return -1;
  int length = -1;
  for (int i = 0; i < count; i++) {
    int axis = axes.data[i];
    if (axis < 0) continue;
    if (!inputs[i]->ndim) {
      mx_fail("[vmap] Cannot vmap an input with zero dimensions.");
      return -1;
    }
    if (axis >= inputs[i]->ndim) {
      mx_fail("[vmap] Axis %d invalid for input with %d dimensions.", axis, inputs[i]->ndim);
      return -1;
    }
    int own = mx_shape_of(inputs[i])[axis];
    if (length >= 0 && own != length) {
      mx_fail("[vmap] Inconsistent axis sizes: %d and %d.", own, length);
      return -1;
    }
    length = own;
  }
  if (length < 0) mx_fail("[vmap] At least one of in_axes must be non-None.");
  return length;
}

/* What stands for one slice of the input while the function is traced. */
static mx placeholder(mx input, int axis) {
  int shape[MX_MAX_NDIM], ndim = 0;
  for (int i = 0; i < input->ndim; i++)
    if (i != axis) shape[ndim++] = mx_shape_of(input)[i];
  mx slice = mx_array_alloc(input->dtype, shape, ndim);
  if (slice) slice->tracer = true;
  return mx_scope_own(slice);
}

/* An operation whose inputs turned out to be the same for all slices. */
static bool unmapped(const tr_entry *e, const mx *in, mx *out, int *out_axes) {
  int count = e->node->output_count;
  mx_spec *specs = mx_xmalloc((size_t)count * sizeof *specs);
  for (int o = 0; o < count; o++) {
    specs[o] = mx_spec_like(e->outputs[o], e->outputs[o]->dtype);
    out_axes[o] = -1;
  }
  bool good = mx_node_again(e->node, in, specs, out);
  free(specs);
  return good;
}

static bool map_entry(tr_tape *tape, tr_entry *e) {
  mx_node *node = e->node;
  size_t inputs = (size_t)node->input_count, outputs = (size_t)node->output_count;
  mx *in = mx_xmalloc(inputs * sizeof *in), *out = mx_xcalloc(outputs, sizeof *out);
  int *axes = mx_xmalloc(inputs * sizeof *axes), *out_axes = mx_xcalloc(outputs, sizeof *out_axes);
  bool any = false;
  for (int i = 0; i < node->input_count; i++) {
    tr_value *value = tr_value_of(tape, node->inputs[i]);
    in[i] = value ? value->array : node->inputs[i];
    axes[i] = value ? value->axis : -1;
    any |= axes[i] >= 0;
  }
  mx_stream before = mx_use_stream(node->stream);
  bool good = any ? tr_rule_vmap(node, in, axes, out, out_axes) : unmapped(e, in, out, out_axes);
  mx_use_stream(before);
  for (size_t o = 0; o < outputs && good; o++) {
    e->values[o] = (tr_value){out[o], out_axes[o]};
    good = out[o] != NULL;
  }
  free(in);
  free(out);
  free(axes);
  free(out_axes);
  return good;
}

bool mx_vmap_trace(mx_fn f, const mx *inputs, int count, mx_ints in_axes, mx *traced,
                   mx_arrays *outputs) {
  if (mapped_length(inputs, count, in_axes) < 0) return false;
  for (int i = 0; i < count; i++)
    traced[i] = in_axes.data[i] < 0 ? inputs[i] : placeholder(inputs[i], in_axes.data[i]);
  mx_tracing++;
  bool good = mx_fn_apply(f, traced, count, outputs);
  mx_tracing--;
  return good;
}

/* The traced output with its mapped axis in place; repeated where it does not depend on any. */
static mx mapped_output(tr_tape *tape, mx traced, int axis, int length) {
  tr_value *value = tr_value_of(tape, traced);
  bool mapped = value && value->axis >= 0;
  int ndim = mapped ? value->array->ndim : (value ? value->array : traced)->ndim + 1;
  if (axis >= ndim || axis < 0)
    return mx_fail("[vmap] Axis %d invalid for output with %d dimensions.", axis, ndim);
  if (mapped)
    return value->axis == axis ? value->array : mx_moveaxis(value->array, value->axis, axis);
  mx a = mx_expand_dims(value ? value->array : traced, MX_INTS(axis));
  if (!a) return NULL;
  int shape[MX_MAX_NDIM];
  memcpy(shape, mx_shape_of(a), (size_t)a->ndim * sizeof *shape);
  shape[axis] = length;
  return mx_broadcast_to(a, (mx_ints){shape, a->ndim});
}

static bool replay(tr_tape *tape, const mx *traced, int count, mx_ints out_axes, int length,
                   mx_arrays *outputs) {
  bool good = true;
  for (size_t i = 0; i < tape->entries.size && good; i++)
    good = map_entry(tape, &tape->entries.data[i]);
  for (int i = 0; i < count && good; i++)
    good = mx_arrays_push(outputs, mapped_output(tape, traced[i], out_axes.data[i], length));
  return good;
}

bool mx_vmap_replace(const mx *inputs, const mx *traced, int count, const mx *traced_outputs,
                     int output_count, mx_ints in_axes, mx_ints out_axes, mx_arrays *outputs) {
  int length = mapped_length(inputs, count, in_axes), mapped = 0;
  if (length < 0) return false;
  if (out_axes.size != output_count) {
    mx_fail("[vmap] The number of out axes (%d) must match the number of outputs (%d).",
            out_axes.size, output_count);
    return false;
  }
  mx *slices = mx_xmalloc(((size_t)count + 1) * sizeof *slices);
  mx *whole = mx_xmalloc(((size_t)count + 1) * sizeof *whole);
  for (int i = 0; i < count; i++) {
    if (in_axes.data[i] < 0) continue;
    slices[mapped] = traced[i];
    whole[mapped++] = inputs[i];
  }
  tr_tape tape = {0};
  tr_tape_record(&tape, slices, whole, NULL, mapped, traced_outputs, output_count, true);
  for (int i = 0, k = 0; i < count; i++)
    if (in_axes.data[i] >= 0) tape.input_values[k++] = (tr_value){inputs[i], in_axes.data[i]};
  bool good = replay(&tape, traced_outputs, output_count, out_axes, length, outputs);
  tr_tape_free(&tape);
  free(slices);
  free(whole);
  return good;
}

/* ---- As a function ---- */

typedef struct {
  mx_fn f;
  int in_count, out_count; /* 0: axis 0 throughout */
  int axes[];              /* [in_count + out_count] */
} mapping;

static bool apply(void *payload, const mx *inputs, int count, mx_arrays *outputs) {
  const mapping *m = payload;
  int *zeros = mx_xcalloc((size_t)count + 1, sizeof *zeros), *out_zeros = NULL;
  mx *traced = mx_xmalloc(((size_t)count + 1) * sizeof *traced);
  mx_ints in_axes = m->in_count ? (mx_ints){m->axes, m->in_count} : (mx_ints){zeros, count};
  mx_arrays results = {0};
  bool good = mx_vmap_trace(m->f, inputs, count, in_axes, traced, &results);
  if (good) {
    out_zeros = mx_xcalloc((size_t)results.size + 1, sizeof *out_zeros);
    mx_ints out_axes = m->out_count ? (mx_ints){m->axes + m->in_count, m->out_count}
                                    : (mx_ints){out_zeros, results.size};
    good = mx_vmap_replace(inputs, traced, count, results.data, results.size, in_axes, out_axes,
                           outputs);
  }
  mx_arrays_free(&results);
  free(traced);
  free(zeros);
  free(out_zeros);
  return good;
}

static void release(void *payload) {
  mapping *m = payload;
  mx_fn_release(m->f);
  free(m);
}

mx_fn mx_vmap(mx_fn f, mx_ints in_axes, mx_ints out_axes) {
  if (!f) return NULL;
  bool mapped = !in_axes.size;
  for (int i = 0; i < in_axes.size; i++) mapped |= in_axes.data[i] >= 0;
  if (!mapped) return mx_fail("[vmap] At least one of in_axes must be non-None.");
  mapping *m = mx_xmalloc(sizeof *m + (size_t)(in_axes.size + out_axes.size) * sizeof *m->axes);
  *m = (mapping){mx_fn_retain(f), in_axes.size, out_axes.size};
  for (int i = 0; i < in_axes.size; i++) m->axes[i] = in_axes.data[i];
  for (int i = 0; i < out_axes.size; i++) m->axes[in_axes.size + i] = out_axes.data[i];
  return mx_fn_new(apply, m, release);
}
