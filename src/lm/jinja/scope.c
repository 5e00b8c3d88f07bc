/* Jinja's scoping, settled once when a template is parsed. For each scope (template, block, loop,
 * macro, ...) it is known beforehand which names are its own and how each begins: as a parameter,
 * from the template's variables, as a copy of an outer scope's, or empty. A name that an outer
 * scope has is read there, at the time of reading. */
#include "lm/jinja/ast.h"
#include "lm/jinja/context.h"
#include "lm/jinja/interp.h"
#include "lm/jinja/lexer.h"

#include <string.h>

typedef struct {
  jj_template *t;
  jj_scope *scope;
  bool soft;    /* in an if */
  bool in_loop; /* break and continue have something to act on */
  const jj_node **blocks;
  size_t block_count, block_capacity;
  const char *stack;
  jj_syntax_error *error;
  jmp_buf fail;
} resolver;

#define FAIL_AT(r, line, ...) jj_syntax_fail((r)->error, &(r)->fail, (line), __VA_ARGS__)

static void check_depth(resolver *r, const jj_node *node) {
  ptrdiff_t used = r->stack - (const char *)__builtin_frame_address(0);
  if (used > JJ_STACK_BYTES || used < -JJ_STACK_BYTES)
    FAIL_AT(r, node->line, "maximum recursion depth exceeded");
}

/* -- Slots -- */

static bool same_name(jj_value a, jj_value b) {
  return a.s->hash == b.s->hash && a.s->size == b.s->size &&
         memcmp(a.s->data, b.s->data, a.s->size) == 0;
}

static int own_slot(const jj_scope *scope, jj_value name) {
  for (size_t i = 0; i < scope->count; i++)
    if (same_name(scope->slots[i].name, name)) return (int)i;
  return -1;
}

static bool find_slot(const jj_scope *scope, jj_value name, jj_ref *ref) {
  for (int depth = 0; scope; scope = scope->parent, depth++) {
    int slot = own_slot(scope, name);
    if (slot < 0) continue;
    *ref = (jj_ref){depth, slot};
    return true;
  }
  return false;
}

static int add_slot(resolver *r, jj_value name, jj_load load) {
  jj_scope *s = r->scope;
  if (s->count == s->capacity) {
    size_t grown = s->capacity ? s->capacity * 2 : 8;
    jj_slot *slots = jj_arena_alloc(&r->t->arena, grown * sizeof *slots);
    if (s->count) memcpy(slots, s->slots, s->count * sizeof *slots);
    s->slots = slots;
    s->capacity = grown;
  }
  s->slots[s->count] = (jj_slot){.name = name, .load = load};
  return (int)s->count++;
}

static void load_name(resolver *r, jj_value name) {
  jj_ref ref;
  if (!find_slot(r->scope, name, &ref)) add_slot(r, name, JJ_LOAD_RESOLVE);
}

/* How a slot that is stored begins: as what the outer scope has, else as `otherwise`. */
static void begin_stored(resolver *r, jj_slot *slot, jj_load otherwise) {
  jj_ref outer;
  slot->load = otherwise;
  if (!r->scope->parent || !find_slot(r->scope->parent, slot->name, &outer)) return;
  slot->load = JJ_LOAD_ALIAS;
  slot->from = (jj_ref){outer.depth + 1, outer.slot};
}

static void store_name(resolver *r, jj_value name) {
  int slot = own_slot(r->scope, name);
  if (slot < 0) {
    slot = add_slot(r, name, JJ_LOAD_NOTHING);
    begin_stored(r, &r->scope->slots[slot], JJ_LOAD_NOTHING);
  }
  r->scope->slots[slot].stored = true;
}

static int declare_parameter(resolver *r, jj_value name) {
  int slot = own_slot(r->scope, name);
  if (slot < 0) slot = add_slot(r, name, JJ_LOAD_PARAM);
  r->scope->slots[slot].load = JJ_LOAD_PARAM;
  r->scope->slots[slot].stored = true;
  return slot;
}

/* -- First pass over a scope: its names -- */

static void analyze(resolver *r, const jj_node *node);

static bool analyze_one(const jj_node *node, void *state) { return analyze(state, node), true; }

static void analyze_all(resolver *r, const jj_block *block) {
  for (size_t i = 0; i < block->count; i++) analyze(r, block->items[i]);
}

