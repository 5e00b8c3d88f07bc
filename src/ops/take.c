/* Elements at given places: along an axis that the indices replace, or place by place. */
#include "drivers/index.h"
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "mlx/mx/index.h"
#include "ops/index.h"
#include "ops/codecs.h"
#include "ops/rules.h"

/* ---- take ---- */

static bool check_take_axis(mx a, int axis) {
  if (axis + a->ndim >= 0 && axis < a->ndim) return true;
  mx_fail("[take] Received invalid axis %d for array with %d dimensions.", axis, a->ndim);
  return false;
}

mx mx_take_with(mx a, mx indices, mx_axis_args args) {
  if (!a || !indices) return NULL;
  if (args.axis == MX_NO_AXIS) return mx_take(mx_flatten(a, 0, -1), indices, .axis = 0);
  if (!check_take_axis(a, args.axis)) return NULL;
  int axis = args.axis + (args.axis < 0 ? a->ndim : 0), slice_sizes[MX_MAX_NDIM];
  if (!mx_shape_of(a)[axis] && indices->size)
    return mx_fail("[take] Cannot do a non-empty take from an empty axis.");
  mx_copy_ints(slice_sizes, mx_shape_of(a), a->ndim);
  slice_sizes[axis] = 1;
  mx out = mx_gather(a, &indices, 1, MX_INTS(axis), (mx_ints){slice_sizes, a->ndim});
  if (!out) return NULL;
  if (axis) { /* the indices' axes go where the axis was */
    int order[MX_MAX_NDIM], n = 0;
    for (int i = 0; i < axis; i++) order[n++] = indices->ndim + i;
    for (int i = 0; i < indices->ndim; i++) order[n++] = i;
    for (; n < out->ndim; n++) order[n] = n;
    out = mx_transpose(out, .axes = {order, out->ndim});
  }
  return mx_squeeze(out, MX_INTS(indices->ndim + axis));
}

mx mx_take_one_with(mx a, int index, mx_axis_args args) {
  if (!a) return NULL;
  if (args.axis == MX_NO_AXIS) return mx_take_one(mx_flatten(a, 0, -1), index, .axis = 0);
  if (!check_take_axis(a, args.axis)) return NULL;
  if (!a->size)
    return mx_fail("[take] Cannot do a non-empty take from an array with zero elements.");
  int axis = args.axis + (args.axis < 0 ? a->ndim : 0), length = mx_shape_of(a)[axis];
  int at = index + (index < 0 ? length : 0);
  at = at < 0 ? 0 : at >= length ? length - 1 : at;
  return mx_squeeze(mx_slice_axis(a, axis, at, at + 1), MX_INTS(axis));
}

/* ---- along an axis: inputs are the array, the indices, and for scatters the updates ---- */

typedef struct {
  mx_scatter_kind kind; /* scatters only */
  int axis;
} axis_params;

static bool eval_gather_axis(const mx_node *node, const mx *in, const mx *out) {
  int axis = MX_PARAMS(axis_params, node)->axis;
  if (!mx_out_alloc(out[0])) return false;
  if (out[0]->size)
    mx_drive_gather_axis(in[0]->dtype, in[0]->data, mx_strides_of(in[0]), mx_shape_of(in[0])[axis],
                         in[1]->dtype, in[1]->data, mx_strides_of(in[1]), in[1]->ndim,
                         mx_shape_of(in[1]), axis, out[0]->data);
  return true;
}

/* Along the axis there are as many as there are indices, of an array that may not be empty. */
static int gather_axis_shape(const mx_node *node, const mx *in, int output, int *shape) {
  int axis = MX_PARAMS(axis_params, node)->axis;
  if (!mx_same_shape_but(in[0], in[1], axis) || (!mx_shape_of(in[0])[axis] && in[1]->size))
    return mx_shapes_misfit(node, in);
  return mx_shape_of_first(node, in + 1, output, shape);
}

static bool vjp_gather_axis(const mx_node *node, const mx *primals, const mx *cotangents,
                            const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)outputs;
  int axis = MX_PARAMS(axis_params, node)->axis;
  for (int i = 0; i < count; i++) {
    vjps[i] = mx_zeros_like(primals[argnums[i]]);
    if (argnums[i] == 0 && cotangents[0]->size)
      vjps[i] = mx_scatter_add_axis(vjps[i], primals[1], cotangents[0], axis);
    if (!vjps[i]) return false;
  }
  return true;
}

static bool jvp_gather_axis(const mx_node *node, const mx *primals, const mx *tangents,
                            const int *argnums, int count, mx *jvps) {
  if (count > 1 || argnums[0]) {
    mx_fail("[gather_axis] Cannot calculate JVP with respect to indices.");
    return false;
  }
  int axis = MX_PARAMS(axis_params, node)->axis;
  return (jvps[0] = mx_take_along_axis(tangents[0], primals[1], .axis = axis)) != NULL;
}

