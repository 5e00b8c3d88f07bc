/* Timing of cases, and the two faces of a benchmark program: a table of its own, or answers to
 * bench/run.py on standard input and output (see serve). */
#include "bench.h"
#include "limits.h"

#include <stdio.h>
#include <string.h>

#define ENOUGH_SECONDS 0.06 /* of repetitions for one answer */
#define ENOUGH_RUNS 3

static const char *const limit_names[] = {"limit read", "limit write", "limit copy", "limit fma"};

typedef struct {
  const bench_case *c;
  bench_state state;
  bool made;
} live_case;

static int fail(const bench_case *c) {
  fprintf(stderr, "%s: %s\n", c->name, mx_error() ? mx_error() : "failed");
  mx_error_clear();
  return -1;
}

/* Seconds for one item, the least of some runs; negative where the case failed. */
static double measure(live_case *live) {
  const bench_case *c = live->c;
  double best = 1e9, start = bench_now();
  if (!live->made) {
    mx_scope scope = mx_scope_begin();
    if (c->make) c->make(c, &live->state);
    for (int i = 0; i < 6; i++) live->state.in[i] = mx_retain(live->state.in[i]);
    live->made = true;
    mx_scope_end(scope, NULL);
    mx_clear_cache();
  }
  for (int i = 0; i <= ENOUGH_RUNS || bench_now() - start < ENOUGH_SECONDS; i++) {
    mx_scope scope = mx_scope_begin();
    double from = bench_now();
    c->run(c, &live->state);
    double took = bench_now() - from;
    mx_scope_end(scope, NULL);
    best = took < best ? took : best;
    if (mx_error()) return fail(c);
  }
  return best / (double)(c->items ? c->items : 1);
}

static void drop(live_case *live) {
  if (!live->made) return;
  if (live->c->drop) live->c->drop(live->c, &live->state);
  for (int i = 0; i < 6; i++) mx_release(live->state.in[i]);
  live->state = (bench_state){0};
  live->made = false;
  mx_clear_cache();
}

/* Requests, one a line: `list` is answered by a line for each case (name, bytes read and written,
 * operations, items, by tabs) and an empty one; a limit's name by a rate; a case's name by seconds,
 * or `none`; `drop` gives up what the last case held, and is not answered. */
static int serve(const bench_case *cases, int count) {
  char line[256];
  live_case live = {0};
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    if (!strcmp(line, "drop")) {
      drop(&live);
      continue;
    }
    if (!strcmp(line, "list")) {
      for (int i = 0; i < count; i++)
        printf("%s\t%.9g\t%.9g\t%.9g\t%lld\n", cases[i].name, cases[i].read, cases[i].written,
               cases[i].operations, (long long)(cases[i].items ? cases[i].items : 1));
      puts("");
    } else if (!strncmp(line, "limit ", 6)) {
      for (int i = 0; i < BENCH_LIMITS; i++)
        if (!strcmp(line, limit_names[i])) printf("%.9g\n", bench_limit(i));
    } else {
      int i = 0;
      while (i < count && strcmp(cases[i].name, line)) i++;
      if (i < count && live.c != &cases[i]) {
        drop(&live);
        live.c = &cases[i];
      }
      double seconds = i < count ? measure(&live) : -1;
      if (seconds < 0)
        puts("none");
      else
        printf("%.9g\n", seconds);
    }
    fflush(stdout);
  }
  return 0;
}

/* The least time for a case (also in run.py). What is both read and written goes at the speed of
 * copies, the rest at that of its kind. */
static double least_of(const bench_case *c, const double limits[BENCH_LIMITS]) {
  double both = c->read < c->written ? c->read : c->written;
  double traffic = 2 * both / limits[BENCH_COPY] + (c->read - both) / limits[BENCH_READ] +
                   (c->written - both) / limits[BENCH_WRITE];
  double compute = c->operations / limits[BENCH_FMA];
  return traffic > compute ? traffic : compute;
}

static int table(const bench_case *cases, int count, const char *only) {
  double limits[BENCH_LIMITS];
  for (int i = 0; i < BENCH_LIMITS; i++) {
    limits[i] = bench_limit(i);
    printf("%s: %.1f G%s/s\n", limit_names[i], limits[i] * 1e-9, i == BENCH_FMA ? "FLOP" : "B");
  }
  for (int i = 0; i < count; i++) {
    if (only && !strstr(cases[i].name, only)) continue;
    live_case live = {.c = &cases[i]};
    double seconds = measure(&live), least = least_of(&cases[i], limits);
    if (seconds < 0) return 1;
    seconds *= (double)(cases[i].items ? cases[i].items : 1);
    double item = seconds / (double)(cases[i].items ? cases[i].items : 1);
    printf("%-36s %12.3f us", cases[i].name, item * 1e6);
    if (least > 0) printf("  %.2f of the limit", least / seconds);
    puts("");
    fflush(stdout);
    drop(&live);
  }
  return 0;
}

int bench_main(int argc, char **argv, const bench_case *cases, int count) {
  if (argc > 1 && !strcmp(argv[1], "--serve")) return serve(cases, count);
  if (argc > 2 || (argc > 1 && argv[1][0] == '-'))
    return fprintf(stderr, "usage: %s [--serve | PART-OF-A-NAME]\n", argv[0]), 2;
  return table(cases, count, argc > 1 ? argv[1] : NULL);
}
