/* Optimizers take MLX's steps and keep its state, schedules have its values (tests/golden/
 * make_train.py). */
#include "near.h"

#include "mlx_lm/optimizers.h"

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

enum { STEPS = 5, PARAMETERS = 4 };

static const char *const names[] = {"wide", "tall", "vector", "cube"};

/* ---- The optimizers of make_train.py ---- */

static mx_optimizer *scheduled(mx_fn schedule, mx_optimizer *o) {
  mx_fn_release(schedule);
  return o;
}

static mx_optimizer *nesterov(void) {
  mx_fn s = mx_exponential_decay(0.1, 0.9);
  return scheduled(s, mx_sgd(.schedule = s, .momentum = 0.9, .nesterov = true));
}

static mx_optimizer *adam_corrected(void) {
  mx_fn s = mx_cosine_decay(0.01, 4, 0.001);
  return scheduled(s, mx_adam(.schedule = s, .betas = {0.8, 0.95}, .bias_correction = true));
}

static bool is_matrix(void *payload, const char *name, mx w) {
  (void)payload, (void)name;
  return mx_ndim(w) == 2;
}
static bool is_vector(void *payload, const char *name, mx w) {
  (void)payload, (void)w;
  return strstr(name, "vector") != NULL;
}

static mx_optimizer *multi(void) {
  mx_optimizer *all[] = {mx_muon(.learning_rate = 1e-2),
                         mx_sgd(.learning_rate = 1e-1, .momentum = 0.9),
                         mx_adam(.learning_rate = 1e-2)};
  return mx_multi_optimizer(all, (const mx_optimizer_filter[]){is_matrix, is_vector}, NULL, 3);
}

#define MAKER(name, expression) \
  static mx_optimizer *name(void) { return expression; }

MAKER(sgd, mx_sgd(.learning_rate = 0.1))
MAKER(sgd_decay, mx_sgd(.learning_rate = 0.1, .weight_decay = 0.1))
MAKER(sgd_momentum,
      mx_sgd(.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.01, .dampening = 0.2))
MAKER(rmsprop, mx_rmsprop(.learning_rate = 0.01))
MAKER(adagrad, mx_adagrad(.learning_rate = 0.1))
MAKER(adadelta, mx_adadelta(.learning_rate = 1))
MAKER(adam, mx_adam(.learning_rate = 0.01))
MAKER(adamw, mx_adamw(.learning_rate = 0.01, .weight_decay = 0.1))
MAKER(adamw_corrected, mx_adamw(.learning_rate = 0.01, .bias_correction = true))
MAKER(adamax, mx_adamax(.learning_rate = 0.01))
MAKER(lion, mx_lion(.learning_rate = 0.01, .weight_decay = 0.1))
MAKER(adafactor, mx_adafactor())
MAKER(adafactor_warmup, mx_adafactor(.beta_1 = 0.9, .warmup_init = true, .weight_decay = 0.1))
MAKER(adafactor_rate, mx_adafactor(.learning_rate = 0.01, .relative_step = false,
                                   .scale_parameter = false, .clip_threshold = 0.5))
MAKER(muon, mx_muon(.learning_rate = 0.02))
MAKER(muon_plain,
      mx_muon(.learning_rate = 0.02, .nesterov = false, .weight_decay = 0, .ns_steps = 3))

static const struct {
  const char *name;
  mx_optimizer *(*make)(void);
  int parameters; /* MLX's Adafactor fails on the last one */
} cases[] = {{"sgd", sgd, 4},
             {"sgd_decay", sgd_decay, 4},
             {"sgd_momentum", sgd_momentum, 4},
             {"sgd_nesterov", nesterov, 4},
             {"rmsprop", rmsprop, 4},
             {"adagrad", adagrad, 4},
             {"adadelta", adadelta, 4},
             {"adam", adam, 4},
             {"adam_corrected", adam_corrected, 4},
             {"adamw", adamw, 4},
             {"adamw_corrected", adamw_corrected, 4},
             {"adamax", adamax, 4},
             {"lion", lion, 4},
             {"adafactor", adafactor, 3},
             {"adafactor_warmup", adafactor_warmup, 3},
             {"adafactor_rate", adafactor_rate, 3},
             {"muon", muon, 4},
             {"muon_plain", muon_plain, 4},
             {"multi", multi, 4}};

enum { CASES = sizeof cases / sizeof *cases };

static void start(const mx_array_map *golden, mx *parameters) {
  for (int i = 0; i < PARAMETERS; i++) parameters[i] = golden_at(golden, "p.%s", names[i]);
}