static void analyze_target(resolver *r, const jj_node *target) {
  if (target->kind == JJ_N_NSREF)
    load_name(r, target->name);
  else if (target->kind == JJ_N_NAME && target->op == JJ_PARAMETER)
    declare_parameter(r, target->name);
  else if (target->kind == JJ_N_NAME)
    store_name(r, target->name);
  for (size_t i = 0; i < target->list.count; i++) analyze_target(r, target->list.items[i]);
}

static void declare_targets(resolver *r, const jj_node *target) {
  if (target->kind == JJ_N_NAME) declare_parameter(r, target->name);
  for (size_t i = 0; i < target->list.count; i++) declare_targets(r, target->list.items[i]);
}

/* What only a branch stores may not have been stored by then: it begins with the value from
 * outside. */
static void analyze_if(resolver *r, const jj_node *node) {
  analyze(r, node->a);
  size_t before = r->scope->count;
  bool *stored = jj_arena_alloc(&r->t->arena, before + 1);
  for (size_t i = 0; i < before; i++) stored[i] = r->scope->slots[i].stored;
  analyze_all(r, &node->body);
  analyze_all(r, &node->list);
  analyze_all(r, &node->orelse);
  for (size_t i = 0; i < r->scope->count; i++)
    if (r->scope->slots[i].stored && (i >= before || !stored[i]))
      begin_stored(r, &r->scope->slots[i], JJ_LOAD_RESOLVE);
}

static void analyze(resolver *r, const jj_node *node) {
  check_depth(r, node);
  switch (node->kind) {
  case JJ_N_NAME: load_name(r, node->name); break;
  case JJ_N_IF: analyze_if(r, node); break;
  case JJ_N_MACRO: store_name(r, node->name); break;
  case JJ_N_FOR: analyze(r, node->b); break;
  case JJ_N_CALL_BLOCK:
  case JJ_N_FILTER_BLOCK: analyze(r, node->a); break;
  case JJ_N_WITH: analyze_all(r, &node->defaults); break;
  case JJ_N_SET:
    analyze(r, node->b);
    analyze_target(r, node->a);
    break;
  case JJ_N_SET_BLOCK: analyze_target(r, node->a); break;
  case JJ_N_GENERATION:
  case JJ_N_BLOCK:
  case JJ_N_AUTOESCAPE: break;
  default: jj_each_child(node, analyze_one, r);
  }
}

/* -- Names that are used without being set -- */

typedef struct {
  resolver *r;
  const char *names[3];
  bool open[3], used[3];
} search;

static bool search_node(const jj_node *node, void *state) {
  search *s = state;
  check_depth(s->r, node);
  if (node->kind == JJ_N_BLOCK) return true;
  if (node->kind != JJ_N_NAME) return jj_each_child(node, search_node, s);
  for (int i = 0; i < 3; i++) {
    if (!s->open[i] || strcmp(s->names[i], node->name.s->data) != 0) continue;
    if (node->op == JJ_LOADED)
      s->used[i] = true;
    else
      s->open[i] = false;
  }
  return true;
}

static bool stores_loop(const jj_node *node, void *state) {
  resolver *r = state;
  check_depth(r, node);
  if (node->kind == JJ_N_NAME && node->op == JJ_STORED && strcmp(node->name.s->data, "loop") == 0)
    FAIL_AT(r, node->line, "Can't assign to special loop variable in for-loop target");
  return jj_each_child(node, stores_loop, r);
}

/* -- Second pass: every name's place, every filter, inner scopes -- */

static void bind(resolver *r, jj_node *node);

static bool bind_one(const jj_node *node, void *state) {
  return bind(state, (jj_node *)(uintptr_t)node), true;
}

static void bind_all(resolver *r, const jj_block *block) {
  for (size_t i = 0; i < block->count; i++) bind(r, block->items[i]);
}

static void bind_name(resolver *r, jj_node *node) {
  if (!find_slot(r->scope, node->name, &node->ref)) {
    load_name(r, node->name);
    find_slot(r->scope, node->name, &node->ref);
  }
}

/* Opens a scope inside the current one (or, isolated, beside all); returns the one to go back to.
 */
