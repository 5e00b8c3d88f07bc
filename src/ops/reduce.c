/* Sum, product, extremes, all and any, over any axes. */
#include "mlx/mx/reduce.h"
#include "drivers/reduce.h"
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "mlx/mx/elementwise.h"
#include "mlx/mx/index.h"
#include "ops/codecs.h"
#include "ops/rules.h"

typedef struct {
  int count, axes[MX_MAX_NDIM]; /* sorted */
} reduce_params;

static const mx_primitive reductions[MX_REDUCE_KINDS];

static bool eval_reduce(const mx_node *node, const mx *in, const mx *out) {
  const reduce_params *p = MX_PARAMS(reduce_params, node);
  mx_reduce_kind kind = (mx_reduce_kind)(node->primitive - reductions);
  bool reduced[MX_MAX_NDIM] = {false};
  for (int i = 0; i < p->count; i++) reduced[p->axes[i]] = true;
  return mx_out_alloc(out[0]) &&
         mx_drive_reduce(kind, in[0]->dtype, in[0]->data, in[0]->ndim, mx_shape_of(in[0]),
                         mx_strides_of(in[0]), reduced, out[0]->data) == 0;
}

static int reduce_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  const reduce_params *p = MX_PARAMS(reduce_params, node);
  const mx_primitive *least = &reductions[MX_REDUCE_MIN], *most = &reductions[MX_REDUCE_MAX];
  if (!in[0]->size && (node->primitive == least || node->primitive == most))
    return mx_shapes_misfit(node, in);
  mx_copy_ints(shape, mx_shape_of(in[0]), in[0]->ndim);
  for (int i = 0; i < p->count; i++) shape[p->axes[i]] = 1;
  return in[0]->ndim;
}

static void print_reduce(const mx_node *node, mx_str *out) {
  const reduce_params *p = MX_PARAMS(reduce_params, node);
  for (int i = 0; i < p->count; i++) mx_str_printf(out, i ? " %d" : "%d", p->axes[i]);
}

/* ---- Rules: the node's output keeps the reduced axes, with length 1 ---- */

/* `a` with the reduced axes flattened into one, the last. */
static mx reduced_last(const reduce_params *p, mx a) {
  if (!a) return NULL;
  int order[MX_MAX_NDIM], count = 0, next = 0;
  for (int i = 0; i < a->ndim; i++)
    if (next < p->count && p->axes[next] == i)
      next++;
    else
      order[count++] = i;
  mx_copy_ints(order + count, p->axes, p->count);
  return mx_flatten(mx_transpose(a, .axes = {order, a->ndim}), count, -1);
}

/* What reduced_last makes of an array like `like`, back in its place. */
static mx reduced_back(const reduce_params *p, mx a, mx like) {
  if (!a) return NULL;
  int lengths[MX_MAX_NDIM], back[MX_MAX_NDIM], kept = like->ndim - p->count, next = 0;
  for (int i = 0; i < p->count; i++) lengths[i] = mx_shape_of(like)[p->axes[i]];
  for (int i = 0; i < like->ndim; i++) {
    bool reduced = next < p->count && p->axes[next] == i;
    back[i] = reduced ? kept + next : i - next;
    next += reduced;
  }
  return mx_transpose(mx_unflatten(a, kept, (mx_ints){lengths, p->count}),
                      .axes = {back, like->ndim});
}

static mx sum_over(const reduce_params *p, mx a) {
  return mx_sum(a, .axes = {p->axes, p->count}, .keepdims = true);
}

static bool vjp_sum(const mx_node *node, const mx *primals, const mx *cotangents,
                    const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)node, (void)argnums, (void)count, (void)outputs;
  return (vjps[0] = mx_spread_like(cotangents[0], primals[0])) != NULL;
}

static bool jvp_sum(const mx_node *node, const mx *primals, const mx *tangents, const int *argnums,
                    int count, mx *jvps) {
  (void)primals, (void)argnums, (void)count;
  return (jvps[0] = sum_over(MX_PARAMS(reduce_params, node), tangents[0])) != NULL;
}

/* For each element the product of the others, without a division. */
static mx product_of_others(const reduce_params *p, mx a) {
  mx last = reduced_last(p, a);
  mx before = mx_cumprod(last, .axis = -1, .inclusive = false);
  mx after = mx_cumprod(last, .axis = -1, .reverse = true, .inclusive = false);
  return reduced_back(p, mx_multiply(before, after), a);
}

