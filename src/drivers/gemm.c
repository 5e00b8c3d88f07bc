/* The matrix product's five loops: blocks of rows, of columns and of k are packed by all threads
 * together and then multiplied tile by tile. Products with a few rows or columns go another way,
 * that reads the matrix once. */
#include "drivers/gemm.h"
#include "base/pool.h"
#include "drivers/copy.h"
#include "kernels/kernels.h"
#include "memory/memory.h"
#include "mlx/mx/error.h"

#include <stdatomic.h>
#include <string.h>

#define MOST_ROWS 2016    /* of a, packed at a time */
#define MOST_COLUMNS 4096 /* of b */
#define TILE_COLUMNS 256  /* their panels stay in the second cache */
#define TILE_ROWS 238
#define MOST_HELD (8 << 20) /* numbers of a, packed through all of k */
#define MOST_WIDTH 32       /* of a panel of b */
#define FEW 4               /* rows or columns that go to the kernels for vectors */
#define FEW_DOTS 8          /* of those that run along k */
#define STRIP_ROWS 36       /* rows of a up to which b is read panel by panel, each used at once */
#define STRIP_DEPTH 512     /* of such a panel, which stays in the caches of its core */
#define SMALL (1 << 16)     /* multiplications not worth a second thread */
#define IN_PLACE_BYTES (384 << 10) /* of b, which stays in the second cache */

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t pieces(int64_t n, int64_t size) { return (n + size - 1) / size; }

static void *element(const void *p, int64_t i, mx_dtype dtype) {
  return (char *)p + i * (int64_t)mx_dtype_size(dtype);
}

typedef struct {
  const mx_gemm_product *p;
  const mx_gemm_opened *opened;
  mx_gemm_sizes sizes;
  mx_gemm_source a, b; /* the blocks being multiplied */
  int64_t k_begin, column_begin;
  mx_gemm_block block;                               /* the whole of them; a tile is a part of it */
  int64_t twofold;                                   /* 2 for complex64: real rows a row */
  int64_t a_panels, b_panels, tile_rows, tiles_down; /* tiles in panels of a */
  int64_t tile_columns;                              /* of a tile, in columns: whole panels */
  char *a_packed, *b_packed;
} job;

static size_t number(const job *j) { return j->p->dtype == MX_FLOAT64 ? 8 : 4; }

/* Numbers that k's of a row are packed into, of pairs or not. */
static int64_t packed_into(bool pairs, int64_t k) { return pairs ? (k + 1) / 2 : k; }
static int64_t numbers(const job *j, int64_t k) {
  return packed_into(j->sizes.pairs, k * j->twofold);
}

/* Rows [row, row + rows) of a, and columns of b, `depth` deep from k on, to be packed. */
static mx_gemm_source part_of_a(const mx_gemm_product *p, bool pairs, int64_t row, int64_t rows,
                                int64_t k, int64_t depth) {
  const void *data = element(p->a, row * p->a_row + k * p->a_column, p->dtype);
  return (mx_gemm_source){data, p->dtype, rows, depth, p->a_row, p->a_column, pairs};
}
static mx_gemm_source part_of_b(const mx_gemm_product *p, bool pairs, int64_t column,
                                int64_t columns, int64_t k, int64_t depth) {
  const void *data = element(p->b, column * p->b_column + k * p->b_row, p->dtype);
  return (mx_gemm_source){data, p->dtype, columns, depth, p->b_column, p->b_row, pairs};
}

/* Columns of an opened b, as floats in a scratch that is packed like any matrix. */
static void pack_opened(const job *j, int64_t begin, int64_t end) {
  float floats[64 * 128];
  int nr = j->sizes.nr;
  for (int64_t panel = begin; panel < end; panel++) {
    int64_t first = panel * nr, columns = least(nr, j->b.count - first);
    float *to = (float *)j->b_packed + panel * nr * j->b.k;
    if (j->opened->open_panel && j->opened->open_panel(j->opened->context, j->column_begin + first,
                                                       columns, j->k_begin, j->b.k, nr, to))
      continue;
    for (int64_t k = 0; k < j->b.k; k += 128) {
      int64_t depth = least(128, j->b.k - k);
      j->opened->open(j->opened->context, j->column_begin + first, columns, j->k_begin + k, depth,
                      floats, 128);
      mx_gemm_source s = {floats, MX_FLOAT32, columns, depth, 128, 1, false};
      mx_k->gemm_pack(&s, nr, 0, 1, false, to + k * nr);
    }
  }
}

