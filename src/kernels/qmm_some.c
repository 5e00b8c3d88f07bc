/* A few rows of activations, as floats, with a quantised matrix read in place: weights are opened
 * in registers and meet every row of x there. A stretch of x that the first cache holds is taken
 * with many rows of the matrix before the next. */
#include "kernels/qmm.h"
#include "kernels/qmm_unpack.h"

#ifdef __AVX512BW__

#define STRETCH 512 /* weights: no more than 16 groups. x is [stretch][row][STRETCH] */
#define TALL 32     /* rows of w that take their turn with a stretch */

/* A unit's weights leave in `UNIT / 16` registers. Widths 2 and 4: the j-th field of each 32-bit
 * word in register j; others in their own order. */
#define WORDWISE(bits) ((bits) == 2 || (bits) == 4)
#define UNIT(bits) (WORDWISE(bits) ? 512 / (bits) : 32)

int64_t MX_KERNEL(qmm_some_floats)(int64_t k) { return (k + STRETCH - 1) / STRETCH * STRETCH; }

/* Where weight k of a row goes. */
static int64_t place(int bits, int64_t k) {
  if (!WORDWISE(bits)) return k;
  int64_t unit = UNIT(bits), each = 32 / bits;
  return k / unit * unit + k % each * 16 + k % unit / each;
}

void MX_KERNEL(qmm_some_load)(int bits, int64_t k, const void *row, mx_dtype dtype, float *x,
                              int64_t rows, int64_t m) {
  for (int64_t at = 0; at < k; at += STRETCH) {
    float *out = x + at * rows + m * STRETCH;
    if (k - at < STRETCH) memset(out, 0, STRETCH * sizeof *out);
    if (k - at >= STRETCH)
      for (int i = 0; i < STRETCH; i++) out[place(bits, i)] = float_at(row, at + i, dtype);
    else
      for (int i = 0; i < k - at; i++) out[place(bits, i)] = float_at(row, at + i, dtype);
  }
}

/* One row of w where a stretch begins. */
typedef struct {
  const uint8_t *p;
  vf scales, biases;
} row_place;

/* Up to 16 groups of scales or biases, zero beyond. */
INLINE vf values_of(const void *p, int64_t at, int64_t count, mx_dtype dtype) {
  __mmask16 mask = (__mmask16)(count < 16 ? (1u << count) - 1 : 0xffff);
  if (dtype == MX_FLOAT32) return _mm512_maskz_loadu_ps(mask, (const float *)p + at);
  __m256i half = _mm256_maskz_loadu_epi16(mask, (const uint16_t *)p + at);
  if (dtype == MX_FLOAT16) return _mm512_cvtph_ps(half);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

/* Register j of a unit, as floats from 0 up. Of a table's index only the low 4 bits count. */
INLINE vf open_part(int bits, vi words, int j, vf table) {
  if (WORDWISE(bits))
    return _mm512_permutexvar_ps(j ? _mm512_srli_epi32(words, (unsigned)(bits * j)) : words, table);
  __m256i half = j ? _mm512_extracti64x4_epi64(words, 1) : _mm512_castsi512_si256(words);
  return _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(half));
}

/* Sums over the lanes of sixteen registers, in their order. */
INLINE vf sums_of(vf v[16]) {
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++)
    v[i] = _mm512_add_ps(_mm512_unpacklo_ps(v[2 * i], v[2 * i + 1]),
                         _mm512_unpackhi_ps(v[2 * i], v[2 * i + 1]));
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    __m512d a = _mm512_castps_pd(v[2 * i]), b = _mm512_castps_pd(v[2 * i + 1]);
    v[i] = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)),
                         _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; i++)
    v[i] = _mm512_add_ps(_mm512_shuffle_f32x4(v[2 * i], v[2 * i + 1], 0x88),
                         _mm512_shuffle_f32x4(v[2 * i], v[2 * i + 1], 0xdd));
  return _mm512_add_ps(_mm512_shuffle_f32x4(v[0], v[1], 0x88),
                       _mm512_shuffle_f32x4(v[0], v[1], 0xdd));
}

/* Sixteen sums, [R][M]: R rows of w times M rows of x, over `weights` of a stretch, whole groups.
 */
