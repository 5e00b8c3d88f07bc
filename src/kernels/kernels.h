/* The table of kernels: one entry a function, listed by family as K(return type, name, parameters).
 * Kernels work on one piece of raw memory on the calling thread: no arrays, no allocation, no
 * locks. src/drivers/ splits whole operations into such pieces over the thread pool. */
#ifndef KERNELS_KERNELS_H
#define KERNELS_KERNELS_H

#include "kernels/attention.h"
#include "kernels/binary.h"
#include "kernels/copy.h"
#include "kernels/fused.h"
#include "kernels/gemm.h"
#include "kernels/index.h"
#include "kernels/isa.h"
#include "kernels/norm.h"
#include "kernels/qmm.h"
#include "kernels/random.h"
#include "kernels/reduce.h"
#include "kernels/rope.h"
#include "kernels/scan.h"
#include "kernels/softmax.h"
#include "kernels/sort.h"
#include "kernels/ternary.h"
#include "kernels/unary.h"
#include "kernels/variance.h"

#define MX_KERNEL_LIST(K) \
  MX_KERNELS_ATTENTION(K) \
  MX_KERNELS_BINARY(K)    \
  MX_KERNELS_COPY(K)      \
  MX_KERNELS_FUSED(K)     \
  MX_KERNELS_GEMM(K)      \
  MX_KERNELS_INDEX(K)     \
  MX_KERNELS_NORM(K)      \
  MX_KERNELS_QMM(K)       \
  MX_KERNELS_RANDOM(K)    \
  MX_KERNELS_REDUCE(K)    \
  MX_KERNELS_ROPE(K)      \
  MX_KERNELS_SCAN(K)      \
  MX_KERNELS_SOFTMAX(K)   \
  MX_KERNELS_SORT(K)      \
  MX_KERNELS_TERNARY(K)   \
  MX_KERNELS_UNARY(K)     \
  MX_KERNELS_VARIANCE(K)

typedef struct mx_kernels {
  const char *isa; /* "baseline", "avx2", "avx512", "avx512vnni", "avx512bf16", "neon" */
#define K(type, name, parameters) type(*name) parameters;
  MX_KERNEL_LIST(K)
#undef K
} mx_kernels;

/* The table chosen for this process: the best set that the CPU has, or the lower one that
 * MLX_CPU_ISA names. Set before main. */
extern const mx_kernels *mx_k;

#endif
