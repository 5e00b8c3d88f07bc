/* Scans, one accumulator a run or a column. */
#include "kernels/scan.h"
#include "kernels/loop.h"

#include <complex.h>
#include <math.h>
#include <string.h>

#undef I /* complex.h */

#define BLOCK 256 /* columns that advance together */

typedef struct {
  double re, im;
} wide;

#define RUN(name, T, A, U, LOAD, STORE, STEP, IDENTITY)                                           \
  static void run_##name(const void *in, int64_t in_step, void *out, int64_t out_step, int64_t n, \
                         bool inclusive) {                                                        \
    const T *x = in;                                                                              \
    U *y = out;                                                                                   \
    A acc = inclusive ? LOAD(*x) : IDENTITY;                                                      \
    *y = STORE(acc);                                                                              \
    if (inclusive) x += in_step;                                                                  \
    for (int64_t i = 1; i < n; i++, x += in_step) {                                               \
      acc = STEP(acc, LOAD(*x));                                                                  \
      y += out_step;                                                                              \
      *y = STORE(acc);                                                                            \
    }                                                                                             \
  }

#define COLUMNS(name, T, A, U, LOAD, STORE, STEP, IDENTITY)                                    \
  static void columns_##name(const void *in, int64_t in_stride, void *out, int64_t out_stride, \
                             int64_t rows, int64_t width, bool inclusive) {                    \
    for (int64_t first = 0; first < width; first += BLOCK) {                                   \
      int64_t w = width - first < BLOCK ? width - first : BLOCK;                               \
      const T *restrict x = (const T *)in + first;                                             \
      U *restrict y = (U *)out + first;                                                        \
      A acc[BLOCK];                                                                            \
      for (int64_t j = 0; j < w; j++) acc[j] = inclusive ? LOAD(x[j]) : IDENTITY;              \
      for (int64_t j = 0; j < w; j++) y[j] = STORE(acc[j]);                                    \
      if (inclusive) x += in_stride;                                                           \
      for (int64_t i = 1; i < rows; i++, x += in_stride) {                                     \
        y += out_stride;                                                                       \
        for (int64_t j = 0; j < w; j++) acc[j] = STEP(acc[j], LOAD(x[j]));                     \
        for (int64_t j = 0; j < w; j++) y[j] = STORE(acc[j]);                                  \
      }                                                                                        \
    }                                                                                          \
  }

#define SCAN(name, T, A, U, LOAD, STORE, STEP, IDENTITY) \
  RUN(name, T, A, U, LOAD, STORE, STEP, IDENTITY)        \
  COLUMNS(name, T, A, U, LOAD, STORE, STEP, IDENTITY)

#define SAME(x) (x)
#define ADD(a, x) ((a) + (x))
#define MUL(a, x) ((a) * (x))
#define AND(a, x) ((a) & (x))
#define MAX(a, x) ((x) < (a) ? (a) : (x))
#define MIN(a, x) ((x) < (a) ? (x) : (a))

static inline double log_add_exp(double a, double x) {
  double high = a > x || a != a ? a : x, low = a < x || a != a ? a : x;
  return low == -INFINITY || high == INFINITY ? high : high + log1p(exp(low - high));
}

/* ---- integers: what one of them cannot hold wraps; sums and products work on unsigned ones ----
 */

