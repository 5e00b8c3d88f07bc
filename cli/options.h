/* Command-line options from one table a command: parsing, checking, and the --help text. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum cli_kind {
  CLI_FLAG,   /* bool, set by its presence */
  CLI_SWITCH, /* bool, from an argument: false for "false" and "f", else true */
  CLI_INT,    /* int */
  CLI_COUNT,  /* int, at least 0 */
  CLI_SEED,   /* cli_seed */
  CLI_FLOAT,  /* double */
  CLI_TEXT,   /* const char *, one of argv */
  CLI_TEXTS,  /* cli_texts: one or more arguments */
} cli_kind;

typedef struct cli_texts {
  char **data;
  int size;
} cli_texts;

typedef struct cli_seed {
  bool given;
  uint64_t value;
} cli_seed;

typedef struct cli_option {
  const char *name; /* without the dashes */
  char letter;      /* its short form, or 0 */
  cli_kind kind;
  size_t offset;        /* of the value in the command's struct */
  const char *argument; /* what the help calls its argument; NULL for flags */
  const char *help;
  const char *const *choices; /* NULL-terminated; NULL: anything */
} cli_option;

typedef struct cli_command {
  const char *name, *summary;
  const cli_option *options;
  int count;
} cli_command;

/* Fills the struct from argv. CLI_GO, or the status to exit with: 0 after --help, 2 after a usage
 * error (told in one line). Arguments that are no options are errors. */
enum { CLI_GO = -1 };
int cli_parse(const cli_command *command, int argc, char **argv, void *values);

/* Tells the thread's error (mx_error) in one line on stderr, clears it, and returns 1. */
int cli_fail(const char *command);

#endif
