/* Elements by index arrays. "single" variants take one index array, for one axis. */
#include "capi/capi.h"
#include "mlx/c/ops.h"

int mlx_take_axis(mlx_array *res, const mlx_array a, const mlx_array indices, int axis,
                  const mlx_stream s) {
  CAPI_RETURN(res, s, mx_take(A(a), A(indices), .axis = axis));
}

int mlx_take(mlx_array *res, const mlx_array a, const mlx_array indices, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_take(A(a), A(indices)));
}

int mlx_take_along_axis(mlx_array *res, const mlx_array a, const mlx_array indices, int axis,
                        const mlx_stream s) {
  CAPI_RETURN(res, s, mx_take_along_axis(A(a), A(indices), .axis = axis));
}

int mlx_put_along_axis(mlx_array *res, const mlx_array a, const mlx_array indices,
                       const mlx_array values, int axis, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_put_along_axis(A(a), A(indices), A(values), .axis = axis));
}

int mlx_scatter_add_axis(mlx_array *res, const mlx_array a, const mlx_array indices,
                         const mlx_array values, int axis, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_scatter_add_axis(A(a), A(indices), A(values), axis));
}

int mlx_masked_scatter(mlx_array *res, const mlx_array a, const mlx_array mask, const mlx_array src,
                       const mlx_stream s) {
  CAPI_RETURN(res, s, mx_masked_scatter(A(a), A(mask), A(src)));
}

int mlx_gather(mlx_array *res, const mlx_array a, const mlx_vector_array indices, const int *axes,
               size_t axes_num, const int *slice_sizes, size_t slice_sizes_num,
               const mlx_stream s) {
  CAPI_RETURN(res, s,
              mx_gather(A(a), LIST(indices), capi_ints(axes, axes_num),
                        capi_ints(slice_sizes, slice_sizes_num)));
}

int mlx_gather_single(mlx_array *res, const mlx_array a, const mlx_array indices, int axis,
                      const int *slice_sizes, size_t slice_sizes_num, const mlx_stream s) {
  CAPI_RETURN(
      res, s,
      mx_gather(A(a), MX_LIST(A(indices)), MX_INTS(axis), capi_ints(slice_sizes, slice_sizes_num)));
}

#define SCATTER(name)                                                                             \
  int mlx_##name(mlx_array *res, const mlx_array a, const mlx_vector_array indices,               \
                 const mlx_array updates, const int *axes, size_t axes_num, const mlx_stream s) { \
    CAPI_RETURN(res, s, mx_##name(A(a), LIST(indices), A(updates), capi_ints(axes, axes_num)));   \
  }                                                                                               \
  int mlx_##name##_single(mlx_array *res, const mlx_array a, const mlx_array indices,             \
                          const mlx_array updates, int axis, const mlx_stream s) {                \
    CAPI_RETURN(res, s, mx_##name(A(a), MX_LIST(A(indices)), A(updates), MX_INTS(axis)));         \
  }
SCATTER(scatter)
SCATTER(scatter_add)
SCATTER(scatter_prod)
SCATTER(scatter_max)
SCATTER(scatter_min)
