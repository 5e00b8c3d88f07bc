/* Mathematical functions of float32 on AVX-512, within 1 ulp of the true value: in float32 lanes,
 * values that need more bits as sums of two (see T. Dekker, "A floating-point technique for
 * extending the available precision", 1971). Elsewhere vmath.h computes them in float64 lanes. Made
 * for vmath.h, which includes it. The numbers come from tests/golden/fit_vmath.py. */
#ifndef KERNELS_VMATH32_H
#define KERNELS_VMATH32_H

#include "kernels/vpoly.h"

/* sum + *low = a + b exactly, where |a| >= |b| or a is 0. */
V_INLINE vf v32_sum(vf a, vf b, vf *low) {
  vf sum = a + b;
  *low = (a - sum) + b;
  return sum;
}
/* product + *low = a b exactly. */
V_INLINE vf v32_product(vf a, vf b, vf *low) {
  vf product = a * b;
  *low = vf_fma(a, b, -product);
  return product;
}
/* A first guess at 1 / x, right to 2^-14. */
V_INLINE vf v32_guess(vf x) { return (vf)_mm512_rcp14_ps((__m512)x); }
V_INLINE vf v32_blend(__mmask16 mask, vf yes, vf no) {
  return (vf)_mm512_mask_blend_ps(mask, (__m512)no, (__m512)yes);
}
/* x in these lanes, 0 in the others. */
V_INLINE vf v32_only(__mmask16 mask, vf x) { return (vf)_mm512_maskz_mov_ps(mask, (__m512)x); }
#define V32_WHERE(a, relation, b) _mm512_cmp_ps_mask((__m512)(a), (__m512)(b), _CMP_##relation)
V_INLINE vf v32_scale(vf x, vf power) { return (vf)_mm512_scalef_ps((__m512)x, (__m512)power); }

/* ---- logarithms: x = 2^k m with 1 <= m < 2, and m c = 1 + r with a c of few bits for each of 32
 * steps of the octave; r is exact, and next to 1 so are k and m's logarithm, 0 together ---- */

/* reciprocals in 64ths; logarithms of their inverses in 65536ths, and what is left of them. The
 * last step's is that of the octave, k's unit. */
static const float v32_reciprocals[32] = {64, 61, 59, 58, 56, 55, 53, 52, 51, 49, 48,
                                          47, 46, 45, 44, 43, 42, 41, 41, 40, 39, 38,
                                          38, 37, 36, 36, 35, 34, 34, 33, 33, 32};
typedef struct {
  float high[32], low[32];
  float unit, unit_low;     /* of an octave */
  float factor, factor_low; /* 1 / ln(base) */
  float p[4];               /* of r^2 and up */
} v32_base;
static const v32_base v32_natural = {{0,     3146,  5331,  6451,  8751,  9932,  12360, 13608,
                                      14880, 17502, 18854, 20233, 21643, 23083, 24556, 26063,
                                      27605, 29184, 29184, 30802, 32461, 34164, 34164, 35911,
                                      37707, 37707, 39553, 41453, 41453, 43409, 43409, 45426},
                                     {0.f,
                                      5.06879587e-06f,
                                      1.03496177e-06f,
                                      5.62457126e-06f,
                                      1.72953855e-06f,
                                      -3.9484155e-07f,
                                      -7.46300475e-06f,
                                      -2.23678421e-06f,
                                      6.66938513e-06f,
                                      3.45907711e-06f,
                                      -7.13653253e-06f,
                                      4.40254826e-06f,
                                      -4.28480917e-06f,
                                      1.96565975e-06f,
                                      -1.3747773e-06f,
                                      -6.8516697e-06f,
                                      -5.40699421e-06f,
                                      -1.48334459e-06f,
                                      -1.48334459e-06f,
                                      2.40854251e-06f,
                                      5.88547209e-06f,
                                      -4.34589811e-06f,
                                      -4.34589811e-06f,
                                      6.79669211e-06f,
                                      9.85723887e-07f,
                                      9.85723887e-07f,
                                      4.13808129e-06f,
                                      -2.42643026e-08f,
                                      -2.42643026e-08f,
                                      6.74747935e-06f,
                                      6.74747935e-06f,
                                      1.42860677e-06f},
                                     45426,
                                     1.42860677e-06f,
                                     1,
                                     0,
                                     {-0.49999995f, 0.333333249f, -0.250204537f, 0.200225783f}};
