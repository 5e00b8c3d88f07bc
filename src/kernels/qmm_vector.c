/* One row of 16-bit activations with a quantised matrix that comes from memory: each row of the
 * matrix is one stream, read once, LANES groups of it at a time with their scales in a register. */
#include "kernels/qmm.h"
#include "kernels/qmm_unpack.h"

#define AHEAD 3072 /* bytes of weights from the reading to the prefetch, across pages and rows */

/* Where in the row of x and of w the next group lies. */
typedef struct {
  const uint8_t *p;
  const int16_t *xi;
} place;

/* Integer sums of one unit: `groups` groups of one block, or one group of `blocks` blocks. */
INLINE vi unit_sum(place *at, int bits, int blocks) {
  vi sum = vi_zero();
#pragma GCC unroll 4
  for (int b = 0; b < blocks; b++) {
    vi raw[MAX_RAW];
    open_block(bits, at->p, raw);
    for (int v = 0; v < VECTORS(bits); v++)
      sum = vi_dot(sum, open_field(bits, raw, v), vi_load(at->xi + v * 2 * LANES));
    at->p += BLOCK(bits) * bits / 8;
    at->xi += BLOCK(bits);
  }
  return sum;
}

/* The scales of LANES groups times the steps of x; their biases' part goes to `sum`. */
INLINE vf load_scales(const mx_qmm_weights *w, int64_t at, const float *steps, const float *sums,
                      mx_dtype dtype, vf *sum) {
  *sum = vf_fma(load_floats(w->biases, at, dtype), vf_load(sums), *sum);
  return vf_mul(load_floats(w->scales, at, dtype), vf_load(steps));
}

/* LANES groups. */
INLINE vf whole_run(place *at, vf scales, int bits, int groups, int blocks, vf sum) {
  const int unit_bytes = BLOCK(bits) * bits / 8 * blocks;
  vf sums[2] = {sum, vf_zero()};
#pragma GCC unroll 16
  for (int u = 0; u < LANES / groups; u++) {
    if (u * unit_bytes % 64 < unit_bytes)
      for (int b = 0; b < unit_bytes; b += 64) __builtin_prefetch(at->p + AHEAD + b);
    vf spread = vf_spread_from(scales, u * groups, groups);
    sums[u % 2] = vf_fma(vf_from_int(unit_sum(at, bits, blocks)), spread, sums[u % 2]);
  }
  return vf_add(sums[0], sums[1]);
}

/* Fewer: scales beyond the last are zero, and a last unit that the row does not fill is read from a
 * copy that zeros complete. */
INLINE vf rest_run(place *at, vf scales, int64_t count, int bits, int groups, int blocks, int group,
                   vf sum) {
  float each[LANES * 2] = {0};
  uint8_t last[64] = {0}; /* a block of several groups */
  vf_store(each, scales);
  for (int64_t g = 0; g < count; g += groups) {
    if (groups > 1 && count - g < groups) {
      memcpy(last, at->p, (size_t)(count - g) * (size_t)(group * bits / 8));
      at->p = last;
    }
    vf spread = vf_spread_from(vf_load(each + g), 0, groups);
    sum = vf_fma(vf_from_int(unit_sum(at, bits, blocks)), spread, sum);
  }
  return sum;
}

INLINE void multiply_rows(const mx_qmm_weights *w, const mx_qmm_x *x, int64_t begin, int64_t end,
                          int bits, int group, mx_dtype dtype, float *out) {
  const int groups = BLOCK(bits) > group ? BLOCK(bits) / group : 1;
  const int blocks = BLOCK(bits) > group ? 1 : group / BLOCK(bits);
  int64_t whole = w->groups / LANES * LANES, rest = w->groups - whole;
  for (int64_t n = begin; n < end; n++) {
    place at = {w->packed + n * w->row_bytes, x->integers};
    vf sum = vf_zero();
    for (int64_t g = 0; g < whole; g += LANES) {
      vf scales = load_scales(w, n * w->groups + g, x->group_steps + g, x->sums + g, dtype, &sum);
      __builtin_prefetch((const char *)w->scales + (n * w->groups + g) * 2 + 512);
      __builtin_prefetch((const char *)w->biases + (n * w->groups + g) * 2 + 512);
      sum = whole_run(&at, scales, bits, groups, blocks, sum);
    }
    if (rest) {
      float scales[LANES] = {0}, biases[LANES] = {0};
      for (int64_t i = 0; i < rest; i++) {
        scales[i] = float_at(w->scales, n * w->groups + whole + i, dtype);
        biases[i] = float_at(w->biases, n * w->groups + whole + i, dtype);
      }
      mx_qmm_weights few = {.scales = scales, .biases = biases};
      vf some = load_scales(&few, 0, x->group_steps + whole, x->sums + whole, MX_FLOAT32, &sum);
      sum = rest_run(&at, some, rest, bits, groups, blocks, group, sum);
    }
    out[n - begin] = vf_sum(sum);
  }
}

typedef void multiplier(const mx_qmm_weights *, const mx_qmm_x *, int64_t begin, int64_t end,
                        float *out);

#define EACH(K, b) K(b, 32) K(b, 64) K(b, 128)
#define ALL(K) EACH(K, 2) EACH(K, 3) EACH(K, 4) EACH(K, 5) EACH(K, 6) EACH(K, 8)
#define MULTIPLY(bits, group)                                                                      \
  static void multiply_##bits##_##group(const mx_qmm_weights *w, const mx_qmm_x *x, int64_t begin, \
                                        int64_t end, float *out) {                                 \
    if (w->dtype == MX_BFLOAT16)                                                                   \
      multiply_rows(w, x, begin, end, bits, group, MX_BFLOAT16, out);                              \
    else                                                                                           \
      multiply_rows(w, x, begin, end, bits, group, w->dtype, out);                                 \
  }
ALL(MULTIPLY)

static multiplier *const multipliers[9][3] = {
#define ENTRY(bits, group) [bits][group / 64] = multiply_##bits##_##group,
    ALL(ENTRY)
#undef ENTRY
};

void MX_KERNEL(qmm_vector)(const mx_qmm_weights *w, const mx_qmm_x *x, int64_t begin, int64_t end,
                           void *out, mx_dtype dtype) {
  float sums[64];
  for (int64_t n = begin; n < end; n += 64) {
    int64_t last = n + 64 < end ? n + 64 : end;
    multipliers[w->bits][w->group / 64](w, x, n, last, sums);
    for (int64_t i = n; i < last; i++) put_float(out, i, dtype, sums[i - n]);
  }
}
