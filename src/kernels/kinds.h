/* Float storage as a kernel's constant argument (float32, float16, bfloat16), with loads and stores
 * that convert, and what else the attention, norm, softmax, rope and random kernels share: maxima,
 * reductions over lanes, exponentials and logarithms. Included by kernel sources only. */
#ifndef KERNELS_KINDS_H
#define KERNELS_KINDS_H

#include "kernels/simd.h"

#include <math.h>

/* How a float is stored. Kernels take the kind as a constant argument of an always-inline body, so
 * that each kind gets a copy of its own with the branches gone. */
typedef enum { KIND_f32, KIND_f16, KIND_bf16 } float_kind;

V_INLINE int64_t kind_size(float_kind kind) { return kind == KIND_f32 ? 4 : 2; }
V_INLINE const void *kind_at(float_kind kind, const void *p, int64_t i) {
  return (const char *)p + i * kind_size(kind);
}
V_INLINE void *kind_to(float_kind kind, void *p, int64_t i) {
  return (char *)p + i * kind_size(kind);
}

/* The larger lane; b where either is NaN: vf_max(limit, x) passes NaN on. */
V_INLINE vf vf_max(vf a, vf b) {
#if defined(__AVX512F__)
  return (vf)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (vf)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__x86_64__)
  return (vf)_mm_max_ps((__m128)a, (__m128)b);
#else
  return vf_select(a > b, a, b);
#endif
}

V_INLINE float vf_reduce_add(vf v) {
#if defined(__AVX512F__)
  return _mm512_reduce_add_ps((__m512)v);
#else
  float part[VW];
  memcpy(part, &v, sizeof v);
  for (int half = VW / 2; half; half /= 2)
    for (int i = 0; i < half; i++) part[i] += part[i + half];
  return part[0];
#endif
}

V_INLINE float vf_reduce_max(vf v) {
#if defined(__AVX512F__)
  return _mm512_reduce_max_ps((__m512)v);
#else
  float most = v[0];
  for (int i = 1; i < VW; i++) most = v[i] > most ? v[i] : most;
  return most;
#endif
}

V_INLINE vf vf_load_as(float_kind kind, const void *p) {
  if (kind == KIND_f32) {
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
  }
  vh h;
  memcpy(&h, p, sizeof h);
  return kind == KIND_f16 ? vf_of_f16(h) : vf_of_bf16(h);
}

V_INLINE void vf_store_as(float_kind kind, void *p, vf v) {
  if (kind == KIND_f32) {
    memcpy(p, &v, sizeof v);
  } else {
    vh h = kind == KIND_f16 ? vf_to_f16(v) : vf_to_bf16(v);
    memcpy(p, &h, sizeof h);
  }
}

/* The first n < VW elements, the other lanes zero; nothing past them is read. */
V_INLINE vf vf_load_part_as(float_kind kind, const void *p, int64_t n) {
#if defined(__AVX512F__)
  __mmask16 mask = (__mmask16)((1u << n) - 1);
  if (kind == KIND_f32) return (vf)_mm512_maskz_loadu_ps(mask, p);
  vh h = (vh)_mm256_maskz_loadu_epi16(mask, p);
  return kind == KIND_f16 ? vf_of_f16(h) : vf_of_bf16(h);
#else
  char part[VW * 4] = {0};
  memcpy(part, p, (size_t)(n * kind_size(kind)));
  return vf_load_as(kind, part);
#endif
}

V_INLINE void vf_store_part_as(float_kind kind, void *p, vf v, int64_t n) {
#if defined(__AVX512F__)
  __mmask16 mask = (__mmask16)((1u << n) - 1);
  if (kind == KIND_f32)
    _mm512_mask_storeu_ps(p, mask, (__m512)v);
  else
    _mm256_mask_storeu_epi16(p, mask, (__m256i)(kind == KIND_f16 ? vf_to_f16(v) : vf_to_bf16(v)));
#else
  char part[VW * 4];
  vf_store_as(kind, part, v);
  memcpy(p, part, (size_t)(n * kind_size(kind)));
#endif
}

/* One element. */
V_INLINE float kind_load(float_kind kind, const void *p) {
  if (kind == KIND_f32) {
    float f;
    memcpy(&f, p, 4);
    return f;
  }
  uint16_t bits;
  memcpy(&bits, p, 2);
  return kind == KIND_f16 ? mx_f16_to_f32((mx_f16){bits}) : mx_bf16_to_f32((mx_bf16){bits});
}

