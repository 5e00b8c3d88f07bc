/* Pre-tokenizers: how a text is cut into the words that the model sees. */
#ifndef LM_TOKENIZER_PRETOKENIZER_H
#define LM_TOKENIZER_PRETOKENIZER_H

#include "lm/tokenizer/config.h"
#include "lm/tokenizer/pieces.h"

/* A chain of steps; a NULL one changes nothing. */
typedef struct tok_pretokenizer tok_pretokenizer;

/* From tokenizer.json's "pre_tokenizer"; *out is NULL for null. 0 or -1. */
int tok_pretokenizer_new(const tok_place *at, const json_t *config, tok_pretokenizer **out);
void tok_pretokenizer_free(tok_pretokenizer *p);

/* Whether the last step maps bytes to the byte-level alphabet: that mapping is then left to the
 * model, and pieces stay plain bytes. */
bool tok_pretokenizer_leaves_bytes(const tok_pretokenizer *p);

/* Cuts all pieces that are not tokens yet. 0 or -1. */
int tok_pretokenize(const tok_pretokenizer *p, tok_work *work);

#endif
