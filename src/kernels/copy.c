/* Copies: casts between all dtypes, strided and transposed rectangles, fills, streaming stores. */
#include "kernels/copy.h"
#include "kernels/bulk.h"

#include <stdbool.h>

/* Casts between the types that the hardware knows. A float is brought into the integer's range by
 * a selection first, so that the conversion is defined and still vectorises. */

static inline int32_t to_i32_f32(float x) {
  float y = x >= -0x1p31f && x < 0x1p31f ? x : -0x1p31f;
  return (int32_t)y;
}
static inline int32_t to_i32_f64(double x) {
  double y = x > -0x1p31 - 1 && x < 0x1p31 ? x : -0x1p31;
  return (int32_t)y;
}
static inline int64_t to_i64_f32(float x) {
  float y = x >= -0x1p63f && x < 0x1p63f ? x : -0x1p63f;
  return (int64_t)y;
}
static inline int64_t to_i64_f64(double x) {
  double y = x >= -0x1p63 && x < 0x1p63 ? x : -0x1p63;
  return (int64_t)y;
}
static inline uint32_t to_u32_f32(float x) {
  bool high = x >= 0x1p31f;
  return (uint32_t)to_i32_f32(high ? x - 0x1p31f : x) ^ (uint32_t)high << 31;
}
static inline uint32_t to_u32_f64(double x) {
  bool high = x >= 0x1p31;
  return (uint32_t)to_i32_f64(high ? x - 0x1p31 : x) ^ (uint32_t)high << 31;
}
static inline uint64_t to_u64_f32(float x) {
  bool high = x >= 0x1p63f;
  return (uint64_t)to_i64_f32(high ? x - 0x1p63f : x) ^ (uint64_t)high << 63;
}
static inline uint64_t to_u64_f64(double x) {
  bool high = x >= 0x1p63;
  return (uint64_t)to_i64_f64(high ? x - 0x1p63 : x) ^ (uint64_t)high << 63;
}

#define CAST(from, S, to, D, expression)                                                    \
  static void cast_##from##_##to(void *restrict dst, const void *restrict src, int64_t n) { \
    const S *restrict s = src;                                                              \
    D *restrict d = dst;                                                                    \
    for (int64_t i = 0; i < n; i++) {                                                       \
      S x = s[i];                                                                           \
      d[i] = (D)(expression);                                                               \
    }                                                                                       \
  }

/* Integers keep their low bits, so the destination's sign does not matter. */
#define CASTS_INTEGER(from, S)         \
  CAST(from, S, bool, uint8_t, x != 0) \
  CAST(from, S, b8, uint8_t, x)        \
  CAST(from, S, b16, uint16_t, x)      \
  CAST(from, S, b32, uint32_t, x)      \
  CAST(from, S, b64, uint64_t, x)      \
  CAST(from, S, f32, float, x)         \
  CAST(from, S, f64, double, x)
