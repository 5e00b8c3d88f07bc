/* Caches of keys and values: growing, rotating, quantised. Appending writes in place: the old array
 * is given up to the update. */
#include "lm/kv_cache.h"
#include "base/alloc.h"
#include "lm/batch_cache.h"

#include <stdlib.h>

#define STEP 256    /* tokens by which a cache grows */
#define TOKENS (-2) /* the axis */

mlx_lm_prompt_cache *lm_prompt_cache_new(int layers) {
  mlx_lm_prompt_cache *cache =
      mx_xcalloc(1, sizeof *cache + (size_t)layers * sizeof *cache->layers);
  cache->count = layers;
  return cache;
}

void mlx_lm_prompt_cache_free(mlx_lm_prompt_cache *cache) {
  if (!cache) return;
  for (int i = 0; i < cache->count; i++) {
    for (int p = 0; p < LM_PARTS; p++) {
      mx_release(cache->layers[i].keys[p]);
      mx_release(cache->layers[i].values[p]);
    }
    free(cache->layers[i].rows);
  }
  free(cache);
}

void lm_replace(mx *slot, mx a) {
  mx before = *slot;
  *slot = mx_retain(a);
  mx_release(before);
}

static mx tokens_of(mx a, int start, int stop) { return mx_slice_axis(a, TOKENS, start, stop); }

static mx zeros_like_tokens(mx a, int tokens) {
  int shape[4] = {mx_dim(a, 0), mx_dim(a, 1), tokens, mx_dim(a, 3)};
  return mx_zeros((mx_ints){shape, 4}, mx_dtype_of(a));
}

static mx write_tokens(mx cache, mx new, int at) {
  int start[4] = {0, 0, at, 0};
  int stop[4] = {mx_dim(cache, 0), mx_dim(cache, 1), at + mx_dim(new, TOKENS), mx_dim(cache, 3)};
  return mx_slice_update(cache, new, (mx_ints){start, 4}, (mx_ints){stop, 4}, MX_NO_INTS);
}

/* ---- Growing ---- */

/* Room for the new tokens behind the first `used`, then the tokens themselves. */
static mx grow_and_write(mx cache, mx new, int used) {
  int tokens = mx_dim(new, TOKENS);
  if (!cache || used + tokens > mx_dim(cache, TOKENS)) {
    mx room = zeros_like_tokens(new, (tokens + STEP - 1) / STEP * STEP);
    if (cache && used % STEP) cache = tokens_of(cache, 0, used);
    cache = cache ? mx_concatenate(MX_LIST(cache, room), TOKENS) : room;
  }
  return write_tokens(cache, new, used);
}

static bool update_parts(lm_kv_cache *c, mx *parts, const mx *new, mx *all) {
  for (int p = 0; p < LM_PARTS; p++) {
    all[p] = NULL;
    if (!new[p]) continue;
    mx_scope scope = mx_scope_begin();
    mx written = mx_scope_end(scope, grow_and_write(parts[p], new[p], c->offset));
    if (!written) return false;
    lm_replace(&parts[p], written);
    all[p] = tokens_of(written, 0, c->offset + mx_dim(new[p], TOKENS));
  }
  return true;
}

static bool update_growing(lm_kv_cache *c, mx keys, mx values, mx *all_keys, mx *all_values) {
  mx k[LM_PARTS] = {keys}, v[LM_PARTS] = {values};
  if (c->kind == LM_QUANTIZED_CACHE) {
    mx_quantized qk = mx_quantize(keys, .group_size = c->group_size, .bits = c->bits);
    mx_quantized qv = mx_quantize(values, .group_size = c->group_size, .bits = c->bits);
    k[LM_DATA] = qk.weight, k[LM_SCALES] = qk.scales, k[LM_BIASES] = qk.biases;
    v[LM_DATA] = qv.weight, v[LM_SCALES] = qv.scales, v[LM_BIASES] = qv.biases;
  }
  if (!k[0] || !v[0]) return false;
  int tokens = mx_dim(keys, TOKENS);
  bool done = update_parts(c, c->keys, k, all_keys) && update_parts(c, c->values, v, all_values);
  c->offset += tokens;
  for (int i = 0; i < c->row_count; i++) c->rows[i].seen += tokens;
  return done;
}

bool lm_kv_cache_quantize(lm_kv_cache *c, int group_size, int bits) {
  if (c->kind == LM_QUANTIZED_CACHE) return true;
  if (c->kind == LM_ROTATING_CACHE) {
    mx_fail("[kv_cache] a rotating cache (max_kv_size, or a sliding window) cannot be quantised");
    return false;
  }
  c->kind = LM_QUANTIZED_CACHE;
  c->group_size = group_size;
  c->bits = bits;
  if (!c->keys[0]) return true;
  mx_scope scope = mx_scope_begin();
  mx_quantized k = mx_quantize(c->keys[0], .group_size = group_size, .bits = bits);
  mx_quantized v = mx_quantize(c->values[0], .group_size = group_size, .bits = bits);
  bool done = k.weight && v.weight;
  if (done) {
    lm_replace(&c->keys[LM_DATA], k.weight);
    lm_replace(&c->keys[LM_SCALES], k.scales);
    lm_replace(&c->keys[LM_BIASES], k.biases);
    lm_replace(&c->values[LM_DATA], v.weight);
    lm_replace(&c->values[LM_SCALES], v.scales);
    lm_replace(&c->values[LM_BIASES], v.biases);
  }
  mx_scope_end(scope, NULL);
  return done;
}

