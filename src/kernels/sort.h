/* Kernels: sorting. Elements become unsigned keys in the same order (floats by their bits, NaN
 * last); keys sort by quicksort on vectors (AVX-512) or by radix. To sort indices, a key carries
 * its index in its low half, which also keeps equal elements in their order. */
#ifndef KERNELS_SORT_H
#define KERNELS_SORT_H

#include "kernels/isa.h"

#include "mlx/mx/dtype.h"

#include <stdint.h>

#define MX_SORT_SLACK 64 /* elements past the end of `scratch` that may be written */
#define MX_SORT_PARTS 64 /* the most that sort_split makes */

/* What sort_keys_of found among floats: the keys alone do not tell these apart from one another, or
 * do so where MLX does not. */
#define MX_SORT_NAN 1
#define MX_SORT_NEGATIVE_ZERO 2
#define MX_SORT_POSITIVE_ZERO 4

/* sort_keys_of: keys, of the element's size, for n elements `step` apart; returns flags as above
 * (not for complex64). Negative zero sorts before positive zero. sort_of_keys: back to elements.
 *
 * sort_mend: gives the zeros and NaNs in the sorted `out` the order that they have in `in`, where
 * they are equal.
 *
 * sort_indexed_of: (key << 32 | first + i) for element i, in which both zeros have one key;
 * elements of at most 4 bytes. sort_wide_of: keys for elements of 8 bytes, zeros alike.
 *
 * sort_keys: sorts n keys of `bytes` bytes each; scratch has room for n + MX_SORT_SLACK. Where
 * `indexed` (8 bytes), the low halves rise already: only high halves need comparing.
 * sort_wide: the order of n keys of 8 bytes as indices, stably. words and index_spare have room for
 * n, spare for n + MX_SORT_SLACK.
 * sort_indices: the low halves of indexed keys.
 * sort_select: moves the kth smallest key to place kth, none above it before, none below it behind.
 *
 * sort_split: moves n keys into `parts` parts (a power of two): part p holds the keys from
 * pivots[p - 1] on and below pivots[p], begins at starts[p] and ends at starts[p + 1]. pivots:
 * parts
 * - 1, rising. Where `indexed` radix sorts follow, keys of a part stay in order. */
#define MX_KERNELS_SORT(K)                                                                         \
  K(int, sort_keys_of, (mx_dtype dtype, const void *in, int64_t step, int64_t n, void *keys))      \
  K(void, sort_of_keys, (mx_dtype dtype, const void *keys, int64_t n, void *out, int64_t step))    \
  K(void, sort_mend,                                                                               \
    (mx_dtype dtype, const void *in, int64_t in_step, void *out, int64_t out_step, int64_t n))     \
  K(void, sort_indexed_of,                                                                         \
    (mx_dtype dtype, const void *in, int64_t step, int64_t n, uint64_t first, uint64_t *keys))     \
  K(void, sort_wide_of, (mx_dtype dtype, const void *in, int64_t step, int64_t n, uint64_t *keys)) \
  K(void, sort_keys, (void *keys, void *scratch, int64_t n, int bytes, bool indexed))              \
  K(void, sort_wide,                                                                               \
    (const uint64_t *keys, uint32_t *indices, uint64_t *words, uint64_t *spare,                    \
     uint32_t *index_spare, int64_t n))                                                            \
  K(void, sort_indices, (const uint64_t *keys, int64_t n, uint32_t *out, int64_t step))            \
  K(void, sort_select, (void *keys, void *scratch, int64_t n, int64_t kth, int bytes))             \
  K(void, sort_split,                                                                              \
    (void *keys, void *scratch, int64_t n, const void *pivots, int parts, int64_t *starts,         \
     int bytes))

#ifdef MX_ISA
MX_KERNELS_SORT(MX_DECLARE_KERNEL)
#endif

#endif
