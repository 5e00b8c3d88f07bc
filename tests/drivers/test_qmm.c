/* Quantised matrices: the quantiser and its inverse give MLX's bits, and products are at least as
 * close to float64 as MLX's own, for every width, group size, dtype, and number of rows. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/half.h"
#include "drivers/qmm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double load(const void *p, int64_t i, mx_dtype dtype) {
  if (dtype == MX_FLOAT32) return ((const float *)p)[i];
  if (dtype == MX_BFLOAT16) return mx_bf16_to_f32(((const mx_bf16 *)p)[i]);
  return mx_f16_to_f32(((const mx_f16 *)p)[i]);
}

static void store(void *p, int64_t i, mx_dtype dtype, float value) {
  if (dtype == MX_FLOAT32)
    ((float *)p)[i] = value;
  else if (dtype == MX_BFLOAT16)
    ((mx_bf16 *)p)[i] = mx_f32_to_bf16(value);
  else
    ((mx_f16 *)p)[i] = mx_f32_to_f16(value);
}

/* tests/golden/make_qmm.py has the same. */
static float noise(uint32_t *state) {
  int sum = 0;
  for (int i = 0; i < 4; i++) {
    *state = *state * 1664525u + 1013904223u;
    sum += (int)(*state >> 24);
  }
  return (float)(sum - 510) * 0.00787f;
}

static void *noisy(uint32_t seed, int64_t count, mx_dtype dtype) {
  void *p = malloc((size_t)count * 8);
  for (int64_t i = 0; i < count; i++) store(p, i, dtype, noise(&seed));
  return p;
}

/* Weight k of row n, read bit by bit. */
static double weight(const mx_qmm_weights *w, int64_t n, int64_t k) {
  int code = 0;
  for (int b = 0; b < w->bits; b++) {
    int64_t at = k * w->bits + b;
    code |= (w->packed[n * w->row_bytes + at / 8] >> (at % 8) & 1) << b;
  }
  int64_t g = n * w->groups + k / w->group;
  return load(w->scales, g, w->dtype) * code + load(w->biases, g, w->dtype);
}

/* Relative RMS distance of the product from float64. */
static double distance(const mx_qmm_product *p) {
  double wrong = 0, all = 0, *sums = malloc((size_t)p->m * sizeof *sums);
  for (int64_t n = 0; n < p->n; n++) {
    for (int64_t m = 0; m < p->m; m++) sums[m] = 0;
    for (int64_t k = 0; k < p->k; k++) {
      double w = p->transpose ? weight(&p->w, n, k) : weight(&p->w, k, n);
      for (int64_t m = 0; m < p->m; m++) sums[m] += load(p->x, m * p->ldx + k, p->dtype) * w;
    }
    for (int64_t m = 0; m < p->m; m++) {
      double d = load(p->out, m * p->ldo + n, p->dtype) - sums[m];
      wrong += d * d;
      all += sums[m] * sums[m];
    }
  }
  free(sums);
  return sqrt(wrong / all);
}

typedef struct {
  int32_t dtype, bits, group, n, k, seed;
} header;

static void *take(FILE *f, size_t bytes) {
  void *p = malloc(bytes);
  assert_int_equal(fread(p, 1, bytes, f), bytes);
  return p;
}

static void check_case(FILE *f, const header *h) {
  size_t size = mx_dtype_size((mx_dtype)h->dtype);
  int64_t elements = (int64_t)h->n * h->k, groups = elements / h->group;
  size_t packed_bytes = (size_t)(elements * h->bits / 8);
  void *packed = take(f, packed_bytes), *scales = take(f, (size_t)groups * size);
  void *biases = take(f, (size_t)groups * size), *opened = take(f, (size_t)elements * size);
  mx_dtype dtype = (mx_dtype)h->dtype;
  void *w = noisy((uint32_t)h->seed, elements, dtype);
  for (int i = 0; i < h->group; i++) {
    store(w, h->k + i, dtype, 0.5f);
    store(w, 2 * h->k + i, dtype, (float)fabs(load(w, 2 * h->k + i, dtype)));
  }
  void *got[4] = {malloc(packed_bytes), malloc((size_t)groups * size),
                  malloc((size_t)groups * size), malloc((size_t)elements * size)};
  mx_qmm_quantize(w, groups, h->bits, h->group, dtype, got[0], got[1], got[2]);
  assert_memory_equal(got[0], packed, packed_bytes);
  assert_memory_equal(got[1], scales, (size_t)groups * size);
  assert_memory_equal(got[2], biases, (size_t)groups * size);
  mx_qmm_weights weights = {packed,          scales,  biases,   h->k * h->bits / 8,
                            h->k / h->group, h->bits, h->group, dtype};
  mx_qmm_dequantize(&weights, groups, got[3]);
  assert_memory_equal(got[3], opened, (size_t)elements * size);
  for (int i = 0; i < 4; i++) free(got[i]);
  free(packed), free(scales), free(biases), free(opened), free(w);
}

