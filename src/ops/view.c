/* Reshapes, transposes, broadcasts: operations that are views wherever strides allow. */
#include "drivers/copy.h"
#include "ops/ops.h"

#include <string.h>

/* ---- Reshape, and the operations that are reshapes ---- */

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

/* The shape as it was asked for, -1 included: for another input it may come out differently. */
typedef struct {
  int ndim, shape[MX_MAX_NDIM];
} reshape_params;

static bool infer_shape(mx a, mx_ints wanted, int *shape);

static int reshape_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  const reshape_params *p = MX_PARAMS(reshape_params, node);
  return infer_shape(in[0], (mx_ints){p->shape, p->ndim}, shape) ? p->ndim : -1;
}

static const mx_primitive reshape = {.name = "Reshape",
                                     .params_size = sizeof(reshape_params),
                                     .eval = {eval_reshape},
                                     .output_shape = reshape_shape};

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

static bool has_shape(mx a, const int *shape, int ndim) {
  return a->ndim == ndim && !memcmp(mx_shape_of(a), shape, (size_t)ndim * sizeof *shape);
}

mx mx_reshape(mx a, mx_ints wanted) {
  int shape[MX_MAX_NDIM];
  if (!a || !infer_shape(a, wanted, shape)) return NULL;
  if (has_shape(a, shape, wanted.size)) return mx_same(a);
  reshape_params p = {.ndim = wanted.size};
  mx_copy_ints(p.shape, wanted.data, wanted.size);
  return mx_make(&reshape, &p, ((mx_spec){a->dtype, wanted.size, shape}), a);
}

mx mx_flatten(mx a, int start_axis, int end_axis) {
  if (!a) return NULL;
  if (a->ndim == 0) return mx_reshape(a, MX_INTS(1));
  int start = start_axis + (start_axis < 0 ? a->ndim : 0),
      end = end_axis + (end_axis < 0 ? a->ndim : 0);
  start = start < 0 ? 0 : start;
  end = end >= a->ndim ? a->ndim - 1 : end;
  if (end < start) return mx_fail("[flatten] start_axis must be less than or equal to end_axis");
  int shape[MX_MAX_NDIM], n = 0;
  for (int i = 0; i < a->ndim; i++) {
    if (i > start && i <= end)
      shape[n - 1] *= mx_shape_of(a)[i];
    else
      shape[n++] = mx_shape_of(a)[i];
  }
  return mx_reshape(a, (mx_ints){shape, n});
}

mx mx_unflatten(mx a, int axis, mx_ints lengths) {
  if (!a) return NULL;
  if (!lengths.size) return mx_fail("[unflatten] Shape to unflatten to cannot be empty.");
  int at = mx_check_axis("unflatten", axis, a->ndim);
  if (at < 0) return NULL;
  if (a->ndim + lengths.size - 1 > MX_MAX_NDIM)
    return mx_fail("[unflatten] %d dimensions; at most %d are supported",
                   a->ndim + lengths.size - 1, MX_MAX_NDIM);
  int shape[MX_MAX_NDIM], n = 0, unknown = -1;
  int64_t product = 1;
  for (int i = 0; i < at; i++) shape[n++] = mx_shape_of(a)[i];
  for (int i = 0; i < lengths.size; i++) {
    if (lengths.data[i] == -1 && unknown >= 0)
      return mx_fail("[Unflatten] Can only infer one dimension.");
    if (lengths.data[i] == -1)
      unknown = n;
    else
      product *= lengths.data[i];
    shape[n++] = lengths.data[i];
  }
  int length = mx_shape_of(a)[at];
  if (unknown >= 0 && product > 0) product *= shape[unknown] = (int)(length / product);
  if (product != length || (unknown >= 0 && shape[unknown] < 0))
    return mx_fail("[Unflatten] Cannot unflatten axis %d with size %d into shape %s.", axis, length,
                   mx_shape_text(lengths.data, lengths.size));
  for (int i = at + 1; i < a->ndim; i++) shape[n++] = mx_shape_of(a)[i];
  return mx_reshape(a, (mx_ints){shape, n});
}

