/* mlx.c: MLX's arrays in C. Everything public of the native API. */
#ifndef MLX_MX_H
#define MLX_MX_H

#include "mlx/mx/array.h"
#include "mlx/mx/cast.h"
#include "mlx/mx/compile.h"
#include "mlx/mx/create.h"
#include "mlx/mx/dtype.h"
#include "mlx/mx/elementwise.h"
#include "mlx/mx/error.h"
#include "mlx/mx/export.h"
#include "mlx/mx/fast.h"
#include "mlx/mx/index.h"
#include "mlx/mx/io.h"
#include "mlx/mx/linear.h"
#include "mlx/mx/memory.h"
#include "mlx/mx/random.h"
#include "mlx/mx/reduce.h"
#include "mlx/mx/shape.h"
#include "mlx/mx/softmax.h"
#include "mlx/mx/sort.h"
#include "mlx/mx/stream.h"
#include "mlx/mx/transforms.h"

#endif
