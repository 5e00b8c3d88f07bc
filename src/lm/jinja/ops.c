/* Truth, equality, order, hashing, length, membership and iteration, as Python has them. */
#include "lm/jinja/ops.h"

#include "lm/jinja/context.h"
#include "lm/jinja/interp.h"
#include "lm/jinja/unicode.h"

#include <math.h>
#include <string.h>

/* -- Names -- */

static const struct {
  const char *name, *object; /* object: as messages name it; NULL: "<name> object" */
} types[JJ_TYPES] = {
    [JJ_MISSING] = {"missing", "missing object"},
    [JJ_NONE] = {"NoneType", "None"},
    [JJ_BOOL] = {"bool", "bool object"},
    [JJ_INT] = {"int", "int object"},
    [JJ_FLOAT] = {"float", "float object"},
    [JJ_UNDEFINED] = {"Undefined", "jinja2.runtime.Undefined object"},
    [JJ_STRING] = {"str", "str object"},
    [JJ_LIST] = {"list", "list object"},
    [JJ_TUPLE] = {"tuple", "tuple object"},
    [JJ_DICT] = {"dict", "dict object"},
    [JJ_RANGE] = {"range", "range object"},
    [JJ_NAMESPACE] = {"Namespace", "jinja2.utils.Namespace object"},
    [JJ_LOOP] = {"LoopContext", "jinja2.runtime.LoopContext object"},
    [JJ_MACRO] = {"Macro", "jinja2.runtime.Macro object"},
    [JJ_CYCLER] = {"Cycler", "jinja2.utils.Cycler object"},
    [JJ_JOINER] = {"Joiner", "jinja2.utils.Joiner object"},
};

static const char *const view_names[] = {"dict_keys", "dict_values", "dict_items"};

const char *jj_type_name(jj_value v) {
  switch (v.type) {
  case JJ_STRING: return v.o->flag & JJ_MARKUP ? "Markup" : "str";
  case JJ_TUPLE: return v.o->flag & JJ_GROUP ? "_GroupTuple" : "tuple";
  case JJ_VIEW: return view_names[((jj_view *)v.o)->kind];
  case JJ_ITERATOR: return ((jj_iterator *)v.o)->type_name;
  case JJ_FUNCTION: return ((jj_function *)v.o)->type_name;
  default: return types[v.type].name;
  }
}

const char *jj_object_name(jj_value v) {
  static const char *const views[] = {"dict_keys object", "dict_values object",
                                      "dict_items object"};
  if (v.type == JJ_VIEW) return views[((jj_view *)v.o)->kind];
  if (v.type == JJ_ITERATOR) {
    static const char *const kinds[] = {"generator object", "list_reverseiterator object",
                                        "reversed object", "range_iterator object",
                                        "dict_reversekeyiterator object"};
    const char *name = jj_type_name(v);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
      if (strncmp(kinds[i], name, strlen(name)) == 0) return kinds[i];
  }
  if (v.type == JJ_FUNCTION) {
    switch (*((jj_function *)v.o)->type_name) {
    case 'b': return "builtin_function_or_method object";
    case 'f': return "function object";
    case 't': return "type object";
    default: return "method object";
    }
  }
  if (jj_is_markup(v)) return "markupsafe.Markup object";
  return types[v.type].object;
}

const char *jj_undefined_message(jj_ctx *ctx, jj_value undefined) {
  jj_undefined *u = (jj_undefined *)undefined.o;
  if (u->hint) return u->hint;
  const char *name = jj_repr_c(ctx, u->name), *message;
  JJ_BUF(b, ctx);
  if (!jj_given(u->owner)) {
    jj_puts(&b, name);
    jj_puts(&b, " is undefined");
  } else if (u->name.type == JJ_STRING) {
    jj_putc(&b, '\'');
    jj_puts(&b, jj_object_name(u->owner));
    jj_puts(&b, "' has no attribute ");
    jj_puts(&b, name);
  } else {
    jj_puts(&b, jj_object_name(u->owner));
    jj_puts(&b, " has no element ");
    jj_puts(&b, name);
  }
  jj_value text = jj_take(&b);
  message = jj_bad(text) ? "undefined" : jj_text(text);
  return message;
}

jj_value jj_fail_undefined(jj_ctx *ctx, jj_value undefined) {
  return jj_fail(ctx, "%s", jj_undefined_message(ctx, undefined));
}

/* -- Truth, length -- */

