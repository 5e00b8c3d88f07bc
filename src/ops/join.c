/* Concatenation and what is built on it: stacks, repeats, tiles, pads, rolls, grids. */
#include "base/alloc.h"
#include "drivers/copy.h"
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "mlx/mx/elementwise.h"
#include "mlx/mx/reduce.h"
#include "ops/codecs.h"
#include "ops/rules.h"

#include <stdlib.h>
#include <string.h>

/* ---- concatenate ---- */

typedef struct {
  int axis;
} concatenate_params;

static bool eval_concatenate(const mx_node *node, const mx *in, const mx *out) {
  int axis = MX_PARAMS(concatenate_params, node)->axis;
  if (!mx_out_alloc(out[0])) return false;
  const int64_t *strides = mx_strides_of(out[0]);
  char *to = out[0]->data;
  for (int i = 0; i < node->input_count; i++) {
    if (in[i]->size)
      mx_copy_strided(to, out[0]->dtype, strides, in[i]->data, in[i]->dtype, mx_strides_of(in[i]),
                      mx_shape_of(in[i]), in[i]->ndim);
    to += mx_shape_of(in[i])[axis] * strides[axis] * (int64_t)mx_dtype_size(out[0]->dtype);
  }
  return true;
}

static int concatenate_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  int axis = MX_PARAMS(concatenate_params, node)->axis;
  mx_copy_ints(shape, mx_shape_of(in[0]), in[0]->ndim);
  for (int i = 1; i < node->input_count; i++)
    if (!mx_same_shape_but(in[i], in[0], axis) ||
        __builtin_add_overflow(shape[axis], mx_shape_of(in[i])[axis], &shape[axis]))
      return mx_shapes_misfit(node, in);
  return in[0]->ndim;
}

static bool vjp_concatenate(const mx_node *node, const mx *primals, const mx *cotangents,
                            const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)outputs;
  int axis = MX_PARAMS(concatenate_params, node)->axis, start = 0;
  for (int i = 0, next = 0; i < node->input_count && next < count; i++) {
    int stop = start + mx_shape_of(primals[i])[axis];
    if (argnums[next] == i && !(vjps[next++] = mx_slice_axis(cotangents[0], axis, start, stop)))
      return false;
    start = stop;
  }
  return true;
}

static bool jvp_concatenate(const mx_node *node, const mx *primals, const mx *tangents,
                            const int *argnums, int count, mx *jvps) {
  mx *parts = mx_xmalloc((size_t)node->input_count * sizeof *parts);
  for (int i = 0; i < node->input_count; i++)
    parts[i] = mx_tangent_of(primals, tangents, argnums, count, i);
  jvps[0] = mx_concatenate(parts, node->input_count, MX_PARAMS(concatenate_params, node)->axis);
  free(parts);
  return jvps[0] != NULL;
}

static bool vmap_concatenate(const mx_node *node, const mx *in, const int *axes, mx *out,
                             int *out_axes) {
  int parts = node->input_count, length = mx_batch_length(in, axes, parts);
  mx *batched = mx_xmalloc((size_t)parts * sizeof *batched);
  for (int i = 0; i < parts; i++) batched[i] = mx_batched(in[i], axes[i], length);
  out_axes[0] = 0;
  out[0] = mx_concatenate(batched, parts, MX_PARAMS(concatenate_params, node)->axis + 1);
  free(batched);
  return out[0] != NULL;
}

static const mx_primitive concatenate = {.name = "Concatenate",
                                         .params_size = sizeof(concatenate_params),
                                         .eval = {eval_concatenate},
                                         .vjp = vjp_concatenate,
                                         .jvp = jvp_concatenate,
                                         .vmap = vmap_concatenate,
                                         .output_shape = concatenate_shape};

