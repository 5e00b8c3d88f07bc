/* Reshapes, and the operations that are reshapes of one kind: views wherever strides allow. */
#include "drivers/copy.h"
#include "ops/codecs.h"
#include "ops/rules.h"

#include <string.h>

/* ---- Memory: one evaluation for all ---- */

/* Strides under which in's elements, as they lie, are out's in row-major order; false where no such
 * strides exist. Walks both shapes from the front, matching runs of axes of equal size. */
static bool reshape_strides(mx in, mx out, int64_t *strides) {
  const int *from = mx_shape_of(in), *to = mx_shape_of(out);
  const int64_t *steps = mx_strides_of(in);
  int i = 0, o = 0;
  while (i < in->ndim || o < out->ndim) {
    int64_t have = i < in->ndim ? from[i] : 1, want = o < out->ndim ? to[o] : 1;
    int i0 = i, o0 = o;
    i += i < in->ndim;
    o += o < out->ndim;
    while (have != want) {
      if (have < want)
        have *= from[i++];
      else
        want *= to[o++];
    }
    int last = i - 1;
    for (int k = i0; k < last; k++) /* the run must be contiguous within itself */
      if (from[k] != 1) {
        int next = k + 1;
        while (next < last && from[next] == 1) next++;
        if (from[next] != 1 && steps[k] != steps[next] * from[next]) return false;
      }
    int64_t step = 1;
    for (int k = i0; k < i; k++)
      if (from[k] != 1) step = steps[k];
    for (int k = o - 1; k >= o0; k--) {
      strides[k] = step;
      step *= to[k];
    }
  }
  return true;
}

static bool eval_reshape(const mx_node *node, const mx *in, const mx *out) {
  (void)node;
  int64_t strides[MX_MAX_NDIM];
  if (in[0]->size == 0 || in[0]->row_contiguous) {
    mx_row_major(mx_shape_of(out[0]), out[0]->ndim, strides);
  } else if (!reshape_strides(in[0], out[0], strides)) {
    if (!mx_out_alloc(out[0])) return false;
    mx_copy_row_major(out[0]->data, in[0]);
    return true;
  }
  mx_out_view(out[0], in[0], strides, 0);
  return true;
}

/* The wanted shape with its -1 filled in, checked against a's size; false after mx_fail. */
static bool infer_shape(mx a, mx_ints wanted, int *shape) {
  size_t size = 1;
  int unknown = -1;
  if (wanted.size > MX_MAX_NDIM) {
    mx_fail("[reshape] %d dimensions; at most %d are supported", wanted.size, MX_MAX_NDIM);
    return false;
  }
  for (int i = 0; i < wanted.size; i++) {
    shape[i] = wanted.data[i];
    if (shape[i] == -1 && unknown >= 0) {
      mx_fail("[reshape] Reshape can only infer one dimension.");
      return false;
    }
    if (shape[i] == -1)
      unknown = i;
    else if (shape[i] < 0 || __builtin_mul_overflow(size, (size_t)shape[i], &size))
      size = SIZE_MAX;
  }
  if (unknown >= 0 && size == 0) {
    mx_fail("[reshape] Cannot infer the shape of an empty array");
    return false;
  }
  if (unknown >= 0) {
    shape[unknown] = (int)(a->size / size);
    size *= (size_t)shape[unknown];
  }
  if (size == a->size) return true;
  mx_fail("[reshape] Cannot reshape array of size %zu into shape %s.", a->size,
          mx_shape_text(wanted.data, wanted.size));
  return false;
}

/* ---- Reshape ---- */

/* The shape as it was asked for, -1 included: for another input it may come out differently. */
typedef struct {
  int ndim, shape[MX_MAX_NDIM];
} reshape_params;

static mx_ints wanted_of(const mx_node *node) {
  const reshape_params *p = MX_PARAMS(reshape_params, node);
  return (mx_ints){p->shape, p->ndim};
}

