/* Gathers and scatters by index arrays, and masked stores. */
#include "mlx/mx/index.h"
#include "base/alloc.h"
#include "drivers/index.h"
#include "mlx/mx/cast.h"
#include "ops/codecs.h"
#include "ops/ops.h"

#include <stdlib.h>
#include <string.h>

/* What scatters write to: row-major memory with a's elements, a's own where it is given up. */
static bool writable_copy(mx out, mx a) {
  if (mx_out_donate(out, a)) return true;
  if (!mx_out_alloc(out)) return false;
  mx_copy_row_major(out->data, a);
  return true;
}

/* ---- gather and scatter: inputs are the array, index arrays, and for scatters the updates ---- */

typedef struct {
  int count, axes[MX_MAX_NDIM], ndim, slice_sizes[MX_MAX_NDIM];
} gather_params;

typedef struct {
  mx_scatter_kind kind;
  int count, axes[MX_MAX_NDIM];
} scatter_params;

/* The driver's description of `count` index arrays. `arrays` has room for them. */
static mx_indices indices_of(const mx *indices, int count, const int *axes, mx_index *arrays) {
  for (int i = 0; i < count; i++)
    arrays[i] = (mx_index){indices[i]->data, mx_strides_of(indices[i]), axes[i]};
  return (mx_indices){.dtype = count ? indices[0]->dtype : MX_UINT8,
                      .count = count,
                      .ndim = count ? indices[0]->ndim : 0,
                      .arrays = arrays,
                      .shape = count ? mx_shape_of(indices[0]) : NULL};
}

static bool eval_gather(const mx_node *node, const mx *in, const mx *out) {
  const gather_params *p = MX_PARAMS(gather_params, node);
  mx_index arrays[MX_MAX_NDIM];
  if (!mx_out_alloc(out[0])) return false;
  mx_indices indices = indices_of(in + 1, p->count, p->axes, arrays);
  if (out[0]->size)
    mx_drive_gather(in[0]->dtype, in[0]->data, in[0]->ndim, mx_shape_of(in[0]),
                    mx_strides_of(in[0]), &indices, p->slice_sizes, out[0]->data);
  return true;
}

static int gather_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  const gather_params *p = MX_PARAMS(gather_params, node);
  int places = p->count ? in[1]->ndim : 0;
  if (p->count) mx_copy_ints(shape, mx_shape_of(in[1]), places);
  mx_copy_ints(shape + places, p->slice_sizes, p->ndim);
  return places + p->ndim;
}

static const mx_primitive gather = {.name = "Gather",
                                    .params_size = sizeof(gather_params),
                                    .eval = {eval_gather},
                                    .output_shape = gather_shape};

static bool eval_scatter(const mx_node *node, const mx *in, const mx *out) {
  const scatter_params *p = MX_PARAMS(scatter_params, node);
  mx_index arrays[MX_MAX_NDIM];
  mx updates = in[node->input_count - 1];
  if (!writable_copy(out[0], in[0])) return false;
  mx_indices indices = indices_of(in + 1, p->count, p->axes, arrays);
  if (updates->size)
    mx_drive_scatter(p->kind, out[0]->dtype, out[0]->data, out[0]->ndim, mx_shape_of(out[0]),
                     &indices, updates->data, mx_strides_of(updates),
                     mx_shape_of(updates) + indices.ndim);
  return true;
}

static int like_first(const mx_node *node, const mx *in, int output, int *shape) {
  (void)node, (void)output;
  mx_copy_ints(shape, mx_shape_of(in[0]), in[0]->ndim);
  return in[0]->ndim;
}

static const mx_primitive scatter = {.name = "Scatter",
                                     .params_size = sizeof(scatter_params),
                                     .eval = {eval_scatter},
                                     .output_shape = like_first};

