/* Derivatives of operations of one operand. */
#ifndef OPS_UNARY_RULES_H
#define OPS_UNARY_RULES_H

#include "kernels/unary.h"
#include "ops/ops.h"

/* The tangent of y = op(x) for the tangent t of x, and the cotangent of x for the cotangent t of y.
 * As in MLX, cotangents of holomorphic functions are multiplied by the derivative itself, not by
 * its conjugate. */
mx mx_unary_push(mx_unary_op op, mx x, mx y, mx t);
mx mx_unary_pull(mx_unary_op op, mx x, mx y, mx t);

#endif
