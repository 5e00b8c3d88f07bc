/* Reading the few huge values of a tokenizer.json (vocabulary and merges, hundreds of thousands of
 * short strings) without building a tree of them. The rest of the file goes through jansson. */
#ifndef LM_TOKENIZER_JSON_SCAN_H
#define LM_TOKENIZER_JSON_SCAN_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  const char *p, *end;
} tok_json;

/* Moves over white space; the byte that follows, or 0 at the end. */
static inline char tok_json_peek(tok_json *j) {
  while (j->p < j->end && (*j->p == ' ' || *j->p == '\n' || *j->p == '\r' || *j->p == '\t')) j->p++;
  return j->p < j->end ? *j->p : 0;
}

/* Takes this byte if it comes next. */
static inline bool tok_json_take(tok_json *j, char c) {
  if (tok_json_peek(j) != c || j->p == j->end) return false;
  j->p++;
  return true;
}
/* Takes a string, appending its text to out. */
bool tok_json_string(tok_json *j, mx_str *out);
/* Takes a non-negative integer below 2^31. */
bool tok_json_id(tok_json *j, int32_t *value);
bool tok_json_number(tok_json *j, double *value);
/* Takes any value whole. Checks no more than its brackets and strings. */
bool tok_json_skip(tok_json *j);

/* A file with its large values cut out: `rest` is the document with null in the place of
 * model.vocab and model.merges, which are left where they lie (p is NULL where absent). */
typedef struct {
  mx_str rest;
  tok_json vocab, merges;
} tok_json_parts;

/* Cuts a document up. Where it is not JSON, `rest` is all of it, for jansson to complain of. */
void tok_json_cut(const char *text, size_t size, tok_json_parts *parts);

#endif
