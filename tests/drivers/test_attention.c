/* Attention equals softmax(q k' scale + mask) v computed in double, for every mask, head layout,
 * storage and split of the keys. */
#include "check.h"
#include "floats.h"

#include "drivers/attention.h"

typedef struct {
  int64_t batch, heads, group, queries, keys, d, dv;
  bool causal, sinks, capacity, mask_rows_shared;
  mx_mask_kind mask;
} problem;

typedef struct {
  void *q, *k, *v, *mask, *sinks, *out;
  mx_attention_call call;
} buffers;

/* The score of one query row with one key, or -infinity where it is out of sight. */
static double score(const problem *p, const buffers *b, mx_dtype t, int64_t i, int64_t h, int64_t r,
                    int64_t key) {
  const mx_attention_call *c = &b->call;
  int64_t head = h / p->group;
  if (p->causal && key > r + (p->keys > p->queries ? p->keys - p->queries : 0)) return -INFINITY;
  double sum = 0;
  for (int64_t e = 0; e < p->d; e++)
    sum += get_float(t, b->q, i * c->q_batch + h * c->head.q_head + r * c->head.q_row + e) *
           get_float(t, b->k, i * c->k_batch + head * c->k_head + key * c->head.k_row + e);
  sum *= (double)c->head.scale;
  int64_t at =
      i * c->mask_batch + h * c->head.mask_head + r * c->head.mask_row + key * c->head.mask_key;
  if (p->mask == MX_MASK_ADD) sum += get_float(t, b->mask, at);
  if (p->mask == MX_MASK_BOOL && !((uint8_t *)b->mask)[at]) sum = -1e30;
  return sum;
}

static void check_row(const problem *p, const buffers *b, mx_dtype t, int64_t i, int64_t h,
                      int64_t r) {
  const mx_attention_call *c = &b->call;
  double *weights = malloc((size_t)p->keys * sizeof *weights), most = -INFINITY, sum = 0;
  if (p->sinks) most = get_float(t, b->sinks, h);
  for (int64_t j = 0; j < p->keys; j++) {
    weights[j] = score(p, b, t, i, h, r, j);
    most = fmax(most, weights[j]);
  }
  if (p->sinks) sum = exp(get_float(t, b->sinks, h) - most);
  for (int64_t j = 0; j < p->keys; j++) sum += weights[j] = exp(weights[j] - most);
  for (int64_t e = 0; e < p->dv; e++) {
    double want = 0, size = 0;
    for (int64_t j = 0; j < p->keys; j++) {
      double x =
          get_float(t, b->v, i * c->v_batch + h / p->group * c->v_head + j * c->head.v_row + e);
      want += weights[j] / sum * x;
      size += weights[j] / sum * fabs(x);
    }
    double got =
        get_float(t, b->out, i * c->out_batch + h * c->head.out_head + r * c->head.out_row + e);
    double bound = rounding(t) * fabs(want) + (t == MX_FLOAT64 ? 1e-14 : 3e-6) * size + 1e-7;
    if (t == MX_FLOAT16) bound += 0x1p-25; /* subnormals */
    if (!(fabs(got - want) <= bound))
      fail_msg("dtype %d batch %d head %d row %d column %d: %.9g, expected %.9g", (int)t, (int)i,
               (int)h, (int)r, (int)e, got, want);
  }
  free(weights);
}

static void lay_out(const problem *p, buffers *b, mx_dtype t) {
  int64_t q_heads = p->heads * p->group, rows = p->capacity ? p->keys + 19 : p->keys;
  mx_attention *a = &b->call.head;
  b->call = (mx_attention_call){.dtype = t, .batch = p->batch, .kv_heads = p->heads};
  *a = (mx_attention){.group = p->group,
                      .queries = p->queries,
                      .keys = p->keys,
                      .d = p->d,
                      .dv = p->dv,
                      .causal = p->causal,
                      .mask_kind = p->mask};
  a->scale = (float)(1 / sqrt((double)p->d));
  a->q_head = p->d; /* (batch, length, heads, d), as a projection leaves it */
  a->q_row = q_heads * p->d;
  b->call.q_batch = p->queries * a->q_row;
  a->k_row = p->d;
  b->call.k_head = rows * p->d;
  b->call.k_batch = p->heads * b->call.k_head;
  a->v_row = p->dv + (p->capacity ? 3 : 0);
  b->call.v_head = rows * a->v_row;
  b->call.v_batch = p->heads * b->call.v_head;
  a->out_row = p->dv;
  a->out_head = p->queries * p->dv;
  b->call.out_batch = q_heads * a->out_head;
  a->mask_key = 1;
  a->mask_row = p->keys;
  a->mask_head = p->mask_rows_shared ? 0 : p->queries * p->keys;
  b->call.mask_batch = p->mask_rows_shared ? 0 : q_heads * a->mask_head;
}

static void fill_mask(const problem *p, buffers *b, mx_dtype t) {
  int64_t n = p->batch * p->heads * p->group * p->queries * p->keys;
  uint64_t seed = 9;
  b->mask = p->mask == MX_MASK_BOOL ? malloc((size_t)n) : some_floats(t, n, 3, 5);
  for (int64_t i = 0; i < n && p->mask == MX_MASK_BOOL; i++) {
    int64_t row = i / p->keys, key = i % p->keys; /* a window, with holes, and rows of nothing */
    bool window = key >= row % p->queries && key < row % p->queries + p->keys / 2;
    ((uint8_t *)b->mask)[i] = window && next_float(&seed) > -0.5 && row % 7 != 3;
  }
}

