/* Under AddressSanitizer, cached memory is out of bounds until it is handed out again, so that a
 * use after free is found although the block still exists. */
#ifndef MEMORY_POISON_H
#define MEMORY_POISON_H

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define mx_mem_poison(data, size) ASAN_POISON_MEMORY_REGION(data, size)
#define mx_mem_unpoison(data, size) ASAN_UNPOISON_MEMORY_REGION(data, size)
#else
#define mx_mem_poison(data, size) ((void)(data))
#define mx_mem_unpoison(data, size) ((void)(data))
#endif

#endif
