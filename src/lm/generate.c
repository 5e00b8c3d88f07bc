/* Generation: checks, text, stop tokens and statistics around a source of tokens. */
#include "mlx_lm/generate.h"
#include "base/alloc.h"
#include "base/str.h"
#include "lm/token_source.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_GUESSES 4096

struct mlx_lm_generation {
  mlx_lm_tokenizer *tokenizer;
  mlx_lm_detokenizer *detokenizer; /* NULL without a tokenizer */
  mlx_lm_generate_args args;
  int *prompt, prompt_count;
  lm_token_source *source;
  mx logprobs; /* of the response handed out last; owned */
  int count;   /* responses handed out */
  bool done;
  double began, prompt_time;
};

double lm_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool check_cache(const mlx_lm_generate_args *a) {
  int bits = a->kv_bits, group = a->kv_group_size;
  if (a->max_kv_size < 0 || (a->max_kv_size && a->max_kv_size <= 4))
    mx_fail("`max_kv_size` has to be at least 5 (the first 4 tokens are always kept), but is %d",
            a->max_kv_size);
  else if (bits && (bits < 2 || bits > 8 || bits == 7))
    mx_fail("`kv_bits` has to be one of 2, 3, 4, 5, 6, 8, but is %d", bits);
  else if (bits && group != 32 && group != 64 && group != 128)
    mx_fail("`kv_group_size` has to be one of 32, 64, 128, but is %d", group);
  else if (bits && a->max_kv_size)
    mx_fail("A cache bounded by `max_kv_size` cannot be quantised (`kv_bits`)");
  else
    return true;
  return false;
}

static bool check_draft(const mlx_lm_generate_args *a) {
  if (!a->draft_model) return true;
  if (a->num_draft_tokens < 0)
    mx_fail("`num_draft_tokens` has to be at least 0, but is %d", a->num_draft_tokens);
  else if (a->num_draft_tokens > MOST_GUESSES)
    mx_fail("`num_draft_tokens` has to be at most %d, but is %d", MOST_GUESSES,
            a->num_draft_tokens);
  else if (!a->prompt_cache != !a->draft_prompt_cache)
    mx_fail("[generate] With a draft model, both models need a prompt cache, or none.");
  else
    return true;
  return false;
}

bool lm_check_request(const mlx_lm_model *model, const int *prompt, int count,
                      const mlx_lm_sampler *sampler, const mlx_lm_logits_processors *p) {
  int vocab = mlx_lm_model_vocab_size(model);
  if (count < 1) {
    mx_fail("[generate] The prompt is empty.");
    return false;
  }
  for (int i = 0; i < count; i++)
    if (prompt[i] < 0 || prompt[i] >= vocab) {
      mx_fail("[generate] Token %d of the prompt is %d; the model knows 0 to %d.", i, prompt[i],
              vocab - 1);
      return false;
    }
  for (int i = 0; i < p->bias_count; i++)
    if (p->bias_tokens[i] < 0 || p->bias_tokens[i] >= vocab) {
      mx_fail("[generate] The logit bias names token %d; the model knows 0 to %d.",
              p->bias_tokens[i], vocab - 1);
      return false;
    }
  if (!(p->repetition_penalty >= 0)) {
    mx_fail("penalty must be a non-negative float, got %g", p->repetition_penalty);
    return false;
  }
  return mlx_lm_sampler_check(sampler, vocab) == 0;
}

mlx_lm_generation *mlx_lm_stream_generate(mlx_lm_model *model, mlx_lm_tokenizer *tokenizer,
                                          const int *prompt, int count,
                                          const mlx_lm_generate_args *args) {
  if (!check_cache(args) || !check_draft(args) ||
      !lm_check_request(model, prompt, count, &args->sampler, &args->processors))
    return NULL;
  mlx_lm_generation *g = mx_xcalloc(1, sizeof *g);
  *g = (mlx_lm_generation){.tokenizer = tokenizer, .args = *args, .prompt_count = count};
  g->prompt = mx_xmalloc((size_t)count * sizeof *prompt);
  memcpy(g->prompt, prompt, (size_t)count * sizeof *prompt);
  g->source =
      (args->draft_model ? lm_speculator_new : lm_stepper_new)(model, &g->args, g->prompt, count);
  if (tokenizer) g->detokenizer = mlx_lm_detokenizer_new(tokenizer);
  return g;
}

