/* Softmax, log-sum-exp, RMS norm, layer norm and rope equal the formulas in double, in every
 * storage, layout and length. */
#include "check.h"
#include "floats.h"

#include "drivers/norm.h"
#include "drivers/rope.h"
#include "drivers/softmax.h"

static void check(mx_dtype t, double got, double want, double slack, const char *what, int64_t i) {
  double ulps = t == MX_FLOAT64 ? 16 : 1.001;
  double bound = rounding(t) * fabs(want) * ulps + (t == MX_FLOAT64 ? 1e-15 : slack);
  if (t == MX_FLOAT16) bound += 0x1p-25;
  if (!(fabs(got - want) <= bound))
    fail_msg("%s dtype %d element %d: %.9g, expected %.9g", what, (int)t, (int)i, got, want);
}

static const int lengths[] = {1, 3, 15, 16, 17, 64, 100, 129, 1000};

static void norms(void **state) {
  (void)state;
  for (size_t t = 0; t < 4; t++)
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
      mx_dtype dtype = float_dtypes[t];
      int64_t n = lengths[l], rows = 6;
      int32_t shape[] = {2, 3, (int32_t)n};
      int64_t strides[] = {n, 2 * n, 1}; /* transposed rows */
      void *x = some_floats(dtype, rows * n, 3, 1), *out = some_floats(dtype, rows * n, 1, 2);
      void *w = some_floats(dtype, n, 2, 3), *b = some_floats(dtype, n, 1, 4);
      for (int kind = 0; kind < 4; kind++) {
        bool centre = kind & 1, affine = kind & 2;
        mx_norm_run(&(mx_norm){.dtype = dtype,
                               .x = x,
                               .x_strides = strides,
                               .shape = shape,
                               .ndim = 3,
                               .weight = affine ? w : NULL,
                               .bias = affine && centre ? b : NULL,
                               .out = out,
                               .eps = 1e-5f,
                               .centre = centre});
        for (int64_t r = 0; r < rows; r++) {
          int64_t at = r / 3 * n + r % 3 * 2 * n;
          double mean = 0, squares = 0;
          for (int64_t i = 0; i < n && centre; i++) mean += get_float(dtype, x, at + i) / (double)n;
          for (int64_t i = 0; i < n; i++) squares += pow(get_float(dtype, x, at + i) - mean, 2);
          for (int64_t i = 0; i < n; i++) {
            double want =
                (get_float(dtype, x, at + i) - mean) / sqrt(squares / (double)n + (double)1e-5f);
            if (affine) want *= get_float(dtype, w, i);
            if (affine && centre) want += get_float(dtype, b, i);
            check(dtype, get_float(dtype, out, r * n + i), want, n == 1 ? 2e-5 : 2e-6, "norm", i);
          }
        }
      }
      free(x), free(out), free(w), free(b);
    }
}

/* The gradients of one row in double: dx is stored, dw and db are added to. */
static void row_gradients(mx_dtype dtype, const void *x, const void *t, const void *w, int64_t at,
                          int64_t n, bool centre, double *dx, double *dw, double *db) {
  double mean = 0, squares = 0, plain = 0, along = 0;
  for (int64_t i = 0; i < n && centre; i++) mean += get_float(dtype, x, at + i) / (double)n;
  for (int64_t i = 0; i < n; i++) {
    double c = get_float(dtype, x, at + i) - mean;
    double g = get_float(dtype, t, at + i) * (w ? get_float(dtype, w, i) : 1);
    squares += c * c, plain += g, along += g * c;
  }
  double f = 1 / sqrt(squares / (double)n + (double)0.01f), shift = centre ? plain / (double)n : 0;
  for (int64_t i = 0; i < n; i++) {
    double c = get_float(dtype, x, at + i) - mean, s = get_float(dtype, t, at + i);
    dx[i] = f * (s * (w ? get_float(dtype, w, i) : 1) - shift) - c * along * f * f * f / (double)n;
    dw[i] += s * c * f, db[i] += s;
  }
}

