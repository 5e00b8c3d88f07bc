/* What evaluations of scatters share. */
#ifndef OPS_INDEX_H
#define OPS_INDEX_H

#include "array/codec.h"
#include "drivers/index.h"
#include "ops/ops.h"

/* Gives out row-major memory with a's elements, a's own where it is given up. False after mx_fail.
 */
bool mx_out_scattered(mx out, mx a);

/* In MLX's files a kind is its number in the class' list. False where the number is none. */
bool mx_visit_scatter_kind(mx_state *s, mx_scatter_kind *kind, const mx_scatter_kind *kinds,
                           int count);

#endif
