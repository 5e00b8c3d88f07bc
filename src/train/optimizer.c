/* Optimizers whatever their rule: state, steps, learning rates, several optimizers as one. */
#include "train/optimizer.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEP, RATE }; /* the first states */

/* ---- Making ---- */

static void add_state(mx_optimizer *o, const char *parameter, const char *name, mx a) {
  mx_str full = {0};
  if (parameter) mx_str_printf(&full, "%s.", parameter);
  mx_str_puts(&full, name);
  mx_vec_push(&o->states, (train_state){mx_str_take(&full), mx_retain(a)});
}

static void replace(mx *place, mx a) {
  mx old = *place;
  *place = mx_retain(a);
  mx_release(old);
}

mx_optimizer *train_optimizer_new(const train_rule *rule, const void *args, size_t size,
                                  double learning_rate, mx_fn schedule) {
  mx_optimizer *o = mx_xcalloc(1, sizeof *o);
  *o = (mx_optimizer){.rule = rule, .args = mx_xmalloc(size)};
  memcpy(o->args, args, size);
  o->has_rate = !rule->optional_rate || schedule || learning_rate;
  mx_scope scope = mx_scope_begin();
  mx step = mx_scalar(0, MX_UINT64);
  mx rate = schedule ? mx_call(schedule, step) : mx_float((float)learning_rate);
  add_state(o, NULL, "step", step);
  if (o->has_rate) add_state(o, NULL, "learning_rate", rate);
  if (schedule) o->schedule = mx_fn_retain(schedule);
  mx_scope_end(scope, NULL);
  if (rate) return o;
  mx_optimizer_free(o);
  return NULL;
}

mx_optimizer *mx_multi_optimizer(mx_optimizer *const *optimizers,
                                 const mx_optimizer_filter *filters, void *payload, int count) {
  mx_optimizer *o = mx_xcalloc(1, sizeof *o);
  size_t n = count > 0 ? (size_t)count : 0;
  *o = (mx_optimizer){.children = mx_xcalloc(n + 1, sizeof *o->children),
                      .filters = mx_xcalloc(n + 1, sizeof *o->filters),
                      .payload = payload,
                      .child_count = (int)n};
  bool good = n > 0;
  if (!good) mx_fail("[MultiOptimizer] At least one optimizer is needed.");
  for (size_t i = 0; i < n; i++) {
    o->children[i] = optimizers[i];
    if (i + 1 < n) o->filters[i] = filters[i];
    good = good && optimizers[i];
  }
  if (good) return o;
  mx_optimizer_free(o);
  return NULL;
}

static void drop_states(mx_optimizer *o, size_t from) {
  for (size_t i = from; i < o->states.size; i++) {
    free(o->states.data[i].name);
    mx_release(o->states.data[i].array);
  }
  o->states.size = from < o->states.size ? from : o->states.size;
}

void mx_optimizer_free(mx_optimizer *o) {
  if (!o) return;
  for (int i = 0; i < o->child_count; i++) mx_optimizer_free(o->children[i]);
  drop_states(o, 0);
  mx_vec_free(&o->states);
  mx_vec_free(&o->parameters);
  mx_fn_release(o->schedule);
  free(o->children);
  free(o->filters);
  free(o->args);
  free(o);
}

/* ---- State for parameters ---- */

static bool init_one(mx_optimizer *o, const char *name, mx parameter) {
  train_parameter p = {.child = -1};
  bool good = parameter != NULL;
  for (int s = 0; s < TRAIN_SLOTS; s++) {
    p.slots[s] = -1;
    if (!good || !o->rule->slots[s]) continue;
    mx first = o->rule->init ? o->rule->init(o->args, s, parameter) : mx_zeros_like(parameter);
    if (!first) continue;
    p.slots[s] = (int)o->states.size;
    add_state(o, name, o->rule->slots[s], first);
  }
  mx_vec_push(&o->parameters, p);
  return good;
}

static int choose_child(const mx_optimizer *o, const char *name, mx parameter) {
  for (int i = 0; i < o->child_count - 1; i++)
    if (o->filters[i](o->payload, name, parameter)) return i;
  return o->child_count - 1;
}

/* Children's states are listed by the parent under names of their own, made here once. */
static void name_children(mx_optimizer *o) {
  for (int c = 0; c < o->child_count; c++)
    for (int i = 0; i < mx_optimizer_state_count(o->children[c]); i++) {
      char path[32];
      snprintf(path, sizeof path, "states.%d", c);
      add_state(o, path, mx_optimizer_state_name(o->children[c], i), NULL);
    }
}

