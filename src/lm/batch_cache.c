/* Batches of sequences in one cache. */
#include "lm/batch_cache.h"
#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

#define TOKENS (-2) /* the axis */
#define SLACK 256   /* tokens beyond its window that a layer keeps before it drops them */

static lm_row *new_rows(int count) { return mx_xcalloc((size_t)count, sizeof(lm_row)); }

static bool can_batch(const lm_kv_cache *c) {
  if (c->kind == LM_KV_CACHE || (c->kind == LM_ROTATING_CACHE && !c->keep)) return true;
  mx_fail("[batch_generate] %s cache cannot be batched",
          c->kind == LM_ROTATING_CACHE ? "a bounded (max_kv_size)" : "a quantised");
  return false;
}

/* ---- What a batch looks like to its layer ---- */

lm_position lm_batch_position(const lm_kv_cache *c) {
  bool same = true;
  for (int i = 1; i < c->row_count; i++) same &= c->rows[i].seen == c->rows[0].seen;
  if (same) return (lm_position){c->rows[0].seen, NULL};
  int *seen = mx_xcalloc((size_t)c->row_count, sizeof *seen);
  for (int i = 0; i < c->row_count; i++) seen[i] = c->rows[i].seen;
  mx offsets = mx_array_new(seen, MX_INTS(c->row_count), MX_INT32);
  free(seen);
  return (lm_position){0, offsets};
}

/* [rows, 1, 1, places]: true from each row's first token on. */
static mx beyond_padding(const lm_kv_cache *c, int places) {
  int *padding = mx_xcalloc((size_t)c->row_count, sizeof *padding);
  for (int i = 0; i < c->row_count; i++) padding[i] = c->rows[i].padding;
  mx first = mx_array_new(padding, MX_INTS(c->row_count, 1, 1, 1), MX_INT32);
  free(padding);
  return mx_greater_equal(mx_arange(0, places, 1, MX_INT32), first);
}

lm_mask lm_batch_mask(const lm_kv_cache *c, int tokens) {
  bool padded = false;
  int places = c->offset + tokens;
  for (int i = 0; i < c->row_count; i++) padded |= c->rows[i].padding > 0;
  bool narrow = c->max_size && places > c->max_size;
  if (!padded && !narrow) return (lm_mask){tokens > 1, NULL};
  mx mask = lm_causal_mask(tokens, c->offset, narrow ? c->max_size : 0);
  if (!padded) return (lm_mask){false, mask};
  /* Padding sees itself: what comes of it is never used, but must be numbers. */
  mx itself = mx_equal(mx_arange(0, places, 1, MX_INT32),
                       mx_expand_dims(mx_arange(c->offset, places, 1, MX_INT32), MX_INTS(1)));
  return (lm_mask){false, mx_logical_or(mx_logical_and(mask, beyond_padding(c, places)), itself)};
}

/* ---- Making ---- */

mlx_lm_prompt_cache *lm_batch_cache_new(const mlx_lm_prompt_cache *one, const int *padding,
                                        int count) {
  mlx_lm_prompt_cache *batch = lm_prompt_cache_new(one->count);
  for (int i = 0; i < one->count; i++) {
    lm_kv_cache *c = &batch->layers[i];
    if (!can_batch(&one->layers[i])) {
      mlx_lm_prompt_cache_free(batch);
      return NULL;
    }
    *c = (lm_kv_cache){.kind = LM_BATCH_CACHE,
                       .max_size = one->layers[i].max_size,
                       .rows = new_rows(count),
                       .row_count = count};
    for (int k = 0; k < count; k++) c->rows[k] = (lm_row){padding[k], -padding[k]};
  }
  return batch;
}

/* `low` and `high` places of zeros around a's tokens; a negative `high` cuts. */
static mx pad_tokens(mx a, int low, int high) {
  if (high < 0) a = mx_slice_axis(a, TOKENS, 0, mx_dim(a, TOKENS) + high);
  high = high < 0 ? 0 : high;
  if (!low && !high) return a;
  return mx_pad(a, MX_INTS(2), MX_INTS(low), MX_INTS(high), mx_scalar_like(0, a), "constant");
}

