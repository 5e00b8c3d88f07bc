/* Transforms nest, keep what they need while functions evaluate, and refuse what MLX refuses. */
#include "check.h"

#include <math.h>

static bool wave(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  return mx_arrays_push(out, mx_exp(mx_multiply(mx_sin(in[0]), mx_float(2))));
}

/* The same, evaluated on the way. */
static bool eager_wave(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  mx s = mx_multiply(mx_sin(in[0]), mx_float(2));
  if (mx_eval(s)) return false;
  return mx_arrays_push(out, mx_exp(s));
}

static double d1(double x) { return exp(2 * sin(x)) * 2 * cos(x); }
static double d2(double x) { return exp(2 * sin(x)) * (4 * cos(x) * cos(x) - 2 * sin(x)); }

static void near(mx a, double want) {
  double got = mx_item_double(a);
  if (!(fabs(got - want) <= 2e-5 * fmax(1, fabs(want))))
    fail_msg("%.9g, not %.9g (%s)", got, want, mx_error() ? mx_error() : "no error");
}

static void gradients_nest(void **state) {
  (void)state;
  mx_scope scope = mx_scope_begin();
  for (int eager = 0; eager < 2; eager++) {
    mx_fn f = mx_fn_new(eager ? eager_wave : wave, NULL, NULL);
    mx_fn df = mx_grad(f, MX_INTS(0)), ddf = mx_grad(df, MX_INTS(0));
    for (double x = -2; x < 2; x += 0.3) {
      near(mx_call(df, mx_float((float)x)), d1(x));
      near(mx_call(ddf, mx_float((float)x)), d2(x));
    }
    mx_fn_release(f);
    mx_fn_release(df);
    mx_fn_release(ddf);
  }
  mx_scope_end(scope, NULL);
}

static void tangents_of_gradients(void **state) {
  (void)state;
  mx_scope scope = mx_scope_begin();
  mx_fn f = mx_fn_new(eager_wave, NULL, NULL), df = mx_grad(f, MX_INTS(0));
  mx_arrays values = {0}, tangents = {0};
  mx x = mx_float(0.7f), one = mx_float(1);
  assert_true(mx_jvp(df, &x, &one, 1, &values, &tangents));
  near(values.data[0], d1(0.7));
  near(tangents.data[0], d2(0.7));
  mx_arrays_free(&values);
  mx_arrays_free(&tangents);
  mx_fn_release(f);
  mx_fn_release(df);
  mx_scope_end(scope, NULL);
}

static void vmap_of_grad_is_grad_of_each(void **state) {
  (void)state;
  mx_scope scope = mx_scope_begin();
  mx_fn f = mx_fn_new(wave, NULL, NULL), df = mx_grad(f, MX_INTS(0));
  mx_fn each = mx_vmap(df, (mx_ints){0}, (mx_ints){0});
  float x[5] = {-1, -0.5f, 0, 0.5f, 1};
  const float *got = mx_data(mx_call(each, mx_array_new(x, MX_INTS(5), MX_FLOAT32)));
  assert_non_null(got);
  for (int i = 0; i < 5; i++) assert_true(fabs(got[i] - d1(x[i])) < 1e-4);
  mx_fn_release(f);
  mx_fn_release(df);
  mx_fn_release(each);
  mx_scope_end(scope, NULL);
}

static bool peek(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  mx y = mx_exp(in[0]);
  return mx_eval(y) == 0 && mx_arrays_push(out, y);
}

static void placeholders_cannot_be_evaluated(void **state) {
  (void)state;
  mx_scope scope = mx_scope_begin();
  mx_fn f = mx_fn_new(peek, NULL, NULL), each = mx_vmap(f, (mx_ints){0}, (mx_ints){0});
  float x[3] = {1, 2, 3};
  assert_null(mx_call(each, mx_array_new(x, MX_INTS(3), MX_FLOAT32)));
  assert_non_null(strstr(mx_error(), "[eval] Cannot evaluate an array that stands for an input"));
  mx_error_clear();
  mx_fn_release(f);
  mx_fn_release(each);
  mx_scope_end(scope, NULL);
}

