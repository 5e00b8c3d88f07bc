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
#define SPAN (2 * LANES)                   /* groups whose scales are held as floats */
#define MOST_STORED 16                     /* rows of x */
#define PITCH(bits) (STRETCH / 8 * (bits)) /* bytes from row to row of a stretch */
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

/* Measured, but of VNNI reckoned: there 16-bit integers multiply twice as fast as float32. */
int MX_KERNEL(qmm_some_most)(mx_dtype dtype) {
#if LANES == 16 && defined(__AVX512VNNI__)
  return dtype == MX_FLOAT32 ? 16 : 48;
#elif LANES == 16
  return dtype == MX_FLOAT32 ? 6 : 32;
#else
  return dtype == MX_FLOAT32 ? 20 : 64;
#endif
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

#define EACH_WIDTH(K) K(2) K(3) K(4) K(5) K(6) K(8)

/* A stretch of each row, copied side by side: as they stand, rows whose lengths are powers of two
 * share few sets of the first cache, and each line is wanted several times. */
typedef struct {
  _Alignas(64) uint8_t bytes[STRIP * PITCH(8)];
  vi pairs[STRETCH / 2][SIDE];
  float scales[SPAN][STRIP], biases[SPAN][STRIP];
  float totals[MOST_STORED][STRIP];
  const uint8_t *next; /* what is asked for: a part of the next rows, in its own order */
  int64_t stride;
} strip;

/* Scales and biases of groups [at, at + count) of rows [n, end). */
static void open_scales(strip *s, const mx_qmm_weights *w, int64_t n, int64_t end, int64_t at,
                        int64_t count) {
  for (int side = 0; side < SIDE; side++) {
    int64_t first = n + side * LANES, rows = end - first;
    open_values(w, w->scales, first, rows, at, count, &s->scales[0][side * LANES], STRIP);
    open_values(w, w->biases, first, rows, at, count, &s->biases[0][side * LANES], STRIP);
  }
}

/* `bytes` of `rows` rows from p on, `pitch` apart. */
INLINE void copy_rows(strip *s, const uint8_t *p, int64_t rows, int64_t bytes, int64_t pitch) {
  uint8_t *to = s->bytes;
#pragma GCC unroll 8
  for (int64_t n = 0; n < rows; n++, p += s->stride, to += pitch) memcpy(to, p, (size_t)bytes);
}

/* A stretch of all rows, or less of less: copies of known sizes take few instructions. */
static void copy_stretch(strip *s, const uint8_t *p, int64_t rows, int64_t weights, int bits) {
  if (rows < STRIP || weights < STRETCH) {
    copy_rows(s, p, rows, weights * bits / 8, PITCH(bits));
    return;
  }
  switch (bits) {
#define CASE(b) \
  case b: copy_rows(s, p, STRIP, PITCH(b), PITCH(b)); break;
    EACH_WIDTH(CASE)
#undef CASE
  }
}

/* 32 weights of each row, which begin at p in the first one. */
INLINE void open_block(int bits, const uint8_t *p, vi (*pairs)[SIDE]) {
#pragma GCC unroll 2
  for (int side = 0; side < SIDE; side++) {
    vi words[8];
#pragma GCC unroll 2
    for (int at = 0; at < bits; at += 4)
      turn_quad(p + side * LANES * PITCH(bits) + at * 4, PITCH(bits), words + at);
    open_pairs(bits, words, pairs[0] + side, SIDE);
  }
}

/* sum = vi_dot(sum, a, b). In so long a loop the compiler would move sums to and
 * fro. */
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
INLINE void accumulate(vi *sum, vi a, vi b) {
  *sum = vi_dot(*sum, a, b);
  fence(*sum);
}
#endif

/* A group's place in the stretch, in the scales at hand, and in x. */
typedef struct {
  int64_t within, g, group;
  int tile;
} place;

/* One group with M rows of x, onto their totals. Its weights are opened on the way (of `bits`), or
 * have been (0): so little at a time that products are left to do while bytes are waited for. */
INLINE void multiply(strip *s, const mx_qmm_some *x, int bits, int M, place at) {
  const int64_t sums_at = (at.tile * x->groups + at.group) * M;
  const int32_t *xi = x->pairs + (at.tile * x->k + at.group * x->group) / 2 * M;
  const uint8_t *bytes = s->bytes + at.within * bits / 8;
  const uint8_t *ahead = s->next + at.within / 4 * PITCH(bits);
  vi(*pairs)[SIDE] = s->pairs + at.within / 2;
  vi sums[8][SIDE];
#pragma GCC unroll 8
  for (int m = 0; m < M; m++) sums[m][0] = sums[m][1] = vi_set32(x->starts[sums_at + m]);
  for (int block = 0; block < x->group; block += 32, bytes += 4 * bits) {
    if (bits) open_block(bits, bytes, pairs);
    for (int i = 0; i < 16; i += 2, pairs += 2, xi += 2 * M) {
      if (bits) __builtin_prefetch(ahead, 0, 2);
      if (bits > 4) __builtin_prefetch(ahead + 64, 0, 2);
      ahead += PITCH(bits);
#pragma GCC unroll 2
      for (int two = 0; two < 2; two++) {
        vi a = pairs[two][0], b = pairs[two][1];
#pragma GCC unroll 8
        for (int m = 0; m < M; m++) {
          vi both = vi_set32(xi[two * M + m]);
          accumulate(&sums[m][0], a, both);
          accumulate(&sums[m][1], b, both);
        }
      }
    }
  }
  const vf middle = vf_set((float)(1 << (x->bits - 1)));
#pragma GCC unroll 2
  for (int side = 0; side < SIDE; side++) {
    vf scale = vf_load(&s->scales[at.g][side * LANES]);
    vf bias = vf_fma(scale, middle, vf_load(&s->biases[at.g][side * LANES])); /* of the middle */
#pragma GCC unroll 8
    for (int m = 0; m < M; m++) {
      float *to = &s->totals[at.tile * M + m][side * LANES];
      vf sum = vf_fma(bias, vf_set(x->sums[sums_at + m]), vf_load(to));
      vf step = vf_mul(scale, vf_set(x->steps[sums_at + m]));
      vf_store(to, vf_fma(vf_from_int(sums[m][side]), step, sum));
    }
  }
}

#if MOST_TILE == 8
#define EACH_TILE(K, bits) K(bits, 2) K(bits, 4) K(bits, 6) K(bits, 8)
#else
#define EACH_TILE(K, bits) K(bits, 2) K(bits, 4)
#endif
#define MULTIPLY(bits, M)                                                       \
  static void multiply_##bits##_##M(strip *s, const mx_qmm_some *x, place at) { \
    multiply(s, x, bits, M, at);                                                \
  }
