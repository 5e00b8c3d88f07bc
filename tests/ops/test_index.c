/* Takes, gathers and scatters give MLX's values, dtypes, shapes and errors. */
#include "golden.h"

static mx index_named(const json_t *file, const json_t *entry, const char *key) {
  const char *name = json_string_value(json_object_get(entry, key));
  return golden_array(json_object_get(json_object_get(file, "indices"), name));
}

/* a.at[i, j].op(v): slices [1, 1, 6] at places [4]. */
static mx scattered(const char *name, mx a, mx i, mx j, double value) {
  static const struct {
    const char *name;
    mx (*scatter)(mx, const mx *, int, mx, mx_ints);
  } ops[] = {{"scatter_add", mx_scatter_add},
             {"scatter_prod", mx_scatter_prod},
             {"scatter_max", mx_scatter_max},
             {"scatter_min", mx_scatter_min}};
  mx updates = mx_broadcast_to(mx_scalar_like(value, a), MX_INTS(4, 1, 1, 6));
  for (size_t o = 0; o < sizeof ops / sizeof *ops; o++)
    if (!strcmp(name, ops[o].name)) return ops[o].scatter(a, MX_LIST(i, j), updates, MX_INTS(0, 1));
  fail_msg("no operation is called %s", name);
  return NULL;
}

static void one_case(const json_t *entry, mx a, const json_t *file) {
  const char *name = json_string_value(json_object_get(entry, "op"));
  const json_t *axis_or_null = json_object_get(entry, "axis");
  int axis = json_is_integer(axis_or_null) ? (int)json_integer_value(axis_or_null) : MX_NO_AXIS;
  double value = json_number_value(json_object_get(entry, "value"));
  mx index = index_named(file, entry, "index"), out;
  if (!strcmp(name, "take"))
    out = mx_take(a, index, .axis = axis);
  else if (!strcmp(name, "take_along_axis"))
    out = mx_take_along_axis(a, index, .axis = axis);
  else if (!strcmp(name, "put_along_axis"))
    out = mx_put_along_axis(a, index, mx_float((float)value), .axis = axis);
  else if (!strcmp(name, "gather"))
    out = mx_squeeze(mx_gather(a, MX_LIST(index, index_named(file, entry, "second")), MX_INTS(0, 1),
                               MX_INTS(1, 1, 6)),
                     MX_INTS(1, 2));
  else
    out = scattered(name, a, index, index_named(file, entry, "second"), value);
  golden_expect(out, entry, 1);
}

static void values_are_mlx_s(void **state) {
  (void)state;
  golden_each("tests/golden/index/cases.json", one_case);
}

static void repeated_places_meet_in_order(void **state) {
  (void)state;
  mx a = mx_zeros(MX_INTS(3), MX_FLOAT32),
     i = mx_array_new((int[]){1, 1, -1}, MX_INTS(3), MX_INT32);
  mx updates = mx_array_new((float[]){1, 2, 3}, MX_INTS(3, 1), MX_FLOAT32);
  assert_array(mx_scatter(a, &i, 1, updates, MX_INTS(0)), MX_INTS(3), 0, 2, 3);
  assert_array(mx_scatter_add(a, &i, 1, updates, MX_INTS(0)), MX_INTS(3), 0, 3, 3);
  mx values = mx_array_new((float[]){1, 2, 3}, MX_INTS(3), MX_FLOAT32);
  assert_array(mx_scatter_add_axis(a, i, values, 0), MX_INTS(3), 0, 3, 3);
  assert_array(mx_put_along_axis(a, i, values, .axis = 0), MX_INTS(3), 0, 2, 3);
}

static void scatter_leaves_its_input_alone(void **state) {
  (void)state;
  mx a = mx_array_new((int[]){1, 2, 3}, MX_INTS(3), MX_INT32), i = mx_int(1);
  mx update = mx_array_new((int[]){9}, MX_INTS(1), MX_INT32);
  assert_array(mx_scatter(a, &i, 1, update, MX_INTS(0)), MX_INTS(3), 1, 9, 3);
  assert_array(a, MX_INTS(3), 1, 2, 3);
}

