/* Random words and floats from Threefry keys, over the thread pool. The words are MLX's, bit for
 * bit: with W words to a key and h = W / 2 (rounded down), word i < h and word i + W - h are the
 * two halves of the hash of (i, i + W - h), and an odd middle word h is the first half of that of
 * (h, 0). */
#ifndef DRIVERS_RANDOM_H
#define DRIVERS_RANDOM_H

#include "mlx/mx/dtype.h"

#include <stddef.h>
#include <stdint.h>

/* `bytes` random bytes under each key (two words), one key's after the other's. */
void mx_random_words(const uint32_t *keys, int64_t key_count, void *out, size_t bytes);

typedef enum { MX_RANDOM_UNIFORM, MX_RANDOM_NORMAL, MX_RANDOM_GUMBEL } mx_random_kind;

/* n floats under each key, one a word (see kernels/random.h): float32, float16 or bfloat16. */
void mx_random_floats(mx_random_kind kind, mx_dtype dtype, float scale, const uint32_t *keys,
                      int64_t key_count, void *out, int64_t n);

#endif
