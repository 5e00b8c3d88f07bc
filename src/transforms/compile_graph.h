/* A recorded function: its nodes as steps between numbered values, which compile rewrites and then
 * repeats on other inputs. */
#ifndef TRANSFORMS_COMPILE_GRAPH_H
#define TRANSFORMS_COMPILE_GRAPH_H

#include "base/vec.h"
#include "transforms/function.h"

typedef struct {
  mx array; /* as traced, a reference: it has the dtype and the shape; a constant is itself */
  int step; /* that makes it; -1 for inputs and constants */
} cp_value;

typedef struct {
  mx_node *node; /* as traced, a reference */
  int *in, *out; /* values: [node->input_count] and [node->output_count], in one block */
} cp_step;

typedef struct {
  MX_VEC(cp_value) values; /* the first ones are the inputs */
  MX_VEC(cp_step) steps;   /* in an order of evaluation */
  int input_count, output_count;
  int *outputs; /* values */
} cp_graph;

/* Records what lies between `inputs` (placeholders) and `outputs`; constants are kept as part of
 * the graph as far as they are not computed. False after mx_fail where one of
 * originals[input_count], which the placeholders stand for, is met. */
bool cp_record(cp_graph *g, const mx *inputs, const mx *originals, int input_count,
               const mx *outputs, int output_count);
void cp_free(cp_graph *g);

/* Merges equal scalars and equal steps, and drops those that hand their input on. */
void cp_simplify(cp_graph *g);
/* Drops steps that no output needs. */
void cp_prune(cp_graph *g);
/* Puts one step in place of several that compute element by element. No step is idle. False after
 * mx_fail. */
bool cp_fuse(cp_graph *g, bool shapeless);

/* A step's block of value numbers, zeroed. */
cp_step cp_step_new(mx_node *node);
void cp_step_free(cp_step *s);

/* Appends the graph's outputs for these inputs. False after mx_fail. */
bool cp_replay(const cp_graph *g, const mx *inputs, bool shapeless, mx_arrays *outputs);

#endif
