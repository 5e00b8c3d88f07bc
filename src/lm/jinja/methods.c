/* The methods of lists, dicts, numbers, ranges, loops and cyclers; and which names a type has. */
#include "lm/jinja/methods.h"

#include "lm/jinja/context.h"
#include "lm/jinja/interp.h"
#include "lm/jinja/ops.h"

#include <math.h>
#include <string.h>

/* -- Sequences -- */

static jj_value seq_count(jj_ctx *ctx, jj_value *a) {
  int64_t n = 0, length;
  if (jj_length(ctx, a[0], &length) < 0) return jj_failed();
  for (int64_t i = 0; i < length && jj_step(ctx); i++) {
    int same = jj_equal(ctx, jj_item_at(ctx, a[0], i), a[1]);
    if (same < 0) return jj_failed();
    n += same;
  }
  return jj_int(n);
}

static int64_t clamp_bound(jj_value v, int64_t otherwise, int64_t length) {
  int64_t at = jj_given(v) && jj_is_int(v) ? jj_as_int(v) : otherwise;
  if (at < 0) at += length;
  return at < 0 ? 0 : at > length ? length : at;
}

static jj_value seq_index(jj_ctx *ctx, jj_value *a) {
  int64_t length;
  if (jj_length(ctx, a[0], &length) < 0) return jj_failed();
  int64_t from = clamp_bound(a[2], 0, length), to = clamp_bound(a[3], length, length);
  for (int64_t i = from; i < to && jj_step(ctx); i++) {
    int same = jj_equal(ctx, jj_item_at(ctx, a[0], i), a[1]);
    if (same) return same < 0 ? jj_failed() : jj_int(i);
  }
  if (a[0].type == JJ_TUPLE) return jj_fail(ctx, "tuple.index(x): x not in tuple");
  return jj_fail(ctx, "%s is not in %s", jj_repr_c(ctx, a[1]), jj_type_name(a[0]));
}

static jj_value list_copy(jj_ctx *ctx, jj_value *a) {
  jj_list *copy = jj_collect(ctx, a[0], JJ_LIST);
  return copy ? jj_object_value(copy) : jj_failed();
}

static const jj_native list_methods[] = {
    {"copy", "list.copy", "self", list_copy, 0, JJ_C_POSITIONAL},
    {"count", "list.count", "self value", seq_count, 0, JJ_C_POSITIONAL},
    {"index", "list.index", "self value start= stop=", seq_index, 0, JJ_C_POSITIONAL},
    {0},
};
static const jj_native tuple_methods[] = {
    {"count", "tuple.count", "self value", seq_count, 0, JJ_C_POSITIONAL},
    {"index", "tuple.index", "self value start= stop=", seq_index, 0, JJ_C_POSITIONAL},
    {0},
};
static const jj_native range_methods[] = {
    {"count", "range.count", "self value", seq_count, 0, JJ_C_POSITIONAL},
    {"index", "range.index", "self value", seq_index, 0, JJ_C_POSITIONAL},
    {0},
};

/* -- Dicts -- */

static jj_value dict_get(jj_ctx *ctx, jj_value *a) {
  uint64_t hash;
  if (jj_hash(ctx, a[1], &hash) < 0) return jj_failed();
  jj_value *found = jj_dict_find(ctx, a[0].d, a[1], hash);
  return found ? *found : jj_given(a[2]) ? a[2] : jj_none();
}

static jj_value dict_keys(jj_ctx *ctx, jj_value *a) { return jj_view_new(ctx, a[0].d, JJ_KEYS); }
static jj_value dict_values(jj_ctx *ctx, jj_value *a) {
  return jj_view_new(ctx, a[0].d, JJ_VALUES);
}
static jj_value dict_items(jj_ctx *ctx, jj_value *a) { return jj_view_new(ctx, a[0].d, JJ_ITEMS); }

static jj_value dict_copy(jj_ctx *ctx, jj_value *a) {
  jj_dict *copy = jj_dict_new(ctx);
  for (size_t i = 0; i < a[0].d->size; i++)
    jj_dict_set(ctx, copy, a[0].d->entries[i].key, a[0].d->entries[i].value);
  return jj_object_value(copy);
}

static jj_value dict_fromkeys(jj_ctx *ctx, jj_value *a) {
  jj_iter it;
  jj_value key;
  jj_dict *dict = jj_dict_new(ctx);
  if (jj_iter_begin(ctx, &it, a[1]) < 0) return jj_failed();
  int more;
  while ((more = jj_iter_next(ctx, &it, &key)) > 0)
    if (jj_dict_set(ctx, dict, key, jj_given(a[2]) ? a[2] : jj_none()) < 0) return jj_failed();
  return more < 0 ? jj_failed() : jj_object_value(dict);
}

static const jj_native dict_methods[] = {
    {"copy", "dict.copy", "self", dict_copy, 0, JJ_C_POSITIONAL},
    {"fromkeys", "dict.fromkeys", "self iterable value=", dict_fromkeys, 0, JJ_C_POSITIONAL},
    {"get", "dict.get", "self key default=", dict_get, 0, JJ_C_POSITIONAL},
    {"items", "dict.items", "self", dict_items, 0, JJ_C_POSITIONAL},
    {"keys", "dict.keys", "self", dict_keys, 0, JJ_C_POSITIONAL},
    {"values", "dict.values", "self", dict_values, 0, JJ_C_POSITIONAL},
    {0},
};

/* -- Numbers -- */

static jj_value int_bit_length(jj_ctx *ctx, jj_value *a) {
  (void)ctx;
  int64_t n = jj_as_int(a[0]);
  uint64_t u = n < 0 ? -(uint64_t)n : (uint64_t)n;
  return jj_int(u ? 64 - __builtin_clzll(u) : 0);
}

