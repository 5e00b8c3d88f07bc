/* Filters over single values: numbers, defaults, JSON. */
#include "lm/jinja/context.h"
#include "lm/jinja/filters.h"
#include "lm/jinja/ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static jj_value abs_(jj_ctx *ctx, jj_value *a) {
  if (a[0].type == JJ_FLOAT) return jj_float(fabs(a[0].f));
  if (jj_is_int(a[0]))
    return jj_as_int(a[0]) < 0 ? jj_negate(ctx, a[0], true) : jj_int(jj_as_int(a[0]));
  return jj_fail(ctx, "bad operand type for abs(): '%s'", jj_type_name(a[0]));
}

static jj_value attr(jj_ctx *ctx, jj_value *a) {
  if (!jj_hashable(a[1])) return jj_fail(ctx, "unhashable type: '%s'", jj_type_name(a[1]));
  if (a[1].type != JJ_STRING)
    return jj_fail(ctx, "attribute name must be string, not '%s'", jj_type_name(a[1]));
  jj_value found = jj_attribute(ctx, a[0], a[1]);
  return jj_given(found) ? found : jj_undefined_of(ctx, a[0], a[1]);
}

static jj_value default_(jj_ctx *ctx, jj_value *a) {
  bool absent = a[0].type == JJ_UNDEFINED || (jj_flag(ctx, a[2], false) && !jj_truth(ctx, a[0]));
  if (!absent) return a[0];
  return jj_given(a[1]) ? a[1] : jj_strz(ctx, "");
}

/* int(value) for numbers; for text int(value, base). True where it is one. */
static bool to_int(jj_ctx *ctx, jj_value v, int base, jj_value *out) {
  int64_t i;
  if (jj_is_int(v)) return *out = jj_int(jj_as_int(v)), true;
  if (v.type == JJ_FLOAT) {
    if (isinf(v.f)) return *out = jj_fail(ctx, "cannot convert float infinity to integer"), true;
    if (isnan(v.f)) return false;
    if (fabs(v.f) >= 9.2233720368547758e18)
      return *out = jj_fail(ctx, "int: the number does not fit 64 bits"), true;
    return *out = jj_int((int64_t)v.f), true;
  }
  if (v.type == JJ_UNDEFINED) return *out = jj_fail_undefined(ctx, v), true;
  if (v.type != JJ_STRING) return false;
  switch (jj_parse_int(v.s->data, v.s->size, base, &i)) {
  case JJ_PARSED: return *out = jj_int(i), true;
  case JJ_TOO_LARGE: return *out = jj_fail(ctx, "int: the number does not fit 64 bits"), true;
  default: return false;
  }
}

static jj_value int_(jj_ctx *ctx, jj_value *a) {
  jj_value out, otherwise = jj_given(a[1]) ? a[1] : jj_int(0);
  int64_t base;
  double f;
  base = !jj_given(a[2]) ? 10 : jj_is_int(a[2]) ? jj_as_int(a[2]) : -1;
  bool bad_base = base != 0 && (base < 2 || base > 36);
  if (!(bad_base && a[0].type == JJ_STRING) && to_int(ctx, a[0], (int)base, &out)) return out;
  /* "42.23" is 42 */
  if (a[0].type != JJ_STRING || jj_parse_float(a[0].s->data, a[0].s->size, &f) != JJ_PARSED ||
      !isfinite(f))
    return otherwise;
  return to_int(ctx, jj_float(f), 10, &out) ? out : otherwise;
}

static jj_value float_(jj_ctx *ctx, jj_value *a) {
  double f;
  if (a[0].type == JJ_FLOAT) return a[0];
  if (jj_is_int(a[0])) return jj_float((double)jj_as_int(a[0]));
  if (a[0].type == JJ_UNDEFINED) return jj_fail_undefined(ctx, a[0]);
  if (a[0].type == JJ_STRING && jj_parse_float(a[0].s->data, a[0].s->size, &f) == JJ_PARSED)
    return jj_float(f);
  return jj_given(a[1]) ? a[1] : jj_float(0);
}

/* -- round -- */

/* Half to even on the exact value, which printf does for us; tens and hundreds by scaling. */
static double round_float(double f, int64_t digits) {
  if (!isfinite(f) || digits > 323) return f;
  if (digits < 0) {
    if (digits < -308) return 0 * f;
    double scale = pow(10, (double)-digits);
    return nearbyint(f / scale) * scale;
  }
  char text[700];
  snprintf(text, sizeof text, "%.*f", (int)digits, f);
  return strtod(text, NULL);
}

static jj_value round_int(jj_ctx *ctx, int64_t n, int64_t digits) {
  if (digits >= 0) return jj_int(n);
  if (digits < -18) return jj_int(0);
  int64_t unit = 1;
  for (; digits < 0; digits++) unit *= 10;
  int64_t down = n % unit, base = n - down;
  if (down < 0) down += unit, base -= unit;
  bool up = down > unit - down || (down == unit - down && base / unit % 2 != 0);
  if (up && __builtin_add_overflow(base, unit, &base))
    return jj_fail(ctx, "round: the number does not fit 64 bits");
  return jj_int(base);
}

