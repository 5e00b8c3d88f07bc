/* Elementwise operations against what MLX computes (tests/golden/make_elementwise.py), and their
 * errors. */
#include "check.h"
#include "mlx/mx/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define GOLDEN SOURCE_DIR "/tests/golden/elementwise/"

static mx round2(mx a) { return mx_round(a, .decimals = 2); }
static mx round_1(mx a) { return mx_round(a, .decimals = -1); }
static mx round0(mx a) { return mx_round(a); }
static mx nan_to_num(mx a) { return mx_nan_to_num(a); }
static mx clip(mx a) { return mx_clip(a, mx_float(-1), mx_int(2)); }
static mx where5(mx a) { return mx_where(a, a, mx_int(5)); }

#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* left out: zero */

/* Tolerances are relative, for float32; where MLX itself computes float64 in float32 (`narrow`)
 * they hold there too. Beyond `limit` MLX's own value is not to be compared with. */
static const struct unary {
  const char *name;
  mx (*op)(mx);
  double tolerance;
  bool narrow;
  double limit;
} unary[] = {
    {"abs", mx_abs, 1e-7},
    {"arccos", mx_arccos, 1e-6},
    {"arccosh", mx_arccosh, 1e-6},
    {"arcsin", mx_arcsin, 1e-6},
    {"arcsinh", mx_arcsinh, 1e-6},
    {"arctan", mx_arctan, 1e-6},
    {"arctanh", mx_arctanh, 1e-6},
    {"bitwise_invert", mx_bitwise_invert},
    {"ceil", mx_ceil},
    {"conjugate", mx_conjugate},
    {"cos", mx_cos, 1e-6, true, 200},
    {"cosh", mx_cosh, 1e-6},
    {"degrees", mx_degrees},
    {"erf", mx_erf, 2e-5, true},
    {"erfinv", mx_erfinv, 1e-6, true},
    {"exp", mx_exp, 1e-6, true},
    {"expm1", mx_expm1, 1e-6},
    {"floor", mx_floor},
    {"imag", mx_imag},
    {"isfinite", mx_isfinite},
    {"isinf", mx_isinf},
    {"isnan", mx_isnan},
    {"isneginf", mx_isneginf},
    {"isposinf", mx_isposinf},
    {"log", mx_log, 1e-6},
    {"log10", mx_log10, 1e-6},
    {"log1p", mx_log1p, 1e-6},
    {"log2", mx_log2, 1e-6},
    {"logical_not", mx_logical_not},
    {"negative", mx_negative},
    {"radians", mx_radians},
    {"real", mx_real},
    {"reciprocal", mx_reciprocal, 1e-6},
    {"round", round0},
    {"round2", round2},
    {"round_1", round_1},
    {"rsqrt", mx_rsqrt, 1e-6},
    {"sigmoid", mx_sigmoid, 1e-6, true},
    {"sign", mx_sign, 1e-6},
    {"sin", mx_sin, 1e-6, true, 200},
    {"sinh", mx_sinh, 1e-6},
    {"sqrt", mx_sqrt, 1e-6},
    {"square", mx_square, 1e-7},
    {"tan", mx_tan, 1e-6},
    {"tanh", mx_tanh, 1e-6},
    {"nan_to_num", nan_to_num},
    {"clip", clip},
    {"where", where5},
};

static double precision(mx_dtype dtype, double tolerance, bool narrow) {
  if (tolerance == 0) return 0;
  if (dtype == MX_FLOAT16) return 0x1p-10;
  if (dtype == MX_BFLOAT16) return 0x1p-7;
  if (dtype == MX_FLOAT64 && !narrow) return 1e-14;
  return dtype == MX_COMPLEX64 ? 4 * tolerance : tolerance;
}

/* Complex numbers as they are; everything else as doubles beside zeros. */
typedef struct {
  double re, im;
} number;

