/* Conversions of dtype and layout. The room's pattern for an operation: an eval function, one
 * table, a constructor. */
#include "mlx/mx/cast.h"
#include "base/alloc.h"
#include "drivers/copy.h"
#include "kernels/kernels.h"
#include "mlx/mx/create.h"
#include "ops/codecs.h"
#include "ops/rules.h"

#include <stdlib.h>

static void copy_into(mx out, mx in) {
  mx_copy_strided(out->data, out->dtype, mx_strides_of(out), in->data, in->dtype, mx_strides_of(in),
                  mx_shape_of(in), in->ndim);
}

/* ---- astype ---- */

static bool eval_astype(const mx_node *node, const mx *in, const mx *out) {
  (void)node;
  if (in[0]->dense ? !mx_out_alloc_like(out[0], in[0]) : !mx_out_alloc(out[0])) return false;
  copy_into(out[0], in[0]);
  return true;
}

static bool vjp_astype(const mx_node *node, const mx *primals, const mx *cotangents,
                       const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)node, (void)argnums, (void)count, (void)outputs;
  return (vjps[0] = mx_astype(cotangents[0], primals[0]->dtype)) != NULL;
}

static bool jvp_astype(const mx_node *node, const mx *primals, const mx *tangents,
                       const int *argnums, int count, mx *jvps) {
  (void)primals, (void)argnums, (void)count;
  return (jvps[0] = mx_astype(tangents[0], *MX_PARAMS(mx_dtype, node))) != NULL;
}

static bool vmap_astype(const mx_node *node, const mx *in, const int *axes, mx *out,
                        int *out_axes) {
  out_axes[0] = axes[0];
  return (out[0] = mx_astype(in[0], *MX_PARAMS(mx_dtype, node))) != NULL;
}

static void tile_astype(const mx_node *node, void *out, const void *const *in, const int64_t *steps,
                        int64_t n) {
  mx_dtype dtype = *MX_PARAMS(mx_dtype, node);
  mx_k->copy_cast(out, dtype, in[0], node->inputs[0]->dtype, steps[0] ? n : 1);
  if (!steps[0]) mx_k->copy_fill(out, out, n, (int)mx_dtype_size(dtype));
}

static const mx_primitive astype = {.name = "AsType",
                                    .tile = tile_astype,
                                    .step = {.kind = MX_STEP_CAST},
                                    .params_size = sizeof(mx_dtype),
                                    .eval = {eval_astype},
                                    .vjp = vjp_astype,
                                    .jvp = jvp_astype,
                                    .vmap = vmap_astype,
                                    .output_shape = mx_shape_of_first};

mx mx_astype(mx a, mx_dtype dtype) {
  if (!a) return NULL;
  if (a->dtype == dtype) return mx_same(a);
  return mx_make(&astype, &dtype, mx_spec_like(a, dtype), a);
}

/* ---- copy, depends, stop_gradient: the input's own memory ---- */

static bool eval_share(const mx_node *node, const mx *in, const mx *out) {
  for (int i = 0; i < node->output_count; i++) mx_out_share(out[i], in[i]);
  return true;
}

/* Outputs are the first inputs; the others pass nothing on. */
static bool vjp_share(const mx_node *node, const mx *primals, const mx *cotangents,
                      const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)outputs;
  for (int i = 0; i < count; i++)
    vjps[i] = argnums[i] < node->output_count ? cotangents[argnums[i]]
                                              : mx_zeros_like(primals[argnums[i]]);
  return !mx_error();
}

static bool jvp_share(const mx_node *node, const mx *primals, const mx *tangents,
                      const int *argnums, int count, mx *jvps) {
  for (int i = 0; i < count; i++)
    if (argnums[i] < node->output_count) jvps[argnums[i]] = tangents[i];
  for (int o = 0; o < node->output_count; o++)
    if (!jvps[o] && !(jvps[o] = mx_zeros_like(primals[o]))) return false;
  return true;
}

static bool vmap_share(const mx_node *node, const mx *in, const int *axes, mx *out, int *out_axes) {
  for (int o = 0; o < node->output_count; o++) {
    out[o] = in[o];
    out_axes[o] = axes[o];
  }
  return true;
}

static bool vmap_depends(const mx_node *node, const mx *in, const int *axes, mx *out,
                         int *out_axes) {
  int outputs = node->output_count;
  for (int o = 0; o < outputs; o++) out_axes[o] = axes[o];
  return mx_depends(in, outputs, in + outputs, node->input_count - outputs, out);
}

