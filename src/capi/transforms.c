/* Evaluation and transforms, over vectors of arrays and closures. */
#include "mlx/c/transforms.h"
#include "mlx/c/transforms_impl.h"
#include "capi/closure.h"

#include <stdlib.h>

int mlx_eval(const mlx_vector_array outputs) {
  return mx_eval_arrays(LIST(outputs)) ? capi_fail("mlx_array") : 0;
}

int mlx_async_eval(const mlx_vector_array outputs) {
  return mx_async_eval_arrays(LIST(outputs)) ? capi_fail("mlx_array") : 0;
}

/* Two lists of results, where `good`; ends the scope. */
static int finish(mx_scope scope, bool good, mlx_vector_array *res_0, mx_arrays *first,
                  mlx_vector_array *res_1, mx_arrays *second) {
  if (good) {
    capi_set_vector(res_0, first->data, (size_t)first->size);
    capi_set_vector(res_1, second->data, (size_t)second->size);
  }
  mx_arrays_free(first);
  mx_arrays_free(second);
  mx_scope_end(scope, NULL);
  return good ? 0 : capi_fail("mlx_vector_array");
}

int mlx_vjp(mlx_vector_array *res_0, mlx_vector_array *res_1, const mlx_closure fun,
            const mlx_vector_array primals, const mlx_vector_array cotangents) {
  mx_scope scope = mx_scope_begin();
  mx_arrays outputs = {0}, vjps = {0};
  mx_fn f = capi_function(fun);
  bool good = f && mx_vjp(f, LIST(primals), LIST(cotangents), &outputs, &vjps);
  mx_fn_release(f);
  return finish(scope, good, res_0, &outputs, res_1, &vjps);
}

int mlx_jvp(mlx_vector_array *res_0, mlx_vector_array *res_1, const mlx_closure fun,
            const mlx_vector_array primals, const mlx_vector_array tangents) {
  if (capi_vector(primals)->size != capi_vector(tangents)->size) {
    mx_fail("[jvp] Number of inputs does not match number of tangents.");
    return capi_fail("mlx_vector_array");
  }
  mx_scope scope = mx_scope_begin();
  mx_arrays outputs = {0}, jvps = {0};
  mx_fn f = capi_function(fun);
  bool good = f && mx_jvp(f, capi_vector(primals)->data, LIST(tangents), &outputs, &jvps);
  mx_fn_release(f);
  return finish(scope, good, res_0, &outputs, res_1, &jvps);
}

/* ---- Gradients ---- */

typedef struct {
  mx_fn f; /* its last results are the gradients */
  int gradients;
} differentiated;

static int apply_gradient(mlx_vector_array *res_0, mlx_vector_array *res_1,
                          const mlx_vector_array input, void *payload) {
  const differentiated *d = payload;
  mx_scope scope = mx_scope_begin();
  mx_arrays results = {0};
  bool good = mx_fn_apply(d->f, LIST(input), &results);
  if (good) {
    size_t values = (size_t)(results.size - d->gradients);
    capi_set_vector(res_0, results.data, values);
    capi_set_vector(res_1, results.data + values, (size_t)d->gradients);
  }
  mx_arrays_free(&results);
  mx_scope_end(scope, NULL);
  return good ? 0 : 1;
}

static void release_gradient(void *payload) {
  mx_fn_release(((differentiated *)payload)->f);
  free(payload);
}

int mlx_value_and_grad(mlx_closure_value_and_grad *res, const mlx_closure fun, const int *argnums,
                       size_t argnums_num) {
  mx_fn f = capi_function(fun), g = mx_value_and_grad(f, capi_ints(argnums, argnums_num));
  mx_fn_release(f);
  if (!g) return capi_fail("mlx_closure");
  differentiated *d = mx_xmalloc(sizeof *d);
  *d = (differentiated){g, (int)argnums_num};
  mlx_closure_value_and_grad made =
      mlx_closure_value_and_grad_new_func_payload(apply_gradient, d, release_gradient);
  int failed = mlx_closure_value_and_grad_set(res, made);
  mlx_closure_value_and_grad_free(made);
  return failed;
}

int mlx_checkpoint(mlx_closure *res, const mlx_closure fun) {
  mx_fn f = capi_function(fun), g = mx_checkpoint(f);
  mx_fn_release(f);
  return capi_set_closure(res, g);
}

/* ---- Rules of the program's own ---- */

typedef struct {
  mlx_closure_custom vjp;
  mlx_closure_custom_jvp jvp;
  mlx_closure_custom_vmap vmap;
} custom_closures;

static mlx_vector_array vector_of(const mx *arrays, int count) {
  mlx_vector_array v = {NULL};
  capi_set_vector(&v, arrays, (size_t)count);
  return v;
}

static bool call_vjp(void *payload, const mx *primals, int count, const mx *cotangents,
                     const mx *outputs, int output_count, mx_arrays *vjps) {
  mlx_vector_array in[] = {vector_of(primals, count), vector_of(cotangents, output_count),
                           vector_of(outputs, output_count)};
  mlx_vector_array out = {NULL};
  custom_closures *c = payload;
  bool good = !capi_mlx_closure_custom_call(&out, c->vjp, in[0], in[1], in[2]);
  for (int i = 0; i < 3; i++) mlx_vector_array_free(in[i]);
  return capi_take_vector(out, vjps, good);
}

