/* Gathers, scatters and masked stores by element offset. */
#include "kernels/index.h"
#include "base/half.h"

#include <string.h>

/* ---- indices to offsets ---- */

#define OFFSETS(name, T, WRAP)                                                           \
  static void offsets_##name(const void *indices, int64_t step, int64_t n, int64_t size, \
                             int64_t last, int64_t stride, int64_t *restrict offsets) {  \
    const T *x = indices;                                                                \
    for (int64_t i = 0; i < n; i++) {                                                    \
      int64_t at = WRAP(x[i * step]);                                                    \
      at = at < 0 ? 0 : at;                                                              \
      offsets[i] += stride * (at > last ? last : at);                                    \
    }                                                                                    \
  }
#define SIGNED(v) ((v) < 0 ? (int64_t)(v) + size : (int64_t)(v))
#define UNSIGNED(v) ((void)size, (int64_t)(v))
#define UNSIGNED64(v) ((void)size, (v) > (uint64_t)INT64_MAX ? INT64_MAX : (int64_t)(v))
OFFSETS(u8, uint8_t, UNSIGNED)
OFFSETS(u16, uint16_t, UNSIGNED)
OFFSETS(u32, uint32_t, UNSIGNED)
OFFSETS(u64, uint64_t, UNSIGNED64)
OFFSETS(i8, int8_t, SIGNED)
OFFSETS(i16, int16_t, SIGNED)
OFFSETS(i32, int32_t, SIGNED)
OFFSETS(i64, int64_t, SIGNED)

void MX_KERNEL(index_offsets)(const void *indices, mx_dtype dtype, int64_t step, int64_t n,
                              int64_t size, int64_t last, int64_t stride, int64_t *offsets) {
  static void (*const by_dtype[])(const void *, int64_t, int64_t, int64_t, int64_t, int64_t,
                                  int64_t *) = {
      [MX_BOOL] = offsets_u8,    [MX_UINT8] = offsets_u8,   [MX_UINT16] = offsets_u16,
      [MX_UINT32] = offsets_u32, [MX_UINT64] = offsets_u64, [MX_INT8] = offsets_i8,
      [MX_INT16] = offsets_i16,  [MX_INT32] = offsets_i32,  [MX_INT64] = offsets_i64};
  by_dtype[dtype](indices, step, n, size, last, stride, offsets);
}

/* ---- gather ---- */

typedef struct {
  uint64_t a, b;
} pair64;

#define GATHER(T)                                                                        \
  {                                                                                      \
    T *restrict to = out;                                                                \
    for (int64_t i = 0; i < n; i++) memcpy(to + i, from + offsets[i] * item, sizeof(T)); \
    return;                                                                              \
  }

void MX_KERNEL(index_gather)(void *out, const void *src, const int64_t *offsets, int64_t n,
                             int64_t item, int64_t bytes) {
  const char *from = src;
  switch (bytes) {
  case 1: GATHER(uint8_t)
  case 2: GATHER(uint16_t)
  case 4: GATHER(uint32_t)
  case 8: GATHER(uint64_t)
  case 16: GATHER(pair64)
  }
  char *to = out;
  for (int64_t i = 0; i < n; i++) {
    /* The next run's start comes from memory while this one is copied. */
    if (i + 1 < n) __builtin_prefetch(from + offsets[i + 1] * item);
    memcpy(to + i * bytes, from + offsets[i] * item, (size_t)bytes);
  }
}

/* ---- scatter ---- */

#define SET(y, x) (x)
#define ADD(y, x) ((y) + (x))
#define PROD(y, x) ((y) * (x))
#define MAX(y, x) ((y) > (x) ? (y) : (x))
#define MIN(y, x) ((y) < (x) ? (y) : (x))
#define OR(y, x) ((y) | (x))
#define AND(y, x) ((y) & (x))

