/* Statements: the tags of Jinja, of its loop controls, and of transformers' generation blocks. */
#include "lm/jinja/parser.h"

#include "lm/jinja/context.h"

#include <stdio.h>
#include <string.h>

/* -- The token stream -- */

jj_token jj_next(jj_parser *p) {
  jj_token old = p->current;
  if (p->has_pushed)
    p->current = p->pushed, p->has_pushed = false;
  else if (old.type != JJ_T_EOF)
    p->current = jj_lexer_next(&p->lexer);
  return old;
}

jj_token jj_look(jj_parser *p) {
  if (!p->has_pushed) {
    p->pushed = p->current.type == JJ_T_EOF ? p->current : jj_lexer_next(&p->lexer);
    p->has_pushed = true;
  }
  return p->pushed;
}

bool jj_at(const jj_parser *p, jj_token_type type) { return p->current.type == type; }

bool jj_at_name(const jj_parser *p, const char *name) {
  return p->current.type == JJ_T_NAME && strcmp(p->current.value.s->data, name) == 0;
}

bool jj_skip_if(jj_parser *p, jj_token_type type) {
  if (!jj_at(p, type)) return false;
  jj_next(p);
  return true;
}

bool jj_skip_name(jj_parser *p, const char *name) {
  if (!jj_at_name(p, name)) return false;
  jj_next(p);
  return true;
}

static void expected(jj_parser *p, const char *what) {
  if (jj_at(p, JJ_T_EOF))
    JJ_SYNTAX(p, p->current.line, "unexpected end of template, expected '%s'.", what);
  JJ_SYNTAX(p, p->current.line, "expected token '%s', got '%s'", what,
            jj_describe_token(&p->current));
}

jj_token jj_expect(jj_parser *p, jj_token_type type) {
  if (!jj_at(p, type)) expected(p, jj_describe_type(type));
  return jj_next(p);
}

jj_token jj_expect_name(jj_parser *p, const char *name) {
  if (!jj_at_name(p, name)) expected(p, name);
  return jj_next(p);
}

/* -- Nodes -- */

jj_node *jj_node_new(jj_parser *p, jj_kind kind, int line) {
  jj_node *node = jj_arena_alloc(&p->t->arena, sizeof *node);
  node->kind = (uint8_t)kind;
  node->line = line;
  node->caller_slot = node->kwargs_slot = node->varargs_slot = -1;
  return node;
}

void jj_block_push(jj_parser *p, jj_block *block, jj_node *node) {
  size_t n = block->count;
  if ((n & (n - 1)) == 0) { /* full: capacities are powers of two */
    jj_node **grown = jj_arena_alloc(&p->t->arena, (n ? n * 2 : 1) * sizeof *grown);
    if (n) memcpy(grown, block->items, n * sizeof *grown);
    block->items = grown;
  }
  block->items[block->count++] = node;
}

void jj_check_depth(jj_parser *p) {
  ptrdiff_t used = p->stack - (const char *)__builtin_frame_address(0);
  if (used > JJ_STACK_BYTES || used < -JJ_STACK_BYTES)
    JJ_SYNTAX(p, p->current.line, "maximum recursion depth exceeded");
}

/* -- Blocks -- */

static jj_block parse_until(jj_parser *p, const char *const *ends);

static void add(char *text, size_t size, const char *more) {
  size_t used = strlen(text);
  snprintf(text + used, size - used, "%s", more);
}

/* Fails for a tag that nothing waits for (`name`), or at the template's end (NULL). */
__attribute__((noreturn)) static void unknown_tag(jj_parser *p, const char *name, int line) {
  char text[512], wanted[256] = "";
  bool nested = false;
  for (const jj_ends *e = p->ends; e; e = e->outer)
    for (const char *const *end = e->names; *end; end++) nested |= name && strcmp(name, *end) == 0;
  for (const char *const *end = p->ends ? p->ends->names : NULL; end && *end; end++) {
    add(wanted, sizeof wanted, *wanted ? " or '" : "'");
    add(wanted, sizeof wanted, *end);
    add(wanted, sizeof wanted, "'");
  }
  if (name)
    snprintf(text, sizeof text, "Encountered unknown tag '%.100s'.", name);
  else
    snprintf(text, sizeof text, "Unexpected end of template.");
  if (*wanted) {
    add(text, sizeof text,
        nested ? " You probably made a nesting mistake. Jinja is expecting this tag, but currently "
                 "looking for "
               : " Jinja was looking for the following tags: ");
    add(text, sizeof text, wanted);
    add(text, sizeof text, ".");
  }
  if (p->tags) {
    add(text, sizeof text, " The innermost block that needs to be closed is '");
    add(text, sizeof text, p->tags->name);
    add(text, sizeof text, "'.");
  }
  JJ_SYNTAX(p, line, "%s", text);
}

