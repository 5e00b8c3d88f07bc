/* Elementwise operations: dense operands in long runs, others block by block, gathered into scratch
 * where a block's elements do not lie together. */
#include "drivers/elementwise.h"
#include "base/pool.h"
#include "drivers/collapse.h"
#include "drivers/copy.h"

#define INPUTS 3
#define CHUNK 1024 /* elements of a block, and between streamed stores */
/* Elements of a block in which an operand is transposed: long rows of the output, and from the
 * operand whole lines. */
#define SCRATCH 4096
#define LINE 64
#define MIN_ROW 32 /* shorter rows are gathered rather than given to the kernel one by one */

typedef struct elementwise_job elementwise_job;
/* The kernel on n elements; steps are 1, or 0 where an input is a scalar. */
typedef void run_fn(const elementwise_job *job, char *out, const char *const *in,
                    const int64_t *steps, int64_t n);

struct elementwise_job {
  run_fn *run;
  int op;
  mx_dtype dtype;
  int inputs;
  int64_t cost; /* of an element, in about a nanosecond */
  char *out;
  const char *in[INPUTS];
  int64_t out_size, in_size[INPUTS];
  int64_t steps[INPUTS]; /* of dense operands */
  bool stream;
  mx_blocks *blocks;
};

static void run_unary(const elementwise_job *job, char *out, const char *const *in,
                      const int64_t *steps, int64_t n) {
  mx_k->unary((mx_unary_op)job->op, job->dtype, out, in[0], steps[0] ? n : 1);
  if (!steps[0] && n > 1) mx_k->copy_fill(out, out, n, (int)job->out_size);
}
static void run_binary(const elementwise_job *job, char *out, const char *const *in,
                       const int64_t *steps, int64_t n) {
  mx_k->binary((mx_binary_op)job->op, job->dtype, out, in[0], in[1], n, steps[0], steps[1]);
}
static void run_select(const elementwise_job *job, char *out, const char *const *in,
                       const int64_t *steps, int64_t n) {
  mx_k->select((int)job->out_size, out, in[0], in[1], in[2], n, steps[0], steps[1], steps[2]);
}

/* ---- dense: every operand a run of elements or one scalar ---- */

static void dense_range(void *context, int64_t begin, int64_t end) {
  const elementwise_job *job = context;
  _Alignas(64) char staged[CHUNK * 8];
  int64_t most = job->stream ? CHUNK : end - begin;
  for (int64_t i = begin; i < end; i += most) {
    int64_t n = end - i < most ? end - i : most;
    const char *in[INPUTS];
    for (int k = 0; k < job->inputs; k++) in[k] = job->in[k] + i * job->steps[k] * job->in_size[k];
    char *out = job->out + i * job->out_size;
    job->run(job, job->stream ? staged : out, in, job->steps, n);
    if (job->stream) mx_k->copy_stream(out, staged, n * job->out_size);
  }
  if (job->stream) mx_stream_fence();
}

static bool dense(elementwise_job *job, const mx_nd *nd) {
  if (!mx_nd_is_dense(nd, 0)) return false;
  for (int k = 0; k < job->inputs; k++) {
    bool scalar = nd->strides[k + 1][0] == 0;
    if (!scalar && !mx_nd_is_dense(nd, k + 1)) return false;
    job->steps[k] = !scalar;
  }
  return true;
}

/* ---- blocks ---- */

typedef struct {
  int64_t row, col;
} rect_strides;

static bool rect_is_dense(rect_strides s, const mx_block *b) {
  return (s.col == 1 || b->cols == 1) && (b->rows == 1 || s.row == b->cols);
}
static bool rect_is_scalar(rect_strides s, const mx_block *b) {
  return (s.col == 0 || b->cols == 1) && (s.row == 0 || b->rows == 1);
}

/* Where the output has rows long enough for the kernel, each operand along them is a run or a
 * scalar, or is made one. */
static void run_rows(const elementwise_job *job, const mx_block *b, const rect_strides *s) {
  _Alignas(64) char scratch[INPUTS][SCRATCH * 8];
  const char *base[INPUTS];
  int64_t steps[INPUTS], bytes[INPUTS];
  for (int k = 0; k < job->inputs; k++) {
    rect_strides t = s[k + 1];
    base[k] = job->in[k] + b->offset[k + 1] * job->in_size[k];
    if (t.col != 0 && t.col != 1) {
      mx_k->copy_rect(scratch[k], b->cols, 1, base[k], t.row, t.col, b->rows, b->cols,
                      (int)job->in_size[k]);
      base[k] = scratch[k];
      t = (rect_strides){b->cols, 1};
    }
    steps[k] = t.col;
    bytes[k] = t.row * job->in_size[k];
  }
  char *out = job->out + b->offset[0] * job->out_size;
  for (int64_t r = 0; r < b->rows; r++) {
    const char *in[INPUTS];
    for (int k = 0; k < job->inputs; k++) in[k] = base[k] + r * bytes[k];
    job->run(job, out + r * s[0].row * job->out_size, in, steps, b->cols);
  }
}

