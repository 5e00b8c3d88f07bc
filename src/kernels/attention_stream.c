/* Attention of few query rows, at the speed of reading K and V once: rows of K go by as they are
 * stored, every query's dot products with them are taken at once, and lanes run along the head
 * dimension. */
#include "kernels/attention.h"

#include "kernels/attention_rows.h"

/* The rows that are read next: a block of K and one of V take turns, and the hardware foresees
 * neither across the turn, so that each asks for the other's as it goes by. */
typedef struct {
  const void *rows;
  int64_t stride, length, count; /* length in elements */
} coming_rows;

V_INLINE void ask_for(float_kind kind, const coming_rows *c, int64_t row) {
  if (row >= c->count) return;
  const char *from = kind_at(kind, c->rows, row * c->stride);
  int64_t bytes = c->length * (kind == KIND_f32 ? 4 : 2);
  for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(from + i);
}

/* sums[r * wide + t] += the products of n <= VW elements of q's row r and K's row t. */
V_INLINE void dot_step(float_kind kind, int high, const void *const *rows, const float *q,
                       int64_t q_row, int64_t i, int64_t n, vf sums[VW]) {
  const int wide = VW / high;
  vf x[VW];
#pragma GCC unroll 16
  for (int t = 0; t < wide; t++) x[t] = vf_load_n_as(kind, kind_at(kind, rows[t], i), n);
#pragma GCC unroll 4
  for (int r = 0; r < high; r++) {
    vf y = vf_load_as(KIND_f32, q + r * q_row + i);
#pragma GCC unroll 16
    for (int t = 0; t < wide; t++) sums[r * wide + t] += x[t] * y;
  }
}

/* scores[r * STREAM_KEYS + j] for `high` rows of q (padded to whole registers) and n keys. VW /
 * high keys are taken at a time; past the end, the last key again. */
V_INLINE void dots(float_kind kind, int high, int64_t d, const mx_attention *a, const float *q,
                   const void *k, float *scores, int64_t n, const coming_rows *coming) {
  const int wide = VW / high;
  int64_t q_row = round_up(d, VW), whole = d / VW * VW;
  for (int64_t j = 0; j < n; j += wide) {
    const void *rows[VW];
    vf sums[VW];
#pragma GCC unroll 16
    for (int t = 0; t < wide; t++) {
      rows[t] = kind_at(kind, k, min64(j + t, n - 1) * a->k_row);
      ask_for(kind, coming, j + t);
    }
#pragma GCC unroll 16
    for (int i = 0; i < VW; i++) sums[i] = vf_set(0);
    for (int64_t i = 0; i < whole; i += VW) dot_step(kind, high, rows, q, q_row, i, VW, sums);
    if (whole < d) dot_step(kind, high, rows, q, q_row, whole, d - whole, sums);
    float each[VW];
    vf_store_as(KIND_f32, each, vf_sum_each(sums));
    for (int r = 0; r < high; r++)
      memcpy(scores + r * STREAM_KEYS + j, each + r * wide, (size_t)wide * sizeof(float));
  }
}

/* o[r][i] += sum over j of weights[r][j] * v[j][i], for `high` rows and `vectors` registers (the
 * last of `part` lanes). */
