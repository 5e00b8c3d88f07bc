/* Tokenizers: text to token ids and back, from the files of a Hugging Face checkpoint; the text of
 * its chat templates and special tokens; and detokenizers, which turn tokens into text as they
 * come. Ids are those of Hugging Face's `tokenizers`; files are read as mlx_lm and transformers
 * read them.
 *
 * A tokenizer may be used by several threads at once, a detokenizer by one at a time. Errors are
 * told by mx_error: one line that names the file and the field. */
#ifndef MLX_LM_TOKENIZER_UTILS_H
#define MLX_LM_TOKENIZER_UTILS_H

#include "mlx/mx/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mlx_lm_tokenizer mlx_lm_tokenizer;

/* Loads the tokenizer of a checkpoint's directory; NULL on failure. Reads
 *
 *   tokenizer.json             (required) the whole pipeline. Its truncation and padding do not
 *                              apply, as in mlx_lm, and BPE dropout is ignored.
 *   tokenizer_config.json      special tokens (bos_token, ..., added_tokens_decoder) and
 *                              chat_template: a text, or a list of {name, template}. add_bos_token
 *                              and add_eos_token do not count beside a tokenizer.json: its
 *                              post-processor decides. So with clean_up_tokenization_spaces.
 *   special_tokens_map.json    special tokens, where the config lacks added_tokens_decoder
 *   chat_template.jinja        the default template; wins over the config's
 *   additional_chat_templates/NAME.jinja    further templates
 *   chat_template.json         {"chat_template": ...}, where none of these gives one
 *   generation_config.json, config.json     eos_token_id, the first winning
 *
 * Special tokens that tokenizer.json does not have among its added tokens are added to them. */
MX_API mlx_lm_tokenizer *mlx_lm_tokenizer_load(const char *directory);

/* From the text of a tokenizer.json alone (`length` bytes): no special tokens by name, no
 * templates, no end-of-sequence ids. NULL on failure. */
MX_API mlx_lm_tokenizer *mlx_lm_tokenizer_from_json(const char *tokenizer_json, size_t length);

/* Frees the tokenizer and every text that it handed out. Its detokenizers must be gone. */
MX_API void mlx_lm_tokenizer_free(mlx_lm_tokenizer *tokenizer);

/* Encodes `length` bytes of text; what is not UTF-8 becomes U+FFFD first, as Python's
 * errors="replace" does it. With add_special_tokens the post-processor puts its tokens (often a bos
 * token) around. Special tokens spelled out in the text become their ids either way. Returns an
 * array for free() (not NULL for no tokens) and its length in *count; NULL on failure: a text over
 * 256 MiB, or a character that the model cannot express and no unknown token to take its place. */
MX_API int32_t *mlx_lm_tokenizer_encode(const mlx_lm_tokenizer *tokenizer, const char *text,
                                        size_t length, bool add_special_tokens, size_t *count);

/* Decodes ids into UTF-8 for free(), NUL-terminated; its length (the text may hold NULs) goes to
 * *length unless that is NULL. Ids that no token has say nothing. Bytes that do not add up to a
 * character become U+FFFD. NULL on failure: a negative id. */
MX_API char *mlx_lm_tokenizer_decode(const mlx_lm_tokenizer *tokenizer, const int32_t *ids,
                                     size_t count, bool skip_special_tokens, size_t *length);

/* The id of a token as the vocabulary spells it (`length` bytes), or -1. */
MX_API int32_t mlx_lm_tokenizer_token_to_id(const mlx_lm_tokenizer *tokenizer, const char *token,
                                            size_t length);

/* The spelling of an id, or NULL; its length goes to *length unless that is NULL. */
MX_API const char *mlx_lm_tokenizer_id_to_token(const mlx_lm_tokenizer *tokenizer, int32_t id,
                                                size_t *length);

/* How many tokens there are, added ones included. Ids may leave gaps: the highest can be larger. */
MX_API size_t mlx_lm_tokenizer_vocab_size(const mlx_lm_tokenizer *tokenizer);

/* The same without the added tokens: what transformers calls vocab_size, and mlx_lm compares
 * between a model and its draft model. */
MX_API size_t mlx_lm_tokenizer_base_vocab_size(const mlx_lm_tokenizer *tokenizer);

