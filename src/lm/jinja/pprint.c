/* pprint.pformat: width 80, one space a level, dicts sorted. */
#include "lm/jinja/context.h"
#include "lm/jinja/ops.h"
#include "lm/jinja/unicode.h"

#include <string.h>

enum { WIDTH = 80 };

static void put_pretty(jj_buf *b, jj_value v, int64_t indent, int64_t allowance, int level);

/* Keys in order; where two have none, their types' names decide. */
static int key_before(jj_ctx *ctx, jj_value a, jj_value b) {
  bool comparable = (jj_is_number(a) && jj_is_number(b)) ||
                    (a.type == b.type && (a.type == JJ_STRING || jj_is_seq(a)));
  return comparable ? jj_order(ctx, JJ_LT, a, b) : strcmp(jj_type_name(a), jj_type_name(b)) < 0;
}

static jj_dict *sorted_dict(jj_ctx *ctx, const jj_dict *dict) {
  jj_dict *copy = jj_dict_new(ctx);
  jj_list *order = jj_list_new(ctx, JJ_LIST, dict->size);
  for (size_t i = 0; i < dict->size; i++) {
    jj_list_push(ctx, order, dict->entries[i].key);
    for (size_t at = i; at > 0 && key_before(ctx, order->items[at], order->items[at - 1]) > 0;
         at--) {
      jj_value swap = order->items[at];
      order->items[at] = order->items[at - 1];
      order->items[at - 1] = swap;
      if (!jj_step(ctx)) return copy;
    }
  }
  for (size_t i = 0; i < order->size; i++) {
    uint64_t hash;
    if (jj_hash(ctx, order->items[i], &hash) < 0) return copy;
    jj_dict_set(ctx, copy, order->items[i], *jj_dict_find(ctx, dict, order->items[i], hash));
  }
  return copy;
}

/* The same value with every dict in it sorted. */
static jj_value with_sorted_dicts(jj_ctx *ctx, jj_value v) {
  if (jj_deep(ctx)) return jj_failed();
  if (v.type == JJ_DICT) {
    jj_dict *copy = sorted_dict(ctx, v.d);
    for (size_t i = 0; i < copy->size; i++)
      jj_assign(ctx, &copy->entries[i].value, with_sorted_dicts(ctx, copy->entries[i].value));
    return jj_object_value(copy);
  }
  if (!jj_is_seq(v)) return v;
  jj_list *copy = jj_list_new(ctx, v.type, v.l->size);
  for (size_t i = 0; i < v.l->size; i++)
    jj_list_push(ctx, copy, with_sorted_dicts(ctx, v.l->items[i]));
  return jj_object_value(copy);
}

static void break_line(jj_buf *b, const char *mark, int64_t indent) {
  jj_puts(b, mark);
  jj_putc(b, '\n');
  jj_put_fill(b, " ", 1, indent);
}

static void put_pretty_dict(jj_buf *b, const jj_dict *dict, int64_t indent, int64_t allowance,
                            int level) {
  jj_putc(b, '{');
  for (size_t i = 0; i < dict->size; i++) {
    jj_value key = jj_repr(b->ctx, dict->entries[i].key);
    if (jj_bad(key)) return;
    if (i) break_line(b, ",", indent + 1);
    jj_put_str(b, key);
    jj_puts(b, ": ");
    put_pretty(b, dict->entries[i].value, indent + 1 + (int64_t)key.s->count + 2,
               i + 1 == dict->size ? allowance + 1 : 1, level);
  }
  jj_putc(b, '}');
}

static void put_pretty_list(jj_buf *b, jj_value v, int64_t indent, int64_t allowance, int level) {
  const char *close = v.type == JJ_LIST ? "]" : v.l->size == 1 ? ",)" : ")";
  jj_putc(b, v.type == JJ_LIST ? '[' : '(');
  for (size_t i = 0; i < v.l->size; i++) {
    if (i) break_line(b, ",", indent + 1);
    bool last = i + 1 == v.l->size;
    put_pretty(b, v.l->items[i], indent + 1, last ? allowance + (int64_t)strlen(close) : 1, level);
  }
  jj_puts(b, close);
}

