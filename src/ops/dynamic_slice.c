/* Slices and updates that start where an array says. */
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "mlx/mx/elementwise.h"
#include "mlx/mx/index.h"
#include "ops/codecs.h"
#include "ops/rules.h"
#include "ops/slice.h"

typedef struct {
  int count, axes[MX_MAX_NDIM];
  int ndim, sizes[MX_MAX_NDIM]; /* the window's; updates have none */
} dynamic_params;

static int check_dynamic(const char *op, mx a, mx start, mx_ints axes, dynamic_params *p) {
  *p = (dynamic_params){0};
  if (start->ndim > 1)
    mx_fail("[%s] array of starting indices must be zero or one dimensional but has dimension %d.",
            op, start->ndim);
  else if ((int)start->size != axes.size)
    mx_fail("[%s] Number of starting indices %zu does not match number of axes %d.", op,
            start->size, axes.size);
  else if (!mx_is_subdtype(start->dtype, MX_KIND_INTEGER))
    mx_fail("[%s] Start indices must be integers, got type %s.", op, mx_dtype_name(start->dtype));
  else {
    bool seen[MX_MAX_NDIM] = {false};
    for (int i = 0; i < axes.size; i++) {
      int axis = mx_check_axis(op, axes.data[i], a->ndim);
      if (axis < 0) return -1;
      if (seen[axis]) {
        mx_fail("[%s] Repeat axes not allowed.", op);
        return -1;
      }
      seen[axis] = true;
      p->axes[i] = axis;
    }
    p->count = axes.size;
    return 0;
  }
  return -1;
}

static int64_t start_at(mx start, int i) {
  int64_t at = start->ndim ? i * mx_strides_of(start)[0] : 0;
  switch ((mx_dtype)start->dtype) {
  case MX_INT8: return ((const int8_t *)start->data)[at];
  case MX_UINT8: return ((const uint8_t *)start->data)[at];
  case MX_INT16: return ((const int16_t *)start->data)[at];
  case MX_UINT16: return ((const uint16_t *)start->data)[at];
  case MX_INT32: return ((const int32_t *)start->data)[at];
  case MX_UINT32: return ((const uint32_t *)start->data)[at];
  default: return ((const int64_t *)start->data)[at];
  }
}

/* The window's first element. A start that would leave the array is moved inside it (MLX leaves
 * that case undefined; here it must not touch other memory). */
static int64_t window_offset(const dynamic_params *p, mx whole, mx start, const int *window) {
  int64_t offset = 0;
  for (int i = 0; i < p->count; i++) {
    int axis = p->axes[i];
    int64_t room = mx_shape_of(whole)[axis] - window[axis], s = start_at(start, i);
    s = s < 0 ? 0 : s > room ? room : s;
    offset += s * mx_strides_of(whole)[axis];
  }
  return offset;
}

static bool eval_dynamic_slice(const mx_node *node, const mx *in, const mx *out) {
  int64_t offset =
      window_offset(MX_PARAMS(dynamic_params, node), in[0], in[1], mx_shape_of(out[0]));
  mx_out_view(out[0], in[0], mx_strides_of(in[0]), out[0]->size ? offset : 0);
  return true;
}

/* Whether a window of this shape lies inside the whole, and each of its axes has a start. */
static bool window_fits(const dynamic_params *p, mx whole, const int *window, mx start) {
  for (int i = 0; i < whole->ndim; i++)
    if (window[i] > mx_shape_of(whole)[i]) return false;
  return (int)start->size == p->count;
}

static int window_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  const dynamic_params *p = MX_PARAMS(dynamic_params, node);
  if (!window_fits(p, in[0], p->sizes, in[1])) return mx_shapes_misfit(node, in);
  mx_copy_ints(shape, p->sizes, p->ndim);
  return p->ndim;
}

static mx_ints axes_of(const dynamic_params *p) { return (mx_ints){p->axes, p->count}; }
static mx_ints sizes_of(const dynamic_params *p) { return (mx_ints){p->sizes, p->ndim}; }

static bool vjp_dynamic_slice(const mx_node *node, const mx *primals, const mx *cotangents,
                              const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)outputs;
  if (mx_argument(argnums, count, 1) >= 0) {
    mx_fail("[DynamicSlice::vjp] Not supported for start indices.");
    return false;
  }
  vjps[0] = mx_slice_update_dynamic(mx_zeros_like(primals[0]), cotangents[0], primals[1],
                                    axes_of(MX_PARAMS(dynamic_params, node)));
  return vjps[0] != NULL;
}

static bool jvp_dynamic_slice(const mx_node *node, const mx *primals, const mx *tangents,
                              const int *argnums, int count, mx *jvps) {
  const dynamic_params *p = MX_PARAMS(dynamic_params, node);
  mx t = mx_tangent_of(primals, tangents, argnums, count, 0);
  return (jvps[0] = mx_slice_dynamic(t, primals[1], axes_of(p), sizes_of(p))) != NULL;
}

/* Index arrays [length] for batched starts, one an axis of the node's, held where the window stays
 * inside `whole` (whose own axes begin at `first`), and before them the slice's number. */