INLINE vf multiply(const row_place *rows, const float *x, int bits, int group, int R, int M,
                   int64_t weights) {
  const int unit = UNIT(bits), groups = unit > group ? unit / group : 1;
  const vi spreader = vf_spreader(groups);
  const int shift = __builtin_ctz((unsigned)group);
  vf table = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  if (bits == 2) table = _mm512_setr_ps(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
  vf sums[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) sums[i] = vf_zero();
#pragma GCC unroll 1
  for (int64_t k = 0, at = 0; k < weights; k += unit, at += unit * bits / 8, x += unit) {
    vi words[8], index = _mm512_add_epi32(spreader, _mm512_set1_epi32((int)(k >> shift)));
    vf scale[8], bias[8];
#pragma GCC unroll 4
    for (int r = 0; r < R; r++) {
      if (WORDWISE(bits)) {
        int64_t left = (weights - k) * bits / 8;
        __mmask16 mask = (__mmask16)(left < 64 ? (1u << left / 4) - 1 : 0xffff);
        words[r] = _mm512_maskz_loadu_epi32(mask, rows[r].p + at);
      } else {
        open_block(bits, rows[r].p + at, words + r);
      }
      scale[r] = _mm512_permutexvar_ps(index, rows[r].scales);
      bias[r] = _mm512_permutexvar_ps(index, rows[r].biases);
    }
#pragma GCC unroll 16
    for (int j = 0; j < unit / 16; j++) {
      vf opened[4];
#pragma GCC unroll 4
      for (int r = 0; r < R; r++)
        opened[r] = vf_fma(open_part(bits, words[r], j, table), scale[r], bias[r]);
#pragma GCC unroll 8
      for (int m = 0; m < M; m++) {
        vf a = vf_load(x + m * STRETCH + j * 16);
        fence(a); /* read once for all rows of w */
#pragma GCC unroll 4
        for (int r = 0; r < R; r++) sums[r * M + m] = vf_fma(opened[r], a, sums[r * M + m]);
      }
    }
  }
  return sums_of(sums);
}

#define EACH_WIDTH(K) K(2) K(3) K(4) K(5) K(6) K(8)
#define MULTIPLY(bits)                                                               \
  static vf multiply_##bits(const row_place *rows, const float *x, int group, int M, \
                            int64_t weights) {                                       \
    return M == 8 ? multiply(rows, x, bits, group, 2, 8, weights)                    \
                  : multiply(rows, x, bits, group, 4, 4, weights);                   \
  }
EACH_WIDTH(MULTIPLY)

static vf (*const multipliers[9])(const row_place *, const float *, int, int, int64_t) = {
#define ENTRY(bits) [bits] = multiply_##bits,
    EACH_WIDTH(ENTRY)
#undef ENTRY
};

/* Where R rows of w begin their part, of `weights`, of a stretch; the last row again beyond `end`.
 */
INLINE void find_places(const mx_qmm_weights *w, int64_t n, int64_t end, int R, int64_t at,
                        int64_t weights, row_place *places) {
  const int shift = __builtin_ctz((unsigned)w->group);
  int64_t g = at >> shift, groups = weights >> shift;
  for (int r = 0; r < R; r++) {
    int64_t row = n + r < end ? n + r : end - 1, from = row * w->groups + g;
    places[r].p = w->packed + row * w->row_bytes + at * w->bits / 8;
    places[r].scales = values_of(w->scales, from, groups, w->dtype);
    places[r].biases = values_of(w->biases, from, groups, w->dtype);
    for (int64_t b = 0; b < weights * w->bits / 8; b += 64)
      __builtin_prefetch(places[r].p + 2 * R * w->row_bytes + b);
  }
}

/* Rows [n, end) of w, at most TALL, with all rows of x: sums by sixteens, [R rows of w][M of x]. */
static void tall(const mx_qmm_weights *w, const float *x, int64_t rows, int64_t k, int64_t n,
                 int64_t end, int M, float (*sums)[16]) {
  int R = 16 / M;
  for (int64_t at = 0; at < k; at += STRETCH) {
    int64_t weights = k - at < STRETCH ? k - at : STRETCH;
    float(*to)[16] = sums;
    for (int64_t i = n; i < end; i += R) {
      row_place places[4];
      find_places(w, i, end, R, at, weights, places);
      for (int64_t m = 0; m < rows; m += M, to++) {
        vf sum = multipliers[w->bits](places, x + at * rows + m * STRETCH, w->group, M, weights);
        vf_store(*to, at ? vf_add(vf_load(*to), sum) : sum);
      }
    }
  }
}

static void put_sums(const float *sums, int R, int M, int64_t n, int64_t end, int64_t m,
                     int64_t rows, void *out, int64_t ld, mx_dtype dtype) {
  for (int r = 0; r < R && n + r < end; r++)
    for (int i = 0; i < M && m + i < rows; i++)
      put_float(out, (m + i) * ld + n + r, dtype, sums[r * M + i]);
}

bool MX_KERNEL(qmm_some)(const mx_qmm_weights *w, const float *x, int64_t rows, int64_t k,
                         int64_t begin, int64_t end, void *out, int64_t ld, mx_dtype dtype) {
  int64_t padded = (rows + 3) / 4 * 4;
  int M = padded % 8 == 0 ? 8 : 4, R = 16 / M;
  float sums[TALL][16];
  for (int64_t n = begin; n < end; n += TALL) {
    int64_t last = n + TALL < end ? n + TALL : end;
    tall(w, x, padded, k, n, last, M, sums);
    const float(*from)[16] = (const float(*)[16])sums;
    for (int64_t i = n; i < last; i += R)
      for (int64_t m = 0; m < padded; m += M, from++)
        put_sums(*from, R, M, i, last, m, rows, out, ld, dtype);
  }
  return true;
}

#else

int64_t MX_KERNEL(qmm_some_floats)(int64_t k) {
  (void)k;
  return 0;
}
void MX_KERNEL(qmm_some_load)(int bits, int64_t k, const void *row, mx_dtype dtype, float *x,
                              int64_t rows, int64_t m) {
  (void)bits, (void)k, (void)row, (void)dtype, (void)x, (void)rows, (void)m;
}
bool MX_KERNEL(qmm_some)(const mx_qmm_weights *w, const float *x, int64_t rows, int64_t k,
                         int64_t begin, int64_t end, void *out, int64_t ld, mx_dtype dtype) {
  (void)w, (void)x, (void)rows, (void)k, (void)begin, (void)end, (void)out, (void)ld, (void)dtype;
  return false;
}

#endif
