/* Random shapes with strides of every kind, for tests of strided drivers. */
#ifndef SUPPORT_LAYOUT_H
#define SUPPORT_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

static uint32_t layout_seed = 12345;
static inline uint32_t rnd(void) {
  return (layout_seed = layout_seed * 1664525u + 1013904223u) >> 8;
}

/* One operand: strides, the elements to allocate, and where index 0 is among them. */
typedef struct {
  int64_t strides[6], size, base;
} operand_layout;

/* At most `most` elements in up to 5 dimensions. */
static inline int random_shape(int32_t *shape, int64_t most) {
  int ndim = (int)(rnd() % 6);
  int64_t n = 1;
  for (int d = 0; d < ndim; d++) {
    int64_t room = most / n, want = rnd() % 3 == 0 ? room : 1 + rnd() % 9;
    if (want > room) want = room;
    shape[d] = (int32_t)(want < 1 || rnd() % 20 == 0 ? 1 : want);
    n *= shape[d];
  }
  return ndim;
}

/* Dimensions laid out in a random order (or mostly in their own, where `dense`), else some of them
 * padded or reversed; where `broadcast`, some with stride 0. */
static inline operand_layout random_operand(const int32_t *shape, int ndim, bool dense,
                                            bool broadcast) {
  operand_layout l = {.base = 0};
  int order[6];
  for (int i = 0; i < ndim; i++) order[i] = i;
  for (int i = ndim - 1; i > 0; i--) {
    int j = (int)(rnd() % (uint32_t)(i + 1)), t = order[i];
    if (dense && rnd() % 3) continue;
    order[i] = order[j];
    order[j] = t;
  }
  int64_t step = 1;
  for (int i = ndim - 1; i >= 0; i--) {
    int d = order[i];
    if (broadcast && rnd() % 4 == 0) {
      l.strides[d] = 0;
      continue;
    }
    if (!dense && rnd() % 4 == 0) step *= 1 + rnd() % 3;
    l.strides[d] = step;
    if (!dense && rnd() % 4 == 0) {
      l.base += step * (shape[d] - 1);
      l.strides[d] = -step;
    }
    step *= shape[d];
  }
  l.size = step + 8;
  return l;
}

/* Where element i (in row-major order of the shape) is. */
static inline int64_t offset_of(const operand_layout *l, const int32_t *shape, int ndim,
                                int64_t i) {
  int64_t at = l->base;
  for (int d = ndim - 1; d >= 0; d--) {
    at += i % shape[d] * l->strides[d];
    i /= shape[d];
  }
  return at;
}

static inline int64_t shape_size(const int32_t *shape, int ndim) {
  int64_t n = 1;
  for (int d = 0; d < ndim; d++) n *= shape[d];
  return n;
}

#endif
