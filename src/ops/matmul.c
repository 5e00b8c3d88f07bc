/* Products of matrices. */
#include "base/pool.h"
#include "drivers/copy.h"
#include "mlx/mx/cast.h"
#include "mlx/mx/elementwise.h"
#include "mlx/mx/linear.h"
#include "ops/ops.h"

#include <string.h>

/* ---- Evaluation ---- */

/* One product of dense operands in float64 or complex64: rows of a [m, k] with rows of b [n, k]. */
typedef struct {
  const void *a, *b;
  void *out;
  int64_t n, k;
  bool is_complex;
} product;

static void product_rows(void *context, int64_t begin, int64_t end) {
  const product *p = context;
  for (int64_t i = begin * p->n; i < end * p->n; i++) {
    int64_t row = i / p->n, column = i % p->n;
    if (p->is_complex) {
      const mx_complex64 *x = (const mx_complex64 *)p->a + row * p->k;
      const mx_complex64 *y = (const mx_complex64 *)p->b + column * p->k;
      double re = 0, im = 0;
      for (int64_t j = 0; j < p->k; j++) {
        re += (double)x[j].re * y[j].re - (double)x[j].im * y[j].im;
        im += (double)x[j].re * y[j].im + (double)x[j].im * y[j].re;
      }
      ((mx_complex64 *)p->out)[i] = (mx_complex64){(float)re, (float)im};
    } else {
      const double *x = (const double *)p->a + row * p->k,
                   *y = (const double *)p->b + column * p->k;
      double sum = 0;
      for (int64_t j = 0; j < p->k; j++) sum += x[j] * y[j];
      ((double *)p->out)[i] = sum;
    }
  }
}

/* Matrix `index` of a batch, as a dense copy of dtype `wide`, transposed if asked. */
static void open_matrix(void *to, mx_dtype wide, mx a, int64_t index, bool transposed) {
  const int *shape = mx_shape_of(a);
  const int64_t *strides = mx_strides_of(a);
  int last = a->ndim - 1;
  int64_t offset = 0;
  for (int i = last - 2; i >= 0; i--) {
    offset += index % shape[i] * strides[i];
    index /= shape[i];
  }
  int rows = transposed ? last : last - 1, columns = transposed ? last - 1 : last;
  int size[2] = {shape[rows], shape[columns]};
  int64_t from[2] = {strides[rows], strides[columns]}, into[2] = {size[1], 1};
  mx_copy_strided(to, wide, into, a->data + offset * (int64_t)mx_dtype_size(a->dtype), a->dtype,
                  from, size, 2);
}

static bool multiply_batches(mx a, mx b, mx out) {
  mx_dtype wide = out->dtype == MX_COMPLEX64 ? MX_COMPLEX64 : MX_FLOAT64;
  int64_t m = mx_dim(a, -2), k = mx_dim(a, -1), n = mx_dim(b, -1);
  int64_t batches = m && n ? (int64_t)out->size / (m * n) : 0;
  mx_buffer *x = mx_buffer_new((size_t)(m * k) * 8), *y = mx_buffer_new((size_t)(n * k) * 8);
  mx_buffer *z = mx_buffer_new((size_t)(m * n) * 8);
  for (int64_t i = 0; i < batches && x && y && z; i++) {
    if (k) open_matrix(x->data, wide, a, i, false);
    if (k) open_matrix(y->data, wide, b, i, true);
    product p = {x->data, y->data, z->data, n, k, wide == MX_COMPLEX64};
    mx_pool_run(m, 1 + 65536 / (n * (k + 1)), product_rows, &p);
    mx_copy_dense(out->data + (size_t)(i * m * n) * mx_dtype_size(out->dtype), out->dtype, z->data,
                  wide, m * n);
  }
  bool good = x && y && z;
  mx_buffer_release(x);
  mx_buffer_release(y);
  mx_buffer_release(z);
  return good;
}

static bool eval_matmul(const mx_node *node, const mx *in, const mx *out) {
  (void)node;
  return mx_out_alloc(out[0]) && multiply_batches(in[0], in[1], out[0]);
}

static const mx_primitive matmul = {.name = "Matmul", .eval = {eval_matmul}};

/* ---- matmul ---- */

