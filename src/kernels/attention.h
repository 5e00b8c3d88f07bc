/* Kernels: attention. */
#ifndef KERNELS_ATTENTION_H
#define KERNELS_ATTENTION_H

#define MX_KERNELS_ATTENTION(K)

#endif
