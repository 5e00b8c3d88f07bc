/* Expressions: Jinja's grammar, from inline ifs down to literals. */
#include "lm/jinja/parser.h"

#include <string.h>

static jj_node *parse_unary(jj_parser *p, bool with_filter);

static int line_of(const jj_parser *p) { return p->current.line; }

static jj_node *binary(jj_parser *p, jj_kind kind, int op, jj_node *a, jj_node *b, int line) {
  jj_node *node = jj_node_new(p, kind, line);
  node->op = (uint8_t)op;
  node->a = a;
  node->b = b;
  return node;
}

/* -- Calls -- */

static void push_keyword(jj_parser *p, jj_arguments *call, jj_value name, jj_node *value) {
  size_t n = call->values.count;
  for (size_t i = 0; i < n; i++)
    if (strcmp(call->names[i].s->data, name.s->data) == 0)
      JJ_SYNTAX(p, value->line, "keyword argument repeated: %s", name.s->data);
  if ((n & (n - 1)) == 0) {
    jj_value *grown = jj_arena_alloc(&p->t->arena, (n ? n * 2 : 1) * sizeof *grown);
    if (n) memcpy(grown, call->names, n * sizeof *grown);
    call->names = grown;
  }
  call->names[n] = name;
  jj_block_push(p, &call->values, value);
}

static void parse_argument(jj_parser *p, jj_arguments *call, int line) {
  static const char invalid[] = "invalid syntax for function call expression";
  if (jj_at(p, JJ_T_MUL)) {
    if (call->rest || call->options) JJ_SYNTAX(p, line, invalid);
    jj_next(p);
    call->rest = jj_parse_expression(p, true);
  } else if (jj_at(p, JJ_T_POW)) {
    if (call->options) JJ_SYNTAX(p, line, invalid);
    jj_next(p);
    call->options = jj_parse_expression(p, true);
  } else if (jj_at(p, JJ_T_NAME) && jj_look(p).type == JJ_T_ASSIGN) {
    if (call->options) JJ_SYNTAX(p, line, invalid);
    jj_value name = jj_next(p).value;
    jj_next(p);
    push_keyword(p, call, name, jj_parse_expression(p, true));
  } else {
    if (call->rest || call->options || call->values.count) JJ_SYNTAX(p, line, invalid);
    jj_block_push(p, &call->args, jj_parse_expression(p, true));
  }
}

static jj_arguments *parse_arguments(jj_parser *p) {
  jj_arguments *call = jj_arena_alloc(&p->t->arena, sizeof *call);
  int line = jj_expect(p, JJ_T_LPAREN).line;
  for (bool first = true; !jj_at(p, JJ_T_RPAREN); first = false) {
    if (!first) {
      jj_expect(p, JJ_T_COMMA);
      if (jj_at(p, JJ_T_RPAREN)) break;
    }
    parse_argument(p, call, line);
  }
  jj_expect(p, JJ_T_RPAREN);
  return call;
}

static jj_node *parse_call(jj_parser *p, jj_node *callee) {
  jj_node *node = jj_node_new(p, JJ_N_CALL, line_of(p));
  node->a = callee;
  node->call = parse_arguments(p);
  return node;
}

/* -- Filters and tests -- */

static jj_value parse_dotted_name(jj_parser *p) {
  jj_value name = jj_expect(p, JJ_T_NAME).value;
  while (jj_skip_if(p, JJ_T_DOT)) {
    jj_value part = jj_expect(p, JJ_T_NAME).value;
    size_t n = name.s->size, size = n + 1 + part.s->size;
    char *joined = jj_arena_alloc(&p->t->arena, size + 1);
    memcpy(joined, name.s->data, n);
    joined[n] = '.';
    memcpy(joined + n + 1, part.s->data, part.s->size);
    name = jj_arena_str(&p->t->arena, joined, size);
  }
  return name;
}

