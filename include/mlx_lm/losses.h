/* Loss functions (mlx.nn.losses). Predictions come first, targets second, of the same shape unless
 * said otherwise; another shape is an error. `.reduction` says what is returned: a loss for every
 * element (or slice along the axis), or their mean or sum, a scalar.
 *
 *     mx loss = mx_nn_cross_entropy(logits, targets, .reduction = MX_NN_MEAN);
 */
#ifndef MLX_LM_LOSSES_H
#define MLX_LM_LOSSES_H

#include "mlx/mx.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mx_nn_reduction { MX_NN_NONE, MX_NN_MEAN, MX_NN_SUM } mx_nn_reduction;

/* logsumexp(logits) - logits[target] along the axis. Targets are classes (integers, the logits'
 * shape without the axis), or probabilities (the logits' shape). weights: one a loss, or NULL.
 * label_smoothing in [0, 1) is the part of the target that is spread over all classes. */
typedef struct mx_nn_cross_entropy_args {
  mx weights;
  int axis;
  double label_smoothing;
  mx_nn_reduction reduction;
} mx_nn_cross_entropy_args;
MX_API mx mx_nn_cross_entropy_with(mx logits, mx targets, mx_nn_cross_entropy_args args);
#define mx_nn_cross_entropy(logits, targets, ...) \
  mx_nn_cross_entropy_with(logits, targets, (mx_nn_cross_entropy_args){.axis = -1, __VA_ARGS__})

/* Targets in {0, 1} (or between). Inputs are logits, or without `with_logits` probabilities, whose
 * logarithms are held above -100. */
typedef struct mx_nn_binary_cross_entropy_args {
  mx weights;
  bool with_logits;
  mx_nn_reduction reduction;
} mx_nn_binary_cross_entropy_args;
MX_API mx mx_nn_binary_cross_entropy_with(mx inputs, mx targets,
                                          mx_nn_binary_cross_entropy_args args);
#define mx_nn_binary_cross_entropy(inputs, targets, ...)             \
  mx_nn_binary_cross_entropy_with(inputs, targets,                   \
                                  (mx_nn_binary_cross_entropy_args){ \
                                      .with_logits = true, .reduction = MX_NN_MEAN, __VA_ARGS__})

typedef struct mx_nn_loss_args {
  mx_nn_reduction reduction;
} mx_nn_loss_args;

/* |predictions - targets|; by default the mean. */
MX_API mx mx_nn_l1_loss_with(mx predictions, mx targets, mx_nn_loss_args args);
#define mx_nn_l1_loss(predictions, targets, ...) \
  mx_nn_l1_loss_with(predictions, targets, (mx_nn_loss_args){.reduction = MX_NN_MEAN, __VA_ARGS__})
/* (predictions - targets)^2; by default the mean. */
MX_API mx mx_nn_mse_loss_with(mx predictions, mx targets, mx_nn_loss_args args);
#define mx_nn_mse_loss(predictions, targets, ...) \
  mx_nn_mse_loss_with(predictions, targets, (mx_nn_loss_args){.reduction = MX_NN_MEAN, __VA_ARGS__})
/* max(0, 1 - inputs targets), targets -1 or 1. */
MX_API mx mx_nn_hinge_loss_with(mx inputs, mx targets, mx_nn_loss_args args);
#define mx_nn_hinge_loss(inputs, targets, ...) \
  mx_nn_hinge_loss_with(inputs, targets, (mx_nn_loss_args){__VA_ARGS__})
/* log(cosh(inputs - targets)). */
MX_API mx mx_nn_log_cosh_loss_with(mx inputs, mx targets, mx_nn_loss_args args);
#define mx_nn_log_cosh_loss(inputs, targets, ...) \
  mx_nn_log_cosh_loss_with(inputs, targets, (mx_nn_loss_args){__VA_ARGS__})

typedef struct mx_nn_axis_loss_args {
  int axis;
  double eps; /* of the cosine similarity alone: the least denominator */
  mx_nn_reduction reduction;
} mx_nn_axis_loss_args;

/* -inputs[target] along the axis; inputs are log-probabilities [..., classes], targets classes
 * [...]. */
MX_API mx mx_nn_nll_loss_with(mx inputs, mx targets, mx_nn_axis_loss_args args);
#define mx_nn_nll_loss(inputs, targets, ...) \
  mx_nn_nll_loss_with(inputs, targets, (mx_nn_axis_loss_args){.axis = -1, __VA_ARGS__})