static bool batched_starts(const dynamic_params *p, mx start, int axis, mx whole, int first,
                           const int *window, mx *indices) {
  start = mx_astype(mx_batch_in_front(start, axis), MX_INT64);
  if (!start) return false;
  int length = mx_shape_of(start)[0];
  start = mx_reshape(start, MX_INTS(length, p->count));
  indices[0] = mx_arange(0, length, 1, MX_INT32);
  for (int i = 0; i < p->count; i++) {
    int room = mx_shape_of(whole)[first + p->axes[i]] - window[p->axes[i]];
    mx at = mx_squeeze(mx_slice_axis(start, 1, i, i + 1), MX_INTS(1));
    at = mx_clip(at, mx_scalar(0, MX_INT64), mx_scalar(room, MX_INT64));
    indices[i + 1] = mx_astype(at, MX_INT32);
  }
  return !mx_error();
}

/* With a start for each slice, a gather of windows. */
static bool vmap_starts(const mx_node *node, const mx *in, const int *axes, mx *out) {
  const dynamic_params *p = MX_PARAMS(dynamic_params, node);
  mx indices[MX_MAX_NDIM + 1], whole = mx_batch_in_front(in[0], axes[0]);
  int batched = axes[0] >= 0, gathered[MX_MAX_NDIM + 1] = {0}, sizes[MX_MAX_NDIM + 1] = {1};
  if (!whole || !batched_starts(p, in[1], axes[1], whole, batched, p->sizes, indices)) return false;
  for (int i = 0; i < p->count; i++) gathered[i + 1] = p->axes[i] + batched;
  mx_copy_ints(sizes + 1, p->sizes, p->ndim);
  int skip = !batched;
  mx windows = mx_gather(whole, indices + skip, p->count + batched,
                         (mx_ints){gathered + skip, p->count + batched},
                         (mx_ints){sizes + skip, whole->ndim});
  return (out[0] = batched ? mx_squeeze(windows, MX_INTS(1)) : windows) != NULL;
}

static bool vmap_dynamic_slice(const mx_node *node, const mx *in, const int *axes, mx *out,
                               int *out_axes) {
  const dynamic_params *p = MX_PARAMS(dynamic_params, node);
  out_axes[0] = 0;
  if (axes[1] >= 0) return vmap_starts(node, in, axes, out);
  mx whole = mx_batch_in_front(in[0], axes[0]);
  if (!whole) return false;
  int wider[MX_MAX_NDIM], sizes[MX_MAX_NDIM + 1] = {mx_shape_of(whole)[0]};
  for (int i = 0; i < p->count; i++) wider[i] = p->axes[i] + 1;
  mx_copy_ints(sizes + 1, p->sizes, p->ndim);
  out[0] =
      mx_slice_dynamic(whole, in[1], (mx_ints){wider, p->count}, (mx_ints){sizes, whole->ndim});
  return out[0] != NULL;
}

static const mx_primitive dynamic_slice = {.name = "DynamicSlice",
                                           .params_size = sizeof(dynamic_params),
                                           .eval = {eval_dynamic_slice},
                                           .vjp = vjp_dynamic_slice,
                                           .jvp = jvp_dynamic_slice,
                                           .vmap = vmap_dynamic_slice,
                                           .output_shape = window_shape};

mx mx_slice_dynamic(mx a, mx start, mx_ints axes, mx_ints slice_size) {
  dynamic_params p;
  if (!a || !start || check_dynamic("slice", a, start, axes, &p)) return NULL;
  if (slice_size.size != a->ndim)
    return mx_fail("[slice] Invalid slice size for array with %d dimensions.", a->ndim);
  for (int i = 0; i < a->ndim; i++)
    if (slice_size.data[i] < 0 || slice_size.data[i] > mx_shape_of(a)[i])
      return mx_fail("[slice] Invalid slice size %s for array with shape %s.",
                     mx_shape_text(slice_size.data, slice_size.size), mx_shape_text_of(a));
  p.ndim = a->ndim;
  mx_copy_ints(p.sizes, slice_size.data, a->ndim);
  return mx_make(&dynamic_slice, &p, ((mx_spec){a->dtype, a->ndim, slice_size.data}), a, start);
}

static bool eval_dynamic_update(const mx_node *node, const mx *in, const mx *out) {
  if (!mx_out_writable(out[0], in[0])) return false;
  int64_t offset =
      window_offset(MX_PARAMS(dynamic_params, node), out[0], in[2], mx_shape_of(in[1]));
  mx_write_window(out[0], offset, mx_strides_of(out[0]), in[1]);
  return true;
}

static bool vjp_dynamic_update(const mx_node *node, const mx *primals, const mx *cotangents,
                               const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)outputs;
  mx update = primals[1], start = primals[2];
  mx_ints axes = axes_of(MX_PARAMS(dynamic_params, node));
  for (int i = 0; i < count; i++) {
    if (argnums[i] == 0)
      vjps[i] = mx_slice_update_dynamic(cotangents[0], mx_zeros_like(update), start, axes);
    else if (argnums[i] == 1)
      vjps[i] = mx_slice_dynamic(cotangents[0], start, axes,
                                 (mx_ints){mx_shape_of(update), update->ndim});
    else
      vjps[i] = mx_fail("[DynamicSliceUpdate::vjp] Not supported for start indices");
    if (!vjps[i]) return false;
  }
  return true;
}

