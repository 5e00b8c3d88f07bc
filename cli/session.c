/* What the commands that run a model share. */
#include "session.h"
#include "base/alloc.h"
#include "options.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
  const char *directory;
  mlx_lm_tokenizer *tokenizer;
  char *error; /* that thread's, told by the caller's */
} tokenizer_load;

static void *load_tokenizer(void *argument) {
  tokenizer_load *load = argument;
  load->tokenizer = mlx_lm_tokenizer_load(load->directory);
  if (!load->tokenizer) load->error = mx_xstrdup(mx_error() ? mx_error() : "no tokenizer");
  return NULL;
}

int cli_open(cli_session *s, const char *command, const char *model, const char *adapters) {
  *s = (cli_session){0};
  if (!model) {
    fprintf(stderr, "mlx_lm %s: --model DIR is needed, the folder of a checkpoint\n", command);
    return 2;
  }
  tokenizer_load load = {.directory = model};
  pthread_t thread;
  bool apart = pthread_create(&thread, NULL, load_tokenizer, &load) == 0;
  s->model = mlx_lm_load_model(model);
  if (apart)
    pthread_join(thread, NULL);
  else
    load_tokenizer(&load);
  s->tokenizer = load.tokenizer;
  if (load.error) mx_fail("%s", load.error); /* unless the model's error stands already */
  free(load.error);
  bool adapted = !s->model || !adapters || mlx_lm_load_adapters(s->model, adapters) == 0;
  if (s->model && s->tokenizer && adapted) return 0;
  return cli_fail(command);
}

int cli_open_draft(cli_session *s, const char *command, const char *draft) {
  s->draft = mlx_lm_load_model(draft);
  mlx_lm_tokenizer *t = s->draft ? mlx_lm_tokenizer_load(draft) : NULL;
  if (!t) return cli_fail(command);
  bool same = mlx_lm_tokenizer_base_vocab_size(t) == mlx_lm_tokenizer_base_vocab_size(s->tokenizer);
  mlx_lm_tokenizer_free(t);
  if (same) return 0;
  mx_fail("%s: Draft model tokenizer does not match model tokenizer.", draft);
  return cli_fail(command);
}

void cli_close(cli_session *s) {
  mlx_lm_model_free(s->model);
  mlx_lm_model_free(s->draft);
  mlx_lm_tokenizer_free(s->tokenizer);
}

int32_t *cli_xtc_tokens(const mlx_lm_tokenizer *t, mlx_lm_sampler *sampler) {
  size_t breaks = 0, ends = 0;
  int32_t *newline = mlx_lm_tokenizer_encode(t, "\n", 1, true, &breaks);
  const int32_t *eos = mlx_lm_tokenizer_eos_ids(t, &ends);
  int32_t *all = mx_xmalloc((breaks + ends) * sizeof *all);
  if (breaks) memcpy(all, newline, breaks * sizeof *all);
  if (ends) memcpy(all + breaks, eos, ends * sizeof *all);
  free(newline);
  sampler->xtc_special_tokens = all;
  sampler->xtc_special_count = (int)(breaks + ends);
  return all;
}

void cli_show_progress(void *what, int done, int total) {
  static struct timespec began;
  static bool shown;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (done == 0) {
    began = now;
    shown = false;
  }
  if (now.tv_sec - began.tv_sec >= 1 && done < total) {
    fprintf(stderr, "\r%s: %d of %d", (const char *)what, done, total);
    shown = true;
  } else if (shown && done == total) {
    fprintf(stderr, "\r\033[K");
    shown = false;
  }
}
