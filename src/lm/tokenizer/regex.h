/* Regular expressions as tokenizers has them: Oniguruma's syntax and Unicode 16, run by PCRE2. */
#ifndef LM_TOKENIZER_REGEX_H
#define LM_TOKENIZER_REGEX_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tok_regex tok_regex;

/* Compiles a pattern; NULL, with a message that begins with `where`, if it is not one. */
tok_regex *tok_regex_new(const char *pattern, size_t size, const char *where);
/* A regex that matches exactly these bytes. */
tok_regex *tok_regex_literal(const char *text, size_t size);
void tok_regex_free(tok_regex *re);

/* The matches in a text from left to right, none overlapping; an empty one is skipped where the one
 * before it ended. Begin with tok_find_start, end with tok_find_end. */
typedef struct {
  const tok_regex *re;
  const char *text; /* valid UTF-8 */
  size_t size, at, last_end;
  void *matcher; /* what PCRE2 works with */
} tok_find;

void tok_find_start(tok_find *f, const tok_regex *re, const char *text, size_t size);
/* 1 and the match's bounds, 0 when there are no more, -1 after mx_fail. */
int tok_find_next(tok_find *f, size_t *start, size_t *end);
void tok_find_end(tok_find *f);

/* Rewrites an Oniguruma pattern for PCRE2 (with UTF, UCP and MULTILINE); 0, or -1 after mx_fail. */
int tok_regex_translate(const char *pattern, size_t size, const char *where, mx_str *out);

#endif