static bool init_children(mx_optimizer *o, const char *const *names, const mx *parameters,
                          int count) {
  const char **own_names = mx_xcalloc((size_t)count + 1, sizeof *own_names);
  mx *own = mx_xcalloc((size_t)count + 1, sizeof *own);
  for (int i = 0; i < count; i++)
    mx_vec_push(&o->parameters,
                (train_parameter){.child = choose_child(o, names[i], parameters[i])});
  bool good = true;
  for (int c = 0; c < o->child_count && good; c++) {
    int n = 0;
    for (int i = 0; i < count; i++)
      if (o->parameters.data[i].child == c) {
        own_names[n] = names[i];
        own[n++] = parameters[i];
      }
    good = mx_optimizer_init(o->children[c], own_names, own, n) == 0;
  }
  if (good) name_children(o);
  free(own_names);
  free(own);
  return good;
}

int mx_optimizer_init(mx_optimizer *o, const char *const *names, const mx *parameters, int count) {
  drop_states(o, o->rule ? RATE + (size_t)o->has_rate : 0);
  o->parameters.size = 0;
  if (!o->rule) return init_children(o, names, parameters, count) ? 0 : -1;
  mx_scope scope = mx_scope_begin();
  bool good = true;
  for (int i = 0; i < count && good; i++) good = init_one(o, names[i], parameters[i]);
  mx_scope_end(scope, NULL);
  return good ? 0 : -1;
}

/* ---- Steps ---- */

/* As MLX: the schedule sees the steps made before, the rule counts this one. */
static bool advance(mx_optimizer *o) {
  mx_scope scope = mx_scope_begin();
  mx step = o->states.data[STEP].array;
  mx rate = o->schedule ? mx_call(o->schedule, step) : NULL;
  mx next = mx_add(step, mx_scalar(1, MX_UINT64));
  bool good = next && (rate || !o->schedule);
  if (good && rate) replace(&o->states.data[RATE].array, rate);
  if (good) replace(&o->states.data[STEP].array, next);
  mx_scope_end(scope, NULL);
  return good;
}

static mx apply_one(mx_optimizer *o, const train_parameter *p, mx gradient, mx parameter) {
  mx_scope scope = mx_scope_begin();
  mx slots[TRAIN_SLOTS];
  for (int s = 0; s < TRAIN_SLOTS; s++)
    slots[s] = p->slots[s] < 0 ? NULL : o->states.data[p->slots[s]].array;
  mx rate = o->has_rate ? o->states.data[RATE].array : NULL;
  mx updated = o->rule->apply(
      &(train_update){o->args, gradient, parameter, rate, o->states.data[STEP].array, slots});
  for (int s = 0; s < TRAIN_SLOTS && updated; s++) {
    if (p->slots[s] < 0) continue;
    if (slots[s])
      replace(&o->states.data[p->slots[s]].array, slots[s]);
    else
      updated = NULL;
  }
  return mx_scope_end(scope, updated);
}

static bool same_shape(mx a, mx b) {
  return mx_ndim(a) == mx_ndim(b) &&
         !memcmp(mx_shape(a), mx_shape(b), (size_t)mx_ndim(a) * sizeof(int));
}

static bool check_inputs(const mx_optimizer *o, const mx *gradients, const mx *parameters,
                         int count) {
  if (count != (int)o->parameters.size) {
    mx_fail("[optimizer] It was made for %zu parameters; %d were given.", o->parameters.size,
            count);
    return false;
  }
  for (int i = 0; i < count; i++) {
    if (!gradients[i] || !parameters[i]) return false;
    if (same_shape(gradients[i], parameters[i])) continue;
    mx_fail("[optimizer] Gradient %d does not have its parameter's shape.", i);
    return false;
  }
  return true;
}

static bool apply_children(mx_optimizer *o, const mx *gradients, const mx *parameters, int count,
                           mx *updated) {
  mx *own = mx_xcalloc(2 * (size_t)count + 1, sizeof *own), *given = own + count;
  bool good = true;
  for (int c = 0; c < o->child_count && good; c++) {
    int n = 0;
    for (int i = 0; i < count; i++)
      if (o->parameters.data[i].child == c) {
        given[n] = gradients[i];
        own[n++] = parameters[i];
      }
    good = mx_optimizer_apply_gradients(o->children[c], given, own, n, own) == 0;
    for (int i = count; i-- > 0 && good;)
      if (o->parameters.data[i].child == c) updated[i] = own[--n];
  }
  free(own);
  return good;
}

int mx_optimizer_apply_gradients(mx_optimizer *o, const mx *gradients, const mx *parameters,
                                 int count, mx *updated) {
  if (!check_inputs(o, gradients, parameters, count)) return -1;
  if (!o->rule) return apply_children(o, gradients, parameters, count, updated) ? 0 : -1;
  bool good = advance(o);
  for (int i = 0; i < count && good; i++)
    good = (updated[i] = apply_one(o, &o->parameters.data[i], gradients[i], parameters[i])) != NULL;
  return good ? 0 : -1;
}

