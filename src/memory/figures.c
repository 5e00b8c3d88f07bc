/* The page of counters: private at first, then a small file in shared memory, and the thread that
 * clears the cache when another process asks for it through that page. */
#include "memory/figures.h"
#include "mlx/mx/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static mx_mem_page private_page;
mx_mem_page *_Atomic mx_mem_page_in_use = &private_page;
const char *mx_mem_directory = "/dev/shm";

static char own_path[PATH_MAX]; /* of the file to remove at the end; empty while there is none */

void mx_mem_futex_wait(_Atomic uint32_t *word, uint32_t value, double seconds) {
  struct timespec limit = {.tv_sec = (time_t)seconds,
                           .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
  syscall(SYS_futex, word, FUTEX_WAIT, value, seconds < 0 ? NULL : &limit, NULL, 0);
}

void mx_mem_futex_wake(_Atomic uint32_t *word) {
  syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

uint64_t mx_mem_pid_namespace(void) {
  struct stat facts;
  return stat("/proc/self/ns/pid", &facts) ? 0 : facts.st_ino;
}

uint64_t mx_mem_start_time(int pid) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  text[length > 0 ? length : 0] = 0;
  const char *at = strrchr(text, ')'); /* the name before it may hold anything */
  unsigned long long start = 0;
  if (at) /* field 22; the state after the name is field 3 */
    sscanf(at + 1,
           " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
           &start);
  return start;
}

/* Creates the file, exclusively: a file of that name that is in our way was left by a process that
 * had this id before, or is somebody else's, and then there is none for us. */
static int create_file(const char *path) {
  const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
  int fd = open(path, flags, 0600);
  if (fd < 0 && errno == EEXIST) {
    struct stat facts;
    if (lstat(path, &facts) || facts.st_uid != geteuid() || unlink(path)) return -1;
    fd = open(path, flags, 0600);
  }
  if (fd < 0) return -1;
  int error = EINTR; /* a page that is not there when it is written would kill the process */
  while (error == EINTR) error = posix_fallocate(fd, 0, MX_MEM_PAGE_BYTES);
  if (!error) return fd;
  close(fd);
  unlink(path);
  return -1;
}

static mx_mem_page *create_page(void) {
  snprintf(own_path, sizeof own_path, "%s/mlx-%u-%d", mx_mem_directory, (unsigned)geteuid(),
           (int)getpid());
  int fd = create_file(own_path);
  void *page = fd < 0 ? MAP_FAILED
                      : mmap(NULL, MX_MEM_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (fd >= 0) close(fd);
  if (page != MAP_FAILED) return page;
  if (fd >= 0) unlink(own_path);
  own_path[0] = 0;
  return NULL;
}

static void copy_counters(mx_mem_page *to, mx_mem_page *from) {
#define COPY(name) atomic_store_explicit(&to->name, mx_mem_get(&from->name), memory_order_relaxed)
  COPY(memory_limit);
  COPY(cache_limit);
  COPY(wired_limit);
  COPY(wired);
  COPY(active);
  COPY(held);
  COPY(peak);
#undef COPY
}

static void *serve(void *shared) {
  mx_mem_page *page = shared;
  for (;;) {
    uint32_t asked = atomic_load(&page->clear_asked);
    if (asked == atomic_load(&page->clear_done)) {
      mx_mem_futex_wait(&page->clear_asked, asked, -1);
      continue;
    }
    mx_clear_cache();
    atomic_store(&page->clear_done, asked);
    mx_mem_futex_wake(&page->clear_done);
  }
  return NULL;
}

/* The thread sleeps until asked. It takes no signals, which belong to the program's own threads. */
static void start_server(mx_mem_page *page) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes)) return;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, (256 << 10) + (size_t)sysconf(_SC_THREAD_STACK_MIN));
  pthread_t server;
  if (!pthread_create(&server, &attributes, serve, page)) pthread_setname_np(server, "mlx-memory");
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
}

static void remove_own_file(void) {
  if (own_path[0]) unlink(own_path);
}

static void keep(void *context, const char *path, const mx_mem_page *page) {
  (void)context, (void)path, (void)page;
}

void mx_mem_publish(void) {
  static bool registered; /* inherited by a forked child, and so is the registration */
  mx_mem_each_page(keep, NULL);
  mx_mem_page *page = create_page();
  if (!page) return;
  if (!registered) registered = !atexit(remove_own_file);
  mx_mem_lock_all();
  copy_counters(page, mx_mem_figures());
  atomic_store(&mx_mem_page_in_use, page);
  mx_mem_unlock_all();
  memcpy(page->magic, MX_MEM_MAGIC, sizeof page->magic);
  page->size = sizeof *page;
  page->pid = (int32_t)getpid();
  page->pid_namespace = mx_mem_pid_namespace();
  atomic_store(&page->start_time, mx_mem_start_time(page->pid));
  start_server(page);
}

void mx_mem_snapshot(void) {
  mx_mem_page *page = mx_mem_figures();
  if (page != &private_page) copy_counters(&private_page, page);
}

void mx_mem_unpublish(void) {
  mx_mem_page *page = mx_mem_figures();
  own_path[0] = 0; /* the parent's */
  atomic_store(&mx_mem_page_in_use, &private_page);
  if (page != &private_page) munmap(page, MX_MEM_PAGE_BYTES);
}