/* Panels of a, then those of b. */
static void pack(void *context, int64_t begin, int64_t end) {
  job *j = context;
  if (begin < j->a_panels)
    mx_k->gemm_pack(&j->a, j->sizes.mr, begin, least(end, j->a_panels), true, j->a_packed);
  begin = begin > j->a_panels ? begin - j->a_panels : 0;
  end -= j->a_panels;
  if (begin >= end) return;
  if (j->opened)
    pack_opened(j, begin, end);
  else
    mx_k->gemm_pack(&j->b, j->sizes.nr, begin, end, false, j->b_packed);
}

/* Tiles, down the rows first, so that neighbours share their part of b. */
static void multiply(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  for (int64_t t = begin; t < end; t++) {
    int64_t row = t % j->tiles_down * j->tile_rows * j->sizes.mr,
            column = t / j->tiles_down * j->tile_columns;
    mx_gemm_block tile = j->block;
    tile.a = j->a_packed + (size_t)(row * tile.k) * number(j);
    tile.b = j->b_packed + (size_t)(column * tile.k) * number(j);
    tile.m = least(j->tile_rows * j->sizes.mr, j->block.m - row);
    tile.n = least(j->tile_columns, j->block.n - column);
    tile.sums = (char *)tile.sums + (size_t)(row * tile.sums_ld + column) * number(j);
    tile.out = element(tile.out, row / j->twofold * tile.out_ld + column, tile.dtype);
    if (tile.c) tile.c = element(tile.c, row * tile.c_row + column * tile.c_column, tile.dtype);
    mx_k->gemm_block(&tile);
  }
}

/* Whether sums are of out's type. */
static bool in_place(const mx_gemm_product *p) {
  return p->dtype == MX_FLOAT32 || p->dtype == MX_FLOAT64;
}

/* Whether sums are what is asked for. */
static bool is_plain(const mx_gemm_product *p) { return in_place(p) && p->alpha == 1 && !p->c; }

/* What blocks that begin at row i and column c have in common. */
static mx_gemm_block block_of(const mx_gemm_product *p, int64_t i, int64_t c) {
  return (mx_gemm_block){.out = element(p->out, i * p->out_row + c, p->dtype),
                         .out_ld = p->out_row,
                         .dtype = p->dtype,
                         .c = p->c ? element(p->c, i * p->c_row + c * p->c_column, p->dtype) : NULL,
                         .c_row = p->c_row,
                         .c_column = p->c_column,
                         .alpha = p->alpha,
                         .beta = p->beta};
}

/* Rows [i, i + m) by columns [c, c + n), through all of k. */
static void multiply_part(job *j, int64_t i, int64_t m, int64_t c, int64_t n, void *sums,
                          int64_t depth) {
  const mx_gemm_product *p = j->p;
  j->block = block_of(p, i, c);
  j->block.pairs = j->sizes.pairs;
  j->block.m = m * j->twofold;
  j->block.n = n;
  j->block.sums = sums ? sums : j->block.out;
  j->block.sums_ld = sums ? n : p->out_row;
  j->a_panels = pieces(j->block.m, j->sizes.mr);
  j->b_panels = pieces(n, j->sizes.nr);
  int64_t across = pieces(n, j->tile_columns), wanted = pieces(4 * mx_pool_threads(), across);
  j->tile_rows = pieces(j->a_panels, wanted);
  if (j->tile_rows > TILE_ROWS / j->sizes.mr) j->tile_rows = TILE_ROWS / j->sizes.mr;
  j->tiles_down = pieces(j->a_panels, j->tile_rows);
  j->tile_rows = pieces(j->a_panels, j->tiles_down); /* of even heights */
  j->column_begin = c;
  int64_t alone = m * n * p->k < SMALL ? INT64_MAX : 1;
  for (int64_t k = 0; k < p->k; k += depth) {
    j->k_begin = k;
    j->a = part_of_a(p, j->sizes.pairs, i, m, k, least(depth, p->k - k));
    j->b = part_of_b(p, j->sizes.pairs, c, n, k, least(depth, p->k - k));
    j->block.k = numbers(j, j->a.k);
    j->block.first = k == 0;
    j->block.finish = k + depth >= p->k && !is_plain(p);
    mx_pool_run(j->a_panels + j->b_panels, alone, pack, j);
    mx_pool_run(j->tiles_down * across, alone, multiply, j);
  }
}

