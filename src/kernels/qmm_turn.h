/* Rows of a quantised matrix turned: words that are side by side in a row come to lie in vectors of
 * their own, with rows in the lanes. */
#ifndef KERNELS_QMM_TURN_H
#define KERNELS_QMM_TURN_H

#include "kernels/qmm.h"
#include "kernels/qmm_vec.h"

/* Four words of each of LANES rows, `at` bytes on from p[row]; words from `bytes` on are not read
 * (nor are those of rows from `rows` on), and are zero. Register d has word d of each row:
 * rows i, 4 + i, ... are loaded side by side, so that 4 x 4 words in each 128 bits are left to
 * turn. */
#if defined(__AVX512BW__) || defined(__AVX2__)
INLINE __m128i load_quad(const uint8_t *p, int64_t bytes) {
  if (bytes >= 16) return _mm_loadu_si128((const __m128i *)p);
  uint8_t copy[16] = {0};
  if (bytes > 0) memcpy(copy, p, (size_t)bytes);
  return _mm_loadu_si128((const __m128i *)copy);
}
#define ROW(i) load_quad((i) < rows ? p[i] + at : p[0], (i) < rows ? bytes - at : 0)
INLINE vi load_across(const uint8_t *const *p, int64_t rows, int64_t at, int64_t bytes, int i) {
#if LANES == 16
  __m512i r = _mm512_castsi128_si512(ROW(i));
  r = _mm512_inserti32x4(r, ROW(4 + i), 1);
  r = _mm512_inserti32x4(r, ROW(8 + i), 2);
  return _mm512_inserti32x4(r, ROW(12 + i), 3);
#else
  return _mm256_inserti128_si256(_mm256_castsi128_si256(ROW(i)), ROW(4 + i), 1);
#endif
}
#undef ROW
#if LANES == 16
#define JOIN(half, bits, a, b) _mm512_unpack##half##_epi##bits(a, b)
#else
#define JOIN(half, bits, a, b) _mm256_unpack##half##_epi##bits(a, b)
#endif
INLINE void turn_quad(const uint8_t *const *p, int64_t rows, int64_t at, int64_t bytes, vi r[4]) {
  vi a = load_across(p, rows, at, bytes, 0), b = load_across(p, rows, at, bytes, 1);
  vi c = load_across(p, rows, at, bytes, 2), d = load_across(p, rows, at, bytes, 3);
  vi ab = JOIN(lo, 32, a, b), cd = JOIN(lo, 32, c, d);
  r[0] = JOIN(lo, 64, ab, cd);
  r[1] = JOIN(hi, 64, ab, cd);
  ab = JOIN(hi, 32, a, b), cd = JOIN(hi, 32, c, d);
  r[2] = JOIN(lo, 64, ab, cd);
  r[3] = JOIN(hi, 64, ab, cd);
}
#undef JOIN
#else
INLINE void turn_quad(const uint8_t *const *p, int64_t rows, int64_t at, int64_t bytes, vi r[4]) {
  vi32 v[4] = {{0}};
  for (int i = 0; i < 4; i++)
    if (i < rows && at < bytes)
      memcpy(v + i, p[i] + at, bytes - at < 16 ? (size_t)(bytes - at) : 16);
  vi32 ab = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5);
  vi32 cd = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5);
  r[0] = (vi)__builtin_shufflevector(ab, cd, 0, 1, 4, 5);
  r[1] = (vi)__builtin_shufflevector(ab, cd, 2, 3, 6, 7);
  ab = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7);
  cd = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
  r[2] = (vi)__builtin_shufflevector(ab, cd, 0, 1, 4, 5);
  r[3] = (vi)__builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}
#endif

/* STRETCH weights of LANES rows, or fewer, as words `side` vectors apart; moves the rows on. */
#define STRETCH 128 /* weights: no less than a group */
INLINE void turn_stretch(const uint8_t **p, int64_t bytes, vi *words, int side) {
  for (int64_t at = 0; at < bytes; at += 16, words += 4 * side) {
    vi r[4];
    if (at + 16 <= bytes)
      turn_quad(p, LANES, at, at + 16, r);
    else
      turn_quad(p, LANES, at, bytes, r);
    for (int i = 0; i < 4; i++) words[i * side] = r[i];
  }
  for (int i = 0; i < LANES; i++) p[i] += bytes;
}
#define STRETCH_WORDS(bits) (STRETCH / 32 * (bits))

/* 32 weights of a row are `bits` words. Opened as 16 pairs, the f-th 16-bit field of both halves of
 * a word at a time: widths that divide 16 take the halves as they stand, the others the first 16
 * weights as low halves and the next 16 as high ones. */
#define WHOLE(bits) (16 % (bits) == 0)

typedef uint32_t words __attribute__((vector_size(4 * LANES)));
typedef uint16_t halves __attribute__((vector_size(4 * LANES)));

/* Halves i and bits + i of 2 * bits, side by side. */
INLINE halves halves_of(int bits, const vi *w, int side, int i) {
  if (WHOLE(bits)) return (halves)w[i * side];
  int j = bits + i;
  words a = (words)w[i / 2 * side], b = (words)w[j / 2 * side];
  return (halves)((i % 2 ? a >> 16 : a & 0xffff) | (j % 2 ? b & 0xffff0000 : b << 16));
}

/* 32 weights of each of LANES rows: `bits` words and 16 pairs, `side` vectors apart. */
INLINE void open_pairs(int bits, const vi *w, int side, vi *pairs) {
  halves h[8];
#pragma GCC unroll 8
  for (int i = 0; i < bits; i++) h[i] = halves_of(bits, w, side, i);
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
  const int64_t size = wide ? 4 : 2, bytes = count * size;
  const uint8_t *p[LANES];
  for (int i = 0; i < LANES; i++)
    p[i] = (const uint8_t *)values + ((first + (i < rows ? i : 0)) * w->groups + at) * size;
  for (int64_t from = 0; from < bytes; from += 16) {
    vi v[4];
    if (rows >= LANES && from + 16 <= bytes)
      turn_quad(p, LANES, from, from + 16, v);
    else
      turn_quad(p, rows, from, bytes, v);
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
