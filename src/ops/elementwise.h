/* What unary, binary and ternary operations share. */
#ifndef OPS_ELEMENTWISE_H
#define OPS_ELEMENTWISE_H

#include "drivers/elementwise.h"
#include "ops/ops.h"

/* Gives out memory in the layout of its inputs: an input's own where it is not needed any more,
 * else fresh. Inputs have out's shape. False after mx_fail. */
bool mx_out_elementwise(mx out, const mx *inputs, int count);

static inline mx_operand mx_operand_of(mx a) { return (mx_operand){a->data, mx_strides_of(a)}; }

/* float32 for what is not a float. */
static inline mx_dtype mx_at_least_float(mx_dtype dtype) {
  return mx_is_subdtype(dtype, MX_KIND_INEXACT) ? dtype : MX_FLOAT32;
}

#endif
