/* Choosing the next token from its log-probabilities (mlx_lm.sample_utils). */
#ifndef MLX_LM_SAMPLE_UTILS_H
#define MLX_LM_SAMPLE_UTILS_H

#include "mlx/mx.h"

#ifdef __cplusplus
extern "C" {
#endif

/* MLX_LM_SAMPLER_DEFAULTS gives greedy decoding. With a temperature the filters apply in this
 * order: top_p, min_p, XTC, top_k; then a token is drawn from what is left. */
typedef struct mlx_lm_sampler {
  double temp;            /* 0: the likeliest token */
  double top_p;           /* in (0, 1): the likeliest tokens that together have this probability */
  double min_p;           /* not 0: tokens with at least this part of the likeliest's probability */
  int min_tokens_to_keep; /* that min_p must leave, at least 1 */
  int top_k;              /* above 0: the likeliest so many */
  double xtc_probability; /* of leaving out, for a token, the likeliest choices (XTC) ... */
  double xtc_threshold; /* ... among those above this probability, in [0, 0.5], all but the last */
  const int *xtc_special_tokens; /* [xtc_special_count], never left out */
  int xtc_special_count;
} mlx_lm_sampler;

#define MLX_LM_SAMPLER_DEFAULTS ((mlx_lm_sampler){.min_tokens_to_keep = 1})

/* Whether the options make sense for a vocabulary. -1 after mx_fail("... `top_k` ..."). */
MX_API int mlx_lm_sampler_check(const mlx_lm_sampler *sampler, int vocab_size);

/* logprobs [batch, vocabulary] -> tokens [batch], uint32. Draws from the global random state. */
MX_API mx mlx_lm_sample(const mlx_lm_sampler *sampler, mx logprobs);

/* The filters by themselves; each gives [batch, vocabulary] with -inf in place of what it drops. */
MX_API mx mlx_lm_apply_top_p(mx logprobs, double top_p);
MX_API mx mlx_lm_apply_min_p(mx logprobs, double min_p, int min_tokens_to_keep);
MX_API mx mlx_lm_apply_top_k(mx logprobs, int top_k);
MX_API mx mlx_lm_apply_xtc(mx logits, double probability, double threshold,
                           const int *special_tokens, int special_count);

/* Changes of the logits before they are normalised. */
typedef struct mlx_lm_logits_processors {
  const int *bias_tokens; /* [bias_count]: bias_values[i] is added to the logit of bias_tokens[i] */
  const float *bias_values;
  int bias_count;
  double repetition_penalty;   /* 0: none. Divides positive logits of recent tokens, multiplies
                                  negative   ones (Keskar et al., arXiv:1909.05858) */
  int repetition_context_size; /* how many recent tokens; 0 means 20 */
} mlx_lm_logits_processors;

/* logits [1, vocabulary], the tokens so far [count] -> logits [1, vocabulary]. */
MX_API mx mlx_lm_process_logits(const mlx_lm_logits_processors *p, mx tokens, mx logits);

#ifdef __cplusplus
}
#endif
#endif
