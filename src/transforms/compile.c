/* Compiled functions: recordings by signature, and calls that find and repeat them. */
#include "mlx/mx/compile.h"
#include "base/ptr_map.h"
#include "transforms/compile_passes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* ---- Mode ---- */

static _Atomic int mode = -1;

static int current_mode(void) {
  int now = atomic_load_explicit(&mode, memory_order_relaxed);
  if (now >= 0) return now;
  int start = getenv("MLX_DISABLE_COMPILE") ? MX_COMPILE_DISABLED : MX_COMPILE_ENABLED;
  return atomic_compare_exchange_strong(&mode, &now, start) ? start : now;
}

void mx_set_compile_mode(mx_compile_mode wanted) { atomic_store(&mode, (int)wanted); }
void mx_disable_compile(void) { mx_set_compile_mode(MX_COMPILE_DISABLED); }
void mx_enable_compile(void) { mx_set_compile_mode(MX_COMPILE_ENABLED); }

/* ---- Recordings ---- */

typedef struct {
  mx_dtype dtype;
  int ndim, at; /* the shape's place in `shapes`; -1: any */
} form;

typedef struct recording {
  struct recording *next;
  _Atomic int refs;
  mx_stream stream;
  int mode;
  bool shapeless;
  form *inputs;
  int *shapes;
  uint64_t *constants;
  size_t constant_count;
  int output_count; /* the function's own; what else the graph yields is state */
  tr_graph graph;
} recording;

/* The recordings of one function. */
typedef struct {
  _Atomic int refs;
  pthread_mutex_t lock;
  recording *first;
} cache;

static void drop_recording(recording *r) {
  if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1) return;
  tr_graph_free(&r->graph);
  free(r->inputs);
  free(r->shapes);
  free(r->constants);
  free(r);
}

static cache *cache_new(void) {
  cache *c = mx_xcalloc(1, sizeof *c);
  c->refs = 1;
  pthread_mutex_init(&c->lock, NULL);
  return c;
}

static void cache_release(cache *c) {
  if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1) return;
  for (recording *r = c->first, *next; r; r = next) {
    next = r->next;
    drop_recording(r);
  }
  pthread_mutex_destroy(&c->lock);
  free(c);
}

/* What a call brings. */
typedef struct {
  const mx *inputs; /* the arguments, and behind them the state */
  int argument_count, count;
  bool shapeless;
  const uint64_t *constants;
  size_t constant_count;
} call;

static bool matches(const recording *r, const call *c, mx_stream stream, int now) {
  if (r->graph.input_count != c->count || r->stream.index != stream.index || r->mode != now ||
      r->shapeless != c->shapeless || r->constant_count != c->constant_count ||
      (c->constant_count &&
       memcmp(r->constants, c->constants, c->constant_count * sizeof *r->constants)))
    return false;
  for (int i = 0; i < c->count; i++) {
    mx a = c->inputs[i];
    const form *f = &r->inputs[i];
    if (a->dtype != f->dtype || a->ndim != f->ndim ||
        (!r->shapeless && !mx_same_shape(mx_shape_of(a), r->shapes + f->at, a->ndim)))
      return false;
  }
  return true;
}

static recording *find(cache *kept, const call *c, mx_stream stream, int now) {
  pthread_mutex_lock(&kept->lock);
  recording *r = kept->first;
  while (r && !matches(r, c, stream, now)) r = r->next;
  if (r) atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
  pthread_mutex_unlock(&kept->lock);
  return r;
}

static void sign(recording *r, const call *c) {
  int axes = 0;
  for (int i = 0; i < c->count; i++) axes += c->inputs[i]->ndim;
  r->inputs = mx_xmalloc(((size_t)c->count + 1) * sizeof *r->inputs);
  r->shapes = mx_xmalloc(((size_t)axes + 1) * sizeof *r->shapes);
  for (int i = 0, at = 0; i < c->count; i++) {
    mx a = c->inputs[i];
    r->inputs[i] = (form){(mx_dtype)a->dtype, a->ndim, at};
    for (int k = 0; k < a->ndim; k++) r->shapes[at++] = mx_shape_of(a)[k];
  }
  r->constants = mx_xmalloc((c->constant_count + 1) * sizeof *r->constants);
  r->constant_count = c->constant_count;
  if (c->constant_count)
    memcpy(r->constants, c->constants, c->constant_count * sizeof *r->constants);
}

/* ---- State ---- */

bool mx_assign(mx *place, mx a) {
  if (!a) return false;
  mx_retain(a);
  mx_release(*place);
  *place = a;
  return true;
}

