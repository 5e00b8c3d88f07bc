/* Products with quantised matrices: few rows of activations go to the kernels that read the weights
 * in place. */
#include "drivers/qmm.h"
#include "base/half.h"
#include "base/pool.h"
#include "kernels/kernels.h"
#include "memory/memory.h"

#include <string.h>

#define ROWS_AT_A_TIME 16
#define GRAIN_BYTES 16384 /* of weights: what is worth waking a thread for */
#define SPAN 512          /* columns that a task of the untransposed product holds as floats */

typedef struct {
  const mx_qmm_product *p;
  mx_qmm_x x;
  int64_t m; /* first row */
  float *floats;
} job;

static int64_t rows_grain(const mx_qmm_weights *w) {
  int64_t rows = GRAIN_BYTES / (w->row_bytes + 1);
  return rows < 2 ? 2 : rows / 2 * 2;
}

static void *element(const void *p, int64_t i, mx_dtype dtype) {
  return (char *)p + i * (int64_t)mx_dtype_size(dtype);
}

static void run_rows(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  const mx_qmm_product *p = j->p;
  mx_k->qmm_rows(&p->w, &j->x, begin, end, element(p->out, j->m * p->ldo, p->dtype), p->ldo,
                 p->dtype);
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

/* The transposed product over floats, for activations that integers cannot hold (infinities). */
static void run_open_rows(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  const mx_qmm_product *p = j->p;
  float weights[SPAN];
  int64_t step = SPAN / p->w.group;
  for (int64_t n = begin; n < end; n++) {
    float sums[ROWS_AT_A_TIME] = {0};
    for (int64_t g = 0; g < p->w.groups; g += step) {
      int64_t count = p->w.groups - g < step ? p->w.groups - g : step;
      mx_k->qmm_open(&p->w, n, g, count, weights);
      for (int64_t m = 0; m < j->x.rows; m++)
        for (int64_t k = 0; k < count * p->w.group; k++)
          sums[m] += weights[k] * load(p->x, (j->m + m) * p->ldx + g * p->w.group + k, p->dtype);
    }
    for (int64_t m = 0; m < j->x.rows; m++)
      store(p->out, (j->m + m) * p->ldo + n, p->dtype, sums[m]);
  }
}

static int few_rows(job *j) {
  const mx_qmm_product *p = j->p;
  mx_buffer *work = mx_buffer_new(mx_k->qmm_layout(&j->x, NULL));
  if (!work) return -1;
  mx_k->qmm_layout(&j->x, work->data);
  bool finite = true;
  for (int64_t m = 0; m < j->x.rows; m++)
    finite &= mx_k->qmm_load_row(&j->x, m, element(p->x, (j->m + m) * p->ldx, p->dtype), p->dtype);
  mx_pool_run(p->n, rows_grain(&p->w), finite ? run_rows : run_open_rows, j);
  mx_buffer_release(work);
  return 0;
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
      mx_k->qmm_axpy(weights, columns, j->x.rows, j->floats + k, p->k, sums, SPAN);
    }
    for (int64_t m = 0; m < j->x.rows; m++)
      for (int64_t i = 0; i < columns; i++)
        store(p->out, (j->m + m) * p->ldo + g * p->w.group + i, p->dtype, sums[m * SPAN + i]);
  }
}

static int few_rows_untransposed(job *j) {
  const mx_qmm_product *p = j->p;
  mx_buffer *work = mx_buffer_new((size_t)(j->x.rows * p->k) * sizeof(float));
  if (!work) return -1;
  j->floats = work->data;
  for (int64_t m = 0; m < j->x.rows; m++)
    for (int64_t k = 0; k < p->k; k++)
      j->floats[m * p->k + k] = load(p->x, (j->m + m) * p->ldx + k, p->dtype);
  mx_pool_run(p->w.groups, 1, run_groups, j);
  mx_buffer_release(work);
  return 0;
}

int mx_qmm(const mx_qmm_product *p) {
  for (int64_t m = 0; m < p->m; m += ROWS_AT_A_TIME) {
    int64_t rows = p->m - m < ROWS_AT_A_TIME ? p->m - m : ROWS_AT_A_TIME;
    job j = {.p = p,
             .m = m,
             .x = {.rows = rows,
                   .k = p->k,
                   .bits = p->w.bits,
                   .group = p->w.group,
                   .parts = p->dtype == MX_FLOAT32 ? 2 : 1}};
    if (p->transpose ? few_rows(&j) : few_rows_untransposed(&j)) return -1;
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
