/* Packing for the matrix product: any strides in, panels of the computed type out. */
#include "kernels/gemm.h"
#include "kernels/kinds.h"

#include <string.h>

V_INLINE vf floats_of(const void *p, int64_t i, mx_dtype dtype) {
  if (dtype == MX_FLOAT32) return vf_load((const float *)p + i);
  if (dtype == MX_BFLOAT16) return vf_load_bf16((const mx_bf16 *)p + i);
  return vf_load_f16((const mx_f16 *)p + i);
}

V_INLINE vf floats_of_part(const void *p, int64_t i, mx_dtype dtype, int n) {
  if (dtype == MX_FLOAT32) return vf_load_part((const float *)p + i, n);
  if (dtype == MX_BFLOAT16) return vf_load_part_bf16((const mx_bf16 *)p + i, n);
  return vf_load_part_f16((const mx_f16 *)p + i, n);
}

V_INLINE float float_at(const void *p, int64_t i, mx_dtype dtype) {
  if (dtype == MX_FLOAT32) return ((const float *)p)[i];
  uint16_t h = ((const uint16_t *)p)[i];
  return dtype == MX_BFLOAT16 ? mx_bf16_to_f32((mx_bf16){h}) : mx_f16_to_f32((mx_f16){h});
}

/* VW rows of a panel from its row `at` on (fewer where it ends), `depth` <= VW of each, become
 * columns. */
V_INLINE void pack_square(const mx_gemm_source *s, int64_t first, int64_t at, int64_t rows,
                          int64_t k, int depth, int width, mx_dtype dtype, float *out) {
  vf v[VW];
#pragma GCC unroll 16
  for (int i = 0; i < VW; i++) {
    int64_t from = (first + at + (i < rows ? i : 0)) * s->stride + k;
    v[i] =
        depth == VW ? floats_of(s->data, from, dtype) : floats_of_part(s->data, from, dtype, depth);
    if (i >= rows) v[i] = vf_set(0);
  }
  vf_transpose(v);
  out += k * width + at;
  for (int j = 0; j < depth; j++)
    if (width % VW == 0 || width - at >= VW || (at == 0 && (depth - j) * width >= VW))
      vf_store(out + j * width, v[j]); /* what is written too far, the next store writes again */
    else
      vf_store_part(out + j * width, v[j], width % VW);
}

#if defined(__AVX512F__)
/* Up to sixteen rows, four k of each: loads put four rows' quarters side by side, and the turn that
 * is left stays within quarters. */
V_INLINE void pack_quarter(const float *from, int64_t stride, int rows, float *out, int width) {
  const __mmask16 keep = (__mmask16)((1 << rows) - 1);
  __m512 v[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    const float *row = from + i * stride;
    v[i] = _mm512_castps128_ps512(_mm_loadu_ps(row));
    if (rows > 4 + i)
      v[i] = _mm512_mask_broadcast_f32x4(v[i], 0x00f0, _mm_loadu_ps(row + 4 * stride));
    if (rows > 8 + i)
      v[i] = _mm512_mask_broadcast_f32x4(v[i], 0x0f00, _mm_loadu_ps(row + 8 * stride));
    if (rows > 12 + i)
      v[i] = _mm512_mask_broadcast_f32x4(v[i], 0xf000, _mm_loadu_ps(row + 12 * stride));
  }
  __m512d low = (__m512d)_mm512_unpacklo_ps(v[0], v[1]),
          high = (__m512d)_mm512_unpackhi_ps(v[0], v[1]);
  __m512d low2 = (__m512d)_mm512_unpacklo_ps(v[2], v[3]),
          high2 = (__m512d)_mm512_unpackhi_ps(v[2], v[3]);
  _mm512_mask_storeu_ps(out, keep, (__m512)_mm512_unpacklo_pd(low, low2));
  _mm512_mask_storeu_ps(out + width, keep, (__m512)_mm512_unpackhi_pd(low, low2));
  _mm512_mask_storeu_ps(out + 2 * width, keep, (__m512)_mm512_unpacklo_pd(high, high2));
  _mm512_mask_storeu_ps(out + 3 * width, keep, (__m512)_mm512_unpackhi_pd(high, high2));
}

/* Rows [at, at + rows) of a panel, if they are as many as tiles have; how much of k is done. */
V_INLINE int64_t pack_quarters(const mx_gemm_source *s, int64_t first, int64_t rows, int width,
                               float *out) {
  const float *from = (const float *)s->data + first * s->stride;
  int64_t k = 0;
#define QUARTERS(count) \
  if (rows == count)    \
    for (; k + 4 <= s->k; k += 4) pack_quarter(from + k, s->stride, count, out + k * width, width)
  QUARTERS(16);
  QUARTERS(14);
  QUARTERS(12);
  QUARTERS(8);
  QUARTERS(4);
#undef QUARTERS
  return k;
}
#endif

