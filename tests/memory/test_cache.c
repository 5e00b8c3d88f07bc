/* Freed buffers are cached and reused; the cache limit and the memory limit are kept. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "memory/memory.h"
#include "mlx/mx/memory.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

enum { KIB = 1 << 10, MIB = 1 << 20 };

static size_t default_limit;

static int fresh(void **state) {
  (void)state;
  mx_error_clear();
  mx_memory_set_wait(NULL);
  mx_set_memory_limit(default_limit);
  mx_set_cache_limit(default_limit);
  mx_clear_cache();
  mx_reset_peak_memory();
  return 0;
}

static int finish(void **state) {
  assert_int_equal(mx_get_active_memory(), 0);
  return fresh(state);
}

static size_t resident(void) {
  FILE *file = fopen("/proc/self/statm", "r");
  unsigned long total = 0, pages = 0;
  assert_int_equal(fscanf(file, "%lu %lu", &total, &pages), 2);
  fclose(file);
  return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* 0.8 of the machine, as MLX's CPU build computes it; a control group may have less. */
static void limits_default_to_four_fifths_of_memory(void **state) {
  (void)state;
  struct sysinfo info;
  sysinfo(&info);
  double machine = (double)info.totalram * info.mem_unit;
  assert_true(mx_get_memory_limit() <= (size_t)(0.8 * machine));
  assert_int_equal(mx_get_memory_limit(), (size_t)(0.8 * (double)mx_memory_machine()));
  size_t cache_limit = mx_set_cache_limit(1);
  assert_int_equal(cache_limit, mx_get_memory_limit());
  assert_int_equal(mx_set_cache_limit(cache_limit), 1);
  assert_int_equal(mx_get_wired_limit(), 0);
}

static void setters_return_the_previous_limit(void **state) {
  (void)state;
  size_t before = mx_set_memory_limit(10);
  assert_int_equal(mx_get_memory_limit(), 10);
  assert_int_equal(mx_set_memory_limit(before), 10);
  assert_int_equal(mx_set_memory_limit(before), before);
  before = mx_set_cache_limit(7);
  assert_int_equal(mx_set_cache_limit(before), 7);
  assert_int_equal(mx_set_cache_limit(before), before);
}

static const size_t sizes[] = {1,         4,         64,      65,          500,           513,
                               1000,      4096,      4097,    10000,       64 * KIB,      128 * KIB,
                               129 * KIB, 300 * KIB, 2 * MIB, 3 * MIB + 5, 32 * MIB + 100};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void a_buffer_is_aligned_and_as_large_as_asked(void **state) {
  (void)state;
  for (int i = 0; i < SIZES; i++) {
    mx_buffer *b = mx_buffer_new(sizes[i]);
    assert_non_null(b);
    assert_int_equal((uintptr_t)b->data % 64, 0);
    assert_true(b->size >= sizes[i]);
    assert_true(b->size <= sizes[i] + (sizes[i] <= 256 ? 63 : sizes[i] / 4) || b->size % 4096 == 0);
    assert_true(mx_buffer_is_unique(b));
    memset(b->data, 0x5a, b->size);
    assert_int_equal(mx_get_active_memory(), b->size);
    mx_buffer_release(b);
  }
}

static void huge_blocks_start_where_a_huge_page_can(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++) {
    mx_buffer *other = mx_buffer_new(200 * KIB), *b = mx_buffer_new(5 * MIB + 4096 * i);
    assert_int_equal((uintptr_t)b->data % (2 * MIB), 0);
    mx_buffer_release(b);
    mx_buffer_release(other);
  }
}

static void a_freed_buffer_is_cached_and_reused(void **state) {
  (void)state;
  for (int i = 0; i < SIZES; i++) {
    mx_buffer *b = mx_buffer_new(sizes[i]);
    void *data = b->data;
    size_t size = b->size;
    assert_int_equal(mx_get_cache_memory(), 0);
    mx_buffer_release(b);
    assert_int_equal(mx_get_active_memory(), 0);
    assert_int_equal(mx_get_cache_memory(), size);
    b = mx_buffer_new(sizes[i]);
    assert_ptr_equal(b->data, data);
    assert_int_equal(mx_get_active_memory(), size);
    assert_int_equal(mx_get_cache_memory(), 0);
    mx_buffer_release(b);
    mx_clear_cache();
    assert_int_equal(mx_get_cache_memory(), 0);
  }
}

