/* Sorts and partitions give MLX's values, dtypes, shapes and errors. */
#include "golden.h"

/* Sorts what a partition leaves open, as make_sort.py does. */
static mx closed(mx parted, int kth, int axis) {
  if (!parted) return NULL;
  int n = mx_dim(parted, axis);
  kth += kth < 0 ? n : 0;
  mx parts[3];
  if (!mx_split_at(parted, MX_INTS(kth, kth + 1), axis, parts)) return NULL;
  return mx_concatenate(
      MX_LIST(mx_sort(parts[0], .axis = axis), parts[1], mx_sort(parts[2], .axis = axis)), axis);
}

static void one_case(const json_t *entry, mx a, const json_t *file) {
  (void)file;
  const char *name = json_string_value(json_object_get(entry, "op"));
  int sizes[8], k = (int)json_integer_value(json_object_get(entry, "k"));
  mx_ints axes = golden_ints(json_object_get(entry, "axes"), sizes);
  int axis = axes.size > 0 ? axes.data[0] : MX_NO_AXIS, at = axes.size > 0 ? axis : 0;
  mx out = NULL;
  if (!strcmp(name, "sort"))
    out = mx_sort(a, .axis = axis);
  else if (!strcmp(name, "argsort"))
    out = mx_argsort(a, .axis = axis);
  else if (!strcmp(name, "partition"))
    out = closed(mx_partition(a, k, .axis = axis), k, at);
  else if (!strcmp(name, "argpartition"))
    out = closed(mx_argpartition(a, k, .axis = axis), k, at);
  else if (!strcmp(name, "topk")) {
    out = mx_topk(a, k, .axis = axis);
    if (out) out = mx_sort(out, .axis = at);
  } else
    fail_msg("no operation is called %s", name);
  golden_expect(out, entry, 1);
}

static void values_are_mlx_s(void **state) {
  (void)state;
  golden_each("tests/golden/sort/cases.json", one_case);
}

static void empty_arrays_sort(void **state) {
  (void)state;
  mx a = mx_zeros(MX_INTS(2, 0), MX_FLOAT32);
  assert_array(mx_sort(a), MX_INTS(2, 0), 0);
  assert_array(mx_argsort(a, .axis = MX_NO_AXIS), MX_INTS(0), 0);
  assert_error(mx_partition(a, 0), "invalid kth");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(values_are_mlx_s),
      scoped_test(empty_arrays_sort),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
