/* Kernels: ternary. */
#ifndef KERNELS_TERNARY_H
#define KERNELS_TERNARY_H

#define MX_KERNELS_TERNARY(K)

#endif
