/* The builtin tests, as in `value is even`. */
#include "lm/jinja/context.h"
#include "lm/jinja/filters.h"
#include "lm/jinja/interp.h"
#include "lm/jinja/methods.h"
#include "lm/jinja/ops.h"

#include <string.h>

static jj_value truth(bool b) { return jj_bool(b); }

/* Whether a % b is `expected`, with all that % may mean and raise. */
static jj_value remainder_is(jj_ctx *ctx, jj_value a, jj_value b, int64_t expected) {
  jj_value r = jj_binary(ctx, JJ_MOD, a, b);
  if (jj_bad(r)) return r;
  return truth(jj_equal(ctx, r, jj_int(expected)) > 0);
}

static jj_value compare(jj_ctx *ctx, jj_value *a, jj_compare_op op) {
  int holds = jj_compare(ctx, op, a[0], a[1]);
  return holds < 0 ? jj_failed() : truth(holds);
}

static bool is_callable(jj_value v) {
  return v.type == JJ_FUNCTION || v.type == JJ_MACRO || v.type == JJ_LOOP || v.type == JJ_JOINER ||
         v.type == JJ_UNDEFINED;
}

static bool is_sequence(jj_value v) {
  return v.type == JJ_STRING || jj_is_seq(v) || v.type == JJ_DICT || v.type == JJ_RANGE ||
         v.type == JJ_UNDEFINED;
}

/* Python's `is`: the same object; small values are the same wherever they come from. */
static bool is_same(jj_value a, jj_value b) {
  if (a.type != b.type) return false;
  if (a.type >= JJ_STRING || a.type == JJ_UNDEFINED) return a.o == b.o;
  return a.type == JJ_NONE || (a.type == JJ_FLOAT ? a.f == b.f : jj_as_int(a) == jj_as_int(b));
}

#define TEST(name, expression)                     \
  static jj_value name(jj_ctx *ctx, jj_value *a) { \
    (void)ctx;                                     \
    return expression;                             \
  }
TEST(odd, remainder_is(ctx, a[0], jj_int(2), 1))
TEST(even, remainder_is(ctx, a[0], jj_int(2), 0))
TEST(divisibleby, remainder_is(ctx, a[0], a[1], 0))
TEST(defined, truth(a[0].type != JJ_UNDEFINED))
TEST(undefined, truth(a[0].type == JJ_UNDEFINED))
TEST(none, truth(a[0].type == JJ_NONE))
TEST(boolean, truth(a[0].type == JJ_BOOL))
TEST(false_, truth(a[0].type == JJ_BOOL && !a[0].b))
TEST(true_, truth(a[0].type == JJ_BOOL && a[0].b))
TEST(integer, truth(a[0].type == JJ_INT))
TEST(float_, truth(a[0].type == JJ_FLOAT))
TEST(string, truth(a[0].type == JJ_STRING))
TEST(mapping, truth(a[0].type == JJ_DICT))
TEST(number, truth(jj_is_number(a[0])))
TEST(sequence, truth(is_sequence(a[0])))
TEST(iterable, truth(jj_iterable(a[0])))
TEST(callable, truth(is_callable(a[0])))
TEST(sameas, truth(is_same(a[0], a[1])))
TEST(escaped, truth(jj_is_markup(a[0])))
TEST(eq, compare(ctx, a, JJ_EQ))
TEST(ne, compare(ctx, a, JJ_NE))
TEST(lt, compare(ctx, a, JJ_LT))
TEST(le, compare(ctx, a, JJ_LE))
TEST(gt, compare(ctx, a, JJ_GT))
TEST(ge, compare(ctx, a, JJ_GE))
TEST(in, compare(ctx, a, JJ_IN))

static jj_value lower(jj_ctx *ctx, jj_value *a) {
  jj_value s = jj_to_str(ctx, a[0]);
  return jj_bad(s) ? s : truth(jj_str_is_lower(s));
}

static jj_value upper(jj_ctx *ctx, jj_value *a) {
  jj_value s = jj_to_str(ctx, a[0]);
  return jj_bad(s) ? s : truth(jj_str_is_upper(s));
}