bool jj_truth(jj_ctx *ctx, jj_value v) {
  int64_t length;
  switch (v.type) {
  case JJ_MISSING:
  case JJ_FAIL:
  case JJ_NONE:
  case JJ_UNDEFINED: return false;
  case JJ_BOOL: return v.b;
  case JJ_INT: return v.i != 0;
  case JJ_FLOAT: return v.f != 0;
  case JJ_LOOP: return jj_loop_length(ctx, (jj_loop *)v.o, &length) == 0 && length > 0;
  default: return !jj_has_length(ctx, v, &length) || length > 0;
  }
}

bool jj_has_length(jj_ctx *ctx, jj_value v, int64_t *length) {
  switch (v.type) {
  case JJ_UNDEFINED: *length = 0; return true;
  case JJ_STRING: *length = (int64_t)v.s->count; return true;
  case JJ_LIST:
  case JJ_TUPLE: *length = (int64_t)v.l->size; return true;
  case JJ_DICT: *length = (int64_t)v.d->size; return true;
  case JJ_VIEW: *length = (int64_t)((jj_view *)v.o)->dict->size; return true;
  case JJ_RANGE: *length = ((jj_range *)v.o)->length; return true;
  case JJ_LOOP: return jj_loop_length(ctx, (jj_loop *)v.o, length) == 0;
  default: return false;
  }
}

int jj_length(jj_ctx *ctx, jj_value v, int64_t *length) {
  if (jj_has_length(ctx, v, length)) return 0;
  jj_fail(ctx, "object of type '%s' has no len()", jj_type_name(v));
  return -1;
}

/* -- Equality and order -- */

static int compare_numbers(jj_value a, jj_value b) {
  if (a.type != JJ_FLOAT && b.type != JJ_FLOAT) {
    int64_t x = jj_as_int(a), y = jj_as_int(b);
    return (x > y) - (x < y);
  }
  /* A long double holds every int64 and every double exactly. */
  long double x = a.type == JJ_FLOAT ? (long double)a.f : (long double)jj_as_int(a);
  long double y = b.type == JJ_FLOAT ? (long double)b.f : (long double)jj_as_int(b);
  return isnan(x) || isnan(y) ? 2 : (x > y) - (x < y);
}

static int compare_text(const jj_string *a, const jj_string *b) {
  size_t n = a->size < b->size ? a->size : b->size;
  int order = memcmp(a->data, b->data, n);
  if (order) return order < 0 ? -1 : 1;
  return (a->size > b->size) - (a->size < b->size);
}

static int equal_dicts(jj_ctx *ctx, const jj_dict *a, const jj_dict *b) {
  if (a->size != b->size) return 0;
  for (size_t i = 0; i < a->size; i++) {
    jj_value *other = jj_dict_find(ctx, b, a->entries[i].key, a->entries[i].hash);
    int same = other ? jj_equal(ctx, a->entries[i].value, *other) : 0;
    if (same <= 0) return same;
  }
  return 1;
}

static int equal_lists(jj_ctx *ctx, const jj_list *a, const jj_list *b) {
  if (a->size != b->size) return 0;
  for (size_t i = 0; i < a->size; i++) {
    int same = jj_equal(ctx, a->items[i], b->items[i]);
    if (same <= 0) return same;
  }
  return 1;
}

static bool equal_ranges(const jj_range *a, const jj_range *b) {
  if (a->length != b->length) return false;
  if (a->length == 0) return true;
  return a->start == b->start && (a->length == 1 || a->step == b->step);
}

/* dict.keys() and dict.items() compare like sets. */
static int equal_views(jj_ctx *ctx, const jj_view *a, const jj_view *b) {
  if (a->kind != b->kind || a->kind == JJ_VALUES || a->dict->size != b->dict->size) return 0;
  if (a->kind == JJ_ITEMS) return equal_dicts(ctx, a->dict, b->dict);
  for (size_t i = 0; i < a->dict->size; i++) {
    const jj_entry *entry = &a->dict->entries[i];
    if (!jj_dict_find(ctx, b->dict, entry->key, entry->hash)) return 0;
  }
  return 1;
}

