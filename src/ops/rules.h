/* What the families' rules for derivatives and vectorisation share. */
#ifndef OPS_RULES_H
#define OPS_RULES_H

#include "ops/ops.h"

/* Rules of operations whose result does not change with small changes of the inputs: zeros. */
bool mx_vjp_zeros(const mx_node *node, const mx *primals, const mx *cotangents, const int *argnums,
                  int count, const mx *outputs, mx *vjps);
/* Zeros of the first input's shape and dtype: for operations of one output that has both. */
bool mx_jvp_zeros(const mx_node *node, const mx *primals, const mx *tangents, const int *argnums,
                  int count, mx *jvps);

/* The jvp of operations that are linear in their one input: a formula of node and t, the tangent.
 */
#define MX_LINEAR_JVP(name, formula)                                                               \
  static bool name(const mx_node *node, const mx *primals, const mx *tangents, const int *argnums, \
                   int count, mx *jvps) {                                                          \
    (void)node, (void)primals, (void)argnums, (void)count;                                         \
    mx t = tangents[0];                                                                            \
    return (jvps[0] = formula) != NULL;                                                            \
  }

/* Whether argument `arg` has a tangent (or wants a cotangent): its place in argnums, or -1. */
static inline int mx_argument(const int *argnums, int count, int arg) {
  for (int i = 0; i < count; i++)
    if (argnums[i] == arg) return i;
  return -1;
}
/* Its tangent, or zeros like it. */
mx mx_tangent_of(const mx *primals, const mx *tangents, const int *argnums, int count, int arg);

/* An output_shape of operations whose parameters hold only for the shape they were made for. */
int mx_shape_not_inferred(const mx_node *node, const mx *inputs, int output, int *shape);

/* For the vmap of operations whose inputs have the same number of axes (or broadcast from the
 * right): the batched inputs with their batch axis moved to one place, the others with an axis of
 * length 1 there, so that they broadcast. Fills aligned[count]; returns the batch axis, or -1 after
 * mx_fail. Inputs of fewer axes than others get leading axes of length 1. */
int mx_align_batches(const mx *in, const int *axes, int count, mx *aligned);

/* The batch axis moved to the front; an input that has none is left alone. */
mx mx_batch_in_front(mx a, int axis);
/* The same; an input that has none gets an axis of `length` by broadcasting. */
mx mx_batched(mx a, int axis, int length);
/* The length of the batch axis. */
int mx_batch_length(const mx *in, const int *axes, int count);
/* Where axis `axis` of one slice lies in the array that is batched along `batch` (-1: not). */
static inline int mx_axis_in_batch(int axis, int batch) {
  return axis + (batch >= 0 && batch <= axis);
}

/* a broadcast to the shape of `like`. */
mx mx_spread_like(mx a, mx like);

#endif
