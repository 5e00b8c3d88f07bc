/* Reductions: collapses dimensions, chooses between runs along the reduced axes and columns across
 * them, and splits the outputs, or where they are few the reduction itself, over the pool. */
#include "drivers/reduce.h"
#include "base/pool.h"
#include "drivers/walk.h"
#include "kernels/kernels.h"
#include "memory/memory.h"

#include <string.h>

/* PIECE: elements that are worth a thread's while. MAX_PIECES: of one reduction, whatever the
 * number of threads, so that results stay the same. ROWS, COLUMNS: outputs that accumulate
 * together, along runs and across columns. */
#define PIECE 65536
#define MAX_PIECES 64
#define ROWS 64
#define COLUMNS 1024

typedef struct {
  const mx_reduce_set *set;
  const char *in;
  char *out, *partial; /* partial: accumulators by piece, then output */
  int64_t in_bytes, out_bytes;
  mx_dim kept[MX_WALK_DIMS], reduced[MX_WALK_DIMS];
  int kept_n, reduced_n;    /* in columns mode without the innermost of each */
  mx_dim inner;             /* the innermost reduced dimension: the run */
  mx_dim across;            /* columns mode: the innermost kept dimension */
  int64_t outputs, reduces; /* counts */
  int64_t blocks, pieces;
  double by; /* what variances divide by */
} reduction;

