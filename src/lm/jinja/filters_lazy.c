/* Filters that Jinja writes as generators: they do nothing until somebody goes through them, and
 * can be gone through once. */
#include "lm/jinja/context.h"
#include "lm/jinja/filters.h"
#include "lm/jinja/interp.h"
#include "lm/jinja/ops.h"

#include <string.h>

static jj_iterator *state_of(jj_value v) { return (jj_iterator *)v.o; }

static jj_value generator(jj_ctx *ctx, jj_next_fn *next, jj_value source, jj_value b, jj_value c) {
  jj_value v = jj_iterator_new(ctx, "generator", next, source);
  jj_iterator_hold(ctx, state_of(v), 1, b);
  jj_iterator_hold(ctx, state_of(v), 2, c);
  return v;
}

/* -- map -- */

static const char *other_keyword(const jj_dict *kw) {
  for (size_t i = 0; i < kw->size; i++) {
    const char *name = kw->entries[i].key.s->data;
    if (strcmp(name, "attribute") != 0 && strcmp(name, "default") != 0) return name;
  }
  return NULL;
}

/* Whether there is anything to go through; -1 after an error. Jinja asks for the truth of the
 * source first, so that none is as good as empty. */
static int open_source(jj_ctx *ctx, jj_iterator *it) {
  it->started = true;
  if (!jj_truth(ctx, it->held[0])) return ctx->failed ? -1 : 0;
  return jj_iter_begin(ctx, &it->inner, it->held[0]) < 0 ? -1 : 1;
}

/* held: source, arguments, keywords, attribute's parts. number[0]: 1 for an attribute. */
static int prepare_map(jj_ctx *ctx, jj_iterator *it) {
  jj_dict *kw = it->held[2].d;
  jj_value *attribute = it->held[1].l->size ? NULL : jj_dict_find_str(kw, "attribute", 9);
  if (attribute) {
    const char *other = other_keyword(kw);
    if (other) return jj_fail(ctx, "Unexpected keyword argument '%s'", other), -1;
    jj_getter getter = jj_getter_of(ctx, *attribute, false, jj_missing());
    jj_iterator_hold(ctx, it, 3, jj_object_value(getter.parts));
    it->number[0] = 1;
  } else if (it->held[1].l->size == 0) {
    return jj_fail(ctx, "map requires a filter argument"), -1;
  }
  return 0;
}

static int next_mapped(jj_ctx *ctx, jj_iterator *it, jj_value *item) {
  if (!it->started) {
    if (!jj_truth(ctx, it->held[0])) return ctx->failed ? -1 : 0;
    if (prepare_map(ctx, it) < 0) return -1;
    int any = open_source(ctx, it);
    if (any <= 0) return any;
  }
  int more = jj_iter_next(ctx, &it->inner, item);
  if (more <= 0) return more;
  if (it->number[0]) {
    jj_value *otherwise = jj_dict_find_str(it->held[2].d, "default", 7);
    jj_getter getter = {it->held[3].l, false, otherwise ? *otherwise : jj_missing()};
    *item = jj_get(ctx, &getter, *item);
  } else {
    jj_list *args = it->held[1].l;
    jj_args rest = {args->items + 1, args->size - 1, it->held[2].d};
    *item = jj_apply_filter(ctx, args->items[0], *item, &rest);
  }
  return jj_bad(*item) ? -1 : 1;
}

static jj_value map(jj_ctx *ctx, jj_value *a) {
  return generator(ctx, next_mapped, a[0], a[1], a[2]);
}

/* -- select, reject, selectattr, rejectattr -- */

enum { REJECT = 1, ATTRIBUTE = 2 };

static int passes(jj_ctx *ctx, jj_iterator *it, jj_value item) {
  bool attribute = it->number[0] & ATTRIBUTE;
  jj_list *args = it->held[1].l;
  size_t at = attribute;
  if (attribute) {
    jj_getter getter = {it->held[3].l, false, jj_missing()};
    item = jj_get(ctx, &getter, item);
    if (jj_bad(item)) return -1;
  }
  if (args->size > at) {
    jj_args rest = {args->items + at + 1, args->size - at - 1, it->held[2].d};
    item = jj_apply_test(ctx, args->items[at], item, &rest);
    if (jj_bad(item)) return -1;
  }
  return jj_truth(ctx, item) != (bool)(it->number[0] & REJECT);
}