/* Checks the inputs against each other; the joined length along the axis, or -1 after mx_fail. */
static int64_t joined_length(const mx *arrays, int count, int axis) {
  int64_t length = 0;
  for (int i = 0; i < count; i++) {
    if (arrays[i]->ndim != arrays[0]->ndim) {
      mx_fail(
          "[concatenate] All the input arrays must have the same number of dimensions. However, "
          "got arrays with dimensions %d and %d.",
          arrays[0]->ndim, arrays[i]->ndim);
      return -1;
    }
    for (int d = 0; d < arrays[0]->ndim; d++) {
      if (d == axis || mx_shape_of(arrays[i])[d] == mx_shape_of(arrays[0])[d]) continue;
      mx_fail("[concatenate] All the input array dimensions must match exactly except for the "
              "concatenation axis. However, the provided shapes are %s, %s, and the concatenation "
              "axis is %d.",
              mx_shape_text_of(arrays[0]), mx_shape_text_of(arrays[i]), axis);
      return -1;
    }
    length += mx_shape_of(arrays[i])[axis];
  }
  if (length <= INT32_MAX) return length;
  mx_fail("[concatenate] The joined axis would have %lld elements.", (long long)length);
  return -1;
}

mx mx_concatenate(const mx *arrays, int count, int axis) {
  if (count < 1) return mx_fail("[concatenate] No arrays provided for concatenation");
  for (int i = 0; i < count; i++)
    if (!arrays[i]) return NULL;
  if (count == 1) return mx_same(arrays[0]);
  concatenate_params p = {mx_check_axis("concatenate", axis, arrays[0]->ndim)};
  int64_t length = p.axis < 0 ? -1 : joined_length(arrays, count, p.axis);
  if (length < 0) return NULL;
  mx_dtype dtype = arrays[0]->dtype;
  for (int i = 1; i < count; i++) dtype = mx_promote_types(dtype, arrays[i]->dtype);
  int shape[MX_MAX_NDIM];
  mx_copy_ints(shape, mx_shape_of(arrays[0]), arrays[0]->ndim);
  shape[p.axis] = (int)length;
  mx *cast = mx_xmalloc((size_t)count * sizeof *cast);
  for (int i = 0; i < count; i++) cast[i] = mx_astype(arrays[i], dtype);
  mx joined = mx_make_node(&concatenate, &p, (mx_spec){dtype, arrays[0]->ndim, shape}, cast, count);
  free(cast);
  return joined;
}

mx mx_stack(const mx *arrays, int count, int axis) {
  if (count < 1) return mx_fail("[stack] No arrays provided for stacking");
  for (int i = 0; i < count; i++) {
    if (!arrays[i]) return NULL;
    if (arrays[i]->ndim != arrays[0]->ndim || memcmp(mx_shape_of(arrays[i]), mx_shape_of(arrays[0]),
                                                     (size_t)arrays[0]->ndim * sizeof(int)))
      return mx_fail("[stack] All arrays must have the same shape; these have %s and %s.",
                     mx_shape_text_of(arrays[0]), mx_shape_text_of(arrays[i]));
  }
  int at = mx_check_axis("stack", axis, arrays[0]->ndim + 1);
  if (at < 0) return NULL;
  mx *wider = mx_xmalloc((size_t)count * sizeof *wider);
  for (int i = 0; i < count; i++) wider[i] = mx_expand_dims(arrays[i], MX_INTS(at));
  mx stacked = mx_concatenate(wider, count, at);
  free(wider);
  return stacked;
}

/* ---- repeat, tile ---- */

mx mx_repeat(mx a, int repeats, int axis) {
  if (!a) return NULL;
  if (axis == MX_NO_AXIS) return mx_repeat(mx_flatten(a, 0, -1), repeats, 0);
  int at = mx_check_axis("repeat", axis, a->ndim);
  if (at < 0) return NULL;
  if (repeats < 0) return mx_fail("[repeat] Number of repeats cannot be negative");
  if (repeats == 0) return mx_zeros(MX_INTS(0), a->dtype);
  if (repeats == 1) return mx_same(a);
  int wide[MX_MAX_NDIM + 1], shape[MX_MAX_NDIM];
  for (int i = 0; i <= a->ndim; i++) wide[i] = i == at + 1 ? repeats : mx_shape_of(a)[i - (i > at)];
  mx_copy_ints(shape, mx_shape_of(a), a->ndim);
  if (__builtin_mul_overflow(shape[at], repeats, &shape[at]))
    return mx_fail("[repeat] %d repeats of axis %d of shape %s are too many.", repeats, axis,
                   mx_shape_text_of(a));
  mx b = mx_broadcast_to(mx_expand_dims(a, MX_INTS(at + 1)), (mx_ints){wide, a->ndim + 1});
  return mx_reshape(b, (mx_ints){shape, a->ndim});
}

