/* The template engine's values, which are Python's as far as templates can tell, and the heap of
 * one rendering.
 *
 * Ownership: whatever a function creates is held by the context's pool until jj_drain, so nothing
 * needs releasing by hand and early returns leak nothing. Whoever keeps a value longer (a list, a
 * frame's slot) retains it. What cycles keep alive goes with the context. */
#ifndef JINJA_VALUE_H
#define JINJA_VALUE_H

#include "base/str.h"
#include "base/vec.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum {
  JJ_MISSING, /* no value at all: an argument that was not given, an empty slot */
  JJ_FAIL,    /* the error was recorded in the context; callers pass it up */
  JJ_NONE,
  JJ_BOOL,
  JJ_INT,
  JJ_FLOAT,
  /* From here on the value is a counted object. */
  JJ_UNDEFINED,
  JJ_STRING,
  JJ_LIST,
  JJ_TUPLE,
  JJ_DICT,
  JJ_VIEW, /* dict.keys(), dict.values(), dict.items() */
  JJ_RANGE,
  JJ_ITERATOR, /* a generator: lazy, and gone through once */
  JJ_NAMESPACE,
  JJ_LOOP,
  JJ_MACRO,
  JJ_FUNCTION,
  JJ_CYCLER,
  JJ_JOINER,
  JJ_FRAME,
  JJ_TYPES
} jj_type;

typedef struct jj_ctx jj_ctx;

typedef struct jj_object {
  struct jj_object *prev, *next; /* all objects of the rendering */
  uint32_t refs;                 /* JJ_IMMORTAL: a template's constant, never counted */
  uint8_t type, flag;
} jj_object;

enum { JJ_MARKUP = 1 };        /* flag of a string: it is markupsafe's Markup */
enum { JJ_GROUP = 1 };         /* flag of a tuple: groupby's (grouper, list) */
#define JJ_IMMORTAL UINT32_MAX /* in jj_object.refs */

typedef struct jj_string jj_string;
typedef struct jj_list jj_list;
typedef struct jj_dict jj_dict;

typedef struct {
  jj_type type;
  union {
    bool b;
    int64_t i;
    double f;
    jj_object *o;
    jj_string *s;
    jj_list *l; /* JJ_LIST and JJ_TUPLE */
    jj_dict *d;
  };
} jj_value;

struct jj_string {
  jj_object head;
  size_t size, count; /* bytes, characters */
  uint64_t hash;      /* 0 until jj_string_hash is asked; a constant's is there from the start */
  char *data;         /* UTF-8, NUL-terminated; behind the struct, or a block of its own */
};

struct jj_list {
  jj_object head;
  jj_value *items;
  size_t size, capacity;
};

typedef struct {
  uint64_t hash;
  jj_value key, value;
} jj_entry;

struct jj_dict {
  jj_object head;
  jj_entry *entries; /* in insertion order */
  size_t size, capacity;
  uint32_t *slots; /* entry index + 1, 0 where free; NULL while the dict is small */
  size_t slot_count;
};

typedef enum { JJ_KEYS, JJ_VALUES, JJ_ITEMS } jj_view_kind;
typedef struct {
  jj_object head;
  jj_dict *dict;
  jj_view_kind kind;
} jj_view;

typedef struct {
  jj_object head;
  int64_t start, stop, step, length;
} jj_range;

typedef struct {
  jj_object head;
  const char *hint;     /* the whole message where not NULL (a constant, or `owner`'s text) */
  jj_value owner, name; /* what was asked, and for what; owner missing: a variable */
} jj_undefined;

/* Goes through any iterable, from C. The value must stay alive meanwhile. */
typedef struct {
  jj_value over;
  size_t at;
} jj_iter;

typedef struct jj_iterator jj_iterator;
/* The next item: 1 with it in `item`, 0 at the end, -1 after an error. */
typedef int jj_next_fn(jj_ctx *ctx, jj_iterator *it, jj_value *item);
struct jj_iterator {
  jj_object head;
  const char *type_name; /* Python's, for messages */
  jj_next_fn *next;
  jj_value held[4]; /* whatever `next` needs, retained; held[0] is what `inner` goes through */
  jj_iter inner;
  int64_t number[2];
  bool started, done;
};

