/* Making arrays, changing their types and shapes, cutting and joining them. */
#include "array/array.h"
#include "capi/capi.h"
#include "mlx/c/ops.h"

/* (name, name_num) as a list. */
#define INTS(name) capi_ints(name, name##_num)

/* ---- Making ---- */

int mlx_full(mlx_array *res, const int *shape, size_t shape_num, const mlx_array vals,
             mlx_dtype dtype, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_full(INTS(shape), A(vals), (mx_dtype)dtype));
}

int mlx_full_like(mlx_array *res, const mlx_array a, const mlx_array vals, mlx_dtype dtype,
                  const mlx_stream s) {
  CAPI_RETURN(res, s, mx_full_like(A(a), A(vals), (mx_dtype)dtype));
}

#define CONSTANT(name)                                                                \
  int mlx_##name(mlx_array *res, const int *shape, size_t shape_num, mlx_dtype dtype, \
                 const mlx_stream s) {                                                \
    CAPI_RETURN(res, s, mx_##name(INTS(shape), (mx_dtype)dtype));                     \
  }                                                                                   \
  int mlx_##name##_like(mlx_array *res, const mlx_array a, const mlx_stream s) {      \
    CAPI_RETURN(res, s, mx_##name##_like(A(a)));                                      \
  }
CONSTANT(zeros)
CONSTANT(ones)

int mlx_arange(mlx_array *res, double start, double stop, double step, mlx_dtype dtype,
               const mlx_stream s) {
  CAPI_RETURN(res, s, mx_arange(start, stop, step, (mx_dtype)dtype));
}

int mlx_linspace(mlx_array *res, double start, double stop, int num, mlx_dtype dtype,
                 const mlx_stream s) {
  CAPI_RETURN(res, s, mx_linspace(start, stop, num, (mx_dtype)dtype));
}

int mlx_eye(mlx_array *res, int n, int m, int k, mlx_dtype dtype, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_eye(n, m, k, (mx_dtype)dtype));
}

int mlx_identity(mlx_array *res, int n, mlx_dtype dtype, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_identity(n, (mx_dtype)dtype));
}

int mlx_tri(mlx_array *res, int n, int m, int k, mlx_dtype type, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_tri(n, m, k, (mx_dtype)type));
}

int mlx_tril(mlx_array *res, const mlx_array x, int k, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_tril(A(x), k));
}

int mlx_triu(mlx_array *res, const mlx_array x, int k, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_triu(A(x), k));
}

int mlx_number_of_elements(mlx_array *res, const mlx_array a, const int *axes, size_t axes_num,
                           bool inverted, mlx_dtype dtype, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_number_of_elements(A(a), INTS(axes), inverted, (mx_dtype)dtype));
}

/* ---- Types and copies ---- */

int mlx_astype(mlx_array *res, const mlx_array a, mlx_dtype dtype, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_astype(A(a), (mx_dtype)dtype));
}

int mlx_view(mlx_array *res, const mlx_array a, mlx_dtype dtype, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_view(A(a), (mx_dtype)dtype));
}

int mlx_contiguous(mlx_array *res, const mlx_array a, bool allow_col_major, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_contiguous(A(a), .allow_col_major = allow_col_major));
}

#define UNARY(name)                                                       \
  int mlx_##name(mlx_array *res, const mlx_array a, const mlx_stream s) { \
    CAPI_RETURN(res, s, mx_##name(A(a)));                                 \
  }
UNARY(copy)
UNARY(stop_gradient)

/* Several results, as many as `inputs` has arrays. */
static int end_like(capi_call call, mlx_vector_array *res, mlx_vector_array inputs, bool done,
                    mx *out) {
  int status = capi_end_vector(call, res, done, out, (int)capi_vector(inputs)->size);
  free(out);
  return status;
}

static mx *room_for(size_t count) { return mx_xcalloc(count + 1, sizeof(mx)); }
static mx *room_like(mlx_vector_array inputs) { return room_for(capi_vector(inputs)->size); }

int mlx_depends(mlx_vector_array *res, const mlx_vector_array inputs,
                const mlx_vector_array dependencies) {
  capi_call call = capi_begin((mlx_stream){NULL});
  mx *out = room_like(inputs);
  return end_like(call, res, inputs, mx_depends(LIST(inputs), LIST(dependencies), out), out);
}

/* ---- Shapes ---- */

UNARY(transpose)
UNARY(atleast_1d)
UNARY(atleast_2d)
UNARY(atleast_3d)

int mlx_reshape(mlx_array *res, const mlx_array a, const int *shape, size_t shape_num,
                const mlx_stream s) {
  CAPI_RETURN(res, s, mx_reshape(A(a), INTS(shape)));
}

