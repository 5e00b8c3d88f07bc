/* Reductions over runs and columns. Loops are written over fixed numbers of independent lanes, so
 * that they vectorise at any width without reordering what a reader sees. */
#include "kernels/reduce.h"
#include "kernels/bulk.h"
#include "kernels/widen.h"

#include <math.h>

#define BLOCK 512 /* elements that a strided or 16-bit run is gathered into */

typedef struct {
  double re, im;
} complex_acc;
typedef struct {
  double sum, error;
} double_acc; /* their sum is the value */

/* ---- one run of contiguous elements into one accumulator ---- */

/* Sixteen vectors fold in float32 by a tree of four levels; the lanes then add up in float64. */
#define SUM_RUN(name, T, LOAD, TO_FLOAT)                                                   \
  static void sum_run_##name(const T *x, int64_t n, double *acc) {                         \
    if (n < 16) {                                                                          \
      double total = 0;                                                                    \
      for (int64_t i = 0; i < n; i++) total += (double)TO_FLOAT(x[i]);                     \
      *acc += total;                                                                       \
      return;                                                                              \
    }                                                                                      \
    double lanes[16] = {0};                                                                \
    for (; n >= 16 * VW; x += 16 * VW, n -= 16 * VW) {                                     \
      float folded[VW];                                                                    \
      vf s[8];                                                                             \
      v_ahead(x, 16 * VW * (int)sizeof(T));                                                \
      _Pragma("GCC unroll 8") for (int k = 0; k < 8; k++) s[k] =                           \
          LOAD(x + k * VW) + LOAD(x + (k + 8) * VW);                                       \
      vf_store(folded, ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]))); \
      for (int k = 0; k < VW; k++) lanes[k] += (double)folded[k];                          \
    }                                                                                      \
    for (; n >= 16; x += 16, n -= 16)                                                      \
      for (int k = 0; k < 16; k++) lanes[k] += (double)TO_FLOAT(x[k]);                     \
    for (int k = 0; k < n; k++) lanes[k] += (double)TO_FLOAT(x[k]);                        \
    for (int half = 8; half; half /= 2)                                                    \
      for (int k = 0; k < half; k++) lanes[k] += lanes[k + half];                          \
    *acc += lanes[0];                                                                      \
  }
SUM_RUN(f32, float, vf_load, )
SUM_RUN(f16, mx_f16, vf_load_f16, mx_f16_to_f32)
SUM_RUN(bf16, mx_bf16, vf_load_bf16, mx_bf16_to_f32)

static void two_sum(double_acc *acc, double x) {
  double sum = acc->sum + x, back = sum - acc->sum;
  /* Infinities would leave NaN here. */
  if (isfinite(sum)) acc->error += (acc->sum - (sum - back)) + (x - back);
  acc->sum = sum;
}

static double sum_block_f64(const double *x, int64_t n) {
  double lanes[32] = {0}, total = 0;
  for (; n >= 32; x += 32, n -= 32) {
    v_ahead(x, 256);
    for (int k = 0; k < 32; k++) lanes[k] += x[k];
  }
  for (int half = 16; half; half /= 2)
    for (int k = 0; k < half; k++) lanes[k] += lanes[k + half];
  for (int k = 0; k < n; k++) total += x[k];
  return lanes[0] + total;
}

static void sum_run_f64(const double *x, int64_t n, double_acc *acc) {
  for (; n > BLOCK; x += BLOCK, n -= BLOCK) two_sum(acc, sum_block_f64(x, BLOCK));
  two_sum(acc, sum_block_f64(x, n));
}

static void sum_run_c64(const mx_complex64 *in, int64_t n, complex_acc *acc) {
  const float *x = (const float *)in;
  double lanes[16] = {0};
  for (; n >= 64; x += 128, n -= 64) {
    float s[16];
    v_ahead(x, 512);
    for (int k = 0; k < 16; k++)
      s[k] = ((x[k] + x[k + 16]) + (x[k + 32] + x[k + 48])) +
             ((x[k + 64] + x[k + 80]) + (x[k + 96] + x[k + 112]));
    for (int k = 0; k < 16; k++) lanes[k] += (double)s[k];
  }
  for (int k = 0; k < 2 * n; k++) lanes[k & 1] += (double)x[k];
  for (int k = 0; k < 16; k += 2) acc->re += lanes[k], acc->im += lanes[k + 1];
}

