/* Filters over sequences that answer at once: first, last, sort, groupby, join, min, sum, ... */
#include "lm/jinja/context.h"
#include "lm/jinja/filters.h"
#include "lm/jinja/methods.h"
#include "lm/jinja/ops.h"

#include <string.h>

static jj_value length(jj_ctx *ctx, jj_value *a) {
  int64_t n;
  return jj_length(ctx, a[0], &n) < 0 ? jj_failed() : jj_int(n);
}

static jj_value list(jj_ctx *ctx, jj_value *a) {
  jj_list *items = jj_collect(ctx, a[0], JJ_LIST);
  return items ? jj_object_value(items) : jj_failed();
}

static jj_value first(jj_ctx *ctx, jj_value *a) {
  jj_iter it;
  jj_value item;
  if (jj_iter_begin(ctx, &it, a[0]) < 0) return jj_failed();
  int more = jj_iter_next(ctx, &it, &item);
  if (more < 0) return jj_failed();
  return more ? item : jj_undefined_hint(ctx, "No first item, sequence was empty.");
}

static jj_value last(jj_ctx *ctx, jj_value *a) {
  bool reversible = a[0].type == JJ_STRING || jj_is_seq(a[0]) || a[0].type == JJ_DICT ||
                    a[0].type == JJ_VIEW || a[0].type == JJ_RANGE || a[0].type == JJ_UNDEFINED;
  if (!reversible) return jj_fail(ctx, "'%s' object is not reversible", jj_type_name(a[0]));
  int64_t n;
  if (jj_length(ctx, a[0], &n) < 0) return jj_failed();
  if (n == 0) return jj_undefined_hint(ctx, "No last item, sequence was empty.");
  if (a[0].type != JJ_DICT && a[0].type != JJ_VIEW) return jj_item_at(ctx, a[0], n - 1);
  jj_list *items = jj_collect(ctx, a[0], JJ_LIST);
  return items ? items->items[items->size - 1] : jj_failed();
}

static jj_value random_(jj_ctx *ctx, jj_value *a) {
  int64_t n;
  if (jj_length(ctx, a[0], &n) < 0) return jj_failed();
  if (n == 0) return jj_undefined_hint(ctx, "No random item, sequence was empty.");
  ctx->random = ctx->random * 6364136223846793005u + 1442695040888963407u;
  return jj_getitem(ctx, a[0], jj_int((int64_t)((ctx->random >> 33) % (uint64_t)n)));
}

/* -- Sorting -- */

static jj_value by_attribute(jj_ctx *ctx, void *state, jj_value item) {
  return jj_get(ctx, state, item);
}

typedef struct {
  jj_getter *getters;
  size_t count;
} many;

static jj_value by_many(jj_ctx *ctx, void *state, jj_value item) {
  const many *m = state;
  jj_list *key = jj_list_new(ctx, JJ_LIST, m->count);
  for (size_t i = 0; i < m->count; i++) {
    jj_value part = jj_get(ctx, &m->getters[i], item);
    if (jj_bad(part)) return part;
    jj_list_push(ctx, key, part);
  }
  return jj_object_value(key);
}

/* sorted()'s `reverse`, which has to be a number. It is looked at once the items are listed. */
static int take_reverse(jj_ctx *ctx, jj_value over, jj_value reverse, bool *out) {
  int64_t n;
  jj_iter it;
  if (jj_iter_begin(ctx, &it, over) < 0 || jj_take_int(ctx, reverse, 0, &n) < 0) return -1;
  *out = n != 0;
  return 0;
}