mx mx_tile(mx a, mx_ints repeats) {
  if (!a) return NULL;
  int ndim = repeats.size > a->ndim ? repeats.size : a->ndim;
  int expanded[2 * MX_MAX_NDIM], wide[2 * MX_MAX_NDIM], shape[MX_MAX_NDIM], n = 0;
  if (ndim > MX_MAX_NDIM)
    return mx_fail("[tile] %d dimensions; at most %d are supported", ndim, MX_MAX_NDIM);
  for (int i = 0; i < ndim; i++) {
    int from = i - (ndim - a->ndim), by = i - (ndim - repeats.size);
    int length = from < 0 ? 1 : mx_shape_of(a)[from], times = by < 0 ? 1 : repeats.data[by];
    if (times < 0) return mx_fail("[tile] Number of repeats cannot be negative");
    if (times != 1) {
      expanded[n] = 1;
      wide[n++] = times;
    }
    expanded[n] = wide[n] = length;
    n++;
    shape[i] = times * length;
  }
  mx b = mx_broadcast_to(mx_reshape(a, (mx_ints){expanded, n}), (mx_ints){wide, n});
  return mx_reshape(b, (mx_ints){shape, ndim});
}

/* ---- pad ---- */

/* axes[i] gets low[i] places before and high[i] behind. */
typedef struct {
  int count, axes[MX_MAX_NDIM], low[MX_MAX_NDIM], high[MX_MAX_NDIM];
} pad_params;

static bool eval_pad(const mx_node *node, const mx *in, const mx *out) {
  const pad_params *p = MX_PARAMS(pad_params, node);
  if (!mx_out_alloc(out[0])) return false;
  mx_copy_fill(out[0]->data, out[0]->dtype, in[1]->data, in[1]->dtype, (int64_t)out[0]->size);
  const int64_t *strides = mx_strides_of(out[0]);
  int64_t offset = 0;
  for (int i = 0; i < p->count; i++) offset += p->low[i] * strides[p->axes[i]];
  if (in[0]->size)
    mx_copy_strided(out[0]->data + offset * (int64_t)mx_dtype_size(out[0]->dtype), out[0]->dtype,
                    strides, in[0]->data, in[0]->dtype, mx_strides_of(in[0]), mx_shape_of(in[0]),
                    in[0]->ndim);
  return true;
}

static int pad_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  const pad_params *p = MX_PARAMS(pad_params, node);
  mx_copy_ints(shape, mx_shape_of(in[0]), in[0]->ndim);
  for (int i = 0; i < p->count; i++) shape[p->axes[i]] += p->low[i] + p->high[i];
  return in[0]->ndim;
}

/* The node's padding of another array, whose own axes begin at `first`. */
static mx pad_again(const mx_node *node, mx a, mx value, int first) {
  const pad_params *p = MX_PARAMS(pad_params, node);
  int axes[MX_MAX_NDIM];
  for (int i = 0; i < p->count; i++) axes[i] = p->axes[i] + first;
  return mx_pad(a, (mx_ints){axes, p->count}, (mx_ints){p->low, p->count},
                (mx_ints){p->high, p->count}, value, "constant");
}

/* Where the padding is. */
static mx padding(const mx_node *node, mx a, int first) {
  return a ? pad_again(node, mx_full_like(a, mx_bool(false), MX_BOOL), mx_bool(true), first) : NULL;
}

/* The cotangent without the padding, and the padding's, which belongs to the value. */
static bool vjp_pad(const mx_node *node, const mx *primals, const mx *cotangents,
                    const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)outputs;
  const pad_params *p = MX_PARAMS(pad_params, node);
  mx c = cotangents[0], inner = c;
  for (int i = 0; i < count; i++) {
    if (argnums[i]) {
      mx outer = mx_where(padding(node, primals[0], 0), c, mx_scalar(0, c->dtype));
      vjps[i] = mx_sum(outer);
    } else {
      for (int k = 0; k < p->count && inner; k++)
        inner = mx_slice_axis(inner, p->axes[k], p->low[k],
                              mx_shape_of(inner)[p->axes[k]] - p->high[k]);
      vjps[i] = inner;
    }
    if (!vjps[i]) return false;
  }
  return true;
}

