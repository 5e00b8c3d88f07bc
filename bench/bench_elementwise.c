/* Elementwise operations on 16 M elements: memory-bound where the arithmetic is light. */
#include "inputs.h"

#define N ((int64_t)1 << 24)

/* ---- inputs ---- */

static void make_normal(const bench_case *c, bench_state *s) {
  for (int i = 0; i < 2; i++) s->in[i] = bench_normal(N, c->dtype, (uint64_t)i);
}
static void make_positive(const bench_case *c, bench_state *s) {
  for (int i = 0; i < 2; i++)
    s->in[i] = bench_ready(mx_abs(bench_normal(N, c->dtype, (uint64_t)i)));
}
static void make_complex(const bench_case *c, bench_state *s) {
  for (int i = 0; i < 2; i++) {
    mx imaginary = mx_multiply(bench_normal(N, MX_FLOAT32, 7), mx_complex(0, 1));
    s->in[i] = bench_ready(mx_add(bench_normal(N, MX_FLOAT32, (uint64_t)i), imaginary));
  }
  (void)c;
}
static void make_integers(const bench_case *c, bench_state *s) {
  s->in[0] = bench_integers(N, c->dtype, 0, 100, 1);
  s->in[1] = bench_integers(N, c->dtype, 1, 100, 2);
}
static void make_scalar(const bench_case *c, bench_state *s) {
  s->in[0] = bench_normal(N, c->dtype, 0);
  s->in[1] = mx_scalar(1.5, c->dtype);
}
static void make_row(const bench_case *c, bench_state *s) {
  s->in[0] = bench_ready(mx_reshape(bench_normal(N, c->dtype, 0), MX_INTS(4096, 4096)));
  s->in[1] = bench_normal(4096, c->dtype, 1);
}
static void make_column(const bench_case *c, bench_state *s) {
  s->in[0] = bench_ready(mx_reshape(bench_normal(N, c->dtype, 0), MX_INTS(4096, 4096)));
  s->in[1] = bench_ready(mx_reshape(bench_normal(4096, c->dtype, 1), MX_INTS(4096, 1)));
}
static void make_turned(const bench_case *c, bench_state *s) {
  s->in[0] = bench_ready(mx_reshape(bench_normal(N, c->dtype, 0), MX_INTS(4096, 4096)));
  s->in[1] =
      mx_transpose(bench_ready(mx_reshape(bench_normal(N, c->dtype, 1), MX_INTS(4096, 4096))));
}
static void make_condition(const bench_case *c, bench_state *s) {
  make_normal(c, s);
  s->in[2] = bench_ready(mx_greater(bench_normal(N, c->dtype, 3), mx_scalar(0, c->dtype)));
}

/* ---- runs ---- */

static void run_unary(const bench_case *c, bench_state *s) { mx_eval(c->unary(s->in[0])); }
static void run_binary(const bench_case *c, bench_state *s) {
  mx_eval(c->binary(s->in[0], s->in[1]));
}
static void run_where(const bench_case *c, bench_state *s) {
  (void)c;
  mx_eval(mx_where(s->in[2], s->in[0], s->in[1]));
}

#define UNARY(label, fn, maker, type, bytes)                                                    \
  {                                                                                             \
    .name = #label " " #type, .make = maker, .run = run_unary, .unary = fn, .dtype = MX_##type, \
    .read = (double)N * bytes, .written = (double)N * bytes                                     \
  }
#define BINARY(label, fn, maker, type, in, out)                                                   \
  {                                                                                               \
    .name = #label " " #type, .make = maker, .run = run_binary, .binary = fn, .dtype = MX_##type, \
    .read = (double)N * (in), .written = (double)N * (out)                                        \
  }

