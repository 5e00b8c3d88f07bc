/* Matrix products agree with plain loops in float64, to the accuracy of float32 sums, for every
 * dtype, for shapes at and around the kernels' tiles, and for transposed, sliced, reversed and
 * broadcast operands. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/half.h"
#include "drivers/gemm.h"

#include <complex.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t seed = 1;

static double noise(void) {
  int sum = 0;
  for (int i = 0; i < 4; i++) {
    seed = seed * 1664525u + 1013904223u;
    sum += (int)(seed >> 24);
  }
  return (sum - 510) * 0.00787;
}

static double complex load(const void *p, int64_t i, mx_dtype dtype) {
  switch (dtype) {
  case MX_FLOAT32: return ((const float *)p)[i];
  case MX_FLOAT64: return ((const double *)p)[i];
  case MX_BFLOAT16: return mx_bf16_to_f32(((const mx_bf16 *)p)[i]);
  case MX_FLOAT16: return mx_f16_to_f32(((const mx_f16 *)p)[i]);
  default: return ((const mx_complex64 *)p)[i].re + I * ((const mx_complex64 *)p)[i].im;
  }
}

static void *noisy(int64_t count, mx_dtype dtype) {
  char *p = malloc((size_t)count * mx_dtype_size(dtype));
  for (int64_t i = 0; i < count; i++) switch (dtype) {
    case MX_FLOAT32: ((float *)p)[i] = (float)noise(); break;
    case MX_FLOAT64: ((double *)p)[i] = noise(); break;
    case MX_BFLOAT16: ((mx_bf16 *)p)[i] = mx_f32_to_bf16((float)noise()); break;
    case MX_FLOAT16: ((mx_f16 *)p)[i] = mx_f32_to_f16((float)noise()); break;
    default: ((mx_complex64 *)p)[i] = (mx_complex64){(float)noise(), (float)noise()};
    }
  return p;
}

/* The largest error, in parts of |a| |b| + |beta c|, which float32 sums keep below some ulps (a
 * wrong term shows as 0.01 and more). */
static double worst(const mx_gemm_product *p, const void *c) {
  double largest = 0;
  for (int64_t i = 0; i < p->m; i++)
    for (int64_t j = 0; j < p->n; j++) {
      double complex sum = 0;
      double size = 1e-30;
      for (int64_t k = 0; k < p->k; k++) {
        double complex term = load(p->a, i * p->a_row + k * p->a_column, p->dtype) *
                              load(p->b, k * p->b_row + j * p->b_column, p->dtype);
        sum += term;
        size += creal(term) * creal(term) + cimag(term) * cimag(term);
      }
      size = sqrt(size) * fabs(p->alpha);
      sum *= p->alpha;
      if (c) {
        double complex addend = p->beta * load(c, i * p->c_row + j * p->c_column, p->dtype);
        sum += addend;
        size += cabs(addend);
      }
      double error = cabs(load(p->out, i * p->out_row + j, p->dtype) - sum);
      double ulp = p->dtype == MX_BFLOAT16 ? 0x1p-8 : p->dtype == MX_FLOAT16 ? 0x1p-11 : 0;
      error -= ulp * cabs(sum) + (p->dtype == MX_FLOAT16 ? 0x1p-24 : 0);
      if (!(error / size <= largest)) largest = error / size;
    }
  return largest;
}

enum { PLAIN, TRANSPOSED, SLICED, REVERSED, BROADCAST, LAYOUTS };

/* Strides and start of an r x c matrix in a buffer of 4 (r + 1) (c + 1) elements. */
static int64_t lay(int layout, int64_t r, int64_t c, int64_t *row, int64_t *column) {
  switch (layout) {
  case PLAIN: *row = c, *column = 1; return 0;
  case TRANSPOSED: *row = 1, *column = r + 1; return 3;
  case SLICED: *row = 2 * c + 1, *column = 2; return 1;
  case REVERSED: *row = -c, *column = -1; return r * c;
  default: *row = 0, *column = 1; return 2;
  }
}

static const mx_dtype dtypes[] = {MX_FLOAT32, MX_FLOAT64, MX_BFLOAT16, MX_FLOAT16, MX_COMPLEX64};

