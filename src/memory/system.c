/* Reads /proc/meminfo and the memory control groups (v1 and v2). */
#include "memory/system.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* A group's files by version. v1 reports "no limit" as a huge number, v2 as "max". */
typedef struct {
  const char *limit, *usage, *swap_limit, *swap_usage;
  bool swap_includes_memory; /* v1 limits memory and swap together */
  const char *reclaimable[3];
} group_version;

static const group_version versions[] = {
    {"memory.limit_in_bytes",
     "memory.usage_in_bytes",
     "memory.memsw.limit_in_bytes",
     "memory.memsw.usage_in_bytes",
     true,
     {"total_inactive_file", "total_active_file", NULL}},
    {"memory.max",
     "memory.current",
     "memory.swap.max",
     "memory.swap.current",
     false,
     {"inactive_file", "active_file", "slab_reclaimable"}},
};

enum { MAX_GROUPS = 16 };
static const uint64_t UNLIMITED = UINT64_MAX;

/* The groups that a process is in, from its own to the mount's root. */
typedef struct {
  int count;
  struct {
    char path[PATH_MAX];
    const group_version *version;
  } group[MAX_GROUPS];
} groups;

static bool read_text(char *text, size_t capacity, const char *root, const char *folder,
                      const char *name) {
  char path[2 * PATH_MAX];
  snprintf(path, sizeof path, "%s%s/%s", root, folder, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t length = read(fd, text, capacity - 1);
  close(fd);
  text[length > 0 ? length : 0] = 0;
  return length > 0;
}

static uint64_t read_number(const char *root, const char *folder, const char *name) {
  char text[64];
  if (!read_text(text, sizeof text, root, folder, name) || text[0] < '0' || text[0] > '9')
    return UNLIMITED;
  uint64_t value = strtoull(text, NULL, 10);
  return value >= UINT64_C(1) << 62 ? UNLIMITED : value;
}

/* The number after `key` at the start of a line; 0 where there is no such line. */
static uint64_t field(const char *text, const char *key) {
  size_t length = strlen(key);
  for (const char *line = text; line; line = strchr(line, '\n')) {
    line += *line == '\n';
    if (!strncmp(line, key, length) && (line[length] == ' ' || line[length] == ':'))
      return strtoull(line + length + 1, NULL, 10);
  }
  return 0;
}

static FILE *open_lines(const char *root, const char *path) {
  char full[PATH_MAX];
  snprintf(full, sizeof full, "%s%s", root, path);
  return fopen(full, "re");
}

static bool names_memory(const char *list) {
  for (const char *at = list; (at = strstr(at, "memory")); at += 6)
    if ((at == list || at[-1] == ',') && (!at[6] || at[6] == ',')) return true;
  return false;
}

/* The process's path in the hierarchy of a version, as /proc/self/cgroup tells it. */
static bool own_path(const char *root, bool unified, char path[PATH_MAX]) {
  FILE *file = open_lines(root, "/proc/self/cgroup");
  if (!file) return false;
  char line[PATH_MAX + 256];
  bool found = false;
  while (!found && fgets(line, sizeof line, file)) {
    char *controllers = strchr(line, ':'),
         *where = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!where) continue;
    *where++ = 0;
    where[strcspn(where, "\n")] = 0;
    found = unified ? !controllers[1] : names_memory(controllers + 1);
    if (found) snprintf(path, PATH_MAX, "%.*s", PATH_MAX - 1, where);
  }
  fclose(file);
  return found;
}

/* Adds the process's group below a mount and the groups above it, as far as they have limits. */
static void add_groups(groups *all, const char *root, const group_version *version,
                       const char *mounted, const char *mount) {
  char own[PATH_MAX], path[2 * PATH_MAX];
  if (!own_path(root, version == &versions[1], own)) return;
  /* A container may mount only its own part of the tree: what is mounted is named in mountinfo. */
  size_t prefix = strcmp(mounted, "/") ? strlen(mounted) : 0;
  bool below = !strncmp(own, mounted, prefix) && (!own[prefix] || own[prefix] == '/');
  snprintf(path, sizeof path, "%s%s", mount, below ? own + prefix : "");
  for (size_t length = strlen(path); length >= strlen(mount) && all->count < MAX_GROUPS;) {
    while (length > 1 && path[length - 1] == '/') path[--length] = 0;
    if (read_number(root, path, version->limit) != UNLIMITED && length < PATH_MAX) {
      memcpy(all->group[all->count].path, path, length + 1);
      all->group[all->count++].version = version;
    }
    char *slash = strrchr(path, '/');
    if (!slash || slash == path) break;
    *slash = 0;
    length = (size_t)(slash - path);
  }
}