#define SHARING .eval = {eval_share}, .vjp = vjp_share, .jvp = jvp_share
static const mx_primitive copy = {.name = "Copy",
                                  .role = MX_ROLE_IDENTITY,
                                  SHARING,
                                  .vmap = vmap_share,
                                  .output_shape = mx_shape_of_first};
static const mx_primitive stop_gradient = {.name = "StopGradient",
                                           .stops_gradient = true,
                                           .role = MX_ROLE_IDENTITY,
                                           SHARING,
                                           .vmap = vmap_share,
                                           .output_shape = mx_shape_of_first};
static int shape_of_same(const mx_node *node, const mx *in, int output, int *shape) {
  return mx_shape_of_first(node, in + output, 0, shape);
}

static const mx_primitive depends = {
    .name = "Depends", SHARING, .vmap = vmap_depends, .output_shape = shape_of_same};

mx mx_copy(mx a) { return a ? mx_make(&copy, NULL, mx_spec_like(a, a->dtype), a) : NULL; }

mx mx_stop_gradient(mx a) {
  return a ? mx_make(&stop_gradient, NULL, mx_spec_like(a, a->dtype), a) : NULL;
}

bool mx_depends(const mx *arrays, int count, const mx *dependencies, int dependency_count,
                mx *out) {
  mx *inputs = mx_xmalloc((size_t)(count + dependency_count) * sizeof *inputs);
  mx_spec *specs = mx_xmalloc((size_t)count * sizeof *specs);
  bool all = true;
  for (int i = 0; i < count + dependency_count; i++) {
    inputs[i] = i < count ? arrays[i] : dependencies[i - count];
    all &= inputs[i] != NULL;
  }
  for (int i = 0; i < count; i++) {
    out[i] = NULL;
    if (all) specs[i] = mx_spec_like(arrays[i], arrays[i]->dtype);
  }
  all = all && count > 0 &&
        mx_make_nodes(&depends, NULL, specs, count, inputs, count + dependency_count, out);
  free(inputs);
  free(specs);
  return all || count == 0;
}

/* ---- contiguous ---- */

typedef struct {
  bool allow_col_major;
} contiguous_params;

static bool is_col_major(mx a) {
  int64_t step = 1;
  for (int i = 0; i < a->ndim; i++) {
    if (mx_shape_of(a)[i] != 1 && mx_strides_of(a)[i] != step) return false;
    step *= mx_shape_of(a)[i];
  }
  return true;
}

static bool eval_contiguous(const mx_node *node, const mx *in, const mx *out) {
  bool as_is = in[0]->row_contiguous ||
               (MX_PARAMS(contiguous_params, node)->allow_col_major && is_col_major(in[0]));
  if (as_is)
    mx_out_share(out[0], in[0]);
  else if (!mx_out_alloc(out[0]))
    return false;
  else
    copy_into(out[0], in[0]);
  return true;
}

static bool vjp_contiguous(const mx_node *node, const mx *primals, const mx *cotangents,
                           const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)node, (void)primals, (void)argnums, (void)count, (void)outputs;
  return (vjps[0] = cotangents[0]) != NULL;
}

MX_LINEAR_JVP(jvp_contiguous, t)

static bool vmap_contiguous(const mx_node *node, const mx *in, const int *axes, mx *out,
                            int *out_axes) {
  bool any = MX_PARAMS(contiguous_params, node)->allow_col_major;
  out_axes[0] = axes[0];
  return (out[0] = mx_contiguous(in[0], .allow_col_major = any)) != NULL;
}

static const mx_primitive contiguous = {.name = "Contiguous",
                                        .params_size = sizeof(contiguous_params),
                                        .eval = {eval_contiguous},
                                        .vjp = vjp_contiguous,
                                        .jvp = jvp_contiguous,
                                        .vmap = vmap_contiguous,
                                        .output_shape = mx_shape_of_first};

mx mx_contiguous_with(mx a, mx_contiguous_args args) {
  if (!a) return NULL;
  contiguous_params p = {args.allow_col_major};
  return mx_make(&contiguous, &p, mx_spec_like(a, a->dtype), a);
}

/* ---- view ---- */

/* Of one element size, any layout will do; else the last axis must be row-major in itself, and the
 * other strides are counted in new elements. */
