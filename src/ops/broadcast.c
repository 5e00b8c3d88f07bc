/* Broadcasts: views that repeat elements. While a function is traced for any shape, a broadcast
 * against other arrays keeps them as inputs, so that its shape follows from theirs. */
#include "base/alloc.h"
#include "mlx/mx/cast.h"
#include "mlx/mx/reduce.h"
#include "ops/codecs.h"
#include "ops/rules.h"

#include <stdlib.h>
#include <string.h>

/* ---- What both primitives share: the first input is repeated ---- */

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

/* The sum of the cotangents of an element's repetitions. */
static mx gathered(mx primal, mx cotangent) {
  int shift = cotangent->ndim - primal->ndim, axes[MX_MAX_NDIM], count = shift;
  for (int i = 0; i < shift; i++) axes[i] = i;
  for (int i = shift; i < cotangent->ndim; i++)
    if (mx_shape_of(primal)[i - shift] != mx_shape_of(cotangent)[i]) axes[count++] = i;
  if (!count) return cotangent;
  mx sum = mx_sum(cotangent, .axes = {axes, count}, .keepdims = true);
  return mx_squeeze(mx_astype(sum, cotangent->dtype), (mx_ints){axes, shift});
}

static bool vjp_broadcast(const mx_node *node, const mx *primals, const mx *cotangents,
                          const int *argnums, int count, const mx *outputs, mx *vjps) {
  for (int i = 0; i < count; i++) {
    if (argnums[i])
      mx_vjp_zeros(node, primals, cotangents, argnums + i, 1, outputs, vjps + i);
    else
      vjps[i] = gathered(primals[0], cotangents[0]);
    if (!vjps[i]) return false;
  }
  return true;
}

/* The node's operation with another array in the first place, on the same others. */
static mx broadcast_again(const mx_node *node, mx a) {
  int shape[MX_MAX_NDIM];
  if (!a) return NULL;
  mx *in = mx_xmalloc((size_t)node->input_count * sizeof *in), out = NULL;
  memcpy(in, node->inputs, (size_t)node->input_count * sizeof *in);
  in[0] = a;
  int ndim = node->primitive->output_shape(node, in, 0, shape);
  if (ndim >= 0)
    out = mx_make_node(node->primitive, node->params, (mx_spec){a->dtype, ndim, shape}, in,
                       node->input_count);
  free(in);
  return out;
}

MX_LINEAR_JVP(jvp_broadcast, broadcast_again(node, t))

int mx_broadcast_shapes(const int *a, int a_ndim, const int *b, int b_ndim, int *shape) {
  const int *big = a_ndim >= b_ndim ? a : b, *small = big == a ? b : a;
  int ndim = big == a ? a_ndim : b_ndim, shift = big == a ? a_ndim - b_ndim : b_ndim - a_ndim;
  int both[MX_MAX_NDIM];
  for (int i = 0; i < ndim; i++) {
    int n = big[i], m = i < shift ? 1 : small[i - shift];
    if (n != m && n != 1 && m != 1) {
      mx_fail("[broadcast_shapes] Shapes %s and %s cannot be broadcast.", mx_shape_text(a, a_ndim),
              mx_shape_text(b, b_ndim));
      return -1;
    }
    both[i] = n == 1 ? m : n;
  }
  mx_copy_ints(shape, both, ndim);
  return ndim;
}

/* ---- Broadcast: to a shape ---- */

typedef struct {
  int ndim, shape[MX_MAX_NDIM];
} broadcast_params;

static bool broadcast_shapes(const mx *in, int count, int *shape, int *ndim) {
  *ndim = in[0]->ndim;
  mx_copy_ints(shape, mx_shape_of(in[0]), *ndim);
  for (int i = 1; i < count; i++)
    if ((*ndim = mx_broadcast_shapes(shape, *ndim, mx_shape_of(in[i]), in[i]->ndim, shape)) < 0)
      return false;
  return true;
}

