/* Softmax and log-sum-exp: the maximum, the sum of exponentials below it, and the quotients, each a
 * pass over values that are in cache by then. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__AVX512F__)
#pragma GCC optimize("schedule-insns", "sched-pressure")
#endif
#include "kernels/softmax.h"
#include "kernels/bulk.h"
#include "kernels/kinds.h"

#include <float.h>
#include <stdbool.h>

V_INLINE float row_max(float_kind kind, const void *x, int64_t n) {
  vf most[4];
  for (int u = 0; u < 4; u++) most[u] = vf_set(-INFINITY);
  int64_t i = 0;
  for (; i + 4 * VW <= n; i += 4 * VW)
    for (int u = 0; u < 4; u++)
      most[u] = vf_max(vf_load_as(kind, kind_at(kind, x, i + u * VW)), most[u]);
  for (; i + VW <= n; i += VW) most[0] = vf_max(vf_load_as(kind, kind_at(kind, x, i)), most[0]);
  if (i < n)
    most[1] = vf_max(vf_keep(vf_load_part_as(kind, kind_at(kind, x, i), n - i), n - i, -INFINITY),
                     most[1]);
  return vf_reduce_max(vf_max(vf_max(most[0], most[1]), vf_max(most[2], most[3])));
}

/* e^x for x <= 0. */
#if defined(__AVX512F__)
#define MANY 8
/* x = (n + r) ln 2 with n in sixteenths, of whose fraction a register has the power; 1 + r ln 2 and
 * two more terms are the rest. Within 1 ulp or so of the normal numbers. */
V_INLINE vf exp_below(vf x) {
  static const float powers[16] = {
      0x1.0000000p+0f, 0x1.0b55860p+0f, 0x1.172b840p+0f, 0x1.2387a60p+0f,
      0x1.306fe00p+0f, 0x1.3dea640p+0f, 0x1.4bfdae0p+0f, 0x1.5ab07e0p+0f,
      0x1.6a09e60p+0f, 0x1.7a11480p+0f, 0x1.8ace540p+0f, 0x1.9c49180p+0f,
      0x1.ae89fa0p+0f, 0x1.c199be0p+0f, 0x1.d5818e0p+0f, 0x1.ea4afa0p+0f};
  const vf magic = vf_set(0x1.8p19f); /* adding it rounds to sixteenths, their number low in bits */
  x = vf_at_least(x, vf_set(-104.f));
  vf shifted = vf_fma(x, vf_set(1.44269504f), magic), n = shifted - magic;
  vf r = vf_fma(n, vf_set(2.12194440e-4f), vf_fma(n, vf_set(-0.693359375f), x));
  vf p = (vf)_mm512_permutexvar_ps((__m512i)shifted, _mm512_loadu_ps(powers));
  vf q = vf_fma(vf_fma(r, vf_set(0.166666672f), vf_set(0.5f)), r * r, r);
  return (vf)_mm512_scalef_ps((__m512)vf_fma(p, q, p), (__m512)n);
}
#else
#define MANY 4
V_INLINE vf exp_below(vf x) { return vf_exp(x); }
#endif

/* Exponentials' instructions wait for one another, and are more than the CPU looks ahead: several
 * vectors at a time, which the compiler interleaves. */
V_INLINE void exp_many(vf v[MANY]) {
  _Pragma("GCC unroll 8") for (int u = 0; u < MANY; u++) v[u] = exp_below(v[u]);
}

/* The sum of e^(x - most); where out is given, float32 exponentials are left there. Meanwhile the
 * row at `next` is fetched, or memory would idle. */
V_INLINE float row_exp_sum(float_kind kind, const void *x, float *out, int64_t n, float most,
                           const void *next) {
  vf sums[2] = {{0}};
  int64_t i = 0;
  for (; i + MANY * VW <= n; i += MANY * VW) {
    vf e[MANY];
    for (int64_t k = 0; k < MANY * VW * kind_size(kind); k += LINE)
      __builtin_prefetch((const char *)kind_at(kind, next, i) + k, 0, 2);
    _Pragma("GCC unroll 8") for (int u = 0; u < MANY; u++) e[u] =
        vf_load_as(kind, kind_at(kind, x, i + u * VW)) - most;
    exp_many(e);
    _Pragma("GCC unroll 8") for (int u = 0; u < MANY; u++) {
      if (out) vf_store_as(KIND_f32, out + i + u * VW, e[u]);
      sums[u & 1] += e[u];
    }
  }
  for (; i < n; i += VW) {
    int64_t left = n - i;
    if (left >= VW) {
      vf e = exp_below(vf_load_as(kind, kind_at(kind, x, i)) - most);
      if (out) vf_store_as(KIND_f32, out + i, e);
      sums[0] += e;
    } else {
      vf e = vf_keep(exp_below(vf_load_part_as(kind, kind_at(kind, x, i), left) - most), left, 0);
      if (out) vf_store_part_as(KIND_f32, out + i, e, left);
      sums[1] += e;
    }
  }
  return vf_reduce_add(sums[0] + sums[1]);
}

