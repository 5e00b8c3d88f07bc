/* Training steps of the bundled model's shape in float32: loss, gradients, Adam, evaluated. The
 * peer is mlx_lm's own training step (mlx_train_peer.py). */
#include "bench.h"

#include "mlx_lm/convert.h"
#include "mlx_lm/losses.h"
#include "mlx_lm/optimizers.h"
#include "mlx_lm/parameters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  mlx_lm_model *model;
  mx_optimizer *optimizer;
  mx_fn gradient;
  int count;
  char folder[32];
} training;

static bool loss(void *payload, const mx *in, int count, mx_arrays *out) {
  int n = mx_dim(in[0], 1);
  (void)count;
  mx logits = mlx_lm_model_forward(payload, mx_slice_axis(in[0], 1, 0, n - 1), NULL);
  return mx_arrays_push(
      out, mx_nn_cross_entropy(logits, mx_slice_axis(in[0], 1, 1, n), .reduction = MX_NN_MEAN));
}

/* The bundled model opened to floats, in a folder of its own. */
static mlx_lm_model *open_model(training *t) {
  char path[64];
  mlx_lm_convert_args args = {.dequantize = true, .dtype = "float32"};
  strcpy(t->folder, "/tmp/bench_train.XXXXXX");
  if (!mkdtemp(t->folder)) return NULL;
  snprintf(path, sizeof path, "%s/model", t->folder);
  return mlx_lm_convert("models/tiny", path, &args) ? NULL : mlx_lm_load_model(path);
}

/* n rows of m + 1 tokens. */
static void make(const bench_case *c, bench_state *s) {
  training *t = s->own = calloc(1, sizeof *t);
  if (!(t->model = open_model(t))) return;
  t->count = mlx_lm_parameter_count(t->model);
  const char **names = calloc((size_t)t->count, sizeof *names);
  mx *parameters = calloc((size_t)t->count, sizeof *parameters);
  for (int i = 0; i < t->count; i++) {
    names[i] = mlx_lm_parameter_name(t->model, i);
    parameters[i] = mlx_lm_parameter(t->model, i);
  }
  t->optimizer = mx_adam(.learning_rate = 1e-5);
  mx_optimizer_init(t->optimizer, names, parameters, t->count);
  mx_fn f = mx_fn_new(loss, t->model, NULL);
  t->gradient = mlx_lm_value_and_grad(t->model, f);
  mx_fn_release(f);
  free(names);
  free(parameters);
  mx ids = mx_remainder(mx_arange(0, (double)(c->n * (c->m + 1)), 1, MX_INT32), mx_int(2039));
  s->in[0] = mx_reshape(ids, MX_INTS((int)c->n, -1));
  mx_eval(s->in[0]);
}

/* all[count + 1]: the new parameters and the loss. */
static bool build(training *t, mx tokens, mx *all) {
  mx *inputs = calloc((size_t)t->count + 1, sizeof *inputs);
  mx_arrays out = {0};
  for (int i = 0; i < t->count; i++) inputs[i] = mlx_lm_parameter(t->model, i);
  inputs[t->count] = tokens;
  bool good = mx_fn_apply(t->gradient, inputs, t->count + 1, &out) &&
              !mx_optimizer_apply_gradients(t->optimizer, out.data + 1, inputs, t->count, all);
  if (good) all[t->count] = out.data[0];
  mx_arrays_free(&out);
  free(inputs);
  return good;
}

static void run(const bench_case *c, bench_state *s) {
  training *t = s->own;
  (void)c;
  if (!t->model) return;
  int states = mx_optimizer_state_count(t->optimizer);
  mx *all = calloc((size_t)(t->count + 1 + states), sizeof *all);
  mx_scope scope = mx_scope_begin();
  bool good = build(t, s->in[0], all);
  mx_scope_end_many(scope, all, good ? t->count + 1 : 0);
  for (int i = 0; i < states; i++) all[t->count + 1 + i] = mx_optimizer_state(t->optimizer, i);
  if (good) mx_eval_arrays(all, t->count + 1 + states);
  for (int i = 0; i < t->count && good; i++) mlx_lm_set_parameter(t->model, i, all[i]);
  free(all);
}

static void drop(const bench_case *c, bench_state *s) {
  training *t = s->own;
  char command[64];
  (void)c;
  mx_fn_release(t->gradient);
  mx_optimizer_free(t->optimizer);
  mlx_lm_model_free(t->model);
  snprintf(command, sizeof command, "rm -r %s", t->folder);
  if (*t->folder && system(command)) fprintf(stderr, "%s is left behind\n", t->folder);
  free(t);
}

/* Three products a weight and token; attention's are few beside them. */
#define STEP(rows, tokens)                                                                  \
  {                                                                                         \
    .name = "tiny " #rows " x " #tokens, .make = make, .run = run, .drop = drop, .n = rows, \
    .m = tokens, .operations = 6.0 * 2360000 * rows * tokens                                \
  }

static const bench_case cases[] = {STEP(1, 32), STEP(1, 128), STEP(4, 128), STEP(4, 512)};

int main(int argc, char **argv) { return bench_main(argc, argv, cases, BENCH_COUNT(cases)); }
