/* Spaced numbers, matrices of ones and zeros, and diagonals: formulas over arange and indexing. */
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "mlx/mx/elementwise.h"
#include "mlx/mx/index.h"
#include "mlx/mx/linear.h"
#include "mlx/mx/reduce.h"
#include "mlx/mx/shape.h"
#include "ops/ops.h"

#include <stdlib.h>

mx mx_linspace(double start, double stop, int num, mx_dtype dtype) {
  if (num < 0) return mx_fail("[linspace] number of samples, %d, must be non-negative.", num);
  if (num == 1) return mx_astype(mx_reshape(mx_scalar(start, MX_FLOAT32), MX_INTS(1)), dtype);
  mx_dtype inner = dtype == MX_FLOAT64 ? MX_FLOAT64 : MX_FLOAT32;
  mx t = mx_divide(mx_arange(0, num, 1, inner), mx_scalar(num - 1, inner));
  mx from = mx_multiply(mx_subtract(mx_scalar(1, inner), t), mx_scalar(start, inner));
  return mx_astype(mx_add(from, mx_multiply(t, mx_scalar(stop, inner))), dtype);
}

/* Rows' and columns' numbers, the columns' less k: equal on diagonal k. */
static mx compare(mx (*comparison)(mx, mx), int n, int m, int k, mx_dtype dtype) {
  mx row = mx_expand_dims(mx_arange(0, n, 1, MX_INT32), MX_INTS(1));
  mx col = mx_arange(-(double)k, (double)m - k, 1, MX_INT32);
  return mx_astype(comparison(row, col), dtype);
}

mx mx_eye(int n, int m, int k, mx_dtype dtype) {
  if (n <= 0 || m <= 0) return mx_fail("[eye] N and M must be positive integers.");
  return compare(mx_equal, n, m, k, dtype);
}

mx mx_identity(int n, mx_dtype dtype) { return mx_eye(n, n, 0, dtype); }

mx mx_tri(int n, int m, int k, mx_dtype dtype) { return compare(mx_greater_equal, n, m, k, dtype); }

mx mx_tril(mx a, int k) {
  if (!a) return NULL;
  if (mx_ndim(a) < 2) return mx_fail("[tril] array must be at least 2-D");
  mx mask = mx_tri(mx_dim(a, -2), mx_dim(a, -1), k, MX_BOOL);
  return mx_where(mask, a, mx_scalar(0, mx_dtype_of(a)));
}

mx mx_triu(mx a, int k) {
  if (!a) return NULL;
  if (mx_ndim(a) < 2) return mx_fail("[triu] array must be at least 2-D");
  mx mask = mx_tri(mx_dim(a, -2), mx_dim(a, -1), k - 1, MX_BOOL);
  return mx_where(mask, mx_scalar(0, mx_dtype_of(a)), a);
}

/* ---- Diagonals ---- */

static int larger(int a, int b) { return a > b ? a : b; }

/* Row and column numbers of a diagonal of n elements. */
static void places(mx *rows_columns, int offset, int n) {
  int row = larger(-offset, 0), column = larger(offset, 0);
  rows_columns[0] = mx_arange(row, row + n, 1, MX_INT32);
  rows_columns[1] = mx_arange(column, column + n, 1, MX_INT32);
}

/* Counts a negative axis from the end; -1 after mx_fail. */
static int axis_of(const char *op, const char *name, mx a, int axis) {
  int found = axis < 0 ? axis + a->ndim : axis;
  if (found >= 0 && found < a->ndim) return found;
  mx_fail("[%s] Invalid %s %d for array with %d dimensions.", op, name, axis, a->ndim);
  return -1;
}

static mx diagonal(const char *op, mx a, int offset, int axis1, int axis2) {
  if (!a) return NULL;
  if (a->ndim < 2)
    return mx_fail("[%s] Array must have at least two dimensions, but got %d dimensions.", op,
                   a->ndim);
  int first = axis_of(op, "axis1", a, axis1);
  int second = first < 0 ? -1 : axis_of(op, "axis2", a, axis2);
  if (second < 0) return NULL;
  if (first == second) return mx_fail("[%s] axis1 and axis2 cannot be the same axis", op);

  int n = larger(0, mx_dim(a, first) - larger(-offset, 0));
  int columns = larger(0, mx_dim(a, second) - larger(offset, 0));
  if (columns < n) n = columns;
  mx at[2];
  places(at, offset, n);
  int sizes[MX_MAX_NDIM];
  mx_copy_ints(sizes, mx_shape_of(a), a->ndim);
  sizes[first] = sizes[second] = 1;
  mx out = mx_gather(a, at, 2, MX_INTS(first, second), (mx_ints){sizes, a->ndim});
  return mx_moveaxis(mx_squeeze(out, MX_INTS(first + 1, second + 1)), 0, -1);
}

mx mx_diagonal(mx a, int offset, int axis1, int axis2) {
  return diagonal("diagonal", a, offset, axis1, axis2);
}

mx mx_diag(mx a, int k) {
  if (!a) return NULL;
  if (a->ndim == 2) return mx_diagonal(a, k, 0, 1);
  if (a->ndim != 1)
    return mx_fail("[diag] array must be 1-D or 2-D, got array with %d dimensions.", a->ndim);
  int n = mx_dim(a, 0), side = n + abs(k);
  mx at[2];
  places(at, k, n);
  return mx_scatter(mx_zeros(MX_INTS(side, side), mx_dtype_of(a)), at, 2,
                    mx_reshape(a, MX_INTS(n, 1, 1)), MX_INTS(0, 1));
}

mx mx_trace(mx a, int offset, int axis1, int axis2, mx_dtype dtype) {
  return mx_sum(mx_astype(diagonal("trace", a, offset, axis1, axis2), dtype), .axis = -1);
}