static void check(mx_dtype dtype, int64_t m, int64_t n, int64_t k, int la, int lb, bool scaled) {
  size_t size = mx_dtype_size(dtype);
  char *a = noisy(4 * (m + 1) * (k + 1), dtype), *b = noisy(4 * (k + 1) * (n + 1), dtype);
  char *c = noisy(4 * (m + 1) * (n + 1), dtype), *out = noisy(m * (n + 3), dtype);
  mx_gemm_product p = {
      .dtype = dtype, .m = m, .n = n, .k = k, .out = out, .out_row = n + 3, .alpha = 1};
  p.a = a + (size_t)lay(la, m, k, &p.a_row, &p.a_column) * size;
  p.b = b + (size_t)lay(lb, k, n, &p.b_row, &p.b_column) * size;
  if (scaled && dtype != MX_COMPLEX64) {
    p.c = c + (size_t)lay(la == PLAIN ? BROADCAST : SLICED, m, n, &p.c_row, &p.c_column) * size;
    p.alpha = 0.75, p.beta = -1.5;
  }
  assert_int_equal(mx_gemm(&p), 0);
  double error = worst(&p, p.c),
         limit = (dtype == MX_FLOAT64 ? 4e-15 : 2e-6) * (1 + (double)k / 500);
  if (!(error <= limit))
    print_error("%s %dx%dx%d layouts %d %d scaled %d: error %g\n", mx_dtype_name(dtype), (int)m,
                (int)n, (int)k, la, lb, scaled, error);
  assert_true(error <= limit);
  free(a), free(b), free(c), free(out);
}

static void every_layout_and_dtype(void **state) {
  (void)state;
  for (int d = 0; d < 5; d++)
    for (int la = 0; la < LAYOUTS; la++)
      for (int lb = 0; lb < LAYOUTS; lb++)
        for (int scaled = 0; scaled < 2; scaled++) {
          check(dtypes[d], 37, 45, 29, la, lb, scaled);
          check(dtypes[d], 3, 70, 33, la, lb, scaled);
          check(dtypes[d], 70, 2, 33, la, lb, scaled);
        }
}

static void every_shape_around_the_tiles(void **state) {
  (void)state;
  static const int64_t rows[] = {1, 4, 5, 6, 12, 13, 49},
                       columns[] = {1, 5, 8, 16, 17, 31, 33, 65, 260};
  static const int64_t depths[] = {1, 2, 7, 64, 385, 1000};
  for (size_t i = 0; i < sizeof rows / 8; i++)
    for (size_t j = 0; j < sizeof columns / 8; j++)
      for (size_t k = 0; k < sizeof depths / 8; k++) {
        mx_dtype dtype = dtypes[(i + j + k) % 5];
        int layout = (int)(i + 2 * j + 3 * k);
        check(dtype, rows[i], columns[j], depths[k], layout % 2, layout / 2 % 2, layout / 4 % 2);
      }
}

/* Small ones are read in place, in tiles that begin earlier at the edges. */
static void every_height_and_width_in_place(void **state) {
  (void)state;
  for (int64_t m = 5; m < 40; m += m < 26 ? 1 : 7)
    for (int64_t n = 8; n < 76; n += 7) {
      check(MX_FLOAT32, m, n, 19, (int)(m % 3), PLAIN, false);
      check(MX_FLOAT64, m, n, 1 + m, (int)(n % 3), n % 2 ? PLAIN : BROADCAST, false);
    }
  check(MX_FLOAT32, 130, 256, 256, PLAIN, PLAIN, false);
  check(MX_FLOAT64, 64, 64, 320, REVERSED, PLAIN, false);
}

/* Each thread packs strips of columns for itself. */
static void strips_of_columns(void **state) {
  (void)state;
  for (int d = 0; d < 5; d++)
    for (int lb = PLAIN; lb <= TRANSPOSED; lb++) {
      check(dtypes[d], 70, 601, 450, PLAIN, lb, true);
      check(dtypes[d], 85, 300, 900, TRANSPOSED, lb, false);
    }
}

static void blocks_of_many_rows_and_columns(void **state) {
  (void)state;
  check(MX_FLOAT32, 2020, 40, 20, PLAIN, TRANSPOSED, true);
  check(MX_BFLOAT16, 2020, 5, 400, PLAIN, PLAIN, false);
  check(MX_FLOAT16, 5, 4100, 400, TRANSPOSED, PLAIN, true);
  check(MX_FLOAT64, 5, 4100, 400, PLAIN, PLAIN, true);
  check(MX_COMPLEX64, 1010, 5, 400, PLAIN, PLAIN, false);
}

