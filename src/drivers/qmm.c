/* Products with quantised matrices: few rows of activations go to the kernels that read the weights
 * in place, many to the matrix product, which opens the weights as it packs them. */
#include "drivers/qmm.h"
#include "base/half.h"
#include "base/pool.h"
#include "drivers/gemm.h"
#include "kernels/kernels.h"
#include "memory/memory.h"

#include <string.h>

#define ROWS_AT_A_TIME 16
#define MOST_FEW 32       /* rows of x for an untransposed W; beyond, opening it once costs less */
#define MOST_STORED 16    /* stored rows of x at a time */
#define STRIP 32          /* rows of W that go together */
#define GRAIN_BYTES 16384 /* of weights: what is worth waking a thread for */
#define SPAN 512          /* columns that a task of the untransposed product holds as floats */

typedef struct {
  const mx_qmm_product *p;
  mx_qmm_x x;
  int64_t m, rows; /* the first row of x, and how many */
  float *floats;
} job;

/* Stored rows of a row: float32 takes two. */
static int parts_of(const mx_qmm_product *p) { return p->dtype == MX_FLOAT32 ? 2 : 1; }

static int64_t rows_grain(const mx_qmm_weights *w) {
  int64_t rows = GRAIN_BYTES / (w->row_bytes + 1);
  return rows < 2 ? 2 : rows / 2 * 2;
}

static void *element(const void *p, int64_t i, mx_dtype dtype) {
  return (char *)p + i * (int64_t)mx_dtype_size(dtype);
}

static void run_row(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  const mx_qmm_product *p = j->p;
  mx_k->qmm_row(&p->w, &j->x, begin, end, element(p->out, j->m * p->ldo, p->dtype), p->dtype);
}

static float load(const void *p, int64_t i, mx_dtype dtype) {
  if (dtype == MX_FLOAT32) return ((const float *)p)[i];
  if (dtype == MX_BFLOAT16) return mx_bf16_to_f32(((const mx_bf16 *)p)[i]);
  return mx_f16_to_f32(((const mx_f16 *)p)[i]);
}

static void store(void *p, int64_t i, mx_dtype dtype, float value) {
  if (dtype == MX_FLOAT32)
    ((float *)p)[i] = value;
  else if (dtype == MX_BFLOAT16)
    ((mx_bf16 *)p)[i] = mx_f32_to_bf16(value);
  else
    ((mx_f16 *)p)[i] = mx_f32_to_f16(value);
}

/* Columns [first, first + count) of a transposed W, that is rows of it, opened into floats. */
static void open_rows(const void *context, int64_t first, int64_t count, int64_t begin, int64_t k,
                      float *out, int64_t ld) {
  const mx_qmm_weights *w = context;
  for (int64_t n = 0; n < count; n++)
    mx_k->qmm_open(w, first + n, begin / w->group, k / w->group, out + n * ld);
}

static bool pack_rows(const void *context, int64_t first, int64_t count, int64_t begin, int64_t k,
                      int width, float *out) {
  return mx_k->qmm_pack(context, first, count, begin, k, width, out);
}

/* The same of a W that is not transposed: parts of whole groups. */
static void open_columns(const void *context, int64_t first, int64_t count, int64_t begin,
                         int64_t k, float *out, int64_t ld) {
  const mx_qmm_weights *w = context;
  float floats[SPAN];
  for (int64_t done = 0; done < count;) {
    int64_t g = (first + done) / w->group, skip = (first + done) % w->group;
    int64_t n = w->group - skip < count - done ? w->group - skip : count - done;
    for (int64_t row = 0; row < k; row++) {
      mx_k->qmm_open(w, begin + row, g, 1, floats);
      for (int64_t i = 0; i < n; i++) out[(done + i) * ld + row] = floats[skip + i];
    }
    done += n;
  }
}

/* Rows of x from m on: W is opened into the panels of a matrix product. */
static int many_rows(const mx_qmm_product *p, int64_t m, int64_t rows) {
  mx_gemm_product product = {.dtype = p->dtype,
                             .m = rows,
                             .n = p->n,
                             .k = p->k,
                             .a = element(p->x, m * p->ldx, p->dtype),
                             .out = element(p->out, m * p->ldo, p->dtype),
                             .a_row = p->ldx,
                             .a_column = 1,
                             .out_row = p->ldo,
                             .alpha = 1};
  mx_gemm_opened opened = {p->transpose ? open_rows : open_columns, p->transpose ? pack_rows : NULL,
                           &p->w, p->transpose ? p->w.group : 1};
  return mx_gemm_with_opened(&product, &opened);
}

static int one_row(job *j) {
  const mx_qmm_product *p = j->p;
  j->x = (mx_qmm_x){.k = p->k, .bits = p->w.bits, .group = p->w.group, .parts = parts_of(p)};
  mx_buffer *work = mx_buffer_new(mx_k->qmm_layout(&j->x, NULL));
  if (!work) return -1;
  mx_k->qmm_layout(&j->x, work->data);
  bool finite = mx_k->qmm_load_row(&j->x, element(p->x, j->m * p->ldx, p->dtype), p->dtype);
  if (finite) mx_pool_run(p->n, rows_grain(&p->w), run_row, j);
  mx_buffer_release(work);
  return finite ? 0 : many_rows(p, j->m, 1); /* integers cannot hold infinities */
}