#define CASTS_FLOAT(from, S)                     \
  CAST(from, S, bool, uint8_t, x != 0)           \
  CAST(from, S, b8, uint8_t, to_i32_##from(x))   \
  CAST(from, S, b16, uint16_t, to_i32_##from(x)) \
  CAST(from, S, i32, int32_t, to_i32_##from(x))  \
  CAST(from, S, i64, int64_t, to_i64_##from(x))  \
  CAST(from, S, u32, uint32_t, to_u32_##from(x)) \
  CAST(from, S, u64, uint64_t, to_u64_##from(x)) \
  CAST(from, S, f32, float, x)                   \
  CAST(from, S, f64, double, x)

CASTS_INTEGER(u8, uint8_t)
CASTS_INTEGER(u16, uint16_t)
CASTS_INTEGER(u32, uint32_t)
CASTS_INTEGER(u64, uint64_t)
CASTS_INTEGER(i8, int8_t)
CASTS_INTEGER(i16, int16_t)
CASTS_INTEGER(i32, int32_t)
CASTS_INTEGER(i64, int64_t)
CASTS_FLOAT(f32, float)
CASTS_FLOAT(f64, double)

typedef void cast_fn(void *restrict dst, const void *restrict src, int64_t n);

#define ROW_INTEGER(from)                                                                          \
  {                                                                                                \
    [MX_BOOL] = cast_##from##_bool, [MX_UINT8] = cast_##from##_b8,                                 \
    [MX_UINT16] = cast_##from##_b16, [MX_UINT32] = cast_##from##_b32,                              \
    [MX_UINT64] = cast_##from##_b64, [MX_INT8] = cast_##from##_b8, [MX_INT16] = cast_##from##_b16, \
    [MX_INT32] = cast_##from##_b32, [MX_INT64] = cast_##from##_b64,                                \
    [MX_FLOAT32] = cast_##from##_f32, [MX_FLOAT64] = cast_##from##_f64,                            \
  }
#define ROW_FLOAT(from)                                                                            \
  {                                                                                                \
    [MX_BOOL] = cast_##from##_bool, [MX_UINT8] = cast_##from##_b8,                                 \
    [MX_UINT16] = cast_##from##_b16, [MX_UINT32] = cast_##from##_u32,                              \
    [MX_UINT64] = cast_##from##_u64, [MX_INT8] = cast_##from##_b8, [MX_INT16] = cast_##from##_b16, \
    [MX_INT32] = cast_##from##_i32, [MX_INT64] = cast_##from##_i64,                                \
    [MX_FLOAT32] = cast_##from##_f32, [MX_FLOAT64] = cast_##from##_f64,                            \
  }

/* [from][to]; no entry: through float32. */
static cast_fn *const casts[MX_DTYPE_COUNT][MX_DTYPE_COUNT] = {
    [MX_BOOL] = ROW_INTEGER(u8),    [MX_UINT8] = ROW_INTEGER(u8),   [MX_UINT16] = ROW_INTEGER(u16),
    [MX_UINT32] = ROW_INTEGER(u32), [MX_UINT64] = ROW_INTEGER(u64), [MX_INT8] = ROW_INTEGER(i8),
    [MX_INT16] = ROW_INTEGER(i16),  [MX_INT32] = ROW_INTEGER(i32),  [MX_INT64] = ROW_INTEGER(i64),
    [MX_FLOAT32] = ROW_FLOAT(f32),  [MX_FLOAT64] = ROW_FLOAT(f64),
};

#define FLOAT_ROWS(name, type, suffix)                                                        \
  static void name##_to_f32(float *restrict d, const type *restrict s, int64_t n) {           \
    int64_t i = 0;                                                                            \
    for (; i + VW <= n; i += VW) vf_store(d + i, vf_load##suffix(s + i));                     \
    if (i < n) vf_store_part(d + i, vf_load_part##suffix(s + i, (int)(n - i)), (int)(n - i)); \
  }                                                                                           \
  static void f32_to_##name(type *restrict d, const float *restrict s, int64_t n) {           \
    int64_t i = 0;                                                                            \
    for (; i + VW <= n; i += VW) vf_store##suffix(d + i, vf_load(s + i));                     \
    if (i < n) vf_store_part##suffix(d + i, vf_load_part(s + i, (int)(n - i)), (int)(n - i)); \
  }
FLOAT_ROWS(f16, mx_f16, _f16)
FLOAT_ROWS(bf16, mx_bf16, _bf16)

static void to_f32(float *restrict d, const void *restrict src, mx_dtype dtype, int64_t n) {
  if (dtype == MX_FLOAT16) {
    f16_to_f32(d, src, n);
  } else if (dtype == MX_BFLOAT16) {
    bf16_to_f32(d, src, n);
  } else if (dtype == MX_COMPLEX64) {
    const mx_complex64 *s = src;
    for (int64_t i = 0; i < n; i++) d[i] = s[i].re;
  } else {
    casts[dtype][MX_FLOAT32](d, src, n);
  }
}

static void from_f32(void *restrict dst, mx_dtype dtype, const float *restrict s, int64_t n) {
  if (dtype == MX_FLOAT16) {
    f32_to_f16(dst, s, n);
  } else if (dtype == MX_BFLOAT16) {
    f32_to_bf16(dst, s, n);
  } else if (dtype == MX_COMPLEX64) {
    mx_complex64 *d = dst;
    for (int64_t i = 0; i < n; i++) d[i] = (mx_complex64){s[i], 0};
  } else {
    casts[MX_FLOAT32][dtype](dst, s, n);
  }
}

void MX_KERNEL(copy_cast)(void *dst, mx_dtype dst_dtype, const void *src, mx_dtype src_dtype,
                          int64_t n) {
  size_t dst_size = mx_dtype_size(dst_dtype), src_size = mx_dtype_size(src_dtype);
  if (dst_dtype == src_dtype) {
    memcpy(dst, src, (size_t)n * src_size);
  } else if (casts[src_dtype][dst_dtype]) {
    casts[src_dtype][dst_dtype](dst, src, n);
  } else if (src_dtype == MX_FLOAT32) {
    from_f32(dst, dst_dtype, src, n);
  } else if (dst_dtype == MX_FLOAT32) {
    to_f32(dst, src, src_dtype, n);
  } else {
    float middle[512];
    for (int64_t i = 0; i < n; i += 512) {
      int64_t m = n - i < 512 ? n - i : 512;
      to_f32(middle, (const char *)src + (size_t)i * src_size, src_dtype, m);
      from_f32((char *)dst + (size_t)i * dst_size, dst_dtype, middle, m);
    }
  }
}

/* Transpositions of square tiles held in registers: log2(N) rounds, each of which interleaves the
 * first half of the vectors with the second. */

#define LOW_2(a, b) __builtin_shufflevector(a, b, 0, 2)
#define HIGH_2(a, b) __builtin_shufflevector(a, b, 1, 3)
#define LOW_4(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define HIGH_4(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#define LOW_8(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH_8(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define LOW_16(a, b) \
  __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HIGH_16(a, b) \
  __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)

/* tile_load: a[r][c] = src[c][r] for r, c < N; tile_move: into memory. */
#define TILE(type, N)                                                                            \
  typedef type tile_##type __attribute__((vector_size(sizeof(type) * N)));                       \
  enum { side_##type = N };                                                                      \
  V_INLINE void tile_load_##type(tile_##type *a, const type *src, int64_t src_row) {             \
    tile_##type b[N];                                                                            \
    _Pragma("GCC unroll 16") for (int i = 0; i < N; i++)                                         \
        memcpy(&a[i], src + i * src_row, sizeof a[i]);                                           \
    _Pragma("GCC unroll 4") for (int round = 1; round < N; round *= 2) {                         \
      _Pragma("GCC unroll 8") for (int i = 0; i < N / 2; i++) {                                  \
        b[2 * i] = LOW_##N(a[i], a[i + N / 2]);                                                  \
        b[2 * i + 1] = HIGH_##N(a[i], a[i + N / 2]);                                             \
      }                                                                                          \
      _Pragma("GCC unroll 16") for (int i = 0; i < N; i++) a[i] = b[i];                          \
    }                                                                                            \
  }                                                                                              \
  V_INLINE void tile_move_##type(type *dst, int64_t dst_row, const type *src, int64_t src_row) { \
    tile_##type a[N];                                                                            \
    tile_load_##type(a, src, src_row);                                                           \
    _Pragma("GCC unroll 16") for (int i = 0; i < N; i++)                                         \
        memcpy(dst + i * dst_row, &a[i], sizeof a[i]);                                           \
  }

TILE(uint8_t, 16)
TILE(uint16_t, 8)
#if defined(__AVX512F__)
TILE(uint32_t, 16)
TILE(uint64_t, 8)
#elif defined(__AVX2__)
TILE(uint32_t, 8)
TILE(uint64_t, 4)
#else
TILE(uint32_t, 4)
TILE(uint64_t, 2)
#endif

/* Elements in the opposite order, 16 bytes at a time. */
#define REVERSED_1 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0
#define REVERSED_2 7, 6, 5, 4, 3, 2, 1, 0
#define REVERSED_4 3, 2, 1, 0
#define REVERSED_8 1, 0
#define REVERSE(bytes, type)                                                           \
  static void reverse_##type(type *restrict d, const type *restrict last, int64_t n) { \
    typedef type chunk __attribute__((vector_size(16)));                               \
    enum { N = 16 / bytes };                                                           \
    int64_t i = 0;                                                                     \
    for (; i + N <= n; i += N) {                                                       \
      chunk v;                                                                         \
      memcpy(&v, last - i - (N - 1), sizeof v);                                        \
      v = __builtin_shufflevector(v, v, REVERSED_##bytes);                             \
      memcpy(d + i, &v, sizeof v);                                                     \
    }                                                                                  \
    for (; i < n; i++) d[i] = last[-i];                                                \
  }
REVERSE(1, uint8_t)
REVERSE(2, uint16_t)
REVERSE(4, uint32_t)
REVERSE(8, uint64_t)

#define RECT(type)                                                                                 \
  static void edge_##type(type *d, int64_t dr, int64_t dc, const type *s, int64_t sr, int64_t sc,  \
                          int64_t rows, int64_t cols) {                                            \
    for (int64_t r = 0; r < rows; r++)                                                             \
      for (int64_t c = 0; c < cols; c++) d[r * dr + c * dc] = s[r * sr + c * sc];                  \
  }                                                                                                \
  static void transpose_##type(type *d, int64_t dr, const type *s, int64_t sc, int64_t rows,       \
                               int64_t cols) {                                                     \
    enum { N = side_##type };                                                                      \
    int64_t full_rows = rows - rows % N, full_cols = cols - cols % N;                              \
    for (int64_t c = 0; c < full_cols; c += N)                                                     \
      for (int64_t r = 0; r < full_rows; r += N)                                                   \
        tile_move_##type(d + r * dr + c, dr, s + c * sc + r, sc);                                  \
    edge_##type(d + full_cols, dr, 1, s + full_cols * sc, 1, sc, full_rows, cols - full_cols);     \
    edge_##type(d + full_rows * dr, dr, 1, s + full_rows, 1, sc, rows - full_rows, cols);          \
  }                                                                                                \
  static void rect_##type(type *d, int64_t dr, int64_t dc, const type *s, int64_t sr, int64_t sc,  \
                          int64_t rows, int64_t cols) {                                            \
    if (dc == 1 && sc == 1)                                                                        \
      for (int64_t r = 0; r < rows; r++) memcpy(d + r * dr, s + r * sr, (size_t)cols * sizeof *d); \
    else if (dc == 1 && sc == -1)                                                                  \
      for (int64_t r = 0; r < rows; r++) reverse_##type(d + r * dr, s + r * sr, cols);             \
    else if (dc == 1 && sr == 1 && rows > 1)                                                       \
      transpose_##type(d, dr, s, sc, rows, cols);                                                  \
    else if (dc == 1)                                                                              \
      edge_##type(d, dr, 1, s, sr, sc, rows, cols);                                                \
    else if (sc == 1)                                                                              \
      edge_##type(d, dr, dc, s, sr, 1, rows, cols);                                                \
    else                                                                                           \
      edge_##type(d, dr, dc, s, sr, sc, rows, cols);                                               \
  }                                                                                                \
  static void fill_##type(type *restrict d, type value, int64_t n) {                               \
    for (int64_t i = 0; i < n; i++) d[i] = value;                                                  \
  }
RECT(uint8_t)
RECT(uint16_t)
RECT(uint32_t)
RECT(uint64_t)

void MX_KERNEL(copy_rect)(void *dst, int64_t dst_row, int64_t dst_col, const void *src,
                          int64_t src_row, int64_t src_col, int64_t rows, int64_t cols, int size) {
#define CASE(bytes, type) \
  case bytes: rect_##type(dst, dst_row, dst_col, src, src_row, src_col, rows, cols); break;
  MX_BY_SIZE(size, CASE);
#undef CASE
}

void MX_KERNEL(copy_fill)(void *dst, const void *value, int64_t n, int size) {
#define CASE(bytes, type)           \
  case bytes: {                     \
    type element;                   \
    memcpy(&element, value, bytes); \
    fill_##type(dst, element, n);   \
    break;                          \
  }
  MX_BY_SIZE(size, CASE);
#undef CASE
}

static void copy_stream(void *dst, const void *src, int64_t bytes) {
  char *d = dst;
  const char *s = src;
  int64_t i = (int64_t)(-(uintptr_t)d & (LINE - 1));
  if (i > bytes) i = bytes;
  memcpy(d, s, (size_t)i);
  for (; i + LINE <= bytes; i += LINE) stream_line(d + i, s + i);
  memcpy(d + i, s + i, (size_t)(bytes - i));
}

void MX_KERNEL(copy_stream)(void *dst, const void *src, int64_t bytes) {
  copy_stream(dst, src, bytes);
}

/* ---- transpositions past the caches: each line of either side is touched once ---- */

/* A line of each row at `dst`, from as many rows at `src` as it has elements: past the caches, or
 * into scratch memory. */
V_INLINE void put_line(void *dst, const void *src, bool stream) {
  if (stream)
    stream_line(dst, src);
  else
    memcpy(dst, src, LINE);
}
#define STRIP(type)                                                                        \
  V_INLINE void strip_##type(type *dst, int64_t dst_row, const type *src, int64_t src_col, \
                             int64_t rows, bool stream) {                                  \
    enum { N = side_##type, ACROSS = LINE / (int)sizeof(type) };                           \
    int64_t r = 0;                                                                         \
    for (; r + N <= rows; r += N) {                                                        \
      _Alignas(LINE) type lines[N][ACROSS];                                                \
      for (int c = 0; c < ACROSS; c += N)                                                  \
        tile_move_##type(&lines[0][c], ACROSS, src + c * src_col + r, src_col);            \
      for (int i = 0; i < N; i++) put_line(dst + (r + i) * dst_row, lines[i], stream);     \
    }                                                                                      \
    edge_##type(dst + r * dst_row, dst_row, 1, src + r, 1, src_col, rows - r, ACROSS);     \
  }

#if defined(__AVX512F__)
/* A tile is a line wide. */
#define STRIP_TILES(type)                                                                  \
  V_INLINE void strip_##type(type *dst, int64_t dst_row, const type *src, int64_t src_col, \
                             int64_t rows, bool stream) {                                  \
    enum { N = side_##type };                                                              \
    int64_t r = 0;                                                                         \
    for (; r + N <= rows; r += N) {                                                        \
      tile_##type a[N];                                                                    \
      tile_load_##type(a, src + r, src_col);                                               \
      _Pragma("GCC unroll 16") for (int i = 0; i < N; i++)                                 \
          put_line(dst + (r + i) * dst_row, &a[i], stream);                                \
    }                                                                                      \
    edge_##type(dst + r * dst_row, dst_row, 1, src + r, 1, src_col, rows - r, N);          \
  }
STRIP_TILES(uint32_t)
STRIP_TILES(uint64_t)

/* Narrower elements: those of 2 or 4 neighbouring rows, interleaved, make elements of 32 bits,
 * whose tiles have columns in the order in which interleaving leaves them: of `parts` tiles each
 * has four columns in turn. */
V_INLINE void put_interleaved(void *dst, int64_t row_bytes, const __m512i *words, int parts,
                              int part, bool stream) {
  tile_uint32_t a[16];
  tile_load_uint32_t(a, (const uint32_t *)words, 16);
  _Pragma("GCC unroll 16") for (int i = 0; i < 16; i++)
      put_line((char *)dst + (i / 4 * 4 * parts + part * 4 + i % 4) * row_bytes, &a[i], stream);
}
V_INLINE void strip_uint16_t(uint16_t *dst, int64_t dst_row, const uint16_t *src, int64_t src_col,
                             int64_t rows, bool stream) {
  int64_t r = 0;
  for (; r + 32 <= rows; r += 32) {
    __m512i pairs[2][16];
    for (int i = 0; i < 16; i++) {
      const uint16_t *at = src + 2 * i * src_col + r;
      __m512i x = _mm512_loadu_si512(at), y = _mm512_loadu_si512(at + src_col);
      pairs[0][i] = _mm512_unpacklo_epi16(x, y);
      pairs[1][i] = _mm512_unpackhi_epi16(x, y);
    }
    for (int half = 0; half < 2; half++)
      put_interleaved(dst + r * dst_row, dst_row * 2, pairs[half], 2, half, stream);
  }
  edge_uint16_t(dst + r * dst_row, dst_row, 1, src + r, 1, src_col, rows - r, 32);
}
V_INLINE void strip_uint8_t(uint8_t *dst, int64_t dst_row, const uint8_t *src, int64_t src_col,
                            int64_t rows, bool stream) {
  int64_t r = 0;
  for (; r + 64 <= rows; r += 64) {
    __m512i fours[4][16];
    for (int i = 0; i < 16; i++) {
      const uint8_t *at = src + 4 * i * src_col + r;
      __m512i x = _mm512_loadu_si512(at), y = _mm512_loadu_si512(at + src_col);
      __m512i z = _mm512_loadu_si512(at + 2 * src_col), w = _mm512_loadu_si512(at + 3 * src_col);
      __m512i low = _mm512_unpacklo_epi8(x, y), high = _mm512_unpackhi_epi8(x, y);
      __m512i low_2 = _mm512_unpacklo_epi8(z, w), high_2 = _mm512_unpackhi_epi8(z, w);
      fours[0][i] = _mm512_unpacklo_epi16(low, low_2);
      fours[1][i] = _mm512_unpackhi_epi16(low, low_2);
      fours[2][i] = _mm512_unpacklo_epi16(high, high_2);
      fours[3][i] = _mm512_unpackhi_epi16(high, high_2);
    }
    for (int quarter = 0; quarter < 4; quarter++)
      put_interleaved(dst + r * dst_row, dst_row, fours[quarter], 4, quarter, stream);
  }
  edge_uint8_t(dst + r * dst_row, dst_row, 1, src + r, 1, src_col, rows - r, 64);
}
#else
STRIP(uint8_t)
STRIP(uint16_t)
STRIP(uint32_t)
STRIP(uint64_t)
#endif

/* Where rows of dst do not begin with lines, SEGMENT of them and one more are put together in
 * scratch memory, of which each row writes what its own lines hold. */
#define SEGMENT (4 * LINE)
#define TURN(type)                                                                                \
  static void turn_lines_##type(type *dst, int64_t dst_row, const type *src, int64_t src_col,     \
                                int64_t rows, int64_t cols) {                                     \
    for (int64_t c = 0; c < cols; c += LINE / (int)sizeof(type))                                  \
      strip_##type(dst + c, dst_row, src + c * src_col, src_col, rows, true);                     \
  }                                                                                               \
  static void turn_##type(type *dst, int64_t dst_row, const type *src, int64_t src_col,           \
                          int64_t rows, int64_t cols) {                                           \
    enum { ACROSS = LINE / (int)sizeof(type), PART = SEGMENT / (int)sizeof(type) };               \
    enum { WIDTH = PART + ACROSS };                                                               \
    for (int64_t c = 0; c < cols; c += PART) {                                                    \
      for (int64_t r = 0; r < rows; r += ACROSS) {                                                \
        int64_t m = rows - r < ACROSS ? rows - r : ACROSS;                                        \
        _Alignas(LINE) type staged[ACROSS][WIDTH];                                                \
        int64_t width = cols - c < WIDTH ? cols - c : WIDTH, full = width - width % ACROSS;       \
        const type *s = src + c * src_col + r;                                                    \
        for (int64_t k = 0; k < full; k += ACROSS)                                                \
          strip_##type(&staged[0][k], WIDTH, s + k * src_col, src_col, m, false);                 \
        edge_##type(&staged[0][full], WIDTH, 1, s + full * src_col, 1, src_col, m, width - full); \
        for (int64_t i = 0; i < m; i++) {                                                         \
          type *d = dst + (r + i) * dst_row + c;                                                  \
          int64_t skip = (int64_t)(-(uintptr_t)d % LINE / sizeof *d), end = PART + skip;          \
          if (end > width) end = width;                                                           \
          if (c == 0) skip = 0;                                                                   \
          if (end > skip) copy_stream(d + skip, staged[i] + skip, (end - skip) * (int)sizeof *d); \
        }                                                                                         \
      }                                                                                           \
    }                                                                                             \
  }
