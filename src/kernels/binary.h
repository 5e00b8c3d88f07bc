/* Kernels: binary. */
#ifndef KERNELS_BINARY_H
#define KERNELS_BINARY_H

#define MX_KERNELS_BINARY(K)

#endif
