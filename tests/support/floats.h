/* Buffers of floats in any storage, for tests that compare kernels with sums in double. */
#ifndef TESTS_SUPPORT_FLOATS_H
#define TESTS_SUPPORT_FLOATS_H

#include "base/half.h"
#include "mlx/mx/dtype.h"

#include <math.h>
#include <stdlib.h>

static inline void put_float(mx_dtype dtype, void *p, int64_t i, double value) {
  if (dtype == MX_FLOAT64) ((double *)p)[i] = value;
  if (dtype == MX_FLOAT32) ((float *)p)[i] = (float)value;
  if (dtype == MX_FLOAT16) ((mx_f16 *)p)[i] = mx_f32_to_f16((float)value);
  if (dtype == MX_BFLOAT16) ((mx_bf16 *)p)[i] = mx_f32_to_bf16((float)value);
}

static inline double get_float(mx_dtype dtype, const void *p, int64_t i) {
  if (dtype == MX_FLOAT64) return ((const double *)p)[i];
  if (dtype == MX_FLOAT32) return (double)((const float *)p)[i];
  if (dtype == MX_FLOAT16) return (double)mx_f16_to_f32(((const mx_f16 *)p)[i]);
  return (double)mx_bf16_to_f32(((const mx_bf16 *)p)[i]);
}

/* A repeatable number in [-1, 1). */
static inline double next_float(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (double)(int64_t)(*state >> 11) * 0x1p-52 - 1;
}

/* n numbers in [-scale, scale), allocated to the element so that a sanitizer sees what is past
 * them. */
static inline void *some_floats(mx_dtype dtype, int64_t n, double scale, uint64_t seed) {
  void *p = malloc((size_t)n * mx_dtype_size(dtype) + (n == 0));
  for (int64_t i = 0; i < n; i++) put_float(dtype, p, i, scale * next_float(&seed));
  return p;
}

/* Half a unit in the last place of the storage, relative. */
static inline double rounding(mx_dtype dtype) {
  return dtype == MX_FLOAT64   ? 0x1p-53
         : dtype == MX_FLOAT32 ? 0x1p-24
         : dtype == MX_FLOAT16 ? 0x1p-11
                               : 0x1p-8;
}

static const mx_dtype float_dtypes[] = {MX_FLOAT32, MX_FLOAT16, MX_BFLOAT16, MX_FLOAT64};

#endif
