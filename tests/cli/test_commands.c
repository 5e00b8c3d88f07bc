/* The commands of the mlx_lm program on the bundled model: what they print, and how they refuse
 * options that are wrong. */
#include "check.h"

#include "program.h"

#include <jansson.h>
#include <unistd.h>

#define TINY SOURCE_DIR "/models/tiny"
#define LLAMA SOURCE_DIR "/tests/golden/llama/"
#define ADAPTERS SOURCE_DIR "/tests/golden/adapters/"
#define ON_TINY " --model " TINY " "

static void assert_shows(const char *text) {
  if (!strstr(out, text)) fail_msg("no \"%s\" in \"%s\"", text, out);
}

static void generate_prints_text_and_statistics(void **state) {
  (void)state;
  assert_int_equal(run("generate" ON_TINY "--prompt 'Tell me a story' --max-tokens 12"), 0);
  assert_int_equal(strncmp(out, "==========\n", 11), 0);
  assert_string_equal(err, "");
  int prompt, made;
  double a, b, c;
  const char *statistics = strstr(out + 11, "\n==========\nPrompt: ");
  assert_non_null(statistics);
  assert_int_equal(sscanf(statistics,
                          "\n==========\nPrompt: %d tokens, %lf tokens-per-sec\n"
                          "Generation: %d tokens, %lf tokens-per-sec\nPeak memory: %lf GB\n",
                          &prompt, &a, &made, &b, &c),
                   5);
  assert_true(prompt > 10 && made == 12);
}

/* The texts between two runs of the same kind are the same. */
static void the_prompt_comes_as_an_option_or_from_standard_input(void **state) {
  (void)state;
  static char first[sizeof out];
  assert_int_equal(run("generate" ON_TINY "--verbose False -m 12 -p 'Tell me\\na story'"), 0);
  assert_true(strlen(out) > 10 && out[strlen(out) - 1] == '\n' && !strstr(out, "====="));
  strcpy(first, out);
  assert_int_equal(run("generate" ON_TINY
                       "--verbose f --max-tokens=12 --prompt - <<'END'\nTell me\na story\nEND"),
                   0);
  /* a here-document ends in a line break, so only the beginning must agree */
  assert_true(strlen(out) > 10);
  assert_int_equal(
      run("generate" ON_TINY "--verbose False -m 12 -p \"$(printf 'Tell me\\na story')\""), 0);
  assert_string_equal(out, first);
  assert_int_equal(run("generate" ON_TINY "--verbose False -m 12 -p 'Tell me\\na story' "
                       "--draft-model " TINY " --num-draft-tokens 2"),
                   0);
  assert_string_equal(out, first);
}

static void generate_takes_every_option(void **state) {
  (void)state;
  static const char *const words[] = {
      "--temp 0.7 --top-p 0.9 --min-p 0.05 --top-k 40 --min-tokens-to-keep 2 --seed "
      "18446744073709551615",
      "--temp 1 --xtc-probability 0.5 --xtc-threshold 0.1",
      "--system-prompt 'You are kind.' --prefill-response 'Once upon'",
      "--ignore-chat-template",
      "--use-default-chat-template --chat-template-config '{\"x\": 1}' --trust-remote-code",
      "--extra-eos-token '<|eot_id|>' 5 --max-kv-size 32",
      "--kv-bits 8 --kv-group-size 32 --quantized-kv-start 0",
      "-m 0",
      "-p ''",
  };
  char line[1024];
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    snprintf(line, sizeof line, "generate" ON_TINY "-m 6 %s", words[i]);
    if (run(line)) fail_msg("%s: %s", words[i], err);
    assert_string_equal(err, "");
    assert_shows("==========");
  }
}

static void upstreams_program_names_are_answered_to(void **state) {
  (void)state;
  char folder[] = "/tmp/cli-names.XXXXXX", line[512];
  assert_non_null(mkdtemp(folder));
  snprintf(line, sizeof line,
           "ln -s %s %s/mlx_lm.generate && %s/mlx_lm.generate" ON_TINY
           "-m 3 > /dev/null; status=$?; rm -r %s; exit $status",
           MLX_LM_PROGRAM, folder, folder, folder);
  assert_int_equal(system(line), 0);
}

