/* Variances: tiles of sixteen vectors, whose lanes are columns of their own, are read once into
 * their mean and their squared distances from it, and join what was before them. */
#include "kernels/variance.h"
#include "kernels/bulk.h"
#include "kernels/kinds.h"

#define TILE 16 /* vectors that share a mean in each lane */
#define ROWS 8  /* of a tile of columns: more that lie pages apart would not stay in cache */
/* Additions that do not wait for each other; each chain is short enough for the mean of equal
 * elements to be exact. */
#define CHAINS 8
#define GATHER 512 /* elements of a strided run that are looked at together */
#define WIDTH 1024 /* columns whose lanes are kept while rows go by */

typedef struct {
  double count, mean, squares; /* squares: the sum of squared distances from the mean */
} moments;

/* VW columns, all of `count` elements. */
typedef struct {
  vd mean[2], squares[2];
} lanes;

static moments join(moments a, moments b) {
  if (!b.count) return a;
  double n = a.count + b.count, part = b.count / n, delta = b.mean - a.mean;
  return (moments){n, a.mean + delta * part,
                   a.squares + b.squares + delta * delta * a.count * part};
}

V_INLINE vf of_chains(const vf v[CHAINS]) {
  return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));
}

/* A tile of n vectors (a power of 2) `step` elements apart below `before` others. Distances from
 * the mean as rounded to float32 add up to nearly 0; what they add up to corrects mean and squares.
 */
V_INLINE void add_tile(float_kind kind, const void *x, int64_t step, int64_t width, int n,
                       double before, lanes *to) {
  vf means[CHAINS] = {{0}}, sums[CHAINS] = {{0}}, ups[CHAINS] = {{0}};
  vf share = vf_set(1.0f / (float)n); /* a sum might overflow */
#pragma GCC unroll 16
  for (int k = 0; k < n; k++) {
    vf v = vf_load_n_as(kind, kind_at(kind, x, k * step), width), *mean = &means[k % CHAINS];
    *mean = k < CHAINS ? v * share : vf_fma(v, share, *mean);
  }
  vf mean = of_chains(means);
#pragma GCC unroll 16
  for (int k = 0; k < n; k++) {
    vf d = vf_load_n_as(kind, kind_at(kind, x, k * step), width) - mean;
    vf *sum = &sums[k % CHAINS], *up = &ups[k % CHAINS];
    *sum = k < CHAINS ? d : *sum + d;
    *up = k < CHAINS ? d * d : vf_fma(d, d, *up);
  }
  vf sum = of_chains(sums), squares = of_chains(ups);
  sum = vf_select(squares == INFINITY, vf_set(0), sum);
  vf rest = sum * share;
  squares = vf_at_least(squares - sum * rest, vf_set(0));
  double part = n / (before + n), weight = before * part;
  for (int h = 0; h < 2; h++) {
    vd centre = h ? vd_high(mean) + vd_high(rest) : vd_low(mean) + vd_low(rest);
    vd delta = centre - to->mean[h];
    to->squares[h] += (h ? vd_high(squares) : vd_low(squares)) + delta * delta * weight;
    to->mean[h] += delta * part;
  }
}

/* The lanes of one run, `count` elements each, become one. */
static moments join_lanes(const lanes *from, double count) {
  double mean[VW], squares[VW];
  memcpy(mean, from->mean, sizeof mean);
  memcpy(squares, from->squares, sizeof squares);
  for (int half = VW / 2; half; half /= 2, count *= 2)
    for (int k = 0; k < half; k++) {
      double delta = mean[k + half] - mean[k];
      mean[k] += delta / 2;
      squares[k] += squares[k + half] + delta * delta * count / 2;
    }
  return (moments){count, mean[0], squares[0]};
}

/* Fewer elements than a vector has. */
V_INLINE moments few(float_kind kind, const void *x, int64_t n) {
  moments m = {(double)n, 0, 0};
  for (int64_t i = 0; i < n; i++) m.mean += (double)kind_load(kind, kind_at(kind, x, i));
  m.mean /= (double)n;
  for (int64_t i = 0; i < n; i++) {
    double d = (double)kind_load(kind, kind_at(kind, x, i)) - m.mean;
    m.squares += d * d;
  }
  return m;
}

V_INLINE moments of_run(float_kind kind, const void *x, int64_t n) {
  moments m = {0};
  int64_t vectors = n / VW, done = 0;
  if (vectors) {
    lanes all = {0};
    for (; done + TILE <= vectors; done += TILE) {
      v_ahead(kind_at(kind, x, done * VW), TILE * VW * (int)kind_size(kind));
      add_tile(kind, kind_at(kind, x, done * VW), VW, VW, TILE, (double)done, &all);
    }
#pragma GCC unroll 4
    for (int part = TILE / 2; part; part /= 2)
      if (vectors & part) {
        add_tile(kind, kind_at(kind, x, done * VW), VW, VW, part, (double)done, &all);
        done += part;
      }
    m = join_lanes(&all, (double)vectors);
  }
  if (vectors * VW < n) m = join(m, few(kind, kind_at(kind, x, vectors * VW), n - vectors * VW));
  return m;
}