#define PROD_RUN(name, T, LOAD, TO_FLOAT)                            \
  static void prod_run_##name(const T *x, int64_t n, double *acc) {  \
    double total = *acc;                                             \
    if (n >= 4 * VW) {                                               \
      vd lanes[8];                                                   \
      for (int k = 0; k < 8; k++) lanes[k] = vd_set(1);              \
      for (; n >= 4 * VW; x += 4 * VW, n -= 4 * VW) {                \
        v_ahead(x, 4 * VW * (int)sizeof(T));                         \
        _Pragma("GCC unroll 4") for (int k = 0; k < 4; k++) {        \
          vf v = LOAD(x + k * VW);                                   \
          lanes[2 * k] *= vd_low(v);                                 \
          lanes[2 * k + 1] *= vd_high(v);                            \
        }                                                            \
      }                                                              \
      for (int k = 1; k < 8; k++) lanes[0] *= lanes[k];              \
      for (int k = 0; k < VW / 2; k++) total *= lanes[0][k];         \
    }                                                                \
    for (int64_t i = 0; i < n; i++) total *= (double)TO_FLOAT(x[i]); \
    *acc = total;                                                    \
  }
PROD_RUN(f32, float, vf_load, )
PROD_RUN(f16, mx_f16, vf_load_f16, mx_f16_to_f32)
PROD_RUN(bf16, mx_bf16, vf_load_bf16, mx_bf16_to_f32)

static void prod_run_f64(const double *x, int64_t n, double *acc) {
  double lanes[32], total = *acc;
  if (n >= 64) {
    for (int k = 0; k < 32; k++) lanes[k] = 1;
    for (; n >= 32; x += 32, n -= 32) {
      v_ahead(x, 256);
      for (int k = 0; k < 32; k++) lanes[k] *= x[k];
    }
    for (int k = 0; k < 32; k++) total *= lanes[k];
  }
  for (int64_t i = 0; i < n; i++) total *= x[i];
  *acc = total;
}

