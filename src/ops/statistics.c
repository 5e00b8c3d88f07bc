/* Mean, variance, standard deviation and median: formulas over sums and sorts. */
#include "drivers/copy.h"
#include "drivers/reduce.h"
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "mlx/mx/elementwise.h"
#include "mlx/mx/reduce.h"
#include "mlx/mx/shape.h"
#include "mlx/mx/sort.h"
#include "ops/codecs.h"
#include "ops/rules.h"

#include <string.h>

static mx_dtype at_least_float(mx_dtype dtype) {
  return mx_is_subdtype(dtype, MX_KIND_INEXACT) ? dtype : mx_promote_types(dtype, MX_FLOAT32);
}

/* The axes meant, sorted into axes[MX_MAX_NDIM]; their count, or -1 after mx_fail. */
static int axes_of(const char *op, mx a, mx_ints named, int one, int *axes) {
  bool chosen[MX_MAX_NDIM] = {false};
  if (one != MX_NO_AXIS) named = (mx_ints){&one, 1};
  for (int i = 0; i < named.size; i++) {
    int axis = named.data[i] + (named.data[i] < 0 ? a->ndim : 0);
    if (axis < 0 || axis >= a->ndim) {
      mx_fail("[%s] axis %d is out of bounds for array with %d dimensions.", op, named.data[i],
              a->ndim);
      return -1;
    }
    if (chosen[axis]) {
      if (!strcmp(op, "median"))
        mx_fail("[median] Received duplicate axis.");
      else
        mx_fail("Duplicate axes detected in reduction.");
      return -1;
    }
    chosen[axis] = true;
  }
  int count = 0;
  for (int i = 0; i < a->ndim; i++)
    if (chosen[i] || named.size < 0) axes[count++] = i;
  return count;
}

static double elements(mx a, const int *axes, int count) {
  double n = 1;
  for (int i = 0; i < count; i++) n *= mx_shape_of(a)[axes[i]];
  return n;
}

/* ---- The number of elements: a constant, unless a function is traced for inputs of any shape ----
 */

typedef struct {
  int count, axes[MX_MAX_NDIM];
  bool inverted;
  mx_dtype dtype;
} number_params;

static double number_of(const number_params *p, mx a) {
  double n = elements(a, p->axes, p->count);
  return p->inverted ? 1 / n : n;
}

static bool eval_number(const mx_node *node, const mx *in, const mx *out) {
  const number_params *p = MX_PARAMS(number_params, node);
  double n = number_of(p, in[0]);
  int64_t none = 0;
  if (!mx_out_alloc(out[0])) return false;
  mx_copy_strided(out[0]->data, p->dtype, &none, &n, MX_FLOAT64, &none, NULL, 0);
  return true;
}

static mx make_number(const number_params *p, mx a);

static bool vmap_number(const mx_node *node, const mx *in, const int *axes, mx *out,
                        int *out_axes) {
  number_params p = *MX_PARAMS(number_params, node);
  for (int i = 0; i < p.count; i++) p.axes[i] = mx_axis_in_batch(p.axes[i], axes[0]);
  out_axes[0] = -1;
  return (out[0] = make_number(&p, in[0])) != NULL;
}

static int scalar_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)node, (void)in, (void)output, (void)shape;
  return 0;
}

static const mx_primitive number_of_elements = {.name = "NumberOfElements",
                                                .params_size = sizeof(number_params),
                                                .eval = {eval_number},
                                                .vmap = vmap_number,
                                                .output_shape = scalar_shape};

static mx make_number(const number_params *p, mx a) {
  return mx_make(&number_of_elements, p, ((mx_spec){p->dtype, 0, NULL}), a);
}

mx mx_number_of_elements(mx a, mx_ints axes, bool inverted, mx_dtype dtype) {
  if (!a) return NULL;
  number_params p = {.inverted = inverted, .dtype = dtype};
  for (int i = 0; i < axes.size && i < MX_MAX_NDIM; i++) {
    int axis = axes.data[i] + (axes.data[i] < 0 ? a->ndim : 0);
    if (axis < 0 || axis >= a->ndim)
      return mx_fail("[number_of_elements] Can't get the shape for axis %d from an array with %d "
                     "dimensions.",
                     axes.data[i], a->ndim);
    p.axes[p.count++] = axis;
  }
  if (mx_tracing_any_shape) return mx_stop_gradient(make_number(&p, a));
  return mx_scalar(number_of(&p, a), dtype);
}

static mx mean_over(mx a, mx_ints axes, bool keepdims) {
  mx_dtype dtype = at_least_float(a->dtype);
  return mx_multiply(mx_sum(a, .axes = axes, .keepdims = keepdims),
                     mx_number_of_elements(a, axes, true, dtype));
}

mx mx_mean_with(mx a, mx_reduce_args args) {
  int axes[MX_MAX_NDIM], count = a ? axes_of("mean", a, args.axes, args.axis, axes) : -1;
  return count < 0 ? NULL : mean_over(a, (mx_ints){axes, count}, args.keepdims);
}

static mx var_over(mx a, mx_ints axes, bool keepdims, int ddof) {
  mx_dtype dtype = at_least_float(a->dtype);
  mx distance = mx_subtract(a, mean_over(a, axes, true));
  mx sum = mx_sum(mx_square(distance), .axes = axes, .keepdims = keepdims);
  if (!ddof) return mx_multiply(sum, mx_number_of_elements(a, axes, true, dtype));
  return mx_divide(sum, mx_maximum(mx_subtract(mx_number_of_elements(a, axes, false, dtype),
                                               mx_scalar(ddof, dtype)),
                                   mx_scalar(0, dtype)));
}

/* ---- Variances in one pass: what the formula above computes, rounded once ---- */

