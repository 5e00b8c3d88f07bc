/* Reductions and scans. `.axis` names one axis, `.axes` several (negative ones count from the end);
 * without either, all axes are reduced. Reduced axes disappear, or stay with length 1 where
 * `.keepdims` says so:
 *
 *     mx_sum(a)    mx_sum(a, .axis = -1, .keepdims = true)    mx_max(a, .axes = MX_INTS(0, 2))
 */
#ifndef MLX_MX_REDUCE_H
#define MLX_MX_REDUCE_H

#include "mlx/mx/array.h"
#include "mlx/mx/shape.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mx_reduce_args {
  mx_ints axes;
  int axis;
  bool keepdims;
} mx_reduce_args;
#define MX_REDUCE_ARGS_(...) ((mx_reduce_args){.axes = {NULL, -1}, .axis = MX_NO_AXIS, __VA_ARGS__})

/* Sums and products of integers have 32 bits (64 for 64-bit ones) and wrap; those of bool are
 * int32; other dtypes stay. Floats accumulate in a wider type. Of nothing: 0 and 1. */
MX_API mx mx_sum_with(mx a, mx_reduce_args args);
MX_API mx mx_prod_with(mx a, mx_reduce_args args);
#define mx_sum(a, ...) mx_sum_with(a, MX_REDUCE_ARGS_(__VA_ARGS__))
#define mx_prod(a, ...) mx_prod_with(a, MX_REDUCE_ARGS_(__VA_ARGS__))
/* NaN wins. An error where `a` is empty. Complex numbers compare by real part, then imaginary. */
MX_API mx mx_max_with(mx a, mx_reduce_args args);
MX_API mx mx_min_with(mx a, mx_reduce_args args);
#define mx_max(a, ...) mx_max_with(a, MX_REDUCE_ARGS_(__VA_ARGS__))
#define mx_min(a, ...) mx_min_with(a, MX_REDUCE_ARGS_(__VA_ARGS__))
/* bool. Of nothing: true and false. An element counts as true where any of its bits is set. */
MX_API mx mx_all_with(mx a, mx_reduce_args args);
MX_API mx mx_any_with(mx a, mx_reduce_args args);
#define mx_all(a, ...) mx_all_with(a, MX_REDUCE_ARGS_(__VA_ARGS__))
#define mx_any(a, ...) mx_any_with(a, MX_REDUCE_ARGS_(__VA_ARGS__))

/* Floats; integers and bool give float32. The median of an even number of elements is the mean of
 * the middle two; of none it is an error. */
MX_API mx mx_mean_with(mx a, mx_reduce_args args);
MX_API mx mx_median_with(mx a, mx_reduce_args args);
#define mx_mean(a, ...) mx_mean_with(a, MX_REDUCE_ARGS_(__VA_ARGS__))
#define mx_median(a, ...) mx_median_with(a, MX_REDUCE_ARGS_(__VA_ARGS__))

typedef struct mx_var_args {
  mx_ints axes;
  int axis;
  bool keepdims;
  int ddof; /* the sum of squares is divided by the number of elements less this */
} mx_var_args;
#define MX_VAR_ARGS_(...) ((mx_var_args){.axes = {NULL, -1}, .axis = MX_NO_AXIS, __VA_ARGS__})

/* Variance and its square root. */
MX_API mx mx_var_with(mx a, mx_var_args args);
MX_API mx mx_std_with(mx a, mx_var_args args);
#define mx_var(a, ...) mx_var_with(a, MX_VAR_ARGS_(__VA_ARGS__))
#define mx_std(a, ...) mx_std_with(a, MX_VAR_ARGS_(__VA_ARGS__))

/* The product of these axes' lengths (or 1 over it) as a scalar of dtype. */
MX_API mx mx_number_of_elements(mx a, mx_ints axes, bool inverted, mx_dtype dtype);

typedef struct mx_arg_reduce_args {
  int axis; /* without: over the flattened array */
  bool keepdims;
} mx_arg_reduce_args;
#define MX_ARG_REDUCE_ARGS_(...) ((mx_arg_reduce_args){.axis = MX_NO_AXIS, __VA_ARGS__})

/* uint32: where the first of the largest (smallest) elements is. NaN is passed over, but in the
 * first place it stays. An error where `a` is empty. */
MX_API mx mx_argmax_with(mx a, mx_arg_reduce_args args);
MX_API mx mx_argmin_with(mx a, mx_arg_reduce_args args);
#define mx_argmax(a, ...) mx_argmax_with(a, MX_ARG_REDUCE_ARGS_(__VA_ARGS__))
#define mx_argmin(a, ...) mx_argmin_with(a, MX_ARG_REDUCE_ARGS_(__VA_ARGS__))

typedef struct mx_scan_args {
  int axis;       /* without: over the flattened array */
  bool reverse;   /* start from the end */
  bool inclusive; /* whether an element counts in its own place (by default it does) */
} mx_scan_args;
#define MX_SCAN_ARGS_(...) ((mx_scan_args){.axis = MX_NO_AXIS, .inclusive = true, __VA_ARGS__})

/* Running sum, product, extremes, log-sum-exp: shape and dtype of `a` (sums of bool are int32). */
MX_API mx mx_cumsum_with(mx a, mx_scan_args args);
MX_API mx mx_cumprod_with(mx a, mx_scan_args args);
MX_API mx mx_cummax_with(mx a, mx_scan_args args);
MX_API mx mx_cummin_with(mx a, mx_scan_args args);
MX_API mx mx_logcumsumexp_with(mx a, mx_scan_args args);
#define mx_cumsum(a, ...) mx_cumsum_with(a, MX_SCAN_ARGS_(__VA_ARGS__))
#define mx_cumprod(a, ...) mx_cumprod_with(a, MX_SCAN_ARGS_(__VA_ARGS__))
#define mx_cummax(a, ...) mx_cummax_with(a, MX_SCAN_ARGS_(__VA_ARGS__))
#define mx_cummin(a, ...) mx_cummin_with(a, MX_SCAN_ARGS_(__VA_ARGS__))
#define mx_logcumsumexp(a, ...) mx_logcumsumexp_with(a, MX_SCAN_ARGS_(__VA_ARGS__))

#ifdef __cplusplus
}
#endif
#endif
