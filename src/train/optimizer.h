/* What the optimizers of this room share: the rule, which is one table an optimizer, and the state,
 * which is a list of named arrays. */
#ifndef TRAIN_OPTIMIZER_H
#define TRAIN_OPTIMIZER_H

#include "base/vec.h"
#include "mlx_lm/optimizers.h"

enum { TRAIN_SLOTS = 4 }; /* the most arrays that a rule keeps of a parameter */

/* What a rule sees of one parameter's update. */
typedef struct train_update {
  const void *args; /* the optimizer's own struct */
  mx gradient, parameter;
  mx learning_rate; /* NULL where there is none */
  mx step;          /* uint64, counts from 1 */
  mx *state;        /* [slots]: what the rule replaces; NULL where this parameter has none */
} train_update;

typedef struct train_rule {
  const char *name;
  const char *slots[TRAIN_SLOTS]; /* names of the arrays it keeps of a parameter */
  /* Makes a slot's first value; NULL where this parameter has none. Left out: zeros like it. */
  mx (*init)(const void *args, int slot, mx parameter);
  mx (*apply)(const train_update *u); /* the new parameter */
  bool optional_rate;                 /* whether it works without a learning rate */
} train_rule;

typedef struct train_state {
  char *name;
  mx array; /* owned */
} train_state;

/* A parameter's place in an optimizer: its arrays in `states` (-1: none). */
typedef struct train_parameter {
  int slots[TRAIN_SLOTS];
  int child; /* of several optimizers: which takes it */
} train_parameter;

struct mx_optimizer {
  const train_rule *rule; /* NULL: several optimizers */
  void *args;
  mx_fn schedule;
  MX_VEC(train_state) states; /* the step, the learning rate where there is one, then the slots */
  bool has_rate;
  MX_VEC(train_parameter) parameters;
  /* Several optimizers: */
  mx_optimizer **children;
  mx_optimizer_filter *filters;
  void *payload;
  int child_count;
};

/* An optimizer with this rule and a copy of its args. */
mx_optimizer *train_optimizer_new(const train_rule *rule, const void *args, size_t size,
                                  double learning_rate, mx_fn schedule);

/* ---- Formulas with numbers: of the array's dtype, as Python's are ---- */

static inline mx train_plus(mx a, double x) { return mx_add(a, mx_scalar_like(x, a)); }
static inline mx train_times(mx a, double x) { return mx_multiply(a, mx_scalar_like(x, a)); }
static inline mx train_from(double x, mx a) { return mx_subtract(mx_scalar_like(x, a), a); }

#endif
