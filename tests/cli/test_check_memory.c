/* `mlx_lm check_memory`, run as users run it, against processes that the test starts. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "memory/memory.h"
#include "mlx/mx/memory.h"

#include <jansson.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static const size_t MIB = 1 << 20;

/* Whether /dev/shm is the test's own, so that nobody else's processes are listed. */
static bool alone;

static void take_shared_memory_aside(void) {
  alone = !unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
          !mount("tmpfs", "/dev/shm", "tmpfs", 0, NULL);
}

/* A process that holds 3,000,000 bytes in an array, has freed 5 MiB, and stays until its input
 * ends. */
typedef struct {
  pid_t pid;
  int release;
} neighbour;

static neighbour start(void) {
  int ready[2], release[2];
  assert_int_equal(pipe(ready) | pipe(release), 0);
  fflush(NULL);
  neighbour n = {fork(), release[1]};
  if (!n.pid) {
    close(release[1]);
    mx_set_memory_limit(8000000000);
    mx_set_cache_limit(1000000000);
    mx_buffer *b = mx_buffer_new(3000000);
    mx_buffer_release(mx_buffer_new(5 * MIB));
    char byte = 1;
    if (!b || write(ready[1], &byte, 1) != 1) _exit(1);
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

static char output[1 << 16];

/* Runs the program with shell words after its name; its exit status. Output holds both streams. */
static int run(const char *format, ...) {
  char words[512], line[4096];
  va_list args;
  va_start(args, format);
  vsnprintf(words, sizeof words, format, args);
  va_end(args);
  snprintf(line, sizeof line, "%s %s 2>&1", MLX_LM_PROGRAM, words);
  FILE *pipe = popen(line, "r");
  output[fread(output, 1, sizeof output - 1, pipe)] = 0;
  int status = pclose(pipe);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static int lines(void) {
  int count = 0;
  for (const char *at = output; (at = strchr(at, '\n')); at++) count++;
  return count;
}

#define assert_shows(text) assert_non_null(strstr(output, text))

static void it_shows_a_processs_figures(void **state) {
  (void)state;
  neighbour n = start();
  char process[64];
  snprintf(process, sizeof process, "Process        %d  ", n.pid);
  assert_int_equal(run("check_memory --pid %d", n.pid), 0);
  assert_shows(process);
  assert_shows("test_cli_check_memory"); /* its command */
  assert_shows("Active memory  3.0 MB\n");
  assert_shows("Peak memory    8.2 MB\n");
  assert_shows("Cache memory   5.2 MB\n");
  assert_shows("Memory limit   8.000 GB\n");
  assert_shows("Cache limit    1.000 GB\n");
  assert_shows("Wired limit    0 bytes\n");
  stop(n);
}

static json_int_t number(const char *key) {
  json_t *object = json_loads(output, 0, NULL);
  assert_non_null(object);
  json_t *value = json_object_get(object, key);
  assert_true(json_is_integer(value));
  json_int_t found = json_integer_value(value);
  json_decref(object);
  return found;
}

static void json_holds_bytes(void **state) {
  (void)state;
  neighbour n = start();
  assert_int_equal(run("check_memory --json --pid=%d", n.pid), 0);
  assert_int_equal(lines(), 1);
  assert_int_equal(number("pid"), n.pid);
  assert_int_equal(number("active"), 3002368); /* whole pages */
  assert_int_equal(number("cache"), 5 * MIB);
  assert_int_equal(number("peak"), 3002368 + 5 * MIB);
  assert_int_equal(number("memory_limit"), 8000000000);
  assert_int_equal(number("wired"), 0);
  stop(n);
}

static void clear_empties_the_cache_first(void **state) {
  (void)state;
  neighbour n = start();
  assert_int_equal(run("check_memory --clear --json --pid %d", n.pid), 0);
  assert_int_equal(number("cache"), 0);
  assert_int_equal(number("active"), 3002368);
  stop(n);
}

static void watching_prints_a_line_a_look_until_the_process_ends(void **state) {
  (void)state;
  neighbour n = start();
  pid_t timer = fork();
  if (!timer) {
    usleep(400000);
    kill(n.pid, SIGKILL);
    _exit(0);
  }
  assert_int_equal(run("check_memory --watch --interval 0.05 --pid %d", n.pid), 0);
  assert_true(lines() >= 2 && lines() <= 12);
  assert_shows("  active 3.0 MB  peak 8.2 MB  cache 5.2 MB  wired 0 bytes\n");
  assert_null(strchr(output, '\033'));
  waitpid(timer, NULL, 0);
  stop(n);
}

static void the_only_process_needs_no_id(void **state) {
  (void)state;
  if (!alone) skip();
  assert_int_equal(run("check_memory"), 1);
  assert_shows("mlx_lm check_memory: no running process");
  assert_int_equal(lines(), 1);
  neighbour n = start();
  assert_int_equal(run("check_memory --json"), 0);
  assert_int_equal(number("pid"), n.pid);
  neighbour other = start();
  assert_int_equal(run("check_memory"), 1);
  assert_shows("mlx_lm check_memory: 2 processes are running; choose one with --pid: ");
  char pid[32];
  snprintf(pid, sizeof pid, " %d (", n.pid);
  assert_shows(pid);
  snprintf(pid, sizeof pid, " %d (", other.pid);
  assert_shows(pid);
  assert_int_equal(lines(), 1);
  stop(other);
  stop(n);
}

static void failures_exit_with_1_and_usage_errors_with_2(void **state) {
  (void)state;
  const struct {
    const char *words;
    int status;
    const char *text;
  } cases[] = {
      {"check_memory --pid 1", 1, "process 1 publishes no memory figures"},
      {"check_memory --clear --pid 1", 1, "process 1 publishes no memory figures"},
      {"check_memory --pid", 2, "an argument is missing after '--pid'"},
      {"check_memory --pid zero", 2, "not 'zero'"},
      {"check_memory --pid -4", 2, "not '-4'"},
      {"check_memory --interval 0", 2, "not '0'"},
      {"check_memory --nonsense", 2, "there is no option '--nonsense'"},
      {"check_memory 12", 2, "unexpected argument '12'"},
      {"nonsense", 2, "no command is named 'nonsense'"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(run("%s", cases[i].words), cases[i].status);
    assert_shows(cases[i].text);
    assert_int_equal(lines(), 1);
  }
  assert_int_equal(run("check_memory --help"), 0);
  assert_shows("--interval SECONDS");
  assert_int_equal(run("--help"), 0);
  assert_shows("check_memory");
  assert_int_equal(run(""), 2);
}

static void upstreams_program_name_works_too(void **state) {
  (void)state;
  char folder[] = "/tmp/mlx-names-XXXXXX", name[64], line[128];
  assert_non_null(mkdtemp(folder));
  snprintf(name, sizeof name, "%s/mlx_lm.check_memory", folder);
  assert_int_equal(symlink(MLX_LM_PROGRAM, name), 0);
  snprintf(line, sizeof line, "%s --help", name);
  FILE *pipe = popen(line, "r");
  output[fread(output, 1, sizeof output - 1, pipe)] = 0;
  assert_int_equal(pclose(pipe), 0);
  assert_shows("usage: mlx_lm check_memory");
  unlink(name);
  rmdir(folder);
}

int main(void) {
  take_shared_memory_aside();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_shows_a_processs_figures),
      cmocka_unit_test(json_holds_bytes),
      cmocka_unit_test(clear_empties_the_cache_first),
      cmocka_unit_test(watching_prints_a_line_a_look_until_the_process_ends),
      cmocka_unit_test(the_only_process_needs_no_id),
      cmocka_unit_test(failures_exit_with_1_and_usage_errors_with_2),
      cmocka_unit_test(upstreams_program_name_works_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
