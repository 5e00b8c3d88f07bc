/* Slices and their updates (in place where the memory is given up). */
#include "drivers/copy.h"
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "ops/codecs.h"
#include "ops/rules.h"
#include "ops/slice.h"

#include <string.h>

/* ---- Static slices ---- */

/* start counts from the front, stop as it was asked for: slicing with them again is the same. */
typedef struct {
  int ndim, start[MX_MAX_NDIM], stop[MX_MAX_NDIM], step[MX_MAX_NDIM];
} slice_params;

/* Python's slice rules: fills p and the slice's shape; 0, or -1 after mx_fail. Sets *whole where
 * the slice is all of `shape` in its own order. */
static int normalize(const char *op, mx a, mx_ints start, mx_ints stop, mx_ints strides,
                     slice_params *p, int *shape, bool *whole) {
  *p = (slice_params){.ndim = a->ndim};
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
    } else {
      s = s < 0 ? 0 : s > n ? n : s;
      e = e < s ? s : e > n ? n : e;
      shape[i] = (int)((e - s + step - 1) / step);
    }
    *whole &= step > 0 && shape[i] == n;
    bool before = s < 0; /* starts before the front */
    if (before) shape[i] = 0;
    p->start[i] = before ? 0 : (int)s;
    p->stop[i] = before ? 0 : stop.data[i];
    p->step[i] = shape[i] == 1 ? 1 : (int)step;
    if (shape[i] == 1) p->stop[i] = (int)s + 1;
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

/* The node's slice (or update) of arrays whose axis `batch` is new, and whole (-1: none is). */
static slice_params beside(const mx_node *node, int batch, int length) {
  const slice_params *from = MX_PARAMS(slice_params, node);
  slice_params p = {.ndim = from->ndim + (batch >= 0)};
  for (int i = 0, k = 0; i < p.ndim; i++) {
    bool own = i != batch;
    p.start[i] = own ? from->start[k] : 0;
    p.stop[i] = own ? from->stop[k] : length;
    p.step[i] = own ? from->step[k] : 1;
    k += own;
  }
  return p;
}

static mx slice_by(const slice_params *p, mx a) {
  return mx_slice(a, (mx_ints){p->start, p->ndim}, (mx_ints){p->stop, p->ndim},
                  (mx_ints){p->step, p->ndim});
}

static mx update_by(const slice_params *p, mx a, mx update) {
  return mx_slice_update(a, update, (mx_ints){p->start, p->ndim}, (mx_ints){p->stop, p->ndim},
                         (mx_ints){p->step, p->ndim});
}

static bool vjp_slice(const mx_node *node, const mx *primals, const mx *cotangents,
                      const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)argnums, (void)count, (void)outputs;
  const slice_params *p = MX_PARAMS(slice_params, node);
  return (vjps[0] = update_by(p, mx_zeros_like(primals[0]), cotangents[0])) != NULL;
}

MX_LINEAR_JVP(jvp_slice, slice_by(MX_PARAMS(slice_params, node), t))

static bool vmap_slice(const mx_node *node, const mx *in, const int *axes, mx *out, int *out_axes) {
  slice_params p = beside(node, axes[0], mx_shape_of(in[0])[axes[0]]);
  out_axes[0] = axes[0];
  return (out[0] = slice_by(&p, in[0])) != NULL;
}

static const mx_primitive slice = {.name = "Slice",
                                   .params_size = sizeof(slice_params),
                                   .eval = {eval_slice},
                                   .vjp = vjp_slice,
                                   .jvp = jvp_slice,
                                   .vmap = vmap_slice,
                                   .output_shape = mx_shape_not_inferred};

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

bool mx_out_writable(mx out, mx in) {
  if (mx_is_donatable(in) && in->dense) {
    mx_out_share(out, in);
    return true;
  }
  if (!mx_out_alloc(out)) return false;
  mx_copy_row_major(out->data, in);
  return true;
}

