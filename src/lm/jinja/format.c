/* Format specifications: what str.format, format() and "%" do to numbers and text. */
#include "lm/jinja/context.h"
#include "lm/jinja/ops.h"
#include "lm/jinja/unicode.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PRECISION_LIMIT = 1000 }; /* digits after the point that a template may ask for */

typedef struct {
  char fill[4];
  size_t fill_size;
  char align, sign, type; /* 0 where not given */
  char group;             /* ',' or '_' */
  bool alternate, zero, no_negative_zero;
  int64_t width, precision; /* -1 where not given */
} spec;

static bool one_of(const char *set, char c) { return c && strchr(set, c); }

/* -- Parsing "[[fill]align][sign][z][#][0][width][group][.precision][type]" -- */

static int64_t take_number(const char **p, const char *end) {
  if (*p >= end || **p < '0' || **p > '9') return -1;
  int64_t n = 0;
  for (; *p < end && **p >= '0' && **p <= '9'; ++*p) n = n > INT32_MAX ? n : n * 10 + (**p - '0');
  return n;
}

static bool is_align(char c) { return c == '<' || c == '>' || c == '=' || c == '^'; }

static int bad_spec(jj_ctx *ctx, const char *text, size_t size, jj_value v) {
  jj_fail(ctx, "Invalid format specifier '%.*s' for object of type '%s'", (int)size, text,
          jj_type_name(v));
  return -1;
}

static int parse_spec(jj_ctx *ctx, const char *text, size_t size, jj_value v, spec *s) {
  const char *p = text, *end = text + size;
  *s = (spec){.fill = " ", .fill_size = 1, .width = -1, .precision = -1};
  if (p < end) {
    uint32_t cp;
    size_t n = jj_utf8_next(p, end, &cp);
    if (p + n < end && is_align(p[n])) {
      memcpy(s->fill, p, n);
      s->fill_size = n;
      s->align = p[n];
      p += n + 1;
    } else if (is_align(*p)) {
      s->align = *p++;
    }
  }
  if (p < end && one_of("+- ", *p)) s->sign = *p++;
  if (p < end && *p == 'z') s->no_negative_zero = true, p++;
  if (p < end && *p == '#') s->alternate = true, p++;
  if (p < end && *p == '0') s->zero = true, p++;
  if (s->zero && !s->align) s->align = '=', s->fill[0] = '0', s->fill_size = 1;
  s->width = take_number(&p, end);
  if (p < end && (*p == ',' || *p == '_')) s->group = *p++;
  if (p < end && *p == '.') {
    p++;
    s->precision = take_number(&p, end);
    if (s->precision < 0) return jj_fail(ctx, "Format specifier missing precision"), -1;
  }
  if (p + 1 < end) return bad_spec(ctx, text, size, v);
  if (p < end) s->type = *p;
  return 0;
}

/* -- Laying out -- */

static void put_padded(jj_buf *b, const spec *s, const char *sign, const char *body, size_t size,
                       int64_t count, char align) {
  int64_t room = s->width - count - (int64_t)strlen(sign), before = 0, inside = 0, after = 0;
  if (s->align) align = s->align;
  if (room < 0) room = 0;
  switch (align) {
  case '>': before = room; break;
  case '^': before = room / 2, after = room - before; break;
  case '=': inside = room; break;
  default: after = room;
  }
  jj_put_fill(b, s->fill, s->fill_size, before);
  jj_puts(b, sign);
  jj_put_fill(b, s->fill, s->fill_size, inside);
  jj_put(b, body, size);
  jj_put_fill(b, s->fill, s->fill_size, after);
}

static int put_text(jj_buf *b, jj_value v, const spec *s) {
  if (s->sign) return jj_fail(b->ctx, "Sign not allowed in string format specifier"), -1;
  if (s->alternate)
    return jj_fail(b->ctx, "Alternate form (#) not allowed in string format specifier"), -1;
  if (s->align == '=')
    return jj_fail(b->ctx, "'=' alignment not allowed in string format specifier"), -1;
  if (s->group) return jj_fail(b->ctx, "Cannot specify '%c' with 's'.", s->group), -1;
  size_t size = v.s->size;
  int64_t count = (int64_t)v.s->count;
  if (s->precision >= 0 && s->precision < count) {
    count = s->precision;
    size = jj_utf8_offset(v.s->data, size, (size_t)count);
  }
  put_padded(b, s, "", v.s->data, size, count, '<');
  return 0;
}

