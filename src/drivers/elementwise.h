/* Whole elementwise operations on strided operands, over the thread pool. */
#ifndef DRIVERS_ELEMENTWISE_H
#define DRIVERS_ELEMENTWISE_H

#include "kernels/kernels.h"

#include <stdint.h>

/* An operand: its first element, and a stride (in elements, of any sign, 0 to broadcast) for each
 * dimension of the shape. */
typedef struct mx_operand {
  void *data;
  const int64_t *strides;
} mx_operand;

/* out = op(in). The dtype is the input's; the output's is mx_unary_dtype's. The output may be the
 * input itself, with the same strides, where their elements have one size; otherwise they do not
 * overlap. The same goes for the others. */
void mx_run_unary(mx_unary_op op, mx_dtype dtype, mx_operand out, mx_operand in,
                  const int32_t *shape, int ndim);
void mx_run_binary(mx_binary_op op, mx_dtype dtype, mx_operand out, mx_operand a, mx_operand b,
                   const int32_t *shape, int ndim);
/* out = condition (bool) ? a : b, all three of dtype. */
void mx_run_select(mx_dtype dtype, mx_operand out, mx_operand condition, mx_operand a, mx_operand b,
                   const int32_t *shape, int ndim);

#endif