static int reshape_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  return infer_shape(in[0], wanted_of(node), shape) ? wanted_of(node).size : -1;
}

static bool vjp_reshape(const mx_node *node, const mx *primals, const mx *cotangents,
                        const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)node, (void)argnums, (void)count, (void)outputs;
  mx_ints shape = {mx_shape_of(primals[0]), primals[0]->ndim};
  return (vjps[0] = mx_reshape(cotangents[0], shape)) != NULL;
}

MX_LINEAR_JVP(jvp_reshape, mx_reshape(t, wanted_of(node)))

/* An inferred length stays one to infer, unless there is nothing to infer it from. */
static bool vmap_reshape(const mx_node *node, const mx *in, const int *axes, mx *out,
                         int *out_axes) {
  int shape[MX_MAX_NDIM + 1] = {mx_shape_of(in[0])[axes[0]]};
  mx_ints wanted = wanted_of(node);
  if (!in[0]->size && !infer_shape(node->inputs[0], wanted, shape + 1)) return false;
  if (in[0]->size) mx_copy_ints(shape + 1, wanted.data, wanted.size);
  out_axes[0] = 0;
  mx first = mx_batch_in_front(in[0], axes[0]);
  return (out[0] = mx_reshape(first, (mx_ints){shape, wanted.size + 1})) != NULL;
}

static const mx_primitive reshape = {.name = "Reshape",
                                     .params_size = sizeof(reshape_params),
                                     .eval = {eval_reshape},
                                     .vjp = vjp_reshape,
                                     .jvp = jvp_reshape,
                                     .vmap = vmap_reshape,
                                     .output_shape = reshape_shape};

mx mx_reshape(mx a, mx_ints wanted) {
  int shape[MX_MAX_NDIM];
  if (!a || !infer_shape(a, wanted, shape)) return NULL;
  if (a->ndim == wanted.size && mx_same_shape(mx_shape_of(a), shape, a->ndim)) return mx_same(a);
  reshape_params p = {.ndim = wanted.size};
  mx_copy_ints(p.shape, wanted.data, wanted.size);
  return mx_make(&reshape, &p, ((mx_spec){a->dtype, wanted.size, shape}), a);
}

/* ---- Flatten: axes start to end become one ---- */

typedef struct {
  int start, end;
} flatten_params;

static int flatten_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  const flatten_params *p = MX_PARAMS(flatten_params, node);
  int n = 0;
  for (int i = 0; i < in[0]->ndim; i++) {
    if (i <= p->start || i > p->end)
      shape[n++] = mx_shape_of(in[0])[i];
    else if (__builtin_mul_overflow(shape[n - 1], mx_shape_of(in[0])[i], &shape[n - 1]))
      return mx_shapes_misfit(node, in);
  }
  return n;
}

static bool vjp_flatten(const mx_node *node, const mx *primals, const mx *cotangents,
                        const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)argnums, (void)count, (void)outputs;
  const flatten_params *p = MX_PARAMS(flatten_params, node);
  mx_ints lengths = {mx_shape_of(primals[0]) + p->start, p->end - p->start + 1};
  return (vjps[0] = mx_unflatten(cotangents[0], p->start, lengths)) != NULL;
}

static mx flatten_again(const mx_node *node, mx a) {
  const flatten_params *p = MX_PARAMS(flatten_params, node);
  return mx_flatten(a, p->start, p->end);
}

MX_LINEAR_JVP(jvp_flatten, flatten_again(node, t))

/* A batch axis among those that become one goes to the front first. */
static bool vmap_flatten(const mx_node *node, const mx *in, const int *axes, mx *out,
                         int *out_axes) {
  const flatten_params *p = MX_PARAMS(flatten_params, node);
  mx a = in[0];
  int axis = axes[0], behind = axis > p->end;
  if (!behind && axis > p->start) {
    a = mx_batch_in_front(a, axis);
    axis = 0;
  }
  out_axes[0] = behind ? axis - (p->end - p->start) : axis;
  return (out[0] = mx_flatten(a, p->start + !behind, p->end + !behind)) != NULL;
}

