/* Samplers and logits processors, as formulas over arrays. */
#include "mlx_lm/sample_utils.h"
#include "base/alloc.h"

#include <math.h>
#include <stdlib.h>

int mlx_lm_sampler_check(const mlx_lm_sampler *s, int vocab_size) {
  if (!(s->temp >= 0 && isfinite(s->temp)))
    mx_fail("`temp` has to be a finite number of at least 0, but is %g", s->temp);
  else if (!(s->min_p >= 0 && s->min_p <= 1))
    mx_fail("`min_p` has to be a float in the [0, 1] interval, but is %g", s->min_p);
  else if (s->min_tokens_to_keep < 1)
    mx_fail("`min_tokens_to_keep` has to be a positive integer, but is %d", s->min_tokens_to_keep);
  else if (s->top_k != 0 && (s->top_k < 0 || s->top_k >= vocab_size))
    mx_fail("`top_k` has to be an integer in the (0, %d] interval, but is %d.", vocab_size,
            s->top_k);
  else if (!(s->xtc_threshold >= 0 && s->xtc_threshold <= 0.5))
    mx_fail("`threshold` has to be a float in the [0, 0.5] interval, but is %g", s->xtc_threshold);
  else if (!(s->xtc_probability >= 0 && s->xtc_probability <= 1))
    mx_fail("`probability` has to be a float in the [0, 1] interval, but is %g",
            s->xtc_probability);
  else if (!(s->top_p >= 0 && s->top_p <= 1))
    mx_fail("`top_p` has to be a float in the [0, 1] interval, but is %g", s->top_p);
  else
    return 0;
  return -1;
}

static mx minus_infinity(mx like) { return mx_scalar(-INFINITY, mx_dtype_of(like)); }

/* Where element i of a sorted row came from, turned round: where element i went. */
static mx inverse_permutation(mx order) {
  mx_dtype dtype = mx_dtype_of(order);
  mx places = mx_broadcast_to(mx_arange(0, mx_dim(order, -1), 1, dtype),
                              (mx_ints){mx_shape(order), mx_ndim(order)});
  return mx_put_along_axis(mx_zeros_like(order), order, places, .axis = -1);
}

mx mlx_lm_apply_top_p(mx logprobs, double top_p) {
  mx probs = mx_exp(logprobs), order = mx_argsort(logprobs, .axis = -1);
  mx cumulative = mx_cumsum(mx_take_along_axis(probs, order, .axis = -1), .axis = -1);
  cumulative = mx_take_along_axis(cumulative, inverse_permutation(order), .axis = -1);
  mx keep = mx_greater(cumulative, mx_scalar_like(1 - top_p, cumulative));
  return mx_where(keep, logprobs, minus_infinity(logprobs));
}

mx mlx_lm_apply_min_p(mx logprobs, double min_p, int min_tokens_to_keep) {
  mx order = mx_argsort(mx_negative(logprobs), .axis = -1);
  mx sorted = mx_take_along_axis(logprobs, order, .axis = -1);
  mx least = mx_add(mx_slice_axis(sorted, -1, 0, 1), mx_scalar_like(log(min_p), sorted));
  mx rank = mx_arange(0, mx_dim(sorted, -1), 1, MX_INT32);
  mx drop =
      mx_logical_and(mx_less(sorted, least), mx_greater_equal(rank, mx_int(min_tokens_to_keep)));
  mx kept = mx_where(drop, minus_infinity(sorted), sorted);
  return mx_take_along_axis(kept, inverse_permutation(order), .axis = -1);
}

mx mlx_lm_apply_top_k(mx logprobs, int top_k) {
  mx order = mx_argpartition(mx_negative(logprobs), top_k - 1, .axis = -1);
  mx drop = mx_slice_axis(order, -1, top_k, mx_dim(order, -1));
  return mx_put_along_axis(logprobs, drop, minus_infinity(logprobs), .axis = -1);
}

mx mlx_lm_apply_xtc(mx logits, double probability, double threshold, const int *special,
                    int count) {
  mx probs = mx_softmax(logits, .axis = -1);
  mx above = mx_greater(probs, mx_scalar_like(threshold, probs));
  mx least = mx_min(mx_where(above, probs, mx_scalar(INFINITY, mx_dtype_of(probs))));
  mx mask = mx_greater(probs, least);
  if (count) {
    mx tokens = mx_array_new(special, MX_INTS(count), MX_INT32);
    mx rows = mx_broadcast_to(tokens, MX_INTS(mx_dim(mask, 0), count));
    mask = mx_put_along_axis(mask, rows, mx_bool(false), .axis = -1);
  }
  mx filtered = mx_where(mask, minus_infinity(logits), logits);
  mx draw = mx_random_uniform(mx_float(0), mx_float(1), (mx_ints){NULL, 0}, MX_FLOAT32, NULL);
  return mx_where(mx_greater(draw, mx_float((float)probability)), logits, filtered);
}

/* Below this the likeliest token is as good as certain, and 1 / temp may pass a 16-bit float. */
#define LEAST_TEMP 2e-5

mx mlx_lm_sample(const mlx_lm_sampler *s, mx logprobs) {
  mx_scope scope = mx_scope_begin();
  if (s->temp < LEAST_TEMP) return mx_scope_end(scope, mx_argmax(logprobs, .axis = -1));
  if (s->top_p > 0 && s->top_p < 1) logprobs = mlx_lm_apply_top_p(logprobs, s->top_p);
  if (s->min_p != 0) logprobs = mlx_lm_apply_min_p(logprobs, s->min_p, s->min_tokens_to_keep);
  if (s->xtc_probability > 0)
    logprobs = mlx_lm_apply_xtc(logprobs, s->xtc_probability, s->xtc_threshold,
                                s->xtc_special_tokens, s->xtc_special_count);
  if (s->top_k > 0) logprobs = mlx_lm_apply_top_k(logprobs, s->top_k);
  mx scaled = mx_multiply(logprobs, mx_scalar_like(1 / s->temp, logprobs));
  return mx_scope_end(scope, mx_random_categorical(scaled, .axis = -1));
}

static mx penalise(mx logits, mx recent, double penalty) {
  mx at = mx_expand_dims(mx_astype(recent, MX_INT32), MX_INTS(0));
  mx selected = mx_take_along_axis(logits, at, .axis = -1), by = mx_scalar_like(penalty, logits);
  mx zero = mx_scalar_like(0, logits);
  selected = mx_where(mx_less(selected, zero), mx_multiply(selected, by), mx_divide(selected, by));
  return mx_put_along_axis(logits, at, selected, .axis = -1);
}

mx mlx_lm_process_logits(const mlx_lm_logits_processors *p, mx tokens, mx logits) {
  if (!logits || !tokens) return NULL;
  mx_scope scope = mx_scope_begin();
  if (p->bias_count) {
    mx at = mx_array_new(p->bias_tokens, MX_INTS(1, p->bias_count), MX_INT32);
    mx by = mx_array_new(p->bias_values, MX_INTS(1, p->bias_count), MX_FLOAT32);
    mx biased =
        mx_add(mx_take_along_axis(logits, at, .axis = -1), mx_astype(by, mx_dtype_of(logits)));
    logits = mx_put_along_axis(logits, at, biased, .axis = -1);
  }
  int count = mx_dim(tokens, 0);
  int context = p->repetition_context_size > 0 ? p->repetition_context_size : 20;
  if (p->repetition_penalty != 0 && count > 0) {
    mx recent = mx_slice_axis(tokens, 0, count > context ? count - context : 0, count);
    logits = penalise(logits, recent, p->repetition_penalty);
  }
  return mx_scope_end(scope, logits);
}
