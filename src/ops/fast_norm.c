/* RMS and layer normalisation. */
#include "drivers/norm.h"
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "mlx/mx/elementwise.h"
#include "mlx/mx/fast.h"
#include "mlx/mx/reduce.h"
#include "ops/codecs.h"
#include "ops/rules.h"

typedef struct {
  float eps;
} norm_params;

/* The inputs are x, the weight and, for layer norm, the bias; what was not given is a scalar. */
enum { X, WEIGHT, BIAS };

static const mx_primitive rms_norm, layer_norm;

static bool centres(const mx_node *node) { return node->primitive == &layer_norm; }

/* ---- Evaluation ---- */

/* The driver wants unit stride along the last axis. */
static mx with_dense_rows(mx x) {
  int last = x->ndim - 1;
  if (mx_shape_of(x)[last] == 1 || mx_strides_of(x)[last] == 1) return x;
  mx copy = mx_scope_own(mx_array_alloc(x->dtype, mx_shape_of(x), x->ndim));
  if (!copy || !mx_out_alloc(copy)) return NULL;
  mx_copy_row_major(copy->data, x);
  return copy;
}

/* A vector's data; NULL for the scalar in place of one that was not given. */
static bool open_vector(mx vector, const void **data) {
  *data = NULL;
  if (!vector->ndim) return true;
  mx dense = with_dense_rows(vector);
  if (dense) *data = dense->data;
  return dense != NULL;
}

static bool eval_norm(const mx_node *node, const mx *in, const mx *out) {
  mx x = with_dense_rows(in[X]);
  const void *weight, *bias = NULL;
  if (!x || !open_vector(in[WEIGHT], &weight)) return false;
  if (centres(node) && !open_vector(in[BIAS], &bias)) return false;
  if (!mx_out_donate(out[0], in[X]) && !mx_out_alloc(out[0])) return false;
  mx_norm norm = {.dtype = x->dtype,
                  .x = x->data,
                  .x_strides = mx_strides_of(x),
                  .shape = mx_shape_of(x),
                  .ndim = x->ndim,
                  .weight = weight,
                  .bias = bias,
                  .out = out[0]->data,
                  .eps = MX_PARAMS(norm_params, node)->eps,
                  .centre = centres(node)};
  if (x->size) mx_norm_run(&norm);
  return true;
}

/* ---- Rules ---- */

static mx mean_of_rows(mx a) { return mx_mean(a, .axis = -1, .keepdims = true); }

/* float32, but for float64. */
static mx widened(mx a) { return a && a->dtype == MX_FLOAT64 ? a : mx_astype(a, MX_FLOAT32); }

/* x, centred where layer norm is meant, and what its rows are multiplied by. */
static mx centred(mx x, bool centre) { return centre ? mx_subtract(x, mean_of_rows(x)) : x; }
static mx scale_of(mx c, float eps) {
  mx square = mean_of_rows(mx_square(c));
  return square ? mx_rsqrt(mx_add(square, mx_scalar(eps, square->dtype))) : NULL;
}

static mx affine(mx y, mx weight, mx bias) {
  if (weight->ndim) y = mx_multiply(y, weight);
  return bias && bias->ndim ? mx_add(y, bias) : y;
}

static bool formula_norm(const mx_node *node, const mx *in, mx *out) {
  mx c = centred(widened(in[X]), centres(node));
  mx y = mx_multiply(c, scale_of(c, MX_PARAMS(norm_params, node)->eps));
  out[0] = affine(mx_astype(y, in[X]->dtype), in[WEIGHT], centres(node) ? in[BIAS] : NULL);
  return out[0] != NULL;
}

/* Over all rows. */
static mx sum_of_rows(mx a, mx like) {
  if (!a) return NULL;
  int axes[MX_MAX_NDIM];
  for (int i = 0; i < a->ndim; i++) axes[i] = i;
  return mx_astype(mx_sum(a, .axes = {axes, a->ndim - 1}), like->dtype);
}

/* With n = rsqrt(mean(c^2) + eps), g the cotangent times the weight: x gets
 * n g - n^3 c mean(g c), less its mean where rows are centred. */
static bool vjp_norm(const mx_node *node, const mx *primals, const mx *cotangents,
                     const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)outputs;
  mx c = centred(widened(primals[X]), centres(node)), t = widened(cotangents[0]);
  mx n = scale_of(c, MX_PARAMS(norm_params, node)->eps), y = mx_multiply(c, n);
  for (int i = 0; i < count; i++) {
    mx to = primals[argnums[i]];
    if (argnums[i] == X) {
      mx g = primals[WEIGHT]->ndim ? mx_multiply(t, primals[WEIGHT]) : t;
      mx along = mx_multiply(y, mean_of_rows(mx_multiply(g, y)));
      mx slope = mx_multiply(n, mx_subtract(centred(g, centres(node)), along));
      vjps[i] = mx_astype(slope, to->dtype);
    } else if (!to->ndim) {
      vjps[i] = mx_zeros_like(to);
    } else {
      vjps[i] = sum_of_rows(argnums[i] == WEIGHT ? mx_multiply(t, y) : t, to);
    }
  }
  return !mx_error();
}

static mx again(const mx_node *node, const mx *in) {
  return mx_make_node(node->primitive, node->params, mx_spec_like(in[X], in[X]->dtype), in,
                      node->input_count);
}

