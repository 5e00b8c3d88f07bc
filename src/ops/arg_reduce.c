/* Where the largest or smallest element is. */
#include "drivers/reduce.h"
#include "mlx/mx/create.h"
#include "mlx/mx/reduce.h"
#include "ops/codecs.h"
#include "ops/rules.h"

typedef struct {
  int axis;
} arg_params;

static const mx_primitive arg_min, arg_max;

static bool eval_arg_reduce(const mx_node *node, const mx *in, const mx *out) {
  mx_reduce_kind kind = node->primitive == &arg_max ? MX_REDUCE_MAX : MX_REDUCE_MIN;
  return mx_out_alloc(out[0]) &&
         mx_drive_arg_reduce(kind, in[0]->dtype, in[0]->data, in[0]->ndim, mx_shape_of(in[0]),
                             mx_strides_of(in[0]), MX_PARAMS(arg_params, node)->axis,
                             (uint32_t *)out[0]->data) == 0;
}

static int arg_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  if (!in[0]->size) return mx_shapes_misfit(node, in);
  mx_copy_ints(shape, mx_shape_of(in[0]), in[0]->ndim);
  shape[MX_PARAMS(arg_params, node)->axis] = 1;
  return in[0]->ndim;
}

static bool jvp_arg(const mx_node *node, const mx *primals, const mx *tangents, const int *argnums,
                    int count, mx *jvps) {
  (void)tangents, (void)argnums, (void)count;
  int shape[MX_MAX_NDIM], ndim = arg_shape(node, primals, 0, shape);
  return (jvps[0] = mx_zeros((mx_ints){shape, ndim}, MX_UINT32)) != NULL;
}

static mx along_axis(mx a, const mx_primitive *primitive, int axis, bool keepdims);

static bool vmap_arg(const mx_node *node, const mx *in, const int *axes, mx *out, int *out_axes) {
  int axis = mx_axis_in_batch(MX_PARAMS(arg_params, node)->axis, axes[0]);
  out_axes[0] = axes[0];
  return (out[0] = along_axis(in[0], node->primitive, axis, true)) != NULL;
}

#define ARG_REDUCTION(NAME)                                                          \
  {                                                                                  \
    .name = NAME, .params_size = sizeof(arg_params), .eval = {eval_arg_reduce},      \
    .vjp = mx_vjp_zeros, .jvp = jvp_arg, .vmap = vmap_arg, .output_shape = arg_shape \
  }
static const mx_primitive arg_min = ARG_REDUCTION("ArgMin"), arg_max = ARG_REDUCTION("ArgMax");

static mx along_axis(mx a, const mx_primitive *primitive, int axis, bool keepdims) {
  int shape[MX_MAX_NDIM], at = axis + (axis < 0 ? a->ndim : 0);
  if (at < 0 || at >= a->ndim)
    return mx_fail("Invalid axis %d for array with %d dimensions.", axis, a->ndim);
  mx_copy_ints(shape, mx_shape_of(a), a->ndim);
  shape[at] = 1;
  mx out = mx_shape_of(a)[at] == 1
               ? mx_zeros((mx_ints){shape, a->ndim}, MX_UINT32)
               : mx_make(primitive, &(arg_params){at}, ((mx_spec){MX_UINT32, a->ndim, shape}), a);
  return keepdims ? out : mx_squeeze(out, MX_INTS(at));
}

static mx arg_reduce(mx a, const mx_primitive *primitive, const char *op, mx_arg_reduce_args args) {
  if (!a) return NULL;
  if (!a->size) return mx_fail("[%s] Cannot %s reduce zero size array.", op, op);
  if (args.axis != MX_NO_AXIS) return along_axis(a, primitive, args.axis, args.keepdims);
  int ones[MX_MAX_NDIM];
  for (int i = 0; i < a->ndim; i++) ones[i] = 1;
  return mx_reshape(along_axis(mx_flatten(a, 0, -1), primitive, 0, true),
                    (mx_ints){ones, args.keepdims ? a->ndim : 0});
}

mx mx_argmax_with(mx a, mx_arg_reduce_args args) { return arg_reduce(a, &arg_max, "argmax", args); }

mx mx_argmin_with(mx a, mx_arg_reduce_args args) { return arg_reduce(a, &arg_min, "argmin", args); }

/* ---- In MLX's files ---- */

static const mx_codec *visit(mx_state *s, const mx_codec *codec, void *params) {
  codec = mx_state_variant(s, codec);
  mx_state_int(s, &((arg_params *)params)->axis);
  return codec;
}

static bool build_min(const mx_build *b) {
  const arg_params *p = b->params;
  return MX_BUILT(b, 1, mx_argmin(b->in[0], .axis = p->axis, .keepdims = true));
}

static bool build_max(const mx_build *b) {
  const arg_params *p = b->params;
  return MX_BUILT(b, 1, mx_argmax(b->in[0], .axis = p->axis, .keepdims = true));
}

const mx_codec mx_arg_reduce_codecs[] = {
    {.name = "ArgReduce", .primitive = &arg_min, .visit = visit, .build = build_min},
    {.name = "ArgReduce", .primitive = &arg_max, .variant = 1, .visit = visit, .build = build_max},
    {0},
};
