/* Small host allocations: metadata, strings, tables. They do not fail: where the C library has no
 * memory left for a few bytes of metadata, one line says so and the process ends. Array data is
 * never allocated here (see src/memory), and there a lack of memory is an error like any other. */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>

void *mx_xmalloc(size_t bytes);
void *mx_xcalloc(size_t count, size_t bytes); /* zeroed */
void *mx_xrealloc(void *block, size_t bytes);
char *mx_xstrdup(const char *text);
char *mx_xstrndup(const char *text, size_t length);

#endif
