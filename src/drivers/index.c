/* Gathers and scatters: a few hundred indices at a time become offsets on the stack, then elements
 * or runs move. Threads take places of the output; in scatters, where places may meet, they take
 * ranges of an axis that no index moves along. */
#include "drivers/index.h"
#include "base/alloc.h"
#include "base/pool.h"
#include "drivers/walk.h"
#include "kernels/kernels.h"
#include "mlx/mx/error.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK 256         /* offsets at a time */
#define PIECE (64 * 1024) /* bytes worth a thread's while */

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

/* ---- index arrays ---- */

typedef struct {
  const char *data;
  mx_dim dims[MX_WALK_DIMS];
  int n;
  int64_t size, last, stride; /* of the axis: its length, the last index allowed, its stride */
} operand;

typedef struct {
  mx_dtype dtype;
  int64_t bytes;
  int count;
  operand *operands;
  int64_t places; /* elements of each index array */
} operands;

static operands operands_of(const mx_indices *indices, const int32_t *shape, const int64_t *strides,
                            const int32_t *slice_sizes) {
  operands all = {.dtype = indices->dtype,
                  .bytes = (int64_t)mx_dtype_size(indices->dtype),
                  .count = indices->count,
                  .operands = mx_xcalloc((size_t)indices->count + 1, sizeof(operand)),
                  .places = 1};
  for (int d = 0; d < indices->ndim; d++) all.places *= indices->shape[d];
  for (int i = 0; i < indices->count; i++) {
    const mx_index *index = indices->arrays + i;
    operand *o = all.operands + i;
    o->data = index->data;
    o->size = shape[index->axis];
    o->last = o->size - slice_sizes[index->axis];
    o->stride = strides[index->axis];
    for (int d = 0; d < indices->ndim; d++)
      o->n = mx_dims_push(o->dims, o->n, indices->shape[d], index->strides[d]);
  }
  return all;
}

/* offsets[i] = sum of what the index arrays at place first + i contribute. */
static void offsets_at(const operands *all, int64_t first, int64_t n, int64_t *offsets) {
  memset(offsets, 0, (size_t)n * sizeof *offsets);
  for (int i = 0; i < all->count; i++) {
    const operand *o = all->operands + i;
    int64_t step = o->n ? o->dims[o->n - 1].stride : 0;
    mx_walk walk;
    mx_walk_start(&walk, o->dims, o->n, first);
    for (int64_t done = 0, m; done < n; done += m) {
      m = least(n - done, mx_walk_left(&walk));
      mx_k->index_offsets(o->data + walk.offset * all->bytes, all->dtype, step, m, o->size, o->last,
                          o->stride, offsets + done);
      mx_walk_on(&walk, m);
    }
  }
}

/* ---- gather ---- */

typedef struct {
  operands at;
  const char *src;
  char *out;
  int64_t bytes;             /* of an element */
  mx_dim rows[MX_WALK_DIMS]; /* a slice is rows of runs, a run blocks of elements */
  int rows_n;
  mx_dim run;
  int64_t row_count, blocks, block;
} gather;

static void gather_runs(void *context, int64_t begin, int64_t end) {
  const gather *g = context;
  int64_t offsets[CHUNK], run = g->run.size * g->bytes;
  for (int64_t n; begin < end; begin += n) {
    n = least(CHUNK, end - begin);
    offsets_at(&g->at, begin, n, offsets);
    mx_k->index_gather(g->out + begin * run, g->src, offsets, n, g->bytes, run);
  }
}

/* Items are (place, row of its slice, block of the row). */
static void gather_slices(void *context, int64_t begin, int64_t end) {
  const gather *g = context;
  mx_walk walk;
  int64_t place = -1, offset = 0;
  mx_walk_start(&walk, g->rows, g->rows_n, 0);
  for (int64_t item = begin; item < end; item++) {
    int64_t row = item / g->blocks, first = item % g->blocks * g->block;
    if (row / g->row_count != place) {
      place = row / g->row_count;
      offsets_at(&g->at, place, 1, &offset);
      mx_walk_start(&walk, g->rows, g->rows_n, row % g->row_count);
    }
    int64_t n = least(g->block, g->run.size - first);
    const char *from = g->src + (offset + walk.offset + first * g->run.stride) * g->bytes;
    char *to = g->out + (row * g->run.size + first) * g->bytes;
    if (g->run.stride == 1)
      memcpy(to, from, (size_t)(n * g->bytes));
    else
      mx_k->copy_rect(to, n, 1, from, 0, g->run.stride, 1, n, (int)g->bytes);
    if (first + n == g->run.size) mx_walk_next(&walk);
  }
}

