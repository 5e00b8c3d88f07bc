/* Closures: counted pairs of a function and its payload, one struct for all kinds. The kind's own
 * functions know the signature. */
#include "mlx/c/closure.h"
#include "base/alloc.h"
#include "capi/closure.h"

#include <stdatomic.h>
#include <stdlib.h>

struct capi_closure {
  _Atomic int refs;
  void (*function)(void); /* of the kind's signature, with a payload argument or without */
  bool has_payload;
  void *payload;
  void (*dtor)(void *);
};

static capi_closure *make(void (*function)(void), bool has_payload, void *payload,
                          void (*dtor)(void *)) {
  capi_closure *c = mx_xcalloc(1, sizeof *c);
  c->refs = 1;
  c->function = function;
  c->has_payload = has_payload;
  c->payload = payload;
  c->dtor = dtor;
  return c;
}

capi_closure *capi_closure_retain(capi_closure *c) {
  if (c) atomic_fetch_add(&c->refs, 1);
  return c;
}

void capi_closure_release(capi_closure *c) {
  if (!c || atomic_fetch_sub(&c->refs, 1) != 1) return;
  if (c->dtor) c->dtor(c->payload);
  free(c);
}

static int set(void **to, void *from, const char *kind) {
  if (!from) return capi_fail(kind);
  capi_closure *before = *to;
  *to = capi_closure_retain(from);
  capi_closure_release(before);
  return 0;
}

/* A call's results arrive in fresh handles, and reach the caller's only where it succeeded. */
static int refused(const char *kind) {
  if (!mx_error()) mx_fail("%s returned a non-zero value", kind);
  return 1;
}

#define UNPACK(...) __VA_ARGS__

/* kind: the type. SIGNATURE: of its functions. RESULTS and RES, PARAMS and ARGS: the result
 * pointers and the inputs of apply, with their types and without. OUT: declares fresh results; GOT:
 * passes them; GIVE: hands them on; DROP: frees them. */
#define CLOSURE(kind, SIGNATURE, RESULTS, RES, PARAMS, ARGS, OUT, GOT, GIVE, DROP)               \
  kind kind##_new(void) { return (kind){NULL}; }                                                 \
                                                                                                 \
  int kind##_free(kind cls) {                                                                    \
    capi_closure_release(cls.ctx);                                                               \
    return 0;                                                                                    \
  }                                                                                              \
                                                                                                 \
  kind kind##_new_func(int (*fun)(UNPACK SIGNATURE)) {                                           \
    return (kind){make((void (*)(void))fun, false, NULL, NULL)};                                 \
  }                                                                                              \
                                                                                                 \
  kind kind##_new_func_payload(int (*fun)(UNPACK SIGNATURE, void *), void *payload,              \
                               void (*dtor)(void *)) {                                           \
    return (kind){make((void (*)(void))fun, true, payload, dtor)};                               \
  }                                                                                              \
                                                                                                 \
  int kind##_set(kind *cls, const kind src) { return set(&cls->ctx, src.ctx, #kind); }           \
                                                                                                 \
  int capi_##kind##_call(UNPACK RESULTS, kind cls, UNPACK PARAMS) {                              \
    const capi_closure *c = cls.ctx;                                                             \
    if (!c) return 1;                                                                            \
    OUT;                                                                                         \
    int failed = c->has_payload                                                                  \
                     ? ((int (*)(UNPACK SIGNATURE, void *))c->function)(UNPACK GOT, UNPACK ARGS, \
                                                                        c->payload)              \
                     : ((int (*)(UNPACK SIGNATURE))c->function)(UNPACK GOT, UNPACK ARGS);        \
    if (!failed)                                                                                 \
      failed = GIVE;                                                                             \
    else                                                                                         \
      refused(#kind);                                                                            \
    DROP;                                                                                        \
    return failed ? 1 : 0;                                                                       \
  }                                                                                              \
                                                                                                 \
  int kind##_apply(UNPACK RESULTS, kind cls, UNPACK PARAMS) {                                    \
    return capi_##kind##_call(UNPACK RES, cls, UNPACK ARGS) ? capi_fail(#kind) : 0;              \
  }