/* ---- Rotating: the first `keep` tokens, then a ring ---- */

mx lm_in_temporal_order(const lm_kv_cache *c, mx a) {
  int length = mx_dim(a, TOKENS);
  if (c->index == length) return a;
  if (c->index >= c->offset) return tokens_of(a, 0, c->index);
  return mx_concatenate(MX_LIST(tokens_of(a, 0, c->keep), tokens_of(a, c->index, length),
                                tokens_of(a, c->keep, c->index)),
                        TOKENS);
}

/* Drops `count` tokens behind the kept ones, and appends. */
static mx drop_and_append(const lm_kv_cache *c, mx a, int count, mx new) {
  mx parts[3];
  int n = 0;
  if (count > 0) {
    parts[n++] = tokens_of(a, 0, c->keep);
    parts[n++] = tokens_of(a, count + c->keep, mx_dim(a, TOKENS));
  } else
    parts[n++] = a;
  if (new) parts[n++] = new;
  return mx_concatenate(parts, n, TOKENS);
}

static mx append_many(const lm_kv_cache *c, mx cache, mx new) {
  if (!cache) return new;
  mx ordered = lm_in_temporal_order(c, cache);
  return drop_and_append(c, ordered, mx_dim(ordered, TOKENS) - c->max_size + 1, new);
}

static bool rotate_many(lm_kv_cache *c, mx keys, mx values, mx *all_keys, mx *all_values) {
  mx_scope scope = mx_scope_begin();
  mx kept[2] = {append_many(c, c->keys[0], keys), append_many(c, c->values[0], values)};
  mx_scope_end_many(scope, kept, 2);
  if (!kept[0] || !kept[1]) return false;
  lm_replace(&c->keys[0], kept[0]);
  lm_replace(&c->values[0], kept[1]);
  c->offset += mx_dim(keys, TOKENS);
  c->index = mx_dim(kept[0], TOKENS);
  all_keys[0] = kept[0];
  all_values[0] = kept[1];
  return true;
}

/* The ring grows until it has max_size places; `*index` follows. */
static mx make_place(const lm_kv_cache *c, mx cache, mx new, int *index) {
  int length = cache ? mx_dim(cache, TOKENS) : 0;
  *index = c->index;
  if (!cache || (c->offset >= length && length < c->max_size)) {
    int more = c->max_size - c->offset < STEP ? c->max_size - c->offset : STEP;
    mx room = zeros_like_tokens(new, more);
    cache = cache ? mx_concatenate(MX_LIST(cache, room), TOKENS) : room;
    *index = c->offset;
    length = mx_dim(cache, TOKENS);
  }
  if (length > c->max_size) {
    cache = drop_and_append(c, cache, length - c->max_size, NULL);
    *index = c->max_size;
  }
  if (*index == c->max_size) *index = c->keep;
  return cache;
}

static mx rotate_part(const lm_kv_cache *c, mx *slot, mx new, int *index) {
  mx_scope scope = mx_scope_begin();
  mx place = make_place(c, *slot, new, index);
  mx written = mx_scope_end(scope, write_tokens(place, new, *index));
  if (written) lm_replace(slot, written);
  return written;
}

static bool rotate_one(lm_kv_cache *c, mx keys, mx values, mx *all_keys, mx *all_values) {
  int index = 0;
  mx k = rotate_part(c, &c->keys[0], keys, &index),
     v = rotate_part(c, &c->values[0], values, &index);
  if (!k || !v) return false;
  c->offset++;
  c->index = index + 1;
  bool full = c->offset >= c->max_size;
  all_keys[0] = full ? k : tokens_of(k, 0, c->offset);
  all_values[0] = full ? v : tokens_of(v, 0, c->offset);
  return true;
}

bool lm_kv_cache_update(lm_kv_cache *c, mx keys, mx values, mx *all_keys, mx *all_values) {
  if (!keys || !values) return false;
  if (c->kind != LM_ROTATING_CACHE) return update_growing(c, keys, values, all_keys, all_values);
  for (int p = 1; p < LM_PARTS; p++) all_keys[p] = all_values[p] = NULL;
  return mx_dim(keys, TOKENS) == 1 ? rotate_one(c, keys, values, all_keys, all_values)
                                   : rotate_many(c, keys, values, all_keys, all_values);
}