V_INLINE void gather_tile(float_kind kind, int high, int vectors, const mx_attention *a,
                          const float *weights, const void *v, float *o, int64_t o_row,
                          int64_t part, int64_t n, const coming_rows *coming) {
  vf sums[4][4];
#pragma GCC unroll 4
  for (int r = 0; r < high; r++)
#pragma GCC unroll 4
    for (int u = 0; u < vectors; u++)
      sums[r][u] = u == vectors - 1 && part < VW
                       ? vf_load_part_as(KIND_f32, o + r * o_row + u * VW, part)
                       : vf_load_as(KIND_f32, o + r * o_row + u * VW);
  for (int64_t j = 0; j < n; j++) {
    const void *row = kind_at(kind, v, j * a->v_row);
    ask_for(kind, coming, j);
    vf x[4];
#pragma GCC unroll 4
    for (int u = 0; u < vectors; u++)
      x[u] = u == vectors - 1 && part < VW ? vf_load_part_as(kind, kind_at(kind, row, u * VW), part)
                                           : vf_load_as(kind, kind_at(kind, row, u * VW));
#pragma GCC unroll 4
    for (int r = 0; r < high; r++)
#pragma GCC unroll 4
      for (int u = 0; u < vectors; u++) sums[r][u] += x[u] * weights[r * STREAM_KEYS + j];
  }
#pragma GCC unroll 4
  for (int r = 0; r < high; r++)
#pragma GCC unroll 4
    for (int u = 0; u < vectors; u++)
      if (u == vectors - 1 && part < VW)
        vf_store_part_as(KIND_f32, o + r * o_row + u * VW, sums[r][u], part);
      else
        vf_store_as(KIND_f32, o + r * o_row + u * VW, sums[r][u]);
}

#if VW == 16
#define GATHER_VECTORS 4
#else
#define GATHER_VECTORS 2
#endif

V_INLINE void gather(float_kind kind, int high, int64_t dv, const mx_attention *a,
                     const float *weights, const void *v, float *o, int64_t o_row, int64_t n,
                     coming_rows coming) {
  int64_t i = 0;
  for (; i + GATHER_VECTORS * VW <= dv; i += GATHER_VECTORS * VW) {
    gather_tile(kind, high, GATHER_VECTORS, a, weights, kind_at(kind, v, i), o + i, o_row, VW, n,
                &coming);
    coming.count = 0;
  }
  for (; i < dv; i += VW) {
    gather_tile(kind, high, 1, a, weights, kind_at(kind, v, i), o + i, o_row, min64(VW, dv - i), n,
                &coming);
    coming.count = 0;
  }
}

/* Masks a row's scores of n keys, and leaves -infinity past its limit and up to a whole register.
 */
V_INLINE void mask_row_scores(float_kind kind, const mx_attention *a, int64_t row, float *scores,
                              int64_t key, int64_t n) {
  if (a->mask_kind != MX_MASK_NONE)
    for (int64_t j = 0; j < n; j += VW) {
      vf term = mask_terms(kind, a, row, key + j, min64(VW, n - j));
      vf_store_as(KIND_f32, scores + j, masked_score(a, vf_load_as(KIND_f32, scores + j), term));
    }
  int64_t seen = max64(0, min64(n, row_limit(a, row) - key));
  for (int64_t j = seen; j < round_up(n, VW); j++) scores[j] = -INFINITY;
}

/* A row's scores of n keys become weights; state is (m, sum, o...). */
static void weigh_row(const mx_attention *a, float *scores, int64_t n, float *state) {
  vf top = vf_set(-INFINITY), sum = vf_set(0);
  for (int64_t j = 0; j < n; j += VW) top = vf_max(vf_load_as(KIND_f32, scores + j), top);
  float m = state[0], most = vf_reduce_max(top);
  if (most > m) {
    vf old = vf_set(m), new = vf_set(most);
    float factor = vf_exp2(old - new)[0];
    state[0] = m = most;
    state[1] *= factor;
    for (int64_t i = 0; i < a->dv; i++) state[2 + i] *= factor;
  }
  vf shift = vf_set(m == -INFINITY ? 0 : m);
  for (int64_t j = 0; j < n; j += VW) {
    vf weight = vf_exp2(vf_load_as(KIND_f32, scores + j) - shift);
    vf_store_as(KIND_f32, scores + j, weight);
    sum += weight;
  }
  state[1] += vf_reduce_add(sum);
}

