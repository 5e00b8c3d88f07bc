/* safetensors: what is saved loads back; malformed files are one-line errors that name the field.
 */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/mlx-test-XXXXXX.safetensors";

static void what_is_saved_loads_back(void **state) {
  (void)state;
  mx_array_map *out = mx_array_map_new(), *in = mx_array_map_new();
  mx_string_map *notes = mx_string_map_new(), *read = mx_string_map_new();
  for (int d = 0; d < MX_DTYPE_COUNT; d++)
    if (d != MX_FLOAT64) {
      char name[32];
      snprintf(name, sizeof name, "a.%s", mx_dtype_name((mx_dtype)d));
      mx a = mx_astype(mx_arange(0, 6, 1, MX_FLOAT32), (mx_dtype)d);
      assert_int_equal(mx_array_map_put(out, name, mx_transpose(mx_reshape(a, MX_INTS(2, 3)))), 0);
    }
  mx_string_map_put(notes, "format", "mlx");
  assert_int_equal(mx_save_safetensors(path, out, notes), 0);
  assert_int_equal(mx_load_safetensors(path, in, read), 0);
  assert_string_equal(mx_string_map_get(read, "format"), "mlx");
  assert_int_equal(mx_array_map_size(in), MX_DTYPE_COUNT - 1);
  for (size_t i = 0; i < mx_array_map_size(in); i++) {
    mx a = mx_array_map_at(in, i), b = mx_array_map_get(out, mx_array_map_name(in, i));
    assert_int_equal(mx_dtype_of(a), mx_dtype_of(b));
    if (mx_dtype_of(a) == MX_BOOL)
      assert_array(a, MX_INTS(3, 2), 0, 1, 1, 1, 1, 1);
    else
      assert_array(a, MX_INTS(3, 2), 0, 3, 1, 4, 2, 5);
  }
  mx_array_map_free(out);
  mx_array_map_free(in);
  mx_string_map_free(notes);
  mx_string_map_free(read);
}

/* Writes a file with this header (its length may lie) and this many bytes of data, and loads it. */
static void *load(const char *json, long long lie, int data) {
  FILE *f = fopen(path, "wb");
  uint64_t length = lie >= 0 ? (uint64_t)lie : strlen(json);
  fwrite(&length, 8, 1, f);
  fwrite(json, strlen(json), 1, f);
  for (int i = 0; i < data; i++) fputc(i, f);
  fclose(f);
  mx_array_map *map = mx_array_map_new();
  int failed = mx_load_safetensors(path, map, NULL);
  mx_array_map_free(map);
  return failed ? NULL : path;
}

static void malformed_files_are_errors(void **state) {
  (void)state;
  assert_non_null(load("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", -1, 8));
  assert_error(load("{}", 1000, 0), "is longer than the file");
  assert_error(load("{}", 0, 0), "invalid header length");
  assert_error(load("{", -1, 0), "not a JSON object");
  assert_error(load("[]", -1, 0), "not a JSON object");
  assert_error(load("{\"a\":3}", -1, 0), "\"a\" is not an object");
  assert_error(load("{\"a\":{\"dtype\":\"F99\",\"shape\":[2],\"data_offsets\":[0,8]}}", -1, 8),
               "unsupported dtype F99");
  assert_error(load("{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", -1, 8),
               "no valid shape");
  assert_error(load("{\"a\":{\"dtype\":\"F32\",\"shape\":[2147483647,2147483647,2147483647],\"data_"
                    "offsets\":[0,8]}}",
                    -1, 8),
               "no valid shape");
  assert_error(load("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", -1, 8),
               "no valid data_offsets");
  assert_error(load("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", -1, 8),
               "needs another number");
  assert_error(load("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", -1, 8),
               "ends at byte 12");
  assert_error(load("{\"a\":{\"dtype\":\"U8\",\"shape\":[6],\"data_offsets\":[0,6]},"
                    "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}",
                    -1, 8),
               "overlap");
  assert_error(load("{\"__metadata__\":{\"a\":1}}", -1, 8), "is not a string");
  mx_array_map *map = mx_array_map_new();
  assert_int_equal(mx_load_safetensors("/nonexistent/x", map, NULL), -1);
  assert_non_null(strstr(mx_error(), "/nonexistent/x"));
  mx_array_map_free(map);
}

static void misaligned_data_is_still_right(void **state) {
  (void)state;
  assert_non_null(load("{\"a\":{\"dtype\":\"I16\",\"shape\":[2],\"data_offsets\":[1,5]}} ", -1, 5));
  mx_array_map *map = mx_array_map_new();
  mx_load_safetensors(path, map, NULL);
  assert_array(mx_array_map_get(map, "a"), MX_INTS(2), 0x0201, 0x0403);
  mx_array_map_free(map);
}

static void a_failed_save_leaves_nothing(void **state) {
  (void)state;
  mx_array_map *map = mx_array_map_new();
  mx_array_map_put(map, "empty", mx_zeros(MX_INTS(0), MX_FLOAT32));
  assert_int_equal(mx_save_safetensors("/tmp/mlx-test-never", map, NULL), -1);
  assert_non_null(strstr(mx_error(), "cannot serialize an empty array key: empty"));
  assert_int_equal(access("/tmp/mlx-test-never.safetensors", F_OK), -1);
  mx_array_map_free(map);
}

int main(void) {
  close(mkstemps(path, 12));
  const struct CMUnitTest tests[] = {
      scoped_test(what_is_saved_loads_back),
      scoped_test(malformed_files_are_errors),
      scoped_test(misaligned_data_is_still_right),
      scoped_test(a_failed_save_leaves_nothing),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  unlink(path);
  return failed;
}
