/* From Oniguruma's syntax to PCRE2's. Most of a pattern is the same in both; what is not: character
 * classes nest and intersect, properties and shorthands follow Unicode 16 whatever PCRE2 knows,
 * (?m) is PCRE2's (?s), an option without a colon reaches over alternatives, and a + after {n,m}
 * repeats instead of holding. */
#include "base/vec.h"
#include "lm/tokenizer/regex.h"
#include "lm/tokenizer/unicode.h"
#include "lm/tokenizer/utf8.h"

#include <string.h>
#include <utf8proc.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define MAX_NESTING 200

/* The recent characters of some general categories, as class items; `mask` has bit per category. */
static void put_recents(mx_str *body, uint32_t mask) {
  for (size_t i = 0; i < tok_recent_count; i++) {
    if (!(mask >> tok_recents[i].category & 1)) continue;
    uint32_t first = tok_recents[i].first, last = tok_recents[i].last;
    while (i + 1 < tok_recent_count && tok_recents[i + 1].first == last + 1 &&
           (mask >> tok_recents[i + 1].category & 1))
      last = tok_recents[++i].last;
    mx_str_printf(body, "\\x{%x}-\\x{%x}", first, last);
  }
}

#define BIT(category) (1u << UTF8PROC_CATEGORY_##category)
#define LETTERS (BIT(LU) | BIT(LL) | BIT(LT) | BIT(LM) | BIT(LO))
#define MARKS (BIT(MN) | BIT(MC) | BIT(ME))
#define NUMBERS (BIT(ND) | BIT(NL) | BIT(NO))
#define PUNCTUATION (BIT(PC) | BIT(PD) | BIT(PS) | BIT(PE) | BIT(PI) | BIT(PF) | BIT(PO))
#define SYMBOLS (BIT(SM) | BIT(SC) | BIT(SK) | BIT(SO))

#define SPACE_ITEMS \
  "\\t-\\r "        \
  "\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"
#define WORD_ITEMS                                                                           \
  "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}\\x{24b6}-\\x{24e9}" \
  "\\x{1f130}-\\x{1f149}\\x{1f150}-\\x{1f169}\\x{1f170}-\\x{1f189}"
#define WORD_MASK (LETTERS | MARKS | BIT(ND) | BIT(NL) | BIT(PC))
#define HEX_ITEMS "0-9A-Fa-f"
#define ALPHA_MASK (LETTERS | BIT(NL))
/* The marks among them are more than PCRE2 knows. */
#define ALPHA_ITEMS                                                                                \
  "\\p{Alphabetic}\\x{363}-\\x{36f}\\x{897}\\x{c04}\\x{cf3}\\x{f82}-\\x{f83}\\x{1dd3}-\\x{1de6}"   \
  "\\x{10d69}\\x{10efc}\\x{11080}-\\x{11081}\\x{11241}\\x{113b8}-\\x{113c0}\\x{113c2}\\x{113c5}"   \
  "\\x{113c7}-\\x{113ca}\\x{113cc}-\\x{113cd}\\x{11f00}-\\x{11f01}\\x{11f03}\\x{11f34}-\\x{11f3a}" \
  "\\x{11f3e}-\\x{11f40}\\x{1611e}-\\x{1612e}\\x{1e08f}"

/* Names of sets: class items for PCRE2, and the categories whose recent characters join them. Names
 * are lower case without spaces, underscores and hyphens. */
