/* The other str methods: searching, splitting, joining, padding, replacing. */
#include "lm/jinja/context.h"
#include "lm/jinja/methods.h"
#include "lm/jinja/ops.h"
#include "lm/jinja/unicode.h"

#include <string.h>

static bool is_none(jj_value v) { return !jj_given(v) || v.type == JJ_NONE; }

static jj_value like(jj_ctx *ctx, jj_value text, jj_value model) {
  return jj_str_flagged(ctx, text, jj_is_markup(model));
}

static jj_value part(jj_ctx *ctx, jj_value of, const char *from, const char *to) {
  return like(ctx, jj_str(ctx, from, (size_t)(to - from)), of);
}

/* An integer argument, or its default; -1 after Python's TypeError. */
static int take_int(jj_ctx *ctx, jj_value v, int64_t otherwise, int64_t *out) {
  if (!jj_given(v)) return *out = otherwise, 0;
  if (jj_is_int(v)) return *out = jj_as_int(v), 0;
  jj_fail(ctx, "'%s' object cannot be interpreted as an integer", jj_type_name(v));
  return -1;
}

/* How CPython names an argument's type where it checks arguments one by one. */
static const char *argument_type(jj_value v) {
  return v.type == JJ_NONE ? "None" : jj_type_name(v);
}

/* -- Stripping -- */

static bool char_in(uint32_t cp, jj_value chars) {
  if (is_none(chars)) return jj_cp_space(cp);
  for (const char *p = chars.s->data, *end = p + chars.s->size; p < end;) {
    uint32_t each;
    p += jj_utf8_next(p, end, &each);
    if (each == cp) return true;
  }
  return false;
}

jj_value jj_str_strip(jj_ctx *ctx, jj_value s, jj_value chars, bool left, bool right) {
  if (!is_none(chars) && chars.type != JJ_STRING)
    return jj_fail(ctx, "%sstrip arg must be None or str", left && right ? "" : left ? "l" : "r");
  const char *p = s.s->data, *end = p + s.s->size;
  uint32_t cp;
  while (left && p < end) {
    size_t n = jj_utf8_next(p, end, &cp);
    if (!char_in(cp, chars)) break;
    p += n;
  }
  while (right && p < end) {
    size_t n = jj_utf8_back(p, (size_t)(end - p));
    jj_utf8_next(end - n, end, &cp);
    if (!char_in(cp, chars)) break;
    end -= n;
  }
  return part(ctx, s, p, end);
}

static jj_value strip(jj_ctx *ctx, jj_value *a) {
  return jj_str_strip(ctx, a[0], a[1], true, true);
}
static jj_value lstrip(jj_ctx *ctx, jj_value *a) {
  return jj_str_strip(ctx, a[0], a[1], true, false);
}
static jj_value rstrip(jj_ctx *ctx, jj_value *a) {
  return jj_str_strip(ctx, a[0], a[1], false, true);
}

/* -- Splitting -- */

static int take_separator(jj_ctx *ctx, jj_value sep) {
  if (is_none(sep)) return 0;
  if (sep.type != JJ_STRING)
    return jj_fail(ctx, "must be str or None, not %s", jj_type_name(sep)), -1;
  return sep.s->size ? 0 : (jj_fail(ctx, "empty separator"), -1);
}

static const char *skip_class(const char *p, const char *end, bool space) {
  while (p < end) {
    uint32_t cp;
    size_t n = jj_utf8_next(p, end, &cp);
    if (jj_cp_space(cp) != space) break;
    p += n;
  }
  return p;
}

static const char *skip_class_back(const char *start, const char *end, bool space) {
  while (end > start) {
    uint32_t cp;
    size_t n = jj_utf8_back(start, (size_t)(end - start));
    jj_utf8_next(end - n, end, &cp);
    if (jj_cp_space(cp) != space) break;
    end -= n;
  }
  return end;
}

static void push_part(jj_ctx *ctx, jj_list *out, jj_value of, const char *from, const char *to) {
  jj_value v = part(ctx, of, from, to);
  if (!jj_bad(v)) jj_list_push(ctx, out, v);
}

static void split_words(jj_ctx *ctx, jj_list *out, jj_value s, int64_t limit) {
  const char *p = s.s->data, *end = p + s.s->size;
  while ((p = skip_class(p, end, true)) < end && jj_step(ctx)) {
    if (limit-- == 0) return push_part(ctx, out, s, p, end);
    const char *word = p;
    p = skip_class(p, end, false);
    push_part(ctx, out, s, word, p);
  }
}

