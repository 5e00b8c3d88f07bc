/* Copies between any strides and dtypes, against plain loops and against x86's C casts as MLX uses
 * them. */
#include "drivers/copy.h"
#include "base/half.h"
#include "layout.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

typedef struct {
  int ndim;
  int32_t shape[6];
  operand_layout dst, src;
} copy_layout;

static copy_layout random_layout(int64_t most) {
  copy_layout l;
  l.ndim = random_shape(l.shape, most);
  l.dst = random_operand(l.shape, l.ndim, rnd() % 2, false);
  l.src = random_operand(l.shape, l.ndim, rnd() % 2, rnd() % 2);
  return l;
}

static void plain_copy(const copy_layout *l, char *dst, const char *src, size_t size) {
  int64_t n = shape_size(l->shape, l->ndim);
  for (int64_t i = 0; i < n; i++)
    memcpy(dst + offset_of(&l->dst, l->shape, l->ndim, i) * (int64_t)size,
           src + offset_of(&l->src, l->shape, l->ndim, i) * (int64_t)size, size);
}

static void tested_copy(const copy_layout *l, char *dst, mx_dtype to, const char *src,
                        mx_dtype from) {
  mx_copy_strided(dst + l->dst.base * (int64_t)mx_dtype_size(to), to, l->dst.strides,
                  src + l->src.base * (int64_t)mx_dtype_size(from), from, l->src.strides, l->shape,
                  l->ndim);
}

static void check_layout(int64_t most, mx_dtype dtype) {
  copy_layout l = random_layout(most);
  size_t size = mx_dtype_size(dtype), dst_bytes = (size_t)l.dst.size * size,
         src_bytes = (size_t)l.src.size * size;
  char *src = malloc(src_bytes), *want = malloc(dst_bytes), *got = malloc(dst_bytes);
  for (size_t i = 0; i < src_bytes; i++) src[i] = (char)rnd();
  memset(want, 77, dst_bytes);
  memset(got, 77, dst_bytes);
  plain_copy(&l, want, src, size);
  tested_copy(&l, got, dtype, src, dtype);
  assert_memory_equal(want, got, dst_bytes);
  free(src), free(want), free(got);
}

static void any_layout_copies_exactly(void **state) {
  (void)state;
  const mx_dtype dtypes[] = {MX_INT8, MX_BFLOAT16, MX_FLOAT32, MX_COMPLEX64};
  for (int i = 0; i < 3000; i++) check_layout(i % 50 ? 5000 : 400000, dtypes[i % 4]);
}

/* Past the caches, whatever lines its rows begin in. */
static void transpositions_of_any_alignment(void **state) {
  (void)state;
  const mx_dtype dtypes[] = {MX_INT8, MX_BFLOAT16, MX_FLOAT32, MX_COMPLEX64};
  int64_t usual = mx_turn_bytes;
  mx_turn_bytes = 0;
  for (int i = 0; i < 200; i++) {
    int64_t size = (int64_t)mx_dtype_size(dtypes[i % 4]);
    int32_t shape[3] = {1 + rnd() % 3, 1 + rnd() % 300, 1 + rnd() % 300};
    bool lines = rnd() % 2;
    if (lines) shape[2] = (int32_t)(64 / size) * (1 + (int32_t)(rnd() % 5));
    int64_t n = (int64_t)shape[0] * shape[1] * shape[2];
    int64_t shift = lines ? 0 : (int64_t)(rnd() % 64) / size * size;
    char *src = malloc((size_t)(n * size)),
         *dst = aligned_alloc(64, (size_t)(n * size + 127) / 64 * 64);
    for (int64_t k = 0; k < n * size; k++) src[k] = (char)rnd();
    mx_copy_strided(dst + shift, dtypes[i % 4], (int64_t[]){shape[1] * shape[2], shape[2], 1}, src,
                    dtypes[i % 4], (int64_t[]){shape[1] * shape[2], 1, shape[1]}, shape, 3);
    for (int64_t a = 0; a < shape[0]; a++)
      for (int64_t r = 0; r < shape[1]; r++)
        for (int64_t c = 0; c < shape[2]; c++)
          if (memcmp(dst + shift + ((a * shape[1] + r) * shape[2] + c) * size,
                     src + ((a * shape[2] + c) * shape[1] + r) * size, (size_t)size))
            fail();
    free(src), free(dst);
  }
  mx_turn_bytes = usual;
}

