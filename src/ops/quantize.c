/* Affine quantisation, and products with quantised matrices. */
#include "drivers/qmm.h"
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "mlx/mx/elementwise.h"
#include "mlx/mx/linear.h"
#include "mlx/mx/reduce.h"
#include "ops/codecs.h"
#include "ops/matmul.h"
#include "ops/rules.h"

#include <string.h>

typedef struct {
  int group_size, bits;
  bool transpose;
  bool dequantize;                /* Quantize's: which way */
  bool left_sorted, right_sorted; /* GatherQMM's: promised by the caller */
} quantized_params;

/* ---- Checks ---- */

static bool check_mode(const char *op, const char *mode) {
  if (mode && !strcmp(mode, "affine")) return true;
  mx_fail("[%s] Quantization mode '%s' is not supported. The supported modes are: affine.", op,
          mode ? mode : "(null)");
  return false;
}

static bool check_sizes(const char *op, int group_size, int bits) {
  if (group_size != 32 && group_size != 64 && group_size != 128)
    mx_fail(
        "[%s] The requested group size %d is not supported. The supported group sizes are 32, 64, "
        "and 128.",
        op, group_size);
  else if (bits < 2 || bits > 8 || bits == 7)
    mx_fail(
        "[%s] The requested number of bits %d is not supported. The supported bits are 2, 3, 4, "
        "5, 6 and 8.",
        op, bits);
  else
    return true;
  return false;
}

static bool same_but_last(mx a, mx b) {
  return a->ndim == b->ndim &&
         !memcmp(mx_shape_of(a), mx_shape_of(b), (size_t)(a->ndim - 1) * sizeof(int));
}

/* Weights, scales and biases fit each other. */
static bool check_packed(const char *op, mx w, mx scales, mx biases, int group_size, int bits) {
  if (!w || !scales || !biases) {
    if (!mx_error()) mx_fail("[%s] Scales and biases are needed.", op);
    return false;
  }
  if (w->dtype != MX_UINT32)
    mx_fail("[%s] The weight matrix should be uint32 but received %s", op, mx_dtype_name(w->dtype));
  else if (w->ndim < 2)
    mx_fail("[%s] The matrix must have at least 2 dimensions but it has only %d.", op, w->ndim);
  else if (!mx_is_subdtype(scales->dtype, MX_KIND_FLOATING) ||
           !mx_is_subdtype(biases->dtype, MX_KIND_FLOATING))
    mx_fail("[%s] Scales and biases should be real floating but received %s and %s.", op,
            mx_dtype_name(scales->dtype), mx_dtype_name(biases->dtype));
  else if (!same_but_last(scales, biases) || mx_dim(scales, -1) != mx_dim(biases, -1))
    mx_fail("[%s] Scales and biases should have the same shape. Received scales with shape %s and "
            "biases with %s",
            op, mx_shape_text_of(scales), mx_shape_text_of(biases));
  else if (!same_but_last(w, scales))
    mx_fail(
        "[%s] Weight and scales should have the same batch shape. Received weight with shape %s, "
        "scales with %s.",
        op, mx_shape_text_of(w), mx_shape_text_of(scales));
  else if ((int64_t)mx_dim(w, -1) * 32 != (int64_t)mx_dim(scales, -1) * group_size * bits)
    mx_fail(
        "[%s] The shapes of the weight and scales are incompatible based on bits and group_size. "
        "w.shape() == %s and scales.shape() == %s with group_size=%d and bits=%d",
        op, mx_shape_text_of(w), mx_shape_text_of(scales), group_size, bits);
  else
    return true;
  return false;
}

/* ---- Row-major inputs ---- */

typedef struct {
  const void *data[6];
  mx_buffer *temporary[6];
} dense_inputs;

static bool open_dense(dense_inputs *d, const mx *in, int count) {
  *d = (dense_inputs){0};
  for (int i = 0; i < count; i++)
    if (!(d->data[i] = mx_row_major_data(in[i], &d->temporary[i])) && in[i]->size) return false;
  return true;
}

static void close_dense(dense_inputs *d) {
  for (int i = 0; i < 6; i++) mx_buffer_release(d->temporary[i]);
}

/* ---- quantize, dequantize ---- */

static bool eval_quantize(const mx_node *node, const mx *in, const mx *out) {
  const quantized_params *p = MX_PARAMS(quantized_params, node);
  dense_inputs d;
  bool good =
      open_dense(&d, in, 1) && mx_out_alloc(out[0]) && mx_out_alloc(out[1]) && mx_out_alloc(out[2]);
  if (good)
    mx_qmm_quantize(d.data[0], (int64_t)out[1]->size, p->bits, p->group_size, in[0]->dtype,
                    out[0]->data, out[1]->data, out[2]->data);
  close_dense(&d);
  return good;
}

