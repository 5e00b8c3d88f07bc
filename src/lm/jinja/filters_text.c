/* Filters over text: case, padding, trimming, replacing, counting, formatting. */
#include "lm/jinja/context.h"
#include "lm/jinja/filters.h"
#include "lm/jinja/methods.h"
#include "lm/jinja/ops.h"
#include "lm/jinja/unicode.h"

#include <string.h>

static jj_value upper(jj_ctx *ctx, jj_value *a) {
  jj_value s = jj_to_str(ctx, a[0]);
  return jj_bad(s) ? s : jj_str_upper(ctx, s);
}

static jj_value lower(jj_ctx *ctx, jj_value *a) {
  jj_value s = jj_to_str(ctx, a[0]);
  return jj_bad(s) ? s : jj_str_lower(ctx, s);
}

static jj_value capitalize(jj_ctx *ctx, jj_value *a) {
  jj_value s = jj_to_str(ctx, a[0]);
  return jj_bad(s) ? s : jj_str_capitalize(ctx, s);
}

/* Words begin behind hyphens, spaces and opening brackets. */
static jj_value title(jj_ctx *ctx, jj_value *a) {
  jj_value s = jj_to_str(ctx, a[0]);
  if (jj_bad(s)) return s;
  JJ_BUF(b, ctx);
  const char *p = s.s->data, *end = p + s.s->size;
  while (p < end && !ctx->failed) {
    const char *word = p;
    uint32_t cp;
    while (p < end) {
      size_t n = jj_utf8_next(p, end, &cp);
      if (cp < 0x80 ? cp && strchr("-({[<", (int)cp) : false) break;
      if (jj_cp_space(cp)) break;
      p += n;
    }
    if (p > word) {
      char first[JJ_CASE_BYTES];
      size_t n = jj_utf8_next(word, p, &cp);
      jj_put(&b, first, jj_cp_to_upper(cp, first));
      jj_value rest = jj_str(ctx, word + n, (size_t)(p - word) - n);
      rest = jj_bad(rest) ? rest : jj_str_lower(ctx, rest);
      if (jj_bad(rest)) return rest;
      jj_put_str(&b, rest);
    }
    if (p < end) {
      size_t n = jj_utf8_next(p, end, &cp);
      jj_put(&b, p, n);
      p += n;
    }
  }
  return jj_take(&b);
}

static jj_value center(jj_ctx *ctx, jj_value *a) {
  int64_t width;
  jj_value s = jj_to_str(ctx, a[0]);
  if (jj_bad(s) || jj_take_int(ctx, a[1], 80, &width) < 0) return jj_failed();
  return jj_str_center(ctx, s, width);
}

static jj_value trim(jj_ctx *ctx, jj_value *a) {
  jj_value s = jj_to_str(ctx, a[0]);
  return jj_bad(s) ? s : jj_str_strip(ctx, s, a[1], true, true);
}

static jj_value string(jj_ctx *ctx, jj_value *a) { return jj_to_str(ctx, a[0]); }

static jj_value replace(jj_ctx *ctx, jj_value *a) {
  int64_t count = -1;
  if (jj_some(a[3]) && jj_take_int(ctx, a[3], -1, &count) < 0) return jj_failed();
  bool escaping = ctx->autoescape;
  bool markup = escaping && (jj_is_markup(a[0]) || jj_is_markup(a[1]) || jj_is_markup(a[2]));
  jj_value s = jj_to_str(ctx, a[0]), old = jj_to_str(ctx, a[1]), new = jj_to_str(ctx, a[2]);
  if (jj_bad(s) || jj_bad(old) || jj_bad(new)) return jj_failed();
  if (markup) s = jj_escape(ctx, s), new = jj_escape(ctx, new);
  if (jj_bad(s) || jj_bad(new)) return jj_failed();
  return jj_str_flagged(ctx, jj_str_replace(ctx, s, old, new, count), markup);
}

static jj_value format(jj_ctx *ctx, jj_value *a) {
  jj_value s = jj_to_str(ctx, a[0]);
  if (jj_bad(s)) return s;
  if (a[1].l->size && a[2].d->size)
    return jj_fail(ctx, "can't handle positional and keyword arguments at the same time");
  return jj_printf(ctx, s, a[2].d->size ? a[2] : a[1]);
}

/* What each line begins with: text, or a number of spaces. */
static int put_indentation(jj_buf *unit, jj_value width) {
  if (jj_given(width) && width.type == JJ_STRING) {
    jj_put_str(unit, width);
  } else if (jj_given(width) && !jj_is_int(width)) {
    if (width.type == JJ_UNDEFINED) return jj_fail_undefined(unit->ctx, width), -1;
    jj_fail(unit->ctx, "can't multiply sequence by non-int of type '%s'", jj_type_name(width));
    return -1;
  } else {
    jj_put_fill(unit, " ", 1, jj_given(width) ? jj_as_int(width) : 4);
  }
  return unit->ctx->failed ? -1 : 0;
}