static void split_at(jj_ctx *ctx, jj_list *out, jj_value s, jj_value sep, int64_t limit) {
  const char *p = s.s->data, *end = p + s.s->size, *at;
  while (limit-- != 0 && jj_step(ctx) &&
         (at = memmem(p, (size_t)(end - p), sep.s->data, sep.s->size))) {
    push_part(ctx, out, s, p, at);
    p = at + sep.s->size;
  }
  push_part(ctx, out, s, p, end);
}

static const char *find_last(const char *p, const char *end, jj_value sub) {
  if ((size_t)(end - p) < sub.s->size) return NULL;
  for (const char *at = end - sub.s->size; at >= p; at--)
    if (memcmp(at, sub.s->data, sub.s->size) == 0) return at;
  return NULL;
}

static void rsplit_words(jj_ctx *ctx, jj_list *out, jj_value s, int64_t limit) {
  const char *start = s.s->data, *end = start + s.s->size;
  while ((end = skip_class_back(start, end, true)) > start && jj_step(ctx)) {
    if (limit-- == 0) return push_part(ctx, out, s, start, end);
    const char *word = skip_class_back(start, end, false);
    push_part(ctx, out, s, word, end);
    end = word;
  }
}

static void rsplit_at(jj_ctx *ctx, jj_list *out, jj_value s, jj_value sep, int64_t limit) {
  const char *start = s.s->data, *end = start + s.s->size, *at;
  while (limit-- != 0 && jj_step(ctx) && (at = find_last(start, end, sep))) {
    push_part(ctx, out, s, at + sep.s->size, end);
    end = at;
  }
  push_part(ctx, out, s, start, end);
}

static void reverse(jj_list *list) {
  for (size_t i = 0; i < list->size / 2; i++) {
    jj_value swap = list->items[i];
    list->items[i] = list->items[list->size - 1 - i];
    list->items[list->size - 1 - i] = swap;
  }
}

static jj_value split(jj_ctx *ctx, jj_value *a) {
  int64_t limit;
  if (take_int(ctx, a[2], -1, &limit) < 0 || take_separator(ctx, a[1]) < 0) return jj_failed();
  jj_list *out = jj_list_new(ctx, JJ_LIST, 0);
  if (is_none(a[1]))
    split_words(ctx, out, a[0], limit);
  else
    split_at(ctx, out, a[0], a[1], limit);
  return jj_object_value(out);
}

static jj_value rsplit(jj_ctx *ctx, jj_value *a) {
  int64_t limit;
  if (take_int(ctx, a[2], -1, &limit) < 0 || take_separator(ctx, a[1]) < 0) return jj_failed();
  jj_list *out = jj_list_new(ctx, JJ_LIST, 0);
  if (is_none(a[1]))
    rsplit_words(ctx, out, a[0], limit);
  else
    rsplit_at(ctx, out, a[0], a[1], limit);
  reverse(out);
  return jj_object_value(out);
}

jj_list *jj_str_lines(jj_ctx *ctx, jj_value s, bool keep_ends) {
  jj_list *out = jj_list_new(ctx, JJ_LIST, 0);
  const char *p = s.s->data, *end = p + s.s->size, *line = p;
  while (p < end && jj_step(ctx)) {
    uint32_t cp;
    const char *at = p;
    p += jj_utf8_next(p, end, &cp);
    if (!jj_cp_linebreak(cp)) continue;
    if (cp == '\r' && p < end && *p == '\n') p++;
    push_part(ctx, out, s, line, keep_ends ? p : at);
    line = p;
  }
  if (line < end) push_part(ctx, out, s, line, end);
  return out;
}

static jj_value splitlines(jj_ctx *ctx, jj_value *a) {
  return jj_object_value(jj_str_lines(ctx, a[0], jj_given(a[1]) && jj_truth(ctx, a[1])));
}

static jj_value three(jj_ctx *ctx, jj_value s, const char *at, const char *after, bool last) {
  const char *start = s.s->data, *end = start + s.s->size;
  const char *cuts[] = {start, at, after, end};
  if (!at) cuts[1] = cuts[2] = last ? start : end;
  jj_list *out = jj_list_new(ctx, JJ_TUPLE, 3);
  for (int i = 0; i < 3; i++) push_part(ctx, out, s, cuts[i], cuts[i + 1]);
  return jj_object_value(out);
}