static int next_selected(jj_ctx *ctx, jj_iterator *it, jj_value *item) {
  if (!it->started) {
    if (!jj_truth(ctx, it->held[0])) return ctx->failed ? -1 : 0;
    if (it->number[0] & ATTRIBUTE) {
      if (it->held[1].l->size == 0) return jj_fail(ctx, "Missing parameter for attribute name"), -1;
      jj_getter getter = jj_getter_of(ctx, it->held[1].l->items[0], false, jj_missing());
      jj_iterator_hold(ctx, it, 3, jj_object_value(getter.parts));
    }
    int any = open_source(ctx, it);
    if (any <= 0) return any;
  }
  int more, good;
  while ((more = jj_iter_next(ctx, &it->inner, item)) > 0)
    if ((good = passes(ctx, it, *item)) != 0) return good;
  return more;
}

static jj_value choose(jj_ctx *ctx, jj_value *a, int64_t mode) {
  jj_value v = generator(ctx, next_selected, a[0], a[1], a[2]);
  state_of(v)->number[0] = mode;
  return v;
}

static jj_value select_(jj_ctx *ctx, jj_value *a) { return choose(ctx, a, 0); }
static jj_value reject(jj_ctx *ctx, jj_value *a) { return choose(ctx, a, REJECT); }
static jj_value selectattr(jj_ctx *ctx, jj_value *a) { return choose(ctx, a, ATTRIBUTE); }
static jj_value rejectattr(jj_ctx *ctx, jj_value *a) { return choose(ctx, a, ATTRIBUTE | REJECT); }

/* -- unique -- */

/* held: source, attribute, what was seen. number[0]: whether case counts. */
static int next_unique(jj_ctx *ctx, jj_iterator *it, jj_value *item) {
  if (!it->started) {
    it->started = true;
    if (jj_iter_begin(ctx, &it->inner, it->held[0]) < 0) return -1;
    jj_iterator_hold(ctx, it, 2, jj_object_value(jj_dict_new(ctx)));
  }
  jj_getter getter = jj_getter_of(ctx, it->held[1], !it->number[0], jj_missing());
  int more;
  while ((more = jj_iter_next(ctx, &it->inner, item)) > 0) {
    jj_value key = jj_get(ctx, &getter, *item);
    size_t before = it->held[2].d->size;
    if (jj_bad(key) || jj_dict_set(ctx, it->held[2].d, key, jj_none()) < 0) return -1;
    if (it->held[2].d->size > before) return 1;
  }
  return more;
}

static jj_value unique(jj_ctx *ctx, jj_value *a) {
  jj_value v = generator(ctx, next_unique, a[0], a[2], jj_missing());
  state_of(v)->number[0] = jj_flag(ctx, a[1], false);
  return v;
}

/* -- items -- */

static int next_pair(jj_ctx *ctx, jj_iterator *it, jj_value *item) {
  if (!it->started) {
    it->started = true;
    if (it->held[0].type == JJ_UNDEFINED) return 0;
    if (it->held[0].type != JJ_DICT)
      return jj_fail(ctx, "Can only get item pairs from a mapping."), -1;
    jj_iterator_hold(ctx, it, 1, jj_view_new(ctx, it->held[0].d, JJ_ITEMS));
    it->inner = (jj_iter){it->held[1], 0};
  }
  return jj_iter_next(ctx, &it->inner, item);
}

static jj_value items(jj_ctx *ctx, jj_value *a) {
  return generator(ctx, next_pair, a[0], jj_missing(), jj_missing());
}

/* -- batch, slice -- */

/* held: source, fill, the item that begins the next row. number[0]: items a row. */
static int next_batch(jj_ctx *ctx, jj_iterator *it, jj_value *item) {
  if (!it->started) {
    it->started = true;
    if (jj_iter_begin(ctx, &it->inner, it->held[0]) < 0) return -1;
  }
  jj_list *row = jj_list_new(ctx, JJ_LIST, 0);
  if (jj_given(it->held[2])) jj_list_push(ctx, row, it->held[2]);
  jj_iterator_hold(ctx, it, 2, jj_missing());
  int more;
  jj_value each;
  while ((more = jj_iter_next(ctx, &it->inner, &each)) > 0) {
    if ((int64_t)row->size == it->number[0]) {
      jj_iterator_hold(ctx, it, 2, each);
      return *item = jj_object_value(row), 1;
    }
    jj_list_push(ctx, row, each);
  }
  if (more < 0 || row->size == 0) return more;
  it->done = true;
  if (jj_some(it->held[1]) && it->number[0] > (int64_t)row->size &&
      !jj_room_for(ctx, (size_t)it->number[0], sizeof each))
    return -1;
  while (jj_some(it->held[1]) && (int64_t)row->size < it->number[0])
    jj_list_push(ctx, row, it->held[1]);
  return *item = jj_object_value(row), 1;
}

