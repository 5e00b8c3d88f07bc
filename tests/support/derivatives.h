/* Derivatives and vectorisation of any function, checked against mathematics: vjp and jvp against
 * central differences in float64, vmap against a loop over slices. */
#ifndef TESTS_SUPPORT_DERIVATIVES_H
#define TESTS_SUPPORT_DERIVATIVES_H

#include "check.h"
#include "floats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { DERIVATIVE_INPUTS = 4, DERIVATIVE_OUTPUTS = 8 };

/* A function and its inputs, each a text for derivative_input (NULL ends the list). */
typedef struct {
  const char *name;
  mx_fn_call call;
  const char *inputs[DERIVATIVE_INPUTS + 1];
} derivative_case;

/* ---- Inputs ---- */

static uint64_t derivative_seed = 1;
static inline double derivative_random(double low, double high) {
  return low + (high - low) * (next_float(&derivative_seed) + 1) / 2;
}

/* An array of repeatable random numbers, described as [i]SHAPE[:LOW:HIGH][LAYOUT]: SHAPE is 2x3, or
 * () for a scalar; float64 in [-1, 1) or [LOW, HIGH), after an i int32 in [0, 3) or [LOW, HIGH);
 * LAYOUT is T (the transpose of what lies in memory), S (every second element along the last axis
 * of an array that goes backwards along it), or B (one slice along the first axis, broadcast). */
static inline mx derivative_input(const char *text) {
  const char *p = text;
  int shape[8], ndim = 0, wide[8];
  bool ints = *p == 'i';
  double low = ints ? 0 : -1, high = ints ? 3 : 1;
  p += ints;
  if (*p == '(') p += 2;
  for (; *p >= '0' && *p <= '9'; p += *p == 'x') shape[ndim++] = (int)strtol(p, (char **)&p, 10);
  if (*p == ':') low = strtod(p + 1, (char **)&p);
  if (*p == ':') high = strtod(p + 1, (char **)&p);
  char layout = *p;
  size_t size = 1;
  for (int i = 0; i < ndim; i++) {
    wide[i] = layout == 'T' ? shape[ndim - 1 - i] : shape[i];
    if (layout == 'S' && i == ndim - 1) wide[i] *= 2;
    if (layout == 'B' && i == 0) wide[i] = 1;
    size *= (size_t)wide[i];
  }
  double *values = malloc((size + 1) * sizeof *values);
  for (size_t i = 0; i < size; i++) {
    values[i] = derivative_random(low, high);
    if (ints) values[i] = floor(values[i]);
  }
  mx a = mx_array_new(values, (mx_ints){wide, ndim}, MX_FLOAT64);
  free(values);
  if (ints) a = mx_astype(a, MX_INT32);
  if (layout == 'T') a = mx_transpose(a);
  if (layout == 'B') a = mx_broadcast_to(a, (mx_ints){shape, ndim});
  if (layout == 'S') {
    int start[8], stop[8], step[8];
    for (int i = 0; i < ndim; i++) {
      bool last = i == ndim - 1;
      start[i] = last ? wide[i] - 1 : 0;
      stop[i] = last ? -wide[i] - 1 : wide[i];
      step[i] = last ? -2 : 1;
    }
    a = mx_slice(a, (mx_ints){start, ndim}, (mx_ints){stop, ndim}, (mx_ints){step, ndim});
  }
  if (mx_eval(a)) fail_msg("input %s: %s", text, mx_error());
  return a;
}

/* ---- Arrays as vectors ---- */

static inline bool derivative_smooth(mx a) { return mx_dtype_of(a) == MX_FLOAT64; }

/* The elements in order, as doubles, in memory that the caller frees. */
static inline double *derivative_values(const char *name, mx a) {
  mx_scope scope = mx_scope_begin();
  const double *data = mx_data(mx_contiguous(mx_astype(a, MX_FLOAT64)));
  if (!data && mx_size(a)) fail_msg("%s: %s", name, mx_error() ? mx_error() : "no array");
  double *copy = malloc((mx_size(a) + 1) * sizeof *copy);
  if (mx_size(a)) memcpy(copy, data, mx_size(a) * sizeof *copy);
  mx_scope_end(scope, NULL);
  return copy;
}

