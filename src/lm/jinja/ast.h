/* A parsed template: its tree, its constants and its scopes, all in one arena, and read-only once
 * parsed, so that threads may render it at once. */
#ifndef JINJA_AST_H
#define JINJA_AST_H

#include "lm/jinja/value.h"

#include <stddef.h>

/* Memory that is freed all at once. */
typedef struct jj_chunk jj_chunk;
typedef struct {
  jj_chunk *chunks;
  size_t used; /* bytes of the newest chunk */
} jj_arena;
void *jj_arena_alloc(jj_arena *arena, size_t bytes); /* zeroed */
void jj_arena_free(jj_arena *arena);
/* An immortal string. */
jj_value jj_arena_str(jj_arena *arena, const char *bytes, size_t size);

typedef enum {
  /* expressions: which fields of the node they use */
  JJ_N_CONST,   /* value */
  JJ_N_NAME,    /* name; op: jj_name_use; ref */
  JJ_N_NSREF,   /* name.attr as a target: name, attr; ref */
  JJ_N_TUPLE,   /* list */
  JJ_N_LIST,    /* list */
  JJ_N_DICT,    /* list: keys and values in turn */
  JJ_N_COND,    /* b if a else c (c may be NULL) */
  JJ_N_OR,      /* a, b */
  JJ_N_AND,     /* a, b */
  JJ_N_NOT,     /* a */
  JJ_N_NEG,     /* a */
  JJ_N_POS,     /* a */
  JJ_N_BINARY,  /* a op b */
  JJ_N_COMPARE, /* a, then list of operands: each an JJ_N_OPERAND */
  JJ_N_OPERAND, /* op, a */
  JJ_N_CONCAT,  /* list */
  JJ_N_CALL,    /* a, call */
  JJ_N_FILTER,  /* a (NULL: a block's text), name, call */
  JJ_N_TEST,    /* a, name, call */
  JJ_N_GETATTR, /* a, name */
  JJ_N_GETITEM, /* a, b */
  JJ_N_SLICE,   /* a:b:c, any may be NULL; only as b of a JJ_N_GETITEM */
  /* statements */
  JJ_N_DATA,         /* value */
  JJ_N_OUTPUT,       /* list */
  JJ_N_FOR,          /* a in b if c (c may be NULL): body, orelse; flag: recursive */
  JJ_N_IF,           /* a: body; list: elifs, each an JJ_N_IF; orelse */
  JJ_N_MACRO,        /* name, list: parameters, defaults; body */
  JJ_N_CALL_BLOCK,   /* a: the call; list, defaults, body */
  JJ_N_GENERATION,   /* body, in a scope of its own like a call block's */
  JJ_N_FILTER_BLOCK, /* a: the filters; body */
  JJ_N_WITH,         /* list: targets; defaults: values; body */
  JJ_N_SET,          /* a = b */
  JJ_N_SET_BLOCK,    /* a; b: filters or NULL; body */
  JJ_N_BLOCK,        /* name, body; flag: required */
  JJ_N_AUTOESCAPE,   /* a; body */
  JJ_N_BREAK,
  JJ_N_CONTINUE,
  JJ_N_LOADER, /* include, import, extends: there is no loader */
} jj_kind;

typedef enum { JJ_LOADED, JJ_STORED, JJ_PARAMETER } jj_name_use;

typedef struct jj_node jj_node;

typedef struct {
  jj_node **items;
  size_t count;
} jj_block;

typedef struct {
  jj_block args;
  jj_block values;  /* of the keyword arguments */
  jj_value *names;  /* their names */
  jj_node *rest;    /* *args, or NULL */
  jj_node *options; /* **kwargs, or NULL */
} jj_arguments;

/* How a slot is filled when its scope is entered. */
typedef enum {
  JJ_LOAD_PARAM,   /* by whoever enters */
  JJ_LOAD_RESOLVE, /* from the template's variables */
  JJ_LOAD_ALIAS,   /* from an outer scope's slot */
  JJ_LOAD_NOTHING, /* it is set before it is read */
} jj_load;

/* A variable as seen from a scope: `depth` scopes out, slot `slot`. */
typedef struct {
  int depth, slot;
} jj_ref;

typedef struct {
  jj_value name;
  jj_load load;
  jj_ref from; /* JJ_LOAD_ALIAS */
  bool stored;
} jj_slot;

typedef struct jj_scope {
  struct jj_scope *parent; /* NULL for a template or block */
  jj_slot *slots;
  size_t count, capacity;
} jj_scope;

struct jj_node {
  uint8_t kind; /* jj_kind */
  uint8_t op;   /* jj_binary_op, jj_compare_op or jj_name_use */
  bool flag;
  /* Within an if, an unknown filter or test is an error only once it is reached. */
  bool soft;
  int line;
  jj_node *a, *b, *c;
  jj_block list, defaults, body, orelse;
  jj_arguments *call;
  jj_value value, name, attr;
  jj_ref ref;
  jj_scope *scope, *test_scope, *else_scope;
  const jj_native *native;                    /* of a filter or test; NULL where unknown */
  int caller_slot, kwargs_slot, varargs_slot; /* of a macro; -1 where it uses none */
};

typedef struct mlx_lm_template {
  jj_arena arena;
  jj_block body;
  jj_scope *scope;
  bool has_blocks;
} jj_template;

/* A syntax error's place and message. */
typedef struct {
  int line;
  char text[512];
} jj_syntax_error;

/* Parses the source; false with the error filled in. */
bool jj_parse(jj_template *t, const char *source, size_t size, jj_syntax_error *error);
/* Settles every variable's slot and every filter and test; false with the error filled in. */
bool jj_resolve(jj_template *t, jj_syntax_error *error);

/* Visits a node's children in Jinja's order of fields; stops where `visit` returns false. */
typedef bool jj_visit_fn(const jj_node *node, void *state);
bool jj_each_child(const jj_node *node, jj_visit_fn *visit, void *state);

#endif