/* The tokens that a single sequence's layer holds, oldest first. */
static mx tokens_in_order(const lm_kv_cache *c, mx a, int length) {
  if (c->kind == LM_ROTATING_CACHE) {
    a = lm_in_temporal_order(c, a);
    return mx_slice_axis(a, TOKENS, mx_dim(a, TOKENS) - length, mx_dim(a, TOKENS));
  }
  return mx_slice_axis(a, TOKENS, 0, length);
}

static int length_of(const lm_kv_cache *c) {
  return c->max_size && c->offset > c->max_size ? c->max_size : c->offset;
}

static mx merged(mlx_lm_prompt_cache *const *caches, int count, int layer, bool values, int longest,
                 mx like) {
  mx *parts = mx_xcalloc((size_t)count, sizeof *parts);
  for (int i = 0; i < count; i++) {
    const lm_kv_cache *c = &caches[i]->layers[layer];
    int length = length_of(c);
    mx a = values ? c->values[LM_DATA] : c->keys[LM_DATA];
    parts[i] =
        length ? pad_tokens(tokens_in_order(c, a, length), longest - length, 0)
               : mx_zeros(MX_INTS(1, mx_dim(like, 1), longest, mx_dim(like, 3)), mx_dtype_of(like));
  }
  mx all = mx_concatenate(parts, count, 0);
  free(parts);
  return all;
}

static bool merge_layer(mlx_lm_prompt_cache *const *caches, int count, int layer,
                        lm_kv_cache *out) {
  int longest = 0, whose = 0;
  for (int i = 0; i < count; i++) {
    int length = length_of(&caches[i]->layers[layer]);
    if (!can_batch(&caches[i]->layers[layer])) return false;
    if (length > longest) longest = length, whose = i;
  }
  *out = (lm_kv_cache){.kind = LM_BATCH_CACHE,
                       .offset = longest,
                       .max_size = caches[0]->layers[layer].max_size,
                       .rows = new_rows(count),
                       .row_count = count};
  for (int i = 0; i < count; i++) {
    const lm_kv_cache *c = &caches[i]->layers[layer];
    out->rows[i] = (lm_row){longest - length_of(c), c->offset};
  }
  if (!longest) return true;
  const lm_kv_cache *like = &caches[whose]->layers[layer];
  lm_replace(&out->keys[LM_DATA], merged(caches, count, layer, false, longest, like->keys[0]));
  lm_replace(&out->values[LM_DATA], merged(caches, count, layer, true, longest, like->values[0]));
  return out->keys[LM_DATA] && out->values[LM_DATA];
}

mlx_lm_prompt_cache *lm_batch_cache_merge(mlx_lm_prompt_cache *const *caches, int count) {
  mlx_lm_prompt_cache *batch = lm_prompt_cache_new(caches[0]->count);
  bool good = true;
  for (int i = 0; i < batch->count && good; i++) {
    mx_scope scope = mx_scope_begin();
    good = merge_layer(caches, count, i, &batch->layers[i]);
    mx_scope_end(scope, NULL);
  }
  if (good) return batch;
  mlx_lm_prompt_cache_free(batch);
  return NULL;
}

/* ---- Changing ---- */

/* Drops the first `count` places. */
static void drop_places(lm_kv_cache *c, int count) {
  mx_scope scope = mx_scope_begin();
  lm_replace(&c->keys[LM_DATA], mx_slice_axis(c->keys[LM_DATA], TOKENS, count, c->offset));
  lm_replace(&c->values[LM_DATA], mx_slice_axis(c->values[LM_DATA], TOKENS, count, c->offset));
  mx_scope_end(scope, NULL);
  c->offset -= count;
  for (int i = 0; i < c->row_count; i++) c->rows[i].padding -= count;
}

static void filter_layer(lm_kv_cache *c, const int *keep, int count) {
  mx indices = mx_array_new(keep, MX_INTS(count), MX_INT32);
  lm_row *rows = new_rows(count);
  int least = c->offset;
  for (int i = 0; i < count; i++) {
    rows[i] = c->rows[keep[i]];
    least = rows[i].padding < least ? rows[i].padding : least;
  }
  free(c->rows);
  c->rows = rows;
  c->row_count = count;
  if (!c->keys[LM_DATA]) return;
  lm_replace(&c->keys[LM_DATA], mx_take(c->keys[LM_DATA], indices, .axis = 0));
  lm_replace(&c->values[LM_DATA], mx_take(c->values[LM_DATA], indices, .axis = 0));
  if (least > 0) drop_places(c, least);
}