V_INLINE void start_rows(float_kind kind, const mx_attention *a, int64_t row0, int64_t rows,
                         bool first, float *state, float *q) {
  int64_t q_row = round_up(a->d, VW), state_row = a->dv + 2;
  memset(q, 0, (size_t)(rows * q_row) * sizeof(float));
  memset(state, 0, (size_t)(rows * state_row) * sizeof(float));
  for (int64_t r = 0; r < rows; r++) {
    const void *row = query_row(kind, a, row0 + r);
    for (int64_t i = 0; i < a->d; i++)
      q[r * q_row + i] = kind_load(kind, kind_at(kind, row, i)) * (a->scale * LOG2E);
    float sink = first ? row_sink(kind, a, row0 + r) : -INFINITY;
    state[r * state_row] = sink;
    state[r * state_row + 1] = sink > -INFINITY;
  }
}

/* The rows four, two or one at a time through step(high, first row). */
#define IN_FOURS(rows, step)                       \
  do {                                             \
    int64_t r_ = 0;                                \
    for (; r_ + 4 <= (rows); r_ += 4) step(4, r_); \
    if (r_ + 2 <= (rows)) {                        \
      step(2, r_);                                 \
      r_ += 2;                                     \
    }                                              \
    if (r_ < (rows)) step(1, r_);                  \
  } while (0)

V_INLINE void attention_stream(float_kind kind, int64_t d, int64_t dv, const mx_attention *a,
                               int64_t row0, int64_t rows, int64_t key0, int64_t key1, float *state,
                               float *scratch) {
  int64_t q_row = round_up(d, VW), state_row = dv + 2;
  float *q = scratch, *scores = scratch + rows * q_row;
  start_rows(kind, a, row0, rows, key0 == 0, state, q);
  visible_keys(a, row0, rows, &key0, &key1);
  key1 = min64(key1, row_limit(a, row0 + rows - 1));
  coming_rows first = {kind_at(kind, a->k, key0 * a->k_row), a->k_row, d,
                       min64(STREAM_KEYS, key1 - key0)};
  for (int64_t j = 0; j < first.count; j++) ask_for(kind, &first, j);
  for (int64_t key = key0; key < key1; key += STREAM_KEYS) {
    int64_t n = min64(STREAM_KEYS, key1 - key), after = min64(STREAM_KEYS, key1 - key - n);
    const void *k = kind_at(kind, a->k, key * a->k_row), *v = kind_at(kind, a->v, key * a->v_row);
    coming_rows values = {v, a->v_row, dv, n},
                keys = {kind_at(kind, k, n * a->k_row), a->k_row, d, after};
#define STEP(high, r)                                                               \
  do {                                                                              \
    dots(kind, high, d, a, q + (r)*q_row, k, scores + (r)*STREAM_KEYS, n, &values); \
    values.count = 0;                                                               \
  } while (0)
    IN_FOURS(rows, STEP);
#undef STEP
    for (int64_t r = 0; r < rows; r++) {
      mask_row_scores(kind, a, row0 + r, scores + r * STREAM_KEYS, key, n);
      weigh_row(a, scores + r * STREAM_KEYS, n, state + r * state_row);
    }
#define STEP(high, r)                                                                            \
  do {                                                                                           \
    gather(kind, high, dv, a, scores + (r)*STREAM_KEYS, v, state + (r)*state_row + 2, state_row, \
           n, keys);                                                                             \
    keys.count = 0;                                                                              \
  } while (0)
    IN_FOURS(rows, STEP);
#undef STEP
  }
}

/* A row's splits weigh 2^(their maximum - the greatest) / sum: left in place of the maxima. */
static void find_shares(float *state, int64_t splits, int64_t split_step) {
  float most = -INFINITY, sum = 0;
  for (int64_t i = 0; i < splits; i++) most = fmaxf(most, state[i * split_step]);
  if (most == -INFINITY) most = 0;
  for (int64_t i = 0; i < splits; i++) {
    float *s = state + i * split_step;
    s[0] = splits == 1 ? 1 : exp2f(s[0] - most);
    sum += s[0] * s[1];
  }
  for (int64_t i = 0; i < splits; i++) state[i * split_step] /= sum;
}

