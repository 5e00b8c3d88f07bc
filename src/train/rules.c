/* The optimizers' rules, each a formula and a table row. Python's numbers take the dtype of the
 * array beside them, and so do these. */
#include "train/optimizer.h"

#include <math.h>

#define NEW(rule, args) \
  train_optimizer_new(rule, &(args), sizeof(args), (args).learning_rate, (args).schedule)

/* The rate in the gradient's dtype. */
static mx rate_of(const train_update *u) {
  return mx_astype(u->learning_rate, mx_dtype_of(u->gradient));
}

/* a x + (1 - a) y */
static mx running(double a, mx x, mx y) { return mx_add(train_times(x, a), train_times(y, 1 - a)); }

static mx times_rate(const train_update *u, mx a) { return mx_multiply(rate_of(u), a); }

/* parameter - rate numerator / denominator */
static mx step_by(const train_update *u, mx numerator, mx denominator) {
  return mx_subtract(u->parameter, mx_divide(times_rate(u, numerator), denominator));
}

static bool not_negative(const char *name, const char *what, double value) {
  if (value >= 0) return true;
  mx_fail("[%s] %s must not be negative; it is %g.", name, what, value);
  return false;
}

/* ---- SGD ---- */

static mx sgd(const train_update *u) {
  const mx_sgd_args *a = u->args;
  mx g = u->gradient;
  if (a->weight_decay != 0) g = mx_add(g, train_times(u->parameter, a->weight_decay));
  if (a->momentum <= 0) return mx_subtract(u->parameter, times_rate(u, g));
  mx v = train_times(u->state[0], a->momentum);
  v = mx_add(v, a->dampening > 0 ? train_times(g, 1 - a->dampening) : g);
  u->state[0] = v;
  mx update = a->nesterov ? mx_add(g, train_times(v, a->momentum)) : v;
  return mx_subtract(u->parameter, times_rate(u, update));
}

mx_optimizer *mx_sgd_with(mx_sgd_args args) {
  static const train_rule rule = {.name = "SGD", .slots = {"v"}, .apply = sgd};
  if (args.nesterov && (args.momentum <= 0 || args.dampening != 0))
    return mx_fail("[SGD] Nesterov momentum requires a momentum and zero dampening.");
  return NEW(&rule, args);
}

/* ---- RMSprop, Adagrad, AdaDelta ---- */

static mx rmsprop(const train_update *u) {
  const mx_rmsprop_args *a = u->args;
  mx v = u->state[0] = running(a->alpha, u->state[0], mx_square(u->gradient));
  return step_by(u, u->gradient, train_plus(mx_sqrt(v), a->eps));
}

mx_optimizer *mx_rmsprop_with(mx_rmsprop_args args) {
  static const train_rule rule = {.name = "RMSprop", .slots = {"v"}, .apply = rmsprop};
  if (!not_negative("RMSprop", "alpha", args.alpha) || !not_negative("RMSprop", "eps", args.eps))
    return NULL;
  return NEW(&rule, args);
}

static mx adagrad(const train_update *u) {
  const mx_adagrad_args *a = u->args;
  mx v = u->state[0] = mx_add(u->state[0], mx_square(u->gradient));
  return step_by(u, u->gradient, train_plus(mx_sqrt(v), a->eps));
}

mx_optimizer *mx_adagrad_with(mx_adagrad_args args) {
  static const train_rule rule = {.name = "Adagrad", .slots = {"v"}, .apply = adagrad};
  return not_negative("Adagrad", "eps", args.eps) ? NEW(&rule, args) : NULL;
}

static mx adadelta(const train_update *u) {
  const mx_adadelta_args *a = u->args;
  mx v = u->state[0] = running(a->rho, u->state[0], mx_square(u->gradient));
  mx scale = mx_divide(mx_sqrt(train_plus(u->state[1], a->eps)), mx_sqrt(train_plus(v, a->eps)));
  mx d = mx_multiply(scale, u->gradient);
  u->state[1] = running(a->rho, u->state[1], mx_square(d));
  return mx_subtract(u->parameter, times_rate(u, d));
}

mx_optimizer *mx_adadelta_with(mx_adadelta_args args) {
  static const train_rule rule = {.name = "AdaDelta", .slots = {"v", "u"}, .apply = adadelta};
  if (!not_negative("AdaDelta", "rho", args.rho) || !not_negative("AdaDelta", "eps", args.eps))
    return NULL;
  return NEW(&rule, args);
}

/* ---- Adam and its kin ---- */

