/* Pins blocks into RAM with mlock, up to the wired limit. */
#include "memory/wired.h"
#include "memory/figures.h"
#include "memory/memory.h"
#include "mlx/mx/memory.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* Its own lock: locking gigabytes of a mapped file reads them, and must not hold up allocations of
 * small blocks. Taken after the allocator's other locks, or alone. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static mx_mem_wire *newest, *oldest;
static size_t limit, total;

static void publish_figures(void) {
  mx_mem_page *page = mx_mem_figures();
  atomic_store_explicit(&page->wired, total, memory_order_relaxed);
  atomic_store_explicit(&page->wired_limit, limit, memory_order_relaxed);
}

/* Pins what the limit has room for of a block; false where the system refuses. */
static bool pin(mx_mem_wire *wire) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t room = limit > total ? (limit - total) / page * page : 0;
  size_t more = wire->size - wire->pinned < room ? wire->size - wire->pinned : room;
  if (!more) return true;
  if (mlock(wire->start + wire->pinned, more)) return false;
  wire->pinned += more;
  total += more;
  return true;
}

static void unpin(mx_mem_wire *wire, size_t bytes) {
  wire->pinned -= bytes;
  total -= bytes;
  munlock(wire->start + wire->pinned, bytes);
}

/* Unpins the oldest first until the limit is kept. */
static void shrink(void) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  for (mx_mem_wire *wire = oldest; wire && total > limit; wire = wire->newer) {
    size_t excess = (total - limit + page - 1) / page * page;
    unpin(wire, excess < wire->pinned ? excess : wire->pinned);
  }
}

void mx_mem_wire_add(mx_mem_wire *wire, void *data, size_t bytes) {
  /* A page belongs to the block that it ends in or begins exactly at, so that neighbours in one
   * mapped file never share one. */
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = (uintptr_t)data;
  uintptr_t start = (first + page - 1) / page * page,
            end = (first + bytes + page - 1) / page * page;
  wire->start = (char *)data + (start - first);
  wire->size = end > start ? end - start : 0;
  wire->pinned = 0;
  pthread_mutex_lock(&lock);
  wire->newer = NULL;
  wire->older = newest;
  if (newest)
    newest->newer = wire;
  else
    oldest = wire;
  newest = wire;
  if (limit) {
    pin(wire); /* a refusal here leaves the block unpinned: the limit is an upper bound */
    publish_figures();
  }
  pthread_mutex_unlock(&lock);
}

void mx_mem_wire_remove(mx_mem_wire *wire) {
  pthread_mutex_lock(&lock);
  if (wire->newer)
    wire->newer->older = wire->older;
  else
    newest = wire->older;
  if (wire->older)
    wire->older->newer = wire->newer;
  else
    oldest = wire->newer;
  if (wire->pinned) {
    unpin(wire, wire->pinned);
    publish_figures();
  }
  pthread_mutex_unlock(&lock);
}

static bool allowed(size_t wanted) {
  struct rlimit system = {RLIM_INFINITY, RLIM_INFINITY};
  getrlimit(RLIMIT_MEMLOCK, &system);
  if (system.rlim_cur != RLIM_INFINITY && wanted > system.rlim_cur) {
    mx_fail("[set_wired_limit] a wired limit of %zu bytes is larger than the system's limit of "
            "locked memory, %zu bytes (RLIMIT_MEMLOCK; `ulimit -l` raises it)",
            wanted, (size_t)system.rlim_cur);
    return false;
  }
  size_t machine = mx_memory_machine();
  if (machine && wanted > machine) {
    mx_fail("[set_wired_limit] a wired limit of %zu bytes is larger than the memory, %zu bytes",
            wanted, machine);
    return false;
  }
  return true;
}

size_t mx_set_wired_limit(size_t wanted) {
  if (!allowed(wanted)) return mx_get_wired_limit();
  pthread_mutex_lock(&lock);
  size_t previous = limit;
  limit = wanted;
  shrink();
  bool granted = true;
  for (mx_mem_wire *wire = newest; wire && granted; wire = wire->older) granted = pin(wire);
  if (!granted) {
    mx_fail("[set_wired_limit] the system refuses to lock more than %zu of %zu bytes: %s", total,
            wanted, strerror(errno));
    limit = previous;
    shrink();
  }
  publish_figures();
  pthread_mutex_unlock(&lock);
  return previous;
}

size_t mx_get_wired_limit(void) { return mx_mem_get(&mx_mem_figures()->wired_limit); }

void mx_mem_wire_lock(void) { pthread_mutex_lock(&lock); }
void mx_mem_wire_unlock(void) { pthread_mutex_unlock(&lock); }

void mx_mem_wire_forget(void) {
  for (mx_mem_wire *wire = newest; wire; wire = wire->older) wire->pinned = 0;
  limit = total = 0;
  publish_figures();
}
