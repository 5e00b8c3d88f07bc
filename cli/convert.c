/* `mlx_lm convert`: quantise, dequantise, or change the dtype of a checkpoint. */
#include "commands.h"
#include "mlx_lm/convert.h"
#include "options.h"
#include "session.h"

#include <stdio.h>
#include <unistd.h>

typedef struct {
  const char *source, *target, *mode, *recipe, *dtype, *upload_repo;
  int group_size, bits;
  bool quantize, dequantize, trust_remote_code;
} values;

#define AT(field) offsetof(values, field)

static const char *const modes[] = {"affine", NULL};
static const char *const recipes[] = {"mixed_2_6", "mixed_3_4", "mixed_3_6", "mixed_4_6", NULL};
static const char *const dtypes[] = {"float16", "bfloat16", "float32", NULL};

static const cli_option options[] = {
    {"hf-path", 0, CLI_TEXT, AT(source), "DIR", "folder of the checkpoint", NULL},
    {"model", 0, CLI_TEXT, AT(source), "DIR", "the same as --hf-path", NULL},
    {"mlx-path", 0, CLI_TEXT, AT(target), "DIR", "new folder to write (default mlx_model)", NULL},
    {"quantize", 'q', CLI_FLAG, AT(quantize), NULL, "quantise the weights", NULL},
    {"q-group-size", 0, CLI_INT, AT(group_size), "N",
     "weights that share a scale: 32, 64 (default), 128", NULL},
    {"q-bits", 0, CLI_INT, AT(bits), "N", "bits of a weight: 2, 3, 4 (default), 5, 6, 8", NULL},
    {"q-mode", 0, CLI_TEXT, AT(mode), "MODE", "kind of quantisation", modes},
    {"quant-predicate", 0, CLI_TEXT, AT(recipe), "RECIPE", "recipe of mixed bits", recipes},
    {"dtype", 0, CLI_TEXT, AT(dtype), "DTYPE",
     "of what is not quantised (default: config.json's torch_dtype)", dtypes},
    {"dequantize", 'd', CLI_FLAG, AT(dequantize), NULL, "open the quantised weights", NULL},
    {"upload-repo", 0, CLI_TEXT, AT(upload_repo), "REPO",
     "an error: this build cannot reach the Hugging Face hub", NULL},
    {"trust-remote-code", 0, CLI_FLAG, AT(trust_remote_code), NULL,
     "accepted; nothing remote is ever run", NULL},
};

static const cli_command command = {
    "convert", "Converts a checkpoint: quantises, dequantises, changes its dtype.", options,
    sizeof options / sizeof *options};

int mlx_lm_cmd_convert(int argc, char **argv) {
  values v = {.target = "mlx_model"};
  int status = cli_parse(&command, argc, argv, &v);
  if (status != CLI_GO) return status;
  if (!v.source) {
    fprintf(stderr, "mlx_lm convert: --hf-path DIR is needed, the folder of a checkpoint\n");
    return 2;
  }
  if (v.upload_repo) {
    mx_fail("--upload-repo %s: this build cannot reach the Hugging Face hub; nothing was converted",
            v.upload_repo);
    return cli_fail(command.name);
  }
  mlx_lm_convert_args args = {.quantize = v.quantize,
                              .dequantize = v.dequantize,
                              .group_size = v.group_size,
                              .bits = v.bits,
                              .recipe = v.recipe,
                              .dtype = v.dtype,
                              .progress_context = (void *)"weights"};
  if (isatty(STDERR_FILENO)) args.progress = cli_show_progress;
  if (mlx_lm_convert(v.source, v.target, &args)) return cli_fail(command.name);
  if (v.quantize)
    printf("[INFO] Quantized model with %.3f bits per weight.\n", args.bits_per_weight);
  return 0;
}
