/* Products of one row of activations with a quantised matrix, read once and in place; of float32,
 * which takes two stored rows, here (of one: qmm_vector.c). */
#include "kernels/qmm.h"
#include "kernels/qmm_rounding.h"
#include "kernels/qmm_unpack.h"

#define CHUNK 128 /* groups of a row whose scales are held as floats at a time */
#define ALIGN(n) (((n) + 63) & ~(size_t)63)
#define PARTS 2 /* stored rows of a float32 row; a row of one goes to qmm_vector */

size_t MX_KERNEL(qmm_layout)(mx_qmm_x *x, void *memory) {
  int64_t unit = unit_of(x->bits, x->group), units = (x->k + unit - 1) / unit;
  x->integers_stride = units * unit;
  x->steps_stride = units * LANES;
  x->sums_stride = (x->k / x->group + 15) / 16 * 16;
  size_t stored = (size_t)x->parts;
  size_t integers = ALIGN(stored * (size_t)x->integers_stride * sizeof(int16_t));
  size_t steps = ALIGN(stored * (size_t)x->steps_stride * sizeof(float));
  size_t starts = ALIGN(stored * (size_t)x->steps_stride * sizeof(int32_t));
  size_t sums = ALIGN(stored * (size_t)x->sums_stride * sizeof(float));
  if (memory) {
    x->integers = memory;
    x->steps = (float *)((char *)memory + integers);
    x->starts = (int32_t *)((char *)memory + integers + steps);
    x->sums = (float *)((char *)memory + integers + steps + starts);
    x->group_steps = (float *)((char *)x->sums + sums);
  }
  return integers + steps + starts + 2 * sums;
}

/* Integers in turn to the vectors of a block, from `to` on: the j-th of each `fields` to vector j.
 */
static void deal(const int16_t *integers, int64_t run, int fields, int16_t *to) {
#ifdef __AVX512BW__
  for (int64_t i = 0; fields == 4 && i < run; i += 8) {
    __m512i fours =
        _mm512_inserti64x4(/* by halves, as they were stored */
                           _mm512_castsi256_si512(
                               _mm256_loadu_si256((const __m256i *)(integers + i * 4))),
                           _mm256_loadu_si256((const __m256i *)(integers + i * 4 + 16)), 1);
    for (int j = 0; j < 4; j++)
      _mm_storeu_si128((void *)(to + j * 2 * LANES + i),
                       _mm512_cvtepi64_epi16(_mm512_srli_epi64(fours, 16 * (unsigned)j)));
  }
  if (fields == 4) return;
#elif defined(__AVX2__)
  const __m256i by_field = _mm256_setr_epi8(0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15, 0,
                                            1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15);
  const __m256i join = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  for (int64_t i = 0; fields == 4 && i < run; i += 4) {
    __m256i fours = _mm256_loadu_si256((const __m256i *)(integers + i * 4));
    fours = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(fours, by_field), join);
    for (int j = 0; j < 4; j++) {
      int64_t field;
      memcpy(&field, (const char *)&fours + j * 8, 8);
      memcpy(to + j * 2 * LANES + i, &field, 8);
    }
  }
  if (fields == 4) return;
#endif
  for (int j = 0; j < fields; j++)
    for (int64_t i = 0; i < run; i++) to[j * 2 * LANES + i] = integers[i * fields + j];
}

/* Puts a group's integers, in their own order, where the kernel wants them. `fields` and `group`
 * are constants once inlined, so that nothing is divided. */
INLINE void place_group(const mx_qmm_x *x, int64_t stored, int64_t g, const int16_t *integers,
                        int fields, int group) {
  const int block = fields > 1 ? fields * 2 * LANES : 32;
  int64_t k = g * group;
  int16_t *to = x->integers + stored * x->integers_stride + k / block * block;
  int64_t within = k % block / fields;
  if (fields == 1) memcpy(to + within, integers, (size_t)group * sizeof *integers);
  for (int done = 0; fields > 1 && done < group; done += block, to += block, within = 0)
    deal(integers + done, (group - done < block ? group - done : block) / fields, fields,
         to + within);
}

