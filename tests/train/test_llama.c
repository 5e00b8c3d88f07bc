/* The gradient of a Llama's cross entropy with respect to every parameter is mlx_lm's to 1e-4
 * (tests/golden/make_train.py), computed plainly and through a checkpoint; training lowers the
 * loss, and memory stays flat where each step is evaluated and grows where it is not. */
#include "near.h"

#include "mlx_lm/losses.h"
#include "mlx_lm/optimizers.h"
#include "mlx_lm/parameters.h"

#include <stdlib.h>

static mlx_lm_model *load(const char *name) {
  char path[256];
  snprintf(path, sizeof path, SOURCE_DIR "/tests/golden/llama/%s", name);
  mlx_lm_model *m = mlx_lm_load_model(path);
  if (!m) fail_msg("%s", mx_error());
  return m;
}

/* Mean cross entropy of each next token; input: tokens [batch, n + 1]. */
static bool next_token_loss(void *payload, const mx *in, int count, mx_arrays *out) {
  int n = mx_dim(in[0], 1);
  (void)count;
  mx logits = mlx_lm_model_forward(payload, mx_slice_axis(in[0], 1, 0, n - 1), NULL);
  return mx_arrays_push(
      out, mx_nn_cross_entropy(logits, mx_slice_axis(in[0], 1, 1, n), .reduction = MX_NN_MEAN));
}

/* ---- Gradients ---- */

/* The model's parameters and the tokens. */
static mx *inputs_of(const mlx_lm_model *m, mx tokens) {
  int n = mlx_lm_parameter_count(m);
  mx *inputs = calloc((size_t)n + 1, sizeof *inputs);
  for (int i = 0; i < n; i++) inputs[i] = mlx_lm_parameter(m, i);
  inputs[n] = tokens;
  return inputs;
}

static mx_fn gradient_of(mlx_lm_model *m, bool checkpointed) {
  mx_fn loss = mx_fn_new(next_token_loss, m, NULL), gradient;
  if (checkpointed) {
    mx_fn all = mlx_lm_function_of_parameters(m, loss), again = mx_checkpoint(all);
    int n = mlx_lm_parameter_count(m), *argnums = calloc((size_t)n, sizeof *argnums);
    for (int i = 0; i < n; i++) argnums[i] = i;
    gradient = mx_value_and_grad(again, (mx_ints){argnums, n});
    free(argnums);
    mx_fn_release(again);
    mx_fn_release(all);
  } else {
    gradient = mlx_lm_value_and_grad(m, loss);
  }
  mx_fn_release(loss);
  return gradient;
}

static void check_gradient(const mx_array_map *golden, const char *name, bool checkpointed) {
  mlx_lm_model *m = load(name);
  int n = mlx_lm_parameter_count(m);
  mx_fn gradient = gradient_of(m, checkpointed);
  mx *inputs = inputs_of(m, golden_at(golden, "%s.tokens", name));
  mx_arrays out = {0};
  if (!mx_fn_apply(gradient, inputs, n + 1, &out)) fail_msg("%s: %s", name, mx_error());
  assert_int_equal(out.size, n + 1);
  assert_near(out.data[0], golden_at(golden, "%s.loss", name), 1e-5, name);
  for (int i = 0; i < n; i++) {
    const char *parameter = mlx_lm_parameter_name(m, i);
    mx want = golden_at(golden, "%s.gradient.%s", name, parameter);
    double off = relative_distance(out.data[1 + i], want);
    if (!(off <= 1e-4))
      fail_msg("%s, %s: %.3g away %s", name, parameter, off, mx_error() ? mx_error() : "");
  }
  mx_arrays_free(&out);
  free(inputs);
  mx_fn_release(gradient);
  mlx_lm_model_free(m);
}

static const char *const models[] = {"gqa", "all", "sliding"};

static void gradients_are_mlx_lm_s(void **state) {
  (void)state;
  mx_array_map *golden = golden_map("llama");
  for (int i = 0; i < 3; i++) check_gradient(golden, models[i], false);
  mx_array_map_free(golden);
}

static void checkpointed_gradients_are_the_same(void **state) {
  (void)state;
  mx_array_map *golden = golden_map("llama");
  for (int i = 0; i < 3; i++) check_gradient(golden, models[i], true);
  mx_array_map_free(golden);
}

/* ---- Training ---- */

typedef struct {
  mlx_lm_model *model;
  mx_fn gradient;
  mx_optimizer *optimizer;
  mx tokens;
  int count;
} trainer;

static trainer start(mx_optimizer *optimizer) {
  trainer t = {.model = load("gqa"), .optimizer = optimizer};
  t.count = mlx_lm_parameter_count(t.model);
  t.gradient = gradient_of(t.model, false);
  t.tokens = mx_reshape(mx_remainder(mx_arange(0, 34, 1, MX_INT32), mx_int(7)), MX_INTS(2, 17));
  const char **names = calloc((size_t)t.count, sizeof *names);
  mx *parameters = inputs_of(t.model, NULL);
  for (int i = 0; i < t.count; i++) names[i] = mlx_lm_parameter_name(t.model, i);
  assert_int_equal(mx_optimizer_init(optimizer, names, parameters, t.count), 0);
  free(names);
  free(parameters);
  return t;
}

