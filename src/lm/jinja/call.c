/* Calls: arguments bound to the parameters of functions written in C and of macros, with Python's
 * messages where they do not fit. */
#include "lm/jinja/context.h"
#include "lm/jinja/interp.h"
#include "lm/jinja/ops.h"

#include <stdio.h>
#include <string.h>

enum { PARAMETERS = 12 };

typedef struct {
  const char *name;
  size_t size;
  bool optional, rest, options; /* name=, *name, **name */
} parameter;

static int parse_parameters(const char *text, parameter *out) {
  int count = 0;
  while (*text) {
    parameter *p = &out[count++];
    *p = (parameter){0};
    if (strncmp(text, "**", 2) == 0)
      p->options = p->optional = true, text += 2;
    else if (*text == '*')
      p->rest = p->optional = true, text++;
    p->name = text;
    p->size = strcspn(text, " =");
    text += p->size;
    if (*text == '=') p->optional = true, text++;
    while (*text == ' ') text++;
  }
  return count;
}

typedef struct {
  jj_ctx *ctx;
  const jj_native *native;
  parameter list[PARAMETERS];
  int count, positional, required, rest, options; /* rest, options: index or -1 */
  size_t subject;                                 /* 1 where the first parameter is the subject */
} signature;

static const char *python_name(const signature *s) {
  return s->native->python ? s->native->python : s->native->name;
}

static signature signature_of(jj_ctx *ctx, const jj_native *native, bool subject) {
  signature s = {.ctx = ctx, .native = native, .rest = -1, .options = -1, .subject = subject};
  s.count = parse_parameters(native->params, s.list);
  for (int i = 0; i < s.count; i++) {
    if (s.list[i].rest) s.rest = i;
    if (s.list[i].options) s.options = i;
    s.positional += !s.list[i].rest && !s.list[i].options;
    s.required += !s.list[i].optional;
  }
  return s;
}

/* -- Messages -- */

/* As CPython words it for functions that are written in C. A method's object does not count. */
static void wrong_builtin_count(const signature *s, size_t given) {
  bool method = s->native->builtin != JJ_C_FUNCTION;
  int subject = method && s->subject, low = s->required - subject, high = s->positional - subject;
  given += !method && s->subject;
  const char *dot = strrchr(python_name(s), '.');
  if (s->native->builtin == JJ_C_PARSED) {
    bool few = given < (size_t)low;
    int bound = few ? low : high;
    jj_fail(s->ctx, "%s() takes at %s %d argument%s (%zu given)", dot + 1, few ? "least" : "most",
            bound, bound == 1 ? "" : "s", given);
  } else if (high == 0) {
    jj_fail(s->ctx, "%s() takes no arguments (%zu given)", python_name(s), given);
  } else if (low == 1 && high == 1) {
    jj_fail(s->ctx, "%s() takes exactly one argument (%zu given)", python_name(s), given);
  } else if (low == high) {
    jj_fail(s->ctx, "%s expected %d arguments, got %zu", python_name(s), low, given);
  } else {
    bool few = given < (size_t)low;
    int bound = few ? low : high;
    jj_fail(s->ctx, "%s expected at %s %d argument%s, got %zu", dot ? dot + 1 : python_name(s),
            few ? "least" : "most", bound, bound == 1 ? "" : "s", given);
  }
}

static void too_many(const signature *s, size_t given) {
  int hidden = s->native->hidden, low = s->required + hidden, high = s->positional + hidden;
  if (s->native->builtin) return wrong_builtin_count(s, given);
  given += s->subject + (size_t)hidden;
  const char *were = given == 1 ? "was" : "were";
  if (low == high)
    jj_fail(s->ctx, "%s() takes %d positional argument%s but %zu %s given", python_name(s), high,
            high == 1 ? "" : "s", given, were);
  else
    jj_fail(s->ctx, "%s() takes from %d to %d positional arguments but %zu %s given",
            python_name(s), low, high, given, were);
}

static void too_few(const signature *s, const jj_value *bound, size_t given) {
  if (s->native->builtin) return wrong_builtin_count(s, given);
  char names[256] = "";
  int missing = 0, seen = 0;
  for (int i = 0; i < s->positional; i++) missing += !s->list[i].optional && !jj_given(bound[i]);
  for (int i = 0; i < s->positional; i++) {
    if (s->list[i].optional || jj_given(bound[i])) continue;
    const char *before = seen == 0            ? ""
                         : seen + 1 < missing ? ", "
                         : missing == 2       ? " and "
                                              : ", and ";
    size_t used = strlen(names);
    snprintf(names + used, sizeof names - used, "%s'%.*s'", before, (int)s->list[i].size,
             s->list[i].name);
    seen++;
  }
  jj_fail(s->ctx, "%s() missing %d required positional argument%s: %s", python_name(s), missing,
          missing == 1 ? "" : "s", names);
}

