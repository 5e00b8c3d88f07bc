/* Functions that MLX exported compute here what they compute there, and once more after they have
 * been exported again from here. */
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static mx_array_map *case_arrays(const char *name) {
  char path[512];
  snprintf(path, sizeof path, SOURCE_DIR "/tests/golden/export/%s.safetensors", name);
  mx_array_map *arrays = mx_array_map_new();
  assert_int_equal(mx_load_safetensors(path, arrays, NULL), 0);
  return arrays;
}

/* in.0, in.1, ... or out.0, ... */
static int numbered(const mx_array_map *arrays, const char *prefix, mx *list) {
  for (int i = 0;; i++) {
    char name[32];
    snprintf(name, sizeof name, "%s.%d", prefix, i);
    if (!(list[i] = mx_array_map_get(arrays, name))) return i;
  }
}

static double value(mx a, size_t i) {
  mx_scope scope = mx_scope_begin();
  mx flat = mx_reshape(mx_astype(a, MX_FLOAT64), MX_INTS(-1));
  double v = ((const double *)mx_data(mx_contiguous(flat)))[i];
  mx_scope_end(scope, NULL);
  return v;
}

static void compare(const char *name, int output, mx got, mx want) {
  assert_int_equal(mx_dtype_of(got), mx_dtype_of(want));
  assert_int_equal(mx_ndim(got), mx_ndim(want));
  for (int i = 0; i < mx_ndim(got); i++) assert_int_equal(mx_dim(got, i), mx_dim(want, i));
  assert_int_equal(mx_eval(got), 0);
  for (size_t i = 0; i < mx_size(got); i++) {
    double x = value(got, i), y = value(want, i);
    bool same = x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= 2e-5 * fmax(1, fabs(y));
    if (!same) fail_msg("%s: output %d: element %zu is %.9g, not %.9g", name, output, i, x, y);
  }
}

static void check(const char *name, const mx_imported *f, const mx_array_map *arrays,
                  const char *in_prefix, const char *out_prefix) {
  mx in[16], want[64];
  int inputs = numbered(arrays, in_prefix, in), outputs = numbered(arrays, out_prefix, want);
  mx_arrays got = {0};
  if (!inputs) return;
  if (!mx_imported_apply(f, in, inputs, NULL, &got)) fail_msg("%s: %s", name, mx_error());
  assert_int_equal(got.size, outputs);
  for (int i = 0; i < outputs; i++) compare(name, i, got.data[i], want[i]);
  mx_arrays_free(&got);
}

static bool apply_imported(void *payload, const mx *in, int count, mx_arrays *out) {
  return mx_imported_apply(payload, in, count, NULL, out);
}

/* The imported function, exported from here and imported again. */
static mx_imported *again(mx_imported *f, const mx_array_map *arrays, bool shapeless) {
  char path[] = "/tmp/mlxfn-XXXXXX";
  int file = mkstemp(path);
  assert_true(file >= 0);
  close(file);
  mx in[16];
  int inputs = numbered(arrays, "in", in);
  mx_fn g = mx_fn_new(apply_imported, f, NULL);
  if (mx_export_function(path, g, in, inputs, shapeless)) fail_msg("%s", mx_error());
  mx_fn_release(g);
  mx_imported *second = mx_import_function(path);
  unlink(path);
  if (!second) fail_msg("%s", mx_error());
  return second;
}

static void golden(const char *name) {
  mx_scope scope = mx_scope_begin();
  char path[512];
  snprintf(path, sizeof path, SOURCE_DIR "/tests/golden/export/%s.mlxfn", name);
  mx_array_map *arrays = case_arrays(name);
  mx_imported *f = mx_import_function(path);
  if (!f) fail_msg("%s", mx_error());
  bool shapeless = mx_array_map_get(arrays, "in2.0") != NULL;
  mx_imported *g = again(f, arrays, shapeless);
  for (int turn = 0; turn < 2; turn++) {
    check(name, turn ? g : f, arrays, "in", "out");
    check(name, turn ? g : f, arrays, "in2", "out2");
  }
  mx_imported_free(g);
  mx_imported_free(f);
  mx_array_map_free(arrays);
  mx_scope_end(scope, NULL);
}

#define GOLDEN(name)               \
  static void name(void **state) { \
    (void)state;                   \
    golden(#name);                 \
  }
GOLDEN(elementwise)
GOLDEN(logic)
GOLDEN(shapes)
GOLDEN(updates)
GOLDEN(indices)
GOLDEN(reductions)
GOLDEN(products)
GOLDEN(block)
GOLDEN(random_numbers)
GOLDEN(spread)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(elementwise), cmocka_unit_test(logic),   cmocka_unit_test(shapes),
      cmocka_unit_test(updates),     cmocka_unit_test(indices), cmocka_unit_test(reductions),
      cmocka_unit_test(products),    cmocka_unit_test(block),   cmocka_unit_test(random_numbers),
      cmocka_unit_test(spread),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