V_INLINE void scale_row(float_kind kind, const float *x, void *out, int64_t n, float factor) {
  int64_t i = 0;
  for (; i + VW <= n; i += VW) vf_store_as(kind, kind_to(kind, out, i), vf_load(x + i) * factor);
  if (i < n)
    vf_store_part_as(kind, kind_to(kind, out, i), vf_load_part_as(KIND_f32, x + i, n - i) * factor,
                     n - i);
}

/* out = e^(x - most) * factor, where the exponentials were too many to be kept. */
V_INLINE void write_row(float_kind kind, const void *x, void *out, int64_t n, float most,
                        float factor) {
  int64_t i = 0;
  for (; i + VW <= n; i += VW)
    vf_store_as(kind, kind_to(kind, out, i),
                exp_below(vf_load_as(kind, kind_at(kind, x, i)) - most) * factor);
  if (i < n)
    vf_store_part_as(kind, kind_to(kind, out, i),
                     exp_below(vf_load_part_as(kind, kind_at(kind, x, i), n - i) - most) * factor,
                     n - i);
}

#define KEPT 8192 /* float32 exponentials of a row, beside 16-bit results */

V_INLINE void softmax_rows(float_kind kind, const void *x, int64_t x_row, void *out,
                           int64_t out_row, int64_t rows, int64_t n) {
  float kept[KEPT];
  for (int64_t r = 0; r < rows; r++) {
    const void *row = kind_at(kind, x, r * x_row),
               *next = r + 1 < rows ? kind_at(kind, row, x_row) : row;
    void *to = kind_to(kind, out, r * out_row);
    float most = row_max(kind, row, n);
    float *powers = kind == KIND_f32 ? to : n <= KEPT ? kept : NULL;
    float sum = row_exp_sum(kind, row, powers, n, most, next);
    if (powers)
      scale_row(kind, powers, to, n, 1 / sum);
    else
      write_row(kind, row, to, n, most, 1 / sum);
  }
}

/* ---- Sums of e^(x - level) lane by lane, in one pass: no element exceeds its lane's level by more
 * than LITTLE, so that levels, and with them sums, seldom have to move ---- */

#define LITTLE 4.0f
#define NO_LEVEL (-FLT_MAX) /* below which there is only -inf */

V_INLINE void raise_level(vf most, vf *level, vf *sum) {
  if (!vi_any(most > *level + LITTLE)) return;
  vf old = *level;
  *level = vf_max(most, old);
  *sum *= exp_below(old - *level);
}

V_INLINE vf most_of(const vf v[MANY], vf most) {
  vf a = vf_max(v[0], most), b = vf_max(v[1], most);
  _Pragma("GCC unroll 8") for (int u = 2; u < MANY; u += 2) {
    a = vf_max(v[u], a); /* a NaN is passed over */
    b = vf_max(v[u + 1], b);
  }
  return vf_max(a, b);
}

/* Leaves exponentials in v. */
V_INLINE void add_many(vf v[MANY], vf *level, vf *sum) {
  raise_level(most_of(v, *level), level, sum);
  _Pragma("GCC unroll 8") for (int u = 0; u < MANY; u++) v[u] -= *level;
  exp_many(v);
  vf a = v[0], b = v[1];
  _Pragma("GCC unroll 8") for (int u = 2; u < MANY; u += 2) a += v[u], b += v[u + 1];
  *sum += a + b;
}

V_INLINE float log_of_sum(float level, float sum) {
  return level == INFINITY ? level : logf(sum) + level;
}

V_INLINE float row_log_sum(float_kind kind, const void *x, int64_t n) {
  vf level = vf_set(NO_LEVEL), sum = vf_set(0), v[MANY];
  int64_t i = 0;
  for (; i + MANY * VW <= n; i += MANY * VW) {
    v_ahead(kind_at(kind, x, i), MANY * VW * (int)kind_size(kind));
    _Pragma("GCC unroll 8") for (int u = 0; u < MANY; u++) v[u] =
        vf_load_as(kind, kind_at(kind, x, i + u * VW));
    add_many(v, &level, &sum);
  }
  if (i < n) {
    for (int u = 0; u < MANY; u++) {
      int64_t left = n - i - u * VW;
      v[u] = vf_set(-INFINITY);
      if (left >= VW)
        v[u] = vf_load_as(kind, kind_at(kind, x, i + u * VW));
      else if (left > 0)
        v[u] = vf_keep(vf_load_part_as(kind, kind_at(kind, x, i + u * VW), left), left, -INFINITY);
    }
    add_many(v, &level, &sum);
  }
  float top = vf_reduce_max(level);
  return log_of_sum(top, vf_reduce_add(sum * exp_below(level - top)));
}

