/* Operations of two operands: one table of primitives for all, made from the kernels' list. */
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "mlx/mx/elementwise.h"
#include "mlx/mx/reduce.h"
#include "ops/binary_rules.h"
#include "ops/codecs.h"
#include "ops/elementwise.h"
#include "ops/rules.h"

#include <string.h>

/* ---- The tables ---- */

static const mx_primitive primitives[MX_BINARY_COUNT];

static bool run(mx_binary_op op, const mx *in, mx out) {
  if (!mx_out_elementwise(out, in, 2)) return false;
  mx_run_binary(op, in[0]->dtype, mx_operand_of(out), mx_operand_of(in[0]), mx_operand_of(in[1]),
                mx_shape_of(out), out->ndim);
  return true;
}

static bool eval(const mx_node *node, const mx *in, const mx *out) {
  return run((mx_binary_op)(node->primitive - primitives), in, out[0]);
}

static void tile_as(mx_binary_op op, const mx_node *node, void *out, const void *const *in,
                    const int64_t *steps, int64_t n) {
  mx_k->binary(op, node->inputs[0]->dtype, out, in[0], in[1], n, steps[0], steps[1]);
}
static void tile(const mx_node *node, void *out, const void *const *in, const int64_t *steps,
                 int64_t n) {
  tile_as((mx_binary_op)(node->primitive - primitives), node, out, in, steps, n);
}

/* ---- Rules ---- */

/* The node's operation on other operands. */
static mx again(const mx_node *node, mx a, mx b) {
  mx in[2] = {a, b};
  if (!a || !b || !mx_broadcast_pair(&in[0], &in[1])) return NULL;
  mx_binary_op op = (mx_binary_op)(node->primitive - primitives);
  bool listed = node->primitive >= primitives && node->primitive < primitives + MX_BINARY_COUNT;
  mx_dtype dtype = listed ? mx_binary_dtype(op, in[0]->dtype) : MX_BOOL;
  return mx_make(node->primitive, NULL, mx_spec_like(in[0], dtype), in[0], in[1]);
}

static bool vjp(const mx_node *node, const mx *primals, const mx *cotangents, const int *argnums,
                int count, const mx *outputs, mx *vjps) {
  mx_binary_op op = (mx_binary_op)(node->primitive - primitives);
  for (int i = 0; i < count; i++) {
    vjps[i] = mx_binary_term(op, primals, outputs[0], argnums[i], cotangents[0], true);
    if (!vjps[i] && !mx_error()) vjps[i] = mx_zeros_like(primals[argnums[i]]);
    if (!vjps[i]) return false;
  }
  return true;
}

static bool jvp(const mx_node *node, const mx *primals, const mx *tangents, const int *argnums,
                int count, mx *jvps) {
  mx_binary_op op = (mx_binary_op)(node->primitive - primitives);
  mx y = again(node, primals[0], primals[1]), sum = NULL;
  for (int i = 0; i < count && y && !mx_error(); i++) {
    mx term = mx_binary_term(op, primals, y, argnums[i], tangents[i], false);
    if (term) sum = sum ? mx_add(sum, term) : term;
  }
  if (!sum && !mx_error()) sum = mx_zeros_like(y);
  return (jvps[0] = sum) != NULL && !mx_error();
}

static bool jvp_flat(const mx_node *node, const mx *primals, const mx *tangents, const int *argnums,
                     int count, mx *jvps) {
  (void)tangents, (void)argnums, (void)count;
  return (jvps[0] = mx_zeros_like(again(node, primals[0], primals[1]))) != NULL;
}

static bool vmap(const mx_node *node, const mx *in, const int *axes, mx *out, int *out_axes) {
  mx aligned[2];
  if ((out_axes[0] = mx_align_batches(in, axes, 2, aligned)) < 0) return false;
  return (out[0] = again(node, aligned[0], aligned[1])) != NULL;
}

