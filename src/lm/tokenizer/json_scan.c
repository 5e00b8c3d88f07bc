/* A JSON reader that takes one value at a time. */
#include "lm/tokenizer/json_scan.h"
#include "lm/tokenizer/utf8.h"

#include <locale.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* The four digits after \u, or -1. */
static int32_t hex4(const char *p, const char *end) {
  int32_t value = 0;
  if (end - p < 4) return -1;
  for (int i = 0; i < 4; i++) {
    char c = p[i];
    int digit = c >= '0' && c <= '9'                 ? c - '0'
                : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                     : -1;
    if (digit < 0) return -1;
    value = value << 4 | digit;
  }
  return value;
}

/* An escape after its backslash. Surrogates must come in pairs. */
static bool read_escape(tok_json *j, mx_str *out) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  if (j->p == j->end) return false;
  char c = *j->p++;
  if (c != 'u') {
    const char *at = c ? strchr(from, c) : NULL;
    if (!at) return false;
    mx_str_putc(out, to[at - from]);
    return true;
  }
  int32_t code = hex4(j->p, j->end);
  if (code < 0 || (code >= 0xdc00 && code <= 0xdfff)) return false;
  j->p += 4;
  if (code >= 0xd800 && code <= 0xdbff) {
    int32_t low =
        j->end - j->p >= 6 && j->p[0] == '\\' && j->p[1] == 'u' ? hex4(j->p + 2, j->end) : -1;
    if (low < 0xdc00 || low > 0xdfff) return false;
    j->p += 6;
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  tok_utf8_append(out, (uint32_t)code);
  return true;
}

bool tok_json_string(tok_json *j, mx_str *out) {
  if (!tok_json_take(j, '"')) return false;
  for (;;) {
    const char *from = j->p;
    while (j->p < j->end && *j->p != '"' && *j->p != '\\' && (unsigned char)*j->p >= 0x20) j->p++;
    if (j->p == j->end || (unsigned char)*j->p < 0x20) return false;
    mx_str_append(out, from, (size_t)(j->p - from));
    if (*j->p++ == '"') return true;
    if (!read_escape(j, out)) return false;
  }
}

bool tok_json_id(tok_json *j, int32_t *value) {
  int64_t n = 0;
  tok_json_peek(j);
  const char *from = j->p;
  for (; j->p < j->end && *j->p >= '0' && *j->p <= '9' && n <= INT32_MAX; j->p++)
    n = n * 10 + (*j->p - '0');
  *value = (int32_t)n;
  return j->p > from && n <= INT32_MAX && (j->p == j->end || (*j->p != '.' && (*j->p | 32) != 'e'));
}

static locale_t c_locale;
static void make_locale(void) { c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0); }

bool tok_json_number(tok_json *j, double *value) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, make_locale);
  char text[64];
  size_t n = 0;
  tok_json_peek(j);
  while (j->p < j->end && n < sizeof text - 1 && *j->p && strchr("+-.0123456789eE", *j->p))
    text[n++] = *j->p++;
  text[n] = 0;
  char *end;
  *value = strtod_l(text, &end, c_locale);
  return n && !*end;
}

/* A string from its opening mark on; its end, or NULL. */
static const char *skip_string(const char *p, const char *end) {
  for (p++; p < end && *p != '"'; p++)
    if (*p == '\\') p++;
  return p < end ? p + 1 : NULL;
}

/* What a byte is to someone who only counts brackets. */
enum { PLAIN, MARK, OPEN, CLOSE };
static const unsigned char bracket_classes[256] = {
    ['"'] = MARK, ['['] = OPEN, ['{'] = OPEN, [']'] = CLOSE, ['}'] = CLOSE};

bool tok_json_skip(tok_json *j) {
  char c = tok_json_peek(j);
  if (c == '"') return (j->p = skip_string(j->p, j->end)) != NULL;
  if (c != '{' && c != '[') {
    const char *from = j->p;
    while (j->p < j->end && !strchr(" \t\r\n,:]}[{\"", *j->p)) j->p++;
    return j->p > from;
  }
  const char *p = j->p;
  size_t depth = 0;
  while (p < j->end) {
    int class = bracket_classes[(unsigned char)*p];
    if (class == MARK) {
      p = skip_string(p, j->end);
      if (!p) return false;
      continue;
    }
    p++;
    depth += class == OPEN;
    if (class == CLOSE && !--depth) return j->p = p, true;
  }
  return false;
}

/* Takes an object's next key, after its { or the last value; false at its end. `bad` is set where
 * that is no JSON. */
static bool next_key(tok_json *j, bool *first, mx_str *key, bool *bad) {
  mx_str_clear(key);
  if (tok_json_take(j, '}')) return false;
  if ((!*first && !tok_json_take(j, ',')) || !tok_json_string(j, key) || !tok_json_take(j, ':')) {
    *bad = true;
    return false;
  }
  *first = false;
  return true;
}

static bool is_key(const mx_str *key, const char *name) {
  return key->size == strlen(name) && !memcmp(mx_str_c(key), name, key->size);
}

/* Finds the two large members of the model that stands at j. */
static bool cut_model(tok_json *j, tok_json_parts *parts, mx_str *key) {
  parts->vocab = parts->merges = (tok_json){0};
  if (tok_json_peek(j) != '{') return tok_json_skip(j);
  j->p++;
  bool first = true, bad = false;
  while (next_key(j, &first, key, &bad)) {
    tok_json *large = is_key(key, "vocab")    ? &parts->vocab
                      : is_key(key, "merges") ? &parts->merges
                                              : 0;
    tok_json_peek(j);
    const char *from = j->p;
    if (!tok_json_skip(j)) return false;
    if (large) *large = (tok_json){from, j->p};
  }
  return !bad;
}

void tok_json_cut(const char *text, size_t size, tok_json_parts *parts) {
  *parts = (tok_json_parts){0};
  tok_json j = {text, text + size};
  mx_str key = {0};
  bool first = true, bad = !tok_json_take(&j, '{');
  while (!bad && next_key(&j, &first, &key, &bad))
    bad = !(is_key(&key, "model") ? cut_model(&j, parts, &key) : tok_json_skip(&j));
  mx_str_free(&key);
  if (bad) parts->vocab = parts->merges = (tok_json){0};
  tok_json one = parts->vocab, two = parts->merges;
  if (one.p > two.p) one = parts->merges, two = parts->vocab;
  const char *at = text;
  for (int i = 0; i < 2; i++) {
    tok_json cut = i ? two : one;
    if (!cut.p) continue;
    mx_str_append(&parts->rest, at, (size_t)(cut.p - at));
    mx_str_puts(&parts->rest, "null");
    at = cut.end;
  }
  mx_str_append(&parts->rest, at, (size_t)(text + size - at));
}
