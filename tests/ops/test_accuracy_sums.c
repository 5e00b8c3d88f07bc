/* No operation that adds up many numbers (reductions, scans, softmax, norms, rope, attention,
 * products, quantised or not) is further from the truth than MLX's own, for every float dtype. */
#include "accuracy.h"

typedef long double real;

/* Some hundred sums of a few thousand roundings each have chance in them, however they are added
 * up, and the largest error of the sample has more: so much may they exceed those of MLX's. */
#define SLACK 1.4
#define RMS_SLACK 1.08

static uint64_t seed_of(const accuracy_case *c) { return (uint64_t)accuracy_number(c, "seed"); }

static accuracy_input linear(const accuracy_case *c, double low, double high, int seed,
                             mx_ints shape) {
  return accuracy_linear(low, high, c->dtype, seed_of(c) + (uint64_t)seed, shape);
}

static void judge(const accuracy_case *c, mx result, const real *want, size_t n) {
  accuracy_judge(c, accuracy_relative(c, result, want, n), SLACK, RMS_SLACK);
}

/* ---- Rows ---- */

static real sum(const real *x, int n) {
  real s = 0;
  for (int i = 0; i < n; i++) s += x[i];
  return s;
}
static real variance(const real *x, int n) {
  real s = 0, mean = sum(x, n) / n;
  for (int i = 0; i < n; i++) s += (x[i] - mean) * (x[i] - mean);
  return s / n;
}
static real largest(const real *x, int n) {
  real most = -INFINITY;
  for (int i = 0; i < n; i++) most = x[i] > most ? x[i] : most;
  return most;
}

/* What a row of n becomes; returns how many numbers. */
static int sum_row(const real *x, int n, real *y) { return y[0] = sum(x, n), 1; }
static int mean_row(const real *x, int n, real *y) { return y[0] = sum(x, n) / n, 1; }
static int var_row(const real *x, int n, real *y) { return y[0] = variance(x, n), 1; }
static int cumsum_row(const real *x, int n, real *y) {
  real s = 0;
  for (int i = 0; i < n; i++) y[i] = s += x[i];
  return n;
}
static int cumprod_row(const real *x, int n, real *y) {
  real s = 1;
  for (int i = 0; i < n; i++) y[i] = s *= x[i];
  return n;
}
static int prod_row(const real *x, int n, real *y) {
  real s = 1;
  for (int i = 0; i < n; i++) s *= x[i];
  return y[0] = s, 1;
}
static int logcumsumexp_row(const real *x, int n, real *y) {
  real s = 0, most = largest(x, n);
  for (int i = 0; i < n; i++) y[i] = most + logl(s += expl(x[i] - most));
  return n;
}
static int logsumexp_row(const real *x, int n, real *y) {
  real s = 0, most = largest(x, n);
  for (int i = 0; i < n; i++) s += expl(x[i] - most);
  return y[0] = most + logl(s), 1;
}
static int softmax_row(const real *x, int n, real *y) {
  real s = 0, most = largest(x, n);
  for (int i = 0; i < n; i++) s += y[i] = expl(x[i] - most);
  for (int i = 0; i < n; i++) y[i] /= s;
  return n;
}

#define ROW(name) \
  static mx name##_op(mx a) { return mx_##name(a, .axis = -1); }
ROW(sum)
ROW(mean)
ROW(var)
ROW(prod)
ROW(cumsum)
ROW(cumprod)
ROW(logsumexp)
ROW(logcumsumexp)
ROW(softmax)
static mx softmax_precise_op(mx a) { return mx_softmax(a, .axis = -1, .precise = true); }

static const struct {
  const char *name;
  mx (*op)(mx);
  int (*truth)(const real *x, int n, real *y);
} row_ops[] = {
    {"sum", sum_op, sum_row},
    {"mean", mean_op, mean_row},
    {"var", var_op, var_row},
    {"prod", prod_op, prod_row},
    {"cumsum", cumsum_op, cumsum_row},
    {"cumprod", cumprod_op, cumprod_row},
    {"logsumexp", logsumexp_op, logsumexp_row},
    {"logcumsumexp", logcumsumexp_op, logcumsumexp_row},
    {"softmax", softmax_op, softmax_row},
    {"softmax_precise", softmax_precise_op, softmax_row},
};

static bool run_rows(const accuracy_case *c) {
  size_t k = 0;
  while (k < sizeof row_ops / sizeof *row_ops && strcmp(row_ops[k].name, c->op)) k++;
  if (k == sizeof row_ops / sizeof *row_ops) return false;
  int rows = c->shape[0], n = c->shape[1];
  accuracy_input a =
      accuracy_in(json_object_get(c->json, "range"), c->dtype, seed_of(c), MX_INTS(rows, n));
  real *want = malloc(a.n * sizeof *want);
  size_t size = 0;
  for (int r = 0; r < rows; r++)
    size += (size_t)row_ops[k].truth(a.x + (size_t)r * (size_t)n, n, want + size);
  mx result = row_ops[k].op(a.array);
  if (strstr(c->op, "prod")) { /* whose sizes differ by far: each relative to itself */
    accuracy_errors e = {0};
    real *got = accuracy_values(c, result, size);
    for (size_t i = 0; i < size; i++) accuracy_add_ulps(&e, c->dtype, got[i], want[i]);
    accuracy_judge(c, e, SLACK, RMS_SLACK);
    free(got);
  } else {
    judge(c, result, want, size);
  }
  free(want);
  free(a.x);
  return true;
}

