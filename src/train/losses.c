/* Loss functions as formulas over the public operations. */
#include "mlx_lm/losses.h"

#include <math.h>
#include <stdio.h>

/* ---- Checks ---- */

static bool same_shape(mx a, mx b) {
  bool same = mx_ndim(a) == mx_ndim(b);
  for (int i = 0; same && i < mx_ndim(a); i++) same = mx_shape(a)[i] == mx_shape(b)[i];
  return same;
}

static const char *shape_text(mx a, char text[96]) {
  int n = snprintf(text, 96, "(");
  for (int i = 0; i < mx_ndim(a) && n < 80; i++)
    n += snprintf(text + n, 96 - (size_t)n, i ? ",%d" : "%d", mx_shape(a)[i]);
  snprintf(text + n, 96 - (size_t)n, ")");
  return text;
}

/* False after mx_fail, or where one of them is NULL. */
static bool agree(const char *loss, const char *name_a, mx a, const char *name_b, mx b) {
  char text_a[96], text_b[96];
  if (!a || !b) return false;
  if (same_shape(a, b)) return true;
  mx_fail("[%s] %s shape %s does not match %s shape %s.", loss, name_a, shape_text(a, text_a),
          name_b, shape_text(b, text_b));
  return false;
}

static mx reduced(mx loss, mx_nn_reduction reduction) {
  switch (reduction) {
  case MX_NN_NONE: return loss;
  case MX_NN_MEAN: return mx_mean(loss);
  case MX_NN_SUM: return mx_sum(loss);
  }
  return mx_fail("[loss] The reduction %d is not MX_NN_NONE, MX_NN_MEAN or MX_NN_SUM.",
                 (int)reduction);
}

static mx weighted(const char *name, mx loss, mx weights) {
  if (!weights) return loss;
  return agree(name, "weights", weights, "loss", loss) ? mx_multiply(loss, weights) : NULL;
}

/* ---- Scalars beside an array, in its dtype ---- */

static mx plus(mx a, double x) { return mx_add(a, mx_scalar_like(x, a)); }
static mx times(mx a, double x) { return mx_multiply(a, mx_scalar_like(x, a)); }
static mx from(double x, mx a) { return mx_subtract(mx_scalar_like(x, a), a); }
static mx at_least(mx a, double x) { return mx_maximum(a, mx_scalar_like(x, a)); }

/* ---- Classes ---- */

static mx chosen(mx scores, mx classes, int axis) {
  mx along = mx_take_along_axis(scores, mx_expand_dims(classes, MX_INTS(axis)), .axis = axis);
  return mx_squeeze(along, MX_INTS(axis));
}

/* Whether targets are classes for the logits along the axis; false after mx_fail. */
static bool fits_classes(mx logits, mx targets, int axis) {
  int n = mx_ndim(logits);
  bool fits = mx_ndim(targets) == n - 1;
  axis = axis < 0 ? axis + n : axis;
  for (int i = 0; fits && i < n - 1; i++)
    fits = mx_shape(targets)[i] == mx_shape(logits)[i + (i >= axis)];
  if (fits) return true;
  char a[96], b[96];
  mx_fail("[cross_entropy] Targets shape %s does not match logits shape %s.",
          shape_text(targets, a), shape_text(logits, b));
  return false;
}

mx mx_nn_cross_entropy_with(mx logits, mx targets, mx_nn_cross_entropy_args args) {
  if (!logits || !targets) return NULL;
  int axis = args.axis;
  if (!(args.label_smoothing >= 0 && args.label_smoothing < 1))
    return mx_fail("[cross_entropy] Label smoothing must be in [0, 1), got %g.",
                   args.label_smoothing);
  bool probabilities = mx_ndim(targets) == mx_ndim(logits);
  if (probabilities ? !agree("cross_entropy", "targets", targets, "logits", logits)
                    : !fits_classes(logits, targets, axis))
    return NULL;
  mx_scope scope = mx_scope_begin();
  mx score = probabilities ? mx_sum(mx_multiply(logits, targets), .axis = axis)
                           : chosen(logits, targets, axis);
  mx loss = mx_logsumexp(logits, .axis = axis);
  if (args.label_smoothing > 0) {
    mx smoothed = times(mx_mean(logits, .axis = axis), args.label_smoothing);
    loss = mx_subtract(mx_subtract(loss, times(score, 1 - args.label_smoothing)), smoothed);
  } else {
    loss = mx_subtract(loss, score);
  }
  loss = weighted("cross_entropy", loss, args.weights);
  return mx_scope_end(scope, reduced(loss, args.reduction));
}

mx mx_nn_nll_loss_with(mx inputs, mx targets, mx_nn_axis_loss_args args) {
  mx_scope scope = mx_scope_begin();
  mx along = mx_take_along_axis(inputs, mx_expand_dims(targets, MX_INTS(-1)), .axis = args.axis);
  mx loss = mx_negative(mx_squeeze(along, MX_INTS(-1)));
  return mx_scope_end(scope, reduced(loss, args.reduction));
}

/* ---- Probabilities and distributions ---- */

mx mx_nn_binary_cross_entropy_with(mx inputs, mx targets, mx_nn_binary_cross_entropy_args args) {
  if (!agree("binary_cross_entropy", "inputs", inputs, "targets", targets)) return NULL;
  mx_scope scope = mx_scope_begin();
  mx loss;
  if (args.with_logits) {
    loss =
        mx_subtract(mx_logaddexp(mx_scalar_like(0, inputs), inputs), mx_multiply(inputs, targets));
  } else {
    mx yes = at_least(mx_log(inputs), -100), no = at_least(mx_log(from(1, inputs)), -100);
    loss = mx_negative(mx_add(mx_multiply(targets, yes), mx_multiply(from(1, targets), no)));
  }
  loss = weighted("binary_cross_entropy", loss, args.weights);
  return mx_scope_end(scope, reduced(loss, args.reduction));
}