static bool jvp_pad(const mx_node *node, const mx *primals, const mx *tangents, const int *argnums,
                    int count, mx *jvps) {
  mx inner = mx_tangent_of(primals, tangents, argnums, count, 0);
  mx outer = mx_tangent_of(primals, tangents, argnums, count, 1);
  return (jvps[0] = pad_again(node, inner, outer, 0)) != NULL;
}

/* A value for each slice is put in afterwards. */
static bool vmap_pad(const mx_node *node, const mx *in, const int *axes, mx *out, int *out_axes) {
  bool values = axes[1] >= 0;
  int length = mx_batch_length(in, axes, 2), shape[MX_MAX_NDIM] = {length};
  mx inner = mx_batched(in[0], axes[0], length);
  if (!inner) return false;
  out_axes[0] = 0;
  out[0] = pad_again(node, inner, values ? mx_scalar(0, inner->dtype) : in[1], 1);
  if (values) {
    for (int i = 1; i < inner->ndim; i++) shape[i] = 1;
    mx value = mx_reshape(in[1], (mx_ints){shape, inner->ndim});
    out[0] = mx_where(padding(node, inner, 1), value, out[0]);
  }
  return out[0] != NULL;
}

static const mx_primitive pad = {.name = "Pad",
                                 .params_size = sizeof(pad_params),
                                 .eval = {eval_pad},
                                 .vjp = vjp_pad,
                                 .jvp = jvp_pad,
                                 .vmap = vmap_pad,
                                 .output_shape = pad_shape};

/* Pads with zeros, then copies the outermost slices outwards, axis by axis, so that corners get the
 * corner's value. */
static mx pad_edges(mx padded, const pad_params *p) {
  int ndim = padded ? padded->ndim : 0;
  for (int i = 0; i < p->count && padded; i++) {
    int start[MX_MAX_NDIM] = {0}, stop[MX_MAX_NDIM], axis = p->axes[i];
    int length = mx_shape_of(padded)[axis];
    mx_copy_ints(stop, mx_shape_of(padded), ndim);
    if (p->low[i] > 0) {
      mx edge = mx_slice_axis(padded, axis, p->low[i], p->low[i] + 1);
      stop[axis] = p->low[i];
      padded =
          mx_slice_update(padded, edge, (mx_ints){start, ndim}, (mx_ints){stop, ndim}, MX_NO_INTS);
    }
    if (p->high[i] > 0) {
      int last = length - p->high[i] - 1;
      mx edge = mx_slice_axis(padded, axis, last, last + 1);
      start[axis] = last + 1;
      stop[axis] = length;
      padded =
          mx_slice_update(padded, edge, (mx_ints){start, ndim}, (mx_ints){stop, ndim}, MX_NO_INTS);
    }
  }
  return padded;
}

mx mx_pad(mx a, mx_ints axes, mx_ints low, mx_ints high, mx value, const char *mode) {
  if (!a || !value) return NULL;
  if (axes.size != low.size || axes.size != high.size)
    return mx_fail("[pad] Invalid number of padding sizes passed to pad with axes of size %d",
                   axes.size);
  if (value->size != 1 || value->ndim)
    return mx_fail("[pad] The padding value must be a scalar; it has shape %s.",
                   mx_shape_text_of(value));
  bool edge = !strcmp(mode, "edge");
  if (!edge && strcmp(mode, "constant"))
    return mx_fail("[pad] Invalid padding mode (%s) passed to pad", mode);
  if (axes.size > MX_MAX_NDIM)
    return mx_fail("[pad] %d axes; at most %d are supported", axes.size, MX_MAX_NDIM);
  pad_params p = {.count = axes.size};
  int shape[MX_MAX_NDIM];
  mx_copy_ints(shape, mx_shape_of(a), a->ndim);
  for (int i = 0; i < axes.size; i++) {
    int at = mx_check_axis("pad", axes.data[i], a->ndim);
    if (at < 0) return NULL;
    if (low.data[i] < 0 || high.data[i] < 0)
      return mx_fail(
          "[pad] Invalid %s padding size (%d) passed to pad for axis %d. Padding sizes must "
          "be non-negative",
          low.data[i] < 0 ? "low" : "high", low.data[i] < 0 ? low.data[i] : high.data[i], i);
    p.axes[i] = at;
    p.low[i] = low.data[i];
    p.high[i] = high.data[i];
    shape[at] += low.data[i] + high.data[i];
  }
  if (edge && !a->size) return mx_fail("[pad] Cannot take edge values from an empty array.");
  mx cast = mx_astype(edge ? mx_scalar(0, a->dtype) : value, a->dtype);
  mx padded = mx_make(&pad, &p, ((mx_spec){a->dtype, a->ndim, shape}), a, cast);
  return edge ? pad_edges(padded, &p) : padded;
}

