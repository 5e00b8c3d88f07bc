/* Random strided views over small integers, and their elements as doubles: what the tests of
 * drivers compare with, in plain loops. */
#ifndef TESTS_VIEW_H
#define TESTS_VIEW_H

#include "mlx/mx/dtype.h"

#include <stdint.h>

#define VIEW_DIMS 6

typedef struct view {
  mx_dtype dtype;
  int ndim;
  int32_t shape[VIEW_DIMS];
  int64_t strides[VIEW_DIMS]; /* in elements */
  char *block;                /* what to free */
  char *data;                 /* element [0, 0, ...] */
} view;

/* A reproducible random number below `bound`. */
uint64_t view_random(uint64_t bound);

/* A view of the given shape whose elements are integers in [low, high] (moved up to start at 0
 * where the dtype has no negatives). Memory order, steps, signs of strides and broadcast axes are
 * random; `plain` asks for row-contiguous memory. */
view view_new(mx_dtype dtype, int ndim, const int32_t *shape, int low, int high, bool plain);
void view_free(view *v);

int64_t view_size(const view *v);
/* Offset in elements of the element with this row-major index. */
int64_t view_offset(const view *v, int64_t index);
/* Row-major index of that element's output where `reduced` axes are gone. */
int64_t view_output(const view *v, const bool *reduced, int64_t index);
/* Parts of element `offset` of memory of this dtype. */
double view_real(mx_dtype dtype, const void *data, int64_t offset);
double view_imaginary(mx_dtype dtype, const void *data, int64_t offset);
void view_store(mx_dtype dtype, void *data, int64_t offset, double re, double im);

#endif
