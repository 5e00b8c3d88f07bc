/* Functions in files. */
#include "mlx/c/export.h"
#include "capi/closure.h"
#include "mlx/mx/export.h"

#include <stdlib.h>
#include <string.h>

/* mlx-c's file appears when its exporter is freed. */

mlx_function_exporter mlx_function_exporter_new(const char *file, const mlx_closure fun,
                                                bool shapeless) {
  mx_fn f = capi_function(fun);
  mx_exporter *e = mx_exporter_new(file, f, shapeless);
  mx_fn_release(f);
  if (!e) capi_fail("mlx_function_exporter");
  return (mlx_function_exporter){e};
}

int mlx_function_exporter_free(mlx_function_exporter xfunc) {
  if (!xfunc.ctx) return 0;
  return mx_exporter_close(xfunc.ctx) ? capi_fail("mlx_function_exporter") : 0;
}

static int export_one(mx_exporter *e, const mlx_vector_array args, const mx_array_map *keywords) {
  mx_scope scope = mx_scope_begin();
  int failed = !e || mx_exporter_add(e, LIST(args), keywords);
  mx_scope_end(scope, NULL);
  return failed ? capi_fail("mlx_function_exporter") : 0;
}

int mlx_function_exporter_apply(const mlx_function_exporter xfunc, const mlx_vector_array args) {
  return export_one(xfunc.ctx, args, NULL);
}

int mlx_function_exporter_apply_kwargs(const mlx_function_exporter xfunc,
                                       const mlx_vector_array args,
                                       const mlx_map_string_to_array kwargs) {
  return export_one(xfunc.ctx, args, kwargs.ctx);
}

int mlx_export_function(const char *file, const mlx_closure fun, const mlx_vector_array args,
                        bool shapeless) {
  mx_scope scope = mx_scope_begin();
  mx_fn f = capi_function(fun);
  int failed = !f || mx_export_function(file, f, LIST(args), shapeless);
  mx_fn_release(f);
  mx_scope_end(scope, NULL);
  return failed ? capi_fail("mlx_closure") : 0;
}

/* ---- A closure of named arrays: it is told their names again when it is called ---- */

typedef struct {
  mlx_closure_kwargs closure;
  const mx_array_map *keywords;
  int positional;
} named_call;

static int compare(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool call_named(void *payload, const mx *inputs, int count, mx_arrays *outputs) {
  const named_call *call = payload;
  size_t names = call->keywords ? mx_array_map_size(call->keywords) : 0;
  const char **sorted = mx_xmalloc((names + 1) * sizeof *sorted);
  for (size_t i = 0; i < names; i++) sorted[i] = mx_array_map_name(call->keywords, i);
  qsort(sorted, names, sizeof *sorted, compare);
  mx_array_map *map = mx_array_map_new();
  for (size_t i = 0; i < names && call->positional + (int)i < count; i++)
    mx_array_map_put(map, sorted[i], inputs[call->positional + (int)i]);
  mlx_vector_array in = {NULL}, out = {NULL};
  capi_set_vector(&in, inputs, (size_t)call->positional);
  bool good =
      !capi_mlx_closure_kwargs_call(&out, call->closure, in, (mlx_map_string_to_array){map});
  mlx_vector_array_free(in);
  mx_array_map_free(map);
  free(sorted);
  return capi_take_vector(out, outputs, good);
}

int mlx_export_function_kwargs(const char *file, const mlx_closure_kwargs fun,
                               const mlx_vector_array args, const mlx_map_string_to_array kwargs,
                               bool shapeless) {
  if (!fun.ctx) return capi_fail("mlx_closure_kwargs");
  named_call call = {fun, kwargs.ctx, (int)capi_vector(args)->size};
  mx_scope scope = mx_scope_begin();
  mx_fn f = mx_fn_new(call_named, &call, NULL);
  mx_exporter *e = mx_exporter_new(file, f, shapeless);
  mx_fn_release(f);
  int failed = mx_exporter_add(e, LIST(args), kwargs.ctx);
  if (failed)
    mx_exporter_abandon(e);
  else
    failed = mx_exporter_close(e);
  mx_scope_end(scope, NULL);
  return failed ? capi_fail("mlx_closure_kwargs") : 0;
}

/* ---- Import ---- */

mlx_imported_function mlx_imported_function_new(const char *file) {
  mx_imported *f = mx_import_function(file);
  if (!f) capi_fail("mlx_imported_function");
  return (mlx_imported_function){f};
}

int mlx_imported_function_free(mlx_imported_function xfunc) {
  mx_imported_free(xfunc.ctx);
  return 0;
}

static int apply(mlx_vector_array *res, const mx_imported *f, const mlx_vector_array args,
                 const mx_array_map *keywords) {
  mx_scope scope = mx_scope_begin();
  mx_arrays outputs = {0};
  bool good = mx_imported_apply(f, LIST(args), keywords, &outputs);
  if (good) capi_set_vector(res, outputs.data, (size_t)outputs.size);
  mx_arrays_free(&outputs);
  mx_scope_end(scope, NULL);
  return good ? 0 : capi_fail("mlx_imported_function");
}

int mlx_imported_function_apply(mlx_vector_array *res, const mlx_imported_function xfunc,
                                const mlx_vector_array args) {
  return apply(res, xfunc.ctx, args, NULL);
}

int mlx_imported_function_apply_kwargs(mlx_vector_array *res, const mlx_imported_function xfunc,
                                       const mlx_vector_array args,
                                       const mlx_map_string_to_array kwargs) {
  return apply(res, xfunc.ctx, args, kwargs.ctx);
}
