/* Scaled dot-product attention. */
#include "drivers/attention.h"
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "mlx/mx/elementwise.h"
#include "mlx/mx/fast.h"
#include "mlx/mx/linear.h"
#include "mlx/mx/softmax.h"
#include "ops/codecs.h"
#include "ops/rules.h"

#include <float.h>
#include <string.h>

typedef struct {
  float scale;
  bool causal, mask, sinks;
} attention_params;

/* Heads that came side by side from a projection leave so: the transposition and reshape that
 * follow are views then. */
static bool alloc_like_queries(mx out, mx q) {
  if (!mx_out_alloc(out)) return false;
  if (mx_strides_of(q)[2] <= mx_strides_of(q)[1]) return true;
  int64_t *strides = mx_strides_of(out), dv = mx_dim(out, 3), heads = mx_dim(out, 1);
  strides[1] = dv;
  strides[2] = heads * dv;
  mx_update_layout(out);
  return true;
}

static void set_mask(mx_attention_call *call, mx mask) {
  const int64_t *strides = mx_strides_of(mask);
  call->head.mask = mask->data;
  call->head.mask_kind = mask->dtype == MX_BOOL ? MX_MASK_BOOL : MX_MASK_ADD;
  call->mask_batch = strides[0];
  call->head.mask_head = strides[1];
  call->head.mask_row = strides[2];
  call->head.mask_key = strides[3];
}

static bool eval_attention(const mx_node *node, const mx *in, const mx *out) {
  const attention_params *p = MX_PARAMS(attention_params, node);
  mx q = mx_with_dense_rows(in[0]), k = mx_with_dense_rows(in[1]), v = mx_with_dense_rows(in[2]);
  if (!q || !k || !v || !alloc_like_queries(out[0], q)) return false;
  if (!mx_dim(k, 2)) memset(out[0]->data, 0, mx_nbytes(out[0])); /* a sum over no keys */
  if (!out[0]->size || !mx_dim(k, 2)) return true;
  const int64_t *qs = mx_strides_of(q), *ks = mx_strides_of(k), *vs = mx_strides_of(v);
  const int64_t *os = mx_strides_of(out[0]);
  mx_attention_call call = {.dtype = q->dtype,
                            .batch = mx_dim(q, 0),
                            .kv_heads = mx_dim(k, 1),
                            .head = {.group = mx_dim(q, 1) / mx_dim(k, 1),
                                     .queries = mx_dim(q, 2),
                                     .keys = mx_dim(k, 2),
                                     .d = mx_dim(q, 3),
                                     .dv = mx_dim(v, 3),
                                     .scale = p->scale,
                                     .causal = p->causal,
                                     .q = q->data,
                                     .k = k->data,
                                     .v = v->data,
                                     .out = out[0]->data,
                                     .q_head = qs[1],
                                     .q_row = qs[2],
                                     .k_row = ks[2],
                                     .v_row = vs[2],
                                     .out_head = os[1],
                                     .out_row = os[2]},
                            .q_batch = qs[0],
                            .k_batch = ks[0],
                            .v_batch = vs[0],
                            .out_batch = os[0],
                            .k_head = ks[1],
                            .v_head = vs[1]};
  if (p->mask) set_mask(&call, in[3]);
  mx sinks = p->sinks ? mx_with_dense_rows(in[p->mask ? 4 : 3]) : NULL;
  if (p->sinks && !sinks) return false;
  call.head.sinks = sinks ? sinks->data : NULL;
  return mx_attention_run(&call);
}

/* ---- Rules ---- */

static double least(mx_dtype dtype) {
  return dtype == MX_FLOAT64 ? -DBL_MAX : dtype == MX_FLOAT16 ? -65504 : -3.38e38;
}

/* Masks and sinks of the heads with those that share a key head apart, as scores have them. */
static mx split_heads(mx a, int axis, const mx *in) {
  int groups = mx_dim(in[1], 1), heads = mx_dim(in[0], 1);
  return groups == heads ? a : mx_unflatten(a, axis, MX_INTS(groups, heads / groups));
}

