/* Writes programs for kernels/fused.h. The operations keep their order. A result that the next
 * operation reads stays in the accumulator; one that others read is kept in a slot until the last
 * of them. What memory holds is converted as it is read, wherever the step can do so. */
#include "transforms/compile_program.h"
#include "base/alloc.h"
#include "kernels/binary.h"
#include "kernels/unary.h"

#include <stdlib.h>
#include <string.h>

#define PLACES (MX_TILES_OPS * (MX_TILE_INPUTS + 1))
#define VALUES (MX_TILES_INPUTS + MX_TILES_OPS)
#define STEPS (MX_TILES_OPS * 8) /* an operation's loads, its own, rounding and stores */
#define NO_SLOT (-1)

/* ---- What there are steps for ---- */

/* By dtype, one more than the kind of place; 0: none. */
static const uint8_t kinds_by_dtype[MX_DTYPE_COUNT] = {[MX_FLOAT32] = MX_FUSED_F32 + 1,
                                                       [MX_FLOAT16] = MX_FUSED_F16 + 1,
                                                       [MX_BFLOAT16] = MX_FUSED_BF16 + 1,
                                                       [MX_BOOL] = MX_FUSED_BOOL + 1};

/* Where there is nothing quicker, an operation is done by its own kernel. */
static const uint8_t unary_steps[MX_UNARY_COUNT] = {
#define OWN(name) [MX_UNARY_##name] = MX_FUSED_unary,
#define NONE(name)
    MX_UNARY_OPS(OWN, OWN, OWN, OWN, NONE)
#undef OWN
#undef NONE
#define QUICK(name) [MX_UNARY_##name] = MX_FUSED_##name,
        QUICK(abs) QUICK(negative) QUICK(square) QUICK(sqrt) QUICK(rsqrt) QUICK(exp) QUICK(sigmoid)
            QUICK(tanh) QUICK(erf) QUICK(isnan) QUICK(isinf) QUICK(isposinf) QUICK(isneginf)
                QUICK(isfinite)
#undef QUICK
};

/* A step, and the one for operands in the other order. */
static const uint8_t binary_steps[MX_BINARY_COUNT][2] = {
#define OWN(name) [MX_BINARY_##name] = {MX_FUSED_binary, MX_FUSED_binary_of},
#define NONE(name)
    MX_BINARY_OPS(OWN, OWN, OWN, NONE, OWN)
#undef OWN
#undef NONE
#define QUICK(name, other) [MX_BINARY_##name] = {MX_FUSED_##name, MX_FUSED_##other},
        QUICK(add, add) QUICK(subtract, subtract_of) QUICK(multiply, multiply)
            QUICK(divide, divide_of) QUICK(maximum, maximum_of) QUICK(minimum, minimum_of)
                QUICK(equal, equal) QUICK(not_equal, not_equal) QUICK(less, greater)
                    QUICK(less_equal, greater_equal) QUICK(greater, less)
                        QUICK(greater_equal, less_equal) QUICK(nan_equal, nan_equal)
#undef QUICK
};

/* The same for truth values. */
static const uint8_t truth_steps[MX_BINARY_COUNT] = {[MX_BINARY_bitwise_and] = MX_FUSED_both,
                                                     [MX_BINARY_bitwise_or] = MX_FUSED_either,
                                                     [MX_BINARY_bitwise_xor] = MX_FUSED_differ};

static mx_tile_step step_of(const cp_op *op) { return op->node->primitive->step; }
static mx_dtype read_dtype(const cp_op *op, int k) { return (mx_dtype)op->node->inputs[k]->dtype; }

bool cp_has_step(const cp_op *op) {
  mx_tile_step step = step_of(op);
  if (step.kind == MX_STEP_NONE || !kinds_by_dtype[op->dtype]) return false;
  for (int k = 0; k < op->node->input_count; k++)
    if (!kinds_by_dtype[read_dtype(op, k)]) return false;
  bool truth = read_dtype(op, 0) == MX_BOOL;
  if (step.kind == MX_STEP_UNARY)
    return truth ? step.op == MX_UNARY_logical_not : unary_steps[step.op] != 0;
  if (step.kind == MX_STEP_BINARY)
    return truth ? truth_steps[step.op] != 0 : binary_steps[step.op][0] != 0;
  return true;
}

/* ---- The writer ---- */

