/* Reductions and scans give MLX's values, dtypes, shapes and errors. */
#include "golden.h"

typedef struct {
  const char *name;
  mx (*reduce)(mx, mx_reduce_args);
  mx (*arg_reduce)(mx, mx_arg_reduce_args);
  mx (*scan)(mx, mx_scan_args);
  mx (*spread)(mx, mx_var_args);
} op;

static const op ops[] = {
    {.name = "sum", .reduce = mx_sum_with},
    {.name = "prod", .reduce = mx_prod_with},
    {.name = "max", .reduce = mx_max_with},
    {.name = "min", .reduce = mx_min_with},
    {.name = "all", .reduce = mx_all_with},
    {.name = "any", .reduce = mx_any_with},
    {.name = "mean", .reduce = mx_mean_with},
    {.name = "median", .reduce = mx_median_with},
    {.name = "var", .spread = mx_var_with},
    {.name = "std", .spread = mx_std_with},
    {.name = "argmax", .arg_reduce = mx_argmax_with},
    {.name = "argmin", .arg_reduce = mx_argmin_with},
    {.name = "cumsum", .scan = mx_cumsum_with},
    {.name = "cumprod", .scan = mx_cumprod_with},
    {.name = "cummax", .scan = mx_cummax_with},
    {.name = "cummin", .scan = mx_cummin_with},
    {.name = "logcumsumexp", .scan = mx_logcumsumexp_with},
};

static bool flag(const json_t *entry, const char *name) {
  return json_is_true(json_object_get(entry, name));
}

static void one_case(const json_t *entry, mx a, const json_t *file) {
  (void)file;
  const char *name = json_string_value(json_object_get(entry, "op"));
  const op *o = ops;
  while (o < ops + sizeof ops / sizeof *ops && strcmp(o->name, name)) o++;
  if (o == ops + sizeof ops / sizeof *ops) fail_msg("no operation is called %s", name);
  int sizes[8];
  mx_ints axes = golden_ints(json_object_get(entry, "axes"), sizes);
  int axis = axes.size > 0 ? axes.data[0] : MX_NO_AXIS;
  mx out;
  if (o->reduce)
    out = o->reduce(a, (mx_reduce_args){axes, MX_NO_AXIS, flag(entry, "keepdims")});
  else if (o->spread)
    out = o->spread(a, (mx_var_args){axes, MX_NO_AXIS, flag(entry, "keepdims"),
                                     (int)json_integer_value(json_object_get(entry, "ddof"))});
  else if (o->arg_reduce)
    out = o->arg_reduce(a, (mx_arg_reduce_args){axis, flag(entry, "keepdims")});
  else
    out = o->scan(a, (mx_scan_args){axis, flag(entry, "reverse"), flag(entry, "inclusive")});
  /* MLX evaluates exp and log of float64 in float32. */
  bool rough = out && mx_dtype_of(out) == MX_FLOAT64 && !strcmp(name, "logcumsumexp");
  golden_expect(out, entry, rough ? 1e6 : o->spread ? 4 : 1);
}

static void values_are_mlx_s(void **state) {
  (void)state;
  golden_each("tests/golden/reduce/cases.json", one_case);
}

static void keywords_choose_axes(void **state) {
  (void)state;
  mx a = mx_array_new((float[]){1, 2, 3, 4, 5, 6}, MX_INTS(2, 3), MX_FLOAT32);
  assert_array(mx_sum(a), ((mx_ints){NULL, 0}), 21);
  assert_array(mx_sum(a, .axis = 0), MX_INTS(3), 5, 7, 9);
  assert_array(mx_max(a, .axes = MX_INTS(-1), .keepdims = true), MX_INTS(2, 1), 3, 6);
  assert_array(mx_argmax(a, .axis = 1), MX_INTS(2), 2, 2);
  assert_array(mx_cumsum(a, .axis = 0), MX_INTS(2, 3), 1, 2, 3, 5, 7, 9);
  assert_array(mx_cumsum(a, .reverse = true, .inclusive = false), MX_INTS(6), 20, 18, 15, 11, 6, 0);
}

static void null_stays_null(void **state) {
  (void)state;
  assert_null(mx_sum(NULL));
  assert_null(mx_argmin(NULL));
  assert_null(mx_cummax(NULL));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(values_are_mlx_s),
      scoped_test(keywords_choose_axes),
      scoped_test(null_stays_null),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
