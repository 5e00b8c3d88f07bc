/* Transposes and strided views: operations that move no elements. */
#include "mlx/mx/create.h"
#include "mlx/mx/index.h"
#include "ops/codecs.h"
#include "ops/rules.h"

/* ---- Transpose ---- */

typedef struct {
  int axes[MX_MAX_NDIM];
} transpose_params;

static bool eval_transpose(const mx_node *node, const mx *in, const mx *out) {
  const int *axes = MX_PARAMS(transpose_params, node)->axes;
  int64_t strides[MX_MAX_NDIM];
  for (int i = 0; i < in[0]->ndim; i++) strides[i] = mx_strides_of(in[0])[axes[i]];
  mx_out_view(out[0], in[0], strides, 0);
  return true;
}

static int transpose_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  for (int i = 0; i < in[0]->ndim; i++)
    shape[i] = mx_shape_of(in[0])[MX_PARAMS(transpose_params, node)->axes[i]];
  return in[0]->ndim;
}

static bool vjp_transpose(const mx_node *node, const mx *primals, const mx *cotangents,
                          const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)argnums, (void)count, (void)outputs;
  int back[MX_MAX_NDIM], ndim = primals[0]->ndim;
  for (int i = 0; i < ndim; i++) back[MX_PARAMS(transpose_params, node)->axes[i]] = i;
  return (vjps[0] = mx_transpose(cotangents[0], .axes = {back, ndim})) != NULL;
}

MX_LINEAR_JVP(jvp_transpose,
              mx_transpose(t, .axes = {MX_PARAMS(transpose_params, node)->axes, t->ndim}))

/* The batch axis keeps its place. */
static bool vmap_transpose(const mx_node *node, const mx *in, const int *axes, mx *out,
                           int *out_axes) {
  const int *order = MX_PARAMS(transpose_params, node)->axes;
  int wider[MX_MAX_NDIM], batch = axes[0];
  for (int i = 0, from = 0; i < in[0]->ndim; i++) {
    wider[i] = i == batch ? batch : order[from] + (order[from] >= batch);
    from += i != batch;
  }
  out_axes[0] = batch;
  return (out[0] = mx_transpose(in[0], .axes = {wider, in[0]->ndim})) != NULL;
}

static const mx_primitive transpose = {.name = "Transpose",
                                       .params_size = sizeof(transpose_params),
                                       .eval = {eval_transpose},
                                       .vjp = vjp_transpose,
                                       .jvp = jvp_transpose,
                                       .vmap = vmap_transpose,
                                       .output_shape = transpose_shape};

bool mx_is_transposed(mx a) { return a && a->node && a->node->primitive == &transpose; }

mx mx_transpose_with(mx a, mx_transpose_args args) {
  if (!a) return NULL;
  transpose_params p = {{0}};
  int shape[MX_MAX_NDIM];
  bool seen[MX_MAX_NDIM] = {false};
  if (args.axes.size >= 0 && args.axes.size != a->ndim)
    return mx_fail("[transpose] Received %d axes for array with %d dimensions.", args.axes.size,
                   a->ndim);
  for (int i = 0; i < a->ndim; i++) {
    int axis = args.axes.size < 0 ? a->ndim - 1 - i : args.axes.data[i];
    axis = mx_check_axis("transpose", axis, a->ndim);
    if (axis < 0) return NULL;
    if (seen[axis]) return mx_fail("[transpose] Repeat axes not allowed.");
    seen[axis] = true;
    p.axes[i] = axis;
    shape[i] = mx_shape_of(a)[axis];
  }
  return mx_make(&transpose, &p, ((mx_spec){a->dtype, a->ndim, shape}), a);
}

mx mx_moveaxis(mx a, int source, int destination) {
  if (!a) return NULL;
  int from = mx_check_axis("moveaxis", source, a->ndim);
  int to = from < 0 ? -1 : mx_check_axis("moveaxis", destination, a->ndim);
  if (to < 0) return NULL;
  if (from == to) return mx_same(a);
  int axes[MX_MAX_NDIM], n = 0;
  for (int i = 0; i < a->ndim; i++) {
    if (n == to) axes[n++] = from;
    if (i != from) axes[n++] = i;
  }
  if (n == to) axes[n++] = from;
  return mx_transpose(a, .axes = {axes, a->ndim});
}

mx mx_swapaxes(mx a, int axis1, int axis2) {
  if (!a) return NULL;
  int one = mx_check_axis("swapaxes", axis1, a->ndim);
  int two = one < 0 ? -1 : mx_check_axis("swapaxes", axis2, a->ndim);
  if (two < 0) return NULL;
  int axes[MX_MAX_NDIM];
  for (int i = 0; i < a->ndim; i++) axes[i] = i == one ? two : i == two ? one : i;
  return mx_transpose(a, .axes = {axes, a->ndim});
}

/* ---- as_strided ---- */

/* Of a flat input. */
typedef struct {
  int64_t strides[MX_MAX_NDIM];
  size_t offset;
  int ndim, shape[MX_MAX_NDIM];
} as_strided_params;

/* The strides mean row-major memory, so an input that lies otherwise is copied first. */
static bool eval_as_strided(const mx_node *node, const mx *in, const mx *out) {
  const as_strided_params *p = MX_PARAMS(as_strided_params, node);
  mx base = in[0]->row_contiguous ? in[0] : mx_row_major_copy(in[0]);
  if (!base) return false;
  mx_out_view(out[0], base, p->strides, (int64_t)p->offset);
  return true;
}

static mx strided_again(const mx_node *node, mx a) {
  const as_strided_params *p = MX_PARAMS(as_strided_params, node);
  return mx_as_strided(a, (mx_ints){p->shape, p->ndim}, p->strides, p->offset);
}

