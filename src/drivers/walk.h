/* Dimensions as (size, stride) pairs, and a walk over their elements in row-major order that keeps
 * the element offset up to date. */
#ifndef DRIVERS_WALK_H
#define DRIVERS_WALK_H

#include <stdint.h>

#define MX_WALK_DIMS 40 /* more than any array has dimensions */

typedef struct mx_dim {
  int64_t size, stride; /* stride in elements */
} mx_dim;

/* Appends a dimension inside those that dims has: size 1 vanishes, and one that continues the
 * dimension before it merges with it. Returns the new count. */
static inline int mx_dims_push(mx_dim *dims, int n, int64_t size, int64_t stride) {
  if (size == 1) return n;
  if (n && dims[n - 1].stride == size * stride) {
    dims[n - 1].size *= size;
    dims[n - 1].stride = stride;
    return n;
  }
  dims[n] = (mx_dim){size, stride};
  return n + 1;
}

static inline int64_t mx_dims_count(const mx_dim *dims, int n) {
  int64_t count = 1;
  for (int i = 0; i < n; i++) count *= dims[i].size;
  return count;
}

typedef struct mx_walk {
  const mx_dim *dims;
  int n;
  int64_t offset; /* of the current element */
  int64_t at[MX_WALK_DIMS];
} mx_walk;

/* A walk that stands at element `index`, counted in row-major order. */
static inline void mx_walk_start(mx_walk *walk, const mx_dim *dims, int n, int64_t index) {
  walk->dims = dims;
  walk->n = n;
  walk->offset = 0;
  for (int i = n - 1; i >= 0; i--) {
    walk->at[i] = index % dims[i].size;
    index /= dims[i].size;
    walk->offset += walk->at[i] * dims[i].stride;
  }
}

/* Moves `step` elements on inside the innermost dimension, which must reach that far, or to the
 * start of its next row when it ends there. */
static inline void mx_walk_on(mx_walk *walk, int64_t step) {
  int i = walk->n - 1;
  if (i < 0) return;
  walk->at[i] += step;
  walk->offset += step * walk->dims[i].stride;
  while (walk->at[i] == walk->dims[i].size) {
    walk->at[i] = 0;
    walk->offset -= walk->dims[i].size * walk->dims[i].stride;
    if (--i < 0) return;
    walk->at[i]++;
    walk->offset += walk->dims[i].stride;
  }
}

static inline void mx_walk_next(mx_walk *walk) { mx_walk_on(walk, 1); }

/* Elements left in the innermost dimension, the current one included. */
static inline int64_t mx_walk_left(const mx_walk *walk) {
  return walk->n ? walk->dims[walk->n - 1].size - walk->at[walk->n - 1] : 1;
}

#endif