/* MLX's bound: below twice the size, and less than two of its (16 KiB) pages above it. */
static void the_nearest_size_serves_and_much_larger_ones_do_not(void **state) {
  (void)state;
  mx_buffer *near = mx_buffer_new(1 * MIB + 4096), *far = mx_buffer_new(1 * MIB + 12288);
  void *near_data = near->data, *far_data = far->data;
  mx_buffer_release(near);
  mx_buffer_release(far);
  mx_buffer *a = mx_buffer_new(1 * MIB), *b = mx_buffer_new(1 * MIB);
  assert_ptr_equal(a->data, near_data);
  assert_ptr_equal(b->data, far_data);
  assert_int_equal(b->size, 1 * MIB + 12288); /* what it holds is what counts */
  mx_buffer_release(a);
  mx_buffer_release(b);
  mx_clear_cache();

  mx_buffer_release(mx_buffer_new(1 * MIB + 32 * KIB));
  a = mx_buffer_new(1 * MIB);
  assert_int_equal(mx_get_cache_memory(), 1 * MIB + 32 * KIB);
  mx_buffer_release(a);
  mx_clear_cache();

  mx_buffer_release(mx_buffer_new(16384));
  a = mx_buffer_new(8192);
  assert_int_equal(mx_get_cache_memory(), 16384);
  mx_buffer_release(a);
}

static void memory_stays_until_the_cache_is_cleared(void **state) {
  (void)state;
  size_t before = resident();
  mx_buffer *b = mx_buffer_new(64 * MIB);
  memset(b->data, 1, 64 * MIB);
  mx_buffer_release(b);
  assert_true(resident() > before + 60 * MIB);
  mx_clear_cache();
  assert_true(resident() < before + 4 * MIB);
}

static void the_peak_is_the_most_that_was_active(void **state) {
  (void)state;
  mx_buffer *a = mx_buffer_new(1 * MIB), *b = mx_buffer_new(2 * MIB);
  mx_buffer_release(a);
  assert_int_equal(mx_get_peak_memory(), 3 * MIB);
  mx_reset_peak_memory();
  assert_int_equal(mx_get_peak_memory(), 0);
  a = mx_buffer_new(1 * MIB);
  assert_int_equal(mx_get_peak_memory(), 3 * MIB);
  mx_buffer_release(a);
  mx_buffer_release(b);
}

static void a_cache_above_its_limit_shrinks_on_the_next_allocation(void **state) {
  (void)state;
  mx_buffer *b[8];
  for (int i = 0; i < 8; i++) b[i] = mx_buffer_new(1 * MIB);
  void *oldest = b[3]->data;
  mx_buffer_release(b[3]);
  for (int i = 0; i < 8; i++)
    if (i != 3) mx_buffer_release(b[i]);
  assert_int_equal(mx_get_cache_memory(), 8 * MIB);
  mx_set_cache_limit(3 * MIB);
  assert_int_equal(mx_get_cache_memory(), 8 * MIB);
  mx_buffer *tiny = mx_buffer_new(1);
  assert_int_equal(mx_get_cache_memory(), 3 * MIB);
  for (int i = 0; i < 3; i++) { /* the one freed longest ago went first */
    b[i] = mx_buffer_new(1 * MIB);
    assert_ptr_not_equal(b[i]->data, oldest);
  }
  for (int i = 0; i < 3; i++) mx_buffer_release(b[i]);
  mx_buffer_release(tiny);
}

static void small_buffers_are_reclaimed_too(void **state) {
  (void)state;
  mx_buffer *b[3000];
  for (int i = 0; i < 3000; i++) b[i] = mx_buffer_new(4);
  for (int i = 0; i < 3000; i++) mx_buffer_release(b[i]);
  assert_int_equal(mx_get_cache_memory(), 3000 * 64);
  mx_set_cache_limit(1000 * 64);
  b[0] = mx_buffer_new(4);
  assert_int_equal(mx_get_cache_memory(), 1000 * 64);
  mx_buffer_release(b[0]);
  mx_clear_cache();
  assert_int_equal(mx_get_cache_memory(), 0);
}

static void a_cache_limit_of_zero_turns_the_cache_off(void **state) {
  (void)state;
  mx_set_cache_limit(0);
  for (int i = 0; i < SIZES; i++) {
    mx_buffer *b = mx_buffer_new(sizes[i]);
    mx_buffer_release(b);
    assert_int_equal(mx_get_cache_memory(), 0);
    assert_int_equal(mx_get_active_memory(), 0);
  }
}

static mx_buffer *in_flight[4];
static int waits;

