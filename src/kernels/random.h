/* Kernels: Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2,
 * 3", 2011), and the floats made from its words. */
#ifndef KERNELS_RANDOM_H
#define KERNELS_RANDOM_H

#include "kernels/isa.h"

#include <stdint.h>

/* The two words of the hashes of the counters (c0 + i, c1 + i), i in [0, n), under the key. */
#define MX_THREEFRY_PARAMETERS                                                                  \
  (uint32_t key0, uint32_t key1, uint32_t c0, uint32_t c1, uint32_t * first, uint32_t * second, \
   int64_t n)

/* n random words become n floats:
 *   uniform  bits / 2^32, at most the storage's last number below 1
 *   normal   erfinv(2 u - 1 + 2^-24) for float32's u, times `scale`, each rounded to the storage
 *   gumbel   -log(-log(u)), each step rounded to the storage
 * `scale` serves normal alone. */
#define MX_RANDOM_FLOATS_PARAMETERS (const uint32_t *bits, void *out, int64_t n, float scale)

#define MX_KERNELS_RANDOM_KIND(K, T)                       \
  K(void, random_uniform_##T, MX_RANDOM_FLOATS_PARAMETERS) \
  K(void, random_normal_##T, MX_RANDOM_FLOATS_PARAMETERS)  \
  K(void, random_gumbel_##T, MX_RANDOM_FLOATS_PARAMETERS)

#define MX_KERNELS_RANDOM(K)                \
  K(void, threefry, MX_THREEFRY_PARAMETERS) \
  MX_KERNELS_RANDOM_KIND(K, f32)            \
  MX_KERNELS_RANDOM_KIND(K, f16)            \
  MX_KERNELS_RANDOM_KIND(K, bf16)

#ifdef MX_ISA
MX_KERNELS_RANDOM(MX_DECLARE_KERNEL)
#endif

#endif
