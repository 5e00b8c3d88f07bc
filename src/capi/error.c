/* The error handler, and how a failed call reaches it. */
#include "mlx/c/error.h"
#include "base/str.h"
#include "capi/capi.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static void print_and_exit(const char *message, void *unused) {
  (void)unused;
  printf("MLX error: %s\n", message);
  exit(-1);
}

typedef struct {
  mlx_error_handler_func call;
  void *data;
  void (*dtor)(void *);
} error_handler;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static error_handler handler = {print_and_exit, NULL, NULL};

void mlx_set_error_handler(mlx_error_handler_func call, void *data, void (*dtor)(void *)) {
  pthread_mutex_lock(&lock);
  error_handler before = handler;
  handler = (error_handler){call ? call : print_and_exit, data, dtor};
  pthread_mutex_unlock(&lock);
  if (before.dtor) before.dtor(before.data);
}

/* Outside the lock: a handler may call the library, set another handler, or not return. */
static void handle(const char *message) {
  pthread_mutex_lock(&lock);
  error_handler now = handler;
  pthread_mutex_unlock(&lock);
  now.call(message, now.data);
}

void _mlx_error(const char *file, const int line, const char *format, ...) {
  mx_str text = {0};
  char message[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  mx_str_printf(&text, "%s at %s:%d", message, file, line);
  handle(mx_str_c(&text));
  mx_str_free(&text);
}

int capi_fail(const char *kind) {
  mx_str text = {0};
  if (mx_error())
    mx_str_puts(&text, mx_error());
  else
    mx_str_printf(&text, "expected a non-empty %s", kind);
  mx_error_clear();
  handle(mx_str_c(&text));
  mx_str_free(&text);
  return 1;
}