static jj_value sort(jj_ctx *ctx, jj_value *a) {
  bool reverse, fold = !jj_flag(ctx, a[2], false);
  jj_list *names = jj_list_new(ctx, JJ_LIST, 0);
  if (take_reverse(ctx, a[0], a[1], &reverse) < 0) return jj_failed();
  if (jj_given(a[3]) && a[3].type == JJ_STRING) {
    const char *p = a[3].s->data, *end = p + a[3].s->size;
    for (;;) {
      const char *comma = memchr(p, ',', (size_t)(end - p));
      jj_list_push(ctx, names, jj_str(ctx, p, (size_t)((comma ? comma : end) - p)));
      if (!comma) break;
      p = comma + 1;
    }
  } else {
    jj_list_push(ctx, names, a[3]);
  }
  if (ctx->failed) return jj_failed();
  many m = {mx_xcalloc(names->size, sizeof *m.getters), names->size};
  for (size_t i = 0; i < m.count; i++)
    m.getters[i] = jj_getter_of(ctx, names->items[i], fold, jj_missing());
  jj_list *sorted = jj_sorted(ctx, a[0], by_many, &m, reverse);
  free(m.getters);
  return sorted ? jj_object_value(sorted) : jj_failed();
}

typedef struct {
  size_t side; /* 0: key, 1: value */
  bool fold;
} side;

static jj_value by_side(jj_ctx *ctx, void *state, jj_value item) {
  const side *s = state;
  jj_value v = item.l->items[s->side];
  return s->fold ? jj_fold_case(ctx, v) : v;
}

static jj_value dictsort(jj_ctx *ctx, jj_value *a) {
  side s = {0, !jj_flag(ctx, a[1], false)};
  if (jj_given(a[2])) {
    bool text = a[2].type == JJ_STRING;
    s.side = text && strcmp(jj_text(a[2]), "value") == 0;
    if (!s.side && !(text && strcmp(jj_text(a[2]), "key") == 0))
      return jj_fail(ctx, "You can only sort by either \"key\" or \"value\"");
  }
  if (a[0].type != JJ_DICT) return jj_no_attribute(ctx, a[0], "items");
  bool reverse;
  jj_value items = jj_view_new(ctx, a[0].d, JJ_ITEMS);
  if (take_reverse(ctx, items, a[3], &reverse) < 0) return jj_failed();
  jj_list *sorted = jj_sorted(ctx, items, by_side, &s, reverse);
  return sorted ? jj_object_value(sorted) : jj_failed();
}

/* -- Grouping -- */

static jj_value group_of(jj_ctx *ctx, jj_value grouper, jj_list *members) {
  jj_value group = jj_pair(ctx, grouper, jj_object_value(members));
  group.o->flag = JJ_GROUP;
  return group;
}

static jj_value groupby(jj_ctx *ctx, jj_value *a) {
  bool fold = !jj_flag(ctx, a[3], false);
  jj_getter key = jj_getter_of(ctx, a[1], fold, a[2]), plain = key;
  plain.fold_case = false;
  jj_list *sorted = jj_sorted(ctx, a[0], by_attribute, &key, false);
  if (!sorted) return jj_failed();
  jj_list *groups = jj_list_new(ctx, JJ_LIST, 0), *members = NULL;
  jj_value current = jj_missing();
  for (size_t i = 0; i < sorted->size; i++) {
    jj_value k = jj_get(ctx, &key, sorted->items[i]);
    if (jj_bad(k)) return k;
    int same = members ? jj_equal(ctx, current, k) : 0;
    if (same < 0) return jj_failed();
    if (!same) {
      jj_value shown = jj_get(ctx, &plain, sorted->items[i]);
      if (jj_bad(shown)) return shown;
      members = jj_list_new(ctx, JJ_LIST, 0);
      jj_list_push(ctx, groups, group_of(ctx, shown, members));
      current = k;
    }
    jj_list_push(ctx, members, sorted->items[i]);
  }
  return jj_object_value(groups);
}

/* -- Folding -- */

static jj_value extreme(jj_ctx *ctx, jj_value *a, jj_compare_op op) {
  jj_iter it;
  jj_value item, best = jj_missing(), best_key = jj_missing();
  if (jj_iter_begin(ctx, &it, a[0]) < 0) return jj_failed();
  jj_getter getter = jj_getter_of(ctx, a[2], !jj_flag(ctx, a[1], false), jj_missing());
  int more;
  while ((more = jj_iter_next(ctx, &it, &item)) > 0) {
    jj_value key = jj_get(ctx, &getter, item);
    if (jj_bad(key)) return key;
    int better = jj_given(best) ? jj_order(ctx, op, key, best_key) : 1;
    if (better < 0) return jj_failed();
    if (better) best = item, best_key = key;
  }
  if (more < 0) return jj_failed();
  return jj_given(best) ? best : jj_undefined_hint(ctx, "No aggregated item, sequence was empty.");
}