static const struct {
  const char *name, *items;
  uint32_t recents;
} sets[] = {
    {"l", "\\p{L}", LETTERS},
    {"letter", "\\p{L}", LETTERS},
    {"lc", "\\p{L&}", BIT(LU) | BIT(LL) | BIT(LT)},
    {"casedletter", "\\p{L&}", BIT(LU) | BIT(LL) | BIT(LT)},
    {"lu", "\\p{Lu}", BIT(LU)},
    {"uppercaseletter", "\\p{Lu}", BIT(LU)},
    {"ll", "\\p{Ll}", BIT(LL)},
    {"lowercaseletter", "\\p{Ll}", BIT(LL)},
    {"lt", "\\p{Lt}", 0},
    {"titlecaseletter", "\\p{Lt}", 0},
    {"lm", "\\p{Lm}", BIT(LM)},
    {"modifierletter", "\\p{Lm}", BIT(LM)},
    {"lo", "\\p{Lo}", BIT(LO)},
    {"otherletter", "\\p{Lo}", BIT(LO)},
    {"m", "\\p{M}", MARKS},
    {"mark", "\\p{M}", MARKS},
    {"combiningmark", "\\p{M}", MARKS},
    {"mn", "\\p{Mn}", BIT(MN)},
    {"nonspacingmark", "\\p{Mn}", BIT(MN)},
    {"mc", "\\p{Mc}", BIT(MC)},
    {"spacingmark", "\\p{Mc}", BIT(MC)},
    {"me", "\\p{Me}", 0},
    {"enclosingmark", "\\p{Me}", 0},
    {"n", "\\p{N}", NUMBERS},
    {"number", "\\p{N}", NUMBERS},
    {"nd", "\\p{Nd}", BIT(ND)},
    {"digit", "\\p{Nd}", BIT(ND)},
    {"decimalnumber", "\\p{Nd}", BIT(ND)},
    {"nl", "\\p{Nl}", BIT(NL)},
    {"letternumber", "\\p{Nl}", BIT(NL)},
    {"no", "\\p{No}", BIT(NO)},
    {"othernumber", "\\p{No}", BIT(NO)},
    {"p", "\\p{P}", PUNCTUATION},
    {"punct", "\\p{P}", PUNCTUATION},
    {"punctuation", "\\p{P}", PUNCTUATION},
    {"pc", "\\p{Pc}", 0},
    {"connectorpunctuation", "\\p{Pc}", 0},
    {"pd", "\\p{Pd}", BIT(PD)},
    {"dashpunctuation", "\\p{Pd}", BIT(PD)},
    {"ps", "\\p{Ps}", 0},
    {"openpunctuation", "\\p{Ps}", 0},
    {"pe", "\\p{Pe}", 0},
    {"closepunctuation", "\\p{Pe}", 0},
    {"pi", "\\p{Pi}", 0},
    {"initialpunctuation", "\\p{Pi}", 0},
    {"pf", "\\p{Pf}", 0},
    {"finalpunctuation", "\\p{Pf}", 0},
    {"po", "\\p{Po}", BIT(PO)},
    {"otherpunctuation", "\\p{Po}", BIT(PO)},
    {"s", "\\p{S}", SYMBOLS},
    {"symbol", "\\p{S}", SYMBOLS},
    {"sm", "\\p{Sm}", BIT(SM)},
    {"mathsymbol", "\\p{Sm}", BIT(SM)},
    {"sc", "\\p{Sc}", BIT(SC)},
    {"currencysymbol", "\\p{Sc}", BIT(SC)},
    {"sk", "\\p{Sk}", BIT(SK)},
    {"modifiersymbol", "\\p{Sk}", BIT(SK)},
    {"so", "\\p{So}", BIT(SO)},
    {"othersymbol", "\\p{So}", BIT(SO)},
    {"z", "\\p{Z}", 0},
    {"separator", "\\p{Z}", 0},
    {"zs", "\\p{Zs}", 0},
    {"spaceseparator", "\\p{Zs}", 0},
    {"zl", "\\p{Zl}", 0},
    {"lineseparator", "\\p{Zl}", 0},
    {"zp", "\\p{Zp}", 0},
    {"paragraphseparator", "\\p{Zp}", 0},
    {"c", "\\p{C}", 0},
    {"other", "\\p{C}", 0},
    {"cc", "\\p{Cc}", 0},
    {"cntrl", "\\p{Cc}", 0},
    {"control", "\\p{Cc}", 0},
    {"cf", "\\p{Cf}", BIT(CF)},
    {"format", "\\p{Cf}", BIT(CF)},
    {"co", "\\p{Co}", 0},
    {"privateuse", "\\p{Co}", 0},
    {"cn", "\\p{Cn}", 0},
    {"unassigned", "\\p{Cn}", 0},
    {"any", "\\x{0}-\\x{10ffff}", 0},
    {"ascii", "\\x{0}-\\x{7f}", 0},
    {"alpha", ALPHA_ITEMS, ALPHA_MASK},
    {"alphabetic", ALPHA_ITEMS, ALPHA_MASK},
    {"alnum", ALPHA_ITEMS "\\p{Nd}", ALPHA_MASK | BIT(ND)},
    {"blank", "\\t\\p{Zs}", 0},
    {"lower", "\\p{Lowercase}", BIT(LL)},
    {"lowercase", "\\p{Lowercase}", BIT(LL)},
    {"upper", "\\p{Uppercase}", BIT(LU)},
    {"uppercase", "\\p{Uppercase}", BIT(LU)},
    {"space", SPACE_ITEMS, 0},
    {"whitespace", SPACE_ITEMS, 0},
    {"xdigit", HEX_ITEMS, 0},
    {"word", WORD_ITEMS, WORD_MASK},
    /* Scripts with recent characters. */
    {"arabic", "\\p{sc:Arabic}\\x{897}\\x{10ec2}-\\x{10ec4}\\x{10efc}-\\x{10eff}", 0},
    {"cyrillic", "\\p{sc:Cyrillic}\\x{1c89}-\\x{1c8a}\\x{1e030}-\\x{1e06d}\\x{1e08f}", 0},
    {"devanagari", "\\p{sc:Devanagari}\\x{11b00}-\\x{11b09}", 0},
    {"han", "\\p{sc:Han}\\x{2b739}\\x{2ebf0}-\\x{2ee5d}\\x{31350}-\\x{323af}", 0},
    {"hiragana", "\\p{sc:Hiragana}\\x{1b132}", 0},
    {"kannada", "\\p{sc:Kannada}\\x{cf3}", 0},
    {"katakana", "\\p{sc:Katakana}\\x{1b155}", 0},
    {"lao", "\\p{sc:Lao}\\x{ece}", 0},
    {"latin", "\\p{sc:Latin}\\x{a7cb}-\\x{a7cd}\\x{a7da}-\\x{a7dc}\\x{1df25}-\\x{1df2a}", 0},
    {"myanmar", "\\p{sc:Myanmar}\\x{116d0}-\\x{116e3}", 0},
};

