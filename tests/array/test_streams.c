/* Threads share arrays and streams: what they evaluate is right whoever gets there first, a stream
 * keeps its order, and streams wait for each other. */
#include "check.h"

#include "array/array.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 4, STREAMS = 3, ROUNDS = 40 };

static const mx_stream DEFAULT = {.index = -1};

/* Runs fn in several threads at once; each gets its number. */
static void in_threads(int count, void *(*fn)(void *)) {
  pthread_t threads[THREADS];
  for (int i = 0; i < count; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, fn, (void *)(intptr_t)i), 0);
  for (int i = 0; i < count; i++) {
    void *problem;
    pthread_join(threads[i], &problem);
    if (problem) fail_msg("thread %d: %s", i, (const char *)problem);
  }
}

static bool all_are(mx a, float value) {
  const float *data = mx_data(a);
  for (size_t i = 0; data && i < mx_size(a); i++)
    if (data[i] != value) return false;
  return data != NULL;
}

static mx filled(int size, float value) {
  return mx_contiguous(mx_full(MX_INTS(size), mx_float(value), MX_FLOAT32));
}

/* ---- One stream ---- */

static mx base;

/* A chain of its own over the shared array, evaluated link by link. */
static void *extend(void *number) {
  mx a = mx_retain(base);
  const char *problem = NULL;
  for (int i = 0; i < ROUNDS && !problem; i++) {
    mx_scope scope = mx_scope_begin();
    mx next = mx_retain(mx_add(a, mx_float((float)(intptr_t)number)));
    mx_scope_end(scope, NULL);
    mx_release(a);
    a = next;
    if (i % 3 == 2 && mx_async_eval(a)) problem = "not scheduled";
    if (i % 3 != 1 && mx_eval(a)) problem = "not evaluated";
  }
  if (!problem && !all_are(a, (float)(7 + ROUNDS * (intptr_t)number))) problem = "wrong values";
  mx_release(a);
  return (void *)problem;
}

static void threads_share_a_lazy_array_and_a_stream(void **state) {
  (void)state;
  for (int size = 10; size <= 100000; size *= 100) {
    base = mx_multiply(filled(size, 3.5f), mx_float(2));
    in_threads(THREADS, extend);
    assert_true(all_are(base, 7));
  }
}

/* One array, which all threads ask for at the same time. */
static void *read_base(void *number) {
  (void)number;
  return all_are(base, 5) ? NULL : (void *)"wrong values";
}

static void threads_evaluate_one_array_together(void **state) {
  (void)state;
  for (int i = 0; i < ROUNDS; i++) {
    mx_scope scope = mx_scope_begin();
    base = mx_divide(filled(1000, 10), mx_float(2));
    in_threads(THREADS, read_base);
    mx_scope_end(scope, NULL);
  }
}

static mx long_work;
static _Atomic bool submitted;

static void *submit_long_work(void *unused) {
  (void)unused;
  bool failed = mx_async_eval(long_work);
  atomic_store(&submitted, true);
  return failed ? (void *)"not scheduled" : NULL;
}

static void nothing_overtakes_on_a_stream(void **state) {
  (void)state;
  for (int i = 0; i < 10; i++) {
    mx_scope scope = mx_scope_begin();
    mx a = filled(100000, 1);
    for (int n = 0; n < 50; n++) a = mx_sqrt(mx_add(a, mx_float(0)));
    long_work = a;
    mx quick = mx_add(filled(2, 1), mx_float(1));
    atomic_store(&submitted, false);
    pthread_t thread;
    pthread_create(&thread, NULL, submit_long_work, NULL);
    while (!atomic_load(&submitted)) sched_yield();
    assert_int_equal(mx_eval(quick), 0);
    assert_int_equal(atomic_load(&long_work->status), MX_AVAILABLE);
    void *problem;
    pthread_join(thread, &problem);
    assert_null(problem);
    mx_scope_end(scope, NULL);
  }
}

/* ---- Several streams ---- */

static mx_stream streams[STREAMS];

/* Each link lies on another stream than the one before and needs the shared array too, which lies
 * on the first. Some links are given up at once, so that memory is given on from stream to stream.
 */
