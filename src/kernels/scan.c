/* Scans, one accumulator a run or a column. */
#include "kernels/scan.h"
#include "kernels/bulk.h"
#include "kernels/kinds.h"
#include "kernels/loop.h"

#include <complex.h>
#include <math.h>
#include <string.h>

#undef I /* complex.h */

#define BLOCK 1024 /* columns that advance together */

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

/* Sums run in float64: of what comes before the elements at hand, `base`, apart from that of
 * elements already seen, `seen`, so that it makes no difference where a run is cut. Outputs may be
 * NULL where only the sum is wanted. */

/* As many of n contiguous elements as come in whole vectors. */
#ifdef __AVX512F__
#define VECTOR_SUM(name, T, LOAD, STORE)                                                     \
  static int64_t vector_sum_##name(const T *x, T *y, int64_t n, bool inclusive, double base, \
                                   double *seen) {                                           \
    const __m512i by_one = _mm512_set_epi64(6, 5, 4, 3, 2, 1, 0, 0);                         \
    const __m512i by_two = _mm512_set_epi64(5, 4, 3, 2, 1, 0, 0, 0);                         \
    const __m512i by_four = _mm512_set_epi64(3, 2, 1, 0, 0, 0, 0, 0);                        \
    const __m512i last = _mm512_set1_epi64(7);                                               \
    __m512d sum = _mm512_set1_pd(*seen), before = _mm512_set1_pd(base);                      \
    int64_t i = 0;                                                                           \
    for (; i + 8 <= n; i += 8) {                                                             \
      __m512d p = LOAD(x + i);                                                               \
      p = _mm512_add_pd(p, _mm512_maskz_permutexvar_pd(0xfe, by_one, p));                    \
      p = _mm512_add_pd(p, _mm512_maskz_permutexvar_pd(0xfc, by_two, p));                    \
      p = _mm512_add_pd(p, _mm512_maskz_permutexvar_pd(0xf0, by_four, p));                   \
      __m512d q = inclusive ? p : _mm512_maskz_permutexvar_pd(0xfe, by_one, p);              \
      if (y)                                                                                 \
        STORE(y + i, _mm512_add_pd(before, _mm512_add_pd(sum, q)));                          \
      else                                                                                   \
        v_ahead(x + i, 8 * (int)sizeof(T));                                                  \
      sum = _mm512_add_pd(sum, _mm512_permutexvar_pd(last, p));                              \
    }                                                                                        \
    *seen = _mm512_cvtsd_f64(sum);                                                           \
    return i;                                                                                \
  }
#define LOAD_WIDE(x) _mm512_cvtps_pd(_mm256_loadu_ps(x))
#define STORE_NARROW(y, v) _mm256_storeu_ps(y, _mm512_cvtpd_ps(v))
VECTOR_SUM(f32, float, LOAD_WIDE, STORE_NARROW)
VECTOR_SUM(f64, double, _mm512_loadu_pd, _mm512_storeu_pd)
#else
#define vector_sum_f32(x, y, n, inclusive, base, seen) 0
#define vector_sum_f64(x, y, n, inclusive, base, seen) 0
#endif

/* One after the other; eight elements wait for the sum before them only once. */
#define SUM_RUN(name, T, LOAD, STORE)                                                          \
  static void sum_part_##name(const T *x, int64_t in_step, T *y, int64_t out_step, int64_t n,  \
                              bool inclusive, double base, double *sum) {                      \
    double seen = *sum;                                                                        \
    int64_t i = 0;                                                                             \
    if (in_step == 1 && out_step == 1) i = vector_sum_##name(x, y, n, inclusive, base, &seen); \
    for (; i + 8 <= n; i += 8) {                                                               \
      double p[9] = {0};                                                                       \
      for (int k = 0; k < 8; k++) p[k + 1] = (double)LOAD(x[(i + k) * in_step]);               \
      for (int k = 8; k > 1; k--) p[k] += p[k - 1];                                            \
      for (int k = 8; k > 2; k--) p[k] += p[k - 2];                                            \
      for (int k = 8; k > 4; k--) p[k] += p[k - 4];                                            \
      for (int k = 0; k < 8 && y; k++)                                                         \
        y[(i + k) * out_step] = STORE(base + (seen + p[k + inclusive]));                       \
      seen += p[8];                                                                            \
    }                                                                                          \
    for (; i < n; i++) {                                                                       \
      double after = seen + (double)LOAD(x[i * in_step]);                                      \
      if (y) y[i * out_step] = STORE(base + (inclusive ? after : seen));                       \
      seen = after;                                                                            \
    }                                                                                          \
    *sum = seen;                                                                               \
  }                                                                                            \
  static void run_sum_##name(const void *in, int64_t in_step, void *out, int64_t out_step,     \
                             int64_t n, bool inclusive) {                                      \
    double sum = 0;                                                                            \
    sum_part_##name(in, in_step, out, out_step, n, inclusive, 0, &sum);                        \
  }
