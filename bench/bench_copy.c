/* Copies of 16 M elements: dense, transposed, strided, joined, and gathered by rows. */
#include "inputs.h"

#define SIDE 4096
#define N ((int64_t)SIDE * SIDE)

static void make_square(const bench_case *c, bench_state *s) {
  s->in[0] = bench_ready(mx_reshape(bench_normal(N, c->dtype, 0), MX_INTS(SIDE, SIDE)));
}
static void make_cube(const bench_case *c, bench_state *s) {
  s->in[0] = bench_ready(mx_reshape(bench_normal(N, c->dtype, 0), MX_INTS(256, 256, 256)));
}
static void make_heads(const bench_case *c, bench_state *s) {
  s->in[0] = bench_ready(mx_reshape(bench_normal(N, c->dtype, 0), MX_INTS(8, 1024, 32, 64)));
}
static void make_wide(const bench_case *c, bench_state *s) {
  s->in[0] = bench_ready(mx_reshape(bench_normal(2 * N, c->dtype, 0), MX_INTS(SIDE, 2 * SIDE)));
}
static void make_indices(const bench_case *c, bench_state *s) {
  make_square(c, s);
  s->in[1] = bench_integers(SIDE, MX_INT32, 0, SIDE, 1);
}
static void make_flat_indices(const bench_case *c, bench_state *s) {
  s->in[0] = bench_normal(N, c->dtype, 0);
  s->in[1] = bench_integers(N / 16, MX_INT32, 0, (int)N, 1);
}

static void run(const bench_case *c, bench_state *s) { mx_eval(c->unary(s->in[0])); }
static void run_indexed(const bench_case *c, bench_state *s) {
  mx_eval(c->binary(s->in[0], s->in[1]));
}

/* An update of what others still hold copies it first. */
static mx copy(mx a) {
  mx one = mx_full(MX_INTS(1, 1), mx_scalar(1, mx_dtype_of(a)), mx_dtype_of(a));
  return mx_slice_update(a, one, MX_INTS(0, 0), MX_INTS(1, 1), MX_INTS(1, 1));
}
static mx transposed(mx a) { return mx_contiguous(mx_transpose(a)); }
static mx turned(mx a) { return mx_contiguous(mx_swapaxes(a, 0, 2)); }
static mx heads(mx a) { return mx_contiguous(mx_swapaxes(a, 1, 2)); }
static mx every_other(mx a) {
  return mx_contiguous(mx_slice(a, MX_INTS(0, 0), MX_INTS(SIDE, 2 * SIDE), MX_INTS(1, 2)));
}
static mx reversed(mx a) {
  return mx_contiguous(mx_slice(a, MX_INTS(0, SIDE - 1), MX_INTS(SIDE, -SIDE - 1), MX_INTS(1, -1)));
}
static mx filled(mx a) {
  return mx_full(MX_INTS(SIDE, SIDE), mx_scalar(1.5, mx_dtype_of(a)), mx_dtype_of(a));
}
static mx joined(mx a) { return mx_concatenate((const mx[]){a, a}, 2, 0); }
static mx joined_within(mx a) { return mx_concatenate((const mx[]){a, a}, 2, 1); }
static mx take_rows(mx a, mx indices) { return mx_take(a, indices, .axis = 0); }
static mx take_flat(mx a, mx indices) { return mx_take(a, indices, .axis = 0); }

#define COPY(label, fn, maker, type, bytes, times)                                        \
  {                                                                                       \
    .name = #label " " #type, .make = maker, .run = run, .unary = fn, .dtype = MX_##type, \
    .read = (double)N * bytes, .written = (double)N * bytes * times                       \
  }

static const bench_case cases[] = {
    COPY(copy, copy, make_square, FLOAT32, 4, 1),
    COPY(copy, copy, make_square, FLOAT16, 2, 1),
    COPY(transpose, transposed, make_square, FLOAT32, 4, 1),
    COPY(transpose, transposed, make_square, FLOAT16, 2, 1),
    COPY(transpose, transposed, make_square, UINT8, 1, 1),
    COPY(transpose, transposed, make_square, FLOAT64, 8, 1),
    COPY(turn cube, turned, make_cube, FLOAT32, 4, 1),
    COPY(swap heads, heads, make_heads, FLOAT16, 2, 1),
    COPY(swap heads, heads, make_heads, FLOAT32, 4, 1),
    COPY(every other, every_other, make_wide, FLOAT32, 8, 0.5),
    COPY(every other, every_other, make_wide, FLOAT16, 4, 0.5),
    COPY(reverse, reversed, make_square, FLOAT32, 4, 1),
    COPY(reverse, reversed, make_square, FLOAT16, 2, 1),
    COPY(reverse, reversed, make_square, UINT8, 1, 1),
    {.name = "fill FLOAT32",
     .make = make_square,
     .run = run,
     .unary = filled,
     .dtype = MX_FLOAT32,
     .written = (double)N * 4},
    COPY(join, joined, make_square, FLOAT32, 4, 2),
    COPY(join columns, joined_within, make_square, FLOAT32, 4, 2),
    {.name = "take rows FLOAT32",
     .make = make_indices,
     .run = run_indexed,
     .binary = take_rows,
     .dtype = MX_FLOAT32,
     .read = (double)N * 4,
     .written = (double)N * 4},
    {.name = "take FLOAT32",
     .make = make_flat_indices,
     .run = run_indexed,
     .binary = take_flat,
     .dtype = MX_FLOAT32},
};

int main(int argc, char **argv) { return bench_main(argc, argv, cases, BENCH_COUNT(cases)); }