static void run_gathered(const elementwise_job *job, const mx_block *b, const rect_strides *s) {
  _Alignas(64) char scratch[INPUTS + 1][SCRATCH * 8];
  const char *in[INPUTS];
  int64_t steps[INPUTS];
  for (int k = 0; k < job->inputs; k++) {
    rect_strides t = s[k + 1];
    in[k] = job->in[k] + b->offset[k + 1] * job->in_size[k];
    steps[k] = !rect_is_scalar(t, b);
    if (!steps[k] || rect_is_dense(t, b)) continue;
    mx_k->copy_rect(scratch[k], b->cols, 1, in[k], t.row, t.col, b->rows, b->cols,
                    (int)job->in_size[k]);
    in[k] = scratch[k];
  }
  char *out = job->out + b->offset[0] * job->out_size;
  bool direct = rect_is_dense(s[0], b);
  job->run(job, direct ? out : scratch[INPUTS], in, steps, b->rows * b->cols);
  if (!direct)
    mx_k->copy_rect(out, s[0].row, s[0].col, scratch[INPUTS], b->cols, 1, b->rows, b->cols,
                    (int)job->out_size);
}

static void block_range(void *context, int64_t begin, int64_t end) {
  const elementwise_job *job = context;
  const mx_nd *nd = &job->blocks->nd;
  rect_strides s[INPUTS + 1];
  for (int k = 0; k <= job->inputs; k++)
    s[k] = (rect_strides){nd->strides[k][nd->ndim - 2], nd->strides[k][nd->ndim - 1]};
  for (int64_t i = begin; i < end; i++) {
    mx_block b;
    mx_blocks_at(job->blocks, i, &b);
    if (s[0].col == 1 && b.cols >= MIN_ROW)
      run_rows(job, &b, s);
    else
      run_gathered(job, &b, s);
  }
}

/* Whether an operand runs on along another dimension than the output does. */
static bool turned(const mx_nd *nd) {
  int inner = nd->ndim - 1;
  for (int k = 1; k < nd->operands; k++)
    if (nd->strides[k][inner - 1] == 1 && nd->strides[k][inner] > 1) return true;
  return false;
}

static void run(elementwise_job *job, const int64_t *const *strides, const int32_t *shape,
                int ndim) {
  mx_nd nd;
  if (!ndim) { /* scalars, which long graphs are full of, are over before dimensions are looked at
                */
    static const int64_t one[INPUTS] = {1, 1, 1};
    job->run(job, job->out, job->in, one, 1);
    return;
  }
  mx_nd_collapse(&nd, shape, ndim, job->inputs + 1, strides, true);
  if (nd.size == 0) return;
  int64_t grain = 32768 / job->cost;
  job->stream = mx_worth_streaming(nd.size * job->out_size);
  if (dense(job, &nd)) {
    mx_pool_run(nd.size, grain, dense_range, job);
    return;
  }
  mx_blocks blocks;
  mx_blocks_cut(&blocks, &nd, CHUNK);
  if (turned(&blocks.nd))
    mx_blocks_size(&blocks, LINE / job->out_size, SCRATCH / LINE * job->out_size);
  job->blocks = &blocks;
  int64_t block = blocks.block_rows * blocks.block_cols;
  mx_pool_run(blocks.count, (grain + block - 1) / block, block_range, job);
}

/* Rough, and enough to tell when a second thread is worth waking: libm's functions one by one,
 * vector functions, arithmetic. */
static int64_t cost_of(mx_dtype dtype, bool arithmetic) {
  if (arithmetic) return 1;
  return dtype == MX_FLOAT64 || dtype == MX_COMPLEX64 ? 16 : 4;
}

void mx_run_unary(mx_unary_op op, mx_dtype dtype, mx_operand out, mx_operand in,
                  const int32_t *shape, int ndim) {
  bool arithmetic = op <= MX_UNARY_square || op >= MX_UNARY_isnan;
  elementwise_job job = {.run = run_unary,
                         .op = (int)op,
                         .dtype = dtype,
                         .inputs = 1,
                         .cost = cost_of(dtype, arithmetic),
                         .out = out.data,
                         .in = {in.data},
                         .out_size = (int64_t)mx_dtype_size(mx_unary_dtype(op, dtype)),
                         .in_size = {(int64_t)mx_dtype_size(dtype)}};
  run(&job, (const int64_t *const[]){out.strides, in.strides}, shape, ndim);
}

void mx_run_binary(mx_binary_op op, mx_dtype dtype, mx_operand out, mx_operand a, mx_operand b,
                   const int32_t *shape, int ndim) {
  int64_t size = (int64_t)mx_dtype_size(dtype);
  bool heavy = op == MX_BINARY_power || op == MX_BINARY_arctan2 || op == MX_BINARY_logaddexp ||
               op == MX_BINARY_remainder || op == MX_BINARY_fmod;
  elementwise_job job = {.run = run_binary,
                         .op = (int)op,
                         .dtype = dtype,
                         .inputs = 2,
                         .cost = cost_of(dtype, !heavy),
                         .out = out.data,
                         .in = {a.data, b.data},
                         .out_size = (int64_t)mx_dtype_size(mx_binary_dtype(op, dtype)),
                         .in_size = {size, size}};
  run(&job, (const int64_t *const[]){out.strides, a.strides, b.strides}, shape, ndim);
}

void mx_run_select(mx_dtype dtype, mx_operand out, mx_operand condition, mx_operand a, mx_operand b,
                   const int32_t *shape, int ndim) {
  int64_t size = (int64_t)mx_dtype_size(dtype);
  elementwise_job job = {.run = run_select,
                         .dtype = dtype,
                         .inputs = 3,
                         .cost = 1,
                         .out = out.data,
                         .in = {condition.data, a.data, b.data},
                         .out_size = size,
                         .in_size = {1, size, size}};
  run(&job, (const int64_t *const[]){out.strides, condition.strides, a.strides, b.strides}, shape,
      ndim);
}