typedef struct {
  const jj_value *pos;
  size_t count;
  jj_dict *kw; /* NULL where there are none */
} jj_args;

/* How Python implements a function, which shows in its messages. */
typedef enum {
  JJ_PYTHON,       /* in Python */
  JJ_C_POSITIONAL, /* in C, a method without keyword arguments */
  JJ_C_PARSED,     /* the same, worded by an older part of CPython */
  JJ_C_METHOD,     /* in C, a method with keyword arguments */
  JJ_C_FUNCTION,   /* in C, not a method */
} jj_origin;

/* A function, filter, test or method written in C. */
typedef struct jj_native {
  const char *name;   /* as templates call it */
  const char *python; /* as Python's messages call it */
  /* Parameters, separated by spaces: `name` is required, `name=` optional, `*name` and `**name`
   * take what is left. The subject of a filter, test or method is the first. */
  const char *params;
  /* Each parameter's value; JJ_MISSING where an optional one was not given. */
  jj_value (*call)(jj_ctx *ctx, jj_value *bound);
  uint8_t hidden;  /* further arguments that Jinja passes: they show in the counts of messages */
  uint8_t builtin; /* jj_origin */
} jj_native;

typedef struct {
  jj_object head;
  const jj_native *native;
  jj_value self;         /* a method's object, or missing */
  const char *type_name; /* Python's */
} jj_function;

typedef struct {
  jj_object head;
  jj_dict *attrs;
} jj_namespace;

typedef struct {
  jj_object head;
  jj_value items; /* tuple */
  size_t at;
} jj_cycler;

typedef struct {
  jj_object head;
  jj_value separator;
  bool used;
} jj_joiner;

/* -- Making values -- */

static inline jj_value jj_missing(void) { return (jj_value){JJ_MISSING, {.i = 0}}; }
static inline jj_value jj_failed(void) { return (jj_value){JJ_FAIL, {.i = 0}}; }
static inline jj_value jj_none(void) { return (jj_value){JJ_NONE, {.i = 0}}; }
static inline jj_value jj_bool(bool b) { return (jj_value){JJ_BOOL, {.b = b}}; }
static inline jj_value jj_int(int64_t i) { return (jj_value){JJ_INT, {.i = i}}; }
static inline jj_value jj_float(double f) { return (jj_value){JJ_FLOAT, {.f = f}}; }
static inline jj_value jj_object_value(void *object) {
  return (jj_value){(jj_type)((jj_object *)object)->type, {.o = object}};
}

/* Wide in between: bounds may lie at both ends of the 64 bits. */
static inline jj_value jj_range_at(const jj_range *r, int64_t index) {
  return jj_int((int64_t)((__int128)r->start + (__int128)index * r->step));
}

static inline bool jj_bad(jj_value v) { return v.type == JJ_FAIL; }
static inline bool jj_given(jj_value v) { return v.type != JJ_MISSING; }
static inline bool jj_is_int(jj_value v) { return v.type == JJ_INT || v.type == JJ_BOOL; }
static inline int64_t jj_as_int(jj_value v) { return v.type == JJ_BOOL ? v.b : v.i; }
static inline bool jj_is_number(jj_value v) { return jj_is_int(v) || v.type == JJ_FLOAT; }
static inline bool jj_is_seq(jj_value v) { return v.type == JJ_LIST || v.type == JJ_TUPLE; }
static inline bool jj_is_markup(jj_value v) {
  return v.type == JJ_STRING && (v.o->flag & JJ_MARKUP);
}

/* A zeroed object of `bytes` bytes, in the pool. */
void *jj_alloc(jj_ctx *ctx, jj_type type, size_t bytes);
/* Whether `bytes` more may be allocated; records the error where not. Whatever a template can make
 * large asks first. */
