/* Speculative decoding (Leviathan et al., arXiv:2211.17192), with the reference's rule of
 * acceptance: a draft model guesses a few tokens, the model computes its own choice for each place
 * in one pass, and what agrees up to the first difference is taken, together with the model's token
 * there. */
#include "base/alloc.h"
#include "lm/token_source.h"

#include <stdlib.h>

typedef struct {
  lm_token_source source;
  lm_side main, draft;
  const mlx_lm_generate_args *args;
  const int *prompt;
  int count, given;
  bool begun;
  mx history;    /* tokens so far [n], kept only for the logits processors */
  const int *y;  /* the last token, which the model has not seen yet */
  int recent[2]; /* its place after the prompt, and before it the last guess */
  bool lags;     /* the draft model has not seen its last guess either */
  /* The round under way: its guesses, the model's tokens, and how many of them agreed so far. */
  bool open;
  int guessed, accepted;
  int *guesses, *tokens;
  mx logprobs; /* [guessed + 1, vocabulary]; owned */
} speculator;

static mx slice(mx a, int start, int stop) { return mx_slice_axis(a, 0, start, stop); }

/* Guesses may be ids that the other model does not have, where vocabularies are padded. */
static mx known_tokens(const lm_side *side, mx tokens) {
  int vocab = mlx_lm_model_vocab_size(side->model);
  return mx_minimum(tokens, mx_int(vocab - 1));
}

/* Takes the newest tokens out of the history. */
static void shorten_history(speculator *s, int by) {
  if (s->history) lm_put(&s->history, mx_retain(slice(s->history, 0, mx_dim(s->history, 0) - by)));
}

/* tokens [n] -> the tokens that follow its last `places` places, [places], and their logprobs. */
static mx step(speculator *s, const lm_side *side, mx tokens, int places, mx *logprobs) {
  mx logits = lm_step_logits(side, s->args, known_tokens(side, tokens));
  if (!logits) return NULL;
  int rows = mx_dim(logits, 0);
  logits = slice(logits, rows - places, rows);
  if (!lm_processes_logits(&s->args->processors))
    return lm_sample_tokens(&s->args->sampler, logits, logprobs);
  mx *sampled = mx_xcalloc((size_t)places * 2, sizeof *sampled), *rows_of = sampled + places;
  mx y = slice(tokens, 0, rows - places + 1);
  for (int i = 0; i < places; i++) {
    mx all = s->history ? mx_concatenate(MX_LIST(s->history, y), 0) : y;
    lm_put(&s->history, mx_retain(all));
    mx one = mlx_lm_process_logits(&s->args->processors, all, slice(logits, i, i + 1));
    y = sampled[i] = lm_sample_tokens(&s->args->sampler, one, &rows_of[i]);
  }
  mx result = mx_concatenate(sampled, places, 0);
  *logprobs = mx_concatenate(rows_of, places, 0);
  free(sampled);
  return result;
}

static bool prefill(speculator *s, int start, int count) {
  return lm_prefill(&s->draft, s->args, s->prompt + start, count) &&
         lm_prefill(&s->main, s->args, s->prompt + start, count);
}

/* Both models take all of the prompt but its last token. The reference begins with the whole last
 * part: so that is what the logits processors remember. */
static bool begin(speculator *s) {
  int part = s->args->prefill_step_size < 1 ? 512 : s->args->prefill_step_size, done = 0;
  for (; s->count - done > part; done += part)
    if (!prefill(s, done, part)) return false;
  int rest = s->count - done - 1;
  if (rest && lm_processes_logits(&s->args->processors))
    lm_put(&s->history, mx_retain(mx_array_new(s->prompt + done, MX_INTS(rest), MX_INT32)));
  s->y = s->prompt + s->count - 1;
  s->begun = true;
  return !rest || prefill(s, done, rest);
}

static int guesses_wanted(const speculator *s) {
  int most = s->args->num_draft_tokens, left = s->args->max_tokens - s->given;
  return s->args->max_tokens < 0 || most < left ? most : left;
}

/* The draft model's guesses into pieces[guessed]. */
static bool guess(speculator *s, mx *pieces) {
  mx y = mx_array_new(s->y - s->lags, MX_INTS(1 + s->lags), MX_INT32), logprobs;
  for (int i = 0; i < s->guessed; i++) {
    pieces[i] = y = step(s, &s->draft, y, 1, &logprobs);
    if (!y || mx_async_eval(y)) return false;
  }
  return true;
}

