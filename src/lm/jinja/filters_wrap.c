/* wordwrap, which is Python's textwrap, and urlize: the filters that need regular expressions. */
#include "lm/jinja/context.h"
#include "lm/jinja/filters.h"
#include "lm/jinja/interp.h"
#include "lm/jinja/methods.h"
#include "lm/jinja/ops.h"
#include "lm/jinja/unicode.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

/* The first match at or behind `at`: true with its bounds. */
static bool search(const pcre2_code *code, const char *text, size_t size, size_t at, size_t *from,
                   size_t *to) {
  pcre2_match_data *match = pcre2_match_data_create_from_pattern(code, NULL);
  int rc = pcre2_match(code, (PCRE2_SPTR)text, size, at, PCRE2_NO_UTF_CHECK, match, NULL);
  if (rc > 0) {
    *from = pcre2_get_ovector_pointer(match)[0];
    *to = pcre2_get_ovector_pointer(match)[1];
  }
  pcre2_match_data_free(match);
  return rc > 0;
}

static pcre2_code *compile(const char *pattern, uint32_t options) {
  int error;
  PCRE2_SIZE where;
  return pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                       options | PCRE2_UTF | PCRE2_UCP | PCRE2_EXTENDED, &error, &where, NULL);
}

/* -- wordwrap -- */

#define SPACE "[\\t\\n\\x0b\\x0c\\r\\x20]"
#define WORD "[^\\t\\n\\x0b\\x0c\\r\\x20]"
#define LETTER "[^\\d\\W]"
#define BEFORE_DASH "(?<=[\\w!\"'&.,?])"
/* Spaces, dashes between words, and words, which may be cut behind their hyphens. */
static const char hyphenated[] =
    SPACE "+ | " BEFORE_DASH "-{2,}(?=\\w) | " WORD "+?(?: -(?: (?<=" LETTER "{2}-) | (?<=" LETTER
          "-" LETTER "-) )(?= " LETTER "-?" LETTER ") | (?=" SPACE "|\\z) | " BEFORE_DASH
          "(?=-{2,}\\w) )";
static const char plain[] = SPACE "+";

typedef struct {
  const char *text;
  size_t size;
  int64_t count; /* characters */
} chunk;

typedef struct {
  jj_ctx *ctx;
  jj_buf *out;
  int64_t width;
  bool break_words, break_hyphens;
  jj_value between;
  MX_VEC(chunk) chunks, line;
  bool any; /* a line was written */
} wrapper;

static chunk chunk_of(const char *text, size_t size) {
  return (chunk){text, size, (int64_t)jj_utf8_count(text, size)};
}

static bool is_blank(const chunk *c) {
  const char *p = c->text, *end = p + c->size;
  while (p < end) {
    uint32_t cp;
    p += jj_utf8_next(p, end, &cp);
    if (!jj_cp_space(cp)) return false;
  }
  return true;
}

static void cut_chunks(wrapper *w, const char *text, size_t size) {
  pcre2_code *code = compile(w->break_hyphens ? hyphenated : plain, 0);
  size_t at = 0, from, to;
  while (at < size && search(code, text, size, at, &from, &to) && to > at) {
    if (from > at) mx_vec_push(&w->chunks, chunk_of(text + at, from - at));
    mx_vec_push(&w->chunks, chunk_of(text + from, to - from));
    at = to;
  }
  if (at < size) mx_vec_push(&w->chunks, chunk_of(text + at, size - at));
  pcre2_code_free(code);
}

/* Where a word that is longer than the line is cut. */
static int64_t cut_of(const wrapper *w, const chunk *c, int64_t room) {
  if (!w->break_hyphens || c->count <= room) return room;
  size_t end = jj_utf8_offset(c->text, c->size, (size_t)room);
  const char *hyphen = memrchr(c->text, '-', end);
  if (!hyphen || hyphen == c->text) return room;
  bool only_hyphens = strspn(c->text, "-") >= (size_t)(hyphen - c->text);
  return only_hyphens ? room : (int64_t)jj_utf8_count(c->text, (size_t)(hyphen - c->text)) + 1;
}

