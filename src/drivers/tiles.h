/* Several operations element by element as one pass over memory: each thread takes its part of the
 * output tile by tile, and runs all operations on a tile while it lies in the cache; or, where they
 * make one program of kernels/fused.h, while it lies in registers. */
#ifndef DRIVERS_TILES_H
#define DRIVERS_TILES_H

#include <stdbool.h>
#include <stdint.h>

#define MX_TILE_INPUTS 3   /* of one operation */
#define MX_TILES_OPS 64    /* of one pass: operations, and so temporaries and outputs */
#define MX_TILES_INPUTS 32 /* of one pass: arrays on the way in */

/* Where an operand is: an input, a tile of scratch memory, or an output. */
typedef struct mx_tile_place {
  enum { MX_TILE_IN, MX_TILE_SLOT, MX_TILE_OUT } kind;
  int index;
} mx_tile_place;

/* Computes n elements that lie one after another. in[i] advances by steps[i] elements: 1, or 0 for
 * a scalar. The driver only hands `node` on. */
struct mx_node;
typedef void mx_tile_fn(const struct mx_node *node, void *out, const void *const *in,
                        const int64_t *steps, int64_t n);

/* What an operation is to programs: number `op` of a kernel's list, a choice by a condition, or a
 * conversion. */
typedef struct mx_tile_step {
  enum { MX_STEP_NONE, MX_STEP_UNARY, MX_STEP_BINARY, MX_STEP_SELECT, MX_STEP_CAST } kind;
  int op;
} mx_tile_step;

/* One operation, or several as a program. */
struct mx_fused_code;
typedef struct mx_tile_run {
  mx_tile_fn *fn; /* NULL: the program */
  const struct mx_node *node;
  const struct mx_fused_code *program;
  int place_count;
  const mx_tile_place *places; /* inputs, then outputs */
} mx_tile_run;

/* What is run one after the other. Sizes are bytes an element. */
typedef struct mx_tiles {
  int op_count, run_count, input_count, output_count, slot_count;
  uint8_t slot_size[MX_TILES_OPS], input_size[MX_TILES_INPUTS], output_size[MX_TILES_OPS];
  mx_tile_run runs[MX_TILES_OPS];
} mx_tiles;

/* An input's first element and its strides over the output's shape, in elements, of any sign; 0
 * where it is broadcast. strides NULL: it lies as the outputs do. */
typedef struct mx_tile_input {
  const void *data;
  const int64_t *strides;
} mx_tile_input;

/* Fills outputs[output_count]: dense memory in row-major order of the shape (or, where no input has
 * strides, in any order that all share). An output may be an input without strides whose elements
 * have its size, where no operation reads that after the output is written. */
void mx_run_tiles(const mx_tiles *tiles, const mx_tile_input *inputs, void *const *outputs,
                  const int32_t *shape, int ndim);

#endif
