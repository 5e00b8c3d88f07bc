/* The process's thread pool: workers spin briefly for the next job, then sleep. */
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_THREADS 256
#define SPIN_NANOSECONDS 100000 /* longer than the gap between two kernels of a model */
/* Each thread has a share of its own, taken chunk by chunk from its beginning on, so that it reads
 * memory in one run; then it helps the others with theirs. A chunk is this part of what is left of
 * the share, so that the last ones are short and threads that others keep from their core even out;
 * and at least that part of the whole share. */
#define CHUNK_OF_LEFT 4
#define CHUNK_OF_SHARE 64

typedef struct {
  void (*fn)(void *, int64_t, int64_t);
  void *context;
  int64_t grain;
  int64_t least; /* elements of a chunk: a multiple of the grain, like all chunks' */
} pool_job;

typedef struct {
  _Alignas(64) _Atomic int64_t next; /* first element that nobody has taken */
  int64_t end;
} share;

/* The state word: | generation (47 bits) | open (1) | workers inside (16) |. A worker enters an
 * open job by adding one to it, so that the master, once it has closed the job, waits for those
 * alone who are at work: never for one that still sleeps. */
#define OPEN ((uint64_t)1 << 16)
#define INSIDE(state) ((int)((state)&0xffff))
#define GENERATION(state) ((state) >> 17)

