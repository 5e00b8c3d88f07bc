/* Case and character classes: the str methods that look at characters one by one. */
#include "lm/jinja/context.h"
#include "lm/jinja/methods.h"
#include "lm/jinja/ops.h"
#include "lm/jinja/unicode.h"

/* -- Mapping case -- */

/* Whether the sigma at `at` ends a word: a letter before it, none after, both past what the rule
 * skips. */
static bool sigma_is_final(const jj_string *s, size_t at, size_t size) {
  uint32_t cp = 0;
  bool before = false;
  for (size_t i = at; i > 0 && !before;) {
    size_t n = jj_utf8_back(s->data, i);
    i -= n;
    jj_utf8_next(s->data + i, s->data + i + n, &cp);
    if (jj_cp_case_ignorable(cp)) continue;
    before = jj_cp_cased(cp);
    break;
  }
  if (!before) return false;
  for (size_t i = at + size; i < s->size;) {
    i += jj_utf8_next(s->data + i, s->data + s->size, &cp);
    if (!jj_cp_case_ignorable(cp)) return !jj_cp_cased(cp);
  }
  return true;
}

typedef enum { LOWER, UPPER, TITLE, SWAP, FOLD, CAPITALIZE } mapping;

static size_t map_char(const jj_string *s, size_t at, size_t size, uint32_t cp, mapping to,
                       bool fresh, char *out) {
  bool final = cp == 0x3a3 && sigma_is_final(s, at, size);
  switch (to) {
  case UPPER: return jj_cp_to_upper(cp, out);
  case FOLD: return jj_cp_fold(cp, out);
  case TITLE:
  case CAPITALIZE: return fresh ? jj_cp_to_title(cp, out) : jj_cp_to_lower(cp, final, out);
  case SWAP:
    if (jj_cp_upper(cp)) return jj_cp_to_lower(cp, final, out);
    if (jj_cp_lower(cp)) return jj_cp_to_upper(cp, out);
    return jj_utf8_put(out, cp);
  default: return jj_cp_to_lower(cp, final, out);
  }
}

static jj_value map_case(jj_ctx *ctx, jj_value v, mapping to) {
  const jj_string *s = v.s;
  JJ_BUF(b, ctx);
  bool cased = false; /* the character before */
  for (size_t at = 0; at < s->size;) {
    uint32_t cp;
    char out[JJ_CASE_BYTES];
    size_t n = jj_utf8_next(s->data + at, s->data + s->size, &cp);
    bool fresh = to == TITLE ? !cased : at == 0;
    jj_put(&b, out, map_char(s, at, n, cp, to, fresh, out));
    cased = jj_cp_cased(cp);
    at += n;
  }
  return jj_str_flagged(ctx, jj_take(&b), jj_is_markup(v));
}

jj_value jj_str_upper(jj_ctx *ctx, jj_value s) { return map_case(ctx, s, UPPER); }
jj_value jj_str_lower(jj_ctx *ctx, jj_value s) { return map_case(ctx, s, LOWER); }
jj_value jj_str_capitalize(jj_ctx *ctx, jj_value s) { return map_case(ctx, s, CAPITALIZE); }

static jj_value upper(jj_ctx *ctx, jj_value *a) { return map_case(ctx, a[0], UPPER); }
static jj_value lower(jj_ctx *ctx, jj_value *a) { return map_case(ctx, a[0], LOWER); }
static jj_value title(jj_ctx *ctx, jj_value *a) { return map_case(ctx, a[0], TITLE); }
static jj_value swapcase(jj_ctx *ctx, jj_value *a) { return map_case(ctx, a[0], SWAP); }
static jj_value casefold(jj_ctx *ctx, jj_value *a) { return map_case(ctx, a[0], FOLD); }
static jj_value capitalize(jj_ctx *ctx, jj_value *a) { return map_case(ctx, a[0], CAPITALIZE); }

/* -- Classes -- */

/* All characters pass, and there is one at least. */
static bool all_pass(jj_value v, bool (*test)(uint32_t)) {
  const char *p = v.s->data, *end = p + v.s->size;
  bool any = p < end;
  while (p < end) {
    uint32_t cp;
    p += jj_utf8_next(p, end, &cp);
    if (!test(cp)) return false;
  }
  return any;
}

