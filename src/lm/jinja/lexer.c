/* The lexer: text outside of tags, tags, comments and raw blocks, and the tokens inside tags. */
#include "lm/jinja/lexer.h"

#include "lm/jinja/ops.h"
#include "lm/jinja/unicode.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const descriptions[JJ_T_COUNT] = {
    [JJ_T_EOF] = "end of template",
    [JJ_T_DATA] = "template data / text",
    [JJ_T_BLOCK_BEGIN] = "begin of statement block",
    [JJ_T_BLOCK_END] = "end of statement block",
    [JJ_T_VARIABLE_BEGIN] = "begin of print statement",
    [JJ_T_VARIABLE_END] = "end of print statement",
    [JJ_T_NAME] = "name",
    [JJ_T_STRING] = "string",
    [JJ_T_INTEGER] = "integer",
    [JJ_T_FLOAT] = "float",
    [JJ_T_ADD] = "+",
    [JJ_T_SUB] = "-",
    [JJ_T_DIV] = "/",
    [JJ_T_FLOORDIV] = "//",
    [JJ_T_MUL] = "*",
    [JJ_T_MOD] = "%",
    [JJ_T_POW] = "**",
    [JJ_T_TILDE] = "~",
    [JJ_T_LBRACKET] = "[",
    [JJ_T_RBRACKET] = "]",
    [JJ_T_LPAREN] = "(",
    [JJ_T_RPAREN] = ")",
    [JJ_T_LBRACE] = "{",
    [JJ_T_RBRACE] = "}",
    [JJ_T_EQ] = "==",
    [JJ_T_NE] = "!=",
    [JJ_T_GT] = ">",
    [JJ_T_GE] = ">=",
    [JJ_T_LT] = "<",
    [JJ_T_LE] = "<=",
    [JJ_T_ASSIGN] = "=",
    [JJ_T_DOT] = ".",
    [JJ_T_COLON] = ":",
    [JJ_T_PIPE] = "|",
    [JJ_T_COMMA] = ",",
    [JJ_T_SEMICOLON] = ";",
};

const char *jj_describe_type(jj_token_type type) { return descriptions[type]; }

const char *jj_describe_token(const jj_token *token) {
  return token->type == JJ_T_NAME ? token->value.s->data : descriptions[token->type];
}

void jj_syntax_fail(jj_syntax_error *error, jmp_buf *fail, int line, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(error->text, sizeof error->text, format, args);
  va_end(args);
  error->line = line;
  longjmp(*fail, 1);
}
#define FAIL(lexer, ...) jj_syntax_fail((lexer)->error, (lexer)->fail, (lexer)->line, __VA_ARGS__)

void jj_lexer_init(jj_lexer *lexer, jj_arena *arena, const char *source, size_t size,
                   jj_syntax_error *error, jmp_buf *fail) {
  *lexer =
      (jj_lexer){.arena = arena, .line = 1, .line_starting = true, .error = error, .fail = fail};
  char *copy = jj_arena_alloc(arena, size + 1);
  size_t n = 0;
  for (size_t i = 0; i < size; i++) {
    if (source[i] == '\r' && i + 1 < size && source[i + 1] == '\n') continue;
    copy[n++] = source[i] == '\r' ? '\n' : source[i];
  }
  if (n && copy[n - 1] == '\n') n--; /* one newline at the end does not count */
  copy[n] = 0;
  lexer->source = copy;
  lexer->size = n;
}

/* -- Scanning -- */

static const char *here(const jj_lexer *l) { return l->source + l->at; }
static const char *limit(const jj_lexer *l) { return l->source + l->size; }

static bool starts(const jj_lexer *l, const char *p, const char *text) {
  size_t n = strlen(text);
  return (size_t)(limit(l) - p) >= n && memcmp(p, text, n) == 0;
}

static const char *skip_space(const jj_lexer *l, const char *p) {
  while (p < limit(l)) {
    uint32_t cp;
    size_t n = jj_utf8_next(p, limit(l), &cp);
    if (!jj_cp_space(cp)) break;
    p += n;
  }
  return p;
}

/* Moves on to `p`, counting lines. */
static void advance(jj_lexer *l, const char *p) {
  for (const char *q = here(l); q < p; q++) l->line += *q == '\n';
  if (p > here(l)) l->line_starting = p[-1] == '\n';
  l->at = (size_t)(p - l->source);
}

