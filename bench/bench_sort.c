/* Sorting, and what asks for less than a whole order: 1 M elements, and 1024 rows of 1024. */
#include "inputs.h"

#define N ((int64_t)1 << 20)

static void make_flat(const bench_case *c, bench_state *s) {
  s->in[0] = bench_normal(c->n ? c->n : N, c->dtype, 0);
}
static void make_integers(const bench_case *c, bench_state *s) {
  s->in[0] = bench_integers(N, c->dtype, INT32_MIN, INT32_MAX, 0);
}
static void make_few(const bench_case *c, bench_state *s) {
  s->in[0] = bench_integers(N, c->dtype, 0, 100, 0);
}
static void make_rows(const bench_case *c, bench_state *s) {
  s->in[0] = bench_ready(mx_reshape(bench_normal(N, c->dtype, 0), MX_INTS(1024, 1024)));
}
static void make_sorted(const bench_case *c, bench_state *s) {
  make_flat(c, s);
  s->in[0] = bench_ready(mx_sort(s->in[0]));
}

static void run(const bench_case *c, bench_state *s) { mx_eval(c->unary(s->in[0])); }

static mx sorted(mx a) { return mx_sort(a, .axis = -1); }
static mx sorted_columns(mx a) { return mx_sort(a, .axis = 0); }
static mx order(mx a) { return mx_argsort(a, .axis = -1); }
static mx halved(mx a) { return mx_partition(a, mx_dim(a, -1) / 2, .axis = -1); }
static mx order_halved(mx a) { return mx_argpartition(a, mx_dim(a, -1) / 2, .axis = -1); }
static mx top(mx a) { return mx_topk(a, 40, .axis = -1); }
static mx middle(mx a) { return mx_median(a); }

#define SORT(label, fn, maker, type) \
  { .name = #label " " #type, .make = maker, .run = run, .unary = fn, .dtype = MX_##type }

static const bench_case cases[] = {
    SORT(sort, sorted, make_flat, FLOAT32),
    SORT(sort, sorted, make_flat, FLOAT16),
    SORT(sort, sorted, make_flat, BFLOAT16),
    SORT(sort, sorted, make_flat, FLOAT64),
    SORT(sort, sorted, make_integers, INT32),
    SORT(sort, sorted, make_integers, INT64),
    SORT(sort, sorted, make_integers, INT16),
    SORT(sort, sorted, make_integers, UINT8),
    SORT(sort few, sorted, make_few, INT32),
    SORT(sort sorted, sorted, make_sorted, FLOAT32),
    SORT(sort rows, sorted, make_rows, FLOAT32),
    SORT(sort columns, sorted_columns, make_rows, FLOAT32),
    {.name = "sort 16M FLOAT32",
     .make = make_flat,
     .run = run,
     .unary = sorted,
     .dtype = MX_FLOAT32,
     .n = 1 << 24},
    {.name = "sort 1000 FLOAT32",
     .make = make_flat,
     .run = run,
     .unary = sorted,
     .dtype = MX_FLOAT32,
     .n = 1000},
    SORT(argsort, order, make_flat, FLOAT32),
    SORT(argsort, order, make_integers, INT32),
    SORT(argsort, order, make_flat, FLOAT64),
    SORT(argsort, order, make_integers, INT64),
    SORT(argsort, order, make_flat, FLOAT16),
    SORT(argsort few, order, make_few, INT32),
    SORT(argsort rows, order, make_rows, FLOAT32),
    SORT(partition, halved, make_flat, FLOAT32),
    SORT(partition, halved, make_flat, FLOAT64),
    SORT(partition rows, halved, make_rows, FLOAT32),
    SORT(argpartition, order_halved, make_flat, FLOAT32),
    SORT(topk, top, make_flat, FLOAT32),
    SORT(topk rows, top, make_rows, FLOAT32),
    SORT(median, middle, make_flat, FLOAT32),
};

int main(int argc, char **argv) { return bench_main(argc, argv, cases, BENCH_COUNT(cases)); }
