/* Products of matrices: matmul, addmm, gather_mm, and what is made of them. */
#include "drivers/gemm.h"
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "mlx/mx/elementwise.h"
#include "mlx/mx/index.h"
#include "mlx/mx/linear.h"
#include "ops/codecs.h"
#include "ops/matmul.h"
#include "ops/rules.h"

#include <string.h>

/* ---- Evaluation ---- */

int64_t mx_matrix_offset(mx a, int64_t index) {
  int64_t offset = 0;
  for (int i = a->ndim - 3; i >= 0; i--) {
    int length = mx_shape_of(a)[i];
    offset += index % length * mx_strides_of(a)[i];
    index /= length;
  }
  return offset;
}

static int64_t row_stride(mx a) { return mx_strides_of(a)[a->ndim - 2]; }
static int64_t column_stride(mx a) { return mx_strides_of(a)[a->ndim - 1]; }

static mx_gemm_product product_of(mx a, mx b, mx out) {
  int64_t n = mx_dim(b, -1);
  return (mx_gemm_product){.dtype = out->dtype,
                           .m = mx_dim(a, -2),
                           .n = n,
                           .k = mx_dim(a, -1),
                           .a = a->data,
                           .b = b->data,
                           .out = out->data,
                           .a_row = row_stride(a),
                           .a_column = column_stride(a),
                           .b_row = row_stride(b),
                           .b_column = column_stride(b),
                           .out_row = n,
                           .alpha = 1};
}

/* The products of all pairs of matrices in a and b, and c, whose leading axes are out's. */
static bool multiply_batches(mx a, mx b, mx c, float alpha, float beta, mx out) {
  if (!mx_out_alloc(out)) return false;
  if (!out->size) return true;
  mx_gemm_product p = product_of(a, b, out);
  p.alpha = alpha;
  if (c) {
    p.c = c->data;
    p.c_row = row_stride(c), p.c_column = column_stride(c);
    p.beta = beta;
  }
  int64_t count = (int64_t)out->size / (p.m * p.n);
  if (count == 1) return mx_gemm(&p) == 0;
  mx_buffer *offsets = mx_buffer_new((size_t)count * 3 * sizeof(int64_t));
  if (!offsets) return false;
  int64_t *at = offsets->data;
  for (int64_t i = 0; i < count; i++) {
    at[i] = mx_matrix_offset(a, i);
    at[count + i] = mx_matrix_offset(b, i);
    at[2 * count + i] = c ? mx_matrix_offset(c, i) : 0;
  }
  mx_gemm_batch batch = {count, at, at + count, at + 2 * count, p.m * p.n};
  bool good = mx_gemm_batched(&p, &batch) == 0;
  mx_buffer_release(offsets);
  return good;
}

/* ---- Rules shared by matmul and addmm ---- */

static mx flipped(mx a) { return mx_conjugate(mx_swapaxes(a, -1, -2)); }

static int product_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  int ndim = in[0]->ndim;
  bool fits = ndim == in[1]->ndim && mx_dim(in[0], -1) == mx_dim(in[1], -2) &&
              mx_same_shape(mx_shape_of(in[0]), mx_shape_of(in[1]), ndim - 2);
  mx_copy_ints(shape, mx_shape_of(in[0]), ndim);
  if (fits) shape[ndim - 1] = mx_dim(in[1], -1);
  if (node->input_count > 2)
    fits = fits && in[2]->ndim == ndim && mx_same_shape(mx_shape_of(in[2]), shape, ndim);
  return fits ? ndim : mx_shapes_misfit(node, in);
}

/* The batch axis in front, and behind it room for the leading axes that others have. */
static mx batch_in_front(mx a, int axis, int ndim) {
  if (axis < 0) return a;
  a = mx_moveaxis(a, axis, 0);
  while (a && a->ndim < ndim) a = mx_expand_dims(a, MX_INTS(1));
  return a;
}

/* Leading axes of matrices are the same in all inputs, so that a batched one has one more. */
static int batched_ndim(const mx *in, const int *axes, int count) {
  int ndim = 0;
  for (int i = 0; i < count; i++) {
    int own = in[i]->ndim + (axes[i] < 0);
    if (own > ndim) ndim = own;
  }
  return ndim;
}

