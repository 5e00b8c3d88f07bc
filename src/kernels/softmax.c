/* Softmax and log-sum-exp: the maximum, the sum of exponentials below it, and the quotients, each a
 * pass over values that are in cache by then. */
#include "kernels/softmax.h"
#include "kernels/bulk.h"
#include "kernels/kinds.h"

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

/* The sum of e^(x - most); where out is given, float32 exponentials are left there. Meanwhile the
 * row at `next` is fetched, or memory would idle. */
V_INLINE float row_exp_sum(float_kind kind, const void *x, float *out, int64_t n, float most,
                           const void *next) {
  vf sums[2] = {{0}};
  int64_t i = 0;
  for (; i + 2 * VW <= n; i += 2 * VW) {
    __builtin_prefetch(kind_at(kind, next, i), 0, 2);
    if (2 * VW * kind_size(kind) > 64) __builtin_prefetch(kind_at(kind, next, i + VW), 0, 2);
    for (int u = 0; u < 2; u++) {
      vf e = vf_exp(vf_load_as(kind, kind_at(kind, x, i + u * VW)) - most);
      if (out) vf_store_as(KIND_f32, out + i + u * VW, e);
      sums[u] += e;
    }
  }
  for (; i < n; i += VW) {
    int64_t left = n - i;
    if (left >= VW) {
      vf e = vf_exp(vf_load_as(kind, kind_at(kind, x, i)) - most);
      if (out) vf_store_as(KIND_f32, out + i, e);
      sums[0] += e;
    } else {
      vf e = vf_keep(vf_exp(vf_load_part_as(kind, kind_at(kind, x, i), left) - most), left, 0);
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
                vf_exp(vf_load_as(kind, kind_at(kind, x, i)) - most) * factor);
  if (i < n)
    vf_store_part_as(kind, kind_to(kind, out, i),
                     vf_exp(vf_load_part_as(kind, kind_at(kind, x, i), n - i) - most) * factor,
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

V_INLINE float log_of_sum(float most, float sum) { return isinf(most) ? most : logf(sum) + most; }

V_INLINE void logsumexp_rows(float_kind kind, const void *x, int64_t x_row, void *out,
                             int64_t out_row, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; r++) {
    const void *row = kind_at(kind, x, r * x_row),
               *next = r + 1 < rows ? kind_at(kind, row, x_row) : row;
    float most = row_max(kind, row, n);
    float sum = row_exp_sum(kind, row, NULL, n, most, next);
    kind_store(kind, kind_to(kind, out, r * out_row), log_of_sum(most, sum));
  }
}

#define FAR 16           /* rows ahead of which columns are fetched: each is pages away */
#define TILE_COLUMNS 256 /* whose statistics are kept while rows go by */
#define TILE_ROWS 8

/* One register of columns, `rows` <= TILE_ROWS elements of each: the maximum moves once for all. */
V_INLINE void add_rows(float_kind kind, const void *x, int64_t x_step, int64_t part, int64_t rows,
                       float *most, float *sum) {
  vf v[TILE_ROWS], old = vf_load(most), m = old, s;
  for (int64_t k = 0; k < rows; k++) {
    __builtin_prefetch(kind_at(kind, x, (k + TILE_ROWS) * x_step));
    v[k] = vf_load_n_as(kind, kind_at(kind, x, k * x_step), part);
    m = vf_max(v[k], m);
  }
  vf_store(most, m);
  m = vf_select(m == -INFINITY, vf_set(0), m); /* nothing yet: the sum stays 0 */
  s = vf_load(sum) * vf_exp(old - m);
  for (int64_t k = 0; k < rows; k++) s += vf_exp(v[k] - m);
  vf_store(sum, s);
}

/* Maxima and sums of e^(x - maximum) of up to TILE_COLUMNS columns, rounded up to registers. */
V_INLINE void column_statistics(float_kind kind, const void *x, int64_t x_step, int64_t columns,
                                int64_t n, float *most, float *sum) {
  for (int64_t c = 0; c < columns; c += VW) {
    vf_store(most + c, vf_set(-INFINITY));
    vf_store(sum + c, vf_set(0));
  }
  for (int64_t k = 0; k < n; k += TILE_ROWS)
    for (int64_t c = 0; c < columns; c += VW)
      add_rows(kind, kind_at(kind, x, k * x_step + c), x_step, columns - c < VW ? columns - c : VW,
               n - k < TILE_ROWS ? n - k : TILE_ROWS, most + c, sum + c);
}

V_INLINE void softmax_tile(float_kind kind, const void *x, int64_t x_step, void *out,
                           int64_t out_step, int64_t columns, int64_t n) {
  float most[TILE_COLUMNS], factor[TILE_COLUMNS];
  column_statistics(kind, x, x_step, columns, n, most, factor);
  for (int64_t c = 0; c < columns; c += VW) vf_store(factor + c, 1.0f / vf_load(factor + c));
  for (int64_t k = 0; k < n; k++)
    for (int64_t c = 0; c < columns; c += VW) {
      int64_t part = columns - c < VW ? columns - c : VW;
      vf v = vf_load_n_as(kind, kind_at(kind, x, k * x_step + c), part);
      v = vf_exp(v - vf_load(most + c)) * vf_load(factor + c);
      vf_store_n_as(kind, kind_to(kind, out, k * out_step + c), v, part);
    }
}

/* A tile of MX_SOFTMAX_COLUMNS or less through scratch memory in cache, where it lies together. */
V_INLINE void softmax_narrow(float_kind kind, const void *x, int64_t x_step, void *out,
                             int64_t out_step, int64_t columns, int64_t n, float *scratch) {
  enum { WIDE = MX_SOFTMAX_COLUMNS, VECTORS = WIDE / VW };
  vf most[VECTORS], sum[VECTORS];
  for (int u = 0; u < VECTORS; u++) most[u] = vf_set(-INFINITY), sum[u] = vf_set(0);
  for (int64_t k = 0; k < n; k++)
    for (int u = 0; u < VECTORS; u++) {
      int64_t part = columns - u * VW;
      const void *at = kind_at(kind, x, k * x_step + u * VW);
      if (u * VW * kind_size(kind) % LINE == 0) __builtin_prefetch(kind_at(kind, at, FAR * x_step));
      vf v = part <= 0 ? vf_set(0) : vf_load_n_as(kind, at, part < VW ? part : VW);
      vf_store(scratch + k * WIDE + u * VW, v);
      most[u] = vf_max(v, most[u]);
    }
  for (int64_t k = 0; k < n; k++)
    for (int u = 0; u < VECTORS; u++) {
      float *at = scratch + k * WIDE + u * VW;
      vf e = vf_exp(vf_load(at) - most[u]);
      vf_store(at, e);
      sum[u] += e;
    }
  for (int u = 0; u < VECTORS; u++) sum[u] = 1.0f / sum[u];
  int64_t bytes = columns * kind_size(kind);
  bool lines = ((int64_t)(uintptr_t)out | out_step * kind_size(kind) | bytes) % LINE == 0;
  for (int64_t k = 0; k < n; k++) {
    _Alignas(LINE) char row[WIDE * 4];
    for (int u = 0; u < VECTORS; u++)
      vf_store_as(kind, kind_to(kind, row, u * VW), vf_load(scratch + k * WIDE + u * VW) * sum[u]);
    char *to = kind_to(kind, out, k * out_step);
    if (lines)
      for (int64_t i = 0; i < bytes; i += LINE) stream_line(to + i, row + i);
    else
      memcpy(to, row, (size_t)bytes);
  }
}

V_INLINE void softmax_columns(float_kind kind, const void *x, int64_t x_step, void *out,
                              int64_t out_step, int64_t columns, int64_t n, float *scratch) {
  if (scratch) {
    softmax_narrow(kind, x, x_step, out, out_step, columns, n, scratch);
    return;
  }
  for (int64_t c = 0; c < columns; c += TILE_COLUMNS)
    softmax_tile(kind, kind_at(kind, x, c), x_step, kind_to(kind, out, c), out_step,
                 columns - c < TILE_COLUMNS ? columns - c : TILE_COLUMNS, n);
}

V_INLINE void logsumexp_columns(float_kind kind, const void *x, int64_t x_step, void *out,
                                int64_t columns, int64_t n) {
  float most[TILE_COLUMNS], sum[TILE_COLUMNS];
  for (int64_t c = 0; c < columns; c += TILE_COLUMNS) {
    int64_t part = columns - c < TILE_COLUMNS ? columns - c : TILE_COLUMNS;
    column_statistics(kind, kind_at(kind, x, c), x_step, part, n, most, sum);
    for (int64_t i = 0; i < part; i++)
      kind_store(kind, kind_to(kind, out, c + i), log_of_sum(most[i], sum[i]));
  }
}

#define FOR_KIND(T)                                                           \
  void MX_KERNEL(softmax_rows_##T) MX_SOFTMAX_ROWS_PARAMETERS {               \
    softmax_rows(KIND_##T, x, x_row, out, out_row, rows, n);                  \
  }                                                                           \
  void MX_KERNEL(softmax_columns_##T) MX_SOFTMAX_COLUMNS_PARAMETERS {         \
    softmax_columns(KIND_##T, x, x_step, out, out_step, columns, n, scratch); \
  }                                                                           \
  void MX_KERNEL(logsumexp_rows_##T) MX_SOFTMAX_ROWS_PARAMETERS {             \
    logsumexp_rows(KIND_##T, x, x_row, out, out_row, rows, n);                \
  }                                                                           \
  void MX_KERNEL(logsumexp_columns_##T) MX_SOFTMAX_COLUMNS_PARAMETERS {       \
    (void)out_step, (void)scratch;                                            \
    logsumexp_columns(KIND_##T, x, x_step, out, columns, n);                  \
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
  (void)scratch;
  for (int64_t c = 0; c < columns; c++)
    softmax_f64((const double *)x + c, x_step, (double *)out + c, out_step, n);
}
void MX_KERNEL(logsumexp_rows_f64) MX_SOFTMAX_ROWS_PARAMETERS {
  for (int64_t r = 0; r < rows; r++)
    logsumexp_f64((const double *)x + r * x_row, 1, (double *)out + r * out_row, n);
}
void MX_KERNEL(logsumexp_columns_f64) MX_SOFTMAX_COLUMNS_PARAMETERS {
  (void)out_step, (void)scratch;
  for (int64_t c = 0; c < columns; c++)
    logsumexp_f64((const double *)x + c, x_step, (double *)out + c, n);
}
