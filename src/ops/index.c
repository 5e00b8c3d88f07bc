/* Gathers and scatters of slices by index arrays. */
#include "mlx/mx/index.h"
#include "drivers/index.h"
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "mlx/mx/elementwise.h"
#include "ops/index.h"
#include "ops/codecs.h"
#include "ops/rules.h"

#include <string.h>

bool mx_out_scattered(mx out, mx a) {
  if (mx_out_donate(out, a)) return true;
  if (!mx_out_alloc(out)) return false;
  mx_copy_row_major(out->data, a);
  return true;
}

/* ---- gather and scatter: inputs are the array, index arrays, and for scatters the updates ---- */

typedef struct {
  int count, axes[MX_MAX_NDIM], ndim, slice_sizes[MX_MAX_NDIM];
} gather_params;

typedef struct {
  mx_scatter_kind kind;
  int count, axes[MX_MAX_NDIM];
} scatter_params;

/* The driver's description of `count` index arrays. `arrays` has room for them. */
static mx_indices indices_of(const mx *indices, int count, const int *axes, mx_index *arrays) {
  for (int i = 0; i < count; i++)
    arrays[i] = (mx_index){indices[i]->data, mx_strides_of(indices[i]), axes[i]};
  return (mx_indices){.dtype = count ? indices[0]->dtype : MX_UINT8,
                      .count = count,
                      .ndim = count ? indices[0]->ndim : 0,
                      .arrays = arrays,
                      .shape = count ? mx_shape_of(indices[0]) : NULL};
}

static bool eval_gather(const mx_node *node, const mx *in, const mx *out) {
  const gather_params *p = MX_PARAMS(gather_params, node);
  mx_index arrays[MX_MAX_NDIM];
  if (!mx_out_alloc(out[0])) return false;
  mx_indices indices = indices_of(in + 1, p->count, p->axes, arrays);
  if (out[0]->size)
    mx_drive_gather(in[0]->dtype, in[0]->data, in[0]->ndim, mx_shape_of(in[0]),
                    mx_strides_of(in[0]), &indices, p->slice_sizes, out[0]->data);
  return true;
}

static bool check_slices(mx a, mx_ints slice_sizes, size_t places);
static bool check_updates(mx a, mx updates, const int *places, int place_ndim);

static bool same_places(const mx *indices, int count) {
  for (int i = 1; i < count; i++)
    if (!mx_same_shape_but(indices[i], indices[0], -1)) return false;
  return true;
}

static int gather_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  const gather_params *p = MX_PARAMS(gather_params, node);
  int places = p->count ? in[1]->ndim : 0;
  if (!same_places(in + 1, p->count)) return mx_shapes_misfit(node, in);
  if (!check_slices(in[0], (mx_ints){p->slice_sizes, p->ndim}, p->count ? in[1]->size : 1))
    return -1;
  if (p->count) mx_copy_ints(shape, mx_shape_of(in[1]), places);
  mx_copy_ints(shape + places, p->slice_sizes, p->ndim);
  return places + p->ndim;
}

static mx gather_again(const mx_node *node, mx a, const mx *indices) {
  const gather_params *p = MX_PARAMS(gather_params, node);
  return mx_gather(a, indices, p->count, (mx_ints){p->axes, p->count},
                   (mx_ints){p->slice_sizes, p->ndim});
}

static bool vjp_gather(const mx_node *node, const mx *primals, const mx *cotangents,
                       const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)outputs;
  const gather_params *p = MX_PARAMS(gather_params, node);
  for (int i = 0; i < count; i++) {
    vjps[i] = mx_zeros_like(primals[argnums[i]]);
    if (argnums[i] == 0 && cotangents[0]->size)
      vjps[i] = mx_scatter_add(vjps[i], primals + 1, p->count, cotangents[0],
                               (mx_ints){p->axes, p->count});
    if (!vjps[i]) return false;
  }
  return true;
}

static bool jvp_gather(const mx_node *node, const mx *primals, const mx *tangents,
                       const int *argnums, int count, mx *jvps) {
  if (count > 1 || argnums[0]) {
    mx_fail("[gather] Cannot calculate JVP with respect to indices.");
    return false;
  }
  return (jvps[0] = gather_again(node, tangents[0], primals + 1)) != NULL;
}