/* A panel whose rows are contiguous along k. */
V_INLINE void pack_rows(const mx_gemm_source *s, int64_t first, int64_t rows, int width,
                        mx_dtype dtype, float *out) {
  for (int64_t i = 0; i < rows; i += VW) {
    int64_t n = rows - i < VW ? rows - i : VW, k = 0;
#if defined(__AVX512F__)
    if (dtype == MX_FLOAT32 && n == (width - i < VW ? width - i : VW))
      k = pack_quarters(s, first + i, n, width, out + i);
#endif
    for (; k + VW <= s->k; k += VW) pack_square(s, first, i, n, k, VW, width, dtype, out);
    if (k < s->k) pack_square(s, first, i, n, k, (int)(s->k - k), width, dtype, out);
  }
}

/* Panels that are contiguous across, stride 1: some at a time, so that long runs are read of each
 * row, which may be in a page of its own. */
V_INLINE void pack_columns(const mx_gemm_source *s, int64_t first, int64_t columns, int width,
                           mx_dtype dtype, float *out) {
  int64_t panel = width * s->k;
  for (int64_t k = 0; k < s->k; k++, out += width) {
    int64_t at = first + k * s->k_stride, c = 0;
    float *to = out;
    for (; c + width <= columns; c += width, to += panel)
      for (int i = 0; i < width; i += VW) {
        if (width - i >= VW)
          vf_store(to + i, floats_of(s->data, at + c + i, dtype));
        else
          for (int j = i; j < width; j++) to[j] = float_at(s->data, at + c + j, dtype);
      }
    for (int64_t i = 0; c + i < columns; i++) to[i] = float_at(s->data, at + c + i, dtype);
  }
}

#define TOGETHER 8 /* panels */

static void pack_across(const mx_gemm_source *s, int width, int64_t begin, int64_t end,
                        float *packed) {
  for (int64_t p = begin; p < end; p += TOGETHER) {
    int64_t first = p * width, columns = (end - p < TOGETHER ? end - p : TOGETHER) * width;
    float *out = packed + first * s->k;
    if (columns > s->count - first) {
      columns = s->count - first;
      memset(out + columns / width * width * s->k, 0, (size_t)(width * s->k) * sizeof *out);
    }
    if (s->dtype == MX_FLOAT32)
      pack_columns(s, first, columns, width, MX_FLOAT32, out);
    else if (s->dtype == MX_BFLOAT16)
      pack_columns(s, first, columns, width, MX_BFLOAT16, out);
    else
      pack_columns(s, first, columns, width, MX_FLOAT16, out);
  }
}

V_INLINE void pack_floats(const mx_gemm_source *s, int64_t first, int64_t rows, int width,
                          mx_dtype dtype, float *out) {
  if (s->k_stride == 1)
    pack_rows(s, first, rows, width, dtype, out);
  else
    for (int64_t k = 0; k < s->k; k++)
      for (int64_t i = 0; i < rows; i++)
        out[k * width + i] = float_at(s->data, (first + i) * s->stride + k * s->k_stride, dtype);
}

static void pack_doubles(const mx_gemm_source *s, int64_t first, int64_t rows, int width,
                         double *out) {
  const double *from = (const double *)s->data + first * s->stride;
  for (int64_t k = 0; k < s->k; k++)
    if (s->stride == 1)
      memcpy(out + k * width, from + k * s->k_stride, (size_t)rows * sizeof *out);
    else
      for (int64_t i = 0; i < rows; i++) out[k * width + i] = from[i * s->stride + k * s->k_stride];
}

/* `first`, `rows` and s->k count complex numbers; the panel of A holds two rows for each, and every
 * panel two steps of k. */
static void pack_complex(const mx_gemm_source *s, int64_t first, int64_t rows, int width, bool left,
                         float *out) {
  const mx_complex64 *from = (const mx_complex64 *)s->data + first * s->stride;
  for (int64_t k = 0; k < s->k; k++, out += 2 * width)
    for (int64_t i = 0; i < rows; i++) {
      mx_complex64 z = from[i * s->stride + k * s->k_stride];
      if (left) {
        out[2 * i] = z.re, out[2 * i + 1] = z.im;
        out[width + 2 * i] = -z.im, out[width + 2 * i + 1] = z.re;
      } else {
        out[i] = z.re, out[width + i] = z.im;
      }
    }
}