/* What gather and scatter ask of their index arrays and axes. */
static bool check_indices(const char *op, mx a, const mx *indices, int count, mx_ints axes) {
  for (int i = 0; i < count; i++)
    if (!indices[i]) return false;
  if (count > a->ndim) {
    mx_fail("[%s] Too many index arrays. Got %d index arrays for input with %d dimensions.", op,
            count, a->ndim);
    return false;
  }
  for (int i = 0; i < axes.size; i++)
    for (int k = 0; k < i; k++)
      if (axes.data[i] == axes.data[k]) {
        mx_fail("[%s] Repeat axes not allowed in %s.", op, op);
        return false;
      }
  for (int i = 0; i < axes.size; i++)
    if (axes.data[i] < 0 || axes.data[i] >= a->ndim) {
      mx_fail("[%s] Axes don't match array dimensions.", op);
      return false;
    }
  if (count != axes.size) {
    mx_fail("[%s] Number of index arrays does not match number of axes.", op);
    return false;
  }
  for (int i = 0; i < count; i++)
    if (indices[i]->dtype == MX_BOOL) {
      mx_fail("[%s] Boolean indices not supported.", op);
      return false;
    }
  return true;
}

/* The index arrays broadcast against each other and of one integer dtype, into inputs[count]. */
static bool unify_indices(const char *op, const mx *indices, int count, mx *inputs) {
  mx_dtype dtype = count ? (mx_dtype)indices[0]->dtype : MX_UINT8;
  for (int i = 1; i < count; i++) dtype = mx_promote_types(dtype, indices[i]->dtype);
  if (mx_is_subdtype(dtype, MX_KIND_INEXACT)) {
    mx_fail("[%s] Got indices with invalid dtype. Indices must be integral.", op);
    return false;
  }
  if (count && !mx_broadcast_arrays(indices, count, inputs)) return false;
  for (int i = 0; i < count; i++)
    if (!(inputs[i] = mx_astype(inputs[i], dtype))) return false;
  return true;
}

/* Slices that an array without elements can give: none, or empty ones. */
static bool check_slices(mx a, mx_ints slice_sizes, size_t places) {
  size_t slice = 1;
  for (int i = 0; i < a->ndim; i++) slice *= (size_t)slice_sizes.data[i];
  if (!a->size && places && slice) {
    mx_fail("[gather] If the input is empty, either the indices must be empty or the total slice "
            "size must be 0.");
    return false;
  }
  for (int i = 0; i < a->ndim && a->size; i++)
    if (slice_sizes.data[i] < 0 || slice_sizes.data[i] > mx_shape_of(a)[i]) {
      mx_fail("[gather] Slice sizes must be in [0, a.shape(i)]. Got %s for array with shape %s.",
              mx_shape_text(slice_sizes.data, slice_sizes.size), mx_shape_text_of(a));
      return false;
    }
  return true;
}

mx mx_gather(mx a, const mx *indices, int count, mx_ints axes, mx_ints slice_sizes) {
  mx inputs[MX_MAX_NDIM + 1];
  int shape[2 * MX_MAX_NDIM];
  if (!a || !check_indices("gather", a, indices, count, axes)) return NULL;
  if (slice_sizes.size != a->ndim)
    return mx_fail("[gather] Got slice_sizes with size %d for array with %d dimensions.",
                   slice_sizes.size, a->ndim);
  inputs[0] = a;
  if (!unify_indices("gather", indices, count, inputs + 1)) return NULL;
  if (!check_slices(a, slice_sizes, count ? inputs[1]->size : 1)) return NULL;
  gather_params p = {.count = count, .ndim = a->ndim};
  mx_copy_ints(p.axes, axes.data, count);
  mx_copy_ints(p.slice_sizes, slice_sizes.data, a->ndim);
  int places = count ? inputs[1]->ndim : 0;
  if (places + a->ndim > MX_MAX_NDIM)
    return mx_fail("[gather] %d dimensions; at most %d are supported", places + a->ndim,
                   MX_MAX_NDIM);
  if (count) mx_copy_ints(shape, mx_shape_of(inputs[1]), places);
  mx_copy_ints(shape + places, slice_sizes.data, a->ndim);
  return mx_make_node(&gather, &p, (mx_spec){a->dtype, places + a->ndim, shape}, inputs, count + 1);
}

