/* Matrix products: square ones in each float type, thin ones, vectors, and many small ones. */
#include "inputs.h"

static void make(const bench_case *c, bench_state *s) {
  int m = (int)c->m, n = (int)c->n, k = (int)c->k;
  s->in[0] = bench_ready(mx_reshape(bench_normal(c->m * c->k, c->dtype, 0), MX_INTS(m, k)));
  s->in[1] = bench_ready(mx_reshape(bench_normal(c->n * c->k, c->dtype, 1), MX_INTS(n, k)));
}
static void make_batch(const bench_case *c, bench_state *s) {
  int n = (int)c->n, batch = (int)c->m;
  for (int i = 0; i < 2; i++)
    s->in[i] = bench_ready(
        mx_reshape(bench_normal(c->m * c->n * c->n, c->dtype, (uint64_t)i), MX_INTS(batch, n, n)));
}

static void run(const bench_case *c, bench_state *s) { mx_eval(c->binary(s->in[0], s->in[1])); }

static mx plain(mx a, mx b) { return mx_matmul(a, b); }
static mx transposed(mx a, mx b) { return mx_matmul(a, mx_transpose(b)); }

#define PRODUCT(label, fn, type, bytes, rows, columns, depth)                              \
  {                                                                                        \
    .name = label " " #type, .make = make, .run = run, .binary = fn, .dtype = MX_##type,   \
    .m = rows, .n = columns, .k = depth, .operations = 2.0 * (rows) * (columns) * (depth), \
    .read = (rows) == 1 ? (double)(columns) * (depth) * (bytes) : 0                        \
  }
#define SQUARE(size, type, bytes) PRODUCT(#size "^3", plain, type, bytes, size, size, size)

static const bench_case cases[] = {
    SQUARE(256, FLOAT32, 4),
    SQUARE(512, FLOAT32, 4),
    SQUARE(1024, FLOAT32, 4),
    SQUARE(2048, FLOAT32, 4),
    SQUARE(4096, FLOAT32, 4),
    PRODUCT("1024^3 transposed", transposed, FLOAT32, 4, 1024, 1024, 1024),
    SQUARE(1024, FLOAT64, 8),
    SQUARE(1024, COMPLEX64, 8),
    SQUARE(1024, BFLOAT16, 2),
    SQUARE(1024, FLOAT16, 2),
    PRODUCT("8 x 4096 x 4096", transposed, FLOAT32, 4, 8, 4096, 4096),
    PRODUCT("8 x 8192 x 8192", transposed, BFLOAT16, 2, 8, 8192, 8192),
    PRODUCT("vector x 8192 x 8192", transposed, FLOAT32, 4, 1, 8192, 8192),
    PRODUCT("vector x 8192 x 8192", transposed, BFLOAT16, 2, 1, 8192, 8192),
    PRODUCT("vector x 8192 x 8192 across", plain, FLOAT32, 4, 1, 8192, 8192),
    {.name = "256 of 64^3 FLOAT32",
     .make = make_batch,
     .run = run,
     .binary = plain,
     .dtype = MX_FLOAT32,
     .m = 256,
     .n = 64,
     .operations = 2.0 * 256 * 64 * 64 * 64},
};

int main(int argc, char **argv) { return bench_main(argc, argv, cases, BENCH_COUNT(cases)); }
