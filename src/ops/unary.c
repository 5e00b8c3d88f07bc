/* Operations of one operand: one table of primitives for all, made from the kernels' list. */
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "mlx/mx/elementwise.h"
#include "ops/codecs.h"
#include "ops/elementwise.h"
#include "ops/unary_rules.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Memory that is not much larger than the output: a small view must not hold a large block. */
static bool may_become(mx out, mx in) {
  size_t bytes = out->size * mx_dtype_size(out->dtype);
  return mx_dtype_size(in->dtype) == mx_dtype_size(out->dtype) && mx_is_donatable(in) &&
         in->buffer->size <= bytes + (16 << 10);
}

static bool is_scalar(mx a) {
  for (int i = 0; i < a->ndim; i++)
    if (mx_shape_of(a)[i] != 1 && mx_strides_of(a)[i]) return false;
  return true;
}

/* Whether out in a's layout lets b be read along with it in long runs. */
static bool agree(mx a, mx b) {
  if (a == b || is_scalar(b)) return true;
  if (a->row_contiguous) return b->row_contiguous || !b->dense;
  return a->ndim == 0 ||
         !memcmp(mx_strides_of(a), mx_strides_of(b), (size_t)a->ndim * sizeof(int64_t));
}

bool mx_out_elementwise(mx out, const mx *inputs, int count) {
  mx like = NULL;
  for (int i = 0; i < count; i++) {
    bool fits = inputs[i]->dense;
    for (int k = 0; fits && k < count; k++) fits = agree(inputs[i], inputs[k]);
    if (!fits) continue;
    if (may_become(out, inputs[i])) {
      mx_out_share(out, inputs[i]);
      return true;
    }
    if (!like) like = inputs[i];
  }
  if (like) return mx_out_alloc_like(out, like);
  for (int i = 0; i < count; i++)
    if (inputs[i]->row_contiguous && may_become(out, inputs[i])) {
      mx_out_share(out, inputs[i]);
      return true;
    }
  return mx_out_alloc(out);
}

/* ---- The table ---- */

static const mx_primitive primitives[MX_UNARY_COUNT];

static bool eval(const mx_node *node, const mx *in, const mx *out) {
  if (!mx_out_elementwise(out[0], in, 1)) return false;
  mx_run_unary((mx_unary_op)(node->primitive - primitives), in[0]->dtype, mx_operand_of(out[0]),
               mx_operand_of(in[0]), mx_shape_of(out[0]), out[0]->ndim);
  return true;
}

static void tile(const mx_node *node, void *out, const void *const *in, const int64_t *steps,
                 int64_t n) {
  mx_unary_op op = (mx_unary_op)(node->primitive - primitives);
  mx_dtype dtype = node->inputs[0]->dtype;
  mx_k->unary(op, dtype, out, in[0], steps[0] ? n : 1);
  if (!steps[0]) mx_k->copy_fill(out, out, n, (int)mx_dtype_size(mx_unary_dtype(op, dtype)));
}

static mx make(mx_unary_op op, mx a) {
  return mx_make(&primitives[op], NULL, mx_spec_like(a, mx_unary_dtype(op, a->dtype)), a);
}

static mx_unary_op op_of(const mx_node *node) {
  return (mx_unary_op)(node->primitive - primitives);
}

static bool vjp(const mx_node *node, const mx *primals, const mx *cotangents, const int *argnums,
                int count, const mx *outputs, mx *vjps) {
  (void)argnums, (void)count;
  return (vjps[0] = mx_unary_pull(op_of(node), primals[0], outputs[0], cotangents[0])) != NULL;
}

static bool jvp(const mx_node *node, const mx *primals, const mx *tangents, const int *argnums,
                int count, mx *jvps) {
  (void)argnums, (void)count;
  mx y = make(op_of(node), primals[0]);
  return (jvps[0] = mx_unary_push(op_of(node), primals[0], y, tangents[0])) != NULL;
}

static bool vmap(const mx_node *node, const mx *in, const int *axes, mx *out, int *out_axes) {
  out_axes[0] = axes[0];
  return (out[0] = make(op_of(node), in[0])) != NULL;
}

