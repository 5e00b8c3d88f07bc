/* The batch generator: sequences that wait, sequences under way, and the step that all of them take
 * together. */
#include "mlx_lm/batch_generate.h"
#include "base/alloc.h"
#include "base/vec.h"
#include "lm/batch_cache.h"
#include "lm/token_source.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  int uid, count, max_tokens, given;
  int *prompt;
  bool own_sampler;
  mlx_lm_sampler sampler;
  mlx_lm_logits_processors processors;
  mlx_lm_prompt_cache *cache; /* what came before; NULL: nothing */
  mx history;                 /* tokens so far [n], kept only for the logits processors */
} sequence;

typedef MX_VEC(sequence *) sequences;

struct mlx_lm_batch_generator {
  mlx_lm_model *model;
  mlx_lm_batch_args args;
  int next_uid;
  sequences waiting; /* shortest first */
  sequences active;  /* as in the cache's batch */
  mlx_lm_prompt_cache *cache;
  mx token, logprobs; /* computed or being computed: [active], [active, vocabulary]; owned */
  MX_VEC(mx) handed;  /* logprobs of the responses handed out last; owned */
  mlx_lm_batch_stats stats;
};

static void free_sequence(sequence *s) {
  mlx_lm_prompt_cache_free(s->cache);
  mx_release(s->history);
  free(s->prompt);
  free(s);
}

/* ---- Coming and going ---- */

mlx_lm_batch_generator *mlx_lm_batch_generator_new(mlx_lm_model *model,
                                                   const mlx_lm_batch_args *args) {
  if (args->completion_batch_size < 1 || args->prefill_batch_size < 1 ||
      args->prefill_step_size < 1 || args->max_tokens < 1)
    return mx_fail("[batch_generate] batch sizes, the step and max_tokens must be at least 1");
  if (mlx_lm_sampler_check(&args->sampler, mlx_lm_model_vocab_size(model))) return NULL;
  mlx_lm_batch_generator *g = mx_xcalloc(1, sizeof *g);
  *g = (mlx_lm_batch_generator){.model = model, .args = *args};
  if (g->args.prefill_batch_size > g->args.completion_batch_size)
    g->args.prefill_batch_size = g->args.completion_batch_size;
  return g;
}

static void drop_active(mlx_lm_batch_generator *g) {
  if (g->token) mx_eval(g->token);
  lm_put(&g->token, NULL);
  lm_put(&g->logprobs, NULL);
  mlx_lm_prompt_cache_free(g->cache);
  g->cache = NULL;
  for (size_t i = 0; i < g->active.size; i++) free_sequence(g->active.data[i]);
  g->active.size = 0;
}

static void release_handed(mlx_lm_batch_generator *g) {
  for (size_t i = 0; i < g->handed.size; i++) mx_release(g->handed.data[i]);
  g->handed.size = 0;
}

void mlx_lm_batch_generator_free(mlx_lm_batch_generator *g) {
  if (!g) return;
  drop_active(g);
  for (size_t i = 0; i < g->waiting.size; i++) free_sequence(g->waiting.data[i]);
  mx_vec_free(&g->waiting);
  mx_vec_free(&g->active);
  release_handed(g);
  mx_vec_free(&g->handed);
  free(g);
}

static int length_with_cache(const sequence *s) {
  return s->count + (s->cache ? mlx_lm_prompt_cache_offset(s->cache) : 0);
}

/* Behind those that are not longer. */
static void enqueue(mlx_lm_batch_generator *g, sequence *s) {
  mx_vec_push(&g->waiting, s);
  size_t i = g->waiting.size - 1;
  for (; i > 0 && length_with_cache(g->waiting.data[i - 1]) > length_with_cache(s); i--)
    g->waiting.data[i] = g->waiting.data[i - 1];
  g->waiting.data[i] = s;
}

