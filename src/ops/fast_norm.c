/* RMS and layer normalisation. */
#include "drivers/norm.h"
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "mlx/mx/elementwise.h"
#include "mlx/mx/fast.h"
#include "mlx/mx/reduce.h"
#include "ops/codecs.h"
#include "ops/rules.h"

#include <string.h>

typedef struct {
  float eps;
} norm_params;

/* The inputs are x, the weight and, for layer norm, the bias; what was not given is a scalar. */
enum { X, WEIGHT, BIAS };

static const mx_primitive rms_norm, layer_norm, rms_norm_vjp, layer_norm_vjp;

static bool is_layer(const mx_node *node) {
  return node->primitive == &layer_norm || node->primitive == &layer_norm_vjp;
}

/* ---- Evaluation ---- */

/* A vector's data; NULL for the scalar in place of one that was not given. */
static bool open_vector(mx vector, const void **data) {
  *data = NULL;
  if (!vector->ndim) return true;
  mx dense = mx_with_dense_rows(vector);
  if (dense) *data = dense->data;
  return dense != NULL;
}

static bool eval_norm(const mx_node *node, const mx *in, const mx *out) {
  mx x = mx_with_dense_rows(in[X]);
  const void *weight, *bias = NULL;
  if (!x || !open_vector(in[WEIGHT], &weight)) return false;
  if (is_layer(node) && !open_vector(in[BIAS], &bias)) return false;
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
                  .centre = is_layer(node)};
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
  mx c = centred(widened(in[X]), is_layer(node));
  mx y = mx_multiply(c, scale_of(c, MX_PARAMS(norm_params, node)->eps));
  out[0] = affine(mx_astype(y, in[X]->dtype), in[WEIGHT], is_layer(node) ? in[BIAS] : NULL);
  return out[0] != NULL;
}

/* ---- Gradients: RMSNormVJP and LayerNormVJP, of x, weight (and bias) and the cotangent ---- */

static bool eval_norm_vjp(const mx_node *node, const mx *in, const mx *out) {
  mx t = in[node->input_count - 1];
  mx_buffer *temporary[2] = {NULL, NULL};
  const void *weight;
  bool good = open_vector(in[WEIGHT], &weight);
  for (int o = 0; o < node->output_count && good; o++) {
    good = mx_out_alloc(out[o]);
    if (good && o != X && out[o]->size) memset(out[o]->data, 0, mx_nbytes(out[o]));
  }
  const void *x = good ? mx_row_major_data(in[X], &temporary[0]) : NULL;
  const void *cotangent = good ? mx_row_major_data(t, &temporary[1]) : NULL;
  good = good && (!in[X]->size || (x && cotangent));
  if (good && in[X]->size) {
    int64_t n = mx_dim(in[X], -1);
    bool layer = is_layer(node);
    mx_norm_vjp call = {.dtype = in[X]->dtype,
                        .x = x,
                        .t = cotangent,
                        .weight = weight,
                        .dx = out[X]->data,
                        .dw = weight ? out[WEIGHT]->data : NULL,
                        .db = layer && in[BIAS]->ndim ? out[BIAS]->data : NULL,
                        .rows = (int64_t)in[X]->size / n,
                        .n = n,
                        .eps = MX_PARAMS(norm_params, node)->eps,
                        .centre = layer};
    good = mx_norm_vjp_run(&call);
  }
  mx_buffer_release(temporary[0]);
  mx_buffer_release(temporary[1]);
  return good;
}

/* Over all rows. */
static mx sum_of_rows(mx a, mx like) {
  if (!a) return NULL;
  int axes[MX_MAX_NDIM];
  for (int i = 0; i < a->ndim; i++) axes[i] = i;
  return mx_astype(mx_sum(a, .axes = {axes, a->ndim - 1}), like->dtype);
}

/* With n = rsqrt(mean(c^2) + eps) and g the cotangent times the weight, x gets
 * n g - n^3 c mean(g c), less its mean where rows are centred. */
static bool formula_norm_vjp(const mx_node *node, const mx *in, mx *out) {
  bool centre = is_layer(node);
  mx c = centred(widened(in[X]), centre), t = widened(in[node->input_count - 1]);
  mx n = scale_of(c, MX_PARAMS(norm_params, node)->eps), y = mx_multiply(c, n);
  mx g = in[WEIGHT]->ndim ? mx_multiply(t, in[WEIGHT]) : t;
  mx along = mx_multiply(y, mean_of_rows(mx_multiply(g, y)));
  out[X] = mx_astype(mx_multiply(n, mx_subtract(centred(g, centre), along)), in[X]->dtype);
  for (int i = WEIGHT; i < node->output_count; i++)
    out[i] = !in[i]->ndim ? mx_zeros_like(in[i])
                          : sum_of_rows(i == WEIGHT ? mx_multiply(t, y) : t, in[i]);
  return !mx_error();
}