#ifdef __AVX512BF16__
/* Number `pair` of a row: its k's 2 pair and 2 pair + 1. */
V_INLINE uint32_t pair_at(const mx_gemm_source *s, int64_t row, int64_t pair) {
  const uint16_t *p = (const uint16_t *)s->data + row * s->stride + 2 * pair * s->k_stride;
  return p[0] | (2 * pair + 1 < s->k ? (uint32_t)p[s->k_stride] << 16 : 0);
}

/* Rows of a panel from number `from` on. */
static void pack_pairs(const mx_gemm_source *s, int64_t first, int64_t rows, int width,
                       int64_t from, uint32_t *out) {
  for (int64_t pair = from; pair < (s->k + 1) / 2; pair++)
    for (int64_t i = 0; i < rows; i++) out[pair * width + i] = pair_at(s, first + i, pair);
}

/* Two rows of k, side by side: `panels` whole panels from column `first` on, together. */
static void pack_pairs_across(const mx_gemm_source *s, int64_t first, int64_t panels, int width,
                              uint32_t *out) {
  const int64_t panel = (s->k + 1) / 2 * width;
  const uint16_t *p = (const uint16_t *)s->data + first;
  for (int64_t k = 0; k + 1 < s->k; k += 2, p += 2 * s->k_stride, out += width)
    for (int64_t j = 0; j < panels; j++)
      for (int i = 0; i < width; i += 16) {
        const uint16_t *from = p + j * width + i;
        const __mmask16 there = width - i < 16 ? (1u << (width - i)) - 1 : 0xffff;
        __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(there, from));
        __m512i high = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(there, from + s->k_stride));
        _mm512_mask_storeu_epi32(out + j * panel + i, there,
                                 _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
      }
}

/* Whole pairs are copied as if they were floats, where rows begin at even places. */
static void pack_panels_of_pairs(const mx_gemm_source *s, int width, int64_t begin, int64_t end,
                                 uint32_t *packed) {
  const int64_t panel = (s->k + 1) / 2 * width;
  const bool as_floats = s->k_stride == 1 && s->stride % 2 == 0;
  const mx_gemm_source floats = {s->data, MX_FLOAT32, s->count, s->k / 2, s->stride / 2, 1, false};
  const int64_t whole = s->stride == 1 ? s->count / width : 0;
  const int64_t last = end < whole ? end : whole;
  for (int64_t p = begin; p < last && !as_floats; p += TOGETHER)
    pack_pairs_across(s, p * width, last - p < TOGETHER ? last - p : TOGETHER, width,
                      packed + p * panel);
  for (int64_t p = begin; p < end; p++) {
    int64_t first = p * width, rows = s->count - first < width ? s->count - first : width;
    uint32_t *out = packed + p * panel;
    if (rows < width) memset(out, 0, (size_t)panel * sizeof *out);
    if (as_floats) pack_rows(&floats, first, rows, width, MX_FLOAT32, (float *)out);
    pack_pairs(s, first, rows, width, as_floats || p < whole ? s->k / 2 : 0, out);
  }
}
#endif

void MX_KERNEL(gemm_pack)(const mx_gemm_source *s, int width, int64_t begin, int64_t end, bool left,
                          void *packed) {
  bool complex = s->dtype == MX_COMPLEX64, twofold = complex && left;
  int64_t across = twofold ? width / 2 : width;
  int64_t depth = complex ? 2 * s->k : s->k;
  size_t size = s->dtype == MX_FLOAT64 ? sizeof(double) : sizeof(float);
#ifdef __AVX512BF16__
  if (s->pairs) {
    pack_panels_of_pairs(s, width, begin, end, packed);
    return;
  }
#endif
  if (!complex && s->dtype != MX_FLOAT64 && s->stride == 1 && s->k_stride != 1) {
    pack_across(s, width, begin, end, packed);
    return;
  }
  for (int64_t p = begin; p < end; p++) {
    char *out = (char *)packed + (size_t)(p * width * depth) * size;
    int64_t first = p * across, rows = s->count - first < across ? s->count - first : across;
    if (rows < across) memset(out, 0, (size_t)(width * depth) * size);
    switch (s->dtype) {
    case MX_FLOAT32: pack_floats(s, first, rows, width, MX_FLOAT32, (float *)out); break;
    case MX_BFLOAT16: pack_floats(s, first, rows, width, MX_BFLOAT16, (float *)out); break;
    case MX_FLOAT16: pack_floats(s, first, rows, width, MX_FLOAT16, (float *)out); break;
    case MX_FLOAT64: pack_doubles(s, first, rows, width, (double *)out); break;
    default: pack_complex(s, first, rows, width, left, (float *)out); break;
    }
  }
}
