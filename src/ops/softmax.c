/* Softmax and log-sum-exp. */
#include "mlx/mx/softmax.h"
#include "drivers/softmax.h"
#include "mlx/mx/cast.h"
#include "mlx/mx/elementwise.h"
#include "ops/codecs.h"
#include "ops/rules.h"

typedef struct {
  int axis;
  bool precise; /* as asked; it is always computed so */
} axis_params;

static bool eval_softmax(const mx_node *node, const mx *in, const mx *out) {
  int axis = MX_PARAMS(axis_params, node)->axis;
  if (!mx_out_donate(out[0], in[0]) && !mx_out_alloc(out[0])) return false;
  return mx_softmax_axis(in[0]->dtype, in[0]->data, mx_strides_of(in[0]), mx_shape_of(in[0]),
                         in[0]->ndim, axis, out[0]->data);
}

static const mx_primitive softmax, logsumexp;

static mx make_softmax(axis_params p, mx a) {
  return a ? mx_make(&softmax, &p, mx_spec_like(a, a->dtype), a) : NULL;
}

/* The derivative is symmetric: y (t - sum(y t)). */
static mx softmax_slope(int axis, mx y, mx t) {
  mx part = mx_multiply(y, t);
  return mx_subtract(part, mx_multiply(y, mx_sum(part, .axis = axis, .keepdims = true)));
}

static bool vjp_softmax(const mx_node *node, const mx *primals, const mx *cotangents,
                        const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)primals, (void)argnums, (void)count;
  int axis = MX_PARAMS(axis_params, node)->axis;
  return (vjps[0] = softmax_slope(axis, outputs[0], cotangents[0])) != NULL;
}

static bool jvp_softmax(const mx_node *node, const mx *primals, const mx *tangents,
                        const int *argnums, int count, mx *jvps) {
  (void)argnums, (void)count;
  const axis_params *p = MX_PARAMS(axis_params, node);
  return (jvps[0] = softmax_slope(p->axis, make_softmax(*p, primals[0]), tangents[0])) != NULL;
}

static axis_params in_batch(const mx_node *node, int batch) {
  axis_params p = {0};
  p.precise = MX_PARAMS(axis_params, node)->precise;
  p.axis = mx_axis_in_batch(MX_PARAMS(axis_params, node)->axis, batch);
  return p;
}

static bool vmap_softmax(const mx_node *node, const mx *in, const int *axes, mx *out,
                         int *out_axes) {
  out_axes[0] = axes[0];
  return (out[0] = make_softmax(in_batch(node, axes[0]), in[0])) != NULL;
}

static const mx_primitive softmax = {.name = "Softmax",
                                     .params_size = sizeof(axis_params),
                                     .eval = {eval_softmax},
                                     .vjp = vjp_softmax,
                                     .jvp = jvp_softmax,
                                     .vmap = vmap_softmax,
                                     .output_shape = mx_shape_of_first};

static bool eval_logsumexp(const mx_node *node, const mx *in, const mx *out) {
  int axis = MX_PARAMS(axis_params, node)->axis;
  return mx_out_alloc(out[0]) &&
         mx_logsumexp_axis(in[0]->dtype, in[0]->data, mx_strides_of(in[0]), mx_shape_of(in[0]),
                           in[0]->ndim, axis, out[0]->data);
}

/* The axis stays, with length 1. */
static int logsumexp_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  if (!in[0]->size) return mx_shapes_misfit(node, in);
  mx_copy_ints(shape, mx_shape_of(in[0]), in[0]->ndim);
  shape[MX_PARAMS(axis_params, node)->axis] = 1;
  return in[0]->ndim;
}

static mx make_logsumexp(axis_params p, mx a) {
  if (!a) return NULL;
  int shape[MX_MAX_NDIM];
  mx_copy_ints(shape, mx_shape_of(a), a->ndim);
  shape[p.axis] = 1;
  return mx_make(&logsumexp, &p, ((mx_spec){a->dtype, a->ndim, shape}), a);
}

static bool vjp_logsumexp(const mx_node *node, const mx *primals, const mx *cotangents,
                          const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)argnums, (void)count, (void)outputs;
  mx weights = make_softmax(*MX_PARAMS(axis_params, node), primals[0]);
  return (vjps[0] = mx_multiply(cotangents[0], weights)) != NULL;
}

static bool jvp_logsumexp(const mx_node *node, const mx *primals, const mx *tangents,
                          const int *argnums, int count, mx *jvps) {
  (void)argnums, (void)count;
  const axis_params *p = MX_PARAMS(axis_params, node);
  mx part = mx_multiply(tangents[0], make_softmax(*p, primals[0]));
  return (jvps[0] = mx_sum(part, .axis = p->axis, .keepdims = true)) != NULL;
}

static bool vmap_logsumexp(const mx_node *node, const mx *in, const int *axes, mx *out,
                           int *out_axes) {
  out_axes[0] = axes[0];
  return (out[0] = make_logsumexp(in_batch(node, axes[0]), in[0])) != NULL;
}

static const mx_primitive logsumexp = {.name = "LogSumExp",
                                       .params_size = sizeof(axis_params),
                                       .eval = {eval_logsumexp},
                                       .vjp = vjp_logsumexp,
                                       .jvp = jvp_logsumexp,
                                       .vmap = vmap_logsumexp,
                                       .output_shape = logsumexp_shape};

