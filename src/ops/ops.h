/* What the families of operations share: small helpers over arrays, and nothing public. */
#ifndef OPS_OPS_H
#define OPS_OPS_H

#include "array/primitive.h"
#include "array/scope.h"
#include "mlx/mx/shape.h"

/* An operation that has nothing to do returns its input, owned by the scope like a new array. */
static inline mx mx_same(mx a) { return mx_scope_own(mx_retain(a)); }

/* The shape that two arrays broadcast to, into shape[MX_MAX_NDIM]; its ndim, or -1 after
 * mx_fail. Null arrays give -1 too. */
int mx_broadcast_shape(mx a, mx b, int *shape);
/* The same of shapes; `shape` may be one of them. */
int mx_broadcast_shapes(const int *a, int a_ndim, const int *b, int b_ndim, int *shape);

/* Broadcasts both, as MLX's binary operations do before they make their node. */
bool mx_broadcast_pair(mx *a, mx *b);
/* Broadcasts arrays against each other along all axes but these (counted from the end, ascending),
 * in place. False after mx_fail. */
bool mx_broadcast_but(mx *arrays, int count, mx_ints ignored);

/* Axes made non-negative, sorted and checked for repeats: into sorted[MX_MAX_NDIM]; their count, or
 * -1 after mx_fail. */
int mx_normalize_axes(const char *op, mx_ints axes, int ndim, int *sorted);

/* A list of ints of its own (parameters): copies up to MX_MAX_NDIM of them. */
static inline void mx_copy_ints(int *to, const int *from, int count) {
  for (int i = 0; i < count; i++) to[i] = from[i];
}

/* An output_shape: every output has the first input's shape. */
int mx_shape_of_first(const mx_node *node, const mx *inputs, int output, int *shape);
/* The same where all inputs must have that shape. */
int mx_shape_of_all(const mx_node *node, const mx *inputs, int output, int *shape);
/* What an output_shape returns for inputs that fit neither each other nor the parameters: -1, after
 * mx_fail with the inputs' shapes. */
int mx_shapes_misfit(const mx_node *node, const mx *inputs);
/* Whether two arrays have the same shape but for `axis` (-1: no exception). */
bool mx_same_shape_but(mx a, mx b, int axis);

/* Whether a graph's step has transposed it. */
bool mx_is_transposed(mx a);

/* ---- For eval functions ---- */

/* The input's elements in row-major order: its own memory where they lie so already, else a copy in
 * *temporary, which the caller releases (NULL otherwise). NULL after mx_fail. */
const void *mx_row_major_data(mx in, mx_buffer **temporary);
/* A row-major copy that lasts as long as the evaluation (its scope owns it); NULL after mx_fail. */
mx mx_row_major_copy(mx in);
/* The input itself where the elements of its last axis lie side by side, else such a copy. */
mx mx_with_dense_rows(mx in);
/* Copies in's elements into row-major memory at `to`. */
void mx_copy_row_major(void *to, mx in);
/* Gives out the memory of `in` if it can (same bytes an element, row-major, not needed any more).
 */
bool mx_out_donate(mx out, mx in);

#endif
