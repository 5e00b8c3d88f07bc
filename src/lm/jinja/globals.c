/* The functions that every template has: Jinja's own, and those that transformers adds. */
#include "lm/jinja/context.h"
#include "lm/jinja/filters.h"
#include "lm/jinja/interp.h"
#include "lm/jinja/ops.h"

#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

enum { RANGE_LIMIT = 100000 };

static jj_value range(jj_ctx *ctx, jj_value *a) {
  const jj_list *args = a[0].l;
  int64_t n[3] = {0, 0, 1};
  if (args->size == 0) return jj_fail(ctx, "range expected at least 1 argument, got 0");
  if (args->size > 3)
    return jj_fail(ctx, "range expected at most 3 arguments, got %zu", args->size);
  for (size_t i = 0; i < args->size; i++)
    if (jj_take_int(ctx, args->items[i], 0, &n[args->size == 1 ? 1 : i]) < 0) return jj_failed();
  if (n[2] == 0) return jj_fail(ctx, "range() arg 3 must not be zero");
  jj_value v = jj_range_new(ctx, n[0], n[1], n[2]);
  if (((jj_range *)v.o)->length > RANGE_LIMIT)
    return jj_fail(ctx, "Range too big. The sandbox blocks ranges larger than MAX_RANGE (%d).",
                   RANGE_LIMIT);
  return v;
}

/* dict(mapping or pairs, **more) */
static int fill_from_pairs(jj_ctx *ctx, jj_dict *dict, jj_value over) {
  jj_iter it;
  jj_value item;
  int more;
  if (jj_iter_begin(ctx, &it, over) < 0) return -1;
  for (size_t i = 0; (more = jj_iter_next(ctx, &it, &item)) > 0; i++) {
    if (!jj_iterable(item)) {
      jj_fail(ctx, "cannot convert dictionary update sequence element #%zu to a sequence", i);
      return -1;
    }
    jj_list *pair = jj_collect(ctx, item, JJ_LIST);
    if (!pair) return -1;
    if (pair->size != 2) {
      jj_fail(ctx, "dictionary update sequence element #%zu has length %zu; 2 is required", i,
              pair->size);
      return -1;
    }
    if (jj_dict_set(ctx, dict, pair->items[0], pair->items[1]) < 0) return -1;
  }
  return more;
}

static jj_dict *make_dict(jj_ctx *ctx, const jj_list *args, const jj_dict *more) {
  jj_dict *dict = jj_dict_new(ctx);
  if (args->size > 1) {
    jj_fail(ctx, "dict expected at most 1 argument, got %zu", args->size);
    return NULL;
  }
  const jj_dict *sources[2] = {NULL, more};
  if (args->size && args->items[0].type == JJ_DICT)
    sources[0] = args->items[0].d;
  else if (args->size && fill_from_pairs(ctx, dict, args->items[0]) < 0)
    return NULL;
  for (int s = 0; s < 2; s++)
    for (size_t i = 0; sources[s] && i < sources[s]->size; i++)
      jj_dict_set(ctx, dict, sources[s]->entries[i].key, sources[s]->entries[i].value);
  return dict;
}

static jj_value dict(jj_ctx *ctx, jj_value *a) {
  jj_dict *made = make_dict(ctx, a[0].l, a[1].d);
  return made ? jj_object_value(made) : jj_failed();
}

static jj_value namespace_(jj_ctx *ctx, jj_value *a) {
  jj_dict *attrs = make_dict(ctx, a[0].l, a[1].d);
  if (!attrs) return jj_failed();
  jj_namespace *ns = jj_alloc(ctx, JJ_NAMESPACE, sizeof *ns);
  ns->attrs = attrs;
  jj_retain(jj_object_value(attrs));
  return jj_object_value(ns);
}

static jj_value cycler(jj_ctx *ctx, jj_value *a) {
  if (a[0].l->size == 0) return jj_fail(ctx, "at least one item has to be provided");
  jj_cycler *c = jj_alloc(ctx, JJ_CYCLER, sizeof *c);
  jj_assign(ctx, &c->items, a[0]);
  return jj_object_value(c);
}

static jj_value joiner(jj_ctx *ctx, jj_value *a) {
  jj_joiner *j = jj_alloc(ctx, JJ_JOINER, sizeof *j);
  jj_assign(ctx, &j->separator, jj_given(a[0]) ? a[0] : jj_strz(ctx, ", "));
  return jj_object_value(j);
}

static jj_value raise_exception(jj_ctx *ctx, jj_value *a) {
  jj_value text = jj_to_str(ctx, a[0]);
  return jj_bad(text) ? text : jj_fail(ctx, "%s", jj_text(text));
}

/* Python spells these out itself: microseconds, and nothing for the zone of a naive time. */
static void put_own_directives(mx_str *to, const char *format, long microseconds) {
  for (const char *p = format; *p; p++) {
    if (*p != '%' || !p[1]) {
      mx_str_putc(to, *p);
    } else if (p[1] == 'f') {
      mx_str_printf(to, "%06ld", microseconds);
      p++;
    } else if (p[1] == 'z' || p[1] == 'Z') {
      p++;
    } else {
      mx_str_append(to, p++, 2);
    }
  }
}

static jj_value strftime_now(jj_ctx *ctx, jj_value *a) {
  if (a[0].type != JJ_STRING)
    return jj_fail(ctx, "strftime() argument 1 must be str, not %s", jj_type_name(a[0]));
  struct timeval now;
  struct tm local;
  gettimeofday(&now, NULL);
  localtime_r(&now.tv_sec, &local);
  mx_str format = {0};
  put_own_directives(&format, jj_text(a[0]), (long)now.tv_usec);
  /* A mark in front tells an empty result from one that did not fit. */
  size_t room = 256 + 64 * format.size, n;
  mx_str marked = {0};
  mx_str_printf(&marked, "x%s", mx_str_c(&format));
  char *text = jj_room(ctx, room) ? mx_xmalloc(room) : NULL;
  n = text ? strftime(text, room, mx_str_c(&marked), &local) : 0;
  jj_value out = n ? jj_str(ctx, text + 1, n - 1)
                   : jj_fail(ctx, "strftime_now: the format %.100s gives too long a text",
                             jj_repr_c(ctx, a[0]));
  free(text);
  mx_str_free(&format);
  mx_str_free(&marked);
  return out;
}

static const struct {
  jj_native native;
  const char *type_name;
} globals[] = {
    {{"range", "safe_range", "*args", range, 0, JJ_PYTHON}, "function"},
    {{"dict", "dict", "*args **kwargs", dict, 0, JJ_PYTHON}, "type"},
    {{"namespace", "jinja2.utils.Namespace", "*args **kwargs", namespace_, 0, JJ_PYTHON}, "type"},
    {{"cycler", "jinja2.utils.Cycler", "*items", cycler, 0, JJ_PYTHON}, "type"},
    {{"joiner", "jinja2.utils.Joiner", "sep=", joiner, 1, JJ_PYTHON}, "type"},
    {{"raise_exception", "_compile_jinja_template.<locals>.raise_exception", "message",
      raise_exception, 0, 0},
     "function"},
    {{"strftime_now", "_compile_jinja_template.<locals>.strftime_now", "format", strftime_now, 0,
      0},
     "function"},
};

jj_value jj_find_global(jj_ctx *ctx, const char *name) {
  for (size_t i = 0; i < sizeof globals / sizeof *globals; i++)
    if (strcmp(globals[i].native.name, name) == 0)
      return jj_function_new(ctx, &globals[i].native, jj_missing(), globals[i].type_name);
  return jj_missing();
}
