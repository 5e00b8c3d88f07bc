/* Mathematical functions on AVX-512 vectors of float64, within 1.2 ulp of the true value (sigmoid
 * 2) and mostly little above half of one; special values as in C's libm. Logarithms and
 * exponentials look up 16 steps of an octave in registers, so that what is left to the polynomials
 * (Taylor's) is small. Included by kernel sources only; other instruction sets use libm. */
#ifndef KERNELS_VMATH64_H
#define KERNELS_VMATH64_H

#include "kernels/vmath.h"

#if defined(__AVX512F__)

/* What vd_step_log approximates, in two parts: the high ones are multiples of 2^-42, so that their
 * sums with multiples of LN2_HIGH are exact. */
static const double step_log_high[16] = {0x0.0p+0,
                                         0x1.eea31c0068000p-5,
                                         0x1.da72763844000p-4,
                                         0x1.5bf406b544000p-3,
                                         0x1.c6ffbc6f00000p-3,
                                         0x1.16b5ccbad0000p-2,
                                         0x1.4718dc271c000p-2,
                                         0x1.741d876c68000p-2,
                                         -0x1.2895a13de8000p-2,
                                         -0x1.fb9186d5e4000p-3,
                                         -0x1.af3c94e80c000p-3,
                                         -0x1.5ff3070a7a000p-3,
                                         -0x1.0d77e7cd08000p-3,
                                         -0x1.8c345d6318000p-4,
                                         -0x1.16536eea38000p-4,
                                         -0x1.f829b0e780000p-6};
static const double step_log_low[16] = {0x0.0p+0,
                                        0x1.c3dd83606d891p-44,
                                        0x1.a89401fa71733p-46,
                                        -0x1.27023eb68981cp-46,
                                        0x1.ee138d3a69d43p-44,
                                        -0x1.23299042d74bfp-44,
                                        0x1.06c18fb4c14c5p-44,
                                        -0x1.13a7b5b11cfa7p-44,
                                        -0x1.a8d7ad24c13f0p-44,
                                        0x1.d572aab993c87p-47,
                                        0x1.a4e633fcd9066p-52,
                                        0x1.8586f183bebf2p-44,
                                        -0x1.cb2cd2ee2f482p-44,
                                        -0x1.b20f5acb42a66p-44,
                                        0x1.47c5e768fa309p-46,
                                        -0x1.980267c7e09e4p-45};
#define LN2_HIGH 0x1.62e42fefa3800p-1
#define LN2_LOW 0x1.ef35793c76730p-45

/* 2^(j/16), and what rounding it left. */
static const double step_exp_high[16] = {
    0x1.0000000000000p+0, 0x1.0b5586cf9890fp+0, 0x1.172b83c7d517bp+0, 0x1.2387a6e756238p+0,
    0x1.306fe0a31b715p+0, 0x1.3dea64c123422p+0, 0x1.4bfdad5362a27p+0, 0x1.5ab07dd485429p+0,
    0x1.6a09e667f3bcdp+0, 0x1.7a11473eb0187p+0, 0x1.8ace5422aa0dbp+0, 0x1.9c49182a3f090p+0,
    0x1.ae89f995ad3adp+0, 0x1.c199bdd85529cp+0, 0x1.d5818dcfba487p+0, 0x1.ea4afa2a490dap+0};
static const double step_exp_low[16] = {0x0.0p+0,
                                        0x1.8a62e4adc610bp-54,
                                        -0x1.19041b9d78a76p-55,
                                        0x1.9b07eb6c70573p-54,
                                        0x1.6f46ad23182e4p-55,
                                        0x1.ada0911f09ebcp-55,
                                        0x1.d4397afec42e2p-56,
                                        0x1.6324c054647adp-54,
                                        -0x1.bdd3413b26456p-54,
                                        -0x1.41577ee04992fp-55,
                                        0x1.6e9f156864b27p-54,
                                        0x1.c7c46b071f2bep-56,
                                        0x1.7a1cd345dcc81p-54,
                                        0x1.11065895048ddp-55,
                                        0x1.2ed02d75b3707p-55,
                                        -0x1.e9c23179c2893p-54};

V_INLINE vd v64_scale(vd x, vd power) { return (vd)_mm512_scalef_pd((__m512d)x, (__m512d)power); }

