/* RMS and layer normalisation of the last axis, over the thread pool. */
#ifndef DRIVERS_NORM_H
#define DRIVERS_NORM_H

#include "mlx/mx/dtype.h"

#include <stdint.h>

/* x has a shape of at least one dimension and strides in elements, the last 1 (or its length is 1).
 * out is row-major, of x's dtype, and may be x where x is row-major too. weight and bias are
 * contiguous, of x's dtype, or NULL. */
typedef struct mx_norm {
  mx_dtype dtype;
  const void *x;
  const int64_t *x_strides;
  const int32_t *shape;
  int ndim;
  const void *weight, *bias;
  void *out;
  float eps;
  bool centre; /* layer norm; else RMS norm, which takes no bias */
} mx_norm;

void mx_norm_run(const mx_norm *norm);

/* Gradients of the same for the cotangents t. x, t and dx are row-major [rows, n], dw and db [n];
 * all of one dtype. */
typedef struct mx_norm_vjp {
  mx_dtype dtype;
  const void *x, *t, *weight; /* weight may be NULL */
  void *dx, *dw, *db;         /* dw and db may be NULL */
  int64_t rows, n;
  float eps;
  bool centre;
} mx_norm_vjp;

/* False after mx_fail (no memory). */
bool mx_norm_vjp_run(const mx_norm_vjp *call);

#endif