#define LINKS 100000
static bool chain(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  mx x = in[0];
  for (int i = 0; i < LINKS; i++) x = i % 2 ? mx_negative(x) : mx_add(x, x);
  return mx_arrays_push(out, mx_multiply(x, mx_float(0)));
}

static void chains_of_any_length(void **state) {
  (void)state;
  mx_scope scope = mx_scope_begin();
  mx_fn f = mx_fn_new(chain, NULL, NULL), df = mx_grad(f, MX_INTS(0));
  mx slope = mx_call(df, mx_float(1));
  near(slope, 0);
  mx_fn_release(f);
  mx_fn_release(df);
  mx_scope_end(scope, NULL);
}

static bool twice(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  return mx_arrays_push(out, mx_multiply(in[0], mx_float(2)));
}

static bool own_vjp(void *payload, const mx *primals, int count, const mx *cotangents,
                    const mx *outputs, int output_count, mx_arrays *vjps) {
  (void)payload, (void)primals, (void)count, (void)outputs, (void)output_count;
  return mx_arrays_push(vjps, mx_multiply(cotangents[0], mx_float(7)));
}

static void custom_rules_and_checkpoints(void **state) {
  (void)state;
  mx_scope scope = mx_scope_begin();
  mx_fn f = mx_fn_new(twice, NULL, NULL);
  mx_fn g = mx_custom_function(f, (mx_custom_rules){.vjp = own_vjp});
  mx_fn dg = mx_grad(g, MX_INTS(0));
  near(mx_call(g, mx_float(3)), 6);
  near(mx_call(dg, mx_float(3)), 7);
  mx_arrays values = {0}, tangents = {0};
  mx x = mx_float(3), one = mx_float(1);
  assert_true(mx_jvp(g, &x, &one, 1, &values, &tangents));
  near(tangents.data[0], 2);
  mx_fn w = mx_fn_new(eager_wave, NULL, NULL), kept = mx_checkpoint(w);
  mx_fn dw = mx_grad(kept, MX_INTS(0)), ddw = mx_grad(dw, MX_INTS(0));
  near(mx_call(dw, mx_float(0.4f)), d1(0.4));
  near(mx_call(ddw, mx_float(0.4f)), d2(0.4));
  mx_fn all[] = {f, g, dg, w, kept, dw, ddw};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) mx_fn_release(all[i]);
  mx_arrays_free(&values);
  mx_arrays_free(&tangents);
  mx_scope_end(scope, NULL);
}

static void mistakes_are_named(void **state) {
  (void)state;
  mx_scope scope = mx_scope_begin();
  mx_fn f = mx_fn_new(twice, NULL, NULL), df = mx_grad(f, MX_INTS(0)), far = mx_grad(f, MX_INTS(2));
  float x[3] = {1, 2, 3};
  mx a = mx_array_new(x, MX_INTS(3), MX_FLOAT32);
  assert_null(mx_call(df, a));
  assert_non_null(strstr(mx_error(), "does not match cotangent shape"));
  mx_error_clear();
  assert_null(mx_call(far, a));
  assert_non_null(strstr(mx_error(), "[grad] Invalid argument number"));
  mx_error_clear();
  assert_null(mx_grad(f, (mx_ints){0}));
  mx_error_clear();
  mx_fn_release(f);
  mx_fn_release(df);
  mx_fn_release(far);
  mx_scope_end(scope, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gradients_nest),
      cmocka_unit_test(tangents_of_gradients),
      cmocka_unit_test(vmap_of_grad_is_grad_of_each),
      cmocka_unit_test(placeholders_cannot_be_evaluated),
      cmocka_unit_test(chains_of_any_length),
      cmocka_unit_test(custom_rules_and_checkpoints),
      cmocka_unit_test(mistakes_are_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
