/* Rotary position embedding. */
#include "kernels/rope.h"
#include "kernels/kinds.h"

void MX_KERNEL(rope_angles) MX_ROPE_ANGLES_PARAMETERS {
  for (int64_t r = 0; r < rows; r++) {
    float at = ((first + (float)r) + offset) * scale;
    for (int64_t i = 0; i < half; i += VW) {
      int64_t part = half - i < VW ? half - i : VW;
      vf angles = at * vf_load_n_as(KIND_f32, frequencies + i, part);
      vf_store_n_as(KIND_f32, cosines + r * half + i, vf_cos(angles), part);
      vf_store_n_as(KIND_f32, sines + r * half + i, vf_sin(angles), part);
    }
  }
}

/* Pairs (i, i + half): two runs side by side. */
V_INLINE void turn_halves(float_kind kind, const void *x, void *out, const float *cosines,
                          const float *sines, int64_t half, float sign) {
  for (int64_t i = 0; i < half; i += VW) {
    int64_t part = half - i < VW ? half - i : VW;
    vf a = vf_load_n_as(kind, kind_at(kind, x, i), part);
    vf b = vf_load_n_as(kind, kind_at(kind, x, half + i), part);
    vf c = vf_load_n_as(KIND_f32, cosines + i, part);
    vf s = vf_load_n_as(KIND_f32, sines + i, part) * sign;
    vf_store_n_as(kind, kind_to(kind, out, i), a * c - b * s, part);
    vf_store_n_as(kind, kind_to(kind, out, half + i), a * s + b * c, part);
  }
}

/* Pairs (2 i, 2 i + 1). */
V_INLINE void turn_pairs(float_kind kind, const void *x, void *out, const float *cosines,
                         const float *sines, int64_t half, float sign) {
  for (int64_t i = 0; i < half; i++) {
    float a = kind_load(kind, kind_at(kind, x, 2 * i));
    float b = kind_load(kind, kind_at(kind, x, 2 * i + 1));
    float c = cosines[i], s = sines[i] * sign;
    kind_store(kind, kind_to(kind, out, 2 * i), a * c - b * s);
    kind_store(kind, kind_to(kind, out, 2 * i + 1), a * s + b * c);
  }
}

V_INLINE void rope(float_kind kind, const void *x, int64_t x_row, void *out, int64_t out_row,
                   const float *cosines, const float *sines, int64_t angle_row, int64_t rows,
                   int64_t half, int64_t n, bool traditional, bool forward) {
  for (int64_t r = 0; r < rows; r++) {
    const void *from = kind_at(kind, x, r * x_row);
    void *to = kind_to(kind, out, r * out_row);
    const float *c = cosines + r * angle_row, *s = sines + r * angle_row;
    if (traditional)
      turn_pairs(kind, from, to, c, s, half, forward ? 1 : -1);
    else
      turn_halves(kind, from, to, c, s, half, forward ? 1 : -1);
    if (n > 2 * half && from != to)
      memmove(kind_to(kind, to, 2 * half), kind_at(kind, from, 2 * half),
              (size_t)((n - 2 * half) * kind_size(kind)));
  }
}

#define FOR_KIND(T)                                                                               \
  void MX_KERNEL(rope_##T) MX_ROPE_PARAMETERS {                                                   \
    rope(KIND_##T, x, x_row, out, out_row, cosines, sines, angle_row, rows, half, n, traditional, \
         forward);                                                                                \
  }
FOR_KIND(f32)
FOR_KIND(f16)
FOR_KIND(bf16)

void MX_KERNEL(rope_f64) MX_ROPE_PARAMETERS {
  for (int64_t r = 0; r < rows; r++) {
    const double *from = (const double *)x + r * x_row;
    double *to = (double *)out + r * out_row;
    for (int64_t i = 0; i < half; i++) {
      int64_t first = traditional ? 2 * i : i, second = traditional ? 2 * i + 1 : half + i;
      double a = from[first], b = from[second], c = cosines[r * angle_row + i];
      double s = forward ? sines[r * angle_row + i] : -sines[r * angle_row + i];
      to[first] = a * c - b * s;
      to[second] = a * s + b * c;
    }
    for (int64_t i = 2 * half; i < n; i++) to[i] = from[i];
  }
}
