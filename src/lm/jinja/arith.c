/* Python's arithmetic over values: numbers, and what + * % mean for text and sequences. Integers
 * have 64 bits; what would not fit is an error. */
#include "lm/jinja/context.h"
#include "lm/jinja/ops.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const signs[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};

static jj_value overflow(jj_ctx *ctx, jj_binary_op op) {
  return jj_fail(ctx, "the result of an integer '%.2s' does not fit 64 bits", signs[op]);
}

static jj_value unsupported(jj_ctx *ctx, jj_binary_op op, jj_value a, jj_value b) {
  return jj_fail(ctx, "unsupported operand type(s) for %s: '%s' and '%s'", signs[op],
                 jj_type_name(a), jj_type_name(b));
}

/* -- Integers -- */

static jj_value int_floordiv(jj_ctx *ctx, int64_t a, int64_t b) {
  if (b == 0) return jj_fail(ctx, "integer division or modulo by zero");
  if (a == INT64_MIN && b == -1) return overflow(ctx, JJ_FLOORDIV);
  int64_t q = a / b;
  return jj_int(q - (a % b != 0 && (a < 0) != (b < 0)));
}

static jj_value int_mod(jj_ctx *ctx, int64_t a, int64_t b) {
  if (b == 0) return jj_fail(ctx, "integer modulo by zero");
  if (b == -1) return jj_int(0);
  int64_t r = a % b;
  return jj_int(r && (r < 0) != (b < 0) ? r + b : r);
}

static jj_value float_pow(jj_ctx *ctx, double a, double b) {
  if (a == 0 && b < 0) return jj_fail(ctx, "0.0 cannot be raised to a negative power");
  if (a < 0 && isfinite(a) && isfinite(b) && b != floor(b))
    return jj_fail(ctx, "a negative number to a fractional power is complex, which templates here "
                        "do not have");
  double r = pow(a, b);
  if (isinf(r) && isfinite(a) && isfinite(b))
    return jj_fail(ctx, "(%d, '%s')", ERANGE, strerror(ERANGE));
  return jj_float(r);
}

static jj_value int_pow(jj_ctx *ctx, int64_t a, int64_t b) {
  if (b < 0) return float_pow(ctx, (double)a, (double)b);
  if (a == 0 || a == 1) return jj_int(b == 0 ? 1 : a);
  if (a == -1) return jj_int(b % 2 ? -1 : 1);
  int64_t r = 1;
  for (; b > 0; b--)
    if (__builtin_mul_overflow(r, a, &r)) return overflow(ctx, JJ_POW);
  return jj_int(r);
}

static jj_value int_binary(jj_ctx *ctx, jj_binary_op op, int64_t a, int64_t b) {
  int64_t r;
  switch (op) {
  case JJ_ADD: return __builtin_add_overflow(a, b, &r) ? overflow(ctx, op) : jj_int(r);
  case JJ_SUB: return __builtin_sub_overflow(a, b, &r) ? overflow(ctx, op) : jj_int(r);
  case JJ_MUL: return __builtin_mul_overflow(a, b, &r) ? overflow(ctx, op) : jj_int(r);
  case JJ_DIV:
    if (b == 0) return jj_fail(ctx, "division by zero");
    return jj_float((double)((long double)a / (long double)b));
  case JJ_FLOORDIV: return int_floordiv(ctx, a, b);
  case JJ_MOD: return int_mod(ctx, a, b);
  default: return int_pow(ctx, a, b);
  }
}

/* -- Floats -- */

/* Quotient and remainder with the remainder's sign that of the divisor. */
static double float_divmod(double a, double b, double *remainder) {
  double mod = fmod(a, b), div = (a - mod) / b;
  if (mod) {
    if ((b < 0) != (mod < 0)) mod += b, div -= 1;
  } else {
    mod = copysign(0.0, b);
  }
  *remainder = mod;
  if (!div) return copysign(0.0, a / b);
  double whole = floor(div);
  return div - whole > 0.5 ? whole + 1 : whole;
}

