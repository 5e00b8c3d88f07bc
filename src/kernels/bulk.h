/* Moving much memory: fetching ahead, storing past the caches, and the parts of complex numbers
 * apart. Included by kernel sources only. */
#ifndef KERNELS_BULK_H
#define KERNELS_BULK_H

#include "kernels/simd.h"

#define LINE 64 /* bytes that memory and caches exchange */

/* Fetches what lies a page behind the `bytes` at p, which are read next: the hardware reads ahead
 * within a page only. Every line is asked for, which memory rewards by up to a third. */
V_INLINE void v_ahead(const void *p, int bytes) {
#pragma GCC unroll 16
  for (int i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)p + 4096 + i);
}

/* A line of the caches, written past them. */
V_INLINE void stream_line(void *dst, const void *src) {
#if defined(__AVX512F__)
  _mm512_stream_si512(dst, _mm512_loadu_si512(src));
#elif defined(__AVX2__)
  for (int i = 0; i < 2; i++)
    _mm256_stream_si256((__m256i *)dst + i, _mm256_loadu_si256((const __m256i *)src + i));
#elif defined(__x86_64__)
  for (int i = 0; i < 4; i++)
    _mm_stream_si128((__m128i *)dst + i, _mm_loadu_si128((const __m128i *)src + i));
#else
  memcpy(dst, src, LINE);
#endif
}

/* Every other lane of two vectors, from the first or the second on. */
#if VW == 16
#define V_EVEN 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define V_ODD 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#elif VW == 8
#define V_EVEN 0, 2, 4, 6, 8, 10, 12, 14
#define V_ODD 1, 3, 5, 7, 9, 11, 13, 15
#else
#define V_EVEN 0, 2, 4, 6
#define V_ODD 1, 3, 5, 7
#endif
V_INLINE vf vf_even(vf a, vf b) { return __builtin_shufflevector(a, b, V_EVEN); }
V_INLINE vf vf_odd(vf a, vf b) { return __builtin_shufflevector(a, b, V_ODD); }

#endif