/* `a` with groups of the last axis apart: [..., groups, group_size]. */
static mx in_groups(mx a, int group_size) { return mx_unflatten(a, -1, MX_INTS(-1, group_size)); }

/* The scales and biases of w as a formula, in float32: the extreme of larger size is met exactly,
 * and the other as the number of steps between allows. */
static void scales_formula(const quantized_params *p, mx w, mx *scales, mx *biases) {
  mx groups = mx_astype(in_groups(w, p->group_size), MX_FLOAT32), zero = mx_float(0);
  mx high = mx_max(groups, .axis = -1), low = mx_min(groups, .axis = -1);
  mx lower = mx_greater(mx_abs(low), mx_abs(high));
  mx steps = mx_divide(mx_subtract(high, low), mx_float((float)((1 << p->bits) - 1)));
  mx size = mx_maximum(steps, mx_float(1e-7f));
  mx scale = mx_where(lower, size, mx_negative(size)), edge = mx_where(lower, low, high);
  mx q = mx_round(mx_divide(edge, scale)), some = mx_not_equal(q, zero);
  *scales = mx_where(some, mx_divide(edge, mx_where(some, q, mx_float(1))), scale);
  *biases = mx_where(some, edge, zero);
}

static mx_quantized quantize_again(const quantized_params *p, mx w) {
  return mx_quantize_with(w, (mx_quantize_args){p->group_size, p->bits, "affine"});
}

/* Scales and biases change with the extremes of their groups; the codes, integers, do not. */
static bool formula_quantize(const mx_node *node, const mx *in, mx *out) {
  const quantized_params *p = MX_PARAMS(quantized_params, node);
  scales_formula(p, in[0], &out[1], &out[2]);
  out[0] = quantize_again(p, mx_stop_gradient(in[0])).weight;
  for (int i = 1; i < 3; i++) out[i] = mx_astype(out[i], in[0]->dtype);
  return out[0] && out[1] && out[2];
}

/* Groups lie along the last axis; whatever is in front is many matrices. */
static bool vmap_quantize(const mx_node *node, const mx *in, const int *axes, mx *out,
                          int *out_axes) {
  mx_quantized q =
      quantize_again(MX_PARAMS(quantized_params, node), mx_batch_in_front(in[0], axes[0]));
  out[0] = q.weight, out[1] = q.scales, out[2] = q.biases;
  out_axes[0] = out_axes[1] = out_axes[2] = 0;
  return q.weight != NULL;
}

static int quantize_shape(const mx_node *node, const mx *in, int output, int *shape) {
  const quantized_params *p = MX_PARAMS(quantized_params, node);
  int last = in[0]->ndim - 1;
  if (mx_dim(in[0], -1) % p->group_size) return mx_shapes_misfit(node, in);
  mx_copy_ints(shape, mx_shape_of(in[0]), in[0]->ndim);
  shape[last] = output ? shape[last] / p->group_size : (int)((int64_t)shape[last] * p->bits / 32);
  return in[0]->ndim;
}

static const mx_primitive quantize = {.name = "Quantize",
                                      .params_size = sizeof(quantized_params),
                                      .eval = {eval_quantize},
                                      .formula = formula_quantize,
                                      .vmap = vmap_quantize,
                                      .output_shape = quantize_shape};

mx_quantized mx_quantize_with(mx w, mx_quantize_args args) {
  mx_quantized none = {NULL, NULL, NULL};
  if (!w || !check_mode("quantize", args.mode)) return none;
  if (!mx_is_subdtype(w->dtype, MX_KIND_FLOATING)) {
    mx_fail("[quantize] Only real floating types can be quantized but w has type %s.",
            mx_dtype_name(w->dtype));
    return none;
  }
  if (w->ndim < 2) {
    mx_fail("[quantize] The matrix to be quantized must have at least 2 dimension but it has only "
            "%d.",
            w->ndim);
    return none;
  }
  if (!check_sizes("quantize", args.group_size, args.bits)) return none;
  if (mx_dim(w, -1) % args.group_size) {
    mx_fail("[quantize] The last dimension of the matrix needs to be divisible by the quantization "
            "group size %d. However the provided  matrix has shape %s",
            args.group_size, mx_shape_text_of(w));
    return none;
  }
  mx_dtype dtype = w->dtype == MX_FLOAT64 ? MX_FLOAT32 : w->dtype;
  int packed[MX_MAX_NDIM], groups[MX_MAX_NDIM], last = w->ndim - 1;
  mx_copy_ints(packed, mx_shape_of(w), w->ndim);
  mx_copy_ints(groups, mx_shape_of(w), w->ndim);
  packed[last] = (int)((int64_t)packed[last] * args.bits / 32);
  groups[last] /= args.group_size;
  mx_spec specs[3] = {
      {MX_UINT32, w->ndim, packed}, {dtype, w->ndim, groups}, {dtype, w->ndim, groups}};
  quantized_params p = {.group_size = args.group_size, .bits = args.bits};
  mx cast = mx_astype(w, dtype), out[3];
  if (!mx_make_nodes(&quantize, &p, specs, 3, &cast, 1, out)) return none;
  return (mx_quantized){out[0], out[1], out[2]};
}

