/* Functions that bring rules of their own: a primitive that hands the function's results on, and
 * asks the rules when a transform comes by. */
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "transforms/function.h"

#include <stdlib.h>

/* Shared by the function and the nodes that it has made. */
typedef struct {
  _Atomic int refs;
  mx_fn f;
  mx_custom_rules rules;
} custom;

static void custom_release(void *payload) {
  custom *c = payload;
  if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1) return;
  mx_fn_release(c->f);
  if (c->rules.release) c->rules.release(c->rules.payload);
  free(c);
}

/* ---- The primitive: inputs are the function's, and then its results ---- */

typedef struct {
  custom *rules;
} params;

static void params_free(void *p) { custom_release(((params *)p)->rules); }
static void params_copy(void *p) {
  atomic_fetch_add_explicit(&((params *)p)->rules->refs, 1, memory_order_relaxed);
}

static bool eval(const mx_node *node, const mx *in, const mx *out) {
  int first = node->input_count - node->output_count;
  for (int i = 0; i < node->output_count; i++) mx_out_share(out[i], in[first + i]);
  return true;
}

static bool wrong_count(const char *rule, int got, int wanted) {
  mx_fail("[custom_function] The %s rule gave %d arrays; there must be %d.", rule, got, wanted);
  return false;
}

static bool vjp(const mx_node *node, const mx *primals, const mx *cotangents, const int *argnums,
                int count, const mx *outputs, mx *vjps) {
  const custom *c = MX_PARAMS(params, node)->rules;
  int inputs = node->input_count - node->output_count;
  mx_arrays results = {0}, values = {0};
  bool good = c->rules.vjp ? c->rules.vjp(c->rules.payload, primals, inputs, cotangents,
                                          primals + inputs, node->output_count, &results)
                           : mx_vjp(c->f, primals, inputs, cotangents, node->output_count, &values,
                                    &results);
  (void)outputs;
  if (good && results.size != inputs) good = wrong_count("vjp", results.size, inputs);
  for (int i = 0; i < count && good; i++)
    vjps[i] = argnums[i] < inputs ? results.data[argnums[i]] : mx_zeros_like(primals[argnums[i]]);
  mx_arrays_free(&results);
  mx_arrays_free(&values);
  return good;
}

/* The derived rule has a tangent for every input. */
static bool derived_jvp(const custom *c, const mx *primals, int inputs, const mx *tangents,
                        const int *argnums, int count, mx_arrays *jvps) {
  mx *all = mx_xmalloc(((size_t)inputs + 1) * sizeof *all);
  mx_arrays values = {0};
  for (int i = 0, k = 0; i < inputs; i++)
    all[i] = k < count && argnums[k] == i ? tangents[k++] : mx_zeros_like(primals[i]);
  bool good = mx_jvp(c->f, primals, all, inputs, &values, jvps);
  mx_arrays_free(&values);
  free(all);
  return good;
}

static bool jvp(const mx_node *node, const mx *primals, const mx *tangents, const int *argnums,
                int count, mx *jvps) {
  const custom *c = MX_PARAMS(params, node)->rules;
  int inputs = node->input_count - node->output_count;
  while (count && argnums[count - 1] >= inputs) count--;
  mx_arrays results = {0};
  bool good = c->rules.jvp ? c->rules.jvp(c->rules.payload, primals, inputs, tangents, argnums,
                                          count, &results)
                           : derived_jvp(c, primals, inputs, tangents, argnums, count, &results);
  if (good && results.size != node->output_count)
    good = wrong_count("jvp", results.size, node->output_count);
  for (int i = 0; i < node->output_count && good; i++) jvps[i] = results.data[i];
  mx_arrays_free(&results);
  return good;
}

static bool derived_vmap(const custom *c, const mx *in, const int *axes, int inputs, int outputs,
                         mx_arrays *results, int *out_axes) {
  for (int i = 0; i < outputs; i++) out_axes[i] = 0;
  mx_fn mapped = mx_vmap(c->f, (mx_ints){axes, inputs}, (mx_ints){out_axes, outputs});
  bool good = mx_fn_apply(mapped, in, inputs, results);
  mx_fn_release(mapped);
  return good;
}

static bool vmap(const mx_node *node, const mx *in, const int *axes, mx *out, int *out_axes) {
  const custom *c = MX_PARAMS(params, node)->rules;
  int outputs = node->output_count, inputs = node->input_count - outputs;
  mx_arrays results = {0};
  bool good = c->rules.vmap
                  ? c->rules.vmap(c->rules.payload, in, axes, inputs, &results, outputs, out_axes)
                  : derived_vmap(c, in, axes, inputs, outputs, &results, out_axes);
  if (good && results.size != outputs) good = wrong_count("vmap", results.size, outputs);
  for (int i = 0; i < outputs && good; i++) out[i] = results.data[i];
  mx_arrays_free(&results);
  return good;
}

static const mx_primitive custom_transforms = {.name = "CustomTransforms",
                                               .params_size = sizeof(params),
                                               .role = MX_ROLE_IDENTITY,
                                               .eval = {eval},
                                               .vjp = vjp,
                                               .jvp = jvp,
                                               .vmap = vmap,
                                               .params_free = params_free,
                                               .params_copy = params_copy};

/* ---- The function ---- */

static bool make_nodes(custom *c, const mx *inputs, int count, mx_arrays *outputs) {
  int results = outputs->size;
  if (!results) return true;
  mx *all = mx_xmalloc((size_t)(count + results) * sizeof *all);
  mx_spec *specs = mx_xmalloc((size_t)results * sizeof *specs);
  for (int i = 0; i < count; i++) all[i] = inputs[i];
  for (int i = 0; i < results; i++) {
    all[count + i] = mx_stop_gradient(outputs->data[i]);
    specs[i] = mx_spec_like(outputs->data[i], outputs->data[i]->dtype);
  }
  params p = {c};
  params_copy(&p);
  mx_stream before = mx_use_stream(tr_stream_of(outputs->data[0]));
  bool good =
      mx_make_nodes(&custom_transforms, &p, specs, results, all, count + results, outputs->data);
  mx_use_stream(before);
  free(all);
  free(specs);
  return good;
}

static bool apply(void *payload, const mx *inputs, int count, mx_arrays *outputs) {
  custom *c = payload;
  return mx_fn_apply(c->f, inputs, count, outputs) && make_nodes(c, inputs, count, outputs);
}

mx_fn mx_custom_function(mx_fn f, mx_custom_rules rules) {
  if (!f) return NULL;
  custom *c = mx_xmalloc(sizeof *c);
  *c = (custom){1, mx_fn_retain(f), rules};
  return mx_fn_new(apply, c, custom_release);
}

/* ---- Checkpoint ---- */

/* Computes f again, on primals that wait for the outputs, so that nothing is computed early. */
static bool again(void *payload, const mx *primals, int count, const mx *cotangents,
                  const mx *outputs, int output_count, mx_arrays *vjps) {
  mx *later = mx_xcalloc((size_t)count + 1, sizeof *later);
  mx_arrays values = {0};
  bool good = mx_depends(primals, count, outputs, output_count, later) &&
              mx_vjp(payload, later, count, cotangents, output_count, &values, vjps);
  mx_arrays_free(&values);
  free(later);
  return good;
}

static void release_fn(void *payload) { mx_fn_release(payload); }

mx_fn mx_checkpoint(mx_fn f) {
  if (!f) return NULL;
  return mx_custom_function(
      f, (mx_custom_rules){.vjp = again, .payload = mx_fn_retain(f), .release = release_fn});
}
