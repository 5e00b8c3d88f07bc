/* Finding filters by name, and what they share. */
#include "lm/jinja/filters.h"

#include "lm/jinja/context.h"
#include "lm/jinja/interp.h"
#include "lm/jinja/methods.h"
#include "lm/jinja/ops.h"

#include <string.h>

const jj_native *jj_find_filter(const char *name) {
  static const jj_native *const tables[] = {jj_text_filters,  jj_seq_filters,  jj_lazy_filters,
                                            jj_value_filters, jj_html_filters, jj_wrap_filters};
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
    for (const jj_native *f = tables[i]; f->name; f++)
      if (strcmp(f->name, name) == 0) return f;
  return NULL;
}

static jj_value no_such(jj_ctx *ctx, const char *kind, jj_value name) {
  if (name.type == JJ_UNDEFINED)
    return jj_fail(ctx, "No %s named Undefined. (%s; did you forget to quote the callable name?)",
                   kind, jj_undefined_message(ctx, name));
  if (!jj_hashable(name)) return jj_fail(ctx, "unhashable type: '%s'", jj_type_name(name));
  return jj_fail(ctx, "No %s named %s.", kind, jj_repr_c(ctx, name));
}

jj_value jj_apply_filter(jj_ctx *ctx, jj_value name, jj_value subject, const jj_args *args) {
  const jj_native *f = name.type == JJ_STRING ? jj_find_filter(name.s->data) : NULL;
  return f ? jj_call_native(ctx, f, subject, args) : no_such(ctx, "filter", name);
}

jj_value jj_apply_test(jj_ctx *ctx, jj_value name, jj_value subject, const jj_args *args) {
  const jj_native *f = name.type == JJ_STRING ? jj_find_test(name.s->data) : NULL;
  return f ? jj_call_native(ctx, f, subject, args) : no_such(ctx, "test", name);
}

bool jj_flag(jj_ctx *ctx, jj_value v, bool otherwise) {
  return jj_given(v) ? jj_truth(ctx, v) : otherwise;
}

int jj_take_int(jj_ctx *ctx, jj_value v, int64_t otherwise, int64_t *out) {
  if (!jj_given(v)) return *out = otherwise, 0;
  if (jj_is_int(v)) return *out = jj_as_int(v), 0;
  jj_fail(ctx, "'%s' object cannot be interpreted as an integer", jj_type_name(v));
  return -1;
}

jj_value jj_no_attribute(jj_ctx *ctx, jj_value v, const char *name) {
  if (v.type == JJ_UNDEFINED) return jj_fail_undefined(ctx, v);
  return jj_fail(ctx, "'%s' object has no attribute '%s'", jj_type_name(v), name);
}

jj_value jj_fold_case(jj_ctx *ctx, jj_value v) {
  return v.type == JJ_STRING ? jj_str_lower(ctx, v) : v;
}

/* -- Ways to attributes -- */

static void push_part(jj_ctx *ctx, jj_list *parts, const char *text, size_t size) {
  int64_t index;
  bool digits = size && strspn(text, "0123456789") >= size;
  if (digits && jj_parse_int(text, size, 10, &index) == JJ_PARSED) {
    jj_list_push(ctx, parts, jj_int(index));
    return;
  }
  jj_value part = jj_str(ctx, text, size);
  if (!jj_bad(part)) jj_list_push(ctx, parts, part);
}

jj_getter jj_getter_of(jj_ctx *ctx, jj_value attribute, bool fold_case, jj_value otherwise) {
  jj_getter getter = {jj_list_new(ctx, JJ_LIST, 0), fold_case, otherwise};
  if (!jj_some(attribute)) return getter;
  if (attribute.type != JJ_STRING) {
    jj_list_push(ctx, getter.parts, attribute);
    return getter;
  }
  const char *p = attribute.s->data, *end = p + attribute.s->size;
  for (;;) {
    const char *dot = memchr(p, '.', (size_t)(end - p));
    push_part(ctx, getter.parts, p, (size_t)((dot ? dot : end) - p));
    if (!dot) return getter;
    p = dot + 1;
  }
}

jj_value jj_get(jj_ctx *ctx, const jj_getter *getter, jj_value item) {
  for (size_t i = 0; i < getter->parts->size && !jj_bad(item); i++) {
    item = jj_getitem(ctx, item, getter->parts->items[i]);
    if (item.type == JJ_UNDEFINED && jj_some(getter->otherwise)) item = getter->otherwise;
  }
  return getter->fold_case && !jj_bad(item) ? jj_fold_case(ctx, item) : item;
}