bool lm_batch_cache_filter(mlx_lm_prompt_cache *cache, const int *keep, int count) {
  mx_scope scope = mx_scope_begin();
  for (int i = 0; i < cache->count; i++) filter_layer(&cache->layers[i], keep, count);
  mx_scope_end(scope, NULL);
  return !mx_error();
}

static mx joined(const lm_kv_cache *a, mx x, const lm_kv_cache *b, mx y) {
  int end = a->offset > b->offset ? a->offset : b->offset;
  if (!x || !y) return NULL;
  mx left = pad_tokens(x, end - a->offset, a->offset - mx_dim(x, TOKENS));
  mx right = pad_tokens(y, end - b->offset, b->offset - mx_dim(y, TOKENS));
  return mx_concatenate(MX_LIST(left, right), 0);
}

static void extend_layer(lm_kv_cache *c, const lm_kv_cache *other) {
  int end = c->offset > other->offset ? c->offset : other->offset;
  int count = c->row_count + other->row_count;
  lm_row *rows = new_rows(count);
  for (int i = 0; i < count; i++) {
    const lm_kv_cache *from = i < c->row_count ? c : other;
    rows[i] = from->rows[i < c->row_count ? i : i - c->row_count];
    rows[i].padding += end - from->offset;
  }
  lm_replace(&c->keys[LM_DATA], joined(c, c->keys[LM_DATA], other, other->keys[LM_DATA]));
  lm_replace(&c->values[LM_DATA], joined(c, c->values[LM_DATA], other, other->values[LM_DATA]));
  free(c->rows);
  c->rows = rows;
  c->row_count = count;
  c->offset = end;
}

bool lm_batch_cache_extend(mlx_lm_prompt_cache *cache, const mlx_lm_prompt_cache *other) {
  mx_scope scope = mx_scope_begin();
  for (int i = 0; i < cache->count; i++) extend_layer(&cache->layers[i], &other->layers[i]);
  mx_scope_end(scope, NULL);
  return !mx_error();
}

void lm_batch_cache_drop_old(mlx_lm_prompt_cache *cache) {
  for (int i = 0; i < cache->count; i++) {
    lm_kv_cache *c = &cache->layers[i];
    if (c->max_size && c->offset > c->max_size + SLACK) drop_places(c, c->offset - c->max_size);
  }
}

/* ---- Taking out ---- */

static mx row_of(const lm_kv_cache *c, mx a, int row, int start) {
  a = mx_slice_axis(a, 0, row, row + 1);
  return mx_contiguous(mx_slice_axis(a, TOKENS, start, c->offset));
}

mlx_lm_prompt_cache *lm_batch_cache_extract(const mlx_lm_prompt_cache *cache, int row) {
  mlx_lm_prompt_cache *one = lm_prompt_cache_new(cache->count);
  mx_scope scope = mx_scope_begin();
  for (int i = 0; i < cache->count; i++) {
    const lm_kv_cache *c = &cache->layers[i];
    lm_kv_cache *out = &one->layers[i];
    int start = c->rows[row].padding > 0 ? c->rows[row].padding : 0;
    if (c->max_size && c->offset - start > c->max_size) start = c->offset - c->max_size;
    *out = (lm_kv_cache){.kind = c->max_size ? LM_ROTATING_CACHE : LM_KV_CACHE,
                         .offset = c->rows[row].seen,
                         .max_size = c->max_size,
                         .index = c->offset - start};
    lm_replace(&out->keys[LM_DATA], row_of(c, c->keys[LM_DATA], row, start));
    lm_replace(&out->values[LM_DATA], row_of(c, c->values[LM_DATA], row, start));
  }
  mx_scope_end(scope, NULL);
  return one;
}

mlx_lm_prompt_cache *lm_prompt_cache_share(const mlx_lm_prompt_cache *cache) {
  mlx_lm_prompt_cache *copy = lm_prompt_cache_new(cache->count);
  memcpy(copy->layers, cache->layers, (size_t)cache->count * sizeof *cache->layers);
  for (int i = 0; i < copy->count; i++) {
    copy->layers[i].rows = NULL;
    copy->layers[i].row_count = 0;
    for (int p = 0; p < LM_PARTS; p++) {
      mx_retain(copy->layers[i].keys[p]);
      mx_retain(copy->layers[i].values[p]);
    }
  }
  return copy;
}
