/* Some rows of activations with a quantised matrix read in place, once. Rows of the matrix lie in
 * the lanes: a stretch of them is turned, opened into pairs of 16-bit integers, and multiplied with
 * all rows of x while it is in the first cache:
 *
 *     weights of LANES rows          a row of x          LANES sums of pairs
 *     | k, k' | k, k' | ... |   x   | xk, xk' |   added to   | . | . | ... |
 *
 * The sums are exact; each group's become floats. */
#include "kernels/qmm.h"
#include "kernels/qmm_rounding.h"
#include "kernels/qmm_turn.h"

#define SIDE 2 /* vectors of rows of w */
#define STRIP (SIDE * LANES)
#define SPAN (2 * LANES) /* groups whose scales are held as floats */
#define MOST_STORED 16   /* rows of x */
#if LANES == 16
#define MOST_TILE 8 /* stored rows of x whose sums stay in registers */
#else
#define MOST_TILE 4
#endif

/* The weights of pair f of 32, as open_pairs has them. */
static int low_of_pair(int bits, int f) {
  return WHOLE(bits) ? f * bits / 16 * (32 / bits) + f % (16 / bits) : f;
}
static int high_of_pair(int bits, int f) {
  return low_of_pair(bits, f) + (WHOLE(bits) ? 16 / bits : 16);
}

/* ---- rows of x ---- */

#define ALIGN(n) (((n) + 63) & ~(size_t)63)

size_t MX_KERNEL(qmm_some_layout)(mx_qmm_some *x, void *memory) {
  int stored = x->rows * x->parts;
  x->tiles = (stored + MOST_TILE - 1) / MOST_TILE;
  x->tile = ((stored + x->tiles - 1) / x->tiles + 1) / 2 * 2;
  x->groups = x->k / x->group;
  size_t across = (size_t)x->tiles * (size_t)x->tile;
  size_t pairs = ALIGN(across * (size_t)(x->k / 2) * sizeof *x->pairs);
  size_t each = ALIGN(across * (size_t)x->groups * sizeof *x->sums);
  if (memory) {
    x->pairs = memory;
    x->starts = (int32_t *)((char *)memory + pairs);
    x->steps = (float *)((char *)x->starts + each);
    x->sums = (float *)((char *)x->steps + each);
  }
  return pairs + 3 * each;
}

/* A group's integers to their places, in every pair one of `tile`. */
static void place_group(const mx_qmm_some *x, int stored, int64_t g, const int16_t *integers,
                        const uint8_t order[32]) {
  int tile = stored / x->tile, m = stored % x->tile;
  int16_t *to = (int16_t *)(x->pairs + ((tile * x->k + g * x->group) / 2) * x->tile + m);
  for (int k = 0; k < x->group; k += 32, integers += 32)
    for (int i = 0; i < 32; i += 2, to += 2 * x->tile) {
      to[0] = integers[order[i]];
      to[1] = integers[order[i + 1]];
    }
}

static void place_sums(const mx_qmm_some *x, int stored, int64_t g, float step, int32_t sum) {
  int64_t at = (stored / x->tile * x->groups + g) * x->tile + stored % x->tile;
  x->starts[at] = -(1 << (x->bits - 1)) * sum;
  x->steps[at] = step;
  x->sums[at] = step * (float)sum;
}

static uint32_t load_group(const mx_qmm_some *x, int row, int64_t g, const void *values_of_row,
                           mx_dtype dtype, const uint8_t order[32]) {
  rounded_group r;
  take_group(&r, values_of_row, g * x->group, x->group, dtype);
  for (int part = 0; part < x->parts; part++) {
    int32_t sum = next_part(&r, x->group);
    place_group(x, row * x->parts + part, g, r.integers, order);
    place_sums(x, row * x->parts + part, g, r.step, sum);
  }
  return r.most;
}

bool MX_KERNEL(qmm_some_load)(const mx_qmm_some *x, const void *rows, int64_t ld, mx_dtype dtype,
                              int64_t begin, int64_t end) {
  const int64_t size = dtype == MX_FLOAT32 ? 4 : 2;
  const int16_t zeros[STRETCH] = {0};
  uint32_t largest = 0;
  uint8_t order[32];
  for (int f = 0; f < 16; f++) {
    order[2 * f] = (uint8_t)low_of_pair(x->bits, f);
    order[2 * f + 1] = (uint8_t)high_of_pair(x->bits, f);
  }
  for (int64_t g = begin; g < end; g++) {
    for (int m = 0; m < x->rows; m++) {
      uint32_t most = load_group(x, m, g, (const char *)rows + m * ld * size, dtype, order);
      largest = most > largest ? most : largest;
    }
    for (int stored = x->rows * x->parts; stored < x->tiles * x->tile; stored++) {
      place_group(x, stored, g, zeros, order);
      place_sums(x, stored, g, 0, 0);
    }
  }
  return finite_bits(largest);
}

