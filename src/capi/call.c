/* Begin and end of a wrapped call, and the setting of results. */
#include "capi/capi.h"

capi_call capi_begin(mlx_stream s) {
  const mx_stream *stream = s.ctx;
  return (capi_call){mx_scope_begin(),
                     mx_use_stream(stream ? *stream : (mx_stream){-1, {MX_CPU, 0}})};
}

void capi_leave(capi_call call) {
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
  capi_leave(call);
  return value ? 0 : capi_fail("mlx_array");
}
