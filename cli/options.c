/* Command-line options. */
#include "options.h"
#include "mlx/mx/error.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_OPTIONS 64
#define FIRST 256 /* what getopt_long returns for option 0; above any letter */

static void print_help(const cli_command *c) {
  printf("usage: mlx_lm %s [options]\n\n%s\n\noptions:\n", c->name, c->summary);
  for (int i = 0; i <= c->count; i++) {
    static const cli_option help = {"help", 'h', CLI_FLAG, 0, NULL, "print this help", NULL};
    const cli_option *o = i < c->count ? &c->options[i] : &help;
    char left[80], letter[8] = "";
    if (o->letter) snprintf(letter, sizeof letter, ", -%c", o->letter);
    snprintf(left, sizeof left, "--%s%s%s%s", o->name, letter, o->argument ? " " : "",
             o->argument ? o->argument : "");
    printf("  %-32s %s%s", left, strlen(left) > 32 ? "\n                                   " : "",
           o->help);
    for (int k = 0; o->choices && o->choices[k]; k++)
      printf("%s%s", k ? ", " : " (", o->choices[k]);
    puts(o->choices ? ")" : "");
  }
}

static int usage(const cli_command *c, const cli_option *o, const char *wrong, const char *value) {
  fprintf(stderr, "mlx_lm %s: --%s: %s: '%s'\n", c->name, o->name, wrong, value);
  return 2;
}

static bool is_choice(const cli_option *o, const char *value) {
  for (int i = 0; o->choices && o->choices[i]; i++)
    if (!strcmp(o->choices[i], value)) return true;
  return !o->choices;
}

/* Stores one option's argument; CLI_GO, or 2 after telling what is wrong with it. */
static int store(const cli_command *c, const cli_option *o, char *value, char **argv, int argc,
                 void *place) {
  char *end = NULL;
  errno = 0;
  switch (o->kind) {
  case CLI_FLAG: *(bool *)place = true; break;
  case CLI_SWITCH:
    *(bool *)place = strcasecmp(value, "false") != 0 && strcasecmp(value, "f") != 0;
    break;
  case CLI_INT:
  case CLI_COUNT: {
    long number = strtol(value, &end, 10);
    if (end == value || *end || errno || number < INT_MIN || number > INT_MAX)
      return usage(c, o, "invalid int value", value);
    if (o->kind == CLI_COUNT && number < 0) return usage(c, o, "must be at least 0", value);
    *(int *)place = (int)number;
    break;
  }
  case CLI_SEED: {
    unsigned long long number = strtoull(value, &end, 10);
    if (end == value || *end || errno || strchr(value, '-'))
      return usage(c, o, "invalid seed, an integer from 0 on", value);
    *(cli_seed *)place = (cli_seed){true, number};
    break;
  }
  case CLI_FLOAT:
    *(double *)place = strtod(value, &end);
    if (end == value || *end) return usage(c, o, "invalid float value", value);
    break;
  case CLI_TEXT:
    if (!is_choice(o, value)) return usage(c, o, "invalid choice", value);
    *(const char **)place = value;
    break;
  case CLI_TEXTS: { /* this argument, and all that follow it up to the next option */
    cli_texts *texts = place;
    *texts = (cli_texts){&argv[optind - 1], 1};
    while (optind < argc && (argv[optind][0] != '-' || !argv[optind][1])) {
      texts->size++;
      optind++;
    }
    break;
  }
  }
  return CLI_GO;
}

int cli_parse(const cli_command *c, int argc, char **argv, void *values) {
  struct option names[MAX_OPTIONS + 2] = {{0}};
  char letters[2 * MAX_OPTIONS + 4] = "+:h", *l = letters + 3;
  for (int i = 0; i < c->count; i++) {
    const cli_option *o = &c->options[i];
    int takes = o->kind == CLI_FLAG ? no_argument : required_argument;
    names[i] = (struct option){o->name, takes, NULL, FIRST + i};
    if (!o->letter) continue;
    *l++ = o->letter;
    if (takes) *l++ = ':';
    *l = 0;
  }
  names[c->count] = (struct option){"help", no_argument, NULL, 'h'};
  opterr = 0;
  optind = 1;
  for (int found; (found = getopt_long(argc, argv, letters, names, NULL)) != -1;) {
    int i = found - FIRST;
    for (int k = 0; found < FIRST && k < c->count; k++)
      if (c->options[k].letter == found) i = k;
    if (found == 'h' && i < 0) {
      print_help(c);
      return 0;
    }
    if (found == '?' || found == ':' || i < 0) {
      fprintf(stderr, "mlx_lm %s: %s '%s'; `mlx_lm %s --help` lists the options\n", c->name,
              found == ':' ? "an argument is missing after" : "unknown option", argv[optind - 1],
              c->name);
      return 2;
    }
    int status =
        store(c, &c->options[i], optarg, argv, argc, (char *)values + c->options[i].offset);
    if (status != CLI_GO) return status;
  }
  if (optind == argc) return CLI_GO;
  fprintf(stderr, "mlx_lm %s: unexpected argument '%s'\n", c->name, argv[optind]);
  return 2;
}

int cli_fail(const char *command) {
  fprintf(stderr, "mlx_lm %s: %s\n", command, mx_error() ? mx_error() : "unknown failure");
  mx_error_clear();
  return 1;
}