int jj_equal(jj_ctx *ctx, jj_value a, jj_value b) {
  if (jj_is_number(a) && jj_is_number(b)) return compare_numbers(a, b) == 0;
  if (a.type != b.type) return 0;
  if (a.type < JJ_UNDEFINED || a.type == JJ_UNDEFINED || a.o == b.o) return 1;
  if (a.type == JJ_STRING) return a.s->size == b.s->size && compare_text(a.s, b.s) == 0;
  if (jj_deep(ctx)) return -1;
  switch (a.type) {
  case JJ_LIST:
  case JJ_TUPLE: return equal_lists(ctx, a.l, b.l);
  case JJ_DICT: return equal_dicts(ctx, a.d, b.d);
  case JJ_RANGE: return equal_ranges((jj_range *)a.o, (jj_range *)b.o);
  case JJ_VIEW: return equal_views(ctx, (jj_view *)a.o, (jj_view *)b.o);
  case JJ_FUNCTION: {
    jj_function *f = (jj_function *)a.o, *g = (jj_function *)b.o;
    return f->native == g->native && f->self.type == g->self.type && f->self.o == g->self.o;
  }
  default: return 0;
  }
}

static bool holds(jj_compare_op op, int order) {
  if (order == 2) return false; /* a NaN */
  switch (op) {
  case JJ_LT: return order < 0;
  case JJ_LE: return order <= 0;
  case JJ_GT: return order > 0;
  default: return order >= 0;
  }
}

static int order_lists(jj_ctx *ctx, jj_compare_op op, const jj_list *a, const jj_list *b) {
  if (jj_deep(ctx)) return -1;
  for (size_t i = 0; i < a->size && i < b->size; i++) {
    int same = jj_equal(ctx, a->items[i], b->items[i]);
    if (same < 0) return -1;
    if (!same) return jj_order(ctx, op, a->items[i], b->items[i]);
  }
  return holds(op, (a->size > b->size) - (a->size < b->size));
}

int jj_order(jj_ctx *ctx, jj_compare_op op, jj_value a, jj_value b) {
  static const char *const signs[] = {[JJ_LT] = "<", [JJ_LE] = "<=", [JJ_GT] = ">", [JJ_GE] = ">="};
  if (jj_is_number(a) && jj_is_number(b)) return holds(op, compare_numbers(a, b));
  if (a.type == JJ_UNDEFINED || b.type == JJ_UNDEFINED) {
    jj_fail_undefined(ctx, a.type == JJ_UNDEFINED ? a : b);
    return -1;
  }
  if (a.type == JJ_STRING && b.type == JJ_STRING) return holds(op, compare_text(a.s, b.s));
  if (a.type == b.type && jj_is_seq(a)) return order_lists(ctx, op, a.l, b.l);
  jj_fail(ctx, "'%s' not supported between instances of '%s' and '%s'", signs[op], jj_type_name(a),
          jj_type_name(b));
  return -1;
}

int jj_compare(jj_ctx *ctx, jj_compare_op op, jj_value a, jj_value b) {
  int result;
  switch (op) {
  case JJ_EQ: return jj_equal(ctx, a, b);
  case JJ_NE: result = jj_equal(ctx, a, b); return result < 0 ? -1 : !result;
  case JJ_IN: return jj_contains(ctx, b, a);
  case JJ_NOT_IN: result = jj_contains(ctx, b, a); return result < 0 ? -1 : !result;
  default: return jj_order(ctx, op, a, b);
  }
}

static int range_contains(const jj_range *r, jj_value item) {
  if (!jj_is_number(item)) return 0;
  if (item.type == JJ_FLOAT && (item.f != floor(item.f) || fabs(item.f) > 1e18)) return 0;
  int64_t i = item.type == JJ_FLOAT ? (int64_t)item.f : jj_as_int(item);
  bool inside = r->step > 0 ? i >= r->start && i < r->stop : i <= r->start && i > r->stop;
  return inside && ((__int128)i - r->start) % r->step == 0;
}

static int key_in(jj_ctx *ctx, jj_dict *dict, jj_value key) {
  uint64_t hash;
  if (jj_hash(ctx, key, &hash) < 0) return -1;
  return jj_dict_find(ctx, dict, key, hash) != NULL;
}

int jj_contains(jj_ctx *ctx, jj_value container, jj_value item) {
  if (container.type == JJ_STRING) {
    if (item.type == JJ_STRING)
      return memmem(container.s->data, container.s->size, item.s->data, item.s->size) != NULL;
    jj_fail(ctx, "'in <string>' requires string as left operand, not %s", jj_type_name(item));
    return -1;
  }
  if (container.type == JJ_DICT) return key_in(ctx, container.d, item);
  if (container.type == JJ_RANGE) return range_contains((jj_range *)container.o, item);
  if (!jj_iterable(container)) {
    jj_fail(ctx, "argument of type '%s' is not iterable", jj_type_name(container));
    return -1;
  }
  jj_iter it;
  if (jj_iter_begin(ctx, &it, container) < 0) return -1;
  jj_value each;
  int more, same;
  while ((more = jj_iter_next(ctx, &it, &each)) > 0)
    if ((same = jj_equal(ctx, each, item)) != 0) return same;
  return more;
}

