/* The wired limit pins buffers and mapped weights, as the kernel's own count of locked memory says.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "child.h"
#include "memory/figures.h"
#include "memory/memory.h"
#include "mlx/mx/memory.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

static const size_t MIB = 1 << 20;

static size_t locked(void) { return status_bytes("VmLck"); }

/* Some machines give a process less to lock than these tests need, and sanitizers lock nothing. */
static bool may_lock(size_t bytes) {
  struct rlimit limit;
  getrlimit(RLIMIT_MEMLOCK, &limit);
  void *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  bool may = limit.rlim_cur >= bytes && !mlock(block, bytes) && locked() == bytes;
  munmap(block, bytes);
  return may;
}

static size_t wired_now(void) {
  mx_memory_report report;
  assert_int_equal(mx_memory_of_process(getpid(), &report), 0);
  assert_int_equal(report.wired_limit, mx_get_wired_limit());
  return report.wired;
}

static int unwire(void **state) {
  (void)state;
  mx_set_wired_limit(0);
  mx_clear_cache();
  mx_error_clear();
  assert_int_equal(locked(), 0);
  assert_int_equal(mx_get_active_memory(), 0);
  return 0;
}

static void a_limit_pins_live_and_later_buffers(void **state) {
  (void)state;
  mx_buffer *before = mx_buffer_new(1 * MIB);
  assert_int_equal(locked(), 0);
  assert_int_equal(mx_set_wired_limit(4 * MIB), 0);
  assert_int_equal(mx_get_wired_limit(), 4 * MIB);
  assert_int_equal(locked(), 1 * MIB);
  mx_buffer *after = mx_buffer_new(2 * MIB);
  assert_int_equal(locked(), 3 * MIB);
  assert_int_equal(wired_now(), 3 * MIB);
  mx_buffer_release(after); /* cached, and still pinned */
  assert_int_equal(locked(), 3 * MIB);
  mx_clear_cache();
  assert_int_equal(locked(), 1 * MIB);
  assert_int_equal(mx_set_wired_limit(0), 4 * MIB);
  assert_int_equal(locked(), 0);
  mx_buffer_release(before);
}

static void no_more_than_the_limit_is_pinned(void **state) {
  (void)state;
  mx_set_wired_limit(3 * MIB + 100);
  mx_buffer *a = mx_buffer_new(2 * MIB), *b = mx_buffer_new(2 * MIB), *c = mx_buffer_new(1 * MIB);
  assert_int_equal(locked(), 3 * MIB);
  mx_set_wired_limit(5 * MIB); /* raised: the newest first, then as far as it goes */
  assert_int_equal(locked(), 5 * MIB);
  mx_set_wired_limit(1 * MIB); /* lowered: the newest stays */
  assert_int_equal(locked(), 1 * MIB);
  assert_int_equal(munlock(c->data, 1 * MIB), 0);
  assert_int_equal(locked(), 0); /* so it was that one */
  mx_set_wired_limit(0);
  mx_buffer_release(a);
  mx_buffer_release(b);
  mx_buffer_release(c);
}

static void mapped_weights_are_pinned_when_asked(void **state) {
  (void)state;
  FILE *file = tmpfile();
  assert_int_equal(ftruncate(fileno(file), 2 * MIB), 0);
  char *map = mmap(NULL, 2 * MIB, PROT_READ, MAP_SHARED, fileno(file), 0);
  assert_ptr_not_equal(map, MAP_FAILED);
  mx_set_wired_limit(4 * MIB);
  /* Three tensors that lie in one file, not at page boundaries. */
  mx_buffer *head = mx_buffer_wrap(map, 5000, NULL, NULL);
  mx_buffer *body = mx_buffer_wrap(map + 5000, 1 * MIB, NULL, NULL);
  mx_buffer *tail = mx_buffer_wrap(map + 5000 + 1 * MIB, 1 * MIB - 5000, NULL, NULL);
  assert_int_equal(locked(), 0);
  mx_buffer_wire(head);
  mx_buffer_wire(body);
  mx_buffer_wire(tail);
  assert_int_equal(locked(), 2 * MIB);
  mx_buffer_release(body); /* its neighbours keep all of theirs */
  assert_int_equal(locked(), 1 * MIB);
  assert_int_equal(wired_now(), 1 * MIB);
  mx_buffer_release(head);
  mx_buffer_release(tail);
  assert_int_equal(locked(), 0);
  munmap(map, 2 * MIB);
  fclose(file);
}

static void exceed_the_systems_limit(void) {
  struct rlimit limit = {3 << 20, 3 << 20};
  CHECK(!setrlimit(RLIMIT_MEMLOCK, &limit));
  CHECK(mx_set_wired_limit(2 << 20) == 0);
  CHECK(!mx_error());
  CHECK(mx_set_wired_limit((3 << 20) + 1) == 2 << 20);
  CHECK(mx_error() && strstr(mx_error(), "3145729 bytes") && strstr(mx_error(), "3145728 bytes"));
  CHECK(strstr(mx_error(), "RLIMIT_MEMLOCK"));
  CHECK(mx_get_wired_limit() == 2 << 20);
}

static void a_limit_above_the_systems_is_an_error_naming_both(void **state) {
  (void)state;
  assert_in_child(exceed_the_systems_limit);
}

static void start_unpinned(void) {
  CHECK(locked() == 0);
  CHECK(mx_get_wired_limit() == 0);
  CHECK(mx_set_wired_limit(1 << 20) == 0);
  CHECK(locked() == 1 << 20);
}

static void a_forked_child_starts_unpinned(void **state) {
  (void)state;
  mx_set_wired_limit(4 * MIB);
  mx_buffer *b = mx_buffer_new(2 * MIB);
  assert_in_child(start_unpinned);
  assert_int_equal(locked(), 2 * MIB);
  mx_buffer_release(b);
}

int main(void) {
  mx_mem_directory = "/nonexistent"; /* children that end abruptly would leave files behind */
#define TEST(name) cmocka_unit_test_teardown(name, unwire)
  const struct CMUnitTest errors[] = {TEST(a_limit_above_the_systems_is_an_error_naming_both)};
  const struct CMUnitTest tests[] = {
      TEST(a_limit_pins_live_and_later_buffers),
      TEST(no_more_than_the_limit_is_pinned),
      TEST(mapped_weights_are_pinned_when_asked),
      TEST(a_forked_child_starts_unpinned),
  };
  int failed = cmocka_run_group_tests(errors, NULL, NULL);
  if (may_lock(6 * MIB)) return failed + cmocka_run_group_tests(tests, NULL, NULL);
  puts("skipped: this process may not lock 6 MiB");
  return failed;
}