static void unknown_keyword(const signature *s, jj_value name) {
  const char *dot = strrchr(python_name(s), '.');
  if (s->native->builtin)
    jj_fail(s->ctx, "'%s' is an invalid keyword argument for %s()", name.s->data,
            dot ? dot + 1 : python_name(s));
  else
    jj_fail(s->ctx, "%s() got an unexpected keyword argument '%s'", python_name(s), name.s->data);
}

/* -- Binding -- */

static int bind_positional(const signature *s, const jj_args *args, jj_value *bound) {
  size_t room = (size_t)s->positional - s->subject, taken = args->count;
  if (taken > room) taken = room;
  for (size_t i = 0; i < taken; i++) bound[s->subject + i] = args->pos[i];
  if (args->count > room && s->rest < 0) return too_many(s, args->count), -1;
  if (s->rest >= 0) {
    jj_list *rest = jj_list_new(s->ctx, JJ_TUPLE, args->count - taken);
    for (size_t i = taken; i < args->count; i++) jj_list_push(s->ctx, rest, args->pos[i]);
    bound[s->rest] = jj_object_value(rest);
  }
  return 0;
}

static int parameter_index(const signature *s, jj_value name) {
  for (int i = 0; i < s->positional; i++)
    if (s->list[i].size == name.s->size && memcmp(s->list[i].name, name.s->data, name.s->size) == 0)
      return i;
  return -1;
}

static int bind_keywords(const signature *s, const jj_args *args, jj_value *bound) {
  jj_dict *options = NULL;
  if (s->options >= 0) {
    options = jj_dict_new(s->ctx);
    bound[s->options] = jj_object_value(options);
  }
  if (!args->kw) return 0;
  if (args->kw->size &&
      (s->native->builtin == JJ_C_POSITIONAL || s->native->builtin == JJ_C_PARSED))
    return jj_fail(s->ctx, "%s() takes no keyword arguments", python_name(s)), -1;
  for (size_t i = 0; i < args->kw->size; i++) {
    jj_value name = args->kw->entries[i].key, value = args->kw->entries[i].value;
    int at = parameter_index(s, name);
    if (at < 0 && options) {
      jj_dict_set(s->ctx, options, name, value);
    } else if (at < 0) {
      return unknown_keyword(s, name), -1;
    } else if (jj_given(bound[at])) {
      jj_fail(s->ctx, "%s() got multiple values for argument '%s'", python_name(s), name.s->data);
      return -1;
    } else {
      bound[at] = value;
    }
  }
  return 0;
}

jj_value jj_call_native(jj_ctx *ctx, const jj_native *native, jj_value self, const jj_args *args) {
  signature s = signature_of(ctx, native, jj_given(self));
  jj_value bound[PARAMETERS];
  for (int i = 0; i < PARAMETERS; i++) bound[i] = jj_missing();
  if (s.subject) bound[0] = self;
  if (bind_positional(&s, args, bound) < 0 || bind_keywords(&s, args, bound) < 0)
    return jj_failed();
  for (int i = 0; i < s.positional; i++)
    if (!s.list[i].optional && !jj_given(bound[i]))
      return too_few(&s, bound, args->count), jj_failed();
  jj_value result = native->call(ctx, bound);
  return ctx->failed ? jj_failed() : result;
}

/* -- Macros -- */

/* Takes the keyword `name` out of `kw`; missing where it was not given. */
static jj_value take_keyword(jj_ctx *ctx, jj_dict **kw, jj_value name) {
  jj_value *found = *kw ? jj_dict_find_str(*kw, name.s->data, name.s->size) : NULL;
  if (!found) return jj_missing();
  jj_value v = *found;
  *kw = jj_dict_without(ctx, *kw, name.s->data, name.s->size);
  return v;
}