static mx_qmm_weights weights_of(const quantized_params *p, mx w, mx scales, const void *packed,
                                 const void *scale_data, const void *bias_data) {
  return (mx_qmm_weights){.packed = packed,
                          .scales = scale_data,
                          .biases = bias_data,
                          .row_bytes = (int64_t)mx_dim(w, -1) * 4,
                          .groups = mx_dim(scales, -1),
                          .bits = p->bits,
                          .group = p->group_size,
                          .dtype = scales->dtype};
}

static bool eval_dequantize(const mx_node *node, const mx *in, const mx *out) {
  const quantized_params *p = MX_PARAMS(quantized_params, node);
  dense_inputs d;
  bool good = open_dense(&d, in, 3) && mx_out_alloc(out[0]);
  if (good && out[0]->size) {
    mx_qmm_weights w = weights_of(p, in[0], in[1], d.data[0], d.data[1], d.data[2]);
    mx_qmm_dequantize(&w, (int64_t)in[1]->size, out[0]->data);
  }
  close_dense(&d);
  return good;
}

/* The codes as numbers of the scales' dtype, in groups. */
static mx codes_of(const quantized_params *p, mx w, mx scales) {
  mx codes = mx_dequantize(w, mx_ones_like(scales), mx_zeros_like(scales),
                           .group_size = p->group_size, .bits = p->bits);
  return in_groups(codes, p->group_size);
}

static bool vjp_dequantize(const mx_node *node, const mx *primals, const mx *cotangents,
                           const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)outputs;
  const quantized_params *p = MX_PARAMS(quantized_params, node);
  mx grouped = in_groups(cotangents[0], p->group_size);
  for (int i = 0; i < count; i++) {
    if (argnums[i] == 0)
      vjps[i] = mx_zeros_like(primals[0]);
    else
      vjps[i] = mx_sum(argnums[i] == 2 ? grouped
                                       : mx_multiply(grouped, codes_of(p, primals[0], primals[1])),
                       .axis = -1);
  }
  return !mx_error();
}

static bool jvp_dequantize(const mx_node *node, const mx *primals, const mx *tangents,
                           const int *argnums, int count, mx *jvps) {
  const quantized_params *p = MX_PARAMS(quantized_params, node);
  mx sum = NULL;
  for (int i = 0; i < count; i++) {
    if (argnums[i] == 0) continue;
    mx term = mx_expand_dims(tangents[i], MX_INTS(-1));
    mx codes = codes_of(p, primals[0], primals[1]);
    term = argnums[i] == 1 ? mx_multiply(term, codes) : mx_spread_like(term, codes);
    sum = sum ? mx_add(sum, term) : term;
  }
  if (!sum) sum = mx_zeros_like(codes_of(p, primals[0], primals[1]));
  return (jvps[0] = mx_flatten(sum, -2, -1)) != NULL;
}

/* Codes, scales and biases of a batch side by side, its axis in front. */
static bool batch_weights(const mx *in, const int *axes, mx *out) {
  int length = mx_batch_length(in, axes, 3);
  for (int i = 0; i < 3; i++)
    if (!(out[i] = mx_batched(in[i], axes[i], length))) return false;
  return true;
}

static bool vmap_dequantize(const mx_node *node, const mx *in, const int *axes, mx *out,
                            int *out_axes) {
  const quantized_params *p = MX_PARAMS(quantized_params, node);
  mx w[3];
  if (!batch_weights(in, axes, w)) return false;
  out[0] = mx_dequantize(w[0], w[1], w[2], .group_size = p->group_size, .bits = p->bits);
  out_axes[0] = 0;
  return out[0] != NULL;
}

static int dequantize_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  const quantized_params *p = MX_PARAMS(quantized_params, node);
  if (!check_packed("dequantize", in[0], in[1], in[2], p->group_size, p->bits)) return -1;
  mx_copy_ints(shape, mx_shape_of(in[1]), in[1]->ndim);
  shape[in[1]->ndim - 1] *= MX_PARAMS(quantized_params, node)->group_size;
  return in[1]->ndim;
}

