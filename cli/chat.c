/* `mlx_lm chat`: a conversation on the terminal. The cache keeps what was said, so each turn
 * processes only what is new. Ctrl-C stops the answer, and not the program. */
#include "commands.h"
#include "options.h"
#include "prompt.h"
#include "session.h"

#include <histedit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  const char *model, *adapter_path, *system_prompt;
  int max_kv_size, max_tokens;
  mlx_lm_sampler sampler;
  bool trust_remote_code, pipeline;
  cli_seed seed;
} values;

#define AT(field) offsetof(values, field)

static const cli_option options[] = {
    CLI_SHARED_OPTIONS(values),
    {"pipeline", 0, CLI_FLAG, AT(pipeline), NULL,
     "split the model between machines by layers; no effect on one", NULL},
};

static const cli_command command = {"chat", "Chats with a language model.", options,
                                    sizeof options / sizeof *options};

typedef struct {
  const values *v;
  cli_session *session;
  mlx_lm_prompt_cache *cache;
  mlx_lm_generate_args args;
  bool first; /* nothing was said since the start or the last reset */
} conversation;

static volatile sig_atomic_t interrupted;

static void interrupt(int signal) {
  (void)signal;
  interrupted = 1;
}

static void print_commands(void) {
  puts(
      "The command list:\n- 'q' to exit\n- 'r' to reset the chat\n- 'h' to display these commands");
}

/* The prompt's ids for one question; the system message opens the conversation only. */
static int32_t *encode(const conversation *c, const char *question, size_t *count) {
  const mlx_lm_tokenizer *t = c->session->tokenizer;
  const char *source = mlx_lm_tokenizer_chat_template(t, NULL);
  if (!source) source = mlx_lm_default_chat_template();
  cli_prompt p = {.system = c->first ? c->v->system_prompt : NULL, .question = question};
  char *text = cli_render(t, source, &p);
  int32_t *ids = text ? mlx_lm_tokenizer_encode(t, text, strlen(text), false, count) : NULL;
  free(text);
  return ids;
}

/* Prints the answer as it comes; false after mx_fail. */
static bool answer(conversation *c, const char *question) {
  size_t count;
  int32_t *ids = encode(c, question, &count);
  mlx_lm_generation *g = NULL;
  if (ids)
    g = mlx_lm_stream_generate(c->session->model, c->session->tokenizer, ids, (int)count, &c->args);
  mlx_lm_response r = {0};
  interrupted = 0;
  while (g && !interrupted && !r.finish_reason && mlx_lm_generation_next(g, &r)) {
    fputs(r.text, stdout);
    fflush(stdout);
  }
  putchar('\n');
  mlx_lm_generation_free(g);
  free(ids);
  c->first = false;
  return g && (r.finish_reason || interrupted);
}

static void reset(conversation *c) {
  mlx_lm_prompt_cache_free(c->cache);
  c->cache = c->args.prompt_cache = mlx_lm_make_prompt_cache(c->session->model, c->v->max_kv_size);
  c->first = true;
}

/* ---- Lines: edited on a terminal, plain from a pipe ---- */

typedef struct {
  EditLine *editor;
  History *history;
  char *plain;
  size_t room;
} line_reader;

static char *prompt_text(EditLine *editor) {
  (void)editor;
  static char text[] = ">> ";
  return text;
}

static void open_lines(line_reader *l) {
  *l = (line_reader){0};
  if (!isatty(STDIN_FILENO)) return;
  HistEvent event;
  l->editor = el_init("mlx_lm", stdin, stdout, stderr);
  l->history = history_init();
  history(l->history, &event, H_SETSIZE, 500);
  el_set(l->editor, EL_PROMPT, prompt_text);
  el_set(l->editor, EL_EDITOR, "emacs");
  el_set(l->editor, EL_HIST, history, l->history);
  el_set(l->editor, EL_SIGNAL, 0);
}

/* The next line without its end; NULL when there is none. */
static char *next_line(line_reader *l) {
  ssize_t length;
  if (l->editor) {
    int count;
    HistEvent event;
    const char *line;
    do {
      interrupted = 0;
      line = el_gets(l->editor, &count);
      if (interrupted) putchar('\n'); /* Ctrl-C drops the line */
    } while (interrupted);
    if (!line || count < 1) return NULL;
    if (count > 1) history(l->history, &event, H_ENTER, line);
    free(l->plain);
    l->plain = strdup(line);
    length = count;
  } else {
    fputs(">> ", stdout);
    fflush(stdout);
    length = getline(&l->plain, &l->room, stdin);
    if (length < 0) return NULL;
  }
  if (length && l->plain[length - 1] == '\n') l->plain[length - 1] = 0;
  return l->plain;
}

static void close_lines(line_reader *l) {
  if (l->editor) el_end(l->editor);
  if (l->history) history_end(l->history);
  free(l->plain);
}

static int talk(conversation *c) {
  line_reader lines;
  int status = 0;
  open_lines(&lines);
  for (char *line; !status && (line = next_line(&lines)) && strcmp(line, "q");) {
    if (!strcmp(line, "r"))
      reset(c);
    else if (!strcmp(line, "h"))
      print_commands();
    else if (*line && !answer(c, line))
      status = cli_fail(command.name);
  }
  close_lines(&lines);
  return status;
}

static int run(const values *v, cli_session *s) {
  conversation c = {.v = v, .session = s, .args = MLX_LM_GENERATE_DEFAULTS};
  c.args.max_tokens = v->max_tokens;
  c.args.sampler = v->sampler;
  int32_t *kept = cli_xtc_tokens(s->tokenizer, &c.args.sampler);
  struct sigaction action = {.sa_handler = interrupt}, before;
  sigaction(SIGINT, &action, &before);
  reset(&c);
  printf("[INFO] Starting chat session with %s.\n", v->model);
  print_commands();
  int status = talk(&c);
  sigaction(SIGINT, &before, NULL);
  mlx_lm_prompt_cache_free(c.cache);
  free(kept);
  return status;
}

int mlx_lm_cmd_chat(int argc, char **argv) {
  values v = {.sampler = {.min_tokens_to_keep = 1, .top_p = 1}, .max_tokens = 256};
  int status = cli_parse(&command, argc, argv, &v);
  if (status != CLI_GO) return status;
  if (v.seed.given) mx_random_seed(v.seed.value);
  cli_session s;
  status = cli_open(&s, command.name, v.model, v.adapter_path);
  if (!status) status = run(&v, &s);
  cli_close(&s);
  return status;
}