/* Broadcasts leading axes; the last two stay. */
static bool broadcast_leading(mx *a, mx *b) {
  if ((*a)->ndim == 2 && (*b)->ndim == 2) return true;
  int shape[MX_MAX_NDIM], lead_a = (*a)->ndim - 2, lead_b = (*b)->ndim - 2;
  int ndim = lead_a > lead_b ? lead_a : lead_b;
  for (int i = 0; i < ndim; i++) {
    int ia = i - (ndim - lead_a), ib = i - (ndim - lead_b);
    int na = ia < 0 ? 1 : mx_shape_of(*a)[ia], nb = ib < 0 ? 1 : mx_shape_of(*b)[ib];
    if (na != nb && na != 1 && nb != 1) {
      mx_fail("[broadcast_shapes] Shapes %s and %s cannot be broadcast.", mx_shape_text_of(*a),
              mx_shape_text_of(*b));
      return false;
    }
    shape[i] = na == 1 ? nb : na;
  }
  for (int side = 0; side < 2; side++) {
    mx *m = side ? b : a;
    shape[ndim] = mx_dim(*m, -2);
    shape[ndim + 1] = mx_dim(*m, -1);
    *m = mx_broadcast_to(*m, (mx_ints){shape, ndim + 2});
  }
  return *a && *b;
}

static mx drop_added_axes(mx y, bool row, bool column) {
  if (row && column) return mx_squeeze(y, MX_INTS(-2, -1));
  if (row) return mx_squeeze(y, MX_INTS(-2));
  return column ? mx_squeeze(y, MX_INTS(-1)) : y;
}

mx mx_matmul(mx a, mx b) {
  if (!a || !b) return NULL;
  if (!a->ndim || !b->ndim)
    return mx_fail("[matmul] Got 0 dimension input. Inputs must have at least one dimension.");
  bool row = a->ndim == 1, column = b->ndim == 1;
  if (row) a = mx_expand_dims(a, MX_INTS(0));
  if (column) b = mx_expand_dims(b, MX_INTS(1));
  if (mx_dim(a, -1) != mx_dim(b, -2))
    return mx_fail("[matmul] Last dimension of first input with shape %s must match second to last "
                   "dimension of second input with shape %s.",
                   mx_shape_text_of(a), mx_shape_text_of(b));
  mx_dtype dtype = mx_promote_types(a->dtype, b->dtype);
  if (!mx_is_subdtype(dtype, MX_KIND_INEXACT))
    return mx_fail("[matmul] Only inexact types are supported but %s and %s were provided which "
                   "results in %s, which is not a floating point type.",
                   mx_dtype_name(a->dtype), mx_dtype_name(b->dtype), mx_dtype_name(dtype));
  a = mx_astype(a, dtype);
  b = mx_astype(b, dtype);
  int shape[MX_MAX_NDIM], ndim = a->ndim, n = mx_dim(b, -1);
  if (ndim > 2 && b->ndim == 2) { /* one tall product */
    mx_copy_ints(shape, mx_shape_of(a), ndim);
    shape[ndim - 1] = n;
    mx flat = mx_flatten(a, 0, -2);
    mx y = mx_make(&matmul, NULL, ((mx_spec){dtype, 2, (int[]){mx_dim(flat, 0), n}}), flat, b);
    return drop_added_axes(mx_reshape(y, (mx_ints){shape, ndim}), false, column);
  }
  if (!broadcast_leading(&a, &b)) return NULL;
  mx_copy_ints(shape, mx_shape_of(a), a->ndim);
  shape[a->ndim - 1] = n;
  return drop_added_axes(mx_make(&matmul, NULL, ((mx_spec){dtype, a->ndim, shape}), a, b), row,
                         column);
}

mx mx_addmm_with(mx c, mx a, mx b, mx_addmm_args args) {
  mx product = mx_matmul(a, b);
  if (!product || !c) return NULL;
  if (args.alpha != 1) product = mx_multiply(product, mx_scalar_like(args.alpha, product));
  if (args.beta != 1) c = mx_multiply(c, mx_scalar_like(args.beta, product));
  mx sum = mx_add(product, c);
  if (sum && (sum->ndim != product->ndim || sum->size != product->size))
    return mx_fail("[addmm] input c with shape %s must broadcast to the output shape %s",
                   mx_shape_text_of(c), mx_shape_text_of(product));
  return sum;
}
