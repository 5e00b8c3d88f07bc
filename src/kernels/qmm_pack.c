/* Rows of a quantised matrix opened into panels of a matrix product. Sixteen rows are turned
 * while they are packed, 32 bits at a time: lane r of a register then holds the next weights of row
 * r, and each shift yields one row of the panel. Widths that do not divide 32 pass through pairs of
 * 16-bit integers. */
#include "kernels/qmm_turn.h"

#ifdef __AVX512BW__

#define ROWS 16
#define MOST_GROUPS 32 /* of a row at a time */

/* The j-th weight of each word as a float. Up to 4 bits a table looks it up: of its index only the
 * low 4 bits count. */
INLINE vf field(__m512i words, int bits, int j, vf table) {
  __m512i shifted = j ? _mm512_srli_epi32(words, (unsigned)(bits * j)) : words;
  if (bits <= 4) return _mm512_permutexvar_ps(shifted, table);
  return _mm512_cvtepi32_ps(_mm512_and_si512(shifted, _mm512_set1_epi32(0xff)));
}

/* Sixteen rows that are being opened: where each stands, and its scales and biases with rows in the
 * lanes. */
typedef struct {
  byte_rows rows;
  float scales[MOST_GROUPS][ROWS], biases[MOST_GROUPS][ROWS];
} rows16;

static void load_rows(const mx_qmm_weights *w, int64_t first, int64_t rows, int64_t begin,
                      int64_t groups, rows16 *r) {
  r->rows = (byte_rows){w->packed + first * w->row_bytes + begin * w->group * w->bits / 8,
                        w->row_bytes, rows};
  open_values(w, w->scales, first, rows, begin, groups, r->scales[0], ROWS);
  open_values(w, w->biases, first, rows, begin, groups, r->biases[0], ROWS);
}

/* 32 weights in the order of the panel's rows. */
INLINE void open_floats(int bits, const vi *words, vf scale, vf bias, int width, float *out) {
  vf table = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  if (bits == 2) table = _mm512_setr_ps(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
  if (32 % bits == 0) {
#pragma GCC unroll 32
    for (int k = 0; k < 32; k++)
      vf_store(out + k * width,
               vf_fma(field(words[k * bits / 32], bits, k % (32 / bits), table), scale, bias));
    return;
  }
  vi pairs[16];
  open_pairs(bits, words, pairs, 1);
#pragma GCC unroll 16
  for (int k = 0; k < 16; k++) {
    vi low = _mm512_and_si512(pairs[k], _mm512_set1_epi32(0xffff));
    vi high = _mm512_srli_epi32(pairs[k], 16);
    vf_store(out + k * width, vf_fma(vf_from_int(low), scale, bias));
    vf_store(out + (16 + k) * width, vf_fma(vf_from_int(high), scale, bias));
  }
}

/* Sixteen columns of the panel, for `k` weights of each row. */
INLINE void open_columns(rows16 *r, int bits, int group, int64_t k, int width, float *out) {
  for (int64_t at = 0; at < k; at += STRETCH) {
    vi words[STRETCH_WORDS(8)];
    int64_t weights = k - at < STRETCH ? k - at : STRETCH;
    for (int i = 0; i < ROWS; i++)
      for (int b = 0; b < STRETCH * bits / 8; b += 64)
        __builtin_prefetch(r->rows.p + i * r->rows.stride + 128 + b);
    turn_rows(r->rows, weights * bits / 8, words);
    r->rows.p += weights * bits / 8;
    for (int64_t i = 0; i < weights; i += 32, out += 32 * width) {
      int64_t g = (at + i) / group;
      open_floats(bits, words + i / 32 * bits, vf_load(r->scales[g]), vf_load(r->biases[g]), width,
                  out);
    }
  }
}

INLINE void open_panel(const mx_qmm_weights *w, int bits, int64_t first, int64_t columns,
                       int64_t begin, int64_t k, int width, float *out) {
  int64_t most = MOST_GROUPS * w->group;
  for (int64_t at = 0; at < k; at += most)
    for (int64_t c = 0; c < width; c += ROWS) {
      rows16 r;
      int64_t deep = k - at < most ? k - at : most, rows = columns - c < ROWS ? columns - c : ROWS;
      float *to = out + at * width + c;
      for (int64_t i = 0; rows <= 0 && i < deep; i++) vf_store(to + i * width, vf_zero());
      if (rows <= 0) continue;
      load_rows(w, first + c, rows, (begin + at) / w->group, deep / w->group, &r);
      open_columns(&r, bits, w->group, deep, width, to);
    }
}

#define EACH_WIDTH(K) K(2) K(3) K(4) K(5) K(6) K(8)
#define PANEL(bits)                                                                                \
  static void panel_##bits(const mx_qmm_weights *w, int64_t first, int64_t columns, int64_t begin, \
                           int64_t k, int width, float *out) {                                     \
    open_panel(w, bits, first, columns, begin, k, width, out);                                     \
  }
EACH_WIDTH(PANEL)

bool MX_KERNEL(qmm_pack)(const mx_qmm_weights *w, int64_t first, int64_t columns, int64_t begin,
                         int64_t k, int width, float *out) {
  switch (w->bits) {
#define CASE(bits) \
  case bits: panel_##bits(w, first, columns, begin, k, width, out); return true;
    EACH_WIDTH(CASE)
#undef CASE
  }
  return false;
}

#else

bool MX_KERNEL(qmm_pack)(const mx_qmm_weights *w, int64_t first, int64_t columns, int64_t begin,
                         int64_t k, int width, float *out) {
  (void)w, (void)first, (void)columns, (void)begin, (void)k, (void)width, (void)out;
  return false;
}

#endif
