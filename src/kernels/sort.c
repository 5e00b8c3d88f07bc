/* Sorting keys: radix for every instruction set, quicksort on vectors where AVX-512 has what it
 * takes. */
#include "kernels/sort.h"
#include "base/half.h"

#include <string.h>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

/* ---- elements and keys ---- */

/* Floats order as sign and magnitude: negative ones have all bits flipped, others the sign bit. */
static inline uint16_t key_of_16(uint16_t b) { return b ^ (uint16_t)(-(b >> 15) | 0x8000); }
static inline uint32_t key_of_32(uint32_t b) { return b ^ (-(b >> 31) | 0x80000000u); }
static inline uint64_t key_of_64(uint64_t b) { return b ^ (-(b >> 63) | (1ull << 63)); }
static inline uint16_t of_key_16(uint16_t k) { return k ^ (uint16_t)((k >> 15) ? 0x8000 : 0xffff); }
static inline uint32_t of_key_32(uint32_t k) { return k ^ (((k >> 31) - 1) | 0x80000000u); }
static inline uint64_t of_key_64(uint64_t k) { return k ^ (((k >> 63) - 1) | (1ull << 63)); }

#define SAME(b) (b)
#define FLIP8(b) ((uint8_t)((b) ^ 0x80))
#define FLIP16(b) ((uint16_t)((b) ^ 0x8000))
#define FLIP32(b) ((b) ^ 0x80000000u)
#define FLIP64(b) ((b) ^ (1ull << 63))

#define KEYS_OF(name, U, KEY_OF)                                                  \
  static int keys_of_##name(const void *in, int64_t step, int64_t n, void *out) { \
    const U *x = in;                                                              \
    U *restrict keys = out;                                                       \
    if (step == 1)                                                                \
      for (int64_t i = 0; i < n; i++) keys[i] = KEY_OF(x[i]);                     \
    else                                                                          \
      for (int64_t i = 0; i < n; i++) keys[i] = KEY_OF(x[i * step]);              \
    return 0;                                                                     \
  }
KEYS_OF(u8, uint8_t, SAME)
KEYS_OF(u16, uint16_t, SAME)
KEYS_OF(u32, uint32_t, SAME)
KEYS_OF(u64, uint64_t, SAME)
KEYS_OF(i8, uint8_t, FLIP8)
KEYS_OF(i16, uint16_t, FLIP16)
KEYS_OF(i32, uint32_t, FLIP32)
KEYS_OF(i64, uint64_t, FLIP64)

/* All NaNs get the largest key. INFINITE: the bits of infinity. */
#define FLOAT_KEYS_OF(name, U, BITS, INFINITE)                                    \
  static int keys_of_##name(const void *in, int64_t step, int64_t n, void *out) { \
    const U *x = in;                                                              \
    U *restrict keys = out;                                                       \
    U nan = 0, negative = 0, positive = 0;                                        \
    for (int64_t i = 0; i < n; i++) {                                             \
      U b = x[i * step], is_nan = (U)(b << 1) > (U)(INFINITE << 1) ? (U)-1 : 0;   \
      nan |= is_nan;                                                              \
      negative |= b == (U)1 << (BITS - 1);                                        \
      positive |= b == 0;                                                         \
      keys[i] = key_of_##BITS(b) | is_nan;                                        \
    }                                                                             \
    return (nan ? MX_SORT_NAN : 0) | (negative ? MX_SORT_NEGATIVE_ZERO : 0) |     \
           (positive ? MX_SORT_POSITIVE_ZERO : 0);                                \
  }
FLOAT_KEYS_OF(f16, uint16_t, 16, (uint16_t)0x7c00)
FLOAT_KEYS_OF(bf16, uint16_t, 16, (uint16_t)0x7f80)
FLOAT_KEYS_OF(f32, uint32_t, 32, 0x7f800000u)
FLOAT_KEYS_OF(f64, uint64_t, 64, 0x7ff0000000000000ull)

#define OF_KEYS(name, U, OF_KEY)                                                   \
  static void of_keys_##name(const void *in, int64_t n, void *out, int64_t step) { \
    const U *keys = in;                                                            \
    U *restrict y = out;                                                           \
    if (step == 1)                                                                 \
      for (int64_t i = 0; i < n; i++) y[i] = OF_KEY(keys[i]);                      \
    else                                                                           \
      for (int64_t i = 0; i < n; i++) y[i * step] = OF_KEY(keys[i]);               \
  }
