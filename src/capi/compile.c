/* Compilation of closures. */
#include "mlx/c/compile.h"
#include "capi/closure.h"

/* The compiled function keeps the one that it is made of. */
static int give(mlx_closure *res, mx_fn f, mx_fn fast) {
  mx_fn_release(f);
  return capi_set_closure(res, fast);
}

int mlx_compile(mlx_closure *res, const mlx_closure fun, bool shapeless) {
  mx_fn f = capi_function(fun);
  return give(res, f, f ? mx_compile(f, .shapeless = shapeless) : NULL);
}

int mlx_detail_compile(mlx_closure *res, const mlx_closure fun, uintptr_t fun_id, bool shapeless,
                       const uint64_t *constants, size_t constants_num) {
  mx_fn f = capi_function(fun);
  return give(res, f, f ? mx_compile_id(f, fun_id, shapeless, constants, constants_num) : NULL);
}

int mlx_detail_compile_clear_cache(void) {
  mx_compile_clear_cache();
  return 0;
}

int mlx_detail_compile_erase(uintptr_t fun_id) {
  mx_compile_erase(fun_id);
  return 0;
}

int mlx_disable_compile(void) {
  mx_disable_compile();
  return 0;
}

int mlx_enable_compile(void) {
  mx_enable_compile();
  return 0;
}

int mlx_set_compile_mode(mlx_compile_mode mode) {
  static const mx_compile_mode modes[] = {
      [MLX_COMPILE_MODE_DISABLED] = MX_COMPILE_DISABLED,
      [MLX_COMPILE_MODE_NO_SIMPLIFY] = MX_COMPILE_NO_SIMPLIFY,
      [MLX_COMPILE_MODE_NO_FUSE] = MX_COMPILE_NO_FUSE,
      [MLX_COMPILE_MODE_ENABLED] = MX_COMPILE_ENABLED,
  };
  mx_set_compile_mode(modes[mode]);
  return 0;
}