static void rows_are_no_worse_than_MLX(void **state) {
  (void)state;
  accuracy_group("rows", run_rows);
}

/* ---- Norms ---- */

static bool run_norm(const accuracy_case *c) {
  int rows = c->shape[0], n = c->shape[1];
  bool rms = !strcmp(c->op, "rms_norm");
  if (!rms && strcmp(c->op, "layer_norm")) return false;
  accuracy_input a = linear(c, -3, 5, 0, MX_INTS(rows, n));
  accuracy_input w = linear(c, 0.5, 1.5, 1, MX_INTS(n)), b = linear(c, -1, 1, 2, MX_INTS(n));
  for (int r = 0; r < rows; r++) {
    real *x = a.x + (size_t)r * (size_t)n, mean = sum(x, n) / n, squares = 0;
    for (int i = 0; i < n; i++) squares += x[i] * x[i];
    real scale = 1 / sqrtl((rms ? squares / n : variance(x, n)) + 1e-5L);
    for (int i = 0; i < n; i++) {
      real offset = rms ? 0 : b.x[i];
      x[i] = (rms ? x[i] : x[i] - mean) * scale * w.x[i] + offset;
    }
  }
  judge(c,
        rms ? mx_fast_rms_norm(a.array, w.array, 1e-5f)
            : mx_fast_layer_norm(a.array, w.array, b.array, 1e-5f),
        a.x, a.n);
  free(a.x);
  free(w.x);
  free(b.x);
  return true;
}

static void norms_are_no_worse_than_MLX(void **state) {
  (void)state;
  accuracy_group("norms", run_norm);
}

/* ---- Rope ---- */

static bool run_rope(const accuracy_case *c) {
  int heads = c->shape[0], tokens = c->shape[1], dims = c->shape[2];
  int offset = (int)accuracy_number(c, "offset");
  bool traditional = json_is_true(json_object_get(c->json, "traditional"));
  accuracy_input a = linear(c, -1, 1, 0, MX_INTS(1, heads, tokens, dims));
  for (int row = 0; row < heads * tokens; row++)
    for (int i = 0; i < dims / 2; i++) {
      real angle = (row % tokens + offset) * powl(10000, -2 * (real)i / dims);
      real *x = a.x + row * dims + (traditional ? 2 * i : i);
      real *y = x + (traditional ? 1 : dims / 2), first = *x;
      *x = first * cosl(angle) - *y * sinl(angle);
      *y = first * sinl(angle) + *y * cosl(angle);
    }
  judge(c, mx_fast_rope(a.array, dims, .traditional = traditional, .offset = offset), a.x, a.n);
  free(a.x);
  return true;
}

static void ropes_are_no_worse_than_MLX(void **state) {
  (void)state;
  accuracy_group("ropes", run_rope);
}

/* ---- Attention ---- */

static bool run_attention(const accuracy_case *c) {
  int heads = c->shape[0], kv_heads = c->shape[1], queries = c->shape[2], keys = c->shape[3];
  int d = c->shape[4];
  const char *mask = json_string_value(json_object_get(c->json, "mask"));
  accuracy_input q = linear(c, -2, 2, 0, MX_INTS(1, heads, queries, d));
  accuracy_input k = linear(c, -2, 2, 1, MX_INTS(1, kv_heads, keys, d));
  accuracy_input v = linear(c, -1, 1, 2, MX_INTS(1, kv_heads, keys, d));
  accuracy_input m = linear(c, -4, 4, 3, MX_INTS(queries, keys));
  real *scores = malloc((size_t)keys * sizeof *scores), *out = malloc(q.n * sizeof *out);
  for (int row = 0; row < heads * queries; row++) {
    int query = row % queries, head = row / queries / (heads / kv_heads);
    for (int j = 0; j < keys; j++) {
      real dot = 0, given = m.x[query * keys + j];
      for (int i = 0; i < d; i++) dot += q.x[row * d + i] * k.x[(head * keys + j) * d + i];
      bool seen = !strcmp(mask, "causal") ? j <= query + keys - queries
                  : !strcmp(mask, "bool") ? given > -2
                                          : true;
      scores[j] = seen ? dot * 0.125L + (strcmp(mask, "added") ? 0 : given) : -INFINITY;
    }
    softmax_row(scores, keys, scores);
    for (int i = 0; i < d; i++) {
      real value = 0;
      for (int j = 0; j < keys; j++) value += scores[j] * v.x[(head * keys + j) * d + i];
      out[row * d + i] = value;
    }
  }
  mx given = NULL;
  if (!strcmp(mask, "bool")) given = mx_greater(m.array, mx_scalar(-2, c->dtype));
  if (!strcmp(mask, "added")) given = m.array;
  judge(c,
        mx_fast_scaled_dot_product_attention(q.array, k.array, v.array, .scale = 0.125f,
                                             .causal = !strcmp(mask, "causal"), .mask = given),
        out, q.n);
  free(scores);
  free(out);
  free(q.x);
  free(k.x);
  free(v.x);
  free(m.x);
  return true;
}

