/* Buffers and the caching allocator (MLX's memory semantics; the public controls are
 * mlx/mx/memory.h). Knows nothing of arrays. Safe from every thread. */
#ifndef MEMORY_MEMORY_H
#define MEMORY_MEMORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* A counted block of memory. */
typedef struct mx_buffer {
  _Atomic int refs;
  void *data;                     /* 64-byte aligned where the allocator made it */
  size_t size;                    /* usable bytes: at least what was asked for */
  void (*release)(void *payload); /* NULL for the allocator's own, never for a wrapped one */
  void *payload;
} mx_buffer;

/* A buffer of at least `bytes` with one reference; contents undefined. Counted in active memory.
 * NULL after mx_fail where there is no more RAM. 0 bytes is fine. */
mx_buffer *mx_buffer_new(size_t bytes);

/* Wraps memory that somebody else owns (a mapped file, a caller's block): release(payload) is
 * called once when the last reference goes; release may be NULL. Not counted in active memory. */
mx_buffer *mx_buffer_wrap(void *data, size_t bytes, void (*release)(void *payload), void *payload);

/* Lets the wired limit pin a wrapped buffer (a mapped file's weights) as it pins the allocator's
 * own: now and later, as far as the limit has room. Call it once, before the buffer is shared. */
void mx_buffer_wire(mx_buffer *b);

static inline mx_buffer *mx_buffer_retain(mx_buffer *b) {
  atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
  return b;
}

/* Drops one reference; the last returns the block to the cache (or calls release). NULL is fine. */
void mx_buffer_release(mx_buffer *b);

static inline bool mx_buffer_is_unique(mx_buffer *b) {
  return atomic_load_explicit(&b->refs, memory_order_acquire) == 1;
}

/* The evaluator tells the allocator how to wait, at the memory limit, for a piece of work in
 * flight: the function blocks until some scheduled work has ended and returns true, or returns
 * false at once when none is in flight (or when called by the worker that the work is on). It is
 * called with no lock held, by any thread that allocates. */
void mx_memory_set_wait(bool (*wait_for_work)(void));

/* The machine's memory in bytes, or the control group's where that is lower. */
size_t mx_memory_machine(void);

#endif
