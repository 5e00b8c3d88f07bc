/* Elements by index arrays. Indices are integers of any dtype; signed ones that are negative count
 * from the end. An index that is still outside its axis is held to the axis' ends (MLX leaves that
 * undefined). */
#ifndef MLX_MX_INDEX_H
#define MLX_MX_INDEX_H

#include "mlx/mx/array.h"
#include "mlx/mx/shape.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mx_axis_args {
  int axis;
} mx_axis_args;
#define MX_AXIS_ARGS_(...) ((mx_axis_args){.axis = MX_NO_AXIS, __VA_ARGS__})

/* The axis replaced by the indices' axes: shape [a's before it, indices' shape, a's after it].
 * Without an axis, of the flattened array. */
MX_API mx mx_take_with(mx a, mx indices, mx_axis_args args);
#define mx_take(a, indices, ...) mx_take_with(a, indices, MX_AXIS_ARGS_(__VA_ARGS__))
/* One index: the axis disappears. */
MX_API mx mx_take_one_with(mx a, int index, mx_axis_args args);
#define mx_take_one(a, index, ...) mx_take_one_with(a, index, MX_AXIS_ARGS_(__VA_ARGS__))

/* out[i, j, k] = a[i, indices[i, j, k], k] (here along axis 1): both have the same number of
 * dimensions and broadcast against each other but for the axis. Without an axis, of flattened
 * `a` and one-dimensional indices. */
MX_API mx mx_take_along_axis_with(mx a, mx indices, mx_axis_args args);
#define mx_take_along_axis(a, indices, ...) \
  mx_take_along_axis_with(a, indices, MX_AXIS_ARGS_(__VA_ARGS__))
/* a with a[i, indices[i, j, k], k] = values[i, j, k]; values broadcast to the indices and take a's
 * dtype. Where places repeat, the last one counts. */
MX_API mx mx_put_along_axis_with(mx a, mx indices, mx values, mx_axis_args args);
#define mx_put_along_axis(a, indices, values, ...) \
  mx_put_along_axis_with(a, indices, values, MX_AXIS_ARGS_(__VA_ARGS__))
/* The same, adding. */
MX_API mx mx_scatter_add_axis(mx a, mx indices, mx values, int axis);

/* For each place of the index arrays (broadcast together), the slice of `a` of slice_sizes
 * [a.ndim] whose corner lies at indices[i] along axes[i] and at 0 elsewhere: shape [index shape,
 * slice_sizes]. */
MX_API mx mx_gather(mx a, const mx *indices, int count, mx_ints axes, mx_ints slice_sizes);

/* The converse: a copy of `a` in which the slices updates[place, ...] are stored, added, multiplied
 * in, or kept where larger or smaller. updates [index shape, slice sizes] takes a's dtype. Where
 * slices meet, they are applied in the order of their places. */
MX_API mx mx_scatter(mx a, const mx *indices, int count, mx updates, mx_ints axes);
MX_API mx mx_scatter_add(mx a, const mx *indices, int count, mx updates, mx_ints axes);
MX_API mx mx_scatter_prod(mx a, const mx *indices, int count, mx updates, mx_ints axes);
MX_API mx mx_scatter_max(mx a, const mx *indices, int count, mx updates, mx_ints axes);
MX_API mx mx_scatter_min(mx a, const mx *indices, int count, mx updates, mx_ints axes);

/* `a` with its elements where mask (bool, shaped like a's first axes) holds replaced by the values
 * in order, row after row; value broadcasts to [masked places, a's other axes]. Too few values are
 * an error when the result is evaluated. */
MX_API mx mx_masked_scatter(mx a, mx mask, mx value);

#ifdef __cplusplus
}
#endif
#endif
