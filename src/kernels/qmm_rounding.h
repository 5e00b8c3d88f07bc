/* Activations as 16-bit integers: the step of a group of them, and the rounding to its multiples.
 */
#ifndef KERNELS_QMM_ROUNDING_H
#define KERNELS_QMM_ROUNDING_H

#include "kernels/qmm_vec.h"

#include <stdbool.h>

/* A group's floats from element i of p: whole vectors. */
INLINE void floats_of(const void *p, int64_t i, int count, mx_dtype dtype, float *out) {
  for (int done = 0; done < count; done += LANES)
    vf_store(out + done, load_floats(p, i + done, dtype));
}

/* The bits of the largest magnitude: those of positive floats order as the floats do, NaN last. */
INLINE uint32_t largest_bits(const float *values, int count) {
  uint32_t most = 0;
  for (int i = 0; i < count; i++) {
    uint32_t bits = mx_bits_of_float(values[i]) & 0x7fffffffu;
    most = bits > most ? bits : most;
  }
  return most;
}

INLINE bool finite_bits(uint32_t bits) { return bits < 0x7f800000u; }

/* One group of one stored row: values in units of the step, rounded to integers. What rounding
 * leaves, in [-1/2, 1/2], goes back into `values`. Returns the integers' sum. */
INLINE int32_t round_group(float *values, int count, int16_t *integers) {
  int32_t sum = 0;
  for (int i = 0; i < count; i++) {
    float whole = (values[i] + 0x1.8p23f) - 0x1.8p23f; /* nearest integer, ties to even */
    integers[i] = (int16_t)(int32_t)whole;
    sum += (int32_t)whole;
    values[i] -= whole;
  }
  return sum;
}

/* The least power of two by which the value with these bits rounds into 15 bits and a sign. With
 * powers of two, scaling rounds nothing, and bfloat16s not far below the group's largest are exact.
 */
INLINE float step_for(uint32_t bits) {
  uint32_t exponent = (bits + 0x100) >> 23;
  if (exponent < 30) exponent = 30; /* the second part's step is a normal float too */
  return mx_float_of_bits((exponent - 14) << 23);
}

/* Of a normal power of two. */
INLINE float inverse(float power) {
  return mx_float_of_bits((254u << 23) - mx_bits_of_float(power));
}

/* A group of activations on its way to integers. */
typedef struct {
  float values[128]; /* what is left of them, in steps */
  int16_t integers[128];
  float step;    /* of the integers */
  uint32_t most; /* the bits of the largest magnitude */
  bool begun;
} rounded_group;

/* From element `at` of a row on. */
INLINE void take_group(rounded_group *r, const void *row, int64_t at, int group, mx_dtype dtype) {
  floats_of(row, at, group, dtype, r->values);
  r->most = largest_bits(r->values, group);
  r->begun = false;
  r->step = finite_bits(r->most) ? step_for(r->most) : 0;
  float per_step = r->step ? inverse(r->step) : 0;
  for (int i = 0; i < group; i++) r->values[i] *= per_step;
}

/* The next stored row's integers, zeros where the group is not finite, and their step: of the
 * second row, what the first has rounded off. Returns the integers' sum. */
INLINE int32_t next_part(rounded_group *r, int group) {
  if (!finite_bits(r->most)) {
    memset(r->integers, 0, sizeof r->integers);
    return 0;
  }
  if (r->begun) {
    r->step *= 0x1p-15f;
    for (int i = 0; i < group; i++) r->values[i] *= 0x1p15f;
  }
  r->begun = true;
  return round_group(r->values, group, r->integers);
}

#endif