jj_node *jj_parse_filter(jj_parser *p, jj_node *subject, bool inline_start) {
  while (jj_at(p, JJ_T_PIPE) || inline_start) {
    if (!inline_start) jj_next(p);
    jj_node *node = jj_node_new(p, JJ_N_FILTER, line_of(p));
    node->a = subject;
    node->name = parse_dotted_name(p);
    node->call = jj_at(p, JJ_T_LPAREN) ? parse_arguments(p)
                                       : jj_arena_alloc(&p->t->arena, sizeof(jj_arguments));
    subject = node;
    inline_start = false;
  }
  return subject;
}

/* Whether a test's argument follows without parentheses. */
static bool at_bare_argument(jj_parser *p) {
  switch (p->current.type) {
  case JJ_T_NAME: return !jj_at_name(p, "else") && !jj_at_name(p, "or") && !jj_at_name(p, "and");
  case JJ_T_STRING:
  case JJ_T_INTEGER:
  case JJ_T_FLOAT:
  case JJ_T_LBRACKET:
  case JJ_T_LBRACE: return true;
  default: return false;
  }
}

static jj_node *parse_postfix(jj_parser *p, jj_node *node);

static jj_node *parse_test(jj_parser *p, jj_node *subject) {
  int line = jj_next(p).line;
  bool negated = jj_skip_name(p, "not");
  jj_node *node = jj_node_new(p, JJ_N_TEST, line);
  node->a = subject;
  node->name = parse_dotted_name(p);
  if (jj_at(p, JJ_T_LPAREN)) {
    node->call = parse_arguments(p);
  } else {
    node->call = jj_arena_alloc(&p->t->arena, sizeof(jj_arguments));
    if (at_bare_argument(p)) {
      if (jj_at_name(p, "is")) JJ_SYNTAX(p, line_of(p), "You cannot chain multiple tests with is");
      jj_block_push(p, &node->call->args, parse_postfix(p, jj_parse_primary(p, false)));
    }
  }
  return negated ? binary(p, JJ_N_NOT, 0, node, NULL, line) : node;
}

/* -- Postfixes -- */

static jj_node *parse_subscribed(jj_parser *p) {
  int line = line_of(p);
  jj_node *start = NULL;
  if (!jj_at(p, JJ_T_COLON)) {
    start = jj_parse_expression(p, true);
    if (!jj_at(p, JJ_T_COLON)) return start;
  }
  jj_node *slice = jj_node_new(p, JJ_N_SLICE, line);
  slice->a = start;
  jj_next(p);
  if (!jj_at(p, JJ_T_COLON) && !jj_at(p, JJ_T_RBRACKET) && !jj_at(p, JJ_T_COMMA))
    slice->b = jj_parse_expression(p, true);
  if (jj_skip_if(p, JJ_T_COLON) && !jj_at(p, JJ_T_RBRACKET) && !jj_at(p, JJ_T_COMMA))
    slice->c = jj_parse_expression(p, true);
  return slice;
}

static jj_node *parse_subscript(jj_parser *p, jj_node *subject, int line) {
  jj_block keys = {0};
  while (!jj_at(p, JJ_T_RBRACKET)) {
    if (keys.count) jj_expect(p, JJ_T_COMMA);
    jj_block_push(p, &keys, parse_subscribed(p));
  }
  jj_expect(p, JJ_T_RBRACKET);
  if (keys.count == 1) return binary(p, JJ_N_GETITEM, 0, subject, keys.items[0], line);
  for (size_t i = 0; i < keys.count; i++)
    if (keys.items[i]->kind == JJ_N_SLICE) JJ_SYNTAX(p, line, "invalid syntax");
  jj_node *key = jj_node_new(p, JJ_N_TUPLE, line);
  key->list = keys;
  return binary(p, JJ_N_GETITEM, 0, subject, key, line);
}