#define UNSIGNED_MATH(name, T, W)              \
  SCAN(sum_##name, T, W, T, SAME, (T), ADD, 0) \
  SCAN(prod_##name, T, W, T, SAME, (T), MUL, 1)
UNSIGNED_MATH(u8, uint8_t, uint32_t)
UNSIGNED_MATH(u16, uint16_t, uint32_t)
UNSIGNED_MATH(u32, uint32_t, uint32_t)
UNSIGNED_MATH(u64, uint64_t, uint64_t)

#define EXTREMES(name, T, LOWEST, HIGHEST)           \
  SCAN(max_##name, T, T, T, SAME, SAME, MAX, LOWEST) \
  SCAN(min_##name, T, T, T, SAME, SAME, MIN, HIGHEST)
EXTREMES(bool, uint8_t, 0, 1)
EXTREMES(u8, uint8_t, 0, UINT8_MAX)
EXTREMES(u16, uint16_t, 0, UINT16_MAX)
EXTREMES(u32, uint32_t, 0, UINT32_MAX)
EXTREMES(u64, uint64_t, 0, UINT64_MAX)
EXTREMES(i8, int8_t, INT8_MIN, INT8_MAX)
EXTREMES(i16, int16_t, INT16_MIN, INT16_MAX)
EXTREMES(i32, int32_t, INT32_MIN, INT32_MAX)
EXTREMES(i64, int64_t, INT64_MIN, INT64_MAX)

SCAN(sum_bool, uint8_t, int32_t, int32_t, SAME, SAME, ADD, 0)
SCAN(prod_bool, uint8_t, uint8_t, uint8_t, SAME, SAME, AND, 1)

/* ---- floats ---- */

#define NARROW_BF16(x) mx_f32_to_bf16((float)(x))
#define NARROW_F16(x) mx_f32_to_f16((float)(x))

/* As many of n contiguous elements as come in whole vectors; adds them to *before. */
static int64_t vector_sum_f32(const float *x, float *y, int64_t n, bool inclusive, double *before) {
  int64_t i = 0;
#ifdef __AVX512F__
  const __m512i by_one = _mm512_set_epi64(6, 5, 4, 3, 2, 1, 0, 0);
  const __m512i by_two = _mm512_set_epi64(5, 4, 3, 2, 1, 0, 0, 0);
  const __m512i by_four = _mm512_set_epi64(3, 2, 1, 0, 0, 0, 0, 0);
  const __m512i last = _mm512_set1_epi64(7);
  __m512d sum = _mm512_set1_pd(*before);
  for (; i + 8 <= n; i += 8) {
    __m512d p = _mm512_cvtps_pd(_mm256_loadu_ps(x + i));
    p = _mm512_add_pd(p, _mm512_maskz_permutexvar_pd(0xfe, by_one, p));
    p = _mm512_add_pd(p, _mm512_maskz_permutexvar_pd(0xfc, by_two, p));
    p = _mm512_add_pd(p, _mm512_maskz_permutexvar_pd(0xf0, by_four, p));
    __m512d q = inclusive ? p : _mm512_maskz_permutexvar_pd(0xfe, by_one, p);
    _mm256_storeu_ps(y + i, _mm512_cvtpd_ps(_mm512_add_pd(sum, q)));
    sum = _mm512_add_pd(sum, _mm512_permutexvar_pd(last, p));
  }
  *before = _mm512_cvtsd_f64(sum);
#else
  (void)x, (void)y, (void)n, (void)inclusive, (void)before;
#endif
  return i;
}
/* One after the other; eight elements wait for the sum before them only once. */
#define SUM_RUN(name, T, LOAD, STORE, VECTOR_SUM)                                             \
  static void sum_part_##name(const T *x, int64_t in_step, T *y, int64_t out_step, int64_t n, \
                              bool inclusive, double *sum) {                                  \
    double before = *sum;                                                                     \
    int64_t i = in_step == 1 && out_step == 1 ? VECTOR_SUM(x, y, n, inclusive, &before) : 0;  \
    x += i, y += i;                                                                           \
    for (; i + 8 <= n; i += 8, x += 8 * in_step, y += 8 * out_step) {                         \
      double p[9] = {0};                                                                      \
      for (int k = 0; k < 8; k++) p[k + 1] = (double)LOAD(x[k * in_step]);                    \
      for (int k = 8; k > 1; k--) p[k] += p[k - 1];                                           \
      for (int k = 8; k > 2; k--) p[k] += p[k - 2];                                           \
      for (int k = 8; k > 4; k--) p[k] += p[k - 4];                                           \
      for (int k = 0; k < 8; k++) y[k * out_step] = STORE(before + p[k + inclusive]);         \
      before += p[8];                                                                         \
    }                                                                                         \
    for (; i < n; i++, x += in_step, y += out_step) {                                         \
      double after = before + (double)LOAD(*x);                                               \
      *y = STORE(inclusive ? after : before);                                                 \
      before = after;                                                                         \
    }                                                                                         \
    *sum = before;                                                                            \
  }                                                                                           \
  static void run_sum_##name(const void *in, int64_t in_step, void *out, int64_t out_step,    \
                             int64_t n, bool inclusive) {                                     \
    double sum = 0;                                                                           \
    sum_part_##name(in, in_step, out, out_step, n, inclusive, &sum);                          \
  }
/* None: float64 is added up by eights alone. */
static int64_t vector_sum_f64(const double *x, double *y, int64_t n, bool inclusive,
                              double *before) {
  (void)x, (void)y, (void)n, (void)inclusive, (void)before;
  return 0;
}
SUM_RUN(f32, float, SAME, (float), vector_sum_f32)
SUM_RUN(f64, double, SAME, SAME, vector_sum_f64)

/* 16-bit floats as float32, part by part. */
#define SUM_RUN_HALF(name, T)                                                              \
  static void run_sum_##name(const void *in, int64_t in_step, void *out, int64_t out_step, \
                             int64_t n, bool inclusive) {                                  \
    double sum = 0;                                                                        \
    for (int64_t i = 0; i < n; i += HALF_BLOCK) {                                          \
      int64_t m = n - i < HALF_BLOCK ? n - i : HALF_BLOCK;                                 \
      const T *x = (const T *)in + i * in_step;                                            \
      T *y = (T *)out + i * out_step, part[HALF_BLOCK];                                    \
      float wide[HALF_BLOCK];                                                              \
      if (in_step != 1)                                                                    \
        for (int64_t k = 0; k < m; k++) part[k] = x[k * in_step];                          \
      name##_widen(wide, in_step == 1 ? x : part, m);                                      \
      sum_part_f32(wide, 1, wide, 1, m, inclusive, &sum);                                  \
      name##_narrow(out_step == 1 ? y : part, wide, m);                                    \
      if (out_step != 1)                                                                   \
        for (int64_t k = 0; k < m; k++) y[k * out_step] = part[k];                         \
    }                                                                                      \
  }
SUM_RUN_HALF(f16, mx_f16)
SUM_RUN_HALF(bf16, mx_bf16)

#define FLOATS(name, T, F, LOAD, STORE)                     \
  COLUMNS(sum_##name, T, double, T, LOAD, STORE, ADD, 0)    \
  SCAN(prod_##name, T, double, T, LOAD, STORE, MUL, 1)      \
  SCAN(max_##name, T, F, T, LOAD, STORE, MAX, (F)-INFINITY) \
  SCAN(min_##name, T, F, T, LOAD, STORE, MIN, (F)INFINITY)  \
  SCAN(log_##name, T, double, T, LOAD, STORE, log_add_exp, -INFINITY)
FLOATS(f32, float, float, SAME, (float))
FLOATS(f64, double, double, SAME, SAME)
FLOATS(bf16, mx_bf16, float, mx_bf16_to_f32, NARROW_BF16)
FLOATS(f16, mx_f16, float, mx_f16_to_f32, NARROW_F16)

/* ---- complex ---- */

static inline wide wide_of(mx_complex64 x) { return (wide){x.re, x.im}; }
static inline mx_complex64 narrow(wide x) { return (mx_complex64){(float)x.re, (float)x.im}; }
static inline wide add_wide(wide a, wide x) { return (wide){a.re + x.re, a.im + x.im}; }
static inline wide mul_wide(wide a, wide x) {
  return (wide){a.re * x.re - a.im * x.im, a.re * x.im + a.im * x.re};
}
static inline bool below(wide a, wide b) { return a.re < b.re || (a.re == b.re && a.im < b.im); }
static inline wide max_wide(wide a, wide x) { return below(x, a) ? a : x; }
static inline wide min_wide(wide a, wide x) { return below(x, a) ? x : a; }
static wide log_wide(wide a, wide x) {
  wide high = below(x, a) ? a : x, low = below(x, a) ? x : a;
  if ((low.re == -INFINITY && !low.im) || (high.re == INFINITY && !high.im)) return high;
  union {
    double parts[2];
    double _Complex whole;
  } power = {{low.re - high.re, low.im - high.im}}; /* an infinity would not survive a + b * i */
  double _Complex more = clog(1 + cexp(power.whole));
  return (wide){high.re + creal(more), high.im + cimag(more)};
}
#define NOTHING ((wide){0, 0})
SCAN(sum_c64, mx_complex64, wide, mx_complex64, wide_of, narrow, add_wide, NOTHING)
SCAN(prod_c64, mx_complex64, wide, mx_complex64, wide_of, narrow, mul_wide, ((wide){1, 0}))
SCAN(max_c64, mx_complex64, wide, mx_complex64, wide_of, narrow, max_wide, NOTHING)
SCAN(min_c64, mx_complex64, wide, mx_complex64, wide_of, narrow, min_wide, NOTHING)
SCAN(log_c64, mx_complex64, wide, mx_complex64, wide_of, narrow, log_wide, NOTHING)

/* ---- tables ---- */

#define ARITHMETIC(what, kind)                                                  \
  {                                                                             \
    [MX_BOOL] = what##_##kind##_bool, [MX_UINT8] = what##_##kind##_u8,          \
    [MX_UINT16] = what##_##kind##_u16, [MX_UINT32] = what##_##kind##_u32,       \
    [MX_UINT64] = what##_##kind##_u64, [MX_INT8] = what##_##kind##_u8,          \
    [MX_INT16] = what##_##kind##_u16, [MX_INT32] = what##_##kind##_u32,         \
    [MX_INT64] = what##_##kind##_u64, [MX_FLOAT16] = what##_##kind##_f16,       \
    [MX_FLOAT32] = what##_##kind##_f32, [MX_FLOAT64] = what##_##kind##_f64,     \
    [MX_BFLOAT16] = what##_##kind##_bf16, [MX_COMPLEX64] = what##_##kind##_c64, \
  }
/* MLX evaluates log-add-exp on integers in integers, where it comes out as the larger. */
#define EXTREME(what, kind, real)                                               \
  {                                                                             \
    [MX_BOOL] = what##_##kind##_bool, [MX_UINT8] = what##_##kind##_u8,          \
    [MX_UINT16] = what##_##kind##_u16, [MX_UINT32] = what##_##kind##_u32,       \
    [MX_UINT64] = what##_##kind##_u64, [MX_INT8] = what##_##kind##_i8,          \
    [MX_INT16] = what##_##kind##_i16, [MX_INT32] = what##_##kind##_i32,         \
    [MX_INT64] = what##_##kind##_i64, [MX_FLOAT16] = what##_##real##_f16,       \
    [MX_FLOAT32] = what##_##real##_f32, [MX_FLOAT64] = what##_##real##_f64,     \
    [MX_BFLOAT16] = what##_##real##_bf16, [MX_COMPLEX64] = what##_##real##_c64, \
  }
#define TABLE(what)                                                                   \
  {                                                                                   \
    [MX_SCAN_MAX] = EXTREME(what, max, max), [MX_SCAN_MIN] = EXTREME(what, min, min), \
    [MX_SCAN_SUM] = ARITHMETIC(what, sum), [MX_SCAN_PROD] = ARITHMETIC(what, prod),   \
    [MX_SCAN_LOGADDEXP] = EXTREME(what, max, log),                                    \
  }

void MX_KERNEL(scan_run)(mx_scan_kind kind, mx_dtype dtype, const void *in, int64_t in_step,
                         void *out, int64_t out_step, int64_t n, bool inclusive) {
  static void (*const table[MX_SCAN_KINDS][MX_DTYPE_COUNT])(const void *, int64_t, void *, int64_t,
                                                            int64_t, bool) = TABLE(run);
  if (n > 0) table[kind][dtype](in, in_step, out, out_step, n, inclusive);
}

void MX_KERNEL(scan_columns)(mx_scan_kind kind, mx_dtype dtype, const void *in, int64_t in_stride,
                             void *out, int64_t out_stride, int64_t rows, int64_t width,
                             bool inclusive) {
  static void (*const table[MX_SCAN_KINDS][MX_DTYPE_COUNT])(
      const void *, int64_t, void *, int64_t, int64_t, int64_t, bool) = TABLE(columns);
  if (rows > 0) table[kind][dtype](in, in_stride, out, out_stride, rows, width, inclusive);
}