V_INLINE void logsumexp_rows(float_kind kind, const void *x, int64_t x_row, void *out,
                             int64_t out_row, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; r++)
    kind_store(kind, kind_to(kind, out, r * out_row),
               row_log_sum(kind, kind_at(kind, x, r * x_row), n));
}

#define TILE_COLUMNS 1024 /* whose levels and sums are kept while rows go by */

/* MANY elements of each of VW columns, or less at the right end. */
V_INLINE void add_rows(float_kind kind, const void *x, int64_t x_step, int64_t part, float *level,
                       float *sum) {
  vf v[MANY], l = vf_load(level), s = vf_load(sum);
  _Pragma("GCC unroll 8") for (int k = 0; k < MANY; k++) v[k] =
      vf_load_n_as(kind, kind_at(kind, x, k * x_step), part);
  add_many(v, &l, &s);
  vf_store(level, l);
  vf_store(sum, s);
}

V_INLINE void add_row(float_kind kind, const void *x, int64_t part, float *level, float *sum) {
  vf v = vf_load_n_as(kind, x, part), l = vf_load(level), s = vf_load(sum);
  raise_level(vf_max(v, l), &l, &s);
  vf_store(level, l);
  vf_store(sum, s + exp_below(v - l));
}

/* Levels and sums of up to TILE_COLUMNS columns, rounded up to registers. */
V_INLINE void column_sums(float_kind kind, const void *x, int64_t x_step, int64_t columns,
                          int64_t n, float *level, float *sum) {
  for (int64_t c = 0; c < columns; c += VW) {
    vf_store(level + c, vf_set(NO_LEVEL));
    vf_store(sum + c, vf_set(0));
  }
  int64_t k = 0;
  for (; k + MANY <= n; k += MANY)
    for (int64_t c = 0; c < columns; c += VW) {
      const void *at = kind_at(kind, x, k * x_step + c);
      if (c * kind_size(kind) % LINE == 0)
        for (int64_t r = MANY; r < 2 * MANY; r++) __builtin_prefetch(kind_at(kind, at, r * x_step));
      if (columns - c < VW)
        add_rows(kind, at, x_step, columns - c, level + c, sum + c);
      else
        add_rows(kind, at, x_step, VW, level + c, sum + c);
    }
  for (; k < n; k++)
    for (int64_t c = 0; c < columns; c += VW)
      add_row(kind, kind_at(kind, x, k * x_step + c), columns - c < VW ? columns - c : VW,
              level + c, sum + c);
}

/* One row of a tile; the next is fetched meanwhile. */
V_INLINE void write_columns(float_kind kind, const void *x, int64_t x_step, void *out,
                            int64_t columns, const float *level, const float *factor) {
  int64_t c = 0;
  for (; c + MANY * VW <= columns; c += MANY * VW) {
    vf v[MANY];
    for (int64_t i = 0; i < MANY * VW * kind_size(kind); i += LINE)
      __builtin_prefetch((const char *)kind_at(kind, x, x_step + c) + i);
    _Pragma("GCC unroll 8") for (int u = 0; u < MANY; u++) v[u] =
        vf_load_as(kind, kind_at(kind, x, c + u * VW)) - vf_load(level + c + u * VW);
    exp_many(v);
    _Pragma("GCC unroll 8") for (int u = 0; u < MANY; u++)
        vf_store_as(kind, kind_to(kind, out, c + u * VW), v[u] * vf_load(factor + c + u * VW));
  }
  for (; c < columns; c += VW) {
    int64_t part = columns - c < VW ? columns - c : VW;
    vf v = vf_load_n_as(kind, kind_at(kind, x, c), part);
    v = exp_below(v - vf_load(level + c)) * vf_load(factor + c);
    vf_store_n_as(kind, kind_to(kind, out, c), v, part);
  }
}

