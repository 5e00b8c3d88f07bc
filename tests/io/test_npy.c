/* .npy: NumPy's and MLX's files load, of every dtype and variant; what is saved is what NumPy
 * saves, and loads back; malformed files are one-line errors. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static mx golden(const char *name) {
  char path[512];
  snprintf(path, sizeof path, "%s/tests/golden/npy/%s.npy", SOURCE_DIR, name);
  mx a = mx_load(path);
  assert_no_error();
  return a;
}

/* The whole file, malloc'd. */
static char *bytes_of(const char *path, size_t *size) {
  FILE *f = fopen(path, "rb");
  assert_non_null(f);
  char *bytes = malloc(4096);
  *size = fread(bytes, 1, 4096, f);
  fclose(f);
  return bytes;
}

static void every_dtype_loads(void **state) {
  (void)state;
  for (int d = 0; d < MX_DTYPE_COUNT; d++) {
    mx a = golden(mx_dtype_name((mx_dtype)d));
    assert_int_equal(mx_dtype_of(a), d);
    if (d == MX_BOOL)
      assert_array(a, MX_INTS(2, 3), 0, 1, 1, 1, 1, 1);
    else
      assert_array(a, MX_INTS(2, 3), 0, 1, 2, 3, 4, 5);
  }
}

static void every_variant_loads(void **state) {
  (void)state;
  const char *same[] = {"fortran",     "big_i4",   "big_f8",   "big_c8",
                        "big_fortran", "version2", "version3", "mlx"};
  for (size_t i = 0; i < sizeof same / sizeof *same; i++)
    assert_array(golden(same[i]), MX_INTS(2, 3), 0, 1, 2, 3, 4, 5);
  assert_array(golden("mlx_fortran"), MX_INTS(2, 3), 0, 2, 4, 1, 3, 5);
  assert_array(golden("vector"), MX_INTS(6), 0, 1, 2, 3, 4, 5);
  assert_array(golden("scalar"), ((mx_ints){NULL, 0}), 7);
  mx empty = golden("empty");
  assert_int_equal(mx_size(empty), 0);
  assert_int_equal(mx_dim(empty, 0), 2);
}

static char path[] = "/tmp/mlx-test-XXXXXX.npy";

/* Saving what NumPy saved gives the same file, byte for byte. */
static void saved_files_are_numpys(void **state) {
  (void)state;
  const char *names[] = {"bool",    "uint8",   "int16",     "uint32",  "int64",  "float16",
                         "float32", "float64", "complex64", "fortran", "scalar", "vector"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char original[512];
    size_t wanted, found;
    snprintf(original, sizeof original, "%s/tests/golden/npy/%s.npy", SOURCE_DIR, names[i]);
    assert_int_equal(mx_save(path, golden(names[i])), 0);
    char *ours = bytes_of(path, &found), *theirs = bytes_of(original, &wanted);
    assert_int_equal(found, wanted);
    assert_memory_equal(ours, theirs, wanted);
    free(ours);
    free(theirs);
  }
}

static void what_is_saved_loads_back(void **state) {
  (void)state;
  mx a = mx_astype(mx_reshape(mx_arange(0, 24, 1, MX_FLOAT32), MX_INTS(2, 3, 4)), MX_BFLOAT16);
  assert_int_equal(mx_save(path, mx_transpose(a, .axes = MX_INTS(1, 0, 2))), 0);
  mx b = mx_load(path);
  assert_int_equal(mx_dtype_of(b), MX_BFLOAT16);
  assert_int_equal(mx_dim(b, 0), 3);
  mx slice = mx_slice(b, MX_INTS(1, 0, 0), MX_INTS(2, 2, 4), MX_NO_INTS);
  assert_array(slice, MX_INTS(1, 2, 4), 4, 5, 6, 7, 16, 17, 18, 19);
  mx_error_clear();
  assert_int_equal(mx_save(path, mx_zeros(MX_INTS(0), MX_INT32)), -1);
  assert_non_null(strstr(mx_error(), "cannot serialize an empty array"));
  mx_error_clear();
}

static void *load(const char *bytes, size_t size) {
  FILE *f = fopen(path, "wb");
  fwrite(bytes, 1, size, f);
  fclose(f);
  mx a = mx_load(path);
  assert_null(mx_error() ? strchr(mx_error(), '\n') : NULL);
  return a;
}

/* A version-1 file of this header and eight bytes of elements. */
static void *with_header(const char *text) {
  char bytes[512] = "\x93NUMPY\1";
  size_t length = strlen(text);
  bytes[8] = (char)length;
  memcpy(bytes + 10, text, length);
  return load(bytes, 10 + length + 8);
}

static void malformed_files_are_errors(void **state) {
  (void)state;
  assert_non_null(
      with_header("{\"shape\": (2L,), \"fortran_order\": False, \"descr\": \"=f4\"}\n"));
  assert_error(with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }\n"),
               "ends inside");
  assert_error(with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (3\n"), "shape");
  assert_error(with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}\n"), "shape");
  assert_error(with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,)}\n"),
               "shape");
  assert_error(with_header("{'descr': '<U4', 'fortran_order': False, 'shape': (1,)}\n"),
               "descr in the npy header: '<U4'");
  assert_error(with_header("{'descr': '<f4', 'shape': (1,)}\n"), "fortran_order");
  assert_error(with_header("\n"), "descr");
  assert_error(with_header("{'descr': '"), "descr"); /* the text ends where the dtype would begin */
  assert_error(load("\x93NUMPY\1\0\377\377{}", 12), "ends inside the npy header of 65535 bytes");
  assert_error(load("\x93NUMPY\4\0\1\0\0\0\0", 12), "Unsupported npy format version 4");
  assert_error(load("not an npy file", 15), "Invalid header");
  assert_error(load("short", 5), "too short");
  unlink(path);
  assert_error(mx_load(path), "[load] Failed to open");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_dtype_loads),          cmocka_unit_test(every_variant_loads),
      cmocka_unit_test(saved_files_are_numpys),     cmocka_unit_test(what_is_saved_loads_back),
      cmocka_unit_test(malformed_files_are_errors),
  };
  close(mkstemps(path, 4));
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  unlink(path);
  return failed;
}