bool jj_room(jj_ctx *ctx, size_t bytes);
/* The same for `count` elements of `each` bytes. */
bool jj_room_for(jj_ctx *ctx, size_t count, size_t each);
/* Tells the heap of memory that an object holds outside itself. */
void jj_account(jj_ctx *ctx, size_t before, size_t after);

jj_value jj_str(jj_ctx *ctx, const char *bytes, size_t size);
jj_value jj_strz(jj_ctx *ctx, const char *text);
/* The same text with or without Markup's flag. */
jj_value jj_str_flagged(jj_ctx *ctx, jj_value text, bool markup);
uint64_t jj_hash_bytes(const char *bytes, size_t size); /* never 0 */
uint64_t jj_string_hash(jj_string *s);

jj_list *jj_list_new(jj_ctx *ctx, jj_type type, size_t capacity); /* JJ_LIST or JJ_TUPLE */
void jj_list_push(jj_ctx *ctx, jj_list *list, jj_value item);
jj_value jj_pair(jj_ctx *ctx, jj_value a, jj_value b); /* a tuple */

jj_dict *jj_dict_new(jj_ctx *ctx);
jj_value *jj_dict_find(jj_ctx *ctx, const jj_dict *dict, jj_value key, uint64_t hash);
jj_value *jj_dict_find_str(const jj_dict *dict, const char *key, size_t size);
/* Inserts or replaces; -1 where the key is not hashable. */
int jj_dict_set(jj_ctx *ctx, jj_dict *dict, jj_value key, jj_value value);
jj_dict *jj_dict_without(jj_ctx *ctx, const jj_dict *dict, const char *key, size_t size);

jj_value jj_range_new(jj_ctx *ctx, int64_t start, int64_t stop, int64_t step);
jj_value jj_view_new(jj_ctx *ctx, jj_dict *dict, jj_view_kind kind);
jj_value jj_undefined_name(jj_ctx *ctx, jj_value name);
jj_value jj_undefined_of(jj_ctx *ctx, jj_value owner, jj_value name);
jj_value jj_undefined_hint(jj_ctx *ctx, const char *hint); /* a constant, or copied by _hintf */
jj_value jj_undefined_hintf(jj_ctx *ctx, const char *format, ...) MX_PRINTF(2, 3);
jj_value jj_iterator_new(jj_ctx *ctx, const char *type_name, jj_next_fn *next, jj_value source);
void jj_iterator_hold(jj_ctx *ctx, jj_iterator *it, int index, jj_value value);
jj_value jj_function_new(jj_ctx *ctx, const jj_native *native, jj_value self,
                         const char *type_name);

/* -- Lifetimes -- */

void jj_retain(jj_value v);
void jj_release(jj_ctx *ctx, jj_value v);
/* Puts `v` (which may be missing) into a slot, in place of what was there. */
void jj_assign(jj_ctx *ctx, jj_value *slot, jj_value v);
size_t jj_mark(jj_ctx *ctx);
void jj_drain(jj_ctx *ctx, size_t mark);
/* Drains down to `mark`, but keeps `v` in the pool. */
jj_value jj_drain_but(jj_ctx *ctx, size_t mark, jj_value v);

/* -- Building text -- */

typedef struct {
  jj_ctx *ctx;
  mx_str text;
} jj_buf;

void jj_buf_free(jj_buf *b);
#define JJ_BUF(name, context) __attribute__((cleanup(jj_buf_free))) jj_buf name = {.ctx = (context)}
void jj_put(jj_buf *b, const char *bytes, size_t size);
void jj_puts(jj_buf *b, const char *text);
void jj_putc(jj_buf *b, char c);
void jj_put_cp(jj_buf *b, uint32_t cp);
void jj_put_str(jj_buf *b, jj_value string);
void jj_put_fill(jj_buf *b, const char *unit, size_t size, int64_t times);
void jj_put_repr(jj_buf *b, jj_value v);
void jj_put_value(jj_buf *b, jj_value v); /* as str() says it */
jj_value jj_take(jj_buf *b);              /* the text as a string; the buffer is empty again */

#endif
