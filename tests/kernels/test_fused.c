/* Steps of fused programs that go other ways than their operation's kernel, at every instruction
 * set: quotients by one number against C's, over quotients as near as can be to the middle of two
 * floats and over the whole range; powers to one number against those of binary.c. */
#include "kernels/kernels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define N 4096

static uint64_t state = 1;
static uint32_t next(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 32);
}
static float of_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
static uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* out = op(x, number) */
static void run(mx_fused_op op, int code, const float *x, float number, float *out, int n) {
  static const uint8_t kinds[3] = {MX_FUSED_F32, MX_FUSED_F32, MX_FUSED_F32},
                       advance[3] = {1, 0, 1};
  mx_fused_step steps[3] = {
      {MX_FUSED_load, 0, 0, 0}, {(uint8_t)op, (uint8_t)code, 1, 0}, {MX_FUSED_store, 0, 2, 0}};
  mx_fused_code program = {3, 0, 3, 2, kinds, steps};
  char *scratch = aligned_alloc(64, ((size_t)MX_FUSED_SCRATCH(&program) + 63) / 64 * 64);
  mx_k->fused(&program, (void *[]){(void *)x, &number, out}, advance, false, scratch, n);
  free(scratch);
}

static void quotients_are_right(const float *x, float d) {
  static float out[N];
  run(MX_FUSED_divide, 0, x, d, out, N);
  for (int i = 0; i < N; i++) {
    float want = x[i] / d;
    if (isnan(want) ? !isnan(out[i]) : bits_of(want) != bits_of(out[i]))
      fail_msg("%a / %a = %a, not %a", (double)x[i], (double)d, (double)want, (double)out[i]);
  }
}

/* Divisors: any mantissa, and those at the ends of an octave, where the proof is tight. */
static float divisor(int i) {
  uint32_t mantissa = next() & 0x7fffff;
  if (i % 3 == 0) mantissa = i % 2 ? (uint32_t)(i & 0xff) + 1 : 0x7fffffu - (uint32_t)(i & 0xff);
  return of_bits((next() & 0x80000000u) | (next() % 41 + 107) << 23 | mantissa);
}

static void division_by_a_number_is_exact(void **unused) {
  (void)unused;
  static float x[N];
  for (int round = 0; round < 3000; round++) {
    float d = divisor(round);
    for (int i = 0; i < N; i++) {
      /* A middle of two floats, times d, rounded: quotients beside it. */
      double middle = 0x1p24 + 2.0 * (next() & 0x7fffff) + 1;
      x[i] = nextafterf((float)(middle * d * 0x1p-24), next() & 1 ? INFINITY : -INFINITY);
      if (next() & 1) x[i] = (float)(middle * d * 0x1p-24);
    }
    quotients_are_right(x, d);
  }
}

static void division_reaches_every_end(void **unused) {
  (void)unused;
  static float x[N];
  for (int round = 0; round < 600; round++) {
    for (int i = 0; i < N; i++) x[i] = of_bits(next());
    if (round % 2) /* blocks that have nothing else, and blocks that have one strange number */
      for (int i = 0; i < N; i++)
        if (!(fabsf(x[i]) >= 0x1p-80f && fabsf(x[i]) <= 0x1p100f) && i % 512) x[i] = 1.1f;
    quotients_are_right(x, divisor(round));
  }
  static const float numbers[] = {0.f, -0.f, 1.f, 3.f, 1e-40f, 3e38f, INFINITY, NAN, 1e30f, -7e-9f};
  for (int k = 0; k < 10; k++) quotients_are_right(x, numbers[k]);
}

static void powers_to_a_number_are_those_of_the_kernel(void **unused) {
  (void)unused;
  static const float exponents[] = {2, 3, 4, 0.5f, -1, 1, 0, -2, 2.5f, NAN, INFINITY};
  static float x[N], out[N], want[N];
  for (int i = 0; i < N; i++) x[i] = i % 2 ? of_bits(next()) : (float)(next() % 1000) / 64 - 7;
  for (int k = 0; k < 11; k++) {
    run(MX_FUSED_binary, MX_BINARY_power, x, exponents[k], out, N);
    mx_k->binary(MX_BINARY_power, MX_FLOAT32, want, x, &exponents[k], N, 1, 0);
    for (int i = 0; i < N; i++)
      if (isnan(want[i]) ? !isnan(out[i]) : bits_of(want[i]) != bits_of(out[i]))
        fail_msg("%a ^ %a = %a, not %a", (double)x[i], (double)exponents[k], (double)want[i],
                 (double)out[i]);
  }
}

static void powers_to_a_number_are_right(void **unused) {
  (void)unused;
  static const float exponents[] = {2, 3, 4, 0.5f, -1};
  static float x[N], y[N];
  static const float special[] = {
      0.f,   -0.f,   1.f,    -1.f,    INFINITY, -INFINITY, NAN,    1e13f,   -1e13f, 2e19f, -2e19f,
      3e38f, -3e38f, 1e-15f, -1e-15f, 1e-13f,   2e-12f,    1e-45f, -1e-45f, 4e9f,   5e9f,  -1e-20f};
  for (int round = 0; round < 200; round++) {
    for (int i = 0; i < N; i++) x[i] = of_bits(next());
    memcpy(x, special, sizeof special);
    for (int k = 0; k < 5; k++) {
      mx_k->binary(MX_BINARY_power, MX_FLOAT32, y, x, &exponents[k], N, 1, 0);
      for (int i = 0; i < N; i++) {
        double truth = pow(x[i], exponents[k]);
        float want = (float)truth;
        bool good =
            isnan(want) ? isnan(y[i])
            : isinf(want) || isinf(y[i]) || !want
                ? bits_of(want) == bits_of(y[i])
                : fabs(y[i] - truth) <= 0.51 * (nextafterf(fabsf(want), INFINITY) - fabsf(want));
        if (!good)
          fail_msg("%a ^ %g = %a, not %a", (double)x[i], (double)exponents[k], truth, (double)y[i]);
      }
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(division_by_a_number_is_exact),
      cmocka_unit_test(division_reaches_every_end),
      cmocka_unit_test(powers_to_a_number_are_those_of_the_kernel),
      cmocka_unit_test(powers_to_a_number_are_right),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