mx mx_nn_gaussian_nll_loss_with(mx inputs, mx targets, mx vars, mx_nn_gaussian_nll_args args) {
  if (!agree("gaussian_nll_loss", "inputs", inputs, "targets", targets) ||
      !agree("gaussian_nll_loss", "inputs", inputs, "vars", vars))
    return NULL;
  mx_scope scope = mx_scope_begin();
  vars = at_least(vars, args.eps);
  mx error = mx_square(mx_subtract(targets, inputs));
  mx loss = times(mx_add(mx_log(vars), mx_divide(error, vars)), 0.5);
  if (args.full) loss = plus(loss, 0.5 * log(2 * M_PI));
  return mx_scope_end(scope, reduced(loss, args.reduction));
}

mx mx_nn_kl_div_loss_with(mx inputs, mx targets, mx_nn_axis_loss_args args) {
  mx_scope scope = mx_scope_begin();
  mx each = mx_multiply(mx_exp(targets), mx_subtract(targets, inputs));
  return mx_scope_end(scope, reduced(mx_sum(each, .axis = args.axis), args.reduction));
}

/* ---- Distances ---- */

mx mx_nn_l1_loss_with(mx predictions, mx targets, mx_nn_loss_args args) {
  if (!agree("l1_loss", "predictions", predictions, "targets", targets)) return NULL;
  mx_scope scope = mx_scope_begin();
  return mx_scope_end(scope, reduced(mx_abs(mx_subtract(predictions, targets)), args.reduction));
}

mx mx_nn_mse_loss_with(mx predictions, mx targets, mx_nn_loss_args args) {
  if (!agree("mse_loss", "predictions", predictions, "targets", targets)) return NULL;
  mx_scope scope = mx_scope_begin();
  return mx_scope_end(scope, reduced(mx_square(mx_subtract(predictions, targets)), args.reduction));
}

mx mx_nn_smooth_l1_loss_with(mx predictions, mx targets, mx_nn_smooth_l1_args args) {
  if (!agree("smooth_l1_loss", "predictions", predictions, "targets", targets)) return NULL;
  mx_scope scope = mx_scope_begin();
  mx d = mx_abs(mx_subtract(predictions, targets)), beta = mx_scalar_like(args.beta, d);
  mx near = mx_divide(times(mx_square(d), 0.5), beta), far = plus(d, -0.5 * args.beta);
  return mx_scope_end(scope, reduced(mx_where(mx_less(d, beta), near, far), args.reduction));
}

mx mx_nn_huber_loss_with(mx inputs, mx targets, mx_nn_huber_args args) {
  mx_scope scope = mx_scope_begin();
  mx d = mx_abs(mx_subtract(inputs, targets));
  mx quadratic = mx_minimum(d, mx_scalar_like(args.delta, d));
  mx linear = mx_subtract(d, quadratic);
  mx loss = mx_add(times(mx_square(quadratic), 0.5), times(linear, args.delta));
  return mx_scope_end(scope, reduced(loss, args.reduction));
}

mx mx_nn_log_cosh_loss_with(mx inputs, mx targets, mx_nn_loss_args args) {
  mx_scope scope = mx_scope_begin();
  mx d = mx_subtract(inputs, targets);
  return mx_scope_end(scope,
                      reduced(plus(mx_logaddexp(d, mx_negative(d)), -M_LN2), args.reduction));
}

mx mx_nn_cosine_similarity_loss_with(mx a, mx b, mx_nn_axis_loss_args args) {
  mx_scope scope = mx_scope_begin();
  mx norm_a = mx_sqrt(mx_sum(mx_square(a), .axis = args.axis));
  mx norm_b = mx_sqrt(mx_sum(mx_square(b), .axis = args.axis));
  mx loss = mx_divide(mx_sum(mx_multiply(a, b), .axis = args.axis),
                      at_least(mx_multiply(norm_a, norm_b), args.eps));
  return mx_scope_end(scope, reduced(loss, args.reduction));
}

/* ---- Margins ---- */

mx mx_nn_hinge_loss_with(mx inputs, mx targets, mx_nn_loss_args args) {
  mx_scope scope = mx_scope_begin();
  mx loss = at_least(from(1, mx_multiply(inputs, targets)), 0);
  return mx_scope_end(scope, reduced(loss, args.reduction));
}

static mx triplet_distance(mx a, mx b, const mx_nn_triplet_args *args) {
  mx d = mx_subtract(a, b);
  mx powers = mx_power(d, mx_scalar_like(args->p, d));
  return mx_sqrt(plus(mx_sum(powers, .axis = args->axis), args->eps));
}

mx mx_nn_triplet_loss_with(mx anchors, mx positives, mx negatives, mx_nn_triplet_args args) {
  mx_scope scope = mx_scope_begin();
  mx apart = mx_subtract(triplet_distance(anchors, positives, &args),
                         triplet_distance(anchors, negatives, &args));
  return mx_scope_end(scope, reduced(at_least(plus(apart, args.margin), 0), args.reduction));
}

mx mx_nn_margin_ranking_loss_with(mx inputs1, mx inputs2, mx targets,
                                  mx_nn_margin_ranking_args args) {
  if (!agree("margin_ranking_loss", "inputs1", inputs1, "inputs2", inputs2) ||
      !agree("margin_ranking_loss", "inputs1", inputs1, "targets", targets))
    return NULL;
  mx_scope scope = mx_scope_begin();
  mx apart = mx_multiply(mx_negative(targets), mx_subtract(inputs1, inputs2));
  return mx_scope_end(scope, reduced(at_least(plus(apart, args.margin), 0), args.reduction));
}