static bool vmap_gather_axis(const mx_node *node, const mx *in, const int *axes, mx *out,
                             int *out_axes) {
  mx aligned[2];
  int axis = MX_PARAMS(axis_params, node)->axis;
  if ((out_axes[0] = mx_align_batches(in, axes, 2, aligned)) < 0) return false;
  axis += axis >= out_axes[0];
  return (out[0] = mx_take_along_axis(aligned[0], aligned[1], .axis = axis)) != NULL;
}

static const mx_primitive gather_axis = {.name = "GatherAxis",
                                         .params_size = sizeof(axis_params),
                                         .eval = {eval_gather_axis},
                                         .vjp = vjp_gather_axis,
                                         .jvp = jvp_gather_axis,
                                         .vmap = vmap_gather_axis,
                                         .output_shape = gather_axis_shape};

static bool eval_scatter_axis(const mx_node *node, const mx *in, const mx *out) {
  const axis_params *p = MX_PARAMS(axis_params, node);
  if (!mx_out_scattered(out[0], in[0])) return false;
  mx_drive_scatter_axis(p->kind, out[0]->dtype, out[0]->data, mx_strides_of(out[0]),
                        mx_shape_of(out[0])[p->axis], in[1]->dtype, in[1]->data,
                        mx_strides_of(in[1]), in[2]->data, mx_strides_of(in[2]), in[1]->ndim,
                        mx_shape_of(in[1]), p->axis);
  return true;
}

static mx make_scatter_axis(mx_scatter_kind kind, const char *op, mx a, mx indices, mx values,
                            int axis);

static mx scatter_again(const mx_node *node, mx a, mx indices, mx updates, int axis) {
  return make_scatter_axis(MX_PARAMS(axis_params, node)->kind, "scatter_axis", a, indices, updates,
                           axis);
}

static bool vjp_scatter_axis(const mx_node *node, const mx *primals, const mx *cotangents,
                             const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)outputs;
  const axis_params *p = MX_PARAMS(axis_params, node);
  mx c = cotangents[0];
  for (int i = 0; i < count; i++) {
    if (argnums[i] == 0)
      vjps[i] = p->kind == MX_SCATTER_ADD
                    ? c
                    : scatter_again(node, c, primals[1], mx_zeros_like(primals[2]), p->axis);
    else if (argnums[i] == 2)
      vjps[i] = mx_take_along_axis(c, primals[1], .axis = p->axis);
    else
      vjps[i] = mx_fail("[scatter_axis] Cannot calculate VJP with respect to indices.");
    if (!vjps[i]) return false;
  }
  return true;
}

static bool jvp_scatter_axis(const mx_node *node, const mx *primals, const mx *tangents,
                             const int *argnums, int count, mx *jvps) {
  if (mx_argument(argnums, count, 1) >= 0) {
    mx_fail("[scatter_axis] Cannot calculate JVP with respect to indices.");
    return false;
  }
  mx t = mx_tangent_of(primals, tangents, argnums, count, 0);
  mx u = mx_tangent_of(primals, tangents, argnums, count, 2);
  jvps[0] = scatter_again(node, t, primals[1], u, MX_PARAMS(axis_params, node)->axis);
  return jvps[0] != NULL;
}

static bool vmap_scatter_axis(const mx_node *node, const mx *in, const int *axes, mx *out,
                              int *out_axes) {
  int length = mx_batch_length(in, axes, 3);
  mx batched[3];
  for (int i = 0; i < 3; i++)
    if (!(batched[i] = mx_batched(in[i], axes[i], length))) return false;
  out_axes[0] = 0;
  out[0] = scatter_again(node, batched[0], batched[1], batched[2],
                         MX_PARAMS(axis_params, node)->axis + 1);
  return out[0] != NULL;
}

static int scatter_axis_shape(const mx_node *node, const mx *in, int output, int *shape) {
  int axis = MX_PARAMS(axis_params, node)->axis;
  if (!mx_same_shape_but(in[0], in[1], axis) || !mx_same_shape_but(in[1], in[2], -1) ||
      (!mx_shape_of(in[0])[axis] && in[1]->size))
    return mx_shapes_misfit(node, in);
  return mx_shape_of_first(node, in, output, shape);
}

static const mx_primitive scatter_axis = {.name = "ScatterAxis",
                                          .params_size = sizeof(axis_params),
                                          .eval = {eval_scatter_axis},
                                          .vjp = vjp_scatter_axis,
                                          .jvp = jvp_scatter_axis,
                                          .vmap = vmap_scatter_axis,
                                          .output_shape = scatter_axis_shape};