static void solve(const problem *p, mx_dtype t) {
  buffers b = {0};
  lay_out(p, &b, t);
  int64_t q_heads = p->heads * p->group;
  b.q = some_floats(t, p->batch * b.call.q_batch, 3, 1);
  b.k = some_floats(t, p->batch * b.call.k_batch, 3, 2);
  b.v = some_floats(t, p->batch * b.call.v_batch, 2, 3);
  b.sinks = some_floats(t, q_heads, 4, 4);
  b.out = some_floats(t, p->batch * b.call.out_batch, 1, 6);
  if (p->mask != MX_MASK_NONE) fill_mask(p, &b, t);
  mx_attention *a = &b.call.head;
  a->q = b.q, a->k = b.k, a->v = b.v, a->out = b.out, a->mask = b.mask;
  a->sinks = p->sinks ? b.sinks : NULL;
  assert_true(mx_attention_run(&b.call));
  for (int64_t i = 0; i < p->batch; i++)
    for (int64_t h = 0; h < q_heads; h++)
      for (int64_t r = 0; r < p->queries; r++) check_row(p, &b, t, i, h, r);
  free(b.q), free(b.k), free(b.v), free(b.sinks), free(b.out), free(b.mask);
}

static void solve_all(const problem *problems, size_t count) {
  for (size_t i = 0; i < count; i++)
    for (size_t t = 0; t < 4; t++) solve(&problems[i], float_dtypes[t]);
}
#define SOLVE(...)                          \
  solve_all((const problem[]){__VA_ARGS__}, \
            sizeof((const problem[]){__VA_ARGS__}) / sizeof(problem))

static void many_rows(void **state) {
  (void)state;
  SOLVE({.batch = 2, .heads = 2, .group = 1, .queries = 65, .keys = 65, .d = 64, .dv = 64},
        {.batch = 1, .heads = 2, .group = 3, .queries = 50, .keys = 131, .d = 80, .dv = 48},
        {.batch = 1, .heads = 1, .group = 2, .queries = 100, .keys = 30, .d = 5, .dv = 7},
        {.batch = 1,
         .heads = 1,
         .group = 1,
         .queries = 33,
         .keys = 700,
         .d = 128,
         .dv = 128,
         .capacity = true});
}

static void few_rows(void **state) {
  (void)state;
  SOLVE({.batch = 2, .heads = 2, .group = 1, .queries = 1, .keys = 300, .d = 64, .dv = 64},
        {.batch = 1,
         .heads = 2,
         .group = 4,
         .queries = 1,
         .keys = 1111,
         .d = 128,
         .dv = 128,
         .capacity = true},
        {.batch = 1, .heads = 1, .group = 7, .queries = 1, .keys = 77, .d = 33, .dv = 19},
        {.batch = 1, .heads = 1, .group = 2, .queries = 2, .keys = 1, .d = 256, .dv = 256},
        {.batch = 1,
         .heads = 1,
         .group = 1,
         .queries = 3,
         .keys = 700,
         .d = 96,
         .dv = 100,
         .causal = true});
}

static void causal_masks_align_at_the_end(void **state) {
  (void)state;
  SOLVE({.batch = 1,
         .heads = 2,
         .group = 1,
         .queries = 150,
         .keys = 150,
         .d = 64,
         .dv = 64,
         .causal = true},
        {.batch = 1,
         .heads = 1,
         .group = 4,
         .queries = 45,
         .keys = 200,
         .d = 32,
         .dv = 40,
         .causal = true},
        {.batch = 1,
         .heads = 1,
         .group = 2,
         .queries = 70,
         .keys = 20,
         .d = 16,
         .dv = 16,
         .causal = true});
}

static void masks_and_sinks(void **state) {
  (void)state;
  SOLVE({.batch = 1,
         .heads = 2,
         .group = 2,
         .queries = 40,
         .keys = 150,
         .d = 32,
         .dv = 32,
         .mask = MX_MASK_BOOL},
        {.batch = 2,
         .heads = 1,
         .group = 2,
         .queries = 40,
         .keys = 90,
         .d = 32,
         .dv = 32,
         .mask = MX_MASK_BOOL,
         .mask_rows_shared = true,
         .sinks = true},
        {.batch = 1,
         .heads = 1,
         .group = 2,
         .queries = 2,
         .keys = 600,
         .d = 64,
         .dv = 64,
         .mask = MX_MASK_BOOL},
        {.batch = 1,
         .heads = 2,
         .group = 1,
         .queries = 33,
         .keys = 70,
         .d = 64,
         .dv = 64,
         .mask = MX_MASK_ADD},
        {.batch = 1,
         .heads = 2,
         .group = 3,
         .queries = 1,
         .keys = 70,
         .d = 64,
         .dv = 64,
         .mask = MX_MASK_ADD,
         .sinks = true},
        {.batch = 1,
         .heads = 2,
         .group = 1,
         .queries = 1,
         .keys = 700,
         .d = 64,
         .dv = 64,
         .sinks = true},
        {.batch = 1,
         .heads = 1,
         .group = 4,
         .queries = 30,
         .keys = 700,
         .d = 64,
         .dv = 64,
         .sinks = true,
         .causal = true});
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(many_rows), cmocka_unit_test(few_rows),
                                     cmocka_unit_test(causal_masks_align_at_the_end),
                                     cmocka_unit_test(masks_and_sinks)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
