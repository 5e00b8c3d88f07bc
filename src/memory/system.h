/* What the machine and the control groups say of memory. Every path is read below `root` ("" for
 * the real system; tests lay out their own). */
#ifndef MEMORY_SYSTEM_H
#define MEMORY_SYSTEM_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of RAM, or the lowest limit of the process's control groups (v1 or v2) where that is lower;
 * 0 where nothing can be read. */
uint64_t mx_mem_system_total(const char *root);

/* Bytes that can still be had without anything being killed: available memory and free swap, or the
 * room that the tightest control group leaves. The answer may be lower than the truth where it is
 * at least `enough`. UINT64_MAX where nothing can be read. */
uint64_t mx_mem_system_available(const char *root, uint64_t enough);

/* Bytes of anonymous memory that this process has touched (in RAM or swapped out); UINT64_MAX where
 * that cannot be read. */
uint64_t mx_mem_system_touched(void);

/* What the process's own limit of address space (RLIMIT_AS) leaves; UINT64_MAX where it has none.
 */
uint64_t mx_mem_system_address_room(void);

#endif
