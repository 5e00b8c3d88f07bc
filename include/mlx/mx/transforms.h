/* Transforms of functions: vjp, jvp, vmap, gradients, checkpoints, custom rules.
 *
 * A function of arrays is an `mx_fn`. Transforms take one and, as in MLX, give another; they nest
 * in any order. Unlike arrays, functions belong to no scope: whoever makes one releases it.
 *
 *     static bool square(void *payload, const mx *in, int count, mx_arrays *out) {
 *       return mx_arrays_push(out, mx_square(in[0]));
 *     }
 *     mx_fn f = mx_fn_new(square, NULL, NULL), df = mx_grad(f, MX_INTS(0));
 *     mx slope = mx_call(df, x);
 */
#ifndef MLX_MX_TRANSFORMS_H
#define MLX_MX_TRANSFORMS_H

#include "mlx/mx/array.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Lists of arrays ---- */

/* Grows as arrays are pushed; a zeroed list is empty. It only points at arrays, which belong to the
 * scope in which they were made (or to which a call returned them). */
typedef struct mx_arrays {
  mx *data; /* [size] */
  int size, capacity;
} mx_arrays;

/* Appends an array; false where it is NULL, so that a function can return this. */
MX_API bool mx_arrays_push(mx_arrays *list, mx a);
/* Frees the list's own memory and empties it. */
MX_API void mx_arrays_free(mx_arrays *list);

/* ---- Functions ---- */

typedef struct mx_function *mx_fn;

/* Appends the function's results to `outputs`. False after mx_fail. What it makes belongs to a
 * scope around the call; results pass out of it. */
typedef bool (*mx_fn_call)(void *payload, const mx *inputs, int count, mx_arrays *outputs);

/* A counted function; release(payload) is called with the last reference (may be NULL). */
MX_API mx_fn mx_fn_new(mx_fn_call call, void *payload, void (*release)(void *payload));
MX_API mx_fn mx_fn_retain(mx_fn f);
/* Accepts NULL. */
MX_API void mx_fn_release(mx_fn f);

/* Appends f(inputs) to `outputs`. False after mx_fail (then nothing is appended). */
MX_API bool mx_fn_apply(mx_fn f, const mx *inputs, int count, mx_arrays *outputs);
/* The first result; NULL after mx_fail. */
MX_API mx mx_fn_first(mx_fn f, const mx *inputs, int count);
#define mx_call(f, ...) \
  mx_fn_first(f, (mx[]){__VA_ARGS__}, (int)(sizeof((mx[]){__VA_ARGS__}) / sizeof(mx)))

/* ---- Derivatives ---- */

/* Appends f(primals) to `outputs`, and to `vjps` one array a primal: the cotangents (one for each
 * output that is not the result of stop_gradient, of its shape) times f's Jacobian. What an output
 * does not depend on gives zeros. */
MX_API bool mx_vjp(mx_fn f, const mx *primals, int count, const mx *cotangents, int cotangent_count,
                   mx_arrays *outputs, mx_arrays *vjps);
/* Appends f(primals) to `outputs`, and to `jvps` one array an output: f's Jacobian times the
 * tangents, one a primal, of its shape. */
MX_API bool mx_jvp(mx_fn f, const mx *primals, const mx *tangents, int count, mx_arrays *outputs,
                   mx_arrays *jvps);

/* A function whose results are f's, followed by the gradient of the first one, which must be a
 * scalar, with respect to each input that argnums names (negative: from the end), in ascending
 * order. argnums must not be empty. NULL after mx_fail. */
MX_API mx_fn mx_value_and_grad(mx_fn f, mx_ints argnums);
/* The gradients alone. */
MX_API mx_fn mx_grad(mx_fn f, mx_ints argnums);

/* ---- Vectorisation ---- */

/* A function that maps f over an axis of its inputs: axis in_axes[i] of input i (-1: the input is
 * the same for all), which becomes axis out_axes[o] of output o. An empty list means axis 0
 * throughout. NULL after mx_fail. */
MX_API mx_fn mx_vmap(mx_fn f, mx_ints in_axes, mx_ints out_axes);

/* mx_vmap in two steps, for callers that choose the out axes once they see the outputs. Trace fills
 * traced[count] with placeholders of one slice (the inputs themselves where in_axes[i] is -1) and
 * appends f's results on them to `outputs`; replace appends the results for whole inputs. */
MX_API bool mx_vmap_trace(mx_fn f, const mx *inputs, int count, mx_ints in_axes, mx *traced,
                          mx_arrays *outputs);
MX_API bool mx_vmap_replace(const mx *inputs, const mx *traced, int count, const mx *traced_outputs,
                            int output_count, mx_ints in_axes, mx_ints out_axes,
                            mx_arrays *outputs);

/* ---- Functions with rules of their own ---- */

/* What replaces the derived rules; NULL members are derived from the function. */
typedef struct mx_custom_rules {
  /* Appends one cotangent a primal. */
  bool (*vjp)(void *payload, const mx *primals, int count, const mx *cotangents, const mx *outputs,
              int output_count, mx_arrays *vjps);
  /* tangents[i] is that of primals[argnums[i]]; appends one tangent an output. */
  bool (*jvp)(void *payload, const mx *primals, int count, const mx *tangents, const int *argnums,
              int tangent_count, mx_arrays *jvps);
  /* Input i is batched along axes[i] (-1: not); appends the outputs, and writes the axis along
   * which each is batched to out_axes[output_count]. */
  bool (*vmap)(void *payload, const mx *inputs, const int *axes, int count, mx_arrays *outputs,
               int output_count, int *out_axes);
  void *payload;
  void (*release)(void *payload); /* with the last reference; may be NULL */
} mx_custom_rules;

/* A function with f's results and these rules. */
MX_API mx_fn mx_custom_function(mx_fn f, mx_custom_rules rules);

/* A function with f's results whose vjp computes f again instead of keeping what it computed
 * (Chen et al., arXiv:1604.06174). */
MX_API mx_fn mx_checkpoint(mx_fn f);

#ifdef __cplusplus
}
#endif
#endif
