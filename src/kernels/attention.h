/* Kernels: scaled dot-product attention of some query rows over a range of keys, in one pass over
 * them with a running maximum (Milakov and Gimelshein, "Online normalizer calculation for softmax",
 * 2018; Dao et al., "FlashAttention", 2022). Scores are never in memory but for one block. */
#ifndef KERNELS_ATTENTION_H
#define KERNELS_ATTENTION_H

#include "kernels/isa.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { MX_MASK_NONE, MX_MASK_BOOL, MX_MASK_ADD } mx_mask_kind;

/* One K/V head and the `group` query heads that share it. A query row is numbered
 * position * group + head, so that causal limits rise with the row. Steps are in elements; the last
 * dimension of q, k, v and out is contiguous. The mask is of bool (one byte; false masks) or of q's
 * kind, and is added; sinks are logits, one a query head, that take weight and give no value. */
typedef struct mx_attention {
  int64_t group, queries, keys, d, dv;
  float scale;
  bool causal; /* position t sees keys up to t + max(keys - queries, 0) */
  const void *q, *k, *v, *mask, *sinks;
  void *out;
  int64_t q_head, q_row, k_row, v_row, out_head, out_row;
  mx_mask_kind mask_kind;
  int64_t mask_head, mask_row, mask_key;
} mx_attention;

/* Of rows [row0, row0 + rows) over keys [key0, key1): writes a state a row of dv + 2 floats, the
 * greatest score m (in powers of 2), the sum of 2^(score - m) and the sum of 2^(score - m) v.
 * Sinks enter where key0 is 0. `scratch` holds what attention_scratch says, 64-byte aligned. */
#define MX_ATTENTION_PARAMETERS                                                                 \
  (const mx_attention *a, int64_t row0, int64_t rows, int64_t key0, int64_t key1, float *state, \
   float *scratch)

/* Merges `splits` states of each row, `split_step` floats apart (using them up), and writes the
 * rows of out. */
#define MX_ATTENTION_FINISH_PARAMETERS                                              \
  (const mx_attention *a, int64_t row0, int64_t rows, float *state, int64_t splits, \
   int64_t split_step)

#define MX_KERNELS_ATTENTION_KIND(K, T)                  \
  K(void, attention_block_##T, MX_ATTENTION_PARAMETERS)  \
  K(void, attention_stream_##T, MX_ATTENTION_PARAMETERS) \
  K(void, attention_finish_##T, MX_ATTENTION_FINISH_PARAMETERS)

/* attention_block serves many rows (prefill), attention_stream few (decode): fewer than
 * attention_stream_rows() is its trade. attention_f64 computes and writes whole rows, all keys; its
 * scratch holds `keys` doubles. */
#define MX_KERNELS_ATTENTION(K)                                                                \
  MX_KERNELS_ATTENTION_KIND(K, f32)                                                            \
  MX_KERNELS_ATTENTION_KIND(K, f16)                                                            \
  MX_KERNELS_ATTENTION_KIND(K, bf16)                                                           \
  K(void, attention_f64, (const mx_attention *a, int64_t row0, int64_t rows, double *scratch)) \
  K(int64_t, attention_stream_rows, (void))                                                    \
  K(size_t, attention_scratch, (const mx_attention *a, int64_t rows))

#ifdef MX_ISA
MX_KERNELS_ATTENTION(MX_DECLARE_KERNEL)
#endif

#endif
