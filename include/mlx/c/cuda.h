/* Whether work can run on an NVIDIA GPU. */
#ifndef MLX_C_CUDA_H
#define MLX_C_CUDA_H

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

int mlx_cuda_is_available(bool *res);

#ifdef __cplusplus
}
#endif
#endif