typedef struct {
  const cp_op *ops;
  int first, last;
  mx_fused_step steps[STEPS];
  int step_count, slot_count, place_count, input_count;
  int *values;
  uint8_t kinds[PLACES];
  int16_t place_of[VALUES], slot_of[VALUES];
  int last_use[VALUES]; /* an operation, from memory or a slot */
  bool kept[VALUES];    /* in a slot */
  bool busy[VALUES];    /* slots */
} writer;

static void emit(writer *w, int op, int code, int a, int b) {
  w->steps[w->step_count++] = (mx_fused_step){(uint8_t)op, (uint8_t)code, (int16_t)a, (int16_t)b};
}

static int new_place(writer *w, int value, mx_dtype dtype) {
  w->values[w->place_count] = value;
  w->kinds[w->place_count] = (uint8_t)(kinds_by_dtype[dtype] - 1);
  return w->place_count++;
}

static int take_slot(writer *w, int value) {
  int slot = 0;
  while (w->busy[slot]) slot++;
  w->busy[slot] = true;
  if (slot == w->slot_count) w->slot_count++;
  return w->slot_of[value] = (int16_t)slot;
}

/* A product of a number with itself. */
static bool is_square(const cp_op *op) {
  mx_tile_step step = step_of(op);
  return step.kind == MX_STEP_BINARY && step.op == MX_BINARY_multiply && op->in[0] == op->in[1];
}

static int operand_count(const cp_op *op) { return is_square(op) ? 1 : op->node->input_count; }

/* Which operand is in the accumulator when ops[i] begins; -1: none. */
static int carried(const writer *w, int i) {
  if (i == w->first) return -1;
  for (int k = 0; k < operand_count(&w->ops[i]); k++)
    if (w->ops[i].in[k] == MX_TILES_INPUTS + i - 1) return k;
  return -1;
}

/* Finds what comes from memory, what must be kept, and until when. */
static void scan(writer *w) {
  for (int v = 0; v < VALUES; v++) w->place_of[v] = w->slot_of[v] = NO_SLOT;
  for (int i = w->first; i < w->last; i++) {
    const cp_op *op = &w->ops[i];
    int acc = carried(w, i);
    for (int k = 0; k < operand_count(op); k++) {
      int value = op->in[k];
      if (k == acc) continue;
      w->last_use[value] = i;
      if (value >= MX_TILES_INPUTS + w->first)
        w->kept[value] = true;
      else if (w->place_of[value] < 0)
        w->place_of[value] = (int16_t)new_place(w, value, read_dtype(op, k));
    }
  }
  w->input_count = w->place_count;
}

/* Operand k for a step that converts what it reads (but truth values), or for one that does not and
 * has the operand staged. */
static int operand(writer *w, int i, int k, bool converts) {
  int value = w->ops[i].in[k], place = w->place_of[value];
  if (w->slot_of[value] >= 0) return ~w->slot_of[value];
  if (w->kinds[place] == MX_FUSED_F32 || (converts && w->kinds[place] != MX_FUSED_BOOL))
    return place;
  int slot = take_slot(w, value);
  emit(w, MX_FUSED_stage, 0, place, ~slot);
  return ~slot;
}

static void load(writer *w, int i, int k) {
  int value = w->ops[i].in[k];
  emit(w, MX_FUSED_load, 0, w->slot_of[value] >= 0 ? ~w->slot_of[value] : w->place_of[value], 0);
}

/* ---- Operations ---- */

static void write_unary(writer *w, int i) {
  int op = step_of(&w->ops[i]).op;
  if (read_dtype(&w->ops[i], 0) == MX_BOOL)
    emit(w, MX_FUSED_invert, 0, 0, 0);
  else
    emit(w, unary_steps[op], op, 0, 0);
}

static void write_binary(writer *w, int i, int acc) {
  int op = step_of(&w->ops[i]).op;
  if (is_square(&w->ops[i])) {
    emit(w, MX_FUSED_square, 0, 0, 0);
    return;
  }
  bool truth = read_dtype(&w->ops[i], 0) == MX_BOOL;
  int step = truth ? truth_steps[op] : binary_steps[op][acc];
  bool converts =
      step <= MX_FUSED_minimum_of || step == MX_FUSED_binary || step == MX_FUSED_binary_of;
  emit(w, step, op, operand(w, i, 1 - acc, converts), 0);
}

static void write_select(writer *w, int i, int acc) {
  static const uint8_t steps[] = {MX_FUSED_choose, MX_FUSED_choose_first, MX_FUSED_choose_other};
  int a = operand(w, i, acc == 0, false), b = operand(w, i, acc == 2 ? 1 : 2, false);
  emit(w, steps[acc], 0, a, b);
}