/* What a shorthand letter stands for; upper case is its complement. */
static const char *shorthand_set(char letter) {
  switch (letter | 32) {
  case 's': return "space";
  case 'w': return "word";
  case 'd': return "digit";
  case 'h': return "xdigit";
  default: return NULL;
  }
}

static void put_set(mx_str *body, const char *name) {
  for (size_t i = 0; i < COUNT(sets); i++)
    if (!strcmp(sets[i].name, name)) {
      mx_str_puts(body, sets[i].items);
      put_recents(body, sets[i].recents);
      return;
    }
  /* A script or a binary property: PCRE2 knows them by the same names. */
  static const char *const binary[] = {"emoji",
                                       "extpict",
                                       "extendedpictographic",
                                       "ideographic",
                                       "emojipresentation",
                                       "emojimodifier",
                                       "emojicomponent",
                                       "idstart",
                                       "idcontinue",
                                       "xidstart",
                                       "xidcontinue",
                                       "dash",
                                       "math",
                                       "cased",
                                       "caseignorable",
                                       "diacritic",
                                       "extender"};
  bool is_binary = false;
  for (size_t i = 0; i < COUNT(binary); i++) is_binary |= !strcmp(binary[i], name);
  mx_str_printf(body, is_binary ? "\\p{%s}" : "\\p{sc:%s}", name);
}

typedef struct {
  const char *start, *p, *end, *where;
  mx_str *out;
  bool extended; /* (?x): white space and comments are no part of the pattern */
} translator;

/* An atom that matches one character, being built: items of a plain class, and alternatives that a
 * plain class cannot hold. */
typedef struct {
  mx_str body, alternatives;
} set;

static void *fail(const translator *t, const char *what) {
  size_t size = (size_t)(t->end - t->start);
  return mx_fail("%s: bad regular expression \"%.*s\": %s", t->where,
                 (int)(size < 200 ? size : 200), t->start, what);
}

static void put_char(mx_str *out, uint32_t c) {
  bool plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
  if (plain)
    mx_str_putc(out, (char)c);
  else
    mx_str_printf(out, "\\x{%x}", c);
}

static void add_alternative(set *s, const char *atom) {
  if (s->alternatives.size) mx_str_putc(&s->alternatives, '|');
  mx_str_puts(&s->alternatives, atom);
}

