/* Mathematical functions on vectors of float32 (see simd.h): within 1 ulp of the true value (tanh
 * and erf 1.3 without AVX-512, rsqrt 1.5, sigmoid 2) and never further from it than MLX's own;
 * special values as in C's libm, subnormals kept. The common ones are computed in float32, the rest
 * in float64 lanes, which are then right to little more than half an ulp, or (vmath32.h) in pairs
 * of float32. Included by kernel sources only. The polynomials come from tests/golden/fit_vmath.py.
 */
#ifndef KERNELS_VMATH_H
#define KERNELS_VMATH_H

#include "kernels/vpoly.h"

#include <math.h>
#include <stdbool.h>

/* ---- float32 ---- */

/* e^x = 2^n e^r with |r| <= ln(2)/2; 2^n in two factors, so that results may be subnormal. */
V_INLINE vf vf_exp(vf x) {
  x = vf_at_most(vf_at_least(x, vf_set(-104.f)), vf_set(89.f));
  vf n = vf_rint(x * 1.44269504f);
  vf r = vf_fma(n, vf_set(-0.693359375f), x);
  r = vf_fma(n, vf_set(2.12194440e-4f), r);
  vf p = VF_POLY(r, 0.499999934f, 0.166665206f, 0.0416683879f, 0.00836871541f, 0.00138145999f);
  p = vf_fma(r * r, p, r) + 1.f;
#if defined(__AVX512F__)
  return (vf)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
  vi k = __builtin_convertvector(vf_select(x == x, n, vf_set(0)), vi), half = k >> 1;
  return p * (vf)((half + 127) << 23) * (vf)((k - half + 127) << 23);
#endif
}

/* 1 / (1 + e^-x), with the small side relative to itself; the other is 1 less that. */
V_INLINE vf vf_sigmoid(vf x) {
  vf e = vf_exp(-vf_abs(x)), small = e / (1.f + e);
  return vf_select(x < 0.f, small, 1.f - small);
}

#if defined(__AVX512F__)
/* Odd functions by polynomials, one for each of 16 pieces of the positive axis, whose coefficients
 * lie in registers: c[0] + t c[1] + ... about a number near the piece's middle at which float32 has
 * the function's value all but exactly. The piece that begins at 0 is the one where c[0] is 0, and
 * there t takes its place; elsewhere t is below c[0]. */
V_INLINE vf vf_pick(const float *table, vi index) {
  return (vf)_mm512_permutexvar_ps((__m512i)index, _mm512_loadu_ps(table));
}
V_INLINE vf vf_piecewise(const float (*c)[16], int count, vi piece, vf t) {
  vf p = vf_pick(c[count - 1], piece);
  _Pragma("GCC unroll 8") for (int k = count - 2; k > 0; k--) p =
      vf_fma(p, t, vf_pick(c[k], piece));
  return vf_fma(p, t, vf_at_least(t, vf_pick(c[0], piece)));
}

/* Pieces: quarters of the octaves of 1 + x, to 9 and beyond, where float32 has 1. */
static const float tanh_pieces[7][16] = {
    {0.847924232f, 0.94115299f, 0.978088081f, 0.991791785f, 0.998189509f, 0.999754786f,
     0.999966502f, 0.99999547f, 0.999999881f, 1.f, 0, 0, 0, 0.358432412f, 0.554673553f,
     0.703977227f},
    {0.281024396f, 0.114230998f, 0.0433437042f, 0.0163490586f, 0.00361777097f, 0.000490376959f,
     6.69959263e-05f, 9.06007972e-06f, 2.37942487e-07f, 0, 0, 0, 5.32984679e-09f, 0.871526182f,
     0.692337275f, 0.504416049f},
    {-0.238287598f, -0.107508861f, -0.0423939489f, -0.0162148587f, -0.00361121492f,
     -0.000490256702f, -6.69931542e-05f, -9.05997422e-06f, -2.39780746e-07f, 0, 0, 0,
     -1.55693067e-06f, -0.312383235f, -0.384021163f, -0.355097413f},
    {0.108389221f, 0.0631119907f, 0.0270174313f, 0.0106317196f, 0.00239650579f, 0.00032633642f,
     4.46117665e-05f, 6.03350099e-06f, 1.63174803e-07f, 0, 0, 0, -0.333259553f, -0.178536177f,
     -0.0177822448f, 0.0818441808f},
    {-0.0124560203f, -0.0235585757f, -0.0122948214f, -0.0051399488f, -0.00118955062f,
     -0.000162990546f, -2.23083225e-05f, -3.01733553e-06f, -7.12469514e-08f, 0, 0, 0,
     -0.00128289044f, 0.168119475f, 0.137860835f, 0.060751576f},
    {-0.0197948888f, 0.00345812505f, 0.00397132989f, 0.00192844984f, 0.000487199461f,
     6.78455399e-05f, 9.30390888e-06f, 1.25884173e-06f, 2.6168065e-08f, 0, 0, 0, 0.143485978f,
     0.0186277851f, -0.054176487f, -0.0587715432f},
    {0.0150639694f, 0.00209911889f, -0.000715986709f, -0.000546668714f, -0.000157612696f,
     -2.26028769e-05f, -3.08438098e-06f, -4.17835082e-07f, -2.32180035e-08f, 0, 0, 0, -0.037566632f,
     -0.0691838041f, -0.0236388072f, 0.0130484449f},
};
static const float tanh_middles[16] = {
    1.24871969f, 1.74804819f,  2.25142765f,  2.7458272f,  3.50319934f, 4.50320292f,
    5.49858046f, 6.49897194f,  8.31776619f,  9.f,         0,           0,
    0,           0.375086069f, 0.625106633f, 0.875141978f};