static void drop_entries(mx_arrays *list, int from) {
  while (list->size > from) mx_release(list->data[--list->size]);
}

/* A list's entries as they were before the trace, with a reference each. */
static mx_arrays saved(const mx_arrays *list) {
  mx_arrays copy = {0};
  for (int i = 0; list && i < list->size; i++) mx_arrays_push(&copy, mx_retain(list->data[i]));
  return copy;
}

static void restore(mx_arrays *list, mx_arrays *copy) {
  if (list) {
    drop_entries(list, 0);
    for (int i = 0; i < copy->size; i++) mx_arrays_push(list, mx_retain(copy->data[i]));
  }
  drop_entries(copy, 0);
  mx_arrays_free(copy);
}

/* ---- The function ---- */

typedef struct {
  mx_fn f;
  cache *kept; /* NULL: found by id */
  uintptr_t id;
  mx_compile_args args;
  size_t constant_count;
  uint64_t constants[];
} compiled;

/* Calls f on placeholders; appends its results, and behind them the state that it leaves. */
static bool call_traced(const compiled *self, const call *c, const mx *traced, recording *r,
                        mx_arrays *results) {
  mx_arrays *in = self->args.inputs, *out = self->args.outputs;
  mx_arrays in_before = saved(in), out_before = out == in ? (mx_arrays){0} : saved(out);
  for (int i = c->argument_count; i < c->count; i++)
    mx_assign(&in->data[i - c->argument_count], traced[i]);
  mx_tracing++;
  mx_tracing_any_shape += c->shapeless;
  bool good = mx_fn_apply(self->f, traced, c->argument_count, results);
  mx_tracing_any_shape -= c->shapeless;
  mx_tracing--;
  r->output_count = results->size;
  for (int i = 0; good && out && i < out->size; i++) {
    good = mx_arrays_push(results, mx_scope_own(mx_retain(out->data[i])));
    if (!good) mx_fail("[compile] Entry %d of the captured outputs is NULL.", i);
  }
  restore(in, &in_before);
  if (out != in) restore(out, &out_before);
  return good;
}

static recording *record(const compiled *self, const call *c, mx_stream stream, int now) {
  recording *r = mx_xcalloc(1, sizeof *r);
  r->refs = 1;
  r->stream = stream;
  r->mode = now;
  r->shapeless = c->shapeless;
  sign(r, c);
  mx_scope scope = mx_scope_begin();
  mx_arrays results = {0};
  mx *traced = mx_xmalloc(((size_t)c->count + 1) * sizeof *traced);
  bool good = true;
  for (int i = 0; i < c->count && good; i++)
    good = (traced[i] = tr_placeholder(c->inputs[i])) != NULL;
  good = good && call_traced(self, c, traced, r, &results);
  if (good &&
      !tr_graph_record(&r->graph, traced, c->inputs, c->count, results.data, results.size)) {
    mx_fail("[compile] Attempting to compile a function with uncaptured inputs is not allowed.");
    good = false;
  }
  if (good && now != MX_COMPILE_NO_SIMPLIFY) cp_simplify(&r->graph);
  if (good) cp_prune(&r->graph);
  if (good && now != MX_COMPILE_NO_FUSE) good = cp_fuse(&r->graph, c->shapeless);
  mx_arrays_free(&results);
  free(traced);
  mx_scope_end(scope, NULL);
  if (good) return r;
  drop_recording(r);
  return NULL;
}

