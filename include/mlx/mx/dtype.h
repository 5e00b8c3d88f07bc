/* Element types, their sizes and their promotion (MLX's table). */
#ifndef MLX_MX_DTYPE_H
#define MLX_MX_DTYPE_H

#include "mlx/mx/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The order is MLX's, and so are the numeric values (mlx-c's mlx_dtype agrees). */
typedef enum mx_dtype {
  MX_BOOL,
  MX_UINT8,
  MX_UINT16,
  MX_UINT32,
  MX_UINT64,
  MX_INT8,
  MX_INT16,
  MX_INT32,
  MX_INT64,
  MX_FLOAT16,
  MX_FLOAT32,
  MX_FLOAT64,
  MX_BFLOAT16,
  MX_COMPLEX64,
  MX_DTYPE_COUNT
} mx_dtype;

/* Kinds of dtypes, a tree: `mx_is_subdtype(MX_FLOAT16, MX_KIND_INEXACT)`. */
typedef enum mx_dtype_kind {
  MX_KIND_COMPLEXFLOATING,
  MX_KIND_FLOATING,
  MX_KIND_INEXACT,
  MX_KIND_SIGNEDINTEGER,
  MX_KIND_UNSIGNEDINTEGER,
  MX_KIND_INTEGER,
  MX_KIND_NUMBER,
  MX_KIND_GENERIC
} mx_dtype_kind;

/* Bytes of one element. */
MX_API size_t mx_dtype_size(mx_dtype dtype);
/* "float32", "bool", ... (MLX's names, without a module). */
MX_API const char *mx_dtype_name(mx_dtype dtype);
/* The dtype that both convert to in arithmetic: MLX's `promote_types`. */
MX_API mx_dtype mx_promote_types(mx_dtype a, mx_dtype b);
MX_API bool mx_is_subdtype(mx_dtype dtype, mx_dtype_kind kind);

/* A complex64 element. */
typedef struct mx_complex64 {
  float re, im;
} mx_complex64;

#ifdef __cplusplus
}
#endif
#endif
