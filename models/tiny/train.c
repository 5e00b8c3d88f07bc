/* Trains the bundled model: train_tiny WORK STEPS.
 *
 * WORK holds config.json and the rows of tokens that make.py packs: training_tokens.npy int16
 * [rows, 513], training_weights.npy uint8 (how much the model is to learn to write a token), and
 * the same for held_out. The state is kept in WORK/state.safetensors, from which an interrupted run
 * goes on. In the end WORK/float and WORK/quantised are checkpoints.
 *
 * Muon trains the layers' matrices, Adam the embedding and the norms. The last part of the training
 * sees every matrix as 4-bit quantisation will leave it, so that quantising costs nothing. */
#include "mlx/mx.h"
#include "mlx_lm/convert.h"
#include "mlx_lm/losses.h"
#include "mlx_lm/optimizers.h"
#include "mlx_lm/parameters.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ROWS 4            /* of a step */
#define FINISH 0.35       /* the last part of the steps: the rate falls, matrices are quantised */
#define WARM_UP 40        /* steps until the rate is full */
#define MATRIX_RATE 0.02  /* Muon's */
#define VECTOR_RATE 0.003 /* Adam's */
/* A token's row to begin with: as large as what the layers add to it, and much larger than Adam's
 * steps, which move all names alike: a model that cannot tell one from the other cannot copy it. */
#define TOKEN_SIZE 0.5
#define DECAY 0.1     /* of the matrices, times the rate */
#define SAVE_EVERY 25 /* steps */
#define REPORT_EVERY 20

typedef struct {
  mx tokens, weights; /* [rows, 513] */
} rows;

typedef struct {
  const char *work;
  int steps, step;
  rows training, held_out;
  mlx_lm_model *model;
  mx_optimizer *optimizer;
  int count; /* parameters */
  mx_fn gradient, quantised_gradient;
} trainer;

static const char *in_work(const trainer *t, const char *name) {
  static char path[4096];
  snprintf(path, sizeof path, "%s/%s", t->work, name);
  return path;
}

/* ---- A model to begin with ---- */

static mx drawn(const int *shape, double deviation) {
  return mx_random_normal((mx_ints){shape, 2}, MX_FLOAT32, NULL, mx_float((float)deviation), NULL);
}

static void put(mx_array_map *w, int layer, const char *name, mx a) {
  char full[96];
  if (layer < 0)
    snprintf(full, sizeof full, "model.%s.weight", name);
  else
    snprintf(full, sizeof full, "model.layers.%d.%s.weight", layer, name);
  mx_array_map_put(w, full, a);
}

/* Rows have norm one on average; what is added to the stream is smaller, by the number of layers.
 */
static void put_layer(mx_array_map *w, int layer, int layers, int hidden, int queries, int keys,
                      int inner) {
  const struct {
    const char *name;
    int shape[2];
    bool adds;
  } matrices[] = {
      {"self_attn.q_proj", {queries, hidden}, false}, {"self_attn.k_proj", {keys, hidden}, false},
      {"self_attn.v_proj", {keys, hidden}, false},    {"self_attn.o_proj", {hidden, queries}, true},
      {"mlp.gate_proj", {inner, hidden}, false},      {"mlp.up_proj", {inner, hidden}, false},
      {"mlp.down_proj", {hidden, inner}, true}};
  for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++) {
    double gain = matrices[i].adds ? 1 / sqrt(2 * layers) : 1;
    put(w, layer, matrices[i].name, drawn(matrices[i].shape, gain / sqrt(matrices[i].shape[1])));
  }
  put(w, layer, "input_layernorm", mx_ones(MX_INTS(hidden), MX_FLOAT32));
  put(w, layer, "post_attention_layernorm", mx_ones(MX_INTS(hidden), MX_FLOAT32));
}

static mx_array_map *initial_weights(const json_t *config) {
  int hidden, layers, inner, heads, kv_heads, head, vocabulary;
  if (json_unpack((json_t *)config, "{s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "hidden_size", &hidden,
                  "num_hidden_layers", &layers, "intermediate_size", &inner, "num_attention_heads",
                  &heads, "num_key_value_heads", &kv_heads, "head_dim", &head, "vocab_size",
                  &vocabulary))
    return mx_fail("config.json does not have all of the sizes");
  mx_array_map *w = mx_array_map_new();
  mx_random_seed(0);
  put(w, -1, "embed_tokens", drawn((const int[]){vocabulary, hidden}, TOKEN_SIZE));
  put(w, -1, "norm", mx_full(MX_INTS(hidden), mx_float((float)(0.05 / TOKEN_SIZE)), MX_FLOAT32));
  for (int i = 0; i < layers; i++)
    put_layer(w, i, layers, hidden, heads * head, kv_heads * head, inner);
  return w;
}

