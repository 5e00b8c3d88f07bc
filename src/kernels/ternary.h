/* Kernels: selection of elements by a condition. */
#ifndef KERNELS_TERNARY_H
#define KERNELS_TERNARY_H

#include "kernels/isa.h"

#include <stdint.h>

/* out[i] = condition[i * c_step] ? a[i * a_step] : b[i * b_step] for n elements of `size` bytes (1,
 * 2, 4 or 8); conditions are bytes, 0 or 1; steps are 1, or 0 for a scalar. */
#define MX_KERNELS_TERNARY(K)                                                             \
  K(void, select,                                                                         \
    (int size, void *out, const void *condition, const void *a, const void *b, int64_t n, \
     int64_t c_step, int64_t a_step, int64_t b_step))

#ifdef MX_ISA
MX_KERNELS_TERNARY(MX_DECLARE_KERNEL)
#endif

#endif
