/* Conversations as a model wants them written: the tokenizer's chat template applied to messages.
 */
#ifndef MLX_LM_CHAT_H
#define MLX_LM_CHAT_H

#include "mlx_lm/tokenizer_utils.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Renders the tokenizer's chat template over a JSON object of `length` bytes:
 *
 *   messages                 (required) [{"role": ..., "content": ...}, ...]
 *   tools, documents         lists that the template may use; with tools, a template named
 * "tool_use" is taken where there is one add_generation_prompt    true: ends with what opens the
 * assistant's answer continue_final_message   true: ends with the last message, left open
 *   chat_template            the name of another of the tokenizer's templates
 *
 * and whatever else the template asks for. The special tokens (bos_token, ...) are given to it as
 * transformers does. Returns text for free(); NULL after mx_fail: no template, broken JSON, or the
 * template's own complaint. */
MX_API char *mlx_lm_apply_chat_template(const mlx_lm_tokenizer *tokenizer,
                                        const char *variables_json, size_t length);

/* The same with a template of the caller's in place of the tokenizer's. */
MX_API char *mlx_lm_apply_template(const mlx_lm_tokenizer *tokenizer, const char *chat_template,
                                   const char *variables_json, size_t length);

/* A plain template (ChatML) for models that bring none. */
MX_API const char *mlx_lm_default_chat_template(void);

#ifdef __cplusplus
}
#endif
#endif
