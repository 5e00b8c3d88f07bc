/* Exported functions of every kind: named inputs in any order, several signatures, constants shared
 * between them, operations with several outputs or parameters, shapes that decide, random numbers;
 * and that nothing is held on to. */
#include "functions.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[64];

static int set_up(void **state) {
  snprintf(path, sizeof path, "/tmp/mlxfn-XXXXXX");
  int file = mkstemp(path);
  return file < 0 || close(file) || open_scope(state);
}

static int tear_down(void **state) { return close_scope(state) || unlink(path); }

static mx ints(mx_ints values) { return mx_array_new(values.data, MX_INTS(values.size), MX_INT32); }
#define INTS(...) ints(MX_INTS(__VA_ARGS__))

static mx_imported *exported(mx_fn_call call, const mx *in, int count, bool shapeless) {
  mx_fn f = named(call);
  if (mx_export_function(path, f, in, count, shapeless)) fail_msg("%s", mx_error());
  mx_fn_release(f);
  mx_imported *g = mx_import_function(path);
  if (!g) fail_msg("%s", mx_error());
  return g;
}

static mx call_with(const mx_imported *g, const mx *in, int count, const mx_array_map *keywords) {
  mx_arrays out = {0};
  mx y = mx_imported_apply(g, in, count, keywords, &out) ? out.data[0] : NULL;
  mx_arrays_free(&out);
  return y;
}

/* All results of both are equal. */
static void same(mx_fn_call call, const mx_imported *g, const mx *in, int count) {
  mx_fn f = named(call);
  mx_arrays got = {0}, want = {0};
  if (!mx_fn_apply(f, in, count, &want)) fail_msg("%s", mx_error());
  if (!mx_imported_apply(g, in, count, NULL, &got)) fail_msg("%s", mx_error());
  assert_int_equal(got.size, want.size);
  for (int i = 0; i < got.size; i++) {
    assert_int_equal(mx_dtype_of(got.data[i]), mx_dtype_of(want.data[i]));
    assert_true(mx_item_bool(mx_allclose(got.data[i], want.data[i])));
  }
  mx_arrays_free(&got);
  mx_arrays_free(&want);
  mx_fn_release(f);
}

static void round_trip(mx_fn_call call, const mx *in, int count) {
  mx_imported *g = exported(call, in, count, false);
  same(call, g, in, count);
  mx_imported_free(g);
}

/* ---- Named inputs ---- */

FN(difference, mx_subtract(in[0], in[1]))

static mx_array_map *named_pair(const char *a, mx x, const char *b, mx y) {
  mx_array_map *map = mx_array_map_new();
  mx_array_map_put(map, a, x);
  if (b) mx_array_map_put(map, b, y);
  return map;
}

static mx by_names(const mx_imported *g, const mx *in, int count, mx_array_map *keywords) {
  mx y = call_with(g, in, count, keywords);
  mx_array_map_free(keywords);
  return y;
}

static void names_tell_inputs_apart(void **state) {
  (void)state;
  mx one = mx_float(1), two = mx_float(2), three = mx_float(3);
  mx_fn f = named(difference);
  mx_exporter *e = mx_exporter_new(path, f, false);
  mx_array_map *keywords = named_pair("x", one, "y", two);
  assert_int_equal(mx_exporter_add(e, NULL, 0, keywords), 0);
  mx_array_map_free(keywords);
  assert_int_equal(mx_exporter_close(e), 0);
  mx_fn_release(f);
  mx_imported *g = mx_import_function(path);
  is(by_names(g, NULL, 0, named_pair("x", two, "y", three)), -1);
  is(by_names(g, NULL, 0, named_pair("y", two, "x", three)), 1);
  const char *none = "[import_function::call] No imported function found";
  assert_error(call_with(g, (mx[]){one, two}, 2, NULL), none);
  assert_error(by_names(g, NULL, 0, named_pair("a", one, "b", two)), none);
  assert_error(by_names(g, &one, 1, named_pair("y", two, NULL, NULL)), none);
  mx_array_map *three_of_them = named_pair("x", one, "y", two);
  mx_array_map_put(three_of_them, "z", three);
  assert_error(by_names(g, NULL, 0, three_of_them), none);
  mx_imported_free(g);
}