static const mx_primitive dequantize = {.name = "Quantize",
                                        .params_size = sizeof(quantized_params),
                                        .eval = {eval_dequantize},
                                        .vjp = vjp_dequantize,
                                        .jvp = jvp_dequantize,
                                        .vmap = vmap_dequantize,
                                        .output_shape = dequantize_shape};

/* The dtype in which a product or a dequantisation works: float64 has no quantised form. */
static mx_dtype working_dtype(mx_dtype dtype) { return dtype == MX_FLOAT64 ? MX_FLOAT32 : dtype; }

mx mx_dequantize_with(mx w, mx scales, mx biases, mx_quantize_args args) {
  if (!check_mode("dequantize", args.mode) ||
      !check_sizes("dequantize", args.group_size, args.bits) ||
      !check_packed("dequantize", w, scales, biases, args.group_size, args.bits))
    return NULL;
  mx_dtype dtype = working_dtype(mx_promote_types(scales->dtype, biases->dtype));
  int shape[MX_MAX_NDIM];
  mx_copy_ints(shape, mx_shape_of(w), w->ndim);
  shape[w->ndim - 1] = mx_dim(scales, -1) * args.group_size;
  quantized_params p = {.group_size = args.group_size, .bits = args.bits, .dequantize = true};
  return mx_make(&dequantize, &p, ((mx_spec){dtype, w->ndim, shape}), w, mx_astype(scales, dtype),
                 mx_astype(biases, dtype));
}

/* ---- quantized_matmul ---- */

/* One product for each matrix of w; x's rows for a matrix lie together. */
static bool eval_quantized_matmul(const mx_node *node, const mx *in, const mx *out) {
  const quantized_params *p = MX_PARAMS(quantized_params, node);
  mx x = in[0], w = in[1];
  dense_inputs d;
  bool good = open_dense(&d, in, 4) && mx_out_alloc(out[0]);
  int64_t k = mx_dim(x, -1), n = mx_dim(out[0], -1);
  int64_t matrices = 1;
  for (int i = 0; i < w->ndim - 2; i++) matrices *= mx_shape_of(w)[i];
  int64_t rows = n && matrices ? (int64_t)out[0]->size / n / matrices : 0;
  size_t item = mx_dtype_size(x->dtype);
  size_t packed = matrices ? w->size / (size_t)matrices * 4 : 0;
  size_t groups = matrices ? in[2]->size / (size_t)matrices * item : 0;
  for (int64_t i = 0; i < matrices && good && rows; i++) {
    size_t at = (size_t)i;
    mx_qmm_product product = {.w = weights_of(p, w, in[2], (const char *)d.data[1] + at * packed,
                                              (const char *)d.data[2] + at * groups,
                                              (const char *)d.data[3] + at * groups),
                              .x = (const char *)d.data[0] + at * (size_t)(rows * k) * item,
                              .out = out[0]->data + at * (size_t)(rows * n) * item,
                              .m = rows,
                              .n = n,
                              .k = k,
                              .ldx = k,
                              .ldo = n,
                              .dtype = x->dtype,
                              .transpose = p->transpose};
    good = mx_qmm(&product) == 0;
  }
  close_dense(&d);
  return good;
}

/* The gradient of scales or biases from that of the opened matrix in groups: codes are NULL for
 * biases. */
static mx sum_groups(mx grouped, mx codes) {
  return mx_sum(codes ? mx_multiply(grouped, codes) : grouped, .axis = -1);
}

/* The codes are not differentiable; scales and biases follow from the gradient of the opened
 * matrix, group by group. */
static bool vjp_quantized_matmul(const mx_node *node, const mx *primals, const mx *cotangents,
                                 const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)outputs;
  const quantized_params *p = MX_PARAMS(quantized_params, node);
  mx grouped = NULL;
  for (int i = 0; i < count; i++) {
    if (argnums[i] == 0) {
      vjps[i] = mx_quantized_matmul(cotangents[0], primals[1], primals[2], primals[3],
                                    .transpose = !p->transpose, .group_size = p->group_size,
                                    .bits = p->bits);
      continue;
    }
    if (argnums[i] == 1) {
      mx_fail("[QuantizedMatmul::vjp] no gradient wrt the quantized weights.");
      return false;
    }
    if (!grouped) {
      int ndim = primals[1]->ndim;
      mx c = mx_flatten(cotangents[0], 0, -ndim), x = mx_flatten(primals[0], 0, -ndim);
      mx dw = p->transpose ? mx_matmul(mx_swapaxes(c, -1, -2), x)
                           : mx_matmul(mx_swapaxes(x, -1, -2), c);
      grouped = in_groups(dw, p->group_size);
    }
    vjps[i] = sum_groups(grouped, argnums[i] == 2 ? codes_of(p, primals[1], primals[2]) : NULL);
  }
  return !mx_error();
}

