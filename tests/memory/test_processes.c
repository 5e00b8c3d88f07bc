/* A process's figures can be read from another one, which can also have its cache cleared. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "child.h"
#include "memory/figures.h"
#include "memory/memory.h"
#include "mlx/mx/memory.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const size_t MIB = 1 << 20;
static char folder[] = "/tmp/mlx-pages-XXXXXX";

/* A process that runs `work`, says so, and stays until its input is closed. */
typedef struct {
  pid_t pid;
  int release;
} neighbour;

static neighbour start(void (*work)(void)) {
  int ready[2], release[2];
  assert_int_equal(pipe(ready) | pipe(release), 0);
  fflush(NULL);
  neighbour n = {fork(), release[1]};
  if (!n.pid) {
    close(release[1]);
    close(ready[0]);
    work();
    char byte = 1;
    CHECK(write(ready[1], &byte, 1) == 1);
    while (read(release[0], &byte, 1) < 0) {}
    exit(0);
  }
  close(release[0]);
  close(ready[1]);
  char byte;
  assert_int_equal(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  return n;
}

static void stop(neighbour n) {
  close(n.release);
  assert_int_equal(waitpid(n.pid, NULL, 0), n.pid);
}

static void kill_hard(neighbour n) {
  kill(n.pid, SIGKILL);
  stop(n);
}

static int files(void) {
  int count = 0;
  DIR *dir = opendir(folder);
  for (struct dirent *entry; (entry = readdir(dir));) count += !strncmp(entry->d_name, "mlx-", 4);
  closedir(dir);
  return count;
}

static bool is_listed(int pid) {
  int pids[64], count = mx_memory_processes(pids, 64);
  for (int i = 0; i < count && i < 64; i++) {
    if (i) assert_true(pids[i] > pids[i - 1]);
    if (pids[i] == pid) return true;
  }
  return false;
}

static void use_memory(void) {
  mx_set_memory_limit(1000 * MIB);
  mx_set_cache_limit(500 * MIB);
  mx_buffer_new(1 * MIB);
  mx_buffer_release(mx_buffer_new(2 * MIB));
  for (int i = 0; i < 10; i++) mx_buffer_release(mx_buffer_new(100));
}

static void only_ask(void) {
  mx_get_active_memory();
  mx_set_cache_limit(mx_get_memory_limit());
  mx_clear_cache();
}

static void figures_are_read_from_outside(void **state) {
  (void)state;
  neighbour n = start(use_memory);
  assert_true(is_listed(n.pid));
  mx_memory_report report;
  assert_int_equal(mx_memory_of_process(n.pid, &report), 0);
  assert_int_equal(report.active, 1 * MIB);
  assert_int_equal(report.peak, 3 * MIB);
  assert_int_equal(report.cache, 2 * MIB + 128);
  assert_int_equal(report.memory_limit, 1000 * MIB);
  assert_int_equal(report.cache_limit, 500 * MIB);
  assert_int_equal(report.wired_limit, 0);
  stop(n);
  assert_int_equal(files(), 0); /* it removed its own at the end */
  assert_int_equal(mx_memory_of_process(n.pid, &report), -1);
  assert_non_null(strstr(mx_error(), "[memory_of_process] process"));
  mx_error_clear();
}

static void an_idle_process_clears_its_cache_when_asked(void **state) {
  (void)state;
  neighbour n = start(use_memory);
  mx_memory_report report;
  for (int i = 0; i < 3; i++) {
    assert_int_equal(mx_clear_cache_of_process(n.pid, 10), 0);
    assert_int_equal(mx_memory_of_process(n.pid, &report), 0);
    assert_int_equal(report.cache, 0);
    assert_int_equal(report.active, 1 * MIB);
  }
  stop(n);
  assert_int_equal(mx_clear_cache_of_process(n.pid, 10), -1);
  mx_error_clear();
}

static void a_stopped_process_is_not_waited_for_longer_than_asked(void **state) {
  (void)state;
  neighbour n = start(use_memory);
  kill(n.pid, SIGSTOP);
  int status;
  assert_int_equal(waitpid(n.pid, &status, WUNTRACED), n.pid);
  time_t before = time(NULL);
  assert_int_equal(mx_clear_cache_of_process(n.pid, 0.2), -1);
  assert_non_null(strstr(mx_error(), "0.2 seconds"));
  mx_error_clear();
  assert_true(time(NULL) - before < 10);
  kill(n.pid, SIGCONT);
  stop(n);
}

static void a_process_without_arrays_makes_no_file(void **state) {
  (void)state;
  neighbour n = start(only_ask);
  assert_int_equal(files(), 0);
  assert_false(is_listed(n.pid));
  stop(n);
}

static void what_a_killed_process_left_is_removed(void **state) {
  (void)state;
  neighbour n = start(use_memory);
  kill_hard(n);
  assert_int_equal(files(), 1);
  assert_false(is_listed(n.pid));
  assert_int_equal(files(), 0);

  n = start(use_memory);
  kill_hard(n);
  assert_int_equal(files(), 1);
  n = start(use_memory); /* by the next process that publishes, too */
  assert_int_equal(files(), 1);
  assert_true(is_listed(n.pid));
  stop(n);
}

/* The process is alive, but no longer the one that published: its program was replaced. */
static void a_replaced_program_is_not_listed(void **state) {
  (void)state;
  int ready[2];
  assert_int_equal(pipe(ready), 0);
  fflush(NULL);
  pid_t pid = fork();
  if (!pid) {
    use_memory();
    dup2(ready[1], 1);
    execl("/bin/sh", "sh", "-c", "echo; exec sleep 100", NULL);
    _exit(1);
  }
  char byte;
  assert_int_equal(read(ready[0], &byte, 1), 1);
  assert_false(is_listed(pid));
  assert_int_equal(files(), 0);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  close(ready[0]);
  close(ready[1]);
}

/* The file of another process that had the same id, from its start time. */
static void a_reused_id_is_not_mistaken(void **state) {
  (void)state;
  neighbour n = start(use_memory);
  char path[200];
  snprintf(path, sizeof path, "%s/mlx-%u-%d", folder, (unsigned)geteuid(), n.pid);
  int fd = open(path, O_RDWR);
  assert_true(fd >= 0);
  uint64_t other = mx_mem_start_time(n.pid) + 1;
  assert_int_equal(pwrite(fd, &other, 8, offsetof(mx_mem_page, start_time)), 8);
  close(fd);
  assert_false(is_listed(n.pid));
  assert_int_equal(files(), 0);
  stop(n);
}

static void files_are_the_users_alone(void **state) {
  (void)state;
  neighbour n = start(use_memory);
  char path[200];
  struct stat facts;
  snprintf(path, sizeof path, "%s/mlx-%u-%d", folder, (unsigned)geteuid(), n.pid);
  assert_int_equal(stat(path, &facts), 0);
  assert_int_equal(facts.st_mode & 0777, 0600);
  stop(n);
}

static void strange_files_are_left_alone(void **state) {
  (void)state;
  char path[4][200];
  const char *names[4] = {"mlx-model", "mlx-0-1x", "mlx-0-", "mlx-0-0"};
  for (int i = 0; i < 4; i++) {
    snprintf(path[i], sizeof path[i], "%s/%s", folder, names[i]);
    close(open(path[i], O_CREAT | O_WRONLY, 0600));
  }
  assert_int_equal(mx_memory_processes(NULL, 0), 0);
  for (int i = 0; i < 4; i++) assert_int_equal(unlink(path[i]), 0);
}

#ifndef __SANITIZE_THREAD__
static void fork_with_memory(void) {
  use_memory();
  assert_in_child(use_memory); /* it ends without cleaning up */
  CHECK(files() == 2 && is_listed(getpid()) && files() == 1);
  size_t active = mx_get_active_memory(), cache = mx_get_cache_memory();
  neighbour child = start(only_ask);
  CHECK(files() == 1); /* the child has made no array of its own */
  CHECK(is_listed(getpid()) && !is_listed(child.pid));
  stop(child);
  child = start(use_memory);
  mx_memory_report report;
  CHECK(files() == 2);
  CHECK(!mx_memory_of_process(child.pid, &report));
  CHECK(report.active == 2 * MIB); /* what it inherited, and its own */
  CHECK(!mx_clear_cache_of_process(child.pid, 10));
  CHECK(!mx_memory_of_process(child.pid, &report) && report.cache == 0);
  CHECK(mx_get_active_memory() == active && mx_get_cache_memory() == cache);
  stop(child);
  CHECK(is_listed(getpid()) && files() == 1);
}

static void a_forked_child_has_a_page_of_its_own(void **state) {
  (void)state;
  neighbour n = start(fork_with_memory);
  stop(n);
  assert_int_equal(files(), 0);
}

#endif

static void without_a_folder(void) {
  mx_mem_directory = "/nonexistent/folder";
  mx_buffer *b = mx_buffer_new(1 * MIB);
  CHECK(b && !mx_error());
  CHECK(mx_get_active_memory() == 1 * MIB);
  CHECK(mx_memory_processes(NULL, 0) == 0);
  mx_memory_report report;
  CHECK(!mx_memory_of_process(getpid(), &report) && report.active == 1 * MIB);
  CHECK(!mx_clear_cache_of_process(getpid(), 1));
}

static void without_shared_memory_figures_stay_private(void **state) {
  (void)state;
  assert_in_child(without_a_folder);
}

static int make_folder(void **state) {
  (void)state;
  mx_mem_directory = mkdtemp(folder);
  return !mx_mem_directory;
}

static int remove_folder(void **state) {
  (void)state;
  return rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(figures_are_read_from_outside),
      cmocka_unit_test(an_idle_process_clears_its_cache_when_asked),
      cmocka_unit_test(a_stopped_process_is_not_waited_for_longer_than_asked),
      cmocka_unit_test(a_process_without_arrays_makes_no_file),
      cmocka_unit_test(what_a_killed_process_left_is_removed),
      cmocka_unit_test(a_replaced_program_is_not_listed),
      cmocka_unit_test(a_reused_id_is_not_mistaken),
      cmocka_unit_test(files_are_the_users_alone),
      cmocka_unit_test(strange_files_are_left_alone),
#ifndef __SANITIZE_THREAD__ /* which cannot start a thread in a child of several */
      cmocka_unit_test(a_forked_child_has_a_page_of_its_own),
#endif
      cmocka_unit_test(without_shared_memory_figures_stay_private),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
