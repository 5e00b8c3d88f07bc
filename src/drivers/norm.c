/* RMS and layer normalisation: rows shared out over the pool. */
#include "drivers/norm.h"
#include "base/pool.h"
#include "drivers/copy.h"
#include "drivers/rows.h"
#include "memory/memory.h"

#include <string.h>

typedef struct {
  const mx_norm *norm;
  mx_nd rows;
} norm_job;

static void norm_range(void *context, int64_t begin, int64_t end) {
  const norm_job *job = context;
  const mx_norm *a = job->norm;
  int64_t n = a->shape[a->ndim - 1], size = (int64_t)mx_dtype_size(a->dtype);
  int64_t step = job->rows.strides[0][job->rows.ndim - 1];
  for (int64_t row = begin, run; row < end; row += run) {
    int64_t offset;
    run = mx_rows_at(&job->rows, row, end - row, &offset);
    const char *x = (const char *)a->x + offset * size;
    char *out = (char *)a->out + row * n * size;
    if (a->centre)
      MX_FLOAT_KERNEL(layer_norm, a->dtype)(x, step, a->weight, a->bias, out, run, n, a->eps);
    else
      MX_FLOAT_KERNEL(rms_norm, a->dtype)(x, step, a->weight, out, run, n, a->eps);
  }
}

void mx_norm_run(const mx_norm *norm) {
  norm_job job = {.norm = norm};
  int64_t n = norm->shape[norm->ndim - 1];
  mx_nd_collapse(&job.rows, norm->shape, norm->ndim - 1, 1, &norm->x_strides, false);
  if (n && job.rows.size) mx_pool_run(job.rows.size, mx_row_grain(n), norm_range, &job);
}

/* Rows in as many parts as there are sums: part i adds to sums[i] [2 n] (of weight, of bias). */
typedef struct {
  const mx_norm_vjp *call;
  char *sums;
  int64_t parts, size; /* size: bytes of a sum's element */
} vjp_job;

static void vjp_parts(void *context, int64_t begin, int64_t end) {
  const vjp_job *job = context;
  const mx_norm_vjp *a = job->call;
  int64_t row_bytes = a->n * (int64_t)mx_dtype_size(a->dtype);
  for (int64_t part = begin; part < end; part++) {
    int64_t from = a->rows * part / job->parts, to = a->rows * (part + 1) / job->parts;
    int64_t at = from * row_bytes;
    char *dw = job->sums + part * 2 * a->n * job->size;
    MX_FLOAT_KERNEL(norm_vjp, a->dtype)
    ((const char *)a->x + at, (const char *)a->t + at, a->weight, (char *)a->dx + at, dw,
     a->db ? dw + a->n * job->size : NULL, to - from, a->n, a->eps, a->centre);
  }
}

/* All parts' sums added into the first. */
static void add_parts(const vjp_job *job) {
  int64_t n = 2 * job->call->n;
  for (int64_t part = 1; part < job->parts; part++)
    for (int64_t i = 0; i < n; i++) {
      if (job->size == 8)
        ((double *)job->sums)[i] += ((double *)job->sums)[part * n + i];
      else
        ((float *)job->sums)[i] += ((float *)job->sums)[part * n + i];
    }
}

bool mx_norm_vjp_run(const mx_norm_vjp *call) {
  int64_t most = 2 * mx_pool_threads(), wanted = call->rows / mx_row_grain(call->n);
  vjp_job job = {.call = call, .size = call->dtype == MX_FLOAT64 ? 8 : 4};
  job.parts = wanted < 1 ? 1 : wanted < most ? wanted : most;
  size_t bytes = (size_t)(job.parts * 2 * call->n * job.size);
  mx_buffer *sums = mx_buffer_new(bytes);
  if (!sums) return false;
  job.sums = sums->data;
  if (bytes) memset(job.sums, 0, bytes);
  if (call->n) mx_pool_run(job.parts, 1, vjp_parts, &job);
  add_parts(&job);
  mx_dtype wide = call->dtype == MX_FLOAT64 ? MX_FLOAT64 : MX_FLOAT32;
  int64_t one = 1;
  int32_t length = (int32_t)call->n;
  void *to[2] = {call->dw, call->db};
  for (int i = 0; i < 2; i++)
    if (to[i])
      mx_copy_strided(to[i], call->dtype, &one, job.sums + i * call->n * job.size, wide, &one,
                      &length, 1);
  mx_buffer_release(sums);
  return true;
}