/* ---- matmul ---- */

static bool eval_matmul(const mx_node *node, const mx *in, const mx *out) {
  (void)node;
  return multiply_batches(in[0], in[1], NULL, 1, 0, out[0]);
}

/* The cotangent of b in a b, that of the product being t. Where b is a transpose (the weights of
 * most layers are), so is the result: then what was transposed gets a matrix that lies in rows. */
static mx pull_right(mx a, mx b, mx t) {
  return mx_is_transposed(b)
             ? mx_swapaxes(mx_matmul(mx_swapaxes(t, -1, -2), mx_conjugate(a)), -1, -2)
             : mx_matmul(flipped(a), t);
}

static bool vjp_matmul(const mx_node *node, const mx *primals, const mx *cotangents,
                       const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)node, (void)outputs;
  for (int i = 0; i < count; i++)
    vjps[i] = argnums[i] == 0 ? mx_matmul(cotangents[0], flipped(primals[1]))
                              : pull_right(primals[0], primals[1], cotangents[0]);
  return !mx_error();
}

static bool jvp_matmul(const mx_node *node, const mx *primals, const mx *tangents,
                       const int *argnums, int count, mx *jvps) {
  (void)node;
  mx sum = NULL;
  for (int i = 0; i < count; i++) {
    mx term =
        argnums[i] == 0 ? mx_matmul(tangents[i], primals[1]) : mx_matmul(primals[0], tangents[i]);
    sum = i ? mx_add(sum, term) : term;
  }
  jvps[0] = sum;
  return sum != NULL;
}

static bool vmap_matmul(const mx_node *node, const mx *in, const int *axes, mx *out,
                        int *out_axes) {
  (void)node;
  int ndim = batched_ndim(in, axes, 2);
  out[0] = mx_matmul(batch_in_front(in[0], axes[0], ndim), batch_in_front(in[1], axes[1], ndim));
  out_axes[0] = 0;
  return out[0] != NULL;
}

static const mx_primitive matmul = {.name = "Matmul",
                                    .eval = {eval_matmul},
                                    .vjp = vjp_matmul,
                                    .jvp = jvp_matmul,
                                    .vmap = vmap_matmul,
                                    .output_shape = product_shape};

/* ---- addmm ---- */

static bool eval_addmm(const mx_node *node, const mx *in, const mx *out) {
  const mx_addmm_args *p = MX_PARAMS(mx_addmm_args, node);
  return multiply_batches(in[0], in[1], in[2], p->alpha, p->beta, out[0]);
}

static mx times(mx a, float factor) {
  return factor == 1 ? a : mx_multiply(a, mx_scalar_like(factor, a));
}

static bool vjp_addmm(const mx_node *node, const mx *primals, const mx *cotangents,
                      const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)outputs;
  const mx_addmm_args *p = MX_PARAMS(mx_addmm_args, node);
  mx scaled = times(cotangents[0], p->alpha);
  for (int i = 0; i < count; i++)
    vjps[i] = argnums[i] == 0   ? mx_matmul(scaled, flipped(primals[1]))
              : argnums[i] == 1 ? pull_right(primals[0], primals[1], scaled)
                                : times(cotangents[0], p->beta);
  return !mx_error();
}

static bool jvp_addmm(const mx_node *node, const mx *primals, const mx *tangents,
                      const int *argnums, int count, mx *jvps) {
  const mx_addmm_args *p = MX_PARAMS(mx_addmm_args, node);
  mx sum = NULL;
  for (int i = 0; i < count; i++) {
    mx term = argnums[i] == 0   ? times(mx_matmul(tangents[i], primals[1]), p->alpha)
              : argnums[i] == 1 ? times(mx_matmul(primals[0], tangents[i]), p->alpha)
                                : times(tangents[i], p->beta);
    sum = i ? mx_add(sum, term) : term;
  }
  jvps[0] = sum;
  return sum != NULL;
}

