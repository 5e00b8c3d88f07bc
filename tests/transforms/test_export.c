/* Functions survive a file: signatures, keywords, constants, shapes; bad files are one clear line.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[64];

static int set_up(void **state) {
  (void)state;
  snprintf(path, sizeof path, "/tmp/mlxfn-XXXXXX");
  int file = mkstemp(path);
  return file < 0 || close(file);
}

static int tear_down(void **state) {
  (void)state;
  return unlink(path);
}

static mx vector(const float *values, int count) {
  return mx_array_new(values, MX_INTS(count), MX_FLOAT32);
}
#define VECTOR(...) \
  vector((const float[]){__VA_ARGS__}, (int)(sizeof((const float[]){__VA_ARGS__}) / sizeof(float)))

static void assert_holds(mx a, const float *values, size_t count) {
  const float *found = mx_data(a);
  assert_no_error();
  assert_int_equal(mx_size(a), count);
  for (size_t i = 0; i < count; i++)
    if (!(found[i] - values[i] < 1e-5f && values[i] - found[i] < 1e-5f))
      fail_msg("element %zu is %g, not %g", i, (double)found[i], (double)values[i]);
}
#define assert_values(a, ...)                   \
  assert_holds(a, (const float[]){__VA_ARGS__}, \
               sizeof((const float[]){__VA_ARGS__}) / sizeof(float))

static mx weights;

/* Two results, a constant, conversions. */
static bool layer(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload;
  mx y = mx_multiply(in[0], in[0]);
  for (int i = 1; i < count; i++) y = mx_subtract(y, in[i]);
  mx fine = mx_astype(mx_astype(mx_greater(y, in[0]), MX_INT8), MX_FLOAT32);
  return mx_arrays_push(out, mx_shape(in[0])[0] == 3 ? mx_add(y, weights) : y) &&
         mx_arrays_push(out, fine);
}

static mx call(const mx_imported *f, mx *args, int count, const mx_array_map *keywords,
               int output) {
  mx_arrays out = {0};
  mx result = mx_imported_apply(f, args, count, keywords, &out) ? out.data[output] : NULL;
  mx_arrays_free(&out);
  return result;
}

static void several_signatures(void **state) {
  (void)state;
  mx_scope scope = mx_scope_begin();
  weights = VECTOR(10, 20, 30);
  mx x = VECTOR(1, 2, 3), y = VECTOR(1, 1, 1), shorter = VECTOR(5, 6);
  mx_fn f = mx_fn_new(layer, NULL, NULL);
  mx_exporter *e = mx_exporter_new(path, f, false);
  assert_int_equal(mx_exporter_add(e, &x, 1, NULL), 0);
  assert_int_equal(mx_exporter_add(e, (mx[]){x, y}, 2, NULL), 0);
  assert_int_equal(mx_exporter_add(e, &shorter, 1, NULL), 0);
  assert_int_equal(mx_exporter_add(e, &y, 1, NULL), -1);
  assert_non_null(strstr(mx_error(), "Attempting to export a function twice"));
  mx_error_clear();
  mx_array_map *named = mx_array_map_new();
  mx_array_map_put(named, "z", shorter);
  mx_array_map_put(named, "a", VECTOR(7, 8));
  assert_int_equal(mx_exporter_add(e, &shorter, 1, named), 0);
  assert_int_equal(mx_exporter_close(e), 0);
  mx_fn_release(f);

  mx_imported *g = mx_import_function(path);
  assert_no_error();
  assert_values(call(g, &x, 1, NULL, 0), 11, 24, 39);
  assert_values(call(g, &x, 1, NULL, 1), 0, 1, 1);
  assert_values(call(g, (mx[]){x, y}, 2, NULL, 0), 10, 23, 38);
  assert_values(call(g, &shorter, 1, NULL, 0), 25, 36);
  assert_values(call(g, &shorter, 1, named, 0), 25 - 7 - 5, 36 - 8 - 6);
  mx whole = mx_astype(x, MX_INT32);
  assert_error(call(g, &whole, 1, NULL, 0), "No imported function found which matches");
  mx_array_map_free(named);
  mx_imported_free(g);
  mx_scope_end(scope, NULL);
}