static jj_value min_(jj_ctx *ctx, jj_value *a) { return extreme(ctx, a, JJ_LT); }
static jj_value max_(jj_ctx *ctx, jj_value *a) { return extreme(ctx, a, JJ_GT); }

static jj_value sum(jj_ctx *ctx, jj_value *a) {
  jj_iter it;
  jj_value item, total = jj_given(a[2]) ? a[2] : jj_int(0);
  if (jj_iter_begin(ctx, &it, a[0]) < 0) return jj_failed();
  if (total.type == JJ_STRING)
    return jj_fail(ctx, "sum() can't sum strings [use ''.join(seq) instead]");
  jj_getter getter = jj_getter_of(ctx, a[1], false, jj_missing());
  int more;
  while ((more = jj_iter_next(ctx, &it, &item)) > 0) {
    item = jj_get(ctx, &getter, item);
    total = jj_bad(item) ? item : jj_binary(ctx, JJ_ADD, total, item);
    if (jj_bad(total)) return total;
  }
  return more < 0 ? jj_failed() : total;
}

static jj_value join(jj_ctx *ctx, jj_value *a) {
  jj_value separator = jj_given(a[1]) ? jj_to_str(ctx, a[1]) : jj_strz(ctx, "");
  jj_iter it;
  jj_value item;
  if (jj_bad(separator) || jj_iter_begin(ctx, &it, a[0]) < 0) return jj_failed();
  jj_getter getter = jj_getter_of(ctx, a[2], false, jj_missing());
  jj_list *parts = jj_list_new(ctx, JJ_LIST, 0);
  bool markup = false;
  int more;
  while ((more = jj_iter_next(ctx, &it, &item)) > 0) {
    item = jj_get(ctx, &getter, item);
    item = jj_bad(item) ? item : jj_to_str(ctx, item);
    if (jj_bad(item)) return item;
    markup |= jj_is_markup(item);
    jj_list_push(ctx, parts, item);
  }
  if (more < 0) return jj_failed();
  /* Markup only counts where everything printed is escaped. */
  markup = ctx->autoescape && (markup || jj_is_markup(separator));
  separator = markup ? jj_escape(ctx, separator) : jj_str_flagged(ctx, separator, false);
  if (jj_bad(separator)) return separator;
  return jj_str_join(ctx, separator, jj_object_value(parts));
}

const jj_native jj_seq_filters[] = {
    {"count", "len", "obj", length, 0, JJ_C_FUNCTION},
    {"dictsort", "do_dictsort", "value case_sensitive= by= reverse=", dictsort, 0, JJ_PYTHON},
    {"first", "sync_do_first", "seq", first, 1, JJ_PYTHON},
    {"groupby", "sync_do_groupby", "value attribute default= case_sensitive=", groupby, 1,
     JJ_PYTHON},
    {"join", "sync_do_join", "value d= attribute=", join, 1, JJ_PYTHON},
    {"last", "do_last", "seq", last, 1, JJ_PYTHON},
    {"length", "len", "obj", length, 0, JJ_C_FUNCTION},
    {"list", "sync_do_list", "value", list, 0, JJ_PYTHON},
    {"max", "do_max", "value case_sensitive= attribute=", max_, 1, JJ_PYTHON},
    {"min", "do_min", "value case_sensitive= attribute=", min_, 1, JJ_PYTHON},
    {"random", "do_random", "seq", random_, 1, JJ_PYTHON},
    {"sort", "do_sort", "value reverse= case_sensitive= attribute=", sort, 1, JJ_PYTHON},
    {"sum", "sync_do_sum", "iterable attribute= start=", sum, 1, JJ_PYTHON},
    {0},
};
