/* How far two arrays of logits are from each other. */
#ifndef TESTS_LM_DISTANCE_H
#define TESTS_LM_DISTANCE_H

#include "mlx/mx.h"

#include <math.h>

/* RMS of the difference over the RMS of the reference. */
static inline double distance(mx a, mx b) {
  const float *x = mx_data(mx_contiguous(mx_astype(a, MX_FLOAT32)));
  const float *y = mx_data(mx_contiguous(mx_astype(b, MX_FLOAT32)));
  if (!x || !y || mx_size(a) != mx_size(b)) return INFINITY;
  double difference = 0, size = 0;
  for (size_t i = 0; i < mx_size(a); i++) {
    difference += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
    size += (double)y[i] * y[i];
  }
  return sqrt(difference / size);
}

/* float32 logits agree to 2e-4; 16-bit ones must be about as near to the float32 result as the
 * reference's own are. Whether ours are too far; sets how far they are and may be. */
static inline bool too_far(mx ours, mx theirs, mx exact, double *off, double *limit) {
  *off = distance(ours, exact ? exact : theirs);
  *limit = exact ? fmax(2e-4, 1.25 * distance(theirs, exact)) : 2e-4;
  return !(*off <= *limit);
}

#endif
