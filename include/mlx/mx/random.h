/* Random numbers: Threefry-2x32, the same bits as MLX for the same key (mx.random). A key is uint32
 * [2]; NULL takes the next one of the process's own sequence. */
#ifndef MLX_MX_RANDOM_H
#define MLX_MX_RANDOM_H

#include "mlx/mx/array.h"
#include "mlx/mx/shape.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Restarts the process's sequence of keys, which otherwise begins with the time. */
MX_API void mx_random_seed(uint64_t seed);
MX_API mx mx_random_key(uint64_t seed);
/* [count, 2]: as many keys made of one. */
MX_API mx mx_random_split(mx key, int count);
/* Uniform bits: uint32, uint16 or uint8 for a width of 4, 2 or 1 bytes. */
MX_API mx mx_random_bits(mx_ints shape, int width, mx key);

/* The distributions below: low, high, ... broadcast to the shape. */
/* Floats in [low, high). */
MX_API mx mx_random_uniform(mx low, mx high, mx_ints shape, mx_dtype dtype, mx key);
/* Floats (or complex64) of mean loc and deviation scale; NULL means 0 and 1. */
MX_API mx mx_random_normal(mx_ints shape, mx_dtype dtype, mx loc, mx scale, mx key);
/* Standard normal, kept to [lower, upper]. MX_NO_INTS: the shape that the two broadcast to. */
MX_API mx mx_random_truncated_normal(mx lower, mx upper, mx_ints shape, mx_dtype dtype, mx key);
MX_API mx mx_random_laplace(mx_ints shape, mx_dtype dtype, float loc, float scale, mx key);
MX_API mx mx_random_gumbel(mx_ints shape, mx_dtype dtype, mx key);
/* Integers (or bool) in [low, high). */
MX_API mx mx_random_randint(mx low, mx high, mx_ints shape, mx_dtype dtype, mx key);
/* bool, true with probability p (floats). MX_NO_INTS: p's shape. */
MX_API mx mx_random_bernoulli(mx p, mx_ints shape, mx key);
/* uint32 indices along `axis`, drawn by the softmax of the logits. shape: what the other axes
 * broadcast to (MX_NO_INTS: as they are); or num_samples > 0: so many of each, as last axis. */
typedef struct mx_random_categorical_args {
  int axis;
  mx_ints shape;
  int num_samples;
  mx key;
} mx_random_categorical_args;
MX_API mx mx_random_categorical_with(mx logits, mx_random_categorical_args args);
#define mx_random_categorical(logits, ...) \
  mx_random_categorical_with(              \
      logits, (mx_random_categorical_args){.axis = -1, .shape = {NULL, -1}, __VA_ARGS__})
/* 0 .. n - 1 in random order, uint32; or the array's slices along an axis. */
MX_API mx mx_random_permutation_arange(int n, mx key);
MX_API mx mx_random_permutation(mx a, int axis, mx key);

#ifdef __cplusplus
}
#endif
#endif
