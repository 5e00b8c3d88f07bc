/* A layer's cache for several sequences decoded together. All end at the same place, shorter ones
 * are padded on the left. Where the layer has a window, old tokens are dropped now and then
 * (lm_batch_drop_old) instead of being overwritten, so that tokens stay in order. */
#ifndef LM_BATCH_CACHE_H
#define LM_BATCH_CACHE_H

#include "lm/kv_cache.h"

/* Empty caches like those in `one`, for `count` sequences of which sequence i has padding[i] places
 * of padding to come. NULL after mx_fail: a kind of cache that cannot be batched. */
mlx_lm_prompt_cache *lm_batch_cache_new(const mlx_lm_prompt_cache *one, const int *padding,
                                        int count);
/* One batch of `count` single sequences' caches, which keep their arrays. NULL after mx_fail. */
mlx_lm_prompt_cache *lm_batch_cache_merge(mlx_lm_prompt_cache *const *caches, int count);
/* Keeps the sequences keep[count], in that order. False after mx_fail, as below. */
bool lm_batch_cache_filter(mlx_lm_prompt_cache *cache, const int *keep, int count);
/* Appends the other batch's sequences. */
bool lm_batch_cache_extend(mlx_lm_prompt_cache *cache, const mlx_lm_prompt_cache *other);
/* One sequence's cache by itself. */
mlx_lm_prompt_cache *lm_batch_cache_extract(const mlx_lm_prompt_cache *cache, int row);
/* Gives up what no window reaches any more; between forward passes. */
void lm_batch_cache_drop_old(mlx_lm_prompt_cache *cache);

/* Another reference to a single sequence's arrays: appending to it leaves the first alone. */
mlx_lm_prompt_cache *lm_prompt_cache_share(const mlx_lm_prompt_cache *cache);

/* For kv_cache.c: one layer's mask and position. */
lm_mask lm_batch_mask(const lm_kv_cache *c, int tokens);
lm_position lm_batch_position(const lm_kv_cache *c);

#endif
