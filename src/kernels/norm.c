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

/* Elements [i, i + count) of a row, of which count may be less than a register. */
typedef struct {
  float_kind kind;
  const void *x, *t, *weight;
  float mean;
} vjp_row;

V_INLINE vf load_some(float_kind kind, const void *p, int64_t i, int64_t count) {
  return count >= VW ? vf_load_as(kind, kind_at(kind, p, i))
                     : vf_load_part_as(kind, kind_at(kind, p, i), count);
}
V_INLINE void store_some(float_kind kind, void *p, int64_t i, vf v, int64_t count) {
  if (count >= VW)
    vf_store_as(kind, kind_to(kind, p, i), v);
  else
    vf_store_part_as(kind, kind_to(kind, p, i), v, count);
}

/* The cotangent times the weight; 0 past the row. */
V_INLINE vf weighted(const vjp_row *r, int64_t i, int64_t count) {
  vf g = load_some(r->kind, r->t, i, count);
  return r->weight ? g * load_some(r->kind, r->weight, i, count) : g;
}

/* Over the row, sums of the weighted cotangents and of their products with x - mean. */
V_INLINE void vjp_sums(const vjp_row *r, int64_t n, float *plain, float *along) {
  vf sums = {0}, products = {0};
  for (int64_t i = 0; i < n; i += VW) {
    vf g = weighted(r, i, n - i);
    sums += g;
    products += g * (load_some(r->kind, r->x, i, n - i) - r->mean);
  }
  *plain = vf_reduce_add(sums);
  *along = vf_reduce_add(products);
}

/* dx = factor (g - shift) - along (x - mean), dw += t (x - mean) factor, db += t */
V_INLINE void vjp_write(const vjp_row *r, int64_t n, float factor, float shift, float along,
                        void *dx, float *dw, float *db) {
  for (int64_t i = 0; i < n; i += VW) {
    int64_t count = n - i;
    vf c = load_some(r->kind, r->x, i, count) - r->mean, t = load_some(r->kind, r->t, i, count);
    store_some(r->kind, dx, i, (weighted(r, i, count) - shift) * factor - c * along, count);
    store_some(KIND_f32, dw, i, load_some(KIND_f32, dw, i, count) + t * c * factor, count);
    if (db) store_some(KIND_f32, db, i, load_some(KIND_f32, db, i, count) + t, count);
  }
}

V_INLINE void norm_vjp(float_kind kind, const void *x, const void *t, const void *weight, void *dx,
                       void *dw, void *db, int64_t rows, int64_t n, float eps, bool centre) {
  for (int64_t row = 0; row < rows; row++) {
    vjp_row r = {kind, kind_at(kind, x, row * n), kind_at(kind, t, row * n), weight, 0};
    float plain, along, length = (float)n;
    if (centre) r.mean = row_sum(kind, r.x, n) / length;
    float factor = 1 / sqrtf(centred_squares(kind, r.x, n, r.mean) / length + eps);
    vjp_sums(&r, n, &plain, &along);
    along *= factor * factor * factor / length;
    vjp_write(&r, n, factor, centre ? plain / length : 0, along, kind_to(kind, dx, row * n), dw,
              db);
  }
}

#define FOR_KIND(T)                                                      \
  void MX_KERNEL(norm_vjp_##T) MX_NORM_VJP_PARAMETERS {                  \
    if (centre)                                                          \
      norm_vjp(KIND_##T, x, t, weight, dx, dw, db, rows, n, eps, true);  \
    else                                                                 \
      norm_vjp(KIND_##T, x, t, weight, dx, dw, db, rows, n, eps, false); \
  }                                                                      \
  void MX_KERNEL(rms_norm_##T) MX_RMS_NORM_PARAMETERS {                  \
    rms_norm(KIND_##T, x, x_row, weight, out, rows, n, eps);             \
  }                                                                      \
  void MX_KERNEL(layer_norm_##T) MX_LAYER_NORM_PARAMETERS {              \
    layer_norm(KIND_##T, x, x_row, weight, bias, out, rows, n, eps);     \
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

static void norm_vjp_row_f64(const double *x, const double *t, const double *weight, double *dx,
                             double *dw, double *db, int64_t n, double eps, bool centre) {
  double mean = 0, squares = 0, plain = 0, along = 0, length = (double)n;
  for (int64_t i = 0; i < n && centre; i++) mean += x[i] / length;
  for (int64_t i = 0; i < n; i++) {
    double g = weight ? t[i] * weight[i] : t[i];
    squares += (x[i] - mean) * (x[i] - mean);
    plain += g;
    along += g * (x[i] - mean);
  }
  double factor = 1 / sqrt(squares / length + eps), shift = centre ? plain / length : 0;
  along *= factor * factor * factor / length;
  for (int64_t i = 0; i < n; i++) {
    double g = weight ? t[i] * weight[i] : t[i];
    dx[i] = (g - shift) * factor - (x[i] - mean) * along;
    dw[i] += t[i] * (x[i] - mean) * factor;
    if (db) db[i] += t[i];
  }
}

void MX_KERNEL(norm_vjp_f64) MX_NORM_VJP_PARAMETERS {
  for (int64_t r = 0; r < rows; r++)
    norm_vjp_row_f64((const double *)x + r * n, (const double *)t + r * n, weight,
                     (double *)dx + r * n, dw, db, n, eps, centre);
}