/* Where only c is batched, the product is the same for all. */
static bool vmap_addmm(const mx_node *node, const mx *in, const int *axes, mx *out, int *out_axes) {
  const mx_addmm_args *p = MX_PARAMS(mx_addmm_args, node);
  int ndim = batched_ndim(in, axes, 3);
  mx moved[3];
  for (int i = 0; i < 3; i++) moved[i] = batch_in_front(in[i], axes[i], ndim);
  if (axes[0] < 0 && axes[1] < 0)
    out[0] = mx_add(times(mx_matmul(in[0], in[1]), p->alpha), times(moved[2], p->beta));
  else
    out[0] = mx_addmm_with(moved[2], moved[0], moved[1], *p);
  out_axes[0] = 0;
  return out[0] != NULL;
}

static const mx_primitive addmm = {.name = "AddMM",
                                   .params_size = sizeof(mx_addmm_args),
                                   .eval = {eval_addmm},
                                   .vjp = vjp_addmm,
                                   .jvp = jvp_addmm,
                                   .vmap = vmap_addmm,
                                   .output_shape = product_shape};

/* ---- Checks ---- */

/* Broadcasts leading axes; the last two stay. */
static bool broadcast_leading(mx *a, mx *b) {
  mx both[2] = {*a, *b};
  if ((*a)->ndim == 2 && (*b)->ndim == 2) return true;
  if (!mx_broadcast_but(both, 2, MX_INTS(-2, -1))) return false;
  *a = both[0];
  *b = both[1];
  return true;
}

static mx drop_added_axes(mx y, bool row, bool column) {
  if (row && column) return mx_squeeze(y, MX_INTS(-2, -1));
  if (row) return mx_squeeze(y, MX_INTS(-2));
  return column ? mx_squeeze(y, MX_INTS(-1)) : y;
}

/* The operands of a product: vectors made matrices, and whether they were. */
typedef struct {
  mx a, b;
  bool row, column;
} operands;

static bool check_operands(const char *op, operands *o) {
  if (!o->a || !o->b) return false;
  if (!o->a->ndim || !o->b->ndim) {
    mx_fail("[%s] Got 0 dimension input. Inputs must have at least one dimension.", op);
    return false;
  }
  o->row = o->a->ndim == 1, o->column = o->b->ndim == 1;
  if (o->row) o->a = mx_expand_dims(o->a, MX_INTS(0));
  if (o->column) o->b = mx_expand_dims(o->b, MX_INTS(1));
  if (mx_dim(o->a, -1) == mx_dim(o->b, -2)) return true;
  mx_fail("[%s] Last dimension of first input with shape %s must match second to last "
          "dimension of second input with shape %s.",
          op, mx_shape_text_of(o->a), mx_shape_text_of(o->b));
  return false;
}

static bool check_real(const char *op, mx a, mx b, mx_dtype dtype) {
  if (mx_is_subdtype(dtype, MX_KIND_FLOATING)) return true;
  mx_fail("[%s] Only real floating point types are supported but %s and %s were provided which "
          "results in %s, which is not a real floating point type.",
          op, mx_dtype_name(a->dtype), mx_dtype_name(b->dtype), mx_dtype_name(dtype));
  return false;
}

/* ---- Constructors ---- */

mx mx_matmul(mx a, mx b) {
  operands o = {.a = a, .b = b};
  if (!check_operands("matmul", &o)) return NULL;
  mx_dtype dtype = mx_promote_types(a->dtype, b->dtype);
  if (!mx_is_subdtype(dtype, MX_KIND_INEXACT))
    return mx_fail("[matmul] Only inexact types are supported but %s and %s were provided which "
                   "results in %s, which is not a floating point type.",
                   mx_dtype_name(a->dtype), mx_dtype_name(b->dtype), mx_dtype_name(dtype));
  a = mx_astype(o.a, dtype);
  b = mx_astype(o.b, dtype);
  int shape[MX_MAX_NDIM], ndim = a->ndim, n = mx_dim(b, -1);
  if (ndim > 2 && b->ndim == 2) { /* one tall product */
    mx_copy_ints(shape, mx_shape_of(a), ndim);
    shape[ndim - 1] = n;
    mx flat = mx_flatten(a, 0, -2);
    mx y = mx_make(&matmul, NULL, ((mx_spec){dtype, 2, (int[]){mx_dim(flat, 0), n}}), flat, b);
    return drop_added_axes(mx_reshape(y, (mx_ints){shape, ndim}), false, o.column);
  }
  if (!broadcast_leading(&a, &b)) return NULL;
  mx_copy_ints(shape, mx_shape_of(a), a->ndim);
  shape[a->ndim - 1] = n;
  return drop_added_axes(mx_make(&matmul, NULL, ((mx_spec){dtype, a->ndim, shape}), a, b), o.row,
                         o.column);
}

