/* The primitive that stands for several operations element by element. */
#ifndef TRANSFORMS_COMPILE_TILES_H
#define TRANSFORMS_COMPILE_TILES_H

#include "array/primitive.h"
#include "drivers/tiles.h"

/* One operation, described by the node it was traced as. in[k] is an input's number, or
 * MX_TILES_INPUTS plus the number of an earlier operation. */
typedef struct {
  mx_node *node;
  mx_dtype dtype; /* of the result */
  int in[MX_TILE_INPUTS];
  bool wanted; /* the result is an output */
} cp_op;

/* A node on the current stream that computes the operations over inputs that broadcast to `shape`:
 * its outputs are the wanted results in the operations' order. The node holds references to the
 * operations' nodes. Fills out; false after mx_fail. */
bool cp_make_compiled(const cp_op *ops, int op_count, const mx *inputs, int input_count,
                      const int *shape, int ndim, mx *out);

#endif