static const v32_base v32_binary = {{0,     4539,  7691,  9307,  12625, 14329, 17831, 19632,
                                     21468, 25250, 27200, 29190, 31224, 33302, 35427, 37600,
                                     39825, 42103, 42103, 44438, 46832, 49288, 49288, 51809,
                                     54400, 54400, 57063, 59804, 59804, 62627, 62627, 65536},
                                    {0.f,
                                     3.01888235e-06f,
                                     1.60395848e-06f,
                                     5.45506782e-06f,
                                     2.86602835e-06f,
                                     -2.90200114e-06f,
                                     7.76633655e-08f,
                                     -2.65016098e-07f,
                                     -1.02556521e-06f,
                                     5.73205671e-06f,
                                     -1.56322119e-06f,
                                     7.09558799e-06f,
                                     -2.38574444e-06f,
                                     -1.28968907e-06f,
                                     -4.73875434e-06f,
                                     4.77654794e-06f,
                                     1.30280716e-06f,
                                     7.19948366e-06f,
                                     7.19948366e-06f,
                                     1.83675331e-06f,
                                     -1.82823726e-06f,
                                     -2.70875603e-06f,
                                     -2.70875603e-06f,
                                     4.03183185e-06f,
                                     -3.12644238e-06f,
                                     -3.12644238e-06f,
                                     4.70278155e-06f,
                                     5.37655922e-07f,
                                     5.37655922e-07f,
                                     -6.30197565e-06f,
                                     -6.30197565e-06f,
                                     0.f},
                                    65536,
                                    0,
                                    1.44269502f,
                                    1.92596303e-08f,
                                    {-0.721347448f, 0.480898225f, -0.360968845f, 0.288864744f}};
static const v32_base v32_decimal = {{0,     1366,  2315,  2802,  3801,  4313,  5368,  5910,
                                      6462,  7601,  8188,  8787,  9399,  10025, 10664, 11319,
                                      11989, 12674, 12674, 13377, 14098, 14837, 14837, 15596,
                                      16376, 16376, 17178, 18003, 18003, 18852, 18852, 19728},
                                     {0.f,
                                      6.63311357e-06f,
                                      3.86566217e-06f,
                                      -3.14653221e-06f,
                                      -6.71024873e-06f,
                                      6.12726308e-06f,
                                      -5.07530422e-06f,
                                      -2.81301027e-06f,
                                      7.50296385e-06f,
                                      1.83829127e-06f,
                                      -2.2823545e-07f,
                                      3.13655596e-06f,
                                      4.78390393e-06f,
                                      -1.90014305e-06f,
                                      7.5709354e-06f,
                                      -2.71499403e-06f,
                                      -6.93848415e-06f,
                                      6.22468588e-06f,
                                      6.22468588e-06f,
                                      3.16136675e-06f,
                                      -3.04124569e-06f,
                                      1.7240468e-06f,
                                      1.7240468e-06f,
                                      2.17569823e-06f,
                                      -4.564709e-07f,
                                      -4.564709e-07f,
                                      -3.54888198e-06f,
                                      -2.92255049e-06f,
                                      -2.92255049e-06f,
                                      7.34269997e-06f,
                                      7.34269997e-06f,
                                      4.60503907e-06f},
                                     19728,
                                     4.60503907e-06f,
                                     0.434294492f,
                                     -1.010305e-08f,
                                     {-0.217147219f, 0.144764791f, -0.10866245f, 0.0869569526f}};