int mlx_lm_batch_insert(mlx_lm_batch_generator *g, const int *prompt, int count,
                        const mlx_lm_batch_options *options) {
  static const mlx_lm_batch_options none;
  const mlx_lm_batch_options *o = options ? options : &none;
  const mlx_lm_sampler *sampler = o->sampler ? o->sampler : &g->args.sampler;
  const mlx_lm_logits_processors *p = o->processors ? o->processors : &g->args.processors;
  if (!lm_check_request(g->model, prompt, count, sampler, p)) return -1;
  if (o->max_tokens < 0) {
    mx_fail("[batch_generate] max_tokens is %d, and must be at least 1", o->max_tokens);
    return -1;
  }
  sequence *s = mx_xcalloc(1, sizeof *s);
  *s = (sequence){.uid = g->next_uid++,
                  .count = count,
                  .max_tokens = o->max_tokens ? o->max_tokens : g->args.max_tokens,
                  .prompt = mx_xmalloc((size_t)count * sizeof *prompt),
                  .own_sampler = o->sampler != NULL,
                  .sampler = *sampler,
                  .processors = *p};
  memcpy(s->prompt, prompt, (size_t)count * sizeof *prompt);
  if (o->prompt_cache && mlx_lm_prompt_cache_offset(o->prompt_cache))
    s->cache = lm_prompt_cache_share(o->prompt_cache);
  enqueue(g, s);
  return s->uid;
}

/* Keeps the active sequences keep[count]; the others are freed. */
static bool keep_active(mlx_lm_batch_generator *g, const int *keep, int count) {
  sequences kept = {0};
  for (int i = 0; i < count; i++) {
    mx_vec_push(&kept, g->active.data[keep[i]]);
    g->active.data[keep[i]] = NULL;
  }
  for (size_t i = 0; i < g->active.size; i++)
    if (g->active.data[i]) free_sequence(g->active.data[i]);
  mx_vec_free(&g->active);
  g->active = kept;
  mx_scope scope = mx_scope_begin();
  mx indices = mx_array_new(keep, MX_INTS(count), MX_INT32);
  lm_replace(&g->token, mx_take(g->token, indices, .axis = 0));
  lm_replace(&g->logprobs, mx_take(g->logprobs, indices, .axis = 0));
  mx_scope_end(scope, NULL);
  return lm_batch_cache_filter(g->cache, keep, count);
}

/* Drops the active sequences for which keep[i] is false. */
static bool keep_marked(mlx_lm_batch_generator *g, const bool *marked) {
  int *keep = mx_xcalloc(g->active.size + 1, sizeof *keep), count = 0;
  for (size_t i = 0; i < g->active.size; i++)
    if (marked[i]) keep[count++] = (int)i;
  bool good = true;
  if (!count)
    drop_active(g);
  else if (count < (int)g->active.size)
    good = keep_active(g, keep, count);
  free(keep);
  return good;
}

int mlx_lm_batch_remove(mlx_lm_batch_generator *g, int uid) {
  for (size_t i = 0; i < g->waiting.size; i++)
    if (g->waiting.data[i]->uid == uid) {
      free_sequence(g->waiting.data[i]);
      memmove(&g->waiting.data[i], &g->waiting.data[i + 1],
              (--g->waiting.size - i) * sizeof *g->waiting.data);
      return 0;
    }
  bool *marked = mx_xcalloc(g->active.size + 1, sizeof *marked), found = false;
  for (size_t i = 0; i < g->active.size; i++) {
    marked[i] = g->active.data[i]->uid != uid;
    found |= !marked[i];
  }
  bool good = !found || keep_marked(g, marked);
  free(marked);
  if (found) return good ? 0 : -1;
  mx_fail("[batch_generate] no sequence has the number %d", uid);
  return -1;
}

/* ---- A step ---- */

static mx processed_row(sequence *s, mx logits, mx token) {
  if (!lm_processes_logits(&s->processors)) return logits;
  mx all = s->history ? mx_concatenate(MX_LIST(s->history, token), 0)
                      : mx_array_new(s->prompt, MX_INTS(s->count), MX_INT32);
  lm_put(&s->history, mx_retain(all));
  return mlx_lm_process_logits(&s->processors, all, logits);
}

/* Logits [rows, vocabulary] through the processors and samplers of those rows; tokens [rows] are
 * what the step began with. */