/* c as [..., m, n], from what broadcasts to the product once its added axes are dropped. */
static mx spread_addend(mx c, const int *shape, int ndim, const operands *o) {
  int dropped[MX_MAX_NDIM], count = 0;
  for (int i = 0; i < ndim; i++)
    if (!(o->row && i == ndim - 2) && !(o->column && i == ndim - 1)) dropped[count++] = shape[i];
  bool fits = c->ndim <= count;
  for (int i = 0; i < c->ndim && fits; i++) {
    int length = mx_shape_of(c)[c->ndim - 1 - i];
    fits = length == 1 || length == dropped[count - 1 - i];
  }
  if (!fits) return mx_fail("[addmm] input c must broadcast to the output shape");
  c = mx_broadcast_to(c, (mx_ints){dropped, count});
  if (o->column) c = mx_expand_dims(c, MX_INTS(-1));
  return o->row ? mx_expand_dims(c, MX_INTS(-2)) : c;
}

mx mx_addmm_with(mx c, mx a, mx b, mx_addmm_args args) {
  operands o = {.a = a, .b = b};
  if (!c || !check_operands("addmm", &o)) return NULL;
  mx_dtype dtype = mx_promote_types(mx_promote_types(a->dtype, b->dtype), c->dtype);
  if (dtype == MX_COMPLEX64)
    return mx_add(mx_multiply(mx_matmul(a, b), mx_float(args.alpha)),
                  mx_multiply(mx_float(args.beta), c));
  if (!mx_is_subdtype(dtype, MX_KIND_FLOATING))
    return mx_fail("[addmm] Only real floating point types are supported but %s, %s and %s were "
                   "provided which results in %s, which is not a real floating point type.",
                   mx_dtype_name(c->dtype), mx_dtype_name(a->dtype), mx_dtype_name(b->dtype),
                   mx_dtype_name(dtype));
  a = mx_astype(o.a, dtype);
  b = mx_astype(o.b, dtype);
  c = mx_astype(c, dtype);
  int shape[MX_MAX_NDIM], ndim = a->ndim, n = mx_dim(b, -1);
  if (ndim > 2 && b->ndim == 2 && c->ndim <= 1) { /* one tall product */
    mx_copy_ints(shape, mx_shape_of(a), ndim);
    shape[ndim - 1] = n;
    mx flat = mx_flatten(a, 0, -2);
    int tall[2] = {mx_dim(flat, 0), n};
    o.row = false;
    mx spread = spread_addend(c, tall, 2, &o);
    if (!spread) return NULL;
    mx y = mx_make(&addmm, &args, ((mx_spec){dtype, 2, tall}), flat, b, spread);
    return drop_added_axes(mx_reshape(y, (mx_ints){shape, ndim}), false, o.column);
  }
  if (!broadcast_leading(&a, &b)) return NULL;
  mx_copy_ints(shape, mx_shape_of(a), a->ndim);
  shape[a->ndim - 1] = n;
  if (!(c = spread_addend(c, shape, a->ndim, &o))) return NULL;
  return drop_added_axes(mx_make(&addmm, &args, ((mx_spec){dtype, a->ndim, shape}), a, b, c), o.row,
                         o.column);
}

/* ---- gather_mm ---- */

/* Rows of products that share a matrix of b and lie evenly in a become one product. */
static int64_t run_of(const uint32_t *right, const int64_t *at, int64_t begin, int64_t count) {
  int64_t end = begin + 1;
  while (end < count && right[end] == right[begin] &&
         at[end] - at[end - 1] == at[begin + 1] - at[begin])
    end++;
  return end - begin;
}

