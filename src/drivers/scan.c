/* Scans: runs along the axis, or columns where the axis is not the innermost; the other axes are
 * shared out over the pool. */
#include "drivers/scan.h"
#include "base/pool.h"
#include "drivers/walk.h"
#include "kernels/kernels.h"

#define COLUMNS 256
#define PIECE 16384 /* elements worth a thread's while */

typedef struct {
  mx_scan_kind kind;
  mx_dtype dtype;
  const char *in;
  char *out;
  int64_t in_bytes, out_bytes, length, in_step, out_step;
  bool inclusive;
  mx_dim ins[MX_WALK_DIMS], outs[MX_WALK_DIMS]; /* the other axes; columns: but for the innermost */
  int n;
  int64_t width, blocks;
} job;

static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

static void push(job *j, int64_t size, int64_t in, int64_t out) {
  if (size == 1) return;
  int last = j->n - 1;
  if (j->n && j->ins[last].stride == size * in && j->outs[last].stride == size * out)
    size *= j->ins[--j->n].size;
  j->ins[j->n] = (mx_dim){size, in};
  j->outs[j->n++] = (mx_dim){size, out};
}

static void runs(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  mx_walk in, out;
  mx_walk_start(&in, j->ins, j->n, begin);
  mx_walk_start(&out, j->outs, j->n, begin);
  for (; begin < end; begin++, mx_walk_next(&in), mx_walk_next(&out))
    mx_k->scan_run(j->kind, j->dtype, j->in + in.offset * j->in_bytes, j->in_step,
                   j->out + out.offset * j->out_bytes, j->out_step, j->length, j->inclusive);
}

static void columns(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  mx_walk in, out;
  for (; begin < end; begin++) {
    int64_t row = begin / j->blocks, first = begin % j->blocks * COLUMNS;
    int64_t width = j->width - first < COLUMNS ? j->width - first : COLUMNS;
    mx_walk_start(&in, j->ins, j->n, row);
    mx_walk_start(&out, j->outs, j->n, row);
    mx_k->scan_columns(j->kind, j->dtype, j->in + (in.offset + first) * j->in_bytes, j->in_step,
                       j->out + (out.offset + first) * j->out_bytes, j->out_step, j->length, width,
                       j->inclusive);
  }
}

void mx_drive_scan(mx_scan_kind kind, mx_dtype dtype, const void *in, int ndim,
                   const int32_t *shape, const int64_t *strides, int axis, bool reverse,
                   bool inclusive, void *out) {
  job j = {.kind = kind,
           .dtype = dtype,
           .in = in,
           .out = out,
           .in_bytes = (int64_t)mx_dtype_size(dtype),
           .length = shape[axis],
           .in_step = strides[axis],
           .inclusive = inclusive};
  j.out_bytes = kind == MX_SCAN_SUM && dtype == MX_BOOL ? 4 : j.in_bytes;
  int64_t out_strides[MX_WALK_DIMS], size = 1;
  for (int i = ndim - 1; i >= 0; i--) out_strides[i] = size, size *= shape[i];
  if (!size) return;
  for (int i = 0; i < ndim; i++)
    if (i != axis) push(&j, shape[i], strides[i], out_strides[i]);
  j.out_step = out_strides[axis];
  if (reverse) {
    j.in += (j.length - 1) * j.in_step * j.in_bytes;
    j.out += (j.length - 1) * j.out_step * j.out_bytes;
    j.in_step = -j.in_step, j.out_step = -j.out_step;
  }
  int64_t others = size / j.length;
  int last = j.n - 1;
  if (j.n && j.ins[last].stride == 1 && j.outs[last].stride == 1) {
    j.width = j.ins[--j.n].size;
    j.blocks = (j.width + COLUMNS - 1) / COLUMNS;
    mx_pool_run(others / j.width * j.blocks, most(1, PIECE / (j.length * COLUMNS)), columns, &j);
  } else {
    mx_pool_run(others, most(1, PIECE / j.length), runs, &j);
  }
}
