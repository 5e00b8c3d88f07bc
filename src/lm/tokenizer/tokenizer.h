/* The tokenizer's insides, for its own files. */
#ifndef LM_TOKENIZER_TOKENIZER_H
#define LM_TOKENIZER_TOKENIZER_H

#include "base/map.h"
#include "lm/tokenizer/added.h"
#include "lm/tokenizer/decoder.h"
#include "lm/tokenizer/normalizer.h"
#include "lm/tokenizer/postprocessor.h"
#include "lm/tokenizer/pretokenizer.h"
#include "mlx_lm/tokenizer_utils.h"

#include <pthread.h>

/* Which of mlx_lm's detokenizers fits the decoder. */
typedef enum { TOK_NAIVE, TOK_SPM, TOK_SPM_KEEPS_SPACE, TOK_BPE } tok_stream_kind;

typedef struct {
  char *name, *text;
} tok_named_text;

typedef MX_VEC(tok_named_text) tok_named_texts;

/* What one encode works in. */
typedef struct tok_desk tok_desk;

struct mlx_lm_tokenizer {
  tok_model *model;
  tok_normalizer *normalizer;
  tok_pretokenizer *pretokenizer;
  tok_postprocessor *postprocessor;
  tok_decoder *decoder;
  tok_added added;
  bool leaves_bytes;
  tok_stream_kind stream_kind;

  tok_named_texts special, templates; /* sorted as they were found */
  MX_VEC(char *) additional;
  tok_ids eos;

  pthread_mutex_t lock; /* over the idle desks */
  tok_desk *idle;
};

/* Reads a tokenizer.json; NULL after mx_fail. `file` is its name for messages. */
mlx_lm_tokenizer *tok_read(const char *file, const char *text, size_t size);

/* The text of a name in a list, or NULL; adding replaces. */
const char *tok_named(const tok_named_texts *list, const char *name);
void tok_name(tok_named_texts *list, const char *name, const char *text, size_t size);

/* The text of an id: an added token's, else the model's. NULL where none. */
const char *tok_text_of(const mlx_lm_tokenizer *t, int32_t id, size_t *size);

#endif