/* Pairs of k, where there are instructions for them: odd depths, blocks of them, rows that begin at
 * odd places. */
static void deep_products_of_bfloat16(void **state) {
  (void)state;
  for (int la = 0; la < LAYOUTS; la++) {
    check(MX_BFLOAT16, 14, 35, 2051, la, (la + 1) % LAYOUTS, la % 2);
    check(MX_BFLOAT16, 5, 257, la % 2 ? 1100 : 1025, la, TRANSPOSED, la % 2); /* strips of rows */
  }
  check(MX_BFLOAT16, 6, 257, 2051, TRANSPOSED, PLAIN, true); /* columns for each thread */
  check(MX_BFLOAT16, 37, 257, 65, PLAIN, TRANSPOSED, false);
}

static void empty_sums_are_zero_or_scaled_c(void **state) {
  (void)state;
  float c[2] = {3, 5}, out[6] = {9, 9, 9, 9, 9, 9};
  mx_gemm_product p = {
      .dtype = MX_FLOAT32, .m = 3, .n = 2, .k = 0, .out = out, .out_row = 2, .alpha = 1};
  assert_int_equal(mx_gemm(&p), 0);
  for (int i = 0; i < 6; i++) assert_true(out[i] == 0);
  p.c = c, p.c_column = 1, p.beta = 2;
  assert_int_equal(mx_gemm(&p), 0);
  for (int i = 0; i < 6; i++) assert_true(out[i] == (i % 2 ? 10 : 6));
}

static void sums_of_c_may_be_made_in_place(void **state) {
  (void)state;
  int64_t m = 30, n = 50, k = 900;
  float *a = noisy(m * k, MX_FLOAT32), *b = noisy(k * n, MX_FLOAT32),
        *out = noisy(m * n, MX_FLOAT32);
  float *c = malloc((size_t)(m * n) * sizeof *c);
  memcpy(c, out, (size_t)(m * n) * sizeof *c);
  mx_gemm_product p = {MX_FLOAT32, m, n, k, a, b, out, out, k, 1, n, 1, n, 1, n, 2, 0.5};
  assert_int_equal(mx_gemm(&p), 0);
  assert_true(worst(&p, c) < 1e-5);
  free(a), free(b), free(c), free(out);
}

static void batches_take_each_matrix_from_its_offset(void **state) {
  (void)state;
  for (int big = 0; big < 2; big++) {
    int64_t m = big ? 90 : 5, n = big ? 80 : 7, k = big ? 100 : 9, count = big ? 3 : 40;
    float *a = noisy(m * k * 2, MX_FLOAT32), *b = noisy(k * n * count, MX_FLOAT32);
    float *out = noisy(m * n * count, MX_FLOAT32);
    int64_t at[40], bt[40];
    for (int64_t i = 0; i < count; i++) at[i] = i % 2 * m * k, bt[i] = (count - 1 - i) * k * n;
    mx_gemm_product p = {MX_FLOAT32, m, n, k, a, b, NULL, out, k, 1, n, 1, 0, 0, n, 1, 0};
    assert_int_equal(mx_gemm_batched(&p, &(mx_gemm_batch){count, at, bt, NULL, m * n}), 0);
    for (int64_t i = 0; i < count; i++) {
      mx_gemm_product one = p;
      one.a = a + at[i], one.b = b + bt[i], one.out = out + i * m * n;
      assert_true(worst(&one, NULL) < 2e-6 * (1 + (double)k / 500));
    }
    free(a), free(b), free(out);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_layout_and_dtype),
      cmocka_unit_test(every_shape_around_the_tiles),
      cmocka_unit_test(every_height_and_width_in_place),
      cmocka_unit_test(strips_of_columns),
      cmocka_unit_test(blocks_of_many_rows_and_columns),
      cmocka_unit_test(deep_products_of_bfloat16),
      cmocka_unit_test(empty_sums_are_zero_or_scaled_c),
      cmocka_unit_test(sums_of_c_may_be_made_in_place),
      cmocka_unit_test(batches_take_each_matrix_from_its_offset),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
