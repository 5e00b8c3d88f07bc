/* Casts of 16 M elements between the common types, each to each. */
#include "inputs.h"

#include <stdio.h>

#define N ((int64_t)1 << 24)

static void make_normal(const bench_case *c, bench_state *s) {
  s->in[0] = bench_ready(mx_astype(mx_abs(bench_normal(N, MX_FLOAT32, 0)), c->dtype));
}
static void make_integers(const bench_case *c, bench_state *s) {
  s->in[0] = bench_integers(N, c->dtype, 0, 100, 0);
}

static void run(const bench_case *c, bench_state *s) { mx_eval(mx_astype(s->in[0], c->to)); }

static const struct {
  const char *name;
  mx_dtype dtype;
  void (*make)(const bench_case *c, bench_state *s);
} kinds[] = {
    {"BOOL", MX_BOOL, make_integers},         {"UINT8", MX_UINT8, make_integers},
    {"INT8", MX_INT8, make_integers},         {"INT16", MX_INT16, make_integers},
    {"INT32", MX_INT32, make_integers},       {"INT64", MX_INT64, make_integers},
    {"FLOAT16", MX_FLOAT16, make_normal},     {"BFLOAT16", MX_BFLOAT16, make_normal},
    {"FLOAT32", MX_FLOAT32, make_normal},     {"FLOAT64", MX_FLOAT64, make_normal},
    {"COMPLEX64", MX_COMPLEX64, make_normal},
};
enum { KINDS = BENCH_COUNT(kinds) };

int main(int argc, char **argv) {
  static char names[KINDS * KINDS][32];
  static bench_case cases[KINDS * KINDS];
  int count = 0;
  for (int from = 0; from < KINDS; from++)
    for (int to = 0; to < KINDS; to++) {
      if (from == to) continue;
      snprintf(names[count], sizeof names[count], "cast %s %s", kinds[from].name, kinds[to].name);
      cases[count] = (bench_case){.name = names[count],
                                  .make = kinds[from].make,
                                  .run = run,
                                  .dtype = kinds[from].dtype,
                                  .to = kinds[to].dtype,
                                  .read = (double)N * (double)mx_dtype_size(kinds[from].dtype),
                                  .written = (double)N * (double)mx_dtype_size(kinds[to].dtype)};
      count++;
    }
  return bench_main(argc, argv, cases, count);
}