static int64_t round_up(int64_t n, int64_t step) { return pieces(n, step) * step; }

/* Blocks of k of even depth: a short last one would waste the tiles' loading and storing. Complex
 * numbers add two products each to a sum: it takes half as many at a time as others, or fewer, and
 * so rounds no more. */
static int64_t depth_for(const job *j) {
  int64_t most = j->sizes.pairs ? 2 * j->sizes.depth : j->sizes.depth;
  if (j->twofold > 1) most = least(64, pieces(j->p->k, 2));
  int64_t depth = round_up(pieces(j->p->k, pieces(j->p->k, most)), 4);
  return j->opened ? round_up(depth, j->opened->granule) : depth;
}

/* Where there are columns enough for all threads: rows of a are packed through all of k, and each
 * thread packs some columns of b for itself, a block of k at a time, and multiplies them with all
 * those rows while they are in its second cache. */
typedef struct {
  job *j;
  int64_t i, rows, depth; /* rows of a from i on */
  char *scratch;          /* of each thread: a strip's panels, then its sums */
  size_t scratch_bytes, panel_bytes;
  bool separate;
  _Atomic bool *taken; /* [threads] */
} columns_job;

/* Panels of a through all of k, whose rows are read from end to end; a block's panels stand after
 * those of the one before. */
static void pack_rows(void *context, int64_t begin, int64_t end) {
  const columns_job *s = context;
  const mx_gemm_product *p = s->j->p;
  int64_t height = s->j->a_panels * s->j->sizes.mr;
  for (int64_t panel = begin; panel < end; panel++)
    for (int64_t k = 0; k < p->k; k += s->depth) {
      mx_gemm_source a =
          part_of_a(p, s->j->sizes.pairs, s->i, s->rows, k, least(s->depth, p->k - k));
      mx_k->gemm_pack(&a, s->j->sizes.mr, panel, panel + 1, true,
                      s->j->a_packed + (size_t)(height * numbers(s->j, k)) * number(s->j));
    }
}

static void pack_strip(job *own, int64_t c, int64_t n, int64_t k, int64_t depth) {
  const mx_gemm_product *p = own->p;
  own->column_begin = c;
  own->k_begin = k;
  own->b = part_of_b(p, own->sizes.pairs, c, n, k, depth);
  if (own->opened) {
    pack_opened(own, 0, pieces(n, own->sizes.nr));
    return;
  }
  mx_k->gemm_pack(&own->b, own->sizes.nr, 0, pieces(n, own->sizes.nr), false, own->b_packed);
}

static void multiply_strip(const columns_job *s, int64_t c, int64_t n, char *scratch) {
  const mx_gemm_product *p = s->j->p;
  int64_t a_rows = s->j->a_panels * s->j->sizes.mr, twofold = s->j->twofold;
  job own = *s->j;
  own.b_packed = scratch;
  mx_gemm_block block = block_of(p, s->i, c);
  block.m = s->rows * twofold;
  block.n = n;
  block.pairs = own.sizes.pairs;
  block.b = scratch;
  block.sums = s->separate ? scratch + s->panel_bytes : block.out;
  block.sums_ld = s->separate ? n : p->out_row;
  for (int64_t k = 0; k < p->k; k += s->depth) {
    int64_t depth = least(s->depth, p->k - k);
    pack_strip(&own, c, n, k, depth);
    block.k = numbers(&own, depth);
    block.a = own.a_packed + (size_t)(a_rows * numbers(&own, k)) * number(&own);
    block.first = k == 0;
    block.finish = k + s->depth >= p->k && !is_plain(p);
    mx_k->gemm_block(&block);
  }
}

/* Columns in panels. */
static void run_columns(void *context, int64_t begin, int64_t end) {
  columns_job *s = context;
  int64_t nr = s->j->sizes.nr, last = least(end * nr, s->j->p->n), n;
  int slot = 0;
  while (atomic_exchange(&s->taken[slot], true)) slot = (slot + 1) % mx_pool_threads();
  for (int64_t c = begin * nr; c < last; c += n) {
    n = least(s->j->tile_columns, last - c);
    multiply_strip(s, c, n, s->scratch + (size_t)slot * s->scratch_bytes);
  }
  atomic_store(&s->taken[slot], false);
}

