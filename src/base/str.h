/* A growable byte string, always followed by a NUL that its length does not count. A zeroed string
 * is empty. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "mlx/mx/error.h"

#include <stdarg.h>
#include <stddef.h>

typedef struct {
  char *data; /* NULL while nothing was ever appended */
  size_t size, capacity;
} mx_str;

void mx_str_append(mx_str *s, const char *bytes, size_t length);
void mx_str_puts(mx_str *s, const char *text);
void mx_str_putc(mx_str *s, char c);
void mx_str_printf(mx_str *s, const char *format, ...) MX_PRINTF(2, 3);
void mx_str_clear(mx_str *s);          /* empty, memory kept */
const char *mx_str_c(const mx_str *s); /* NUL-terminated, never NULL */
char *mx_str_take(mx_str *s);          /* hands the bytes to the caller (free); s becomes empty */
void mx_str_free(mx_str *s);

#endif
