/* Optimizers and learning-rate schedules (mlx.optimizers). Formulas, defaults and the names of the
 * state are MLX's.
 *
 *     mx_optimizer *o = mx_adamw(.learning_rate = 1e-3, .weight_decay = 0.1);
 *     mx_optimizer_init(o, names, parameters, count);
 *     for (...) {
 *       ... gradients ...
 *       mx_optimizer_apply_gradients(o, gradients, parameters, count, updated);
 *     }
 *
 * An optimizer may be used by one thread at a time. */
#ifndef MLX_LM_OPTIMIZERS_H
#define MLX_LM_OPTIMIZERS_H

#include "mlx/mx.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Schedules: functions of the step, a scalar array that counts updates from 0 ---- */
/* Each gives a float32 scalar, is released with mx_fn_release, and is NULL after mx_fail. Any other
 * function of one array serves as well (mx_fn_new). */

/* init * decay_rate^step */
MX_API mx_fn mx_exponential_decay(double init, double decay_rate);
/* init * decay_rate^(step / step_size), the quotient rounded down. */
MX_API mx_fn mx_step_decay(double init, double decay_rate, int step_size);
/* From init to end along half a cosine in decay_steps; end ever after. */
MX_API mx_fn mx_cosine_decay(double init, int decay_steps, double end);
/* From init to end along a line in `steps` (at least 1); end ever after. */
MX_API mx_fn mx_linear_schedule(double init, double end, int steps);
/* schedules[0] before step boundaries[0], then schedules[1], which counts from there, and so on:
 * count schedules, count - 1 boundaries. Keeps references to the schedules. */
MX_API mx_fn mx_join_schedules(const mx_fn *schedules, const int *boundaries, int count);

/* ---- Optimizers ---- */

typedef struct mx_optimizer mx_optimizer;

/* A fixed learning rate, or (where it is not NULL) a schedule, to which a reference is kept. NULL
 * after mx_fail. */
#define MX_LEARNING_RATE \
  double learning_rate;  \
  mx_fn schedule

/* Stochastic gradient descent: v = momentum v + (1 - dampening) g; w -= rate v. */
typedef struct mx_sgd_args {
  MX_LEARNING_RATE;
  double momentum, weight_decay, dampening;
  bool nesterov; /* needs momentum, and no dampening */
} mx_sgd_args;
MX_API mx_optimizer *mx_sgd_with(mx_sgd_args args);
#define mx_sgd(...) mx_sgd_with((mx_sgd_args){__VA_ARGS__})

/* Tieleman and Hinton, 2012: v = alpha v + (1 - alpha) g^2; w -= rate g / (sqrt(v) + eps). */
typedef struct mx_rmsprop_args {
  MX_LEARNING_RATE;
  double alpha, eps;
} mx_rmsprop_args;
MX_API mx_optimizer *mx_rmsprop_with(mx_rmsprop_args args);
#define mx_rmsprop(...) mx_rmsprop_with((mx_rmsprop_args){.alpha = 0.99, .eps = 1e-8, __VA_ARGS__})

/* Duchi et al., 2011: v += g^2; w -= rate g / (sqrt(v) + eps). */
typedef struct mx_adagrad_args {
  MX_LEARNING_RATE;
  double eps;
} mx_adagrad_args;
MX_API mx_optimizer *mx_adagrad_with(mx_adagrad_args args);
#define mx_adagrad(...) mx_adagrad_with((mx_adagrad_args){.eps = 1e-8, __VA_ARGS__})

/* Zeiler, arXiv:1212.5701. */
typedef struct mx_adadelta_args {
  MX_LEARNING_RATE;
  double rho, eps;
} mx_adadelta_args;
MX_API mx_optimizer *mx_adadelta_with(mx_adadelta_args args);
#define mx_adadelta(...) mx_adadelta_with((mx_adadelta_args){.rho = 0.9, .eps = 1e-6, __VA_ARGS__})

/* Kingma and Ba, arXiv:1412.6980; the bias of the moments is corrected only on demand. */
typedef struct mx_adam_args {
  MX_LEARNING_RATE;
  double betas[2], eps;
  bool bias_correction;
} mx_adam_args;
MX_API mx_optimizer *mx_adam_with(mx_adam_args args);
#define mx_adam(...) mx_adam_with((mx_adam_args){.betas = {0.9, 0.999}, .eps = 1e-8, __VA_ARGS__})

/* Adam whose weights decay by themselves (Loshchilov and Hutter, arXiv:1711.05101). */
typedef struct mx_adamw_args {
  MX_LEARNING_RATE;
  double betas[2], eps, weight_decay;
  bool bias_correction;
} mx_adamw_args;
MX_API mx_optimizer *mx_adamw_with(mx_adamw_args args);
#define mx_adamw(...) \
  mx_adamw_with(      \
      (mx_adamw_args){.betas = {0.9, 0.999}, .eps = 1e-8, .weight_decay = 0.01, __VA_ARGS__})

/* Adam by the infinity norm: v = max(b2 v, |g|). */
typedef struct mx_adamax_args {
  MX_LEARNING_RATE;
  double betas[2], eps;
} mx_adamax_args;
MX_API mx_optimizer *mx_adamax_with(mx_adamax_args args);
#define mx_adamax(...) \
  mx_adamax_with((mx_adamax_args){.betas = {0.9, 0.999}, .eps = 1e-8, __VA_ARGS__})