static void put_long_word(wrapper *w, size_t *next, int64_t used) {
  chunk *c = &w->chunks.data[*next];
  if (w->break_words) {
    size_t bytes = jj_utf8_offset(c->text, c->size, (size_t)cut_of(w, c, w->width - used));
    mx_vec_push(&w->line, chunk_of(c->text, bytes));
    *c = chunk_of(c->text + bytes, c->size - bytes);
  } else if (!w->line.size) {
    mx_vec_push(&w->line, *c);
    ++*next;
  }
}

static void put_line(wrapper *w, bool first) {
  if (w->line.size && is_blank(&mx_vec_last(&w->line))) w->line.size--;
  if (!w->line.size) return;
  if (!first) jj_put_str(w->out, w->between);
  for (size_t i = 0; i < w->line.size; i++)
    jj_put(w->out, w->line.data[i].text, w->line.data[i].size);
  w->any = true;
}

static void wrap_paragraph(wrapper *w, jj_value text) {
  w->chunks.size = 0;
  w->any = false;
  cut_chunks(w, text.s->data, text.s->size);
  for (size_t next = 0; next < w->chunks.size && jj_step(w->ctx);) {
    int64_t used = 0;
    w->line.size = 0;
    if (w->any && is_blank(&w->chunks.data[next])) next++;
    while (next < w->chunks.size && used + w->chunks.data[next].count <= w->width) {
      used += w->chunks.data[next].count;
      mx_vec_push(&w->line, w->chunks.data[next++]);
    }
    if (next < w->chunks.size && w->chunks.data[next].count > w->width)
      put_long_word(w, &next, used);
    put_line(w, !w->any);
  }
}

static jj_value wordwrap(jj_ctx *ctx, jj_value *a) {
  JJ_BUF(out, ctx);
  wrapper w = {.ctx = ctx, .out = &out};
  if (a[0].type != JJ_STRING) return jj_no_attribute(ctx, a[0], "splitlines");
  if (a[0].s->size && jj_given(a[1]) && jj_order(ctx, JJ_LE, a[1], jj_int(0)) < 0)
    return jj_failed();
  if (a[0].s->size && jj_take_int(ctx, a[1], 79, &w.width) < 0) return jj_failed();
  w.break_words = jj_flag(ctx, a[2], true);
  w.between = jj_some(a[3]) ? a[3] : jj_strz(ctx, "\n");
  w.break_hyphens = jj_flag(ctx, a[4], true);
  if (w.between.type != JJ_STRING) return jj_no_attribute(ctx, w.between, "join");
  jj_list *lines = jj_str_lines(ctx, a[0], false);
  if (w.width <= 0 && lines->size)
    return jj_fail(ctx, "invalid width %lld (must be > 0)", (long long)w.width);
  for (size_t i = 0; i < lines->size && !ctx->failed; i++) {
    if (i) jj_put_str(&out, w.between);
    wrap_paragraph(&w, lines->items[i]);
  }
  mx_vec_free(&w.chunks);
  mx_vec_free(&w.line);
  return jj_take(&out);
}

/* -- urlize -- */

static const char web_address[] =
    "\\A( (https?://|www\\.)(([\\w%-]+\\.)+)?([a-z]{2,63}|xn--[\\w%]{2,59})"
    "  | ([\\w%-]{2,63}\\.)+(com|net|int|edu|gov|org|info|mil)"
    "  | "
    "(https?://"
    ")((([\\d]{1,3})(\\.[\\d]{1,3}){3})|(\\[([\\da-f]{0,4}:){2}([\\da-f]{0,4}:?){1,6}\\]))"
    ")(?::[\\d]{1,5})?(?:[/?\\#]\\S*)?\\z";
static const char mail_address[] = "\\A\\S+@\\w[\\w.-]*\\.\\w+\\z";
static const char scheme_prefix[] = "\\A([\\w.+-]{2,}:(/){0,2})\\z";

typedef struct {
  jj_ctx *ctx;
  pcre2_code *web, *mail;
  int64_t limit;       /* characters of an address that are shown; -1: all */
  jj_value attributes; /* rel and target */
  jj_list *schemes;
} linker;

static bool matches(const pcre2_code *code, const char *text, size_t size) {
  size_t from, to;
  return search(code, text, size, 0, &from, &to);
}

