/* Products with quantised matrices of 2 to 8 bits: one row of activations (what decoding does), a
 * few, and a prompt's. The matrix is as large as a vocabulary's, beyond any cache. */
#include "inputs.h"

static void make(const bench_case *c, bench_state *s) {
  mx x = mx_reshape(bench_normal(c->m * c->k, c->dtype, 0), MX_INTS((int)c->m, (int)c->k));
  mx w = mx_reshape(bench_normal(4096 * c->k, MX_BFLOAT16, 1), MX_INTS(4096, (int)c->k));
  mx_quantized q = mx_quantize(w, .bits = (int)c->to);
  int times = (int)(c->n / 4096);
  mx parts[3] = {q.weight, q.scales, q.biases};
  s->in[0] = bench_ready(x);
  for (int i = 0; i < 3; i++) {
    mx all = mx_tile(parts[i], MX_INTS(times, 1));
    s->in[1 + i] = bench_ready(all);
  }
}

static void run(const bench_case *c, bench_state *s) {
  mx_eval(mx_quantized_matmul(s->in[0], s->in[1], s->in[2], s->in[3], .bits = (int)c->to));
}

/* `to` holds the bits. */
#define PRODUCT(width, rows, columns, depth)                                             \
  {                                                                                      \
    .name = #width "-bit, " #rows " x " #columns " x " #depth, .make = make, .run = run, \
    .dtype = MX_BFLOAT16, .to = (mx_dtype)(width), .m = rows, .n = columns, .k = depth,  \
    .read = (double)(columns) * (depth) * ((width) / 8.0 + 4 / 64.0),                    \
    .operations = (rows) > 1 ? 2.0 * (rows) * (columns) * (depth) : 0                    \
  }

static const bench_case cases[] = {
    PRODUCT(2, 1, 131072, 2048), PRODUCT(3, 1, 131072, 2048),  PRODUCT(4, 1, 131072, 2048),
    PRODUCT(5, 1, 131072, 2048), PRODUCT(6, 1, 131072, 2048),  PRODUCT(8, 1, 131072, 2048),
    PRODUCT(4, 2, 131072, 2048), PRODUCT(4, 4, 131072, 2048),  PRODUCT(4, 8, 131072, 2048),
    PRODUCT(8, 8, 131072, 2048), PRODUCT(4, 16, 131072, 2048), PRODUCT(4, 64, 131072, 2048),
    PRODUCT(4, 2, 8192, 2048),   PRODUCT(4, 4, 8192, 2048),    PRODUCT(4, 8, 8192, 2048),
    PRODUCT(4, 16, 8192, 2048),  PRODUCT(4, 512, 8192, 2048),  PRODUCT(4, 512, 8192, 8192),
};

int main(int argc, char **argv) { return bench_main(argc, argv, cases, BENCH_COUNT(cases)); }
