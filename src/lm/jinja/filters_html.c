/* Filters for HTML and URLs: escape, safe, striptags, xmlattr, urlencode. */
#include "lm/jinja/context.h"
#include "lm/jinja/filters.h"
#include "lm/jinja/ops.h"
#include "lm/jinja/unicode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static jj_value escape(jj_ctx *ctx, jj_value *a) { return jj_escape(ctx, a[0]); }

static jj_value forceescape(jj_ctx *ctx, jj_value *a) {
  jj_value s = jj_to_str(ctx, a[0]);
  return jj_bad(s) ? s : jj_escape(ctx, jj_str_flagged(ctx, s, false));
}

static jj_value safe(jj_ctx *ctx, jj_value *a) {
  return jj_str_flagged(ctx, jj_to_str(ctx, a[0]), true);
}

/* -- striptags -- */

/* Takes out everything between `open` and the nearest `close`, again and again. */
static void strip_between(mx_str *s, const char *open, const char *close) {
  mx_str out = {0};
  const char *p = mx_str_c(s), *end = p + s->size, *from, *to;
  while ((from = memmem(p, (size_t)(end - p), open, strlen(open))) &&
         (to = memmem(from, (size_t)(end - from), close, strlen(close)))) {
    mx_str_append(&out, p, (size_t)(from - p));
    p = to + strlen(close);
  }
  mx_str_append(&out, p, (size_t)(end - p));
  mx_str_free(s);
  *s = out;
}

static void collapse_space(mx_str *s) {
  mx_str out = {0};
  const char *p = mx_str_c(s), *end = p + s->size;
  bool gap = false;
  while (p < end) {
    uint32_t cp;
    size_t n = jj_utf8_next(p, end, &cp);
    if (jj_cp_space(cp)) {
      gap = true;
    } else {
      if (gap && out.size) mx_str_putc(&out, ' ');
      mx_str_append(&out, p, n);
      gap = false;
    }
    p += n;
  }
  mx_str_free(s);
  *s = out;
}

/* A character reference from behind its "&": its character, or 0 where it is none. */
static uint32_t reference_at(const char *p, const char *end, const char **after) {
  static const struct {
    const char *name;
    uint32_t cp;
  } names[] = {{"amp;", '&'},      {"lt;", '<'},       {"gt;", '>'},        {"quot;", '"'},
               {"apos;", '\''},    {"nbsp;", 0xa0},    {"copy;", 0xa9},     {"reg;", 0xae},
               {"raquo;", 0xbb},   {"laquo;", 0xab},   {"hellip;", 0x2026}, {"mdash;", 0x2014},
               {"ndash;", 0x2013}, {"lsquo;", 0x2018}, {"rsquo;", 0x2019},  {"ldquo;", 0x201c},
               {"rdquo;", 0x201d}, {"bull;", 0x2022},  {"euro;", 0x20ac},   {"trade;", 0x2122},
               {"amp", '&'},       {"lt", '<'},        {"gt", '>'},         {"quot", '"'}};
  if (p < end && *p == '#') {
    char *stop;
    bool hex = p[1] == 'x' || p[1] == 'X';
    const char *digits = p + 1 + hex;
    if (*digits < '0' || (*digits > '9' && !hex)) return 0;
    unsigned long cp = strtoul(digits, &stop, hex ? 16 : 10);
    if (stop == digits) return 0;
    *after = stop + (*stop == ';');
    return cp == 0 || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000) ? 0xfffd : (uint32_t)cp;
  }
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    size_t n = strlen(names[i].name);
    if ((size_t)(end - p) < n || memcmp(p, names[i].name, n) != 0) continue;
    *after = p + n;
    return names[i].cp;
  }
  return 0;
}

static jj_value unescape(jj_ctx *ctx, const mx_str *s) {
  JJ_BUF(b, ctx);
  const char *p = mx_str_c(s), *end = p + s->size;
  while (p < end) {
    const char *after;
    uint32_t cp = *p == '&' ? reference_at(p + 1, end, &after) : 0;
    if (cp) {
      jj_put_cp(&b, cp);
      p = after;
    } else {
      jj_putc(&b, *p++);
    }
  }
  return jj_take(&b);
}