/* Stands for the evaluator: one piece of work ends with each call. */
static bool work_ends(void) {
  waits++;
  for (int i = 0; i < 4; i++)
    if (in_flight[i]) {
      mx_buffer_release(in_flight[i]);
      in_flight[i] = NULL;
      return true;
    }
  return false;
}

static void at_the_memory_limit_allocation_waits_for_work(void **state) {
  (void)state;
  for (int i = 0; i < 4; i++) in_flight[i] = mx_buffer_new(1 * MIB);
  mx_memory_set_wait(work_ends);
  waits = 0;
  mx_set_memory_limit(4 * MIB);
  mx_buffer *b = mx_buffer_new(2 * MIB); /* room for it once two have ended */
  assert_int_equal(waits, 2);
  assert_int_equal(mx_get_active_memory(), 4 * MIB);
  assert_int_equal(mx_get_cache_memory(), 0); /* reclaimed, to stay within the limit */
  mx_buffer_release(b);
  while (work_ends()) {}
}

static void at_the_memory_limit_the_cache_is_reclaimed(void **state) {
  (void)state;
  mx_buffer_release(mx_buffer_new(3 * MIB));
  mx_buffer_release(mx_buffer_new(1 * MIB));
  mx_set_memory_limit(4 * MIB);
  mx_memory_set_wait(work_ends);
  waits = 0;
  mx_buffer *b = mx_buffer_new(2 * MIB);
  assert_int_equal(waits, 0); /* nothing to wait for: the cache alone was in the way */
  assert_int_equal(mx_get_cache_memory(), 1 * MIB);
  mx_buffer_release(b);
}

static void beyond_the_memory_limit_allocation_goes_on(void **state) {
  (void)state;
  mx_memory_set_wait(work_ends);
  mx_set_memory_limit(10);
  waits = 0;
  mx_buffer *a = mx_buffer_new(1 * MIB), *b = mx_buffer_new(100);
  assert_non_null(a);
  assert_non_null(b);
  assert_null(mx_error());
  assert_int_equal(waits, 2);
  mx_buffer_release(a);
  mx_buffer_release(b);
  b = mx_buffer_new(100);
  assert_int_equal(mx_get_cache_memory(), 0);
  mx_buffer_release(b);
}

static int released;
static void count_release(void *payload) { released += *(int *)payload; }

static void wrapped_buffers_are_not_counted(void **state) {
  (void)state;
  static char block[100];
  int five = 5;
  released = 0;
  mx_buffer *b = mx_buffer_wrap(block, sizeof block, count_release, &five);
  assert_ptr_equal(b->data, block);
  assert_int_equal(b->size, 100);
  assert_int_equal(mx_get_active_memory(), 0);
  mx_buffer_retain(b);
  assert_false(mx_buffer_is_unique(b));
  mx_buffer_release(b);
  assert_int_equal(released, 0);
  mx_buffer_release(b);
  assert_int_equal(released, 5);
  mx_buffer_release(mx_buffer_wrap(block, sizeof block, NULL, NULL));
  assert_int_equal(mx_get_cache_memory(), 0);
}

static void empty_buffers_cost_nothing(void **state) {
  (void)state;
  mx_buffer *b = mx_buffer_new(0);
  assert_non_null(b);
  assert_non_null(b->data);
  assert_int_equal(mx_get_active_memory(), 0);
  mx_buffer_release(b);
  mx_buffer_release(NULL);
}

int main(void) {
  default_limit = mx_get_memory_limit();
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, finish)
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(limits_default_to_four_fifths_of_memory),
      TEST(setters_return_the_previous_limit),
      TEST(a_buffer_is_aligned_and_as_large_as_asked),
      TEST(huge_blocks_start_where_a_huge_page_can),
      TEST(a_freed_buffer_is_cached_and_reused),
      TEST(the_nearest_size_serves_and_much_larger_ones_do_not),
      TEST(memory_stays_until_the_cache_is_cleared),
      TEST(the_peak_is_the_most_that_was_active),
      TEST(a_cache_above_its_limit_shrinks_on_the_next_allocation),
      TEST(small_buffers_are_reclaimed_too),
      TEST(a_cache_limit_of_zero_turns_the_cache_off),
      TEST(at_the_memory_limit_allocation_waits_for_work),
      TEST(at_the_memory_limit_the_cache_is_reclaimed),
      TEST(beyond_the_memory_limit_allocation_goes_on),
      TEST(wrapped_buffers_are_not_counted),
      TEST(empty_buffers_cost_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