static bool check_updates(mx a, mx updates, const int *places, int places_ndim) {
  if (updates->ndim != a->ndim + places_ndim) {
    mx_fail("[scatter] Updates with %d dimensions does not match the sum of the array (%d) and "
            "indices (%d) dimensions.",
            updates->ndim, a->ndim, places_ndim);
    return false;
  }
  const int *shape = mx_shape_of(updates);
  if (places_ndim && memcmp(shape, places, (size_t)places_ndim * sizeof *shape)) {
    mx_fail("[scatter] Update shape %s is not valid for broadcasted index shape %s.",
            mx_shape_text_of(updates), mx_shape_text(places, places_ndim));
    return false;
  }
  for (int i = 0; i < a->ndim; i++)
    if (shape[places_ndim + i] > mx_shape_of(a)[i]) {
      mx_fail("[scatter] Updates with shape %s are too large for array with shape %s.",
              mx_shape_text_of(updates), mx_shape_text_of(a));
      return false;
    }
  return true;
}

static mx make_scatter(mx_scatter_kind kind, mx a, const mx *indices, int count, mx updates,
                       mx_ints axes) {
  mx inputs[MX_MAX_NDIM + 2];
  if (!a || !updates || !check_indices("scatter", a, indices, count, axes)) return NULL;
  inputs[0] = a;
  if (!unify_indices("scatter", indices, count, inputs + 1)) return NULL;
  if (!check_updates(a, updates, count ? mx_shape_of(inputs[1]) : NULL,
                     count ? inputs[1]->ndim : 0))
    return NULL;
  scatter_params p = {.kind = kind, .count = count};
  mx_copy_ints(p.axes, axes.data, count);
  inputs[count + 1] = mx_astype(updates, a->dtype);
  return mx_make_node(&scatter, &p, mx_spec_like(a, a->dtype), inputs, count + 2);
}

mx mx_scatter(mx a, const mx *indices, int count, mx updates, mx_ints axes) {
  return make_scatter(MX_SCATTER_SET, a, indices, count, updates, axes);
}
mx mx_scatter_add(mx a, const mx *indices, int count, mx updates, mx_ints axes) {
  return make_scatter(MX_SCATTER_ADD, a, indices, count, updates, axes);
}
mx mx_scatter_prod(mx a, const mx *indices, int count, mx updates, mx_ints axes) {
  return make_scatter(MX_SCATTER_PROD, a, indices, count, updates, axes);
}
mx mx_scatter_max(mx a, const mx *indices, int count, mx updates, mx_ints axes) {
  return make_scatter(MX_SCATTER_MAX, a, indices, count, updates, axes);
}
mx mx_scatter_min(mx a, const mx *indices, int count, mx updates, mx_ints axes) {
  return make_scatter(MX_SCATTER_MIN, a, indices, count, updates, axes);
}

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

static int like_second(const mx_node *node, const mx *in, int output, int *shape) {
  (void)node, (void)output;
  mx_copy_ints(shape, mx_shape_of(in[1]), in[1]->ndim);
  return in[1]->ndim;
}

static const mx_primitive gather_axis = {.name = "GatherAxis",
                                         .params_size = sizeof(axis_params),
                                         .eval = {eval_gather_axis},
                                         .output_shape = like_second};

static bool eval_scatter_axis(const mx_node *node, const mx *in, const mx *out) {
  const axis_params *p = MX_PARAMS(axis_params, node);
  if (!writable_copy(out[0], in[0])) return false;
  mx_drive_scatter_axis(p->kind, out[0]->dtype, out[0]->data, mx_strides_of(out[0]),
                        mx_shape_of(out[0])[p->axis], in[1]->dtype, in[1]->data,
                        mx_strides_of(in[1]), in[2]->data, mx_strides_of(in[2]), in[1]->ndim,
                        mx_shape_of(in[1]), p->axis);
  return true;
}

static const mx_primitive scatter_axis = {.name = "ScatterAxis",
                                          .params_size = sizeof(axis_params),
                                          .eval = {eval_scatter_axis},
                                          .output_shape = like_first};