static complex_acc times(complex_acc a, complex_acc b) {
  return (complex_acc){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

static void prod_run_c64(const mx_complex64 *x, int64_t n, complex_acc *acc) {
  enum { LANES = 16 };
  double re[LANES], im[LANES];
  if (n >= 2 * LANES) {
    for (int k = 0; k < LANES; k++) re[k] = x[k].re, im[k] = x[k].im;
    for (x += LANES, n -= LANES; n >= LANES; x += LANES, n -= LANES) {
      v_ahead(x, LANES * 8);
      for (int k = 0; k < LANES; k++) {
        double a = re[k], b = im[k], c = (double)x[k].re, d = (double)x[k].im;
        re[k] = a * c - b * d;
        im[k] = a * d + b * c;
      }
    }
    for (int k = 0; k < LANES; k++) *acc = times(*acc, (complex_acc){re[k], im[k]});
  }
  for (int64_t i = 0; i < n; i++) *acc = times(*acc, (complex_acc){x[i].re, x[i].im});
}

#define GREATER(a, b) ((a) > (b))
#define LESS(a, b) ((a) < (b))

/* NaN is kept track of apart: the lanes skip it, since it compares with nothing. */
#define BEST_RUN_FLOAT(name, T, BITS, BEATS)                                                \
  static void name(const T *x, int64_t n, T *acc) {                                         \
    enum { LANES = 512 / sizeof(T) };                                                       \
    T best = *acc;                                                                          \
    if (n >= LANES) {                                                                       \
      T lanes[LANES];                                                                       \
      BITS nan[LANES] = {0}, any = 0;                                                       \
      for (int k = 0; k < LANES; k++) lanes[k] = x[k];                                      \
      for (; n >= LANES; x += LANES, n -= LANES) {                                          \
        v_ahead(x, LANES *(int)sizeof(T));                                                  \
        for (int k = 0; k < LANES; k++) {                                                   \
          lanes[k] = BEATS(x[k], lanes[k]) ? x[k] : lanes[k];                               \
          nan[k] |= -(BITS)(x[k] != x[k]);                                                  \
        }                                                                                   \
      }                                                                                     \
      for (int k = 0; k < LANES; k++) any |= nan[k];                                        \
      if (any) {                                                                            \
        *acc = (T)NAN;                                                                      \
        return;                                                                             \
      }                                                                                     \
      for (int half = LANES / 2; half; half /= 2)                                           \
        for (int k = 0; k < half; k++)                                                      \
          lanes[k] = BEATS(lanes[k + half], lanes[k]) ? lanes[k + half] : lanes[k];         \
      best = BEATS(lanes[0], best) ? lanes[0] : best;                                       \
    }                                                                                       \
    for (int64_t i = 0; i < n; i++) best = BEATS(x[i], best) || x[i] != x[i] ? x[i] : best; \
    *acc = best;                                                                            \
  }
BEST_RUN_FLOAT(max_run_f32, float, int32_t, GREATER)
BEST_RUN_FLOAT(min_run_f32, float, int32_t, LESS)
BEST_RUN_FLOAT(max_run_f64, double, int64_t, GREATER)
BEST_RUN_FLOAT(min_run_f64, double, int64_t, LESS)

/* The same for 16-bit floats, a few vectors at a time. */
#define BEST_RUN_HALF(name, T, LOAD, TO_FLOAT, BEST, BEATS)                      \
  static void name(const T *x, int64_t n, float *acc) {                          \
    float best = *acc;                                                           \
    if (n >= 4 * VW) {                                                           \
      vf s[4];                                                                   \
      vi nan = {0};                                                              \
      for (int k = 0; k < 4; k++) s[k] = vf_set(best);                           \
      for (; n >= 4 * VW; x += 4 * VW, n -= 4 * VW) {                            \
        v_ahead(x, 4 * VW * (int)sizeof(T));                                     \
        _Pragma("GCC unroll 4") for (int k = 0; k < 4; k++) {                    \
          vf v = LOAD(x + k * VW);                                               \
          s[k] = BEST(s[k], v);                                                  \
          nan |= v != v;                                                         \
        }                                                                        \
      }                                                                          \
      if (best != best || vi_any(nan)) {                                         \
        *acc = NAN;                                                              \
        return;                                                                  \
      }                                                                          \
      s[0] = BEST(BEST(s[0], s[1]), BEST(s[2], s[3]));                           \
      for (int k = 0; k < VW; k++) best = BEATS(s[0][k], best) ? s[0][k] : best; \
    }                                                                            \
    for (int64_t i = 0; i < n; i++) {                                            \
      float v = TO_FLOAT(x[i]);                                                  \
      best = BEATS(v, best) || v != v ? v : best;                                \
    }                                                                            \
    *acc = best;                                                                 \
  }
BEST_RUN_HALF(max_run_f16, mx_f16, vf_load_f16, mx_f16_to_f32, vf_at_least, GREATER)
BEST_RUN_HALF(min_run_f16, mx_f16, vf_load_f16, mx_f16_to_f32, vf_at_most, LESS)
BEST_RUN_HALF(max_run_bf16, mx_bf16, vf_load_bf16, mx_bf16_to_f32, vf_at_least, GREATER)
BEST_RUN_HALF(min_run_bf16, mx_bf16, vf_load_bf16, mx_bf16_to_f32, vf_at_most, LESS)

/* MLX orders complex numbers by real part, then imaginary part. */
static bool complex_greater(mx_complex64 a, mx_complex64 b) {
  return a.re > b.re || (a.re == b.re && a.im > b.im);
}
#define COMPLEX_GREATER(a, b) complex_greater(a, b)
#define COMPLEX_LESS(a, b) complex_greater(b, a)

/* A NaN's real part wins over all. OP: > or <. */
#define BEST_COMPLEX(kind, BEATS, OP)                                                          \
  static mx_complex64 kind##_step_c64(mx_complex64 a, mx_complex64 x) {                        \
    return BEATS(x, a) || x.re != x.re ? x : a;                                                \
  }                                                                                            \
  static void kind##_run_c64(const mx_complex64 *x, int64_t n, mx_complex64 *acc) {            \
    if (n >= 2 * VW) {                                                                         \
      vf re = vf_set(acc->re), im = vf_set(acc->im);                                           \
      for (; n >= VW; x += VW, n -= VW) {                                                      \
        v_ahead(x, VW * 8);                                                                    \
        vf low = vf_load(&x->re), high = vf_load(&x->re + VW);                                 \
        vf r = vf_even(low, high), i = vf_odd(low, high);                                      \
        vi wins = (r OP re) | ((r == re) & (i OP im)) | (r != r);                              \
        re = vf_select(wins, r, re);                                                           \
        im = vf_select(wins, i, im);                                                           \
      }                                                                                        \
      for (int k = 0; k < VW; k++) *acc = kind##_step_c64(*acc, (mx_complex64){re[k], im[k]}); \
    }                                                                                          \
    for (int64_t i = 0; i < n; i++) *acc = kind##_step_c64(*acc, x[i]);                        \
  }
BEST_COMPLEX(max, COMPLEX_GREATER, >)
BEST_COMPLEX(min, COMPLEX_LESS, <)

