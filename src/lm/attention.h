/* Attention over a layer's cache, plain or quantised. */
#ifndef LM_ATTENTION_H
#define LM_ATTENTION_H

#include "lm/kv_cache.h"

/* queries [batch, heads, tokens, head_dim]; keys and values [batch, kv heads, tokens, head_dim],
 * new ones: appended to the cache where there is one. Returns [batch, heads, tokens, head_dim]. */
mx lm_attention(mx queries, mx keys, mx values, lm_kv_cache *cache, float scale, lm_mask mask);

/* [batch, tokens, heads * head_dim] to [batch, heads, tokens, head_dim], and back. */
mx lm_split_heads(mx x, int heads);
mx lm_join_heads(mx x);

#endif