static bool has_columns(const mx_gemm_product *p, const job *j) {
  return p->n >= 4 * mx_pool_threads() * j->sizes.nr && p->m * p->n * p->k >= SMALL;
}

/* Wide strips, for each reads all of a; as many for every thread. */
static int64_t strip_columns(int64_t n, int64_t nr) {
  int64_t threads = mx_pool_threads(), strips = threads * pieces(n, threads * TILE_COLUMNS);
  return round_up(pieces(n, strips), nr);
}

static int by_columns(job *j, int64_t depth) {
  const mx_gemm_product *p = j->p;
  columns_job s = {.j = j, .depth = depth};
  j->tile_columns = strip_columns(p->n, j->sizes.nr);
  s.separate = p->k > depth && (!in_place(p) || p->c == p->out);
  int64_t held = MOST_HELD / numbers(j, p->k), threads = mx_pool_threads();
  int64_t most = held < TILE_ROWS ? TILE_ROWS : least(held, MOST_ROWS);
  int64_t parts = pieces(p->m, most), rows = pieces(p->m, parts);
  int64_t a_rows = round_up(rows * j->twofold, j->sizes.mr);
  size_t a_bytes = ((size_t)(a_rows * numbers(j, p->k)) * number(j) + 63) & ~(size_t)63;
  s.panel_bytes = (size_t)(j->tile_columns * numbers(j, depth)) * number(j);
  size_t sum_bytes = s.separate ? (size_t)(rows * j->twofold * j->tile_columns) * number(j) : 0;
  s.scratch_bytes = (s.panel_bytes + sum_bytes + 63) & ~(size_t)63;
  mx_buffer *work = mx_buffer_new(a_bytes + (size_t)threads * (s.scratch_bytes + sizeof *s.taken));
  if (!work) return -1;
  j->a_packed = work->data;
  s.scratch = j->a_packed + a_bytes;
  s.taken = (_Atomic bool *)(s.scratch + (size_t)threads * s.scratch_bytes);
  for (int64_t t = 0; t < threads; t++) s.taken[t] = false;
  for (s.i = 0; s.i < p->m; s.i += rows) {
    s.rows = least(rows, p->m - s.i);
    j->a_panels = pieces(s.rows * j->twofold, j->sizes.mr);
    mx_pool_run(j->a_panels, 1 + 8192 / (p->k * j->sizes.mr), pack_rows, &s);
    mx_pool_run(pieces(p->n, j->sizes.nr), j->tile_columns / j->sizes.nr, run_columns, &s);
  }
  mx_buffer_release(work);
  return 0;
}

static int blocked(const mx_gemm_product *p, const mx_gemm_opened *opened) {
  job j = {.p = p, .opened = opened, .twofold = p->dtype == MX_COMPLEX64 ? 2 : 1};
  j.sizes = mx_k->gemm_sizes(opened ? MX_FLOAT32 : p->dtype);
  j.tile_columns = TILE_COLUMNS / j.sizes.nr * j.sizes.nr;
  int64_t depth = depth_for(&j);
  if (has_columns(p, &j)) return by_columns(&j, depth);
  int64_t rows = least(p->m, MOST_ROWS), columns = least(p->n, MOST_COLUMNS);
  bool separate = p->k > depth && (!in_place(p) || p->c == p->out);
  size_t a_bytes =
      (size_t)(round_up(rows * j.twofold, j.sizes.mr) * numbers(&j, depth)) * number(&j);
  size_t b_bytes = (size_t)(round_up(columns, j.sizes.nr) * numbers(&j, depth)) * number(&j);
  size_t sum_bytes = separate ? (size_t)(rows * j.twofold * columns) * number(&j) : 0;
  a_bytes = (a_bytes + 63) & ~(size_t)63, b_bytes = (b_bytes + 63) & ~(size_t)63;
  mx_buffer *work = mx_buffer_new(a_bytes + b_bytes + sum_bytes);
  if (!work) return -1;
  j.a_packed = work->data;
  j.b_packed = j.a_packed + a_bytes;
  void *sums = separate ? j.b_packed + b_bytes : NULL;
  for (int64_t i = 0; i < p->m; i += rows)
    for (int64_t c = 0; c < p->n; c += columns)
      multiply_part(&j, i, least(rows, p->m - i), c, least(columns, p->n - c), sums, depth);
  mx_buffer_release(work);
  return 0;
}