static jj_value partition_at(jj_ctx *ctx, jj_value *a, bool last) {
  if (a[1].type != JJ_STRING) return jj_fail(ctx, "must be str, not %s", jj_type_name(a[1]));
  if (!a[1].s->size) return jj_fail(ctx, "empty separator");
  const char *start = a[0].s->data, *end = start + a[0].s->size;
  const char *at =
      last ? find_last(start, end, a[1]) : memmem(start, a[0].s->size, a[1].s->data, a[1].s->size);
  return three(ctx, a[0], at, at ? at + a[1].s->size : NULL, last);
}

static jj_value partition(jj_ctx *ctx, jj_value *a) { return partition_at(ctx, a, false); }
static jj_value rpartition(jj_ctx *ctx, jj_value *a) { return partition_at(ctx, a, true); }

/* -- Searching -- */

typedef struct {
  const char *from, *to; /* NULL where start lies behind end */
  int64_t start;
} span;

static int bound_of(jj_ctx *ctx, jj_value v, int64_t otherwise, int64_t count, int64_t *out) {
  *out = otherwise;
  if (is_none(v)) return 0;
  if (!jj_is_int(v)) {
    jj_fail(ctx, "slice indices must be integers or None or have an __index__ method");
    return -1;
  }
  *out = jj_as_int(v);
  if (*out < 0) *out += count;
  if (*out < 0) *out = 0;
  return 0;
}

/* The stretch of `s` between two character positions, as str.find takes them. */
static int take_span(jj_ctx *ctx, jj_value s, jj_value start, jj_value end, span *out) {
  int64_t count = (int64_t)s.s->count, from, to;
  if (bound_of(ctx, start, 0, count, &from) < 0 || bound_of(ctx, end, count, count, &to) < 0)
    return -1;
  if (to > count) to = count;
  *out = (span){NULL, NULL, from};
  if (from > to) return 0;
  bool ascii = s.s->size == s.s->count;
  const char *data = s.s->data;
  out->from = data + (ascii ? (size_t)from : jj_utf8_offset(data, s.s->size, (size_t)from));
  out->to = data + (ascii ? (size_t)to : jj_utf8_offset(data, s.s->size, (size_t)to));
  return 0;
}

/* The character position of `sub`, or -1; -2 after an error. */
static int64_t find_in(jj_ctx *ctx, jj_value *a, bool last) {
  span s;
  if (take_span(ctx, a[0], a[2], a[3], &s) < 0) return -2;
  if (a[1].type != JJ_STRING) return jj_fail(ctx, "must be str, not %s", jj_type_name(a[1])), -2;
  if (!s.from) return -1;
  const char *at = last ? find_last(s.from, s.to, a[1])
                        : memmem(s.from, (size_t)(s.to - s.from), a[1].s->data, a[1].s->size);
  return at ? s.start + (int64_t)jj_utf8_count(s.from, (size_t)(at - s.from)) : -1;
}

static jj_value found_or_fail(jj_ctx *ctx, int64_t at) {
  if (at == -1) return jj_fail(ctx, "substring not found");
  return at < 0 ? jj_failed() : jj_int(at);
}

static jj_value find(jj_ctx *ctx, jj_value *a) {
  int64_t at = find_in(ctx, a, false);
  return at == -2 ? jj_failed() : jj_int(at);
}
static jj_value rfind(jj_ctx *ctx, jj_value *a) {
  int64_t at = find_in(ctx, a, true);
  return at == -2 ? jj_failed() : jj_int(at);
}
static jj_value index_(jj_ctx *ctx, jj_value *a) {
  return found_or_fail(ctx, find_in(ctx, a, false));
}
static jj_value rindex_(jj_ctx *ctx, jj_value *a) {
  return found_or_fail(ctx, find_in(ctx, a, true));
}

static jj_value count(jj_ctx *ctx, jj_value *a) {
  span s;
  if (take_span(ctx, a[0], a[2], a[3], &s) < 0) return jj_failed();
  if (a[1].type != JJ_STRING) return jj_fail(ctx, "must be str, not %s", jj_type_name(a[1]));
  if (!s.from) return jj_int(0);
  if (!a[1].s->size) return jj_int((int64_t)jj_utf8_count(s.from, (size_t)(s.to - s.from)) + 1);
  int64_t n = 0;
  for (const char *p = s.from; (p = memmem(p, (size_t)(s.to - p), a[1].s->data, a[1].s->size));) {
    p += a[1].s->size;
    n++;
  }
  return jj_int(n);
}