void mx_drive_gather(mx_dtype dtype, const void *src, int ndim, const int32_t *shape,
                     const int64_t *strides, const mx_indices *indices, const int32_t *slice_sizes,
                     void *out) {
  gather g = {.src = src, .out = out, .bytes = (int64_t)mx_dtype_size(dtype), .run = {1, 1}};
  for (int i = 0; i < ndim; i++)
    g.rows_n = mx_dims_push(g.rows, g.rows_n, slice_sizes[i], strides[i]);
  int64_t slice = mx_dims_count(g.rows, g.rows_n);
  if (!slice) return;
  if (g.rows_n) g.run = g.rows[--g.rows_n];
  g.at = operands_of(indices, shape, strides, slice_sizes);
  g.row_count = slice / g.run.size;
  g.block = least(g.run.size, PIECE / g.bytes);
  g.blocks = (g.run.size + g.block - 1) / g.block;
  int64_t run = g.run.size * g.bytes;
  if (g.row_count == 1 && g.blocks == 1 && g.run.stride == 1)
    mx_pool_run(g.at.places, most(1, PIECE / most(run, 16)), gather_runs, &g);
  else
    mx_pool_run(g.at.places * g.row_count * g.blocks, most(1, PIECE / (g.block * g.bytes)),
                gather_slices, &g);
  free(g.at.operands);
}

/* ---- scatter ---- */

typedef struct {
  mx_scatter_kind kind;
  mx_dtype dtype;
  operands at;
  char *out;
  const char *updates;
  int64_t bytes;
  mx_dim places[MX_WALK_DIMS]; /* how updates advance from place to place */
  int places_n;
  int ndim, split; /* split: the axis that threads share out, or -1 */
  const int32_t *slice_sizes;
  const int64_t *update_strides; /* inside a slice */
  int64_t strides[MX_WALK_DIMS];
} scatter;

static void scatter_elements(const scatter *s) {
  int64_t offsets[CHUNK], step = s->places_n ? s->places[s->places_n - 1].stride : 0;
  mx_walk from;
  mx_walk_start(&from, s->places, s->places_n, 0);
  for (int64_t i = 0, n; i < s->at.places; i += n) {
    n = least(least(CHUNK, s->at.places - i), mx_walk_left(&from));
    offsets_at(&s->at, i, n, offsets);
    mx_k->index_scatter(s->kind, s->dtype, s->out, offsets, s->updates + from.offset * s->bytes,
                        step, n);
    mx_walk_on(&from, n);
  }
}

/* A slice of both sides: the same dimensions, merged where both allow. */
typedef struct {
  mx_dim out[MX_WALK_DIMS], updates[MX_WALK_DIMS];
  int n;
  int64_t rows;
} slice_pair;

static slice_pair slice_of(const scatter *s, int64_t begin, int64_t end) {
  slice_pair p = {.n = 0};
  for (int i = 0; i < s->ndim; i++) {
    int64_t size = i == s->split ? end - begin : s->slice_sizes[i];
    if (size == 1) continue;
    mx_dim a = {size, s->strides[i]}, b = {size, s->update_strides[i]};
    bool merges = p.n && p.out[p.n - 1].stride == size * a.stride &&
                  p.updates[p.n - 1].stride == size * b.stride;
    if (merges) a.size = b.size = size * p.out[--p.n].size;
    p.out[p.n] = a;
    p.updates[p.n++] = b;
  }
  if (!p.n) p.out[0] = p.updates[0] = (mx_dim){1, 1}, p.n = 1;
  p.rows = mx_dims_count(p.out, p.n - 1);
  return p;
}

