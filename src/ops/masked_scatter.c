/* Stores in order where a mask holds. */
#include "drivers/index.h"
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "mlx/mx/elementwise.h"
#include "mlx/mx/index.h"
#include "mlx/mx/reduce.h"
#include "ops/index.h"
#include "ops/codecs.h"
#include "ops/rules.h"

#include <string.h>

/* ---- masked scatter: the array, the mask and the values, each with a leading batch axis ---- */

static bool eval_masked_scatter(const mx_node *node, const mx *in, const mx *out) {
  (void)node;
  mx_buffer *temporary;
  if (!mx_out_scattered(out[0], in[0])) return false;
  if (!out[0]->size) return true;
  const void *values = mx_row_major_data(in[2], &temporary);
  if (!values && in[2]->size) return false;
  int status = mx_drive_masked_scatter(out[0]->dtype, out[0]->data, out[0]->ndim,
                                       mx_shape_of(out[0]), in[1]->data, mx_strides_of(in[1]),
                                       values, (int64_t)in[2]->size / mx_shape_of(in[0])[0]);
  mx_buffer_release(temporary);
  return status == 0;
}

/* Where each place's value lies among the slice's values (what is not masked counts on), and rows
 * of places. */
static mx value_numbers(mx mask) {
  return mx_cumsum(mx_astype(mx_flatten(mask, 1, -1), MX_INT32), .axis = 1, .inclusive = false);
}

static mx pull_values(mx mask, mx values, mx cotangent) {
  mx pulled = mx_flatten(mx_zeros_like(values), 1, -1);
  if (!cotangent->size || !values->size) return mx_zeros_like(values);
  mx seen = mx_where(mask, cotangent, mx_scalar(0, cotangent->dtype));
  pulled = mx_scatter_add_axis(pulled, value_numbers(mask), mx_flatten(seen, 1, -1), 1);
  return mx_reshape(pulled, (mx_ints){mx_shape_of(values), values->ndim});
}

static bool vjp_masked(const mx_node *node, const mx *primals, const mx *cotangents,
                       const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)node, (void)outputs;
  mx c = cotangents[0];
  for (int i = 0; i < count; i++) {
    if (argnums[i] == 0)
      vjps[i] = mx_where(primals[1], mx_scalar(0, c->dtype), c);
    else if (argnums[i] == 2)
      vjps[i] = pull_values(primals[1], primals[2], c);
    else
      vjps[i] = mx_fail("[masked_scatter] Cannot calculate VJP with respect to mask.");
    if (!vjps[i]) return false;
  }
  return true;
}

static mx make_masked(mx a, mx mask, mx values);

static bool jvp_masked(const mx_node *node, const mx *primals, const mx *tangents,
                       const int *argnums, int count, mx *jvps) {
  (void)node;
  if (mx_argument(argnums, count, 1) >= 0) {
    mx_fail("[masked_scatter] invalid arg index in JVP");
    return false;
  }
  mx t = mx_tangent_of(primals, tangents, argnums, count, 0);
  mx u = mx_tangent_of(primals, tangents, argnums, count, 2);
  return (jvps[0] = make_masked(t, primals[1], u)) != NULL;
}

/* The batch axis joins the one that is there. */
static bool vmap_masked(const mx_node *node, const mx *in, const int *axes, mx *out,
                        int *out_axes) {
  (void)node;
  int length = mx_batch_length(in, axes, 3), rows = mx_shape_of(node->inputs[0])[0];
  mx joined[3];
  for (int i = 0; i < 3; i++) {
    mx a = mx_batched(in[i], axes[i], length);
    if (!(joined[i] = mx_flatten(a, 0, 1))) return false;
  }
  out_axes[0] = 0;
  out[0] = mx_unflatten(make_masked(joined[0], joined[1], joined[2]), 0, MX_INTS(length, rows));
  return out[0] != NULL;
}

