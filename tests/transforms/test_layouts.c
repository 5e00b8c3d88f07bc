/* Derivatives and vectorisation of every differentiable operation, on every layout of its inputs:
 * transposed, strided backwards, broadcast, scalar and empty; against mathematics. */
#include "derivatives.h"

/* ---- Element by element ---- */

/* Each with the range in which it is smooth. */
/* clang-format off */
#define UNARIES(FN)                                                                            \
  FN(abs, ":0.1:0.9") FN(arccos, ":-0.8:0.8") FN(arccosh, ":1.3:3") FN(arcsin, ":-0.8:0.8")    \
  FN(arcsinh, "") FN(arctan, "") FN(arctanh, ":-0.8:0.8") FN(ceil, ":0.1:0.9")                 \
  FN(conjugate, "") FN(cos, "") FN(cosh, "") FN(degrees, "") FN(erf, "")                       \
  FN(erfinv, ":-0.8:0.8") FN(exp, "") FN(expm1, "") FN(floor, ":0.1:0.9") FN(imag, "")         \
  FN(log, ":0.5:2") FN(log10, ":0.5:2") FN(log1p, ":-0.5:2") FN(log2, ":0.5:2")                \
  FN(nan_to_num, "") FN(negative, "") FN(radians, "") FN(real, "") FN(reciprocal, ":0.5:2")    \
  FN(round, ":0.1:0.4") FN(rsqrt, ":0.5:2") FN(sigmoid, "") FN(sign, ":0.1:0.9") FN(sin, "")   \
  FN(sinh, "") FN(sqrt, ":0.5:2") FN(square, "") FN(tan, "") FN(tanh, "") FN(copy, "")         \
  FN(contiguous, "") FN(ones_like, "") FN(zeros_like, "")
#define BINARIES(FN)                                                                           \
  FN(add, "", "") FN(subtract, "", "") FN(multiply, "", "") FN(divide, "", ":0.5:2")           \
  FN(arctan2, ":0.5:2", ":0.5:2") FN(logaddexp, "", "") FN(maximum, "", ":-0.5:0.5")           \
  FN(minimum, "", ":-0.5:0.5") FN(power, ":0.5:2", "") FN(remainder, ":2.2:2.9", ":1.01:1.09") \
  FN(floor_divide, ":2.2:2.9", ":1.01:1.09")
/* clang-format on */

#define UNARY(op, range) DERIVATIVE_FN(un_##op, mx_##op(in[0]))
#define BINARY(op, left, right) DERIVATIVE_FN(bin_##op, mx_##op(in[0], in[1]))
UNARIES(UNARY)
BINARIES(BINARY)
DERIVATIVE_FN(chosen, mx_where(in[0], in[1], in[2]))
DERIVATIVE_FN(clipped, mx_clip(in[0], in[1], in[2]))
DERIVATIVE_FN(cast, mx_astype(mx_astype(in[0], MX_FLOAT64), MX_FLOAT64))