/* Text longer than a line is cut at line breaks, then at spaces, into adjacent literals. */
typedef struct {
  jj_ctx *ctx;
  jj_list *chunks; /* literals */
} pieces;

static int64_t repr_width(jj_ctx *ctx, const char *text, size_t size) {
  jj_value literal = jj_repr(ctx, jj_str(ctx, text, size));
  return jj_bad(literal) ? 0 : (int64_t)literal.s->count;
}

static void add_piece(pieces *p, const char *text, size_t size) {
  jj_value piece = jj_str(p->ctx, text, size);
  if (!jj_bad(piece)) jj_list_push(p->ctx, p->chunks, jj_repr(p->ctx, piece));
}

static const char *skip(const char *p, const char *end, bool spaces) {
  while (p < end) {
    uint32_t cp;
    size_t n = jj_utf8_next(p, end, &cp);
    if (jj_cp_space(cp) != spaces) break;
    p += n;
  }
  return p;
}

static void cut_line(pieces *p, const char *line, const char *end, int64_t width, int64_t last) {
  const char *start = line;
  for (const char *at = line; at < end && jj_step(p->ctx);) {
    const char *next = skip(skip(at, end, false), end, true);
    int64_t limit = next == end ? last : width;
    if (repr_width(p->ctx, start, (size_t)(next - start)) > limit) {
      if (at > start) add_piece(p, start, (size_t)(at - start));
      start = at;
    }
    at = next;
  }
  if (start < end) add_piece(p, start, (size_t)(end - start));
}

static const char *line_end(const char *p, const char *end) {
  while (p < end) {
    uint32_t cp;
    p += jj_utf8_next(p, end, &cp);
    if (cp == '\r' && p < end && *p == '\n') return p + 1;
    if (jj_cp_linebreak(cp)) return p;
  }
  return p;
}

static void put_pretty_text(jj_buf *b, jj_value v, int64_t indent, int64_t allowance, int level) {
  pieces p = {b->ctx, jj_list_new(b->ctx, JJ_LIST, 0)};
  if (level == 1) indent++, allowance++;
  int64_t width = WIDTH - indent;
  const char *end = v.s->data + v.s->size;
  for (const char *line = v.s->data; line < end;) {
    const char *next = line_end(line, end);
    int64_t limit = next == end ? width - allowance : width;
    if (repr_width(b->ctx, line, (size_t)(next - line)) <= limit)
      add_piece(&p, line, (size_t)(next - line));
    else
      cut_line(&p, line, next, width, limit);
    line = next;
  }
  if (p.chunks->size <= 1) return jj_put_repr(b, v);
  if (level == 1) jj_putc(b, '(');
  for (size_t i = 0; i < p.chunks->size; i++) {
    if (i) break_line(b, "", indent);
    if (!jj_bad(p.chunks->items[i])) jj_put_str(b, p.chunks->items[i]);
  }
  if (level == 1) jj_putc(b, ')');
}

static void put_pretty(jj_buf *b, jj_value v, int64_t indent, int64_t allowance, int level) {
  if (jj_deep(b->ctx)) return;
  jj_value plain = jj_repr(b->ctx, v);
  if (jj_bad(plain)) return;
  if ((int64_t)plain.s->count > WIDTH - indent - allowance) {
    if (v.type == JJ_DICT && v.d->size)
      return put_pretty_dict(b, v.d, indent, allowance, level + 1);
    if (jj_is_seq(v) && v.l->size) return put_pretty_list(b, v, indent, allowance, level + 1);
    if (v.type == JJ_STRING && v.s->size && !jj_is_markup(v))
      return put_pretty_text(b, v, indent, allowance, level + 1);
  }
  jj_put_str(b, plain);
}

jj_value jj_pprint(jj_ctx *ctx, jj_value v) {
  JJ_BUF(b, ctx);
  jj_value sorted = with_sorted_dicts(ctx, v);
  if (jj_bad(sorted)) return sorted;
  put_pretty(&b, sorted, 0, 0, 0);
  return jj_take(&b);
}