/* ---- a strip of rows of w ---- */

typedef struct {
  const uint8_t *p; /* where the next stretch of the first row begins */
  int64_t stride, rows;
  float scales[SPAN][STRIP], biases[SPAN][STRIP]; /* those of the middle code */
  float totals[MOST_STORED][STRIP];
  int64_t next; /* bytes from p to what is asked for */
} strip;

/* Scales and biases of groups [at, at + count) of rows [n, end). */
static void open_scales(strip *s, const mx_qmm_weights *w, int64_t n, int64_t end, int64_t at,
                        int64_t count) {
  for (int side = 0; side < SIDE; side++) {
    int64_t first = n + side * LANES, rows = end - first;
    open_values(w, w->scales, first, rows, at, count, &s->scales[0][side * LANES], STRIP);
    open_values(w, w->biases, first, rows, at, count, &s->biases[0][side * LANES], STRIP);
  }
  vf middle = vf_set((float)(1 << (w->bits - 1)));
  for (int64_t g = 0; g < count; g++)
    for (int i = 0; i < STRIP; i += LANES)
      vf_store(&s->biases[g][i],
               vf_fma(vf_load(&s->scales[g][i]), middle, vf_load(&s->biases[g][i])));
}

/* `weights` of each row, opened into [weights / 2][SIDE]. */
INLINE void open_stretch(strip *s, int bits, int64_t weights, vi *pairs) {
  vi words[STRETCH_WORDS(8) * SIDE];
  for (int side = 0; side < SIDE; side++) {
    byte_rows rows = {s->p + side * LANES * s->stride, s->stride, s->rows - side * LANES};
    turn_rows(rows, weights * bits / 8, words + side, SIDE);
    for (int64_t k = 0; k < weights / 32; k++)
      open_pairs(bits, words + k * bits * SIDE + side, SIDE, pairs + k * 16 * SIDE + side);
  }
}

#define EACH_WIDTH(K) K(2) K(3) K(4) K(5) K(6) K(8)
#define OPEN(bits)                                                \
  static void open_##bits(strip *s, int64_t weights, vi *pairs) { \
    open_stretch(s, bits, weights, pairs);                        \
  }
EACH_WIDTH(OPEN)

static void (*const openers[9])(strip *, int64_t, vi *) = {
#define ENTRY(bits) [bits] = open_##bits,
    EACH_WIDTH(ENTRY)
#undef ENTRY
};

/* sum = vi_dot(sum, a, b). In so long a loop the compiler would move sums to and fro. */
#if LANES == 16 && !defined(__AVX512VNNI__)
INLINE void accumulate(vi *sum, vi a, vi b) {
  vi products;
  __asm__("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0"
          : "+v"(*sum), "=&v"(products)
          : "v"(a), "v"(b));
}
#elif LANES == 8
INLINE void accumulate(vi *sum, vi a, vi b) {
  vi products;
  __asm__("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0"
          : "+x"(*sum), "=&x"(products)
          : "x"(a), "x"(b));
}
#else
INLINE void accumulate(vi *sum, vi a, vi b) { *sum = vi_dot(*sum, a, b); }
#endif

/* One group with M rows of x, onto their totals. */
INLINE void multiply(const strip *s, const vi *pairs, int64_t g, const mx_qmm_some *x, int tile,
                     int64_t group, int M, float (*totals)[STRIP]) {
  const int64_t at = (tile * x->groups + group) * M;
  const int32_t *xi = x->pairs + (tile * x->k + group * x->group) / 2 * M;
  const uint8_t *ahead = s->p + s->next + group * x->group % STRETCH / 4 * s->stride;
  vi sums[8][SIDE];
#pragma GCC unroll 8
  for (int m = 0; m < M; m++) sums[m][0] = sums[m][1] = vi_set32(x->starts[at + m]);
  for (int i = 0; i < x->group / 2; i += 2, pairs += 2 * SIDE, xi += 2 * M) {
    __builtin_prefetch(ahead);
    ahead += s->stride;
#pragma GCC unroll 2
    for (int two = 0; two < 2; two++) {
      vi a = pairs[two * SIDE], b = pairs[two * SIDE + 1];
#pragma GCC unroll 8
      for (int m = 0; m < M; m++) {
        vi both = vi_set32(xi[two * M + m]);
        accumulate(&sums[m][0], a, both);
        accumulate(&sums[m][1], b, both);
      }
    }
  }
#pragma GCC unroll 2
  for (int side = 0; side < SIDE; side++) {
    vf scale = vf_load(&s->scales[g][side * LANES]), bias = vf_load(&s->biases[g][side * LANES]);
#pragma GCC unroll 8
    for (int m = 0; m < M; m++) {
      float *to = totals[m] + side * LANES;
      vf sum = vf_fma(bias, vf_set(x->sums[at + m]), vf_load(to));
      vf step = vf_mul(scale, vf_set(x->steps[at + m]));
      vf_store(to, vf_fma(vf_from_int(sums[m][side]), step, sum));
    }
  }
}

