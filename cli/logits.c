/* `mlx_lm logits`: the logits of one forward pass into a file, for comparing runtimes. */
#include "commands.h"
#include "mlx_lm/utils.h"
#include "options.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *model, *tokens, *output;
} values;

static const cli_option options[] = {
    {"model", 0, CLI_TEXT, offsetof(values, model), "DIR", "folder of the checkpoint", NULL},
    {"prompt-tokens", 0, CLI_TEXT, offsetof(values, tokens), "IDS",
     "token ids, separated by commas", NULL},
    {"output", 0, CLI_TEXT, offsetof(values, output), "FILE", "the safetensors file to write",
     NULL},
};

static const cli_command command = {"logits",
                                    "Writes the float32 logits [1, tokens, vocabulary] of a "
                                    "forward pass, under the name \"logits\".",
                                    options, sizeof options / sizeof *options};

/* "1,2,3" into ids; their count, or -1 after a usage error. */
static int parse_ids(const char *text, int **ids) {
  int count = 0;
  *ids = malloc((strlen(text) + 1) * sizeof **ids);
  for (const char *p = text; *p;) {
    char *end;
    long id = strtol(p, &end, 10);
    bool fits = id >= INT_MIN && id <= INT_MAX;
    if (!fits || end == p || (*end && *end != ',') || (*end == ',' && !end[1])) {
      fprintf(stderr, "mlx_lm logits: --prompt-tokens: not a list of ids: '%s'\n", text);
      return -1;
    }
    (*ids)[count++] = (int)id;
    p = *end ? end + 1 : end;
  }
  if (!count) fprintf(stderr, "mlx_lm logits: --prompt-tokens is empty\n");
  return count ? count : -1;
}

static bool check_ids(const int *ids, int count, int vocab_size) {
  for (int i = 0; i < count; i++)
    if (ids[i] < 0 || ids[i] >= vocab_size) {
      mx_fail("--prompt-tokens: token %d; the model knows 0 to %d", ids[i], vocab_size - 1);
      return false;
    }
  return true;
}

static bool is_safetensors_name(const char *path) {
  static const char end[] = ".safetensors";
  size_t n = strlen(path);
  return n >= sizeof end && !strcmp(path + n - (sizeof end - 1), end);
}

static int write_logits(mlx_lm_model *model, const int *ids, int count, const char *output) {
  mx_scope scope = mx_scope_begin();
  mx_array_map *map = mx_array_map_new();
  mx tokens = mx_array_new(ids, MX_INTS(1, count), MX_INT32);
  mx logits = mx_astype(mlx_lm_model_forward(model, tokens, NULL), MX_FLOAT32);
  bool good =
      mx_array_map_put(map, "logits", logits) == 0 && mx_save_safetensors(output, map, NULL) == 0;
  mx_array_map_free(map);
  mx_scope_end(scope, NULL);
  return good ? 0 : cli_fail(command.name);
}

int mlx_lm_cmd_logits(int argc, char **argv) {
  values v = {0};
  int status = cli_parse(&command, argc, argv, &v), *ids = NULL;
  if (status != CLI_GO) return status;
  if (!v.model || !v.tokens || !v.output) {
    fprintf(stderr, "mlx_lm logits: --model, --prompt-tokens and --output are needed\n");
    return 2;
  }
  if (!is_safetensors_name(v.output)) {
    fprintf(stderr, "mlx_lm logits: --output: not a name that ends in .safetensors: '%s'\n",
            v.output);
    return 2;
  }
  int count = parse_ids(v.tokens, &ids);
  mlx_lm_model *model = count > 0 ? mlx_lm_load_model(v.model) : NULL;
  if (count < 0)
    status = 2;
  else if (!model || !check_ids(ids, count, mlx_lm_model_vocab_size(model)))
    status = cli_fail(command.name);
  else
    status = write_logits(model, ids, count, v.output);
  free(ids);
  mlx_lm_model_free(model);
  return status;
}
