/* Functions of two operands. Loops that the compiler vectorises where it can; float32 functions
 * that it cannot go through vmath.h, and 16-bit floats are widened on the way. */
#include "kernels/binary.h"
#include "kernels/complex.h"
#include "kernels/loop.h"
#include "kernels/vmath.h"
#include "kernels/vmath64.h"

#include <stdbool.h>

typedef void binary_fn(void *out, const void *a, const void *b, int64_t n, int64_t as, int64_t bs);

#define PLAIN(name, T, OUT, expression)                                                     \
  static void name(void *out, const void *first, const void *second, int64_t n, int64_t as, \
                   int64_t bs) {                                                            \
    const T *a = first, *b = second;                                                        \
    OUT *d = out;                                                                           \
    if (as && bs) {                                                                         \
      INDEPENDENT for (int64_t i = 0; i < n; i++) {                                         \
        T x = a[i], y = b[i];                                                               \
        d[i] = (OUT)(expression);                                                           \
      }                                                                                     \
    } else if (as) {                                                                        \
      T y = b[0];                                                                           \
      INDEPENDENT for (int64_t i = 0; i < n; i++) {                                         \
        T x = a[i];                                                                         \
        d[i] = (OUT)(expression);                                                           \
      }                                                                                     \
    } else {                                                                                \
      T x = a[0];                                                                           \
      INDEPENDENT for (int64_t i = 0; i < n; i++) {                                         \
        T y = b[i * bs];                                                                    \
        d[i] = (OUT)(expression);                                                           \
      }                                                                                     \
    }                                                                                       \
  }

/* ---- integers ---- */

/* Divisions truncate. Through a float type that holds every quotient's whole part exactly, they
 * vectorise; the one that overflows wraps, and what is divided by 0 is 0. */
static inline int32_t quotient_small(int32_t x, int32_t y) {
  return (int32_t)((float)x / (float)(y ? y : 1)) & -(int32_t)(y != 0);
}
static inline uint32_t quotient_u32(uint32_t x, uint32_t y) {
  int64_t q = (int64_t)((double)x / (double)(y ? y : 1));
  return (uint32_t)(y ? q : 0);
}
static inline int32_t quotient_i32(int32_t x, int32_t y) {
  double q = (double)x / (double)(y ? y : 1);
  q = q > INT32_MAX ? INT32_MIN : q;
  return y ? (int32_t)q : 0;
}
/* The CPU divides 32 bits several times faster than 64. */
static inline uint64_t quotient_u64(uint64_t x, uint64_t y) {
  if (!((x | y) >> 32)) return y ? (uint32_t)x / (uint32_t)y : 0;
  return y ? x / y : 0;
}
static inline int64_t quotient_i64(int64_t x, int64_t y) {
  if (!((uint64_t)(x | y) >> 32)) return y ? (int64_t)((uint32_t)x / (uint32_t)y) : 0;
  if (y == -1) return (int64_t)(0 - (uint64_t)x);
  return y ? x / y : 0;
}
#define quotient_u8 quotient_small
#define quotient_u16 quotient_small
#define quotient_i8 quotient_small
#define quotient_i16 quotient_small

#define BITS_OF(T) (8 * sizeof(T))

/* Squares and multiplies PART elements side by side, as often as the largest exponent needs. A
 * negative power of an integer is 0 but for those of 1 and -1. */
#define PART 64
#define NEGATIVE(T, x) (((T)-1 < (T)1) & ((x) >> (BITS_OF(T) - 1) & 1)) /* if T is signed */
#define POWER(s, T, U)                                                                           \
  static void power_##s(void *out, const void *first, const void *second, int64_t n, int64_t as, \
                        int64_t bs) {                                                            \
    const T *a = first, *b = second;                                                             \
    T *d = out;                                                                                  \
    for (int64_t i = 0; i < n; i += PART) {                                                      \
      int m = n - i < PART ? (int)(n - i) : PART;                                                \
      T base[PART] = {0}, exponent[PART] = {0};                                                  \
      U result[PART], square[PART], e[PART], more = 0;                                           \
      for (int k = 0; k < m; k++) base[k] = a[(i + k) * as], exponent[k] = b[(i + k) * bs];      \
      for (int k = 0; k < PART; k++) {                                                           \
        result[k] = 1, square[k] = (U)base[k],                                                   \
        e[k] = NEGATIVE(T, exponent[k]) ? 0 : (U)exponent[k];                                    \
        more |= e[k];                                                                            \
      }                                                                                          \
      for (; more; more >>= 1)                                                                   \
        for (int k = 0; k < PART; k++) {                                                         \
          result[k] *= e[k] & 1 ? square[k] : 1;                                                 \
          square[k] *= square[k];                                                                \
          e[k] >>= 1;                                                                            \
        }                                                                                        \
      for (int k = 0; k < PART; k++) {                                                           \
        U odd = (U)exponent[k] & 1, minus = base[k] + (U)1 ? 0 : 1 - 2 * odd;                    \
        U unit = base[k] == 1 ? 1 : minus;                                                       \
        result[k] = NEGATIVE(T, exponent[k]) ? unit : result[k];                                 \
      }                                                                                          \
      for (int k = 0; k < m; k++) d[i + k] = (T)result[k];                                       \
    }                                                                                            \
  }
