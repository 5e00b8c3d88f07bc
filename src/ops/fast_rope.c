/* Rotary position embedding. */
#include "drivers/rope.h"
#include "drivers/copy.h"
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "mlx/mx/elementwise.h"
#include "mlx/mx/fast.h"
#include "ops/codecs.h"
#include "ops/rules.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
  int dims;
  bool traditional, forward; /* forward: else turned back */
  float base, scale;
} rope_params;

/* The inputs; frequencies are there or not. */
enum { X, OFFSET, FREQS };

/* x as [batch, heads, tokens, features], whatever the number of its middle axes; false where its
 * strides cannot say that, or its features are not side by side. */
static bool four_axes(mx x, int64_t *shape, int64_t *strides) {
  const int *s = mx_shape_of(x);
  const int64_t *t = mx_strides_of(x);
  int n = x->ndim;
  shape[0] = s[0], shape[1] = 1, shape[2] = s[n - 2], shape[3] = s[n - 1];
  strides[0] = t[0], strides[1] = 0, strides[2] = t[n - 2], strides[3] = t[n - 1];
  for (int i = n - 3; i > 0; i--) {
    if (s[i] == 1) continue;
    if (shape[1] == 1)
      strides[1] = t[i];
    else if (t[i] != strides[1] * shape[1])
      return false;
    shape[1] *= s[i];
  }
  return shape[3] == 1 || strides[3] == 1;
}

static bool eval_rope(const mx_node *node, const mx *in, const mx *out) {
  const rope_params *p = MX_PARAMS(rope_params, node);
  mx_rope rope = {.dtype = in[0]->dtype,
                  .dims = p->dims,
                  .traditional = p->traditional,
                  .forward = p->forward,
                  .base = p->base,
                  .scale = p->scale};
  mx x = in[0];
  if (!four_axes(x, rope.shape, rope.strides)) {
    if (!(x = mx_row_major_copy(x))) return false;
    four_axes(x, rope.shape, rope.strides);
  }
  if (!mx_out_donate(out[0], in[0]) && !mx_out_alloc(out[0])) return false;
  size_t count = in[1]->size;
  float few[16], *offsets = count <= 16 ? few : malloc(count * sizeof *offsets);
  if (!offsets) {
    mx_fail("[rope] no memory for %zu offsets", count);
    return false;
  }
  int64_t one = 1;
  int length = (int)count;
  const int64_t *step = in[1]->ndim ? mx_strides_of(in[1]) : &one;
  mx_copy_strided(offsets, MX_FLOAT32, &one, in[1]->data, in[1]->dtype, step, &length, 1);
  rope.x = x->data;
  rope.out = out[0]->data;
  rope.offsets = offsets;
  rope.offset_count = (int64_t)count;
  if (node->input_count > FREQS) {
    rope.wavelengths = (const float *)in[2]->data;
    rope.wavelength_step = mx_strides_of(in[2])[0];
  }
  bool good = !x->size || mx_rope_run(&rope);
  if (offsets != few) free(offsets);
  return good;
}

/* ---- Rules ---- */

/* What turns pair i of token t: [tokens, dims / 2], or [batch, 1, ..., tokens, dims / 2]. */
static mx angles(const mx_node *node, const mx *in) {
  const rope_params *p = MX_PARAMS(rope_params, node);
  int shape[MX_MAX_NDIM], ndim = in[X]->ndim, half = p->dims / 2;
  mx offset = in[OFFSET];
  if (offset->size > 1) {
    for (int i = 0; i < ndim - 1; i++) shape[i] = i ? 1 : (int)offset->size;
    offset = mx_reshape(offset, (mx_ints){shape, ndim - 1});
  }
  mx tokens = mx_arange(0, mx_dim(in[X], -2), 1, MX_FLOAT32);
  mx positions = mx_multiply(mx_add(tokens, offset), mx_float(p->scale));
  mx turns = node->input_count > FREQS
                 ? mx_reciprocal(in[FREQS])
                 : mx_exp(mx_multiply(mx_arange(0, half, 1, MX_FLOAT32),
                                      mx_float(-logf(p->base) / (float)half)));
  return mx_multiply(mx_expand_dims(positions, MX_INTS(-1)), turns);
}

