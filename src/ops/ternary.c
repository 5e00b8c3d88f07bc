/* where: a choice between two operands, element by element. */
#include "mlx/mx/cast.h"
#include "mlx/mx/elementwise.h"
#include "ops/codecs.h"
#include "ops/elementwise.h"

static bool eval(const mx_node *node, const mx *in, const mx *out) {
  (void)node;
  if (!mx_out_elementwise(out[0], in, 3)) return false;
  mx_run_select(out[0]->dtype, mx_operand_of(out[0]), mx_operand_of(in[0]), mx_operand_of(in[1]),
                mx_operand_of(in[2]), mx_shape_of(out[0]), out[0]->ndim);
  return true;
}

static const mx_primitive where = {
    .name = "Select", .eval = {eval}, .output_shape = mx_shape_of_first};

mx mx_where(mx condition, mx a, mx b) {
  if (!condition || !a || !b) return NULL;
  mx_dtype dtype = mx_promote_types(a->dtype, b->dtype);
  mx in[3] = {mx_astype(condition, MX_BOOL), mx_astype(a, dtype), mx_astype(b, dtype)};
  if (!in[0] || !in[1] || !in[2] || !mx_broadcast_arrays(in, 3, in)) return NULL;
  return mx_make_node(&where, NULL, mx_spec_like(in[0], dtype), in, 3);
}

static bool build(const void *params, const mx *in, int count, mx *out, int output_count) {
  (void)params;
  return count == 3 && output_count == 1 && (out[0] = mx_where(in[0], in[1], in[2]));
}

const mx_codec mx_ternary_codecs[] = {{.name = "Select", .primitive = &where, .build = build}, {0}};