mx mx_expand_dims(mx a, mx_ints axes) {
  int sorted[MX_MAX_NDIM], shape[MX_MAX_NDIM];
  if (!a) return NULL;
  int ndim = a->ndim + axes.size;
  if (ndim > MX_MAX_NDIM)
    return mx_fail("[expand_dims] %d dimensions; at most %d are supported", ndim, MX_MAX_NDIM);
  int count = mx_normalize_axes("expand_dims", axes, ndim, sorted);
  if (count < 0) return NULL;
  for (int i = 0, next = 0, from = 0; i < ndim; i++)
    shape[i] = next < count && sorted[next] == i ? (next++, 1) : mx_shape_of(a)[from++];
  return mx_reshape(a, (mx_ints){shape, ndim});
}

mx mx_squeeze(mx a, mx_ints axes) {
  int sorted[MX_MAX_NDIM], shape[MX_MAX_NDIM], n = 0, next = 0;
  if (!a) return NULL;
  int count = axes.size < 0 ? 0 : mx_normalize_axes("squeeze", axes, a->ndim, sorted);
  if (count < 0) return NULL;
  for (int i = 0; i < a->ndim; i++) {
    int length = mx_shape_of(a)[i];
    bool named = next < count && sorted[next] == i;
    next += named;
    if (named && length != 1)
      return mx_fail("[squeeze] Cannot squeeze axis %d with size %d which is not equal to 1.", i,
                     length);
    if (!named && !(axes.size < 0 && length == 1)) shape[n++] = length;
  }
  return mx_reshape(a, (mx_ints){shape, n});
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

/* ---- Transpose ---- */

typedef struct {
  int axes[MX_MAX_NDIM];
} transpose_params;

static bool eval_transpose(const mx_node *node, const mx *in, const mx *out) {
  const int *axes = MX_PARAMS(transpose_params, node)->axes;
  int64_t strides[MX_MAX_NDIM];
  for (int i = 0; i < in[0]->ndim; i++) strides[i] = mx_strides_of(in[0])[axes[i]];
  mx_out_view(out[0], in[0], strides, 0);
  return true;
}

static int transpose_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  for (int i = 0; i < in[0]->ndim; i++)
    shape[i] = mx_shape_of(in[0])[MX_PARAMS(transpose_params, node)->axes[i]];
  return in[0]->ndim;
}

static const mx_primitive transpose = {.name = "Transpose",
                                       .params_size = sizeof(transpose_params),
                                       .eval = {eval_transpose},
                                       .output_shape = transpose_shape};

mx mx_transpose_with(mx a, mx_transpose_args args) {
  if (!a) return NULL;
  transpose_params p = {{0}};
  int shape[MX_MAX_NDIM];
  bool seen[MX_MAX_NDIM] = {false};
  if (args.axes.size >= 0 && args.axes.size != a->ndim)
    return mx_fail("[transpose] Received %d axes for array with %d dimensions.", args.axes.size,
                   a->ndim);
  for (int i = 0; i < a->ndim; i++) {
    int axis = args.axes.size < 0 ? a->ndim - 1 - i : args.axes.data[i];
    axis = mx_check_axis("transpose", axis, a->ndim);
    if (axis < 0) return NULL;
    if (seen[axis]) return mx_fail("[transpose] Repeat axes not allowed.");
    seen[axis] = true;
    p.axes[i] = axis;
    shape[i] = mx_shape_of(a)[axis];
  }
  return mx_make(&transpose, &p, ((mx_spec){a->dtype, a->ndim, shape}), a);
}

mx mx_moveaxis(mx a, int source, int destination) {
  if (!a) return NULL;
  int from = mx_check_axis("moveaxis", source, a->ndim);
  int to = from < 0 ? -1 : mx_check_axis("moveaxis", destination, a->ndim);
  if (to < 0) return NULL;
  if (from == to) return mx_same(a);
  int axes[MX_MAX_NDIM], n = 0;
  for (int i = 0; i < a->ndim; i++) {
    if (n == to) axes[n++] = from;
    if (i != from) axes[n++] = i;
  }
  if (n == to) axes[n++] = from;
  return mx_transpose(a, .axes = {axes, a->ndim});
}

mx mx_swapaxes(mx a, int axis1, int axis2) {
  if (!a) return NULL;
  int one = mx_check_axis("swapaxes", axis1, a->ndim);
  int two = one < 0 ? -1 : mx_check_axis("swapaxes", axis2, a->ndim);
  if (two < 0) return NULL;
  int axes[MX_MAX_NDIM];
  for (int i = 0; i < a->ndim; i++) axes[i] = i == one ? two : i == two ? one : i;
  return mx_transpose(a, .axes = {axes, a->ndim});
}