static void benchmark_prints_the_references_lines(void **state) {
  (void)state;
  static const char *const sizes[] = {"1", "3"};
  char line[256];
  for (int i = 0; i < 2; i++) {
    snprintf(line, sizeof line, "benchmark" ON_TINY "-p 9 -g 4 -n 2 -b %s --pipeline", sizes[i]);
    assert_int_equal(run(line), 0);
    snprintf(line, sizeof line,
             "Running warmup..\nTiming with prompt_tokens=9, generation_tokens=4, batch_size=%s.\n"
             "Trial 1:  prompt_tps=",
             sizes[i]);
    assert_int_equal(strncmp(out, line, strlen(line)), 0);
    double a, b, c;
    const char *averages = strstr(out, "\nAverages: ");
    assert_non_null(averages);
    assert_int_equal(sscanf(averages,
                            "\nAverages: prompt_tps=%lf, generation_tps=%lf, peak_memory=%lf\n", &a,
                            &b, &c),
                     3);
    assert_non_null(strstr(out, "\nTrial 2:  "));
    assert_string_equal(err, "");
  }
}

static void tokenize_answers_line_by_line(void **state) {
  (void)state;
  assert_int_equal(run("tokenize" ON_TINY "<<'END'\n\"a b\"\n\n[2040, 64]\n"
                       "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}], "
                       "\"add_generation_prompt\": true}\n"
                       "END"),
                   0);
  assert_int_equal(out[0], '[');
  assert_shows("]\n\"<|begin_of_text|>");
  assert_shows("hi");
  check_refused("tokenize" ON_TINY "<<'END'\n[-1]\nEND", 1, "token id");
  check_refused("tokenize" ON_TINY "<<'END'\n{\"messages\": [{\"role\": 7}]\nEND", 1,
                "not valid JSON");
}

static void logits_go_into_a_file(void **state) {
  (void)state;
  char path[] = "/tmp/cli-logits.XXXXXX.safetensors", line[256];
  close(mkstemps(path, 12));
  snprintf(line, sizeof line, "logits --model " LLAMA "gqa --prompt-tokens 1,2,3,95 --output %s",
           path);
  assert_int_equal(run(line), 0);
  mx_array_map *map = mx_array_map_new();
  assert_int_equal(mx_load_safetensors(path, map, NULL), 0);
  mx logits = mx_array_map_get(map, "logits");
  assert_int_equal(mx_ndim(logits), 3);
  assert_true(mx_dim(logits, 0) == 1 && mx_dim(logits, 1) == 4 && mx_dim(logits, 2) == 96);
  assert_int_equal(mx_dtype_of(logits), MX_FLOAT32);
  mx_array_map_free(map);
  unlink(path);
}

static void chat_goes_on_until_q(void **state) {
  (void)state;
  assert_int_equal(
      run("chat" ON_TINY "--pipeline -m 5 --seed 1 <<'END'\nhi\nh\nr\nhello\nq\nno\nEND"), 0);
  assert_shows("[INFO] Starting chat session with " TINY ".\nThe command list:\n- 'q' to exit\n"
               "- 'r' to reset the chat\n- 'h' to display these commands\n>> ");
  int prompts = 0;
  for (const char *p = out; (p = strstr(p, ">> ")); p++) prompts++;
  assert_int_equal(prompts, 5);
  assert_string_equal(err, "");
  assert_int_equal(run("chat" ON_TINY "< /dev/null"), 0);
}

static void convert_writes_what_can_be_loaded(void **state) {
  (void)state;
  char folder[] = "/tmp/cli-convert.XXXXXX", line[512];
  assert_non_null(mkdtemp(folder));
  snprintf(line, sizeof line, "convert" ON_TINY "--mlx-path %s/open -d --dtype float32", folder);
  assert_int_equal(run(line), 0);
  snprintf(line, sizeof line,
           "convert --hf-path %s/open --mlx-path %s/packed -q --q-bits 6 "
           "--q-group-size 32",
           folder, folder);
  assert_int_equal(run(line), 0);
  assert_shows("[INFO] Quantized model with 8.0");
  snprintf(line, sizeof line, "generate --model %s/packed -m 4", folder);
  assert_int_equal(run(line), 0);
  snprintf(line, sizeof line, "rm -r %s", folder);
  assert_int_equal(system(line), 0);
}

static void adapters_change_the_answer(void **state) {
  (void)state;
  check_refused("generate" ON_TINY "--adapter-path /nonexistent", 1, "/nonexistent");
  check_refused("generate" ON_TINY "--adapter-path " ADAPTERS "lora", 1, "adapters.safetensors");
  check_refused("chat" ON_TINY "--adapter-path " TINY " < /dev/null", 1, "adapter_config.json");
}

