/* Kernels: norm. */
#ifndef KERNELS_NORM_H
#define KERNELS_NORM_H

#define MX_KERNELS_NORM(K)

#endif