/* table[step] */
V_INLINE vf v32_pick(const float *table, vi step) {
  return (vf)_mm512_permutex2var_ps(_mm512_loadu_ps(table), (__m512i)step,
                                    _mm512_loadu_ps(table + 16));
}

/* Of any x; k of 0 and infinity is infinite, r of what is below 0 is NaN. */
V_INLINE vi v32_log_steps(vf x, vf *k, vf *c, vf *r) {
  vf m = (vf)_mm512_getmant_ps((__m512)x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_nan);
  vi step = (vi)m >> 18;
  *k = (vf)_mm512_getexp_ps((__m512)x);
  *c = v32_pick(v32_reciprocals, step) * 0x1p-6f;
  *r = vf_fma(m, *c, vf_set(-1.f));
  return step;
}
/* `closely`: what rounding takes from the sum is added again. */
V_INLINE vf v32_log_sum(const v32_base *b, vf k, vi step, vf r, vf r_low, bool closely) {
  vf sum = vf_fma(k, vf_set(b->unit), v32_pick(b->high, step)) * 0x1p-16f;
  vf low = v32_pick(b->low, step) + r_low;
  if (b->unit_low != 0) low = vf_fma(k, vf_set(b->unit_low), low);
  vf p = vf_horner(r, b->p, 4);
  p = b->factor_low != 0 ? vf_fma(r, p, vf_set(b->factor_low)) : r * p;
  const vf factor = vf_set(b->factor);
  if (!closely) return sum + vf_fma(r, factor, vf_fma(r, p, low));
  vf high = vf_fma(r, factor, sum);
  vf left = (vf)_mm512_max_ps((__m512)(sum - high), (__m512)vf_set(-1.f)); /* no inf - inf */
  return high + (vf_fma(r, factor, left) + vf_fma(r, p, low));
}
V_INLINE vf v32_log_base(const v32_base *b, vf x, bool closely) {
  vf k, c, r;
  vi step = v32_log_steps(x, &k, &c, &r);
  return v32_log_sum(b, k, step, r, vf_set(0.f), closely);
}
V_INLINE vf v32_log(vf x) { return v32_log_base(&v32_natural, x, false); }
V_INLINE vf v32_log2(vf x) { return v32_log_base(&v32_binary, x, true); }
V_INLINE vf v32_log10(vf x) { return v32_log_base(&v32_decimal, x, false); }

/* log(x + low), 0 < x < inf, for a `low` of up to an ulp of 1 + x */
V_INLINE vf v32_log_of_sum(vf x, vf low, bool closely) {
  vf k, c, r, r_low;
  vi step = v32_log_steps(x, &k, &c, &r);
  r = v32_sum(r, v32_scale(low * c, -k), &r_low);
  return v32_log_sum(&v32_natural, k, step, r, r_low, closely);
}
/* log(1 + x + x_low), -1 < x < inf */
V_INLINE vf v32_log1p_inside(vf x, vf x_low, bool closely) {
  vf low, u = v32_sum(vf_at_least(x, vf_set(1.f)), vf_at_most(x, vf_set(1.f)), &low);
  return v32_log_of_sum(u, low + x_low, closely);
}
V_INLINE vf v32_log1p(vf x) {
  vf y = v32_log1p_inside(x, vf_set(0.f), true);
  y = v32_blend(V32_WHERE(x, EQ_OQ, vf_set(-1.f)), vf_set(-INFINITY), y);
  y = v32_blend(V32_WHERE(x, EQ_OQ, vf_set(INFINITY)), x, y);
  return vf_copysign(y, x);
}

