/* Whole products with quantised matrices, and whole quantisations, over the thread pool. Nothing is
 * checked here. */
#ifndef DRIVERS_QMM_H
#define DRIVERS_QMM_H

#include "kernels/qmm.h"

/* out[m][:] = x[m][:] W for rows m. W is [n, k] quantised along k, and transposed by the product
 * (`transpose`), or [k, n] quantised along n. x and out are of `dtype` (float32, float16 or
 * bfloat16); rows of x lie ldx elements apart, those of out ldo. k and n are such that whole groups
 * fit. Returns -1 after mx_fail where there is no memory for the work space. */
typedef struct mx_qmm_product {
  mx_qmm_weights w;
  const void *x;
  void *out;
  int64_t m, n, k, ldx, ldo;
  mx_dtype dtype;
  bool transpose;
} mx_qmm_product;

int mx_qmm(const mx_qmm_product *p);

/* `groups` groups of w, one after another, from and to affine quantisation (MLX's bits). */
void mx_qmm_quantize(const void *w, int64_t groups, int bits, int group, mx_dtype dtype,
                     void *packed, void *scales, void *biases);
void mx_qmm_dequantize(const mx_qmm_weights *w, int64_t groups, void *out);

#endif