/* WORK/float: the config and untrained weights. */
static bool begin(const trainer *t) {
  if (!access(in_work(t, "float/model.safetensors"), F_OK)) return true;
  json_error_t error;
  json_t *config = json_load_file(in_work(t, "config.json"), 0, &error);
  if (!config) {
    mx_fail("%s: %s", in_work(t, "config.json"), error.text);
    return false;
  }
  mkdir(in_work(t, "float"), 0777);
  mx_array_map *w = initial_weights(config);
  bool good = w && !json_dump_file(config, in_work(t, "float/config.json"), JSON_INDENT(2)) &&
              !mx_save_safetensors(in_work(t, "float/model.safetensors"), w, NULL);
  mx_array_map_free(w);
  json_decref(config);
  return good;
}

/* ---- The loss ---- */

/* Sum of the cross entropies, in nats, of the tokens to be learnt, and their number. */
static void sums(mlx_lm_model *model, mx tokens, mx weights, mx *loss, mx *number) {
  int n = mx_dim(tokens, 1);
  mx logits = mlx_lm_model_forward(model, mx_slice_axis(tokens, 1, 0, n - 1), NULL);
  mx losses = mx_nn_cross_entropy(logits, mx_slice_axis(tokens, 1, 1, n));
  mx learnt = mx_astype(mx_slice_axis(weights, 1, 1, n), MX_FLOAT32);
  *loss = mx_sum(mx_multiply(losses, learnt));
  *number = mx_sum(learnt);
}

/* Inputs: tokens and weights. */
static bool mean_loss(void *payload, const mx *in, int count, mx_arrays *out) {
  mx loss, number;
  (void)count;
  sums(payload, in[0], in[1], &loss, &number);
  return mx_arrays_push(out, mx_divide(loss, number));
}

/* The values that the checkpoint will hold; gradients pass through the rounding. */
static mx as_quantised(mx w) {
  mx_quantized q = mx_quantize(mx_astype(w, MX_BFLOAT16));
  mx stored =
      mx_dequantize(q.weight, mx_astype(q.scales, MX_FLOAT32), mx_astype(q.biases, MX_FLOAT32));
  return mx_add(w, mx_stop_gradient(mx_subtract(stored, w)));
}

/* mean_loss of the model whose matrices are seen as quantised. */
static bool quantised_loss(void *payload, const mx *in, int count, mx_arrays *out) {
  trainer *t = payload;
  mx *parameters = calloc((size_t)t->count, sizeof *parameters);
  for (int i = 0; i < t->count; i++) {
    mx w = mlx_lm_parameter(t->model, i);
    parameters[i] = mx_ndim(w) == 2 ? as_quantised(w) : w;
  }
  bool good = !mlx_lm_swap_parameters(t->model, parameters) &&
              mean_loss(t->model, in, count, out) && !mlx_lm_swap_parameters(t->model, parameters);
  free(parameters);
  return good;
}

/* e to the mean loss; NaN after mx_fail. */
static double perplexity(mlx_lm_model *model, rows r) {
  double total = 0, count = 0;
  for (int i = 0; i < mx_dim(r.tokens, 0); i += ROWS) {
    mx both[2];
    mx_scope scope = mx_scope_begin();
    sums(model, mx_slice_axis(r.tokens, 0, i, i + ROWS), mx_slice_axis(r.weights, 0, i, i + ROWS),
         &both[0], &both[1]);
    mx_scope_end_many(scope, both, 2);
    if (mx_eval_arrays(both, 2)) return NAN;
    total += mx_item_double(both[0]);
    count += mx_item_double(both[1]);
    mx_scope_end(scope, NULL);
  }
  return exp(total / count);
}

/* ---- Optimizers ---- */

static bool is_layer_matrix(void *payload, const char *name, mx w) {
  (void)payload;
  return mx_ndim(w) == 2 && !strstr(name, "embed");
}

/* How far the step is from the beginning and the end, as a part of the full rate. */
static double part_of_rate(int step, int steps) {
  double left = 1 - (double)step / steps;
  return fmin(1, fmin((step + 1.0) / WARM_UP, left / FINISH));
}

typedef struct {
  const trainer *t;
  double full;
} rate;