/* Chen et al., arXiv:2302.06675: steps by the sign of the momentum. */
typedef struct mx_lion_args {
  MX_LEARNING_RATE;
  double betas[2], weight_decay;
} mx_lion_args;
MX_API mx_optimizer *mx_lion_with(mx_lion_args args);
#define mx_lion(...) mx_lion_with((mx_lion_args){.betas = {0.9, 0.99}, __VA_ARGS__})

/* Shazeer and Stern, arXiv:1804.04235: second moments of matrices by rows and columns. With
 * relative_step the rate is 1 / sqrt(step), at most 0.01 (or 1e-6 step with warmup_init), and
 * the learning rate is ignored; without, it must be given. */
typedef struct mx_adafactor_args {
  MX_LEARNING_RATE;
  double eps[2]; /* added to squared gradients; the least scale of a parameter */
  double clip_threshold, decay_rate;
  double beta_1; /* 0: no first moment */
  double weight_decay;
  bool scale_parameter, relative_step, warmup_init;
} mx_adafactor_args;
MX_API mx_optimizer *mx_adafactor_with(mx_adafactor_args args);
#define mx_adafactor(...)                                        \
  mx_adafactor_with((mx_adafactor_args){.eps = {1e-30, 1e-3},    \
                                        .clip_threshold = 1,     \
                                        .decay_rate = -0.8,      \
                                        .scale_parameter = true, \
                                        .relative_step = true,   \
                                        __VA_ARGS__})

/* Jordan et al., 2024 (kellerjordan.github.io/posts/muon): momentum, made orthogonal by ns_steps
 * of Newton and Schulz where it is a matrix (axes behind the first count as one). */
typedef struct mx_muon_args {
  MX_LEARNING_RATE;
  double momentum, weight_decay;
  bool nesterov;
  int ns_steps;
} mx_muon_args;
MX_API mx_optimizer *mx_muon_with(mx_muon_args args);
#define mx_muon(...)           \
  mx_muon_with((mx_muon_args){ \
      .momentum = 0.95, .weight_decay = 0.01, .nesterov = true, .ns_steps = 5, __VA_ARGS__})

/* Whether an optimizer of several takes the parameter. */
typedef bool (*mx_optimizer_filter)(void *payload, const char *name, mx parameter);
/* Several optimizers, each for the parameters that its filter is the first to accept; the last has
 * no filter (count - 1 of them) and takes what is left. Owns the optimizers, also after mx_fail. */
MX_API mx_optimizer *mx_multi_optimizer(mx_optimizer *const *optimizers,
                                        const mx_optimizer_filter *filters, void *payload,
                                        int count);

/* Accepts NULL. */
MX_API void mx_optimizer_free(mx_optimizer *o);

/* ---- Use ---- */

/* Makes the state for these parameters, all zeros; the order is the one in which they and their
 * gradients will come. 0, or -1 after mx_fail. */
MX_API int mx_optimizer_init(mx_optimizer *o, const char *const *names, const mx *parameters,
                             int count);
/* One step: fills updated[count] (lazily; may be `parameters` itself) and advances the state.
 * Evaluate both, and often: until then the graph of all steps is kept. 0, or -1 after mx_fail. */
MX_API int mx_optimizer_apply_gradients(mx_optimizer *o, const mx *gradients, const mx *parameters,
                                        int count, mx *updated);

/* What the next update takes unless a schedule decides (of several optimizers: the first's). NULL
 * where there is none. */
MX_API mx mx_optimizer_learning_rate(const mx_optimizer *o);
/* Of several optimizers: of all. 0, or -1 after mx_fail. */
MX_API int mx_optimizer_set_learning_rate(mx_optimizer *o, mx learning_rate);

/* The state as named arrays, as mlx.utils.tree_flatten names an optimizer's: "step",
 * "learning_rate", "model.norm.weight.m"; of several, below "states.0". Known after init. */
MX_API int mx_optimizer_state_count(const mx_optimizer *o);
MX_API const char *mx_optimizer_state_name(const mx_optimizer *o, int i);
/* Belongs to the caller's scope. NULL after mx_fail where i is out of range. */
MX_API mx mx_optimizer_state(const mx_optimizer *o, int i);
/* Replaces it by an array of the same shape. 0, or -1 after mx_fail. */
MX_API int mx_optimizer_set_state(mx_optimizer *o, int i, mx a);
/* Puts the state into a map, each name behind `prefix`; takes it from one (all of it must be
 * there). 0, or -1 after mx_fail. */
MX_API int mx_optimizer_store(const mx_optimizer *o, mx_array_map *map, const char *prefix);
MX_API int mx_optimizer_restore(mx_optimizer *o, const mx_array_map *map, const char *prefix);

/* Scales gradients so that the norm of all together is at most max_norm: fills clipped[count] (may
 * be `gradients` itself) and returns the norm before (a scalar). NULL after mx_fail. */
MX_API mx mx_clip_grad_norm(const mx *gradients, int count, double max_norm, mx *clipped);

#ifdef __cplusplus
}
#endif
#endif
