/* Attention over a layer's cache. */
#include "lm/attention.h"

mx lm_split_heads(mx x, int heads) {
  x = mx_unflatten(x, -1, MX_INTS(heads, -1));
  return mx_transpose(x, .axes = MX_INTS(0, 2, 1, 3));
}

mx lm_join_heads(mx x) { return mx_flatten(mx_transpose(x, .axes = MX_INTS(0, 2, 1, 3)), 2, 3); }

static mx quantized_times(mx x, const mx *parts, const lm_kv_cache *c, bool transpose) {
  return mx_quantized_matmul(x, parts[LM_DATA], parts[LM_SCALES], parts[LM_BIASES],
                             .transpose = transpose, .group_size = c->group_size, .bits = c->bits);
}

/* The smallest finite number of a float dtype: a masked score. */
static double lowest(mx_dtype dtype) {
  return dtype == MX_FLOAT16 ? -65504.0 : dtype == MX_BFLOAT16 ? -0x1.fep127 : -0x1.fffffep127;
}

/* softmax(scale q k^T) v with keys and values that stay packed; query heads that share a key head
 * stand in an axis of their own. */
static mx quantized_attention(mx q, const mx *keys, const mx *values, const lm_kv_cache *c,
                              float scale, lm_mask mask) {
  int batch = mx_dim(q, 0), heads = mx_dim(q, 1), tokens = mx_dim(q, 2), width = mx_dim(q, 3);
  int kv_heads = mx_dim(keys[0], 1), repeats = heads / kv_heads, all = mx_dim(keys[0], 2);
  mx k[LM_PARTS], v[LM_PARTS];
  q = mx_multiply(q, mx_scalar_like(scale, q));
  q = mx_reshape(q, MX_INTS(batch, kv_heads, repeats, tokens, width));
  for (int p = 0; p < LM_PARTS; p++) {
    k[p] = mx_expand_dims(keys[p], MX_INTS(2));
    v[p] = mx_expand_dims(values[p], MX_INTS(2));
  }
  mx scores = quantized_times(q, k, c, true);
  if (mask.causal) {
    mx query = mx_expand_dims(mx_arange(all - tokens, all, 1, MX_INT32), MX_INTS(1));
    mask.array = mx_greater_equal(query, mx_arange(0, all, 1, MX_INT32));
  }
  if (mask.array) {
    mx_dtype dtype = mx_dtype_of(scores);
    scores = mx_where(mask.array, scores, mx_scalar(lowest(dtype), dtype));
  }
  scores = mx_softmax(scores, .axis = -1, .precise = true);
  return mx_reshape(quantized_times(scores, v, c, false), MX_INTS(batch, heads, tokens, -1));
}

mx lm_attention(mx queries, mx keys, mx values, lm_kv_cache *cache, float scale, lm_mask mask) {
  mx all_keys[LM_PARTS] = {keys}, all_values[LM_PARTS] = {values};
  if (cache && !lm_kv_cache_update(cache, keys, values, all_keys, all_values)) return NULL;
  if (cache && cache->kind == LM_QUANTIZED_CACHE)
    return quantized_attention(queries, all_keys, all_values, cache, scale, mask);
  return mx_fast_scaled_dot_product_attention(queries, all_keys[0], all_values[0], .scale = scale,
                                              .causal = mask.causal, .mask = mask.array);
}
