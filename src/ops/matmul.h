/* What products of plain and of quantised matrices share. */
#ifndef OPS_MATMUL_H
#define OPS_MATMUL_H

#include "array/array.h"

/* Arrays of matrices [..., rows, columns]: how many, and where number `index` (in row-major order
 * of the leading axes) begins, in elements from the array's data. */
int64_t mx_matrix_count(mx a);
int64_t mx_matrix_offset(mx a, int64_t index);

/* Indices of matrices in a as uint32: those given, or all of them where NULL. NULL after mx_fail.
 */
mx mx_matrix_indices(const char *op, mx indices, mx a);
/* False after mx_fail where one of `size` indices is not below count. */
bool mx_check_indices(const char *op, const uint32_t *indices, int64_t size, int64_t count);

/* ---- Rules of products of chosen matrices y[i] = x[left[i]] b[right[i]] ---- */

/* The gradient of x: parts[i], the gradient of its share in y[i], added where they belong. */
mx mx_gathered_pull(mx parts, mx left, mx x);
/* The gradient of b, which has this shape, for the cotangent t of y; `transpose`: y[i] = x[left[i]]
 * b[right[i]]^T. */
mx mx_gathered_gradient(mx x, mx t, mx left, mx right, mx_ints shape, bool transpose);
/* Indices with the batch axis in front, moved on to the batch's own matrices where `a` (its batch
 * axis in front, too) is batched: a_axis >= 0. */
mx mx_batched_indices(mx indices, int axis, int length, mx a, int a_axis);

#endif
