/* Cuts a template into tokens, with the whitespace rules of trim_blocks and lstrip_blocks. */
#ifndef JINJA_LEXER_H
#define JINJA_LEXER_H

#include "lm/jinja/ast.h"

#include <setjmp.h>

typedef enum {
  JJ_T_EOF,
  JJ_T_DATA,
  JJ_T_BLOCK_BEGIN,
  JJ_T_BLOCK_END,
  JJ_T_VARIABLE_BEGIN,
  JJ_T_VARIABLE_END,
  JJ_T_NAME,
  JJ_T_STRING,
  JJ_T_INTEGER,
  JJ_T_FLOAT,
  JJ_T_ADD,
  JJ_T_SUB,
  JJ_T_DIV,
  JJ_T_FLOORDIV,
  JJ_T_MUL,
  JJ_T_MOD,
  JJ_T_POW,
  JJ_T_TILDE,
  JJ_T_LBRACKET,
  JJ_T_RBRACKET,
  JJ_T_LPAREN,
  JJ_T_RPAREN,
  JJ_T_LBRACE,
  JJ_T_RBRACE,
  JJ_T_EQ,
  JJ_T_NE,
  JJ_T_GT,
  JJ_T_GE,
  JJ_T_LT,
  JJ_T_LE,
  JJ_T_ASSIGN,
  JJ_T_DOT,
  JJ_T_COLON,
  JJ_T_PIPE,
  JJ_T_COMMA,
  JJ_T_SEMICOLON,
  JJ_T_COUNT
} jj_token_type;

typedef struct {
  jj_token_type type;
  int line;
  jj_value value; /* text of data, names and strings; the number */
} jj_token;

typedef struct {
  jj_arena *arena;
  const char *source; /* newlines normalised */
  size_t size, at;
  int line;
  enum { JJ_IN_ROOT, JJ_IN_BLOCK, JJ_IN_VARIABLE, JJ_IN_COMMENT, JJ_IN_RAW } state;
  char *closers; /* the brackets that are open, innermost last */
  size_t open, closers_capacity;
  bool line_starting;
  jj_token pending; /* the tag behind a stretch of text */
  bool has_pending;
  jj_syntax_error *error;
  jmp_buf *fail;
} jj_lexer;

void jj_lexer_init(jj_lexer *lexer, jj_arena *arena, const char *source, size_t size,
                   jj_syntax_error *error, jmp_buf *fail);
/* The next token, JJ_T_EOF at and after the end; errors jump. */
jj_token jj_lexer_next(jj_lexer *lexer);
/* How messages call a kind of token. */
const char *jj_describe_type(jj_token_type type);
const char *jj_describe_token(const jj_token *token);
/* Records the error and jumps out of parsing. */
__attribute__((noreturn)) void jj_syntax_fail(jj_syntax_error *error, jmp_buf *fail, int line,
                                              const char *format, ...) MX_PRINTF(4, 5);

#endif
