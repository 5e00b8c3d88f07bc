/* `mlx_lm check_memory`: what a running process publishes of its arrays' memory, once or over and
 * over, after asking it to clear its cache if so wished. */
#include "commands.h"
#include "mlx/mx/memory.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct {
  const char *name, *argument;
  char letter; /* what getopt_long returns */
  const char *help;
} options[] = {
    {"pid", "N", 'p', "the process to ask; not needed where only one is running"},
    {"watch", NULL, 'w', "go on until Ctrl-C, or until the process ends"},
    {"interval", "SECONDS", 'i', "between two looks with --watch (default 1)"},
    {"clear", NULL, 'c', "ask the process to clear its cache first"},
    {"json", NULL, 'j', "print one JSON object a look, sizes in bytes"},
    {"help", NULL, 'h', "print this help"},
};
enum { OPTIONS = sizeof options / sizeof *options };

/* The figures in the order in which they are shown. */
static const struct {
  const char *name, *key;
  size_t offset;
} figures[] = {
    {"Active memory", "active", offsetof(mx_memory_report, active)},
    {"Peak memory", "peak", offsetof(mx_memory_report, peak)},
    {"Cache memory", "cache", offsetof(mx_memory_report, cache)},
    {"Wired memory", "wired", offsetof(mx_memory_report, wired)},
    {"Memory limit", "memory_limit", offsetof(mx_memory_report, memory_limit)},
    {"Cache limit", "cache_limit", offsetof(mx_memory_report, cache_limit)},
    {"Wired limit", "wired_limit", offsetof(mx_memory_report, wired_limit)},
};
enum { FIGURES = sizeof figures / sizeof *figures, LINE_FIGURES = 4 };

typedef struct {
  int pid; /* 0: the only one */
  bool watch, clear, json, help;
  double interval;
} request;

static size_t figure(const mx_memory_report *report, int i) {
  return *(const size_t *)((const char *)report + figures[i].offset);
}

static void print_help(void) {
  puts("usage: mlx_lm check_memory [options]\n\n"
       "Shows the memory that the arrays of a running process use: active (live arrays), the peak\n"
       "of it, cached for reuse, pinned, and the limits of the three.\n\noptions:");
  for (int i = 0; i < OPTIONS; i++) {
    char name[64];
    const char *argument = options[i].argument;
    snprintf(name, sizeof name, "--%s%s%s", options[i].name, argument ? " " : "",
             argument ? argument : "");
    printf("  %-20s %s\n", name, options[i].help);
  }
}

/* A whole positive number, or a positive number of seconds; what is wrong is told. */
static bool parse_pid(const char *text, int *pid) {
  char *end;
  errno = 0;
  long value = strtol(text, &end, 10);
  if (errno || *end || end == text || value <= 0 || value > INT_MAX) {
    fprintf(stderr, "mlx_lm check_memory: --pid takes a process's id, not '%s'\n", text);
    return false;
  }
  *pid = (int)value;
  return true;
}

static bool parse_interval(const char *text, double *seconds) {
  char *end;
  *seconds = strtod(text, &end);
  if (!*end && end != text && *seconds > 0 && *seconds <= 86400) return true;
  fprintf(stderr, "mlx_lm check_memory: --interval takes seconds above 0, not '%s'\n", text);
  return false;
}

static bool parse(int argc, char **argv, request *asked) {
  struct option table[OPTIONS + 1] = {{0}};
  for (int i = 0; i < OPTIONS; i++)
    table[i] =
        (struct option){options[i].name, options[i].argument != NULL, NULL, options[i].letter};
  optind = 0;
  opterr = 0;
  for (int letter; (letter = getopt_long(argc, argv, ":h", table, NULL)) != -1;) {
    if (letter == 'p' && !parse_pid(optarg, &asked->pid)) return false;
    if (letter == 'i' && !parse_interval(optarg, &asked->interval)) return false;
    asked->watch |= letter == 'w';
    asked->clear |= letter == 'c';
    asked->json |= letter == 'j';
    asked->help |= letter == 'h';
    if (letter == '?' || letter == ':') {
      fprintf(stderr, "mlx_lm check_memory: %s '%s'; --help lists the options\n",
              letter == ':' ? "an argument is missing after" : "there is no option",
              argv[optind - 1]);
      return false;
    }
  }
  if (optind == argc) return true;
  fprintf(stderr, "mlx_lm check_memory: unexpected argument '%s'; --help lists the options\n",
          argv[optind]);
  return false;
}

