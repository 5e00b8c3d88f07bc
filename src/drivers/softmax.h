/* Softmax and log-sum-exp along one axis of strided memory, over the thread pool. */
#ifndef DRIVERS_SOFTMAX_H
#define DRIVERS_SOFTMAX_H

#include "mlx/mx/dtype.h"

#include <stdint.h>

/* out = softmax of x along the axis: row-major, x's shape and dtype (a float; the result may be x
 * itself where x is row-major). Strides are in elements. False after mx_fail (no memory). */
bool mx_softmax_axis(mx_dtype dtype, const void *x, const int64_t *x_strides, const int32_t *shape,
                     int ndim, int axis, void *out);

/* out = log of the sum of exponentials along the axis: row-major, the axis gone. The axis is not
 * empty. */
bool mx_logsumexp_axis(mx_dtype dtype, const void *x, const int64_t *x_strides,
                       const int32_t *shape, int ndim, int axis, void *out);

#endif
