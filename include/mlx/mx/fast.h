/* The operations that models spend their time in, each one kernel (mx.fast). Computed in float32 at
 * least, in any float dtype. */
#ifndef MLX_MX_FAST_H
#define MLX_MX_FAST_H

#include "mlx/mx/array.h"

#ifdef __cplusplus
extern "C" {
#endif

/* x / sqrt(mean(x^2) + eps) * weight over the last axis (Zhang and Sennrich, arXiv:1910.07467).
 * weight [x.shape[-1]], or NULL. */
MX_API mx mx_fast_rms_norm(mx x, mx weight, float eps);
/* (x - mean) / sqrt(variance + eps) * weight + bias over the last axis (Ba et al.,
 * arXiv:1607.06450). weight and bias [x.shape[-1]], or NULL. */
MX_API mx mx_fast_layer_norm(mx x, mx weight, mx bias, float eps);

/* Rotary position embedding of x [batch, ..., tokens, head_dim] (Su et al., arXiv:2104.09864): pair
 * i of the first `dims` features turns by position / freqs[i], or position * base^(-2 i / dims).
 * Token t of batch b stands at (t + offset) * scale, or (t + offsets[b]) * scale. */
typedef struct mx_fast_rope_args {
  bool traditional; /* pairs are neighbours; else (i, i + dims / 2) */
  float base, scale;
  int offset;
  mx offsets; /* integers: a scalar, or [batch]; in place of offset */
  mx freqs;   /* [dims / 2]; in place of base */
} mx_fast_rope_args;
MX_API mx mx_fast_rope_with(mx x, int dims, mx_fast_rope_args args);
#define mx_fast_rope(x, dims, ...) \
  mx_fast_rope_with(x, dims, (mx_fast_rope_args){.base = 10000, .scale = 1, __VA_ARGS__})

/* softmax(scale q k^T + mask) v. q [batch, heads, queries, d], k [batch, kv heads, keys, d], v
 * [batch, kv heads, keys, dv] -> [batch, heads, queries, dv]; heads / kv heads query heads share a
 * key head. The mask broadcasts to [batch, heads, queries, keys]: bool (false: not seen), or of a
 * dtype that promotes to the result's, added. causal: query i sees keys up to i + keys - queries.
 * sinks [heads]: logits that take weight and give no value. */
typedef struct mx_fast_attention_args {
  float scale;
  bool causal;
  mx mask, sinks;
} mx_fast_attention_args;
MX_API mx mx_fast_scaled_dot_product_attention_with(mx q, mx k, mx v, mx_fast_attention_args args);
#define mx_fast_scaled_dot_product_attention(q, k, v, ...) \
  mx_fast_scaled_dot_product_attention_with(q, k, v,       \
                                            (mx_fast_attention_args){.scale = 1, __VA_ARGS__})

#ifdef __cplusplus
}
#endif
#endif
