/* Copies: dense, filled, or block by block through the first-level cache. */
#include "drivers/copy.h"
#include "base/pool.h"
#include "drivers/collapse.h"
#include "kernels/kernels.h"

#include <stdbool.h>
#include <string.h>

#define GRAIN_BYTES (64 << 10) /* below this a second thread costs more than it brings */
#define CHUNK 2048             /* elements staged between cache and memory */
#define TURN_BYTES (1 << 20)   /* from here on transpositions write past the caches */

int64_t mx_stream_bytes = INT64_MAX;
int64_t mx_turn_bytes = TURN_BYTES;

#if defined(__x86_64__)
__attribute__((constructor)) static void choose_streaming(void) {
  __builtin_cpu_init();
  if (__builtin_cpu_is("amd")) mx_stream_bytes = 32 << 20;
}
#endif

typedef struct {
  char *dst;
  const char *src;
  mx_dtype dst_dtype, src_dtype;
  int64_t dst_size, src_size;
  bool stream;
} copy_job;

static copy_job job_of(void *dst, mx_dtype dst_dtype, const void *src, mx_dtype src_dtype,
                       int64_t n) {
  copy_job job = {dst,
                  src,
                  dst_dtype,
                  src_dtype,
                  (int64_t)mx_dtype_size(dst_dtype),
                  (int64_t)mx_dtype_size(src_dtype),
                  false};
  job.stream = mx_worth_streaming(n * job.dst_size);
  return job;
}

static int64_t grain_of(const copy_job *job) {
  int64_t bytes = job->dst_size > job->src_size ? job->dst_size : job->src_size;
  return GRAIN_BYTES / bytes;
}

static void dense_range(void *context, int64_t begin, int64_t end) {
  const copy_job *job = context;
  char *dst = job->dst + begin * job->dst_size;
  const char *src = job->src + begin * job->src_size;
  if (!job->stream) {
    mx_k->copy_cast(dst, job->dst_dtype, src, job->src_dtype, end - begin);
    return;
  }
  if (job->dst_dtype == job->src_dtype) {
    mx_k->copy_stream(dst, src, (end - begin) * job->dst_size);
  } else {
    _Alignas(64) char staged[CHUNK * 8];
    for (int64_t i = begin; i < end; i += CHUNK) {
      int64_t n = end - i < CHUNK ? end - i : CHUNK;
      mx_k->copy_cast(staged, job->dst_dtype, job->src + i * job->src_size, job->src_dtype, n);
      mx_k->copy_stream(job->dst + i * job->dst_size, staged, n * job->dst_size);
    }
  }
  mx_stream_fence();
}

void mx_copy_dense(void *dst, mx_dtype dst_dtype, const void *src, mx_dtype src_dtype, int64_t n) {
  copy_job job = job_of(dst, dst_dtype, src, src_dtype, n);
  if (dst == src && dst_dtype == src_dtype) return;
  mx_pool_run(n, grain_of(&job), dense_range, &job);
}

static void fill_range(void *context, int64_t begin, int64_t end) {
  const copy_job *job = context;
  char *dst = job->dst + begin * job->dst_size;
  if (!job->stream) {
    mx_k->copy_fill(dst, job->src, end - begin, (int)job->dst_size);
    return;
  }
  _Alignas(64) char staged[CHUNK * 8];
  mx_k->copy_fill(staged, job->src, CHUNK, (int)job->dst_size);
  for (int64_t i = 0; i < end - begin; i += CHUNK) {
    int64_t n = end - begin - i < CHUNK ? end - begin - i : CHUNK;
    mx_k->copy_stream(dst + i * job->dst_size, staged, n * job->dst_size);
  }
  mx_stream_fence();
}

void mx_copy_fill(void *dst, mx_dtype dst_dtype, const void *value, mx_dtype value_dtype,
                  int64_t n) {
  char element[8];
  mx_k->copy_cast(element, dst_dtype, value, value_dtype, 1);
  copy_job job = job_of(dst, dst_dtype, element, dst_dtype, n);
  mx_pool_run(n, grain_of(&job), fill_range, &job);
}

typedef struct {
  copy_job copy;
  mx_blocks blocks;
  bool cast;
  int64_t run; /* bytes that lie together on both sides, where blocks are of such runs */
} strided_job;

