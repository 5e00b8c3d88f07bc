/* Whole copies between strided memory of any two dtypes, over the thread pool. */
#ifndef DRIVERS_COPY_H
#define DRIVERS_COPY_H

#include "mlx/mx/dtype.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* dst[i...] = src[i...] converted to dst_dtype (see copy_cast in kernels/copy.h), for every index
 * in the shape. Strides are in elements of their own operand, of any sign; a source stride of 0
 * broadcasts. dst and src do not overlap (equal pointers, strides and dtypes are fine). No two
 * indices may share an element of dst. */
void mx_copy_strided(void *dst, mx_dtype dst_dtype, const int64_t *dst_strides, const void *src,
                     mx_dtype src_dtype, const int64_t *src_strides, const int32_t *shape,
                     int ndim);

/* The same for n elements that lie one after the other on both sides. */
void mx_copy_dense(void *dst, mx_dtype dst_dtype, const void *src, mx_dtype src_dtype, int64_t n);

/* n copies of one element. */
void mx_copy_fill(void *dst, mx_dtype dst_dtype, const void *value, mx_dtype value_dtype,
                  int64_t n);

/* Whether a result of so many bytes is worth writing past the caches: where it does not stay in
 * them anyway, and on CPUs where that is faster (AMD's; measured slower on Intel's, whose cores are
 * held up by it more than the saved reads bring). mx_stream_bytes is the threshold, for tests to
 * lower. */
extern int64_t mx_stream_bytes;
static inline bool mx_worth_streaming(int64_t bytes) { return bytes >= mx_stream_bytes; }

/* Transposed results of at least so many bytes are written past the caches on any CPU: their lines
 * lie too far apart for it to be cheap that a line is read before it is overwritten. */
extern int64_t mx_turn_bytes;

/* Orders the streaming stores of this thread before whatever it does next. */
static inline void mx_stream_fence(void) {
#if defined(__x86_64__)
  __builtin_ia32_sfence();
#endif
}

#endif