V_INLINE vf vf_tanh(vf x) {
  vf a = vf_at_most(vf_abs(x), vf_set(9.02f));
  vi piece = (vi)(a + 1.f) >> 21;
  vf t = a - vf_pick(tanh_middles, piece);
  return vf_copysign(vf_piecewise(tanh_pieces, 7, piece, t), x);
}
#else
V_INLINE vf vf_tanh(vf x) {
  vf a = vf_abs(x), z = x * x;
  vf near = VF_POLY(z, -0.333332819f, 0.133314422f, -0.0537397122f, 0.0206390787f, -0.00570497836f);
  near = vf_fma(x * z, near, x);
  vf far = 1.f - 1.f / (0.5f * vf_exp(a + a) + 0.5f);
  return vf_copysign(vf_select(a < 0.625f, near, far), x);
}
#endif

#if defined(__AVX512F__)
#include "kernels/vmath32.h"
V_INLINE vf vf_log(vf x) { return v32_log(x); }
/* What v32_power and v32_arctan2 are for. */
#define VF_POWER_USUAL(x, y) (((x) > 0.f) & ((x) < INFINITY) & (vf_abs(y) < 0x1p100f))
#define VF_ARCTAN2_USUAL(y, x) \
  ((vf_at_most(vf_abs(y), vf_abs(x)) >= 0x1p-60f) & (vf_at_least(vf_abs(y), vf_abs(x)) <= 0x1p60f))
#else
/* x = 2^k (1 + f) with f in [sqrt(1/2) - 1, sqrt(2) - 1) */
V_INLINE vf vf_log(vf x) {
  vi tiny = x < 0x1p-126f;
  vf scaled = vf_select(tiny, x * 0x1p23f, x);
  vi bits = (vi)scaled - 0x3f3504f3;
  vf k = __builtin_convertvector((bits >> 23) - (tiny & 23), vf);
  vf f = (vf)((bits & 0x7fffff) + 0x3f3504f3) - 1.f;
  vf p = VF_POLY(f, 0.333333126f, -0.250000096f, 0.200021187f, -0.166679957f, 0.142195509f,
                 -0.124055914f, 0.118881746f, -0.116756413f, 0.0674660124f);
  vf ff = f * f;
  vf rest = vf_fma(f * ff, p, k * -2.12194440e-4f);
  vf octaves = k * 0.693359375f, sum = octaves + f; /* the product is exact */
  vf y = vf_fma(-0.5f * f, f, sum);
  y += ((octaves - sum) + f) + vf_fma(-0.5f * f, f, sum - y) + rest;
  y = vf_select(x < INFINITY, y, x);
  vf edge = vf_select(x == 0.f, vf_set(-INFINITY), vf_set(NAN));
  return vf_select(x > 0.f, y, edge);
}
#endif

/* What rounding took from product = a b. */
V_INLINE vf vf_product_rest(vf a, vf b, vf product) {
#if defined(__FMA__) || defined(__aarch64__)
  return vf_fma(a, b, -product);
#else
  return vf_join(vd_low(a) * vd_low(b) - vd_low(product),
                 vd_high(a) * vd_high(b) - vd_high(product));
#endif
}