/* The body of a tag, up to one of the names in `ends`, which stays the current token. */
static jj_block parse_body(jj_parser *p, const char *const *ends) {
  jj_skip_if(p, JJ_T_COLON);
  jj_expect(p, JJ_T_BLOCK_END);
  jj_ends open = {p->ends, ends};
  p->ends = &open;
  jj_block body = parse_until(p, ends);
  if (jj_at(p, JJ_T_EOF)) unknown_tag(p, NULL, p->current.line);
  p->ends = open.outer;
  return body;
}
#define ENDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static jj_block parse_body_to(jj_parser *p, const char *end) {
  jj_block body = parse_body(p, ENDS(end));
  jj_next(p);
  return body;
}

/* -- Targets of assignments -- */

static const char *kind_name(jj_kind kind) {
  return kind == JJ_N_LIST ? "list" : kind == JJ_N_DICT ? "dict" : "const";
}

static bool can_assign(const jj_node *node) {
  if (node->kind != JJ_N_TUPLE) return node->kind == JJ_N_NAME || node->kind == JJ_N_NSREF;
  for (size_t i = 0; i < node->list.count; i++)
    if (!can_assign(node->list.items[i])) return false;
  return true;
}

static void mark_target(jj_node *target, jj_name_use use) {
  target->op = (uint8_t)use;
  for (size_t i = 0; i < target->list.count; i++) mark_target(target->list.items[i], use);
}

static jj_node *parse_target(jj_parser *p, bool with_namespace) {
  jj_node *target =
      jj_parse_tuple(p, (jj_tuple_rules){.simplified = true, .with_namespace = with_namespace});
  if (!can_assign(target))
    JJ_SYNTAX(p, target->line, "can't assign to '%s'",
              target->kind == JJ_N_TUPLE ? "tuple" : kind_name(target->kind));
  mark_target(target, JJ_STORED);
  return target;
}

static jj_node *parse_target_name(jj_parser *p) {
  jj_token token = jj_expect(p, JJ_T_NAME);
  jj_node *name = jj_node_new(p, JJ_N_NAME, token.line);
  name->name = token.value;
  mark_target(name, JJ_PARAMETER);
  static const char *const reserved[] = {"true", "false", "none", "True", "False", "None"};
  for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
    if (strcmp(reserved[i], token.value.s->data) == 0)
      JJ_SYNTAX(p, token.line, "can't assign to 'name'");
  return name;
}

/* -- Tags -- */

static jj_node *parse_for(jj_parser *p) {
  jj_node *node = jj_node_new(p, JJ_N_FOR, jj_next(p).line);
  node->a = parse_target(p, false);
  jj_expect_name(p, "in");
  node->b = jj_parse_tuple(p, (jj_tuple_rules){0});
  if (jj_skip_name(p, "if")) node->c = jj_parse_expression(p, true);
  node->flag = jj_skip_name(p, "recursive");
  node->body = parse_body(p, ENDS("endfor", "else"));
  bool ended = jj_at_name(p, "endfor");
  jj_next(p);
  if (!ended) node->orelse = parse_body_to(p, "endfor");
  return node;
}

static jj_node *parse_if(jj_parser *p) {
  jj_node *first = jj_node_new(p, JJ_N_IF, jj_next(p).line), *node = first;
  for (;;) {
    node->a = jj_parse_tuple(p, (jj_tuple_rules){0});
    node->body = parse_body(p, ENDS("elif", "else", "endif"));
    jj_token token = jj_next(p);
    if (strcmp(token.value.s->data, "elif") == 0) {
      node = jj_node_new(p, JJ_N_IF, p->current.line);
      jj_block_push(p, &first->list, node);
      continue;
    }
    if (strcmp(token.value.s->data, "else") == 0) first->orelse = parse_body_to(p, "endif");
    return first;
  }
}

static jj_node *parse_with(jj_parser *p) {
  jj_node *node = jj_node_new(p, JJ_N_WITH, jj_next(p).line);
  while (!jj_at(p, JJ_T_BLOCK_END)) {
    if (node->list.count) jj_expect(p, JJ_T_COMMA);
    jj_node *target = parse_target(p, false);
    mark_target(target, JJ_PARAMETER);
    jj_block_push(p, &node->list, target);
    jj_expect(p, JJ_T_ASSIGN);
    jj_block_push(p, &node->defaults, jj_parse_expression(p, true));
  }
  node->body = parse_body_to(p, "endwith");
  return node;
}

