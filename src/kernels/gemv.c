/* Products of a few vectors with a matrix that is read once: dot products where its rows run along
 * k, sums of scaled rows where they run across. */
#include "kernels/gemm.h"
#include "kernels/kinds.h"

#include <string.h>

V_INLINE vf floats_of(const void *p, int64_t i, mx_dtype dtype) {
  if (dtype == MX_FLOAT32) return vf_load((const float *)p + i);
  vh h;
  memcpy(&h, (const uint16_t *)p + i, sizeof h);
  return dtype == MX_BFLOAT16 ? vf_of_bf16(h) : vf_of_f16(h);
}

V_INLINE float float_at(const void *p, int64_t i, mx_dtype dtype) {
  if (dtype == MX_FLOAT32) return ((const float *)p)[i];
  uint16_t h = ((const uint16_t *)p)[i];
  return dtype == MX_BFLOAT16 ? mx_bf16_to_f32((mx_bf16){h}) : mx_f16_to_f32((mx_f16){h});
}

V_INLINE float sum_of(vf v) {
  float s[VW];
  vf_store(s, v);
  for (int n = VW / 2; n > 0; n /= 2)
    for (int i = 0; i < n; i++) s[i] += s[i + n];
  return s[0];
}

#define AHEAD 3072 /* bytes of w from the reading to the prefetch, across pages and rows */

/* MR vectors x against one row, four running sums for a single x and two for more. */
V_INLINE void dot_floats(const mx_gemv *v, const float *x, int64_t n, mx_dtype dtype, int MR,
                         float *out) {
  enum { CHAINS = 4 };
  const int chains = MR == 1 ? CHAINS : 2, size = dtype == MX_FLOAT32 ? 4 : 2;
  int64_t at = n * v->w_stride, k = 0;
  vf sum[4][CHAINS] = {{{0}}};
  for (; k + chains * VW <= v->k; k += chains * VW) {
    for (int b = 0; b < chains * VW * size; b += 64)
      __builtin_prefetch((const char *)v->w + (at + k) * size + AHEAD + b);
#pragma GCC unroll 4
    for (int c = 0; c < chains; c++) {
      vf w = floats_of(v->w, at + k + c * VW, dtype);
#pragma GCC unroll 4
      for (int m = 0; m < MR; m++)
        sum[m][c] = vf_fma(w, vf_load(x + m * v->x_stride + k + c * VW), sum[m][c]);
    }
  }
  for (; k + VW <= v->k; k += VW)
#pragma GCC unroll 4
    for (int m = 0; m < MR; m++)
      sum[m][0] =
          vf_fma(floats_of(v->w, at + k, dtype), vf_load(x + m * v->x_stride + k), sum[m][0]);
#pragma GCC unroll 4
  for (int m = 0; m < MR; m++) {
    vf all = sum[m][0] + sum[m][1];
    if (chains == 4) all += sum[m][2] + sum[m][3];
    out[m] = sum_of(all);
    for (int64_t r = k; r < v->k; r++)
      out[m] += float_at(v->w, at + r, dtype) * x[m * v->x_stride + r];
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
                       mx_dtype dtype, float *sums) {
  const int size = dtype == MX_FLOAT32 ? 4 : 2;
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
      w[r] = floats_of(v->w, at, dtype);
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
        rest += float_at(v->w, (n + r) * v->w_stride + i, dtype) * x[m][i];
      sums[r * v->m + m] = each[r * TILE_X + m] + rest;
    }
}

V_INLINE void dot_rows(const mx_gemv *v, int64_t begin, int64_t end, mx_dtype dtype, float *sums) {
  const float *x = v->x;
  for (; v->m > 4 && end - begin >= TILE_ROWS; begin += TILE_ROWS, sums += TILE_ROWS * v->m)
    for (int64_t m = 0; m < v->m; m += TILE_X)
      dot_tile(v, x + m * v->x_stride, v->m - m < TILE_X ? v->m - m : TILE_X, begin, dtype,
               sums + m);
  for (int64_t n = begin; n < end; n++, sums += v->m) {
    int64_t m = 0;
    for (; m + 4 <= v->m; m += 4) dot_floats(v, x + m * v->x_stride, n, dtype, 4, sums + m);
    if (m + 2 <= v->m) {
      dot_floats(v, x + m * v->x_stride, n, dtype, 2, sums + m);
      m += 2;
    }
    if (m < v->m) dot_floats(v, x + m * v->x_stride, n, dtype, 1, sums + m);
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
  case MX_FLOAT32: dot_rows(v, begin, end, MX_FLOAT32, sums); break;
  case MX_BFLOAT16: dot_rows(v, begin, end, MX_BFLOAT16, sums); break;
  case MX_FLOAT16: dot_rows(v, begin, end, MX_FLOAT16, sums); break;
  default: dot_doubles(v, begin, end, sums);
  }
}

/* Four rows of w at a time, each scaled by its x, onto the sums of one vector x. */
V_INLINE void axpy_floats(const mx_gemv *v, int64_t begin, int64_t n, mx_dtype dtype,
                          const float *x, float *sums) {
  int64_t k = 0;
  for (; k + 4 <= v->k; k += 4) {
    int64_t at = k * v->w_stride + begin, i = 0;
    vf x0 = vf_set(x[k]), x1 = vf_set(x[k + 1]), x2 = vf_set(x[k + 2]), x3 = vf_set(x[k + 3]);
    for (; i + VW <= n; i += VW) {
      vf s = vf_load(sums + i);
      s = vf_fma(x0, floats_of(v->w, at + i, dtype), s);
      s = vf_fma(x1, floats_of(v->w, at + v->w_stride + i, dtype), s);
      s = vf_fma(x2, floats_of(v->w, at + 2 * v->w_stride + i, dtype), s);
      s = vf_fma(x3, floats_of(v->w, at + 3 * v->w_stride + i, dtype), s);
      vf_store(sums + i, s);
    }
    for (; i < n; i++)
      for (int j = 0; j < 4; j++)
        sums[i] += x[k + j] * float_at(v->w, at + j * v->w_stride + i, dtype);
  }
  for (; k < v->k; k++)
    for (int64_t i = 0; i < n; i++)
      sums[i] += x[k] * float_at(v->w, k * v->w_stride + begin + i, dtype);
}

/* The rows are taken in runs that stay in the cache for the second vector x and those after it. */
V_INLINE void axpy_rows(const mx_gemv *v, int64_t begin, int64_t end, mx_dtype dtype, float *sums) {
  int64_t n = end - begin;
  memset(sums, 0, (size_t)(n * v->m) * sizeof *sums);
  for (int64_t k = 0; k < v->k; k += 32) {
    mx_gemv part = *v;
    part.w = (const char *)v->w + k * v->w_stride * (dtype == MX_FLOAT32 ? 4 : 2);
    part.k = v->k - k < 32 ? v->k - k : 32;
    for (int64_t m = 0; m < v->m; m++)
      axpy_floats(&part, begin, n, dtype, (const float *)v->x + m * v->x_stride + k, sums + m * n);
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
  case MX_FLOAT32: axpy_rows(v, begin, end, MX_FLOAT32, sums); break;
  case MX_BFLOAT16: axpy_rows(v, begin, end, MX_BFLOAT16, sums); break;
  case MX_FLOAT16: axpy_rows(v, begin, end, MX_FLOAT16, sums); break;
  default: axpy_doubles(v, begin, end, sums);
  }
}