/* ---- Looking at the state ---- */

mx mx_optimizer_learning_rate(const mx_optimizer *o) {
  if (!o->rule) return mx_optimizer_learning_rate(o->children[0]);
  return o->has_rate ? mx_scope_own(mx_retain(o->states.data[RATE].array)) : NULL;
}

int mx_optimizer_set_learning_rate(mx_optimizer *o, mx rate) {
  if (!rate) return -1;
  for (int i = 0; i < o->child_count; i++)
    if (mx_optimizer_set_learning_rate(o->children[i], rate)) return -1;
  if (!o->rule) return 0;
  if (!o->has_rate || mx_size(rate) != 1) {
    mx_fail(o->has_rate ? "[optimizer] The learning rate must be a scalar."
                        : "[optimizer] %s was made without a learning rate.",
            o->rule->name);
    return -1;
  }
  replace(&o->states.data[RATE].array, rate);
  return 0;
}

int mx_optimizer_state_count(const mx_optimizer *o) { return (int)o->states.size; }

const char *mx_optimizer_state_name(const mx_optimizer *o, int i) {
  return i >= 0 && i < (int)o->states.size ? o->states.data[i].name : NULL;
}

/* The array's place, in a child where there are several optimizers. */
static mx *state_place(const mx_optimizer *o, int i) {
  if (i < 0 || i >= (int)o->states.size)
    return mx_fail("[optimizer] There is no state %d; there are %zu.", i, o->states.size);
  if (o->rule) return &o->states.data[i].array;
  int c = 0;
  for (; i >= mx_optimizer_state_count(o->children[c]); c++)
    i -= mx_optimizer_state_count(o->children[c]);
  return state_place(o->children[c], i);
}

mx mx_optimizer_state(const mx_optimizer *o, int i) {
  mx *place = state_place(o, i);
  return place ? mx_scope_own(mx_retain(*place)) : NULL;
}

int mx_optimizer_set_state(mx_optimizer *o, int i, mx a) {
  mx *place = state_place(o, i);
  if (!place || !a) return -1;
  if (!same_shape(*place, a)) {
    mx_fail("[optimizer] \"%s\" has another shape than the state it is to replace.",
            mx_optimizer_state_name(o, i));
    return -1;
  }
  replace(place, a);
  return 0;
}

int mx_optimizer_store(const mx_optimizer *o, mx_array_map *map, const char *prefix) {
  int status = 0;
  mx_str name = {0};
  for (int i = 0; i < mx_optimizer_state_count(o) && !status; i++) {
    mx_str_clear(&name);
    mx_str_printf(&name, "%s%s", prefix, mx_optimizer_state_name(o, i));
    status = mx_array_map_put(map, name.data, *state_place(o, i));
  }
  mx_str_free(&name);
  return status;
}

int mx_optimizer_restore(mx_optimizer *o, const mx_array_map *map, const char *prefix) {
  int status = 0;
  mx_str name = {0};
  for (int i = 0; i < mx_optimizer_state_count(o) && !status; i++) {
    mx_str_clear(&name);
    mx_str_printf(&name, "%s%s", prefix, mx_optimizer_state_name(o, i));
    mx a = mx_array_map_get(map, name.data);
    if (!a) mx_fail("[optimizer] The state has no \"%s\".", name.data);
    status = a ? mx_optimizer_set_state(o, i, a) : -1;
  }
  mx_str_free(&name);
  return status;
}

/* ---- Gradients ---- */

mx mx_clip_grad_norm(const mx *gradients, int count, double max_norm, mx *clipped) {
  mx_scope scope = mx_scope_begin();
  mx *kept = mx_xcalloc((size_t)count + 1, sizeof *kept), squares = mx_float(0);
  for (int i = 0; i < count; i++) squares = mx_add(squares, mx_sum(mx_square(gradients[i])));
  mx norm = mx_sqrt(squares);
  mx scale = mx_minimum(mx_divide(mx_float((float)max_norm), train_plus(norm, 1e-6)), mx_float(1));
  bool good = scale != NULL;
  for (int i = 0; i < count && good; i++)
    good = (kept[i] = mx_multiply(gradients[i], scale)) != NULL;
  kept[count] = norm;
  mx_scope_end_many(scope, kept, good ? count + 1 : 0);
  for (int i = 0; i < count && good; i++) clipped[i] = kept[i];
  free(kept);
  return good ? norm : NULL;
}