typedef struct {
  const mx_qmm_product *p;
  mx_qmm_some x;
  int64_t m;
  _Atomic bool infinite;
} some_job;

static void load_some(void *context, int64_t begin, int64_t end) {
  some_job *j = context;
  const mx_qmm_product *p = j->p;
  if (!mx_k->qmm_some_load(&j->x, element(p->x, j->m * p->ldx, p->dtype), p->ldx, p->dtype, begin,
                           end))
    j->infinite = true;
}

static void run_some(void *context, int64_t begin, int64_t end) {
  const some_job *j = context;
  const mx_qmm_product *p = j->p;
  mx_k->qmm_some(&p->w, &j->x, begin, end, element(p->out, j->m * p->ldo, p->dtype), p->ldo,
                 p->dtype);
}

/* Rows of x from m on that are some, but not many. */
static int some_rows(const mx_qmm_product *p, int64_t m, int64_t rows) {
  some_job j = {.p = p, .m = m, .x = {.rows = (int)rows, .k = p->k}};
  j.x.bits = p->w.bits, j.x.group = p->w.group, j.x.parts = parts_of(p);
  mx_buffer *work = mx_buffer_new(mx_k->qmm_some_layout(&j.x, NULL));
  if (!work) return -1;
  mx_k->qmm_some_layout(&j.x, work->data);
  mx_pool_run(p->w.groups, 8, load_some, &j);
  if (!j.infinite) mx_pool_run(p->n, STRIP, run_some, &j);
  mx_buffer_release(work);
  return j.infinite ? many_rows(p, m, rows) : 0; /* integers cannot hold infinities */
}

/* Columns of out, in groups: out = sum over k of x[k] * row k of W. */
static void run_groups(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  const mx_qmm_product *p = j->p;
  int64_t step = SPAN / p->w.group;
  float weights[SPAN], sums[ROWS_AT_A_TIME * SPAN];
  for (int64_t g = begin; g < end; g += step) {
    int64_t count = end - g < step ? end - g : step, columns = count * p->w.group;
    memset(sums, 0, sizeof sums);
    for (int64_t k = 0; k < p->k; k++) {
      mx_k->qmm_open(&p->w, k, g, count, weights);
      mx_k->qmm_axpy(weights, columns, j->rows, j->floats + k, p->k, sums, SPAN);
    }
    for (int64_t m = 0; m < j->rows; m++)
      for (int64_t i = 0; i < columns; i++)
        store(p->out, (j->m + m) * p->ldo + g * p->w.group + i, p->dtype, sums[m * SPAN + i]);
  }
}

static int few_rows_untransposed(job *j) {
  const mx_qmm_product *p = j->p;
  mx_buffer *work = mx_buffer_new((size_t)(j->rows * p->k) * sizeof(float));
  if (!work) return -1;
  j->floats = work->data;
  for (int64_t m = 0; m < j->rows; m++)
    for (int64_t k = 0; k < p->k; k++)
      j->floats[m * p->k + k] = load(p->x, (j->m + m) * p->ldx + k, p->dtype);
  mx_pool_run(p->w.groups, 1, run_groups, j);
  mx_buffer_release(work);
  return 0;
}

int mx_qmm(const mx_qmm_product *p) {
  if (p->m > (p->transpose ? mx_k->qmm_some_most(p->dtype) : MOST_FEW))
    return many_rows(p, 0, p->m);
  int64_t most = p->transpose ? MOST_STORED / parts_of(p) : ROWS_AT_A_TIME;
  for (int64_t m = 0; m < p->m; m += most) {
    int64_t rows = p->m - m < most ? p->m - m : most;
    bool some = p->transpose && rows > 1;
    job j = {.p = p, .m = m, .rows = rows};
    if (some ? some_rows(p, m, rows) : p->transpose ? one_row(&j) : few_rows_untransposed(&j))
      return -1;
  }
  return 0;
}

typedef struct {
  const void *w;
  mx_dtype dtype;
  int bits, group;
  void *packed, *scales, *biases;
} quantization;

static void run_quantize(void *context, int64_t begin, int64_t end) {
  const quantization *q = context;
  mx_k->qmm_quantize(element(q->w, begin * q->group, q->dtype), end - begin, q->bits, q->group,
                     q->dtype, (uint8_t *)q->packed + begin * q->group * q->bits / 8,
                     element(q->scales, begin, q->dtype), element(q->biases, begin, q->dtype));
}

void mx_qmm_quantize(const void *w, int64_t groups, int bits, int group, mx_dtype dtype,
                     void *packed, void *scales, void *biases) {
  quantization q = {w, dtype, bits, group, packed, scales, biases};
  mx_pool_run(groups, 64, run_quantize, &q);
}

typedef struct {
  const mx_qmm_weights *w;
  void *out;
} opening;

static void run_dequantize(void *context, int64_t begin, int64_t end) {
  const opening *o = context;
  mx_k->qmm_dequantize(o->w, begin, end - begin, o->out);
}

void mx_qmm_dequantize(const mx_qmm_weights *w, int64_t groups, void *out) {
  opening o = {w, out};
  mx_pool_run(groups, 128, run_dequantize, &o);
}
