/* Softmax and log-sum-exp: rows where the axis is contiguous; adjacent columns at once where the
 * last axis is another and contiguous; else row by row through a gathered copy. */
#include "drivers/softmax.h"
#include "base/pool.h"
#include "drivers/copy.h"
#include "drivers/rows.h"
#include "memory/memory.h"

#include <stdatomic.h>

/* Columns of one piece of work: so many that memory is read in long runs, or fewer, that the second
 * reading finds in the second-level cache, or that every thread has some. */
#define WIDE 1024
#define COLUMNS 256
#define CACHED_BYTES (512 << 10)
#define LONG 65536 /* of a row: its log-sum-exp is that of its pieces' */
#define PIECE 8192

typedef struct {
  mx_dtype dtype;
  bool sum; /* log-sum-exp */
  const char *x;
  char *out;
  int64_t n, size, x_step, out_step;     /* along the axis */
  int64_t columns, column_blocks, block; /* columns of a block */
  mx_nd outer;                           /* operands: x, out */
  _Atomic bool failed;
} softmax_job;

static void rows_range(void *context, int64_t begin, int64_t end) {
  softmax_job *job = context;
  int inner = job->outer.ndim - 1;
  for (int64_t row = begin, run; row < end; row += run) {
    int64_t offset[2];
    run = mx_rows_at(&job->outer, row, end - row, offset);
    const char *x = job->x + offset[0] * job->size;
    char *out = job->out + offset[1] * job->size;
    int64_t x_row = job->outer.strides[0][inner], out_row = job->outer.strides[1][inner];
    if (job->sum)
      MX_FLOAT_KERNEL(logsumexp_rows, job->dtype)(x, x_row, out, out_row, run, job->n);
    else
      MX_FLOAT_KERNEL(softmax_rows, job->dtype)(x, x_row, out, out_row, run, job->n);
  }
}

static void columns_range(void *context, int64_t begin, int64_t end) {
  softmax_job *job = context;
  for (int64_t i = begin; i < end; i++) {
    int64_t offset[2], column = i % job->column_blocks * job->block;
    int64_t count = job->columns - column < job->block ? job->columns - column : job->block;
    mx_rows_at(&job->outer, i / job->column_blocks, 1, offset);
    const char *x = job->x + (offset[0] + column) * job->size;
    char *out = job->out + (offset[1] + column) * job->size;
    if (job->sum)
      MX_FLOAT_KERNEL(logsumexp_columns, job->dtype)(x, job->x_step, out, 0, count, job->n);
    else
      MX_FLOAT_KERNEL(softmax_columns, job->dtype)
    (x, job->x_step, out, job->out_step, count, job->n);
  }
}

static void pieces_range(void *context, int64_t begin, int64_t end) {
  softmax_job *job = context;
  int64_t whole = job->n / PIECE < end ? job->n / PIECE : end, rest = job->n % PIECE;
  const char *x = job->x + begin * PIECE * job->size;
  char *out = job->out + begin * job->size;
  mx_k->logsumexp_rows_f32(x, PIECE, out, 1, whole - begin, PIECE);
  if (whole == end) return;
  whole -= begin;
  mx_k->logsumexp_rows_f32(x + whole * PIECE * job->size, 0, out + whole * job->size, 0, 1, rest);
}

static bool run_pieces(const softmax_job *job) {
  int64_t pieces = (job->n + PIECE - 1) / PIECE;
  mx_buffer *scratch = mx_buffer_new((size_t)pieces * sizeof(float));
  if (!scratch) return false;
  softmax_job parts = *job;
  parts.out = scratch->data;
  mx_pool_run(pieces, 8, pieces_range, &parts);
  mx_k->logsumexp_rows_f32(scratch->data, 0, job->out, 0, 1, pieces);
  mx_buffer_release(scratch);
  return true;
}

