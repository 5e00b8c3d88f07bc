/* Memory figures and limits, passed on. */
#include "mlx/c/memory.h"
#include "capi/capi.h"

#define FIGURE(name)                \
  int mlx_get_##name(size_t *res) { \
    *res = mx_get_##name();         \
    return 0;                       \
  }
FIGURE(active_memory)
FIGURE(cache_memory)
FIGURE(peak_memory)
FIGURE(memory_limit)

int mlx_clear_cache(void) {
  mx_clear_cache();
  return 0;
}

int mlx_reset_peak_memory(void) {
  mx_reset_peak_memory();
  return 0;
}

/* A limit that cannot be set leaves an error behind. */
#define LIMIT(name)                               \
  int mlx_set_##name(size_t *res, size_t limit) { \
    mx_error_clear();                             \
    size_t before = mx_set_##name(limit);         \
    if (mx_error()) return capi_fail("limit");    \
    *res = before;                                \
    return 0;                                     \
  }
LIMIT(cache_limit)
LIMIT(memory_limit)
LIMIT(wired_limit)
