/* A trie over bytes; its edges lie in one hash table. */
#ifndef LM_TOKENIZER_TRIE_H
#define LM_TOKENIZER_TRIE_H

#include "lm/tokenizer/vocab.h"

typedef struct {
  uint64_t key; /* node << 8 | byte; UINT64_MAX where free */
  uint32_t node;
} tok_edge;

typedef struct {
  tok_edge *edges;
  size_t mask;
  int32_t *values; /* by node; -1 where no text ends */
  size_t count, capacity;
} tok_trie;

/* Adds a text. One that is there already keeps its value unless `replace`. */
void tok_trie_add(tok_trie *t, const char *text, size_t size, int32_t value, bool replace);
void tok_trie_free(tok_trie *t);

/* The node that a byte leads to, or 0 (the root, which no edge leads to) where none. */
static inline uint32_t tok_trie_step(const tok_trie *t, uint32_t node, unsigned char byte) {
  uint64_t key = (uint64_t)node << 8 | byte;
  if (!t->count) return 0;
  for (size_t i = (size_t)tok_mix(key ^ 0xa0761d6478bd642fu, 0xe7037ed1a0b428dbu) & t->mask;;
       i = (i + 1) & t->mask) {
    if (t->edges[i].key == key) return t->edges[i].node;
    if (t->edges[i].key == UINT64_MAX) return 0;
  }
}

#endif
