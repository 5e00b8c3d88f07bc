/* Mean, variance, standard deviation and median: formulas over sums and sorts. */
#include "mlx/mx/cast.h"
#include "mlx/mx/elementwise.h"
#include "mlx/mx/reduce.h"
#include "mlx/mx/sort.h"
#include "ops/ops.h"

#include <string.h>

static mx_dtype at_least_float(mx_dtype dtype) {
  return mx_is_subdtype(dtype, MX_KIND_INEXACT) ? dtype : mx_promote_types(dtype, MX_FLOAT32);
}

/* The axes meant, sorted into axes[MX_MAX_NDIM]; their count, or -1 after mx_fail. */
static int axes_of(const char *op, mx a, mx_ints named, int one, int *axes) {
  bool chosen[MX_MAX_NDIM] = {false};
  if (one != MX_NO_AXIS) named = (mx_ints){&one, 1};
  for (int i = 0; i < named.size; i++) {
    int axis = named.data[i] + (named.data[i] < 0 ? a->ndim : 0);
    if (axis < 0 || axis >= a->ndim) {
      mx_fail("[%s] axis %d is out of bounds for array with %d dimensions.", op, named.data[i],
              a->ndim);
      return -1;
    }
    if (chosen[axis]) {
      if (!strcmp(op, "median"))
        mx_fail("[median] Received duplicate axis.");
      else
        mx_fail("Duplicate axes detected in reduction.");
      return -1;
    }
    chosen[axis] = true;
  }
  int count = 0;
  for (int i = 0; i < a->ndim; i++)
    if (chosen[i] || named.size < 0) axes[count++] = i;
  return count;
}

static double elements(mx a, const int *axes, int count) {
  double n = 1;
  for (int i = 0; i < count; i++) n *= mx_shape_of(a)[axes[i]];
  return n;
}

mx mx_number_of_elements(mx a, mx_ints axes, bool inverted, mx_dtype dtype) {
  if (!a) return NULL;
  double n = 1;
  for (int i = 0; i < axes.size; i++) {
    int axis = axes.data[i] + (axes.data[i] < 0 ? a->ndim : 0);
    if (axis < 0 || axis >= a->ndim)
      return mx_fail("[number_of_elements] Can't get the shape for axis %d from an array with %d "
                     "dimensions.",
                     axes.data[i], a->ndim);
    n *= mx_shape_of(a)[axis];
  }
  return mx_scalar(inverted ? 1 / n : n, dtype);
}

static mx mean_over(mx a, mx_ints axes, bool keepdims) {
  mx_dtype dtype = at_least_float(a->dtype);
  return mx_multiply(mx_sum(a, .axes = axes, .keepdims = keepdims),
                     mx_scalar(1 / elements(a, axes.data, axes.size), dtype));
}

mx mx_mean_with(mx a, mx_reduce_args args) {
  int axes[MX_MAX_NDIM], count = a ? axes_of("mean", a, args.axes, args.axis, axes) : -1;
  return count < 0 ? NULL : mean_over(a, (mx_ints){axes, count}, args.keepdims);
}

mx mx_var_with(mx a, mx_var_args args) {
  int list[MX_MAX_NDIM], count = a ? axes_of("mean", a, args.axes, args.axis, list) : -1;
  if (count < 0) return NULL;
  mx_ints axes = {list, count};
  mx_dtype dtype = at_least_float(a->dtype);
  mx distance = mx_subtract(a, mean_over(a, axes, true));
  mx sum = mx_sum(mx_square(distance), .axes = axes, .keepdims = args.keepdims);
  double n = elements(a, list, count);
  if (!args.ddof) return mx_multiply(sum, mx_scalar(1 / n, dtype));
  return mx_divide(sum, mx_scalar(n > args.ddof ? n - args.ddof : 0, dtype));
}

mx mx_std_with(mx a, mx_var_args args) { return mx_sqrt(mx_var_with(a, args)); }

/* The middle of a's last axis, which is sorted: of an even number the mean of the middle two. */
static mx middle(mx sorted, mx_dtype dtype) {
  int last = sorted->ndim - 1, n = mx_shape_of(sorted)[last], half = n / 2;
  mx upper = mx_astype(mx_slice_axis(sorted, last, half, half + 1), dtype);
  if (n % 2 == 0) {
    mx lower = mx_astype(mx_slice_axis(sorted, last, half - 1, half), dtype);
    upper = mx_multiply(mx_add(upper, lower), mx_scalar(0.5, dtype));
  }
  return mx_squeeze(upper, MX_INTS(last));
}

mx mx_median_with(mx a, mx_reduce_args args) {
  int axes[MX_MAX_NDIM], order[MX_MAX_NDIM], shape[MX_MAX_NDIM + 1], kept = 0;
  int count = a ? axes_of("median", a, args.axes, args.axis, axes) : -1;
  if (count < 0) return NULL;
  if (elements(a, axes, count) == 0)
    return mx_fail("[median] Cannot take median along empty axis.");
  for (int i = 0, next = 0; i < a->ndim; i++) {
    if (next < count && axes[next] == i) {
      next++;
      continue;
    }
    shape[kept] = mx_shape_of(a)[i];
    order[kept++] = i;
  }
  mx_copy_ints(order + kept, axes, count);
  shape[kept] = (int)elements(a, axes, count);
  mx flat = mx_reshape(mx_transpose(a, .axes = {order, a->ndim}), (mx_ints){shape, kept + 1});
  mx sorted = mx_sort(flat);
  mx median = sorted ? middle(sorted, at_least_float(a->dtype)) : NULL;
  return args.keepdims ? mx_expand_dims(median, (mx_ints){axes, count}) : median;
}