int mlx_flatten(mlx_array *res, const mlx_array a, int start_axis, int end_axis,
                const mlx_stream s) {
  CAPI_RETURN(res, s, mx_flatten(A(a), start_axis, end_axis));
}

int mlx_unflatten(mlx_array *res, const mlx_array a, int axis, const int *shape, size_t shape_num,
                  const mlx_stream s) {
  CAPI_RETURN(res, s, mx_unflatten(A(a), axis, INTS(shape)));
}

int mlx_expand_dims_axes(mlx_array *res, const mlx_array a, const int *axes, size_t axes_num,
                         const mlx_stream s) {
  CAPI_RETURN(res, s, mx_expand_dims(A(a), INTS(axes)));
}

int mlx_expand_dims(mlx_array *res, const mlx_array a, int axis, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_expand_dims(A(a), MX_INTS(axis)));
}

int mlx_squeeze_axes(mlx_array *res, const mlx_array a, const int *axes, size_t axes_num,
                     const mlx_stream s) {
  CAPI_RETURN(res, s, mx_squeeze(A(a), INTS(axes)));
}

int mlx_squeeze_axis(mlx_array *res, const mlx_array a, int axis, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_squeeze(A(a), MX_INTS(axis)));
}

int mlx_squeeze(mlx_array *res, const mlx_array a, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_squeeze(A(a), MX_NO_INTS));
}

int mlx_broadcast_to(mlx_array *res, const mlx_array a, const int *shape, size_t shape_num,
                     const mlx_stream s) {
  CAPI_RETURN(res, s, mx_broadcast_to(A(a), INTS(shape)));
}

int mlx_broadcast_arrays(mlx_vector_array *res, const mlx_vector_array inputs, const mlx_stream s) {
  capi_call call = capi_begin(s);
  mx *out = room_like(inputs);
  return end_like(call, res, inputs, mx_broadcast_arrays(LIST(inputs), out), out);
}

int mlx_transpose_axes(mlx_array *res, const mlx_array a, const int *axes, size_t axes_num,
                       const mlx_stream s) {
  CAPI_RETURN(res, s, mx_transpose(A(a), .axes = INTS(axes)));
}

int mlx_moveaxis(mlx_array *res, const mlx_array a, int source, int destination,
                 const mlx_stream s) {
  CAPI_RETURN(res, s, mx_moveaxis(A(a), source, destination));
}

int mlx_swapaxes(mlx_array *res, const mlx_array a, int axis1, int axis2, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_swapaxes(A(a), axis1, axis2));
}

int mlx_as_strided(mlx_array *res, const mlx_array a, const int *shape, size_t shape_num,
                   const int64_t *strides, size_t strides_num, size_t offset, const mlx_stream s) {
  if (strides_num != shape_num) {
    mx_fail("[as_strided] %zu strides for a shape of %zu axes; one for each is needed.",
            strides_num, shape_num);
    return capi_fail("mlx_array");
  }
  CAPI_RETURN(res, s, mx_as_strided(A(a), INTS(shape), strides, offset));
}

/* ---- Cutting ---- */

int mlx_slice(mlx_array *res, const mlx_array a, const int *start, size_t start_num,
              const int *stop, size_t stop_num, const int *strides, size_t strides_num,
              const mlx_stream s) {
  CAPI_RETURN(res, s, mx_slice(A(a), INTS(start), INTS(stop), INTS(strides)));
}

int mlx_slice_dynamic(mlx_array *res, const mlx_array a, const mlx_array start, const int *axes,
                      size_t axes_num, const int *slice_size, size_t slice_size_num,
                      const mlx_stream s) {
  CAPI_RETURN(res, s, mx_slice_dynamic(A(a), A(start), INTS(axes), INTS(slice_size)));
}

int mlx_slice_update(mlx_array *res, const mlx_array src, const mlx_array update, const int *start,
                     size_t start_num, const int *stop, size_t stop_num, const int *strides,
                     size_t strides_num, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_slice_update(A(src), A(update), INTS(start), INTS(stop), INTS(strides)));
}

int mlx_slice_update_dynamic(mlx_array *res, const mlx_array src, const mlx_array update,
                             const mlx_array start, const int *axes, size_t axes_num,
                             const mlx_stream s) {
  CAPI_RETURN(res, s, mx_slice_update_dynamic(A(src), A(update), A(start), INTS(axes)));
}

int mlx_split(mlx_vector_array *res, const mlx_array a, int num_splits, int axis,
              const mlx_stream s) {
  capi_call call = capi_begin(s);
  mx *out = room_for(num_splits > 0 ? (size_t)num_splits : 0);
  int status = capi_end_vector(call, res, mx_split(A(a), num_splits, axis, out), out, num_splits);
  free(out);
  return status;
}

