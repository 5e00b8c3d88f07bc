/* oneDNN's matrix products under the names of bench_matmul's cases, for bench/run.py. Built where
 * the library (Debian: libdnnl-dev) is found. Its threads are OpenMP's. */
#include "inputs.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
  dnnl_engine_t engine;
  dnnl_stream_t stream;
  dnnl_primitive_t primitive;
  dnnl_memory_t memory[3];
  void *out;
} product;

static void check(dnnl_status_t status) {
  if (status == dnnl_success) return;
  fprintf(stderr, "oneDNN: status %d\n", (int)status);
  exit(1);
}

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t layout;
static layout describe(int ndims, const dnnl_dims_t dims, dnnl_data_type_t type,
                       const dnnl_dims_t strides) {
  layout md;
  check(dnnl_memory_desc_create_with_strides(&md, ndims, dims, type, strides));
  return md;
}
static dnnl_primitive_desc_t prepare(dnnl_engine_t engine, const layout md[3]) {
  dnnl_primitive_desc_t pd;
  check(dnnl_matmul_primitive_desc_create(&pd, engine, md[0], md[1], NULL, md[2], NULL));
  return pd;
}
#define LAYOUT(md) (md)
#else
typedef dnnl_memory_desc_t layout;
static layout describe(int ndims, const dnnl_dims_t dims, dnnl_data_type_t type,
                       const dnnl_dims_t strides) {
  layout md;
  check(dnnl_memory_desc_init_by_strides(&md, ndims, dims, type, strides));
  return md;
}
static dnnl_primitive_desc_t prepare(dnnl_engine_t engine, const layout md[3]) {
  dnnl_primitive_desc_t pd;
  dnnl_matmul_desc_t d;
  check(dnnl_matmul_desc_init(&d, &md[0], &md[1], NULL, &md[2]));
  check(dnnl_primitive_desc_create(&pd, &d, NULL, engine, NULL));
  return pd;
}
#define LAYOUT(md) (&(md))
#endif

/* `batch` products; b is transposed where its columns are contiguous. */
static void make_product(const bench_case *c, bench_state *s, int64_t batch, int64_t m, int64_t n,
                         bool transposed) {
  int64_t k = c->k ? c->k : n;
  dnnl_data_type_t type = c->dtype == MX_BFLOAT16 ? dnnl_bf16 : dnnl_f32;
  product *p = calloc(1, sizeof *p);
  s->own = p;
  s->in[0] = bench_normal(batch * m * k, c->dtype, 0);
  s->in[1] = bench_normal(batch * n * k, c->dtype, 1);
  p->out = aligned_alloc(64, (size_t)(batch * m * n) * 4 + 64);
  layout md[3] = {describe(3, (dnnl_dims_t){batch, m, k}, type, (dnnl_dims_t){m * k, k, 1}),
                  describe(3, (dnnl_dims_t){batch, k, n}, type,
                           (dnnl_dims_t){k * n, transposed ? 1 : n, transposed ? k : 1}),
                  describe(3, (dnnl_dims_t){batch, m, n}, type, (dnnl_dims_t){m * n, n, 1})};
  check(dnnl_engine_create(&p->engine, dnnl_cpu, 0));
  check(dnnl_stream_create(&p->stream, p->engine, dnnl_stream_default_flags));
  dnnl_primitive_desc_t pd = prepare(p->engine, md);
  check(dnnl_primitive_create(&p->primitive, pd));
  dnnl_primitive_desc_destroy(pd);
  void *data[3] = {(void *)mx_data(s->in[0]), (void *)mx_data(s->in[1]), p->out};
  for (int i = 0; i < 3; i++)
    check(dnnl_memory_create(&p->memory[i], LAYOUT(md[i]), p->engine, data[i]));
}

static void plain(const bench_case *c, bench_state *s) { make_product(c, s, 1, c->m, c->n, false); }
static void transposed(const bench_case *c, bench_state *s) {
  make_product(c, s, 1, c->m, c->n, true);
}
static void batch(const bench_case *c, bench_state *s) {
  make_product(c, s, c->m, c->n, c->n, false);
}

static void run(const bench_case *c, bench_state *s) {
  (void)c;
  product *p = s->own;
  dnnl_exec_arg_t args[] = {
      {DNNL_ARG_SRC, p->memory[0]}, {DNNL_ARG_WEIGHTS, p->memory[1]}, {DNNL_ARG_DST, p->memory[2]}};
  check(dnnl_primitive_execute(p->primitive, p->stream, 3, args));
  check(dnnl_stream_wait(p->stream));
}

static void drop(const bench_case *c, bench_state *s) {
  (void)c;
  product *p = s->own;
  for (int i = 0; i < 3; i++) dnnl_memory_destroy(p->memory[i]);
  dnnl_primitive_destroy(p->primitive);
  dnnl_stream_destroy(p->stream);
  dnnl_engine_destroy(p->engine);
  free(p->out);
  free(p);
}

#define CASE(label, how, type, rows, columns, depth)                                               \
  {                                                                                                \
    .name = label " " #type, .make = how, .run = run, .drop = drop, .dtype = MX_##type, .m = rows, \
    .n = columns, .k = depth                                                                       \
  }
#define SQUARE(size, type) CASE(#size "^3", plain, type, size, size, size)

static const bench_case cases[] = {
    SQUARE(256, FLOAT32),
    SQUARE(512, FLOAT32),
    SQUARE(1024, FLOAT32),
    SQUARE(2048, FLOAT32),
    SQUARE(4096, FLOAT32),
    CASE("1024^3 transposed", transposed, FLOAT32, 1024, 1024, 1024),
    SQUARE(1024, BFLOAT16),
    CASE("8 x 4096 x 4096", transposed, FLOAT32, 8, 4096, 4096),
    CASE("8 x 8192 x 8192", transposed, BFLOAT16, 8, 8192, 8192),
    CASE("vector x 8192 x 8192", transposed, FLOAT32, 1, 8192, 8192),
    CASE("vector x 8192 x 8192", transposed, BFLOAT16, 1, 8192, 8192),
    CASE("vector x 8192 x 8192 across", plain, FLOAT32, 1, 8192, 8192),
    CASE("256 of 64^3", batch, FLOAT32, 256, 64, 0),
};

int main(int argc, char **argv) { return bench_main(argc, argv, cases, BENCH_COUNT(cases)); }