/* Adds a named set, or its complement. */
static void add_set(set *s, const char *name, bool complement) {
  if (!complement) {
    put_set(&s->body, name);
    return;
  }
  mx_str atom = {0};
  mx_str_puts(&atom, "[^");
  put_set(&atom, name);
  mx_str_putc(&atom, ']');
  add_alternative(s, mx_str_c(&atom));
  mx_str_free(&atom);
}

/* The set as an atom. */
static void put_atom(mx_str *out, const set *s) {
  if (!s->alternatives.size && s->body.size)
    mx_str_printf(out, "[%s]", s->body.data);
  else if (!s->body.size && s->alternatives.size)
    mx_str_printf(out, "(?:%s)", s->alternatives.data);
  else if (s->body.size)
    mx_str_printf(out, "(?:[%s]|%s)", s->body.data, s->alternatives.data);
  else
    mx_str_puts(out, "(?!)");
}

static void free_set(set *s) {
  mx_str_free(&s->body);
  mx_str_free(&s->alternatives);
}

/* Reads a property's name up to its closing mark; the name goes to `name`, lower case and bare. */
static bool read_name(translator *t, const char *close, char name[64], bool *complement) {
  size_t n = 0;
  if (t->p < t->end && *t->p == '^') *complement = !*complement, t->p++;
  for (; t->p < t->end && *t->p != *close; t->p++) {
    char c = *t->p;
    if (c == ' ' || c == '_' || c == '-') continue;
    if (n == 63) break;
    name[n++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
  }
  name[n] = 0;
  size_t size = strlen(close);
  if (!n || (size_t)(t->end - t->p) < size || memcmp(t->p, close, size)) {
    fail(t, "a character property without an end");
    return false;
  }
  for (size_t i = 0; i < n; i++)
    if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9'))) {
      fail(t, "an odd character property");
      return false;
    }
  t->p += size;
  return true;
}

/* After a backslash: a shorthand or property, added to s. 1 if it was one, 0 if not, -1 failed. */
static int read_set_escape(translator *t, set *s) {
  char c = *t->p;
  if (shorthand_set(c)) {
    t->p++;
    add_set(s, shorthand_set(c), c < 'a');
    return 1;
  }
  if ((c == 'p' || c == 'P') && t->p + 1 < t->end && t->p[1] == '{') {
    bool complement = c == 'P';
    char name[64];
    t->p += 2;
    if (!read_name(t, "}", name, &complement)) return -1;
    add_set(s, name, complement);
    return 1;
  }
  return 0;
}

static int hex_digit(char c) {
  return c >= '0' && c <= '9'                 ? c - '0'
         : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                              : -1;
}

/* Reads up to `most` digits of a base that is a power of two. */
static uint32_t read_digits(translator *t, int base, int most) {
  uint32_t value = 0;
  for (; most-- && t->p < t->end; t->p++) {
    int digit = hex_digit(*t->p);
    if (digit < 0 || digit >= base) break;
    value = value * (uint32_t)base + (uint32_t)digit;
  }
  return value;
}

/* After a backslash: an escape that is one character. In a pattern (not a class) digits but 0 are
 * references, left to the caller. */
static uint32_t read_char_escape(translator *t) {
  static const char from[] = "nrtfvaeb", to[] = "\n\r\t\f\v\a\x1b\b";
  size_t size;
  uint32_t c = tok_utf8_at(t->p, &size);
  t->p += size;
  const char *simple = c < 0x80 && c ? strchr(from, (char)c) : NULL;
  if (simple) return (uint32_t)to[simple - from];
  if (c == 'u') return read_digits(t, 16, 4);
  if (c == 'x' && t->p < t->end && *t->p == '{') {
    t->p++;
    c = read_digits(t, 16, 8);
    if (t->p < t->end && *t->p == '}') t->p++;
    return c;
  }
  if (c == 'x') return read_digits(t, 16, 2);
  if (c >= '0' && c <= '7') return t->p--, read_digits(t, 8, 3);
  if (c == 'c' && t->p < t->end) return (uint32_t)*t->p++ & 0x1f;
  return c;
}

static bool read_class(translator *t, set *into, int depth);

/* One end of a range, or a lone character. */
static uint32_t read_class_char(translator *t) {
  if (*t->p == '\\' && t->p + 1 < t->end) {
    t->p++;
    return read_char_escape(t);
  }
  size_t size;
  uint32_t c = tok_utf8_at(t->p, &size);
  t->p += size;
  return c;
}