static void masks_choose_places(void **state) {
  (void)state;
  mx a = mx_array_new((float[]){1, 2, 3, 4, 5, 6}, MX_INTS(3, 2), MX_FLOAT32);
  mx rows = mx_array_new((bool[]){true, false, true}, MX_INTS(3), MX_BOOL);
  mx values = mx_array_new((float[]){7, 8, 9, 10}, MX_INTS(2, 2), MX_FLOAT32);
  assert_array(mx_masked_scatter(a, rows, values), MX_INTS(3, 2), 7, 8, 3, 4, 9, 10);
  assert_array(mx_masked_scatter(a, rows, mx_int(0)), MX_INTS(3, 2), 0, 0, 3, 4, 0, 0);
  mx all = mx_broadcast_to(mx_bool(true), MX_INTS(3, 2));
  assert_array(mx_masked_scatter(a, all, mx_flatten(mx_transpose(a), 0, -1)), MX_INTS(3, 2), 1, 3,
               5, 2, 4, 6);
  assert_null(mx_data(mx_masked_scatter(a, all, mx_flatten(values, 0, -1))));
  assert_non_null(strstr(mx_error(), "does not have enough elements"));
  mx_error_clear();
  assert_error(mx_masked_scatter(a, a, values), "has to be boolean");
  assert_error(
      mx_masked_scatter(a, mx_array_new((bool[]){true, false}, MX_INTS(2), MX_BOOL), values),
      "the mask has shape (2) and the array has shape (3,2)");
}

static void wrong_scatters_are_refused(void **state) {
  (void)state;
  mx a = mx_zeros(MX_INTS(3, 2), MX_FLOAT32), i = mx_int(1);
  mx two[2] = {i, i}, three[3] = {i, i, i}, flag = mx_bool(true), real = mx_float(1);
  mx row = mx_zeros(MX_INTS(1, 2), MX_FLOAT32);
  assert_error(mx_scatter(a, three, 3, row, MX_INTS(0, 1, 2)),
               "[scatter] Too many index arrays. Got 3 index arrays for input with 2 dimensions.");
  assert_error(mx_scatter(a, two, 2, row, MX_INTS(0, 0)), "Repeat axes not allowed in scatter.");
  assert_error(mx_scatter(a, &i, 1, row, MX_INTS(2)), "Axes don't match array dimensions.");
  assert_error(mx_scatter(a, two, 2, row, MX_INTS(0)), "Number of index arrays does not match");
  assert_error(mx_scatter(a, &flag, 1, row, MX_INTS(0)), "Boolean indices not supported.");
  assert_error(mx_scatter(a, &real, 1, row, MX_INTS(0)), "Indices must be integral.");
  assert_error(mx_scatter(a, &i, 1, mx_zeros(MX_INTS(2), MX_FLOAT32), MX_INTS(0)),
               "[scatter] Updates with 1 dimensions does not match the sum of the array (2) and "
               "indices (0) dimensions.");
  assert_error(mx_scatter(a, &i, 1, mx_zeros(MX_INTS(1, 3), MX_FLOAT32), MX_INTS(0)),
               "[scatter] Updates with shape (1,3) are too large for array with shape (3,2).");
  assert_error(mx_gather(a, &i, 1, MX_INTS(0), MX_INTS(1)),
               "[gather] Got slice_sizes with size 1 for array with 2 dimensions.");
  assert_error(mx_gather(a, &i, 1, MX_INTS(0), MX_INTS(1, 3)),
               "[gather] Slice sizes must be in [0, a.shape(i)]. Got (1,3) for array with shape "
               "(3,2).");
}

static void one_index_is_a_view(void **state) {
  (void)state;
  mx a = mx_array_new((int[]){1, 2, 3, 4, 5, 6}, MX_INTS(2, 3), MX_INT32);
  assert_array(mx_take_one(a, 1, .axis = 0), MX_INTS(3), 4, 5, 6);
  assert_array(mx_take_one(a, -1), ((mx_ints){NULL, 0}), 6);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(values_are_mlx_s),
      scoped_test(repeated_places_meet_in_order),
      scoped_test(scatter_leaves_its_input_alone),
      scoped_test(masks_choose_places),
      scoped_test(wrong_scatters_are_refused),
      scoped_test(one_index_is_a_view),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
