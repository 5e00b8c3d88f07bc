/* A model's parameters: all of the checkpoint's weights under their names, replaceable and saved.
 */
#include "near.h"

#include "mlx_lm/parameters.h"

#include <stdlib.h>

#define LLAMA SOURCE_DIR "/tests/golden/llama/"

static mlx_lm_model *load(const char *path) {
  mlx_lm_model *m = mlx_lm_load_model(path);
  if (!m) fail_msg("%s", mx_error());
  return m;
}

static void check_all(const char *folder, const char *file) {
  mlx_lm_model *m = load(folder);
  mx_array_map *arrays = mx_array_map_new();
  assert_int_equal(mx_load_safetensors(file, arrays, NULL), 0);
  assert_int_equal(mlx_lm_parameter_count(m), mx_array_map_size(arrays));
  for (int i = 0; i < mlx_lm_parameter_count(m); i++) {
    mx want = mx_array_map_get(arrays, mlx_lm_parameter_name(m, i));
    assert_non_null(want);
    assert_true(mx_item_bool(mx_array_equal(mlx_lm_parameter(m, i), want)));
  }
  mx_array_map_free(arrays);
  mlx_lm_model_free(m);
}

static void parameters_are_the_checkpoint_s(void **state) {
  (void)state;
  check_all(LLAMA "gqa", LLAMA "gqa/model.safetensors");
  check_all(LLAMA "all", LLAMA "all/model.safetensors");
  check_all(LLAMA "q_untied", LLAMA "q_untied/model.safetensors");
}

static void a_saved_model_is_the_same(void **state) {
  (void)state;
  char path[] = "/tmp/parameters.XXXXXX.safetensors";
  int file = mkstemps(path, 12);
  assert_true(file >= 0);
  mlx_lm_model *m = load(LLAMA "q_untied");
  assert_int_equal(mlx_lm_save_parameters(path, m), 0);
  mlx_lm_model_free(m);
  check_all(LLAMA "q_untied", path);
  remove(path);
}

/* The final norm doubled doubles the logits. */
static void a_replaced_parameter_counts(void **state) {
  (void)state;
  mlx_lm_model *m = load(LLAMA "gqa");
  mx tokens = mx_reshape(mx_arange(0, 8, 1, MX_INT32), MX_INTS(1, 8));
  mx before = mlx_lm_model_forward(m, tokens, NULL);
  int norm = 0;
  while (strcmp(mlx_lm_parameter_name(m, norm), "model.norm.weight")) norm++;
  mx w = mlx_lm_parameter(m, norm);
  assert_int_equal(mlx_lm_set_parameter(m, norm, mx_add(w, w)), 0);
  assert_near(mlx_lm_model_forward(m, tokens, NULL), mx_add(before, before), 1e-5, "logits");
  mlx_lm_model_free(m);
}

static void parameters_swap_in_and_out(void **state) {
  (void)state;
  mlx_lm_model *m = load(LLAMA "gqa");
  int n = mlx_lm_parameter_count(m);
  mx *swapped = calloc((size_t)n, sizeof *swapped), *mine = calloc((size_t)n, sizeof *mine);
  for (int i = 0; i < n; i++) mine[i] = swapped[i] = mx_zeros_like(mlx_lm_parameter(m, i));
  mx kept = mlx_lm_parameter(m, 0);
  assert_int_equal(mlx_lm_swap_parameters(m, swapped), 0);
  assert_ptr_equal(mlx_lm_parameter(m, 0), mine[0]);
  assert_ptr_equal(swapped[0], kept);
  assert_int_equal(mlx_lm_swap_parameters(m, swapped), 0);
  assert_ptr_equal(mlx_lm_parameter(m, 0), kept);
  assert_ptr_equal(swapped[0], mine[0]);
  free(swapped);
  free(mine);
  mlx_lm_model_free(m);
}

static void wrong_parameters_are_errors(void **state) {
  (void)state;
  mlx_lm_model *m = load(LLAMA "gqa");
  assert_error(mlx_lm_parameter(m, 1000), "There is no parameter 1000");
  assert_int_equal(mlx_lm_set_parameter(m, 0, mx_zeros(MX_INTS(3), MX_FLOAT32)), -1);
  assert_string_equal(mx_error(), "[parameters] \"model.embed_tokens.weight\" is [96, 64] of "
                                  "float32; [3] of float32 was given.");
  mx_error_clear();
  assert_int_equal(mlx_lm_set_parameter(m, 0, mx_zeros(MX_INTS(96, 64), MX_INT32)), -1);
  mlx_lm_model_free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(parameters_are_the_checkpoint_s), scoped_test(a_saved_model_is_the_same),
      scoped_test(a_replaced_parameter_counts), scoped_test(parameters_swap_in_and_out),
      scoped_test(wrong_parameters_are_errors)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
