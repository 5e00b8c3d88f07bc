/* Many threads allocate, hand over and free while others clear, limit, read and fork. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "child.h"
#include "memory/figures.h"
#include "memory/memory.h"
#include "mlx/mx/memory.h"

#include <pthread.h>
#include <string.h>

enum { THREADS = 4, ROUNDS = 20000, SLOTS = 64 };

/* Buffers pass from thread to thread through these. */
static mx_buffer *_Atomic slots[SLOTS];

static size_t random_size(uint32_t *seed) {
  *seed = *seed * 1664525 + 1013904223;
  uint32_t r = *seed >> 8;
  if (r % 64 == 0) return r % (1 << 20);
  return r % 4 ? r % 300 : r % 20000;
}

static void *churn(void *number) {
  uint32_t seed = (uint32_t)(uintptr_t)number;
  for (int i = 0; i < ROUNDS; i++) {
    size_t size = random_size(&seed);
    mx_buffer *b = mx_buffer_new(size);
    if (!b) abort();
    if (size) memset(b->data, (int)size, size < 64 ? size : 64);
    mx_buffer_retain(b);
    mx_buffer_release(b);
    mx_buffer_release(atomic_exchange(&slots[seed % SLOTS], b));
  }
  return NULL;
}

static void *allocate_one(void *unused) {
  (void)unused;
  return mx_buffer_new(100);
}

static void *many_short_threads(void *number) {
  for (int i = 0; i < 50; i++) {
    pthread_t thread;
    pthread_create(&thread, NULL, allocate_one, NULL);
    void *b;
    pthread_join(thread, &b);
    mx_buffer_release(b);
  }
  return number;
}

static atomic_bool done;

static void *disturb(void *unused) {
  for (int i = 0; !done; i++) {
    mx_clear_cache();
    mx_set_cache_limit(i % 2 ? 10000 : 1 << 30);
    mx_set_memory_limit(i % 3 ? 100000 : 1 << 30);
    if (mx_get_peak_memory() < 1 && mx_get_active_memory() > 1 && mx_get_cache_memory() > 1)
      mx_reset_peak_memory();
    usleep(100);
  }
  return unused;
}

static void threads_share_the_allocator(void **state) {
  (void)state;
  pthread_t thread[THREADS], disturber, starter;
  pthread_create(&disturber, NULL, disturb, NULL);
  pthread_create(&starter, NULL, many_short_threads, NULL);
  for (uintptr_t i = 0; i < THREADS; i++) pthread_create(&thread[i], NULL, churn, (void *)i);
  for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
  pthread_join(starter, NULL);
  done = true;
  pthread_join(disturber, NULL);
  for (int i = 0; i < SLOTS; i++) mx_buffer_release(atomic_exchange(&slots[i], NULL));
  assert_int_equal(mx_get_active_memory(), 0);
  mx_set_cache_limit(1 << 30);
  mx_set_memory_limit(1 << 30);
  mx_clear_cache();
  assert_int_equal(mx_get_cache_memory(), 0);
}

/* What one thread left in its magazine, alive or ended, belongs to the cache as well. */
static void *allocate_some(void *unused) {
  mx_buffer *b[100];
  for (int i = 0; i < 100; i++) b[i] = mx_buffer_new(64);
  for (int i = 0; i < 100; i++) mx_buffer_release(b[i]);
  return unused;
}

static pthread_barrier_t barrier;
static void *allocate_and_stay(void *unused) {
  allocate_some(NULL);
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  return unused;
}

static void other_threads_blocks_are_cleared_too(void **state) {
  (void)state;
  mx_clear_cache();
  pthread_t thread;
  pthread_create(&thread, NULL, allocate_some, NULL);
  pthread_join(thread, NULL);
  assert_int_equal(mx_get_cache_memory(), 6400);
  pthread_barrier_init(&barrier, NULL, 2);
  pthread_create(&thread, NULL, allocate_and_stay, NULL);
  pthread_barrier_wait(&barrier);
  assert_int_equal(mx_get_cache_memory(), 6400); /* reused what the first one left */
  mx_clear_cache();
  assert_int_equal(mx_get_cache_memory(), 0);
  pthread_barrier_wait(&barrier);
  pthread_join(thread, NULL);
}

static void allocate_in_child(void) {
  alarm(60);
  for (size_t size = 1; size < 1 << 22; size *= 2) mx_buffer_release(mx_buffer_new(size));
  mx_clear_cache();
}

static void a_child_forked_amid_allocations_can_allocate(void **state) {
  (void)state;
#ifdef __SANITIZE_THREAD__ /* whose own locks do not survive a fork of several threads */
  skip();
#endif
  pthread_t thread[THREADS];
  for (uintptr_t i = 0; i < THREADS; i++) pthread_create(&thread[i], NULL, churn, (void *)i);
  for (int i = 0; i < 20; i++) assert_in_child(allocate_in_child);
  for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
  for (int i = 0; i < SLOTS; i++) mx_buffer_release(atomic_exchange(&slots[i], NULL));
  assert_int_equal(mx_get_active_memory(), 0);
}

int main(void) {
  mx_mem_directory = "/nonexistent"; /* children that end abruptly would leave files behind */
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(threads_share_the_allocator),
      cmocka_unit_test(other_threads_blocks_are_cleared_too),
      cmocka_unit_test(a_child_forked_amid_allocations_can_allocate),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