static const mx_primitive flatten = {.name = "Flatten",
                                     .params_size = sizeof(flatten_params),
                                     .eval = {eval_reshape},
                                     .vjp = vjp_flatten,
                                     .jvp = jvp_flatten,
                                     .vmap = vmap_flatten,
                                     .output_shape = flatten_shape};

mx mx_flatten(mx a, int start_axis, int end_axis) {
  if (!a) return NULL;
  if (a->ndim == 0) return mx_reshape(a, MX_INTS(1));
  int start = start_axis + (start_axis < 0 ? a->ndim : 0),
      end = end_axis + (end_axis < 0 ? a->ndim : 0);
  start = start < 0 ? 0 : start;
  end = end >= a->ndim ? a->ndim - 1 : end;
  if (end < start) return mx_fail("[flatten] start_axis must be less than or equal to end_axis");
  if (start == end) return mx_same(a);
  int shape[MX_MAX_NDIM], n = 0;
  int64_t length = 1;
  for (int i = 0; i < a->ndim; i++) {
    if (i < start || i > end) {
      shape[n++] = mx_shape_of(a)[i];
      continue;
    }
    if (__builtin_mul_overflow(length, mx_shape_of(a)[i], &length) || length > INT32_MAX)
      return mx_fail("[flatten] Axes %d to %d of shape %s have too many elements for one axis.",
                     start, end, mx_shape_text_of(a));
    if (i == end) shape[n++] = (int)length;
  }
  flatten_params p = {start, end};
  return mx_make(&flatten, &p, ((mx_spec){a->dtype, n, shape}), a);
}

/* ---- Unflatten: one axis becomes several ---- */

typedef struct {
  int axis, ndim, shape[MX_MAX_NDIM];
} unflatten_params;

/* The lengths that the axis is cut into, a -1 filled in; false after mx_fail. */
static bool cut_axis(const unflatten_params *p, mx a, int *lengths) {
  int unknown = -1, length = mx_shape_of(a)[p->axis];
  int64_t product = 1;
  mx_copy_ints(lengths, p->shape, p->ndim);
  for (int i = 0; i < p->ndim; i++) {
    if (lengths[i] == -1 && unknown >= 0) {
      mx_fail("[Unflatten] Can only infer one dimension.");
      return false;
    }
    if (lengths[i] == -1)
      unknown = i;
    else if (lengths[i] < 0 || __builtin_mul_overflow(product, lengths[i], &product))
      product = INT64_MAX / 2;
  }
  if (unknown >= 0 && product > 0) product *= lengths[unknown] = (int)(length / product);
  if (product == length && (unknown < 0 || lengths[unknown] >= 0)) return true;
  mx_fail("[Unflatten] Cannot unflatten axis %d with size %d into shape %s.", p->axis, length,
          mx_shape_text(p->shape, p->ndim));
  return false;
}

/* The input's shape with the axis replaced; -1 after mx_fail. */
static int unflattened(const unflatten_params *p, mx a, int *shape) {
  mx_copy_ints(shape, mx_shape_of(a), p->axis);
  if (!cut_axis(p, a, shape + p->axis)) return -1;
  mx_copy_ints(shape + p->axis + p->ndim, mx_shape_of(a) + p->axis + 1, a->ndim - p->axis - 1);
  return a->ndim + p->ndim - 1;
}

static int unflatten_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  return unflattened(MX_PARAMS(unflatten_params, node), in[0], shape);
}

static mx unflatten_at(const mx_node *node, mx a, int axis) {
  const unflatten_params *p = MX_PARAMS(unflatten_params, node);
  return mx_unflatten(a, axis, (mx_ints){p->shape, p->ndim});
}

