/* A function's graph: its nodes as steps between numbered values, recorded once and repeated on
 * other inputs, as it is or with its steps rewritten. Unlike a tape (tape.h), it holds everything
 * that the outputs need, constants included. */
#ifndef TRANSFORMS_GRAPH_H
#define TRANSFORMS_GRAPH_H

#include "base/vec.h"
#include "transforms/function.h"

typedef struct tr_graph_value {
  mx array; /* as recorded, a reference: it has the dtype and the shape; a constant is itself */
  int step; /* that makes it; -1 for inputs and constants */
} tr_graph_value;

typedef struct tr_step {
  mx_node *node; /* as recorded, a reference */
  int *in, *out; /* values: [node->input_count] and [node->output_count], in one block */
} tr_step;

typedef struct tr_graph {
  /* The first ones are the inputs; the others as depth first finds them, a step's outputs where it
   * can be taken. */
  MX_VEC(tr_graph_value) values;
  MX_VEC(tr_step) steps; /* in an order of evaluation */
  int input_count, output_count;
  int *outputs; /* values */
} tr_graph;

/* Records what lies between `inputs` (placeholders) and `outputs`; what is computed already is a
 * constant. False, without a message, where one of originals[input_count], which the placeholders
 * stand for, is met (NULL: there are none). */
bool tr_graph_record(tr_graph *g, const mx *inputs, const mx *originals, int input_count,
                     const mx *outputs, int output_count);
/* A placeholder of a's dtype and shape, which functions compiled inside are traced through; of the
 * innermost scope. */
mx tr_placeholder(mx a);
/* Traces f on placeholders like inputs[count], and records it. False after mx_fail; then the graph
 * is empty. */
bool tr_graph_trace(tr_graph *g, mx_fn f, const mx *inputs, int count);
void tr_graph_free(tr_graph *g);

/* Whether a value is an input, a constant, or the first output of its step: each of those once. */
static inline bool tr_graph_is_first(const tr_graph *g, int value) {
  int step = g->values.data[value].step;
  return step < 0 || g->steps.data[step].out[0] == value;
}

/* A step with its block of value numbers, zeroed. */
tr_step tr_step_new(mx_node *node);
void tr_step_free(tr_step *s);

/* Makes a step's outputs from its inputs; mx_node_again repeats the step. */
typedef bool (*tr_make)(const mx_node *node, const mx *inputs, const mx_spec *specs, mx *out);

/* Appends the outputs for other inputs, of the same dtypes and (unless shapeless) shapes, each step
 * by `make`. False after mx_fail. */
bool tr_graph_replay(const tr_graph *g, const mx *inputs, bool shapeless, tr_make make,
                     mx_arrays *outputs);

#endif
