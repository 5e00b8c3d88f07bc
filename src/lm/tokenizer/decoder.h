/* Decoders: from the texts of tokens to readable text. */
#ifndef LM_TOKENIZER_DECODER_H
#define LM_TOKENIZER_DECODER_H

#include "base/vec.h"
#include "lm/tokenizer/config.h"

typedef struct tok_decoder tok_decoder;

/* From tokenizer.json's "decoder"; *out is NULL for null. 0 or -1. */
int tok_decoder_new(const tok_place *at, const json_t *config, tok_decoder **out);
void tok_decoder_free(tok_decoder *d);

/* Texts in a row; each ends where the next begins. */
typedef struct {
  mx_str text;
  MX_VEC(size_t) ends;
} tok_texts;

static inline void tok_texts_clear(tok_texts *t) { mx_str_clear(&t->text), t->ends.size = 0; }
static inline void tok_texts_end(tok_texts *t) { mx_vec_push(&t->ends, t->text.size); }
void tok_texts_free(tok_texts *t);

/* Turns tokens' texts into what they say, still in a row; joined they are the decoded text. Without
 * a decoder that is the tokens with spaces between them. 0 or -1. */
int tok_decode(const tok_decoder *d, tok_texts *texts);

#endif