static mx masked(const attention_params *p, const mx *in, mx scores) {
  mx mask = p->mask ? split_heads(in[3], 1, in) : NULL;
  if (p->causal) {
    int queries = mx_dim(in[0], 2), keys = mx_dim(in[1], 2);
    int first = keys > queries ? keys - queries : 0;
    mx rows = mx_arange(first, first + queries, 1, MX_INT32);
    mask = mx_greater_equal(mx_expand_dims(rows, MX_INTS(1)), mx_arange(0, keys, 1, MX_INT32));
  }
  if (!mask || !scores) return p->causal || p->mask ? NULL : scores;
  if (mask->dtype != MX_BOOL) return mx_add(scores, mask);
  return mx_where(mask, scores, mx_scalar(least(scores->dtype), scores->dtype));
}

static mx with_sinks(const attention_params *p, const mx *in, mx scores) {
  if (!p->sinks || !scores) return scores;
  mx sinks = mx_expand_dims(in[p->mask ? 4 : 3], MX_INTS(0, 2, 3));
  sinks = split_heads(sinks, 1, in);
  int shape[5];
  mx_copy_ints(shape, mx_shape_of(scores), scores->ndim);
  shape[scores->ndim - 1] = 1;
  mx both[2] = {mx_broadcast_to(sinks, (mx_ints){shape, scores->ndim}), scores};
  return mx_concatenate(both, 2, -1);
}

static bool formula_attention(const mx_node *node, const mx *in, mx *out) {
  const attention_params *p = MX_PARAMS(attention_params, node);
  bool shared = mx_dim(in[0], 1) != mx_dim(in[1], 1);
  mx q = split_heads(mx_multiply(mx_scalar(p->scale, in[0]->dtype), in[0]), 1, in);
  mx k = shared ? mx_expand_dims(in[1], MX_INTS(2)) : in[1];
  mx v = shared ? mx_expand_dims(in[2], MX_INTS(2)) : in[2];
  mx scores = masked(p, in, mx_matmul(q, mx_swapaxes(k, -1, -2)));
  mx weights = mx_softmax(with_sinks(p, in, scores), .axis = -1, .precise = true);
  if (p->sinks && weights)
    weights = mx_slice_axis(weights, weights->ndim - 1, 1, mx_dim(weights, -1));
  out[0] = mx_matmul(weights, v);
  if (shared) out[0] = mx_flatten(out[0], 1, 2);
  return out[0] != NULL;
}

/* The rows of all query heads that share a key head, one after the other, so that one product
 * serves them; and apart again: with heads beside keys' heads, or as heads. */
static mx join_rows(mx a, const mx *in) {
  int groups = mx_dim(in[1], 1);
  return groups == mx_dim(in[0], 1) ? a : mx_flatten(mx_unflatten(a, 1, MX_INTS(groups, -1)), 2, 3);
}
static mx part_rows(mx a, const mx *in) {
  int groups = mx_dim(in[1], 1), heads = mx_dim(in[0], 1);
  return groups == heads ? a : mx_unflatten(a, 2, MX_INTS(heads / groups, mx_dim(in[0], 2)));
}
static mx as_heads(mx parted, const mx *in) {
  return mx_dim(in[1], 1) == mx_dim(in[0], 1) ? parted : mx_flatten(parted, 1, 2);
}

/* What the gradients are made of, all with joined rows. */
typedef struct {
  mx q, t; /* scaled queries, cotangents */
  mx weights;
  mx along;  /* sums of t out = sums of the weights times their cotangents */
  mx scores; /* the cotangent of the masked scores */
  mx sinks;  /* their weights; NULL: none */
} pulled;