static bool sample(mlx_lm_batch_generator *g, sequence **rows, int count, mx logits, mx tokens,
                   mx *token, mx *logprobs) {
  bool any_processors = false, any_samplers = false;
  for (int i = 0; i < count; i++) {
    any_processors |= lm_processes_logits(&rows[i]->processors);
    any_samplers |= rows[i]->own_sampler;
  }
  mx *parts = mx_xcalloc((size_t)count, sizeof *parts), ignored;
  if (any_processors) {
    for (int i = 0; i < count; i++)
      parts[i] = processed_row(rows[i], mx_slice_axis(logits, 0, i, i + 1),
                               mx_slice_axis(tokens, 0, i, i + 1));
    logits = mx_concatenate(parts, count, 0);
  }
  *token = lm_sample_tokens(&g->args.sampler, logits, logprobs);
  for (int i = 0; any_samplers && i < count; i++)
    parts[i] = lm_sample_tokens(&rows[i]->sampler, mx_slice_axis(logits, 0, i, i + 1), &ignored);
  if (any_samplers) *token = mx_concatenate(parts, count, 0);
  free(parts);
  return *token && *logprobs;
}

/* Builds and schedules a step: tokens [rows] behind what the cache holds -> the rows' next tokens
 * and logprobs, owned. */
static bool step(mlx_lm_batch_generator *g, mlx_lm_prompt_cache *cache, sequence **rows, int count,
                 mx tokens, mx *token, mx *logprobs) {
  mx_scope scope = mx_scope_begin();
  mx logits = mlx_lm_model_forward(g->model, mx_expand_dims(tokens, MX_INTS(1)), cache);
  logits = mx_squeeze(logits, MX_INTS(1));
  mx next, normalised;
  bool good = sample(g, rows, count, logits, tokens, &next, &normalised);
  *token = good ? mx_retain(next) : NULL;
  *logprobs = good ? mx_retain(normalised) : NULL;
  mx_scope_end(scope, NULL);
  return good && mx_async_eval(*token, *logprobs) == 0;
}

/* ---- Prompts ---- */

static void report(const mlx_lm_batch_generator *g, sequence **rows, int count, int processed) {
  for (int i = 0; i < count && g->args.progress; i++)
    g->args.progress(g->args.progress_context, rows[i]->uid,
                     processed < rows[i]->count ? processed : rows[i]->count, rows[i]->count);
}

static bool prefill_part(mlx_lm_batch_generator *g, mlx_lm_prompt_cache *cache, const int *tokens,
                         int rows, int row_stride, int count) {
  int *block = mx_xcalloc((size_t)rows * (size_t)count, sizeof *block);
  for (int i = 0; i < rows; i++)
    memcpy(block + (size_t)i * (size_t)count, tokens + (size_t)i * (size_t)row_stride,
           (size_t)count * sizeof *block);
  mx_scope scope = mx_scope_begin();
  mx input = mx_array_new(block, MX_INTS(rows, count), MX_INT32);
  bool good = mlx_lm_model_forward(g->model, input, cache) != NULL;
  mx_scope_end(scope, NULL);
  free(block);
  if (!good || mlx_lm_prompt_cache_eval(cache)) return false;
  if (cache->layers[0].kind == LM_BATCH_CACHE) lm_batch_cache_drop_old(cache);
  mx_clear_cache();
  return true;
}

/* All but the last of tokens [rows, longest] into the cache. */
static bool prefill(mlx_lm_batch_generator *g, mlx_lm_prompt_cache *cache, const int *tokens,
                    sequence **rows, int count, int longest) {
  for (int done = 0; longest - done > 1;) {
    int left = longest - done - 1;
    int part = left < g->args.prefill_step_size ? left : g->args.prefill_step_size;
    if (!prefill_part(g, cache, tokens + done, count, longest, part)) return false;
    done += part;
    report(g, rows, count, done);
  }
  return true;
}