OF_KEYS(u8, uint8_t, SAME)
OF_KEYS(u16, uint16_t, SAME)
OF_KEYS(u32, uint32_t, SAME)
OF_KEYS(u64, uint64_t, SAME)
OF_KEYS(i8, uint8_t, FLIP8)
OF_KEYS(i16, uint16_t, FLIP16)
OF_KEYS(i32, uint32_t, FLIP32)
OF_KEYS(i64, uint64_t, FLIP64)
OF_KEYS(float16, uint16_t, of_key_16)
OF_KEYS(float32, uint32_t, of_key_32)
OF_KEYS(float64, uint64_t, of_key_64)

int MX_KERNEL(sort_keys_of)(mx_dtype dtype, const void *in, int64_t step, int64_t n, void *keys) {
  static int (*const by_dtype[MX_DTYPE_COUNT])(const void *, int64_t, int64_t, void *) = {
      [MX_BOOL] = keys_of_u8,      [MX_UINT8] = keys_of_u8,    [MX_UINT16] = keys_of_u16,
      [MX_UINT32] = keys_of_u32,   [MX_UINT64] = keys_of_u64,  [MX_INT8] = keys_of_i8,
      [MX_INT16] = keys_of_i16,    [MX_INT32] = keys_of_i32,   [MX_INT64] = keys_of_i64,
      [MX_FLOAT16] = keys_of_f16,  [MX_FLOAT32] = keys_of_f32, [MX_FLOAT64] = keys_of_f64,
      [MX_BFLOAT16] = keys_of_bf16};
  return by_dtype[dtype](in, step, n, keys);
}

void MX_KERNEL(sort_of_keys)(mx_dtype dtype, const void *keys, int64_t n, void *out, int64_t step) {
  static void (*const by_dtype[MX_DTYPE_COUNT])(const void *, int64_t, void *, int64_t) = {
      [MX_BOOL] = of_keys_u8,         [MX_UINT8] = of_keys_u8,
      [MX_UINT16] = of_keys_u16,      [MX_UINT32] = of_keys_u32,
      [MX_UINT64] = of_keys_u64,      [MX_INT8] = of_keys_i8,
      [MX_INT16] = of_keys_i16,       [MX_INT32] = of_keys_i32,
      [MX_INT64] = of_keys_i64,       [MX_FLOAT16] = of_keys_float16,
      [MX_FLOAT32] = of_keys_float32, [MX_FLOAT64] = of_keys_float64,
      [MX_BFLOAT16] = of_keys_float16};
  by_dtype[dtype](keys, n, out, step);
}

/* In `out` negative elements come first, then zeros (either sign), others, and the NaNs' places. */
#define MEND(name, U, BITS, INFINITE)                                                    \
  static void mend_##name(const void *in, int64_t in_step, void *outs, int64_t out_step, \
                          int64_t n) {                                                   \
    const U *x = in;                                                                     \
    U *out = outs;                                                                       \
    int64_t nans = 0, negative = 0;                                                      \
    for (int64_t i = 0; i < n; i++) {                                                    \
      U b = x[i * in_step], size = (U)(b << 1);                                          \
      bool is_nan = size > (U)(INFINITE << 1);                                           \
      nans += is_nan;                                                                    \
      negative += !is_nan && size && b >> (BITS - 1);                                    \
    }                                                                                    \
    int64_t zero = negative, nan = n - nans;                                             \
    for (int64_t i = 0; i < n; i++) {                                                    \
      U b = x[i * in_step], size = (U)(b << 1);                                          \
      if (!size)                                                                         \
        out[zero++ * out_step] = b;                                                      \
      else if (size > (U)(INFINITE << 1))                                                \
        out[nan++ * out_step] = b;                                                       \
    }                                                                                    \
  }
MEND(f16, uint16_t, 16, (uint16_t)0x7c00)
MEND(bf16, uint16_t, 16, (uint16_t)0x7f80)
MEND(f32, uint32_t, 32, 0x7f800000u)
MEND(f64, uint64_t, 64, 0x7ff0000000000000ull)

