/* Building a trie. */
#include "lm/tokenizer/trie.h"
#include "base/alloc.h"

#include <stdlib.h>

static void put_edge(tok_trie *t, uint64_t key, uint32_t node) {
  size_t i = (size_t)tok_mix(key ^ 0xa0761d6478bd642fu, 0xe7037ed1a0b428dbu) & t->mask;
  while (t->edges[i].key != UINT64_MAX) i = (i + 1) & t->mask;
  t->edges[i] = (tok_edge){key, node};
}

static void grow(tok_trie *t) {
  tok_edge *old = t->edges;
  size_t slots = t->capacity ? t->mask + 1 : 0;
  t->capacity = t->capacity ? t->capacity * 2 : 64;
  t->values = mx_xrealloc(t->values, t->capacity * sizeof *t->values);
  t->mask = t->capacity * 2 - 1;
  t->edges = mx_xmalloc((t->mask + 1) * sizeof *t->edges);
  memset(t->edges, 0xff, (t->mask + 1) * sizeof *t->edges);
  for (size_t i = 0; i < slots; i++)
    if (old[i].key != UINT64_MAX) put_edge(t, old[i].key, old[i].node);
  free(old);
}

static uint32_t new_node(tok_trie *t) {
  if (t->count == t->capacity) grow(t);
  t->values[t->count] = -1;
  return (uint32_t)t->count++;
}

void tok_trie_add(tok_trie *t, const char *text, size_t size, int32_t value, bool replace) {
  if (!t->count) new_node(t);
  uint32_t node = 0;
  for (size_t i = 0; i < size; i++) {
    uint32_t next = tok_trie_step(t, node, (unsigned char)text[i]);
    if (!next) {
      next = new_node(t);
      put_edge(t, (uint64_t)node << 8 | (unsigned char)text[i], next);
    }
    node = next;
  }
  if (replace || t->values[node] < 0) t->values[node] = value;
}

void tok_trie_free(tok_trie *t) {
  free(t->edges);
  free(t->values);
  *t = (tok_trie){0};
}