INTEGER_TYPES(POWER)

#define INTEGERS(s, T, U)                                            \
  PLAIN(add_##s, T, T, (U)x + (U)y)                                  \
  PLAIN(subtract_##s, T, T, (U)x - (U)y)                             \
  PLAIN(multiply_##s, T, T, (U)x *(U)y)                              \
  PLAIN(maximum_##s, T, T, x > y ? x : y)                            \
  PLAIN(minimum_##s, T, T, x < y ? x : y)                            \
  PLAIN(quotient_row_##s, T, T, quotient_##s(x, y))                  \
  PLAIN(fmod_##s, T, T, y ? (U)x - (U)quotient_##s(x, y) * (U)y : 0) \
  PLAIN(bitwise_and_##s, T, T, x &y)                                 \
  PLAIN(bitwise_or_##s, T, T, x | y)                                 \
  PLAIN(bitwise_xor_##s, T, T, x ^ y)                                \
  PLAIN(left_shift_##s, T, T, (U)y < BITS_OF(T) ? (U)x << ((U)y & (BITS_OF(T) - 1)) : 0)
#define UNSIGNED(s, T, U)                                                 \
  PLAIN(remainder_##s, T, T, y ? (U)x - (U)quotient_##s(x, y) * (U)y : 0) \
  PLAIN(right_shift_##s, T, T, y < BITS_OF(T) ? x >> (y & (BITS_OF(T) - 1)) : 0)
#define SIGNED(s, T, U)                                     \
  static inline T floored_##s(T x, T y) {                   \
    T r = (T)(y ? (U)x - (U)quotient_##s(x, y) * (U)y : 0); \
    return (T)(r && (r ^ y) < 0 ? r + y : r);               \
  }                                                         \
  PLAIN(remainder_##s, T, T, floored_##s(x, y))             \
  PLAIN(right_shift_##s, T, T, x >> ((U)y < BITS_OF(T) ? y : (T)(BITS_OF(T) - 1)))
INTEGER_TYPES(INTEGERS)
UNSIGNED_TYPES(UNSIGNED)
SIGNED_TYPES(SIGNED)

#define COMPARE(s, T)                       \
  PLAIN(equal_##s, T, uint8_t, x == y)      \
  PLAIN(not_equal_##s, T, uint8_t, x != y)  \
  PLAIN(less_##s, T, uint8_t, x < y)        \
  PLAIN(less_equal_##s, T, uint8_t, x <= y) \
  PLAIN(greater_##s, T, uint8_t, x > y)     \
  PLAIN(greater_equal_##s, T, uint8_t, x >= y)
#define COMPARE_INTEGERS(s, T, U) COMPARE(s, T)
INTEGER_TYPES(COMPARE_INTEGERS)

/* ---- bool: 0 or 1 ---- */

PLAIN(and_bool, uint8_t, uint8_t, x &y)
PLAIN(or_bool, uint8_t, uint8_t, x | y)
PLAIN(xor_bool, uint8_t, uint8_t, x ^ y)
PLAIN(power_bool, uint8_t, uint8_t, x | (y ^ 1))
PLAIN(zero_bool, uint8_t, uint8_t, 0 & (x ^ y))
PLAIN(shift_right_bool, uint8_t, uint8_t, x &(y ^ 1))

/* ---- float32 and float64 ---- */

/* x - trunc(x / y) y, exactly, as C's fmod; and with y's sign. Quotients of float32 below 2^28 and
 * their products with the divisor are exact in float64. */
static inline double floored64(double x, double y) {
  double r = fmod(x, y);
  if (r != 0) return (r < 0) != (y < 0) ? r + y : r;
  return r;
}
static inline float floored32(float x, float y) {
  float r = fmodf(x, y);
  if (r != 0 && (r < 0) != (y < 0)) r += y;
  return r;
}
V_INLINE vd vd_fmod(vd x, vd y) {
  vd ax = vd_abs(x), ay = vd_abs(y);
  vd r = vd_fma(vd_rint(ax / ay), -ay, ax);
  return vd_copysign(vd_select(r < 0, r + ay, r), x);
}
V_INLINE vd vd_remainder(vd x, vd y) {
  vd r = vd_fmod(x, y);
  return vd_select((r != 0) & ((r < 0) != (y < 0)), r + y, r);
}
#define EXACT_QUOTIENT(name, scalar)                                                    \
  V_INLINE vf vf_##name(vf x, vf y) {                                                   \
    vf r = vf_join(vd_##name(vd_low(x), vd_low(y)), vd_##name(vd_high(x), vd_high(y))); \
    vi far = ~((vf_abs(x / y) < 0x1p27f) & (vf_abs(y) < INFINITY));                     \
    if (__builtin_expect(vi_any(far), 0))                                               \
      for (int i = 0; i < VW; i++)                                                      \
        if (far[i]) r[i] = scalar(x[i], y[i]);                                          \
    return r;                                                                           \
  }
EXACT_QUOTIENT(fmod, fmodf)
EXACT_QUOTIENT(remainder, floored32)

static inline double logaddexp64(double x, double y) {
  double high = x > y || x != x ? x : y, low = x < y || x != x ? x : y;
  if (low == -INFINITY || high == INFINITY) return high;
  return high + log1p(exp(low - high));
}

#define REALS(s, T)                                                  \
  COMPARE(s, T)                                                      \
  PLAIN(nan_equal_##s, T, uint8_t, (x == y) | ((x != x) & (y != y))) \
  PLAIN(add_##s, T, T, x + y)                                        \
  PLAIN(subtract_##s, T, T, x - y)                                   \
  PLAIN(multiply_##s, T, T, x *y)                                    \
  PLAIN(divide_##s, T, T, x / y)                                     \
  PLAIN(maximum_##s, T, T, x > y || x != x ? x : y)                  \
  PLAIN(minimum_##s, T, T, x < y || x != x ? x : y)
REALS(f32, float)
REALS(f64, double)
#if defined(__AVX512F__)
#define LANES_F64(name)                                                                           \
  static void name##_f64(void *out, const void *first, const void *second, int64_t n, int64_t as, \
                         int64_t bs) {                                                            \
    typedef double unaligned __attribute__((vector_size(4 * VW), aligned(8), may_alias));         \
    const double *a = first, *b = second;                                                         \
    double *d = out;                                                                              \
    vd x = vd_set(a[0]), y = vd_set(b[0]);                                                        \
    int64_t i = 0;                                                                                \
    for (; i + VW / 2 <= n; i += VW / 2) {                                                        \
      if (as) x = *(const unaligned *)(a + i);                                                    \
      if (bs) y = *(const unaligned *)(b + i);                                                    \
      *(unaligned *)(d + i) = v64_##name(x, y);                                                   \
    }                                                                                             \
    if (i == n) return;                                                                           \
    size_t rest = (size_t)(n - i) * sizeof *d;                                                    \
    if (as) memcpy(&x, a + i, rest);                                                              \
    if (bs) memcpy(&y, b + i, rest);                                                              \
    vd z = v64_##name(x, y);                                                                      \
    memcpy(d + i, &z, rest);                                                                      \
  }
LANES_F64(power)
LANES_F64(arctan2)
#else
PLAIN(power_f64, double, double, pow(x, y))
PLAIN(arctan2_f64, double, double, atan2(x, y))
#endif
PLAIN(logaddexp_f64, double, double, logaddexp64(x, y))
PLAIN(quotient_f64, double, double, trunc(x / y))
#if defined(__FMA__) || defined(__aarch64__)
/* Below 2^51 the rounded quotient is off by less than 3/4 of one, and a fused step is exact. */
#define EXACT_REST(name, scalar)                                                                  \
  static void name##_f64(void *out, const void *first, const void *second, int64_t n, int64_t as, \
                         int64_t bs) {                                                            \
    enum { LANES = VW / 2 };                                                                      \
    const double *a = first, *b = second;                                                         \
    double *d = out;                                                                              \
    vd x = vd_set(a[0]), y = vd_set(b[0]);                                                        \
    for (int64_t i = 0; i < n; i += LANES) {                                                      \
      size_t part = (n - i < LANES ? (size_t)(n - i) : LANES) * sizeof *d;                        \
      if (as) memcpy(&x, a + i, part);                                                            \
      if (bs) memcpy(&y, b + i, part);                                                            \
      vd r = vd_##name(x, y);                                                                     \
      vl far = ~((vd_abs(x / y) < 0x1p51) & (vd_abs(y) < INFINITY));                              \
      if (__builtin_expect(vi_any((vi)far), 0))                                                   \
        for (int k = 0; k < LANES; k++)                                                           \
          if (far[k]) r[k] = scalar(x[k], y[k]);                                                  \
      memcpy(d + i, &r, part);                                                                    \
    }                                                                                             \
  }
EXACT_REST(remainder, floored64)
EXACT_REST(fmod, fmod)
#else
PLAIN(remainder_f64, double, double, floored64(x, y))
PLAIN(fmod_f64, double, double, fmod(x, y))
#endif

#define VECTOR(name, expression)                                                                  \
  static void name##_f32(void *out, const void *first, const void *second, int64_t n, int64_t as, \
                         int64_t bs) {                                                            \
    const float *a = first, *b = second;                                                          \
    float *d = out;                                                                               \
    vf x = vf_set(a[0]), y = vf_set(b[0]);                                                        \
    int64_t i = 0;                                                                                \
    for (; i + VW <= n; i += VW) {                                                                \
      if (as) x = vf_load(a + i);                                                                 \
      if (bs) y = vf_load(b + i);                                                                 \
      vf_store(d + i, expression);                                                                \
    }                                                                                             \
    if (i < n) {                                                                                  \
      if (as) x = vf_load_part(a + i, (int)(n - i));                                              \
      if (bs) y = vf_load_part(b + i, (int)(n - i));                                              \
      vf_store_part(d + i, expression, (int)(n - i));                                             \
    }                                                                                             \
  }
#if defined(__AVX512F__)
enum { GROUP_power = 2, GROUP_arctan2 = 2 };
/* Functions in float32 for usual operands; what has others among them leaves the loop. */
#define VECTORS(name, function, are_usual)                                                        \
  VECTOR(name##_any, vf_##function(x, y))                                                         \
  static void name##_f32(void *out, const void *first, const void *second, int64_t n, int64_t as, \
                         int64_t bs) {                                                            \
    enum { GROUP = GROUP_##function };                                                            \
    const float *a = first, *b = second;                                                          \
    float *d = out;                                                                               \
    vf x = vf_set(a[0]), y = vf_set(b[0]);                                                        \
    int64_t i = 0;                                                                                \
    for (; i + GROUP * VW <= n; i += GROUP * VW) {                                                \
      vf z[GROUP];                                                                                \
      vi usual = ~(vi){0};                                                                        \
      _Pragma("GCC unroll 4") for (int k = 0; k < GROUP; k++) {                                   \
        if (as) x = vf_load(a + i + k * VW);                                                      \
        if (bs) y = vf_load(b + i + k * VW);                                                      \
        usual &= are_usual;                                                                       \
        z[k] = v32_##function(x, y);                                                              \
      }                                                                                           \
      if (__builtin_expect(vi_any(~usual), 0))                                                    \
        name##_any_f32(d + i, a + i * as, b + i * bs, GROUP * VW, as, bs);                        \
      else                                                                                        \
        for (int k = 0; k < GROUP; k++) vf_store(d + i + k * VW, z[k]);                           \
    }                                                                                             \
    if (i < n) name##_any_f32(d + i, a + i * as, b + i * bs, n - i, as, bs);                      \
  }
/* Its instructions wait for one another, and are more than the CPU looks ahead. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("schedule-insns", "sched-pressure")
#endif
VECTORS(power_general, power, VF_POWER_USUAL(x, y))
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif
VECTORS(arctan2, arctan2, VF_ARCTAN2_USUAL(x, y))
#else
VECTOR(power_general, vf_power(x, y))
VECTOR(arctan2, vf_arctan2(x, y))
#endif
VECTOR(remainder, vf_remainder(x, y))
VECTOR(logaddexp, vf_logaddexp(x, y))
VECTOR(quotient, vf_trunc(x / y))
VECTOR(fmod, vf_fmod(x, y))

VECTOR(cube, ((void)y, vf_cube(x)))
VECTOR(fourth, ((void)y, vf_fourth(x)))
VECTOR(root, ((void)y, vf_root(x)))

/* What models raise to by name needs no logarithm. */
static void power_f32(void *out, const void *a, const void *b, int64_t n, int64_t as, int64_t bs) {
  float exponent = n && !bs ? *(const float *)b : 0;
  if (exponent == 2) {
    multiply_f32(out, a, a, n, as, as);
  } else if (exponent == -1) {
    float one = 1;
    divide_f32(out, &one, a, n, 0, as);
  } else {
    binary_fn *power = exponent == 3      ? cube_f32
                       : exponent == 4    ? fourth_f32
                       : exponent == 0.5f ? root_f32
                                          : power_general_f32;
    power(out, a, b, n, as, bs);
  }
}

/* A power of 2 divides as its inverse multiplies. */
static void divide_by_f32(void *out, const void *a, const void *b, int64_t n, int64_t as,
                          int64_t bs) {
  uint32_t bits = 0;
  if (n && !bs) memcpy(&bits, b, sizeof bits);
  uint32_t exponent = bits >> 23 & 0xff;
  if (!(bits & 0x7fffff) && exponent >= 1 && exponent <= 253) {
    float inverse = 1 / *(const float *)b;
    multiply_f32(out, a, &inverse, n, as, 0);
  } else {
    divide_f32(out, a, b, n, as, bs);
  }
}

/* ---- complex64 ---- */

#define COMPLEX(name, expression)                                                                 \
  static void name##_c64(void *out, const void *first, const void *second, int64_t n, int64_t as, \
                         int64_t bs) {                                                            \
    const mx_complex64 *a = first, *b = second;                                                   \
    mx_complex64 *d = out;                                                                        \
    for (int64_t i = 0; i < n; i++) {                                                             \
      float complex x = c64_load(a + i * as), y = c64_load(b + i * bs);                           \
      c64_store(d + i, expression);                                                               \
    }                                                                                             \
  }

/* Ordered by real part, then by imaginary part. */
static inline bool above(float complex x, float complex y) {
  return crealf(x) > crealf(y) || (crealf(x) == crealf(y) && cimagf(x) > cimagf(y));
}
static inline bool nan_part(float complex x) {
  return crealf(x) != crealf(x) || cimagf(x) != cimagf(x);
}
static inline float complex larger(float complex x, float complex y) {
  return crealf(x) != crealf(x) || above(x, y) ? x : y;
}
static inline float complex smaller(float complex x, float complex y) {
  return crealf(x) != crealf(x) || above(y, x) ? x : y;
}
static float complex logaddexp_complex(float complex x, float complex y) {
  float complex high = larger(x, y), low = smaller(x, y);
  if (low == -INFINITY || high == INFINITY) return high;
  return high + c64_log1p(cexpf(low - high));
}

COMPLEX(maximum, larger(x, y))
COMPLEX(minimum, smaller(x, y))
COMPLEX(power, cpowf(x, y))
COMPLEX(logaddexp, logaddexp_complex(x, y))
/* Of the real parts alone, as MLX. */
COMPLEX(remainder, remainderf(crealf(x), crealf(y)))
COMPLEX(arctan2, atan2f(crealf(x), crealf(y)))

/* Sums go part by part. */
#define BY_PARTS(name, op)                                                                        \
  static void name##_c64(void *out, const void *first, const void *second, int64_t n, int64_t as, \
                         int64_t bs) {                                                            \
    const mx_complex64 *a = first, *b = second;                                                   \
    if (as && bs) {                                                                               \
      name##_f32(out, first, second, 2 * n, 1, 1);                                                \
      return;                                                                                     \
    }                                                                                             \
    mx_complex64 *d = out;                                                                        \
    INDEPENDENT for (int64_t i = 0; i < n; i++) {                                                 \
      mx_complex64 x = a[i * as], y = b[i * bs];                                                  \
      d[i] = (mx_complex64){x.re op y.re, x.im op y.im};                                          \
    }                                                                                             \
  }
BY_PARTS(add, +)
BY_PARTS(subtract, -)

/* C's product and quotient look for infinities where both parts come out NaN; the rest vectorises.
 */
#define RARELY_STRANGE(name, op)                                                                   \
  static void name##_c64(void *out, const void *first, const void *second, int64_t n, int64_t as,  \
                         int64_t bs) {                                                             \
    const mx_complex64 *a = first, *b = second;                                                    \
    mx_complex64 *d = out;                                                                         \
    for (int64_t begin = 0; begin < n; begin += 256) {                                             \
      int64_t m = n - begin < 256 ? n - begin : 256;                                               \
      mx_complex64 result[256];                                                                    \
      int strange = 0;                                                                             \
      for (int64_t i = 0; i < m; i++) {                                                            \
        result[i] = plain_##name(a[(begin + i) * as], b[(begin + i) * bs]);                        \
        strange |= result[i].re != result[i].re;                                                   \
      }                                                                                            \
      if (strange)                                                                                 \
        for (int64_t i = 0; i < m; i++)                                                            \
          c64_store(result + i, c64_load(a + (begin + i) * as) op c64_load(b + (begin + i) * bs)); \
      memcpy(d + begin, result, (size_t)m * sizeof *d);                                            \
    }                                                                                              \
  }
static inline mx_complex64 plain_multiply(mx_complex64 x, mx_complex64 y) {
  return (mx_complex64){x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re};
}
/* In float64, where neither products nor the divisor's square leave the range. */
static inline mx_complex64 plain_divide(mx_complex64 x, mx_complex64 y) {
  double a = x.re, b = x.im, c = y.re, d = y.im, square = c * c + d * d;
  return (mx_complex64){(float)((a * c + b * d) / square), (float)((b * c - a * d) / square)};
}
RARELY_STRANGE(multiply, *)
RARELY_STRANGE(divide, /)

#define COMPARE_COMPLEX(name, expression)                                                         \
  static void name##_c64(void *out, const void *first, const void *second, int64_t n, int64_t as, \
                         int64_t bs) {                                                            \
    const mx_complex64 *a = first, *b = second;                                                   \
    uint8_t *d = out;                                                                             \
    for (int64_t i = 0; i < n; i++) {                                                             \
      float complex x = c64_load(a + i * as), y = c64_load(b + i * bs);                           \
      d[i] = (expression);                                                                        \
    }                                                                                             \
  }
PLAIN(equal_c64, mx_complex64, uint8_t, (x.re == y.re) & (x.im == y.im))
PLAIN(not_equal_c64, mx_complex64, uint8_t, (x.re != y.re) | (x.im != y.im))
COMPARE_COMPLEX(less, above(y, x))
COMPARE_COMPLEX(less_equal, above(y, x) || x == y)
COMPARE_COMPLEX(greater, above(x, y))
COMPARE_COMPLEX(greater_equal, above(x, y) || x == y)
COMPARE_COMPLEX(nan_equal, x == y || (nan_part(x) && nan_part(y)))

/* ---- 16-bit floats: the arithmetic that memory feeds, straight ---- */

#define HALF_VECTOR(name, s, T, expression)                                                       \
  static void name##_##s(void *out, const void *first, const void *second, int64_t n, int64_t as, \
                         int64_t bs) {                                                            \
    const T *a = first, *b = second;                                                              \
    T *d = out;                                                                                   \
    vf x = vf_set(mx_##s##_to_f32(a[0])), y = vf_set(mx_##s##_to_f32(b[0]));                      \
    int64_t i = 0;                                                                                \
    for (; i + VW <= n; i += VW) {                                                                \
      if (as) x = vf_load_##s(a + i);                                                             \
      if (bs) y = vf_load_##s(b + i);                                                             \
      vf_store_##s(d + i, expression);                                                            \
    }                                                                                             \
    if (i < n) {                                                                                  \
      if (as) x = vf_load_part_##s(a + i, (int)(n - i));                                          \
      if (bs) y = vf_load_part_##s(b + i, (int)(n - i));                                          \
      vf_store_part_##s(d + i, expression, (int)(n - i));                                         \
    }                                                                                             \
  }
#define HALVES(name, expression)             \
  HALF_VECTOR(name, f16, mx_f16, expression) \
  HALF_VECTOR(name, bf16, mx_bf16, expression)
HALVES(add, x + y)
HALVES(subtract, x - y)
HALVES(multiply, x *y)
HALVES(divide, x / y)
HALVES(maximum, vf_select((x > y) | (x != x), x, y))
HALVES(minimum, vf_select((x < y) | (x != x), x, y))

#define COMPARE_ROW(name) \
  [MX_BINARY_##name] = {[MX_BOOL] = name##_u8, ROW_INTEGERS(name), ROW_FLOATS(name)},
#define FLOAT_ROW(name) [MX_BINARY_##name] = {ROW_FLOATS(name)},
#define ARITHMETIC(name, of_bool) \
  [MX_BINARY_##name] = {[MX_BOOL] = of_bool, ROW_INTEGERS(name), ROW_FLOATS(name), ROW_HALVES(name)}
#define WHOLE(name, of_bool) [MX_BINARY_##name] = {[MX_BOOL] = of_bool, ROW_INTEGERS(name)}

static binary_fn *const functions[MX_BINARY_COUNT][MX_DTYPE_COUNT] = {
    COMPARE_ROW(equal) COMPARE_ROW(not_equal) COMPARE_ROW(less) COMPARE_ROW(less_equal)
        COMPARE_ROW(greater) COMPARE_ROW(greater_equal) FLOAT_ROW(nan_equal) FLOAT_ROW(arctan2)
            FLOAT_ROW(logaddexp) ARITHMETIC(add, or_bool),
    ARITHMETIC(subtract, xor_bool),
    ARITHMETIC(multiply, and_bool),
    ARITHMETIC(maximum, or_bool),
    ARITHMETIC(minimum, and_bool),
    WHOLE(bitwise_and, and_bool),
    WHOLE(bitwise_or, or_bool),
    WHOLE(bitwise_xor, xor_bool),
    WHOLE(left_shift, shift_right_bool),
    WHOLE(right_shift, shift_right_bool),
    [MX_BINARY_divide] = {ROW_FLOATS(divide), [MX_FLOAT32] = divide_by_f32, ROW_HALVES(divide)},
    [MX_BINARY_power] = {[MX_BOOL] = power_bool, ROW_INTEGERS(power), ROW_FLOATS(power)},
    [MX_BINARY_remainder] = {[MX_BOOL] = zero_bool, ROW_INTEGERS(remainder), ROW_FLOATS(remainder)},
    [MX_BINARY_quotient] = {[MX_BOOL] = and_bool, ROW_INTEGERS(quotient_row), ROW_REALS(quotient)},
    [MX_BINARY_fmod] = {[MX_BOOL] = zero_bool, ROW_INTEGERS(fmod), ROW_REALS(fmod)},
};

static void widen(float *d, mx_dtype dtype, const void *s, int64_t n) {
  if (dtype == MX_FLOAT16)
    f16_widen(d, s, n);
  else
    bf16_widen(d, s, n);
}

static void through_float(mx_binary_op op, mx_dtype dtype, char *out, const uint16_t *a,
                          const uint16_t *b, int64_t n, int64_t as, int64_t bs) {
  binary_fn *f = functions[op][MX_FLOAT32];
  bool test = mx_binary_dtype(op, dtype) == MX_BOOL;
  float x[HALF_BLOCK], y[HALF_BLOCK];
  for (int64_t i = 0; i < n; i += HALF_BLOCK) {
    int64_t m = n - i < HALF_BLOCK ? n - i : HALF_BLOCK;
    if (as || i == 0) widen(x, dtype, a + i * as, as ? m : 1);
    if (bs || i == 0) widen(y, dtype, b + i * bs, bs ? m : 1);
    if (test) {
      f(out + i, x, y, m, as, bs);
      continue;
    }
    float result[HALF_BLOCK];
    f(result, x, y, m, as, bs);
    if (dtype == MX_FLOAT16)
      f16_narrow((mx_f16 *)(out + 2 * i), result, m);
    else
      bf16_narrow((mx_bf16 *)(out + 2 * i), result, m);
  }
}

void MX_KERNEL(binary)(mx_binary_op op, mx_dtype dtype, void *out, const void *a, const void *b,
                       int64_t n, int64_t a_step, int64_t b_step) {
  binary_fn *f = functions[op][dtype];
  if (n <= 0) return;
  if (f)
    f(out, a, b, n, a_step, b_step);
  else
    through_float(op, dtype, out, a, b, n, a_step, b_step);
}