static number *numbers_of(mx a) {
  size_t n = mx_size(a);
  number *out = calloc(n + 1, sizeof *out);
  bool complex = mx_dtype_of(a) == MX_COMPLEX64;
  mx flat = mx_contiguous(complex ? a : mx_astype(a, MX_FLOAT64));
  const double *real = mx_data(flat);
  if (!real) fail_msg("%s", mx_error());
  const mx_complex64 *both = mx_data(flat);
  for (size_t i = 0; i < n; i++)
    out[i] = complex ? (number){both[i].re, both[i].im} : (number){real[i], 0};
  return out;
}

static bool near(double got, double want, double room) {
  return got == want || (isnan(got) && isnan(want)) || fabs(got - want) <= room;
}

/* Below `floor`, absolutely. */
static bool close(number got, number want, double tolerance, double floor) {
  double room = tolerance * fmax(hypot(want.re, want.im), floor);
  return near(got.re, want.re, room) && near(got.im, want.im, room);
}

/* Every element but those whose input is beyond the limit. */
static int compare(const char *name, mx got, mx want, mx input, double tolerance, double limit) {
  if (!got) fail_msg("%s: %s", name, mx_error());
  if (mx_dtype_of(got) != mx_dtype_of(want) || mx_size(got) != mx_size(want))
    fail_msg("%s: dtype %s, want %s", name, mx_dtype_name(mx_dtype_of(got)),
             mx_dtype_name(mx_dtype_of(want)));
  number *g = numbers_of(got), *w = numbers_of(want), *x = input ? numbers_of(input) : NULL;
  int wrong = 0;
  /* float16's smallest normal number; what MLX's erf is exact to. */
  double floor = mx_dtype_of(want) == MX_FLOAT16 ? 0x1p-14 : 1e-28;
  if (!strncmp(name, "erf.", 4)) floor = 0.1;
  for (size_t i = 0; i < mx_size(got); i++) {
    if (x && limit > 0 && !(fabs(x[i].re) <= limit)) continue;
    if (close(g[i], w[i], tolerance, floor)) continue;
    print_message("%s [%zu] (%g%+gi): %.9g%+.9gi, want %.9g%+.9gi\n", name, i, x ? x[i].re : 0,
                  x ? x[i].im : 0, g[i].re, g[i].im, w[i].re, w[i].im);
    wrong++;
  }
  free(g), free(w), free(x);
  return wrong;
}

static mx_array_map *load(const char *file) {
  char path[512];
  snprintf(path, sizeof path, "%s%s", GOLDEN, file);
  mx_array_map *map = mx_array_map_new();
  if (mx_load_safetensors(path, map, NULL)) fail_msg("%s", mx_error());
  return map;
}

/* Where MLX's CPU backend is wrong: complex expm1 and sigmoid are of the real part alone; 16-bit
 * floats' largest number counts as 0, and their remainder has either sign. */
static bool known_to_differ(const char *op, mx_dtype dtype) {
  bool half = dtype == MX_FLOAT16 || dtype == MX_BFLOAT16;
  if (dtype == MX_COMPLEX64) return !strcmp(op, "expm1") || !strcmp(op, "sigmoid");
  return half && (!strcmp(op, "nan_to_num") || !strcmp(op, "remainder"));
}

static void unary_operations_give_what_mlx_gives(void **state) {
  (void)state;
  mx_array_map *golden = load("unary.safetensors");
  int wrong = 0, compared = 0;
  for (size_t u = 0; u < sizeof unary / sizeof *unary; u++)
    for (int d = 0; d < MX_DTYPE_COUNT; d++) {
      char name[64];
      snprintf(name, sizeof name, "in.%s", mx_dtype_name((mx_dtype)d));
      mx x = mx_array_map_get(golden, name);
      snprintf(name, sizeof name, "%s.%s", unary[u].name, mx_dtype_name((mx_dtype)d));
      mx want = mx_array_map_get(golden, name);
      assert_non_null(x);
      if (!want || known_to_differ(unary[u].name, (mx_dtype)d)) continue;
      wrong += compare(name, unary[u].op(x), want, x,
                       precision(mx_dtype_of(want), unary[u].tolerance, unary[u].narrow),
                       unary[u].limit);
      compared++;
    }
  mx_array_map_free(golden);
  assert_true(compared > 500);
  assert_int_equal(wrong, 0);
}

