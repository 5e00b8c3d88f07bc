/* Random numbers, 4 M at a time. */
#include "inputs.h"

#define N (1 << 22)

static void make_key(const bench_case *c, bench_state *s) {
  (void)c;
  s->in[0] = bench_ready(mx_random_key(1));
}
static void run(const bench_case *c, bench_state *s) { mx_eval(c->unary(s->in[0])); }

static mx bits(mx key) { return mx_random_bits(MX_INTS(N), 4, key); }
static mx uniform(mx key) {
  return mx_random_uniform(mx_float(0), mx_float(1), MX_INTS(N), MX_FLOAT32, key);
}
static mx normal(mx key) { return mx_random_normal(MX_INTS(N), MX_FLOAT32, NULL, NULL, key); }
static mx normal_16(mx key) { return mx_random_normal(MX_INTS(N), MX_FLOAT16, NULL, NULL, key); }
static mx integers(mx key) {
  return mx_random_randint(mx_int(0), mx_int(1000), MX_INTS(N), MX_INT32, key);
}
static mx bernoulli(mx key) { return mx_random_bernoulli(mx_float(0.3f), MX_INTS(N), key); }
static mx gumbel(mx key) { return mx_random_gumbel(MX_INTS(N), MX_FLOAT32, key); }
static mx permutation(mx key) { return mx_random_permutation_arange(1 << 20, key); }

#define RANDOM(label, fn, bytes) \
  { .name = label, .make = make_key, .run = run, .unary = fn, .written = (double)N * bytes }

static const bench_case cases[] = {
    RANDOM("bits", bits, 4),
    RANDOM("uniform FLOAT32", uniform, 4),
    RANDOM("normal FLOAT32", normal, 4),
    RANDOM("normal FLOAT16", normal_16, 2),
    RANDOM("randint INT32", integers, 4),
    RANDOM("bernoulli", bernoulli, 1),
    RANDOM("gumbel FLOAT32", gumbel, 4),
    RANDOM("permutation 1M", permutation, 0),
};

int main(int argc, char **argv) { return bench_main(argc, argv, cases, BENCH_COUNT(cases)); }
