/* What `v.name`, `v[key]` and `v[a:b:c]` yield: Jinja's lookup rules under the immutable sandbox,
 * which hides internal attributes and whatever would change a container. */
#include "lm/jinja/context.h"
#include "lm/jinja/interp.h"
#include "lm/jinja/methods.h"
#include "lm/jinja/ops.h"
#include "lm/jinja/unicode.h"

#include <stdio.h>
#include <string.h>

/* -- Attributes -- */

static jj_value unsafe(jj_ctx *ctx, jj_value v, const char *name) {
  return jj_undefined_hintf(ctx, "access to attribute '%.200s' of '%s' object is unsafe.", name,
                            jj_type_name(v));
}

/* Names that every Python object has. */
static bool is_internal(const char *name) {
  static const char *const names[] = {
      "__class__",   "__delattr__", "__dir__",           "__doc__",         "__eq__",
      "__format__",  "__ge__",      "__getattribute__",  "__getstate__",    "__gt__",
      "__hash__",    "__init__",    "__init_subclass__", "__le__",          "__lt__",
      "__ne__",      "__new__",     "__reduce__",        "__reduce_ex__",   "__repr__",
      "__setattr__", "__sizeof__",  "__str__",           "__subclasshook__"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(names[i], name) == 0) return true;
  return false;
}

/* Names that a kind of container has on top. */
static bool has_protocol(jj_value v, const char *name) {
  static const char *const names[] = {"__len__", "__iter__", "__getitem__", "__contains__"};
  bool sized = v.type == JJ_STRING || jj_is_seq(v) || v.type == JJ_DICT || v.type == JJ_RANGE ||
               v.type == JJ_UNDEFINED;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(names[i], name) == 0) return sized && (i != 3 || v.type != JJ_UNDEFINED);
  return strcmp(name, "__call__") == 0 &&
         (v.type == JJ_FUNCTION || v.type == JJ_MACRO || v.type == JJ_UNDEFINED);
}

static jj_value namespace_attribute(jj_ctx *ctx, jj_value v, jj_value name) {
  jj_dict *attrs = ((jj_namespace *)v.o)->attrs;
  jj_value *found = jj_dict_find_str(attrs, name.s->data, name.s->size);
  if (!found) return jj_missing();
  return name.s->data[0] == '_' ? unsafe(ctx, v, name.s->data) : *found;
}

static jj_value group_attribute(jj_value v, const char *name) {
  if (v.o->flag & JJ_GROUP) {
    if (strcmp(name, "grouper") == 0) return v.l->items[0];
    if (strcmp(name, "list") == 0) return v.l->items[1];
  }
  return jj_missing();
}

static jj_value cycler_attribute(jj_value v, const char *name) {
  const jj_cycler *cycler = (jj_cycler *)v.o;
  if (strcmp(name, "current") == 0) return cycler->items.l->items[cycler->at];
  if (strcmp(name, "items") == 0) return cycler->items;
  if (strcmp(name, "pos") == 0) return jj_int((int64_t)cycler->at);
  return jj_missing();
}

static jj_value joiner_attribute(jj_value v, const char *name) {
  const jj_joiner *joiner = (jj_joiner *)v.o;
  if (strcmp(name, "sep") == 0) return joiner->separator;
  if (strcmp(name, "used") == 0) return jj_bool(joiner->used);
  return jj_missing();
}

/* The attributes that are data, not methods. */
static jj_value data_attribute(jj_ctx *ctx, jj_value v, jj_value name) {
  switch (v.type) {
  case JJ_TUPLE: return group_attribute(v, name.s->data);
  case JJ_LOOP: return jj_loop_attribute(ctx, v, name.s->data);
  case JJ_MACRO: return jj_macro_attribute(ctx, v, name.s->data);
  case JJ_CYCLER: return cycler_attribute(v, name.s->data);
  case JJ_JOINER: return joiner_attribute(v, name.s->data);
  case JJ_BOOL:
  case JJ_INT:
  case JJ_FLOAT:
  case JJ_RANGE: return jj_number_attribute(v, name.s->data);
  default: return jj_missing();
  }
}

jj_value jj_attribute(jj_ctx *ctx, jj_value v, jj_value name) {
  const char *text = name.s->data;
  if (v.type == JJ_NAMESPACE) return namespace_attribute(ctx, v, name);
  if (text[0] == '_')
    return is_internal(text) || has_protocol(v, text) ? unsafe(ctx, v, text)
           : v.type == JJ_UNDEFINED                   ? jj_fail_undefined(ctx, v)
                                                      : jj_missing();
  if (v.type == JJ_UNDEFINED) return jj_fail_undefined(ctx, v);
  jj_value data = data_attribute(ctx, v, name);
  if (jj_given(data)) return data;
  if (jj_is_mutator(v, text)) return unsafe(ctx, v, text);
  const jj_native *method = jj_find_method(v, text);
  if (!method) return jj_missing();
  bool in_c = method->builtin && strcmp(text, "format") != 0;
  return jj_function_new(ctx, method, v, in_c ? "builtin_function_or_method" : "method");
}

/* -- Items -- */

jj_value jj_item_at(jj_ctx *ctx, jj_value v, int64_t index) {
  if (v.type == JJ_RANGE) return jj_range_at((jj_range *)v.o, index);
  if (v.type != JJ_STRING) return v.l->items[index];
  bool ascii = v.s->size == v.s->count;
  size_t at = ascii ? (size_t)index : jj_utf8_offset(v.s->data, v.s->size, (size_t)index);
  uint32_t cp;
  size_t n = jj_utf8_next(v.s->data + at, v.s->data + v.s->size, &cp);
  return jj_str_flagged(ctx, jj_str(ctx, v.s->data + at, n), jj_is_markup(v));
}