static inline mx derivative_like(mx a, const double *values) {
  return mx_array_new(values, (mx_ints){mx_shape(a), mx_ndim(a)}, MX_FLOAT64);
}

static inline mx derivative_random_like(mx a) {
  double *values = malloc((mx_size(a) + 1) * sizeof *values);
  for (size_t i = 0; i < mx_size(a); i++)
    values[i] = derivative_smooth(a) ? derivative_random(-1, 1) : 0;
  mx t = mx_astype(derivative_like(a, values), mx_dtype_of(a));
  free(values);
  return t;
}

static inline int derivative_apply(const char *name, mx_fn f, const mx *inputs, int count,
                                   mx *outputs) {
  mx_arrays list = {0};
  if (!mx_fn_apply(f, inputs, count, &list)) fail_msg("%s: %s", name, mx_error());
  int size = list.size;
  assert_true(size <= DERIVATIVE_OUTPUTS);
  for (int i = 0; i < size; i++) outputs[i] = list.data[i];
  mx_arrays_free(&list);
  return size;
}

/* ---- vjp and jvp against central differences ---- */

/* How the outputs (one after the other) change with element j of input i, per unit. */
static inline double *derivative_column(const char *name, mx_fn f, const mx *inputs, int count,
                                        int i, size_t j) {
  const double h = 1e-5;
  double *column = NULL;
  for (int sign = 1; sign >= -1; sign -= 2) {
    mx_scope scope = mx_scope_begin();
    mx moved[DERIVATIVE_INPUTS], outputs[DERIVATIVE_OUTPUTS];
    memcpy(moved, inputs, (size_t)count * sizeof *moved);
    double *values = derivative_values(name, inputs[i]);
    values[j] += sign * h;
    moved[i] = derivative_like(inputs[i], values);
    free(values);
    int size = derivative_apply(name, f, moved, count, outputs);
    size_t total = 0, at = 0;
    for (int o = 0; o < size; o++) total += mx_size(outputs[o]);
    if (!column) column = calloc(total + 1, sizeof *column);
    for (int o = 0; o < size; o++) {
      double *y = derivative_values(name, outputs[o]);
      for (size_t k = 0; k < mx_size(outputs[o]); k++) column[at++] += sign * y[k] / (2 * h);
      free(y);
    }
    mx_scope_end(scope, NULL);
  }
  return column;
}

static inline void derivative_agree(const char *name, const char *rule, int argument, size_t at,
                                    double got, double want) {
  if (!(fabs(got - want) <= 2e-6 * fmax(1, fabs(want))))
    fail_msg("%s: %s of argument %d, element %zu: %.9g, by differences %.9g", name, rule, argument,
             at, got, want);
}

/* f with some inputs held. */
typedef struct {
  mx_fn f;
  const mx *inputs;
  int count, free[DERIVATIVE_INPUTS], free_count;
} derivative_section;

static inline bool derivative_section_call(void *payload, const mx *in, int count, mx_arrays *out) {
  const derivative_section *s = payload;
  mx all[DERIVATIVE_INPUTS];
  memcpy(all, s->inputs, (size_t)s->count * sizeof *all);
  for (int i = 0; i < count; i++) all[s->free[i]] = in[i];
  return mx_fn_apply(s->f, all, s->count, out);
}

/* f by its float64 inputs. */
static inline derivative_section derivative_by_floats(mx_fn f, const mx *inputs, int count) {
  derivative_section s = {f, inputs, count, {0}, 0};
  for (int i = 0; i < count; i++)
    if (derivative_smooth(inputs[i])) s.free[s.free_count++] = i;
  return s;
}