void MX_KERNEL(sort_mend)(mx_dtype dtype, const void *in, int64_t in_step, void *out,
                          int64_t out_step, int64_t n) {
  switch (dtype) {
  case MX_FLOAT16: mend_f16(in, in_step, out, out_step, n); break;
  case MX_BFLOAT16: mend_bf16(in, in_step, out, out_step, n); break;
  case MX_FLOAT32: mend_f32(in, in_step, out, out_step, n); break;
  case MX_FLOAT64: mend_f64(in, in_step, out, out_step, n); break;
  default: break;
  }
}

/* ---- keys that carry an index ---- */

#define FLOAT_KEY(name, U, BITS, INFINITE)                                  \
  static inline U key_of_##name(U b) {                                      \
    U size = (U)(b << 1);                                                   \
    return size > (U)(INFINITE << 1) ? (U)-1 : key_of_##BITS(size ? b : 0); \
  }
FLOAT_KEY(f16, uint16_t, 16, (uint16_t)0x7c00)
FLOAT_KEY(bf16, uint16_t, 16, (uint16_t)0x7f80)
FLOAT_KEY(f32, uint32_t, 32, 0x7f800000u)
FLOAT_KEY(f64, uint64_t, 64, 0x7ff0000000000000ull)

#define INDEXED(name, U, KEY_OF)                                                      \
  static void indexed_##name(const void *in, int64_t step, int64_t n, uint64_t first, \
                             uint64_t *restrict keys) {                               \
    const U *x = in;                                                                  \
    for (int64_t i = 0; i < n; i++)                                                   \
      keys[i] = (uint64_t)KEY_OF(x[i * step]) << 32 | (first + (uint64_t)i);          \
  }
INDEXED(u8, uint8_t, SAME)
INDEXED(u16, uint16_t, SAME)
INDEXED(u32, uint32_t, SAME)
INDEXED(i8, uint8_t, FLIP8)
INDEXED(i16, uint16_t, FLIP16)
INDEXED(i32, uint32_t, FLIP32)
INDEXED(f16, uint16_t, key_of_f16)
INDEXED(bf16, uint16_t, key_of_bf16)
INDEXED(f32, uint32_t, key_of_f32)

void MX_KERNEL(sort_indexed_of)(mx_dtype dtype, const void *in, int64_t step, int64_t n,
                                uint64_t first, uint64_t *keys) {
  static void (*const by_dtype[MX_DTYPE_COUNT])(const void *, int64_t, int64_t, uint64_t,
                                                uint64_t *) = {
      [MX_BOOL] = indexed_u8,      [MX_UINT8] = indexed_u8,    [MX_UINT16] = indexed_u16,
      [MX_UINT32] = indexed_u32,   [MX_INT8] = indexed_i8,     [MX_INT16] = indexed_i16,
      [MX_INT32] = indexed_i32,    [MX_FLOAT16] = indexed_f16, [MX_FLOAT32] = indexed_f32,
      [MX_BFLOAT16] = indexed_bf16};
  by_dtype[dtype](in, step, n, first, keys);
}

/* complex64: by real part, then imaginary part. A little-endian load has the real part below. */
static inline uint64_t key_of_c64(uint64_t b) {
  uint32_t re = key_of_f32((uint32_t)b), im = key_of_f32((uint32_t)(b >> 32));
  return re == (uint32_t)-1 ? (uint64_t)-1 : (uint64_t)re << 32 | im;
}

#define WIDE(name, KEY_OF)                                                                       \
  static void wide_##name(const uint64_t *x, int64_t step, int64_t n, uint64_t *restrict keys) { \
    for (int64_t i = 0; i < n; i++) keys[i] = KEY_OF(x[i * step]);                               \
  }
WIDE(u64, SAME)
WIDE(i64, FLIP64)
WIDE(f64, key_of_f64)
WIDE(c64, key_of_c64)

void MX_KERNEL(sort_wide_of)(mx_dtype dtype, const void *in, int64_t step, int64_t n,
                             uint64_t *keys) {
  switch (dtype) {
  case MX_INT64: wide_i64(in, step, n, keys); break;
  case MX_FLOAT64: wide_f64(in, step, n, keys); break;
  case MX_COMPLEX64: wide_c64(in, step, n, keys); break;
  default: wide_u64(in, step, n, keys); break;
  }
}

/* ---- radix: a byte at a time from the lowest, skipping bytes that are all alike ---- */

