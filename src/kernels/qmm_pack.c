/* Rows of a quantised matrix opened into panels of a matrix product. Sixteen rows are transposed
 * while they are packed, 32 bits at a time: lane r of a register then holds the next weights of row
 * r, and each shift yields one row of the panel. Widths that do not divide 32 are brought to bytes
 * first. */
#include "kernels/qmm.h"
#include "kernels/qmm_unpack.h"

#ifdef __AVX512BW__

#define ROWS 16
#define MOST_GROUPS 32 /* of a row at a time */

/* Register d: 32-bit word d of each of sixteen rows. */
INLINE void transpose(__m512i r[ROWS]) {
  __m512i t[ROWS];
#pragma GCC unroll 8
  for (int i = 0; i < ROWS; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < ROWS; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
    r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
    r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
  }
}

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
  const uint8_t *p[ROWS];
  float scales[MOST_GROUPS][ROWS], biases[MOST_GROUPS][ROWS];
} rows16;

/* Groups [at, at + count) of each row of `values`, scales or biases, as floats; 0 for rows that
 * there are not. They are transposed as the weights are, 16-bit floats in pairs. */
static void open_values(const mx_qmm_weights *w, const void *values, int64_t first, int64_t rows,
                        int64_t at, int64_t count, float (*out)[ROWS]) {
  const bool wide = w->dtype == MX_FLOAT32;
  __m512i v[ROWS];
  for (int64_t g = 0; g < count; g += wide ? 16 : 32) {
    int64_t left = count - g;
    for (int i = 0; i < ROWS; i++) {
      int64_t from = (first + i) * w->groups + at + g;
      if (i >= rows)
        v[i] = _mm512_setzero_si512();
      else if (wide)
        v[i] = _mm512_maskz_loadu_epi32((__mmask16)(left < 16 ? (1u << left) - 1 : 0xffff),
                                        (const float *)values + from);
      else
        v[i] = _mm512_maskz_loadu_epi16(left < 32 ? (1u << left) - 1 : 0xffffffff,
                                        (const uint16_t *)values + from);
    }
    transpose(v);
    for (int64_t d = 0; d < (wide ? left : (left + 1) / 2) && d < ROWS; d++) {
      if (wide) {
        vf_store(out[g + d], _mm512_castsi512_ps(v[d]));
      } else if (w->dtype == MX_BFLOAT16) {
        __m512i high = _mm512_set1_epi32((int)0xffff0000);
        vf_store(out[g + 2 * d], _mm512_castsi512_ps(_mm512_slli_epi32(v[d], 16)));
        vf_store(out[g + 2 * d + 1], _mm512_castsi512_ps(_mm512_and_si512(v[d], high)));
      } else {
        __m256i low = _mm512_cvtepi32_epi16(v[d]);
        __m256i high = _mm512_cvtepi32_epi16(_mm512_srli_epi32(v[d], 16));
        vf_store(out[g + 2 * d], _mm512_cvtph_ps(low));
        vf_store(out[g + 2 * d + 1], _mm512_cvtph_ps(high));
      }
    }
  }
}

static void load_rows(const mx_qmm_weights *w, int64_t first, int64_t rows, int64_t begin,
                      int64_t groups, rows16 *r) {
  for (int i = 0; i < ROWS; i++)
    r->p[i] = w->packed + (first + (i < rows ? i : rows - 1)) * w->row_bytes +
              begin * w->group * w->bits / 8;
  open_values(w, w->scales, first, rows, begin, groups, r->scales);
  open_values(w, w->biases, first, rows, begin, groups, r->biases);
}

/* 64 bytes of each row, those beyond `bytes` zero; the lines two steps on are asked for. */
INLINE void load_words(rows16 *r, int64_t bytes, __m512i words[ROWS]) {
  __mmask16 mask = bytes < 64 ? (__mmask16)((1u << (bytes / 4)) - 1) : (__mmask16)0xffff;
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; i++) {
    words[i] = _mm512_maskz_loadu_epi32(mask, r->p[i]);
    __builtin_prefetch(r->p[i] + 128);
    r->p[i] += 64;
  }
}

/* The same of 64 weights of a width that is opened to bytes. */
INLINE void load_bytes(rows16 *r, int bits, int64_t weights, __m512i words[ROWS]) {
  for (int i = 0; i < ROWS; i++) {
    uint8_t codes[64] __attribute__((aligned(64))) = {0};
    for (int64_t k = 0; k < weights; k += 32, r->p[i] += 4 * bits) {
      vi raw[MAX_RAW];
      open_block(bits, r->p[i], raw);
      _mm256_store_si256((__m256i *)(codes + k), _mm512_cvtepi16_epi8(raw[0]));
    }
    words[i] = _mm512_load_si512(codes);
  }
}

/* Sixteen columns of the panel, for `k` weights of each row. */
INLINE void open_columns(rows16 *r, int bits, int group, int64_t k, int width, float *out) {
  const bool bytewise = 32 % bits != 0;
  const int held = bytewise ? 8 : bits; /* bits of a weight in its word */
  const int each = 32 / held, step = each * ROWS;
  vf table = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  if (bits == 2) table = _mm512_setr_ps(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
  vf scale = vf_zero(), bias = vf_zero();
  int64_t g = 0;
  for (int64_t at = 0; at < k; at += step) {
    __m512i words[ROWS];
    int64_t weights = k - at < step ? k - at : step;
    if (bytewise)
      load_bytes(r, bits, weights, words);
    else
      load_words(r, weights * bits / 8, words);
    transpose(words);
    _Alignas(64) __m512i columns[ROWS];
    memcpy(columns, words, sizeof columns);
    for (int d = 0; d < weights / each; d++) {
      if (((at + d * each) & (group - 1)) == 0) {
        scale = vf_load(r->scales[g]);
        bias = vf_load(r->biases[g++]);
      }
#pragma GCC unroll 16
      for (int j = 0; j < each; j++, out += width)
        vf_store(out, vf_fma(field(columns[d], held, j, table), scale, bias));
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
