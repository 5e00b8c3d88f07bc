/* json.dumps, as transformers lets templates call it, and pprint.pformat. */
#include "lm/jinja/context.h"
#include "lm/jinja/ops.h"
#include "lm/jinja/unicode.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  jj_buf *out;
  bool ascii, sort_keys, pretty;
  jj_value indent;              /* text of one level */
  jj_value item_mark, key_mark; /* separators */
} writer;

static void put_json_char(writer *w, uint32_t cp) {
  static const char *const names[] = {
      ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f",
      ['\r'] = "\\r", ['"'] = "\\\"", ['\\'] = "\\\\"};
  char text[16];
  if (cp < sizeof names / sizeof *names && names[cp]) return jj_puts(w->out, names[cp]);
  if (cp >= 0x20 && (cp < 0x7f || !w->ascii)) return jj_put_cp(w->out, cp);
  if (cp >= 0x10000) {
    cp -= 0x10000;
    snprintf(text, sizeof text, "\\u%04x\\u%04x", 0xd800 + (cp >> 10), 0xdc00 + (cp & 0x3ff));
  } else {
    snprintf(text, sizeof text, "\\u%04x", cp);
  }
  jj_puts(w->out, text);
}

static void put_json_string(writer *w, jj_value v) {
  const char *p = v.s->data, *end = p + v.s->size;
  jj_putc(w->out, '"');
  while (p < end) {
    uint32_t cp;
    p += jj_utf8_next(p, end, &cp);
    put_json_char(w, cp);
  }
  jj_putc(w->out, '"');
}

static void put_json_float(writer *w, double f) {
  if (isnan(f)) return jj_puts(w->out, "NaN");
  if (isinf(f)) return jj_puts(w->out, f < 0 ? "-Infinity" : "Infinity");
  jj_put_float(w->out, f);
}

static void new_line(writer *w, int level) {
  if (!w->pretty) return;
  jj_putc(w->out, '\n');
  jj_put_fill(w->out, w->indent.s->data, w->indent.s->size, level);
}

static int put_json(writer *w, jj_value v, int level);

static int put_json_list(writer *w, jj_value v, int level) {
  if (v.l->size == 0) return jj_puts(w->out, "[]"), 0;
  jj_putc(w->out, '[');
  for (size_t i = 0; i < v.l->size; i++) {
    if (i) jj_put_str(w->out, w->item_mark);
    new_line(w, level + 1);
    if (put_json(w, v.l->items[i], level + 1) < 0) return -1;
  }
  new_line(w, level);
  jj_putc(w->out, ']');
  return 0;
}

static int put_json_key(writer *w, jj_value key) {
  if (key.type == JJ_STRING) return put_json_string(w, key), 0;
  if (key.type != JJ_NONE && !jj_is_number(key)) {
    jj_fail(w->out->ctx, "keys must be str, int, float, bool or None, not %s", jj_type_name(key));
    return -1;
  }
  jj_putc(w->out, '"');
  put_json(w, key, 0);
  jj_putc(w->out, '"');
  return 0;
}

static jj_value entry_key(jj_ctx *ctx, void *state, jj_value entry) {
  (void)ctx, (void)state;
  return entry; /* (key, value): as sorted(d.items()) compares them */
}

static int put_json_dict(writer *w, jj_value v, int level) {
  jj_ctx *ctx = w->out->ctx;
  if (v.d->size == 0) return jj_puts(w->out, "{}"), 0;
  jj_list *entries = NULL;
  if (w->sort_keys) {
    entries = jj_sorted(ctx, jj_view_new(ctx, v.d, JJ_ITEMS), entry_key, NULL, false);
    if (!entries) return -1;
  }
  jj_putc(w->out, '{');
  for (size_t i = 0; i < v.d->size; i++) {
    jj_value key = entries ? entries->items[i].l->items[0] : v.d->entries[i].key;
    jj_value value = entries ? entries->items[i].l->items[1] : v.d->entries[i].value;
    if (i) jj_put_str(w->out, w->item_mark);
    new_line(w, level + 1);
    if (put_json_key(w, key) < 0) return -1;
    jj_put_str(w->out, w->key_mark);
    if (put_json(w, value, level + 1) < 0) return -1;
  }
  new_line(w, level);
  jj_putc(w->out, '}');
  return 0;
}

static int put_json(writer *w, jj_value v, int level) {
  jj_ctx *ctx = w->out->ctx;
  if (!jj_step(ctx) || jj_deep(ctx)) return -1;
  switch (v.type) {
  case JJ_NONE: jj_puts(w->out, "null"); return 0;
  case JJ_BOOL: jj_puts(w->out, v.b ? "true" : "false"); return 0;
  case JJ_INT: jj_put_repr(w->out, v); return 0;
  case JJ_FLOAT: put_json_float(w, v.f); return 0;
  case JJ_STRING: put_json_string(w, v); return 0;
  case JJ_LIST:
  case JJ_TUPLE: return put_json_list(w, v, level);
  case JJ_DICT: return put_json_dict(w, v, level);
  default: jj_fail(ctx, "Object of type %s is not JSON serializable", jj_type_name(v)); return -1;
  }
}

/* The two separators that a template gave, or the defaults. */
static int take_separators(jj_ctx *ctx, writer *w, jj_value separators) {
  if (!jj_given(separators) || separators.type == JJ_NONE) {
    w->item_mark = jj_strz(ctx, w->pretty ? "," : ", ");
    w->key_mark = jj_strz(ctx, ": ");
    return 0;
  }
  jj_list *pair = jj_collect(ctx, separators, JJ_TUPLE);
  if (!pair) return -1;
  if (pair->size != 2 || pair->items[0].type != JJ_STRING || pair->items[1].type != JJ_STRING) {
    jj_fail(ctx, "tojson: separators must be two strings, not %s", jj_repr_c(ctx, separators));
    return -1;
  }
  w->item_mark = pair->items[0];
  w->key_mark = pair->items[1];
  return 0;
}

jj_value jj_dumps(jj_ctx *ctx, jj_value v, bool ascii, jj_value indent, jj_value separators,
                  bool sort_keys) {
  JJ_BUF(out, ctx);
  writer w = {.out = &out, .ascii = ascii, .sort_keys = sort_keys};
  w.pretty = jj_given(indent) && indent.type != JJ_NONE;
  if (w.pretty && indent.type != JJ_STRING) {
    if (!jj_is_int(indent))
      return jj_fail(ctx, "can't multiply sequence by non-int of type '%s'", jj_type_name(indent));
    JJ_BUF(unit, ctx);
    jj_put_fill(&unit, " ", 1, jj_as_int(indent));
    indent = jj_take(&unit);
    if (jj_bad(indent)) return indent;
  }
  w.indent = indent;
  if (take_separators(ctx, &w, separators) < 0) return jj_failed();
  if (put_json(&w, v, 0) < 0) return jj_failed();
  return jj_take(&out);
}