/* The axis made non-negative, or -1 after mx_fail; indices must be integers with a's rank. */
static int check_along(const char *op, mx a, mx indices, int axis) {
  if (axis + a->ndim < 0 || axis >= a->ndim)
    mx_fail("[%s] Received invalid axis for array with %d dimensions.", op, a->ndim);
  else if (indices->ndim != a->ndim)
    mx_fail("[%s] Indices of dimension %d does not match array of dimension %d.", op, indices->ndim,
            a->ndim);
  else if (!mx_is_subdtype(indices->dtype, MX_KIND_INTEGER))
    mx_fail("[%s] Indices must be integral; these are %s.", op, mx_dtype_name(indices->dtype));
  else
    return axis + (axis < 0 ? a->ndim : 0);
  return -1;
}

mx mx_take_along_axis_with(mx a, mx indices, mx_axis_args args) {
  if (!a || !indices) return NULL;
  if (args.axis == MX_NO_AXIS) return mx_take_along_axis(mx_flatten(a, 0, -1), indices, .axis = 0);
  axis_params p = {.axis = check_along("take_along_axis", a, indices, args.axis)};
  mx inputs[2] = {a, indices};
  if (p.axis < 0 || !mx_broadcast_but(inputs, 2, MX_INTS(p.axis - a->ndim))) return NULL;
  if (!mx_shape_of(a)[p.axis] && inputs[1]->size)
    return mx_fail("[take_along_axis] Cannot take from axis %d of shape %s, which is empty.",
                   args.axis, mx_shape_text_of(a));
  return mx_make_node(&gather_axis, &p, mx_spec_like(inputs[1], a->dtype), inputs, 2);
}

static mx make_scatter_axis(mx_scatter_kind kind, const char *op, mx a, mx indices, mx values,
                            int axis) {
  if (!a || !indices || !values) return NULL;
  axis_params p = {.kind = kind, .axis = check_along(op, a, indices, axis)};
  if (p.axis < 0) return NULL;
  if (!a->size) return mx_same(a);
  mx updates = mx_astype(values, a->dtype);
  if (updates && updates->ndim > indices->ndim) {
    int leading[MX_MAX_NDIM], extra = updates->ndim - indices->ndim;
    for (int i = 0; i < extra; i++) leading[i] = i;
    updates = mx_squeeze(updates, (mx_ints){leading, extra});
  }
  mx inputs[3] = {a, indices, updates};
  if (!mx_broadcast_pair(inputs + 1, inputs + 2)) return NULL;
  if (!mx_broadcast_but(inputs, 3, MX_INTS(p.axis - a->ndim))) return NULL;
  return mx_make_node(&scatter_axis, &p, mx_spec_like(inputs[0], a->dtype), inputs, 3);
}

mx mx_put_along_axis_with(mx a, mx indices, mx values, mx_axis_args args) {
  if (!a || args.axis != MX_NO_AXIS)
    return make_scatter_axis(MX_SCATTER_SET, "put_along_axis", a, indices, values, args.axis);
  mx flat =
      make_scatter_axis(MX_SCATTER_SET, "put_along_axis", mx_flatten(a, 0, -1), indices, values, 0);
  return mx_reshape(flat, (mx_ints){mx_shape_of(a), a->ndim});
}

mx mx_scatter_add_axis(mx a, mx indices, mx values, int axis) {
  return make_scatter_axis(MX_SCATTER_ADD, "scatter_add_axis", a, indices, values, axis);
}

/* ---- In MLX's files ---- */

static const mx_scatter_kind kinds[] = {MX_SCATTER_ADD, MX_SCATTER_SET};

static const mx_codec *visit_gather_axis(mx_state *s, const mx_codec *codec, void *params) {
  mx_state_int(s, &((axis_params *)params)->axis);
  return codec;
}

static bool build_gather_axis(const mx_build *b) {
  const axis_params *p = b->params;
  return MX_BUILT(b, 2, mx_take_along_axis(b->in[0], b->in[1], .axis = p->axis));
}

static const mx_codec *visit_scatter_axis(mx_state *s, const mx_codec *codec, void *params) {
  axis_params *p = params;
  bool known = mx_visit_scatter_kind(s, &p->kind, kinds, 2);
  mx_state_int(s, &p->axis);
  return known ? codec : NULL;
}

static bool build_scatter_axis(const mx_build *b) {
  const axis_params *p = b->params;
  if (p->kind == MX_SCATTER_ADD)
    return MX_BUILT(b, 3, mx_scatter_add_axis(b->in[0], b->in[1], b->in[2], p->axis));
  return MX_BUILT(b, 3, mx_put_along_axis(b->in[0], b->in[1], b->in[2], .axis = p->axis));
}

#define CLASS(shown, it) \
  { .name = shown, .primitive = &it, .visit = visit_##it, .build = build_##it }
const mx_codec mx_take_codecs[] = {
    CLASS("GatherAxis", gather_axis),
    CLASS("ScatterAxis", scatter_axis),
    {0},
};
