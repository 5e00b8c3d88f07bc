/* The position of the largest or smallest element of a run, or of each column. */
#include "kernels/reduce.h"
#include "kernels/bulk.h"
#include "kernels/widen.h"

#define BLOCK 1024        /* elements gathered at a time */
#define SEARCH_BYTES 8192 /* searched at a time */
#define GREATER(a, b) ((a) > (b))
#define LESS(a, b) ((a) < (b))

/* The best element that beats *best among n contiguous ones: its index, *best updated; -1 if none.
 * Finds the value of a block first, which vectorises, and looks for it only if it is news. */
#define FIND(name, T, BEATS)                                                          \
  static int64_t find_##name(const T *x, int64_t n, T *best) {                        \
    enum { LANES = 256 / sizeof(T), SEARCH = SEARCH_BYTES / sizeof(T) };              \
    int64_t found = -1;                                                               \
    T top = *best;                                                                    \
    if (top != top) return -1;                                                        \
    for (int64_t i = 0; i < n; i += SEARCH) {                                         \
      int64_t part = n - i < SEARCH ? n - i : SEARCH, k = 0;                          \
      T lanes[LANES], news = top;                                                     \
      if (part >= 2 * LANES) {                                                        \
        for (int l = 0; l < LANES; l++) lanes[l] = top;                               \
        for (; k + LANES <= part; k += LANES) {                                       \
          v_ahead(x + i + k, 256);                                                    \
          for (int l = 0; l < LANES; l++)                                             \
            lanes[l] = BEATS(x[i + k + l], lanes[l]) ? x[i + k + l] : lanes[l];       \
        }                                                                             \
        for (int half = LANES / 2; half; half /= 2)                                   \
          for (int l = 0; l < half; l++)                                              \
            lanes[l] = BEATS(lanes[l + half], lanes[l]) ? lanes[l + half] : lanes[l]; \
        news = lanes[0];                                                              \
      }                                                                               \
      for (; k < part; k++) news = BEATS(x[i + k], news) ? x[i + k] : news;           \
      if (!BEATS(news, top)) continue;                                                \
      for (k = 0; k + LANES <= part; k += LANES) {                                    \
        int hits = 0;                                                                 \
        for (int l = 0; l < LANES; l++) hits |= x[i + k + l] == news;                 \
        if (hits) break;                                                              \
      }                                                                               \
      while (x[i + k] != news) k++;                                                   \
      top = news, found = i + k;                                                      \
    }                                                                                 \
    *best = top;                                                                      \
    return found;                                                                     \
  }

/* Positions are kept beside the elements in integers of the same width, I, which count the rows of
 * a panel; what beat the panels before goes to out. Rows may lie pages apart: the fourth next is
 * fetched meanwhile. ROW: elements of a row as F, itself or in `wide`. */
#define PANEL 252 /* fours, and a byte counts them */
#define ARG_COLUMNS(name, T, F, I, ROW, BEATS)                                                \
  static void columns_##name(const void *in, int64_t rows, int64_t row_stride, int64_t width, \
                             uint32_t *restrict out) {                                        \
    for (int64_t j = 0; j < width; j += BLOCK) {                                              \
      int64_t part = width - j < BLOCK ? width - j : BLOCK;                                   \
      F best[BLOCK], wide[4][BLOCK];                                                          \
      I at[BLOCK];                                                                            \
      const T *x = (const T *)in + j;                                                         \
      memset(out + j, 0, (size_t)part * sizeof *out);                                         \
      memcpy(best, ROW(x, wide[0], part), (size_t)part * sizeof(F));                          \
      for (int64_t i = 1; i < rows; i += PANEL) {                                             \
        int64_t panel = rows - i < PANEL ? rows - i : PANEL;                                  \
        memset(at, 0, sizeof at);                                                             \
        for (int64_t r = 1; r <= panel; r += 4) {                                             \
          const F *v[4];                                                                      \
          for (int64_t q = 0; q < 4; q++) { /* the last row again is none's better */         \
            if (r + q <= panel) x += row_stride;                                              \
            for (int64_t k = 0; k < part; k += 64 / (int)sizeof(T))                           \
              __builtin_prefetch(x + 4 * row_stride + k);                                     \
            v[q] = ROW(x, wide[q], part);                                                     \
          }                                                                                   \
          for (int64_t k = 0; k < part; k++) {                                                \
            F b = best[k];                                                                    \
            I a = at[k];                                                                      \
            for (int q = 0; q < 4; q++) {                                                     \
              a = BEATS(v[q][k], b) ? (I)(r + q) : a;                                         \
              b = BEATS(v[q][k], b) ? v[q][k] : b;                                            \
            }                                                                                 \
            best[k] = b, at[k] = a;                                                           \
          }                                                                                   \
        }                                                                                     \
        for (int64_t k = 0; k < part; k++)                                                    \
          out[j + k] = at[k] ? (uint32_t)(i - 1 + (int64_t)at[k]) : out[j + k];               \
      }                                                                                       \
    }                                                                                         \
  }
