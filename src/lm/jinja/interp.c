/* Statements: frames, assignments, blocks and loops. */
#include "lm/jinja/interp.h"

#include "lm/jinja/context.h"
#include "lm/jinja/ops.h"

#include <string.h>

/* -- Frames -- */

jj_frame *jj_frame_new(jj_ctx *ctx, const jj_scope *scope, jj_frame *parent) {
  jj_frame *frame = jj_alloc(ctx, JJ_FRAME, sizeof *frame + scope->count * sizeof(jj_value));
  frame->scope = scope;
  frame->count = scope->count;
  if (parent) jj_retain(jj_object_value(parent));
  frame->parent = parent;
  return frame;
}

static void clear_slots(jj_ctx *ctx, jj_frame *frame) {
  for (size_t i = 0; i < frame->count; i++) jj_assign(ctx, &frame->slots[i], jj_missing());
}

void jj_frame_drop(jj_ctx *ctx, jj_object *o) {
  jj_frame *frame = (jj_frame *)o;
  clear_slots(ctx, frame);
  if (frame->parent) jj_release(ctx, jj_object_value(frame->parent));
}

jj_value jj_lookup(jj_ctx *ctx, jj_value name) {
  const jj_dict *places[] = {ctx->exports, ctx->variables};
  for (int i = 0; i < 2; i++) {
    jj_value *found = places[i] ? jj_dict_find_str(places[i], name.s->data, name.s->size) : NULL;
    if (found) return *found;
  }
  return jj_find_global(ctx, name.s->data);
}

void jj_frame_enter(jj_ctx *ctx, jj_frame *frame) {
  for (size_t i = 0; i < frame->count; i++) {
    const jj_slot *slot = &frame->scope->slots[i];
    jj_value v = jj_missing();
    if (slot->load == JJ_LOAD_PARAM) continue;
    if (slot->load == JJ_LOAD_RESOLVE) v = jj_lookup(ctx, slot->name);
    if (slot->load == JJ_LOAD_ALIAS) {
      jj_frame *from = frame;
      for (int depth = slot->from.depth; depth > 0; depth--) from = from->parent;
      v = from->slots[slot->from.slot];
    }
    jj_assign(ctx, &frame->slots[i], v);
  }
}

static jj_frame *open_frame(jj_ctx *ctx, const jj_scope *scope, jj_frame *parent) {
  jj_frame *frame = jj_frame_new(ctx, scope, parent);
  jj_frame_enter(ctx, frame);
  return frame;
}

/* -- Assignment -- */

static int unpack(jj_ctx *ctx, jj_frame *frame, const jj_node *target, jj_value value) {
  if (!jj_iterable(value)) {
    jj_fail(ctx, "cannot unpack non-iterable %s object", jj_type_name(value));
    return -1;
  }
  jj_iter it = {value, 0};
  jj_value item;
  size_t expected = target->list.count, got = 0;
  jj_list *items = jj_list_new(ctx, JJ_TUPLE, expected);
  int more;
  while ((more = jj_iter_next(ctx, &it, &item)) > 0) {
    if (got++ == expected) {
      jj_fail(ctx, "too many values to unpack (expected %zu)", expected);
      return -1;
    }
    jj_list_push(ctx, items, item);
  }
  if (more < 0) return -1;
  if (got < expected) {
    jj_fail(ctx, "not enough values to unpack (expected %zu, got %zu)", expected, got);
    return -1;
  }
  for (size_t i = 0; i < expected; i++)
    if (jj_store(ctx, frame, target->list.items[i], items->items[i]) < 0) return -1;
  return 0;
}

static jj_value *slot_of(jj_frame *frame, const jj_node *name) {
  for (int depth = name->ref.depth; depth > 0; depth--) frame = frame->parent;
  return &frame->slots[name->ref.slot];
}

/* Blocks see what the top level has set. */
static void export_name(jj_ctx *ctx, const jj_frame *frame, jj_value name, jj_value value) {
  if (ctx->exports && frame->scope == ctx->source->scope)
    jj_dict_set(ctx, ctx->exports, name, value);
}

