/* Kernels: functions of two operands of one dtype, element by element. */
#ifndef KERNELS_BINARY_H
#define KERNELS_BINARY_H

#include "kernels/isa.h"

#include "mlx/mx/dtype.h"

#include <stdbool.h>
#include <stdint.h>

/* Every operation, by what it takes and yields:
 * ANY: every dtype, to the same. COMPARE: every dtype, to bool. FLOAT: floats and complex64, to the
 * same. INTEGER: integers and bool, to the same. The others are named. */
#define MX_BINARY_OPS(ANY, COMPARE, FLOAT, INTEGER, OTHER)                               \
  ANY(add)                                                                               \
  ANY(subtract)                                                                          \
  ANY(multiply)                                                                          \
  ANY(maximum)                                                                           \
  ANY(minimum)                                                                           \
  ANY(power)                                                                             \
  ANY(remainder) /* with the divisor's sign; 0 where an integer divisor is 0 */          \
  COMPARE(equal)                                                                         \
  COMPARE(not_equal)                                                                     \
  COMPARE(less)                                                                          \
  COMPARE(less_equal)                                                                    \
  COMPARE(greater)                                                                       \
  COMPARE(greater_equal)                                                                 \
  COMPARE(nan_equal) /* two NaNs are equal too */                                        \
  FLOAT(divide)                                                                          \
  FLOAT(arctan2)                                                                         \
  FLOAT(logaddexp)                                                                       \
  INTEGER(bitwise_and)                                                                   \
  INTEGER(bitwise_or)                                                                    \
  INTEGER(bitwise_xor)                                                                   \
  INTEGER(left_shift) /* counts of the width and more leave 0, or the sign */            \
  INTEGER(right_shift)                                                                   \
  OTHER(quotient) /* all but complex64: towards zero; 0 where an integer divisor is 0 */ \
  OTHER(fmod)     /* all but complex64: what quotient leaves */

typedef enum mx_binary_op {
#define OP(name) MX_BINARY_##name,
  MX_BINARY_OPS(OP, OP, OP, OP, OP)
#undef OP
      MX_BINARY_COUNT
} mx_binary_op;

static inline mx_dtype mx_binary_dtype(mx_binary_op op, mx_dtype in) {
  return op >= MX_BINARY_equal && op <= MX_BINARY_nan_equal ? MX_BOOL : in;
}

/* out[i] = op(a[i * a_step], b[i * b_step]) for n elements; steps are 1, or 0 for a scalar. out may
 * be a or b, where that one steps and the sizes of their elements agree. */
#define MX_KERNELS_BINARY(K)                                                              \
  K(void, binary,                                                                         \
    (mx_binary_op op, mx_dtype dtype, void *out, const void *a, const void *b, int64_t n, \
     int64_t a_step, int64_t b_step))

#ifdef MX_ISA
MX_KERNELS_BINARY(MX_DECLARE_KERNEL)
#endif

#endif