/* ---- exponentials ---- */

/* e^(x + x_low) = 2^floor(power) (step + low) e^(r + r_low) for |x| < 2^20; r^2 times the result
 * makes e^r of 1 + r. */
V_INLINE vd v64_exp_reduce(vd x, vd x_low, vd *r, vd *r_low, vd *step, vd *low, vd *power,
                           bool longer) {
  vd whole = vd_fma(x, vd_set(16 * 0x1.71547652b82fep+0), vd_set(VD_WHOLE)), n = whole - VD_WHOLE;
  vd near = vd_fma(n, vd_set(-LN2_HIGH / 16), x);
  *r = vd_fma(n, vd_set(-LN2_LOW / 16), near) + x_low;
  *r_low = vd_fma(n, vd_set(-LN2_LOW / 16), near - *r) + x_low;
  *step = vd_pick(step_exp_high, (vul)whole);
  *low = vd_pick(step_exp_low, (vul)whole);
  *power = n * 0.0625;
  if (longer)
    return VD_POLY(*r, 1. / 2, 1. / 6, 1. / 24, 1. / 120, 1. / 720, 1. / 5040, 1. / 40320);
  return VD_POLY(*r, 1. / 2, 1. / 6, 1. / 24, 1. / 120, 1. / 720, 1. / 5040);
}

V_INLINE vd v64_exp_clamp(vd x) { return vd_at_most(vd_at_least(x, vd_set(-750)), vd_set(750)); }

/* e^x; beyond |x| = 750 the sign alone matters. */
V_INLINE vd v64_exp(vd x) {
  vd r, r_low, step, low, power;
  vd p = v64_exp_reduce(v64_exp_clamp(x), vd_set(0), &r, &r_low, &step, &low, &power, false);
  p = vd_fma(r * r, p, r);
  return v64_scale(step + vd_fma(step, p, low), power);
}
/* e^(x + x_low) 2^shift in two parts. */
V_INLINE vd v64_exp_parts(vd x, vd x_low, double shift, vd *rest) {
  vd r, r_low, step, low, power;
  vd p = v64_exp_reduce(v64_exp_clamp(x), x_low, &r, &r_low, &step, &low, &power, true);
  p = r + vd_fma(r * r, p, r_low);
  vd more = vd_fma(step, p, low), high = step + more;
  *rest = v64_scale((step - high) + more, power + shift);
  return v64_scale(high, power + shift);
}

/* e^x - 1 in two parts, for x up to 40; `upward` says that none is below 0. Near 0 what is left of
 * step - 1 is no larger than step r, whose rounding counts. */
V_INLINE vd v64_expm1_parts(vd x, bool upward, vd *rest) {
  vd r, r_low, step, low, power;
  vd p = v64_exp_reduce(x, vd_set(0), &r, &r_low, &step, &low, &power, true);
  step = v64_scale(step, power);
  low = v64_scale(low, power);
  vd high = step - 1, lost = (step - high) - 1;
  if (!upward) lost = vd_select(step > 1, lost, step - (high + 1));
  vd linear = step * r, linear_low = vd_fma(step, r_low, vd_fma(step, r, -linear));
  vd sum = high + linear, sum_low = (high - sum) + linear;
  sum_low += lost + linear_low + vd_fma(linear * r, p, vd_fma(low, r, low));
  vd near = sum + sum_low;
  *rest = (sum - near) + sum_low;
  return near;
}
V_INLINE vd v64_expm1(vd x) {
  vd rest, near = v64_expm1_parts(vd_at_most(v64_exp_clamp(x), vd_set(40)), false, &rest);
  return vd_select(x == 0, x, vd_select(x > 40, v64_exp(x), near));
}

/* 1 / x to 2^-27, where neither is subnormal; what it leaves of a quotient is divided by it again.
 */
