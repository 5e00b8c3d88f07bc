/* Products of a few vectors with a matrix that is read once: dot products where its rows run along
 * k, sums of scaled rows where they run across. */
#include "kernels/gemm.h"
#include "kernels/kinds.h"

#include <string.h>

#define AHEAD 3072 /* bytes of w from the reading to the prefetch, across pages and rows */

/* MR vectors x against one row, four running sums for a single x and two for more. */
V_INLINE void dot_floats(const mx_gemv *v, const float *x, int64_t n, float_kind kind, int MR,
                         float *out) {
  enum { CHAINS = 4 };
  const int chains = MR == 1 ? CHAINS : 2, size = kind_size(kind);
  int64_t at = n * v->w_stride, k = 0;
  vf sum[4][CHAINS] = {{{0}}};
  for (; k + chains * VW <= v->k; k += chains * VW) {
    for (int b = 0; b < chains * VW * size; b += 64)
      __builtin_prefetch((const char *)v->w + (at + k) * size + AHEAD + b);
#pragma GCC unroll 4
    for (int c = 0; c < chains; c++) {
      vf w = vf_load_as(kind, kind_at(kind, v->w, at + k + c * VW));
#pragma GCC unroll 4
      for (int m = 0; m < MR; m++)
        sum[m][c] = vf_fma(w, vf_load(x + m * v->x_stride + k + c * VW), sum[m][c]);
    }
  }
  for (; k + VW <= v->k; k += VW)
#pragma GCC unroll 4
    for (int m = 0; m < MR; m++)
      sum[m][0] = vf_fma(vf_load_as(kind, kind_at(kind, v->w, at + k)),
                         vf_load(x + m * v->x_stride + k), sum[m][0]);
#pragma GCC unroll 4
  for (int m = 0; m < MR; m++) {
    vf all = sum[m][0] + sum[m][1];
    if (chains == 4) all += sum[m][2] + sum[m][3];
    out[m] = vf_reduce_add(all);
    for (int64_t r = k; r < v->k; r++)
      out[m] += kind_load(kind, kind_at(kind, v->w, at + r)) * x[m * v->x_stride + r];
  }
}

/* TILE_ROWS rows of w by TILE_X vectors x: what is loaded of the ones serves all of the others. */
#if VW == 16
#define TILE_ROWS 3
#define TILE_X 8
#else
#define TILE_ROWS 2
#define TILE_X 4
#endif
#define TILE_SUMS ((TILE_ROWS * TILE_X + VW - 1) / VW * VW)

/* Rows from n on by `count` <= TILE_X vectors; past the last, that one again. Fetches the rows
 * after these. */