static bool rate_now(void *payload, const mx *in, int count, mx_arrays *out) {
  const rate *r = payload;
  (void)in, (void)count;
  return mx_arrays_push(out, mx_float((float)(r->full * part_of_rate(r->t->step, r->t->steps))));
}

static mx_optimizer *make_optimizer(const trainer *t) {
  static rate matrix, vector;
  matrix = (rate){t, MATRIX_RATE};
  vector = (rate){t, VECTOR_RATE};
  mx_fn rates[] = {mx_fn_new(rate_now, &matrix, NULL), mx_fn_new(rate_now, &vector, NULL)};
  mx_optimizer *two[] = {
      mx_muon(.schedule = rates[0], .weight_decay = 0),
      mx_adam(.schedule = rates[1], .betas = {0.9, 0.95}, .eps = 1e-10, .bias_correction = true)};
  for (int i = 0; i < 2; i++) mx_fn_release(rates[i]);
  return mx_multi_optimizer(two, (const mx_optimizer_filter[]){is_layer_matrix}, NULL, 2);
}

static bool init_optimizer(trainer *t) {
  const char **names = calloc((size_t)t->count, sizeof *names);
  mx *parameters = calloc((size_t)t->count, sizeof *parameters);
  for (int i = 0; i < t->count; i++) {
    names[i] = mlx_lm_parameter_name(t->model, i);
    parameters[i] = mlx_lm_parameter(t->model, i);
  }
  bool good = t->optimizer && !mx_optimizer_init(t->optimizer, names, parameters, t->count);
  free(names);
  free(parameters);
  return good;
}

/* ---- State ---- */

static bool save_state(const trainer *t) {
  char step[16];
  mx_array_map *map = mx_array_map_new();
  mx_string_map *texts = mx_string_map_new();
  snprintf(step, sizeof step, "%d", t->step);
  mx_string_map_put(texts, "step", step);
  for (int i = 0; i < t->count; i++)
    mx_array_map_put(map, mlx_lm_parameter_name(t->model, i), mlx_lm_parameter(t->model, i));
  bool good = !mx_optimizer_store(t->optimizer, map, "optimizer.") &&
              !mx_save_safetensors(in_work(t, "state.safetensors"), map, texts);
  mx_string_map_free(texts);
  mx_array_map_free(map);
  return good;
}

static bool restore_state(trainer *t) {
  if (access(in_work(t, "state.safetensors"), F_OK)) return true;
  mx_array_map *map = mx_array_map_new();
  mx_string_map *texts = mx_string_map_new();
  bool good = !mx_load_safetensors(in_work(t, "state.safetensors"), map, texts) &&
              !mx_optimizer_restore(t->optimizer, map, "optimizer.");
  for (int i = 0; i < t->count && good; i++)
    good = !mlx_lm_set_parameter(t->model, i,
                                 mx_array_map_get(map, mlx_lm_parameter_name(t->model, i)));
  if (good) t->step = atoi(mx_string_map_get(texts, "step"));
  mx_string_map_free(texts);
  mx_array_map_free(map);
  return good;
}

/* ---- Training ---- */

/* A step's rows: every row once, in order, before any comes again. */
static mx batch(mx all, int step) {
  int index[ROWS], count = mx_dim(all, 0);
  for (int i = 0; i < ROWS; i++) index[i] = (int)(((int64_t)step * ROWS + i) % count);
  return mx_take(all, mx_array_new(index, MX_INTS(ROWS), MX_INT32), .axis = 0);
}

/* Fills updated[count + 1]: the parameters, then the loss. */
static bool update(trainer *t, mx *updated) {
  double left = 1 - (double)t->step / t->steps;
  mx_fn gradient = left <= FINISH ? t->quantised_gradient : t->gradient;
  mx *inputs = calloc((size_t)t->count + 2, sizeof *inputs);
  mx_arrays out = {0};
  for (int i = 0; i < t->count; i++) inputs[i] = mlx_lm_parameter(t->model, i);
  inputs[t->count] = mx_astype(batch(t->training.tokens, t->step), MX_INT32);
  inputs[t->count + 1] = batch(t->training.weights, t->step);
  bool good = mx_fn_apply(gradient, inputs, t->count + 2, &out);
  float keep = (float)(1 - part_of_rate(t->step, t->steps) * MATRIX_RATE * DECAY);
  for (int i = 0; i < t->count && good; i++)
    if (is_layer_matrix(NULL, mlx_lm_parameter_name(t->model, i), inputs[i]))
      inputs[i] = mx_multiply(inputs[i], mx_float(keep));
  good =
      good && !mx_optimizer_apply_gradients(t->optimizer, out.data + 1, inputs, t->count, updated);
  if (good) updated[t->count] = out.data[0];
  mx_arrays_free(&out);
  free(inputs);
  return good;
}

