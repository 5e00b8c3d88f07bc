/* Forward mode: the function is traced, and tangents follow the tape. */
#include "mlx/mx/create.h"
#include "transforms/formula.h"
#include "transforms/tape.h"

#include <stdlib.h>

static bool push_tangents(tr_tape *tape, tr_entry *e) {
  mx_node *node = e->node;
  size_t inputs = (size_t)node->input_count, outputs = (size_t)node->output_count;
  int *argnums = mx_xmalloc(inputs * sizeof *argnums), count = 0;
  mx *tangents = mx_xmalloc(inputs * sizeof *tangents);
  mx *jvps = mx_xcalloc(outputs, sizeof *jvps);
  for (int i = 0; i < node->input_count; i++) {
    tr_value *value = tr_value_of(tape, node->inputs[i]);
    if (!value || !value->array) continue;
    tangents[count] = value->array;
    argnums[count++] = i;
  }
  mx_stream before = mx_use_stream(node->stream);
  bool good = tr_rule_jvp(node, node->inputs, tangents, argnums, count, jvps);
  mx_use_stream(before);
  for (size_t o = 0; o < outputs && good; o++) {
    e->values[o].array = jvps[o];
    good = jvps[o] != NULL;
  }
  free(argnums);
  free(tangents);
  free(jvps);
  return good;
}

static bool push_forward(mx_fn f, const mx *primals, const mx *tracers, const mx *tangents,
                         int count, mx_arrays *outputs, mx_arrays *jvps) {
  mx_tracing++;
  bool good = mx_fn_apply(f, tracers, count, outputs);
  mx_tracing--;
  if (!good) return false;
  tr_tape tape = {0};
  tr_tape_record(&tape, tracers, primals, NULL, count, outputs->data, outputs->size, false);
  for (int i = 0; i < count; i++) tape.input_values[i].array = tangents[i];
  mx_tracing++;
  for (size_t i = 0; i < tape.entries.size && good; i++)
    good = push_tangents(&tape, &tape.entries.data[i]);
  for (int i = 0; i < outputs->size && good; i++) {
    tr_value *value = tr_value_of(&tape, outputs->data[i]);
    good = mx_arrays_push(jvps, value ? value->array : mx_zeros_like(outputs->data[i]));
  }
  mx_tracing--;
  tr_tape_free(&tape);
  return good;
}

static bool same_shapes(const mx *primals, const mx *tangents, int count) {
  if (!tr_all_given("jvp", "Primal", primals, count) ||
      !tr_all_given("jvp", "Tangent", tangents, count))
    return false;
  for (int i = 0; i < count; i++) {
    mx p = primals[i], t = tangents[i];
    if (p->ndim == t->ndim && mx_same_shape(mx_shape_of(p), mx_shape_of(t), p->ndim)) continue;
    mx_fail("[jvp] Input shape %s does not match shape of tangent %s.", mx_shape_text_of(p),
            mx_shape_text_of(t));
    return false;
  }
  return true;
}

bool mx_jvp(mx_fn f, const mx *primals, const mx *tangents, int count, mx_arrays *outputs,
            mx_arrays *jvps) {
  if (!same_shapes(primals, tangents, count)) return false;
  mx *tracers = mx_xmalloc(((size_t)count + 1) * sizeof *tracers);
  mx_arrays values = {0}, pushed = {0};
  mx_scope scope = mx_scope_begin();
  bool good = true;
  for (int i = 0; i < count && good; i++) good = (tracers[i] = tr_tracer(primals[i])) != NULL;
  good = good && push_forward(f, primals, tracers, tangents, count, &values, &pushed);
  good = tr_return(scope, good, &values, outputs, &pushed, jvps);
  free(tracers);
  return good;
}
