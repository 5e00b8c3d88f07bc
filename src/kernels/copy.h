/* Kernels: copy. */
#ifndef KERNELS_COPY_H
#define KERNELS_COPY_H

#define MX_KERNELS_COPY(K)

#endif
