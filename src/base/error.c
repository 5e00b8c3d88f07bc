/* The thread's sticky error message. */
#include "mlx/mx/error.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char message[2048];
static _Thread_local int failed;

const char *mx_error(void) { return failed ? message : NULL; }

void mx_error_clear(void) { failed = 0; }

void *mx_fail(const char *format, ...) {
  if (failed) return NULL;
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  failed = 1;
  return NULL;
}
