/* The affine quantiser and its inverse, bit for bit as MLX's CPU computes them, and the opening of
 * quantised rows into floats for the matrix product. */
#include "kernels/qmm.h"
#include "kernels/qmm_unpack.h"

#include <math.h>

INLINE void open_group(int bits, int group, const uint8_t *p, float scale, float bias, float *out) {
  vf s = vf_set(scale), b = vf_set(bias);
  for (int k = 0; k < group; k += 16, p += 2 * bits) {
    uint64_t codes[2] = {open_eight(bits, p), open_eight(bits, p + bits)};
    for (int i = 0; i < 16; i += LANES)
      vf_store(out + k + i, vf_fma(vf_from_u8((const uint8_t *)codes + i), s, b));
  }
}

INLINE void open_groups(int bits, const mx_qmm_weights *w, int64_t n, int64_t begin, int64_t count,
                        float *out) {
  const uint8_t *p = w->packed + n * w->row_bytes + begin * w->group * bits / 8;
  for (int64_t g = n * w->groups + begin; count > 0; count--, g++) {
    open_group(bits, w->group, p, float_at(w->scales, g, w->dtype),
               float_at(w->biases, g, w->dtype), out);
    p += w->group * bits / 8;
    out += w->group;
  }
}

void MX_KERNEL(qmm_open)(const mx_qmm_weights *w, int64_t n, int64_t begin, int64_t count,
                         float *out) {
  switch (w->bits) {
#define CASE(bits) \
  case bits: open_groups(bits, w, n, begin, count, out); break;
    CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(8)
#undef CASE
  }
}

static float rounded(float f, mx_dtype dtype) {
  if (dtype == MX_FLOAT32) return f;
  return dtype == MX_BFLOAT16 ? mx_bf16_to_f32(mx_f32_to_bf16(f)) : mx_f16_to_f32(mx_f32_to_f16(f));
}

void MX_KERNEL(qmm_dequantize)(const mx_qmm_weights *w, int64_t begin, int64_t count, void *out) {
  int64_t bytes = (int64_t)w->group * w->bits / 8;
  for (int64_t g = begin; g < begin + count; g++) {
    vf scale = vf_set(float_at(w->scales, g, w->dtype));
    float bias = float_at(w->biases, g, w->dtype), products[16];
    for (int k = 0; k < w->group; k += 16) {
      const uint8_t *p = w->packed + g * bytes + k * w->bits / 8;
      uint64_t codes[2] = {open_eight(w->bits, p), open_eight(w->bits, p + w->bits)};
      for (int i = 0; i < 16; i += LANES) {
        vf product = vf_mul(vf_from_u8((const uint8_t *)codes + i), scale);
        fence(product);
        vf_store(products + i, product);
      }
      for (int i = 0; i < 16; i++)
        put_float(out, g * w->group + k + i, w->dtype, rounded(products[i], w->dtype) + bias);
    }
  }
}

/* The scale and bias that MLX chooses: the end of the range that is farther from zero is
 * represented exactly, and so is zero. */
static void choose_scale(const float *w, int group, int bits, float *scale, float *bias) {
  float low = INFINITY, high = -INFINITY, bins = (float)((1 << bits) - 1);
  for (int i = 0; i < group; i++) {
    high = high < w[i] ? w[i] : high;
    low = w[i] < low ? w[i] : low;
  }
  float s = (high - low) / bins;
  s = s < 1e-7f ? 1e-7f : s;
  bool low_is_farther = fabsf(low) > fabsf(high);
  if (!low_is_farther) s = -s;
  float edge = low_is_farther ? low : high, steps = rintf(edge / s);
  *scale = steps != 0 ? edge / steps : s;
  *bias = steps != 0 ? edge : 0;
}

void MX_KERNEL(qmm_quantize)(const void *w, int64_t count, int bits, int group, mx_dtype dtype,
                             uint8_t *packed, void *scales, void *biases) {
  float values[128], bins = (float)((1 << bits) - 1);
  uint8_t codes[128];
  for (int64_t g = 0; g < count; g++) {
    float scale, bias;
    for (int i = 0; i < group; i++) values[i] = float_at(w, g * group + i, dtype);
    choose_scale(values, group, bits, &scale, &bias);
    for (int i = 0; i < group; i++) {
      float q = rintf((values[i] - bias) / scale);
      q = q < 0 ? 0 : q;
      codes[i] = (uint8_t)(q < bins ? q : bins);
    }
    for (int i = 0; i < group; i += 8, packed += bits) {
      uint64_t eight = 0;
      for (int j = 0; j < 8; j++) eight |= (uint64_t)codes[i + j] << (j * bits);
      memcpy(packed, &eight, (size_t)bits);
    }
    put_float(scales, g, dtype, scale);
    put_float(biases, g, dtype, bias);
  }
}
