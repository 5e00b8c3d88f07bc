/* where: a choice between two operands, element by element. */
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "mlx/mx/elementwise.h"
#include "ops/codecs.h"
#include "ops/elementwise.h"
#include "ops/rules.h"

static bool eval(const mx_node *node, const mx *in, const mx *out) {
  (void)node;
  if (!mx_out_elementwise(out[0], in, 3)) return false;
  mx_run_select(out[0]->dtype, mx_operand_of(out[0]), mx_operand_of(in[0]), mx_operand_of(in[1]),
                mx_operand_of(in[2]), mx_shape_of(out[0]), out[0]->ndim);
  return true;
}

static void tile(const mx_node *node, void *out, const void *const *in, const int64_t *steps,
                 int64_t n) {
  int size = (int)mx_dtype_size(node->inputs[1]->dtype);
  mx_k->select(size, out, in[0], in[1], in[2], n, steps[0], steps[1], steps[2]);
}

/* What passes to the choice `arg`, of a cotangent or tangent t. */
static mx chosen(mx condition, int arg, mx t) {
  if (!t) return NULL;
  mx nothing = mx_scalar(0, t->dtype);
  return arg == 1 ? mx_where(condition, t, nothing) : mx_where(condition, nothing, t);
}

static bool vjp(const mx_node *node, const mx *primals, const mx *cotangents, const int *argnums,
                int count, const mx *outputs, mx *vjps) {
  (void)node, (void)outputs;
  for (int i = 0; i < count; i++) {
    vjps[i] =
        argnums[i] ? chosen(primals[0], argnums[i], cotangents[0]) : mx_zeros_like(primals[0]);
    if (!vjps[i]) return false;
  }
  return true;
}

static bool jvp(const mx_node *node, const mx *primals, const mx *tangents, const int *argnums,
                int count, mx *jvps) {
  (void)node;
  mx sum = NULL;
  for (int i = 0; i < count; i++) {
    if (!argnums[i]) continue;
    mx term = chosen(primals[0], argnums[i], tangents[i]);
    sum = sum ? mx_add(sum, term) : term;
  }
  if (!sum && !mx_error()) sum = mx_zeros_like(primals[1]);
  return (jvps[0] = sum) != NULL && !mx_error();
}

static bool vmap(const mx_node *node, const mx *in, const int *axes, mx *out, int *out_axes) {
  (void)node;
  mx aligned[3];
  if ((out_axes[0] = mx_align_batches(in, axes, 3, aligned)) < 0) return false;
  return (out[0] = mx_where(aligned[0], aligned[1], aligned[2])) != NULL;
}

static const mx_primitive where = {.name = "Select",
                                   .eval = {eval},
                                   .tile = tile,
                                   .step = {.kind = MX_STEP_SELECT},
                                   .vjp = vjp,
                                   .jvp = jvp,
                                   .vmap = vmap,
                                   .output_shape = mx_shape_of_all};

mx mx_where(mx condition, mx a, mx b) {
  if (!condition || !a || !b) return NULL;
  mx_dtype dtype = mx_promote_types(a->dtype, b->dtype);
  mx in[3] = {mx_astype(condition, MX_BOOL), mx_astype(a, dtype), mx_astype(b, dtype)};
  if (!in[0] || !in[1] || !in[2] || !mx_broadcast_arrays(in, 3, in)) return NULL;
  return mx_make_node(&where, NULL, mx_spec_like(in[0], dtype), in, 3);
}

static bool build(const mx_build *b) {
  return MX_BUILT(b, 3, mx_where(b->in[0], b->in[1], b->in[2]));
}

const mx_codec mx_ternary_codecs[] = {{.name = "Select", .primitive = &where, .build = build}, {0}};