static jj_node *parse_set(jj_parser *p) {
  int line = jj_next(p).line;
  jj_node *target = parse_target(p, true);
  bool inline_value = jj_skip_if(p, JJ_T_ASSIGN);
  jj_node *node = jj_node_new(p, inline_value ? JJ_N_SET : JJ_N_SET_BLOCK, line);
  node->a = target;
  if (inline_value) {
    node->b = jj_parse_tuple(p, (jj_tuple_rules){.conditional = true});
    return node;
  }
  node->b = jj_parse_filter(p, NULL, false);
  node->body = parse_body_to(p, "endset");
  return node;
}

static void parse_signature(jj_parser *p, jj_node *node) {
  jj_expect(p, JJ_T_LPAREN);
  while (!jj_at(p, JJ_T_RPAREN)) {
    if (node->list.count) jj_expect(p, JJ_T_COMMA);
    jj_node *name = parse_target_name(p);
    for (size_t i = 0; i < node->list.count; i++)
      if (strcmp(node->list.items[i]->name.s->data, name->name.s->data) == 0)
        JJ_SYNTAX(p, name->line, "duplicate argument '%s' in function definition",
                  name->name.s->data);
    if (jj_skip_if(p, JJ_T_ASSIGN))
      jj_block_push(p, &node->defaults, jj_parse_expression(p, true));
    else if (node->defaults.count)
      JJ_SYNTAX(p, p->current.line, "non-default argument follows default argument");
    jj_block_push(p, &node->list, name);
  }
  jj_expect(p, JJ_T_RPAREN);
}

static jj_node *parse_macro(jj_parser *p) {
  jj_node *node = jj_node_new(p, JJ_N_MACRO, jj_next(p).line);
  node->name = parse_target_name(p)->name;
  parse_signature(p, node);
  node->body = parse_body_to(p, "endmacro");
  return node;
}

static jj_node *parse_call_block(jj_parser *p) {
  jj_node *node = jj_node_new(p, JJ_N_CALL_BLOCK, jj_next(p).line);
  if (jj_at(p, JJ_T_LPAREN)) parse_signature(p, node);
  node->a = jj_parse_expression(p, true);
  if (node->a->kind != JJ_N_CALL) JJ_SYNTAX(p, node->line, "expected call");
  node->body = parse_body_to(p, "endcall");
  return node;
}

static jj_node *parse_generation(jj_parser *p) {
  jj_node *node = jj_node_new(p, JJ_N_GENERATION, jj_next(p).line);
  node->body = parse_body_to(p, "endgeneration");
  return node;
}

static jj_node *parse_filter_block(jj_parser *p) {
  jj_node *node = jj_node_new(p, JJ_N_FILTER_BLOCK, jj_next(p).line);
  node->a = jj_parse_filter(p, NULL, true);
  node->body = parse_body_to(p, "endfilter");
  return node;
}

static jj_node *parse_print(jj_parser *p) {
  jj_node *node = jj_node_new(p, JJ_N_OUTPUT, jj_next(p).line);
  while (!jj_at(p, JJ_T_BLOCK_END)) {
    if (node->list.count) jj_expect(p, JJ_T_COMMA);
    jj_block_push(p, &node->list, jj_parse_expression(p, true));
  }
  return node;
}

/* Whether a body is at most whitespace. */
static bool is_blank(const jj_block *body) {
  for (size_t i = 0; i < body->count; i++) {
    if (body->items[i]->kind != JJ_N_OUTPUT) return false;
    for (size_t j = 0; j < body->items[i]->list.count; j++) {
      const jj_node *item = body->items[i]->list.items[j];
      if (item->kind != JJ_N_DATA) return false;
      const char *text = item->value.s->data;
      if (text[strspn(text, " \t\n\v\f")]) return false;
    }
  }
  return true;
}

static jj_node *parse_block(jj_parser *p) {
  jj_node *node = jj_node_new(p, JJ_N_BLOCK, jj_next(p).line);
  node->name = jj_expect(p, JJ_T_NAME).value;
  jj_skip_name(p, "scoped");
  node->flag = jj_skip_name(p, "required");
  if (jj_at(p, JJ_T_SUB))
    JJ_SYNTAX(p, p->current.line,
              "Block names in Jinja have to be valid Python identifiers and may not contain "
              "hyphens, use an underscore instead.");
  node->body = parse_body_to(p, "endblock");
  if (node->flag && !is_blank(&node->body))
    JJ_SYNTAX(p, p->current.line, "Required blocks can only contain comments or whitespace");
  jj_skip_name(p, node->name.s->data);
  p->t->has_blocks = true;
  return node;
}