static jj_value unhashable(jj_ctx *ctx, jj_value v) {
  return jj_fail(ctx, "unhashable type: '%s'", jj_type_name(v));
}

static jj_value filter(jj_ctx *ctx, jj_value *a) {
  if (!jj_hashable(a[0])) return unhashable(ctx, a[0]);
  return truth(a[0].type == JJ_STRING && jj_find_filter(jj_text(a[0])));
}

static jj_value test(jj_ctx *ctx, jj_value *a) {
  if (!jj_hashable(a[0])) return unhashable(ctx, a[0]);
  return truth(a[0].type == JJ_STRING && jj_find_test(jj_text(a[0])));
}

static const jj_native tests[] = {
    {"!=", "ne", "a b", ne, 0, JJ_C_FUNCTION},
    {"<", "lt", "a b", lt, 0, JJ_C_FUNCTION},
    {"<=", "le", "a b", le, 0, JJ_C_FUNCTION},
    {"==", "eq", "a b", eq, 0, JJ_C_FUNCTION},
    {">", "gt", "a b", gt, 0, JJ_C_FUNCTION},
    {">=", "ge", "a b", ge, 0, JJ_C_FUNCTION},
    {"boolean", "test_boolean", "value", boolean, 0, JJ_PYTHON},
    {"callable", "callable", "obj", callable, 0, JJ_C_FUNCTION},
    {"defined", "test_defined", "value", defined, 0, JJ_PYTHON},
    {"divisibleby", "test_divisibleby", "value num", divisibleby, 0, JJ_PYTHON},
    {"eq", "eq", "a b", eq, 0, JJ_C_FUNCTION},
    {"equalto", "eq", "a b", eq, 0, JJ_C_FUNCTION},
    {"escaped", "test_escaped", "value", escaped, 0, JJ_PYTHON},
    {"even", "test_even", "value", even, 0, JJ_PYTHON},
    {"false", "test_false", "value", false_, 0, JJ_PYTHON},
    {"filter", "test_filter", "value", filter, 1, JJ_PYTHON},
    {"float", "test_float", "value", float_, 0, JJ_PYTHON},
    {"ge", "ge", "a b", ge, 0, JJ_C_FUNCTION},
    {"greaterthan", "gt", "a b", gt, 0, JJ_C_FUNCTION},
    {"gt", "gt", "a b", gt, 0, JJ_C_FUNCTION},
    {"in", "test_in", "value seq", in, 0, JJ_PYTHON},
    {"integer", "test_integer", "value", integer, 0, JJ_PYTHON},
    {"iterable", "test_iterable", "value", iterable, 0, JJ_PYTHON},
    {"le", "le", "a b", le, 0, JJ_C_FUNCTION},
    {"lessthan", "lt", "a b", lt, 0, JJ_C_FUNCTION},
    {"lower", "test_lower", "value", lower, 0, JJ_PYTHON},
    {"lt", "lt", "a b", lt, 0, JJ_C_FUNCTION},
    {"mapping", "test_mapping", "value", mapping, 0, JJ_PYTHON},
    {"ne", "ne", "a b", ne, 0, JJ_C_FUNCTION},
    {"none", "test_none", "value", none, 0, JJ_PYTHON},
    {"number", "test_number", "value", number, 0, JJ_PYTHON},
    {"odd", "test_odd", "value", odd, 0, JJ_PYTHON},
    {"sameas", "test_sameas", "value other", sameas, 0, JJ_PYTHON},
    {"sequence", "test_sequence", "value", sequence, 0, JJ_PYTHON},
    {"string", "test_string", "value", string, 0, JJ_PYTHON},
    {"test", "test_test", "value", test, 1, JJ_PYTHON},
    {"true", "test_true", "value", true_, 0, JJ_PYTHON},
    {"undefined", "test_undefined", "value", undefined, 0, JJ_PYTHON},
    {"upper", "test_upper", "value", upper, 0, JJ_PYTHON},
};

const jj_native *jj_find_test(const char *name) {
  for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
    if (strcmp(tests[i].name, name) == 0) return &tests[i];
  return NULL;
}
