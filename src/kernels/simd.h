/* The widest float32 vector of the instruction set being compiled for, in GCC's vector extension,
 * with what that extension lacks: fused multiply-add, rounding, selection, and loads and stores
 * that convert 16-bit floats. Included by kernel sources only. */
#ifndef KERNELS_SIMD_H
#define KERNELS_SIMD_H

#include "base/half.h"

#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__)
#define VW 16
#elif defined(__AVX2__)
#define VW 8
#else
#define VW 4
#endif

#pragma GCC diagnostic ignored "-Wpsabi" /* wide vectors stay inside inlined functions */

/* VW lanes of float32, of its bits and of the 16-bit formats; VW / 2 of float64. */
typedef float vf __attribute__((vector_size(4 * VW)));
typedef int32_t vi __attribute__((vector_size(4 * VW)));
typedef uint32_t vu __attribute__((vector_size(4 * VW)));
typedef double vd __attribute__((vector_size(4 * VW)));
typedef int64_t vl __attribute__((vector_size(4 * VW)));
typedef uint64_t vul __attribute__((vector_size(4 * VW)));
typedef uint16_t vh __attribute__((vector_size(2 * VW)));

#define V_INLINE static inline __attribute__((always_inline, unused))

V_INLINE vf vf_set(float x) { return x - (vf){0}; }
V_INLINE vi vi_set(int32_t x) { return x + (vi){0}; }
V_INLINE vd vd_set(double x) { return x - (vd){0}; }
V_INLINE vl vl_set(int64_t x) { return x + (vl){0}; }

V_INLINE vf vf_load(const float *p) {
  vf v;
  memcpy(&v, p, sizeof v);
  return v;
}
V_INLINE void vf_store(float *p, vf v) { memcpy(p, &v, sizeof v); }

/* mask (all ones or all zeros a lane, what comparisons yield) ? a : b */
V_INLINE vf vf_select(vi mask, vf a, vf b) { return (vf)(((vi)a & mask) | ((vi)b & ~mask)); }
V_INLINE vi vi_select(vi mask, vi a, vi b) { return (a & mask) | (b & ~mask); }
V_INLINE vd vd_select(vl mask, vd a, vd b) { return (vd)(((vl)a & mask) | ((vl)b & ~mask)); }

V_INLINE vf vf_abs(vf x) { return (vf)((vi)x & 0x7fffffff); }
V_INLINE vf vf_copysign(vf magnitude, vf sign) {
  return (vf)(((vi)magnitude & 0x7fffffff) | ((vi)sign & (int32_t)0x80000000u));
}
V_INLINE vd vd_abs(vd x) { return (vd)((vl)x & INT64_MAX); }
V_INLINE vd vd_copysign(vd magnitude, vd sign) {
  return (vd)(((vl)magnitude & INT64_MAX) | ((vl)sign & INT64_MIN));
}

/* a * b + c, rounded once where the instruction set can. */
V_INLINE vf vf_fma(vf a, vf b, vf c) {
#if defined(__AVX512F__)
  return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
  return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}
V_INLINE vd vd_fma(vd a, vd b, vd c) {
#if defined(__AVX512F__)
  return (vd)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__FMA__)
  return (vd)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#elif defined(__aarch64__)
  return (vd)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#else
  return a * b + c;
#endif
}