static void find_groups(groups *all, const char *root) {
  all->count = 0;
  FILE *file = open_lines(root, "/proc/self/mountinfo");
  if (!file) return;
  char *line = NULL;
  size_t capacity = 0;
  while (getline(&line, &capacity, file) > 0) {
    char mounted[PATH_MAX], mount[PATH_MAX], type[64], options[1024];
    const char *after = strstr(line, " - ");
    if (!after || sscanf(line, "%*s %*s %*s %4095s %4095s", mounted, mount) != 2) continue;
    if (sscanf(after + 3, "%63s %*s %1023s", type, options) != 2) continue;
    if (!strcmp(type, "cgroup2")) add_groups(all, root, &versions[1], mounted, mount);
    if (!strcmp(type, "cgroup") && names_memory(options))
      add_groups(all, root, &versions[0], mounted, mount);
  }
  free(line);
  fclose(file);
}

static groups *real_groups;
static void find_real_groups(void) {
  real_groups = malloc(sizeof *real_groups);
  if (real_groups) find_groups(real_groups, "");
}

/* Groups rarely change while a process runs, so the real ones are looked up once. */
static const groups *groups_of(const char *root, groups **mine) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  if (!*root) {
    pthread_once(&once, find_real_groups);
    return real_groups;
  }
  *mine = malloc(sizeof **mine);
  if (*mine) find_groups(*mine, root);
  return *mine;
}

uint64_t mx_mem_system_total(const char *root) {
  char text[4096];
  uint64_t total = 0;
  if (read_text(text, sizeof text, root, "/proc", "meminfo")) total = field(text, "MemTotal") << 10;
  groups *mine = NULL;
  const groups *all = groups_of(root, &mine);
  for (int i = 0; all && i < all->count; i++) {
    uint64_t limit = read_number(root, all->group[i].path, all->group[i].version->limit);
    if (limit < total || !total) total = limit;
  }
  free(mine);
  return total == UNLIMITED ? 0 : total;
}

static uint64_t less(uint64_t limit, uint64_t usage) { return limit > usage ? limit - usage : 0; }

/* What a group can still take: its free room, the file pages that it would give up first, and swap.
 * Its statistics are slow to read, and only consulted when free room alone is not enough. */
static uint64_t room_of_group(const char *root, const char *path, const group_version *version,
                              uint64_t swap_free, uint64_t enough) {
  uint64_t limit = read_number(root, path, version->limit);
  if (limit == UNLIMITED) return UNLIMITED;
  uint64_t room = less(limit, read_number(root, path, version->usage));
  if (room >= enough) return room;
  char text[8192];
  uint64_t files = 0;
  if (read_text(text, sizeof text, root, path, "memory.stat"))
    for (int i = 0; i < 3 && version->reclaimable[i]; i++)
      files += field(text, version->reclaimable[i]);
  uint64_t swap_limit = read_number(root, path, version->swap_limit), swap = swap_free;
  if (swap_limit != UNLIMITED) {
    uint64_t left = less(swap_limit, read_number(root, path, version->swap_usage));
    if (version->swap_includes_memory) left = less(left, room);
    if (left < swap) swap = left;
  }
  return room + files + swap;
}

uint64_t mx_mem_system_available(const char *root, uint64_t enough) {
  char text[4096];
  uint64_t available = UNLIMITED, swap = 0;
  if (read_text(text, sizeof text, root, "/proc", "meminfo")) {
    swap = field(text, "SwapFree") << 10;
    available = (field(text, "MemAvailable") << 10) + swap;
  }
  groups *mine = NULL;
  const groups *all = groups_of(root, &mine);
  for (int i = 0; all && i < all->count; i++) {
    uint64_t room = room_of_group(root, all->group[i].path, all->group[i].version, swap, enough);
    if (room < available) available = room;
  }
  free(mine);
  return available;
}

uint64_t mx_mem_system_touched(void) {
  char text[8192];
  if (!read_text(text, sizeof text, "", "/proc/self", "status")) return UNLIMITED;
  return (field(text, "RssAnon") + field(text, "VmSwap")) << 10;
}

uint64_t mx_mem_system_address_room(void) {
  struct rlimit limit;
  char text[128];
  if (getrlimit(RLIMIT_AS, &limit) || limit.rlim_cur == RLIM_INFINITY) return UNLIMITED;
  if (!read_text(text, sizeof text, "", "/proc/self", "statm")) return UNLIMITED;
  return less(limit.rlim_cur, strtoull(text, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE));
}