static jj_scope *open_scope(resolver *r, bool isolated) {
  jj_scope *outer = r->scope;
  r->scope = jj_arena_alloc(&r->t->arena, sizeof *r->scope);
  r->scope->parent = isolated ? NULL : outer;
  return outer;
}

static jj_scope *close_scope(resolver *r, jj_scope *outer) {
  jj_scope *inner = r->scope;
  r->scope = outer;
  return inner;
}

static jj_value name_of(resolver *r, const char *text) {
  return jj_arena_str(&r->t->arena, text, strlen(text));
}

static void bind_for(resolver *r, jj_node *node) {
  bool soft = r->soft, in_loop = r->in_loop;
  r->soft = false;
  if (node->c) {
    jj_scope *outer = open_scope(r, false);
    add_slot(r, name_of(r, ""), JJ_LOAD_NOTHING); /* the targets' slots are those of the body */
    declare_targets(r, node->a);
    analyze(r, node->c);
    bind(r, node->c);
    node->test_scope = close_scope(r, outer);
  }
  stores_loop(node, r);
  r->soft = soft;
  if (!node->flag) bind(r, node->b);
  r->soft = false;
  jj_scope *outer = open_scope(r, false);
  declare_parameter(r, name_of(r, "loop"));
  declare_targets(r, node->a);
  analyze_all(r, &node->body);
  bind(r, node->a);
  r->in_loop = true;
  bind_all(r, &node->body);
  node->scope = close_scope(r, outer);
  r->in_loop = in_loop && !node->flag;
  open_scope(r, false);
  analyze_all(r, &node->orelse);
  bind_all(r, &node->orelse);
  node->else_scope = close_scope(r, outer);
  r->soft = soft, r->in_loop = in_loop;
  if (node->flag) bind(r, node->b);
}

static int special_slot(resolver *r, const jj_node *node, const search *found, int which) {
  for (size_t i = 0; which > 0 && i < node->list.count; i++)
    if (strcmp(node->list.items[i]->name.s->data, found->names[which]) == 0) return -1;
  return found->used[which] ? declare_parameter(r, name_of(r, found->names[which])) : -1;
}

static int explicit_caller(const jj_node *node) {
  for (size_t i = 0; i < node->list.count; i++)
    if (strcmp(node->list.items[i]->name.s->data, "caller") == 0) return (int)i;
  return -1;
}

/* A macro, or the body of a call block as the macro that `caller` is. */
static void bind_macro(resolver *r, jj_node *node) {
  bool soft = r->soft, in_loop = r->in_loop;
  r->soft = r->in_loop = false;
  search found = {r, {"caller", "kwargs", "varargs"}, {true, true, true}, {false, false, false}};
  for (size_t i = 0; i < node->body.count; i++) search_node(node->body.items[i], &found);
  jj_scope *outer = open_scope(r, false);
  for (size_t i = 0; i < node->list.count; i++) analyze_target(r, node->list.items[i]);
  int own_caller = explicit_caller(node);
  if (own_caller >= 0 && found.used[0]) {
    if ((size_t)own_caller + node->defaults.count < node->list.count)
      FAIL_AT(r, node->line,
              "When defining macros or call blocks the special \"caller\" argument must be omitted "
              "or be given a default.");
  } else {
    node->caller_slot = special_slot(r, node, &found, 0);
  }
  node->flag = found.used[0]; /* takes a caller at all */
  node->kwargs_slot = special_slot(r, node, &found, 1);
  node->varargs_slot = special_slot(r, node, &found, 2);
  analyze_all(r, &node->defaults);
  analyze_all(r, &node->body);
  bind_all(r, &node->list);
  bind_all(r, &node->defaults);
  bind_all(r, &node->body);
  node->scope = close_scope(r, outer);
  r->soft = soft, r->in_loop = in_loop;
}

static void bind_with(resolver *r, jj_node *node) {
  bool soft = r->soft;
  bind_all(r, &node->defaults);
  r->soft = false;
  jj_scope *outer = open_scope(r, false);
  for (size_t i = 0; i < node->list.count; i++) analyze_target(r, node->list.items[i]);
  analyze_all(r, &node->body);
  bind_all(r, &node->list);
  bind_all(r, &node->body);
  node->scope = close_scope(r, outer);
  r->soft = soft;
}

/* A body in a scope of its own: filter and set blocks, autoescape. `with` is an expression that is
 * evaluated inside too, or NULL. */