/* What MLX makes of several primitives, written in its terms. */
static bool expanded(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  mx x = mx_reshape(in[0], MX_INTS(1, 2, 3, 8)), w = mx_slice_axis(mx_flatten(x, 0, -1), 0, 0, 8);
  mx key = mx_random_key(3), zero = mx_float(0), one = mx_float(1);
  mx turned = mx_fast_rope(x, 8, .base = 100, .scale = 0.5f, .offset = 2);
  mx_arrays_push(out, mx_fast_rms_norm(x, w, 1e-5f));
  mx_arrays_push(out, mx_fast_rms_norm(x, NULL, 1e-5f));
  mx_arrays_push(out, mx_fast_layer_norm(x, w, w, 1e-5f));
  mx_arrays_push(out, turned);
  mx_arrays_push(out, mx_fast_rope(x, 4, .traditional = true, .base = 100, .scale = 1));
  mx_arrays_push(out,
                 mx_fast_scaled_dot_product_attention(turned, x, x, .scale = 0.3f, .causal = true));
  mx_arrays_push(out, mx_softmax(x, .axis = 1));
  mx_arrays_push(out, mx_softmax(x));
  mx_arrays_push(out, mx_logsumexp(x, .axis = 2));
  mx_arrays_push(out, mx_random_normal(MX_INTS(5), MX_FLOAT32, NULL, NULL, key));
  mx_arrays_push(out, mx_random_uniform(zero, one, MX_INTS(2, 3), MX_FLOAT32, key));
  mx_arrays_push(out, mx_random_gumbel(MX_INTS(4), MX_FLOAT32, key));
  mx_arrays_push(out, mx_astype(mx_logical_or(mx_isfinite(x), mx_isnan(x)), MX_FLOAT32));
  return mx_arrays_push(out, mx_astype(mx_logical_or(mx_isinf(x), mx_isposinf(x)), MX_FLOAT32));
}

/* Gradients of norms, which MLX has classes for on the GPU and formulas on the CPU. */
static bool loss_of_norms(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  mx x = mx_reshape(in[0], MX_INTS(6, 8)), w = mx_arange(0, 1, 0.125, MX_FLOAT32);
  mx y = mx_add(mx_fast_rms_norm(x, w, 1e-5f), mx_fast_layer_norm(x, NULL, NULL, 1e-5f));
  return mx_arrays_push(out, mx_sum(mx_exp(y)));
}

static mx gradient_of_norms(mx x) {
  mx_fn f = mx_fn_new(loss_of_norms, NULL, NULL), df = mx_grad(f, MX_INTS(0));
  mx slope = mx_call(df, x);
  mx_fn_release(f);
  mx_fn_release(df);
  return slope;
}

static bool gradients(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  return mx_arrays_push(out, gradient_of_norms(in[0]));
}

static void round_trip(mx_fn_call call) {
  mx_scope scope = mx_scope_begin();
  mx x = mx_sin(mx_arange(0, 48, 1, MX_FLOAT32));
  mx_fn f = mx_fn_new(call, NULL, NULL);
  if (mx_export_function(path, f, &x, 1, false)) fail_msg("%s", mx_error());
  mx_imported *g = mx_import_function(path);
  if (!g) fail_msg("%s", mx_error());
  mx_arrays want = {0}, got = {0};
  assert_true(mx_fn_apply(f, &x, 1, &want));
  assert_true(mx_imported_apply(g, &x, 1, NULL, &got));
  assert_int_equal(got.size, want.size);
  for (int i = 0; i < want.size; i++)
    assert_holds(mx_contiguous(got.data[i]), mx_data(mx_contiguous(want.data[i])),
                 mx_size(want.data[i]));
  mx_arrays_free(&want);
  mx_arrays_free(&got);
  mx_imported_free(g);
  mx_fn_release(f);
  mx_scope_end(scope, NULL);
}

static void what_mlx_makes_of_others(void **state) {
  (void)state;
  round_trip(expanded);
  round_trip(gradients);
}

static bool square(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  return mx_arrays_push(out, mx_multiply(in[0], in[0]));
}

/* The mean of however many there are is broadcast to whatever shape the other operand has. */
static bool centred(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  return mx_arrays_push(out, mx_subtract(in[0], mx_mean(in[0], .axis = 0, .keepdims = true)));
}

static void shapeless_functions(void **state) {
  (void)state;
  mx_scope scope = mx_scope_begin();
  mx x = VECTOR(1, 2, 3), longer = VECTOR(4, 5, 6, 7);
  mx_fn f = mx_fn_new(square, NULL, NULL);
  assert_int_equal(mx_export_function(path, f, &x, 1, true), 0);
  mx_imported *g = mx_import_function(path);
  assert_no_error();
  assert_values(call(g, &longer, 1, NULL, 0), 16, 25, 36, 49);
  mx_imported_free(g);
  mx_fn_release(f);
  f = mx_fn_new(centred, NULL, NULL);
  assert_int_equal(mx_export_function(path, f, &x, 1, true), 0);
  g = mx_import_function(path);
  assert_no_error();
  assert_values(call(g, &longer, 1, NULL, 0), 4 - 5.5f, 5 - 5.5f, 6 - 5.5f, 7 - 5.5f);
  mx_imported_free(g);
  mx_fn_release(f);
  mx_scope_end(scope, NULL);
}