/* A character or a range of them, added to s. */
static bool read_class_range(translator *t, set *s) {
  uint32_t first = read_class_char(t), last = first;
  if (t->end - t->p >= 2 && t->p[0] == '-' && t->p[1] != ']' && t->p[1] != '[' &&
      !(t->end - t->p >= 3 && t->p[1] == '&' && t->p[2] == '&')) {
    t->p++;
    if (*t->p == '\\' && t->p + 1 < t->end && (shorthand_set(t->p[1]) || (t->p[1] | 32) == 'p'))
      return fail(t, "a class at the end of a range");
    last = read_class_char(t);
  }
  if (first > last || last > 0x10ffff || (first <= 0xdfff && last >= 0xd800 && first >= 0xd800))
    return fail(t, "an empty or impossible range");
  put_char(&s->body, first);
  if (last != first) mx_str_putc(&s->body, '-'), put_char(&s->body, last);
  return true;
}

/* [:name:] inside a class. 1 if it stood there, 0 if not, -1 failed. */
static int read_posix(translator *t, set *s) {
  if (t->end - t->p < 4 || t->p[0] != '[' || t->p[1] != ':') return 0;
  const char *close = memmem(t->p + 2, (size_t)(t->end - t->p - 2), ":]", 2);
  if (!close || memchr(t->p + 2, ']', (size_t)(close - t->p - 2))) return 0;
  char name[64];
  bool complement = false;
  t->p += 2;
  if (!read_name(t, ":]", name, &complement)) return -1;
  if (!strcmp(name, "punct")) { /* here, unlike in \p{punct}, symbols too */
    if (complement)
      add_alternative(s, "[^\\p{P}\\p{S}]");
    else
      add_set(s, "p", false), add_set(s, "s", false);
  } else if (!strcmp(name, "graph") || !strcmp(name, "print")) {
    bool graph = *name == 'g';
    const char *none = graph ? "[" SPACE_ITEMS "\\p{Cc}\\p{Cn}\\p{Cs}]" : "[\\p{Cc}\\p{Cn}\\p{Cs}]";
    const char *all =
        graph ? "[^" SPACE_ITEMS "\\p{Cc}\\p{Cn}\\p{Cs}]" : "[^\\p{Cc}\\p{Cn}\\p{Cs}]";
    add_alternative(s, complement ? none : all);
  } else
    add_set(s, name, complement);
  return 1;
}

/* Members of a class up to its end or an &&. */
static bool read_members(translator *t, set *s, int depth) {
  bool first = true;
  for (; t->p < t->end; first = false) {
    char c = *t->p;
    if (c == ']' && !(first && memchr(t->p + 1, ']', (size_t)(t->end - t->p - 1)))) return true;
    if (c == '&' && t->end - t->p > 1 && t->p[1] == '&') return true;
    int done = c == '[' ? read_posix(t, s) : 0;
    if (!done && c == '[') {
      t->p++;
      if (!read_class(t, s, depth + 1)) return false;
      continue;
    }
    if (!done && c == '\\' && t->p + 1 < t->end) {
      t->p++;
      done = read_set_escape(t, s);
      if (!done) t->p--;
    }
    if (done < 0) return false;
    if (!done && !read_class_range(t, s)) return false;
  }
  return fail(t, "a class without its ]");
}

/* A class after its [, added to `into`. */
static bool read_class(translator *t, set *into, int depth) {
  if (depth > MAX_NESTING) return fail(t, "classes nested too deeply");
  bool negated = t->p < t->end && *t->p == '^', intersected = false;
  if (negated) t->p++;
  set s = {0};
  mx_str atom = {0}; /* what precedes the last &&, as lookaheads */
  bool good = read_members(t, &s, depth);
  while (good && *t->p == '&') {
    intersected = true;
    mx_str_puts(&atom, "(?=");
    put_atom(&atom, &s);
    mx_str_putc(&atom, ')');
    free_set(&s);
    t->p += 2;
    good = read_members(t, &s, depth);
  }
  if (good) {
    t->p++;
    if (!s.body.size && !s.alternatives.size && !intersected) {
      fail(t, "an empty class");
      good = false;
    } else if (!intersected && !s.alternatives.size) {
      if (!negated)
        mx_str_append(&into->body, s.body.data, s.body.size);
      else {
        mx_str_printf(&atom, "[^%s]", s.body.data);
        add_alternative(into, mx_str_c(&atom));
      }
    } else {
      put_atom(&atom, &s);
      mx_str whole = {0};
      mx_str_printf(&whole, negated ? "(?:(?!%s)(?s:.))" : "(?:%s)", mx_str_c(&atom));
      add_alternative(into, mx_str_c(&whole));
      mx_str_free(&whole);
    }
  }
  mx_str_free(&atom);
  free_set(&s);
  return good;
}

