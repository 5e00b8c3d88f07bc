/* Running sums, products, extremes and log-sum-exps. */
#include "drivers/scan.h"
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "mlx/mx/elementwise.h"
#include "mlx/mx/index.h"
#include "mlx/mx/reduce.h"
#include "ops/codecs.h"
#include "ops/rules.h"

#include <float.h>

typedef struct {
  int axis;
  bool reverse, inclusive;
} scan_params;

static const mx_primitive scans[MX_SCAN_KINDS];

static bool eval_scan(const mx_node *node, const mx *in, const mx *out) {
  const scan_params *p = MX_PARAMS(scan_params, node);
  if (!mx_out_alloc(out[0])) return false;
  mx_drive_scan((mx_scan_kind)(node->primitive - scans), in[0]->dtype, in[0]->data, in[0]->ndim,
                mx_shape_of(in[0]), mx_strides_of(in[0]), p->axis, p->reverse, p->inclusive,
                out[0]->data);
  return true;
}

/* ---- Rules ---- */

static mx make_scan(mx_scan_kind kind, const scan_params *p, mx a) {
  if (!a) return NULL;
  mx_dtype dtype = kind == MX_SCAN_SUM && a->dtype == MX_BOOL ? MX_INT32 : (mx_dtype)a->dtype;
  return mx_make(scans + kind, p, mx_spec_like(a, dtype), a);
}

static mx number(double value, mx like) { return mx_scalar(value, like->dtype); }

/* Sums over all that a place is summed into: the transposed sum. */
static mx sum_back(const scan_params *p, mx a) {
  scan_params back = {p->axis, !p->reverse, p->inclusive};
  return make_scan(MX_SCAN_SUM, &back, a);
}

static mx sum_on(const scan_params *p, mx a) { return make_scan(MX_SCAN_SUM, p, a); }

static mx vjp_sum(const scan_params *p, mx x, mx y, mx t) {
  (void)x, (void)y;
  return sum_back(p, t);
}
static mx jvp_sum(const scan_params *p, mx x, mx y, mx t) {
  (void)x, (void)y;
  return sum_on(p, t);
}

/* A running product without its zeros, and how many of them it holds: with none it changes with
 * each factor, with one only with that one, with more not at all. */
typedef struct {
  mx is_zero, factors, product, none, one;
} zeros_apart;

static zeros_apart set_zeros_apart(const scan_params *p, mx x) {
  zeros_apart z = {.is_zero = mx_equal(x, number(0, x))};
  mx zeros = sum_on(p, z.is_zero);
  z.factors = mx_where(z.is_zero, number(1, x), x);
  z.product = make_scan(MX_SCAN_PROD, p, z.factors);
  z.none = mx_equal(zeros, mx_int(0));
  z.one = mx_equal(zeros, mx_int(1));
  return z;
}

static mx vjp_prod(const scan_params *p, mx x, mx y, mx t) {
  (void)y;
  zeros_apart z = set_zeros_apart(p, x);
  mx term = mx_multiply(z.product, t), zero = number(0, t);
  mx by_zeros = sum_back(p, mx_where(z.one, term, zero));
  mx by_others = mx_divide(sum_back(p, mx_where(z.none, term, zero)), z.factors);
  return mx_where(z.is_zero, by_zeros, by_others);
}

static mx jvp_prod(const scan_params *p, mx x, mx y, mx t) {
  (void)y;
  zeros_apart z = set_zeros_apart(p, x);
  mx zero = number(0, t);
  mx by_zeros = sum_on(p, mx_where(z.is_zero, t, zero));
  mx by_others = sum_on(p, mx_where(z.is_zero, zero, mx_divide(t, z.factors)));
  return mx_multiply(z.product, mx_where(z.none, by_others, mx_where(z.one, by_zeros, zero)));
}

/* Where each place's extreme comes from: the latest that has it. `named` becomes false where there
 * is none, at the start of an exclusive scan. */
static mx origin_of(mx_scan_kind kind, const scan_params *p, mx x, mx *named) {
  int shape[MX_MAX_NDIM], length = mx_shape_of(x)[p->axis];
  for (int i = 0; i < x->ndim; i++) shape[i] = i == p->axis ? length : 1;
  mx places = mx_reshape(mx_arange(0, length, 1, MX_INT32), (mx_ints){shape, x->ndim});
  mx start = mx_int(p->reverse ? length - 1 : 0);
  scan_params inclusive = {p->axis, p->reverse, true};
  mx hit = mx_equal(x, make_scan(kind, &inclusive, x));
  mx at = make_scan(p->reverse ? MX_SCAN_MIN : MX_SCAN_MAX, p, mx_where(hit, places, start));
  *named = p->inclusive ? mx_bool(true) : mx_not_equal(places, start);
  return mx_stop_gradient(mx_where(*named, at, start));
}