static jj_value float_binary(jj_ctx *ctx, jj_binary_op op, double a, double b) {
  double remainder, quotient;
  switch (op) {
  case JJ_ADD: return jj_float(a + b);
  case JJ_SUB: return jj_float(a - b);
  case JJ_MUL: return jj_float(a * b);
  case JJ_DIV: return b == 0 ? jj_fail(ctx, "float division by zero") : jj_float(a / b);
  case JJ_FLOORDIV:
    if (b == 0) return jj_fail(ctx, "float floor division by zero");
    quotient = float_divmod(a, b, &remainder);
    return jj_float(quotient);
  case JJ_MOD:
    if (b == 0) return jj_fail(ctx, "float modulo");
    float_divmod(a, b, &remainder);
    return jj_float(remainder);
  default: return float_pow(ctx, a, b);
  }
}

/* -- Text and sequences -- */

static jj_value concatenate(jj_ctx *ctx, jj_value a, jj_value b) {
  if (a.type != b.type && jj_is_markup(a)) return unsupported(ctx, JJ_ADD, a, b);
  if (a.type != b.type)
    return jj_fail(ctx, "can only concatenate %s (not \"%s\") to %s", jj_type_name(a),
                   jj_type_name(b), jj_type_name(a));
  if (a.type == JJ_STRING) {
    bool markup = jj_is_markup(a) || jj_is_markup(b);
    if (markup) a = jj_escape(ctx, a), b = jj_escape(ctx, b);
    if (jj_bad(a) || jj_bad(b)) return jj_failed();
    JJ_BUF(text, ctx);
    jj_put_str(&text, a);
    jj_put_str(&text, b);
    return jj_str_flagged(ctx, jj_take(&text), markup);
  }
  if (!jj_room_for(ctx, a.l->size + b.l->size, sizeof(jj_value))) return jj_failed();
  jj_list *list = jj_list_new(ctx, a.type, a.l->size + b.l->size);
  for (size_t i = 0; i < a.l->size; i++) jj_list_push(ctx, list, a.l->items[i]);
  for (size_t i = 0; i < b.l->size; i++) jj_list_push(ctx, list, b.l->items[i]);
  return jj_object_value(list);
}

static bool is_sequence(jj_value v) { return v.type == JJ_STRING || jj_is_seq(v); }

static jj_value repeat(jj_ctx *ctx, jj_value seq, jj_value times) {
  jj_value number = jj_is_markup(times) ? seq : times; /* Markup multiplies from either side */
  if (!jj_is_int(times) && (jj_is_markup(seq) || jj_is_markup(times)))
    return jj_fail(ctx, "'%s' object cannot be interpreted as an integer", jj_type_name(number));
  if (!jj_is_int(times))
    return jj_fail(ctx, "can't multiply sequence by non-int of type '%s'", jj_type_name(times));
  int64_t n = jj_as_int(times) < 0 ? 0 : jj_as_int(times);
  if (seq.type == JJ_STRING) {
    JJ_BUF(text, ctx);
    jj_put_fill(&text, seq.s->data, seq.s->size, n);
    return jj_str_flagged(ctx, jj_take(&text), jj_is_markup(seq));
  }
  if (seq.l->size == 0) n = 0;
  size_t total;
  if (__builtin_mul_overflow((size_t)n, seq.l->size, &total)) total = SIZE_MAX;
  if (!jj_room_for(ctx, total, sizeof(jj_value))) return jj_failed();
  jj_list *list = jj_list_new(ctx, seq.type, total);
  for (int64_t r = 0; r < n; r++)
    for (size_t i = 0; i < seq.l->size; i++) jj_list_push(ctx, list, seq.l->items[i]);
  return jj_object_value(list);
}

jj_value jj_binary(jj_ctx *ctx, jj_binary_op op, jj_value a, jj_value b) {
  if (jj_is_int(a) && jj_is_int(b)) return int_binary(ctx, op, jj_as_int(a), jj_as_int(b));
  if (jj_is_number(a) && jj_is_number(b))
    return float_binary(ctx, op, a.type == JJ_FLOAT ? a.f : (double)jj_as_int(a),
                        b.type == JJ_FLOAT ? b.f : (double)jj_as_int(b));
  if (op == JJ_MOD && a.type == JJ_STRING) return jj_printf(ctx, a, b);
  if (a.type == JJ_UNDEFINED) return jj_fail_undefined(ctx, a);
  if (b.type == JJ_UNDEFINED) return jj_fail_undefined(ctx, b);
  if (op == JJ_ADD && is_sequence(a)) return concatenate(ctx, a, b);
  if (op == JJ_MUL && is_sequence(a)) return repeat(ctx, a, b);
  if (op == JJ_MUL && is_sequence(b)) return repeat(ctx, b, a);
  return unsupported(ctx, op, a, b);
}

