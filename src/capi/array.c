/* Array handles: making, setting, looking, and reading values. */
#include "array/array.h"
#include "base/half.h"
#include "capi/capi.h"

#include <stdlib.h>
#include <string.h>

#define NO_STREAM ((mlx_stream){NULL})
#define EMPTY ((mlx_array){NULL})

size_t mlx_dtype_size(mlx_dtype dtype) { return mx_dtype_size((mx_dtype)dtype); }

int mlx_array_tostring(mlx_string *str, const mlx_array arr) {
  char *text = mx_to_string(A(arr));
  if (!text) return capi_fail("mlx_array");
  capi_set_string(str, text);
  free(text);
  return 0;
}

/* ---- Making: each constructor fills an empty handle by the setter ---- */

mlx_array mlx_array_new(void) { return EMPTY; }

int mlx_array_free(mlx_array arr) {
  mx_release(A(arr));
  return 0;
}

#define SCALAR(suffix, type, ...)                        \
  int mlx_array_set_##suffix(mlx_array *arr, type val) { \
    CAPI_RETURN(arr, NO_STREAM, __VA_ARGS__);            \
  }                                                      \
  mlx_array mlx_array_new_##suffix(type val) {           \
    mlx_array made = EMPTY;                              \
    mlx_array_set_##suffix(&made, val);                  \
    return made;                                         \
  }
SCALAR(bool, bool, mx_bool(val))
SCALAR(int, int, mx_int(val))
SCALAR(float32, float, mx_float(val))
SCALAR(float, float, mx_float(val))
SCALAR(float64, double, mx_scalar(val, MX_FLOAT64))
SCALAR(double, double, mx_scalar(val, MX_FLOAT64))

int mlx_array_set_complex(mlx_array *arr, float real_val, float imag_val) {
  CAPI_RETURN(arr, NO_STREAM, mx_complex(real_val, imag_val));
}

mlx_array mlx_array_new_complex(float real_val, float imag_val) {
  mlx_array made = EMPTY;
  mlx_array_set_complex(&made, real_val, imag_val);
  return made;
}

int mlx_array_set_data(mlx_array *arr, const void *data, const int *shape, int dim,
                       mlx_dtype dtype) {
  CAPI_RETURN(arr, NO_STREAM, mx_array_new(data, (mx_ints){shape, dim}, (mx_dtype)dtype));
}

mlx_array mlx_array_new_data(const void *data, const int *shape, int dim, mlx_dtype dtype) {
  mlx_array made = EMPTY;
  mlx_array_set_data(&made, data, shape, dim, dtype);
  return made;
}

static int wrap(mlx_array *res, void *data, mx_ints shape, mlx_dtype dtype, void *payload,
                void (*dtor)(void *)) {
  CAPI_RETURN(res, NO_STREAM, mx_array_wrap(data, shape, (mx_dtype)dtype, dtor, payload));
}

mlx_array mlx_array_new_data_managed_payload(void *data, const int *shape, int dim, mlx_dtype dtype,
                                             void *payload, void (*dtor)(void *)) {
  mlx_array made = EMPTY;
  wrap(&made, data, (mx_ints){shape, dim}, dtype, payload, dtor);
  return made;
}

mlx_array mlx_array_new_data_managed(void *data, const int *shape, int dim, mlx_dtype dtype,
                                     void (*dtor)(void *)) {
  return mlx_array_new_data_managed_payload(data, shape, dim, dtype, data, dtor);
}

int mlx_array_set(mlx_array *arr, const mlx_array src) {
  if (!A(src)) return capi_fail("mlx_array");
  capi_set(arr, A(src));
  return 0;
}

/* ---- Looking ---- */

/* Every question has the same answer to an empty handle: an error, and 0. */
#define ASK(type, name, ...)                               \
  type mlx_array_##name(const mlx_array arr) {             \
    if (!A(arr)) return (capi_fail("mlx_array"), (type)0); \
    return __VA_ARGS__;                                    \
  }
ASK(size_t, itemsize, mx_itemsize(A(arr)))
ASK(size_t, size, mx_size(A(arr)))
ASK(size_t, nbytes, mx_nbytes(A(arr)))
ASK(size_t, ndim, (size_t)mx_ndim(A(arr)))
ASK(const int *, shape, mx_shape(A(arr)))
ASK(mlx_dtype, dtype, (mlx_dtype)mx_dtype_of(A(arr)))

const size_t *mlx_array_strides(const mlx_array arr) {
  const int64_t *strides = A(arr) ? mx_strides(A(arr)) : NULL;
  if (!strides) capi_fail("mlx_array");
  return (const size_t *)strides;
}

