/* Kernels: gemm. */
#ifndef KERNELS_GEMM_H
#define KERNELS_GEMM_H

#define MX_KERNELS_GEMM(K)

#endif