static void names_beside_positions(void **state) {
  (void)state;
  mx x = INTS(1, 2, 3), z = INTS(2, 2, 2);
  mx_fn f = named(difference);
  mx_exporter *e = mx_exporter_new(path, f, false);
  mx_array_map *keywords = named_pair("z", z, NULL, NULL);
  assert_int_equal(mx_exporter_add(e, &x, 1, keywords), 0);
  assert_int_equal(mx_exporter_close(e), 0);
  mx_fn_release(f);
  mx_imported *g = mx_import_function(path);
  assert_array(call_with(g, &x, 1, keywords), MX_INTS(3), -1, 0, 1);
  mx_array_map_free(keywords);
  assert_error(call_with(g, (mx[]){x, z}, 2, NULL), "No imported function found");
  assert_error(by_names(g, &x, 1, named_pair("y", z, NULL, NULL)), "No imported function found");
  mx_imported_free(g);
}

/* ---- Several signatures, and constants ---- */

static mx held;
static bool held_and_all(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload;
  mx sum = held;
  for (int i = 0; i < count; i++) sum = mx_add(sum, in[i]);
  return mx_arrays_push(out, sum);
}

static mx_imported *of_counts(mx_fn_call call, int from, int to, bool shapeless) {
  mx_fn f = named(call);
  mx_exporter *e = mx_exporter_new(path, f, shapeless);
  mx in[8];
  for (int i = 0; i < 8; i++) in[i] = mx_int(1);
  for (int n = from; n <= to; n++) assert_int_equal(mx_exporter_add(e, in, n, NULL), 0);
  assert_int_equal(mx_exporter_close(e), 0);
  mx_fn_release(f);
  return mx_import_function(path);
}

static void any_number_of_inputs(void **state) {
  (void)state;
  held = INTS(1, 1, 1, 1);
  mx in[4] = {mx_int(1), mx_int(2), mx_int(3), mx_int(4)};
  mx_imported *g = of_counts(held_and_all, 2, 3, false);
  assert_array(call_with(g, in, 2, NULL), MX_INTS(4), 4, 4, 4, 4);
  assert_array(call_with(g, in, 3, NULL), MX_INTS(4), 7, 7, 7, 7);
  assert_error(call_with(g, in, 4, NULL), "No imported function found");
  mx_imported_free(g);
  held = mx_int(0);
  g = of_counts(held_and_all, 1, 3, true);
  for (int n = 1; n <= 3; n++) is(call_with(g, in, n, NULL), n * (n + 1) / 2);
  in[1] = INTS(5, 10, 20); /* one axis, where there was none */
  assert_error(call_with(g, in, 2, NULL), "No imported function found");
  mx_imported_free(g);
}

static void constants_are_stored_once(void **state) {
  (void)state;
  held = mx_zeros(MX_INTS(16, 2048), MX_FLOAT32);
  mx_eval(held);
  mx_imported *g = of_counts(held_and_all, 0, 4, false);
  struct stat found;
  assert_int_equal(stat(path, &found), 0);
  assert_true((size_t)found.st_size < mx_nbytes(held) + 8192);
  mx in[4] = {mx_int(1), mx_int(2), mx_int(3), mx_int(4)};
  is(mx_max(call_with(g, in, 4, NULL)), 10);
  mx_imported_free(g);
}

/* Constants of each signature that live no longer than its trace. */
static bool many_constants(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  int n = mx_dim(in[0], 0);
  mx x = mx_int(n);
  for (int j = 0; j < 10; j++) x = mx_add(x, mx_int(n + j));
  return mx_arrays_push(out, mx_multiply(x, mx_sum(in[0])));
}

static void constants_of_several_signatures(void **state) {
  (void)state;
  mx in[3] = {INTS(1), INTS(1, 1), INTS(1, 1, 1)};
  mx_fn f = named(many_constants);
  mx_exporter *e = mx_exporter_new(path, f, false);
  for (int i = 0; i < 3; i++) assert_int_equal(mx_exporter_add(e, &in[i], 1, NULL), 0);
  assert_int_equal(mx_exporter_close(e), 0);
  mx_fn_release(f);
  mx_imported *g = mx_import_function(path);
  for (int i = 0; i < 3; i++) same(many_constants, g, &in[i], 1);
  mx_imported_free(g);
}

/* ---- Operations ---- */