static void scatter_slices(void *context, int64_t begin, int64_t end) {
  const scatter *s = context;
  slice_pair p = slice_of(s, begin, end);
  int inner = p.n - 1;
  int64_t skip_out = s->split < 0 ? 0 : begin * s->strides[s->split];
  int64_t skip_updates = s->split < 0 ? 0 : begin * s->update_strides[s->split];
  int64_t offsets[CHUNK];
  mx_walk from, to_row, from_row;
  mx_walk_start(&from, s->places, s->places_n, 0);
  for (int64_t i = 0; i < s->at.places; i++, mx_walk_next(&from)) {
    if (i % CHUNK == 0) offsets_at(&s->at, i, least(CHUNK, s->at.places - i), offsets);
    mx_walk_start(&to_row, p.out, inner, 0);
    mx_walk_start(&from_row, p.updates, inner, 0);
    for (int64_t row = 0; row < p.rows; row++, mx_walk_next(&to_row), mx_walk_next(&from_row))
      mx_k->index_update(s->kind, s->dtype,
                         s->out + (offsets[i % CHUNK] + skip_out + to_row.offset) * s->bytes,
                         p.out[inner].stride,
                         s->updates + (from.offset + skip_updates + from_row.offset) * s->bytes,
                         p.updates[inner].stride, p.out[inner].size);
  }
}

static void row_contiguous(int ndim, const int32_t *shape, int64_t *strides) {
  int64_t stride = 1;
  for (int i = ndim - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i];
  }
}

/* The longest axis of the slice that no index moves along. */
static int axis_to_split(const scatter *s, const mx_indices *indices) {
  int best = -1;
  for (int i = 0; i < s->ndim; i++) {
    bool indexed = false;
    for (int k = 0; k < indices->count; k++) indexed |= indices->arrays[k].axis == i;
    if (!indexed && s->slice_sizes[i] > 1 && (best < 0 || s->slice_sizes[i] > s->slice_sizes[best]))
      best = i;
  }
  return best;
}

void mx_drive_scatter(mx_scatter_kind kind, mx_dtype dtype, void *out, int ndim,
                      const int32_t *shape, const mx_indices *indices, const void *updates,
                      const int64_t *update_strides, const int32_t *slice_sizes) {
  scatter s = {.kind = kind,
               .dtype = dtype,
               .out = out,
               .updates = updates,
               .bytes = (int64_t)mx_dtype_size(dtype),
               .ndim = ndim,
               .slice_sizes = slice_sizes,
               .update_strides = update_strides + indices->ndim};
  int64_t slice = 1;
  for (int i = 0; i < ndim; i++) slice *= slice_sizes[i];
  for (int i = 0; i < indices->ndim; i++)
    s.places_n = mx_dims_push(s.places, s.places_n, indices->shape[i], update_strides[i]);
  if (!slice || !mx_dims_count(s.places, s.places_n)) return;
  row_contiguous(ndim, shape, s.strides);
  s.at = operands_of(indices, shape, s.strides, slice_sizes);
  s.split = axis_to_split(&s, indices);
  if (slice == 1) {
    scatter_elements(&s);
  } else if (s.split < 0) {
    scatter_slices(&s, 0, 0);
  } else {
    int64_t count = slice_sizes[s.split], each = s.at.places * (slice / count) * s.bytes;
    mx_pool_run(count, most(least(count, 64), 2 * PIECE / most(each, 1)), scatter_slices, &s);
  }
  free(s.at.operands);
}

/* ---- along an axis ---- */

typedef struct {
  mx_scatter_kind kind;
  mx_dtype dtype, index_dtype;
  const char *index, *updates, *src; /* src: gathers */
  char *out;
  int64_t bytes, index_bytes, axis_size, axis_stride;
  mx_dim array[MX_WALK_DIMS], indices[MX_WALK_DIMS], update[MX_WALK_DIMS]; /* one shape */
  int n;
  mx_dim index_axis, update_axis; /* scatters: `axis`, the others being in the arrays above */
  int64_t blocks;
} along;

static void along_push(along *a, int64_t size, int64_t array, int64_t index, int64_t update) {
  if (size == 1) return;
  int last = a->n - 1;
  bool merges = a->n && a->array[last].stride == size * array &&
                a->indices[last].stride == size * index && a->update[last].stride == size * update;
  if (merges) size *= a->array[--a->n].size;
  a->array[a->n] = (mx_dim){size, array};
  a->indices[a->n] = (mx_dim){size, index};
  a->update[a->n++] = (mx_dim){size, update};
}

static void offsets_along(const along *a, int64_t start, int64_t step, const char *index,
                          int64_t index_step, int64_t n, int64_t *offsets) {
  for (int64_t i = 0; i < n; i++) offsets[i] = start + i * step;
  mx_k->index_offsets(index, a->index_dtype, index_step, n, a->axis_size, a->axis_size - 1,
                      a->axis_stride, offsets);
}