/* Derivatives by inputs that are all float64; outputs that are not are passed over. */
static inline void check_float_derivatives(const char *name, mx_fn f, const mx *inputs, int count) {
  mx_scope scope = mx_scope_begin();
  mx outputs[DERIVATIVE_OUTPUTS], cotangents[DERIVATIVE_OUTPUTS], tangents[DERIVATIVE_INPUTS];
  int size = derivative_apply(name, f, inputs, count, outputs);
  size_t total = 0;
  for (int o = 0; o < size; o++) {
    cotangents[o] = derivative_random_like(outputs[o]);
    total += mx_size(outputs[o]);
  }
  double *cotangent = malloc((total + 1) * sizeof *cotangent);
  double *change = calloc(total + 1, sizeof *change), *own = malloc((total + 1) * sizeof *own);
  bool *smooth = malloc(total + 1);
  for (size_t o = 0, at = 0; o < (size_t)size; o++) {
    double *c = derivative_values(name, cotangents[o]);
    for (size_t k = 0; k < mx_size(outputs[o]); k++) {
      smooth[at] = derivative_smooth(outputs[o]);
      cotangent[at++] = c[k];
    }
    free(c);
  }
  mx_arrays values = {0}, vjps = {0}, jvps = {0};
  if (!mx_vjp(f, inputs, count, cotangents, size, &values, &vjps))
    fail_msg("%s: vjp: %s", name, mx_error());
  for (int i = 0; i < count; i++) tangents[i] = derivative_random_like(inputs[i]);
  for (int i = 0; i < count; i++) {
    mx_arrays alone = {0};
    derivative_section section = {f, inputs, count, {i}, 1};
    mx_fn g = mx_fn_new(derivative_section_call, &section, NULL);
    if (!mx_vjp(g, &inputs[i], 1, cotangents, size, &values, &alone) ||
        !mx_jvp(g, &inputs[i], &tangents[i], 1, &values, &alone))
      fail_msg("%s: derivatives of argument %d alone: %s", name, i, mx_error());
    mx_fn_release(g);
    if (mx_dtype_of(vjps.data[i]) != MX_FLOAT64 || mx_size(vjps.data[i]) != mx_size(inputs[i]) ||
        mx_ndim(vjps.data[i]) != mx_ndim(inputs[i]))
      fail_msg("%s: vjp of argument %d has another dtype or shape", name, i);
    double *pulled = derivative_values(name, vjps.data[i]);
    double *pulled_alone = derivative_values(name, alone.data[0]);
    double *tangent = derivative_values(name, tangents[i]);
    memset(own, 0, (total + 1) * sizeof *own);
    for (size_t j = 0; j < mx_size(inputs[i]); j++) {
      double *column = derivative_column(name, f, inputs, count, i, j), slope = 0;
      for (size_t k = 0; k < total; k++) {
        if (smooth[k]) slope += cotangent[k] * column[k];
        own[k] += tangent[j] * column[k];
      }
      derivative_agree(name, "vjp", i, j, pulled[j], slope);
      derivative_agree(name, "vjp (alone)", i, j, pulled_alone[j], slope);
      free(column);
    }
    for (size_t o = 0, at = 0; o < (size_t)size; o++) {
      double *pushed = derivative_values(name, alone.data[1 + o]);
      for (size_t k = 0; k < mx_size(outputs[o]); k++, at++) {
        if (smooth[at]) derivative_agree(name, "jvp (alone)", i, k, pushed[k], own[at]);
        change[at] += own[at];
      }
      free(pushed);
    }
    free(pulled);
    free(pulled_alone);
    free(tangent);
    mx_arrays_free(&alone);
  }
  if (!mx_jvp(f, inputs, tangents, count, &values, &jvps))
    fail_msg("%s: jvp: %s", name, mx_error());
  for (size_t o = 0, at = 0; o < (size_t)size; o++) {
    double *pushed = derivative_values(name, jvps.data[o]);
    if (mx_dtype_of(jvps.data[o]) != mx_dtype_of(outputs[o]) ||
        mx_ndim(jvps.data[o]) != mx_ndim(outputs[o]) ||
        mx_size(jvps.data[o]) != mx_size(outputs[o]))
      fail_msg("%s: jvp of output %zu has another dtype or shape", name, o);
    for (size_t k = 0; k < mx_size(outputs[o]); k++, at++)
      if (smooth[at]) derivative_agree(name, "jvp", -1, k, pushed[k], change[at]);
    free(pushed);
  }
  free(cotangent);
  free(change);
  free(own);
  free(smooth);
  mx_arrays_free(&values);
  mx_arrays_free(&vjps);
  mx_arrays_free(&jvps);
  mx_scope_end(scope, NULL);
}