static void place_step(const mx_qmm_x *x, int64_t stored, int64_t g, int group, float step,
                       float sum) {
  const int block = BLOCK(x->bits), lanes = group >= block ? LANES : LANES * group / block;
  float *steps = x->steps + stored * x->steps_stride + g * lanes;
  for (int l = 0; l < lanes && x->parts > 1; l++) steps[l] = step;
  x->sums[stored * x->sums_stride + g] = sum;
  x->group_steps[stored * x->sums_stride + g] = step;
}

/* What each lane of a unit's sum starts from, so that it ends as a sum over (q - middle) x. */
static void centre_row(const mx_qmm_x *x, int64_t stored) {
  const int16_t *integers = x->integers + stored * x->integers_stride;
  int32_t *starts = x->starts + stored * x->steps_stride;
  int vectors = (int)(unit_of(x->bits, x->group) / (2 * LANES));
  vi minus_middle = vi_set16(-(1 << (x->bits - 1)));
  for (int64_t unit = 0; unit < x->steps_stride; unit += LANES) {
    vi sum = vi_zero();
    for (int v = 0; v < vectors; v++, integers += 2 * LANES)
      sum = vi_dot(sum, vi_load(integers), minus_middle);
    vi_store(starts + unit, sum);
  }
}

/* Zeros what lies beyond the last group of a stored row. */
static void clear_end(const mx_qmm_x *x, int64_t stored) {
  int64_t whole = x->k / BLOCK(x->bits) * BLOCK(x->bits), groups = x->k / x->group;
  memset(x->integers + stored * x->integers_stride + whole, 0,
         (size_t)(x->integers_stride - whole) * sizeof(int16_t));
  memset(x->steps + (stored + 1) * x->steps_stride - LANES, 0, LANES * sizeof(float));
  size_t beyond = (size_t)(x->sums_stride - groups) * sizeof(float);
  memset(x->sums + stored * x->sums_stride + groups, 0, beyond);
  memset(x->group_steps + stored * x->sums_stride + groups, 0, beyond);
}

/* Group g of the row; returns the bits of its largest magnitude. */
INLINE uint32_t load_group(const mx_qmm_x *x, int64_t g, const void *row, mx_dtype dtype,
                           int group) {
  rounded_group r;
  take_group(&r, row, g * group, group, dtype);
  for (int part = 0; part < x->parts; part++) {
    int32_t sum = next_part(&r, group);
    if (FIELDS(x->bits) == 1)
      place_group(x, part, g, r.integers, 1, group);
    else if (FIELDS(x->bits) == 4)
      place_group(x, part, g, r.integers, 4, group);
    else
      place_group(x, part, g, r.integers, 8, group);
    place_step(x, part, g, group, r.step, r.step * (float)sum);
  }
  return r.most;
}

#define LOAD(group)                                                                 \
  static uint32_t load_group_##group(const mx_qmm_x *x, int64_t g, const void *row, \
                                     mx_dtype dtype) {                              \
    return dtype == MX_BFLOAT16 ? load_group(x, g, row, MX_BFLOAT16, group)         \
                                : load_group(x, g, row, dtype, group);              \
  }
LOAD(32)
LOAD(64)
LOAD(128)

bool MX_KERNEL(qmm_load_row)(const mx_qmm_x *x, const void *row, mx_dtype dtype) {
  int64_t groups = x->k / x->group;
  for (int part = 0; part < x->parts; part++) clear_end(x, part);
  uint32_t largest = 0;
  for (int64_t g = 0; g < groups; g++) {
    uint32_t most = x->group == 32   ? load_group_32(x, g, row, dtype)
                    : x->group == 64 ? load_group_64(x, g, row, dtype)
                                     : load_group_128(x, g, row, dtype);
    largest = most > largest ? most : largest;
  }
  if (x->parts > 1) /* qmm_vector needs no starts */
    for (int part = 0; part < x->parts; part++) centre_row(x, part);
  return finite_bits(largest);
}

typedef struct {
  const mx_qmm_weights *w;
  const mx_qmm_x *x;
  int64_t n, last; /* two rows of w, or twice the same */
  float *sums;     /* of each */
} tile;

/* Scales of `count` groups as floats, and the biases' part of the products added to sums. The bias
 * is that of the middle code: scale * (q - middle) + (bias + middle * scale). */
