/* Slices, their updates (in place where the memory is given up), and splits. */
#include "drivers/copy.h"
#include "mlx/mx/cast.h"
#include "ops/codecs.h"
#include "ops/ops.h"

#include <string.h>

/* ---- Static slices ---- */

typedef struct {
  int start[MX_MAX_NDIM], stop[MX_MAX_NDIM], step[MX_MAX_NDIM];
} slice_params;

/* Python's slice rules: fills p and the slice's shape; 0, or -1 after mx_fail. Sets *whole where
 * the slice is all of `shape` in its own order. */
static int normalize(const char *op, mx a, mx_ints start, mx_ints stop, mx_ints strides,
                     slice_params *p, int *shape, bool *whole) {
  *p = (slice_params){{0}, {0}, {0}};
  *whole = true;
  if (start.size != a->ndim || stop.size != a->ndim ||
      (strides.size >= 0 && strides.size != a->ndim)) {
    mx_fail("[%s] Invalid number of indices or strides for array with dimension %d.", op, a->ndim);
    return -1;
  }
  for (int i = 0; i < a->ndim; i++) {
    int64_t n = mx_shape_of(a)[i], step = strides.size < 0 ? 1 : strides.data[i];
    int64_t s = start.data[i], e = stop.data[i];
    if (step == 0) {
      mx_fail("[%s] The stride of axis %d is zero.", op, i);
      return -1;
    }
    s += s < 0 ? n : 0;
    e += e < 0 ? n : 0;
    if (step < 0) {
      s = s > n - 1 ? n - 1 : s;
      e = e < -1 ? -1 : e;
      e = e > s ? s : e;
      shape[i] = (int)((s - e - step - 1) / -step);
      if (s < 0) shape[i] = 0; /* starts before the front */
    } else {
      s = s < 0 ? 0 : s > n ? n : s;
      e = e < s ? s : e > n ? n : e;
      shape[i] = (int)((e - s + step - 1) / step);
    }
    *whole &= step > 0 && shape[i] == n;
    p->start[i] = (int)s;
    p->stop[i] = (int)e;
    p->step[i] = shape[i] == 1 ? 1 : (int)step;
  }
  return 0;
}

/* The slice as a view of a's memory: its strides, and its first element. */
static int64_t slice_view(const slice_params *p, mx a, int64_t *strides) {
  int64_t offset = 0;
  for (int i = 0; i < a->ndim; i++) {
    offset += p->start[i] * mx_strides_of(a)[i];
    strides[i] = p->step[i] * mx_strides_of(a)[i];
  }
  return offset;
}

static bool eval_slice(const mx_node *node, const mx *in, const mx *out) {
  int64_t strides[MX_MAX_NDIM];
  int64_t offset = slice_view(MX_PARAMS(slice_params, node), in[0], strides);
  mx_out_view(out[0], in[0], strides, out[0]->size ? offset : 0);
  return true;
}

static const mx_primitive slice = {
    .name = "Slice", .params_size = sizeof(slice_params), .eval = {eval_slice}};

mx mx_slice(mx a, mx_ints start, mx_ints stop, mx_ints strides) {
  slice_params p;
  int shape[MX_MAX_NDIM];
  bool whole;
  if (!a || normalize("slice", a, start, stop, strides, &p, shape, &whole)) return NULL;
  if (whole) return mx_same(a);
  return mx_make(&slice, &p, ((mx_spec){a->dtype, a->ndim, shape}), a);
}

mx mx_slice_axis(mx a, int axis, int start, int stop) {
  if (!a) return NULL;
  int at = mx_check_axis("slice", axis, a->ndim);
  if (at < 0) return NULL;
  int from[MX_MAX_NDIM] = {0}, to[MX_MAX_NDIM];
  mx_copy_ints(to, mx_shape_of(a), a->ndim);
  from[at] = start;
  to[at] = stop;
  return mx_slice(a, (mx_ints){from, a->ndim}, (mx_ints){to, a->ndim}, MX_NO_INTS);
}

/* out becomes a copy of `in` that may be written to: in's own memory where it is given up. */
static bool writable_copy(mx out, mx in) {
  if (mx_is_donatable(in) && in->dense) {
    mx_out_share(out, in);
    return true;
  }
  if (!mx_out_alloc(out)) return false;
  mx_copy_row_major(out->data, in);
  return true;
}