static mx quotient(mx a, mx b) {
  mx out[2];
  return mx_divmod(a, b, out) ? out[0] : NULL;
}
static mx rest(mx a, mx b) {
  mx out[2];
  return mx_divmod(a, b, out) ? out[1] : NULL;
}
static mx isclose(mx a, mx b) { return mx_isclose(a, b); }

static const struct {
  const char *kind, *name;
  mx (*op)(mx, mx);
  double tolerance;
  bool narrow;
} binary[] = {
    {"any", "add", mx_add},
    {"any", "subtract", mx_subtract},
    {"any", "multiply", mx_multiply, 1e-7},
    {"any", "maximum", mx_maximum},
    {"any", "minimum", mx_minimum},
    {"any", "equal", mx_equal},
    {"any", "not_equal", mx_not_equal},
    {"any", "less", mx_less},
    {"any", "less_equal", mx_less_equal},
    {"any", "greater", mx_greater},
    {"any", "greater_equal", mx_greater_equal},
    {"any", "logical_and", mx_logical_and},
    {"any", "logical_or", mx_logical_or},
    {"any", "isclose", isclose},
    {"divide", "remainder", mx_remainder, 1e-7},
    {"divide", "floor_divide", mx_floor_divide},
    {"divide", "divide", mx_divide, 1e-7},
    {"divide", "quotient", quotient},
    {"divide", "rest", rest},
    {"divide", "arctan2", mx_arctan2, 1e-6},
    {"divide", "logaddexp", mx_logaddexp, 1e-6, true},
    {"power", "power", mx_power, 1e-6},
    {"bits", "bitwise_and", mx_bitwise_and},
    {"bits", "bitwise_or", mx_bitwise_or},
    {"bits", "bitwise_xor", mx_bitwise_xor},
    {"shift", "left_shift", mx_left_shift},
    {"shift", "right_shift", mx_right_shift},
};

static void binary_operations_give_what_mlx_gives(void **state) {
  (void)state;
  mx_array_map *golden = load("binary.safetensors");
  int wrong = 0, compared = 0;
  for (size_t k = 0; k < sizeof binary / sizeof *binary; k++)
    for (int d = 0; d < MX_DTYPE_COUNT; d++) {
      const char *dtype = mx_dtype_name((mx_dtype)d);
      char name[64];
      snprintf(name, sizeof name, "a.%s.%s", binary[k].kind, dtype);
      mx a = mx_array_map_get(golden, name);
      snprintf(name, sizeof name, "b.%s.%s", binary[k].kind, dtype);
      mx b = mx_array_map_get(golden, name);
      snprintf(name, sizeof name, "%s.%s", binary[k].name, dtype);
      mx want = mx_array_map_get(golden, name);
      if (!want || known_to_differ(binary[k].name, (mx_dtype)d)) continue;
      double tolerance = precision(mx_dtype_of(want), binary[k].tolerance, binary[k].narrow);
      wrong += compare(name, binary[k].op(a, b), want, NULL, tolerance, 0);
      /* Strided operands: the same result, transposed. */
      mx turned = mx_transpose(binary[k].op(mx_transpose(a), mx_transpose(b)));
      wrong += compare(name, turned, want, NULL, tolerance, 0);
      compared++;
    }
  mx_array_map_free(golden);
  assert_true(compared > 250);
  assert_int_equal(wrong, 0);
}

static mx where_first(mx a, mx b) {
  return mx_where(mx_array_new((bool[]){true, false, true}, MX_INTS(3), MX_BOOL), a, b);
}

