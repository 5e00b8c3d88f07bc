/* Reading fields of a tokenizer's JSON, with messages that name the file and the field. */
#ifndef LM_TOKENIZER_CONFIG_H
#define LM_TOKENIZER_CONFIG_H

#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Where something was read: for messages alone. */
typedef struct {
  const char *file, *section; /* "DIR/tokenizer.json", "pre_tokenizer" */
} tok_place;

/* Each returns 0, or -1 after mx_fail. An absent or null field leaves *value as it was, unless it
 * is required. */
int tok_get_bool(const tok_place *at, const json_t *object, const char *field, bool *value);
int tok_get_size(const tok_place *at, const json_t *object, const char *field, size_t *value);
typedef enum { TOK_OPTIONAL, TOK_REQUIRED } tok_need;
/* Text is the document's own; its length may count NULs. */
int tok_get_text(const tok_place *at, const json_t *object, const char *field, tok_need need,
                 const char **text, size_t *size);
/* A string of exactly one character. */
int tok_get_char(const tok_place *at, const json_t *object, const char *field, uint32_t *value);
int tok_get_array(const tok_place *at, const json_t *object, const char *field, tok_need need,
                  json_t **value);
/* A token's id, 0 to 2^31 - 1. */
int tok_get_id(const tok_place *at, const json_t *value, const char *field, int32_t *id);

/* A "pattern": {"String": text} or {"Regex": expression}. */
struct tok_regex;
int tok_get_pattern(const tok_place *at, const json_t *object, struct tok_regex **regex);

/* mx_fail with the place before it; returns -1. */
int tok_fail(const tok_place *at, const char *format, ...) MX_PRINTF(2, 3);

#endif