static size_t count_of(const char *text, size_t size, const char *part) {
  size_t n = 0;
  for (const char *p = text, *end = text + size;
       (p = memmem(p, (size_t)(end - p), part, strlen(part))); p += strlen(part))
    n++;
  return n;
}

static size_t head_size(const char *p, size_t size) {
  size_t n = 0;
  for (;;) {
    if (n < size && (p[n] == '(' || p[n] == '<'))
      n++;
    else if (size - n >= 4 && memcmp(p + n, "&lt;", 4) == 0)
      n += 4;
    else
      return n;
  }
}

static size_t size_without_tail(const char *p, size_t size) {
  for (;;) {
    if (size && strchr(")>.,", p[size - 1]) && p[size - 1])
      size--;
    else if (size >= 4 && memcmp(p + size - 4, "&gt;", 4) == 0)
      size -= 4;
    else
      return size;
  }
}

/* Gives closing brackets of the tail back to an address that opens them. */
static size_t balanced_size(const char *p, size_t middle, size_t size) {
  static const char *const pairs[][2] = {{"(", ")"}, {"<", ">"}, {"&lt;", "&gt;"}};
  for (int i = 0; i < 3; i++) {
    size_t opened = count_of(p, middle, pairs[i][0]);
    if (opened <= count_of(p, middle, pairs[i][1])) continue;
    size_t closed = count_of(p + middle, size - middle, pairs[i][1]);
    for (size_t n = opened < closed ? opened : closed; n > 0; n--) {
      const char *at = memmem(p + middle, size - middle, pairs[i][1], strlen(pairs[i][1]));
      middle = (size_t)(at - p) + strlen(pairs[i][1]);
    }
  }
  return middle;
}

static void put_link(jj_buf *b, const linker *l, const char *before, const char *p, size_t size,
                     bool attributes, size_t shown_from) {
  jj_puts(b, "<a href=\"");
  jj_puts(b, before);
  jj_put(b, p, size);
  jj_putc(b, '"');
  if (attributes) jj_put_str(b, l->attributes);
  jj_putc(b, '>');
  bool trim = attributes && l->limit >= 0 && (int64_t)jj_utf8_count(p, size) > l->limit;
  if (trim) size = jj_utf8_offset(p, size, (size_t)l->limit);
  jj_put(b, p + shown_from, size - shown_from);
  jj_puts(b, trim ? "...</a>" : "</a>");
}

static bool starts(const char *p, size_t size, const char *with) {
  size_t n = strlen(with);
  return size >= n && memcmp(p, with, n) == 0;
}

static void put_address(jj_buf *b, const linker *l, const char *p, size_t size) {
  if (matches(l->web, p, size)) {
    bool whole = starts(p, size, "https://") || starts(p, size, "http://");
    return put_link(b, l, whole ? "" : "https://", p, size, true, 0);
  }
  if (starts(p, size, "mailto:") && matches(l->mail, p + 7, size - 7))
    return put_link(b, l, "", p, size, false, 7);
  bool mail =
      memchr(p, '@', size) && !memchr(p, ':', size) && *p != '@' && !starts(p, size, "www.");
  if (mail && matches(l->mail, p, size)) return put_link(b, l, "mailto:", p, size, false, 0);
  for (size_t i = 0; i < l->schemes->size; i++) {
    jj_value scheme = l->schemes->items[i];
    if (size == scheme.s->size || !starts(p, size, scheme.s->data)) continue;
    linker untrimmed = *l;
    untrimmed.limit = -1;
    return put_link(b, &untrimmed, "", p, size, true, 0);
  }
  jj_put(b, p, size);
}

static void put_word(jj_buf *b, const linker *l, const char *p, size_t size) {
  size_t head = head_size(p, size);
  jj_put(b, p, head);
  p += head, size -= head;
  size_t middle = balanced_size(p, size_without_tail(p, size), size);
  if (middle) put_address(b, l, p, middle);
  jj_put(b, p + middle, size - middle);
}