#define MULTIPLIERS(bits) EACH_TILE(MULTIPLY, bits)
MULTIPLIERS(0)
EACH_WIDTH(MULTIPLIERS)

/* By width, or 0 for weights that are open, and the tile. */
static void (*const multipliers[9][MOST_TILE + 1])(strip *, const mx_qmm_some *, place) = {
#define ENTRY(bits, M) [bits][M] = multiply_##bits##_##M,
#define ENTRIES(bits) EACH_TILE(ENTRY, bits)
    ENTRIES(0) EACH_WIDTH(ENTRIES)
#undef ENTRIES
#undef ENTRY
};

/* Asks for a part of the scales and biases of the strip after rows [n, n + STRIP): as many of them
 * as a stretch of these has. */
static void ask_for_scales(const mx_qmm_weights *w, int64_t n, int64_t g, int64_t groups) {
  const int64_t size = w->dtype == MX_FLOAT32 ? 4 : 2;
  int64_t from = ((n + STRIP) * w->groups + g * STRIP) * size;
  for (int64_t at = from; at < from + groups * STRIP * size; at += 64) {
    __builtin_prefetch((const char *)w->scales + at, 0, 2);
    __builtin_prefetch((const char *)w->biases + at, 0, 2);
  }
}

/* A stretch of `groups` groups from g on, which are those from `span` + g on of x. */
static void multiply_stretch(strip *s, const mx_qmm_weights *w, const mx_qmm_some *x, int64_t g,
                             int64_t span, int64_t groups) {
  for (int64_t i = 0; i < groups; i++)
    for (int t = 0; t < x->tiles; t++)
      multipliers[t ? 0 : w->bits][x->tile](s, x, (place){i * w->group, g + i, span + g + i, t});
}

/* Rows [n, end) of w, STRIP at most, with all of x: s->totals. */
static void multiply_strip(strip *s, const mx_qmm_weights *w, const mx_qmm_some *x, int64_t n,
                           int64_t end) {
  const uint8_t *p = w->packed + n * w->row_bytes;
  const uint8_t *after = p + STRIP * w->row_bytes;
  const int64_t each = STRETCH / w->group;
  s->stride = w->row_bytes;
  memset(s->totals, 0, (size_t)(x->tiles * x->tile) * sizeof *s->totals);
  if (end - n < STRIP) memset(s->bytes, 0, sizeof s->bytes);
  for (int64_t span = 0; span < w->groups; span += SPAN) {
    int64_t count = w->groups - span < SPAN ? w->groups - span : SPAN;
    open_scales(s, w, n, end, span, count);
    for (int64_t g = 0; g < count; g += each) {
      int64_t groups = count - g < each ? count - g : each;
      copy_stretch(s, p, end - n, groups * w->group, w->bits);
      p += groups * w->group * w->bits / 8;
      s->next = after + (span + g) / each * STRIP * PITCH(w->bits);
      ask_for_scales(w, n, span + g, groups);
      multiply_stretch(s, w, x, g, span, groups);
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