static bool vjp_prod(const mx_node *node, const mx *primals, const mx *cotangents,
                     const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)argnums, (void)count, (void)outputs;
  mx others = product_of_others(MX_PARAMS(reduce_params, node), primals[0]);
  return (vjps[0] = mx_multiply(others, cotangents[0])) != NULL;
}

static bool jvp_prod(const mx_node *node, const mx *primals, const mx *tangents, const int *argnums,
                     int count, mx *jvps) {
  (void)argnums, (void)count;
  const reduce_params *p = MX_PARAMS(reduce_params, node);
  mx others = product_of_others(p, primals[0]);
  return (jvps[0] = sum_over(p, mx_multiply(others, tangents[0]))) != NULL;
}

/* Elements that share the extreme share the cotangent. */
static bool vjp_extreme(const mx_node *node, const mx *primals, const mx *cotangents,
                        const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)argnums, (void)count;
  mx chosen = mx_equal(primals[0], outputs[0]);
  mx sharing = sum_over(MX_PARAMS(reduce_params, node), chosen);
  vjps[0] = mx_multiply(mx_divide(cotangents[0], sharing), chosen);
  return vjps[0] != NULL;
}

/* As in MLX, the tangent of the first that is extreme. */
static bool jvp_extreme(const mx_node *node, const mx *primals, const mx *tangents,
                        const int *argnums, int count, mx *jvps) {
  (void)argnums, (void)count;
  const reduce_params *p = MX_PARAMS(reduce_params, node);
  bool max = node->primitive == reductions + MX_REDUCE_MAX;
  mx x = reduced_last(p, primals[0]), t = reduced_last(p, tangents[0]);
  mx at =
      max ? mx_argmax(x, .axis = -1, .keepdims = true) : mx_argmin(x, .axis = -1, .keepdims = true);
  mx picked = mx_squeeze(mx_take_along_axis(t, mx_stop_gradient(at), .axis = -1), MX_INTS(-1));
  return (jvps[0] = mx_expand_dims(picked, (mx_ints){p->axes, p->count})) != NULL;
}

static mx reduce(mx a, mx_reduce_kind kind, mx_reduce_args args);

static bool jvp_logical(const mx_node *node, const mx *primals, const mx *tangents,
                        const int *argnums, int count, mx *jvps) {
  (void)tangents, (void)argnums, (void)count;
  const reduce_params *p = MX_PARAMS(reduce_params, node);
  mx y = reduce(primals[0], (mx_reduce_kind)(node->primitive - reductions),
                (mx_reduce_args){{p->axes, p->count}, MX_NO_AXIS, true});
  return (jvps[0] = mx_zeros_like(y)) != NULL;
}

static bool vmap_reduce(const mx_node *node, const mx *in, const int *axes, mx *out,
                        int *out_axes) {
  const reduce_params *p = MX_PARAMS(reduce_params, node);
  int shifted[MX_MAX_NDIM];
  for (int i = 0; i < p->count; i++) shifted[i] = mx_axis_in_batch(p->axes[i], axes[0]);
  out[0] = reduce(in[0], (mx_reduce_kind)(node->primitive - reductions),
                  (mx_reduce_args){{shifted, p->count}, MX_NO_AXIS, true});
  out_axes[0] = axes[0];
  return out[0] != NULL;
}

#define REDUCTION(NAME, VJP, JVP)                                                          \
  {                                                                                        \
    .name = NAME, .params_size = sizeof(reduce_params), .eval = {eval_reduce}, .vjp = VJP, \
    .jvp = JVP, .vmap = vmap_reduce, .output_shape = reduce_shape, .print = print_reduce   \
  }
static const mx_primitive reductions[MX_REDUCE_KINDS] = {
    [MX_REDUCE_AND] = REDUCTION("And", mx_vjp_zeros, jvp_logical),
    [MX_REDUCE_OR] = REDUCTION("Or", mx_vjp_zeros, jvp_logical),
    [MX_REDUCE_SUM] = REDUCTION("Sum", vjp_sum, jvp_sum),
    [MX_REDUCE_PROD] = REDUCTION("Prod", vjp_prod, jvp_prod),
    [MX_REDUCE_MIN] = REDUCTION("Min", vjp_extreme, jvp_extreme),
    [MX_REDUCE_MAX] = REDUCTION("Max", vjp_extreme, jvp_extreme)};

