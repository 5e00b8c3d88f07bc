/* Several prompts to their texts, with the batch generator. */
#include "base/alloc.h"
#include "base/vec.h"
#include "mlx_lm/batch_generate.h"

#include <stdlib.h>
#include <string.h>

typedef MX_VEC(int) token_list;

/* The caller's stop tokens and the tokenizer's. */
static void gather_stop_tokens(const mlx_lm_tokenizer *t, const mlx_lm_batch_args *args,
                               token_list *all) {
  size_t count = 0;
  const int32_t *ends = mlx_lm_tokenizer_eos_ids(t, &count);
  for (int i = 0; i < args->stop_count; i++) mx_vec_push(all, args->stop_tokens[i]);
  for (size_t i = 0; i < count; i++) mx_vec_push(all, ends[i]);
}

/* Runs the generator empty; lists[uid] gathers the tokens. */
static bool run(mlx_lm_batch_generator *g, token_list *lists, int batch_size) {
  mlx_lm_batch_response *r = mx_xcalloc((size_t)batch_size, sizeof *r);
  int n;
  while ((n = mlx_lm_batch_next(g, r)) > 0)
    for (int i = 0; i < n; i++) {
      mlx_lm_prompt_cache_free(r[i].prompt_cache);
      bool stop = r[i].finish_reason && !strcmp(r[i].finish_reason, "stop");
      if (!stop) mx_vec_push(&lists[r[i].uid], r[i].token);
    }
  free(r);
  return n == 0;
}

int mlx_lm_batch_generate(mlx_lm_model *model, const mlx_lm_tokenizer *tokenizer,
                          const int *const *prompts, const int *counts, int count,
                          const mlx_lm_batch_args *args, char **texts, mlx_lm_batch_stats *stats) {
  token_list stop = {0}, *lists = mx_xcalloc((size_t)count, sizeof *lists);
  mlx_lm_batch_args own = *args;
  gather_stop_tokens(tokenizer, args, &stop);
  own.stop_tokens = stop.data;
  own.stop_count = (int)stop.size;
  mx_scope scope = mx_scope_begin();
  mlx_lm_batch_generator *g = mlx_lm_batch_generator_new(model, &own);
  bool good = g != NULL;
  for (int i = 0; i < count && good; i++)
    good = mlx_lm_batch_insert(g, prompts[i], counts[i], NULL) >= 0;
  good = good && run(g, lists, own.completion_batch_size);
  if (good && stats) *stats = mlx_lm_batch_get_stats(g);
  mlx_lm_batch_generator_free(g);
  mx_scope_end(scope, NULL);
  memset(texts, 0, (size_t)count * sizeof *texts);
  for (int i = 0; i < count; i++) {
    if (good) {
      texts[i] = mlx_lm_tokenizer_decode(tokenizer, lists[i].data, lists[i].size, false, NULL);
      good = texts[i] != NULL;
    }
    mx_vec_free(&lists[i]);
  }
  for (int i = 0; i < count && !good; i++) {
    free(texts[i]);
    texts[i] = NULL;
  }
  free(lists);
  mx_vec_free(&stop);
  return good ? 0 : -1;
}