/* Each place of the input collects the cotangents of all places that show it. */
static bool vjp_as_strided(const mx_node *node, const mx *primals, const mx *cotangents,
                           const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)argnums, (void)count, (void)outputs;
  mx_dtype dtype = primals[0]->size > INT32_MAX ? MX_INT64 : MX_INT32;
  mx places = strided_again(node, mx_arange(0, (double)primals[0]->size, 1, dtype));
  mx from = mx_flatten(places, 0, -1), c = mx_reshape(cotangents[0], MX_INTS(-1, 1));
  if (!cotangents[0]->size) return (vjps[0] = mx_zeros_like(primals[0])) != NULL;
  return (vjps[0] = mx_scatter_add(mx_zeros_like(primals[0]), &from, 1, c, MX_INTS(0))) != NULL;
}

MX_LINEAR_JVP(jvp_as_strided, strided_again(node, t))

/* One row a slice, and one more stride from row to row. */
static bool vmap_as_strided(const mx_node *node, const mx *in, const int *axes, mx *out,
                            int *out_axes) {
  const as_strided_params *p = MX_PARAMS(as_strided_params, node);
  mx rows = mx_batch_in_front(in[0], axes[0]);
  if (!rows) return false;
  int shape[MX_MAX_NDIM + 1] = {mx_shape_of(rows)[0]};
  int64_t strides[MX_MAX_NDIM + 1] = {mx_shape_of(rows)[1]};
  mx_copy_ints(shape + 1, p->shape, p->ndim);
  for (int i = 0; i < p->ndim; i++) strides[i + 1] = p->strides[i];
  out_axes[0] = 0;
  out[0] = mx_as_strided(rows, (mx_ints){shape, p->ndim + 1}, strides, p->offset);
  return out[0] != NULL;
}

static const mx_primitive as_strided = {.name = "AsStrided",
                                        .params_size = sizeof(as_strided_params),
                                        .eval = {eval_as_strided},
                                        .vjp = vjp_as_strided,
                                        .jvp = jvp_as_strided,
                                        .vmap = vmap_as_strided,
                                        .output_shape = mx_shape_not_inferred};

mx mx_as_strided(mx a, mx_ints shape, const int64_t *strides, size_t offset) {
  as_strided_params p = {.offset = offset, .ndim = shape.size};
  if (!a) return NULL;
  if (shape.size > MX_MAX_NDIM)
    return mx_fail("[as_strided] %d dimensions; at most %d are supported", shape.size, MX_MAX_NDIM);
  mx_copy_ints(p.shape, shape.data, shape.size);
  __int128 low = (__int128)offset, high = (__int128)offset;
  bool empty = false;
  for (int i = 0; i < shape.size; i++) {
    p.strides[i] = strides[i];
    empty |= shape.data[i] <= 0;
    __int128 reach = (__int128)(shape.data[i] - 1) * strides[i];
    if (reach < 0)
      low += reach;
    else
      high += reach;
  }
  if (!empty && (low < 0 || high >= (__int128)a->size))
    return mx_fail(
        "[as_strided] Shape %s with these strides and offset %zu reaches outside an array "
        "of %zu elements.",
        mx_shape_text(shape.data, shape.size), offset, a->size);
  return mx_make(&as_strided, &p, ((mx_spec){a->dtype, shape.size, shape.data}),
                 mx_flatten(a, 0, -1));
}

/* ---- In MLX's files ---- */

static const mx_codec *visit_transpose(mx_state *s, const mx_codec *codec, void *params) {
  transpose_params *p = params;
  int count = s->mode == MX_STATE_WRITE ? s->output->ndim : 0;
  mx_state_ints(s, p->axes, &count, MX_MAX_NDIM);
  bool all = s->input_count == 1 && s->inputs[0]->ndim == count;
  return all ? codec : NULL;
}

static bool build_transpose(const mx_build *b) {
  const transpose_params *p = b->params;
  return MX_BUILT(b, 1, mx_transpose(b->in[0], .axes = {p->axes, b->in[0]->ndim}));
}

static const mx_codec *visit_as_strided(mx_state *s, const mx_codec *codec, void *params) {
  as_strided_params *p = params;
  int strides = p->ndim;
  uint64_t offset = p->offset;
  mx_state_ints(s, p->shape, &p->ndim, MX_MAX_NDIM);
  mx_state_int64s(s, p->strides, &strides, MX_MAX_NDIM);
  mx_state_uint64(s, &offset);
  p->offset = offset;
  return strides == p->ndim ? codec : NULL;
}

/* A file's strides must not lead out of the input. */
static bool stays_inside(const as_strided_params *p, mx a) {
  __int128 low = (__int128)p->offset, high = low;
  for (int i = 0; i < p->ndim; i++) {
    if (p->shape[i] < 0) return false;
    if (p->shape[i] == 0) return true;
    __int128 reach = (__int128)(p->shape[i] - 1) * p->strides[i];
    *(reach < 0 ? &low : &high) += reach;
  }
  return low >= 0 && high < (__int128)a->size;
}

static bool build_as_strided(const mx_build *b) {
  const as_strided_params *p = b->params;
  if (b->count == 1 && !stays_inside(p, b->in[0]))
    return mx_fail("[as_strided] The strides lead out of the array.") != NULL;
  return MX_BUILT(b, 1,
                  mx_as_strided(b->in[0], (mx_ints){p->shape, p->ndim}, p->strides, p->offset));
}

const mx_codec mx_view_codecs[] = {
    {.name = "Transpose",
     .primitive = &transpose,
     .visit = visit_transpose,
     .build = build_transpose},
    {.name = "AsStrided",
     .primitive = &as_strided,
     .visit = visit_as_strided,
     .build = build_as_strided},
    {0},
};