static bool vjp_unflatten(const mx_node *node, const mx *primals, const mx *cotangents,
                          const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)primals, (void)argnums, (void)count, (void)outputs;
  const unflatten_params *p = MX_PARAMS(unflatten_params, node);
  return (vjps[0] = mx_flatten(cotangents[0], p->axis, p->axis + p->ndim - 1)) != NULL;
}

MX_LINEAR_JVP(jvp_unflatten, unflatten_at(node, t, MX_PARAMS(unflatten_params, node)->axis))

static bool vmap_unflatten(const mx_node *node, const mx *in, const int *axes, mx *out,
                           int *out_axes) {
  const unflatten_params *p = MX_PARAMS(unflatten_params, node);
  int before = axes[0] <= p->axis;
  out_axes[0] = before ? axes[0] : axes[0] + p->ndim - 1;
  return (out[0] = unflatten_at(node, in[0], p->axis + before)) != NULL;
}

static const mx_primitive unflatten = {.name = "Unflatten",
                                       .params_size = sizeof(unflatten_params),
                                       .eval = {eval_reshape},
                                       .vjp = vjp_unflatten,
                                       .jvp = jvp_unflatten,
                                       .vmap = vmap_unflatten,
                                       .output_shape = unflatten_shape};

mx mx_unflatten(mx a, int axis, mx_ints lengths) {
  if (!a) return NULL;
  if (!lengths.size) return mx_fail("[unflatten] Shape to unflatten to cannot be empty.");
  unflatten_params p = {.axis = mx_check_axis("unflatten", axis, a->ndim), .ndim = lengths.size};
  if (p.axis < 0) return NULL;
  if (a->ndim + lengths.size - 1 > MX_MAX_NDIM)
    return mx_fail("[unflatten] %d dimensions; at most %d are supported",
                   a->ndim + lengths.size - 1, MX_MAX_NDIM);
  int shape[MX_MAX_NDIM];
  mx_copy_ints(p.shape, lengths.data, lengths.size);
  int ndim = unflattened(&p, a, shape);
  if (ndim < 0) return NULL;
  if (lengths.size == 1) return mx_same(a);
  return mx_make(&unflatten, &p, ((mx_spec){a->dtype, ndim, shape}), a);
}

/* ---- ExpandDims and Squeeze: axes of length 1, ascending ---- */

typedef struct {
  int count, axes[MX_MAX_NDIM];
} axes_params;

static bool names(const axes_params *p, int axis) {
  for (int i = 0; i < p->count; i++)
    if (p->axes[i] == axis) return true;
  return false;
}

static mx_ints axes_of(const mx_node *node) {
  const axes_params *p = MX_PARAMS(axes_params, node);
  return (mx_ints){p->axes, p->count};
}

/* The axes as they are numbered beside an axis put in at `at`. */
static mx_ints axes_beside(const mx_node *node, int at, int *axes) {
  const axes_params *p = MX_PARAMS(axes_params, node);
  for (int i = 0; i < p->count; i++) axes[i] = p->axes[i] + (p->axes[i] >= at);
  return (mx_ints){axes, p->count};
}

static int expanded_shape(const axes_params *p, mx a, int *shape) {
  int ndim = a->ndim + p->count, from = 0;
  for (int i = 0; i < ndim; i++) shape[i] = names(p, i) ? 1 : mx_shape_of(a)[from++];
  return ndim;
}

static int expand_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  return expanded_shape(MX_PARAMS(axes_params, node), in[0], shape);
}

static bool vjp_expand(const mx_node *node, const mx *primals, const mx *cotangents,
                       const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)primals, (void)argnums, (void)count, (void)outputs;
  return (vjps[0] = mx_squeeze(cotangents[0], axes_of(node))) != NULL;
}

MX_LINEAR_JVP(jvp_expand, mx_expand_dims(t, axes_of(node)))

