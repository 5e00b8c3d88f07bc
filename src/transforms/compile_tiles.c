/* The primitive that stands for several operations: which memory its operands lie in, who dies, and
 * what the driver runs. What passes between operations are the kernels' own results, so a fused
 * function yields the same bits as an unfused one. */
#include "transforms/compile_tiles.h"
#include "array/scope.h"
#include "base/alloc.h"
#include "drivers/copy.h"
#include "transforms/compile_program.h"

#include <stdlib.h>
#include <string.h>

/* ---- The program ---- */

typedef struct {
  _Atomic int refs;
  int output_op[MX_TILES_OPS];   /* that writes an output */
  int last_use[MX_TILES_INPUTS]; /* the last operation that reads an input */
  mx_tiles tiles;
  void *blocks[2 * MX_TILES_OPS]; /* that the runs point to */
  int block_count;
  cp_op ops[]; /* whose nodes are references */
} program;

typedef struct {
  program *program;
} params;

static void release(void *p) {
  program *code = ((params *)p)->program;
  if (atomic_fetch_sub_explicit(&code->refs, 1, memory_order_acq_rel) != 1) return;
  for (int i = 0; i < code->tiles.op_count; i++) mx_node_release(code->ops[i].node);
  for (int i = 0; i < code->block_count; i++) free(code->blocks[i]);
  free(code);
}

static void retain(void *p) {
  atomic_fetch_add_explicit(&((params *)p)->program->refs, 1, memory_order_relaxed);
}

/* ---- Runs and their tiles ---- */

typedef struct {
  program *code;
  int last[MX_TILES_INPUTS + MX_TILES_OPS]; /* the run that last reads a value */
  mx_tile_place places[MX_TILES_INPUTS + MX_TILES_OPS];
  bool busy[MX_TILES_OPS];
} layout;

/* A free tile of the size, or a new one. */
static int take_slot(layout *l, int size) {
  mx_tiles *tiles = &l->code->tiles;
  int slot = 0;
  while (slot < tiles->slot_count && (l->busy[slot] || tiles->slot_size[slot] != size)) slot++;
  if (slot == tiles->slot_count) tiles->slot_size[tiles->slot_count++] = (uint8_t)size;
  l->busy[slot] = true;
  return slot;
}

static void place_result(layout *l, int i) {
  const cp_op *op = &l->code->ops[i];
  mx_tiles *tiles = &l->code->tiles;
  int size = (int)mx_dtype_size(op->dtype);
  mx_tile_place *place = &l->places[MX_TILES_INPUTS + i];
  if (op->wanted) {
    *place = (mx_tile_place){MX_TILE_OUT, tiles->output_count};
    l->code->output_op[tiles->output_count] = i;
    tiles->output_size[tiles->output_count++] = (uint8_t)size;
  } else {
    *place = (mx_tile_place){MX_TILE_SLOT, take_slot(l, size)};
  }
}

/* Frees the tiles of what a run reads last. */
static void leave_operands(layout *l, const int *values, int count, int run) {
  for (int k = 0; k < count; k++)
    if (l->places[values[k]].kind == MX_TILE_SLOT && l->last[values[k]] == run)
      l->busy[l->places[values[k]].index] = false;
}

static const mx_tile_place *places_of(layout *l, const int *values, int count) {
  mx_tile_place *places = mx_xmalloc((size_t)count * sizeof *places);
  for (int k = 0; k < count; k++) places[k] = l->places[values[k]];
  l->code->blocks[l->code->block_count++] = places;
  return places;
}

/* One operation; it may write where a dying operand of its dtype lay. */
static void add_operation(layout *l, int i, int run) {
  const cp_op *op = &l->code->ops[i];
  int count = op->node->input_count, values[MX_TILE_INPUTS + 1];
  bool converts = count == 1 && op->node->inputs[0]->dtype != op->dtype;
  memcpy(values, op->in, sizeof op->in);
  values[count] = MX_TILES_INPUTS + i;
  if (converts) place_result(l, i);
  leave_operands(l, values, count, run);
  if (!converts) place_result(l, i);
  l->code->tiles.runs[run] = (mx_tile_run){.fn = op->node->primitive->tile,
                                           .node = op->node,
                                           .place_count = count + 1,
                                           .places = places_of(l, values, count + 1)};
}

static void add_program(layout *l, int first, int last, int run) {
  program *code = l->code;
  bool needed[MX_TILES_OPS] = {false};
  int values[MX_TILES_OPS * (MX_TILE_INPUTS + 1)];
  for (int i = first; i < last; i++) {
    needed[i] = code->ops[i].wanted || l->last[MX_TILES_INPUTS + i] > run;
    if (needed[i]) place_result(l, i);
  }
  mx_fused_code *made = cp_make_program(code->ops, first, last, needed, values);
  code->blocks[code->block_count++] = made;
  leave_operands(l, values, made->input_count, run);
  code->tiles.runs[run] = (mx_tile_run){.program = made,
                                        .place_count = made->place_count,
                                        .places = places_of(l, values, made->place_count)};
}