static bool has_case(jj_value v, bool (*wanted)(uint32_t), bool (*other)(uint32_t)) {
  const char *p = v.s->data, *end = p + v.s->size;
  bool any = false;
  while (p < end) {
    uint32_t cp;
    p += jj_utf8_next(p, end, &cp);
    if (other(cp) || jj_cp_title(cp)) return false;
    any |= wanted(cp);
  }
  return any;
}

bool jj_str_is_lower(jj_value s) { return has_case(s, jj_cp_lower, jj_cp_upper); }
bool jj_str_is_upper(jj_value s) { return has_case(s, jj_cp_upper, jj_cp_lower); }

static bool is_title(jj_value v) {
  const char *p = v.s->data, *end = p + v.s->size;
  bool any = false, cased = false;
  while (p < end) {
    uint32_t cp;
    p += jj_utf8_next(p, end, &cp);
    if (jj_cp_upper(cp) || jj_cp_title(cp)) {
      if (cased) return false;
      any = cased = true;
    } else if (jj_cp_lower(cp)) {
      if (!cased) return false;
      any = true;
    } else {
      cased = false;
    }
  }
  return any;
}

static bool is_identifier(jj_value v) {
  const char *p = v.s->data, *end = p + v.s->size;
  bool first = true;
  for (; p < end; first = false) {
    uint32_t cp;
    p += jj_utf8_next(p, end, &cp);
    if (!(first ? jj_cp_ident_start(cp) : jj_cp_ident_part(cp))) return false;
  }
  return !first;
}

#define CLASS(name, expression)                    \
  static jj_value name(jj_ctx *ctx, jj_value *a) { \
    (void)ctx;                                     \
    return jj_bool(expression);                    \
  }
CLASS(isalnum_, all_pass(a[0], jj_cp_alnum))
CLASS(isalpha_, all_pass(a[0], jj_cp_alpha))
CLASS(isdecimal_, all_pass(a[0], jj_cp_decimal))
CLASS(isdigit_, all_pass(a[0], jj_cp_digit))
CLASS(isnumeric_, all_pass(a[0], jj_cp_numeric))
CLASS(isspace_, all_pass(a[0], jj_cp_space))
CLASS(isprintable_, a[0].s->size == 0 || all_pass(a[0], jj_cp_printable))
CLASS(isascii_, a[0].s->size == a[0].s->count)
CLASS(islower_, jj_str_is_lower(a[0]))
CLASS(isupper_, jj_str_is_upper(a[0]))
CLASS(istitle_, is_title(a[0]))
CLASS(isidentifier_, is_identifier(a[0]))

const jj_native jj_str_case_methods[] = {
    {"capitalize", "str.capitalize", "self", capitalize, 0, JJ_C_POSITIONAL},
    {"casefold", "str.casefold", "self", casefold, 0, JJ_C_POSITIONAL},
    {"isalnum", "str.isalnum", "self", isalnum_, 0, JJ_C_POSITIONAL},
    {"isalpha", "str.isalpha", "self", isalpha_, 0, JJ_C_POSITIONAL},
    {"isascii", "str.isascii", "self", isascii_, 0, JJ_C_POSITIONAL},
    {"isdecimal", "str.isdecimal", "self", isdecimal_, 0, JJ_C_POSITIONAL},
    {"isdigit", "str.isdigit", "self", isdigit_, 0, JJ_C_POSITIONAL},
    {"isidentifier", "str.isidentifier", "self", isidentifier_, 0, JJ_C_POSITIONAL},
    {"islower", "str.islower", "self", islower_, 0, JJ_C_POSITIONAL},
    {"isnumeric", "str.isnumeric", "self", isnumeric_, 0, JJ_C_POSITIONAL},
    {"isprintable", "str.isprintable", "self", isprintable_, 0, JJ_C_POSITIONAL},
    {"isspace", "str.isspace", "self", isspace_, 0, JJ_C_POSITIONAL},
    {"istitle", "str.istitle", "self", istitle_, 0, JJ_C_POSITIONAL},
    {"isupper", "str.isupper", "self", isupper_, 0, JJ_C_POSITIONAL},
    {"lower", "str.lower", "self", lower, 0, JJ_C_POSITIONAL},
    {"swapcase", "str.swapcase", "self", swapcase, 0, JJ_C_POSITIONAL},
    {"title", "str.title", "self", title, 0, JJ_C_POSITIONAL},
    {"upper", "str.upper", "self", upper, 0, JJ_C_POSITIONAL},
    {0},
};
