/* Derivatives of operations of two operands. */
#ifndef OPS_BINARY_RULES_H
#define OPS_BINARY_RULES_H

#include "kernels/binary.h"
#include "ops/ops.h"

/* t times the derivative of y = op(in[0], in[1]) with respect to in[arg]; for a pull (a vjp), its
 * conjugate where the operation is a complex product or quotient. NULL where it is zero throughout
 * (and where an error stands). */
mx mx_binary_term(mx_binary_op op, const mx *in, mx y, int arg, mx t, bool pull);

#endif