/* Fresh prompts are padded on the left, and processed together. */
static mlx_lm_prompt_cache *process_fresh(mlx_lm_batch_generator *g, sequence **rows, int count) {
  int longest = 0;
  for (int i = 0; i < count; i++) longest = rows[i]->count > longest ? rows[i]->count : longest;
  int *padding = mx_xcalloc((size_t)count, sizeof *padding);
  int *tokens = mx_xcalloc((size_t)count * (size_t)longest, sizeof *tokens);
  for (int i = 0; i < count; i++) {
    padding[i] = longest - rows[i]->count;
    memcpy(tokens + (size_t)i * (size_t)longest + padding[i], rows[i]->prompt,
           (size_t)rows[i]->count * sizeof *tokens);
  }
  mlx_lm_prompt_cache *one = mlx_lm_make_prompt_cache(g->model, 0);
  mlx_lm_prompt_cache *cache = lm_batch_cache_new(one, padding, count);
  if (cache && !prefill(g, cache, tokens, rows, count, longest)) {
    mlx_lm_prompt_cache_free(cache);
    cache = NULL;
  }
  mlx_lm_prompt_cache_free(one);
  free(padding);
  free(tokens);
  return cache;
}

/* Prompts behind caches of different lengths are processed one by one, and then joined. */
static mlx_lm_prompt_cache *process_continued(mlx_lm_batch_generator *g, sequence **rows,
                                              int count) {
  mlx_lm_prompt_cache **caches = mx_xcalloc((size_t)count, sizeof *caches), *cache = NULL;
  bool good = true;
  for (int i = 0; i < count && good; i++) {
    caches[i] = rows[i]->cache ? rows[i]->cache : mlx_lm_make_prompt_cache(g->model, 0);
    rows[i]->cache = NULL;
    good = prefill(g, caches[i], rows[i]->prompt, &rows[i], 1, rows[i]->count);
  }
  if (good) cache = lm_batch_cache_merge(caches, count);
  for (int i = 0; i < count; i++) mlx_lm_prompt_cache_free(caches[i]);
  free(caches);
  return cache;
}

/* Adds a batch, which has its first tokens in the making, to the active one. */
static bool join_active(mlx_lm_batch_generator *g, sequence **rows, int count,
                        mlx_lm_prompt_cache *cache, mx token, mx logprobs) {
  bool good = true;
  if (g->active.size) {
    mx_scope scope = mx_scope_begin();
    lm_replace(&g->token, mx_concatenate(MX_LIST(g->token, token), 0));
    lm_replace(&g->logprobs, mx_concatenate(MX_LIST(g->logprobs, logprobs), 0));
    good = lm_batch_cache_extend(g->cache, cache);
    mx_scope_end(scope, NULL);
    mlx_lm_prompt_cache_free(cache);
    mx_release(token);
    mx_release(logprobs);
  } else {
    g->cache = cache;
    g->token = token;
    g->logprobs = logprobs;
  }
  for (int i = 0; i < count; i++) mx_vec_push(&g->active, rows[i]);
  return good;
}

/* Takes `count` waiting sequences through their prompts into the active batch. */
static bool process_prompts(mlx_lm_batch_generator *g, int count) {
  sequence **rows = mx_xcalloc((size_t)count, sizeof *rows);
  int *last = mx_xcalloc((size_t)count, sizeof *last);
  bool continued = false, good = false;
  for (int i = 0; i < count; i++) {
    rows[i] = g->waiting.data[i];
    last[i] = rows[i]->prompt[rows[i]->count - 1];
    continued |= rows[i]->cache != NULL;
    g->stats.prompt_tokens += rows[i]->count;
  }
  g->waiting.size -= (size_t)count;
  memmove(g->waiting.data, g->waiting.data + count, g->waiting.size * sizeof *rows);
  mlx_lm_prompt_cache *cache = (continued ? process_continued : process_fresh)(g, rows, count);
  mx token = NULL, logprobs = NULL;
  if (cache) {
    mx_scope scope = mx_scope_begin();
    mx tokens = mx_array_new(last, MX_INTS(count), MX_INT32);
    good = step(g, cache, rows, count, tokens, &token, &logprobs);
    mx_scope_end(scope, NULL);
  }
  if (good) {
    good = join_active(g, rows, count, cache, token, logprobs);
  } else {
    mx_release(token);
    mx_release(logprobs);
    mlx_lm_prompt_cache_free(cache);
    for (int i = 0; i < count; i++) free_sequence(rows[i]);
  }
  free(rows);
  free(last);
  return good;
}