static void gather_along(void *context, int64_t begin, int64_t end) {
  const along *a = context;
  int64_t offsets[CHUNK], step = a->n ? a->array[a->n - 1].stride : 0;
  int64_t index_step = a->n ? a->indices[a->n - 1].stride : 0;
  mx_walk array, index;
  mx_walk_start(&array, a->array, a->n, begin);
  mx_walk_start(&index, a->indices, a->n, begin);
  for (int64_t n; begin < end; begin += n) {
    n = least(least(CHUNK, end - begin), mx_walk_left(&array));
    offsets_along(a, array.offset, step, a->index + index.offset * a->index_bytes, index_step, n,
                  offsets);
    mx_k->index_gather(a->out + begin * a->bytes, a->src, offsets, n, a->bytes, a->bytes);
    mx_walk_on(&array, n);
    mx_walk_on(&index, n);
  }
}

void mx_drive_gather_axis(mx_dtype dtype, const void *src, const int64_t *strides,
                          int64_t axis_size, mx_dtype index_dtype, const void *index,
                          const int64_t *index_strides, int ndim, const int32_t *index_shape,
                          int axis, void *out) {
  along a = {.index_dtype = index_dtype,
             .index = index,
             .src = src,
             .out = out,
             .bytes = (int64_t)mx_dtype_size(dtype),
             .index_bytes = (int64_t)mx_dtype_size(index_dtype),
             .axis_size = axis_size,
             .axis_stride = strides[axis]};
  for (int i = 0; i < ndim; i++)
    along_push(&a, index_shape[i], i == axis ? 0 : strides[i], index_strides[i], 0);
  int64_t count = mx_dims_count(a.array, a.n);
  if (axis_size) mx_pool_run(count, 8192, gather_along, &a);
}

static void scatter_some(const along *a, int64_t start, int64_t step, int64_t index,
                         int64_t index_step, int64_t update, int64_t update_step, int64_t n) {
  int64_t offsets[CHUNK];
  offsets_along(a, start, step, a->index + index * a->index_bytes, index_step, n, offsets);
  mx_k->index_scatter(a->kind, a->dtype, a->out, offsets, a->updates + update * a->bytes,
                      update_step, n);
}

/* Items are places of the other axes: the axis goes by in order for each. */
static void scatter_along(void *context, int64_t begin, int64_t end) {
  const along *a = context;
  mx_walk array, index, update;
  mx_walk_start(&array, a->array, a->n, begin);
  mx_walk_start(&index, a->indices, a->n, begin);
  mx_walk_start(&update, a->update, a->n, begin);
  for (int64_t item = begin; item < end; item++) {
    for (int64_t j = 0; j < a->index_axis.size; j += CHUNK)
      scatter_some(a, array.offset, 0, index.offset + j * a->index_axis.stride,
                   a->index_axis.stride, update.offset + j * a->update_axis.stride,
                   a->update_axis.stride, least(CHUNK, a->index_axis.size - j));
    mx_walk_next(&array);
    mx_walk_next(&index);
    mx_walk_next(&update);
  }
}

/* Items are blocks of the innermost other axis, which move together for each j. */
static void scatter_across(void *context, int64_t begin, int64_t end) {
  const along *a = context;
  int inner = a->n - 1;
  mx_walk array, index, update;
  for (int64_t item = begin; item < end; item++) {
    int64_t row = item / a->blocks, first = item % a->blocks * CHUNK;
    int64_t n = least(CHUNK, a->array[inner].size - first);
    mx_walk_start(&array, a->array, inner, row);
    mx_walk_start(&index, a->indices, inner, row);
    mx_walk_start(&update, a->update, inner, row);
    for (int64_t j = 0; j < a->index_axis.size; j++)
      scatter_some(a, array.offset + first * a->array[inner].stride, a->array[inner].stride,
                   index.offset + first * a->indices[inner].stride + j * a->index_axis.stride,
                   a->indices[inner].stride,
                   update.offset + first * a->update[inner].stride + j * a->update_axis.stride,
                   a->update[inner].stride, n);
  }
}