V_INLINE vd v64_inverse(vd x) {
  vd guess = (vd)_mm512_rcp14_pd((__m512d)x);
  return vd_fma(vd_fma(-x, guess, vd_set(1)), guess, guess);
}
/* (t + t_low) / (t + whole) in two parts, for a positive whole number. */
V_INLINE vd v64_share(vd t, vd t_low, double whole, vd *rest) {
  vd d = t + whole, d_low = t - (d - whole), inverse = v64_inverse(d), q = t * inverse;
  *rest = (vd_fma(-q, d, t) + vd_fma(-q, d_low + t_low, t_low)) * inverse;
  return q;
}
V_INLINE vd v64_tanh(vd x) {
  vd low, rest, t = v64_expm1_parts(2 * vd_at_most(vd_abs(x), vd_set(20)), true, &low);
  vd q = v64_share(t, low, 2, &rest);
  return vd_copysign(q + rest, x);
}
V_INLINE vd v64_sinh(vd x) {
  vd a = vd_abs(x), low, rest, unused, t = v64_expm1_parts(vd_at_most(a, vd_set(30)), true, &low);
  vd q = v64_share(t, low, 1, &rest), sum = t + q;
  vd near = 0.5 * (sum + (((t - sum) + q) + (low + rest)));
  vd far = v64_exp_parts(a, vd_set(0), -1, &unused);
  return vd_copysign(vd_select(a < 22, near, far), x);
}
/* With half of e^|x| = h + low, 1 / (4 (h + low)) changes by slope - 1 of what `low` does. */
V_INLINE vd v64_cosh(vd x) {
  vd low, half = v64_exp_parts(vd_abs(x), vd_set(0), -1, &low), q = 0.25 / half, sum = half + q;
  vd slope = vd_fma(-4 * q, q, vd_set(1)), q_low = vd_fma(-q, half, vd_set(0.25)) * (4 * q);
  vd y = sum + (((half - sum) + q) + vd_fma(slope, low, q_low));
  return vd_select(half == (double)INFINITY, half, y);
}
V_INLINE vd v64_sigmoid(vd x) {
  vd e = v64_exp(-vd_abs(x));
  return vd_select(x < 0, e, vd_set(1)) / (1 + e);
}

/* ---- logarithms ---- */

/* log((x + low) 2^shift) = *high + *low with an error of about 2^-64 of it, for positive normal x
 * and a `low` below its last place. */
V_INLINE void v64_log_parts(vd x, vd below, vd shift, vd *high, vd *low) {
  vd m, k, unit;
  vul step = vd_log_steps(x, &m, &k, &unit);
  vd c = vd_pick(step_reciprocals, step);
  vd m_high = (vd)((vul)m & ~(vul){0} << 29), coarse = vd_fma(m_high, c, vd_set(-1));
  vd fine = (m - m_high) * c, r = coarse + fine;
  vd r_low = vd_fma(below * unit, c, (coarse - r) + fine);
  k += shift;
  vd base = vd_fma(k, vd_set(LN2_HIGH), vd_pick(step_log_high, step));
  vd base_low = vd_fma(k, vd_set(LN2_LOW), vd_pick(step_log_low, step));
  vd sum = base + r, sum_low = (base - sum) + r;
  vd half = -0.5 * r, square = r * half, square_low = vd_fma(r, half, -square);
  vd top = sum + square, top_low = (sum - top) + square;
  vd p = VD_POLY(r, 1. / 3, -1. / 4, 1. / 5, -1. / 6, 1. / 7, -1. / 8, 1. / 9, -1. / 10, 1. / 11,
                 -1. / 12, 1. / 13);
  vd rest = vd_fma(r * r * r, p, base_low + square_low + vd_fma(-r, r_low, r_low));
  rest += sum_low + top_low;
  *high = top + rest;
  *low = (top - *high) + rest;
}

/* log(x + below) alone. */
V_INLINE vd v64_log_inside(vd x, vd below, vd shift) {
  vd m, k, unit;
  vul step = vd_log_steps(x, &m, &k, &unit);
  vd c = vd_pick(step_reciprocals, step);
  vd m_high = (vd)((vul)m & ~(vul){0} << 29), coarse = vd_fma(m_high, c, vd_set(-1));
  vd fine = (m - m_high) * c, r = coarse + fine;
  vd r_low = vd_fma(below * unit, c, (coarse - r) + fine);
  k += shift;
  vd base = vd_fma(k, vd_set(LN2_HIGH), vd_pick(step_log_high, step));
  vd base_low = vd_fma(k, vd_set(LN2_LOW), vd_pick(step_log_low, step));
  vd sum = base + r, sum_low = (base - sum) + r;
  vd p = VD_POLY(r, -1. / 2, 1. / 3, -1. / 4, 1. / 5, -1. / 6, 1. / 7, -1. / 8, 1. / 9, -1. / 10,
                 1. / 11);
  return sum + (vd_fma(r * r, p, base_low + vd_fma(-r, r_low, r_low)) + sum_low);
}

