/* Scaled dot-product attention of whole arrays, over the thread pool. */
#ifndef DRIVERS_ATTENTION_H
#define DRIVERS_ATTENTION_H

#include "kernels/attention.h"
#include "mlx/mx/dtype.h"

/* q is (batch, kv_heads * head.group, queries, d), k (batch, kv_heads, keys, d), v (batch,
 * kv_heads, keys, dv), out (batch, kv_heads * head.group, queries, dv). `head` describes the first
 * K/V head of the first batch; the strides from one batch and one K/V head to the next are in
 * elements (q_head, mask_head and out_head are query heads' own). */
typedef struct mx_attention_call {
  mx_dtype dtype;
  int64_t batch, kv_heads;
  mx_attention head;
  int64_t q_batch, k_batch, v_batch, mask_batch, out_batch;
  int64_t k_head, v_head;
} mx_attention_call;

/* False after mx_fail (no memory). */
bool mx_attention_run(const mx_attention_call *call);

#endif
