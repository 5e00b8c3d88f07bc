/* Learning-rate schedules: functions of the step. */
#include "base/alloc.h"
#include "train/optimizer.h"

#include <math.h>
#include <stdlib.h>

typedef mx (*formula)(const double *p, mx step);

/* A schedule that is one formula with numbers. */
typedef struct {
  formula f;
  double p[3];
} numbers;

static bool call_formula(void *payload, const mx *in, int count, mx_arrays *out) {
  const numbers *s = payload;
  if (count == 1) return mx_arrays_push(out, s->f(s->p, mx_astype(in[0], MX_FLOAT32)));
  mx_fail("[schedule] It takes the step alone; %d arrays were given.", count);
  return false;
}

static mx_fn make(formula f, double p0, double p1, double p2) {
  numbers *s = mx_xmalloc(sizeof *s);
  *s = (numbers){f, {p0, p1, p2}};
  return mx_fn_new(call_formula, s, free);
}

static mx_fn too_few(const char *name, const char *what, int given) {
  return mx_fail("[%s] %s must be at least 1, but got %d.", name, what, given);
}

static mx exponential(const double *p, mx step) {
  return train_times(mx_power(mx_float((float)p[1]), step), p[0]);
}

mx_fn mx_exponential_decay(double init, double decay_rate) {
  return make(exponential, init, decay_rate, 0);
}

static mx steps_down(const double *p, mx step) {
  return exponential(p, mx_floor_divide(step, mx_float((float)p[2])));
}

mx_fn mx_step_decay(double init, double decay_rate, int step_size) {
  if (step_size < 1) return too_few("step_decay", "step_size", step_size);
  return make(steps_down, init, decay_rate, step_size);
}

static mx cosine(const double *p, mx step) {
  mx angle = train_times(mx_minimum(step, mx_float((float)p[1])), M_PI / p[1]);
  mx decay = train_times(train_plus(mx_cos(angle), 1), 0.5);
  return train_plus(train_times(decay, p[0] - p[2]), p[2]);
}

mx_fn mx_cosine_decay(double init, int decay_steps, double end) {
  if (decay_steps < 1) return too_few("cosine_decay", "decay_steps", decay_steps);
  return make(cosine, init, decay_steps, end);
}

static mx line(const double *p, mx step) {
  step = mx_minimum(step, mx_float((float)p[2]));
  return train_plus(train_times(step, (p[1] - p[0]) / p[2]), p[0]);
}

mx_fn mx_linear_schedule(double init, double end, int steps) {
  if (steps < 1) return too_few("linear_schedule", "steps", steps);
  return make(line, init, end, steps);
}

/* ---- Several, one after another ---- */

typedef struct {
  int count;
  mx_fn *schedules; /* [count] */
  int *boundaries;  /* [count - 1] */
} joined;

static bool call_joined(void *payload, const mx *in, int count, mx_arrays *out) {
  const joined *s = payload;
  mx step = count == 1 ? mx_astype(in[0], MX_FLOAT32) : NULL, rate = mx_call(s->schedules[0], step);
  for (int i = 1; i < s->count; i++) {
    mx boundary = mx_float((float)s->boundaries[i - 1]);
    mx later = mx_call(s->schedules[i], mx_subtract(step, boundary));
    rate = mx_where(mx_less(step, boundary), rate, later);
  }
  return mx_arrays_push(out, rate);
}

static void release_joined(void *payload) {
  joined *s = payload;
  for (int i = 0; i < s->count; i++) mx_fn_release(s->schedules[i]);
  free(s->schedules);
  free(s->boundaries);
  free(s);
}

mx_fn mx_join_schedules(const mx_fn *schedules, const int *boundaries, int count) {
  if (count < 1) return mx_fail("[join_schedules] Must provide at least 1 schedule to join.");
  for (int i = 0; i < count; i++)
    if (!schedules[i]) return NULL;
  joined *s = mx_xmalloc(sizeof *s);
  *s = (joined){count, mx_xcalloc((size_t)count, sizeof *s->schedules),
                mx_xcalloc((size_t)count, sizeof *s->boundaries)};
  for (int i = 0; i < count; i++) s->schedules[i] = mx_fn_retain(schedules[i]);
  for (int i = 0; i + 1 < count; i++) s->boundaries[i] = boundaries[i];
  return mx_fn_new(call_joined, s, release_joined);
}