static void write_window(mx out, int64_t offset, const int64_t *strides, mx update) {
  char *to = out->data + offset * (int64_t)mx_dtype_size(out->dtype);
  if (update->size)
    mx_copy_strided(to, out->dtype, strides, update->data, update->dtype, mx_strides_of(update),
                    mx_shape_of(update), update->ndim);
}

static bool eval_slice_update(const mx_node *node, const mx *in, const mx *out) {
  if (!writable_copy(out[0], in[0])) return false;
  int64_t strides[MX_MAX_NDIM];
  int64_t offset = slice_view(MX_PARAMS(slice_params, node), out[0], strides);
  write_window(out[0], offset, strides, in[1]);
  return true;
}

static const mx_primitive slice_update = {
    .name = "SliceUpdate", .params_size = sizeof(slice_params), .eval = {eval_slice_update}};

mx mx_slice_update(mx a, mx update, mx_ints start, mx_ints stop, mx_ints strides) {
  slice_params p;
  int shape[MX_MAX_NDIM];
  bool whole;
  if (!a || !update || normalize("slice_update", a, start, stop, strides, &p, shape, &whole))
    return NULL;
  update = mx_broadcast_to(mx_astype(update, a->dtype), (mx_ints){shape, a->ndim});
  if (whole) return update;
  return mx_make(&slice_update, &p, mx_spec_like(a, a->dtype), a, update);
}

/* ---- Slices that start where an array says ---- */

