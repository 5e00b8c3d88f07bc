/* Kernels: sort. */
#ifndef KERNELS_SORT_H
#define KERNELS_SORT_H

#define MX_KERNELS_SORT(K)

#endif
