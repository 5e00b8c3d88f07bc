/* A model's weights as a list (mlx.nn's Module.parameters): what optimizers update and what a loss
 * function takes as its inputs.
 *
 * A function of the parameters puts its inputs into the model, computes, and puts back what was
 * there, so that transforms can pass tracers through it:
 *
 *     mlx_lm_swap_parameters(model, parameters);      // in: the function's inputs
 *     mx logits = mlx_lm_model_forward(model, tokens, NULL);
 *     mlx_lm_swap_parameters(model, parameters);      // and out again
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

/* Writes all of them to a safetensors file that MLX can load; it appears whole or not at all.
 * 0, or -1 after mx_fail. */
MX_API int mlx_lm_save_parameters(const char *path, const mlx_lm_model *model);

#ifdef __cplusplus
}
#endif
#endif
