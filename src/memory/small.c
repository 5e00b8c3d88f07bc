/* Small blocks: a magazine of each size class in each thread, and central lists behind them. */
#include "memory/small.h"
#include "memory/figures.h"
#include "memory/poison.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

/* Multiples of 64 up to 512 (8 classes), then four to each doubling up to 32 KiB (24 classes). */
enum { FINE = 8, CLASSES = 32, ALIGN = 64 };

typedef struct {
  mx_mem_small *head;
  unsigned count;
} list;

/* A thread's own blocks. The lock is nearly always free: others take it only to clear the cache, to
 * fork or to publish. Taken after the central lock, if that is taken at all. */
typedef struct magazine {
  atomic_flag busy;
  list lists[CLASSES];
  struct magazine *next, *prev;
} magazine;

static list central[CLASSES];
static magazine *magazines;
static _Thread_local magazine *own;
static _Thread_local bool leaving; /* the thread's end has taken its magazine away */

static unsigned class_of(size_t bytes) {
  if (bytes <= 512) return (unsigned)((bytes + 63) / 64 - 1);
  unsigned top = 63u - (unsigned)__builtin_clzll(bytes - 1);
  return FINE + (top - 9) * 4 + (unsigned)((bytes - 1) >> (top - 2)) - 4;
}

static size_t size_of_class(unsigned class) {
  if (class < FINE) return (class + 1) * 64;
  return (size_t)((class - FINE) % 4 + 5) << ((class - FINE) / 4 + 7);
}

size_t mx_mem_small_size(size_t bytes) { return size_of_class(class_of(bytes)); }

/* How many blocks a magazine keeps of a class; half of them move at a time. */
static unsigned capacity(unsigned class) { return class < FINE ? 64 : class < 20 ? 16 : 8; }

static void lock(magazine *m) {
  for (int spins = 0; atomic_flag_test_and_set_explicit(&m->busy, memory_order_acquire); spins++)
    if (spins > 100) sched_yield();
}

static void unlock(magazine *m) { atomic_flag_clear_explicit(&m->busy, memory_order_release); }

static void push(list *l, mx_mem_small *block) {
  block->next = l->head;
  l->head = block;
  l->count++;
}

static mx_mem_small *pop(list *l) {
  mx_mem_small *block = l->head;
  if (block) {
    l->head = block->next;
    l->count--;
  }
  return block;
}

static void move(list *to, list *from, unsigned count) {
  while (count-- && from->head) push(to, pop(from));
}

/* A thread that ends leaves its blocks to the others. */
static void retire(void *ending) {
  magazine *m = ending;
  own = NULL;
  leaving = true;
  mx_mem_lock();
  lock(m);
  for (unsigned class = 0; class < CLASSES; class ++)
    move(&central[class], &m->lists[class], m->lists[class].count);
  if (m->next) m->next->prev = m->prev;
  if (m->prev)
    m->prev->next = m->next;
  else
    magazines = m->next;
  unlock(m);
  mx_mem_unlock();
  free(m);
}

static pthread_key_t at_thread_end;
static void create_key(void) { pthread_key_create(&at_thread_end, retire); }

/* NULL where the thread can have none; it then uses the central lists. */
static magazine *open_magazine(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, create_key);
  magazine *m = leaving ? NULL : aligned_alloc(ALIGN, (sizeof *m + ALIGN - 1) / ALIGN * ALIGN);
  if (!m) return NULL;
  *m = (magazine){.busy = ATOMIC_FLAG_INIT};
  if (pthread_setspecific(at_thread_end, m)) {
    free(m);
    return NULL;
  }
  mx_mem_lock();
  m->next = magazines;
  if (magazines) magazines->prev = m;
  magazines = m;
  mx_mem_unlock();
  return own = m;
}

static magazine *mine(void) { return own ? own : open_magazine(); }