#define ROW_PLAIN(x, wide, n) ((void)(wide), (x))
#define ROW_bf16(x, wide, n) (mx_widen_bf16(x, wide, n), (wide))
#define ROW_f16(x, wide, n) (mx_widen_f16(x, wide, n), (wide))

#define ARG_RUN(name, T, F, LOAD, FIND_NAME)                                              \
  static int64_t run_##name(const void *in, int64_t n, int64_t step, const void *start) { \
    const T *x = in;                                                                      \
    F best = LOAD(*(const T *)start), block[BLOCK];                                       \
    int64_t found = -1;                                                                   \
    for (int64_t i = 0; i < n; i += BLOCK) {                                              \
      int64_t part = n - i < BLOCK ? n - i : BLOCK;                                       \
      for (int64_t k = 0; k < part; k++) block[k] = LOAD(x[(i + k) * step]);              \
      int64_t at = find_##FIND_NAME(block, part, &best);                                  \
      if (at >= 0) found = i + at;                                                        \
    }                                                                                     \
    return found;                                                                         \
  }

#define SAME(x) (x)
/* Contiguous runs of these need no block. */
#define PLAIN(name, T, I, BEATS)                                                          \
  FIND(name, T, BEATS)                                                                    \
  ARG_RUN(any_##name, T, T, SAME, name)                                                   \
  static int64_t run_##name(const void *in, int64_t n, int64_t step, const void *start) { \
    T best = *(const T *)start;                                                           \
    return step == 1 ? find_##name(in, n, &best) : run_any_##name(in, n, step, start);    \
  }                                                                                       \
  ARG_COLUMNS(name, T, T, I, ROW_PLAIN, BEATS)

/* 16-bit floats as FIND does it, widened on the way. */
#define FIND_HALF(name, T, LOAD, TO_FLOAT, BEATS)                                        \
  static int64_t find_##name(const T *x, int64_t n, float *best) {                       \
    enum { SEARCH = SEARCH_BYTES / sizeof(T) };                                          \
    int64_t found = -1;                                                                  \
    float top = *best;                                                                   \
    if (top != top) return -1;                                                           \
    for (int64_t i = 0; i < n; i += SEARCH) {                                            \
      int64_t part = n - i < SEARCH ? n - i : SEARCH, k = 0;                             \
      float news = top;                                                                  \
      vf s[4];                                                                           \
      for (int l = 0; l < 4; l++) s[l] = vf_set(top);                                    \
      for (; k + 4 * VW <= part; k += 4 * VW) {                                          \
        v_ahead(x + i + k, 8 * VW);                                                      \
        _Pragma("GCC unroll 4") for (int l = 0; l < 4; l++) {                            \
          vf v = LOAD(x + i + k + l * VW);                                               \
          s[l] = vf_select(BEATS(v, s[l]), v, s[l]);                                     \
        }                                                                                \
      }                                                                                  \
      for (int l = 1; l < 4; l++) s[0] = vf_select(BEATS(s[l], s[0]), s[l], s[0]);       \
      for (int l = 0; l < VW; l++) news = BEATS(s[0][l], news) ? s[0][l] : news;         \
      for (; k < part; k++) {                                                            \
        float v = TO_FLOAT(x[i + k]);                                                    \
        news = BEATS(v, news) ? v : news;                                                \
      }                                                                                  \
      if (!BEATS(news, top)) continue;                                                   \
      for (k = 0; k + VW <= part && !vi_any(LOAD(x + i + k) == news); k += VW) continue; \
      while (TO_FLOAT(x[i + k]) != news) k++;                                            \
      top = news, found = i + k;                                                         \
    }                                                                                    \
    *best = top;                                                                         \
    return found;                                                                        \
  }