static jj_value round_(jj_ctx *ctx, jj_value *a) {
  const char *method = jj_given(a[2]) && a[2].type == JJ_STRING ? jj_text(a[2])
                       : jj_given(a[2])                         ? "?"
                                                                : "common";
  bool up = strcmp(method, "ceil") == 0, common = strcmp(method, "common") == 0;
  if (!common && !up && strcmp(method, "floor") != 0)
    return jj_fail(ctx, "method must be common, ceil or floor");
  if (common) {
    int64_t digits;
    if (a[0].type == JJ_UNDEFINED)
      return jj_fail(ctx, "type Undefined doesn't define __round__ method");
    if (!jj_is_number(a[0]))
      return jj_fail(ctx, "type %s doesn't define __round__ method", jj_type_name(a[0]));
    if (a[1].type == JJ_NONE)
      return a[0].type == JJ_FLOAT ? jj_int((int64_t)nearbyint(a[0].f)) : jj_int(jj_as_int(a[0]));
    if (jj_take_int(ctx, a[1], 0, &digits) < 0) return jj_failed();
    if (jj_is_int(a[0])) return round_int(ctx, jj_as_int(a[0]), digits);
    return jj_float(round_float(a[0].f, digits));
  }
  jj_value precision = jj_given(a[1]) ? a[1] : jj_int(0);
  jj_value scale = jj_binary(ctx, JJ_POW, jj_int(10), precision);
  jj_value scaled = jj_bad(scale) ? scale : jj_binary(ctx, JJ_MUL, a[0], scale);
  if (jj_bad(scaled)) return scaled;
  if (!jj_is_number(scaled))
    return jj_fail(ctx, "must be real number, not %s", jj_type_name(scaled));
  if (scaled.type == JJ_FLOAT) {
    double f = up ? ceil(scaled.f) : floor(scaled.f);
    if (!(fabs(f) < 9e18))
      return isnan(f) ? jj_fail(ctx, "cannot convert float NaN to integer")
                      : jj_fail(ctx, "round: the number does not fit 64 bits");
    scaled = jj_int((int64_t)f);
  }
  return jj_binary(ctx, JJ_DIV, scaled, scale);
}

/* -- Sizes -- */

static jj_value filesizeformat(jj_ctx *ctx, jj_value *a) {
  static const char *const prefixes[] = {"k", "M", "G", "T", "P", "E", "Z", "Y"};
  jj_value parsed = a[0];
  double bytes;
  if (a[0].type == JJ_UNDEFINED) return jj_fail_undefined(ctx, a[0]);
  if (a[0].type == JJ_STRING) {
    if (jj_parse_float(a[0].s->data, a[0].s->size, &bytes) != JJ_PARSED)
      return jj_fail(ctx, "could not convert string to float: %s", jj_repr_c(ctx, a[0]));
  } else if (!jj_is_number(parsed)) {
    return jj_fail(ctx, "float() argument must be a string or a real number, not '%s'",
                   jj_type_name(a[0]));
  } else {
    bytes = parsed.type == JJ_FLOAT ? parsed.f : (double)jj_as_int(parsed);
  }
  bool binary = jj_flag(ctx, a[1], false);
  double base = binary ? 1024 : 1000, unit = base;
  char text[400];
  if (bytes == 1) return jj_strz(ctx, "1 Byte");
  if (bytes < base) {
    snprintf(text, sizeof text, "%.0f Bytes", trunc(bytes));
    return jj_strz(ctx, text);
  }
  int i = 0;
  for (; i < 8; i++) {
    unit *= base;
    if (bytes < unit || i == 7) break;
  }
  const char *prefix = binary && i == 0 ? "K" : prefixes[i];
  snprintf(text, sizeof text, "%.1f %s%s", base * bytes / unit, prefix, binary ? "iB" : "B");
  return jj_strz(ctx, text);
}

/* -- JSON -- */

static jj_value tojson(jj_ctx *ctx, jj_value *a) {
  return jj_dumps(ctx, a[0], jj_flag(ctx, a[1], false), a[2], a[3], jj_flag(ctx, a[4], false));
}

static jj_value pprint(jj_ctx *ctx, jj_value *a) { return jj_pprint(ctx, a[0]); }

const jj_native jj_value_filters[] = {
    {"abs", "abs", "x", abs_, 0, JJ_C_FUNCTION},
    {"attr", "do_attr", "obj name", attr, 1, JJ_PYTHON},
    {"d", "do_default", "value default_value= boolean=", default_, 0, JJ_PYTHON},
    {"default", "do_default", "value default_value= boolean=", default_, 0, JJ_PYTHON},
    {"filesizeformat", "do_filesizeformat", "value binary=", filesizeformat, 0, JJ_PYTHON},
    {"float", "do_float", "value default=", float_, 0, JJ_PYTHON},
    {"int", "do_int", "value default= base=", int_, 0, JJ_PYTHON},
    {"pprint", "do_pprint", "value", pprint, 0, JJ_PYTHON},
    {"round", "do_round", "value precision= method=", round_, 0, JJ_PYTHON},
    {"tojson", "_compile_jinja_template.<locals>.tojson",
     "x ensure_ascii= indent= separators= sort_keys=", tojson, 0, JJ_PYTHON},
    {0},
};