/* What follows each other and has steps becomes a program. */
static void make_runs(program *code) {
  layout l = {.code = code};
  mx_tiles *tiles = &code->tiles;
  int begins[MX_TILES_OPS + 1];
  for (int i = 0; i < MX_TILES_INPUTS; i++) l.places[i] = (mx_tile_place){MX_TILE_IN, i};
  for (int i = 0; i < tiles->op_count; i++) {
    if (i == 0 || !cp_has_step(&code->ops[i - 1]) || !cp_has_step(&code->ops[i]))
      begins[tiles->run_count++] = i;
    for (int k = 0; k < code->ops[i].node->input_count; k++) {
      int from = code->ops[i].in[k];
      l.last[from] = tiles->run_count - 1;
      if (from < MX_TILES_INPUTS) code->last_use[from] = i;
    }
  }
  begins[tiles->run_count] = tiles->op_count;
  for (int run = 0; run < tiles->run_count; run++)
    if (begins[run + 1] - begins[run] > 1)
      add_program(&l, begins[run], begins[run + 1], run);
    else
      add_operation(&l, begins[run], run);
}

/* ---- Evaluation ---- */

static bool is_scalar(mx a) {
  for (int i = 0; i < a->ndim; i++)
    if (mx_shape_of(a)[i] != 1 && mx_strides_of(a)[i]) return false;
  return true;
}

static bool has_shape(mx a, mx out) {
  return a->ndim == out->ndim && mx_same_shape(mx_shape_of(a), mx_shape_of(out), a->ndim);
}

static bool same_strides(mx a, mx b) {
  for (int i = 0; i < a->ndim; i++)
    if (mx_shape_of(a)[i] != 1 && mx_strides_of(a)[i] != mx_strides_of(b)[i]) return false;
  return true;
}

/* An input whose dense layout all others share (scalars aside), so that elements can be taken as
 * they lie; NULL: outputs are row-major. */
static mx shared_layout(const mx *in, int count, mx out) {
  mx like = NULL;
  for (int i = 0; i < count; i++) {
    if (is_scalar(in[i])) continue;
    if (!has_shape(in[i], out) || !in[i]->dense) return NULL;
    if (!like) like = in[i];
    if (!same_strides(like, in[i])) return NULL;
  }
  return like;
}

/* Memory that dies with this evaluation, is not much larger than the output, and is read no more
 * once the output is written. */
static bool may_become(const program *code, mx in, int input, mx out, int output) {
  int written = code->output_op[output], read = code->last_use[input];
  return in->dtype == out->dtype && has_shape(in, out) && read <= written && mx_is_donatable(in) &&
         in->buffer->size <= out->size * mx_dtype_size(out->dtype) + (16 << 10);
}

/* All outputs get one layout: `like`'s, or row-major. */
static bool place_outputs(const program *code, const mx *in, const mx *out, mx like) {
  bool given[MX_TILES_INPUTS] = {false};
  for (int o = 0; o < code->tiles.output_count; o++) {
    int from = 0;
    while (from < code->tiles.input_count &&
           (given[from] || !(like ? !is_scalar(in[from]) : in[from]->row_contiguous) ||
            !may_become(code, in[from], from, out[o], o)))
      from++;
    if (from < code->tiles.input_count) {
      given[from] = true;
      mx_out_share(out[o], in[from]);
    } else if (!(like ? mx_out_alloc_like(out[o], like) : mx_out_alloc(out[o]))) {
      return false;
    }
  }
  return true;
}

/* Elements that lie far apart along the last axis: copied in order once, by a driver that does so
 * by squares. */
static bool is_awkward(mx in) {
  int last = in->ndim - 1;
  while (last >= 0 && mx_shape_of(in)[last] == 1) last--;
  if (last < 0 || in->size < 4096 || llabs(mx_strides_of(in)[last]) <= 1) return false;
  for (int i = 0; i < in->ndim; i++)
    if (mx_shape_of(in)[i] != 1 && !mx_strides_of(in)[i]) return false;
  return true;
}

/* Describes an input to the driver; strides[MX_MAX_NDIM] become its strides over out's shape. False
 * after mx_fail. */
static bool place_input(mx_tile_input *place, mx in, mx out, int64_t *strides, mx_buffer **copy) {
  int64_t own[MX_MAX_NDIM];
  *place = (mx_tile_input){in->data, strides};
  memcpy(own, mx_strides_of(in), (size_t)in->ndim * sizeof *own);
  if (is_awkward(in)) {
    *copy = mx_buffer_new(in->size * mx_dtype_size(in->dtype));
    if (!*copy) return false;
    mx_row_major(mx_shape_of(in), in->ndim, own);
    mx_copy_strided((*copy)->data, in->dtype, own, in->data, in->dtype, mx_strides_of(in),
                    mx_shape_of(in), in->ndim);
    place->data = (*copy)->data;
  }
  int shift = out->ndim - in->ndim;
  for (int i = 0; i < out->ndim; i++) {
    bool repeated = i < shift || mx_shape_of(in)[i - shift] == 1;
    strides[i] = repeated ? 0 : own[i - shift];
  }
  return true;
}

