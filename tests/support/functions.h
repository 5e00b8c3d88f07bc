/* What tests of transforms share: functions as expressions, their derivatives and mappings in one
 * call, and scalars compared. */
#ifndef TESTS_SUPPORT_FUNCTIONS_H
#define TESTS_SUPPORT_FUNCTIONS_H

#include "check.h"

#include <math.h>

/* ---- Functions as expressions of in[0], in[1], ... ---- */

#define FN(name, ...)                                                        \
  static bool name(void *payload, const mx *in, int count, mx_arrays *out) { \
    (void)payload, (void)count, (void)in;                                    \
    mx results[] = {__VA_ARGS__};                                            \
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)            \
      if (!mx_arrays_push(out, results[i])) return false;                    \
    return true;                                                             \
  }

static inline mx ones(mx_ints shape) { return mx_ones(shape, MX_FLOAT32); }

/* vjp (or jvp) of a function; results by number, which belong to the test's scope. */
enum { MOST = 4 };
typedef struct {
  bool good;
  mx values[MOST], slopes[MOST];
  int size;
} derived;

static inline derived collect(bool good, mx_arrays *values, mx_arrays *slopes) {
  derived d = {.good = good, .size = slopes->size};
  for (int i = 0; i < values->size; i++) d.values[i] = values->data[i];
  for (int i = 0; i < slopes->size; i++) d.slopes[i] = slopes->data[i];
  mx_arrays_free(values);
  mx_arrays_free(slopes);
  return d;
}

static inline derived pull_many(mx_fn_call call, const mx *primals, int count, const mx *cotangents,
                                int outputs) {
  mx_fn f = mx_fn_new(call, NULL, NULL);
  mx_arrays values = {0}, slopes = {0};
  bool good = mx_vjp(f, primals, count, cotangents, outputs, &values, &slopes);
  mx_fn_release(f);
  return collect(good, &values, &slopes);
}

static inline derived push_many(mx_fn_call call, const mx *primals, const mx *tangents, int count) {
  mx_fn f = mx_fn_new(call, NULL, NULL);
  mx_arrays values = {0}, slopes = {0};
  bool good = mx_jvp(f, primals, tangents, count, &values, &slopes);
  mx_fn_release(f);
  return collect(good, &values, &slopes);
}

static inline derived pull(mx_fn_call call, mx x, mx cotangent) {
  return pull_many(call, &x, 1, &cotangent, 1);
}
static inline derived push(mx_fn_call call, mx x, mx tangent) {
  return push_many(call, &x, &tangent, 1);
}

static inline void is(mx a, double want) {
  double got = mx_item_double(a);
  if (!(fabs(got - want) <= 2e-6 * fmax(1, fabs(want))) && got != want)
    fail_msg("%.9g, not %.9g (%s)", got, want, mx_error() ? mx_error() : "no error");
}

#define fails(expression, text)                                                        \
  do {                                                                                 \
    assert_false(expression);                                                          \
    if (!mx_error() || !strstr(mx_error(), text))                                      \
      fail_msg("expected \"%s\", got \"%s\"", text, mx_error() ? mx_error() : "none"); \
    mx_error_clear();                                                                  \
  } while (0)

static inline mx_fn named(mx_fn_call call) { return mx_fn_new(call, NULL, NULL); }

/* df(in...) where df replaces f, which is given up. */
static inline mx_fn grad_of(mx_fn f, mx_ints argnums) {
  mx_fn df = mx_grad(f, argnums);
  mx_fn_release(f);
  return df;
}

static inline mx apply_once(mx_fn f, const mx *in, int count) {
  mx y = mx_fn_first(f, in, count);
  mx_fn_release(f);
  return y;
}

static inline mx mapped(mx_fn_call call, mx_ints in_axes, mx_ints out_axes, const mx *in,
                        int count) {
  mx_fn f = named(call), each = mx_vmap(f, in_axes, out_axes);
  mx y = each ? mx_fn_first(each, in, count) : NULL;
  mx_fn_release(f);
  mx_fn_release(each);
  return y;
}

#endif