/* Which axes are meant: sorted into p. False after mx_fail. */
static bool axes_of(mx a, mx_reduce_args args, reduce_params *p) {
  *p = (reduce_params){0};
  bool named[MX_MAX_NDIM] = {false};
  int one = args.axis;
  mx_ints axes = args.axis != MX_NO_AXIS ? (mx_ints){&one, 1} : args.axes;
  if (axes.size > a->ndim && axes.size > MX_MAX_NDIM) axes.size = MX_MAX_NDIM;
  for (int i = 0; i < axes.size; i++) {
    int axis = axes.data[i] + (axes.data[i] < 0 ? a->ndim : 0);
    if (axis < 0 || axis >= a->ndim) {
      mx_fail("Invalid axis %d for array with %d dimensions.", axes.data[i], a->ndim);
      return false;
    }
    if (named[axis]) {
      mx_fail("Duplicate axes detected in reduction.");
      return false;
    }
    named[axis] = true;
  }
  for (int i = 0; i < a->ndim; i++)
    if (named[i] || axes.size < 0) p->axes[p->count++] = i;
  return true;
}

static mx reduce(mx a, mx_reduce_kind kind, mx_reduce_args args) {
  reduce_params p;
  if (!a || !axes_of(a, args, &p)) return NULL;
  bool arithmetic = kind == MX_REDUCE_SUM || kind == MX_REDUCE_PROD;
  if (arithmetic && !p.count) return mx_same(a);
  int shape[MX_MAX_NDIM];
  bool nothing_to_do = true;
  mx_copy_ints(shape, mx_shape_of(a), a->ndim);
  for (int i = 0; i < p.count; i++) {
    nothing_to_do &= shape[p.axes[i]] == 1;
    shape[p.axes[i]] = 1;
  }
  mx_dtype dtype = mx_reduce_dtype(kind, a->dtype);
  mx out = nothing_to_do ? mx_astype(a, kind == MX_REDUCE_PROD ? (mx_dtype)a->dtype : dtype)
                         : mx_make(reductions + kind, &p, ((mx_spec){dtype, a->ndim, shape}), a);
  return args.keepdims ? out : mx_squeeze(out, (mx_ints){p.axes, p.count});
}

mx mx_sum_with(mx a, mx_reduce_args args) { return reduce(a, MX_REDUCE_SUM, args); }
mx mx_prod_with(mx a, mx_reduce_args args) { return reduce(a, MX_REDUCE_PROD, args); }
mx mx_all_with(mx a, mx_reduce_args args) { return reduce(a, MX_REDUCE_AND, args); }
mx mx_any_with(mx a, mx_reduce_args args) { return reduce(a, MX_REDUCE_OR, args); }

mx mx_max_with(mx a, mx_reduce_args args) {
  if (a && !a->size) return mx_fail("[max] Cannot max reduce zero size array.");
  return reduce(a, MX_REDUCE_MAX, args);
}

mx mx_min_with(mx a, mx_reduce_args args) {
  if (a && !a->size) return mx_fail("[min] Cannot min reduce zero size array.");
  return reduce(a, MX_REDUCE_MIN, args);
}

/* ---- In MLX's files ---- */

static const mx_codec *visit(mx_state *s, const mx_codec *codec, void *params) {
  reduce_params *p = params;
  codec = mx_state_variant(s, codec);
  mx_state_ints(s, p->axes, &p->count, MX_MAX_NDIM);
  return codec;
}

/* Kind, MLX's number of it, constructor. */
#define CLASSES(C)           \
  C(MX_REDUCE_AND, 0, all)   \
  C(MX_REDUCE_OR, 1, any)    \
  C(MX_REDUCE_SUM, 2, sum)   \
  C(MX_REDUCE_PROD, 3, prod) \
  C(MX_REDUCE_MIN, 4, min)   \
  C(MX_REDUCE_MAX, 5, max)
#define BUILD(kind, number, name)                                  \
  static bool build_##name(const mx_build *b) {                    \
    const reduce_params *p = b->params;                            \
    mx_reduce_args args = {{p->axes, p->count}, MX_NO_AXIS, true}; \
    return MX_BUILT(b, 1, mx_##name##_with(b->in[0], args));       \
  }
CLASSES(BUILD)
#define CLASS(kind, number, constructor) \
  {.name = "Reduce",                     \
   .primitive = &reductions[kind],       \
   .variant = number,                    \
   .visit = visit,                       \
   .build = build_##constructor},
const mx_codec mx_reduce_codecs[] = {CLASSES(CLASS){0}};
