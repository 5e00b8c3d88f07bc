/* Prompt caches: what a model keeps of the tokens it has seen (mlx_lm.models.cache). */
#ifndef MLX_LM_CACHE_H
#define MLX_LM_CACHE_H

#include "mlx/mx.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mlx_lm_model mlx_lm_model;

/* One entry a layer. Not safe for use by two threads at once. */
typedef struct mlx_lm_prompt_cache mlx_lm_prompt_cache;

/* An empty cache for the model. max_kv_size > 0 bounds it: old tokens, all but the first four, are
 * overwritten (layers that have a window of their own keep it). */
MX_API mlx_lm_prompt_cache *mlx_lm_make_prompt_cache(const mlx_lm_model *model, int max_kv_size);
MX_API void mlx_lm_prompt_cache_free(mlx_lm_prompt_cache *cache);

/* Tokens that the cache has seen. */
MX_API int mlx_lm_prompt_cache_offset(const mlx_lm_prompt_cache *cache);
/* Bytes of its arrays. */
MX_API size_t mlx_lm_prompt_cache_nbytes(const mlx_lm_prompt_cache *cache);
/* Evaluates its arrays, so that what computed them can go. 0, or -1 after mx_fail. */
MX_API int mlx_lm_prompt_cache_eval(const mlx_lm_prompt_cache *cache);

/* Bits and group size of its quantised entries; 0 while they are floats. */
MX_API int mlx_lm_prompt_cache_kv_bits(const mlx_lm_prompt_cache *cache);
MX_API int mlx_lm_prompt_cache_kv_group_size(const mlx_lm_prompt_cache *cache);

/* Whether tokens can be taken back; takes back up to `tokens` and returns how many. */
MX_API bool mlx_lm_can_trim_prompt_cache(const mlx_lm_prompt_cache *cache);
MX_API int mlx_lm_trim_prompt_cache(mlx_lm_prompt_cache *cache, int tokens);

/* In mlx_lm's own format, a safetensors file with the layers' arrays and states, and the caller's
 * metadata (may be NULL). 0, or -1 (NULL) after mx_fail. */
MX_API int mlx_lm_save_prompt_cache(const char *path, const mlx_lm_prompt_cache *cache,
                                    const mx_string_map *metadata);
MX_API mlx_lm_prompt_cache *mlx_lm_load_prompt_cache(const char *path, mx_string_map *metadata);

#ifdef __cplusplus
}
#endif
#endif