/* Every step-th feature from `start` on, before `stop`. */
static mx features(mx x, int start, int stop, int step) {
  int from[MX_MAX_NDIM] = {0}, to[MX_MAX_NDIM], by[MX_MAX_NDIM];
  mx_copy_ints(to, mx_shape_of(x), x->ndim);
  for (int i = 0; i < x->ndim; i++) by[i] = 1;
  from[x->ndim - 1] = start, to[x->ndim - 1] = stop, by[x->ndim - 1] = step;
  return mx_slice(x, (mx_ints){from, x->ndim}, (mx_ints){to, x->ndim}, (mx_ints){by, x->ndim});
}

static bool formula_rope(const mx_node *node, const mx *in, mx *out) {
  const rope_params *p = MX_PARAMS(rope_params, node);
  mx x = in[X], theta = angles(node, in);
  mx c = mx_astype(mx_cos(theta), x->dtype), s = mx_astype(mx_sin(theta), x->dtype);
  if (!p->forward) s = mx_negative(s);
  int dims = p->dims, half = dims / 2;
  mx a = p->traditional ? features(x, 0, dims, 2) : features(x, 0, half, 1);
  mx b = p->traditional ? features(x, 1, dims, 2) : features(x, half, dims, 1);
  mx parts[3] = {mx_subtract(mx_multiply(a, c), mx_multiply(b, s)),
                 mx_add(mx_multiply(a, s), mx_multiply(b, c)), NULL};
  int count = 2;
  if (p->traditional) {
    parts[0] = mx_flatten(mx_stack(parts, 2, -1), -2, -1);
    count = 1;
  }
  if (dims < mx_dim(x, -1)) parts[count++] = features(x, dims, mx_dim(x, -1), 1);
  return (out[0] = mx_concatenate(parts, count, -1)) != NULL;
}

static mx again(const mx_node *node, mx x, mx offset, bool forward) {
  rope_params p = *MX_PARAMS(rope_params, node);
  p.forward = forward;
  if (!x) return NULL;
  mx in[3] = {x, offset, node->input_count > FREQS ? node->inputs[FREQS] : NULL};
  return mx_make_node(node->primitive, &p, mx_spec_like(x, x->dtype), in, node->input_count);
}

/* Turning is linear in x, and turning back its transpose; the rest follows from the formula. */
static bool vjp_rope(const mx_node *node, const mx *primals, const mx *cotangents,
                     const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)outputs;
  if (count != 1 || argnums[0] != X) return false;
  bool forward = MX_PARAMS(rope_params, node)->forward;
  return (vjps[0] = again(node, cotangents[0], primals[OFFSET], !forward)) != NULL;
}

static bool jvp_rope(const mx_node *node, const mx *primals, const mx *tangents, const int *argnums,
                     int count, mx *jvps) {
  if (count != 1 || argnums[0] != X) return false;
  bool forward = MX_PARAMS(rope_params, node)->forward;
  return (jvps[0] = again(node, tangents[0], primals[OFFSET], forward)) != NULL;
}

/* With one offset for all, the batch axis is one more in the middle; offsets of their own make it,
 * or it and x's first axis, the first. */
static bool vmap_rope(const mx_node *node, const mx *in, const int *axes, mx *out, int *out_axes) {
  if (node->input_count > FREQS && axes[FREQS] >= 0) return false;
  bool forward = MX_PARAMS(rope_params, node)->forward;
  int length = mx_batch_length(in, axes, 2), first = mx_dim(in[X], axes[X] == 0 ? 1 : 0);
  bool own = axes[OFFSET] >= 0, many = in[OFFSET]->size > (size_t)(own ? length : 1);
  if (!own) {
    out[0] = again(node, mx_moveaxis(in[X], axes[X], 1), in[OFFSET], forward);
    out_axes[0] = 1;
    return out[0] != NULL;
  }
  mx x = mx_batched(in[X], axes[X], length), offset = mx_batch_in_front(in[OFFSET], axes[OFFSET]);
  if (many) x = mx_flatten(x, 0, 1);
  offset = mx_reshape(offset, MX_INTS(-1));
  out[0] = again(node, x, offset, forward);
  if (many) out[0] = mx_unflatten(out[0], 0, MX_INTS(length, first));
  out_axes[0] = 0;
  return out[0] != NULL;
}

