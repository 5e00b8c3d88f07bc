/* Scaled dot-product attention: a piece of work is some query rows that share a K/V head, against
 * all the keys that they see, or, where there are fewer such pieces than the threads can use,
 * against a part of them; the parts' states are merged at the end. */
#include "drivers/attention.h"
#include "base/pool.h"
#include "drivers/rows.h"
#include "memory/memory.h"

#include <stdatomic.h>

#define BLOCK_ROWS 96     /* query rows of one piece: a multiple of every kernel's strip */
#define SPLIT_KEYS 256    /* a part of the keys is not shorter */
#define PIECES_A_THREAD 4 /* enough to even out, by taking turns, pieces of unequal length */

typedef struct {
  const mx_attention_call *call;
  int64_t rows, row_blocks, block; /* query rows a K/V head; their blocks; rows of a block */
  int64_t splits, split_keys;
  float *states; /* [K/V head of all batches][split][row][dv + 2], or NULL: one split, finished at
                    once */
  bool stream;
  _Atomic bool failed;
} attention_job;

static mx_attention head_at(const mx_attention_call *c, int64_t index) {
  mx_attention a = c->head;
  int64_t batch = index / c->kv_heads, head = index % c->kv_heads, first = head * a.group;
  int64_t size = (int64_t)mx_dtype_size(c->dtype);
  int64_t mask_size = a.mask_kind == MX_MASK_BOOL ? 1 : size;
  a.q = (const char *)a.q + (batch * c->q_batch + first * a.q_head) * size;
  a.k = (const char *)a.k + (batch * c->k_batch + head * c->k_head) * size;
  a.v = (const char *)a.v + (batch * c->v_batch + head * c->v_head) * size;
  a.out = (char *)a.out + (batch * c->out_batch + first * a.out_head) * size;
  if (a.mask)
    a.mask = (const char *)a.mask + (batch * c->mask_batch + first * a.mask_head) * mask_size;
  if (a.sinks) a.sinks = (const char *)a.sinks + first * size;
  return a;
}

#define KIND(name, dtype)                     \
  ((dtype) == MX_FLOAT32   ? mx_k->name##_f32 \
   : (dtype) == MX_FLOAT16 ? mx_k->name##_f16 \
                           : mx_k->name##_bf16)

/* Piece i: the last rows first, because with a causal mask they are the longest. */
static void run_piece(const attention_job *job, int64_t i, float *state, float *scratch) {
  int64_t split = i % job->splits, rest = i / job->splits;
  int64_t heads = job->call->batch * job->call->kv_heads;
  int64_t block = job->row_blocks - 1 - rest / heads, head = rest % heads;
  mx_attention a = head_at(job->call, head);
  mx_dtype dtype = job->call->dtype;
  int64_t row0 = block * job->block;
  int64_t rows = job->rows - row0 < job->block ? job->rows - row0 : job->block;
  if (dtype == MX_FLOAT64) {
    mx_k->attention_f64(&a, row0, rows, (double *)scratch);
    return;
  }
  int64_t key0 = split * job->split_keys, key1 = key0 + job->split_keys;
  if (key1 > a.keys) key1 = a.keys;
  if (job->states)
    state = job->states + ((head * job->splits + split) * job->rows + row0) * (a.dv + 2);
  if (job->stream)
    KIND(attention_stream, dtype)(&a, row0, rows, key0, key1, state, scratch);
  else
    KIND(attention_block, dtype)(&a, row0, rows, key0, key1, state, scratch);
  if (!job->states) KIND(attention_finish, dtype)(&a, row0, rows, state, 1, 0);
}

static void attention_range(void *context, int64_t begin, int64_t end) {
  attention_job *job = context;
  const mx_attention *a = &job->call->head;
  size_t state = (size_t)(job->block * (a->dv + 2)) * sizeof(float);
  size_t scratch = job->call->dtype == MX_FLOAT64 ? (size_t)a->keys * sizeof(double)
                                                  : mx_k->attention_scratch(a, job->block);
  state = (state + 63) / 64 * 64;
  mx_buffer *memory = mx_buffer_new(state + scratch);
  if (!memory) {
    job->failed = true;
    return;
  }
  for (int64_t i = begin; i < end; i++)
    run_piece(job, i, memory->data, (float *)((char *)memory->data + state));
  mx_buffer_release(memory);
}

static void finish_range(void *context, int64_t begin, int64_t end) {
  const attention_job *job = context;
  int64_t step = job->rows * (job->call->head.dv + 2);
  for (int64_t i = begin; i < end; i++) {
    mx_attention a = head_at(job->call, i);
    KIND(attention_finish, job->call->dtype)
    (&a, 0, job->rows, job->states + i * job->splits * step, job->splits, step);
  }
}

/* How many rows to a piece and how many parts of the keys. */
static void plan(attention_job *job) {
  const mx_attention *a = &job->call->head;
  int64_t heads = job->call->batch * job->call->kv_heads;
  int64_t wanted = mx_pool_threads() * PIECES_A_THREAD;
  job->rows = a->group * a->queries;
  job->stream = job->rows < mx_k->attention_stream_rows();
  job->row_blocks = (job->rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
  job->block = (job->rows + job->row_blocks - 1) / job->row_blocks;
  job->splits = 1;
  if (heads * job->row_blocks < wanted && a->keys >= 2 * SPLIT_KEYS &&
      job->call->dtype != MX_FLOAT64 && mx_pool_threads() > 1) {
    job->splits = (wanted + heads * job->row_blocks - 1) / (heads * job->row_blocks);
    if (job->splits > a->keys / SPLIT_KEYS) job->splits = a->keys / SPLIT_KEYS;
  }
  job->split_keys = (a->keys + job->splits - 1) / job->splits;
}

bool mx_attention_run(const mx_attention_call *call) {
  attention_job job = {.call = call};
  const mx_attention *a = &call->head;
  int64_t heads = call->batch * call->kv_heads;
  plan(&job);
  if (heads * job.rows * a->dv == 0) return true;
  mx_buffer *states = NULL;
  if (job.splits > 1) {
    states = mx_buffer_new((size_t)(heads * job.splits * job.rows * (a->dv + 2)) * sizeof(float));
    if (!states) return false;
    job.states = states->data;
  }
  mx_pool_run(heads * job.row_blocks * job.splits, 1, attention_range, &job);
  if (states && !job.failed)
    mx_pool_run(heads, 1 + (1 << 16) / (job.rows * job.splits * (a->dv + 2)), finish_range, &job);
  mx_buffer_release(states);
  return !job.failed;
}