#define SCATTER(name, T, MEET)                                                                 \
  static void scatter_##name(void *outs, const int64_t *offsets, const void *updates,          \
                             int64_t step, int64_t n) {                                        \
    T *out = outs;                                                                             \
    const T *x = updates;                                                                      \
    for (int64_t i = 0; i < n; i++) {                                                          \
      T *y = out + offsets[i];                                                                 \
      *y = (T)MEET(*y, x[i * step]);                                                           \
    }                                                                                          \
  }                                                                                            \
  static void update_##name(void *outs, int64_t out_step, const void *updates, int64_t step,   \
                            int64_t n) {                                                       \
    T *restrict y = outs;                                                                      \
    const T *restrict x = updates;                                                             \
    if (out_step == 1 && step == 1)                                                            \
      for (int64_t i = 0; i < n; i++) y[i] = (T)MEET(y[i], x[i]);                              \
    else                                                                                       \
      for (int64_t i = 0; i < n; i++) y[i * out_step] = (T)MEET(y[i * out_step], x[i * step]); \
  }

SCATTER(set_1, uint8_t, SET)
SCATTER(set_2, uint16_t, SET)
SCATTER(set_4, uint32_t, SET)
SCATTER(set_8, uint64_t, SET)

#define NUMBERS(name, T)        \
  SCATTER(add_##name, T, ADD)   \
  SCATTER(prod_##name, T, PROD) \
  SCATTER(max_##name, T, MAX)   \
  SCATTER(min_##name, T, MIN)
NUMBERS(u8, uint8_t)
NUMBERS(u32, uint32_t)
NUMBERS(u64, uint64_t)
NUMBERS(f32, float)
NUMBERS(f64, double)
#undef PROD
#define PROD(y, x) ((uint32_t)(y) * (uint32_t)(x)) /* as int, 16-bit factors could overflow */
NUMBERS(u16, uint16_t)
NUMBERS(i8, int8_t)
NUMBERS(i16, int16_t)

/* Sums and products of signed integers wrap: those of unsigned ones. */
SCATTER(max_i32, int32_t, MAX)
SCATTER(min_i32, int32_t, MIN)
SCATTER(max_i64, int64_t, MAX)
SCATTER(min_i64, int64_t, MIN)
#define scatter_add_i32 scatter_add_u32
#define scatter_prod_i32 scatter_prod_u32
#define update_add_i32 update_add_u32
#define update_prod_i32 update_prod_u32
#define scatter_add_i64 scatter_add_u64
#define scatter_prod_i64 scatter_prod_u64
#define update_add_i64 update_add_u64
#define update_prod_i64 update_prod_u64

SCATTER(add_bool, uint8_t, OR)
SCATTER(prod_bool, uint8_t, AND)
SCATTER(max_bool, uint8_t, OR)
SCATTER(min_bool, uint8_t, AND)

#define HALF_OF(kind, name, T, WIDE, NARROW, OP) \
  static T kind##_of_##name(T y, T x) {          \
    float a = WIDE(y), b = WIDE(x);              \
    return NARROW(OP);                           \
  }                                              \
  SCATTER(kind##_##name, T, kind##_of_##name)
#define HALVES(name, T, WIDE, NARROW)                \
  HALF_OF(add, name, T, WIDE, NARROW, a + b)         \
  HALF_OF(prod, name, T, WIDE, NARROW, a *b)         \
  HALF_OF(max, name, T, WIDE, NARROW, a > b ? a : b) \
  HALF_OF(min, name, T, WIDE, NARROW, a < b ? a : b)
HALVES(f16, mx_f16, mx_f16_to_f32, mx_f32_to_f16)
HALVES(bf16, mx_bf16, mx_bf16_to_f32, mx_f32_to_bf16)

static bool greater(mx_complex64 a, mx_complex64 b) {
  return a.re > b.re || (a.re == b.re && a.im > b.im);
}
static mx_complex64 add_of_c64(mx_complex64 y, mx_complex64 x) {
  return (mx_complex64){y.re + x.re, y.im + x.im};
}
static mx_complex64 prod_of_c64(mx_complex64 y, mx_complex64 x) {
  return (mx_complex64){y.re * x.re - y.im * x.im, y.re * x.im + y.im * x.re};
}
static mx_complex64 max_of_c64(mx_complex64 y, mx_complex64 x) { return greater(y, x) ? y : x; }
static mx_complex64 min_of_c64(mx_complex64 y, mx_complex64 x) { return greater(x, y) ? y : x; }
SCATTER(add_c64, mx_complex64, add_of_c64)
SCATTER(prod_c64, mx_complex64, prod_of_c64)
SCATTER(max_c64, mx_complex64, max_of_c64)
SCATTER(min_c64, mx_complex64, min_of_c64)

#define BY_DTYPE(what, kind)                                                    \
  {                                                                             \
    [MX_BOOL] = what##_##kind##_bool, [MX_UINT8] = what##_##kind##_u8,          \
    [MX_UINT16] = what##_##kind##_u16, [MX_UINT32] = what##_##kind##_u32,       \
    [MX_UINT64] = what##_##kind##_u64, [MX_INT8] = what##_##kind##_i8,          \
    [MX_INT16] = what##_##kind##_i16, [MX_INT32] = what##_##kind##_i32,         \
    [MX_INT64] = what##_##kind##_i64, [MX_FLOAT16] = what##_##kind##_f16,       \
    [MX_FLOAT32] = what##_##kind##_f32, [MX_FLOAT64] = what##_##kind##_f64,     \
    [MX_BFLOAT16] = what##_##kind##_bf16, [MX_COMPLEX64] = what##_##kind##_c64, \
  }
#define BY_SIZE(what)                                                                      \
  {                                                                                        \
    [MX_BOOL] = what##_set_1, [MX_UINT8] = what##_set_1, [MX_UINT16] = what##_set_2,       \
    [MX_UINT32] = what##_set_4, [MX_UINT64] = what##_set_8, [MX_INT8] = what##_set_1,      \
    [MX_INT16] = what##_set_2, [MX_INT32] = what##_set_4, [MX_INT64] = what##_set_8,       \
    [MX_FLOAT16] = what##_set_2, [MX_FLOAT32] = what##_set_4, [MX_FLOAT64] = what##_set_8, \
    [MX_BFLOAT16] = what##_set_2, [MX_COMPLEX64] = what##_set_8,                           \
  }
#define TABLE(what)                                                                   \
  {                                                                                   \
    [MX_SCATTER_SET] = BY_SIZE(what), [MX_SCATTER_ADD] = BY_DTYPE(what, add),         \
    [MX_SCATTER_PROD] = BY_DTYPE(what, prod), [MX_SCATTER_MAX] = BY_DTYPE(what, max), \
    [MX_SCATTER_MIN] = BY_DTYPE(what, min),                                           \
  }

void MX_KERNEL(index_scatter)(mx_scatter_kind kind, mx_dtype dtype, void *out,
                              const int64_t *offsets, const void *updates, int64_t step,
                              int64_t n) {
  static void (*const table[MX_SCATTER_KINDS][MX_DTYPE_COUNT])(
      void *, const int64_t *, const void *, int64_t, int64_t) = TABLE(scatter);
  table[kind][dtype](out, offsets, updates, step, n);
}

void MX_KERNEL(index_update)(mx_scatter_kind kind, mx_dtype dtype, void *out, int64_t out_step,
                             const void *updates, int64_t step, int64_t n) {
  static void (*const table[MX_SCATTER_KINDS][MX_DTYPE_COUNT])(void *, int64_t, const void *,
                                                               int64_t, int64_t) = TABLE(update);
  table[kind][dtype](out, out_step, updates, step, n);
}

/* ---- masks ---- */

int64_t MX_KERNEL(index_mask_count)(const void *mask, int64_t step, int64_t n) {
  const uint8_t *m = mask;
  int64_t count = 0;
  if (step == 1)
    for (int64_t i = 0; i < n; i++) count += m[i] != 0;
  else
    for (int64_t i = 0; i < n; i++) count += m[i * step] != 0;
  return count;
}

#define MASKED_SET(T)                                           \
  {                                                             \
    T *restrict to = out;                                       \
    const T *restrict from = updates;                           \
    for (int64_t i = 0; i < n; i++)                             \
      if (m[i * mask_step]) to[i] = from[used++ * update_step]; \
    return used;                                                \
  }

int64_t MX_KERNEL(index_masked_set)(void *out, const void *mask, int64_t mask_step, int64_t n,
                                    const void *updates, int64_t update_step, int64_t item) {
  const uint8_t *m = mask;
  int64_t used = 0;
  switch (item) {
  case 1: MASKED_SET(uint8_t)
  case 2: MASKED_SET(uint16_t)
  case 4: MASKED_SET(uint32_t)
  default: MASKED_SET(uint64_t)
  }
}