/* Fills the thread's magazine from the central list, and takes one. */
static mx_mem_small *take_central(unsigned class, magazine *m) {
  mx_mem_lock();
  mx_mem_small *block = pop(&central[class]);
  if (block) mx_mem_activate(mx_mem_figures(), block->buffer.size);
  if (m && central[class].head) {
    lock(m);
    move(&m->lists[class], &central[class], capacity(class) / 2);
    unlock(m);
  }
  mx_mem_unlock();
  return block;
}

mx_mem_small *mx_mem_small_take(size_t size) {
  unsigned class = class_of(size);
  magazine *m = mine();
  mx_mem_small *block = NULL;
  if (m) {
    lock(m);
    block = pop(&m->lists[class]);
    if (block) mx_mem_activate(mx_mem_figures(), block->buffer.size);
    unlock(m);
  }
  if (!block) block = take_central(class, m);
  if (!block) return NULL;
  mx_mem_unpoison(block->buffer.data, block->buffer.size);
  atomic_store_explicit(&block->buffer.refs, 1, memory_order_relaxed);
  return block;
}

static void put_central(unsigned class, magazine *m) {
  mx_mem_lock();
  lock(m);
  move(&central[class], &m->lists[class], capacity(class) / 2);
  unlock(m);
  mx_mem_unlock();
}

void mx_mem_small_put(mx_mem_small *block) {
  unsigned class = class_of(block->buffer.size);
  magazine *m = mine();
  mx_mem_poison(block->buffer.data, block->buffer.size);
  if (!m) {
    mx_mem_lock();
    mx_mem_deactivate(mx_mem_figures(), block->buffer.size);
    push(&central[class], block);
    mx_mem_unlock();
    return;
  }
  lock(m);
  mx_mem_deactivate(mx_mem_figures(), block->buffer.size);
  push(&m->lists[class], block);
  bool full = m->lists[class].count > capacity(class);
  unlock(m);
  if (full) put_central(class, m);
}

/* Data begin at a multiple of 64 in a block whose alignment is the C library's (16): that is faster
 * than asking it for aligned memory. */
mx_mem_small *mx_mem_small_create(size_t size) {
  mx_mem_small *block = malloc(sizeof *block + size + ALIGN - alignof(max_align_t));
  if (!block) return NULL;
  uintptr_t after = (uintptr_t)(block + 1);
  void *data = (char *)(block + 1) + (ALIGN - after % ALIGN) % ALIGN;
  block->buffer = (mx_buffer){.refs = 1, .data = data, .size = size};
  return block;
}

static size_t detach_list(list *from, size_t bytes, mx_mem_small **detached) {
  size_t sum = 0;
  while (from->head && sum < bytes) {
    mx_mem_small *block = pop(from);
    sum += block->buffer.size;
    block->next = *detached;
    *detached = block;
  }
  return sum;
}

mx_mem_small *mx_mem_small_detach(size_t bytes, size_t *got) {
  mx_mem_small *detached = NULL;
  size_t sum = 0;
  for (unsigned class = CLASSES; class --&&sum < bytes;)
    sum += detach_list(&central[class], bytes - sum, &detached);
  for (magazine *m = magazines; m && sum < bytes; m = m->next) {
    lock(m);
    for (unsigned class = CLASSES; class --&&sum < bytes;)
      sum += detach_list(&m->lists[class], bytes - sum, &detached);
    unlock(m);
  }
  *got += sum;
  return detached;
}

void mx_mem_small_destroy(mx_mem_small *detached) {
  for (mx_mem_small *next; detached; detached = next) {
    next = detached->next;
    mx_mem_unpoison(detached->buffer.data, detached->buffer.size);
    free(detached);
  }
}

void mx_mem_small_lock_all(void) {
  for (magazine *m = magazines; m; m = m->next) lock(m);
}

void mx_mem_small_unlock_all(void) {
  for (magazine *m = magazines; m; m = m->next) unlock(m);
}