V_INLINE vf v32_arcsinh(vf x) {
  vf a = vf_at_most(vf_abs(x), vf_set(0x1p60f)), aa = a * a, low;
  /* From 2^24 on a + sqrt(a^2 + 1) - 1 is 2 a. */
  vf more = aa / (1.f + vf_sqrt(aa + 1.f)), u = v32_sum(a, more, &low);
  vf y = v32_log1p_inside(u, low, false);
  __mmask16 far = V32_WHERE(vf_abs(x), GT_OQ, vf_set(0x1p60f));
  if (__builtin_expect(far, 0)) y = v32_blend(far, v32_log(vf_abs(x)) + (float)M_LN2, y);
  return vf_copysign(y, x);
}
V_INLINE vf v32_arctanh(vf x) {
  vf a = vf_abs(x), d_low, d = v32_sum(vf_set(1.f), -a, &d_low), two = a + a;
  vf t = two / d, t_low = (vf_fma(-t, d, two) - t * d_low) * v32_guess(d);
  vf y = 0.5f * v32_log1p_inside(t, t_low, false);
  y = v32_blend(V32_WHERE(a, EQ_OQ, vf_set(1.f)), vf_set(INFINITY), y);
  return vf_copysign(y, x);
}

/* ---- powers: 2^(y log2 x), the logarithm to 2^-33 of itself ---- */

V_INLINE vf v32_log2_parts(vf x, vf *low) {
  vf k, c, r, linear_low, square_low, half_low, e1, e2;
  vi step = v32_log_steps(x, &k, &c, &r);
  const vf factor = vf_set(v32_binary.factor), factor_low = vf_set(v32_binary.factor_low);
  vf sum = vf_fma(v32_pick(v32_binary.high, step), vf_set(0x1p-16f), k);
  vf linear = v32_product(r, factor, &linear_low);
  vf square = v32_product(r, r, &square_low);
  vf half = v32_product(square, -0.5f * factor, &half_low);
  vf p = VF_POLY(r, 0.480898347f, -0.36067367f, 0.288538809f, -0.240713278f, 0.206424744f);
  vf rest = vf_fma(r * square, p, v32_pick(v32_binary.low, step));
  rest = vf_fma(r, factor_low, rest + linear_low);
  rest = vf_fma(square_low, -0.5f * factor, rest + half_low);
  rest = vf_fma(square, -0.5f * factor_low, rest);
  sum = v32_sum(sum, linear, &e1);
  sum = v32_sum(sum, half, &e2);
  return v32_sum(sum, rest + (e1 + e2), low);
}
/* 2^(j / 16), and what rounding takes from it */
static const float v32_roots[16] = {1,           1.04427373f, 1.09050775f, 1.13878858f,
                                    1.18920708f, 1.24185777f, 1.29683959f, 1.35425556f,
                                    1.41421354f, 1.47682619f, 1.54221082f, 1.61049032f,
                                    1.68179286f, 1.75625217f, 1.8340081f,  1.91520655f};
static const float v32_roots_low[16] = {0,
                                        4.83347016e-08f,
                                        -1.30775399e-08f,
                                        5.38622231e-08f,
                                        3.79763527e-08f,
                                        4.4968381e-08f,
                                        -4.01899953e-08f,
                                        -1.01233493e-08f,
                                        2.4203235e-08f,
                                        -4.50089885e-08f,
                                        8.07090483e-09f,
                                        9.83621717e-09f,
                                        -2.47553267e-08f,
                                        -9.23577037e-09f,
                                        -1.1239278e-08f,
                                        9.84532811e-09f};

/* 0 < x < inf, |y| < 2^100 */
V_INLINE vf v32_power(vf x, vf y) {
  vf low, log = v32_log2_parts(x, &low), z_low;
  vf z = v32_product(y, log, &z_low);
  z_low = vf_fma(y, low, z_low);
  z = vf_at_most(vf_at_least(z, vf_set(-200.f)), vf_set(200.f));
  z_low = vf_at_most(vf_at_least(z_low, vf_set(-1.f)), vf_set(1.f));
  vf n = vf_rint(16.f * z); /* sixteenths */
  vf f_low, f = v32_sum(vf_fma(n, vf_set(-0.0625f), z), z_low, &f_low);
  __m512i j = (__m512i)(n + 0x1.8p23f); /* its last four bits count */
  vf root = (vf)_mm512_permutexvar_ps(j, _mm512_loadu_ps(v32_roots));
  vf root_low = (vf)_mm512_permutexvar_ps(j, _mm512_loadu_ps(v32_roots_low));
  vf p = VF_POLY(f, 0.693147182f, 0.240226507f, 0.0555041087f, 0.00961812911f);
  vf more = vf_fma(f, p, 0.693147182f * f_low);
  return v32_scale(root + vf_fma(root, more, root_low), 0.0625f * n);
}