/* With P = softmax(S) and t the cotangent of P v, S gets P (t v' - sum(t P v)). */
static bool pull_scores(const attention_params *p, const mx *in, mx t, mx out, pulled *g) {
  *g = (pulled){.q = join_rows(mx_multiply(mx_scalar(p->scale, in[0]->dtype), in[0]), in),
                .t = join_rows(t, in)};
  mx scores = masked(p, in, part_rows(mx_matmul(g->q, mx_swapaxes(in[1], -1, -2)), in));
  mx weights = mx_softmax(with_sinks(p, in, scores), .axis = -1, .precise = true);
  if (!weights) return false;
  int last = weights->ndim - 1;
  if (p->sinks) {
    g->sinks = mx_slice_axis(weights, last, 0, 1);
    weights = mx_slice_axis(weights, last, 1, mx_dim(weights, -1));
  }
  g->weights = last == 4 ? mx_flatten(weights, 2, 3) : weights;
  g->along = mx_sum(mx_multiply(g->t, join_rows(out, in)), .axis = -1, .keepdims = true);
  mx pull = mx_subtract(mx_matmul(g->t, mx_swapaxes(in[2], -1, -2)), g->along);
  g->scores = mx_multiply(g->weights, pull);
  if (p->mask && in[3]->dtype == MX_BOOL) {
    mx kept =
        mx_where(split_heads(in[3], 1, in), part_rows(g->scores, in), mx_scalar(0, in[0]->dtype));
    g->scores = last == 4 ? mx_flatten(kept, 2, 3) : kept;
  }
  return g->scores != NULL;
}

static mx pull_attention(const attention_params *p, const mx *in, const pulled *g, int argument) {
  if (argument == 0)
    return mx_multiply(as_heads(part_rows(mx_matmul(g->scores, in[1]), in), in),
                       mx_scalar(p->scale, in[0]->dtype));
  if (argument == 1) return mx_matmul(mx_swapaxes(g->scores, -1, -2), g->q);
  if (argument == 2) return mx_matmul(mx_swapaxes(g->weights, -1, -2), g->t);
  if (argument == 3 && p->mask)
    return in[3]->dtype == MX_BOOL ? mx_zeros_like(in[3]) : as_heads(part_rows(g->scores, in), in);
  mx lost = mx_multiply(as_heads(g->sinks, in), as_heads(part_rows(g->along, in), in));
  return mx_negative(mx_sum(lost, .axes = MX_INTS(0, 2, 3)));
}

/* Causal queries of a block see no keys behind it: block by block, nearly half of the work goes.
 * Only where nothing else comes with the scores; the blocks' shares of keys and values add up. */
enum { BLOCK_ROWS = 128, MOST_BLOCKS = 8 };

static mx to_length(mx a, int length) {
  return mx_pad(a, MX_INTS(2), MX_INTS(0), MX_INTS(length - mx_dim(a, 2)), mx_scalar(0, a->dtype),
                "constant");
}

static bool pull_in_blocks(const attention_params *p, const mx *in, mx t, mx out,
                           const int *argnums, int count, mx *vjps) {
  int queries = mx_dim(in[0], 2), keys = mx_dim(in[1], 2), blocks = queries / BLOCK_ROWS;
  if (blocks > MOST_BLOCKS) blocks = MOST_BLOCKS;
  mx rows[MOST_BLOCKS] = {NULL};
  for (int b = 0; b < blocks; b++) {
    int from = queries * b / blocks, to = queries * (b + 1) / blocks, seen = keys - queries + to;
    mx part[3] = {mx_slice_axis(in[0], 2, from, to), mx_slice_axis(in[1], 2, 0, seen),
                  mx_slice_axis(in[2], 2, 0, seen)};
    pulled g;
    if (!part[0] || !part[1] || !part[2] ||
        !pull_scores(p, part, mx_slice_axis(t, 2, from, to), mx_slice_axis(out, 2, from, to), &g))
      return false;
    for (int i = 0; i < count; i++) {
      mx own = pull_attention(p, part, &g, argnums[i]);
      if (argnums[i] == 0) {
        rows[b] = own;
        continue;
      }
      own = to_length(own, keys);
      vjps[i] = b ? mx_add(vjps[i], own) : own;
    }
  }
  for (int i = 0; i < count; i++)
    if (argnums[i] == 0) vjps[i] = mx_concatenate(rows, blocks, 2);
  return !mx_error();
}

