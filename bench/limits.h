/* What the machine can do at most, and the clock. */
#ifndef BENCH_LIMITS_H
#define BENCH_LIMITS_H

#include <stdint.h>

/* Seconds since some start. */
double bench_now(void);

/* What the machine gives on all of the process's threads, measured anew by every call: bytes a
 * second read, written (past the caches where that is faster) and copied (read plus written),
 * float32 operations a second in fused multiply-adds. */
typedef enum { BENCH_READ, BENCH_WRITE, BENCH_COPY, BENCH_FMA, BENCH_LIMITS } bench_limit_kind;
double bench_limit(bench_limit_kind kind);

/* Reads memory that begins with a cache line once, on all threads, as BENCH_READ does: whole MiBs.
 */
void bench_read(const char *data, int64_t bytes);

#endif
