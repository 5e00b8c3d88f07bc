/* Vector handles: ctx is a growable array of owned elements. One template serves all kinds; what
 * differs is how an element is taken in, dropped and given out. */
#include "mlx/c/vector.h"
#include "base/alloc.h"
#include "capi/capi.h"

#include <stdlib.h>

typedef MX_VEC(capi_arrays *) capi_vector_arrays;
typedef MX_VEC(int) capi_numbers;
typedef MX_VEC(char *) capi_texts;

static bool take_array(mx *to, mlx_array from) { return (*to = mx_retain(A(from))) != NULL; }
static void drop_array(mx a) { mx_release(a); }
static void give_array(mlx_array *res, mx a) { capi_set(res, a); }

static bool take_int(int *to, int from) { return (*to = from), true; }
static void drop_int(int unused) { (void)unused; }
static void give_int(int *res, int value) { *res = value; }

static bool take_string(char **to, const char *from) {
  return (*to = from ? mx_xstrdup(from) : NULL) != NULL;
}
static void drop_string(char *text) { free(text); }
static void give_string(char **res, char *text) { *res = text; }

/* `given` is what the element is in calls, `items` the vector's type behind ctx; LIKE turns a
 * stored element back into a given one, so that a copy is an append. */
#define VECTOR(kind, items, given, list, got, element, LIKE)                                     \
  static items *make_##kind(void) { return mx_xcalloc(1, sizeof(items)); }                       \
                                                                                                 \
  static void destroy_##kind(items *v) {                                                         \
    for (size_t i = 0; v && i < v->size; i++) drop_##kind(v->data[i]);                           \
    if (v) mx_vec_free(v);                                                                       \
    free(v);                                                                                     \
  }                                                                                              \
                                                                                                 \
  static bool append_##kind(items *v, given value) {                                             \
    mx_vec_reserve(v, v->size + 1);                                                              \
    if (!take_##kind(&v->data[v->size], value)) return false;                                    \
    v->size++;                                                                                   \
    return true;                                                                                 \
  }                                                                                              \
                                                                                                 \
  mlx_vector_##kind mlx_vector_##kind##_new(void) { return (mlx_vector_##kind){make_##kind()}; } \
                                                                                                 \
  int mlx_vector_##kind##_free(mlx_vector_##kind vec) {                                          \
    destroy_##kind(vec.ctx);                                                                     \
    return 0;                                                                                    \
  }                                                                                              \
                                                                                                 \
  int mlx_vector_##kind##_append_data(mlx_vector_##kind vec, list data, size_t size) {           \
    if (!vec.ctx) return capi_fail("mlx_vector_" #kind);                                         \
    for (size_t i = 0; i < size; i++)                                                            \
      if (!append_##kind(vec.ctx, data[i])) return capi_fail(element);                           \
    return 0;                                                                                    \
  }                                                                                              \
                                                                                                 \
  int mlx_vector_##kind##_set_data(mlx_vector_##kind *vec, list data, size_t size) {             \
    mlx_vector_##kind fresh = mlx_vector_##kind##_new();                                         \
    int failed = mlx_vector_##kind##_append_data(fresh, data, size);                             \
    destroy_##kind(failed ? fresh.ctx : vec->ctx);                                               \
    if (!failed) *vec = fresh;                                                                   \
    return failed;                                                                               \
  }                                                                                              \
                                                                                                 \
  mlx_vector_##kind mlx_vector_##kind##_new_data(list data, size_t size) {                       \
    mlx_vector_##kind made = {NULL};                                                             \
    mlx_vector_##kind##_set_data(&made, data, size);                                             \
    return made;                                                                                 \
  }                                                                                              \
                                                                                                 \
  mlx_vector_##kind mlx_vector_##kind##_new_value(given val) {                                   \
    return mlx_vector_##kind##_new_data(&val, 1);                                                \
  }                                                                                              \
  int mlx_vector_##kind##_set_value(mlx_vector_##kind *vec, given val) {                         \
    return mlx_vector_##kind##_set_data(vec, &val, 1);                                           \
  }                                                                                              \
  int mlx_vector_##kind##_append_value(mlx_vector_##kind vec, given val) {                       \
    return mlx_vector_##kind##_append_data(vec, &val, 1);                                        \
  }                                                                                              \
                                                                                                 \
  int mlx_vector_##kind##_set(mlx_vector_##kind *vec, const mlx_vector_##kind src) {             \
    if (!src.ctx) return capi_fail("mlx_vector_" #kind);                                         \
    const items *from = src.ctx;                                                                 \
    items *copy = make_##kind();                                                                 \
    for (size_t i = 0; i < from->size; i++) append_##kind(copy, LIKE(from->data[i]));            \
    destroy_##kind(vec->ctx);                                                                    \
    vec->ctx = copy;                                                                             \
    return 0;                                                                                    \
  }                                                                                              \
                                                                                                 \
  size_t mlx_vector_##kind##_size(mlx_vector_##kind vec) {                                       \
    const items *v = vec.ctx;                                                                    \
    if (!v) capi_fail("mlx_vector_" #kind);                                                      \
    return v ? v->size : 0;                                                                      \
  }                                                                                              \
                                                                                                 \
  int mlx_vector_##kind##_get(got res, const mlx_vector_##kind vec, size_t idx) {                \
    const items *v = vec.ctx;                                                                    \
    if (v && idx < v->size) return give_##kind(res, v->data[idx]), 0;                            \
    if (v) mx_fail("[vector] Index %zu is out of range of %zu elements.", idx, v->size);         \
    return capi_fail("mlx_vector_" #kind);                                                       \
  }

#define ITSELF(x) (x)
#define AS_ARRAY(x) ((mlx_array){x})
#define AS_VECTOR(x) ((mlx_vector_array){x})

VECTOR(array, capi_arrays, const mlx_array, const mlx_array *, mlx_array *, "mlx_array", AS_ARRAY)
VECTOR(int, capi_numbers, int, int *, int *, "int", ITSELF)
VECTOR(string, capi_texts, const char *, const char **, char **, "string", ITSELF)

static bool take_vector_array(capi_arrays **to, mlx_vector_array from) {
  mlx_vector_array copy = {NULL};
  if (!from.ctx || mlx_vector_array_set(&copy, from)) return false;
  *to = copy.ctx;
  return true;
}
static void drop_vector_array(capi_arrays *v) { destroy_array(v); }
static void give_vector_array(mlx_vector_array *res, capi_arrays *v) {
  mlx_vector_array_set(res, AS_VECTOR(v));
}

VECTOR(vector_array, capi_vector_arrays, const mlx_vector_array, const mlx_vector_array *,
       mlx_vector_array *, "mlx_vector_array", AS_VECTOR)

const capi_arrays *capi_vector(mlx_vector_array v) {
  static const capi_arrays none;
  return v.ctx ? v.ctx : &none;
}

void capi_set_vector(mlx_vector_array *res, const mx *values, size_t count) {
  capi_arrays *fresh = make_array();
  for (size_t i = 0; i < count; i++) mx_vec_push(fresh, mx_retain(values[i]));
  destroy_array(res->ctx);
  res->ctx = fresh;
}

int capi_end_vector(capi_call call, mlx_vector_array *res, bool done, const mx *values, int count) {
  if (done) capi_set_vector(res, values, (size_t)count);
  capi_leave(call);
  return done ? 0 : capi_fail("mlx_array");
}