static bool jvp_quantized_matmul(const mx_node *node, const mx *primals, const mx *tangents,
                                 const int *argnums, int count, mx *jvps) {
  const quantized_params *p = MX_PARAMS(quantized_params, node);
  if (count != 1 || argnums[0] != 0) {
    mx_fail("[QuantizedMatmul::jvp] No JVP wrt the quantized matrix yet.");
    return false;
  }
  jvps[0] =
      mx_quantized_matmul(tangents[0], primals[1], primals[2], primals[3],
                          .transpose = p->transpose, .group_size = p->group_size, .bits = p->bits);
  return jvps[0] != NULL;
}

/* A batch of w gets axes of length 1 behind the batch axis, as many as x has before its matrices.
 */
static bool vmap_quantized_matmul(const mx_node *node, const mx *in, const int *axes, mx *out,
                                  int *out_axes) {
  const quantized_params *p = MX_PARAMS(quantized_params, node);
  bool many = axes[1] >= 0 || axes[2] >= 0 || axes[3] >= 0;
  int ndim = in[0]->ndim + (axes[0] < 0); /* of the result */
  mx w[3] = {in[1], in[2], in[3]}, x = mx_batch_in_front(in[0], axes[0]);
  if (many && !batch_weights(in + 1, axes + 1, w)) return false;
  for (int i = 0; i < 3 && many; i++) {
    while (w[i] && w[i]->ndim < ndim) w[i] = mx_expand_dims(w[i], MX_INTS(1));
    if (!w[i]) return false;
  }
  out[0] = mx_quantized_matmul(x, w[0], w[1], w[2], .transpose = p->transpose,
                               .group_size = p->group_size, .bits = p->bits);
  out_axes[0] = 0;
  return out[0] != NULL;
}

/* Whether x's rows are as long as the matrices of w have columns (or rows). */
static bool rows_fit(const quantized_params *p, mx x, mx w, mx scales) {
  return mx_dim(x, -1) == (p->transpose ? mx_dim(scales, -1) * p->group_size : mx_dim(w, -2));
}

static int quantized_matmul_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  const quantized_params *p = MX_PARAMS(quantized_params, node);
  bool batches = in[1]->ndim > 2;
  if (!check_packed("quantized_matmul", in[1], in[2], in[3], p->group_size, p->bits)) return -1;
  if (!rows_fit(p, in[0], in[1], in[2]) || (batches && in[0]->ndim != in[1]->ndim) ||
      (batches && !mx_same_shape(mx_shape_of(in[0]), mx_shape_of(in[1]), in[1]->ndim - 2)))
    return mx_shapes_misfit(node, in);
  mx_copy_ints(shape, mx_shape_of(in[0]), in[0]->ndim);
  shape[in[0]->ndim - 1] = p->transpose ? mx_dim(in[1], -2) : mx_dim(in[2], -1) * p->group_size;
  return in[0]->ndim;
}

static const mx_primitive quantized_matmul = {.name = "QuantizedMatmul",
                                              .params_size = sizeof(quantized_params),
                                              .eval = {eval_quantized_matmul},
                                              .vjp = vjp_quantized_matmul,
                                              .jvp = jvp_quantized_matmul,
                                              .vmap = vmap_quantized_matmul,
                                              .output_shape = quantized_matmul_shape};

/* Broadcasts the leading axes of all inputs against each other; their last two stay. */
static bool broadcast_batches(mx *inputs, int count) {
  int batch[MX_MAX_NDIM], ndim = 0;
  for (int i = 0; i < count; i++) {
    int lead = inputs[i]->ndim - 2;
    if (lead > ndim) {
      memmove(batch + (lead - ndim), batch, (size_t)ndim * sizeof *batch);
      for (int k = 0; k < lead - ndim; k++) batch[k] = 1;
      ndim = lead;
    }
    for (int k = 0; k < lead; k++) {
      int *at = &batch[ndim - lead + k], length = mx_shape_of(inputs[i])[k];
      if (*at != length && *at != 1 && length != 1) {
        mx_fail("[quantized_matmul] Shapes %s and %s cannot be broadcast.",
                mx_shape_text_of(inputs[0]), mx_shape_text_of(inputs[i]));
        return false;
      }
      if (*at == 1) *at = length;
    }
  }
  for (int i = 0; i < count; i++) {
    batch[ndim] = mx_dim(inputs[i], -2);
    batch[ndim + 1] = mx_dim(inputs[i], -1);
    inputs[i] = mx_broadcast_to(inputs[i], (mx_ints){batch, ndim + 2});
  }
  return true;
}

/* Checks a product's operands, casts them to the dtype it works in, and tells its columns; 0 after
 * mx_fail. */