int jj_store(jj_ctx *ctx, jj_frame *frame, const jj_node *target, jj_value value) {
  if (target->kind == JJ_N_TUPLE) return unpack(ctx, frame, target, value);
  if (target->kind == JJ_N_NSREF) {
    jj_value ns = *slot_of(frame, target);
    return jj_dict_set(ctx, ((jj_namespace *)ns.o)->attrs, target->attr, value);
  }
  jj_assign(ctx, slot_of(frame, target), value);
  export_name(ctx, frame, target->name, value);
  return 0;
}

static int check_namespaces(jj_ctx *ctx, jj_frame *frame, const jj_node *target) {
  if (target->kind == JJ_N_NSREF && slot_of(frame, target)->type != JJ_NAMESPACE) {
    jj_fail(ctx, "cannot assign attribute on non-namespace object");
    return -1;
  }
  for (size_t i = 0; i < target->list.count; i++)
    if (check_namespaces(ctx, frame, target->list.items[i]) < 0) return -1;
  return 0;
}

/* -- Loops -- */

void jj_loop_drop(jj_ctx *ctx, jj_object *o) {
  jj_loop *loop = (jj_loop *)o;
  jj_release(ctx, loop->iterable);
  jj_release(ctx, loop->before);
  jj_release(ctx, loop->current);
  jj_release(ctx, loop->after);
  jj_release(ctx, loop->changed);
  if (loop->around) jj_release(ctx, jj_object_value(loop->around));
}

int jj_loop_advance(jj_ctx *ctx, jj_loop *loop, jj_value *item) {
  int more = 1;
  if (jj_given(loop->after))
    *item = loop->after;
  else
    more = jj_iter_next(ctx, &loop->items, item);
  if (more <= 0) return more;
  loop->index0++;
  jj_assign(ctx, &loop->before, loop->current);
  jj_assign(ctx, &loop->current, *item);
  jj_assign(ctx, &loop->after, jj_missing());
  return 1;
}

static int peek(jj_ctx *ctx, jj_loop *loop) {
  if (jj_given(loop->after)) return 1;
  jj_value item;
  int more = jj_iter_next(ctx, &loop->items, &item);
  if (more > 0) jj_assign(ctx, &loop->after, item);
  return more;
}

int jj_loop_length(jj_ctx *ctx, jj_loop *loop, int64_t *length) {
  if (loop->length < 0 && !jj_has_length(ctx, loop->iterable, &loop->length)) {
    jj_list *rest = jj_collect(ctx, loop->items.over, JJ_LIST);
    if (!rest) return -1;
    jj_assign(ctx, &loop->iterable, jj_object_value(rest));
    loop->items = (jj_iter){jj_object_value(rest), 0};
    loop->length = (int64_t)rest->size + loop->index0 + 1 + jj_given(loop->after);
  }
  *length = loop->length;
  return 0;
}

static jj_value loop_revindex(jj_ctx *ctx, jj_loop *loop, int64_t less) {
  int64_t length;
  if (jj_loop_length(ctx, loop, &length) < 0) return jj_failed();
  return jj_int(length - loop->index0 - less);
}

jj_value jj_loop_attribute(jj_ctx *ctx, jj_value v, const char *name) {
  jj_loop *loop = (jj_loop *)v.o;
  int more;
  if (strcmp(name, "index") == 0) return jj_int(loop->index0 + 1);
  if (strcmp(name, "index0") == 0) return jj_int(loop->index0);
  if (strcmp(name, "first") == 0) return jj_bool(loop->index0 == 0);
  if (strcmp(name, "last") == 0) return (more = peek(ctx, loop)) < 0 ? jj_failed() : jj_bool(!more);
  if (strcmp(name, "length") == 0) return loop_revindex(ctx, loop, -loop->index0);
  if (strcmp(name, "revindex") == 0) return loop_revindex(ctx, loop, 0);
  if (strcmp(name, "revindex0") == 0) return loop_revindex(ctx, loop, 1);
  if (strcmp(name, "depth") == 0) return jj_int(loop->depth0 + 1);
  if (strcmp(name, "depth0") == 0) return jj_int(loop->depth0);
  if (strcmp(name, "previtem") == 0)
    return loop->index0 == 0 ? jj_undefined_hint(ctx, "there is no previous item") : loop->before;
  if (strcmp(name, "nextitem") == 0) {
    if ((more = peek(ctx, loop)) < 0) return jj_failed();
    return more ? loop->after : jj_undefined_hint(ctx, "there is no next item");
  }
  return jj_missing();
}