/* Index arrays of a dtype that holds slices' numbers, too; those of a mapping along one axis. */
static bool map_indices(const mx *in, const int *axes, int count, int to, mx *indices) {
  for (int i = 0; i < count; i++) {
    mx a = axes[i] < 0 && to >= 0 ? mx_expand_dims(in[i], MX_INTS(to)) : in[i];
    if (axes[i] >= 0 && axes[i] != to) a = mx_moveaxis(a, axes[i], to);
    if (a && mx_dtype_size(a->dtype) < 4) a = mx_astype(a, MX_INT32);
    if (!(indices[i] = a)) return false;
  }
  return true;
}

/* 0, 1, ... along `axis` of `ndim`, the others of length 1. */
static mx numbers(int length, int axis, int ndim, mx_dtype dtype) {
  int shape[MX_MAX_NDIM];
  for (int i = 0; i < ndim; i++) shape[i] = i == axis ? length : 1;
  return mx_reshape(mx_arange(0, length, 1, dtype), (mx_ints){shape, ndim});
}

/* A mapped array has one more axis to take slices along: where the indices are the same for all,
 * whole; else at the slice's own number. */
static bool vmap_gather(const mx_node *node, const mx *in, const int *axes, mx *out,
                        int *out_axes) {
  const gather_params *p = MX_PARAMS(gather_params, node);
  int sizes[MX_MAX_NDIM], along[MX_MAX_NDIM], count = p->count, places = 0, at = -1;
  mx indices[MX_MAX_NDIM];
  for (int i = 0; i < count && at < 0; i++) at = axes[i + 1];
  if (!map_indices(in + 1, axes + 1, count, at, indices)) return false;
  if (count > 0) places = indices[0]->ndim;
  bool mapped = axes[0] >= 0, each = mapped && at >= 0;
  int length = mx_batch_length(in, axes, node->input_count);
  for (int i = 0; i < count; i++) along[i] = p->axes[i] + (mapped && p->axes[i] >= axes[0]);
  for (int i = 0, k = 0; i < p->ndim + mapped; i++)
    sizes[i] = mapped && i == axes[0] ? (each ? 1 : length) : p->slice_sizes[k++];
  if (each) {
    indices[count] = numbers(length, at, places, indices[0]->dtype);
    along[count++] = axes[0];
  }
  mx slices =
      mx_gather(in[0], indices, count, (mx_ints){along, count}, (mx_ints){sizes, p->ndim + mapped});
  out_axes[0] = at >= 0 ? at : places + axes[0];
  out[0] = each ? mx_squeeze(slices, MX_INTS(places + axes[0])) : slices;
  return out[0] != NULL;
}

static const mx_primitive gather = {.name = "Gather",
                                    .params_size = sizeof(gather_params),
                                    .eval = {eval_gather},
                                    .vjp = vjp_gather,
                                    .jvp = jvp_gather,
                                    .vmap = vmap_gather,
                                    .output_shape = gather_shape};

static bool eval_scatter(const mx_node *node, const mx *in, const mx *out) {
  const scatter_params *p = MX_PARAMS(scatter_params, node);
  mx_index arrays[MX_MAX_NDIM];
  mx updates = in[node->input_count - 1];
  if (!mx_out_scattered(out[0], in[0])) return false;
  mx_indices indices = indices_of(in + 1, p->count, p->axes, arrays);
  if (updates->size)
    mx_drive_scatter(p->kind, out[0]->dtype, out[0]->data, out[0]->ndim, mx_shape_of(out[0]),
                     &indices, updates->data, mx_strides_of(updates),
                     mx_shape_of(updates) + indices.ndim);
  return true;
}

/* ---- Rules of scatter ---- */

static mx make_scatter(mx_scatter_kind kind, mx a, const mx *indices, int count, mx updates,
                       mx_ints axes);

/* A scatter as its rules see it. */
typedef struct {
  const scatter_params *p;
  const mx *indices;
  mx values, updates;
} scattering;

