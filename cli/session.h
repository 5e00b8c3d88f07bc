/* What the commands that run a model share: the model with its tokenizer, progress, input. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "mlx_lm/generate.h"

typedef struct cli_session {
  mlx_lm_model *model;
  mlx_lm_tokenizer *tokenizer;
  mlx_lm_model *draft; /* NULL: none */
} cli_session;

/* Loads both, at the same time, and the adapters unless their folder is NULL. 0, or the status to
 * exit with after telling why in one line. */
int cli_open(cli_session *s, const char *command, const char *model, const char *adapters);
/* Loads the draft model, whose tokenizer must be of the same size. 0, or 1 as above. */
int cli_open_draft(cli_session *s, const char *command, const char *draft);
void cli_close(cli_session *s);

/* Gives the sampler the tokens that XTC must not leave out (line breaks, ends of sequence), in
 * memory that the caller frees. */
int32_t *cli_xtc_tokens(const mlx_lm_tokenizer *tokenizer, mlx_lm_sampler *sampler);

/* Progress of the prompt on a terminal, once it has taken longer than a second. */
void cli_show_progress(void *unused, int processed, int total);

#endif