/* r + *low = x - n pi/2 with |r| <= pi/4 and n whole, for |x| <= VF_TRIG_MAX; q ends as n does. */
#define VF_TRIG_MAX 131072.f
V_INLINE vf vf_reduce(vf x, vi *q, vf *low) {
  vf whole = vf_fma(x, vf_set(0.636619772f), vf_set(0x1.8p23f)), n = whole - 0x1.8p23f;
  *q = (vi)whole;
#if defined(__FMA__) || defined(__aarch64__)
  /* pi/2 in three float32: the first product and difference are exact. */
  vf first = vf_fma(n, vf_set(-1.57079637f), x), second = n * 4.37113883e-8f, r = first + second;
  *low = vf_fma(n, vf_set(1.71512449e-15f), vf_fma(n, vf_set(4.37113883e-8f), -second));
  *low += (first - r) + second;
  return r;
#else
  /* pi/2 as 29 + 53 bits: the first product and difference are exact. */
#define REDUCE(x, n) (((x) - (n)*1.5707963267341256) - (n)*6.0771005065061922e-11)
  vd a = REDUCE(vd_low(x), vd_low(n)), b = REDUCE(vd_high(x), vd_high(n));
#undef REDUCE
  vf r = vf_join(a, b);
  *low = vf_join(a - vd_low(r), b - vd_high(r));
  return r;
#endif
}

/* sin(x + quadrant * pi/2) */
V_INLINE vf vf_sin_from(vf x, int quadrant) {
  vi q;
  vf low, r = vf_reduce(x, &q, &low), z = r * r;
  q += quadrant;
  vf s = VF_POLY(z, -0.166666666f, 0.00833332899f, -0.000198392105f, 2.71715905e-06f);
  s = r + vf_fma(r * z, s, low);
  vf c = VF_POLY(z, 0.0416666666f, -0.00138888831f, 2.47993483e-05f, -2.71966659e-07f);
  /* 1 - r^2 / 2 in two parts */
  vf half = vf_fma(z, vf_set(-0.5f), vf_set(1.f)), rest = vf_fma(z, vf_set(-0.5f), 1.f - half);
  rest = vf_fma(vf_product_rest(r, r, z), vf_set(-0.5f), vf_fma(-r, low, rest));
  c = half + vf_fma(z * z, c, rest);
  vf y = vf_select((q & 1) != 0, c, s);
  y = (vf)((vi)y ^ ((q & 2) << 30));
  if (!quadrant) y = vf_select(x == 0.f, x, y); /* -0 */
  vi far = ~(vf_abs(x) <= VF_TRIG_MAX);
  if (__builtin_expect(vi_any(far), 0))
    for (int i = 0; i < VW; i++)
      if (far[i]) y[i] = (float)(quadrant ? cos(x[i]) : sin(x[i]));
  return y;
}
V_INLINE vf vf_sin(vf x) { return vf_sin_from(x, 0); }
V_INLINE vf vf_cos(vf x) { return vf_sin_from(x, 1); }

#if defined(__AVX512F__)
/* Pieces: quarters, to 4; from 3.92 on float32 has 1. */
static const float erf_pieces[7][16] = {
    {0, 0.404160529f, 0.622852802f, 0.784321487f, 0.888953447f, 0.947844386f, 0.978395462f,
     0.992061853f, 0.997394204f, 0.9992221f, 0.999797225f, 0.999951482f, 0.999990106f, 0.999998152f,
     0.999999702f, 0.99999994f},
    {0.128379166f, 0.980320096f, 0.763984442f, 0.524313688f, 0.317001224f, 0.171254784f,
     0.0806291103f, 0.0332764387f, 0.0121356379f, 0.00398254115f, 0.00113421562f, 0.000294041209f,
     6.47439956e-05f, 1.29708178e-05f, 2.23682378e-06f, 4.71508116e-07f},
    {-5.0501302e-07f, -0.367663652f, -0.477102071f, -0.459020793f, -0.35719046f, -0.235148787f,
     -0.130973995f, -0.0624648258f, -0.025836058f, -0.00946355797f, -0.00297990115f,
     -0.000844699738f, -0.000202327836f, -4.37436756e-05f, -8.10548772e-06f, -1.80699226e-06f},
    {-0.37609449f, -0.234846741f, -0.0560329743f, 0.0931315199f, 0.162647009f, 0.158171132f,
     0.11496079f, 0.0670793355f, 0.0326241516f, 0.0136643611f, 0.00484114094f, 0.00151960179f,
     0.00039988893f, 9.40056198e-05f, 1.88303366e-05f, 4.46056401e-06f},
    {-0.000612347329f, 0.166590512f, 0.176527694f, 0.112238765f, 0.0274302606f, -0.0302087832f,
     -0.0497110412f, -0.042138204f, -0.0261162035f, -0.0130806509f, -0.00536623411f,
     -0.00190137909f, -0.000557365245f, -0.000143973128f, -3.14317076e-05f, -7.96919176e-06f},
    {0.117899537f, 0.0453819595f, -0.0269354507f, -0.0667764097f, -0.0608689152f, -0.0309813712f,
     -0.00234005856f, 0.0113854082f, 0.0124017596f, 0.00833845045f, 0.00420558406f, 0.00174341374f,
     0.000583814632f, 0.000168753613f, 4.07121952e-05f, 1.08297199e-05f},
    {-0.0189924985f, -0.049733378f, -0.0411772393f, -0.0103718173f, 0.0154699394f, 0.0221666563f,
     0.014369837f, 0.00414882414f, -0.00178777811f, -0.0030990201f, -0.00224458543f,
     -0.00114632386f, -0.000458084396f, -0.00014858591f, -3.99768069e-05f, -9.46360706e-06f},
};
static const float erf_middles[16] = {0,           0.375044495f, 0.62449187f, 0.875469804f,
                                      1.12677944f, 1.37309325f,  1.62440073f, 1.87714887f,
                                      2.1289413f,  2.37626123f,  2.62727928f, 2.8727293f,
                                      3.12503648f, 3.37247586f,  3.62370515f, 3.8325069f};
