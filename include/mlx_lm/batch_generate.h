/* Generating for several prompts together (mlx_lm.generate's BatchGenerator and batch_generate):
 * one pass of the model computes a token for each. Sequences join while others are under way, and
 * leave when they end. */
#ifndef MLX_LM_BATCH_GENERATE_H
#define MLX_LM_BATCH_GENERATE_H

#include "mlx_lm/generate.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Begin with MLX_LM_BATCH_DEFAULTS. What is pointed to must outlive the generator. */
typedef struct mlx_lm_batch_args {
  int max_tokens;         /* of a sequence that does not say its own */
  const int *stop_tokens; /* [stop_count] */
  int stop_count;
  mlx_lm_sampler sampler;              /* of sequences that bring none */
  mlx_lm_logits_processors processors; /* likewise */
  int completion_batch_size;           /* most sequences under way */
  int prefill_batch_size;              /* prompts processed together */
  int prefill_step_size;               /* prompt tokens at a time */
  bool return_prompt_caches;           /* responses that end a sequence bring its cache */
  /* Of the prompts being processed, once for each and step; may be NULL. */
  void (*progress)(void *context, int uid, int processed, int total);
  void *progress_context;
} mlx_lm_batch_args;

#define MLX_LM_BATCH_DEFAULTS                                \
  ((mlx_lm_batch_args){.max_tokens = 128,                    \
                       .sampler = {.min_tokens_to_keep = 1}, \
                       .completion_batch_size = 32,          \
                       .prefill_batch_size = 8,              \
                       .prefill_step_size = 2048})

/* What one sequence has of its own; zeroed: nothing. Samplers and processors are copied, but not
 * what they point to. */
typedef struct mlx_lm_batch_options {
  int max_tokens; /* 0: the generator's */
  const mlx_lm_sampler *sampler;
  const mlx_lm_logits_processors *processors;
  /* What came before the prompt. It is read during this call, and left as it is. */
  const mlx_lm_prompt_cache *prompt_cache;
} mlx_lm_batch_options;

/* One token of one sequence. */
typedef struct mlx_lm_batch_response {
  int uid, token;
  mx logprobs;                       /* [vocabulary]; stands until the next call */
  const char *finish_reason;         /* "stop", "length", or NULL while the sequence goes on */
  mlx_lm_prompt_cache *prompt_cache; /* the receiver's to free; NULL unless asked for, at the end */
} mlx_lm_batch_response;

typedef struct mlx_lm_batch_stats {
  int prompt_tokens, generation_tokens;
  double prompt_time, generation_time; /* seconds */
  double prompt_tps, generation_tps;   /* tokens per second, all sequences together */
  double peak_memory;                  /* 10^9 bytes */
} mlx_lm_batch_stats;

/* Not safe for use by two threads at once. */
typedef struct mlx_lm_batch_generator mlx_lm_batch_generator;

/* NULL after mx_fail (impossible options). */
MX_API mlx_lm_batch_generator *mlx_lm_batch_generator_new(mlx_lm_model *model,
                                                          const mlx_lm_batch_args *args);
MX_API void mlx_lm_batch_generator_free(mlx_lm_batch_generator *generator);

/* Adds prompt[count]; options may be NULL. The sequence's number (uid), or -1 after mx_fail (an
 * empty prompt, a token out of range, impossible options). */
MX_API int mlx_lm_batch_insert(mlx_lm_batch_generator *generator, const int *prompt, int count,
                               const mlx_lm_batch_options *options);
/* Gives a sequence up, whether under way or waiting; others are not disturbed. 0, or -1 after
 * mx_fail. */
MX_API int mlx_lm_batch_remove(mlx_lm_batch_generator *generator, int uid);
/* Processes waiting prompts where there is room, and gives the next token of each sequence under
 * way into responses[completion_batch_size]. Their count; 0 when nothing is left to do, -1 after
 * mx_fail. */
MX_API int mlx_lm_batch_next(mlx_lm_batch_generator *generator, mlx_lm_batch_response *responses);
MX_API mlx_lm_batch_stats mlx_lm_batch_get_stats(const mlx_lm_batch_generator *generator);

/* All prompts[i] of counts[i] tokens to their ends; texts[count] are the caller's to free. The
 * tokenizer's ids for the end of a text stop a sequence, too. stats may be NULL. 0, or -1 after
 * mx_fail (and no texts). */
MX_API int mlx_lm_batch_generate(mlx_lm_model *model, const mlx_lm_tokenizer *tokenizer,
                                 const int *const *prompts, const int *counts, int count,
                                 const mlx_lm_batch_args *args, char **texts,
                                 mlx_lm_batch_stats *stats);

#ifdef __cplusplus
}
#endif
#endif
