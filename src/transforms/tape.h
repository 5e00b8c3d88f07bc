/* The tape: the nodes between a function's traced inputs and its outputs, in the order of their
 * evaluation. Every transform that walks a function's graph walks one of these. */
#ifndef TRANSFORMS_TAPE_H
#define TRANSFORMS_TAPE_H

#include "base/ptr_map.h"
#include "base/vec.h"
#include "transforms/function.h"

/* A value that a transform carries for an array: its cotangent, its tangent, its batched form. */
typedef struct {
  mx array;
  int axis; /* vmap's */
} tr_value;

typedef struct {
  mx_node *node;    /* a reference of the tape's */
  mx *outputs;      /* [node->output_count], owned by the scope */
  tr_value *values; /* [node->output_count], of the outputs; array NULL where there is none */
} tr_entry;

typedef struct {
  MX_VEC(tr_entry) entries;
  mx_ptr_map nodes;  /* node -> its place in entries + 1, or 0: nothing to carry */
  mx_ptr_map inputs; /* traced array -> its place in input_values + 1 */
  tr_value *input_values;
} tr_tape;

/* Records the nodes that lie between inputs[input_count] (where carried[i]; NULL: all) and the
 * outputs, and takes the mark of a tracer from all that this trace has put it on: what depends on
 * tracers[i] is from now on a tracer only where before[i] (the array that it stands for; NULL:
 * none) is one. through_stops: nodes that stop gradients are carried through, too. */
void tr_tape_record(tr_tape *tape, const mx *tracers, const mx *before, const bool *carried,
                    int input_count, const mx *outputs, int output_count, bool through_stops);
void tr_tape_free(tr_tape *tape);

/* The place of an array's value; NULL where the array is not on the tape. */
tr_value *tr_value_of(tr_tape *tape, mx a);

#endif