V_INLINE vf vf_erf(vf x) {
  vf a = vf_at_most(vf_abs(x), vf_set(3.99f));
  vi piece = (vi)(a + 4.f) >> 19;
  vf t = a - vf_pick(erf_middles, piece);
  return vf_copysign(vf_piecewise(erf_pieces, 7, piece, t), x);
}
#else
V_INLINE vf vf_erf(vf x) {
  vf a = vf_abs(x), z = x * x;
  vf near = VF_POLY(z, 0.128379167f, -0.376126332f, 0.112836872f, -0.0268589414f, 0.00519990649f,
                    -0.000813001098f, 8.31676897e-05f);
  near = vf_fma(x, near, x);
  vf t = vf_at_most(a, vf_set(4.f));
  vf p = VF_POLY(t, -0.128642776f, -0.635174626f, -0.106198166f, 0.023728587f, -0.00362657316f,
                 0.000318883559f, -1.08384053e-05f);
  vf far = 1.f - vf_exp(vf_fma(t, p, -t));
  return vf_copysign(vf_select(a < 0.92f, near, far), x);
}
#endif

V_INLINE vf vf_rsqrt(vf x) { return 1.f / vf_sqrt(x); }

/* ---- float64 lanes, to about 2^-40 ---- */

/* n whole below 2^31, as a float64 whose low bits hold it too. */
#define VD_WHOLE 0x1.8p52
V_INLINE vd vd_rint(vd x) { return (x + VD_WHOLE) - VD_WHOLE; }

/* 2^n e^r = e^x; returns e^r - 1. */
V_INLINE vd vd_exp_parts(vd x, vd *power) {
  x = vd_at_most(vd_at_least(x, vd_set(-400)), vd_set(400));
  vd whole = x * 1.4426950408889634 + VD_WHOLE, n = whole - VD_WHOLE;
  vd r = vd_fma(n, vd_set(-0.6931471803691238), x);
  r = vd_fma(n, vd_set(-1.9082149292705877e-10), r);
  *power = (vd)(((vul)whole + 1023) << 52);
  vd p = VD_POLY(r, 0.49999999999800082, 0.16666666666602942, 0.041666666889967743,
                 0.0083333333758424735, 0.0013888821809560847, 0.0001984117760198313,
                 2.4876110571501157e-05, 2.7638435536593373e-06);
  return vd_fma(r * r, p, r);
}
V_INLINE vd vd_exp(vd x) {
  vd power, p = vd_exp_parts(x, &power);
  return vd_fma(p, power, power);
}
V_INLINE vd vd_expm1(vd x) {
  vd power, p = vd_exp_parts(x, &power);
  return vd_fma(p, power, power - 1);
}

#if defined(__AVX512F__)
/* Reciprocals, in 9 bits, of the middles of an octave's 16 steps, and their logarithms negated
 * (with log 2 taken off from the 8th on, which counts as of the octave above). */
static const double step_reciprocals[16] = {
    0x1.00p+0, 0x1.e2p-1, 0x1.c8p-1, 0x1.b0p-1, 0x1.9ap-1, 0x1.86p-1, 0x1.74p-1, 0x1.64p-1,
    0x1.56p-1, 0x1.48p-1, 0x1.3cp-1, 0x1.30p-1, 0x1.24p-1, 0x1.1ap-1, 0x1.12p-1, 0x1.08p-1};
static const double step_logs[16] = {0x0.0p+0,
                                     0x1.eea31c006b87cp-5,
                                     0x1.da727638446a2p-4,
                                     0x1.5bf406b543db2p-3,
                                     0x1.c6ffbc6f00f71p-3,
                                     0x1.16b5ccbacfb73p-2,
                                     0x1.4718dc271c41bp-2,
                                     0x1.741d876c67bb1p-2,
                                     -0x1.2895a13de86a3p-2,
                                     -0x1.fb9186d5e3e2bp-3,
                                     -0x1.af3c94e80bff3p-3,
                                     -0x1.5ff3070a793d4p-3,
                                     -0x1.0d77e7cd08e59p-3,
                                     -0x1.8c345d6319b21p-4,
                                     -0x1.16536eea37ae1p-4,
                                     -0x1.f829b0e783300p-6};

