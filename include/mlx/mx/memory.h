/* How much memory arrays use, the limits they keep, and the same figures of other processes.
 *
 * A freed array's buffer goes to a cache, from which the next allocation of about its size is
 * served. Active memory is what live arrays hold, rounded up to what was really handed out; cache
 * memory is what waits for reuse. Neither counts mapped files or blocks that the caller owns. All
 * sizes are bytes. Every function may be called from any thread. */
#ifndef MLX_MX_MEMORY_H
#define MLX_MX_MEMORY_H

#include "mlx/mx/error.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

MX_API size_t mx_get_active_memory(void);

/* The most that was ever active, since the start or the last mx_reset_peak_memory (which sets it to
 * zero). */
MX_API size_t mx_get_peak_memory(void);
MX_API void mx_reset_peak_memory(void);

MX_API size_t mx_get_cache_memory(void);

/* Returns the cached buffers to the system: mx_get_cache_memory is 0 afterwards. */
MX_API void mx_clear_cache(void);

/* A guideline for evaluation. An allocation that would pass the limit waits for work in flight to
 * free memory, then takes what is missing from the cache, then goes on all the same. Only when
 * there is no more RAM, swap included, does it fail: "[malloc] Unable to allocate ...", which names
 * the bytes asked for, in use, cached and available. The default is 0.8 of the machine's memory, or
 * of the control group's where that is lower. Returns the previous limit. */
MX_API size_t mx_set_memory_limit(size_t limit);
MX_API size_t mx_get_memory_limit(void);

/* While the cache holds more than the limit, the next allocation returns the excess to the system,
 * and freed buffers go there directly; 0 turns the cache off. The default is the memory limit's
 * default. Returns the previous limit. */
MX_API size_t mx_set_cache_limit(size_t limit);

/* How many bytes of buffers, live or cached, and of loaded weights are kept resident (locked into
 * RAM): when the limit is raised, the newest first; afterwards each that is made, while it fits.
 * Buffers of 128 KiB and less are not pinned. The default is 0. Returns the previous limit. A limit
 * above the system's (RLIMIT_MEMLOCK, or the machine's memory) is an error and changes nothing, and
 * so is one that the system does not grant; the limit that stands is returned. */
MX_API size_t mx_set_wired_limit(size_t limit);
MX_API size_t mx_get_wired_limit(void);

/* What a process publishes of its memory, from its first array on, to the same user and to root. */
typedef struct mx_memory_report {
  size_t active, peak, cache;
  size_t memory_limit, cache_limit, wired_limit;
  size_t wired; /* bytes that are pinned now */
} mx_memory_report;

/* Writes the ids of the processes that publish their memory, in ascending order and at most
 * `capacity` of them; returns how many there are. */
MX_API int mx_memory_processes(int *pids, int capacity);

/* Reads one process's figures. Returns 0, or -1 after an error where the process publishes none. */
MX_API int mx_memory_of_process(int pid, mx_memory_report *report);

/* Asks a process to clear its cache and waits until it did. Returns 0, or -1 after an error where
 * the process publishes nothing or has not answered within `timeout` seconds. */
MX_API int mx_clear_cache_of_process(int pid, double timeout);

#ifdef __cplusplus
}
#endif
#endif
