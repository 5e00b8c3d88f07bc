/* What evaluations of slice updates share. */
#ifndef OPS_SLICE_H
#define OPS_SLICE_H

#include "ops/ops.h"

/* out becomes a copy of `in` that may be written to: in's own memory where it is given up. */
bool mx_out_writable(mx out, mx in);
/* Copies `update` to out's elements that begin at `offset` and lie `strides` apart. */
void mx_write_window(mx out, int64_t offset, const int64_t *strides, mx update);

#endif
