/* Rotary position embedding: a piece of work is a few positions, whose angles are computed once and
 * serve every head. */
#include "drivers/rope.h"
#include "base/pool.h"
#include "drivers/rows.h"
#include "memory/memory.h"

#include <math.h>
#include <stdatomic.h>

#define POSITIONS 16 /* of one piece of work */

typedef struct {
  const mx_rope *rope;
  int64_t half, length_blocks;
  float *frequencies;
  _Atomic bool failed;
} rope_job;

/* One block of positions of one batch, all heads. */
static void turn_block(const rope_job *job, int64_t batch, int64_t first, int64_t count,
                       const float *cosines, const float *sines) {
  const mx_rope *a = job->rope;
  int64_t size = (int64_t)mx_dtype_size(a->dtype), heads = a->shape[1], n = a->shape[3];
  bool across = count == 1; /* one position: the heads are the kernel's rows */
  for (int64_t h = 0; h < (across ? 1 : heads); h++) {
    int64_t from = batch * a->strides[0] + h * a->strides[1] + first * a->strides[2];
    int64_t to = ((batch * heads + h) * a->shape[2] + first) * n;
    MX_FLOAT_KERNEL(rope, a->dtype)
    ((const char *)a->x + from * size, a->strides[across ? 1 : 2], (char *)a->out + to * size,
     across ? a->shape[2] * n : n, cosines, sines, across ? 0 : job->half, across ? heads : count,
     job->half, n, a->traditional, a->forward);
  }
}

static void rope_range(void *context, int64_t begin, int64_t end) {
  rope_job *job = context;
  const mx_rope *a = job->rope;
  mx_buffer *table = mx_buffer_new((size_t)(2 * POSITIONS * job->half) * sizeof(float));
  if (!table) {
    job->failed = true;
    return;
  }
  float *cosines = table->data, *sines = cosines + POSITIONS * job->half;
  bool shared = a->offset_count == 1;
  for (int64_t i = begin; i < end; i++) {
    int64_t batch = i / job->length_blocks, first = i % job->length_blocks * POSITIONS;
    int64_t count = a->shape[2] - first < POSITIONS ? a->shape[2] - first : POSITIONS;
    mx_k->rope_angles((float)first, a->offsets[batch], count, a->scale, job->frequencies, job->half,
                      cosines, sines);
    for (int64_t b = shared ? 0 : batch; b < (shared ? a->shape[0] : batch + 1); b++)
      turn_block(job, b, first, count, cosines, sines);
  }
  mx_buffer_release(table);
}

/* MLX's frequencies: float32 arithmetic around one exponential. */
static void find_frequencies(const mx_rope *a, int64_t half, float *frequencies) {
  float step = logf(a->base) / (float)half;
  for (int64_t i = 0; i < half; i++)
    frequencies[i] = a->wavelengths ? 1 / a->wavelengths[i * a->wavelength_step]
                                    : (float)exp((double)((float)-i * step));
}

bool mx_rope_run(const mx_rope *a) {
  rope_job job = {
      .rope = a, .half = a->dims / 2, .length_blocks = (a->shape[2] + POSITIONS - 1) / POSITIONS};
  if (a->shape[0] * a->shape[1] * a->shape[2] * a->shape[3] == 0) return true;
  mx_buffer *frequencies = mx_buffer_new((size_t)job.half * sizeof(float));
  if (!frequencies) return false;
  job.frequencies = frequencies->data;
  find_frequencies(a, job.half, job.frequencies);
  int64_t turns = a->offset_count == 1 ? 1 : a->shape[0];
  int64_t piece = POSITIONS * a->shape[1] * a->shape[3] * (a->shape[0] / turns);
  mx_pool_run(turns * job.length_blocks, mx_row_grain(piece), rope_range, &job);
  mx_buffer_release(frequencies);
  return !job.failed;
}
