/* Sorts and partitions along an axis. */
#include "mlx/mx/sort.h"
#include "drivers/sort.h"
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "mlx/mx/index.h"
#include "ops/codecs.h"
#include "ops/rules.h"

typedef struct {
  int axis, kth; /* kth: -1 to sort */
} sort_params;

static mx_sort_rows rows_of(const mx_node *node, mx in, mx out) {
  return (mx_sort_rows){.dtype = in->dtype,
                        .ndim = in->ndim,
                        .axis = MX_PARAMS(sort_params, node)->axis,
                        .shape = mx_shape_of(in),
                        .in = in->data,
                        .in_strides = mx_strides_of(in),
                        .out = out->data,
                        .out_strides = mx_strides_of(out)};
}

static bool eval_sort(const mx_node *node, const mx *in, const mx *out) {
  if (!mx_out_alloc(out[0])) return false;
  mx_sort_rows rows = rows_of(node, in[0], out[0]);
  return mx_drive_sort(&rows, MX_PARAMS(sort_params, node)->kth) == 0;
}

static bool eval_argsort(const mx_node *node, const mx *in, const mx *out) {
  if (!mx_out_alloc(out[0])) return false;
  mx_sort_rows rows = rows_of(node, in[0], out[0]);
  return mx_drive_argsort(&rows, MX_PARAMS(sort_params, node)->kth) == 0;
}

/* ---- Rules ---- */

static const mx_primitive sort, argsort, partition, argpartition;

/* One of these operations on another array. */
static mx again(const mx_primitive *primitive, const sort_params *p, mx a) {
  if (!a) return NULL;
  bool indices = primitive == &argsort || primitive == &argpartition;
  return mx_make(primitive, p, mx_spec_like(a, indices ? MX_UINT32 : (mx_dtype)a->dtype), a);
}

/* Places of x, and of what the node makes of it, that hold the same elements: both in ascending
 * order. (A partition and the partition of indices need not leave elements in the same order.) */
typedef struct {
  mx in, out;
} places;

static places pair_places(const mx_node *node, mx x, mx y) {
  const sort_params by_value = {MX_PARAMS(sort_params, node)->axis, -1};
  mx in = mx_stop_gradient(again(&argsort, &by_value, x));
  if (node->primitive == &sort || !y) return (places){in, NULL};
  return (places){in, mx_stop_gradient(again(&argsort, &by_value, y))};
}

/* t carried from the places `from` to `to`, either of which may be NULL: all in order. */
static mx carry(mx t, mx from, mx to, int axis) {
  mx picked = from ? mx_take_along_axis(t, from, .axis = axis) : t;
  return to ? mx_put_along_axis(mx_zeros_like(t), to, picked, .axis = axis) : picked;
}

static bool vjp_sort(const mx_node *node, const mx *primals, const mx *cotangents,
                     const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)argnums, (void)count;
  places at = pair_places(node, primals[0], outputs[0]);
  vjps[0] = carry(cotangents[0], at.out, at.in, MX_PARAMS(sort_params, node)->axis);
  return vjps[0] != NULL && !mx_error();
}

static bool jvp_sort(const mx_node *node, const mx *primals, const mx *tangents, const int *argnums,
                     int count, mx *jvps) {
  (void)argnums, (void)count;
  const sort_params *p = MX_PARAMS(sort_params, node);
  mx y = node->primitive == &sort ? NULL : again(node->primitive, p, primals[0]);
  places at = pair_places(node, primals[0], y);
  jvps[0] = carry(tangents[0], at.in, at.out, p->axis);
  return jvps[0] != NULL && !mx_error();
}

static bool jvp_order(const mx_node *node, const mx *primals, const mx *tangents,
                      const int *argnums, int count, mx *jvps) {
  (void)node, (void)tangents, (void)argnums, (void)count;
  mx_ints shape = {mx_shape_of(primals[0]), primals[0]->ndim};
  return (jvps[0] = mx_zeros(shape, MX_UINT32)) != NULL;
}

static bool vmap_sort(const mx_node *node, const mx *in, const int *axes, mx *out, int *out_axes) {
  sort_params p = *MX_PARAMS(sort_params, node);
  p.axis = mx_axis_in_batch(p.axis, axes[0]);
  out_axes[0] = axes[0];
  return (out[0] = again(node->primitive, &p, in[0])) != NULL;
}

static int sort_shape(const mx_node *node, const mx *in, int output, int *shape) {
  const sort_params *p = MX_PARAMS(sort_params, node);
  if (p->kth >= 0 && p->kth >= mx_shape_of(in[0])[p->axis]) return mx_shapes_misfit(node, in);
  return mx_shape_of_first(node, in, output, shape);
}

#define SORT(NAME, EVAL, VJP, JVP)                                                            \
  {                                                                                           \
    .name = NAME, .params_size = sizeof(sort_params), .eval = {EVAL}, .vjp = VJP, .jvp = JVP, \
    .vmap = vmap_sort, .output_shape = sort_shape                                             \
  }
