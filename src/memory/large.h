/* Blocks above 32 KiB, in whole pages, and their cache: the nearest size serves a request, and the
 * least recently freed block goes first. */
#ifndef MEMORY_LARGE_H
#define MEMORY_LARGE_H

#include "memory/memory.h"
#include "memory/wired.h"

/* Blocks up to here come from the C library, larger ones from the system. */
enum { MX_MEM_MAPPED_ABOVE = 128 << 10 };

typedef struct mx_mem_large {
  mx_buffer buffer;
  mx_mem_wire wire;
  struct mx_mem_large *next, *prev;   /* among cached blocks whose sizes share a chain */
  struct mx_mem_large *newer, *older; /* by when they were freed */
} mx_mem_large;

/* A request rounded up to whole pages. */
size_t mx_mem_large_size(size_t bytes);

/* With the central lock held: a cached block of `size` or little more (below twice the size, and
 * less than 32 KiB above it); NULL where there is none. Nothing is counted. */
mx_mem_large *mx_mem_large_take(size_t size);

/* With the central lock held: puts a block into the cache. */
void mx_mem_large_put(mx_mem_large *block);

/* With the central lock held: takes the blocks freed longest ago out of the cache, until they are
 * `bytes` in all. Linked by `next`. Adds to *got. */
mx_mem_large *mx_mem_large_detach(size_t bytes, size_t *got);

/* Without locks. NULL where there is no memory. */
mx_mem_large *mx_mem_large_create(size_t size);
void mx_mem_large_destroy(mx_mem_large *list);

#endif