static bool matches_end(const span *s, jj_value affix, bool suffix) {
  size_t n = affix.s->size;
  if (!s->from || (size_t)(s->to - s->from) < n) return false;
  return memcmp(suffix ? s->to - n : s->from, affix.s->data, n) == 0;
}

static jj_value has_affix(jj_ctx *ctx, jj_value *a, bool suffix) {
  const char *name = suffix ? "endswith" : "startswith";
  span s;
  if (take_span(ctx, a[0], a[2], a[3], &s) < 0) return jj_failed();
  if (a[1].type == JJ_STRING) return jj_bool(matches_end(&s, a[1], suffix));
  if (a[1].type != JJ_TUPLE)
    return jj_fail(ctx, "%s first arg must be str or a tuple of str, not %s", name,
                   jj_type_name(a[1]));
  for (size_t i = 0; i < a[1].l->size; i++) {
    jj_value each = a[1].l->items[i];
    if (each.type != JJ_STRING)
      return jj_fail(ctx, "tuple for %s must only contain str, not %s", name, jj_type_name(each));
    if (matches_end(&s, each, suffix)) return jj_bool(true);
  }
  return jj_bool(false);
}

static jj_value startswith(jj_ctx *ctx, jj_value *a) { return has_affix(ctx, a, false); }
static jj_value endswith(jj_ctx *ctx, jj_value *a) { return has_affix(ctx, a, true); }

static jj_value remove_affix(jj_ctx *ctx, jj_value *a, bool suffix) {
  if (a[1].type != JJ_STRING)
    return jj_fail(ctx, "%s() argument must be str, not %s",
                   suffix ? "removesuffix" : "removeprefix", argument_type(a[1]));
  const char *p = a[0].s->data, *end = p + a[0].s->size;
  span s = {p, end, 0};
  if (!matches_end(&s, a[1], suffix)) return a[0];
  return suffix ? part(ctx, a[0], p, end - a[1].s->size) : part(ctx, a[0], p + a[1].s->size, end);
}

static jj_value removeprefix(jj_ctx *ctx, jj_value *a) { return remove_affix(ctx, a, false); }
static jj_value removesuffix(jj_ctx *ctx, jj_value *a) { return remove_affix(ctx, a, true); }

/* -- Replacing and joining -- */

jj_value jj_str_replace(jj_ctx *ctx, jj_value s, jj_value old, jj_value new, int64_t limit) {
  JJ_BUF(b, ctx);
  const char *p = s.s->data, *end = p + s.s->size, *at;
  if (old.s->size == 0) { /* between all characters */
    for (; limit != 0 && p <= end && !ctx->failed; limit--) {
      uint32_t cp;
      jj_put_str(&b, new);
      if (p == end) break;
      size_t n = jj_utf8_next(p, end, &cp);
      jj_put(&b, p, n);
      p += n;
    }
  } else {
    while (limit-- != 0 && jj_step(ctx) &&
           (at = memmem(p, (size_t)(end - p), old.s->data, old.s->size))) {
      jj_put(&b, p, (size_t)(at - p));
      jj_put_str(&b, new);
      p = at + old.s->size;
    }
  }
  jj_put(&b, p, (size_t)(end - p));
  return like(ctx, jj_take(&b), s);
}

static jj_value replace(jj_ctx *ctx, jj_value *a) {
  int64_t limit;
  for (int i = 1; i <= 2; i++)
    if (a[i].type != JJ_STRING)
      return jj_fail(ctx, "replace() argument %d must be str, not %s", i, argument_type(a[i]));
  if (take_int(ctx, a[3], -1, &limit) < 0) return jj_failed();
  jj_value new = jj_is_markup(a[0]) ? jj_escape(ctx, a[2]) : a[2];
  return jj_bad(new) ? new : jj_str_replace(ctx, a[0], a[1], new, limit);
}

