/* Derivatives as MLX takes them: the cases of tests/golden/make_grad_*.py. */
#ifndef TESTS_SUPPORT_GRADIENTS_H
#define TESTS_SUPPORT_GRADIENTS_H

#include "golden.h"

enum { GRADIENT_INPUTS = 6 };

/* A function under the name that the cases know it by. */
typedef struct {
  const char *name;
  mx_fn_call call;
} gradient_function;

static inline mx gradient_view(mx a, const char *view) {
  int shape[8], start[8], stop[8], step[8], ndim = mx_ndim(a);
  for (int i = 0; i < ndim; i++) {
    shape[i] = mx_shape(a)[i];
    start[i] = 0, stop[i] = shape[i], step[i] = 1;
  }
  if (*view == 'T') return mx_transpose(a);
  if (*view == 'B') {
    shape[0] = 3;
    return mx_broadcast_to(a, (mx_ints){shape, ndim});
  }
  if (*view != 'S') return a;
  start[ndim - 1] = shape[ndim - 1] - 1;
  stop[ndim - 1] = -shape[ndim - 1] - 1;
  step[ndim - 1] = -2;
  return mx_slice(a, (mx_ints){start, ndim}, (mx_ints){stop, ndim}, (mx_ints){step, ndim});
}

typedef struct {
  mx_fn_call call;
  mx inputs[GRADIENT_INPUTS];
  int count, smooth[GRADIENT_INPUTS];
} gradient_section;

static inline bool gradient_call(void *payload, const mx *in, int count, mx_arrays *out) {
  const gradient_section *s = payload;
  mx all[GRADIENT_INPUTS];
  memcpy(all, s->inputs, sizeof all);
  for (int i = 0; i < count; i++) all[s->smooth[i]] = in[i];
  return s->call(NULL, all, s->count, out);
}

static inline int gradient_arrays(const json_t *list, mx *arrays) {
  for (size_t i = 0; i < json_array_size(list); i++)
    arrays[i] = golden_array(json_array_get(list, i));
  return (int)json_array_size(list);
}

static inline void gradient_expect(bool good, const mx_arrays *got, const json_t *want,
                                   const char *what, double scale) {
  if (!good) fail_msg("%s: %s", what, mx_error());
  assert_int_equal(got->size, json_array_size(want));
  for (int i = 0; i < got->size; i++)
    golden_expect(got->data[i], json_array_get(want, (size_t)i), scale);
}

static inline void gradient_one(const json_t *entry, const gradient_function *functions,
                                double scale) {
  const char *name = json_string_value(json_object_get(entry, "fn"));
  while (functions->name && strcmp(functions->name, name)) functions++;
  if (!functions->name) fail_msg("no function is called %s", name);
  gradient_section s = {.call = functions->call};
  const json_t *inputs = json_object_get(entry, "inputs"), *vjp = json_object_get(entry, "vjp");
  const json_t *jvp = json_object_get(entry, "jvp");
  mx primals[GRADIENT_INPUTS], cotangents[GRADIENT_INPUTS], tangents[GRADIENT_INPUTS];
  s.count = (int)json_array_size(inputs);
  for (int i = 0; i < s.count; i++) {
    const json_t *input = json_array_get(inputs, (size_t)i);
    s.inputs[i] = gradient_view(golden_array(json_object_get(input, "array")),
                                json_string_value(json_object_get(input, "view")));
  }
  mx_ints smooth = golden_ints(json_object_get(entry, "smooth"), s.smooth);
  for (int i = 0; i < smooth.size; i++) primals[i] = s.inputs[s.smooth[i]];
  int outputs = gradient_arrays(json_object_get(entry, "cotangents"), cotangents);
  gradient_arrays(json_object_get(entry, "tangents"), tangents);
  mx_fn f = mx_fn_new(gradient_call, &s, NULL);
  mx_arrays values = {0}, pulled = {0}, pushed = {0};
  if (json_is_array(vjp))
    gradient_expect(mx_vjp(f, primals, smooth.size, cotangents, outputs, &values, &pulled), &pulled,
                    vjp, name, scale);
  if (json_is_array(jvp))
    gradient_expect(mx_jvp(f, primals, tangents, smooth.size, &values, &pushed), &pushed, jvp, name,
                    scale);
  mx_arrays_free(&values);
  mx_arrays_free(&pulled);
  mx_arrays_free(&pushed);
  mx_fn_release(f);
}

/* Every case of the file, in a scope of its own; `functions` ends with an entry without a name.
 * `scale` widens what is allowed for rounding. */
static inline void check_gradients(const char *path, const gradient_function *functions,
                                   double scale) {
  json_t *file = golden_load(path);
  const json_t *cases = json_object_get(file, "cases");
  for (size_t i = 0; i < json_array_size(cases); i++) {
    mx_scope scope = mx_scope_begin();
    gradient_one(json_array_get(cases, i), functions, scale);
    mx_scope_end(scope, NULL);
  }
  json_decref(file);
}

#endif