/* Derivatives by the float64 inputs, together and each alone; the others are held. */
static inline void check_derivatives(const char *name, mx_fn f, const mx *inputs, int count) {
  mx floats[DERIVATIVE_INPUTS];
  derivative_section section = derivative_by_floats(f, inputs, count);
  for (int i = 0; i < section.free_count; i++) floats[i] = inputs[section.free[i]];
  mx_fn g = mx_fn_new(derivative_section_call, &section, NULL);
  check_float_derivatives(name, g, floats, section.free_count);
  mx_fn_release(g);
}

/* The same of the function's vjp: derivatives of derivatives. */
typedef struct {
  mx_fn f;
  mx cotangents[DERIVATIVE_OUTPUTS];
  int outputs;
} derivative_gradient;

static inline bool derivative_gradient_call(void *payload, const mx *in, int count,
                                            mx_arrays *out) {
  derivative_gradient *g = payload;
  mx_arrays values = {0};
  bool good = mx_vjp(g->f, in, count, g->cotangents, g->outputs, &values, out);
  mx_arrays_free(&values);
  return good;
}

static inline void check_second_derivatives(const char *name, mx_fn f, const mx *inputs,
                                            int count) {
  mx_scope scope = mx_scope_begin();
  mx outputs[DERIVATIVE_OUTPUTS], floats[DERIVATIVE_INPUTS];
  derivative_section section = derivative_by_floats(f, inputs, count);
  for (int i = 0; i < section.free_count; i++) floats[i] = inputs[section.free[i]];
  mx_fn by_floats = mx_fn_new(derivative_section_call, &section, NULL);
  derivative_gradient g = {
      by_floats, {0}, derivative_apply(name, by_floats, floats, section.free_count, outputs)};
  for (int o = 0; o < g.outputs; o++) g.cotangents[o] = derivative_random_like(outputs[o]);
  mx_fn gradient = mx_fn_new(derivative_gradient_call, &g, NULL);
  check_float_derivatives(name, gradient, floats, section.free_count);
  mx_fn_release(gradient);
  mx_fn_release(by_floats);
  mx_scope_end(scope, NULL);
}

/* ---- vmap against a loop ---- */

/* What results may differ by, relative to max(1, their size); functions that work in float32 need
 * more. */
static double vmap_tolerance = 1e-12;

/* A variant of `a`, of its shape and with its own elements in another order (floats a little
 * smaller, too): whatever the function's domain, they are in it. */
static inline mx derivative_variant(mx a, int which) {
  mx rolled = mx_reshape(mx_roll(mx_reshape(a, MX_INTS(-1)), MX_INTS(which), MX_INTS(0)),
                         (mx_ints){mx_shape(a), mx_ndim(a)});
  if (!mx_size(a)) return a;
  return derivative_smooth(a) ? mx_multiply(rolled, mx_scalar(1 - which / 64., MX_FLOAT64))
                              : rolled;
}

/* Inputs with `extra` batch axes each, and the functions that map over them. axes[level][i] is the
 * axis of input i that the mapping of that level (0: the outermost) takes, -1 where it is shared.
 */
enum { VMAP_LENGTH_0 = 3, VMAP_LENGTH_1 = 2 };
typedef struct {
  int axes[2][DERIVATIVE_INPUTS], levels, out_axis;
} vmap_plan;

static inline mx vmap_slice(const vmap_plan *p, const mx *inputs, int i, int k0, int k1) {
  int which = (p->axes[0][i] >= 0 ? k0 : 0) + (p->axes[1][i] >= 0 ? 4 * k1 : 0);
  return derivative_variant(inputs[i], which);
}