static jj_value schemes_of(jj_ctx *ctx, jj_value given) {
  if (!jj_some(given)) return jj_object_value(jj_list_new(ctx, JJ_LIST, 0));
  jj_list *schemes = jj_collect(ctx, given, JJ_LIST);
  if (!schemes) return jj_failed();
  pcre2_code *code = compile(scheme_prefix, 0);
  for (size_t i = 0; i < schemes->size; i++) {
    jj_value s = schemes->items[i];
    if (s.type != JJ_STRING || !matches(code, s.s->data, s.s->size))
      jj_fail(ctx, "%s is not a valid URI scheme prefix.", jj_repr_c(ctx, s));
  }
  pcre2_code_free(code);
  return ctx->failed ? jj_failed() : jj_object_value(schemes);
}

static jj_value word_before(jj_ctx *ctx, void *state, jj_value item) {
  (void)ctx, (void)state;
  return item;
}

/* ` rel="..." target="..."`, the relations sorted and each once. */
static jj_value attributes_of(jj_ctx *ctx, jj_value rel, bool nofollow, jj_value target) {
  jj_dict *seen = jj_dict_new(ctx);
  jj_args none = {0};
  if (jj_some(rel) && rel.type == JJ_STRING) {
    jj_value split = jj_getattr(ctx, rel, jj_strz(ctx, "split"));
    jj_value words = jj_bad(split) ? split : jj_call(ctx, split, &none);
    if (jj_bad(words)) return words;
    for (size_t i = 0; i < words.l->size; i++) jj_dict_set(ctx, seen, words.l->items[i], jj_none());
  }
  if (nofollow) jj_dict_set(ctx, seen, jj_strz(ctx, "nofollow"), jj_none());
  jj_dict_set(ctx, seen, jj_strz(ctx, "noopener"), jj_none());
  jj_list *sorted = jj_sorted(ctx, jj_object_value(seen), word_before, NULL, false);
  if (!sorted) return jj_failed();
  JJ_BUF(b, ctx);
  jj_puts(&b, " rel=\"");
  jj_value joined = jj_escape(ctx, jj_str_join(ctx, jj_strz(ctx, " "), jj_object_value(sorted)));
  if (jj_bad(joined)) return joined;
  jj_put_str(&b, joined);
  jj_putc(&b, '"');
  if (jj_some(target) && jj_truth(ctx, target)) {
    jj_value escaped = jj_escape(ctx, target);
    if (jj_bad(escaped)) return escaped;
    jj_puts(&b, " target=\"");
    jj_put_str(&b, escaped);
    jj_putc(&b, '"');
  }
  return jj_take(&b);
}

static jj_value urlize(jj_ctx *ctx, jj_value *a) {
  linker l = {.ctx = ctx, .limit = -1};
  if (jj_some(a[1]) && jj_take_int(ctx, a[1], -1, &l.limit) < 0) return jj_failed();
  if (jj_some(a[1]) && l.limit < 0) l.limit = 0;
  l.attributes = attributes_of(ctx, a[4], jj_flag(ctx, a[2], false), a[3]);
  jj_value schemes = schemes_of(ctx, a[5]), text = jj_escape(ctx, a[0]);
  if (jj_bad(l.attributes) || jj_bad(schemes) || jj_bad(text)) return jj_failed();
  l.schemes = schemes.l;
  l.web = compile(web_address, PCRE2_CASELESS);
  l.mail = compile(mail_address, 0);
  JJ_BUF(b, ctx);
  const char *p = text.s->data, *end = p + text.s->size;
  while (p < end && jj_step(ctx)) {
    const char *word = p;
    uint32_t cp;
    size_t n = 0;
    for (; p < end; p += n) {
      n = jj_utf8_next(p, end, &cp);
      if (jj_cp_space(cp)) break;
    }
    put_word(&b, &l, word, (size_t)(p - word));
    if (p < end) jj_put(&b, p, n), p += n;
  }
  pcre2_code_free(l.web);
  pcre2_code_free(l.mail);
  return jj_str_flagged(ctx, jj_take(&b), ctx->autoescape);
}

const jj_native jj_wrap_filters[] = {
    {"urlize", "do_urlize", "value trim_url_limit= nofollow= target= rel= extra_schemes=", urlize,
     1, JJ_PYTHON},
    {"wordwrap", "do_wordwrap",
     "s width= break_long_words= wrapstring= break_on_hyphens=", wordwrap, 1, JJ_PYTHON},
    {0},
};
