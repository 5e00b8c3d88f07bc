/* What every test includes: cmocka in the order it needs, and assertions about arrays. */
#ifndef TESTS_SUPPORT_CHECK_H
#define TESTS_SUPPORT_CHECK_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mlx/mx.h"

#include <string.h>

/* No error stands; says which one does. */
#define assert_no_error()                                         \
  do {                                                            \
    if (mx_error()) fail_msg("unexpected error: %s", mx_error()); \
  } while (0)

/* The expression fails with a message that contains `text`. */
#define assert_error(expression, text)                            \
  do {                                                            \
    mx_error_clear();                                             \
    assert_null(expression);                                      \
    if (!mx_error() || !strstr(mx_error(), text))                 \
      fail_msg("expected an error with \"%s\", got \"%s\"", text, \
               mx_error() ? mx_error() : "none");                 \
    mx_error_clear();                                             \
  } while (0)

/* The array has this shape, and in row-major order these values (compared as doubles). */
#define assert_array(a, shape, ...) \
  check_array(a, shape, (const double[]){__VA_ARGS__}, __FILE__, __LINE__)

static inline void check_array(mx a, mx_ints shape, const double *values, const char *file,
                               int line) {
  mx_scope scope = mx_scope_begin();
  mx flat = mx_contiguous(mx_astype(a, MX_FLOAT64));
  const double *data = mx_data(flat);
  if (!data) fail_msg("%s:%d: %s", file, line, mx_error() ? mx_error() : "no data");
  if (mx_ndim(a) != shape.size ||
      (shape.size && memcmp(mx_shape(a), shape.data, (size_t)shape.size * sizeof(int))))
    fail_msg("%s:%d: another shape than expected", file, line);
  for (size_t i = 0; i < mx_size(a); i++)
    if (data[i] != values[i] && !(data[i] != data[i] && values[i] != values[i]))
      fail_msg("%s:%d: element %zu is %.17g, expected %.17g", file, line, i, data[i], values[i]);
  mx_scope_end(scope, NULL);
}

/* Each test runs in a scope of its own and begins without an error. */
static inline int open_scope(void **state) {
  mx_error_clear();
  *state = (void *)(uintptr_t)mx_scope_begin();
  return 0;
}

static inline int close_scope(void **state) {
  mx_scope_end((mx_scope)(uintptr_t)*state, NULL);
  mx_error_clear();
  return 0;
}

#define scoped_test(function) cmocka_unit_test_setup_teardown(function, open_scope, close_scope)

#endif