mx_dtype mx_reduce_dtype(mx_reduce_kind kind, mx_dtype dtype) {
  if (kind == MX_REDUCE_AND || kind == MX_REDUCE_OR) return MX_BOOL;
  if (kind == MX_REDUCE_MIN || kind == MX_REDUCE_MAX) return dtype;
  if (dtype == MX_BOOL) return MX_INT32;
  if (mx_is_subdtype(dtype, MX_KIND_SIGNEDINTEGER))
    return mx_dtype_size(dtype) <= 4 ? MX_INT32 : MX_INT64;
  if (mx_is_subdtype(dtype, MX_KIND_UNSIGNEDINTEGER))
    return mx_dtype_size(dtype) <= 4 ? MX_UINT32 : MX_UINT64;
  return dtype;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

/* Order does not matter inside a reduction: its dimensions run forward, longest strides outermost
 * (broadcast ones first), so that they merge and the innermost has the best locality. */
static void sort_reduced(reduction *r) {
  mx_dim sorted[MX_WALK_DIMS];
  int n = 0;
  for (int i = 0; i < r->reduced_n; i++) {
    mx_dim d = r->reduced[i];
    if (d.stride < 0) {
      r->in += (d.size - 1) * d.stride * r->in_bytes;
      d.stride = -d.stride;
    }
    int at = n++;
    for (; at && d.stride && (sorted[at - 1].stride < d.stride && sorted[at - 1].stride); at--)
      sorted[at] = sorted[at - 1];
    if (!d.stride)
      for (; at; at--) sorted[at] = sorted[at - 1];
    sorted[at] = d;
  }
  r->reduced_n = 0;
  for (int i = 0; i < n; i++)
    r->reduced_n = mx_dims_push(r->reduced, r->reduced_n, sorted[i].size, sorted[i].stride);
}

/* ---- along runs ---- */

static void runs_range(void *context, int64_t begin, int64_t end) {
  const reduction *r = context;
  _Alignas(16) char acc[ROWS * MX_REDUCE_ACC_BYTES];
  int64_t outer = mx_dims_count(r->reduced, r->reduced_n);
  int64_t next = r->kept_n ? r->kept[r->kept_n - 1].stride : 0;
  mx_walk kept, reduced;
  mx_walk_start(&kept, r->kept, r->kept_n, begin);
  while (begin < end) {
    int64_t m = least(least(ROWS, end - begin), mx_walk_left(&kept));
    r->set->fill(acc, m);
    mx_walk_start(&reduced, r->reduced, r->reduced_n, 0);
    for (int64_t i = 0; i < outer; i++, mx_walk_next(&reduced))
      r->set->runs(r->in + (kept.offset + reduced.offset) * r->in_bytes, m, next, r->inner.size,
                   r->inner.stride, acc, 1);
    r->set->finish(acc, r->out + begin * r->out_bytes, m, r->by);
    mx_walk_on(&kept, m);
    begin += m;
  }
}

/* Items are (output, piece of its reduction). */
static void runs_pieces(void *context, int64_t begin, int64_t end) {
  const reduction *r = context;
  mx_walk kept, reduced;
  for (int64_t item = begin; item < end; item++) {
    int64_t output = item / r->pieces, piece = item % r->pieces;
    int64_t from = r->reduces * piece / r->pieces, to = r->reduces * (piece + 1) / r->pieces;
    char *acc = r->partial + (piece * r->outputs + output) * r->set->acc_bytes;
    mx_walk_start(&kept, r->kept, r->kept_n, output);
    mx_walk_start(&reduced, r->reduced, r->reduced_n, from / r->inner.size);
    int64_t skip = from % r->inner.size;
    r->set->fill(acc, 1);
    for (; from < to; skip = 0, mx_walk_next(&reduced)) {
      int64_t n = least(r->inner.size - skip, to - from);
      int64_t offset = kept.offset + reduced.offset + skip * r->inner.stride;
      r->set->runs(r->in + offset * r->in_bytes, 1, 0, n, r->inner.stride, acc, 1);
      from += n;
    }
  }
}

/* ---- across columns ---- */

/* Rows of a few columns that lie end to end are read as fewer, wider rows. */
static int64_t fold_columns(const reduction *r, const char *in, int64_t rows, int64_t width,
                            char *acc) {
  _Alignas(16) char wide[256 * MX_REDUCE_ACC_BYTES];
  int64_t fold = 256 / width, bytes = width * r->set->acc_bytes;
  r->set->fill(wide, fold * width);
  r->set->columns(in, rows / fold, fold * width, fold * width, wide);
  for (int64_t i = 0; i < fold; i++) r->set->combine(acc, wide + i * bytes, width);
  return rows / fold * fold;
}

static void columns_of(const reduction *r, const char *in, int64_t rows, int64_t width, char *acc) {
  int64_t stride = r->inner.stride;
  if (r->across.stride == 1) {
    if (stride == width && width <= 64 && rows >= 1024) {
      int64_t done = fold_columns(r, in, rows, width, acc);
      in += done * stride * r->in_bytes;
      rows -= done;
    }
    r->set->columns(in, rows, stride, width, acc);
    return;
  }
  for (int64_t i = 0; i < rows; i += 16)
    r->set->runs(in + i * stride * r->in_bytes, width, r->across.stride, least(16, rows - i),
                 stride, acc, 1);
}

/* Reduces rows [from, to) of the flattened reduced dimensions for one block of columns. */
static void columns_rows(const reduction *r, int64_t offset, int64_t width, int64_t from,
                         int64_t to, char *acc) {
  mx_walk reduced;
  mx_walk_start(&reduced, r->reduced, r->reduced_n, from / r->inner.size);
  int64_t skip = from % r->inner.size;
  r->set->fill(acc, width);
  for (; from < to; skip = 0, mx_walk_next(&reduced)) {
    int64_t n = least(r->inner.size - skip, to - from);
    int64_t at = offset + reduced.offset + skip * r->inner.stride;
    columns_of(r, r->in + at * r->in_bytes, n, width, acc);
    from += n;
  }
}

/* Items are (row of outputs, block of columns, piece of the reduction). */
static void columns_range(void *context, int64_t begin, int64_t end) {
  const reduction *r = context;
  _Alignas(16) char local[COLUMNS * MX_REDUCE_ACC_BYTES];
  mx_walk kept;
  for (int64_t item = begin; item < end; item++) {
    int64_t piece = item % r->pieces, block = item / r->pieces % r->blocks;
    int64_t row = item / r->pieces / r->blocks;
    int64_t first = block * COLUMNS, width = least(COLUMNS, r->across.size - first);
    int64_t output = row * r->across.size + first;
    mx_walk_start(&kept, r->kept, r->kept_n, row);
    char *acc = r->partial ? r->partial + (piece * r->outputs + output) * r->set->acc_bytes : local;
    columns_rows(r, kept.offset + first * r->across.stride, width, r->reduces * piece / r->pieces,
                 r->reduces * (piece + 1) / r->pieces, acc);
    if (!r->partial) r->set->finish(acc, r->out + output * r->out_bytes, width, r->by);
  }
}

/* ---- the whole ---- */

static int run_pieces(reduction *r, int64_t items, void (*fn)(void *, int64_t, int64_t)) {
  mx_buffer *scratch = mx_buffer_new((size_t)(r->pieces * r->outputs * r->set->acc_bytes));
  if (!scratch) return -1;
  r->partial = scratch->data;
  mx_pool_run(items, 1, fn, r);
  for (int64_t piece = 1; piece < r->pieces; piece++)
    r->set->combine(r->partial, r->partial + piece * r->outputs * r->set->acc_bytes, r->outputs);
  r->set->finish(r->partial, r->out, r->outputs, r->by);
  mx_buffer_release(scratch);
  return 0;
}

static int reduce_columns(reduction *r) {
  r->across = r->kept[--r->kept_n];
  r->blocks = (r->across.size + COLUMNS - 1) / COLUMNS;
  int64_t items = r->outputs / r->across.size * r->blocks;
  int64_t work = r->reduces * least(COLUMNS, r->across.size);
  r->pieces = items >= 16 ? 1 : most(1, least(work / PIECE, MAX_PIECES / items));
  if (r->pieces > 1) return run_pieces(r, items * r->pieces, columns_range);
  mx_pool_run(items, most(1, PIECE / work), columns_range, r);
  return 0;
}

static int reduce_runs(reduction *r) {
  r->pieces = r->outputs >= 16 ? 1 : least(r->reduces / PIECE, MAX_PIECES / r->outputs);
  if (r->pieces > 1) return run_pieces(r, r->outputs * r->pieces, runs_pieces);
  mx_pool_run(r->outputs, most(1, PIECE / r->reduces), runs_range, r);
  return 0;
}

static int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }

static int reduce(reduction *r, int ndim, const int32_t *shape, const int64_t *strides,
                  const bool *reduced) {
  r->outputs = r->reduces = 1;
  for (int i = 0; i < ndim; i++) {
    *(reduced[i] ? &r->reduces : &r->outputs) *= shape[i];
    if (!reduced[i])
      r->kept_n = mx_dims_push(r->kept, r->kept_n, shape[i], strides[i]);
    else if (shape[i] != 1)
      r->reduced[r->reduced_n++] = (mx_dim){shape[i], strides[i]};
  }
  if (!r->outputs) return 0;
  if (!r->reduces) {
    _Alignas(16) char acc[MX_REDUCE_ACC_BYTES];
    r->set->fill(acc, 1);
    for (int64_t i = 0; i < r->outputs; i++)
      r->set->finish(acc, r->out + i * r->out_bytes, 1, r->by);
    return 0;
  }
  sort_reduced(r);
  r->inner = r->reduced_n ? r->reduced[--r->reduced_n] : (mx_dim){1, 1};
  bool across = r->kept_n && r->kept[r->kept_n - 1].stride &&
                magnitude(r->kept[r->kept_n - 1].stride) < r->inner.stride;
  return across ? reduce_columns(r) : reduce_runs(r);
}

int mx_drive_reduce(mx_reduce_kind kind, mx_dtype dtype, const void *in, int ndim,
                    const int32_t *shape, const int64_t *strides, const bool *reduced, void *out) {
  reduction r = {.set = mx_k->reduce_set(kind, dtype),
                 .in = in,
                 .out = out,
                 .in_bytes = (int64_t)mx_dtype_size(dtype),
                 .out_bytes = (int64_t)mx_dtype_size(mx_reduce_dtype(kind, dtype))};
  return reduce(&r, ndim, shape, strides, reduced);
}

int mx_drive_variance(mx_dtype dtype, const void *in, int ndim, const int32_t *shape,
                      const int64_t *strides, const bool *reduced, double by, void *out) {
  int64_t bytes = (int64_t)mx_dtype_size(dtype);
  reduction r = {.set = mx_k->variance_set(dtype),
                 .in = in,
                 .out = out,
                 .in_bytes = bytes,
                 .out_bytes = bytes,
                 .by = by};
  return reduce(&r, ndim, shape, strides, reduced);
}

/* ---- arg_reduce ---- */

typedef struct {
  mx_reduce_kind kind;
  mx_dtype dtype;
  const char *in;
  uint32_t *out;
  int64_t *found;
  int64_t bytes, outputs, blocks, pieces;
  mx_dim kept[MX_WALK_DIMS], axis, across;
  int kept_n;
} arg_reduction;

static void arg_runs(void *context, int64_t begin, int64_t end) {
  const arg_reduction *r = context;
  mx_walk kept;
  mx_walk_start(&kept, r->kept, r->kept_n, begin);
  for (int64_t i = begin; i < end; i++, mx_walk_next(&kept)) {
    const char *row = r->in + kept.offset * r->bytes;
    int64_t at = mx_k->arg_run(r->kind, r->dtype, row, r->axis.size, r->axis.stride, row);
    r->out[i] = at < 0 ? 0 : (uint32_t)at;
  }
}