/* x, or the bound where x is beyond it; a NaN stays. */
#if defined(__AVX512F__)
V_INLINE vf vf_at_least(vf x, vf low) { return (vf)_mm512_max_ps((__m512)low, (__m512)x); }
V_INLINE vf vf_at_most(vf x, vf high) { return (vf)_mm512_min_ps((__m512)high, (__m512)x); }
V_INLINE vd vd_at_least(vd x, vd low) { return (vd)_mm512_max_pd((__m512d)low, (__m512d)x); }
V_INLINE vd vd_at_most(vd x, vd high) { return (vd)_mm512_min_pd((__m512d)high, (__m512d)x); }
#elif defined(__AVX2__)
V_INLINE vf vf_at_least(vf x, vf low) { return (vf)_mm256_max_ps((__m256)low, (__m256)x); }
V_INLINE vf vf_at_most(vf x, vf high) { return (vf)_mm256_min_ps((__m256)high, (__m256)x); }
V_INLINE vd vd_at_least(vd x, vd low) { return (vd)_mm256_max_pd((__m256d)low, (__m256d)x); }
V_INLINE vd vd_at_most(vd x, vd high) { return (vd)_mm256_min_pd((__m256d)high, (__m256d)x); }
#elif defined(__aarch64__)
V_INLINE vf vf_at_least(vf x, vf low) { return (vf)vmaxq_f32((float32x4_t)x, (float32x4_t)low); }
V_INLINE vf vf_at_most(vf x, vf high) { return (vf)vminq_f32((float32x4_t)x, (float32x4_t)high); }
V_INLINE vd vd_at_least(vd x, vd low) { return (vd)vmaxq_f64((float64x2_t)x, (float64x2_t)low); }
V_INLINE vd vd_at_most(vd x, vd high) { return (vd)vminq_f64((float64x2_t)x, (float64x2_t)high); }
#else
V_INLINE vf vf_at_least(vf x, vf low) { return (vf)_mm_max_ps((__m128)low, (__m128)x); }
V_INLINE vf vf_at_most(vf x, vf high) { return (vf)_mm_min_ps((__m128)high, (__m128)x); }
V_INLINE vd vd_at_least(vd x, vd low) { return (vd)_mm_max_pd((__m128d)low, (__m128d)x); }
V_INLINE vd vd_at_most(vd x, vd high) { return (vd)_mm_min_pd((__m128d)high, (__m128d)x); }
#endif

/* Whether any lane of a mask is set. */
V_INLINE int vi_any(vi mask) {
#if defined(__AVX512F__)
  return _mm512_movepi32_mask((__m512i)mask) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_epi8((__m256i)mask) != 0;
#elif defined(__aarch64__)
  return vmaxvq_u32((uint32x4_t)mask) != 0;
#else
  return _mm_movemask_epi8((__m128i)mask) != 0;
#endif
}

/* The lower and the upper half of the lanes as float64, and back. */
#if defined(__AVX512F__)
V_INLINE vd vd_low(vf x) { return (vd)_mm512_cvtps_pd(_mm512_castps512_ps256((__m512)x)); }
V_INLINE vd vd_high(vf x) { return (vd)_mm512_cvtps_pd(_mm512_extractf32x8_ps((__m512)x, 1)); }
V_INLINE vf vf_join(vd low, vd high) {
  __m512 first = _mm512_castps256_ps512(_mm512_cvtpd_ps((__m512d)low));
  return (vf)_mm512_insertf32x8(first, _mm512_cvtpd_ps((__m512d)high), 1);
}
#elif defined(__AVX2__)
V_INLINE vd vd_low(vf x) { return (vd)_mm256_cvtps_pd(_mm256_castps256_ps128((__m256)x)); }
V_INLINE vd vd_high(vf x) { return (vd)_mm256_cvtps_pd(_mm256_extractf128_ps((__m256)x, 1)); }
V_INLINE vf vf_join(vd low, vd high) {
  return (vf)_mm256_set_m128(_mm256_cvtpd_ps((__m256d)high), _mm256_cvtpd_ps((__m256d)low));
}
#elif defined(__aarch64__)
V_INLINE vd vd_low(vf x) { return (vd)vcvt_f64_f32(vget_low_f32((float32x4_t)x)); }
V_INLINE vd vd_high(vf x) { return (vd)vcvt_high_f64_f32((float32x4_t)x); }
V_INLINE vf vf_join(vd low, vd high) {
  return (vf)vcvt_high_f32_f64(vcvt_f32_f64((float64x2_t)low), (float64x2_t)high);
}
#else
V_INLINE vd vd_low(vf x) { return (vd)_mm_cvtps_pd((__m128)x); }
V_INLINE vd vd_high(vf x) { return (vd)_mm_cvtps_pd(_mm_movehl_ps((__m128)x, (__m128)x)); }
V_INLINE vf vf_join(vd low, vd high) {
  return (vf)_mm_movelh_ps(_mm_cvtpd_ps((__m128d)low), _mm_cvtpd_ps((__m128d)high));
}
#endif