int mlx_split_sections(mlx_vector_array *res, const mlx_array a, const int *indices,
                       size_t indices_num, int axis, const mlx_stream s) {
  capi_call call = capi_begin(s);
  mx *out = room_for(indices_num + 1);
  int status = capi_end_vector(call, res, mx_split_at(A(a), INTS(indices), axis, out), out,
                               (int)indices_num + 1);
  free(out);
  return status;
}

/* ---- Joining ---- */

int mlx_concatenate_axis(mlx_array *res, const mlx_vector_array arrays, int axis,
                         const mlx_stream s) {
  CAPI_RETURN(res, s, mx_concatenate(LIST(arrays), axis));
}

/* Without an axis: the flattened arrays, one after another. */
static mx concatenate_flat(const capi_arrays *arrays) {
  mx *flat = room_for(arrays->size);
  for (size_t i = 0; i < arrays->size; i++) flat[i] = mx_flatten(arrays->data[i], 0, -1);
  mx joined = mx_concatenate(flat, (int)arrays->size, 0);
  free(flat);
  return joined;
}

int mlx_concatenate(mlx_array *res, const mlx_vector_array arrays, const mlx_stream s) {
  CAPI_RETURN(res, s, concatenate_flat(capi_vector(arrays)));
}

int mlx_stack_axis(mlx_array *res, const mlx_vector_array arrays, int axis, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_stack(LIST(arrays), axis));
}

int mlx_stack(mlx_array *res, const mlx_vector_array arrays, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_stack(LIST(arrays), 0));
}

int mlx_repeat_axis(mlx_array *res, const mlx_array arr, int repeats, int axis,
                    const mlx_stream s) {
  CAPI_RETURN(res, s, mx_repeat(A(arr), repeats, axis));
}

int mlx_repeat(mlx_array *res, const mlx_array arr, int repeats, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_repeat(A(arr), repeats, MX_NO_AXIS));
}

int mlx_tile(mlx_array *res, const mlx_array arr, const int *reps, size_t reps_num,
             const mlx_stream s) {
  CAPI_RETURN(res, s, mx_tile(A(arr), INTS(reps)));
}

int mlx_pad(mlx_array *res, const mlx_array a, const int *axes, size_t axes_num,
            const int *low_pad_size, size_t low_pad_size_num, const int *high_pad_size,
            size_t high_pad_size_num, const mlx_array pad_value, const char *mode,
            const mlx_stream s) {
  CAPI_RETURN(
      res, s,
      mx_pad(A(a), INTS(axes), INTS(low_pad_size), INTS(high_pad_size), A(pad_value), mode));
}

/* The same width on both sides of every axis. */
int mlx_pad_symmetric(mlx_array *res, const mlx_array a, int pad_width, const mlx_array pad_value,
                      const char *mode, const mlx_stream s) {
  int axes[MX_MAX_NDIM], widths[MX_MAX_NDIM], count = mx_ndim(A(a));
  for (int i = 0; i < count; i++) {
    axes[i] = i;
    widths[i] = pad_width;
  }
  mx_ints all = {axes, count}, each = {widths, count};
  CAPI_RETURN(res, s, mx_pad(A(a), all, each, each, A(pad_value), mode));
}

static int sum(const int *values, size_t count) {
  int total = 0;
  for (size_t i = 0; i < count; i++) total += values[i];
  return total;
}

int mlx_roll_axis(mlx_array *res, const mlx_array a, const int *shift, size_t shift_num, int axis,
                  const mlx_stream s) {
  CAPI_RETURN(res, s, mx_roll(A(a), MX_INTS(sum(shift, shift_num)), MX_INTS(axis)));
}

int mlx_roll_axes(mlx_array *res, const mlx_array a, const int *shift, size_t shift_num,
                  const int *axes, size_t axes_num, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_roll(A(a), INTS(shift), INTS(axes)));
}

int mlx_roll(mlx_array *res, const mlx_array a, const int *shift, size_t shift_num,
             const mlx_stream s) {
  CAPI_RETURN(res, s, mx_roll(A(a), INTS(shift), MX_NO_INTS));
}

int mlx_meshgrid(mlx_vector_array *res, const mlx_vector_array arrays, bool sparse,
                 const char *indexing, const mlx_stream s) {
  capi_call call = capi_begin(s);
  mx *out = room_like(arrays);
  return end_like(call, res, arrays, mx_meshgrid(LIST(arrays), sparse, indexing, out), out);
}