static int broadcast_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  const broadcast_params *p = MX_PARAMS(broadcast_params, node);
  int ndim;
  if (node->input_count > 1)
    return broadcast_shapes(in, node->input_count, shape, &ndim) ? ndim : -1;
  ndim = mx_broadcast_shapes(mx_shape_of(in[0]), in[0]->ndim, p->shape, p->ndim, shape);
  if (ndim == p->ndim && mx_same_shape(shape, p->shape, ndim)) return ndim;
  if (ndim >= 0) mx_fail("[Broadcast] Unable to infer broadcast shape");
  return -1;
}

static bool vmap_broadcast(const mx_node *node, const mx *in, const int *axes, mx *out,
                           int *out_axes);

static const mx_primitive broadcast = {.name = "Broadcast",
                                       .role = MX_ROLE_BROADCAST,
                                       .params_size = sizeof(broadcast_params),
                                       .eval = {eval_broadcast},
                                       .vjp = vjp_broadcast,
                                       .jvp = jvp_broadcast,
                                       .vmap = vmap_broadcast,
                                       .output_shape = broadcast_shape};

static mx make_broadcast(const mx *in, int count, mx_ints shape) {
  broadcast_params p = {.ndim = shape.size};
  mx_copy_ints(p.shape, shape.data, shape.size);
  return mx_make_node(&broadcast, &p, (mx_spec){in[0]->dtype, shape.size, shape.data}, in, count);
}

static bool vmap_broadcast_against(const mx_node *node, const mx *in, const int *axes, mx *out,
                                   int *out_axes) {
  int shape[MX_MAX_NDIM], ndim, count = node->input_count;
  mx *aligned = mx_xmalloc((size_t)count * sizeof *aligned);
  out_axes[0] = mx_align_batches(in, axes, count, aligned);
  if (out_axes[0] >= 0 && broadcast_shapes(aligned, count, shape, &ndim))
    out[0] = make_broadcast(aligned, count, (mx_ints){shape, ndim});
  free(aligned);
  return out[0] != NULL;
}

static bool vmap_broadcast(const mx_node *node, const mx *in, const int *axes, mx *out,
                           int *out_axes) {
  const broadcast_params *p = MX_PARAMS(broadcast_params, node);
  if (node->input_count > 1) return vmap_broadcast_against(node, in, axes, out, out_axes);
  int shape[MX_MAX_NDIM + 1];
  int at = axes[0] + p->ndim + 1 - in[0]->ndim;
  for (int i = 0; i <= p->ndim; i++) shape[i] = i == at ? 0 : p->shape[i - (i > at)];
  shape[at] = mx_shape_of(in[0])[axes[0]];
  out_axes[0] = at;
  return (out[0] = mx_broadcast_to(in[0], (mx_ints){shape, p->ndim + 1})) != NULL;
}

mx mx_broadcast_to(mx a, mx_ints shape) {
  if (!a) return NULL;
  if (a->ndim == shape.size && mx_same_shape(mx_shape_of(a), shape.data, a->ndim))
    return mx_same(a);
  int shift = shape.size - a->ndim;
  bool fits = shift >= 0 && shape.size <= MX_MAX_NDIM;
  for (int i = 0; fits && i < a->ndim; i++)
    fits = mx_shape_of(a)[i] == shape.data[i + shift] || mx_shape_of(a)[i] == 1;
  if (!fits)
    return mx_fail("Cannot broadcast array of shape %s into shape %s.", mx_shape_text_of(a),
                   mx_shape_text(shape.data, shape.size));
  return make_broadcast(&a, 1, shape);
}

/* ---- Against each other ---- */

/* arrays[at] broadcast to the shape; while traced for any shape, by a node that has the others as
 * inputs behind it. */