/* A vector that is batched multiplies (or is added to) each of the batch. */
static mx beside_batch(mx vector, int axis, int ndim) {
  vector = mx_batch_in_front(vector, axis);
  while (vector && vector->ndim < ndim) vector = mx_expand_dims(vector, MX_INTS(1));
  return vector;
}

/* Rows may lie along any axes; batched vectors come after. */
static bool vmap_norm(const mx_node *node, const mx *in, const int *axes, mx *out, int *out_axes) {
  mx own[3] = {mx_batch_in_front(in[X], axes[X]), in[WEIGHT], centres(node) ? in[BIAS] : NULL};
  if (!own[X]) return false;
  mx weight = in[WEIGHT], bias = own[BIAS];
  bool later = axes[WEIGHT] >= 0 || (bias && axes[BIAS] >= 0);
  int ndim = in[X]->ndim + (axes[X] < 0);
  if (later) {
    own[WEIGHT] = mx_scalar(1, own[X]->dtype);
    if (bias) own[BIAS] = mx_scalar(0, own[X]->dtype);
  }
  out[0] = again(node, own);
  if (later && out[0]) {
    if (axes[WEIGHT] >= 0) weight = beside_batch(weight, axes[WEIGHT], ndim);
    if (bias && axes[BIAS] >= 0) bias = beside_batch(bias, axes[BIAS], ndim);
    if (!weight || (centres(node) && !bias)) return false;
    out[0] = affine(out[0], weight, bias);
  }
  out_axes[0] = 0;
  return out[0] != NULL;
}

#define NORM(NAME)                                                                                 \
  {                                                                                                \
    .name = NAME, .params_size = sizeof(norm_params), .eval = {eval_norm},                         \
    .formula = formula_norm, .vjp = vjp_norm, .vmap = vmap_norm, .output_shape = mx_shape_of_first \
  }
static const mx_primitive rms_norm = NORM("RMSNorm"), layer_norm = NORM("LayerNorm");

/* ---- Constructors ---- */

static bool check_vector(const char *op, const char *name, mx vector, mx x) {
  if (vector->ndim != 1)
    mx_fail("[%s] %s must have 1 dimension but has %d dimensions.", op, name, vector->ndim);
  else if ((int)vector->size != mx_dim(x, -1))
    mx_fail("[%s] %s must have the same size as the last dimension of x but has %zu elements.", op,
            name, vector->size);
  else
    return true;
  return false;
}

static mx normalise(const char *op, const mx_primitive *primitive, mx x, mx weight, mx bias,
                    float eps) {
  if (!x) return NULL;
  bool centre = primitive == &layer_norm;
  if (!x->ndim)
    return mx_fail("[%s] Input must have at least 1 dimension but got input with 0 dimensions.",
                   op);
  if ((weight && !check_vector(op, centre ? "weight" : "(*weight)", weight, x)) ||
      (bias && !check_vector(op, "bias", bias, x)))
    return NULL;
  mx_dtype dtype = x->dtype;
  if (weight) dtype = mx_promote_types(dtype, weight->dtype);
  if (weight && bias) dtype = mx_promote_types(dtype, bias->dtype); /* as MLX: not bias alone */
  if (!mx_is_subdtype(dtype, MX_KIND_FLOATING))
    return mx_fail("[%s] Received unsupported type %s.", op, mx_dtype_name(dtype));
  mx in[3] = {mx_astype(x, dtype)};
  in[WEIGHT] = weight ? mx_astype(weight, dtype) : mx_scalar(1, dtype);
  if (centre) in[BIAS] = bias ? mx_astype(bias, dtype) : mx_scalar(0, dtype);
  norm_params p = {eps};
  return mx_make_node(primitive, &p, mx_spec_like(x, dtype), in, centre ? 3 : 2);
}

mx mx_fast_rms_norm(mx x, mx weight, float eps) {
  return normalise("rms_norm", &rms_norm, x, weight, NULL, eps);
}

mx mx_fast_layer_norm(mx x, mx weight, mx bias, float eps) {
  return normalise("layer_norm", &layer_norm, x, weight, bias, eps);
}

/* ---- In MLX's files ---- */

static const mx_codec *visit(mx_state *s, const mx_codec *codec, void *params) {
  mx_state_float(s, &((norm_params *)params)->eps);
  return codec;
}

/* A scalar stands for what was not given. */
static mx vector(mx a) { return a->ndim ? a : NULL; }

static bool build_rms_norm(const mx_build *b) {
  const norm_params *p = b->params;
  return MX_BUILT(b, 2, mx_fast_rms_norm(b->in[0], vector(b->in[1]), p->eps));
}

static bool build_layer_norm(const mx_build *b) {
  const norm_params *p = b->params;
  return MX_BUILT(b, 3, mx_fast_layer_norm(b->in[0], vector(b->in[1]), vector(b->in[2]), p->eps));
}

const mx_codec mx_norm_codecs[] = {
    {.name = "RMSNorm",
     .primitive = &rms_norm,
     .visit = visit,
     .build = build_rms_norm,
     .expand = formula_norm},
    {.name = "LayerNorm",
     .primitive = &layer_norm,
     .visit = visit,
     .build = build_layer_norm,
     .expand = formula_norm},
    {0},
};