#define PRIMITIVE(op, shown)                                    \
  [MX_BINARY_##op] = {.name = shown,                            \
                      .eval = {eval},                           \
                      .vjp = vjp,                               \
                      .jvp = jvp,                               \
                      .vmap = vmap,                             \
                      .tile = tile,                             \
                      .step = {MX_STEP_BINARY, MX_BINARY_##op}, \
                      .output_shape = mx_shape_of_all}

static const mx_primitive primitives[MX_BINARY_COUNT] = {
    PRIMITIVE(add, "Add"),
    PRIMITIVE(arctan2, "ArcTan2"),
    PRIMITIVE(bitwise_and, "BitwiseAnd"),
    PRIMITIVE(bitwise_or, "BitwiseOr"),
    PRIMITIVE(bitwise_xor, "BitwiseXor"),
    PRIMITIVE(divide, "Divide"),
    PRIMITIVE(equal, "Equal"),
    PRIMITIVE(greater, "Greater"),
    PRIMITIVE(greater_equal, "GreaterEqual"),
    PRIMITIVE(left_shift, "LeftShift"),
    PRIMITIVE(less, "Less"),
    PRIMITIVE(less_equal, "LessEqual"),
    PRIMITIVE(logaddexp, "LogAddExp"),
    PRIMITIVE(maximum, "Maximum"),
    PRIMITIVE(minimum, "Minimum"),
    PRIMITIVE(multiply, "Multiply"),
    PRIMITIVE(nan_equal, "NaNEqual"),
    PRIMITIVE(not_equal, "NotEqual"),
    PRIMITIVE(power, "Power"),
    PRIMITIVE(quotient, "Divide"),
    PRIMITIVE(remainder, "Remainder"),
    PRIMITIVE(right_shift, "RightShift"),
    PRIMITIVE(subtract, "Subtract"),
};

/* On operands cast to bool, where they are the bitwise ones. */
static bool eval_and(const mx_node *node, const mx *in, const mx *out) {
  (void)node;
  return run(MX_BINARY_bitwise_and, in, out[0]);
}
static bool eval_or(const mx_node *node, const mx *in, const mx *out) {
  (void)node;
  return run(MX_BINARY_bitwise_or, in, out[0]);
}
static void tile_and(const mx_node *node, void *out, const void *const *in, const int64_t *steps,
                     int64_t n) {
  tile_as(MX_BINARY_bitwise_and, node, out, in, steps, n);
}
static void tile_or(const mx_node *node, void *out, const void *const *in, const int64_t *steps,
                    int64_t n) {
  tile_as(MX_BINARY_bitwise_or, node, out, in, steps, n);
}
static const mx_primitive logical_and = {.name = "LogicalAnd",
                                         .eval = {eval_and},
                                         .tile = tile_and,
                                         .step = {MX_STEP_BINARY, MX_BINARY_bitwise_and},
                                         .vjp = mx_vjp_zeros,
                                         .jvp = jvp_flat,
                                         .vmap = vmap,
                                         .output_shape = mx_shape_of_all};
static const mx_primitive logical_or = {.name = "LogicalOr",
                                        .eval = {eval_or},
                                        .tile = tile_or,
                                        .step = {MX_STEP_BINARY, MX_BINARY_bitwise_or},
                                        .vjp = mx_vjp_zeros,
                                        .jvp = jvp_flat,
                                        .vmap = vmap,
                                        .output_shape = mx_shape_of_all};

/* The remainder first: the quotient may take an input's memory. */
static bool eval_divmod(const mx_node *node, const mx *in, const mx *out) {
  (void)node;
  if (!mx_out_alloc(out[1])) return false;
  mx_run_binary(MX_BINARY_fmod, in[0]->dtype, mx_operand_of(out[1]), mx_operand_of(in[0]),
                mx_operand_of(in[1]), mx_shape_of(out[1]), out[1]->ndim);
  return run(MX_BINARY_quotient, in, out[0]);
}

static bool jvp_divmod(const mx_node *node, const mx *primals, const mx *tangents,
                       const int *argnums, int count, mx *jvps) {
  (void)node, (void)tangents, (void)argnums, (void)count;
  return (jvps[0] = jvps[1] = mx_zeros_like(primals[0])) != NULL;
}

static bool vmap_divmod(const mx_node *node, const mx *in, const int *axes, mx *out,
                        int *out_axes) {
  (void)node;
  mx aligned[2];
  out_axes[0] = out_axes[1] = mx_align_batches(in, axes, 2, aligned);
  return out_axes[0] >= 0 && mx_divmod(aligned[0], aligned[1], out);
}

static const mx_primitive divmod = {.name = "DivMod",
                                    .eval = {eval_divmod},
                                    .vjp = mx_vjp_zeros,
                                    .jvp = jvp_divmod,
                                    .vmap = vmap_divmod,
                                    .output_shape = mx_shape_of_all};

/* ---- Constructors ---- */

/* Both of this dtype and of one shape. */
static bool matched(mx *a, mx *b, mx_dtype dtype) {
  *a = mx_astype(*a, dtype);
  *b = mx_astype(*b, dtype);
  return *a && *b && mx_broadcast_pair(a, b);
}

static mx make(const mx_primitive *primitive, mx a, mx b, mx_dtype dtype, mx_dtype out) {
  if (!matched(&a, &b, dtype)) return NULL;
  return mx_make(primitive, NULL, mx_spec_like(a, out), a, b);
}

#define COMMON mx_promote_types(a->dtype, b->dtype)
#define FLOAT mx_at_least_float(COMMON)
#define BINARY(name, computed)                              \
  mx mx_##name(mx a, mx b) {                                \
    if (!a || !b) return NULL;                              \
    mx_dtype dtype = computed;                              \
    return make(&primitives[MX_BINARY_##name], a, b, dtype, \
                mx_binary_dtype(MX_BINARY_##name, dtype));  \
  }
BINARY(add, COMMON)
BINARY(subtract, COMMON)
BINARY(multiply, COMMON)
BINARY(maximum, COMMON)
BINARY(minimum, COMMON)
BINARY(power, COMMON)
BINARY(remainder, COMMON)
BINARY(equal, COMMON)
BINARY(not_equal, COMMON)
BINARY(less, COMMON)
BINARY(less_equal, COMMON)
BINARY(greater, COMMON)
BINARY(greater_equal, COMMON)
BINARY(divide, FLOAT)
BINARY(arctan2, FLOAT)
BINARY(logaddexp, FLOAT)

static mx bitwise(const char *name, mx_binary_op op, mx a, mx b, bool shift) {
  if (!a || !b) return NULL;
  mx_dtype dtype = COMMON;
  if (mx_is_subdtype(dtype, MX_KIND_INEXACT))
    return mx_fail("[%s] Only allowed on integer or boolean types but got types %s and %s.", name,
                   mx_dtype_name(a->dtype), mx_dtype_name(b->dtype));
  if (shift && dtype == MX_BOOL) dtype = MX_UINT8;
  return make(&primitives[op], a, b, dtype, dtype);
}
#define BITWISE(name, shift) \
  mx mx_##name(mx a, mx b) { return bitwise(#name, MX_BINARY_##name, a, b, shift); }
BITWISE(bitwise_and, false)
BITWISE(bitwise_or, false)
BITWISE(bitwise_xor, false)
BITWISE(left_shift, true)
BITWISE(right_shift, true)

mx mx_logical_and(mx a, mx b) { return make(&logical_and, a, b, MX_BOOL, MX_BOOL); }
mx mx_logical_or(mx a, mx b) { return make(&logical_or, a, b, MX_BOOL, MX_BOOL); }

mx mx_floor_divide(mx a, mx b) {
  if (!a || !b) return NULL;
  mx_dtype dtype = COMMON;
  if (mx_is_subdtype(dtype, MX_KIND_INEXACT)) return mx_floor(mx_divide(a, b));
  return make(&primitives[MX_BINARY_quotient], a, b, dtype, dtype);
}

bool mx_divmod(mx a, mx b, mx out[2]) {
  out[0] = out[1] = NULL;
  if (!a || !b) return false;
  mx_dtype dtype = COMMON;
  if (dtype == MX_COMPLEX64) {
    mx_fail("[divmod] Complex type not supported.");
    return false;
  }
  if (!matched(&a, &b, dtype)) return false;
  mx_spec spec = mx_spec_like(a, dtype);
  return mx_make_nodes(&divmod, NULL, (mx_spec[]){spec, spec}, 2, (mx[]){a, b}, 2, out);
}

/* ---- Formulas ---- */

mx mx_isclose_with(mx a, mx b, mx_close_args args) {
  if (!a || !b) return NULL;
  mx room = mx_add(mx_float((float)args.atol), mx_multiply(mx_float((float)args.rtol), mx_abs(b)));
  mx near = mx_less_equal(mx_abs(mx_subtract(a, b)), room);
  mx infinite = mx_logical_or(mx_isinf(a), mx_isinf(b));
  mx same = mx_logical_or(mx_logical_and(mx_isposinf(a), mx_isposinf(b)),
                          mx_logical_and(mx_isneginf(a), mx_isneginf(b)));
  mx out = mx_logical_or(mx_logical_and(near, mx_logical_not(infinite)), same);
  return args.equal_nan ? mx_logical_or(out, mx_logical_and(mx_isnan(a), mx_isnan(b))) : out;
}

mx mx_allclose_with(mx a, mx b, mx_close_args args) { return mx_all(mx_isclose_with(a, b, args)); }

mx mx_array_equal_with(mx a, mx b, mx_array_equal_args args) {
  if (!a || !b) return NULL;
  if (a->ndim != b->ndim ||
      (a->ndim && memcmp(mx_shape_of(a), mx_shape_of(b), (size_t)a->ndim * sizeof(int))))
    return mx_bool(false);
  mx_dtype dtype = COMMON;
  bool nan = args.equal_nan && mx_is_subdtype(dtype, MX_KIND_INEXACT);
  const mx_primitive *primitive = &primitives[nan ? MX_BINARY_nan_equal : MX_BINARY_equal];
  return mx_all(make(primitive, a, b, dtype, MX_BOOL));
}

mx mx_clip(mx a, mx low, mx high) {
  if (!a || ((!low || !high) && mx_error())) return NULL;
  if (!low && !high) return mx_fail("[clip] At most one of a_min and a_max may be None");
  mx out = low ? mx_maximum(a, low) : a;
  return high ? mx_minimum(out, high) : out;
}

/* ---- In MLX's files ---- */

/* Integers are divided by a primitive of their own here. */
static const mx_codec *visit_divide(mx_state *s, const mx_codec *codec, void *params) {
  (void)params;
  if (s->mode == MX_STATE_WRITE) return codec;
  bool floats = s->input_count && mx_is_subdtype(s->inputs[0]->dtype, MX_KIND_INEXACT);
  return floats == (codec->variant == 0) ? codec : codec + 1;
}

static mx nan_equal(mx a, mx b) {
  return a && b ? make(&primitives[MX_BINARY_nan_equal], a, b, mx_promote_types(a->dtype, b->dtype),
                       MX_BOOL)
                : NULL;
}

static bool build_divmod(const mx_build *b) {
  return b->count == 2 && b->outputs == 2 && mx_divmod(b->in[0], b->in[1], b->out);
}

#define CLASS(shown, op) \
  { .name = shown, .primitive = &primitives[MX_BINARY_##op], .binary = mx_##op }
#define VARIANT(shown, op, visit_it, which, constructor)                                          \
  {                                                                                               \
    .name = shown, .primitive = &primitives[MX_BINARY_##op], .variant = which, .visit = visit_it, \
    .binary = constructor                                                                         \
  }
#define BITS(op, which) VARIANT("BitwiseBinary", op, mx_visit_variant, which, mx_##op)
const mx_codec mx_binary_codecs[] = {
    BITS(bitwise_and, 0),
    BITS(bitwise_or, 1),
    BITS(bitwise_xor, 2),
    BITS(left_shift, 3),
    BITS(right_shift, 4),
    VARIANT("Divide", divide, visit_divide, 0, mx_divide),
    VARIANT("Divide", quotient, visit_divide, 1, mx_floor_divide),
    VARIANT("Equal", equal, mx_visit_flag, false, mx_equal),
    VARIANT("Equal", nan_equal, mx_visit_flag, true, nan_equal),
    {.name = "LogicalAnd", .primitive = &logical_and, .binary = mx_logical_and},
    {.name = "LogicalOr", .primitive = &logical_or, .binary = mx_logical_or},
    {.name = "DivMod", .primitive = &divmod, .build = build_divmod},
    CLASS("Add", add),
    CLASS("ArcTan2", arctan2),
    CLASS("Greater", greater),
    CLASS("GreaterEqual", greater_equal),
    CLASS("Less", less),
    CLASS("LessEqual", less_equal),
    CLASS("LogAddExp", logaddexp),
    CLASS("Maximum", maximum),
    CLASS("Minimum", minimum),
    CLASS("Multiply", multiply),
    CLASS("NotEqual", not_equal),
    CLASS("Power", power),
    CLASS("Remainder", remainder),
    CLASS("Subtract", subtract),
    {0},
};