static void dtypes_promote_as_in_mlx(void **state) {
  (void)state;
  mx_array_map *golden = load("promotion.safetensors");
  const struct {
    const char *name;
    mx (*op)(mx, mx);
  } ops[] = {{"add", mx_add}, {"divide", mx_divide}, {"less", mx_less}, {"where", where_first}};
  int wrong = 0;
  for (int a = 0; a < MX_DTYPE_COUNT; a++)
    for (int b = 0; b < MX_DTYPE_COUNT; b++)
      for (int k = 0; k < 4; k++) {
        char name[64];
        snprintf(name, sizeof name, "%s.%s.%s", ops[k].name, mx_dtype_name((mx_dtype)a),
                 mx_dtype_name((mx_dtype)b));
        mx want = mx_array_map_get(golden, name);
        assert_non_null(want);
        mx x = mx_astype(mx_array_new((int[]){0, 1, 3}, MX_INTS(3), MX_INT32), (mx_dtype)a);
        mx y = mx_astype(mx_array_new((int[]){2, 1, 0}, MX_INTS(3), MX_INT32), (mx_dtype)b);
        wrong += compare(name, ops[k].op(x, y), want, NULL,
                         precision(mx_dtype_of(want), k == 1 ? 1e-7 : 0, false), 0);
      }
  mx_array_map_free(golden);
  assert_int_equal(wrong, 0);
}

static void complex_functions_that_mlx_lacks_follow_mathematics(void **state) {
  (void)state;
  mx z = mx_array_new((mx_complex64[]){{1, 2}, {-0.5f, 0.1f}, {1e-9f, 1e-9f}, {-20, 1}}, MX_INTS(4),
                      MX_COMPLEX64);
  number *e = numbers_of(mx_expm1(z)), *s = numbers_of(mx_sigmoid(z));
  const number want_e[] = {{-2.131204383756816, 2.4717266720048188},
                           {-0.3964994672171009, 0.06055202806016688},
                           {1e-9, 1e-9},
                           {-0.9999999988863539, 1.7344009685137367e-09}};
  const number want_s[] = {{1.0214153641721806, 0.40343870608154253},
                           {0.37725244779814093, 0.02351644198700909},
                           {0.50000000025, 2.5e-10},
                           {1.113646056719961e-09, 1.7344009646507188e-09}};
  for (int i = 0; i < 4; i++) {
    assert_true(close(e[i], want_e[i], 1e-6, 0));
    assert_true(close(s[i], want_s[i], 1e-6, 0));
  }
  free(e), free(s);
}

static void scalars_empties_and_broadcasts(void **state) {
  (void)state;
  assert_array(mx_add(mx_float(1), mx_int(2)), ((mx_ints){NULL, 0}), 3);
  mx empty = mx_zeros(MX_INTS(0, 3), MX_FLOAT32);
  assert_array(mx_exp(mx_add(empty, mx_float(1))), MX_INTS(0, 3), 0);
  mx column = mx_array_new((float[]){1, 2}, MX_INTS(2, 1), MX_FLOAT32);
  mx row = mx_array_new((float[]){10, 20, 30}, MX_INTS(3), MX_FLOAT32);
  assert_array(mx_subtract(row, column), MX_INTS(2, 3), 9, 19, 29, 8, 18, 28);
  mx backward = mx_slice(row, MX_INTS(-1), MX_INTS(-4), MX_INTS(-1));
  assert_array(mx_multiply(backward, mx_float(2)), MX_INTS(3), 60, 40, 20);
  assert_array(mx_where(mx_greater(row, mx_float(15)), row, column), MX_INTS(2, 3), 1, 20, 30, 2,
               20, 30);
  assert_no_error();
}