/* Broadcasts the arrays against each other along all axes but one. */
static bool broadcast_but_axis(const char *op, mx *arrays, int count, int axis) {
  int shape[MX_MAX_NDIM], ndim = arrays[0]->ndim;
  mx_copy_ints(shape, mx_shape_of(arrays[0]), ndim);
  for (int k = 1; k < count; k++)
    for (int i = 0; i < ndim; i++) {
      int n = mx_shape_of(arrays[k])[i];
      if (i == axis || n == shape[i] || n == 1) continue;
      if (shape[i] != 1) {
        mx_fail("[%s] Shapes %s and %s cannot be broadcast along axis %d.", op,
                mx_shape_text_of(arrays[0]), mx_shape_text_of(arrays[k]), i);
        return false;
      }
      shape[i] = n;
    }
  for (int k = 0; k < count; k++) {
    shape[axis] = mx_shape_of(arrays[k])[axis];
    if (!(arrays[k] = mx_broadcast_to(arrays[k], (mx_ints){shape, ndim}))) return false;
  }
  return true;
}

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
  if (p.axis < 0 || !broadcast_but_axis("take_along_axis", inputs, 2, p.axis)) return NULL;
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
  if (!broadcast_but_axis(op, inputs, 3, p.axis)) return NULL;
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

/* ---- masked scatter: the array, the mask and the values, each with a leading batch axis ---- */

static bool eval_masked_scatter(const mx_node *node, const mx *in, const mx *out) {
  (void)node;
  mx_buffer *temporary;
  if (!writable_copy(out[0], in[0])) return false;
  if (!out[0]->size) return true;
  const void *values = mx_row_major_data(in[2], &temporary);
  if (!values && in[2]->size) return false;
  int status = mx_drive_masked_scatter(out[0]->dtype, out[0]->data, out[0]->ndim,
                                       mx_shape_of(out[0]), in[1]->data, mx_strides_of(in[1]),
                                       values, (int64_t)in[2]->size / mx_shape_of(in[0])[0]);
  mx_buffer_release(temporary);
  return status == 0;
}

static const mx_primitive masked_scatter = {
    .name = "MaskedScatter", .eval = {eval_masked_scatter}, .output_shape = like_first};

/* value broadcast to [masked places, a's axes that the mask lacks]; a first axis of its own stays.
 */
static mx masked_values(mx a, mx mask, mx value) {
  int ndim = a->ndim - mask->ndim + 1, shape[MX_MAX_NDIM + 1];
  for (int i = 1; i < ndim; i++) shape[i] = mx_shape_of(a)[mask->ndim + i - 1];
  shape[0] = value->ndim == ndim ? mx_shape_of(value)[0] : (int)mask->size;
  return mx_broadcast_to(value, (mx_ints){shape, ndim});
}

mx mx_masked_scatter(mx a, mx mask, mx value) {
  if (!a || !mask || !value) return NULL;
  if (mask->dtype != MX_BOOL) return mx_fail("[masked_scatter] The mask has to be boolean.");
  if (mask->ndim > a->ndim)
    return mx_fail("[masked_scatter] The mask cannot have more dimensions than the target.");
  int unmasked = a->ndim - mask->ndim, shape[MX_MAX_NDIM];
  if (value->ndim > unmasked + 1)
    return mx_fail("[masked_scatter] Value array shape must be broadcastable with the last %d "
                   "dimensions of the input.",
                   unmasked);
  if (mask->ndim && memcmp(mx_shape_of(mask), mx_shape_of(a), (size_t)mask->ndim * sizeof(int)))
    return mx_fail("[masked_scatter] The boolean mask should have the same shape as the beginning "
                   "of the indexed array but the mask has shape %s and the array has shape %s",
                   mx_shape_text_of(mask), mx_shape_text_of(a));
  for (int i = 0; i < a->ndim; i++) shape[i] = i < mask->ndim ? mx_shape_of(mask)[i] : 1;
  mx wide = mx_broadcast_to(mx_reshape(mask, (mx_ints){shape, a->ndim}),
                            (mx_ints){mx_shape_of(a), a->ndim});
  mx inputs[3] = {a, wide, masked_values(a, mask, mx_astype(value, a->dtype))};
  for (int i = 0; i < 3; i++)
    if (!(inputs[i] = mx_expand_dims(inputs[i], MX_INTS(0)))) return NULL;
  mx out = mx_make_node(&masked_scatter, NULL, mx_spec_like(inputs[0], a->dtype), inputs, 3);
  return mx_squeeze(out, MX_INTS(0));
}

