/* Where a generation's tokens come from: the model step by step, or a draft model whose guesses the
 * model checks. */
#ifndef LM_TOKEN_SOURCE_H
#define LM_TOKEN_SOURCE_H

#include "lm/kv_cache.h"
#include "mlx_lm/generate.h"

typedef struct lm_token {
  int id;
  mx logprobs; /* [vocabulary]; the receiver's to release */
  bool from_draft;
} lm_token;

typedef struct lm_token_source lm_token_source;

struct lm_token_source {
  /* The next token; false behind args.max_tokens, and after mx_fail. */
  bool (*next)(lm_token_source *source, lm_token *token);
  /* Waits for what is in flight, so that the caches are settled. */
  void (*free)(lm_token_source *source);
};

/* Both borrow args and prompt[count], which must outlive them. */
lm_token_source *lm_stepper_new(mlx_lm_model *model, const mlx_lm_generate_args *args,
                                const int *prompt, int count);
lm_token_source *lm_speculator_new(mlx_lm_model *model, const mlx_lm_generate_args *args,
                                   const int *prompt, int count);

/* ---- What both do ---- */

/* A model, and its cache: the caller's, or one of its own that lm_side_close frees. */
typedef struct lm_side {
  mlx_lm_model *model;
  mlx_lm_prompt_cache *cache;
  bool own_cache;
} lm_side;

lm_side lm_side_open(mlx_lm_model *model, mlx_lm_prompt_cache *cache, int max_kv_size);
void lm_side_close(lm_side *side);

bool lm_processes_logits(const mlx_lm_logits_processors *processors);
/* Whether the model can be asked for this. False after mx_fail. */
bool lm_check_request(const mlx_lm_model *model, const int *prompt, int count,
                      const mlx_lm_sampler *sampler, const mlx_lm_logits_processors *processors);
double lm_seconds(void);
/* Takes tokens[count] into the cache and evaluates it; the logits are not wanted. */
bool lm_prefill(const lm_side *side, const mlx_lm_generate_args *args, const int *tokens,
                int count);
/* tokens [n] -> logits [n, vocabulary]; quantises the cache when its time has come. NULL after
 * mx_fail. */
mx lm_step_logits(const lm_side *side, const mlx_lm_generate_args *args, mx tokens);
/* logits [n, vocabulary] -> *logprobs of the same shape and, sampled from it, tokens [n]. */
mx lm_sample_tokens(const mlx_lm_sampler *sampler, mx logits, mx *logprobs);

/* Puts an owned array into a slot. */
void lm_put(mx *slot, mx owned);

#endif
