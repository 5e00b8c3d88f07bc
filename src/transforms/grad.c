/* Gradients of scalar functions: vjp with a cotangent of one. */
#include "mlx/mx/cast.h"
#include "transforms/function.h"

#include <stdlib.h>

typedef struct {
  mx_fn f;
  bool values; /* whether f's results are wanted, too */
  int count;
  int argnums[];
} gradient;

/* f, of whose results only the first carries gradients. */
static bool first_only(void *payload, const mx *inputs, int count, mx_arrays *outputs) {
  if (!mx_fn_apply(payload, inputs, count, outputs)) return false;
  for (int i = 1; i < outputs->size; i++) {
    mx_stream before = mx_use_stream(tr_stream_of(outputs->data[i]));
    outputs->data[i] = mx_stop_gradient(outputs->data[i]);
    mx_use_stream(before);
  }
  return true;
}

static int ascending(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

/* The argument numbers counted from the start, in order; false after mx_fail. */
static bool resolve(const gradient *g, int inputs, int *argnums) {
  for (int i = 0; i < g->count; i++) {
    argnums[i] = g->argnums[i] < 0 ? g->argnums[i] + inputs : g->argnums[i];
    if (argnums[i] >= 0 && argnums[i] < inputs) continue;
    mx_fail("[grad] Invalid argument number %d for function with %d inputs.", g->argnums[i],
            inputs);
    return false;
  }
  qsort(argnums, (size_t)g->count, sizeof *argnums, ascending);
  for (int i = 1; i < g->count; i++)
    if (argnums[i] == argnums[i - 1]) {
      mx_fail("[grad] Repeat argument number not allowed in grad.");
      return false;
    }
  return true;
}

static bool apply(void *payload, const mx *inputs, int count, mx_arrays *outputs) {
  const gradient *g = payload;
  int *argnums = mx_xmalloc((size_t)g->count * sizeof *argnums);
  mx_arrays values = {0}, gradients = {0};
  bool good = resolve(g, count, argnums);
  if (good) {
    mx_fn first = mx_fn_new(first_only, g->f, NULL);
    mx one = mx_float(1);
    good = tr_vjp(first, inputs, count, (mx_ints){argnums, g->count}, &one, 1, &values, &gradients);
    mx_fn_release(first);
  }
  if (good && g->values) good = tr_append(outputs, values.data, values.size);
  if (good) good = tr_append(outputs, gradients.data, gradients.size);
  mx_arrays_free(&values);
  mx_arrays_free(&gradients);
  free(argnums);
  return good;
}

static void release(void *payload) {
  gradient *g = payload;
  mx_fn_release(g->f);
  free(g);
}

static mx_fn make(mx_fn f, mx_ints argnums, bool values) {
  if (!f) return NULL;
  if (!argnums.size) return mx_fail("[grad] Must specify at least one argument.");
  gradient *g = mx_xmalloc(sizeof *g + (size_t)argnums.size * sizeof *g->argnums);
  *g = (gradient){mx_fn_retain(f), values, argnums.size};
  for (int i = 0; i < argnums.size; i++) g->argnums[i] = argnums.data[i];
  return mx_fn_new(apply, g, release);
}

mx_fn mx_value_and_grad(mx_fn f, mx_ints argnums) { return make(f, argnums, true); }
mx_fn mx_grad(mx_fn f, mx_ints argnums) { return make(f, argnums, false); }