static void step(mx_optimizer *o, const mx_array_map *golden, int number, mx *parameters, int n) {
  mx gradients[PARAMETERS];
  for (int i = 0; i < n; i++) gradients[i] = golden_at(golden, "g.%d.%s", number, names[i]);
  if (mx_optimizer_apply_gradients(o, gradients, parameters, n, parameters))
    fail_msg("%s", mx_error());
}

static void check_steps(const mx_array_map *golden, const char *name, mx_optimizer *o, int n,
                        double tolerance) {
  mx parameters[PARAMETERS];
  char what[64];
  start(golden, parameters);
  if (!o || mx_optimizer_init(o, names, parameters, n)) fail_msg("%s: %s", name, mx_error());
  for (int s = 0; s < STEPS; s++) {
    step(o, golden, s, parameters, n);
    for (int i = 0; i < n; i++) {
      snprintf(what, sizeof what, "%s, step %d, %s", name, s, names[i]);
      assert_near(parameters[i], golden_at(golden, "%s.%d.%s", name, s, names[i]), tolerance, what);
    }
  }
}

static void check_state(const mx_array_map *golden, const char *name, const mx_optimizer *o) {
  char prefix[64];
  int wanted = 0;
  snprintf(prefix, sizeof prefix, "%s.state.", name);
  for (size_t i = 0; i < mx_array_map_size(golden); i++)
    wanted += !strncmp(mx_array_map_name(golden, i), prefix, strlen(prefix));
  assert_int_equal(mx_optimizer_state_count(o), wanted);
  for (int i = 0; i < wanted; i++) {
    const char *state = mx_optimizer_state_name(o, i);
    assert_near(mx_optimizer_state(o, i), golden_at(golden, "%s%s", prefix, state), 2e-6, state);
  }
}

static void steps_and_state_are_mlx_s(void **state) {
  (void)state;
  mx_array_map *golden = golden_map("optimizers");
  for (int i = 0; i < CASES; i++) {
    mx_optimizer *o = cases[i].make();
    check_steps(golden, cases[i].name, o, cases[i].parameters, 4e-6);
    check_state(golden, cases[i].name, o);
    mx_optimizer_free(o);
  }
  mx_array_map_free(golden);
}

/* Saved after two steps and restored into a new optimizer, the rest goes as if nothing was. */
static void a_saved_state_goes_on(void **state) {
  (void)state;
  mx_array_map *golden = golden_map("optimizers");
  char path[] = "/tmp/optimizer.XXXXXX.safetensors";
  int file = mkstemps(path, 12);
  assert_true(file >= 0);
  for (int i = 0; i < CASES; i++) {
    mx parameters[PARAMETERS];
    int n = cases[i].parameters;
    start(golden, parameters);
    mx_optimizer *o = cases[i].make();
    assert_int_equal(mx_optimizer_init(o, names, parameters, n), 0);
    for (int s = 0; s < 2; s++) step(o, golden, s, parameters, n);
    mx_array_map *out = mx_array_map_new(), *in = mx_array_map_new();
    assert_int_equal(mx_optimizer_store(o, out, "optimizer."), 0);
    assert_int_equal(mx_save_safetensors(path, out, NULL), 0);
    mx_optimizer_free(o);
    o = cases[i].make();
    assert_int_equal(mx_optimizer_init(o, names, parameters, n), 0);
    assert_int_equal(mx_load_safetensors(path, in, NULL), 0);
    assert_int_equal(mx_optimizer_restore(o, in, "optimizer."), 0);
    for (int s = 2; s < STEPS; s++) step(o, golden, s, parameters, n);
    for (int k = 0; k < n; k++)
      assert_near(parameters[k], golden_at(golden, "%s.%d.%s", cases[i].name, STEPS - 1, names[k]),
                  4e-6, cases[i].name);
    mx_array_map_free(out);
    mx_array_map_free(in);
    mx_optimizer_free(o);
  }
  remove(path);
  close(file);
  mx_array_map_free(golden);
}

/* ---- Schedules ---- */

static mx_fn joined(void) {
  mx_fn parts[] = {mx_linear_schedule(0, 1e-1, 4), mx_cosine_decay(1e-1, 6, 0),
                   mx_step_decay(1e-2, 0.5, 2)};
  mx_fn all = mx_join_schedules(parts, (const int[]){4, 9}, 3);
  for (int i = 0; i < 3; i++) mx_fn_release(parts[i]);
  return all;
}

