/* A model's weights as a list (mlx.nn's Module.parameters), and functions of them: what optimizers
 * update and what transforms differentiate.
 *
 *     mx_fn step = mlx_lm_value_and_grad(model, loss);   // loss(tokens, ...) uses the model
 *     mx_fn_apply(step, inputs, count, &out);            // inputs: all parameters, then the loss's
 */
#ifndef MLX_LM_PARAMETERS_H
#define MLX_LM_PARAMETERS_H

#include "mlx_lm/utils.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The arrays of the checkpoint that the model uses, packed ones with their scales and biases. */
MX_API int mlx_lm_parameter_count(const mlx_lm_model *model);
/* As in the checkpoint: "model.layers.0.self_attn.q_proj.weight". The model's; NULL out of range.
 */
MX_API const char *mlx_lm_parameter_name(const mlx_lm_model *model, int i);
/* The array, which belongs to the caller's scope; NULL after mx_fail where i is out of range. */
MX_API mx mlx_lm_parameter(const mlx_lm_model *model, int i);
/* Replaces it by an array of the same shape; a dtype of the same kind (packed weights stay uint32,
 * floats may be any float). 0, or -1 after mx_fail. No other thread may be using the model. */
MX_API int mlx_lm_set_parameter(mlx_lm_model *model, int i, mx a);
/* Replaces all of them by parameters[count], and these by what was there before (which belongs to
 * the caller's scope). 0, or -1 after mx_fail (then nothing is changed). */
MX_API int mlx_lm_swap_parameters(mlx_lm_model *model, mx *parameters);

/* Whether training changes it: a float that is not the scale or bias of a packed matrix. */
MX_API bool mlx_lm_is_trainable(const mlx_lm_model *model, int i);

/* f, which uses the model, as a function of the model's parameters: its inputs are all of them in
 * order, then f's own. While it is called the model has these parameters, so that transforms can
 * pass tracers through it. Released with mx_fn_release; the model must outlive it. */
MX_API mx_fn mlx_lm_function_of_parameters(mlx_lm_model *model, mx_fn f);
/* The same with f's results, of which the first must be a scalar, followed by its gradients with
 * respect to the trainable parameters in order (mlx.nn.value_and_grad). */
MX_API mx_fn mlx_lm_value_and_grad(mlx_lm_model *model, mx_fn f);

/* Writes all of them to a safetensors file that MLX can load; it appears whole or not at all.
 * 0, or -1 after mx_fail. */
MX_API int mlx_lm_save_parameters(const char *path, const mlx_lm_model *model);

#ifdef __cplusplus
}
#endif
#endif
