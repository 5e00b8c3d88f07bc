/* str.format: replacement fields, with attributes and items looked up through the sandbox. */
#include "lm/jinja/context.h"
#include "lm/jinja/ops.h"

#include <string.h>

typedef struct {
  jj_ctx *ctx;
  const jj_args *args;
  int64_t automatic; /* the next field's number, or -1 once fields are numbered by hand */
} formatter;

static int put_fields(formatter *f, jj_buf *out, const char *p, const char *end, int depth);

static jj_value positional(formatter *f, int64_t index) {
  if (index < 0 || (size_t)index >= f->args->count)
    return jj_fail(f->ctx, "tuple index out of range");
  return f->args->pos[index];
}

/* The field's first name: a number, a keyword, or nothing for the next argument. */
static jj_value first_value(formatter *f, const char *name, size_t size) {
  int64_t index;
  bool number = size && strspn(name, "0123456789") >= size;
  if (size == 0) {
    if (f->automatic < 0)
      return jj_fail(f->ctx, "cannot switch from manual field specification to automatic field "
                             "numbering");
    return positional(f, f->automatic++);
  }
  if (number) {
    if (f->automatic > 0)
      return jj_fail(f->ctx, "cannot switch from manual field specification to automatic field "
                             "numbering");
    f->automatic = -1;
    if (jj_parse_int(name, size, 10, &index) != JJ_PARSED)
      return jj_fail(f->ctx, "Too many decimal digits in format string");
    return positional(f, index);
  }
  jj_value *found = f->args->kw ? jj_dict_find_str(f->args->kw, name, size) : NULL;
  if (found) return *found;
  return jj_fail(f->ctx, "%s", jj_repr_c(f->ctx, jj_str(f->ctx, name, size)));
}

/* What stands in a field: name(.attribute | [item])*. */
static jj_value field_value(formatter *f, const char *p, const char *end) {
  const char *name = p;
  while (p < end && *p != '.' && *p != '[') p++;
  jj_value v = first_value(f, name, (size_t)(p - name));
  while (p < end && !jj_bad(v)) {
    bool item = *p++ == '[';
    const char *part = p;
    while (p < end && (item ? *p != ']' : *p != '.' && *p != '[')) p++;
    if (p == part) return jj_fail(f->ctx, "Empty attribute in format string");
    if (item && p >= end) return jj_fail(f->ctx, "Missing ']' in format string");
    jj_value key = jj_str(f->ctx, part, (size_t)(p - part));
    if (jj_bad(key)) return key;
    int64_t index;
    bool number = item && strspn(part, "0123456789") >= (size_t)(p - part) &&
                  jj_parse_int(part, (size_t)(p - part), 10, &index) == JJ_PARSED;
    v = !item ? jj_getattr(f->ctx, v, key) : jj_getitem(f->ctx, v, number ? jj_int(index) : key);
    if (item && ++p < end && *p != '.' && *p != '[')
      return jj_fail(f->ctx, "Only '.' or '[' may follow ']' in format field specifier");
  }
  return v;
}

static jj_value convert(formatter *f, jj_value v, char conversion) {
  if (conversion == 'r' || conversion == 'a') return jj_repr(f->ctx, v);
  if (conversion == 's') return jj_to_str(f->ctx, v);
  return jj_fail(f->ctx, "Unknown conversion specifier %c", conversion);
}

/* One replacement field, between its braces. */
static int put_field(formatter *f, jj_buf *out, const char *p, const char *end, int depth) {
  const char *name = p;
  int brackets = 0;
  for (; p < end; p++) {
    if (*p == '[') brackets++;
    if (*p == ']') brackets--;
    if (brackets <= 0 && (*p == '!' || *p == ':')) break;
  }
  jj_value v = field_value(f, name, p);
  if (jj_bad(v)) return -1;
  if (p < end && *p == '!') {
    if (p + 1 >= end)
      return jj_fail(f->ctx, "end of string while looking for conversion specifier"), -1;
    v = convert(f, v, p[1]);
    p += 2;
    if (jj_bad(v)) return -1;
    if (p < end && *p != ':') return jj_fail(f->ctx, "expected ':' after conversion specifier"), -1;
  }
  JJ_BUF(spec, f->ctx);
  if (p < end && put_fields(f, &spec, p + 1, end, depth - 1) < 0) return -1;
  return jj_put_formatted(out, v, mx_str_c(&spec.text), spec.text.size);
}

/* The "}" that closes a field, over fields nested in its specification. */
static const char *field_end(const char *p, const char *end) {
  for (int depth = 1; p < end; p++) {
    if (*p == '{') depth++;
    if (*p == '}' && --depth == 0) return p;
  }
  return NULL;
}

static int put_fields(formatter *f, jj_buf *out, const char *p, const char *end, int depth) {
  if (depth < 0) return jj_fail(f->ctx, "Max string recursion exceeded"), -1;
  while (p < end && jj_step(f->ctx)) {
    const char *text = p;
    while (p < end && *p != '{' && *p != '}') p++;
    jj_put(out, text, (size_t)(p - text));
    if (p >= end) break;
    if (p + 1 < end && p[1] == *p) {
      jj_putc(out, *p);
      p += 2;
      continue;
    }
    if (*p == '}') return jj_fail(f->ctx, "Single '}' encountered in format string"), -1;
    if (p + 1 >= end) return jj_fail(f->ctx, "Single '{' encountered in format string"), -1;
    const char *close = field_end(p + 1, end);
    if (!close) return jj_fail(f->ctx, "expected '}' before end of string"), -1;
    if (put_field(f, out, p + 1, close, depth) < 0) return -1;
    p = close + 1;
  }
  return f->ctx->failed ? -1 : 0;
}

jj_value jj_format(jj_ctx *ctx, jj_value format, const jj_args *args) {
  JJ_BUF(out, ctx);
  formatter f = {ctx, args, 0};
  const char *text = format.s->data;
  if (put_fields(&f, &out, text, text + format.s->size, 2) < 0) return jj_failed();
  return jj_str_flagged(ctx, jj_take(&out), jj_is_markup(format));
}