/* Copies evaluated tokens [n] to the host. */
static bool take(mx tokens, int *out) {
  const int32_t *data = mx_data(tokens);
  for (size_t i = 0; data && i < mx_size(tokens); i++) out[i] = data[i];
  return data != NULL;
}

static bool run_round(speculator *s) {
  s->guessed = guesses_wanted(s);
  s->accepted = 0;
  mx *pieces = mx_xcalloc((size_t)s->guessed + 1, sizeof *pieces);
  pieces[0] = mx_array_new(s->y, MX_INTS(1), MX_INT32);
  bool good = guess(s, pieces + 1);
  if (good && s->guessed) shorten_history(s, s->guessed);
  mx input = good ? mx_concatenate(pieces, s->guessed + 1, 0) : NULL, logprobs = NULL;
  mx tokens = input ? step(s, &s->main, input, s->guessed + 1, &logprobs) : NULL;
  free(pieces);
  s->open = true; /* the caches hold the guesses from here on */
  if (!tokens || mx_eval(tokens, logprobs) || !take(tokens, s->tokens)) return false;
  lm_put(&s->logprobs, mx_retain(logprobs));
  return s->guessed == 0 || take(slice(input, 1, 1 + s->guessed), s->guesses);
}

static bool trim(const lm_side *side, int tokens) {
  if (tokens < 1 || mlx_lm_trim_prompt_cache(side->cache, tokens) == tokens) return true;
  mx_fail("[generate] A rotating cache that is full (a sliding window) cannot take guesses back; "
          "generate without the draft model.");
  return false;
}

/* Takes the guesses that were not accepted out of the caches. */
static bool rewind_caches(speculator *s) {
  int wrong = s->guessed - s->accepted;
  s->open = false;
  return trim(&s->main, wrong) && trim(&s->draft, wrong - 1);
}

/* Behind a round: the model's last token is what both go on from. */
static bool close_round(speculator *s) {
  int n = s->accepted, wrong = s->guessed - n;
  s->lags = n == s->guessed && s->guessed > 0;
  if (s->lags) s->recent[0] = s->guesses[s->guessed - 1];
  s->recent[1] = s->tokens[n];
  s->y = &s->recent[1];
  if (s->guessed) shorten_history(s, wrong > 1 ? wrong : 1);
  return rewind_caches(s);
}

static bool next(lm_token_source *source, lm_token *out) {
  speculator *s = (speculator *)source;
  if (s->given == s->args->max_tokens || (!s->begun && !begin(s))) return false;
  mx_scope scope = mx_scope_begin();
  bool good = s->open || run_round(s);
  if (good) {
    int n = s->accepted;
    bool agrees = n < s->guessed && s->tokens[n] == s->guesses[n];
    *out = (lm_token){s->tokens[n], NULL, agrees};
    out->logprobs = mx_retain(mx_squeeze(slice(s->logprobs, n, n + 1), MX_INTS(0)));
    s->given++;
    if (agrees)
      s->accepted++;
    else
      good = close_round(s);
  }
  mx_scope_end(scope, NULL);
  return good;
}

static void free_speculator(lm_token_source *source) {
  speculator *s = (speculator *)source;
  if (s->open) rewind_caches(s);
  mlx_lm_prompt_cache_eval(s->main.cache);
  mlx_lm_prompt_cache_eval(s->draft.cache);
  mx_release(s->history);
  mx_release(s->logprobs);
  lm_side_close(&s->main);
  lm_side_close(&s->draft);
  free(s->guesses);
  free(s->tokens);
  free(s);
}

lm_token_source *lm_speculator_new(mlx_lm_model *model, const mlx_lm_generate_args *args,
                                   const int *prompt, int count) {
  speculator *s = mx_xcalloc(1, sizeof *s);
  size_t most = (size_t)args->num_draft_tokens + 1;
  *s = (speculator){.source = {next, free_speculator},
                    .main = lm_side_open(model, args->prompt_cache, 0),
                    .draft = lm_side_open(args->draft_model, args->draft_prompt_cache, 0),
                    .args = args,
                    .prompt = prompt,
                    .count = count,
                    .guesses = mx_xcalloc(most, sizeof(int)),
                    .tokens = mx_xcalloc(most, sizeof(int))};
  return &s->source;
}