static bool is_indexed(jj_value v) {
  return v.type == JJ_STRING || jj_is_seq(v) || v.type == JJ_RANGE;
}

/* v[key] alone; missing where Python raises TypeError or LookupError. */
static jj_value plain_item(jj_ctx *ctx, jj_value v, jj_value key) {
  if (v.type == JJ_UNDEFINED) return jj_fail_undefined(ctx, v);
  if (v.type == JJ_DICT) {
    uint64_t hash;
    if (!jj_hashable(key) || jj_hash(ctx, key, &hash) < 0) return jj_missing();
    jj_value *found = jj_dict_find(ctx, v.d, key, hash);
    return found ? *found : jj_missing();
  }
  int64_t length, index;
  if (!is_indexed(v) || !jj_is_int(key) || !jj_has_length(ctx, v, &length)) return jj_missing();
  index = jj_as_int(key);
  if (index < 0) index += length;
  return index < 0 || index >= length ? jj_missing() : jj_item_at(ctx, v, index);
}

jj_value jj_getitem(jj_ctx *ctx, jj_value v, jj_value key) {
  jj_value found = plain_item(ctx, v, key);
  if (!jj_given(found) && key.type == JJ_STRING) found = jj_attribute(ctx, v, key);
  return jj_given(found) ? found : jj_undefined_of(ctx, v, key);
}

jj_value jj_getattr(jj_ctx *ctx, jj_value v, jj_value name) {
  jj_value found = jj_attribute(ctx, v, name);
  if (!jj_given(found)) found = plain_item(ctx, v, name);
  return jj_given(found) ? found : jj_undefined_of(ctx, v, name);
}

/* -- Slices -- */

static int slice_bound(jj_ctx *ctx, jj_value v, int64_t missing, int64_t length, bool backwards,
                       int64_t *bound) {
  if (!jj_given(v) || v.type == JJ_NONE) return *bound = missing, 0;
  if (!jj_is_int(v)) {
    jj_fail(ctx, "slice indices must be integers or None or have an __index__ method");
    return -1;
  }
  int64_t at = jj_as_int(v), low = backwards ? -1 : 0, high = backwards ? length - 1 : length;
  if (at < 0) at += length;
  *bound = at < low ? low : at > high ? high : at;
  return 0;
}

static jj_value slice_text(jj_ctx *ctx, jj_value v, int64_t start, int64_t step, int64_t count) {
  const jj_string *s = v.s;
  bool markup = jj_is_markup(v), ascii = s->size == s->count;
  if (step == 1) {
    size_t from = ascii ? (size_t)start : jj_utf8_offset(s->data, s->size, (size_t)start);
    size_t size =
        ascii ? (size_t)count : jj_utf8_offset(s->data + from, s->size - from, (size_t)count);
    return jj_str_flagged(ctx, jj_str(ctx, s->data + from, size), markup);
  }
  if (!jj_room_for(ctx, s->count, sizeof(uint32_t))) return jj_failed();
  uint32_t *chars = mx_xmalloc((s->count + 1) * sizeof *chars);
  size_t n = 0;
  for (size_t at = 0; at < s->size;)
    at += jj_utf8_next(s->data + at, s->data + s->size, &chars[n++]);
  JJ_BUF(out, ctx);
  for (int64_t i = 0; i < count; i++) jj_put_cp(&out, chars[start + i * step]);
  free(chars);
  return jj_str_flagged(ctx, jj_take(&out), markup);
}

jj_value jj_slice(jj_ctx *ctx, jj_value v, jj_value start, jj_value stop, jj_value step) {
  if (v.type == JJ_UNDEFINED) return jj_fail_undefined(ctx, v);
  if (v.type == JJ_DICT) return jj_fail(ctx, "unhashable type: 'slice'");
  if (!is_indexed(v)) return jj_fail(ctx, "'%s' object is not subscriptable", jj_type_name(v));
  int64_t length, stride = 1, from, to;
  if (jj_length(ctx, v, &length) < 0) return jj_failed();
  if (jj_given(step) && step.type != JJ_NONE) {
    if (!jj_is_int(step))
      return jj_fail(ctx, "slice indices must be integers or None or have an __index__ method");
    stride = jj_as_int(step) == INT64_MIN ? -INT64_MAX : jj_as_int(step);
    if (stride == 0) return jj_fail(ctx, "slice step cannot be zero");
  }
  bool back = stride < 0;
  if (slice_bound(ctx, start, back ? length - 1 : 0, length, back, &from) < 0) return jj_failed();
  if (slice_bound(ctx, stop, back ? -1 : length, length, back, &to) < 0) return jj_failed();
  int64_t span = back ? from - to : to - from, unit = back ? -stride : stride;
  int64_t count = span <= 0 ? 0 : (span - 1) / unit + 1;
  if (v.type == JJ_STRING) return slice_text(ctx, v, count ? from : 0, stride, count);
  if (v.type == JJ_RANGE) {
    const jj_range *r = (jj_range *)v.o;
    int64_t first = jj_range_at(r, from).i, wide;
    if (count <= 1) return jj_range_new(ctx, first, first + (count && first < INT64_MAX), 1);
    if (__builtin_mul_overflow(r->step, stride, &wide))
      return jj_fail(ctx, "a range's step does not fit 64 bits");
    __int128 end = (__int128)r->start + (__int128)to * r->step;
    end = end > INT64_MAX ? INT64_MAX : end < INT64_MIN ? INT64_MIN : end;
    return jj_range_new(ctx, first, (int64_t)end, wide);
  }
  jj_list *list = jj_list_new(ctx, v.type, (size_t)count);
  for (int64_t i = 0; i < count; i++) jj_list_push(ctx, list, v.l->items[from + i * stride]);
  return jj_object_value(list);
}
