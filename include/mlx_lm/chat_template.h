/* Chat templates: Jinja, as transformers runs it for apply_chat_template (version 3.1 of Jinja2's
 * language in an immutable sandbox, with trim_blocks and lstrip_blocks, loop controls, generation
 * blocks, raise_exception, strftime_now, and tojson that leaves HTML and Unicode alone). */
#ifndef MLX_LM_CHAT_TEMPLATE_H
#define MLX_LM_CHAT_TEMPLATE_H

#include "mlx/mx/error.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mlx_lm_template mlx_lm_template;

/* Parses `length` bytes of UTF-8. The template is the caller's (mlx_lm_template_free); it does not
 * keep `source`. NULL after an error: what is wrong as Jinja says it, behind "template line N: ".
 */
MX_API mlx_lm_template *mlx_lm_template_parse(const char *source, size_t length);

/* Renders the template over `length` bytes of a JSON object, whose members are the template's
 * variables: messages, tools, documents, add_generation_prompt, bos_token, eos_token and whatever
 * else it asks for. A variable that is absent is undefined in Jinja's sense; null is none.
 *
 * Returns the text, NUL-terminated UTF-8 that the caller frees. NULL after an error: one line, as
 * Jinja and Python say it, which may be the template's own (raise_exception). Differences to
 * Python are that integers have 64 bits, that complex numbers and lone surrogates do not exist,
 * and that a rendering may take at most 512 MiB (64 in one string), 2^32 steps and 384 KiB of
 * stack.
 *
 * Threads may render one template at once. */
MX_API char *mlx_lm_template_render(const mlx_lm_template *chat_template,
                                    const char *variables_json, size_t length);

/* Frees a template; NULL is none. */
MX_API void mlx_lm_template_free(mlx_lm_template *chat_template);

#ifdef __cplusplus
}
#endif
#endif