int mlx_array_dim(const mlx_array arr, int dim) {
  if (!A(arr) || dim < -mx_ndim(A(arr)) || dim >= mx_ndim(A(arr))) {
    mx_dim(A(arr), dim); /* says what is wrong */
    capi_fail("mlx_array");
    return 0;
  }
  return mx_dim(A(arr), dim);
}

/* ---- Values ---- */

int mlx_array_eval(mlx_array arr) {
  return A(arr) && !mx_eval(A(arr)) ? 0 : capi_fail("mlx_array");
}

/* Evaluates and checks first, so that what is read below cannot fail. */
static bool is_item(mx a) {
  if (!a || !mx_ensure(a)) return false;
  if (mx_size(a) == 1) return true;
  mx_item_double(a); /* says what is wrong */
  return false;
}

#define ITEM(suffix, type, ...)                                 \
  int mlx_array_item_##suffix(type *res, const mlx_array arr) { \
    if (!is_item(A(arr))) return capi_fail("mlx_array");        \
    *res = (type)__VA_ARGS__;                                   \
    return 0;                                                   \
  }
ITEM(bool, bool, mx_item_bool(A(arr)))
ITEM(uint8, uint8_t, mx_item_int64(A(arr)))
ITEM(uint16, uint16_t, mx_item_int64(A(arr)))
ITEM(uint32, uint32_t, mx_item_int64(A(arr)))
ITEM(uint64, uint64_t, mx_item_int64(A(arr)))
ITEM(int8, int8_t, mx_item_int64(A(arr)))
ITEM(int16, int16_t, mx_item_int64(A(arr)))
ITEM(int32, int32_t, mx_item_int64(A(arr)))
ITEM(int64, int64_t, mx_item_int64(A(arr)))
ITEM(float32, float, mx_item_double(A(arr)))
ITEM(float64, double, mx_item_double(A(arr)))
#ifdef HAS_FLOAT16
ITEM(float16, float16_t, mx_item_double(A(arr)))
#endif
#ifdef HAS_BFLOAT16
/* By its bits: gcc 12 knows the type, but converts nothing to it. */
int mlx_array_item_bfloat16(bfloat16_t *res, const mlx_array arr) {
  if (!is_item(A(arr))) return capi_fail("mlx_array");
  mx_bf16 value = mx_f32_to_bf16((float)mx_item_double(A(arr)));
  memcpy(res, &value, sizeof value);
  return 0;
}
#endif

int mlx_array_item_complex64(mlx_complex64_t *res, const mlx_array arr) {
  if (!is_item(A(arr))) return capi_fail("mlx_array");
  mx_complex64 value = mx_item_complex(A(arr));
  *res = value.re + value.im * I;
  return 0;
}

/* What is scheduled is waited for; what is lazy has no data yet, which is not an error. */
static const void *data_of(mx a) {
  if (a && atomic_load_explicit(&a->status, memory_order_acquire) == MX_LAZY) return NULL;
  const void *data = a ? mx_data(a) : NULL;
  if (!data) capi_fail("mlx_array");
  return data;
}

#define DATA(suffix, type) \
  const type *mlx_array_data_##suffix(const mlx_array arr) { return data_of(A(arr)); }
DATA(bool, bool)
DATA(uint8, uint8_t)
DATA(uint16, uint16_t)
DATA(uint32, uint32_t)
DATA(uint64, uint64_t)
DATA(int8, int8_t)
DATA(int16, int16_t)
DATA(int32, int32_t)
DATA(int64, int64_t)
DATA(float32, float)
DATA(float64, double)
DATA(complex64, mlx_complex64_t)
#ifdef HAS_FLOAT16
DATA(float16, float16_t)
#endif
#ifdef HAS_BFLOAT16
DATA(bfloat16, bfloat16_t)
#endif

/* ---- How it lies ---- */

int _mlx_array_is_available(bool *res, const mlx_array arr) {
  if (!A(arr)) return capi_fail("mlx_array");
  *res = mx_is_available(A(arr));
  return 0;
}

int _mlx_array_wait(const mlx_array arr) { return mlx_array_eval(arr); }

#define LAYOUT(name, ...)                                    \
  int _mlx_array_is_##name(bool *res, const mlx_array arr) { \
    mx a = A(arr);                                           \
    if (!a || !mx_ensure(a)) return capi_fail("mlx_array");  \
    *res = __VA_ARGS__;                                      \
    return 0;                                                \
  }
LAYOUT(contiguous, a->dense)
LAYOUT(row_contiguous, a->row_contiguous)
LAYOUT(col_contiguous, mx_is_column_major(a))
