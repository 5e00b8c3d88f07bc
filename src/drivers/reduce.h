/* Whole reductions over any axes of a strided array. */
#ifndef DRIVERS_REDUCE_H
#define DRIVERS_REDUCE_H

#include "kernels/reduce.h"

#include <stdbool.h>
#include <stdint.h>

/* The dtype that a reduction of `dtype` yields: bool for AND and OR; for SUM and PROD of integers
 * 32 bits, or 64 where the elements have 64, of the same sign (bool gives int32); else dtype
 * itself. */
mx_dtype mx_reduce_dtype(mx_reduce_kind kind, mx_dtype dtype);

/* Reduces the axes i of `in` for which reduced[i] holds. Strides count elements, and may be zero or
 * negative. out is row-contiguous over the other axes. Reducing nothing at all gives the identity.
 * The result does not depend on the number of threads. Returns 0, or -1 after mx_fail when there is
 * no memory for scratch. */
int mx_drive_reduce(mx_reduce_kind kind, mx_dtype dtype, const void *in, int ndim,
                    const int32_t *shape, const int64_t *strides, const bool *reduced, void *out);

/* The same for variances of float32, float16 or bfloat16: the sum of the squared distances from the
 * mean, divided `by` a number, in dtype. */
int mx_drive_variance(mx_dtype dtype, const void *in, int ndim, const int32_t *shape,
                      const int64_t *strides, const bool *reduced, double by, void *out);

/* The index along `axis` (not empty) of the first element that is largest (kind MAX) or smallest
 * (MIN). NaN is skipped, but in the first place it stays (as in MLX). out is row-contiguous over
 * the other axes. */
int mx_drive_arg_reduce(mx_reduce_kind kind, mx_dtype dtype, const void *in, int ndim,
                        const int32_t *shape, const int64_t *strides, int axis, uint32_t *out);

#endif