static scattering scattering_of(const mx_node *node, const mx *inputs) {
  return (scattering){MX_PARAMS(scatter_params, node), inputs + 1, inputs[0],
                      inputs[node->input_count - 1]};
}

static mx scatter_to(const scattering *s, mx_scatter_kind kind, mx a, mx updates) {
  return make_scatter(kind, a, s->indices, s->p->count, updates,
                      (mx_ints){s->p->axes, s->p->count});
}

/* The slices of `a` where the updates lie. */
static mx gather_from(const scattering *s, mx a) {
  int places = s->p->count ? s->indices[0]->ndim : 0;
  mx_ints sizes = {mx_shape_of(s->updates) + places, a ? a->ndim : 0};
  return mx_gather(a, s->indices, s->p->count, (mx_ints){s->p->axes, s->p->count}, sizes);
}

/* The product of the others, for each update: those that are 0 are counted apart. */
static mx other_factors(const scattering *s) {
  mx zero = mx_scalar(0, s->updates->dtype), one = mx_scalar(1, s->updates->dtype);
  mx is_zero = mx_equal(s->updates, zero), factors = mx_where(is_zero, one, s->updates);
  mx zeros = mx_scatter_add(mx_full_like(s->values, mx_int(0), MX_INT32), s->indices, s->p->count,
                            mx_astype(is_zero, MX_INT32), (mx_ints){s->p->axes, s->p->count});
  mx product = gather_from(s, scatter_to(s, MX_SCATTER_PROD, s->values, factors));
  mx others = mx_subtract(gather_from(s, zeros), mx_astype(is_zero, MX_INT32));
  return mx_where(mx_equal(others, mx_int(0)), mx_divide(product, factors), zero);
}

/* How an array's element, and an update's, changes the result. Of equal ones, a maximum or minimum
 * follows each. NULL where the change passes as it is. */
static mx slope_of_values(const scattering *s, mx result) {
  if (s->p->kind == MX_SCATTER_PROD)
    return scatter_to(s, MX_SCATTER_PROD, mx_ones_like(s->values), s->updates);
  return mx_astype(mx_equal(result, s->values), s->values->dtype);
}
static mx slope_of_updates(const scattering *s, mx result) {
  if (s->p->kind == MX_SCATTER_PROD) return other_factors(s);
  return mx_astype(mx_equal(gather_from(s, result), s->updates), s->updates->dtype);
}

static bool selects(const scattering *s) {
  return s->p->kind != MX_SCATTER_SET && s->p->kind != MX_SCATTER_ADD;
}

static mx pull_values(const scattering *s, mx result, mx cotangent) {
  if (selects(s)) return mx_multiply(cotangent, slope_of_values(s, result));
  if (s->p->kind == MX_SCATTER_ADD) return cotangent;
  return scatter_to(s, MX_SCATTER_SET, cotangent, mx_zeros_like(s->updates));
}

static bool vjp_scatter(const mx_node *node, const mx *primals, const mx *cotangents,
                        const int *argnums, int count, const mx *outputs, mx *vjps) {
  scattering s = scattering_of(node, primals);
  for (int i = 0; i < count; i++) {
    if (argnums[i] == 0) {
      vjps[i] = pull_values(&s, outputs[0], cotangents[0]);
    } else if (argnums[i] == node->input_count - 1) {
      vjps[i] = gather_from(&s, cotangents[0]);
      if (selects(&s)) vjps[i] = mx_multiply(vjps[i], slope_of_updates(&s, outputs[0]));
    } else {
      vjps[i] = mx_fail("[scatter] Cannot calculate VJP with respect to indices.");
    }
    if (!vjps[i]) return false;
  }
  return true;
}

