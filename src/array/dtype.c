/* Element types: sizes, names, promotion. */
#include "mlx/mx/dtype.h"

static const struct {
  const char *name;
  unsigned char size;
  unsigned char kind;
} dtypes[MX_DTYPE_COUNT] = {
    [MX_BOOL] = {"bool", 1, MX_KIND_GENERIC},
    [MX_UINT8] = {"uint8", 1, MX_KIND_UNSIGNEDINTEGER},
    [MX_UINT16] = {"uint16", 2, MX_KIND_UNSIGNEDINTEGER},
    [MX_UINT32] = {"uint32", 4, MX_KIND_UNSIGNEDINTEGER},
    [MX_UINT64] = {"uint64", 8, MX_KIND_UNSIGNEDINTEGER},
    [MX_INT8] = {"int8", 1, MX_KIND_SIGNEDINTEGER},
    [MX_INT16] = {"int16", 2, MX_KIND_SIGNEDINTEGER},
    [MX_INT32] = {"int32", 4, MX_KIND_SIGNEDINTEGER},
    [MX_INT64] = {"int64", 8, MX_KIND_SIGNEDINTEGER},
    [MX_FLOAT16] = {"float16", 2, MX_KIND_FLOATING},
    [MX_FLOAT32] = {"float32", 4, MX_KIND_FLOATING},
    [MX_FLOAT64] = {"float64", 8, MX_KIND_FLOATING},
    [MX_BFLOAT16] = {"bfloat16", 2, MX_KIND_FLOATING},
    [MX_COMPLEX64] = {"complex64", 8, MX_KIND_COMPLEXFLOATING},
};

size_t mx_dtype_size(mx_dtype dtype) {
  return (unsigned)dtype < MX_DTYPE_COUNT ? dtypes[dtype].size : 0;
}

const char *mx_dtype_name(mx_dtype dtype) {
  return (unsigned)dtype < MX_DTYPE_COUNT ? dtypes[dtype].name : "invalid";
}

bool mx_is_subdtype(mx_dtype dtype, mx_dtype_kind kind) {
  if ((unsigned)dtype >= MX_DTYPE_COUNT) return false;
  static const signed char parent[] = {
      [MX_KIND_COMPLEXFLOATING] = MX_KIND_INEXACT, [MX_KIND_FLOATING] = MX_KIND_INEXACT,
      [MX_KIND_INEXACT] = MX_KIND_NUMBER,          [MX_KIND_SIGNEDINTEGER] = MX_KIND_INTEGER,
      [MX_KIND_UNSIGNEDINTEGER] = MX_KIND_INTEGER, [MX_KIND_INTEGER] = MX_KIND_NUMBER,
      [MX_KIND_NUMBER] = MX_KIND_GENERIC,          [MX_KIND_GENERIC] = -1,
  };
  for (int k = dtypes[dtype].kind; k >= 0; k = parent[k])
    if (k == (int)kind) return true;
  return false;
}

/* Rules that yield MLX's table: complex over float over integer over bool; two floats meet in the
 * wider, the two 16-bit ones in float32; two integers of one sign in the wider; of two signs in the
 * narrowest signed type that holds both, uint64 with a signed one in float32. */
mx_dtype mx_promote_types(mx_dtype a, mx_dtype b) {
  if (a == b) return a;
  bool a_float = mx_is_subdtype(a, MX_KIND_FLOATING), b_float = mx_is_subdtype(b, MX_KIND_FLOATING);
  if (a == MX_COMPLEX64 || b == MX_COMPLEX64) return MX_COMPLEX64;
  if (a_float && b_float) {
    if (dtypes[a].size == dtypes[b].size) return MX_FLOAT32;
    return dtypes[a].size > dtypes[b].size ? a : b;
  }
  if (a_float || b_float) return a_float ? a : b;
  if (a == MX_BOOL || b == MX_BOOL) return a == MX_BOOL ? b : a;
  if (dtypes[a].kind == dtypes[b].kind) return dtypes[a].size > dtypes[b].size ? a : b;
  mx_dtype u = dtypes[a].kind == MX_KIND_UNSIGNEDINTEGER ? a : b, s = u == a ? b : a;
  if (u == MX_UINT64) return MX_FLOAT32;
  if (dtypes[s].size > dtypes[u].size) return s;
  return u == MX_UINT8 ? MX_INT16 : u == MX_UINT16 ? MX_INT32 : MX_INT64;
}