static bool multiply_gathered(mx a, mx b, const uint32_t *left, const uint32_t *right, mx out) {
  mx_gemm_product p = product_of(a, b, out);
  int64_t count = (int64_t)out->size / (p.m * p.n);
  size_t size = mx_dtype_size(out->dtype);
  mx_buffer *offsets = mx_buffer_new((size_t)count * sizeof(int64_t));
  if (!offsets) return false;
  int64_t *at = offsets->data;
  for (int64_t i = 0; i < count; i++) at[i] = mx_matrix_offset(a, left[i]);
  bool good = true;
  for (int64_t i = 0; i < count && good;) {
    int64_t run = p.m == 1 ? run_of(right, at, i, count) : 1;
    mx_gemm_product one = p;
    one.a = a->data + at[i] * (int64_t)size;
    one.b = b->data + mx_matrix_offset(b, right[i]) * (int64_t)size;
    one.out = out->data + (size_t)(i * p.m * p.n) * size;
    if (run > 1) one.m = run, one.a_row = at[i + 1] - at[i];
    good = mx_gemm(&one) == 0;
    i += run;
  }
  mx_buffer_release(offsets);
  return good;
}

/* Whether all indices name one of `count` matrices. */
bool mx_check_indices(const char *op, const uint32_t *indices, int64_t size, int64_t count) {
  for (int64_t i = 0; i < size; i++)
    if (indices[i] >= count) {
      mx_fail("[%s] Index %u is out of range for %lld matrices.", op, indices[i], (long long)count);
      return false;
    }
  return true;
}

int64_t mx_matrix_count(mx a) {
  int64_t count = 1;
  for (int i = 0; i < a->ndim - 2; i++) count *= mx_shape_of(a)[i];
  return count;
}

static bool eval_gather_mm(const mx_node *node, const mx *in, const mx *out) {
  (void)node;
  mx_buffer *temporary[2] = {NULL, NULL};
  const uint32_t *left = mx_row_major_data(in[2], &temporary[0]);
  const uint32_t *right = mx_row_major_data(in[3], &temporary[1]);
  int64_t size = (int64_t)in[2]->size;
  bool good = mx_out_alloc(out[0]) && (!size || (left && right)) &&
              mx_check_indices("gather_mm", left, size, mx_matrix_count(in[0])) &&
              mx_check_indices("gather_mm", right, size, mx_matrix_count(in[1]));
  if (good && out[0]->size) good = multiply_gathered(in[0], in[1], left, right, out[0]);
  mx_buffer_release(temporary[0]);
  mx_buffer_release(temporary[1]);
  return good;
}

typedef struct {
  bool left_sorted, right_sorted; /* promised by the caller */
} gather_mm_params;

/* parts [..indices, m, n] added to the matrices of zeros of this shape that `indices` name. */
static mx scatter_matrices(mx parts, mx indices, mx_ints shape) {
  if (!parts || !indices) return NULL;
  int flat[3] = {1, shape.data[shape.size - 2], shape.data[shape.size - 1]};
  for (int i = 0; i < shape.size - 2; i++) flat[0] *= shape.data[i];
  mx zeros = mx_zeros((mx_ints){flat, 3}, parts->dtype);
  mx sums = mx_scatter_add(zeros, &indices, 1, mx_expand_dims(parts, MX_INTS(-3)), MX_INTS(0));
  return mx_reshape(sums, shape);
}

mx mx_gathered_pull(mx parts, mx left, mx x) {
  return scatter_matrices(parts, left, (mx_ints){mx_shape_of(x), x->ndim});
}

mx mx_gathered_gradient(mx x, mx t, mx left, mx right, mx_ints shape, bool transpose) {
  mx parts = transpose ? mx_gather_mm(mx_swapaxes(t, -1, -2), x, .rhs_indices = left)
                       : mx_gather_mm(mx_swapaxes(x, -1, -2), t, .lhs_indices = left);
  return scatter_matrices(parts, right, shape);
}

