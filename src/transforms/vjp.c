/* Reverse mode: the function is traced, and the tape run backwards. */
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "mlx/mx/elementwise.h"
#include "transforms/formula.h"
#include "transforms/tape.h"

#include <stdlib.h>

static mx zeros_like_output(const tr_entry *e, int output) {
  mx_stream before = mx_use_stream(e->node->stream);
  mx zeros = mx_zeros_like(e->outputs[output]);
  mx_use_stream(before);
  return zeros;
}

/* Adds the entry's part of the cotangents of its inputs. */
static bool propagate(tr_tape *tape, tr_entry *e) {
  mx_node *node = e->node;
  int outputs = node->output_count, count = 0;
  bool wanted = false;
  for (int o = 0; o < outputs; o++) wanted |= e->values[o].array != NULL;
  if (!wanted) return true;
  mx *cotangents = mx_xmalloc((size_t)outputs * sizeof *cotangents);
  for (int o = 0; o < outputs; o++)
    cotangents[o] = e->values[o].array ? e->values[o].array : zeros_like_output(e, o);
  int *argnums = mx_xmalloc((size_t)node->input_count * sizeof *argnums);
  mx *vjps = mx_xcalloc((size_t)node->input_count, sizeof *vjps);
  for (int i = 0; i < node->input_count; i++)
    if (tr_value_of(tape, node->inputs[i])) argnums[count++] = i;
  mx_stream before = mx_use_stream(node->stream);
  bool good = tr_rule_vjp(node, node->inputs, cotangents, argnums, count, e->outputs, vjps);
  for (int i = 0; i < count && good; i++) {
    tr_value *sum = tr_value_of(tape, node->inputs[argnums[i]]);
    sum->array = sum->array ? mx_add(sum->array, vjps[i]) : vjps[i];
    good = sum->array != NULL;
  }
  mx_use_stream(before);
  free(cotangents);
  free(argnums);
  free(vjps);
  return good;
}

static bool wrong_count(int outputs, int cotangents) {
  mx_fail("[vjp] Number of outputs to compute gradients for (%d) does not match number of "
          "cotangents (%d).",
          outputs, cotangents);
  return false;
}

/* Lays the cotangents at the outputs that do not stop gradients. */
static bool seed(tr_tape *tape, const mx_arrays *outputs, const mx *cotangents, int count) {
  int next = 0;
  if (count > outputs->size) return wrong_count(outputs->size, count);
  for (int i = 0; i < outputs->size; i++) {
    mx out = outputs->data[i];
    if (out->node && out->node->primitive->stops_gradient) continue;
    if (next >= count) return wrong_count(outputs->size, count);
    mx cotangent = cotangents[next++];
    if (out->ndim != cotangent->ndim ||
        !mx_same_shape(mx_shape_of(out), mx_shape_of(cotangent), out->ndim)) {
      bool scalar = outputs->size == 1 && out->size == 1;
      mx_fail("[vjp] Output shape %s does not match cotangent shape %s.%s", mx_shape_text_of(out),
              mx_shape_text_of(cotangent),
              scalar ? " If you are using grad your function must return a scalar." : "");
      return false;
    }
    tr_value *value = tr_value_of(tape, out);
    if (!value) continue;
    cotangent = mx_astype(cotangent, out->dtype);
    value->array = value->array ? mx_add(value->array, cotangent) : cotangent;
    if (!value->array) return false;
  }
  return true;
}

/* The whole pass over tracers of the primals. */
static bool pull_back(mx_fn f, const mx *primals, const mx *tracers, int count, mx_ints argnums,
                      const mx *cotangents, int cotangent_count, mx_arrays *outputs,
                      mx_arrays *vjps) {
  int first = outputs->size;
  mx_tracing++;
  bool good = mx_fn_apply(f, tracers, count, outputs);
  mx_tracing--;
  if (!good) return false;
  bool *carried = mx_xcalloc((size_t)count + 1, sizeof *carried);
  for (int i = 0; i < argnums.size; i++) carried[argnums.data[i]] = true;
  mx_arrays made = {outputs->data + first, outputs->size - first, 0};
  tr_tape tape = {0};
  tr_tape_record(&tape, tracers, primals, carried, count, made.data, made.size, false);
  mx_tracing++; /* a rule may evaluate what an outer transform still needs */
  good = seed(&tape, &made, cotangents, cotangent_count);
  for (size_t i = tape.entries.size; i > 0 && good; i--)
    good = propagate(&tape, &tape.entries.data[i - 1]);
  for (int i = 0; i < argnums.size && good; i++) {
    mx value = tape.input_values[argnums.data[i]].array;
    good = mx_arrays_push(vjps, value ? value : mx_zeros_like(tracers[argnums.data[i]]));
  }
  mx_tracing--;
  tr_tape_free(&tape);
  free(carried);
  return good;
}

bool tr_vjp(mx_fn f, const mx *primals, int count, mx_ints argnums, const mx *cotangents,
            int cotangent_count, mx_arrays *outputs, mx_arrays *vjps) {
  if (!tr_all_given("vjp", "Primal", primals, count) ||
      !tr_all_given("vjp", "Cotangent", cotangents, cotangent_count))
    return false;
  mx *tracers = mx_xmalloc(((size_t)count + 1) * sizeof *tracers);
  mx_arrays values = {0}, gradients = {0};
  mx_scope scope = mx_scope_begin();
  bool good = true;
  for (int i = 0; i < count && good; i++) good = (tracers[i] = tr_tracer(primals[i])) != NULL;
  good = good && pull_back(f, primals, tracers, count, argnums, cotangents, cotangent_count,
                           &values, &gradients);
  good = tr_return(scope, good, &values, outputs, &gradients, vjps);
  free(tracers);
  return good;
}

bool mx_vjp(mx_fn f, const mx *primals, int count, const mx *cotangents, int cotangent_count,
            mx_arrays *outputs, mx_arrays *vjps) {
  int *all = mx_xmalloc(((size_t)count + 1) * sizeof *all);
  for (int i = 0; i < count; i++) all[i] = i;
  bool good =
      tr_vjp(f, primals, count, (mx_ints){all, count}, cotangents, cotangent_count, outputs, vjps);
  free(all);
  return good;
}
