/* Sorts and partitions along an axis of a strided array, over the thread pool. Order as MLX's: NaN
 * last, complex numbers by real then imaginary part, equal elements in the order they had. */
#ifndef DRIVERS_SORT_H
#define DRIVERS_SORT_H

#include "mlx/mx/dtype.h"

#include <stdint.h>

typedef struct mx_sort_rows {
  mx_dtype dtype;
  int ndim, axis;
  const int32_t *shape;
  const void *in;
  const int64_t *in_strides; /* in elements */
  void *out;                 /* of dtype for values, uint32 for indices */
  const int64_t *out_strides;
} mx_sort_rows;

/* kth: -1 to sort; else that place gets the element which sorting would put there, with none above
 * it in front and none below it behind. All return 0, or -1 after mx_fail when there is no memory
 * for scratch. */
int mx_drive_sort(const mx_sort_rows *rows, int64_t kth);

/* The same for the elements' indices along the axis. */
int mx_drive_argsort(const mx_sort_rows *rows, int64_t kth);

#endif