typedef struct {
  int count, axes[MX_MAX_NDIM], ddof;
} var_params;

static bool eval_var(const mx_node *node, const mx *in, const mx *out) {
  const var_params *p = MX_PARAMS(var_params, node);
  bool reduced[MX_MAX_NDIM] = {false};
  for (int i = 0; i < p->count; i++) reduced[p->axes[i]] = true;
  double by = elements(in[0], p->axes, p->count) - p->ddof;
  return mx_out_alloc(out[0]) &&
         mx_drive_variance(in[0]->dtype, in[0]->data, in[0]->ndim, mx_shape_of(in[0]),
                           mx_strides_of(in[0]), reduced, by > 0 ? by : 0, out[0]->data) == 0;
}

static bool formula_var(const mx_node *node, const mx *in, mx *out) {
  const var_params *p = MX_PARAMS(var_params, node);
  return (out[0] = var_over(in[0], (mx_ints){p->axes, p->count}, true, p->ddof)) != NULL;
}

static int var_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  const var_params *p = MX_PARAMS(var_params, node);
  mx_copy_ints(shape, mx_shape_of(in[0]), in[0]->ndim);
  for (int i = 0; i < p->count; i++) shape[p->axes[i]] = 1;
  return in[0]->ndim;
}

static const mx_primitive variance = {.name = "Variance",
                                      .params_size = sizeof(var_params),
                                      .eval = {eval_var},
                                      .formula = formula_var,
                                      .output_shape = var_shape};

static mx var_at_once(mx a, mx_ints axes, bool keepdims, int ddof) {
  var_params p = {.count = axes.size, .ddof = ddof};
  mx_copy_ints(p.axes, axes.data, axes.size);
  int shape[MX_MAX_NDIM];
  mx_copy_ints(shape, mx_shape_of(a), a->ndim);
  for (int i = 0; i < axes.size; i++) shape[axes.data[i]] = 1;
  mx out = mx_make(&variance, &p, ((mx_spec){a->dtype, a->ndim, shape}), a);
  return keepdims ? out : mx_squeeze(out, axes);
}

/* What transforms see is MLX's formula. A scope of its own lets its distances go, or be squared in
 * place, as evaluation proceeds. */
mx mx_var_with(mx a, mx_var_args args) {
  int axes[MX_MAX_NDIM], count = a ? axes_of("mean", a, args.axes, args.axis, axes) : -1;
  if (count < 0) return NULL;
  bool at_once = a->dtype == MX_FLOAT32 || a->dtype == MX_FLOAT16 || a->dtype == MX_BFLOAT16;
  mx_scope scope = mx_scope_begin();
  mx out = (at_once && a->size && !mx_tracing ? var_at_once : var_over)(a, (mx_ints){axes, count},
                                                                        args.keepdims, args.ddof);
  return mx_scope_end(scope, out);
}

mx mx_std_with(mx a, mx_var_args args) { return mx_sqrt(mx_var_with(a, args)); }

/* The middle of a's last axis, which is sorted: of an even number the mean of the middle two. */
static mx middle(mx sorted, mx_dtype dtype) {
  int last = sorted->ndim - 1, n = mx_shape_of(sorted)[last], half = n / 2;
  mx upper = mx_astype(mx_slice_axis(sorted, last, half, half + 1), dtype);
  if (n % 2 == 0) {
    mx lower = mx_astype(mx_slice_axis(sorted, last, half - 1, half), dtype);
    upper = mx_multiply(mx_add(upper, lower), mx_scalar(0.5, dtype));
  }
  return mx_squeeze(upper, MX_INTS(last));
}

mx mx_median_with(mx a, mx_reduce_args args) {
  int axes[MX_MAX_NDIM], order[MX_MAX_NDIM], shape[MX_MAX_NDIM + 1], kept = 0;
  int count = a ? axes_of("median", a, args.axes, args.axis, axes) : -1;
  if (count < 0) return NULL;
  if (elements(a, axes, count) == 0)
    return mx_fail("[median] Cannot take median along empty axis.");
  for (int i = 0, next = 0; i < a->ndim; i++) {
    if (next < count && axes[next] == i) {
      next++;
      continue;
    }
    shape[kept] = mx_shape_of(a)[i];
    order[kept++] = i;
  }
  mx_copy_ints(order + kept, axes, count);
  shape[kept] = (int)elements(a, axes, count);
  mx flat = mx_reshape(mx_transpose(a, .axes = {order, a->ndim}), (mx_ints){shape, kept + 1});
  mx sorted = mx_sort(flat);
  mx median = sorted ? middle(sorted, at_least_float(a->dtype)) : NULL;
  return args.keepdims ? mx_expand_dims(median, (mx_ints){axes, count}) : median;
}

/* ---- In MLX's files ---- */

static const mx_codec *visit_number(mx_state *s, const mx_codec *codec, void *params) {
  number_params *p = params;
  mx_state_ints(s, p->axes, &p->count, MX_MAX_NDIM);
  mx_state_bool(s, &p->inverted);
  mx_state_dtype(s, &p->dtype);
  return codec;
}

static bool build_number(const mx_build *b) {
  const number_params *p = b->params;
  mx_ints axes = {p->axes, p->count};
  mx_tracing_any_shape++; /* what the file counts is not known yet */
  bool built = MX_BUILT(b, 1, mx_number_of_elements(b->in[0], axes, p->inverted, p->dtype));
  mx_tracing_any_shape--;
  return built;
}

const mx_codec mx_statistics_codecs[] = {
    {.name = "NumberOfElements",
     .primitive = &number_of_elements,
     .visit = visit_number,
     .build = build_number},
    {.name = "", .primitive = &variance, .expand = formula_var},
    {0},
};