static void check_schedule(const json_t *rows, const char *name, mx_fn schedule) {
  const json_t *row = json_object_get(rows, name);
  assert_int_equal(json_array_size(row), 14);
  for (size_t i = 0; i < json_array_size(row); i++) {
    double got = mx_item_double(mx_call(schedule, mx_scalar((double)i, MX_UINT64)));
    double want = json_number_value(json_array_get(row, i));
    if (!(fabs(got - want) <= 1e-8)) fail_msg("%s at %zu: %.9g, not %.9g", name, i, got, want);
  }
  mx_fn_release(schedule);
}

static void schedules_are_mlx_s(void **state) {
  (void)state;
  json_error_t error;
  json_t *rows = json_load_file(SOURCE_DIR "/tests/golden/train/schedules.json", 0, &error);
  check_schedule(rows, "exponential_decay", mx_exponential_decay(1e-1, 0.9));
  check_schedule(rows, "step_decay", mx_step_decay(1e-1, 0.9, 3));
  check_schedule(rows, "cosine_decay", mx_cosine_decay(1e-1, 8, 1e-2));
  check_schedule(rows, "linear_schedule", mx_linear_schedule(0, 1e-1, 5));
  check_schedule(rows, "join_schedules", joined());
  json_decref(rows);
}

/* ---- Clipping, rates, errors ---- */

static void clipped_gradients_are_mlx_s(void **state) {
  (void)state;
  mx_array_map *golden = golden_map("optimizers"), *clip = golden_map("clip");
  const char *const cases_[] = {"less", "more"};
  for (int c = 0; c < 2; c++) {
    mx g[PARAMETERS];
    for (int i = 0; i < PARAMETERS; i++) g[i] = golden_at(golden, "g.0.%s", names[i]);
    mx norm = mx_clip_grad_norm(g, PARAMETERS, c ? 1000 : 2, g);
    assert_near(norm, golden_at(clip, "%s.norm", cases_[c]), 1e-6, "norm");
    for (int i = 0; i < PARAMETERS; i++)
      assert_near(g[i], golden_at(clip, "%s.%s", cases_[c], names[i]), 1e-6, names[i]);
  }
  mx_array_map_free(golden);
  mx_array_map_free(clip);
}

static void a_rate_can_be_set(void **state) {
  (void)state;
  mx w = mx_ones(MX_INTS(2), MX_FLOAT32), g = mx_ones(MX_INTS(2), MX_FLOAT32);
  mx_optimizer *o = mx_sgd(.learning_rate = 1);
  assert_int_equal(mx_optimizer_init(o, (const char *const[]){"w"}, &w, 1), 0);
  assert_int_equal(mx_optimizer_set_learning_rate(o, mx_float(0.25f)), 0);
  assert_float_equal(mx_item_double(mx_optimizer_learning_rate(o)), 0.25, 0);
  assert_int_equal(mx_optimizer_apply_gradients(o, &g, &w, 1, &w), 0);
  assert_array(w, MX_INTS(2), 0.75, 0.75);
  mx_optimizer_free(o);
}

static void misuse_is_an_error(void **state) {
  (void)state;
  mx w = mx_ones(MX_INTS(2), MX_FLOAT32), g = mx_ones(MX_INTS(3), MX_FLOAT32);
  assert_error(mx_sgd(.learning_rate = 1, .nesterov = true), "Nesterov momentum");
  assert_error(mx_rmsprop(.learning_rate = 1, .alpha = -1), "[RMSprop] alpha");
  assert_error(mx_adafactor(.relative_step = false), "learning rate is needed");
  assert_error(mx_linear_schedule(0, 1, 0), "steps must be at least 1");
  mx_optimizer *o = mx_adam(.learning_rate = 1);
  assert_int_equal(mx_optimizer_init(o, (const char *const[]){"w"}, &w, 1), 0);
  assert_int_equal(mx_optimizer_apply_gradients(o, &g, &w, 1, &w), -1);
  assert_non_null(strstr(mx_error(), "its parameter's shape"));
  mx_error_clear();
  assert_int_equal(mx_optimizer_apply_gradients(o, &w, &w, 2, &w), -1);
  assert_non_null(strstr(mx_error(), "made for 1 parameters; 2 were given"));
  mx_error_clear();
  mx_array_map *empty = mx_array_map_new();
  assert_int_equal(mx_optimizer_restore(o, empty, ""), -1);
  assert_string_equal(mx_error(), "[optimizer] The state has no \"step\".");
  mx_error_clear();
  mx_array_map_free(empty);
  mx_optimizer_free(o);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(steps_and_state_are_mlx_s), scoped_test(a_saved_state_goes_on),
      scoped_test(schedules_are_mlx_s),       scoped_test(clipped_gradients_are_mlx_s),
      scoped_test(a_rate_can_be_set),         scoped_test(misuse_is_an_error)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
