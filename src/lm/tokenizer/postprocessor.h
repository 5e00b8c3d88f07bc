/* Post-processors: the tokens put around an encoded text. */
#ifndef LM_TOKENIZER_POSTPROCESSOR_H
#define LM_TOKENIZER_POSTPROCESSOR_H

#include "lm/tokenizer/model.h"

typedef struct tok_postprocessor tok_postprocessor;

/* From tokenizer.json's "post_processor"; *out is NULL for null. 0 or -1. */
int tok_postprocessor_new(const tok_place *at, const json_t *config, tok_postprocessor **out);
void tok_postprocessor_free(tok_postprocessor *p);

/* Puts the special tokens in; without them only what a template repeats or leaves out shows. */
void tok_postprocess(const tok_postprocessor *p, bool add_special_tokens, tok_ids *ids);

#endif
