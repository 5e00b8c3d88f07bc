/* Kernels: RMS and layer normalisation of rows. Rows are contiguous; `x_row` is the distance
 * between two of x, in elements, and the rows of out follow one another. Computed in float32 and
 * rounded once (in float64 for f64). weight and bias have x's kind and may be NULL (1 and 0). */
#ifndef KERNELS_NORM_H
#define KERNELS_NORM_H

#include "kernels/isa.h"

#include <stdint.h>

/* out = x / sqrt(mean(x^2) + eps) * weight */
#define MX_RMS_NORM_PARAMETERS \
  (const void *x, int64_t x_row, const void *weight, void *out, int64_t rows, int64_t n, float eps)

/* out = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias */
#define MX_LAYER_NORM_PARAMETERS                                                                \
  (const void *x, int64_t x_row, const void *weight, const void *bias, void *out, int64_t rows, \
   int64_t n, float eps)

/* The gradients of either (`centre`: of the second) for the cotangents t: dx, its rows one after
 * another; those of weight and bias, summed over the rows, are added to dw and db [n] (float,
 * double for f64; db may be NULL). Rows of x and t follow one another. */
#define MX_NORM_VJP_PARAMETERS                                                                   \
  (const void *x, const void *t, const void *weight, void *dx, void *dw, void *db, int64_t rows, \
   int64_t n, float eps, int centre)

#define MX_KERNELS_NORM(K)                           \
  K(void, norm_vjp_f32, MX_NORM_VJP_PARAMETERS)      \
  K(void, norm_vjp_f16, MX_NORM_VJP_PARAMETERS)      \
  K(void, norm_vjp_bf16, MX_NORM_VJP_PARAMETERS)     \
  K(void, norm_vjp_f64, MX_NORM_VJP_PARAMETERS)      \
  K(void, rms_norm_f32, MX_RMS_NORM_PARAMETERS)      \
  K(void, rms_norm_f16, MX_RMS_NORM_PARAMETERS)      \
  K(void, rms_norm_bf16, MX_RMS_NORM_PARAMETERS)     \
  K(void, rms_norm_f64, MX_RMS_NORM_PARAMETERS)      \
  K(void, layer_norm_f32, MX_LAYER_NORM_PARAMETERS)  \
  K(void, layer_norm_f16, MX_LAYER_NORM_PARAMETERS)  \
  K(void, layer_norm_bf16, MX_LAYER_NORM_PARAMETERS) \
  K(void, layer_norm_f64, MX_LAYER_NORM_PARAMETERS)

#ifdef MX_ISA
MX_KERNELS_NORM(MX_DECLARE_KERNEL)
#endif

#endif
