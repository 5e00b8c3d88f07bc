/* Scalars that may be absent: the value counts only where has_value is true. */
#ifndef MLX_C_OPTIONAL_H
#define MLX_C_OPTIONAL_H

#include "mlx/c/array.h"
#include "mlx/c/string.h"

#include <stdbool.h>

typedef struct mlx_optional_int_ {
  int value;
  bool has_value;
} mlx_optional_int;

typedef struct mlx_optional_float_ {
  float value;
  bool has_value;
} mlx_optional_float;

typedef struct mlx_optional_dtype_ {
  mlx_dtype value;
  bool has_value;
} mlx_optional_dtype;

#endif