/* A logarithm whose inside is for positive normal numbers, for all. */
V_INLINE vd v64_log_edges(vd x, vd y) {
  y = vd_select(x < (double)INFINITY, y, x);
  vd edge = vd_select(x == 0, vd_set(-INFINITY), vd_set(NAN));
  return vd_select(x > 0, y, edge);
}
V_INLINE vd v64_normal(vd x, vd *shift) {
  vl tiny = x < 0x1p-1022;
  *shift = vd_select(tiny, vd_set(-54), vd_set(0));
  return vd_select(tiny, x * 0x1p54, x);
}
V_INLINE vd v64_log(vd x) {
  vd shift, normal = v64_normal(x, &shift);
  return v64_log_edges(x, v64_log_inside(normal, vd_set(0), shift));
}
V_INLINE vd v64_log_scaled(vd x, double by, double by_low) {
  vd shift, high, low, normal = v64_normal(x, &shift);
  v64_log_parts(normal, vd_set(0), shift, &high, &low);
  vd y = high * by;
  y += vd_fma(high, vd_set(by), -y) + vd_fma(high, vd_set(by_low), low * by);
  return v64_log_edges(x, y);
}
V_INLINE vd v64_log2(vd x) {
  return v64_log_scaled(x, 0x1.71547652b82fep+0, 0x1.777d0ffda0d24p-56);
}
V_INLINE vd v64_log10(vd x) {
  return v64_log_scaled(x, 0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57);
}

/* log(1 + x + low) for -1 < x < inf */
V_INLINE vd v64_log1p_inside(vd x, vd low) {
  vd u = 1 + x, v = u - 1, below = ((1 - (u - v)) + (x - v)) + low;
  return v64_log_inside(u, below, vd_set(0));
}
V_INLINE vd v64_log1p(vd x) {
  vd y = v64_log_edges(1 + x, vd_select(x > -1, v64_log1p_inside(x, vd_set(0)), x));
  return vd_select(x == 0, x, y);
}
/* log(1 + a + b), a >= b >= 0 */
V_INLINE vd v64_log1p_sum(vd a, vd b) {
  vd sum = a + b;
  return v64_log1p_inside(sum, (a - sum) + b);
}

V_INLINE vd v64_arcsinh(vd x) {
  vd a = vd_abs(x), b = vd_at_most(a, vd_set(0x1p30)), bb = b * b;
  vd near = v64_log1p_sum(b, bb / (1 + vd_sqrt(bb + 1))), far = v64_log(a) + M_LN2;
  return vd_copysign(vd_select(x == 0, a, vd_select(a < 0x1p28, near, far)), x);
}
V_INLINE vd v64_arccosh(vd x) {
  vd t = vd_at_most(x, vd_set(0x1p30)) - 1, square = t * (t + 2);
  /* The root is that of t^2 + 2 t in two parts. */
  vd low = vd_fma(t, t, 2 * t - square), root = vd_sqrt(square);
  root += (vd_fma(-root, root, square) + low) * 0.5 / root;
  vd near = v64_log1p_sum(root, t), far = v64_log(x) + M_LN2;
  vd y = vd_select(t == 0, t, vd_select(x < 0x1p28, near, far));
  return vd_select(x >= 1, y, vd_set(NAN));
}
V_INLINE vd v64_arctanh(vd x) {
  vd a = vd_abs(x), d = 1 - a, d_low = (1 - d) - a, inverse = v64_inverse(d), t = 2 * a / d;
  vd low = (vd_fma(-t, d, 2 * a) - t * d_low) * inverse;
  vd y = vd_select(a == 0, a, 0.5 * v64_log1p_inside(t, low));
  y = vd_select(a < 1, y, vd_select(a == 1, vd_set(INFINITY), vd_set(NAN)));
  return vd_copysign(y, x);
}

/* ---- powers ---- */

