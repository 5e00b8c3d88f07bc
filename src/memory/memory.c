/* The allocator's policy: what is served from the cache, what from the system, when memory is
 * waited for, reclaimed or refused; and the public controls. */
#include "memory/memory.h"
#include "base/alloc.h"
#include "memory/figures.h"
#include "memory/large.h"
#include "memory/small.h"
#include "memory/system.h"
#include "mlx/mx/memory.h"

#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

static pthread_mutex_t central = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool published; /* false again in a forked child */
static bool (*_Atomic wait_hook)(void);

void mx_mem_lock(void) { pthread_mutex_lock(&central); }
void mx_mem_unlock(void) { pthread_mutex_unlock(&central); }

void mx_mem_lock_all(void) {
  mx_mem_lock();
  mx_mem_small_lock_all();
  mx_mem_wire_lock();
}

void mx_mem_unlock_all(void) {
  mx_mem_wire_unlock();
  mx_mem_small_unlock_all();
  mx_mem_unlock();
}

/* ---- Start and fork ---- */

static pthread_mutex_t publishing = PTHREAD_MUTEX_INITIALIZER;

static void before_fork(void) {
  pthread_mutex_lock(&publishing);
  mx_mem_lock_all();
  mx_mem_snapshot();
}

static void in_parent(void) {
  mx_mem_unlock_all();
  pthread_mutex_unlock(&publishing);
}

static void in_child(void) {
  mx_mem_unpublish();
  mx_mem_wire_forget();
  atomic_store(&published, false);
  in_parent();
}

static void set_defaults(void) {
  uint64_t total = mx_mem_system_total("");
  uint64_t limit = total ? (uint64_t)(0.8 * (double)total) : UINT64_C(8) << 30;
  mx_mem_page *page = mx_mem_figures();
  atomic_store(&page->memory_limit, limit);
  atomic_store(&page->cache_limit, limit);
  pthread_atfork(before_fork, in_parent, in_child);
}

static mx_mem_page *started(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, set_defaults);
  return mx_mem_figures();
}

/* Nothing is published by a process that makes no array. */
static void publish_once(void) {
  started();
  pthread_mutex_lock(&publishing);
  if (!atomic_load(&published)) {
    mx_mem_publish();
    atomic_store(&published, true);
  }
  pthread_mutex_unlock(&publishing);
}

/* ---- Reclaiming ---- */

/* Returns cached blocks of `bytes` in all, or as many as there are, to the system; how much it was.
 */
static size_t reclaim(size_t bytes) {
  size_t got = 0, got_small = 0;
  mx_mem_lock();
  mx_mem_large *large = mx_mem_large_detach(bytes, &got);
  mx_mem_small *small = got < bytes ? mx_mem_small_detach(bytes - got, &got_small) : NULL;
  atomic_fetch_sub_explicit(&mx_mem_figures()->held, got + got_small, memory_order_relaxed);
  mx_mem_unlock();
  bool kept_by_library = got_small > (1 << 20);
  for (mx_mem_large *block = large; block; block = block->next)
    kept_by_library |= block->buffer.size <= MX_MEM_MAPPED_ABOVE;
  mx_mem_large_destroy(large);
  mx_mem_small_destroy(small);
  if (bytes == SIZE_MAX && kept_by_library) malloc_trim(0);
  return got + got_small;
}

/* After each allocation: the cache is within its limit, and within what the memory limit leaves. */
static void keep_limits(mx_mem_page *page) {
  uint64_t held = mx_mem_get(&page->held), cached = mx_mem_cached(page);
  uint64_t cache_limit = mx_mem_get(&page->cache_limit);
  uint64_t memory_limit = mx_mem_get(&page->memory_limit), excess = 0;
  if (!cached) return;
  if (cached > cache_limit) excess = cached - cache_limit;
  if (held > memory_limit && held - memory_limit > excess) excess = held - memory_limit;
  if (excess) reclaim(excess < cached ? excess : cached);
}

static bool wait_for_work(void) {
  bool (*hook)(void) = atomic_load_explicit(&wait_hook, memory_order_acquire);
  return hook && hook();
}

static void wait_at_limit(mx_mem_page *page, size_t bytes) {
  while (mx_mem_get(&page->active) + bytes > mx_mem_get(&page->memory_limit) && wait_for_work()) {}
}

/* ---- Allocation ---- */