TURN(uint8_t)
TURN(uint16_t)
TURN(uint32_t)
TURN(uint64_t)

void MX_KERNEL(copy_turn)(void *dst, int64_t dst_row, const void *src, int64_t src_col,
                          int64_t rows, int64_t cols, int size) {
  bool lines = ((int64_t)(uintptr_t)dst | dst_row * size | cols * size) % LINE == 0;
#define CASE(bytes, type)                                                              \
  case bytes:                                                                          \
    (lines ? turn_lines_##type : turn_##type)(dst, dst_row, src, src_col, rows, cols); \
    break;
  MX_BY_SIZE(size, CASE);
#undef CASE
}

/* ---- runs that lie in another order ---- */

void MX_KERNEL(copy_runs)(void *dst, int64_t dst_outer, int64_t dst_inner, const void *src,
                          int64_t src_outer, int64_t src_inner, int64_t outer, int64_t inner,
                          int64_t bytes) {
  bool lines = ((int64_t)(uintptr_t)dst | dst_outer | dst_inner | bytes) % LINE == 0;
  for (int64_t a = 0; a < outer; a++)
    for (int64_t b = 0; b < inner; b++) {
      char *d = (char *)dst + a * dst_outer + b * dst_inner;
      const char *s = (const char *)src + a * src_outer + b * src_inner;
      if (!lines)
        memcpy(d, s, (size_t)bytes);
      else
        for (int64_t i = 0; i < bytes; i += LINE) stream_line(d + i, s + i);
    }
}