/* Of positive normal bases and finite exponents; libm's for the others. */
V_INLINE vd v64_power(vd x, vd y) {
  vd high, low;
  v64_log_parts(x, vd_set(0), vd_set(0), &high, &low);
  vd product = y * high, rest = vd_fma(y, high, -product) + y * low;
  vl inside = vd_abs(product) < 750;
  vd unused, z = v64_exp_parts(product, vd_select(inside, rest, vd_set(0)), 0, &unused);
  vl plain = (x >= 0x1p-1022) & (x < (double)INFINITY) & (vd_abs(y) < (double)INFINITY);
  if (__builtin_expect(_mm512_movepi64_mask((__m512i)plain) != 0xff, 0))
    for (int i = 0; i < VW / 2; i++)
      if (!plain[i]) z[i] = pow(x[i], y[i]);
  return z;
}

/* ---- angles ---- */

/* arctan(k / 8) in two parts. */
static const double arctan_high[16] = {0,
                                       0x1.fd5ba9aac2f6ep-4,
                                       0x1.f5b75f92c80ddp-3,
                                       0x1.6f61941e4def1p-2,
                                       0x1.dac670561bb4fp-2,
                                       0x1.1e00babdefeb4p-1,
                                       0x1.4978fa3269ee1p-1,
                                       0x1.700a7c5784634p-1,
                                       0x1.921fb54442d18p-1};
static const double arctan_low[16] = {0,
                                      -0x1.cd37686760c17p-59,
                                      0x1.8ab6e3cf7afbdp-57,
                                      -0x1.c63aae6f6e918p-56,
                                      0x1.a2b7f222f65e2p-56,
                                      -0x1.928df287a668fp-58,
                                      0x1.2419a87f2a458p-56,
                                      -0x1.8c34d25aadef6p-56,
                                      0x1.1a62633145c07p-55};

/* arctan(a / b) = *low + the result, for 0 < a <= b: that of the nearest c = k / 8, and a series in
 * r = (a - c b) / (b + c a), whose numerator is exact. */
V_INLINE vd v64_arctan_share(vd a, vd b, vd *low) {
  vd whole = vd_fma(a * v64_inverse(b), vd_set(8), vd_set(VD_WHOLE)),
     c = (whole - VD_WHOLE) * 0.125;
  vd up = vd_fma(-c, b, a), down = vd_fma(c, a, b), down_low = vd_fma(c, a, b - down);
  vd inverse = v64_inverse(down);
  inverse = vd_fma(vd_fma(-down, inverse, vd_set(1)), inverse, inverse);
  vd r = up * inverse, rest = (vd_fma(-r, down, up) - r * down_low) * inverse, z = r * r;
  vd p = VD_POLY(z, -1. / 3, 1. / 5, -1. / 7, 1. / 9, -1. / 11, 1. / 13, -1. / 15);
  vd angle = vd_pick(arctan_high, (vul)whole), sum = angle + r;
  *low = ((angle - sum) + r) + vd_fma(r * z, p, rest + vd_pick(arctan_low, (vul)whole));
  return sum;
}
V_INLINE vd v64_arctan2(vd y, vd x) {
  vd a = vd_abs(y), b = vd_abs(x), low;
  vl steep = a > b, left = x < 0, turned = steep ^ left;
  vd angle = v64_arctan_share(vd_select(steep, b, a), vd_select(steep, a, b), &low);
  angle = vd_select(turned, -angle, angle);
  low = vd_select(turned, -low, low);
  vd quarters = vd_select(steep, vd_set(1), vd_select(left, vd_set(2), vd_set(0)));
  vd base = quarters * 0x1.921fb54442d18p+0, sum = base + angle;
  low += ((base - sum) + angle) + quarters * 0x1.1a62633145c07p-54;
  vd angles = vd_copysign(sum + low, y);
  vl plain = (a >= 0x1p-400) & (a <= 0x1p400) & (b >= 0x1p-400) & (b <= 0x1p400);
  if (__builtin_expect(_mm512_movepi64_mask((__m512i)plain) != 0xff, 0))
    for (int i = 0; i < VW / 2; i++)
      if (!plain[i]) angles[i] = atan2(y[i], x[i]);
  return angles;
}

#endif
#endif