jj_value jj_str_join(jj_ctx *ctx, jj_value separator, jj_value over) {
  if (!jj_iterable(over)) return jj_fail(ctx, "can only join an iterable");
  jj_list *items = jj_collect(ctx, over, JJ_LIST);
  if (!items) return jj_failed();
  JJ_BUF(b, ctx);
  for (size_t i = 0; i < items->size && !ctx->failed; i++) {
    jj_value item = items->items[i];
    if (item.type != JJ_STRING)
      return jj_fail(ctx, "sequence item %zu: expected str instance, %s found", i,
                     jj_type_name(item));
    if (jj_is_markup(separator)) item = jj_escape(ctx, item);
    if (jj_bad(item)) return item;
    if (i) jj_put_str(&b, separator);
    jj_put_str(&b, item);
  }
  return like(ctx, jj_take(&b), separator);
}

static jj_value join(jj_ctx *ctx, jj_value *a) { return jj_str_join(ctx, a[0], a[1]); }

/* str.translate's table: characters' numbers to text, numbers or none. */
static jj_value translate(jj_ctx *ctx, jj_value *a) {
  JJ_BUF(b, ctx);
  for (const char *p = a[0].s->data, *end = p + a[0].s->size; p < end && !ctx->failed;) {
    uint32_t cp;
    p += jj_utf8_next(p, end, &cp);
    jj_value to = a[1].type == JJ_DICT ? jj_getitem(ctx, a[1], jj_int(cp)) : jj_missing();
    if (to.type == JJ_STRING)
      jj_put_str(&b, to);
    else if (to.type == JJ_INT && to.i >= 0 && to.i <= 0x10ffff)
      jj_put_cp(&b, (uint32_t)to.i);
    else if (to.type != JJ_NONE)
      jj_put_cp(&b, cp);
  }
  return like(ctx, jj_take(&b), a[0]);
}

/* -- Padding -- */

static int take_fill(jj_ctx *ctx, jj_value fill, const char **text, size_t *size) {
  *text = " ", *size = 1;
  if (!jj_given(fill)) return 0;
  if (fill.type != JJ_STRING) {
    jj_fail(ctx, "The fill character must be a unicode character, not %s", jj_type_name(fill));
    return -1;
  }
  if (fill.s->count != 1)
    return jj_fail(ctx, "The fill character must be exactly one character long"), -1;
  *text = fill.s->data, *size = fill.s->size;
  return 0;
}

static jj_value pad(jj_ctx *ctx, jj_value s, int64_t left, int64_t right, jj_value fill) {
  const char *text;
  size_t size;
  if (take_fill(ctx, fill, &text, &size) < 0) return jj_failed();
  JJ_BUF(b, ctx);
  jj_put_fill(&b, text, size, left);
  jj_put_str(&b, s);
  jj_put_fill(&b, text, size, right);
  return like(ctx, jj_take(&b), s);
}

static jj_value center_in(jj_ctx *ctx, jj_value s, int64_t width, jj_value fill) {
  int64_t room = width > (int64_t)s.s->count ? width - (int64_t)s.s->count : 0;
  int64_t left = room / 2 + (room & width & 1);
  return pad(ctx, s, left, room - left, fill);
}

jj_value jj_str_center(jj_ctx *ctx, jj_value s, int64_t width) {
  return center_in(ctx, s, width, jj_missing());
}

static jj_value center(jj_ctx *ctx, jj_value *a) {
  int64_t width;
  if (take_int(ctx, a[1], 0, &width) < 0) return jj_failed();
  return center_in(ctx, a[0], width, a[2]);
}

static jj_value ljust(jj_ctx *ctx, jj_value *a) {
  int64_t width;
  if (take_int(ctx, a[1], 0, &width) < 0) return jj_failed();
  int64_t count = (int64_t)a[0].s->count;
  return pad(ctx, a[0], 0, width > count ? width - count : 0, a[2]);
}

static jj_value rjust(jj_ctx *ctx, jj_value *a) {
  int64_t width;
  if (take_int(ctx, a[1], 0, &width) < 0) return jj_failed();
  int64_t count = (int64_t)a[0].s->count;
  return pad(ctx, a[0], width > count ? width - count : 0, 0, a[2]);
}

static jj_value zfill(jj_ctx *ctx, jj_value *a) {
  int64_t width;
  if (take_int(ctx, a[1], 0, &width) < 0) return jj_failed();
  const char *p = a[0].s->data;
  size_t sign = *p == '-' || *p == '+';
  int64_t count = (int64_t)a[0].s->count;
  JJ_BUF(b, ctx);
  jj_put(&b, p, sign);
  jj_put_fill(&b, "0", 1, width > count ? width - count : 0);
  jj_put(&b, p + sign, a[0].s->size - sign);
  return like(ctx, jj_take(&b), a[0]);
}

