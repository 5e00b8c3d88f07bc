/* Evaluation, over vectors of arrays. */
#include "mlx/c/transforms.h"
#include "capi/capi.h"

int mlx_eval(const mlx_vector_array outputs) {
  return mx_eval_arrays(LIST(outputs)) ? capi_fail("mlx_array") : 0;
}

int mlx_async_eval(const mlx_vector_array outputs) {
  return mx_async_eval_arrays(LIST(outputs)) ? capi_fail("mlx_array") : 0;
}
