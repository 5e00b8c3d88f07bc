/* The process's counters and limits, kept in one page that other processes can read, and the lock
 * under which the allocator changes them. */
#ifndef MEMORY_FIGURES_H
#define MEMORY_FIGURES_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The page as it lies in shared memory. Counters are written in place, so publishing costs nothing.
 * `held` is active + cached bytes: moving a buffer into the cache and out of it changes `active`
 * alone. */
typedef struct mx_mem_page {
  char magic[8];
  uint32_t size; /* of this struct: its layout's version */
  int32_t pid;
  uint64_t pid_namespace;
  _Atomic uint64_t start_time; /* of the process (/proc/PID/stat); set last: 0 while incomplete */
  _Atomic uint64_t memory_limit, cache_limit, wired_limit, wired;
  _Atomic uint32_t clear_asked, clear_done; /* futexes: a request's number, the last one served */
  alignas(64) _Atomic uint64_t active, held, peak;
} mx_mem_page;

enum { MX_MEM_PAGE_BYTES = 4096 };
#define MX_MEM_MAGIC "mlx-mem"

/* The page in use: private at first, the shared one once the process has allocated. Replaced only
 * with the allocator's every lock held; counters are changed only under one of them. */
extern mx_mem_page *_Atomic mx_mem_page_in_use;

static inline mx_mem_page *mx_mem_figures(void) {
  return atomic_load_explicit(&mx_mem_page_in_use, memory_order_acquire);
}

static inline uint64_t mx_mem_get(_Atomic uint64_t *counter) {
  return atomic_load_explicit(counter, memory_order_relaxed);
}

static inline uint64_t mx_mem_cached(mx_mem_page *page) {
  uint64_t held = mx_mem_get(&page->held), active = mx_mem_get(&page->active);
  return held > active ? held - active : 0; /* two loads: another thread may be between them */
}

/* Counts bytes that become active. Under a lock. */
static inline void mx_mem_activate(mx_mem_page *page, size_t bytes) {
  uint64_t now = atomic_fetch_add_explicit(&page->active, bytes, memory_order_relaxed) + bytes;
  uint64_t peak = mx_mem_get(&page->peak);
  while (now > peak && !atomic_compare_exchange_weak_explicit(
                           &page->peak, &peak, now, memory_order_relaxed, memory_order_relaxed)) {}
}

static inline void mx_mem_deactivate(mx_mem_page *page, size_t bytes) {
  atomic_fetch_sub_explicit(&page->active, bytes, memory_order_relaxed);
}

/* The allocator's central lock (memory.c), and all of its locks at once, for fork and for replacing
 * the page. */
void mx_mem_lock(void);
void mx_mem_unlock(void);
void mx_mem_lock_all(void);
void mx_mem_unlock_all(void);

/* Moves the counters to a page in mx_mem_directory and starts the thread that serves requests;
 * where that is not possible they stay private, silently. Called once in a process, before it
 * allocates, without locks. */
void mx_mem_publish(void);

/* For fork, with every lock held throughout: the snapshot is taken before it, and in the child the
 * counters become private again, until it publishes its own. */
void mx_mem_snapshot(void);
void mx_mem_unpublish(void);

/* Where pages are published (/dev/shm). Tests set another folder, before the first allocation. */
extern const char *mx_mem_directory;

/* Visits the published page of each living process that this user may read (root: everyone's), and
 * removes pages that dead ones left behind. The page is a copy, and NULL-terminated `path` its
 * file. */
void mx_mem_each_page(void (*visit)(void *context, const char *path, const mx_mem_page *page),
                      void *context);

/* When a process started, in ticks since the machine did (/proc/PID/stat); 0 where there is none.
 */
uint64_t mx_mem_start_time(int pid);
/* The identity of this process's numbering of processes: a container has its own. */
uint64_t mx_mem_pid_namespace(void);

/* Futexes in shared memory. Waiting ends when the word is no longer `value`, when it is woken, or
 * after `seconds` (forever where negative). */
void mx_mem_futex_wait(_Atomic uint32_t *word, uint32_t value, double seconds);
void mx_mem_futex_wake(_Atomic uint32_t *word);

#endif
