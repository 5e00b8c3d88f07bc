/* Running sums, products, extremes and log-sum-exps. */
#include "drivers/scan.h"
#include "mlx/mx/reduce.h"
#include "ops/ops.h"

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

static int scan_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)node, (void)output;
  mx_copy_ints(shape, mx_shape_of(in[0]), in[0]->ndim);
  return in[0]->ndim;
}

#define SCAN(NAME)                                                         \
  {                                                                        \
    .name = NAME, .params_size = sizeof(scan_params), .eval = {eval_scan}, \
    .output_shape = scan_shape                                             \
  }
static const mx_primitive scans[MX_SCAN_KINDS] = {[MX_SCAN_MAX] = SCAN("CumMax"),
                                                  [MX_SCAN_MIN] = SCAN("CumMin"),
                                                  [MX_SCAN_SUM] = SCAN("CumSum"),
                                                  [MX_SCAN_PROD] = SCAN("CumProd"),
                                                  [MX_SCAN_LOGADDEXP] = SCAN("CumLogaddexp")};

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
  mx_dtype dtype = kind == MX_SCAN_SUM && a->dtype == MX_BOOL ? MX_INT32 : (mx_dtype)a->dtype;
  return mx_make(scans + kind, &p, mx_spec_like(a, dtype), a);
}

mx mx_cumsum_with(mx a, mx_scan_args args) { return scan(a, MX_SCAN_SUM, "cumsum", args); }
mx mx_cumprod_with(mx a, mx_scan_args args) { return scan(a, MX_SCAN_PROD, "cumprod", args); }
mx mx_cummax_with(mx a, mx_scan_args args) { return scan(a, MX_SCAN_MAX, "cummax", args); }
mx mx_cummin_with(mx a, mx_scan_args args) { return scan(a, MX_SCAN_MIN, "cummin", args); }
mx mx_logcumsumexp_with(mx a, mx_scan_args args) {
  return scan(a, MX_SCAN_LOGADDEXP, "logcumsumexp", args);
}
