/* Arrays made from nothing but numbers. */
#ifndef MLX_MX_CREATE_H
#define MLX_MX_CREATE_H

#include "mlx/mx/array.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `value` (an array that broadcasts to the shape) as dtype, in every place. */
MX_API mx mx_full(mx_ints shape, mx value, mx_dtype dtype);
MX_API mx mx_full_like(mx a, mx value, mx_dtype dtype);
MX_API mx mx_zeros(mx_ints shape, mx_dtype dtype);
MX_API mx mx_ones(mx_ints shape, mx_dtype dtype);
MX_API mx mx_zeros_like(mx a);
MX_API mx mx_ones_like(mx a);
/* start, start + step, ... up to but without stop; computed in double, stored as dtype. */
MX_API mx mx_arange(double start, double stop, double step, mx_dtype dtype);
#ifdef __cplusplus
}
#endif
#endif