static bool quotients(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  mx parts[2];
  return mx_divmod(in[0], in[1], parts) && mx_arrays_push(out, parts[0]) &&
         mx_arrays_push(out, parts[1]);
}
FN(order, mx_argpartition(in[0], 2, .axis = 0), mx_partition(in[0], 1, .axis = 0))
FN(taken, mx_take_along_axis(in[0], in[1], .axis = 0))
FN(put, mx_put_along_axis(in[0], in[1], in[2], .axis = 0))
FN(added, mx_scatter_add(in[0], in + 1, 1, in[2], MX_INTS(0)))
FN(unflattened, mx_unflatten(in[0], 0, MX_INTS(2, -1)), mx_reshape(in[0], MX_INTS(-1, 2)))

static void operations_with_parameters(void **state) {
  (void)state;
  mx a = mx_array_new((const float[]){5, -10}, MX_INTS(2), MX_FLOAT32);
  mx b = mx_array_new((const float[]){3, -2}, MX_INTS(2), MX_FLOAT32);
  round_trip(quotients, (mx[]){a, b}, 2);
  mx grid = mx_reshape(INTS(1, 3, 2, 4, 5, 7, 6, 8), MX_INTS(4, 2));
  round_trip(order, &grid, 1);
  round_trip(unflattened, &grid, 1);
  mx rows = mx_reshape(INTS(0, 1, 2, 0), MX_INTS(2, 2));
  round_trip(taken, (mx[]){grid, rows}, 2);
  round_trip(put, (mx[]){grid, rows, mx_add(rows, mx_int(90))}, 3);
  round_trip(added, (mx[]){INTS(1, 2, 3), INTS(0, 0, 1), mx_reshape(INTS(1, 1, 1), MX_INTS(3, 1))},
             3);
}

/* Rules of one's own, and checkpoints, leave the function that they are of. */
FN(exponential, mx_exp(mx_exp(in[0])))
static bool kept(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload;
  mx_fn f = named(exponential), g = mx_checkpoint(f), fast = mx_compile(g);
  bool good = mx_fn_apply(g, in, count, out) && mx_fn_apply(fast, in, count, out);
  mx_fn_release(f);
  mx_fn_release(g);
  mx_fn_release(fast);
  return good;
}

static void functions_of_functions(void **state) {
  (void)state;
  mx x = mx_array_new((const float[]){0.5f, 1}, MX_INTS(2), MX_FLOAT32);
  round_trip(kept, &x, 1);
}

static mx_quantized layers[2];
static mx dense(mx x, const mx_quantized *w) {
  return mx_quantized_matmul(x, w->weight, w->scales, w->biases, .group_size = 32);
}
FN(network, dense(mx_maximum(dense(in[0], &layers[0]), mx_float(0)), &layers[1]))

static void quantised_networks(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    mx key = mx_random_key((uint64_t)i);
    layers[i] = mx_quantize(
        mx_random_normal(i ? MX_INTS(32, 64) : MX_INTS(64, 32), MX_FLOAT32, NULL, NULL, key),
        .group_size = 32);
  }
  for (int shapeless = 0; shapeless < 2; shapeless++) {
    mx x = mx_ones(MX_INTS(5, 32), MX_FLOAT32), longer = mx_ones(MX_INTS(9, 32), MX_FLOAT32);
    mx_imported *g = exported(network, &x, 1, shapeless);
    same(network, g, &x, 1);
    if (shapeless)
      same(network, g, &longer, 1);
    else
      assert_error(call_with(g, &longer, 1, NULL), "No imported function found");
    mx_imported_free(g);
  }
}

/* ---- What is decided when a function is traced ---- */

static bool by_length(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  mx y = mx_dim(in[1], 0) <= 2 ? in[1] : mx_multiply(mx_int(2), in[1]);
  return mx_arrays_push(out, mx_add(in[0], y));
}

static void shapes_decide_once(void **state) {
  (void)state;
  mx y[2] = {INTS(1, 2, 3), INTS(1, 2)};
  for (int i = 0; i < 4; i++) {
    mx in[2] = {mx_int(1), y[i % 2]};
    mx_imported *g = exported(by_length, in, 2, i / 2);
    same(by_length, g, in, 2);
    mx_imported_free(g);
  }
}

FN(drawn, mx_random_uniform(mx_float(0), mx_float(1), MX_INTS(3), MX_FLOAT32, NULL))

static void draws_are_those_of_the_trace(void **state) {
  (void)state;
  mx_random_seed(5);
  mx_imported *g = exported(drawn, NULL, 0, false);
  mx_random_seed(5);
  same(drawn, g, NULL, 0);
  mx_imported_free(g);
}

