/* Small host allocations that do not fail. */
#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *block, size_t bytes) {
  if (!block && bytes) {
    fprintf(stderr, "mlx: out of memory for %zu bytes of metadata\n", bytes);
    abort();
  }
  return block;
}

void *mx_xmalloc(size_t bytes) { return checked(malloc(bytes ? bytes : 1), bytes); }

void *mx_xcalloc(size_t count, size_t bytes) {
  return checked(calloc(count ? count : 1, bytes ? bytes : 1), bytes);
}

void *mx_xrealloc(void *block, size_t bytes) {
  return checked(realloc(block, bytes ? bytes : 1), bytes);
}

char *mx_xstrndup(const char *text, size_t length) {
  char *copy = mx_xmalloc(length + 1);
  memcpy(copy, text, length);
  copy[length] = 0;
  return copy;
}

char *mx_xstrdup(const char *text) { return mx_xstrndup(text, strlen(text)); }