/* ---- roll, meshgrid ---- */

mx mx_roll(mx a, mx_ints shift, mx_ints axes) {
  if (!a) return NULL;
  if (axes.size < 0) {
    int64_t total = 0;
    for (int i = 0; i < shift.size; i++) total += shift.data[i];
    int by = a->size ? (int)(total % (int64_t)a->size) : 0;
    mx rolled = mx_roll(mx_flatten(a, 0, -1), MX_INTS(by), MX_INTS(0));
    return mx_reshape(rolled, (mx_ints){mx_shape_of(a), a->ndim});
  }
  if (shift.size < axes.size)
    return mx_fail("[roll] At least one shift value per axis is required, %d provided for %d axes.",
                   shift.size, axes.size);
  mx rolled = mx_same(a);
  for (int i = 0; i < axes.size && rolled; i++) {
    int at = mx_check_axis("roll", axes.data[i], a->ndim);
    if (at < 0) return NULL;
    int length = mx_shape_of(a)[at];
    if (!length) continue;
    int cut = ((length - shift.data[i] % length) % length + length) % length;
    mx parts[2];
    if (!cut || !mx_split_at(rolled, MX_INTS(cut), at, parts)) continue;
    rolled = mx_concatenate(MX_LIST(parts[1], parts[0]), at);
  }
  return rolled;
}

bool mx_meshgrid(const mx *arrays, int count, bool sparse, const char *indexing, mx *out) {
  for (int i = 0; i < count; i++) out[i] = NULL;
  bool xy = !strcmp(indexing, "xy");
  if (!xy && strcmp(indexing, "ij")) {
    mx_fail("[meshgrid] Invalid indexing value. Valid values are 'xy' and 'ij'.");
    return false;
  }
  if (count > MX_MAX_NDIM) {
    mx_fail("[meshgrid] %d arrays; at most %d are supported", count, MX_MAX_NDIM);
    return false;
  }
  bool all = true;
  for (int i = 0; i < count; i++) {
    int shape[MX_MAX_NDIM], along = xy && count > 1 && i < 2 ? 1 - i : i;
    for (int d = 0; d < count; d++) shape[d] = d == along ? -1 : 1;
    if (arrays[i] && !arrays[i]->size) shape[along] = 0;
    out[i] = mx_reshape(arrays[i], (mx_ints){shape, count});
    all &= out[i] != NULL;
  }
  return all && (sparse || mx_broadcast_arrays(out, count, out));
}

/* ---- In MLX's files ---- */

static const mx_codec *visit_concatenate(mx_state *s, const mx_codec *codec, void *params) {
  mx_state_int(s, &((concatenate_params *)params)->axis);
  return codec;
}

static bool build_concatenate(const mx_build *b) {
  const concatenate_params *p = b->params;
  return MX_BUILT(b, b->count, mx_concatenate(b->in, b->count, p->axis));
}

static const mx_codec *visit_pad(mx_state *s, const mx_codec *codec, void *params) {
  pad_params *p = params;
  int low = p->count, high = p->count;
  mx_state_ints(s, p->axes, &p->count, MX_MAX_NDIM);
  mx_state_ints(s, p->low, &low, MX_MAX_NDIM);
  mx_state_ints(s, p->high, &high, MX_MAX_NDIM);
  return low == p->count && high == p->count ? codec : NULL;
}

static bool build_pad(const mx_build *b) {
  const pad_params *p = b->params;
  return MX_BUILT(b, 2,
                  mx_pad(b->in[0], (mx_ints){p->axes, p->count}, (mx_ints){p->low, p->count},
                         (mx_ints){p->high, p->count}, b->in[1], "constant"));
}

const mx_codec mx_join_codecs[] = {
    {.name = "Concatenate",
     .primitive = &concatenate,
     .visit = visit_concatenate,
     .build = build_concatenate},
    {.name = "Pad", .primitive = &pad, .visit = visit_pad, .build = build_pad},
    {0},
};