static jj_node *parse_dot_or_subscript(jj_parser *p, jj_node *subject) {
  jj_token token = jj_next(p);
  if (token.type == JJ_T_LBRACKET) return parse_subscript(p, subject, token.line);
  jj_token name = jj_next(p);
  if (name.type == JJ_T_NAME) {
    jj_node *node = jj_node_new(p, JJ_N_GETATTR, token.line);
    node->a = subject;
    node->name = name.value;
    return node;
  }
  if (name.type != JJ_T_INTEGER) JJ_SYNTAX(p, name.line, "expected name or number");
  jj_node *index = jj_node_new(p, JJ_N_CONST, name.line);
  index->value = name.value;
  return binary(p, JJ_N_GETITEM, 0, subject, index, token.line);
}

static jj_node *parse_postfix(jj_parser *p, jj_node *node) {
  for (;;) {
    if (jj_at(p, JJ_T_DOT) || jj_at(p, JJ_T_LBRACKET))
      node = parse_dot_or_subscript(p, node);
    else if (jj_at(p, JJ_T_LPAREN))
      node = parse_call(p, node);
    else
      return node;
  }
}

static jj_node *parse_filters_and_tests(jj_parser *p, jj_node *node) {
  for (;;) {
    if (jj_at(p, JJ_T_PIPE))
      node = jj_parse_filter(p, node, false);
    else if (jj_at_name(p, "is"))
      node = parse_test(p, node);
    else if (jj_at(p, JJ_T_LPAREN))
      node = parse_call(p, node);
    else
      return node;
  }
}

/* -- Literals -- */

static jj_node *constant(jj_parser *p, jj_value value, int line) {
  jj_node *node = jj_node_new(p, JJ_N_CONST, line);
  node->value = value;
  return node;
}

static jj_node *parse_strings(jj_parser *p) {
  int line = line_of(p);
  jj_value text = jj_next(p).value;
  while (jj_at(p, JJ_T_STRING)) {
    jj_value more = jj_next(p).value;
    char *joined = jj_arena_alloc(&p->t->arena, text.s->size + more.s->size + 1);
    memcpy(joined, text.s->data, text.s->size);
    memcpy(joined + text.s->size, more.s->data, more.s->size);
    text = jj_arena_str(&p->t->arena, joined, text.s->size + more.s->size);
  }
  return constant(p, text, line);
}

static jj_node *parse_name(jj_parser *p, bool with_namespace) {
  static const struct {
    const char *name;
    jj_type type;
    bool truth;
  } words[] = {{"true", JJ_BOOL, true},   {"True", JJ_BOOL, true},  {"false", JJ_BOOL, false},
               {"False", JJ_BOOL, false}, {"none", JJ_NONE, false}, {"None", JJ_NONE, false}};
  jj_token token = jj_next(p);
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcmp(words[i].name, token.value.s->data) == 0)
      return constant(p, words[i].type == JJ_NONE ? jj_none() : jj_bool(words[i].truth),
                      token.line);
  bool attribute = with_namespace && jj_at(p, JJ_T_DOT);
  jj_node *node = jj_node_new(p, attribute ? JJ_N_NSREF : JJ_N_NAME, token.line);
  node->name = token.value;
  if (attribute) {
    jj_next(p);
    node->attr = jj_expect(p, JJ_T_NAME).value;
  }
  return node;
}

static jj_node *parse_list(jj_parser *p) {
  jj_node *node = jj_node_new(p, JJ_N_LIST, jj_expect(p, JJ_T_LBRACKET).line);
  while (!jj_at(p, JJ_T_RBRACKET)) {
    if (node->list.count) jj_expect(p, JJ_T_COMMA);
    if (jj_at(p, JJ_T_RBRACKET)) break;
    jj_block_push(p, &node->list, jj_parse_expression(p, true));
  }
  jj_expect(p, JJ_T_RBRACKET);
  return node;
}

