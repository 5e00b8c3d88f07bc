/* Large blocks from the system, and their cache by size and age. */
#include "memory/large.h"
#include "memory/poison.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Sizes are counted in pages of 4 KiB; a chain holds the blocks whose counts are equal modulo the
 * number of chains, newest first. So the sizes that may serve a request are neighbouring chains. */
enum { PAGE = 4096, CHAINS = 4096, SLACK_PAGES = 8, ALIGN = 64, HUGE = 2 << 20 };

static mx_mem_large *chains[CHAINS];
static mx_mem_large *newest, *oldest;

size_t mx_mem_large_size(size_t bytes) {
  size_t page = PAGE;
  if (bytes > MX_MEM_MAPPED_ABOVE) {
    size_t system = (size_t)sysconf(_SC_PAGESIZE);
    if (system > page) page = system;
  }
  return (bytes + page - 1) / page * page;
}

static mx_mem_large **chain_of(size_t pages) { return &chains[pages % CHAINS]; }

static void unlink_block(mx_mem_large *block) {
  if (block->prev)
    block->prev->next = block->next;
  else
    *chain_of(block->buffer.size / PAGE) = block->next;
  if (block->next) block->next->prev = block->prev;
  if (block->newer)
    block->newer->older = block->older;
  else
    newest = block->older;
  if (block->older)
    block->older->newer = block->newer;
  else
    oldest = block->newer;
}

mx_mem_large *mx_mem_large_take(size_t size) {
  size_t pages = size / PAGE, end = pages + SLACK_PAGES;
  if (!newest) return NULL;
  if (end > 2 * pages) end = 2 * pages;
  for (size_t n = pages; n < end; n++)
    for (mx_mem_large *block = *chain_of(n); block; block = block->next)
      if (block->buffer.size / PAGE == n) {
        unlink_block(block);
        mx_mem_unpoison(block->buffer.data, block->buffer.size);
        return block;
      }
  return NULL;
}

void mx_mem_large_put(mx_mem_large *block) {
  mx_mem_large **chain = chain_of(block->buffer.size / PAGE);
  mx_mem_poison(block->buffer.data, block->buffer.size);
  block->prev = NULL;
  block->next = *chain;
  if (*chain) (*chain)->prev = block;
  *chain = block;
  block->newer = NULL;
  block->older = newest;
  if (newest)
    newest->newer = block;
  else
    oldest = block;
  newest = block;
}

mx_mem_large *mx_mem_large_detach(size_t bytes, size_t *got) {
  mx_mem_large *list = NULL;
  for (size_t sum = 0; oldest && sum < bytes;) {
    mx_mem_large *block = oldest;
    unlink_block(block);
    sum += block->buffer.size;
    *got += block->buffer.size;
    block->next = list;
    list = block;
  }
  return list;
}

/* Maps fresh zero pages; from 2 MiB on at a multiple of that, where huge pages can back them. */
static void *map(size_t size) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
  char *data = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (data == MAP_FAILED) return NULL;
  if (size < HUGE) return data;
  if ((uintptr_t)data % HUGE) {
    char *wide = mmap(NULL, size + HUGE, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (wide != MAP_FAILED) {
      munmap(data, size);
      size_t skip = HUGE - (uintptr_t)wide % HUGE;
      munmap(wide, skip);
      if (skip < HUGE) munmap(wide + skip + size, HUGE - skip);
      data = wide + skip;
    }
  }
  madvise(data, size, MADV_HUGEPAGE);
  return data;
}

mx_mem_large *mx_mem_large_create(size_t size) {
  bool mapped = size > MX_MEM_MAPPED_ABOVE;
  mx_mem_large *block = malloc(sizeof *block + (mapped ? 0 : size + ALIGN));
  if (!block) return NULL;
  uintptr_t after = (uintptr_t)(block + 1);
  void *data = mapped ? map(size) : (char *)(block + 1) + (ALIGN - after % ALIGN) % ALIGN;
  if (!data) {
    free(block);
    return NULL;
  }
  block->buffer = (mx_buffer){.refs = 1, .data = data, .size = size};
  if (mapped) mx_mem_wire_add(&block->wire, data, size);
  return block;
}

void mx_mem_large_destroy(mx_mem_large *list) {
  for (mx_mem_large *next; list; list = next) {
    next = list->next;
    mx_mem_unpoison(list->buffer.data, list->buffer.size);
    if (list->buffer.size > MX_MEM_MAPPED_ABOVE) {
      mx_mem_wire_remove(&list->wire);
      munmap(list->buffer.data, list->buffer.size);
    }
    free(list);
  }
}