static mx vjp_extreme(mx_scan_kind kind, const scan_params *p, mx x, mx t) {
  mx named, at = origin_of(kind, p, x, &named), zero = number(0, t);
  return mx_scatter_add_axis(mx_zeros_like(t), at, mx_where(named, t, zero), p->axis);
}
static mx jvp_extreme(mx_scan_kind kind, const scan_params *p, mx x, mx t) {
  mx named, at = origin_of(kind, p, x, &named), zero = number(0, t);
  return mx_where(named, mx_take_along_axis(t, at, .axis = p->axis), zero);
}
static mx vjp_max(const scan_params *p, mx x, mx y, mx t) {
  (void)y;
  return vjp_extreme(MX_SCAN_MAX, p, x, t);
}
static mx jvp_max(const scan_params *p, mx x, mx y, mx t) {
  (void)y;
  return jvp_extreme(MX_SCAN_MAX, p, x, t);
}
static mx vjp_min(const scan_params *p, mx x, mx y, mx t) {
  (void)y;
  return vjp_extreme(MX_SCAN_MIN, p, x, t);
}
static mx jvp_min(const scan_params *p, mx x, mx y, mx t) {
  (void)y;
  return jvp_extreme(MX_SCAN_MIN, p, x, t);
}

static double least(mx_dtype dtype) {
  return dtype == MX_FLOAT64 ? -DBL_MAX : dtype == MX_FLOAT16 ? -65504 : -3.38e38;
}

/* log of the positive, or of the negated negative, part of t; the least number where it is 0. */
static mx log_part(mx t, bool positive) {
  mx zero = number(0, t);
  mx there = positive ? mx_greater(t, zero) : mx_less(t, zero);
  return mx_where(there, mx_log(mx_abs(t)), number(least(t->dtype), t));
}

/* Weighted sums of e^x in logarithms, the positive weights and the negative ones apart. */
static mx vjp_logaddexp(const scan_params *p, mx x, mx y, mx t) {
  scan_params back = {p->axis, !p->reverse, p->inclusive};
  mx parts[2];
  for (int i = 0; i < 2; i++) {
    mx sums = make_scan(MX_SCAN_LOGADDEXP, &back, mx_subtract(log_part(t, i == 0), y));
    parts[i] = mx_exp(mx_add(sums, x));
  }
  return mx_subtract(parts[0], parts[1]);
}

static mx jvp_logaddexp(const scan_params *p, mx x, mx y, mx t) {
  mx parts[2];
  for (int i = 0; i < 2; i++) {
    mx sums = make_scan(MX_SCAN_LOGADDEXP, p, mx_add(log_part(t, i == 0), x));
    parts[i] = mx_exp(mx_subtract(sums, y));
  }
  return mx_where(mx_isneginf(y), number(0, t), mx_subtract(parts[0], parts[1]));
}

typedef mx (*scan_rule)(const scan_params *p, mx x, mx y, mx t);
static const scan_rule pulls[MX_SCAN_KINDS] = {[MX_SCAN_MAX] = vjp_max,
                                               [MX_SCAN_MIN] = vjp_min,
                                               [MX_SCAN_SUM] = vjp_sum,
                                               [MX_SCAN_PROD] = vjp_prod,
                                               [MX_SCAN_LOGADDEXP] = vjp_logaddexp};
static const scan_rule pushes[MX_SCAN_KINDS] = {[MX_SCAN_MAX] = jvp_max,
                                                [MX_SCAN_MIN] = jvp_min,
                                                [MX_SCAN_SUM] = jvp_sum,
                                                [MX_SCAN_PROD] = jvp_prod,
                                                [MX_SCAN_LOGADDEXP] = jvp_logaddexp};

static bool vjp_scan(const mx_node *node, const mx *primals, const mx *cotangents,
                     const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)argnums, (void)count;
  vjps[0] = pulls[node->primitive - scans](MX_PARAMS(scan_params, node), primals[0], outputs[0],
                                           cotangents[0]);
  return vjps[0] != NULL;
}

