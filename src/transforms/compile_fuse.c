/* Fusion: which steps of a recorded graph become one.
 *
 * Candidates are steps that have a `tile` function. Each step gets a level such that a value never
 * comes back to the level that it has left: between two candidates on one stream it need not rise,
 * everywhere else it does. Candidates of one level, one stream and one output shape that feed each
 * other then can be fused without closing a circle. A broadcast between them is no step: the fused
 * one reads what was broadcast. */
#include "transforms/compile_passes.h"
#include "transforms/compile_tiles.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  bool candidate;
  bool live; /* broadcasts: something needs it as an array */
  int level;
  int least_target, friend_level; /* over those that use its result */
  int parent;                     /* union-find over candidates */
  int unit;
} info;

typedef MX_VEC(int) ints;

/* What becomes one step: one or several of the graph's. */
typedef struct {
  ints steps, inputs; /* inputs: values from elsewhere, broadcasts seen through */
  bool fused, visited;
} unit;

typedef struct {
  tr_graph *g;
  info *of; /* [steps] */
  MX_VEC(unit) units;
  bool shapeless;
} fuser;

static tr_step *step_at(const fuser *f, int step) { return &f->g->steps.data[step]; }
static mx array_of(const fuser *f, int value) { return f->g->values.data[value].array; }
static int producer(const fuser *f, int value) { return f->g->values.data[value].step; }
static mx result_of(const fuser *f, int step) { return array_of(f, step_at(f, step)->out[0]); }

/* What a candidate reads for its input k: the value behind any broadcasts. */
static int source(const fuser *f, int step, int k) {
  int value = step_at(f, step)->in[k];
  while (f->of[step].candidate) {
    int made = producer(f, value);
    if (made < 0 || step_at(f, made)->node->primitive->role != MX_ROLE_BROADCAST) break;
    value = step_at(f, made)->in[0];
  }
  return value;
}

static bool same_stream(const fuser *f, int a, int b) {
  return step_at(f, a)->node->stream.index == step_at(f, b)->node->stream.index;
}

static bool same_shape(mx a, mx b) {
  return a->ndim == b->ndim && mx_same_shape(mx_shape_of(a), mx_shape_of(b), a->ndim);
}

/* Whether `step` may stay on the level of `maker`, which feeds it. */
static bool level_with(const fuser *f, int maker, int step) {
  return f->of[maker].candidate && f->of[step].candidate && same_stream(f, maker, step);
}
static bool friends(const fuser *f, int maker, int step) {
  return level_with(f, maker, step) && same_shape(result_of(f, maker), result_of(f, step));
}

static bool is_broadcast(const fuser *f, int step) {
  return step_at(f, step)->node->primitive->role == MX_ROLE_BROADCAST;
}

static void find_candidates(fuser *f) {
  int count = (int)f->g->steps.size;
  for (int i = 0; i < count; i++) {
    const mx_node *node = step_at(f, i)->node;
    f->of[i] = (info){.candidate = node->primitive->tile && node->output_count == 1 &&
                                   node->input_count <= MX_TILE_INPUTS,
                      .least_target = INT_MAX,
                      .friend_level = INT_MAX,
                      .parent = i,
                      .unit = -1};
  }
  for (int i = 0; i < f->g->output_count; i++) {
    int made = producer(f, f->g->outputs[i]);
    if (made >= 0) f->of[made].live = true;
  }
  for (int i = count - 1; i >= 0; i--) {
    if (f->of[i].candidate || (is_broadcast(f, i) && !f->of[i].live)) continue;
    for (int k = 0; k < step_at(f, i)->node->input_count; k++) {
      int made = producer(f, step_at(f, i)->in[k]);
      if (made >= 0) f->of[made].live = true;
    }
  }
}

static bool is_idle(const fuser *f, int step) { return is_broadcast(f, step) && !f->of[step].live; }

/* First as low as possible; then candidates rise to those that they can be fused with. */
static void find_levels(fuser *f) {
  int count = (int)f->g->steps.size;
  for (int i = 0; i < count; i++)
    for (int k = 0; k < step_at(f, i)->node->input_count; k++) {
      int made = producer(f, source(f, i, k));
      if (made < 0) continue;
      int least = f->of[made].level + !level_with(f, made, i);
      if (least > f->of[i].level) f->of[i].level = least;
    }
  for (int i = count - 1; i >= 0; i--) {
    info *own = &f->of[i];
    if (own->candidate && own->friend_level < INT_MAX && own->least_target > own->level &&
        own->least_target == own->friend_level)
      own->level = own->least_target;
    for (int k = 0; !is_idle(f, i) && k < step_at(f, i)->node->input_count; k++) {
      int made = producer(f, source(f, i, k));
      if (made < 0) continue;
      info *its = &f->of[made];
      int target = own->level - !level_with(f, made, i);
      if (target < its->least_target) its->least_target = target;
      if (friends(f, made, i) && own->level < its->friend_level) its->friend_level = own->level;
    }
  }
}

/* ---- Units ---- */