V_INLINE void gather(float_kind kind, const void *x, int64_t step, int64_t n, void *to) {
  if (kind == KIND_f32)
    for (int64_t i = 0; i < n; i++) ((float *)to)[i] = ((const float *)x)[i * step];
  else
    for (int64_t i = 0; i < n; i++) ((uint16_t *)to)[i] = ((const uint16_t *)x)[i * step];
}

V_INLINE void runs(float_kind kind, const void *in, int64_t count, int64_t run_stride, int64_t n,
                   int64_t step, moments *acc, int64_t acc_step) {
  for (int64_t r = 0; r < count; r++, acc += acc_step) {
    const void *x = kind_at(kind, in, r * run_stride);
    if (step == 1) {
      *acc = join(*acc, of_run(kind, x, n));
      continue;
    }
    float block[GATHER];
    for (int64_t i = 0; i < n; i += GATHER) {
      int64_t part = n - i < GATHER ? n - i : GATHER;
      gather(kind, kind_at(kind, x, i * step), step, part, block);
      *acc = join(*acc, of_run(kind, block, part));
    }
  }
}

/* Up to WIDTH columns. The next tile's rows lie pages away, and are fetched meanwhile. */
V_INLINE void block_columns(float_kind kind, const void *in, int64_t rows, int64_t row_stride,
                            int64_t width, moments *acc) {
  lanes all[WIDTH / VW] = {0};
  for (int64_t i = 0; i < rows; i += ROWS) {
    int n = rows - i < ROWS ? (int)(rows - i) : ROWS;
    for (int64_t j = 0; j < width; j += VW) {
      const void *x = kind_at(kind, in, i * row_stride + j);
      int64_t w = width - j < VW ? width - j : VW;
      lanes *to = &all[j / VW];
      if (n < ROWS) {
        for (int k = 0; k < n; k++)
          add_tile(kind, kind_at(kind, x, k * row_stride), 0, w, 1, (double)(i + k), to);
      } else if (w < VW) {
        add_tile(kind, x, row_stride, w, ROWS, (double)i, to);
      } else {
        if (j * kind_size(kind) % LINE == 0)
          for (int k = ROWS; k < 2 * ROWS; k++)
            __builtin_prefetch(kind_at(kind, x, k * row_stride));
        add_tile(kind, x, row_stride, VW, ROWS, (double)i, to);
      }
    }
  }
  for (int64_t j = 0; j < width; j++) {
    const lanes *l = &all[j / VW];
    int half = j % VW >= VW / 2, lane = (int)(j % (VW / 2));
    acc[j] = join(acc[j], (moments){(double)rows, l->mean[half][lane], l->squares[half][lane]});
  }
}

V_INLINE void columns(float_kind kind, const void *in, int64_t rows, int64_t row_stride,
                      int64_t width, moments *acc) {
  for (int64_t j = 0; j < width && rows > 0; j += WIDTH)
    block_columns(kind, kind_at(kind, in, j), rows, row_stride,
                  width - j < WIDTH ? width - j : WIDTH, acc + j);
}

static void fill(void *acc, int64_t n) { memset(acc, 0, (size_t)n * sizeof(moments)); }

static void combine(void *accs, const void *others, int64_t n) {
  moments *acc = accs;
  const moments *other = others;
  for (int64_t i = 0; i < n; i++) acc[i] = join(acc[i], other[i]);
}

#define FOR_KIND(T)                                                                                \
  static void runs_##T(const void *in, int64_t count, int64_t run_stride, int64_t n, int64_t step, \
                       void *acc, int64_t acc_step) {                                              \
    runs(KIND_##T, in, count, run_stride, n, step, acc, acc_step);                                 \
  }                                                                                                \
  static void columns_##T(const void *in, int64_t rows, int64_t row_stride, int64_t width,         \
                          void *acc) {                                                             \
    columns(KIND_##T, in, rows, row_stride, width, acc);                                           \
  }                                                                                                \
  static void finish_##T(const void *acc, void *out, int64_t n, double by) {                       \
    const moments *m = acc;                                                                        \
    for (int64_t i = 0; i < n; i++)                                                                \
      kind_store(KIND_##T, kind_to(KIND_##T, out, i), (float)(m[i].squares / by));                 \
  }                                                                                                \
  static const mx_reduce_set set_##T = {sizeof(moments), fill,    runs_##T,                        \
                                        columns_##T,     combine, finish_##T};
FOR_KIND(f32)
FOR_KIND(f16)
FOR_KIND(bf16)

const mx_reduce_set *MX_KERNEL(variance_set)(mx_dtype dtype) {
  return dtype == MX_FLOAT32    ? &set_f32
         : dtype == MX_FLOAT16  ? &set_f16
         : dtype == MX_BFLOAT16 ? &set_bf16
                                : NULL;
}