/* 1 - beta^step, float32. */
static mx bias_left(double beta, mx step) {
  return train_from(1, mx_power(mx_float((float)beta), mx_astype(step, MX_FLOAT32)));
}

static mx adam_step(const train_update *u, mx parameter, const double *betas, double eps,
                    bool bias_correction) {
  mx g = u->gradient;
  mx m = u->state[0] = running(betas[0], u->state[0], g);
  mx v = u->state[1] = running(betas[1], u->state[1], mx_square(g));
  mx rate = rate_of(u), root = mx_sqrt(v);
  if (bias_correction) {
    rate = mx_astype(mx_divide(rate, bias_left(betas[0], u->step)), mx_dtype_of(g));
    root = mx_multiply(root, mx_astype(mx_rsqrt(bias_left(betas[1], u->step)), mx_dtype_of(g)));
  }
  return mx_subtract(parameter, mx_divide(mx_multiply(rate, m), train_plus(root, eps)));
}

static mx adam(const train_update *u) {
  const mx_adam_args *a = u->args;
  return adam_step(u, u->parameter, a->betas, a->eps, a->bias_correction);
}

mx_optimizer *mx_adam_with(mx_adam_args args) {
  static const train_rule rule = {.name = "Adam", .slots = {"m", "v"}, .apply = adam};
  return NEW(&rule, args);
}

static mx adamw(const train_update *u) {
  const mx_adamw_args *a = u->args;
  mx left = train_from(1, train_times(rate_of(u), a->weight_decay));
  return adam_step(u, mx_multiply(u->parameter, left), a->betas, a->eps, a->bias_correction);
}

mx_optimizer *mx_adamw_with(mx_adamw_args args) {
  static const train_rule rule = {.name = "AdamW", .slots = {"m", "v"}, .apply = adamw};
  return NEW(&rule, args);
}

static mx adamax(const train_update *u) {
  const mx_adamax_args *a = u->args;
  mx m = u->state[0] = running(a->betas[0], u->state[0], u->gradient);
  mx v = u->state[1] = mx_maximum(train_times(u->state[1], a->betas[1]), mx_abs(u->gradient));
  return step_by(u, m, train_plus(v, a->eps));
}

mx_optimizer *mx_adamax_with(mx_adamax_args args) {
  static const train_rule rule = {.name = "Adamax", .slots = {"m", "v"}, .apply = adamax};
  return not_negative("Adamax", "eps", args.eps) ? NEW(&rule, args) : NULL;
}

static mx lion(const train_update *u) {
  const mx_lion_args *a = u->args;
  mx c = running(a->betas[0], u->state[0], u->gradient), w = u->parameter;
  u->state[0] = running(a->betas[1], u->state[0], u->gradient);
  if (a->weight_decay > 0)
    w = mx_multiply(train_from(1, train_times(rate_of(u), a->weight_decay)), w);
  return mx_subtract(w, times_rate(u, mx_sign(c)));
}

mx_optimizer *mx_lion_with(mx_lion_args args) {
  static const train_rule rule = {.name = "Lion", .slots = {"m"}, .apply = lion};
  return NEW(&rule, args);
}

/* ---- Adafactor ---- */

enum { ROW, COLUMN, WHOLE, FIRST }; /* second moments (of what is no matrix, the whole), first */

static mx adafactor_init(const void *args, int slot, mx w) {
  const mx_adafactor_args *a = args;
  int shape[16], n = mx_ndim(w), count = 0;
  if (slot == FIRST) return a->beta_1 != 0 ? mx_zeros_like(w) : NULL;
  if ((slot == WHOLE) != (n < 2)) return NULL;
  if (slot == WHOLE) return mx_zeros_like(w);
  if (n > 16) return mx_fail("[Adafactor] A parameter has %d dimensions, at most 16 are.", n);
  for (int i = 0; i < n; i++)
    if (i != (slot == ROW ? n - 1 : n - 2)) shape[count++] = mx_shape(w)[i];
  return mx_zeros((mx_ints){shape, count}, mx_dtype_of(w));
}

static mx root_mean_square(mx a) { return mx_sqrt(mx_mean(mx_square(a))); }

static mx adafactor_rate(const train_update *u, mx rms) {
  const mx_adafactor_args *a = u->args;
  mx step = mx_astype(u->step, MX_FLOAT32), rate = u->learning_rate;
  if (a->relative_step) {
    mx most = a->warmup_init ? train_times(step, 1e-6) : mx_float(1e-2f);
    rate = mx_minimum(most, mx_rsqrt(step));
  }
  rate = mx_astype(rate, mx_dtype_of(rms));
  return a->scale_parameter ? mx_multiply(mx_maximum(mx_scalar_like(a->eps[1], rms), rms), rate)
                            : rate;
}

