/* The process's thread pool: workers spin briefly for the next job, then sleep. */
#include "base/pool.h"
#include "base/alloc.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_THREADS 256
#define SPINS 4000 /* about 50 microseconds: longer than the gap between two kernels */
#define CHUNKS_PER_THREAD 4

typedef struct {
  void (*fn)(void *, int64_t, int64_t);
  void *context;
  int64_t count, chunk;
} pool_job;

static struct {
  int threads;
  pthread_mutex_t busy; /* held by the thread whose job the pool is running */
  pthread_mutex_t sleep;
  pthread_cond_t wake;
  pool_job job;
  _Atomic int64_t next;         /* first element that nobody has taken */
  _Atomic unsigned generation;  /* rises by one with each job */
  _Atomic int working, sleeping; /* workers inside the current job; workers in cond_wait */
} pool = {.busy = PTHREAD_MUTEX_INITIALIZER,
          .sleep = PTHREAD_MUTEX_INITIALIZER,
          .wake = PTHREAD_COND_INITIALIZER};

static pthread_once_t started = PTHREAD_ONCE_INIT;
static _Thread_local bool inside;

static inline void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static int cgroup_cores(void) {
  FILE *file = fopen("/sys/fs/cgroup/cpu.max", "r");
  long long quota = 0, period = 0;
  int cores = 0;
  if (file) {
    if (fscanf(file, "%lld %lld", &quota, &period) == 2 && quota > 0 && period > 0)
      cores = (int)((quota + period - 1) / period);
    fclose(file);
  }
  return cores;
}

static int usable_cores(void) {
  const char *forced = getenv("MLX_NUM_THREADS");
  if (forced && atoi(forced) > 0) return atoi(forced) < MAX_THREADS ? atoi(forced) : MAX_THREADS;
  cpu_set_t set;
  int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  int quota = cgroup_cores();
  if (quota > 0 && quota < cores) cores = quota;
  return cores < 1 ? 1 : cores > MAX_THREADS ? MAX_THREADS : cores;
}

static void take_chunks(const pool_job *job) {
  inside = true;
  for (;;) {
    int64_t begin = atomic_fetch_add(&pool.next, job->chunk);
    if (begin >= job->count) break;
    int64_t end = begin + job->chunk;
    job->fn(job->context, begin, end < job->count ? end : job->count);
  }
  inside = false;
}

static unsigned wait_for_job(unsigned seen) {
  unsigned now;
  for (int i = 0; i < SPINS; i++) {
    if ((now = atomic_load_explicit(&pool.generation, memory_order_acquire)) != seen) return now;
    relax();
  }
  pthread_mutex_lock(&pool.sleep);
  atomic_fetch_add(&pool.sleeping, 1);
  while ((now = atomic_load(&pool.generation)) == seen) pthread_cond_wait(&pool.wake, &pool.sleep);
  atomic_fetch_sub(&pool.sleeping, 1);
  pthread_mutex_unlock(&pool.sleep);
  return now;
}

static void *worker(void *unused) {
  (void)unused;
  unsigned seen = 0;
  for (;;) {
    seen = wait_for_job(seen);
    take_chunks(&pool.job);
    atomic_fetch_sub_explicit(&pool.working, 1, memory_order_release);
  }
  return NULL;
}

/* After fork only the calling thread lives: the child works alone. */
static void child_after_fork(void) { pool.threads = 1; }

static void start(void) {
  int threads = usable_cores();
  pool.threads = 1;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  for (int i = 1; i < threads; i++) {
    pthread_t thread;
    if (pthread_create(&thread, &attributes, worker, NULL)) break;
    pool.threads++;
  }
  pthread_attr_destroy(&attributes);
  pthread_atfork(NULL, NULL, child_after_fork);
}

int mx_pool_threads(void) {
  pthread_once(&started, start);
  return pool.threads;
}

void mx_pool_run(int64_t count, int64_t grain, void (*fn)(void *, int64_t, int64_t), void *context) {
  if (count <= 0) return;
  if (grain < 1) grain = 1;
  if (count <= grain || inside || mx_pool_threads() == 1 || pthread_mutex_trylock(&pool.busy)) {
    fn(context, 0, count);
    return;
  }
  int64_t pieces = (int64_t)pool.threads * CHUNKS_PER_THREAD;
  int64_t chunk = (count + pieces - 1) / pieces;
  chunk = (chunk + grain - 1) / grain * grain;
  pool.job = (pool_job){fn, context, count, chunk};
  atomic_store(&pool.next, 0);
  atomic_store(&pool.working, pool.threads - 1);
  atomic_fetch_add(&pool.generation, 1);
  if (atomic_load(&pool.sleeping)) {
    pthread_mutex_lock(&pool.sleep);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.sleep);
  }
  take_chunks(&pool.job);
  while (atomic_load_explicit(&pool.working, memory_order_acquire)) relax();
  pthread_mutex_unlock(&pool.busy);
}
