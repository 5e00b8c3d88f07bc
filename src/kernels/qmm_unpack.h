/* Weights of 2, 3, 4, 5, 6 and 8 bits, as MLX packs them, opened into 16-bit integers.
 *
 * A row is a string of bits: weight k is bits [k b, (k + 1) b), least significant first. Widths
 * that divide 16 are opened by shifting whole 16-bit words, so a block of weights leaves in
 * `fields` vectors: vector j holds the j-th field of every word. The others leave in their own
 * order.
 *
 *   4 bits, a 16-bit word:   | k+3 | k+2 | k+1 |  k  |     vector 0: k, k+4, k+8, ...
 *                                                          vector 1: k+1, k+5, ...  */
#ifndef KERNELS_QMM_UNPACK_H
#define KERNELS_QMM_UNPACK_H

#include "kernels/qmm_vec.h"

#include <stdbool.h>

/* 16-bit fields of a word (1: natural order), weights of a block, and vectors that it fills. */
#define FIELDS(bits) ((bits) == 2 ? 8 : (bits) == 4 ? 4 : 1)
#define BLOCK(bits) (FIELDS(bits) > 1 ? FIELDS(bits) * 2 * LANES : 32)
#define VECTORS(bits) (BLOCK(bits) / (2 * LANES))
#define MAX_RAW (16 / LANES)

/* A unit: the least run of weights that is whole blocks and whole groups. */
INLINE int64_t unit_of(int bits, int group) { return BLOCK(bits) > group ? BLOCK(bits) : group; }

/* The `bits` bytes of eight weights. */
INLINE uint64_t eight_packed(int bits, const uint8_t *p) {
  uint16_t two;
  uint32_t four;
  uint64_t eight;
  switch (bits) {
  case 2: memcpy(&two, p, 2); return two;
  case 3: memcpy(&two, p, 2); return two | (uint64_t)p[2] << 16;
  case 4: memcpy(&four, p, 4); return four;
  case 5: memcpy(&four, p, 4); return four | (uint64_t)p[4] << 32;
  case 6:
    memcpy(&four, p, 4);
    memcpy(&two, p + 4, 2);
    return four | (uint64_t)two << 32;
  default: memcpy(&eight, p, 8); return eight;
  }
}

/* Widths 3, 5 and 6: a byte shuffle brings into each 16-bit lane the two bytes that hold its
 * weight; a multiplication moves the weight to the top of the lane, and a shift brings it down. */
#define PAIR(b, at, i) (uint8_t)((at) + (i) * (b) / 8), (uint8_t)((at) + (i) * (b) / 8 + 1)
#define EIGHT_PAIRS(b, at)                                                                        \
  PAIR(b, at, 0), PAIR(b, at, 1), PAIR(b, at, 2), PAIR(b, at, 3), PAIR(b, at, 4), PAIR(b, at, 5), \
      PAIR(b, at, 6), PAIR(b, at, 7)
#define RAISE(b, i) (int16_t)(1 << (16 - (b) - (i) * (b) % 8))
#define EIGHT_RAISES(b)                                                                      \
  RAISE(b, 0), RAISE(b, 1), RAISE(b, 2), RAISE(b, 3), RAISE(b, 4), RAISE(b, 5), RAISE(b, 6), \
      RAISE(b, 7)

#if defined(__AVX512BW__)
/* 32 weights are `bits` 32-bit words; each 128-bit lane takes four of them, from where its eight
 * weights begin. The masked load reads nothing beyond the block. */
#define WORDS(b, lane) \
  (lane) * (b) / 4, (lane) * (b) / 4 + 1, (lane) * (b) / 4 + 2, (lane) * (b) / 4 + 3