/* What a target holds, as a loop's filter passes it on. */
static jj_value target_value(jj_ctx *ctx, jj_frame *frame, const jj_node *target) {
  if (target->kind != JJ_N_TUPLE) return *slot_of(frame, target);
  jj_list *tuple = jj_list_new(ctx, JJ_TUPLE, target->list.count);
  for (size_t i = 0; i < target->list.count; i++)
    jj_list_push(ctx, tuple, target_value(ctx, frame, target->list.items[i]));
  return jj_object_value(tuple);
}

/* The items that pass the loop's `if`, one by one as the loop asks for them. */
static int next_filtered(jj_ctx *ctx, jj_iterator *it, jj_value *item) {
  const jj_node *node = (const jj_node *)(intptr_t)it->number[0];
  jj_frame *frame = (jj_frame *)it->held[1].o;
  if (!it->started) jj_frame_enter(ctx, frame);
  it->started = true;
  int more;
  for (;;) {
    size_t mark = jj_mark(ctx);
    if ((more = jj_iter_next(ctx, &it->inner, item)) <= 0) return more;
    if (jj_store(ctx, frame, node->a, *item) < 0) return -1;
    jj_value test = jj_eval(ctx, frame, node->c);
    if (jj_bad(test)) return -1;
    if (jj_truth(ctx, test)) {
      *item = jj_drain_but(ctx, mark, target_value(ctx, frame, node->a));
      return 1;
    }
    jj_drain(ctx, mark);
  }
}

static jj_value filtered(jj_ctx *ctx, jj_frame *frame, const jj_node *node, jj_value iterable) {
  jj_value v = jj_iterator_new(ctx, "generator", next_filtered, iterable);
  jj_iterator *it = (jj_iterator *)v.o;
  jj_iterator_hold(ctx, it, 1, jj_object_value(jj_frame_new(ctx, node->test_scope, frame)));
  it->number[0] = (int64_t)(intptr_t)node;
  return v;
}

static jj_loop *loop_new(jj_ctx *ctx, jj_frame *frame, const jj_node *node, jj_value iterable,
                         int64_t depth) {
  jj_iter items;
  if (jj_iter_begin(ctx, &items, iterable) < 0) return NULL;
  if (node->c) {
    iterable = filtered(ctx, frame, node, iterable);
    items = (jj_iter){iterable, 0};
  }
  jj_loop *loop = jj_alloc(ctx, JJ_LOOP, sizeof *loop);
  jj_assign(ctx, &loop->iterable, iterable);
  loop->items = items;
  loop->index0 = loop->length = -1;
  loop->depth0 = depth;
  if (node->flag) {
    loop->recursive = node;
    loop->around = frame;
    jj_retain(jj_object_value(frame));
  }
  return loop;
}

/* One iteration; what it leaves behind in the pool goes with it. */
static jj_flow iterate(jj_ctx *ctx, jj_frame *frame, const jj_node *node, jj_loop *loop,
                       bool *finished) {
  jj_value item;
  int more = jj_loop_advance(ctx, loop, &item);
  if (more < 0) return JJ_STOP;
  if (more == 0) return *finished = true, JJ_BREAK;
  jj_frame_enter(ctx, frame);
  jj_assign(ctx, &frame->slots[0], jj_object_value(loop));
  if (jj_store(ctx, frame, node->a, item) < 0) return JJ_STOP;
  return jj_exec(ctx, frame, &node->body);
}

