/* What benchmark programs share: a table of cases, their timing, the machine's limits, and the talk
 * with bench/run.py, which measures a program and its peers in turns.
 *
 *     static const bench_case cases[] = {{"exp float32", .make = normal, .run = unary, ...}};
 *     int main(int argc, char **argv) { return bench_main(argc, argv, cases, BENCH_COUNT(cases)); }
 *
 * Without arguments a program prints a table of its own times and fractions of the limits. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "mlx/mx.h"

#include <stdint.h>

#define BENCH_COUNT(cases) ((int)(sizeof(cases) / sizeof *(cases)))

/* What a case works with: made by `make` once, before it first runs; released after the last run.
 */
typedef struct bench_state {
  mx in[6];
  void *own; /* anything else */
} bench_state;

typedef struct bench_case bench_case;
struct bench_case {
  const char *name; /* a peer's case has the same name */
  void (*make)(const bench_case *c, bench_state *s);
  void (*run)(const bench_case *c, bench_state *s);
  void (*drop)(const bench_case *c, bench_state *s); /* of what `own` is; may be NULL */
  /* What no implementation can avoid in one run: bytes read from memory and written to it (0 where
   * caches hold them), and float32 operations (a fused multiply-add is two). */
  double read, written, operations;
  int64_t items; /* that one run does; times are of one; 0 for 1 */
  /* For make and run: what the case is a case of. */
  mx (*unary)(mx a);
  mx (*binary)(mx a, mx b);
  mx_dtype dtype, to;
  int64_t n, m, k;
};

int bench_main(int argc, char **argv, const bench_case *cases, int count);

#endif
