/* Reductions, running sums and softmax over 16 M elements, flat and as 4096 rows of 4096. */
#include "inputs.h"

#define N ((int64_t)1 << 24)
#define SIDE 4096

static void make_flat(const bench_case *c, bench_state *s) {
  s->in[0] = bench_normal(N, c->dtype, 0);
}
static void make_near_one(const bench_case *c, bench_state *s) {
  mx small = mx_multiply(bench_normal(N, MX_FLOAT32, 0), mx_float(1e-4));
  s->in[0] = bench_ready(mx_astype(mx_add(small, mx_float(1)), c->dtype));
}
static void make_whole_square(const bench_case *c, bench_state *s) {
  s->in[0] = bench_ready(mx_reshape(bench_integers(N, c->dtype, 1, 100, 0), MX_INTS(SIDE, SIDE)));
}
static void make_integers(const bench_case *c, bench_state *s) {
  s->in[0] = bench_integers(N, c->dtype, 1, 100, 0);
}
static void make_square(const bench_case *c, bench_state *s) {
  s->in[0] = bench_ready(mx_reshape(bench_normal(N, c->dtype, 0), MX_INTS(SIDE, SIDE)));
}
static void make_cube(const bench_case *c, bench_state *s) {
  s->in[0] = bench_ready(mx_reshape(bench_normal(N, c->dtype, 0), MX_INTS(256, 256, 256)));
}

static void run(const bench_case *c, bench_state *s) { mx_eval(c->unary(s->in[0])); }

/* ---- the operations, each with its axis ---- */