static jj_value int_bit_count(jj_ctx *ctx, jj_value *a) {
  (void)ctx;
  int64_t n = jj_as_int(a[0]);
  return jj_int(__builtin_popcountll(n < 0 ? -(uint64_t)n : (uint64_t)n));
}

static jj_value number_conjugate(jj_ctx *ctx, jj_value *a) {
  (void)ctx;
  return a[0].type == JJ_BOOL ? jj_int(a[0].b) : a[0];
}

static jj_value float_is_integer(jj_ctx *ctx, jj_value *a) {
  (void)ctx;
  return jj_bool(isfinite(a[0].f) && a[0].f == floor(a[0].f));
}

static const jj_native int_methods[] = {
    {"bit_count", "int.bit_count", "self", int_bit_count, 0, JJ_C_POSITIONAL},
    {"bit_length", "int.bit_length", "self", int_bit_length, 0, JJ_C_POSITIONAL},
    {"conjugate", "int.conjugate", "self", number_conjugate, 0, JJ_C_POSITIONAL},
    {0},
};
static const jj_native float_methods[] = {
    {"conjugate", "float.conjugate", "self", number_conjugate, 0, JJ_C_POSITIONAL},
    {"is_integer", "float.is_integer", "self", float_is_integer, 0, JJ_C_POSITIONAL},
    {0},
};

jj_value jj_number_attribute(jj_value v, const char *name) {
  if (v.type == JJ_RANGE) {
    const jj_range *r = (jj_range *)v.o;
    if (strcmp(name, "start") == 0) return jj_int(r->start);
    if (strcmp(name, "stop") == 0) return jj_int(r->stop);
    return strcmp(name, "step") == 0 ? jj_int(r->step) : jj_missing();
  }
  bool whole = v.type != JJ_FLOAT;
  jj_value self = whole ? jj_int(jj_as_int(v)) : v;
  if (strcmp(name, "real") == 0) return self;
  if (strcmp(name, "imag") == 0) return whole ? jj_int(0) : jj_float(0);
  if (whole && strcmp(name, "numerator") == 0) return self;
  return whole && strcmp(name, "denominator") == 0 ? jj_int(1) : jj_missing();
}

/* -- Loops and cyclers -- */

static jj_value loop_cycle(jj_ctx *ctx, jj_value *a) {
  const jj_list *items = a[1].l;
  if (!items->size) return jj_fail(ctx, "no items for cycling given");
  int64_t at = ((jj_loop *)a[0].o)->index0;
  return items->items[(at < 0 ? 0 : (size_t)at) % items->size];
}

static jj_value loop_changed(jj_ctx *ctx, jj_value *a) {
  jj_loop *loop = (jj_loop *)a[0].o;
  int same = jj_given(loop->changed) ? jj_equal(ctx, loop->changed, a[1]) : 0;
  if (same < 0) return jj_failed();
  if (!same) jj_assign(ctx, &loop->changed, a[1]);
  return jj_bool(!same);
}

static const jj_native loop_methods[] = {
    {"changed", "LoopContext.changed", "self *value", loop_changed, 0, JJ_PYTHON},
    {"cycle", "LoopContext.cycle", "self *args", loop_cycle, 0, JJ_PYTHON},
    {0},
};

static jj_value cycler_next(jj_ctx *ctx, jj_value *a) {
  (void)ctx;
  jj_cycler *cycler = (jj_cycler *)a[0].o;
  jj_value item = cycler->items.l->items[cycler->at];
  cycler->at = (cycler->at + 1) % cycler->items.l->size;
  return item;
}

static jj_value cycler_reset(jj_ctx *ctx, jj_value *a) {
  (void)ctx;
  ((jj_cycler *)a[0].o)->at = 0;
  return jj_none();
}

static const jj_native cycler_methods[] = {
    {"next", "Cycler.next", "self", cycler_next, 0, JJ_PYTHON},
    {"reset", "Cycler.reset", "self", cycler_reset, 0, JJ_PYTHON},
    {0},
};

/* -- Tables by type -- */

static const jj_native *find(const jj_native *table, const char *name) {
  for (; table->name; table++)
    if (*table->name == *name && strcmp(table->name, name) == 0) return table;
  return NULL;
}

const jj_native *jj_find_method(jj_value v, const char *name) {
  const jj_native *found = NULL;
  switch (v.type) {
  case JJ_STRING:
    found = find(jj_str_methods, name);
    return found ? found : find(jj_str_case_methods, name);
  case JJ_LIST: return find(list_methods, name);
  case JJ_TUPLE: return find(tuple_methods, name);
  case JJ_RANGE: return find(range_methods, name);
  case JJ_DICT: return find(dict_methods, name);
  case JJ_BOOL:
  case JJ_INT: return find(int_methods, name);
  case JJ_FLOAT: return find(float_methods, name);
  case JJ_LOOP: return find(loop_methods, name);
  case JJ_CYCLER: return find(cycler_methods, name);
  default: return NULL;
  }
}

bool jj_is_mutator(jj_value v, const char *name) {
  static const char *const of_list[] = {"append", "clear",   "extend", "insert", "pop",
                                        "remove", "reverse", "sort",   NULL};
  static const char *const of_dict[] = {"clear", "pop", "popitem", "setdefault", "update", NULL};
  const char *const *names = v.type == JJ_LIST ? of_list : v.type == JJ_DICT ? of_dict : NULL;
  for (; names && *names; names++)
    if (strcmp(*names, name) == 0) return true;
  return false;
}
