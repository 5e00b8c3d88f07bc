/* Arrays made from nothing but numbers. */
#include "mlx/mx/create.h"
#include "base/half.h"
#include "drivers/copy.h"
#include "mlx/mx/cast.h"
#include "ops/codecs.h"
#include "ops/ops.h"

#include <limits.h>
#include <math.h>

static bool eval_full(const mx_node *node, const mx *in, const mx *out) {
  (void)node;
  if (!mx_out_alloc(out[0])) return false;
  mx_copy_row_major(out[0]->data, in[0]);
  return true;
}

static const mx_primitive full = {.name = "Full", .eval = {eval_full}};

mx mx_full(mx_ints shape, mx value, mx_dtype dtype) {
  for (int i = 0; i < shape.size; i++)
    if (shape.data[i] < 0) return mx_fail("[full] Negative dimensions not allowed.");
  mx cast = mx_astype(value, dtype);
  return mx_make(&full, NULL, ((mx_spec){dtype, shape.size, shape.data}),
                 mx_broadcast_to(cast, shape));
}

mx mx_full_like(mx a, mx value, mx_dtype dtype) {
  return a ? mx_full((mx_ints){mx_shape_of(a), a->ndim}, value, dtype) : NULL;
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

static const mx_primitive arange = {
    .name = "Arange", .params_size = sizeof(arange_params), .eval = {eval_arange}};

mx mx_arange(double start, double stop, double step, mx_dtype dtype) {
  if (dtype == MX_BOOL) return mx_fail("bool not supported for arange.");
  if (isnan(start) || isnan(stop) || isnan(step) || isinf(start) || isinf(stop))
    return mx_fail("[arange] Cannot compute length.");
  if (isinf(step) && (step > 0 ? start < stop : start > stop))
    return mx_reshape(mx_scalar(start, dtype), MX_INTS(1));
  double length = ceil((stop - start) / step);
  if (length > INT_MAX) return mx_fail("[arange] Maximum size exceeded.");
  int shape[1] = {length > 0 ? (int)length : 0};
  arange_params p = {start, stop, step};
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
