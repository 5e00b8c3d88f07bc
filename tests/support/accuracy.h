/* Cases of tests/golden/accuracy.json (see make_accuracy.py): the inputs that each names, and how
 * far results may be from the truth, which is never further than MLX's own. */
#ifndef TESTS_SUPPORT_ACCURACY_H
#define TESTS_SUPPORT_ACCURACY_H

#include "floats.h"
#include "golden.h"

#include <complex.h>
#include <float.h>
#include <stdio.h>

/* Largest errors up to this, in ulp, count as correct rounding: a half, and what pairs of float32
 * lose where MLX has libm's float64. The RMS error shows no difference there. */
#define ACCURACY_ROUNDED 0.54

typedef struct {
  const char *op;
  mx_dtype dtype;
  const json_t *json;
  int shape[5];
} accuracy_case;

typedef struct {
  mx array;
  long double *x; /* the exact values; of complex numbers both parts */
  size_t n;       /* of these */
} accuracy_input;

static inline double accuracy_number(const accuracy_case *c, const char *key) {
  return json_number_value(json_object_get(c->json, key));
}

/* ---- Inputs ---- */

/* 64 bits of splitmix64's i-th number (from 1) from the seed on (S. Vigna). */
static inline uint64_t accuracy_bits(uint64_t seed, uint64_t i) {
  uint64_t z = ((seed << 32) + i) * 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

static inline double accuracy_value(const char *kind, double low, double high, uint64_t bits,
                                    mx_dtype dtype) {
  if (!strcmp(kind, "linear")) {
    double x = low + (high - low) * ((double)(bits >> 24) * 0x1p-40);
    return dtype == MX_FLOAT64 ? x + (double)(bits & 0xffffff) * 0x1p-68 : x;
  }
  int digits = dtype == MX_FLOAT64 ? 52 : 23, exponent = (int)low;
  double x = 1 + ldexp((double)(bits >> (64 - digits)), -digits);
  exponent += (int)((bits & 0x7ff) % (uint64_t)(high - low));
  return ldexp(!strcmp(kind, "log") && bits & 0x800 ? -x : x, exponent);
}

/* Numbers of a range as make_accuracy.py describes it, in an array of this shape. */
static inline accuracy_input accuracy_in(const json_t *range, mx_dtype dtype, uint64_t seed,
                                         mx_ints shape) {
  const char *kind = json_string_value(json_array_get(range, 0));
  double low = golden_real(json_array_get(range, 1)), high = golden_real(json_array_get(range, 2));
  mx_dtype part = dtype == MX_COMPLEX64 ? MX_FLOAT32 : dtype;
  size_t n = dtype == MX_COMPLEX64 ? 2 : 1;
  for (int i = 0; i < shape.size; i++) n *= (size_t)shape.data[i];
  accuracy_input in = {NULL, malloc(n * sizeof *in.x), n};
  char *storage = malloc(n * mx_dtype_size(part));
  for (size_t i = 0; i < n; i++) {
    if (!strcmp(kind, "all"))
      ((uint16_t *)storage)[i] = (uint16_t)i;
    else
      put_float(part, storage, (int64_t)i,
                accuracy_value(kind, low, high, accuracy_bits(seed, i + 1), dtype));
    in.x[i] = get_float(part, storage, (int64_t)i);
  }
  in.array = mx_array_new(storage, shape, dtype);
  free(storage);
  return in;
}

static inline accuracy_input accuracy_linear(double low, double high, mx_dtype dtype, uint64_t seed,
                                             mx_ints shape) {
  json_t *range = json_pack("[sff]", "linear", low, high);
  accuracy_input in = accuracy_in(range, dtype, seed, shape);
  json_decref(range);
  return in;
}

/* ---- Results ---- */

/* The elements in order; of complex numbers both parts. */
static inline long double *accuracy_values(const accuracy_case *c, mx a, size_t n) {
  if (mx_dtype_of(a) != c->dtype || mx_size(a) * (c->dtype == MX_COMPLEX64 ? 2 : 1) != n)
    fail_msg("%s: not the dtype or size expected", c->op);
  const void *data = mx_data(mx_contiguous(a));
  if (!data) fail_msg("%s: %s", c->op, mx_error() ? mx_error() : "no data");
  long double *x = malloc(n * sizeof *x);
  for (size_t i = 0; i < n; i++)
    x[i] = get_float(c->dtype == MX_COMPLEX64 ? MX_FLOAT32 : c->dtype, data, (int64_t)i);
  return x;
}

typedef struct {
  double worst, squares;
  size_t n;
} accuracy_errors;

static inline void accuracy_add(accuracy_errors *e, long double error) {
  double x = error == error ? (double)error : INFINITY;
  if (x > e->worst) e->worst = x;
  e->squares += x * x;
  e->n++;
}

/* In units in the last place of the true value, of which subnormals have the least normal
 * number's. */
static inline void accuracy_add_ulps(accuracy_errors *e, mx_dtype dtype, long double got,
                                     long double want) {
  int digits = dtype == MX_FLOAT64 ? 53 : dtype == MX_FLOAT32 ? 24 : dtype == MX_FLOAT16 ? 11 : 8;
  int least = dtype == MX_FLOAT64 ? DBL_MIN_EXP : dtype == MX_FLOAT16 ? -13 : FLT_MIN_EXP, exponent;
  long double top = dtype == MX_FLOAT64 ? 1.7e308L : dtype == MX_FLOAT16 ? 65504.L : 3.38e38L;
  if (!(fabsl(want) <= top)) return;
  frexpl(want, &exponent);
  accuracy_add(e, ldexpl(fabsl(got - want), digits - (exponent > least ? exponent : least)));
}

/* Half ulps of 1, relative to the true result's RMS. */
static inline accuracy_errors accuracy_relative(const accuracy_case *c, mx result,
                                                const long double *want, size_t n) {
  accuracy_errors e = {0};
  long double *got = accuracy_values(c, result, n), squares = 0;
  size_t parts = c->dtype == MX_COMPLEX64 ? 2 : 1;
  for (size_t i = 0; i < n; i++) squares += want[i] * want[i];
  long double unit = (long double)rounding(c->dtype == MX_COMPLEX64 ? MX_FLOAT32 : c->dtype) *
                     sqrtl(squares / (long double)(n / parts));
  for (size_t i = 0; i < n; i += parts) {
    long double error = fabsl(got[i] - want[i]);
    if (parts == 2) error = hypotl(error, got[i + 1] - want[i + 1]);
    accuracy_add(&e, error / unit);
  }
  free(got);
  return e;
}

/* ---- Cases ---- */

static int accuracy_failures;

/* Prints ours beside MLX's, and counts it where worse: the largest error by `slack` (and above that
 * of rounding), the RMS error by rms_slack. */
static inline void accuracy_judge(const accuracy_case *c, accuracy_errors e, double slack,
                                  double rms_slack) {
  double most = accuracy_number(c, "max"), most_rms = accuracy_number(c, "rms");
  double rms = sqrt(e.squares / (double)(e.n ? e.n : 1));
  bool worse = e.worst > fmax(most * slack, ACCURACY_ROUNDED) || rms > most_rms * rms_slack;
  char *text = json_dumps(c->json, JSON_COMPACT | JSON_PRESERVE_ORDER);
  printf("%s %.6g/%.6g %.6g/%.6g %s\n", worse || !e.n ? "WORSE" : "     ", e.worst, most, rms,
         most_rms, text);
  free(text);
  accuracy_failures += worse || !e.n;
}

/* Runs a group's cases; `run` returns false where it does not know the operation. */
static inline void accuracy_group(const char *name, bool (*run)(const accuracy_case *)) {
  json_t *file = golden_load(SOURCE_DIR "/tests/golden/accuracy.json"), *entry;
  const json_t *group = json_object_get(file, name);
  size_t i;
  assert_true(json_array_size(group) > 0);
  accuracy_failures = 0;
  json_array_foreach(group, i, entry) {
    accuracy_case c = {json_string_value(json_object_get(entry, "op")),
                       golden_dtype(json_string_value(json_object_get(entry, "dtype"))),
                       entry,
                       {0}};
    if (json_object_get(entry, "shape")) golden_ints(json_object_get(entry, "shape"), c.shape);
    mx_scope scope = mx_scope_begin();
    if (!run(&c)) fail_msg("%s: no such operation in the test", c.op);
    mx_scope_end(scope, NULL);
  }
  json_decref(file);
  if (accuracy_failures) fail_msg("%s: %d cases are worse than MLX", name, accuracy_failures);
}

#endif