jj_value jj_negate(jj_ctx *ctx, jj_value v, bool minus) {
  if (v.type == JJ_FLOAT) return jj_float(minus ? -v.f : v.f);
  if (jj_is_int(v)) {
    if (!minus) return jj_int(jj_as_int(v));
    return jj_as_int(v) == INT64_MIN ? overflow(ctx, JJ_SUB) : jj_int(-jj_as_int(v));
  }
  if (v.type == JJ_UNDEFINED) return jj_fail_undefined(ctx, v);
  return jj_fail(ctx, "bad operand type for unary %c: '%s'", minus ? '-' : '+', jj_type_name(v));
}

/* -- Numbers from text -- */

static bool is_space(char c) { return c == ' ' || (c >= 9 && c <= 13) || (c >= 28 && c <= 31); }

static void trim(const char **text, size_t *size) {
  while (*size && is_space(**text)) ++*text, --*size;
  while (*size && is_space((*text)[*size - 1])) --*size;
}

static int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 32;
  return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

/* Skips "0x" and its kin; settles base 0 by it. */
static void take_prefix(const char **text, size_t *size, int *base) {
  int named = 0;
  if (*size > 1 && (*text)[0] == '0') {
    char c = (*text)[1] | 32;
    named = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 0;
  }
  if (named && (*base == 0 || *base == named)) {
    *text += 2, *size -= 2, *base = named;
    if (*size && **text == '_') ++*text, --*size;
  }
  if (*base == 0) *base = 10;
}

jj_parsed jj_parse_int(const char *text, size_t size, int base, int64_t *value) {
  trim(&text, &size);
  bool negative = size && *text == '-', zero_led = base == 0;
  if (size && (*text == '-' || *text == '+')) text++, size--;
  take_prefix(&text, &size, &base);
  if (!size) return JJ_NOT_A_NUMBER;
  __int128 total = 0;
  bool large = false, nonzero = false;
  for (size_t i = 0; i < size; i++) {
    if (text[i] == '_') {
      if (i == 0 || i + 1 == size || text[i + 1] == '_') return JJ_NOT_A_NUMBER;
      continue;
    }
    int digit = digit_of(text[i]);
    if (digit >= base) return JJ_NOT_A_NUMBER;
    nonzero |= digit != 0;
    if (!large) total = total * base + digit;
    large |= total > (__int128)INT64_MAX + 1;
  }
  if (zero_led && base == 10 && *text == '0' && nonzero) return JJ_NOT_A_NUMBER;
  if (negative) total = -total;
  if (large || total > INT64_MAX) return JJ_TOO_LARGE;
  *value = (int64_t)total;
  return JJ_PARSED;
}

/* A float's text without its underscores; false where they are out of place. */
static bool plain_digits(const char *text, size_t size, char *out) {
  size_t n = 0;
  for (size_t i = 0; i < size; i++) {
    if (text[i] != '_') {
      out[n++] = text[i];
      continue;
    }
    bool between =
        i > 0 && i + 1 < size && digit_of(text[i - 1]) < 10 && digit_of(text[i + 1]) < 10;
    if (!between) return false;
  }
  out[n] = 0;
  return n > 0;
}

jj_parsed jj_parse_float(const char *text, size_t size, double *value) {
  trim(&text, &size);
  if (!size || size > 4096) return JJ_NOT_A_NUMBER;
  char plain[4097];
  if (!plain_digits(text, size, plain)) return JJ_NOT_A_NUMBER;
  const char *number = plain + (*plain == '-' || *plain == '+');
  bool word = strcasecmp(number, "inf") == 0 || strcasecmp(number, "infinity") == 0 ||
              strcasecmp(number, "nan") == 0;
  /* strtod reads more than Python does: hexadecimal floats, and NaNs with a payload. */
  if (!word && strspn(number, "0123456789.eE+-") != strlen(number)) return JJ_NOT_A_NUMBER;
  char *end;
  *value = strtod(plain, &end);
  return *end || end == plain ? JJ_NOT_A_NUMBER : JJ_PARSED;
}