static void gather_range(void *context, int64_t begin, int64_t end) {
  softmax_job *job = context;
  mx_buffer *scratch = mx_buffer_new((size_t)(job->n * job->size));
  if (!scratch) {
    job->failed = true;
    return;
  }
  for (int64_t row = begin; row < end; row++) {
    int64_t offset[2];
    mx_rows_at(&job->outer, row, 1, offset);
    char *out = job->out + offset[1] * job->size;
    mx_k->copy_rect(scratch->data, job->n, 1, job->x + offset[0] * job->size, 0, job->x_step, 1,
                    job->n, (int)job->size);
    if (job->sum) {
      MX_FLOAT_KERNEL(logsumexp_rows, job->dtype)(scratch->data, 0, out, 0, 1, job->n);
      continue;
    }
    MX_FLOAT_KERNEL(softmax_rows, job->dtype)(scratch->data, 0, scratch->data, 0, 1, job->n);
    mx_k->copy_rect(out, 0, job->out_step, scratch->data, job->n, 1, 1, job->n, (int)job->size);
  }
  mx_buffer_release(scratch);
}

/* Collapses the axes other than `axis` (and other than the last where `columns`) for x and out. */
static void collapse_outer(softmax_job *job, const int64_t *x_strides, const int32_t *shape,
                           int ndim, int axis, bool columns) {
  int32_t outer[MX_ND_MAX];
  int64_t x[MX_ND_MAX], out[MX_ND_MAX], step = 1;
  int count = 0;
  for (int d = 0; d < ndim; d++)
    if (d != axis && !(columns && d == ndim - 1)) {
      outer[count] = shape[d];
      x[count++] = x_strides[d];
    }
  for (int d = ndim - 1, at = count; d >= 0; d--) {
    if (d == axis) job->out_step = step;
    if (d != axis && !(columns && d == ndim - 1)) out[--at] = step;
    if (d != axis || !job->sum) step *= shape[d];
  }
  mx_nd_collapse(&job->outer, outer, count, 2, (const int64_t *const[]){x, out}, false);
}

static int64_t block_of(const softmax_job *job) {
  int64_t pieces = (job->columns + WIDE - 1) / WIDE * job->outer.size;
  bool cached = job->n * COLUMNS * job->size <= CACHED_BYTES;
  return cached || pieces < mx_pool_threads() ? COLUMNS : WIDE;
}

static bool run(softmax_job *job, const int64_t *x_strides, const int32_t *shape, int ndim,
                int axis) {
  int last = ndim - 1;
  job->n = shape[axis];
  job->size = (int64_t)mx_dtype_size(job->dtype);
  job->x_step = x_strides[axis];
  bool columns = axis != last && x_strides[last] == 1 && shape[last] > 1;
  collapse_outer(job, x_strides, shape, ndim, axis, columns);
  bool rows = (job->x_step == 1 || job->n == 1) && (job->sum || job->out_step == 1 || job->n == 1);
  if (job->n == 0 || job->outer.size == 0) return true;
  if (columns) {
    job->columns = shape[last];
    job->block = block_of(job);
    job->column_blocks = (job->columns + job->block - 1) / job->block;
    mx_pool_run(job->outer.size * job->column_blocks, mx_row_grain(job->n * job->block),
                columns_range, job);
  } else if (job->sum && rows && job->dtype == MX_FLOAT32 && job->outer.size == 1 &&
             job->n >= LONG) {
    return run_pieces(job);
  } else {
    mx_pool_run(job->outer.size, mx_row_grain(job->n), rows ? rows_range : gather_range, job);
  }
  return !job->failed;
}

bool mx_softmax_axis(mx_dtype dtype, const void *x, const int64_t *x_strides, const int32_t *shape,
                     int ndim, int axis, void *out) {
  softmax_job job = {.dtype = dtype, .x = x, .out = out};
  return run(&job, x_strides, shape, ndim, axis);
}

bool mx_logsumexp_axis(mx_dtype dtype, const void *x, const int64_t *x_strides,
                       const int32_t *shape, int ndim, int axis, void *out) {
  softmax_job job = {.dtype = dtype, .x = x, .out = out, .sum = true};
  return run(&job, x_strides, shape, ndim, axis);
}