/* Inserts the group mark into the digits before the point; with zero filling, up to the width. */
static void group_digits(jj_buf *to, const char *digits, const spec *s, int every, int64_t width) {
  size_t whole = strspn(digits, every == 4 ? "0123456789abcdefABCDEF" : "0123456789");
  int64_t rest = (int64_t)strlen(digits + whole), zeros = 0;
  bool filled = s->align == '=' && s->fill_size == 1 && s->fill[0] == '0';
  if (filled)
    while ((int64_t)whole + zeros + ((int64_t)whole + zeros - 1) / every + rest < width) zeros++;
  if (zeros > PRECISION_LIMIT) zeros = 0;
  int64_t total = (int64_t)whole + zeros;
  for (int64_t i = 0; i < total; i++) {
    if (i && (total - i) % every == 0) jj_putc(to, s->group);
    jj_putc(to, i < zeros ? '0' : digits[i - zeros]);
  }
  jj_puts(to, digits + whole);
}

static const char *sign_of(bool negative, const spec *s) {
  return negative ? "-" : s->sign == '+' ? "+" : s->sign == ' ' ? " " : "";
}

static void put_number(jj_buf *b, const spec *s, const char *sign, const char *prefix,
                       const char *digits, int group_every) {
  JJ_BUF(grouped, b->ctx);
  char lead[8];
  snprintf(lead, sizeof lead, "%s%s", sign, prefix);
  if (s->group) {
    group_digits(&grouped, digits, s, group_every, s->width - (int64_t)strlen(lead));
    digits = mx_str_c(&grouped.text);
  }
  put_padded(b, s, lead, digits, strlen(digits), (int64_t)strlen(digits), '>');
}

static void digits_in_base(uint64_t n, int base, bool upper, char out[72]) {
  const char *names = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  char reversed[72];
  int count = 0;
  do reversed[count++] = names[n % (unsigned)base];
  while (n /= (unsigned)base);
  for (int i = 0; i < count; i++) out[i] = reversed[count - 1 - i];
  out[count] = 0;
}

static int put_char(jj_buf *b, int64_t n, const spec *s) {
  if (n < 0 || n > 0x10ffff || (n >= 0xd800 && n < 0xe000))
    return jj_fail(b->ctx, "%%c arg not in range(0x110000)"), -1;
  char text[5] = {0};
  size_t size = jj_utf8_put(text, (uint32_t)n);
  put_padded(b, s, "", text, size, 1, '<');
  return 0;
}

static int put_int(jj_buf *b, int64_t n, const spec *s) {
  if (s->precision >= 0)
    return jj_fail(b->ctx, "Precision not allowed in integer format specifier"), -1;
  if (s->type == 'c') return put_char(b, n, s);
  int base = s->type == 'x' || s->type == 'X' ? 16 : s->type == 'o' ? 8 : s->type == 'b' ? 2 : 10;
  if (s->group == ',' && base != 10)
    return jj_fail(b->ctx, "Cannot specify ',' with '%c'.", s->type), -1;
  char digits[72], prefix[3] = {'0', s->type, 0};
  digits_in_base(n < 0 ? -(uint64_t)n : (uint64_t)n, base, s->type == 'X', digits);
  put_number(b, s, sign_of(n < 0, s), s->alternate && base != 10 ? prefix : "", digits,
             base == 10 ? 3 : 4);
  return 0;
}