typedef struct {
  int count, axes[MX_MAX_NDIM];
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

static const mx_primitive dynamic_slice = {
    .name = "DynamicSlice", .params_size = sizeof(dynamic_params), .eval = {eval_dynamic_slice}};

mx mx_slice_dynamic(mx a, mx start, mx_ints axes, mx_ints slice_size) {
  dynamic_params p;
  if (!a || !start || check_dynamic("slice", a, start, axes, &p)) return NULL;
  if (slice_size.size != a->ndim)
    return mx_fail("[slice] Invalid slice size for array with %d dimensions.", a->ndim);
  for (int i = 0; i < a->ndim; i++)
    if (slice_size.data[i] < 0 || slice_size.data[i] > mx_shape_of(a)[i])
      return mx_fail("[slice] Invalid slice size %s for array with shape %s.",
                     mx_shape_text(slice_size.data, slice_size.size), mx_shape_text_of(a));
  return mx_make(&dynamic_slice, &p, ((mx_spec){a->dtype, a->ndim, slice_size.data}), a, start);
}

static bool eval_dynamic_update(const mx_node *node, const mx *in, const mx *out) {
  if (!writable_copy(out[0], in[0])) return false;
  int64_t offset =
      window_offset(MX_PARAMS(dynamic_params, node), out[0], in[2], mx_shape_of(in[1]));
  write_window(out[0], offset, mx_strides_of(out[0]), in[1]);
  return true;
}

static const mx_primitive dynamic_update = {.name = "DynamicSliceUpdate",
                                            .params_size = sizeof(dynamic_params),
                                            .eval = {eval_dynamic_update}};

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

/* ---- Split ---- */

bool mx_split_at(mx a, mx_ints indices, int axis, mx *out) {
  for (int i = 0; i <= indices.size; i++) out[i] = NULL;
  if (!a) return false;
  int at = mx_check_axis("split", axis, a->ndim);
  if (at < 0) return false;
  bool all = true;
  for (int i = 0; i <= indices.size; i++) {
    int start = i ? indices.data[i - 1] : 0;
    int stop = i < indices.size ? indices.data[i] : mx_shape_of(a)[at];
    out[i] = mx_slice_axis(a, at, start, stop);
    all &= out[i] != NULL;
  }
  return all;
}

bool mx_split(mx a, int parts, int axis, mx *out) {
  for (int i = 0; i < parts; i++) out[i] = NULL;
  if (!a) return false;
  int at = mx_check_axis("split", axis, a->ndim);
  if (at < 0) return false;
  int length = mx_shape_of(a)[at];
  if (parts < 1 || length % parts) {
    mx_fail(
        "[split] Array split does not result in sub arrays with equal size: attempting %d splits "
        "along axis %d for shape %s.",
        parts, axis, mx_shape_text_of(a));
    return false;
  }
  bool all = true;
  for (int i = 0; i < parts; i++) {
    out[i] = mx_slice_axis(a, at, i * (length / parts), (i + 1) * (length / parts));
    all &= out[i] != NULL;
  }
  return all;
}

/* ---- In MLX's files ---- */

/* The bounds are counted from the front; a stop of -1 lies before it. */
static const mx_codec *visit_slice(mx_state *s, const mx_codec *codec, void *params) {
  slice_params *p = params;
  int ndim = s->input_count ? s->inputs[0]->ndim : 0, count[3] = {ndim, ndim, ndim};
  mx_state_ints(s, p->start, &count[0], MX_MAX_NDIM);
  mx_state_ints(s, p->stop, &count[1], MX_MAX_NDIM);
  mx_state_ints(s, p->step, &count[2], MX_MAX_NDIM);
  if (count[0] != ndim || count[1] != ndim || count[2] != ndim) return NULL;
  for (int i = 0; i < ndim && s->mode == MX_STATE_READ; i++)
    if (p->step[i] < 0 && p->stop[i] < 0) p->stop[i] = -mx_shape_of(s->inputs[0])[i] - 1;
  return codec;
}

static bool build_slice(const mx_build *b) {
  const slice_params *p = b->params;
  int n = b->count ? b->in[0]->ndim : 0;
  return MX_BUILT(
      b, 1,
      mx_slice(b->in[0], (mx_ints){p->start, n}, (mx_ints){p->stop, n}, (mx_ints){p->step, n}));
}

static bool build_slice_update(const mx_build *b) {
  const slice_params *p = b->params;
  int n = b->count ? b->in[0]->ndim : 0;
  return MX_BUILT(b, 2,
                  mx_slice_update(b->in[0], b->in[1], (mx_ints){p->start, n}, (mx_ints){p->stop, n},
                                  (mx_ints){p->step, n}));
}

/* What is read: the axes, and the lengths of the slice. */
typedef struct {
  dynamic_params p;
  int ndim, lengths[MX_MAX_NDIM];
} dynamic_state;

static const mx_codec *visit_dynamic_slice(mx_state *s, const mx_codec *codec, void *params) {
  dynamic_state *d = params; /* writing, only its first part is there */
  int lengths[MX_MAX_NDIM], count = 0;
  mx_state_ints(s, d->p.axes, &d->p.count, MX_MAX_NDIM);
  if (s->mode == MX_STATE_WRITE)
    mx_copy_ints(lengths, mx_shape_of(s->output), count = s->output->ndim);
  mx_state_ints(s, lengths, &count, MX_MAX_NDIM);
  if (s->mode == MX_STATE_READ) mx_copy_ints(d->lengths, lengths, d->ndim = count);
  return codec;
}

static bool build_dynamic_slice(const mx_build *b) {
  const dynamic_state *d = b->params;
  return MX_BUILT(b, 2,
                  mx_slice_dynamic(b->in[0], b->in[1], (mx_ints){d->p.axes, d->p.count},
                                   (mx_ints){d->lengths, d->ndim}));
}

static const mx_codec *visit_dynamic_update(mx_state *s, const mx_codec *codec, void *params) {
  dynamic_params *p = params;
  mx_state_ints(s, p->axes, &p->count, MX_MAX_NDIM);
  return codec;
}

static bool build_dynamic_update(const mx_build *b) {
  const dynamic_params *p = b->params;
  return MX_BUILT(
      b, 3, mx_slice_update_dynamic(b->in[0], b->in[1], b->in[2], (mx_ints){p->axes, p->count}));
}

/* MLX cuts in one step what are slices here. */
enum { MX_MAX_CUTS = 1000 };
typedef struct {
  int count, indices[MX_MAX_CUTS], axis;
} split_state;

static const mx_codec *visit_split(mx_state *s, const mx_codec *codec, void *params) {
  split_state *p = params;
  mx_state_ints(s, p->indices, &p->count, MX_MAX_CUTS);
  mx_state_int(s, &p->axis);
  return codec;
}

static bool build_split(const mx_build *b) {
  const split_state *p = b->params;
  return b->count == 1 && b->outputs == p->count + 1 &&
         mx_split_at(b->in[0], (mx_ints){p->indices, p->count}, p->axis, b->out);
}

#define CLASS(shown, it, visitor) \
  { .name = shown, .primitive = &it, .visit = visitor, .build = build_##it }
const mx_codec mx_slice_codecs[] = {
    CLASS("Slice", slice, visit_slice),
    CLASS("SliceUpdate", slice_update, visit_slice),
    CLASS("DynamicSlice", dynamic_slice, visit_dynamic_slice),
    CLASS("DynamicSliceUpdate", dynamic_update, visit_dynamic_update),
    {.name = "Split", .visit = visit_split, .build = build_split},
    {0},
};