static int check_product(const char *op, mx x, mx w, mx scales, mx biases, const char *mode,
                         const quantized_params *p, mx *in) {
  if (!x || !check_mode(op, mode) || !check_sizes(op, p->group_size, p->bits) ||
      !check_packed(op, w, scales, biases, p->group_size, p->bits))
    return 0;
  int wide = mx_dim(scales, -1) * p->group_size, tall = mx_dim(w, -2);
  int inner = p->transpose ? wide : tall, outer = p->transpose ? tall : wide;
  if (x->ndim < 1 || mx_dim(x, -1) != inner) {
    mx_fail("[%s] Last dimension of first input with shape (..., %d) does not match the "
            "expanded quantized matrix (%d, %d) computed from shape %s with group_size=%d, "
            "bits=%d and transpose=%s",
            op, x->ndim ? mx_dim(x, -1) : 0, inner, outer, mx_shape_text_of(w), p->group_size,
            p->bits, p->transpose ? "true" : "false");
    return 0;
  }
  mx_dtype dtype = mx_promote_types(x->dtype, mx_promote_types(scales->dtype, biases->dtype));
  if (!mx_is_subdtype(dtype, MX_KIND_FLOATING)) {
    mx_fail("[%s] Only real floating types are supported but x.dtype() == %s.", op,
            mx_dtype_name(x->dtype));
    return 0;
  }
  dtype = working_dtype(dtype);
  in[0] = mx_astype(x, dtype);
  in[1] = w;
  in[2] = mx_astype(scales, dtype);
  in[3] = mx_astype(biases, dtype);
  return outer;
}

mx mx_quantized_matmul_with(mx x, mx w, mx scales, mx biases, mx_quantized_matmul_args args) {
  quantized_params p = {
      .group_size = args.group_size, .bits = args.bits, .transpose = args.transpose};
  mx in[4];
  int outer = check_product("quantized_matmul", x, w, scales, biases, args.mode, &p, in);
  if (!outer) return NULL;
  bool vector = x->ndim == 1;
  if (vector) in[0] = mx_expand_dims(in[0], MX_INTS(0));
  if (w->ndim > 2 && !broadcast_batches(in, 4)) return NULL;
  int shape[MX_MAX_NDIM], ndim = in[0]->ndim;
  mx_copy_ints(shape, mx_shape_of(in[0]), ndim);
  shape[ndim - 1] = outer;
  mx y = mx_make_node(&quantized_matmul, &p, (mx_spec){in[0]->dtype, ndim, shape}, in, 4);
  return vector ? mx_squeeze(y, MX_INTS(-2)) : y;
}

/* ---- gather_qmm ---- */

/* Single rows that share a matrix and lie evenly apart become the rows of one product. */
static int64_t run_of(const uint32_t *left, const uint32_t *right, int64_t begin, int64_t count) {
  int64_t end = begin + 1;
  while (end < count && right[end] == right[begin] && left[end] == left[end - 1] + 1) end++;
  return end - begin;
}

static bool multiply_gathered(const quantized_params *p, const dense_inputs *d, const mx *in,
                              mx out) {
  const uint32_t *left = d->data[4], *right = d->data[5];
  int64_t m = mx_dim(in[0], -2), k = mx_dim(in[0], -1), n = mx_dim(out, -1);
  int64_t count = (int64_t)out->size / (m * n);
  size_t item = mx_dtype_size(out->dtype), matrices = (size_t)mx_matrix_count(in[1]);
  size_t packed = in[1]->size / matrices * 4, groups = in[2]->size / matrices * item;
  for (int64_t i = 0; i < count;) {
    int64_t run = m == 1 ? run_of(left, right, i, count) : 1;
    mx_qmm_product product = {.w = weights_of(p, in[1], in[2],
                                              (const char *)d->data[1] + right[i] * packed,
                                              (const char *)d->data[2] + right[i] * groups,
                                              (const char *)d->data[3] + right[i] * groups),
                              .x = (const char *)d->data[0] + (size_t)(left[i] * m * k) * item,
                              .out = out->data + (size_t)(i * m * n) * item,
                              .m = m * run,
                              .n = n,
                              .k = k,
                              .ldx = k,
                              .ldo = n,
                              .dtype = out->dtype,
                              .transpose = p->transpose};
    if (mx_qmm(&product)) return false;
    i += run;
  }
  return true;
}