static struct {
  int threads;
  pthread_mutex_t busy; /* held by the thread whose job the pool is running */
  pthread_mutex_t sleep;
  pthread_cond_t wake;
  pool_job job; /* it and the shares are written while the state is closed and nobody is inside */
  share shares[MAX_THREADS];
  _Atomic uint64_t state;
  _Atomic int callers;  /* threads that are running jobs, on the pool or for want of it alone */
  _Atomic int sleeping; /* workers in cond_wait */
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

static int64_t nanoseconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* Cores that a cgroup (v2) directory allows, rounded up; 0 where it sets no limit. */
static int quota_of(const char *directory) {
  char path[600];
  long long quota = 0, period = 0;
  snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", directory);
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  bool limited = fscanf(file, "%lld %lld", &quota, &period) == 2 && quota > 0 && period > 0;
  fclose(file);
  return limited ? (int)((quota + period - 1) / period) : 0;
}

/* The tightest quota of the process's cgroup and of those around it; 0 for none. */
static int cgroup_cores(void) {
  char line[512], *directory = line;
  int least = 0;
  FILE *file = fopen("/proc/self/cgroup", "r");
  line[0] = 0;
  while (file && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    if (strncmp(line, "0::", 3) == 0) {
      directory = line + 3;
      break;
    }
    line[0] = 0;
  }
  if (file) fclose(file);
  for (;;) {
    char *last = strrchr(directory, '/');
    if (last && !last[1]) *last = 0; /* the root's name is empty */
    int quota = quota_of(directory);
    if (quota && (!least || quota < least)) least = quota;
    if (!(last = strrchr(directory, '/'))) return least;
    *last = 0;
  }
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

/* A worker leaves early when other threads have come to work beside the job's master, so that no
 * more threads run than there are cores; the master stays to the end. */
static bool crowded(void) {
  return INSIDE(atomic_load_explicit(&pool.state, memory_order_relaxed)) +
             atomic_load_explicit(&pool.callers, memory_order_relaxed) >
         pool.threads;
}

static int64_t round_up(int64_t n, int64_t grain) { return (n + grain - 1) / grain * grain; }

/* Where a chunk ends depends on where it begins alone: the same chunks in every run. */
static int64_t chunk_end(const pool_job *job, int64_t begin, int64_t end) {
  int64_t chunk = round_up((end - begin) / CHUNK_OF_LEFT, job->grain);
  if (chunk < job->least) chunk = job->least;
  return chunk < end - begin ? begin + chunk : end;
}

static void take_chunks_of(share *s, bool master) {
  const pool_job *job = &pool.job;
  int64_t begin = atomic_load_explicit(&s->next, memory_order_relaxed);
  while (begin < s->end && (master || !crowded())) {
    int64_t end = chunk_end(job, begin, s->end);
    if (!atomic_compare_exchange_weak(&s->next, &begin, end)) continue;
    job->fn(job->context, begin, end);
    begin = atomic_load_explicit(&s->next, memory_order_relaxed);
  }
}

static void take_chunks(int thread) {
  inside = true;
  for (int i = 0; i < pool.threads; i++)
    take_chunks_of(&pool.shares[(thread + i) % pool.threads], thread == 0);
  inside = false;
}

/* True if the worker is now inside a job newer than *seen. */
static bool enter(uint64_t *seen) {
  uint64_t state = atomic_load_explicit(&pool.state, memory_order_acquire);
  while (GENERATION(state) != *seen && (state & OPEN))
    if (atomic_compare_exchange_weak(&pool.state, &state, state + 1)) {
      *seen = GENERATION(state);
      return true;
    }
  return false;
}

static void wait_for_job(uint64_t *seen) {
  int64_t until = nanoseconds() + SPIN_NANOSECONDS;
  do {
    for (int i = 0; i < 32; i++) {
      if (enter(seen)) return;
      relax();
    }
  } while (nanoseconds() < until);
  pthread_mutex_lock(&pool.sleep);
  atomic_fetch_add(&pool.sleeping, 1);
  while (!enter(seen)) pthread_cond_wait(&pool.wake, &pool.sleep);
  atomic_fetch_sub(&pool.sleeping, 1);
  pthread_mutex_unlock(&pool.sleep);
}

static void *worker(void *number) {
  int thread = (int)(intptr_t)number;
  uint64_t seen = 0;
  for (;;) {
    wait_for_job(&seen);
    take_chunks(thread);
    atomic_fetch_sub_explicit(&pool.state, 1, memory_order_release);
  }
  return NULL;
}

/* After fork only the calling thread lives: the child works alone. */
static void child_after_fork(void) { pool.threads = 1; }

static void start(void) {
  int threads = usable_cores(), made = 1;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pool.threads = threads;
  while (made < threads) {
    pthread_t thread;
    if (pthread_create(&thread, &attributes, worker, (void *)(intptr_t)made)) break;
    made++;
  }
  if (made == 1) pool.threads = 1;
  pthread_attr_destroy(&attributes);
  pthread_atfork(NULL, NULL, child_after_fork);
}

int mx_pool_threads(void) {
  pthread_once(&started, start);
  return pool.threads;
}

/* Opens the job to the workers, takes part, closes it and waits for those who came. */
static void run_on_pool(pool_job job, int64_t count) {
  int64_t each = round_up((count + pool.threads - 1) / pool.threads, job.grain), begin = 0;
  job.least = round_up(each / CHUNK_OF_SHARE, job.grain);
  if (job.least < job.grain) job.least = job.grain;
  pool.job = job;
  for (int i = 0; i < pool.threads; i++) {
    share *s = &pool.shares[i];
    atomic_store_explicit(&s->next, begin, memory_order_relaxed);
    s->end = begin = count - begin < each ? count : begin + each;
  }
  uint64_t state = atomic_load_explicit(&pool.state, memory_order_relaxed);
  atomic_store(&pool.state, (GENERATION(state) + 1) << 17 | OPEN);
  if (atomic_load(&pool.sleeping)) {
    pthread_mutex_lock(&pool.sleep);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.sleep);
  }
  take_chunks(0);
  atomic_fetch_and(&pool.state, ~OPEN);
  while (INSIDE(atomic_load_explicit(&pool.state, memory_order_acquire))) relax();
}

void mx_pool_run(int64_t count, int64_t grain, void (*fn)(void *, int64_t, int64_t),
                 void *context) {
  if (count <= 0) return;
  if (grain < 1) grain = 1;
  if (count <= grain || inside || mx_pool_threads() == 1) {
    fn(context, 0, count);
    return;
  }
  atomic_fetch_add(&pool.callers, 1);
  if (pthread_mutex_trylock(&pool.busy)) {
    fn(context, 0, count);
  } else {
    run_on_pool((pool_job){.fn = fn, .context = context, .grain = grain}, count);
    pthread_mutex_unlock(&pool.busy);
  }
  atomic_fetch_sub(&pool.callers, 1);
}
