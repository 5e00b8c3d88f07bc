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

/* Apply, but a failure's message is left standing (there is none for an empty handle). */
int capi_mlx_closure_call(mlx_vector_array *res, mlx_closure cls, const mlx_vector_array input);
int capi_mlx_closure_kwargs_call(mlx_vector_array *res, mlx_closure_kwargs cls,
                                 const mlx_vector_array input_0,
                                 const mlx_map_string_to_array input_1);
int capi_mlx_closure_custom_call(mlx_vector_array *res, mlx_closure_custom cls,
                                 const mlx_vector_array input_0, const mlx_vector_array input_1,
                                 const mlx_vector_array input_2);
int capi_mlx_closure_custom_jvp_call(mlx_vector_array *res, mlx_closure_custom_jvp cls,
                                     const mlx_vector_array input_0, const mlx_vector_array input_1,
                                     const int *input_2, size_t input_2_num);
int capi_mlx_closure_custom_vmap_call(mlx_vector_array *res_0, mlx_vector_int *res_1,
                                      mlx_closure_custom_vmap cls, const mlx_vector_array input_0,
                                      const int *input_1, size_t input_1_num);
int capi_mlx_closure_value_and_grad_call(mlx_vector_array *res_0, mlx_vector_array *res_1,
                                         mlx_closure_value_and_grad cls,
                                         const mlx_vector_array input);

/* A native function that calls the closure, and holds it; NULL after mx_fail for an empty handle.
 */
mx_fn capi_function(mlx_closure cls);
/* Appends the vector's arrays, owned by the scope, where `good`; frees the vector. False where not
 * good, or after mx_fail. */
bool capi_take_vector(mlx_vector_array from, mx_arrays *to, bool good);
/* *res becomes a closure that calls the function, whose reference passes to it. Returns 0, or 1
 * after capi_fail where the function is NULL. */
int capi_set_closure(mlx_closure *res, mx_fn f);

#pragma GCC visibility pop
#endif