static void *wander(void *number) {
  int at = (int)(intptr_t)number;
  mx_scope outer = mx_scope_begin();
  mx a = mx_retain(filled(20000, 0)), middle = NULL;
  const char *problem = NULL;
  for (int i = 0; i < ROUNDS && !problem; i++) {
    mx_use_stream(streams[(at + i) % STREAMS]);
    mx_scope scope = mx_scope_begin();
    mx next = mx_retain(
        mx_add(mx_slice_update(a, mx_float((float)i), MX_INTS(0), MX_INTS(20000), MX_NO_INTS),
               mx_subtract(base, mx_float(3))));
    mx_scope_end(scope, NULL);
    mx_release(a);
    a = next;
    if (i == ROUNDS / 2) middle = mx_retain(a);
    if (i % 4 == 1 && mx_async_eval(a)) problem = "not scheduled";
    if (i % 16 == 5 && mx_eval(a)) problem = "not evaluated";
  }
  mx_use_stream(DEFAULT);
  if (!problem && !all_are(a, ROUNDS - 1 + 4)) problem = "wrong values";
  if (!problem && !all_are(middle, ROUNDS / 2 + 4)) problem = "wrong values on the way";
  mx_release(a);
  mx_release(middle);
  mx_scope_end(outer, NULL);
  return (void *)problem;
}

static void threads_on_streams_that_need_each_other(void **state) {
  (void)state;
  for (int i = 0; i < STREAMS; i++) streams[i] = mx_new_stream(mx_default_device());
  for (int i = 0; i < 3; i++) {
    mx_scope scope = mx_scope_begin();
    mx_use_stream(streams[0]);
    base = mx_add(filled(20000, 3), mx_float(4));
    mx_use_stream(DEFAULT);
    in_threads(THREADS, wander);
    for (int s = 0; s < STREAMS; s++) mx_synchronize(streams[s]);
    mx_scope_end(scope, NULL);
  }
}

/* An error on one stream reaches what another computes with it, and that alone. */
static void errors_cross_streams(void **state) {
  (void)state;
  for (int i = 0; i < STREAMS; i++) streams[i] = mx_new_stream(mx_default_device());
  mx_use_stream(streams[0]);
  mx huge = mx_contiguous(mx_broadcast_to(mx_float(1), MX_INTS(1 << 20, 1 << 20, 1 << 12)));
  mx_use_stream(streams[1]);
  mx after = mx_sum(mx_add(huge, mx_float(1)));
  mx_use_stream(streams[2]);
  mx other = mx_add(filled(3, 1), mx_float(1));
  mx_use_stream(DEFAULT);
  assert_int_equal(mx_async_eval(after, other), 0);
  assert_int_equal(mx_eval(after), -1);
  assert_non_null(mx_error());
  mx_error_clear();
  assert_true(all_are(other, 2));
}

/* A stack larger than the address space stands for a system that has no thread left. */
static void a_stream_without_a_thread_is_served_by_who_waits(void **state) {
  (void)state;
  pthread_attr_t before, absurd;
  pthread_getattr_default_np(&before);
  pthread_getattr_default_np(&absurd);
  assert_int_equal(pthread_attr_setstacksize(&absurd, (size_t)1 << 50), 0);
  assert_int_equal(pthread_setattr_default_np(&absurd), 0);
  mx a = filled(10, 1);
  for (int i = 0; i < 6; i++) {
    mx_use_stream(mx_new_stream(mx_default_device()));
    a = mx_add(a, mx_float(1));
    assert_int_equal(mx_async_eval(a), 0);
  }
  mx_use_stream(DEFAULT);
  bool right = all_are(a, 7);
  pthread_setattr_default_np(&before);
  assert_true(right);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(threads_share_a_lazy_array_and_a_stream),
      scoped_test(threads_evaluate_one_array_together),
      scoped_test(nothing_overtakes_on_a_stream),
      scoped_test(threads_on_streams_that_need_each_other),
      scoped_test(errors_cross_streams),
      scoped_test(a_stream_without_a_thread_is_served_by_who_waits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