static size_t length_without_space(const char *text, size_t size) {
  while (size) {
    size_t n = jj_utf8_back(text, size);
    uint32_t cp;
    jj_utf8_next(text + size - n, text + size, &cp);
    if (!jj_cp_space(cp)) break;
    size -= n;
  }
  return size;
}

/* What is left of the text before a tag: "-" strips all whitespace, and unless the tag has a "+"
 * or prints, whitespace between the line's start and the tag goes. */
static size_t strip_before_tag(const char *text, size_t size, char sign, bool prints,
                               bool line_starting) {
  if (sign == '-') return length_without_space(text, size);
  if (sign == '+' || prints) return size;
  size_t start = size;
  while (start && text[start - 1] != '\n') start--;
  if (start == 0 && !line_starting) return size;
  return length_without_space(text + start, size - start) == 0 ? start : size;
}

/* "%}" and its variants from `p`: where what follows begins, or NULL. A plain end of a block or
 * comment also takes one newline. */
static const char *tag_end(const jj_lexer *l, const char *p, const char *end, bool trims,
                           bool plus) {
  if (*p == '-' && starts(l, p + 1, end)) return skip_space(l, p + 1 + strlen(end));
  if (plus && *p == '+' && starts(l, p + 1, end)) return p + 1 + strlen(end);
  if (!starts(l, p, end)) return NULL;
  p += strlen(end);
  return trims && p < limit(l) && *p == '\n' ? p + 1 : p;
}

/* "{% raw %}" from `p`: where the raw text begins, or NULL; `sign` is the tag's. */
static const char *raw_begin(const jj_lexer *l, const char *p, char *sign) {
  if (!starts(l, p, "{%")) return NULL;
  p += 2;
  *sign = p < limit(l) && (*p == '-' || *p == '+') ? *p++ : 0;
  p = skip_space(l, p);
  if (!starts(l, p, "raw")) return NULL;
  return tag_end(l, skip_space(l, p + 3), "%}", false, false);
}

static const char *raw_end(const jj_lexer *l, const char *p, char *sign) {
  if (!starts(l, p, "{%")) return NULL;
  p += 2;
  *sign = p < limit(l) && (*p == '-' || *p == '+') ? *p++ : 0;
  p = skip_space(l, p);
  if (!starts(l, p, "endraw")) return NULL;
  return tag_end(l, skip_space(l, p + 6), "%}", true, true);
}

static jj_token token_of(jj_token_type type, int line) { return (jj_token){type, line, jj_none()}; }

static jj_token data_token(jj_lexer *l, const char *text, size_t size) {
  jj_token token = token_of(JJ_T_DATA, l->line);
  token.value = jj_arena_str(l->arena, text, size);
  return token;
}

/* -- Outside of tags -- */

static const char *find_tag(const jj_lexer *l) {
  const char *p = here(l);
  while ((p = memchr(p, '{', (size_t)(limit(l) - p)))) {
    if (p + 1 < limit(l) && (p[1] == '{' || p[1] == '%' || p[1] == '#')) return p;
    p++;
  }
  return NULL;
}

/* Enters the tag at `tag`; true where it is a token of its own. */
static bool enter_tag(jj_lexer *l, const char *tag, const char *raw, jj_token *token) {
  advance(l, tag);
  token->line = l->line;
  if (raw) {
    advance(l, raw);
    l->state = JJ_IN_RAW;
    return false;
  }
  const char *p = tag + 2;
  if (p < limit(l) && (*p == '-' || *p == '+')) p++;
  advance(l, p);
  l->state = tag[1] == '{' ? JJ_IN_VARIABLE : tag[1] == '%' ? JJ_IN_BLOCK : JJ_IN_COMMENT;
  token->type = tag[1] == '{' ? JJ_T_VARIABLE_BEGIN : JJ_T_BLOCK_BEGIN;
  return l->state != JJ_IN_COMMENT;
}

