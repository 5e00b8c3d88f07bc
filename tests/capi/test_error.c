/* Errors: every failure reaches the handler once, as one line, and returns 1; the default handler
 * prints and ends the process. */
#include "face.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void failures_reach_the_handler(void **state) {
  (void)state;
  mlx_stream s = mlx_default_cpu_stream_new();
  mlx_array a = FLOATS(1, 2, 3), b = FLOATS(1, 2), res = FLOATS(9);
  assert_fails(mlx_add(&res, a, b, s), "(3)");
  assert_values(res, 9); /* untouched */
  assert_fails(mlx_add(&res, a, mlx_array_empty, s), "expected a non-empty mlx_array");
  assert_fails(mlx_array_set(&res, mlx_array_empty), "expected a non-empty mlx_array");
  float value;
  assert_fails(mlx_array_item_float32(&value, a), "size 1");
  assert_int_equal(mlx_add(&res, a, a, s), 0); /* nothing lingers */
  assert_values(res, 2, 4, 6);
  mlx_array_free(a);
  mlx_array_free(b);
  mlx_array_free(res);
  mlx_stream_free(s);
}

static void functions_without_status_return_zero(void **state) {
  (void)state;
  mlx_set_error_handler(keep_error, NULL, NULL);
  error_count = 0;
  assert_int_equal(mlx_array_size(mlx_array_empty), 0);
  assert_null(mlx_array_shape(mlx_array_empty));
  assert_null(mlx_array_data_float32(mlx_array_empty));
  mlx_array bad = mlx_array_new_data(NULL, (const int[]){-1}, 1, MLX_FLOAT32);
  assert_null(bad.ctx);
  mlx_array a = FLOATS(1, 2);
  assert_int_equal(mlx_array_dim(a, 1), 0);
  assert_int_equal(error_count, 5);
  mlx_array_free(a);
  mlx_set_error_handler(NULL, NULL, NULL);
}

static int dropped;
static void drop(void *data) { dropped += *(int *)data; }
static void count(const char *message, void *data) {
  (void)message;
  ++*(int *)data;
}

static void handlers_carry_their_data(void **state) {
  (void)state;
  int calls = 1;
  dropped = 0;
  mlx_set_error_handler(count, &calls, drop);
  mlx_error("number %d", 3);
  assert_int_equal(calls, 2);
  assert_int_equal(dropped, 0);
  mlx_set_error_handler(keep_error, NULL, NULL);
  assert_int_equal(dropped, 2);
  mlx_error("number %d", 3);
  assert_non_null(strstr(last_error, "number 3 at "));
  assert_non_null(strstr(last_error, "test_error.c:"));
  mlx_set_error_handler(NULL, NULL, NULL);
}

static void the_default_handler_prints_and_exits(void **state) {
  (void)state;
  int ends[2], status;
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  if (!child) {
    dup2(ends[1], STDOUT_FILENO);
    mlx_array_set(&(mlx_array){NULL}, mlx_array_empty);
    _exit(0);
  }
  close(ends[1]);
  char text[256] = "";
  assert_true(read(ends[0], text, sizeof text - 1) > 0);
  close(ends[0]);
  waitpid(child, &status, 0);
  assert_string_equal(text, "MLX error: expected a non-empty mlx_array\n");
  assert_int_equal(WEXITSTATUS(status), 255);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(failures_reach_the_handler),
      cmocka_unit_test(functions_without_status_return_zero),
      cmocka_unit_test(handlers_carry_their_data),
      cmocka_unit_test(the_default_handler_prints_and_exits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
