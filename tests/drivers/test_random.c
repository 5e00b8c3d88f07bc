/* Threefry gives the published words, in MLX's order, and the floats are the formulas of them. */
#include "check.h"
#include "floats.h"

#include "drivers/random.h"
#include "kernels/kernels.h"

static void known_answers(void **state) {
  (void)state;
  /* Random123's kat_vectors for threefry2x32, 20 rounds: counter, key, result. */
  static const uint32_t known[3][6] = {
      {0, 0, 0, 0, 0x6b200159, 0x99ba4efe},
      {~0u, ~0u, ~0u, ~0u, 0x1cb996fc, 0xbb002be7},
      {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xc4923a9c, 0x483df7a0}};
  for (int i = 0; i < 3; i++) {
    uint32_t first, second;
    mx_k->threefry(known[i][2], known[i][3], known[i][0], known[i][1], &first, &second, 1);
    assert_int_equal(first, known[i][4]);
    assert_int_equal(second, known[i][5]);
  }
}

/* Word i of W under a key: see drivers/random.h. */
static uint32_t word(const uint32_t *key, int64_t i, int64_t words) {
  uint32_t half = (uint32_t)(words / 2), second = (uint32_t)(words - words / 2), a, b;
  bool late = i >= second, middle = !late && i == half;
  uint32_t c = (uint32_t)(late ? i - second : i);
  mx_k->threefry(key[0], key[1], c, middle ? 0 : c + second, &a, &b, 1);
  return late ? b : a;
}

static void words_of_every_length(void **state) {
  (void)state;
  static const uint32_t keys[] = {1, 2, 0xdeadbeef, 7};
  static const size_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 12, 13, 14, 15, 64, 4096, 8191, 40003};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    size_t bytes = sizes[s];
    uint8_t *out = malloc(2 * bytes);
    mx_random_words(keys, 2, out, bytes);
    for (size_t i = 0; i < 2 * bytes; i++) {
      size_t at = i % bytes;
      uint32_t w = word(keys + 2 * (i / bytes), (int64_t)at / 4, (int64_t)(bytes + 3) / 4);
      assert_int_equal(out[i], (w >> (8 * (at % 4))) & 0xff);
    }
    free(out);
  }
}

static double inverse_erf(double y) {
  double x = 0;
  for (int i = 0; i < 200; i++) x += (y - erf(x)) * sqrt(acos(-1)) / 2 * exp(x * x);
  return x;
}

static void floats_follow_their_words(void **state) {
  (void)state;
  static const uint32_t key[] = {42, 43};
  enum { N = 3001 };
  for (size_t t = 0; t < 3; t++) {
    mx_dtype dtype = float_dtypes[t];
    void *uniform = some_floats(dtype, N, 1, 1), *normal = some_floats(dtype, N, 1, 1),
         *gumbel = some_floats(dtype, N, 1, 1);
    float root = dtype == MX_FLOAT32 ? (float)sqrt(2) : 1.4140625f; /* in 16 bits too */
    mx_random_floats(MX_RANDOM_UNIFORM, dtype, 1, key, 1, uniform, N);
    mx_random_floats(MX_RANDOM_NORMAL, dtype, root, key, 1, normal, N);
    mx_random_floats(MX_RANDOM_GUMBEL, dtype, 1, key, 1, gumbel, N);
    for (int i = 0; i < N; i++) {
      double below = 1 - 2 * rounding(dtype) / 2;
      float u = (float)word(key, i, N) / 4294967296.0f, v = u < (float)below ? u : (float)below;
      char stored[8];
      put_float(dtype, stored, 0, v);
      double want = get_float(dtype, stored, 0);
      assert_true(get_float(dtype, uniform, i) == want);
      float spread = 2 * (u < 1 ? u : 0x1.fffffep-1f) - 0x1.fffffep-1f;
      double z = (double)root * inverse_erf((double)spread);
      if (fabs(z) < 3)
        assert_true(fabs(get_float(dtype, normal, i) - z) <=
                    (3 * rounding(dtype) + 3e-7) * fabs(z) + 1e-7);
      double g = -log(-log(want)), slack = dtype == MX_FLOAT32 ? 3e-7 : 4 * rounding(dtype);
      if (want > 0 && want < below)
        assert_true(fabs(get_float(dtype, gumbel, i) - g) <= slack * (2 + fabs(g)));
    }
    free(uniform), free(normal), free(gumbel);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(known_answers),
                                     cmocka_unit_test(words_of_every_length),
                                     cmocka_unit_test(floats_follow_their_words)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
