/* One rendering: its heap, its error, and the limits that keep a hostile template from taking the
 * machine along. */
#ifndef JINJA_CONTEXT_H
#define JINJA_CONTEXT_H

#include "lm/jinja/value.h"

struct mlx_lm_template;

struct jj_ctx {
  const struct mlx_lm_template *source;
  /* heap */
  jj_object all; /* the ring of all objects */
  MX_VEC(jj_object *) pool;
  jj_object *dying; /* released, children not yet; linked by `next` */
  bool reaping;
  size_t bytes, bytes_limit;
  /* error: the first message stands */
  bool failed;
  mx_str message;
  /* limits */
  const char *stack; /* where the stack was when rendering began */
  uint64_t steps;    /* evaluations left */
  /* interpreter */
  jj_buf *out;        /* where statements write */
  jj_dict *variables; /* what the caller passed */
  jj_dict *exports;   /* what the top level set, for blocks */
  bool autoescape;
  uint64_t random;
};

enum {
  JJ_STACK_BYTES = 384 << 10, /* of C stack that nesting may take */
  JJ_TEXT_BYTES = 64 << 20,   /* in one string */
};
#define JJ_HEAP_BYTES ((size_t)512 << 20)
#define JJ_STEPS ((uint64_t)1 << 32)

void jj_ctx_init(jj_ctx *ctx);
void jj_ctx_free(jj_ctx *ctx);

/* Records an error (the first stands) and returns JJ_FAIL. */
jj_value jj_fail(jj_ctx *ctx, const char *format, ...) MX_PRINTF(2, 3);
/* Whether nesting went too deep; records Python's error. */
bool jj_deep(jj_ctx *ctx);
/* Counts one step of work; false, with an error, once the rendering's are used up. */
bool jj_step(jj_ctx *ctx);
/* `v` as repr() says it, for messages; lives as long as the pool's entry. */
const char *jj_repr_c(jj_ctx *ctx, jj_value v);
const char *jj_text(jj_value string);

#endif