static bool eval_gather_qmm(const mx_node *node, const mx *in, const mx *out) {
  dense_inputs d;
  int64_t size = (int64_t)in[4]->size;
  bool good = open_dense(&d, in, 6) && mx_out_alloc(out[0]) &&
              mx_check_indices("gather_qmm", d.data[4], size, mx_matrix_count(in[0])) &&
              mx_check_indices("gather_qmm", d.data[5], size, mx_matrix_count(in[1]));
  if (good && out[0]->size)
    good = multiply_gathered(MX_PARAMS(quantized_params, node), &d, in, out[0]);
  close_dense(&d);
  return good;
}

static bool refuse(const char *what) {
  mx_fail("[GatherQMM::vjp] %s", what);
  return false;
}

static bool vjp_gather_qmm(const mx_node *node, const mx *primals, const mx *cotangents,
                           const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)outputs;
  const quantized_params *p = MX_PARAMS(quantized_params, node);
  mx x = primals[0], w = primals[1], scales = primals[2], t = cotangents[0], grouped = NULL;
  for (int i = 0; i < count; i++) {
    if (argnums[i] == 1) return refuse("no gradient wrt the quantized weights.");
    if (argnums[i] > 3) return refuse("cannot compute the gradient wrt the indices.");
    if (argnums[i] == 0) {
      mx parts =
          mx_gather_qmm(t, w, scales, primals[3], .rhs_indices = primals[5],
                        .transpose = !p->transpose, .group_size = p->group_size, .bits = p->bits);
      vjps[i] = mx_gathered_pull(parts, primals[4], x);
      continue;
    }
    if (!grouped) {
      int shape[MX_MAX_NDIM];
      mx_copy_ints(shape, mx_shape_of(w), w->ndim);
      shape[w->ndim - 1] = mx_dim(scales, -1) * p->group_size;
      mx dw = mx_gathered_gradient(x, t, primals[4], primals[5], (mx_ints){shape, w->ndim},
                                   p->transpose);
      grouped = in_groups(dw, p->group_size);
    }
    vjps[i] = sum_groups(grouped, argnums[i] == 2 ? codes_of(p, w, scales) : NULL);
  }
  return !mx_error();
}

static bool jvp_gather_qmm(const mx_node *node, const mx *primals, const mx *tangents,
                           const int *argnums, int count, mx *jvps) {
  const quantized_params *p = MX_PARAMS(quantized_params, node);
  if (count != 1 || argnums[0] != 0) {
    mx_fail("[GatherQMM::jvp] No JVP wrt the quantized matrix or the indices.");
    return false;
  }
  jvps[0] = mx_gather_qmm(tangents[0], primals[1], primals[2], primals[3],
                          .lhs_indices = primals[4], .rhs_indices = primals[5],
                          .transpose = p->transpose, .group_size = p->group_size, .bits = p->bits);
  return jvps[0] != NULL;
}

static bool vmap_gather_qmm(const mx_node *node, const mx *in, const int *axes, mx *out,
                            int *out_axes) {
  const quantized_params *p = MX_PARAMS(quantized_params, node);
  int length = mx_batch_length(in, axes, 6);
  bool many = axes[1] >= 0 || axes[2] >= 0 || axes[3] >= 0;
  mx w[3] = {in[1], in[2], in[3]}, x = mx_batch_in_front(in[0], axes[0]);
  if (!x || (many && !batch_weights(in + 1, axes + 1, w))) return false;
  mx left = mx_batched_indices(in[4], axes[4], length, x, axes[0]);
  mx right = mx_batched_indices(in[5], axes[5], length, w[0], many ? 0 : -1);
  out[0] = mx_gather_qmm(x, w[0], w[1], w[2], .lhs_indices = left, .rhs_indices = right,
                         .transpose = p->transpose, .group_size = p->group_size, .bits = p->bits);
  out_axes[0] = 0;
  return out[0] != NULL;
}

static int gather_qmm_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  const quantized_params *p = MX_PARAMS(quantized_params, node);
  int ndim = in[4]->ndim;
  if (!check_packed("gather_qmm", in[1], in[2], in[3], p->group_size, p->bits)) return -1;
  if (!rows_fit(p, in[0], in[1], in[2]) || !mx_same_shape_but(in[4], in[5], -1))
    return mx_shapes_misfit(node, in);
  mx_copy_ints(shape, mx_shape_of(in[4]), ndim);
  shape[ndim] = mx_dim(in[0], -2);
  shape[ndim + 1] = p->transpose ? mx_dim(in[1], -2) : mx_dim(in[2], -1) * p->group_size;
  return ndim + 2;
}

static const mx_primitive gather_qmm = {.name = "GatherQMM",
                                        .params_size = sizeof(quantized_params),
                                        .eval = {eval_gather_qmm},
                                        .vjp = vjp_gather_qmm,
                                        .jvp = jvp_gather_qmm,
                                        .vmap = vmap_gather_qmm,
                                        .output_shape = gather_qmm_shape};

