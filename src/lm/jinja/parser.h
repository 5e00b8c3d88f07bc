/* What the parser's two halves, statements and expressions, share. */
#ifndef JINJA_PARSER_H
#define JINJA_PARSER_H

#include "lm/jinja/lexer.h"
#include "lm/jinja/ops.h"

typedef struct jj_ends {
  const struct jj_ends *outer;
  const char *const *names; /* NULL-terminated */
} jj_ends;

typedef struct jj_tag {
  const struct jj_tag *outer;
  const char *name;
} jj_tag;

typedef struct {
  jj_template *t;
  jj_lexer lexer;
  jj_token current, pushed;
  bool has_pushed;
  const jj_ends *ends; /* the tags that open blocks wait for */
  const jj_tag *tags;  /* the tags that are open */
  const char *stack;
  jj_syntax_error *error;
  jmp_buf fail;
} jj_parser;

#define JJ_SYNTAX(p, line, ...) jj_syntax_fail((p)->error, &(p)->fail, (line), __VA_ARGS__)

jj_token jj_next(jj_parser *p); /* goes one token ahead and returns the old one */
jj_token jj_look(jj_parser *p); /* the token after the current one */
bool jj_at(const jj_parser *p, jj_token_type type);
bool jj_at_name(const jj_parser *p, const char *name);
bool jj_skip_if(jj_parser *p, jj_token_type type);
bool jj_skip_name(jj_parser *p, const char *name);
jj_token jj_expect(jj_parser *p, jj_token_type type);
jj_token jj_expect_name(jj_parser *p, const char *name);

jj_node *jj_node_new(jj_parser *p, jj_kind kind, int line);
void jj_block_push(jj_parser *p, jj_block *block, jj_node *node);
void jj_check_depth(jj_parser *p);

jj_node *jj_parse_expression(jj_parser *p, bool conditional);
jj_node *jj_parse_primary(jj_parser *p, bool with_namespace);
/* Filters behind "|"; with `inline_start`, the first one stands without it. */
jj_node *jj_parse_filter(jj_parser *p, jj_node *node, bool inline_start);

typedef struct {
  bool simplified;     /* names and literals only */
  bool conditional;    /* inline ifs allowed */
  bool parenthesised;  /* may be empty */
  bool with_namespace; /* ns.attr allowed */
} jj_tuple_rules;
jj_node *jj_parse_tuple(jj_parser *p, jj_tuple_rules rules);

#endif
