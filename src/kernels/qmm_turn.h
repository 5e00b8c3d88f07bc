/* Rows of a quantised matrix turned: words that are side by side in a row come to lie in vectors of
 * their own, with rows in the lanes. */
#ifndef KERNELS_QMM_TURN_H
#define KERNELS_QMM_TURN_H

#include "kernels/qmm.h"
#include "kernels/qmm_vec.h"

/* Rows of bytes, `stride` apart; `count` of them where LANES are asked for: the others are zero. */
typedef struct {
  const uint8_t *p;
  int64_t stride, count;
} byte_rows;

/* Four words of LANES rows: register d has word d of each row. Rows i, 4 + i, ... are loaded side
 * by side, so that 4 x 4 words in each 128 bits are left to turn. */
#if LANES == 16
#define JOIN(half, bits, a, b) (vi) _mm512_unpack##half##_epi##bits((__m512i)(a), (__m512i)(b))
#elif LANES == 8
#define JOIN(half, bits, a, b) (vi) _mm256_unpack##half##_epi##bits((__m256i)(a), (__m256i)(b))
#else
#define JOIN_lo_32(a, b) __builtin_shufflevector((vi32)(a), (vi32)(b), 0, 4, 1, 5)
#define JOIN_hi_32(a, b) __builtin_shufflevector((vi32)(a), (vi32)(b), 2, 6, 3, 7)
#define JOIN_lo_64(a, b) __builtin_shufflevector((vi32)(a), (vi32)(b), 0, 1, 4, 5)
#define JOIN_hi_64(a, b) __builtin_shufflevector((vi32)(a), (vi32)(b), 2, 3, 6, 7)
#define JOIN(half, bits, a, b) (vi) JOIN_##half##_##bits(a, b)
#endif

INLINE vi load_across(const uint8_t *p, int64_t stride) {
#if LANES == 16
#define ROW(i) _mm_loadu_si128((const __m128i *)(p + (i)*stride))
  vi r = _mm512_inserti32x4(_mm512_castsi128_si512(ROW(0)), ROW(4), 1);
  return _mm512_inserti32x4(_mm512_inserti32x4(r, ROW(8), 2), ROW(12), 3);
#elif LANES == 8
#define ROW(i) _mm_loadu_si128((const __m128i *)(p + (i)*stride))
  return _mm256_inserti128_si256(_mm256_castsi128_si256(ROW(0)), ROW(4), 1);
#else
  (void)stride;
  return vi_load(p);
#endif
}

INLINE void turn_quad(const uint8_t *p, int64_t stride, vi r[4]) {
  vi a = load_across(p, stride), b = load_across(p + stride, stride);
  vi c = load_across(p + 2 * stride, stride), d = load_across(p + 3 * stride, stride);
  vi ab = JOIN(lo, 32, a, b), cd = JOIN(lo, 32, c, d);
  r[0] = JOIN(lo, 64, ab, cd);
  r[1] = JOIN(hi, 64, ab, cd);
  ab = JOIN(hi, 32, a, b), cd = JOIN(hi, 32, c, d);
  r[2] = JOIN(lo, 64, ab, cd);
  r[3] = JOIN(hi, 64, ab, cd);
}
#undef JOIN

/* The same where LANES rows of 16 bytes are not all there. */
static __attribute__((noinline)) void turn_part(byte_rows rows, int64_t at, int64_t bytes,
                                                vi r[4]) {
  uint8_t copy[LANES][16] = {{0}};
  for (int64_t i = 0; i < rows.count && i < LANES; i++)
    memcpy(copy[i], rows.p + i * rows.stride + at, bytes < 16 ? (size_t)bytes : 16);
  turn_quad(copy[0], 16, r);
}

/* `bytes` of LANES rows, as words, up to a multiple of four. */
INLINE void turn_rows(byte_rows rows, int64_t bytes, vi *words) {
  for (int64_t at = 0; at < bytes; at += 16, words += 4)
    if (rows.count >= LANES && at + 16 <= bytes)
      turn_quad(rows.p + at, rows.stride, words);
    else
      turn_part(rows, at, bytes - at, words);
}

