/* Packing for the matrix product: any strides in, panels of the computed type out. */
#include "kernels/gemm.h"
#include "kernels/simd.h"

#include <string.h>

typedef float quad __attribute__((vector_size(16)));

/* Four elements, stride one, as floats. */
V_INLINE quad quad_of(const void *p, int64_t i, mx_dtype dtype) {
  quad v;
  if (dtype == MX_FLOAT32) {
    memcpy(&v, (const float *)p + i, sizeof v);
    return v;
  }
  uint16_t h[4];
  memcpy(h, (const uint16_t *)p + i, sizeof h);
#if defined(__F16C__)
  __m128i bits = _mm_loadl_epi64((const __m128i *)h);
  if (dtype == MX_FLOAT16) return (quad)_mm_cvtph_ps(bits);
  return (quad)_mm_slli_epi32(_mm_cvtepu16_epi32(bits), 16);
#else
  for (int j = 0; j < 4; j++)
    v[j] = dtype == MX_BFLOAT16 ? mx_bf16_to_f32((mx_bf16){h[j]}) : mx_f16_to_f32((mx_f16){h[j]});
  return v;
#endif
}

V_INLINE float float_at(const void *p, int64_t i, mx_dtype dtype) {
  if (dtype == MX_FLOAT32) return ((const float *)p)[i];
  uint16_t h = ((const uint16_t *)p)[i];
  return dtype == MX_BFLOAT16 ? mx_bf16_to_f32((mx_bf16){h}) : mx_f16_to_f32((mx_f16){h});
}

/* Four rows of four become columns. */
V_INLINE void transpose(quad r[4]) {
  quad a = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5);
  quad b = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
  quad c = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
  quad d = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
  r[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
  r[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
  r[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
  r[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}

/* A panel whose rows are contiguous along k. */
V_INLINE void pack_rows(const mx_gemm_source *s, int64_t first, int64_t rows, int width,
                        mx_dtype dtype, float *out) {
  int64_t i = 0;
  for (; i + 4 <= rows; i += 4) {
    int64_t at = (first + i) * s->stride, k = 0;
    for (; k + 4 <= s->k; k += 4) {
      quad r[4] = {quad_of(s->data, at + k, dtype), quad_of(s->data, at + s->stride + k, dtype),
                   quad_of(s->data, at + 2 * s->stride + k, dtype),
                   quad_of(s->data, at + 3 * s->stride + k, dtype)};
      transpose(r);
      for (int j = 0; j < 4; j++) memcpy(out + (k + j) * width + i, &r[j], sizeof(quad));
    }
    for (; k < s->k; k++)
      for (int j = 0; j < 4; j++)
        out[k * width + i + j] = float_at(s->data, at + j * s->stride + k, dtype);
  }
  for (; i < rows; i++)
    for (int64_t k = 0; k < s->k; k++)
      out[k * width + i] = float_at(s->data, (first + i) * s->stride + k, dtype);
}

/* A panel that is contiguous across: stride 1. */
V_INLINE void pack_columns(const mx_gemm_source *s, int64_t first, int64_t rows, int width,
                           mx_dtype dtype, float *out) {
  for (int64_t k = 0; k < s->k; k++, out += width) {
    int64_t at = first + k * s->k_stride, i = 0;
    if (dtype == MX_FLOAT32) {
      memcpy(out, (const float *)s->data + at, (size_t)rows * sizeof(float));
      continue;
    }
    for (; i + 4 <= rows; i += 4) {
      quad v = quad_of(s->data, at + i, dtype);
      memcpy(out + i, &v, sizeof v);
    }
    for (; i < rows; i++) out[i] = float_at(s->data, at + i, dtype);
  }
}

V_INLINE void pack_floats(const mx_gemm_source *s, int64_t first, int64_t rows, int width,
                          mx_dtype dtype, float *out) {
  if (s->k_stride == 1)
    pack_rows(s, first, rows, width, dtype, out);
  else if (s->stride == 1)
    pack_columns(s, first, rows, width, dtype, out);
  else
    for (int64_t k = 0; k < s->k; k++)
      for (int64_t i = 0; i < rows; i++)
        out[k * width + i] = float_at(s->data, (first + i) * s->stride + k * s->k_stride, dtype);
}

static void pack_doubles(const mx_gemm_source *s, int64_t first, int64_t rows, int width,
                         double *out) {
  const double *from = (const double *)s->data + first * s->stride;
  for (int64_t k = 0; k < s->k; k++)
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

void MX_KERNEL(gemm_pack)(const mx_gemm_source *s, int width, int64_t begin, int64_t end, bool left,
                          void *packed) {
  bool complex = s->dtype == MX_COMPLEX64, twofold = complex && left;
  int64_t across = twofold ? width / 2 : width, depth = complex ? 2 * s->k : s->k;
  size_t size = s->dtype == MX_FLOAT64 ? sizeof(double) : sizeof(float);
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
