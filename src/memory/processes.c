/* Reads the pages that processes publish, and asks them to clear their caches. */
#include "memory/figures.h"
#include "mlx/mx/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool read_page(const char *path, unsigned uid, mx_mem_page *page) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  struct stat facts;
  bool read = fd >= 0 && !fstat(fd, &facts) && S_ISREG(facts.st_mode) && facts.st_uid == uid &&
              pread(fd, page, sizeof *page, 0) == (ssize_t)sizeof *page;
  if (fd >= 0) close(fd);
  return read;
}

/* Whether a process has its page mapped: one that has replaced its program (exec) is alive and as
 * old as before, but no longer the one that published. Where the maps cannot be read, it counts. */
static bool maps_its_page(int pid, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/maps", pid);
  FILE *file = fopen(path, "re");
  if (!file) return errno == EACCES || errno == EPERM;
  char *line = NULL;
  size_t capacity = 0;
  bool found = false;
  while (!found && getline(&line, &capacity, file) > 0) {
    line[strcspn(line, "\n")] = 0;
    const char *base = strrchr(line, '/');
    found = base && !strcmp(base + 1, name);
  }
  free(line);
  fclose(file);
  return found;
}

typedef enum { ALIVE, UNKNOWN, DEAD } state;

/* A page still being written has no start time yet, and one of another container has ids that mean
 * nothing here: neither is shown, nor removed. */
static state state_of(const char *path, const char *name, unsigned uid, int pid,
                      mx_mem_page *page) {
  bool exists = !kill(pid, 0) || errno == EPERM;
  if (!read_page(path, uid, page) || memcmp(page->magic, MX_MEM_MAGIC, sizeof page->magic))
    return exists ? UNKNOWN : DEAD;
  if (page->pid_namespace != mx_mem_pid_namespace()) return UNKNOWN;
  uint64_t start = atomic_load(&page->start_time);
  if (!exists || (start && start != mx_mem_start_time(pid))) return DEAD;
  if (!start || page->size != sizeof *page || page->pid != pid) return UNKNOWN;
  return maps_its_page(pid, name) ? ALIVE : DEAD;
}

void mx_mem_each_page(void (*visit)(void *context, const char *path, const mx_mem_page *page),
                      void *context) {
  DIR *folder = opendir(mx_mem_directory);
  if (!folder) return;
  const unsigned me = (unsigned)geteuid();
  for (struct dirent *entry; (entry = readdir(folder));) {
    unsigned uid;
    int pid, end = 0;
    if (sscanf(entry->d_name, "mlx-%u-%d%n", &uid, &pid, &end) != 2 || entry->d_name[end]) continue;
    if (pid <= 0 || (uid != me && me != 0)) continue;
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", mx_mem_directory, entry->d_name) >= (int)sizeof path)
      continue;
    mx_mem_page page;
    state found = state_of(path, entry->d_name, uid, pid, &page);
    if (found == ALIVE) visit(context, path, &page);
    if (found == DEAD && uid == me) unlink(path);
  }
  closedir(folder);
}

typedef struct {
  int *pids, capacity, count;
} pid_list;

/* Keeps the list sorted as it grows; there are few. */
static void add_pid(void *context, const char *path, const mx_mem_page *page) {
  pid_list *list = context;
  (void)path;
  int filled = list->count < list->capacity ? list->count : list->capacity, pid = page->pid;
  list->count++;
  for (int i = 0; i < filled; i++)
    if (list->pids[i] > pid) {
      int larger = list->pids[i];
      list->pids[i] = pid;
      pid = larger;
    }
  if (filled < list->capacity) list->pids[filled] = pid;
}

int mx_memory_processes(int *pids, int capacity) {
  pid_list list = {pids, capacity, 0};
  mx_mem_each_page(add_pid, &list);
  return list.count;
}

typedef struct {
  int pid;
  bool found;
  char path[PATH_MAX];
  mx_mem_page page;
} wanted_page;

static void match(void *context, const char *path, const mx_mem_page *page) {
  wanted_page *wanted = context;
  if (page->pid != wanted->pid) return;
  wanted->found = true;
  wanted->page = *page;
  snprintf(wanted->path, sizeof wanted->path, "%s", path);
}

static bool find(wanted_page *wanted, const char *function) {
  mx_mem_each_page(match, wanted);
  if (!wanted->found)
    mx_fail("[%s] process %d publishes no memory figures: it has made no array, is another user's, "
            "or does not run",
            function, wanted->pid);
  return wanted->found;
}

int mx_memory_of_process(int pid, mx_memory_report *report) {
  wanted_page wanted = {.pid = pid};
  mx_mem_page *page = &wanted.page;
  if (pid == getpid())
    page = mx_mem_figures();
  else if (!find(&wanted, "memory_of_process"))
    return -1;
  *report = (mx_memory_report){.active = mx_mem_get(&page->active),
                               .peak = mx_mem_get(&page->peak),
                               .cache = mx_mem_cached(page),
                               .memory_limit = mx_mem_get(&page->memory_limit),
                               .cache_limit = mx_mem_get(&page->cache_limit),
                               .wired_limit = mx_mem_get(&page->wired_limit),
                               .wired = mx_mem_get(&page->wired)};
  return 0;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* Whether the request that was made on a mapped page is served in time. */
static bool request_clear(mx_mem_page *page, double timeout) {
  const double end = now() + timeout;
  uint32_t asked = atomic_fetch_add(&page->clear_asked, 1) + 1;
  mx_mem_futex_wake(&page->clear_asked);
  for (;;) {
    uint32_t done = atomic_load(&page->clear_done);
    if ((int32_t)(done - asked) >= 0) return true;
    double left = end - now();
    if (left <= 0) return false;
    mx_mem_futex_wait(&page->clear_done, done, left);
  }
}

static mx_mem_page *map_page(const char *path) {
  int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return NULL;
  void *page = mmap(NULL, MX_MEM_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return page == MAP_FAILED ? NULL : page;
}

int mx_clear_cache_of_process(int pid, double timeout) {
  if (pid == getpid()) return mx_clear_cache(), 0;
  wanted_page wanted = {.pid = pid};
  if (!find(&wanted, "clear_cache_of_process")) return -1;
  mx_mem_page *page = map_page(wanted.path);
  bool served = page && request_clear(page, timeout);
  if (page) munmap(page, MX_MEM_PAGE_BYTES);
  if (!served)
    mx_fail("[clear_cache_of_process] process %d has not cleared its cache within %g seconds", pid,
            timeout);
  return served ? 0 : -1;
}
