/* Included before each kernel source of an emulated set (cmake/tests.cmake): VNNI's and BF16's
 * instructions as Intel's manual defines them, in AVX-512. */
#ifndef TESTS_EMULATED_H
#define TESTS_EMULATED_H

#include <immintrin.h>

#define __AVX512VNNI__ 1
#ifdef MX_ISA_avx512bf16
#define __AVX512BF16__ 1
#endif
#define EMULATED static inline __attribute__((always_inline, unused))

/* Subnormal numbers count as zero, and become zero. */
EMULATED __m512 emulated_flush(__m512 x) {
  return _mm512_mask_and_ps(x, _mm512_fpclass_ps_mask(x, 0x20), x,
                            _mm512_castsi512_ps(_mm512_set1_epi32((int)0x80000000)));
}

EMULATED __m512i emulated_dpwssd(__m512i sum, __m512i a, __m512i b) {
  return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
}

/* Unsigned bytes of a by signed bytes of b. */
EMULATED __m512i emulated_dpbusd(__m512i sum, __m512i a, __m512i b) {
  __m512i even = _mm512_madd_epi16(_mm512_and_si512(a, _mm512_set1_epi16(0xff)),
                                   _mm512_srai_epi16(_mm512_slli_epi16(b, 8), 8));
  __m512i odd = _mm512_madd_epi16(_mm512_srli_epi16(a, 8), _mm512_srai_epi16(b, 8));
  return _mm512_add_epi32(sum, _mm512_add_epi32(even, odd));
}

/* The odd numbers first; sums are rounded (to the least normal number too, where the CPU has 0). */
EMULATED __m512 emulated_dpbf16(__m512 sum, __m512i a, __m512i b) {
  const __m512i high = _mm512_set1_epi32((int)0xffff0000);
  __m512 odd_a = emulated_flush(_mm512_castsi512_ps(_mm512_and_si512(a, high)));
  __m512 odd_b = emulated_flush(_mm512_castsi512_ps(_mm512_and_si512(b, high)));
  __m512 even_a = emulated_flush(_mm512_castsi512_ps(_mm512_slli_epi32(a, 16)));
  __m512 even_b = emulated_flush(_mm512_castsi512_ps(_mm512_slli_epi32(b, 16)));
  sum = emulated_flush(_mm512_fmadd_ps(odd_a, odd_b, emulated_flush(sum)));
  return emulated_flush(_mm512_fmadd_ps(even_a, even_b, sum));
}

EMULATED __m256i emulated_cvtneps(__m512 x) {
  __m512i u = _mm512_castps_si512(emulated_flush(x));
  __m512i last = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
  __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(u, _mm512_set1_epi32(0x7fff)), last);
  __m512i quiet = _mm512_or_si512(u, _mm512_set1_epi32(0x400000));
  __m512i bits = _mm512_mask_mov_epi32(rounded, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), quiet);
  return _mm512_cvtepi32_epi16(_mm512_srli_epi32(bits, 16));
}

#define _mm512_dpwssd_epi32(sum, a, b) emulated_dpwssd(sum, a, b)
#define _mm512_dpbusd_epi32(sum, a, b) emulated_dpbusd(sum, a, b)
#define _mm512_dpbf16_ps(sum, a, b) emulated_dpbf16(sum, (__m512i)(a), (__m512i)(b))
#define _mm512_cvtneps_pbh(x) emulated_cvtneps(x)

#endif