static void matrices_and_spaced_numbers(void **state) {
  (void)state;
  assert_array(mx_linspace(-1, 2, 5, MX_FLOAT32), MX_INTS(5), -1, -0.25, 0.5, 1.25, 2);
  assert_array(mx_linspace(3, 9, 1, MX_FLOAT32), MX_INTS(1), 3);
  assert_array(mx_eye(2, 3, 1, MX_FLOAT32), MX_INTS(2, 3), 0, 1, 0, 0, 0, 1);
  assert_array(mx_eye(2, 3, 5, MX_INT32), MX_INTS(2, 3), 0, 0, 0, 0, 0, 0);
  assert_array(mx_tri(3, 2, -1, MX_FLOAT32), MX_INTS(3, 2), 0, 0, 1, 0, 1, 1);
  mx a = mx_reshape(mx_arange(1, 13, 1, MX_INT32), MX_INTS(2, 2, 3));
  assert_array(mx_tril(a, 0), MX_INTS(2, 2, 3), 1, 0, 0, 4, 5, 0, 7, 0, 0, 10, 11, 0);
  assert_array(mx_triu(a, 1), MX_INTS(2, 2, 3), 0, 2, 3, 0, 0, 6, 0, 8, 9, 0, 0, 12);
  assert_error(mx_tril(mx_arange(0, 3, 1, MX_INT32), 0), "[tril] array must be at least 2-D");
}

static void diagonals_and_kronecker_products(void **state) {
  (void)state;
  mx a = mx_reshape(mx_arange(0, 24, 1, MX_INT32), MX_INTS(2, 3, 4));
  assert_array(mx_diagonal(a, 0, 0, 1), MX_INTS(4, 2), 0, 16, 1, 17, 2, 18, 3, 19);
  assert_array(mx_diagonal(a, 1, -1, 1), MX_INTS(2, 2), 4, 9, 16, 21);
  assert_array(mx_diagonal(a, -1, -1, 1), MX_INTS(2, 3), 1, 6, 11, 13, 18, 23);
  assert_array(mx_diagonal(a, 9, 1, 2), MX_INTS(2, 0), 0);
  mx v = mx_array_new((float[]){1, 2}, MX_INTS(2), MX_FLOAT32);
  assert_array(mx_diag(v, 0), MX_INTS(2, 2), 1, 0, 0, 2);
  assert_array(mx_diag(v, -1), MX_INTS(3, 3), 0, 0, 0, 1, 0, 0, 0, 2, 0);
  assert_array(mx_diag(mx_diag(v, 2), 2), MX_INTS(2), 1, 2);
  assert_array(mx_trace(a, 1, 1, 2, MX_INT64), MX_INTS(2), 18, 54);
  assert_error(mx_diagonal(v, 0, 0, 1),
               "[diagonal] Array must have at least two dimensions, but got 1 dimensions.");
  assert_error(mx_trace(a, 0, 1, -2, MX_INT32), "[trace] axis1 and axis2 cannot be the same axis");
  assert_error(mx_diag(a, 0), "[diag] array must be 1-D or 2-D, got array with 3 dimensions.");
  mx b = mx_array_new((float[]){1, 2, 3, 4}, MX_INTS(2, 2), MX_FLOAT32);
  assert_array(mx_kron(b, v), MX_INTS(2, 4), 1, 2, 2, 4, 3, 6, 4, 8);
  assert_array(mx_kron(v, b), MX_INTS(2, 4), 1, 2, 2, 4, 3, 4, 6, 8);
  assert_array(mx_number_of_elements(a, MX_INTS(0, -1), false, MX_INT32), ((mx_ints){NULL, 0}), 8);
  assert_array(mx_number_of_elements(a, MX_INTS(-1), true, MX_FLOAT32), ((mx_ints){NULL, 0}), 0.25);
}

static void whole_arrays_compare(void **state) {
  (void)state;
  mx a = mx_array_new((float[]){1, 2, NAN}, MX_INTS(3), MX_FLOAT32);
  mx b = mx_array_new((float[]){1, 2.000001f, NAN}, MX_INTS(3), MX_FLOAT32);
  assert_false(mx_item_bool(mx_array_equal(a, a)));
  assert_true(mx_item_bool(mx_array_equal(a, a, .equal_nan = true)));
  assert_false(mx_item_bool(mx_array_equal(a, b, .equal_nan = true)));
  assert_false(mx_item_bool(mx_array_equal(a, mx_expand_dims(a, MX_INTS(0)))));
  assert_false(mx_item_bool(mx_allclose(a, b)));
  assert_true(mx_item_bool(mx_allclose(a, b, .equal_nan = true)));
  assert_false(mx_item_bool(mx_allclose(a, b, .equal_nan = true, .rtol = 1e-9)));
  assert_no_error();
}