static const struct {
  const char *words, *about;
  int status;
} wrong[] = {
    {"nosuch", "nosuch", 2},
    {"generate", "--model", 2},
    {"chat", "--model", 2},
    {"benchmark", "--model", 2},
    {"convert", "--hf-path", 2},
    {"logits", "--model", 2},
    {"tokenize", "--model", 2},
    {"generate" ON_TINY "--nosuch", "--nosuch", 2},
    {"generate" ON_TINY "-p", "-p", 2},
    {"generate" ON_TINY "word", "word", 2},
    {"generate" ON_TINY "-m x", "--max-tokens", 2},
    {"generate" ON_TINY "-m 99999999999", "--max-tokens", 2},
    {"generate" ON_TINY "--temp x", "--temp", 2},
    {"generate" ON_TINY "--seed -1", "--seed", 2},
    {"generate" ON_TINY "--max-kv-size -1", "--max-kv-size", 2},
    {"generate" ON_TINY "--num-draft-tokens -1", "--num-draft-tokens", 2},
    {"generate" ON_TINY "--draft-model " TINY " --prompt-cache-file x", "--draft-model", 2},
    {"generate" ON_TINY "--temp nan", "`temp`", 1},
    {"generate" ON_TINY "--temp inf", "`temp`", 1},
    {"generate" ON_TINY "--temp -1", "`temp`", 1},
    {"generate" ON_TINY "--top-p 1.5", "`top_p`", 1},
    {"generate" ON_TINY "--top-p nan", "`top_p`", 1},
    {"generate" ON_TINY "--min-p -0.1", "`min_p`", 1},
    {"generate" ON_TINY "--top-k 2048", "`top_k`", 1},
    {"generate" ON_TINY "--top-k -1", "`top_k`", 1},
    {"generate" ON_TINY "--min-tokens-to-keep 0", "`min_tokens_to_keep`", 1},
    {"generate" ON_TINY "--xtc-probability 2", "`probability`", 1},
    {"generate" ON_TINY "--xtc-threshold 0.7", "`threshold`", 1},
    {"generate" ON_TINY "--kv-bits 7", "`kv_bits`", 1},
    {"generate" ON_TINY "--kv-bits 4 --kv-group-size 5", "`kv_group_size`", 1},
    {"generate" ON_TINY "--kv-bits 4 --max-kv-size 50", "`max_kv_size`", 1},
    {"generate" ON_TINY "--max-kv-size 4", "`max_kv_size`", 1},
    {"generate" ON_TINY "--num-draft-tokens 5000 --draft-model " TINY, "`num_draft_tokens`", 1},
    {"generate" ON_TINY "--draft-model " LLAMA "gqa", "tokenizer.json", 1},
    {"generate" ON_TINY "--draft-model /nonexistent", "/nonexistent", 1},
    {"generate" ON_TINY "--extra-eos-token nosuchtoken", "nosuchtoken", 1},
    {"generate" ON_TINY "--chat-template-config '{'", "--chat-template-config", 1},
    {"generate" ON_TINY "--chat-template-config '{\"messages\": 3}'", "messages", 1},
    {"generate" ON_TINY "--prompt \"$(printf 'a\\377')\"", "UTF-8", 1},
    {"generate" ON_TINY "--system-prompt \"$(printf 'a\\377')\"", "UTF-8", 1},
    {"generate" ON_TINY "--ignore-chat-template --prompt \"$(printf 'a\\377')\"", "UTF-8", 1},
    {"generate" ON_TINY "--prompt - < /", "standard input", 1},
    {"generate" ON_TINY "--prompt - < " TINY "/model.safetensors", "NUL", 1},
    {"generate" ON_TINY "--prompt-cache-file /nonexistent", "/nonexistent", 1},
    {"generate" ON_TINY "--prompt-cache-file " TINY "/model.safetensors",
     "not a saved prompt cache", 1},
    {"generate" ON_TINY "--prompt-cache-file " TINY "/config.json", "config.json", 1},
    {"generate --model /nonexistent", "/nonexistent/config.json", 1},
    {"generate --model " LLAMA "gqa", "tokenizer.json", 1},
    {"generate --model " TINY "/config.json", "config.json", 1},
    {"benchmark" ON_TINY "-b 0", "at least 1", 2},
    {"benchmark" ON_TINY "-p 0", "at least 1", 2},
    {"benchmark" ON_TINY "-n 0", "at least 1", 2},
    {"logits" ON_TINY "--prompt-tokens 1,x --output /tmp/no.safetensors", "--prompt-tokens", 2},
    {"logits" ON_TINY "--prompt-tokens '' --output /tmp/no.safetensors", "--prompt-tokens", 2},
    {"logits" ON_TINY "--prompt-tokens 99999999999999999999 --output /tmp/no.safetensors",
     "--prompt-tokens", 2},
    {"logits" ON_TINY "--prompt-tokens 1 --output /tmp/no", ".safetensors", 2},
    {"logits" ON_TINY "--prompt-tokens 2048 --output /tmp/no.safetensors", "2048", 1},
    {"logits" ON_TINY "--prompt-tokens -1 --output /tmp/no.safetensors", "-1", 1},
    {"logits" ON_TINY "--prompt-tokens 1 --output /nonexistent/no.safetensors", "/nonexistent", 1},
    {"convert" ON_TINY "--q-mode nosuch", "--q-mode", 2},
    {"convert" ON_TINY "--dtype int8", "--dtype", 2},
    {"convert" ON_TINY "--quant-predicate nosuch", "--quant-predicate", 2},
    {"convert" ON_TINY "--mlx-path " TINY, "already exists", 1},
    {"convert" ON_TINY "--mlx-path /nonexistent/x", "/nonexistent", 1},
    {"convert" ON_TINY "--mlx-path /tmp/no -q -d", "not both", 1},
    {"convert" ON_TINY "--mlx-path /tmp/no -q --q-bits 7", "bits 7", 1},
    {"convert" ON_TINY "--mlx-path /tmp/no -q --q-group-size 5", "group size 5", 1},
    {"convert" ON_TINY "--mlx-path /tmp/no --upload-repo a/b", "--upload-repo", 1},
};

