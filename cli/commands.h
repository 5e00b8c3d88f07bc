/* The subcommands of the mlx_lm program. Each takes its own arguments, argv[0] being its name, and
 * returns the exit status: 0, 1 after a failure told in one line on stderr, 2 after a usage error.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

int mlx_lm_cmd_benchmark(int argc, char **argv);
int mlx_lm_cmd_chat(int argc, char **argv);
int mlx_lm_cmd_check_memory(int argc, char **argv);
int mlx_lm_cmd_convert(int argc, char **argv);
int mlx_lm_cmd_generate(int argc, char **argv);
int mlx_lm_cmd_logits(int argc, char **argv);
int mlx_lm_cmd_tokenize(int argc, char **argv);

#endif