static mx_buffer *take(size_t size) {
  if (size <= MX_MEM_SMALL_MAX) {
    mx_mem_small *block = mx_mem_small_take(size);
    return block ? &block->buffer : NULL;
  }
  mx_mem_lock();
  mx_mem_large *block = mx_mem_large_take(size);
  if (block) mx_mem_activate(mx_mem_figures(), block->buffer.size);
  mx_mem_unlock();
  if (!block) return NULL;
  atomic_store_explicit(&block->buffer.refs, 1, memory_order_relaxed);
  return &block->buffer;
}

static mx_buffer *create(size_t size) {
  if (size <= MX_MEM_SMALL_MAX) {
    mx_mem_small *block = mx_mem_small_create(size);
    return block ? &block->buffer : NULL;
  }
  mx_mem_large *block = mx_mem_large_create(size);
  return block ? &block->buffer : NULL;
}

static void destroy(mx_buffer *b) {
  if (b->size <= MX_MEM_SMALL_MAX) {
    ((mx_mem_small *)b)->next = NULL;
    mx_mem_small_destroy((mx_mem_small *)b);
  } else {
    ((mx_mem_large *)b)->next = NULL;
    mx_mem_large_destroy((mx_mem_large *)b);
  }
}

/* What may still be allocated, beside `counted` bytes that are held on paper. The kernel grants
 * memory that it does not have and ends the process when it is touched, so what is held but
 * untouched is taken off; and so is a reserve for the kernel and everybody else. The answer may be
 * lower than the truth where it is at least `enough`. */
static uint64_t room_left(mx_mem_page *page, size_t counted, uint64_t enough) {
  uint64_t held = mx_mem_get(&page->held) - counted, touched = mx_mem_system_touched();
  uint64_t reserve = mx_memory_machine() / 64;
  if (reserve > 256 << 20) reserve = 256 << 20;
  if (held > touched) reserve += held - touched;
  uint64_t available =
      mx_mem_system_available("", enough > UINT64_MAX - reserve ? UINT64_MAX : enough + reserve);
  return available > reserve ? available - reserve : 0;
}

/* Whether the machine has room for a block of `bytes`, which are counted as held already. The
 * answer costs some tens of microseconds: it allows a quarter of what is left, and at most 16 MiB
 * (which cost some thousands to touch), unasked. */
static bool has_room(mx_mem_page *page, size_t bytes) {
  static _Atomic int64_t allowance;
  const uint64_t most = 16 << 20, cost = bytes + sizeof(mx_mem_large) + 64;
  if (atomic_fetch_sub(&allowance, (int64_t)cost) >= (int64_t)cost) return true;
  uint64_t room = room_left(page, bytes, cost + 4 * most);
  uint64_t left = room >= cost ? (room - cost) / 4 : 0;
  atomic_store(&allowance, (int64_t)(left < most ? left : most));
  return room >= cost;
}

static mx_buffer *refuse(mx_mem_page *page, size_t bytes) {
  uint64_t available = room_left(page, 0, UINT64_MAX), room = mx_mem_system_address_room();
  return mx_fail(
      "[malloc] Unable to allocate %zu bytes: %zu bytes in use, %zu cached, %zu available", bytes,
      (size_t)mx_mem_get(&page->active), (size_t)mx_mem_cached(page),
      (size_t)(room < available ? room : available));
}

static void count_held(int64_t bytes, size_t active) {
  mx_mem_lock();
  mx_mem_page *page = mx_mem_figures();
  atomic_fetch_add_explicit(&page->held, (uint64_t)bytes, memory_order_relaxed);
  if (active) mx_mem_activate(page, active);
  mx_mem_unlock();
}

/* A block from the system. Where it has none, the cache is given up first, then work in flight is
 * waited for. */
static mx_buffer *from_system(mx_mem_page *page, size_t size) {
  uint64_t held = mx_mem_get(&page->held), limit = mx_mem_get(&page->memory_limit);
  if (held + size > limit && mx_mem_cached(page)) reclaim(held + size - limit);
  for (;;) {
    count_held((int64_t)size, 0);
    mx_buffer *b = has_room(page, size) ? create(size) : NULL;
    if (b) {
      count_held(0, size);
      return b;
    }
    count_held(-(int64_t)size, 0);
    if (!reclaim(SIZE_MAX) && !wait_for_work()) return NULL;
  }
}