/* Lane by lane: nearest integer (ties to even), floor, ceil, truncation, square root. */
#if defined(__AVX512F__)
V_INLINE vf vf_rint(vf x) { return (vf)_mm512_roundscale_ps((__m512)x, 8); }
V_INLINE vf vf_floor(vf x) { return (vf)_mm512_roundscale_ps((__m512)x, 9); }
V_INLINE vf vf_ceil(vf x) { return (vf)_mm512_roundscale_ps((__m512)x, 10); }
V_INLINE vf vf_trunc(vf x) { return (vf)_mm512_roundscale_ps((__m512)x, 11); }
V_INLINE vf vf_sqrt(vf x) { return (vf)_mm512_sqrt_ps((__m512)x); }
V_INLINE vd vd_sqrt(vd x) { return (vd)_mm512_sqrt_pd((__m512d)x); }
#elif defined(__AVX2__)
V_INLINE vf vf_rint(vf x) { return (vf)_mm256_round_ps((__m256)x, 8); }
V_INLINE vf vf_floor(vf x) { return (vf)_mm256_round_ps((__m256)x, 9); }
V_INLINE vf vf_ceil(vf x) { return (vf)_mm256_round_ps((__m256)x, 10); }
V_INLINE vf vf_trunc(vf x) { return (vf)_mm256_round_ps((__m256)x, 11); }
V_INLINE vf vf_sqrt(vf x) { return (vf)_mm256_sqrt_ps((__m256)x); }
V_INLINE vd vd_sqrt(vd x) { return (vd)_mm256_sqrt_pd((__m256d)x); }
#elif defined(__aarch64__)
V_INLINE vf vf_rint(vf x) { return (vf)vrndnq_f32((float32x4_t)x); }
V_INLINE vf vf_floor(vf x) { return (vf)vrndmq_f32((float32x4_t)x); }
V_INLINE vf vf_ceil(vf x) { return (vf)vrndpq_f32((float32x4_t)x); }
V_INLINE vf vf_trunc(vf x) { return (vf)vrndq_f32((float32x4_t)x); }
V_INLINE vf vf_sqrt(vf x) { return (vf)vsqrtq_f32((float32x4_t)x); }
V_INLINE vd vd_sqrt(vd x) { return (vd)vsqrtq_f64((float64x2_t)x); }
#else
/* Below 2^23, where floats may have fractions, adding and taking away 2^23 rounds to even. */
V_INLINE vf vf_rint(vf x) {
  vf magic = vf_copysign(vf_set(0x1p23f), x);
  vf sum = x + magic;
  __asm__("" : "+x"(sum)); /* keeps the two additions apart */
  return vf_select(vf_abs(x) < 0x1p23f, vf_copysign(sum - magic, x), x);
}
V_INLINE vf vf_floor(vf x) {
  vf r = vf_rint(x);
  return vf_copysign(r - (vf)((vi)vf_set(1.f) & (r > x)), x);
}
V_INLINE vf vf_ceil(vf x) {
  vf r = vf_rint(x);
  return vf_copysign(r + (vf)((vi)vf_set(1.f) & (r < x)), x);
}
V_INLINE vf vf_trunc(vf x) { return vf_copysign(vf_floor(vf_abs(x)), x); }
V_INLINE vf vf_sqrt(vf x) { return (vf)_mm_sqrt_ps((__m128)x); }
V_INLINE vd vd_sqrt(vd x) { return (vd)_mm_sqrt_pd((__m128d)x); }
#endif

/* The square root of a positive normal number to within 2^-48, off the busy division unit. */
V_INLINE vd vd_sqrt_normal(vd x) {
#if defined(__AVX512F__)
  vd y = (vd)_mm512_rsqrt14_pd((__m512d)x), g = x * y, h = 0.5 * y;
  vd r = vd_fma(-g, h, vd_set(0.5));
  g = vd_fma(g, r, g);
  h = vd_fma(h, r, h);
  r = vd_fma(-g, h, vd_set(0.5));
  return vd_fma(g, r, g);
#else
  return vd_sqrt(x);
#endif
}