static void quantiser_gives_the_bits_of_mlx(void **state) {
  (void)state;
  FILE *f = fopen(SOURCE_DIR "/tests/golden/qmm/cases.bin", "rb");
  assert_non_null(f);
  header h;
  int cases = 0;
  for (; fread(&h, sizeof h, 1, f) == 1; cases++) check_case(f, &h);
  assert_int_equal(cases, 3 * 6 * 3);
  fclose(f);
}

/* Error of a product with quantised noise. */
static double error_of(mx_dtype dtype, int bits, int group, int64_t m, int64_t n, int64_t k,
                       bool transpose, uint32_t seed) {
  int64_t rows = transpose ? n : k, columns = transpose ? k : n, groups = rows * columns / group;
  void *w = noisy(seed, rows * columns, dtype), *x = noisy(99, m * (k + 3), dtype);
  void *packed = malloc((size_t)(rows * columns * bits / 8));
  void *scales = malloc((size_t)groups * 4), *biases = malloc((size_t)groups * 4);
  void *out = malloc((size_t)(m * (n + 5)) * 4);
  mx_qmm_quantize(w, groups, bits, group, dtype, packed, scales, biases);
  mx_qmm_product p = {
      {packed, scales, biases, columns * bits / 8, columns / group, bits, group, dtype},
      x,
      out,
      m,
      n,
      k,
      k + 3,
      n + 5,
      dtype,
      transpose};
  assert_int_equal(mx_qmm(&p), 0);
  double error = distance(&p);
  free(w), free(x), free(packed), free(scales), free(biases), free(out);
  return error;
}

static void products_are_no_less_exact_than_those_of_mlx(void **state) {
  (void)state;
  FILE *f = fopen(SOURCE_DIR "/tests/golden/qmm/errors.bin", "rb");
  assert_non_null(f);
  header h;
  double mlx;
  int cases = 0;
  for (; fread(&h, sizeof h, 1, f) == 1 && fread(&mlx, sizeof mlx, 1, f) == 1; cases++)
    for (int64_t m = 1; m <= 40; m += m < 2 ? 1 : 38) {
      mx_dtype dtype = (mx_dtype)h.dtype;
      double error = error_of(dtype, h.bits, h.group, m, h.n, h.k, true, (uint32_t)h.seed);
      if (!(error <= mlx))
        print_error("%s, %d bits, %d rows: error %.2e, MLX's %.2e\n", mx_dtype_name(dtype), h.bits,
                    (int)m, error, mlx);
      assert_true(error <= mlx);
    }
  assert_int_equal(cases, 3 * 6);
  fclose(f);
}

static void check_product(mx_dtype dtype, int bits, int group, int64_t m, int64_t n, int64_t k,
                          bool transpose) {
  double limit = dtype == MX_FLOAT32 ? 4e-6 : dtype == MX_FLOAT16 ? 1e-3 : 4e-3;
  double error = error_of(dtype, bits, group, m, n, k, transpose, 7);
  if (!(error <= limit))
    print_error("%s, %d bits, group %d, m %d, n %d, k %d%s: error %.2e\n", mx_dtype_name(dtype),
                bits, group, (int)m, (int)n, (int)k, transpose ? " transposed" : "", error);
  assert_true(error <= limit);
}

static void products_are_right_for_every_number_of_rows(void **state) {
  (void)state;
  static const int widths[] = {2, 3, 4, 5, 6, 8};
  for (int b = 0; b < 6; b++)
    for (int group = 32; group <= 128; group *= 2)
      for (int64_t m = 1; m <= 33; m += m < 5 ? 1 : 14) {
        check_product(MX_BFLOAT16, widths[b], group, m, 33, 3 * group, true);
        check_product(MX_FLOAT16, widths[b], group, m, 7, 13 * group, true);
        check_product(MX_FLOAT32, widths[b], group, m, 9, 150 * group, true);
        check_product(MX_BFLOAT16, widths[b], group, m, 5 * group, 37, false);
        check_product(MX_FLOAT32, widths[b], group, m, group, 64, false);
      }
}

static void infinities_and_nans_come_through(void **state) {
  (void)state;
  float x[64] = {0}, out[4], w[4 * 64], scales[4], biases[4];
  uint8_t packed[4 * 32];
  for (int i = 0; i < 4 * 64; i++) w[i] = (float)(i % 64) - 20;
  mx_qmm_quantize(w, 4, 4, 64, MX_FLOAT32, packed, scales, biases);
  mx_qmm_product p = {{packed, scales, biases, 32, 1, 4, 64, MX_FLOAT32},
                      x,
                      out,
                      1,
                      4,
                      64,
                      64,
                      4,
                      MX_FLOAT32,
                      true};
  x[63] = INFINITY;
  assert_int_equal(mx_qmm(&p), 0);
  for (int i = 0; i < 4; i++) assert_true(out[i] == INFINITY);
  x[3] = NAN;
  assert_int_equal(mx_qmm(&p), 0);
  for (int i = 0; i < 4; i++) assert_true(isnan(out[i]));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(quantiser_gives_the_bits_of_mlx),
      cmocka_unit_test(products_are_no_less_exact_than_those_of_mlx),
      cmocka_unit_test(products_are_right_for_every_number_of_rows),
      cmocka_unit_test(infinities_and_nans_come_through),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
