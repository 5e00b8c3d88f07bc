/* Evaluation. */
#ifndef MLX_C_TRANSFORMS_H
#define MLX_C_TRANSFORMS_H

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

/* Evaluates the arrays and waits for them. */
int mlx_eval(const mlx_vector_array outputs);
/* Schedules the arrays and returns at once; whoever reads them waits. */
int mlx_async_eval(const mlx_vector_array outputs);

#ifdef __cplusplus
}
#endif
#endif