static mx broadcast_one(const mx *arrays, int count, int at, mx_ints shape,
                        mx (*make)(const mx *in, int count, mx_ints shape, const void *params),
                        const void *params) {
  mx a = arrays[at];
  if (!a) return NULL;
  if (a->ndim == shape.size && mx_same_shape(mx_shape_of(a), shape.data, a->ndim))
    return mx_same(a);
  if (!mx_tracing_any_shape) return mx_broadcast_to(a, shape);
  mx *in = mx_xmalloc((size_t)count * sizeof *in), out = NULL;
  int n = 0;
  in[n++] = a;
  for (int i = 0; i < count; i++)
    if (i != at) in[n++] = mx_stop_gradient(arrays[i]);
  out = make(in, n, shape, params);
  free(in);
  return out;
}

static mx against(const mx *in, int count, mx_ints shape, const void *params) {
  (void)params;
  return make_broadcast(in, count, shape);
}

bool mx_broadcast_arrays(const mx *arrays, int count, mx *out) {
  int shape[MX_MAX_NDIM], ndim = -1;
  bool all = true;
  for (int i = 0; i < count; i++) all &= arrays[i] != NULL;
  all = all && (count < 1 || broadcast_shapes(arrays, count, shape, &ndim));
  mx *from = mx_xmalloc(((size_t)count + 1) * sizeof *from);
  if (count > 0) memcpy(from, arrays, (size_t)count * sizeof *from);
  for (int i = 0; i < count; i++) {
    out[i] = ndim < 0 ? NULL : broadcast_one(from, count, i, (mx_ints){shape, ndim}, against, NULL);
    all &= out[i] != NULL;
  }
  free(from);
  return all;
}

int mx_broadcast_shape(mx a, mx b, int *shape) {
  if (!a || !b) return -1;
  return mx_broadcast_shapes(mx_shape_of(a), a->ndim, mx_shape_of(b), b->ndim, shape);
}

bool mx_broadcast_pair(mx *a, mx *b) {
  mx both[2] = {*a, *b};
  if (*a && *b && (*a)->ndim == (*b)->ndim &&
      mx_same_shape(mx_shape_of(*a), mx_shape_of(*b), (*a)->ndim))
    return true;
  bool good = mx_broadcast_arrays(both, 2, both);
  *a = both[0];
  *b = both[1];
  return good;
}

/* ---- BroadcastAxes: against each other, but for some axes ---- */

/* Counted from the end, ascending. */
typedef struct {
  int count, axes[MX_MAX_NDIM];
} but_params;

/* The shape of inputs[0]; -1 after mx_fail. */
static int but_shape(const but_params *p, const mx *in, int count, int *shape) {
  int ndim = 0, own[MX_MAX_NDIM], first[MX_MAX_NDIM];
  for (int i = 0; i < count; i++) {
    int n = 0, next = 0;
    for (int k = 0; k < in[i]->ndim; k++) {
      bool ignored = next < p->count && k == in[i]->ndim + p->axes[next];
      if (ignored && i == 0) first[next] = mx_shape_of(in[i])[k];
      if (ignored)
        next++;
      else
        own[n++] = mx_shape_of(in[i])[k];
    }
    if (next < p->count) {
      mx_fail("[broadcast_arrays] Received invalid axes to ignore.");
      return -1;
    }
    ndim = mx_broadcast_shapes(shape, ndim, own, n, shape);
    if (ndim < 0) return -1;
  }
  int total = ndim + p->count, from = ndim, next = p->count;
  for (int k = total - 1; k >= 0; k--) {
    bool ignored = next > 0 && k == total + p->axes[next - 1];
    shape[k] = ignored ? first[--next] : shape[--from];
  }
  return total;
}

static int broadcast_axes_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  return but_shape(MX_PARAMS(but_params, node), in, node->input_count, shape);
}

static bool vmap_broadcast_axes(const mx_node *node, const mx *in, const int *axes, mx *out,
                                int *out_axes);

static const mx_primitive broadcast_axes = {.name = "BroadcastAxes",
                                            .params_size = sizeof(but_params),
                                            .eval = {eval_broadcast},
                                            .vjp = vjp_broadcast,
                                            .jvp = jvp_broadcast,
                                            .vmap = vmap_broadcast_axes,
                                            .output_shape = broadcast_axes_shape};