/* Some rows of a, all packed, against columns of b that are opened or packed as they are needed. */
typedef struct {
  const mx_gemm_product *p;
  const mx_gemm_opened *opened;
  int rows, nr;
  bool pairs;
  int64_t strips;
  const float *a; /* [strips][numbers of k][rows], as wide as floats where they are pairs */
} strip_job;

static void strip_panel(const strip_job *j, int64_t first, int64_t count, int64_t k, int64_t depth,
                        float *panel) {
  const mx_gemm_product *p = j->p;
  if (j->opened) {
    j->opened->open_panel(j->opened->context, first, count, k, depth, j->nr, panel);
    return;
  }
  mx_gemm_source s = part_of_b(p, j->pairs, first, count, k, depth);
  mx_k->gemm_pack(&s, j->nr, 0, 1, false, panel);
}

static void run_strips(void *context, int64_t begin, int64_t end) {
  const strip_job *j = context;
  const mx_gemm_product *p = j->p;
  mx_gemm_block to = {.dtype = p->dtype, .alpha = p->alpha, .beta = p->beta};
  const int64_t most = j->pairs ? 2 * STRIP_DEPTH : STRIP_DEPTH, all = packed_into(j->pairs, p->k);
  _Alignas(64) float panel[STRIP_DEPTH * MOST_WIDTH], sums[(STRIP_ROWS + 12) * MOST_WIDTH];
  for (int64_t t = begin; t < end; t++) {
    int64_t first = t * j->nr, count = least(j->nr, p->n - first);
    for (int64_t k = 0; k < p->k; k += most) {
      int64_t depth = least(most, p->k - k);
      strip_panel(j, first, count, k, depth, panel);
      for (int64_t s = 0; s < j->strips; s++)
        mx_k->gemm_strip(j->pairs, packed_into(j->pairs, depth), j->rows,
                         j->a + (s * all + packed_into(j->pairs, k)) * j->rows, panel,
                         sums + s * j->rows * j->nr, k > 0);
    }
    for (int64_t m = 0; m < p->m; m++)
      mx_k->gemm_finish(
          sums + m * j->nr, 1, count, &to, element(p->out, m * p->out_row + first, p->dtype), 1,
          p->c ? element(p->c, m * p->c_row + first * p->c_column, p->dtype) : NULL, p->c_column);
  }
}

static bool has_strips(const mx_gemm_product *p, const mx_gemm_opened *opened) {
  if (p->m > STRIP_ROWS || p->dtype == MX_FLOAT64 || p->dtype == MX_COMPLEX64) return false;
  if (!opened) return p->b_row == 1 && p->n >= 256;
  return opened->open_panel && opened->open_panel(opened->context, 0, 0, 0, 0, 0, NULL);
}

static int strips(const mx_gemm_product *p, const mx_gemm_opened *opened) {
  strip_job j = {.p = p, .opened = opened, .rows = mx_k->gemm_strip_rows(p->m)};
  mx_gemm_sizes sizes = mx_k->gemm_sizes(opened ? MX_FLOAT32 : p->dtype);
  j.nr = sizes.nr;
  j.pairs = sizes.pairs;
  j.strips = pieces(p->m, j.rows);
  size_t count = (size_t)(j.strips * j.rows * packed_into(j.pairs, p->k));
  mx_buffer *work = mx_buffer_new(count * sizeof(float));
  if (!work) return -1;
  mx_gemm_source s = part_of_a(p, j.pairs, 0, p->m, 0, p->k);
  mx_k->gemm_pack(&s, j.rows, 0, j.strips, true, work->data);
  j.a = work->data;
  mx_pool_run(pieces(p->n, j.nr), 1 + SMALL / (p->m * p->k * j.nr + 1), run_strips, &j);
  mx_buffer_release(work);
  return 0;
}

/* A few vectors against a matrix of `n` rows or columns. */
typedef struct {
  mx_gemv v;
  mx_gemm_block to;
  bool dots;
  int64_t out_vector, out_step, c_vector,
      c_step; /* strides from one vector to the next, and within */
  void *out;
  const void *c;
} vector_job;

#define VECTOR_SPAN 1024