V_INLINE void kind_store(float_kind kind, void *p, float f) {
  if (kind == KIND_f32) {
    memcpy(p, &f, 4);
  } else {
    uint16_t bits = kind == KIND_f16 ? mx_f32_to_f16(f).bits : mx_f32_to_bf16(f).bits;
    memcpy(p, &bits, 2);
  }
}

/* Lanes from n on become `fill`. */
V_INLINE vf vf_keep(vf v, int64_t n, float fill) {
  vi index;
  for (int i = 0; i < VW; i++) index[i] = i;
  return vf_select(index < vi_set((int32_t)n), v, vf_set(fill));
}

/* Adding it rounds |x| < 2^22 to an integer, which is then in the low bits. */
#define ROUND_MAGIC 0x1.8p23f

/* v * 2^n for an integer n, gradually losing bits below the normal numbers. */
V_INLINE vf vf_scale(vf v, vi n) {
#if defined(__AVX512F__)
  return (vf)_mm512_scalef_ps((__m512)v, _mm512_cvtepi32_ps((__m512i)n));
#else
  vi first = n >> 1, second = n - first;
  return v * (vf)((first + 127) << 23) * (vf)((second + 127) << 23);
#endif
}

/* 2^x for x <= 127, within 1.3 ulp; far below it is 0, and NaN stays. 2^f - 1 = f q(f), q minimax
 * on
 * [-1/2, 1/2]. */
V_INLINE vf vf_exp2(vf x) {
  x = vf_max(vf_set(-151.0f), x);
  vf shifted = x + ROUND_MAGIC;
  vf f = x - (shifted - ROUND_MAGIC);
  vf q = 0x1.41fbbcp-13f * f + 0x1.5f3e52p-10f;
  q = q * f + 0x1.3b2d4cp-7f;
  q = q * f + 0x1.c6aee8p-5f;
  q = q * f + 0x1.ebfbdcp-3f;
  q = q * f + 0x1.62e430p-1f;
  return vf_scale(q * f + 1.0f, (vi)shifted - (vi)vf_set(ROUND_MAGIC));
}

/* e^x within 1.1 ulp; infinity above, 0 below, and NaN stays. e^r = 1 + r + r^2 q(r), q minimax on
 * [-ln(2)/2, ln(2)/2]. */
V_INLINE vf vf_exp(vf x) {
  x = vf_max(vf_set(-105.0f), x);
  x = vf_select(x > 89.0f, vf_set(89.0f), x);
  vf shifted = x * 0x1.715476p+0f + ROUND_MAGIC;
  vf n = shifted - ROUND_MAGIC;
  vf r = x - n * 0x1.62e400p-1f;
  r = r - n * 0x1.7f7d1cp-20f;
  vf q = 0x1.6a23d0p-10f * r + 0x1.123a20p-7f;
  q = q * r + 0x1.5558f2p-5f;
  q = q * r + 0x1.555492p-3f;
  q = q * r + 0x1.fffffcp-2f;
  q = q * (r * r) + r;
  return vf_scale(q + 1.0f, (vi)shifted - (vi)vf_set(ROUND_MAGIC));
}

/* Natural logarithm of normal numbers within 1 ulp; -infinity for 0, NaN below. With x = 2^e (1 +
 * f) and 1 + f in [sqrt(1/2), sqrt(2)): log(1 + f) = f - f^2/2 + f^3 q(f), q minimax. */
V_INLINE vf vf_log(vf x) {
  vi bits = (vi)x - 0x3f3504f3;
  vi e = bits >> 23;
  vf f = (vf)((bits & 0x7fffff) + 0x3f3504f3) - 1.0f;
  vf n = __builtin_convertvector(e, vf), ff = f * f;
  vf q = 0x1.1457a8p-4f * f + -0x1.de3c16p-4f;
  q = q * f + 0x1.e6f06ap-4f;
  q = q * f + -0x1.fc2208p-4f;
  q = q * f + 0x1.233768p-3f;
  q = q * f + -0x1.555c4ep-3f;
  q = q * f + 0x1.99a4b6p-3f;
  q = q * f + -0x1.000006p-2f;
  q = q * f + 0x1.555548p-2f;
  vf rest = q * (ff * f) + n * 0x1.7f7d1cp-20f;
  rest = rest - 0.5f * ff;
  vf y = n * 0x1.62e400p-1f + (rest + f);
  y = vf_select(x == 0.0f, vf_set(-INFINITY), y);
  y = vf_select(x == INFINITY, x, y);
  return vf_select(x >= 0.0f, y, vf_set(NAN));
}

#endif