static int root_of(fuser *f, int step) {
  while (f->of[step].parent != step) {
    f->of[step].parent = f->of[f->of[step].parent].parent;
    step = f->of[step].parent;
  }
  return step;
}

static void join_friends(fuser *f) {
  for (int i = 0; i < (int)f->g->steps.size; i++)
    for (int k = 0; f->of[i].candidate && k < step_at(f, i)->node->input_count; k++) {
      int made = producer(f, source(f, i, k));
      if (made >= 0 && friends(f, made, i) && f->of[made].level == f->of[i].level)
        f->of[root_of(f, made)].parent = root_of(f, i);
    }
}

static bool contains(const ints *list, int value) {
  for (size_t i = 0; i < list->size; i++)
    if (list->data[i] == value) return true;
  return false;
}

static void add_to_unit(fuser *f, int index, int step) {
  unit *u = &f->units.data[index];
  f->of[step].unit = index;
  mx_vec_push(&u->steps, step);
  for (int k = 0; k < step_at(f, step)->node->input_count; k++) {
    int value = source(f, step, k), made = producer(f, value);
    if (made >= 0 && f->of[made].unit == index) continue;
    if (!contains(&u->inputs, value)) mx_vec_push(&u->inputs, value);
  }
}

static int new_unit(fuser *f) {
  mx_vec_push(&f->units, (unit){0});
  return (int)f->units.size - 1;
}

/* In the steps' order; what would become too large is cut there. */
static void form_units(fuser *f) {
  int count = (int)f->g->steps.size;
  int *open = mx_xmalloc(((size_t)count + 1) * sizeof *open); /* the unit that a root fills */
  for (int i = 0; i < count; i++) open[i] = -1;
  for (int i = 0; i < count; i++) {
    if (!f->of[i].candidate) {
      add_to_unit(f, new_unit(f), i);
      continue;
    }
    int *at = &open[root_of(f, i)];
    const unit *u = *at >= 0 ? &f->units.data[*at] : NULL;
    if (!u || u->steps.size >= MX_TILES_OPS || u->inputs.size > MX_TILES_INPUTS - MX_TILE_INPUTS)
      *at = new_unit(f);
    add_to_unit(f, *at, i);
  }
  free(open);
}

/* Whether the inputs alone, broadcast to each other, have the traced shape. */
static bool shape_follows(const fuser *f, const unit *u) {
  mx out = result_of(f, u->steps.data[0]);
  for (int axis = 0; axis < out->ndim; axis++) {
    bool found = mx_shape_of(out)[axis] == 1;
    for (size_t i = 0; !found && i < u->inputs.size; i++) {
      mx in = array_of(f, u->inputs.data[i]);
      int at = axis - (out->ndim - in->ndim);
      found = at >= 0 && mx_shape_of(in)[at] == mx_shape_of(out)[axis];
    }
    if (!found) return false;
  }
  bool deep = out->ndim == 0;
  for (size_t i = 0; !deep && i < u->inputs.size; i++)
    deep = array_of(f, u->inputs.data[i])->ndim == out->ndim;
  return deep;
}

/* Several operations, or one and a broadcast. Where shapes may change, one of several inputs, too:
 * axes of length 1 may have hidden a broadcast. */
static void choose_fused(fuser *f) {
  for (size_t i = 0; i < f->units.size; i++) {
    unit *u = &f->units.data[i];
    int first = u->steps.data[0];
    if (!f->of[first].candidate) continue;
    u->fused = u->steps.size > 1 || (f->shapeless && u->inputs.size > 1);
    for (int k = 0; !u->fused && k < step_at(f, first)->node->input_count; k++)
      u->fused = source(f, first, k) != step_at(f, first)->in[k];
    if (f->shapeless && u->fused) u->fused = shape_follows(f, u);
  }
  /* What is left alone reads its broadcasts. */
  for (size_t i = 0, count = f->units.size; i < count; i++) {
    if (f->units.data[i].fused || f->units.data[i].steps.size == 1) continue;
    ints steps = f->units.data[i].steps;
    for (size_t k = 1; k < steps.size; k++) add_to_unit(f, new_unit(f), steps.data[k]);
    f->units.data[i].steps.size = 1;
  }
  for (size_t i = 0; i < f->units.size; i++) {
    unit *u = &f->units.data[i];
    if (u->fused) continue;
    const tr_step *s = step_at(f, u->steps.data[0]);
    u->inputs.size = 0;
    for (int k = 0; k < s->node->input_count; k++) mx_vec_push(&u->inputs, s->in[k]);
  }
}

/* ---- The new steps ---- */