static void stop(trainer *t) {
  mx_fn_release(t->gradient);
  mx_optimizer_free(t->optimizer);
  mlx_lm_model_free(t->model);
}

/* One update, not evaluated; the loss. */
static mx step(trainer *t) {
  mx_scope scope = mx_scope_begin();
  mx *inputs = inputs_of(t->model, t->tokens), loss;
  mx_arrays out = {0};
  if (!mx_fn_apply(t->gradient, inputs, t->count + 1, &out) ||
      mx_optimizer_apply_gradients(t->optimizer, out.data + 1, inputs, t->count, inputs))
    fail_msg("%s", mx_error());
  for (int i = 0; i < t->count; i++)
    assert_int_equal(mlx_lm_set_parameter(t->model, i, inputs[i]), 0);
  loss = mx_scope_end(scope, out.data[0]);
  mx_arrays_free(&out);
  free(inputs);
  return loss;
}

static void evaluate(const trainer *t, mx loss) {
  int states = mx_optimizer_state_count(t->optimizer);
  mx_scope scope = mx_scope_begin();
  mx *all = calloc((size_t)(t->count + states) + 1, sizeof *all);
  for (int i = 0; i < t->count; i++) all[i] = mlx_lm_parameter(t->model, i);
  for (int i = 0; i < states; i++) all[t->count + i] = mx_optimizer_state(t->optimizer, i);
  all[t->count + states] = loss;
  assert_int_equal(mx_eval_arrays(all, t->count + states + 1), 0);
  free(all);
  mx_scope_end(scope, NULL);
}

static void training_learns_a_sequence(void **state) {
  (void)state;
  trainer t = start(mx_adam(.learning_rate = 3e-3));
  double first = 0, last = 0;
  for (int i = 0; i < 60; i++) {
    mx_scope scope = mx_scope_begin();
    mx loss = step(&t);
    evaluate(&t, loss);
    last = mx_item_double(loss);
    if (!i) first = last;
    mx_scope_end(scope, NULL);
  }
  assert_true(first > 3);
  assert_true(last < 0.2);
  stop(&t);
}

static void memory_stays_flat_where_each_step_is_evaluated(void **state) {
  (void)state;
  trainer t = start(mx_adam(.learning_rate = 1e-3));
  size_t after_three = 0, peak = 0;
  for (int i = 0; i < 40; i++) {
    mx_scope scope = mx_scope_begin();
    evaluate(&t, step(&t));
    mx_scope_end(scope, NULL);
    if (i == 2) {
      after_three = mx_get_active_memory();
      peak = mx_get_peak_memory();
    }
  }
  assert_int_equal(mx_get_active_memory(), after_three);
  assert_true(mx_get_peak_memory() <= peak + peak / 50);
  stop(&t);
}

/* Active memory while sums of gradients over `steps` batches are built, and at the peak of their
 * evaluation. MLX asks for an eval a step because otherwise every step's graph is kept. */
static size_t peak_of_accumulation(trainer *t, int steps, bool eval_each) {
  mx *sums = calloc((size_t)t->count, sizeof *sums);
  mx_reset_peak_memory();
  mx_scope scope = mx_scope_begin();
  for (int s = 0; s < steps; s++) {
    mx_scope inner = mx_scope_begin();
    mx *inputs = inputs_of(t->model, t->tokens);
    mx_arrays out = {0};
    assert_true(mx_fn_apply(t->gradient, inputs, t->count + 1, &out));
    for (int i = 0; i < t->count; i++)
      sums[i] = mx_retain(s ? mx_add(mx_scope_own(sums[i]), out.data[1 + i]) : out.data[1 + i]);
    mx_arrays_free(&out);
    free(inputs);
    mx_scope_end(inner, NULL);
    if (eval_each) assert_int_equal(mx_eval_arrays(sums, t->count), 0);
  }
  assert_int_equal(mx_eval_arrays(sums, t->count), 0);
  for (int i = 0; i < t->count; i++) mx_release(sums[i]);
  mx_scope_end(scope, NULL);
  free(sums);
  return mx_get_peak_memory();
}

static void accumulation_is_flat_with_an_eval_a_step_and_grows_without(void **state) {
  (void)state;
  trainer t = start(mx_sgd(.learning_rate = 1e-3));
  size_t few = peak_of_accumulation(&t, 2, true), many = peak_of_accumulation(&t, 24, true);
  assert_true(many <= few + few / 20);
  size_t few_lazy = peak_of_accumulation(&t, 2, false);
  size_t many_lazy = peak_of_accumulation(&t, 24, false);
  print_message("peak: %zu and %zu bytes with eval, %zu and %zu without\n", few, many, few_lazy,
                many_lazy);
  assert_true(many_lazy > 2 * few_lazy);
  stop(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(gradients_are_mlx_lm_s), scoped_test(checkpointed_gradients_are_the_same),
      scoped_test(training_learns_a_sequence),
      scoped_test(memory_stays_flat_where_each_step_is_evaluated),
      scoped_test(accumulation_is_flat_with_an_eval_a_step_and_grows_without)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