static bool jvp_scatter(const mx_node *node, const mx *primals, const mx *tangents,
                        const int *argnums, int count, mx *jvps) {
  int last = node->input_count - 1;
  scattering s = scattering_of(node, primals);
  for (int i = 0; i < count; i++)
    if (argnums[i] && argnums[i] != last) {
      mx_fail("[scatter] Cannot calculate JVP with respect to indices.");
      return false;
    }
  mx t = mx_tangent_of(primals, tangents, argnums, count, 0);
  mx u = mx_tangent_of(primals, tangents, argnums, count, last);
  if (!selects(&s)) return (jvps[0] = scatter_to(&s, s.p->kind, t, u)) != NULL;
  mx result = scatter_to(&s, s.p->kind, s.values, s.updates);
  t = mx_multiply(t, slope_of_values(&s, result));
  u = mx_multiply(u, slope_of_updates(&s, result));
  return (jvps[0] = scatter_to(&s, MX_SCATTER_ADD, t, u)) != NULL;
}

/* Slice by slice into one array: the slice's number is one more index. */
static bool vmap_scatter(const mx_node *node, const mx *in, const int *axes, mx *out,
                         int *out_axes) {
  const scatter_params *p = MX_PARAMS(scatter_params, node);
  int last = node->input_count - 1, count = p->count, along[MX_MAX_NDIM + 1] = {0};
  int length = mx_batch_length(in, axes, last + 1), shape[MX_MAX_NDIM];
  mx indices[MX_MAX_NDIM + 1], values = mx_batched(in[0], axes[0], length);
  mx updates = mx_batched(in[last], axes[last], length);
  if (!values || !updates || !map_indices(in + 1, axes + 1, count, 0, indices + 1)) return false;
  int places = count > 0 ? indices[1]->ndim : 1;
  indices[0] = numbers(length, 0, places, count > 0 ? (mx_dtype)indices[1]->dtype : MX_INT32);
  for (int i = 0; i < count; i++) along[i + 1] = p->axes[i] + 1;
  mx_copy_ints(shape, mx_shape_of(updates), places);
  for (int i = 0; i <= count; i++)
    indices[i] = mx_broadcast_to(indices[i], (mx_ints){shape, places});
  out_axes[0] = 0;
  out[0] = make_scatter(p->kind, values, indices, count + 1,
                        mx_expand_dims(updates, MX_INTS(places)), (mx_ints){along, count + 1});
  return out[0] != NULL;
}

static int scatter_shape(const mx_node *node, const mx *in, int output, int *shape) {
  int count = MX_PARAMS(scatter_params, node)->count;
  if (!same_places(in + 1, count)) return mx_shapes_misfit(node, in);
  if (!check_updates(in[0], in[count + 1], count ? mx_shape_of(in[1]) : NULL,
                     count ? in[1]->ndim : 0))
    return -1;
  return mx_shape_of_first(node, in, output, shape);
}

static const mx_primitive scatter = {.name = "Scatter",
                                     .params_size = sizeof(scatter_params),
                                     .eval = {eval_scatter},
                                     .vjp = vjp_scatter,
                                     .jvp = jvp_scatter,
                                     .vmap = vmap_scatter,
                                     .output_shape = scatter_shape};

/* ---- Constructors ---- */

/* What gather and scatter ask of their index arrays and axes. */
static bool check_indices(const char *op, mx a, const mx *indices, int count, mx_ints axes) {
  for (int i = 0; i < count; i++)
    if (!indices[i]) return false;
  if (count > a->ndim) {
    mx_fail("[%s] Too many index arrays. Got %d index arrays for input with %d dimensions.", op,
            count, a->ndim);
    return false;
  }
  for (int i = 0; i < axes.size; i++)
    for (int k = 0; k < i; k++)
      if (axes.data[i] == axes.data[k]) {
        mx_fail("[%s] Repeat axes not allowed in %s.", op, op);
        return false;
      }
  for (int i = 0; i < axes.size; i++)
    if (axes.data[i] < 0 || axes.data[i] >= a->ndim) {
      mx_fail("[%s] Axes don't match array dimensions.", op);
      return false;
    }
  if (count != axes.size) {
    mx_fail("[%s] Number of index arrays does not match number of axes.", op);
    return false;
  }
  for (int i = 0; i < count; i++)
    if (indices[i]->dtype == MX_BOOL) {
      mx_fail("[%s] Boolean indices not supported.", op);
      return false;
    }
  return true;
}

