/* Kernels: a straight program of operations element by element, run a block of elements at a time
 * with values in registers. */
#ifndef KERNELS_FUSED_H
#define KERNELS_FUSED_H

#include "kernels/isa.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A program has an accumulator and slots, each of which holds a block of 32-bit lanes: float32
 * numbers, or truth values as masks. Of the steps below `acc` is the accumulator, `a` and `b` are
 * operands: a place (memory, converted to lanes as it is read) or a slot. Every value that has a
 * 16-bit dtype is rounded to it by a step of its own, so results are the same bits as those of the
 * operations one by one. */

/* acc = acc op a, and in the _of forms a op acc; a of any kind but MX_FUSED_BOOL. ROUNDED: followed
 * by their forms _to_f16 and _to_bf16, which round. */
#define MX_FUSED_ARITHMETIC(ROUNDED, S) \
  ROUNDED(add)                          \
  ROUNDED(subtract)                     \
  ROUNDED(subtract_of)                  \
  ROUNDED(multiply)                     \
  ROUNDED(divide)                       \
  ROUNDED(divide_of)                    \
  S(maximum)                            \
  S(maximum_of)                         \
  S(minimum)                            \
  S(minimum_of)
/* The same for operands of 32 bits a lane; truth values from numbers, or from truth values. */
#define MX_FUSED_TESTS(S) \
  S(equal)                \
  S(not_equal)            \
  S(less)                 \
  S(less_equal)           \
  S(greater)              \
  S(greater_equal)        \
  S(nan_equal)            \
  S(both)                 \
  S(either)               \
  S(differ)
/* acc = op(acc) */
#define MX_FUSED_UNARY(S)                         \
  S(abs)                                          \
  S(negative)                                     \
  S(square)                                       \
  S(sqrt)                                         \
  S(rsqrt)                                        \
  S(exp)                                          \
  S(sigmoid)                                      \
  S(tanh)                                         \
  S(erf)                                          \
  S(isnan)                                        \
  S(isinf)                                        \
  S(isposinf)                                     \
  S(isneginf)                                     \
  S(isfinite)                                     \
  S(invert)                                       \
  S(to_number) /* 1 or 0 of a truth value */      \
  S(to_truth)  /* whether a number is not 0 */    \
  S(round_f16) /* to a number that float16 has */ \
  S(round_bf16)                                   \
  S(settle_bf16) /* the same for what steps above make of bfloat16 numbers */
#define MX_FUSED_OTHER(S)                                                         \
  S(load)         /* acc = a */                                                   \
  S(stage)        /* slot b = a */                                                \
  S(keep)         /* slot a = acc */                                              \
  S(store)        /* place a = acc */                                             \
  S(unary)        /* acc = op(acc), op `code` of kernels/unary.h */               \
  S(binary)       /* acc = op(acc, a), of kernels/binary.h; a as in arithmetic */ \
  S(binary_of)    /* acc = op(a, acc) */                                          \
  S(choose)       /* acc = acc ? a : b; a and b of 32 bits */                     \
  S(choose_first) /* acc = a ? acc : b */                                         \
  S(choose_other) /* acc = a ? b : acc */

typedef enum mx_fused_op {
  MX_FUSED_NONE,
#define S(name) MX_FUSED_##name,
#define ROUNDED(name) S(name) S(name##_to_f16) S(name##_to_bf16)
  MX_FUSED_ARITHMETIC(ROUNDED, S) MX_FUSED_TESTS(S) MX_FUSED_UNARY(S) MX_FUSED_OTHER(S)
#undef ROUNDED
#undef S
      MX_FUSED_OPS
} mx_fused_op;

/* What lies in a place. */
typedef enum mx_fused_kind {
  MX_FUSED_F32,
  MX_FUSED_F16,
  MX_FUSED_BF16,
  MX_FUSED_BOOL,
  MX_FUSED_KINDS
} mx_fused_kind;

/* An operand from 0 on is a place, ~slot is a slot. */
typedef struct mx_fused_step {
  uint8_t op, code;
  int16_t a, b;
} mx_fused_step;

typedef struct mx_fused_code {
  int step_count, slot_count;
  int place_count, input_count; /* the inputs come first */
  const uint8_t *kinds;         /* [place_count], mx_fused_kind */
  const mx_fused_step *steps;
} mx_fused_code;

/* Runs the program on n elements. Place p begins at at[p] and advances by advance[p] elements: 1,
 * or 0 for an input that is one number. An output may be an input of the same element size that is
 * read by no step after the one that stores the output. `stream`: large outputs go past the caches,
 * and the caller fences. scratch: MX_FUSED_SCRATCH(code) bytes, aligned to 64. */
#define MX_KERNELS_FUSED(K)                                                           \
  K(void, fused,                                                                      \
    (const mx_fused_code *code, void *const *at, const uint8_t *advance, bool stream, \
     char *scratch, int64_t n))

#define MX_FUSED_BLOCK_BYTES 512 /* at most; of 32-bit lanes */
#define MX_FUSED_BOUND_BYTES 64  /* of a step on its way */
#define MX_FUSED_SCRATCH(code)                                                      \
  ((int64_t)((code)->slot_count + (code)->place_count + 2) * MX_FUSED_BLOCK_BYTES + \
   (int64_t)((code)->step_count + 1) * MX_FUSED_BOUND_BYTES)

#ifdef MX_ISA
MX_KERNELS_FUSED(MX_DECLARE_KERNEL)
#endif

#endif
