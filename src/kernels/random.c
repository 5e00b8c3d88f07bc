/* Threefry and its floats, a register of counters at a time. */
#include "kernels/random.h"
#include "kernels/kinds.h"

V_INLINE vu rotate(vu v, int by) { return (v << by) | (v >> (32 - by)); }

/* Four rounds, then the next two words of the key schedule. */
V_INLINE void four_rounds(vu *a, vu *b, const int rotations[4], uint32_t add0, uint32_t add1) {
  for (int i = 0; i < 4; i++) {
    *a += *b;
    *b = rotate(*b, rotations[i]) ^ *a;
  }
  *a += add0;
  *b += add1;
}

V_INLINE void threefry(const uint32_t k[3], vu *a, vu *b) {
  static const int even[4] = {13, 15, 26, 6}, odd[4] = {17, 29, 16, 24};
  *a += k[0];
  *b += k[1];
  four_rounds(a, b, even, k[1], k[2] + 1);
  four_rounds(a, b, odd, k[2], k[0] + 2);
  four_rounds(a, b, even, k[0], k[1] + 3);
  four_rounds(a, b, odd, k[1], k[2] + 4);
  four_rounds(a, b, even, k[2], k[0] + 5);
}

#define TOGETHER 2 /* independent chains that hide the rounds' latency */

void MX_KERNEL(threefry) MX_THREEFRY_PARAMETERS {
  const uint32_t k[3] = {key0, key1, key0 ^ key1 ^ 0x1BD11BDA};
  vu index;
  for (uint32_t i = 0; i < VW; i++) index[i] = i;
  for (int64_t i = 0; i < n; i += TOGETHER * VW) {
    vu a[TOGETHER], b[TOGETHER];
    for (int u = 0; u < TOGETHER; u++) {
      a[u] = index + (uint32_t)(c0 + i + u * VW);
      b[u] = index + (uint32_t)(c1 + i + u * VW);
      threefry(k, &a[u], &b[u]);
    }
    if (n - i >= TOGETHER * VW) {
      memcpy(first + i, a, sizeof a);
      memcpy(second + i, b, sizeof b);
    } else {
      memcpy(first + i, a, (size_t)(n - i) * 4);
      memcpy(second + i, b, (size_t)(n - i) * 4);
    }
  }
}

/* Unsigned words to the nearest float32. */
V_INLINE vf float_of_words(vu u) {
#if defined(__AVX512F__)
  return (vf)_mm512_cvtepu32_ps((__m512i)u);
#else
  vf high = __builtin_convertvector((vi)(u >> 16), vf) * 0x1p16f; /* exact: only the sum rounds */
  return high + __builtin_convertvector((vi)(u & 0xffff), vf);
#endif
}

/* In [0, 1): the quotient may round up to 1, hence the limit. */
V_INLINE vf unit(vu bits, float_kind limit) {
  static const float below_one[] = {
      [KIND_f32] = 0x1.fffffep-1f, [KIND_f16] = 0x1.ffcp-1f, [KIND_bf16] = 0x1.fep-1f};
  vf u = float_of_words(bits) * 0x1p-32f;
  return vf_select(u < below_one[limit], u, vf_set(below_one[limit]));
}

/* Inverse error function for |a| < 1, within 3 ulp (Giles's split at |log(1 - a^2)| = 6.125 with
 * Juffa's coefficients). */
V_INLINE vf erfinv(vf a) {
  static const float tail[] = {3.03697567e-10f, 2.93243101e-8f,  1.22150334e-6f,
                               2.84108955e-5f,  3.93552968e-4f,  3.02698812e-3f,
                               4.83185798e-3f,  -2.64646143e-1f, 8.40016484e-1f};
  static const float centre[] = {5.43877832e-9f,  1.43285448e-7f,  1.22774793e-6f, 1.12963626e-7f,
                                 -5.61530760e-5f, -1.47697632e-4f, 2.31468678e-3f, 1.15392581e-2f,
                                 -2.32015476e-1f, 8.86226892e-1f};
  vf t = vf_log((1.0f - a) * (1.0f + a));
  vf p = vf_set(tail[0]), q = vf_set(centre[0]);
  for (int i = 1; i < 9; i++) p = p * t + tail[i];
  for (int i = 1; i < 10; i++) q = q * t + centre[i];
  return a * vf_select(t < -6.125f, p, q);
}

V_INLINE vf uniform(float_kind kind, vu bits, float scale) {
  (void)scale;
  return unit(bits, kind);
}

/* What storing rounds to. */
V_INLINE vf rounded(float_kind kind, vf v) {
  if (kind == KIND_f32) return v;
  return kind == KIND_f16 ? vf_of_f16(vf_to_f16(v)) : vf_of_bf16(vf_to_bf16(v));
}

V_INLINE vf normal(float_kind kind, vu bits, float scale) {
  vf u = 2.0f * unit(bits, KIND_f32) + -0x1.fffffep-1f;
  return rounded(kind, erfinv(u)) * scale;
}

V_INLINE vf gumbel(float_kind kind, vu bits, float scale) {
  (void)scale;
  vf u = rounded(kind, unit(bits, kind));
  return -vf_log(-rounded(kind, vf_log(u)));
}

#define FLOATS(distribution, T)                                             \
  void MX_KERNEL(random_##distribution##_##T) MX_RANDOM_FLOATS_PARAMETERS { \
    for (int64_t i = 0; i < n; i += VW) {                                   \
      int64_t part = n - i < VW ? n - i : VW;                               \
      vu word = {0};                                                        \
      if (part == VW)                                                       \
        memcpy(&word, bits + i, sizeof word);                               \
      else                                                                  \
        memcpy(&word, bits + i, (size_t)part * 4);                          \
      vf v = distribution(KIND_##T, word, scale);                           \
      if (part == VW)                                                       \
        vf_store_as(KIND_##T, kind_to(KIND_##T, out, i), v);                \
      else                                                                  \
        vf_store_part_as(KIND_##T, kind_to(KIND_##T, out, i), v, part);     \
    }                                                                       \
  }
#define FOR_KIND(T) FLOATS(uniform, T) FLOATS(normal, T) FLOATS(gumbel, T)
FOR_KIND(f32)
FOR_KIND(f16)
FOR_KIND(bf16)
