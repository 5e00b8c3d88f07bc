/* Random inputs for benchmark cases, evaluated. */
#ifndef BENCH_INPUTS_H
#define BENCH_INPUTS_H

#include "bench.h"

static inline mx bench_ready(mx a) {
  mx_eval(a);
  return a;
}

/* [n] of a dtype: floats normal about 0 with deviation 1, integers uniform in [low, high). */
static inline mx bench_normal(int64_t n, mx_dtype dtype, uint64_t seed) {
  mx a = mx_random_normal(MX_INTS((int)n), MX_FLOAT32, NULL, NULL, mx_random_key(seed));
  return bench_ready(mx_astype(a, dtype));
}
static inline mx bench_integers(int64_t n, mx_dtype dtype, int low, int high, uint64_t seed) {
  mx a =
      mx_random_randint(mx_int(low), mx_int(high), MX_INTS((int)n), MX_INT32, mx_random_key(seed));
  return bench_ready(mx_astype(a, dtype));
}

#endif
