/* Kernels: reduce. */
#ifndef KERNELS_REDUCE_H
#define KERNELS_REDUCE_H

#define MX_KERNELS_REDUCE(K)

#endif