V_INLINE void softmax_tile(float_kind kind, const void *x, int64_t x_step, void *out,
                           int64_t out_step, int64_t columns, int64_t n) {
  float level[TILE_COLUMNS], factor[TILE_COLUMNS];
  column_sums(kind, x, x_step, columns, n, level, factor);
  for (int64_t c = 0; c < columns; c += VW) vf_store(factor + c, 1.0f / vf_load(factor + c));
  for (int64_t k = 0; k < n; k++)
    write_columns(kind, kind_at(kind, x, k * x_step), x_step, kind_to(kind, out, k * out_step),
                  columns, level, factor);
}

V_INLINE void softmax_columns(float_kind kind, const void *x, int64_t x_step, void *out,
                              int64_t out_step, int64_t columns, int64_t n) {
  for (int64_t c = 0; c < columns; c += TILE_COLUMNS)
    softmax_tile(kind, kind_at(kind, x, c), x_step, kind_to(kind, out, c), out_step,
                 columns - c < TILE_COLUMNS ? columns - c : TILE_COLUMNS, n);
}

V_INLINE void logsumexp_columns(float_kind kind, const void *x, int64_t x_step, void *out,
                                int64_t columns, int64_t n) {
  float level[TILE_COLUMNS], sum[TILE_COLUMNS];
  for (int64_t c = 0; c < columns; c += TILE_COLUMNS) {
    int64_t part = columns - c < TILE_COLUMNS ? columns - c : TILE_COLUMNS;
    column_sums(kind, kind_at(kind, x, c), x_step, part, n, level, sum);
    for (int64_t i = 0; i < part; i++)
      kind_store(kind, kind_to(kind, out, c + i), log_of_sum(level[i], sum[i]));
  }
}

#define FOR_KIND(T)                                                     \
  void MX_KERNEL(softmax_rows_##T) MX_SOFTMAX_ROWS_PARAMETERS {         \
    softmax_rows(KIND_##T, x, x_row, out, out_row, rows, n);            \
  }                                                                     \
  void MX_KERNEL(softmax_columns_##T) MX_SOFTMAX_COLUMNS_PARAMETERS {   \
    softmax_columns(KIND_##T, x, x_step, out, out_step, columns, n);    \
  }                                                                     \
  void MX_KERNEL(logsumexp_rows_##T) MX_SOFTMAX_ROWS_PARAMETERS {       \
    logsumexp_rows(KIND_##T, x, x_row, out, out_row, rows, n);          \
  }                                                                     \
  void MX_KERNEL(logsumexp_columns_##T) MX_SOFTMAX_COLUMNS_PARAMETERS { \
    (void)out_step;                                                     \
    logsumexp_columns(KIND_##T, x, x_step, out, columns, n);            \
  }
FOR_KIND(f32)
FOR_KIND(f16)
FOR_KIND(bf16)

static void statistics_f64(const double *x, int64_t step, int64_t n, double *most, double *sum) {
  *most = -INFINITY;
  *sum = 0;
  for (int64_t i = 0; i < n; i++) *most = x[i * step] > *most ? x[i * step] : *most;
  for (int64_t i = 0; i < n; i++) *sum += exp(x[i * step] - *most);
}

static void softmax_f64(const double *x, int64_t x_step, double *out, int64_t out_step, int64_t n) {
  double most, sum;
  statistics_f64(x, x_step, n, &most, &sum);
  for (int64_t i = 0; i < n; i++) out[i * out_step] = exp(x[i * x_step] - most) / sum;
}

static void logsumexp_f64(const double *x, int64_t x_step, double *out, int64_t n) {
  double most, sum;
  statistics_f64(x, x_step, n, &most, &sum);
  *out = isinf(most) ? most : log(sum) + most;
}

void MX_KERNEL(softmax_rows_f64) MX_SOFTMAX_ROWS_PARAMETERS {
  for (int64_t r = 0; r < rows; r++)
    softmax_f64((const double *)x + r * x_row, 1, (double *)out + r * out_row, 1, n);
}
void MX_KERNEL(softmax_columns_f64) MX_SOFTMAX_COLUMNS_PARAMETERS {
  for (int64_t c = 0; c < columns; c++)
    softmax_f64((const double *)x + c, x_step, (double *)out + c, out_step, n);
}
void MX_KERNEL(logsumexp_rows_f64) MX_SOFTMAX_ROWS_PARAMETERS {
  for (int64_t r = 0; r < rows; r++)
    logsumexp_f64((const double *)x + r * x_row, 1, (double *)out + r * out_row, n);
}
void MX_KERNEL(logsumexp_columns_f64) MX_SOFTMAX_COLUMNS_PARAMETERS {
  (void)out_step;
  for (int64_t c = 0; c < columns; c++)
    logsumexp_f64((const double *)x + c, x_step, (double *)out + c, n);
}
