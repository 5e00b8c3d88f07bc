/* The whole graph of a function: traced once on placeholders, then replayed on other inputs. Unlike
 * a tape (tape.h), it holds everything that the outputs need, constants included. */
#ifndef TRANSFORMS_GRAPH_H
#define TRANSFORMS_GRAPH_H

#include "base/ptr_map.h"
#include "base/vec.h"
#include "transforms/function.h"

typedef struct tr_graph {
  MX_VEC(mx) inputs;  /* placeholders, owned */
  MX_VEC(mx) outputs; /* owned */
  /* Everything between, and both ends, in the order of evaluation; one array stands for all outputs
   * of its node. Arrays without a node are inputs or constants. Owned. */
  MX_VEC(mx) tape;
} tr_graph;

/* Traces f on placeholders like inputs[count]. False after mx_fail; then the graph is empty. */
bool tr_graph_trace(tr_graph *g, mx_fn f, const mx *inputs, int count);
/* Puts tape in order again, from inputs and outputs. */
void tr_graph_order(tr_graph *g);
void tr_graph_free(tr_graph *g);

/* Appends the outputs for other inputs, of the same dtypes and (unless shapeless) shapes. False
 * after mx_fail. */
bool tr_graph_replay(const tr_graph *g, const mx *inputs, bool shapeless, mx_arrays *outputs);

/* The same, each step made by `make` in place of mx_node_again. */
typedef bool (*tr_make)(const mx_node *node, const mx *inputs, const mx_spec *specs, mx *out);
bool tr_graph_replay_by(const tr_graph *g, const mx *inputs, bool shapeless, tr_make make,
                        mx_arrays *outputs);

#endif