/* "%g" as Python has it where no type was named: like repr(), but with a precision. */
static void general_digits(jj_ctx *ctx, mx_str *text, double f, const spec *s) {
  if (s->precision < 0) {
    JJ_BUF(plain, ctx);
    jj_put_float(&plain, f);
    mx_str_puts(text, mx_str_c(&plain.text));
    return;
  }
  int precision = s->precision ? (int)s->precision : 1, exponent;
  char probe[PRECISION_LIMIT + 32];
  snprintf(probe, sizeof probe, "%.*e", precision - 1, f);
  exponent = atoi(strchr(probe, 'e') + 1);
  /* One digit is kept for what follows the point: 12.0, not 12. */
  if (exponent == precision - 1)
    mx_str_printf(text, "%.*e", precision - 1, f);
  else
    mx_str_printf(text, s->alternate ? "%#.*g" : "%.*g", precision, f);
  char *e = strchr(text->data, 'e');
  if (!e && !strchr(text->data, '.')) mx_str_puts(text, ".0");
  if (exponent == precision - 1 && e) { /* 1.200e+01: drop the zeros as %g does */
    char tail[16];
    snprintf(tail, sizeof tail, "%s", e);
    size_t n = (size_t)(e - text->data);
    if (memchr(text->data, '.', n)) {
      while (text->data[n - 1] == '0') n--;
      if (text->data[n - 1] == '.') n--;
    }
    text->size = n;
    mx_str_puts(text, tail);
  }
}

static int put_float_as(jj_buf *b, double f, const spec *s) {
  char type = s->type ? s->type : 0;
  if (s->precision > PRECISION_LIMIT)
    return jj_fail(b->ctx, "a precision of more than %d digits", PRECISION_LIMIT), -1;
  double scaled = fabs(f) * (type == '%' ? 100 : 1);
  mx_str text = {0};
  if (!isfinite(scaled)) {
    bool upper = type == 'E' || type == 'F' || type == 'G';
    mx_str_puts(&text, isnan(scaled) ? (upper ? "NAN" : "nan") : upper ? "INF" : "inf");
    if (type == '%') mx_str_putc(&text, '%');
  } else if (type == 0) {
    general_digits(b->ctx, &text, scaled, s);
  } else {
    char format[8];
    snprintf(format, sizeof format, "%%%s.*%c", s->alternate ? "#" : "",
             type == '%'   ? 'f'
             : type == 'n' ? 'g'
                           : type);
    mx_str_printf(&text, format, s->precision < 0 ? 6 : (int)s->precision, scaled);
    if (type == '%') mx_str_putc(&text, '%');
  }
  bool negative = signbit(f) && !isnan(f);
  if (s->no_negative_zero && strspn(mx_str_c(&text), "0.%") == text.size) negative = false;
  put_number(b, s, sign_of(negative, s), "", mx_str_c(&text), 3);
  mx_str_free(&text);
  return 0;
}

static int unknown_code(jj_ctx *ctx, jj_value v, const spec *s) {
  jj_fail(ctx, "Unknown format code '%c' for object of type '%s'", s->type, jj_type_name(v));
  return -1;
}

int jj_put_formatted(jj_buf *b, jj_value v, const char *text, size_t size) {
  if (size == 0) return jj_put_value(b, v), 0;
  spec s;
  if (v.type != JJ_STRING && !jj_is_number(v)) {
    jj_fail(b->ctx, "unsupported format string passed to %s.__format__", jj_type_name(v));
    return -1;
  }
  if (parse_spec(b->ctx, text, size, v, &s) < 0) return -1;
  if (v.type == JJ_STRING) {
    if (s.type && s.type != 's') return unknown_code(b->ctx, v, &s);
    if (s.zero && s.align == '=') s.align = '<';
    return put_text(b, v, &s);
  }
  bool as_float = v.type == JJ_FLOAT || (s.type && one_of("eEfFgG%", s.type));
  if (as_float) {
    if (s.type && !one_of("eEfFgG%n", s.type)) return unknown_code(b->ctx, v, &s);
    return put_float_as(b, v.type == JJ_FLOAT ? v.f : (double)jj_as_int(v), &s);
  }
  if (s.type && !one_of("bcdoxXn", s.type)) return unknown_code(b->ctx, v, &s);
  return put_int(b, jj_as_int(v), &s);
}

/* -- "%" formatting -- */

typedef struct {
  jj_ctx *ctx;
  jj_buf *out;
  jj_value arguments; /* a tuple, a mapping or one value */
  size_t used;
  bool markup; /* arguments are escaped */
} percent;