void mlx_lm_generation_free(mlx_lm_generation *g) {
  if (!g) return;
  g->source->free(g->source);
  mx_release(g->logprobs);
  if (g->detokenizer) mlx_lm_detokenizer_free(g->detokenizer);
  free(g->prompt);
  free(g);
}

static bool stops(const mlx_lm_generation *g, int token) {
  for (int i = 0; i < g->args.extra_eos_count; i++)
    if (g->args.extra_eos_tokens[i] == token) return true;
  return g->tokenizer && mlx_lm_tokenizer_is_eos(g->tokenizer, token);
}

static void fill(mlx_lm_generation *g, const lm_token *t, const char *reason, mlx_lm_response *r) {
  double now = lm_seconds(), generating = now - g->began;
  *r = (mlx_lm_response){.text = "",
                         .token = t->id,
                         .logprobs = t->logprobs,
                         .from_draft = t->from_draft,
                         .prompt_tokens = g->prompt_count,
                         .prompt_tps = g->prompt_count / g->prompt_time,
                         .generation_tokens = g->count,
                         .generation_tps = generating > 0 ? g->count / generating : 0,
                         .peak_memory = (double)mx_get_peak_memory() / 1e9,
                         .finish_reason = reason};
  if (!g->detokenizer) return;
  if (!reason || strcmp(reason, "stop")) mlx_lm_detokenizer_add_token(g->detokenizer, t->id);
  if (reason) mlx_lm_detokenizer_finalize(g->detokenizer);
  r->text = mlx_lm_detokenizer_last_segment(g->detokenizer, NULL);
}

bool mlx_lm_generation_next(mlx_lm_generation *g, mlx_lm_response *r) {
  lm_token t;
  if (g->done) return false;
  if (!g->count) g->began = lm_seconds();
  if (!g->source->next(g->source, &t)) {
    g->done = true;
    return false;
  }
  if (!g->count++) {
    double now = lm_seconds();
    g->prompt_time = now - g->began;
    g->began = now;
  }
  lm_put(&g->logprobs, t.logprobs);
  bool last = g->count == g->args.max_tokens;
  const char *reason = stops(g, t.id) ? "stop" : last ? "length" : NULL;
  g->done = reason != NULL;
  fill(g, &t, reason, r);
  return true;
}

/* As mlx_lm encodes a prompt: with special tokens, unless it begins with the bos token already. */
static int *encode_prompt(const mlx_lm_tokenizer *t, const char *prompt, int *count) {
  const char *bos = mlx_lm_tokenizer_special_token(t, "bos_token");
  bool add = !bos || strncmp(prompt, bos, strlen(bos));
  size_t n;
  int *ids = mlx_lm_tokenizer_encode(t, prompt, strlen(prompt), add, &n);
  *count = (int)n;
  return ids;
}

char *mlx_lm_generate(mlx_lm_model *model, mlx_lm_tokenizer *tokenizer, const char *prompt,
                      const mlx_lm_generate_args *args) {
  int count, *ids = encode_prompt(tokenizer, prompt, &count);
  mlx_lm_generation *g = ids ? mlx_lm_stream_generate(model, tokenizer, ids, count, args) : NULL;
  free(ids);
  if (!g) return NULL;
  mx_str text = {0};
  mlx_lm_response r = {0};
  bool more = true;
  while (more && !r.finish_reason && (more = mlx_lm_generation_next(g, &r)))
    mx_str_puts(&text, r.text);
  mlx_lm_generation_free(g);
  char *whole = mx_str_take(&text);
  if (more || args->max_tokens == 0) return whole;
  free(whole);
  return NULL;
}