mx mx_gather_qmm_with(mx x, mx w, mx scales, mx biases, mx_gather_qmm_args args) {
  static const char op[] = "gather_qmm";
  if (!args.lhs_indices && !args.rhs_indices)
    return mx_quantized_matmul(x, w, scales, biases, .transpose = args.transpose,
                               .group_size = args.group_size, .bits = args.bits, .mode = args.mode);
  quantized_params p = {.group_size = args.group_size,
                        .bits = args.bits,
                        .transpose = args.transpose,
                        .left_sorted = args.sorted_indices && !args.rhs_indices,
                        .right_sorted = args.sorted_indices && !args.lhs_indices};
  mx in[6];
  int outer = check_product(op, x, w, scales, biases, args.mode, &p, in);
  if (!outer) return NULL;
  if (x->ndim < 2)
    return mx_fail("[%s] Non-quantized input must have at least two dimensions but got input with "
                   "shape %s.",
                   op, mx_shape_text_of(x));
  in[4] = mx_matrix_indices(op, args.lhs_indices, x);
  in[5] = mx_matrix_indices(op, args.rhs_indices, w);
  if (!in[4] || !in[5] || !mx_broadcast_pair(&in[4], &in[5])) return NULL;
  int shape[MX_MAX_NDIM], ndim = in[4]->ndim;
  mx_copy_ints(shape, mx_shape_of(in[4]), ndim);
  shape[ndim] = mx_dim(x, -2);
  shape[ndim + 1] = outer;
  return mx_make_node(&gather_qmm, &p, (mx_spec){in[0]->dtype, ndim + 2, shape}, in, 6);
}

/* ---- In MLX's files ---- */

static void visit_sizes(mx_state *s, quantized_params *p) {
  mx_state_int(s, &p->group_size);
  mx_state_int(s, &p->bits);
}

/* Only affine quantisation, MLX's mode 0, is known here. */
static bool visit_mode(mx_state *s) {
  int mode = 0;
  mx_state_int(s, &mode);
  return mode == 0;
}

static const mx_codec *visit_quantize(mx_state *s, const mx_codec *codec, void *params) {
  visit_sizes(s, params);
  return visit_mode(s) ? mx_state_flag(s, codec) : NULL;
}

static bool build_quantize(const mx_build *b) {
  const quantized_params *p = b->params;
  if (b->count != 1 || b->outputs != 3) return false;
  mx_quantized q = mx_quantize(b->in[0], .group_size = p->group_size, .bits = p->bits);
  b->out[0] = q.weight, b->out[1] = q.scales, b->out[2] = q.biases;
  return q.weight != NULL;
}

static bool build_dequantize(const mx_build *b) {
  const quantized_params *p = b->params;
  return MX_BUILT(
      b, 3,
      mx_dequantize(b->in[0], b->in[1], b->in[2], .group_size = p->group_size, .bits = p->bits));
}

static const mx_codec *visit_product(mx_state *s, const mx_codec *codec, void *params) {
  quantized_params *p = params;
  visit_sizes(s, p);
  if (!visit_mode(s)) return NULL;
  mx_state_bool(s, &p->transpose);
  return codec;
}

static bool build_quantized_matmul(const mx_build *b) {
  const quantized_params *p = b->params;
  return MX_BUILT(b, 4,
                  mx_quantized_matmul(b->in[0], b->in[1], b->in[2], b->in[3],
                                      .transpose = p->transpose, .group_size = p->group_size,
                                      .bits = p->bits));
}

static const mx_codec *visit_gathered(mx_state *s, const mx_codec *codec, void *params) {
  quantized_params *p = params;
  codec = visit_product(s, codec, params);
  mx_state_bool(s, &p->left_sorted);
  mx_state_bool(s, &p->right_sorted);
  return codec;
}

static bool build_gather_qmm(const mx_build *b) {
  const quantized_params *p = b->params;
  return MX_BUILT(b, 6,
                  mx_gather_qmm(b->in[0], b->in[1], b->in[2], b->in[3], .lhs_indices = b->in[4],
                                .rhs_indices = b->in[5], .transpose = p->transpose,
                                .group_size = p->group_size, .bits = p->bits,
                                .sorted_indices = p->right_sorted));
}

#define CLASS(shown, it, visitor, which) \
  { .name = shown, .primitive = &it, .variant = which, .visit = visitor, .build = build_##it }
const mx_codec mx_quantize_codecs[] = {
    CLASS("Quantize", quantize, visit_quantize, false),
    CLASS("Quantize", dequantize, visit_quantize, true),
    CLASS("QuantizedMatmul", quantized_matmul, visit_product, 0),
    CLASS("GatherQMM", gather_qmm, visit_gathered, 0),
    {0},
};
