/* Operations that move, cut and join arrays without computing: views where strides allow, copies
 * where they do not. Axes may be negative (from the end). Shapes of any rank, empty ones included.
 */
#ifndef MLX_MX_SHAPE_H
#define MLX_MX_SHAPE_H

#include "mlx/mx/array.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Marks an axis argument that was not given. */
#define MX_NO_AXIS INT32_MIN
/* A list argument that was not given. */
#define MX_NO_INTS ((mx_ints){NULL, -1})
/* Arrays as an argument pair: mx_concatenate(MX_LIST(a, b), 0). */
#define MX_LIST(...) \
  (const mx[]){__VA_ARGS__}, (int)(sizeof((const mx[]){__VA_ARGS__}) / sizeof(mx))

/* The same elements in row-major order under another shape; one length may be -1 (inferred). */
MX_API mx mx_reshape(mx a, mx_ints shape);
/* Axes [start, end] become one; a scalar becomes shape [1]. */
MX_API mx mx_flatten(mx a, int start_axis, int end_axis);
/* One axis becomes several, of these lengths (one may be -1). */
MX_API mx mx_unflatten(mx a, int axis, mx_ints shape);
/* Inserts axes of length 1 at these places of the result. */
MX_API mx mx_expand_dims(mx a, mx_ints axes);
/* Drops axes of length 1: those named, or all of them with MX_NO_INTS. */
MX_API mx mx_squeeze(mx a, mx_ints axes);
/* Repeats axes of length 1 (and new leading ones) to the shape, without copying. */
MX_API mx mx_broadcast_to(mx a, mx_ints shape);
/* out[count]: all broadcast against each other. False after mx_fail. */
MX_API bool mx_broadcast_arrays(const mx *arrays, int count, mx *out);
/* out.shape[i] = a.shape[axes[i]]; mx_transpose(a) reverses the axes. */
typedef struct {
  mx_ints axes;
} mx_transpose_args;
MX_API mx mx_transpose_with(mx a, mx_transpose_args args);
#define mx_transpose(a, ...) \
  mx_transpose_with(a, (mx_transpose_args){.axes = {NULL, -1}, __VA_ARGS__})
MX_API mx mx_moveaxis(mx a, int source, int destination);
MX_API mx mx_swapaxes(mx a, int axis1, int axis2);
/* A view of the flattened array: strides [shape.size] and offset in elements. The caller answers
 * for staying inside the array: what reaches outside is an error. */
MX_API mx mx_as_strided(mx a, mx_ints shape, const int64_t *strides, size_t offset);
MX_API mx mx_atleast_1d(mx a);
MX_API mx mx_atleast_2d(mx a);
MX_API mx mx_atleast_3d(mx a);

/* a[start:stop:step] along every axis, with Python's rules for negative and overlong bounds.
 * strides may be MX_NO_INTS (all 1). A step below 0 with stop below -dim runs to the front. */
MX_API mx mx_slice(mx a, mx_ints start, mx_ints stop, mx_ints strides);
/* a[..., start:stop, ...] along one axis. */
MX_API mx mx_slice_axis(mx a, int axis, int start, int stop);
/* A window of fixed size whose start along `axes` is an integer array [axes.size]. */
MX_API mx mx_slice_dynamic(mx a, mx start, mx_ints axes, mx_ints slice_size);
/* a with a[start:stop:step] = update (broadcast and cast to a's dtype). In place where nobody else
 * needs a. */
MX_API mx mx_slice_update(mx a, mx update, mx_ints start, mx_ints stop, mx_ints strides);
MX_API mx mx_slice_update_dynamic(mx a, mx update, mx start, mx_ints axes);
/* Equal parts along an axis, into out[parts]. False after mx_fail (out is NULLs then). */
MX_API bool mx_split(mx a, int parts, int axis, mx *out);
/* Parts cut before these indices, into out[indices.size + 1]. */
MX_API bool mx_split_at(mx a, mx_ints indices, int axis, mx *out);

/* Joins along an existing axis; dtypes are promoted. */
MX_API mx mx_concatenate(const mx *arrays, int count, int axis);
/* Joins along a new axis. */
MX_API mx mx_stack(const mx *arrays, int count, int axis);
/* Each element `repeats` times along the axis; MX_NO_AXIS flattens first. */
MX_API mx mx_repeat(mx a, int repeats, int axis);
/* The whole array repeats[i] times along axis i. */
MX_API mx mx_tile(mx a, mx_ints repeats);
/* Pads axes[i] by low[i] before and high[i] after, with a scalar (mode "constant") or with the edge
 * values (mode "edge"). */
MX_API mx mx_pad(mx a, mx_ints axes, mx_ints low, mx_ints high, mx value, const char *mode);
/* Shifts elements along axes, those that leave one end entering at the other. axes MX_NO_INTS:
 * over the flattened array by the sum of the shifts. */
MX_API mx mx_roll(mx a, mx_ints shift, mx_ints axes);
/* Coordinate arrays, into out[count]; indexing "xy" or "ij". False after mx_fail. */
MX_API bool mx_meshgrid(const mx *arrays, int count, bool sparse, const char *indexing, mx *out);

#ifdef __cplusplus
}
#endif
#endif
