/* Merging of dimensions and cutting into blocks, for every driver that walks strided operands. */
#include "drivers/collapse.h"

#include <stdlib.h>
#include <string.h>

static void move_dim(mx_nd *nd, int from, int to) {
  int64_t extent = nd->shape[from], strides[MX_ND_OPERANDS];
  for (int k = 0; k < nd->operands; k++) strides[k] = nd->strides[k][from];
  for (int step = from < to ? 1 : -1; from != to; from += step) {
    nd->shape[from] = nd->shape[from + step];
    for (int k = 0; k < nd->operands; k++) nd->strides[k][from] = nd->strides[k][from + step];
  }
  nd->shape[to] = extent;
  for (int k = 0; k < nd->operands; k++) nd->strides[k][to] = strides[k];
}

/* Insertion sort: stable, and the usual order is right already. */
static void sort_dims(mx_nd *nd) {
  for (int d = 1; d < nd->ndim; d++) {
    int to = d;
    while (to > 0 && llabs(nd->strides[0][to - 1]) < llabs(nd->strides[0][d])) to--;
    if (to != d) move_dim(nd, d, to);
  }
}

static bool mergeable(const mx_nd *nd, int outer, int inner) {
  for (int k = 0; k < nd->operands; k++)
    if (nd->strides[k][outer] != nd->strides[k][inner] * nd->shape[inner]) return false;
  return true;
}

static void merge_dims(mx_nd *nd) {
  int last = 0;
  for (int d = 1; d < nd->ndim; d++) {
    bool merge = mergeable(nd, last, d);
    int64_t extent = merge ? nd->shape[last] * nd->shape[d] : nd->shape[d];
    if (!merge) last++;
    nd->shape[last] = extent;
    for (int k = 0; k < nd->operands; k++) nd->strides[k][last] = nd->strides[k][d];
  }
  nd->ndim = last + 1;
}

void mx_nd_collapse(mx_nd *nd, const int32_t *shape, int ndim, int operands,
                    const int64_t *const *strides, bool reorder) {
  nd->ndim = 0;
  nd->operands = operands;
  nd->size = 1;
  for (int d = 0; d < ndim; d++) {
    nd->size *= shape[d];
    if (shape[d] == 1 || nd->ndim == MX_ND_MAX) continue;
    nd->shape[nd->ndim] = shape[d];
    for (int k = 0; k < operands; k++) nd->strides[k][nd->ndim] = strides[k][d];
    nd->ndim++;
  }
  if (nd->ndim == 0) {
    nd->ndim = 1;
    nd->shape[0] = 1;
    for (int k = 0; k < operands; k++) nd->strides[k][0] = 1;
    return;
  }
  if (reorder) sort_dims(nd);
  merge_dims(nd);
}

/* The dimension that some operand would rather run along than the innermost one, or -1. */
static int other_fast_dim(const mx_nd *nd) {
  int inner = nd->ndim - 1;
  for (int k = 1; k < nd->operands; k++) {
    int64_t stride = llabs(nd->strides[k][inner]);
    if (stride <= 1) continue;
    for (int d = 0; d < inner; d++)
      if (llabs(nd->strides[k][d]) == 1 && nd->shape[d] >= 4) return d;
  }
  return -1;
}

void mx_blocks_cut(mx_blocks *b, const mx_nd *nd, int64_t limit) {
  b->nd = *nd;
  if (nd->ndim == 1) {
    b->nd.ndim = 2;
    b->nd.shape[1] = nd->shape[0];
    b->nd.shape[0] = 1;
    for (int k = 0; k < nd->operands; k++) {
      b->nd.strides[k][1] = nd->strides[k][0];
      b->nd.strides[k][0] = 0;
    }
  }
  int fast = other_fast_dim(&b->nd), inner = b->nd.ndim - 1;
  if (fast >= 0) move_dim(&b->nd, fast, inner - 1);
  int64_t rows = b->nd.shape[inner - 1], cols = b->nd.shape[inner];
  if (fast >= 0) {
    int64_t side = 16;
    while (4 * side * side <= limit) side *= 2;
    b->block_cols = cols < side ? cols : side;
    b->block_rows = limit / (b->block_cols ? b->block_cols : 1);
    if (rows < b->block_rows) {
      b->block_rows = rows;
      b->block_cols = limit / (rows ? rows : 1);
    }
  } else {
    b->block_cols = limit;
    b->block_rows = cols && cols < limit ? limit / cols : 1;
  }
  mx_blocks_size(b, b->block_rows, b->block_cols);
}

void mx_blocks_size(mx_blocks *b, int64_t block_rows, int64_t block_cols) {
  int64_t rows = b->nd.shape[b->nd.ndim - 2], cols = b->nd.shape[b->nd.ndim - 1];
  b->block_rows = block_rows < rows ? block_rows : rows;
  b->block_cols = block_cols < cols ? block_cols : cols;
  if (b->nd.size == 0) {
    b->count = 0;
    return;
  }
  b->row_blocks = (rows + b->block_rows - 1) / b->block_rows;
  b->col_blocks = (cols + b->block_cols - 1) / b->block_cols;
  b->count = b->nd.size / rows / cols * b->row_blocks * b->col_blocks;
}

void mx_blocks_at(const mx_blocks *b, int64_t index, mx_block *block) {
  int inner = b->nd.ndim - 1;
  int64_t col = index % b->col_blocks * b->block_cols;
  index /= b->col_blocks;
  int64_t row = index % b->row_blocks * b->block_rows;
  index /= b->row_blocks;
  int64_t rows = b->nd.shape[inner - 1] - row, cols = b->nd.shape[inner] - col;
  block->rows = rows < b->block_rows ? rows : b->block_rows;
  block->cols = cols < b->block_cols ? cols : b->block_cols;
  for (int k = 0; k < b->nd.operands; k++)
    block->offset[k] = row * b->nd.strides[k][inner - 1] + col * b->nd.strides[k][inner];
  for (int d = inner - 2; d >= 0; d--) {
    int64_t at = index % b->nd.shape[d];
    index /= b->nd.shape[d];
    for (int k = 0; k < b->nd.operands; k++) block->offset[k] += at * b->nd.strides[k][d];
  }
}
