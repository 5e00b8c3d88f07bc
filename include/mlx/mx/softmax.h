/* Softmax and log-sum-exp. */
#ifndef MLX_MX_SOFTMAX_H
#define MLX_MX_SOFTMAX_H

#include "mlx/mx/reduce.h"

#ifdef __cplusplus
extern "C" {
#endif

/* e^a over its sum along `axis`, or along several `axes`; without either, over all elements.
 * Integers give float32. Computed in float32 at least, whether `precise` or not. */
typedef struct mx_softmax_args {
  mx_ints axes;
  int axis;
  bool precise;
} mx_softmax_args;
#define MX_SOFTMAX_ARGS_(...) \
  ((mx_softmax_args){.axes = {NULL, -1}, .axis = MX_NO_AXIS, __VA_ARGS__})
MX_API mx mx_softmax_with(mx a, mx_softmax_args args);
#define mx_softmax(a, ...) mx_softmax_with(a, MX_SOFTMAX_ARGS_(__VA_ARGS__))

/* log(sum(e^a)) along the axes, without overflow. An empty array is an error. */
MX_API mx mx_logsumexp_with(mx a, mx_reduce_args args);
#define mx_logsumexp(a, ...) mx_logsumexp_with(a, MX_REDUCE_ARGS_(__VA_ARGS__))

#ifdef __cplusplus
}
#endif
#endif