/* Heads and positions, in lines or not. */
static void short_runs_change_places(void **state) {
  (void)state;
  const mx_dtype dtypes[] = {MX_INT8, MX_BFLOAT16, MX_FLOAT32, MX_COMPLEX64};
  int64_t usual = mx_turn_bytes;
  mx_turn_bytes = 0;
  for (int i = 0; i < 100; i++) {
    int64_t size = (int64_t)mx_dtype_size(dtypes[i % 4]);
    int32_t shape[4] = {1 + rnd() % 2, 2 + rnd() % 70, 2 + rnd() % 40, 64 + rnd() % 60};
    if (rnd() % 2) shape[3] = 64;
    int64_t run = shape[3], n = (int64_t)shape[0] * shape[1] * shape[2] * run;
    int64_t shift = rnd() % 2 ? 0 : (int64_t)(rnd() % 64) / size * size;
    char *src = malloc((size_t)(n * size)),
         *dst = aligned_alloc(64, (size_t)(n * size + 127) / 64 * 64);
    for (int64_t k = 0; k < n * size; k++) src[k] = (char)rnd();
    int64_t batch = shape[1] * shape[2] * run;
    mx_copy_strided(dst + shift, dtypes[i % 4], (int64_t[]){batch, shape[2] * run, run, 1}, src,
                    dtypes[i % 4], (int64_t[]){batch, run, shape[1] * run, 1}, shape, 4);
    for (int64_t a = 0; a < shape[0]; a++)
      for (int64_t h = 0; h < shape[1]; h++)
        for (int64_t p = 0; p < shape[2]; p++)
          if (memcmp(dst + shift + (a * batch + (h * shape[2] + p) * run) * size,
                     src + (a * batch + (p * shape[1] + h) * run) * size, (size_t)(run * size)))
            fail();
    free(src), free(dst);
  }
  mx_turn_bytes = usual;
}

static void long_rows_turn_round(void **state) {
  (void)state;
  const mx_dtype dtypes[] = {MX_INT8, MX_BFLOAT16, MX_FLOAT32, MX_COMPLEX64};
  for (int i = 0; i < 100; i++) {
    int64_t size = (int64_t)mx_dtype_size(dtypes[i % 4]);
    int32_t shape[2] = {2 + rnd() % 3, 1 + rnd() % 5000};
    int64_t n = shape[1];
    char *src = malloc((size_t)(shape[0] * n * size)), *dst = malloc((size_t)(shape[0] * n * size));
    for (int64_t k = 0; k < shape[0] * n * size; k++) src[k] = (char)rnd();
    mx_copy_strided(dst, dtypes[i % 4], (int64_t[]){n, 1}, src + (n - 1) * size, dtypes[i % 4],
                    (int64_t[]){n, -1}, shape, 2);
    for (int64_t r = 0; r < shape[0]; r++)
      for (int64_t c = 0; c < n; c++)
        if (memcmp(dst + (r * n + c) * size, src + (r * n + n - 1 - c) * size, (size_t)size))
          fail();
    free(src), free(dst);
  }
}

/* A cast of a strided operand is the cast of its dense copy. */
static void any_layout_casts_as_dense(void **state) {
  (void)state;
  for (int i = 0; i < 2000; i++) {
    mx_dtype from = rnd() % MX_DTYPE_COUNT, to = rnd() % MX_DTYPE_COUNT;
    copy_layout l = random_layout(i % 50 ? 5000 : 100000);
    size_t fs = mx_dtype_size(from), ts = mx_dtype_size(to);
    char *src = calloc((size_t)l.src.size, fs), *cast = calloc((size_t)l.src.size, ts),
         *want = calloc((size_t)l.dst.size, ts), *got = calloc((size_t)l.dst.size, ts);
    uint8_t *bytes = malloc((size_t)l.src.size);
    for (int64_t k = 0; k < l.src.size; k++) bytes[k] = (uint8_t)rnd();
    mx_copy_dense(src, from, bytes, MX_UINT8, l.src.size);
    mx_copy_dense(cast, to, src, from, l.src.size);
    plain_copy(&l, want, cast, ts);
    tested_copy(&l, got, to, src, from);
    assert_memory_equal(want, got, (size_t)l.dst.size * ts);
    free(src), free(cast), free(want), free(got), free(bytes);
  }
}

static void empty_and_scalar(void **state) {
  (void)state;
  float x = 3, y = 0;
  mx_copy_strided(&y, MX_FLOAT32, NULL, &x, MX_FLOAT32, NULL, NULL, 0);
  assert_true(y == 3);
  mx_copy_strided(&y, MX_FLOAT32, (int64_t[]){5, 1}, &x, MX_FLOAT32, (int64_t[]){5, 1},
                  (int32_t[]){0, 5}, 2);
}

static void fills(void **state) {
  (void)state;
  enum { N = 100003 };
  int64_t *a = malloc(N * sizeof *a);
  float value = -7;
  mx_copy_fill(a, MX_INT64, &value, MX_FLOAT32, N);
  for (int i = 0; i < N; i++) assert_int_equal(a[i], -7);
  free(a);
}

/* With the threshold lowered, stores past the caches are tried on any CPU. */
static void large_copies_stream(void **state) {
  (void)state;
  int64_t n = 1000001, usual = mx_stream_bytes;
  mx_stream_bytes = 1 << 20;
  float *a = malloc((size_t)n * 4), *b = malloc((size_t)n * 4 + 4);
  int32_t *c = malloc((size_t)n * 4);
  for (int64_t i = 0; i < n; i++) a[i] = (float)(i % 100000) - 5000;
  mx_copy_dense(b + 1, MX_FLOAT32, a, MX_FLOAT32, n);
  assert_memory_equal(a, b + 1, (size_t)n * 4);
  mx_copy_dense(c, MX_INT32, a, MX_FLOAT32, n);
  for (int64_t i = 0; i < n; i++)
    if (c[i] != i % 100000 - 5000) fail();
  mx_copy_fill(c, MX_INT32, &(int32_t){9}, MX_INT32, n);
  for (int64_t i = 0; i < n; i++)
    if (c[i] != 9) fail();
  mx_stream_bytes = usual;
  free(a), free(b), free(c);
}

