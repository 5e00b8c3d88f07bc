/* Sum, product, extremes, all and any, over any axes. */
#include "mlx/mx/reduce.h"
#include "drivers/reduce.h"
#include "mlx/mx/cast.h"
#include "ops/ops.h"

typedef struct {
  int count, axes[MX_MAX_NDIM]; /* sorted */
} reduce_params;

static const mx_primitive reductions[MX_REDUCE_KINDS];

static bool eval_reduce(const mx_node *node, const mx *in, const mx *out) {
  const reduce_params *p = MX_PARAMS(reduce_params, node);
  mx_reduce_kind kind = (mx_reduce_kind)(node->primitive - reductions);
  bool reduced[MX_MAX_NDIM] = {false};
  for (int i = 0; i < p->count; i++) reduced[p->axes[i]] = true;
  return mx_out_alloc(out[0]) &&
         mx_drive_reduce(kind, in[0]->dtype, in[0]->data, in[0]->ndim, mx_shape_of(in[0]),
                         mx_strides_of(in[0]), reduced, out[0]->data) == 0;
}

static int reduce_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  const reduce_params *p = MX_PARAMS(reduce_params, node);
  mx_copy_ints(shape, mx_shape_of(in[0]), in[0]->ndim);
  for (int i = 0; i < p->count; i++) shape[p->axes[i]] = 1;
  return in[0]->ndim;
}

static void print_reduce(const mx_node *node, mx_str *out) {
  const reduce_params *p = MX_PARAMS(reduce_params, node);
  for (int i = 0; i < p->count; i++) mx_str_printf(out, i ? " %d" : "%d", p->axes[i]);
}

#define REDUCTION(NAME)                                                        \
  {                                                                            \
    .name = NAME, .params_size = sizeof(reduce_params), .eval = {eval_reduce}, \
    .output_shape = reduce_shape, .print = print_reduce                        \
  }
static const mx_primitive reductions[MX_REDUCE_KINDS] = {
    [MX_REDUCE_AND] = REDUCTION("And"), [MX_REDUCE_OR] = REDUCTION("Or"),
    [MX_REDUCE_SUM] = REDUCTION("Sum"), [MX_REDUCE_PROD] = REDUCTION("Prod"),
    [MX_REDUCE_MIN] = REDUCTION("Min"), [MX_REDUCE_MAX] = REDUCTION("Max")};

/* Which axes are meant: sorted into p. False after mx_fail. */
static bool axes_of(mx a, mx_reduce_args args, reduce_params *p) {
  *p = (reduce_params){0};
  bool named[MX_MAX_NDIM] = {false};
  int one = args.axis;
  mx_ints axes = args.axis != MX_NO_AXIS ? (mx_ints){&one, 1} : args.axes;
  if (axes.size > a->ndim && axes.size > MX_MAX_NDIM) axes.size = MX_MAX_NDIM;
  for (int i = 0; i < axes.size; i++) {
    int axis = axes.data[i] + (axes.data[i] < 0 ? a->ndim : 0);
    if (axis < 0 || axis >= a->ndim) {
      mx_fail("Invalid axis %d for array with %d dimensions.", axes.data[i], a->ndim);
      return false;
    }
    if (named[axis]) {
      mx_fail("Duplicate axes detected in reduction.");
      return false;
    }
    named[axis] = true;
  }
  for (int i = 0; i < a->ndim; i++)
    if (named[i] || axes.size < 0) p->axes[p->count++] = i;
  return true;
}

static mx reduce(mx a, mx_reduce_kind kind, mx_reduce_args args) {
  reduce_params p;
  if (!a || !axes_of(a, args, &p)) return NULL;
  bool arithmetic = kind == MX_REDUCE_SUM || kind == MX_REDUCE_PROD;
  if (arithmetic && !p.count) return mx_same(a);
  int shape[MX_MAX_NDIM];
  bool nothing_to_do = true;
  mx_copy_ints(shape, mx_shape_of(a), a->ndim);
  for (int i = 0; i < p.count; i++) {
    nothing_to_do &= shape[p.axes[i]] == 1;
    shape[p.axes[i]] = 1;
  }
  mx_dtype dtype = mx_reduce_dtype(kind, a->dtype);
  mx out = nothing_to_do ? mx_astype(a, kind == MX_REDUCE_PROD ? (mx_dtype)a->dtype : dtype)
                         : mx_make(reductions + kind, &p, ((mx_spec){dtype, a->ndim, shape}), a);
  return args.keepdims ? out : mx_squeeze(out, (mx_ints){p.axes, p.count});
}

mx mx_sum_with(mx a, mx_reduce_args args) { return reduce(a, MX_REDUCE_SUM, args); }
mx mx_prod_with(mx a, mx_reduce_args args) { return reduce(a, MX_REDUCE_PROD, args); }
mx mx_all_with(mx a, mx_reduce_args args) { return reduce(a, MX_REDUCE_AND, args); }
mx mx_any_with(mx a, mx_reduce_args args) { return reduce(a, MX_REDUCE_OR, args); }

mx mx_max_with(mx a, mx_reduce_args args) {
  if (a && !a->size) return mx_fail("[max] Cannot max reduce zero size array.");
  return reduce(a, MX_REDUCE_MAX, args);
}

mx mx_min_with(mx a, mx_reduce_args args) {
  if (a && !a->size) return mx_fail("[min] Cannot min reduce zero size array.");
  return reduce(a, MX_REDUCE_MIN, args);
}
