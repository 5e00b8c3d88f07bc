/* Tiles: where each operand of a tile is to be found, and the operations over them. */
#include "drivers/tiles.h"
#include "base/alloc.h"
#include "base/pool.h"
#include "drivers/copy.h"
#include "drivers/walk.h"
#include "kernels/kernels.h"

#include <stdlib.h>
#include <string.h>

#define LONG_ROW 1024    /* shorter rows are gathered */
#define LANE_BYTES 32768 /* that a tile of everything together should take */
#define TILE_MIN 256     /* elements */
#define TILE_MAX 4096
#define MX_TILES_PLACES (MX_TILES_INPUTS + 2 * MX_TILES_OPS) /* of a program, at most */

typedef struct {
  const char *data;
  int64_t size; /* bytes an element */
  enum { SCALAR, FLAT, STRIDED } kind;
  const int64_t *strides;
  mx_dim dims[MX_WALK_DIMS];
  int dim_count;
} operand;

typedef struct {
  const mx_tiles *code;
  operand *in; /* [input_count] */
  void *const *out;
  int64_t size, tile;
  int64_t row;   /* elements along which strided inputs step by 1 or 0; 0: they are gathered */
  bool stream;   /* outputs go past the caches... */
  bool staged;   /* ...from memory of their own */
  int64_t bytes; /* of scratch memory, for an element */
  int64_t work;  /* bytes of it for programs */
} job;

/* One thread's place in a job. */
typedef struct {
  char *scratch, *work;
  char *slots[MX_TILES_OPS], *gathered[MX_TILES_INPUTS], *staged[MX_TILES_OPS];
  mx_walk walks[MX_TILES_INPUTS];
  const char *in[MX_TILES_INPUTS];
  int64_t steps[MX_TILES_INPUTS];
  char *out[MX_TILES_OPS];
} lane;

/* The next n elements of a strided input, into row-major memory: whole rows at a time where rows
 * are short. */
static void gather(const operand *o, mx_walk *walk, char *to, int64_t n) {
  int last = o->dim_count - 1;
  int64_t cols = o->dims[last].size, step = o->dims[last].stride;
  int64_t row_step = last > 0 ? o->dims[last - 1].stride : 0;
  while (n) {
    int64_t left = mx_walk_left(walk), m = left < n ? left : n, rows = 1;
    if (m == cols && last > 0) {
      rows = o->dims[last - 1].size - walk->at[last - 1];
      if (rows > n / cols) rows = n / cols;
    }
    mx_k->copy_rect(to, m, 1, o->data + walk->offset * o->size, row_step, step, rows, m,
                    (int)o->size);
    for (int64_t r = 0; r < rows; r++) mx_walk_on(walk, m);
    to += rows * m * o->size;
    n -= rows * m;
  }
}

static void place_operands(const job *j, lane *l, int64_t at, int64_t n) {
  for (int i = 0; i < j->code->input_count; i++) {
    const operand *o = &j->in[i];
    l->steps[i] = o->kind != SCALAR;
    l->in[i] = o->data;
    if (o->kind == FLAT) {
      l->in[i] += at * o->size;
    } else if (o->kind == STRIDED && j->row) {
      l->in[i] += l->walks[i].offset * o->size;
      l->steps[i] = o->dims[o->dim_count - 1].stride;
      mx_walk_on(&l->walks[i], n);
    } else if (o->kind == STRIDED) {
      gather(o, &l->walks[i], l->gathered[i], n);
      l->in[i] = l->gathered[i];
    }
  }
  for (int i = 0; i < j->code->output_count; i++)
    l->out[i] = j->staged ? l->staged[i] : (char *)j->out[i] + at * j->code->output_size[i];
}

static char *find(const lane *l, mx_tile_place place) {
  return place.kind == MX_TILE_IN     ? (char *)l->in[place.index]
         : place.kind == MX_TILE_SLOT ? l->slots[place.index]
                                      : l->out[place.index];
}

static void run_one(const lane *l, const mx_tile_run *run, int64_t n) {
  const void *in[MX_TILE_INPUTS];
  int64_t steps[MX_TILE_INPUTS];
  int count = run->place_count - 1;
  for (int k = 0; k < count; k++) {
    in[k] = find(l, run->places[k]);
    steps[k] = run->places[k].kind == MX_TILE_IN ? l->steps[run->places[k].index] : 1;
  }
  run->fn(run->node, find(l, run->places[count]), in, steps, n);
}

static void run_program(const job *j, const lane *l, const mx_tile_run *run, int64_t n) {
  void *at[MX_TILES_PLACES];
  uint8_t steps[MX_TILES_PLACES];
  for (int k = 0; k < run->place_count; k++) {
    at[k] = find(l, run->places[k]);
    steps[k] = run->places[k].kind != MX_TILE_IN || l->steps[run->places[k].index];
  }
  mx_k->fused(run->program, at, steps, j->stream && !j->staged, l->work, n);
}

static void run_tile(const job *j, const lane *l, int64_t n) {
  for (int i = 0; i < j->code->run_count; i++) {
    const mx_tile_run *run = &j->code->runs[i];
    if (run->fn)
      run_one(l, run, n);
    else
      run_program(j, l, run, n);
  }
}

static void open_lane(const job *j, lane *l, int64_t begin) {
  l->scratch = mx_xmalloc((size_t)(j->work + (j->bytes ? j->bytes * j->tile : 0)) + 64);
  l->work = l->scratch + (-(uintptr_t)l->scratch & 63);
  char *p = l->work + j->work;
  for (int i = 0; i < j->code->slot_count; i++) {
    l->slots[i] = p;
    p += j->tile * j->code->slot_size[i];
  }
  for (int i = 0; i < j->code->output_count && j->staged; i++) {
    l->staged[i] = p;
    p += j->tile * j->code->output_size[i];
  }
  for (int i = 0; i < j->code->input_count; i++) {
    const operand *o = &j->in[i];
    if (o->kind != STRIDED) continue;
    mx_walk_start(&l->walks[i], o->dims, o->dim_count, begin);
    if (j->row) continue;
    l->gathered[i] = p;
    p += j->tile * o->size;
  }
}