/* table[index % 16] */
V_INLINE vd vd_pick(const double *table, vul index) {
  __m512d low = _mm512_loadu_pd(table), high = _mm512_loadu_pd(table + 8);
  return (vd)_mm512_permutex2var_pd(low, (__m512i)index, high);
}

/* For positive normal x = 2^e m with m from 31/32 on and below 63/32: m, its step, the exponent to
 * which that step counts, and 2^-e. */
V_INLINE vul vd_log_steps(vd x, vd *m, vd *k, vd *unit) {
  vul bits = (vul)x + (1ull << 47), whole = bits & 0x7ff0000000000000u;
  *m = (vd)((vul)x - whole + 0x3ff0000000000000u);
  *k = (vd)((bits + (1ull << 51)) >> 52 | 0x4330000000000000u) - (0x1p52 + 1023);
  vl inverse = (vl)(0x7fe0000000000000u - whole);
  *unit = (vd)(inverse & ~(inverse >> 63)); /* 0 where it would be subnormal */
  return bits >> 48;
}

/* log(1 + r) + log(2) k + table, |r| < 0.035 */
V_INLINE vd vd_log_sum(vd r, vd k, vul step) {
  vd p = VD_POLY(r, 1, -1. / 2, 1. / 3, -1. / 4, 1. / 5, -1. / 6, 1. / 7);
  return vd_fma(k, vd_set(0.69314718055994529), vd_fma(r, p, vd_pick(step_logs, step)));
}

/* For positive normal x; of others, something. */
V_INLINE vd vd_log_positive(vd x) {
  vd m, k, unit;
  vul step = vd_log_steps(x, &m, &k, &unit);
  return vd_log_sum(vd_fma(m, vd_pick(step_reciprocals, step), vd_set(-1)), k, step);
}

/* log(1 + x) for -1 < x < inf: what rounding 1 + x loses is added to the mantissa. */
V_INLINE vd vd_log1p_inside(vd x) {
  vd u = x + 1, m, k, unit;
  vul step = vd_log_steps(u, &m, &k, &unit);
  vd c = vd_pick(step_reciprocals, step);
  return vd_log_sum(vd_fma((x - (u - 1)) * unit, c, vd_fma(m, c, vd_set(-1))), k, step);
}
#else
/* log(1 + f) - 2s where s = f / (2 + f), for sqrt(1/2) <= 1 + f < sqrt(2). */
V_INLINE vd vd_log_rest(vd s) {
  vd z = s * s;
  vd p = VD_POLY(z, 0.66666666676274278, 0.39999995441047886, 0.28572130202988805,
                 0.22175237804150386, 0.19598785297481858);
  return s * z * p;
}

/* x = 2^k m with sqrt(1/2) <= m < sqrt(2), for positive normal x. */
V_INLINE vd vd_log_split(vd x, vd *m) {
  vul bits = (vul)x + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu);
  *m = (vd)((bits & 0xfffffffffffffu) + 0x3fe6a09e667f3bcdu);
  return (vd)((bits >> 52) | 0x4330000000000000u) - (0x1p52 + 1023);
}

/* For positive normal x; of others, something. */
V_INLINE vd vd_log_positive(vd x) {
  vd m, k = vd_log_split(x, &m), s = (m - 1) / (m + 1);
  return vd_fma(k, vd_set(0.69314718055994529), s + s + vd_log_rest(s));
}

/* log(1 + x) for -1 < x < inf: what rounding 1 + x loses is added to the mantissa. */
V_INLINE vd vd_log1p_inside(vd x) {
  vd u = x + 1, m, k = vd_log_split(u, &m);
  vd scale = m / u; /* a power of 2 */
  vd f = vd_fma(x - (u - 1), scale, m - 1), s = f / (f + 2);
  return vd_fma(k, vd_set(0.69314718055994529), s + s + vd_log_rest(s));
}
#endif

/* For any x but subnormal ones. */
V_INLINE vd vd_log(vd x) {
  vd y = vd_select(x < (double)INFINITY, vd_log_positive(x), x);
  vd edge = vd_select(x == 0, vd_set(-INFINITY), vd_set(NAN));
  return vd_select(x > 0, y, edge);
}

V_INLINE vd vd_sinh(vd x) {
  vd t = vd_expm1(vd_abs(x));
  return vd_copysign(0.5 * (t + t / (t + 1)), x);
}
V_INLINE vd vd_cosh(vd x) {
  vd e = vd_exp(vd_abs(x));
  return 0.5 * (e + 1 / e);
}