static mx make_but(const mx *in, int count, mx_ints shape, const void *params) {
  return mx_make_node(&broadcast_axes, params, (mx_spec){in[0]->dtype, shape.size, shape.data}, in,
                      count);
}

/* The batch axis counts among those that are broadcast; ignored axes before it move away from the
 * end. */
static bool vmap_broadcast_axes(const mx_node *node, const mx *in, const int *axes, mx *out,
                                int *out_axes) {
  but_params p = *MX_PARAMS(but_params, node);
  int shape[MX_MAX_NDIM], count = node->input_count;
  mx *aligned = mx_xmalloc((size_t)count * sizeof *aligned);
  out_axes[0] = mx_align_batches(in, axes, count, aligned);
  if (out_axes[0] >= 0) {
    int slice = aligned[0]->ndim - 1;
    for (int i = 0; i < p.count; i++) p.axes[i] -= slice + p.axes[i] < out_axes[0];
    int ndim = but_shape(&p, aligned, count, shape);
    if (ndim >= 0) out[0] = make_but(aligned, count, (mx_ints){shape, ndim}, &p);
  }
  free(aligned);
  return out[0] != NULL;
}

bool mx_broadcast_but(mx *arrays, int count, mx_ints ignored) {
  but_params p = {.count = ignored.size};
  mx_copy_ints(p.axes, ignored.data, ignored.size);
  mx *from = mx_xmalloc(((size_t)count + 1) * sizeof *from);
  bool all = true;
  for (int i = 0; i < count; i++) all &= (from[i] = arrays[i]) != NULL;
  for (int i = 0; i < count && all; i++) {
    int shape[MX_MAX_NDIM];
    mx turn[2] = {from[0], from[i]};
    from[0] = turn[1];
    from[i] = turn[0];
    int ndim = but_shape(&p, from, count, shape);
    from[0] = turn[0];
    from[i] = turn[1];
    arrays[i] =
        ndim < 0 ? NULL : broadcast_one(from, count, i, (mx_ints){shape, ndim}, make_but, &p);
    all = arrays[i] != NULL;
  }
  free(from);
  return all;
}

/* ---- In MLX's files ---- */

static const mx_codec *visit_broadcast(mx_state *s, const mx_codec *codec, void *params) {
  broadcast_params *p = params;
  mx_state_ints(s, p->shape, &p->ndim, MX_MAX_NDIM);
  return codec;
}

static bool build_broadcast(const mx_build *b) {
  const broadcast_params *p = b->params;
  if (b->count == 1) return MX_BUILT(b, 1, mx_broadcast_to(b->in[0], (mx_ints){p->shape, p->ndim}));
  int shape[MX_MAX_NDIM], ndim;
  return b->count > 1 && broadcast_shapes(b->in, b->count, shape, &ndim) &&
         MX_BUILT(b, b->count, make_broadcast(b->in, b->count, (mx_ints){shape, ndim}));
}

static const mx_codec *visit_but(mx_state *s, const mx_codec *codec, void *params) {
  but_params *p = params;
  mx_state_ints(s, p->axes, &p->count, MX_MAX_NDIM);
  for (int i = 0; i < p->count; i++)
    if (p->axes[i] >= 0 || p->axes[i] < -MX_MAX_NDIM || (i && p->axes[i] <= p->axes[i - 1]))
      return NULL;
  return codec;
}

static bool build_but(const mx_build *b) {
  int shape[MX_MAX_NDIM], ndim = b->count ? but_shape(b->params, b->in, b->count, shape) : -1;
  return ndim >= 0 &&
         MX_BUILT(b, b->count, make_but(b->in, b->count, (mx_ints){shape, ndim}, b->params));
}

const mx_codec mx_broadcast_codecs[] = {
    {.name = "Broadcast",
     .primitive = &broadcast,
     .visit = visit_broadcast,
     .build = build_broadcast},
    {.name = "BroadcastAxes", .primitive = &broadcast_axes, .visit = visit_but, .build = build_but},
    {0},
};