V_INLINE void attention_finish(float_kind kind, const mx_attention *a, int64_t row0, int64_t rows,
                               float *state, int64_t splits, int64_t split_step) {
  for (int64_t r = 0; r < rows; r++, state += a->dv + 2) {
    int64_t row = row0 + r;
    void *out = kind_to(kind, a->out, row % a->group * a->out_head + row / a->group * a->out_row);
    find_shares(state, splits, split_step);
    for (int64_t j = 0; j < a->dv; j += VW) {
      int64_t part = min64(VW, a->dv - j);
      vf o = vf_set(0);
      for (int64_t i = 0; i < splits; i++) {
        const float *from = state + i * split_step + 2 + j;
        vf v = vf_load_n_as(KIND_f32, from, part);
        o += state[i * split_step] * v;
      }
      vf_store_n_as(kind, kind_to(kind, out, j), o, part);
    }
  }
}

/* The usual head sizes are constants to the compiler, which unrolls their loops. */
#define OF_SIZE(T, size)                                                               \
  if (a->d == (size) && a->dv == (size)) {                                             \
    attention_stream(KIND_##T, size, size, a, row0, rows, key0, key1, state, scratch); \
    return;                                                                            \
  }
#define FOR_KIND(T)                                                                     \
  void MX_KERNEL(attention_stream_##T) MX_ATTENTION_PARAMETERS {                        \
    OF_SIZE(T, 64)                                                                      \
    OF_SIZE(T, 128)                                                                     \
    attention_stream(KIND_##T, a->d, a->dv, a, row0, rows, key0, key1, state, scratch); \
  }                                                                                     \
  void MX_KERNEL(attention_finish_##T) MX_ATTENTION_FINISH_PARAMETERS {                 \
    attention_finish(KIND_##T, a, row0, rows, state, splits, split_step);               \
  }
FOR_KIND(f32)
FOR_KIND(f16)
FOR_KIND(bf16)

int64_t MX_KERNEL(attention_stream_rows)(void) { return VW + 1; }

/* Float64: a row at a time, its scores in scratch. */
static double score_f64(const mx_attention *a, int64_t row, int64_t key) {
  const double *q = (const double *)a->q + row % a->group * a->q_head + row / a->group * a->q_row;
  const double *k = (const double *)a->k + key * a->k_row;
  double sum = 0;
  for (int64_t i = 0; i < a->d; i++) sum += (double)a->scale * q[i] * k[i];
  if (a->mask_kind == MX_MASK_NONE) return sum;
  int64_t at = mask_at(a, row, key);
  if (a->mask_kind == MX_MASK_ADD) return sum + ((const double *)a->mask)[at];
  return ((const uint8_t *)a->mask)[at] ? sum : -0x1.fffffffffffffp1023;
}

void MX_KERNEL(attention_f64)(const mx_attention *a, int64_t row0, int64_t rows, double *scratch) {
  for (int64_t row = row0; row < row0 + rows; row++) {
    int64_t n = row_limit(a, row);
    double m = a->sinks ? ((const double *)a->sinks)[row % a->group] : -INFINITY, sum = 0;
    double sink = m;
    for (int64_t j = 0; j < n; j++) {
      scratch[j] = score_f64(a, row, j);
      m = scratch[j] > m ? scratch[j] : m;
    }
    if (a->sinks) sum = exp(sink - m);
    for (int64_t j = 0; j < n; j++) sum += scratch[j] = exp(scratch[j] - m);
    double *out = (double *)a->out + row % a->group * a->out_head + row / a->group * a->out_row;
    memset(out, 0, (size_t)a->dv * sizeof *out);
    for (int64_t j = 0; j < n; j++)
      for (int64_t i = 0; i < a->dv; i++)
        out[i] += scratch[j] / sum * ((const double *)a->v)[j * a->v_row + i];
  }
}
