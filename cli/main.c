/* The mlx_lm program: finds the subcommand, by its first argument or by the name that the program
 * was called by (mlx_lm.generate). */
#include "commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  const char *name;
  int (*run)(int argc, char **argv);
  const char *help;
} command;

static const command commands[] = {
    {"benchmark", mlx_lm_cmd_benchmark, "time prompt processing and generation"},
    {"chat", mlx_lm_cmd_chat, "talk with a model on the terminal"},
    {"check_memory", mlx_lm_cmd_check_memory,
     "show how much memory a running process's arrays use"},
    {"convert", mlx_lm_cmd_convert, "quantise, dequantise, or change the dtype of a checkpoint"},
    {"generate", mlx_lm_cmd_generate, "generate text from a prompt"},
    {"logits", mlx_lm_cmd_logits, "write the logits of a forward pass to a file"},
    {"tokenize", mlx_lm_cmd_tokenize, "texts to token ids and back, messages to prompts"},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static const command *find(const char *name) {
  for (int i = 0; i < COMMANDS; i++)
    if (!strcmp(commands[i].name, name)) return &commands[i];
  return NULL;
}

static void print_help(FILE *out) {
  fputs("usage: mlx_lm COMMAND [options]\n\ncommands:\n", out);
  for (int i = 0; i < COMMANDS; i++)
    fprintf(out, "  %-14s %s\n", commands[i].name, commands[i].help);
  fputs("\n`mlx_lm COMMAND --help` tells a command's options; `mlx_lm --version` the version.\n",
        out);
}

/* The command, and then whether all that it printed went out. */
static int run(const command *c, int argc, char **argv) {
  int status = c->run(argc, argv);
  if (fflush(stdout) == 0 && !ferror(stdout)) return status;
  fprintf(stderr, "mlx_lm %s: standard output: %s\n", c->name, strerror(errno));
  return status ? status : 1;
}

int main(int argc, char **argv) {
  const char *slash = argc ? strrchr(argv[0], '/') : NULL;
  const char *called = argc ? (slash ? slash + 1 : argv[0]) : "mlx_lm";
  const command *found = NULL;
  if (!strncmp(called, "mlx_lm.", 7) && (found = find(called + 7))) {
    argv[0] = (char *)found->name;
    return run(found, argc, argv);
  }
  if (argc < 2) {
    print_help(stderr);
    return 2;
  }
  if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
    print_help(stdout);
    return 0;
  }
  if (!strcmp(argv[1], "--version")) {
    puts("mlx_lm " MX_VERSION);
    return 0;
  }
  if ((found = find(argv[1]))) return run(found, argc - 1, argv + 1);
  fprintf(stderr, "mlx_lm: no command is named '%s'; `mlx_lm --help` lists them\n", argv[1]);
  return 2;
}
