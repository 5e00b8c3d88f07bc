/* `mlx_lm benchmark`: tokens per second of prompt processing and of generation. */
#include "commands.h"
#include "mlx_lm/generate.h"
#include "options.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct {
  const char *model;
  int prompt_tokens, generation_tokens, trials;
} values;

#define AT(field) offsetof(values, field)

static const cli_option options[] = {
    {"model", 0, CLI_TEXT, AT(model), "DIR", "folder of the checkpoint", NULL},
    {"prompt-tokens", 'p', CLI_INT, AT(prompt_tokens), "N", "length of the prompt (default 512)",
     NULL},
    {"generation-tokens", 'g', CLI_INT, AT(generation_tokens), "N",
     "length of the completion (default 1024)", NULL},
    {"num-trials", 'n', CLI_INT, AT(trials), "N", "timing trials (default 5)", NULL},
};

static const cli_command command = {"benchmark",
                                    "Times prompt processing and generation over random tokens.",
                                    options, sizeof options / sizeof *options};

/* The prompt that mlx_lm takes: random tokens under seed 0. */
static int *random_prompt(int vocab_size, int count) {
  mx_scope scope = mx_scope_begin();
  mx_random_seed(0);
  mx tokens = mx_random_randint(mx_int(0), mx_int(vocab_size), MX_INTS(count), MX_INT32, NULL);
  const int *data = mx_data(tokens);
  int *ids = data ? malloc((size_t)count * sizeof *ids) : NULL;
  for (int i = 0; ids && i < count; i++) ids[i] = data[i];
  mx_scope_end(scope, NULL);
  return ids;
}

static bool run_once(mlx_lm_model *model, const int *ids, const values *v, mlx_lm_response *last) {
  mlx_lm_generate_args args = MLX_LM_GENERATE_DEFAULTS;
  args.max_tokens = v->generation_tokens;
  mlx_lm_generation *g = mlx_lm_stream_generate(model, NULL, ids, v->prompt_tokens, &args);
  if (!g) return false;
  last->finish_reason = NULL;
  while (!last->finish_reason && mlx_lm_generation_next(g, last)) {}
  mlx_lm_generation_free(g);
  return last->finish_reason != NULL;
}

static int time_trials(mlx_lm_model *model, const int *ids, const values *v) {
  mlx_lm_response r = {0};
  double prompt = 0, generation = 0, memory = 0;
  puts("Running warmup..");
  fflush(stdout);
  if (!run_once(model, ids, v, &r)) return cli_fail(command.name);
  printf("Timing with prompt_tokens=%d, generation_tokens=%d, batch_size=1.\n", v->prompt_tokens,
         v->generation_tokens);
  for (int i = 0; i < v->trials; i++) {
    if (!run_once(model, ids, v, &r)) return cli_fail(command.name);
    printf("Trial %d:  prompt_tps=%.3f, generation_tps=%.3f, peak_memory=%.3f\n", i + 1,
           r.prompt_tps, r.generation_tps, r.peak_memory);
    fflush(stdout);
    prompt += r.prompt_tps;
    generation += r.generation_tps;
    memory += r.peak_memory;
  }
  printf("Averages: prompt_tps=%.3f, generation_tps=%.3f, peak_memory=%.3f\n", prompt / v->trials,
         generation / v->trials, memory / v->trials);
  return 0;
}

int mlx_lm_cmd_benchmark(int argc, char **argv) {
  values v = {.prompt_tokens = 512, .generation_tokens = 1024, .trials = 5};
  int status = cli_parse(&command, argc, argv, &v);
  if (status != CLI_GO) return status;
  if (!v.model || v.prompt_tokens < 1 || v.generation_tokens < 1 || v.trials < 1) {
    fprintf(stderr, "mlx_lm benchmark: --model DIR is needed, and numbers of at least 1\n");
    return 2;
  }
  mlx_lm_model *model = mlx_lm_load_model(v.model);
  int *ids = model ? random_prompt(mlx_lm_model_vocab_size(model), v.prompt_tokens) : NULL;
  status = ids ? time_trials(model, ids, &v) : cli_fail(command.name);
  free(ids);
  mlx_lm_model_free(model);
  return status;
}