static int rope_shape(const mx_node *node, const mx *in, int output, int *shape) {
  size_t offsets = in[OFFSET]->size;
  if (mx_dim(in[X], -1) < MX_PARAMS(rope_params, node)->dims ||
      (offsets != 1 && (int)offsets != mx_dim(in[X], 0)) ||
      (node->input_count > FREQS && mx_dim(in[FREQS], 0) != MX_PARAMS(rope_params, node)->dims / 2))
    return mx_shapes_misfit(node, in);
  return mx_shape_of_first(node, in, output, shape);
}

static const mx_primitive rope = {.name = "RoPE",
                                  .params_size = sizeof(rope_params),
                                  .eval = {eval_rope},
                                  .formula = formula_rope,
                                  .vjp = vjp_rope,
                                  .jvp = jvp_rope,
                                  .vmap = vmap_rope,
                                  .output_shape = rope_shape};

mx mx_fast_rope_with(mx x, int dims, mx_fast_rope_args args) {
  if (!x) return NULL;
  mx offset = args.offsets ? args.offsets : mx_int(args.offset);
  if (!offset) return NULL;
  if (x->ndim < 3)
    return mx_fail("[rope] Input must have at least 3 dimensions but got input with %d dimensions.",
                   x->ndim);
  if (!mx_is_subdtype(x->dtype, MX_KIND_FLOATING))
    return mx_fail("[rope] Input must be a floating type but got %s.", mx_dtype_name(x->dtype));
  if (offset->ndim > 1)
    return mx_fail("[rope] offset must have at most one dimension but has shape %s.",
                   mx_shape_text_of(offset));
  if (offset->size != 1 && (int)offset->size != mx_dim(x, 0))
    return mx_fail("[rope] offset must be a scalar or vector with %d elements but has shape %s.",
                   mx_dim(x, 0), mx_shape_text_of(offset));
  if (!mx_is_subdtype(offset->dtype, MX_KIND_INTEGER))
    return mx_fail("[rope] offset must be an integer but got type %s.",
                   mx_dtype_name(offset->dtype));
  if (dims < 2 || dims % 2 || dims > mx_dim(x, -1))
    return mx_fail("[rope] cannot rotate %d of %d features", dims, mx_dim(x, -1));
  if (args.freqs && (args.freqs->ndim != 1 || mx_dim(args.freqs, 0) != dims / 2))
    return mx_fail("[rope] freqs must be one dimensional with size %d but got shape %s.", dims / 2,
                   mx_shape_text_of(args.freqs));
  rope_params p = {.dims = dims,
                   .traditional = args.traditional,
                   .forward = true,
                   .base = args.base,
                   .scale = args.scale};
  mx in[3] = {x, offset, args.freqs ? mx_astype(args.freqs, MX_FLOAT32) : NULL};
  return mx_make_node(&rope, &p, mx_spec_like(x, x->dtype), in, args.freqs ? 3 : 2);
}

/* ---- In MLX's files ---- */

static const mx_codec *visit(mx_state *s, const mx_codec *codec, void *params) {
  rope_params *p = params;
  mx_state_int(s, &p->dims);
  mx_state_bool(s, &p->traditional);
  mx_state_float(s, &p->base);
  mx_state_float(s, &p->scale);
  mx_state_bool(s, &p->forward);
  return codec;
}

static bool build(const mx_build *b) {
  const rope_params *p = b->params;
  if (b->count < 2 || b->count > 3) return false;
  mx turned = mx_fast_rope(b->in[0], p->dims, .traditional = p->traditional, .base = p->base,
                           .scale = p->scale, .offsets = b->in[1],
                           .freqs = b->count == 3 ? b->in[2] : NULL);
  if (turned && !p->forward) turned = again(turned->node, b->in[0], turned->node->inputs[1], false);
  return MX_BUILT(b, b->count, turned);
}

const mx_codec mx_rope_codecs[] = {
    {.name = "RoPE", .primitive = &rope, .visit = visit, .build = build, .expand = formula_rope},
    {0},
};