/* Weights that are turned together, at most: no less than a group. */
#define STRETCH 128
#define STRETCH_WORDS(bits) (STRETCH / 32 * (bits))

/* 32 weights of a row are `bits` words. Opened as 16 pairs, the f-th 16-bit field of both halves of
 * a word at a time: widths that divide 16 take the halves as they stand, the others the first 16
 * weights as low halves and the next 16 as high ones. */
#define WHOLE(bits) (16 % (bits) == 0)

typedef uint32_t words __attribute__((vector_size(4 * LANES)));
typedef uint16_t halves __attribute__((vector_size(4 * LANES)));

/* Halves i and bits + i of 2 * bits, side by side. */
INLINE halves halves_of(int bits, const vi *w, int i) {
  if (WHOLE(bits)) return (halves)w[i];
  int j = bits + i;
  words a = (words)w[i / 2], b = (words)w[j / 2];
  return (halves)((i % 2 ? a >> 16 : a & 0xffff) | (j % 2 ? b & 0xffff0000 : b << 16));
}

/* 32 weights of each of LANES rows: `bits` words, and 16 pairs that lie `side` vectors apart. */
INLINE void open_pairs(int bits, const vi *w, vi *pairs, int side) {
  halves h[8];
#pragma GCC unroll 8
  for (int i = 0; i < bits; i++) h[i] = halves_of(bits, w, i);
#pragma GCC unroll 16
  for (int f = 0; f < 16; f++) {
    int at = f * bits % 16, i = f * bits / 16;
    halves v = h[i] >> (uint16_t)at;
    if (at + bits > 16) v |= h[i + 1] << (uint16_t)(16 - at);
    if (at + bits != 16) v &= (uint16_t)((1 << bits) - 1);
    pairs[f * side] = (vi)v;
  }
}

/* LANES rows' 16-bit floats, two to a word, as floats. */
INLINE void floats_of_words(vi words, mx_dtype dtype, float *low, float *high) {
#if LANES == 16
  if (dtype == MX_BFLOAT16) {
    __m512i mask = _mm512_set1_epi32((int)0xffff0000);
    vf_store(low, _mm512_castsi512_ps(_mm512_slli_epi32(words, 16)));
    vf_store(high, _mm512_castsi512_ps(_mm512_and_si512(words, mask)));
  } else {
    vf_store(low, _mm512_cvtph_ps(_mm512_cvtepi32_epi16(words)));
    vf_store(high, _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32(words, 16))));
  }
#else
  uint16_t halves[2 * LANES];
  vi_store(halves, words);
  for (int i = 0; i < LANES; i++) {
    low[i] = float_at(halves, 2 * i, dtype);
    high[i] = float_at(halves, 2 * i + 1, dtype);
  }
#endif
}

/* Groups [at, at + count) of scales or biases of LANES rows from `first` on, as floats with rows in
 * the lanes: out[group * stride + row]; 0 for rows that there are not. There must be room for
 * groups up to a multiple of 8. */
INLINE void open_values(const mx_qmm_weights *w, const void *values, int64_t first, int64_t rows,
                        int64_t at, int64_t count, float *out, int64_t stride) {
  const bool wide = w->dtype == MX_FLOAT32;
  const int64_t size = wide ? 4 : 2;
  byte_rows from = {(const uint8_t *)values + (first * w->groups + at) * size, w->groups * size,
                    rows};
  for (int64_t g = 0; g < count; g += 16 / size, from.p += 16) {
    vi v[4];
    turn_rows(from, count - g < 16 / size ? (count - g) * size : 16, v);
    for (int d = 0; d < 4; d++, out += (wide ? 1 : 2) * stride)
      if (wide)
        vi_store(out, v[d]);
      else if (w->dtype == MX_BFLOAT16)
        floats_of_words(v[d], MX_BFLOAT16, out, out + stride);
      else
        floats_of_words(v[d], MX_FLOAT16, out, out + stride);
  }
}

#endif