/* ---- Masks ---- */

mx lm_causal_mask(int tokens, int offset, int window) {
  mx keys = mx_arange(0, offset + tokens, 1, MX_INT32);
  mx queries = mx_expand_dims(mx_arange(offset, offset + tokens, 1, MX_INT32), MX_INTS(1));
  mx mask = mx_greater_equal(queries, keys);
  if (window) mask = mx_logical_and(mask, mx_less(queries, mx_add(keys, mx_int(window))));
  return mask;
}

static lm_mask rotating_mask(const lm_kv_cache *c, int tokens, int window) {
  if (tokens > 1) {
    int width = window ? window : c->max_size;
    int offset = c->offset < c->max_size - 1 ? c->offset : c->max_size - 1;
    if (offset + tokens > width) return (lm_mask){false, lm_causal_mask(tokens, offset, width)};
    return (lm_mask){true, NULL};
  }
  if (!window || c->offset < window || c->max_size <= window) return (lm_mask){false, NULL};
  int index = c->index >= c->max_size ? 0 : c->index;
  int size = c->offset < c->max_size ? c->offset + 1 : c->max_size;
  mx mask = mx_greater_equal(mx_arange(0, size, 1, MX_INT32), mx_int(size - window));
  return (lm_mask){false, mx_roll(mask, MX_INTS(index + 1), MX_NO_INTS)};
}

lm_mask lm_make_mask(const lm_kv_cache *c, int tokens, int window) {
  if (c && c->kind == LM_ROTATING_CACHE) return rotating_mask(c, tokens, window);
  if (c && c->kind == LM_BATCH_CACHE) return lm_batch_mask(c, tokens);
  if (tokens == 1) return (lm_mask){false, NULL};
  if (!c && window && tokens > window) return (lm_mask){false, lm_causal_mask(tokens, 0, window)};
  return (lm_mask){true, NULL};
}

/* ---- Trimming, looking ---- */

bool lm_kv_cache_is_trimmable(const lm_kv_cache *c) {
  return c->kind != LM_ROTATING_CACHE || c->offset < c->max_size;
}

int lm_kv_cache_trim(lm_kv_cache *c, int tokens) {
  int n = tokens < c->offset ? tokens : c->offset;
  n = n < 0 ? 0 : n;
  c->offset -= n;
  if (c->kind == LM_ROTATING_CACHE) c->index -= n;
  return n;
}

lm_position lm_kv_cache_position(const lm_kv_cache *c) {
  if (!c) return (lm_position){0, NULL};
  if (c->kind == LM_BATCH_CACHE) return lm_batch_position(c);
  return (lm_position){c->offset, NULL};
}

int lm_kv_cache_arrays(const lm_kv_cache *c, mx *out) {
  int n = 0;
  for (int p = 0; p < LM_PARTS; p++) {
    if (c->keys[p]) out[n++] = c->keys[p];
    if (c->values[p]) out[n++] = c->values[p];
  }
  return n;
}

int mlx_lm_prompt_cache_offset(const mlx_lm_prompt_cache *cache) {
  return cache->count ? cache->layers[0].offset : 0;
}

int mlx_lm_prompt_cache_kv_bits(const mlx_lm_prompt_cache *cache) {
  return cache->count ? cache->layers[0].bits : 0;
}

int mlx_lm_prompt_cache_kv_group_size(const mlx_lm_prompt_cache *cache) {
  return cache->count ? cache->layers[0].group_size : 0;
}

size_t mlx_lm_prompt_cache_nbytes(const mlx_lm_prompt_cache *cache) {
  size_t bytes = 0;
  for (int i = 0; i < cache->count; i++) {
    mx parts[2 * LM_PARTS];
    int n = lm_kv_cache_arrays(&cache->layers[i], parts);
    for (int p = 0; p < n; p++) bytes += mx_nbytes(parts[p]);
  }
  return bytes;
}

bool mlx_lm_can_trim_prompt_cache(const mlx_lm_prompt_cache *cache) {
  for (int i = 0; i < cache->count; i++)
    if (!lm_kv_cache_is_trimmable(&cache->layers[i])) return false;
  return true;
}

int mlx_lm_trim_prompt_cache(mlx_lm_prompt_cache *cache, int tokens) {
  int trimmed = 0;
  if (!mlx_lm_can_trim_prompt_cache(cache)) return 0;
  for (int i = cache->count - 1; i >= 0; i--) trimmed = lm_kv_cache_trim(&cache->layers[i], tokens);
  return trimmed;
}

int mlx_lm_prompt_cache_eval(const mlx_lm_prompt_cache *cache) {
  int result = 0;
  for (int i = 0; i < cache->count && !result; i++) {
    mx parts[2 * LM_PARTS];
    int n = lm_kv_cache_arrays(&cache->layers[i], parts);
    result = mx_eval_arrays(parts, n);
  }
  return result;
}