/* What a group must restore when it closes. */
typedef struct {
  size_t start; /* where the group begins in the output */
  int unclosed; /* groups opened for options without a colon */
  bool extended;
} group;

typedef MX_VEC(group) groups;

/* Length of an interval {n}, {n,}, {,m} or {n,m} at p, else 0. */
static size_t interval_size(const char *p, const char *end) {
  const char *q = p + 1;
  int digits = 0, commas = 0;
  for (; q < end && *q != '}'; q++) {
    if (*q >= '0' && *q <= '9')
      digits++;
    else if (*q == ',' && !commas)
      commas++;
    else
      return 0;
  }
  return q < end && digits ? (size_t)(q + 1 - p) : 0;
}

static void wrap(mx_str *out, size_t start) {
  mx_str tail = {0};
  mx_str_append(&tail, mx_str_c(out) + start, out->size - start);
  out->size = start;
  mx_str_puts(out, "(?:");
  mx_str_append(out, mx_str_c(&tail), tail.size);
  mx_str_putc(out, ')');
  mx_str_free(&tail);
}

/* A quantifier at t->p, if one stands there. `repeated` says whether the atom at `atom` has one
 * already. */
static bool read_quantifier(translator *t, size_t atom, bool *repeated) {
  char c = *t->p;
  size_t interval = c == '{' ? interval_size(t->p, t->end) : 0;
  if (c != '*' && c != '+' && c != '?' && !interval) return false;
  if (*repeated) wrap(t->out, atom);
  if (interval) {
    if (t->p[1] == ',') mx_str_puts(t->out, "{0"), t->p++, interval--;
    bool exact = !memchr(t->p, ',', interval);
    mx_str_append(t->out, t->p, interval);
    t->p += interval;
    if (t->p < t->end && *t->p == '?' && !exact) mx_str_putc(t->out, *t->p++);
  } else {
    mx_str_putc(t->out, c);
    t->p++;
    if (t->p < t->end && (*t->p == '?' || *t->p == '+')) mx_str_putc(t->out, *t->p++);
  }
  return *repeated = true;
}

/* An escape outside classes. */
static bool read_escape(translator *t) {
  set s = {0};
  int done = read_set_escape(t, &s);
  if (done) {
    if (done > 0) put_atom(t->out, &s);
    free_set(&s);
    return done > 0;
  }
  char c = *t->p;
  if (c == 'b' || c == 'B') {
    mx_str word = {0};
    put_set(&word, "word");
    const char *w = word.data;
    mx_str_printf(t->out,
                  c == 'b' ? "(?:(?<=[%s])(?![%s])|(?<![%s])(?=[%s]))"
                           : "(?:(?<=[%s])(?=[%s])|(?<![%s])(?![%s]))",
                  w, w, w, w);
    mx_str_free(&word);
    t->p++;
    return true;
  }
  if (c == 'O') return t->p++, mx_str_puts(t->out, "(?s:.)"), true;
  if (c && strchr("RXKGAZzNkgQE123456789", c)) {
    bool quote = c == 'Q';
    mx_str_putc(t->out, '\\');
    mx_str_putc(t->out, c);
    t->p++;
    if (!quote) return true;
    const char *close = memmem(t->p, (size_t)(t->end - t->p), "\\E", 2);
    const char *stop = close ? close + 2 : t->end;
    mx_str_append(t->out, t->p, (size_t)(stop - t->p));
    t->p = stop;
    return true;
  }
  if (c && strchr("yYM", c)) return fail(t, "an escape that is not supported");
  put_char(t->out, read_char_escape(t));
  return true;
}

