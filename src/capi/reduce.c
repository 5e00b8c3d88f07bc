/* Reductions, softmax, scans and sorts. */
#include "capi/capi.h"
#include "mlx/c/ops.h"

#define REDUCTION(name)                                                                            \
  int mlx_##name##_axes(mlx_array *res, const mlx_array a, const int *axes, size_t axes_num,       \
                        bool keepdims, const mlx_stream s) {                                       \
    CAPI_RETURN(res, s, mx_##name(A(a), .axes = capi_ints(axes, axes_num), .keepdims = keepdims)); \
  }                                                                                                \
  int mlx_##name##_axis(mlx_array *res, const mlx_array a, int axis, bool keepdims,                \
                        const mlx_stream s) {                                                      \
    CAPI_RETURN(res, s, mx_##name(A(a), .axis = axis, .keepdims = keepdims));                      \
  }                                                                                                \
  int mlx_##name(mlx_array *res, const mlx_array a, bool keepdims, const mlx_stream s) {           \
    CAPI_RETURN(res, s, mx_##name(A(a), .keepdims = keepdims));                                    \
  }
REDUCTION(sum)
REDUCTION(prod)
REDUCTION(max)
REDUCTION(min)
REDUCTION(all)
REDUCTION(any)
REDUCTION(logsumexp)
REDUCTION(mean)

#define SPREAD(name)                                                                               \
  int mlx_##name##_axes(mlx_array *res, const mlx_array a, const int *axes, size_t axes_num,       \
                        bool keepdims, int ddof, const mlx_stream s) {                             \
    CAPI_RETURN(                                                                                   \
        res, s,                                                                                    \
        mx_##name(A(a), .axes = capi_ints(axes, axes_num), .keepdims = keepdims, .ddof = ddof));   \
  }                                                                                                \
  int mlx_##name##_axis(mlx_array *res, const mlx_array a, int axis, bool keepdims, int ddof,      \
                        const mlx_stream s) {                                                      \
    CAPI_RETURN(res, s, mx_##name(A(a), .axis = axis, .keepdims = keepdims, .ddof = ddof));        \
  }                                                                                                \
  int mlx_##name(mlx_array *res, const mlx_array a, bool keepdims, int ddof, const mlx_stream s) { \
    CAPI_RETURN(res, s, mx_##name(A(a), .keepdims = keepdims, .ddof = ddof));                      \
  }
SPREAD(var)
SPREAD(std)

int mlx_median(mlx_array *res, const mlx_array a, const int *axes, size_t axes_num, bool keepdims,
               const mlx_stream s) {
  CAPI_RETURN(res, s, mx_median(A(a), .axes = capi_ints(axes, axes_num), .keepdims = keepdims));
}

int mlx_softmax_axes(mlx_array *res, const mlx_array a, const int *axes, size_t axes_num,
                     bool precise, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_softmax(A(a), .axes = capi_ints(axes, axes_num), .precise = precise));
}

int mlx_softmax_axis(mlx_array *res, const mlx_array a, int axis, bool precise,
                     const mlx_stream s) {
  CAPI_RETURN(res, s, mx_softmax(A(a), .axis = axis, .precise = precise));
}

int mlx_softmax(mlx_array *res, const mlx_array a, bool precise, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_softmax(A(a), .precise = precise));
}

#define ARG_REDUCTION(name)                                                              \
  int mlx_##name##_axis(mlx_array *res, const mlx_array a, int axis, bool keepdims,      \
                        const mlx_stream s) {                                            \
    CAPI_RETURN(res, s, mx_##name(A(a), .axis = axis, .keepdims = keepdims));            \
  }                                                                                      \
  int mlx_##name(mlx_array *res, const mlx_array a, bool keepdims, const mlx_stream s) { \
    CAPI_RETURN(res, s, mx_##name(A(a), .keepdims = keepdims));                          \
  }
ARG_REDUCTION(argmax)
ARG_REDUCTION(argmin)

#define SCAN(name)                                                                          \
  int mlx_##name(mlx_array *res, const mlx_array a, int axis, bool reverse, bool inclusive, \
                 const mlx_stream s) {                                                      \
    CAPI_RETURN(res, s,                                                                     \
                mx_##name(A(a), .axis = axis, .reverse = reverse, .inclusive = inclusive)); \
  }
SCAN(cumsum)
SCAN(cumprod)
SCAN(cummax)
SCAN(cummin)
SCAN(logcumsumexp)

#define SORT(name)                                                                         \
  int mlx_##name##_axis(mlx_array *res, const mlx_array a, int axis, const mlx_stream s) { \
    CAPI_RETURN(res, s, mx_##name(A(a), .axis = axis));                                    \
  }                                                                                        \
  int mlx_##name(mlx_array *res, const mlx_array a, const mlx_stream s) {                  \
    CAPI_RETURN(res, s, mx_##name(A(a), .axis = MX_NO_AXIS));                              \
  }
SORT(sort)
SORT(argsort)

/* `k` is a place for partitions, a count for topk. */
#define SELECTION(name)                                                                           \
  int mlx_##name##_axis(mlx_array *res, const mlx_array a, int k, int axis, const mlx_stream s) { \
    CAPI_RETURN(res, s, mx_##name(A(a), k, .axis = axis));                                        \
  }                                                                                               \
  int mlx_##name(mlx_array *res, const mlx_array a, int k, const mlx_stream s) {                  \
    CAPI_RETURN(res, s, mx_##name(A(a), k, .axis = MX_NO_AXIS));                                  \
  }
SELECTION(partition)
SELECTION(argpartition)
SELECTION(topk)