static const bench_case cases[] = {
    BINARY(add, mx_add, make_normal, FLOAT32, 8, 4),
    BINARY(add scalar, mx_add, make_scalar, FLOAT32, 4, 4),
    BINARY(add row, mx_add, make_row, FLOAT32, 4, 4),
    BINARY(add column, mx_add, make_column, FLOAT32, 4, 4),
    BINARY(add transposed, mx_add, make_turned, FLOAT32, 8, 4),
    BINARY(multiply, mx_multiply, make_normal, FLOAT32, 8, 4),
    BINARY(divide, mx_divide, make_normal, FLOAT32, 8, 4),
    BINARY(maximum, mx_maximum, make_normal, FLOAT32, 8, 4),
    BINARY(less, mx_less, make_normal, FLOAT32, 8, 1),
    BINARY(equal, mx_equal, make_integers, INT32, 8, 1),
    {.name = "where FLOAT32",
     .make = make_condition,
     .run = run_where,
     .dtype = MX_FLOAT32,
     .read = (double)N * 9,
     .written = (double)N * 4},
    BINARY(power, mx_power, make_positive, FLOAT32, 8, 4),
    BINARY(arctan2, mx_arctan2, make_normal, FLOAT32, 8, 4),
    BINARY(logaddexp, mx_logaddexp, make_normal, FLOAT32, 8, 4),
    BINARY(remainder, mx_remainder, make_positive, FLOAT32, 8, 4),
    UNARY(negative, mx_negative, make_normal, FLOAT32, 4),
    UNARY(abs, mx_abs, make_normal, FLOAT32, 4),
    UNARY(square, mx_square, make_normal, FLOAT32, 4),
    UNARY(sqrt, mx_sqrt, make_positive, FLOAT32, 4),
    UNARY(rsqrt, mx_rsqrt, make_positive, FLOAT32, 4),
    UNARY(exp, mx_exp, make_normal, FLOAT32, 4),
    UNARY(expm1, mx_expm1, make_normal, FLOAT32, 4),
    UNARY(log, mx_log, make_positive, FLOAT32, 4),
    UNARY(log2, mx_log2, make_positive, FLOAT32, 4),
    UNARY(log1p, mx_log1p, make_positive, FLOAT32, 4),
    UNARY(sin, mx_sin, make_normal, FLOAT32, 4),
    UNARY(cos, mx_cos, make_normal, FLOAT32, 4),
    UNARY(tan, mx_tan, make_normal, FLOAT32, 4),
    UNARY(arctan, mx_arctan, make_normal, FLOAT32, 4),
    UNARY(sinh, mx_sinh, make_normal, FLOAT32, 4),
    UNARY(tanh, mx_tanh, make_normal, FLOAT32, 4),
    UNARY(arcsinh, mx_arcsinh, make_normal, FLOAT32, 4),
    UNARY(erf, mx_erf, make_normal, FLOAT32, 4),
    UNARY(erfinv, mx_erfinv, make_normal, FLOAT32, 4),
    UNARY(sigmoid, mx_sigmoid, make_normal, FLOAT32, 4),
    BINARY(add, mx_add, make_integers, INT32, 8, 4),
    BINARY(multiply, mx_multiply, make_integers, INT32, 8, 4),
    BINARY(floor_divide, mx_floor_divide, make_integers, INT32, 8, 4),
    BINARY(remainder, mx_remainder, make_integers, INT32, 8, 4),
    BINARY(floor_divide, mx_floor_divide, make_integers, INT64, 16, 8),
    BINARY(floor_divide, mx_floor_divide, make_integers, UINT8, 2, 1),
    BINARY(power, mx_power, make_integers, INT32, 8, 4),
    BINARY(remainder, mx_remainder, make_integers, INT64, 16, 8),
    BINARY(remainder, mx_remainder, make_integers, UINT8, 2, 1),
    BINARY(power, mx_power, make_integers, INT64, 16, 8),
    BINARY(add, mx_add, make_integers, UINT8, 2, 1),
    BINARY(add, mx_add, make_integers, INT8, 2, 1),
    BINARY(add, mx_add, make_integers, INT16, 4, 2),
    BINARY(multiply, mx_multiply, make_integers, UINT8, 2, 1),
    BINARY(multiply, mx_multiply, make_integers, INT16, 4, 2),
    BINARY(multiply, mx_multiply, make_integers, INT64, 16, 8),
    BINARY(maximum, mx_maximum, make_integers, INT8, 2, 1),
    BINARY(maximum, mx_maximum, make_integers, INT64, 16, 8),
    BINARY(less, mx_less, make_integers, INT8, 2, 1),
    BINARY(less, mx_less, make_integers, INT16, 4, 1),
    BINARY(less, mx_less, make_integers, INT64, 16, 1),
    BINARY(bitwise_and, mx_bitwise_and, make_integers, INT32, 8, 4),
    BINARY(left_shift, mx_left_shift, make_integers, INT32, 8, 4),
    UNARY(abs, mx_abs, make_integers, INT8, 1),
    UNARY(abs, mx_abs, make_integers, INT64, 8),
    UNARY(negative, mx_negative, make_integers, INT16, 2),
    UNARY(square, mx_square, make_integers, INT32, 4),
    BINARY(add, mx_add, make_integers, INT64, 16, 8),
    BINARY(add, mx_add, make_normal, FLOAT16, 4, 2),
    BINARY(multiply, mx_multiply, make_normal, FLOAT16, 4, 2),
    BINARY(divide, mx_divide, make_normal, FLOAT16, 4, 2),
    BINARY(add, mx_add, make_normal, BFLOAT16, 4, 2),
    BINARY(multiply, mx_multiply, make_normal, BFLOAT16, 4, 2),
    BINARY(power, mx_power, make_positive, FLOAT16, 4, 2),
    UNARY(negative, mx_negative, make_normal, FLOAT16, 2),
    UNARY(abs, mx_abs, make_normal, BFLOAT16, 2),
    UNARY(square, mx_square, make_normal, FLOAT16, 2),
    UNARY(sqrt, mx_sqrt, make_positive, FLOAT16, 2),
    BINARY(less, mx_less, make_normal, FLOAT16, 4, 1),
    BINARY(maximum, mx_maximum, make_normal, FLOAT16, 4, 2),
    UNARY(exp, mx_exp, make_normal, FLOAT16, 2),
    UNARY(tanh, mx_tanh, make_normal, BFLOAT16, 2),
    BINARY(add, mx_add, make_normal, FLOAT64, 16, 8),
    BINARY(multiply, mx_multiply, make_normal, FLOAT64, 16, 8),
    BINARY(divide, mx_divide, make_normal, FLOAT64, 16, 8),
    BINARY(maximum, mx_maximum, make_normal, FLOAT64, 16, 8),
    BINARY(less, mx_less, make_normal, FLOAT64, 16, 1),
    BINARY(remainder, mx_remainder, make_positive, FLOAT64, 16, 8),
    BINARY(arctan2, mx_arctan2, make_normal, FLOAT64, 16, 8),
    UNARY(sqrt, mx_sqrt, make_positive, FLOAT64, 8),
    UNARY(exp, mx_exp, make_normal, FLOAT64, 8),
    UNARY(log, mx_log, make_positive, FLOAT64, 8),
    UNARY(sin, mx_sin, make_normal, FLOAT64, 8),
    UNARY(tanh, mx_tanh, make_normal, FLOAT64, 8),
    BINARY(power, mx_power, make_positive, FLOAT64, 16, 8),
    BINARY(add, mx_add, make_complex, COMPLEX64, 16, 8),
    BINARY(multiply, mx_multiply, make_complex, COMPLEX64, 16, 8),
    BINARY(divide, mx_divide, make_complex, COMPLEX64, 16, 8),
    BINARY(equal, mx_equal, make_complex, COMPLEX64, 16, 1),
    UNARY(exp, mx_exp, make_complex, COMPLEX64, 8),
    UNARY(log, mx_log, make_complex, COMPLEX64, 8),
    UNARY(sqrt, mx_sqrt, make_complex, COMPLEX64, 8),
    UNARY(square, mx_square, make_complex, COMPLEX64, 8),
    {.name = "abs COMPLEX64",
     .make = make_complex,
     .run = run_unary,
     .unary = mx_abs,
     .read = (double)N * 8,
     .written = (double)N * 4},
};

int main(int argc, char **argv) { return bench_main(argc, argv, cases, BENCH_COUNT(cases)); }