static void gradients_of_norms(void **state) {
  (void)state;
  for (size_t k = 0; k < 4 * (sizeof lengths / sizeof *lengths) * 4; k++) {
    mx_dtype dtype = float_dtypes[k % 4];
    int64_t n = lengths[k / 16], rows = n < 100 ? 700 : 30;
    bool centre = k / 4 % 2, affine = k / 8 % 2;
    void *x = some_floats(dtype, rows * n, 1, 1), *t = some_floats(dtype, rows * n, 1, 2);
    void *w = some_floats(dtype, n, 2, 3), *dx = some_floats(dtype, rows * n, 1, 4);
    void *dw = some_floats(dtype, n, 1, 5), *db = some_floats(dtype, n, 1, 6);
    double want[1000], wdw[1000] = {0}, wdb[1000] = {0};
    assert_true(mx_norm_vjp_run(
        &(mx_norm_vjp){dtype, x, t, affine ? w : NULL, dx, dw, db, rows, n, 0.01f, centre}));
    for (int64_t r = 0; r < rows; r++) {
      row_gradients(dtype, x, t, affine ? w : NULL, r * n, n, centre, want, wdw, wdb);
      for (int64_t i = 0; i < n; i++)
        assert_true(fabs(get_float(dtype, dx, r * n + i) - want[i]) <=
                    (dtype == MX_FLOAT64 ? 1e-13 : 3e-5) + 1.001 * rounding(dtype) * fabs(want[i]));
    }
    for (int64_t i = 0; i < n; i++) {
      double room = dtype == MX_FLOAT64 ? 1e-12 : 2e-4 + 1.001 * rounding(dtype) * 50;
      assert_true(fabs(get_float(dtype, dw, i) - wdw[i]) <= room * fmax(1, fabs(wdw[i]) / 50));
      assert_true(fabs(get_float(dtype, db, i) - wdb[i]) <= room * fmax(1, fabs(wdb[i]) / 50));
    }
    free(x), free(t), free(w), free(dx), free(dw), free(db);
  }
}

/* One layout of a (3, 5, n) or (3, n, 5) array and its axis. */
static void softmax_along(mx_dtype t, const int32_t *shape, const int64_t *strides, int axis) {
  int64_t n = shape[axis], total = (int64_t)shape[0] * shape[1] * shape[2];
  void *x = some_floats(t, total, 8, 1), *out = some_floats(t, total, 1, 2);
  void *sums = some_floats(t, total / n, 1, 3);
  assert_true(mx_softmax_axis(t, x, strides, shape, 3, axis, out));
  assert_true(mx_logsumexp_axis(t, x, strides, shape, 3, axis, sums));
  double *true_sums = calloc((size_t)(total / n), sizeof *true_sums);
  for (int pass = 0; pass < 2; pass++)
    for (int64_t at = 0; at < total; at++) {
      int64_t i = at / shape[2] / shape[1], j = at / shape[2] % shape[1], k = at % shape[2];
      double e = exp(get_float(t, x, i * strides[0] + j * strides[1] + k * strides[2]));
      int64_t row = axis == 2 ? i * shape[1] + j : axis == 1 ? i * shape[2] + k : j * shape[2] + k;
      if (pass == 0)
        true_sums[row] += e;
      else
        check(t, get_float(t, out, at), e / true_sums[row], 3e-7, "softmax", at);
    }
  for (int64_t row = 0; row < total / n; row++)
    check(t, get_float(t, sums, row), log(true_sums[row]), 2e-6, "logsumexp", row);
  free(true_sums);
  free(x), free(out), free(sums);
}

static void softmaxes(void **state) {
  (void)state;
  for (size_t t = 0; t < 4; t++)
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
      int32_t n = lengths[l];
      softmax_along(float_dtypes[t], (int32_t[]){3, 5, n}, (int64_t[]){5 * n, n, 1}, 2);
      softmax_along(float_dtypes[t], (int32_t[]){3, 5, n}, (int64_t[]){n, 3 * n, 1}, 2);
      softmax_along(float_dtypes[t], (int32_t[]){3, 5, n}, (int64_t[]){5, 1, 15}, 2);
      softmax_along(float_dtypes[t], (int32_t[]){3, n, 5}, (int64_t[]){5 * n, 5, 1}, 1);
      softmax_along(float_dtypes[t], (int32_t[]){3, n, 5}, (int64_t[]){n, 1, 3 * n}, 1);
      softmax_along(float_dtypes[t], (int32_t[]){3, 4, n}, (int64_t[]){4 * n, n, 1}, 0);
    }
}

