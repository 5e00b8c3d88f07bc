/* Golden cases in a safetensors file: named arrays, and comparisons that name them. */
#ifndef TESTS_SUPPORT_CASES_H
#define TESTS_SUPPORT_CASES_H

#include "check.h"

#include <math.h>
#include <stdio.h>

static mx_array_map *cases;

static inline void cases_load(const char *path) {
  cases = mx_array_map_new();
  if (mx_load_safetensors(path, cases, NULL)) fail_msg("%s", mx_error());
}

/* The array "<name><part>", or NULL. */
static inline mx case_get(const char *name, const char *part) {
  char full[512];
  snprintf(full, sizeof full, "%s%s", name, part);
  return mx_array_map_get(cases, full);
}

/* Its elements in order, as doubles; the array lives in the current scope. */
static inline const double *case_values(const char *name, mx a) {
  const double *data = mx_data(mx_contiguous(mx_astype(a, MX_FLOAT64)));
  if (!data) fail_msg("%s: %s", name, mx_error() ? mx_error() : "no data");
  return data;
}

static inline void case_same_form(const char *name, mx got, mx want) {
  if (!got) fail_msg("%s: %s", name, mx_error() ? mx_error() : "no array");
  if (!want) fail_msg("%s: no such case", name);
  if (mx_dtype_of(got) != mx_dtype_of(want))
    fail_msg("%s: dtype %s, expected %s", name, mx_dtype_name(mx_dtype_of(got)),
             mx_dtype_name(mx_dtype_of(want)));
  bool same = mx_ndim(got) == mx_ndim(want);
  for (int i = 0; same && i < mx_ndim(got); i++) same = mx_shape(got)[i] == mx_shape(want)[i];
  if (!same) fail_msg("%s: another shape than expected", name);
}

/* As the reference's within `relative` of the value plus `absolute`; 0 and 0: the same bits. */
static inline void case_expect(const char *name, mx got, double relative, double absolute) {
  mx want = case_get(name, "");
  case_same_form(name, got, want);
  const double *x = case_values(name, got), *y = case_values(name, want);
  for (size_t i = 0; i < mx_size(got); i++)
    if (!(fabs(x[i] - y[i]) <= relative * fabs(y[i]) + absolute) && x[i] != y[i])
      fail_msg("%s: element %zu is %.9g, expected %.9g", name, i, x[i], y[i]);
}

#endif