#define INT_RUN(name, T, A, STEP)                       \
  static void name(const T *x, int64_t n, A *acc) {     \
    enum { PART = 512 / sizeof(T) };                    \
    A a = *acc;                                         \
    for (; n >= PART; x += PART, n -= PART) {           \
      v_ahead(x, 512);                                  \
      for (int i = 0; i < PART; i++) a = STEP(a, x[i]); \
    }                                                   \
    for (int64_t i = 0; i < n; i++) a = STEP(a, x[i]);  \
    *acc = a;                                           \
  }

/* Blocks, so that a run ends soon after the element that decides. */
#define LOGIC_RUN(name, T, STEP, DECIDED)                   \
  static void name(const T *x, int64_t n, uint8_t *acc) {   \
    while (n > 0 && *acc != DECIDED) {                      \
      int64_t part = n < 4096 ? n : 4096;                   \
      uint8_t a = *acc;                                     \
      for (int64_t i = 0; i < part; i++) a = STEP(a, x[i]); \
      *acc = a;                                             \
      x += part, n -= part;                                 \
    }                                                       \
  }

/* ---- runs at any step: gathered block by block ---- */

#define RUNS(name, T, A, RUN)                                                          \
  static void name##_runs(const void *in, int64_t runs, int64_t run_stride, int64_t n, \
                          int64_t step, void *accs, int64_t acc_step) {                \
    for (int64_t r = 0; r < runs; r++) {                                               \
      const T *x = (const T *)in + r * run_stride;                                     \
      A *acc = (A *)accs + r * acc_step;                                               \
      if (step == 1) {                                                                 \
        RUN(x, n, acc);                                                                \
        continue;                                                                      \
      }                                                                                \
      T block[BLOCK];                                                                  \
      for (int64_t i = 0; i < n; i += BLOCK) {                                         \
        int64_t part = n - i < BLOCK ? n - i : BLOCK;                                  \
        for (int64_t k = 0; k < part; k++) block[k] = x[(i + k) * step];               \
        RUN(block, part, acc);                                                         \
      }                                                                                \
    }                                                                                  \
  }

/* ---- columns ---- */

/* Four rows a pass, to touch the accumulators less often. */
#define COLUMNS(name, T, A, STEP)                                                             \
  static void name##_columns(const void *in, int64_t rows, int64_t row_stride, int64_t width, \
                             void *accs) {                                                    \
    const T *x = in;                                                                          \
    A *restrict acc = accs;                                                                   \
    for (; rows >= 4; rows -= 4, x += 4 * row_stride) {                                       \
      const T *b = x + row_stride, *c = b + row_stride, *d = c + row_stride;                  \
      for (int64_t j = 0; j < width; j++)                                                     \
        acc[j] = STEP(STEP(STEP(STEP(acc[j], x[j]), b[j]), c[j]), d[j]);                      \
    }                                                                                         \
    for (; rows > 0; rows--, x += row_stride)                                                 \
      for (int64_t j = 0; j < width; j++) acc[j] = STEP(acc[j], x[j]);                        \
  }

#define HALF_COLUMNS(name, T, A, WIDEN, FLOAT_COLUMNS)                                        \
  static void name##_columns(const void *in, int64_t rows, int64_t row_stride, int64_t width, \
                             void *accs) {                                                    \
    enum { WIDTH = 256, ROWS = 8 };                                                           \
    float wide[ROWS * WIDTH];                                                                 \
    for (int64_t j = 0; j < width; j += WIDTH) {                                              \
      int64_t w = width - j < WIDTH ? width - j : WIDTH;                                      \
      for (int64_t i = 0; i < rows; i += ROWS) {                                              \
        int64_t h = rows - i < ROWS ? rows - i : ROWS;                                        \
        for (int64_t k = 0; k < h; k++)                                                       \
          WIDEN((const T *)in + (i + k) * row_stride + j, wide + k * WIDTH, w);               \
        FLOAT_COLUMNS(wide, h, WIDTH, w, (A *)accs + j);                                      \
      }                                                                                       \
    }                                                                                         \
  }

/* Eight rows add up as a tree in their own type before they reach the wider accumulator. */
#define TREE8(x, s, j)                                   \
  (((x[j] + x[j + s]) + (x[j + 2 * s] + x[j + 3 * s])) + \
   ((x[j + 4 * s] + x[j + 5 * s]) + (x[j + 6 * s] + x[j + 7 * s])))