INLINE void load_scales(const tile *t, int64_t n, int64_t group, int64_t count, float *scales,
                        vf *sums) {
  vf middle = vf_set((float)(1 << (t->w->bits - 1)));
  const mx_qmm_weights *w = t->w;
  int64_t at = n * w->groups + group, i = 0;
  const float *x = t->x->sums + group;
  for (; i + LANES <= count; i += LANES) {
    vf scale = load_floats(w->scales, at + i, w->dtype);
    vf bias = vf_fma(scale, middle, load_floats(w->biases, at + i, w->dtype));
    vf_store(scales + i, scale);
    for (int m = 0; m < PARTS; m++)
      sums[m] = vf_fma(bias, vf_load(x + m * t->x->sums_stride + i), sums[m]);
  }
  if (i == count) return;
  float biases[LANES] = {0};
  for (int64_t j = i; j < count; j++) {
    scales[j] = float_at(w->scales, at + j, w->dtype);
    biases[j - i] = float_at(w->biases, at + j, w->dtype);
  }
  for (int64_t j = count; j < i + LANES; j++) scales[j] = 0;
  vf bias = vf_fma(vf_load(scales + i), middle, vf_load(biases));
  for (int m = 0; m < PARTS; m++)
    sums[m] = vf_fma(bias, vf_load(x + m * t->x->sums_stride + i), sums[m]);
}

/* A run of whole units in two rows of w. */
typedef struct {
  const uint8_t *p[2];
  const float *scales[2];
  const int16_t *xi;
  const float *steps;
  const int32_t *starts;
  int64_t xi_stride, steps_stride, units;
  int blocks, groups; /* in a unit; one of the two is 1 */
} run;

/* Adds a run's products with both stored rows of x to sums: `one` says that a unit is one block, so
 * that the compiler sees no loop. */
INLINE void multiply_run(const run *r, int bits, bool one, vf sums[2][PARTS]) {
  const int block_bytes = BLOCK(bits) * bits / 8, groups = one ? r->groups : 1;
  const int blocks = one ? 1 : r->blocks;
  const vi spread = vf_spreader(groups);
  const uint8_t *p0 = r->p[0], *p1 = r->p[1];
  const int16_t *xi = r->xi;
  const float *scale0 = r->scales[0], *scale1 = r->scales[1], *steps = r->steps;
  const int32_t *starts = r->starts;
  for (int64_t unit = 0; unit < r->units; unit++) {
    vi integer[2][PARTS];
#pragma GCC unroll 2
    for (int m = 0; m < PARTS; m++)
      integer[0][m] = integer[1][m] = vi_load(starts + m * r->steps_stride);
    for (int b = 0; b < blocks; b++) {
      vi raw0[MAX_RAW], raw1[MAX_RAW];
      open_block(bits, p0, raw0);
      open_block(bits, p1, raw1);
      for (int v = 0; v < VECTORS(bits); v++) {
        vi field0 = open_field(bits, raw0, v), field1 = open_field(bits, raw1, v);
#pragma GCC unroll 2
        for (int m = 0; m < PARTS; m++) {
          vi a = vi_load(xi + m * r->xi_stride + v * 2 * LANES);
          integer[0][m] = vi_dot(integer[0][m], field0, a);
          integer[1][m] = vi_dot(integer[1][m], field1, a);
        }
      }
      p0 += block_bytes;
      p1 += block_bytes;
      xi += BLOCK(bits);
    }
    vf s0 = one ? vf_spread(scale0, spread) : vf_set(*scale0);
    vf s1 = one ? vf_spread(scale1, spread) : vf_set(*scale1);
    scale0 += groups;
    scale1 += groups;
#pragma GCC unroll 2
    for (int m = 0; m < PARTS; m++) {
      vf step = vf_load(steps + m * r->steps_stride);
      sums[0][m] = vf_fma(vf_mul(vf_from_int(integer[0][m]), step), s0, sums[0][m]);
      sums[1][m] = vf_fma(vf_mul(vf_from_int(integer[1][m]), step), s1, sums[1][m]);
    }
    steps += LANES;
    starts += LANES;
  }
}

