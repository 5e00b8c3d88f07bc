/* What compile does to a recorded graph before it is repeated. */
#ifndef TRANSFORMS_COMPILE_PASSES_H
#define TRANSFORMS_COMPILE_PASSES_H

#include "transforms/graph.h"

/* Merges equal scalars and equal steps, and drops those that hand their input on. */
void cp_simplify(tr_graph *g);
/* Drops steps that no output needs. */
void cp_prune(tr_graph *g);
/* Puts one step in place of several that compute element by element. No step is idle. False after
 * mx_fail. */
bool cp_fuse(tr_graph *g, bool shapeless);

#endif