/* Where the data of empty buffers points. */
static alignas(64) char nothing[64];

mx_buffer *mx_buffer_new(size_t bytes) {
  if (!atomic_load_explicit(&published, memory_order_acquire)) publish_once();
  mx_mem_page *page = mx_mem_figures();
  if (!bytes) return mx_buffer_wrap(nothing, 0, NULL, NULL);
  if (bytes > PTRDIFF_MAX / 2) return refuse(page, bytes);
  size_t size = bytes <= MX_MEM_SMALL_MAX ? mx_mem_small_size(bytes) : mx_mem_large_size(bytes);
  if (mx_mem_get(&page->active) + size > mx_mem_get(&page->memory_limit)) wait_at_limit(page, size);
  mx_buffer *b = take(size);
  if (!b) b = from_system(page, size);
  if (!b) return refuse(page, bytes);
  keep_limits(page);
  return b;
}

/* ---- Wrapped buffers ---- */

typedef struct {
  mx_buffer buffer;
  mx_mem_wire wire;
  bool wired;
} wrapped;

static void release_nothing(void *payload) { (void)payload; }

mx_buffer *mx_buffer_wrap(void *data, size_t bytes, void (*release)(void *), void *payload) {
  wrapped *w = mx_xmalloc(sizeof *w);
  w->buffer = (mx_buffer){1, data, bytes, release ? release : release_nothing, payload};
  w->wired = false;
  return &w->buffer;
}

void mx_buffer_wire(mx_buffer *b) {
  wrapped *w = (wrapped *)b;
  if (!b || !b->release || w->wired) return;
  w->wired = true;
  started();
  mx_mem_wire_add(&w->wire, b->data, b->size);
}

static void unwrap(wrapped *w) {
  if (w->wired) mx_mem_wire_remove(&w->wire);
  w->buffer.release(w->buffer.payload);
  free(w);
}

/* ---- Release ---- */

static void give_back(mx_buffer *b) {
  mx_mem_page *page = mx_mem_figures();
  bool full = mx_mem_cached(page) >= mx_mem_get(&page->cache_limit);
  if (!full && b->size <= MX_MEM_SMALL_MAX) {
    mx_mem_small_put((mx_mem_small *)b);
    return;
  }
  mx_mem_lock();
  page = mx_mem_figures();
  mx_mem_deactivate(page, b->size);
  if (full)
    atomic_fetch_sub_explicit(&page->held, b->size, memory_order_relaxed);
  else
    mx_mem_large_put((mx_mem_large *)b);
  mx_mem_unlock();
  if (full) destroy(b);
}

void mx_buffer_release(mx_buffer *b) {
  if (!b) return;
  /* The only owner needs no read-modify-write: nobody else can be counting. */
  if (!mx_buffer_is_unique(b) && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
    return;
  if (b->release)
    unwrap((wrapped *)b);
  else
    give_back(b);
}

/* ---- Controls ---- */

void mx_memory_set_wait(bool (*hook)(void)) {
  atomic_store_explicit(&wait_hook, hook, memory_order_release);
}

static size_t machine_bytes;
static void measure_machine(void) { machine_bytes = mx_mem_system_total(""); }

size_t mx_memory_machine(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, measure_machine);
  return machine_bytes;
}

size_t mx_get_active_memory(void) { return mx_mem_get(&mx_mem_figures()->active); }
size_t mx_get_peak_memory(void) { return mx_mem_get(&mx_mem_figures()->peak); }
size_t mx_get_cache_memory(void) { return mx_mem_cached(mx_mem_figures()); }
size_t mx_get_memory_limit(void) { return mx_mem_get(&started()->memory_limit); }
void mx_clear_cache(void) { reclaim(SIZE_MAX); }

void mx_reset_peak_memory(void) { atomic_store(&mx_mem_figures()->peak, 0); }

size_t mx_set_memory_limit(size_t limit) {
  started();
  mx_mem_lock(); /* the page is not replaced meanwhile */
  size_t previous = atomic_exchange(&mx_mem_figures()->memory_limit, limit);
  mx_mem_unlock();
  return previous;
}

size_t mx_set_cache_limit(size_t limit) {
  started();
  mx_mem_lock();
  size_t previous = atomic_exchange(&mx_mem_figures()->cache_limit, limit);
  mx_mem_unlock();
  return previous;
}