/* The run's last unit, where the row ends within it: read from copies that zeros complete. */
INLINE void multiply_rest(run *r, int64_t bytes, int bits, vf sums[2][PARTS]) {
  uint8_t rest[2][64] = {{0}};
  float scales[2][16] = {{0}};
  int groups = (int)(bytes * 8 / bits / (BLOCK(bits) / r->groups));
  for (int n = 0; n < 2; n++) {
    memcpy(rest[n], r->p[n], (size_t)bytes);
    memcpy(scales[n], r->scales[n], (size_t)groups * sizeof(float));
    r->p[n] = rest[n];
    r->scales[n] = scales[n];
  }
  r->units = 1;
  multiply_run(r, bits, true, sums);
}

/* Two rows of w times the row of x, all of k. */
INLINE void multiply_tile(const tile *t, int bits) {
  const mx_qmm_weights *w = t->w;
  const mx_qmm_x *x = t->x;
  float scales[2][CHUNK + LANES];
  run r = {.p = {w->packed + t->n * w->row_bytes, w->packed + t->last * w->row_bytes},
           .xi = x->integers,
           .steps = x->steps,
           .starts = x->starts,
           .xi_stride = x->integers_stride,
           .steps_stride = x->steps_stride,
           .blocks = w->group > BLOCK(bits) ? w->group / BLOCK(bits) : 1,
           .groups = BLOCK(bits) > w->group ? BLOCK(bits) / w->group : 1};
  vf sums[2][PARTS];
#pragma GCC unroll 2
  for (int m = 0; m < PARTS; m++) sums[0][m] = sums[1][m] = vf_zero();
  for (int64_t g = 0; g < w->groups; g += CHUNK) {
    int64_t count = w->groups - g < CHUNK ? w->groups - g : CHUNK;
    load_scales(t, t->n, g, count, scales[0], sums[0]);
    load_scales(t, t->last, g, count, scales[1], sums[1]);
    r.units = count / r.groups;
    r.scales[0] = scales[0];
    r.scales[1] = scales[1];
    if (r.blocks > 1)
      multiply_run(&r, bits, false, sums);
    else
      multiply_run(&r, bits, true, sums);
    int64_t weights = r.units * r.blocks * BLOCK(bits), done = r.units * r.groups;
    for (int n = 0; n < 2; n++) r.p[n] += weights * bits / 8, r.scales[n] += done;
    r.xi += weights;
    r.steps += r.units * LANES;
    r.starts += r.units * LANES;
    if (FIELDS(bits) > 1 && done < count)
      multiply_rest(&r, (count - done) * w->group * bits / 8, bits, sums);
  }
  for (int n = 0; n < 2; n++) t->sums[n] = vf_sum(sums[n][0]) + vf_sum(sums[n][1]);
}

#define BITS(B) B(2) B(3) B(4) B(5) B(6) B(8)
#define TILE(bits) \
  static void tile_##bits(const tile *t) { multiply_tile(t, bits); }
BITS(TILE)

static void (*const tiles[9])(const tile *) = {
#define ENTRY(bits) [bits] = tile_##bits,
    BITS(ENTRY)
#undef ENTRY
};

void MX_KERNEL(qmm_row)(const mx_qmm_weights *w, const mx_qmm_x *x, int64_t begin, int64_t end,
                        void *out, mx_dtype dtype) {
  if (x->parts == 1) {
    MX_KERNEL(qmm_vector)(w, x, begin, end, out, dtype);
    return;
  }
  for (int64_t n = begin; n < end; n += 2) {
    int64_t last = n + 1 < end ? n + 1 : n;
    float sums[2];
    tiles[w->bits](&(tile){w, x, n, last, sums});
    for (int64_t i = n; i <= last; i++) put_float(out, i, dtype, sums[i - n]);
  }
}

void MX_KERNEL(qmm_axpy)(const float *w, int64_t n, int64_t rows, const float *x, int64_t ldx,
                         float *y, int64_t ldy) {
  for (int64_t m = 0; m < rows; m++) {
    float a = x[m * ldx], *to = y + m * ldy;
    for (int64_t i = 0; i < n; i++) to[i] += a * w[i];
  }
}