static jj_node *parse_autoescape(jj_parser *p) {
  jj_node *node = jj_node_new(p, JJ_N_AUTOESCAPE, jj_next(p).line);
  node->a = jj_parse_expression(p, true);
  node->body = parse_body_to(p, "endautoescape");
  return node;
}

static jj_node *parse_break(jj_parser *p) { return jj_node_new(p, JJ_N_BREAK, jj_next(p).line); }

static jj_node *parse_continue(jj_parser *p) {
  return jj_node_new(p, JJ_N_CONTINUE, jj_next(p).line);
}

/* include, import, from, extends: read as far as the tag's end, since what they name can never be
 * loaded. */
static jj_node *parse_loader(jj_parser *p) {
  jj_node *node = jj_node_new(p, JJ_N_LOADER, jj_next(p).line);
  jj_parse_expression(p, true);
  while (!jj_at(p, JJ_T_BLOCK_END) && !jj_at(p, JJ_T_EOF)) jj_next(p);
  return node;
}

static const struct {
  const char *tag;
  jj_node *(*parse)(jj_parser *p);
} statements[] = {
    {"for", parse_for},
    {"if", parse_if},
    {"set", parse_set},
    {"macro", parse_macro},
    {"call", parse_call_block},
    {"filter", parse_filter_block},
    {"with", parse_with},
    {"generation", parse_generation},
    {"print", parse_print},
    {"block", parse_block},
    {"autoescape", parse_autoescape},
    {"break", parse_break},
    {"continue", parse_continue},
    {"include", parse_loader},
    {"import", parse_loader},
    {"from", parse_loader},
    {"extends", parse_loader},
};

static jj_node *parse_statement(jj_parser *p) {
  jj_check_depth(p);
  jj_token token = p->current;
  if (token.type != JJ_T_NAME) JJ_SYNTAX(p, token.line, "tag name expected");
  for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
    if (strcmp(statements[i].tag, token.value.s->data) != 0) continue;
    jj_tag open = {p->tags, statements[i].tag};
    p->tags = &open;
    jj_node *node = statements[i].parse(p);
    p->tags = open.outer;
    return node;
  }
  unknown_tag(p, token.value.s->data, token.line);
}

/* -- Whole templates -- */

/* Text and printed expressions that follow each other share one node. */
static void push_output(jj_parser *p, jj_block *body, jj_node **output, jj_node *item) {
  if (!*output) {
    *output = jj_node_new(p, JJ_N_OUTPUT, item->line);
    jj_block_push(p, body, *output);
  }
  jj_block_push(p, &(*output)->list, item);
}

static bool at_end(const jj_parser *p, const char *const *ends) {
  for (; ends && *ends; ends++)
    if (jj_at_name(p, *ends)) return true;
  return false;
}

static jj_block parse_until(jj_parser *p, const char *const *ends) {
  jj_block body = {0};
  jj_node *output = NULL;
  while (!jj_at(p, JJ_T_EOF)) {
    jj_token token = jj_next(p);
    if (token.type == JJ_T_DATA) {
      jj_node *data = jj_node_new(p, JJ_N_DATA, token.line);
      data->value = token.value;
      push_output(p, &body, &output, data);
    } else if (token.type == JJ_T_VARIABLE_BEGIN) {
      push_output(p, &body, &output, jj_parse_tuple(p, (jj_tuple_rules){.conditional = true}));
      jj_expect(p, JJ_T_VARIABLE_END);
    } else {
      output = NULL;
      if (at_end(p, ends)) return body;
      jj_block_push(p, &body, parse_statement(p));
      jj_expect(p, JJ_T_BLOCK_END);
    }
  }
  return body;
}

bool jj_parse(jj_template *t, const char *source, size_t size, jj_syntax_error *error) {
  jj_parser p = {.t = t, .stack = __builtin_frame_address(0), .error = error};
  if (setjmp(p.fail)) return false;
  jj_lexer_init(&p.lexer, &t->arena, source, size, error, &p.fail);
  p.current = jj_lexer_next(&p.lexer);
  t->body = parse_until(&p, NULL);
  return true;
}
