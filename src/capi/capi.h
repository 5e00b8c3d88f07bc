/* What the wrappers of the mlx-c face share. A handle's ctx is the native object itself (for an
 * array: the mx, with a reference that the handle owns), so a wrapper is a native call between
 * begin and end. */
#ifndef CAPI_CAPI_H
#define CAPI_CAPI_H

#include "base/vec.h"
#include "mlx/c/array.h"
#include "mlx/c/stream.h"
#include "mlx/c/vector.h"
#include "mlx/mx.h"

/* src/capi is compiled with its functions public; these are not. */
#pragma GCC visibility push(hidden)

/* Hands the thread's error to the handler and clears it; without one, what went wrong is an empty
 * handle of this kind ("mlx_array"). Returns 1. */
int capi_fail(const char *kind);

/* ---- One call ---- */

typedef struct capi_call {
  mx_scope scope;
  mx_stream before;
} capi_call;

/* Opens a scope, and sends this thread's operations to the stream (empty: the default). */
capi_call capi_begin(mlx_stream s);
void capi_leave(capi_call call);
/* Leaves; the handle takes a reference to the value. Returns 0, or 1 after capi_fail
 * where the value is NULL. */
int capi_end(capi_call call, mlx_array *res, mx value);
/* The same for a vector; `done` is false where the native call failed. */
int capi_end_vector(capi_call call, mlx_vector_array *res, bool done, const mx *values, int count);

/* A wrapper's whole body: *res becomes the native expression's value. */
#define CAPI_RETURN(res, s, ...)              \
  do {                                        \
    capi_call call_ = capi_begin(s);          \
    return capi_end(call_, res, __VA_ARGS__); \
  } while (0)

/* ---- Arguments ---- */

static inline mx capi_get(mlx_array a) { return a.ctx; }
#define A(array) capi_get(array)

/* (pointer, count) as a list. */
static inline mx_ints capi_ints(const int *data, size_t count) {
  return (mx_ints){data, (int)count};
}

typedef MX_VEC(mx) capi_arrays;
/* The vector's arrays; those of an empty handle are none. */
const capi_arrays *capi_vector(mlx_vector_array v);
/* As the argument pair of a native call. */
#define LIST(vector) capi_vector(vector)->data, (int)capi_vector(vector)->size

/* ---- Results ---- */

/* *res becomes another reference to a (which is not NULL). */
void capi_set(mlx_array *res, mx a);
/* Replaces what the vector holds. */
void capi_set_vector(mlx_vector_array *res, const mx *values, size_t count);
/* *str becomes a copy of the text. */
void capi_set_string(mlx_string *str, const char *text);

#pragma GCC visibility pop
#endif