/* Recordings by id. */
static struct {
  pthread_mutex_t lock;
  mx_ptr_map index; /* id -> place in caches + 1; 0: erased */
  MX_VEC(cache *) caches;
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* An id as a key, which is not NULL. */
static const void *key_of(uintptr_t id) { return (const void *)(id ? id : UINTPTR_MAX); }

static cache *cache_of(const compiled *self) {
  cache *found = self->kept;
  if (!found) {
    pthread_mutex_lock(&registry.lock);
    uint32_t *place = mx_ptr_put(&registry.index, key_of(self->id));
    if (!*place) {
      mx_vec_push(&registry.caches, cache_new());
      *place = (uint32_t)registry.caches.size;
    }
    found = registry.caches.data[*place - 1];
    atomic_fetch_add_explicit(&found->refs, 1, memory_order_relaxed);
    pthread_mutex_unlock(&registry.lock);
    return found;
  }
  atomic_fetch_add_explicit(&found->refs, 1, memory_order_relaxed);
  return found;
}

/* The recording that fits the call, made where there is none; a reference of the caller's. The lock
 * is open while f is traced: it may call compiled functions. */
static recording *recording_for(const compiled *self, const call *c) {
  mx_stream stream = mx_current_stream();
  int now = current_mode();
  cache *kept = cache_of(self);
  recording *r = find(kept, c, stream, now);
  if (!r && (r = record(self, c, stream, now))) {
    atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
    pthread_mutex_lock(&kept->lock);
    r->next = kept->first;
    kept->first = r;
    pthread_mutex_unlock(&kept->lock);
  }
  cache_release(kept);
  return r;
}

static bool store_state(mx_arrays *state, const mx *values, int count) {
  for (int i = 0; i < count; i++) {
    if (i < state->size)
      mx_assign(&state->data[i], values[i]);
    else
      mx_arrays_push(state, mx_retain(values[i]));
  }
  drop_entries(state, count);
  return true;
}

static bool run(const compiled *self, const call *c, mx_arrays *outputs) {
  recording *r = recording_for(self, c);
  mx_arrays results = {0};
  bool good = r && tr_graph_replay(&r->graph, c->inputs, r->shapeless, mx_node_again, &results);
  if (good) {
    good = tr_append(outputs, results.data, r->output_count);
    if (self->args.outputs)
      store_state(self->args.outputs, results.data + r->output_count,
                  results.size - r->output_count);
  }
  mx_arrays_free(&results);
  drop_recording(r);
  return good;
}

static bool apply(void *payload, const mx *inputs, int count, mx_arrays *outputs) {
  const compiled *self = payload;
  if (current_mode() == MX_COMPILE_DISABLED) return mx_fn_apply(self->f, inputs, count, outputs);
  const mx_arrays *state = self->args.inputs;
  int entries = state ? state->size : 0;
  mx *all = mx_xmalloc(((size_t)(count + entries) + 1) * sizeof *all);
  bool tracers = false, good = true;
  for (int i = 0; i < count + entries && good; i++) {
    all[i] = i < count ? inputs[i] : state->data[i - count];
    good = all[i] != NULL;
    if (!good) mx_fail("[compile] Entry %d of the captured inputs is NULL.", i - count);
    tracers |= good && all[i]->tracer;
  }
  call c = {
      all, count, count + entries, self->args.shapeless, self->constants, self->constant_count};
  if (good) good = tracers ? mx_fn_apply(self->f, inputs, count, outputs) : run(self, &c, outputs);
  free(all);
  return good;
}

static void release(void *payload) {
  compiled *self = payload;
  mx_fn_release(self->f);
  if (self->kept) cache_release(self->kept);
  free(self);
}

static mx_fn make(mx_fn f, compiled own, const uint64_t *constants, size_t count) {
  if (!f) {
    if (current_mode() != MX_COMPILE_DISABLED && !mx_error())
      mx_fail("[compile] Cannot compile a function without a target.");
    return NULL;
  }
  compiled *self = mx_xmalloc(sizeof *self + count * sizeof *constants);
  *self = own;
  self->f = mx_fn_retain(f);
  self->constant_count = count;
  if (count) memcpy(self->constants, constants, count * sizeof *constants);
  return mx_fn_new(apply, self, release);
}

mx_fn mx_compile_with(mx_fn f, mx_compile_args args) {
  return make(f, (compiled){.kept = f ? cache_new() : NULL, .args = args}, NULL, 0);
}

mx_fn mx_compile_id(mx_fn f, uintptr_t id, bool shapeless, const uint64_t *constants,
                    size_t count) {
  return make(f, (compiled){.id = id, .args = {.shapeless = shapeless}}, constants, count);
}

/* ---- Forgetting ---- */

static void forget(cache *c) {
  pthread_mutex_lock(&c->lock);
  recording *r = c->first;
  c->first = NULL;
  pthread_mutex_unlock(&c->lock);
  while (r) {
    recording *next = r->next;
    drop_recording(r);
    r = next;
  }
}

/* A cache of the registry, with a reference; NULL where there is none. */
static cache *registered(size_t place) {
  pthread_mutex_lock(&registry.lock);
  cache *c = place < registry.caches.size ? registry.caches.data[place] : NULL;
  if (c) atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
  pthread_mutex_unlock(&registry.lock);
  return c;
}

void mx_compile_erase(uintptr_t id) {
  pthread_mutex_lock(&registry.lock);
  uint32_t *found = mx_ptr_find(&registry.index, key_of(id));
  size_t place = found ? *found - 1 : SIZE_MAX;
  pthread_mutex_unlock(&registry.lock);
  cache *c = registered(place);
  if (!c) return;
  forget(c);
  cache_release(c);
}

void mx_compile_clear_cache(void) {
  cache *c;
  for (size_t i = 0; (c = registered(i)); i++) {
    forget(c);
    cache_release(c);
  }
}
