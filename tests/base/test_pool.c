/* The thread pool: every element is handled exactly once, from one caller, from several at a time,
 * from inside a job, and from workers that had gone to sleep. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  unsigned char *hits;
  int64_t count, grain;
  _Atomic int short_ranges;
} job;

static void hit(void *context, int64_t begin, int64_t end) {
  job *j = context;
  if (end - begin < j->grain && end != j->count) atomic_fetch_add(&j->short_ranges, 1);
  for (int64_t i = begin; i < end; i++) j->hits[i]++;
}

static int wrong_after_run(int64_t count, int64_t grain) {
  job j = {calloc((size_t)count + 1, 1), count, grain, 0};
  mx_pool_run(count, grain, hit, &j);
  int wrong = j.short_ranges;
  for (int64_t i = 0; i < count; i++) wrong += j.hits[i] != 1;
  free(j.hits);
  return wrong;
}

static void each_element_is_handled_once(void **state) {
  (void)state;
  for (int64_t count = 0; count < 3000; count = count * 3 / 2 + 1)
    for (int64_t grain = 1; grain < 600; grain *= 7)
      assert_int_equal(wrong_after_run(count, grain), 0);
}

static void sleeping_workers_come_back(void **state) {
  (void)state;
  for (int i = 0; i < 20; i++) {
    usleep(2000);
    assert_int_equal(wrong_after_run(1000, 1), 0);
  }
}

static void *many_runs(void *wrong) {
  for (int i = 0; i < 300; i++) *(int *)wrong += wrong_after_run(997, 3);
  return NULL;
}

static void callers_do_not_disturb_each_other(void **state) {
  (void)state;
  pthread_t threads[4];
  int wrong[4] = {0};
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, many_runs, &wrong[i]);
  for (int i = 0; i < 4; i++) {
    pthread_join(threads[i], NULL);
    assert_int_equal(wrong[i], 0);
  }
}

static void nested(void *context, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; i++)
    if (wrong_after_run(100, 1)) atomic_fetch_add((_Atomic int *)context, 1);
}

static void jobs_may_run_jobs(void **state) {
  (void)state;
  _Atomic int wrong = 0;
  mx_pool_run(50, 1, nested, &wrong);
  assert_int_equal(wrong, 0);
}

int main(void) {
  setenv("MLX_NUM_THREADS", "3", 1);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_element_is_handled_once),
      cmocka_unit_test(sleeping_workers_come_back),
      cmocka_unit_test(callers_do_not_disturb_each_other),
      cmocka_unit_test(jobs_may_run_jobs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
