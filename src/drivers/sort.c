/* Sorting along an axis: rows go to the pool's threads; where there are fewer rows than threads, a
 * long row is split by pivots, in chunks, and its parts are then sorted by themselves. */
#include "drivers/sort.h"
#include "base/pool.h"
#include "drivers/walk.h"
#include "kernels/kernels.h"
#include "memory/memory.h"

#include <string.h>

#define LONG_ROW (1 << 13)    /* elements from which one row is worth several threads */
#define TOGETHER 16           /* neighbouring rows that are turned as one */
#define TURNED_MOST (1 << 21) /* bytes, so that they stay in a cache */
#define SAMPLES 32            /* of a long row's keys, for each of its parts */

typedef struct {
  const mx_sort_rows *rows;
  mx_dim in[MX_WALK_DIMS], out[MX_WALK_DIMS]; /* the other axes */
  int n;
  int64_t count, length, kth, in_step, out_step;
  int64_t bytes, out_bytes; /* of an element */
  bool indices, wide;       /* wide: keys of 8 bytes and indices apart */
  int64_t key_bytes, slot_bytes, slots;
  int64_t turned_bytes; /* at the end of a slot, where neighbouring rows sort together; or 0 */
  char *scratch;
} job;

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static void sort_or_select(const job *j, void *keys, void *scratch) {
  if (j->kth < 0)
    mx_k->sort_keys(keys, scratch, j->length, (int)j->key_bytes, j->indices);
  else
    mx_k->sort_select(keys, scratch, j->length, j->kth, (int)j->key_bytes);
}

static void wide_row(const job *j, const char *in, char *out, char *scratch) {
  int64_t n = j->length;
  uint64_t *keys = (uint64_t *)scratch, *words = keys + n, *spare = words + n;
  uint32_t *indices = (uint32_t *)(spare + n + MX_SORT_SLACK);
  mx_k->sort_wide_of(j->rows->dtype, in, j->in_step, n, keys);
  mx_k->sort_wide(keys, indices, words, spare, indices + n, n);
  if (j->indices)
    for (int64_t i = 0; i < n; i++) ((uint32_t *)out)[i * j->out_step] = indices[i];
  else
    for (int64_t i = 0; i < n; i++)
      ((uint64_t *)out)[i * j->out_step] = ((const uint64_t *)in)[indices[i] * j->in_step];
}

static void mend_row(const job *j, int flags, const char *in, char *out) {
  int zeros = MX_SORT_NEGATIVE_ZERO | MX_SORT_POSITIVE_ZERO;
  if (j->kth < 0 && ((flags & MX_SORT_NAN) || (flags & zeros) == zeros))
    mx_k->sort_mend(j->rows->dtype, in, j->in_step, out, j->out_step, j->length);
}

static void sort_row(const job *j, const char *in, char *out, char *scratch) {
  char *rest = scratch + j->length * j->key_bytes;
  mx_dtype dtype = j->rows->dtype;
  if (j->wide) {
    wide_row(j, in, out, scratch);
  } else if (j->indices) {
    mx_k->sort_indexed_of(dtype, in, j->in_step, j->length, 0, (uint64_t *)scratch);
    sort_or_select(j, scratch, rest);
    mx_k->sort_indices((const uint64_t *)scratch, j->length, (uint32_t *)out, j->out_step);
  } else {
    int flags = mx_k->sort_keys_of(dtype, in, j->in_step, j->length, scratch);
    sort_or_select(j, scratch, rest);
    mx_k->sort_of_keys(dtype, scratch, j->length, out, j->out_step);
    mend_row(j, flags, in, out);
  }
}

/* Neighbouring rows whose elements lie across memory, turned on the way in and out. */
static void sort_across(const job *j, const char *in, char *out, int64_t rows, char *scratch) {
  int64_t n = j->length;
  char *turned = scratch + j->slot_bytes - j->turned_bytes;
  char *sorted = turned + TOGETHER * n * j->bytes;
  job dense = *j;
  dense.in_step = dense.out_step = 1;
  mx_k->copy_rect(turned, n, 1, in, 1, j->in_step, rows, n, (int)j->bytes);
  for (int64_t row = 0; row < rows; row++)
    sort_row(&dense, turned + row * n * j->bytes, sorted + row * n * j->out_bytes, scratch);
  mx_k->copy_rect(out, j->out_step, 1, sorted, 1, n, n, rows, (int)j->out_bytes);
}

