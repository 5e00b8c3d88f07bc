/* Scans along an axis of a strided array. */
#ifndef DRIVERS_SCAN_H
#define DRIVERS_SCAN_H

#include "kernels/scan.h"

/* out, row-contiguous of the same shape: see scan_run in kernels/scan.h; `reverse` starts from the
 * end of the axis. Strides count elements. */
void mx_drive_scan(mx_scan_kind kind, mx_dtype dtype, const void *in, int ndim,
                   const int32_t *shape, const int64_t *strides, int axis, bool reverse,
                   bool inclusive, void *out);

#endif
