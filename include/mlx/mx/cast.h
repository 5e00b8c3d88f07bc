/* Conversions of dtype and layout. */
#ifndef MLX_MX_CAST_H
#define MLX_MX_CAST_H

#include "mlx/mx/array.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The elements converted to dtype (floats to integers truncate; complex to real drops the imaginary
 * part); the array itself where it has that dtype already. */
MX_API mx mx_astype(mx a, mx_dtype dtype);
/* The bytes reinterpreted: the last axis shrinks or grows by the ratio of the element sizes. */
MX_API mx mx_view(mx a, mx_dtype dtype);
/* The array in row-major order (or, if allowed, column-major as it is); itself where it is already.
 */
typedef struct {
  bool allow_col_major;
} mx_contiguous_args;
MX_API mx mx_contiguous_with(mx a, mx_contiguous_args args);
#define mx_contiguous(a, ...) mx_contiguous_with(a, (mx_contiguous_args){__VA_ARGS__})
/* A copy that shares the data until somebody needs it for himself. */
MX_API mx mx_copy(mx a);
/* Like `a`, but evaluated only after `dependencies` are: out[count] for arrays[count]. */
MX_API bool mx_depends(const mx *arrays, int count, const mx *dependencies, int dependency_count,
                       mx *out);
/* Blocks gradients; the identity otherwise. */
MX_API mx mx_stop_gradient(mx a);

#ifdef __cplusplus
}
#endif
#endif
