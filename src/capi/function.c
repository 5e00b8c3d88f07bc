/* Closures as native functions, and native functions as closures. */
#include "capi/closure.h"

bool capi_take_vector(mlx_vector_array from, mx_arrays *to, bool good) {
  for (size_t i = 0; good && i < capi_vector(from)->size; i++)
    good = mx_arrays_push(to, mx_scope_own(mx_retain(capi_vector(from)->data[i])));
  mlx_vector_array_free(from);
  return good;
}

/* ---- A closure that a transform calls ---- */

static bool call_closure(void *payload, const mx *inputs, int count, mx_arrays *outputs) {
  mlx_vector_array in = {NULL}, out = {NULL};
  capi_set_vector(&in, inputs, (size_t)count);
  bool good = !capi_mlx_closure_call(&out, (mlx_closure){payload}, in);
  mlx_vector_array_free(in);
  return capi_take_vector(out, outputs, good);
}

static void release_closure(void *payload) { capi_closure_release(payload); }

mx_fn capi_function(mlx_closure cls) {
  if (!cls.ctx) return mx_fail("expected a non-empty mlx_closure");
  return mx_fn_new(call_closure, capi_closure_retain(cls.ctx), release_closure);
}

/* ---- A transformed function that a program calls ---- */

static int apply_function(mlx_vector_array *res, const mlx_vector_array input, void *payload) {
  mx_scope scope = mx_scope_begin();
  mx_arrays outputs = {0};
  bool good = mx_fn_apply(payload, LIST(input), &outputs);
  if (good) capi_set_vector(res, outputs.data, (size_t)outputs.size);
  mx_arrays_free(&outputs);
  mx_scope_end(scope, NULL);
  return good ? 0 : 1;
}

static void release_function(void *payload) { mx_fn_release(payload); }

int capi_set_closure(mlx_closure *res, mx_fn f) {
  if (!f) return capi_fail("mlx_closure");
  mlx_closure made = mlx_closure_new_func_payload(apply_function, f, release_function);
  int failed = mlx_closure_set(res, made);
  mlx_closure_free(made);
  return failed;
}