/* The index arrays broadcast against each other and of one integer dtype, into inputs[count]. */
static bool unify_indices(const char *op, const mx *indices, int count, mx *inputs) {
  mx_dtype dtype = count ? (mx_dtype)indices[0]->dtype : MX_UINT8;
  for (int i = 1; i < count; i++) dtype = mx_promote_types(dtype, indices[i]->dtype);
  if (mx_is_subdtype(dtype, MX_KIND_INEXACT)) {
    mx_fail("[%s] Got indices with invalid dtype. Indices must be integral.", op);
    return false;
  }
  if (count && !mx_broadcast_arrays(indices, count, inputs)) return false;
  for (int i = 0; i < count; i++)
    if (!(inputs[i] = mx_astype(inputs[i], dtype))) return false;
  return true;
}

/* Slices that an array without elements can give: none, or empty ones. */
static bool check_slices(mx a, mx_ints slice_sizes, size_t places) {
  size_t slice = 1;
  for (int i = 0; i < a->ndim; i++) slice *= (size_t)slice_sizes.data[i];
  if (!a->size && places && slice) {
    mx_fail("[gather] If the input is empty, either the indices must be empty or the total slice "
            "size must be 0.");
    return false;
  }
  for (int i = 0; i < a->ndim && a->size; i++)
    if (slice_sizes.data[i] < 0 || slice_sizes.data[i] > mx_shape_of(a)[i]) {
      mx_fail("[gather] Slice sizes must be in [0, a.shape(i)]. Got %s for array with shape %s.",
              mx_shape_text(slice_sizes.data, slice_sizes.size), mx_shape_text_of(a));
      return false;
    }
  return true;
}

mx mx_gather(mx a, const mx *indices, int count, mx_ints axes, mx_ints slice_sizes) {
  mx inputs[MX_MAX_NDIM + 1];
  int shape[2 * MX_MAX_NDIM];
  if (!a || !check_indices("gather", a, indices, count, axes)) return NULL;
  if (slice_sizes.size != a->ndim)
    return mx_fail("[gather] Got slice_sizes with size %d for array with %d dimensions.",
                   slice_sizes.size, a->ndim);
  inputs[0] = a;
  if (!unify_indices("gather", indices, count, inputs + 1)) return NULL;
  if (!check_slices(a, slice_sizes, count ? inputs[1]->size : 1)) return NULL;
  gather_params p = {.count = count, .ndim = a->ndim};
  mx_copy_ints(p.axes, axes.data, count);
  mx_copy_ints(p.slice_sizes, slice_sizes.data, a->ndim);
  int places = count ? inputs[1]->ndim : 0;
  if (places + a->ndim > MX_MAX_NDIM)
    return mx_fail("[gather] %d dimensions; at most %d are supported", places + a->ndim,
                   MX_MAX_NDIM);
  if (count) mx_copy_ints(shape, mx_shape_of(inputs[1]), places);
  mx_copy_ints(shape + places, slice_sizes.data, a->ndim);
  return mx_make_node(&gather, &p, (mx_spec){a->dtype, places + a->ndim, shape}, inputs, count + 1);
}

static bool check_updates(mx a, mx updates, const int *places, int places_ndim) {
  if (updates->ndim != a->ndim + places_ndim) {
    mx_fail("[scatter] Updates with %d dimensions does not match the sum of the array (%d) and "
            "indices (%d) dimensions.",
            updates->ndim, a->ndim, places_ndim);
    return false;
  }
  const int *shape = mx_shape_of(updates);
  if (places_ndim && memcmp(shape, places, (size_t)places_ndim * sizeof *shape)) {
    mx_fail("[scatter] Update shape %s is not valid for broadcasted index shape %s.",
            mx_shape_text_of(updates), mx_shape_text(places, places_ndim));
    return false;
  }
  for (int i = 0; i < a->ndim; i++)
    if (shape[places_ndim + i] > mx_shape_of(a)[i]) {
      mx_fail("[scatter] Updates with shape %s are too large for array with shape %s.",
              mx_shape_text_of(updates), mx_shape_text_of(a));
      return false;
    }
  return true;
}

