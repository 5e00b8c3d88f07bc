/* The few vector operations that the quantised kernels are written in, for each instruction set:
 * vi holds 2 * LANES signed 16-bit integers or LANES 32-bit sums, vf holds LANES floats. */
#ifndef KERNELS_QMM_VEC_H
#define KERNELS_QMM_VEC_H

#include "base/half.h"
#include "mlx/mx/dtype.h"

#include <stdint.h>
#include <string.h>

#if defined(__AVX512BW__) || defined(__AVX2__) || defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#define INLINE static inline __attribute__((always_inline))

/* vi_dot(sum, a, b): lane l of the result is sum[l] + a[2l] b[2l] + a[2l+1] b[2l+1].
 * vi_widen(p): 2 * LANES bytes as 16-bit integers.
 * vf_spread(s, vf_spreader(n)): n floats, each in LANES / n lanes, n a power of two; reads LANES.
 * vf_spread_from(v, first, n): the same for lanes [first, first + n) of v.
 * fence(v): v stays in a register here: it is not read again from memory, and a product is not
 * fused into a sum. */
#if defined(__AVX512BW__)
#define LANES 16
typedef __m512i vi;
typedef __m512 vf;
INLINE vi vi_zero(void) { return _mm512_setzero_si512(); }
INLINE vi vi_load(const void *p) { return _mm512_loadu_si512(p); }
INLINE void vi_store(void *p, vi a) { _mm512_storeu_si512(p, a); }
INLINE vi vi_set16(int x) { return _mm512_set1_epi16((short)x); }
INLINE vi vi_set32(int32_t x) { return _mm512_set1_epi32(x); }
INLINE vi vi_and(vi a, vi b) { return _mm512_and_si512(a, b); }
INLINE vi vi_right16(vi a, int n) { return _mm512_srli_epi16(a, n); }
INLINE vi vi_widen(const uint8_t *p) {
  return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)p));
}
INLINE vi vi_dot(vi sum, vi a, vi b) {
#ifdef __AVX512VNNI__
  return _mm512_dpwssd_epi32(sum, a, b);
#else
  return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
#endif
}
INLINE vf vf_zero(void) { return _mm512_setzero_ps(); }
INLINE vf vf_set(float x) { return _mm512_set1_ps(x); }
INLINE vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
INLINE void vf_store(float *p, vf a) { _mm512_storeu_ps(p, a); }
INLINE vf vf_from_int(vi a) { return _mm512_cvtepi32_ps(a); }
INLINE vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
INLINE vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
INLINE vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
INLINE float vf_sum(vf a) { return _mm512_reduce_add_ps(a); }
INLINE vi vf_spreader(int n) {
  __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return _mm512_srli_epi32(lane, 4 - (unsigned)__builtin_ctz((unsigned)n));
}
INLINE vf vf_spread(const float *s, vi index) {
  return _mm512_permutexvar_ps(index, _mm512_loadu_ps(s));
}
INLINE vf vf_spread_from(vf s, int first, int n) {
  return _mm512_permutexvar_ps(_mm512_add_epi32(vf_spreader(n), _mm512_set1_epi32(first)), s);
}
INLINE vf vf_from_bf16(const uint16_t *p) {
  __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
  return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}
INLINE vf vf_from_f16(const uint16_t *p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}
INLINE vf vf_from_u8(const uint8_t *p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)));
}
#define fence(v) __asm__("" : "+v"(v))

#elif defined(__AVX2__)
#define LANES 8
typedef __m256i vi;
typedef __m256 vf;
INLINE vi vi_zero(void) { return _mm256_setzero_si256(); }
INLINE vi vi_load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }
INLINE void vi_store(void *p, vi a) { _mm256_storeu_si256((__m256i *)p, a); }
INLINE vi vi_set16(int x) { return _mm256_set1_epi16((short)x); }
INLINE vi vi_set32(int32_t x) { return _mm256_set1_epi32(x); }
INLINE vi vi_and(vi a, vi b) { return _mm256_and_si256(a, b); }
INLINE vi vi_right16(vi a, int n) { return _mm256_srli_epi16(a, n); }
INLINE vi vi_widen(const uint8_t *p) {
  return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p));
}
INLINE vi vi_dot(vi sum, vi a, vi b) { return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b)); }
INLINE vf vf_zero(void) { return _mm256_setzero_ps(); }
INLINE vf vf_set(float x) { return _mm256_set1_ps(x); }
INLINE vf vf_load(const float *p) { return _mm256_loadu_ps(p); }
INLINE void vf_store(float *p, vf a) { _mm256_storeu_ps(p, a); }
INLINE vf vf_from_int(vi a) { return _mm256_cvtepi32_ps(a); }
INLINE vf vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
INLINE vf vf_add(vf a, vf b) { return _mm256_add_ps(a, b); }
INLINE vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
INLINE float vf_sum(vf a) {
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}
INLINE vi vf_spreader(int n) {
  __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_srli_epi32(lane, 3 - __builtin_ctz((unsigned)n));
}
INLINE vf vf_spread(const float *s, vi index) {
  return _mm256_permutevar8x32_ps(_mm256_loadu_ps(s), index);
}
INLINE vf vf_spread_from(vf s, int first, int n) {
  return _mm256_permutevar8x32_ps(s, _mm256_add_epi32(vf_spreader(n), _mm256_set1_epi32(first)));
}
INLINE vf vf_from_bf16(const uint16_t *p) {
  __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
  return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}