/* Turns counts into starts; whether one value has all. */
static bool starts_of(uint32_t *counts, int64_t n) {
  uint32_t sum = 0;
  bool one = false;
  for (int v = 0; v < 256; v++) {
    uint32_t count = counts[v];
    one |= count == n;
    counts[v] = sum;
    sum += count;
  }
  return one;
}

#define RADIX(name, T)                                                                    \
  static void name##_insertion(T *keys, int64_t n) {                                      \
    for (int64_t i = 1; i < n; i++) {                                                     \
      T x = keys[i];                                                                      \
      int64_t k = i;                                                                      \
      for (; k && keys[k - 1] > x; k--) keys[k] = keys[k - 1];                            \
      keys[k] = x;                                                                        \
    }                                                                                     \
  }                                                                                       \
  static void name##_radix(T *keys, T *scratch, int64_t n, int first) {                   \
    uint32_t counts[sizeof(T)][256];                                                      \
    if (n <= 32) {                                                                        \
      name##_insertion(keys, n);                                                          \
      return;                                                                             \
    }                                                                                     \
    memset(counts, 0, sizeof counts);                                                     \
    for (int64_t i = 0; i < n; i++)                                                       \
      for (int byte = first; byte < (int)sizeof(T); byte++)                               \
        counts[byte][(keys[i] >> 8 * byte) & 255]++;                                      \
    T *from = keys, *to = scratch;                                                        \
    for (int byte = first; byte < (int)sizeof(T); byte++) {                               \
      uint32_t *start = counts[byte];                                                     \
      if (starts_of(start, n)) continue;                                                  \
      for (int64_t i = 0; i < n; i++) to[start[(from[i] >> 8 * byte) & 255]++] = from[i]; \
      T *t = from;                                                                        \
      from = to, to = t;                                                                  \
    }                                                                                     \
    if (from != keys) memcpy(keys, from, (size_t)n * sizeof(T));                          \
  }
RADIX(u16, uint16_t)
RADIX(u32, uint32_t)
RADIX(u64, uint64_t)

static void sort_bytes(uint8_t *keys, int64_t n) {
  int64_t counts[256] = {0};
  for (int64_t i = 0; i < n; i++) counts[keys[i]]++;
  for (int v = 0; v < 256; keys += counts[v++]) memset(keys, v, (size_t)counts[v]);
}

#ifdef __AVX512F__
/* Optimal sorting networks of 16 and of 8 (B. Dobbelaere's list). */
/* clang-format off */
#define NETWORK_16(C)                                                                             \
  C(0, 13)                                                                                        \
  C(1, 12)                                                                                        \
  C(2, 15)                                                                                        \
  C(3, 14)                                                                                        \
  C(4, 8)                                                                                         \
  C(5, 6)                                                                                         \
  C(7, 11) C(9, 10) C(0, 5) C(1, 7) C(2, 9) C(3, 4) C(6, 13) C(8, 14) C(10, 15) C(11, 12) C(0, 1) \
      C(2, 3) C(4, 5) C(6, 8) C(7, 9) C(10, 11) C(12, 13) C(14, 15) C(0, 2) C(1, 3) C(4, 10)      \
          C(5, 11) C(6, 7) C(8, 9) C(12, 14) C(13, 15) C(1, 2) C(3, 12) C(4, 6) C(5, 7) C(8, 10)  \
              C(9, 11) C(13, 14) C(1, 4) C(2, 6) C(5, 8) C(7, 10) C(9, 13) C(11, 14) C(2, 4)      \
                  C(3, 6) C(9, 12) C(11, 13) C(3, 5) C(6, 8) C(7, 9) C(10, 12) C(3, 4) C(5, 6)    \
                      C(7, 8) C(9, 10) C(11, 12) C(6, 7) C(8, 9)
#define NETWORK_8(C)                                                                              \
  C(0, 2)                                                                                         \
  C(1, 3)                                                                                         \
  C(4, 6)                                                                                         \
  C(5, 7)                                                                                         \
  C(0, 4)                                                                                         \
  C(1, 5)                                                                                         \
  C(2, 6) C(3, 7) C(0, 1) C(2, 3) C(4, 5) C(6, 7) C(2, 4) C(3, 5) C(1, 4) C(3, 6) C(1, 2) C(3, 4) \
      C(5, 6)
/* clang-format on */

