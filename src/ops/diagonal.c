/* Spaced numbers and matrices of ones and zeros: formulas over arange and comparisons. */
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "mlx/mx/elementwise.h"
#include "mlx/mx/shape.h"

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