static bool vjp_gather_mm(const mx_node *node, const mx *primals, const mx *cotangents,
                          const int *argnums, int count, const mx *outputs, mx *vjps) {
  (void)node, (void)outputs;
  mx a = primals[0], b = primals[1], left = primals[2], right = primals[3];
  for (int i = 0; i < count; i++) {
    if (argnums[i] > 1) {
      mx_fail("[GatherMM] Cannot calculate VJP with respect to indices.");
      return false;
    }
    if (argnums[i] == 0)
      vjps[i] = mx_gathered_pull(
          mx_gather_mm(cotangents[0], mx_swapaxes(b, -1, -2), .rhs_indices = right), left, a);
    else
      vjps[i] = mx_gathered_gradient(a, cotangents[0], left, right,
                                     (mx_ints){mx_shape_of(b), b->ndim}, false);
  }
  return !mx_error();
}

static bool jvp_gather_mm(const mx_node *node, const mx *primals, const mx *tangents,
                          const int *argnums, int count, mx *jvps) {
  (void)node;
  mx sum = NULL;
  for (int i = 0; i < count; i++) {
    if (argnums[i] > 1) {
      mx_fail("[GatherMM] Cannot calculate JVP with respect to indices.");
      return false;
    }
    mx a = argnums[i] == 0 ? tangents[i] : primals[0];
    mx b = argnums[i] == 1 ? tangents[i] : primals[1];
    mx term = mx_gather_mm(a, b, .lhs_indices = primals[2], .rhs_indices = primals[3]);
    sum = sum ? mx_add(sum, term) : term;
  }
  return (jvps[0] = sum) != NULL;
}

mx mx_batched_indices(mx indices, int axis, int length, mx a, int a_axis) {
  mx front = mx_batched(indices, axis, length);
  if (!front || a_axis < 0) return front;
  int shape[MX_MAX_NDIM];
  for (int i = 0; i < front->ndim; i++) shape[i] = i ? 1 : length;
  double each = length ? (double)mx_matrix_count(a) / length : 0;
  mx first = mx_arange(0, each * length, each > 0 ? each : 1, MX_UINT32);
  return each > 0 ? mx_add(front, mx_reshape(first, (mx_ints){shape, front->ndim})) : front;
}

static bool vmap_gather_mm(const mx_node *node, const mx *in, const int *axes, mx *out,
                           int *out_axes) {
  (void)node;
  int length = mx_batch_length(in, axes, 4);
  mx a = mx_batch_in_front(in[0], axes[0]), b = mx_batch_in_front(in[1], axes[1]);
  if (!a || !b) return false;
  mx left = mx_batched_indices(in[2], axes[2], length, a, axes[0]);
  mx right = mx_batched_indices(in[3], axes[3], length, b, axes[1]);
  out[0] = mx_gather_mm(a, b, .lhs_indices = left, .rhs_indices = right);
  out_axes[0] = 0;
  return out[0] != NULL;
}

static int gather_mm_shape(const mx_node *node, const mx *in, int output, int *shape) {
  (void)output;
  int ndim = in[2]->ndim;
  if (mx_dim(in[0], -1) != mx_dim(in[1], -2) || !mx_same_shape_but(in[2], in[3], -1))
    return mx_shapes_misfit(node, in);
  mx_copy_ints(shape, mx_shape_of(in[2]), ndim);
  shape[ndim] = mx_dim(in[0], -2);
  shape[ndim + 1] = mx_dim(in[1], -1);
  return ndim + 2;
}

static const mx_primitive gather_mm = {.name = "GatherMM",
                                       .params_size = sizeof(gather_mm_params),
                                       .eval = {eval_gather_mm},
                                       .vjp = vjp_gather_mm,
                                       .jvp = jvp_gather_mm,
                                       .vmap = vmap_gather_mm,
                                       .output_shape = gather_mm_shape};

