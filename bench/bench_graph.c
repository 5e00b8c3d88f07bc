/* What a node of the graph costs: building, ordering, evaluating and freeing it, a chain of scalar
 * operations at a time. */
#include "inputs.h"

#define NODES 1000

static void make_one(const bench_case *c, bench_state *s) {
  s->in[0] = bench_ready(mx_scalar(1, MX_FLOAT32));
  s->in[1] = bench_ready(mx_full(MX_INTS((int)(c->n ? c->n : 1)), mx_float(1), MX_FLOAT32));
}

/* In a scope of its own, so that only the graph holds what is inside. */
static mx chain(mx a, mx b, int nodes) {
  mx_scope scope = mx_scope_begin();
  for (int i = 0; i < nodes; i++) a = mx_add(a, b);
  return mx_scope_end(scope, a);
}

static void build(const bench_case *c, bench_state *s) {
  (void)c;
  chain(s->in[0], s->in[0], NODES);
}
static void build_and_run(const bench_case *c, bench_state *s) {
  (void)c;
  mx_eval(chain(s->in[0], s->in[0], NODES));
}
static void small_vectors(const bench_case *c, bench_state *s) {
  (void)c;
  mx_eval(chain(s->in[1], s->in[1], NODES));
}
static void views(const bench_case *c, bench_state *s) {
  (void)c;
  mx_scope scope = mx_scope_begin();
  mx a = s->in[1];
  for (int i = 0; i < NODES; i++) a = mx_expand_dims(mx_squeeze(a, MX_INTS(0)), MX_INTS(0));
  mx_eval(mx_scope_end(scope, a));
}
static void one_by_one(const bench_case *c, bench_state *s) {
  (void)c;
  for (int i = 0; i < NODES; i++) {
    mx_scope scope = mx_scope_begin();
    mx_eval(mx_add(s->in[0], s->in[0]));
    mx_scope_end(scope, NULL);
  }
}

static const bench_case cases[] = {
    {.name = "add: build", .make = make_one, .run = build, .items = NODES},
    {.name = "add: build and evaluate", .make = make_one, .run = build_and_run, .items = NODES},
    {.name = "add of 64", .make = make_one, .run = small_vectors, .items = NODES, .n = 64},
    {.name = "squeeze and expand", .make = make_one, .run = views, .items = 2 * NODES},
    {.name = "add, evaluated one by one", .make = make_one, .run = one_by_one, .items = NODES},
};

int main(int argc, char **argv) { return bench_main(argc, argv, cases, BENCH_COUNT(cases)); }
