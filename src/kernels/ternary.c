/* Selection by a condition, which knows only the size of the elements. */
#include "kernels/copy.h"
#include "kernels/ternary.h"
#include "kernels/loop.h"

#define LOOP(type, first, second)               \
  INDEPENDENT for (int64_t i = 0; i < n; i++) { \
    type x = first, y = second;                 \
    d[i] = c[i] ? x : y;                        \
  }

#define SELECT(type)                                                                            \
  static void select_##type(type *d, const uint8_t *c, const type *a, const type *b, int64_t n, \
                            int64_t as, int64_t bs) {                                           \
    type a0 = a[0], b0 = b[0];                                                                  \
    if (as && bs) {                                                                             \
      LOOP(type, a[i], b[i])                                                                    \
    } else if (as) {                                                                            \
      LOOP(type, a[i], b0)                                                                      \
    } else if (bs) {                                                                            \
      LOOP(type, a0, b[i])                                                                      \
    } else {                                                                                    \
      LOOP(type, a0, b0)                                                                        \
    }                                                                                           \
  }
SELECT(uint8_t)
SELECT(uint16_t)
SELECT(uint32_t)
SELECT(uint64_t)

void MX_KERNEL(select)(int size, void *out, const void *condition, const void *a, const void *b,
                       int64_t n, int64_t c_step, int64_t a_step, int64_t b_step) {
  const uint8_t *c = condition;
  if (n <= 0) return;
  if (!c_step) {
    const void *chosen = *c ? a : b;
    if (*c ? a_step : b_step)
      memmove(out, chosen, (size_t)n * (size_t)size);
    else
      MX_KERNEL(copy_fill)(out, chosen, n, size);
    return;
  }
#define CASE(bytes, type) \
  case bytes: select_##type(out, c, a, b, n, a_step, b_step); break;
  MX_BY_SIZE(size, CASE);
#undef CASE
}
