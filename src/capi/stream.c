/* Stream handles: ctx is a copy of the native struct. */
#include "mlx/c/stream.h"
#include "base/alloc.h"
#include "capi/capi.h"

#include <stdio.h>
#include <stdlib.h>

#define NEED(handle, kind) \
  if (!(handle).ctx) return capi_fail(kind)

/* *stream becomes the native stream; 1 where there is none. */
static int set(mlx_stream *stream, mx_stream native) {
  if (native.index < 0) return capi_fail("mlx_stream");
  if (!stream->ctx) stream->ctx = mx_xmalloc(sizeof native);
  *(mx_stream *)stream->ctx = native;
  return 0;
}

static mlx_stream made(mx_stream native) {
  mlx_stream stream = {NULL};
  set(&stream, native);
  return stream;
}

mlx_stream mlx_stream_new(void) { return (mlx_stream){NULL}; }

mlx_stream mlx_stream_new_device(mlx_device dev) {
  if (dev.ctx) return made(mx_new_stream(*(const mx_device *)dev.ctx));
  capi_fail("mlx_device");
  return mlx_stream_new();
}

int mlx_stream_set(mlx_stream *stream, const mlx_stream src) {
  NEED(src, "mlx_stream");
  return set(stream, *(const mx_stream *)src.ctx);
}

int mlx_stream_free(mlx_stream stream) {
  free(stream.ctx);
  return 0;
}

int mlx_stream_tostring(mlx_string *str, mlx_stream stream) {
  NEED(stream, "mlx_stream");
  const mx_stream *s = stream.ctx;
  char text[96];
  snprintf(text, sizeof text, "Stream(Device(%s, %d), %d)",
           s->device.type == MX_GPU ? "gpu" : "cpu", s->device.index, s->index);
  capi_set_string(str, text);
  return 0;
}

bool mlx_stream_equal(mlx_stream lhs, mlx_stream rhs) {
  const mx_stream *a = lhs.ctx, *b = rhs.ctx;
  return a && b ? a->index == b->index : a == b;
}

int mlx_stream_get_device(mlx_device *dev, mlx_stream stream) {
  NEED(stream, "mlx_stream");
  mlx_device device = {&((mx_stream *)stream.ctx)->device};
  return mlx_device_set(dev, device);
}

int mlx_stream_get_index(int *index, mlx_stream stream) {
  NEED(stream, "mlx_stream");
  *index = ((const mx_stream *)stream.ctx)->index;
  return 0;
}

int mlx_synchronize(mlx_stream stream) {
  NEED(stream, "mlx_stream");
  mx_synchronize(*(const mx_stream *)stream.ctx);
  return 0;
}

int mlx_get_default_stream(mlx_stream *stream, mlx_device dev) {
  NEED(dev, "mlx_device");
  return set(stream, mx_default_stream(*(const mx_device *)dev.ctx));
}

int mlx_set_default_stream(mlx_stream stream) {
  NEED(stream, "mlx_stream");
  return mx_set_default_stream(*(const mx_stream *)stream.ctx) ? capi_fail("mlx_stream") : 0;
}

mlx_stream mlx_default_cpu_stream_new(void) {
  return made(mx_default_stream((mx_device){MX_CPU, 0}));
}

mlx_stream mlx_default_gpu_stream_new(void) {
  return made(mx_default_stream((mx_device){MX_GPU, 0}));
}