static bool vjp_attention(const mx_node *node, const mx *primals, const mx *cotangents,
                          const int *argnums, int count, const mx *outputs, mx *vjps) {
  const attention_params *p = MX_PARAMS(attention_params, node);
  pulled g;
  int queries = mx_dim(primals[0], 2);
  if (p->causal && !p->mask && !p->sinks && !mx_tracing_any_shape && queries >= 2 * BLOCK_ROWS &&
      queries <= mx_dim(primals[1], 2))
    return pull_in_blocks(p, primals, cotangents[0], outputs[0], argnums, count, vjps);
  if (!pull_scores(p, primals, cotangents[0], outputs[0], &g)) return false;
  for (int i = 0; i < count; i++)
    if (!(vjps[i] = pull_attention(p, primals, &g, argnums[i]))) return false;
  return true;
}

/* The batch axis becomes part of x's axis `into` (0 or 1). */
static mx folded(mx x, int axis, int length, int into) {
  mx front = mx_batched(x, axis, length);
  return mx_flatten(into ? mx_moveaxis(front, 0, into) : front, into, into + 1);
}

/* A batch of attentions is one with more batches, or (where each has sinks of its own) heads. */
static bool vmap_attention(const mx_node *node, const mx *in, const int *axes, mx *out,
                           int *out_axes) {
  const attention_params *p = MX_PARAMS(attention_params, node);
  int length = mx_batch_length(in, axes, node->input_count), sinks = 3 + p->mask;
  int into = p->sinks && axes[sinks] >= 0, shape[4];
  mx all[5];
  for (int i = 0; i < sinks; i++)
    if (!(all[i] = folded(in[i], axes[i], length, into))) return false;
  if (p->sinks) all[sinks] = into ? folded(in[sinks], axes[sinks], length, 0) : in[sinks];
  mx_copy_ints(shape, mx_shape_of(all[0]), 3);
  shape[3] = mx_dim(all[2], 3);
  mx y =
      mx_make_node(node->primitive, p, (mx_spec){all[0]->dtype, 4, shape}, all, node->input_count);
  int rest = length ? shape[into] / length : 0;
  out[0] = mx_unflatten(y, into, MX_INTS(length, rest));
  out_axes[0] = into;
  return out[0] != NULL;
}

static bool check_shapes(mx q, mx k, mx v);

static int attention_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  const attention_params *p = MX_PARAMS(attention_params, node);
  if (!check_shapes(in[0], in[1], in[2])) return -1;
  mx_copy_ints(shape, mx_shape_of(in[0]), 3);
  shape[3] = mx_dim(in[1], 2);
  if (p->mask && (in[3]->ndim != 4 || !mx_same_shape(mx_shape_of(in[3]), shape, 4)))
    return mx_shapes_misfit(node, in);
  if (p->sinks && mx_dim(in[3 + p->mask], 0) != mx_dim(in[0], 1)) return mx_shapes_misfit(node, in);
  shape[3] = mx_dim(in[2], 3);
  return 4;
}

static const mx_primitive attention = {.name = "ScaledDotProductAttention",
                                       .params_size = sizeof(attention_params),
                                       .eval = {eval_attention},
                                       .formula = formula_attention,
                                       .vjp = vjp_attention,
                                       .vmap = vmap_attention,
                                       .output_shape = attention_shape};

/* ---- Constructor ---- */

#define OP "[scaled_dot_product_attention] "

static bool check_shapes(mx q, mx k, mx v) {
  for (int i = 0; i < 3; i++) {
    mx a = i == 0 ? q : i == 1 ? k : v;
    if (a->ndim != 4) {
      mx_fail(OP "input with shape %s expected to be rank 4", mx_shape_text_of(a));
      return false;
    }
  }
  if (mx_dim(k, 0) != mx_dim(q, 0) || mx_dim(v, 0) != mx_dim(q, 0))
    mx_fail(OP "mismatching batch dimension for input with shape %s.",
            mx_shape_text_of(mx_dim(k, 0) != mx_dim(q, 0) ? k : v));
  else if (mx_dim(q, 3) != mx_dim(k, 3))
    mx_fail(OP
            "query, keys expected to have matching last dimension; found query shape %s for keys "
            "shape %s.",
            mx_shape_text_of(q), mx_shape_text_of(k));
  else if (mx_dim(k, 1) != mx_dim(v, 1))
    mx_fail(OP "keys, values expected to have matching n_kv_heads; found keys with n_heads %d for "
               "values with n_heads %d.",
            mx_dim(k, 1), mx_dim(v, 1));
  else if (mx_dim(k, 1) < 1 || mx_dim(q, 1) % mx_dim(k, 1))
    mx_fail(OP "n_heads must be a multiple of n_kv_heads, found n_heads %d for n_kv_heads %d.",
            mx_dim(q, 1), mx_dim(k, 1));
  else if (mx_dim(k, 2) != mx_dim(v, 2))
    mx_fail(OP "keys and values have different lengths, %d and %d.", mx_dim(k, 2), mx_dim(v, 2));
  else
    return true;
  return false;
}