static mx_dtype at_least_float(mx_dtype dtype) {
  return mx_is_subdtype(dtype, MX_KIND_INEXACT) ? dtype : mx_promote_types(dtype, MX_FLOAT32);
}

/* The axes of a call, sorted; -1 after mx_fail. */
static int called_axes(const char *op, mx a, mx_ints axes, int axis, int *sorted) {
  if (axes.size < 0 && axis == MX_NO_AXIS) {
    for (int i = 0; i < a->ndim; i++) sorted[i] = i;
    return a->ndim;
  }
  if (axes.size < 0) axes = (mx_ints){&axis, 1};
  if (!a->ndim && axes.size) {
    mx_fail("[%s] Received non-empty axes for array with 0 dimensions.", op);
    return -1;
  }
  return mx_normalize_axes(op, axes, a->ndim, sorted);
}

/* Over several axes, or complex: the formula itself. */
static mx softmax_formula(mx a, mx_ints axes) {
  mx greatest = mx_stop_gradient(mx_max(a, .axes = axes, .keepdims = true));
  mx e = mx_exp(mx_subtract(a, greatest));
  return mx_divide(e, mx_sum(e, .axes = axes, .keepdims = true));
}

mx mx_softmax_with(mx a, mx_softmax_args args) {
  if (!a) return NULL;
  int axes[MX_MAX_NDIM], count = called_axes("softmax", a, args.axes, args.axis, axes);
  if (count < 0) return NULL;
  if (!a->size) return mx_same(a);
  mx_dtype dtype = at_least_float(a->dtype);
  a = mx_astype(a, dtype);
  if (count != 1 || dtype == MX_COMPLEX64) {
    mx wide = dtype == MX_FLOAT16 || dtype == MX_BFLOAT16 ? mx_astype(a, MX_FLOAT32) : a;
    return mx_astype(softmax_formula(wide, (mx_ints){axes, count}), dtype);
  }
  axis_params p = {0};
  p.axis = axes[0], p.precise = args.precise;
  return make_softmax(p, a);
}

static mx logsumexp_formula(mx a, mx_ints axes, bool keepdims) {
  mx greatest = mx_stop_gradient(mx_max(a, .axes = axes, .keepdims = true));
  mx sum = mx_sum(mx_exp(mx_subtract(a, greatest)), .axes = axes, .keepdims = true);
  mx total = mx_add(mx_log(sum), greatest);
  total = mx_where(mx_isinf(greatest), greatest, total);
  return keepdims ? total : mx_squeeze(total, axes);
}

mx mx_logsumexp_with(mx a, mx_reduce_args args) {
  if (!a) return NULL;
  int axes[MX_MAX_NDIM], count = called_axes("logsumexp", a, args.axes, args.axis, axes);
  if (count < 0) return NULL;
  if (!a->size) return mx_fail("[logsumexp] Received empty array.");
  mx_dtype dtype = at_least_float(a->dtype);
  a = mx_astype(a, dtype);
  int axis = -1;
  for (int i = 0; i < count; i++)
    if (axis < 0 || mx_shape_of(a)[axis] == 1) axis = axes[i];
  for (int i = 0; i < count; i++)
    if (axes[i] != axis && mx_shape_of(a)[axes[i]] != 1) axis = -1;
  if (axis < 0 || dtype == MX_COMPLEX64) {
    mx wide = dtype == MX_FLOAT16 || dtype == MX_BFLOAT16 ? mx_astype(a, MX_FLOAT32) : a;
    return mx_astype(logsumexp_formula(wide, (mx_ints){axes, count}, args.keepdims), dtype);
  }
  axis_params p = {0};
  p.axis = axis;
  mx out = make_logsumexp(p, a);
  return args.keepdims ? out : mx_squeeze(out, (mx_ints){axes, count});
}

/* ---- In MLX's files ---- */

/* MLX's classes work along the last axis: others change places with it. */
static mx along_last(const mx_node *node, mx a, mx (*make)(axis_params p, mx a)) {
  axis_params p = *MX_PARAMS(axis_params, node);
  int axis = p.axis, last = a->ndim - 1;
  p.axis = last;
  if (axis == last) return make(p, a);
  return mx_swapaxes(make(p, mx_swapaxes(a, axis, last)), axis, last);
}

static bool expand_softmax(const mx_node *node, const mx *in, mx *out) {
  return (out[0] = along_last(node, in[0], make_softmax)) != NULL;
}

static bool expand_logsumexp(const mx_node *node, const mx *in, mx *out) {
  return (out[0] = along_last(node, in[0], make_logsumexp)) != NULL;
}

static const mx_codec *visit_softmax(mx_state *s, const mx_codec *codec, void *params) {
  mx_state_bool(s, &((axis_params *)params)->precise);
  return codec;
}

static bool build_softmax(const mx_build *b) {
  const axis_params *p = b->params;
  return MX_BUILT(b, 1, mx_softmax(b->in[0], .axis = -1, .precise = p->precise));
}

static bool build_logsumexp(const mx_build *b) {
  return MX_BUILT(b, 1, mx_logsumexp(b->in[0], .axis = -1, .keepdims = true));
}

const mx_codec mx_softmax_codecs[] = {
    {.name = "Softmax",
     .primitive = &softmax,
     .visit = visit_softmax,
     .build = build_softmax,
     .expand = expand_softmax},
    {.name = "LogSumExp",
     .primitive = &logsumexp,
     .build = build_logsumexp,
     .expand = expand_logsumexp},
    {0},
};
