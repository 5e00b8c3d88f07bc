/* The position of the largest or smallest element of a run, or of each column. */
#include "kernels/reduce.h"
#include "kernels/widen.h"

#define BLOCK 512  /* elements gathered at a time */
#define SEARCH 512 /* elements searched at a time */
#define GREATER(a, b) ((a) > (b))
#define LESS(a, b) ((a) < (b))

/* The best element that beats *best among n contiguous ones: its index, *best updated; -1 if none.
 * Finds the value of a block first, which vectorises, and looks for it only if it is news. */
#define FIND(name, T, BEATS)                                                          \
  static int64_t find_##name(const T *x, int64_t n, T *best) {                        \
    enum { LANES = 256 / sizeof(T) };                                                 \
    int64_t found = -1;                                                               \
    T top = *best;                                                                    \
    if (top != top) return -1;                                                        \
    for (int64_t i = 0; i < n; i += SEARCH) {                                         \
      int64_t part = n - i < SEARCH ? n - i : SEARCH, k = 0;                          \
      T lanes[LANES], news = top;                                                     \
      if (part >= 2 * LANES) {                                                        \
        for (int l = 0; l < LANES; l++) lanes[l] = top;                               \
        for (; k + LANES <= part; k += LANES) {                                       \
          __builtin_prefetch((const char *)(x + i + k) + 4096);                       \
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

#define ARG_COLUMNS(name, T, F, LOAD, BEATS)                                                  \
  static void columns_##name(const void *in, int64_t rows, int64_t row_stride, int64_t width, \
                             uint32_t *restrict out) {                                        \
    F best[BLOCK];                                                                            \
    for (int64_t j = 0; j < width; j += BLOCK) {                                              \
      int64_t part = width - j < BLOCK ? width - j : BLOCK;                                   \
      const T *x = (const T *)in + j;                                                         \
      for (int64_t k = 0; k < part; k++) best[k] = LOAD(x[k]), out[j + k] = 0;                \
      for (int64_t i = 1; i < rows; i++) {                                                    \
        x += row_stride;                                                                      \
        for (int64_t k = 0; k < part; k++) {                                                  \
          F v = LOAD(x[k]);                                                                   \
          uint32_t was = out[j + k];                                                          \
          out[j + k] = BEATS(v, best[k]) ? (uint32_t)i : was;                                 \
          best[k] = BEATS(v, best[k]) ? v : best[k];                                          \
        }                                                                                     \
      }                                                                                       \
    }                                                                                         \
  }

#define ARG_RUN(name, T, F, LOAD, FIND_NAME, COPY)                                        \
  static int64_t run_##name(const void *in, int64_t n, int64_t step, const void *start) { \
    const T *x = in;                                                                      \
    F best = LOAD(*(const T *)start), block[BLOCK];                                       \
    int64_t found = -1;                                                                   \
    for (int64_t i = 0; i < n; i += BLOCK) {                                              \
      int64_t part = n - i < BLOCK ? n - i : BLOCK;                                       \
      COPY(x + i * step, part, step, block, T, LOAD)                                      \
      int64_t at = find_##FIND_NAME(block, part, &best);                                  \
      if (at >= 0) found = i + at;                                                        \
    }                                                                                     \
    return found;                                                                         \
  }

#define SAME(x) (x)
#define GATHER(x, n, step, block, T, LOAD) \
  for (int64_t k = 0; k < n; k++) block[k] = LOAD((x)[k * step]);
#define GATHER_WIDE_bf16(x, n, step, block, T, LOAD) \
  if (step == 1)                                     \
    mx_widen_bf16(x, block, n);                      \
  else                                               \
    GATHER(x, n, step, block, T, LOAD)
#define GATHER_WIDE_f16(x, n, step, block, T, LOAD) \
  if (step == 1)                                    \
    mx_widen_f16(x, block, n);                      \
  else                                              \
    GATHER(x, n, step, block, T, LOAD)

/* Contiguous runs of these need no block. */
#define PLAIN(name, T, BEATS)                                                             \
  FIND(name, T, BEATS)                                                                    \
  ARG_RUN(any_##name, T, T, SAME, name, GATHER)                                           \
  static int64_t run_##name(const void *in, int64_t n, int64_t step, const void *start) { \
    T best = *(const T *)start;                                                           \
    return step == 1 ? find_##name(in, n, &best) : run_any_##name(in, n, step, start);    \
  }                                                                                       \
  ARG_COLUMNS(name, T, T, SAME, BEATS)

#define HALF(kind, name, T, LOAD, BEATS)                                 \
  ARG_RUN(kind##_##name, T, float, LOAD, kind##_f32, GATHER_WIDE_##name) \
  ARG_COLUMNS(kind##_##name, T, float, LOAD, BEATS)

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
  ARG_COLUMNS(kind##_c64, mx_complex64, mx_complex64, SAME, BEATS)

#define KIND(kind, BEATS, COMPLEX_BEATS)           \
  PLAIN(kind##_u8, uint8_t, BEATS)                 \
  PLAIN(kind##_u16, uint16_t, BEATS)               \
  PLAIN(kind##_u32, uint32_t, BEATS)               \
  PLAIN(kind##_u64, uint64_t, BEATS)               \
  PLAIN(kind##_i8, int8_t, BEATS)                  \
  PLAIN(kind##_i16, int16_t, BEATS)                \
  PLAIN(kind##_i32, int32_t, BEATS)                \
  PLAIN(kind##_i64, int64_t, BEATS)                \
  PLAIN(kind##_f32, float, BEATS)                  \
  PLAIN(kind##_f64, double, BEATS)                 \
  HALF(kind, bf16, mx_bf16, mx_bf16_to_f32, BEATS) \
  HALF(kind, f16, mx_f16, mx_f16_to_f32, BEATS)    \
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