#define TABLE(b)                                                                                   \
  static const int32_t words_##b[16] = {WORDS(b, 0), WORDS(b, 1), WORDS(b, 2), WORDS(b, 3)};       \
  static const uint8_t bytes_##b[64] = {EIGHT_PAIRS(b, 0), EIGHT_PAIRS(b, (b) % 4),                \
                                        EIGHT_PAIRS(b, 2 * (b) % 4), EIGHT_PAIRS(b, 3 * (b) % 4)}; \
  static const int16_t raise_##b[32] = {EIGHT_RAISES(b), EIGHT_RAISES(b), EIGHT_RAISES(b),         \
                                        EIGHT_RAISES(b)};                                          \
  INLINE void open_##b(const uint8_t *p, vi *out) {                                                \
    __m512i w = _mm512_maskz_loadu_epi32((__mmask16)((1u << (b)) - 1), p);                         \
    w = _mm512_permutexvar_epi32(_mm512_loadu_si512(words_##b), w);                                \
    w = _mm512_shuffle_epi8(w, _mm512_loadu_si512(bytes_##b));                                     \
    w = _mm512_mullo_epi16(w, _mm512_loadu_si512(raise_##b));                                      \
    out[0] = _mm512_srli_epi16(w, 16 - (b));                                                       \
  }
TABLE(3)
TABLE(5)
TABLE(6)

#elif defined(__AVX2__)
/* 32 weights are two halves of 2 * bits bytes: the first half is read from the block's start, the
 * second so as to finish at its end, 8 bytes at a time for 3 bits and 16 for the others. */
#define SPAN(b) ((b) == 3 ? 8 : 16)
#define TABLE(b)                                                                                 \
  static const uint8_t bytes_##b[2][32] = {                                                      \
      {EIGHT_PAIRS(b, 0), EIGHT_PAIRS(b, b)},                                                    \
      {EIGHT_PAIRS(b, SPAN(b) - 2 * (b)), EIGHT_PAIRS(b, SPAN(b) - (b))}};                       \
  static const int16_t raise_##b[16] = {EIGHT_RAISES(b), EIGHT_RAISES(b)};                       \
  INLINE void open_##b(const uint8_t *p, vi *out) {                                              \
    for (int h = 0; h < 2; h++) {                                                                \
      const uint8_t *at = p + (h ? 4 * (b)-SPAN(b) : 0);                                         \
      __m256i w = SPAN(b) == 8 ? _mm256_broadcastq_epi64(_mm_loadl_epi64((const __m128i *)at))   \
                               : _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)at)); \
      w = _mm256_shuffle_epi8(w, _mm256_loadu_si256((const __m256i *)bytes_##b[h]));             \
      w = _mm256_mullo_epi16(w, _mm256_loadu_si256((const __m256i *)raise_##b));                 \
      out[h] = _mm256_srli_epi16(w, 16 - (b));                                                   \
    }                                                                                            \
  }
TABLE(3)
TABLE(5)
TABLE(6)

#elif defined(__aarch64__)
#define TABLE(b)                                                                            \
  static const uint8_t bytes_##b[2][16] = {{EIGHT_PAIRS(b, 0)}, {EIGHT_PAIRS(b, 8 - (b))}}; \
  static const int16_t raise_##b[8] = {EIGHT_RAISES(b)};                                    \
  INLINE void open_##b(const uint8_t *p, vi *out) {                                         \
    for (int v = 0; v < 4; v++) {                                                           \
      uint8x8_t w = vld1_u8(v < 3 ? p + (b)*v : p + 4 * (b)-8);                             \
      uint8x16_t pairs = vqtbl1q_u8(vcombine_u8(w, w), vld1q_u8(bytes_##b[v == 3]));        \
      int16x8_t high = vmulq_s16(vreinterpretq_s16_u8(pairs), vld1q_s16(raise_##b));        \
      out[v] = (vi)vshrq_n_u16(vreinterpretq_u16_s16(high), 16 - (b));                      \
    }                                                                                       \
  }
TABLE(3)
TABLE(5)
TABLE(6)

#else
/* Eight weights in 64 bits: each pair of them moves to a 16-bit word of its own, and each word is
 * doubled. */
INLINE uint64_t pairs_apart(int b, const uint8_t *p) {
  uint64_t w = eight_packed(b, p), pair = (1u << 2 * b) - 1;
  return (w & pair) | (w & pair << 2 * b) << (16 - 2 * b) | (w & pair << 4 * b) << (32 - 4 * b) |
         (w & pair << 6 * b) << (48 - 6 * b);
}
INLINE vi words_doubled(uint64_t w) {
  vu16 words = (vu16)(__extension__(uint64_t __attribute__((vector_size(16)))){w, 0});
  return (vi)__builtin_shufflevector(words, words, 0, 0, 1, 1, 2, 2, 3, 3);
}
#define TABLE(b)                                                                           \
  INLINE void open_##b(const uint8_t *p, vi *out) {                                        \
    vu16 raise = {1 << (16 - b), 1 << (16 - 2 * b), 1 << (16 - b), 1 << (16 - 2 * b),      \
                  1 << (16 - b), 1 << (16 - 2 * b), 1 << (16 - b), 1 << (16 - 2 * b)};     \
    for (int v = 0; v < 4; v++, p += (b))                                                  \
      out[v] = (vi)((vu16)words_doubled(pairs_apart(b, p)) * raise >> (uint16_t)(16 - b)); \
  }
TABLE(3)
TABLE(5)
TABLE(6)
#endif

/* Reads one block; widths 2 and 4 stay packed until open_field. */
INLINE void open_block(int bits, const uint8_t *p, vi raw[MAX_RAW]) {
  if (bits == 3)
    open_3(p, raw);
  else if (bits == 5)
    open_5(p, raw);
  else if (bits == 6)
    open_6(p, raw);
  else if (bits == 8)
    for (int v = 0; v < VECTORS(8); v++) raw[v] = vi_widen(p + v * 2 * LANES);
  else {
    raw[0] = vi_load(p);
    fence(raw[0]); /* a second, unaligned load would cost more than a shift */
  }
}

INLINE vi open_field(int bits, const vi *raw, int v) {
  if (FIELDS(bits) == 1) return raw[v];
  vi field = v ? vi_right16(raw[0], bits * v) : raw[0];
  return v == FIELDS(bits) - 1 ? field : vi_and(field, vi_set16((1 << bits) - 1));
}

/* Eight weights in their own order, a byte each. */
INLINE uint64_t open_eight(int bits, const uint8_t *p) {
  uint64_t w = eight_packed(bits, p), each = 0x0101010101010101u * ((1u << bits) - 1);
  if (bits == 8) return w;
#ifdef __BMI2__
  return _pdep_u64(w, each);
#else
  uint64_t out = 0;
  for (int i = 0; i < 8; i++) out |= (w >> (bits * i) & 0xff) << (8 * i);
  return out & each;
#endif
}

#endif