/* Builds one step, evaluates it with all that it changes, and gives the loss; NaN after mx_fail. */
static double train_step(trainer *t) {
  int states = mx_optimizer_state_count(t->optimizer);
  mx *all = calloc((size_t)t->count + 1 + (size_t)states, sizeof *all);
  mx_scope scope = mx_scope_begin(), building = mx_scope_begin();
  bool good = update(t, all);
  mx_scope_end_many(building, all, good ? t->count + 1 : 0);
  for (int i = 0; i < states; i++) all[t->count + 1 + i] = mx_optimizer_state(t->optimizer, i);
  good = good && !mx_eval_arrays(all, t->count + 1 + states);
  for (int i = 0; i < t->count && good; i++) good = !mlx_lm_set_parameter(t->model, i, all[i]);
  double loss = good ? mx_item_double(all[t->count]) : NAN;
  mx_scope_end(scope, NULL);
  free(all);
  return loss;
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static bool train(trainer *t) {
  double began = seconds();
  while (t->step < t->steps) {
    double loss = train_step(t);
    if (isnan(loss)) return false;
    if (t->step % REPORT_EVERY == 0) {
      printf("step %d of %d: loss %.4f, %.0f s\n", t->step, t->steps, loss, seconds() - began);
      fflush(stdout);
    }
    t->step++;
    if ((t->step % SAVE_EVERY == 0 || t->step == t->steps) && !save_state(t)) return false;
  }
  return true;
}

/* Writes both checkpoints and says how good they are. */
static bool finish(trainer *t) {
  char source[4096];
  mlx_lm_convert_args args = {.quantize = true, .dtype = "bfloat16"};
  if (mlx_lm_save_parameters(in_work(t, "float/model.safetensors"), t->model)) return false;
  snprintf(source, sizeof source, "%s", in_work(t, "float"));
  if (mlx_lm_convert(source, in_work(t, "quantised"), &args)) return false;
  mlx_lm_model *packed = mlx_lm_load_model(in_work(t, "quantised"));
  if (!packed) return false;
  double before = perplexity(t->model, t->held_out), after = perplexity(packed, t->held_out);
  printf("held-out perplexity: float %.4f, 4-bit %.4f\n", before, after);
  mlx_lm_model_free(packed);
  return !isnan(before) && !isnan(after);
}

/* ---- Setting up ---- */

static bool load_rows(const trainer *t, const char *name, rows *r) {
  char file[64];
  snprintf(file, sizeof file, "%s_tokens.npy", name);
  r->tokens = mx_load(in_work(t, file));
  snprintf(file, sizeof file, "%s_weights.npy", name);
  r->weights = mx_load(in_work(t, file));
  return r->tokens && r->weights;
}

static bool set_up(trainer *t) {
  if (!load_rows(t, "training", &t->training) || !load_rows(t, "held_out", &t->held_out) ||
      !begin(t) || !(t->model = mlx_lm_load_model(in_work(t, "float"))))
    return false;
  t->count = mlx_lm_parameter_count(t->model);
  mx_fn plain = mx_fn_new(mean_loss, t->model, NULL);
  mx_fn quantised = mx_fn_new(quantised_loss, t, NULL);
  t->gradient = mlx_lm_value_and_grad(t->model, plain);
  t->quantised_gradient = mlx_lm_value_and_grad(t->model, quantised);
  mx_fn_release(plain);
  mx_fn_release(quantised);
  t->optimizer = make_optimizer(t);
  return init_optimizer(t) && restore_state(t);
}

int main(int argc, char **argv) {
  if (argc != 3 || atoi(argv[2]) < 1) {
    fprintf(stderr, "usage: train_tiny WORK STEPS\n");
    return 2;
  }
  trainer t = {.work = argv[1], .steps = atoi(argv[2])};
  bool good = set_up(&t) && train(&t) && finish(&t);
  if (!good) fprintf(stderr, "train_tiny: %s\n", mx_error() ? mx_error() : "the loss is NaN");
  mx_fn_release(t.gradient);
  mx_fn_release(t.quantised_gradient);
  mx_optimizer_free(t.optimizer);
  mlx_lm_model_free(t.model);
  return !good;
}
