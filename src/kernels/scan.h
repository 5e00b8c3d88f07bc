/* Kernels: scan. */
#ifndef KERNELS_SCAN_H
#define KERNELS_SCAN_H

#define MX_KERNELS_SCAN(K)

#endif