/* Each slot has scratch of its own. */
static void sort_slots(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  mx_walk in, out;
  for (int64_t slot = begin; slot < end; slot++) {
    int64_t row = j->count * slot / j->slots, stop = j->count * (slot + 1) / j->slots;
    char *scratch = j->scratch + slot * j->slot_bytes;
    mx_walk_start(&in, j->in, j->n, row);
    mx_walk_start(&out, j->out, j->n, row);
    for (int64_t rows; row < stop; row += rows, mx_walk_on(&in, rows), mx_walk_on(&out, rows)) {
      const char *from = (const char *)j->rows->in + in.offset * j->bytes;
      char *to = (char *)j->rows->out + out.offset * j->out_bytes;
      rows = j->turned_bytes ? least(least(TOGETHER, stop - row), mx_walk_left(&in)) : 1;
      if (j->turned_bytes)
        sort_across(j, from, to, rows, scratch);
      else
        sort_row(j, from, to, scratch);
    }
  }
}

/* ---- one long row ---- */

typedef struct {
  const job *j;
  const char *in;
  char *out, *keys, *sorted, *spare;
  int chunks, parts;
  int flags[MX_SORT_PARTS];
  int64_t starts[MX_SORT_PARTS][MX_SORT_PARTS + 1]; /* of each part in each chunk */
  int64_t part_starts[MX_SORT_PARTS + 1];           /* in `sorted` */
  _Alignas(8) char pivots[MX_SORT_PARTS * SAMPLES * 8];
} long_row;

static int64_t chunk_start(const long_row *r, int64_t chunk) {
  return r->j->length * chunk / r->chunks;
}

static void make_keys(void *context, int64_t begin, int64_t end) {
  long_row *r = context;
  const job *j = r->j;
  for (int64_t chunk = begin; chunk < end; chunk++) {
    int64_t from = chunk_start(r, chunk), n = chunk_start(r, chunk + 1) - from;
    const char *in = r->in + from * j->in_step * j->bytes;
    char *keys = r->keys + from * j->key_bytes;
    if (j->indices)
      mx_k->sort_indexed_of(j->rows->dtype, in, j->in_step, n, (uint64_t)from, (uint64_t *)keys);
    else
      r->flags[chunk] = mx_k->sort_keys_of(j->rows->dtype, in, j->in_step, n, keys);
  }
}

/* Every SAMPLES-th of some sorted samples. */
static void choose_pivots(long_row *r) {
  int64_t size = r->j->key_bytes, count = (int64_t)r->parts * SAMPLES;
  for (int64_t i = 0; i < count; i++)
    memcpy(r->pivots + i * size, r->keys + r->j->length * i / count * size, (size_t)size);
  mx_k->sort_keys(r->pivots, r->sorted, count, (int)size, false);
  for (int64_t i = 0; i < r->parts - 1; i++)
    memcpy(r->pivots + i * size, r->pivots + (i + 1) * SAMPLES * size, (size_t)size);
}

static void split_chunks(void *context, int64_t begin, int64_t end) {
  long_row *r = context;
  int64_t size = r->j->key_bytes;
  for (int64_t chunk = begin; chunk < end; chunk++) {
    int64_t from = chunk_start(r, chunk), n = chunk_start(r, chunk + 1) - from;
    mx_k->sort_split(r->keys + from * size, r->spare + from * size, n, r->pivots, r->parts,
                     r->starts[chunk], (int)size);
  }
}

/* Gathers a part from the chunks, sorts it, and stores what its keys stand for. */
static void sort_parts(void *context, int64_t begin, int64_t end) {
  const long_row *r = context;
  const job *j = r->j;
  int64_t size = j->key_bytes;
  for (int64_t part = begin; part < end; part++) {
    int64_t first = r->part_starts[part], n = r->part_starts[part + 1] - first;
    char *keys = r->sorted + first * size, *to = keys;
    for (int chunk = 0; chunk < r->chunks; chunk++) {
      const int64_t *start = &r->starts[chunk][part];
      size_t bytes = (size_t)((start[1] - start[0]) * size);
      memcpy(to, r->keys + (chunk_start(r, chunk) + start[0]) * size, bytes);
      to += bytes;
    }
    mx_k->sort_keys(keys, r->spare + (first + part * MX_SORT_SLACK) * size, n, (int)size,
                    j->indices);
    char *out = r->out + first * j->out_step * j->out_bytes;
    if (j->indices)
      mx_k->sort_indices((const uint64_t *)keys, n, (uint32_t *)out, j->out_step);
    else
      mx_k->sort_of_keys(j->rows->dtype, keys, n, out, j->out_step);
  }
}

