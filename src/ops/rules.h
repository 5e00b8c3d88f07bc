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

#endif
