/* Metal, which this library never has. */
#ifndef MLX_C_METAL_H
#define MLX_C_METAL_H

#include "mlx/c/array.h"
#include "mlx/c/closure.h"
#include "mlx/c/io_types.h"
#include "mlx/c/map.h"
#include "mlx/c/stream.h"
#include "mlx/c/string.h"
#include "mlx/c/vector.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* *res becomes false. */
int mlx_metal_is_available(bool *res);
/* Without Metal nothing is captured, as in MLX. */
int mlx_metal_start_capture(const char *path);
int mlx_metal_stop_capture(void);

#ifdef __cplusplus
}
#endif
#endif