static void arg_pieces(void *context, int64_t begin, int64_t end) {
  const arg_reduction *r = context;
  mx_walk kept;
  for (int64_t item = begin; item < end; item++) {
    int64_t piece = item % r->pieces;
    int64_t from = r->axis.size * piece / r->pieces, to = r->axis.size * (piece + 1) / r->pieces;
    mx_walk_start(&kept, r->kept, r->kept_n, item / r->pieces);
    const char *row = r->in + kept.offset * r->bytes;
    int64_t at = mx_k->arg_run(r->kind, r->dtype, row + from * r->axis.stride * r->bytes, to - from,
                               r->axis.stride, row);
    r->found[item] = at < 0 ? -1 : from + at;
  }
}

/* The pieces' winners meet in one last short run, in order, so that the first of equals stays. */
static void arg_combine(const arg_reduction *r) {
  _Alignas(16) char winners[MAX_PIECES * MX_REDUCE_ACC_BYTES];
  mx_walk kept;
  mx_walk_start(&kept, r->kept, r->kept_n, 0);
  for (int64_t i = 0; i < r->outputs; i++, mx_walk_next(&kept)) {
    const char *row = r->in + kept.offset * r->bytes;
    int64_t at[MAX_PIECES], n = 0;
    for (int64_t p = 0; p < r->pieces; p++) {
      int64_t found = r->found[i * r->pieces + p];
      if (found < 0) continue;
      memcpy(winners + n * r->bytes, row + found * r->axis.stride * r->bytes, (size_t)r->bytes);
      at[n++] = found;
    }
    int64_t best = mx_k->arg_run(r->kind, r->dtype, winners, n, 1, row);
    r->out[i] = best < 0 ? 0 : (uint32_t)at[best];
  }
}

static void arg_columns(void *context, int64_t begin, int64_t end) {
  const arg_reduction *r = context;
  mx_walk kept;
  for (int64_t item = begin; item < end; item++) {
    int64_t row = item / r->blocks, first = item % r->blocks * COLUMNS;
    mx_walk_start(&kept, r->kept, r->kept_n, row);
    mx_k->arg_columns(r->kind, r->dtype, r->in + (kept.offset + first) * r->bytes, r->axis.size,
                      r->axis.stride, least(COLUMNS, r->across.size - first),
                      r->out + row * r->across.size + first);
  }
}

int mx_drive_arg_reduce(mx_reduce_kind kind, mx_dtype dtype, const void *in, int ndim,
                        const int32_t *shape, const int64_t *strides, int axis, uint32_t *out) {
  arg_reduction r = {.kind = kind,
                     .dtype = dtype,
                     .in = in,
                     .out = out,
                     .bytes = (int64_t)mx_dtype_size(dtype),
                     .outputs = 1,
                     .axis = {shape[axis], strides[axis]}};
  for (int i = 0; i < ndim; i++) {
    if (i == axis) continue;
    r.outputs *= shape[i];
    r.kept_n = mx_dims_push(r.kept, r.kept_n, shape[i], strides[i]);
  }
  if (!r.outputs) return 0;
  if (r.kept_n && r.kept[r.kept_n - 1].stride == 1 && magnitude(r.axis.stride) != 1) {
    r.across = r.kept[--r.kept_n];
    r.blocks = (r.across.size + COLUMNS - 1) / COLUMNS;
    mx_pool_run(r.outputs / r.across.size * r.blocks,
                most(1, PIECE / (r.axis.size * least(COLUMNS, r.across.size))), arg_columns, &r);
    return 0;
  }
  r.pieces = r.outputs >= 16 ? 1 : least(r.axis.size / PIECE, MAX_PIECES / r.outputs);
  if (r.pieces <= 1) {
    mx_pool_run(r.outputs, most(1, PIECE / r.axis.size), arg_runs, &r);
    return 0;
  }
  mx_buffer *scratch = mx_buffer_new((size_t)(r.outputs * r.pieces) * sizeof *r.found);
  if (!scratch) return -1;
  r.found = scratch->data;
  mx_pool_run(r.outputs * r.pieces, 1, arg_pieces, &r);
  arg_combine(&r);
  mx_buffer_release(scratch);
  return 0;
}
