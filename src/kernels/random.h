/* Kernels: random. */
#ifndef KERNELS_RANDOM_H
#define KERNELS_RANDOM_H

#define MX_KERNELS_RANDOM(K)

#endif