/* Input i with its batch axes: the inner one put in first. */
static inline mx vmap_whole(const vmap_plan *p, const mx *inputs, int i) {
  static const int lengths[2] = {VMAP_LENGTH_0, VMAP_LENGTH_1};
  mx outer[VMAP_LENGTH_0], inner[VMAP_LENGTH_1];
  int outers = p->axes[0][i] >= 0 ? lengths[0] : 1;
  int inners = p->levels > 1 && p->axes[1][i] >= 0 ? lengths[1] : 1;
  for (int k0 = 0; k0 < outers; k0++) {
    for (int k1 = 0; k1 < inners; k1++) inner[k1] = vmap_slice(p, inputs, i, k0, k1);
    outer[k0] = inners > 1 ? mx_stack(inner, inners, p->axes[1][i]) : inner[0];
  }
  return outers > 1 ? mx_stack(outer, outers, p->axes[0][i]) : outer[0];
}

static inline void vmap_same(const char *name, const vmap_plan *p, mx got, mx want, int output) {
  char plan[128] = "";
  for (int i = 0, at = 0; i < DERIVATIVE_INPUTS; i++)
    at += snprintf(plan + at, sizeof plan - (size_t)at, " %d", p->axes[0][i]);
  for (int i = 0, at = (int)strlen(plan); i < DERIVATIVE_INPUTS && p->levels > 1; i++)
    at += snprintf(plan + at, sizeof plan - (size_t)at, "%s%d", i ? " " : " | ", p->axes[1][i]);
  if (mx_dtype_of(got) != mx_dtype_of(want)) fail_msg("%s: vmap%s: another dtype", name, plan);
  bool same = mx_ndim(got) == mx_ndim(want);
  for (int i = 0; same && i < mx_ndim(got); i++) same = mx_shape(got)[i] == mx_shape(want)[i];
  if (!same) fail_msg("%s: vmap%s: output %d has another shape", name, plan, output);
  double *x = derivative_values(name, got), *y = derivative_values(name, want);
  for (size_t i = 0; i < mx_size(got); i++)
    if (!(fabs(x[i] - y[i]) <= vmap_tolerance * fmax(1, fabs(y[i]))) &&
        !(isnan(x[i]) && isnan(y[i])) && x[i] != y[i])
      fail_msg("%s: vmap%s: output %d element %zu is %.9g; in a loop it is %.9g", name, plan,
               output, i, x[i], y[i]);
  free(x);
  free(y);
}

/* One level's results put together along an axis, of the functions' results in a loop. */
static inline int vmap_loop(const char *name, mx_fn f, const vmap_plan *p, const mx *inputs,
                            int count, mx *outputs) {
  mx rows[DERIVATIVE_OUTPUTS][VMAP_LENGTH_0], cells[DERIVATIVE_OUTPUTS][VMAP_LENGTH_1];
  int size = 0, inners = p->levels > 1 ? VMAP_LENGTH_1 : 1;
  for (int k0 = 0; k0 < VMAP_LENGTH_0; k0++) {
    for (int k1 = 0; k1 < inners; k1++) {
      mx in[DERIVATIVE_INPUTS], out[DERIVATIVE_OUTPUTS];
      for (int i = 0; i < count; i++) in[i] = vmap_slice(p, inputs, i, k0, k1);
      size = derivative_apply(name, f, in, count, out);
      for (int o = 0; o < size; o++) cells[o][k1] = out[o];
    }
    for (int o = 0; o < size; o++)
      rows[o][k0] = p->levels > 1 ? mx_stack(cells[o], inners, 0) : cells[o][0];
  }
  for (int o = 0; o < size; o++) {
    int last = mx_ndim(rows[o][0]);
    outputs[o] = mx_stack(rows[o], VMAP_LENGTH_0, p->out_axis < last ? p->out_axis : last);
  }
  return size;
}

static inline void check_vmap_plan(const char *name, mx_fn f, const vmap_plan *p, const mx *inputs,
                                   int count) {
  mx_scope scope = mx_scope_begin();
  mx whole[DERIVATIVE_INPUTS], want[DERIVATIVE_OUTPUTS], got[DERIVATIVE_OUTPUTS];
  int size = vmap_loop(name, f, p, inputs, count, want), out_axes[2][DERIVATIVE_OUTPUTS];
  for (int i = 0; i < count; i++) whole[i] = vmap_whole(p, inputs, i);
  for (int o = 0; o < size; o++) {
    int last = mx_ndim(want[o]) - 1;
    out_axes[0][o] = p->out_axis < last ? p->out_axis : last;
    out_axes[1][o] = 0;
  }
  mx_fn mapped = mx_fn_retain(f);
  for (int level = p->levels - 1; level >= 0; level--) {
    mx_fn inner = mapped;
    mapped = mx_vmap(inner, (mx_ints){p->axes[level], count}, (mx_ints){out_axes[level], size});
    mx_fn_release(inner);
  }
  int results = derivative_apply(name, mapped, whole, count, got);
  assert_int_equal(results, size);
  for (int o = 0; o < size; o++) vmap_same(name, p, got[o], want[o], o);
  mx_fn_release(mapped);
  mx_scope_end(scope, NULL);
}

