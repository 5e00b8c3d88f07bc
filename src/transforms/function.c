/* Functions of arrays, and lists of arrays. */
#include "transforms/function.h"
#include "mlx/mx/cast.h"

#include <stdlib.h>

struct mx_function {
  _Atomic int refs;
  mx_fn_call call;
  void *payload;
  void (*release)(void *payload);
};

bool mx_arrays_push(mx_arrays *list, mx a) {
  if (!a) return false;
  if (list->size == list->capacity) {
    list->capacity = list->capacity ? 2 * list->capacity : 4;
    list->data = mx_xrealloc(list->data, (size_t)list->capacity * sizeof *list->data);
  }
  list->data[list->size++] = a;
  return true;
}

void mx_arrays_free(mx_arrays *list) {
  free(list->data);
  *list = (mx_arrays){0};
}

bool tr_append(mx_arrays *list, const mx *arrays, int count) {
  for (int i = 0; i < count; i++)
    if (!arrays[i]) return false;
  for (int i = 0; i < count; i++) mx_arrays_push(list, arrays[i]);
  return true;
}

bool tr_all_given(const char *transform, const char *what, const mx *arrays, int count) {
  for (int i = 0; i < count; i++) {
    if (arrays[i]) continue;
    if (!mx_error()) mx_fail("[%s] %s %d is the null array.", transform, what, i);
    return false;
  }
  return true;
}

bool tr_return(mx_scope scope, bool good, mx_arrays *first, mx_arrays *to_first, mx_arrays *second,
               mx_arrays *to_second) {
  if (!good && !mx_error()) mx_fail("[transform] The function or a rule failed without a message.");
  int split = first->size;
  for (int i = 0; i < second->size; i++) mx_arrays_push(first, second->data[i]);
  mx_scope_end_many(scope, first->data, good ? first->size : 0);
  if (good) {
    tr_append(to_first, first->data, split);
    tr_append(to_second, first->data + split, first->size - split);
  }
  mx_arrays_free(first);
  mx_arrays_free(second);
  return good;
}

mx_fn mx_fn_new(mx_fn_call call, void *payload, void (*release)(void *payload)) {
  mx_fn f = mx_xmalloc(sizeof *f);
  *f = (struct mx_function){1, call, payload, release};
  return f;
}

mx_fn mx_fn_retain(mx_fn f) {
  if (f) atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
  return f;
}

void mx_fn_release(mx_fn f) {
  if (!f || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1) return;
  if (f->release) f->release(f->payload);
  free(f);
}

bool mx_fn_apply(mx_fn f, const mx *inputs, int count, mx_arrays *outputs) {
  if (!f) {
    if (!mx_error()) mx_fail("[function] The function is NULL.");
    return false;
  }
  if (!tr_all_given("function", "Input", inputs, count)) return false;
  mx_arrays results = {0};
  mx_scope scope = mx_scope_begin();
  bool good = f->call(f->payload, inputs, count, &results);
  for (int i = 0; i < results.size && good; i++) good = results.data[i] != NULL;
  mx_scope_end_many(scope, results.data, good ? results.size : 0);
  if (good)
    tr_append(outputs, results.data, results.size);
  else if (!mx_error())
    mx_fail("[function] The function failed without a message.");
  mx_arrays_free(&results);
  return good;
}

mx mx_fn_first(mx_fn f, const mx *inputs, int count) {
  mx_arrays outputs = {0};
  mx first = NULL;
  if (mx_fn_apply(f, inputs, count, &outputs))
    first = outputs.size ? outputs.data[0] : mx_fail("[function] The function has no outputs.");
  mx_arrays_free(&outputs);
  return first;
}

mx_stream tr_stream_of(mx a) {
  bool lazy = atomic_load_explicit(&a->status, memory_order_acquire) == MX_LAZY && a->node;
  return lazy ? a->node->stream : mx_current_stream();
}

mx tr_tracer(mx a) {
  mx_stream before = mx_use_stream(tr_stream_of(a));
  mx tracer = mx_copy(a);
  mx_use_stream(before);
  if (tracer) tracer->tracer = true;
  return tracer;
}
