/* Kernels: copies, casts, fills, transposed and strided moves of elements. */
#ifndef KERNELS_COPY_H
#define KERNELS_COPY_H

#include "kernels/isa.h"

#include "mlx/mx/dtype.h"

#include <stdint.h>

/* copy_cast: n elements of one dtype to another. Complex to real drops the imaginary part; floats
 * to integers truncate, and what the integer cannot hold is what x86 yields (INT32_MIN for int32,
 * its low bits for the narrower ones, and so on: MLX's values). copy_rect: dst[r * dst_row + c *
 * dst_col] = src[r * src_row + c * src_col], elements of `size` bytes (1, 2, 4 or 8), strides in
 * elements. copy_fill: n copies of the `size` bytes at value. copy_stream: as memcpy, past the
 * caches; the caller fences (mx_stream_fence). copy_turn: dst[r * dst_row + c] = src[c * src_col +
 * r], past the caches too. copy_runs: for a < outer and b < inner, the `bytes` at src + a *
 * src_outer + b * src_inner to dst + a * dst_outer + b * dst_inner, strides in bytes, past the
 * caches where all are lines. */
#define MX_KERNELS_COPY(K)                                                                     \
  K(void, copy_cast,                                                                           \
    (void *dst, mx_dtype dst_dtype, const void *src, mx_dtype src_dtype, int64_t n))           \
  K(void, copy_rect,                                                                           \
    (void *dst, int64_t dst_row, int64_t dst_col, const void *src, int64_t src_row,            \
     int64_t src_col, int64_t rows, int64_t cols, int size))                                   \
  K(void, copy_fill, (void *dst, const void *value, int64_t n, int size))                      \
  K(void, copy_stream, (void *dst, const void *src, int64_t bytes))                            \
  K(void, copy_turn,                                                                           \
    (void *dst, int64_t dst_row, const void *src, int64_t src_col, int64_t rows, int64_t cols, \
     int size))                                                                                \
  K(void, copy_runs,                                                                           \
    (void *dst, int64_t dst_outer, int64_t dst_inner, const void *src, int64_t src_outer,      \
     int64_t src_inner, int64_t outer, int64_t inner, int64_t bytes))

/* CASE(bytes, type) for the type of elements of that size: complete cases. */
#define MX_BY_SIZE(size, CASE) \
  switch (size) {              \
    CASE(1, uint8_t)           \
    CASE(2, uint16_t)          \
    CASE(4, uint32_t)          \
    CASE(8, uint64_t)          \
  }

#ifdef MX_ISA
MX_KERNELS_COPY(MX_DECLARE_KERNEL)
#endif

#endif
