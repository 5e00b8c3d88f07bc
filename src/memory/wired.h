/* Pinned memory: which blocks the wired limit keeps resident. */
#ifndef MEMORY_WIRED_H
#define MEMORY_WIRED_H

#include <stddef.h>

/* A block that may be pinned; lives in the block's header. */
typedef struct mx_mem_wire {
  struct mx_mem_wire *newer, *older;
  char *start; /* of its first whole page */
  size_t size; /* bytes, whole pages */
  size_t pinned;
} mx_mem_wire;

/* Enters a block as the newest, and pins it as far as the limit has room. */
void mx_mem_wire_add(mx_mem_wire *wire, void *data, size_t bytes);
/* Takes a block out, unpinned. */
void mx_mem_wire_remove(mx_mem_wire *wire);

/* For fork: locks are not inherited, and neither are pinned pages. */
void mx_mem_wire_lock(void);
void mx_mem_wire_unlock(void);
void mx_mem_wire_forget(void);

#endif