/* Kullback-Leibler divergence of log-probabilities: sum of e^targets (targets - inputs) along the
 * axis. */
MX_API mx mx_nn_kl_div_loss_with(mx inputs, mx targets, mx_nn_axis_loss_args args);
#define mx_nn_kl_div_loss(inputs, targets, ...) \
  mx_nn_kl_div_loss_with(inputs, targets, (mx_nn_axis_loss_args){.axis = -1, __VA_ARGS__})
/* a b / max(|a| |b|, eps) along the axis. */
MX_API mx mx_nn_cosine_similarity_loss_with(mx a, mx b, mx_nn_axis_loss_args args);
#define mx_nn_cosine_similarity_loss(a, b, ...) \
  mx_nn_cosine_similarity_loss_with(a, b,       \
                                    (mx_nn_axis_loss_args){.axis = 1, .eps = 1e-8, __VA_ARGS__})

/* Negative log-likelihood of targets under Gaussians of mean `inputs` and variance max(vars, eps);
 * `full` adds the constant log(2 pi) / 2. */
typedef struct mx_nn_gaussian_nll_args {
  bool full;
  double eps;
  mx_nn_reduction reduction;
} mx_nn_gaussian_nll_args;
MX_API mx mx_nn_gaussian_nll_loss_with(mx inputs, mx targets, mx vars,
                                       mx_nn_gaussian_nll_args args);
#define mx_nn_gaussian_nll_loss(inputs, targets, vars, ...) \
  mx_nn_gaussian_nll_loss_with(                             \
      inputs, targets, vars,                                \
      (mx_nn_gaussian_nll_args){.eps = 1e-6, .reduction = MX_NN_MEAN, __VA_ARGS__})

/* d^2 / (2 beta) where d = |predictions - targets| < beta, else d - beta / 2. */
typedef struct mx_nn_smooth_l1_args {
  double beta;
  mx_nn_reduction reduction;
} mx_nn_smooth_l1_args;
MX_API mx mx_nn_smooth_l1_loss_with(mx predictions, mx targets, mx_nn_smooth_l1_args args);
#define mx_nn_smooth_l1_loss(predictions, targets, ...) \
  mx_nn_smooth_l1_loss_with(                            \
      predictions, targets,                             \
      (mx_nn_smooth_l1_args){.beta = 1, .reduction = MX_NN_MEAN, __VA_ARGS__})

/* d^2 / 2 where d = |inputs - targets| <= delta, else delta (d - delta / 2). */
typedef struct mx_nn_huber_args {
  double delta;
  mx_nn_reduction reduction;
} mx_nn_huber_args;
MX_API mx mx_nn_huber_loss_with(mx inputs, mx targets, mx_nn_huber_args args);
#define mx_nn_huber_loss(inputs, targets, ...) \
  mx_nn_huber_loss_with(inputs, targets, (mx_nn_huber_args){.delta = 1, __VA_ARGS__})

/* max(0, |a - p| - |a - n| + margin) along the axis, with |x| = sqrt(sum(x^p) + eps). */
typedef struct mx_nn_triplet_args {
  int axis, p;
  double margin, eps;
  mx_nn_reduction reduction;
} mx_nn_triplet_args;
MX_API mx mx_nn_triplet_loss_with(mx anchors, mx positives, mx negatives, mx_nn_triplet_args args);
#define mx_nn_triplet_loss(anchors, positives, negatives, ...) \
  mx_nn_triplet_loss_with(                                     \
      anchors, positives, negatives,                           \
      (mx_nn_triplet_args){.axis = -1, .p = 2, .margin = 1, .eps = 1e-6, __VA_ARGS__})

/* max(0, margin - targets (inputs1 - inputs2)), targets -1 or 1. */
typedef struct mx_nn_margin_ranking_args {
  double margin;
  mx_nn_reduction reduction;
} mx_nn_margin_ranking_args;
MX_API mx mx_nn_margin_ranking_loss_with(mx inputs1, mx inputs2, mx targets,
                                         mx_nn_margin_ranking_args args);
#define mx_nn_margin_ranking_loss(inputs1, inputs2, targets, ...) \
  mx_nn_margin_ranking_loss_with(inputs1, inputs2, targets,       \
                                 (mx_nn_margin_ranking_args){__VA_ARGS__})

#ifdef __cplusplus
}
#endif
#endif
