/* Arrays made from nothing but numbers. */
#include "mlx/mx/create.h"
#include "base/half.h"
#include "drivers/copy.h"
#include "mlx/mx/cast.h"
#include "ops/codecs.h"
#include "ops/rules.h"

#include <limits.h>
#include <math.h>

static bool eval_full(const mx_node *node, const mx *in, const mx *out) {
  (void)node;
  if (!mx_out_alloc(out[0])) return false;
  mx_copy_row_major(out[0]->data, in[0]);
  return true;
}

static mx make_full(mx values);

/* The values have been broadcast already. */
static bool vjp_full(const mx_node *node, const mx *primals, const mx *cotangents,
                     const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)node, (void)primals, (void)argnums, (void)count, (void)outputs;
  return (vjps[0] = cotangents[0]) != NULL;
}

MX_LINEAR_JVP(jvp_full, t)

static bool vmap_full(const mx_node *node, const mx *in, const int *axes, mx *out, int *out_axes) {
  (void)node;
  out_axes[0] = axes[0];
  return (out[0] = make_full(in[0])) != NULL;
}

static const mx_primitive full = {.name = "Full",
                                  .eval = {eval_full},
                                  .vjp = vjp_full,
                                  .jvp = jvp_full,
                                  .vmap = vmap_full,
                                  .output_shape = mx_shape_of_first};

static mx make_full(mx values) {
  return values ? mx_make(&full, NULL, mx_spec_like(values, values->dtype), values) : NULL;
}

mx mx_full(mx_ints shape, mx value, mx_dtype dtype) {
  for (int i = 0; i < shape.size; i++)
    if (shape.data[i] < 0) return mx_fail("[full] Negative dimensions not allowed.");
  return make_full(mx_broadcast_to(mx_astype(value, dtype), shape));
}

mx mx_full_like(mx a, mx value, mx_dtype dtype) {
  mx both[2] = {a, mx_astype(value, dtype)};
  return mx_broadcast_arrays(both, 2, both) ? make_full(both[1]) : NULL;
}

mx mx_zeros(mx_ints shape, mx_dtype dtype) { return mx_full(shape, mx_scalar(0, dtype), dtype); }
mx mx_ones(mx_ints shape, mx_dtype dtype) { return mx_full(shape, mx_scalar(1, dtype), dtype); }
mx mx_zeros_like(mx a) { return a ? mx_full_like(a, mx_scalar(0, a->dtype), a->dtype) : NULL; }
mx mx_ones_like(mx a) { return a ? mx_full_like(a, mx_scalar(1, a->dtype), a->dtype) : NULL; }

/* ---- arange ---- */

typedef struct {
  double start, stop, step;
} arange_params;

/* As the reference does: start and step are rounded to the dtype first, then element i is
 * start + i * step in the dtype's arithmetic. */
#define FILL(type, from_double, wide, round)                                         \
  do {                                                                               \
    type *to = (type *)out[0]->data;                                                 \
    wide start = from_double(p->start);                                              \
    wide step = from_double(p->start + p->step) - start;                             \
    for (size_t i = 0; i < out[0]->size; i++) to[i] = round(start + (wide)i * step); \
  } while (0)

#define PLAIN(x) (x)
#define WHOLE(x) ((int64_t)(x))
#define HALF(x) mx_f16_to_f32(mx_f32_to_f16((float)(x)))
#define BRAIN(x) mx_bf16_to_f32(mx_f32_to_bf16((float)(x)))

static bool eval_arange(const mx_node *node, const mx *in, const mx *out) {
  (void)in;
  const arange_params *p = MX_PARAMS(arange_params, node);
  if (!mx_out_alloc(out[0])) return false;
  switch ((mx_dtype)out[0]->dtype) {
  case MX_UINT8:
  case MX_INT8: FILL(uint8_t, WHOLE, int64_t, (uint8_t)); break;
  case MX_UINT16:
  case MX_INT16: FILL(uint16_t, WHOLE, int64_t, (uint16_t)); break;
  case MX_UINT32:
  case MX_INT32: FILL(uint32_t, WHOLE, int64_t, (uint32_t)); break;
  case MX_UINT64:
  case MX_INT64: FILL(int64_t, WHOLE, int64_t, PLAIN); break;
  case MX_FLOAT16: FILL(mx_f16, HALF, float, mx_f32_to_f16); break;
  case MX_BFLOAT16: FILL(mx_bf16, BRAIN, float, mx_f32_to_bf16); break;
  case MX_FLOAT32: FILL(float, (float), float, PLAIN); break;
  case MX_FLOAT64: FILL(double, PLAIN, double, PLAIN); break;
  case MX_COMPLEX64:
    for (size_t i = 0; i < out[0]->size; i++)
      ((mx_complex64 *)out[0]->data)[i] =
          (mx_complex64){(float)(p->start + (double)i * p->step), 0};
    break;
  default: mx_fail("[arange] %s not supported.", mx_dtype_name(out[0]->dtype)); return false;
  }
  return true;
}

/* -1 where there is no such length. */
static double arange_length(const arange_params *p) {
  double length = ceil((p->stop - p->start) / p->step);
  return length > INT_MAX ? -1 : length > 0 ? length : 0;
}

static int arange_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)in, (void)output;
  shape[0] = (int)arange_length(MX_PARAMS(arange_params, node));
  return 1;
}

/* Without inputs there is nothing to derive by, or to map over. */
static const mx_primitive arange = {.name = "Arange",
                                    .params_size = sizeof(arange_params),
                                    .eval = {eval_arange},
                                    .output_shape = arange_shape};

mx mx_arange(double start, double stop, double step, mx_dtype dtype) {
  if (dtype == MX_BOOL) return mx_fail("bool not supported for arange.");
  if (isnan(start) || isnan(stop) || isnan(step) || isinf(start) || isinf(stop))
    return mx_fail("[arange] Cannot compute length.");
  if (isinf(step) && (step > 0 ? start < stop : start > stop))
    return mx_reshape(mx_scalar(start, dtype), MX_INTS(1));
  arange_params p = {start, stop, step};
  double length = arange_length(&p);
  if (length < 0) return mx_fail("[arange] Maximum size exceeded.");
  int shape[1] = {(int)length};
  return mx_make_node(&arange, &p, (mx_spec){dtype, 1, shape}, NULL, 0);
}

/* ---- In MLX's files ---- */

static bool build_full(const mx_build *b) {
  mx a = b->count ? b->in[0] : NULL;
  return a && MX_BUILT(b, 1, mx_full((mx_ints){mx_shape_of(a), a->ndim}, a, b->dtype));
}

static const mx_codec *visit_arange(mx_state *s, const mx_codec *codec, void *params) {
  arange_params *p = params;
  mx_state_double(s, &p->start);
  mx_state_double(s, &p->stop);
  mx_state_double(s, &p->step);
  return codec;
}

static bool build_arange(const mx_build *b) {
  const arange_params *p = b->params;
  return MX_BUILT(b, 0, mx_arange(p->start, p->stop, p->step, b->dtype));
}

const mx_codec mx_create_codecs[] = {
    {.name = "Full", .primitive = &full, .build = build_full},
    {.name = "Arange", .primitive = &arange, .visit = visit_arange, .build = build_arange},
    {0},
};