#define NAME(x) u32_##x
#define COLUMN_NETWORK(C) NETWORK_16(C)
#define V_PICK(a, index, b) _mm512_permutex2var_epi32(a, index, b)
#define KEY uint32_t
#define LANES 16
#define VEC __m512i
#define MASK __mmask16
#define V_SET(x) _mm512_set1_epi32((int)(x))
#define V_LOAD(p) _mm512_loadu_si512(p)
#define V_STORE(p, v) _mm512_storeu_si512(p, v)
#define V_MASK_LOAD(rest, mask, p) _mm512_mask_loadu_epi32(rest, mask, p)
#define V_MASK_STORE(p, mask, v) _mm512_mask_storeu_epi32(p, mask, v)
#define V_MIN(a, b) _mm512_min_epu32(a, b)
#define V_MAX(a, b) _mm512_max_epu32(a, b)
#define V_MASK_MAX(rest, mask, a, b) _mm512_mask_max_epu32(rest, mask, a, b)
#define V_PERMUTE(index, v) _mm512_permutexvar_epi32(index, v)
#define V_NOT(mask) _knot_mask16(mask)
#define V_BELOW(a, b) _mm512_cmplt_epu32_mask(a, b)
#define V_COMPRESS(mask, v) _mm512_maskz_compress_epi32(mask, v)
#include "kernels/sort_vector.h"
#undef NAME
#undef COLUMN_NETWORK
#undef V_PICK
#undef KEY
#undef LANES
#undef MASK
#undef V_SET
#undef V_MASK_LOAD
#undef V_MASK_STORE
#undef V_MIN
#undef V_MAX
#undef V_MASK_MAX
#undef V_PERMUTE
#undef V_NOT
#undef V_BELOW
#undef V_COMPRESS
#define NAME(x) u64_##x
#define COLUMN_NETWORK(C) NETWORK_8(C)
#define V_PICK(a, index, b) _mm512_permutex2var_epi64(a, index, b)
#define KEY uint64_t
#define LANES 8
#define MASK __mmask8
#define V_SET(x) _mm512_set1_epi64((long long)(x))
#define V_MASK_LOAD(rest, mask, p) _mm512_mask_loadu_epi64(rest, mask, p)
#define V_MASK_STORE(p, mask, v) _mm512_mask_storeu_epi64(p, mask, v)
#define V_MIN(a, b) _mm512_min_epu64(a, b)
#define V_MAX(a, b) _mm512_max_epu64(a, b)
#define V_MASK_MAX(rest, mask, a, b) _mm512_mask_max_epu64(rest, mask, a, b)
#define V_PERMUTE(index, v) _mm512_permutexvar_epi64(index, v)
#define V_NOT(mask) _knot_mask8(mask)
#define V_BELOW(a, b) _mm512_cmplt_epu64_mask(a, b)
#define V_COMPRESS(mask, v) _mm512_maskz_compress_epi64(mask, v)
#include "kernels/sort_vector.h"
#endif

void MX_KERNEL(sort_keys)(void *keys, void *scratch, int64_t n, int bytes, bool indexed) {
#ifdef __AVX512F__
  int depth = 2 * (64 - __builtin_clzll((unsigned long long)n | 1));
  if (bytes == 4) {
    u32_sort(keys, scratch, n, depth);
    return;
  }
  if (bytes == 8) {
    u64_sort(keys, scratch, n, depth);
    return;
  }
#endif
  switch (bytes) {
  case 1: sort_bytes(keys, n); break;
  case 2: u16_radix(keys, scratch, n, 0); break;
  case 4: u32_radix(keys, scratch, n, 0); break;
  default: u64_radix(keys, scratch, n, indexed ? 4 : 0); break;
  }
}

/* Stable; leaves both sorted where they are. */
static void wide_radix(uint64_t *keys, uint32_t *indices, uint64_t *key_spare,
                       uint32_t *index_spare, int64_t n) {
  uint32_t counts[8][256] = {{0}};
  for (int64_t i = 0; i < n; i++)
    for (int byte = 0; byte < 8; byte++) counts[byte][(keys[i] >> 8 * byte) & 255]++;
  uint64_t *from = keys, *to = key_spare;
  uint32_t *index_from = indices, *index_to = index_spare;
  for (int byte = 0; byte < 8; byte++) {
    uint32_t *start = counts[byte];
    if (starts_of(start, n)) continue;
    for (int64_t i = 0; i < n; i++) {
      uint32_t at = start[(from[i] >> 8 * byte) & 255]++;
      to[at] = from[i];
      index_to[at] = index_from[i];
    }
    uint64_t *t = from;
    uint32_t *u = index_from;
    from = to, to = t, index_from = index_to, index_to = u;
  }
  if (index_from != indices) memcpy(indices, index_from, (size_t)n * sizeof *indices);
}

