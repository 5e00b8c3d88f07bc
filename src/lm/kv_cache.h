/* One layer's cache of keys and values. */
#ifndef LM_KV_CACHE_H
#define LM_KV_CACHE_H

#include "mlx/mx.h"
#include "mlx_lm/cache.h"

/* The first three have mlx_lm's class names, which stand in saved caches. */
typedef enum lm_cache_kind {
  LM_KV_CACHE,
  LM_ROTATING_CACHE,
  LM_QUANTIZED_CACHE,
  LM_BATCH_CACHE, /* several sequences, which end at the same place (batch_cache.h) */
} lm_cache_kind;

/* Where a sequence of a batch stands. */
typedef struct lm_row {
  int padding; /* places before its first token; below 0 where tokens were dropped */
  int seen;    /* tokens so far; below 0: padding that is still to come */
} lm_row;

/* A layer's keys or values: [batch, kv heads, capacity, head_dim], the first `offset` tokens used;
 * a quantised cache has scales and biases beside them. */
enum { LM_DATA, LM_SCALES, LM_BIASES, LM_PARTS };

typedef struct lm_kv_cache {
  lm_cache_kind kind;
  int offset; /* tokens seen; in a batch, places used */
  mx keys[LM_PARTS],
      values[LM_PARTS];      /* owned; NULL while empty, and where a part does not exist */
  int max_size, keep, index; /* rotating: the window, the first tokens kept, the next place */
                             /* batch: max_size is the window, 0 for none */
  lm_row *rows;              /* batch: [row_count], owned */
  int row_count;
  int group_size, bits; /* quantised */
} lm_kv_cache;

struct mlx_lm_prompt_cache {
  int count;
  lm_kv_cache layers[]; /* [count] */
};

mlx_lm_prompt_cache *lm_prompt_cache_new(int layers);

/* Where the next tokens stand, for position embeddings: at one place, or each sequence at its own.
 */
typedef struct lm_position {
  int offset;
  mx offsets; /* [batch], in place of offset; or NULL */
} lm_position;

/* c may be NULL (no cache). */
lm_position lm_kv_cache_position(const lm_kv_cache *c);

/* Puts an array in the place of an owned one. */
void lm_replace(mx *slot, mx a);

/* What attention may look at. */
typedef struct lm_mask {
  bool causal;
  mx array; /* boolean, or NULL */
} lm_mask;

/* Appends [batch, kv heads, tokens, head_dim] and sets the parts of all keys and values to attend
 * to. False after mx_fail. */
bool lm_kv_cache_update(lm_kv_cache *c, mx keys, mx values, mx *all_keys, mx *all_values);

/* The mask for `tokens` new tokens; window 0: none. c may be NULL (no cache). */
lm_mask lm_make_mask(const lm_kv_cache *c, int tokens, int window);

/* [tokens, offset + tokens]: query offset + i sees keys up to itself, `window` of them at most (0:
 * all).
 */
mx lm_causal_mask(int tokens, int offset, int window);

/* A rotating cache's array with its oldest token first. */
mx lm_in_temporal_order(const lm_kv_cache *c, mx a);

/* Turns a plain cache into a quantised one. False after mx_fail. */
bool lm_kv_cache_quantize(lm_kv_cache *c, int group_size, int bits);

bool lm_kv_cache_is_trimmable(const lm_kv_cache *c);
int lm_kv_cache_trim(lm_kv_cache *c, int tokens);

/* The arrays that evaluation of the cache must reach, appended to out[2 * LM_PARTS]; their count.
 */
int lm_kv_cache_arrays(const lm_kv_cache *c, mx *out);

#endif
