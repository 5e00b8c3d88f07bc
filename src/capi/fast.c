/* The operations that models spend their time in. */
#include "mlx/c/fast.h"
#include "capi/capi.h"

#include <string.h>

int mlx_fast_rms_norm(mlx_array *res, const mlx_array x, const mlx_array weight, float eps,
                      const mlx_stream s) {
  CAPI_RETURN(res, s, mx_fast_rms_norm(A(x), A(weight), eps));
}

int mlx_fast_layer_norm(mlx_array *res, const mlx_array x, const mlx_array weight,
                        const mlx_array bias, float eps, const mlx_stream s) {
  CAPI_RETURN(res, s, mx_fast_layer_norm(A(x), A(weight), A(bias), eps));
}

/* Frequencies come from the base or from the array. */
static mx rope(mx x, int dims, mlx_optional_float base, mx_fast_rope_args args) {
  if (base.has_value == (args.freqs != NULL))
    return mx_fail("[rope] Exactly one of base and freqs must be given, not %s.",
                   args.freqs ? "both" : "neither");
  args.base = base.has_value ? base.value : 0;
  return mx_fast_rope_with(x, dims, args);
}

int mlx_fast_rope(mlx_array *res, const mlx_array x, int dims, bool traditional,
                  mlx_optional_float base, float scale, int offset, const mlx_array freqs,
                  const mlx_stream s) {
  CAPI_RETURN(
      res, s,
      rope(A(x), dims, base,
           (mx_fast_rope_args){
               .traditional = traditional, .scale = scale, .offset = offset, .freqs = A(freqs)}));
}

int mlx_fast_rope_dynamic(mlx_array *res, const mlx_array x, int dims, bool traditional,
                          mlx_optional_float base, float scale, const mlx_array offset,
                          const mlx_array freqs, const mlx_stream s) {
  if (!A(offset)) return capi_fail("mlx_array");
  CAPI_RETURN(res, s,
              rope(A(x), dims, base,
                   (mx_fast_rope_args){.traditional = traditional,
                                       .scale = scale,
                                       .offsets = A(offset),
                                       .freqs = A(freqs)}));
}

static mx attention(mx q, mx k, mx v, const char *mode, mx_fast_attention_args args) {
  args.causal = !strcmp(mode, "causal");
  if (!args.causal && *mode && strcmp(mode, "array"))
    return mx_fail("[scaled_dot_product_attention] Invalid mask_mode %s. mask_mode must be "
                   "'causal', 'array' or ''.",
                   mode);
  if (args.causal && args.mask)
    return mx_fail("[scaled_dot_product_attention] Invalid mask_arr for mask_mode 'causal'. No "
                   "array mask should be passed.");
  return mx_fast_scaled_dot_product_attention_with(q, k, v, args);
}

int mlx_fast_scaled_dot_product_attention(mlx_array *res, const mlx_array queries,
                                          const mlx_array keys, const mlx_array values, float scale,
                                          const char *mask_mode, const mlx_array mask_arr,
                                          const mlx_array sinks, const mlx_stream s) {
  CAPI_RETURN(
      res, s,
      attention(A(queries), A(keys), A(values), mask_mode,
                (mx_fast_attention_args){.scale = scale, .mask = A(mask_arr), .sinks = A(sinks)}));
}