static void sort_long_row(const job *j, const char *in, char *out) {
  long_row r = {.j = j, .in = in, .out = out, .keys = j->scratch, .parts = 2};
  int64_t bytes = j->length * j->key_bytes, flags = 0;
  r.sorted = r.keys + bytes;
  r.spare = r.sorted + bytes;
  r.chunks = (int)least(mx_pool_threads(), MX_SORT_PARTS);
  while (r.parts < 4 * r.chunks && r.parts < MX_SORT_PARTS) r.parts *= 2;
  mx_pool_run(r.chunks, 1, make_keys, &r);
  choose_pivots(&r);
  mx_pool_run(r.chunks, 1, split_chunks, &r);
  for (int part = 0; part < r.parts; part++) {
    int64_t n = 0;
    for (int chunk = 0; chunk < r.chunks; chunk++)
      n += r.starts[chunk][part + 1] - r.starts[chunk][part];
    r.part_starts[part + 1] = r.part_starts[part] + n;
  }
  mx_pool_run(r.parts, 1, sort_parts, &r);
  for (int chunk = 0; chunk < r.chunks; chunk++) flags |= r.flags[chunk];
  mend_row(j, (int)flags, in, out);
}

/* ---- the whole ---- */

static int run(job *j) {
  const mx_sort_rows *rows = j->rows;
  j->length = rows->shape[rows->axis];
  j->count = 1;
  for (int i = 0; i < rows->ndim; i++) {
    if (i == rows->axis) continue;
    j->count *= rows->shape[i];
    if (rows->shape[i] == 1) continue;
    j->in[j->n] = (mx_dim){rows->shape[i], rows->in_strides[i]};
    j->out[j->n++] = (mx_dim){rows->shape[i], rows->out_strides[i]};
  }
  if (!j->count || !j->length) return 0;
  j->in_step = rows->in_strides[rows->axis];
  j->out_step = rows->out_strides[rows->axis];
  j->bytes = (int64_t)mx_dtype_size(rows->dtype);
  j->out_bytes = j->indices ? 4 : j->bytes;
  j->wide = j->indices ? j->bytes == 8 : rows->dtype == MX_COMPLEX64;
  j->key_bytes = j->indices ? 8 : j->bytes;
  int threads = mx_pool_threads();
  bool by_chunks =
      j->length >= LONG_ROW && j->count < threads && !j->wide && j->kth < 0 && j->key_bytes > 1;
  j->slots = by_chunks ? 1 : least(j->count, j->count * j->length < 4096 ? 1 : 4 * threads);
  j->slot_bytes = j->wide     ? j->length * 32 + MX_SORT_SLACK * 8
                  : by_chunks ? (3 * j->length + MX_SORT_PARTS * MX_SORT_SLACK) * j->key_bytes
                              : (2 * j->length + MX_SORT_SLACK) * j->key_bytes;
  bool across = j->n && j->in[j->n - 1].stride == 1 && j->out[j->n - 1].stride == 1;
  int64_t turned = TOGETHER * j->length * (j->bytes + j->out_bytes);
  if (across && j->length > 1 && !by_chunks && turned <= TURNED_MOST) j->turned_bytes = turned;
  j->slot_bytes = ((j->slot_bytes + 63) / 64 + (j->turned_bytes + 63) / 64) * 64;
  j->turned_bytes = (j->turned_bytes + 63) / 64 * 64;
  mx_buffer *scratch = mx_buffer_new((size_t)(j->slots * j->slot_bytes));
  if (!scratch) return -1;
  j->scratch = scratch->data;
  if (by_chunks) {
    mx_walk in, out;
    mx_walk_start(&in, j->in, j->n, 0);
    mx_walk_start(&out, j->out, j->n, 0);
    for (int64_t row = 0; row < j->count; row++, mx_walk_next(&in), mx_walk_next(&out))
      sort_long_row(j, (const char *)rows->in + in.offset * j->bytes,
                    (char *)rows->out + out.offset * j->out_bytes);
  } else {
    mx_pool_run(j->slots, 1, sort_slots, j);
  }
  mx_buffer_release(scratch);
  return 0;
}

int mx_drive_sort(const mx_sort_rows *rows, int64_t kth) {
  job j = {.rows = rows, .kth = kth};
  return run(&j);
}

int mx_drive_argsort(const mx_sort_rows *rows, int64_t kth) {
  job j = {.rows = rows, .kth = kth, .indices = true};
  return run(&j);
}