SUM_RUN(f32, float, SAME, (float))
SUM_RUN(f64, double, SAME, SAME)

/* Lanes move up by s; the first s come from the second vector. And the last lane everywhere. */
#define FROM_BELOW(l, s) ((l) < (s) ? VW + (l) : (l) - (s))
#define FROM_LAST(l, s) (VW - 1)
LANES_BY_STEP(moved_up, FROM_BELOW)
V_INLINE vf last_lane(vf v) { return SHUFFLE(v, v, FROM_LAST, 0); }

V_INLINE vi is_nan(vf v) { return ((vi)v & 0x7fffffff) > 0x7f800000; }
V_INLINE vi not_finite(vf v) { return ((vi)v & 0x7fffffff) >= 0x7f800000; }

/* 16-bit floats: within a vector in float32, which is far finer than they are. Where that is
 * infinite or NaN, a sum may have been beyond float32 that never occurs in order. */
V_INLINE double half_sum_vector(float_kind kind, const void *x, void *y, int64_t n, bool inclusive,
                                double base, double seen) {
  vf v = vf_load_n_as(kind, x, n), p = v, q;
#pragma GCC unroll 4
  for (int s = 1; s < VW; s *= 2) p += moved_up(p, vf_set(0), s);
  double after = seen + (double)p[VW - 1];
  q = (inclusive ? p : moved_up(p, vf_set(0), 1)) + (float)(base + seen);
  if (__builtin_expect(vi_any(not_finite(q)), 0)) {
    float lanes[VW];
    after = seen;
    for (int k = 0; k < VW; k++) {
      double next = after + (double)v[k];
      lanes[k] = (float)(base + (inclusive ? next : after));
      after = next;
    }
    q = vf_load(lanes);
  }
  if (y) vf_store_n_as(kind, y, q, n);
  return after;
}
V_INLINE void half_sum_part(float_kind kind, const void *x, void *y, int64_t n, bool inclusive,
                            double base, double *sum) {
  double seen = *sum;
  int64_t i = 0;
  for (; i + VW <= n; i += VW)
    seen = half_sum_vector(kind, kind_at(kind, x, i), y ? kind_to(kind, y, i) : NULL, VW, inclusive,
                           base, seen);
  if (i < n)
    seen = half_sum_vector(kind, kind_at(kind, x, i), y ? kind_to(kind, y, i) : NULL, n - i,
                           inclusive, base, seen);
  *sum = seen;
}

