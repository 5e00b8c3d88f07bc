/* Golden checkpoints, and how far two arrays of logits are from each other. Behind check.h. */
#ifndef TESTS_LM_REFERENCE_H
#define TESTS_LM_REFERENCE_H

#include "mlx_lm/utils.h"

#include <math.h>
#include <stdio.h>

#define LLAMA SOURCE_DIR "/tests/golden/llama/"

static inline mlx_lm_model *load_llama(const char *name) {
  char path[512];
  snprintf(path, sizeof path, LLAMA "%s", name);
  mlx_lm_model *model = mlx_lm_load_model(path);
  if (!model) fail_msg("%s", mx_error());
  return model;
}

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
