/* Helpers for rules. */
#include "ops/rules.h"
#include "mlx/mx/create.h"

bool mx_vjp_zeros(const mx_node *node, const mx *primals, const mx *cotangents, const int *argnums,
                  int count, const mx *outputs, mx *vjps) {
  (void)node, (void)cotangents, (void)outputs;
  for (int i = 0; i < count; i++)
    if (!(vjps[i] = mx_zeros_like(primals[argnums[i]]))) return false;
  return true;
}

bool mx_jvp_zeros(const mx_node *node, const mx *primals, const mx *tangents, const int *argnums,
                  int count, mx *jvps) {
  (void)node, (void)tangents, (void)argnums, (void)count;
  return (jvps[0] = mx_zeros_like(primals[0])) != NULL;
}

mx mx_tangent_of(const mx *primals, const mx *tangents, const int *argnums, int count, int arg) {
  int at = mx_argument(argnums, count, arg);
  return at < 0 ? mx_zeros_like(primals[arg]) : tangents[at];
}

int mx_shape_not_inferred(const mx_node *node, const mx *inputs, int output, int *shape) {
  (void)inputs, (void)output, (void)shape;
  mx_fail("[Primitive::output_shapes] %s cannot infer output shapes.", node->primitive->name);
  return -1;
}

int mx_align_batches(const mx *in, const int *axes, int count, mx *aligned) {
  int ndim = 0, to = -1;
  for (int i = 0; i < count; i++) {
    int own = in[i]->ndim + (axes[i] < 0);
    if (own > ndim) ndim = own;
  }
  for (int i = 0; i < count; i++) {
    int from = axes[i] < 0 ? -1 : axes[i] + ndim - in[i]->ndim;
    if (from >= 0 && to < 0) to = from;
  }
  for (int i = 0; i < count; i++) {
    mx a = in[i];
    int own[MX_MAX_NDIM], lead = ndim - a->ndim - (axes[i] < 0);
    if (axes[i] < 0) a = mx_expand_dims(a, MX_INTS(to - lead > 0 ? to - lead : 0));
    if (a && lead > 0) {
      for (int k = 0; k < lead; k++) own[k] = 1;
      mx_copy_ints(own + lead, mx_shape_of(a), a->ndim);
      a = mx_reshape(a, (mx_ints){own, ndim});
    }
    if (a && axes[i] >= 0 && axes[i] + lead != to) a = mx_moveaxis(a, axes[i] + lead, to);
    if (!(aligned[i] = a)) return -1;
  }
  return to;
}

mx mx_batch_in_front(mx a, int axis) { return axis <= 0 ? a : mx_moveaxis(a, axis, 0); }

mx mx_batched(mx a, int axis, int length) {
  if (axis >= 0) return mx_batch_in_front(a, axis);
  if (!a) return NULL;
  int shape[MX_MAX_NDIM + 1] = {length};
  mx_copy_ints(shape + 1, mx_shape_of(a), a->ndim);
  return mx_broadcast_to(mx_expand_dims(a, MX_INTS(0)), (mx_ints){shape, a->ndim + 1});
}

int mx_batch_length(const mx *in, const int *axes, int count) {
  for (int i = 0; i < count; i++)
    if (axes[i] >= 0) return mx_shape_of(in[i])[axes[i]];
  return 1;
}

mx mx_spread_like(mx a, mx like) {
  mx both[2];
  return mx_broadcast_arrays((mx[]){a, like}, 2, both) ? both[0] : NULL;
}
