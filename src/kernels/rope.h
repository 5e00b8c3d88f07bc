/* Kernels: rope. */
#ifndef KERNELS_ROPE_H
#define KERNELS_ROPE_H

#define MX_KERNELS_ROPE(K)

#endif
