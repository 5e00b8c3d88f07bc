/* Kernels: variances in one pass over memory, as reductions (kernels/reduce.h) whose accumulators
 * are the mean of what was seen and the sum of the squared distances from it. */
#ifndef KERNELS_VARIANCE_H
#define KERNELS_VARIANCE_H

#include "kernels/reduce.h"

/* variance_set: for float32, float16 and bfloat16; NULL for other dtypes. Distances are taken in
 * float32 from the means of a few elements, which lie near them; means and sums are float64 (Chan,
 * Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances",
 * 1979). `finish` leaves the sums divided by `by`, rounded once. */
#define MX_KERNELS_VARIANCE(K) K(const mx_reduce_set *, variance_set, (mx_dtype dtype))

#ifdef MX_ISA
MX_KERNELS_VARIANCE(MX_DECLARE_KERNEL)
#endif

#endif
