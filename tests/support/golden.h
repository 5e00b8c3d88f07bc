/* Golden cases: JSON files of named inputs and of cases with what MLX makes of them (see
 * tests/golden/make_reduce.py), and comparisons that name the case. */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include "check.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static inline json_t *golden_load(const char *path) {
  json_error_t error;
  json_t *file = json_load_file(path, 0, &error);
  if (!file) fail_msg("%s:%d: %s", path, error.line, error.text);
  return file;
}

static inline mx_dtype golden_dtype(const char *name) {
  int d = 0;
  while (d < MX_DTYPE_COUNT && strcmp(mx_dtype_name((mx_dtype)d), name)) d++;
  if (d == MX_DTYPE_COUNT) fail_msg("no dtype is called %s", name);
  return (mx_dtype)d;
}

static inline double golden_real(const json_t *value) {
  if (json_is_array(value)) value = json_array_get(value, 0);
  if (json_is_string(value)) return strtod(json_string_value(value), NULL);
  return json_is_boolean(value) ? json_is_true(value) : json_number_value(value);
}

static inline double golden_imaginary(const json_t *value) {
  return json_is_array(value) ? golden_real(json_array_get(value, 1)) : 0;
}

static inline mx_ints golden_ints(const json_t *list, int *out) {
  if (!json_is_array(list)) return (mx_ints){NULL, -1};
  for (size_t i = 0; i < json_array_size(list); i++)
    out[i] = (int)json_integer_value(json_array_get(list, i));
  return (mx_ints){out, (int)json_array_size(list)};
}

/* {dtype, shape, values} as an array. */
static inline mx golden_array(const json_t *entry) {
  mx_dtype dtype = golden_dtype(json_string_value(json_object_get(entry, "dtype")));
  const json_t *values = json_object_get(entry, "values");
  size_t n = json_array_size(values);
  int shape[8];
  mx_ints sizes = golden_ints(json_object_get(entry, "shape"), shape);
  mx a;
  if (dtype == MX_COMPLEX64) {
    mx_complex64 *x = malloc((n + 1) * sizeof *x);
    for (size_t i = 0; i < n; i++) {
      const json_t *value = json_array_get(values, i);
      x[i] = (mx_complex64){(float)golden_real(value), (float)golden_imaginary(value)};
    }
    a = mx_array_new(x, sizes, dtype);
    free(x);
  } else {
    double *x = malloc((n + 1) * sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = golden_real(json_array_get(values, i));
    a = mx_astype(mx_array_new(x, sizes, MX_FLOAT64), dtype);
    free(x);
  }
  return a;
}

/* The views of make_reduce.py, of an array [4, 3, 6]. */
static inline mx golden_view(mx a, const char *how) {
  if (!strcmp(how, "transposed")) return mx_transpose(a);
  if (!strcmp(how, "sliced"))
    return mx_slice(a, MX_INTS(3, 0, 1), MX_INTS(-5, 3, 6), MX_INTS(-1, 1, 2));
  if (!strcmp(how, "broadcast"))
    return mx_broadcast_to(mx_slice_axis(a, 1, 0, 1), MX_INTS(4, 5, 6));
  if (!strcmp(how, "empty")) return mx_slice_axis(a, 1, 0, 0);
  if (!strcmp(how, "scalar"))
    return mx_reshape(mx_slice(a, MX_INTS(1, 2, 3), MX_INTS(2, 3, 4), MX_NO_INTS),
                      (mx_ints){NULL, 0});
  if (strcmp(how, "plain")) fail_msg("no view is called %s", how);
  return a;
}

static inline bool golden_close(double got, double want, double tolerance) {
  if (isnan(want) || isinf(want) || isinf(got)) return isnan(want) ? isnan(got) : got == want;
  return fabs(got - want) <= tolerance * fmax(1, fabs(want));
}

/* What a result's own rounding may cost, relative to max(1, its size). */
static inline double golden_tolerance(mx_dtype dtype) {
  switch (dtype) {
  case MX_BFLOAT16: return 1. / 128;
  case MX_FLOAT16: return 1. / 1024;
  case MX_FLOAT32:
  case MX_COMPLEX64: return 1e-6;
  case MX_FLOAT64: return 1e-12;
  default: return 0;
  }
}

/* The array is what the case holds: its error, or its dtype, shape and values. */
static inline void golden_expect(mx got, const json_t *entry, double scale) {
  char *text = json_dumps(entry, JSON_COMPACT);
  const char *error = json_string_value(json_object_get(entry, "error"));
  int sizes[8];
  if (error) {
    if (got || !mx_error() || strcmp(mx_error(), error))
      fail_msg("got %s for %s", got ? "an array" : mx_error() ? mx_error() : "no message", text);
    mx_error_clear();
    free(text);
    return;
  }
  if (!got) fail_msg("%s for %s", mx_error() ? mx_error() : "no array", text);
  mx_ints shape = golden_ints(json_object_get(entry, "shape"), sizes);
  if (mx_dtype_of(got) != golden_dtype(json_string_value(json_object_get(entry, "dtype"))))
    fail_msg("dtype %s for %s", mx_dtype_name(mx_dtype_of(got)), text);
  if (mx_ndim(got) != shape.size ||
      (shape.size && memcmp(mx_shape(got), shape.data, (size_t)shape.size * sizeof(int))))
    fail_msg("another shape for %s", text);
  const json_t *values = json_object_get(entry, "values");
  bool complex = mx_dtype_of(got) == MX_COMPLEX64;
  double tolerance = golden_tolerance(mx_dtype_of(got)) * scale;
  mx flat = mx_contiguous(complex ? got : mx_astype(got, MX_FLOAT64));
  const void *data = mx_data(flat);
  if (!data) fail_msg("%s for %s", mx_error(), text);
  for (size_t i = 0; i < mx_size(got); i++) {
    const json_t *want = json_array_get(values, i);
    double re = complex ? ((const mx_complex64 *)data)[i].re : ((const double *)data)[i];
    double im = complex ? ((const mx_complex64 *)data)[i].im : 0;
    if (!golden_close(re, golden_real(want), tolerance) ||
        !golden_close(im, golden_imaginary(want), tolerance))
      fail_msg("element %zu is %.9g%+.9gi for %s", i, re, im, text);
  }
  free(text);
}

/* Calls one(case, input) for every case of the file, each in a scope of its own. */
static inline void golden_each(const char *path,
                               void (*one)(const json_t *entry, mx input, const json_t *file)) {
  json_t *file = golden_load(path);
  const json_t *cases = json_object_get(file, "cases");
  for (size_t i = 0; i < json_array_size(cases); i++) {
    mx_scope scope = mx_scope_begin();
    const json_t *entry = json_array_get(cases, i);
    const char *input = json_string_value(json_object_get(entry, "input"));
    mx a = golden_array(json_object_get(json_object_get(file, "inputs"), input));
    one(entry, golden_view(a, json_string_value(json_object_get(entry, "view"))), file);
    mx_scope_end(scope, NULL);
  }
  json_decref(file);
}

#endif