#define ALONG(name, op, ...) \
  static mx name(mx a) { return op(a, ##__VA_ARGS__); }
ALONG(sum_all, mx_sum)
ALONG(sum_rows, mx_sum, .axis = 1)
ALONG(sum_columns, mx_sum, .axis = 0)
ALONG(sum_middle, mx_sum, .axis = 1)
ALONG(prod_all, mx_prod)
ALONG(max_all, mx_max)
ALONG(max_rows, mx_max, .axis = 1)
ALONG(max_columns, mx_max, .axis = 0)
ALONG(mean_all, mx_mean)
ALONG(min_all, mx_min)
ALONG(mean_rows, mx_mean, .axis = 1)
ALONG(var_all, mx_var)
ALONG(var_rows, mx_var, .axis = 1)
ALONG(var_columns, mx_var, .axis = 0)
ALONG(std_all, mx_std)
ALONG(all_all, mx_all)
ALONG(any_all, mx_any)
ALONG(argmax_all, mx_argmax)
ALONG(argmax_rows, mx_argmax, .axis = 1)
ALONG(argmax_columns, mx_argmax, .axis = 0)
ALONG(cumsum_flat, mx_cumsum, .axis = 0)
ALONG(cumsum_rows, mx_cumsum, .axis = 1)
ALONG(cumsum_columns, mx_cumsum, .axis = 0)
ALONG(cummax_rows, mx_cummax, .axis = 1)
ALONG(softmax_rows, mx_softmax, .axis = -1)
ALONG(softmax_columns, mx_softmax, .axis = 0)
ALONG(logsumexp_rows, mx_logsumexp, .axis = 1)
ALONG(logsumexp_columns, mx_logsumexp, .axis = 0)
ALONG(logsumexp_all, mx_logsumexp)

#define REDUCE(label, fn, maker, type, bytes)                                             \
  {                                                                                       \
    .name = #label " " #type, .make = maker, .run = run, .unary = fn, .dtype = MX_##type, \
    .read = (double)N * bytes                                                             \
  }
#define KEEP(label, fn, maker, type, bytes)                                               \
  {                                                                                       \
    .name = #label " " #type, .make = maker, .run = run, .unary = fn, .dtype = MX_##type, \
    .read = (double)N * bytes, .written = (double)N * bytes                               \
  }

static const bench_case cases[] = {
    REDUCE(sum, sum_all, make_flat, FLOAT32, 4),
    REDUCE(sum rows, sum_rows, make_square, FLOAT32, 4),
    REDUCE(sum columns, sum_columns, make_square, FLOAT32, 4),
    REDUCE(sum middle, sum_middle, make_cube, FLOAT32, 4),
    REDUCE(sum, sum_all, make_flat, FLOAT16, 2),
    REDUCE(sum, sum_all, make_flat, BFLOAT16, 2),
    REDUCE(sum, sum_all, make_flat, FLOAT64, 8),
    REDUCE(sum, sum_all, make_integers, INT32, 4),
    REDUCE(sum rows, sum_rows, make_square, FLOAT16, 2),
    REDUCE(sum columns, sum_columns, make_square, FLOAT16, 2),
    REDUCE(sum rows, sum_rows, make_square, BFLOAT16, 2),
    REDUCE(sum columns, sum_columns, make_square, BFLOAT16, 2),
    REDUCE(sum rows, sum_rows, make_square, FLOAT64, 8),
    REDUCE(sum columns, sum_columns, make_square, FLOAT64, 8),
    REDUCE(sum rows, sum_rows, make_whole_square, INT32, 4),
    REDUCE(sum columns, sum_columns, make_whole_square, INT32, 4),
    REDUCE(sum, sum_all, make_integers, INT8, 1),
    REDUCE(sum, sum_all, make_integers, INT16, 2),
    REDUCE(sum, sum_all, make_integers, INT64, 8),
    REDUCE(sum columns, sum_columns, make_whole_square, UINT8, 1),
    REDUCE(sum, sum_all, make_integers, BOOL, 1),
    REDUCE(sum, sum_all, make_integers, UINT8, 1),
    REDUCE(sum, sum_all, make_flat, COMPLEX64, 8),
    REDUCE(sum rows, sum_rows, make_square, COMPLEX64, 8),
    REDUCE(sum columns, sum_columns, make_square, COMPLEX64, 8),
    REDUCE(prod, prod_all, make_near_one, FLOAT32, 4),
    REDUCE(prod, prod_all, make_near_one, FLOAT16, 2),
    REDUCE(prod, prod_all, make_near_one, FLOAT64, 8),
    REDUCE(prod, prod_all, make_integers, INT32, 4),
    REDUCE(prod, prod_all, make_near_one, COMPLEX64, 8),
    REDUCE(max, max_all, make_flat, FLOAT32, 4),
    REDUCE(max rows, max_rows, make_square, FLOAT32, 4),
    REDUCE(max columns, max_columns, make_square, FLOAT32, 4),
    REDUCE(max, max_all, make_flat, FLOAT16, 2),
    REDUCE(max columns, max_columns, make_square, FLOAT16, 2),
    REDUCE(max, max_all, make_flat, BFLOAT16, 2),
    REDUCE(min, min_all, make_flat, FLOAT64, 8),
    REDUCE(max, max_all, make_integers, INT8, 1),
    REDUCE(max, max_all, make_integers, INT16, 2),
    REDUCE(max, max_all, make_integers, INT64, 8),
    REDUCE(max columns, max_columns, make_whole_square, INT32, 4),
    REDUCE(max, max_all, make_flat, COMPLEX64, 8),
    REDUCE(max, max_all, make_integers, INT32, 4),
    REDUCE(max, max_all, make_integers, UINT8, 1),
    REDUCE(mean, mean_all, make_flat, FLOAT32, 4),
    REDUCE(mean rows, mean_rows, make_square, FLOAT16, 2),
    REDUCE(var, var_all, make_flat, FLOAT32, 4),
    REDUCE(var rows, var_rows, make_square, FLOAT32, 4),
    REDUCE(var columns, var_columns, make_square, FLOAT32, 4),
    REDUCE(var, var_all, make_flat, FLOAT16, 2),
    REDUCE(std, std_all, make_flat, FLOAT32, 4),
    REDUCE(all, all_all, make_integers, BOOL, 1),
    REDUCE(all, all_all, make_integers, INT32, 4),
    REDUCE(any, any_all, make_integers, BOOL, 0),
    REDUCE(argmax, argmax_all, make_flat, FLOAT32, 4),
    REDUCE(argmax rows, argmax_rows, make_square, FLOAT32, 4),
    REDUCE(argmax columns, argmax_columns, make_square, FLOAT32, 4),
    REDUCE(argmax, argmax_all, make_integers, INT32, 4),
    REDUCE(argmax, argmax_all, make_flat, FLOAT16, 2),
    REDUCE(argmax, argmax_all, make_flat, BFLOAT16, 2),
    REDUCE(argmax, argmax_all, make_flat, FLOAT64, 8),
    REDUCE(argmax, argmax_all, make_integers, INT8, 1),
    REDUCE(argmax, argmax_all, make_integers, INT64, 8),
    REDUCE(argmax columns, argmax_columns, make_square, FLOAT16, 2),
    REDUCE(argmax columns, argmax_columns, make_whole_square, INT8, 1),
    REDUCE(var columns, var_columns, make_square, FLOAT16, 2),
    REDUCE(var rows, var_rows, make_square, BFLOAT16, 2),
    KEEP(cumsum, cumsum_flat, make_flat, FLOAT32, 4),
    KEEP(cumsum rows, cumsum_rows, make_square, FLOAT32, 4),
    KEEP(cumsum rows, cumsum_rows, make_square, FLOAT16, 2),
    KEEP(cumsum rows, cumsum_rows, make_whole_square, INT32, 4),
    KEEP(cumsum rows, cumsum_rows, make_square, FLOAT64, 8),
    KEEP(cumsum columns, cumsum_columns, make_square, FLOAT32, 4),
    KEEP(cummax rows, cummax_rows, make_square, FLOAT32, 4),
    KEEP(softmax rows, softmax_rows, make_square, FLOAT32, 4),
    KEEP(softmax columns, softmax_columns, make_square, FLOAT32, 4),
    KEEP(softmax rows, softmax_rows, make_square, FLOAT16, 2),
    KEEP(softmax rows, softmax_rows, make_square, BFLOAT16, 2),
    KEEP(softmax columns, softmax_columns, make_square, FLOAT16, 2),
    REDUCE(logsumexp, logsumexp_all, make_flat, FLOAT32, 4),
    REDUCE(logsumexp columns, logsumexp_columns, make_square, FLOAT32, 4),
    REDUCE(logsumexp rows, logsumexp_rows, make_square, FLOAT32, 4),
};

int main(int argc, char **argv) { return bench_main(argc, argv, cases, BENCH_COUNT(cases)); }