#define PRIMITIVE(op, shown)                                 \
  [MX_UNARY_##op] = {.name = shown,                          \
                     .eval = {eval},                         \
                     .vjp = vjp,                             \
                     .jvp = jvp,                             \
                     .vmap = vmap,                           \
                     .tile = tile,                           \
                     .step = {MX_STEP_UNARY, MX_UNARY_##op}, \
                     .output_shape = mx_shape_of_first}

static const mx_primitive primitives[MX_UNARY_COUNT] = {
    PRIMITIVE(abs, "Abs"),           PRIMITIVE(arccos, "ArcCos"),
    PRIMITIVE(arccosh, "ArcCosh"),   PRIMITIVE(arcsin, "ArcSin"),
    PRIMITIVE(arcsinh, "ArcSinh"),   PRIMITIVE(arctan, "ArcTan"),
    PRIMITIVE(arctanh, "ArcTanh"),   PRIMITIVE(bitwise_invert, "BitwiseInvert"),
    PRIMITIVE(ceil, "Ceil"),         PRIMITIVE(conjugate, "Conjugate"),
    PRIMITIVE(cos, "Cos"),           PRIMITIVE(cosh, "Cosh"),
    PRIMITIVE(erf, "Erf"),           PRIMITIVE(erfinv, "ErfInv"),
    PRIMITIVE(exp, "Exp"),           PRIMITIVE(expm1, "Expm1"),
    PRIMITIVE(floor, "Floor"),       PRIMITIVE(imag, "Imag"),
    PRIMITIVE(isfinite, "IsFinite"), PRIMITIVE(isinf, "IsInf"),
    PRIMITIVE(isnan, "IsNaN"),       PRIMITIVE(isneginf, "IsNegInf"),
    PRIMITIVE(isposinf, "IsPosInf"), PRIMITIVE(log, "Log"),
    PRIMITIVE(log10, "Log10"),       PRIMITIVE(log1p, "Log1p"),
    PRIMITIVE(log2, "Log2"),         PRIMITIVE(logical_not, "LogicalNot"),
    PRIMITIVE(negative, "Negative"), PRIMITIVE(real, "Real"),
    PRIMITIVE(round, "Round"),       PRIMITIVE(rsqrt, "Rsqrt"),
    PRIMITIVE(sigmoid, "Sigmoid"),   PRIMITIVE(sign, "Sign"),
    PRIMITIVE(sin, "Sin"),           PRIMITIVE(sinh, "Sinh"),
    PRIMITIVE(sqrt, "Sqrt"),         PRIMITIVE(square, "Square"),
    PRIMITIVE(tan, "Tan"),           PRIMITIVE(tanh, "Tanh"),
};

/* ---- Constructors ---- */

static bool is_float(mx a) { return mx_is_subdtype(a->dtype, MX_KIND_INEXACT); }
static bool is_unsigned(mx a) {
  return a->dtype == MX_BOOL || mx_is_subdtype(a->dtype, MX_KIND_UNSIGNEDINTEGER);
}

/* Integers become float32 first. */
#define OF_FLOATS(name)                               \
  mx mx_##name(mx a) {                                \
    if (!a) return NULL;                              \
    mx x = mx_astype(a, mx_at_least_float(a->dtype)); \
    return x ? make(MX_UNARY_##name, x) : NULL;       \
  }
OF_FLOATS(arccos)
OF_FLOATS(arccosh)
OF_FLOATS(arcsin)
OF_FLOATS(arcsinh)
OF_FLOATS(arctan)
OF_FLOATS(arctanh)
OF_FLOATS(cos)
OF_FLOATS(cosh)
OF_FLOATS(exp)
OF_FLOATS(expm1)
OF_FLOATS(log)
OF_FLOATS(log10)
OF_FLOATS(log1p)
OF_FLOATS(log2)
OF_FLOATS(rsqrt)
OF_FLOATS(sigmoid)
OF_FLOATS(sin)
OF_FLOATS(sinh)
OF_FLOATS(sqrt)
OF_FLOATS(tan)
OF_FLOATS(tanh)

#define OF_REALS(name)                                                                        \
  mx mx_##name(mx a) {                                                                        \
    if (!a) return NULL;                                                                      \
    if (a->dtype == MX_COMPLEX64) return mx_fail("[" #name "] Not supported for complex64."); \
    mx x = mx_astype(a, mx_at_least_float(a->dtype));                                         \
    return x ? make(MX_UNARY_##name, x) : NULL;                                               \
  }
OF_REALS(erf)
OF_REALS(erfinv)

/* Nothing to do for integers. */
#define ROUNDING(name)                                                                        \
  mx mx_##name(mx a) {                                                                        \
    if (!a) return NULL;                                                                      \
    if (a->dtype == MX_COMPLEX64) return mx_fail("[" #name "] Not supported for complex64."); \
    return is_float(a) ? make(MX_UNARY_##name, a) : mx_same(a);                               \
  }
ROUNDING(floor)
ROUNDING(ceil)

/* What integers are never, or always. */
#define TEST(name, of_integers)                                                        \
  mx mx_##name(mx a) {                                                                 \
    if (!a) return NULL;                                                               \
    if (is_float(a)) return make(MX_UNARY_##name, a);                                  \
    return mx_full((mx_ints){mx_shape_of(a), a->ndim}, mx_bool(of_integers), MX_BOOL); \
  }
TEST(isnan, false)
TEST(isinf, false)
TEST(isposinf, false)
TEST(isneginf, false)
TEST(isfinite, true)

mx mx_abs(mx a) {
  if (!a) return NULL;
  return is_unsigned(a) ? mx_same(a) : make(MX_UNARY_abs, a);
}

mx mx_negative(mx a) {
  if (!a) return NULL;
  if (a->dtype == MX_BOOL)
    return mx_fail("[negative] Not supported for bool, use logical_not instead.");
  return make(MX_UNARY_negative, a);
}

mx mx_sign(mx a) {
  if (!a) return NULL;
  return a->dtype == MX_BOOL ? mx_same(a) : make(MX_UNARY_sign, a);
}

mx mx_square(mx a) { return a ? make(MX_UNARY_square, a) : NULL; }

mx mx_bitwise_invert(mx a) {
  if (!a) return NULL;
  if (is_float(a))
    return mx_fail("[bitwise_invert] Bitwise inverse only allowed on integer types.");
  return a->dtype == MX_BOOL ? mx_logical_not(a) : make(MX_UNARY_bitwise_invert, a);
}

mx mx_logical_not(mx a) {
  mx x = mx_astype(a, MX_BOOL);
  return x ? make(MX_UNARY_logical_not, x) : NULL;
}

mx mx_conjugate(mx a) {
  if (!a) return NULL;
  return a->dtype == MX_COMPLEX64 ? make(MX_UNARY_conjugate, a) : mx_same(a);
}

mx mx_real(mx a) {
  if (!a) return NULL;
  return a->dtype == MX_COMPLEX64 ? make(MX_UNARY_real, a) : mx_same(a);
}

mx mx_imag(mx a) {
  if (!a) return NULL;
  return a->dtype == MX_COMPLEX64 ? make(MX_UNARY_imag, a) : mx_zeros_like(a);
}

/* ---- Formulas ---- */

mx mx_reciprocal(mx a) {
  return a ? mx_divide(mx_scalar(1, mx_at_least_float(a->dtype)), a) : NULL;
}

mx mx_degrees(mx a) {
  return a ? mx_multiply(a, mx_scalar(180 / M_PI, mx_at_least_float(a->dtype))) : NULL;
}

mx mx_radians(mx a) {
  return a ? mx_multiply(a, mx_scalar(M_PI / 180, mx_at_least_float(a->dtype))) : NULL;
}

mx mx_round_with(mx a, mx_round_args args) {
  if (!a) return NULL;
  if (args.decimals == 0) return is_float(a) ? make(MX_UNARY_round, a) : mx_same(a);
  mx_dtype dtype = mx_at_least_float(a->dtype);
  float scale = (float)pow(10, args.decimals);
  mx scaled = mx_round(mx_multiply(a, mx_scalar(scale, dtype)));
  return mx_astype(mx_multiply(scaled, mx_scalar(1 / scale, dtype)), a->dtype);
}

/* The largest finite number; 0 where the question has no answer. */
static double largest(mx_dtype dtype) {
  switch (dtype) {
  case MX_FLOAT16: return 65504;
  case MX_BFLOAT16: return 0x1.fep127;
  case MX_FLOAT32: return FLT_MAX;
  case MX_FLOAT64: return DBL_MAX;
  default: return 0;
  }
}

mx mx_nan_to_num_with(mx a, mx_nan_to_num_args args) {
  if (!a || !is_float(a)) return a ? mx_same(a) : NULL;
  double most = largest(a->dtype);
  if (most == 0 && (isnan(args.posinf) || isnan(args.neginf)))
    return mx_fail("[nan_to_num] Does not yet support given type: %s.", mx_dtype_name(a->dtype));
  mx high = mx_scalar(isnan(args.posinf) ? most : (double)args.posinf, a->dtype);
  mx low = mx_scalar(isnan(args.neginf) ? -most : (double)args.neginf, a->dtype);
  mx out = mx_where(mx_isnan(a), mx_scalar((double)args.nan, a->dtype), a);
  out = mx_where(mx_isposinf(a), high, out);
  return mx_where(mx_isneginf(a), low, out);
}

/* ---- In MLX's files ---- */

/* MLX compares where this asks. */
static bool expand(const mx_node *node, const mx *in, mx *out) {
  mx x = in[0];
  if (!x) return false;
  mx high = mx_scalar(INFINITY, x->dtype), low = mx_scalar(-INFINITY, x->dtype);
  mx infinite = mx_logical_or(mx_equal(x, high), mx_equal(x, low));
  switch (op_of(node)) {
  case MX_UNARY_isnan: out[0] = mx_not_equal(x, x); break;
  case MX_UNARY_isposinf: out[0] = mx_equal(x, high); break;
  case MX_UNARY_isneginf: out[0] = mx_equal(x, low); break;
  case MX_UNARY_isinf: out[0] = infinite; break;
  default: out[0] = mx_logical_not(mx_logical_or(infinite, mx_not_equal(x, x))); break;
  }
  return out[0] != NULL;
}

static mx round_to_integer(mx a) { return mx_round(a); }

#define CLASS(shown, op) \
  { .name = shown, .primitive = &primitives[MX_UNARY_##op], .unary = mx_##op }
#define VARIANT(shown, op, visit_it, which)                                                      \
  {                                                                                              \
    .name = shown, .primitive = &primitives[MX_UNARY_##op], .variant = which, .visit = visit_it, \
    .unary = mx_##op                                                                             \
  }
#define EXPANDED(op) \
  { .name = "", .primitive = &primitives[MX_UNARY_##op], .expand = expand }
const mx_codec mx_unary_codecs[] = {
    VARIANT("Log", log2, mx_visit_variant, 0),
    VARIANT("Log", log10, mx_visit_variant, 1),
    VARIANT("Log", log, mx_visit_variant, 2),
    VARIANT("Sqrt", sqrt, mx_visit_flag, false),
    VARIANT("Sqrt", rsqrt, mx_visit_flag, true),
    CLASS("Abs", abs),
    CLASS("ArcCos", arccos),
    CLASS("ArcCosh", arccosh),
    CLASS("ArcSin", arcsin),
    CLASS("ArcSinh", arcsinh),
    CLASS("ArcTan", arctan),
    CLASS("ArcTanh", arctanh),
    CLASS("BitwiseInvert", bitwise_invert),
    CLASS("Ceil", ceil),
    CLASS("Conjugate", conjugate),
    CLASS("Cos", cos),
    CLASS("Cosh", cosh),
    CLASS("Erf", erf),
    CLASS("ErfInv", erfinv),
    CLASS("Exp", exp),
    CLASS("Expm1", expm1),
    CLASS("Floor", floor),
    CLASS("Imag", imag),
    CLASS("Log1p", log1p),
    CLASS("LogicalNot", logical_not),
    CLASS("Negative", negative),
    CLASS("Real", real),
    {.name = "Round", .primitive = &primitives[MX_UNARY_round], .unary = round_to_integer},
    CLASS("Sigmoid", sigmoid),
    CLASS("Sign", sign),
    CLASS("Sin", sin),
    CLASS("Sinh", sinh),
    CLASS("Square", square),
    CLASS("Tan", tan),
    CLASS("Tanh", tanh),
    EXPANDED(isfinite),
    EXPANDED(isinf),
    EXPANDED(isnan),
    EXPANDED(isneginf),
    EXPANDED(isposinf),
    {0},
};
