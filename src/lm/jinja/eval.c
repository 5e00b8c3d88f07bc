/* Expressions: what each kind of node yields. */
#include "lm/jinja/context.h"
#include "lm/jinja/interp.h"
#include "lm/jinja/ops.h"

#include <string.h>

/* Keeps a value for the statement, whatever happens to where it came from. */
static jj_value hold(jj_ctx *ctx, jj_value v) {
  if (v.type < JJ_UNDEFINED || v.o->refs == JJ_IMMORTAL) return v;
  jj_retain(v);
  mx_vec_push(&ctx->pool, v.o);
  return v;
}

static jj_value eval_name(jj_ctx *ctx, jj_frame *frame, const jj_node *node) {
  for (int depth = node->ref.depth; depth > 0; depth--) frame = frame->parent;
  jj_value v = frame->slots[node->ref.slot];
  return jj_given(v) ? hold(ctx, v) : jj_undefined_name(ctx, node->name);
}

static jj_value eval_items(jj_ctx *ctx, jj_frame *frame, const jj_node *node, jj_type type) {
  jj_list *list = jj_list_new(ctx, type, node->list.count);
  for (size_t i = 0; i < node->list.count; i++) {
    jj_value item = jj_eval(ctx, frame, node->list.items[i]);
    if (jj_bad(item)) return item;
    jj_list_push(ctx, list, item);
  }
  return jj_object_value(list);
}

static jj_value eval_dict(jj_ctx *ctx, jj_frame *frame, const jj_node *node) {
  jj_dict *dict = jj_dict_new(ctx);
  for (size_t i = 0; i + 1 < node->list.count; i += 2) {
    jj_value key = jj_eval(ctx, frame, node->list.items[i]);
    if (jj_bad(key)) return key;
    jj_value value = jj_eval(ctx, frame, node->list.items[i + 1]);
    if (jj_bad(value)) return value;
    if (jj_dict_set(ctx, dict, key, value) < 0) return jj_failed();
  }
  return jj_object_value(dict);
}

static jj_value eval_cond(jj_ctx *ctx, jj_frame *frame, const jj_node *node) {
  jj_value test = jj_eval(ctx, frame, node->a);
  if (jj_bad(test)) return test;
  if (jj_truth(ctx, test)) return jj_eval(ctx, frame, node->b);
  if (node->c) return jj_eval(ctx, frame, node->c);
  return jj_undefined_hintf(ctx,
                            "the inline if-expression on line %d evaluated to false and no else "
                            "section was defined.",
                            node->line);
}

static jj_value eval_logic(jj_ctx *ctx, jj_frame *frame, const jj_node *node) {
  jj_value left = jj_eval(ctx, frame, node->a);
  if (jj_bad(left)) return left;
  bool decided = jj_truth(ctx, left) == (node->kind == JJ_N_OR);
  return decided ? left : jj_eval(ctx, frame, node->b);
}

static jj_value eval_compare(jj_ctx *ctx, jj_frame *frame, const jj_node *node) {
  jj_value left = jj_eval(ctx, frame, node->a);
  if (jj_bad(left)) return left;
  for (size_t i = 0; i < node->list.count; i++) {
    const jj_node *operand = node->list.items[i];
    jj_value right = jj_eval(ctx, frame, operand->a);
    if (jj_bad(right)) return right;
    int holds = jj_compare(ctx, (jj_compare_op)operand->op, left, right);
    if (holds < 0) return jj_failed();
    if (!holds) return jj_bool(false);
    left = right;
  }
  return jj_bool(true);
}

static jj_value eval_concat(jj_ctx *ctx, jj_frame *frame, const jj_node *node) {
  jj_value parts = eval_items(ctx, frame, node, JJ_TUPLE);
  if (jj_bad(parts)) return parts;
  bool markup = false;
  for (size_t i = 0; i < parts.l->size && ctx->autoescape; i++)
    markup |= jj_is_markup(parts.l->items[i]);
  JJ_BUF(b, ctx);
  for (size_t i = 0; i < parts.l->size; i++) {
    jj_value part = parts.l->items[i];
    if (markup) part = jj_escape(ctx, part);
    if (jj_bad(part)) return part;
    jj_put_value(&b, part);
  }
  return jj_str_flagged(ctx, jj_take(&b), markup);
}

static jj_value eval_slice(jj_ctx *ctx, jj_frame *frame, const jj_node *node) {
  jj_value subject = jj_eval(ctx, frame, node->a), bounds[3];
  if (jj_bad(subject)) return subject;
  const jj_node *parts[] = {node->b->a, node->b->b, node->b->c};
  for (int i = 0; i < 3; i++) {
    bounds[i] = parts[i] ? jj_eval(ctx, frame, parts[i]) : jj_missing();
    if (jj_bad(bounds[i])) return bounds[i];
  }
  return jj_slice(ctx, subject, bounds[0], bounds[1], bounds[2]);
}

static jj_value eval_getitem(jj_ctx *ctx, jj_frame *frame, const jj_node *node) {
  if (node->b->kind == JJ_N_SLICE) return eval_slice(ctx, frame, node);
  jj_value subject = jj_eval(ctx, frame, node->a);
  if (jj_bad(subject)) return subject;
  jj_value key = jj_eval(ctx, frame, node->b);
  return jj_bad(key) ? key : hold(ctx, jj_getitem(ctx, subject, key));
}

/* -- Arguments -- */

static int spread_list(jj_ctx *ctx, jj_list *args, jj_value over) {
  if (!jj_iterable(over)) {
    jj_fail(ctx, "Value after * must be an iterable, not %s", jj_type_name(over));
    return -1;
  }
  jj_iter it = {over, 0};
  jj_value item;
  int more;
  while ((more = jj_iter_next(ctx, &it, &item)) > 0) jj_list_push(ctx, args, item);
  return more;
}

