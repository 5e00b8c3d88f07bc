/* The bundled model's trainer: it learns, and a run that was killed ends where an undisturbed one
 * does. */
#include "check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROWS = 12, TOKENS = 33 };

static char folder[] = "/tmp/train_tiny.XXXXXX";

static const char *in_folder(const char *name) {
  static char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static void in_shell(const char *what) {
  char command[512];
  snprintf(command, sizeof command, "cd %s && %s", folder, what);
  assert_int_equal(system(command), 0);
}

static void save_rows(const char *tokens_name, const char *weights_name) {
  mx count = mx_reshape(mx_arange(0, ROWS * TOKENS, 1, MX_INT32), MX_INTS(ROWS, TOKENS));
  mx tokens = mx_astype(mx_remainder(count, mx_int(11)), MX_INT16);
  assert_int_equal(mx_save(in_folder(tokens_name), tokens), 0);
  assert_int_equal(mx_save(in_folder(weights_name), mx_ones_like(mx_astype(tokens, MX_UINT8))), 0);
}

static int prepare(void **state) {
  (void)state;
  if (!mkdtemp(folder)) return 1;
  FILE *config = fopen(in_folder("config.json"), "w");
  fputs("{\"model_type\": \"llama\", \"hidden_size\": 64, \"num_hidden_layers\": 1, "
        "\"intermediate_size\": 64, \"num_attention_heads\": 1, \"num_key_value_heads\": 1, "
        "\"head_dim\": 64, \"rms_norm_eps\": 1e-5, \"vocab_size\": 32, "
        "\"tie_word_embeddings\": true, \"torch_dtype\": \"float32\"}",
        config);
  fclose(config);
  save_rows("training_tokens.npy", "training_weights.npy");
  save_rows("held_out_tokens.npy", "held_out_weights.npy");
  return 0;
}

static int clean(void **state) {
  (void)state;
  in_shell("rm -r \"$PWD\"");
  return 0;
}

static pid_t start(const char *output) {
  pid_t child = fork();
  if (child) return child;
  if (!freopen(output, "w", stdout)) _exit(1);
  execl(TRAIN_TINY_PROGRAM, "train_tiny", folder, "60", (char *)NULL);
  _exit(1);
}

static void finish(pid_t child) {
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The perplexities that a run prints in the end. */
static void read_end(const char *output, double *exact, double *packed) {
  char line[256];
  FILE *f = fopen(output, "r");
  int found = 0;
  while (fgets(line, sizeof line, f))
    if (sscanf(line, "held-out perplexity: float %lf, 4-bit %lf", exact, packed) == 2) found++;
  fclose(f);
  assert_int_equal(found, 1);
}

static void a_killed_run_ends_as_an_undisturbed_one(void **state) {
  (void)state;
  char output[256];
  double exact, packed, exact_again, packed_again;
  snprintf(output, sizeof output, "%s", in_folder("output"));
  finish(start(output));
  read_end(output, &exact, &packed);
  assert_true(exact < 2); /* a cycle of 11 tokens can be learnt */
  assert_true(packed < 2);
  in_shell("rm -r quantised state.safetensors float");
  pid_t child = start(output);
  while (access(in_folder("state.safetensors"), F_OK)) usleep(500);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  in_shell("rm -rf quantised");
  finish(start(output));
  read_end(output, &exact_again, &packed_again);
  assert_true(exact == exact_again && packed == packed_again);
}

int main(void) {
  const struct CMUnitTest tests[] = {scoped_test(a_killed_run_ends_as_an_undisturbed_one)};
  return cmocka_run_group_tests(tests, prepare, clean);
}