static void bad_calls_say_why(void **state) {
  (void)state;
  mx a = mx_zeros(MX_INTS(3, 4), MX_FLOAT32), b = mx_zeros(MX_INTS(5, 6), MX_FLOAT32);
  assert_error(mx_add(a, b), "Shapes (3,4) and (5,6) cannot be broadcast");
  assert_error(mx_bitwise_and(a, a),
               "[bitwise_and] Only allowed on integer or boolean types but got types float32 and "
               "float32.");
  assert_error(mx_bitwise_invert(a), "[bitwise_invert]");
  assert_error(mx_negative(mx_bool(true)), "[negative] Not supported for bool");
  assert_error(mx_floor(mx_complex(1, 2)), "[floor] Not supported for complex64.");
  assert_error(mx_clip(a, NULL, NULL), "At most one of a_min and a_max may be None");
  mx out[2];
  assert_false(mx_divmod(mx_complex(1, 2), a, out));
  mx_error_clear();
  assert_null(mx_add(NULL, a));
}

/* x = x * 2 + 1, ten times, must not need ten buffers. */
static void dying_operands_give_their_memory(void **state) {
  (void)state;
  mx_scope scope = mx_scope_begin();
  mx x = mx_zeros(MX_INTS(1 << 20), MX_FLOAT32);
  for (int i = 0; i < 10; i++) x = mx_add(mx_multiply(x, mx_float(2)), mx_float(1));
  x = mx_scope_end(scope, x);
  mx_reset_peak_memory();
  size_t before = mx_get_active_memory();
  assert_true(mx_data(x) != NULL);
  assert_true(mx_get_peak_memory() - before < (3u << 22));
  assert_true(((const float *)mx_data(x))[77] == 1023);
}

/* Cubes and quotients by powers of 2 take short ways: every value as float64 has it, rounded. */
static void short_ways_round_once(void **state) {
  (void)state;
  static const float bases[] = {
      0,      -0.f,      1,       -1,        3.1f,     -7.7f, 1e-20f,         1e30f,
      1e-45f, 0x1p-126f, 3.4e38f, -INFINITY, INFINITY, NAN,   1.1754945e-38f, 0.1f};
  static const float divisors[] = {2, -4, 0x1p-126f, 0x1p126f, 0x1p127f, 0x1p-127f, 1, 0, 3};
  int n = (int)(sizeof bases / sizeof *bases);
  mx x = mx_array_new(bases, MX_INTS(n), MX_FLOAT32);
  const float *cubes = mx_data(mx_power(x, mx_float(3)));
  for (int i = 0; i < n; i++) {
    float want = (float)((double)bases[i] * bases[i] * bases[i]);
    assert_true(cubes[i] == want || (cubes[i] != cubes[i] && want != want));
    assert_true(!signbit(cubes[i]) == !signbit(want) || want != want);
  }
  for (size_t k = 0; k < sizeof divisors / sizeof *divisors; k++) {
    const float *quotients = mx_data(mx_divide(x, mx_float(divisors[k])));
    for (int i = 0; i < n; i++) {
      float want = (float)((double)bases[i] / (double)divisors[k]);
      assert_true(quotients[i] == want || (quotients[i] != quotients[i] && want != want));
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(unary_operations_give_what_mlx_gives),
      scoped_test(binary_operations_give_what_mlx_gives),
      scoped_test(dtypes_promote_as_in_mlx),
      scoped_test(complex_functions_that_mlx_lacks_follow_mathematics),
      scoped_test(scalars_empties_and_broadcasts),
      scoped_test(matrices_and_spaced_numbers),
      scoped_test(diagonals_and_kronecker_products),
      scoped_test(whole_arrays_compare),
      scoped_test(bad_calls_say_why),
      scoped_test(dying_operands_give_their_memory),
      scoped_test(short_ways_round_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
