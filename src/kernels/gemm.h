/* Kernels: gemm. */
#ifndef KERNELS_GEMM_H
#define KERNELS_GEMM_H

#include "kernels/isa.h"

#define MX_KERNELS_GEMM(K)

#ifdef MX_ISA
MX_KERNELS_GEMM(MX_DECLARE_KERNEL)
#endif

#endif
