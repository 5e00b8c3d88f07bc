/* Buffers, straight from the C library. */
#include "memory/memory.h"
#include "base/alloc.h"
#include "mlx/mx/error.h"

#include <stdlib.h>

mx_buffer *mx_buffer_new(size_t bytes) {
  void *data = NULL;
  if (posix_memalign(&data, 64, bytes ? bytes : 64))
    return mx_fail("[malloc] Unable to allocate %zu bytes", bytes);
  mx_buffer *b = mx_xmalloc(sizeof *b);
  *b = (mx_buffer){1, data, bytes, NULL, NULL};
  return b;
}

static void keep(void *unused) { (void)unused; }

mx_buffer *mx_buffer_wrap(void *data, size_t bytes, void (*release)(void *), void *payload) {
  mx_buffer *b = mx_xmalloc(sizeof *b);
  *b = (mx_buffer){1, data, bytes, release ? release : keep, payload};
  return b;
}

void mx_buffer_release(mx_buffer *b) {
  if (!b || atomic_fetch_sub(&b->refs, 1) != 1) return;
  if (b->release) b->release(b->payload);
  else free(b->data);
  free(b);
}

void mx_memory_set_wait(bool (*wait_for_work)(void)) { (void)wait_for_work; }