static bool jvp_scan(const mx_node *node, const mx *primals, const mx *tangents, const int *argnums,
                     int count, mx *jvps) {
  (void)argnums, (void)count;
  const scan_params *p = MX_PARAMS(scan_params, node);
  mx_scan_kind kind = (mx_scan_kind)(node->primitive - scans);
  mx y = kind == MX_SCAN_LOGADDEXP ? make_scan(kind, p, primals[0]) : NULL;
  return (jvps[0] = pushes[kind](p, primals[0], y, tangents[0])) != NULL;
}

static bool vmap_scan(const mx_node *node, const mx *in, const int *axes, mx *out, int *out_axes) {
  scan_params p = *MX_PARAMS(scan_params, node);
  p.axis = mx_axis_in_batch(p.axis, axes[0]);
  out_axes[0] = axes[0];
  return (out[0] = make_scan((mx_scan_kind)(node->primitive - scans), &p, in[0])) != NULL;
}

#define SCAN(NAME)                                                                          \
  {                                                                                         \
    .name = NAME, .params_size = sizeof(scan_params), .eval = {eval_scan}, .vjp = vjp_scan, \
    .jvp = jvp_scan, .vmap = vmap_scan, .output_shape = mx_shape_of_first                   \
  }
static const mx_primitive scans[MX_SCAN_KINDS] = {[MX_SCAN_MAX] = SCAN("CumMax"),
                                                  [MX_SCAN_MIN] = SCAN("CumMin"),
                                                  [MX_SCAN_SUM] = SCAN("CumSum"),
                                                  [MX_SCAN_PROD] = SCAN("CumProd"),
                                                  [MX_SCAN_LOGADDEXP] = SCAN("CumLogAddExp")};

static mx scan(mx a, mx_scan_kind kind, const char *op, mx_scan_args args) {
  if (!a) return NULL;
  if (args.axis == MX_NO_AXIS) {
    args.axis = 0;
    return scan(mx_flatten(a, 0, -1), kind, op, args);
  }
  int axis = args.axis + (args.axis < 0 ? a->ndim : 0);
  if (axis < 0 || axis >= a->ndim)
    return mx_fail("[%s] Axis %d is out of bounds for array with %d dimensions.", op, args.axis,
                   a->ndim);
  scan_params p = {0};
  p.axis = axis, p.reverse = args.reverse, p.inclusive = args.inclusive;
  return make_scan(kind, &p, a);
}

mx mx_cumsum_with(mx a, mx_scan_args args) { return scan(a, MX_SCAN_SUM, "cumsum", args); }
mx mx_cumprod_with(mx a, mx_scan_args args) { return scan(a, MX_SCAN_PROD, "cumprod", args); }
mx mx_cummax_with(mx a, mx_scan_args args) { return scan(a, MX_SCAN_MAX, "cummax", args); }
mx mx_cummin_with(mx a, mx_scan_args args) { return scan(a, MX_SCAN_MIN, "cummin", args); }
mx mx_logcumsumexp_with(mx a, mx_scan_args args) {
  return scan(a, MX_SCAN_LOGADDEXP, "logcumsumexp", args);
}

/* ---- In MLX's files ---- */

static const mx_codec *visit(mx_state *s, const mx_codec *codec, void *params) {
  scan_params *p = params;
  codec = mx_state_variant(s, codec);
  mx_state_int(s, &p->axis);
  mx_state_bool(s, &p->reverse);
  mx_state_bool(s, &p->inclusive);
  return codec;
}

/* Kind, MLX's number of it, constructor. */
#define CLASSES(C)            \
  C(MX_SCAN_MAX, 0, cummax)   \
  C(MX_SCAN_MIN, 1, cummin)   \
  C(MX_SCAN_SUM, 2, cumsum)   \
  C(MX_SCAN_PROD, 3, cumprod) \
  C(MX_SCAN_LOGADDEXP, 4, logcumsumexp)
#define BUILD(kind, number, name)                                                                \
  static bool build_##name(const mx_build *b) {                                                  \
    const scan_params *p = b->params;                                                            \
    return MX_BUILT(                                                                             \
        b, 1,                                                                                    \
        mx_##name(b->in[0], .axis = p->axis, .reverse = p->reverse, .inclusive = p->inclusive)); \
  }
CLASSES(BUILD)
#define CLASS(kind, number, constructor) \
  {.name = "Scan",                       \
   .primitive = &scans[kind],            \
   .variant = number,                    \
   .visit = visit,                       \
   .build = build_##constructor},
const mx_codec mx_scan_codecs[] = {CLASSES(CLASS){0}};
