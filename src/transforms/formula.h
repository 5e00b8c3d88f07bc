/* Primitives' rules; where one has none (or it returns false without a message), what follows from
 * the primitive's formula. Arguments as in struct mx_primitive. False after mx_fail. */
#ifndef TRANSFORMS_FORMULA_H
#define TRANSFORMS_FORMULA_H

#include "transforms/function.h"

bool tr_rule_vjp(const mx_node *node, const mx *primals, const mx *cotangents, const int *argnums,
                 int count, const mx *outputs, mx *vjps);
bool tr_rule_jvp(const mx_node *node, const mx *primals, const mx *tangents, const int *argnums,
                 int count, mx *jvps);
bool tr_rule_vmap(const mx_node *node, const mx *inputs, const int *axes, mx *outputs,
                  int *out_axes);

#endif