/* What x86's conversion instructions yield, and MLX's CPU backend with them. */
static void floats_out_of_range_cast_as_mlx(void **state) {
  (void)state;
  const float in[] = {NAN,  INFINITY, -INFINITY, 1e10f,  -1e10f,  300.7f, -300.7f,
                      3e9f, -3e9f,    1e19f,     -1e19f, 1.8e19f, -1,     -0.5f};
  enum { N = sizeof in / sizeof *in };
  const int32_t i32[N] = {INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN, 300, -300,
                          INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN, -1,  0};
  const uint32_t u32[N] = {1u << 31,    0,        1u << 31, 0,        1u << 31, 300, 4294966996u,
                           3000000000u, 1u << 31, 0,        1u << 31, 0,        ~0u, 0};
  const uint64_t u64[N] = {1ull << 63,
                           0,
                           1ull << 63,
                           10000000000u,
                           18446744063709551616ull,
                           300,
                           18446744073709551316ull,
                           3000000000u,
                           18446744070709551616ull,
                           9999999980506447872ull,
                           1ull << 63,
                           18000000404716257280ull,
                           ~0ull,
                           0};
  const uint8_t u8[N] = {0, 0, 0, 0, 0, 44, 212, 0, 0, 0, 0, 0, 255, 0};
  const uint8_t boolean[N] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  double wide[N];
  mx_copy_dense(wide, MX_FLOAT64, in, MX_FLOAT32, N);
  for (int k = 0; k < 2; k++) {
    const void *src = k ? (const void *)wide : in;
    mx_dtype dtype = k ? MX_FLOAT64 : MX_FLOAT32;
    uint64_t got[N];
    mx_copy_dense(got, MX_INT32, src, dtype, N);
    assert_memory_equal(got, i32, sizeof i32);
    mx_copy_dense(got, MX_UINT32, src, dtype, N);
    assert_memory_equal(got, u32, sizeof u32);
    mx_copy_dense(got, MX_UINT64, src, dtype, N);
    assert_memory_equal(got, u64, sizeof u64);
    mx_copy_dense(got, MX_UINT8, src, dtype, N);
    assert_memory_equal(got, u8, sizeof u8);
    mx_copy_dense(got, MX_BOOL, src, dtype, N);
    assert_memory_equal(got, boolean, sizeof boolean);
  }
}

static void half_floats_round_as_scalar_conversions(void **state) {
  (void)state;
  enum { N = 1 << 16 };
  mx_f16 *h = malloc(N * 2), *h2 = malloc(N * 2);
  mx_bf16 *b = malloc(N * 2), *b2 = malloc(N * 2);
  float *f = malloc(N * 4);
  for (int i = 0; i < N; i++) h[i].bits = b[i].bits = (uint16_t)i;
  mx_copy_dense(f, MX_FLOAT32, h, MX_FLOAT16, N);
  for (int i = 0; i < N; i++) {
    float want = mx_f16_to_f32(h[i]);
    assert_true(isnan(want) ? isnan(f[i]) : want == f[i]);
  }
  mx_copy_dense(h2, MX_FLOAT16, f, MX_FLOAT32, N);
  for (int i = 0; i < N; i++) assert_true(isnan(f[i]) || h2[i].bits == i);
  mx_copy_dense(f, MX_FLOAT32, b, MX_BFLOAT16, N);
  mx_copy_dense(b2, MX_BFLOAT16, f, MX_FLOAT32, N);
  for (int i = 0; i < N; i++) assert_true(isnan(f[i]) || b2[i].bits == i);
  for (int round = 0; round < 64; round++) {
    for (int i = 0; i < N; i++) f[i] = mx_float_of_bits(rnd() << 16 ^ rnd());
    mx_copy_dense(h2, MX_FLOAT16, f, MX_FLOAT32, N);
    mx_copy_dense(b2, MX_BFLOAT16, f, MX_FLOAT32, N);
    for (int i = 0; i < N; i++) {
      if (isnan(f[i])) continue;
      assert_int_equal(h2[i].bits, mx_f32_to_f16(f[i]).bits);
      assert_int_equal(b2[i].bits, mx_f32_to_bf16(f[i]).bits);
    }
  }
  free(h), free(h2), free(b), free(b2), free(f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(any_layout_copies_exactly),
      cmocka_unit_test(transpositions_of_any_alignment),
      cmocka_unit_test(short_runs_change_places),
      cmocka_unit_test(long_rows_turn_round),
      cmocka_unit_test(any_layout_casts_as_dense),
      cmocka_unit_test(empty_and_scalar),
      cmocka_unit_test(fills),
      cmocka_unit_test(large_copies_stream),
      cmocka_unit_test(floats_out_of_range_cast_as_mlx),
      cmocka_unit_test(half_floats_round_as_scalar_conversions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
