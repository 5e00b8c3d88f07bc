/* When there is no more memory, an allocation is an error that names the sizes, never a crash. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "child.h"
#include "memory/figures.h"
#include "memory/memory.h"
#include "memory/system.h"
#include "mlx/mx/memory.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

static const size_t MIB = 1 << 20;

/* Whether the error names these bytes as asked for, and the others as plain numbers. */
static bool names_sizes(size_t asked, size_t in_use, size_t *available) {
  char expected[200];
  size_t cached;
  int end = 0;
  snprintf(
      expected, sizeof expected,
      "[malloc] Unable to allocate %zu bytes: %zu bytes in use, %%zu cached, %%zu available%%n",
      asked, in_use);
  return mx_error() && sscanf(mx_error(), expected, &cached, available, &end) == 2 &&
         !mx_error()[end];
}

static void absurd_sizes_are_refused(void **state) {
  (void)state;
  const size_t sizes[] = {(size_t)256 << 40, (size_t)1 << 46, SIZE_MAX,       SIZE_MAX - 4096,
                          SIZE_MAX / 2,      PTRDIFF_MAX,     PTRDIFF_MAX / 2};
  mx_buffer *b = mx_buffer_new(1 * MIB);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    size_t available = 0;
    assert_null(mx_buffer_new(sizes[i]));
    assert_true(names_sizes(sizes[i], 1 * MIB, &available));
    assert_true(available > MIB && available < (size_t)1 << 46);
    mx_error_clear();
  }
  assert_int_equal(mx_get_active_memory(), 1 * MIB);
  assert_int_equal(mx_get_peak_memory(), 1 * MIB);
  mx_buffer_release(b);
  assert_int_equal(mx_get_cache_memory(), 1 * MIB);
}

static void limit_address_space(size_t more) {
  struct rlimit limit = {status_bytes("VmSize") + more, RLIM_INFINITY};
  CHECK(!setrlimit(RLIMIT_AS, &limit));
}

static void fill_until_refused(void) {
  enum { BLOCKS = 1000 };
  limit_address_space(256 * MIB);
  int count = 0;
  static mx_buffer *blocks[BLOCKS];
  while (count < BLOCKS && (blocks[count] = mx_buffer_new(5 * MIB))) {
    memset(blocks[count]->data, count, 5 * MIB);
    count++;
  }
  size_t available = 0;
  CHECK(count > 30 && count < 52);
  CHECK(names_sizes(5 * MIB, (size_t)count * 5 * MIB, &available));
  CHECK(available < 10 * MIB);
  mx_error_clear();
  for (int i = 0; i < count; i++) CHECK(((char *)blocks[i]->data)[5 * MIB - 1] == (char)i);
  mx_buffer_release(blocks[0]);
  CHECK(mx_buffer_new(4 * MIB)); /* goes on afterwards, from what was in the cache */
  CHECK(!mx_error());
}

static void reclaim_before_refusing(void) {
  limit_address_space(256 * MIB);
  for (int i = 0; i < 10; i++) mx_buffer_release(mx_buffer_new((size_t)(5 + i) * MIB));
  CHECK(mx_get_cache_memory() == 95 * MIB);
  CHECK(mx_buffer_new(200 * MIB));
  CHECK(mx_get_cache_memory() == 0);
}

static mx_buffer *in_flight;
static bool work_ends(void) {
  bool any = in_flight;
  mx_buffer_release(in_flight);
  in_flight = NULL;
  return any;
}

static void wait_before_refusing(void) {
  limit_address_space(256 * MIB);
  CHECK((in_flight = mx_buffer_new(150 * MIB)));
  mx_memory_set_wait(work_ends);
  CHECK(mx_buffer_new(200 * MIB));
  CHECK(!in_flight);
}

static void small_blocks_until_refused(void) {
  limit_address_space(32 * MIB);
  size_t count = 0, available;
  while (count < 1000000 && mx_buffer_new(1000)) count++;
  CHECK(count > 1000 && count < 40000);
  CHECK(names_sizes(1000, count * 1024, &available));
}

/* The kernel would grant each of these: nothing is touched. Together they are more than there is.
 */
