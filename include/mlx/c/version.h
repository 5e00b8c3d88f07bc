/* Which MLX the library follows. */
#ifndef MLX_C_VERSION_H
#define MLX_C_VERSION_H

#include "mlx/c/string.h"

#ifdef __cplusplus
extern "C" {
#endif

/* MLX's version whose names and semantics these are: "0.30.4". */
int mlx_version(mlx_string *str_);

#ifdef __cplusplus
}
#endif
#endif
