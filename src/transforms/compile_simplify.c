/* Simplification of a recorded graph: one pass in order of evaluation, in which each step looks
 * itself up among those before it, and one backwards, which drops what nothing needs. */
#include "transforms/compile_passes.h"

#include <stdlib.h>
#include <string.h>

/* A hash table of indices; whoever asks compares. */
typedef struct {
  int *slots; /* index + 1 */
  size_t mask;
} table;

static table table_new(size_t entries) {
  size_t slots = 64;
  while (slots < 2 * entries) slots *= 2;
  return (table){mx_xcalloc(slots, sizeof(int)), slots - 1};
}

static uint64_t mix(uint64_t hash, uint64_t x) {
  hash = (hash ^ x) * 0x9E3779B97F4A7C15u;
  return hash ^ hash >> 29;
}

/* ---- Scalars ---- */

/* Whether it can be read without waiting. */
static bool is_scalar(const tr_graph *g, int value) {
  mx a = g->values.data[value].array;
  return value >= g->input_count && g->values.data[value].step < 0 && a->ndim == 0 &&
         atomic_load_explicit(&a->status, memory_order_acquire) == MX_AVAILABLE;
}

static uint64_t scalar_bits(mx a) {
  uint64_t bits = 0;
  memcpy(&bits, a->data, mx_dtype_size(a->dtype));
  return bits;
}

/* Points equal scalars at the first of them. */
static void merge_scalars(const tr_graph *g, int *stands_for) {
  int count = (int)g->values.size;
  table t = table_new((size_t)count);
  for (int v = g->input_count; v < count; v++) {
    if (!is_scalar(g, v)) continue;
    mx a = g->values.data[v].array;
    size_t at = (size_t)mix(scalar_bits(a), a->dtype) & t.mask;
    for (; t.slots[at]; at = (at + 1) & t.mask) {
      mx other = g->values.data[t.slots[at] - 1].array;
      if (other->dtype == a->dtype && scalar_bits(other) == scalar_bits(a)) break;
    }
    if (t.slots[at])
      stands_for[v] = t.slots[at] - 1;
    else
      t.slots[at] = v + 1;
  }
  free(t.slots);
}

/* ---- Steps ---- */

static bool same_form(const tr_graph *g, const tr_step *a, const tr_step *b) {
  for (int i = 0; i < a->node->output_count; i++) {
    mx x = g->values.data[a->out[i]].array, y = g->values.data[b->out[i]].array;
    if (x->dtype != y->dtype || x->ndim != y->ndim ||
        !mx_same_shape(mx_shape_of(x), mx_shape_of(y), x->ndim))
      return false;
  }
  return true;
}

static bool equal(const tr_graph *g, const tr_step *a, const tr_step *b) {
  const mx_node *x = a->node, *y = b->node;
  const mx_primitive *p = x->primitive;
  if (p != y->primitive || x->stream.index != y->stream.index || x->input_count != y->input_count ||
      x->output_count != y->output_count ||
      memcmp(a->in, b->in, (size_t)x->input_count * sizeof *a->in) || !same_form(g, a, b))
    return false;
  if (p->equal) return p->equal(x, y);
  return !p->params_size || !memcmp(x->params, y->params, p->params_size);
}

static uint64_t hash_of(const tr_step *s) {
  uint64_t hash = mix((uint64_t)s->node->stream.index, (uintptr_t)s->node->primitive);
  for (int i = 0; i < s->node->input_count; i++) hash = mix(hash, (uint64_t)s->in[i]);
  return hash;
}

void cp_simplify(tr_graph *g) {
  int *stands_for = mx_xmalloc((g->values.size + 1) * sizeof *stands_for);
  for (size_t i = 0; i < g->values.size; i++) stands_for[i] = (int)i;
  merge_scalars(g, stands_for);
  table t = table_new(g->steps.size);
  for (size_t i = 0; i < g->steps.size; i++) {
    tr_step *s = &g->steps.data[i];
    for (int k = 0; k < s->node->input_count; k++) s->in[k] = stands_for[s->in[k]];
    if (s->node->primitive->role == MX_ROLE_IDENTITY) {
      int outputs = s->node->output_count, first = s->node->input_count - outputs;
      for (int o = 0; o < outputs; o++) stands_for[s->out[o]] = s->in[first + o];
      continue;
    }
    size_t at = (size_t)hash_of(s) & t.mask;
    while (t.slots[at] && !equal(g, &g->steps.data[t.slots[at] - 1], s)) at = (at + 1) & t.mask;
    if (!t.slots[at]) {
      t.slots[at] = (int)i + 1;
      continue;
    }
    const tr_step *first = &g->steps.data[t.slots[at] - 1];
    for (int o = 0; o < s->node->output_count; o++) stands_for[s->out[o]] = first->out[o];
  }
  for (int i = 0; i < g->output_count; i++) g->outputs[i] = stands_for[g->outputs[i]];
  free(t.slots);
  free(stands_for);
}

/* ---- What is needed ---- */

void cp_prune(tr_graph *g) {
  bool *needed = mx_xcalloc(g->steps.size + 1, sizeof *needed);
  for (int i = 0; i < g->output_count; i++) {
    int step = g->values.data[g->outputs[i]].step;
    if (step >= 0) needed[step] = true;
  }
  for (size_t i = g->steps.size; i-- > 0;) {
    tr_step *s = &g->steps.data[i];
    for (int k = 0; needed[i] && k < s->node->input_count; k++) {
      int step = g->values.data[s->in[k]].step;
      if (step >= 0) needed[step] = true;
    }
  }
  size_t kept = 0;
  for (size_t i = 0; i < g->steps.size; i++) {
    tr_step s = g->steps.data[i];
    if (!needed[i]) {
      tr_step_free(&s);
      continue;
    }
    for (int o = 0; o < s.node->output_count; o++) g->values.data[s.out[o]].step = (int)kept;
    g->steps.data[kept++] = s;
  }
  g->steps.size = kept;
  free(needed);
}