#define EACH_TILE(K) K(2) K(4) K(6) K(8)
#define MULTIPLY(M)                                                                          \
  static void multiply_##M(const strip *s, const vi *pairs, int64_t g, const mx_qmm_some *x, \
                           int tile, int64_t group, float(*totals)[STRIP]) {                 \
    multiply(s, pairs, g, x, tile, group, M, totals);                                        \
  }
EACH_TILE(MULTIPLY)

static void (*const multipliers[9])(const strip *, const vi *, int64_t, const mx_qmm_some *, int,
                                    int64_t, float (*)[STRIP]) = {
#define ENTRY(M) [M] = multiply_##M,
    EACH_TILE(ENTRY)
#undef ENTRY
};

/* Rows [n, end) of w, STRIP at most, with all of x: s->totals. */
static void multiply_strip(strip *s, const mx_qmm_weights *w, const mx_qmm_some *x, int64_t n,
                           int64_t end) {
  vi pairs[STRETCH / 2 * SIDE];
  s->p = w->packed + n * w->row_bytes;
  s->stride = w->row_bytes;
  s->rows = end - n;
  memset(s->totals, 0, (size_t)(x->tiles * x->tile) * sizeof *s->totals);
  for (int64_t g = 0; g < w->groups; g += SPAN) {
    int64_t count = w->groups - g < SPAN ? w->groups - g : SPAN, each = STRETCH / w->group;
    open_scales(s, w, n, end, g, count);
    for (int64_t i = 0; i < count; i += each) {
      int64_t some = count - i < each ? count - i : each, k = (g + i + some) * w->group;
      openers[w->bits](s, some * w->group, pairs);
      s->p += some * w->group * w->bits / 8;
      s->next = k < x->k ? 0 : (STRIP - 1) * s->stride;
      for (int64_t j = 0; j < some; j++)
        for (int t = 0; t < x->tiles; t++)
          multipliers[x->tile](s, pairs + j * w->group / 2 * SIDE, i + j, x, t, g + i + j,
                               s->totals + t * x->tile);
    }
  }
}

/* The first `count` of STRIP sums, in a dtype; all of them are converted, as vectors. */
INLINE void put_strip(void *out, int64_t at, mx_dtype dtype, const float *sums, int64_t count) {
  float copy[STRIP];
  for (int i = 0; i < STRIP; i++) put_float(copy, i, dtype, sums[i]);
  const size_t size = dtype == MX_FLOAT32 ? 4 : 2;
  memcpy((char *)out + (size_t)at * size, copy, (size_t)count * size);
}

static void put_totals(const strip *s, const mx_qmm_some *x, int64_t count, void *out, int64_t ldo,
                       mx_dtype dtype) {
  for (int m = 0; m < x->rows; m++) {
    float sums[STRIP];
    memcpy(sums, s->totals[m * x->parts], sizeof sums);
    for (int i = 0; x->parts == 2 && i < STRIP; i++) sums[i] += s->totals[m * 2 + 1][i];
    if (dtype == MX_BFLOAT16)
      put_strip(out, m * ldo, MX_BFLOAT16, sums, count);
    else if (dtype == MX_FLOAT16)
      put_strip(out, m * ldo, MX_FLOAT16, sums, count);
    else
      put_strip(out, m * ldo, MX_FLOAT32, sums, count);
  }
}

void MX_KERNEL(qmm_some)(const mx_qmm_weights *w, const mx_qmm_some *x, int64_t begin, int64_t end,
                         void *out, int64_t ldo, mx_dtype dtype) {
  strip s;
  for (int64_t n = begin; n < end; n += STRIP) {
    int64_t last = n + STRIP < end ? n + STRIP : end;
    multiply_strip(&s, w, x, n, last);
    put_totals(&s, x, last - n, (char *)out + n * (dtype == MX_FLOAT32 ? 4 : 2), ldo, dtype);
  }
}