/* An @ is where the layouts take turns. */
#define UNARY_LINES(op, range)                                                    \
  {#op, un_##op, {"2x3" range "@"}}, {#op " of a scalar", un_##op, {"()" range}}, \
      {#op " of nothing", un_##op, {"0x3" range "@"}},
#define BINARY_LINES(op, left, right)                                     \
  {#op, bin_##op, {"2x3" left "@", "2x3" right "@"}},                     \
      {#op ", one broadcast", bin_##op, {"2x3" left "@", "3" right "@"}}, \
      {#op " of scalars", bin_##op, {"()" left, "()" right}},             \
      {#op " of nothing", bin_##op, {"0x3" left "@", "1x3" right "@"}},
static const derivative_case elements[] = {
    UNARIES(UNARY_LINES) BINARIES(BINARY_LINES){"where", chosen, {"i2x3:0:2@", "2x3@", "2x3@"}},
    {"where of a scalar", chosen, {"i():0:2", "()", "()"}},
    {"where of nothing", chosen, {"i0x3:0:2@", "0x3@", "3@"}},
    {"clip", clipped, {"2x3@", "2x3:-0.5:-0.3@", "3:0.3:0.5@"}},
    {"clip of a scalar", clipped, {"()", "():-0.5:-0.3", "():0.3:0.5"}},
    {"clip of nothing", clipped, {"0x3@", "():-0.5:-0.3", "3:0.3:0.5"}},
    {"cast", cast, {"2x3@"}},
    {"cast of a scalar", cast, {"()"}},
    {"cast of nothing", cast, {"0x3@"}},
};

/* ---- Shapes ---- */

DERIVATIVE_FN(reshape, mx_reshape(in[0], MX_INTS(3, -1)))
DERIVATIVE_FN(reshape_nothing, mx_reshape(in[0], MX_INTS(3, 0, 2)))
DERIVATIVE_FN(reshape_scalar, mx_reshape(in[0], MX_INTS(1, 1)))
DERIVATIVE_FN(flatten, mx_flatten(in[0], 0, -1))
DERIVATIVE_FN(unflatten, mx_unflatten(in[0], 0, MX_INTS(2, -1)))
DERIVATIVE_FN(expand_dims, mx_expand_dims(in[0], MX_INTS(0, -1)))
DERIVATIVE_FN(squeeze, mx_squeeze(in[0], MX_INTS(0, 2)))
DERIVATIVE_FN(transpose, mx_transpose(in[0]))
DERIVATIVE_FN(moveaxis, mx_moveaxis(in[0], 0, -1))
DERIVATIVE_FN(swapaxes, mx_swapaxes(in[0], 0, 1))
DERIVATIVE_FN(broadcast_to, mx_broadcast_to(in[0], MX_INTS(2, 2, 3)))
DERIVATIVE_FN(broadcast_nothing, mx_broadcast_to(in[0], MX_INTS(2, 0, 3)))
DERIVATIVE_FN(atleast,
              mx_add(mx_atleast_1d(in[0]), mx_add(mx_atleast_2d(in[0]), mx_atleast_3d(in[0]))))
DERIVATIVE_FN(as_strided, mx_as_strided(in[0], MX_INTS(3, 2), ((const int64_t[]){1, 2}), 1))
DERIVATIVE_FN(as_strided_scalar, mx_as_strided(in[0], MX_INTS(3), ((const int64_t[]){0}), 0))
DERIVATIVE_FN(slice, mx_slice(in[0], MX_INTS(0, -1), MX_INTS(2, 0), MX_INTS(1, -2)))
DERIVATIVE_FN(slice_update,
              mx_slice_update(in[0], in[1], MX_INTS(0, 1), MX_INTS(2, 4), MX_INTS(1, 2)))
DERIVATIVE_FN(slice_update_nothing,
              mx_slice_update(in[0], in[1], MX_INTS(0, 1), MX_INTS(0, 3), MX_NO_INTS))
DERIVATIVE_FN(window, mx_slice_dynamic(in[0], in[1], MX_INTS(1, 0), MX_INTS(1, 2)))
DERIVATIVE_FN(window_update, mx_slice_update_dynamic(in[0], in[1], in[2], MX_INTS(1, 0)))
DERIVATIVE_FN(concatenate, mx_concatenate(in, count, 0))
DERIVATIVE_FN(stack, mx_stack(in, count, -1))
DERIVATIVE_FN(repeat, mx_repeat(in[0], 2, 0))
DERIVATIVE_FN(tile, mx_tile(in[0], MX_INTS(2, 2)))
DERIVATIVE_FN(roll, mx_roll(in[0], MX_INTS(2), MX_INTS(-1)))
DERIVATIVE_FN(pad, mx_pad(in[0], MX_INTS(0, 1), MX_INTS(1, 2), MX_INTS(0, 1), in[1], "constant"))
DERIVATIVE_FN(pad_edge, mx_pad(in[0], MX_INTS(0), MX_INTS(1), MX_INTS(2), mx_float(0), "edge"))
DERIVATIVE_FN(full, mx_full(MX_INTS(2, 2, 3), in[0], MX_FLOAT64))
DERIVATIVE_FN(tril, mx_tril(in[0], 0))
DERIVATIVE_FN(triu, mx_triu(in[0], 1))
DERIVATIVE_FN(diagonal, mx_diagonal(in[0], 1, 0, 1))
DERIVATIVE_FN(diag, mx_diag(in[0], -1))
DERIVATIVE_FN(trace, mx_trace(in[0], 0, 0, 1, MX_FLOAT64))
DERIVATIVE_FN(kron, mx_kron(in[0], in[1]))

static bool push_all(mx_arrays *out, const mx *parts, int count) {
  for (int i = 0; i < count; i++)
    if (!mx_arrays_push(out, parts[i])) return false;
  return true;
}

#define SEVERAL(name, parts, call)                                           \
  static bool name(void *payload, const mx *in, int count, mx_arrays *out) { \
    (void)payload, (void)count;                                              \
    mx made[parts];                                                          \
    return call && push_all(out, made, parts);                               \
  }
SEVERAL(split, 3, mx_split(in[0], 3, 0, made))
SEVERAL(split_at, 3, mx_split_at(in[0], MX_INTS(0, 2), 0, made))
SEVERAL(broadcast_pair, 2, mx_broadcast_arrays(in, 2, made))
SEVERAL(broadcast_three, 3, mx_broadcast_arrays(in, 3, made))
SEVERAL(meshgrid, 2, mx_meshgrid(in, 2, false, "ij", made))
SEVERAL(depends, 2, mx_depends(in, 2, &in[2], 1, made))

static const derivative_case shapes[] = {
    {"reshape", reshape, {"2x6@"}},
    {"reshape a scalar", reshape_scalar, {"()"}},
    {"reshape nothing", reshape_nothing, {"2x0@"}},
    {"flatten", flatten, {"2x3x2@"}},
    {"flatten a scalar", flatten, {"()"}},
    {"flatten nothing", flatten, {"2x0x3@"}},
    {"unflatten", unflatten, {"4x3@"}},
    {"unflatten nothing", unflatten, {"4x0@"}},
    {"expand_dims", expand_dims, {"2x3@"}},
    {"expand_dims of a scalar", expand_dims, {"()"}},
    {"expand_dims of nothing", expand_dims, {"0x2@"}},
    {"squeeze", squeeze, {"1x3x1@"}},
    {"squeeze nothing", squeeze, {"1x0x1@"}},
    {"transpose", transpose, {"2x3x4@"}},
    {"transpose a scalar", transpose, {"()"}},
    {"transpose nothing", transpose, {"2x0@"}},
    {"moveaxis", moveaxis, {"2x3x4@"}},
    {"moveaxis of nothing", moveaxis, {"2x0x4@"}},
    {"swapaxes", swapaxes, {"2x3@"}},
    {"swapaxes of nothing", swapaxes, {"0x3@"}},
    {"broadcast_to", broadcast_to, {"2x3@"}},
    {"broadcast_to of a scalar", broadcast_to, {"()"}},
    {"broadcast_to of nothing", broadcast_nothing, {"0x3@"}},
    {"broadcast to nothing", broadcast_nothing, {"1x3@"}},
    {"broadcast_arrays", broadcast_pair, {"2x1@", "1x3@"}},
    {"broadcast_arrays of three", broadcast_three, {"2x1x1@", "3x1@", "2x1x2@"}},
    {"broadcast_arrays of scalars", broadcast_three, {"()", "2@", "()"}},
    {"broadcast_arrays of nothing", broadcast_three, {"0x3@", "3@", "()"}},
    {"atleast", atleast, {"1@"}},
    {"atleast of a scalar", atleast, {"()"}},
    {"as_strided", as_strided, {"2x4@"}},
    {"as_strided of a scalar", as_strided_scalar, {"()"}},
    {"slice", slice, {"2x5@"}},
    {"slice of nothing", slice, {"0x5@"}},
    {"slice_update", slice_update, {"3x5@", "2x2@"}},
    {"slice_update by a scalar", slice_update, {"3x5@", "()"}},
    {"slice_update by nothing", slice_update_nothing, {"3x5@", "0x2@"}},
    {"slice_update of nothing", slice_update, {"0x5@", "0x2@"}},
    {"dynamic slice", window, {"3x4@", "i2@"}},
    {"dynamic update", window_update, {"3x4@", "2x2@", "i2@"}},
    {"dynamic update by nothing", window_update, {"3x4@", "0x2@", "i2@"}},
    {"split", split, {"3x2@"}},
    {"split nothing", split, {"0x2@"}},
    {"split at", split_at, {"3x2@"}},
    {"concatenate", concatenate, {"2x3@", "1x3@", "3x3@"}},
    {"concatenate with nothing", concatenate, {"2x3@", "0x3@"}},
    {"concatenate nothing", concatenate, {"0x3@", "0x3@"}},
    {"stack", stack, {"2x3@", "2x3@"}},
    {"stack scalars", stack, {"()", "()"}},
    {"stack nothing", stack, {"0x2@", "0x2@"}},
    {"repeat", repeat, {"2x3@"}},
    {"repeat nothing", repeat, {"0x3@"}},
    {"tile", tile, {"2x3@"}},
    {"tile a scalar", tile, {"()"}},
    {"tile nothing", tile, {"0x3@"}},
    {"roll", roll, {"2x3@"}},
    {"roll nothing", roll, {"0x3@"}},
    {"pad", pad, {"2x3@", "()"}},
    {"pad nothing", pad, {"0x3@", "()"}},
    {"pad edges", pad_edge, {"2x3@"}},
    {"full", full, {"2x3@"}},
    {"full of a scalar", full, {"()"}},
    {"tril", tril, {"3x4@"}},
    {"tril of nothing", tril, {"0x4@"}},
    {"triu", triu, {"3x4@"}},
    {"diagonal", diagonal, {"3x4@"}},
    {"diagonal of nothing", diagonal, {"0x4@"}},
    {"diag", diag, {"3@"}},
    {"trace", trace, {"3x3@"}},
    {"kron", kron, {"2x2@", "1x3@"}},
    {"meshgrid", meshgrid, {"2@", "3@"}},
    {"depends", depends, {"2x3@", "2@", "3@"}},
    {"depends on a scalar", depends, {"()", "()", "()"}},
    {"depends, of nothing", depends, {"0x3@", "0@", "3@"}},
};

/* ---- Along axes ---- */

#define LAST(op) DERIVATIVE_FN(op##_last, mx_##op(in[0], .axis = -1))
#define ALL(op) DERIVATIVE_FN(op##_all, mx_##op(in[0]))
/* clang-format off */
#define ROWS(FN)                                                                         \
  FN(sum) FN(prod) FN(mean) FN(var) FN(std) FN(median) FN(cumsum) FN(cumprod) FN(cummax) \
  FN(cummin) FN(logcumsumexp) FN(softmax) FN(sort)
/* clang-format on */
#define EXTREMES(FN) FN(max) FN(min) FN(logsumexp)
#define TOTALS(FN) FN(sum) FN(prod) FN(max) FN(min) FN(mean) FN(var) FN(logsumexp)
ROWS(LAST)
EXTREMES(LAST)
TOTALS(ALL)
DERIVATIVE_FN(partition, mx_partition(in[0], 1))
DERIVATIVE_FN(topk, mx_topk(in[0], 2))

#define OF_ROWS(op) {#op, op##_last, {"2x4@"}},
#define OF_NO_ROWS(op) {#op " of no rows", op##_last, {"0x4@"}},
#define OF_SCALAR(op) {#op " of a scalar", op##_all, {"()"}},
static const derivative_case along_axes[] = {
    ROWS(OF_ROWS) ROWS(OF_NO_ROWS) EXTREMES(OF_ROWS)
        TOTALS(OF_SCALAR){"partition", partition, {"2x4@"}},
    {"partition of no rows", partition, {"0x4@"}},
    {"topk", topk, {"2x4@"}},
    {"topk of no rows", topk, {"0x4@"}},
    {"sum of empty rows", sum_last, {"3x0@"}},
    {"prod of empty rows", prod_last, {"3x0@"}},
    {"sum of nothing", sum_all, {"0x3@"}},
    {"prod of nothing", prod_all, {"0x3@"}},
    {"cumsum of empty rows", cumsum_last, {"3x0@"}},
    {"cumprod of empty rows", cumprod_last, {"3x0@"}},
    {"softmax of empty rows", softmax_last, {"3x0@"}},
    {"sort of empty rows", sort_last, {"3x0@"}},
};

/* ---- Indices ---- */

DERIVATIVE_FN(take, mx_take(in[0], in[1], .axis = 0))
DERIVATIVE_FN(take_flat, mx_take(in[0], in[1]))
DERIVATIVE_FN(take_one, mx_take_one(in[0], 1, .axis = -1))
DERIVATIVE_FN(gather, mx_gather(in[0], in + 1, 2, MX_INTS(0, 1), MX_INTS(1, 1)))
DERIVATIVE_FN(along_axis, mx_take_along_axis(in[0], in[1], .axis = 0))
DERIVATIVE_FN(put,
              mx_put_along_axis(in[0], mx_broadcast_to(mx_arange(0, 2, 1, MX_INT32), MX_INTS(3, 2)),
                                in[1], .axis = 1))
DERIVATIVE_FN(add_along_axis, mx_scatter_add_axis(in[0], in[1], in[2], 0))
#define SCATTER(op) DERIVATIVE_FN(op, mx_##op(in[0], in + 1, 1, in[2], MX_INTS(0)))
SCATTER(scatter_add)
SCATTER(scatter_prod)
/* To places of their own, so that neither the last nor the greatest one is a matter of order. */
#define SCATTER_APART(op) \
  DERIVATIVE_FN(op,       \
                mx_##op(in[0], (const mx[]){mx_arange(0, 2, 1, MX_INT32)}, 1, in[1], MX_INTS(0)))
SCATTER_APART(scatter)
SCATTER_APART(scatter_max)
SCATTER_APART(scatter_min)
DERIVATIVE_FN(masked, mx_masked_scatter(in[0], mx_astype(in[1], MX_BOOL), in[2]))
#define SCATTERED(op)                                            \
  {#op, op, {"4x3@", "i5:-4:4@", "5x1x3@"}},                     \
      {#op " of nothing", op, {"4x0@", "i5:-4:4@", "5x1x0@"}}, { \
#op " at no places", op, { "4x3@", "i0", "0x1x3@" }          \
  }
static const derivative_case indices[] = {
    {"take", take, {"4x3@", "i2x2:-4:4@"}},
    {"take one index", take, {"4x3@", "i()"}},
    {"take at no places", take, {"4x3@", "i0x2"}},
    {"take of empty rows", take, {"4x0@", "i2@"}},
    {"take flat", take_flat, {"2x3@", "i2x2:0:6@"}},
    {"take flat at no places", take_flat, {"2x3@", "i0"}},
    {"take_one", take_one, {"2x3@"}},
    {"gather", gather, {"3x3@", "i2x2@", "i2x2@"}},
    {"gather at a scalar", gather, {"3x3@", "i()", "i()"}},
    {"gather at no places", gather, {"3x3@", "i0", "i0"}},
    {"take_along_axis", along_axis, {"4x3@", "i2x3@"}},
    {"take_along_axis at no places", along_axis, {"4x3@", "i0x3@"}},
    {"take_along_axis of nothing", along_axis, {"4x0@", "i2x0@"}},
    {"put_along_axis", put, {"3x4@", "3x2@"}},
    {"put_along_axis of a scalar", put, {"3x4@", "()"}},
    {"scatter_add_axis", add_along_axis, {"4x3@", "i5x3:-4:4@", "5x3@"}},
    {"scatter_add_axis at no places", add_along_axis, {"4x3@", "i0x3@", "0x3@"}},
    {"scatter_add_axis of nothing", add_along_axis, {"4x0@", "i5x0@", "5x0@"}},
    {"scatter", scatter, {"4x3@", "2x1x3@"}},
    {"scatter of nothing", scatter, {"4x0@", "2x1x0@"}},
    SCATTERED(scatter_add),
    SCATTERED(scatter_prod),
    {"scatter_max", scatter_max, {"4x3@", "2x1x3@"}},
    {"scatter_max of nothing", scatter_max, {"4x0@", "2x1x0@"}},
    {"scatter_min", scatter_min, {"4x3@", "2x1x3@"}},
    {"scatter_min of nothing", scatter_min, {"4x0@", "2x1x0@"}},
    {"masked_scatter", masked, {"2x3@", "i2x3:0:2@", "6@"}},
    {"masked_scatter of a scalar", masked, {"2x3@", "i2x3:0:2@", "()"}},
    {"masked_scatter nowhere", masked, {"2x3@", "i2x3:0:1@", "6@"}},
};

/* ---- Products, norms, attention ---- */

DERIVATIVE_FN(matmul, mx_matmul(in[0], in[1]))
DERIVATIVE_FN(addmm, mx_addmm(in[2], in[0], in[1], .alpha = 0.5f, .beta = 2))
DERIVATIVE_FN(gather_mm, mx_gather_mm(in[0], in[1], .rhs_indices = in[2]))
DERIVATIVE_FN(outer, mx_outer(in[0], in[1]))
DERIVATIVE_FN(inner, mx_inner(in[0], in[1]))
DERIVATIVE_FN(tensordot, mx_tensordot(in[0], in[1], 1))
DERIVATIVE_FN(rms_norm, mx_fast_rms_norm(in[0], in[1], 1e-2f))
DERIVATIVE_FN(layer_norm, mx_fast_layer_norm(in[0], in[1], in[2], 1e-2f))
DERIVATIVE_FN(rope, mx_fast_rope(in[0], 4, .offset = 3))
DERIVATIVE_FN(attention, mx_fast_scaled_dot_product_attention(in[0], in[1], in[2], .scale = 0.7f))
DERIVATIVE_FN(attention_causal, mx_fast_scaled_dot_product_attention(in[0], in[1], in[2],
                                                                     .scale = 0.7f, .causal = true))
DERIVATIVE_FN(attention_mask, mx_fast_scaled_dot_product_attention(in[0], in[1], in[2],
                                                                   .scale = 0.7f, .mask = in[3]))

static const derivative_case products[] = {
    {"matmul", matmul, {"2x3@", "3x4@"}},
    {"matmul of batches", matmul, {"2x2x3@", "2x3x2@"}},
    {"matmul of vectors", matmul, {"3@", "3@"}},
    {"matmul of no rows", matmul, {"0x3@", "3x2@"}},
    {"matmul over nothing", matmul, {"2x0@", "0x3@"}},
    {"matmul of no batches", matmul, {"0x2x3@", "0x3x2@"}},
    {"addmm", addmm, {"2x3@", "3x2@", "2x2@"}},
    {"addmm with a scalar", addmm, {"2x3@", "3x2@", "()"}},
    {"addmm of no rows", addmm, {"0x3@", "3x2@", "2@"}},
    {"addmm over nothing", addmm, {"2x0@", "0x2@", "2x2@"}},
    {"gather_mm", gather_mm, {"2x1x2@", "3x2x3@", "i2@"}},
    {"gather_mm of no rows", gather_mm, {"2x0x2@", "3x2x3@", "i2@"}},
    {"gather_mm of none", gather_mm, {"1x1x2@", "3x2x3@", "i0"}},
    {"outer", outer, {"2@", "3@"}},
    {"outer of nothing", outer, {"0@", "3@"}},
    {"inner", inner, {"2x3@", "2x3@"}},
    {"inner of nothing", inner, {"2x0@", "2x0@"}},
    {"tensordot", tensordot, {"2x3@", "3x2@"}},
    {"rms_norm", rms_norm, {"2x4@", "4@"}},
    {"rms_norm of no rows", rms_norm, {"0x4@", "4@"}},
    {"layer_norm", layer_norm, {"2x4@", "4@", "4@"}},
    {"layer_norm of no rows", layer_norm, {"0x4@", "4@", "4@"}},
    {"attention", attention, {"1x2x2x3@", "1x2x3x3@", "1x2x3x2@"}},
    {"attention with shared keys", attention, {"1x2x2x3@", "1x1x3x3@", "1x1x3x2@"}},
    {"attention of no queries", attention, {"1x2x0x3@", "1x2x3x3@", "1x2x3x2@"}},
    {"attention of no batches", attention, {"0x2x2x3@", "0x2x3x3@", "0x2x3x2@"}},
    {"causal attention", attention_causal, {"1x2x2x3@", "1x1x3x3@", "1x1x3x2@"}},
    {"attention with a mask", attention_mask, {"1x2x2x3@", "1x1x2x3@", "1x1x2x2@", "2x2x2@"}},
};

/* In float32 at best. */
static const derivative_case ropes[] = {
    {"rope", rope, {"2x2x4@"}},
    {"rope of no rows", rope, {"2x0x4@"}},
};

/* ---- Layouts ---- */

static void check_layout(const derivative_case *c, int turn) {
  static const char layouts[] = {'\0', 'T', 'S', 'B'};
  char texts[DERIVATIVE_INPUTS][32], name[128];
  derivative_case laid = {name, c->call, {NULL}};
  int length = snprintf(name, sizeof name, "%s,", c->name);
  for (int i = 0; c->inputs[i]; i++) {
    size_t end = strlen(c->inputs[i]);
    memcpy(texts[i], c->inputs[i], end + 1);
    if (texts[i][end - 1] == '@') texts[i][end - 1] = layouts[(turn + i) % 4];
    texts[i][end] = '\0';
    laid.inputs[i] = texts[i];
    length += snprintf(name + length, sizeof name - (size_t)length, " %s", texts[i]);
  }
  check_derivative_case(&laid, 0);
}

#define CHECK_ALL(test, cases)                                            \
  static void test(void **state) {                                        \
    (void)state;                                                          \
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)             \
      for (int turn = 0; turn < 4; turn++) check_layout(&cases[i], turn); \
  }
CHECK_ALL(elements_of_every_layout, elements)
CHECK_ALL(shapes_of_every_layout, shapes)
CHECK_ALL(axes_of_every_layout, along_axes)
CHECK_ALL(indices_of_every_layout, indices)
CHECK_ALL(products_of_every_layout, products)
CHECK_ALL(ropes_of_every_layout, ropes)

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(elements_of_every_layout), scoped_test(shapes_of_every_layout),
      scoped_test(axes_of_every_layout),     scoped_test(indices_of_every_layout),
      scoped_test(products_of_every_layout), scoped_test(ropes_of_every_layout),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