/* Indices of keys that the first sort took for alike. */
static void order_alike(const uint64_t *keys, uint32_t *indices, uint64_t *spare,
                        uint64_t *more_spare, uint32_t *index_spare, int64_t n) {
  if (n > 32) {
    for (int64_t i = 0; i < n; i++) spare[i] = keys[indices[i]];
    wide_radix(spare, indices, more_spare, index_spare, n);
    return;
  }
  for (int64_t i = 1, k; i < n; i++) {
    uint32_t index = indices[i];
    uint64_t key = keys[index];
    for (k = i; k && keys[indices[k - 1]] > key; k--) indices[k] = indices[k - 1];
    indices[k] = index;
  }
}

/* The highest 32 bits in which the keys differ sort together with the index, in one word. */
void MX_KERNEL(sort_wide)(const uint64_t *keys, uint32_t *indices, uint64_t *words, uint64_t *spare,
                          uint32_t *index_spare, int64_t n) {
  uint64_t lowest = UINT64_MAX, highest = 0;
  for (int64_t i = 0; i < n; i++) {
    lowest = keys[i] < lowest ? keys[i] : lowest;
    highest = keys[i] > highest ? keys[i] : highest;
  }
  uint64_t range = n ? highest - lowest : 0;
  int shift = range >> 32 ? 32 - __builtin_clzll(range) : 0;
  for (int64_t i = 0; i < n; i++) words[i] = ((keys[i] - lowest) >> shift) << 32 | (uint64_t)i;
  MX_KERNEL(sort_keys)(words, spare, n, 8, true);
  for (int64_t i = 0; i < n; i++) indices[i] = (uint32_t)words[i];
  if (!shift) return;
  for (int64_t i = 0, end; i < n; i = end) {
    for (end = i + 1; end < n && words[end] >> 32 == words[i] >> 32;) end++;
    if (end - i > 1) order_alike(keys, indices + i, spare, words + i, index_spare, end - i);
  }
}

void MX_KERNEL(sort_indices)(const uint64_t *keys, int64_t n, uint32_t *out, int64_t step) {
  if (step == 1)
    for (int64_t i = 0; i < n; i++) out[i] = (uint32_t)keys[i];
  else
    for (int64_t i = 0; i < n; i++) out[i * step] = (uint32_t)keys[i];
}

/* ---- selection ---- */

/* A byte at a time from the highest: the keys part into those whose byte is below that of the kth,
 * above it, or alike, and only the last go on. */
#define SELECT(name, T)                                                      \
  static void name##_select(T *keys, T *scratch, int64_t n, int64_t kth) {   \
    for (int byte = (int)sizeof(T) - 1; byte >= 0 && n > 1; byte--) {        \
      int64_t counts[256] = {0}, below = 0;                                  \
      for (int64_t i = 0; i < n; i++) counts[(keys[i] >> 8 * byte) & 255]++; \
      int v = 0;                                                             \
      for (; below + counts[v] <= kth; v++) below += counts[v];              \
      if (counts[v] == n) continue;                                          \
      int64_t to[3] = {0, below, below + counts[v]};                         \
      for (int64_t i = 0; i < n; i++) {                                      \
        int b = (keys[i] >> 8 * byte) & 255;                                 \
        scratch[to[(b >= v) + (b > v)]++] = keys[i];                         \
      }                                                                      \
      memcpy(keys, scratch, (size_t)n * sizeof(T));                          \
      keys += below, kth -= below, n = counts[v];                            \
    }                                                                        \
  }
SELECT(u8, uint8_t)
SELECT(u16, uint16_t)
SELECT(u32, uint32_t)
SELECT(u64, uint64_t)

