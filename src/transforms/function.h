/* What the transforms share: tracing as a state of the thread, and functions made of functions. */
#ifndef TRANSFORMS_FUNCTION_H
#define TRANSFORMS_FUNCTION_H

#include "array/primitive.h"
#include "array/scope.h"
#include "base/alloc.h"
#include "mlx/mx/transforms.h"

/* Appends arrays[count], all or (where one is NULL) none. */
bool tr_append(mx_arrays *list, const mx *arrays, int count);

/* Whether none is NULL; records "[transform] What 2 is the null array." where no message stands. */
bool tr_all_given(const char *transform, const char *what, const mx *arrays, int count);

/* Leaves the scope of a transform: what two lists hold passes out of it and is appended to the
 * caller's, where `good`; the lists are freed. Returns good; after a failure a message stands. */
bool tr_return(mx_scope scope, bool good, mx_arrays *first, mx_arrays *to_first, mx_arrays *second,
               mx_arrays *to_second);

/* The stream that computes `a`; the thread's current one where it is there already. */
mx_stream tr_stream_of(mx a);

/* An array of a's elements that stands for it under a transform. */
mx tr_tracer(mx a);

/* mx_vjp with the cotangents of primals[argnums[i]] only. */
bool tr_vjp(mx_fn f, const mx *primals, int count, mx_ints argnums, const mx *cotangents,
            int cotangent_count, mx_arrays *outputs, mx_arrays *vjps);

#endif
