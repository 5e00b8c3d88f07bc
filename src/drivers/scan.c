/* Scans: runs along the axis, or columns where the axis is not the innermost; the other axes are
 * shared out over the pool. */
#include "drivers/scan.h"
#include "base/pool.h"
#include "drivers/walk.h"
#include "kernels/kernels.h"

/* Columns of one piece of work: so many that memory is read in long runs, or fewer, so that every
 * thread has some. */
#define WIDE 1024
#define COLUMNS 256
#define PIECE 16384 /* elements worth a thread's while */
/* Of a long run, which several threads share: pieces of so many elements; so many of them for each
 * thread are added up and then run through again while they are in its cache, at most MOST of all.
 */
#define LONG_PIECE 32768
#define OF_EACH 4
#define MOST 256

typedef struct {
  mx_scan_kind kind;
  mx_dtype dtype;
  const char *in;
  char *out;
  int64_t in_bytes, out_bytes, length, in_step, out_step;
  bool inclusive;
  mx_dim ins[MX_WALK_DIMS], outs[MX_WALK_DIMS]; /* the other axes; columns: but for the innermost */
  int n;
  int64_t width, block, blocks;
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
    int64_t row = begin / j->blocks, first = begin % j->blocks * j->block;
    int64_t width = j->width - first < j->block ? j->width - first : j->block;
    mx_walk_start(&in, j->ins, j->n, row);
    mx_walk_start(&out, j->outs, j->n, row);
    mx_k->scan_columns(j->kind, j->dtype, j->in + (in.offset + first) * j->in_bytes, j->in_step,
                       j->out + (out.offset + first) * j->out_bytes, j->out_step, j->length, width,
                       j->inclusive);
  }
}

/* ---- running sums of few long runs ---- */

typedef struct {
  const job *whole;
  const char *in;
  char *out;
  int64_t first, n; /* elements of the wave, from the run's beginning on */
  double base[MOST], sum[MOST];
} wave;

static int64_t piece_size(const wave *w, int64_t piece) {
  int64_t left = w->n - piece * LONG_PIECE;
  return left < LONG_PIECE ? left : LONG_PIECE;
}

static double scan_piece(const wave *w, int64_t piece, bool write, double base) {
  const job *j = w->whole;
  int64_t at = w->first + piece * LONG_PIECE;
  return mx_k->scan_sum_piece(j->dtype, w->in + at * j->in_bytes,
                              write ? w->out + at * j->out_bytes : NULL, piece_size(w, piece),
                              j->inclusive, base);
}

static void add_pieces(void *context, int64_t begin, int64_t end) {
  wave *w = context;
  for (; begin < end; begin++) w->sum[begin] = scan_piece(w, begin, false, 0);
}

static void write_pieces(void *context, int64_t begin, int64_t end) {
  wave *w = context;
  for (; begin < end; begin++) scan_piece(w, begin, true, w->base[begin]);
}

static bool in_long_pieces(const job *j, int64_t runs) {
  return j->kind == MX_SCAN_SUM && mx_is_subdtype(j->dtype, MX_KIND_FLOATING) && j->in_step == 1 &&
         j->out_step == 1 && runs < 8 && j->length >= 8 * LONG_PIECE;
}

/* One thread adds up as it goes, in the same order. */
static void long_run(wave *w) {
  double base = 0;
  int64_t threads = mx_pool_threads(), length = w->whole->length;
  int64_t step = (threads < MOST / OF_EACH ? threads * OF_EACH : MOST) * LONG_PIECE;
  for (w->first = 0; w->first < length; w->first += step) {
    w->n = length - w->first < step ? length - w->first : step;
    int64_t pieces = (w->n + LONG_PIECE - 1) / LONG_PIECE;
    if (threads == 1) {
      for (int64_t i = 0; i < pieces; i++) base += scan_piece(w, i, true, base);
      continue;
    }
    mx_pool_run(pieces, 1, add_pieces, w);
    for (int64_t i = 0; i < pieces; i++) w->base[i] = base, base += w->sum[i];
    mx_pool_run(pieces, 1, write_pieces, w);
  }
}

static void long_runs(const job *j, int64_t runs) {
  mx_walk in, out;
  mx_walk_start(&in, j->ins, j->n, 0);
  mx_walk_start(&out, j->outs, j->n, 0);
  for (int64_t i = 0; i < runs; i++, mx_walk_next(&in), mx_walk_next(&out)) {
    wave w = {.whole = j,
              .in = j->in + in.offset * j->in_bytes,
              .out = j->out + out.offset * j->out_bytes};
    long_run(&w);
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
    int64_t pieces = others / j.width * ((j.width + WIDE - 1) / WIDE);
    j.block = pieces < mx_pool_threads() ? COLUMNS : WIDE;
    j.blocks = (j.width + j.block - 1) / j.block;
    mx_pool_run(others / j.width * j.blocks, most(1, PIECE / (j.length * j.block)), columns, &j);
  } else if (in_long_pieces(&j, others)) {
    long_runs(&j, others);
  } else {
    mx_pool_run(others, most(1, PIECE / j.length), runs, &j);
  }
}
