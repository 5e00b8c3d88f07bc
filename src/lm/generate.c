/* Generation: the prompt in steps, then token by token, the next one being computed while the last
 * is handed out. */
#include "mlx_lm/generate.h"
#include "base/alloc.h"
#include "base/str.h"
#include "lm/kv_cache.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct mlx_lm_generation {
  mlx_lm_model *model;
  mlx_lm_tokenizer *tokenizer;
  mlx_lm_detokenizer *detokenizer; /* NULL without a tokenizer */
  mlx_lm_generate_args args;
  mlx_lm_prompt_cache *cache;
  bool own_cache;
  int *prompt, prompt_count;
  mx history;         /* tokens so far [count], kept only for the logits processors */
  mx token, logprobs; /* computed or being computed: [1], [vocabulary]; owned */
  mx handed_logprobs;
  int count; /* responses handed out */
  bool done;
  double began, prompt_time;
};

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool processes_logits(const mlx_lm_generate_args *a) {
  return a->processors.bias_count || a->processors.repetition_penalty != 0;
}

static bool check(const mlx_lm_model *model, const int *prompt, int count,
                  const mlx_lm_generate_args *a) {
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
  for (int i = 0; i < a->processors.bias_count; i++)
    if (a->processors.bias_tokens[i] < 0 || a->processors.bias_tokens[i] >= vocab) {
      mx_fail("[generate] The logit bias names token %d; the model knows 0 to %d.",
              a->processors.bias_tokens[i], vocab - 1);
      return false;
    }
  if (a->processors.repetition_penalty < 0) {
    mx_fail("penalty must be a non-negative float, got %g", a->processors.repetition_penalty);
    return false;
  }
  return mlx_lm_sampler_check(&a->sampler, vocab) == 0;
}

mlx_lm_generation *mlx_lm_stream_generate(mlx_lm_model *model, mlx_lm_tokenizer *tokenizer,
                                          const int *prompt, int count,
                                          const mlx_lm_generate_args *args) {
  if (!check(model, prompt, count, args)) return NULL;
  mlx_lm_generation *g = mx_xcalloc(1, sizeof *g);
  *g = (mlx_lm_generation){.model = model,
                           .tokenizer = tokenizer,
                           .args = *args,
                           .cache = args->prompt_cache,
                           .prompt_count = count};
  if (g->args.prefill_step_size < 1) g->args.prefill_step_size = 2048;
  g->prompt = mx_xmalloc((size_t)count * sizeof *prompt);
  memcpy(g->prompt, prompt, (size_t)count * sizeof *prompt);
  if (tokenizer) g->detokenizer = mlx_lm_detokenizer_new(tokenizer);
  if (!g->cache) {
    g->cache = mlx_lm_make_prompt_cache(model, args->max_kv_size);
    g->own_cache = true;
  }
  return g;
}

void mlx_lm_generation_free(mlx_lm_generation *g) {
  if (!g) return;
  /* The step in flight writes into the cache: let it end before anybody else uses that. */
  if (g->token) mx_eval(g->token);
  mx_release(g->token);
  mx_release(g->logprobs);
  mx_release(g->handed_logprobs);
  mx_release(g->history);
  if (g->own_cache) mlx_lm_prompt_cache_free(g->cache);
  if (g->detokenizer) mlx_lm_detokenizer_free(g->detokenizer);
  free(g->prompt);
  free(g);
}

static bool quantize_cache(mlx_lm_generation *g) {
  for (int i = 0; i < g->cache->count && g->args.kv_bits; i++)
    if (g->cache->layers[i].offset >= g->args.quantized_kv_start &&
        !lm_kv_cache_quantize(&g->cache->layers[i], g->args.kv_group_size, g->args.kv_bits))
      return false;
  return true;
}

static void report(const mlx_lm_generation *g, int processed) {
  if (g->args.progress) g->args.progress(g->args.progress_context, processed, g->prompt_count);
}

static mx prompt_part(const mlx_lm_generation *g, int start, int count) {
  return mx_array_new(g->prompt + start, MX_INTS(count), MX_INT32);
}

/* All of the prompt but its last token: only the cache is wanted of it. */
static bool prefill(mlx_lm_generation *g) {
  int processed = 0;
  report(g, 0);
  while (g->prompt_count - processed > 1) {
    int left = g->prompt_count - processed - 1;
    int count = left < g->args.prefill_step_size ? left : g->args.prefill_step_size;
    mx_scope scope = mx_scope_begin();
    mx tokens = mx_expand_dims(prompt_part(g, processed, count), MX_INTS(0));
    bool good = mlx_lm_model_forward(g->model, tokens, g->cache) && quantize_cache(g);
    mx_scope_end(scope, NULL);
    if (!good || mlx_lm_prompt_cache_eval(g->cache)) return false;
    processed += count;
    report(g, processed);
    mx_clear_cache();
  }
  return true;
}

