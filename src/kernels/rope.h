/* Kernels: rotary position embedding, from tables of float32 cosines and sines with one row of
 * `half` a position. */
#ifndef KERNELS_ROPE_H
#define KERNELS_ROPE_H

#include "kernels/isa.h"

#include <stdbool.h>
#include <stdint.h>

/* Turns `rows` vectors: row r is x[r * x_row + i], its result out[r * out_row + i], for i in [0,
 * n), its angles cosines[r * angle_row + i], i in [0, half). The first 2 * half elements turn, in
 * pairs (i, i + half), or (2 i, 2 i + 1) where `traditional`; the others are copied. Turns back
 * unless `forward`. Computed in float32, or float64. */
#define MX_ROPE_PARAMETERS                                                                         \
  (const void *x, int64_t x_row, void *out, int64_t out_row, const float *cosines,                 \
   const float *sines, int64_t angle_row, int64_t rows, int64_t half, int64_t n, bool traditional, \
   bool forward)

/* `rows` rows of the tables: of the angles ((first + r) + offset) * scale * frequencies[i], every
 * operation in float32. */
#define MX_ROPE_ANGLES_PARAMETERS                                                                \
  (float first, float offset, int64_t rows, float scale, const float *frequencies, int64_t half, \
   float *cosines, float *sines)

#define MX_KERNELS_ROPE(K)                        \
  K(void, rope_angles, MX_ROPE_ANGLES_PARAMETERS) \
  K(void, rope_f32, MX_ROPE_PARAMETERS)           \
  K(void, rope_f16, MX_ROPE_PARAMETERS)           \
  K(void, rope_bf16, MX_ROPE_PARAMETERS)          \
  K(void, rope_f64, MX_ROPE_PARAMETERS)

#ifdef MX_ISA
MX_KERNELS_ROPE(MX_DECLARE_KERNEL)
#endif

#endif