static mx make_scatter(mx_scatter_kind kind, mx a, const mx *indices, int count, mx updates,
                       mx_ints axes) {
  mx inputs[MX_MAX_NDIM + 2];
  if (!a || !updates || !check_indices("scatter", a, indices, count, axes)) return NULL;
  inputs[0] = a;
  if (!unify_indices("scatter", indices, count, inputs + 1)) return NULL;
  if (!check_updates(a, updates, count ? mx_shape_of(inputs[1]) : NULL,
                     count ? inputs[1]->ndim : 0))
    return NULL;
  scatter_params p = {.kind = kind, .count = count};
  mx_copy_ints(p.axes, axes.data, count);
  inputs[count + 1] = mx_astype(updates, a->dtype);
  return mx_make_node(&scatter, &p, mx_spec_like(a, a->dtype), inputs, count + 2);
}

mx mx_scatter(mx a, const mx *indices, int count, mx updates, mx_ints axes) {
  return make_scatter(MX_SCATTER_SET, a, indices, count, updates, axes);
}
mx mx_scatter_add(mx a, const mx *indices, int count, mx updates, mx_ints axes) {
  return make_scatter(MX_SCATTER_ADD, a, indices, count, updates, axes);
}
mx mx_scatter_prod(mx a, const mx *indices, int count, mx updates, mx_ints axes) {
  return make_scatter(MX_SCATTER_PROD, a, indices, count, updates, axes);
}
mx mx_scatter_max(mx a, const mx *indices, int count, mx updates, mx_ints axes) {
  return make_scatter(MX_SCATTER_MAX, a, indices, count, updates, axes);
}
mx mx_scatter_min(mx a, const mx *indices, int count, mx updates, mx_ints axes) {
  return make_scatter(MX_SCATTER_MIN, a, indices, count, updates, axes);
}

/* ---- In MLX's files ---- */

static const mx_codec *visit_gather(mx_state *s, const mx_codec *codec, void *params) {
  gather_params *p = params;
  mx_state_ints(s, p->axes, &p->count, MX_MAX_NDIM);
  mx_state_ints(s, p->slice_sizes, &p->ndim, MX_MAX_NDIM);
  return codec;
}

static bool build_gather(const mx_build *b) {
  const gather_params *p = b->params;
  mx_ints axes = {p->axes, p->count}, sizes = {p->slice_sizes, p->ndim};
  return b->count == p->count + 1 &&
         MX_BUILT(b, b->count, mx_gather(b->in[0], b->in + 1, p->count, axes, sizes));
}

bool mx_visit_scatter_kind(mx_state *s, mx_scatter_kind *kind, const mx_scatter_kind *kinds,
                           int count) {
  int number = 0;
  while (s->mode == MX_STATE_WRITE && kinds[number] != *kind) number++;
  mx_state_int(s, &number);
  if (number < 0 || number >= count) return false;
  *kind = kinds[number];
  return true;
}

static const mx_scatter_kind kinds[] = {MX_SCATTER_MAX, MX_SCATTER_MIN, MX_SCATTER_ADD,
                                        MX_SCATTER_PROD, MX_SCATTER_SET};

static const mx_codec *visit_scatter(mx_state *s, const mx_codec *codec, void *params) {
  scatter_params *p = params;
  bool known = mx_visit_scatter_kind(s, &p->kind, kinds, 5);
  mx_state_ints(s, p->axes, &p->count, MX_MAX_NDIM);
  return known ? codec : NULL;
}

static bool build_scatter(const mx_build *b) {
  const scatter_params *p = b->params;
  return b->count == p->count + 2 &&
         MX_BUILT(b, b->count,
                  make_scatter(p->kind, b->in[0], b->in + 1, p->count, b->in[b->count - 1],
                               (mx_ints){p->axes, p->count}));
}

#define CLASS(shown, it) \
  { .name = shown, .primitive = &it, .visit = visit_##it, .build = build_##it }
const mx_codec mx_index_codecs[] = {CLASS("Gather", gather), CLASS("Scatter", scatter), {0}};
