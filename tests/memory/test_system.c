/* The machine's memory and the control groups', read from trees that the test lays out. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "memory/system.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint64_t GIB = 1 << 30;
static char root[64];

static void put(const char *path, const char *text) {
  char full[512];
  snprintf(full, sizeof full, "%s%s", root, path);
  for (char *slash = strchr(full + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    mkdir(full, 0700);
    *slash = '/';
  }
  FILE *file = fopen(full, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static int make_machine(void **state) {
  (void)state;
  strcpy(root, "/tmp/mlx-system-XXXXXX");
  if (!mkdtemp(root)) return 1;
  /* 16 GiB of memory, 6 available, 2 of swap free */
  put("/proc/meminfo", "MemTotal:       16777216 kB\nMemFree:          100000 kB\n"
                       "MemAvailable:    6291456 kB\nSwapCached:            0 kB\n"
                       "SwapTotal:       4194304 kB\nSwapFree:        2097152 kB\n");
  return 0;
}

static int remove_file(const char *path, const struct stat *facts, int kind, struct FTW *where) {
  (void)facts, (void)kind, (void)where;
  return remove(path);
}

static int remove_machine(void **state) {
  (void)state;
  return nftw(root, remove_file, 8, FTW_DEPTH | FTW_PHYS);
}

static void without_groups_the_machine_counts(void **state) {
  (void)state;
  assert_int_equal(mx_mem_system_total(root), 16 * GIB);
  assert_int_equal(mx_mem_system_available(root, UINT64_MAX), 8 * GIB);
}

static void version_2_takes_the_tightest_of_the_groups_above(void **state) {
  (void)state;
  put("/proc/self/cgroup", "0::/jobs/one\n");
  put("/proc/self/mountinfo",
      "25 1 0:22 / /sys rw - sysfs sysfs rw\n"
      "31 25 0:27 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup rw\n");
  put("/sys/fs/cgroup/jobs/one/memory.max", "max\n");
  put("/sys/fs/cgroup/jobs/one/memory.current", "1000\n");
  put("/sys/fs/cgroup/jobs/memory.max", "4294967296\n");
  put("/sys/fs/cgroup/jobs/memory.current", "3221225472\n");
  put("/sys/fs/cgroup/jobs/memory.stat", "anon 1\nfile 9\ninactive_file 268435456\n"
                                         "active_file 134217728\nslab_reclaimable 134217728\n");
  put("/sys/fs/cgroup/jobs/memory.swap.max", "1073741824\n");
  put("/sys/fs/cgroup/jobs/memory.swap.current", "536870912\n");
  assert_int_equal(mx_mem_system_total(root), 4 * GIB);
  /* 1 free, half of reclaimable files, half of swap */
  assert_int_equal(mx_mem_system_available(root, UINT64_MAX), 2 * GIB);
  put("/sys/fs/cgroup/jobs/memory.swap.max", "max\n");
  assert_int_equal(mx_mem_system_available(root, UINT64_MAX), 3 * GIB + GIB / 2);
  put("/sys/fs/cgroup/jobs/one/memory.max", "1073741824\n");
  assert_int_equal(mx_mem_system_total(root), 1 * GIB);
}

static void version_1_limits_memory_and_swap_together(void **state) {
  (void)state;
  put("/proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/box\n0::/\n");
  put("/proc/self/mountinfo",
      "40 30 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,cpu,memory\n"
      "41 30 0:31 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n");
  put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  put("/sys/fs/cgroup/memory/box/memory.limit_in_bytes", "2147483648\n");
  put("/sys/fs/cgroup/memory/box/memory.usage_in_bytes", "1073741824\n");
  put("/sys/fs/cgroup/memory/box/memory.stat", "inactive_file 1\ntotal_inactive_file 268435456\n");
  put("/sys/fs/cgroup/memory/box/memory.memsw.limit_in_bytes", "3221225472\n");
  put("/sys/fs/cgroup/memory/box/memory.memsw.usage_in_bytes", "1073741824\n");
  assert_int_equal(mx_mem_system_total(root), 2 * GIB);
  /* 1 free, a quarter of reclaimable files, and of the 2 with swap the 1 beyond memory */
  assert_int_equal(mx_mem_system_available(root, UINT64_MAX), 2 * GIB + GIB / 4);
  assert_true(mx_mem_system_available(root, GIB / 2) >= GIB / 2);
}

/* The path in /proc/self/cgroup is the host's, but only the container's own part is mounted. */
static void a_container_sees_its_own_group_at_the_mount(void **state) {
  (void)state;
  put("/proc/self/cgroup", "4:memory:/docker/abc\n");
  put("/proc/self/mountinfo",
      "40 30 0:30 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
  put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n");
  put("/sys/fs/cgroup/memory/memory.usage_in_bytes", "1073741825\n");
  assert_int_equal(mx_mem_system_total(root), 1 * GIB);
  assert_int_equal(mx_mem_system_available(root, UINT64_MAX), 2 * GIB); /* swap */
}

static void nothing_readable_limits_nothing(void **state) {
  (void)state;
  assert_int_equal(mx_mem_system_total("/nonexistent"), 0);
  assert_int_equal(mx_mem_system_available("/nonexistent", 5), UINT64_MAX);
}

static void touched_memory_is_what_was_written(void **state) {
  (void)state;
  uint64_t before = mx_mem_system_touched();
  volatile char *block = malloc(64 << 20);
  assert_true(mx_mem_system_touched() < before + (8 << 20));
  for (int i = 0; i < 64 << 20; i += 4096) block[i] = 1;
  assert_true(mx_mem_system_touched() >= before + (60 << 20));
  free((void *)block);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_machine, remove_machine)
  const struct CMUnitTest tests[] = {
      TEST(without_groups_the_machine_counts),
      TEST(version_2_takes_the_tightest_of_the_groups_above),
      TEST(version_1_limits_memory_and_swap_together),
      TEST(a_container_sees_its_own_group_at_the_mount),
      cmocka_unit_test(nothing_readable_limits_nothing),
      cmocka_unit_test(touched_memory_is_what_was_written),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
