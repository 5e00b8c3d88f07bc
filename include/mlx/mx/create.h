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
/* `num` evenly spaced numbers from start to stop, both included. */
MX_API mx mx_linspace(double start, double stop, int num, mx_dtype dtype);
/* [n, m], ones on diagonal k (0 the main one, above it positive), zeros elsewhere. */
MX_API mx mx_eye(int n, int m, int k, mx_dtype dtype);
MX_API mx mx_identity(int n, mx_dtype dtype);
/* [n, m], ones on diagonal k and below it. */
MX_API mx mx_tri(int n, int m, int k, mx_dtype dtype);
/* The last two axes with zeros above, or below, diagonal k. */
MX_API mx mx_tril(mx a, int k);
MX_API mx mx_triu(mx a, int k);

#ifdef __cplusplus
}
#endif
#endif