static void bind_body(resolver *r, jj_node *node, jj_node *with) {
  bool soft = r->soft;
  r->soft = false;
  jj_scope *outer = open_scope(r, false);
  analyze_all(r, &node->body);
  if (with) analyze(r, with);
  bind_all(r, &node->body);
  if (with) bind(r, with);
  node->scope = close_scope(r, outer);
  r->soft = soft;
}

static void bind_block(resolver *r, jj_node *node) {
  for (size_t i = 0; i < r->block_count; i++)
    if (same_name(r->blocks[i]->name, node->name))
      FAIL_AT(r, node->line, "block '%s' defined twice", node->name.s->data);
  if (r->block_count == r->block_capacity) {
    size_t grown = r->block_capacity ? r->block_capacity * 2 : 8;
    const jj_node **blocks = jj_arena_alloc(&r->t->arena, grown * sizeof *blocks);
    if (r->block_count) memcpy(blocks, r->blocks, r->block_count * sizeof *blocks);
    r->blocks = blocks;
    r->block_capacity = grown;
  }
  r->blocks[r->block_count++] = node;
  bool soft = r->soft, in_loop = r->in_loop;
  r->soft = r->in_loop = false;
  jj_scope *outer = open_scope(r, true);
  analyze_all(r, &node->body);
  bind_all(r, &node->body);
  node->scope = close_scope(r, outer);
  r->soft = soft, r->in_loop = in_loop;
}

static void bind_if(resolver *r, jj_node *node) {
  bool soft = r->soft;
  r->soft = true;
  bind(r, node->a);
  bind_all(r, &node->body);
  bind_all(r, &node->list);
  bind_all(r, &node->orelse);
  r->soft = soft;
}

static void bind_filter_or_test(resolver *r, jj_node *node) {
  bool filter = node->kind == JJ_N_FILTER;
  const char *name = node->name.s->data;
  node->native = filter ? jj_find_filter(name) : jj_find_test(name);
  node->soft = r->soft;
  if (!node->native && !r->soft)
    FAIL_AT(r, node->line, "No %s named '%s'.", filter ? "filter" : "test", name);
  jj_each_child(node, bind_one, r);
}

static void bind_cond(resolver *r, jj_node *node) {
  bool soft = r->soft;
  r->soft = true;
  jj_each_child(node, bind_one, r);
  r->soft = soft;
}

static void bind(resolver *r, jj_node *node) {
  check_depth(r, node);
  switch (node->kind) {
  case JJ_N_NAME:
  case JJ_N_NSREF: bind_name(r, node); break;
  case JJ_N_FILTER:
  case JJ_N_TEST: bind_filter_or_test(r, node); break;
  case JJ_N_COND: bind_cond(r, node); break;
  case JJ_N_IF: bind_if(r, node); break;
  case JJ_N_FOR: bind_for(r, node); break;
  case JJ_N_MACRO:
    bind_name(r, node);
    bind_macro(r, node);
    break;
  case JJ_N_CALL_BLOCK:
    bind_macro(r, node);
    bind(r, node->a);
    break;
  case JJ_N_GENERATION: bind_macro(r, node); break;
  case JJ_N_FILTER_BLOCK: bind_body(r, node, node->a); break;
  case JJ_N_SET_BLOCK:
    bind_body(r, node, node->b);
    bind(r, node->a);
    break;
  case JJ_N_AUTOESCAPE: bind_body(r, node, node->a); break;
  case JJ_N_WITH: bind_with(r, node); break;
  case JJ_N_BLOCK: bind_block(r, node); break;
  case JJ_N_BREAK:
    if (!r->in_loop) FAIL_AT(r, node->line, "'break' outside loop");
    break;
  case JJ_N_CONTINUE:
    if (!r->in_loop) FAIL_AT(r, node->line, "'continue' not properly in loop");
    break;
  default: jj_each_child(node, bind_one, r);
  }
}

bool jj_resolve(jj_template *t, jj_syntax_error *error) {
  resolver r = {.t = t, .stack = __builtin_frame_address(0), .error = error};
  if (setjmp(r.fail)) return false;
  open_scope(&r, false);
  analyze_all(&r, &t->body);
  bind_all(&r, &t->body);
  t->scope = r.scope;
  return true;
}