void mx_drive_scatter_axis(mx_scatter_kind kind, mx_dtype dtype, void *out, const int64_t *strides,
                           int64_t axis_size, mx_dtype index_dtype, const void *index,
                           const int64_t *index_strides, const void *updates,
                           const int64_t *update_strides, int ndim, const int32_t *index_shape,
                           int axis) {
  along a = {.kind = kind,
             .dtype = dtype,
             .index_dtype = index_dtype,
             .index = index,
             .updates = updates,
             .out = out,
             .bytes = (int64_t)mx_dtype_size(dtype),
             .index_bytes = (int64_t)mx_dtype_size(index_dtype),
             .axis_size = axis_size,
             .axis_stride = strides[axis],
             .index_axis = {index_shape[axis], index_strides[axis]},
             .update_axis = {index_shape[axis], update_strides[axis]}};
  for (int i = 0; i < ndim; i++)
    if (i != axis) along_push(&a, index_shape[i], strides[i], index_strides[i], update_strides[i]);
  int64_t others = mx_dims_count(a.array, a.n);
  if (!others || !a.index_axis.size || !axis_size) return;
  if (axis == ndim - 1 || !a.n || a.array[a.n - 1].size < 8) {
    mx_pool_run(others, most(1, 8192 / a.index_axis.size), scatter_along, &a);
    return;
  }
  a.blocks = (a.array[a.n - 1].size + CHUNK - 1) / CHUNK;
  mx_pool_run(others / a.array[a.n - 1].size * a.blocks,
              most(1, 8192 / (a.index_axis.size * least(CHUNK, a.array[a.n - 1].size))),
              scatter_across, &a);
}

/* ---- masked scatter ---- */

#define MASK_PIECE 16384

typedef struct {
  char *out;
  const char *mask, *src;
  int64_t bytes, first, size; /* of the batch: its first element, its elements */
  mx_dim dims[MX_WALK_DIMS];
  int n;
  int64_t *before; /* masked elements in each piece; then in all before it */
} masked;

static void mask_pieces(const masked *m, int64_t begin, int64_t end, bool store) {
  int64_t step = m->n ? m->dims[m->n - 1].stride : 0;
  mx_walk walk;
  for (int64_t piece = begin; piece < end; piece++) {
    int64_t from = m->first + piece * MASK_PIECE;
    int64_t to = least(from + MASK_PIECE, m->first + m->size);
    int64_t used = store ? m->before[piece] : 0;
    mx_walk_start(&walk, m->dims, m->n, from);
    for (int64_t n; from < to; from += n) {
      n = least(to - from, mx_walk_left(&walk));
      used += store ? mx_k->index_masked_set(m->out + from * m->bytes, m->mask + walk.offset, step,
                                             n, m->src + used * m->bytes, 1, m->bytes)
                    : mx_k->index_mask_count(m->mask + walk.offset, step, n);
      mx_walk_on(&walk, n);
    }
    if (!store) m->before[piece] = used;
  }
}

static void count_pieces(void *context, int64_t begin, int64_t end) {
  mask_pieces(context, begin, end, false);
}
static void set_pieces(void *context, int64_t begin, int64_t end) {
  mask_pieces(context, begin, end, true);
}

int mx_drive_masked_scatter(mx_dtype dtype, void *out, int ndim, const int32_t *shape,
                            const void *mask, const int64_t *mask_strides, const void *src,
                            int64_t src_size) {
  masked m = {.out = out, .mask = mask, .src = src, .bytes = (int64_t)mx_dtype_size(dtype)};
  for (int i = 0; i < ndim; i++) m.n = mx_dims_push(m.dims, m.n, shape[i], mask_strides[i]);
  int64_t batches = shape[0], total = mx_dims_count(m.dims, m.n), status = 0;
  if (!total) return 0;
  m.size = total / batches;
  int64_t pieces = (m.size + MASK_PIECE - 1) / MASK_PIECE;
  m.before = mx_xcalloc((size_t)pieces, sizeof *m.before);
  for (int64_t batch = 0; batch < batches && !status; batch++) {
    m.first = batch * m.size;
    mx_pool_run(pieces, 1, count_pieces, &m);
    int64_t sum = 0;
    for (int64_t i = 0, n; i < pieces; i++, sum += n) {
      n = m.before[i];
      m.before[i] = sum;
    }
    if (sum > src_size) {
      mx_fail("[masked_scatter] Source does not have enough elements for mask: %lld for %lld.",
              (long long)src_size, (long long)sum);
      status = -1;
      break;
    }
    mx_pool_run(pieces, 1, set_pieces, &m);
    m.src += src_size * m.bytes;
  }
  free(m.before);
  return (int)status;
}