static void attention_is_no_worse_than_MLX(void **state) {
  (void)state;
  accuracy_group("attention", run_attention);
}

/* ---- Products ---- */

/* out [m, n] = x [m, k] times w, where w's element of row i of k and column j lies at i * down +
 * j * across; complex numbers are two parts each. */
static void multiply(const real *x, const real *w, real *out, int m, int k, int n, int down,
                     int across, bool parts) {
  for (int r = 0; r < m; r++)
    for (int j = 0; j < n; j++) {
      real re = 0, im = 0;
      for (int i = 0; i < k; i++) {
        const real *a = x + (r * k + i) * (1 + parts);
        const real *b = w + (i * down + j * across) * (1 + parts);
        re += a[0] * b[0];
        if (parts) re -= a[1] * b[1], im += a[0] * b[1] + a[1] * b[0];
      }
      out[(r * n + j) * (1 + parts)] = re;
      if (parts) out[(r * n + j) * 2 + 1] = im;
    }
}

static bool run_matmul(const accuracy_case *c) {
  int m = c->shape[0], k = c->shape[1], n = c->shape[2];
  bool parts = c->dtype == MX_COMPLEX64;
  accuracy_input a = linear(c, -1, 1, 0, MX_INTS(m, k)), b = linear(c, -1, 1, 1, MX_INTS(k, n));
  size_t size = (size_t)(m * n) * (1 + parts);
  real *want = malloc(size * sizeof *want);
  multiply(a.x, b.x, want, m, k, n, n, 1, parts);
  judge(c, mx_matmul(a.array, b.array), want, size);
  free(want);
  free(a.x);
  free(b.x);
  return true;
}

static void products_are_no_worse_than_MLX(void **state) {
  (void)state;
  accuracy_group("products", run_matmul);
}

static mx power_of_two(const accuracy_case *c, int exponent) {
  return mx_scalar(ldexp(1, exponent), c->dtype);
}

/* Random codes with scales about 2^-bits, and biases about the middle of the codes. */
static bool run_quantized(const accuracy_case *c) {
  int m = c->shape[0], k = c->shape[1], n = c->shape[2];
  int bits = (int)accuracy_number(c, "bits"), group = (int)accuracy_number(c, "group");
  bool transpose = json_is_true(json_object_get(c->json, "transpose"));
  int rows = transpose ? n : k, columns = transpose ? k : n, words = rows * columns * bits / 32;
  uint32_t *codes = malloc(((size_t)words + 1) * sizeof *codes);
  for (int i = 0; i < words; i++)
    codes[i] = (uint32_t)(accuracy_bits(seed_of(c), (uint64_t)i + 1) >> 32);
  mx w = mx_array_new(codes, MX_INTS(rows, columns * bits / 32), MX_UINT32);
  accuracy_input s = linear(c, 0.5, 1.5, 1, MX_INTS(rows, columns / group));
  accuracy_input b = linear(c, -1, 0, 2, MX_INTS(rows, columns / group));
  accuracy_input x = linear(c, -1, 1, 3, MX_INTS(m, k));
  real *matrix = malloc((size_t)(rows * columns) * sizeof *matrix);
  codes[words] = 0;
  for (int i = 0; i < rows * columns; i++) {
    int at = i * bits;
    uint64_t two = codes[at / 32] | (uint64_t)codes[at / 32 + 1] << 32;
    uint64_t code = two >> at % 32 & ((1u << bits) - 1);
    matrix[i] = (real)code * ldexpl(s.x[i / group], -bits) + b.x[i / group];
  }
  real *want = malloc((size_t)(m * n) * sizeof *want);
  multiply(x.x, matrix, want, m, k, n, transpose ? 1 : n, transpose ? k : 1, false);
  mx scales = mx_multiply(s.array, power_of_two(c, -bits));
  judge(c,
        mx_quantized_matmul(x.array, w, scales, b.array, .transpose = transpose,
                            .group_size = group, .bits = bits),
        want, (size_t)(m * n));
  free(codes);
  free(matrix);
  free(want);
  free(s.x);
  free(b.x);
  free(x.x);
  return true;
}

static void quantized_products_are_no_worse_than_MLX(void **state) {
  (void)state;
  accuracy_group("quantized", run_quantized);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_are_no_worse_than_MLX),
      cmocka_unit_test(norms_are_no_worse_than_MLX),
      cmocka_unit_test(ropes_are_no_worse_than_MLX),
      cmocka_unit_test(attention_is_no_worse_than_MLX),
      cmocka_unit_test(products_are_no_worse_than_MLX),
      cmocka_unit_test(quantized_products_are_no_worse_than_MLX),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
