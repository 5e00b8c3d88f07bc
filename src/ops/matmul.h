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

#endif