static bool call_jvp(void *payload, const mx *primals, int count, const mx *tangents,
                     const int *argnums, int tangent_count, mx_arrays *jvps) {
  mlx_vector_array in[] = {vector_of(primals, count), vector_of(tangents, tangent_count)};
  mlx_vector_array out = {NULL};
  custom_closures *c = payload;
  bool good =
      !capi_mlx_closure_custom_jvp_call(&out, c->jvp, in[0], in[1], argnums, (size_t)tangent_count);
  for (int i = 0; i < 2; i++) mlx_vector_array_free(in[i]);
  return capi_take_vector(out, jvps, good);
}

static bool call_vmap(void *payload, const mx *inputs, const int *axes, int count,
                      mx_arrays *outputs, int output_count, int *out_axes) {
  mlx_vector_array in = vector_of(inputs, count), out = {NULL};
  mlx_vector_int out_in = {NULL};
  custom_closures *c = payload;
  bool good = !capi_mlx_closure_custom_vmap_call(&out, &out_in, c->vmap, in, axes, (size_t)count);
  if (good && mlx_vector_int_size(out_in) != (size_t)output_count) {
    mx_fail("[custom_function] The vmap rule gave %zu axes; there must be %d.",
            mlx_vector_int_size(out_in), output_count);
    good = false;
  }
  for (int i = 0; i < output_count && good; i++)
    good = !mlx_vector_int_get(&out_axes[i], out_in, (size_t)i);
  mlx_vector_array_free(in);
  mlx_vector_int_free(out_in);
  return capi_take_vector(out, outputs, good);
}

static void release_closures(void *payload) {
  custom_closures *c = payload;
  capi_closure_release(c->vjp.ctx);
  capi_closure_release(c->jvp.ctx);
  capi_closure_release(c->vmap.ctx);
  free(c);
}

int mlx_custom_function(mlx_closure *res, const mlx_closure fun, const mlx_closure_custom fun_vjp,
                        const mlx_closure_custom_jvp fun_jvp,
                        const mlx_closure_custom_vmap fun_vmap) {
  mx_fn f = capi_function(fun);
  if (!f) return capi_fail("mlx_closure");
  custom_closures *c = mx_xmalloc(sizeof *c);
  *c = (custom_closures){{capi_closure_retain(fun_vjp.ctx)},
                         {capi_closure_retain(fun_jvp.ctx)},
                         {capi_closure_retain(fun_vmap.ctx)}};
  mx_fn g = mx_custom_function(f, (mx_custom_rules){.vjp = fun_vjp.ctx ? call_vjp : NULL,
                                                    .jvp = fun_jvp.ctx ? call_jvp : NULL,
                                                    .vmap = fun_vmap.ctx ? call_vmap : NULL,
                                                    .payload = c,
                                                    .release = release_closures});
  mx_fn_release(f);
  return capi_set_closure(res, g);
}

int mlx_custom_vjp(mlx_closure *res, const mlx_closure fun, const mlx_closure_custom fun_vjp) {
  return mlx_custom_function(res, fun, fun_vjp, (mlx_closure_custom_jvp){NULL},
                             (mlx_closure_custom_vmap){NULL});
}

/* ---- vmap, in its two steps ---- */

int mlx_detail_vmap_trace(mlx_vector_array *res_0, mlx_vector_array *res_1, const mlx_closure fun,
                          const mlx_vector_array inputs, const int *in_axes, size_t in_axes_num) {
  mx_scope scope = mx_scope_begin();
  int count = (int)capi_vector(inputs)->size;
  mx_arrays traced = {mx_xcalloc((size_t)count + 1, sizeof(mx)), count, count}, outputs = {0};
  mx_fn f = capi_function(fun);
  bool good =
      f && mx_vmap_trace(f, LIST(inputs), capi_ints(in_axes, in_axes_num), traced.data, &outputs);
  mx_fn_release(f);
  return finish(scope, good, res_0, &traced, res_1, &outputs);
}

int mlx_detail_vmap_replace(mlx_vector_array *res, const mlx_vector_array inputs,
                            const mlx_vector_array s_inputs, const mlx_vector_array s_outputs,
                            const int *in_axes, size_t in_axes_num, const int *out_axes,
                            size_t out_axes_num) {
  mx_scope scope = mx_scope_begin();
  mx_arrays outputs = {0};
  bool good = capi_vector(inputs)->size == capi_vector(s_inputs)->size;
  if (!good)
    mx_fail("[vmap] %zu inputs and %zu traced inputs.", capi_vector(inputs)->size,
            capi_vector(s_inputs)->size);
  good = good && mx_vmap_replace(capi_vector(inputs)->data, LIST(s_inputs), LIST(s_outputs),
                                 capi_ints(in_axes, in_axes_num), capi_ints(out_axes, out_axes_num),
                                 &outputs);
  if (good) capi_set_vector(res, outputs.data, (size_t)outputs.size);
  mx_arrays_free(&outputs);
  mx_scope_end(scope, NULL);
  return good ? 0 : capi_fail("mlx_vector_array");
}