/* Whether an id is a special token, one that decoding may skip. */
MX_API bool mlx_lm_tokenizer_is_special(const mlx_lm_tokenizer *tokenizer, int32_t id);

/* The id of bos_token, or -1. */
MX_API int32_t mlx_lm_tokenizer_bos_id(const mlx_lm_tokenizer *tokenizer);

/* The ids that end a generation: those of generation_config.json or config.json, else that of
 * eos_token. The array is the tokenizer's, and stands until an id is added. */
MX_API const int32_t *mlx_lm_tokenizer_eos_ids(const mlx_lm_tokenizer *tokenizer, size_t *count);
MX_API bool mlx_lm_tokenizer_is_eos(const mlx_lm_tokenizer *tokenizer, int32_t id);

/* Adds to these ids: a number, or a token's spelling. 0, or -1 if it is neither. Not to be called
 * while other threads use the tokenizer. */
MX_API int mlx_lm_tokenizer_add_eos_token(mlx_lm_tokenizer *tokenizer, const char *token);

/* The text of a special token by its name in tokenizer_config.json ("bos_token", "eos_token",
 * "unk_token", "pad_token", "image_token", ...), or NULL. */
MX_API const char *mlx_lm_tokenizer_special_token(const mlx_lm_tokenizer *tokenizer,
                                                  const char *name);

/* All special tokens that have a name, by number from 0 on: what a chat template sees as variables.
 * False past the last. */
MX_API bool mlx_lm_tokenizer_special_token_at(const mlx_lm_tokenizer *tokenizer, size_t index,
                                              const char **name, const char **text);

/* The texts of additional_special_tokens (or extra_special_tokens), by number; NULL past the last.
 */
MX_API const char *mlx_lm_tokenizer_additional_special_token(const mlx_lm_tokenizer *tokenizer,
                                                             size_t index);

/* The text of a chat template: by name ("tool_use", say), or for NULL the default one. NULL where
 * there is none of that name. */
MX_API const char *mlx_lm_tokenizer_chat_template(const mlx_lm_tokenizer *tokenizer,
                                                  const char *name);

/* The templates' names by number from 0 on, "default" among them; NULL past the last. */
MX_API const char *mlx_lm_tokenizer_chat_template_name(const mlx_lm_tokenizer *tokenizer,
                                                       size_t index);

/* ---- Text as tokens come ---- */

typedef struct mlx_lm_detokenizer mlx_lm_detokenizer;

/* A new detokenizer of the kind that mlx_lm chooses by tokenizer.json's decoder: byte-level BPE and
 * SentencePiece decode each token once; any other decodes the current line anew for each segment,
 * in time that is square in the line. Of the first two the text begins without its leading space
 * where mlx_lm's does. The tokenizer must outlive it. */
MX_API mlx_lm_detokenizer *mlx_lm_detokenizer_new(const mlx_lm_tokenizer *tokenizer);
MX_API void mlx_lm_detokenizer_free(mlx_lm_detokenizer *detokenizer);

/* Forgets all tokens. */
MX_API void mlx_lm_detokenizer_reset(mlx_lm_detokenizer *detokenizer);

/* Takes the next token. 0, or -1 for a negative id. */
MX_API int mlx_lm_detokenizer_add_token(mlx_lm_detokenizer *detokenizer, int32_t token);

/* Says that no token follows: what waited for the rest of a character comes out, as U+FFFD. */
MX_API void mlx_lm_detokenizer_finalize(mlx_lm_detokenizer *detokenizer);

/* The text so far, without bytes at its end that await the rest of their character; and the part of
 * it that is new since the last call for a segment. Valid UTF-8, NUL-terminated; the length goes to
 * *length unless that is NULL. The detokenizer's own, until it is next called. */
MX_API const char *mlx_lm_detokenizer_text(mlx_lm_detokenizer *detokenizer, size_t *length);
MX_API const char *mlx_lm_detokenizer_last_segment(mlx_lm_detokenizer *detokenizer, size_t *length);

/* The tokens so far; the detokenizer's own. */
MX_API const int32_t *mlx_lm_detokenizer_tokens(const mlx_lm_detokenizer *detokenizer,
                                                size_t *count);

#ifdef __cplusplus
}
#endif
#endif
