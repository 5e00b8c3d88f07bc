/* RMS and layer normalisation: one pass for the statistics (two where the mean is taken off), one
 * for the result, while the row is in cache. */
#include "kernels/norm.h"
#include "kernels/kinds.h"

#include <stdbool.h>

/* Sum of (x - mean)^2, in four registers of partial sums. */
V_INLINE float centred_squares(float_kind kind, const void *x, int64_t n, float mean) {
  vf sums[4] = {{0}};
  int64_t i = 0;
  for (; i + 4 * VW <= n; i += 4 * VW)
    for (int u = 0; u < 4; u++) {
      vf v = vf_load_as(kind, kind_at(kind, x, i + u * VW)) - mean;
      sums[u] += v * v;
    }
  for (; i + VW <= n; i += VW) {
    vf v = vf_load_as(kind, kind_at(kind, x, i)) - mean;
    sums[0] += v * v;
  }
  if (i < n) {
    vf v = vf_keep(vf_load_part_as(kind, kind_at(kind, x, i), n - i) - mean, n - i, 0);
    sums[1] += v * v;
  }
  return vf_reduce_add((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

V_INLINE float row_sum(float_kind kind, const void *x, int64_t n) {
  vf sums[4] = {{0}};
  int64_t i = 0;
  for (; i + 4 * VW <= n; i += 4 * VW)
    for (int u = 0; u < 4; u++) sums[u] += vf_load_as(kind, kind_at(kind, x, i + u * VW));
  for (; i + VW <= n; i += VW) sums[0] += vf_load_as(kind, kind_at(kind, x, i));
  if (i < n) sums[1] += vf_load_part_as(kind, kind_at(kind, x, i), n - i);
  return vf_reduce_add((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

/* out = (x - mean) * factor * weight + bias */
V_INLINE void write_row(float_kind kind, const void *x, const void *weight, const void *bias,
                        void *out, int64_t n, float mean, float factor) {
  int64_t i = 0;
  for (; i + VW <= n; i += VW) {
    vf v = (vf_load_as(kind, kind_at(kind, x, i)) - mean) * factor;
    if (weight) v *= vf_load_as(kind, kind_at(kind, weight, i));
    if (bias) v += vf_load_as(kind, kind_at(kind, bias, i));
    vf_store_as(kind, kind_to(kind, out, i), v);
  }
  if (i < n) {
    vf v = (vf_load_part_as(kind, kind_at(kind, x, i), n - i) - mean) * factor;
    if (weight) v *= vf_load_part_as(kind, kind_at(kind, weight, i), n - i);
    if (bias) v += vf_load_part_as(kind, kind_at(kind, bias, i), n - i);
    vf_store_part_as(kind, kind_to(kind, out, i), v, n - i);
  }
}

V_INLINE void rms_norm(float_kind kind, const void *x, int64_t x_row, const void *weight, void *out,
                       int64_t rows, int64_t n, float eps) {
  for (int64_t r = 0; r < rows; r++) {
    const void *row = kind_at(kind, x, r * x_row);
    float factor = 1 / sqrtf(centred_squares(kind, row, n, 0) / (float)n + eps);
    write_row(kind, row, weight, NULL, kind_to(kind, out, r * n), n, 0, factor);
  }
}

V_INLINE void layer_norm(float_kind kind, const void *x, int64_t x_row, const void *weight,
                         const void *bias, void *out, int64_t rows, int64_t n, float eps) {
  for (int64_t r = 0; r < rows; r++) {
    const void *row = kind_at(kind, x, r * x_row);
    float mean = row_sum(kind, row, n) / (float)n;
    float factor = 1 / sqrtf(centred_squares(kind, row, n, mean) / (float)n + eps);
    write_row(kind, row, weight, bias, kind_to(kind, out, r * n), n, mean, factor);
  }
}

#define FOR_KIND(T)                                                  \
  void MX_KERNEL(rms_norm_##T) MX_RMS_NORM_PARAMETERS {              \
    rms_norm(KIND_##T, x, x_row, weight, out, rows, n, eps);         \
  }                                                                  \
  void MX_KERNEL(layer_norm_##T) MX_LAYER_NORM_PARAMETERS {          \
    layer_norm(KIND_##T, x, x_row, weight, bias, out, rows, n, eps); \
  }
FOR_KIND(f32)
FOR_KIND(f16)
FOR_KIND(bf16)

static void norm_row_f64(const double *x, const double *weight, const double *bias, double *out,
                         int64_t n, bool centre, double eps) {
  double mean = 0, squares = 0;
  if (centre) {
    for (int64_t i = 0; i < n; i++) mean += x[i];
    mean /= (double)n;
  }
  for (int64_t i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
  double factor = 1 / sqrt(squares / (double)n + eps);
  for (int64_t i = 0; i < n; i++) {
    double v = (x[i] - mean) * factor;
    if (weight) v *= weight[i];
    out[i] = bias ? v + bias[i] : v;
  }
}

void MX_KERNEL(rms_norm_f64) MX_RMS_NORM_PARAMETERS {
  for (int64_t r = 0; r < rows; r++)
    norm_row_f64((const double *)x + r * x_row, weight, NULL, (double *)out + r * n, n, false, eps);
}

void MX_KERNEL(layer_norm_f64) MX_LAYER_NORM_PARAMETERS {
  for (int64_t r = 0; r < rows; r++)
    norm_row_f64((const double *)x + r * x_row, weight, bias, (double *)out + r * n, n, true, eps);
}
