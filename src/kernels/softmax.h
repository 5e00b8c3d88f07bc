/* Kernels: softmax. */
#ifndef KERNELS_SOFTMAX_H
#define KERNELS_SOFTMAX_H

#define MX_KERNELS_SOFTMAX(K)

#endif
