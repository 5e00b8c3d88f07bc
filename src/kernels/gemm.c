/* The matrix product's micro-kernels and the blocks made of them. */
#include "kernels/gemm.h"

#include "base/half.h"

#include <string.h>

static inline size_t mx_kernel_dtype_size(mx_dtype dtype) {
  return dtype == MX_FLOAT64 || dtype == MX_COMPLEX64 ? 8 : dtype == MX_FLOAT32 ? 4 : 2;
}

#if defined(__AVX512F__)
#define BYTES 64
#define ROWS 14
#define VECTORS 2
#define DEPTH 512
#elif defined(__AVX2__)
#define BYTES 32
#define ROWS 6
#define VECTORS 2
#elif defined(__aarch64__)
#define BYTES 16
#define ROWS 8
#define VECTORS 3
#else
#define BYTES 16
#define ROWS 4
#define VECTORS 2
#endif
#ifndef DEPTH
#define DEPTH 384
#endif

#define MICRO_INLINE static inline __attribute__((always_inline))
#define MR ROWS
#define NV VECTORS
/* Lower tiles, for the last rows and for strips of few. */
#define LOW (ROWS / 3)
#define MIDDLE (2 * LOW)
#define HIGH (3 * LOW)

/* sum += factor * row, of vectors, in the form that keeps the sum in its register: left to choose,
 * GCC moves and spills some. */
#if defined(__FMA__)
#define ADD_PRODUCT(sum, factor, row)                                      \
  if (sizeof(T) == 4)                                                      \
    __asm__("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(factor), "v"(row)); \
  else                                                                     \
    __asm__("vfmadd231pd %2, %1, %0" : "+v"(sum) : "v"(factor), "v"(row))
#else
#define ADD_PRODUCT(sum, factor, row) sum += factor * row
#endif
#define IN_PLACE
#define NAME(name) single_##name
#define T float
#define S float
#define LANES (BYTES / 4)
#include "kernels/gemm_micro.h"
#undef NAME
#undef T
#undef S
#undef LANES

#define NAME(name) double_##name
#define T double
#define S double
#define LANES (BYTES / 8)
#include "kernels/gemm_micro.h"
#undef NAME
#undef T
#undef S
#undef LANES
#undef ADD_PRODUCT
#undef IN_PLACE

#ifdef __AVX512BF16__
#define ADD_PRODUCT(sum, factor, row) \
  sum = (pairs_vector)_mm512_dpbf16_ps((__m512)sum, (__m512bh)factor, (__m512bh)row)
#define NAME(name) pairs_##name
#define T int32_t
#define S float
#define LANES (BYTES / 4)
#define pairs_finish single_finish
#include "kernels/gemm_micro.h"
#undef NAME
#undef T
#undef S
#undef LANES
#undef ADD_PRODUCT
#define HAS_PAIRS 1
#else
#define HAS_PAIRS 0
#endif

static float c_at(const void *c, int64_t i, mx_dtype dtype) {
  if (dtype == MX_FLOAT32) return ((const float *)c)[i];
  if (dtype == MX_BFLOAT16) return mx_bf16_to_f32(((const mx_bf16 *)c)[i]);
  return mx_f16_to_f32(((const mx_f16 *)c)[i]);
}

/* The usual case, alpha = 1 and no c, is a plain conversion. */
static void single_finish(const float *sums, int64_t sums_stride, int64_t count,
                          const mx_gemm_block *to, void *out, int64_t stride, const void *c,
                          int64_t c_stride) {
  float alpha = (float)to->alpha, beta = (float)to->beta, values[64];
  for (int64_t begin = 0; begin < count; begin += 64) {
    int64_t n = count - begin < 64 ? count - begin : 64;
    for (int64_t i = 0; i < n; i++) values[i] = alpha * sums[(begin + i) * sums_stride];
    if (c)
      for (int64_t i = 0; i < n; i++)
        values[i] += beta * c_at(c, (begin + i) * c_stride, to->dtype);
    if (to->dtype == MX_FLOAT32)
      for (int64_t i = 0; i < n; i++) ((float *)out)[(begin + i) * stride] = values[i];
    else if (to->dtype == MX_BFLOAT16)
      for (int64_t i = 0; i < n; i++)
        ((mx_bf16 *)out)[(begin + i) * stride] = mx_f32_to_bf16(values[i]);
    else
      for (int64_t i = 0; i < n; i++)
        ((mx_f16 *)out)[(begin + i) * stride] = mx_f32_to_f16(values[i]);
  }
}

static void double_finish(const double *sums, int64_t sums_stride, int64_t count,
                          const mx_gemm_block *to, void *out, int64_t stride, const void *c,
                          int64_t c_stride) {
  const double *addend = c;
  for (int64_t i = 0; i < count; i++)
    ((double *)out)[i * stride] =
        to->alpha * sums[i * sums_stride] + (c ? to->beta * addend[i * c_stride] : 0);
}

mx_gemm_sizes MX_KERNEL(gemm_sizes)(mx_dtype dtype) {
  int lanes = BYTES / (dtype == MX_FLOAT64 ? 8 : 4);
  return (mx_gemm_sizes){ROWS, VECTORS * lanes, dtype == MX_FLOAT64 ? DEPTH / 2 : DEPTH, LOW,
                         HAS_PAIRS && dtype == MX_BFLOAT16};
}

int MX_KERNEL(gemm_strip_rows)(int64_t m) {
  int64_t strips = (m + ROWS - 1) / ROWS, each = (m + strips - 1) / strips;
  return each <= LOW ? LOW : each <= MIDDLE ? MIDDLE : each <= HIGH ? HIGH : ROWS;
}

void MX_KERNEL(gemm_strip)(bool pairs, int64_t k, int rows, const void *a, const void *b,
                           float *sums, bool add) {
#if HAS_PAIRS
  if (pairs) {
    pairs_strip(k, rows, a, b, sums, add);
    return;
  }
#endif
  (void)pairs;
  single_strip(k, rows, a, b, sums, add);
}

void MX_KERNEL(gemm_in_place)(const mx_gemm_plain *p, int64_t begin, int64_t end) {
  if (p->dtype == MX_FLOAT64)
    double_in_place(p, begin, end);
  else
    single_in_place(p, begin, end);
}

void MX_KERNEL(gemm_block)(const mx_gemm_block *block) {
#if HAS_PAIRS
  if (block->pairs) {
    pairs_block(block);
    return;
  }
#endif
  if (block->dtype == MX_FLOAT64)
    double_block(block);
  else
    single_block(block);
}

void MX_KERNEL(gemm_finish)(const void *sums, int64_t sums_stride, int64_t count,
                            const mx_gemm_block *to, void *out, int64_t stride, const void *c,
                            int64_t c_stride) {
  if (to->dtype == MX_FLOAT64)
    double_finish(sums, sums_stride, count, to, out, stride, c, c_stride);
  else
    single_finish(sums, sums_stride, count, to, out, stride, c, c_stride);
}
