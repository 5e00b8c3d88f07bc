/* Random numbers are MLX's: the same bits where its formulas are exact, within a few units in the
 * last place where logarithms and error functions enter. */
#include "cases.h"
#include "floats.h"

#include <pthread.h>

static const struct {
  mx_dtype dtype;
  const char *name;
} kinds[] = {{MX_FLOAT32, "f32"}, {MX_FLOAT16, "f16"}, {MX_BFLOAT16, "bf16"}};

static mx key(void) { return mx_random_key(0x123456789ABCDEF); }

/* Expects a distribution's case in each float dtype, within `ulps`. */
#define EACH_KIND(case_name, ulps, expression)                                          \
  for (size_t i_ = 0; i_ < 3; i_++) {                                                   \
    mx_dtype dtype = kinds[i_].dtype;                                                   \
    char name_[64];                                                                     \
    snprintf(name_, sizeof name_, "%s.%s", case_name, kinds[i_].name);                  \
    case_expect(name_, expression, 2 * rounding(dtype) * (ulps),                        \
                (ulps) > 0 && dtype != MX_FLOAT32 ? rounding(dtype) / 8 : (ulps)*1e-7); \
  }

static void keys_split_and_follow(void **state) {
  (void)state;
  case_expect("key", key(), 0, 0);
  case_expect("split", mx_random_split(key(), 5), 0, 0);
  mx_random_seed(7);
  mx first = mx_random_uniform(mx_float(0), mx_float(1), MX_INTS(3), MX_FLOAT32, NULL);
  mx second = mx_random_uniform(mx_float(0), mx_float(1), MX_INTS(3), MX_FLOAT32, NULL);
  mx third = mx_random_uniform(mx_float(0), mx_float(1), MX_INTS(3), MX_FLOAT32, NULL);
  case_expect("sequence", mx_stack(MX_LIST(first, second, third), 0), 0, 0);
}

static void uniforms(void **state) {
  (void)state;
  static const int sizes[] = {1, 2, 7, 64};
  for (size_t i = 0; i < 4; i++) {
    char name[32];
    snprintf(name, sizeof name, "uniform.%d", sizes[i]);
    EACH_KIND(name, 0,
              mx_random_uniform(mx_float(0), mx_float(1), MX_INTS(sizes[i]), dtype, key()));
  }
  mx low = case_get("low", ""), high = case_get("high", "");
  EACH_KIND("uniform.between", 0, mx_random_uniform(low, high, MX_INTS(2, 3), dtype, key()));
}

static void other_distributions(void **state) {
  (void)state;
  mx low = case_get("low", ""), high = case_get("high", ""), none = NULL;
  EACH_KIND("normal", 3, mx_random_normal(MX_INTS(3, 67), dtype, none, none, key()));
  EACH_KIND("normal.moved", 4, mx_random_normal(MX_INTS(2, 3), dtype, low, high, key()));
  EACH_KIND("gumbel", 3, mx_random_gumbel(MX_INTS(3, 67), dtype, key()));
  EACH_KIND("laplace", 3, mx_random_laplace(MX_INTS(101), dtype, 0, 1, key()));
  EACH_KIND("laplace.moved", 3, mx_random_laplace(MX_INTS(31), dtype, 1.5f, .25f, key()));
  mx lower = mx_float(-.5f), upper = mx_float(2);
  /* MLX's erf is off by more (its formula is one of 1.5e-7), and erfinv is steep at the ends. */
  EACH_KIND("truncated", 16, mx_random_truncated_normal(low, high, MX_INTS(2, 3), dtype, key()));
  EACH_KIND("truncated.one", 16,
            mx_random_truncated_normal(lower, upper, MX_INTS(90), dtype, key()));
  case_expect("truncated.shapeless",
              mx_random_truncated_normal(low, high, MX_NO_INTS, MX_FLOAT32, key()), 2e-6, 0);
  mx pairs = mx_random_normal(MX_INTS(9), MX_COMPLEX64, none, none, key());
  assert_int_equal(mx_dtype_of(pairs), MX_COMPLEX64);
  case_expect("normal.complex", mx_view(pairs, MX_FLOAT32), 5e-7, 0);
  mx doubles = mx_random_normal(MX_INTS(3, 67), MX_FLOAT64, none, none, key());
  case_expect("normal.f32", mx_astype(doubles, MX_FLOAT32), 5e-7, 0);
}

