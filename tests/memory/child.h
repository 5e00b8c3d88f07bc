/* Runs a check in a forked child, whose limits and crashes do not touch the test program. */
#ifndef TESTS_MEMORY_CHILD_H
#define TESTS_MEMORY_CHILD_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* In a child: a failed condition is told and ends it. */
#define CHECK(condition)                                              \
  do {                                                                \
    if (!(condition)) {                                               \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      _exit(1);                                                       \
    }                                                                 \
  } while (0)

#define assert_in_child(check)                              \
  do {                                                      \
    fflush(NULL);                                           \
    pid_t child_ = fork();                                  \
    if (!child_) {                                          \
      check();                                              \
      _exit(0);                                             \
    }                                                       \
    int status_ = -1;                                       \
    assert_int_equal(waitpid(child_, &status_, 0), child_); \
    assert_int_equal(status_, 0);                           \
  } while (0)

/* A number from a "Name:   123 kB" line of /proc/self/status, in bytes. */
static inline size_t status_bytes(const char *name) {
  char line[256], format[64];
  unsigned long kib = 0;
  snprintf(format, sizeof format, "%s: %%lu", name);
  FILE *file = fopen("/proc/self/status", "r");
  while (file && fgets(line, sizeof line, file))
    if (sscanf(line, format, &kib) == 1) break;
  if (file) fclose(file);
  return kib << 10;
}

#endif
