/* Runs the mlx_lm program as users run it. */
#ifndef TESTS_CLI_PROGRAM_H
#define TESTS_CLI_PROGRAM_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* What the last run printed. */
static char out[1 << 17], err[1 << 14];

static inline void slurp(const char *path, char *text, size_t room) {
  FILE *f = fopen(path, "r");
  text[f ? fread(text, 1, room - 1, f) : 0] = 0;
  if (f) fclose(f);
}

/* Runs the program with these shell words after its name; its exit status, 1000 and more after a
 * signal. */
static inline int run(const char *words) {
  static char line[1 << 14];
  char folder[] = "/tmp/cli-out.XXXXXX", path[64];
  if (!mkdtemp(folder)) abort();
  snprintf(line, sizeof line, "{ %s %s\n} >%s/out 2>%s/err", MLX_LM_PROGRAM, words, folder, folder);
  int status = system(line);
  snprintf(path, sizeof path, "%s/out", folder);
  slurp(path, out, sizeof out);
  remove(path);
  snprintf(path, sizeof path, "%s/err", folder);
  slurp(path, err, sizeof err);
  remove(path);
  remove(folder);
  return WIFEXITED(status) && WEXITSTATUS(status) < 128 ? WEXITSTATUS(status) : 1000 + status;
}

/* It exits with `status` and says nothing but one line with `about` in it. */
static inline void check_refused(const char *words, int status, const char *about) {
  int got = run(words);
  const char *end = strchr(err, '\n');
  bool one_line = end && !end[1] && !strncmp(err, "mlx_lm", 6);
  if (got != status || !one_line || !strstr(err, about))
    fail_msg("%s: status %d, expected %d; stderr \"%s\", expected one line with \"%s\"", words, got,
             status, err, about);
}

#endif
