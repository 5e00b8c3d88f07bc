/* What elementwise kernels share: loops that vectorise although the output may be an input, the
 * lists of dtypes that their tables are made from, and blocks for 16-bit floats. */
#ifndef KERNELS_LOOP_H
#define KERNELS_LOOP_H

#include "kernels/simd.h"

/* The iterations do not depend on each other: out[i] is written after in[i] is read, and in[j] of
 * another j is elsewhere. */
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed" /* scalar where nothing is to be gained */
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif

/* M(suffix, type, type of the same width or 32 bits in which overflow wraps) */
#define UNSIGNED_TYPES(M)  \
  M(u8, uint8_t, uint32_t) \
  M(u16, uint16_t, uint32_t) M(u32, uint32_t, uint32_t) M(u64, uint64_t, uint64_t)
#define SIGNED_TYPES(M)   \
  M(i8, int8_t, uint32_t) \
  M(i16, int16_t, uint32_t) M(i32, int32_t, uint32_t) M(i64, int64_t, uint64_t)
#define INTEGER_TYPES(M) UNSIGNED_TYPES(M) SIGNED_TYPES(M)

/* Rows of a table by dtype, of functions name_u8 and so on. */
#define ROW_INTEGERS(name)                                                    \
  [MX_UINT8] = name##_u8, [MX_UINT16] = name##_u16, [MX_UINT32] = name##_u32, \
  [MX_UINT64] = name##_u64, [MX_INT8] = name##_i8, [MX_INT16] = name##_i16,   \
  [MX_INT32] = name##_i32, [MX_INT64] = name##_i64
#define ROW_REALS(name) [MX_FLOAT32] = name##_f32, [MX_FLOAT64] = name##_f64
#define ROW_FLOATS(name) ROW_REALS(name), [MX_COMPLEX64] = name##_c64
#define ROW_HALVES(name) [MX_FLOAT16] = name##_f16, [MX_BFLOAT16] = name##_bf16

/* 16-bit floats pass through the float32 kernel this many at a time. */
#define HALF_BLOCK 512

#define HALF_ROWS(name, type, suffix)                                                         \
  static inline void name##_widen(float *d, const type *s, int64_t n) {                       \
    int64_t i = 0;                                                                            \
    for (; i + VW <= n; i += VW) vf_store(d + i, vf_load##suffix(s + i));                     \
    if (i < n) vf_store_part(d + i, vf_load_part##suffix(s + i, (int)(n - i)), (int)(n - i)); \
  }                                                                                           \
  static inline void name##_narrow(type *d, const float *s, int64_t n) {                      \
    int64_t i = 0;                                                                            \
    for (; i + VW <= n; i += VW) vf_store##suffix(d + i, vf_load(s + i));                     \
    if (i < n) vf_store_part##suffix(d + i, vf_load_part(s + i, (int)(n - i)), (int)(n - i)); \
  }
HALF_ROWS(f16, mx_f16, _f16)
HALF_ROWS(bf16, mx_bf16, _bf16)
#undef HALF_ROWS

#endif