#define HALF(kind, name, T, BEATS)                                                                 \
  FIND_HALF(kind##_##name, T, vf_load_##name, mx_##name##_to_f32, BEATS)                           \
  ARG_RUN(any_##kind##_##name, T, float, mx_##name##_to_f32, kind##_f32)                           \
  static int64_t run_##kind##_##name(const void *in, int64_t n, int64_t step, const void *start) { \
    float best = mx_##name##_to_f32(*(const T *)start);                                            \
    if (step != 1) return run_any_##kind##_##name(in, n, step, start);                             \
    return find_##kind##_##name(in, n, &best);                                                     \
  }                                                                                                \
  ARG_COLUMNS(kind##_##name, T, float, uint32_t, ROW_##name, BEATS)

static bool complex_greater(mx_complex64 a, mx_complex64 b) {
  return a.re > b.re || (a.re == b.re && a.im > b.im);
}
#define COMPLEX_GREATER(a, b) complex_greater(a, b)
#define COMPLEX_LESS(a, b) complex_greater(b, a)

#define COMPLEX(kind, BEATS)                                                                    \
  static int64_t run_##kind##_c64(const void *in, int64_t n, int64_t step, const void *start) { \
    const mx_complex64 *x = in;                                                                 \
    mx_complex64 best = *(const mx_complex64 *)start;                                           \
    int64_t found = -1;                                                                         \
    for (int64_t i = 0; i < n; i++)                                                             \
      if (BEATS(x[i * step], best)) best = x[i * step], found = i;                              \
    return found;                                                                               \
  }                                                                                             \
  ARG_COLUMNS(kind##_c64, mx_complex64, mx_complex64, uint32_t, ROW_PLAIN, BEATS)

#define KIND(kind, BEATS, COMPLEX_BEATS)       \
  PLAIN(kind##_u8, uint8_t, uint8_t, BEATS)    \
  PLAIN(kind##_u16, uint16_t, uint16_t, BEATS) \
  PLAIN(kind##_u32, uint32_t, uint32_t, BEATS) \
  PLAIN(kind##_u64, uint64_t, uint64_t, BEATS) \
  PLAIN(kind##_i8, int8_t, uint8_t, BEATS)     \
  PLAIN(kind##_i16, int16_t, uint16_t, BEATS)  \
  PLAIN(kind##_i32, int32_t, uint32_t, BEATS)  \
  PLAIN(kind##_i64, int64_t, uint64_t, BEATS)  \
  PLAIN(kind##_f32, float, uint32_t, BEATS)    \
  PLAIN(kind##_f64, double, uint64_t, BEATS)   \
  HALF(kind, bf16, mx_bf16, BEATS)             \
  HALF(kind, f16, mx_f16, BEATS)               \
  COMPLEX(kind, COMPLEX_BEATS)
KIND(max, GREATER, COMPLEX_GREATER)
KIND(min, LESS, COMPLEX_LESS)

#define BY_DTYPE(what, kind)                                                    \
  {                                                                             \
    [MX_BOOL] = what##_##kind##_u8, [MX_UINT8] = what##_##kind##_u8,            \
    [MX_UINT16] = what##_##kind##_u16, [MX_UINT32] = what##_##kind##_u32,       \
    [MX_UINT64] = what##_##kind##_u64, [MX_INT8] = what##_##kind##_i8,          \
    [MX_INT16] = what##_##kind##_i16, [MX_INT32] = what##_##kind##_i32,         \
    [MX_INT64] = what##_##kind##_i64, [MX_FLOAT16] = what##_##kind##_f16,       \
    [MX_FLOAT32] = what##_##kind##_f32, [MX_FLOAT64] = what##_##kind##_f64,     \
    [MX_BFLOAT16] = what##_##kind##_bf16, [MX_COMPLEX64] = what##_##kind##_c64, \
  }

int64_t MX_KERNEL(arg_run)(mx_reduce_kind kind, mx_dtype dtype, const void *in, int64_t n,
                           int64_t step, const void *start) {
  static int64_t (*const run[2][MX_DTYPE_COUNT])(const void *, int64_t, int64_t, const void *) = {
      BY_DTYPE(run, min), BY_DTYPE(run, max)};
  return run[kind == MX_REDUCE_MAX][dtype](in, n, step, start);
}

void MX_KERNEL(arg_columns)(mx_reduce_kind kind, mx_dtype dtype, const void *in, int64_t rows,
                            int64_t row_stride, int64_t width, uint32_t *out) {
  static void (*const columns[2][MX_DTYPE_COUNT])(const void *, int64_t, int64_t, int64_t,
                                                  uint32_t *) = {BY_DTYPE(columns, min),
                                                                 BY_DTYPE(columns, max)};
  columns[kind == MX_REDUCE_MAX][dtype](in, rows, row_stride, width, out);
}