mx mx_matrix_indices(const char *op, mx indices, mx a) {
  if (!indices) {
    int64_t count = mx_matrix_count(a);
    return mx_reshape(mx_arange(0, (double)count, 1, MX_UINT32),
                      (mx_ints){mx_shape_of(a), a->ndim - 2});
  }
  if (!mx_is_subdtype(indices->dtype, MX_KIND_INTEGER))
    return mx_fail("[%s] Got indices with invalid dtype. Indices must be integral.", op);
  return mx_astype(indices, MX_UINT32);
}

mx mx_gather_mm_with(mx a, mx b, mx_gather_mm_args args) {
  if (!args.lhs_indices && !args.rhs_indices) return mx_matmul(a, b);
  operands o = {.a = a, .b = b};
  if (!check_operands("gather_mm", &o)) return NULL;
  mx_dtype dtype = mx_promote_types(a->dtype, b->dtype);
  if (!check_real("gather_mm", a, b, dtype)) return NULL;
  a = mx_astype(o.a, dtype);
  b = mx_astype(o.b, dtype);
  mx left = mx_matrix_indices("gather_mm", args.lhs_indices, a);
  mx right = mx_matrix_indices("gather_mm", args.rhs_indices, b);
  if (!left || !right || !mx_broadcast_pair(&left, &right)) return NULL;
  int shape[MX_MAX_NDIM], ndim = left->ndim;
  mx_copy_ints(shape, mx_shape_of(left), ndim);
  shape[ndim] = mx_dim(a, -2);
  shape[ndim + 1] = mx_dim(b, -1);
  gather_mm_params p = {args.sorted_indices && !args.rhs_indices,
                        args.sorted_indices && !args.lhs_indices};
  mx y = mx_make(&gather_mm, &p, ((mx_spec){dtype, ndim + 2, shape}), a, b, left, right);
  return drop_added_axes(y, o.row, o.column);
}

/* ---- tensordot, outer, inner ---- */

/* a with the axes in `axes` moved last (or first), as a matrix. `kept` gets the other lengths. */
static mx contracted(mx a, const int *axes, int count, bool last, int *kept, int *kept_count) {
  int order[MX_MAX_NDIM], others = a->ndim - count, inner = 1, outer = 1, next = last ? 0 : count;
  for (int i = 0; i < a->ndim; i++) {
    bool taken = false;
    for (int k = 0; k < count; k++) taken |= axes[k] == i;
    if (taken) continue;
    order[next++] = i;
    outer *= kept[(*kept_count)++] = mx_shape_of(a)[i];
  }
  for (int k = 0; k < count; k++) {
    order[(last ? others : 0) + k] = axes[k];
    inner *= mx_shape_of(a)[axes[k]];
  }
  mx moved = mx_transpose(a, .axes = (mx_ints){order, a->ndim});
  return mx_reshape(moved, last ? MX_INTS(outer, inner) : MX_INTS(inner, outer));
}

mx mx_tensordot_axes(mx a, mx b, mx_ints axes_a, mx_ints axes_b) {
  if (!a || !b) return NULL;
  if (axes_a.size != axes_b.size) return mx_fail("[tensordot] axes must have the same size.");
  int in_a[MX_MAX_NDIM], in_b[MX_MAX_NDIM], shape[2 * MX_MAX_NDIM], ndim = 0;
  if (mx_normalize_axes("tensordot", axes_a, a->ndim, in_a) < 0 ||
      mx_normalize_axes("tensordot", axes_b, b->ndim, in_b) < 0)
    return NULL;
  for (int i = 0; i < axes_a.size; i++) {
    in_a[i] = axes_a.data[i] + (axes_a.data[i] < 0 ? a->ndim : 0);
    in_b[i] = axes_b.data[i] + (axes_b.data[i] < 0 ? b->ndim : 0);
    if (mx_shape_of(a)[in_a[i]] != mx_shape_of(b)[in_b[i]])
      return mx_fail("[tensordot] a and b must have the same shape on the contracted axes.");
  }
  mx x = contracted(a, in_a, axes_a.size, true, shape, &ndim);
  mx y = contracted(b, in_b, axes_b.size, false, shape, &ndim);
  if (ndim > MX_MAX_NDIM) return mx_fail("[tensordot] The result would have %d axes.", ndim);
  return mx_reshape(mx_matmul(x, y), (mx_ints){shape, ndim});
}