static void refuse_what_would_not_fit_together(void) {
  size_t block = mx_memory_machine() / 8 / 4096 * 4096, count = 0, available;
  while (count < 20 && mx_buffer_new(block)) count++;
  CHECK(count < 9);
  CHECK(names_sizes(block, count * block, &available));
}

/* A control group of 256 MiB, where this user may make one; whether it was made. */
static char group[128];

static bool make_group(void) {
  static const struct {
    const char *folder, *limit;
  } places[] = {{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
                {"/sys/fs/cgroup", "memory.max"}};
  for (int i = 0; i < 2; i++) {
    char path[200];
    snprintf(group, sizeof group, "%s/mlx-test-%d", places[i].folder, getpid());
    if (mkdir(group, 0700)) continue;
    snprintf(path, sizeof path, "%s/%s", group, places[i].limit);
    FILE *file = fopen(path, "r+");
    bool limited = file && fprintf(file, "%zu\n", 256 * MIB) > 0;
    if (file) limited &= !fclose(file);
    if (limited) return true;
    rmdir(group);
  }
  return false;
}

static void fill_the_group(void) {
  char path[200];
  snprintf(path, sizeof path, "%s/cgroup.procs", group);
  FILE *file = fopen(path, "w");
  CHECK(file && fprintf(file, "%d\n", getpid()) > 0 && !fclose(file));
  CHECK(mx_memory_machine() == 256 * MIB);
  CHECK(mx_get_memory_limit() == (size_t)(0.8 * 256 * (double)MIB));
  size_t count = 0, available, sizes[] = {3000000, 100000, 1000};
  for (int i = 0; i < 3; i++) {
    for (mx_buffer *b; (b = mx_buffer_new(sizes[i])); count++) memset(b->data, 1, b->size);
    CHECK(names_sizes(sizes[i], mx_get_active_memory(), &available) && available < 4 * MIB);
    mx_error_clear();
  }
  CHECK(mx_get_active_memory() > 220 * MIB);
}

#ifdef __SANITIZE_ADDRESS__ /* its shadow memory alone is beyond any limit of address space */
#define LIMITED 0
#elif defined(__SANITIZE_THREAD__)
#define LIMITED 0
#else
#define LIMITED 1
#endif

static void exhausted_memory_is_an_error_naming_the_sizes(void **state) {
  (void)state;
  if (!LIMITED) skip();
  assert_in_child(fill_until_refused);
}
static void the_cache_is_reclaimed_before_memory_is_refused(void **state) {
  (void)state;
  if (!LIMITED) skip();
  assert_in_child(reclaim_before_refusing);
}
static void work_is_waited_for_before_memory_is_refused(void **state) {
  (void)state;
  if (!LIMITED) skip();
  assert_in_child(wait_before_refusing);
}
static void small_blocks_are_refused_cleanly(void **state) {
  (void)state;
  if (!LIMITED) skip();
  assert_in_child(small_blocks_until_refused);
}
static void untouched_memory_counts_as_needed(void **state) {
  (void)state;
  assert_in_child(refuse_what_would_not_fit_together);
}

/* Memory is touched as it is got, so one block too many would be the end of the process. */
static void a_full_control_group_is_an_error_and_kills_nobody(void **state) {
  (void)state;
  if (!LIMITED || !make_group()) skip();
  fflush(NULL);
  int status = -1;
  pid_t child = fork();
  if (!child) {
    fill_the_group();
    _exit(0);
  }
  waitpid(child, &status, 0);
  rmdir(group);
  assert_int_equal(status, 0);
}

int main(void) {
  mx_mem_directory = "/nonexistent"; /* children that end abruptly would leave files behind */
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_full_control_group_is_an_error_and_kills_nobody),
      cmocka_unit_test(exhausted_memory_is_an_error_naming_the_sizes),
      cmocka_unit_test(the_cache_is_reclaimed_before_memory_is_refused),
      cmocka_unit_test(work_is_waited_for_before_memory_is_refused),
      cmocka_unit_test(small_blocks_are_refused_cleanly),
      cmocka_unit_test(untouched_memory_counts_as_needed),
      cmocka_unit_test(absurd_sizes_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
