/* Values as text: Python's str() and repr(), and HTML escaping. */
#include "lm/jinja/context.h"
#include "lm/jinja/interp.h"
#include "lm/jinja/ops.h"
#include "lm/jinja/unicode.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The shortest digits that read back as the same number, as repr(float) has them. */
static int shortest_digits(double f, char digits[32], int *exponent) {
  char text[40];
  int start = f < DBL_MIN ? 0 : 14; /* 15 digits always are the shortest, zeros apart */
  for (int precision = start; precision <= 16; precision++) {
    snprintf(text, sizeof text, "%.*e", precision, f);
    if (strtod(text, NULL) == f) break;
  }
  int count = 0;
  const char *p = text;
  for (; *p != 'e'; p++)
    if (*p >= '0' && *p <= '9') digits[count++] = *p;
  *exponent = atoi(p + 1);
  while (count > 1 && digits[count - 1] == '0') count--;
  digits[count] = 0;
  return count;
}

void jj_put_float(jj_buf *b, double f) {
  if (isnan(f)) return jj_puts(b, "nan");
  if (signbit(f)) jj_putc(b, '-');
  f = fabs(f);
  if (isinf(f)) return jj_puts(b, "inf");
  char digits[32], tail[16];
  int exponent, count = shortest_digits(f, digits, &exponent);
  if (exponent < -4 || exponent >= 16) {
    jj_putc(b, digits[0]);
    if (count > 1) jj_putc(b, '.');
    jj_put(b, digits + 1, (size_t)count - 1);
    snprintf(tail, sizeof tail, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
    return jj_puts(b, tail);
  }
  int whole = exponent + 1; /* digits before the point */
  if (whole <= 0) {
    jj_puts(b, "0.");
    jj_put_fill(b, "0", 1, -whole);
    return jj_puts(b, digits);
  }
  jj_put(b, digits, (size_t)(count < whole ? count : whole));
  jj_put_fill(b, "0", 1, whole - count);
  jj_putc(b, '.');
  jj_puts(b, count > whole ? digits + whole : "0");
}

/* -- repr -- */

static void put_escaped_char(jj_buf *b, uint32_t cp, char quote) {
  char text[12];
  if (cp == (uint32_t)quote || cp == '\\') {
    jj_putc(b, '\\');
    jj_putc(b, (char)cp);
  } else if (cp == '\n' || cp == '\r' || cp == '\t') {
    jj_puts(b, cp == '\n' ? "\\n" : cp == '\r' ? "\\r" : "\\t");
  } else if (jj_cp_printable(cp)) {
    jj_put_cp(b, cp);
  } else {
    const char *format = cp < 0x100 ? "\\x%02x" : cp < 0x10000 ? "\\u%04x" : "\\U%08x";
    snprintf(text, sizeof text, format, cp);
    jj_puts(b, text);
  }
}

static void put_string_repr(jj_buf *b, jj_value v) {
  const char *p = v.s->data, *end = p + v.s->size;
  bool single = memchr(p, '\'', v.s->size), twin = memchr(p, '"', v.s->size);
  char quote = single && !twin ? '"' : '\'';
  if (jj_is_markup(v)) jj_puts(b, "Markup(");
  jj_putc(b, quote);
  while (p < end) {
    uint32_t cp;
    p += jj_utf8_next(p, end, &cp);
    put_escaped_char(b, cp, quote);
  }
  jj_putc(b, quote);
  if (jj_is_markup(v)) jj_putc(b, ')');
}

static void put_items(jj_buf *b, const char *open, jj_value over, const char *close) {
  jj_puts(b, open);
  size_t mark = jj_mark(b->ctx);
  jj_iter it = {over, 0};
  jj_value item;
  for (bool first = true; jj_iter_next(b->ctx, &it, &item) > 0; first = false) {
    if (!first) jj_puts(b, ", ");
    jj_put_repr(b, item);
    jj_drain(b->ctx, mark);
  }
  jj_puts(b, close);
}

static void put_dict(jj_buf *b, const jj_dict *dict) {
  jj_putc(b, '{');
  for (size_t i = 0; i < dict->size && !b->ctx->failed; i++) {
    if (i) jj_puts(b, ", ");
    jj_put_repr(b, dict->entries[i].key);
    jj_puts(b, ": ");
    jj_put_repr(b, dict->entries[i].value);
  }
  jj_putc(b, '}');
}

static void put_range(jj_buf *b, const jj_range *r) {
  char text[80];
  if (r->step == 1)
    snprintf(text, sizeof text, "range(%lld, %lld)", (long long)r->start, (long long)r->stop);
  else
    snprintf(text, sizeof text, "range(%lld, %lld, %lld)", (long long)r->start, (long long)r->stop,
             (long long)r->step);
  jj_puts(b, text);
}

static void put_view(jj_buf *b, jj_value v) {
  jj_puts(b, jj_type_name(v));
  put_items(b, "([", v, "])");
}

/* Python prints addresses here, which say nothing to a reader of a chat. */
static void put_opaque(jj_buf *b, jj_value v) {
  if (v.type == JJ_ITERATOR) {
    jj_puts(b, "<");
    jj_puts(b, jj_type_name(v));
    return jj_puts(b, " object>");
  }
  if (v.type != JJ_FUNCTION) {
    jj_puts(b, "<");
    jj_puts(b, jj_object_name(v));
    return jj_puts(b, ">");
  }
  const jj_function *f = (jj_function *)v.o;
  const char *python = f->native->python;
  jj_puts(b, *f->type_name == 't' ? "<class '" : *f->type_name == 'f' ? "<function " : "<method ");
  jj_puts(b, python ? python : f->native->name);
  jj_puts(b, *f->type_name == 't' ? "'>" : ">");
}

static void put_loop(jj_buf *b, jj_value v) {
  int64_t length;
  if (jj_loop_length(b->ctx, (jj_loop *)v.o, &length) < 0) return;
  char text[80];
  snprintf(text, sizeof text, "<LoopContext %lld/%lld>", (long long)((jj_loop *)v.o)->index0 + 1,
           (long long)length);
  jj_puts(b, text);
}

static void put_macro(jj_buf *b, const jj_macro *macro) {
  jj_puts(b, "<Macro ");
  if (macro->name.type == JJ_STRING)
    put_string_repr(b, macro->name);
  else
    jj_puts(b, "anonymous");
  jj_putc(b, '>');
}

static void put_object_repr(jj_buf *b, jj_value v) {
  switch (v.type) {
  case JJ_UNDEFINED: return jj_puts(b, "Undefined");
  case JJ_STRING: return put_string_repr(b, v);
  case JJ_LIST: return put_items(b, "[", v, "]");
  case JJ_TUPLE: return put_items(b, "(", v, v.l->size == 1 ? ",)" : ")");
  case JJ_DICT: return put_dict(b, v.d);
  case JJ_VIEW: return put_view(b, v);
  case JJ_RANGE: return put_range(b, (jj_range *)v.o);
  case JJ_LOOP: return put_loop(b, v);
  case JJ_MACRO: return put_macro(b, (jj_macro *)v.o);
  case JJ_NAMESPACE:
    jj_puts(b, "<Namespace ");
    put_dict(b, ((jj_namespace *)v.o)->attrs);
    return jj_putc(b, '>');
  default: return put_opaque(b, v);
  }
}

void jj_put_repr(jj_buf *b, jj_value v) {
  char text[32];
  switch (v.type) {
  case JJ_NONE: return jj_puts(b, "None");
  case JJ_BOOL: return jj_puts(b, v.b ? "True" : "False");
  case JJ_INT: snprintf(text, sizeof text, "%lld", (long long)v.i); return jj_puts(b, text);
  case JJ_FLOAT: return jj_put_float(b, v.f);
  case JJ_MISSING:
  case JJ_FAIL: return;
  default: break;
  }
  if (!jj_step(b->ctx) || jj_deep(b->ctx)) return;
  enum { PRINTING = 0x80 }; /* flag of a container: a namespace may hold itself */
  bool guarded = v.type == JJ_NAMESPACE || v.type == JJ_LIST || v.type == JJ_TUPLE;
  jj_object *guard = v.type == JJ_NAMESPACE ? &((jj_namespace *)v.o)->attrs->head : v.o;
  if (guarded && guard->flag & PRINTING)
    return jj_puts(b, v.type == JJ_NAMESPACE ? "<Namespace {...}>"
                      : v.type == JJ_LIST    ? "[...]"
                                             : "(...)");
  if (guarded) guard->flag |= PRINTING;
  put_object_repr(b, v);
  if (guarded) guard->flag &= (uint8_t)~PRINTING;
}

jj_value jj_repr(jj_ctx *ctx, jj_value v) {
  JJ_BUF(b, ctx);
  jj_put_repr(&b, v);
  return jj_take(&b);
}

const char *jj_repr_c(jj_ctx *ctx, jj_value v) {
  jj_value text = jj_repr(ctx, v);
  return jj_bad(text) ? "?" : jj_text(text);
}

/* -- str -- */

void jj_put_value(jj_buf *b, jj_value v) {
  if (v.type == JJ_STRING)
    jj_put_str(b, v);
  else if (v.type != JJ_UNDEFINED)
    jj_put_repr(b, v);
}

jj_value jj_to_str(jj_ctx *ctx, jj_value v) {
  if (v.type == JJ_STRING) return v;
  JJ_BUF(b, ctx);
  jj_put_value(&b, v);
  return jj_take(&b);
}

jj_value jj_escape(jj_ctx *ctx, jj_value v) {
  if (jj_is_markup(v)) return v;
  jj_value text = jj_to_str(ctx, v);
  if (jj_bad(text)) return text;
  JJ_BUF(b, ctx);
  for (size_t i = 0; i < text.s->size; i++) {
    char c = text.s->data[i];
    switch (c) {
    case '&': jj_puts(&b, "&amp;"); break;
    case '<': jj_puts(&b, "&lt;"); break;
    case '>': jj_puts(&b, "&gt;"); break;
    case '\'': jj_puts(&b, "&#39;"); break;
    case '"': jj_puts(&b, "&#34;"); break;
    default: jj_putc(&b, c);
    }
  }
  return jj_str_flagged(ctx, jj_take(&b), true);
}
