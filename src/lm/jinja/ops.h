/* Python's protocols over values: truth, equality, order, hashing, iteration, length, items,
 * attributes and operators, with Python's messages for what cannot be done. */
#ifndef JINJA_OPS_H
#define JINJA_OPS_H

#include "lm/jinja/value.h"

typedef enum {
  JJ_ADD,
  JJ_SUB,
  JJ_MUL,
  JJ_DIV,
  JJ_FLOORDIV,
  JJ_MOD,
  JJ_POW,
} jj_binary_op;
typedef enum { JJ_EQ, JJ_NE, JJ_LT, JJ_LE, JJ_GT, JJ_GE, JJ_IN, JJ_NOT_IN } jj_compare_op;

const char *jj_type_name(jj_value v); /* type(v).__name__ */
/* How Jinja names an object in messages: "str object", "None". */
const char *jj_object_name(jj_value v);
/* Fails with what an undefined value says of itself. */
jj_value jj_fail_undefined(jj_ctx *ctx, jj_value undefined);
const char *jj_undefined_message(jj_ctx *ctx, jj_value undefined);

bool jj_truth(jj_ctx *ctx, jj_value v);
/* 1, 0, or -1 after an error (nesting too deep). */
int jj_equal(jj_ctx *ctx, jj_value a, jj_value b);
/* The outcome of an order comparison, or -1 where the types have none. */
int jj_order(jj_ctx *ctx, jj_compare_op op, jj_value a, jj_value b);
int jj_compare(jj_ctx *ctx, jj_compare_op op, jj_value a, jj_value b);
int jj_contains(jj_ctx *ctx, jj_value container, jj_value item);
/* -1, with Python's error, where the value is not hashable. */
int jj_hash(jj_ctx *ctx, jj_value v, uint64_t *hash);
bool jj_hashable(jj_value v);

jj_value jj_binary(jj_ctx *ctx, jj_binary_op op, jj_value a, jj_value b);
jj_value jj_negate(jj_ctx *ctx, jj_value v, bool minus); /* -v, or +v */

bool jj_iterable(jj_value v);
int jj_iter_begin(jj_ctx *ctx, jj_iter *it, jj_value over); /* -1: not iterable */
int jj_iter_next(jj_ctx *ctx, jj_iter *it, jj_value *item); /* 1, 0 at the end, -1 */
/* All items, as a list or tuple of the caller's own. */
jj_list *jj_collect(jj_ctx *ctx, jj_value over, jj_type type);
/* len(): false where there is none; nothing is recorded. */
bool jj_has_length(jj_ctx *ctx, jj_value v, int64_t *length);
int jj_length(jj_ctx *ctx, jj_value v, int64_t *length); /* -1, with Python's error */

/* v[key] and v.name as Jinja's sandbox does them: undefined where there is nothing. */
jj_value jj_getitem(jj_ctx *ctx, jj_value v, jj_value key);
jj_value jj_getattr(jj_ctx *ctx, jj_value v, jj_value name);
/* The attribute alone, sandboxed; missing where the object has none. */
jj_value jj_attribute(jj_ctx *ctx, jj_value v, jj_value name);
/* v[start:stop:step]; none or missing where a bound is left out. */
jj_value jj_slice(jj_ctx *ctx, jj_value v, jj_value start, jj_value stop, jj_value step);
/* Item `index` of a string, list, tuple or range of `length` items. */
jj_value jj_item_at(jj_ctx *ctx, jj_value v, int64_t index);

jj_value jj_to_str(jj_ctx *ctx, jj_value v); /* str(v), which keeps Markup */
jj_value jj_repr(jj_ctx *ctx, jj_value v);
void jj_put_float(jj_buf *b, double f);
jj_value jj_escape(jj_ctx *ctx, jj_value v); /* markupsafe.escape */

/* json.dumps; a missing argument has its default. */
jj_value jj_dumps(jj_ctx *ctx, jj_value v, bool ascii, jj_value indent, jj_value separators,
                  bool sort_keys);
jj_value jj_pprint(jj_ctx *ctx, jj_value v);

jj_value jj_printf(jj_ctx *ctx, jj_value format, jj_value arguments);  /* format % arguments */
jj_value jj_format(jj_ctx *ctx, jj_value format, const jj_args *args); /* str.format */
/* format(v, spec), appended. */
int jj_put_formatted(jj_buf *b, jj_value v, const char *spec, size_t size);

/* Numbers from text, as Python's int() and float() read them. */
typedef enum { JJ_PARSED, JJ_NOT_A_NUMBER, JJ_TOO_LARGE } jj_parsed;
jj_parsed jj_parse_int(const char *text, size_t size, int base, int64_t *value);
jj_parsed jj_parse_float(const char *text, size_t size, double *value);

/* Sorted copy of any iterable by `key` (NULL: the items themselves); stable. */
typedef jj_value jj_key_fn(jj_ctx *ctx, void *state, jj_value item);
jj_list *jj_sorted(jj_ctx *ctx, jj_value over, jj_key_fn *key, void *state, bool reverse);

void jj_drop(jj_ctx *ctx, jj_object *o); /* lets go of what the object holds */

#endif
