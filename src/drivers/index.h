/* Whole gathers and scatters over strided arrays (MLX's Gather, GatherAxis, Scatter, ScatterAxis
 * and MaskedScatter). Strides count elements. Indices outside an axis are held to its ends, so that
 * none reads or writes outside the array. */
#ifndef DRIVERS_INDEX_H
#define DRIVERS_INDEX_H

#include "kernels/index.h"

/* One array of indices into `axis`; all of a call have one shape and one integer dtype. */
typedef struct mx_index {
  const void *data;
  const int64_t *strides;
  int axis;
} mx_index;

typedef struct mx_indices {
  mx_dtype dtype;
  int count, ndim;
  const mx_index *arrays;
  const int32_t *shape;
} mx_indices;

/* out, row-contiguous of shape [index shape, slice_sizes]: for each place in the index arrays the
 * slice of src whose corner lies at the indices (0 along axes without). A slice is moved back where
 * it would leave src. */
void mx_drive_gather(mx_dtype dtype, const void *src, int ndim, const int32_t *shape,
                     const int64_t *strides, const mx_indices *indices, const int32_t *slice_sizes,
                     void *out);

/* The converse: out, row-contiguous of `shape`, meets the updates [index shape, slice_sizes].
 * Updates of one element meet it in the order of the indices. */
void mx_drive_scatter(mx_scatter_kind kind, mx_dtype dtype, void *out, int ndim,
                      const int32_t *shape, const mx_indices *indices, const void *updates,
                      const int64_t *update_strides, const int32_t *slice_sizes);

/* out[.., j, ..] = src[.., index[.., j, ..], ..], j along `axis`. The index array has the shape of
 * out, which is row-contiguous; src has this shape too but for `axis`, where its size is
 * axis_size. */
void mx_drive_gather_axis(mx_dtype dtype, const void *src, const int64_t *strides,
                          int64_t axis_size, mx_dtype index_dtype, const void *index,
                          const int64_t *index_strides, int ndim, const int32_t *index_shape,
                          int axis, void *out);

/* out[.., index[.., j, ..], ..] meets updates[.., j, ..], j rising along `axis`. */
void mx_drive_scatter_axis(mx_scatter_kind kind, mx_dtype dtype, void *out, const int64_t *strides,
                           int64_t axis_size, mx_dtype index_dtype, const void *index,
                           const int64_t *index_strides, const void *updates,
                           const int64_t *update_strides, int ndim, const int32_t *index_shape,
                           int axis);

/* In each of `batches` parts of out (row-contiguous, as `shape` with the batches outermost),
 * elements where the mask is set take the values of that batch's part of the row-contiguous src in
 * order; src has src_size elements a batch. Returns 0, or -1 after mx_fail when they do not
 * suffice. */
int mx_drive_masked_scatter(mx_dtype dtype, void *out, int ndim, const int32_t *shape,
                            const void *mask, const int64_t *mask_strides, const void *src,
                            int64_t src_size);

#endif