static int masked_shape(const mx_node *node, const mx *in, int output, int *shape) {
  if (!mx_same_shape_but(in[0], in[1], -1) || mx_dim(in[0], 0) != mx_dim(in[2], 0))
    return mx_shapes_misfit(node, in);
  return mx_shape_of_first(node, in, output, shape);
}

static const mx_primitive masked_scatter = {.name = "MaskedScatter",
                                            .eval = {eval_masked_scatter},
                                            .vjp = vjp_masked,
                                            .jvp = jvp_masked,
                                            .vmap = vmap_masked,
                                            .output_shape = masked_shape};

static mx make_masked(mx a, mx mask, mx values) {
  return a ? mx_make(&masked_scatter, NULL, mx_spec_like(a, a->dtype), a, mask, values) : NULL;
}

/* value broadcast to [masked places, a's axes that the mask lacks]; a first axis of its own stays.
 */
static mx masked_values(mx a, mx mask, mx value) {
  int ndim = a->ndim - mask->ndim + 1, shape[MX_MAX_NDIM + 1];
  for (int i = 1; i < ndim; i++) shape[i] = mx_shape_of(a)[mask->ndim + i - 1];
  shape[0] = value->ndim == ndim ? mx_shape_of(value)[0] : (int)mask->size;
  return mx_broadcast_to(value, (mx_ints){shape, ndim});
}

mx mx_masked_scatter(mx a, mx mask, mx value) {
  if (!a || !mask || !value) return NULL;
  if (mask->dtype != MX_BOOL) return mx_fail("[masked_scatter] The mask has to be boolean.");
  if (mask->ndim > a->ndim)
    return mx_fail("[masked_scatter] The mask cannot have more dimensions than the target.");
  int unmasked = a->ndim - mask->ndim, shape[MX_MAX_NDIM];
  if (value->ndim > unmasked + 1)
    return mx_fail("[masked_scatter] Value array shape must be broadcastable with the last %d "
                   "dimensions of the input.",
                   unmasked);
  if (mask->ndim && memcmp(mx_shape_of(mask), mx_shape_of(a), (size_t)mask->ndim * sizeof(int)))
    return mx_fail("[masked_scatter] The boolean mask should have the same shape as the beginning "
                   "of the indexed array but the mask has shape %s and the array has shape %s",
                   mx_shape_text_of(mask), mx_shape_text_of(a));
  for (int i = 0; i < a->ndim; i++) shape[i] = i < mask->ndim ? mx_shape_of(mask)[i] : 1;
  mx wide = mx_broadcast_to(mx_reshape(mask, (mx_ints){shape, a->ndim}),
                            (mx_ints){mx_shape_of(a), a->ndim});
  mx inputs[3] = {a, wide, masked_values(a, mask, mx_astype(value, a->dtype))};
  for (int i = 0; i < 3; i++)
    if (!(inputs[i] = mx_expand_dims(inputs[i], MX_INTS(0)))) return NULL;
  return mx_squeeze(make_masked(inputs[0], inputs[1], inputs[2]), MX_INTS(0));
}

/* ---- In MLX's files ---- */

/* All three have a batch axis in front, and the mask all axes of the array. */
static bool build_masked_scatter(const mx_build *b) {
  if (b->count != 3) return false;
  mx a = b->in[0], mask = b->in[1], values = b->in[2];
  bool fits = a->ndim && values->ndim && mask->ndim == a->ndim && mask->dtype == MX_BOOL &&
              values->dtype == a->dtype && mx_shape_of(values)[0] == mx_shape_of(a)[0] &&
              mx_same_shape(mx_shape_of(a), mx_shape_of(mask), a->ndim);
  return fits && MX_BUILT(b, 3, make_masked(a, mask, values));
}

const mx_codec mx_masked_scatter_codecs[] = {
    {.name = "MaskedScatter", .primitive = &masked_scatter, .build = build_masked_scatter},
    {0},
};