static void softmaxes_of_many_columns(void **state) {
  (void)state;
  for (size_t t = 0; t < 4; t++) {
    for (int32_t n = 1; n < 400; n = 3 * n + 2) {
      softmax_along(float_dtypes[t], (int32_t[]){2, n, 96}, (int64_t[]){96 * n, 96, 1}, 1);
      softmax_along(float_dtypes[t], (int32_t[]){2, n, 37}, (int64_t[]){37 * n, 37, 1}, 1);
    }
    /* More rows than the second-level cache has room for. */
    softmax_along(float_dtypes[t], (int32_t[]){1, 1100, 1307}, (int64_t[]){0, 1307, 1}, 1);
  }
}

/* Numbers that rise by a step from one to the next, behind some that are -inf: sums are begun anew
 * all the time. */
static void softmaxes_of_rising_numbers(void **state) {
  (void)state;
  enum { MOST = 300, WIDE = 21 };
  static float x[MOST * WIDE], out[MOST * WIDE], sums[WIDE];
  for (int n = 2; n < MOST; n += 1 + n / 4)
    for (float step = -40; step < 50; step += 8.5f) {
      for (int k = 0; k < n; k++)
        for (int c = 0; c < WIDE; c++)
          x[k * WIDE + c] = k < c && k < n - 1 ? -INFINITY : step * (float)k;
      for (int rows = 0; rows < 2; rows++) {
        int32_t shape[] = {rows ? WIDE : n, rows ? n : WIDE};
        int64_t strides[] = {rows ? 1 : WIDE, rows ? WIDE : 1};
        assert_true(mx_softmax_axis(MX_FLOAT32, x, strides, shape, 2, rows, out));
        assert_true(mx_logsumexp_axis(MX_FLOAT32, x, strides, shape, 2, rows, sums));
        for (int c = 0; c < WIDE; c++) {
          int first = c < n ? c : n - 1;
          double top = (double)step * (step > 0 ? n - 1 : first), sum = 0;
          for (int k = 0; k < n; k++) sum += exp((double)x[k * WIDE + c] - top);
          check(MX_FLOAT32, sums[c], top + log(sum), 2e-6, "logsumexp", c);
          for (int k = 0; k < n; k++)
            check(MX_FLOAT32, out[rows ? c * n + k : k * WIDE + c],
                  exp((double)x[k * WIDE + c] - top) / sum, 3e-7, "softmax", k);
        }
      }
    }
}

static void long_logsumexp(void **state) {
  (void)state;
  int32_t n = 1000003;
  float *x = some_floats(MX_FLOAT32, n, 8, 1), result;
  double sum = 0;
  for (int32_t i = 0; i < n; i++) sum += exp((double)x[i]);
  assert_true(mx_logsumexp_axis(MX_FLOAT32, x, (int64_t[]){1}, &n, 1, 0, &result));
  assert_true(fabs(result - log(sum)) <= 2e-7 * fabs(log(sum)));
  x[n / 2] = INFINITY;
  assert_true(mx_logsumexp_axis(MX_FLOAT32, x, (int64_t[]){1}, &n, 1, 0, &result));
  assert_true(result == INFINITY);
  x[n / 3] = NAN, x[n / 2] = 1;
  assert_true(mx_logsumexp_axis(MX_FLOAT32, x, (int64_t[]){1}, &n, 1, 0, &result));
  assert_true(isnan(result));
  free(x);
}

static void softmax_of_infinities(void **state) {
  (void)state;
  const float inf = INFINITY;
  float x[] = {-inf, 0, -inf, 0, -inf, -inf, -inf, -inf, 1, inf, 0, 0, NAN, 1, 1, 1}, out[16],
        sums[4];
  int32_t shape[] = {4, 4};
  int64_t strides[] = {4, 1};
  assert_true(mx_softmax_axis(MX_FLOAT32, x, strides, shape, 2, 1, out));
  assert_true(mx_logsumexp_axis(MX_FLOAT32, x, strides, shape, 2, 1, sums));
  assert_true(out[0] == 0 && out[1] == 0.5f && out[3] == 0.5f);
  for (int i = 4; i < 8; i++) assert_true(isnan(out[i]));

  for (int i = 8; i < 16; i++) assert_true(isnan(out[i]));
  assert_true(sums[1] == -inf && sums[2] == inf && isnan(sums[3]));
}

