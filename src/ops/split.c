/* Splits along an axis. */
#include "base/alloc.h"
#include "ops/codecs.h"
#include "ops/rules.h"

#include <stdlib.h>

enum { MOST_CUTS = 9 };

/* Where one part ends and the next begins, ascending. */
typedef struct {
  int axis, count, cuts[MOST_CUTS];
} split_params;

static bool eval_split(const mx_node *node, const mx *in, const mx *out) {
  const split_params *p = MX_PARAMS(split_params, node);
  for (int i = 0; i < node->output_count; i++) {
    int64_t offset = i && out[i]->size ? p->cuts[i - 1] * mx_strides_of(in[0])[p->axis] : 0;
    mx_out_view(out[i], in[0], mx_strides_of(in[0]), offset);
  }
  return true;
}

static bool vjp_split(const mx_node *node, const mx *primals, const mx *cotangents,
                      const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)primals, (void)argnums, (void)count, (void)outputs;
  int axis = MX_PARAMS(split_params, node)->axis;
  return (vjps[0] = mx_concatenate(cotangents, node->output_count, axis)) != NULL;
}

static bool split_again(const mx_node *node, mx a, int axis, mx *out) {
  const split_params *p = MX_PARAMS(split_params, node);
  return mx_split_at(a, (mx_ints){p->cuts, p->count}, axis, out);
}

static bool jvp_split(const mx_node *node, const mx *primals, const mx *tangents,
                      const int *argnums, int count, mx *jvps) {
  (void)primals, (void)argnums, (void)count;
  return split_again(node, tangents[0], MX_PARAMS(split_params, node)->axis, jvps);
}

static bool vmap_split(const mx_node *node, const mx *in, const int *axes, mx *out, int *out_axes) {
  int axis = MX_PARAMS(split_params, node)->axis;
  for (int i = 0; i < node->output_count; i++) out_axes[i] = axes[0];
  return split_again(node, in[0], axis + (axes[0] <= axis), out);
}

static const mx_primitive split = {.name = "Split",
                                   .params_size = sizeof(split_params),
                                   .eval = {eval_split},
                                   .vjp = vjp_split,
                                   .jvp = jvp_split,
                                   .vmap = vmap_split,
                                   .output_shape = mx_shape_not_inferred};

/* Whether the cuts are few, ascending and inside the axis: then one primitive makes all parts. */
static bool plain(mx_ints cuts, int length) {
  bool good = cuts.size <= MOST_CUTS && cuts.data[0] > 0 && cuts.data[cuts.size - 1] < length;
  for (int i = 1; good && i < cuts.size; i++) good = cuts.data[i - 1] <= cuts.data[i];
  return good;
}

static bool split_plainly(mx a, mx_ints cuts, int axis, mx *out) {
  split_params p = {.axis = axis, .count = cuts.size};
  mx_spec specs[MOST_CUTS + 1];
  int shapes[MOST_CUTS + 1][MX_MAX_NDIM];
  mx_copy_ints(p.cuts, cuts.data, cuts.size);
  for (int i = 0; i <= cuts.size; i++) {
    int start = i ? cuts.data[i - 1] : 0;
    int stop = i < cuts.size ? cuts.data[i] : mx_shape_of(a)[axis];
    mx_copy_ints(shapes[i], mx_shape_of(a), a->ndim);
    shapes[i][axis] = stop - start;
    specs[i] = (mx_spec){a->dtype, a->ndim, shapes[i]};
  }
  return mx_make_nodes(&split, &p, specs, cuts.size + 1, &a, 1, out);
}

bool mx_split_at(mx a, mx_ints indices, int axis, mx *out) {
  for (int i = 0; i <= indices.size; i++) out[i] = NULL;
  if (!a) return false;
  int at = mx_check_axis("split", axis, a->ndim);
  if (at < 0) return false;
  if (!indices.size) return (out[0] = mx_same(a)) != NULL;
  if (plain(indices, mx_shape_of(a)[at])) return split_plainly(a, indices, at, out);
  bool all = true;
  for (int i = 0; i <= indices.size; i++) {
    int start = i ? indices.data[i - 1] : 0;
    int stop = i < indices.size ? indices.data[i] : mx_shape_of(a)[at];
    out[i] = mx_slice_axis(a, at, start, stop);
    all &= out[i] != NULL;
  }
  return all;
}

bool mx_split(mx a, int parts, int axis, mx *out) {
  for (int i = 0; i < parts; i++) out[i] = NULL;
  if (!a) return false;
  int at = mx_check_axis("split", axis, a->ndim);
  if (at < 0) return false;
  int length = mx_shape_of(a)[at];
  if (parts < 1 || length % parts) {
    mx_fail(
        "[split] Array split does not result in sub arrays with equal size: attempting %d splits "
        "along axis %d for shape %s.",
        parts, axis, mx_shape_text_of(a));
    return false;
  }
  int *cuts = mx_xmalloc((size_t)parts * sizeof *cuts);
  for (int i = 1; i < parts; i++) cuts[i - 1] = i * (length / parts);
  bool all = mx_split_at(a, (mx_ints){cuts, parts - 1}, at, out);
  free(cuts);
  return all;
}

/* ---- In MLX's files ---- */

static const mx_codec *visit_split(mx_state *s, const mx_codec *codec, void *params) {
  split_params *p = params;
  mx_state_ints(s, p->cuts, &p->count, MOST_CUTS);
  mx_state_int(s, &p->axis);
  return codec;
}

static bool build_split(const mx_build *b) {
  const split_params *p = b->params;
  return b->count == 1 && b->outputs == p->count + 1 &&
         mx_split_at(b->in[0], (mx_ints){p->cuts, p->count}, p->axis, b->out);
}

const mx_codec mx_split_codecs[] = {
    {.name = "Split", .primitive = &split, .visit = visit_split, .build = build_split},
    {0},
};
