/* Golden arrays of tests/golden/train/, and how near to them is near enough. */
#ifndef TESTS_TRAIN_NEAR_H
#define TESTS_TRAIN_NEAR_H

#include "check.h"

#include <math.h>
#include <stdio.h>

static inline mx_array_map *golden_map(const char *name) {
  char path[256];
  snprintf(path, sizeof path, SOURCE_DIR "/tests/golden/train/%s.safetensors", name);
  mx_array_map *map = mx_array_map_new();
  if (mx_load_safetensors(path, map, NULL)) fail_msg("%s", mx_error());
  return map;
}

__attribute__((format(printf, 2, 3))) static inline mx golden_at(const mx_array_map *map,
                                                                 const char *format, ...) {
  char name[256];
  va_list list;
  va_start(list, format);
  vsnprintf(name, sizeof name, format, list);
  va_end(list);
  mx a = mx_array_map_get(map, name);
  if (!a) fail_msg("no golden array is called %s", name);
  return a;
}

/* |got - want| over |want|, as vectors. */
static inline double relative_distance(mx got, mx want) {
  mx d = mx_subtract(mx_astype(got, MX_FLOAT64), mx_astype(want, MX_FLOAT64));
  double size = sqrt(mx_item_double(mx_sum(mx_square(mx_astype(want, MX_FLOAT64)))));
  return sqrt(mx_item_double(mx_sum(mx_square(d)))) / fmax(size, 1e-30);
}

/* Same shape and dtype, and each element within tolerance * max(1, its size). */
static inline void assert_near(mx got, mx want, double tolerance, const char *what) {
  if (!got) fail_msg("%s: %s", what, mx_error() ? mx_error() : "no array");
  if (mx_dtype_of(got) != mx_dtype_of(want) || mx_ndim(got) != mx_ndim(want) ||
      memcmp(mx_shape(got), mx_shape(want), (size_t)mx_ndim(got) * sizeof(int)))
    fail_msg("%s: another shape or dtype than expected", what);
  const double *a = mx_data(mx_contiguous(mx_astype(got, MX_FLOAT64)));
  const double *b = mx_data(mx_contiguous(mx_astype(want, MX_FLOAT64)));
  if (!a || !b) fail_msg("%s: %s", what, mx_error());
  for (size_t i = 0; i < mx_size(got); i++)
    if (!(fabs(a[i] - b[i]) <= tolerance * fmax(1, fabs(b[i]))))
      fail_msg("%s: element %zu is %.9g, expected %.9g", what, i, a[i], b[i]);
}

#endif
