/* Kernels: index. */
#ifndef KERNELS_INDEX_H
#define KERNELS_INDEX_H

#define MX_KERNELS_INDEX(K)

#endif
