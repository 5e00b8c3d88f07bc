/* What the tests of the mlx-c face include: cmocka, mlx-c's one header, and small helpers written
 * with nothing else. */
#ifndef TESTS_CAPI_FACE_H
#define TESTS_CAPI_FACE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mlx/c/mlx.h"

#include <string.h>

/* The last message that the handler below was given. */
static char last_error[512];
static int error_count;

static inline void keep_error(const char *message, void *data) {
  (void)data;
  error_count++;
  strncpy(last_error, message, sizeof last_error - 1);
}

/* The call returns 1, and the handler hears once, with this in the message. */
#define assert_fails(call, text)                                               \
  do {                                                                         \
    mlx_set_error_handler(keep_error, NULL, NULL);                             \
    error_count = 0;                                                           \
    assert_int_equal(call, 1);                                                 \
    assert_int_equal(error_count, 1);                                          \
    if (!strstr(last_error, text))                                             \
      fail_msg("expected an error with \"%s\", got \"%s\"", text, last_error); \
    mlx_set_error_handler(NULL, NULL, NULL);                                   \
  } while (0)

/* A float32 vector of these values. */
#define FLOATS(...)                                                                          \
  mlx_array_new_data((const float[]){__VA_ARGS__},                                           \
                     (const int[]){sizeof((const float[]){__VA_ARGS__}) / sizeof(float)}, 1, \
                     MLX_FLOAT32)

/* The array, as float32 and flattened, holds these values. */
#define assert_values(a, ...)                   \
  check_values(a, (const float[]){__VA_ARGS__}, \
               sizeof((const float[]){__VA_ARGS__}) / sizeof(float), __FILE__, __LINE__)

static inline void check_values(mlx_array a, const float *values, size_t count, const char *file,
                                int line) {
  mlx_stream s = mlx_default_cpu_stream_new();
  mlx_array flat = mlx_array_new();
  assert_int_equal(mlx_astype(&flat, a, MLX_FLOAT32, s), 0);
  assert_int_equal(mlx_contiguous(&flat, flat, false, s), 0);
  assert_int_equal(mlx_array_eval(flat), 0);
  _assert_int_equal((long long)mlx_array_size(flat), (long long)count, file, line);
  for (size_t i = 0; i < count; i++) {
    float found = mlx_array_data_float32(flat)[i], wanted = values[i];
    if (!(found - wanted < 1e-5f && wanted - found < 1e-5f)) {
      print_error("element %zu is %g, not %g\n", i, (double)found, (double)wanted);
      _fail(file, line);
    }
  }
  mlx_array_free(flat);
  mlx_stream_free(s);
}

#endif
