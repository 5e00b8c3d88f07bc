/* Kernels: qmm. */
#ifndef KERNELS_QMM_H
#define KERNELS_QMM_H

#include "kernels/isa.h"

#define MX_KERNELS_QMM(K)

#ifdef MX_ISA
MX_KERNELS_QMM(MX_DECLARE_KERNEL)
#endif

#endif