/* By intrinsics where gcc would widen in halves. */
V_INLINE vf vf_of_bf16(vh h) {
#if defined(__AVX512F__)
  return (vf)_mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)h), 16);
#elif defined(__AVX2__)
  return (vf)_mm256_slli_epi32(_mm256_cvtepu16_epi32((__m128i)h), 16);
#else
  return (vf)(__builtin_convertvector(h, vu) << 16);
#endif
}

/* Nearest even; a NaN keeps its sign and becomes quiet. */
V_INLINE vh vf_to_bf16_by_bits(vf x) {
  vu u = (vu)x;
  vu rounded = (u + 0x7fff + ((u >> 16) & 1)) >> 16, nan = (u >> 16) | 0x40;
  vu is_nan = (vu)(x != x), bits = (rounded & ~is_nan) | (nan & is_nan);
#if defined(__AVX512F__)
  return (vh)_mm512_cvtepi32_epi16((__m512i)bits);
#else
  return __builtin_convertvector(bits, vh);
#endif
}
V_INLINE vh vf_to_bf16(vf x) {
#if defined(__AVX512BF16__)
  const int subnormal = 0x20; /* which the instruction takes for zero */
  if (__builtin_expect(_mm512_fpclass_ps_mask((__m512)x, subnormal) == 0, 1))
    return (vh)_mm512_cvtneps_pbh((__m512)x);
#endif
  return vf_to_bf16_by_bits(x);
}

V_INLINE vf vf_of_f16(vh h) {
#if defined(__AVX512F__)
  return (vf)_mm512_cvtph_ps((__m256i)h);
#elif defined(__F16C__)
  return (vf)_mm256_cvtph_ps((__m128i)h);
#elif defined(__aarch64__)
  return (vf)vcvt_f32_f16((float16x4_t)h);
#else
  vu u = __builtin_convertvector(h, vu), rest = u & 0x7fff;
  vf scaled = (vf)(rest << 13) * 0x1p112f; /* subnormals too */
  vu special = (vu)(rest >= 0x7c00) & 0x7f800000;
  return (vf)((vu)scaled | special | ((u & 0x8000) << 16));
#endif
}

V_INLINE vh vf_to_f16(vf x) {
#if defined(__AVX512F__)
  return (vh)_mm512_cvtps_ph((__m512)x, 0);
#elif defined(__F16C__)
  return (vh)_mm256_cvtps_ph((__m256)x, 0);
#elif defined(__aarch64__)
  return (vh)vcvt_f16_f32((float32x4_t)x);
#else
  vh h;
  for (int i = 0; i < VW; i++) h[i] = mx_f32_to_f16(x[i]).bits;
  return h;
#endif
}

V_INLINE vf vf_load_bf16(const mx_bf16 *p) {
  vh h;
  memcpy(&h, p, sizeof h);
  return vf_of_bf16(h);
}
V_INLINE vf vf_load_f16(const mx_f16 *p) {
  vh h;
  memcpy(&h, p, sizeof h);
  return vf_of_f16(h);
}
V_INLINE void vf_store_bf16(mx_bf16 *p, vf x) {
  vh h = vf_to_bf16(x);
  memcpy(p, &h, sizeof h);
}
V_INLINE void vf_store_f16(mx_f16 *p, vf x) {
  vh h = vf_to_f16(x);
  memcpy(p, &h, sizeof h);
}

/* The same for the first n < VW lanes; the others load as zero and are not stored. */
#define V_PART(type, suffix)                                  \
  V_INLINE vf vf_load_part##suffix(const type *p, int n) {    \
    type lanes[VW];                                           \
    memset(lanes, 0, sizeof lanes);                           \
    memcpy(lanes, p, (size_t)n * sizeof *p);                  \
    return vf_load##suffix(lanes);                            \
  }                                                           \
  V_INLINE void vf_store_part##suffix(type *p, vf x, int n) { \
    type lanes[VW];                                           \
    vf_store##suffix(lanes, x);                               \
    memcpy(p, lanes, (size_t)n * sizeof *p);                  \
  }
V_PART(float, )
V_PART(mx_bf16, _bf16)
V_PART(mx_f16, _f16)
#undef V_PART

#endif
