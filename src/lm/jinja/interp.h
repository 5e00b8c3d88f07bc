/* What the interpreter shares with the rest of the engine: frames, loops, macros, and calls. */
#ifndef JINJA_INTERP_H
#define JINJA_INTERP_H

#include "lm/jinja/ast.h"
#include "lm/jinja/value.h"

/* The variables of one activation of a scope. A macro keeps the frame that it was defined in. */
typedef struct jj_frame {
  jj_object head;
  struct jj_frame *parent; /* retained */
  const jj_scope *scope;
  size_t count;
  jj_value slots[];
} jj_frame;

/* Jinja's LoopContext: what `loop` is inside a for loop. */
typedef struct {
  jj_object head;
  jj_value iterable; /* retained */
  jj_iter items;
  int64_t index0, depth0, length;           /* length: -1 while unknown */
  jj_value before, current, after, changed; /* missing where there is none */
  /* A recursive loop's node and the frame around it; NULL where the loop is not recursive. */
  const jj_node *recursive;
  jj_frame *around;
} jj_loop;

typedef struct {
  jj_object head;
  const jj_node *node;
  jj_frame *around;
  jj_value name; /* a string, or none for a call block's caller */
} jj_macro;

void jj_frame_drop(jj_ctx *ctx, jj_object *o);
void jj_loop_drop(jj_ctx *ctx, jj_object *o);
void jj_macro_drop(jj_ctx *ctx, jj_object *o);

/* -1 after an error (a generator that is counted may fail). */
/* The next item: 1, 0 at the end, -1 after an error. */
int jj_loop_advance(jj_ctx *ctx, jj_loop *loop, jj_value *item);
int jj_loop_length(jj_ctx *ctx, jj_loop *loop, int64_t *length);
/* An attribute of a loop or macro; missing where there is none by that name. */
jj_value jj_loop_attribute(jj_ctx *ctx, jj_value loop, const char *name);
jj_value jj_macro_attribute(jj_ctx *ctx, jj_value macro, const char *name);

jj_frame *jj_frame_new(jj_ctx *ctx, const jj_scope *scope, jj_frame *parent);
/* Fills the slots that the scope takes from outside when it is entered. */
void jj_frame_enter(jj_ctx *ctx, jj_frame *frame);
/* A value for each variable that a scope looks up by name: the caller's, or a global. */
jj_value jj_lookup(jj_ctx *ctx, jj_value name);

jj_value jj_eval(jj_ctx *ctx, jj_frame *frame, const jj_node *node);
/* A call block's call, with the block as its `caller`. */
jj_value jj_eval_call_block(jj_ctx *ctx, jj_frame *frame, const jj_node *call, jj_value caller);
/* A chain of filters over a block's text; no filters: the text itself. */
jj_value jj_eval_filters(jj_ctx *ctx, jj_frame *frame, const jj_node *node, jj_value text);

typedef enum { JJ_NEXT, JJ_BREAK, JJ_CONTINUE, JJ_STOP } jj_flow; /* JJ_STOP: an error */
jj_flow jj_exec(jj_ctx *ctx, jj_frame *frame, const jj_block *block);
/* Assigns to a name, a namespace's attribute, or a tuple of targets. */
int jj_store(jj_ctx *ctx, jj_frame *frame, const jj_node *target, jj_value value);

jj_value jj_call(jj_ctx *ctx, jj_value callee, const jj_args *args);
jj_value jj_call_native(jj_ctx *ctx, const jj_native *native, jj_value self, const jj_args *args);
jj_value jj_call_macro(jj_ctx *ctx, jj_macro *macro, const jj_args *args);
jj_value jj_call_loop(jj_ctx *ctx, jj_loop *loop, jj_value iterable);
/* Runs a for loop; the text of a recursive one goes to ctx->out like any other's. */
jj_flow jj_run_loop(jj_ctx *ctx, jj_frame *frame, const jj_node *node, jj_value iterable,
                    int64_t depth);
jj_value jj_macro_new(jj_ctx *ctx, const jj_node *node, jj_frame *frame);

/* The builtin filters, tests and globals; NULL where there is none by that name. */
const jj_native *jj_find_filter(const char *name);
const jj_native *jj_find_test(const char *name);
jj_value jj_find_global(jj_ctx *ctx, const char *name); /* missing where there is none */
/* A filter or test called by name, as map() and select() do. */
jj_value jj_apply_filter(jj_ctx *ctx, jj_value name, jj_value subject, const jj_args *args);
jj_value jj_apply_test(jj_ctx *ctx, jj_value name, jj_value subject, const jj_args *args);

#endif
