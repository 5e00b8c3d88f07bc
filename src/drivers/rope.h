/* Rotary position embedding of whole arrays, over the thread pool. */
#ifndef DRIVERS_ROPE_H
#define DRIVERS_ROPE_H

#include "mlx/mx/dtype.h"

#include <stdint.h>

/* x is (batch, heads, length, n), strides in elements, the last 1 (or n is 1); out is row-major and
 * may be x where x is row-major too. Position t of batch b stands at
 * (t + offsets[b]) * scale; `offset_count` is 1 (for all batches) or the number of batches. Pair i
 * of dims / 2 turns by position / wavelengths[i], or, where that is NULL, by position *
 * base^(-2 i / dims), each step in float32 as MLX computes it. */
typedef struct mx_rope {
  mx_dtype dtype;
  const void *x;
  int64_t shape[4], strides[4];
  void *out;
  int64_t dims;
  bool traditional, forward;
  float base, scale;
  const float *wavelengths;
  int64_t wavelength_step;
  const float *offsets;
  int64_t offset_count;
} mx_rope;

/* False after mx_fail (no memory). */
bool mx_rope_run(const mx_rope *rope);

#endif
