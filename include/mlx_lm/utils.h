/* Loading models (mlx_lm.utils). */
#ifndef MLX_LM_UTILS_H
#define MLX_LM_UTILS_H

#include "mlx/mx.h"
#include "mlx_lm/cache.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The model of a folder with config.json and model*.safetensors (one file, or shards with their
 * index). Weights are mapped and used where they lie. NULL after mx_fail. Safe to use from several
 * threads at once, each with a prompt cache of its own. */
MX_API mlx_lm_model *mlx_lm_load_model(const char *directory);
MX_API void mlx_lm_model_free(mlx_lm_model *model);

/* Applies what fine-tuning with mlx_lm left in a folder: adapter_config.json (fine_tune_type,
 * num_layers, lora_parameters) and adapters.safetensors, which holds LoRA's or DoRA's matrices or,
 * after full fine-tuning, weights. Before the model is used; 0, or -1 after mx_fail: then the model
 * may be changed in part, and is to be freed. */
MX_API int mlx_lm_load_adapters(mlx_lm_model *model, const char *directory);

/* tokens [batch, length], any integer dtype -> logits [batch, length, vocabulary] in the model's
 * dtype. cache may be NULL. */
MX_API mx mlx_lm_model_forward(mlx_lm_model *model, mx tokens, mlx_lm_prompt_cache *cache);

/* config.json's model_type. */
MX_API const char *mlx_lm_model_type(const mlx_lm_model *model);
MX_API int mlx_lm_model_vocab_size(const mlx_lm_model *model);
MX_API int mlx_lm_model_layers(const mlx_lm_model *model);
/* The config as JSON text; the caller frees it. */
MX_API char *mlx_lm_model_config(const mlx_lm_model *model);
/* Bytes of the weights. */
MX_API size_t mlx_lm_model_nbytes(const mlx_lm_model *model);

/* The model types that can be loaded, in order; NULL behind the last. */
MX_API const char *mlx_lm_model_type_at(int i);

#ifdef __cplusplus
}
#endif
#endif
