/* Evaluation, and transforms of functions. */
#ifndef MLX_C_TRANSFORMS_H
#define MLX_C_TRANSFORMS_H

#include "mlx/c/array.h"
#include "mlx/c/closure.h"
#include "mlx/c/io_types.h"
#include "mlx/c/map.h"
#include "mlx/c/stream.h"
#include "mlx/c/string.h"
#include "mlx/c/vector.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Evaluates the arrays and waits for them. */
int mlx_eval(const mlx_vector_array outputs);
/* Schedules the arrays and returns at once; whoever reads them waits. */
int mlx_async_eval(const mlx_vector_array outputs);

/* res_0: fun(primals). res_1: for each primal, the cotangents (one an output) times the Jacobian.
 */
int mlx_vjp(mlx_vector_array *res_0, mlx_vector_array *res_1, const mlx_closure fun,
            const mlx_vector_array primals, const mlx_vector_array cotangents);
/* res_0: fun(primals). res_1: for each output, the Jacobian times the tangents (one a primal). */
int mlx_jvp(mlx_vector_array *res_0, mlx_vector_array *res_1, const mlx_closure fun,
            const mlx_vector_array primals, const mlx_vector_array tangents);
/* A function that returns fun's results, and the gradients of the first one (a scalar) with respect
 * to the inputs that argnums names, in ascending order. */
int mlx_value_and_grad(mlx_closure_value_and_grad *res, const mlx_closure fun, const int *argnums,
                       size_t argnums_num);
/* fun, computed again for its gradient instead of kept. */
int mlx_checkpoint(mlx_closure *res, const mlx_closure fun);
/* fun with rules of its own; empty handles stand for the derived ones. */
int mlx_custom_function(mlx_closure *res, const mlx_closure fun,
                        const mlx_closure_custom fun_vjp /* may be empty */,
                        const mlx_closure_custom_jvp fun_jvp /* may be empty */,
                        const mlx_closure_custom_vmap fun_vmap /* may be empty */);
int mlx_custom_vjp(mlx_closure *res, const mlx_closure fun, const mlx_closure_custom fun_vjp);

#ifdef __cplusplus
}
#endif
#endif