/* The batch axis stays before the axis that followed it. */
static bool vmap_expand(const mx_node *node, const mx *in, const int *axes, mx *out,
                        int *out_axes) {
  const axes_params *p = MX_PARAMS(axes_params, node);
  int at = 0, moved[MX_MAX_NDIM];
  for (int kept = 0; at < in[0]->ndim - 1 + p->count; at++) {
    if (names(p, at)) continue;
    if (kept == axes[0]) break;
    kept++;
  }
  out_axes[0] = at;
  return (out[0] = mx_expand_dims(in[0], axes_beside(node, at, moved))) != NULL;
}

static const mx_primitive expand_dims = {.name = "ExpandDims",
                                         .params_size = sizeof(axes_params),
                                         .eval = {eval_reshape},
                                         .vjp = vjp_expand,
                                         .jvp = jvp_expand,
                                         .vmap = vmap_expand,
                                         .output_shape = expand_shape};

mx mx_expand_dims(mx a, mx_ints axes) {
  if (!a) return NULL;
  int ndim = a->ndim + axes.size, shape[MX_MAX_NDIM];
  axes_params p = {0};
  if (ndim > MX_MAX_NDIM)
    return mx_fail("[expand_dims] %d dimensions; at most %d are supported", ndim, MX_MAX_NDIM);
  if (!axes.size) return mx_same(a);
  if ((p.count = mx_normalize_axes("expand_dims", axes, ndim, p.axes)) < 0) return NULL;
  expanded_shape(&p, a, shape);
  return mx_make(&expand_dims, &p, ((mx_spec){a->dtype, ndim, shape}), a);
}

/* The shape without the named axes; -1 after mx_fail where one of them is not of length 1. */
static int squeezed_shape(const axes_params *p, mx a, int *shape) {
  int n = 0;
  for (int i = 0; i < a->ndim; i++) {
    int length = mx_shape_of(a)[i];
    if (!names(p, i))
      shape[n++] = length;
    else if (length != 1) {
      mx_fail("[squeeze] Cannot squeeze axis %d with size %d which is not equal to 1.", i, length);
      return -1;
    }
  }
  return n;
}

static int squeeze_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  return squeezed_shape(MX_PARAMS(axes_params, node), in[0], shape);
}

static bool vjp_squeeze(const mx_node *node, const mx *primals, const mx *cotangents,
                        const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)primals, (void)argnums, (void)count, (void)outputs;
  return (vjps[0] = mx_expand_dims(cotangents[0], axes_of(node))) != NULL;
}

MX_LINEAR_JVP(jvp_squeeze, mx_squeeze(t, axes_of(node)))

static bool vmap_squeeze(const mx_node *node, const mx *in, const int *axes, mx *out,
                         int *out_axes) {
  const axes_params *p = MX_PARAMS(axes_params, node);
  int moved[MX_MAX_NDIM];
  out_axes[0] = axes[0];
  for (int i = 0; i < p->count; i++) out_axes[0] -= p->axes[i] < axes[0];
  return (out[0] = mx_squeeze(in[0], axes_beside(node, axes[0], moved))) != NULL;
}

static const mx_primitive squeeze = {.name = "Squeeze",
                                     .params_size = sizeof(axes_params),
                                     .eval = {eval_reshape},
                                     .vjp = vjp_squeeze,
                                     .jvp = jvp_squeeze,
                                     .vmap = vmap_squeeze,
                                     .output_shape = squeeze_shape};

mx mx_squeeze(mx a, mx_ints axes) {
  if (!a) return NULL;
  axes_params p = {0};
  int shape[MX_MAX_NDIM];
  for (int i = 0; i < a->ndim && axes.size < 0; i++)
    if (mx_shape_of(a)[i] == 1) p.axes[p.count++] = i;
  if (axes.size > 0) p.count = mx_normalize_axes("squeeze", axes, a->ndim, p.axes);
  if (p.count <= 0) return p.count ? NULL : mx_same(a);
  int ndim = squeezed_shape(&p, a, shape);
  return ndim < 0 ? NULL : mx_make(&squeeze, &p, ((mx_spec){a->dtype, ndim, shape}), a);
}

