/* Blocks of 16-bit floats as float32, for kernels that compute in float32. */
#ifndef KERNELS_WIDEN_H
#define KERNELS_WIDEN_H

#include "base/half.h"

#ifdef __F16C__
#include <immintrin.h>
#endif

static inline void mx_widen_bf16(const mx_bf16 *restrict in, float *restrict out, int64_t n) {
  for (int64_t i = 0; i < n; i++) out[i] = mx_bf16_to_f32(in[i]);
}

static inline void mx_widen_f16(const mx_f16 *restrict in, float *restrict out, int64_t n) {
  int64_t i = 0;
#if defined(__AVX512F__)
  for (; i + 16 <= n; i += 16)
    _mm512_storeu_ps(out + i, _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(in + i))));
#elif defined(__F16C__)
  for (; i + 8 <= n; i += 8)
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(in + i))));
#endif
  for (; i < n; i++) out[i] = mx_f16_to_f32(in[i]);
}

#endif