#ifdef __AVX512F__
/* Quickselect on vectors, down to what a network sorts. */
#define QUICKSELECT(name, T, NETWORK)                                           \
  static void name##_quickselect(T *keys, T *scratch, int64_t n, int64_t kth) { \
    for (int tries = 0; n > NETWORK; tries++) {                                 \
      if (tries > 64) { /* pivots keep being bad */                             \
        name##_select(keys, scratch, n, kth);                                   \
        return;                                                                 \
      }                                                                         \
      T pivot = name##_pivot(keys, n);                                          \
      int64_t low = name##_partition(keys, n, pivot);                           \
      bool smallest = !low; /* part off its equals */                           \
      if (smallest && pivot == (T)-1) return;                                   \
      if (smallest) low = name##_partition(keys, n, pivot + 1);                 \
      if (smallest && kth < low) return;                                        \
      if (kth < low) {                                                          \
        n = low;                                                                \
      } else {                                                                  \
        keys += low, kth -= low, n -= low;                                      \
      }                                                                         \
    }                                                                           \
    name##_small(keys, n);                                                      \
  }
QUICKSELECT(u32, uint32_t, 256)
QUICKSELECT(u64, uint64_t, 128)
#define u32_best_select u32_quickselect
#define u64_best_select u64_quickselect
#else
#define u32_best_select u32_select
#define u64_best_select u64_select
#endif

void MX_KERNEL(sort_select)(void *keys, void *scratch, int64_t n, int64_t kth, int bytes) {
  switch (bytes) {
  case 1: u8_select(keys, scratch, n, kth); break;
  case 2: u16_select(keys, scratch, n, kth); break;
  case 4: u32_best_select(keys, scratch, n, kth); break;
  default: u64_best_select(keys, scratch, n, kth); break;
  }
}

/* ---- splitting among threads ---- */

/* The part of a key: how many pivots are not above it. Stable. */
#define SPLIT(name, T)                                                                             \
  static inline int name##_part(T key, const T *pivots, int parts) {                               \
    int part = 0;                                                                                  \
    for (int step = parts / 2; step; step /= 2) part += pivots[part + step - 1] <= key ? step : 0; \
    return part;                                                                                   \
  }                                                                                                \
  static void name##_split(T *keys, T *scratch, int64_t n, const T *pivots, int parts,             \
                           int64_t *starts) {                                                      \
    int64_t next[MX_SORT_PARTS] = {0}, sum = 0;                                                    \
    for (int64_t i = 0; i < n; i++) next[name##_part(keys[i], pivots, parts)]++;                   \
    for (int part = 0; part < parts; part++) {                                                     \
      starts[part] = sum;                                                                          \
      sum += next[part];                                                                           \
      next[part] = starts[part];                                                                   \
    }                                                                                              \
    starts[parts] = n;                                                                             \
    for (int64_t i = 0; i < n; i++)                                                                \
      scratch[next[name##_part(keys[i], pivots, parts)]++] = keys[i];                              \
    memcpy(keys, scratch, (size_t)n * sizeof(T));                                                  \
  }
SPLIT(u16, uint16_t)
#ifdef __AVX512F__
/* By the middle pivot, then each side by those of its own; starts[0] is where these keys begin. */
#define VECTOR_SPLIT(name, T, NETWORK)                                                  \
  static void name##_split(T *keys, T *scratch, int64_t n, const T *pivots, int parts,  \
                           int64_t *starts) {                                           \
    if (parts == 1) return;                                                             \
    int half = parts / 2;                                                               \
    T pivot = pivots[half - 1];                                                         \
    int64_t below = 0;                                                                  \
    if (n > NETWORK) {                                                                  \
      below = name##_partition(keys, n, pivot);                                         \
    } else {                                                                            \
      name##_small(keys, n);                                                            \
      while (below < n && keys[below] < pivot) below++;                                 \
    }                                                                                   \
    starts[half] = starts[0] + below;                                                   \
    name##_split(keys, scratch, below, pivots, half, starts);                           \
    name##_split(keys + below, scratch, n - below, pivots + half, half, starts + half); \
  }
VECTOR_SPLIT(u32, uint32_t, 256)
VECTOR_SPLIT(u64, uint64_t, 128)
#else
SPLIT(u32, uint32_t)
SPLIT(u64, uint64_t)
#endif

void MX_KERNEL(sort_split)(void *keys, void *scratch, int64_t n, const void *pivots, int parts,
                           int64_t *starts, int bytes) {
  starts[0] = 0;
  starts[parts] = n;
  switch (bytes) {
  case 2: u16_split(keys, scratch, n, pivots, parts, starts); break;
  case 4: u32_split(keys, scratch, n, pivots, parts, starts); break;
  default: u64_split(keys, scratch, n, pivots, parts, starts); break;
  }
}
