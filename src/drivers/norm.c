/* RMS and layer normalisation: rows shared out over the pool. */
#include "drivers/norm.h"
#include "base/pool.h"
#include "drivers/rows.h"

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