static void integers(void **state) {
  (void)state;
  mx zero = mx_int(0);
  case_expect("randint.i32", mx_random_randint(zero, mx_int(200), MX_INTS(45), MX_INT32, key()), 0,
              0);
  case_expect("randint.u8", mx_random_randint(zero, mx_int(200), MX_INTS(45), MX_UINT8, key()), 0,
              0);
  case_expect("randint.i64", mx_random_randint(zero, mx_int(200), MX_INTS(45), MX_INT64, key()), 0,
              0);
  case_expect("randint.bool", mx_random_randint(zero, mx_int(2), MX_INTS(45), MX_BOOL, key()), 0,
              0);
  mx low = mx_array_new((int[]){-9, 5}, MX_INTS(2, 1), MX_INT32);
  mx high = mx_array_new((int[]){9, 600, 7}, MX_INTS(3), MX_INT32);
  case_expect("randint.broadcast", mx_random_randint(low, high, MX_INTS(2, 3), MX_INT32, key()), 0,
              0);
  mx p = case_get("p", "");
  case_expect("bernoulli", mx_random_bernoulli(p, MX_INTS(25, 4), key()), 0, 0);
  case_expect("bernoulli.half",
              mx_random_bernoulli(mx_astype(p, MX_FLOAT16), MX_INTS(25, 4), key()), 0, 0);
  case_expect("bernoulli.own", mx_random_bernoulli(p, MX_NO_INTS, key()), 0, 0);
}

static void choices(void **state) {
  (void)state;
  mx logits = case_get("logits", "");
  case_expect("categorical", mx_random_categorical(logits, .key = key()), 0, 0);
  case_expect("categorical.axis", mx_random_categorical(logits, .axis = 1, .key = key()), 0, 0);
  case_expect("categorical.shape",
              mx_random_categorical(logits, .axis = 0, .shape = MX_INTS(5, 4, 6), .key = key()), 0,
              0);
  case_expect("categorical.samples", mx_random_categorical(logits, .num_samples = 7, .key = key()),
              0, 0);
  case_expect("categorical.samples_axis",
              mx_random_categorical(logits, .axis = 1, .num_samples = 2, .key = key()), 0, 0);
  case_expect("categorical.half",
              mx_random_categorical(mx_astype(logits, MX_FLOAT16), .key = key()), 0, 0);
  case_expect("permutation", mx_random_permutation_arange(50, key()), 0, 0);
  case_expect("permutation.rows", mx_random_permutation(logits, 0, key()), 0, 0);
  case_expect("permutation.last", mx_random_permutation(logits, -1, key()), 0, 0);
}

static void empty_shapes(void **state) {
  (void)state;
  mx none = NULL;
  assert_array(mx_random_normal(MX_INTS(0, 3), MX_FLOAT32, none, none, key()), MX_INTS(0, 3), 0);
  assert_array(mx_random_bits(MX_INTS(2, 0), 1, key()), MX_INTS(2, 0), 0);
  assert_int_equal(mx_ndim(mx_random_gumbel((mx_ints){NULL, 0}, MX_FLOAT16, key())), 0);
}