/* ---- In MLX's files ---- */

static const mx_codec *visit_gather(mx_state *s, const mx_codec *codec, void *params) {
  gather_params *p = params;
  mx_state_ints(s, p->axes, &p->count, MX_MAX_NDIM);
  mx_state_ints(s, p->slice_sizes, &p->ndim, MX_MAX_NDIM);
  return codec;
}

static bool build_gather(const mx_build *b) {
  const gather_params *p = b->params;
  mx_ints axes = {p->axes, p->count}, sizes = {p->slice_sizes, p->ndim};
  return b->count == p->count + 1 &&
         MX_BUILT(b, b->count, mx_gather(b->in[0], b->in + 1, p->count, axes, sizes));
}

/* MLX's numbers of the kinds, in its two classes. */
static const mx_scatter_kind scatter_kinds[] = {MX_SCATTER_MAX, MX_SCATTER_MIN, MX_SCATTER_ADD,
                                                MX_SCATTER_PROD, MX_SCATTER_SET};
static const mx_scatter_kind axis_kinds[] = {MX_SCATTER_ADD, MX_SCATTER_SET};

static bool visit_kind(mx_state *s, mx_scatter_kind *kind, const mx_scatter_kind *kinds,
                       int count) {
  int number = 0;
  while (s->mode == MX_STATE_WRITE && kinds[number] != *kind) number++;
  mx_state_int(s, &number);
  if (number < 0 || number >= count) return false;
  *kind = kinds[number];
  return true;
}

static const mx_codec *visit_scatter(mx_state *s, const mx_codec *codec, void *params) {
  scatter_params *p = params;
  bool known = visit_kind(s, &p->kind, scatter_kinds, 5);
  mx_state_ints(s, p->axes, &p->count, MX_MAX_NDIM);
  return known ? codec : NULL;
}

static bool build_scatter(const mx_build *b) {
  const scatter_params *p = b->params;
  return b->count == p->count + 2 &&
         MX_BUILT(b, b->count,
                  make_scatter(p->kind, b->in[0], b->in + 1, p->count, b->in[b->count - 1],
                               (mx_ints){p->axes, p->count}));
}

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
  bool known = visit_kind(s, &p->kind, axis_kinds, 2);
  mx_state_int(s, &p->axis);
  return known ? codec : NULL;
}

static bool build_scatter_axis(const mx_build *b) {
  const axis_params *p = b->params;
  if (p->kind == MX_SCATTER_ADD)
    return MX_BUILT(b, 3, mx_scatter_add_axis(b->in[0], b->in[1], b->in[2], p->axis));
  return MX_BUILT(b, 3, mx_put_along_axis(b->in[0], b->in[1], b->in[2], .axis = p->axis));
}

static bool build_masked_scatter(const mx_build *b) {
  return MX_BUILT(b, 3, mx_masked_scatter(b->in[0], b->in[1], b->in[2]));
}

#define CLASS(shown, it, visitor) \
  { .name = shown, .primitive = &it, .visit = visitor, .build = build_##it }
const mx_codec mx_index_codecs[] = {
    CLASS("Gather", gather, visit_gather),
    CLASS("Scatter", scatter, visit_scatter),
    CLASS("GatherAxis", gather_axis, visit_gather_axis),
    CLASS("ScatterAxis", scatter_axis, visit_scatter_axis),
    CLASS("MaskedScatter", masked_scatter, NULL),
    {0},
};
