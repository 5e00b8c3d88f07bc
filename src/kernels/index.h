/* Kernels: reading and writing at indices. Indices become element offsets first, a few hundred at a
 * time; elements then move by offset. */
#ifndef KERNELS_INDEX_H
#define KERNELS_INDEX_H

#include "kernels/isa.h"

#include "mlx/mx/dtype.h"

#include <stdint.h>

/* How a scattered update meets the element that is there. MAX and MIN keep the element only where
 * it compares so: NaN on either side lets the update in (as in MLX). */
typedef enum mx_scatter_kind {
  MX_SCATTER_SET,
  MX_SCATTER_ADD,
  MX_SCATTER_PROD,
  MX_SCATTER_MAX,
  MX_SCATTER_MIN,
  MX_SCATTER_KINDS
} mx_scatter_kind;

/* index_offsets: offsets[i] += stride * index i, where the indices are integers of `dtype`, `step`
 * elements apart; negative ones count from `size`, and all are held to [0, last].
 *
 * index_gather: for each i < n copies `bytes` bytes from src + offsets[i] * item to
 * out + i * bytes.
 *
 * index_scatter: out[offsets[i]] meets updates[i * step], i rising. index_update: out[i * out_step]
 * meets updates[i * step].
 *
 * index_mask_count: the number of nonzero bytes of n, `step` apart. index_masked_set: out[i]
 * becomes the next of the updates, which are `update_step` elements of `item` bytes apart, wherever
 * mask[i * mask_step] is set; returns how many were used. */
#define MX_KERNELS_INDEX(K)                                                                        \
  K(void, index_offsets,                                                                           \
    (const void *indices, mx_dtype dtype, int64_t step, int64_t n, int64_t size, int64_t last,     \
     int64_t stride, int64_t *offsets))                                                            \
  K(void, index_gather,                                                                            \
    (void *out, const void *src, const int64_t *offsets, int64_t n, int64_t item, int64_t bytes))  \
  K(void, index_scatter,                                                                           \
    (mx_scatter_kind kind, mx_dtype dtype, void *out, const int64_t *offsets, const void *updates, \
     int64_t step, int64_t n))                                                                     \
  K(void, index_update,                                                                            \
    (mx_scatter_kind kind, mx_dtype dtype, void *out, int64_t out_step, const void *updates,       \
     int64_t step, int64_t n))                                                                     \
  K(int64_t, index_mask_count, (const void *mask, int64_t step, int64_t n))                        \
  K(int64_t, index_masked_set,                                                                     \
    (void *out, const void *mask, int64_t mask_step, int64_t n, const void *updates,               \
     int64_t update_step, int64_t item))

#ifdef MX_ISA
MX_KERNELS_INDEX(MX_DECLARE_KERNEL)
#endif

#endif