static void messages(void **state) {
  (void)state;
  mx f2 = mx_zeros(MX_INTS(2), MX_FLOAT32), u3 = mx_zeros(MX_INTS(3), MX_UINT32), none = NULL;
  mx zero = mx_float(0), one = mx_float(1), f3 = mx_zeros(MX_INTS(3), MX_FLOAT32);
  mx f22 = mx_zeros(MX_INTS(2, 2), MX_FLOAT32), f23 = mx_zeros(MX_INTS(2, 3), MX_FLOAT32);
  assert_error(mx_random_bits(MX_INTS(2), 4, f2),
               "[bits] Expected key type uint32 but received float32.");
  assert_error(mx_random_bits(MX_INTS(2), 4, u3),
               "[bits] Expected key shape (2) but received (3).");
  assert_error(mx_random_bits(MX_INTS(2), 3, NULL),
               "[bits] Bit width must be in {1, 2, 4} but got 3.");
  assert_error(mx_random_uniform(zero, one, MX_INTS(2), MX_INT32, none),
               "[uniform] Can only generate uniform numbers with real floating point type.");
  assert_error(mx_random_uniform(zero, one, MX_INTS(2), MX_FLOAT64, none),
               "[uniform] Unsupported type");
  assert_error(mx_random_uniform(f3, one, MX_INTS(2), MX_FLOAT32, none),
               "[broadcast_shapes] Shapes (2) and (3) cannot be broadcast.");
  assert_error(mx_random_uniform(f22, one, MX_INTS(2), MX_FLOAT32, none),
               "[uniform] Cannot generate random values of shape (2) from broadcasted shape "
               "(2,2).");
  assert_error(mx_random_normal(MX_INTS(2), MX_INT32, none, none, none),
               "[normal] Can only generate uniform numbers with floating point type.");
  assert_error(mx_random_laplace(MX_INTS(2), MX_INT32, 0, 1, none),
               "[laplace] Can only generate uniform numbers with real");
  assert_error(mx_random_gumbel(MX_INTS(2), MX_INT32, none),
               "[uniform] Can only generate uniform numbers with real floating point type.");
  assert_error(mx_random_truncated_normal(zero, one, MX_INTS(2), MX_INT32, none),
               "[trunc_normal] trunc_normal only accepts floating point dtypes.");
  assert_error(mx_random_randint(zero, one, MX_INTS(2), MX_FLOAT32, none),
               "[randint] randint only accepts integer dtypes and bool.");
  assert_error(mx_random_bernoulli(mx_int(1), MX_INTS(2), none),
               "[bernoulli] bernoulli probability `p` must be a float type.");
  assert_error(mx_random_bernoulli(f3, MX_INTS(2), none),
               "[broadcast_shapes] Shapes (2) and (3) cannot be broadcast.");
  assert_error(mx_random_bernoulli(f22, MX_INTS(2), none),
               "[bernoulli] shape of `p` is incompatible with argument `shape`.");
  assert_error(mx_random_categorical(f23, .axis = 2),
               "[categorical] Invalid axis 2 for logits with 2 dimensions.");
  assert_error(mx_random_categorical(f23, .shape = MX_INTS(3)),
               "[broadcast_shapes] Shapes (3) and (2) cannot be broadcast.");
}

static void *draw_keys(void *out) {
  uint32_t *words = out;
  for (int i = 0; i < 200; i++) {
    mx_scope scope = mx_scope_begin();
    words[i] = (uint32_t)mx_item_int64(mx_random_bits(MX_INTS(1), 4, NULL));
    mx_scope_end(scope, NULL);
  }
  return NULL;
}

static int by_value(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

/* Threads share one sequence: together they draw what one would. */
static void threads_share_the_sequence(void **state) {
  (void)state;
  uint32_t together[400], alone[400];
  pthread_t threads[2];
  mx_random_seed(11);
  for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, draw_keys, together + 200 * i);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  mx_random_seed(11);
  draw_keys(alone);
  draw_keys(alone + 200);
  qsort(together, 400, sizeof *together, by_value);
  qsort(alone, 400, sizeof *alone, by_value);
  assert_memory_equal(together, alone, sizeof alone);
}

int main(void) {
  cases_load(SOURCE_DIR "/tests/golden/random/cases.safetensors");
  const struct CMUnitTest tests[] = {scoped_test(keys_split_and_follow),
                                     scoped_test(uniforms),
                                     scoped_test(other_distributions),
                                     scoped_test(integers),
                                     scoped_test(choices),
                                     scoped_test(empty_shapes),
                                     scoped_test(messages),
                                     scoped_test(threads_share_the_sequence)};
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  mx_array_map_free(cases);
  return failed;
}