static void put(mx *slot, mx owned) {
  mx_release(*slot);
  *slot = owned;
}

/* Builds and schedules the step behind `tokens` [n]: the last position's token and logprobs. */
static bool step(mlx_lm_generation *g, mx tokens, mx *token, mx *logprobs) {
  mx_scope scope = mx_scope_begin();
  mx logits = mlx_lm_model_forward(g->model, mx_expand_dims(tokens, MX_INTS(0)), g->cache);
  int length = mx_dim(tokens, 0);
  logits = mx_squeeze(mx_slice_axis(logits, 1, length - 1, length), MX_INTS(1));
  if (processes_logits(&g->args)) {
    mx all = g->history ? mx_concatenate(MX_LIST(g->history, tokens), 0) : tokens;
    put(&g->history, mx_retain(all));
    logits = mlx_lm_process_logits(&g->args.processors, all, logits);
  }
  bool good = quantize_cache(g);
  mx normalised = mx_subtract(logits, mx_logsumexp(logits, .keepdims = true));
  *token =
      good ? mx_retain(mx_astype(mlx_lm_sample(&g->args.sampler, normalised), MX_INT32)) : NULL;
  *logprobs = mx_retain(mx_squeeze(normalised, MX_INTS(0)));
  mx_scope_end(scope, NULL);
  return *token && *logprobs && mx_async_eval(*token, *logprobs) == 0;
}

static bool begin(mlx_lm_generation *g) {
  g->began = seconds();
  if (!prefill(g)) return false;
  mx_scope scope = mx_scope_begin();
  bool good = step(g, prompt_part(g, g->prompt_count - 1, 1), &g->token, &g->logprobs);
  mx_scope_end(scope, NULL);
  return good;
}

static bool stops(const mlx_lm_generation *g, int token) {
  for (int i = 0; i < g->args.extra_eos_count; i++)
    if (g->args.extra_eos_tokens[i] == token) return true;
  return g->tokenizer && mlx_lm_tokenizer_is_eos(g->tokenizer, token);
}

static void fill(mlx_lm_generation *g, int token, const char *reason, mlx_lm_response *r) {
  double now = seconds(), generating = now - g->began;
  *r = (mlx_lm_response){.text = "",
                         .token = token,
                         .logprobs = g->handed_logprobs,
                         .prompt_tokens = g->prompt_count,
                         .prompt_tps = g->prompt_count / g->prompt_time,
                         .generation_tokens = g->count,
                         .generation_tps = generating > 0 ? g->count / generating : 0,
                         .peak_memory = (double)mx_get_peak_memory() / 1e9,
                         .finish_reason = reason};
  if (!g->detokenizer) return;
  if (!reason || strcmp(reason, "stop")) mlx_lm_detokenizer_add_token(g->detokenizer, token);
  if (reason) mlx_lm_detokenizer_finalize(g->detokenizer);
  r->text = mlx_lm_detokenizer_last_segment(g->detokenizer, NULL);
}

bool mlx_lm_generation_next(mlx_lm_generation *g, mlx_lm_response *r) {
  if (g->done) return false;
  bool first = g->count == 0;
  if (first && g->args.max_tokens == 0) {
    g->done = true;
    return false;
  }
  if (first && !begin(g)) {
    g->done = true;
    return false;
  }
  bool last = g->count + 1 == g->args.max_tokens;
  mx next = NULL, next_logprobs = NULL;
  if ((!last && !step(g, g->token, &next, &next_logprobs)) || mx_eval(g->token)) {
    mx_release(next);
    mx_release(next_logprobs);
    g->done = true;
    return false;
  }
  if (first) {
    report(g, g->prompt_count);
    double now = seconds();
    g->prompt_time = now - g->began;
    g->began = now;
  }
  int token = (int)mx_item_int64(g->token);
  put(&g->handed_logprobs, mx_retain(g->logprobs));
  put(&g->token, next);
  put(&g->logprobs, next_logprobs);
  if (g->count % 256 == 0) mx_clear_cache();
  g->count++;
  const char *reason = stops(g, token) ? "stop" : last ? "length" : NULL;
  g->done = reason != NULL;
  fill(g, token, reason, r);
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