static mx open_mask(mx mask, mx q, mx k, mx_dtype dtype) {
  if (mask->ndim > 4)
    return mx_fail(OP "the mask with shape %s expected to have at most rank 4.",
                   mx_shape_text_of(mask));
  if (mx_promote_types(mask->dtype, dtype) != dtype)
    return mx_fail(OP "Mask type must promote to output type %s.", mx_dtype_name(dtype));
  if (mask->dtype != MX_BOOL) mask = mx_astype(mask, dtype);
  return mx_broadcast_to(mask, MX_INTS(mx_dim(q, 0), mx_dim(q, 1), mx_dim(q, 2), mx_dim(k, 2)));
}

static mx open_sinks(mx sinks, mx q, mx_dtype dtype) {
  if (mx_promote_types(sinks->dtype, dtype) != dtype)
    return mx_fail(OP "Type of sinks must promote to output type %s.", mx_dtype_name(dtype));
  if (sinks->ndim != 1 || mx_dim(sinks, 0) != mx_dim(q, 1))
    return mx_fail(OP "Received invalid shape for sinks %s.", mx_shape_text_of(sinks));
  return mx_astype(sinks, dtype);
}

mx mx_fast_scaled_dot_product_attention_with(mx q, mx k, mx v, mx_fast_attention_args args) {
  if (!q || !k || !v || !check_shapes(q, k, v)) return NULL;
  if (args.causal && args.mask)
    return mx_fail(OP "Invalid mask_arr for mask_mode 'causal'. No array mask should be passed.");
  mx_dtype dtype = mx_promote_types(q->dtype, mx_promote_types(k->dtype, v->dtype));
  if (!mx_is_subdtype(dtype, MX_KIND_FLOATING))
    return mx_fail(OP "Received unsupported type %s.", mx_dtype_name(dtype));
  mx in[5] = {mx_astype(q, dtype), mx_astype(k, dtype), mx_astype(v, dtype)};
  int count = 3, shape[4] = {mx_dim(q, 0), mx_dim(q, 1), mx_dim(q, 2), mx_dim(v, 3)};
  if (args.mask) in[count++] = open_mask(args.mask, q, k, dtype);
  if (args.sinks) in[count++] = open_sinks(args.sinks, q, dtype);
  attention_params p = {args.scale, args.causal, args.mask != NULL, args.sinks != NULL};
  return mx_make_node(&attention, &p, (mx_spec){dtype, 4, shape}, in, count);
}

/* ---- In MLX's files ---- */

static const mx_codec *visit(mx_state *s, const mx_codec *codec, void *params) {
  attention_params *p = params;
  bool logsumexp = false;
  mx_state_float(s, &p->scale);
  mx_state_bool(s, &p->causal);
  mx_state_bool(s, &p->sinks);
  mx_state_bool(s, &logsumexp);
  return logsumexp ? NULL : codec;
}

/* Behind queries, keys and values: the mask, and the sinks. */
static bool build(const mx_build *b) {
  const attention_params *p = b->params;
  int masks = b->count - 3 - p->sinks;
  if (masks < 0 || masks > 1) return false;
  mx out = mx_fast_scaled_dot_product_attention(
      b->in[0], b->in[1], b->in[2], .scale = p->scale, .causal = p->causal,
      .mask = masks ? b->in[3] : NULL, .sinks = p->sinks ? b->in[b->count - 1] : NULL);
  return MX_BUILT(b, b->count, out);
}

const mx_codec mx_attention_codecs[] = {
    {.name = "ScaledDotProductAttention",
     .primitive = &attention,
     .visit = visit,
     .build = build,
     .expand = formula_attention},
    {0},
};