/* At other steps as float32, part by part. */
#define SUM_RUN_HALF(name, T)                                                              \
  static void run_sum_##name(const void *in, int64_t in_step, void *out, int64_t out_step, \
                             int64_t n, bool inclusive) {                                  \
    double sum = 0;                                                                        \
    if (in_step == 1 && out_step == 1) {                                                   \
      half_sum_part(KIND_##name, in, out, n, inclusive, 0, &sum);                          \
      return;                                                                              \
    }                                                                                      \
    for (int64_t i = 0; i < n; i += HALF_BLOCK) {                                          \
      int64_t m = n - i < HALF_BLOCK ? n - i : HALF_BLOCK;                                 \
      const T *x = (const T *)in + i * in_step;                                            \
      T *y = (T *)out + i * out_step, part[HALF_BLOCK];                                    \
      float wide[HALF_BLOCK];                                                              \
      for (int64_t k = 0; k < m; k++) part[k] = x[k * in_step];                            \
      name##_widen(wide, part, m);                                                         \
      sum_part_f32(wide, 1, wide, 1, m, inclusive, 0, &sum);                               \
      name##_narrow(part, wide, m);                                                        \
      for (int64_t k = 0; k < m; k++) y[k * out_step] = part[k];                           \
    }                                                                                      \
  }
SUM_RUN_HALF(f16, mx_f16)
SUM_RUN_HALF(bf16, mx_bf16)

double MX_KERNEL(scan_sum_piece)(mx_dtype dtype, const void *in, void *out, int64_t n,
                                 bool inclusive, double base) {
  double sum = 0;
  if (dtype == MX_FLOAT32)
    sum_part_f32(in, 1, out, 1, n, inclusive, base, &sum);
  else if (dtype == MX_FLOAT64)
    sum_part_f64(in, 1, out, 1, n, inclusive, base, &sum);
  else if (dtype == MX_FLOAT16)
    half_sum_part(KIND_f16, in, out, n, inclusive, base, &sum);
  else
    half_sum_part(KIND_bf16, in, out, n, inclusive, base, &sum);
  return sum;
}

/* Maxima and minima of contiguous floats, where a vector waits for those before only once. Where
 * there is NaN, the order of comparisons matters. */
V_INLINE float better(bool max, float a, float x) { return max ? x < a ? a : x : x < a ? x : a; }
V_INLINE vf better_lanes(bool max, vf a, vf x) {
  return max ? vf_max(a, x) : vf_select(x < a, x, a);
}
V_INLINE void extremes_of_run(float_kind kind, bool max, const void *in, void *out, int64_t n,
                              bool inclusive) {
  const vf none = vf_set(max ? -INFINITY : INFINITY);
  vf most = inclusive ? vf_set(kind_load(kind, in)) : none;
  for (int64_t i = 0; i < n; i += VW) {
    int64_t part = n - i < VW ? n - i : VW;
    vf v = vf_load_n_as(kind, kind_at(kind, in, i), part), q = v;
    if (__builtin_expect(!vi_any(is_nan(v) | is_nan(most)), 1)) {
#pragma GCC unroll 4
      for (int s = 1; s < VW; s *= 2) q = better_lanes(max, moved_up(q, none, s), q);
      q = better_lanes(max, most, q);
    } else {
      float lanes[VW], now = most[0];
      for (int k = 0; k < VW; k++) lanes[k] = now = better(max, now, v[k]);
      q = vf_load(lanes);
    }
    vf_store_n_as(kind, kind_to(kind, out, i), inclusive ? q : moved_up(q, most, 1), part);
    most = last_lane(q);
  }
}

#define EXTREME_RUN(what, is_max, name, T, F, LOAD, STORE, STEP, IDENTITY)                      \
  RUN(strided_##what##_##name, T, F, T, LOAD, STORE, STEP, IDENTITY)                            \
  static void run_##what##_##name(const void *in, int64_t in_step, void *out, int64_t out_step, \
                                  int64_t n, bool inclusive) {                                  \
    if (in_step == 1 && out_step == 1)                                                          \
      extremes_of_run(KIND_##name, is_max, in, out, n, inclusive);                              \
    else                                                                                        \
      run_strided_##what##_##name(in, in_step, out, out_step, n, inclusive);                    \
  }                                                                                             \
  COLUMNS(what##_##name, T, F, T, LOAD, STORE, STEP, IDENTITY)
#define EXTREME_RUNS(name, T, LOAD, STORE)                            \
  EXTREME_RUN(max, true, name, T, float, LOAD, STORE, MAX, -INFINITY) \
  EXTREME_RUN(min, false, name, T, float, LOAD, STORE, MIN, INFINITY)
EXTREME_RUNS(f32, float, SAME, SAME)
EXTREME_RUNS(f16, mx_f16, mx_f16_to_f32, NARROW_F16)
EXTREME_RUNS(bf16, mx_bf16, mx_bf16_to_f32, NARROW_BF16)
SCAN(max_f64, double, double, double, SAME, SAME, MAX, -INFINITY)
SCAN(min_f64, double, double, double, SAME, SAME, MIN, INFINITY)

#define FLOATS(name, T, LOAD, STORE)                     \
  COLUMNS(sum_##name, T, double, T, LOAD, STORE, ADD, 0) \
  SCAN(prod_##name, T, double, T, LOAD, STORE, MUL, 1)   \
  SCAN(log_##name, T, double, T, LOAD, STORE, log_add_exp, -INFINITY)
FLOATS(f32, float, SAME, (float))
FLOATS(f64, double, SAME, SAME)
FLOATS(bf16, mx_bf16, mx_bf16_to_f32, NARROW_BF16)
FLOATS(f16, mx_f16, mx_f16_to_f32, NARROW_F16)

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