/* Whether weight and bias have an element for each of x's features, or are not given. */
static bool vectors_fit(const mx_node *node, const mx *in) {
  for (int i = WEIGHT; i <= (is_layer(node) ? BIAS : WEIGHT); i++)
    if (in[i]->ndim && mx_dim(in[i], 0) != mx_dim(in[X], -1)) return false;
  return true;
}

static int norm_shape(const mx_node *node, const mx *in, int output, int *shape) {
  if (!vectors_fit(node, in)) return mx_shapes_misfit(node, in);
  return mx_shape_of_first(node, in, output, shape);
}

/* Gradients have the shapes of what they are of. */
static int norm_vjp_shape(const mx_node *node, const mx *in, int output, int *shape) {
  if (!vectors_fit(node, in) || !mx_same_shape_but(in[X], in[node->input_count - 1], -1))
    return mx_shapes_misfit(node, in);
  return mx_shape_of_first(node, in + output, 0, shape);
}

#define NORM_VJP(NAME)                                                         \
  {                                                                            \
    .name = NAME, .params_size = sizeof(norm_params), .eval = {eval_norm_vjp}, \
    .formula = formula_norm_vjp, .output_shape = norm_vjp_shape                \
  }
static const mx_primitive rms_norm_vjp = NORM_VJP("RMSNormVJP");
static const mx_primitive layer_norm_vjp = NORM_VJP("LayerNormVJP");

static bool vjp_norm(const mx_node *node, const mx *primals, const mx *cotangents,
                     const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)outputs;
  mx in[4], all[3];
  mx_spec specs[3];
  for (int i = 0; i < node->input_count; i++) {
    in[i] = primals[i];
    specs[i] = mx_spec_like(primals[i], primals[i]->dtype);
  }
  in[node->input_count] = cotangents[0];
  const mx_primitive *primitive = is_layer(node) ? &layer_norm_vjp : &rms_norm_vjp;
  if (!mx_make_nodes(primitive, node->params, specs, node->input_count, in, node->input_count + 1,
                     all))
    return false;
  for (int i = 0; i < count; i++) vjps[i] = all[argnums[i]];
  return true;
}

/* ---- vmap ---- */

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
  mx own[3] = {mx_batch_in_front(in[X], axes[X]), in[WEIGHT], is_layer(node) ? in[BIAS] : NULL};
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
    if (!weight || (is_layer(node) && !bias)) return false;
    out[0] = affine(out[0], weight, bias);
  }
  out_axes[0] = 0;
  return out[0] != NULL;
}

#define NORM(NAME)                                                                          \
  {                                                                                         \
    .name = NAME, .params_size = sizeof(norm_params), .eval = {eval_norm},                  \
    .formula = formula_norm, .vjp = vjp_norm, .vmap = vmap_norm, .output_shape = norm_shape \
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

/* The gradient of the norm y for the cotangent, which is the last input. */
static bool build_gradient(const mx_build *b, mx y) {
  const int all[3] = {X, WEIGHT, BIAS};
  mx t = b->in[b->count - 1];
  return y && t->ndim == y->ndim && mx_same_shape(mx_shape_of(t), mx_shape_of(y), t->ndim) &&
         vjp_norm(y->node, y->node->inputs, (mx[]){mx_astype(t, y->dtype)}, all, b->outputs, NULL,
                  b->out);
}

static bool build_rms_norm_vjp(const mx_build *b) {
  const norm_params *p = b->params;
  return b->count == 3 && b->outputs == 2 &&
         build_gradient(b, mx_fast_rms_norm(b->in[0], vector(b->in[1]), p->eps));
}

static bool build_layer_norm_vjp(const mx_build *b) {
  const norm_params *p = b->params;
  mx weight = b->count == 4 ? vector(b->in[1]) : NULL;
  return b->count == 4 && b->outputs == 3 &&
         build_gradient(b, mx_fast_layer_norm(b->in[0], weight, vector(b->in[2]), p->eps));
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
    {.name = "RMSNormVJP",
     .primitive = &rms_norm_vjp,
     .visit = visit,
     .build = build_rms_norm_vjp,
     .expand = formula_norm_vjp},
    {.name = "LayerNormVJP",
     .primitive = &layer_norm_vjp,
     .visit = visit,
     .build = build_layer_norm_vjp,
     .expand = formula_norm_vjp},
    {0},
};