static void write_cast(writer *w, int i) {
  mx_dtype from = read_dtype(&w->ops[i], 0), to = w->ops[i].dtype;
  if (from == MX_BOOL) emit(w, MX_FUSED_to_number, 0, 0, 0);
  if (to == MX_BOOL) emit(w, MX_FUSED_to_truth, 0, 0, 0);
}

/* Whether the result of 16-bit floats is one as it stands; or is so but for rounding's simple
 * cases. */
static bool is_exact(const cp_op *op) {
  mx_tile_step step = step_of(op);
  return step.kind == MX_STEP_SELECT ||
         (step.kind == MX_STEP_CAST && read_dtype(op, 0) == MX_BOOL) ||
         (step.kind == MX_STEP_UNARY &&
          (step.op == MX_UNARY_abs || step.op == MX_UNARY_negative)) ||
         (step.kind == MX_STEP_BINARY &&
          (step.op == MX_BINARY_maximum || step.op == MX_BINARY_minimum));
}
static bool is_arithmetic(const cp_op *op) {
  mx_tile_step step = step_of(op);
  static const bool unary[MX_UNARY_COUNT] = {
      [MX_UNARY_square] = true,  [MX_UNARY_sqrt] = true, [MX_UNARY_rsqrt] = true,
      [MX_UNARY_exp] = true,     [MX_UNARY_erf] = true,  [MX_UNARY_tanh] = true,
      [MX_UNARY_sigmoid] = true,
  };
  return (step.kind == MX_STEP_UNARY && unary[step.op]) ||
         (step.kind == MX_STEP_BINARY && binary_steps[step.op][0] <= MX_FUSED_divide);
}

static void write_rounding(writer *w, int i) {
  const cp_op *op = &w->ops[i];
  if ((op->dtype != MX_FLOAT16 && op->dtype != MX_BFLOAT16) || is_exact(op)) return;
  mx_fused_step *done = &w->steps[w->step_count - 1];
  if (is_arithmetic(op) && done->op <= MX_FUSED_divide_of) { /* has forms that round */
    done->op += op->dtype == MX_FLOAT16 ? 1 : 2;
    return;
  }
  emit(w,
       op->dtype == MX_FLOAT16 ? MX_FUSED_round_f16
       : is_arithmetic(op)     ? MX_FUSED_settle_bf16
                               : MX_FUSED_round_bf16,
       0, 0, 0);
}

static void write_op(writer *w, int i, bool needed) {
  const cp_op *op = &w->ops[i];
  int acc = carried(w, i), value = MX_TILES_INPUTS + i;
  if (acc < 0) load(w, i, acc = 0);
  switch (step_of(op).kind) {
  case MX_STEP_UNARY: write_unary(w, i); break;
  case MX_STEP_BINARY: write_binary(w, i, acc); break;
  case MX_STEP_SELECT: write_select(w, i, acc); break;
  default: write_cast(w, i);
  }
  write_rounding(w, i);
  for (int k = 0; k < op->node->input_count; k++) {
    int read = op->in[k];
    if (w->slot_of[read] < 0 || w->last_use[read] != i) continue;
    w->busy[w->slot_of[read]] = false;
    w->slot_of[read] = NO_SLOT;
  }
  if (w->kept[value]) emit(w, MX_FUSED_keep, 0, ~take_slot(w, value), 0);
  if (needed) emit(w, MX_FUSED_store, 0, new_place(w, value, op->dtype), 0);
}

mx_fused_code *cp_make_program(const cp_op *ops, int first, int last, const bool *needed,
                               int *values) {
  writer *w = mx_xcalloc(1, sizeof *w);
  w->ops = ops;
  w->first = first;
  w->last = last;
  w->values = values;
  scan(w);
  for (int i = first; i < last; i++) write_op(w, i, needed[i]);
  size_t steps_bytes = (size_t)w->step_count * sizeof *w->steps;
  mx_fused_code *code = mx_xmalloc(sizeof *code + steps_bytes + (size_t)w->place_count);
  mx_fused_step *steps = (mx_fused_step *)(code + 1);
  uint8_t *kinds = (uint8_t *)steps + steps_bytes;
  memcpy(steps, w->steps, steps_bytes);
  memcpy(kinds, w->kinds, (size_t)w->place_count);
  *code = (mx_fused_code){.step_count = w->step_count,
                          .slot_count = w->slot_count,
                          .place_count = w->place_count,
                          .input_count = w->input_count,
                          .kinds = kinds,
                          .steps = steps};
  free(w);
  return code;
}