static bool seven(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)in, (void)count;
  return mx_arrays_push(out, mx_full(MX_INTS(2), mx_float(7), MX_FLOAT32));
}

static void calls_that_fit_nothing(void **state) {
  (void)state;
  mx_scope scope = mx_scope_begin();
  mx x = VECTOR(1, 2), y = VECTOR(1);
  mx_fn f = mx_fn_new(seven, NULL, NULL);
  assert_int_equal(mx_export_function(path, f, NULL, 0, false), 0);
  mx_imported *g = mx_import_function(path);
  assert_values(call(g, NULL, 0, NULL, 0), 7, 7);
  assert_error(call(g, &x, 1, NULL, 0), "No imported function found");
  mx_imported_free(g);
  mx_array_map *named = mx_array_map_new();
  mx_array_map_put(named, "x", x);
  mx_exporter *e = mx_exporter_new(path, f, false);
  assert_int_equal(mx_exporter_add(e, NULL, 0, named), 0);
  assert_int_equal(mx_exporter_close(e), 0);
  g = mx_import_function(path);
  assert_values(call(g, NULL, 0, named, 0), 7, 7);
  assert_error(call(g, &x, 1, NULL, 0), "\"x\" (2) float32");
  mx_array_map_put(named, "x", y);
  assert_error(call(g, NULL, 0, named, 0), "Called with 0 positional inputs \"x\" (1) float32");
  mx_array_map_free(named);
  mx_imported_free(g);
  mx_fn_release(f);
  mx_scope_end(scope, NULL);
}

static size_t read_file(char **bytes) {
  FILE *file = fopen(path, "rb");
  *bytes = malloc(1 << 16);
  size_t size = fread(*bytes, 1, 1 << 16, file);
  fclose(file);
  return size;
}

static void write_file(const char *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  fclose(file);
}

/* Whatever is cut off or changed: an error, or another function; never a crash. */
static void damaged_files(void **state) {
  (void)state;
  mx_scope scope = mx_scope_begin();
  weights = VECTOR(10, 20, 30);
  mx x = VECTOR(1, 2, 3);
  mx_fn f = mx_fn_new(layer, NULL, NULL);
  assert_int_equal(mx_export_function(path, f, &x, 1, false), 0);
  mx_fn_release(f);
  char *bytes;
  size_t size = read_file(&bytes);
  for (size_t i = 0; i < size; i++) {
    write_file(bytes, i);
    assert_null(mx_import_function(path));
    assert_non_null(mx_error());
    mx_error_clear();
  }
  for (size_t i = 0; i < size; i++) {
    for (int change = 0; change < 3; change++) {
      char before = bytes[i];
      bytes[i] = (char)(change == 0 ? before ^ 1 : change == 1 ? 0xFF : 0);
      write_file(bytes, size);
      bytes[i] = before;
      mx_imported *g = mx_import_function(path);
      if (g) mx_eval(call(g, &x, 1, NULL, 0));
      mx_imported_free(g);
      mx_error_clear();
    }
  }
  free(bytes);
  mx_scope_end(scope, NULL);
}

static void drawings(void **state) {
  (void)state;
  mx_scope scope = mx_scope_begin();
  mx x = VECTOR(1, 2, 3), y = mx_exp(mx_multiply(x, x));
  char *text = mx_graph_to_string(&y, (const char *const[]){"out"}, 1);
  assert_string_equal(text, "Inputs: B [(3), float32]\nOutputs: out [(3), float32]\n"
                            "Multiply B [(3), float32], B [(3), float32] -> C [(3), float32]\n"
                            "Exp C [(3), float32] -> out [(3), float32]\n");
  free(text);
  text = mx_graph_to_dot(&y, NULL, 1);
  const char *parts[] = {"digraph {\n", "label =\"Multiply\"", "label =\"Exp\"",
                         "rank=source", "rank=sink",           "\"A\" -> "};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) assert_non_null(strstr(text, parts[i]));
  free(text);
  assert_int_equal(mx_export_to_dot("/nonexistent/graph.dot", &y, NULL, 1), -1);
  mx_error_clear();
  mx_scope_end(scope, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(several_signatures, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_mlx_makes_of_others, set_up, tear_down),
      cmocka_unit_test_setup_teardown(shapeless_functions, set_up, tear_down),
      cmocka_unit_test_setup_teardown(calls_that_fit_nothing, set_up, tear_down),
      cmocka_unit_test_setup_teardown(damaged_files, set_up, tear_down),
      cmocka_unit_test(drawings),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