static jj_value next_argument(percent *f) {
  if (f->arguments.type == JJ_TUPLE) {
    if (f->used < f->arguments.l->size) return f->arguments.l->items[f->used++];
  } else if (f->used == 0) {
    f->used = 1;
    return f->arguments;
  }
  return jj_fail(f->ctx, "not enough arguments for format string");
}

/* "%(name)s": the argument is looked up, and stands for the ones to take. */
static jj_value named_argument(percent *f, const char **p, const char *end) {
  const char *name = ++*p;
  int depth = 1;
  for (; *p < end; ++*p) {
    if (**p == '(') depth++;
    if (**p == ')' && --depth == 0) break;
  }
  if (depth) return jj_fail(f->ctx, "incomplete format key");
  jj_value key = jj_str(f->ctx, name, (size_t)(*p - name));
  ++*p;
  if (jj_bad(key)) return key;
  if (f->arguments.type == JJ_UNDEFINED) return jj_fail_undefined(f->ctx, f->arguments);
  if (f->arguments.type != JJ_DICT) return jj_fail(f->ctx, "format requires a mapping");
  jj_value *found = jj_dict_find_str(f->arguments.d, key.s->data, key.s->size);
  f->used = 1;
  return found ? *found : jj_fail(f->ctx, "%s", jj_repr_c(f->ctx, key));
}

/* A width or precision: digits, or "*" for an argument. */
static int take_size(percent *f, const char **p, const char *end, int64_t *size) {
  if (*p < end && **p == '*') {
    ++*p;
    jj_value v = next_argument(f);
    if (jj_bad(v)) return -1;
    if (!jj_is_int(v)) return jj_fail(f->ctx, "* wants int"), -1;
    *size = jj_as_int(v);
  } else {
    *size = take_number(p, end);
  }
  return 0;
}

static int put_percent_text(percent *f, jj_value v, spec *s, char type) {
  jj_value text = type == 's' ? jj_to_str(f->ctx, v) : jj_repr(f->ctx, v);
  if (f->markup && !jj_bad(text)) text = jj_escape(f->ctx, text);
  if (jj_bad(text)) return -1;
  spec plain = *s;
  plain.sign = 0, plain.alternate = false;
  if (!plain.align || plain.align == '=') plain.align = '>';
  plain.fill[0] = ' ', plain.fill_size = 1;
  return put_text(f->out, text, &plain);
}

static int put_percent_char(percent *f, jj_value v, spec *s) {
  spec plain = *s;
  if (!plain.align) plain.align = '>';
  if (v.type == JJ_STRING && v.s->count == 1) {
    plain.precision = -1;
    return put_text(f->out, v, &plain);
  }
  if (!jj_is_int(v)) return jj_fail(f->ctx, "%%c requires int or char"), -1;
  return put_char(f->out, jj_as_int(v), &plain);
}

static int put_percent_int(percent *f, jj_value v, spec *s, char type) {
  bool hex = type == 'x' || type == 'X' || type == 'o';
  if (v.type == JJ_UNDEFINED && !hex) return jj_fail_undefined(f->ctx, v), -1;
  if (!jj_is_number(v) || (hex && v.type == JJ_FLOAT)) {
    jj_fail(f->ctx,
            hex ? "%%%c format: an integer is required, not %s"
                : "%%%c format: a real number is required, not %s",
            type, jj_type_name(v));
    return -1;
  }
  if (v.type == JJ_FLOAT && !(fabs(v.f) < 9e18))
    return jj_fail(f->ctx, "%%%c format: the number does not fit 64 bits", type), -1;
  int64_t n = v.type == JJ_FLOAT ? (int64_t)v.f : jj_as_int(v);
  s->type = type == 'i' || type == 'u' ? 'd' : type;
  char digits[72];
  int64_t precision = s->precision;
  s->precision = -1;
  if (precision < 0) return put_int(f->out, n, s);
  int base = type == 'x' || type == 'X' ? 16 : type == 'o' ? 8 : 10;
  digits_in_base(n < 0 ? -(uint64_t)n : (uint64_t)n, base, type == 'X', digits);
  JJ_BUF(body, f->ctx);
  jj_put_fill(&body, "0", 1, precision - (int64_t)strlen(digits));
  jj_puts(&body, digits);
  char prefix[3] = {'0', type, 0};
  put_number(f->out, s, sign_of(n < 0, s), s->alternate && base != 10 ? prefix : "",
             mx_str_c(&body.text), 3);
  return 0;
}

