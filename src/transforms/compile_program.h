/* Fused operations as a program whose values stay in registers (kernels/fused.h). */
#ifndef TRANSFORMS_COMPILE_PROGRAM_H
#define TRANSFORMS_COMPILE_PROGRAM_H

#include "kernels/fused.h"
#include "transforms/compile_tiles.h"

/* Whether programs have a step for the operation. */
bool cp_has_step(const cp_op *op);

/* The program that does ops[first] to ops[last - 1], all of which have steps. needed[i]: the result
 * of ops[i] is read elsewhere. Its places hold the values (as cp_op.in numbers them) that are
 * written to values[MX_TILES_OPS * (MX_TILE_INPUTS + 1)]: what it reads, in order of first use, and
 * what is needed of it, in the operations' order. One block of memory, to be freed. */
mx_fused_code *cp_make_program(const cp_op *ops, int first, int last, const bool *needed,
                               int *values);

#endif
