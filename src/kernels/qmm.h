/* Kernels: qmm. */
#ifndef KERNELS_QMM_H
#define KERNELS_QMM_H

#define MX_KERNELS_QMM(K)

#endif