/* The plan's level `level` maps over the inputs of `which` (a bit each), axis turn + i of input i
 * (modulo what there is). */
static inline void vmap_choose(vmap_plan *p, int level, unsigned which, int turn, const mx *inputs,
                               int count) {
  for (int i = 0; i < DERIVATIVE_INPUTS; i++) p->axes[level][i] = -1;
  for (int i = 0; i < count; i++) {
    bool inner = level == 0 && p->levels > 1 && p->axes[1][i] >= 0;
    int axes = mx_ndim(inputs[i]) + 1 + inner;
    if (which >> i & 1) p->axes[level][i] = (turn + i) % axes;
  }
}

/* Every choice of mapped inputs, along every axis; and mappings of mappings, each over every choice
 * of inputs. */
static inline void check_vmap(const char *name, mx_fn f, const mx *inputs, int count) {
  int most = 0;
  for (int i = 0; i < count; i++) most = mx_ndim(inputs[i]) > most ? mx_ndim(inputs[i]) : most;
  for (unsigned which = 1; which < 1u << count; which++)
    for (int turn = 0; turn <= most; turn++) {
      vmap_plan p = {.levels = 1, .out_axis = turn};
      for (int i = 0; i < DERIVATIVE_INPUTS; i++) p.axes[1][i] = -1;
      vmap_choose(&p, 0, which, turn, inputs, count);
      check_vmap_plan(name, f, &p, inputs, count);
    }
  for (unsigned inner = 1; inner < 1u << count; inner++)
    for (unsigned outer = 1; outer < 1u << count; outer++) {
      vmap_plan p = {.levels = 2, .out_axis = 0};
      vmap_choose(&p, 1, inner, (int)outer, inputs, count);
      vmap_choose(&p, 0, outer, (int)inner, inputs, count);
      check_vmap_plan(name, f, &p, inputs, count);
    }
}

/* ---- Tables ---- */

enum { DERIVATIVE_VMAP_ONLY = 1, DERIVATIVE_NO_VMAP = 2, DERIVATIVE_TWICE = 4 };

/* Checks all that the flags do not leave out; with DERIVATIVE_TWICE second derivatives, too. */
static inline void check_derivative_case(const derivative_case *c, int flags) {
  mx_scope scope = mx_scope_begin();
  mx inputs[DERIVATIVE_INPUTS];
  int count = 0;
  for (; c->inputs[count]; count++) inputs[count] = derivative_input(c->inputs[count]);
  mx_fn f = mx_fn_new(c->call, NULL, NULL);
  if (!(flags & DERIVATIVE_VMAP_ONLY)) check_derivatives(c->name, f, inputs, count);
  if (flags & DERIVATIVE_TWICE) check_second_derivatives(c->name, f, inputs, count);
  if (!(flags & DERIVATIVE_NO_VMAP)) check_vmap(c->name, f, inputs, count);
  mx_fn_release(f);
  mx_scope_end(scope, NULL);
}

#define check_derivative_cases(cases, flags)                        \
  do {                                                              \
    for (size_t i_ = 0; i_ < sizeof(cases) / sizeof *(cases); i_++) \
      check_derivative_case(&(cases)[i_], flags);                   \
  } while (0)

/* A case's function as an expression of its inputs in[0], in[1], ... */
#define DERIVATIVE_FN(name, expression)                                      \
  static bool name(void *payload, const mx *in, int count, mx_arrays *out) { \
    (void)payload, (void)count;                                              \
    return mx_arrays_push(out, expression);                                  \
  }

#endif