/* ---- Broadcast ---- */

static bool eval_broadcast(const mx_node *node, const mx *in, const mx *out) {
  (void)node;
  int64_t strides[MX_MAX_NDIM];
  int shift = out[0]->ndim - in[0]->ndim;
  for (int i = 0; i < out[0]->ndim; i++)
    strides[i] =
        i < shift || mx_shape_of(in[0])[i - shift] == 1 ? 0 : mx_strides_of(in[0])[i - shift];
  mx_out_view(out[0], in[0], strides, 0);
  return true;
}

static const mx_primitive broadcast = {.name = "Broadcast", .eval = {eval_broadcast}};

mx mx_broadcast_to(mx a, mx_ints shape) {
  if (!a) return NULL;
  if (has_shape(a, shape.data, shape.size)) return mx_same(a);
  int shift = shape.size - a->ndim;
  bool fits = shift >= 0;
  for (int i = 0; fits && i < a->ndim; i++)
    fits = mx_shape_of(a)[i] == shape.data[i + shift] || mx_shape_of(a)[i] == 1;
  if (!fits)
    return mx_fail("Cannot broadcast array of shape %s into shape %s.", mx_shape_text_of(a),
                   mx_shape_text(shape.data, shape.size));
  return mx_make(&broadcast, NULL, ((mx_spec){a->dtype, shape.size, shape.data}), a);
}

bool mx_broadcast_arrays(const mx *arrays, int count, mx *out) {
  if (count < 1) return true;
  mx widest = arrays[0];
  for (int i = 1; i < count && widest; i++) {
    int shape[MX_MAX_NDIM], ndim = mx_broadcast_shape(widest, arrays[i], shape);
    widest = ndim < 0 ? NULL : mx_broadcast_to(widest, (mx_ints){shape, ndim});
  }
  bool all = widest != NULL;
  for (int i = 0; i < count; i++) {
    out[i] =
        widest ? mx_broadcast_to(arrays[i], (mx_ints){mx_shape_of(widest), widest->ndim}) : NULL;
    all &= out[i] != NULL;
  }
  return all;
}

/* ---- as_strided ---- */

typedef struct {
  int64_t strides[MX_MAX_NDIM];
  size_t offset;
} as_strided_params;

/* The strides mean row-major memory, so an input that lies otherwise is copied first. */
static bool eval_as_strided(const mx_node *node, const mx *in, const mx *out) {
  const as_strided_params *p = MX_PARAMS(as_strided_params, node);
  mx base = in[0];
  if (!base->row_contiguous) {
    base = mx_scope_own(mx_array_alloc(base->dtype, mx_shape_of(base), base->ndim));
    if (!base || !mx_out_alloc(base)) return false;
    mx_copy_row_major(base->data, in[0]);
  }
  mx_out_view(out[0], base, p->strides, (int64_t)p->offset);
  return true;
}

static const mx_primitive as_strided = {
    .name = "AsStrided", .params_size = sizeof(as_strided_params), .eval = {eval_as_strided}};

mx mx_as_strided(mx a, mx_ints shape, const int64_t *strides, size_t offset) {
  as_strided_params p = {.offset = offset};
  if (!a) return NULL;
  if (shape.size > MX_MAX_NDIM)
    return mx_fail("[as_strided] %d dimensions; at most %d are supported", shape.size, MX_MAX_NDIM);
  __int128 low = (__int128)offset, high = (__int128)offset;
  bool empty = false;
  for (int i = 0; i < shape.size; i++) {
    p.strides[i] = strides[i];
    empty |= shape.data[i] <= 0;
    __int128 reach = (__int128)(shape.data[i] - 1) * strides[i];
    if (reach < 0)
      low += reach;
    else
      high += reach;
  }
  if (!empty && (low < 0 || high >= (__int128)a->size))
    return mx_fail(
        "[as_strided] Shape %s with these strides and offset %zu reaches outside an array "
        "of %zu elements.",
        mx_shape_text(shape.data, shape.size), offset, a->size);
  return mx_make(&as_strided, &p, ((mx_spec){a->dtype, shape.size, shape.data}),
                 mx_flatten(a, 0, -1));
}
