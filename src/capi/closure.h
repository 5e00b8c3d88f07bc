/* Closures for the wrappers of transforms. */
#ifndef CAPI_CLOSURE_H
#define CAPI_CLOSURE_H

#include "capi/capi.h"
#include "mlx/c/closure.h"

#pragma GCC visibility push(hidden)

/* What a closure handle's ctx is, of whichever kind. */
typedef struct capi_closure capi_closure;
capi_closure *capi_closure_retain(capi_closure *c);
void capi_closure_release(capi_closure *c);

#pragma GCC visibility pop
#endif
