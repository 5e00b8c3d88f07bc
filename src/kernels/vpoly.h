/* Polynomials of vectors, the coefficients of the lowest powers first. */
#ifndef KERNELS_VPOLY_H
#define KERNELS_VPOLY_H

#include "kernels/simd.h"

/* c[0] + c[1] x + ... + c[n-1] x^(n-1) */
V_INLINE vf vf_horner(vf x, const float *c, int n) {
  vf sum = vf_set(c[n - 1]);
  _Pragma("GCC unroll 16") for (int i = n - 2; i >= 0; i--) sum = vf_fma(sum, x, vf_set(c[i]));
  return sum;
}
V_INLINE vd vd_horner(vd x, const double *c, int n) {
  vd sum = vd_set(c[n - 1]);
  _Pragma("GCC unroll 16") for (int i = n - 2; i >= 0; i--) sum = vd_fma(sum, x, vd_set(c[i]));
  return sum;
}
#define VF_POLY(x, ...)                                                     \
  ({                                                                        \
    static const float coefficients[] = {__VA_ARGS__};                      \
    vf_horner(x, coefficients, sizeof coefficients / sizeof *coefficients); \
  })
#define VD_POLY(x, ...)                                                     \
  ({                                                                        \
    static const double coefficients[] = {__VA_ARGS__};                     \
    vd_horner(x, coefficients, sizeof coefficients / sizeof *coefficients); \
  })

#endif