static bool emit_fused(fuser *f, const unit *u, const bool *wanted, tr_step *made) {
  cp_op ops[MX_TILES_OPS];
  mx inputs[MX_TILES_INPUTS], results[MX_TILES_OPS];
  int values[MX_TILES_OPS], outputs = 0, count = (int)u->steps.size;
  assert(count > 0);
  for (int i = 0; i < count; i++) {
    const tr_step *s = step_at(f, u->steps.data[i]);
    ops[i] =
        (cp_op){s->node, (mx_dtype)result_of(f, u->steps.data[i])->dtype, {0}, wanted[s->out[0]]};
    for (int k = 0; k < s->node->input_count; k++) {
      int value = source(f, u->steps.data[i], k), at = 0;
      while (at < i && values[at] != value) at++;
      ops[i].in[k] = MX_TILES_INPUTS + at;
      if (at < i) continue;
      for (at = 0; u->inputs.data[at] != value;) at++;
      ops[i].in[k] = at;
    }
    values[i] = s->out[0];
    if (ops[i].wanted) outputs++;
  }
  for (size_t i = 0; i < u->inputs.size; i++) inputs[i] = array_of(f, u->inputs.data[i]);
  mx shape = result_of(f, u->steps.data[0]);
  mx_scope scope = mx_scope_begin();
  mx_stream before = mx_use_stream(ops[0].node->stream);
  bool good = cp_make_compiled(ops, count, inputs, (int)u->inputs.size, mx_shape_of(shape),
                               shape->ndim, results);
  mx_use_stream(before);
  if (good) {
    *made = tr_step_new(results[0]->node);
    for (size_t i = 0; i < u->inputs.size; i++) made->in[i] = u->inputs.data[i];
    for (int i = 0, o = 0; i < count; i++)
      if (ops[i].wanted) made->out[o++] = values[i];
  }
  mx_scope_end(scope, NULL);
  return good;
}

/* Marks the values that some unit needs from another, or that are outputs. */
static void mark_wanted(const fuser *f, bool *wanted) {
  for (int i = 0; i < f->g->output_count; i++) wanted[f->g->outputs[i]] = true;
  for (size_t i = 0; i < f->units.size; i++)
    for (size_t k = 0; f->units.data[i].visited && k < f->units.data[i].inputs.size; k++)
      wanted[f->units.data[i].inputs.data[k]] = true;
}

/* Units in an order of evaluation: depth first from the outputs. */
static void order_units(fuser *f, ints *order) {
  typedef struct {
    int unit;
    size_t next;
  } frame;
  MX_VEC(frame) path = {0};
  for (int i = 0; i < f->g->output_count; i++) {
    int made = producer(f, f->g->outputs[i]);
    if (made < 0 || f->units.data[f->of[made].unit].visited) continue;
    f->units.data[f->of[made].unit].visited = true;
    mx_vec_push(&path, (frame){f->of[made].unit, 0});
    while (path.size) {
      frame *top = &mx_vec_last(&path);
      const ints *inputs = &f->units.data[top->unit].inputs;
      if (top->next == inputs->size) {
        mx_vec_push(order, top->unit);
        path.size--;
        continue;
      }
      int below = producer(f, inputs->data[top->next++]);
      if (below < 0 || f->units.data[f->of[below].unit].visited) continue;
      f->units.data[f->of[below].unit].visited = true;
      mx_vec_push(&path, (frame){f->of[below].unit, 0});
    }
  }
  mx_vec_free(&path);
}

/* Replaces the graph's steps by one a unit. */
static bool rebuild(fuser *f, const ints *order) {
  tr_graph *g = f->g, fresh = {0};
  bool *wanted = mx_xcalloc(g->values.size + 1, sizeof *wanted), good = true;
  assert(order->size <= f->units.size);
  mark_wanted(f, wanted);
  for (size_t i = 0; i < order->size && good; i++) {
    const unit *u = &f->units.data[order->data[i]];
    tr_step made;
    if (u->fused) {
      good = emit_fused(f, u, wanted, &made);
    } else {
      const tr_step *s = step_at(f, u->steps.data[0]);
      size_t values = (size_t)s->node->input_count + (size_t)s->node->output_count;
      made = tr_step_new(s->node);
      memcpy(made.in, s->in, values * sizeof *made.in);
    }
    if (good) mx_vec_push(&fresh.steps, made);
  }
  free(wanted);
  if (good)
    for (size_t i = 0; i < fresh.steps.size; i++) {
      const tr_step *s = &fresh.steps.data[i];
      for (int o = 0; o < s->node->output_count; o++) g->values.data[s->out[o]].step = (int)i;
    }
  for (size_t i = 0; i < (good ? g : &fresh)->steps.size; i++)
    tr_step_free(&(good ? g : &fresh)->steps.data[i]);
  mx_vec_free(&(good ? g : &fresh)->steps);
  if (good) memcpy(&g->steps, &fresh.steps, sizeof g->steps);
  return good;
}

bool cp_fuse(tr_graph *g, bool shapeless) {
  fuser f = {.g = g, .shapeless = shapeless};
  ints order = {0};
  f.of = mx_xmalloc((g->steps.size + 1) * sizeof *f.of);
  find_candidates(&f);
  find_levels(&f);
  join_friends(&f);
  form_units(&f);
  choose_fused(&f);
  order_units(&f, &order);
  bool good = rebuild(&f, &order);
  for (size_t i = 0; i < f.units.size; i++) {
    mx_vec_free(&f.units.data[i].steps);
    mx_vec_free(&f.units.data[i].inputs);
  }
  mx_vec_free(&f.units);
  mx_vec_free(&order);
  free(f.of);
  return good;
}
