/* RMS and layer normalisation. */
#include "drivers/norm.h"
#include "mlx/mx/cast.h"
#include "mlx/mx/fast.h"
#include "ops/ops.h"

typedef struct {
  float eps;
  bool centre, weight, bias; /* which inputs follow x */
} norm_params;

/* The driver wants unit stride along the last axis. */
static mx with_dense_rows(mx x) {
  int last = x->ndim - 1;
  if (mx_shape_of(x)[last] == 1 || mx_strides_of(x)[last] == 1) return x;
  mx copy = mx_scope_own(mx_array_alloc(x->dtype, mx_shape_of(x), x->ndim));
  if (!copy || !mx_out_alloc(copy)) return NULL;
  mx_copy_row_major(copy->data, x);
  return copy;
}

static bool eval_norm(const mx_node *node, const mx *in, const mx *out) {
  const norm_params *p = MX_PARAMS(norm_params, node);
  mx x = with_dense_rows(in[0]), weight = NULL, bias = NULL;
  int next = 1;
  bool good = x != NULL;
  if (good && p->weight) good = (weight = with_dense_rows(in[next++])) != NULL;
  if (good && p->bias) good = (bias = with_dense_rows(in[next])) != NULL;
  if (!good || (!mx_out_donate(out[0], in[0]) && !mx_out_alloc(out[0]))) return false;
  mx_norm norm = {.dtype = x->dtype,
                  .x = x->data,
                  .x_strides = mx_strides_of(x),
                  .shape = mx_shape_of(x),
                  .ndim = x->ndim,
                  .weight = weight ? weight->data : NULL,
                  .bias = bias ? bias->data : NULL,
                  .out = out[0]->data,
                  .eps = p->eps,
                  .centre = p->centre};
  if (x->size) mx_norm_run(&norm);
  return true;
}

static const mx_primitive rms_norm = {
    .name = "RMSNorm", .params_size = sizeof(norm_params), .eval = {eval_norm}};
static const mx_primitive layer_norm = {
    .name = "LayerNorm", .params_size = sizeof(norm_params), .eval = {eval_norm}};

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
                    norm_params p) {
  if (!x) return NULL;
  if (!x->ndim)
    return mx_fail("[%s] Input must have at least 1 dimension but got input with 0 dimensions.",
                   op);
  if ((weight && !check_vector(op, p.centre ? "weight" : "(*weight)", weight, x)) ||
      (bias && !check_vector(op, "bias", bias, x)))
    return NULL;
  mx_dtype dtype = x->dtype;
  if (weight) dtype = mx_promote_types(dtype, weight->dtype);
  if (weight && bias) dtype = mx_promote_types(dtype, bias->dtype); /* as MLX: not bias alone */
  if (!mx_is_subdtype(dtype, MX_KIND_FLOATING))
    return mx_fail("[%s] Received unsupported type %s.", op, mx_dtype_name(dtype));
  mx in[3] = {mx_astype(x, dtype)};
  int count = 1;
  if (weight) in[count++] = mx_astype(weight, dtype);
  if (bias) in[count++] = mx_astype(bias, dtype);
  p.weight = weight != NULL;
  p.bias = bias != NULL;
  return mx_make_node(primitive, &p, mx_spec_like(x, dtype), in, count);
}

mx mx_fast_rms_norm(mx x, mx weight, float eps) {
  return normalise("rms_norm", &rms_norm, x, weight, NULL, (norm_params){.eps = eps});
}

mx mx_fast_layer_norm(mx x, mx weight, mx bias, float eps) {
  return normalise("layer_norm", &layer_norm, x, weight, bias,
                   (norm_params){.eps = eps, .centre = true});
}