INLINE vf vf_from_f16(const uint16_t *p) {
  return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}
INLINE vf vf_from_u8(const uint8_t *p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}
#define fence(v) __asm__("" : "+x"(v))

#else /* 128 bits: SSE2, NEON, or whatever the compiler makes of its vectors */
#define LANES 4
typedef int16_t vi __attribute__((vector_size(16)));
typedef int32_t vi32 __attribute__((vector_size(16)));
typedef uint16_t vu16 __attribute__((vector_size(16)));
typedef float vf __attribute__((vector_size(16)));
INLINE vi vi_zero(void) { return (vi){0}; }
INLINE vi vi_load(const void *p) {
  vi v;
  memcpy(&v, p, sizeof v);
  return v;
}
INLINE void vi_store(void *p, vi a) { memcpy(p, &a, sizeof a); }
INLINE vi vi_set16(int x) { return (vi){0} + (int16_t)x; }
INLINE vi vi_set32(int32_t x) { return (vi)((vi32){0} + x); }
INLINE vi vi_and(vi a, vi b) { return a & b; }
INLINE vi vi_right16(vi a, int n) { return (vi)((vu16)a >> (uint16_t)n); }
INLINE vi vi_widen(const uint8_t *p) {
  return (vi){p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]};
}
INLINE vi vi_dot(vi sum, vi a, vi b) {
#if defined(__SSE2__)
  return (vi)((vi32)sum + (vi32)_mm_madd_epi16((__m128i)a, (__m128i)b));
#elif defined(__aarch64__)
  int32x4_t low = vmull_s16(vget_low_s16((int16x8_t)a), vget_low_s16((int16x8_t)b));
  int32x4_t high = vmull_high_s16((int16x8_t)a, (int16x8_t)b);
  return (vi)((vi32)sum + (vi32)vpaddq_s32(low, high));
#else
  vi32 even = ((vi32)a << 16 >> 16) * ((vi32)b << 16 >> 16),
       odd = ((vi32)a >> 16) * ((vi32)b >> 16);
  return (vi)((vi32)sum + even + odd);
#endif
}
INLINE vf vf_zero(void) { return (vf){0}; }
INLINE vf vf_set(float x) { return (vf){x, x, x, x}; }
INLINE vf vf_load(const float *p) {
  vf v;
  memcpy(&v, p, sizeof v);
  return v;
}
INLINE void vf_store(float *p, vf a) { memcpy(p, &a, sizeof a); }
INLINE vf vf_from_int(vi a) { return __builtin_convertvector((vi32)a, vf); }
INLINE vf vf_mul(vf a, vf b) { return a * b; }
INLINE vf vf_add(vf a, vf b) { return a + b; }
INLINE vf vf_fma(vf a, vf b, vf c) { return a * b + c; }
INLINE float vf_sum(vf a) { return (a[0] + a[2]) + (a[1] + a[3]); }
INLINE vi vf_spreader(int n) { return (vi)(vi32){0, n / 4, n / 2, n * 3 / 4}; }
INLINE vf vf_spread(const float *s, vi index) {
  vi32 i = (vi32)index;
  return (vf){s[i[0]], s[i[1]], s[i[2]], s[i[3]]};
}
INLINE vf vf_spread_from(vf s, int first, int n) {
  return (vf){s[first], s[first + n / 4], s[first + n / 2], s[first + n * 3 / 4]};
}
INLINE vf vf_from_bf16(const uint16_t *p) {
  vf v;
  for (int i = 0; i < LANES; i++) v[i] = mx_bf16_to_f32((mx_bf16){p[i]});
  return v;
}
INLINE vf vf_from_f16(const uint16_t *p) {
  vf v;
  for (int i = 0; i < LANES; i++) v[i] = mx_f16_to_f32((mx_f16){p[i]});
  return v;
}
INLINE vf vf_from_u8(const uint8_t *p) { return (vf){p[0], p[1], p[2], p[3]}; }
#if defined(__SSE2__)
#define fence(v) __asm__("" : "+x"(v))
#elif defined(__aarch64__)
#define fence(v) __asm__("" : "+w"(v))
#else
#define fence(v) (void)(v)
#endif
#endif

/* Element i of an array of float32, float16 or bfloat16. */
INLINE float float_at(const void *p, int64_t i, mx_dtype dtype) {
  if (dtype == MX_FLOAT32) return ((const float *)p)[i];
  uint16_t half = ((const uint16_t *)p)[i];
  return dtype == MX_BFLOAT16 ? mx_bf16_to_f32((mx_bf16){half}) : mx_f16_to_f32((mx_f16){half});
}

/* LANES elements from i on. */
INLINE vf load_floats(const void *p, int64_t i, mx_dtype dtype) {
  if (dtype == MX_FLOAT32) return vf_load((const float *)p + i);
  const uint16_t *half = (const uint16_t *)p + i;
  return dtype == MX_BFLOAT16 ? vf_from_bf16(half) : vf_from_f16(half);
}

INLINE void put_float(void *p, int64_t i, mx_dtype dtype, float value) {
  if (dtype == MX_FLOAT32)
    ((float *)p)[i] = value;
  else
    ((uint16_t *)p)[i] =
        dtype == MX_BFLOAT16 ? mx_f32_to_bf16(value).bits : mx_f32_to_f16(value).bits;
}

#endif