static void run_vectors(void *context, int64_t begin, int64_t end) {
  const vector_job *j = context;
  double sums[VECTOR_SPAN * FEW];
  mx_dtype dtype = j->v.dtype;
  size_t size = dtype == MX_FLOAT64 ? 8 : 4;
  const int64_t span = (int64_t)(sizeof sums / size) / j->v.m;
  for (int64_t n = begin; n < end; n += span) {
    int64_t count = least(span, end - n);
    (j->dots ? mx_k->gemv_dot : mx_k->gemv_axpy)(&j->v, n, n + count, sums);
    for (int64_t m = 0; m < j->v.m; m++) {
      int64_t at = j->dots ? m : m * count, step = j->dots ? j->v.m : 1;
      void *out = element(j->out, m * j->out_vector + n * j->out_step, dtype);
      const void *c = j->c ? element(j->c, m * j->c_vector + n * j->c_step, dtype) : NULL;
      mx_k->gemm_finish((char *)sums + (size_t)at * size, step, count, &j->to, out, j->out_step, c,
                        j->c_step);
    }
  }
}

static int vectors(const mx_gemm_product *p, bool left) {
  vector_job j = {.to = {.dtype = p->dtype, .alpha = p->alpha, .beta = p->beta},
                  .out = p->out,
                  .c = p->c,
                  .out_vector = left ? p->out_row : 1,
                  .out_step = left ? 1 : p->out_row,
                  .c_vector = left ? p->c_row : p->c_column,
                  .c_step = left ? p->c_column : p->c_row};
  int64_t along = left ? p->b_row : p->a_column, across = left ? p->b_column : p->a_row;
  int64_t m = left ? p->m : p->n, n = left ? p->n : p->m;
  int64_t stride = m > 1 ? round_up(p->k, 16) + 16 : p->k; /* not all in one set of the cache */
  mx_buffer *work = mx_buffer_new((size_t)(m * stride) * 8);
  if (!work) return -1;
  mx_copy_strided(work->data, p->dtype == MX_FLOAT64 ? MX_FLOAT64 : MX_FLOAT32,
                  (int64_t[]){stride, 1}, left ? p->a : p->b, p->dtype,
                  left ? (int64_t[]){p->a_row, p->a_column} : (int64_t[]){p->b_column, p->b_row},
                  (int32_t[]){(int32_t)m, (int32_t)p->k}, 2);
  j.dots = along == 1;
  j.v = (mx_gemv){.w = left ? p->b : p->a,
                  .dtype = p->dtype,
                  .w_stride = j.dots ? across : along,
                  .k = p->k,
                  .m = m,
                  .x = work->data,
                  .x_stride = stride};
  int64_t grain = SMALL / 4 / (p->k + 1) + 1;
  if (!j.dots && grain < 64) { /* long runs of each row, which may be in a page of its own */
    int64_t half = n / (2 * mx_pool_threads()) / 64 * 64;
    grain = half < 64 ? 64 : half;
  }
  mx_pool_run(n, grain, run_vectors, &j);
  mx_buffer_release(work);
  return 0;
}

/* Rows of b that run along k can be multiplied with more vectors at once. */
static int64_t few_vectors(const mx_gemm_product *p) {
  return p->b_row == 1 && p->dtype != MX_FLOAT64 ? FEW_DOTS : FEW;
}

/* Whether the matrix can be read in rows that are contiguous one way or the other. */
static bool streams(int64_t row, int64_t column) { return row == 1 || column == 1; }

static void write_scaled(const mx_gemm_product *p) {
  mx_gemm_block to = {.dtype = p->dtype, .alpha = 0, .beta = p->beta};
  double zero = 0;
  for (int64_t i = 0; i < p->m; i++) {
    void *out = element(p->out, i * p->out_row, p->dtype);
    if (!p->c)
      memset(out, 0, (size_t)p->n * mx_dtype_size(p->dtype));
    else
      mx_k->gemm_finish(&zero, 0, p->n, &to, out, 1, element(p->c, i * p->c_row, p->dtype),
                        p->c_column);
  }
}

/* Small products read b where it stands, in rows, from the second cache. */
static bool reads_in_place(const mx_gemm_product *p, const mx_gemm_sizes *sizes) {
  return is_plain(p) && p->b_column == 1 && p->n >= sizes->nr && p->m >= sizes->low &&
         p->k <= MX_GEMM_IN_PLACE_DEPTH &&
         p->k * p->n * (int64_t)mx_dtype_size(p->dtype) <= IN_PLACE_BYTES;
}