static jj_value indent(jj_ctx *ctx, jj_value *a) {
  JJ_BUF(unit, ctx);
  if (put_indentation(&unit, a[1]) < 0) return jj_failed();
  if (a[0].type == JJ_UNDEFINED) return jj_fail_undefined(ctx, a[0]);
  if (a[0].type == JJ_LIST) return jj_no_attribute(ctx, a[0], "splitlines");
  if (a[0].type == JJ_TUPLE)
    return jj_fail(ctx, "can only concatenate tuple (not \"str\") to tuple");
  if (a[0].type != JJ_STRING)
    return jj_fail(ctx, "unsupported operand type(s) for +=: '%s' and 'str'", jj_type_name(a[0]));
  bool first = jj_flag(ctx, a[2], false), blank = jj_flag(ctx, a[3], false);
  jj_value terminated = jj_binary(ctx, JJ_ADD, a[0], jj_strz(ctx, "\n"));
  if (jj_bad(terminated)) return terminated;
  jj_list *lines = jj_str_lines(ctx, terminated, false);
  JJ_BUF(b, ctx);
  for (size_t i = 0; i < lines->size && !ctx->failed; i++) {
    if (i) jj_putc(&b, '\n');
    bool filled = lines->items[i].s->size || blank;
    if (i ? filled : first) jj_put(&b, mx_str_c(&unit.text), unit.text.size);
    jj_put_str(&b, lines->items[i]);
  }
  return jj_str_flagged(ctx, jj_take(&b), jj_is_markup(a[0]));
}

static jj_value cut_text(jj_ctx *ctx, jj_value s, jj_value kept, bool kill_words, jj_value end) {
  jj_value cut = jj_bad(kept) ? kept : jj_slice(ctx, s, jj_missing(), kept, jj_missing());
  if (jj_bad(cut)) return cut;
  if (!kill_words && cut.type != JJ_STRING) return jj_no_attribute(ctx, cut, "rsplit");
  if (!kill_words) {
    const char *space = memrchr(cut.s->data, ' ', cut.s->size);
    if (space) cut = jj_str(ctx, cut.s->data, (size_t)(space - cut.s->data));
    if (jj_bad(cut)) return cut;
  }
  return jj_binary(ctx, JJ_ADD, cut, end);
}

/* Fails, as Python's assert does, where a number is below what it has to be. */
static int expect_at_least(jj_ctx *ctx, const char *name, jj_value v, int64_t low) {
  int good = jj_order(ctx, JJ_GE, v, jj_int(low));
  if (good == 0)
    jj_fail(ctx, "expected %s >= %lld, got %s", name, (long long)low, jj_repr_c(ctx, v));
  return good > 0 ? 0 : -1;
}

static jj_value truncate_(jj_ctx *ctx, jj_value *a) {
  jj_value length = jj_given(a[1]) ? a[1] : jj_int(255);
  jj_value end = jj_given(a[3]) ? a[3] : jj_strz(ctx, "...");
  jj_value leeway = jj_some(a[4]) ? a[4] : jj_int(5), most;
  int64_t has, tail;
  if (jj_length(ctx, end, &tail) < 0 || expect_at_least(ctx, "length", length, tail) < 0 ||
      expect_at_least(ctx, "leeway", leeway, 0) < 0 || jj_length(ctx, a[0], &has) < 0)
    return jj_failed();
  most = jj_binary(ctx, JJ_ADD, length, leeway);
  int fits = jj_bad(most) ? -1 : jj_order(ctx, JJ_LE, jj_int(has), most);
  if (fits) return fits < 0 ? jj_failed() : a[0];
  return cut_text(ctx, a[0], jj_binary(ctx, JJ_SUB, length, jj_int(tail)),
                  jj_flag(ctx, a[2], false), end);
}

static jj_value wordcount(jj_ctx *ctx, jj_value *a) {
  jj_value s = jj_to_str(ctx, a[0]);
  if (jj_bad(s)) return s;
  int64_t count = 0;
  bool inside = false;
  for (const char *p = s.s->data, *end = p + s.s->size; p < end;) {
    uint32_t cp;
    p += jj_utf8_next(p, end, &cp);
    bool word = jj_cp_word(cp);
    count += word && !inside;
    inside = word;
  }
  return jj_int(count);
}

const jj_native jj_text_filters[] = {
    {"capitalize", "do_capitalize", "s", capitalize, 0, JJ_PYTHON},
    {"center", "do_center", "value width=", center, 0, JJ_PYTHON},
    {"format", "do_format", "value *args **kwargs", format, 0, JJ_PYTHON},
    {"indent", "do_indent", "s width= first= blank=", indent, 0, JJ_PYTHON},
    {"lower", "do_lower", "s", lower, 0, JJ_PYTHON},
    {"replace", "do_replace", "s old new count=", replace, 1, JJ_PYTHON},
    {"string", "soft_str", "s", string, 0, JJ_PYTHON},
    {"title", "do_title", "s", title, 0, JJ_PYTHON},
    {"trim", "do_trim", "value chars=", trim, 0, JJ_PYTHON},
    {"truncate", "do_truncate", "s length= killwords= end= leeway=", truncate_, 1, JJ_PYTHON},
    {"upper", "do_upper", "s", upper, 0, JJ_PYTHON},
    {"wordcount", "do_wordcount", "s", wordcount, 0, JJ_PYTHON},
    {0},
};