/* |x| < 2^22 */
V_INLINE vd vd_tan(vd x) {
  vd whole = x * 0.63661977236758138 + VD_WHOLE, n = whole - VD_WHOLE;
  vd r = (x - n * 1.5707963267341256) - n * 6.0771005065061922e-11, z = r * r;
  vd s = VD_POLY(z, -0.16666666666626795, 0.0083333333244054088, -0.00019841263345905775,
                 2.7555255747785693e-06, -2.4754221380713638e-08);
  s = vd_fma(r * z, s, r);
  vd c = VD_POLY(z, -0.49999999999999217, 0.041666666666423283, -0.0013888888865489935,
                 2.4801577020162495e-05, -2.7555012171841556e-07, 2.0618622180232436e-09);
  c = vd_fma(z, c, vd_set(1));
  vl odd = -((vl)whole & 1);
  return vd_select(odd, -c, s) / vd_select(odd, s, c);
}

/* asin(a) for 0 <= a <= 1 is *p where !*big, and pi/2 - 2 *p where *big. */
V_INLINE void vd_asin_parts(vd a, vd *p, vl *big) {
  *big = a > 0.5;
  vd z = vd_select(*big, (1 - a) * 0.5, a * a);
  vd s = vd_select(*big, vd_sqrt(z), a);
  vd q = VD_POLY(z, 0.16666666669708569, 0.074999995238020686, 0.044643113326565335,
                 0.030375213517912513, 0.022471552435679987, 0.016475960886119977,
                 0.018637883520546031, -0.0028752349640453344, 0.031975281530710761);
  *p = vd_fma(s * z, q, s);
}
V_INLINE vd vd_arcsin(vd x) {
  vd p;
  vl big;
  vd_asin_parts(vd_abs(x), &p, &big);
  return vd_copysign(vd_select(big, M_PI_2 - 2 * p, p), x);
}
V_INLINE vd vd_arccos(vd x) {
  vd p;
  vl big;
  vd_asin_parts(vd_abs(x), &p, &big);
  vd far = vd_select(x < 0, M_PI - 2 * p, 2 * p);
  return vd_select(big, far, M_PI_2 - vd_copysign(p, x));
}

/* atan(t), 0 <= t <= 1 */
V_INLINE vd vd_atan_core(vd t) {
  vd z = t * t;
  vd p = VD_POLY(z, -0.33333333295959006, 0.19999996879965867, -0.14285622905825512,
                 0.11109754675282815, -0.090789168334907439, 0.07623176176935767,
                 -0.063914846874748896, 0.050952438033469084, -0.035937480872396253,
                 0.020548493518849801, -0.0086022306802640315, 0.0022867245747136954,
                 -0.00028548127268706593);
  return vd_fma(t * z, p, t);
}
V_INLINE vd vd_arctan(vd x) {
  vd a = vd_abs(x);
  vl big = a > 1;
  vd p = vd_atan_core(vd_select(big, 1 / a, a));
  return vd_copysign(vd_select(big, M_PI_2 - p, p), x);
}
V_INLINE vd vd_arctan2(vd y, vd x) {
  vd ay = vd_abs(y), ax = vd_abs(x);
  vl steep = ay > ax;
  vd low = vd_select(steep, ax, ay), high = vd_select(steep, ay, ax);
  vd t = vd_select(low == high, vd_set(1), low / high);
  vd p = vd_atan_core(vd_select(low == 0, vd_set(0), t));
  p = vd_select(steep, M_PI_2 - p, p);
  p = vd_select((vl)x < 0, M_PI - p, p);
  return vd_select((x == x) & (y == y), vd_copysign(p, y), x + y);
}
/* Neither 0, infinite nor NaN. */
V_INLINE vd vd_arctan2_plain(vd y, vd x) {
  vd ay = vd_abs(y), ax = vd_abs(x);
  vd p = vd_atan_core(vd_at_most(ay, ax) / vd_at_least(ay, ax));
  p = vd_select(ay > ax, M_PI_2 - p, p);
  return vd_copysign(vd_select((vl)x < 0, M_PI - p, p), y);
}

V_INLINE vd vd_arcsinh(vd x) {
  vd a = vd_abs(x), aa = a * a;
  vd y = vd_log1p_inside(a + aa / (1 + vd_sqrt_normal(aa + 1)));
  return vd_copysign(vd_select(a < (double)INFINITY, y, a), x);
}
V_INLINE vd vd_arccosh(vd x) {
  vd t = x - 1, v = t * (t + 2);
  vd y = vd_log1p_inside(t + vd_select(v == 0, v, vd_sqrt_normal(v)));
  return vd_select(x >= 1, vd_select(x < (double)INFINITY, y, x), vd_set(NAN));
}
V_INLINE vd vd_arctanh(vd x) {
  vd a = vd_abs(x), y = 0.5 * vd_log1p_inside((a + a) / (1 - a));
  y = vd_select(a < 1, y, vd_select(a == 1, vd_set(INFINITY), vd_set(NAN)));
  return vd_copysign(y, x);
}