mx mx_tensordot(mx a, mx b, int axes) {
  if (!a || !b) return NULL;
  if (axes < 0) return mx_fail("[tensordot] axis must be greater or equal to 0.");
  if (axes > a->ndim || axes > b->ndim)
    return mx_fail("[tensordot] axis must be less than the number of dimensions of a and b.");
  int in_a[MX_MAX_NDIM], in_b[MX_MAX_NDIM];
  for (int i = 0; i < axes; i++) in_a[i] = i - axes, in_b[i] = i;
  return mx_tensordot_axes(a, b, (mx_ints){in_a, axes}, (mx_ints){in_b, axes});
}

mx mx_outer(mx a, mx b) {
  if (!a || !b) return NULL;
  return mx_multiply(mx_reshape(a, MX_INTS(-1, 1)), mx_reshape(b, MX_INTS(1, -1)));
}

mx mx_inner(mx a, mx b) {
  if (!a || !b) return NULL;
  if (!a->ndim || !b->ndim) return mx_multiply(a, b);
  if (mx_dim(a, -1) != mx_dim(b, -1))
    return mx_fail("[inner] a and b must have the same last dimension.");
  return mx_tensordot_axes(a, b, MX_INTS(-1), MX_INTS(-1));
}

mx mx_kron(mx a, mx b) {
  if (!a || !b) return NULL;
  if (!a->size || !b->size) return mx_fail("[kron] Input arrays cannot be empty.");
  int ndim = a->ndim > b->ndim ? a->ndim : b->ndim;
  if (2 * ndim > MX_MAX_NDIM)
    return mx_fail("[kron] arrays have at most %d axes, not %d.", MX_MAX_NDIM / 2, ndim);
  int shape_a[MX_MAX_NDIM], shape_b[MX_MAX_NDIM], shape[MX_MAX_NDIM];
  for (int i = 0; i < ndim; i++) {
    int in_a = i - ndim + a->ndim, in_b = i - ndim + b->ndim;
    shape_a[2 * i] = in_a < 0 ? 1 : mx_shape_of(a)[in_a];
    shape_b[2 * i + 1] = in_b < 0 ? 1 : mx_shape_of(b)[in_b];
    shape_a[2 * i + 1] = shape_b[2 * i] = 1;
    shape[i] = shape_a[2 * i] * shape_b[2 * i + 1];
  }
  mx blocks = mx_multiply(mx_reshape(a, (mx_ints){shape_a, 2 * ndim}),
                          mx_reshape(b, (mx_ints){shape_b, 2 * ndim}));
  return mx_reshape(blocks, (mx_ints){shape, ndim});
}

/* ---- In MLX's files ---- */

static const mx_codec *visit_addmm(mx_state *s, const mx_codec *codec, void *params) {
  mx_addmm_args *p = params;
  mx_state_float(s, &p->alpha);
  mx_state_float(s, &p->beta);
  return codec;
}

static bool build_addmm(const mx_build *b) {
  const mx_addmm_args *p = b->params;
  return MX_BUILT(b, 3, mx_addmm_with(b->in[2], b->in[0], b->in[1], *p));
}

static const mx_codec *visit_gather_mm(mx_state *s, const mx_codec *codec, void *params) {
  gather_mm_params *p = params;
  mx_state_bool(s, &p->left_sorted);
  mx_state_bool(s, &p->right_sorted);
  return codec;
}

static bool build_gather_mm(const mx_build *b) {
  const gather_mm_params *p = b->params;
  return MX_BUILT(b, 4,
                  mx_gather_mm(b->in[0], b->in[1], .lhs_indices = b->in[2], .rhs_indices = b->in[3],
                               .sorted_indices = p->right_sorted));
}

const mx_codec mx_matmul_codecs[] = {
    {.name = "Matmul", .primitive = &matmul, .binary = mx_matmul},
    {.name = "AddMM", .primitive = &addmm, .visit = visit_addmm, .build = build_addmm},
    {.name = "GatherMM",
     .primitive = &gather_mm,
     .visit = visit_gather_mm,
     .build = build_gather_mm},
    {0},
};
