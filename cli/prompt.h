/* What a user asks, as the model wants it written. */
#ifndef CLI_PROMPT_H
#define CLI_PROMPT_H

#include "mlx_lm/chat.h"

#include <stdbool.h>

/* One question as a conversation; what is NULL is left out. */
typedef struct cli_prompt {
  const char *system, *question;
  const char *prefill;   /* how the answer begins */
  const char *variables; /* further ones for the template, a JSON object */
} cli_prompt;

/* The conversation through the chat template `source`; the caller frees it. NULL after mx_fail. */
char *cli_render(const mlx_lm_tokenizer *tokenizer, const char *source, const cli_prompt *prompt);

/* The text of a --prompt: its \n and \t are line breaks and tabs, - stands for all of standard
 * input. The caller frees it. NULL after mx_fail: not UTF-8. */
char *cli_read_prompt(const char *argument);

/* Whether text is UTF-8. False after mx_fail, which calls it `name`. */
bool cli_check_text(const char *name, const char *text);

#endif
