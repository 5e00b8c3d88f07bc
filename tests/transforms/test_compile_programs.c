/* Random compiled functions, whose operations run as programs over blocks, give the bits of the
 * operations one by one: float dtypes and truth values mixed with others, numbers, rows, memory
 * that dies, several outputs, and sizes about those of a block. */
#include "check.h"
#include "drivers/copy.h"

#define POOL 40

typedef mx unary_fn(mx);
typedef mx binary_fn(mx, mx);
static unary_fn *const unaries[] = {mx_abs,  mx_negative, mx_square, mx_sqrt,    mx_rsqrt, mx_exp,
                                    mx_tanh, mx_sigmoid,  mx_erf,    mx_sin,     mx_floor, mx_log1p,
                                    mx_sign, mx_isnan,    mx_isinf,  mx_isfinite};
static binary_fn *const binaries[] = {
    mx_add,   mx_subtract, mx_multiply,  mx_divide,  mx_maximum,       mx_minimum,
    mx_power, mx_arctan2,  mx_remainder, mx_equal,   mx_not_equal,     mx_less,
    mx_add,   mx_subtract, mx_multiply,  mx_greater, mx_greater_equal, mx_less_equal};
static binary_fn *const logic[] = {mx_logical_and, mx_logical_or, mx_bitwise_xor, mx_not_equal};
static const mx_dtype dtypes[] = {MX_FLOAT32,  MX_FLOAT16, MX_BFLOAT16, MX_BOOL, MX_FLOAT32,
                                  MX_BFLOAT16, MX_INT32,   MX_FLOAT64,  MX_BOOL};
#define PICK(list) list[next(&seed) % (sizeof(list) / sizeof *(list))]

static uint32_t next(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 12;
}

/* A number, seldom one that needs no rounding. */
static mx number(uint32_t *state, mx like) {
  static const double values[] = {0.3, -1.7, 2, 3, 0.5, 1.4142135623730951, 0, 1e-3, 4};
  return mx_scalar(values[next(state) % 9], mx_dtype_of(like));
}

/* One more operation over what there is. */
static mx grown(mx *pool, int count, uint32_t *state) {
  uint32_t seed = next(state);
  /* Mostly what was just made. */
  mx a = pool[next(&seed) % 3 ? count - 1 : (int)(next(&seed) % (uint32_t)count)];
  mx b = pool[next(&seed) % (uint32_t)count];
  bool truth = mx_dtype_of(a) == MX_BOOL;
  switch (next(&seed) % 8) {
  case 0: return mx_astype(a, PICK(dtypes));
  case 1: return mx_where(b, a, pool[next(&seed) % (uint32_t)count]);
  case 2: return mx_where(a, b, number(&seed, b));
  case 3: return truth ? mx_logical_not(a) : PICK(unaries)(a);
  case 4:
    return truth ? PICK(logic)(a, mx_astype(b, MX_BOOL)) : PICK(binaries)(number(&seed, a), a);
  case 5: return truth ? mx_astype(a, PICK(dtypes)) : PICK(binaries)(a, number(&seed, a));
  default: return truth ? PICK(logic)(a, mx_astype(b, MX_BOOL)) : PICK(binaries)(b, a);
  }
}

typedef struct {
  uint32_t seed;
  int ops;
} recipe;

static bool random_function(void *payload, const mx *in, int count, mx_arrays *out) {
  const recipe *r = payload;
  uint32_t seed = r->seed;
  mx pool[POOL];
  for (int i = 0; i < count; i++) pool[i] = in[i];
  for (int i = count; i < count + r->ops; i++) {
    pool[i] = grown(pool, i, &seed);
    if (!pool[i]) return false;
    if (next(&seed) % 6 == 0 && !mx_arrays_push(out, pool[i])) return false;
  }
  return mx_arrays_push(out, pool[count + r->ops - 1]);
}

/* Which of two NaNs an operation hands on is left to the compiler. */
static mx plain(mx a) {
  return mx_is_subdtype(mx_dtype_of(a), MX_KIND_FLOATING) ? mx_where(mx_isnan(a), mx_float(7), a)
                                                          : a;
}

