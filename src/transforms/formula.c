/* Primitives' rules; where one has none, what follows from its formula. */
#include "transforms/formula.h"
#include "mlx/mx/create.h"

#include <stdlib.h>

/* The formula as a function of some of the node's inputs. */
typedef struct {
  const mx_node *node;
  const mx *inputs;   /* [node->input_count] */
  const int *argnums; /* [count of the function's inputs] */
} section;

static bool call_formula(void *payload, const mx *in, int count, mx_arrays *out) {
  const section *s = payload;
  int inputs = s->node->input_count, outputs = s->node->output_count;
  mx *all = mx_xmalloc((size_t)inputs * sizeof *all);
  mx *made = mx_xcalloc((size_t)outputs, sizeof *made);
  for (int i = 0; i < inputs; i++) all[i] = s->inputs[i];
  for (int i = 0; i < count; i++) all[s->argnums[i]] = in[i];
  bool good = s->node->primitive->formula(s->node, all, made) && tr_append(out, made, outputs);
  free(all);
  free(made);
  return good;
}

/* Whether the rule has not answered, and the formula shall. */
static bool declined(const mx_node *node, const char *rule, bool exists) {
  if (node->primitive->formula) return !mx_error();
  if (!exists) mx_fail("[Primitive::%s] Not implemented for %s.", rule, node->primitive->name);
  return false;
}

static bool take(bool good, mx_arrays *from, int count, mx *to) {
  for (int i = 0; i < count && good; i++) to[i] = from->data[i];
  mx_arrays_free(from);
  return good;
}

static mx *pick(const mx *inputs, const int *argnums, int count) {
  mx *picked = mx_xmalloc(((size_t)count + 1) * sizeof *picked);
  for (int i = 0; i < count; i++) picked[i] = inputs[argnums[i]];
  return picked;
}

bool tr_rule_vjp(const mx_node *node, const mx *primals, const mx *cotangents, const int *argnums,
                 int count, const mx *outputs, mx *vjps) {
  const mx_primitive *p = node->primitive;
  if (p->vjp && p->vjp(node, primals, cotangents, argnums, count, outputs, vjps)) return true;
  if (!declined(node, "vjp", p->vjp != NULL)) return false;
  section s = {node, primals, argnums};
  mx_fn f = mx_fn_new(call_formula, &s, NULL);
  mx *picked = pick(primals, argnums, count);
  mx_arrays values = {0}, pulled = {0};
  bool good = mx_vjp(f, picked, count, cotangents, node->output_count, &values, &pulled);
  mx_arrays_free(&values);
  free(picked);
  mx_fn_release(f);
  return take(good, &pulled, count, vjps);
}

bool tr_rule_jvp(const mx_node *node, const mx *primals, const mx *tangents, const int *argnums,
                 int count, mx *jvps) {
  const mx_primitive *p = node->primitive;
  if (p->jvp && p->jvp(node, primals, tangents, argnums, count, jvps)) return true;
  if (!declined(node, "jvp", p->jvp != NULL)) return false;
  section s = {node, primals, argnums};
  mx_fn f = mx_fn_new(call_formula, &s, NULL);
  mx *picked = pick(primals, argnums, count);
  mx_arrays values = {0}, pushed = {0};
  bool good = mx_jvp(f, picked, tangents, count, &values, &pushed);
  mx_arrays_free(&values);
  free(picked);
  mx_fn_release(f);
  return take(good, &pushed, node->output_count, jvps);
}

bool tr_rule_vmap(const mx_node *node, const mx *inputs, const int *axes, mx *outputs,
                  int *out_axes) {
  const mx_primitive *p = node->primitive;
  if (p->vmap && p->vmap(node, inputs, axes, outputs, out_axes)) return true;
  if (!declined(node, "vmap", p->vmap != NULL)) return false;
  int *all = mx_xmalloc((size_t)node->input_count * sizeof *all);
  for (int i = 0; i < node->input_count; i++) all[i] = i;
  for (int o = 0; o < node->output_count; o++) out_axes[o] = 0;
  section s = {node, inputs, all};
  mx_fn f = mx_fn_new(call_formula, &s, NULL);
  mx_fn mapped =
      mx_vmap(f, (mx_ints){axes, node->input_count}, (mx_ints){out_axes, node->output_count});
  mx_arrays made = {0};
  bool good = mx_fn_apply(mapped, inputs, node->input_count, &made);
  mx_fn_release(mapped);
  mx_fn_release(f);
  free(all);
  return take(good, &made, node->output_count, outputs);
}