/* Text up to the next tag; false where there is nothing to yield yet. */
static bool lex_root(jj_lexer *l, jj_token *token) {
  const char *tag = find_tag(l), *text = here(l);
  if (!tag) {
    *token = data_token(l, text, (size_t)(limit(l) - text));
    advance(l, limit(l));
    return true;
  }
  char sign = 0;
  const char *raw = raw_begin(l, tag, &sign);
  if (!raw) sign = tag + 2 < limit(l) && (tag[2] == '-' || tag[2] == '+') ? tag[2] : 0;
  size_t size = strip_before_tag(text, (size_t)(tag - text), sign, tag[1] == '{', l->line_starting);
  jj_token data = data_token(l, text, size), begin = token_of(JJ_T_BLOCK_BEGIN, l->line);
  bool yields = enter_tag(l, tag, raw, &begin);
  if (size == 0) return *token = begin, yields;
  *token = data;
  l->pending = begin;
  l->has_pending = yields;
  return true;
}

static void lex_comment(jj_lexer *l) {
  for (const char *p = here(l); p < limit(l); p++) {
    const char *end = tag_end(l, p, "#}", true, true);
    if (!end) continue;
    advance(l, end);
    l->state = JJ_IN_ROOT;
    return;
  }
  if (l->at < l->size) FAIL(l, "Missing end of comment tag");
}

static bool lex_raw(jj_lexer *l, jj_token *token) {
  const char *text = here(l);
  for (const char *p = text; p < limit(l); p++) {
    char sign = 0;
    const char *end = raw_end(l, p, &sign);
    if (!end) continue;
    size_t size = strip_before_tag(text, (size_t)(p - text), sign, false, l->line_starting);
    *token = data_token(l, text, size);
    advance(l, end);
    l->state = JJ_IN_ROOT;
    return size > 0;
  }
  if (l->at < l->size) FAIL(l, "Missing end of raw directive");
  return false;
}

/* -- Inside of tags -- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Digits of a base, each with at most one underscore before it. */
static const char *scan_digits(const char *p, const char *set, bool underscore_first) {
  const char *start = p;
  for (;;) {
    const char *q = p + (*p == '_' && (p > start || underscore_first));
    if (!*q || !strchr(set, *q)) return p;
    p = q + 1;
  }
}

/* Behind a float from `p`, or NULL. A float needs a fraction or an exponent. */
static const char *scan_float(const char *p) {
  static const char decimal[] = "0123456789";
  if (!is_digit(*p)) return NULL;
  p = scan_digits(p, decimal, false);
  bool fraction = *p == '.' && is_digit(p[1]);
  if (fraction) p = scan_digits(p + 1, decimal, false);
  if (*p == 'e' || *p == 'E') {
    const char *q = p + 1 + (p[1] == '+' || p[1] == '-');
    if (is_digit(*q)) return scan_digits(q, decimal, false);
  }
  return fraction ? p : NULL;
}

static const char *scan_integer(const char *p) {
  if (!is_digit(*p)) return NULL;
  if (*p == '0') {
    char kind = p[1] | 32;
    const char *set = kind == 'x'   ? "0123456789abcdefABCDEF"
                      : kind == 'o' ? "01234567"
                      : kind == 'b' ? "01"
                                    : NULL;
    const char *end = set ? scan_digits(p + 2, set, true) : NULL;
    if (end && end > p + 2) return end;
    return scan_digits(p, "0", false);
  }
  return scan_digits(p, "0123456789", false);
}

static const char *scan_name(const jj_lexer *l, const char *p) {
  const char *start = p;
  while (p < limit(l)) {
    uint32_t cp;
    size_t n = jj_utf8_next(p, limit(l), &cp);
    if (!jj_cp_word(cp) && !jj_cp_ident_part(cp)) break;
    p += n;
  }
  return p > start ? p : NULL;
}

static const char *scan_string(const jj_lexer *l, const char *p) {
  char quote = *p;
  if (quote != '\'' && quote != '"') return NULL;
  for (p++; p < limit(l); p++) {
    if (*p == quote) return p + 1;
    if (*p == '\\') p++;
  }
  return NULL;
}

