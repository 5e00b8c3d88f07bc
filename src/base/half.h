/* 16-bit floats as stored bits, converted to and from float32 with round-to-nearest-even. */
#ifndef BASE_HALF_H
#define BASE_HALF_H

#include <stdint.h>
#include <string.h>
#ifdef __F16C__
#include <immintrin.h>
#endif

typedef struct {
  uint16_t bits;
} mx_bf16;
typedef struct {
  uint16_t bits;
} mx_f16;

static inline float mx_float_of_bits(uint32_t bits) {
  float f;
  memcpy(&f, &bits, 4);
  return f;
}

static inline uint32_t mx_bits_of_float(float f) {
  uint32_t bits;
  memcpy(&bits, &f, 4);
  return bits;
}

static inline float mx_bf16_to_f32(mx_bf16 h) { return mx_float_of_bits((uint32_t)h.bits << 16); }

static inline mx_bf16 mx_f32_to_bf16(float f) {
  uint32_t u = mx_bits_of_float(f);
  if ((u & 0x7fffffffu) > 0x7f800000u) return (mx_bf16){(uint16_t)((u >> 16) | 0x40)};
  return (mx_bf16){(uint16_t)((u + 0x7fffu + ((u >> 16) & 1)) >> 16)};
}

static inline float mx_f16_to_f32(mx_f16 h) {
#ifdef __F16C__
  return _cvtsh_ss(h.bits);
#else
  uint32_t sign = (uint32_t)(h.bits & 0x8000u) << 16, rest = h.bits & 0x7fffu;
  if (rest >= 0x7c00u) return mx_float_of_bits(sign | 0x7f800000u | ((rest & 0x3ffu) << 13));
  if (rest >= 0x400u) return mx_float_of_bits(sign | ((rest << 13) + 0x38000000u));
  float subnormal = (float)rest * 0x1p-24f;
  return mx_float_of_bits(sign | mx_bits_of_float(subnormal));
#endif
}

static inline mx_f16 mx_f32_to_f16(float f) {
#ifdef __F16C__
  return (mx_f16){(uint16_t)_cvtss_sh(f, 0)};
#else
  uint32_t u = mx_bits_of_float(f), sign = (u >> 16) & 0x8000u, rest = u & 0x7fffffffu;
  if (rest > 0x7f800000u) return (mx_f16){(uint16_t)(sign | 0x7e00u | ((rest >> 13) & 0x3ffu))};
  if (rest >= 0x477ff000u) return (mx_f16){(uint16_t)(sign | 0x7c00u)};
  if (rest < 0x38800000u) { /* subnormal: adding 0.5 lines its mantissa up with float16's */
    float shifted = mx_float_of_bits(rest) + 0.5f;
    return (mx_f16){(uint16_t)(sign | (mx_bits_of_float(shifted) - 0x3f000000u))};
  }
  uint32_t rounded = rest + 0xfffu + ((rest >> 13) & 1);
  return (mx_f16){(uint16_t)(sign | ((rounded - 0x38000000u) >> 13))};
#endif
}

#endif
