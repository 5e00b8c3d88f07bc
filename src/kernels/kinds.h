/* Float storage as a kernel's constant argument (float32, float16, bfloat16), with loads and stores
 * that convert, and what else the attention, norm, softmax, rope and random kernels share: maxima,
 * sums and transposes across lanes, and a power of 2. Included by kernel sources only. */
#ifndef KERNELS_KINDS_H
#define KERNELS_KINDS_H

#include "kernels/vmath.h"

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

/* The first n <= VW elements. */
V_INLINE vf vf_load_n_as(float_kind kind, const void *p, int64_t n) {
  return n < VW ? vf_load_part_as(kind, p, n) : vf_load_as(kind, p);
}
V_INLINE void vf_store_n_as(float_kind kind, void *p, vf v, int64_t n) {
  if (n < VW)
    vf_store_part_as(kind, p, v, n);
  else
    vf_store_as(kind, p, v);
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

/* Blocks of s lanes of a and b (s a power of 2 below VW) change places: in the first result, b's
 * even blocks take the places of a's odd ones; in the second, a's odd ones those of b's even ones.
 */
#define LOW_LANE(l, s) ((l) & (s) ? VW + (l) - (s) : (l))
#define HIGH_LANE(l, s) ((l) & (s) ? VW + (l) : (l) + (s))
#define ONE_LANE(f, l, s) ((f(l, s)) % (2 * VW)) /* steps of VW and more occur in no call */
#define FOUR_LANES(f, l, s) \
  ONE_LANE(f, l, s), ONE_LANE(f, (l) + 1, s), ONE_LANE(f, (l) + 2, s), ONE_LANE(f, (l) + 3, s)
#if VW == 16
#define ALL_LANES(f, s) \
  FOUR_LANES(f, 0, s), FOUR_LANES(f, 4, s), FOUR_LANES(f, 8, s), FOUR_LANES(f, 12, s)
#elif VW == 8
#define ALL_LANES(f, s) FOUR_LANES(f, 0, s), FOUR_LANES(f, 4, s)
#else
#define ALL_LANES(f, s) FOUR_LANES(f, 0, s)
#endif
#define SHUFFLE(a, b, f, s) __builtin_shufflevector(a, b, ALL_LANES(f, s))

/* name(a, b, s), for s a constant: lanes(l, s) says from which of a's and b's lanes lane l comes.
 */
#define LANES_BY_STEP(name, lanes)             \
  V_INLINE vf name(vf a, vf b, int s) {        \
    return s == 8   ? SHUFFLE(a, b, lanes, 8)  \
           : s == 4 ? SHUFFLE(a, b, lanes, 4)  \
           : s == 2 ? SHUFFLE(a, b, lanes, 2)  \
                    : SHUFFLE(a, b, lanes, 1); \
  }
LANES_BY_STEP(vf_low_blocks, LOW_LANE)
LANES_BY_STEP(vf_high_blocks, HIGH_LANE)

/* Lane i of the result is the sum of all lanes of v[i]. */
V_INLINE vf vf_sum_each(vf v[VW]) {
#pragma GCC unroll 4
  for (int s = VW / 2; s; s /= 2)
#pragma GCC unroll 8
    for (int i = 0; i < s; i++)
      v[i] = vf_low_blocks(v[i], v[i + s], s) + vf_high_blocks(v[i], v[i + s], s);
  return v[0];
}

/* Lane j of v[i] and lane i of v[j] change places. */
V_INLINE void vf_transpose(vf v[VW]) {
#pragma GCC unroll 4
  for (int s = VW / 2; s; s /= 2)
#pragma GCC unroll 16
    for (int i = 0; i < VW; i++)
      if (!(i & s)) {
        vf low = vf_low_blocks(v[i], v[i + s], s);
        v[i + s] = vf_high_blocks(v[i], v[i + s], s);
        v[i] = low;
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

/* 2^x for x <= 127, within 1.3 ulp; 0 below 2^-64, and NaN stays. Weights so small add nothing to a
 * sum that has a 1 in it, and left to become subnormal they would cost more than a hundred cycles
 * each. 2^f - 1 = f q(f), q minimax on [-1/2, 1/2]. */
V_INLINE vf vf_exp2(vf x) {
  vf shifted = x + ROUND_MAGIC;
  vf f = x - (shifted - ROUND_MAGIC);
  vf q = 0x1.41fbbcp-13f * f + 0x1.5f3e52p-10f;
  q = q * f + 0x1.3b2d4cp-7f;
  q = q * f + 0x1.c6aee8p-5f;
  q = q * f + 0x1.ebfbdcp-3f;
  q = q * f + 0x1.62e430p-1f;
  vi power = (vi)shifted << 23; /* of ROUND_MAGIC's own bits none is left */
  return vf_select(x < -64.0f, vf_set(0), (vf)((vi)(q * f + 1.0f) + power));
}

#endif
