/* The documented promises again, as a program that uses arrays sees them: the checks of MLX's own
 * test of memory, and an array that no machine can hold. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mlx/mx.h"

#include <string.h>

/* Makes n evaluated zeros of float32; the caller releases them. */
static mx zeros(int64_t n) {
  mx_scope scope = mx_scope_begin();
  mx a = mx_retain(mx_zeros(MX_INTS(n), MX_FLOAT32));
  mx_scope_end(scope, NULL);
  assert_int_equal(mx_eval(a), 0);
  return a;
}

static void a_cache_limit_of_zero_keeps_nothing(void **state) {
  (void)state;
  size_t before = mx_set_cache_limit(0);
  mx_release(zeros(4096));
  assert_int_equal(mx_get_cache_memory(), 0);
  assert_int_equal(mx_set_cache_limit(before), 0);
  assert_int_equal(mx_set_cache_limit(before), before);
}

static void active_peak_and_cache_follow_arrays(void **state) {
  (void)state;
  mx a = zeros(4096);
  size_t active = mx_get_active_memory();
  assert_true(active >= 4096 * 4);
  mx_release(zeros(4096));
  assert_int_equal(mx_get_active_memory(), active);
  assert_true(mx_get_peak_memory() >= 4096 * 8);
  assert_true(mx_get_cache_memory() >= 4096 * 4);
  mx_clear_cache();
  assert_int_equal(mx_get_cache_memory(), 0);
  mx_reset_peak_memory();
  assert_int_equal(mx_get_peak_memory(), 0);
  mx_release(a);
}

static void active_memory_returns_to_what_it_was(void **state) {
  (void)state;
  mx_clear_cache();
  size_t before = mx_get_active_memory();
  mx_release(zeros(128 * 128));
  mx_release(zeros(90 * 128)); /* served by the larger buffer, or not: counted for what it was */
  assert_int_equal(mx_get_active_memory(), before);
}

static void beyond_the_memory_limit_evaluation_goes_on(void **state) {
  (void)state;
  size_t before = mx_set_memory_limit(10);
  mx_release(zeros(100000));
  assert_null(mx_error());
  assert_int_equal(mx_set_memory_limit(before), 10);
}

/* Four streams allocate beyond the limit at once; each may wait for the others' work, and none for
 * ever. */
static void at_the_memory_limit_streams_wait_for_each_other(void **state) {
  (void)state;
  enum { STREAMS = 4, LINKS = 20, N = 1 << 18 };
  size_t before = mx_set_memory_limit(mx_get_active_memory() + 3 * N * sizeof(float));
  mx ends[STREAMS];
  mx_stream streams[STREAMS];
  for (int s = 0; s < STREAMS; s++) {
    mx_scope scope = mx_scope_begin();
    streams[s] = mx_new_stream(mx_default_device());
    mx_use_stream(streams[s]);
    mx a = mx_zeros(MX_INTS(N), MX_FLOAT32);
    for (int i = 0; i < LINKS; i++) a = mx_add(mx_contiguous(mx_negative(a)), mx_float((float)s));
    ends[s] = mx_retain(mx_max(mx_add(a, mx_negative(mx_min(a)))));
    mx_scope_end(scope, NULL);
  }
  mx_use_stream((mx_stream){.index = -1});
  assert_int_equal(mx_async_eval_arrays(ends, STREAMS), 0);
  for (int s = 0; s < STREAMS; s++) {
    assert_true(mx_item_double(ends[s]) == 0);
    mx_synchronize(streams[s]);
    mx_release(ends[s]);
  }
  mx_set_memory_limit(before);
}

static void an_array_that_cannot_be_is_an_error_at_evaluation(void **state) {
  (void)state;
  mx_scope scope = mx_scope_begin();
  mx a = mx_zeros(MX_INTS(1 << 20, 1 << 20, 64), MX_FLOAT32); /* 256 TiB */
  assert_int_equal(mx_eval(mx_contiguous(a)), -1);
  assert_non_null(strstr(mx_error(), "281474976710656 bytes"));
  mx_error_clear();
  mx_scope_end(scope, NULL);
  mx_release(zeros(10));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_cache_limit_of_zero_keeps_nothing),
      cmocka_unit_test(active_peak_and_cache_follow_arrays),
      cmocka_unit_test(active_memory_returns_to_what_it_was),
      cmocka_unit_test(beyond_the_memory_limit_evaluation_goes_on),
      cmocka_unit_test(at_the_memory_limit_streams_wait_for_each_other),
      cmocka_unit_test(an_array_that_cannot_be_is_an_error_at_evaluation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