/* ---- hyperbolic functions ---- */

/* e^a / 2 in two parts, for a >= 0 (up to a NaN) */
V_INLINE vf v32_half_exp(vf a, vf *low) {
  a = vf_at_most(a, vf_set(89.6f));
  vf n = vf_rint(a * 1.44269504f);
  vf near = vf_fma(n, vf_set(-0.693359375f), a), r = vf_fma(n, vf_set(2.12194440e-4f), near);
  vf r_low = vf_fma(n, vf_set(2.12194440e-4f), near - r);
  vf p = VF_POLY(r, 0.499999934f, 0.166665206f, 0.0416683879f, 0.00836871541f, 0.00138145999f);
  vf rest = vf_fma(r * r, p, r_low), e1, e2, high = v32_sum(vf_set(1.f), r, &e1);
  high = v32_sum(high, rest, &e2);
  n -= 1.f;
  *low = v32_scale(e1 + e2, n);
  return v32_scale(high, n);
}
/* 1 / (4 half) to 2^-27, or what is as little beside it */
V_INLINE vf v32_quarter(vf half) {
  half = vf_at_most(half, vf_set(0x1p60f));
  vf guess = v32_guess(half), quarter = 0.25f * guess;
  return vf_fma(quarter, vf_fma(-half, guess, vf_set(1.f)), quarter);
}
V_INLINE vf v32_sinh(vf x) {
  vf a = vf_abs(x), z = x * x, low, half = v32_half_exp(a, &low);
  vf far = half + (low - v32_quarter(half));
  vf near = VF_POLY(z, 0.166666665f, 0.0083333506f, 0.000198360662f, 2.81743965e-06f);
  near = vf_fma(a * z, near, a);
  return vf_copysign(v32_blend(V32_WHERE(a, LT_OQ, vf_set(1.f)), near, far), x);
}
/* half + 1 / (4 half), both of half's parts: a guess at the quotient, and what it misses. */
V_INLINE vf v32_cosh(vf x) {
  vf low, half = v32_half_exp(vf_abs(x), &low), guess = v32_guess(half), quarter = 0.25f * guess, e;
  vf missed = vf_fma(-low, guess, vf_fma(-half, guess, vf_set(1.f)));
  vf sum = v32_sum(half, quarter, &e);
  sum += vf_fma(quarter, vf_fma(missed, missed, missed), e + low);
  return v32_blend(V32_WHERE(half, EQ_OQ, vf_set(INFINITY)), half, sum);
}

/* ---- trigonometric functions ---- */

/* x = n pi/2 + r + *low for |x| <= VF_TRIG_MAX, as vf_reduce. */
V_INLINE vf v32_tan(vf x) {
  vf n = vf_rint(x * 0.636619772f), first = vf_fma(n, vf_set(-1.57079637f), x);
  vf second_low, second = v32_product(n, vf_set(4.37113883e-8f), &second_low), r_low;
  vf r = v32_sum(first, second, &r_low), z = r * r;
  r_low += vf_fma(n, vf_set(1.71512449e-15f), second_low);
  vf p = VF_POLY(z, 0.333333498f, 0.133326605f, 0.0540602439f, 0.0212804444f, 0.0108404623f,
                 8.3481044e-05f, 0.00437933888f);
  vf low, high = v32_sum(r, r * z * p, &low);
  low = vf_fma(r_low, vf_fma(high, high, vf_set(1.f)), low);
  /* -1 / (high + low) */
  vf t = v32_guess(high);
  t = vf_fma(t, vf_fma(-high, t, vf_set(1.f)), t);
  vf inverse = vf_fma(t, vf_fma(low, t, vf_fma(high, t, vf_set(-1.f))), -t);
  vi q = __builtin_convertvector(vf_at_most(vf_abs(n), vf_set(0x1p20f)), vi);
  return v32_blend(_mm512_test_epi32_mask((__m512i)q, _mm512_set1_epi32(1)), inverse, high + low);
}