/* Strides of one operand within a block, in elements. */
typedef struct {
  int64_t row, col;
} rect_strides;

static bool rect_is_dense(rect_strides s, const mx_block *b) {
  return (s.col == 1 || b->cols == 1) && (b->rows == 1 || s.row == b->cols);
}

/* A block with a cast: gathered if it is not dense, converted, scattered if it must be. */
static void cast_block(const strided_job *job, const mx_block *b, rect_strides d, rect_strides s) {
  const copy_job *copy = &job->copy;
  _Alignas(64) char gathered[CHUNK * 8], converted[CHUNK * 8];
  char *dst = copy->dst + b->offset[0] * copy->dst_size;
  const char *src = copy->src + b->offset[1] * copy->src_size;
  int64_t n = b->rows * b->cols;
  if (!rect_is_dense(s, b)) {
    mx_k->copy_rect(gathered, b->cols, 1, src, s.row, s.col, b->rows, b->cols, (int)copy->src_size);
    src = gathered;
  }
  bool dense = rect_is_dense(d, b);
  mx_k->copy_cast(dense ? dst : converted, copy->dst_dtype, src, copy->src_dtype, n);
  if (!dense)
    mx_k->copy_rect(dst, d.row, d.col, converted, b->cols, 1, b->rows, b->cols,
                    (int)copy->dst_size);
}

static void strided_range(void *context, int64_t begin, int64_t end) {
  const strided_job *job = context;
  const copy_job *copy = &job->copy;
  const mx_nd *nd = &job->blocks.nd;
  int inner = nd->ndim - 1;
  rect_strides d = {nd->strides[0][inner - 1], nd->strides[0][inner]};
  rect_strides s = {nd->strides[1][inner - 1], nd->strides[1][inner]};
  for (int64_t i = begin; i < end; i++) {
    mx_block b;
    mx_blocks_at(&job->blocks, i, &b);
    if (job->cast)
      cast_block(job, &b, d, s);
    else
      mx_k->copy_rect(copy->dst + b.offset[0] * copy->dst_size, d.row, d.col,
                      copy->src + b.offset[1] * copy->src_size, s.row, s.col, b.rows, b.cols,
                      (int)copy->dst_size);
  }
}

/* ---- transpositions whose results do not stay in caches ---- */

#define TURN_ROWS 4096 /* of a block: that many elements run on in each row of the source */
#define LINE 64

static bool worth_turning(const strided_job *job, const mx_blocks *b) {
  const mx_nd *nd = &b->nd;
  int64_t size = job->copy.dst_size;
  int inner = nd->ndim - 1;
  if (job->cast || nd->size * size < mx_turn_bytes) return false;
  if (nd->strides[0][inner] != 1 || nd->strides[1][inner - 1] != 1) return false;
  return nd->shape[inner - 1] >= LINE / size && nd->shape[inner] >= LINE / size;
}

/* Where rows of the result begin with lines, a line of each, so that the source is read in long
 * runs; others are written in pieces that should be long. */
static void cut_lines(strided_job *job) {
  const mx_nd *nd = &job->blocks.nd;
  int64_t size = job->copy.dst_size;
  int inner = nd->ndim - 1;
  int64_t apart = (int64_t)(uintptr_t)job->copy.dst | nd->shape[inner] * size;
  for (int d = 0; d < inner; d++) apart |= nd->strides[0][d] * size;
  if (apart % LINE == 0)
    mx_blocks_size(&job->blocks, TURN_ROWS, LINE / size);
  else
    mx_blocks_size(&job->blocks, 16 * LINE / size, 32 * LINE / size);
}

static void turn_range(void *context, int64_t begin, int64_t end) {
  const strided_job *job = context;
  const copy_job *copy = &job->copy;
  const mx_nd *nd = &job->blocks.nd;
  int inner = nd->ndim - 1;
  for (int64_t i = begin; i < end; i++) {
    mx_block b;
    mx_blocks_at(&job->blocks, i, &b);
    mx_k->copy_turn(copy->dst + b.offset[0] * copy->dst_size, nd->strides[0][inner - 1],
                    copy->src + b.offset[1] * copy->src_size, nd->strides[1][inner], b.rows, b.cols,
                    (int)copy->dst_size);
  }
  mx_stream_fence();
}

