/* The operations that models spend their time in, each one kernel (see mlx/mx/fast.h). */
#ifndef MLX_C_FAST_H
#define MLX_C_FAST_H

#include "mlx/c/array.h"
#include "mlx/c/closure.h"
#include "mlx/c/io_types.h"
#include "mlx/c/map.h"
#include "mlx/c/optional.h"
#include "mlx/c/stream.h"
#include "mlx/c/string.h"
#include "mlx/c/vector.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Norms ---- */
int mlx_fast_rms_norm(mlx_array *res, const mlx_array x, const mlx_array weight /* may be null */,
                      float eps, const mlx_stream s);
int mlx_fast_layer_norm(mlx_array *res, const mlx_array x, const mlx_array weight /* may be null */,
                        const mlx_array bias /* may be null */, float eps, const mlx_stream s);

/* ---- Positions ---- frequencies from exactly one of base and freqs. */
int mlx_fast_rope(mlx_array *res, const mlx_array x, int dims, bool traditional,
                  mlx_optional_float base, float scale, int offset,
                  const mlx_array freqs /* may be null */, const mlx_stream s);
int mlx_fast_rope_dynamic(mlx_array *res, const mlx_array x, int dims, bool traditional,
                          mlx_optional_float base, float scale, const mlx_array offset,
                          const mlx_array freqs /* may be null */, const mlx_stream s);

/* ---- Attention ---- mask_mode: "", "causal", or "array" (with mask_arr). */
int mlx_fast_scaled_dot_product_attention(mlx_array *res, const mlx_array queries,
                                          const mlx_array keys, const mlx_array values, float scale,
                                          const char *mask_mode,
                                          const mlx_array mask_arr /* may be null */,
                                          const mlx_array sinks /* may be null */,
                                          const mlx_stream s);

#ifdef __cplusplus
}
#endif
#endif