/* atan(j / 16) in 2^20ths, and what is left of it. */
static const float v32_angles[32] = {0,      65451,  130396, 194351, 256879, 317598,
                                     376198, 432444, 486170, 537279, 585734, 631544,
                                     674760, 715461, 753748, 789736, 823550};
static const float v32_angles_low[32] = {0.f,
                                         -1.27687144e-07f,
                                         -3.21615346e-07f,
                                         3.92927831e-07f,
                                         -2.41597263e-07f,
                                         -1.87167018e-07f,
                                         2.9978716e-07f,
                                         -2.94486597e-07f,
                                         -2.33406425e-07f,
                                         2.77266309e-07f,
                                         -1.56702342e-07f,
                                         5.3654496e-08f,
                                         -1.72944993e-07f,
                                         -2.25215587e-07f,
                                         -1.09020952e-07f,
                                         3.4102078e-07f,
                                         -3.19878922e-07f};
/* pi/2 alike */
#define V32_RIGHT 0x1.921fb00000000p+0f
#define V32_RIGHT_LOW 3.13916473e-07f

/* atan2(high, low) where `steep`, else atan2(low, high); that taken from pi where `left`. 0 <= low
 * <= high, neither far from 1. The nearest sixteenth's angle is known, what is left is small. */
V_INLINE vf v32_angle(vf low, vf high, __mmask16 steep, __mmask16 left) {
  vf sixteenth = vf_fma(low, v32_guess(high), vf_set(0x1.8p19f)), c = sixteenth - 0x1.8p19f;
  vf n = vf_fma(-c, high, low), d = vf_fma(c, low, high), guess = v32_guess(d), first = n * guess;
  vf t = vf_fma(vf_fma(-first, d, n), guess, first), d_low = vf_fma(c, low, high - d);
  vf t_low = vf_fma(-t, d_low, vf_fma(-t, d, n)) * guess, z = t * t;
  vf rest = vf_fma(t * z, VF_POLY(z, -0.333333333f, 0.199952f), t_low);
  vf base = v32_pick(v32_angles, (vi)sixteenth) * 0x1p-20f;
  vf base_low = v32_pick(v32_angles_low, (vi)sixteenth), e;
  /* from pi/2, from pi, or the other way round */
  vi sign = (vi)_mm512_maskz_set1_epi32(steep ^ left, INT32_MIN);
  vf from = v32_only(left, vf_set(2 * V32_RIGHT)),
     from_low = v32_only(left, vf_set(2 * V32_RIGHT_LOW));
  from = v32_blend(steep, vf_set(V32_RIGHT), from);
  from_low = v32_blend(steep, vf_set(V32_RIGHT_LOW), from_low);
  base = from + (vf)((vi)base ^ sign);
  vf sum = v32_sum(base, (vf)((vi)t ^ sign), &e);
  return sum + ((e + from_low) + (vf)((vi)(rest + base_low) ^ sign));
}
V_INLINE vf v32_arctan(vf x) {
  vf a = vf_at_most(vf_abs(x), vf_set(0x1p60f)), one = vf_set(1.f);
  vf y = v32_angle(vf_at_most(a, one), vf_at_least(a, one), V32_WHERE(a, GT_OQ, one), 0);
  return vf_copysign(y, x);
}
/* Neither far from 1 nor NaN. */
V_INLINE vf v32_arctan2(vf y, vf x) {
  vf ay = vf_abs(y), ax = vf_abs(x);
  vf angle = v32_angle(vf_at_most(ay, ax), vf_at_least(ay, ax), V32_WHERE(ay, GT_OQ, ax),
                       _mm512_movepi32_mask((__m512i)x));
  return vf_copysign(angle, y);
}

#endif