static int bind_macro(jj_ctx *ctx, const jj_macro *macro, const jj_args *args, jj_frame *frame) {
  const jj_node *node = macro->node;
  size_t count = node->list.count;
  jj_dict *kw = args->kw;
  const char *name = macro->name.type == JJ_STRING ? jj_repr_c(ctx, macro->name) : "None";
  for (size_t i = 0; i < count; i++) {
    const jj_node *parameter = node->list.items[i];
    jj_value v = i < args->count ? args->pos[i] : take_keyword(ctx, &kw, parameter->name);
    jj_assign(ctx, &frame->slots[parameter->ref.slot], v);
  }
  if (node->caller_slot >= 0) {
    jj_value key = jj_strz(ctx, "caller"), caller = take_keyword(ctx, &kw, key);
    if (!jj_given(caller) || caller.type == JJ_NONE)
      caller = jj_undefined_hint(ctx, "No caller defined");
    jj_assign(ctx, &frame->slots[node->caller_slot], caller);
  }
  if (node->kwargs_slot >= 0) {
    jj_assign(ctx, &frame->slots[node->kwargs_slot], jj_object_value(kw ? kw : jj_dict_new(ctx)));
  } else if (kw && kw->size) {
    if (jj_dict_find_str(kw, "caller", 6))
      jj_fail(ctx,
              "macro %s was invoked with two values for the special caller argument. This is most "
              "likely a bug.",
              name);
    else
      jj_fail(ctx, "macro %s takes no keyword argument %s", name,
              jj_repr_c(ctx, kw->entries[0].key));
    return -1;
  }
  if (node->varargs_slot >= 0) {
    jj_list *rest = jj_list_new(ctx, JJ_TUPLE, 0);
    for (size_t i = count; i < args->count; i++) jj_list_push(ctx, rest, args->pos[i]);
    jj_assign(ctx, &frame->slots[node->varargs_slot], jj_object_value(rest));
  } else if (args->count > count) {
    jj_fail(ctx, "macro %s takes not more than %zu argument(s)", name, count);
    return -1;
  }
  return 0;
}

/* Parameters that were not given take their defaults, in order: one may use those before it. */
static int fill_defaults(jj_ctx *ctx, const jj_node *node, jj_frame *frame) {
  size_t count = node->list.count, first = count - node->defaults.count;
  for (size_t i = 0; i < count; i++) {
    const jj_node *parameter = node->list.items[i];
    jj_value *slot = &frame->slots[parameter->ref.slot];
    if (jj_given(*slot)) continue;
    jj_value v = i >= first ? jj_eval(ctx, frame, node->defaults.items[i - first])
                            : jj_undefined_hintf(ctx, "parameter '%s' was not provided",
                                                 parameter->name.s->data);
    if (jj_bad(v)) return -1;
    jj_assign(ctx, slot, v);
  }
  return 0;
}

jj_value jj_call_macro(jj_ctx *ctx, jj_macro *macro, const jj_args *args) {
  if (jj_deep(ctx)) return jj_failed();
  size_t mark = jj_mark(ctx);
  jj_frame *frame = jj_frame_new(ctx, macro->node->scope, macro->around);
  jj_value result = jj_failed();
  if (bind_macro(ctx, macro, args, frame) == 0) {
    jj_frame_enter(ctx, frame);
    if (fill_defaults(ctx, macro->node, frame) == 0) {
      JJ_BUF(text, ctx);
      jj_buf *outer = ctx->out;
      ctx->out = &text;
      jj_flow flow = jj_exec(ctx, frame, &macro->node->body);
      ctx->out = outer;
      if (flow != JJ_STOP) result = jj_str_flagged(ctx, jj_take(&text), ctx->autoescape);
    }
  }
  return jj_drain_but(ctx, mark, result);
}

/* -- Anything -- */

static jj_value loop_again(jj_ctx *ctx, jj_value *a) {
  return jj_call_loop(ctx, (jj_loop *)a[0].o, a[1]);
}

static jj_value call_loop(jj_ctx *ctx, jj_value loop, const jj_args *args) {
  static const jj_native native = {"loop",   "LoopContext.__call__", "self iterable", loop_again, 0,
                                   JJ_PYTHON};
  return jj_call_native(ctx, &native, loop, args);
}

static jj_value call_joiner(jj_ctx *ctx, jj_joiner *joiner, const jj_args *args) {
  if (args->count)
    return jj_fail(ctx, "Joiner.__call__() takes 1 positional argument but %zu were given",
                   args->count + 1);
  if (joiner->used) return joiner->separator;
  joiner->used = true;
  return jj_strz(ctx, "");
}

jj_value jj_call(jj_ctx *ctx, jj_value callee, const jj_args *args) {
  switch (callee.type) {
  case JJ_FUNCTION: {
    const jj_function *f = (jj_function *)callee.o;
    return jj_call_native(ctx, f->native, f->self, args);
  }
  case JJ_MACRO: return jj_call_macro(ctx, (jj_macro *)callee.o, args);
  case JJ_LOOP: return call_loop(ctx, callee, args);
  case JJ_JOINER: return call_joiner(ctx, (jj_joiner *)callee.o, args);
  case JJ_UNDEFINED: return jj_fail_undefined(ctx, callee);
  default: return jj_fail(ctx, "'%s' object is not callable", jj_type_name(callee));
  }
}
