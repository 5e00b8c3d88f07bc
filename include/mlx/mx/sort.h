/* Sorts and partitions, along the last axis unless `.axis` says otherwise; MX_NO_AXIS flattens
 * first. Equal elements keep their order; NaN comes last; complex numbers go by real part, then
 * imaginary part. */
#ifndef MLX_MX_SORT_H
#define MLX_MX_SORT_H

#include "mlx/mx/array.h"
#include "mlx/mx/shape.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mx_sort_args {
  int axis;
} mx_sort_args;
#define MX_SORT_ARGS_(...) ((mx_sort_args){.axis = -1, __VA_ARGS__})

MX_API mx mx_sort_with(mx a, mx_sort_args args);
#define mx_sort(a, ...) mx_sort_with(a, MX_SORT_ARGS_(__VA_ARGS__))
/* uint32: the order as indices along the axis. */
MX_API mx mx_argsort_with(mx a, mx_sort_args args);
#define mx_argsort(a, ...) mx_argsort_with(a, MX_SORT_ARGS_(__VA_ARGS__))

/* Place kth (negative: from the end) gets the element that sorting would put there; none behind it
 * is smaller and none before it larger. */
MX_API mx mx_partition_with(mx a, int kth, mx_sort_args args);
#define mx_partition(a, kth, ...) mx_partition_with(a, kth, MX_SORT_ARGS_(__VA_ARGS__))
MX_API mx mx_argpartition_with(mx a, int kth, mx_sort_args args);
#define mx_argpartition(a, kth, ...) mx_argpartition_with(a, kth, MX_SORT_ARGS_(__VA_ARGS__))

/* The k largest elements along the axis, in no order. */
MX_API mx mx_topk_with(mx a, int k, mx_sort_args args);
#define mx_topk(a, k, ...) mx_topk_with(a, k, MX_SORT_ARGS_(__VA_ARGS__))

#ifdef __cplusplus
}
#endif
#endif