jj_flow jj_run_loop(jj_ctx *ctx, jj_frame *frame, const jj_node *node, jj_value iterable,
                    int64_t depth) {
  jj_loop *loop = loop_new(ctx, frame, node, iterable, depth);
  if (!loop) return JJ_STOP;
  jj_frame *inner = jj_frame_new(ctx, node->scope, frame);
  bool otherwise = true, finished = false; /* otherwise: no iteration got to its end */
  jj_flow flow;
  do {
    size_t mark = jj_mark(ctx);
    flow = iterate(ctx, inner, node, loop, &finished);
    if (flow == JJ_NEXT) otherwise = false;
    jj_drain(ctx, mark);
  } while (flow == JJ_NEXT || flow == JJ_CONTINUE);
  clear_slots(ctx, inner);
  if (flow == JJ_STOP) return JJ_STOP;
  if (!otherwise || !node->orelse.count) return JJ_NEXT;
  return jj_exec(ctx, open_frame(ctx, node->else_scope, frame), &node->orelse);
}

/* -- Text that is taken instead of written -- */

typedef struct {
  jj_buf *outer;
  jj_buf text;
} capture;

static void begin_capture(jj_ctx *ctx, capture *c) {
  *c = (capture){.outer = ctx->out, .text = {.ctx = ctx}};
  ctx->out = &c->text;
}

/* The text, marked as safe under autoescape; missing where the flow left the block. */
static jj_value end_capture(jj_ctx *ctx, capture *c, jj_flow flow) {
  jj_value text = jj_missing();
  ctx->out = c->outer;
  if (flow == JJ_NEXT) text = jj_str_flagged(ctx, jj_take(&c->text), ctx->autoescape);
  jj_buf_free(&c->text);
  return text;
}

jj_value jj_call_loop(jj_ctx *ctx, jj_loop *loop, jj_value iterable) {
  if (!loop->recursive)
    return jj_fail(ctx, "The loop must have the 'recursive' marker to be called recursively.");
  if (jj_deep(ctx)) return jj_failed();
  size_t mark = jj_mark(ctx);
  capture c;
  begin_capture(ctx, &c);
  jj_flow flow = jj_run_loop(ctx, loop->around, loop->recursive, iterable, loop->depth0 + 1);
  jj_value text = end_capture(ctx, &c, flow);
  return jj_drain_but(ctx, mark, jj_given(text) ? text : jj_failed());
}

/* -- Macros -- */

void jj_macro_drop(jj_ctx *ctx, jj_object *o) {
  jj_macro *macro = (jj_macro *)o;
  jj_release(ctx, macro->name);
  if (macro->around) jj_release(ctx, jj_object_value(macro->around));
}

jj_value jj_macro_new(jj_ctx *ctx, const jj_node *node, jj_frame *frame) {
  jj_macro *macro = jj_alloc(ctx, JJ_MACRO, sizeof *macro);
  macro->node = node;
  macro->around = frame;
  macro->name = node->kind == JJ_N_MACRO ? node->name : jj_none();
  jj_retain(macro->name);
  jj_retain(jj_object_value(frame));
  return jj_object_value(macro);
}

jj_value jj_macro_attribute(jj_ctx *ctx, jj_value v, const char *name) {
  const jj_macro *macro = (jj_macro *)v.o;
  if (strcmp(name, "name") == 0) return macro->name;
  if (strcmp(name, "catch_kwargs") == 0) return jj_bool(macro->node->kwargs_slot >= 0);
  if (strcmp(name, "catch_varargs") == 0) return jj_bool(macro->node->varargs_slot >= 0);
  if (strcmp(name, "caller") == 0) return jj_bool(macro->node->flag);
  bool explicit = false;
  jj_list *arguments = jj_list_new(ctx, JJ_TUPLE, macro->node->list.count);
  for (size_t i = 0; i < macro->node->list.count; i++) {
    jj_value parameter = macro->node->list.items[i]->name;
    explicit |= strcmp(parameter.s->data, "caller") == 0;
    jj_list_push(ctx, arguments, parameter);
  }
  if (strcmp(name, "explicit_caller") == 0) return jj_bool(explicit);
  return strcmp(name, "arguments") == 0 ? jj_object_value(arguments) : jj_missing();
}