static jj_value number_value(jj_lexer *l, const char *p, const char *end, bool is_float) {
  double f;
  int64_t i;
  size_t size = (size_t)(end - p);
  if (is_float) {
    if (jj_parse_float(p, size, &f) == JJ_PARSED) return jj_float(f);
    FAIL(l, "the number %.*s is too long", (int)(size < 40 ? size : 40), p);
  }
  if (jj_parse_int(p, size, 0, &i) == JJ_PARSED) return jj_int(i);
  FAIL(l, "the integer %.*s does not fit 64 bits", (int)(size < 80 ? size : 80), p);
}

static jj_value name_value(jj_lexer *l, const char *p, const char *end) {
  jj_value name = jj_arena_str(l->arena, p, (size_t)(end - p));
  for (const char *q = p; q < end;) {
    uint32_t cp;
    size_t n = jj_utf8_next(q, end, &cp);
    if (!(q == p ? jj_cp_ident_start(cp) : jj_cp_ident_part(cp)))
      FAIL(l, "Invalid character in identifier");
    q += n;
  }
  return name;
}

/* -- String escapes -- */

static int hex_value(char c) {
  return is_digit(c) ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static const char *take_hex(jj_lexer *l, const char *p, const char *end, int digits, char kind,
                            uint32_t *cp) {
  static const char *const truncated[] = {"truncated \\xXX escape", "truncated \\uXXXX escape",
                                          "truncated \\UXXXXXXXX escape"};
  *cp = 0;
  for (int i = 0; i < digits; i++, p++) {
    if (p >= end || hex_value(*p) < 0)
      FAIL(l, "%s", truncated[kind == 'x' ? 0 : kind == 'u' ? 1 : 2]);
    *cp = *cp << 4 | (uint32_t)hex_value(*p);
  }
  if (*cp > 0x10ffff) FAIL(l, "illegal Unicode character");
  if (*cp >= 0xd800 && *cp < 0xe000)
    FAIL(l, "'utf-8' codec can't encode a lone surrogate: surrogates not allowed");
  return p;
}

static const char *take_octal(const char *p, const char *end, uint32_t *cp) {
  *cp = 0;
  for (int i = 0; i < 3 && p < end && *p >= '0' && *p <= '7'; i++)
    *cp = *cp * 8 + (uint32_t)(*p++ - '0');
  return p;
}

/* A character beyond ASCII right behind a backslash: Jinja spells it as an escape first, whose own
 * backslash the other one then quotes. */
static size_t put_spelled(const char *p, const char *end, char *out, size_t *used) {
  uint32_t cp;
  size_t n = jj_utf8_next(p, end, &cp);
  const char *format = cp < 0x100 ? "\\x%02x" : cp < 0x10000 ? "\\u%04x" : "\\U%08x";
  *used += (size_t)sprintf(out + *used, format, cp);
  return n;
}

/* One escape from behind its backslash. */
static const char *take_escape(jj_lexer *l, const char *p, const char *end, char *out,
                               size_t *used) {
  static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
  uint32_t cp;
  char c = *p;
  const char *simple = c ? strchr(from, c) : NULL;
  if ((uint8_t)c >= 0x80) return p + put_spelled(p, end, out, used);
  if (c == '\n') return p + 1;
  if (simple) {
    out[(*used)++] = to[simple - from];
    return p + 1;
  }
  if (c == 'N') FAIL(l, "unknown Unicode character name");
  if (c == 'x' || c == 'u' || c == 'U')
    p = take_hex(l, p + 1, end, c == 'x' ? 2 : c == 'u' ? 4 : 8, c, &cp);
  else if (c >= '0' && c <= '7')
    p = take_octal(p, end, &cp);
  else {
    out[(*used)++] = '\\';
    out[(*used)++] = c;
    return p + 1;
  }
  *used += jj_utf8_put(out + *used, cp);
  return p;
}

static jj_value string_value(jj_lexer *l, const char *p, const char *end) {
  if (!memchr(p, '\\', (size_t)(end - p))) return jj_arena_str(l->arena, p, (size_t)(end - p));
  char *out = jj_arena_alloc(l->arena, (size_t)(end - p) * 4 + 16);
  size_t used = 0;
  while (p < end) {
    if (*p != '\\') {
      out[used++] = *p++;
    } else {
      p = take_escape(l, p + 1, end, out, &used);
    }
  }
  return jj_arena_str(l->arena, out, used);
}

/* -- Operators -- */

static jj_token_type operator_at(const jj_lexer *l, const char *p, size_t *size) {
  jj_token_type best = JJ_T_EOF;
  *size = 0;
  for (int t = JJ_T_ADD; t < JJ_T_COUNT; t++) {
    size_t n = strlen(descriptions[t]);
    if (n > *size && starts(l, p, descriptions[t])) best = (jj_token_type)t, *size = n;
  }
  return best;
}

static void balance(jj_lexer *l, char c) {
  if (c == '{' || c == '(' || c == '[') {
    if (l->open == l->closers_capacity) {
      size_t grown = l->closers_capacity ? l->closers_capacity * 2 : 64;
      char *more = jj_arena_alloc(l->arena, grown);
      if (l->open) memcpy(more, l->closers, l->open);
      l->closers = more;
      l->closers_capacity = grown;
    }
    l->closers[l->open++] = c == '{' ? '}' : c == '(' ? ')' : ']';
  } else if (c == '}' || c == ')' || c == ']') {
    if (l->open == 0) FAIL(l, "unexpected '%c'", c);
    char expected = l->closers[--l->open];
    if (expected != c) FAIL(l, "unexpected '%c', expected '%c'", c, expected);
  }
}

static void fail_char(jj_lexer *l, const char *p) {
  uint32_t cp;
  size_t n = jj_utf8_next(p, limit(l), &cp), at = jj_utf8_count(l->source, l->at);
  if (cp == '\'') FAIL(l, "unexpected char \"'\" at %zu", at);
  if (cp == '\\') FAIL(l, "unexpected char '\\\\' at %zu", at);
  if (!jj_cp_printable(cp)) {
    const char *format = cp < 0x100     ? "unexpected char '\\x%02x' at %zu"
                         : cp < 0x10000 ? "unexpected char '\\u%04x' at %zu"
                                        : "unexpected char '\\U%08x' at %zu";
    FAIL(l, format, cp, at);
  }
  FAIL(l, "unexpected char '%.*s' at %zu", (int)n, p, at);
}

/* Leaves the tag where it ends here; brackets that are open keep it going. */
static bool leave_tag(jj_lexer *l, jj_token *token) {
  if (l->open) return false;
  bool block = l->state == JJ_IN_BLOCK;
  const char *end = tag_end(l, here(l), block ? "%}" : "}}", block, block);
  if (!end) return false;
  *token = token_of(block ? JJ_T_BLOCK_END : JJ_T_VARIABLE_END, l->line);
  advance(l, end);
  l->state = JJ_IN_ROOT;
  return true;
}

static bool lex_tag(jj_lexer *l, jj_token *token) {
  if (leave_tag(l, token)) return true;
  const char *p = here(l), *end = skip_space(l, p);
  if (end > p) return advance(l, end), false;
  int line = l->line;
  size_t size;
  *token = token_of(JJ_T_EOF, line);
  bool after_dot = l->at > 0 && p[-1] == '.';
  if (!after_dot && (end = scan_float(p))) {
    token->type = JJ_T_FLOAT;
    token->value = number_value(l, p, end, true);
  } else if ((end = scan_integer(p))) {
    token->type = JJ_T_INTEGER;
    token->value = number_value(l, p, end, false);
  } else if ((end = scan_name(l, p))) {
    token->type = JJ_T_NAME;
    token->value = name_value(l, p, end);
  } else if ((end = scan_string(l, p))) {
    token->type = JJ_T_STRING;
    token->value = string_value(l, p + 1, end - 1);
  } else if ((token->type = operator_at(l, p, &size)) != JJ_T_EOF) {
    balance(l, *p);
    end = p + size;
  } else {
    fail_char(l, p);
  }
  advance(l, end);
  return true;
}

jj_token jj_lexer_next(jj_lexer *l) {
  jj_token token;
  if (l->has_pending) return l->has_pending = false, l->pending;
  while (l->at < l->size) {
    switch (l->state) {
    case JJ_IN_ROOT:
      if (lex_root(l, &token)) return token;
      break;
    case JJ_IN_COMMENT: lex_comment(l); break;
    case JJ_IN_RAW:
      if (lex_raw(l, &token)) return token;
      break;
    default:
      if (lex_tag(l, &token)) return token;
    }
  }
  return token_of(JJ_T_EOF, l->line);
}
