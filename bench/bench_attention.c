/* Scaled dot-product attention in the shapes of a Llama with 32 query and 8 key heads of 64: one
 * token over a long cache, eight sequences at once, and causal prompts. */
#include "inputs.h"

#define HEADS 32
#define KV_HEADS 8
#define DIM 64

static mx heads(int64_t batch, int count, int64_t tokens, mx_dtype dtype, uint64_t seed) {
  return bench_ready(mx_reshape(bench_normal(batch * count * tokens * DIM, dtype, seed),
                                MX_INTS((int)batch, count, (int)tokens, DIM)));
}

static void make(const bench_case *c, bench_state *s) {
  s->in[0] = heads(c->n, HEADS, c->m, c->dtype, 0);
  s->in[1] = heads(c->n, KV_HEADS, c->k, c->dtype, 1);
  s->in[2] = heads(c->n, KV_HEADS, c->k, c->dtype, 2);
}

static void run(const bench_case *c, bench_state *s) {
  mx_eval(mx_fast_scaled_dot_product_attention(s->in[0], s->in[1], s->in[2], .scale = 0.125f,
                                               .causal = c->m > 1));
}

/* m queries of n sequences over k keys; with a causal mask half of the products count. */
#define ATTENTION(label, type, bytes, queries, sequences, keys)                            \
  {                                                                                        \
    .name = label " " #type, .make = make, .run = run, .dtype = MX_##type, .m = queries,   \
    .n = sequences, .k = keys, .read = 2.0 * (sequences)*KV_HEADS * (keys)*DIM * (bytes),  \
    .operations = ((queries) > 1 ? 2.0 : 4.0) * (sequences)*HEADS * (queries) * (keys)*DIM \
  }

static const bench_case cases[] = {
    ATTENTION("1 token over 65536", BFLOAT16, 2, 1, 1, 65536),
    ATTENTION("1 token over 65536", FLOAT16, 2, 1, 1, 65536),
    ATTENTION("1 token over 65536", FLOAT32, 4, 1, 1, 65536),
    ATTENTION("8 sequences over 8192", BFLOAT16, 2, 1, 8, 8192),
    ATTENTION("prompt of 512", BFLOAT16, 2, 512, 1, 512),
    ATTENTION("prompt of 2048", BFLOAT16, 2, 2048, 1, 2048),
    ATTENTION("prompt of 2048", FLOAT32, 4, 2048, 1, 2048),
};

int main(int argc, char **argv) { return bench_main(argc, argv, cases, BENCH_COUNT(cases)); }