static void wrong_options_are_refused_in_one_line(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    check_refused(wrong[i].words, wrong[i].status, wrong[i].about);
  assert_int_equal(access("/tmp/no", F_OK), -1);
  assert_int_equal(access("/tmp/no.safetensors", F_OK), -1);
}

static void output_that_does_not_go_out_is_a_failure(void **state) {
  (void)state;
  char line[256];
  snprintf(line, sizeof line, "%s generate" ON_TINY "-m 3 > /dev/full 2> /dev/null",
           MLX_LM_PROGRAM);
  assert_int_equal(WEXITSTATUS(system(line)), 1);
}

static void help_lists_the_references_options(void **state) {
  (void)state;
  static const struct {
    const char *command, *options;
  } wanted[] = {
      {"generate",
       "model trust-remote-code adapter-path extra-eos-token system-prompt prompt prefill-response "
       "max-tokens temp top-p min-p top-k xtc-probability xtc-threshold min-tokens-to-keep seed "
       "ignore-chat-template use-default-chat-template chat-template-config verbose max-kv-size "
       "prompt-cache-file kv-bits kv-group-size quantized-kv-start draft-model num-draft-tokens"},
      {"chat", "model trust-remote-code adapter-path temp top-p xtc-probability xtc-threshold seed "
               "max-kv-size max-tokens system-prompt pipeline"},
      {"convert",
       "hf-path model mlx-path quantize q-group-size q-bits q-mode quant-predicate dtype "
       "upload-repo dequantize trust-remote-code"},
      {"benchmark", "model prompt-tokens generation-tokens batch-size num-trials pipeline"},
  };
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    char line[64], *options = strdup(wanted[i].options);
    snprintf(line, sizeof line, "%s --help", wanted[i].command);
    assert_int_equal(run(line), 0);
    for (char *rest = options, *name; (name = strsep(&rest, " "));) {
      snprintf(line, sizeof line, "\n  --%s", name);
      assert_shows(line);
    }
    free(options);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      scoped_test(generate_prints_text_and_statistics),
      scoped_test(the_prompt_comes_as_an_option_or_from_standard_input),
      scoped_test(generate_takes_every_option),
      scoped_test(upstreams_program_names_are_answered_to),
      scoped_test(benchmark_prints_the_references_lines),
      scoped_test(tokenize_answers_line_by_line),
      scoped_test(logits_go_into_a_file),
      scoped_test(chat_goes_on_until_q),
      scoped_test(convert_writes_what_can_be_loaded),
      scoped_test(adapters_change_the_answer),
      scoped_test(wrong_options_are_refused_in_one_line),
      scoped_test(output_that_does_not_go_out_is_a_failure),
      scoped_test(help_lists_the_references_options),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