/* ---- short runs in another order: heads and positions that change places ---- */

#define RUN_BYTES 2048 /* longer runs are copied at memory's speed in any order */
#define RUN_ROWS 16    /* of a block, that follow each other in the results */
#define RUN_COLS 64    /* in the source */

/* Where the runs that are next to each other in the source are not so in the results, and short,
 * blocks are of both kinds of neighbours, so that either side is met in longer pieces. */
static bool worth_running(strided_job *job, const mx_nd *nd) {
  int last = nd->ndim - 1, near = last - 1;
  int64_t size = job->copy.dst_size, run = nd->shape[last] * size;
  if (job->cast || nd->ndim < 3 || run < LINE || run > RUN_BYTES) return false;
  if (nd->size * size < mx_turn_bytes) return false;
  if (nd->strides[0][last] != 1 || nd->strides[1][last] != 1) return false;
  for (int d = 0; d < last; d++) {
    if (nd->strides[1][d] <= 0) return false;
    if (nd->strides[1][d] < nd->strides[1][near]) near = d;
  }
  if (near == last - 1) return false;
  mx_nd *runs = &job->blocks.nd;
  *runs = *nd;
  runs->ndim = last;
  runs->size = nd->size / nd->shape[last];
  for (int to = near, from; to < last; to++) {
    from = to + 1 < last ? to + 1 : near;
    runs->shape[to] = nd->shape[from];
    for (int k = 0; k < 2; k++) runs->strides[k][to] = nd->strides[k][from];
  }
  mx_blocks_size(&job->blocks, RUN_ROWS, RUN_COLS);
  job->run = run;
  return true;
}

static void runs_range(void *context, int64_t begin, int64_t end) {
  const strided_job *job = context;
  const copy_job *copy = &job->copy;
  const mx_nd *nd = &job->blocks.nd;
  int inner = nd->ndim - 1;
  int64_t size = copy->dst_size;
  for (int64_t i = begin; i < end; i++) {
    mx_block b;
    mx_blocks_at(&job->blocks, i, &b);
    mx_k->copy_runs(copy->dst + b.offset[0] * size, nd->strides[0][inner - 1] * size,
                    nd->strides[0][inner] * size, copy->src + b.offset[1] * size,
                    nd->strides[1][inner - 1] * size, nd->strides[1][inner] * size, b.rows, b.cols,
                    job->run);
  }
  mx_stream_fence();
}

static bool all_zero(const mx_nd *nd, int operand) {
  for (int d = 0; d < nd->ndim; d++)
    if (nd->strides[operand][d]) return false;
  return true;
}

void mx_copy_strided(void *dst, mx_dtype dst_dtype, const int64_t *dst_strides, const void *src,
                     mx_dtype src_dtype, const int64_t *src_strides, const int32_t *shape,
                     int ndim) {
  mx_nd nd;
  mx_nd_collapse(&nd, shape, ndim, 2, (const int64_t *const[]){dst_strides, src_strides}, true);
  if (nd.size == 0) return;
  if (mx_nd_is_dense(&nd, 0) && mx_nd_is_dense(&nd, 1)) {
    mx_copy_dense(dst, dst_dtype, src, src_dtype, nd.size);
  } else if (mx_nd_is_dense(&nd, 0) && all_zero(&nd, 1)) {
    mx_copy_fill(dst, dst_dtype, src, src_dtype, nd.size);
  } else {
    strided_job job = {.copy = job_of(dst, dst_dtype, src, src_dtype, nd.size),
                       .cast = dst_dtype != src_dtype};
    if (worth_running(&job, &nd)) {
      mx_pool_run(job.blocks.count, 1, runs_range, &job);
      return;
    }
    mx_blocks_cut(&job.blocks, &nd, CHUNK);
    int64_t block = job.blocks.block_rows * job.blocks.block_cols;
    if (worth_turning(&job, &job.blocks)) {
      cut_lines(&job);
      mx_pool_run(job.blocks.count, 1, turn_range, &job);
      return;
    }
    mx_pool_run(job.blocks.count, (grain_of(&job.copy) + block - 1) / block, strided_range, &job);
  }
}