/* In w = -log(1 - x^2), after M. Giles, "Approximating the erfinv function" (2010). */
V_INLINE vd vd_erfinv(vd x) {
  vd w = -vd_log_positive((1 - x) * (1 + x));
  vd near = VD_POLY(w, 0.88622692543171777, 0.23201366826227832, 0.011549318786525117,
                    -0.0023349796085163697, -0.00012837445305785556, 4.7144759496975986e-05,
                    1.4695704562910152e-06, -6.3262809373750114e-07, -2.1582280789460584e-07,
                    7.9419868283876518e-08, -1.0747030876500901e-08, 7.1664039603521263e-10,
                    -1.9768166769143793e-11);
  vd far = VD_POLY(vd_sqrt_normal(w), 5.5808751458050763, -21.314312119809763, 43.67843650870892,
                   -52.512051124182676, 41.872606538900527, -23.167619434661621, 9.1297836144904068,
                   -2.5899994732644749, 0.52665918917311816, -0.075074577274581861,
                   0.0071378840398304078, -0.0004071811187156133, 1.0555149347172226e-05);
  vd a = vd_abs(x), y = x * vd_select(w < 5, near, far);
  return vd_select(a < 1, y, vd_select(a == 1, x * (double)INFINITY, vd_set(NAN)));
}

/* x^y */
V_INLINE vd vd_power(vd x, vd y) {
  vd a = vd_abs(x), ay = vd_abs(y);
  vd r = vd_exp(y * vd_log(a));
  r = vd_select((y == 0) | ((a == 1) & (ay == (double)INFINITY)), vd_set(1), r);
  /* Negative bases. From 2^24 on every float32 is even, and 2^53 / 4 is far above. */
  vl small = ay < 0x1p30;
  vl whole = ~small | (vd_rint(y) == y), odd = small & whole & (vd_rint(0.5 * y) != 0.5 * y);
  r = (vd)((vl)r ^ ((vl)x & odd & INT64_MIN));
  r = vd_select((x < 0) & (x > -(double)INFINITY) & ~whole, vd_set(NAN), r);
  return vd_select(x == 1, vd_set(1), r);
}

V_INLINE vd vd_logaddexp(vd x, vd y) {
  vd high = vd_select((x > y) | (x != x), x, y), low = vd_select((x < y) | (x != x), x, y);
  vd sum = high + vd_log1p_inside(vd_exp(low - high));
  return vd_select((low == -(double)INFINITY) | (high == (double)INFINITY), high, sum);
}

#define VF_FROM_VD(name) \
  V_INLINE vf vf_##name(vf x) { return vf_join(vd_##name(vd_low(x)), vd_##name(vd_high(x))); }
#define VF_FROM_VD2(name)                                                               \
  V_INLINE vf vf_##name(vf x, vf y) {                                                   \
    return vf_join(vd_##name(vd_low(x), vd_low(y)), vd_##name(vd_high(x), vd_high(y))); \
  }
VF_FROM_VD(arcsin)
VF_FROM_VD(arccos)
VF_FROM_VD(arccosh)
VF_FROM_VD(erfinv)
VF_FROM_VD2(logaddexp)
#if defined(__AVX512F__)
V_INLINE vf vf_sinh(vf x) { return v32_sinh(x); }
V_INLINE vf vf_cosh(vf x) { return v32_cosh(x); }
V_INLINE vf vf_arctan(vf x) { return v32_arctan(x); }
V_INLINE vf vf_arcsinh(vf x) { return v32_arcsinh(x); }
V_INLINE vf vf_arctanh(vf x) { return v32_arctanh(x); }
#else
VF_FROM_VD(sinh)
VF_FROM_VD(cosh)
VF_FROM_VD(arctan)
VF_FROM_VD(arcsinh)
VF_FROM_VD(arctanh)
#endif
#undef VF_FROM_VD
#undef VF_FROM_VD2

#if defined(__AVX512F__)
V_INLINE vf vf_log2(vf x) { return v32_log2(x); }
V_INLINE vf vf_log10(vf x) { return v32_log10(x); }
V_INLINE vf vf_log1p(vf x) { return v32_log1p(x); }
#else
/* The edges of a logarithm whose inside is at 0 < x < inf. */
V_INLINE vf vf_log_edges(vf x, vf y) {
  y = vf_select(x < INFINITY, y, x);
  return vf_select(x > 0.f, y, vf_select(x == 0.f, vf_set(-INFINITY), vf_set(NAN)));
}
V_INLINE vf vf_log_scaled(vf x, double scale) {
  vf y = vf_join(vd_log_positive(vd_low(x)) * scale, vd_log_positive(vd_high(x)) * scale);
  return vf_log_edges(x, y);
}
V_INLINE vf vf_log2(vf x) { return vf_log_scaled(x, M_LOG2E); }
V_INLINE vf vf_log10(vf x) { return vf_log_scaled(x, M_LOG10E); }

