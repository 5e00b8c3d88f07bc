/* Begin and end of a wrapped call, and the setting of results. */
#include "capi/capi.h"

capi_call capi_begin(mlx_stream s) {
  const mx_stream *stream = s.ctx;
  return (capi_call){mx_scope_begin(),
                     mx_use_stream(stream ? *stream : (mx_stream){-1, {MX_CPU, 0}})};
}

static void end(capi_call call) {
  mx_scope_end(call.scope, NULL);
  mx_use_stream(call.before);
}

void capi_set(mlx_array *res, mx a) {
  mx before = res->ctx;
  res->ctx = mx_retain(a);
  mx_release(before);
}

int capi_end(capi_call call, mlx_array *res, mx value) {
  if (value) capi_set(res, value);
  end(call);
  return value ? 0 : capi_fail("mlx_array");
}

int capi_end_vector(capi_call call, mlx_vector_array *res, bool done, const mx *values, int count) {
  if (done) capi_set_vector(res, values, (size_t)count);
  end(call);
  return done ? 0 : capi_fail("mlx_array");
}
