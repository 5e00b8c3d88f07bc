/* Functions of complex numbers that C's <complex.h> lacks, in float32 as MLX has them. */
#ifndef KERNELS_COMPLEX_H
#define KERNELS_COMPLEX_H

#include "kernels/complex.h"

#include <complex.h>
#include <math.h>
#include <string.h>

static inline float complex c64_load(const mx_complex64 *p) {
  float complex z;
  memcpy(&z, p, sizeof z);
  return z;
}
/* As CMPLXF, which not every compiler's <complex.h> has. */
static inline float complex c64_make(float re, float im) {
  return c64_load(&(mx_complex64){re, im});
}
static inline void c64_store(mx_complex64 *p, float complex z) { memcpy(p, &z, sizeof z); }

/* z times a real number that float32 has not. */
static inline float complex c64_times(float complex z, double by) {
  return c64_make((float)(crealf(z) * by), (float)(cimagf(z) * by));
}

/* Near 0, |1 + z|^2 - 1 is summed without its leading 1. */
static inline float complex c64_log1p(float complex z) {
  float x = crealf(z), y = cimagf(z), angle = atan2f(y, x + 1);
  if (cabsf(z) >= 0.5f) return c64_make(logf(hypotf(x + 1, y)), angle);
  double r = (double)x * (2 + (double)x) + (double)y * y;
  return c64_make(r == 0 ? x : (float)(0.5 * log1p(r)), angle);
}

/* (e^x - 1) + e^x (e^iy - 1) */
static inline float complex c64_expm1(float complex z) {
  double x = crealf(z), y = cimagf(z), half = sin(0.5 * y), e = exp(x);
  return c64_make((float)(expm1(x) - 2 * e * half * half),
                  y == 0 ? cimagf(z) : (float)(e * sin(y)));
}

/* 1 / (1 + e^-z), from the side on which the exponential does not overflow. */
static inline float complex c64_sigmoid(float complex z) {
  if (crealf(z) >= 0) return 1 / (1 + cexpf(-z));
  float complex e = cexpf(z);
  return e / (1 + e);
}

static inline float complex c64_sign(float complex z) { return z == 0 ? z : z / cabsf(z); }

#endif