static void sum_f32_columns(const void *in, int64_t rows, int64_t row_stride, int64_t width,
                            void *accs) {
  const float *x = in;
  double *restrict acc = accs;
  for (; rows >= 8; rows -= 8, x += 8 * row_stride)
    for (int64_t j = 0; j < width; j++) acc[j] += (double)TREE8(x, row_stride, j);
  for (; rows > 0; rows--, x += row_stride)
    for (int64_t j = 0; j < width; j++) acc[j] += (double)x[j];
}

/* The same for 16-bit floats, a line of each row at a time; rows lie pages apart, so that the next
 * eight are fetched meanwhile. */
#define HALF_SUM_COLUMNS(name, T, LOAD, TO_FLOAT)                                                  \
  static void sum_##name##_columns(const void *in, int64_t rows, int64_t row_stride,               \
                                   int64_t width, void *accs) {                                    \
    enum { HALVES = 32 };                                                                          \
    const T *x = in;                                                                               \
    double *restrict acc = accs;                                                                   \
    for (; rows >= 8; rows -= 8, x += 8 * row_stride) {                                            \
      int64_t j = 0;                                                                               \
      for (; j + HALVES <= width; j += HALVES) {                                                   \
        for (int k = 8; k < 16; k++) __builtin_prefetch(x + k * row_stride + j);                   \
        for (int64_t i = j; i < j + HALVES; i += VW) {                                             \
          vf v[8];                                                                                 \
          _Pragma("GCC unroll 8") for (int k = 0; k < 8; k++) v[k] = LOAD(x + k * row_stride + i); \
          vf s = ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));                \
          vd low, high;                                                                            \
          memcpy(&low, acc + i, sizeof low), memcpy(&high, acc + i + VW / 2, sizeof high);         \
          low += vd_low(s), high += vd_high(s);                                                    \
          memcpy(acc + i, &low, sizeof low), memcpy(acc + i + VW / 2, &high, sizeof high);         \
        }                                                                                          \
      }                                                                                            \
      for (; j < width; j++) {                                                                     \
        float v[8];                                                                                \
        for (int k = 0; k < 8; k++) v[k] = TO_FLOAT(x[k * row_stride + j]);                        \
        acc[j] += (double)(((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7])));     \
      }                                                                                            \
    }                                                                                              \
    for (; rows > 0; rows--, x += row_stride)                                                      \
      for (int64_t j = 0; j < width; j++) acc[j] += (double)TO_FLOAT(x[j]);                        \
  }
HALF_SUM_COLUMNS(f16, mx_f16, vf_load_f16, mx_f16_to_f32)
HALF_SUM_COLUMNS(bf16, mx_bf16, vf_load_bf16, mx_bf16_to_f32)

/* Lanes skip NaN, which compares with nothing; a column that has one becomes one. */
#define HALF_BEST_COLUMNS(name, T, LOAD, TO_FLOAT, BEST, STEP)                                \
  static void name##_columns(const void *in, int64_t rows, int64_t row_stride, int64_t width, \
                             void *accs) {                                                    \
    enum { HALVES = 32 };                                                                     \
    const T *x = in;                                                                          \
    float *restrict acc = accs;                                                               \
    for (; rows >= 8; rows -= 8, x += 8 * row_stride) {                                       \
      int64_t j = 0;                                                                          \
      for (; j + HALVES <= width; j += HALVES) {                                              \
        for (int k = 8; k < 16; k++) __builtin_prefetch(x + k * row_stride + j);              \
        for (int64_t i = j; i < j + HALVES; i += VW) {                                        \
          vf best = vf_load(acc + i);                                                         \
          vi nan = best != best;                                                              \
          _Pragma("GCC unroll 8") for (int k = 0; k < 8; k++) {                               \
            vf v = LOAD(x + k * row_stride + i);                                              \
            best = BEST(best, v);                                                             \
            nan |= v != v;                                                                    \
          }                                                                                   \
          vf_store(acc + i, vf_select(nan, vf_set(NAN), best));                               \
        }                                                                                     \
      }                                                                                       \
      for (; j < width; j++)                                                                  \
        for (int k = 0; k < 8; k++) {                                                         \
          const float v = TO_FLOAT(x[k * row_stride + j]);                                    \
          acc[j] = STEP(acc[j], v);                                                           \
        }                                                                                     \
    }                                                                                         \
    for (; rows > 0; rows--, x += row_stride)                                                 \
      for (int64_t j = 0; j < width; j++) {                                                   \
        const float v = TO_FLOAT(x[j]);                                                       \
        acc[j] = STEP(acc[j], v);                                                             \
      }                                                                                       \
  }

