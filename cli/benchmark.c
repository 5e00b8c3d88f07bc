/* `mlx_lm benchmark`: tokens per second of prompt processing and of generation. */
#include "base/alloc.h"
#include "commands.h"
#include "mlx_lm/batch_generate.h"
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *model;
  int prompt_tokens, generation_tokens, batch_size, trials;
  bool pipeline;
} values;

#define AT(field) offsetof(values, field)

static const cli_option options[] = {
    {"model", 0, CLI_TEXT, AT(model), "DIR", "folder of the checkpoint", NULL},
    {"prompt-tokens", 'p', CLI_INT, AT(prompt_tokens), "N", "length of the prompt (default 512)",
     NULL},
    {"generation-tokens", 'g', CLI_INT, AT(generation_tokens), "N",
     "length of the completion (default 1024)", NULL},
    {"batch-size", 'b', CLI_INT, AT(batch_size), "N", "prompts at once (default 1)", NULL},
    {"num-trials", 'n', CLI_INT, AT(trials), "N", "timing trials (default 5)", NULL},
    {"pipeline", 0, CLI_FLAG, AT(pipeline), NULL,
     "split the model between machines by layers; no effect on one", NULL},
};

static const cli_command command = {"benchmark",
                                    "Times prompt processing and generation over random tokens.",
                                    options, sizeof options / sizeof *options};

/* The figures of a trial. */
typedef struct {
  double prompt, generation, memory;
} figures;

/* The prompts that mlx_lm takes: random tokens [batch size, prompt tokens] under seed 0. */
static int *random_prompts(int vocab_size, const values *v) {
  mx_scope scope = mx_scope_begin();
  mx_random_seed(0);
  mx tokens = mx_random_randint(mx_int(0), mx_int(vocab_size),
                                MX_INTS(v->batch_size, v->prompt_tokens), MX_INT32, NULL);
  const int *data = mx_data(tokens);
  int *ids = data ? mx_xmalloc(mx_nbytes(tokens)) : NULL;
  if (ids) memcpy(ids, data, mx_nbytes(tokens));
  mx_scope_end(scope, NULL);
  return ids;
}

static bool run_single(mlx_lm_model *model, const int *ids, const values *v, figures *f) {
  mlx_lm_generate_args args = MLX_LM_GENERATE_DEFAULTS;
  args.max_tokens = v->generation_tokens;
  mlx_lm_generation *g = mlx_lm_stream_generate(model, NULL, ids, v->prompt_tokens, &args);
  mlx_lm_response r = {0};
  while (g && !r.finish_reason && mlx_lm_generation_next(g, &r)) {}
  mlx_lm_generation_free(g);
  *f = (figures){r.prompt_tps, r.generation_tps, r.peak_memory};
  return r.finish_reason != NULL;
}

static bool run_batch(mlx_lm_model *model, const int *ids, const values *v, figures *f) {
  mlx_lm_batch_args args = MLX_LM_BATCH_DEFAULTS;
  args.max_tokens = v->generation_tokens;
  mlx_lm_batch_generator *g = mlx_lm_batch_generator_new(model, &args);
  mlx_lm_batch_response *r = mx_xcalloc((size_t)args.completion_batch_size, sizeof *r);
  bool good = g != NULL;
  for (int i = 0; i < v->batch_size && good; i++)
    good = mlx_lm_batch_insert(g, ids + (size_t)i * (size_t)v->prompt_tokens, v->prompt_tokens,
                               NULL) >= 0;
  int n = good ? 1 : -1;
  while (n > 0) {
    mx_scope scope = mx_scope_begin();
    n = mlx_lm_batch_next(g, r);
    mx_scope_end(scope, NULL);
  }
  if (!n) {
    mlx_lm_batch_stats s = mlx_lm_batch_get_stats(g);
    *f = (figures){s.prompt_tps, s.generation_tps, s.peak_memory};
  }
  free(r);
  mlx_lm_batch_generator_free(g);
  return n == 0;
}

static void print_figures(const char *title, const figures *f) {
  printf("%s prompt_tps=%.3f, generation_tps=%.3f, peak_memory=%.3f\n", title, f->prompt,
         f->generation, f->memory);
  fflush(stdout);
}

static int time_trials(mlx_lm_model *model, const int *ids, const values *v) {
  bool (*run_once)(mlx_lm_model *, const int *, const values *, figures *) =
      v->batch_size == 1 ? run_single : run_batch;
  figures f, sum = {0};
  puts("Running warmup..");
  fflush(stdout);
  if (!run_once(model, ids, v, &f)) return cli_fail(command.name);
  printf("Timing with prompt_tokens=%d, generation_tokens=%d, batch_size=%d.\n", v->prompt_tokens,
         v->generation_tokens, v->batch_size);
  for (int i = 0; i < v->trials; i++) {
    char title[32];
    if (!run_once(model, ids, v, &f)) return cli_fail(command.name);
    snprintf(title, sizeof title, "Trial %d: ", i + 1);
    print_figures(title, &f);
    sum.prompt += f.prompt / v->trials;
    sum.generation += f.generation / v->trials;
    sum.memory += f.memory / v->trials;
  }
  print_figures("Averages:", &sum);
  return 0;
}

int mlx_lm_cmd_benchmark(int argc, char **argv) {
  values v = {.prompt_tokens = 512, .generation_tokens = 1024, .batch_size = 1, .trials = 5};
  int status = cli_parse(&command, argc, argv, &v);
  if (status != CLI_GO) return status;
  if (!v.model || v.prompt_tokens < 1 || v.generation_tokens < 1 || v.batch_size < 1 ||
      v.trials < 1) {
    fprintf(stderr, "mlx_lm benchmark: --model DIR is needed, and numbers of at least 1\n");
    return 2;
  }
  mlx_lm_model *model = mlx_lm_load_model(v.model);
  int *ids = model ? random_prompts(mlx_lm_model_vocab_size(model), &v) : NULL;
  status = ids ? time_trials(model, ids, &v) : cli_fail(command.name);
  free(ids);
  mlx_lm_model_free(model);
  return status;
}