static bool jvp_dynamic_update(const mx_node *node, const mx *primals, const mx *tangents,
                               const int *argnums, int count, mx *jvps) {
  mx whole = mx_tangent_of(primals, tangents, argnums, count, 0);
  mx update = mx_tangent_of(primals, tangents, argnums, count, 1);
  mx_ints axes = axes_of(MX_PARAMS(dynamic_params, node));
  return (jvps[0] = mx_slice_update_dynamic(whole, update, primals[2], axes)) != NULL;
}

/* With a start for each slice, a scatter of windows. */
static bool vmap_dynamic_update(const mx_node *node, const mx *in, const int *axes, mx *out,
                                int *out_axes) {
  const dynamic_params *p = MX_PARAMS(dynamic_params, node);
  int length = mx_batch_length(in, axes, 3), wider[MX_MAX_NDIM + 1] = {0};
  mx whole = mx_batched(in[0], axes[0], length), update = mx_batched(in[1], axes[1], length);
  if (!whole || !update) return false;
  for (int i = 0; i < p->count; i++) wider[i + 1] = p->axes[i] + 1;
  out_axes[0] = 0;
  if (axes[2] < 0) {
    out[0] = mx_slice_update_dynamic(whole, update, in[2], (mx_ints){wider + 1, p->count});
    return out[0] != NULL;
  }
  mx indices[MX_MAX_NDIM + 1];
  if (!batched_starts(p, in[2], axes[2], whole, 1, mx_shape_of(update) + 1, indices)) return false;
  out[0] = mx_scatter(whole, indices, p->count + 1, mx_expand_dims(update, MX_INTS(1)),
                      (mx_ints){wider, p->count + 1});
  return out[0] != NULL;
}

static int dynamic_update_shape(const mx_node *node, const mx *in, int output, int *shape) {
  if (!window_fits(MX_PARAMS(dynamic_params, node), in[0], mx_shape_of(in[1]), in[2]))
    return mx_shapes_misfit(node, in);
  return mx_shape_of_first(node, in, output, shape);
}

static const mx_primitive dynamic_update = {.name = "DynamicSliceUpdate",
                                            .params_size = sizeof(dynamic_params),
                                            .eval = {eval_dynamic_update},
                                            .vjp = vjp_dynamic_update,
                                            .jvp = jvp_dynamic_update,
                                            .vmap = vmap_dynamic_update,
                                            .output_shape = dynamic_update_shape};

mx mx_slice_update_dynamic(mx a, mx update, mx start, mx_ints axes) {
  dynamic_params p;
  int shape[MX_MAX_NDIM];
  if (!a || !update || !start || check_dynamic("slice_update", a, start, axes, &p)) return NULL;
  int shift = a->ndim - update->ndim;
  if (shift < 0)
    return mx_fail("[slice_update] The update has %d dimensions, more than the array's %d.",
                   update->ndim, a->ndim);
  for (int i = 0; i < a->ndim; i++) {
    int whole = mx_shape_of(a)[i], part = i < shift ? whole : mx_shape_of(update)[i - shift];
    shape[i] = part < whole ? part : whole;
  }
  for (int i = 0; i < p.count; i++)
    if (p.axes[i] < shift) shape[p.axes[i]] = 1;
  update = mx_broadcast_to(mx_astype(update, a->dtype), (mx_ints){shape, a->ndim});
  return mx_make(&dynamic_update, &p, mx_spec_like(a, a->dtype), a, update, start);
}

/* ---- In MLX's files ---- */

static const mx_codec *visit_dynamic_slice(mx_state *s, const mx_codec *codec, void *params) {
  dynamic_params *p = params;
  mx_state_ints(s, p->axes, &p->count, MX_MAX_NDIM);
  mx_state_ints(s, p->sizes, &p->ndim, MX_MAX_NDIM);
  return codec;
}

static bool build_dynamic_slice(const mx_build *b) {
  return MX_BUILT(b, 2,
                  mx_slice_dynamic(b->in[0], b->in[1], axes_of(b->params), sizes_of(b->params)));
}

static const mx_codec *visit_dynamic_update(mx_state *s, const mx_codec *codec, void *params) {
  dynamic_params *p = params;
  mx_state_ints(s, p->axes, &p->count, MX_MAX_NDIM);
  return codec;
}

static bool build_dynamic_update(const mx_build *b) {
  return MX_BUILT(b, 3, mx_slice_update_dynamic(b->in[0], b->in[1], b->in[2], axes_of(b->params)));
}

#define CLASS(shown, it) \
  { .name = shown, .primitive = &it, .visit = visit_##it, .build = build_##it }
const mx_codec mx_dynamic_slice_codecs[] = {
    CLASS("DynamicSlice", dynamic_slice),
    CLASS("DynamicSliceUpdate", dynamic_update),
    {0},
};
