/* Models: what turns a word into token ids (BPE, Unigram, WordPiece, WordLevel). */
#ifndef LM_TOKENIZER_MODEL_H
#define LM_TOKENIZER_MODEL_H

#include "base/vec.h"
#include "lm/tokenizer/config.h"
#include "lm/tokenizer/json_scan.h"
#include "lm/tokenizer/vocab.h"

typedef MX_VEC(int32_t) tok_ids;

/* What encoding works in: buffers that keep their memory from word to word, and a cache of words
 * met before. One encode uses one at a time. */
typedef struct tok_scratch tok_scratch;
tok_scratch *tok_scratch_new(void);
void tok_scratch_free(tok_scratch *s);

typedef struct tok_model tok_model;

typedef struct {
  const char *type;
  /* Reads the model's section; vocabulary and merges come apart from the rest. 0 or -1. */
  int (*load)(tok_model *m, const tok_place *at, const json_t *config, tok_json_parts *parts);
  /* Appends the ids of a word (not empty). With `bytes` the word is in plain bytes and stands for
   * the text that the byte-level alphabet makes of them. 0 or -1. */
  int (*encode)(const tok_model *m, tok_scratch *s, const char *word, size_t size, bool bytes,
                tok_ids *ids);
  void (*free)(tok_model *m);
} tok_model_kind;

struct tok_model {
  const tok_model_kind *kind;
  tok_vocab vocab;
  void *state;
};

extern const tok_model_kind tok_bpe_kind, tok_unigram_kind, tok_wordpiece_kind, tok_wordlevel_kind;

tok_model *tok_model_new(const tok_place *at, const json_t *config, tok_json_parts *parts);
void tok_model_free(tok_model *m);

/* Reads {"text": id, ...} into the vocabulary. 0 or -1. */
int tok_read_vocab(tok_vocab *v, const tok_place *at, tok_json *j);

/* The byte-level alphabet: each byte as a printable character. */
uint32_t tok_byte_char(unsigned char byte);
/* The byte that a character stands for, or -1. */
int tok_char_byte(uint32_t c);
void tok_put_byte_chars(mx_str *out, const char *bytes, size_t size);

/* "<0xE2>", as byte fallback spells it; returns its id, or -1. */
int32_t tok_byte_token(const tok_vocab *v, unsigned char byte);

/* The words that a scratch has seen. A word's ids may be kept where it is short. */
const int32_t *tok_cache_find(tok_scratch *s, const char *word, size_t size, size_t *count);
void tok_cache_put(tok_scratch *s, const char *word, size_t size, const int32_t *ids, size_t count);

/* Buffers of the scratch, for whoever runs. */
mx_str *tok_scratch_text(tok_scratch *s);
void *tok_scratch_block(tok_scratch *s, size_t bytes); /* at least so many; contents arbitrary */

#endif