static void sum_c64_columns(const void *in, int64_t rows, int64_t row_stride, int64_t width,
                            void *accs) {
  sum_f32_columns(in, rows, 2 * row_stride, 2 * width, accs);
}

static void sum_f64_columns(const void *in, int64_t rows, int64_t row_stride, int64_t width,
                            void *accs) {
  const double *x = in;
  double_acc *acc = accs;
  for (; rows >= 8; rows -= 8, x += 8 * row_stride)
    for (int64_t j = 0; j < width; j++) two_sum(acc + j, TREE8(x, row_stride, j));
  for (; rows > 0; rows--, x += row_stride)
    for (int64_t j = 0; j < width; j++) two_sum(acc + j, x[j]);
}

/* ---- fill, combine, finish ---- */

#define ENDS(name, A, IDENTITY, COMBINE, U, RESULT)                                     \
  static void name##_fill(void *acc, int64_t n) {                                       \
    for (int64_t i = 0; i < n; i++) ((A *)acc)[i] = IDENTITY;                           \
  }                                                                                     \
  static void name##_combine(void *accs, const void *others, int64_t n) {               \
    A *acc = accs;                                                                      \
    const A *other = others;                                                            \
    for (int64_t i = 0; i < n; i++) acc[i] = COMBINE(acc[i], other[i]);                 \
  }                                                                                     \
  static void name##_finish(const void *acc, void *out, int64_t n, double by) {         \
    (void)by;                                                                           \
    for (int64_t i = 0; i < n; i++) ((U *)out)[i] = RESULT(((const A *)acc)[i]);        \
  }                                                                                     \
  static const mx_reduce_set name##_set = {sizeof(A),      name##_fill,    name##_runs, \
                                           name##_columns, name##_combine, name##_finish};

#define AS_IS(a) (a)
#define AS_FLOAT(a) ((float)(a))
#define AS_BF16(a) mx_f32_to_bf16((float)(a))
#define AS_F16(a) mx_f32_to_f16((float)(a))
#define AS_C64(a) ((mx_complex64){(float)(a).re, (float)(a).im})
/* float64 to a 16-bit float rounds twice; the first rounding is 2^13 times finer. */
#define ADD(a, x) ((a) + (x))
#define MUL(a, x) ((a) * (x))
#define MAX_INT(a, x) ((x) > (a) ? (x) : (a))
#define MIN_INT(a, x) ((x) < (a) ? (x) : (a))
/* Without a branch, so that it vectorises. */
#define MAX_FLOAT(a, x) ((((x) > (a)) | ((x) != (x))) ? (x) : (a))
#define MIN_FLOAT(a, x) ((((x) < (a)) | ((x) != (x))) ? (x) : (a))
#define AND(a, x) ((uint8_t)((a) & ((x) != 0)))
#define OR(a, x) ((uint8_t)((a) | ((x) != 0)))

static complex_acc add_complex(complex_acc a, complex_acc b) {
  return (complex_acc){a.re + b.re, a.im + b.im};
}
static complex_acc times_element(complex_acc a, mx_complex64 x) {
  return times(a, (complex_acc){x.re, x.im});
}
static double_acc add_double_acc(double_acc a, double_acc b) {
  two_sum(&a, b.sum);
  a.error += b.error;
  return a;
}
#define WHOLE(a) ((a).sum + (a).error)

/* Integers: sums and products wrap in 32 bits (64 for 64-bit elements), as unsigned, where wrapping
 * is defined. Signed elements sign-extend on the way. */