V_INLINE void dot_tile(const mx_gemv *v, const float *first, int64_t count, int64_t n,
                       float_kind kind, float *sums) {
  const int size = kind_size(kind);
  const float *x[TILE_X];
  vf sum[TILE_SUMS];
  float each[TILE_SUMS];
  int64_t k = 0;
#pragma GCC unroll 8
  for (int m = 0; m < TILE_X; m++) x[m] = first + (m < count ? m : count - 1) * v->x_stride;
#pragma GCC unroll 24
  for (int i = 0; i < TILE_SUMS; i++) sum[i] = vf_set(0);
  for (; k + VW <= v->k; k += VW) {
    vf w[TILE_ROWS];
#pragma GCC unroll 4
    for (int r = 0; r < TILE_ROWS; r++) {
      int64_t at = (n + r) * v->w_stride + k;
      w[r] = vf_load_as(kind, kind_at(kind, v->w, at));
      __builtin_prefetch((const char *)v->w + (at + TILE_ROWS * v->w_stride) * size);
    }
#pragma GCC unroll 8
    for (int m = 0; m < TILE_X; m++) {
      vf y = vf_load(x[m] + k);
#ifdef __AVX512F__
      __asm__("" : "+v"(y)); /* or it is loaded for each row */
#endif
#pragma GCC unroll 4
      for (int r = 0; r < TILE_ROWS; r++)
        sum[r * TILE_X + m] = vf_fma(w[r], y, sum[r * TILE_X + m]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < TILE_SUMS; i += VW) vf_store(each + i, vf_sum_each(sum + i));
  for (int r = 0; r < TILE_ROWS; r++)
    for (int m = 0; m < count; m++) {
      float rest = 0;
      for (int64_t i = k; i < v->k; i++)
        rest += kind_load(kind, kind_at(kind, v->w, (n + r) * v->w_stride + i)) * x[m][i];
      sums[r * v->m + m] = each[r * TILE_X + m] + rest;
    }
}

V_INLINE void dot_rows(const mx_gemv *v, int64_t begin, int64_t end, float_kind kind, float *sums) {
  const float *x = v->x;
  for (; v->m > 4 && end - begin >= TILE_ROWS; begin += TILE_ROWS, sums += TILE_ROWS * v->m)
    for (int64_t m = 0; m < v->m; m += TILE_X)
      dot_tile(v, x + m * v->x_stride, v->m - m < TILE_X ? v->m - m : TILE_X, begin, kind,
               sums + m);
  for (int64_t n = begin; n < end; n++, sums += v->m) {
    int64_t m = 0;
    for (; m + 4 <= v->m; m += 4) dot_floats(v, x + m * v->x_stride, n, kind, 4, sums + m);
    if (m + 2 <= v->m) {
      dot_floats(v, x + m * v->x_stride, n, kind, 2, sums + m);
      m += 2;
    }
    if (m < v->m) dot_floats(v, x + m * v->x_stride, n, kind, 1, sums + m);
  }
}

static void dot_doubles(const mx_gemv *v, int64_t begin, int64_t end, double *sums) {
  for (int64_t n = begin; n < end; n++)
    for (int64_t m = 0; m < v->m; m++) {
      const double *w = (const double *)v->w + n * v->w_stride,
                   *x = (const double *)v->x + m * v->x_stride;
      double part[16] = {0};
      int64_t k = 0;
      for (; k + 16 <= v->k; k += 16)
        for (int i = 0; i < 16; i++) part[i] += w[k + i] * x[k + i];
      for (; k < v->k; k++) part[k % 16] += w[k] * x[k];
      for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++) part[i] += part[i + half];
      *sums++ = part[0];
    }
}

void MX_KERNEL(gemv_dot)(const mx_gemv *v, int64_t begin, int64_t end, void *sums) {
  switch (v->dtype) {
  case MX_FLOAT32: dot_rows(v, begin, end, KIND_f32, sums); break;
  case MX_BFLOAT16: dot_rows(v, begin, end, KIND_bf16, sums); break;
  case MX_FLOAT16: dot_rows(v, begin, end, KIND_f16, sums); break;
  default: dot_doubles(v, begin, end, sums);
  }
}

/* Four rows of w at a time, each scaled by its x, onto the sums of one vector x. */
V_INLINE void axpy_floats(const mx_gemv *v, int64_t begin, int64_t n, float_kind kind,
                          const float *x, float *sums) {
  int64_t k = 0;
  for (; k + 4 <= v->k; k += 4) {
    int64_t at = k * v->w_stride + begin, i = 0;
    vf x0 = vf_set(x[k]), x1 = vf_set(x[k + 1]), x2 = vf_set(x[k + 2]), x3 = vf_set(x[k + 3]);
    for (; i + VW <= n; i += VW) {
      vf s = vf_load(sums + i);
      s = vf_fma(x0, vf_load_as(kind, kind_at(kind, v->w, at + i)), s);
      s = vf_fma(x1, vf_load_as(kind, kind_at(kind, v->w, at + v->w_stride + i)), s);
      s = vf_fma(x2, vf_load_as(kind, kind_at(kind, v->w, at + 2 * v->w_stride + i)), s);
      s = vf_fma(x3, vf_load_as(kind, kind_at(kind, v->w, at + 3 * v->w_stride + i)), s);
      vf_store(sums + i, s);
    }
    for (; i < n; i++)
      for (int j = 0; j < 4; j++)
        sums[i] += x[k + j] * kind_load(kind, kind_at(kind, v->w, at + j * v->w_stride + i));
  }
  for (; k < v->k; k++)
    for (int64_t i = 0; i < n; i++)
      sums[i] += x[k] * kind_load(kind, kind_at(kind, v->w, k * v->w_stride + begin + i));
}

/* The rows are taken in runs that stay in the cache for the second vector x and those after it. */
V_INLINE void axpy_rows(const mx_gemv *v, int64_t begin, int64_t end, float_kind kind,
                        float *sums) {
  int64_t n = end - begin;
  memset(sums, 0, (size_t)(n * v->m) * sizeof *sums);
  for (int64_t k = 0; k < v->k; k += 32) {
    mx_gemv part = *v;
    part.w = kind_at(kind, v->w, k * v->w_stride);
    part.k = v->k - k < 32 ? v->k - k : 32;
    for (int64_t m = 0; m < v->m; m++)
      axpy_floats(&part, begin, n, kind, (const float *)v->x + m * v->x_stride + k, sums + m * n);
  }
}

static void axpy_doubles(const mx_gemv *v, int64_t begin, int64_t end, double *sums) {
  int64_t n = end - begin;
  memset(sums, 0, (size_t)(n * v->m) * sizeof *sums);
  for (int64_t k = 0; k < v->k; k++)
    for (int64_t m = 0; m < v->m; m++) {
      const double *w = (const double *)v->w + k * v->w_stride + begin;
      double x = ((const double *)v->x)[m * v->x_stride + k];
      for (int64_t i = 0; i < n; i++) sums[m * n + i] += x * w[i];
    }
}

void MX_KERNEL(gemv_axpy)(const mx_gemv *v, int64_t begin, int64_t end, void *sums) {
  switch (v->dtype) {
  case MX_FLOAT32: axpy_rows(v, begin, end, KIND_f32, sums); break;
  case MX_BFLOAT16: axpy_rows(v, begin, end, KIND_bf16, sums); break;
  case MX_FLOAT16: axpy_rows(v, begin, end, KIND_f16, sums); break;
  default: axpy_doubles(v, begin, end, sums);
  }
}
