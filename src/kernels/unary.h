/* Kernels: functions of one operand, element by element. */
#ifndef KERNELS_UNARY_H
#define KERNELS_UNARY_H

#include "kernels/isa.h"

#include "mlx/mx/dtype.h"

#include <stdint.h>

/* Every operation, by what it takes and yields:
 * ANY: every dtype (but negative and sign of bool), to the same. FLOAT: floats and complex64, to
 * the same. REAL: floats, to the same. TEST: floats and complex64, to bool. The others are named.
 */
#define MX_UNARY_OPS(ANY, FLOAT, REAL, TEST, OTHER)                          \
  ANY(negative)                                                              \
  ANY(sign)                                                                  \
  ANY(square)                                                                \
  FLOAT(arccos)                                                              \
  FLOAT(arccosh)                                                             \
  FLOAT(arcsin)                                                              \
  FLOAT(arcsinh)                                                             \
  FLOAT(arctan)                                                              \
  FLOAT(arctanh)                                                             \
  FLOAT(cos)                                                                 \
  FLOAT(cosh)                                                                \
  FLOAT(exp)                                                                 \
  FLOAT(expm1)                                                               \
  FLOAT(log)                                                                 \
  FLOAT(log10)                                                               \
  FLOAT(log1p)                                                               \
  FLOAT(log2)                                                                \
  FLOAT(round)                                                               \
  FLOAT(rsqrt)                                                               \
  FLOAT(sigmoid)                                                             \
  FLOAT(sin)                                                                 \
  FLOAT(sinh)                                                                \
  FLOAT(sqrt)                                                                \
  FLOAT(tan)                                                                 \
  FLOAT(tanh)                                                                \
  REAL(ceil)                                                                 \
  REAL(erf)                                                                  \
  REAL(erfinv)                                                               \
  REAL(floor)                                                                \
  TEST(isnan)                                                                \
  TEST(isinf)                                                                \
  TEST(isposinf)                                                             \
  TEST(isneginf)                                                             \
  TEST(isfinite)                                                             \
  OTHER(abs)            /* every dtype, to the same; complex64 to float32 */ \
  OTHER(bitwise_invert) /* integers */                                       \
  OTHER(conjugate)      /* complex64 */                                      \
  OTHER(imag)           /* complex64, to float32 */                          \
  OTHER(logical_not)    /* bool */                                           \
  OTHER(real)           /* complex64, to float32 */

typedef enum mx_unary_op {
#define OP(name) MX_UNARY_##name,
  MX_UNARY_OPS(OP, OP, OP, OP, OP)
#undef OP
      MX_UNARY_COUNT
} mx_unary_op;

static inline mx_dtype mx_unary_dtype(mx_unary_op op, mx_dtype in) {
  if (op >= MX_UNARY_isnan && op <= MX_UNARY_isfinite) return MX_BOOL;
  bool part = op == MX_UNARY_abs || op == MX_UNARY_real || op == MX_UNARY_imag;
  return part && in == MX_COMPLEX64 ? MX_FLOAT32 : in;
}

/* out[i] = op(in[i]) for n elements; out may be in, where the sizes of their elements agree. */
#define MX_KERNELS_UNARY(K) \
  K(void, unary, (mx_unary_op op, mx_dtype dtype, void *out, const void *in, int64_t n))

#ifdef MX_ISA
MX_KERNELS_UNARY(MX_DECLARE_KERNEL)
#endif

#endif