static jj_value batch(jj_ctx *ctx, jj_value *a) {
  jj_value v = generator(ctx, next_batch, a[0], a[2], jj_missing());
  if (!jj_is_int(a[1])) {
    /* Never equal to a length: everything is one row. */
    state_of(v)->number[0] = a[1].type == JJ_FLOAT ? (int64_t)a[1].f : -1;
    return v;
  }
  state_of(v)->number[0] = jj_as_int(a[1]);
  return v;
}

/* held: the items as a list, fill, slices. number: slices, slice to come; inner.at: items used. */
static int next_slice(jj_ctx *ctx, jj_iterator *it, jj_value *item) {
  if (!it->started) {
    it->started = true;
    jj_list *all = jj_collect(ctx, it->held[0], JJ_LIST);
    if (!all) return -1;
    jj_iterator_hold(ctx, it, 0, jj_object_value(all));
    jj_value each = jj_binary(ctx, JJ_FLOORDIV, jj_int((int64_t)all->size), it->held[2]);
    if (jj_bad(each) || jj_take_int(ctx, it->held[2], 0, &it->number[0]) < 0) return -1;
  }
  int64_t slices = it->number[0];
  if (it->number[1] >= slices) return 0;
  jj_list *all = it->held[0].l, *row = jj_list_new(ctx, JJ_LIST, 0);
  int64_t each = (int64_t)all->size / slices, longer = (int64_t)all->size % slices;
  bool extra = it->number[1] < longer;
  for (int64_t i = 0; i < each + extra; i++) jj_list_push(ctx, row, all->items[it->inner.at++]);
  if (jj_some(it->held[1]) && !extra) jj_list_push(ctx, row, it->held[1]);
  it->number[1]++;
  return *item = jj_object_value(row), 1;
}

static jj_value slice(jj_ctx *ctx, jj_value *a) {
  return generator(ctx, next_slice, a[0], a[2], a[1]);
}

/* -- reverse -- */

/* held: source. number[0]: items left. */
static int next_reversed(jj_ctx *ctx, jj_iterator *it, jj_value *item) {
  if (it->number[0] <= 0) return 0;
  *item = jj_item_at(ctx, it->held[0], --it->number[0]);
  return jj_bad(*item) ? -1 : 1;
}

static jj_value reverse(jj_ctx *ctx, jj_value *a) {
  static const char *const names[JJ_TYPES] = {
      [JJ_LIST] = "list_reverseiterator",    [JJ_TUPLE] = "reversed",
      [JJ_RANGE] = "range_iterator",         [JJ_DICT] = "dict_reversekeyiterator",
      [JJ_VIEW] = "dict_reversekeyiterator", [JJ_UNDEFINED] = "reversed",
  };
  if (a[0].type == JJ_STRING) return jj_slice(ctx, a[0], jj_missing(), jj_missing(), jj_int(-1));
  if (!jj_iterable(a[0])) return jj_fail(ctx, "argument must be iterable");
  jj_list *all = jj_collect(ctx, a[0], JJ_LIST);
  if (!all) return jj_failed();
  if (!names[a[0].type]) { /* a generator: Jinja makes a list of it */
    for (size_t i = 0; i < all->size / 2; i++) {
      jj_value swap = all->items[i];
      all->items[i] = all->items[all->size - 1 - i];
      all->items[all->size - 1 - i] = swap;
    }
    return jj_object_value(all);
  }
  jj_value v = jj_iterator_new(ctx, names[a[0].type], next_reversed, jj_object_value(all));
  state_of(v)->number[0] = (int64_t)all->size;
  return v;
}

const jj_native jj_lazy_filters[] = {
    {"batch", "do_batch", "value linecount fill_with=", batch, 0, JJ_PYTHON},
    {"items", "do_items", "value", items, 0, JJ_PYTHON},
    {"map", "sync_do_map", "value *args **kwargs", map, 1, JJ_PYTHON},
    {"reject", "sync_do_reject", "value *args **kwargs", reject, 1, JJ_PYTHON},
    {"rejectattr", "sync_do_rejectattr", "value *args **kwargs", rejectattr, 1, JJ_PYTHON},
    {"reverse", "do_reverse", "value", reverse, 0, JJ_PYTHON},
    {"select", "sync_do_select", "value *args **kwargs", select_, 1, JJ_PYTHON},
    {"selectattr", "sync_do_selectattr", "value *args **kwargs", selectattr, 1, JJ_PYTHON},
    {"slice", "sync_do_slice", "value slices fill_with=", slice, 0, JJ_PYTHON},
    {"unique", "sync_do_unique", "value case_sensitive= attribute=", unique, 1, JJ_PYTHON},
    {0},
};