static jj_node *parse_dict(jj_parser *p) {
  jj_node *node = jj_node_new(p, JJ_N_DICT, jj_expect(p, JJ_T_LBRACE).line);
  while (!jj_at(p, JJ_T_RBRACE)) {
    if (node->list.count) jj_expect(p, JJ_T_COMMA);
    if (jj_at(p, JJ_T_RBRACE)) break;
    jj_block_push(p, &node->list, jj_parse_expression(p, true));
    jj_expect(p, JJ_T_COLON);
    jj_block_push(p, &node->list, jj_parse_expression(p, true));
  }
  jj_expect(p, JJ_T_RBRACE);
  return node;
}

jj_node *jj_parse_primary(jj_parser *p, bool with_namespace) {
  jj_check_depth(p);
  jj_node *node;
  switch (p->current.type) {
  case JJ_T_NAME: return parse_name(p, with_namespace);
  case JJ_T_STRING: return parse_strings(p);
  case JJ_T_INTEGER:
  case JJ_T_FLOAT: node = constant(p, p->current.value, line_of(p)); return jj_next(p), node;
  case JJ_T_LPAREN:
    jj_next(p);
    node = jj_parse_tuple(p, (jj_tuple_rules){.conditional = true, .parenthesised = true});
    jj_expect(p, JJ_T_RPAREN);
    return node;
  case JJ_T_LBRACKET: return parse_list(p);
  case JJ_T_LBRACE: return parse_dict(p);
  default: JJ_SYNTAX(p, line_of(p), "unexpected '%s'", jj_describe_token(&p->current));
  }
}

/* -- Tuples -- */

static bool at_tuple_end(jj_parser *p) {
  return jj_at(p, JJ_T_VARIABLE_END) || jj_at(p, JJ_T_BLOCK_END) || jj_at(p, JJ_T_RPAREN);
}

jj_node *jj_parse_tuple(jj_parser *p, jj_tuple_rules rules) {
  int line = line_of(p);
  jj_block items = {0};
  bool tuple = false;
  for (;;) {
    if (items.count) jj_expect(p, JJ_T_COMMA);
    if (at_tuple_end(p)) break;
    jj_block_push(p, &items,
                  rules.simplified ? jj_parse_primary(p, rules.with_namespace)
                                   : jj_parse_expression(p, rules.conditional));
    if (!jj_at(p, JJ_T_COMMA)) break;
    tuple = true;
    line = line_of(p);
  }
  if (!tuple && items.count) return items.items[0];
  if (!tuple && !rules.parenthesised)
    JJ_SYNTAX(p, line_of(p), "Expected an expression, got '%s'", jj_describe_token(&p->current));
  jj_node *node = jj_node_new(p, JJ_N_TUPLE, line);
  node->list = items;
  return node;
}

/* -- Operators, by falling precedence -- */

static jj_node *parse_unary(jj_parser *p, bool with_filter) {
  jj_check_depth(p);
  int line = line_of(p);
  jj_node *node;
  if (jj_skip_if(p, JJ_T_SUB))
    node = binary(p, JJ_N_NEG, 0, parse_unary(p, false), NULL, line);
  else if (jj_skip_if(p, JJ_T_ADD))
    node = binary(p, JJ_N_POS, 0, parse_unary(p, false), NULL, line);
  else
    node = jj_parse_primary(p, false);
  node = parse_postfix(p, node);
  return with_filter ? parse_filters_and_tests(p, node) : node;
}

static jj_node *parse_pow(jj_parser *p) {
  int line = line_of(p);
  jj_node *left = parse_unary(p, true);
  while (jj_skip_if(p, JJ_T_POW)) {
    left = binary(p, JJ_N_BINARY, JJ_POW, left, parse_unary(p, true), line);
    line = line_of(p);
  }
  return left;
}

static int product_op(const jj_parser *p) {
  switch (p->current.type) {
  case JJ_T_MUL: return JJ_MUL;
  case JJ_T_DIV: return JJ_DIV;
  case JJ_T_FLOORDIV: return JJ_FLOORDIV;
  case JJ_T_MOD: return JJ_MOD;
  default: return -1;
  }
}