static void same(mx got, mx want, uint32_t seed, int output) {
  if (mx_dtype_of(got) != mx_dtype_of(want)) fail_msg("seed %u output %d: dtype", seed, output);
  if (!mx_item_bool(mx_array_equal(mx_isnan(got), mx_isnan(want))))
    fail_msg("seed %u output %d: NaNs", seed, output);
  got = mx_contiguous(mx_astype(plain(got), mx_dtype_of(want)));
  want = mx_contiguous(mx_astype(plain(want), mx_dtype_of(want)));
  const void *x = mx_data(got), *y = mx_data(want);
  if (!x || !y || mx_nbytes(got) != mx_nbytes(want) || memcmp(x, y, mx_nbytes(got)))
    fail_msg("seed %u output %d of %s differs", seed, output, mx_dtype_name(mx_dtype_of(want)));
}

static mx normal(mx_ints shape, mx_dtype dtype, uint64_t seed) {
  return mx_astype(mx_random_normal(shape, MX_FLOAT32, NULL, NULL, mx_random_key(seed)), dtype);
}

/* Arrays that nothing else holds, so that a function may write where they lie. */
static int inputs(mx *in, int rows, int cols, uint32_t seed) {
  mx_dtype first = dtypes[seed % 6 == 3 ? 0 : seed % 6];
  in[0] = normal(MX_INTS(rows, cols), first, seed);
  in[1] = normal(MX_INTS(rows, cols), MX_FLOAT32, seed + 1);
  in[2] = normal(MX_INTS(cols), MX_BFLOAT16, seed + 2);
  in[3] = mx_greater(normal(MX_INTS(rows, cols), MX_FLOAT32, seed + 3), mx_float(0));
  in[4] = normal(MX_INTS(rows, 1), MX_FLOAT16, seed + 4);
  in[5] = mx_float(0.7f);
  return 6;
}

static int compared;

static void compare(int rows, int cols, uint32_t seed) {
  mx_scope scope = mx_scope_begin();
  recipe r = {seed, 1 + (int)(seed % 30)};
  mx_fn f = mx_fn_new(random_function, &r, NULL), fast = mx_compile(f);
  mx_arrays want = {0}, got = {0};
  mx in[6];
  int count = inputs(in, rows, cols, seed);
  if (!mx_fn_apply(f, in, count, &want) || mx_eval_arrays(want.data, want.size)) {
    mx_error_clear(); /* an operation that a dtype does not have */
  } else {
    compared++;
    mx_scope inner = mx_scope_begin();
    count = inputs(in, rows, cols, seed);
    if (!mx_fn_apply(fast, in, count, &got)) fail_msg("seed %u: %s", seed, mx_error());
    mx_scope_end_many(inner, got.data, got.size);
    if (mx_eval_arrays(got.data, got.size)) fail_msg("seed %u: %s", seed, mx_error());
    for (int i = 0; i < got.size; i++) same(got.data[i], want.data[i], seed, i);
  }
  mx_arrays_free(&want);
  mx_arrays_free(&got);
  mx_fn_release(f);
  mx_fn_release(fast);
  mx_scope_end(scope, NULL);
}

static void programs_keep_the_bits(void **state) {
  (void)state;
  static const int sizes[][2] = {{1, 1}, {1, 31}, {2, 64}, {1, 128}, {3, 43}, {9, 500}, {3, 2100}};
  for (uint32_t seed = 0; seed < 700; seed++) compare(sizes[seed % 7][0], sizes[seed % 7][1], seed);
  assert_true(compared > 600); /* dtypes lack few operations */
}

/* Where every output is large enough to be written past the caches. */
static void streamed_outputs_too(void **state) {
  int64_t before = mx_stream_bytes;
  mx_stream_bytes = 1;
  programs_keep_the_bits(state);
  mx_stream_bytes = before;
}

int main(void) {
  const struct CMUnitTest tests[] = {scoped_test(programs_keep_the_bits),
                                     scoped_test(streamed_outputs_too)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