#define ARRAYS const mlx_vector_array

#define ONE_OUT mlx_vector_array out = {NULL}
#define ONE_GIVE mlx_vector_array_set(res, out)
#define ONE_DROP mlx_vector_array_free(out)

CLOSURE(mlx_closure, (mlx_vector_array *, ARRAYS), (mlx_vector_array * res), (res), (ARRAYS input),
        (input), ONE_OUT, (&out), ONE_GIVE, ONE_DROP)

CLOSURE(mlx_closure_kwargs, (mlx_vector_array *, ARRAYS, const mlx_map_string_to_array),
        (mlx_vector_array * res), (res), (ARRAYS input_0, const mlx_map_string_to_array input_1),
        (input_0, input_1), ONE_OUT, (&out), ONE_GIVE, ONE_DROP)

CLOSURE(mlx_closure_custom, (mlx_vector_array *, ARRAYS, ARRAYS, ARRAYS), (mlx_vector_array * res),
        (res), (ARRAYS input_0, ARRAYS input_1, ARRAYS input_2), (input_0, input_1, input_2),
        ONE_OUT, (&out), ONE_GIVE, ONE_DROP)

CLOSURE(mlx_closure_custom_jvp, (mlx_vector_array *, ARRAYS, ARRAYS, const int *, size_t),
        (mlx_vector_array * res), (res),
        (ARRAYS input_0, ARRAYS input_1, const int *input_2, size_t input_2_num),
        (input_0, input_1, input_2, input_2_num), ONE_OUT, (&out), ONE_GIVE, ONE_DROP)

#define TWO_OUT(second)          \
  mlx_vector_array out = {NULL}; \
  mlx_vector_##second out_1 = {NULL}
#define TWO_GIVE(second) \
  (mlx_vector_array_set(res_0, out) || mlx_vector_##second##_set(res_1, out_1))
#define TWO_DROP(second) (ONE_DROP, mlx_vector_##second##_free(out_1))

CLOSURE(mlx_closure_value_and_grad, (mlx_vector_array *, mlx_vector_array *, ARRAYS),
        (mlx_vector_array * res_0, mlx_vector_array *res_1), (res_0, res_1), (ARRAYS input),
        (input), TWO_OUT(array), (&out, &out_1), TWO_GIVE(array), TWO_DROP(array))

CLOSURE(mlx_closure_custom_vmap,
        (mlx_vector_array *, mlx_vector_int *, ARRAYS, const int *, size_t),
        (mlx_vector_array * res_0, mlx_vector_int *res_1), (res_0, res_1),
        (ARRAYS input_0, const int *input_1, size_t input_1_num), (input_0, input_1, input_1_num),
        TWO_OUT(int), (&out, &out_1), TWO_GIVE(int), TWO_DROP(int))

/* ---- A function of one array: its pointer is the payload of a general one ---- */

typedef struct {
  int (*call)(mlx_array *, const mlx_array);
} unary;

static int apply_unary(mlx_vector_array *res, const mlx_vector_array input, void *payload) {
  const unary *u = payload;
  if (capi_vector(input)->size != 1) {
    mx_fail("closure: expected one input, not %zu", capi_vector(input)->size);
    return capi_fail("mlx_vector_array");
  }
  mlx_array in = {NULL}, out = {NULL};
  capi_set(&in, capi_vector(input)->data[0]);
  int failed = u->call(&out, in);
  if (!failed) failed = mlx_vector_array_set_value(res, out);
  mlx_array_free(in);
  mlx_array_free(out);
  return failed;
}

mlx_closure mlx_closure_new_unary(int (*fun)(mlx_array *, const mlx_array)) {
  unary *u = mx_xmalloc(sizeof *u);
  u->call = fun;
  return mlx_closure_new_func_payload(apply_unary, u, free);
}