static jj_value expandtabs(jj_ctx *ctx, jj_value *a) {
  int64_t width, column = 0;
  if (take_int(ctx, a[1], 8, &width) < 0) return jj_failed();
  JJ_BUF(b, ctx);
  for (const char *p = a[0].s->data, *end = p + a[0].s->size; p < end && !ctx->failed;) {
    uint32_t cp;
    p += jj_utf8_next(p, end, &cp);
    if (cp == '\t') {
      int64_t room = width > 0 ? width - column % width : 0;
      jj_put_fill(&b, " ", 1, room);
      column += room;
    } else {
      jj_put_cp(&b, cp);
      column = cp == '\n' || cp == '\r' ? 0 : column + 1;
    }
  }
  return like(ctx, jj_take(&b), a[0]);
}

/* -- Formatting -- */

static jj_value format(jj_ctx *ctx, jj_value *a) {
  jj_args args = {a[1].l->items, a[1].l->size, a[2].d};
  return jj_format(ctx, a[0], &args);
}

static jj_value format_map(jj_ctx *ctx, jj_value *a) {
  if (a[1].type != JJ_DICT)
    return jj_fail(ctx, "format_map() wants a dict, not %s", jj_type_name(a[1]));
  return jj_format(ctx, a[0], &(jj_args){NULL, 0, a[1].d});
}

const jj_native jj_str_methods[] = {
    {"center", "str.center", "self width fillchar=", center, 0, JJ_C_POSITIONAL},
    {"count", "str.count", "self sub start= end=", count, 0, JJ_C_PARSED},
    {"endswith", "str.endswith", "self suffix start= end=", endswith, 0, JJ_C_PARSED},
    {"expandtabs", "str.expandtabs", "self tabsize=", expandtabs, 0, JJ_C_METHOD},
    {"find", "str.find", "self sub start= end=", find, 0, JJ_C_PARSED},
    {"format", "str.format", "self *args **kwargs", format, 0, JJ_C_METHOD},
    {"format_map", "str.format_map", "self mapping", format_map, 0, JJ_C_POSITIONAL},
    {"index", "str.index", "self sub start= end=", index_, 0, JJ_C_PARSED},
    {"join", "str.join", "self iterable", join, 0, JJ_C_POSITIONAL},
    {"ljust", "str.ljust", "self width fillchar=", ljust, 0, JJ_C_POSITIONAL},
    {"lstrip", "str.lstrip", "self chars=", lstrip, 0, JJ_C_POSITIONAL},
    {"partition", "str.partition", "self sep", partition, 0, JJ_C_POSITIONAL},
    {"removeprefix", "str.removeprefix", "self prefix", removeprefix, 0, JJ_C_POSITIONAL},
    {"removesuffix", "str.removesuffix", "self suffix", removesuffix, 0, JJ_C_POSITIONAL},
    {"replace", "str.replace", "self old new count=", replace, 0, JJ_C_POSITIONAL},
    {"rfind", "str.rfind", "self sub start= end=", rfind, 0, JJ_C_PARSED},
    {"rindex", "str.rindex", "self sub start= end=", rindex_, 0, JJ_C_PARSED},
    {"rjust", "str.rjust", "self width fillchar=", rjust, 0, JJ_C_POSITIONAL},
    {"rpartition", "str.rpartition", "self sep", rpartition, 0, JJ_C_POSITIONAL},
    {"rsplit", "str.rsplit", "self sep= maxsplit=", rsplit, 0, JJ_C_METHOD},
    {"rstrip", "str.rstrip", "self chars=", rstrip, 0, JJ_C_POSITIONAL},
    {"split", "str.split", "self sep= maxsplit=", split, 0, JJ_C_METHOD},
    {"splitlines", "str.splitlines", "self keepends=", splitlines, 0, JJ_C_METHOD},
    {"startswith", "str.startswith", "self prefix start= end=", startswith, 0, JJ_C_PARSED},
    {"strip", "str.strip", "self chars=", strip, 0, JJ_C_POSITIONAL},
    {"translate", "str.translate", "self table", translate, 0, JJ_C_POSITIONAL},
    {"zfill", "str.zfill", "self width", zfill, 0, JJ_C_POSITIONAL},
    {0},
};
