/* The arena that holds a template, and the walk over its tree. */
#include "lm/jinja/ast.h"

#include "lm/jinja/unicode.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 16 << 10 };

struct jj_chunk {
  jj_chunk *next;
  size_t size;
  alignas(max_align_t) char bytes[];
};

void *jj_arena_alloc(jj_arena *arena, size_t bytes) {
  bytes = (bytes + 15) & ~(size_t)15;
  if (!arena->chunks || arena->chunks->size - arena->used < bytes) {
    size_t size = bytes > CHUNK ? bytes : CHUNK;
    jj_chunk *chunk = mx_xcalloc(1, sizeof *chunk + size);
    chunk->size = size;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    arena->used = 0;
  }
  void *block = arena->chunks->bytes + arena->used;
  arena->used += bytes;
  return block;
}

void jj_arena_free(jj_arena *arena) {
  while (arena->chunks) {
    jj_chunk *next = arena->chunks->next;
    free(arena->chunks);
    arena->chunks = next;
  }
  arena->used = 0;
}

jj_value jj_arena_str(jj_arena *arena, const char *bytes, size_t size) {
  jj_string *s = jj_arena_alloc(arena, sizeof *s + size + 1);
  s->head.type = JJ_STRING;
  s->head.refs = JJ_IMMORTAL;
  s->data = (char *)(s + 1);
  memcpy(s->data, bytes, size);
  s->size = size;
  s->count = jj_utf8_count(bytes, size);
  s->hash = jj_hash_bytes(bytes, size);
  return jj_object_value(s);
}

static bool visit_one(const jj_node *node, jj_visit_fn *visit, void *state) {
  return !node || visit(node, state);
}

static bool visit_all(const jj_block *block, jj_visit_fn *visit, void *state) {
  for (size_t i = 0; i < block->count; i++)
    if (!visit(block->items[i], state)) return false;
  return true;
}

static bool visit_call(const jj_arguments *call, jj_visit_fn *visit, void *state) {
  return !call || (visit_all(&call->args, visit, state) && visit_all(&call->values, visit, state) &&
                   visit_one(call->rest, visit, state) && visit_one(call->options, visit, state));
}

bool jj_each_child(const jj_node *n, jj_visit_fn *visit, void *state) {
  bool body_first = n->kind == JJ_N_FILTER_BLOCK;
  return (!body_first || visit_all(&n->body, visit, state)) && visit_one(n->a, visit, state) &&
         visit_one(n->b, visit, state) && (n->kind == JJ_N_FOR || visit_one(n->c, visit, state)) &&
         visit_call(n->call, visit, state) &&
         (n->kind == JJ_N_IF || visit_all(&n->list, visit, state)) &&
         visit_all(&n->defaults, visit, state) &&
         (body_first || visit_all(&n->body, visit, state)) &&
         (n->kind != JJ_N_IF || visit_all(&n->list, visit, state)) &&
         visit_all(&n->orelse, visit, state) &&
         (n->kind != JJ_N_FOR || visit_one(n->c, visit, state));
}
