/* Blocks of up to 32 KiB in size classes, with a magazine a thread: most of what a program's small
 * arrays need is allocated and freed with one uncontended lock. */
#ifndef MEMORY_SMALL_H
#define MEMORY_SMALL_H

#include "memory/memory.h"

enum { MX_MEM_SMALL_MAX = 32 << 10 };

typedef struct mx_mem_small {
  mx_buffer buffer;
  struct mx_mem_small *next; /* in a magazine, or among the ones to be freed */
} mx_mem_small;

/* The size class of a request: multiples of 64 up to 512, then four to each doubling. */
size_t mx_mem_small_size(size_t bytes);

/* A cached block of the class, counted as active; NULL where there is none. */
mx_mem_small *mx_mem_small_take(size_t size);

/* A fresh block from the C library, not yet counted; NULL where it has no memory. */
mx_mem_small *mx_mem_small_create(size_t size);

/* Gives a live block to the cache. */
void mx_mem_small_put(mx_mem_small *block);

/* Takes cached blocks of at least `bytes` in all out of the cache, as far as there are so many, to
 * be destroyed after the lock is left. With the central lock held. Adds to *got. */
mx_mem_small *mx_mem_small_detach(size_t bytes, size_t *got);
void mx_mem_small_destroy(mx_mem_small *list);

/* For fork and publishing: every magazine's lock, the central one being held. */
void mx_mem_small_lock_all(void);
void mx_mem_small_unlock_all(void);

#endif