static const mx_primitive sort = SORT("Sort", eval_sort, vjp_sort, jvp_sort);
static const mx_primitive argsort = SORT("ArgSort", eval_argsort, mx_vjp_zeros, jvp_order);
static const mx_primitive partition = SORT("Partition", eval_sort, vjp_sort, jvp_sort);
static const mx_primitive argpartition =
    SORT("ArgPartition", eval_argsort, mx_vjp_zeros, jvp_order);

/* The axis made non-negative, `a` flattened where there is none; -1 after mx_fail. */
static int axis_of(const char *op, mx *a, int axis) {
  if (!*a) return -1;
  if (axis == MX_NO_AXIS) {
    *a = mx_flatten(*a, 0, -1);
    return *a ? 0 : -1;
  }
  int at = axis + (axis < 0 ? (*a)->ndim : 0);
  if (at >= 0 && at < (*a)->ndim) return at;
  mx_fail("[%s] Received invalid axis %d for array with %d dimensions.", op, axis, (*a)->ndim);
  return -1;
}

mx mx_sort_with(mx a, mx_sort_args args) {
  sort_params p = {axis_of("sort", &a, args.axis), -1};
  return p.axis < 0 ? NULL : mx_make(&sort, &p, mx_spec_like(a, a->dtype), a);
}

mx mx_argsort_with(mx a, mx_sort_args args) {
  sort_params p = {axis_of("argsort", &a, args.axis), -1};
  return p.axis < 0 ? NULL : mx_make(&argsort, &p, mx_spec_like(a, MX_UINT32), a);
}

static mx make_partition(mx a, int kth, int axis, int named, const mx_primitive *primitive,
                         const char *op, mx_dtype dtype) {
  sort_params p = {axis, kth};
  int length = mx_shape_of(a)[p.axis];
  p.kth += kth < 0 ? length : 0;
  if (p.kth < 0 || p.kth >= length)
    return mx_fail("[%s] Received invalid kth %d along axis %d for array with shape: %s", op, kth,
                   named == MX_NO_AXIS ? 0 : named, mx_shape_text_of(a));
  return mx_make(primitive, &p, mx_spec_like(a, dtype), a);
}

mx mx_partition_with(mx a, int kth, mx_sort_args args) {
  int axis = axis_of("partition", &a, args.axis);
  return axis < 0 ? NULL
                  : make_partition(a, kth, axis, args.axis, &partition, "partition", a->dtype);
}

mx mx_argpartition_with(mx a, int kth, mx_sort_args args) {
  int axis = axis_of("argpartition", &a, args.axis);
  return axis < 0
             ? NULL
             : make_partition(a, kth, axis, args.axis, &argpartition, "argpartition", MX_UINT32);
}

mx mx_topk_with(mx a, int k, mx_sort_args args) {
  int axis = axis_of("topk", &a, args.axis);
  if (axis < 0) return NULL;
  int length = mx_shape_of(a)[axis];
  if (k < 0 || k > length)
    return mx_fail("[topk] Received invalid k=%d along axis %d for array with shape: %s", k,
                   args.axis == MX_NO_AXIS ? 0 : args.axis, mx_shape_text_of(a));
  if (k == length) return mx_same(a);
  mx parted = k ? make_partition(a, -k, axis, args.axis, &partition, "partition", a->dtype) : a;
  return mx_slice_axis(parted, axis, length - k, length);
}

/* ---- In MLX's files ---- */

static const mx_codec *visit_sort(mx_state *s, const mx_codec *codec, void *params) {
  mx_state_int(s, &((sort_params *)params)->axis);
  return codec;
}

static const mx_codec *visit_partition(mx_state *s, const mx_codec *codec, void *params) {
  mx_state_int(s, &((sort_params *)params)->kth);
  return visit_sort(s, codec, params);
}

#define BUILD(name, call)                       \
  static bool build_##name(const mx_build *b) { \
    const sort_params *p = b->params;           \
    return MX_BUILT(b, 1, call);                \
  }
BUILD(sort, mx_sort(b->in[0], .axis = p->axis))
BUILD(argsort, mx_argsort(b->in[0], .axis = p->axis))
BUILD(partition, mx_partition(b->in[0], p->kth, .axis = p->axis))
BUILD(argpartition, mx_argpartition(b->in[0], p->kth, .axis = p->axis))

#define CLASS(shown, it, visitor) \
  { .name = shown, .primitive = &it, .visit = visitor, .build = build_##it }
const mx_codec mx_sort_codecs[] = {
    CLASS("Sort", sort, visit_sort),
    CLASS("ArgSort", argsort, visit_sort),
    CLASS("Partition", partition, visit_partition),
    CLASS("ArgPartition", argpartition, visit_partition),
    {0},
};
