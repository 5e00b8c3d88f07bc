/* Loads a model and streams text: example_generate models/tiny "Once upon a time" */
#include "mlx_lm/generate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
  if (argc < 3) return fprintf(stderr, "usage: %s MODEL PROMPT\n", argv[0]), 2;
  mlx_lm_model *model = mlx_lm_load_model(argv[1]);
  mlx_lm_tokenizer *tokenizer = mlx_lm_tokenizer_load(argv[1]);
  size_t count = 0;
  int *prompt =
      tokenizer ? mlx_lm_tokenizer_encode(tokenizer, argv[2], strlen(argv[2]), true, &count) : NULL;
  mlx_lm_generate_args args = MLX_LM_GENERATE_DEFAULTS;
  mlx_lm_generation *g =
      model && prompt ? mlx_lm_stream_generate(model, tokenizer, prompt, (int)count, &args) : NULL;
  for (mlx_lm_response r; g && mlx_lm_generation_next(g, &r); fflush(stdout)) fputs(r.text, stdout);
  puts("");
  if (mx_error()) fprintf(stderr, "%s\n", mx_error());
  mlx_lm_generation_free(g);
  free(prompt);
  mlx_lm_tokenizer_free(tokenizer);
  mlx_lm_model_free(model);
  return mx_error() != NULL;
}