static mx_stream elsewhere;
static bool on_another_stream(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  mx_stream before = mx_use_stream(elsewhere);
  mx y = mx_abs(in[0]);
  mx_use_stream(before);
  return mx_arrays_push(out, y);
}

/* A stream is known again in the process that has it; elsewhere the function is refused, unless the
 * stream was its process's default. */
static void steps_keep_their_stream(void **state) {
  (void)state;
  mx x = INTS(0, -1, 2);
  do elsewhere = mx_new_stream(mx_default_device());
  while (elsewhere.index < 2);
  mx_imported *g = exported(on_another_stream, &x, 1, false);
  mx y = call_with(g, &x, 1, NULL);
  assert_array(y, MX_INTS(3), 0, 1, 2);
  mx_imported_free(g);
}
static void streams_that_do_not_exist_are_refused(void **state) {
  (void)state;
  mx x = INTS(0, 1, 2);
  mx_fn f = mx_fn_new(on_another_stream, NULL, NULL);
  elsewhere = (mx_stream){1000, {MX_CPU, 0}};
  assert_int_equal(mx_export_function(path, f, &x, 1, false), 0);
  assert_null(mx_import_function(path));
  assert_non_null(strstr(mx_error(), "Invalid stream encountered Stream(Device(cpu, 0), 1000)"));
  mx_error_clear();
  mx_fn_release(f);
}

/* ---- Limits ---- */

static bool nothing(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)in, (void)count, (void)out;
  return true;
}
static bool evaluates(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)payload, (void)count;
  mx y = mx_exp(in[0]);
  return mx_eval(y) == 0 && mx_arrays_push(out, y);
}

static void what_cannot_be_exported(void **state) {
  (void)state;
  mx x = mx_float(1);
  mx_imported *g = exported(nothing, &x, 1, false);
  mx_arrays out = {0};
  assert_true(mx_imported_apply(g, &x, 1, NULL, &out));
  assert_int_equal(out.size, 0);
  mx_arrays_free(&out);
  mx_imported_free(g);
  mx_fn f = named(evaluates), empty = named(nothing);
  fails(mx_export_function(path, f, &x, 1, false) == 0, "[eval] Cannot evaluate an array");
  fails(mx_export_function(path, f, (mx[]){NULL}, 1, false) == 0, "Input 0 is the null array.");
  fails(mx_export_function("/nonexistent/f.mlxfn", empty, NULL, 0, false) == 0,
        "/nonexistent/f.mlxfn");
  assert_null(mx_exporter_new(path, NULL, false));
  mx_error_clear();
  mx_fn_release(f);
  mx_fn_release(empty);
}

static bool hands_out(void *payload, const mx *in, int count, mx_arrays *out) {
  (void)in, (void)count;
  return mx_arrays_push(out, mx_sum(*(mx *)payload));
}
static void drop_array(void *payload) { mx_release(*(mx *)payload); }

static void exporters_let_go(void **state) {
  (void)state;
  size_t before = mx_get_active_memory();
  for (int i = 0; i < 5; i++) {
    mx_scope scope = mx_scope_begin();
    mx kept_alive = mx_retain(mx_zeros(MX_INTS(1000), MX_FLOAT32));
    mx_eval(kept_alive);
    mx_fn f = mx_fn_new(hands_out, &kept_alive, drop_array);
    mx_exporter *e = mx_exporter_new(path, f, false);
    mx_fn_release(f);
    assert_int_equal(mx_exporter_add(e, NULL, 0, NULL), 0);
    if (i % 2)
      mx_exporter_abandon(e);
    else
      assert_int_equal(mx_exporter_close(e), 0);
    mx_scope_end(scope, NULL);
    assert_int_equal(mx_get_active_memory(), before);
  }
}

#define file_test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      file_test(names_tell_inputs_apart),
      file_test(names_beside_positions),
      file_test(any_number_of_inputs),
      file_test(constants_are_stored_once),
      file_test(constants_of_several_signatures),
      file_test(operations_with_parameters),
      file_test(functions_of_functions),
      file_test(quantised_networks),
      file_test(shapes_decide_once),
      file_test(draws_are_those_of_the_trace),
      file_test(steps_keep_their_stream),
      file_test(streams_that_do_not_exist_are_refused),
      file_test(what_cannot_be_exported),
      file_test(exporters_let_go),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