static void run_range(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  lane l;
  open_lane(j, &l, begin);
  for (int64_t at = begin; at < end;) {
    int64_t n = end - at < j->tile ? end - at : j->tile;
    if (j->row && n > j->row - at % j->row) n = j->row - at % j->row;
    place_operands(j, &l, at, n);
    run_tile(j, &l, n);
    for (int i = 0; i < j->code->output_count && j->staged; i++) {
      int64_t size = j->code->output_size[i];
      mx_k->copy_stream((char *)j->out[i] + at * size, l.staged[i], n * size);
    }
    at += n;
  }
  if (j->stream) mx_stream_fence();
  free(l.scratch);
}

/* ---- Plan ---- */

static void describe(operand *o, mx_tile_input in, int size, const int32_t *shape, int ndim) {
  o->data = in.data;
  o->size = size;
  o->strides = in.strides;
  o->kind = FLAT;
  if (!in.strides) return;
  int64_t step = 1;
  bool scalar = true, flat = true;
  for (int i = ndim - 1; i >= 0; i--) {
    if (shape[i] == 1) continue;
    scalar &= in.strides[i] == 0;
    flat &= in.strides[i] == step;
    step *= shape[i];
  }
  o->kind = scalar ? SCALAR : flat ? FLAT : STRIDED;
}

/* The innermost of the shape's dimensions, after merging what every strided input crosses with one
 * stride; 0 where an input steps by something else than 1 or 0 along it. */
static int64_t common_row(const job *j, const int32_t *shape, int ndim) {
  int64_t row = 1;
  int inner = -1; /* the dimension last merged */
  for (int d = ndim - 1; d >= 0; d--) {
    if (shape[d] == 1) continue;
    for (int i = 0; i < j->code->input_count; i++) {
      const operand *o = &j->in[i];
      if (o->kind != STRIDED) continue;
      int64_t step = o->strides[d];
      if (inner < 0 && step != 0 && step != 1) return 0;
      if (inner >= 0 && step != o->strides[inner] * shape[inner]) return row;
    }
    row *= shape[d];
    inner = d;
  }
  return row;
}

/* The dimensions to walk; with rows, the innermost one is the row. */
static void set_dims(operand *o, int64_t row, const int32_t *shape, int ndim) {
  int64_t inside = 1, step = 0;
  int outside = ndim;
  while (row && inside < row) {
    outside--;
    if (inside == 1) step = o->strides[outside];
    inside *= shape[outside];
  }
  o->dim_count = 0;
  for (int i = 0; i < outside; i++)
    o->dim_count = mx_dims_push(o->dims, o->dim_count, shape[i], o->strides[i]);
  if (row) o->dims[o->dim_count++] = (mx_dim){row, step};
}

/* Scratch memory, and with it the elements of a tile. Where nothing is between memory and one
 * program, a tile has no bounds. */
static void plan(job *j, const int32_t *shape, int ndim) {
  const mx_tiles *code = j->code;
  bool strided = false, alone = code->run_count == 1 && !code->runs[0].fn;
  int64_t touched = 0, written = 0;
  for (int i = 0; i < code->input_count; i++) strided |= j->in[i].kind == STRIDED;
  j->row = strided ? common_row(j, shape, ndim) : 0;
  if (j->row < LONG_ROW) j->row = 0;
  for (int i = 0; i < code->slot_count; i++) j->bytes += code->slot_size[i];
  for (int i = 0; i < code->input_count; i++) {
    operand *o = &j->in[i];
    if (o->kind != SCALAR) touched += o->size;
    if (o->kind != STRIDED) continue;
    set_dims(o, j->row, shape, ndim);
    if (!j->row) j->bytes += o->size;
  }
  for (int i = 0; i < code->output_count; i++) written += code->output_size[i];
  for (int i = 0; i < code->run_count; i++) {
    int64_t work = code->runs[i].fn ? 0 : MX_FUSED_SCRATCH(code->runs[i].program);
    if (work > j->work) j->work = work;
  }
  j->stream = mx_worth_streaming(j->size * written);
  j->staged = j->stream && !alone;
  if (j->staged) j->bytes += written;
  j->tile = LANE_BYTES / (j->bytes + touched + written) / 64 * 64;
  if (j->tile < TILE_MIN) j->tile = TILE_MIN;
  if (j->tile > TILE_MAX) j->tile = TILE_MAX;
  if (alone && !j->bytes) j->tile = INT64_MAX;
}

void mx_run_tiles(const mx_tiles *tiles, const mx_tile_input *inputs, void *const *outputs,
                  const int32_t *shape, int ndim) {
  operand operands[MX_TILES_INPUTS];
  job j = {.code = tiles, .in = operands, .out = outputs, .size = 1};
  for (int i = 0; i < ndim; i++) j.size *= shape[i];
  if (j.size == 0) return;
  for (int i = 0; i < tiles->input_count; i++)
    describe(&operands[i], inputs[i], tiles->input_size[i], shape, ndim);
  plan(&j, shape, ndim);
  int64_t grain = 32768 / tiles->op_count, unit = j.tile < TILE_MAX ? j.tile : TILE_MIN;
  mx_pool_run(j.size, (grain + unit - 1) / unit * unit, run_range, &j);
}