static bool eval_view(const mx_node *node, const mx *in, const mx *out) {
  (void)node;
  int64_t strides[MX_MAX_NDIM], from = (int64_t)mx_dtype_size(in[0]->dtype),
                                to = (int64_t)mx_dtype_size(out[0]->dtype);
  int last = in[0]->ndim - 1;
  bool fits = from == to || (last >= 0 && mx_strides_of(in[0])[last] == 1);
  for (int i = 0; fits && i < last && from != to; i++)
    fits = mx_strides_of(in[0])[i] * from % to == 0;
  fits = fits && (uintptr_t)in[0]->data % (uintptr_t)(to < 8 ? to : 8) == 0;
  if (!fits) {
    mx_buffer *dense = mx_buffer_new(in[0]->size * (size_t)from);
    if (!dense) return false;
    mx_copy_row_major(dense->data, in[0]);
    mx_out_adopt(out[0], dense, 0);
    return true;
  }
  for (int i = 0; i < in[0]->ndim; i++)
    strides[i] = i == last && from != to ? 1 : mx_strides_of(in[0])[i] * from / to;
  mx_out_view(out[0], in[0], strides, 0);
  return true;
}

/* The shape under the other dtype; -1 after mx_fail. */
static int viewed_shape(mx a, mx_dtype dtype, int *shape) {
  int from = (int)mx_dtype_size(a->dtype), to = (int)mx_dtype_size(dtype);
  if (a->ndim == 0 && from != to) {
    mx_fail("[view] Changing the type of a scalar is only allowed for types with the same size.");
    return -1;
  }
  mx_copy_ints(shape, mx_shape_of(a), a->ndim);
  int *last = shape + a->ndim - 1;
  if (from < to && *last % (to / from)) {
    mx_fail("[view] When viewing as a larger dtype, the size in bytes of the last axis must be a "
            "multiple of the requested type size.");
    return -1;
  }
  if (from < to) *last /= to / from;
  if (from > to) *last *= from / to;
  return a->ndim;
}

static int view_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  return viewed_shape(in[0], *MX_PARAMS(mx_dtype, node), shape);
}

/* The last axis, whose length may change, must stay the last. */
static bool vmap_view(const mx_node *node, const mx *in, const int *axes, mx *out, int *out_axes) {
  bool last = axes[0] == in[0]->ndim - 1 && in[0]->ndim > 1;
  out_axes[0] = last ? 0 : axes[0];
  mx a = last ? mx_batch_in_front(in[0], axes[0]) : in[0];
  return (out[0] = mx_view(a, *MX_PARAMS(mx_dtype, node))) != NULL;
}

/* Bits have no derivative. */
static const mx_primitive view = {.name = "View",
                                  .params_size = sizeof(mx_dtype),
                                  .eval = {eval_view},
                                  .vmap = vmap_view,
                                  .output_shape = view_shape};

mx mx_view(mx a, mx_dtype dtype) {
  if (!a || a->dtype == dtype) return a ? mx_same(a) : NULL;
  if (!mx_dtype_size(dtype)) return mx_fail("[view] Invalid dtype %d", (int)dtype);
  int shape[MX_MAX_NDIM], ndim = viewed_shape(a, dtype, shape);
  return ndim < 0 ? NULL : mx_make(&view, &dtype, ((mx_spec){dtype, ndim, shape}), a);
}

/* ---- In MLX's files ---- */

static const mx_codec *visit_dtype(mx_state *s, const mx_codec *codec, void *params) {
  mx_dtype dtype = s->mode == MX_STATE_WRITE ? s->output->dtype : MX_BOOL;
  mx_state_dtype(s, &dtype);
  if (s->mode == MX_STATE_READ) *(mx_dtype *)params = dtype;
  return codec;
}

static bool build_astype(const mx_build *b) {
  return MX_BUILT(b, 1, mx_astype(b->in[0], *(const mx_dtype *)b->params));
}

static bool build_view(const mx_build *b) {
  return MX_BUILT(b, 1, mx_view(b->in[0], *(const mx_dtype *)b->params));
}

static bool build_depends(const mx_build *b) {
  return b->outputs <= b->count &&
         mx_depends(b->in, b->outputs, b->in + b->outputs, b->count - b->outputs, b->out);
}

const mx_codec mx_cast_codecs[] = {
    {.name = "AsType", .primitive = &astype, .visit = visit_dtype, .build = build_astype},
    {.name = "Copy", .primitive = &copy, .unary = mx_copy},
    {.name = "Depends", .primitive = &depends, .build = build_depends},
    {.name = "StopGradient", .primitive = &stop_gradient, .unary = mx_stop_gradient},
    {.name = "View", .primitive = &view, .visit = visit_dtype, .build = build_view},
    {0},
};