static jj_value striptags(jj_ctx *ctx, jj_value *a) {
  jj_value v = jj_to_str(ctx, a[0]);
  if (jj_bad(v)) return v;
  mx_str s = {0};
  mx_str_append(&s, v.s->data, v.s->size);
  strip_between(&s, "<!--", "-->");
  strip_between(&s, "<", ">");
  collapse_space(&s);
  jj_value out = unescape(ctx, &s);
  mx_str_free(&s);
  return out;
}

/* -- xmlattr -- */

static jj_value xmlattr(jj_ctx *ctx, jj_value *a) {
  if (a[0].type != JJ_DICT) return jj_no_attribute(ctx, a[0], "items");
  JJ_BUF(b, ctx);
  bool space = jj_flag(ctx, a[1], true);
  for (size_t i = 0; i < a[0].d->size; i++) {
    jj_value key = a[0].d->entries[i].key, value = a[0].d->entries[i].value;
    if (value.type == JJ_NONE || value.type == JJ_UNDEFINED) continue;
    if (key.type != JJ_STRING)
      return jj_fail(ctx, "expected string or bytes-like object, got '%s'", jj_type_name(key));
    if (key.s->data[strcspn(key.s->data, " \t\n\v\f\r/>=")])
      return jj_fail(ctx, "Invalid character in attribute name: %s", jj_repr_c(ctx, key));
    if (b.text.size || space) jj_putc(&b, ' ');
    key = jj_escape(ctx, key), value = jj_escape(ctx, value);
    if (jj_bad(key) || jj_bad(value)) return jj_failed();
    jj_put_str(&b, key);
    jj_puts(&b, "=\"");
    jj_put_str(&b, value);
    jj_putc(&b, '"');
  }
  return jj_str_flagged(ctx, jj_take(&b), ctx->autoescape);
}

/* -- urlencode -- */

static int put_quoted(jj_buf *b, jj_value v, bool query) {
  jj_value s = jj_to_str(b->ctx, v);
  if (jj_bad(s)) return -1;
  for (size_t i = 0; i < s.s->size; i++) {
    uint8_t c = (uint8_t)s.s->data[i];
    bool plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z' && c < 128) ||
                 (c && strchr("_.-~", c)) || (c == '/' && !query);
    char hex[4];
    snprintf(hex, sizeof hex, "%%%02X", c);
    if (plain)
      jj_putc(b, (char)c);
    else
      jj_puts(b, c == ' ' && query ? "+" : hex);
  }
  return 0;
}

static jj_value urlencode(jj_ctx *ctx, jj_value *a) {
  JJ_BUF(b, ctx);
  if (a[0].type == JJ_STRING || !jj_iterable(a[0]))
    return put_quoted(&b, a[0], false) < 0 ? jj_failed() : jj_take(&b);
  jj_value pairs = a[0].type == JJ_DICT ? jj_view_new(ctx, a[0].d, JJ_ITEMS) : a[0], item;
  jj_iter it = {pairs, 0};
  int more;
  for (bool first = true; (more = jj_iter_next(ctx, &it, &item)) > 0; first = false) {
    if (!jj_iterable(item))
      return jj_fail(ctx, "cannot unpack non-iterable %s object", jj_type_name(item));
    jj_list *pair = jj_collect(ctx, item, JJ_LIST);
    if (!pair) return jj_failed();
    if (pair->size > 2) return jj_fail(ctx, "too many values to unpack (expected 2)");
    if (pair->size < 2)
      return jj_fail(ctx, "not enough values to unpack (expected 2, got %zu)", pair->size);
    if (!first) jj_putc(&b, '&');
    if (put_quoted(&b, pair->items[0], true) < 0) return jj_failed();
    jj_putc(&b, '=');
    if (put_quoted(&b, pair->items[1], true) < 0) return jj_failed();
  }
  return more < 0 ? jj_failed() : jj_take(&b);
}

const jj_native jj_html_filters[] = {
    {"e", "escape", "s", escape, 0, JJ_PYTHON},
    {"escape", "escape", "s", escape, 0, JJ_PYTHON},
    {"forceescape", "do_forceescape", "value", forceescape, 0, JJ_PYTHON},
    {"safe", "do_mark_safe", "value", safe, 0, JJ_PYTHON},
    {"striptags", "do_striptags", "value", striptags, 0, JJ_PYTHON},
    {"urlencode", "do_urlencode", "value", urlencode, 0, JJ_PYTHON},
    {"xmlattr", "do_xmlattr", "d autospace=", xmlattr, 1, JJ_PYTHON},
    {0},
};
