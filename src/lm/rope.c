/* Rotary position embeddings and their scalings. The frequencies are computed in float32, as the
 * reference does. */
#include "lm/rope.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DIMS 8192

static void plain_freqs(float *freqs, int dims, double base) {
  for (int i = 0; i < dims / 2; i++) freqs[i] = powf((float)base, (float)(2 * i) / (float)dims);
}

static double number(lm_config *c, const json_t *s, const char *key, double otherwise) {
  return lm_field_float(c, s, "rope_scaling", key, otherwise);
}

static double needed(lm_config *c, const json_t *s, const char *key) {
  return lm_field_float_required(c, s, "rope_scaling", key);
}

/* Llama 3.1: long wavelengths stretched by the factor, short ones kept, a ramp between. */
static void llama3_freqs(float *freqs, int dims, lm_config *c, const json_t *s) {
  float factor = (float)needed(c, s, "factor");
  double low = number(c, s, "low_freq_factor", 1), high = number(c, s, "high_freq_factor", 4);
  double context = number(c, s, "original_max_position_embeddings", 8192);
  for (int i = 0; i < dims / 2; i++) {
    float wavelength = (float)(2 * M_PI) * freqs[i];
    if (wavelength > (float)(context / high) && wavelength < (float)(context / low)) {
      float smooth = ((float)context / wavelength - (float)low) / (float)(high - low);
      freqs[i] = freqs[i] / ((1 - smooth) / factor + smooth);
    } else if (wavelength > (float)(context / low)) {
      freqs[i] *= factor;
    }
  }
}

static double yarn_mscale(double scale, double mscale) {
  return scale <= 1 ? 1 : 0.1 * mscale * log(scale) + 1;
}

/* YaRN (Peng et al., arXiv:2309.00071): interpolates slow dimensions, extrapolates fast ones. */
static void yarn_freqs(lm_rope *rope, float *freqs, double base, lm_config *c, const json_t *s) {
  int dims = rope->dims;
  double factor = needed(c, s, "factor");
  double context = number(c, s, "original_max_position_embeddings", 4096);
  double fast = number(c, s, "beta_fast", 32), slow = number(c, s, "beta_slow", 1);
  rope->mscale = yarn_mscale(factor, number(c, s, "mscale", 1)) /
                 yarn_mscale(factor, number(c, s, "mscale_all_dim", 0));
  double low = floor(dims * log(context / (fast * 2 * M_PI)) / (2 * log(base)));
  double high = ceil(dims * log(context / (slow * 2 * M_PI)) / (2 * log(base)));
  low = low < 0 ? 0 : low;
  high = high > dims - 1 ? dims - 1 : high;
  if (low == high) high += 0.001;
  for (int i = 0; i < dims / 2; i++) {
    float ramp = ((float)i - (float)low) / (float)(high - low);
    float mask = 1 - (ramp < 0 ? 0 : ramp > 1 ? 1 : ramp);
    float extra = freqs[i], inter = (float)factor * extra;
    freqs[i] = inter * extra / (inter * mask + extra * (1 - mask));
  }
}

/* LongRoPE as Phi-3 uses it: a factor for every frequency, and longer contexts scaled up. */
static void su_freqs(lm_rope *rope, float *freqs, lm_config *c, const json_t *s, int max_position) {
  double context = needed(c, s, "original_max_position_embeddings");
  const json_t *factors = json_object_get(s, "long_factor");
  int count = rope->dims / 2;
  if (!json_object_get(s, "short_factor") || !factors ||
      (json_is_array(factors) && (int)json_array_size(factors) != count)) {
    mx_fail("%s: \"rope_scaling\" needs \"short_factor\" and \"long_factor\" of %d numbers",
            c->path, count);
    c->failed = true;
    return;
  }
  for (int i = 0; i < count; i++)
    freqs[i] *= (float)json_number_value(json_is_array(factors) ? json_array_get(factors, (size_t)i)
                                                                : factors);
  double ratio = (max_position ? max_position : 131072) / context;
  rope->mscale = ratio <= 1 ? 1 : sqrt(1 + log(ratio) / log(context));
}

static const char *scaling_type(const json_t *scaling) {
  const char *type = json_string_value(json_object_get(scaling, "type"));
  if (!type || !*type) type = json_string_value(json_object_get(scaling, "rope_type"));
  return type ? type : "default";
}

bool lm_rope_init(lm_rope *rope, lm_config *c, int dims, double base, bool traditional,
                  const json_t *scaling, int max_position) {
  *rope = (lm_rope){dims, traditional, (float)base, 1, NULL, 1};
  const char *type = scaling_type(scaling);
  float freqs[MAX_DIMS / 2];
  if (dims < 2 || dims > MAX_DIMS || dims % 2) {
    mx_fail("%s: cannot rotate heads of %d features", c->path, dims);
    c->failed = true;
    return false;
  }
  plain_freqs(freqs, dims, base);
  bool own = true;
  if (!strcmp(type, "llama3"))
    llama3_freqs(freqs, dims, c, scaling);
  else if (!strcmp(type, "yarn") || !strcmp(type, "deepseek_yarn"))
    yarn_freqs(rope, freqs, base, c, scaling);
  else if (!strcmp(type, "longrope")) {
    su_freqs(rope, freqs, c, scaling, max_position);
    rope->traditional = false;
  } else
    own = false;
  if (!strcmp(type, "linear"))
    rope->scale = (float)(1 / needed(c, scaling, "factor"));
  else if (!strcmp(type, "mrope")) {
    if (json_array_size(json_object_get(scaling, "mrope_section")) != 3) {
      mx_fail("%s: \"rope_scaling.mrope_section\" must have 3 sections", c->path);
      c->failed = true;
    }
  } else if (!own && strcmp(type, "default")) {
    mx_fail("%s: \"rope_scaling\" has the unsupported type \"%s\"", c->path, type);
    c->failed = true;
  }
  if (own && !c->failed) {
    mx_scope scope = mx_scope_begin();
    rope->freqs = mx_retain(mx_array_new(freqs, MX_INTS(dims / 2), MX_FLOAT32));
    mx_scope_end(scope, NULL);
  }
  return !c->failed;
}

void lm_rope_release(lm_rope *rope) {
  mx_release(rope->freqs);
  rope->freqs = NULL;
}

mx lm_rope_forward(const lm_rope *rope, mx x, lm_position at) {
  if (rope->mscale != 1) {
    mx head = mx_slice_axis(x, -1, 0, rope->dims);
    head = mx_multiply(head, mx_scalar_like(rope->mscale, x));
    if (rope->dims == mx_dim(x, -1))
      x = head;
    else
      x = mx_concatenate(MX_LIST(head, mx_slice_axis(x, -1, rope->dims, mx_dim(x, -1))), -1);
  }
  return mx_fast_rope(x, rope->dims, .traditional = rope->traditional, .base = rope->base,
                      .scale = rope->scale, .offset = at.offset, .offsets = at.offsets,
                      .freqs = rope->freqs);
}