/* -- Hashing -- */

static uint64_t mix(uint64_t x) {
  x = (x ^ x >> 31) * 0x9e3779b97f4a7c15u;
  return x ^ x >> 29;
}

bool jj_hashable(jj_value v) {
  if (v.type == JJ_LIST || v.type == JJ_DICT) return false;
  if (v.type == JJ_VIEW) return ((jj_view *)v.o)->kind == JJ_VALUES;
  if (v.type != JJ_TUPLE) return true;
  for (size_t i = 0; i < v.l->size; i++)
    if (!jj_hashable(v.l->items[i])) return false;
  return true;
}

int jj_hash(jj_ctx *ctx, jj_value v, uint64_t *hash) {
  switch (v.type) {
  case JJ_STRING: *hash = jj_string_hash(v.s); return 0;
  case JJ_FLOAT: /* equal numbers hash alike */
    if (v.f == floor(v.f) && fabs(v.f) < 9e18) return *hash = mix((uint64_t)(int64_t)v.f), 0;
    memcpy(hash, &v.f, sizeof *hash);
    *hash = mix(*hash);
    return 0;
  case JJ_BOOL:
  case JJ_INT: *hash = mix((uint64_t)jj_as_int(v)); return 0;
  case JJ_TUPLE:
    if (jj_deep(ctx)) return -1;
    *hash = v.l->size;
    for (size_t i = 0; i < v.l->size; i++) {
      uint64_t part;
      if (jj_hash(ctx, v.l->items[i], &part) < 0) return -1;
      *hash = mix(*hash * 31 + part);
    }
    return 0;
  case JJ_RANGE: *hash = mix((uint64_t)((jj_range *)v.o)->length); return 0;
  case JJ_NONE:
  case JJ_UNDEFINED:
  case JJ_FUNCTION: *hash = mix(v.type); return 0;
  default: break;
  }
  if (!jj_hashable(v)) {
    jj_fail(ctx, "unhashable type: '%s'", jj_type_name(v));
    return -1;
  }
  *hash = mix((uint64_t)(uintptr_t)v.o);
  return 0;
}

/* -- Iteration -- */

bool jj_iterable(jj_value v) {
  switch (v.type) {
  case JJ_UNDEFINED:
  case JJ_STRING:
  case JJ_LIST:
  case JJ_TUPLE:
  case JJ_DICT:
  case JJ_VIEW:
  case JJ_RANGE:
  case JJ_ITERATOR:
  case JJ_LOOP: return true;
  default: return false;
  }
}

int jj_iter_begin(jj_ctx *ctx, jj_iter *it, jj_value over) {
  *it = (jj_iter){over, 0};
  if (jj_iterable(over)) return 0;
  jj_fail(ctx, "'%s' object is not iterable", jj_type_name(over));
  return -1;
}

static int next_entry(jj_ctx *ctx, const jj_dict *dict, jj_view_kind kind, size_t at,
                      jj_value *item) {
  if (at >= dict->size) return 0;
  const jj_entry *entry = &dict->entries[at];
  *item = kind == JJ_KEYS     ? entry->key
          : kind == JJ_VALUES ? entry->value
                              : jj_pair(ctx, entry->key, entry->value);
  return 1;
}

static int next_from_iterator(jj_ctx *ctx, jj_iterator *it, jj_value *item) {
  if (it->done) return 0;
  if (jj_deep(ctx)) return -1;
  int more = it->next(ctx, it, item);
  if (more <= 0) it->done = true;
  return more;
}

static int next_char(jj_ctx *ctx, jj_iter *it, jj_value *item) {
  const jj_string *s = it->over.s;
  if (it->at >= s->size) return 0;
  uint32_t cp;
  size_t n = jj_utf8_next(s->data + it->at, s->data + s->size, &cp);
  *item = jj_str(ctx, s->data + it->at, n);
  it->at += n;
  return jj_bad(*item) ? -1 : 1;
}