mx mx_atleast_1d(mx a) {
  return a && a->ndim < 1 ? mx_reshape(a, MX_INTS(1)) : a ? mx_same(a) : NULL;
}

mx mx_atleast_2d(mx a) {
  if (!a) return NULL;
  if (a->ndim == 0) return mx_reshape(a, MX_INTS(1, 1));
  return a->ndim == 1 ? mx_expand_dims(a, MX_INTS(0)) : mx_same(a);
}

mx mx_atleast_3d(mx a) {
  if (!a) return NULL;
  if (a->ndim == 0) return mx_reshape(a, MX_INTS(1, 1, 1));
  if (a->ndim == 1) return mx_expand_dims(a, MX_INTS(0, 2));
  return a->ndim == 2 ? mx_expand_dims(a, MX_INTS(2)) : mx_same(a);
}

/* ---- In MLX's files ---- */

static const mx_codec *visit_reshape(mx_state *s, const mx_codec *codec, void *params) {
  reshape_params *p = params;
  mx_state_ints(s, p->shape, &p->ndim, MX_MAX_NDIM);
  return codec;
}

static bool build_reshape(const mx_build *b) {
  const reshape_params *p = b->params;
  return MX_BUILT(b, 1, mx_reshape(b->in[0], (mx_ints){p->shape, p->ndim}));
}

static const mx_codec *visit_flatten(mx_state *s, const mx_codec *codec, void *params) {
  flatten_params *p = params;
  mx_state_int(s, &p->start);
  mx_state_int(s, &p->end);
  return codec;
}

static bool build_flatten(const mx_build *b) {
  const flatten_params *p = b->params;
  return MX_BUILT(b, 1, mx_flatten(b->in[0], p->start, p->end));
}

static const mx_codec *visit_unflatten(mx_state *s, const mx_codec *codec, void *params) {
  unflatten_params *p = params, known;
  if (s->mode == MX_STATE_WRITE) { /* MLX's has no -1 */
    known = *p;
    if (!cut_axis(p, s->inputs[0], known.shape)) return NULL;
    p = &known;
  }
  mx_state_int(s, &p->axis);
  mx_state_ints(s, p->shape, &p->ndim, MX_MAX_NDIM);
  return codec;
}

static bool build_unflatten(const mx_build *b) {
  const unflatten_params *p = b->params;
  return MX_BUILT(b, 1, mx_unflatten(b->in[0], p->axis, (mx_ints){p->shape, p->ndim}));
}

static const mx_codec *visit_axes(mx_state *s, const mx_codec *codec, void *params) {
  axes_params *p = params;
  mx_state_ints(s, p->axes, &p->count, MX_MAX_NDIM);
  return codec;
}

static bool build_expand_dims(const mx_build *b) {
  const axes_params *p = b->params;
  return MX_BUILT(b, 1, mx_expand_dims(b->in[0], (mx_ints){p->axes, p->count}));
}

static bool build_squeeze(const mx_build *b) {
  const axes_params *p = b->params;
  return MX_BUILT(b, 1, mx_squeeze(b->in[0], (mx_ints){p->axes, p->count}));
}

#define CLASS(shown, it, visitor) \
  { .name = shown, .primitive = &it, .visit = visitor, .build = build_##it }
const mx_codec mx_reshape_codecs[] = {
    CLASS("Reshape", reshape, visit_reshape),       CLASS("Flatten", flatten, visit_flatten),
    CLASS("Unflatten", unflatten, visit_unflatten), CLASS("ExpandDims", expand_dims, visit_axes),
    CLASS("Squeeze", squeeze, visit_axes),          {0},
};
