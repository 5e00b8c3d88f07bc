/* Rotary position embedding. */
#include "drivers/rope.h"
#include "drivers/copy.h"
#include "mlx/mx/cast.h"
#include "mlx/mx/fast.h"
#include "ops/ops.h"

#include <stdlib.h>

typedef struct {
  int dims;
  bool traditional, freqs;
  float base, scale;
} rope_params;

/* x as [batch, heads, tokens, features], whatever the number of its middle axes; false where its
 * strides cannot say that, or its features are not side by side. */
static bool four_axes(mx x, int64_t *shape, int64_t *strides) {
  const int *s = mx_shape_of(x);
  const int64_t *t = mx_strides_of(x);
  int n = x->ndim;
  shape[0] = s[0], shape[1] = 1, shape[2] = s[n - 2], shape[3] = s[n - 1];
  strides[0] = t[0], strides[1] = 0, strides[2] = t[n - 2], strides[3] = t[n - 1];
  for (int i = n - 3; i > 0; i--) {
    if (s[i] == 1) continue;
    if (shape[1] == 1)
      strides[1] = t[i];
    else if (t[i] != strides[1] * shape[1])
      return false;
    shape[1] *= s[i];
  }
  return shape[3] == 1 || strides[3] == 1;
}

static bool eval_rope(const mx_node *node, const mx *in, const mx *out) {
  const rope_params *p = MX_PARAMS(rope_params, node);
  mx_rope rope = {.dtype = in[0]->dtype,
                  .dims = p->dims,
                  .traditional = p->traditional,
                  .forward = true,
                  .base = p->base,
                  .scale = p->scale};
  mx x = in[0];
  if (!four_axes(x, rope.shape, rope.strides)) {
    x = mx_scope_own(mx_array_alloc(x->dtype, mx_shape_of(x), x->ndim));
    if (!x || !mx_out_alloc(x)) return false;
    mx_copy_row_major(x->data, in[0]);
    four_axes(x, rope.shape, rope.strides);
  }
  if (!mx_out_donate(out[0], in[0]) && !mx_out_alloc(out[0])) return false;
  size_t count = in[1]->size;
  float few[16], *offsets = count <= 16 ? few : malloc(count * sizeof *offsets);
  if (!offsets) {
    mx_fail("[rope] no memory for %zu offsets", count);
    return false;
  }
  int64_t one = 1;
  int length = (int)count;
  const int64_t *step = in[1]->ndim ? mx_strides_of(in[1]) : &one;
  mx_copy_strided(offsets, MX_FLOAT32, &one, in[1]->data, in[1]->dtype, step, &length, 1);
  rope.x = x->data;
  rope.out = out[0]->data;
  rope.offsets = offsets;
  rope.offset_count = (int64_t)count;
  if (p->freqs) {
    rope.wavelengths = (const float *)in[2]->data;
    rope.wavelength_step = mx_strides_of(in[2])[0];
  }
  bool good = !x->size || mx_rope_run(&rope);
  if (offsets != few) free(offsets);
  return good;
}

static const mx_primitive rope = {
    .name = "RoPE", .params_size = sizeof(rope_params), .eval = {eval_rope}};

mx mx_fast_rope_with(mx x, int dims, mx_fast_rope_args args) {
  if (!x) return NULL;
  mx offset = args.offsets ? args.offsets : mx_int(args.offset);
  if (!offset) return NULL;
  if (x->ndim < 3)
    return mx_fail("[rope] Input must have at least 3 dimensions but got input with %d dimensions.",
                   x->ndim);
  if (!mx_is_subdtype(x->dtype, MX_KIND_FLOATING))
    return mx_fail("[rope] Input must be a floating type but got %s.", mx_dtype_name(x->dtype));
  if (offset->ndim > 1)
    return mx_fail("[rope] offset must have at most one dimension but has shape %s.",
                   mx_shape_text_of(offset));
  if (offset->size != 1 && (int)offset->size != mx_dim(x, 0))
    return mx_fail("[rope] offset must be a scalar or vector with %d elements but has shape %s.",
                   mx_dim(x, 0), mx_shape_text_of(offset));
  if (!mx_is_subdtype(offset->dtype, MX_KIND_INTEGER))
    return mx_fail("[rope] offset must be an integer but got type %s.",
                   mx_dtype_name(offset->dtype));
  if (dims < 2 || dims % 2 || dims > mx_dim(x, -1))
    return mx_fail("[rope] cannot rotate %d of %d features", dims, mx_dim(x, -1));
  if (args.freqs && (args.freqs->ndim != 1 || mx_dim(args.freqs, 0) != dims / 2))
    return mx_fail("[rope] freqs must be one dimensional with size %d but got shape %s.", dims / 2,
                   mx_shape_text_of(args.freqs));
  rope_params p = {.dims = dims,
                   .traditional = args.traditional,
                   .freqs = args.freqs != NULL,
                   .base = args.base,
                   .scale = args.scale};
  mx in[3] = {x, offset, args.freqs ? mx_astype(args.freqs, MX_FLOAT32) : NULL};
  return mx_make_node(&rope, &p, mx_spec_like(x, x->dtype), in, args.freqs ? 3 : 2);
}
