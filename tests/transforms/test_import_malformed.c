/* A damaged .mlxfn file is refused, or is another function: it neither ends the process nor asks
 * for memory that has nothing to do with its length. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LIMIT 0 /* they reserve address space themselves */
#else
#define LIMIT ((rlim_t)4 << 30)
#endif

static char bytes[1 << 16];
static size_t size;

static void read_golden(const char *name) {
  char path[512];
  snprintf(path, sizeof path, SOURCE_DIR "/tests/golden/export/%s.mlxfn", name);
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  size = fread(bytes, 1, sizeof bytes, file);
  assert_in_range(size, 1, sizeof bytes - 1);
  fclose(file);
}

/* Whether what lies in `bytes` is a function. */
static bool imports(void) {
  static int file = -1;
  char path[32];
  if (file < 0) file = memfd_create("mlxfn", 0);
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  assert_int_equal(ftruncate(file, 0), 0);
  assert_int_equal(pwrite(file, bytes, size, 0), size);
  mx_imported *f = mx_import_function(path);
  assert_true((f != NULL) == (mx_error() == NULL));
  mx_error_clear();
  mx_imported_free(f);
  return f != NULL;
}

static const char *const names[] = {"logic", "shapes", "updates", "indices", "spread"};

static void a_file_cut_short_is_refused(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    read_golden(names[i]);
    assert_true(imports());
    while (--size > 0)
      if (imports()) fail_msg("%s: its first %zu bytes are taken for a function", names[i], size);
  }
}

/* Every eight bytes may be a length, of inputs, outputs, steps or text, or a number of siblings. */
static void lengths_that_lie_cost_nothing(void **state) {
  (void)state;
  static const uint64_t lengths[] = {INT32_MAX - 15, UINT64_MAX};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    read_golden(names[i]);
    for (size_t at = 0; at + 8 <= size; at++)
      for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        char before[8];
        memcpy(before, bytes + at, 8);
        memcpy(bytes + at, &lengths[k], 8);
        imports();
        memcpy(bytes + at, before, 8);
      }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {scoped_test(a_file_cut_short_is_refused),
                                     scoped_test(lengths_that_lie_cost_nothing)};
  struct rlimit limit = {LIMIT, LIMIT};
  if (LIMIT && setrlimit(RLIMIT_AS, &limit)) return 1;
  return cmocka_run_group_tests(tests, NULL, NULL);
}
