/* Kernels: unary. */
#ifndef KERNELS_UNARY_H
#define KERNELS_UNARY_H

#define MX_KERNELS_UNARY(K)

#endif