/* -- Statements -- */

static jj_flow write_value(jj_ctx *ctx, jj_value v) {
  if (ctx->autoescape && !jj_bad(v)) v = jj_escape(ctx, v);
  if (jj_bad(v)) return JJ_STOP;
  jj_put_value(ctx->out, v);
  return ctx->failed ? JJ_STOP : JJ_NEXT;
}

static jj_flow exec_output(jj_ctx *ctx, jj_frame *frame, const jj_node *node) {
  for (size_t i = 0; i < node->list.count; i++) {
    const jj_node *item = node->list.items[i];
    if (item->kind == JJ_N_DATA) {
      jj_put_str(ctx->out, item->value);
      continue;
    }
    size_t mark = jj_mark(ctx);
    jj_flow flow = write_value(ctx, jj_eval(ctx, frame, item));
    jj_drain(ctx, mark);
    if (flow != JJ_NEXT) return flow;
  }
  return ctx->failed ? JJ_STOP : JJ_NEXT;
}

static jj_flow exec_for(jj_ctx *ctx, jj_frame *frame, const jj_node *node) {
  jj_value iterable = jj_eval(ctx, frame, node->b);
  return jj_bad(iterable) ? JJ_STOP : jj_run_loop(ctx, frame, node, iterable, 0);
}

static jj_flow exec_if(jj_ctx *ctx, jj_frame *frame, const jj_node *node) {
  jj_value test = jj_eval(ctx, frame, node->a);
  if (jj_bad(test)) return JJ_STOP;
  if (jj_truth(ctx, test)) return jj_exec(ctx, frame, &node->body);
  for (size_t i = 0; i < node->list.count; i++) {
    test = jj_eval(ctx, frame, node->list.items[i]->a);
    if (jj_bad(test)) return JJ_STOP;
    if (jj_truth(ctx, test)) return jj_exec(ctx, frame, &node->list.items[i]->body);
  }
  return ctx->failed ? JJ_STOP : jj_exec(ctx, frame, &node->orelse);
}

static jj_flow exec_macro(jj_ctx *ctx, jj_frame *frame, const jj_node *node) {
  jj_value macro = jj_macro_new(ctx, node, frame);
  jj_assign(ctx, slot_of(frame, node), macro);
  export_name(ctx, frame, node->name, macro);
  return JJ_NEXT;
}

static jj_flow exec_call_block(jj_ctx *ctx, jj_frame *frame, const jj_node *node) {
  jj_value caller = jj_macro_new(ctx, node, frame);
  return write_value(ctx, jj_eval_call_block(ctx, frame, node->a, caller));
}

static jj_flow exec_generation(jj_ctx *ctx, jj_frame *frame, const jj_node *node) {
  jj_value body = jj_macro_new(ctx, node, frame);
  return write_value(ctx, jj_call_macro(ctx, (jj_macro *)body.o, &(jj_args){0}));
}

static jj_flow exec_filter_block(jj_ctx *ctx, jj_frame *frame, const jj_node *node) {
  jj_frame *inner = open_frame(ctx, node->scope, frame);
  capture c;
  begin_capture(ctx, &c);
  jj_flow flow = jj_exec(ctx, inner, &node->body);
  jj_value text = end_capture(ctx, &c, flow);
  if (!jj_given(text)) return flow;
  text = jj_eval_filters(ctx, inner, node->a, text);
  if (!jj_bad(text) && text.type != JJ_STRING)
    text = jj_fail(ctx, "sequence item 0: expected str instance, %s found", jj_type_name(text));
  return write_value(ctx, text);
}

static jj_flow exec_with(jj_ctx *ctx, jj_frame *frame, const jj_node *node) {
  jj_frame *inner = open_frame(ctx, node->scope, frame);
  for (size_t i = 0; i < node->list.count; i++) {
    jj_value v = jj_eval(ctx, frame, node->defaults.items[i]);
    if (jj_bad(v) || jj_store(ctx, inner, node->list.items[i], v) < 0) return JJ_STOP;
  }
  return jj_exec(ctx, inner, &node->body);
}

