/* Arrays from values, and values from arrays. */
#include "array/array.h"
#include "array/scope.h"
#include "base/alloc.h"
#include "base/half.h"

#include <string.h>

static mx finished(mx a) {
  atomic_store_explicit(&a->status, MX_AVAILABLE, memory_order_release);
  return mx_scope_own(a);
}

mx mx_array_new(const void *data, mx_ints shape, mx_dtype dtype) {
  mx a = mx_array_alloc(dtype, shape.data, shape.size);
  if (!a) return NULL;
  if (!mx_out_alloc(a)) {
    mx_release(a);
    return NULL;
  }
  if (a->size) memcpy(a->data, data, a->size * mx_dtype_size(dtype));
  return finished(a);
}

mx mx_array_wrap(void *data, mx_ints shape, mx_dtype dtype, void (*release)(void *),
                 void *payload) {
  mx a = mx_array_alloc(dtype, shape.data, shape.size);
  if (!a) {
    if (release) release(payload);
    return NULL;
  }
  mx_out_adopt(a, mx_buffer_wrap(data, a->size * mx_dtype_size(dtype), release, payload), 0);
  return finished(a);
}

mx mx_bool(bool value) { return mx_array_new(&value, (mx_ints){NULL, 0}, MX_BOOL); }
mx mx_int(int value) { return mx_array_new(&value, (mx_ints){NULL, 0}, MX_INT32); }
mx mx_float(float value) { return mx_array_new(&value, (mx_ints){NULL, 0}, MX_FLOAT32); }

mx mx_complex(float re, float im) {
  mx_complex64 value = {re, im};
  return mx_array_new(&value, (mx_ints){NULL, 0}, MX_COMPLEX64);
}

/* A double to an integer as x86 converts it, without C's undefined cases. */
static int64_t to_int64(double v) { return v >= -0x1p63 && v < 0x1p63 ? (int64_t)v : INT64_MIN; }

static uint64_t to_uint64(double v) {
  return v >= 0x1p63 && v < 0x1p64 ? (uint64_t)v : (uint64_t)to_int64(v);
}

mx mx_scalar(double value, mx_dtype dtype) {
  union {
    uint64_t u64;
    int64_t i64;
    uint32_t u32;
    uint16_t u16;
    uint8_t u8;
    float f32;
    double f64;
    mx_f16 f16;
    mx_bf16 bf16;
    mx_complex64 c64;
  } v = {0};
  switch (dtype) {
  case MX_BOOL: v.u8 = value != 0; break;
  case MX_UINT8:
  case MX_INT8: v.u8 = (uint8_t)to_int64(value); break;
  case MX_UINT16:
  case MX_INT16: v.u16 = (uint16_t)to_int64(value); break;
  case MX_UINT32:
  case MX_INT32: v.u32 = (uint32_t)to_int64(value); break;
  case MX_UINT64: v.u64 = to_uint64(value); break;
  case MX_INT64: v.i64 = to_int64(value); break;
  case MX_FLOAT16: v.f16 = mx_f32_to_f16((float)value); break;
  case MX_BFLOAT16: v.bf16 = mx_f32_to_bf16((float)value); break;
  case MX_FLOAT32: v.f32 = (float)value; break;
  case MX_FLOAT64: v.f64 = value; break;
  case MX_COMPLEX64: v.c64.re = (float)value; break;
  default: return mx_fail("[scalar] Invalid dtype %d", (int)dtype);
  }
  return mx_array_new(&v, (mx_ints){NULL, 0}, dtype);
}

mx mx_scalar_like(double value, mx a) {
  if (!a) return NULL;
  mx_dtype dtype = a->dtype;
  bool whole = value == (double)to_int64(value);
  if (!whole && !mx_is_subdtype(dtype, MX_KIND_INEXACT)) dtype = MX_FLOAT32;
  if (dtype == MX_BOOL && value != 0 && value != 1) dtype = MX_INT32;
  return mx_scalar(value, dtype);
}

const void *mx_data(mx a) { return mx_ensure(a) ? a->data : NULL; }
const int64_t *mx_strides(mx a) { return mx_ensure(a) ? mx_strides_of(a) : NULL; }

/* The one element of a size-1 array, evaluated, as the bytes of its dtype. */
static const void *only_element(mx a) {
  if (!mx_ensure(a)) return NULL;
  if (a->size == 1) return a->data;
  return mx_fail("[item] item can only be called on arrays of size 1; this one has shape %s.",
                 mx_shape_text_of(a));
}

mx_complex64 mx_item_complex(mx a) {
  mx_complex64 zero = {0, 0};
  const void *p = only_element(a);
  if (!p) return zero;
  if (a->dtype == MX_COMPLEX64) return *(const mx_complex64 *)p;
  return (mx_complex64){(float)mx_item_double(a), 0};
}

double mx_item_double(mx a) {
  const void *p = only_element(a);
  if (!p) return 0;
  switch ((mx_dtype)a->dtype) {
  case MX_BOOL:
  case MX_UINT8: return *(const uint8_t *)p;
  case MX_UINT16: return *(const uint16_t *)p;
  case MX_UINT32: return *(const uint32_t *)p;
  case MX_UINT64: return (double)*(const uint64_t *)p;
  case MX_INT8: return *(const int8_t *)p;
  case MX_INT16: return *(const int16_t *)p;
  case MX_INT32: return *(const int32_t *)p;
  case MX_INT64: return (double)*(const int64_t *)p;
  case MX_FLOAT16: return mx_f16_to_f32(*(const mx_f16 *)p);
  case MX_BFLOAT16: return mx_bf16_to_f32(*(const mx_bf16 *)p);
  case MX_FLOAT32: return *(const float *)p;
  case MX_FLOAT64: return *(const double *)p;
  case MX_COMPLEX64: return ((const mx_complex64 *)p)->re;
  default: return 0;
  }
}

int64_t mx_item_int64(mx a) {
  const void *p = only_element(a);
  if (!p) return 0;
  if (a->dtype == MX_UINT64 || a->dtype == MX_INT64) return *(const int64_t *)p;
  return to_int64(mx_item_double(a));
}

bool mx_item_bool(mx a) {
  mx_complex64 c = mx_item_complex(a);
  if (a && a->dtype != MX_COMPLEX64) return mx_item_double(a) != 0;
  return c.re != 0 || c.im != 0;
}