/* Waiting prompts, as long as a whole group of them has room. */
static bool fill_batch(mlx_lm_batch_generator *g, double *began, bool *processed) {
  while (g->waiting.size &&
         g->args.completion_batch_size - (int)g->active.size >= g->args.prefill_batch_size) {
    int count = (int)g->waiting.size < g->args.prefill_batch_size ? (int)g->waiting.size
                                                                  : g->args.prefill_batch_size;
    if (g->active.size && !*processed) { /* the step in flight counts as generation */
      if (mx_eval(g->token, g->logprobs)) return false;
      double now = lm_seconds();
      g->stats.generation_time += now - *began;
      *began = now;
    }
    if (!process_prompts(g, count)) return false;
    *processed = true;
  }
  return true;
}

/* ---- Tokens ---- */

static bool stops(const mlx_lm_batch_generator *g, int token) {
  for (int i = 0; i < g->args.stop_count; i++)
    if (g->args.stop_tokens[i] == token) return true;
  return false;
}

/* The evaluated tokens as responses; sequences that end leave. */
static bool hand_out(mlx_lm_batch_generator *g, const int *tokens, mx logprobs,
                     mlx_lm_batch_response *out) {
  size_t count = g->active.size;
  bool *marked = mx_xcalloc(count, sizeof *marked);
  release_handed(g);
  for (size_t i = 0; i < count; i++) {
    sequence *s = g->active.data[i];
    bool last = ++s->given >= s->max_tokens;
    mx row = mx_squeeze(mx_slice_axis(logprobs, 0, (int)i, (int)i + 1), MX_INTS(0));
    mx_vec_push(&g->handed, mx_retain(row));
    out[i] = (mlx_lm_batch_response){.uid = s->uid, .token = tokens[i], .logprobs = row};
    out[i].finish_reason = stops(g, tokens[i]) ? "stop" : last ? "length" : NULL;
    marked[i] = !out[i].finish_reason;
    if (!marked[i] && g->args.return_prompt_caches)
      out[i].prompt_cache = lm_batch_cache_extract(g->cache, (int)i);
  }
  g->stats.generation_tokens += (int)count;
  bool good = keep_marked(g, marked);
  free(marked);
  return good;
}

int mlx_lm_batch_next(mlx_lm_batch_generator *g, mlx_lm_batch_response *responses) {
  double began = lm_seconds();
  bool processed = false;
  if (!fill_batch(g, &began, &processed)) return -1;
  int count = (int)g->active.size;
  if (!count) return 0;
  mx_scope scope = mx_scope_begin();
  mx current = mx_retain(g->token), logprobs = mx_retain(g->logprobs);
  lm_batch_cache_drop_old(g->cache);
  mx token = NULL, next_logprobs = NULL;
  bool good = step(g, g->cache, g->active.data, count, current, &token, &next_logprobs);
  lm_put(&g->token, token);
  lm_put(&g->logprobs, next_logprobs);
  const int *tokens = good ? mx_data(current) : NULL;
  *(processed ? &g->stats.prompt_time : &g->stats.generation_time) += lm_seconds() - began;
  good = tokens && hand_out(g, tokens, logprobs, responses);
  mx_release(current);
  mx_release(logprobs);
  mx_scope_end(scope, NULL);
  return good ? count : -1;
}

mlx_lm_batch_stats mlx_lm_batch_get_stats(const mlx_lm_batch_generator *g) {
  mlx_lm_batch_stats s = g->stats;
  s.prompt_tps = s.prompt_time > 0 ? s.prompt_tokens / s.prompt_time : 0;
  s.generation_tps = s.generation_time > 0 ? s.generation_tokens / s.generation_time : 0;
  s.peak_memory = (double)mx_get_peak_memory() / 1e9;
  return s;
}