/* It would lose the sign of -0, as expm1 would. */
V_INLINE vf vf_log1p(vf x) {
  vf y = vf_join(vd_log1p_inside(vd_low(x)), vd_log1p_inside(vd_high(x)));
  return vf_select(x == 0.f, x, vf_log_edges(x + 1.f, vf_select(x > -1.f, y, x)));
}
#endif
V_INLINE vf vf_expm1(vf x) {
  return vf_select(x == 0.f, x, vf_join(vd_expm1(vd_low(x)), vd_expm1(vd_high(x))));
}

V_INLINE vf vf_arctan2(vf y, vf x) {
  vf ay = vf_abs(y), ax = vf_abs(x);
#if defined(__AVX512F__)
  if (__builtin_expect(!vi_any(~VF_ARCTAN2_USUAL(y, x)), 1)) return v32_arctan2(y, x);
#endif
  vi plain = (ay > 0.f) & (ay < INFINITY) & (ax > 0.f) & (ax < INFINITY);
  if (__builtin_expect(!vi_any(~plain), 1))
    return vf_join(vd_arctan2_plain(vd_low(y), vd_low(x)),
                   vd_arctan2_plain(vd_high(y), vd_high(x)));
  return vf_join(vd_arctan2(vd_low(y), vd_low(x)), vd_arctan2(vd_high(y), vd_high(x)));
}

/* x^3 and x^4 to half an ulp and a little. */
V_INLINE vf vf_cube_wide(vf x) {
  vd low = vd_low(x), high = vd_high(x);
  return vf_join(low * low * low, high * high * high);
}
V_INLINE vf vf_fourth_wide(vf x) {
  vd low = vd_low(x), high = vd_high(x);
  low *= low, high *= high;
  return vf_join(low * low, high * high);
}
#if defined(__FMA__) || defined(__aarch64__)
/* The square's rounding error is known, unless results come near the least of numbers. What the
 * square is held below, its powers overflow beyond. */
V_INLINE vf vf_cube(vf x) {
  if (__builtin_expect(vi_any(vf_abs(x) < 0x1p-33f), 0)) return vf_cube_wide(x);
  vf square = vf_at_most(x * x, vf_set(0x1p90f)), rest = vf_fma(x, x, -square);
  return vf_fma(square, x, rest * x);
}
V_INLINE vf vf_fourth(vf x) {
  if (__builtin_expect(vi_any(vf_abs(x) < 0x1p-25f), 0)) return vf_fourth_wide(x);
  vf square = vf_at_most(x * x, vf_set(0x1p70f)), rest = vf_fma(x, x, -square);
  return vf_fma(square, square, square * (rest + rest));
}
#else
V_INLINE vf vf_cube(vf x) { return vf_cube_wide(x); }
V_INLINE vf vf_fourth(vf x) { return vf_fourth_wide(x); }
#endif
/* x^0.5, which differs from the square root at -0 and -inf. */
V_INLINE vf vf_root(vf x) { return vf_select(x == -INFINITY, vf_set(INFINITY), vf_sqrt(x + 0.f)); }

/* Most bases are positive, and then nothing is special. */
V_INLINE vd vd_power_plain(vd x, vd y) { return vd_exp(y * vd_log_positive(x)); }
V_INLINE vf vf_power(vf x, vf y) {
#if defined(__AVX512F__)
  if (__builtin_expect(!vi_any(~VF_POWER_USUAL(x, y)), 1)) return v32_power(x, y);
#endif
  vi plain = (x > 0.f) & (x < INFINITY) & (vf_abs(y) < INFINITY);
  if (__builtin_expect(!vi_any(~plain), 1))
    return vf_join(vd_power_plain(vd_low(x), vd_low(y)), vd_power_plain(vd_high(x), vd_high(y)));
  return vf_join(vd_power(vd_low(x), vd_low(y)), vd_power(vd_high(x), vd_high(y)));
}

V_INLINE vf vf_tan(vf x) {
#if defined(__AVX512F__)
  const vf most = vf_set(VF_TRIG_MAX);
  vf y = v32_tan(x);
#else
  const vf most = vf_set(0x1p22f);
  vf y = vf_join(vd_tan(vd_low(x)), vd_tan(vd_high(x)));
#endif
  vi far = ~(vf_abs(x) <= most);
  if (__builtin_expect(vi_any(far), 0))
    for (int i = 0; i < VW; i++)
      if (far[i]) y[i] = (float)tan(x[i]);
  return vf_select(x == 0.f, x, y); /* -0 */
}

#endif