/* Columns meet their first finite element, or none, after the statistics began. */
static void columns_of_infinities(void **state) {
  (void)state;
  enum { N = 20, COLUMNS = 3 };
  float x[N * COLUMNS], out[N * COLUMNS], sums[COLUMNS];
  for (int i = 0; i < N * COLUMNS; i++) x[i] = -INFINITY;
  x[17 * COLUMNS] = 3;
  x[0 * COLUMNS + 2] = x[9 * COLUMNS + 2] = -2;
  int32_t shape[] = {N, COLUMNS};
  int64_t strides[] = {COLUMNS, 1};
  assert_true(mx_softmax_axis(MX_FLOAT32, x, strides, shape, 2, 0, out));
  assert_true(mx_logsumexp_axis(MX_FLOAT32, x, strides, shape, 2, 0, sums));
  assert_true(out[17 * COLUMNS] == 1 && out[0] == 0 && isnan(out[1]));
  assert_true(out[2] == 0.5f && out[9 * COLUMNS + 2] == 0.5f && out[5] == 0);
  assert_true(sums[0] == 3 && sums[1] == -INFINITY && fabsf(sums[2] + 2 - logf(2)) < 1e-6f);
}

/* Rope, against the rotation in double by MLX's float32 angles. */
static void rope_case(mx_dtype t, int64_t dims, int64_t n, int64_t length, bool traditional,
                      bool forward, bool given, bool several) {
  enum { BATCH = 2, HEADS = 3 };
  int64_t total = BATCH * HEADS * length * n;
  void *x = some_floats(t, total, 2, 1), *out = some_floats(t, total, 1, 2);
  float wavelengths[64], offsets[BATCH] = {7, several ? 1234 : 7};
  for (int i = 0; i < 64; i++) wavelengths[i] = 1 + 3.0f * (float)i;
  mx_rope rope = {.dtype = t,
                  .x = x,
                  .shape = {BATCH, HEADS, length, n},
                  .strides = {length * HEADS * n, n, HEADS * n, 1},
                  .out = out,
                  .dims = dims,
                  .traditional = traditional,
                  .forward = forward,
                  .base = 10000,
                  .scale = 0.5f,
                  .wavelengths = given ? wavelengths : NULL,
                  .wavelength_step = 1,
                  .offsets = offsets,
                  .offset_count = several ? BATCH : 1};
  assert_true(mx_rope_run(&rope));
  for (int64_t at = 0; at < total; at++) {
    int64_t i = at % n, pos = at / n % length, head = at / n / length % HEADS,
            batch = at / n / length / HEADS, half = dims / 2;
    int64_t row = batch * rope.strides[0] + head * rope.strides[1] + pos * rope.strides[2];
    double want = get_float(t, x, row + i);
    if (i < dims) {
      int64_t pair = traditional ? i / 2 : i % half;
      bool second = traditional ? i % 2 : i >= half;
      int64_t other = traditional ? i ^ 1 : second ? i - half : i + half;
      float step = logf(10000) / (float)half;
      float frequency = given ? 1 / wavelengths[pair] : (float)exp((double)(-(float)pair * step));
      float angle = ((float)pos + offsets[batch]) * 0.5f * frequency;
      double c = cos((double)angle), s = sin((double)angle) * (forward ? 1 : -1);
      want = want * c + get_float(t, x, row + other) * (second ? s : -s);
    }
    check(t, get_float(t, out, at), want, 5e-7, "rope", at);
    if (t == MX_FLOAT64) assert_true(fabs(get_float(t, out, at) - want) < 5e-7);
  }
  free(x), free(out);
}

static void ropes(void **state) {
  (void)state;
  for (int flags = 0; flags < 16; flags++)
    for (size_t t = 0; t < 3; t++) {
      bool b0 = flags & 1, b1 = flags & 2, b2 = flags & 4, b3 = flags & 8;
      rope_case(float_dtypes[t], 64, 64, 37, b0, b1, b2, b3);
      rope_case(float_dtypes[t], 22, 29, 1, b0, b1, b2, b3);
      rope_case(float_dtypes[t], 80, 96, 3, b0, b1, b2, b3);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(norms),
                                     cmocka_unit_test(gradients_of_norms),
                                     cmocka_unit_test(softmaxes),
                                     cmocka_unit_test(softmaxes_of_many_columns),
                                     cmocka_unit_test(softmaxes_of_rising_numbers),
                                     cmocka_unit_test(long_logsumexp),
                                     cmocka_unit_test(softmax_of_infinities),
                                     cmocka_unit_test(columns_of_infinities),
                                     cmocka_unit_test(ropes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
