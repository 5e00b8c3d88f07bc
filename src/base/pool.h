/* One thread pool for the process, sized by the usable cores (affinity and cgroup quota), or by
 * MLX_NUM_THREADS. Nothing here allocates after the first call. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stdint.h>

/* Threads that share the work, the caller included; at least 1. */
int mx_pool_threads(void);

/* Calls fn(context, begin, end) over disjoint ranges that together cover [0, count), on the pool
 * and on the calling thread, and returns when all are done. No range is shorter than `grain`
 * (but the last); when everything fits in one grain, or when the pool is already at work for
 * another thread, the caller does it all itself: small work stays on its thread, and several
 * streams do not oversubscribe the cores. May be called from inside fn (runs in place). */
void mx_pool_run(int64_t count, int64_t grain,
                 void (*fn)(void *context, int64_t begin, int64_t end), void *context);

#endif