static int put_percent_float(percent *f, jj_value v, spec *s, char type) {
  double number;
  if (v.type == JJ_FLOAT)
    number = v.f;
  else if (jj_is_int(v))
    number = (double)jj_as_int(v);
  else if (v.type == JJ_UNDEFINED)
    return jj_fail_undefined(f->ctx, v), -1;
  else
    return jj_fail(f->ctx, "must be real number, not %s", jj_type_name(v)), -1;
  s->type = type;
  return put_float_as(f->out, number, s);
}

static void take_flags(const char **p, const char *end, spec *s) {
  for (; *p < end; ++*p) {
    if (**p == '-')
      s->align = '<';
    else if (**p == '+')
      s->sign = '+';
    else if (**p == ' ')
      s->sign = s->sign ? s->sign : ' ';
    else if (**p == '#')
      s->alternate = true;
    else if (**p == '0')
      s->zero = true;
    else
      return;
  }
}

/* One conversion, from behind its "%". */
static int put_conversion(percent *f, const char *start, const char **p, const char *end) {
  jj_value named = jj_missing();
  spec s = {.fill = " ", .fill_size = 1, .precision = -1};
  if (*p < end && **p == '(') {
    named = named_argument(f, p, end);
    if (jj_bad(named)) return -1;
  }
  take_flags(p, end, &s);
  if (take_size(f, p, end, &s.width) < 0) return -1;
  if (s.width < -1) s.align = '<', s.width = s.width < -JJ_TEXT_BYTES ? JJ_TEXT_BYTES : -s.width;
  if (*p < end && **p == '.') {
    ++*p;
    if (take_size(f, p, end, &s.precision) < 0) return -1;
    if (s.precision < 0) s.precision = 0;
  }
  while (*p < end && one_of("hlL", **p)) ++*p;
  if (*p >= end) return jj_fail(f->ctx, "incomplete format"), -1;
  char type = *(*p)++;
  if (type == '%') return jj_putc(f->out, '%'), 0;
  if (!one_of("diouxXeEfFgGcrsa", type)) {
    --*p;
    uint32_t cp;
    jj_utf8_next(*p, end, &cp);
    jj_fail(f->ctx, "unsupported format character '%c' (0x%x) at index %zu",
            cp >= ' ' && cp < 127 ? (char)cp : '?', cp, jj_utf8_count(start, (size_t)(*p - start)));
    return -1;
  }
  jj_value v = jj_given(named) ? named : next_argument(f);
  if (jj_bad(v)) return -1;
  if (one_of("sra", type)) return put_percent_text(f, v, &s, type);
  if (type == 'c') return put_percent_char(f, v, &s);
  if (s.zero && !s.align) s.align = '=', s.fill[0] = '0';
  return one_of("diouxX", type) ? put_percent_int(f, v, &s, type)
                                : put_percent_float(f, v, &s, type);
}

/* Whether Python takes the argument for a mapping, whose items need not all be used. */
static bool is_mapping(jj_value v) {
  return v.type == JJ_DICT || v.type == JJ_LIST || v.type == JJ_RANGE || v.type == JJ_UNDEFINED;
}

jj_value jj_printf(jj_ctx *ctx, jj_value format, jj_value arguments) {
  JJ_BUF(out, ctx);
  percent f = {ctx, &out, arguments, 0, jj_is_markup(format)};
  const char *start = format.s->data, *p = start, *end = p + format.s->size;
  while (p < end && jj_step(ctx)) {
    const char *mark = memchr(p, '%', (size_t)(end - p));
    jj_put(&out, p, (size_t)((mark ? mark : end) - p));
    if (!mark) break;
    p = mark + 1;
    if (put_conversion(&f, start, &p, end) < 0) return jj_failed();
  }
  size_t given = arguments.type == JJ_TUPLE ? arguments.l->size : 1;
  if (f.used < given && !is_mapping(arguments))
    return jj_fail(ctx, "not all arguments converted during string formatting");
  return jj_str_flagged(ctx, jj_take(&out), jj_is_markup(format));
}