static jj_node *parse_product(jj_parser *p) {
  int line = line_of(p), op;
  jj_node *left = parse_pow(p);
  while ((op = product_op(p)) >= 0) {
    jj_next(p);
    left = binary(p, JJ_N_BINARY, op, left, parse_pow(p), line);
    line = line_of(p);
  }
  return left;
}

static jj_node *parse_concat(jj_parser *p) {
  int line = line_of(p);
  jj_node *first = parse_product(p);
  if (!jj_at(p, JJ_T_TILDE)) return first;
  jj_node *node = jj_node_new(p, JJ_N_CONCAT, line);
  jj_block_push(p, &node->list, first);
  while (jj_skip_if(p, JJ_T_TILDE)) jj_block_push(p, &node->list, parse_product(p));
  return node;
}

static jj_node *parse_sum(jj_parser *p) {
  int line = line_of(p);
  jj_node *left = parse_concat(p);
  while (jj_at(p, JJ_T_ADD) || jj_at(p, JJ_T_SUB)) {
    int op = jj_next(p).type == JJ_T_ADD ? JJ_ADD : JJ_SUB;
    left = binary(p, JJ_N_BINARY, op, left, parse_concat(p), line);
    line = line_of(p);
  }
  return left;
}

/* The comparison that starts here, its tokens skipped; -1 where there is none. */
static int take_comparison(jj_parser *p) {
  static const struct {
    jj_token_type token;
    jj_compare_op op;
  } ops[] = {{JJ_T_EQ, JJ_EQ}, {JJ_T_NE, JJ_NE}, {JJ_T_LT, JJ_LT},
             {JJ_T_LE, JJ_LE}, {JJ_T_GT, JJ_GT}, {JJ_T_GE, JJ_GE}};
  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
    if (jj_skip_if(p, ops[i].token)) return ops[i].op;
  if (jj_skip_name(p, "in")) return JJ_IN;
  if (!jj_at_name(p, "not")) return -1;
  jj_token next = jj_look(p);
  if (next.type != JJ_T_NAME || strcmp(next.value.s->data, "in") != 0) return -1;
  jj_next(p);
  jj_next(p);
  return JJ_NOT_IN;
}

static jj_node *parse_compare(jj_parser *p) {
  int line = line_of(p), op;
  jj_node *first = parse_sum(p), *node = NULL;
  while ((op = take_comparison(p)) >= 0) {
    jj_node *operand = binary(p, JJ_N_OPERAND, op, parse_sum(p), NULL, line);
    if (!node) {
      node = jj_node_new(p, JJ_N_COMPARE, line);
      node->a = first;
    }
    jj_block_push(p, &node->list, operand);
  }
  return node ? node : first;
}

static jj_node *parse_not(jj_parser *p) {
  jj_check_depth(p);
  int line = line_of(p);
  if (jj_skip_name(p, "not")) return binary(p, JJ_N_NOT, 0, parse_not(p), NULL, line);
  return parse_compare(p);
}

static jj_node *parse_and(jj_parser *p) {
  int line = line_of(p);
  jj_node *left = parse_not(p);
  while (jj_skip_name(p, "and")) {
    left = binary(p, JJ_N_AND, 0, left, parse_not(p), line);
    line = line_of(p);
  }
  return left;
}

static jj_node *parse_or(jj_parser *p) {
  int line = line_of(p);
  jj_node *left = parse_and(p);
  while (jj_skip_name(p, "or")) {
    left = binary(p, JJ_N_OR, 0, left, parse_and(p), line);
    line = line_of(p);
  }
  return left;
}

jj_node *jj_parse_expression(jj_parser *p, bool conditional) {
  jj_check_depth(p);
  int line = line_of(p);
  jj_node *node = parse_or(p);
  while (conditional && jj_skip_name(p, "if")) {
    jj_node *test = parse_or(p);
    jj_node *choice = binary(p, JJ_N_COND, 0, test, node, line);
    if (jj_skip_name(p, "else")) choice->c = jj_parse_expression(p, true);
    node = choice;
    line = line_of(p);
  }
  return node;
}
