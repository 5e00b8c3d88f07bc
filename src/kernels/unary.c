/* Functions of one operand. Floats go through the vector functions of vmath.h, float64 and
 * complex64 through libm; 16-bit floats are widened to float32 a block at a time. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("schedule-insns", "sched-pressure")
#endif
#include "kernels/unary.h"
#include "kernels/bulk.h"
#include "kernels/complex.h"
#include "kernels/loop.h"
#include "kernels/vmath.h"
#include "kernels/vmath64.h"

#include <stdbool.h>

typedef void unary_fn(void *out, const void *in, int64_t n);

/* One loop over x of type T, into OUT. */
#define PLAIN(name, T, OUT, expression)                    \
  static void name(void *out, const void *in, int64_t n) { \
    const T *a = in;                                       \
    OUT *d = out;                                          \
    INDEPENDENT for (int64_t i = 0; i < n; i++) {          \
      T x = a[i];                                          \
      d[i] = (OUT)(expression);                            \
    }                                                      \
  }

/* ---- integers and bool ---- */

#define INTEGERS(s, T, U)             \
  PLAIN(square_##s, T, T, (U)x *(U)x) \
  PLAIN(bitwise_invert_##s, T, T, ~x) \
  PLAIN(negative_##s, T, T, 0 - (U)x)
#define UNSIGNED(s, T, U)       \
  PLAIN(sign_##s, T, T, x != 0) \
  PLAIN(abs_##s, T, T, x)
#define SIGNED(s, T, U)                    \
  PLAIN(sign_##s, T, T, (x > 0) - (x < 0)) \
  PLAIN(abs_##s, T, T, x < 0 ? 0 - (U)x : (U)x)
INTEGER_TYPES(INTEGERS)
UNSIGNED_TYPES(UNSIGNED)
SIGNED_TYPES(SIGNED)

PLAIN(same_bool, uint8_t, uint8_t, x)
PLAIN(logical_not_bool, uint8_t, uint8_t, !x)

/* ---- float32: whole vectors, then what is left ---- */

#define VECTOR(name, expression)                                 \
  static void name##_f32(void *out, const void *in, int64_t n) { \
    const float *a = in;                                         \
    float *d = out;                                              \
    int64_t i = 0;                                               \
    for (; i + VW <= n; i += VW) {                               \
      vf x = vf_load(a + i);                                     \
      vf_store(d + i, expression);                               \
    }                                                            \
    if (i < n) {                                                 \
      vf x = vf_load_part(a + i, (int)(n - i));                  \
      vf_store_part(d + i, expression, (int)(n - i));            \
    }                                                            \
  }
#define VECTOR_OF(name) VECTOR(name, vf_##name(x))

/* The same for functions whose instructions wait for one another, and are more than the CPU looks
 * ahead: several vectors at a time, which the compiler interleaves. */
#define VECTORS_OF(name, GROUP)                                                               \
  VECTOR(name##_last, vf_##name(x))                                                           \
  static void name##_f32(void *out, const void *in, int64_t n) {                              \
    const float *a = in;                                                                      \
    float *d = out;                                                                           \
    int64_t i = 0;                                                                            \
    for (; i + GROUP * VW <= n; i += GROUP * VW) {                                            \
      vf x[GROUP];                                                                            \
      _Pragma("GCC unroll 8") for (int k = 0; k < GROUP; k++) x[k] = vf_load(a + i + k * VW); \
      _Pragma("GCC unroll 8") for (int k = 0; k < GROUP; k++) x[k] = vf_##name(x[k]);         \
      _Pragma("GCC unroll 8") for (int k = 0; k < GROUP; k++) vf_store(d + i + k * VW, x[k]); \
    }                                                                                         \
    name##_last_f32(d + i, a + i, n - i);                                                     \
  }
#if defined(__AVX512F__)
#define MANY 8
#else
#define MANY 4
#endif
VECTOR_OF(abs)
VECTORS_OF(arctan, 2)
VECTORS_OF(arctanh, 2)
VECTOR_OF(ceil)
VECTORS_OF(cos, 2)
VECTORS_OF(cosh, 2)
VECTORS_OF(erf, MANY)
VECTORS_OF(exp, MANY)
VECTOR_OF(floor)
VECTORS_OF(log, 4)
VECTORS_OF(log10, 4)
VECTORS_OF(log1p, 2)
VECTORS_OF(log2, 4)
VECTOR_OF(rsqrt)
VECTORS_OF(sigmoid, MANY)
VECTORS_OF(sin, 2)
VECTORS_OF(sinh, 2)
VECTOR_OF(sqrt)
#if defined(__AVX512F__)
/* The rare arguments that are reduced otherwise leave the loop. */
VECTOR(tan_any, vf_tan(x))
static void tan_f32(void *out, const void *in, int64_t n) {
  enum { GROUP = 2 };
  const float *a = in;
  float *d = out;
  int64_t i = 0;
  for (; i + GROUP * VW <= n; i += GROUP * VW) {
    vf y[GROUP];
    vi rare = {0};
    for (int k = 0; k < GROUP; k++) {
      vf x = vf_load(a + i + k * VW);
      rare |= ~(vf_abs(x) <= VF_TRIG_MAX) | (x == 0.f);
      y[k] = v32_tan(x);
    }
    if (__builtin_expect(vi_any(rare), 0))
      tan_any_f32(d + i, a + i, GROUP * VW);
    else
      for (int k = 0; k < GROUP; k++) vf_store(d + i + k * VW, y[k]);
  }
  tan_any_f32(d + i, a + i, n - i);
}
#else
VECTORS_OF(tan, 2)
#endif
VECTORS_OF(tanh, MANY)

/* Of functions in float64 lanes so many values live at a time that moving instructions up only
 * spills them. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("no-schedule-insns")
#endif
VECTOR_OF(arccos)
VECTOR_OF(arccosh)
VECTOR_OF(arcsin)
VECTOR_OF(arcsinh)
VECTOR_OF(erfinv)
VECTOR_OF(expm1)
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif

VECTOR(round, vf_rint(x))
VECTOR(square, x *x)
VECTOR(negative, -x)
VECTOR(sign, (vf)(((vi)vf_set(1.f) & (x > 0.f)) | ((vi)vf_set(-1.f) & (x < 0.f))))

/* ---- float64 ---- */

/* A float32 estimate, then Newton's steps on erf, or erfc where erf is flat. */
static double erfinv64(double x) {
  double a = fabs(x), w = -log((1 - x) * (1 + x));
  if (!(a < 1)) return a == 1 ? x * INFINITY : NAN;
  double s = sqrt(w),
         y = a * (w < 5 ? 0.886227 + w * (0.232 + w * (0.0105 - w * 0.0021)) : s - 0.3);
  for (int i = 0; i < 12; i++) {
    double error = a < 0.5 ? erf(y) - a : (1 - a) - erfc(y);
    double step = error * 0.88622692545275801 * exp(y * y);
    step /= 1 + y * step;
    y -= step;
    if (fabs(step) <= 1e-16 * y) break;
  }
  return copysign(y, x);
}

__attribute__((unused)) static double sigmoid64(double x) {
  double e = exp(-fabs(x));
  return (x < 0 ? e : 1) / (1 + e);
}

#define DOUBLE(name, expression) PLAIN(name##_f64, double, double, expression)
#if defined(__AVX512F__)
typedef double unaligned_vd __attribute__((vector_size(4 * VW), aligned(8), may_alias));
/* Whole vectors, then what is left beside ones. */
#define DOUBLE_VECTOR(name, expression)                          \
  static void name##_f64(void *out, const void *in, int64_t n) { \
    const double *a = in;                                        \
    double *d = out;                                             \
    int64_t i = 0;                                               \
    for (; i + VW / 2 <= n; i += VW / 2) {                       \
      vd x = *(const unaligned_vd *)(a + i);                     \
      *(unaligned_vd *)(d + i) = v64_##name(x);                  \
    }                                                            \
    if (i < n) {                                                 \
      vd x = vd_set(1);                                          \
      memcpy(&x, a + i, (size_t)(n - i) * sizeof *a);            \
      vd y = v64_##name(x);                                      \
      memcpy(d + i, &y, (size_t)(n - i) * sizeof *d);            \
    }                                                            \
  }
#else
#define DOUBLE_VECTOR DOUBLE
#endif
DOUBLE(abs, fabs(x))
DOUBLE(arccos, acos(x))
DOUBLE_VECTOR(arccosh, acosh(x))
DOUBLE(arcsin, asin(x))
DOUBLE_VECTOR(arcsinh, asinh(x))
DOUBLE(arctan, atan(x))
DOUBLE_VECTOR(arctanh, atanh(x))
DOUBLE(ceil, ceil(x))
DOUBLE(cos, cos(x))
DOUBLE_VECTOR(cosh, cosh(x))
DOUBLE(erf, erf(x))
DOUBLE(erfinv, erfinv64(x))
DOUBLE_VECTOR(exp, exp(x))
DOUBLE_VECTOR(expm1, expm1(x))
DOUBLE(floor, floor(x))
DOUBLE_VECTOR(log, log(x))
DOUBLE_VECTOR(log10, log10(x))
DOUBLE_VECTOR(log1p, log1p(x))
DOUBLE_VECTOR(log2, log2(x))
DOUBLE(round, rint(x))
DOUBLE(rsqrt, 1 / sqrt(x))
DOUBLE_VECTOR(sigmoid, sigmoid64(x))
DOUBLE(sin, sin(x))
DOUBLE_VECTOR(sinh, sinh(x))
DOUBLE(sqrt, sqrt(x))
DOUBLE(tan, tan(x))
DOUBLE_VECTOR(tanh, tanh(x))
DOUBLE(square, x *x)
DOUBLE(negative, -x)
DOUBLE(sign, (x > 0) - (x < 0))

/* ---- complex64 ---- */

#define COMPLEX(name, expression)                                \
  static void name##_c64(void *out, const void *in, int64_t n) { \
    const mx_complex64 *a = in;                                  \
    mx_complex64 *d = out;                                       \
    for (int64_t i = 0; i < n; i++) {                            \
      float complex z = c64_load(a + i);                         \
      c64_store(d + i, expression);                              \
    }                                                            \
  }
COMPLEX(arccos, cacosf(z))
COMPLEX(arccosh, cacoshf(z))
COMPLEX(arcsin, casinf(z))
COMPLEX(arcsinh, casinhf(z))
COMPLEX(arctan, catanf(z))
COMPLEX(arctanh, catanhf(z))
COMPLEX(cos, ccosf(z))
COMPLEX(cosh, ccoshf(z))
COMPLEX(exp, cexpf(z))
COMPLEX(expm1, c64_expm1(z))
COMPLEX(log, clogf(z))
COMPLEX(log10, c64_times(clogf(z), M_LOG10E))
COMPLEX(log1p, c64_log1p(z))
COMPLEX(log2, c64_times(clogf(z), M_LOG2E))
COMPLEX(round, c64_make(rintf(crealf(z)), rintf(cimagf(z))))
COMPLEX(rsqrt, 1 / csqrtf(z))
COMPLEX(sigmoid, c64_sigmoid(z))
COMPLEX(sign, c64_sign(z))
COMPLEX(sin, csinf(z))
COMPLEX(sinh, csinhf(z))
COMPLEX(sqrt, csqrtf(z))
/* C's product looks for infinities where both parts come out NaN; the rest vectorises. */
static void square_c64(void *out, const void *in, int64_t n) {
  const mx_complex64 *a = in;
  mx_complex64 *d = out;
  for (int64_t begin = 0; begin < n; begin += 256) {
    int64_t m = n - begin < 256 ? n - begin : 256;
    mx_complex64 result[256];
    int strange = 0;
    for (int64_t i = 0; i < m; i++) {
      mx_complex64 x = a[begin + i];
      result[i] = (mx_complex64){x.re * x.re - x.im * x.im, x.re * x.im + x.im * x.re};
      strange |= result[i].re != result[i].re;
    }
    if (strange)
      for (int64_t i = 0; i < m; i++) {
        float complex z = c64_load(a + begin + i);
        c64_store(result + i, z * z);
      }
    memcpy(d + begin, result, (size_t)m * sizeof *d);
  }
}
COMPLEX(tan, ctanf(z))
COMPLEX(tanh, ctanhf(z))
#define COMPLEX_PART(name, OUT, expression) PLAIN(name##_c64, mx_complex64, OUT, expression)
/* As hypot: infinite where a part is. The squares of float32 neither overflow nor vanish in
 * float64. */
V_INLINE vf vf_modulus(vf re, vf im) {
  vd low = vd_low(re) * vd_low(re) + vd_low(im) * vd_low(im);
  vd high = vd_high(re) * vd_high(re) + vd_high(im) * vd_high(im);
  vd least = vd_set(0x1p-300); /* whose square root is float32's 0 */
  vf y = vf_join(vd_sqrt_normal(vd_at_least(low, least)), vd_sqrt_normal(vd_at_least(high, least)));
  return vf_select((vf_abs(re) == INFINITY) | (vf_abs(im) == INFINITY), vf_set(INFINITY), y);
}
/* The same in float32, where neither part is far from 1: the sum of squares in two parts. */
V_INLINE vf vf_modulus_usual(vf re, vf im) {
  vf ax = vf_abs(re), ay = vf_abs(im), large = vf_at_least(ax, ay), small = vf_at_most(ax, ay);
  vf square = large * large, low = vf_fma(large, large, -square),
     sum = vf_fma(small, small, square);
  low += vf_fma(small, small, square - sum);
  vf root = vf_sqrt(sum);
  return vf_fma(vf_fma(-root, root, sum) + low, 0.5f / root, root);
}
static void abs_c64(void *out, const void *in, int64_t n) {
  const float *a = in;
  float *d = out;
  for (int64_t i = 0; i < n; i += VW) {
    int64_t part = n - i < VW ? n - i : VW;
    float parts[2 * VW] = {0};
    vf x, z, re, im, y;
    if (part == VW) {
      x = vf_load(a + 2 * i), z = vf_load(a + 2 * i + VW);
    } else {
      memcpy(parts, a + 2 * i, (size_t)part * 2 * sizeof *a);
      x = vf_load(parts), z = vf_load(parts + VW);
    }
    re = vf_even(x, z), im = vf_odd(x, z);
#if defined(__FMA__) || defined(__aarch64__)
    vf most = vf_at_least(vf_abs(re), vf_abs(im));
    vi usual = (most >= 0x1p-40f) & (most <= 0x1p60f) & (vf_abs(im) <= 0x1p60f);
    if (__builtin_expect(!vi_any(~usual), 1))
      y = vf_modulus_usual(re, im);
    else
#endif
      y = vf_modulus(re, im);
    if (part == VW)
      vf_store(d + i, y);
    else
      vf_store_part(d + i, y, (int)part);
  }
}
PLAIN(real_c64, mx_complex64, float, x.re)
PLAIN(imag_c64, mx_complex64, float, x.im)

static void negative_c64(void *out, const void *in, int64_t n) { negative_f32(out, in, 2 * n); }
static void conjugate_c64(void *out, const void *in, int64_t n) {
  const mx_complex64 *a = in;
  mx_complex64 *d = out;
  INDEPENDENT for (int64_t i = 0; i < n; i++) d[i] = (mx_complex64){a[i].re, -a[i].im};
}

/* ---- tests, to bool ---- */

/* A complex number is NaN where a part is; it equals (inf, 0) or (-inf, 0), as MLX compares. */
#define TESTS(s, T)                                                   \
  PLAIN(isnan_##s, T, uint8_t, x != x)                                \
  PLAIN(isinf_##s, T, uint8_t, x == (T)INFINITY || x == -(T)INFINITY) \
  PLAIN(isposinf_##s, T, uint8_t, x == (T)INFINITY)                   \
  PLAIN(isneginf_##s, T, uint8_t, x == -(T)INFINITY)                  \
  PLAIN(isfinite_##s, T, uint8_t, x - x == 0)
TESTS(f32, float)
TESTS(f64, double)
#define INFINITE(sign) (x.re == sign INFINITY && x.im == 0)
PLAIN(isnan_c64, mx_complex64, uint8_t, x.re != x.re || x.im != x.im)
PLAIN(isinf_c64, mx_complex64, uint8_t, INFINITE(+) || INFINITE(-))
PLAIN(isposinf_c64, mx_complex64, uint8_t, INFINITE(+))
PLAIN(isneginf_c64, mx_complex64, uint8_t, INFINITE(-))
PLAIN(isfinite_c64, mx_complex64, uint8_t,
      !(x.re != x.re || x.im != x.im || INFINITE(+) || INFINITE(-)))

/* ---- 16-bit floats whose bits tell ---- */

#define BITS(name, expression)                      \
  PLAIN(name##_f16, uint16_t, uint16_t, expression) \
  PLAIN(name##_bf16, uint16_t, uint16_t, expression)
BITS(abs, x & 0x7fff)
BITS(negative, x ^ 0x8000)

#define ANY_ROW(name) \
  [MX_UNARY_##name] = {[MX_BOOL] = same_bool, ROW_INTEGERS(name), ROW_FLOATS(name)},
#define FLOAT_ROW(name) [MX_UNARY_##name] = {ROW_FLOATS(name)},
#define REAL_ROW(name) [MX_UNARY_##name] = {ROW_REALS(name)},
#define NO_ROW(name)

static unary_fn *const functions[MX_UNARY_COUNT][MX_DTYPE_COUNT] = {
    MX_UNARY_OPS(ANY_ROW, FLOAT_ROW, REAL_ROW, FLOAT_ROW,
                 NO_ROW)[MX_UNARY_negative] = {ROW_INTEGERS(negative), ROW_FLOATS(negative),
                                               ROW_HALVES(negative)},
    [MX_UNARY_abs] = {[MX_BOOL] = same_bool, ROW_INTEGERS(abs), ROW_FLOATS(abs), ROW_HALVES(abs)},
    [MX_UNARY_bitwise_invert] = {ROW_INTEGERS(bitwise_invert)},
    [MX_UNARY_conjugate] = {[MX_COMPLEX64] = conjugate_c64},
    [MX_UNARY_imag] = {[MX_COMPLEX64] = imag_c64},
    [MX_UNARY_logical_not] = {[MX_BOOL] = logical_not_bool},
    [MX_UNARY_real] = {[MX_COMPLEX64] = real_c64},
};

static void through_float(unary_fn *f, bool test, mx_dtype dtype, void *out, const void *in,
                          int64_t n) {
  float x[HALF_BLOCK];
  for (int64_t i = 0; i < n; i += HALF_BLOCK) {
    int64_t m = n - i < HALF_BLOCK ? n - i : HALF_BLOCK;
    if (dtype == MX_FLOAT16)
      f16_widen(x, (const mx_f16 *)in + i, m);
    else
      bf16_widen(x, (const mx_bf16 *)in + i, m);
    if (test) {
      f((uint8_t *)out + i, x, m);
      continue;
    }
    f(x, x, m);
    if (dtype == MX_FLOAT16)
      f16_narrow((mx_f16 *)out + i, x, m);
    else
      bf16_narrow((mx_bf16 *)out + i, x, m);
  }
}

void MX_KERNEL(unary)(mx_unary_op op, mx_dtype dtype, void *out, const void *in, int64_t n) {
  unary_fn *f = functions[op][dtype];
  if (f)
    f(out, in, n);
  else
    through_float(functions[op][MX_FLOAT32], mx_unary_dtype(op, dtype) == MX_BOOL, dtype, out, in,
                  n);
}