/* x beta + y (1 - beta) for a beta that is an array. */
static mx blend(mx beta, mx x, mx y) {
  return mx_add(mx_multiply(beta, x), mx_multiply(train_from(1, beta), y));
}

static mx factored(const train_update *u, mx squares, mx beta) {
  mx rows = u->state[ROW] = blend(beta, u->state[ROW], mx_mean(squares, .axis = -1));
  mx columns = u->state[COLUMN] = blend(beta, u->state[COLUMN], mx_mean(squares, .axis = -2));
  mx by_row = mx_rsqrt(mx_divide(rows, mx_mean(rows, .axis = -1, .keepdims = true)));
  return mx_matmul(mx_expand_dims(by_row, MX_INTS(-1)),
                   mx_expand_dims(mx_rsqrt(columns), MX_INTS(0)));
}

static mx adafactor(const train_update *u) {
  const mx_adafactor_args *a = u->args;
  mx g = u->gradient, w = u->parameter, rms = root_mean_square(w), scale;
  mx rate = adafactor_rate(u, rms);
  mx decay = mx_power(mx_astype(u->step, MX_FLOAT32), mx_float((float)a->decay_rate));
  mx beta = train_from(1, mx_astype(decay, mx_dtype_of(rms)));
  mx squares = train_plus(mx_square(g), a->eps[0]);
  if (mx_ndim(g) >= 2)
    scale = factored(u, squares, beta);
  else
    scale = mx_rsqrt(u->state[WHOLE] = blend(beta, u->state[WHOLE], squares));
  mx update = mx_multiply(scale, g), size = root_mean_square(update);
  size = train_times(size, 1 / a->clip_threshold);
  update = mx_multiply(rate, mx_divide(update, mx_maximum(mx_scalar_like(1, size), size)));
  if (a->beta_1 != 0) update = u->state[FIRST] = running(a->beta_1, u->state[FIRST], update);
  if (a->weight_decay != 0) w = mx_add(w, mx_multiply(w, train_times(rate, -a->weight_decay)));
  return mx_subtract(w, update);
}

mx_optimizer *mx_adafactor_with(mx_adafactor_args args) {
  static const train_rule rule = {
      .name = "Adafactor",
      .slots = {"exp_avg_sq_row", "exp_avg_sq_col", "exp_avg_sq", "exp_avg"},
      .init = adafactor_init,
      .apply = adafactor,
      .optional_rate = true};
  if (!args.relative_step && !args.schedule && !args.learning_rate)
    return mx_fail("[Adafactor] Without relative_step a learning rate is needed.");
  return NEW(&rule, args);
}

/* ---- Muon ---- */

/* The nearest matrix whose singular values are all about one. */
static mx orthogonal(mx x, int steps) {
  bool tall = mx_dim(x, 0) > mx_dim(x, 1);
  if (tall) x = mx_transpose(x);
  x = mx_divide(x, train_plus(mx_sqrt(mx_sum(mx_square(x), .keepdims = true)), 1e-7));
  for (int i = 0; i < steps; i++) {
    mx a = mx_matmul(x, mx_transpose(x));
    mx b = mx_addmm(train_times(a, -4.7750), a, a, .alpha = 2.0315f);
    x = mx_addmm(train_times(x, 3.4445), b, x);
  }
  return tall ? mx_transpose(x) : x;
}

static mx muon(const train_update *u) {
  const mx_muon_args *a = u->args;
  mx g = u->gradient;
  if (a->weight_decay != 0) g = mx_add(g, train_times(u->parameter, a->weight_decay));
  mx v = u->state[0] = running(a->momentum, u->state[0], g);
  mx update = a->nesterov ? running(a->momentum, v, g) : v, rate = rate_of(u);
  int n = mx_ndim(update);
  if (n >= 2) {
    mx matrix = n > 2 ? mx_flatten(update, 1, n - 1) : update;
    matrix = orthogonal(matrix, a->ns_steps);
    update = n > 2 ? mx_reshape(matrix, (mx_ints){mx_shape(g), n}) : matrix;
    rate = train_times(rate, sqrt(fmax(1, (double)mx_dim(update, -2) / mx_dim(update, -1))));
  }
  return mx_subtract(u->parameter, mx_multiply(rate, update));
}

mx_optimizer *mx_muon_with(mx_muon_args args) {
  static const train_rule rule = {.name = "Muon", .slots = {"v"}, .apply = muon};
  return NEW(&rule, args);
}