int jj_iter_next(jj_ctx *ctx, jj_iter *it, jj_value *item) {
  if (!jj_step(ctx)) return -1;
  jj_value over = it->over;
  switch (over.type) {
  case JJ_STRING: return next_char(ctx, it, item);
  case JJ_LIST:
  case JJ_TUPLE:
    if (it->at >= over.l->size) return 0;
    *item = over.l->items[it->at++];
    return 1;
  case JJ_DICT: return next_entry(ctx, over.d, JJ_KEYS, it->at++, item);
  case JJ_VIEW:
    return next_entry(ctx, ((jj_view *)over.o)->dict, ((jj_view *)over.o)->kind, it->at++, item);
  case JJ_RANGE: {
    const jj_range *r = (jj_range *)over.o;
    if ((int64_t)it->at >= r->length) return 0;
    *item = jj_range_at(r, (int64_t)it->at++);
    return 1;
  }
  case JJ_ITERATOR: return next_from_iterator(ctx, (jj_iterator *)over.o, item);
  case JJ_LOOP: {
    int more = jj_loop_advance(ctx, (jj_loop *)over.o, item);
    if (more > 0) *item = jj_pair(ctx, *item, over);
    return more;
  }
  default: return 0; /* undefined */
  }
}

jj_list *jj_collect(jj_ctx *ctx, jj_value over, jj_type type) {
  jj_iter it;
  if (jj_iter_begin(ctx, &it, over) < 0) return NULL;
  jj_list *list = jj_list_new(ctx, type, 0);
  jj_value item;
  int more;
  while ((more = jj_iter_next(ctx, &it, &item)) > 0) jj_list_push(ctx, list, item);
  return more < 0 ? NULL : list;
}

/* -- Sorting -- */

typedef struct {
  jj_value key, item;
} keyed;

static int before(jj_ctx *ctx, jj_value a, jj_value b) { return jj_order(ctx, JJ_LT, a, b); }

/* Merges two sorted runs; the left one wins ties, which keeps the sort stable. */
static int merge(jj_ctx *ctx, keyed *to, const keyed *left, const keyed *middle, const keyed *end) {
  const keyed *right = middle;
  while (left < middle && right < end) {
    int less = before(ctx, right->key, left->key);
    if (less < 0 || !jj_step(ctx)) return -1;
    *to++ = less ? *right++ : *left++;
  }
  while (left < middle) *to++ = *left++;
  while (right < end) *to++ = *right++;
  return 0;
}

static int merge_sort(jj_ctx *ctx, keyed *items, keyed *spare, size_t count) {
  for (size_t run = 1; run < count; run *= 2) {
    for (size_t at = 0; at < count; at += 2 * run) {
      size_t middle = at + run < count ? at + run : count;
      size_t end = at + 2 * run < count ? at + 2 * run : count;
      if (merge(ctx, spare + at, items + at, items + middle, items + end) < 0) return -1;
    }
    memcpy(items, spare, count * sizeof *items);
  }
  return 0;
}

static void reverse_items(keyed *items, size_t count) {
  for (size_t i = 0; i < count / 2; i++) {
    keyed swap = items[i];
    items[i] = items[count - 1 - i];
    items[count - 1 - i] = swap;
  }
}

static int sort_keyed(jj_ctx *ctx, keyed *items, size_t count, bool reverse) {
  keyed *spare = mx_xmalloc((count ? count : 1) * sizeof *spare);
  /* Reversing before and after keeps equal items in their order, as Python does. */
  if (reverse) reverse_items(items, count);
  int rc = merge_sort(ctx, items, spare, count);
  if (reverse) reverse_items(items, count);
  free(spare);
  return rc;
}

jj_list *jj_sorted(jj_ctx *ctx, jj_value over, jj_key_fn *key, void *state, bool reverse) {
  jj_list *list = jj_collect(ctx, over, JJ_LIST);
  if (!list) return NULL;
  if (!jj_room_for(ctx, list->size, 2 * sizeof(keyed))) return NULL;
  keyed *items = mx_xmalloc((list->size ? list->size : 1) * sizeof *items);
  bool good = true;
  for (size_t i = 0; i < list->size && good; i++) {
    items[i].item = list->items[i];
    items[i].key = key ? key(ctx, state, list->items[i]) : list->items[i];
    good = !jj_bad(items[i].key);
  }
  good = good && sort_keyed(ctx, items, list->size, reverse) == 0;
  for (size_t i = 0; i < list->size && good; i++) list->items[i] = items[i].item;
  free(items);
  return good ? list : NULL;
}