static bool eval(const mx_node *node, const mx *in, const mx *out) {
  const program *code = MX_PARAMS(params, node)->program;
  const mx_tiles *tiles = &code->tiles;
  mx_buffer *copies[MX_TILES_INPUTS] = {NULL};
  mx_tile_input inputs[MX_TILES_INPUTS];
  int64_t strides[MX_TILES_INPUTS][MX_MAX_NDIM];
  void *outputs[MX_TILES_OPS];
  mx like = shared_layout(in, tiles->input_count, out[0]);
  if (!place_outputs(code, in, out, like)) return false;
  bool good = true;
  for (int i = 0; i < tiles->output_count; i++) outputs[i] = out[i]->data;
  for (int i = 0; i < tiles->input_count && good && out[0]->size; i++) {
    if (like && !is_scalar(in[i]))
      inputs[i] = (mx_tile_input){in[i]->data, NULL};
    else
      good = place_input(&inputs[i], in[i], out[0], strides[i], &copies[i]);
  }
  if (good && out[0]->size) mx_run_tiles(tiles, inputs, outputs, mx_shape_of(out[0]), out[0]->ndim);
  for (int i = 0; i < tiles->input_count; i++) mx_buffer_release(copies[i]);
  return good;
}

/* ---- The primitive ---- */

static int output_shape(const mx_node *node, const mx *inputs, int output, int *shape) {
  (void)output;
  int ndim = 0;
  for (int i = 0; i < node->input_count; i++)
    if (inputs[i]->ndim > ndim) ndim = inputs[i]->ndim;
  for (int i = 0; i < ndim; i++) shape[i] = 1;
  for (int i = 0; i < node->input_count; i++) {
    int shift = ndim - inputs[i]->ndim;
    for (int axis = shift; axis < ndim; axis++) {
      int length = mx_shape_of(inputs[i])[axis - shift];
      if (length != 1 && shape[axis] != 1 && length != shape[axis]) {
        mx_fail("[broadcast_shapes] Shapes %s and %s cannot be broadcast.",
                mx_shape_text(shape, ndim), mx_shape_text_of(inputs[i]));
        return -1;
      }
      if (length != 1) shape[axis] = length;
    }
  }
  return ndim;
}

static bool equal_ops(const cp_op *a, const cp_op *b) {
  const mx_primitive *p = a->node->primitive;
  if (p != b->node->primitive || a->wanted != b->wanted) return false;
  for (int k = 0; k < a->node->input_count; k++)
    if (a->in[k] != b->in[k] || a->node->inputs[k]->dtype != b->node->inputs[k]->dtype)
      return false;
  if (p->equal) return p->equal(a->node, b->node);
  return !p->params_size || !memcmp(a->node->params, b->node->params, p->params_size);
}

static bool equal(const mx_node *a, const mx_node *b) {
  const program *x = MX_PARAMS(params, a)->program, *y = MX_PARAMS(params, b)->program;
  bool same =
      x->tiles.op_count == y->tiles.op_count && x->tiles.input_count == y->tiles.input_count;
  for (int i = 0; same && i < x->tiles.op_count; i++) same = equal_ops(&x->ops[i], &y->ops[i]);
  return same;
}

static void print(const mx_node *node, mx_str *out) {
  const program *code = MX_PARAMS(params, node)->program;
  for (int i = 0; i < code->tiles.op_count; i++)
    mx_str_printf(out, i ? " %s" : "%s", code->ops[i].node->primitive->name);
}

static const mx_primitive compiled = {.name = "Compiled",
                                      .params_size = sizeof(params),
                                      .eval = {eval},
                                      .output_shape = output_shape,
                                      .equal = equal,
                                      .print = print,
                                      .params_free = release,
                                      .params_copy = retain};

bool cp_make_compiled(const cp_op *ops, int op_count, const mx *inputs, int input_count,
                      const int *shape, int ndim, mx *out) {
  program *code = mx_xcalloc(1, sizeof *code + (size_t)op_count * sizeof *ops);
  mx_tiles *tiles = &code->tiles;
  mx_spec specs[MX_TILES_OPS];
  code->refs = 1;
  tiles->op_count = op_count;
  tiles->input_count = input_count;
  for (int i = 0; i < input_count; i++)
    tiles->input_size[i] = (uint8_t)mx_dtype_size(inputs[i]->dtype);
  for (int i = 0; i < op_count; i++) {
    code->ops[i] = ops[i];
    atomic_fetch_add_explicit(&ops[i].node->refs, 1, memory_order_relaxed);
  }
  make_runs(code);
  for (int i = 0; i < tiles->output_count; i++)
    specs[i] = (mx_spec){ops[code->output_op[i]].dtype, ndim, shape};
  params p = {code};
  return mx_make_nodes(&compiled, &p, specs, tiles->output_count, inputs, input_count, out);
}
