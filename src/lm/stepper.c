/* Tokens one by one: the prompt in steps, then each token, the next one being computed while the
 * last is handed out. */
#include "base/alloc.h"
#include "lm/token_source.h"

#include <stdlib.h>

/* ---- What every source of tokens does ---- */

lm_side lm_side_open(mlx_lm_model *model, mlx_lm_prompt_cache *cache, int max_kv_size) {
  if (cache) return (lm_side){model, cache, false};
  return (lm_side){model, mlx_lm_make_prompt_cache(model, max_kv_size), true};
}

void lm_side_close(lm_side *side) {
  if (side->own_cache) mlx_lm_prompt_cache_free(side->cache);
}

bool lm_processes_logits(const mlx_lm_logits_processors *p) {
  return p->bias_count || p->repetition_penalty != 0;
}

static bool quantize_cache(const lm_side *side, const mlx_lm_generate_args *args) {
  for (int i = 0; i < side->cache->count && args->kv_bits; i++)
    if (side->cache->layers[i].offset >= args->quantized_kv_start &&
        !lm_kv_cache_quantize(&side->cache->layers[i], args->kv_group_size, args->kv_bits))
      return false;
  return true;
}

mx lm_step_logits(const lm_side *side, const mlx_lm_generate_args *args, mx tokens) {
  mx logits = mlx_lm_model_forward(side->model, mx_expand_dims(tokens, MX_INTS(0)), side->cache);
  return quantize_cache(side, args) ? mx_squeeze(logits, MX_INTS(0)) : NULL;
}

bool lm_prefill(const lm_side *side, const mlx_lm_generate_args *args, const int *tokens,
                int count) {
  mx_scope scope = mx_scope_begin();
  bool good = lm_step_logits(side, args, mx_array_new(tokens, MX_INTS(count), MX_INT32)) != NULL;
  mx_scope_end(scope, NULL);
  if (!good || mlx_lm_prompt_cache_eval(side->cache)) return false;
  mx_clear_cache();
  return true;
}

mx lm_sample_tokens(const mlx_lm_sampler *sampler, mx logits, mx *logprobs) {
  *logprobs = mx_subtract(logits, mx_logsumexp(logits, .axis = -1, .keepdims = true));
  return mx_astype(mlx_lm_sample(sampler, *logprobs), MX_INT32);
}

void lm_put(mx *slot, mx owned) {
  mx_release(*slot);
  *slot = owned;
}

/* ---- One by one ---- */

typedef struct {
  lm_token_source source;
  lm_side side;
  const mlx_lm_generate_args *args;
  const int *prompt;
  int count, given;
  mx history;         /* tokens so far [n], kept only for the logits processors */
  mx token, logprobs; /* computed or being computed: [1], [1, vocabulary]; owned */
} stepper;

static void report(const stepper *s, int processed) {
  if (s->args->progress) s->args->progress(s->args->progress_context, processed, s->count);
}

/* All of the prompt but its last token. */
static bool prefill(stepper *s) {
  int processed = 0, step = s->args->prefill_step_size < 1 ? 2048 : s->args->prefill_step_size;
  report(s, 0);
  while (s->count - processed > 1) {
    int left = s->count - processed - 1, count = left < step ? left : step;
    if (!lm_prefill(&s->side, s->args, s->prompt + processed, count)) return false;
    processed += count;
    report(s, processed);
  }
  return true;
}

/* Builds and schedules the step behind `tokens` [1]. */
static bool step(stepper *s, mx tokens, mx *token, mx *logprobs) {
  mx_scope scope = mx_scope_begin();
  mx logits = lm_step_logits(&s->side, s->args, tokens);
  if (lm_processes_logits(&s->args->processors)) {
    mx all = s->history ? mx_concatenate(MX_LIST(s->history, tokens), 0) : tokens;
    lm_put(&s->history, mx_retain(all));
    logits = mlx_lm_process_logits(&s->args->processors, all, logits);
  }
  mx normalised;
  *token = mx_retain(lm_sample_tokens(&s->args->sampler, logits, &normalised));
  *logprobs = mx_retain(normalised);
  mx_scope_end(scope, NULL);
  return *token && *logprobs && mx_async_eval(*token, *logprobs) == 0;
}

static bool begin(stepper *s) {
  if (!prefill(s)) return false;
  mx_scope scope = mx_scope_begin();
  mx last = mx_array_new(s->prompt + s->count - 1, MX_INTS(1), MX_INT32);
  bool good = step(s, last, &s->token, &s->logprobs);
  mx_scope_end(scope, NULL);
  return good;
}

static bool next(lm_token_source *source, lm_token *out) {
  stepper *s = (stepper *)source;
  if (s->given == s->args->max_tokens || (!s->given && !begin(s))) return false;
  bool last = s->given + 1 == s->args->max_tokens;
  mx token = NULL, logprobs = NULL;
  if ((!last && !step(s, s->token, &token, &logprobs)) || mx_eval(s->token)) {
    mx_release(token);
    mx_release(logprobs);
    return false;
  }
  if (!s->given) report(s, s->count);
  mx_scope scope = mx_scope_begin();
  *out = (lm_token){(int)mx_item_int64(s->token), NULL, false};
  out->logprobs = mx_retain(mx_squeeze(s->logprobs, MX_INTS(0)));
  mx_scope_end(scope, NULL);
  lm_put(&s->token, token);
  lm_put(&s->logprobs, logprobs);
  if (s->given++ % 256 == 0) mx_clear_cache();
  return true;
}

static void free_stepper(lm_token_source *source) {
  stepper *s = (stepper *)source;
  if (s->token) mx_eval(s->token);
  mx_release(s->token);
  mx_release(s->logprobs);
  mx_release(s->history);
  lm_side_close(&s->side);
  free(s);
}

lm_token_source *lm_stepper_new(mlx_lm_model *model, const mlx_lm_generate_args *args,
                                const int *prompt, int count) {
  stepper *s = mx_xcalloc(1, sizeof *s);
  *s = (stepper){.source = {next, free_stepper},
                 .side = lm_side_open(model, args->prompt_cache, args->max_kv_size),
                 .args = args,
                 .prompt = prompt,
                 .count = count};
  return &s->source;
}