/* (?imx-imx) or (?imx-imx: — the letters, for PCRE2; m is its s. */
static bool read_options(translator *t, groups *open) {
  mx_str letters = {0};
  bool on = true, extended = t->extended;
  for (; t->p < t->end && *t->p != ')' && *t->p != ':'; t->p++) {
    if (*t->p == '-')
      on = false;
    else if (*t->p == 'x') {
      extended = on;
      continue;
    } else if (*t->p != 'i' && *t->p != 'm') {
      mx_str_free(&letters);
      return fail(t, "an option that is not supported");
    }
    mx_str_putc(&letters, *t->p == 'm' ? 's' : *t->p);
  }
  if (t->p == t->end) {
    mx_str_free(&letters);
    return fail(t, "a group without its )");
  }
  size_t start = t->out->size;
  mx_str_printf(t->out, "(?%s:", mx_str_c(&letters));
  mx_str_free(&letters);
  if (*t->p++ == ':')
    mx_vec_push(open, (group){start, 0, t->extended});
  else
    mx_vec_last(open).unclosed++;
  t->extended = extended;
  return true;
}

/* A group's opening. */
static bool open_group(translator *t, groups *open) {
  if (open->size > MAX_NESTING) return fail(t, "groups nested too deeply");
  size_t start = t->out->size, left = (size_t)(t->end - t->p);
  if (left < 3 || t->p[1] != '?') {
    t->p++;
    mx_str_putc(t->out, '(');
    mx_vec_push(open, (group){start, 0, t->extended});
    return true;
  }
  char c = t->p[2];
  if (c == '#') {
    const char *close = memchr(t->p, ')', left);
    if (!close) return fail(t, "a comment without its )");
    t->p = close + 1;
    return true;
  }
  if (!strchr(":=!><", c)) return t->p += 2, read_options(t, open);
  size_t size = 3;
  if (c == '<' && left > 3 && (t->p[3] == '=' || t->p[3] == '!')) size = 4;
  mx_str_append(t->out, t->p, size);
  t->p += size;
  mx_vec_push(open, (group){start, 0, t->extended});
  return true;
}

static bool skip_extended(translator *t) {
  if (!t->extended) return false;
  if (strchr(" \t\n\r\f\v", *t->p) && *t->p) return t->p++, true;
  if (*t->p != '#') return false;
  while (t->p < t->end && *t->p != '\n') t->p++;
  return true;
}

static void close_options(translator *t, const group *g) {
  for (int i = 0; i < g->unclosed; i++) mx_str_putc(t->out, ')');
  t->extended = g->extended;
}

/* The body of the translation. */
static bool translate(translator *t, groups *open) {
  size_t atom = 0;
  bool has_atom = false, repeated = false;
  while (t->p < t->end) {
    if (skip_extended(t)) continue;
    if (has_atom && read_quantifier(t, atom, &repeated)) continue;
    char c = *t->p;
    atom = t->out->size;
    has_atom = c != '|' && c != '(', repeated = false;
    if (c == '\\' && t->p + 1 < t->end) {
      t->p++;
      if (!read_escape(t)) return false;
    } else if (c == '[') {
      set s = {0};
      t->p++;
      bool good = read_class(t, &s, 0);
      if (good) put_atom(t->out, &s);
      free_set(&s);
      if (!good) return false;
    } else if (c == '(') {
      if (!open_group(t, open)) return false;
    } else if (c == ')') {
      if (open->size == 1) return fail(t, "a ) without its (");
      group g = mx_vec_pop(open);
      close_options(t, &g);
      mx_str_putc(t->out, ')');
      atom = g.start;
      t->p++;
    } else {
      size_t size = tok_utf8_size((unsigned char)c);
      if (c == '{' && !interval_size(t->p, t->end))
        mx_str_puts(t->out, "\\{");
      else if (c == '#' || c == ' ' || c == 0)
        mx_str_printf(t->out, "\\x{%x}", (unsigned)c);
      else
        mx_str_append(t->out, t->p, size);
      t->p += size;
    }
  }
  if (open->size > 1) return fail(t, "a ( without its )");
  close_options(t, &mx_vec_last(open));
  return true;
}

int tok_regex_translate(const char *pattern, size_t size, const char *where, mx_str *out) {
  translator t = {pattern, pattern, pattern + size, where, out, false};
  groups open = {0};
  mx_vec_push(&open, (group){0});
  mx_str_clear(out);
  bool good = translate(&t, &open);
  mx_vec_free(&open);
  return good ? 0 : -1;
}
