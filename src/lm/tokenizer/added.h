/* Added tokens: found in the text before the model sees it, special ones left out of decoded text
 * when asked. */
#ifndef LM_TOKENIZER_ADDED_H
#define LM_TOKENIZER_ADDED_H

#include "lm/tokenizer/config.h"
#include "lm/tokenizer/model.h"
#include "lm/tokenizer/trie.h"

struct tok_normalizer;

typedef struct {
  char *content;
  size_t size;
  bool single_word, lstrip, rstrip, normalized, special;
} tok_added_token;

typedef struct {
  tok_added_token token;
  int32_t id;
} tok_added_entry;

typedef struct {
  MX_VEC(tok_added_entry) tokens; /* as they were given; the last with an id has its flags */
  tok_vocab names;                /* contents to ids, and back */
  tok_vocab special;              /* contents of special tokens */
  MX_VEC(uint32_t) by_id;         /* place in tokens + 1, 0 where none */
  tok_trie raw, normalized;       /* contents to ids; the second after normalisation */
  bool raw_starts[256], normalized_starts[256];
} tok_added;

/* Takes over the tokens' contents. Ids: the token's own where model or added tokens have it, else
 * the next one free. Call tok_added_finish when all are in. */
void tok_added_add(tok_added *a, const tok_vocab *model, tok_added_token *tokens, size_t count);
int tok_added_finish(tok_added *a, const struct tok_normalizer *normalizer);
void tok_added_free(tok_added *a);

/* A stretch of a text: an added token, or (id -1) what lies between. */
typedef struct {
  size_t start, end;
  int32_t id;
} tok_stretch;
typedef MX_VEC(tok_stretch) tok_stretches;

/* Appends the stretches of the text, the longest token at the leftmost place first. */
void tok_added_split(const tok_added *a, bool normalized, const char *text, size_t size,
                     tok_stretches *out);

/* Reads an added token's fields (content apart) from JSON. */
int tok_added_read(const tok_place *at, const json_t *object, tok_added_token *token);

#endif
