/* Strided operands as few dimensions as possible, and their index space cut into blocks that are
 * small enough for the first-level cache and independent of each other. */
#ifndef DRIVERS_COLLAPSE_H
#define DRIVERS_COLLAPSE_H

#include <stdbool.h>
#include <stdint.h>

#define MX_ND_OPERANDS 5
/* Dimensions of size 1 are dropped, and an array in memory with 48 others has 2^48 elements. */
#define MX_ND_MAX 48

/* A shape with the strides (in elements) of some operands; at least one dimension. */
typedef struct mx_nd {
  int ndim, operands;
  int64_t size; /* elements: the product of shape */
  int64_t shape[MX_ND_MAX];
  int64_t strides[MX_ND_OPERANDS][MX_ND_MAX];
} mx_nd;

/* Drops dimensions of size 1 and merges neighbours that every operand crosses with one stride.
 * strides[k] are operand k's. Where `reorder`, dimensions are first sorted by falling stride of
 * operand 0: right for work in which elements do not depend on each other. What has no dimension
 * left becomes one of size 1 and stride 1. */
void mx_nd_collapse(mx_nd *nd, const int32_t *shape, int ndim, int operands,
                    const int64_t *const *strides, bool reorder);

/* Whether operand k's elements lie one after the other in index order. */
static inline bool mx_nd_is_dense(const mx_nd *nd, int k) {
  return nd->ndim == 1 && (nd->strides[k][0] == 1 || nd->size == 1);
}

/* A rectangle of the two innermost dimensions; operand k starts offset[k] elements from its base
 * and advances by strides[k][ndim - 1] along cols, and by strides[k][ndim - 2] along rows. */
typedef struct mx_block {
  int64_t rows, cols;
  int64_t offset[MX_ND_OPERANDS];
} mx_block;

typedef struct mx_blocks {
  mx_nd nd; /* at least two dimensions */
  int64_t block_rows, block_cols, row_blocks, col_blocks;
  int64_t count; /* of blocks; they cover the index space once */
} mx_blocks;

/* Cuts a collapsed space into blocks of about `limit` elements: long pieces of rows, or several
 * short rows; square where some operand runs fastest along another dimension than operand 0, which
 * then is made the rows' one (a transposition). */
void mx_blocks_cut(mx_blocks *b, const mx_nd *nd, int64_t limit);

/* Gives the blocks another size, or what there is of it. */
void mx_blocks_size(mx_blocks *b, int64_t block_rows, int64_t block_cols);

void mx_blocks_at(const mx_blocks *b, int64_t index, mx_block *block);

#endif