void mx_write_window(mx out, int64_t offset, const int64_t *strides, mx update) {
  char *to = out->data + offset * (int64_t)mx_dtype_size(out->dtype);
  if (update->size)
    mx_copy_strided(to, out->dtype, strides, update->data, update->dtype, mx_strides_of(update),
                    mx_shape_of(update), update->ndim);
}

static bool eval_slice_update(const mx_node *node, const mx *in, const mx *out) {
  if (!mx_out_writable(out[0], in[0])) return false;
  int64_t strides[MX_MAX_NDIM];
  int64_t offset = slice_view(MX_PARAMS(slice_params, node), out[0], strides);
  mx_write_window(out[0], offset, strides, in[1]);
  return true;
}

static bool vjp_slice_update(const mx_node *node, const mx *primals, const mx *cotangents,
                             const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)outputs;
  const slice_params *p = MX_PARAMS(slice_params, node);
  for (int i = 0; i < count; i++) {
    vjps[i] = argnums[i] ? slice_by(p, cotangents[0])
                         : update_by(p, cotangents[0], mx_zeros_like(primals[1]));
    if (!vjps[i]) return false;
  }
  return true;
}

static bool jvp_slice_update(const mx_node *node, const mx *primals, const mx *tangents,
                             const int *argnums, int count, mx *jvps) {
  mx whole = mx_tangent_of(primals, tangents, argnums, count, 0);
  mx update = mx_tangent_of(primals, tangents, argnums, count, 1);
  return (jvps[0] = update_by(MX_PARAMS(slice_params, node), whole, update)) != NULL;
}

static bool vmap_slice_update(const mx_node *node, const mx *in, const int *axes, mx *out,
                              int *out_axes) {
  int length = mx_batch_length(in, axes, 2);
  slice_params p = beside(node, 0, length);
  mx whole = mx_batched(in[0], axes[0], length), update = mx_batched(in[1], axes[1], length);
  out_axes[0] = 0;
  return (out[0] = update_by(&p, whole, update)) != NULL;
}

/* The update has the shape of what is sliced. */
static int slice_update_shape(const mx_node *node, const mx *in, int output, int *shape) {
  const slice_params *p = MX_PARAMS(slice_params, node);
  for (int i = 0; i < p->ndim; i++) {
    int length = mx_shape_of(in[1])[i];
    int64_t last = p->start[i] + (int64_t)(length - 1) * p->step[i];
    if (length &&
        (p->start[i] >= mx_shape_of(in[0])[i] || last < 0 || last >= mx_shape_of(in[0])[i]))
      return mx_shapes_misfit(node, in);
  }
  return mx_shape_of_first(node, in, output, shape);
}

static const mx_primitive slice_update = {.name = "SliceUpdate",
                                          .params_size = sizeof(slice_params),
                                          .eval = {eval_slice_update},
                                          .vjp = vjp_slice_update,
                                          .jvp = jvp_slice_update,
                                          .vmap = vmap_slice_update,
                                          .output_shape = slice_update_shape};

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

/* ---- In MLX's files ---- */

static const mx_codec *visit_slice(mx_state *s, const mx_codec *codec, void *params) {
  slice_params *p = params;
  int stops = p->ndim, steps = p->ndim;
  mx_state_ints(s, p->start, &p->ndim, MX_MAX_NDIM);
  mx_state_ints(s, p->stop, &stops, MX_MAX_NDIM);
  mx_state_ints(s, p->step, &steps, MX_MAX_NDIM);
  return stops == p->ndim && steps == p->ndim ? codec : NULL;
}

static bool build_slice(const mx_build *b) { return MX_BUILT(b, 1, slice_by(b->params, b->in[0])); }

static bool build_slice_update(const mx_build *b) {
  return MX_BUILT(b, 2, update_by(b->params, b->in[0], b->in[1]));
}

#define CLASS(shown, it) \
  { .name = shown, .primitive = &it, .visit = visit_slice, .build = build_##it }
const mx_codec mx_slice_codecs[] = {
    CLASS("Slice", slice),
    CLASS("SliceUpdate", slice_update),
    {0},
};
