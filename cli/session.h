/* What the commands that run a model share: the model with its tokenizer, progress, input. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "mlx_lm/generate.h"
#include "options.h"

/* The options that generate and chat share, for a struct of values with a field of each name. */
#define CLI_SHARED_OPTIONS(type)                                                                     \
  {"model", 0, CLI_TEXT, offsetof(type, model), "DIR", "folder of the checkpoint", NULL},            \
      {"adapter-path",                                                                               \
       0,                                                                                            \
       CLI_TEXT,                                                                                     \
       offsetof(type, adapter_path),                                                                 \
       "DIR",                                                                                        \
       "folder of adapters that fine-tuning left",                                                   \
       NULL},                                                                                        \
      {"max-tokens", 'm',                                                                            \
       CLI_INT,      offsetof(type, max_tokens),                                                     \
       "N",          "most tokens of an answer (default: generate 100, chat 256)",                   \
       NULL},                                                                                        \
      {"system-prompt",                                                                              \
       0,                                                                                            \
       CLI_TEXT,                                                                                     \
       offsetof(type, system_prompt),                                                                \
       "TEXT",                                                                                       \
       "system message for the chat template",                                                       \
       NULL},                                                                                        \
      {"temp",    0,                                                                                 \
       CLI_FLOAT, offsetof(type, sampler.temp),                                                      \
       "T",       "sampling temperature (default 0: the likeliest token)",                           \
       NULL},                                                                                        \
      {"top-p",   0,                                                                                 \
       CLI_FLOAT, offsetof(type, sampler.top_p),                                                     \
       "P",       "sample from the likeliest tokens of this total probability",                      \
       NULL},                                                                                        \
      {"xtc-probability",                                                                            \
       0,                                                                                            \
       CLI_FLOAT,                                                                                    \
       offsetof(type, sampler.xtc_probability),                                                      \
       "P",                                                                                          \
       "chance of XTC sampling for a token",                                                         \
       NULL},                                                                                        \
      {"xtc-threshold",                                                                              \
       0,                                                                                            \
       CLI_FLOAT,                                                                                    \
       offsetof(type, sampler.xtc_threshold),                                                        \
       "P",                                                                                          \
       "probability above which XTC leaves tokens out",                                              \
       NULL},                                                                                        \
      {"seed", 0, CLI_SEED, offsetof(type, seed), "N", "seed of the random numbers", NULL},          \
      {"max-kv-size", 0, CLI_COUNT, offsetof(type, max_kv_size), "N", "tokens that the cache keeps", \
       NULL},                                                                                        \
  {                                                                                                  \
    "trust-remote-code", 0, CLI_FLAG, offsetof(type, trust_remote_code), NULL,                       \
        "accepted; nothing remote is ever run", NULL                                                 \
  }

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

/* Progress on a terminal, once something has taken longer than a second: how many of `what` (a
 * text) are done. Begins with done 0, and goes when all are. */
void cli_show_progress(void *what, int done, int total);

#endif
