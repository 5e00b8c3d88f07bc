/* Normalizers: what is done to a text before it is split. */
#ifndef LM_TOKENIZER_NORMALIZER_H
#define LM_TOKENIZER_NORMALIZER_H

#include "lm/tokenizer/config.h"

/* A chain of steps; a NULL one changes nothing. */
typedef struct tok_normalizer tok_normalizer;

/* From tokenizer.json's "normalizer"; *out is NULL for null. 0 or -1. */
int tok_normalizer_new(const tok_place *at, const json_t *config, tok_normalizer **out);
void tok_normalizer_free(tok_normalizer *n);

/* Normalises in place (valid UTF-8). *origin says how many leading bytes come from the input's
 * first character, and is kept up. 0 or -1. */
int tok_normalize(const tok_normalizer *n, mx_str *text, size_t *origin);

#endif
