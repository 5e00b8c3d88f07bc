/* Generating text (mlx_lm.generate). */
#ifndef MLX_LM_GENERATE_H
#define MLX_LM_GENERATE_H

#include "mlx_lm/cache.h"
#include "mlx_lm/sample_utils.h"
#include "mlx_lm/tokenizer_utils.h"
#include "mlx_lm/utils.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Begin with MLX_LM_GENERATE_DEFAULTS. What is pointed to must outlive the generation. */
typedef struct mlx_lm_generate_args {
  int max_tokens; /* -1: without end */
  mlx_lm_sampler sampler;
  mlx_lm_logits_processors processors;
  int max_kv_size;                   /* 0: unbounded */
  mlx_lm_prompt_cache *prompt_cache; /* used and updated in place; NULL: one of its own */
  int prefill_step_size;             /* prompt tokens at a time; 0: 2048, with a draft model 512 */
  int kv_bits, kv_group_size;        /* kv_bits 0: the cache stays in floats */
  int quantized_kv_start;            /* tokens after which the cache is quantised */
  const int *extra_eos_tokens;       /* [extra_eos_count]: stop generation, too */
  int extra_eos_count;
  /* Speculative decoding: this smaller model of the same tokenizer guesses num_draft_tokens at a
   * time, which the model checks in one pass. The tokens are those that the model itself would
   * choose. max_kv_size and progress do not count then; caches must be such that can be trimmed. */
  mlx_lm_model *draft_model; /* NULL: none */
  int num_draft_tokens;
  mlx_lm_prompt_cache *draft_prompt_cache; /* the draft model's, beside prompt_cache */
  void (*progress)(void *context, int processed, int total); /* of the prompt; may be NULL */
  void *progress_context;
} mlx_lm_generate_args;

#define MLX_LM_GENERATE_DEFAULTS                                \
  ((mlx_lm_generate_args){.max_tokens = 256,                    \
                          .sampler = {.min_tokens_to_keep = 1}, \
                          .num_draft_tokens = 2,                \
                          .kv_group_size = 64})

/* One token, and where the generation stands (mlx_lm's GenerationResponse). The text stands until
 * the next call; logprobs belongs to the generation likewise. */
typedef struct mlx_lm_response {
  const char *text; /* what the token adds; may be empty */
  int token;
  mx logprobs;     /* [vocabulary] */
  bool from_draft; /* the draft model had guessed it */
  int prompt_tokens;
  double prompt_tps; /* tokens per second */
  int generation_tokens;
  double generation_tps;
  double peak_memory;        /* 10^9 bytes */
  const char *finish_reason; /* "stop", "length", or NULL while it goes on */
} mlx_lm_response;

typedef struct mlx_lm_generation mlx_lm_generation;

/* Begins to generate from prompt[count]. The prompt is processed by the first call of _next. NULL
 * after mx_fail (an empty prompt, a token out of range, impossible options). tokenizer may be NULL:
 * then texts are empty, and only extra_eos_tokens stop. */
MX_API mlx_lm_generation *mlx_lm_stream_generate(mlx_lm_model *model, mlx_lm_tokenizer *tokenizer,
                                                 const int *prompt, int count,
                                                 const mlx_lm_generate_args *args);
/* The next response; the last has a finish_reason. False behind the last, and after mx_fail. */
MX_API bool mlx_lm_generation_next(mlx_lm_generation *generation, mlx_lm_response *response);
MX_API void mlx_lm_generation_free(mlx_lm_generation *generation);

/* The whole text at once; the caller frees it. NULL after mx_fail. */
MX_API char *mlx_lm_generate(mlx_lm_model *model, mlx_lm_tokenizer *tokenizer, const char *prompt,
                             const mlx_lm_generate_args *args);

#ifdef __cplusplus
}
#endif
#endif