#define INT_SETS(name, T, A)               \
  INT_RUN(sum_run_##name, T, A, ADD)       \
  RUNS(sum_##name, T, A, sum_run_##name)   \
  COLUMNS(sum_##name, T, A, ADD)           \
  ENDS(sum_##name, A, 0, ADD, A, AS_IS)    \
  INT_RUN(prod_run_##name, T, A, MUL)      \
  RUNS(prod_##name, T, A, prod_run_##name) \
  COLUMNS(prod_##name, T, A, MUL)          \
  ENDS(prod_##name, A, 1, MUL, A, AS_IS)
INT_SETS(u8, uint8_t, uint32_t)
INT_SETS(u16, uint16_t, uint32_t)
INT_SETS(u32, uint32_t, uint32_t)
INT_SETS(u64, uint64_t, uint64_t)
INT_SETS(i8, int8_t, uint32_t)
INT_SETS(i16, int16_t, uint32_t)

#define INT_BEST(name, T, LOWEST, HIGHEST)       \
  INT_RUN(max_run_##name, T, T, MAX_INT)         \
  RUNS(max_##name, T, T, max_run_##name)         \
  COLUMNS(max_##name, T, T, MAX_INT)             \
  ENDS(max_##name, T, LOWEST, MAX_INT, T, AS_IS) \
  INT_RUN(min_run_##name, T, T, MIN_INT)         \
  RUNS(min_##name, T, T, min_run_##name)         \
  COLUMNS(min_##name, T, T, MIN_INT)             \
  ENDS(min_##name, T, HIGHEST, MIN_INT, T, AS_IS)
INT_BEST(bool, uint8_t, 0, 1)
INT_BEST(u8, uint8_t, 0, UINT8_MAX)
INT_BEST(u16, uint16_t, 0, UINT16_MAX)
INT_BEST(u32, uint32_t, 0, UINT32_MAX)
INT_BEST(u64, uint64_t, 0, UINT64_MAX)
INT_BEST(i8, int8_t, INT8_MIN, INT8_MAX)
INT_BEST(i16, int16_t, INT16_MIN, INT16_MAX)
INT_BEST(i32, int32_t, INT32_MIN, INT32_MAX)
INT_BEST(i64, int64_t, INT64_MIN, INT64_MAX)

#define LOGIC_SETS(size, T)                         \
  LOGIC_RUN(and_run_##size, T, AND, 0)              \
  RUNS(and_##size, T, uint8_t, and_run_##size)      \
  COLUMNS(and_##size, T, uint8_t, AND)              \
  ENDS(and_##size, uint8_t, 1, AND, uint8_t, AS_IS) \
  LOGIC_RUN(or_run_##size, T, OR, 1)                \
  RUNS(or_##size, T, uint8_t, or_run_##size)        \
  COLUMNS(or_##size, T, uint8_t, OR)                \
  ENDS(or_##size, uint8_t, 0, OR, uint8_t, AS_IS)
LOGIC_SETS(1, uint8_t)
LOGIC_SETS(2, uint16_t)
LOGIC_SETS(4, uint32_t)
LOGIC_SETS(8, uint64_t)

RUNS(sum_f32, float, double, sum_run_f32)
ENDS(sum_f32, double, 0, ADD, float, AS_FLOAT)
RUNS(sum_f64, double, double_acc, sum_run_f64)
ENDS(sum_f64, double_acc, ((double_acc){0, 0}), add_double_acc, double, WHOLE)
RUNS(sum_c64, mx_complex64, complex_acc, sum_run_c64)
ENDS(sum_c64, complex_acc, ((complex_acc){0, 0}), add_complex, mx_complex64, AS_C64)

RUNS(prod_f32, float, double, prod_run_f32)
COLUMNS(prod_f32, float, double, MUL)
ENDS(prod_f32, double, 1, MUL, float, AS_FLOAT)
RUNS(prod_f64, double, double, prod_run_f64)
COLUMNS(prod_f64, double, double, MUL)
ENDS(prod_f64, double, 1, MUL, double, AS_IS)
RUNS(prod_c64, mx_complex64, complex_acc, prod_run_c64)
COLUMNS(prod_c64, mx_complex64, complex_acc, times_element)
ENDS(prod_c64, complex_acc, ((complex_acc){1, 0}), times, mx_complex64, AS_C64)

#define FLOAT_BEST(name, T)                              \
  RUNS(max_##name, T, T, max_run_##name)                 \
  COLUMNS(max_##name, T, T, MAX_FLOAT)                   \
  ENDS(max_##name, T, (T)-INFINITY, MAX_FLOAT, T, AS_IS) \
  RUNS(min_##name, T, T, min_run_##name)                 \
  COLUMNS(min_##name, T, T, MIN_FLOAT)                   \
  ENDS(min_##name, T, (T)INFINITY, MIN_FLOAT, T, AS_IS)
FLOAT_BEST(f32, float)
FLOAT_BEST(f64, double)

RUNS(max_c64, mx_complex64, mx_complex64, max_run_c64)
COLUMNS(max_c64, mx_complex64, mx_complex64, max_step_c64)
ENDS(max_c64, mx_complex64, ((mx_complex64){-INFINITY, 0}), max_step_c64, mx_complex64, AS_IS)
RUNS(min_c64, mx_complex64, mx_complex64, min_run_c64)
COLUMNS(min_c64, mx_complex64, mx_complex64, min_step_c64)
ENDS(min_c64, mx_complex64, ((mx_complex64){INFINITY, 0}), min_step_c64, mx_complex64, AS_IS)

#define HALF_SETS(name, T, WIDEN, NARROW, LOAD, TO_FLOAT)                  \
  RUNS(sum_##name, T, double, sum_run_##name)                              \
  ENDS(sum_##name, double, 0, ADD, T, NARROW)                              \
  RUNS(prod_##name, T, double, prod_run_##name)                            \
  HALF_COLUMNS(prod_##name, T, double, WIDEN, prod_f32_columns)            \
  ENDS(prod_##name, double, 1, MUL, T, NARROW)                             \
  RUNS(max_##name, T, float, max_run_##name)                               \
  HALF_BEST_COLUMNS(max_##name, T, LOAD, TO_FLOAT, vf_at_least, MAX_FLOAT) \
  ENDS(max_##name, float, -INFINITY, MAX_FLOAT, T, NARROW)                 \
  RUNS(min_##name, T, float, min_run_##name)                               \
  HALF_BEST_COLUMNS(min_##name, T, LOAD, TO_FLOAT, vf_at_most, MIN_FLOAT)  \
  ENDS(min_##name, float, INFINITY, MIN_FLOAT, T, NARROW)
HALF_SETS(bf16, mx_bf16, mx_widen_bf16, AS_BF16, vf_load_bf16, mx_bf16_to_f32)
HALF_SETS(f16, mx_f16, mx_widen_f16, AS_F16, vf_load_f16, mx_f16_to_f32)

#define ARITHMETIC(kind)                                                                      \
  {                                                                                           \
    [MX_BOOL] = &kind##_u8_set, [MX_UINT8] = &kind##_u8_set, [MX_UINT16] = &kind##_u16_set,   \
    [MX_UINT32] = &kind##_u32_set, [MX_UINT64] = &kind##_u64_set, [MX_INT8] = &kind##_i8_set, \
    [MX_INT16] = &kind##_i16_set, [MX_INT32] = &kind##_u32_set, [MX_INT64] = &kind##_u64_set, \
    [MX_FLOAT16] = &kind##_f16_set, [MX_FLOAT32] = &kind##_f32_set,                           \
    [MX_FLOAT64] = &kind##_f64_set, [MX_BFLOAT16] = &kind##_bf16_set,                         \
    [MX_COMPLEX64] = &kind##_c64_set,                                                         \
  }
#define EXTREME(kind)                                                                         \
  {                                                                                           \
    [MX_BOOL] = &kind##_bool_set, [MX_UINT8] = &kind##_u8_set, [MX_UINT16] = &kind##_u16_set, \
    [MX_UINT32] = &kind##_u32_set, [MX_UINT64] = &kind##_u64_set, [MX_INT8] = &kind##_i8_set, \
    [MX_INT16] = &kind##_i16_set, [MX_INT32] = &kind##_i32_set, [MX_INT64] = &kind##_i64_set, \
    [MX_FLOAT16] = &kind##_f16_set, [MX_FLOAT32] = &kind##_f32_set,                           \
    [MX_FLOAT64] = &kind##_f64_set, [MX_BFLOAT16] = &kind##_bf16_set,                         \
    [MX_COMPLEX64] = &kind##_c64_set,                                                         \
  }
#define LOGIC(kind)                                                                           \
  {                                                                                           \
    [MX_BOOL] = &kind##_1_set, [MX_UINT8] = &kind##_1_set, [MX_UINT16] = &kind##_2_set,       \
    [MX_UINT32] = &kind##_4_set, [MX_UINT64] = &kind##_8_set, [MX_INT8] = &kind##_1_set,      \
    [MX_INT16] = &kind##_2_set, [MX_INT32] = &kind##_4_set, [MX_INT64] = &kind##_8_set,       \
    [MX_FLOAT16] = &kind##_2_set, [MX_FLOAT32] = &kind##_4_set, [MX_FLOAT64] = &kind##_8_set, \
    [MX_BFLOAT16] = &kind##_2_set, [MX_COMPLEX64] = &kind##_8_set,                            \
  }

const mx_reduce_set *MX_KERNEL(reduce_set)(mx_reduce_kind kind, mx_dtype dtype) {
  static const mx_reduce_set *const sets[MX_REDUCE_KINDS][MX_DTYPE_COUNT] = {
      [MX_REDUCE_AND] = LOGIC(and),      [MX_REDUCE_OR] = LOGIC(or),
      [MX_REDUCE_SUM] = ARITHMETIC(sum), [MX_REDUCE_PROD] = ARITHMETIC(prod),
      [MX_REDUCE_MIN] = EXTREME(min),    [MX_REDUCE_MAX] = EXTREME(max),
  };
  return sets[kind][dtype];
}