static jj_flow exec_set(jj_ctx *ctx, jj_frame *frame, const jj_node *node) {
  if (check_namespaces(ctx, frame, node->a) < 0) return JJ_STOP;
  jj_value v = jj_eval(ctx, frame, node->b);
  return jj_bad(v) || jj_store(ctx, frame, node->a, v) < 0 ? JJ_STOP : JJ_NEXT;
}

static jj_flow exec_set_block(jj_ctx *ctx, jj_frame *frame, const jj_node *node) {
  jj_frame *inner = open_frame(ctx, node->scope, frame);
  capture c;
  begin_capture(ctx, &c);
  jj_flow flow = jj_exec(ctx, inner, &node->body);
  jj_value text = end_capture(ctx, &c, flow);
  if (!jj_given(text)) return flow;
  text = jj_eval_filters(ctx, inner, node->b, text);
  if (jj_bad(text) || check_namespaces(ctx, frame, node->a) < 0) return JJ_STOP;
  return jj_store(ctx, frame, node->a, text) < 0 ? JJ_STOP : JJ_NEXT;
}

static jj_flow exec_block(jj_ctx *ctx, jj_frame *frame, const jj_node *node) {
  (void)frame;
  if (node->flag) {
    jj_fail(ctx, "Required block '%s' not found", node->name.s->data);
    return JJ_STOP;
  }
  return jj_exec(ctx, open_frame(ctx, node->scope, NULL), &node->body);
}

static jj_flow exec_autoescape(jj_ctx *ctx, jj_frame *frame, const jj_node *node) {
  bool before = ctx->autoescape;
  jj_frame *inner = open_frame(ctx, node->scope, frame);
  jj_value on = jj_eval(ctx, inner, node->a);
  if (jj_bad(on)) return JJ_STOP;
  ctx->autoescape = jj_truth(ctx, on);
  jj_flow flow = jj_exec(ctx, inner, &node->body);
  ctx->autoescape = before;
  return flow;
}

static jj_flow exec_break(jj_ctx *ctx, jj_frame *frame, const jj_node *node) {
  (void)ctx, (void)frame, (void)node;
  return JJ_BREAK;
}

static jj_flow exec_continue(jj_ctx *ctx, jj_frame *frame, const jj_node *node) {
  (void)ctx, (void)frame, (void)node;
  return JJ_CONTINUE;
}

static jj_flow exec_loader(jj_ctx *ctx, jj_frame *frame, const jj_node *node) {
  (void)frame, (void)node;
  jj_fail(ctx, "no loader for this environment specified");
  return JJ_STOP;
}

typedef jj_flow exec_fn(jj_ctx *ctx, jj_frame *frame, const jj_node *node);
static exec_fn *const statements[] = {
    [JJ_N_OUTPUT] = exec_output,
    [JJ_N_FOR] = exec_for,
    [JJ_N_IF] = exec_if,
    [JJ_N_MACRO] = exec_macro,
    [JJ_N_CALL_BLOCK] = exec_call_block,
    [JJ_N_GENERATION] = exec_generation,
    [JJ_N_FILTER_BLOCK] = exec_filter_block,
    [JJ_N_WITH] = exec_with,
    [JJ_N_SET] = exec_set,
    [JJ_N_SET_BLOCK] = exec_set_block,
    [JJ_N_BLOCK] = exec_block,
    [JJ_N_AUTOESCAPE] = exec_autoescape,
    [JJ_N_BREAK] = exec_break,
    [JJ_N_CONTINUE] = exec_continue,
    [JJ_N_LOADER] = exec_loader,
};

jj_flow jj_exec(jj_ctx *ctx, jj_frame *frame, const jj_block *block) {
  for (size_t i = 0; i < block->count; i++) {
    if (!jj_step(ctx) || jj_deep(ctx)) return JJ_STOP;
    size_t mark = jj_mark(ctx);
    jj_flow flow = statements[block->items[i]->kind](ctx, frame, block->items[i]);
    jj_drain(ctx, mark);
    if (flow != JJ_NEXT) return flow;
  }
  return JJ_NEXT;
}