static int spread_dict(jj_ctx *ctx, jj_dict *kw, jj_value over) {
  if (over.type != JJ_DICT) {
    jj_fail(ctx, "argument after ** must be a mapping, not %s", jj_type_name(over));
    return -1;
  }
  for (size_t i = 0; i < over.d->size; i++) {
    jj_value key = over.d->entries[i].key;
    if (key.type != JJ_STRING) return jj_fail(ctx, "keywords must be strings"), -1;
    if (jj_dict_find_str(kw, key.s->data, key.s->size)) {
      jj_fail(ctx, "got multiple values for keyword argument %s", jj_repr_c(ctx, key));
      return -1;
    }
    jj_dict_set(ctx, kw, key, over.d->entries[i].value);
  }
  return 0;
}

/* Evaluates a call's arguments; `first` goes before them unless it is missing. */
static int eval_arguments(jj_ctx *ctx, jj_frame *frame, const jj_arguments *call, jj_args *args) {
  jj_list *pos = jj_list_new(ctx, JJ_TUPLE, call->args.count);
  *args = (jj_args){0};
  for (size_t i = 0; i < call->args.count; i++) {
    jj_value v = jj_eval(ctx, frame, call->args.items[i]);
    if (jj_bad(v)) return -1;
    jj_list_push(ctx, pos, v);
  }
  if (call->values.count || call->options) args->kw = jj_dict_new(ctx);
  for (size_t i = 0; i < call->values.count; i++) {
    jj_value v = jj_eval(ctx, frame, call->values.items[i]);
    if (jj_bad(v)) return -1;
    jj_dict_set(ctx, args->kw, call->names[i], v);
  }
  if (call->rest) {
    jj_value v = jj_eval(ctx, frame, call->rest);
    if (jj_bad(v) || spread_list(ctx, pos, v) < 0) return -1;
  }
  if (call->options) {
    jj_value v = jj_eval(ctx, frame, call->options);
    if (jj_bad(v) || spread_dict(ctx, args->kw, v) < 0) return -1;
  }
  args->pos = pos->items;
  args->count = pos->size;
  return 0;
}

static jj_value eval_call(jj_ctx *ctx, jj_frame *frame, const jj_node *node, jj_value caller) {
  jj_value callee = jj_eval(ctx, frame, node->a);
  jj_args args;
  if (jj_bad(callee) || eval_arguments(ctx, frame, node->call, &args) < 0) return jj_failed();
  if (jj_given(caller)) {
    if (!args.kw) args.kw = jj_dict_new(ctx);
    jj_dict_set(ctx, args.kw, jj_strz(ctx, "caller"), caller);
  }
  return jj_call(ctx, callee, &args);
}

jj_value jj_eval_call_block(jj_ctx *ctx, jj_frame *frame, const jj_node *call, jj_value caller) {
  return eval_call(ctx, frame, call, caller);
}

static jj_value apply(jj_ctx *ctx, jj_frame *frame, const jj_node *node, jj_value subject) {
  jj_args args;
  if (jj_bad(subject) || eval_arguments(ctx, frame, node->call, &args) < 0) return jj_failed();
  if (!node->native)
    return jj_fail(ctx, "No %s named '%s' found.", node->kind == JJ_N_FILTER ? "filter" : "test",
                   node->name.s->data);
  return jj_call_native(ctx, node->native, subject, &args);
}

jj_value jj_eval_filters(jj_ctx *ctx, jj_frame *frame, const jj_node *node, jj_value text) {
  if (!node) return text;
  if (jj_deep(ctx)) return jj_failed();
  return apply(ctx, frame, node, jj_eval_filters(ctx, frame, node->a, text));
}

jj_value jj_eval(jj_ctx *ctx, jj_frame *frame, const jj_node *node) {
  if (!jj_step(ctx) || jj_deep(ctx)) return jj_failed();
  jj_value a, b;
  switch (node->kind) {
  case JJ_N_CONST: return node->value;
  case JJ_N_NAME: return eval_name(ctx, frame, node);
  case JJ_N_TUPLE: return eval_items(ctx, frame, node, JJ_TUPLE);
  case JJ_N_LIST: return eval_items(ctx, frame, node, JJ_LIST);
  case JJ_N_DICT: return eval_dict(ctx, frame, node);
  case JJ_N_COND: return eval_cond(ctx, frame, node);
  case JJ_N_OR:
  case JJ_N_AND: return eval_logic(ctx, frame, node);
  case JJ_N_COMPARE: return eval_compare(ctx, frame, node);
  case JJ_N_CONCAT: return eval_concat(ctx, frame, node);
  case JJ_N_CALL: return eval_call(ctx, frame, node, jj_missing());
  case JJ_N_GETITEM: return eval_getitem(ctx, frame, node);
  default: break;
  }
  a = jj_eval(ctx, frame, node->a);
  if (jj_bad(a)) return a;
  switch (node->kind) {
  case JJ_N_NOT: return jj_bool(!jj_truth(ctx, a));
  case JJ_N_NEG: return jj_negate(ctx, a, true);
  case JJ_N_POS: return jj_negate(ctx, a, false);
  case JJ_N_GETATTR: return hold(ctx, jj_getattr(ctx, a, node->name));
  case JJ_N_FILTER:
  case JJ_N_TEST: return apply(ctx, frame, node, a);
  default: /* JJ_N_BINARY */
    b = jj_eval(ctx, frame, node->b);
    return jj_bad(b) ? b : jj_binary(ctx, (jj_binary_op)node->op, a, b);
  }
}