/* The command line of a process, its arguments parted by spaces. */
static void command_of(int pid, char *text, size_t capacity) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
  FILE *file = fopen(path, "re");
  size_t length = file ? fread(text, 1, capacity - 1, file) : 0;
  if (file) fclose(file);
  while (length && !text[length - 1]) length--;
  for (size_t i = 0; i < length; i++)
    if ((unsigned char)text[i] < ' ' || text[i] == 127) text[i] = ' ';
  text[length] = 0;
}

/* The process that is meant; 0 after an error. */
static int choose(void) {
  enum { SHOWN = 64 };
  int pids[SHOWN], count = mx_memory_processes(pids, SHOWN);
  if (count == 1) return pids[0];
  if (!count) {
    fputs("mlx_lm check_memory: no running process of this user has made an array\n", stderr);
    return 0;
  }
  fprintf(stderr, "mlx_lm check_memory: %d processes are running; choose one with --pid:", count);
  for (int i = 0; i < count && i < SHOWN; i++) {
    char command[60];
    command_of(pids[i], command, sizeof command);
    fprintf(stderr, "%s %d (%s)", i ? "," : "", pids[i], command);
  }
  fputs("\n", stderr);
  return 0;
}

static const char *readable(size_t bytes, char text[32]) {
  static const char *units[] = {"bytes", "KB", "MB", "GB", "TB", "PB", "EB"};
  double value = (double)bytes;
  int unit = 0;
  for (; value >= 999.95 && unit < 6; unit++) value /= 1000;
  snprintf(text, 32, "%.*f %s", unit > 2 ? 3 : unit ? 1 : 0, value, units[unit]);
  return text;
}

static void show_json(int pid, const char *command, const mx_memory_report *report) {
  json_t *object = json_pack("{s:i,s:s%}", "pid", pid, "command", command, strlen(command));
  if (!object) object = json_pack("{s:i}", "pid", pid); /* a command that is not valid UTF-8 */
  for (int i = 0; i < FIGURES; i++)
    json_object_set_new(object, figures[i].key, json_integer((json_int_t)figure(report, i)));
  json_dumpf(object, stdout, JSON_COMPACT);
  putchar('\n');
  json_decref(object);
}

static void show_line(const mx_memory_report *report) {
  char text[32], clock[16];
  time_t now = time(NULL);
  struct tm local;
  strftime(clock, sizeof clock, "%H:%M:%S", localtime_r(&now, &local));
  printf("%s", clock);
  for (int i = 0; i < LINE_FIGURES; i++)
    printf("  %s %s", figures[i].key, readable(figure(report, i), text));
  putchar('\n');
}

static void show_page(int pid, const char *command, const mx_memory_report *report) {
  char text[32];
  printf("%-14s %d  %s\n", "Process", pid, command);
  for (int i = 0; i < FIGURES; i++)
    printf("%-14s %s\n", figures[i].name, readable(figure(report, i), text));
}

static volatile sig_atomic_t interrupted;
static void interrupt(int signal) {
  (void)signal;
  interrupted = 1;
}

static void pause_for(double seconds) {
  struct timespec span = {.tv_sec = (time_t)seconds};
  span.tv_nsec = (long)((seconds - (double)span.tv_sec) * 1e9);
  nanosleep(&span, NULL); /* Ctrl-C cuts it short */
}

static int fail(void) {
  fprintf(stderr, "mlx_lm check_memory: %s\n", mx_error());
  mx_error_clear();
  return 1;
}

/* Looks until interrupted or until the process ends. A terminal shows one page, drawn anew; into a
 * pipe goes a line a look. */
static int look(int pid, const request *asked) {
  const bool redraw = asked->watch && !asked->json && isatty(1);
  char command[512];
  command_of(pid, command, redraw ? 60 : sizeof command);
  for (int looks = 0;; looks++) {
    mx_memory_report report;
    if (mx_memory_of_process(pid, &report)) {
      if (!looks) return fail();
      mx_error_clear();
      return 0;
    }
    if (redraw && looks) printf("\033[%dA\033[J", FIGURES + 1);
    if (asked->json)
      show_json(pid, command, &report);
    else if (asked->watch && !redraw)
      show_line(&report);
    else
      show_page(pid, command, &report);
    if (fflush(stdout)) return 1; /* nobody reads on */
    if (!asked->watch) return 0;
    if (!interrupted) pause_for(asked->interval);
    if (interrupted) return 0;
  }
}

int mlx_lm_cmd_check_memory(int argc, char **argv) {
  request asked = {.interval = 1};
  if (!parse(argc, argv, &asked)) return 2;
  if (asked.help) return print_help(), 0;
  int pid = asked.pid ? asked.pid : choose();
  if (!pid) return 1;
  if (asked.clear && mx_clear_cache_of_process(pid, 10)) return fail();
  if (asked.watch) {
    struct sigaction action = {.sa_handler = interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
  }
  return look(pid, &asked);
}
