/* See view.h. */
#include "view.h"
#include "base/alloc.h"
#include "base/half.h"

#include <stdlib.h>

static uint64_t state = 88172645463325252ull;

uint64_t view_random(uint64_t bound) {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return (state >> 11) % bound;
}

double view_real(mx_dtype dtype, const void *data, int64_t i) {
  switch (dtype) {
  case MX_BOOL:
  case MX_UINT8: return ((const uint8_t *)data)[i];
  case MX_UINT16: return ((const uint16_t *)data)[i];
  case MX_UINT32: return ((const uint32_t *)data)[i];
  case MX_UINT64: return (double)((const uint64_t *)data)[i];
  case MX_INT8: return ((const int8_t *)data)[i];
  case MX_INT16: return ((const int16_t *)data)[i];
  case MX_INT32: return ((const int32_t *)data)[i];
  case MX_INT64: return (double)((const int64_t *)data)[i];
  case MX_FLOAT16: return mx_f16_to_f32(((const mx_f16 *)data)[i]);
  case MX_FLOAT32: return ((const float *)data)[i];
  case MX_FLOAT64: return ((const double *)data)[i];
  case MX_BFLOAT16: return mx_bf16_to_f32(((const mx_bf16 *)data)[i]);
  default: return ((const mx_complex64 *)data)[i].re;
  }
}

double view_imaginary(mx_dtype dtype, const void *data, int64_t i) {
  return dtype == MX_COMPLEX64 ? ((const mx_complex64 *)data)[i].im : 0;
}

void view_store(mx_dtype dtype, void *data, int64_t i, double re, double im) {
  switch (dtype) {
  case MX_BOOL: ((uint8_t *)data)[i] = re != 0; break;
  case MX_UINT8: ((uint8_t *)data)[i] = (uint8_t)(int64_t)re; break;
  case MX_UINT16: ((uint16_t *)data)[i] = (uint16_t)(int64_t)re; break;
  case MX_UINT32: ((uint32_t *)data)[i] = (uint32_t)(int64_t)re; break;
  case MX_UINT64: ((uint64_t *)data)[i] = (uint64_t)(int64_t)re; break;
  case MX_INT8: ((int8_t *)data)[i] = (int8_t)re; break;
  case MX_INT16: ((int16_t *)data)[i] = (int16_t)re; break;
  case MX_INT32: ((int32_t *)data)[i] = (int32_t)re; break;
  case MX_INT64: ((int64_t *)data)[i] = (int64_t)re; break;
  case MX_FLOAT16: ((mx_f16 *)data)[i] = mx_f32_to_f16((float)re); break;
  case MX_FLOAT32: ((float *)data)[i] = (float)re; break;
  case MX_FLOAT64: ((double *)data)[i] = re; break;
  case MX_BFLOAT16: ((mx_bf16 *)data)[i] = mx_f32_to_bf16((float)re); break;
  default: ((mx_complex64 *)data)[i] = (mx_complex64){(float)re, (float)im};
  }
}

view view_new(mx_dtype dtype, int ndim, const int32_t *shape, int low, int high, bool plain) {
  view v = {.dtype = dtype, .ndim = ndim};
  int order[VIEW_DIMS];
  for (int i = 0; i < ndim; i++) {
    v.shape[i] = shape[i];
    order[i] = i;
  }
  for (int i = ndim - 1; i > 0 && !plain; i--) {
    int j = (int)view_random(2) ? i : (int)view_random((uint64_t)i + 1), t = order[i];
    order[i] = order[j], order[j] = t;
  }
  int64_t total = 1, start = 0;
  for (int i = ndim - 1; i >= 0; i--) {
    int axis = order[i];
    int64_t step = plain || view_random(4) ? 1 : 2;
    bool broadcast = !plain && !view_random(12), backward = !plain && !view_random(6);
    v.strides[axis] = broadcast ? 0 : total * step * (backward ? -1 : 1);
    if (backward && !broadcast && shape[axis]) start += (shape[axis] - 1) * total * step;
    if (!broadcast) total *= step * (shape[axis] ? shape[axis] : 1);
  }
  size_t size = mx_dtype_size(dtype);
  v.block = mx_xmalloc((size_t)total * size + 64);
  uint64_t range = (uint64_t)(high - low + 1);
  if (low < 0 && mx_is_subdtype(dtype, MX_KIND_UNSIGNEDINTEGER)) low = 0;
  for (int64_t i = 0; i < total; i++)
    view_store(dtype, v.block, i, low + (double)view_random(range),
               low + (double)view_random(range));
  v.data = v.block + start * (int64_t)size;
  return v;
}

void view_free(view *v) { free(v->block); }

int64_t view_size(const view *v) {
  int64_t n = 1;
  for (int i = 0; i < v->ndim; i++) n *= v->shape[i];
  return n;
}

int64_t view_offset(const view *v, int64_t index) {
  int64_t offset = 0;
  for (int i = v->ndim - 1; i >= 0; i--) {
    offset += index % v->shape[i] * v->strides[i];
    index /= v->shape[i];
  }
  return offset;
}

int64_t view_output(const view *v, const bool *reduced, int64_t index) {
  int64_t output = 0, scale = 1;
  for (int i = v->ndim - 1; i >= 0; i--) {
    if (!reduced[i]) output += index % v->shape[i] * scale, scale *= v->shape[i];
    index /= v->shape[i];
  }
  return output;
}