static void run_in_place(void *context, int64_t begin, int64_t end) {
  mx_k->gemm_in_place(context, begin, end);
}

/* Whether matrices fill the memory that they span. */
static bool is_dense(const mx_gemm_product *p) {
  return ((p->a_column == 1 && p->a_row == p->k) || (p->a_row == 1 && p->a_column == p->m)) &&
         p->b_column == 1 && p->b_row == p->n;
}

static void multiply_in_place(const mx_gemm_product *p, const mx_gemm_product *next,
                              const mx_gemm_sizes *sizes) {
  bool fetches = next && is_dense(p);
  mx_gemm_plain plain = {.dtype = p->dtype,
                         .m = p->m,
                         .n = p->n,
                         .k = p->k,
                         .a = p->a,
                         .b = p->b,
                         .out = p->out,
                         .a_row = p->a_row,
                         .a_step = p->a_column,
                         .b_step = p->b_row,
                         .out_row = p->out_row,
                         .next_a = fetches ? next->a : NULL,
                         .next_b = fetches ? next->b : NULL};
  int64_t height = p->m < sizes->mr ? sizes->low : sizes->mr;
  mx_pool_run(p->m / height, 1 + SMALL / 4 / (height * p->n * p->k + 1), run_in_place, &plain);
}

/* `next`, where it is known, will differ in where its matrices begin. */
static int multiply_one(const mx_gemm_product *p, const mx_gemm_product *next) {
  if (p->m == 0 || p->n == 0) return 0;
  if (p->k == 0) {
    write_scaled(p);
    return 0;
  }
  if (p->dtype != MX_COMPLEX64 && p->m <= few_vectors(p) && streams(p->b_row, p->b_column))
    return vectors(p, true);
  if (p->dtype != MX_COMPLEX64 && p->n <= FEW && streams(p->a_row, p->a_column))
    return vectors(p, false);
  mx_gemm_sizes sizes = mx_k->gemm_sizes(p->dtype);
  if (reads_in_place(p, &sizes)) {
    multiply_in_place(p, next, &sizes);
    return 0;
  }
  return has_strips(p, NULL) ? strips(p, NULL) : blocked(p, NULL);
}

int mx_gemm(const mx_gemm_product *p) { return multiply_one(p, NULL); }

int mx_gemm_with_opened(const mx_gemm_product *p, const mx_gemm_opened *b) {
  if (p->m == 0 || p->n == 0) return 0;
  return has_strips(p, b) ? strips(p, b) : blocked(p, b);
}

typedef struct {
  const mx_gemm_product *p;
  const mx_gemm_batch *batch;
  _Atomic int failed;
} batch_job;

static mx_gemm_product of_batch(const batch_job *j, int64_t i) {
  mx_gemm_product p = *j->p;
  p.a = element(p.a, j->batch->a ? j->batch->a[i] : 0, p.dtype);
  p.b = element(p.b, j->batch->b ? j->batch->b[i] : 0, p.dtype);
  if (p.c) p.c = element(p.c, j->batch->c ? j->batch->c[i] : 0, p.dtype);
  p.out = element(p.out, i * j->batch->out, p.dtype);
  return p;
}

static void run_batch(void *context, int64_t begin, int64_t end) {
  batch_job *j = context;
  mx_gemm_product p = of_batch(j, begin), next = p;
  for (int64_t i = begin; i < end; i++, p = next) {
    bool more = i + 1 < j->batch->count; /* if not here, then where this thread goes on */
    if (more) next = of_batch(j, i + 1);
    if (multiply_one(&p, more ? &next : NULL)) j->failed = 1;
  }
}

int mx_gemm_batched(const mx_gemm_product *p, const mx_gemm_batch *batch) {
  batch_job j = {p, batch, 0};
  int64_t work = p->m * p->n * (p->k + 1), grain = SMALL / (work + 1) + 1;
  if (batch->count >= 4 * mx_pool_threads() || work < 8 * SMALL)
    mx_pool_run(batch->count, grain, run_batch, &j);
  else
    run_batch(&j, 0, batch->count);
  if (j.failed) mx_fail("[matmul] Unable to allocate work space"); /* on this thread too */
  return j.failed ? -1 : 0;
}
